"""How HDT and its variants rank: the goal comes from the user's sessions before, the states from the session at hand.

With IntraDT the novelty return-to-go differs at every position, so each prefix is encoded separately.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxrec.algorithms.next_item import objective_returns, softmax_head
from jaxrec.algorithms.next_item.hdt_network import HDTNetwork
from jaxrec.algorithms.next_item.prefixes import Encode, every_position, prefix_windows, row_states, row_states_at
from jaxrec.base.contracts import Array, Params, Ranker
from jaxrec.base.records import Sequences
from jaxrec.batches import user_sessions
from jaxrec.models import caches
from jaxrec.models.history import at_positions

_INFERENCE = {"ahead": 0.0, "epsilon": 0.0}  # at epsilon 0 the item to be ranked always counts as novel


def make_ranker(network: HDTNetwork, num_sessions: int) -> Ranker:
    """Makes the ranker; its context is the goal of the session that is ranked, computed from the sessions before.

    Args:
      num_sessions: how many of a user's last sessions the goal is computed from.
    """

    def context(params: Params, history: Sequences, user: Array) -> Array:
        """Returns goal return and goal state [B, 2 D] of the users' next session."""
        after, _ = network.read_sessions(params, user_sessions.last_sessions(history, user, num_sessions))
        goal, _ = network.goal(params, after)
        return jnp.concatenate([goal.goal_return, goal.state], -1)

    make = _without_intra if network.intra is None else _with_intra
    return make(network)._replace(context=context)


def _without_intra(network: HDTNetwork) -> Ranker:
    """InterDT alone and Hier: the softmax of the encoder's states."""

    def encode(params: Params, goal: Array) -> Encode:
        return functools.partial(network.encode, params, goal[:, network.width :])

    def states(params: Params, item: Array, feedback: Array, mask: Array, goal: Array) -> Array:
        return row_states(encode(params, goal), item, feedback, mask, length=network.length)

    def states_at(params: Params, item: Array, feedback: Array, mask: Array, positions: Array, goal: Array) -> Array:
        return row_states_at(encode(params, goal), item, feedback, mask, positions, length=network.length)

    def scores(params: Params, states: Array) -> Array:
        return softmax_head.logits(softmax_head.of(params), states)

    return Ranker(states, states_at, scores)


def _with_intra(network: HDTNetwork) -> Ranker:
    """HDT: a state is that of the encoder beside the output of IntraDT, [..., 2 D]."""

    def states(params: Params, item: Array, feedback: Array, mask: Array, goal: Array) -> Array:
        return states_at(params, item, feedback, mask, every_position(item), goal)

    def states_at(params: Params, item: Array, feedback: Array, mask: Array, positions: Array, goal: Array) -> Array:
        windows = prefix_windows(item, feedback, mask, positions, length=network.length)
        rows, num_positions = windows[0].shape[:2]
        windows = [x.reshape(-1, network.length) for x in windows]
        goals = jnp.repeat(goal, num_positions, axis=0)
        newest = functools.partial(_newest_states, network, params)
        (newest_states,) = caches.in_row_chunks(newest, (*windows, goals), 4 * network.length)
        return newest_states.reshape(rows, num_positions, -1)

    def scores(params: Params, states: Array) -> Array:
        """Adds the two models' probabilities (T 5.14, T 5.17). T 5.3.5 names the scores of the sequential model and of
        InterDT; our reading is IntraDT, because InterDT predicts the first item of a session alone."""
        sequential = softmax_head.logits(softmax_head.of(params), states[:, : network.width])
        intra = softmax_head.logits(params["action"], states[:, network.width :])
        return jax.nn.softmax(sequential, -1) + jax.nn.softmax(intra, -1)

    return Ranker(states, states_at, scores)


def _newest_states(
    network: HDTNetwork, params: Params, item: Array, feedback: Array, mask: Array, goal: Array
) -> tuple[Array]:
    """Returns ([R, 2 D],), the encoder's state and IntraDT's output after the last item of R windows [R, L].

    IntraDT reads a novelty return that counts the item to be ranked as novel (T 5.7, T 5.3.4).

    Args:
      goal: float32 [R, 2 D].
    """
    goal_return, goal_state = goal[:, : network.width], goal[:, network.width :]
    newest, action = jnp.maximum(mask.sum(1) - 1, 0), jnp.roll(item, -1, axis=1)
    encoded = network.encode(params, goal_state, item, feedback, mask, method="states")
    novel = jnp.take(params["given"]["tail"], action)
    novelty_return = objective_returns.inference_returns(mask, novel, None, _INFERENCE)["nov"]
    inputs = (goal_return, novelty_return, encoded, action, newest)
    hidden = network.intra.apply({"params": params["intra"]}, *inputs, method="action_output_at")
    return (jnp.concatenate([at_positions(encoded, newest[:, None])[:, 0], hidden], -1),)
