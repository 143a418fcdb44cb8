from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.losses import returns_bins


def test_bins_cover_the_unit_interval_and_clip_outside():
    np.testing.assert_allclose(returns_bins.centres(4), [0.125, 0.375, 0.625, 0.875])
    returns = jnp.array([-1.0, 0.0, 0.2499, 0.25, 0.9, 1.0, 3.0])
    np.testing.assert_array_equal(returns_bins.bin_index(returns, 4), [0, 0, 0, 1, 3, 3, 3])


def test_tilted_expectation_by_hand():
    """Two bins at 0.25 and 0.75 with P = (0.8, 0.2) and kappa = 2: weights 0.8 e^0.5 and 0.2 e^1.5."""
    weights = np.array([0.8 * np.exp(0.5), 0.2 * np.exp(1.5)])
    logits = returns_bins.expert_logits(jnp.log(jnp.array([0.8, 0.2])), 2.0)
    np.testing.assert_allclose(jax.nn.softmax(logits), weights / weights.sum(), rtol=1e-6)
    np.testing.assert_allclose(
        returns_bins.expected_return(logits), (weights @ [0.25, 0.75]) / weights.sum(), rtol=1e-6
    )


def test_samples_follow_the_distribution():
    logits = jnp.broadcast_to(jnp.log(jnp.array([0.1, 0.0, 0.9])), (4000, 3))
    drawn = returns_bins.sample_return(jax.random.gumbel(jax.random.key(0), logits.shape), logits)
    np.testing.assert_allclose((drawn > 0.8).mean(), 0.9, atol=0.02)
    assert set(np.unique(drawn)) == set(np.asarray(returns_bins.centres(3))[[0, 2]])
