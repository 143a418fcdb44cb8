"""Makes `references.npz`, the logits that transformers computes for every checkpoint of `checkpoints.py`.

    pip install -e '.[parity]' && python tests/models/language/make_references.py

float32, CPU, eager attention. Run again only if a case is added: the numbers are what ours is held to.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import checkpoints  # noqa: E402


def main() -> None:
    ids, found = checkpoints.input_ids(), {}
    for name, config in checkpoints.CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            checkpoints.write(Path(folder), config, shards=3 if name in checkpoints.SHARDED else 1)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder, attn_implementation="eager", dtype=torch.float32
            )
            with torch.no_grad():
                found[name] = model.eval()(torch.from_numpy(ids)).logits.numpy()
        print(f"{name}: logits of deviation {found[name].std():.3f}")
    np.savez_compressed(HERE / "references.npz", versions=f"torch {torch.__version__}", **found)


if __name__ == "__main__":
    main()
