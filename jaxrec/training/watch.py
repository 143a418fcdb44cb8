"""A fit that watches: parameters are scored on held-out data every so many steps, each seed keeps those of its best
score, and training ends once no seed has improved for long enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import chex
import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from jaxrec.base.contracts import Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.training import learner


class Measure(Protocol):
    """Returns float32 [S], the score of each seed's parameters, whose leaves are [S, ...].

    Called between two blocks of the loop, so it should be one jitted program with its data as arguments. It must give
    the same scores for the same parameters, or a resumed run would not equal an unbroken one.
    """

    def __call__(self, params: Params, /) -> Array: ...


class Watch(NamedTuple):
    """How a fit is watched.

    Attributes:
      measure: (params) -> float32 [S], finite.
      every: steps of the loop between two measurements, a multiple of `steps_per_call`.
      patience: measurements without a better score after which a seed is through; training ends when all seeds are. 0
        never ends training early.
      higher_is_better: False where the score is a loss.
    """

    measure: Measure
    every: int
    patience: int = 0
    higher_is_better: bool = True


@struct.dataclass
class Best:
    """The best of each seed so far, part of the checkpoint. With seeds, every leaf has the axis S in front.

    Attributes:
      params: path -> the trainable parameters at the best score; zeros before the first measurement.
      score: float32, infinitely bad before the first measurement.
      step: int32, the loop's step of the best score.
      waited: int32, measurements since.
    """

    params: dict[str, Array]
    score: Array
    step: Array
    waited: Array


def check(watch: Watch, steps_per_call: int) -> None:
    """Raises JaxrecError where measurements would fall inside a block, or the patience is no count."""
    if watch.every < 1 or watch.every % steps_per_call:
        raise JaxrecError(
            f"watch.every is {watch.every}: set it to a multiple of steps_per_call, which is {steps_per_call}"
        )
    if watch.patience < 0:
        raise JaxrecError(f"watch.patience is {watch.patience}: set it to a whole number from 0 (0 = never stop early)")


def start(watch: Watch, params: Params, frozen: Sequence[str]) -> Best:
    """Returns the record of one seed before its first measurement. `frozen` as in `learner.partition`."""
    trainable, _ = learner.partition(params, frozen)
    worst = jnp.full((), -jnp.inf if watch.higher_is_better else jnp.inf, jnp.float32)
    zero = jnp.zeros((), jnp.int32)
    return Best(jax.tree.map(jnp.zeros_like, trainable), worst, zero, zero)


def kept(watch: Watch, best: Best, trainable: dict[str, Array], score: Array, step: Array) -> Best:
    """Returns the record of one seed after a measurement; of equal scores the earlier one stays the best."""
    better = score > best.score if watch.higher_is_better else score < best.score
    now = Best(trainable, score, step, jnp.zeros((), jnp.int32))
    return jax.tree.map(partial(jnp.where, better), now, best.replace(waited=best.waited + 1))


class Watcher:
    """A watch at work on all seeds of a run.

    Args:
      best: the record so far, leaves [S, ...]; each measurement replaces it and donates the one before.
      placed: its shardings.
      frozen: as in `learner.partition`.
      on_watch: told (step, float32 [S]) of each measurement.
    """

    def __init__(
        self,
        watch: Watch,
        best: Best,
        placed: Any,
        frozen: Sequence[str],
        on_watch: Callable[[int, np.ndarray], None],
    ):
        self._watch, self.best, self._frozen, self._on_watch = watch, best, frozen, on_watch
        of_seeds = jax.vmap(partial(kept, watch), (0, 0, 0, None))
        self._kept = jax.jit(of_seeds, donate_argnums=0, out_shardings=placed)

    def is_due(self, step: int) -> bool:
        """Returns whether the parameters after `step` steps are measured whether or not training ends there."""
        return step > 0 and step % self._watch.every == 0

    def is_over(self) -> bool:
        """Returns whether every seed has waited as long as the patience allows."""
        return self._watch.patience > 0 and bool((np.asarray(self.best.waited) >= self._watch.patience).all())

    def measure(self, step: int, params: Params, *, report: bool = True) -> np.ndarray:
        """Returns the scores float32 [S] of parameters [S, ...].

        Raises:
          JaxrecError: a score is not finite.
        """
        scores = np.asarray(self._watch.measure(params), np.float32)
        chex.assert_shape(scores, self.best.score.shape)
        if not np.isfinite(scores).all():
            seed = int((~np.isfinite(scores)).argmax())
            raise JaxrecError(
                f"the watched score at step {step} is {scores[seed]} (seed {seed}); the last good checkpoint is kept; "
                "lower the learning rate, or watch a metric that is finite on the validation data"
            )
        if report:
            self._on_watch(step, scores)
        return scores

    def keep(self, step: int, params: Params, scores: np.ndarray) -> None:
        """Keeps the parameters [S, ...] of those seeds whose score [S] is their best so far."""
        trainable, _ = learner.partition(params, self._frozen)
        self.best = self._kept(self.best, trainable, scores, np.int32(step))

    def best_params(self, params: Params) -> Params:
        """Returns `params` [S, ...] with the trainable ones of each seed's best score."""
        _, held = learner.partition(params, self._frozen)
        return learner.join(self.best.params, held)
