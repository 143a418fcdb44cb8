"""Where batches come from. Offline, online and offline-to-online learning differ here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array, Batch, Params, Policy, Source
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation, Steps
from jaxrec.environments import rollout
from jaxrec.training.sharding import over_data


def logged(view: Callable[[Any, Array], Batch]) -> Source:
    """Batches gathered from records on the device: `view(data, key) -> batch`, leading axis B."""

    def next_batch(data: Any, state: tuple, params: Params, key: Array) -> tuple[tuple, Batch]:
        del params
        return state, over_data(view(data, key))

    return Source(lambda data, params, key: (), next_batch)


@struct.dataclass
class OnPolicyBatch:
    """`steps` [T, B] with the carries the policy acted on; the observation and carry that follow the last one, for
    the bootstrap."""

    steps: Steps
    last_observation: Any
    last_carry: Any


def _play(environment, policy, data, state, params, key, num_steps: int) -> tuple[rollout.RolloutState, Steps]:
    """`num_steps` sampled steps without an end, the policy's carries recorded."""
    options = {"auto_reset": True, "selection": "sample", "record": lambda carry: carry}
    return rollout.rollout(environment, data, policy, params, state, key, num_steps=num_steps, **options)


def on_policy(environment: Any, policy: Policy, *, num_envs: int, num_steps: int) -> Source:
    """T = num_steps fresh steps of B = num_envs users that go on where they stood; data is the environment's params."""

    def init(data: Any, params: Params, key: Array) -> rollout.RolloutState:
        return over_data(rollout.start(environment, data, policy, params, key, num_envs))

    def next_batch(data: Any, state: Any, params: Params, key: Array) -> tuple[Any, OnPolicyBatch]:
        state, steps = _play(environment, policy, data, state, params, key, num_steps)
        return state, OnPolicyBatch(steps, state.observation, state.carry)

    return Source(init, next_batch)


@struct.dataclass
class Transitions:
    """[B] pairs of neighbouring steps; `weight` is 0 where the next one is unknown (a time limit cut the episode), else
    1.

    `carry` is the policy's after it absorbed `observation`, and what of it the policy wrote down for the learner (the
    continuous action behind an item). After a terminated step, `next_*` belong to another episode.
    """

    observation: Observation
    carry: Any
    action: Array
    reward: Array
    terminated: Array
    next_observation: Observation
    next_carry: Any
    weight: Array


@struct.dataclass
class ReplayState:
    """`buffer` is a ring of [R, num_envs] steps, each kept once: the successor of row r is row r + 1.

    `size` rows are filled, the next ones go to `position`.
    """

    rollout: Any
    buffer: Steps
    size: Array
    position: Array


