"""MODT4R's training objective: L = L_S + L_a + beta L_R (T 4.17; T Algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import objective_returns, softmax_head
from jaxrec.algorithms.next_item.modt4r_network import MODT4RNetwork
from jaxrec.base.contracts import Array, Params
from jaxrec.base.records import Sequences
from jaxrec.losses import sequence


def make_loss(config: ConfigDict, network: MODT4RNetwork) -> Callable[..., tuple[dict[str, Array], dict[str, Array]]]:
    """Makes `loss_fn(params, batch, key) -> (terms, metrics)` for `learner.from_loss`; batches are Sequences [B, T].

    The terms are L_a, the cross-entropy of MoTrans (T 4.16), L_S, that of UserTrans (T 4.14), and L_R (T 4.15).
    """

    def loss_fn(params: Params, batch: Sequences, key: Array):
        item, action, mask = batch.item[:, :-1], batch.item[:, 1:], batch.mask[:, 1:]
        key_encoder, key_motrans = jax.random.split(key)
        state = network.encode(params, item, batch.feedback[:, :-1], batch.mask[:, :-1], key=key_encoder)
        novel, vectors = network.novelty_and_vectors(params, item, action)
        returns = network.stack_returns(objective_returns.logged_returns(mask, novel, vectors))
        inputs = (state, item, action, returns)
        hidden, predicted = network.motrans.apply(
            {"params": params["motrans"]}, *inputs, False, rngs={"dropout": key_motrans}
        )
        terms = {"action": softmax_head.cross_entropy(params["action"], hidden, action, mask)}
        if network.has_state_head:
            state_loss = softmax_head.cross_entropy(softmax_head.of(params), state, action, mask)
            terms["state"] = config.state_weight * state_loss
        if predicted is not None and config.return_weight:
            terms["returns"] = config.return_weight * return_loss(predicted, returns, mask)
        return terms, {} if novel is None else {"train/novelty_met": novelty_met(params, novel, mask)}

    return loss_fn


def return_loss(predicted: Array, returns: Array, mask: Array) -> Array:
    """Returns L_R, the mean over steps of the squared errors summed over objectives (T 4.15), a scalar.

    Args:
      predicted, returns: float32 [B, L, O]. mask: bool [B, L].
    """
    return sequence.masked_mean(jnp.sum((predicted - returns) ** 2, -1), mask)


def novelty_met(params: Params, novel: Array, mask: Array) -> Array:
    """Returns the share of steps at which the novelty reward that ranking would condition on (T 4.18) is the one that
    the logged action earned. Where it is small, conditioning on novelty costs accuracy.

    Args:
      novel: bool [B, L], of the logged actions. mask: bool [B, L].
    """
    met = objective_returns.inference_novelty_reward(novel, params["inference"]["epsilon"]) == novel
    return sequence.masked_mean(met.astype(jnp.float32), mask)
