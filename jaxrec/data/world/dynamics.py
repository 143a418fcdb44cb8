"""One session of one user: the equations, written once for NumPy (logs) and JAX (the simulator).

With v the user's drifted vector, z the hidden intent, W the items shown in the last `window` steps and t the step:

    match   = [category_a = z] + 1/2 [second_a = z]
    bored   = repeat * |{j in W: j = a}| + crowd * max(0, |{j in W: category_j = category_a}| - crowd_limit)
    r_t     = clip(base + <v, e_a> + intent * match - bored + noise * eps, low, high)               eps ~ N(0, 1)
    B_t+1   = min(B_0, B_t + relief * max(0, r_t - tolerance) - max(0, tolerance - r_t) - bored)    patience
    leave   = B_t+1 <= 0 and t > 0                                                                  (r_t is paid)
    k       = k + [match >= 1/2]                                                                    items that met it
    switch  : with chance min(switch_max, switch + satiation * k) the intent becomes z' with probability
              proportional to mix_z' * transition_zz' (never z itself), and k = 0.

Novelty is inside <v, e_a>: appetite of the user times obscurity of the item. Hidden from policies: v, z, k, B. A
policy that watches ratings sees a switch as a drop by about `intent` points. Every draw is an argument, so that an
oracle can be given the same.

Shapes: scalars may carry any leading axes [...]; `xp` is `numpy` or `jax.numpy`.
"""

from __future__ import annotations

from typing import Any

from flax import struct

from jaxrec.data.world.generator import Tables

NOBODY = -1


@struct.dataclass
class Session:
    """The whole hidden state of a session.

    Attributes:
      user, session, intent, satisfied, time: int32 [...].
      vector: float32 [..., F + 2], the user's vector with the session's drift.
      mix: float32 [..., G], weights of the intents in this session (not normalised).
      patience, patience_start: float32 [...].
      window_item, window_category: int32 [..., window], a ring written at time % window; -1 where nothing was shown.
    """

    user: Any
    session: Any
    intent: Any
    satisfied: Any
    time: Any
    vector: Any
    mix: Any
    patience: Any
    patience_start: Any
    window_item: Any
    window_category: Any


@struct.dataclass
class StepDraws:
    """What one step draws: `noise` standard normal; `switch`, `intent` uniform in [0, 1); float32 [...]."""

    noise: Any
    switch: Any
    intent: Any


def open_session(tables: Tables, user: Any, session: Any, draw: Any, *, xp: Any) -> Session:
    """Opens a session.

    Args:
      user, session: int32 [...]. draw: float32 [...] in [0, 1), picks the first intent by the user's mix.
    """
    community = tables.user_community[user]
    mix = tables.user_mix[user] * tables.drift_mix[community, session]
    zero = xp.zeros_like(user)
    nothing = xp.full((*user.shape, tables.window), NOBODY, dtype="int32")
    patience = tables.user_patience[user]
    return Session(
        user=user,
        session=session,
        intent=_pick(mix, draw, xp),
        satisfied=zero,
        time=zero,
        vector=tables.user_vectors[user] + tables.drift[community, session],
        mix=mix,
        patience=patience,
        patience_start=patience,
        window_item=nothing,
        window_category=nothing,
    )


def advance(tables: Tables, state: Session, action: Any, draws: StepDraws, *, xp: Any) -> tuple[Session, Any, Any]:
    """Makes one turn of a session: shows an item to the user, who rates it, and may change intent or leave.

    Args:
      action: int32 [...], the item.

    Returns:
      (the next state; reward float32 [...], rating points; leave bool [...], whether the user leaves).
    """
    rules, category = tables.dynamics, tables.item_category[action]
    match = _match(tables, state, action, xp)
    bored = boredom(tables, state, action, xp=xp)
    base = xp.sum(state.vector * tables.item_vectors[action], axis=-1)
    reward = rules.base + base + rules.intent * match - bored + rules.noise * draws.noise
    reward = xp.clip(reward, rules.low, rules.high)
    relief = rules.relief * xp.maximum(reward - rules.tolerance, 0) - xp.maximum(rules.tolerance - reward, 0)
    patience = xp.minimum(state.patience_start, state.patience + relief - bored)
    satisfied = state.satisfied + (match > 0)
    switch = draws.switch < xp.minimum(rules.switch_max, rules.switch + rules.satiation * satisfied)
    drawn = _pick(state.mix * tables.transition[state.intent], draws.intent, xp)
    here = xp.arange(tables.window) == (state.time % tables.window)[..., None]
    following = state.replace(
        intent=xp.where(switch, drawn, state.intent),
        satisfied=xp.where(switch, 0, satisfied),
        time=state.time + 1,
        patience=patience,
        window_item=xp.where(here, action[..., None], state.window_item),
        window_category=xp.where(here, category[..., None], state.window_category),
    )
    return following, reward, (patience <= 0) & (state.time > 0)


def boredom(tables: Tables, state: Session, action: Any, *, xp: Any) -> Any:
    """By how many rating points the item `action` pleases less because of the items shown lately: float32 [...].

    Repeats of the item itself count, and items of its category once they are too many.
    """
    rules = tables.dynamics
    repeats = xp.sum(state.window_item == action[..., None], axis=-1)
    same = xp.sum(state.window_category == tables.item_category[action][..., None], axis=-1)
    return rules.repeat * repeats + rules.crowd * xp.maximum(same - rules.crowd_limit, 0)


def _match(tables: Tables, state: Session, action: Any, xp: Any) -> Any:
    first = tables.item_category[action] == state.intent
    second = tables.item_second[action] == state.intent
    return xp.where(first, 1.0, xp.where(second, 0.5, 0.0))


def _pick(weights: Any, draw: Any, xp: Any) -> Any:
    """Picks an index of weights [..., G] in proportion to them: int32 [...]; sums run in order, alike everywhere."""
    last = weights.shape[-1] - 1
    edges = [weights[..., 0]]
    for g in range(1, last + 1):
        edges.append(edges[-1] + weights[..., g])
    target = draw * edges[-1]
    return xp.minimum(sum((edge <= target).astype("int32") for edge in edges), last)
