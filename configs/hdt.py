"""HDT and what thesis T, chapter 5, holds it against: the next item of a user's last session, from all sessions.

    python -m jaxrec.main --config=configs/hdt.py --workdir=runs/hdt                             # the embedded world
    python -m jaxrec.main --config=configs/hdt.py:reddit --config.data.root=DATA
    python -m jaxrec.main --config=configs/hdt.py:smoke                                          # proves that it runs

Rows: normal (a user's sessions joined), smorl on the same, hier, inter_dt and hdt over each encoder, table 5.5's uxp
and nov, and the weights of figure 5.3. Measured in the embedded world: results/hdt_embedded.md.

Variants: album, movielens_100k, reddit, smoke.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from configs.next_item import ENCODERS, GENERATED
from jaxrec import defaults
from jaxrec.config import outputs

# What a row changes of HDT (T 5.4.2).
METHODS = {"hier": {"inter": "gru", "intra": False}, "inter_dt": {"intra": False}, "hdt": {}}
# Of HDT over SASRec: table 5.5 and figure 5.3.
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
METRICS = ("HR@10", "NDCG@10", "HR@20", "NDCG@20", "CV_div@5", "CV_div@10", "CV_nov@5", "CV_nov@10", "UP@5", "UP@10",
           "HR_ser@10", "NDCG_ser@10")  # fmt: skip
# T, table 5.3.
ALBUM = {
    "normal_gru4rec": (0.0761, 0.0485, 0.0994, 0.0543, 0.4151, 0.5285, 0.3551, 0.4701, 2.524, 3.462, 0.0678, 0.0463),
    "smorl_gru4rec": (0.0765, 0.0484, 0.0983, 0.0563, 0.4739, 0.5909, 0.4102, 0.5472, 2.932, 4.202, 0.0842, 0.0573),
    "hier_gru4rec": (0.0814, 0.0568, 0.1004, 0.0622, 0.4119, 0.5199, 0.3602, 0.4799, 2.885, 4.112, 0.0743, 0.0469),
    "inter_dt_gru4rec": (0.0845, 0.0574, 0.1086, 0.0629, 0.5411, 0.6601, 0.4691, 0.6069, 3.034, 4.216, 0.0862, 0.0591),
    "hdt_gru4rec": (0.0896, 0.0628, 0.1107, 0.0681, 0.5846, 0.6948, 0.5395, 0.6611, 3.122, 4.301, 0.1023, 0.0769),
    "normal_caser": (0.0637, 0.0291, 0.0932, 0.0365, 0.2617, 0.3428, 0.1906, 0.2752, 2.811, 3.826, 0.0655, 0.0337),
    "smorl_caser": (0.0643, 0.0299, 0.0968, 0.0385, 0.2844, 0.3758, 0.2356, 0.3245, 2.967, 3.967, 0.0795, 0.0519),
    "hier_caser": (0.0634, 0.0298, 0.0945, 0.0376, 0.2301, 0.2984, 0.1567, 0.2253, 2.535, 3.531, 0.0764, 0.0507),
    "inter_dt_caser": (0.0661, 0.0313, 0.0972, 0.0392, 0.2748, 0.3632, 0.2305, 0.3199, 2.667, 3.713, 0.0792, 0.0511),
    "hdt_caser": (0.0783, 0.0435, 0.1084, 0.0453, 0.3024, 0.4122, 0.2458, 0.3515, 3.103, 4.355, 0.0843, 0.0553),
    "normal_nextitnet": (0.0803, 0.0548, 0.1007, 0.0603, 0.5402, 0.6468, 0.5234, 0.6424, 2.955, 3.873, 0.1005, 0.0632),
    "smorl_nextitnet": (0.0813, 0.0552, 0.1009, 0.0612, 0.5834, 0.6956, 0.5432, 0.6601, 3.462, 4.474, 0.1019, 0.0628),
    "hier_nextitnet": (0.0862, 0.0614, 0.1041, 0.0658, 0.5515, 0.6757, 0.5081, 0.6427, 3.314, 4.366, 0.1093, 0.0711),
    "inter_dt_nextitnet": (
        0.0920,
        0.0666,
        0.1091,
        0.0708,
        0.5936,
        0.7126,
        0.5546,
        0.6856,
        3.514,
        4.576,
        0.1181,
        0.0799,
    ),
    "hdt_nextitnet": (0.0946, 0.0673, 0.1127, 0.0719, 0.6241, 0.7368, 0.5837, 0.7078, 3.622, 4.782, 0.1219, 0.0809),
    "normal_sasrec": (0.1061, 0.0742, 0.1282, 0.0798, 0.4728, 0.5743, 0.4186, 0.5291, 3.495, 4.563, 0.1292, 0.0813),
    "smorl_sasrec": (0.1084, 0.0753, 0.1301, 0.0808, 0.5144, 0.6186, 0.4642, 0.5914, 4.092, 5.364, 0.1486, 0.0912),
    "hier_sasrec": (0.1163, 0.0786, 0.1431, 0.0853, 0.4809, 0.5851, 0.4276, 0.5411, 3.957, 5.253, 0.1445, 0.0882),
    "inter_dt_sasrec": (0.1178, 0.0802, 0.1451, 0.0871, 0.4923, 0.5951, 0.4152, 0.5476, 4.014, 5.327, 0.1467, 0.0903),
    "hdt_sasrec": (0.1202, 0.0816, 0.1462, 0.0879, 0.5742, 0.6891, 0.5285, 0.6548, 4.195, 5.525, 0.1503, 0.0924),
}
# T, table 5.2.
COUNTS = {
    "album": {"source": "T table 5.2", "users": 14_341, "sessions": 115_225, "items": 129_273, "events": 1_051_698},
    "reddit": {"source": "T table 5.2", "users": 11_160, "sessions": 321_878, "items": 21_583, "events": 1_234_442},
}
# T, table 5.5, on Album and on Reddit; its table 5.4 is in no copy of the thesis that we have seen.
RETURNS = ("HR@10", "CV_div@5", "CV_nov@5", "UP@5", "HR_ser@10")
PUBLISHED_RETURNS = {
    "album": {
        "hdt_uxp": (0.1182, 0.5272, 0.4768, 4.042, 0.1482),
        "hdt_nov": (0.1197, 0.5706, 0.5264, 4.001, 0.1242),
        "hdt_sasrec": (0.1202, 0.5742, 0.5285, 4.195, 0.1503),
    },
    "reddit": {
        "hdt_uxp": (0.4036, 0.3209, 0.2575, 3.721, 0.4123),
        "hdt_nov": (0.4021, 0.3408, 0.2998, 3.311, 0.4054),
        "hdt_sasrec": (0.4073, 0.3445, 0.2972, 3.744, 0.4354),
    },
}


def get_config(variant: str | None = None) -> ConfigDict:
    """The experiment, one of the variants named in the module docstring."""
    config = defaults.get_config()
    config.name = "hdt"
    config.paper = "Thesis T, chapter 5: Hierarchical Decision Transformers for diversity, novelty and serendipity."
    make = defaults.variant(variant, embedded, album, movielens_100k, reddit, smoke)
    make(config)
    config.tables, config.figures = tables(config, variant), figures(config)
    config.notes = notes(config)
    return config


def tables(config: ConfigDict, variant: str | None) -> dict[str, ConfigDict]:
    """Table 5.3, or on Reddit 5.4, one for each encoder, and table 5.5."""
    played, number = config.stages.evaluation.policies, "5.4" if variant == "reddit" else "5.3"
    lead = ("HR@10", "CV_div@10", "CV_nov@10", "UP@10", "HR_ser@10")
    rows = {
        f"table_{number.replace('.', '_')}_{name}": (
            f"Table {number}: {name}", [f"{m}_{name}" for m in ("normal", "smorl", *METHODS)]
        )
        for name in ENCODERS
    }  # fmt: skip
    found = {
        name: outputs.table(
            title, names[-1], names, {row: ALBUM[row] for row in names} if variant == "album" else {},
            columns=METRICS, mode="ranking", lead=lead, shown=METRICS,
        )
        for name, (title, names) in rows.items()
        if set(names) <= set(played)
    }  # fmt: skip
    if {"hdt_uxp", "hdt_nov"} <= set(played):
        found["table_5_5"] = outputs.table(
            "Table 5.5: returns inside sessions", "hdt_sasrec", ("hdt_uxp", "hdt_nov", "hdt_sasrec"),
            PUBLISHED_RETURNS.get(variant, {}), columns=RETURNS, mode="ranking", lead=RETURNS, shown=RETURNS,
        )  # fmt: skip
    return found


def figures(config: ConfigDict) -> dict[str, ConfigDict]:
    """Figure 5.3: a weight of the loss at 0, at the thesis' value and at 1."""
    weights = {"alpha": "return_weight", "beta": "action_weight", "lambda": "goal_weight"}
    beside, found = {"alpha": "UP@10", "beta": "CV_div@10", "lambda": "UP@10"}, {}
    for letter, (weight, leaf) in zip("abc", weights.items(), strict=True):
        rows = (f"hdt_{weight}_0", "hdt_sasrec", f"hdt_{weight}_1")
        if set(rows) <= set(config.stages.evaluation.policies):
            labels = dict(zip(rows, ("0", f"{config.stages.hdt_sasrec.algorithm[leaf]:g}", "1"), strict=True))
            metrics = ("ranking/HR@20", f"ranking/{beside[weight]}")
            found[f"figure_5_3{letter}"] = outputs.figure(
                f"Figure 5.3{letter}: weight {weight}", labels, metrics, xlabel=weight, baseline="normal_sasrec"
            )
    return found


