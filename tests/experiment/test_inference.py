"""What is asked of policies at evaluation: set in their parameters, swept, checked, and no part of any fit."""

from __future__ import annotations

import jax.numpy as jnp
import pytest
from ml_collections import ConfigDict

from jaxrec import defaults
from jaxrec.base.errors import JaxrecError
from jaxrec.config import outputs
from jaxrec.experiment import inference
from jaxrec.experiment.context import Context


def config(**asked) -> ConfigDict:
    made = defaults.get_config()
    made.sequences.sequences = defaults.sequences()
    made.stages.sasrec = defaults.fit("next_item.cross_entropy", "sequences", num_steps=1)
    made.stages.modt4r = defaults.fit("next_item.modt4r", "sequences", vectors="sasrec", num_steps=1)
    made.stages.evaluation = defaults.evaluate(("sasrec", "modt4r"), "sequences", modes=())
    made.order = ("sasrec", "modt4r", "evaluation")
    made.inference = asked
    return made


def test_only_what_a_policy_has_is_set():
    params = {"inference": {"alpha": jnp.ones(2), "diversity": jnp.ones(2)}, "other": jnp.zeros(3)}
    found = inference.ask(params, {"diversity": 2.5, "nothing": 1.0})
    assert found["inference"]["diversity"].tolist() == [2.5, 2.5] and found["inference"]["alpha"].tolist() == [1, 1]
    assert set(found["inference"]) == {"alpha", "diversity"} and found["other"] is params["other"]
    assert inference.ask((), {"diversity": 1.0}) == () and inference.ask({}, {"diversity": 1.0}) == {}


def test_a_sweep_measures_each_value_and_the_one_asked_for():
    made = config(diversity=1.5)
    made.sweeps.curve = outputs.sweep("diversity", ("modt4r",), (0.0, 2.0))
    params = {"inference": {"alpha": jnp.ones(2), "diversity": jnp.ones(2)}}
    found = inference.sweep(made, "modt4r", params, lambda p: {"HR": 10 * p["inference"]["diversity"]})
    assert found == {"curve": [(v, {"HR": [10 * v] * 2}) for v in (0.0, 1.5, 2.0)]}
    assert inference.sweep(made, "sasrec", params, None) == {}


def test_the_same_question_is_measured_once():
    asked = []
    answer = inference.once(lambda params: asked.append(params) or len(asked))
    params = {"inference": {"alpha": jnp.ones(2), "diversity": jnp.full(2, 0.3)}}
    assert answer(params) == answer(inference.ask(params, {"diversity": 0.3})) == 1
    assert answer(inference.ask(params, {"diversity": 0.4})) == 2 and answer(params) == 1 and len(asked) == 2
    assert inference.once(lambda params: 7)(()) == 7


def test_what_is_asked_otherwise_is_said_of_whom():
    policies = ("sasrec", "modt4r")
    assert inference.notes(config(), policies) == inference.notes(config(diversity=1.0), policies) == []
    said = inference.notes(config(diversity=2.0, alpha=1.0, epsilon=0.25), policies)
    assert set(said) == {
        "Asked at ranking: diversity 2 (by default 1), of modt4r.",
        "Asked at ranking: epsilon 0.25 (by default 0.5), of modt4r.",
    }


def test_no_fit_depends_on_it(tmp_path):
    base, asked, swept = config(), config(diversity=2.0), config()
    swept.sweeps.curve = outputs.sweep("diversity", ("modt4r",), (0.0, 2.0))
    prints = [[Context(made, tmp_path).fingerprint(name) for name in made.order] for made in (base, asked, swept)]
    assert prints[0][:2] == prints[1][:2] == prints[2][:2], "the fits are the same"
    assert len({stages[2] for stages in prints}) == 3, "the evaluations are not"


def test_an_option_that_no_policy_has_is_named():
    with pytest.raises(JaxrecError, match=r"inference.divresity is asked of no policy .* \['ahead', 'alpha'"):
        inference.check(config(divresity=1.0), "evaluation")
    made = config()
    made.sweeps.curve = outputs.sweep("diversity", ("sasrec",), (1.0,))
    with pytest.raises(JaxrecError, match=r"sweeps.curve asks 'sasrec' for 'diversity'.*\['modt4r'\]"):
        inference.check(made, "evaluation")
    inference.check(config(diversity=2.0), "evaluation")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "much"])
def test_what_is_asked_must_be_finite(value):
    with pytest.raises(JaxrecError, match=f"inference.diversity is '?{value}'?: set it to a finite number"):
        inference.check(config(diversity=value), "evaluation")
    made = config()
    made.sweeps.curve = outputs.sweep("diversity", ("modt4r",), (0.0, value))
    with pytest.raises(JaxrecError, match=r"sweeps.curve.at is \(0.0, .*: set it to one or more finite numbers"):
        inference.check(made, "evaluation")


def test_a_sweep_of_nothing_is_refused():
    for policies, at, message in ((("modt4r",), (), "at is"), ((), (1.0,), "policies is")):
        made = config()
        made.sweeps.curve = outputs.sweep("diversity", policies, at)
        with pytest.raises(JaxrecError, match=rf"sweeps.curve.{message} \(\): set it to"):
            inference.check(made, "evaluation")
