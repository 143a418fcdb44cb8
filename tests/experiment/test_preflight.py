"""Mistakes in what concerns a run as a whole are one line before any work."""

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import preflight
from jaxrec.experiment.resources import Resources
from tests.experiment import tiny


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_seeds": 0}, "num_seeds is 0: set it to a whole number from 1 upward"),
        ({"seed": -1}, "seed is -1: set it to a whole number from 0 upward"),
        ({"seed": 2**32}, "seed is 4294967296: set it to a whole number from 0 upward, below 2"),
        ({"seed": 10**30}, "seed is 10+: set it to a whole number from 0 upward, below 2"),
        ({"mesh.model": -1}, "mesh.model is -1: set it to a whole number from 1 upward"),
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


@pytest.mark.parametrize("name", ["tensorboard", "a/c", "-a", "a b"])
def test_a_stage_whose_folder_would_be_another_ones_is_refused(tmp_path, name):
    config = tiny.get_config()
    config.stages[name] = config.stages.random
    config.order = (*config.order, name)
    with pytest.raises(JaxrecError, match="a stage cannot be called"):
        preflight.check(Resources(config, tmp_path))
