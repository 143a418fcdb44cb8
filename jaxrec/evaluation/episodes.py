"""A policy measured in an environment: whole episodes in every mode, metrics and histograms, one jitted call.

play = player(env, policy, modes=("FB", "NX_0", "NX_10"), num_envs=100, num_episodes=100)
play(params, env_params, catalogue, key)["FB/R_cumu"]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.base.contracts import Algorithm, Array, Evaluator, Measured, Params, Policy
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Steps
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.base.unit_vectors import unit_vectors
from jaxrec.environments import modes as mode_names
from jaxrec.environments import rollout
from jaxrec.environments.modes import Mode
from jaxrec.evaluation import episode_metrics
from jaxrec.evaluation.episode_metrics import Catalogue, Mean

__all__ = ["Catalogue", "defaults", "make", "player"]


@struct.dataclass
class Sums:
    """What the rounds of one mode add up to; the catalogue's metrics are None where there is none."""

    reward: Array  # over all steps
    length: Array
    recommended: Array | None  # bool [A]
    diversity: Mean | None
    novelty: Mean | None
    histograms: Mapping[str, Array]  # int32 [max_turn + 1] each


DRAWS = True  # users, and what they do


def defaults() -> ConfigDict:
    """What an `evaluate` stage by episodes may set."""
    return ConfigDict(
        {
            "modes": ("FB", "NX_0", "NX_10"),  # see `environments.modes`
            "num_envs": 100,  # users at once
            "num_episodes": 100,  # per mode and seed
            "selection": "greedy",  # greedy or sample, for policies over items
        }
    )


def make(config: ConfigDict, spec: EnvironmentSpec) -> Evaluator:
    """Plays policies in `spec.environment`; data are its params and the `Catalogue` (None: actions are no items).

    Raises:
      JaxrecError: a mode that the environment cannot be in.
    """
    for mode in map(mode_names.parse, config.modes):
        mode_names.check(mode, spec)

    def check(algorithm: Algorithm, name: str) -> None:
        if algorithm.policy is None:
            raise JaxrecError(f"{name!r} is no policy, so it plays no episodes")

    def measure(algorithm: Algorithm) -> Callable[[Params, Any, Array], Measured]:
        options = {leaf: config[leaf] for leaf in ("modes", "num_envs", "num_episodes", "selection")}
        play = player(spec.environment, algorithm.policy, **options)
        return lambda params, data, key: Measured(play(params, *data, key), {})

    return Evaluator(check, measure, DRAWS)


def player(
    env: Any,
    policy: Policy,
    *,
    modes: Sequence[str] = ("FB", "NX_0", "NX_10"),
    num_envs: int = 100,
    num_episodes: int = 100,
    selection: str = "greedy",
) -> Callable[[Params, Any, Catalogue | None, Array], dict[str, Array]]:
    """play(params, env_params, catalogue, key) -> {"FB/R_cumu": [], "FB/histogram/<name>": int32 [max_turn + 1]}.

    Args:
      modes: FB, NX_0 or NX_k each; all start with the same users.
      num_envs: users played at once; `num_episodes` per mode are played in as many rounds as that takes.
      selection: "greedy" or "sample" (see `rollout`).

    `play` is jitted and may be vmapped over params and key (seeds). Without a catalogue, coverage, diversity and
    novelty are left out. Raises JaxrecError for a mode the environment cannot be in.
    """
    if num_envs < 1 or num_episodes < 1:
        raise JaxrecError(f"evaluation of {num_episodes} episodes on {num_envs} environments; set both to 1 or more")
    parsed = [mode_names.parse(name) for name in modes]
    for mode in parsed:
        mode_names.apply(mode, env, env.default_params)

    @jax.jit
    def play(params: Params, env_params: Any, catalogue: Catalogue | None, key: Array) -> dict[str, Array]:
        facts = None if catalogue is None else _facts(catalogue)
        longest, switches = _switches(parsed, env, env_params)
        size = mode_names.max_steps(env, longest) + 1

        # Vmapped, not unrolled: the policy is compiled once for all modes, and that is most of an evaluation's time.
        @jax.vmap
        def in_mode(switch: Switch) -> Sums:
            changed = longest if switch.exits is None else longest.replace(exits=longest.exits & switch.exits)

            def play_round(first: Array) -> Sums:
                steps = _round(env, changed, policy, params, key, first, switch, num_envs, num_episodes, selection)
                return _sums(steps, facts, size)

            return _over_rounds(play_round, range(0, num_episodes, num_envs))

        sums = in_mode(switches)
        results = {}
        for index, mode in enumerate(parsed):
            one = _results(jax.tree.map(lambda x, i=index: x[i], sums), num_episodes)
            results |= {f"{mode.name}/{name}": value for name, value in one.items()}
        return results

    return play


