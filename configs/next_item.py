"""Next-item recommendation without reinforcement learning: GRU4Rec, Caser, NextItNet and SASRec beside counts.

    python -m jaxrec.main --config=configs/next_item.py --workdir=runs/next_item                # the embedded world
    python -m jaxrec.main --config=configs/next_item.py:yoochoose_sample --config.data.root=DATA
    python -m jaxrec.main --config=configs/next_item.py:smoke                                   # proves that it runs
    python -m jaxrec.main --config=configs/next_item.py:csv --config.data.options.path=events.csv

`rules` and `neighbours` are counted, not trained: an encoder behind either has learned less than can be looked up.

Variants: amazon_industrial, csv, lfm_1b, retailrocket, smoke, yoochoose, yoochoose_sample. Every test position
is ranked among all items; the splits and filters are those of T 4.5.1 (80/10/10 by sequence). Measured in the embedded
world: results/next_item_embedded.md.
"""

from ml_collections import ConfigDict

from jaxrec.config import declare, experiment, outputs, own_file, published

# A generated log in which the next item can be predicted: its recommender considers more items than the main job's,
# knows its users' tastes and follows their intents; the main job's shows little but popularity.
GENERATED = {
    "text": False,
    "images": False,
    "world": {"num_users": 4000, "num_test_users": 0, "num_items": 600},
    "logging": {"candidates": 40, "opinion": 1.0, "follow": 1.5, "noise": 0.3},
}
COUNTS = {data: published.counts("thesis_table_4_2", data) for data in ("yoochoose", "retailrocket", "lfm_1b")}
COUNTING = {"rules": "next_item.sequential_rules", "neighbours": "next_item.session_neighbours"}
ENCODERS = {"gru4rec": "gru", "caser": "caser", "nextitnet": "nextitnet", "sasrec": "sasrec"}


def get_config(variant: str | None = None) -> ConfigDict:
    """Makes the experiment of one of the variants named above."""
    config = experiment.defaults()
    config.name = "next_item"
    config.paper = "The sequence models that thesis T, chapters 4 and 5, starts from; trained by cross-entropy alone."
    make = experiment.variant(
        variant, embedded, amazon_industrial, csv, lfm_1b, retailrocket, smoke, yoochoose, yoochoose_sample
    )
    make(config)
    return config


def stages(config: ConfigDict, names=tuple(ENCODERS), *, num_steps: int, steps_per_call: int = 100, **options) -> None:
    """Declares each encoder on the same sequences, what counting reaches there, then one full ranking of all."""
    for name in names:
        config.stages[name] = declare.fit(
            "next_item.cross_entropy",
            "sequences",
            num_steps=num_steps,
            steps_per_call=steps_per_call,
            encoder=ENCODERS[name],
            **options,
        )
    for name, counting in COUNTING.items():
        config.stages[name] = declare.estimate(counting, "sequences")
    rows = (*COUNTING, *names)
    config.stages.evaluation = declare.evaluate(rows, "sequences", by="rankings")
    config.order = (*rows, "evaluation")
    if "sasrec" in names:
        lead, shown = ("HR@10", "NDCG@10"), ("HR@10", "NDCG@10", "HR@20", "NDCG@20", "CV_div@10", "CV_nov@10", "R@10")
        config.tables.encoders = outputs.table(
            "Encoders by cross-entropy alone, and counts", "sasrec", rows, mode="ranking", lead=lead, shown=shown
        )


def embedded(config: ConfigDict) -> None:
    """The generated world's log, a session a sequence."""
    config.data.options = GENERATED
    config.datasets.sequences = declare.dataset("sequences", session_minutes=60.0)
    stages(config, num_steps=600)


def smoke(config: ConfigDict) -> None:
    """A tiny world: proves within seconds that everything runs, not that it learns."""
    config.data.options = {"size": "tiny", "images": False}
    config.num_seeds = 2
    config.datasets.sequences = declare.dataset("sequences", length=10, test=0.25, validation=0.0)
    stages(config, ("gru4rec", "sasrec"), num_steps=4, steps_per_call=2, width=8, batch_size=8)


def yoochoose(config: ConfigDict) -> None:
    """RC15: 200,000 sessions of three clicks or purchases or more (T 4.5.1), both official files in data.root."""
    config.data.name = "yoochoose"
    config.data.options = {"buys": True, "check": True}
    config.datasets.sequences = declare.dataset("sequences", num_users=200_000, published=COUNTS["yoochoose"])
    stages(config, num_steps=20_000)


def yoochoose_sample(config: ConfigDict) -> None:
    """Any part of RC15's clicks; their counts are not compared with the official ones."""
    config.data.name = "yoochoose"
    config.data.options = {"check": False}
    config.datasets.sequences = declare.dataset("sequences")
    stages(config, num_steps=3000)


def retailrocket(config: ConfigDict) -> None:
    """RetailRocket's views and additions to the cart; items and visitors of three events or more (T 4.5.1)."""
    config.data.name = "retailrocket"
    config.data.options = {"check": True}
    config.datasets.sequences = declare.dataset("sequences", min_item=3, published=COUNTS["retailrocket"])
    stages(config, num_steps=20_000)


def lfm_1b(config: ConfigDict) -> None:
    """A week of listening; tracks and users of three plays or more (T 4.5.1); the official file in data.root."""
    config.data.name = "lfm_1b"
    config.data.options = {"item": "track"}
    config.datasets.sequences = declare.dataset("sequences", min_item=3, published=COUNTS["lfm_1b"])
    stages(config, num_steps=20_000, batch_size=512)


def amazon_industrial(config: ConfigDict) -> None:
    """Reviews of Industrial and Scientific, a reviewer a sequence (L 4.1); any part of the official files."""
    config.data.name = "amazon_industrial"
    config.data.options = {"check": False}
    config.datasets.sequences = declare.dataset("sequences")
    stages(config, num_steps=3000)


def csv(config: ConfigDict) -> None:
    """Your own events, a user a sequence, or a session where datasets.sequences.session_minutes is set."""
    config.data.update(name="csv", options=own_file.options(duplicates="keep"))
    config.datasets.sequences = declare.dataset("sequences")
    stages(config, num_steps=3000)
