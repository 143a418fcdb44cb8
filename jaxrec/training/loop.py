"""THE loop: blocks of scanned steps, seeds as a vmapped axis, resumable bit for bit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxrec.base.contracts import Array, Data, Learner, Scalars, Source, SourceState, TrainingState
from jaxrec.base.errors import JaxrecError
from jaxrec.training import processes, sharding
from jaxrec.training import watch as watching
from jaxrec.training.checkpoint import Checkpoints
from jaxrec.training.watch import Watch, Watcher

Metrics = Mapping[str, np.ndarray]
Carry = tuple[TrainingState, SourceState]

# Initialisation runs once and is little but random bits: compiling it takes longer than any optimisation of it saves.
_RUN_ONCE = {"xla_backend_optimization_level": 0}


class Block(Protocol):
    """Returns (carry, metrics {name: [S, num_steps]}) after `num_steps` steps; carry and base keys have an axis S."""

    def __call__(self, carry: Carry, data: Data, keys: Array, num_steps: int, /) -> tuple[Carry, Scalars]: ...


class Stopped(Exception):
    """The run was asked to stop; its checkpoint is written."""


def seed_keys(seed: int, num_seeds: int) -> Array:
    """Returns the base keys [S]; seed s of a run does not depend on how many others there are."""
    return jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), np.arange(num_seeds, dtype=np.uint32))


def _start(learner: Learner, source: Source, watch: Watch | None, data: Data, key: Array) -> tuple[Any, ...]:
    """Returns one seed's (learner state, source state), and the best parameters so far where the fit is watched."""
    key_learner, key_source = jax.random.split(jax.random.fold_in(key, np.uint32(0xFFFFFFFF)))
    state = learner.init(key_learner)
    carry = state, source.init(data, state.params, key_source)
    if watch:
        carry = *carry, watching.start(watch, state.params, learner.frozen)
    # Steps return strongly typed leaves: a weak one here (`jnp.full((), 0.1)`) would compile the second block anew.
    return jax.tree.map(lambda leaf: leaf.astype(leaf.dtype), carry)


def _filled(learner: Learner, state: TrainingState) -> TrainingState:
    """Returns the first state with the parameters that come from files, each put straight where it belongs."""
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


def _step(learner: Learner, source: Source, data: Data, base_key: Array, carry: Carry) -> tuple[Carry, Scalars]:
    state, source_state = carry
    key_source, key_update = jax.random.split(jax.random.fold_in(base_key, state.step))
    source_state, batch = source.next(data, source_state, state.params, key_source)
    state, metrics = learner.update(state, batch, key_update)
    return (state, source_state), metrics


def make_block(learner: Learner, source: Source, placed: Any = None) -> Block:
    """Returns the jitted program of `num_steps` steps of all seeds; its carry is donated.

    Args:
      placed: shardings of the carry, given to what comes out too, so that one program serves all blocks.
    """

    @partial(jax.jit, static_argnums=3, donate_argnums=0, out_shardings=(placed, None))
    def block(carry: Carry, data: Data, keys: Array, num_steps: int) -> tuple[Carry, Scalars]:
        def one_seed(carry: Carry, key: Array) -> tuple[Carry, Scalars]:
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


def _begin(
    learner: Learner,
    source: Source,
    watch: Watch | None,
    data: Data,
    keys: Array,
    mesh: Mesh,
    rules: sharding.Rules,
    checkpoints: Checkpoints | None,
) -> tuple[int, tuple[Any, ...], tuple[Any, ...]]:
    """Returns (step, what `_start` says of all seeds, its shardings), from the newest checkpoint where there is one."""
    init = jax.vmap(partial(_start, learner, source, watch), (None, 0))
    abstract = jax.eval_shape(init, data, keys)
    placed = sharding.shardings(abstract, mesh, rules, leading=1)
    template = jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), abstract, placed)
    restored = checkpoints.restore(template) if checkpoints else None
    if restored:
        return *restored, placed
    first, *rest = jax.jit(init, out_shardings=placed, compiler_options=_RUN_ONCE)(data, keys)
    return 0, (_filled(learner, first), *rest), placed


