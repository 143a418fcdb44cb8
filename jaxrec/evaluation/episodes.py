"""Measures a policy in an environment: whole episodes in every evaluation mode (M 4.1), in one jitted call.

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

from jaxrec.base import finite, ranges
from jaxrec.base.contracts import Algorithm, Array, Environment, Evaluator, Measured, Params, Policy
from jaxrec.base.episode_keys import EpisodeKey
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation, Steps
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.base.unit_vectors import unit_vectors
from jaxrec.environments import modes as mode_names
from jaxrec.environments import rollout
from jaxrec.environments.modes import Mode
from jaxrec.evaluation import easyrl4rec_metrics, episode_metrics
from jaxrec.evaluation.episode_metrics import Catalogue, Mean

__all__ = ["Catalogue", "defaults", "make", "player"]


@struct.dataclass
class Sums:
    """Sums over the episodes of one mode.

    Attributes:
      reward, length: the sums of all rewards and of all turns; divided by the number of episodes, R_cumu and Length.
      recommended: bool [A], items that any episode recommends. diversity, novelty: see `episode_metrics`. All three are
        None without a catalogue.
      easyrl4rec: the diversity and novelty of `easyrl4rec_metrics`; None where the catalogue says nothing of them.
      broken: bool [], whether the policy ever gave logits or actions that are not finite numbers.
      histograms: diagnostic -> int32 [max_turn + 1], how often the policy had each of its values.
    """

    reward: Array
    length: Array
    recommended: Array | None
    diversity: Mean | None
    novelty: Mean | None
    broken: Array
    histograms: Mapping[str, Array]
    easyrl4rec: tuple[Mean, Mean] | None = None


DRAWS = True  # the users, and their feedback where it is random

RANGES = {
    "modes": ranges.list_of(
        ranges.Range("a mode", mode_names.is_name),
        "a list of one or more modes: FB, NX_0 or NX_k, k being the steps (NX_10)",
    ),
    "num_envs": ranges.COUNT,
    "num_episodes": ranges.COUNT,
    "selection": ranges.choice(*rollout.SELECTIONS),
    "forbid_start": ranges.SWITCH,
}


def defaults() -> ConfigDict:
    """Returns the options of an `evaluate` stage by episodes."""
    return ConfigDict(
        {
            "modes": ("FB", "NX_0", "NX_10"),  # see `environments.modes`
            "num_envs": 100,  # users played at once: memory and speed; the numbers do not depend on it
            "num_episodes": 100,  # of each mode and seed
            "selection": "greedy",  # greedy or sample, for policies over items that do not say themselves
            "forbid_start": False,  # True: modes without repeats forbid the starting item after the first turn too
        }
    )


def make(config: ConfigDict, spec: EnvironmentSpec) -> Evaluator:
    """Makes the evaluator that plays policies in `spec.environment`.

    Its data are (the environment's params, a `Catalogue`, which is None where actions are no items).

    Raises:
      JaxrecError: a mode that the environment cannot be in.
    """
    modes = [mode_names.parse(name) for name in config.modes]
    for mode in modes:
        mode_names.check_catalogue(mode, spec, config.forbid_start)

    def check(algorithm: Algorithm, name: str) -> None:
        if algorithm.policy is None:
            raise JaxrecError(f"{name!r} is no policy, so it plays no episodes")
        for mode in modes:
            mode_names.check_turns(algorithm.policy, name, mode.max_steps or spec.max_turn)

    def measure(algorithm: Algorithm) -> Callable[[Params, Any, Array], Measured]:
        options = {leaf: config[leaf] for leaf in ("modes", "num_envs", "num_episodes", "selection", "forbid_start")}
        play = player(spec.environment, algorithm.policy, **options)
        return lambda params, data, key: Measured(play(params, *data, key), {})

    return Evaluator(check, measure, DRAWS)


def player(
    env: Environment,
    policy: Policy,
    *,
    modes: Sequence[str] = ("FB", "NX_0", "NX_10"),
    num_envs: int = 100,
    num_episodes: int = 100,
    selection: str = "greedy",
    forbid_start: bool = False,
) -> Callable[[Params, Any, Catalogue | None, Array], dict[str, Array]]:
    """Makes the jitted `play(params, env_params, catalogue, key) -> results`.

    `results` has "FB/R_cumu", a scalar, and "FB/histogram/<diagnostic>", int32 [max_turn + 1], for every mode and
    metric. Without a catalogue coverage, diversity and novelty are left out. `play` may be vmapped over params and key
    (seeds).

    An episode has random draws of its own, so results do not depend on `num_envs`, but for the order in which float32
    numbers are added. Metrics of a mode are NaN where the policy gave logits or actions that are not finite numbers.

    Args:
      modes: names of `environments.modes`; all modes start with the same users.
      num_envs: users played at once; the episodes of a mode are played in as many rounds as that takes.
      num_episodes: of each mode.
      selection: "greedy" or "sample" (see `rollout`), for a policy whose own `selection` is ''.
      forbid_start: whether the starting item is forbidden too where repeats are (see `rollout`), as in EasyRL4Rec.

    Raises:
      JaxrecError: no episode, or a mode that the environment cannot be in.
    """
    if num_envs < 1 or num_episodes < 1:
        raise JaxrecError(f"evaluation of {num_episodes} episodes on {num_envs} environments; set both to 1 or more")
    parsed = [mode_names.parse(name) for name in modes]
    chosen = {"selection": policy.selection or selection, "forbid_start": forbid_start}
    num_envs, policy = min(num_envs, num_episodes), _watched(policy, env)
    for mode in parsed:
        mode_names.apply(mode, env, env.default_params, forbid_start)

    @jax.jit
    def play(params: Params, env_params: Any, catalogue: Catalogue | None, key: Array) -> dict[str, Array]:
        items = None if catalogue is None else _units_and_information(catalogue)
        longest_params, switches = _switches(parsed, env, env_params)
        size = mode_names.max_steps(env, longest_params) + 1

        # Vmapped, not unrolled: the policy is compiled once for all modes, and that is most of an evaluation's time.
        @jax.vmap
        def sums_in_mode(switch: Switch) -> Sums:
            mode_params = longest_params
            if switch.exits is not None:
                mode_params = mode_params.replace(exits=mode_params.exits & switch.exits)

            def play_round(first: Array) -> Sums:
                steps = _round(env, mode_params, policy, params, key, first, switch, num_envs, num_episodes, **chosen)
                return _sums(steps, items, size)

            return _over_rounds(play_round, range(0, num_episodes, num_envs))

        sums = sums_in_mode(switches)
        results = {}
        for index, mode in enumerate(parsed):
            metrics = _metrics(jax.tree.map(lambda x, i=index: x[i], sums), num_episodes)
            results |= {f"{mode.name}/{name}": value for name, value in metrics.items()}
        return results

    return play


@struct.dataclass
class Switch:
    """An evaluation mode as arrays instead of Python values, so that all modes are played by one vmapped program.

    Attributes:
      exits: bool, whether users may leave; None where the environment has no switch for it.
      no_repeats: bool, whether repeats are forbidden; None where no mode of the evaluation forbids them.
      limit: int32, turns after which an episode is cut off.
    """

    exits: Array | None
    no_repeats: Array | None
    limit: Array


def _switches(modes: Sequence[Mode], env: Environment, env_params: Any) -> tuple[Any, Switch]:
    """Returns the environment's params with the longest limit of all modes, and the modes stacked, [M] each."""
    own_limit = mode_names.max_steps(env, env_params)
    limits = [mode.max_steps or own_limit for mode in modes]
    longest_params = mode_names.with_limit(env_params, max(limits))
    exits = jnp.array([mode.exits for mode in modes]) if env.has_exit_switch else None
    forbidden = [mode.no_repeats for mode in modes]
    no_repeats = jnp.array(forbidden) if any(forbidden) else None
    return longest_params, Switch(exits, no_repeats, jnp.array(limits, jnp.int32))


def _over_rounds(play_round: Callable[[Array], Sums], first: range) -> Sums:
    """Adds up the rounds that begin with the episodes `first`."""
    if len(first) == 1:
        return play_round(jnp.int32(0))
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(play_round, jnp.int32(0)))
    return jax.lax.scan(lambda sums, i: (_add(sums, play_round(i)), None), zeros, jnp.asarray(first, jnp.int32))[0]


