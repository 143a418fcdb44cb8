"""HDT (T 5.3): sessions of a user one after the other, a decision transformer across them and one inside each.

L = L_S + alpha L_R + beta L_a + lambda L_g (T 5.21). InterDT is HDT without what is inside sessions; Hier has a
recurrent user state instead (T 5.4.2). The gradient ends where a session does, as in user-parallel mini-batches. Our
reading: what a user did before the last C sessions is forgotten.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import objective_returns, supervised, unexpected
from jaxrec.algorithms.next_item.hierarchy import InterDT, InterGRU, IntraDT
from jaxrec.algorithms.next_item.prefixes import prefixes
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params, Ranker
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Sequences
from jaxrec.base.specs import Spec
from jaxrec.batches import user_sessions
from jaxrec.batches.user_sessions import Sessions
from jaxrec.losses import sequence
from jaxrec.losses.returns_to_go import returns_to_go
from jaxrec.models import caches, encoders, transformer
from jaxrec.models.history import EVERY, take
from jaxrec.models.transformer import Transformer
from jaxrec.training import learner, optimizers, sources

INTER = {"dt": InterDT, "gru": InterGRU}
INTRA = ("nov", "uxp")


def defaults() -> ConfigDict:
    """The thesis' sizes and Reddit's weights (T 5.4.2, 5.4.6)."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 1e-3
    optimizer.clip_norm = 1.0
    return ConfigDict(
        {
            "encoder": "sasrec",  # G, a file in models/encoders
            "encoder_options": ConfigDict(),  # fields of its Encoder
            "inter": "dt",  # across sessions: dt, or gru (Hier)
            "intra": True,  # the transformer inside sessions; False: InterDT and Hier
            "objectives": INTRA,  # inside sessions: novelty return as input, unexpected return as target (table 5.5)
            "width": 64,  # D
            "num_layers": 1,  # of the transformer inside sessions; T names none
            "num_heads": 1,
            "dropout": 0.1,  # in it
            "num_sessions": 8,  # C, consecutive ones of a user in training, and the last ones behind what is ranked
            "return_weight": 0.5,  # alpha
            "action_weight": 0.2,  # beta
            "goal_weight": 0.1,  # lambda; without effect on Hier, which has no goal
            "batch_size": 64,  # users per step
            "optimizer": optimizer,
        }
    )


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learns from `data.sequences.NextItem` with a row per session; raises JaxrecError on bad settings."""
    check(config, spec)
    length, width, with_goal = spec.max_turn - 1, config.width, config.inter == "dt"
    scale = max(abs(bound) for bound in spec.reward_range) or 1.0
    sizes = {"num_items": spec.num_items, "width": width, "feedback_scale": scale}
    encoder, inter = encoders.make(config.encoder, **sizes, **config.encoder_options), INTER[config.inter](width)
    backbone = Transformer(width, config.num_layers, config.num_heads, config.dropout)
    intra = IntraDT(backbone, spec.num_items, length, width, "nov" in config.objectives)
    directions = spec.directions

    def init_params(key: Array) -> Params:
        keys = jax.random.split(key, 6)
        item, vector = jnp.zeros((1, length), jnp.int32), jnp.zeros((1, width))
        rows, state = (item, item.astype(jnp.float32), item == 0), jnp.zeros((1, length, width))
        given = {"vectors": jnp.asarray(directions), "largest": unexpected.largest(jnp.asarray(directions))}
        params = {
            "encoder": encoder.init(keys[0], *rows, at=EVERY, joined=vector)["params"],
            "inter": inter.init(keys[1], jnp.zeros(1), vector, vector)["params"],
            "output": supervised.init_head(keys[2], spec.num_items, width),
            "given": given | {"tail": jnp.asarray(spec.tail, bool)},
        }
        if with_goal:
            params["goal"] = supervised.init_head(keys[3], spec.num_items, width)
        if config.intra:
            params["intra"] = intra.init(keys[4], vector, state[..., 0], state, item)["params"]
            params["action"] = supervised.init_head(keys[5], spec.num_items, width)
        return params

    def step(
        params: Params, carry: Mapping[str, Any], session: Sessions, key: Array | None
    ) -> tuple[dict[str, Any], tuple[Array, ...]]:
        """One session of each user: the next carry, and (states [B, L, D], goal return and goal state [B, D])."""
        goal_return, goal, user = _inter(inter, params, carry)
        rows = (x[:, :-1] for x in (session.item, session.feedback, session.mask))
        encode = functools.partial(encoder.apply, {"params": params["encoder"]}, rngs=supervised.dropout(key))
        states = encode(*rows, at=EVERY, joined=goal)
        last = jnp.maximum(session.mask.sum(1) - 2, 0)  # the state that the last item was predicted from
        found = {
            "state": take(states, last[:, None])[:, 0],
            "user": user,
            "met": carry["met"].and_those_of(jnp.take(params["given"]["vectors"], session.item, 0), session.mask),
        }
        kept = jax.tree.map(lambda new, old: jnp.where(_like(session.real, new), new, old), found, dict(carry))
        return jax.lax.stop_gradient(kept), (states, goal_return, goal)

    def walk(params: Params, sessions: Sessions, key: Array | None = None) -> tuple[dict[str, Any], tuple[Array, ...]]:
        """All sessions in turn: the last carry, and what `step` yields with sessions first, [C, B, ...]."""
        size, count = sessions.item.shape[:2]
        start = {"state": jnp.zeros((size, width)), "user": jnp.zeros((size, width))}
        start["met"] = unexpected.nothing_met(size, directions.shape[1])
        by_session = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), sessions)
        keys = None if key is None else jax.random.split(key, count)
        return jax.lax.scan(lambda carry, now: step(params, carry, *now), start, (by_session, keys))

    def loss_fn(params: Params, batch: Sessions, key: Array):
        key_encoder, key_intra = jax.random.split(key)
        _, (states, goal_return, goal) = walk(params, batch, key_encoder)
        item, mask = (jnp.swapaxes(x, 0, 1).reshape(-1, length + 1) for x in (batch.item, batch.mask))
        states, goal_return, goal = (x.reshape(-1, *x.shape[2:]) for x in (states, goal_return, goal))
        terms = {"next_item": supervised.loss(params, states, item[:, 1:], mask[:, 1:])}
        if with_goal and config.goal_weight:
            found = supervised.loss({"output": params["goal"]}, goal, item[:, 0], mask[:, 0])
            terms["goal"] = config.goal_weight * found
        if config.intra:
            known = jnp.take(params["given"]["tail"], item[:, 1:]) & mask[:, 1:]
            asked = returns_to_go(known.astype(jnp.float32))
            hidden, predicted = intra.apply(
                {"params": params["intra"]}, goal_return, asked, states, item[:, 1:], False, rngs={"dropout": key_intra}
            )
            found = supervised.loss({"output": params["action"]}, hidden, item[:, 1:], mask[:, 1:])
            terms["action"] = config.action_weight * found
            if "uxp" in config.objectives:
                target = unexpected.inside(jnp.take(params["given"]["vectors"], item, 0), mask)[:, :-1]
                terms["returns"] = config.return_weight * sequence.masked_mean((predicted - target) ** 2, mask[:, 1:])
        return terms, {}

    def context(params: Params, history: Sequences, user: Array) -> Array:
        """[B, 2 D], the goal return and the goal state of the session that follows those in the history."""
        carry, _ = walk(params, user_sessions.last_sessions(history, user, config.num_sessions))
        goal_return, goal, _ = _inter(inter, params, carry)
        return jnp.concatenate([goal_return, goal], -1)

    def states(
        params: Params, item: Array, feedback: Array, mask: Array, known: Array, places: Array | str = EVERY
    ) -> Array:
        """With a transformer inside sessions a window for each place, for another novelty is asked for at each."""

        def encode(item: Array, *rows: Array, goal: Array = known[:, width:], at: Array | str | None = None) -> Array:
            goal = goal.reshape(len(goal), *[1] * (item.ndim - 2), width)
            return encoder.apply({"params": params["encoder"]}, item, *rows, at=at, joined=goal)

        if not config.intra:
            return supervised.windowed(encode, length, (item, feedback, mask), places)

        def one(item: Array, feedback: Array, mask: Array, known: Array) -> tuple[Array, ...]:
            last, action = jnp.maximum(mask.sum(1) - 1, 0), jnp.roll(item, -1, axis=1)
            rows = encode(item, feedback, mask, goal=known[:, width:], at=EVERY)
            novel = jnp.take(params["given"]["tail"], action)
            asked = objective_returns.asked(mask, novel, None, {"ahead": 0.0, "epsilon": 0.0})["nov"]
            hidden = intra.apply({"params": params["intra"]}, known[:, :width], asked, rows, action, last, method="at")
            return (jnp.concatenate([take(rows, last[:, None])[:, 0], hidden], -1),)

        windows = prefixes(length, item, feedback, mask, places)
        shape = windows[0].shape[:2]
        windows, known = [x.reshape(-1, length) for x in windows], jnp.repeat(known, shape[1], axis=0)
        (found,) = caches.in_row_chunks(one, (*windows, known), 4 * length)
        return found.reshape(*shape, -1)

    def scores(params: Params, states: Array) -> Array:
        """Of the sequence model; with a transformer inside the session the probabilities by both, added (T 5.14, 5.17;
        our reading of T 5.3.5, which names the sequential model and InterDT)."""
        found = supervised.head_scores(params["output"], states[:, :width])
        if not config.intra:
            return found
        inside = supervised.head_scores(params["action"], states[:, width:])
        return jax.nn.softmax(found, -1) + jax.nn.softmax(inside, -1)

    learning = learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer), frozen=("given/",))
    source = sources.logged(user_sessions.random_sessions(config.batch_size, config.num_sessions))
    return Algorithm(learning, source, ranker=Ranker(states, scores, context))


def check(config: ConfigDict, spec: Spec) -> None:
    """Raises JaxrecError on settings that cannot work."""
    supervised.check(config, spec)
    transformer.check("algorithm.", config)
    ranges.check("algorithm.", config, {"num_sessions": ranges.COUNT})
    if config.inter not in INTER:
        raise JaxrecError(f"algorithm.inter {config.inter!r} is unknown; choose one of {', '.join(INTER)}")
    if config.intra and config.inter != "dt":
        raise JaxrecError("algorithm.intra needs the goal return of algorithm.inter 'dt'; set one of the two")
    if any(name not in INTRA for name in config.objectives):
        raise JaxrecError(f"algorithm.objectives {tuple(config.objectives)}: take some of {', '.join(INTRA)}")
    if spec.tail is None or spec.vectors is None:
        raise JaxrecError("sessions need the popular items and item vectors; set the stage's vectors to a fit stage")


def _inter(inter: Any, params: Params, carry: Mapping[str, Any]) -> tuple[Array, Array, Array]:
    """What a session begins with, from the sessions before it alone (T 5.2, 5.4)."""
    left = params["given"]["largest"] - carry["met"].dissimilarity()
    return inter.apply({"params": params["inter"]}, left, carry["state"], carry["user"])


def _like(real: Array, values: Array) -> Array:
    return real.reshape(-1, *[1] * (values.ndim - 1))
