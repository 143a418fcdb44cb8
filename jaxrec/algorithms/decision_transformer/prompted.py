"""Acting on a return that is asked for at turn 0, each observed reward then taken off it (Decision Transformer)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import build, window
from jaxrec.base import ranges
from jaxrec.base.contracts import Array, Params, Policy
from jaxrec.base.records import Observation
from jaxrec.base.specs import TrajectoriesSpec


@struct.dataclass
class Carry:
    """`target` float32 [B], the normalised return still asked for; `action` [B, D_a] the last one where continuous."""

    window: window.Window
    target: Array
    action: Array


def policy(network: Any, config: ConfigDict, spec: TrajectoriesSpec) -> Policy:
    """Re-encodes the window of T steps at every turn.

    `network` offers `tokens`, `backbone`, `places` (where in a step its return and its state stand, the later one is
    the last token) and `respond(hidden [B, 3, D], length int32 [B]) -> output`, which is given the last three outputs.
    """
    scale, first = 1.0 / max(spec.return_range[1] - spec.return_range[0], 1e-6), target(config, spec)
    state_window = config.state_window if spec.sees_history else None
    return_place, state_place = network.places

    def init(params: Params, num_users: int) -> Carry:
        del params
        steps = window.empty(num_users, config.context_length, config.width, state_window)
        return Carry(steps, jnp.zeros(num_users), jnp.zeros((num_users, spec.action_size)))

    def act(params: Params, carry: Carry, observation: Observation, key: Array) -> tuple[Carry, Array]:
        del key
        model = network.bind({"params": params})
        turn = observation.turn
        last_action = carry.action if spec.action_size else observation.item
        asked = jnp.where(turn == 0, first, carry.target - observation.feedback * scale)
        steps = window.write(carry.window, 2, model.tokens.actions(last_action, turn - 1))
        steps = window.advance(steps, observation)
        steps = window.write(steps, return_place, model.tokens.returns(asked, turn))
        steps = window.write(steps, state_place, model.tokens.states(*window.state_inputs(steps, observation)))
        tokens, valid = window.sequence(steps, 2)
        hidden, _ = model.backbone.suffixes(tokens, valid, lengths=(tokens.shape[1],), num_last=3)
        output = model.respond(hidden[:, 0], steps.length)
        return Carry(steps, asked, output if spec.action_size else carry.action), output

    def diagnostics(carry: Any) -> dict[str, Array]:
        return {"window_length": carry.window.length}  # not chosen: all that the context length admits

    return Policy(init, act, diagnostics)


def target(config: ConfigDict, spec: TrajectoriesSpec) -> float:
    """The normalised return that is asked for at turn 0; of the whole range where no log is known.

    Raises:
      JaxrecError: the quantile is none.
    """
    ranges.check("algorithm.", config, {"target_quantile": ranges.SHARE})
    known = spec.episode_returns or spec.return_range
    asked = np.interp(config.target_quantile, np.linspace(0.0, 1.0, len(known)), known)
    return float(build.normalise(asked, spec.return_range))
