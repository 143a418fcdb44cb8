"""MODT4R beside the methods that thesis T, chapter 4, compares it with: accuracy, diversity and novelty at once.

    python -m jaxrec.main --config=configs/modt4r.py --workdir=runs/modt4r                      # the embedded world
    python -m jaxrec.main --config=configs/modt4r.py --config.inference.diversity=2.0 --workdir=runs/modt4r
    python -m jaxrec.main --config=configs/modt4r.py:yoochoose_sample --config.data.root=DATA
    python -m jaxrec.main --config=configs/modt4r.py:csv --config.data.options.path=events.csv

The second command trains nothing: it ranks anew with a higher weight of the diversity return, and the report draws
accuracy and coverage over that weight. The splits and filters are those of T 4.5.1. Measured in the embedded world:
results/modt4r_embedded.md.

Variants: amazon_industrial, csv, lfm_1b, movielens_100k, retailrocket, smoke, yoochoose, yoochoose_sample.
"""

from ml_collections import ConfigDict

from configs.next_item import COUNTS, GENERATED
from jaxrec.config import declare, experiment, outputs, own_file, published

# Row -> the options of MODT4R that make it: T table 4.3 (mrdt), T table 4.4 (_i, _imp), T figures 4.6 and 4.7.
VARIANTS = {
    "modt4r": {},
    "mrdt": {"return_first": True},
    "modt4r_i": {"states": "item"},
    "modt4r_imp": {"states": "implicit"},
    "no_state_loss": {"state_weight": 0.0},
    "raw_returns": {"scaled_returns": False},
    "beta_0": {"return_weight": 0.0},
    "beta_1": {"return_weight": 1.0},
    "acc": {"objectives": ("acc",)},
    "div": {"objectives": ("div",)},
    "nov": {"objectives": ("nov",)},
    "acc_div": {"objectives": ("acc", "div")},
    "acc_nov": {"objectives": ("acc", "nov")},
    "nov_div": {"objectives": ("nov", "div")},
}
TABLES = ("modt4r", "mrdt", "modt4r_i", "modt4r_imp")  # of T tables 4.3 and 4.4
WEIGHTS = ("no_state_loss", "raw_returns", "beta_0", "beta_1")
SUBSETS = ("acc", "div", "nov", "acc_div", "acc_nov", "nov_div")  # T 4.21
WARM_RATE = 1e-3  # SA2C's published rate after its warm-up, unless the other rows' rate is lower
# The methods that learn values train one of their two networks at each step, drawn by a coin. `items_left` is a control
# without reinforcement learning. Those in WITH_VECTORS have a reward for diversity too.
TWO_NETWORKS = ("sqn", "snqn", "sa2c", "smorl", "smonac")
VALUES = ("items_left", *TWO_NETWORKS)
WITH_VECTORS = ("smorl", "smonac")
VECTORS = {"vectors": "item_vectors"}  # SASRec's item vectors, whose cosines say how alike items are

TABLE_4_3, TABLE_4_4 = published.load("thesis_table_4_3"), published.load("thesis_table_4_4")


def get_config(variant: str | None = None) -> ConfigDict:
    """Makes the experiment of one of the variants named above."""
    config = experiment.defaults()
    config.name = "modt4r"
    config.paper = "Thesis T, chapter 4: Multi-objective Decision Transformer for Reward-driven Recommendation."
    make = experiment.variant(
        variant,
        embedded,
        amazon_industrial,
        csv,
        lfm_1b,
        movielens_100k,
        retailrocket,
        smoke,
        yoochoose,
        yoochoose_sample,
    )
    make(config)
    config.reference = reference(variant)
    config.tables, config.figures = tables(config, variant), figures(config)
    config.notes = notes(config)
    return config


def reference(variant: str | None) -> dict[str, dict[str, float]]:
    """Returns row -> metric -> value, of every number that the thesis has of a row on the variant's data."""
    metrics_of = {}
    for table in (TABLE_4_4, TABLE_4_3):
        for row, values in table.rows.get(variant, {}).items():
            metrics_of[row] = {f"ranking/{metric}": value for metric, value in zip(table.columns, values, strict=True)}
    return metrics_of


def tables(config: ConfigDict, variant: str | None) -> dict[str, ConfigDict]:
    """Declares T tables 4.3 and 4.4, and a table of the losses and of the subsets of the objectives."""
    played = config.stages.evaluation.policies
    rows = {
        "table_4_3": ("Table 4.3: methods", ("sasrec", *VALUES, "mrdt", "modt4r"), TABLE_4_3),
        "table_4_4": ("Table 4.4: user states", ("modt4r_imp", "modt4r_i", "modt4r"), TABLE_4_4),
        "table_weights": ("Losses and objectives", (*WEIGHTS, *SUBSETS, "modt4r"), TABLE_4_3._replace(rows={})),
    }
    return {
        name: outputs.table(
            title, "modt4r", [row for row in names if row in played], table.rows.get(variant, {}),
            columns=table.columns, mode="ranking", lead=("HR@10", "NDCG@10", "CV_div@10", "CV_nov@10"),
            shown=TABLE_4_3.columns,
        )
        for name, (title, names, table) in rows.items()
        if set(names) & set(played) > {"modt4r"}
    }  # fmt: skip


