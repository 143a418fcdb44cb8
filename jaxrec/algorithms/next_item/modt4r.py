"""MODT4R (T 4.4): a user encoder and a decision transformer asked for accuracy, novelty and diversity at once.

L = L_S + L_a + beta L_R (T 4.17), whose returns are shares of the largest; scores A + alpha Y (T 4.19). What is asked
for when ranking stands in `inference` and can be changed at every evaluation. MRDT, _i, _imp, subsets of the objectives
and L without L_S are options.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import objective_returns, supervised
from jaxrec.algorithms.next_item.motrans import STATES, MoTrans
from jaxrec.algorithms.next_item.prefixes import prefixes
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params, Ranker
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Sequences
from jaxrec.base.specs import Spec
from jaxrec.data import sequences
from jaxrec.losses import sequence
from jaxrec.models import caches, transformer
from jaxrec.models.history import EVERY, History, take
from jaxrec.models.transformer import Transformer
from jaxrec.training import learner, optimizers, sources


def defaults() -> ConfigDict:
    """The thesis' sizes where it names them (T 4.5.1)."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 1e-3
    return ConfigDict(
        {
            "encoder": "sasrec",  # UserTrans, a file in models/encoders
            "encoder_options": ConfigDict(),  # fields of its Encoder
            "states": "encoded",  # by UserTrans; or 'item' (_i), or 'implicit' (_imp), which have neither it nor L_S
            "return_first": False,  # True: (R, s, a) and no return loss (MRDT)
            "objectives": objective_returns.OBJECTIVES,  # whose returns are in the trajectory (T 4.21)
            "scaled_returns": True,  # as shares of the largest there can be; False: as counted (T 4.7, 4.15)
            "width": 64,  # D, of items, states, returns and actions
            "num_layers": 2,  # of MoTrans; T names none
            "num_heads": 1,  # of MoTrans; as UserTrans (T 4.5.1)
            "dropout": 0.1,  # in MoTrans
            "state_weight": 1.0,  # of L_S; at 0 the encoder has no head, and its scores no part in the ranking
            "return_weight": 0.6,  # beta, of L_R; RC15's best (T 4.5.4)
            "batch_size": 256,  # sequences per step
            "inference": {
                "alpha": 1.0,  # of the encoder's scores (T 4.19)
                "diversity": 1.0,  # lambda, the factor of the diversity return
                "epsilon": 0.5,  # share of novel items before, from which on a novel one is asked for (T 4.18)
                "ahead": 1.0,  # accuracy return asked for beyond the step at hand
            },
            "optimizer": optimizer,
        }
    )


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learns from `data.sequences.NextItem` with rows of `spec.max_turn` items; raises JaxrecError on bad settings."""
    check(config, spec)
    length, width = spec.max_turn - 1, config.width
    encoded, has_head = config.states == "encoded", config.states == "encoded" and config.state_weight != 0
    alike = supervised.defaults()
    alike.update({leaf: config[leaf] for leaf in ("encoder", "encoder_options", "width")})
    user = supervised.build(alike, spec)
    backbone = Transformer(width, config.num_layers, config.num_heads, config.dropout)
    motrans = MoTrans(
        backbone, spec.num_items, length, width, len(config.objectives), config.states, config.return_first
    )
    given = _given(config, spec)

    def init_params(key: Array) -> Params:
        key_user, key_motrans, key_action = jax.random.split(key, 3)
        item, state = jnp.zeros((1, length), jnp.int32), jnp.zeros((1, length, width)) if encoded else None
        asked = jnp.zeros((1, length, len(config.objectives)))
        params = {
            "motrans": motrans.init(key_motrans, state, item, item, asked)["params"],
            "action": supervised.init_head(key_action, spec.num_items, width),
            "inference": {name: jnp.asarray(value, jnp.float32) for name, value in config.inference.items()},
        }
        roles = ("encoder",) * encoded + ("output",) * has_head
        params |= {role: leaves for role, leaves in user.init(key_user).items() if role in roles}
        return params | ({"given": jax.tree.map(jnp.asarray, given)} if given else {})

    def encode(params: Params, *rows: Array, key: Array | None = None) -> Array | None:
        return user.states(params, *rows, key=key) if encoded else None

    def loss_fn(params: Params, batch: Sequences, key: Array):
        item, action, mask = batch.item[:, :-1], batch.item[:, 1:], batch.mask[:, 1:]
        key_encoder, key_motrans = jax.random.split(key)
        state = encode(params, item, batch.feedback[:, :-1], batch.mask[:, :-1], key=key_encoder)
        novel, direction = _known(params, item, action)
        target = _stacked(config, objective_returns.logged(mask, novel, direction), length)
        hidden, predicted = motrans.apply(
            {"params": params["motrans"]}, state, item, action, target, False, rngs={"dropout": key_motrans}
        )
        terms = {"action": supervised.loss({"output": params["action"]}, hidden, action, mask)}
        if has_head:
            terms["state"] = config.state_weight * supervised.loss(params, state, action, mask)
        if predicted is not None and config.return_weight:
            squares = jnp.sum((predicted - target) ** 2, -1)
            terms["returns"] = config.return_weight * sequence.masked_mean(squares, mask)
        if novel is None:
            return terms, {}
        # How often ranking would have asked for what the user took: where seldom, asking costs accuracy.
        met = objective_returns.wished(novel, params["inference"]["epsilon"]) == novel
        return terms, {"train/novelty_met": sequence.masked_mean(met.astype(jnp.float32), mask)}

    def states(params: Params, item: Array, feedback: Array, mask: Array, places: Array | str = EVERY) -> Array:
        """What is asked for differs from place to place, and so do all tokens before it: a window for each place."""

        def one(item: Array, feedback: Array, mask: Array) -> tuple[Array, ...]:
            state, action = encode(params, item, feedback, mask), jnp.roll(item, -1, axis=1)
            asked = objective_returns.asked(mask, *_known(params, item, action), params["inference"])
            asked = _stacked(config, asked, length)
            last = jnp.maximum(mask.sum(1) - 1, 0)
            read = motrans.apply({"params": params["motrans"]}, state, item, action, asked, last, method="at")
            return (jnp.concatenate([read, take(state, last[:, None])[:, 0]], -1) if has_head else read,)

        windows = prefixes(length, item, feedback, mask, places)
        tokens = length * (2 + len(config.objectives))
        (found,) = caches.in_row_chunks(one, tuple(x.reshape(-1, length) for x in windows), tokens)
        return found.reshape(*windows[0].shape[:2], -1)

    def scores(params: Params, states: Array) -> Array:
        found = supervised.head_scores(params["action"], states[:, :width])
        return found + params["inference"]["alpha"] * user.scores(params, states[:, width:]) if has_head else found

    def scorer(params: Params, history: History) -> Array:
        return scores(params, supervised.newest(states, params, history))

    frozen = ("inference/", "given/") if given else ("inference/",)
    learning = learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer), frozen=frozen)
    source = sources.logged(sequences.batches(config.batch_size))
    return Algorithm(learning, source, scorer=scorer, ranker=Ranker(states, scores), ask=ask)


def check(config: ConfigDict, spec: Spec) -> None:
    """Raises JaxrecError on settings that cannot work."""
    supervised.check(config, spec)
    transformer.check("algorithm.", config)
    ranges.check("algorithm.inference.", config.inference, dict.fromkeys(config.inference, ranges.FINITE))
    if config.states not in STATES:
        raise JaxrecError(f"algorithm.states {config.states!r} is unknown; choose one of {', '.join(STATES)}")
    unknown = [name for name in config.objectives if name not in objective_returns.OBJECTIVES]
    if unknown or not config.objectives or len(set(config.objectives)) < len(config.objectives):
        raise JaxrecError(
            f"algorithm.objectives {tuple(config.objectives)}: take some of "
            f"{', '.join(objective_returns.OBJECTIVES)}, each once"
        )
    if "nov" in config.objectives and spec.tail is None:
        raise JaxrecError("the novelty return needs to know which items are popular; learn from sequences")
    if "div" in config.objectives and spec.vectors is None:
        raise JaxrecError("the diversity return needs item vectors; set the stage's vectors to a next-item model's")


def ask(params: Params, options: Mapping[str, float]) -> Params:
    """The parameters with options of `inference` set anew; they stand still in training."""
    own = params["inference"]
    return params | {"inference": own | {o: jnp.full_like(own[o], v) for o, v in options.items()}}


def _given(config: ConfigDict, spec: Spec) -> dict[str, np.ndarray]:
    """What the returns are counted by, and nothing trains: the items' directions [A, E] and who is in the tail [A]."""
    found = {}
    if "nov" in config.objectives:
        found["tail"] = np.asarray(spec.tail, bool)
    if "div" in config.objectives:
        found["vectors"] = spec.directions
    return found


def _known(params: Params, item: Array, action: Array) -> tuple[Array | None, Array | None]:
    """Of a step's action whether it is novel, of its item the direction; None where no return needs it."""
    given = params.get("given", {})
    novel = jnp.take(given["tail"], action, axis=0) if "tail" in given else None
    return novel, jnp.take(given["vectors"], item, axis=0) if "vectors" in given else None


def _stacked(config: ConfigDict, found: Mapping[str, Array], length: int) -> Array:
    """[B, T, O], in the order of the trajectory, of rows of so many steps.

    Our reading takes shares of the largest: squared errors of counts of up to T steps are up to T^2 as large beside the
    losses of states and actions, which share their weights.
    """
    largest = (
        objective_returns.largest(length) if config.scaled_returns else dict.fromkeys(objective_returns.OBJECTIVES, 1.0)
    )
    return jnp.stack(
        [found[name] / largest[name] for name in objective_returns.OBJECTIVES if name in config.objectives], -1
    )
