"""An experiment of every kind of stage that compiles in seconds, for tests that kill and resume it."""

from ml_collections import ConfigDict

from jaxrec import defaults
from jaxrec.data.world import generator as worlds


def get_config() -> ConfigDict:
    config = defaults.get_config()
    config.name = "tiny"
    config.num_seeds = 2
    config.checkpoint_seconds = 0.0
    config.data.options = {"size": "tiny", "text": False, "images": False}
    for users in ("train", "test"):
        config.environments[users] = defaults.environment("embedded", users=users, max_turn=4)
        config.environments[users].world = worlds.defaults("tiny")
    config.stages.a2c = defaults.fit(
        "actor_critic.a2c", "train", num_steps=24, steps_per_call=2, num_envs=4, hidden=(8,), width=4
    )
    config.stages.log = defaults.collect("a2c", "train", num_episodes=10, mixture={"all": (1.0, 0.2)})
    config.stages.random = defaults.fit("static.random", "train", num_steps=1)
    config.stages.evaluation = defaults.evaluate(("a2c", "random"), "test", modes=("FB",), num_envs=4, num_episodes=4)
    config.order = ("a2c", "log", "random", "evaluation")
    return config
