"""A number that grows by one each step, watched for how near it comes to a target: the score rises, then falls."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.training import learner, loop, sources
from jaxrec.training import watch as watching
from jaxrec.training.checkpoint import Checkpoints
from jaxrec.training.watch import Watch

TARGETS = (20.0, 40.0)


def counting():
    """The parameter is the number of steps made; beside it lies one that is frozen."""

    def loss_fn(params, batch, key):
        return {"minus": -params["count"]["kernel"][0] + 0.0 * batch.sum()}, {}

    init = lambda key: {"count": {"kernel": jnp.zeros(1)}, "held": {"kernel": jnp.full(2, 7.0)}}  # noqa: E731
    return learner.from_loss(init, loss_fn, optax.sgd(1.0), frozen=("held/",))


@jax.jit
def distance(params, targets):
    return jnp.square(params["count"]["kernel"][:, 0] - targets)


def nearness(params, targets=TARGETS):
    return -distance(params, jnp.asarray(targets))


class Told(list):
    """(step, scores) of each measurement; `best` is what `on_best` was told."""

    def __init__(self):
        super().__init__()
        self.best = []

    @property
    def steps(self):
        return [step for step, _ in self]


def fit(watch, folder=None, told=None, **options):
    told = Told() if told is None else told
    options = {"num_steps": 100, "steps_per_call": 5, "num_seeds": 2} | options
    return loop.fit(
        counting(),
        sources.logged(lambda data, key: data),
        np.zeros(1, np.float32),
        watch=watch,
        checkpoints=Checkpoints(folder) if folder else None,
        on_watch=lambda step, scores: told.append((step, scores.tolist())),
        on_best=lambda steps, scores: told.best.append((steps.tolist(), scores.tolist())),
        **options,
    )


def counts(state):
    return np.asarray(state.params["count"]["kernel"])[:, 0].tolist()


def equal(one, two):
    jax.tree.map(np.testing.assert_array_equal, one, two)


def test_each_seed_keeps_the_parameters_of_its_best_score():
    told = Told()
    state = fit(Watch(nearness, every=10), told=told)
    assert counts(state) == [20.0, 40.0] and told.best == [([20, 40], [0.0, 0.0])]
    assert told.steps == list(range(10, 101, 10)) and told[0] == (10, [-100.0, -900.0])
    assert np.asarray(state.step).tolist() == [100, 100]
    np.testing.assert_array_equal(state.params["held"]["kernel"], np.full((2, 2), 7.0))


def test_training_ends_once_all_seeds_have_waited_as_long_as_the_patience():
    told = Told()
    state = fit(Watch(nearness, every=10, patience=2), told=told)
    assert told.steps == [10, 20, 30, 40, 50, 60]  # seed 0 is through at 40, seed 1 at 60
    assert counts(state) == [20.0, 40.0] and np.asarray(state.step).tolist() == [60, 60]


@pytest.mark.parametrize("sign", [1, -1], ids=["lower is better", "higher is better"])
def test_of_equal_scores_the_first_is_kept_whichever_is_better(sign):
    """Steps 20 and 30 are as far from 25."""
    told = Told()
    measure = lambda params: sign * distance(params, jnp.array([25.0, 1000.0]))  # noqa: E731
    state = fit(Watch(measure, every=10, patience=3, higher_is_better=sign < 0), told=told, num_steps=70)
    assert counts(state) == [20.0, 70.0] and told.best == [([20, 70], [sign * 25.0, sign * 930.0**2])]


def test_a_seed_knows_nothing_of_the_others():
    both = fit(Watch(nearness, every=10), num_steps=50)
    for seed, target in enumerate(TARGETS):
        watch = Watch(partial(nearness, targets=[target]), every=10)
        alone = fit(watch, num_steps=50, num_seeds=1)
        equal(alone.params, jax.tree.map(lambda leaf, s=seed: leaf[s : s + 1], both.params))


def test_the_end_of_training_is_measured_wherever_it_falls():
    told = Told()
    state = fit(Watch(partial(nearness, targets=[99.0, 20.0]), every=10), told=told, num_steps=27)
    assert told.steps == [10, 20, 27] and counts(state) == [27.0, 20.0]


@pytest.mark.parametrize("patience", [0, 2])
@pytest.mark.parametrize("blocks", [1, 5, 8, 11])
def test_stopped_and_resumed_equals_unbroken(tmp_path, blocks, patience):
    watch, whole, parts = Watch(nearness, every=10, patience=patience), Told(), Told()
    unbroken = fit(watch, told=whole)
    stops = iter([False] * (blocks - 1) + [True])
    with pytest.raises(loop.Stopped, match=f"step {5 * blocks} of 100"):
        fit(watch, tmp_path, parts, stop_requested=lambda: next(stops))
    resumed = fit(watch, tmp_path, parts)
    equal(resumed, unbroken)
    assert parts == whole and parts.best == whole.best


def test_killed_while_it_reports_equals_unbroken(tmp_path):
    watch = Watch(nearness, every=10, patience=2)
    unbroken = fit(watch)

    def die(step, metrics):
        if step == 45:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(watch, tmp_path, on_metrics=die, checkpoint_seconds=0.0)
    assert Checkpoints(tmp_path).steps()[-1] == 40
    equal(fit(watch, tmp_path), unbroken)


@pytest.mark.parametrize("options", [{"num_steps": 50}, {"num_steps": 27}, {"num_steps": 100, "patience": 2}])
def test_a_finished_run_is_found_again_and_reports_nothing_anew(tmp_path, options):
    watch = Watch(nearness, every=10, patience=options.get("patience", 0))
    first, again = Told(), Told()
    state = fit(watch, tmp_path, first, num_steps=options["num_steps"])
    equal(fit(watch, tmp_path, again, num_steps=options["num_steps"]), state)
    assert again == [] and again.best == first.best


@pytest.mark.parametrize(("first", "then"), [(20, 50), (27, 50), (27, 53), (80, 100)])
@pytest.mark.parametrize("patience", [0, 2])
def test_more_steps_than_a_finished_run_had_go_on_from_its_end(tmp_path, first, then, patience):
    """27 is no multiple of `steps_per_call`, and the best there is; a run that goes on past it never measures it. With
    patience the run of 80 had ended by itself."""
    watch = Watch(partial(nearness, targets=(27.0, 40.0)), every=10, patience=patience)
    fit(watch, tmp_path, num_steps=first)
    began, told, whole = [], Told(), Told()
    longer = fit(watch, tmp_path, told, num_steps=then, on_start=began.append)
    equal(longer, fit(watch, told=whole, num_steps=then))
    assert began == [60 if patience and first == 80 else first]
    assert told == [row for row in whole if row[0] > began[0]] and told.best == whole.best


def test_only_what_is_trained_is_kept_twice():
    params = counting().init(jax.random.key(0)).params
    assert set(watching.start(Watch(nearness, 1), params, ("held/",)).params) == {"count/kernel"}


def test_without_a_watch_the_checkpoint_is_that_of_state_and_source(tmp_path):
    fit(None, tmp_path, num_steps=5)
    manifest = (tmp_path / "step_000000005" / "manifest.json").read_text()
    assert "[0].step" in manifest and "[2]." not in manifest


def test_a_score_that_is_not_finite_names_the_step_and_keeps_the_last_checkpoint(tmp_path):
    def broken(params):
        return jnp.where(params["count"]["kernel"][:, 0] >= jnp.array([99.0, 30.0]), jnp.nan, 0.0)

    with pytest.raises(JaxrecError, match=r"watched score at step 30 is nan \(seed 1\)"):
        fit(Watch(broken, every=10), tmp_path, checkpoint_seconds=0.0)
    assert Checkpoints(tmp_path).steps()[-1] == 25


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"every": 7}, "watch.every is 7: set it to a multiple of steps_per_call, which is 5"),
        ({"every": 0}, "watch.every is 0"),
        ({"patience": -1}, "watch.patience is -1"),
    ],
)
def test_a_watch_that_does_not_fit_is_refused(change, message):
    with pytest.raises(JaxrecError, match=message):
        fit(Watch(nearness, every=10)._replace(**change))