def _units_and_information(catalogue: Catalogue) -> tuple[Array, Array, Any]:
    """Returns the items' unit vectors [A, F], their self-information [A] in bits, and `catalogue.easyrl4rec`."""
    information = episode_metrics.self_information(catalogue.popularity)
    return unit_vectors(catalogue.vectors), information, catalogue.easyrl4rec


def _round(
    env: Environment,
    env_params: Any,
    policy: Policy,
    params: Params,
    key: Array,
    first: Array,
    switch: Switch,
    num_envs: int,
    num_episodes: int,
    *,
    selection: str,
    forbid_start: bool,
) -> Steps:
    """Plays the episodes `first` to `first + num_envs`; the steps of those from `num_episodes` on are masked."""
    episode = first + jnp.arange(num_envs)
    index = None if num_envs == num_episodes else jnp.minimum(episode, num_episodes - 1)
    # Folded as for a round that begins with episode 0: every round takes its episodes' part of the same draws.
    key_start, key_play = (EpisodeKey(k, num_episodes, index) for k in jax.random.split(jax.random.fold_in(key, 0)))
    state = rollout.start(
        env, env_params, policy, params, key_start, num_envs, no_repeats=switch.no_repeats is not None
    )
    state = state.replace(alive=episode < num_episodes)
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
        forbid_start=forbid_start,
        limit=switch.limit,
        record=policy.diagnostics,
    )
    return steps


