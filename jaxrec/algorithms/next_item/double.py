"""SQN's double Q-learning: a fair coin picks one of two networks per step; it chooses the next action, the other
evaluates it (van Hasselt, 2010; T Algorithm 4).

Each network is an encoder, a softmax over the catalogue and Q-values. Only the network that the coin picks learns at a
step: its cross-entropy and its Q-loss share its encoder. The first network's softmax ranks. Our reading: the two
networks start from different parameters, because copies would choose and evaluate by the same errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import supervised, target_positions, transitions
from jaxrec.algorithms.next_item.transitions import ItemTransitions
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.records import Sequences
from jaxrec.base.specs import SequencesSpec
from jaxrec.losses import catalogue
from jaxrec.training import learner, optimizers

NETWORKS = ("first", "second")
# As SQN's code draws them. With Q-values of 1 and more at the start, their squared errors drown the cross-entropy,
# those of ten sampled items above all.
_glorot = jax.nn.initializers.glorot_uniform(in_axis=2, out_axis=0, batch_axis=1)

RANGES = {
    **supervised.RANGES,
    "discount": ranges.BELOW_ONE,
    "reward": ranges.choice(*transitions.REWARDS),
    "value_weight": ranges.NOT_NEGATIVE,
}


def defaults() -> ConfigDict:
    config = supervised.defaults()
    config.discount = 0.5  # per item
    config.reward = "feedback"  # the log's (Yoochoose: 0.2 a click, 1 a purchase); 'click' or 'one' is every item's
    config.value_weight = 0.5  # of the squared errors of Q: SQN's code has half the square, L Eq. 10 the whole
    return config


class DoubleQBatch(NamedTuple):
    """R transitions with what double Q-learning needs of both networks; C heads value as many objectives.

    Attributes:
      network: parameters of the network that learns at this step.
      states: float32 [R, D], its states.
      transitions: [R].
      best_value, next_best_value: float32 [R, C], constants: the other network's Q-values of the action that the
        learning network finds best, at the state and at the next state.
    """

    network: Params
    states: Array
    transitions: ItemTransitions
    best_value: Array
    next_best_value: Array


Terms = Callable[..., tuple[Mapping[str, Array], Mapping[str, Array]]]


def algorithm(
    config: ConfigDict,
    spec: SequencesSpec,
    terms: Terms,
    *,
    weights: Sequence[float] = (1.0,),
    schedules: Mapping[str, optax.Schedule] | None = None,
    restart: tuple[int, float] | None = None,
) -> Algorithm:
    """Makes the algorithm whose loss is `terms(batch: DoubleQBatch, key, **schedules) -> (terms, metrics)`.

    Args:
      weights: of the C heads; the best action is that of the highest weighted sum of their values.
      restart: step of the loop at which the optimizer starts anew, and the factor of its rate (`optimizers.restarted`).
    """
    model = supervised.softmax_model(config, spec)

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
        _, key_position, key_terms, key_dropout = jax.random.split(key, 4)  # the first one drew the coin
        positions = target_positions.draw(config, batch.mask[:, 1:], key_position)
        networks = learning_and_other(params, coin)
        options = {"weights": weights, "reward": config.reward}
        return terms(double_q_batch(model, networks, batch, positions, key_dropout, **options), key_terms, **now)

    tx = in_turn(optimizers.make(config.optimizer))
    tx = optimizers.restarted(tx, *restart) if restart else tx
    learning = learner.from_loss(init_params, loss_fn, tx, schedules=schedules, draw=draw)
    return supervised.ranked_by_softmax(config, model, learning, lambda params: params[NETWORKS[0]])


def learning_and_other(params: Params, coin: Array) -> tuple[Params, Params]:
    """Returns (the network that learns, the other one as a constant): the first learns where the bool `coin` is true
    (T Algorithm 4)."""
    first, second = (params[name] for name in NETWORKS)
    learning, other = (
        jax.tree.map(lambda x, y, swap=swap: jnp.where(coin ^ swap, x, y), first, second) for swap in (False, True)
    )
    return learning, jax.lax.stop_gradient(other)


def double_q_batch(
    model: supervised.SoftmaxModel,
    networks: tuple[Params, Params],
    batch: Sequences,
    positions: Array | None,
    key: Array | None = None,
    *,
    weights: Sequence[float],
    reward: str,
) -> DoubleQBatch:
    """Evaluates the transitions of rows [B, T] by both networks: R = B * (T - 1), or B where positions are given.

    The best action is searched once per state, because the next state of a position is the state of the next position.
    Dropout falls on the states of the network that learns, not on those that only evaluate.

    Args:
      networks: (the one that learns, the other one).
      positions: int32 [B, 1], the position of each row that learns; None: all of them.
      key: of the learning network's dropout.
      weights: of the C heads. reward: see `transitions.from_sequences`.
    """
    learning, other = networks
    steps = transitions.from_sequences(batch, reward)
    encoded = positions
    if positions is not None:  # the state after the action as well
        encoded = jnp.minimum(jnp.concatenate([positions, positions + 1], 1), steps.action.shape[1] - 1)
    steps = jax.tree.map(lambda x: target_positions.select(x, positions), steps)
    states = target_positions.states(model, learning, batch, encoded, key)
    other_states = target_positions.states(model, other, batch, encoded)
    shape, count = states.shape[:2], steps.action.shape[1]
    best = catalogue.best_item(states.reshape(-1, states.shape[2]), *_weighted_sum(learning["values"], weights))
    best_value = action_values(other["values"], other_states, best.reshape(*shape, 1))[..., 0, :]
    here, after, states = (
        x[:, :count].reshape(-1, x.shape[-1]) for x in (best_value, jnp.roll(best_value, -1, axis=1), states)
    )
    return DoubleQBatch(learning, states, transitions.flatten(steps), *jax.lax.stop_gradient((here, after)))


def _weighted_sum(head: Params, weights: Sequence[float]) -> tuple[Array, Array]:
    """Returns table [A, D] and bias [A] of the weighted sum of the heads."""
    tables = (weight * head["table"][:, k] for k, weight in enumerate(weights))  # a contraction takes far longer
    return sum(tables), head["bias"] @ jnp.asarray(weights, jnp.float32)


def action_values(head: Params, states: Array, item: Array) -> Array:
    """Returns Q(s, item) [..., K, C] of items int32 [..., K] at states [..., D] (L Eq. 9).

    Only the rows of the head that these items need are gathered; no other value is computed.
    """
    return jnp.einsum("...d,...kcd->...kc", states, head["table"][item]) + head["bias"][item]


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
