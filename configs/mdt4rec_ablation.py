"""Why MDT4Rec is or is not ahead of DT: logs of three qualities, and MDT4Rec with one part changed at a time.

    python -m jaxrec.main --config=configs/mdt4rec_ablation.py --workdir=runs/mdt4rec_ablation

Variants: smoke, coat, coat_leak, movielens_100k. Every row is trained from scratch with the budget of
configs/mdt4rec.py. The logs are `mixed` (30 % expert, 40 % medium, 30 % random episodes, as in the main job), `medium`
(half of the steps random) and `random` (every step random). Rows without a log's name are MDT4Rec on `mixed` with one
part changed; `no_max` has neither expectile nor search (the paper's -Max). Measured: results/mdt4rec_ablation.md.
"""

from ml_collections import ConfigDict

from configs import mdt4rec
from jaxrec.config import declare, experiment

LOGS = {
    "mixed": mdt4rec.EPISODES,
    "medium": {"medium": (1.0, 0.5)},
    "random": {"random": (1.0, 1.0)},
}
# row -> (method, its options that differ from the main job's)
PARTS = {
    "shortest_or_whole": ("mdt4rec", {"delta": 9}),  # the search chooses between one turn and all of them
    "median": ("mdt4rec", {"expectile": 0.5}),  # the mean return instead of the highest in support
    "kappa_0": ("mdt4rec", {"kappa": 0.0}),  # returns drawn as they were logged, not tilted towards high ones (M Eq. 3)
    "linear": ("mdt4rec", {"embedding": "linear"}),
    "dt_best": ("dt", {"target_quantile": 1.0}),  # the best logged return as target, not one that a tenth reached
    "long": ("mdt4rec", {}),  # three times the steps
    "dt_long": ("dt", {}),
}


def get_config(variant: str | None = None) -> ConfigDict:
    """Makes the main job's world and A2C, three logs, and a fit stage for each row."""
    # The variants that this experiment shares with mdt4rec; any other raises.
    experiment.variant(
        variant, mdt4rec.embedded, mdt4rec.smoke, mdt4rec.coat, mdt4rec.coat_leak, mdt4rec.movielens_100k
    )
    config = mdt4rec.get_config(variant)
    config.name = "mdt4rec_ablation"
    config.paper = "Paper M, table 1 (MDT4Rec-Max), table 4 and figure 2, on logs of three qualities."
    main_job = config.stages
    before = config.order[: config.order.index("log")]
    episodes = main_job.log.num_episodes
    stages = {name: main_job[name] for name in before}
    for log, mixture in LOGS.items():
        stages[f"log_{log}"] = declare.collect("a2c", "train", num_episodes=episodes, mixture=mixture)
        for method in ("dt", "mdt4rec"):
            stages[f"{method}_{log}"] = row(main_job[method], log, {})
        stages[f"no_max_{log}"] = row(main_job.mdt4rec, log, {"use_max": False})
    for name, (method, changes) in PARTS.items():
        stages[name] = row(main_job[method], "mixed", changes, longer=3 if name.endswith("long") else 1)
    rows = tuple(name for name, stage in stages.items() if stage.kind == "fit" and not name.startswith("user_model"))
    stages["evaluation"] = declare.evaluate(rows, "test", by="episodes", num_episodes=20 if variant == "smoke" else 500)
    config.stages, config.order, config.reference = ConfigDict(stages), tuple(stages), {}
    return config


def row(stage: ConfigDict, log: str, changes: dict, longer: int = 1) -> ConfigDict:
    """Returns the fit stage with another log, other options of its algorithm, and `longer` times its steps."""
    changed = stage.copy_and_resolve_references()
    changed.data = f"log_{log}"
    changed.algorithm.update(changes)
    changed.num_steps *= longer
    return changed
