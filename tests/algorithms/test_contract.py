"""What every algorithm file promises: defaults, make, updates of two seeds in one program, a policy that fits, and
that a run stopped and gone on with ends as the unbroken one does, bit for bit."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxrec import algorithms
from jaxrec.base.contracts import Algorithm
from jaxrec.base.episode_keys import EpisodeKey
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions, NextItem, Observation, Sequences, Text, Trajectories
from jaxrec.base.specs import EnvironmentSpec, RatingsSpec, SequencesSpec, TextSpec, TrajectoriesSpec
from jaxrec.environments import feedback_matrix
from jaxrec.training import loop, optimizers
from jaxrec.training.checkpoint import Checkpoints
from jaxrec.training.learner import partition

USERS, ITEMS, TURNS, VOCABULARY = 5, 7, 6, 11
EVERY = algorithms.names()
# Sizes an algorithm may have, made as small as they go.
SMALL = {
    "width": 8,
    "hidden": (8,),
    "num_heads": 1,
    "num_layers": 1,
    "context_length": 4,
    "batch_size": 3,
    "num_envs": 3,
    "num_steps": 2,
    "window": 2,
    "state_encoder": "average",
}


def log() -> Interactions:
    """A fully rated matrix, columns far apart."""
    user, item = (index.reshape(-1).astype(np.int32) for index in np.indices((USERS, ITEMS)))
    rows = USERS * ITEMS
    feedback = np.random.default_rng(0).uniform(1, 5, rows).astype(np.float32)
    zeros = np.zeros(rows)
    return Interactions(
        user, item, feedback, zeros.astype(np.int64), zeros.astype(np.int8), np.arange(USERS), np.arange(ITEMS)
    )


def trajectories() -> Trajectories:
    """Four random episodes, the last one cut short."""
    draw = np.random.default_rng(1)
    shape = (4, TURNS)
    mask = np.arange(TURNS)[None] < np.array([TURNS, TURNS, TURNS, 3])[:, None]
    action = draw.integers(0, ITEMS, shape).astype(np.int32)
    reward = draw.uniform(1, 5, shape).astype(np.float32) * mask
    before = np.concatenate([draw.integers(0, ITEMS, (4, 1)), action[:, :-1]], 1).astype(np.int32)
    feedback = np.concatenate([np.zeros((4, 1)), reward[:, :-1]], 1).astype(np.float32)
    turn = np.broadcast_to(np.arange(TURNS, dtype=np.int32), shape)
    user = np.broadcast_to(np.arange(4, dtype=np.int32)[:, None], shape)
    seen = Observation(user, before, feedback, turn, np.zeros((*shape, 0), np.float32))
    return jax.tree.map(jnp.asarray, Trajectories(seen, action, reward, mask))


def sequences() -> NextItem:
    """Four rows of items, the last one short."""
    episodes = trajectories()
    rows = Sequences(episodes.action, episodes.reward, episodes.mask, jnp.arange(4))
    return NextItem(rows, (rows,), (jnp.full((4, 1), -1),), jnp.ones(ITEMS, jnp.int32))


@pytest.fixture(scope="module")
def world():
    """(log, data by type of spec, specs by type)."""
    rows = log()
    config = feedback_matrix.defaults()
    config.update({"window": 2, "threshold": 0.5, "max_turn": TURNS})
    env, env_params = feedback_matrix.make(config, interactions=rows)
    bounds = {"reward_range": (1.0, 5.0), "return_range": (0.0, 5.0 * TURNS)}
    specs = {
        RatingsSpec: RatingsSpec(USERS, ITEMS, (1.0, 5.0)),
        EnvironmentSpec: EnvironmentSpec(USERS, ITEMS, TURNS, environment=env, **bounds),
        TrajectoriesSpec: TrajectoriesSpec(USERS, ITEMS, TURNS, **bounds),
        SequencesSpec: SequencesSpec(USERS, ITEMS, TURNS - 1, tail=np.arange(ITEMS) > 0),
        TextSpec: TextSpec(VOCABULARY),
    }
    columns = {"user": rows.user, "item": rows.item, "feedback": rows.feedback}
    tokens = (np.arange(60) % VOCABULARY).astype(np.int32)
    text = Text(tokens, tokens[:20])
    data = {
        RatingsSpec: columns,
        EnvironmentSpec: env_params,
        TrajectoriesSpec: trajectories(),
        SequencesSpec: sequences(),
        TextSpec: text,
    }
    return rows, data, specs


BESIDE = {"vectors": np.eye(ITEMS, 3, dtype=np.float32) + 1.0}  # what an algorithm may ask to have beside its data


def make(module, specs, config=None):
    """(the algorithm, the type of the spec of what it learns from), both as its `make` says."""
    kind = get_type_hints(module.make)["spec"]
    taken = {role: value for role, value in BESIDE.items() if role in inspect.signature(module.make).parameters}
    return module.make(config or small(module), specs[kind], **taken), kind


def small(module) -> ConfigDict:
    config = module.defaults()
    config.update({leaf: value for leaf, value in SMALL.items() if leaf in config})
    return config


class Made(NamedTuple):
    """An algorithm after three updates of two seeds, or as estimated from the log (then `fit` is None)."""

    algorithm: Algorithm
    fit: Callable[..., Any] | None
    state: Any
    metrics: dict[str, np.ndarray]


@pytest.fixture(scope="module", params=EVERY)
def made(request, world):
    rows, data, specs = world
    algorithm, kind = make(algorithms.load(request.param), specs)
    if algorithm.learner is None:
        if kind is SequencesSpec:
            return Made(algorithm, None, algorithm.estimate(data[kind]), {})
        vectors = np.zeros((USERS, ITEMS), np.float32)
        vectors[rows.user, rows.item] = rows.feedback
        return Made(algorithm, None, algorithm.estimate(rows, vectors=vectors.T, window=2, threshold=1.0), {})

    def fit(**options):
        options = {"num_steps": 3, "steps_per_call": 1, "num_seeds": 2} | options
        return loop.fit(algorithm.learner, algorithm.source, data[kind], **options)

    metrics: dict[str, np.ndarray] = {}
    return Made(algorithm, fit, fit(on_metrics=lambda step, values: metrics.update(values)), metrics)


def test_metrics_are_finite_and_seeds_differ(made):
    if made.fit is None:
        return  # counted, not trained
    assert (np.asarray(made.state.step) >= 3).all()
    assert any(metric.startswith("loss/") for metric in made.metrics)
    for metric, values in made.metrics.items():
        assert values.shape == (2, 1) and np.isfinite(values).all(), metric
    leaves = jax.tree.leaves(made.state.params)
    assert any((np.asarray(leaf[0]) != np.asarray(leaf[1])).any() for leaf in leaves), "seeds must differ"


def test_stopped_and_resumed_equals_unbroken(made, tmp_path, monkeypatch):
    """And every block of either run is one program: compiling takes longer than many a run."""
    if made.fit is None:
        return
    blocks, make_block = [], loop.make_block
    monkeypatch.setattr(loop, "make_block", lambda *given: blocks.append(make_block(*given)) or blocks[-1])
    with pytest.raises(loop.Stopped, match="step 2 of 3"):
        made.fit(checkpoints=Checkpoints(tmp_path), stop_requested=iter((False, True)).__next__)
    resumed = made.fit(checkpoints=Checkpoints(tmp_path))
    jax.tree.map(np.testing.assert_array_equal, resumed, made.state)
    assert [block._cache_size() for block in blocks] == [1, 1]


def test_policy(made):
    """Logits for each user; a carry that keeps its shape, restarts at turn 0, and depends on no other user's row; draws
    that belong to an episode and not to its place in the batch."""
    policy, params = made.algorithm.policy, made.state
    if policy is None:
        return
    if made.fit is not None:
        params = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf[0])), made.state.params)

    def observed(turn):
        turn = jnp.asarray(turn, jnp.int32)
        item = turn * 2 % ITEMS
        return Observation(jnp.arange(3), item, item + 1.0, turn, jnp.zeros((3, 0)))

    act = jax.jit(policy.act)
    start, key = policy.init(params, 3), EpisodeKey(jax.random.key(0), 4, jnp.arange(3))
    carry, first = act(params, start, observed([0, 0, 0]), key)
    assert first.shape == (3, ITEMS) and first.dtype == jnp.float32
    assert not np.isnan(first).any()
    assert jax.tree.map(jnp.shape, carry) == jax.tree.map(jnp.shape, start)
    carry, _ = act(params, carry, observed([1, 1, 1]), key)
    carry, mixed = act(params, carry, observed([2, 0, 2]), key)
    assert np.isfinite(mixed).all()
    np.testing.assert_allclose(mixed[1], first[1], atol=1e-5, err_msg="turn 0 must forget the episode before")
    order = jnp.array([2, 0, 1])
    moved = jax.tree.map(lambda x: x[order], observed([0, 0, 0]))
    _, other = act(params, start, moved, key.replace(index=order))
    np.testing.assert_allclose(other, first[order], atol=1e-5)
    if policy.diagnostics is not None:
        for values in policy.diagnostics(carry).values():
            assert values.shape == (3,) and (values >= 0).all() and (values <= TURNS).all()


# The last part of every parameter's path, by whether weight decay shrinks it.
DECAYED = {
    "kernel", "embedding", "table", "position", "vertical", "vectors", "objectives", "implicit", "factor",
    *(f"{side}{of}_{what}" for side in ("user", "item") for of in ("", "_features") for what in ("vector", "weight")),
}  # fmt: skip
SPARED = {"bias", "scale", "log_std", "log_temperature", "novelty", "level", "value"}
VECTORS = ("inter/embedding", "left/kernel")  # linear maps to or from one number


def test_weight_decay_covers_every_parameter_of_every_algorithm(world):
    """Each is either a matrix or a table, or a vector or a number; a parameter of a new name is to be added above."""
    for name in EVERY:
        learner = make(algorithms.load(name), world[2])[0].learner
        if learner is None:
            continue
        shapes = jax.eval_shape(learner.init, jax.random.key(0)).params
        trained, _ = partition(shapes, learner.frozen)
        for path, leaf in trained.items():
            last = path.rsplit("/", 1)[-1]
            assert last in DECAYED | SPARED, (name, path)
            expected = last in DECAYED and not path.endswith(VECTORS)
            assert optimizers.is_decayed(path, leaf) == expected, (name, path, leaf.shape)


def test_defaults_are_new_each_time():
    for name in EVERY:
        module = algorithms.load(name)
        assert isinstance(module.defaults(), ConfigDict)
        assert module.defaults() is not module.defaults()
        assert module.defaults() == module.defaults()


def test_parts_are_no_algorithms():
    assert {"actor_critic.a2c", "static.random"} <= set(EVERY)
    assert not {"actor_critic.actors_and_critics", "decision_transformer.history_search"} & set(EVERY)


@pytest.mark.parametrize(
    ("name", "near"), [("actor_critics.a2c", "actor_critic.a2c"), ("actor_critic.a2x", "actor_critic.a2c")]
)
def test_unknown_names_are_one_clear_line(name, near):
    with pytest.raises(JaxrecError, match=f"no algorithm {name!r}, did you mean {near!r}.*; choose one of"):
        algorithms.load(name)
