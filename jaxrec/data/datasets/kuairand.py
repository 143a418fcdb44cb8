"""KuaiRand-Pure: clicks on short videos, recommended by 15 policies (train) or put in at random (test).

Gao et al., KuaiRand: An Unbiased Sequential Recommendation Dataset with Randomly Exposed Videos, CIKM 2022.
Licence: CC BY-SA 4.0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, Interactions
from jaxrec.data.files import assemble, lines, official, text_tables
from jaxrec.data.files.categories import multi_hot
from jaxrec.data.files.fields import Column

_BEFORE = "data/log_standard_4_08_to_4_21_pure.csv"
_DURING = "data/log_standard_4_22_to_5_08_pure.csv"
_RANDOM = "data/log_random_4_22_to_5_08_pure.csv"
_VIDEOS = "data/video_features_basic_pure.csv"
RELEASE = official.Release(
    name="kuairand",
    url="https://zenodo.org/records/10439422/files/KuaiRand-Pure.tar.gz",
    folder="KuaiRand-Pure",
    files={_BEFORE: None, _DURING: None, _RANDOM: None, _VIDEOS: None},  # bytes are published in rounded MB only
    counts={"users": 27_285, "items": 7_583, "train": 1_436_609, "test": 1_186_059},
    size=47_432_272,  # bytes of the archive
    checksum="md5:0820331067a3784d9691136f772b35a7",
)
FEEDBACK = ("is_click", "is_like", "long_view")


def load(
    root: Path | str | None, *, feedback: str = "is_click", train: str = "all", check: bool = True
) -> Interactions:
    """Reads the three logs and the tags of the videos.

    Args:
      root: the folder that holds `KuaiRand-Pure/`.
      feedback: which signal is the feedback: is_click, is_like or long_view, each 0 or 1.
      train: `all` standard logs, or only those `before` the weeks of the random log (EasyRL4Rec's choice).
      check: whether the counts must be the published ones.

    Returns:
      time in Unix seconds; a user may see a video more than once. Item feature category: bool [7583, C], one column per
      tag number, no tag set where the file has none; the category exit rule gives such videos one tag that they share.

    Raises:
      JaxrecError: a file is missing, damaged or names a video that the feature file does not list.
    """
    if feedback not in FEEDBACK:
        raise JaxrecError(f"kuairand has no feedback {feedback!r}; choose one of {', '.join(FEEDBACK)}")
    if train not in ("all", "before"):
        raise JaxrecError(f"kuairand has no training logs {train!r}; choose all or before")
    folder = official.find_folder(RELEASE, root)
    item_ids, category = _tags(folder / _VIDEOS)
    files = [(_BEFORE, TRAIN), (_DURING, TRAIN), (_RANDOM, TEST)]
    logs = [_log(folder / f, feedback, split) for f, split in files if train == "all" or f != _DURING]
    interactions = assemble.interactions(RELEASE.name, logs, item_ids=item_ids, item_features={"category": category})
    counts = {k: v for k, v in RELEASE.counts.items() if train == "all" or k != "train"}
    release = RELEASE._replace(counts=counts)
    return official.check_counts(release, interactions, root, folder) if check else interactions


def _log(path: Path, feedback: str, split: int) -> assemble.Log:
    columns = [
        Column("user_id", int),
        Column("video_id", int),
        Column("time_ms", int, 0, 2**50),
        Column(feedback, int, 0, 1),
    ]
    data = text_tables.read_columns(path, columns)
    return assemble.Log(
        path, data["user_id"], data["video_id"], data[feedback], data["time_ms"] / 1000, split, first_line=2
    )


def _tags(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Sorted video ids and their tags, from fields such as `12,65` or nothing."""
    rows = lines.csv_records(path, ("video_id", "tag"))
    ids, order = lines.sorted_ids(path, rows, "video_id")
    lists = [(line, tag.split(",") if tag.strip() else []) for line, (_, tag) in rows]
    return ids, multi_hot(path, lists)[order]
