"""How long does an evaluation of a random policy in the modes FB, NX_0 and NX_10 take, compiling apart?

100 episodes of each mode, 100 users at once, in an environment with Coat's exit rule (290 x 300, synthetic); all six
metrics, with item vectors of 31 numbers.

    python -m benchmarks.evaluation [--out FILE]
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.environments import log
from benchmarks.timing import measure, report
from jaxrec.base.contracts import Policy
from jaxrec.environments import feedback_matrix
from jaxrec.evaluation import episodes


def main() -> None:
    interactions = log(290, 300)
    env, env_params = feedback_matrix.make(feedback_matrix.defaults(), interactions=interactions)
    policy = Policy(
        init=lambda params, num_users: (),
        act=lambda params, carry, observation, key: (carry, jnp.zeros((observation.turn.shape[0], 300))),
    )
    catalogue = episodes.Catalogue(
        jnp.asarray(np.bincount(interactions.item)), jnp.asarray(interactions.item_features["category"], jnp.float32)
    )
    evaluate = episodes.player(env, policy, selection="sample")
    figures = measure(evaluate, None, env_params, catalogue, jax.random.key(1), repeats=30)
    results = evaluate(None, env_params, catalogue, jax.random.key(1))
    steps = 100 * sum(float(results[f"{mode}/Length"]) for mode in ("FB", "NX_0", "NX_10"))
    report("evaluate_300_episodes", **figures, milliseconds=1e3 * figures["median_s"], env_steps=int(steps))


if __name__ == "__main__":
    main()
