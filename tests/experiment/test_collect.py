import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxrec import experiment
from jaxrec.base.contracts import Policy
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.stages.collect import episode_kinds, with_random_steps
from tests.experiment import tiny


def _policy(output):
    return Policy(lambda params, n: (), lambda params, carry, observation, key: (carry, output))


def _observation(size):
    zero = jnp.zeros(size, jnp.int32)
    return Observation(zero, zero, jnp.zeros(size), zero, jnp.zeros((size, 0)))


def test_kinds_follow_the_shares():
    kinds = episode_kinds(ConfigDict({"expert": (0.25, 0.0), "medium": (0.5, 0.5), "random": (0.25, 1.0)}), 8)
    assert kinds == ["expert"] * 2 + ["medium"] * 4 + ["random"] * 2


@pytest.mark.parametrize("mixture", [{"a": (0.5, 0.0)}, {"a": (1.5, 0.0), "b": (-0.5, 0.0)}, {"a": (1.0, 1.5)}])
def test_mixtures_that_make_no_sense_are_refused(mixture):
    with pytest.raises(JaxrecError, match="mixture"):
        episode_kinds(ConfigDict(mixture), 8)


def test_random_steps_come_at_their_rate():
    spec, size = EnvironmentSpec(1, 4, 10), 4000
    epsilon = np.repeat([0.0, 0.5, 1.0], [1000, 2000, 1000]).astype(np.float32)
    logits = jnp.tile(jnp.array([9.0, 0, 0, 0]), (size, 1))
    _, mixed = with_random_steps(_policy(logits), epsilon, spec).act(None, (), _observation(size), jax.random.key(0))
    flat = np.asarray(mixed == 0).all(1)
    assert not flat[:1000].any() and flat[3000:].all()
    assert abs(flat[1000:3000].mean() - 0.5) < 0.05


def test_a_policy_that_has_learned_nothing_is_logged(tmp_path):
    config = tiny.get_config()
    config.stages.log.policy = "random"
    config.order = ("random", "log")
    experiment.run(config, tmp_path)
    log = Resources(config, tmp_path).dataset("log").data
    assert log.reward.shape == (10, 4) and (log.mask.sum(1) >= 1).all() and len(np.unique(log.action)) > 10


def test_random_continuous_actions_fill_the_box():
    spec = EnvironmentSpec(1, 0, 10, action_size=2)
    policy = with_random_steps(_policy(jnp.full((2000, 2), 5.0)), np.ones(2000, np.float32), spec)
    action = policy.act(None, (), _observation(2000), jax.random.key(0))[1]
    assert action.min() < -0.95 and 0.95 < action.max() < 1.0 and abs(float(action.mean())) < 0.05