def figures(config: ConfigDict) -> dict[str, ConfigDict]:
    """Declares T figures 4.6 and 4.7; T figures 4.4 and 4.5 are sweeps of one model."""
    own, three = config.stages.modt4r.algorithm.return_weight, ("NDCG@20", "CV_div@20", "CV_nov@20")
    beta = ({"beta_0": "0"} if own else {}) | {"modt4r": f"{own:g}", "beta_1": "1"}
    shown = {
        "figure_4_6": ("Figure 4.6: weight of the return loss", beta, ("HR@20", "CV_div@20"), "beta"),
        "figure_4_6d": ("Figure 4.6d: the encoder's loss L_S", {"no_state_loss": "without", "modt4r": "with"},
                        three, ""),
        "figure_4_7": ("Figure 4.7: objectives", {row: row.replace("_", "+") for row in SUBSETS}, three, ""),
    }  # fmt: skip
    return {
        name: outputs.figure(title, labels, [f"ranking/{m}" for m in metrics], xlabel=xlabel, baseline="sasrec")
        for name, (title, labels, metrics, xlabel) in shown.items()
        if set(labels) <= set(config.stages.evaluation.policies)
    }


def notes(config: ConfigDict) -> tuple[str, ...]:
    """Returns the sentences of the report on the budget of every row and on what T figure 4.6 leaves out."""
    own = config.stages.modt4r
    few = [
        f"Figure 4.6 has {len(figure.rows)} points of the thesis' sweep of beta from 0 to 1: each is a training."
        for name, figure in config.figures.items()
        if name == "figure_4_6"
    ]
    two = ", ".join(name for name in TWO_NETWORKS if name in config.stages)
    rate = own.algorithm.optimizer.learning_rate
    warm = f" (sa2c after its warm-up {WARM_RATE:g})" if rate > WARM_RATE else ""
    return (
        f"Every row: {own.num_steps:,} steps of {own.algorithm.batch_size} sequences for every network that learns (a "
        f"coin draws one of two for {two}: twice the steps), width {own.algorithm.width}, rate "
        f"{rate:g}{warm}; MODT4R, SMORL and SMONAC take the vectors of the row sasrec as "
        "given. Nothing was chosen on the test sessions.",
        *few,
    )


