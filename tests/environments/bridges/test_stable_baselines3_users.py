"""Stable-Baselines3 and sb3-contrib train on our users; skipped where they are not installed."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.environments import bridges
from tests.environments import play
from tests.environments.bridges import small

WHY = "is not installed; pip install -e '.[bridges]'"


@pytest.fixture(scope="module")
def world():
    return small.make()


def test_it_is_named_where_it_is_missing(world, monkeypatch):
    original = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.startswith("jaxrec.environments.bridges.stable"):
            raise ModuleNotFoundError("No module named 'stable_baselines3'", name="stable_baselines3")
        return original(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(JaxrecError, match=r"stable_baselines3 is not installed; pip install -e '\.\[bridges\]'"):
        bridges.stable_baselines3(*world)


def test_what_it_gives_is_the_vector_environments(world):
    pytest.importorskip("stable_baselines3", reason=f"Stable-Baselines3 {WHY}")
    users = bridges.stable_baselines3(*world, num_envs=3)
    plain = bridges.gymnasium_vector(*world, num_envs=3, autoreset_mode="SameStep")
    users.seed(7)
    assert np.array_equal(users.reset(), plain.reset(seed=7)[0])
    rng, cut = np.random.default_rng(0), 0
    for _ in range(60):
        actions = rng.integers(0, play.ITEMS, 3)
        observations, rewards, dones, infos = users.step(actions)
        expected, reward, terminated, truncated, info = plain.step(actions)
        assert np.array_equal(observations, expected) and np.array_equal(rewards, reward.astype(np.float32))
        assert np.array_equal(dones, terminated | truncated) and len(infos) == 3
        for row in range(3):
            assert ("terminal_observation" in infos[row]) == dones[row]
            assert infos[row]["TimeLimit.truncated"] == (truncated[row] and not terminated[row])
            cut += infos[row]["TimeLimit.truncated"]
            if dones[row]:
                assert np.array_equal(infos[row]["terminal_observation"], info["final_obs"][row])
    assert cut > 0


def test_maskable_ppo_never_repeats_an_item(world):
    contrib = pytest.importorskip("sb3_contrib", reason=f"sb3-contrib {WHY}")
    users = bridges.stable_baselines3(*world, num_envs=3, mode="NX_4")
    # A repeated item would be refused by the bridge, and training would end.
    contrib.MaskablePPO("MlpPolicy", users, n_steps=16, batch_size=48, n_epochs=1, seed=0).learn(96)


def test_ppo_learns(world):
    sb3 = pytest.importorskip("stable_baselines3", reason=f"Stable-Baselines3 {WHY}")
    import torch
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.vec_env import VecMonitor

    torch.set_num_threads(1)
    users = VecMonitor(bridges.stable_baselines3(*world, num_envs=16, observation="one_hot"))
    agent = sb3.PPO("MlpPolicy", users, n_steps=12, batch_size=64, learning_rate=0.003, n_epochs=4, seed=0)
    before, _ = evaluate_policy(agent, users, n_eval_episodes=64, deterministic=False)
    after, _ = evaluate_policy(agent.learn(6_000), users, n_eval_episodes=64, deterministic=False)
    assert after > before + 2.0
