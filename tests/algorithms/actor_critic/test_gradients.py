"""Each off-policy loss on a trajectory of two steps, its gradient by hand; and who trains whom."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxrec.algorithms.actor_critic import ddpg, dqn, sac, td3
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.models import history as histories
from tests.algorithms.actor_critic import linear, problems

STATES, REWARDS = linear.STATES, linear.REWARDS
ROW, OTHER = (0.4, 1.5, -0.2), (-0.3, 0.8, 0.6)  # (w_s, w_a, b) of the online critics
TARGET_ROW, TARGET_OTHER = (0.9, -0.5, 0.1), (0.2, 0.4, -0.8)
ACTOR, TARGET_ACTOR = (0.7, -0.1), (1.2, 0.3)  # tanh(k s + c)


def acts(actor, state):
    return np.tanh(actor[0] * state + actor[1])


def actor_params(actor):
    return linear.dense([[actor[0]]], [actor[1]])


def climbing_gradient(row):
    """d/d(k, c) of -mean Q(s, tanh(k s + c))."""
    slope = -row[1] * (1 - acts(ACTOR, STATES) ** 2)
    return (slope * STATES).mean(), slope.mean()


def check_actor(found, expected):
    layer = found["actor"]["Dense_0"]
    np.testing.assert_allclose([layer["kernel"][0, 0], layer["bias"][0]], expected, rtol=1e-5)


def test_ddpg_by_hand(monkeypatch):
    init, loss_fn, _ = linear.loss_of(monkeypatch, ddpg)
    params = {"actor": actor_params(ACTOR), "critic": linear.critics(ROW)}
    copies = {"actor": actor_params(TARGET_ACTOR), "critic": linear.critics(TARGET_ROW)}
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, init(jax.random.key(0)))
    following = linear.values(TARGET_ROW, STATES[1], acts(TARGET_ACTOR, STATES[1]))
    target = REWARDS + linear.DISCOUNT * np.array([following, 0.0])
    found = linear.gradient(loss_fn, params, copies, linear.two_steps(), "critic")
    np.testing.assert_allclose(linear.critic_gradient(found)[0], linear.squared_error_gradient(ROW, target), rtol=1e-5)
    check_actor(linear.gradient(loss_fn, params, copies, linear.two_steps(), "actor"), climbing_gradient(ROW))


def test_td3_by_hand(monkeypatch):
    """Smoothing noise clipped to 0: the target is the smaller of two critics at the target actor's action."""
    _, loss_fn, _ = linear.loss_of(monkeypatch, td3, smoothing_noise=5.0, smoothing_clip=0.0)
    params = {"actor": actor_params(ACTOR), "critic": linear.critics(ROW, OTHER)}
    copies = {"actor": actor_params(TARGET_ACTOR), "critic": linear.critics(TARGET_ROW, TARGET_OTHER)}
    action = acts(TARGET_ACTOR, STATES[1])
    following = min(linear.values(row, STATES[1], action) for row in (TARGET_ROW, TARGET_OTHER))
    target = REWARDS + linear.DISCOUNT * np.array([following, 0.0])
    found = linear.critic_gradient(linear.gradient(loss_fn, params, copies, linear.two_steps(), "critic"))
    expected = [linear.squared_error_gradient(row, target) for row in (ROW, OTHER)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    check_actor(linear.gradient(loss_fn, params, copies, linear.two_steps(), "actor"), climbing_gradient(ROW))


def test_td3_smooths_the_target_action(monkeypatch):
    params = {"actor": actor_params(ACTOR), "critic": linear.critics(ROW, OTHER)}
    _, loss_fn, _ = linear.loss_of(monkeypatch, td3, smoothing_noise=5.0, smoothing_clip=0.1)
    losses = [float(loss_fn(params, params, linear.two_steps(), jax.random.key(k))[0]["critic"]) for k in range(4)]
    assert len(set(losses)) > 1  # noise of -0.1 or 0.1


def test_sac_by_hand(monkeypatch):
    """A state-independent spread: raw log std 0, the middle of its range."""
    _, loss_fn, _ = linear.loss_of(monkeypatch, sac, log_std_range=(-3.0, 1.0), target_entropy=-2.0)
    log_std, alpha = -1.0, 0.4
    actor = linear.dense([[ACTOR[0], 0.0]], [ACTOR[1], 0.0])
    temperature = {"log_temperature": jnp.log(alpha)}
    params = {"actor": actor, "critic": linear.critics(ROW, OTHER), "temperature": temperature}
    copies = {"critic": linear.critics(TARGET_ROW, TARGET_OTHER)}
    batch, key = linear.two_steps(), jax.random.key(3)
    noise_next, noise = (np.asarray(jax.random.normal(k, (2, 1)))[:, 0] for k in jax.random.split(key))

    def drawn(state, noise):
        before = ACTOR[0] * state + ACTOR[1] + np.exp(log_std) * noise
        log_prob = stats.norm.logpdf(noise) - log_std - np.log(1 - np.tanh(before) ** 2)
        return np.tanh(before), log_prob

    action, log_prob = drawn(STATES[1], noise_next[0])
    following = min(linear.values(row, STATES[1], action) for row in (TARGET_ROW, TARGET_OTHER)) - alpha * log_prob
    target = REWARDS + linear.DISCOUNT * np.array([following, 0.0])
    found = linear.critic_gradient(linear.gradient(loss_fn, params, copies, batch, "critic", key))
    np.testing.assert_allclose(found, [linear.squared_error_gradient(row, target) for row in (ROW, OTHER)], rtol=1e-4)
    action, log_prob = drawn(STATES, noise)
    # d log pi / d before = 2 a; the smaller critic's slope in a, times da / d before = 1 - a^2.
    both = np.stack([linear.values(row, STATES, action) for row in (ROW, OTHER)])
    slope = np.array([ROW[1], OTHER[1]])[both.argmin(0)]
    by_mean = 2 * alpha * action - slope * (1 - action**2)
    layer = linear.gradient(loss_fn, params, copies, batch, "actor", key)["actor"]["Dense_0"]
    np.testing.assert_allclose(
        [layer["kernel"][0, 0], layer["bias"][0]], [(by_mean * STATES).mean(), by_mean.mean()], rtol=1e-4
    )
    found = linear.gradient(loss_fn, params, copies, batch, "temperature", key)["temperature"]["log_temperature"]
    np.testing.assert_allclose(found, -alpha * (log_prob - 2.0).mean(), rtol=1e-4)


def test_dqn_by_hand(monkeypatch):
    """Q(s, i) = k_i s + c_i: the online network chooses item 1 in s1, the target network values it."""
    spec = EnvironmentSpec(num_users=1, num_items=2, max_turn=9, observation_size=1)
    init, loss_fn, _ = linear.loss_of(monkeypatch, dqn, spec, width=1)
    k, c = np.array([0.5, -0.2]), np.array([0.1, 0.4])
    copy_k, copy_c = np.array([2.0, -1.0]), np.array([0.3, 0.7])
    encoder = jax.tree.map(jnp.zeros_like, init(jax.random.key(0))["encoder"])  # the window's part of the state is 0

    def network(k, c):
        return {"encoder": encoder, "values": linear.dense([[0.0, 0.0], k], c)}

    carry = dqn.HistoryAndSteps(histories.empty(2, 3), jnp.zeros(2, jnp.int32))
    batch = linear.two_steps(jnp.array([1, 0]), carry, carry)
    found = linear.gradient(loss_fn, network(k, c), network(copy_k, copy_c), batch, "value")["values"]["Dense_0"]
    chosen = int(np.argmax(k * STATES[1] + c))
    assert chosen == 1 and np.argmax(copy_k * STATES[1] + copy_c) == 1
    target = REWARDS + linear.DISCOUNT * np.array([copy_k[1] * STATES[1] + copy_c[1], 0.0])
    error = np.array([k[1] * STATES[0] + c[1], k[0] * STATES[1] + c[0]]) - target
    np.testing.assert_allclose(found["bias"], [error[1] / 2, error[0] / 2], rtol=1e-5)
    np.testing.assert_allclose(found["kernel"][1], [error[1] * STATES[1] / 2, error[0] * STATES[0] / 2], rtol=1e-5)


@pytest.mark.parametrize("module", [ddpg, td3, sac], ids=["ddpg", "td3", "sac"])
def test_the_actor_trains_no_critic_and_the_critic_no_actor(monkeypatch, module):
    """Zero gradients, with histories and items; the encoder is the critic's."""
    env, env_params, spec = problems.environment(problems.tastes(), exits=False, max_turn=4)
    changes = {"hidden": (8,), "width": 4, "num_envs": 4, "batch_size": 8, "num_updates": 1, "warmup": 8}
    init, loss_fn, algorithm = linear.loss_of(monkeypatch, module, spec, **changes)
    params = jax.jit(init)(jax.random.key(0))
    source = jax.jit(algorithm.source.init)(env_params, params, jax.random.key(1))
    _, batch = jax.jit(algorithm.source.next)(env_params, source, params, jax.random.key(2))

    def size(term):
        found = linear.gradient(loss_fn, params, params, batch, term)
        return {role: max(float(abs(leaf).max()) for leaf in jax.tree.leaves(found[role])) for role in found}

    actor, critic = size("actor"), size("critic")
    assert actor.pop("actor") > 0 and set(actor.values()) == {0.0}
    assert critic.pop("critic") > 0 and critic.pop("encoder") > 0 and set(critic.values()) == {0.0}
