"""Columns by the names that people give them: case, blanks, underscores and hyphens mean nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.fields import one_line

_MEANINGLESS = re.compile(r"[\s_\-.]+|:(token|float)(_seq)?$")  # the latter is how RecBole writes a column's type
_PEOPLE = ("user", "visitor", "customer", "reviewer", "member", "client", "account", "person")
_THINGS = (
    *("item", "movie", "film", "product", "book", "video", "song", "track", "article", "news", "anime", "game"),
    *("business", "place", "poi", "venue", "recipe", "joke", "restaurant", "artist", "content"),
)
_ENDS = ("", "s", "id", "ids", "idx", "number")
_WHEN = ("timestamp", "time", "date", "datetime")
_EVENTS = (
    *("event", "rating", "rated", "click", "clicked", "interaction", "review", "reviewed", "visit", "visited", "utc"),
    *(
        "purchase",
        "purchased",
        "order",
        "ordered",
        "view",
        "viewed",
        "transaction",
        "unix",
        "created",
        "updated",
        "log",
    ),
)
_TIMES = (*_WHEN, *(event + when for event in _EVENTS for when in _WHEN))
_AT = tuple(f"{event}at" for event in _EVENTS)
USUAL = {  # option -> names that mean it, beside its own
    "user": [f"{word}{end}" for word in _PEOPLE for end in (*_ENDS, "name")] + ["uid"],
    "item": [f"{word}{end}" for word in _THINGS for end in _ENDS] + ["iid", "asin", "parentasin", "isbn", "sku"],
    "rating": ["ratings", "score", "scores", "star", "stars", "starrating", "userrating", "overall", "feedback"],
    "timestamp": [f"{word}{end}" for word in _TIMES for end in ("", "s", "ms")] + ["ts", "unixreviewtime", *_AT],
    "title": ["name", *(f"{word}{end}" for word in _THINGS for end in ("name", "title"))],
    "category": ["categories", "genre", "genres", "categoryname", "tags"],
}
USUAL["rating"] += [f"{word}rating" for word in _THINGS]
USUAL["category"] += [f"{word}{end}" for word in _THINGS for end in ("category", "categories", "genre", "genres")]
USUAL["item_id"] = [*USUAL["item"], "id"]


class Wanted(NamedTuple):
    """A column that is asked for.

    Attributes:
      option: the option that names it.
      name: as in the header; the option's own name also stands for the usual other names of such a column.
      required: whether the file must have it where it is asked for by the option's own name.
      hint: what to do where it is missing.
      also: names that are tried before the usual ones.
    """

    option: str
    name: str
    required: bool = True
    hint: str = ""
    also: tuple[str, ...] = ()


def find(path: Path, names: Sequence[str], wanted: Wanted, taken: Sequence[str] = ()) -> str | None:
    """Finds the column that is asked for among the names of a file's columns.

    The name itself is preferred, then the same name written otherwise (`Timestamp`), then a usual other name (`date`).

    Args:
      taken: names that other options say, so that they mean nothing else.

    Returns:
      The file's own name of the column; None where it has none and none is required.

    Raises:
      JaxrecError: there is none, or several that may be meant.
    """
    option, name = wanted.option, wanted.name
    if names.count(name) > 1:
        raise JaxrecError(f"{path} has more than one column {name!r}; it has: {listed(names)}")
    if name in names:
        return name
    if name == option:
        free = [n for n in names if n not in taken]
        for meant in ([_plain(option)], [_plain(n) for n in wanted.also], USUAL.get(option, [])):
            candidates = [n for n in free if _plain(n) in meant]
            if len(candidates) > 1:
                raise JaxrecError(
                    f"{path} has several columns that may be {option!r}: {listed(candidates)}; say which, by "
                    f"{option}={candidates[0]!r} for instance; all it has: {listed(names)}"
                )
            if candidates:
                return candidates[0]
        if not wanted.required:
            return None
    raise JaxrecError(f"{path} has no column {name!r}; it has: {listed(names)}{wanted.hint}")


def listed(names: Sequence[str]) -> str:
    """Names on one line, long ones and long lists cut."""
    return one_line(", ".join(name[:40] for name in names[:20]))


def _plain(name: str) -> str:
    return _MEANINGLESS.sub("", name).lower()
