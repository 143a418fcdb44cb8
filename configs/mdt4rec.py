"""MDT4Rec against DT, A2C and policies that learn nothing (paper M, table 1; its own transformer, no language model).

    python -m jaxrec.main --config=configs/mdt4rec.py --workdir=runs/mdt4rec            # the embedded world
    python -m jaxrec.main --config=configs/mdt4rec.py:coat --config.data.root=DATA      # real data
    python -m jaxrec.main --config=configs/mdt4rec.py:smoke                             # proves that every stage runs
    python -m jaxrec.main --config=configs/mdt4rec.py:csv --config.data.options.path=ratings.csv ...   # your ratings

Variants: smoke, coat, coat_leak, csv, movielens_100k, virtual_taobao, yahoo_r3, movielens_1m, kuairec, kuairand,
virtual_taobao_cirs. Stages: an A2C policy learns online in the training environment; A2C, partly and wholly randomised
in some episodes, writes a log; DT and MDT4Rec learn from that log alone; all policies are played in the test
environment. `yahoo_r3` to `kuairand` have EasyRL4Rec's settings and conventions, and `virtual_taobao_cirs` CIRS's; not
measured.

Your own ratings (csv) need one flag more, which holds for both environments: `--config.datasets.train.threshold`; users
leave when two recent items are nearer than this.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxrec.config import declare, experiment, own_file, published

# kind of logged episodes -> (their share, the chance that a step is random)
EPISODES = {"expert": (0.3, 0.0), "medium": (0.4, 0.5), "random": (0.3, 1.0)}
STATIC = ("static_cycle", "popular", "random")  # policies that learn nothing
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
    make = experiment.variant(
        variant, embedded, smoke, coat, coat_leak, csv, movielens_100k, virtual_taobao, yahoo_r3, movielens_1m, kuairec,
        kuairand, virtual_taobao_cirs,
    )  # fmt: skip
    make(config)
    return config


def stages(
    config: ConfigDict, *, a2c: dict, transformer: dict, num_steps: int, episodes: int, static: tuple[str, ...] = STATIC
) -> None:
    """Declares A2C, its log, DT and MDT4Rec on that log with one budget, and the evaluation in environment `test`.

    Args:
      a2c, transformer: options of A2C, and of DT and MDT4Rec. num_steps: of DT and MDT4Rec. episodes: of the log.
      static: the policies of `algorithms.static` that are rows.
    """
    config.stages.a2c = declare.fit("actor_critic.a2c", "train", **a2c)
    config.stages.log = declare.collect("a2c", "train", num_episodes=episodes, mixture=EPISODES)
    for name in ("dt", "mdt4rec"):
        config.stages[name] = declare.fit(
            f"decision_transformer.{name}", "log", num_steps=num_steps, steps_per_call=50, **transformer
        )
    for name in static:
        config.stages[name] = declare.estimate(f"static.{name}", "train")
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
    models = {split: {"num_steps": 4000, "steps_per_call": 500} for split in ("train", "test")}
    feedback_matrix(config, models=models, window=7, threshold=8.0)
    _stages_of_ratings(config)


def csv(config: ConfigDict) -> None:
    """Your own ratings: name their file, and the distance below which users leave.

    Both environments have one set of rules, so that each of them is set once, for `train`: threshold, window, max_turn,
    and the range of rewards, where it is not that of the ratings. Distances between items grow with the root of the
    number of users, and a smaller threshold makes longer episodes: the column Length of the table says how long.
    """
    config.data.update(name="csv", test_fraction=0.2, options=own_file.options())
    models = {split: {"num_steps": 4000, "steps_per_call": 500} for split in ("train", "test")}
    feedback_matrix(config, models=models, threshold=placeholder(float))
    for rule in ("window", "max_turn", "reward_low", "reward_high", "clip_ratings"):
        config.datasets.test[rule] = config.datasets.train.get_ref(rule)
    _stages_of_ratings(config)


def _stages_of_ratings(config: ConfigDict, **a2c) -> None:
    """The stages on a file of ratings, with one budget.

    Args:
      a2c: options of A2C beside its budget.
    """
    a2c = {"num_steps": 1500, "optimizer__learning_rate": 0.002} | a2c
    stages(config, a2c=a2c, transformer=SMALL, num_steps=800, episodes=2000)


def easyrl4rec(
    config: ConfigDict, data: str, *, steps: dict, similarity: str, liked_from: float | None = None, **rules
) -> None:
    """EasyRL4Rec's environment of a dataset with its conventions, so that its rows can stand beside ours.

    Its exit rule is that of `published/easyrl4rec_exit_rules.json`. As in its code, training users leave by the test
    matrix's distances and pay rewards minus the least one, the time limit ends an episode for A2C, the starting item is
    forbidden in the modes without repeats, and its diversity, novelty and CV_turn are measured; the row `a2c_sampled`
    is A2C whose items are sampled. The user model is ours.

    Args:
      steps: split -> (steps of its user model, ratings in each).
      similarity, liked_from: of items, and what counts as liked, in these metrics.
      rules: options of both environments.
    """
    _, _, exit_rule, window, threshold = published.load("easyrl4rec_exit_rules").rows[data]["exit_rule"]
    models = {
        split: {"num_steps": count, "steps_per_call": 500, "batch_size": size} for split, (count, size) in steps.items()
    }
    config.data.update(name=data, options=dict(config.data.options) | {"check": True})
    rules |= {"exit_rule": exit_rule, "window": window, "threshold": float(threshold)}
    feedback_matrix(config, models=models, leak=exit_rule == "distance", **rules)
    config.datasets.train.reward_origin = "least"
    config.datasets.test.update(similarity=similarity, liked_from=liked_from)
    _stages_of_ratings(config, time_limit="terminal")
    config.stages.a2c_sampled = declare.same_params(config.stages.a2c, "a2c", selection="sample")
    config.order = (*config.order[:-1], "a2c_sampled", "evaluation")
    policies = config.stages.evaluation.policies
    config.stages.evaluation.policies = (*policies[: policies.index("a2c") + 1], "a2c_sampled", *STATIC)
    config.stages.evaluation.evaluator.forbid_start = True


def yahoo_r3(config: ConfigDict) -> None:
    """5,400 of 15,400 users, 1,000 songs, ratings 1-5; users leave by the distances over the rows of all 15,400."""
    steps = {"train": (4000, 1024), "test": (3000, 256)}
    easyrl4rec(config, "yahoo_r3", steps=steps, similarity="distance", liked_from=3.0, episodes_of="test")


def movielens_1m(config: ConfigDict) -> None:
    """6,040 users, 3,952 films, ratings 1-5, predictions from 0 to 5; a fifth of the ratings is the test split."""
    config.data.test_fraction = 0.2
    steps = {"train": (3000, 4096), "test": (3000, 1024)}
    bounds = {"reward_low": 0.0, "reward_high": 5.0}
    easyrl4rec(config, "movielens_1m", steps=steps, similarity="distance", liked_from=4.0, **bounds)


def kuairec(config: ConfigDict) -> None:
    """The 1,411 users and 3,327 videos of the fully observed matrix; watch ratios, clipped at 5."""
    steps = {"train": (3000, 65_536), "test": (3000, 16_384)}
    rules = {"reward_low": 0.0, "reward_high": 5.0, "clip_ratings": True, "episodes_of": "test"}
    easyrl4rec(config, "kuairec", steps=steps, similarity="category", liked_from=1.0, **rules)


def kuairand(config: ConfigDict) -> None:
    """27,285 users, 7,583 videos, clicks; the standard log of the first two weeks trains, the random log tests."""
    config.data.options = {"train": "before"}
    steps = {"train": (3000, 4096), "test": (3000, 4096)}
    easyrl4rec(config, "kuairand", steps=steps, similarity="distance")


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
        static=("random",),
    )
    config.stages.evaluation.evaluator.modes = ("FB",)
    paper = published.load("mdt4rec_table_1").rows["virtual_taobao"]
    config.reference = {name: paper[name] for name in ("mdt4rec", "dt")}


def virtual_taobao_cirs(config: ConfigDict) -> None:
    """VirtualTaobao as in CIRS: customers leave when actions repeat, so that a policy decides how long they stay."""
    virtual_taobao(config)
    settings = published.load("cirs_virtual_taobao")
    rule = dict(zip(settings.columns, settings.rows["virtual_taobao"]["exit_rule"], strict=True))
    for name in ("train", "test"):
        config.datasets[name].update(leave="cirs", **rule)
    config.reference = {}
