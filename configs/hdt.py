"""HDT beside the methods that thesis T, chapter 5, compares it with: the next item of a user's last session.

    python -m jaxrec.main --config=configs/hdt.py --workdir=runs/hdt                             # the embedded world
    python -m jaxrec.main --config=configs/hdt.py:reddit --config.data.root=DATA
    python -m jaxrec.main --config=configs/hdt.py:smoke                                          # proves that it runs

Rows over each encoder: normal (the encoder alone, on a user's sessions joined into one sequence), smorl on the same
sequences, and hier, inter_dt and hdt on the sessions. Over SASRec also T table 5.5's uxp and nov, and the weights of
T figure 5.3. Measured in the embedded world: results/hdt_embedded.md.

Variants: album, movielens_100k, reddit, smoke.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from configs.next_item import ENCODERS, GENERATED
from jaxrec.config import declare, experiment, outputs, published

VECTORS = {"vectors": "item_vectors"}  # a next-item model's item vectors, whose cosines say how alike items are
# Method -> the options of HDT that make it (T 5.4.2).
METHODS = {"hier": {"inter": "gru", "intra": False}, "inter_dt": {"intra": False}, "hdt": {}}
# The same of HDT over SASRec: T table 5.5 and T figure 5.3.
ABLATIONS = {
    "uxp": {"objectives": ("uxp",)},
    "nov": {"objectives": ("nov",)},
    "alpha_0": {"return_weight": 0.0},
    "alpha_1": {"return_weight": 1.0},
    "beta_0": {"action_weight": 0.0},
    "beta_1": {"action_weight": 1.0},
    "lambda_0": {"goal_weight": 0.0},
    "lambda_1": {"goal_weight": 1.0},
}
TABLE_5_3, TABLE_5_5 = published.load("thesis_table_5_3"), published.load("thesis_table_5_5")
COUNTS = {data: published.counts("thesis_table_5_2", data) for data in ("album", "reddit")}
# T table 5.4 (Reddit) is in no copy of the thesis that we have seen.


def get_config(variant: str | None = None) -> ConfigDict:
    """Makes the experiment of one of the variants named above."""
    config = experiment.defaults()
    config.name = "hdt"
    config.paper = "Thesis T, chapter 5: Hierarchical Decision Transformers for diversity, novelty and serendipity."
    make = experiment.variant(variant, embedded, album, movielens_100k, reddit, smoke)
    make(config)
    config.tables, config.figures = tables(config, variant), figures(config)
    config.notes = notes(config)
    return config


def tables(config: ConfigDict, variant: str | None) -> dict[str, ConfigDict]:
    """Declares T table 5.3, or on Reddit T table 5.4, one for each encoder, and T table 5.5."""
    played, number = config.stages.evaluation.policies, "5.4" if variant == "reddit" else "5.3"
    lead = ("HR@10", "CV_div@10", "CV_nov@10", "UP@10", "HR_ser@10")
    paper = TABLE_5_3.rows.get(variant, {})
    rows = {
        f"table_{number.replace('.', '_')}_{name}": (
            f"Table {number}: {name}", [f"{m}_{name}" for m in ("normal", "smorl", *METHODS)]
        )
        for name in ENCODERS
    }  # fmt: skip
    declared = {
        name: outputs.table(
            title, names[-1], names, {row: paper[row] for row in names if row in paper},
            columns=TABLE_5_3.columns, mode="ranking", lead=lead, shown=TABLE_5_3.columns,
        )
        for name, (title, names) in rows.items()
        if set(names) <= set(played)
    }  # fmt: skip
    if {"hdt_uxp", "hdt_nov"} <= set(played):
        columns = TABLE_5_5.columns
        declared["table_5_5"] = outputs.table(
            "Table 5.5: returns inside sessions", "hdt_sasrec", ("hdt_uxp", "hdt_nov", "hdt_sasrec"),
            TABLE_5_5.rows.get(variant, {}), columns=columns, mode="ranking", lead=columns, shown=columns,
        )  # fmt: skip
    return declared


def figures(config: ConfigDict) -> dict[str, ConfigDict]:
    """Declares T figure 5.3: each weight of the loss at 0, at the thesis' value and at 1."""
    weights = {"alpha": "return_weight", "beta": "action_weight", "lambda": "goal_weight"}
    second_metric, declared = {"alpha": "UP@10", "beta": "CV_div@10", "lambda": "UP@10"}, {}
    for letter, (weight, leaf) in zip("abc", weights.items(), strict=True):
        rows = (f"hdt_{weight}_0", "hdt_sasrec", f"hdt_{weight}_1")
        if set(rows) <= set(config.stages.evaluation.policies):
            labels = dict(zip(rows, ("0", f"{config.stages.hdt_sasrec.algorithm[leaf]:g}", "1"), strict=True))
            metrics = ("ranking/HR@20", f"ranking/{second_metric[weight]}")
            declared[f"figure_5_3{letter}"] = outputs.figure(
                f"Figure 5.3{letter}: weight {weight}", labels, metrics, xlabel=weight, baseline="normal_sasrec"
            )
    return declared


