"""Coat Shopping: 290 users rated 24 coats of their choice (train) and 16 drawn at random (test) on a scale of 1 to 5.

Schnabel et al., Recommendations as Treatments, ICML 2016.
Licence: the release states none; treat it as for research and cite the paper.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, Interactions
from jaxrec.data.files import assemble, lines, official

RELEASE = official.Release(
    name="coat",
    url="https://www.cs.cornell.edu/~schnabts/mnar/coat.zip",
    folder="coat",
    files={
        "train.ascii": 174_000,
        "test.ascii": 174_000,
        "user_item_features/user_features.ascii": 8_120,
        "user_item_features/item_features.ascii": 19_800,
    },
    counts={"users": 290, "items": 300, "train": 6_960, "test": 4_640},
)


def load(root: Path | str | None, *, check: bool = True) -> Interactions:
    """Reads the two rating matrices and the binary features.

    Args:
      root: the folder that holds `coat/`.
      check: whether the counts must be the published ones.

    Returns:
      feedback is the rating, 1 to 5; user and item features are `attributes`, bool [290, 14] and [300, 33].

    Raises:
      JaxrecError: a file is missing, damaged or of another shape.
    """
    folder = official.find_folder(RELEASE, root)
    train, test = (lines.matrix(folder / f, low=0, high=5) for f in ("train.ascii", "test.ascii"))
    if train.shape != test.shape:
        raise JaxrecError(f"{folder}: train.ascii is {train.shape}, test.ascii {test.shape}; fetch both again")
    features = {}
    for kind, size in (("user", train.shape[0]), ("item", train.shape[1])):
        path = folder / f"user_item_features/{kind}_features.ascii"
        features[kind] = lines.matrix(path, low=0, high=1).astype(bool)
        if len(features[kind]) != size:
            raise JaxrecError(f"{path} has {len(features[kind])} rows for {size} {kind}s; fetch the files again")
    logs = [_log(folder / "train.ascii", train, TRAIN), _log(folder / "test.ascii", test, TEST)]
    interactions = assemble.interactions(
        RELEASE.name,
        logs,
        user_ids=np.arange(train.shape[0]),
        item_ids=np.arange(train.shape[1]),
        user_features={"attributes": features["user"]},
        item_features={"attributes": features["item"]},
    )
    return official.check_counts(RELEASE, interactions, root, folder) if check else interactions


def _log(path: Path, ratings: np.ndarray, split: int) -> assemble.Log:
    user, item = np.nonzero(ratings)  # zero is "not rated"
    return assemble.Log(path, user, item, ratings[user, item], split=split)
