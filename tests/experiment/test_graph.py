"""Stages run after what they read, and every name stands for one thing."""

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.config import declare, experiment
from jaxrec.experiment import graph


def _config():
    config = experiment.defaults()
    config.data.options = {"text": False, "images": False}
    config.datasets.train = declare.dataset("environment", "embedded")
    config.stages.a2c = declare.fit("actor_critic.a2c", "train", num_steps=2)
    config.stages.log = declare.collect("a2c", "train", num_episodes=10, mixture={"expert": (1.0, 0.0)})
    config.stages.dt = declare.fit("decision_transformer.dt", "log", num_steps=2)
    config.order = ("a2c", "log", "dt")
    return config


def test_stages_in_order_are_accepted():
    graph.check(_config())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(order=("log", "a2c", "dt")), "'log' needs 'a2c', which does not run before it"),
        (lambda c: c.update(order=("a2c", "logs")), "order names stage 'logs'"),
        (lambda c: c.stages.dt.update(data="lgo"), "'dt' names 'lgo', which is neither a stage"),
        (lambda c: c.datasets.train.update(user_model="ratings"), "needs 'ratings'"),
        (lambda c: c.stages.log.update(policy="train"), "'log' needs a model, and 'train' is no fit or estimate stage"),
        (lambda c: c.stages.a2c.update(kind="fti"), "no kind of stage 'fti', did you mean 'fit'"),
        (lambda c: c.datasets.update(log=declare.dataset("ratings")), "'log' is a dataset and a stage"),
        (lambda c: c.stages.dt.update(start_from="log2"), None),  # a folder of another run, looked at later
    ],
)
def test_a_misplaced_or_unknown_stage_is_named(change, message):
    config = _config()
    change(config)
    if message is None:
        return graph.check(config)
    with pytest.raises(JaxrecError, match=message):
        graph.check(config)


def test_the_kind_of_a_dataset_is_declared_or_what_a_stage_leaves():
    config = _config()
    assert graph.kind_of(config, "train") == "environment" and graph.kind_of(config, "log") == "trajectories"
    with pytest.raises(JaxrecError, match=r"'dt' \(fit\) leaves no dataset"):
        graph.kind_of(config, "dt")
    with pytest.raises(JaxrecError, match="no dataset is called 'tarin'"):
        graph.kind_of(config, "tarin")