def notes(config: ConfigDict) -> tuple[str, ...]:
    """Returns the sentences of the report on the budget of every row and on what T figure 5.3 leaves out."""
    few = (
        "Figure 5.3 has three points of each sweep from 0 to 1, over SASRec: each is a training. The thesis' is over "
        "GRU4Rec on Reddit."
    )
    own, normal = config.stages.hdt_sasrec, config.stages.normal_sasrec
    return (
        f"Every row: {own.num_steps:,} steps for every network that learns (SMORL draws one of two: twice the steps), "
        f"width {own.algorithm.width}, rate "
        f"{own.algorithm.optimizer.learning_rate:g}; of {own.algorithm.batch_size} users with up to "
        f"{own.algorithm.num_sessions} sessions each, or of {normal.algorithm.batch_size} sequences of joined "
        "sessions, all of whose items they learn from (our reading). Nothing was chosen on the test sessions.",
        *[few] * ("figure_5_3a" in config.figures),
    )


def sessions(config: ConfigDict, **options) -> None:
    """Declares two datasets of sessions that end at a pause of an hour: each by itself, and a user's joined into one.

    The last session of each user is ranked. Our reading: joined sessions are learned from in full, `length` items at a
    time. With the most recent items alone (T 5.4.2) Normal and SMORL would learn from one session's worth of items per
    user, where the other methods learn from all sessions.
    """
    for name, joined in (("sessions", False), ("joined", True)):
        config.datasets[name] = declare.dataset(
            "sequences",
            split="last_session",
            session_minutes=60.0,
            validation=0.0,
            joined=joined,
            long="cut" if joined else "recent",
            **options,
        )


