"""LFM-1b: what 120,322 users of Last.fm listened to, over a billion events; read for a span of time.

Schedl, The LFM-1b Dataset for Music Retrieval and Recommendation, ICMR 2016.
Licence: for research, not for commercial use; its distribution has been withdrawn, so that it must be at hand.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data.files import assemble, official, text_tables
from jaxrec.data.files.fields import Column

RELEASE = official.Release(
    name="lfm_1b",
    url="https://www.cp.jku.at/datasets/LFM-1b/",
    folder="LFM-1b",
    files={"LFM-1b_LEs.txt": None},
    counts={"users": 120_322, "items": 32_291_134, "train": 1_088_161_692, "test": 0},  # of the whole, not of a span
    agreement="LFM-1b is no longer handed out",
)
RANGES = dict.fromkeys(("start", "stop"), ranges.FINITE)
FIRST_WEEK_OF_JUNE_2012 = (1_338_508_800, 1_339_113_600)  # T 4.5.1; Unix seconds


def load(
    root: Path | str | None,
    *,
    item: str = "track",
    start: int = FIRST_WEEK_OF_JUNE_2012[0],
    stop: int = FIRST_WEEK_OF_JUNE_2012[1],
) -> Interactions:
    """Reads the listening events of a span of time, in a stream; all rows are TRAIN, feedback is 1.

    Args:
      root: the folder that holds `LFM-1b/`.
      item: 'track', or 'album' (T 5.4.1's Album sessions).
      start, stop: Unix seconds, the first one that is read and the first after that is not.

    Raises:
      JaxrecError: the file is missing or damaged, or has no events in that span. The counts of a span are not
        published before filters, so they are not checked.
    """
    folder = official.find_folder(RELEASE, root)
    if item not in ("track", "album"):
        raise JaxrecError(f"dataset lfm_1b has no item {item!r}; choose track or album")
    path = folder / next(iter(RELEASE.files))
    columns = [Column(name, int) for name in ("user", "artist", "album", "track", "timestamp")]
    data = text_tables.read_where(path, columns, column="timestamp", low=start, high=stop, separator="\t")
    log = assemble.Log(path, data["user"], data[item], np.ones(len(data["user"])), data["timestamp"])
    return assemble.interactions(RELEASE.name, [log])
