"""Returns-to-go worked out by hand."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.losses.returns_to_go import returns_to_go

REWARD = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize("xp", [np, jnp])
def test_each_step_earns_what_comes_from_it_on(xp):
    reward = xp.asarray(REWARD)
    np.testing.assert_array_equal(returns_to_go(reward, xp=xp), [[6, 5, 3], [15, 11, 6]])
    mask = xp.asarray([[True, True, False], [True, False, False]])
    np.testing.assert_array_equal(returns_to_go(reward, mask, xp=xp), [[3, 2, 0], [4, 0, 0]])
    np.testing.assert_array_equal(returns_to_go(reward[0], xp=xp), [6, 5, 3])
