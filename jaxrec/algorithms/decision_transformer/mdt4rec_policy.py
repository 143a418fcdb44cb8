"""How MDT4Rec acts (M 3.2): it finds the best history, draws an expert's return for it, and predicts the action."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer.history_search import (
    BestHistory,
    candidate_lengths,
    make_batched_search,
)
from jaxrec.algorithms.decision_transformer.incremental_search import make_incremental_search
from jaxrec.algorithms.decision_transformer.mdt4rec_network import MDT4RecNetwork
from jaxrec.base import episode_keys
from jaxrec.base.contracts import Array, Params, Policy
from jaxrec.base.episode_keys import EpisodeKey
from jaxrec.base.records import Observation
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.losses import returns_bins

SEARCHES = {"batched": make_batched_search, "incremental": make_incremental_search}


@struct.dataclass
class MDT4RecCarry:
    """What the policy remembers of B users.

    Attributes:
      memory: the search's, see `HistorySearch`.
      action: float32 [B, D_a], the last action where actions are continuous; [B, 0] otherwise.
      length: int32 [B], turns of the history that the last action was predicted from.
    """

    memory: Any
    action: Array
    length: Array


def make_policy(network: MDT4RecNetwork, config: ConfigDict, spec: TrajectoriesSpec) -> Policy:
    """Makes the policy; the returns of earlier steps in a history are those that were drawn when acting at them.

    Without R^_t (`use_max` off, MDT4Rec-Max) the whole window is the only candidate. Encoding one candidate anew costs
    less than caching a sequence from every start step, so the batched search is taken then.
    """
    if config.use_max:
        search = SEARCHES[config.search](network, config, spec, candidate_lengths(config.context_length, config.delta))
    else:
        search = make_batched_search(network, config, spec, (config.context_length,))

    def init(params: Params, num_users: int) -> MDT4RecCarry:
        del params
        action, length = jnp.zeros((num_users, spec.action_size)), jnp.zeros(num_users, jnp.int32)
        return MDT4RecCarry(search.init(num_users), action, length)

    def act(
        params: Params, carry: MDT4RecCarry, observation: Observation, key: EpisodeKey
    ) -> tuple[MDT4RecCarry, Array]:
        model = network.bind({"params": params})
        last_action = carry.action if spec.action_size else observation.item
        memory, history = search.best_history(model, carry.memory, last_action, observation)
        token = model.tokens.returns(draw_return(model, history, key, config), observation.turn)
        memory, return_output = search.append_return(model, memory, history, token)
        reward = model.predict_reward(history.state, history.previous_action)
        action = model.predict_action(history.state, return_output, reward)
        return MDT4RecCarry(memory, action if spec.action_size else carry.action, history.length), action

    def diagnostics(carry: MDT4RecCarry) -> dict[str, Array]:
        # Reports plot `history_length` as a choice, so a window that was not searched for has another name.
        return {"history_length" if config.use_max else "window_length": carry.length}

    return Policy(init, act, diagnostics, spec.max_turn)


def draw_return(model: MDT4RecNetwork, history: BestHistory, key: EpisodeKey, config: ConfigDict) -> Array:
    """Returns normalised returns [B], drawn from P(R_t | expert) (M Eq. 3), or its means where `return_draw` is
    'mean'."""
    logits = returns_bins.expert_logits(model.predict_bins(history.state), config.kappa)
    if config.return_draw == "mean":
        return returns_bins.expected_return(logits)
    gumbel = episode_keys.draw(jax.random.gumbel, key, logits.shape, dtype=logits.dtype)
    return returns_bins.sample_return(gumbel, logits)
