"""MODT4R's networks: UserTrans with its softmax (T 4.4.2), and MoTrans with its own (T 4.4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import objective_returns, softmax_head, supervised
from jaxrec.algorithms.next_item.motrans import MoTrans
from jaxrec.algorithms.next_item.supervised import SoftmaxModel
from jaxrec.base.contracts import Array, Params
from jaxrec.base.specs import SequencesSpec
from jaxrec.base.unit_vectors import unit_vectors
from jaxrec.models.transformer import Transformer


class MODT4RNetwork(NamedTuple):
    """The networks of MODT4R as functions of parameters.

    Roles of the parameters: `encoder` (UserTrans, where it gives the states), `output` (its softmax, where L_S trains
    one), `motrans` and `action` (MoTrans and its softmax), `inference` (the scalars that ranking conditions on) and
    `given`, which is not trained: the less popular items `tail` [A] and item `vectors` [A, E] of length 1, each where
    an objective needs it.

    Attributes:
      user_trans: the encoder and its softmax. motrans: the decision transformer.
      has_encoder: whether states come from UserTrans. has_state_head: whether its softmax is trained and ranks.
      objectives: O of `objective_returns.OBJECTIVES`, in the order of the trajectory.
      return_scale: objective -> what its returns are divided by.
      num_items: A. length: L, items of a row but the last. width: D.
      inference: see `modt4r.defaults`. given: the arrays of that role.
    """

    user_trans: SoftmaxModel
    motrans: MoTrans
    has_encoder: bool
    has_state_head: bool
    objectives: tuple[str, ...]
    return_scale: Mapping[str, float]
    num_items: int
    length: int
    width: int
    inference: Mapping[str, float]
    given: Mapping[str, np.ndarray]

    def init(self, key: Array) -> Params:
        """Draws the parameters of all roles."""
        key_user, key_motrans, key_action = jax.random.split(key, 3)
        item = jnp.zeros((1, self.length), jnp.int32)
        state = jnp.zeros((1, self.length, self.width)) if self.has_encoder else None
        returns = jnp.zeros((1, self.length, len(self.objectives)))
        params = {
            "motrans": self.motrans.init(key_motrans, state, item, item, returns)["params"],
            "action": softmax_head.init(key_action, self.num_items, self.width),
            "inference": {name: jnp.asarray(value, jnp.float32) for name, value in self.inference.items()},
        }
        roles = ("encoder",) * self.has_encoder + ("output",) * self.has_state_head
        params |= {role: leaves for role, leaves in self.user_trans.init(key_user).items() if role in roles}
        return params | ({"given": jax.tree.map(jnp.asarray, dict(self.given))} if self.given else {})

    def encode(
        self, params: Params, item: Array, feedback: Array, mask: Array, key: Array | None = None
    ) -> Array | None:
        """Returns UserTrans' states [B, L, D] of rows [B, L] (T 4.2); None where states are not encoded.

        The key is that of the encoder's dropout; None drops nothing.
        """
        return self.user_trans.states(params, item, feedback, mask, key=key) if self.has_encoder else None

    def novelty_and_vectors(self, params: Params, item: Array, action: Array) -> tuple[Array | None, Array | None]:
        """Returns whether each action is a less popular item, bool [..., L], and the items' vectors, float32
        [..., L, E]; each None where no objective needs it."""
        given = params.get("given", {})
        novel = jnp.take(given["tail"], action, axis=0) if "tail" in given else None
        return novel, jnp.take(given["vectors"], item, axis=0) if "vectors" in given else None

    def stack_returns(self, returns: Mapping[str, Array]) -> Array:
        """Stacks objective -> [..., L] in the order of the trajectory, scaled: [..., L, O].

        Our reading: returns are shares of the largest possible one. As counts of up to L steps their squared errors
        would be up to L^2 times as large, beside losses of states and actions with about the same weight.
        """
        return jnp.stack([returns[name] / self.return_scale[name] for name in self.objectives], -1)


def make_network(config: ConfigDict, spec: SequencesSpec, vectors: np.ndarray | None) -> MODT4RNetwork:
    """Makes the networks that the config names, in the sizes of the data."""
    length, width = spec.length, config.width
    objectives = tuple(name for name in objective_returns.OBJECTIVES if name in config.objectives)
    backbone = Transformer(width, config.num_layers, config.num_heads, config.dropout)
    has_encoder = config.states == "encoded"
    unscaled = dict.fromkeys(objective_returns.OBJECTIVES, 1.0)
    return MODT4RNetwork(
        user_trans=_user_trans(config, spec),
        motrans=MoTrans(backbone, spec.num_items, length, width, len(objectives), config.states, config.return_first),
        has_encoder=has_encoder,
        has_state_head=has_encoder and config.state_weight != 0,
        objectives=objectives,
        return_scale=objective_returns.largest_returns(length) if config.scaled_returns else unscaled,
        num_items=spec.num_items,
        length=length,
        width=width,
        inference=config.inference.to_dict(),
        given=_given(objectives, spec, vectors),
    )


def _user_trans(config: ConfigDict, spec: SequencesSpec) -> SoftmaxModel:
    shared = supervised.defaults()
    shared.update({leaf: config[leaf] for leaf in ("encoder", "encoder_options", "width")})
    return supervised.softmax_model(shared, spec)


def _given(objectives: tuple[str, ...], spec: SequencesSpec, vectors: np.ndarray | None) -> dict[str, np.ndarray]:
    """Returns the constants that the objectives' returns are computed from."""
    given = {}
    if "nov" in objectives:
        given["tail"] = np.asarray(spec.tail, bool)
    if "div" in objectives:
        given["vectors"] = unit_vectors(np.asarray(vectors, np.float32), np)
    return given
