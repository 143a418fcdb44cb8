import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.training import learner, loop, optimizers, sources
from jaxrec.training.checkpoint import Checkpoints
from tests.training import problems


def _fit(tmp=None, *, learner_source=None, log=None, **options):
    made, source = learner_source or problems.make()
    checkpoints = Checkpoints(tmp) if tmp else None
    options = {"num_steps": 30, "steps_per_call": 10, "num_seeds": 2} | options
    record = (lambda step, m: log.append((step, m))) if log is not None else (lambda step, m: None)
    return loop.fit(made, source, problems.data(), checkpoints=checkpoints, on_metrics=record, **options)


def test_learns_and_reports_each_step_once():
    log = []
    state = _fit(num_steps=600, steps_per_call=250, log=log)
    np.testing.assert_allclose(state.params["model"]["kernel"], np.stack([problems.WEIGHTS] * 2), atol=0.05)
    assert [step for step, _ in log] == [250, 500, 600]
    assert [m["loss/total"].shape for _, m in log] == [(2, 250), (2, 250), (2, 100)]


def test_every_seed_has_keys_of_its_own():
    seeds = (0, 1, 2**31, 2**32 - 1)
    keys = [jax.random.key_data(loop.seed_keys(seed, 2)) for seed in seeds]
    assert len({tuple(key.tolist()) for of_seed in keys for key in of_seed}) == 2 * len(seeds)


def test_block_length_and_other_seeds_change_nothing():
    one = _fit(num_seeds=1, steps_per_call=7)
    three = _fit(num_seeds=3, steps_per_call=30)
    kernel, first = one.params["model"]["kernel"][0], three.params["model"]["kernel"][0]
    np.testing.assert_allclose(kernel, first, rtol=1e-6)
    assert not np.allclose(first, three.params["model"]["kernel"][1])


def test_stopped_and_resumed_equals_unbroken_bit_for_bit(tmp_path):
    whole, parts = [], []
    unbroken = _fit(log=whole)
    calls = iter([False, True])
    with pytest.raises(loop.Stopped, match="step 20 of 30"):
        _fit(tmp_path, log=parts, stop_requested=lambda: next(calls))
    started = []
    resumed = _fit(tmp_path, log=parts, on_start=started.append)
    assert started == [20]
    jax.tree.map(np.testing.assert_array_equal, resumed, unbroken)
    for (step, one), (other, two) in zip(whole, parts, strict=True):
        assert step == other
        jax.tree.map(np.testing.assert_array_equal, one, two)


def test_finished_run_is_not_trained_again(tmp_path):
    state, log = _fit(tmp_path), []
    again = _fit(tmp_path, log=log)
    assert log == []
    jax.tree.map(np.testing.assert_array_equal, again, state)


@pytest.mark.parametrize(("first", "then"), [(20, 30), (15, 30), (15, 24)])
def test_more_steps_than_a_finished_run_had_go_on_from_its_end(tmp_path, first, then):
    whole, parts, began = [], [], []
    _fit(tmp_path, num_steps=first, log=parts)
    longer = _fit(tmp_path, num_steps=then, log=parts, on_start=began.append)
    jax.tree.map(np.testing.assert_array_equal, longer, _fit(num_steps=then, log=whole))
    assert began == [first] and Checkpoints(tmp_path).steps() == [first, then]
    for name in whole[0][1]:
        one, two = (np.concatenate([metrics[name] for _, metrics in log], 1) for log in (whole, parts))
        np.testing.assert_array_equal(one, two)


def _exploding(bad_step):
    def loss_fn(params, batch, key):
        terms, metrics = problems.loss_fn(params, batch, key)
        return terms | {"penalty": jnp.where(params["clock"]["bias"][0] >= bad_step, jnp.nan, 0.0)}, metrics

    def init(key):
        return {"model": {"kernel": jax.random.normal(key, (3,))}, "clock": {"bias": jnp.zeros(1)}}

    made = learner.from_loss(init, loss_fn, optimizers.make(optimizers.defaults()), frozen=("clock/",))

    def update(state, batch, key):
        state, metrics = made.update(state, batch, key)
        return state.replace(params=state.params | {"clock": {"bias": state.params["clock"]["bias"] + 1}}), metrics

    return made._replace(update=update), sources.logged(problems.view(8))


def test_non_finite_loss_names_step_and_term_and_keeps_the_last_good_checkpoint(tmp_path):
    with pytest.raises(JaxrecError, match=r"non-finite loss/penalty at step 14 \(seed 0\)"):
        _fit(tmp_path, learner_source=_exploding(14), checkpoint_seconds=0.0)
    assert Checkpoints(tmp_path).steps() == [10]


def test_streamed_batches_resume_where_they_stood(tmp_path):
    rows = problems.data()
    records = [{"x": x, "y": y} for x, y in zip(rows["x"], rows["y"], strict=True)]
    pair = problems.make()[0], sources.streamed(records, batch_size=8)
    unbroken = _fit(learner_source=pair, steps_per_call=8)
    calls = iter([False, True])
    with pytest.raises(loop.Stopped):
        _fit(tmp_path, learner_source=pair, steps_per_call=8, stop_requested=lambda: next(calls))
    resumed = _fit(tmp_path, learner_source=pair, steps_per_call=8)
    jax.tree.map(np.testing.assert_array_equal, resumed, unbroken)
    assert not np.allclose(unbroken.params["model"]["kernel"], _fit(steps_per_call=8).params["model"]["kernel"])
