"""Trains a small GPT-2 and its tokenizer on text: a language-model prior for MDT4Rec that needs no download.

    python -m jaxrec.main --config=configs/pretrain_lm.py --workdir=runs/pretrain_lm          # the items' text
    python -m jaxrec.main --config=configs/pretrain_lm.py:wikitext --config.data.root=DATA    # WikiText-2, GPT-2's ids
    python -m jaxrec.main --config=configs/pretrain_lm.py:smoke                               # proves that it runs

Variants: smoke, wikitext, wikitext_held_out. The report has the validation perplexity of the trained and of the
untrained model. The trained one is left in `WORKDIR/gpt2/export`, a Hugging Face folder that `mdt4rec` takes as its
option `backbone` (configs/mdt4rec_prior.py). Measured: results/pretrain_lm.md. Your own text, below --config.data.root:
`--config.datasets.text.train='("a.txt",)' --config.datasets.text.validation='("b.txt",)'`.
"""

from ml_collections import ConfigDict

from jaxrec.config import declare, experiment

WIKITEXT = {
    "train": ("wikitext-2/wiki.train.tokens",),
    "validation": ("wikitext-2/wiki.valid.tokens",),
    "tokenizer": "gpt2_tokenizer",
}


def get_config(variant: str | None = None) -> ConfigDict:
    """Makes the experiment of one of the variants named above."""
    config = experiment.defaults()
    config.name = "pretrain_lm"
    config.paper = (
        "GPT-2 (Radford et al., 2019) at a size for a CPU; a prior as paper M takes it, not a published table."
    )
    config.num_seeds = 1
    make = experiment.variant(variant, embedded, smoke, wikitext, wikitext_held_out)
    make(config)
    return config


def stages(config: ConfigDict, *, num_steps: int, steps_per_call: int = 50, **model) -> None:
    """Declares the model untrained and trained, both measured on the held-out part of one text."""
    for name, steps in {"untrained": 0, "gpt2": num_steps}.items():
        config.stages[name] = declare.fit(
            "language.causal_lm", "text", num_steps=steps, steps_per_call=steps_per_call, **model
        )
    config.stages.evaluation = declare.evaluate(("gpt2", "untrained"), "text", by="perplexity")
    config.order = ("untrained", "gpt2", "evaluation")


def embedded(config: ConfigDict) -> None:
    """The generated texts of 4,000 items, of which 400 items are held out."""
    config.data.options = {"world": {"num_items": 4000}, "images": False}
    config.datasets.text = declare.dataset("text", vocabulary=512)
    stages(config, num_steps=600, width=64, num_layers=2, num_heads=2, context_length=64, batch_size=16, dropout=0.0)


def smoke(config: ConfigDict) -> None:
    """A tiny world: proves within seconds that everything runs, not that it learns."""
    config.data.options = {"size": "tiny", "images": False}
    config.datasets.text = declare.dataset("text", vocabulary=300)
    stages(config, num_steps=20, steps_per_call=10, width=16, num_layers=1, num_heads=2, context_length=16)


def wikitext(config: ConfigDict) -> None:
    """WikiText-2 with GPT-2's tokenizer, whose embeddings are most of the model's weights; files below data.root."""
    config.data.name = ""
    config.datasets.text = declare.dataset("text", **WIKITEXT)
    stages(config, num_steps=2000, width=128, num_layers=4, num_heads=4, context_length=64, batch_size=8)


def wikitext_held_out(config: ConfigDict) -> None:
    """WikiText-2 without its train file: learned from its validation file, measured on its test file."""
    wikitext(config)
    config.datasets.text = declare.dataset(
        "text", train=WIKITEXT["validation"], validation=("wikitext-2/wiki.test.tokens",), tokenizer="gpt2_tokenizer"
    )
    config.stages.gpt2.num_steps = 600
