"""MDT4Rec acting (M 3.2): find the best history, draw an expert's return for it, take the action it calls for."""

from __future__ import annotations

import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import build, window
from jaxrec.algorithms.decision_transformer.network import Network
from jaxrec.algorithms.decision_transformer.search import Found, candidate_lengths, search
from jaxrec.losses import returns_bins
from jaxrec.types import Array, Observation, Params, Policy, Spec


@struct.dataclass
class Carry:
    """`window` holds the tokens (s, R, a); `action` [B, D_a] is the last one where continuous; `length` int32 [B], how
    many turns the last decision looked at."""

    window: window.Window
    action: Array
    length: Array


def policy(network: Network, config: ConfigDict, spec: Spec) -> Policy:
    """Past returns in the window are the ones that were drawn. Without the expectile (-Max) the window is never cut."""
    state_window = config.state_window if build.sees_history(spec) else None
    lengths = candidate_lengths(config.context_length, config.delta) if config.use_max else (config.context_length,)

    def init(params: Params, num_users: int) -> Carry:
        del params
        steps = window.empty(num_users, config.context_length, config.width, state_window)
        return Carry(steps, jnp.zeros((num_users, spec.action_size)), jnp.zeros(num_users, jnp.int32))

    def act(params: Params, carry: Carry, observation: Observation, key: Array) -> tuple[Carry, Array]:
        model = network.bind({"params": params})
        last_action = carry.action if spec.action_size else observation.item
        steps = observe(model, carry.window, last_action, observation)
        found = search(model, *window.sequence(steps, 1), steps.length, lengths)
        token = model.tokens.returns(draw_return(model, found, key, config), observation.turn)
        output = respond(model, found, token)
        action = output if spec.action_size else carry.action
        return Carry(window.write(steps, 1, token), action, found.length), output

    def diagnostics(carry: Carry) -> dict[str, Array]:
        return {"history_length": carry.length}

    return Policy(init, act, diagnostics)


def observe(model: Network, steps: window.Window, last_action: Array, observation: Observation) -> window.Window:
    """Adds the action taken last to the step it belongs to, and opens a step with the new state."""
    steps = window.write(steps, 2, model.tokens.actions(last_action, observation.turn - 1))
    steps = window.advance(steps, observation)
    return window.write(steps, 0, model.tokens.states(*window.state_inputs(steps, observation)))


def draw_return(model: Network, found: Found, key: Array, config: ConfigDict) -> Array:
    """A normalised return [B] from P(R | expert) (Eq. 3), or its mean."""
    logits = returns_bins.expert_logits(model.read_bins(found.state), config.kappa)
    if config.return_draw == "mean":
        return returns_bins.expected_return(logits)
    return returns_bins.sample_return(key, logits)


def respond(model: Network, found: Found, token: Array) -> Array:
    """The action's logits (or the action) once the return token [B, D] follows the history that was found."""
    given, _ = model.backbone.extend(found.cache, token[:, None])
    return model.read_action(given[:, 0], model.read_reward(found.state, found.previous))
