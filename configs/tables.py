"""The tables of paper M: every row of tables 1 to 4 and figure 2 on one log with one budget, beside its numbers.

    python -m jaxrec.main --config=configs/tables.py --workdir=runs/tables                       # the embedded world
    python -m jaxrec.main --config=configs/tables.py:coat_leak --config.data.root=DATA           # the published setting
    JAXREC_BACKBONES=FOLDER python -m jaxrec.main --config=configs/tables.py:coat ...            # table 2 as well

Variants: smoke, coat, coat_leak, movielens_100k, virtual_taobao. It leaves tables.md and tables.json in the workdir:
every mode, the time of each row, and which of the paper's orderings hold. FOLDER holds one Hugging Face folder for each
language model; each becomes a row of table 2 and reads the same text by its own tokenizer. The other rows have as prior
a GPT-2 of the transformer's own size, trained here on text.
"""

import os
from pathlib import Path

from ml_collections import ConfigDict

from configs import mdt4rec
from jaxrec.config import declare, experiment, outputs, published

# Of paper M: table 1 (VirtualTB: table 2 for GPT-2), and tables 3 and 4, which it made on VirtualTB.
TABLE_1, TABLE_3, TABLE_4 = (published.load(f"mdt4rec_table_{number}").rows for number in (1, 3, 4))

ONLINE = ("ddpg", "sac", "td3", "ppo", "dqn")
OFFLINE = ("dt4rec", "cdt4rec", "edt4rec")
# The options that all offline rows share.
SHARED = ("width", "num_layers", "num_heads", "dropout", "context_length", "batch_size")


def get_config(variant: str | None = None) -> ConfigDict:
    """Makes the main job's world, log and budget with every row of the tables."""
    # Those of mdt4rec that this one has.
    experiment.variant(
        variant, mdt4rec.embedded, mdt4rec.smoke, mdt4rec.coat, mdt4rec.coat_leak, mdt4rec.movielens_100k,
        mdt4rec.virtual_taobao,
    )  # fmt: skip
    config = mdt4rec.get_config(variant)
    config.name = "tables"
    config.paper = "Paper M: Maximum In-Support Return Modeling for Dynamic Recommendation with Language Model Prior."
    smoke, vectors = variant == "smoke", variant == "virtual_taobao"
    models = [name for name in config.order if name.startswith(("user_model", "factors"))]
    static = [name for name in ("static_cycle", "popular", "random") if name in config.stages]
    own = config.stages.mdt4rec

    online = {name: online_row(name, config.stages.a2c) for name in ONLINE if not (vectors and name == "dqn")}
    if vectors:
        config.stages.log.policy = "ddpg"  # M 4.2
    config.datasets.text = text(variant)
    if variant in (None, "smoke"):
        config.data.options.text = True
    prior = {"gpt2": language_model(own, smoke)}
    rows = {name: offline_row(own, name) for name in OFFLINE} | mdt4rec_rows(own)
    prompted = {name: (rows | {"dt": config.stages.dt})[name] for name in ("dt", *OFFLINE)}
    rows |= {f"{name}_best": declare.same_params(row, name, target_quantile=1.0) for name, row in prompted.items()}
    for name, folder in backbones().items():
        config.datasets[f"text_{name}"] = text(variant, tokenizer=str(folder))
        rows[f"on_{name}"] = with_changes(own, {"backbone": str(folder)}, text=f"text_{name}")
    config.stages.update(ConfigDict({**online, **prior, **rows}))
    config.order = (*models, *online, "a2c", "log", "dt", *prior, *rows, *static, "evaluation")
    config.stages.evaluation.policies = (*online, "a2c", "dt", *rows, *static)

    first = ("mdt4rec", "mdt4rec_no_lm", "mdt4rec_no_max")
    config.reference = {}
    config.tables = tables_of(
        (*online, "a2c", "dt", *OFFLINE, *first, *static), rows, (variant or "").removesuffix("_leak")
    )
    config.figures = figures(config, rows)
    config.notes = notes(config)
    return config


