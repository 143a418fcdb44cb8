"""HDT's networks (T section 5.3) and the walk over a user's sessions, each of which hands its state to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import softmax_head, supervised, unexpected_returns
from jaxrec.algorithms.next_item.inter_session import InterDT, InterGRU
from jaxrec.algorithms.next_item.intra_session import IntraDT
from jaxrec.algorithms.next_item.unexpected_returns import ItemsSeen
from jaxrec.base.contracts import Array, Params
from jaxrec.base.specs import SequencesSpec
from jaxrec.base.unit_vectors import unit_vectors
from jaxrec.batches.user_sessions import Sessions
from jaxrec.models.encoders.sequence_encoder import SequenceEncoder
from jaxrec.models.history import at_positions
from jaxrec.models.transformer import Transformer

INTER = {"dt": InterDT, "gru": InterGRU}


@struct.dataclass
class UserState:
    """What the sessions of a user so far hand to the next one.

    Attributes:
      session: float32 [B, D], s_c, the last state inside the session before; zeros before the first (T 5.3.2).
      recurrent: float32 [B, D], the state of Hier's GRU; zeros under InterDT.
      items_seen: all items so far, of which the unexpected return is computed (T 5.2).
    """

    session: Array
    recurrent: Array
    items_seen: ItemsSeen


@struct.dataclass
class Goal:
    """What a session begins with, InterDT's two outputs (T 5.4).

    Attributes:
      goal_return: float32 [B, D], at the token of the unexpected return. state: float32 [B, D], g_c.
    """

    goal_return: Array
    state: Array


class HDTNetwork(NamedTuple):
    """The networks of HDT as functions of parameters.

    Roles of the parameters: `encoder` (G), `inter` (InterDT or Hier's GRU), `output` (softmax of G's states), `goal`
    (softmax of g_c, with InterDT), `intra` and `action` (IntraDT and its softmax, where there is an IntraDT), and
    `given`, which is not trained: item `vectors` [A, E] of length 1, `largest` (dis_max) and the less popular items
    `tail` [A].

    Attributes:
      encoder: G. inter: across sessions. intra: inside a session, or None.
      has_goal_head: whether g_c predicts the session's first item (T 5.15).
      num_items: A. length: L, items of a session but the last. width: D.
      vectors: float32 [A, E]. tail: bool [A].
    """

    encoder: SequenceEncoder
    inter: nn.Module
    intra: IntraDT | None
    has_goal_head: bool
    num_items: int
    length: int
    width: int
    vectors: np.ndarray
    tail: np.ndarray

    def init(self, key: Array) -> Params:
        """Draws the parameters of all roles."""
        keys = jax.random.split(key, 6)
        item, vector = jnp.zeros((1, self.length), jnp.int32), jnp.zeros((1, self.width))
        rows, state = (item, item.astype(jnp.float32), item == 0), jnp.zeros((1, self.length, self.width))
        vectors = jnp.asarray(self.vectors)
        params = {
            "encoder": self.encoder.init(keys[0], *rows, joined=vector, method="states")["params"],
            "inter": self.inter.init(keys[1], jnp.zeros(1), vector, vector)["params"],
            "output": softmax_head.init(keys[2], self.num_items, self.width),
            "given": {
                "vectors": vectors,
                "largest": unexpected_returns.largest_dissimilarity(vectors),
                "tail": jnp.asarray(self.tail, bool),
            },
        }
        if self.has_goal_head:
            params["goal"] = softmax_head.init(keys[3], self.num_items, self.width)
        if self.intra is not None:
            params["intra"] = self.intra.init(keys[4], vector, state[..., 0], state, item)["params"]
            params["action"] = softmax_head.init(keys[5], self.num_items, self.width)
        return params

    def new_users(self, batch_size: int) -> UserState:
        """Returns the state of B users before their first session."""
        zeros = jnp.zeros((batch_size, self.width))
        return UserState(zeros, zeros, unexpected_returns.no_items_seen(batch_size, self.vectors.shape[1]))

    def goal(self, params: Params, user: UserState) -> tuple[Goal, Array]:
        """Returns the goal of the users' next session and the next recurrent state [B, D] (T 5.2, T 5.3, T 5.4)."""
        unexpected_return = params["given"]["largest"] - user.items_seen.dissimilarity()
        inputs = (unexpected_return, user.session, user.recurrent)
        goal_return, state, recurrent = self.inter.apply({"params": params["inter"]}, *inputs)
        return Goal(goal_return, state), recurrent

    def encode(
        self,
        params: Params,
        goal_state: Array,
        item: Array,
        *arguments: Array,
        method: str | Callable[..., Array] | None = None,
        key: Array | None = None,
    ) -> Array:
        """Encodes the items of sessions, each joined with its goal state (T 5.5, T 5.6); arguments and results are
        those of the encoder's `method`.

        Args:
          goal_state: float32 [B, D]. item: int32 [B, L], or prefix windows [B, P, L].
          arguments: feedback, mask and, for some methods, positions.
          key: of the encoder's dropout; None drops nothing.
        """
        joined = goal_state.reshape(len(goal_state), *[1] * (item.ndim - 2), self.width)
        variables, rngs = {"params": params["encoder"]}, supervised.dropout_rngs(key)
        return self.encoder.apply(variables, item, *arguments, joined=joined, method=method, rngs=rngs)

    def read_session(
        self, params: Params, user: UserState, session: Sessions, key: Array | None
    ) -> tuple[UserState, tuple[Array, Goal]]:
        """Encodes one session [B, T] of each user: (the state it hands on, (states [B, L, D], its goal)).

        The state handed on has no gradient. A user without a further session keeps the old one.
        """
        goal, recurrent = self.goal(params, user)
        rows = (x[:, :-1] for x in (session.item, session.feedback, session.mask))
        states = self.encode(params, goal.state, *rows, method="states", key=key)
        before_last_item = jnp.maximum(session.mask.sum(1) - 2, 0)
        vectors = jnp.take(params["given"]["vectors"], session.item, 0)
        after = UserState(
            session=at_positions(states, before_last_item[:, None])[:, 0],
            recurrent=recurrent,
            items_seen=user.items_seen.add_session(vectors, session.mask),
        )
        after = jax.tree.map(lambda new, old: jnp.where(_broadcast(session.real, new), new, old), after, user)
        return jax.lax.stop_gradient(after), (states, goal)

    def read_sessions(
        self, params: Params, sessions: Sessions, key: Array | None = None
    ) -> tuple[UserState, tuple[Array, Goal]]:
        """Encodes the sessions [B, C, T] of each user in their order.

        Returns:
          (the state after the last session, (states [C, B, L, D], goals [C, B, D])).
        """
        batch_size, count = sessions.item.shape[:2]
        by_session = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), sessions)
        keys = None if key is None else jax.random.split(key, count)
        return jax.lax.scan(
            lambda user, now: self.read_session(params, user, *now), self.new_users(batch_size), (by_session, keys)
        )


def make_network(config: ConfigDict, spec: SequencesSpec, vectors: np.ndarray) -> HDTNetwork:
    """Makes the networks that the config names, in the sizes of the data."""
    length, width = spec.length, config.width
    intra = None
    if config.intra:
        backbone = Transformer(width, config.num_layers, config.num_heads, config.dropout)
        intra = IntraDT(backbone, spec.num_items, length, width, "nov" in config.objectives)
    return HDTNetwork(
        encoder=supervised.sequence_encoder(config, spec),
        inter=INTER[config.inter](width),
        intra=intra,
        has_goal_head=config.inter == "dt",
        num_items=spec.num_items,
        length=length,
        width=width,
        vectors=unit_vectors(np.asarray(vectors, np.float32), np),
        tail=spec.tail,
    )


def _broadcast(real: Array, values: Array) -> Array:
    """Gives real [B] as many axes as values [B, ...]."""
    return real.reshape(-1, *[1] * (values.ndim - 1))
