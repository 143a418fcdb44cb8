"""KuaiRec 2.0: watch ratios of short videos; a sparse log (train) and an almost fully observed matrix (test).

Gao et al., KuaiRec: A Fully-observed Dataset and Insights for Evaluating Recommender Systems, CIKM 2022.
Licence: CC BY-SA 4.0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base.records import TEST, TRAIN, Interactions
from jaxrec.data.files import assemble, lines, official, text_tables
from jaxrec.data.files.categories import multi_hot
from jaxrec.data.files.fields import Column

RELEASE = official.Release(
    name="kuairec",
    url="https://zenodo.org/records/18164998/files/KuaiRec.zip",
    folder="KuaiRec",
    unpacked_folder="KuaiRec 2.0",  # what the archive calls its folder
    files={"data/big_matrix.csv": None, "data/small_matrix.csv": None, "data/item_categories.csv": None},
    counts={
        "users": 7_176,
        "items": 10_728,
        "train": 12_530_806,
        "test": 4_676_570,
        "test_users": 1_411,
        "test_items": 3_327,
    },
    size=431_964_858,  # bytes of the archive
    checksum="md5:261550d472c48eff4990fb13c0e5bcf7",
)


def load(root: Path | str | None, *, check: bool = True) -> Interactions:
    """Reads both matrices and the categories of the videos.

    Args:
      root: the folder that holds `KuaiRec/` (or `KuaiRec 2.0/`).
      check: whether the counts must be the published ones.

    Returns:
      feedback is the watch ratio (seen time / length), 0 upward, not clipped; a user may see a video more than once.
      time in Unix seconds, 0 where the file leaves it out. Item feature category: bool [10728, 31].
      The environment of published work is the 1411 x 3327 part: `episodes_of = test` of `environments.feedback_matrix`,
      whose user model still learns from all users and videos, or `data.filters.with_split(interactions, TEST)`.

    Raises:
      JaxrecError: a file is missing, damaged or names a video that `item_categories.csv` does not list.
    """
    folder = official.find_folder(RELEASE, root)
    item_ids, category = _categories(folder / "data/item_categories.csv")
    logs = [
        _log(folder / "data/big_matrix.csv", TRAIN),
        _log(folder / "data/small_matrix.csv", TEST),
    ]
    interactions = assemble.interactions(RELEASE.name, logs, item_ids=item_ids, item_features={"category": category})
    return official.check_counts(RELEASE, interactions, root, folder) if check else interactions


def _log(path: Path, split: int) -> assemble.Log:
    columns = [
        Column("user_id", int),
        Column("video_id", int),
        Column("timestamp", float, 0, 2**40, optional=True),
        Column("watch_ratio", float, 0, 1e6),
    ]
    data = text_tables.read_columns(path, columns)
    return assemble.Log(
        path, data["user_id"], data["video_id"], data["watch_ratio"], data["timestamp"], split, first_line=2
    )


def _categories(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Sorted video ids and their categories, from rows such as `3,"[27, 9]"`."""
    rows = lines.csv_records(path, ("video_id", "feat"))
    ids, order = lines.sorted_ids(path, rows, "video_id")
    lists = [(line, [t for t in feat.strip().strip("[]").split(",") if t.strip()]) for line, (_, feat) in rows]
    return ids, multi_hot(path, lists)[order]
