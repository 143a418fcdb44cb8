"""What is known of the items of the user's own log, from a table beside it: titles and categories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files import own_tables, own_values
from jaxrec.data.files.fields import one_line
from jaxrec.data.files.identifiers import positions
from jaxrec.data.files.usual_names import Wanted, listed

_BETWEEN = "|"  # between two categories of an item
_MOST = 1000  # categories; more tell items apart rather than what they have in common


def features(
    path: Path, written: own_tables.Written, item_ids: np.ndarray, item: Wanted, title: str, category: str
) -> tuple[dict[str, np.ndarray], str]:
    """Reads a table with a row per item; rows of items that the log does not hold are passed over.

    Args:
      item_ids: sorted ids of the log, int64 or object of str [A].
      item: the column of ids. title, category: names of these columns; '' for none, the default where there is one.

    Returns:
      ({title: object [A] of str, category: bool [A, C], indicators of the categories in alphabetic order,
      category_name: object [A], the categories as they are written}, of these what the table has; empty and False for
      an item without a row; a sentence about how many items have one).

    Raises:
      JaxrecError: an id comes twice, no item of the log is listed, or there is neither title nor category.
    """
    asked = {"title": title, "category": category}
    wanted = [Wanted(option, name, required=False) for option, name in asked.items() if name]
    table = own_tables.read(path, written, [item, *wanted])
    place, row = _rows(table, item_ids)
    made: dict[str, np.ndarray] = {}
    if "title" in table.columns:
        made["title"] = _texts(table.columns["title"], place, row, len(item_ids))
    if "category" in table.columns:
        made["category_name"] = _texts(table.columns["category"], place, row, len(item_ids))
        made["category"] = _indicators(path, made["category_name"])
    if not made:
        raise JaxrecError(
            f"{path} has neither titles nor categories; name their columns by title='NAME' and category='NAME'"
        )
    said = f"{path.name} has {', '.join(made)} of {len(place):,} of the {len(item_ids):,} items"
    unread = [name for name in table.all_names if name not in table.names.values()]
    return made, f"{said}; not read: {listed(unread)}." if unread else f"{said}."


def _rows(table: own_tables.Table, item_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each item that is listed, its index and its row in the table."""
    option = "item_id"
    kind = str if item_ids.dtype == object else int
    read = own_values.ids(table.columns[option], table.names[option], kind)
    if read.fault:
        row, complaint = read.fault
        others = " (the log's ids are whole numbers: name another column by item_id='NAME', or set ids='text')"
        raise table.fault(row, complaint + others * (kind is int))
    index, known = positions(item_ids, read.values)
    row = np.flatnonzero(known)
    if not len(row):
        raise JaxrecError(
            f"{table.path} lists none of the log's items by its column {table.names[option]!r}; name the column of "
            "their ids by item_id='NAME'"
        )
    place = index[row]
    again = np.flatnonzero(~pl.Series(place).is_first_distinct().to_numpy())
    if len(again):
        shown = one_line(item_ids[place[again[0]]])[:40]
        raise table.fault(int(row[again[0]]), f"item {shown} is listed a second time")
    return place, row


def _texts(series: pl.Series, place: np.ndarray, row: np.ndarray, size: int) -> np.ndarray:
    if series.dtype == pl.List:
        series = series.cast(pl.List(pl.String)).list.join(_BETWEEN)
    texts = np.full(size, "", object)
    texts[place] = series.cast(pl.String).fill_null("").str.strip_chars().to_numpy()[row]
    return texts


def _indicators(path: Path, texts: np.ndarray) -> np.ndarray:
    """Marks the categories of each item, bool [A, C]."""
    lists = [[c.strip() for c in text.split(_BETWEEN) if c.strip()] for text in texts]
    names = sorted({c for categories in lists for c in categories})
    if not 1 <= len(names) <= _MOST:
        raise JaxrecError(
            f"{path} has {len(names)} categories, from 1 to {_MOST} are expected; name another column by "
            "category='NAME', or leave categories out by category=''"
        )
    number = {name: n for n, name in enumerate(names)}
    hot = np.zeros((len(texts), len(names)), bool)
    for item, categories in enumerate(lists):
        hot[item, [number[c] for c in categories]] = True
    return hot
