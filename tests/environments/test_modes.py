"""FB, NX_0 and NX_k as changes of an environment's params, and the starting item in them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.contracts import Policy
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.environments import exit_rules, feedback_matrix, modes, rewards, rollout
from tests.environments import oracles, play


@pytest.fixture(scope="module")
def world():
    return feedback_matrix.make(play.config(max_turn=10), interactions=play.log(), user_model=play.factors())


def test_each_mode_changes_what_it_says(world):
    env, params = world
    expected = {"FB": (False, True, 10), "NX_0": (True, True, 10), "NX_12": (True, False, 12)}
    for name, (no_repeats, exits, steps) in expected.items():
        mode = modes.parse(name)
        changed = modes.apply(mode, env, params)
        assert (mode.no_repeats, bool(changed.exits), changed.max_steps_in_episode) == (no_repeats, exits, steps)
        assert modes.max_steps(env, changed) == steps


@pytest.mark.parametrize("name", ["nx_0", "NX_", "NX_-1", "NX_1.5", "FB_1", ""])
def test_unknown_modes_are_refused(name):
    with pytest.raises(JaxrecError, match="evaluation mode"):
        modes.parse(name)


def test_more_steps_than_items_are_refused(world):
    env, params = world
    modes.apply(modes.parse(f"NX_{play.ITEMS}"), env, params)
    with pytest.raises(JaxrecError, match="15 different items"):
        modes.apply(modes.parse(f"NX_{play.ITEMS + 1}"), env, params)
    long = params.replace(max_steps_in_episode=30)
    with pytest.raises(JaxrecError, match="30 different items"):
        modes.apply(modes.parse("NX_0"), env, long)
    assert modes.apply(modes.parse("FB"), env, long).max_steps_in_episode == 30


def test_the_start_needs_an_item_more(world):
    spec = EnvironmentSpec(num_users=3, num_items=10, max_turn=10)
    modes.check_catalogue(modes.parse("NX_10"), spec)
    with pytest.raises(JaxrecError, match="11 different items"):
        modes.check_catalogue(modes.parse("NX_10"), spec, forbid_start=True)


def test_the_starting_item_is_forbidden_as_published():
    """2,000 episodes of NX_10, 290 users and 300 items: equal to the published mask with the option, not without."""
    rng, users, items, steps, episodes = np.random.default_rng(0), 290, 300, 10, 2000
    place = rng.normal(size=(items, 2))
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1) + 9.0 * np.eye(items)
    params = feedback_matrix.EnvParams(
        rewards=rewards.Dense(jnp.asarray(rng.random((users, items)), jnp.float32)),
        exit_rule=exit_rules.Distance(jnp.zeros((items, items)), jnp.float32(1)),
        exits=jnp.bool_(False),
        max_steps_in_episode=steps,
        window=7,
        window_mode="easyrl4rec",
    )
    env = feedback_matrix.FeedbackMatrix(params)
    score = jnp.asarray(-distance, jnp.float32)  # the nearest item comes next, to which the start is often the nearest
    policy = Policy(lambda params, num_users: (), lambda params, carry, seen, key: (carry, params[seen.item]))

    def recommended(forbid_start):
        def play_all(score):
            start = rollout.start(env, params, policy, score, jax.random.key(0), episodes)
            options = {"auto_reset": False, "selection": "greedy", "no_repeats": True, "forbid_start": forbid_start}
            key = jax.random.key(1)
            _, taken = rollout.rollout(env, params, policy, score, start, key, num_steps=steps, **options)
            return start.observation.item, taken.action.T

        return jax.tree.map(np.asarray, jax.jit(play_all)(score))

    start, found = recommended(True)
    expected = oracles.published_recommendations(start, lambda turn, last: np.asarray(score)[last], steps)
    assert (found != expected).any(1).sum() == 0
    assert (recommended(False)[1] != expected).any(1).sum() > 400
