"""How MODT4R ranks: MoTrans conditioned on the returns of T Algorithm 2, plus alpha times UserTrans (T 4.19).

The returns to condition on differ from position to position, and with them all tokens before, so each prefix of a
sequence is encoded separately.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import jax.numpy as jnp

from jaxrec.algorithms.next_item import objective_returns, softmax_head
from jaxrec.algorithms.next_item.modt4r_network import MODT4RNetwork
from jaxrec.algorithms.next_item.prefixes import every_position, prefix_windows
from jaxrec.base.contracts import Array, Params, Ranker
from jaxrec.models import caches
from jaxrec.models.history import at_positions


def make_ranker(network: MODT4RNetwork) -> Ranker:
    """Makes the ranker; a state is MoTrans' output, followed by UserTrans' state where its softmax ranks too."""

    def states(params: Params, item: Array, feedback: Array, mask: Array) -> Array:
        return states_at(params, item, feedback, mask, every_position(item))

    def states_at(params: Params, item: Array, feedback: Array, mask: Array, positions: Array) -> Array:
        windows = prefix_windows(item, feedback, mask, positions, length=network.length)
        shape = windows[0].shape[:2]
        newest = functools.partial(_newest_states, network, params)
        tokens = network.length * (2 + len(network.objectives))
        (newest_states,) = caches.in_row_chunks(newest, tuple(x.reshape(-1, network.length) for x in windows), tokens)
        return newest_states.reshape(*shape, -1)

    def scores(params: Params, states: Array) -> Array:
        """Returns A + alpha Y (T 4.12, T 4.13, T 4.19)."""
        action = softmax_head.logits(params["action"], states[:, : network.width])
        if not network.has_state_head:
            return action
        user = network.user_trans.scores(params, states[:, network.width :])
        return action + params["inference"]["alpha"] * user

    return Ranker(states, states_at, scores)


def ask(params: Params, options: Mapping[str, float]) -> Params:
    """Returns the parameters with options of `inference` set anew (T 4.4.6); training never changes them."""
    own = params["inference"]
    return params | {"inference": own | {option: jnp.full_like(own[option], v) for option, v in options.items()}}


def _newest_states(network: MODT4RNetwork, params: Params, item: Array, feedback: Array, mask: Array) -> tuple[Array]:
    """Returns ([R, D or 2 D],), the states after the last item of R windows [R, L]."""
    state, action = network.encode(params, item, feedback, mask), jnp.roll(item, -1, axis=1)
    novel, vectors = network.novelty_and_vectors(params, item, action)
    returns = objective_returns.inference_returns(mask, novel, vectors, params["inference"])
    newest = jnp.maximum(mask.sum(1) - 1, 0)
    inputs = (state, item, action, network.stack_returns(returns), newest)
    hidden = network.motrans.apply({"params": params["motrans"]}, *inputs, method="action_output_at")
    if not network.has_state_head:
        return (hidden,)
    return (jnp.concatenate([hidden, at_positions(state, newest[:, None])[:, 0]], -1),)
