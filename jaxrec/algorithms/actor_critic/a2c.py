"""A2C: advantage actor-critic on fresh steps (Mnih et al. 2016, synchronous), over a window of (item, reward) pairs.

Discount, rates and sizes follow EasyRL4Rec, the framework of M 4.1. Our reading: every rollout goes on where the last
one stopped (EasyRL4Rec collects whole episodes), so that every update has a batch of one shape; a cut-off by the time
limit is no end of the episode, so values bootstrap through it; rewards are divided by the largest. EasyRL4Rec takes the
time limit for the end (`time_limit = terminal`) and samples items in its evaluation too (`selection = sample`).
"""

from __future__ import annotations

import jax
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import on_policy
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.losses import policy_gradient
from jaxrec.training import learner, optimizers, sources

RANGES = on_policy.RANGES


def defaults() -> ConfigDict:
    """Returns EasyRL4Rec's settings for Coat."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 0.005  # EasyRL4Rec: 0.005 on Coat, 0.001 elsewhere
    return ConfigDict(
        {
            "encoder": "average",  # average, gru or sasrec: a file in models/encoders
            "width": 32,  # D of the item embeddings (EasyRL4Rec: 32)
            "window": 3,  # W, the pairs in the state window (EasyRL4Rec: 3)
            "hidden": (64, 64),  # widths of the layers under both heads
            "discount": 0.9,  # per turn
            "gae_lambda": 1.0,  # 1: returns as long as the rollout
            "value_weight": 0.5,
            "entropy_weight": 0.01,  # times nats, beside rewards scaled to at most 1
            "num_envs": 64,  # B, users acted on at once
            "num_steps": 15,  # T, turns between two updates
            "time_limit": "truncation",  # what the time limit is: truncation, or terminal (EasyRL4Rec)
            "selection": "",  # of items at evaluation: greedy, or sample (EasyRL4Rec); '' as the evaluation says
            "log_std": -0.5,  # first log standard deviation of continuous actions
            "optimizer": optimizer,
        }
    )


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Makes the algorithm, over items or continuous actions; without `spec.environment` it acts but has no source."""
    ranges.check("algorithm.", config, RANGES)
    agent = on_policy.make_agent(config, spec)

    def loss_fn(params: Params, batch: sources.OnPolicyBatch, key: Array):
        del key
        steps = batch.steps
        output, value = agent.apply(params, steps.carry, steps.observation)
        advantage = on_policy.advantages(config, agent, params, batch, value)
        log_prob, entropy = agent.action_terms(params, output, steps.action)
        mean = on_policy.weighted_mean(on_policy.step_weight(steps))
        target = advantage + jax.lax.stop_gradient(value)
        terms = {
            "policy": mean(policy_gradient.policy_gradient_loss(log_prob, advantage)),
            "value": config.value_weight * mean(policy_gradient.value_loss(value, target)),
            "entropy": -config.entropy_weight * mean(entropy),
        }
        metrics = {"policy/entropy": mean(entropy), "value/mean": mean(value) / agent.reward_scale}
        return terms, on_policy.rollout_metrics(steps) | metrics

    return Algorithm(
        learner=learner.from_loss(agent.init_params, loss_fn, optimizers.make(config.optimizer)),
        source=on_policy.source(config, spec, agent),
        policy=agent.policy,
    )
