"""MDT4Rec acting (M 3.2): find the best history, draw an expert's return for it, take the action it calls for."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer.incremental import incremental
from jaxrec.algorithms.decision_transformer.mdt4rec_network import Network
from jaxrec.algorithms.decision_transformer.search import Found, batched, candidate_lengths
from jaxrec.base.contracts import Array, Params, Policy
from jaxrec.base.records import Observation
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.losses import returns_bins

SEARCHES = {"batched": batched, "incremental": incremental}


@struct.dataclass
class Carry:
    """`memory` is the search's; `action` [B, D_a] is the last one where continuous; `length` int32 [B], how many turns
    the last decision looked at."""

    memory: Any
    action: Array
    length: Array


def policy(network: Network, config: ConfigDict, spec: TrajectoriesSpec) -> Policy:
    """Past returns in the history are the ones that were drawn. Without the expectile (-Max) there is one candidate,
    the whole window, which is cheaper encoded anew than kept from every beginning."""
    if config.use_max:
        search = SEARCHES[config.search](network, config, spec, candidate_lengths(config.context_length, config.delta))
    else:
        search = batched(network, config, spec, (config.context_length,))

    def init(params: Params, num_users: int) -> Carry:
        del params
        return Carry(search.init(num_users), jnp.zeros((num_users, spec.action_size)), jnp.zeros(num_users, jnp.int32))

    def act(params: Params, carry: Carry, observation: Observation, key: Array) -> tuple[Carry, Array]:
        model = network.bind({"params": params})
        last_action = carry.action if spec.action_size else observation.item
        memory, found = search.find(model, carry.memory, last_action, observation)
        token = model.tokens.returns(draw_return(model, found, key, config), observation.turn)
        memory, given = search.respond(model, memory, found, token)
        output = model.read_action(found.state, given, model.read_reward(found.state, found.previous))
        return Carry(memory, output if spec.action_size else carry.action, found.length), output

    def diagnostics(carry: Carry) -> dict[str, Array]:
        # Only a length that was searched for is a `history_length`; the report draws those alone.
        return {"history_length" if config.use_max else "window_length": carry.length}

    return Policy(init, act, diagnostics)


def draw_return(model: Network, found: Found, key: Array, config: ConfigDict) -> Array:
    """A normalised return [B] from P(R | expert) (M Eq. 3), or its mean."""
    logits = returns_bins.expert_logits(model.read_bins(found.state), config.kappa)
    if config.return_draw == "mean":
        return returns_bins.expected_return(logits)
    return returns_bins.sample_return(key, logits)
