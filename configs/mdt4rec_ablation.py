"""Why MDT4Rec is or is not ahead of DT: the log it learns from, and each of its parts left out, in the embedded
world or on real data.

    python -m jaxrec.main --config=configs/mdt4rec_ablation.py --workdir=runs/mdt4rec_ablation

Variants: smoke, coat, coat_leak, movielens_100k. Every row is trained from scratch with the budget of
configs/mdt4rec.py. Logs: `mixed` (30 % expert, 40 % medium, 30 % random episodes: the main job's), `medium` (every
other step random) and `random` (every step random). Rows without a log's name are MDT4Rec on `mixed` with one part
changed; `no_max` has neither expectile nor search (the paper's -Max).
"""

from ml_collections import ConfigDict

from configs import mdt4rec
from jaxrec.config import declare, experiment

LOGS = {
    "mixed": mdt4rec.EPISODES,
    "medium": {"medium": (1.0, 0.5)},
    "random": {"random": (1.0, 1.0)},
}
# row -> (method, what differs from the main job's)
PARTS = {
    "shortest_or_whole": ("mdt4rec", {"delta": 9}),  # the search has two lengths to choose from
    "median": ("mdt4rec", {"expectile": 0.5}),  # the mean return instead of the highest in support
    "kappa_0": ("mdt4rec", {"kappa": 0.0}),  # asks for returns as they were logged
    "linear": ("mdt4rec", {"embedding": "linear"}),
    "dt_best": ("dt", {"target_quantile": 1.0}),  # asks for the best logged return, where DT asks for a good one
    "long": ("mdt4rec", {}),  # three times the steps
    "dt_long": ("dt", {}),
}


def get_config(variant: str | None = None) -> ConfigDict:
    """The main job's world and A2C, three logs, and a fit stage per row."""
    # Those of mdt4rec that this one has.
    experiment.variant(
        variant, mdt4rec.embedded, mdt4rec.smoke, mdt4rec.coat, mdt4rec.coat_leak, mdt4rec.movielens_100k
    )
    config = mdt4rec.get_config(variant)
    config.name = "mdt4rec_ablation"
    config.paper = "Paper M, table 1 (MDT4Rec-Max), table 4 and figure 2, on logs of three qualities."
    kept = config.stages
    before = config.order[: config.order.index("log")]
    episodes = kept.log.num_episodes
    made = {name: kept[name] for name in before}
    for log, mixture in LOGS.items():
        made[f"log_{log}"] = declare.collect("a2c", "train", num_episodes=episodes, mixture=mixture)
        for method in ("dt", "mdt4rec"):
            made[f"{method}_{log}"] = row(kept[method], log, {})
        made[f"no_max_{log}"] = row(kept.mdt4rec, log, {"use_max": False})
    for name, (method, changes) in PARTS.items():
        made[name] = row(kept[method], "mixed", changes, longer=3 if name.endswith("long") else 1)
    rows = tuple(name for name, stage in made.items() if stage.kind == "fit" and not name.startswith("user_model"))
    made["evaluation"] = declare.evaluate(rows, "test", by="episodes", num_episodes=20 if variant == "smoke" else 500)
    config.stages, config.order, config.reference = ConfigDict(made), tuple(made), {}
    return config


def row(stage: ConfigDict, log: str, changes: dict, longer: int = 1) -> ConfigDict:
    """The fit stage with another log and other options of its algorithm."""
    changed = stage.copy_and_resolve_references()
    changed.data = f"log_{log}"
    changed.algorithm.update(changes)
    changed.num_steps *= longer
    return changed
