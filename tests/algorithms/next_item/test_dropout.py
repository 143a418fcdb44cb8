"""An encoder's dropout falls in every method's training and in no ranking."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxrec import algorithms
from tests.algorithms.test_contract import make, sequences, small, world  # noqa: F401

# Without another source of chance in their loss.
NAMES = ("cross_entropy", "hdt", "items_left", "modt4r")


@pytest.mark.parametrize("name", NAMES)
def test_an_encoder_drops_out_in_training_alone(name, world):  # noqa: F811
    module, data = algorithms.load(f"next_item.{name}"), sequences()
    config = small(module)
    config.encoder = "sasrec"
    if "dropout" in config:
        config.dropout = 0.0
    losses = {}
    for rate in (0.0, 0.9):
        config.encoder_options = {"dropout": rate}
        made, _ = make(module, world[2], config)
        state = jax.jit(made.learner.init)(jax.random.key(0))
        _, batch = jax.jit(made.source.next)(data, (), state.params, jax.random.key(2))
        update = jax.jit(lambda state, batch, key, made=made: made.learner.update(state, batch, key)[1]["loss/total"])
        losses[rate] = [float(update(state, batch, jax.random.key(k))) for k in (3, 4)]
    assert losses[0.0][0] == losses[0.0][1] and len({*losses[0.9], losses[0.0][0]}) == 3

    @jax.jit
    def states(params, rows):
        contexts = (made.ranker.context(params, rows, rows.user),) if made.ranker.context else ()
        return made.ranker.states(params, *(x[:, :-1] for x in (rows.item, rows.feedback, rows.mask)), *contexts)

    assert np.isfinite(states(state.params, data.train)).all()
