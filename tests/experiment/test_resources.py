"""The recipe of a stage: all that its artifact follows from, and nothing else."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation, Trajectories
from jaxrec.config import declare
from jaxrec.experiment.resources import Resources, opened
from jaxrec.experiment.store import save_arrays, write_checked
from tests.experiment import tiny


def _prints(config, tmp_path, names):
    resources = Resources(config, tmp_path)
    return [resources.stage_fingerprint(name) for name in names]


def test_a_recipe_covers_everything_that_a_stage_is_made_from(tmp_path):
    names = ("a2c", "log", "random", "evaluation")
    base = _prints(tiny.get_config(), tmp_path, names)
    assert _prints(tiny.get_config(), tmp_path / "elsewhere", names) == base

    def changed(change):
        config = tiny.get_config()
        change(config)
        return [new != old for new, old in zip(_prints(config, tmp_path, names), base, strict=True)]

    assert changed(lambda c: c.stages.a2c.update(num_steps=25)) == [True, True, False, True]
    assert changed(lambda c: c.stages.a2c.algorithm.update(width=8)) == [True, True, False, True]
    assert changed(lambda c: c.datasets.train.update(max_turn=3)) == [True, True, True, True]
    assert changed(lambda c: c.datasets.test.update(max_turn=3)) == [False, False, False, True]
    assert changed(lambda c: c.update(seed=1)) == [True, True, False, True]
    assert changed(lambda c: c.update(num_seeds=3)) == [True, True, False, True]
    assert changed(lambda c: c.stages.evaluation.evaluator.update(num_episodes=5)) == [False, False, False, True]


def test_what_changes_no_result_is_no_part_of_it(tmp_path):
    names = ("a2c", "log", "random", "evaluation")
    base = _prints(tiny.get_config(), tmp_path, names)
    config = tiny.get_config()
    config.update(name="another", paper="?", checkpoint_seconds=7.0, notes=("a",), reference={"a2c": (1.0, 1.0, 1.0)})
    config.data.root = "a folder that is not read"
    config.stages.a2c.steps_per_call = 4
    config.mesh.model = 1
    assert _prints(config, tmp_path, names) == base


def test_the_content_of_a_file_counts_and_its_place_does_not(tmp_path):
    names = ("model", "evaluation")
    for place, shift in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / place).mkdir()
        tiny.write_log(tmp_path / place / "log.csv", shift=shift)
    a, b, c = (_prints(tiny.sequences_config(tmp_path / place / "log.csv"), tmp_path, names) for place in "abc")
    assert a == b and a[0] != c[0] and a[1] != c[1]


def test_what_models_are_measured_on_is_no_part_of_what_they_learned(tmp_path):
    tiny.write_log(tmp_path / "log.csv")
    base = _prints(tiny.sequences_config(tmp_path / "log.csv"), tmp_path, ("model", "evaluation"))

    def changed(change):
        config = tiny.sequences_config(tmp_path / "log.csv")
        change(config)
        return [new != old for new, old in zip(_prints(config, tmp_path, ("model", "evaluation")), base, strict=True)]

    assert changed(lambda c: c.stages.evaluation.evaluator.update(ks=(1, 3))) == [False, True]
    assert changed(lambda c: c.datasets.sequences.update(held_out="validation")) == [False, True]
    assert changed(lambda c: c.datasets.sequences.update(published={"source": "T", "items": 3})) == [False, False]
    assert changed(lambda c: c.datasets.sequences.update(length=3)) == [True, True]
    assert changed(lambda c: c.datasets.sequences.update(head=0.5)) == [True, True]  # SMORL learns from the tail


def test_the_ids_of_the_items_are_content(tmp_path):
    """The same rows with other names of items are another catalogue."""
    tiny.write_log(tmp_path / "log.csv")
    text = (tmp_path / "log.csv").read_text().splitlines()
    renamed = [text[0], *(f"{u},{int(i) + 10},{r},{t}" for u, i, r, t in (line.split(",") for line in text[1:]))]
    (tmp_path / "renamed.csv").write_text("\n".join(renamed) + "\n")
    prints = [
        _prints(tiny.sequences_config(tmp_path / name), tmp_path, ("model",)) for name in ("log.csv", "renamed.csv")
    ]
    assert prints[0] != prints[1]


def test_learners_from_a_log_are_told_its_returns(tmp_path):
    """Three episodes of two turns, returning 2, 4 and 6."""
    resources = Resources(tiny.get_config(), tmp_path)
    zero = np.zeros((3, 2), np.int32)
    reward = np.repeat(np.float32([[1], [2], [3]]), 2, axis=1)
    trajectories = Trajectories(Observation(zero, zero, reward, zero, np.zeros((3, 2, 0))), zero, reward, zero == 0)
    resources.once(("recipe", "log"), dict)
    resources.folder("log").open()
    save_arrays(resources.folder("log").path / "trajectories.npz", trajectories)
    resources.folder("log").finish({})
    spec = resources.dataset("log").spec
    assert spec.return_range == (1.0, 6.0) and spec.num_items > 0
    np.testing.assert_allclose(spec.episode_returns, jnp.linspace(2.0, 6.0, 11), rtol=1e-6)


def test_options_name_an_unknown_option_or_file():
    with pytest.raises(JaxrecError, match="has no option 'widht'"):
        declare.algorithm("decision_transformer.dt", widht=3)
    with pytest.raises(JaxrecError, match="no algorithm 'decision_transformer.td', did you mean"):
        declare.algorithm("decision_transformer.td")
    assert declare.algorithm("decision_transformer.dt", optimizer__clip_norm=0.5).optimizer.clip_norm == 0.5


def test_a_workdir_is_opened_by_its_config(tmp_path):
    config = tiny.get_config()
    write_checked(tmp_path / "config.json", config.to_dict())
    run = opened(tmp_path)
    assert run.workdir == tmp_path and run.config.to_dict() == config.to_dict()
    with pytest.raises(JaxrecError, match="config.json is missing"):
        opened(tmp_path / "elsewhere")
    (tmp_path / "config.json").write_text((tmp_path / "config.json").read_text().replace('"width": 4', '"width": 8'))
    with pytest.raises(JaxrecError, match="config.json is damaged; run the command of that run again"):
        opened(tmp_path)
