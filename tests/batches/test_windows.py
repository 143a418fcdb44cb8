"""Windows against a plain loop over the logged episodes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.records import Observation, Trajectories
from jaxrec.batches import windows

HORIZON, LENGTHS = 5, (5, 1, 3)


@pytest.fixture(scope="module")
def logged():
    shape = (len(LENGTHS), HORIZON)
    draw = np.random.default_rng(0)
    turn = np.broadcast_to(np.arange(HORIZON, dtype=np.int32), shape)
    observation = Observation(
        np.zeros(shape, np.int32), draw.integers(0, 90, shape), draw.random(shape), turn, draw.random((*shape, 2))
    )
    mask = turn < np.array(LENGTHS)[:, None]
    data = Trajectories(observation, draw.integers(0, 90, shape), draw.normal(size=shape), mask)
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32 if x.dtype == float else None), data)


@pytest.mark.parametrize(("context_length", "state_window"), [(3, 2), (7, 4)])
def test_every_window_equals_a_plain_loop(logged, context_length, state_window):
    starts = [(e, s) for e, n in enumerate(LENGTHS) for s in range(n)]
    episode, start = (jnp.array(x) for x in zip(*starts, strict=True))
    batch = windows.windows_at(logged, episode, start, context_length=context_length, state_window=state_window)
    seen = logged.observation
    for row, (e, s) in enumerate(starts):
        for j in range(context_length):
            t = s + j
            assert batch.mask[row, j] == (t < LENGTHS[e])
            if t >= LENGTHS[e]:
                continue
            assert batch.timestep[row, j] == t and batch.action[row, j] == logged.action[e, t]
            assert batch.reward[row, j] == logged.reward[e, t]
            np.testing.assert_allclose(batch.return_to_go[row, j], logged.reward[e, t : LENGTHS[e]].sum(), atol=1e-6)
            np.testing.assert_array_equal(batch.vector[row, j], seen.vector[e, t])
            for w in range(state_window):
                before = t - state_window + 1 + w
                assert batch.history_mask[row, j, w] == (before >= 0)
                if before >= 0:
                    assert batch.item[row, j, w] == seen.item[e, before]
                    assert batch.feedback[row, j, w] == seen.feedback[e, before]


def test_starts_are_uniform_over_logged_steps_and_never_padding(logged):
    view = jax.jit(windows.random_windows(batch_size=9000, context_length=2, state_window=1))
    batch = view(logged, jax.random.key(0))
    assert batch.mask[:, 0].all()
    actions, counts = np.unique(np.asarray(batch.action[:, 0]), return_counts=True)
    real = np.asarray(logged.action)[np.asarray(logged.mask)]
    assert set(actions) == set(real)
    np.testing.assert_allclose(counts / 9000, [(real == a).mean() for a in actions], atol=0.02)
