"""FB, NX_0 and NX_k as changes of an environment's params."""

from __future__ import annotations

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.environments import feedback_matrix, modes
from tests.environments import play


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
