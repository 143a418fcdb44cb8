"""Does a language model help? MDT4Rec on its own transformer beside MDT4Rec on a language model (paper M 3.3, 4.5).

    python -m jaxrec.main --config=configs/mdt4rec_prior.py --workdir=runs/mdt4rec_prior   # a prior trained on the spot
    python -m jaxrec.main --config=configs/mdt4rec_prior.py:smoke                          # proves that it runs

Variants: smoke. A small GPT-2 learns from the text of the world's items, as in configs/pretrain_lm.py. MDT4Rec takes it
as its transformer, adapted by LoRA, frozen, and trained in full; the row `random` is a model of the same shape with
random weights, trained in full. For a downloaded model instead (GPT-2, Llama 3.2, Qwen 2.5, DeepSeek-R1-distill-Qwen,
Mistral) set `--config.stages.lora.algorithm.backbone=FOLDER` and `--config.datasets.text.tokenizer` to the same folder,
as absolute paths. Not measured.
"""

from ml_collections import ConfigDict

from configs import mdt4rec
from jaxrec.config import declare, experiment

# row -> how it takes the language model
ROWS = {
    "lora": {"adapt": "lora"},
    "frozen": {"adapt": "frozen"},
    "full": {"adapt": "full"},
    "random": {"adapt": "full", "init": "random"},
}


def get_config(variant: str | None = None) -> ConfigDict:
    """Makes the default job's world, log and policies, and the rows with a language model beside them."""
    experiment.variant(variant, mdt4rec.embedded, mdt4rec.smoke)  # any other variant raises
    config = mdt4rec.get_config(variant)
    config.name = "mdt4rec_prior"
    config.data.options.text = True
    config.datasets.text = declare.dataset("text", vocabulary=400)
    own = config.stages.mdt4rec
    config.stages.gpt2 = declare.fit(
        "language.causal_lm",
        "text",
        num_steps=20 if variant else 600,
        steps_per_call=10 if variant else 50,
        num_seeds=1,
        width=own.algorithm.width,
        num_layers=own.algorithm.num_layers,
        num_heads=own.algorithm.num_heads,
        context_length=64,
        dropout=0.0,
    )
    for name, changes in ROWS.items():
        stage = own.copy_and_resolve_references()
        stage.beside = {"text": "text"}
        stage.algorithm.update({"backbone": "gpt2", "language_length": 32, **changes})
        config.stages[name] = stage
    config.stages.evaluation.policies = ("mdt4rec", *ROWS, "dt", "static_cycle", "popular", "random_policy")
    config.stages.random_policy = declare.estimate("static.random", "train")
    config.order = (
        "a2c",
        "log",
        "dt",
        "mdt4rec",
        "gpt2",
        *ROWS,
        "static_cycle",
        "popular",
        "random_policy",
        "evaluation",
    )
    return config