def replay(
    environment: Any,
    policy: Policy,
    *,
    num_envs: int,
    num_steps: int,
    capacity: int,
    batch_size: int,
    warmup: int = 0,
) -> Source:
    """Uniform batches from a ring of past steps, num_envs * num_steps new ones before each; data is the env params.

    Updates per environment step: 1 / (num_envs * num_steps), times K where the learner is `repeated` over a batch
    K times as large.

    Args:
      capacity: steps kept, rounded up to whole rounds of num_envs * num_steps.
      warmup: steps played before the first batch, rounded up likewise; at least `batch_size`.

    Raises:
      JaxrecError: a ring that does not hold one batch.
    """
    added = num_envs * num_steps
    rows = max(-(-capacity // added) * num_steps, 2)
    if rows * num_envs < batch_size:
        raise JaxrecError(f"replay capacity {capacity} does not hold a batch of {batch_size}; raise it to {batch_size}")
    rounds = -(-max(min(warmup, capacity), batch_size) // added)

    def append(data: Any, state: ReplayState, params: Params, key: Array) -> ReplayState:
        after, steps = _play(environment, policy, data, state.rollout, params, key, num_steps)
        buffer = jax.tree.map(
            lambda ring, new: jax.lax.dynamic_update_slice_in_dim(ring, new, state.position, 0), state.buffer, steps
        )
        size = jnp.minimum(state.size + num_steps, rows)
        return ReplayState(after, buffer, size, (state.position + num_steps) % rows)

    def init(data: Any, params: Params, key: Array) -> ReplayState:
        key_start, key_fill = jax.random.split(key)
        state = over_data(rollout.start(environment, data, policy, params, key_start, num_envs))
        step = jax.eval_shape(lambda s: _play(environment, policy, data, s, params, key_fill, 1)[1], state)
        buffer = jax.tree.map(lambda x: jnp.zeros((rows, *x.shape[1:]), x.dtype), step)
        empty = ReplayState(state, buffer, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))
        keys = jax.random.split(key_fill, rounds)
        return jax.lax.fori_loop(0, rounds, lambda i, s: append(data, s, params, keys[i]), empty)

    def next_batch(data: Any, state: ReplayState, params: Params, key: Array) -> tuple[ReplayState, Transitions]:
        key_collect, key_row, key_env = jax.random.split(key, 3)
        state = append(data, state, params, key_collect)
        oldest = state.position - state.size
        row = oldest + jax.random.randint(key_row, (batch_size,), 0, state.size - 1)  # the newest has no successor yet
        env = jax.random.randint(key_env, (batch_size,), 0, num_envs)
        now, after = (jax.tree.map(lambda x, r=r: x[r % rows, env], state.buffer) for r in (row, row + 1))
        return state, over_data(_pair(now, after))

    return Source(init, next_batch)


def _pair(now: Steps, after: Steps) -> Transitions:
    known = (now.terminated | ~now.truncated).astype(jnp.float32)
    return Transitions(
        now.observation, now.carry, now.action, now.reward, now.terminated, after.observation, after.carry, known
    )


def mixture(parts: Mapping[str, Source]) -> Source:
    """One batch joined from every part's (leading axis), in the proportions of their batch sizes; data is a dict by
    part."""

    def init(data: Mapping[str, Any], params: Params, key: Array) -> dict[str, Any]:
        keys = dict(zip(parts, jax.random.split(key, len(parts)), strict=True))
        return {name: part.init(data[name], params, keys[name]) for name, part in parts.items()}

    def next_batch(data: Mapping[str, Any], state: dict, params: Params, key: Array) -> tuple[dict, Batch]:
        keys = dict(zip(parts, jax.random.split(key, len(parts)), strict=True))
        drawn = {name: part.next(data[name], state[name], params, keys[name]) for name, part in parts.items()}
        batches = [batch for _, batch in drawn.values()]
        return {name: s for name, (s, _) in drawn.items()}, jax.tree.map(lambda *x: jnp.concatenate(x), *batches)

    return Source(init, next_batch)


def streamed(
    records: Any, *, batch_size: int, seed: int = 0, view: Callable[[Any, Array], Batch] | None = None
) -> Source:
    """Batches of records that do not fit on the device, read by Grain in an order fixed by (seed, step) alone.

    Args:
      records: random access, `len(records)` and `records[i] -> pytree of numpy arrays`.
      batch_size: records per step; every seed of a run sees the same batches.
      seed: of the shuffle; each pass over the records is shuffled anew.
      view: applied to the batch on the device, `view(batch, key) -> batch`.
    """
    import grain
    import numpy as np

    if len(records) < batch_size:
        raise JaxrecError(f"streamed source: {len(records)} records do not fill one batch of {batch_size}")
    batches = grain.MapDataset.source(records).seed(seed).shuffle().repeat().batch(batch_size, drop_remainder=True)

    def stream(first_step: int, num_steps: int) -> Any:
        chosen = [batches[step] for step in range(first_step, first_step + num_steps)]
        return {"first_step": np.int32(first_step), "batches": jax.tree.map(lambda *x: np.stack(x), *chosen)}

    def next_batch(data: Any, state: Array, params: Params, key: Array) -> tuple[Array, Batch]:
        del params
        batch = jax.tree.map(lambda x: x[state - data["first_step"]], data["batches"])
        return state + 1, over_data(view(batch, key) if view else batch)

    return Source(lambda data, params, key: jnp.zeros((), jnp.int32), next_batch, stream)
