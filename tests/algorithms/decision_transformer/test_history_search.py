"""Batched search against Algorithm 1 as printed, incremental against batched, acting against the training forward."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.decision_transformer import history_search, mdt4rec, training_windows
from jaxrec.algorithms.decision_transformer.mdt4rec_policy import make_policy
from jaxrec.base.contracts import Policy
from jaxrec.base.records import Interactions, Observation
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches.windows import Windows
from jaxrec.environments import feedback_matrix, rollout
from jaxrec.losses import returns_bins
from tests.algorithms.decision_transformer.logs import ITEM_SPEC, ITEMS, VECTOR_SPEC, parameters, small

USERS, TURNS = 3, 9


@functools.cache
def trained(spec, **changes):
    """Config, network and parameters away from their first values."""
    config = small(mdt4rec.defaults(), return_draw="mean", **changes)
    network = mdt4rec.make_network(config, spec)
    return config, network, parameters(network, config, spec)


def episode(spec):
    """Observations [TURNS, USERS] in which users begin anew at different moments, and the actions they were given."""
    draw = np.random.default_rng(3)
    begins = np.zeros((TURNS, USERS), bool)
    begins[0] = begins[3, 1] = begins[7, 2] = True
    turn = np.zeros((TURNS, USERS), np.int32)
    for t in range(1, TURNS):
        turn[t] = np.where(begins[t], 0, turn[t - 1] + 1)
    item = draw.integers(0, ITEMS, (TURNS, USERS)).astype(np.int32)
    feedback = np.where(turn == 0, 0, draw.uniform(0, 2, turn.shape)).astype(np.float32)
    vector = draw.normal(size=(*turn.shape, spec.observation_size)).astype(np.float32)
    return jax.tree.map(jnp.asarray, Observation(np.zeros_like(item), item, feedback, turn, vector))


@functools.cache
def played(spec, **changes):
    """What the policy gave over an episode: outputs and lengths, [TURNS, USERS, ...]."""
    config, network, params = trained(spec, **changes)
    acting = make_policy(network, config, spec)
    act = jax.jit(acting.act)
    carry, outputs, lengths = acting.init(params, USERS), [], []
    observations = episode(spec)
    for t in range(TURNS):
        observation = jax.tree.map(lambda x: x[t], observations)  # noqa: B023
        carry, output = act(params, carry, observation, jax.random.key(t))
        outputs.append(output)
        lengths.append(acting.diagnostics(carry)["history_length" if config.use_max else "window_length"])
    return np.stack(outputs), np.stack(lengths)


def test_candidates_are_one_by_delta_and_the_whole():
    assert history_search.candidate_lengths(20, 2) == (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 20)
    assert history_search.candidate_lengths(5, 2) == (1, 3, 5)
    assert history_search.candidate_lengths(5, 8) == (1, 5)
    assert history_search.candidate_lengths(1, 2) == (1,)


def test_highest_return_wins_ties_keep_the_longest_and_nothing_beyond_what_exists():
    lengths = (1, 3, 5)
    promises = jnp.array(
        [[2.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 9.0], [0.0, 1.0, 9.0], [0.0, 8.0, 9.0]]
    )
    available = jnp.array([5, 5, 5, 4, 3, 1])
    np.testing.assert_array_equal(history_search.best_candidate(promises, lengths, available), [0, 1, 2, 2, 1, 0])


def test_the_batched_search_equals_the_loop():
    config, network, params = trained(ITEM_SPEC)
    lengths = history_search.candidate_lengths(config.context_length, config.delta)
    available = jnp.tile(jnp.array([1, 2, 3, 4, 4, 4, 4, 4]), 8)
    tokens = jax.random.normal(jax.random.key(0), (64, history_search.num_tokens(config.context_length), config.width))
    steps = jnp.arange(config.context_length)[None] >= config.context_length - available[:, None]
    valid = jnp.repeat(steps, 3, axis=1)[:, : tokens.shape[1]]

    @jax.jit
    def both(params):
        model = network.bind({"params": params})
        found = history_search.batched_best_history(model, tokens, valid, available, lengths)
        return found.replace(cache=None), history_search.looped_best_history(model, tokens, valid, available, lengths)

    found, expected = both(params)
    jax.tree.map(functools.partial(np.testing.assert_allclose, atol=1e-5), found, expected)
    assert len(np.unique(found.length)) > 1
    np.testing.assert_array_equal(found.previous_action[found.length == 1], 0)


@pytest.mark.parametrize(
    ("spec", "changes"),
    [(ITEM_SPEC, {"search": "incremental"}), (VECTOR_SPEC, {"use_max": False})],
    ids=["items", "vectors, -Max"],
)
def test_acting_equals_the_training_forward_on_the_chosen_history(spec, changes):
    """Every output is recomputed from raw observations by the network that the losses see, user by user."""
    outputs, lengths = played(spec, **changes)
    config, network, params = trained(spec, **changes)
    use_max = config.use_max
    observations = episode(spec)
    candidates = (
        history_search.candidate_lengths(config.context_length, config.delta) if use_max else (config.context_length,)
    )
    apply = jax.jit(lambda p, w: network.apply({"params": p}, w))
    drawn = np.zeros((TURNS, USERS), np.float32)
    for t in range(TURNS):
        for user in range(USERS):
            turn = int(observations.turn[t, user])
            available = min(turn + 1, config.context_length)
            reachable = sorted({min(n, available) for n in candidates})
            promised = {}
            for n in reachable:
                steps = range(t - n + 1, t + 1)
                batch = raw_windows(spec, config, observations, outputs, drawn, steps, user)
                promised[n] = jax.tree.map(lambda x, n=n: x[0, n - 1], apply(params, batch))
            length = max(promised, key=lambda n: (promised[n].max_return, n)) if use_max else available
            assert length == lengths[t, user]
            logits = returns_bins.expert_logits(promised[length].bin_logits, config.kappa)
            drawn[t, user] = returns_bins.expected_return(logits)
            steps = range(t - length + 1, t + 1)
            batch = raw_windows(spec, config, observations, outputs, drawn, steps, user)
            np.testing.assert_allclose(outputs[t, user], apply(params, batch).action[0, length - 1], atol=1e-5)


@functools.cache
def real_episodes():
    """Observations [64, 4] of an environment whose users leave or stay for 30 turns, played without repeats."""
    columns = dict(zip(("user", "item"), (i.reshape(-1).astype(np.int32) for i in np.indices((5, 40))), strict=True))
    feedback = np.random.default_rng(0).uniform(0, 2, 200).astype(np.float32)
    zeros = np.zeros(200)
    log = Interactions(
        **columns,
        feedback=feedback,
        time=zeros.astype(np.int64),
        split=zeros.astype(np.int8),
        user_ids=np.arange(5),
        item_ids=np.arange(40),
    )
    config = feedback_matrix.defaults()
    config.update(window=2, threshold=0.7, max_turn=30)
    env, env_params = feedback_matrix.make(config, interactions=log)
    anything = Policy(lambda params, users: (), lambda params, carry, o, key: (carry, jnp.zeros((4, 40))))
    key_start, key_play = jax.random.split(jax.random.key(5))
    state = rollout.start(env, env_params, anything, {}, key_start, 4, no_repeats=True)
    _, steps = rollout.rollout(
        env,
        env_params,
        anything,
        {},
        state,
        key_play,
        num_steps=64,
        auto_reset=True,
        selection="sample",
        no_repeats=True,
    )
    return steps.observation


@pytest.mark.parametrize(("context_length", "delta"), [(20, 2), (7, 3)])
def test_the_incremental_search_equals_the_batched_one_over_whole_episodes(context_length, delta):
    """Users that leave, stay to the last turn, begin anew, and repeat nothing: same lengths, same logits."""
    spec = TrajectoriesSpec(num_users=5, num_items=40, max_turn=30, reward_range=(0.0, 2.0), return_range=(0.0, 60.0))
    observations = real_episodes()
    begins = np.flatnonzero(np.asarray(observations.turn == 0).any(1))
    assert observations.turn.max() == 29 and len(begins) > 3
    config = small(mdt4rec.defaults(), context_length=context_length, delta=delta)
    network = mdt4rec.make_network(config, spec)
    params = parameters(network, config, spec)
    results = {}
    for name in ("batched", "incremental"):
        config.search = name
        acting = make_policy(network, config, spec)

        def turn(carry, inputs, acting=acting):
            carry, output = acting.act(params, carry, *inputs)
            return carry, (output, acting.diagnostics(carry)["history_length"])

        inputs = (observations, jax.random.split(jax.random.key(1), 64))
        results[name] = jax.jit(lambda carry, turn=turn, inputs=inputs: jax.lax.scan(turn, carry, inputs)[1])(
            acting.init(params, 4)
        )
    np.testing.assert_array_equal(results["batched"][1], results["incremental"][1])
    np.testing.assert_allclose(results["batched"][0], results["incremental"][0], atol=1e-5)
    assert len(np.unique(results["batched"][1])) >= 3


def test_a_user_alone_is_answered_as_among_others():
    """Groups of users that are searched for side by side share nothing, and there may be fewer users than groups."""
    config, network, params = trained(ITEM_SPEC, search="incremental")
    acting, observations = make_policy(network, config, ITEM_SPEC), episode(ITEM_SPEC)
    act, (among, _) = jax.jit(acting.act), played(ITEM_SPEC, search="incremental")
    for user in range(USERS):
        carry = acting.init(params, 1)
        for t in range(3):
            observation = jax.tree.map(lambda x: x[t, user : user + 1], observations)  # noqa: B023
            carry, output = act(params, carry, observation, jax.random.key(t))
            np.testing.assert_allclose(output[0], among[t, user], atol=1e-5)


def raw_windows(spec, config, observations, outputs, drawn, steps, user):
    """The steps as a batch of one, as if they had been logged."""
    batch = jax.tree.map(np.array, training_windows.zero_windows(config, spec))
    batch.history_mask[:] = False
    for place, t in enumerate(steps):
        turn = int(observations.turn[t, user])
        batch.timestep[0, place] = turn
        batch.vector[0, place] = observations.vector[t, user]
        batch.return_to_go[0, place] = drawn[t, user]
        for w in range(config.state_window):
            before = t - config.state_window + 1 + w
            if before >= t - turn:
                batch.item[0, place, w] = observations.item[before, user]
                batch.feedback[0, place, w] = observations.feedback[before, user]
                batch.history_mask[0, place, w] = True
        if place + 1 < len(steps):
            batch.action[0, place] = outputs[t, user] if spec.action_size else observations.item[t + 1, user]
    return Windows(**jax.tree.map(jnp.asarray, vars(batch)))


def test_an_episode_begun_anew_forgets_the_one_before_also_under_seeds_as_an_axis():
    """User 1 begins again at turn 3 of the run; a policy that starts there gives the same, vmapped over two seeds."""
    config, network, params = trained(ITEM_SPEC, use_max=True)
    outputs, lengths = played(ITEM_SPEC, use_max=True)
    acting = make_policy(network, config, ITEM_SPEC)
    act = jax.jit(jax.vmap(acting.act, in_axes=(0, 0, None, 0)))
    both = jax.tree.map(lambda x: jnp.stack([x, 1.1 * x]), params)
    carry = jax.vmap(lambda p: acting.init(p, USERS))(both)
    for t in range(3, 7):
        observation = jax.tree.map(lambda x: x[t], episode(ITEM_SPEC))  # noqa: B023
        carry, output = act(both, carry, observation, jax.random.split(jax.random.key(t)))
        np.testing.assert_allclose(output[0, 1], outputs[t, 1], atol=1e-5)
        assert not np.allclose(output[1, 1], outputs[t, 1])
    assert (lengths >= 1).all() and (lengths <= config.context_length).all()
    assert (lengths[0] == 1).all() and lengths[3, 1] == 1 and lengths[7, 2] == 1
