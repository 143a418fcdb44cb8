"""MDT4Rec against DT, A2C and policies that learn nothing (paper M, table 1; its own transformer, no language model).

    python -m jaxrec.main --config=configs/mdt4rec.py --workdir=runs/mdt4rec            # the embedded world
    python -m jaxrec.main --config=configs/mdt4rec.py:coat --config.data.root=DATA      # real data
    python -m jaxrec.main --config=configs/mdt4rec.py:smoke                             # proves that every stage runs
    python -m jaxrec.main --config=configs/mdt4rec.py:csv --config.data.options.path=ratings.csv ...   # your ratings

Variants: smoke, coat, coat_leak, csv, movielens_100k, virtual_taobao. Stages: an A2C policy learns online in the
training environment; A2C, partly and wholly randomised in some episodes, writes a log; DT and MDT4Rec learn from that
log alone; all policies are played in the test environment.

Your own ratings (csv) need three flags more, which hold for both environments: `--config.datasets.train.reward_low` and
`--config.datasets.train.reward_high`, the lowest and the highest rating, and `--config.datasets.train.threshold`: users
leave when two recent items are nearer than this.
"""

from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import FieldReference, placeholder

from jaxrec.config import declare, experiment, own_file, published

# kind of logged episodes -> (their share, the chance that a step is random)
EPISODES = {"expert": (0.3, 0.0), "medium": (0.4, 0.5), "random": (0.3, 1.0)}
# Half the published width and fewer layers, so that five seeds of both train in minutes on two CPU cores; no dropout.
SMALL = {
    "width": 64,
    "num_layers": 2,
    "num_heads": 2,
    "batch_size": 32,
    "dropout": 0.0,
    "optimizer__learning_rate": 2e-3,
}


def get_config(variant: str | None = None) -> ConfigDict:
    """Makes the experiment of one of the variants named above."""
    config = experiment.defaults()
    config.name = "mdt4rec"
    config.paper = (
        "Paper M: Maximum In-Support Return Modeling for Dynamic Recommendation with Language Model Prior, table 1."
    )
    make = experiment.variant(variant, embedded, smoke, coat, coat_leak, csv, movielens_100k, virtual_taobao)
    make(config)
    return config


def stages(config: ConfigDict, *, a2c: dict, transformer: dict, num_steps: int, episodes: int, static: dict) -> None:
    """Declares A2C, its log, DT and MDT4Rec on that log with one budget, and the evaluation in environment `test`.

    Args:
      a2c, transformer: options of A2C, and of DT and MDT4Rec. num_steps: of DT and MDT4Rec. episodes: of the log.
      static: the options of each policy of `algorithms.static` that is a row.
    """
    config.stages.a2c = declare.fit("actor_critic.a2c", "train", **a2c)
    config.stages.log = declare.collect("a2c", "train", num_episodes=episodes, mixture=EPISODES)
    for name in ("dt", "mdt4rec"):
        config.stages[name] = declare.fit(
            f"decision_transformer.{name}", "log", num_steps=num_steps, steps_per_call=50, **transformer
        )
    for name in static:
        config.stages[name] = declare.estimate(f"static.{name}", "train", **static[name])
    config.stages.evaluation = declare.evaluate(("mdt4rec", "dt", "a2c", *static), "test", by="episodes")
    config.order = (*config.order, "a2c", "log", "dt", "mdt4rec", *static, "evaluation")


def embedded(config: ConfigDict) -> None:
    """Training and test environment are one generated world; no event of the test users is logged or trained on."""
    config.data.options = {"world": {}, "text": False, "images": False}
    for users in ("train", "test"):
        config.datasets[users] = declare.dataset("environment", "embedded", users=users)
    stages(
        config,
        a2c={"num_steps": 1200, "optimizer__learning_rate": 0.002},
        transformer=SMALL | {"context_length": 10},
        num_steps=600,
        episodes=2000,
        static={"static_cycle": {"window": 5, "threshold": 1.0}, "popular": {}, "random": {}},
    )


def smoke(config: ConfigDict) -> None:
    """Every stage of the default job with tiny networks and few steps: proves that it runs, not that it learns."""
    embedded(config)
    config.num_seeds = 2
    for name in ("a2c", "dt", "mdt4rec"):
        config.stages[name].num_steps = config.stages[name].steps_per_call = 10
    for name in ("dt", "mdt4rec"):
        config.stages[name].algorithm.update(num_layers=1, context_length=4, width=16)
    config.stages.log.num_episodes = 40
    config.stages.evaluation.evaluator.update(num_envs=20, num_episodes=20)


