"""The rolling history and the state encoders that read it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation
from jaxrec.models import encoders, history
from jaxrec.models.heads import Embedding


def observe(item, feedback, turn):
    arrays = [np.asarray(item, np.int32), np.asarray(feedback, np.float32), np.asarray(turn, np.int32)]
    users = len(arrays[0])
    return Observation(jnp.zeros(users, jnp.int32), *map(jnp.asarray, arrays), jnp.zeros((users, 0)))


def test_history_keeps_the_newest_and_forgets_at_turn_zero():
    state = history.empty(2, 3)
    for step in ([5, 6], [7, 8], [9, 1], [2, 3]):
        state = history.push(state, observe(step, [0.5, 1.5], [1, 1]))
    np.testing.assert_array_equal(state.item, [[7, 9, 2], [8, 1, 3]])
    state = history.push(state, observe([4, 4], [0.0, 2.0], [0, 5]))
    np.testing.assert_array_equal(state.length, [1, 3])
    np.testing.assert_array_equal(history.mask(state), [[False, False, True], [True, True, True]])
    np.testing.assert_array_equal(state.item[:, -1], [4, 4])
    np.testing.assert_array_equal(state.feedback[1], [1.5, 1.5, 2.0])


@pytest.mark.parametrize("name", ["average", "caser", "gru", "nextitnet", "sasrec"])
def test_encoders_ignore_padding_and_read_order_and_feedback(name):
    encoder = encoders.make(name, num_items=9, width=8, feedback_scale=5.0)
    item, feedback = jnp.array([[1, 2, 3]]), jnp.array([[5.0, 1.0, 3.0]])
    mask = jnp.array([[False, True, True]])
    variables = jax.jit(encoder.init)(jax.random.key(0), item, feedback, mask)
    apply = jax.jit(encoder.apply)
    state = apply(variables, item, feedback, mask)
    assert state.shape == (1, 8)
    np.testing.assert_array_equal(apply(variables, item.at[0, 0].set(7), feedback.at[0, 0].set(2.0), mask), state)
    gradient = jax.jit(jax.grad(lambda f: (encoder.apply(variables, item, f, mask) ** 3).sum()))(feedback)
    assert gradient[0, 0] == 0 and (gradient[0, 1:] != 0).all()
    swapped = apply(variables, item, feedback[:, jnp.array([0, 2, 1])], mask)
    assert not np.allclose(swapped, state), "who was liked must matter"
    assert np.isfinite(apply(variables, item, feedback, jnp.zeros((1, 3), bool))).all()
    nested = apply(variables, item[None], feedback[None], mask[None])
    np.testing.assert_allclose(nested[0], state, atol=1e-6)


def test_average_by_hand():
    encoder = encoders.make("average", num_items=3, width=1, feedback_scale=2.0)
    variables = {"params": {"InteractionEmbedding_0": {"table": jnp.array([[0.0, 0.0], [1.0, 10.0], [2.0, -4.0]])}}}
    state = encoder.apply(variables, jnp.array([0, 1, 2]), jnp.array([9.0, 1.0, 2.0]), jnp.array([False, True, True]))
    np.testing.assert_allclose(state, [((1 + 0.5 * 10) + (2 - 1.0 * 4)) / 2])


def test_unknown_encoder_is_named():
    with pytest.raises(JaxrecError, match="'lstm'.*average.*gru.*sasrec"):
        encoders.make("lstm", num_items=3, width=4)


def test_linear_embedding_is_linear_and_mlp_is_not():
    inputs = jnp.array([[1.0], [2.0], [3.0]])
    for layers, expected in ((1, True), (2, False)):
        outputs, _ = Embedding(4, layers).init_with_output(jax.random.key(0), inputs)
        assert np.allclose(outputs[2] - outputs[1], outputs[1] - outputs[0], atol=1e-6) == expected
