"""RetailRocket: what visitors of a shop viewed, put into the cart and bought, May to September 2015.

Zykov, Noskov and Alexander, Retailrocket recommender system dataset, Kaggle 2017.
Licence: CC BY-NC-SA 4.0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data import filters
from jaxrec.data.files import assemble, compressed, official, text_tables
from jaxrec.data.files.fields import REMEDY, Column, one_line

RELEASE = official.Release(
    name="retailrocket",
    url="https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset",
    folder="retailrocket",
    files={"events.csv": None},
    counts={"users": 1_407_580, "items": 235_061, "train": 2_756_101, "test": 0},
    agreement="Kaggle hands RetailRocket out to those who signed in",
    gzipped=True,
)
EVENTS = ("view", "addtocart", "transaction")
RANGES = {"rewards": ranges.list_of_length(3, ranges.or_none(ranges.FINITE), f"a number or None for each of {EVENTS}")}


def load(
    root: Path | str | None,
    *,
    rewards: tuple[float | None, float | None, float | None] = (0.2, 1.0, None),
    check: bool = True,
) -> Interactions:
    """Reads the events; all rows are TRAIN.

    Args:
      root: the folder that holds `retailrocket/`.
      rewards: feedback of a view, of an addition to the cart and of a transaction; None leaves the event out, as
        published work does with transactions.
      check: whether the counts (of all events) must be the published ones.

    Returns:
      A user is a visitor; time in Unix seconds (the file has milliseconds).

    Raises:
      JaxrecError: the file is missing or damaged, or holds none of the events asked for.
    """
    folder = official.find_folder(RELEASE, root)
    path = compressed.plain_or_gzipped(folder / next(iter(RELEASE.files)))
    columns = [
        Column("timestamp", int, 0, 2**53),
        Column("visitorid", int),
        Column("event", str),
        Column("itemid", int),
    ]
    with compressed.unpacked(path) as text:
        data = text_tables.read_columns(text, columns, quoted=False)
    event = _events(path, data["event"])
    feedback = np.array([np.nan if r is None else r for r in rewards])[event]
    log = assemble.Log(path, data["visitorid"], data["itemid"], feedback, data["timestamp"] / 1000, first_line=2)
    interactions = assemble.interactions(RELEASE.name, [log])
    if check:
        official.check_counts(RELEASE, interactions, root, folder)
    kept = np.flatnonzero(~np.isnan(interactions.feedback))
    if len(kept) == 0:
        raise JaxrecError(f"{path} has no events with a reward among {rewards}; give {', '.join(EVENTS)} one")
    found = filters.reindex(interactions.where(kept))
    assemble.check_enough(path, found.num_users, found.num_items)
    return found


def _events(path: Path, texts: np.ndarray) -> np.ndarray:
    """int64 [E]: the place of each event in `EVENTS`."""
    place = np.full(len(texts), -1)
    for number, event in enumerate(EVENTS):
        place[texts == event] = number
    if (place < 0).any():
        row = int(np.argmin(place))
        shown = one_line(texts[row])[:40]
        raise JaxrecError(f"{path} line {row + 2}: event {shown!r} is none of {', '.join(EVENTS)}; {REMEDY}")
    return place