def feedback_matrix(config: ConfigDict, *, models: dict[str, dict], leak: bool = False, **rules) -> None:
    """Declares a user model and an environment of each split, made of the events of that split alone.

    Args:
      models: options of the user model of each split. rules: options of both environments.
      leak: whether users of the training environment leave by the distances of the test matrix, as in EasyRL4Rec.
    """
    for split in ("train", "test"):
        model, factors = f"user_model_{split}", f"factors_{split}"
        config.datasets[f"ratings_{split}"] = declare.dataset("ratings", split)
        config.stages[model] = declare.fit(
            "user_models.matrix_factorization", f"ratings_{split}", num_seeds=1, **models[split]
        )
        config.stages[factors] = declare.transform(model, "user_factors", "item_factors")
        config.datasets[split] = declare.dataset(
            "environment", "feedback_matrix", split=split, user_model=factors, **rules
        )
    if leak:
        both = {"train": "factors_train", "test": "factors_test"}
        config.datasets.train = declare.dataset(
            "environment",
            "feedback_matrix",
            split="train",
            user_model=both,
            exit_distance_source="test",
            **rules,
        )
    config.order = ("user_model_train", "user_model_test", "factors_train", "factors_test")


def coat(config: ConfigDict, *, leak: bool = False) -> None:
    """290 users, 300 items, ratings 1-5; users leave when an item is too near one of the last 7 (M 4.1)."""
    config.data.name = "coat"
    models = {  # by matrix_factorization_search, on a held-out part of each split's own ratings
        "train": {"width": 32, "l2": 0.3, "num_steps": 1316},
        "test": {"width": 4, "l2": 0.3, "num_steps": 1026},
    }
    feedback_matrix(config, models=models, leak=leak, window=7, threshold=6.0)
    stages(
        config,
        a2c={"num_steps": 1500},
        transformer=SMALL,
        num_steps=800,
        episodes=2000,
        static={"static_cycle": {"window": 7, "threshold": 6.0}, "popular": {}, "random": {}},
    )
    paper, a2c = published.load("mdt4rec_table_1").rows["coat"], published.load("easyrl4rec_coat").rows["coat"]
    config.reference = {"mdt4rec": paper["mdt4rec_no_lm"], "dt": paper["dt"], **a2c}


def coat_leak(config: ConfigDict) -> None:
    """Coat as EasyRL4Rec has it: users of the training environment leave by the distances of the *test* matrix.

    The published rows are comparable only with this variant. Its policies learn the test environment's exit rule.
    """
    coat(config, leak=True)


def movielens_100k(config: ConfigDict) -> None:
    """943 users, 1,682 items; Coat's exit rule with a threshold of ours, which few distances in training are below.

    MovieLens-1M's threshold is 75; scaled by the root of the number of users it would be 30, which most distances here
    are below, so that every episode would end at turn 2.
    """
    config.data.update(name="movielens_100k", test_fraction=0.2)
    threshold = 8.0
    models = {split: {"num_steps": 4000, "steps_per_call": 500} for split in ("train", "test")}
    feedback_matrix(config, models=models, window=7, threshold=threshold)
    _stages_of_ratings(config, {"window": 7, "threshold": threshold})


def csv(config: ConfigDict) -> None:
    """Your own ratings: name their file, the lowest and highest rating, and the distance below which users leave.

    Both environments have one set of rules (window and max_turn too), so that each of them is set once, for `train`.
    Distances between items grow with the root of the number of users, and a smaller threshold makes longer episodes:
    the column Length of the table says how long they are.
    """
    config.data.update(name="csv", test_fraction=0.2, options=own_file.options())
    rules = {rule: placeholder(float) for rule in ("reward_low", "reward_high", "threshold")}
    rules |= {"window": FieldReference(7), "max_turn": FieldReference(30)}
    models = {split: {"num_steps": 4000, "steps_per_call": 500} for split in ("train", "test")}
    feedback_matrix(config, models=models, **rules)
    _stages_of_ratings(config, {rule: rules[rule] for rule in ("window", "threshold")})


def _stages_of_ratings(config: ConfigDict, rules: dict[str, Any]) -> None:
    """The stages on a file of ratings; `static_cycle` counts by the exit rule's window and threshold."""
    stages(
        config,
        a2c={"num_steps": 1500, "optimizer__learning_rate": 0.002},
        transformer=SMALL,
        num_steps=800,
        episodes=2000,
        static={"static_cycle": rules, "popular": {}, "random": {}},
    )


def virtual_taobao(config: ConfigDict) -> None:
    """The released simulator: its actions are vectors, so popular and static_cycle are no rows; no action changes when
    users leave."""
    config.data.name = ""
    for name in ("train", "test"):
        config.datasets[name] = declare.dataset("environment", "virtual_taobao")
    stages(
        config,
        a2c={"num_steps": 1500, "optimizer__learning_rate": 0.002},
        transformer=SMALL,
        num_steps=800,
        episodes=2000,
        static={"random": {}},
    )
    config.stages.evaluation.evaluator.modes = ("FB",)
    paper = published.load("mdt4rec_table_1").rows["virtual_taobao"]
    config.reference = {name: paper[name] for name in ("mdt4rec", "dt")}
