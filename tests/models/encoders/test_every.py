"""What every state encoder promises of its states: causal, padding counts for nothing, three methods of one model."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.models import encoders
from jaxrec.models.history import at_positions

NAMES = encoders.names()
WINDOW, WIDTH = 6, 8


@pytest.fixture(scope="module", params=NAMES)
def encoder(request):
    """(name, {method: jitted, with parameters bound})."""
    module = encoders.make(request.param, num_items=9, width=WIDTH, feedback_scale=2.0)
    item, feedback, mask = pairs()
    variables = jax.jit(module.init)(jax.random.key(0), item, feedback, mask)

    methods = ("states", "states_at", "__call__")
    return request.param, {m: jax.jit(functools.partial(module.apply, variables, method=m)) for m in methods}


def pairs():
    item = jax.random.randint(jax.random.key(1), (2, WINDOW), 0, 9)
    return item, jax.random.uniform(jax.random.key(2), (2, WINDOW)) + 0.5, jnp.ones((2, WINDOW), bool)


def test_no_position_sees_what_comes_after_it(encoder):
    name, methods = encoder
    item, feedback, mask = pairs()
    jacobian = jax.jacobian(lambda f: methods["states"](item, f, mask)[0].sum(-1) ** 2)(feedback)[:, 0]
    assert jacobian.shape == (WINDOW, WINDOW)
    np.testing.assert_array_equal(jnp.triu(jacobian, 1), 0)
    assert (jnp.abs(jnp.diag(jacobian)).max() > 0) and (jnp.abs(jnp.tril(jacobian, -1)).max() > 0)


def test_the_last_position_is_the_state_that_simulators_use(encoder):
    _, methods = encoder
    item, feedback, full = pairs()
    for mask in (full, full.at[0, :4].set(False)):
        every = methods["states"](item, feedback, mask)
        assert every.shape == (2, WINDOW, WIDTH)
        np.testing.assert_allclose(every[:, -1], methods["__call__"](item, feedback, mask), atol=1e-5)


@pytest.mark.parametrize("padding", [slice(0, 2), slice(4, 6)], ids=["left", "right"])
def test_what_lies_in_the_padding_changes_nothing(encoder, padding):
    _, methods = encoder
    item, feedback, mask = pairs()
    mask = mask.at[:, padding].set(False)
    other = methods["states"](item.at[:, padding].add(1) % 9, feedback.at[:, padding].set(7.0), mask)
    np.testing.assert_array_equal(methods["states"](item, feedback, mask)[mask], other[mask])
    assert np.isfinite(other).all()


def test_a_position_is_the_state_of_the_pairs_up_to_it(encoder):
    """In one pass over a sequence padded at the end, each position has the state of its prefix in a window of its own.
    SASRec's position vectors belong to the window's columns, so its prefix is compared in the column it ends at."""
    name, methods = encoder
    item, feedback, mask = pairs()
    every = methods["states"](item, feedback, mask)
    for last in (0, 2, 5):
        shift = WINDOW - 1 - last
        moved = [jnp.roll(x, shift, axis=1) for x in (item, feedback)]
        padded = jnp.broadcast_to(jnp.arange(WINDOW) >= shift, mask.shape)
        state = methods["__call__"](*moved, padded)
        if name == "sasrec":
            state = methods["states"](item, feedback, jnp.broadcast_to(jnp.arange(WINDOW) <= last, mask.shape))[:, last]
        np.testing.assert_allclose(every[:, last], state, atol=1e-5)


def test_the_states_of_some_positions_alone(encoder):
    _, methods = encoder
    item, feedback, mask = pairs()
    mask = mask.at[1, 4:].set(False)
    positions = jnp.array([[5, 0], [3, 3]])
    every = methods["states"](item, feedback, mask)
    np.testing.assert_allclose(
        methods["states_at"](item, feedback, mask, positions), at_positions(every, positions), atol=1e-6
    )
    nested = methods["states_at"](item[None], feedback[None], mask[None], positions[None])
    np.testing.assert_allclose(nested[0], at_positions(every, positions), atol=1e-6)


def test_leading_axes_are_rows(encoder):
    _, methods = encoder
    item, feedback, mask = pairs()
    nested = methods["states"](item[None], feedback[None], mask[None])
    np.testing.assert_allclose(nested[0], methods["states"](item, feedback, mask), atol=1e-6)
