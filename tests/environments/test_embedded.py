"""The simulator against a slow oracle written from the equations, and as a gymnax environment."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.wrappers import LegacyStepAPIWrapper

from jaxrec.base.errors import JaxrecError
from jaxrec.data.datasets import embedded as dataset
from jaxrec.data.world import generator as worlds
from jaxrec.environments import embedded

NEAR = 1e-5  # a comparison closer than this is decided by the last bits of float32


def _config(**changes):
    config = embedded.defaults()
    config.world = worlds.defaults("tiny")
    config.update(changes)
    return config


class Oracle:
    """One user's session in plain float64 Python; `near` tells that some comparison was too close to call."""

    def __init__(self, tables, user, session, draw):
        community = int(tables.user_community[user])
        self.t, self.near, self.time, self.satisfied, self.window = tables, False, 0, 0, []
        self.v = [
            float(a) + float(b)
            for a, b in zip(tables.user_vectors[user], tables.drift[community, session], strict=True)
        ]
        self.mix = [
            float(a) * float(b)
            for a, b in zip(tables.user_mix[user], tables.drift_mix[community, session], strict=True)
        ]
        self.patience = self.full = float(tables.user_patience[user])
        self.intent = self._pick(self.mix, draw)

    def _below(self, a, b):
        self.near |= abs(a - b) < NEAR
        return a < b

    def _pick(self, weights, draw):
        target, total = draw * sum(weights), 0.0
        for index, weight in enumerate(weights):
            total += weight
            if self._below(target, total):
                return index
        return len(weights) - 1

    def step(self, item, noise, switch, draw):
        t, d = self.t, self.t.dynamics
        category = int(t.item_category[item])
        match = 1.0 if category == self.intent else 0.5 if int(t.item_second[item]) == self.intent else 0.0
        recent = self.window[-t.window :]
        crowd = sum(int(t.item_category[j]) == category for j in recent)
        bored = float(d.repeat) * recent.count(item) + float(d.crowd) * max(0.0, crowd - float(d.crowd_limit))
        reward = float(d.base) + sum(a * float(b) for a, b in zip(self.v, t.item_vectors[item], strict=True))
        reward += float(d.intent) * match - bored + float(d.noise) * noise
        reward = min(max(reward, float(d.low)), float(d.high))
        relief = reward - float(d.tolerance)
        self.patience += (float(d.relief) if relief > 0 else 1.0) * relief - bored
        self.patience = min(self.patience, self.full)
        leave = not self._below(0.0, self.patience) and self.time > 0
        self.satisfied += match > 0
        if self._below(switch, min(float(d.switch_max), float(d.switch) + float(d.satiation) * self.satisfied)):
            row = t.transition[self.intent]
            self.intent = self._pick([m * float(w) for m, w in zip(self.mix, row, strict=True)], draw)
            self.satisfied = 0
        self.window.append(item)
        self.time += 1
        return reward, leave, self.intent


def _play(env, params, actions, key):
    """Everything that happened and every draw, [T, B], of episodes that go on after their end."""
    num_steps, size = actions.shape
    key_reset, key_steps = jax.random.split(key)
    reset_keys, step_keys = jax.random.split(key_reset, size), jax.random.split(key_steps, (num_steps, size))
    observation, state = jax.vmap(env.reset_env, (0, None))(reset_keys, params)

    def turn(state, x):
        action, keys = x
        observation, state, reward, leave, _ = jax.vmap(env.step_env, (0, 0, 0, None))(keys, state, action, params)
        return state, (observation, reward, leave, state.intent, jax.vmap(embedded.draw_step)(keys))

    _, steps = jax.lax.scan(turn, state, (actions, step_keys))
    return observation, jax.vmap(embedded.draw_start, (0, None))(reset_keys, params), steps


def test_ten_thousand_random_episodes_equal_the_oracle():
    config = _config()
    env, params = embedded.make(config)
    tables = worlds.generate(config.world).tables
    size, turns = 10_000, 20
    rng = np.random.default_rng(0)
    actions = rng.integers(0, env.num_actions, (turns, size))
    actions[:, ::2] %= 5  # every other user sees five items only: repeats and crowds
    first, start, steps = jax.device_get(
        jax.jit(_play, static_argnums=0)(env, params, jnp.asarray(actions, jnp.int32), jax.random.key(1))
    )
    observation, reward, leave, intent, draws = steps
    np.testing.assert_array_equal(first.item, start.item)
    seen_leaving = skipped = 0
    for b in range(size):
        oracle = Oracle(tables, int(start.user[b]), int(start.session[b]), float(start.intent[b]))
        for t in range(turns):
            expected, leaves, z = oracle.step(
                int(actions[t, b]), float(draws.noise[t, b]), float(draws.switch[t, b]), float(draws.intent[t, b])
            )
            if oracle.near:
                skipped += 1
                break
            assert abs(reward[t, b] - expected) < 1e-4, (b, t)
            assert leave[t, b] == leaves and intent[t, b] == z, (b, t)
            assert observation.feedback[t, b] == reward[t, b] and observation.item[t, b] == actions[t, b]
            assert observation.turn[t, b] == t + 1 and observation.user[t, b] == start.user[b]
            if leaves:
                seen_leaving += 1
                break
    assert seen_leaving > 0.9 * size and skipped < 0.005 * size


