"""Sources of batches: a log, an environment, a replay buffer, a mixture of these, or a stream from the host.

Offline, online and offline-to-online learning differ in their source and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array, Batch, Data, Environment, Params, Policy, PolicyCarry, Source, SourceState
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation, Steps
from jaxrec.environments import rollout
from jaxrec.training.sharding import over_data


class View(Protocol):
    """Returns a batch with leading axis B, drawn from records on the device."""

    def __call__(self, data: Data, key: Array, /) -> Batch: ...


class Records(Protocol):
    """Records on the host with random access, each a pytree of numpy arrays of one shape."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def logged(view: View) -> Source:
    """Makes a source that draws each batch from records on the device: `view(data, key) -> batch`."""

    def next_batch(data: Data, state: tuple, params: Params, key: Array) -> tuple[tuple, Batch]:
        del params
        return state, over_data(view(data, key))

    return Source(lambda data, params, key: (), next_batch)


@struct.dataclass
class OnPolicyBatch:
    """Fresh steps of B users.

    Attributes:
      steps: [T, B], with the policy's carries.
      last_observation: [B], what follows the last step; its value completes the returns of steps cut off there.
      last_carry: the policy's carry before it saw `last_observation`.
    """

    steps: Steps
    last_observation: Observation
    last_carry: PolicyCarry


TIME_LIMITS = ("truncation", "terminal")  # what a learner takes the time limit for


def _check_time_limit(name: str) -> None:
    """Raises JaxrecError where an option `time_limit` is none of `TIME_LIMITS`."""
    if name not in TIME_LIMITS:
        raise JaxrecError(f"time_limit is {name!r}; set it to one of {', '.join(TIME_LIMITS)}")


def _play(
    environment: Environment,
    policy: Policy,
    data: Data,
    state: rollout.RolloutState,
    params: Params,
    key: Array,
    num_steps: int,
    time_limit: str = "truncation",
) -> tuple[rollout.RolloutState, Steps]:
    """Plays `num_steps` sampled steps [T, B], a new episode where one ends; records the policy's carries."""
    options = {"auto_reset": True, "selection": "sample", "record": lambda carry: carry}
    state, steps = rollout.rollout(environment, data, policy, params, state, key, num_steps=num_steps, **options)
    if time_limit == "terminal":
        ended = steps.terminated | steps.truncated
        steps = steps.replace(terminated=ended, truncated=jnp.zeros_like(ended))
    return state, steps


def on_policy(
    environment: Environment, policy: Policy, *, num_envs: int, num_steps: int, time_limit: str = "truncation"
) -> Source:
    """Makes a source of OnPolicyBatch: T = num_steps steps of B = num_envs users, whose episodes go on from batch to
    batch. Its data are the environment's params.

    Args:
      time_limit: 'truncation', or 'terminal': a step that the time limit cut off counts as the end of its episode, as
        in EasyRL4Rec, so that nothing follows it.

    Raises:
      JaxrecError: an unknown `time_limit`.
    """
    _check_time_limit(time_limit)

    def init(data: Data, params: Params, key: Array) -> rollout.RolloutState:
        return over_data(rollout.start(environment, data, policy, params, key, num_envs))

    def next_batch(
        data: Data, state: rollout.RolloutState, params: Params, key: Array
    ) -> tuple[rollout.RolloutState, OnPolicyBatch]:
        state, steps = _play(environment, policy, data, state, params, key, num_steps, time_limit)
        return state, OnPolicyBatch(steps, state.observation, state.carry)

    return Source(init, next_batch)


@struct.dataclass
class Transitions:
    """B pairs of neighbouring steps from a replay buffer; every leaf is [B, ...].

    Attributes:
      observation, next_observation: what the policy saw before this action and before the next one. After a terminated
        step the next one belongs to another episode.
      carry, next_carry: the policy's, after it absorbed the observation. It holds what the policy wrote down for the
        learner (the continuous action behind an item).
      action, reward: of this step. terminated: bool, the episode ended with it.
      weight: float32, 0 where a time limit cut the episode, so that the next step is unknown, else 1.
    """

    observation: Observation
    carry: PolicyCarry
    action: Array
    reward: Array
    terminated: Array
    next_observation: Observation
    next_carry: PolicyCarry
    weight: Array


@struct.dataclass
class ReplayState:
    """The state of a replay source.

    Attributes:
      rollout: where the episodes being played stand.
      buffer: a ring of R rows of num_envs steps, each kept once: the successor of row r is row r + 1.
      size: int32, rows filled. position: int32, the row that is written next.
    """

    rollout: rollout.RolloutState
    buffer: Steps
    size: Array
    position: Array


