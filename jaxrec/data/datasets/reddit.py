"""Reddit: in which communities users wrote or commented (T 5.4.1; Ruocco, Skrede and Langseth, DLRS 2017).

Licence: none stated; collected by Cole Maclean, Kaggle 2017.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data import filters
from jaxrec.data.files import assemble, compressed, official, text_tables
from jaxrec.data.files.fields import Column

RELEASE = official.Release(
    name="reddit",
    url="https://www.kaggle.com/datasets/colemaclean/subreddit-interactions",
    folder="reddit",
    files={"reddit_data.csv": None},
    counts={"users": 22_610, "items": 34_967, "train": 14_000_000, "test": 0},
    agreement="Kaggle hands the subreddit interactions out to those who signed in",
    gzipped=True,
)
RANGES = dict.fromkeys(("start", "stop"), ranges.or_none(ranges.FINITE))


def load(
    root: Path | str | None, *, start: int | None = None, stop: int | None = None, check: bool = True
) -> Interactions:
    """Reads who was active where; a user is an account, an item a subreddit, feedback 1; all rows are TRAIN.

    Args:
      root: the folder that holds `reddit/`.
      start, stop: Unix seconds, the first one that counts and the first after that does not; None is without a bound.
        Thesis T takes five days and does not say which.
      check: whether the counts (of all events) must be the published ones.

    Raises:
      JaxrecError: the file is missing or damaged, or has no events in that span.
    """
    folder = official.find_folder(RELEASE, root)
    path = compressed.plain_or_gzipped(folder / next(iter(RELEASE.files)))
    columns = [Column("username", str), Column("subreddit", str), Column("utc", float, 0, 2**40)]
    with compressed.unpacked(path) as text:
        data = text_tables.read_columns(text, columns)
    feedback = np.ones(len(data["utc"]))
    log = assemble.Log(path, data["username"], data["subreddit"], feedback, data["utc"], first_line=2)
    interactions = assemble.interactions(RELEASE.name, [log])
    if check:
        official.check_counts(RELEASE, interactions, root, folder)
    if start is None and stop is None:
        return interactions
    low, high = (-np.inf if start is None else start), (np.inf if stop is None else stop)
    kept = np.flatnonzero((interactions.time >= low) & (interactions.time < high))
    if len(kept) == 0:
        raise JaxrecError(f"{path} has no events from {start} up to {stop} (Unix seconds); ask for another span")
    found = filters.reindex(interactions.where(kept))
    assemble.check_enough(path, found.num_users, found.num_items)
    return found
