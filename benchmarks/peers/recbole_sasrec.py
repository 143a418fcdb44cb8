"""SASRec of RecBole on a generated log: its training steps, or its full ranking of every user's last item.

Reads one JSON line of settings (`work` is 'train' or 'evaluate'), then numbers: for each it takes so many steps, or
ranks all users so many times, and answers with the seconds. Its own data loader is part of both.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

from benchmarks.peers import serve

# RecBole 1.2 asks numpy for names that numpy 2 has dropped.
for name, kind in {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_}.items():
    if not hasattr(np, name):
        setattr(np, name, kind)


def write(folder: Path, settings: dict) -> None:
    """Users with `length` + 10 random items each, as RecBole reads them."""
    draw = np.random.default_rng(0).integers(0, settings["num_items"], (settings["users"], settings["length"] + 10))
    (folder / "made").mkdir()
    with (folder / "made" / "made.inter").open("w") as file:
        file.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, items in enumerate(draw):
            file.writelines(f"{user}\t{item}\t{time}\n" for time, item in enumerate(items))


def options(folder: Path, settings: dict) -> dict:
    return {
        "data_path": str(folder),
        "checkpoint_dir": str(folder),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "MAX_ITEM_LIST_LENGTH": settings["length"],
        "train_neg_sample_args": None,
        "loss_type": "CE",
        "n_layers": settings["num_layers"],
        "n_heads": 1,
        "hidden_size": settings["width"],
        "inner_size": 4 * settings["width"],
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attn_dropout_prob": 0.0,
        "train_batch_size": settings["batch_size"],
        "eval_batch_size": 4096,
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "metrics": ["Hit", "NDCG"],
        "topk": settings["ks"],
        "valid_metric": f"Hit@{settings['ks'][0]}",
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
    }


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    torch.set_num_threads(settings["threads"])
    warnings.simplefilter("ignore")
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer

    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), settings)
        sys.argv = sys.argv[:1]  # which RecBole reads too
        os.chdir(folder)  # where it leaves its logs
        config = Config(model="SASRec", dataset="made", config_dict=options(Path(folder), settings))
        train, _, test = data_preparation(config, create_dataset(config))
        model = get_model("SASRec")(config, train.dataset)
        trainer = get_trainer(config["MODEL_TYPE"], "SASRec")(config, model)
        batches = iter(())

        def step() -> None:
            nonlocal batches
            batch = next(batches, None)
            if batch is None:
                batches = iter(train)
                batch = next(batches)
            trainer.optimizer.zero_grad()
            model.calculate_loss(batch).backward()
            trainer.optimizer.step()

        def evaluate() -> None:
            trainer.evaluate(test, load_best_model=False)

        serve(sys.stdin, step if settings["work"] == "train" else evaluate, lambda: None)


if __name__ == "__main__":
    main()
