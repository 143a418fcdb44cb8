"""Yahoo! R3: 15,400 users rated songs of their choice (train); 5,400 of them also 10 songs drawn at random (test).

Yahoo! Webscope R3, ratings for user-selected and randomly selected songs, version 1.0. Marlin and Zemel, RecSys 2009.
Licence: handed out by Yahoo! under its data sharing agreement; non-commercial research, no redistribution.
"""

from __future__ import annotations

from pathlib import Path

from jaxrec.base.records import TEST, TRAIN, Interactions
from jaxrec.data.files import assemble, official, tables
from jaxrec.data.files.lines import Column

URL = "https://webscope.sandbox.yahoo.com/catalog.php?datatype=r&did=3"
AGREEMENT = "Yahoo! hands R3 out after its data sharing agreement is signed"  # so there is no address to fetch it from
FOLDER = "yahoo_r3"
FILES = {  # name -> bytes (not published)
    "ydata-ymusic-rating-study-v1_0-train.txt": None,
    "ydata-ymusic-rating-study-v1_0-test.txt": None,
}
EXPECTED = {"users": 15_400, "items": 1_000, "train": 311_704, "test": 54_000, "test_users": 5_400}


def load(root: Path | str | None, *, check: bool = True) -> Interactions:
    """Reads both logs.

    Args:
      root: the folder that holds `yahoo_r3/`.
      check: whether the counts must be the published ones.

    Returns:
      feedback is the rating, 1 to 5; the times are unknown. Users with test rows are 0 to 5399: the environment of
      published work is their 5400 x 1000 part, `data.filters.with_split(interactions, TEST)`.

    Raises:
      JaxrecError: a file is missing or damaged.
    """
    folder = official.folder(root, "yahoo_r3", URL, FOLDER, FILES)
    columns = [Column("user", int), Column("item", int), Column("rating", int, 1, 5)]
    logs = []
    for file, split in zip(FILES, (TRAIN, TEST), strict=True):
        data = tables.read(folder / file, columns, separator="\t", header=False, quoted=False)
        logs.append(assemble.Log(folder / file, data["user"], data["item"], data["rating"], split=split))
    interactions = assemble.interactions("yahoo_r3", logs, unique=True)
    return official.counted(interactions, EXPECTED, root, folder) if check else interactions
