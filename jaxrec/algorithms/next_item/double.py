"""Two networks that learn in turn, each an encoder, a softmax over the catalogue and Q-values (SQN; T, Algorithm 4).

A coin draws, at each step, the network that learns. It chooses the best action of a state and the other one values that
choice (van Hasselt, 2010); the drawn one's supervised and value losses share its encoder. What ranks is the first one's
supervised head. Our reading: the two start apart, for copies would choose and value by the same errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import supervised, transitions
from jaxrec.algorithms.next_item.transitions import Transitions
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.records import Sequences
from jaxrec.base.specs import Spec
from jaxrec.losses import catalogue
from jaxrec.models.history import take
from jaxrec.training import learner, optimizers

NETWORKS = ("first", "second")
# The scale of SQN's code. Values of one and more at the start have errors that drown the cross-entropy, ten items' that
# were not taken above all.
_glorot = jax.nn.initializers.glorot_uniform(in_axis=2, out_axis=0, batch_axis=1)


def defaults() -> ConfigDict:
    config = supervised.defaults()
    config.discount = 0.5  # per item
    config.reward = "feedback"  # the log's (Yoochoose: 0.2 a click, 1 a purchase); 'click' or 'one' is every item's
    config.value_weight = 0.5  # of the squared errors of Q: SQN's code has half the square, L Eq. 10 the whole
    return config


class Drawn(NamedTuple):
    """A batch as the drawn network sees it, R transitions.

    `hidden` [R, D] are its states. `here` and `after` [R, C] are the other network's values, at the state and at the
    one after the action, of what the drawn network finds best there.
    """

    network: Params
    hidden: Array
    steps: Transitions
    here: Array
    after: Array


Terms = Callable[..., tuple[Mapping[str, Array], Mapping[str, Array]]]


def algorithm(
    config: ConfigDict,
    spec: Spec,
    terms: Terms,
    *,
    weights: Sequence[float] = (1.0,),
    schedules: Mapping[str, optax.Schedule] | None = None,
    restart: tuple[int, float] | None = None,
) -> Algorithm:
    """The algorithm whose loss is `terms(drawn: Drawn, key, **schedules) -> (terms, metrics)`.

    Args:
      weights: of the C heads; the best action is that of the highest weighted sum.
      restart: step of the loop at which the optimizer starts anew, and the factor of its rate (`optimizers.restarted`).
    """
    transitions.check(config)
    model = supervised.build(config, spec)

    def init_network(key: Array) -> Params:
        key_model, key_values = jax.random.split(key)
        shape = (spec.num_items, len(weights), config.width)
        table = _glorot(key_values, shape)
        return model.init(key_model) | {"values": {"table": table, "bias": jnp.zeros(shape[:2])}}

    def init_params(key: Array) -> Params:
        return dict(zip(NETWORKS, map(init_network, jax.random.split(key, 2)), strict=True))

    def draw(key: Array) -> dict[str, Array]:
        return {"coin": jax.random.bernoulli(jax.random.split(key, 4)[0])}

    def loss_fn(params: Params, batch: Sequences, key: Array, *, coin: Array, **now: Array):
        _, key_place, key_terms, key_dropout = jax.random.split(key, 4)  # the first one drew the coin
        places = supervised.targets(config, batch.mask[:, 1:], key_place)
        networks = in_order(params, coin)
        drawn = seen(model, networks, batch, places, key_dropout, weights=weights, reward=config.reward)
        return terms(drawn, key_terms, **now)

    tx = in_turn(optimizers.make(config.optimizer))
    tx = optimizers.restarted(tx, *restart) if restart else tx
    learning = learner.from_loss(init_params, loss_fn, tx, schedules=schedules, draw=draw)
    return supervised.algorithm(config, model, learning, network=lambda params: params[NETWORKS[0]])


def in_order(params: Params, coin: Array) -> tuple[Params, Params]:
    """(the network that learns, the other one): the first learns where the bool `coin` is true."""
    first, second = (params[name] for name in NETWORKS)
    drawn, other = (
        jax.tree.map(lambda x, y, swap=swap: jnp.where(coin ^ swap, x, y), first, second) for swap in (False, True)
    )
    return drawn, jax.lax.stop_gradient(other)


def seen(
    model: supervised.Supervised,
    networks: tuple[Params, Params],
    batch: Sequences,
    places: Array | str,
    key: Array | None = None,
    *,
    weights: Sequence[float],
    reward: str,
) -> Drawn:
    """The batch as the drawn network sees it, every place [B * L] or one per row, `places` [B, 1].

    The best action is looked for once per state: what comes after a place is what is here at the next. The states of
    the network that learns are dropped out by the key, those that only value a choice are not.
    """
    inputs = (x[:, :-1] for x in (batch.item, batch.feedback, batch.mask))
    drawn, other = networks
    inputs, steps = tuple(inputs), transitions.of(batch, reward)
    asked = places
    if not isinstance(places, str):  # the state after the action as well
        asked = jnp.minimum(jnp.concatenate([places, places + 1], 1), steps.action.shape[1] - 1)
    steps = jax.tree.map(lambda x: take(x, places), steps)
    hidden, others = (model.states(network, *inputs, asked, k) for network, k in ((drawn, key), (other, None)))
    shape, count = hidden.shape[:2], steps.action.shape[1]
    best = catalogue.best(hidden.reshape(-1, hidden.shape[2]), *_weighted(drawn["values"], weights))
    value = values(other["values"], others, best.reshape(*shape, 1))[..., 0, :]
    here, after, hidden = (x[:, :count].reshape(-1, x.shape[-1]) for x in (value, jnp.roll(value, -1, axis=1), hidden))
    return Drawn(drawn, hidden, transitions.flat(steps), *jax.lax.stop_gradient((here, after)))


def _weighted(head: Params, weights: Sequence[float]) -> tuple[Array, Array]:
    """Table [A, D] and bias [A] of the weighted sum of the heads."""
    tables = (weight * head["table"][:, k] for k, weight in enumerate(weights))  # a contraction takes far longer
    return sum(tables), head["bias"] @ jnp.asarray(weights, jnp.float32)


def values(head: Params, hidden: Array, item: Array) -> Array:
    """Q [..., K, C] of items [..., K] at states [..., D]; rows of the head are gathered, no other value is computed."""
    return jnp.einsum("...d,...kcd->...kc", hidden, head["table"][item]) + head["bias"][item]


def in_turn(tx: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Makes an optimizer that gives each of the two networks a `tx` of its own and steps one of them at a time.

    The extra argument `coin`, a bool scalar, says which: the first network where it is true, else the second. The other
    one stands still, its moments included; with one optimizer for both, the momentum of earlier steps would move it.
    `tx` sees parameter paths without the network's name.
    """
    tx = optax.with_extra_args_support(tx)

    def parts(flat: Mapping[str, Array]) -> list[dict[str, Array]]:
        split = {name: {} for name in NETWORKS}
        for path, leaf in flat.items():
            name, rest = path.split("/", 1)
            split[name][rest] = leaf
        return list(split.values())

    def init(params: Mapping[str, Array]) -> tuple[optax.OptState, ...]:
        return tuple(tx.init(part) for part in parts(params))

    def update(
        gradients: Mapping[str, Array],
        state: tuple[optax.OptState, ...],
        params: Mapping[str, Array],
        *,
        coin: Array,
        **extra: Array,
    ) -> tuple[dict[str, Array], tuple[optax.OptState, ...]]:
        updates, after = {}, []
        parted = zip(NETWORKS, (coin, ~coin), parts(gradients), state, parts(params), strict=True)
        for name, learns, gradient, held, part in parted:
            moved, new = tx.update(gradient, held, part, **extra)
            updates |= {f"{name}/{path}": jnp.where(learns, u, 0) for path, u in moved.items()}
            after.append(jax.tree.map(lambda new, old, learns=learns: jnp.where(learns, new, old), new, held))
        return {path: updates[path] for path in gradients}, tuple(after)

    return optax.GradientTransformationExtraArgs(init, update)
