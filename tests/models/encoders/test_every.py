"""What every state encoder promises of its outputs at every place: causal, padding counts for nothing, one model."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.models import encoders
from jaxrec.models.history import EVERY, take

NAMES = encoders.names()
WINDOW, WIDTH = 6, 8


@pytest.fixture(scope="module", params=NAMES)
def encoder(request):
    """(name, jitted apply with parameters bound)."""
    module = encoders.make(request.param, num_items=9, width=WIDTH, feedback_scale=2.0)
    item, feedback, mask = pairs()
    variables = jax.jit(module.init)(jax.random.key(0), item, feedback, mask)

    def apply(item, feedback, mask, places=None, at=None):
        return module.apply(variables, item, feedback, mask, at=at if places is None else places)

    return request.param, jax.jit(apply, static_argnames="at")


def pairs():
    item = jax.random.randint(jax.random.key(1), (2, WINDOW), 0, 9)
    return item, jax.random.uniform(jax.random.key(2), (2, WINDOW)) + 0.5, jnp.ones((2, WINDOW), bool)


def test_no_place_sees_what_comes_after_it(encoder):
    name, apply = encoder
    item, feedback, mask = pairs()
    jacobian = jax.jacobian(lambda f: apply(item, f, mask, at=EVERY)[0].sum(-1) ** 2)(feedback)[:, 0]
    assert jacobian.shape == (WINDOW, WINDOW)
    np.testing.assert_array_equal(jnp.triu(jacobian, 1), 0)
    assert (jnp.abs(jnp.diag(jacobian)).max() > 0) and (jnp.abs(jnp.tril(jacobian, -1)).max() > 0)


def test_the_last_place_is_the_state_that_simulators_use(encoder):
    _, apply = encoder
    item, feedback, full = pairs()
    for mask in (full, full.at[0, :4].set(False)):
        every = apply(item, feedback, mask, at=EVERY)
        assert every.shape == (2, WINDOW, WIDTH)
        np.testing.assert_allclose(every[:, -1], apply(item, feedback, mask), atol=1e-5)


@pytest.mark.parametrize("places", [slice(0, 2), slice(4, 6)], ids=["left", "right"])
def test_what_lies_in_the_padding_changes_nothing(encoder, places):
    _, apply = encoder
    item, feedback, mask = pairs()
    mask = mask.at[:, places].set(False)
    other = apply(item.at[:, places].add(1) % 9, feedback.at[:, places].set(7.0), mask, at=EVERY)
    np.testing.assert_array_equal(apply(item, feedback, mask, at=EVERY)[mask], other[mask])
    assert np.isfinite(other).all()


def test_a_place_is_the_state_of_the_pairs_up_to_it(encoder):
    """In one pass over a sequence padded at the end, each place has the state of its prefix in a window of its own;
    SASRec's positions belong to places in the window, so there the window ends at the place the sequence has it."""
    name, apply = encoder
    item, feedback, mask = pairs()
    every = apply(item, feedback, mask, at=EVERY)
    for last in (0, 2, 5):
        shift = WINDOW - 1 - last
        moved = [jnp.roll(x, shift, axis=1) for x in (item, feedback)]
        padded = jnp.broadcast_to(jnp.arange(WINDOW) >= shift, mask.shape)
        state = apply(*moved, padded)
        if name == "sasrec":
            state = apply(item, feedback, jnp.broadcast_to(jnp.arange(WINDOW) <= last, mask.shape), at=EVERY)[:, last]
        np.testing.assert_allclose(every[:, last], state, atol=1e-5)


def test_the_states_of_some_places_alone(encoder):
    _, apply = encoder
    item, feedback, mask = pairs()
    mask = mask.at[1, 4:].set(False)
    places = jnp.array([[5, 0], [3, 3]])
    every = apply(item, feedback, mask, at=EVERY)
    np.testing.assert_allclose(apply(item, feedback, mask, places), take(every, places), atol=1e-6)
    nested = apply(item[None], feedback[None], mask[None], places[None])
    np.testing.assert_allclose(nested[0], take(every, places), atol=1e-6)


def test_leading_axes_are_rows(encoder):
    _, apply = encoder
    item, feedback, mask = pairs()
    nested = apply(item[None], feedback[None], mask[None], at=EVERY)
    np.testing.assert_allclose(nested[0], apply(item, feedback, mask, at=EVERY), atol=1e-6)
