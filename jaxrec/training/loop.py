"""THE loop: blocks of scanned steps, seeds as a vmapped axis, resumable bit for bit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxrec.base.contracts import Array, Learner, Source
from jaxrec.base.errors import JaxrecError
from jaxrec.training import processes, sharding
from jaxrec.training.checkpoint import Checkpoints

Metrics = Mapping[str, np.ndarray]

# Initialisation runs once and is little but random bits: compiling it takes longer than any optimisation of it saves.
_RUN_ONCE = {"xla_backend_optimization_level": 0}


class Stopped(Exception):
    """The run was asked to stop; its checkpoint is written."""


def seed_keys(seed: int, num_seeds: int) -> Array:
    """The base keys [S]; seed s of a run does not depend on how many others there are."""
    return jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), np.arange(num_seeds, dtype=np.uint32))


def _start(learner: Learner, source: Source, data: Any, key: Array) -> tuple[Any, Any]:
    key_learner, key_source = jax.random.split(jax.random.fold_in(key, np.uint32(0xFFFFFFFF)))
    state = learner.init(key_learner)
    carry = state, source.init(data, state.params, key_source)
    # Steps return strongly typed leaves: a weak one here (`jnp.full((), 0.1)`) would compile the second block anew.
    return jax.tree.map(lambda leaf: leaf.astype(leaf.dtype), carry)


def _filled(learner: Learner, state: Any) -> Any:
    """The first state, with the parameters that come from files straight to where they belong."""
    if learner.load is None:
        return state
    flat = flatten_dict(state.params, sep="/")
    wanted = {path: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding) for path, x in flat.items()}
    for path, leaf in learner.load(wanted):
        flat[path].delete()  # else a large model would lie on the devices twice
        flat[path] = leaf
    params = unflatten_dict(flat, sep="/")
    # A copy, not an alias: the loop donates its carry, and one buffer cannot be donated twice.
    copies = {role: jax.tree.map(jnp.copy, params[role]) for role in state.target_params}
    return state.replace(params=params, target_params=copies)


def _step(
    learner: Learner, source: Source, data: Any, base_key: Array, carry: tuple
) -> tuple[tuple, Mapping[str, Array]]:
    state, source_state = carry
    key_source, key_update = jax.random.split(jax.random.fold_in(base_key, state.step))
    source_state, batch = source.next(data, source_state, state.params, key_source)
    state, metrics = learner.update(state, batch, key_update)
    return (state, source_state), metrics


def make_block(learner: Learner, source: Source, placed: Any = None) -> Callable:
    """`block(carry, data, keys, num_steps) -> (carry, metrics)`: carry and keys [S, ...], metrics
    {name: [S, num_steps]}. `placed` are the carry's shardings, coming and going: one program serves all blocks."""

    @partial(jax.jit, static_argnums=3, donate_argnums=0, out_shardings=(placed, None))
    def block(carry: tuple, data: Any, keys: Array, num_steps: int) -> tuple[tuple, Mapping[str, Array]]:
        def one_seed(carry: tuple, key: Array) -> tuple[tuple, Mapping[str, Array]]:
            step = partial(_step, learner, source, data, key)
            return jax.lax.scan(lambda c, _: step(c), carry, length=num_steps)

        return jax.vmap(one_seed)(carry, keys)

    return block


def _check_finite(first_step: int, metrics: Metrics) -> None:
    terms = {name: ~np.isfinite(values) for name, values in metrics.items() if name.startswith("loss/")}
    bad = {name: values for name, values in terms.items() if values.any() and name != "loss/total"}
    bad = bad or {name: values for name, values in terms.items() if values.any()}
    if not bad:
        return
    name, values = min(bad.items(), key=lambda item: int(item[1].any(axis=0).argmax()))
    offset = int(values.any(axis=0).argmax())
    raise JaxrecError(
        f"non-finite {name} at step {first_step + offset} (seed {int(values[:, offset].argmax())}); "
        "the last good checkpoint is kept; lower the learning rate or set optimizer.clip_norm"
    )


def _abstract(tree: Any, placed: Any) -> Any:
    return jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), tree, placed)


