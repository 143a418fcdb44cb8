"""What does an MDT4Rec action with the search over the history length cost (M Algorithm 1), beside simpler ways?

Width 128, 3 blocks, T 20, delta 2, full histories, 300 items; whole turns under one scan, as a rollout plays them, the
carry donated. Four ways take turns in the same run: the incremental search, the batched search, M Algorithm 1 as
printed (a forward pass for each candidate length, then one for the action), and a DT action, which encodes its window
anew.

    python -m benchmarks.history_search [--users 100] [--rounds 15] [--out FILE]
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time

import jax
import jax.numpy as jnp

from benchmarks.timing import report
from jaxrec.algorithms.decision_transformer import dt, mdt4rec, token_window
from jaxrec.algorithms.decision_transformer.history_search import (
    append_observation,
    candidate_lengths,
    looped_best_history,
)
from jaxrec.algorithms.decision_transformer.mdt4rec_network import RETURN
from jaxrec.algorithms.decision_transformer.mdt4rec_policy import draw_return
from jaxrec.base.records import Observation
from jaxrec.base.specs import TrajectoriesSpec

SPEC = TrajectoriesSpec(num_users=1, num_items=300, max_turn=30, reward_range=(1.0, 5.0), return_range=(0.0, 150.0))
FULL = 20  # the turn from which on every history is full
TURNS = 5  # of one timed call


def loop_act(config, network):
    """Makes MDT4Rec's `Policy.act` by M Algorithm 1 as printed."""
    lengths = candidate_lengths(config.context_length, config.delta)

    def act(params, carry, observation, key):
        model = network.bind({"params": params})
        steps = append_observation(model, carry.memory, observation.item, observation)
        history = looped_best_history(model, *token_window.flat_tokens(steps, 1), steps.length, lengths)
        token = model.tokens.returns(draw_return(model, history, key, config), observation.turn)
        steps = token_window.write(steps, RETURN, token)
        tokens, _ = token_window.flat_tokens(steps, 2)
        size = tokens.shape[1]
        begin = size - (3 * history.length - 1)
        visible = (jnp.arange(size)[None] >= begin[:, None])[:, None] & jnp.tri(size, dtype=bool)[None]
        return_output = model.backbone(tokens, visible)[:, -1]
        logits = model.predict_action(
            history.state, return_output, model.predict_reward(history.state, history.previous_action)
        )
        return carry.replace(memory=steps, length=history.length), logits

    return act


def observations(users: int, first: int, turns: int) -> Observation:
    """Draws observations [turns, users] from turn `first` on."""
    shape = (turns, users)
    turn = jnp.broadcast_to(first + jnp.arange(turns)[:, None], shape)
    item = jax.random.randint(jax.random.key(first), shape, 0, SPEC.num_items)
    feedback = jax.random.uniform(jax.random.key(first), shape) * 5 * (turn > 0)
    return Observation(jnp.zeros_like(item), item, feedback, turn, jnp.zeros((*shape, 0)))


class Played:
    """A policy whose histories are full; `run()` plays on and returns its seconds per turn.

    `outputs` [FULL, users, A] are those of the turns that filled the histories.
    """

    def __init__(self, act, policy, params, users: int):
        @functools.partial(jax.jit, donate_argnums=1)
        def turns(params, carry, observed):
            step = lambda carry, x: act(params, carry, x, jax.random.key(0))  # noqa: E731
            return jax.lax.scan(step, carry, observed)

        self.observed, carry = observations(users, FULL, TURNS), jax.jit(policy.init, static_argnums=1)(params, users)
        start = time.perf_counter()
        self._turns = turns.lower(params, carry, self.observed).compile()
        self.compile_s = time.perf_counter() - start
        outputs = []
        for first in range(0, FULL, TURNS):
            carry, output = self._turns(params, carry, observations(users, first, TURNS))
            outputs.append(output)
        self.outputs, self._params, self._carry = jnp.concatenate(outputs), params, carry
        self.run()

    def run(self) -> float:
        start = time.perf_counter()
        self._carry, _ = jax.block_until_ready(self._turns(self._params, self._carry, self.observed))
        return (time.perf_counter() - start) / TURNS


def play(users: int) -> dict[str, Played]:
    """Plays every method until its histories are full; all but DT have the same parameters."""
    config = mdt4rec.defaults()
    ours, published = mdt4rec.make(config, SPEC), dt.make(dt.defaults(), SPEC)
    params = jax.jit(ours.learner.init)(jax.random.key(0)).params
    dt_params = jax.jit(published.learner.init)(jax.random.key(0)).params
    played = {}
    for name in ("incremental", "batched"):
        config.search = name
        policy = mdt4rec.make(config, SPEC).policy
        played[name] = Played(policy.act, policy, params, users)
    played["loop"] = Played(loop_act(config, mdt4rec.make_network(config, SPEC)), policy, params, users)
    played["dt"] = Played(published.policy.act, published.policy, dt_params, users)
    return played


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    played = play(arguments.users)
    times = {name: [] for name in played}
    for _ in range(arguments.rounds):
        for name, method in played.items():
            times[name].append(method.run())
    ratio = lambda a, b: statistics.median(x / y for x, y in zip(times[a], times[b], strict=True))  # noqa: E731
    difference = lambda name: float(jnp.abs(played["incremental"].outputs - played[name].outputs).max())  # noqa: E731
    report(
        "history_search",
        **{f"{name}_ms_per_user": 1e3 * statistics.median(t) / arguments.users for name, t in times.items()},
        **{f"{name}_ms_per_user_min": 1e3 * min(t) / arguments.users for name, t in times.items()},
        speedup_over_batched=ratio("batched", "incremental"),
        speedup_over_loop=ratio("loop", "incremental"),
        multiple_of_dt=ratio("incremental", "dt"),
        batched_multiple_of_dt=ratio("batched", "dt"),
        difference_from_batched=difference("batched"),
        difference_from_loop=difference("loop"),
        users=arguments.users,
        compile_s=played["incremental"].compile_s,
        batched_compile_s=played["batched"].compile_s,
        loop_compile_s=played["loop"].compile_s,
    )


if __name__ == "__main__":
    main()