def fit(
    learner: Learner,
    source: Source,
    data: Data,
    *,
    num_steps: int,
    steps_per_call: int = 100,
    seed: int = 0,
    num_seeds: int = 1,
    mesh: Mesh | None = None,
    rules: sharding.Rules = (),
    checkpoints: Checkpoints | None = None,
    checkpoint_seconds: float = 60.0,
    watch: Watch | None = None,
    on_start: Callable[[int], None] = lambda step: None,
    on_metrics: Callable[[int, Metrics], None] = lambda step, metrics: None,
    on_watch: Callable[[int, np.ndarray], None] = lambda step, scores: None,
    on_best: Callable[[np.ndarray, np.ndarray], None] = lambda steps, scores: None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> TrainingState:
    """Trains S = num_seeds learners in one program and returns their final state, leaves [S, ...].

    With `checkpoints`, a run goes on from the newest one: after a stop, and also where a finished run is asked for more
    steps than it had. Either way the result equals that of an unbroken run, bit for bit.

    Args:
      data: read-only pytree the source draws from (host or device); ignored where the source streams.
      steps_per_call: steps scanned in one dispatch; progress, logging and checkpoints happen between calls.
      rules: sharding rules over the state's paths (without the seeds axis).
      watch: scores the parameters at every multiple of `watch.every` and at the end of training; the state returned
        then holds the parameters of each seed's best score, and training may end early (see `Watch`).
      on_start: told the step the run begins at, 0 or the resumed checkpoint's.
      on_metrics: told (step, {name: [S, n]}) of the n steps before `step`, in order, each exactly once.
      on_watch: told (step, float32 [S]), the scores of a measurement, in order, each exactly once.
      on_best: told (int32 [S], float32 [S]) at the end, the step and the score of each seed's best parameters.

    Raises:
      JaxrecError: a loss term or a watched score is not finite (names the step), `watch` does not fit, or a checkpoint
        does not fit or cannot be written.
      Stopped: `stop_requested()` turned true; the state was saved.
    """
    if watch:
        watching.check(watch, steps_per_call)
    mesh = mesh or sharding.make_mesh()
    with jax.set_mesh(mesh):
        keys = jax.jit(partial(seed_keys, seed, num_seeds), out_shardings=NamedSharding(mesh, P()))()
        feed = _Feed(source, data, mesh, num_steps, steps_per_call)
        step, carry, placed = _begin(learner, source, watch, feed.first(), keys, mesh, rules, checkpoints)
        watcher = Watcher(watch, carry[2], placed[2], learner.frozen, on_watch) if watch else None
        carry = carry[:2]
        on_start(step)
        block = make_block(learner, source, placed[:2])
        reports = _Reports(on_metrics)
        began, saved_at, saved = step, time.monotonic(), step

        def is_finished() -> bool:
            return step >= num_steps or bool(watcher and watcher.is_over())

        def save() -> None:
            nonlocal saved_at, saved
            reports.settle()
            checkpoints.save(step, (*carry, watcher.best) if watcher else carry)
            saved_at, saved = time.monotonic(), step

        while not is_finished():
            length = feed.length(step)
            carry, metrics = block(carry, feed.block(step), keys, length)
            reports.settle()
            step += length
            reports.add(step, metrics)
            if watcher and watcher.is_due(step):
                reports.settle()
                watcher.keep(step, carry[0].params, watcher.measure(step, carry[0].params))
            late = time.monotonic() - saved_at >= checkpoint_seconds
            stopping, due = processes.any_wants(stop_requested(), late, after=carry)
            if checkpoints and (stopping or due) and not is_finished():
                save()
            if stopping and not is_finished():
                raise Stopped(f"stopped at step {step} of {num_steps}")
        reports.settle()
        # The end is measured wherever it falls. Off the grid of `every` the checkpoint does not know of it, for a run
        # that goes on from there must equal one that never ended there.
        last = None
        if watcher and not watcher.is_due(step):
            last = watcher.measure(step, carry[0].params, report=step > began)
        if checkpoints and saved < step:
            save()
        if not watcher:
            return carry[0]
        if last is not None:
            watcher.keep(step, carry[0].params, last)
        on_best(np.asarray(watcher.best.step), np.asarray(watcher.best.score))
        return carry[0].replace(params=watcher.best_params(carry[0].params))


class _Reports:
    """Metrics on their way to `on_metrics`: those of a block are read only after the next one is dispatched."""

    def __init__(self, on_metrics: Callable[[int, Metrics], None]):
        self._on_metrics, self._pending = on_metrics, None

    def add(self, step: int, metrics: Scalars) -> None:
        """Takes the metrics {name: [S, n]} of the n steps before `step`."""
        self._pending = step, metrics

    def settle(self) -> None:
        """Reads and reports what was added last; only then may anything of that block be saved.

        Raises:
          JaxrecError: a loss term is not finite.
        """
        if self._pending is None:
            return
        (step, metrics), self._pending = self._pending, None
        metrics = {name: np.asarray(values) for name, values in metrics.items()}
        _check_finite(step - next(iter(metrics.values())).shape[1], metrics)
        self._on_metrics(step, metrics)


class _Feed:
    """The data argument of each block: the same device arrays, or the stream's, read one block ahead.

    Blocks end at the multiples of `steps_per_call` wherever the run begins, and at `num_steps`.
    """

    def __init__(self, source: Source, data: Data, mesh: Mesh, num_steps: int, steps_per_call: int):
        self._stream, self._mesh, self._num_steps, self._size = source.stream, mesh, num_steps, steps_per_call
        self._data = None if self._stream else sharding.replicate(data, mesh)
        self._pool = ThreadPoolExecutor(1) if self._stream else None
        self._ahead: dict[int, Any] = {}

    def first(self) -> Data:
        """Returns data by which the carry is started."""
        return self._read(0, 1) if self._stream else self._data

    def length(self, step: int) -> int:
        """Returns how many steps the block that starts at `step` has."""
        return min(self._size - step % self._size, self._num_steps - step)

    def block(self, step: int) -> Data:
        """Returns the data of the block that starts at `step`."""
        if not self._stream:
            return self._data
        ready, after = self._ahead.pop(step, None), step + self.length(step)
        if after < self._num_steps:
            self._ahead[after] = self._pool.submit(self._read, after, self.length(after))
        return ready.result() if ready else self._read(step, self.length(step))

    def _read(self, step: int, length: int) -> Data:
        return sharding.replicate(self._stream(step, length), self._mesh)
