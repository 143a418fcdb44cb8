"""A cache per start against the plain forward pass from that start, round the ring more than once."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.models import start_caches
from jaxrec.models.transformer import Transformer

WIDTH, USERS, STARTS, BLOCK, TURNS = 8, 2, 4, 3, 11
TOTAL = BLOCK * TURNS + 1


@pytest.mark.parametrize("num_layers", [1, 3])
def test_every_start_equals_the_forward_pass_from_there(num_layers):
    """User 1 begins anew at turn 6; then the starts before that see what the first turn sees."""
    module = Transformer(width=WIDTH, num_layers=num_layers, num_heads=2)
    tokens = jax.random.normal(jax.random.key(1), (USERS, TOTAL, WIDTH))
    variables = jax.jit(module.init)(jax.random.key(0), tokens)
    noise = 0.3 * jax.random.normal(jax.random.key(2), (4 * WIDTH, 4 * WIDTH))
    variables = jax.tree.map(lambda x: x + noise.ravel()[: x.size].reshape(x.shape), variables)
    tokens, extra = np.array(tokens), np.array(jax.random.normal(jax.random.key(3), (USERS, WIDTH)))
    forward = jax.jit(jax.vmap(lambda t, m: module.apply(variables, t, m), (None, 0)))

    @jax.jit
    def append_block(caches, block, clock, length, start):
        model = module.bind(variables)
        mask = start_caches.visible_positions(clock, length, caches, STARTS, BLOCK)
        newest, unfinished, caches = model.append_block(caches, block, mask, clock, starts=jnp.arange(STARTS))
        return newest, model.previous_output(unfinished, start), caches, model.next_output(caches, extra, mask, start)

    caches = jax.jit(lambda: module.empty_start_caches(USERS, STARTS, BLOCK))()
    for turn in range(TURNS):
        begun = np.array([0, 6 if turn >= 6 else 0])
        length = np.minimum(turn + 1 - begun, STARTS).astype(np.int32)
        start = np.array([turn % STARTS, (turn + 1) % STARTS])
        end = BLOCK * (turn + 1)
        newest, before, caches, following = append_block(
            caches, tokens[:, end - BLOCK : end], np.int32(turn), length, start
        )
        first = np.maximum(turn - (turn - np.arange(STARTS)[:, None]) % STARTS, begun)  # [S, B]
        sees = np.arange(TOTAL) >= (BLOCK * first + BLOCK - 1)[..., None]
        sequence = tokens.copy()
        sequence[:, end] = extra
        expected = np.array(forward(sequence, sees[:, :, None] & np.tri(TOTAL, dtype=bool))).swapaxes(0, 1)
        np.testing.assert_allclose(newest, expected[:, :, end - 1], atol=3e-6)
        chosen = expected[np.arange(USERS), start]
        longer = first[start, np.arange(USERS)] < turn
        np.testing.assert_allclose(before[longer], chosen[longer, end - 2], atol=3e-6)
        np.testing.assert_allclose(following, chosen[:, end], atol=3e-6)


def test_grouped_queries_equal_repeated_keys():
    """Two heads of keys for four of queries are as good as each key twice."""
    draw = lambda i, *shape: jax.random.normal(jax.random.key(i), shape)  # noqa: E731
    queries, keys, values = draw(0, 2, 5, 3, 4, 6), draw(1, 2, 5, 2, 6, 16), draw(2, 2, 5, 2, 16, 6)
    mask = draw(3, 2, 5, 3, 16) > 0

    @jax.jit
    def both():
        repeated = (jnp.repeat(x, 2, axis=2) for x in (keys, values))
        return start_caches._attend(queries, keys, values, mask), start_caches._attend(queries, *repeated, mask)

    grouped, repeated = both()
    np.testing.assert_allclose(grouped, repeated, atol=1e-6)
    scores = np.einsum("bsqhd,bshdl->bshql", queries, np.repeat(keys, 2, axis=2)) / 6**0.5
    weights = np.exp(scores) * np.array(mask)[:, :, None]
    weights /= weights.sum(-1, keepdims=True)
    expected = np.einsum("bshql,bshld->bsqhd", weights, np.repeat(values, 2, axis=2))
    np.testing.assert_allclose(grouped, expected, atol=1e-5)