def notes(config: ConfigDict) -> tuple[str, ...]:
    """The budget, in steps every row's; users and sequences are what a method's batch is made of. And what figure 5.3
    leaves out."""
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
    """Sessions by pauses of an hour, the last of each user to be measured on; and the same, joined to learn from.

    Our reading: what is joined is learnt from in full, `length` items at a time. The most recent ones alone (T 5.4.2)
    would leave Normal and SMORL one session's worth of what the others learn from.
    """
    for name, joined in (("sessions", False), ("joined", True)):
        config.sequences[name] = defaults.sequences(
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
    """Item vectors, then every method over each encoder, HDT's ablations, and one full ranking of all."""
    dropout = {"sasrec": {"encoder_options": {"dropout": sasrec_dropout}}} if sasrec_dropout else {}
    budget = {"num_steps": num_steps, "steps_per_call": steps_per_call, "optimizer__learning_rate": learning_rate}
    width = {"width": options["width"]} if "width" in options else {}
    config.stages.vectors = defaults.fit(
        "next_item.cross_entropy", "sessions", batch_size=normal_batch_size, **budget, **width
    )
    rows = []
    for name in names:
        alike = {"encoder": ENCODERS[name], **dropout.get(name, {}), **budget}
        config.stages[f"normal_{name}"] = defaults.fit(
            "next_item.cross_entropy", "joined", batch_size=normal_batch_size, **alike, **width
        )
        config.stages[f"smorl_{name}"] = defaults.fit(
            "next_item.smorl", "joined", vectors="vectors", reward="click", batch_size=normal_batch_size,
            **{**alike, "num_steps": 2 * num_steps}, **width,  # a coin draws which of two networks learns
        )  # fmt: skip
        rows += [f"normal_{name}", f"smorl_{name}"]
        changes = {f"{method}_{name}": changed for method, changed in METHODS.items()}
        if name == "sasrec":
            changes |= {f"hdt_{ablation}": ABLATIONS[ablation] for ablation in ablations}
        for row, changed in changes.items():
            config.stages[row] = defaults.fit(
                "next_item.hdt", "sessions", vectors="vectors", batch_size=batch_size, **alike,
                **{**options, **changed},
            )  # fmt: skip
            rows.append(row)
    config.stages.evaluation = defaults.evaluate(tuple(rows), "sessions", modes=(), num_episodes=0)
    config.order = ("vectors", *rows, "evaluation")


def embedded(config: ConfigDict) -> None:
    """A generated world's log: tastes drift from week to week, a session a week."""
    config.data.options = GENERATED
    sessions(config, length=20, min_session=3, min_sessions=3)
    # Users have seven sessions to learn from.
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
    """The few who rated in three sittings or more (194 of 943), over two encoders, three seeds."""
    config.num_seeds = 3
    config.data.name = "movielens_100k"
    config.data.options = {"check": True}
    sessions(config, length=20, min_session=3, min_sessions=3)
    sizes = {"num_steps": 400, "batch_size": 16, "normal_batch_size": 128}
    stages(config, ("gru4rec", "sasrec"), (), learning_rate=1e-3, **sizes)


def reddit(config: ConfigDict) -> None:
    """Reddit's interactions (T 5.4.1), the official file in data.root.

    The thesis takes five days and does not say which: data.options.start and stop, Unix seconds; None takes all.
    """
    config.data.name = "reddit"
    config.data.options = {"start": placeholder(int), "stop": placeholder(int), "check": True}
    sessions(config, length=20, min_item=3, min_session=3, min_sessions=5, published=COUNTS["reddit"])
    # Users have 29 sessions in the mean (T table 5.2).
    sizes = {"num_steps": 20_000, "batch_size": 200, "normal_batch_size": 256, "num_sessions": 32}
    stages(config, learning_rate=1e-3, sasrec_dropout=0.1, **sizes)


def smoke(config: ConfigDict) -> None:
    """Seconds: proves that it runs, not that it learns."""
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
