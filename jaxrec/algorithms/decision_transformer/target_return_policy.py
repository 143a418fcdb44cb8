"""Acting on a target return, off which each observed reward is taken (Decision Transformer)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import return_normalisation, token_window
from jaxrec.base import ranges
from jaxrec.base.contracts import Array, Params, Policy
from jaxrec.base.records import Observation
from jaxrec.base.specs import TrajectoriesSpec


@struct.dataclass
class TargetReturnCarry:
    """What the policy remembers of B users.

    Attributes:
      window: their last T steps as tokens.
      target: float32 [B], the normalised target return, less the rewards observed since turn 0.
      action: float32 [B, D_a], the last action where actions are continuous; [B, 0] otherwise.
    """

    window: token_window.TokenWindow
    target: Array
    action: Array


def make_policy(network: Any, config: ConfigDict, spec: TrajectoriesSpec) -> Policy:
    """Makes the policy, which encodes the window of the last T steps anew at every turn.

    Args:
      network: has `tokens`, a `Tokens`; `backbone`; `token_order`, the order of a step's tokens, the action last; and
        `newest_action(last_outputs [B, 3, D], length int32 [B]) -> action [B, A or D_a]`, where the last three outputs
        are those of a_{t-1} and of the newest step's first two tokens.
    """
    first_target = first_target_return(config, spec)
    reward_scale = 1.0 / return_normalisation.width(spec.return_range)
    state_window = config.state_window if spec.sees_history else None
    index = {name: network.token_order.index(name) for name in ("return", "state", "action")}

    def init(params: Params, num_users: int) -> TargetReturnCarry:
        del params
        window = token_window.empty(num_users, config.context_length, config.width, state_window)
        return TargetReturnCarry(window, jnp.zeros(num_users), jnp.zeros((num_users, spec.action_size)))

    def act(
        params: Params, carry: TargetReturnCarry, observation: Observation, key: Array
    ) -> tuple[TargetReturnCarry, Array]:
        del key
        model = network.bind({"params": params})
        turn = observation.turn
        last_action = carry.action if spec.action_size else observation.item
        target = jnp.where(turn == 0, first_target, carry.target - observation.feedback * reward_scale)
        window = token_window.write(carry.window, index["action"], model.tokens.actions(last_action, turn - 1))
        window = token_window.open_step(window, observation)
        window = token_window.write(window, index["return"], model.tokens.returns(target, turn))
        state = model.tokens.states(*token_window.state_inputs(window, observation))
        window = token_window.write(window, index["state"], state)
        tokens, valid = token_window.flat_tokens(window, 2)
        last_outputs, _ = model.backbone.encode_suffixes(tokens, valid, lengths=(tokens.shape[1],), num_last=3)
        action = model.newest_action(last_outputs[:, 0], window.length)
        return TargetReturnCarry(window, target, action if spec.action_size else carry.action), action

    def diagnostics(carry: TargetReturnCarry) -> dict[str, Array]:
        # Not a `history_length`: the policy does not choose how many steps it reads.
        return {"window_length": carry.window.length}

    return Policy(init, act, diagnostics, spec.max_turn)


def first_target_return(config: ConfigDict, spec: TrajectoriesSpec) -> float:
    """Returns the normalised target return at turn 0: the `target_quantile` of the returns of the logged episodes, or
    of the range of returns where there is no log.

    Raises:
      JaxrecError: `target_quantile` does not lie in [0, 1].
    """
    ranges.check("algorithm.", config, {"target_quantile": ranges.SHARE})
    returns = spec.episode_returns or spec.return_range
    target = np.interp(config.target_quantile, np.linspace(0.0, 1.0, len(returns)), returns)
    return float(return_normalisation.to_unit_range(target, spec.return_range))
