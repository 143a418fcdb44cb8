"""What is asked of policies at evaluation: set in their parameters, swept, checked, and no part of any fit."""

from __future__ import annotations

import jax.numpy as jnp
import pytest
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item.modt4r_ranking import ask
from jaxrec.base.contracts import Measured
from jaxrec.base.errors import JaxrecError
from jaxrec.config import declare, experiment, outputs
from jaxrec.experiment import inference, option_ranges
from jaxrec.experiment.stages import evaluate


def config(**asked) -> ConfigDict:
    made = experiment.defaults()
    made.datasets.sequences = declare.dataset("sequences")
    made.stages.sasrec = declare.fit("next_item.cross_entropy", "sequences", num_steps=1)
    made.stages.item_vectors = declare.transform("sasrec", "item_vectors")
    made.stages.modt4r = declare.fit("next_item.modt4r", "sequences", beside={"vectors": "item_vectors"}, num_steps=1)
    made.stages.evaluation = declare.evaluate(("sasrec", "modt4r"), "sequences", by="rankings")
    made.order = ("sasrec", "item_vectors", "modt4r", "evaluation")
    made.inference = asked
    return made


PARAMS = {"inference": {"alpha": jnp.ones(2), "ahead": jnp.ones(2), "epsilon": jnp.ones(2), "diversity": jnp.ones(2)},
          "other": jnp.zeros(3)}  # fmt: skip


def measured(params) -> Measured:
    return Measured({"HR": 10 * params["inference"]["diversity"]}, {})


def test_an_algorithm_sets_its_own_options():
    found = ask(PARAMS, {"diversity": 2.5})
    assert found["inference"]["diversity"].tolist() == [2.5, 2.5] and found["inference"]["alpha"].tolist() == [1, 1]
    assert set(found["inference"]) == set(PARAMS["inference"]) and found["other"] is PARAMS["other"]


def test_a_sweep_measures_each_value_and_the_one_asked_for():
    made = config(diversity=1.5)
    made.sweeps.curve = outputs.sweep("diversity", ("modt4r",), (0.0, 2.0))
    now, curves = inference.Asks(made, "modt4r", ask, PARAMS).answers(measured)
    assert now.metrics["HR"].tolist() == [15, 15]
    assert curves == {"curve": [(v, {"HR": [10 * v] * 2}) for v in (0.0, 1.5, 2.0)]}


def test_the_same_question_is_measured_once():
    made, asked = config(diversity=0.5), []
    made.sweeps.curve = outputs.sweep("diversity", ("modt4r",), (0.5, 2.0, 2))
    inference.Asks(made, "modt4r", ask, PARAMS).answers(lambda params: asked.append(params) or measured(params))
    assert len(asked) == 2


def test_who_cannot_be_asked_is_measured_as_it_is():
    made = config(diversity=1.5)
    made.sweeps.curve = outputs.sweep("diversity", ("modt4r",), (0.0, 2.0))
    params = {"inference": PARAMS["inference"]}
    now, curves = inference.Asks(made, "sasrec", None, params).answers(measured)
    assert now.metrics["HR"].tolist() == [10, 10] and curves == {}


def test_what_is_asked_otherwise_is_said_of_whom():
    policies = ("sasrec", "modt4r")
    assert inference.notes(config(), policies) == inference.notes(config(diversity=1.0), policies) == []
    said = inference.notes(config(diversity=2.0, alpha=1.0, epsilon=0.25), policies)
    assert set(said) == {
        "Asked at ranking: diversity 2 (by default 1), of modt4r.",
        "Asked at ranking: epsilon 0.25 (by default 0.5), of modt4r.",
    }


def test_only_evaluations_depend_on_it(tmp_path):
    class Fake:
        def __init__(self, config):
            self.config = config

    base, asked, swept, titled = config(), config(diversity=2.0), config(), config()
    swept.sweeps.curve = outputs.sweep("diversity", ("modt4r",), (0.0, 2.0))
    titled.sweeps.curve = outputs.sweep("diversity", ("modt4r",), (0.0, 2.0), "a title")
    options = [evaluate.options(Fake(made), "evaluation") for made in (base, asked, swept, titled)]
    assert options[0] != options[1] != options[2] and options[0] != options[2] and options[2] == options[3]


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
        option_ranges.check(config(diversity=value))
    made = config()
    made.sweeps.curve = outputs.sweep("diversity", ("modt4r",), (0.0, value))
    with pytest.raises(JaxrecError, match=r"sweeps.curve.at is \(0.0, .*: set it to one or more finite numbers"):
        option_ranges.check(made)


def test_a_sweep_of_nothing_is_refused():
    for policies, at, message in ((("modt4r",), (), "at is"), ((), (1.0,), "policies is")):
        made = config()
        made.sweeps.curve = outputs.sweep("diversity", policies, at)
        with pytest.raises(JaxrecError, match=rf"sweeps.curve.{message} \(\): set it to"):
            option_ranges.check(made)
