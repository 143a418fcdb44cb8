"""Yahoo! R3: 15,400 users rated songs of their choice (train); 5,400 of them also 10 songs drawn at random (test).

Yahoo! Webscope R3, ratings for user-selected and randomly selected songs, version 1.0. Marlin and Zemel, RecSys 2009.
Licence: handed out by Yahoo! under its data sharing agreement; non-commercial research, no redistribution.
"""

from __future__ import annotations

from pathlib import Path

from jaxrec.base.records import TEST, TRAIN, Interactions
from jaxrec.data.files import assemble, official, text_tables
from jaxrec.data.files.fields import Column

RELEASE = official.Release(
    name="yahoo_r3",
    url="https://webscope.sandbox.yahoo.com/catalog.php?datatype=r&did=3",
    folder="yahoo_r3",
    files={
        "ydata-ymusic-rating-study-v1_0-train.txt": None,
        "ydata-ymusic-rating-study-v1_0-test.txt": None,
    },
    counts={"users": 15_400, "items": 1_000, "train": 311_704, "test": 54_000, "test_users": 5_400},
    agreement="Yahoo! hands R3 out after its data sharing agreement is signed",
)


def load(root: Path | str | None, *, check: bool = True) -> Interactions:
    """Reads both logs.

    Args:
      root: the folder that holds `yahoo_r3/`.
      check: whether the counts must be the published ones.

    Returns:
      feedback is the rating, 1 to 5; the times are unknown. Users with test rows are 0 to 5399. Published environments
      play the episodes of these 5,400 alone, who leave by distances over the rows of all 15,400: to these belongs the
      published threshold of 120 (options `episodes_of` and `threshold` of `environments.feedback_matrix`).

    Raises:
      JaxrecError: a file is missing or damaged.
    """
    folder = official.find_folder(RELEASE, root)
    columns = [Column("user", int), Column("item", int), Column("rating", int, 1, 5)]
    logs = []
    for file, split in zip(RELEASE.files, (TRAIN, TEST), strict=True):
        data = text_tables.read_columns(folder / file, columns, separator="\t", header=False, quoted=False)
        logs.append(assemble.Log(folder / file, data["user"], data["item"], data["rating"], split=split))
    interactions = assemble.interactions(RELEASE.name, logs, unique=True)
    return official.check_counts(RELEASE, interactions, root, folder) if check else interactions