def test_draws_are_uniform_and_normal():
    _, params = embedded.make(_config())
    keys = jax.random.split(jax.random.key(0), 20_000)
    start, step = jax.vmap(embedded.draw_start, (0, None))(keys, params), jax.vmap(embedded.draw_step)(keys)
    assert np.abs(np.bincount(start.user, minlength=40) / 20_000 - 1 / 40).max() < 0.006
    assert set(np.unique(start.session)) == {0, 1, 2, 3}
    assert np.isfinite(step.noise).all() and abs(step.noise.mean()) < 0.03 and abs(step.noise.std() - 1) < 0.03
    for uniform in (start.intent, step.switch, step.intent):
        assert uniform.min() >= 0 and uniform.max() < 1 and abs(uniform.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(step.switch, step.intent)[0, 1]) < 0.03


def test_nobody_leaves_at_turn_zero_and_the_leaving_step_is_paid():
    config = _config()
    config.world.dynamics.patience = 0.01
    env, params = embedded.make(config)
    _, state = env.reset_env(jax.random.key(0), params)
    bad = jnp.int32(
        jnp.argmin(params.tables.item_vectors @ state.vector - 9.0 * (params.tables.item_category == state.intent))
    )
    observation, state, reward, terminated, _ = env.step_env(jax.random.key(1), state, bad, params)
    assert not terminated and reward >= 1 and observation.turn == 1
    _, _, reward, terminated, info = env.step_env(jax.random.key(2), state, bad, params)
    assert terminated and reward >= 1 and info["discount"] == 0
    assert not env.step_env(jax.random.key(2), state, bad, params.replace(exits=jnp.bool_(False)))[3]


def test_gymnax_step_resets_truncates_and_serves_the_legacy_wrapper():
    env, params = embedded.make(_config(max_turn=3, exits=False))
    observation, state = env.reset(jax.random.key(0), params)
    assert observation.turn == 0 and observation.feedback == 0 and observation.vector.shape == (0,)
    for turn in range(3):
        observation, state, reward, terminated, truncated, info = env.step(jax.random.key(turn), state, 7, params)
        assert 1 <= reward <= 5 and not terminated and truncated == (turn == 2)
    assert observation.turn == 0 and state.time == 0 and info["final_observation"].turn == 3
    legacy = LegacyStepAPIWrapper(env)
    _, state = legacy.reset(jax.random.key(0), params)
    *_, done, _ = legacy.step(jax.random.key(1), state, 7, params)
    assert not done
    space = env.observation_space(params)
    assert set(space.spaces) == set(vars(observation)) and env.action_space(params).n == env.num_actions == 48


def test_the_test_users_are_the_ones_no_log_knows():
    for users, low, high in (("train", 0, 40), ("test", 40, 60), ("all", 0, 60)):
        env, params = embedded.make(_config(users=users))
        drawn = jax.vmap(embedded.draw_start, (0, None))(jax.random.split(jax.random.key(0), 2_000), params).user
        assert (int(drawn.min()) + params.first_user, int(drawn.max()) + params.first_user + 1) == (low, high)


def test_a_log_of_the_same_world_is_accepted_and_any_other_refused():
    log = dataset.load(size="tiny", text=False, images=False)
    assert embedded.make(_config(), interactions=log)[0].num_actions == log.num_items
    other_seed = dataset.load(size="tiny", text=False, images=False, world={"seed": 1})
    with pytest.raises(JaxrecError, match="another world"):
        embedded.make(_config(), interactions=other_seed)
    other_size = dataset.load(size="tiny", text=False, images=False, world={"num_items": 50})
    with pytest.raises(JaxrecError, match="60 users x 50 items, the world 60 x 48"):
        embedded.make(_config(), interactions=other_size)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"users": "tets"}, "'tets'"), ({"max_turn": 0}, "max_turn is 0"), ({"user_model": 1}, "true users")],
)
def test_mistakes_get_one_line(changes, message):
    user_model = changes.pop("user_model", None)
    with pytest.raises(JaxrecError, match=message):
        embedded.make(_config(**changes), user_model=user_model)
    config = _config(users="test")
    config.world.num_test_users = 0
    with pytest.raises(JaxrecError, match="num_test_users is 0"):
        embedded.make(config)


def test_changed_dynamics_do_not_compile_again():
    env, params = embedded.make(_config())
    step = jax.jit(env.step_env)
    _, state = env.reset_env(jax.random.key(0), params)
    step(jax.random.key(1), state, jnp.int32(0), params)
    rules = params.tables.dynamics.replace(base=jnp.float32(0.5))
    step(jax.random.key(1), state, jnp.int32(0), params.replace(tables=params.tables.replace(dynamics=rules)))
    assert step._cache_size() == 1