def stages(
    config: ConfigDict, names=tuple(ENCODERS), ablations=tuple(ABLATIONS), *, num_steps: int, steps_per_call: int = 100,
    batch_size: int, normal_batch_size: int, learning_rate: float, sasrec_dropout: float = 0.0, **options,
) -> None:  # fmt: skip
    """Declares item vectors, every method over each encoder, HDT's ablations, and one full ranking of all."""
    dropout = {"sasrec": {"encoder_options": {"dropout": sasrec_dropout}}} if sasrec_dropout else {}
    budget = {"num_steps": num_steps, "steps_per_call": steps_per_call, "optimizer__learning_rate": learning_rate}
    width = {"width": options["width"]} if "width" in options else {}
    config.stages.vectors = declare.fit(
        "next_item.cross_entropy", "sessions", batch_size=normal_batch_size, **budget, **width
    )
    rows = []
    for name in names:
        alike = {"encoder": ENCODERS[name], **dropout.get(name, {}), **budget}
        config.stages[f"normal_{name}"] = declare.fit(
            "next_item.cross_entropy", "joined", batch_size=normal_batch_size, **alike, **width
        )
        config.stages[f"smorl_{name}"] = declare.fit(
            "next_item.smorl", "joined", beside=VECTORS, reward="click", batch_size=normal_batch_size,
            **{**alike, "num_steps": 2 * num_steps}, **width,  # each step trains one of two networks, drawn by a coin
        )  # fmt: skip
        rows += [f"normal_{name}", f"smorl_{name}"]
        changes = {f"{method}_{name}": changed for method, changed in METHODS.items()}
        if name == "sasrec":
            changes |= {f"hdt_{ablation}": ABLATIONS[ablation] for ablation in ablations}
        for row, changed in changes.items():
            config.stages[row] = declare.fit(
                "next_item.hdt", "sessions", beside=VECTORS, batch_size=batch_size, **alike,
                **{**options, **changed},
            )  # fmt: skip
            rows.append(row)
    config.stages.evaluation = declare.evaluate(tuple(rows), "sessions", by="rankings")
    config.stages.item_vectors = declare.transform("vectors", "item_vectors")
    config.order = ("vectors", "item_vectors", *rows, "evaluation")


def embedded(config: ConfigDict) -> None:
    """The generated world's log: tastes drift from week to week, and a user has a session a week."""
    config.data.options = GENERATED
    sessions(config, length=20, min_session=3, min_sessions=3)
    # A user has seven sessions to learn from.
    stages(config, num_steps=400, batch_size=16, normal_batch_size=128, num_sessions=7, learning_rate=3e-3)


def album(config: ConfigDict) -> None:
    """A week of listening to albums (T 5.4.1), LFM-1b's official file in data.root."""
    config.data.name = "lfm_1b"
    config.data.options = {"item": "album"}
    filters = {"min_item": 3, "min_session": 3, "min_sessions": 5, "repeats": False}
    sessions(config, length=20, **filters, published=COUNTS["album"])
    weights = {"return_weight": 0.5, "action_weight": 0.1, "goal_weight": 0.2}  # T 5.4.6
    sizes = {"num_steps": 20_000, "batch_size": 100, "normal_batch_size": 256}
    stages(config, learning_rate=1e-3, sasrec_dropout=0.1, **sizes, **weights)


def movielens_100k(config: ConfigDict) -> None:
    """The users with three sessions of ratings or more (194 of 943), over two encoders, three seeds."""
    config.num_seeds = 3
    config.data.name = "movielens_100k"
    config.data.options = {"check": True}
    sessions(config, length=20, min_session=3, min_sessions=3)
    sizes = {"num_steps": 400, "batch_size": 16, "normal_batch_size": 128}
    stages(config, ("gru4rec", "sasrec"), (), learning_rate=1e-3, **sizes)


def reddit(config: ConfigDict) -> None:
    """Reddit's interactions (T 5.4.1), the official file in data.root.

    The thesis takes five days and does not say which: set data.options.start and stop, in Unix seconds; None takes all.
    """
    config.data.name = "reddit"
    config.data.options = {"start": placeholder(int), "stop": placeholder(int), "check": True}
    sessions(config, length=20, min_item=3, min_session=3, min_sessions=5, published=COUNTS["reddit"])
    # A user has 29 sessions in the mean (T table 5.2).
    sizes = {"num_steps": 20_000, "batch_size": 200, "normal_batch_size": 256, "num_sessions": 32}
    stages(config, learning_rate=1e-3, sasrec_dropout=0.1, **sizes)


def smoke(config: ConfigDict) -> None:
    """A tiny world: proves within seconds that everything runs, not that it learns."""
    config.data.options = {"size": "tiny", "images": False}
    config.num_seeds = 2
    sessions(config, length=6, min_session=2, min_sessions=2)
    stages(
        config,
        ("sasrec",),
        (),
        num_steps=4,
        steps_per_call=2,
        width=8,
        batch_size=4,
        normal_batch_size=8,
        learning_rate=3e-3,
    )