def fit(
    learner: Learner,
    source: Source,
    data: Any,
    *,
    num_steps: int,
    steps_per_call: int = 100,
    seed: int = 0,
    num_seeds: int = 1,
    mesh: Mesh | None = None,
    rules: sharding.Rules = (),
    checkpoints: Checkpoints | None = None,
    checkpoint_seconds: float = 60.0,
    on_start: Callable[[int], None] = lambda step: None,
    on_metrics: Callable[[int, Metrics], None] = lambda step, metrics: None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> Any:
    """Trains S = num_seeds learners in one program and returns their final learner state, leaves [S, ...].

    Args:
      data: read-only pytree the source draws from (host or device); ignored where the source streams.
      steps_per_call: steps scanned in one dispatch; progress, logging and checkpoints happen between calls.
      rules: sharding rules over the state's paths (without the seeds axis).
      on_start: told the step the run begins at, 0 or the resumed checkpoint's.
      on_metrics: told (step, {name: [S, n]}) of the n steps before `step`, in order, each exactly once.

    Raises:
      JaxrecError: a loss term is not finite (names step and term), or a checkpoint does not fit or cannot be written.
      Stopped: `stop_requested()` turned true; the state was saved.
    """
    mesh = mesh or sharding.make_mesh()
    with jax.set_mesh(mesh):
        keys = jax.jit(partial(seed_keys, seed, num_seeds), out_shardings=NamedSharding(mesh, P()))()
        feed = _Feed(source, data, mesh, num_steps, steps_per_call)
        init = jax.vmap(partial(_start, learner, source), (None, 0))
        step, carry = 0, None
        first = feed.first()
        abstract = jax.eval_shape(init, first, keys)
        placed = sharding.shardings(abstract, mesh, rules, leading=1)
        restored = checkpoints.restore(_abstract(abstract, placed)) if checkpoints else None
        if restored:
            step, carry = restored
        else:
            carry = jax.jit(init, out_shardings=placed, compiler_options=_RUN_ONCE)(first, keys)
            carry = (_filled(learner, carry[0]), carry[1])
        on_start(step)
        block = make_block(learner, source, placed)
        pending, saved_at, saved_step = None, time.monotonic(), step

        def settle() -> None:
            """Reads the metrics of the block before; only then may anything of it be saved."""
            nonlocal pending
            if pending is not None:
                end, values = pending
                pending = None
                values = {name: np.asarray(value) for name, value in values.items()}
                _check_finite(end - next(iter(values.values())).shape[1], values)
                on_metrics(end, values)

        while step < num_steps:
            length = min(steps_per_call, num_steps - step)
            carry, metrics = block(carry, feed.block(step, length), keys, length)
            settle()
            step += length
            pending = (step, metrics)
            late = time.monotonic() - saved_at >= checkpoint_seconds
            stopping, due = processes.any_wants(stop_requested(), late, after=carry)
            if checkpoints and (stopping or due) and step < num_steps:
                settle()
                checkpoints.save(step, carry)
                saved_at, saved_step = time.monotonic(), step
            if stopping and step < num_steps:
                raise Stopped(f"stopped at step {step} of {num_steps}")
        settle()
        if checkpoints and saved_step < num_steps:
            checkpoints.save(num_steps, carry)
        return carry[0]


class _Feed:
    """The data argument of each block: the same device arrays, or the stream's, read one block ahead."""

    def __init__(self, source: Source, data: Any, mesh: Mesh, num_steps: int, steps_per_call: int):
        self._stream, self._mesh, self._num_steps, self._size = source.stream, mesh, num_steps, steps_per_call
        self._data = None if self._stream else sharding.replicate(data, mesh)
        self._pool = ThreadPoolExecutor(1) if self._stream else None
        self._ahead: dict[int, Any] = {}

    def first(self) -> Any:
        return self._read(0, 1) if self._stream else self._data

    def _read(self, step: int, length: int) -> Any:
        return sharding.replicate(self._stream(step, length), self._mesh)

    def block(self, step: int, length: int) -> Any:
        if not self._stream:
            return self._data
        ready = self._ahead.pop(step, None)
        after = step + length
        if after < self._num_steps:
            size = min(self._size, self._num_steps - after)
            self._ahead[after] = self._pool.submit(self._read, after, size)
        return ready.result() if ready else self._read(step, length)