@struct.dataclass
class Switch:
    """A mode as arrays: may users leave (None where the environment has no such switch), are repeats forbidden
    (None: in no mode of this evaluation), and after how many turns is an episode cut off."""

    exits: Array | None
    no_repeats: Array | None
    limit: Array


def _switches(modes: Sequence[Mode], env: Any, env_params: Any) -> tuple[Any, Switch]:
    """The environment's params with the longest limit of all modes, and the modes, stacked."""
    own = mode_names.max_steps(env, env_params)
    limits = [mode.max_steps or own for mode in modes]
    longest = mode_names.with_limit(env_params, max(limits))
    exits = jnp.array([mode.exits for mode in modes]) if hasattr(env_params, "exits") else None
    forbidden = [mode.no_repeats for mode in modes]
    no_repeats = jnp.array(forbidden) if any(forbidden) else None
    return longest, Switch(exits, no_repeats, jnp.array(limits, jnp.int32))


def _over_rounds(play: Callable[[Array], Sums], first: range) -> Sums:
    if len(first) == 1:
        return play(jnp.int32(0))
    nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(play, jnp.int32(0)))
    return jax.lax.scan(lambda sums, i: (_add(sums, play(i)), None), nothing, jnp.asarray(first, jnp.int32))[0]


def _facts(catalogue: Catalogue) -> tuple[Array, Array]:
    return unit_vectors(catalogue.vectors), episode_metrics.self_information(catalogue.popularity)


def _round(
    env, env_params, policy, params, key, first: Array, switch: Switch, num_envs: int, num_episodes: int, selection: str
) -> Steps:
    """Episodes `first` to `first + num_envs`, those beyond `num_episodes` masked."""
    key_start, key_play = jax.random.split(jax.random.fold_in(key, first))
    state = rollout.start(
        env, env_params, policy, params, key_start, num_envs, no_repeats=switch.no_repeats is not None
    )
    state = state.replace(alive=first + jnp.arange(num_envs) < num_episodes)
    _, steps = rollout.rollout(
        env,
        env_params,
        policy,
        params,
        state,
        key_play,
        num_steps=mode_names.max_steps(env, env_params),
        auto_reset=False,
        selection=selection,
        no_repeats=False if switch.no_repeats is None else switch.no_repeats,
        limit=switch.limit,
        record=policy.diagnostics,
    )
    return steps


def _sums(steps: Steps, facts: tuple[Array, Array] | None, size: int) -> Sums:
    counted = {} if steps.carry is None else steps.carry
    histograms = {name: episode_metrics.histogram(values, steps.mask, size) for name, values in counted.items()}
    reward, length = jnp.sum(steps.reward), jnp.sum(steps.mask)
    if facts is None:
        return Sums(reward, length, None, None, None, histograms)
    units, information = facts
    counts = episode_metrics.recommendations(steps.action, steps.mask, units.shape[0])
    diversity, novelty = episode_metrics.diversity(units, counts), episode_metrics.novelty(information, counts)
    return Sums(reward, length, jnp.any(counts > 0, 0), diversity, novelty, histograms)


def _add(a: Sums, b: Sums) -> Sums:
    return jax.tree.map(lambda x, y: x | y if x.dtype == bool else x + y, a, b)


def _results(sums: Sums, num_episodes: int) -> dict[str, Array]:
    length = sums.length.astype(jnp.float32)
    results = {
        "R_cumu": sums.reward / num_episodes,
        "R_avg": Mean(sums.reward, length).value(),
        "Length": length / num_episodes,
    }
    if sums.recommended is not None:
        results["coverage"] = jnp.mean(sums.recommended.astype(jnp.float32))
        results["diversity"] = sums.diversity.value()
        results["novelty"] = sums.novelty.value()
    return results | {f"histogram/{name}": counts for name, counts in sums.histograms.items()}
