"""Where batches come from. Offline, online and offline-to-online learning differ here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.environments import rollout
from jaxrec.training.sharding import over_data
from jaxrec.types import Array, Batch, JaxrecError, Params, Policy, Source, Steps


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
    """[B] transitions; `weight` is 0 where the next input is unknown (a time limit cut the episode), else 1."""

    carry: Any
    action: Array
    reward: Array
    terminated: Array
    next_carry: Any
    weight: Array


@struct.dataclass
class ReplayState:
    """`last` is the newest step, waiting for its successor; `buffer` a ring of [capacity] transitions."""

    rollout: Any
    last: Steps
    buffer: Transitions
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
    warmup_rounds: int = 1,
) -> Source:
    """Uniform batches from a ring of past transitions, num_envs * num_steps new ones before each; data is the env
    params.

    Raises:
      JaxrecError: a ring that does not hold a whole number of rounds, or less than one batch after the warm-up.
    """
    added = num_envs * num_steps
    if capacity % added:
        raise JaxrecError(f"replay capacity {capacity} must be a multiple of num_envs * num_steps = {added}")
    if min(capacity, warmup_rounds * added) < batch_size:
        raise JaxrecError(
            f"replay holds {warmup_rounds * added} transitions after the warm-up, below batch_size {batch_size}"
        )

    def append(data: Any, state: ReplayState, params: Params, key: Array) -> ReplayState:
        after, steps = _play(environment, policy, data, state.rollout, params, key, num_steps)
        chain = jax.tree.map(lambda last, new: jnp.concatenate([last, new]), state.last, steps)
        rows = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), _pair(chain))
        buffer = jax.tree.map(
            lambda ring, new: jax.lax.dynamic_update_slice_in_dim(ring, new, state.position, 0), state.buffer, rows
        )
        last = jax.tree.map(lambda x: x[-1:], steps)
        size = jnp.minimum(state.size + added, capacity)
        return ReplayState(after, last, buffer, size, (state.position + added) % capacity)

    def init(data: Any, params: Params, key: Array) -> ReplayState:
        key_start, key_first, key_fill = jax.random.split(key, 3)
        state = over_data(rollout.start(environment, data, policy, params, key_start, num_envs))
        state, last = _play(environment, policy, data, state, params, key_first, 1)
        pair = jax.eval_shape(lambda s: _pair(jax.tree.map(lambda x: jnp.concatenate([x, x]), s)), last)
        buffer = jax.tree.map(lambda x: jnp.zeros((capacity, *x.shape[2:]), x.dtype), pair)
        zero = jnp.zeros((), jnp.int32)
        filled = ReplayState(state, last, buffer, zero, zero)
        keys = jax.random.split(key_fill, warmup_rounds)
        return jax.lax.fori_loop(0, warmup_rounds, lambda i, s: append(data, s, params, keys[i]), filled)

    def next_batch(data: Any, state: ReplayState, params: Params, key: Array) -> tuple[ReplayState, Transitions]:
        key_collect, key_draw = jax.random.split(key)
        state = append(data, state, params, key_collect)
        rows = jax.random.randint(key_draw, (batch_size,), 0, state.size)
        return state, over_data(jax.tree.map(lambda ring: ring[rows], state.buffer))

    return Source(init, next_batch)


def _pair(chain: Steps) -> Transitions:
    """[T + 1, B] consecutive steps -> [T, B] transitions."""
    now, after = jax.tree.map(lambda x: x[:-1], chain), jax.tree.map(lambda x: x[1:], chain)
    known = now.terminated | ~now.truncated
    return Transitions(now.carry, now.action, now.reward, now.terminated, after.carry, known.astype(jnp.float32))


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
