"""Chooses settings of MODT4R: each change is tried alone and ranked on validation sessions.

    python -m jaxrec.main --config=configs/modt4r_validation.py --workdir=runs/modt4r_validation
    python -m jaxrec.main --config=configs/modt4r_validation.py:yoochoose_sample --config.data.root=DATA

Returns may be counts or shares, and the thesis tunes beta for each data set (T 4.5.4). The options of ranking need no
training; on files of records they alone are tried. Measured: results/modt4r_validation.md,
results/modt4r_validation_yoochoose_sample.md, results/modt4r_validation_movielens_100k.md,
results/modt4r_validation_amazon_industrial.md.

Variants: amazon_industrial, csv, lfm_1b, movielens_100k, retailrocket, smoke, yoochoose, yoochoose_sample.
"""

from ml_collections import ConfigDict

from configs import modt4r
from jaxrec.config import declare, outputs

# The end of a row's name -> (factor of the steps, the options of MODT4R that it changes).
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
    """Makes the experiment on the data of configs/modt4r.py's variant of that name, ranked on validation sessions."""
    config = modt4r.get_config(variant)
    config.name = "modt4r_validation"
    config.paper = "Thesis T, chapter 4: settings of MODT4R, chosen on validation sessions."
    config.num_seeds, config.reference = 2, {}  # the published numbers are of test sessions
    if variant == "smoke":
        config.datasets.sequences.validation = 0.25
    tried = {"embedded": tuple(CHANGES), "smoke": ("", "_beta_0", "_twice")}
    rows(config, tried.get(variant or "embedded", ("",)))
    return config


def rows(config: ConfigDict, changes: tuple[str, ...]) -> None:
    """Declares SASRec, MODT4R with each change, and SASRec with twice the steps where MODT4R has them."""
    config.datasets.sequences.held_out = "validation"
    sasrec, own = config.stages.sasrec, config.stages.modt4r
    own.algorithm.inference.alpha = 1.0  # the thesis', not the one that this experiment chose
    config.inference = own.algorithm.inference.to_dict()
    stages = {"sasrec": sasrec} | ({"sasrec_twice": changed(sasrec, 2)} if "_twice" in changes else {})
    stages |= {f"modt4r{suffix}": changed(own, *CHANGES[suffix]) for suffix in changes}
    ranked = tuple(stages)
    vectors = config.stages.item_vectors
    config.stages = ConfigDict(stages)
    config.stages.item_vectors = vectors
    config.stages.evaluation = declare.evaluate(ranked, "sequences", by="rankings")
    config.order = ("sasrec", "item_vectors", *ranked[1:], "evaluation")
    config.figures = {}
    config.sweeps = {name: outputs.sweep(name, ("modt4r",), at, f"MODT4R's {name}") for name, at in SWEPT.items()}
    config.tables = {"modt4r": outputs.table("MODT4R", "sasrec", ranked, mode="ranking", lead=SHOWN, shown=SHOWN)}
    config.notes = (
        f"Measured on the validation sessions. Every row: {own.num_steps:,} steps of {own.algorithm.batch_size} "
        "sequences, `_twice` twice as many. `_raw`: returns as counted, not as shares. `_beta`: the weight of the "
        f"return loss ({own.algorithm.return_weight:g}).",
    )


def changed(stage: ConfigDict, times: float, options: dict | None = None) -> ConfigDict:
    """Returns the stage with `times` times its steps and other options."""
    stage = stage.copy_and_resolve_references()
    stage.num_steps = int(stage.num_steps * times)
    stage.algorithm.update(options or {})
    return stage
