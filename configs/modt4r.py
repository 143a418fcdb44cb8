"""MODT4R and what thesis T, chapter 4, holds it against: accuracy, diversity and novelty from one model.

    python -m jaxrec.main --config=configs/modt4r.py --workdir=runs/modt4r                      # the embedded world
    python -m jaxrec.main --config=configs/modt4r.py --config.inference.diversity=2.0 --workdir=runs/modt4r
    python -m jaxrec.main --config=configs/modt4r.py:yoochoose_sample --config.data.root=DATA
    python -m jaxrec.main --config=configs/modt4r.py:csv --config.data.options.path=events.csv

The second command trains nothing: it ranks anew, asking for more diversity, and the report shows the curve of what that
costs in accuracy and brings in coverage. The splits and filters are those of T 4.5.1. Measured in the embedded world:
results/modt4r_embedded.md.

Variants: amazon_industrial, csv, lfm_1b, movielens_100k, retailrocket, smoke, yoochoose, yoochoose_sample.
"""

from ml_collections import ConfigDict

from configs.next_item import COUNTS, GENERATED
from jaxrec.config import declare, experiment, outputs, own_file, published

# What a row changes of MODT4R: table 4.3 (mrdt), table 4.4 (_i, _imp), figures 4.6 and 4.7.
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
TABLES = ("modt4r", "mrdt", "modt4r_i", "modt4r_imp")  # of tables 4.3 and 4.4
WEIGHTS = ("no_state_loss", "raw_returns", "beta_0", "beta_1")
SUBSETS = ("acc", "div", "nov", "acc_div", "acc_nov", "nov_div")  # T 4.21
WARM_RATE = 1e-3  # SA2C's after its warm-up, as published, where the other rows' is not lower
# Beside the control, learners of values: a coin draws which of their two networks learns. Those in WITH_VECTORS are
# rewarded for diversity too.
TWO_NETWORKS = ("sqn", "snqn", "sa2c", "smorl", "smonac")
VALUES = ("items_left", *TWO_NETWORKS)
WITH_VECTORS = ("smorl", "smonac")
VECTORS = {"vectors": "item_vectors"}  # what likeness of items is measured by: SASRec's

TABLE_4_3, TABLE_4_4 = published.load("thesis_table_4_3"), published.load("thesis_table_4_4")


def get_config(variant: str | None = None) -> ConfigDict:
    """The experiment, one of the variants named in the module docstring."""
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
    """Every number that the thesis has of a row on the variant's data."""
    found = {}
    for table in (TABLE_4_4, TABLE_4_3):
        for row, values in table.rows.get(variant, {}).items():
            found[row] = {f"ranking/{metric}": value for metric, value in zip(table.columns, values, strict=True)}
    return found


def tables(config: ConfigDict, variant: str | None) -> dict[str, ConfigDict]:
    """T tables 4.3 and 4.4, and the subsets of the objectives as a table."""
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
    """T figures 4.6 and 4.7; T figures 4.4 and 4.5 are sweeps of one model."""
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
    """The budget, which is every row's, and what figure 4.6 leaves out."""
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
    """SASRec, whose item vectors the others take as given, then the rows, then one full ranking of all.

    Learners of values are rewarded as for a click for each item, but with the log's `feedback` where it tells a click
    from a purchase: ratings from 1 to 5 would drown the cross-entropy in errors of Q. SQN always takes one; the thesis
    says so of it alone, and that the others follow their own settings (T 4.5.1). SA2C warms up for half of its steps
    (published: 15,000, of longer runs), with the rate of every row (published: 0.005 or 0.01).
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
    """Short trainings of three seeds; alpha was the most accurate in modt4r_validation.py."""
    config.num_seeds = 3
    config.data.name, config.data.options = dataset, options
    config.datasets.sequences = declare.dataset("sequences")
    stages(config, names, num_steps=500, learning_rate=1e-3, num_layers=1)
    config.inference.alpha = alpha


def embedded(config: ConfigDict) -> None:
    """A generated world's log, a session a sequence. Alpha: more changes nothing in results/modt4r_validation.md."""
    config.data.options = GENERATED
    config.datasets.sequences = declare.dataset("sequences", session_minutes=60.0)
    stages(config, num_steps=600, learning_rate=3e-3, batch_size=128, num_layers=1, inference__alpha=4.0)


def smoke(config: ConfigDict) -> None:
    """Seconds: proves that it runs, not that it learns."""
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
    """RC15: 200,000 sessions of three clicks and purchases or more (T 4.5.1), both official files in data.root."""
    config.data.name = "yoochoose"
    config.data.options = {"buys": True, "check": True}
    config.datasets.sequences = declare.dataset("sequences", num_users=200_000, published=COUNTS["yoochoose"])
    stages(config, num_steps=20_000, learning_rate=1e-3, reward="feedback")


def yoochoose_sample(config: ConfigDict) -> None:
    """A part of RC15's clicks that need not have the official counts."""
    small_file(config, "yoochoose", alpha=4.0, check=False)


def retailrocket(config: ConfigDict) -> None:
    """Views and additions to the cart; items and visitors of three events or more (T 4.5.1)."""
    config.data.name = "retailrocket"
    config.data.options = {"check": True}
    config.datasets.sequences = declare.dataset("sequences", min_item=3, published=COUNTS["retailrocket"])
    stages(config, num_steps=20_000, learning_rate=1e-3, reward="feedback", return_weight=0.8)


def lfm_1b(config: ConfigDict) -> None:
    """A week of listening to tracks, of three plays or more as users have (T 4.5.1), the official file in data.root.

    The return loss serves best without any weight (T 4.5.4), so that beta_0 is the row modt4r itself.
    """
    config.data.name = "lfm_1b"
    config.data.options = {"item": "track"}
    config.datasets.sequences = declare.dataset("sequences", min_item=3, published=COUNTS["lfm_1b"])
    names = tuple(name for name in VARIANTS if name != "beta_0")
    stages(config, names, num_steps=20_000, learning_rate=1e-3, batch_size=512, return_weight=0.0)


def movielens_100k(config: ConfigDict) -> None:
    """Ratings in the order they were given, as a sequence a user."""
    small_file(config, "movielens_100k", TABLES, alpha=4.0, check=True)


def amazon_industrial(config: ConfigDict) -> None:
    """Reviews of Industrial and Scientific as sequences (L 4.1), any part of the official files."""
    small_file(config, "amazon_industrial", alpha=1.0, check=False)


def csv(config: ConfigDict) -> None:
    """Your own events, a user a sequence, or a session where datasets.sequences.session_minutes is set."""
    small_file(config, "csv", alpha=4.0)
    config.data.options = own_file.options(duplicates="keep")