def online_row(name: str, a2c: ConfigDict) -> ConfigDict:
    """Declares an online row with as many turns as A2C.

    PPO plays them in as many rounds as A2C; the methods with a replay buffer in 2,000 rounds at most, of more users at
    once and 8 updates each.
    """
    if name == "ppo":
        return declare.fit("actor_critic.ppo", "train", num_steps=a2c.num_steps, steps_per_call=a2c.num_steps // 10)
    rounds = min(2000, a2c.num_steps * 2)
    row = declare.fit(f"actor_critic.{name}", "train", num_steps=rounds, steps_per_call=rounds // 10)
    row.algorithm.num_envs = turns(a2c) // rounds
    return row


def turns(online: ConfigDict) -> int:
    """Returns the environment steps of an online row."""
    return online.num_steps * online.algorithm.num_envs * online.algorithm.num_steps


def offline_row(own: ConfigDict, name: str) -> ConfigDict:
    """Declares another decision transformer on MDT4Rec's log, of MDT4Rec's size and with its budget."""
    alike = {leaf: own.algorithm[leaf] for leaf in SHARED}
    return declare.fit(
        f"decision_transformer.{name}", own.data, num_steps=own.num_steps, steps_per_call=own.steps_per_call,
        optimizer__learning_rate=own.algorithm.optimizer.learning_rate, **alike,
    )  # fmt: skip


def mdt4rec_rows(own: ConfigDict) -> dict[str, ConfigDict]:
    """Declares MDT4Rec on its prior, and with each change that tables 1, 3, 4 and figure 2 of paper M make."""
    whole = own.algorithm.context_length
    rows = {
        "mdt4rec": {},
        "mdt4rec_no_max": {"use_max": False},
        "frozen": {"adapt": "frozen"},
        "full": {"adapt": "full"},
        "linear": {"embedding": "linear"},
        "no_language_loss": {"language_weight": 0.0},
    }
    rows |= {f"T_{length}": {"context_length": length} for length in (5, 10, 15, 20) if length != whole}
    made = {name: with_changes(own, {"backbone": "gpt2", **changes}) for name, changes in rows.items()}
    searched = {
        f"delta_{step}": declare.same_params(made["mdt4rec"], "mdt4rec", delta=step)
        for step in (4, 6, 8)
        if step < whole
    }
    return {"mdt4rec_no_lm": own.copy_and_resolve_references()} | made | searched


def with_changes(own: ConfigDict, changes: dict, text: str = "text") -> ConfigDict:
    """Returns MDT4Rec on a language model, adapted by LoRA unless the changes say otherwise."""
    stage = own.copy_and_resolve_references()
    stage.beside = {"text": text}
    stage.algorithm.update({"adapt": "lora", "language_length": 32, **changes})
    return stage


def text(variant: str | None, **tokenizer: str) -> ConfigDict:
    """Declares the text: that of the world's items; on real data the smallest part of WikiText-2."""
    if variant in (None, "smoke"):
        return declare.dataset("text", vocabulary=400, **tokenizer)
    files = [f"wikitext-2/wiki.{part}.tokens" for part in ("valid", "test")]
    return declare.dataset("text", train=files[:1], validation=files[1:], vocabulary=512, **tokenizer)


def language_model(own: ConfigDict, smoke: bool) -> ConfigDict:
    """Declares the training of a GPT-2 of the transformer's own size."""
    size = {leaf: own.algorithm[leaf] for leaf in ("width", "num_layers", "num_heads")}
    steps = 10 if smoke else 600
    return declare.fit(
        "language.causal_lm", "text", num_steps=steps, steps_per_call=steps // 10, num_seeds=1, context_length=64,
        dropout=0.0, **size,
    )  # fmt: skip


def backbones() -> dict[str, Path]:
    """Returns name -> Hugging Face folder below JAXREC_BACKBONES; a dot, as in Qwen2.5, would part a stage's name."""
    root = os.environ.get("JAXREC_BACKBONES", "")
    folders = sorted(path.parent for path in Path(root).glob("*/config.json")) if root else []
    return {folder.name.replace(".", "_"): folder for folder in folders}


def tables_of(table_1: tuple, rows: dict, data: str) -> ConfigDict:
    """Declares M tables 1 to 4 and M figure 2 over the rows that the experiment has."""
    best = [name for name in rows if name.endswith("_best")]
    best = [*(name.removesuffix("_best") for name in best), *best]
    beside = {
        "table_1": ("Table 1: methods", table_1, TABLE_1.get(data, {})),
        "table_2": ("Table 2: language models", [name for name in rows if name.startswith("on_")], {}),
        "table_3": ("Table 3: LoRA (mdt4rec), frozen, full", ("frozen", "full"), TABLE_3.get(data, {})),
        "table_4": ("Table 4: MLP (mdt4rec) or linear embeddings", ("linear",), TABLE_4.get(data, {})),
        "targets": ("Asking for the best logged return", best, {}),
        "figure_2a": ("Figure 2a: history length T", [name for name in rows if name.startswith("T_")], {}),
        "figure_2b": ("Figure 2b: step size delta", [name for name in rows if name.startswith("delta_")], {}),
        "figure_2c": ("Figure 2c: language loss", ("no_language_loss",), {}),
    }
    return ConfigDict(
        {
            name: outputs.table(title, "mdt4rec", dict.fromkeys(("mdt4rec", *others) if name != "table_1" else others),
                                 paper)
            for name, (title, others, paper) in beside.items()
            if others
        }
    )  # fmt: skip


def figures(config: ConfigDict, rows: dict) -> dict[str, ConfigDict]:
    """Declares the drawings of M figure 2, under the tables of the same names."""
    own, metrics = config.stages.mdt4rec.algorithm, ("FB/R_cumu", "FB/R_avg")

    def varied(title: str, prefix: str, leaf: str) -> ConfigDict:
        values = {own[leaf]: "mdt4rec"} | {rows[name].algorithm[leaf]: name for name in rows if name.startswith(prefix)}
        labels = {values[value]: f"{value}" for value in sorted(values)}
        return outputs.figure(title, labels, metrics, xlabel=leaf, baseline="mdt4rec_no_lm")

    weight = {"no_language_loss": "0", "mdt4rec": f"{own.language_weight:g}"}
    return {
        "figure_2a": varied("Figure 2a: history length T", "T_", "context_length"),
        "figure_2b": varied("Figure 2b: step size delta", "delta_", "delta"),
        "figure_2c": outputs.figure(
            "Figure 2c: language loss", weight, metrics, xlabel="lambda", baseline="mdt4rec_no_lm"
        ),
    }


def notes(config: ConfigDict) -> tuple[str, ...]:
    """Returns the sentences of the report on what was scaled down from the paper, and on the budgets."""
    own, a2c, ddpg = config.stages.mdt4rec, config.stages.a2c, config.stages.ddpg
    size = own.algorithm
    return (
        f"Scaled down for two CPU cores: {size.num_layers} layers of width {size.width} (published: GPT-2 Large), a "
        "prior of that size trained here on text, so the paper's numbers are its own and only orderings compare.",
        f"Budgets: every offline row {own.num_steps:,} steps of {size.batch_size} windows on one log; every online row "
        f"{turns(a2c):,} turns, a2c and ppo in {a2c.num_steps:,} rounds, the others with "
        f"{ddpg.num_steps * ddpg.algorithm.num_updates:,} updates of {ddpg.algorithm.batch_size} replayed turns. "
        "Settings of no row were chosen on the test environment.",
    )
