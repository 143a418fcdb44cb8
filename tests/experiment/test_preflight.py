"""Mistakes in what concerns a run as a whole are one line before any work."""

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.config import declare
from jaxrec.experiment import preflight
from jaxrec.experiment.resources import Resources
from tests.experiment import tiny


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_seeds": 0}, "num_seeds is 0: set it to a whole number from 1 upward"),
        ({"seed": -1}, "seed is -1: set it to a whole number from 0 upward"),
        ({"mesh.model": 0}, "mesh.model is 0: set it to a whole number from 1 upward"),
        ({"checkpoint_seconds": float("nan")}, "checkpoint_seconds is nan"),
        ({"order": ()}, r"order is \(\): set it to a list of one or more names, each once"),
        ({"order": ("a2c", "a2c")}, "order is .*each once"),
        ({"sharding": (("a(", ("data",)),)}, r"sharding rule \('a\(', .* is not \(path regex, axes\)"),
        ({"sharding": (("table", ("rows",)),)}, "set each axis to 'data', 'model' or None"),
        ({"stages.evaluation.policies": ()}, r"stage 'evaluation': policies is \(\)"),
        ({"stages.log.num_episodes": 0}, "stage 'log': num_episodes is 0"),
        ({"datasets.train.world.dynamics.noise": float("nan")}, "world: dynamics.noise is nan"),
        ({"datasets.train.world.num_items": 1}, "world: num_items is 1: set it to a whole number from 2 upward"),
    ],
)
def test_a_value_that_cannot_be_is_named(tmp_path, change, message):
    config = tiny.get_config()
    config.update_from_flattened_dict(change)
    with pytest.raises(JaxrecError, match=message):
        preflight.check(Resources(config, tmp_path))


@pytest.mark.parametrize("longer", ["test.max_turn", "modes"])
def test_episodes_longer_than_a_model_can_count_are_refused(tmp_path, longer):
    """Turns beyond the largest have one embedding together."""
    config = tiny.get_config()
    config.stages.dt = declare.fit("decision_transformer.dt", "log", num_steps=1, context_length=2, state_window=2)
    config.order = ("a2c", "log", "dt", "random", "evaluation")
    config.stages.evaluation.policies = ("random", "dt")
    preflight.check(Resources(config, tmp_path))
    if longer == "modes":
        config.stages.evaluation.evaluator.modes = ("FB", "NX_5")
    else:
        config.datasets.test.max_turn = 5
    told = "stage 'evaluation': 'dt' learned from episodes of up to 4 turns .*, but those here have up to 5"
    with pytest.raises(JaxrecError, match=told):
        preflight.check(Resources(config, tmp_path))
    config.order, config.stages.again = (
        ("a2c", "log", "dt", "again"),
        declare.collect("dt", "test", num_episodes=3, mixture={"all": (1.0, 0.0)}),
    )
    if longer != "modes":
        with pytest.raises(JaxrecError, match="stage 'again': 'dt' learned from episodes of up to 4 turns"):
            preflight.check(Resources(config, tmp_path))


@pytest.mark.parametrize("name", ["tensorboard", "a/c", "-a", "a b"])
def test_a_stage_whose_folder_would_be_another_ones_is_refused(tmp_path, name):
    config = tiny.get_config()
    config.stages[name] = config.stages.random
    config.order = (*config.order, name)
    with pytest.raises(JaxrecError, match="a stage cannot be called"):
        preflight.check(Resources(config, tmp_path))
