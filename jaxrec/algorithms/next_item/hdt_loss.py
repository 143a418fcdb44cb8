"""HDT's training objective: L = L_S + alpha L_R + beta L_a + lambda L_g (T 5.21), on the returns of T Algorithm 3."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import softmax_head, unexpected_returns
from jaxrec.algorithms.next_item.hdt_network import Goal, HDTNetwork
from jaxrec.base.contracts import Array, Params
from jaxrec.batches.user_sessions import Sessions
from jaxrec.losses import sequence
from jaxrec.losses.returns_to_go import returns_to_go


def make_loss(config: ConfigDict, network: HDTNetwork) -> Callable[..., tuple[dict[str, Array], dict[str, Array]]]:
    """Makes `loss_fn(params, batch, key) -> (terms, metrics)` for `learner.from_loss`; batches are Sessions
    [B, C, T].

    The terms are L_S, the cross-entropy of the encoder's states (T 5.17, T 5.18), L_g, L_a and L_R. Returns are
    computed here, not in advance (T Algorithm 3).
    """

    def loss_fn(params: Params, batch: Sessions, key: Array):
        key_encoder, key_intra = jax.random.split(key)
        _, outputs = network.read_sessions(params, batch, key_encoder)
        states, goal = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), outputs)
        item, mask = (jnp.swapaxes(x, 0, 1).reshape(-1, network.length + 1) for x in (batch.item, batch.mask))
        terms = {"next_item": softmax_head.cross_entropy(softmax_head.of(params), states, item[:, 1:], mask[:, 1:])}
        if network.has_goal_head and config.goal_weight:
            terms["goal"] = config.goal_weight * goal_loss(params, goal, item, mask)
        if network.intra is not None:
            action, returns = intra_session_losses(network, params, goal, states, item, mask, key_intra)
            terms["action"] = config.action_weight * action
            if "uxp" in config.objectives:
                terms["returns"] = config.return_weight * returns
        return terms, {}

    return loss_fn


def goal_loss(params: Params, goal: Goal, item: Array, mask: Array) -> Array:
    """Returns L_g, the cross-entropy of a session's first item given its goal state (T 5.15, T 5.16), a scalar.

    Args:
      goal: of R sessions. item: int32 [R, T]. mask: bool [R, T].
    """
    return softmax_head.cross_entropy(params["goal"], goal.state, item[:, 0], mask[:, 0])


def intra_session_losses(
    network: HDTNetwork, params: Params, goal: Goal, states: Array, item: Array, mask: Array, key: Array
) -> tuple[Array, Array]:
    """Returns IntraDT's (L_a, L_R): the cross-entropy of the next item (T 5.20) and the mean squared error of the
    unexpected return (T 5.19), scalars. IntraDT reads the logged novelty return, the number of less popular items from
    each step on (T 5.7).

    Args:
      goal: of R sessions. states: float32 [R, L, D]. item: int32 [R, T]. mask: bool [R, T]. key: of dropout.
    """
    action, real = item[:, 1:], mask[:, 1:]
    novel = jnp.take(params["given"]["tail"], action) & real
    novelty_return = returns_to_go(novel.astype(jnp.float32))
    inputs = (goal.goal_return, novelty_return, states, action)
    hidden, predicted = network.intra.apply({"params": params["intra"]}, *inputs, False, rngs={"dropout": key})
    action_loss = softmax_head.cross_entropy(params["action"], hidden, action, real)
    vectors = jnp.take(params["given"]["vectors"], item, 0)
    target = unexpected_returns.intra_session_returns(vectors, mask)[:, :-1]
    return action_loss, sequence.masked_mean((predicted - target) ** 2, real)
