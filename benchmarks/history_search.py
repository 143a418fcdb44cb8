"""What does an MDT4Rec action with the full history search cost, and as a multiple of what?

Width 128, 3 blocks, T 20, delta 2, windows full, 300 items. Beside it in the same run, taking turns: a DT action that
re-encodes its window, and Algorithm 1 as printed (a forward pass per candidate length, then one for the action).

    python -m benchmarks.history_search [--users 100] [--rounds 15] [--out FILE]
"""

from __future__ import annotations

import argparse
import statistics
import time

import jax
import jax.numpy as jnp

from benchmarks.timing import report
from jaxrec.algorithms.decision_transformer import dt, mdt4rec, window
from jaxrec.algorithms.decision_transformer.policy import draw_return
from jaxrec.algorithms.decision_transformer.search import candidate_lengths, observe, search_loop
from jaxrec.types import Observation, Spec

SPEC = Spec(num_users=1, num_items=300, max_turn=30, reward_range=(1.0, 5.0), return_range=(0.0, 150.0))
TURN = 24  # by then every window is full


def loop_act(config, network):
    """`Policy.act` of MDT4Rec by the printed algorithm."""
    lengths = candidate_lengths(config.context_length, config.delta)

    def act(params, carry, observation, key):
        model = network.bind({"params": params})
        steps = observe(model, carry.window, observation.item, observation)
        found = search_loop(model, *window.sequence(steps, 1), steps.length, lengths)
        steps = window.write(steps, 1, model.tokens.returns(draw_return(model, found, key, config), observation.turn))
        tokens, _ = window.sequence(steps, 2)
        size = tokens.shape[1]
        begin = size - (3 * found.length - 1)
        visible = (jnp.arange(size)[None] >= begin[:, None])[:, None] & jnp.tri(size, dtype=bool)[None]
        given = model.backbone(tokens, visible)[:, -1]
        logits = model.read_action(given, model.read_reward(found.state, found.previous))
        return carry.replace(window=steps, length=found.length), logits

    return act


def observations(users: int, turn: int) -> Observation:
    item = jax.random.randint(jax.random.key(turn), (users,), 0, SPEC.num_items)
    feedback = jax.random.uniform(jax.random.key(turn), (users,)) * 5 * (turn > 0)
    return Observation(jnp.zeros_like(item), item, feedback, jnp.full((users,), turn), jnp.zeros((users, 0)))


def prepare(act, policy, params, users: int):
    """(seconds of one action of all users, as a function; its output; compile seconds)."""
    start = time.perf_counter()
    first = (params, policy.init(params, users), observations(users, 0), jax.random.key(0))
    compiled = jax.jit(act).lower(*first).compile()
    compile_s = time.perf_counter() - start
    carry = first[1]
    for turn in range(TURN):
        carry, _ = compiled(params, carry, observations(users, turn), jax.random.key(turn))
    last = (params, carry, observations(users, TURN), jax.random.key(TURN))
    output = jax.block_until_ready(compiled(*last))

    def run() -> float:
        start = time.perf_counter()
        jax.block_until_ready(compiled(*last))
        return time.perf_counter() - start

    return run, output[1], compile_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    config = mdt4rec.defaults()
    ours, published = mdt4rec.make(config, SPEC), dt.make(dt.defaults(), SPEC)
    params = jax.jit(ours.learner.init)(jax.random.key(0)).params
    dt_params = jax.jit(published.learner.init)(jax.random.key(0)).params
    users = arguments.users
    search, output, compile_s = prepare(ours.policy.act, ours.policy, params, users)
    looped = loop_act(config, mdt4rec.make_network(config, SPEC))
    loop, loop_output, loop_compile_s = prepare(looped, ours.policy, params, users)
    window_action, _, _ = prepare(published.policy.act, published.policy, dt_params, users)
    runs = {"search": search, "loop": loop, "dt": window_action}
    times = {name: [] for name in runs}
    for _ in range(arguments.rounds):
        for name, run in runs.items():
            times[name].append(run())
    median = {name: statistics.median(values) for name, values in times.items()}
    ratio = lambda a, b: statistics.median(x / y for x, y in zip(times[a], times[b], strict=True))  # noqa: E731
    report(
        "history_search",
        ms_per_user=1e3 * median["search"] / users,
        ms_per_user_min=1e3 * min(times["search"]) / users,
        dt_ms_per_user=1e3 * median["dt"] / users,
        loop_ms_per_user=1e3 * median["loop"] / users,
        multiple_of_dt=ratio("search", "dt"),
        speedup_over_loop=ratio("loop", "search"),
        largest_difference=float(jnp.abs(output - loop_output).max()),
        users=users,
        compile_s=compile_s,
        loop_compile_s=loop_compile_s,
    )


if __name__ == "__main__":
    main()
