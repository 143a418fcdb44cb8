"""What the settings of configs/modt4r.py were chosen by: each change tried alone, ranked on validation sessions.

    python -m jaxrec.main --config=configs/modt4r_validation.py --workdir=runs/modt4r_validation

The learners of values have a critic, of whose two networks a coin draws the one that learns (T, Algorithm 4), so that
the one that ranks gets half the steps; and with a reward of one an item their errors of Q are 25 times those of the
published click's 0.2. MODT4R has beta, which the thesis tunes for each data set (T 4.5.4), and alpha, which needs no
training. Measured: results/modt4r_validation.md.

Variants: smoke.
"""

from ml_collections import ConfigDict

from configs.modt4r import VALUES, WITH_VECTORS
from configs.next_item import GENERATED
from jaxrec import defaults

LEARNERS = tuple(name for name in VALUES if name != "items_left")
# What a row's name ends in -> (times the steps, what it changes).
OF_LEARNERS = {
    "": (1, {}),
    "_twice": (2, {}),
    "_w": (1, {"value_weight": 0.04}),
    "_w_twice": (2, {"value_weight": 0.04}),
}
OF_MODT4R = {
    "": (1, {}),
    "_beta_0": (1, {"return_weight": 0.0}),
    "_beta_006": (1, {"return_weight": 0.06}),
    "_twice": (2, {}),
    "_beta_0_twice": (2, {"return_weight": 0.0}),
    "_beta_006_twice": (2, {"return_weight": 0.06}),
}
SHOWN = ("HR@10", "NDCG@10", "CV_div@10", "CV_nov@10")


def get_config(variant: str | None = None) -> ConfigDict:
    """The experiment, or its smoke variant."""
    config = defaults.get_config()
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
    config.sequences.sequences = defaults.sequences(session_minutes=60.0, held_out="validation")
    stages(config, LEARNERS, tuple(OF_MODT4R), num_steps=600, steps_per_call=100, learning_rate=3e-3, batch_size=128)


def smoke(config: ConfigDict) -> None:
    """Seconds: proves that it runs, not that it learns."""
    config.data.options = {"size": "tiny", "images": False}
    config.sequences.sequences = defaults.sequences(length=6, test=0.25, validation=0.25, held_out="validation")
    sizes = {"batch_size": 8, "width": 8}
    stages(config, ("sqn",), ("", "_beta_0"), num_steps=4, steps_per_call=2, learning_rate=3e-3, **sizes)


def stages(
    config: ConfigDict, learners: tuple, changed: tuple, *, num_steps: int, steps_per_call: int, learning_rate: float,
    **sizes,
) -> None:  # fmt: skip
    """SASRec, every learner of values and MODT4R with every change, and one full ranking of all."""

    def fit(name: str, longer: int, **options) -> ConfigDict:
        return defaults.fit(
            f"self_supervised.{name}", "sequences", num_steps=num_steps * longer, steps_per_call=steps_per_call,
            optimizer__learning_rate=learning_rate, **sizes, **options,
        )  # fmt: skip

    sasrec = {"sasrec": fit("next_item", 1), "sasrec_twice": fit("next_item", 2)}
    values, ours = {}, {}
    for name in learners:
        for suffix, (longer, changes) in OF_LEARNERS.items():
            row = fit(name, longer, vectors="sasrec" if name in WITH_VECTORS else "", reward="one", **changes)
            if "warmup_steps" in row.algorithm:
                row.algorithm.warmup_steps = num_steps // 2
            values[name + suffix] = row
    for suffix in changed:
        longer, changes = OF_MODT4R[suffix]
        ours["modt4r" + suffix] = fit("modt4r", longer, vectors="sasrec", num_layers=1, **changes)
    config.stages.update(ConfigDict(sasrec | values | ours))
    rows = tuple(sasrec | values | ours)
    config.stages.evaluation = defaults.evaluate(rows, "sequences", modes=(), num_episodes=0)
    config.order = (*rows, "evaluation")
    config.inference = config.stages.modt4r.algorithm.inference.to_dict()
    config.sweeps.alpha = defaults.sweep(
        "alpha", tuple(ours), (0.5, 1.0, 2.0, 4.0), "Weight alpha of the encoder's scores"
    )
    alike = {"mode": "ranking", "lead": SHOWN, "shown": SHOWN}
    config.tables = {
        "learners": defaults.table("Learners of values", "sasrec", (*sasrec, *values), **alike),
        "modt4r": defaults.table("MODT4R", "sasrec", (*sasrec, *ours), **alike),
    }
    config.notes = (
        f"Measured on the validation sessions. Every row: {num_steps:,} steps, `_twice` twice as many; `_w` weights "
        "the errors of Q by 0.04, which a reward of 0.2 would do; `_beta` is the weight of MODT4R's return loss (0.6).",
    )
