import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec import defaults
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation, Trajectories
from jaxrec.experiment.artifacts import save_arrays
from jaxrec.experiment.context import Context, check_stages
from tests.experiment import tiny


def _config():
    config = defaults.get_config()
    config.data.options = {"text": False, "images": False}
    config.environments.train = defaults.environment("embedded")
    config.stages.a2c = defaults.fit("actor_critic.a2c", "train", num_steps=2)
    config.stages.log = defaults.collect("a2c", "train", num_episodes=10, mixture={"expert": (1.0, 0.0)})
    config.stages.dt = defaults.fit("decision_transformer.dt", "log", num_steps=2)
    config.order = ("a2c", "log", "dt")
    return config


def test_stages_in_order_are_accepted():
    check_stages(_config())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(order=("log", "a2c", "dt")), "'log' needs 'a2c', which does not run before it"),
        (lambda c: c.update(order=("a2c", "logs")), "order names stage 'logs'"),
        (lambda c: c.stages.dt.update(data="lgo"), "'dt' names 'lgo', which is neither a stage"),
        (lambda c: c.environments.train.update(user_model="ratings"), "needs 'ratings'"),
    ],
)
def test_a_misplaced_stage_is_named(change, message):
    config = _config()
    change(config)
    with pytest.raises(JaxrecError, match=message):
        check_stages(config)


def test_fingerprint_covers_everything_a_stage_is_made_from(tmp_path):
    base = Context(_config(), tmp_path).fingerprint("dt")
    assert Context(_config(), tmp_path).fingerprint("dt") == base
    for change in (
        lambda c: c.stages.a2c.update(num_steps=3),
        lambda c: c.environments.train.update(max_turn=5),
        lambda c: c.update(seed=1),
        lambda c: c.stages.dt.algorithm.update(width=32),
    ):
        config = _config()
        change(config)
        assert Context(config, tmp_path).fingerprint("dt") != base
    other = _config()
    other.stages.dt.num_steps = 9
    assert Context(other, tmp_path).fingerprint("log") == Context(_config(), tmp_path).fingerprint("log")


def test_learners_from_a_log_are_told_its_returns(tmp_path):
    """Three episodes of two turns, returning 2, 4 and 6."""
    context = Context(tiny.get_config(), tmp_path)
    zero = np.zeros((3, 2), np.int32)
    reward = np.repeat(np.float32([[1], [2], [3]]), 2, axis=1)
    trajectories = Trajectories(Observation(zero, zero, reward, zero, np.zeros((3, 2, 0))), zero, reward, zero == 0)
    context.folder("log").path.mkdir()
    save_arrays(context.folder("log").path / "trajectories.npz", trajectories)
    spec = context.logs("log").spec
    assert spec.return_range == (1.0, 6.0) and spec.num_items > 0
    np.testing.assert_allclose(spec.episode_returns, jnp.linspace(2.0, 6.0, 11), rtol=1e-6)


def test_what_was_published_of_sequences_makes_no_other_stage(tmp_path):
    config = _config()
    config.sequences.sessions = defaults.sequences()
    config.stages.dt.data = "sessions"
    base = Context(config, tmp_path).fingerprint("dt")
    config.sequences.sessions.published = {"source": "Table 1", "items": 3}
    assert Context(config, tmp_path).fingerprint("dt") == base
    config.sequences.sessions.length = 5
    assert Context(config, tmp_path).fingerprint("dt") != base


def test_defaults_name_an_unknown_option_or_file():
    with pytest.raises(JaxrecError, match="has no option 'widht'"):
        defaults.algorithm("decision_transformer.dt", widht=3)
    with pytest.raises(JaxrecError, match="no jaxrec/algorithms/decision_transformer/td.py"):
        defaults.algorithm("decision_transformer.td")
    assert defaults.algorithm("decision_transformer.dt", optimizer__clip_norm=0.5).optimizer.clip_norm == 0.5
