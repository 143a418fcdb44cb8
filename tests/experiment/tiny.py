"""An experiment of every kind of stage that compiles in seconds, for tests that kill and resume it."""

from ml_collections import ConfigDict

from jaxrec.config import declare, experiment
from jaxrec.data.world import generator as worlds


def get_config() -> ConfigDict:
    config = experiment.defaults()
    config.name = "tiny"
    config.num_seeds = 2
    config.checkpoint_seconds = 0.0
    config.data.options = {"size": "tiny", "text": False, "images": False}
    for users in ("train", "test"):
        config.datasets[users] = declare.dataset("environment", "embedded", users=users, max_turn=4)
        config.datasets[users].world = worlds.defaults("tiny")
    config.stages.a2c = declare.fit(
        "actor_critic.a2c", "train", num_steps=24, steps_per_call=2, num_envs=4, hidden=(8,), width=4
    )
    config.stages.log = declare.collect("a2c", "train", num_episodes=10, mixture={"all": (1.0, 0.2)})
    config.stages.random = declare.estimate("static.random", "train")
    config.stages.evaluation = declare.evaluate(
        ("a2c", "random"), "test", by="episodes", modes=("FB",), num_envs=4, num_episodes=4
    )
    config.order = ("a2c", "log", "random", "evaluation")
    return config


def sequences_config(path, **options) -> ConfigDict:
    """A next-item model on a CSV file, ranked on the last session of each user."""
    config = experiment.defaults()
    config.name = "tiny_sequences"
    config.num_seeds = 2
    config.data.update(name="csv", options={"path": str(path)})
    config.datasets.sequences = declare.dataset("sequences", length=4, test=0.3, validation=0.2, min_session=2)
    config.stages.model = declare.fit(
        "next_item.cross_entropy", "sequences", num_steps=4, steps_per_call=2, width=4, batch_size=4, **options
    )
    config.stages.evaluation = declare.evaluate(("model",), "sequences", by="rankings", ks=(1, 2))
    config.order = ("model", "evaluation")
    return config


def write_log(path, *, num_users: int = 20, num_items: int = 7, shift: int = 1) -> None:
    """Every user goes through the items in steps of `shift`."""
    events = [(u, (u + shift * t) % num_items, 1, t) for u in range(num_users) for t in range(5)]
    lines = [",".join(map(str, event)) for event in events]
    path.write_text("\n".join(["user,item,rating,timestamp", *lines]) + "\n")
