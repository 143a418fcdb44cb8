"""HDT and what thesis T, chapter 5, holds it against: the next item of a user's last session, from all sessions.

    python -m jaxrec.main --config=configs/hdt.py --workdir=runs/hdt                             # the embedded world
    python -m jaxrec.main --config=configs/hdt.py:reddit --config.data.root=DATA
    python -m jaxrec.main --config=configs/hdt.py:smoke                                          # proves that it runs

Rows: normal (a user's sessions joined), smorl on the same, hier, inter_dt and hdt over each encoder, table 5.5's uxp
and nov, and the weights of figure 5.3. Not measured.

Variants: reddit, smoke.
"""

from ml_collections import ConfigDict

from configs.next_item import ENCODERS, GENERATED
from jaxrec import defaults

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


def get_config(variant: str | None = None) -> ConfigDict:
    """The experiment, one of the variants named in the module docstring."""
    config = defaults.get_config()
    config.name = "hdt"
    config.paper = "Thesis T, chapter 5: Hierarchical Decision Transformers for diversity, novelty and serendipity."
    make = defaults.variant(variant, embedded, reddit, smoke)
    make(config)
    config.tables, config.figures = tables(config), figures(config)
    return config


def tables(config: ConfigDict) -> dict[str, ConfigDict]:
    """Tables 5.3 and 5.4, one for each encoder, and table 5.5."""
    played, found = config.stages.evaluation.policies, {}
    lead = ("HR@10", "CV_div@10", "CV_nov@10", "UP@10", "HR_ser@10")
    rows = {
        f"table_5_3_{name}": (f"Table 5.3: {name}", [f"{m}_{name}" for m in ("normal", "smorl", *METHODS)])
        for name in ENCODERS
    }
    rows["table_5_5"] = ("Table 5.5: returns inside sessions", ["hdt_uxp", "hdt_nov", "hdt_sasrec"])
    for name, (title, names) in rows.items():
        if set(names) <= set(played):
            found[name] = defaults.table(title, names[-1], names, mode="ranking", lead=lead, shown=METRICS)
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
            found[f"figure_5_3{letter}"] = defaults.figure(
                f"Figure 5.3{letter}: weight {weight}", labels, metrics, xlabel=weight, baseline="normal_sasrec"
            )
    return found


def sessions(config: ConfigDict, **options) -> None:
    """Sessions by pauses of an hour, the last of each user to be measured on; and the same, joined to learn from."""
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
    batch_size: int = 64, normal_batch_size: int = 256, **options,
) -> None:  # fmt: skip
    """Item vectors, then every method over each encoder, HDT's ablations, and one full ranking of all."""
    budget = {"num_steps": num_steps, "steps_per_call": steps_per_call}
    width = {"width": options["width"]} if "width" in options else {}
    config.stages.vectors = defaults.fit(
        "self_supervised.next_item", "sessions", batch_size=normal_batch_size, **budget, **width
    )
    rows = []
    for name in names:
        config.stages[f"normal_{name}"] = defaults.fit(
            "self_supervised.next_item", "joined", encoder=ENCODERS[name], batch_size=normal_batch_size, **budget,
            **width,
        )  # fmt: skip
        config.stages[f"smorl_{name}"] = defaults.fit(
            "self_supervised.smorl", "joined", vectors="vectors", encoder=ENCODERS[name], reward="one",
            batch_size=normal_batch_size, **budget, **width,
        )  # fmt: skip
        rows += [f"normal_{name}", f"smorl_{name}"]
        changes = {f"{method}_{name}": changed for method, changed in METHODS.items()}
        if name == "sasrec":
            changes |= {f"hdt_{ablation}": ABLATIONS[ablation] for ablation in ablations}
        for row, changed in changes.items():
            config.stages[row] = defaults.fit(
                "self_supervised.hdt", "sessions", vectors="vectors", encoder=ENCODERS[name], batch_size=batch_size,
                **budget, **{**options, **changed},
            )  # fmt: skip
            rows.append(row)
    config.stages.evaluation = defaults.evaluate(tuple(rows), "sessions", modes=(), num_episodes=0)
    config.order = ("vectors", *rows, "evaluation")


def embedded(config: ConfigDict) -> None:
    """A generated world's log: tastes drift from week to week, a session a week."""
    config.data.options = GENERATED
    sessions(config, length=20, min_session=3, min_sessions=3)
    stages(config, num_steps=600, batch_size=16)  # with up to eight sessions each


def reddit(config: ConfigDict) -> None:
    """Reddit's interactions (T 5.4.1), the official file in data.root; the thesis does not say which five days."""
    config.data.name = "reddit"
    config.data.options = {}
    sessions(config, length=20, min_item=3, min_session=3, min_sessions=5)
    stages(config, num_steps=20_000, batch_size=200)


def smoke(config: ConfigDict) -> None:
    """Seconds: proves that it runs, not that it learns."""
    config.data.options = {"size": "tiny", "images": False}
    config.num_seeds = 2
    sessions(config, length=6, min_session=2, min_sessions=2)
    stages(config, ("sasrec",), (), num_steps=4, steps_per_call=2, width=8, batch_size=4, normal_batch_size=8)
