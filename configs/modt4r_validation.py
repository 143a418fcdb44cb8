"""Settings of MODT4R and of the learners of values, each change tried alone and ranked on validation sessions.

    python -m jaxrec.main --config=configs/modt4r_validation.py --workdir=runs/modt4r_validation     # embedded world
    python -m jaxrec.main --config=configs/modt4r_validation.py:yoochoose_sample --config.data.root=DATA

Of the two networks of a learner of values a coin draws the one that learns (T, Algorithm 4), so that the one that ranks
gets half the steps; MODT4R's returns may be counted or shares, its beta is tuned for each data set by the thesis
(T 4.5.4), and what is asked for when ranking needs no training. On RC15's sample: how much the errors of Q count beside
the cross-entropy that ranks. Measured: results/modt4r_validation.md, results/modt4r_validation_yoochoose_sample.md.

Variants: smoke, yoochoose_sample.
"""

from ml_collections import ConfigDict

from configs import modt4r
from jaxrec import defaults, outputs

# What a row's name ends in -> (times the steps, what it changes of the algorithm).
CHANGES = {
    "": (1, {}),
    "_half": (0.5, {}),
    "_twice": (2, {}),
    "_raw": (1, {"scaled_returns": False}),
    "_raw_beta_0": (1, {"scaled_returns": False, "return_weight": 0.0}),
    "_beta_0": (1, {"return_weight": 0.0}),
    "_beta_6": (1, {"return_weight": 6.0}),
    "_four_heads": (1, {"num_heads": 4}),
    "_two_layers": (1, {"num_layers": 2}),
    "_no_dropout": (1, {"dropout": 0.0}),
    "_tenth": (1, {"value_weight": 0.05}),
}
OF_MODT4R = ("", "_raw", "_raw_beta_0", "_beta_0", "_beta_6", "_twice", "_four_heads", "_two_layers", "_no_dropout")
SWEPT = {
    "alpha": (0.5, 1.0, 2.0, 4.0, 8.0),
    "epsilon": (0.0, 0.5, 1.5),
    "ahead": (0.0, 1.0, 2.0),
    "diversity": (0.5, 1.0, 1.5),
}
SHOWN = ("HR@10", "NDCG@10", "CV_div@10", "CV_nov@10")


def get_config(variant: str | None = None) -> ConfigDict:
    """The experiment, one of the variants named in the module docstring, on the data of configs/modt4r.py's."""
    make = defaults.variant(variant, embedded, smoke, yoochoose_sample)
    config = modt4r.get_config(variant)
    config.name = "modt4r_validation"
    config.paper = (
        "Thesis T, chapter 4: settings of MODT4R and of the learners of values, chosen on validation sessions."
    )
    config.num_seeds = 2
    make(config)
    return config


def embedded(config: ConfigDict) -> None:
    """Learners of values with as many steps a network as the others and with half, and MODT4R with every change."""
    learners = dict.fromkeys(modt4r.TWO_NETWORKS, ("", "_half"))
    rows(config, {"sasrec": ("", "_twice"), **learners, "modt4r": OF_MODT4R})


def yoochoose_sample(config: ConfigDict) -> None:
    """SNQN with less weight on the errors of Q, and what MODT4R is asked for."""
    rows(config, {"sasrec": ("",), "snqn": ("", "_tenth"), "modt4r": ("",)})


def smoke(config: ConfigDict) -> None:
    """Seconds: proves that it runs, not that it learns."""
    config.sequences.sequences.validation = 0.25
    rows(config, {"sasrec": ("",), "sa2c": ("", "_half", "_tenth"), "modt4r": ("", "_beta_0")})


def rows(config: ConfigDict, changes: dict[str, tuple[str, ...]]) -> None:
    """Each stage of `changes` with each of its changes, all ranked on the validation sessions."""
    config.sequences.sequences.held_out = "validation"
    own = config.stages.modt4r
    own.algorithm.inference.alpha = 1.0  # the thesis', not the one that was chosen by this experiment
    config.inference = own.algorithm.inference.to_dict()
    stages = {
        f"{name}{suffix}": changed(config.stages[name], *CHANGES[suffix])
        for name, suffixes in changes.items()
        for suffix in suffixes
    }
    ranked = tuple(stages)
    config.stages = ConfigDict(stages)
    config.stages.evaluation = defaults.evaluate(ranked, "sequences", modes=(), num_episodes=0)
    config.order = (*ranked, "evaluation")
    ours = [name for name in ranked if name.startswith(("sasrec", "modt4r"))]
    values = [name for name in ranked if not name.startswith("modt4r")]
    alike = {"mode": "ranking", "lead": SHOWN, "shown": SHOWN}
    config.figures = {}
    config.sweeps = {name: outputs.sweep(name, ("modt4r",), at, f"MODT4R's {name}") for name, at in SWEPT.items()}
    config.tables = {
        "learners": outputs.table("Learners of values", "sasrec", values, **alike),
        "modt4r": outputs.table("MODT4R", "sasrec", ours, **alike),
    }
    config.notes = (
        f"Measured on the validation sessions. SASRec and MODT4R: {own.num_steps:,} steps of "
        f"{own.algorithm.batch_size} sequences, `_twice` twice as many; learners of values: as many for each of their "
        "two networks, `_half` half as many, `_tenth` a tenth of the weight of the errors of Q (0.5). `_raw`: returns "
        f"as counted, not as shares. `_beta`: the weight of the return loss ({own.algorithm.return_weight:g}).",
    )


def changed(stage: ConfigDict, times: float, options: dict) -> ConfigDict:
    """The stage with so many times its steps, and these options."""
    stage = stage.copy_and_resolve_references()
    stage.num_steps = int(stage.num_steps * times)
    if "warmup_steps" in stage.algorithm:
        stage.algorithm.warmup_steps = int(stage.algorithm.warmup_steps * times)
    stage.algorithm.update(options)
    return stage