def stages(
    config: ConfigDict,
    names=tuple(VARIANTS),
    values=VALUES,
    *,
    num_steps: int,
    steps_per_call: int = 100,
    learning_rate: float,
    reward: str = "click",
    **options,
) -> None:
    """Declares SASRec, whose item vectors other rows read, then the rows, then one full ranking of all.

    Our reading of the rewards: every item is worth a click, but where the log tells clicks from purchases its
    `feedback` is the reward. With ratings from 1 to 5 as rewards the errors of Q would outweigh the cross-entropy. The
    reward of SQN is always 1: the thesis says so of SQN alone, and that the others follow their own settings (T 4.5.1).
    SA2C warms up for half of its steps (published: 15,000, of longer runs), at the rate of every row (published: 0.005
    or 0.01).

    Args:
      names: rows that are made of MODT4R. values: rows of `VALUES`. options: of MODT4R.
    """
    alike = {leaf: value for leaf, value in options.items() if leaf in ("width", "batch_size")}
    budget = {"num_steps": num_steps, "steps_per_call": steps_per_call, "optimizer__learning_rate": learning_rate}
    config.stages.sasrec = declare.fit("next_item.cross_entropy", "sequences", **budget, **alike)
    for name in values:
        beside = VECTORS if name in WITH_VECTORS else {}
        row = declare.fit(f"next_item.{name}", "sequences", beside=beside, **budget, **alike)
        row.num_steps *= 2 if name in TWO_NETWORKS else 1
        if "warmup_steps" in row.algorithm:
            row.algorithm.update(warmup_steps=row.num_steps // 2, warm_factor=min(WARM_RATE / learning_rate, 1.0))
        if "reward" in row.algorithm:
            row.algorithm.reward = "one" if name == "sqn" else reward
        config.stages[name] = row
    for name in names:
        row = declare.fit("next_item.modt4r", "sequences", beside=VECTORS, **budget, **options)
        row.algorithm.update(VARIANTS[name])
        config.stages[name] = row
    config.inference = config.stages.modt4r.algorithm.inference.to_dict()
    config.sweeps = {
        "figure_4_4": outputs.sweep(
            "alpha", ("modt4r",), (0.0, 0.5, 1.0, 2.0, 4.0), "Figure 4.4: weight of the encoder's scores"
        ),
        "figure_4_5": outputs.sweep(
            "diversity", ("modt4r",), (0.0, 0.5, 1.0, 1.5, 2.0), "Figure 4.5: weight of the diversity return"
        ),
        "novelty": outputs.sweep(
            "epsilon", ("modt4r",), (0.0, 0.5, 1.5), "Novelty threshold (0 always asks for it, above 1 never)"
        ),
    }
    rows = ("sasrec", *values, *names)
    config.stages.evaluation = declare.evaluate(rows, "sequences", by="rankings")
    config.stages.item_vectors = declare.transform("sasrec", "item_vectors")
    config.order = ("sasrec", "item_vectors", *rows[1:], "evaluation")


def small_file(config: ConfigDict, dataset: str, names=tuple(VARIANTS), *, alpha: float, **options) -> None:
    """Declares short trainings of three seeds, with the alpha that configs/modt4r_validation.py found most accurate.

    Args:
      options: of the dataset.
    """
    config.num_seeds = 3
    config.data.name, config.data.options = dataset, options
    config.datasets.sequences = declare.dataset("sequences")
    stages(config, names, num_steps=500, learning_rate=1e-3, num_layers=1)
    config.inference.alpha = alpha


def embedded(config: ConfigDict) -> None:
    """The generated world's log, a session a sequence; in results/modt4r_validation.md more alpha changes nothing."""
    config.data.options = GENERATED
    config.datasets.sequences = declare.dataset("sequences", session_minutes=60.0)
    stages(config, num_steps=600, learning_rate=3e-3, batch_size=128, num_layers=1, inference__alpha=4.0)


def smoke(config: ConfigDict) -> None:
    """A tiny world: proves within seconds that everything runs, not that it learns."""
    config.data.options = {"size": "tiny", "images": False}
    config.num_seeds = 2
    config.datasets.sequences = declare.dataset("sequences", length=6, test=0.25, validation=0.0)
    stages(
        config,
        ("modt4r", "mrdt"),
        ("sa2c", "smonac"),
        num_steps=4,
        steps_per_call=2,
        learning_rate=3e-3,
        width=8,
        batch_size=8,
        num_layers=1,
    )


def yoochoose(config: ConfigDict) -> None:
    """RC15: 200,000 sessions of three clicks or purchases or more (T 4.5.1), both official files in data.root."""
    config.data.name = "yoochoose"
    config.data.options = {"buys": True, "check": True}
    config.datasets.sequences = declare.dataset("sequences", num_users=200_000, published=COUNTS["yoochoose"])
    stages(config, num_steps=20_000, learning_rate=1e-3, reward="feedback")


def yoochoose_sample(config: ConfigDict) -> None:
    """Any part of RC15's clicks; their counts are not compared with the official ones."""
    small_file(config, "yoochoose", alpha=4.0, check=False)


def retailrocket(config: ConfigDict) -> None:
    """RetailRocket's views and additions to the cart; items and visitors of three events or more (T 4.5.1)."""
    config.data.name = "retailrocket"
    config.data.options = {"check": True}
    config.datasets.sequences = declare.dataset("sequences", min_item=3, published=COUNTS["retailrocket"])
    stages(config, num_steps=20_000, learning_rate=1e-3, reward="feedback", return_weight=0.8)


def lfm_1b(config: ConfigDict) -> None:
    """A week of listening; tracks and users of three plays or more (T 4.5.1); the official file in data.root.

    The return loss has the weight 0 that the thesis found best here (T 4.5.4), so that the row modt4r is beta_0 too.
    """
    config.data.name = "lfm_1b"
    config.data.options = {"item": "track"}
    config.datasets.sequences = declare.dataset("sequences", min_item=3, published=COUNTS["lfm_1b"])
    names = tuple(name for name in VARIANTS if name != "beta_0")
    stages(config, names, num_steps=20_000, learning_rate=1e-3, batch_size=512, return_weight=0.0)


def movielens_100k(config: ConfigDict) -> None:
    """Ratings in the order of their time, a user a sequence."""
    small_file(config, "movielens_100k", TABLES, alpha=4.0, check=True)


def amazon_industrial(config: ConfigDict) -> None:
    """Reviews of Industrial and Scientific, a reviewer a sequence (L 4.1); any part of the official files."""
    small_file(config, "amazon_industrial", alpha=1.0, check=False)


def csv(config: ConfigDict) -> None:
    """Your own events, a user a sequence, or a session where datasets.sequences.session_minutes is set."""
    small_file(config, "csv", alpha=4.0)
    config.data.options = own_file.options(duplicates="keep")