def replay(
    environment: Environment,
    policy: Policy,
    *,
    num_envs: int,
    num_steps: int,
    capacity: int,
    batch_size: int,
    warmup: int = 0,
    time_limit: str = "truncation",
) -> Source:
    """Makes a source of Transitions drawn uniformly from a ring of past steps (Lin, 1992; Mnih et al. 2015).

    Before each batch it plays num_envs * num_steps new steps, so that a learner makes 1 / (num_envs * num_steps)
    updates per environment step, or K times as many where it is `repeated` over a batch K times as large. Its data are
    the environment's params.

    Args:
      policy: the one that explores.
      num_envs: users acted on at once. num_steps: turns of each before a batch.
      capacity: steps kept, rounded up to whole rounds of num_envs * num_steps.
      batch_size: B, transitions per batch.
      warmup: steps played before the first batch, rounded up likewise; at least `batch_size`.
      time_limit: as of `on_policy`.

    Raises:
      JaxrecError: the ring does not hold one batch, or an unknown `time_limit`.
    """
    _check_time_limit(time_limit)
    added = num_envs * num_steps
    rows = max(-(-capacity // added) * num_steps, 2)
    if rows * num_envs < batch_size:
        raise JaxrecError(f"replay capacity {capacity} does not hold a batch of {batch_size}; raise it to {batch_size}")
    rounds = -(-max(min(warmup, capacity), batch_size) // added)

    def append(data: Data, state: ReplayState, params: Params, key: Array) -> ReplayState:
        after, steps = _play(environment, policy, data, state.rollout, params, key, num_steps, time_limit)
        buffer = jax.tree.map(
            lambda ring, new: jax.lax.dynamic_update_slice_in_dim(ring, new, state.position, 0), state.buffer, steps
        )
        size = jnp.minimum(state.size + num_steps, rows)
        return ReplayState(after, buffer, size, (state.position + num_steps) % rows)

    def init(data: Data, params: Params, key: Array) -> ReplayState:
        key_start, key_fill = jax.random.split(key)
        state = over_data(rollout.start(environment, data, policy, params, key_start, num_envs))
        step = jax.eval_shape(lambda s: _play(environment, policy, data, s, params, key_fill, 1)[1], state)
        buffer = jax.tree.map(lambda x: jnp.zeros((rows, *x.shape[1:]), x.dtype), step)
        empty = ReplayState(state, buffer, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))
        keys = jax.random.split(key_fill, rounds)
        return jax.lax.fori_loop(0, rounds, lambda i, s: append(data, s, params, keys[i]), empty)

    def next_batch(data: Data, state: ReplayState, params: Params, key: Array) -> tuple[ReplayState, Transitions]:
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
    """Makes a source whose batch joins one batch of every part along the leading axis: their batch sizes are the
    proportions of the mixture. Its data are a dict keyed by part."""

    def init(data: Mapping[str, Data], params: Params, key: Array) -> dict[str, SourceState]:
        keys = dict(zip(parts, jax.random.split(key, len(parts)), strict=True))
        return {name: part.init(data[name], params, keys[name]) for name, part in parts.items()}

    def next_batch(data: Mapping[str, Data], state: dict, params: Params, key: Array) -> tuple[dict, Batch]:
        keys = dict(zip(parts, jax.random.split(key, len(parts)), strict=True))
        drawn = {name: part.next(data[name], state[name], params, keys[name]) for name, part in parts.items()}
        batches = [batch for _, batch in drawn.values()]
        return {name: s for name, (s, _) in drawn.items()}, jax.tree.map(lambda *x: jnp.concatenate(x), *batches)

    return Source(init, next_batch)


def streamed(records: Records, *, batch_size: int, seed: int = 0, view: View | None = None) -> Source:
    """Makes a source of records that do not fit on the device, read by Grain in an order fixed by (seed, step) alone.

    Args:
      records: `len(records)` and `records[i] -> pytree of numpy arrays`.
      batch_size: B, records per step; every seed of a run sees the same batches.
      seed: of the shuffle; each pass over the records is shuffled anew.
      view: applied to the batch on the device, `view(batch, key) -> batch`.

    Raises:
      JaxrecError: the records do not fill one batch.
    """
    import grain
    import numpy as np

    if len(records) < batch_size:
        raise JaxrecError(f"streamed source: {len(records)} records do not fill one batch of {batch_size}")
    batches = grain.MapDataset.source(records).seed(seed).shuffle().repeat().batch(batch_size, drop_remainder=True)

    def stream(first_step: int, num_steps: int) -> Data:
        chosen = [batches[step] for step in range(first_step, first_step + num_steps)]
        return {"first_step": np.int32(first_step), "batches": jax.tree.map(lambda *x: np.stack(x), *chosen)}

    def next_batch(data: Data, state: Array, params: Params, key: Array) -> tuple[Array, Batch]:
        del params
        batch = jax.tree.map(lambda x: x[state - data["first_step"]], data["batches"])
        return state + 1, over_data(view(batch, key) if view else batch)

    return Source(lambda data, params, key: jnp.zeros((), jnp.int32), next_batch, stream)