@struct.dataclass
class _WatchedCarry:
    """The carry of a policy, and bool [B], whether what it gave last is all finite numbers."""

    policy: Any
    finite: Array


def _watched(policy: Policy, env: Environment) -> Policy:
    """Makes the policy that acts as `policy` does, and says in its diagnostics whether it gave finite numbers."""

    def init(params: Params, num_users: int) -> _WatchedCarry:
        return _WatchedCarry(policy.init(params, num_users), jnp.ones(num_users, bool))

    def act(params: Params, carry: _WatchedCarry, observation: Observation, key: EpisodeKey) -> tuple[Any, Array]:
        inner, output = policy.act(params, carry.policy, observation, key)
        is_finite = finite.rankable(output) if env.has_item_actions else jnp.isfinite(output).all(-1)
        return _WatchedCarry(inner, is_finite), output

    def diagnostics(carry: _WatchedCarry) -> tuple[Mapping[str, Array], Array]:
        return {} if policy.diagnostics is None else policy.diagnostics(carry.policy), carry.finite

    return Policy(init, act, diagnostics)


def _sums(steps: Steps, items: tuple[Array, Array, Any] | None, size: int) -> Sums:
    """Sums up steps [T, B]; `items` are those of `_units_and_information`, `size` that of a histogram."""
    diagnostics, are_finite = steps.carry
    broken = jnp.any(steps.mask & ~are_finite)
    histograms = {name: episode_metrics.histogram(values, steps.mask, size) for name, values in diagnostics.items()}
    reward, length = jnp.sum(steps.reward), jnp.sum(steps.mask)
    if items is None:
        return Sums(reward, length, None, None, None, broken, histograms)
    units, information, published = items
    counts = episode_metrics.recommendations(steps.action, steps.mask, units.shape[0])
    diversity, novelty = episode_metrics.diversity(units, counts), episode_metrics.novelty(information, counts)
    named = None
    if published is not None:
        episodes = (published, steps.action, steps.mask)
        named = easyrl4rec_metrics.diversity(*episodes), easyrl4rec_metrics.novelty(*episodes)
    return Sums(reward, length, jnp.any(counts > 0, 0), diversity, novelty, broken, histograms, named)


def _add(a: Sums, b: Sums) -> Sums:
    return jax.tree.map(lambda x, y: x | y if x.dtype == bool else x + y, a, b)


def _metrics(sums: Sums, num_episodes: int) -> dict[str, Array]:
    """Returns the metrics of one mode by the names of `episode_metrics` (M 4.1), and its histograms."""
    length = sums.length.astype(jnp.float32)
    metrics = {
        "R_cumu": sums.reward / num_episodes,
        "R_avg": Mean(sums.reward, length).value(),
        "Length": length / num_episodes,
    }
    if sums.recommended is not None:
        metrics["coverage"] = jnp.mean(sums.recommended.astype(jnp.float32))
        metrics["diversity"] = sums.diversity.value()
        metrics["novelty"] = sums.novelty.value()
    if sums.easyrl4rec is not None:
        turnwise = jnp.sum(sums.recommended) / jnp.maximum(length, 1)
        values = (turnwise, *(mean.value() for mean in sums.easyrl4rec))
        metrics |= dict(zip(easyrl4rec_metrics.NAMES, values, strict=True))
    metrics = {name: jnp.where(sums.broken, jnp.nan, value) for name, value in metrics.items()}
    return metrics | {f"histogram/{name}": counts for name, counts in sums.histograms.items()}
