"""Settings of MODT4R and of the learners of values, each change tried alone and ranked on validation sessions.

    python -m jaxrec.main --config=configs/modt4r_validation.py --workdir=runs/modt4r_validation

Of the two networks of a learner of values a coin draws the one that learns (T, Algorithm 4), so that the one that ranks
gets half the steps; MODT4R's returns may be counted or shares, its beta is tuned for each data set by the thesis
(T 4.5.4), and what is asked for when ranking needs no training. Measured: results/modt4r_validation.md.

Variants: smoke.
"""

from ml_collections import ConfigDict

from configs import modt4r
from configs.next_item import GENERATED
from jaxrec import defaults, outputs

# What a row's name ends in -> (times the steps, what it changes of MODT4R).
CHANGES = {
    "": (1, {}),
    "_raw": (1, {"scaled_returns": False}),
    "_raw_beta_0": (1, {"scaled_returns": False, "return_weight": 0.0}),
    "_beta_0": (1, {"return_weight": 0.0}),
    "_beta_6": (1, {"return_weight": 6.0}),
    "_twice": (2, {}),
    "_four_heads": (1, {"num_heads": 4}),
    "_two_layers": (1, {"num_layers": 2}),
    "_no_dropout": (1, {"dropout": 0.0}),
}
SWEPT = {
    "alpha": (0.5, 1.0, 2.0, 4.0, 8.0),
    "epsilon": (0.0, 0.5, 1.5),
    "ahead": (0.0, 1.0, 2.0),
    "diversity": (0.5, 1.0, 1.5),
}
SHOWN = ("HR@10", "NDCG@10", "CV_div@10", "CV_nov@10")


def get_config(variant: str | None = None) -> ConfigDict:
    """The experiment, or its smoke variant."""
    config = modt4r.get_config("smoke" if variant == "smoke" else None)
    config.name = "modt4r_validation"
    config.paper = (
        "Thesis T, chapter 4: settings of MODT4R and of the learners of values, chosen on validation sessions."
    )
    config.num_seeds = 2
    defaults.variant(variant, embedded, smoke)(config)
    return config


def embedded(config: ConfigDict) -> None:
    """The sessions of configs/modt4r.py, ranked on those held out for validation."""
    config.data.options = GENERATED
    rows(config, modt4r.TWO_NETWORKS, tuple(CHANGES))


def smoke(config: ConfigDict) -> None:
    """Seconds: proves that it runs, not that it learns."""
    config.sequences.sequences.validation = 0.25
    rows(config, ("sa2c",), ("", "_beta_0"))


def rows(config: ConfigDict, learners: tuple, changes: tuple) -> None:
    """SASRec, learners of values with and without twice the steps, and MODT4R with every change, all ranked."""
    config.sequences.sequences.held_out = "validation"
    had, stages = config.stages, {}
    # The thesis' alpha, not the one that was chosen by this experiment.
    config.inference.alpha = had.modt4r.algorithm.inference.alpha = 1.0
    stages["sasrec"], stages["sasrec_twice"] = had.sasrec, longer(had.sasrec, 2)
    for name in learners:
        stages[name] = had[name]
        stages[f"{name}_half"] = longer(had[name], 0.5)
    for suffix in changes:
        times, changed = CHANGES[suffix]
        stages[f"modt4r{suffix}"] = longer(had.modt4r, times)
        stages[f"modt4r{suffix}"].algorithm.update(changed)
    ranked = tuple(stages)
    config.stages = ConfigDict(stages)
    config.stages.evaluation = defaults.evaluate(ranked, "sequences", modes=(), num_episodes=0)
    config.order = (*ranked, "evaluation")
    config.sweeps = {name: outputs.sweep(name, ("modt4r",), at, f"MODT4R's {name}") for name, at in SWEPT.items()}
    ours = [name for name in ranked if name.startswith(("sasrec", "modt4r"))]
    values = [name for name in ranked if not name.startswith("modt4r")]
    alike = {"mode": "ranking", "lead": SHOWN, "shown": SHOWN}
    config.figures = {}
    config.tables = {
        "learners": outputs.table("Learners of values", "sasrec", values, **alike),
        "modt4r": outputs.table("MODT4R", "sasrec", ours, **alike),
    }
    own = had.modt4r
    config.notes = (
        f"Measured on the validation sessions. SASRec and MODT4R: {own.num_steps:,} steps of "
        f"{own.algorithm.batch_size} sequences, `_twice` twice as many; learners of values: as many for each of their "
        "two networks, `_half` half as many. `_raw`: returns as counted, not as shares. `_beta`: the weight of the "
        f"return loss ({own.algorithm.return_weight:g}).",
    )


def longer(stage: ConfigDict, times: float) -> ConfigDict:
    """The stage with so many times its steps."""
    stage = stage.copy_and_resolve_references()
    stage.num_steps = int(stage.num_steps * times)
    if "warmup_steps" in stage.algorithm:
        stage.algorithm.warmup_steps = int(stage.algorithm.warmup_steps * times)
    return stage
