"""Random valid datasets in their file formats, for the property tests: what is written, and what must be read back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from hypothesis import assume
from hypothesis import strategies as st

from jaxrec.data import datasets
from tests.data import writers


class Case(NamedTuple):
    """`write(root)` makes the files; `train` and `test` are the rows (user id, item id, feedback, seconds) in them."""

    write: Callable[[Path], None]
    train: list[tuple[Any, Any, float, int]]
    test: list[tuple[Any, Any, float, int]]
    options: dict[str, Any]
    categories: list[tuple[Any, list[int]]] = []


GENRES_1M = datasets.module("movielens_1m").CATEGORIES
TIMES = st.integers(0, 2**33)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)


def _ids(low=0, high=2**62):
    return st.lists(st.integers(low, high), min_size=2, max_size=6, unique=True)


@st.composite
def _log(draw, users, items, *columns, unique=True):
    """At least two users and two items, then random rows; (user, item, *columns)."""
    pairs = st.tuples(st.sampled_from(users), st.sampled_from(items))
    more = draw(st.lists(pairs, max_size=8, unique=unique))
    pairs = [(users[0], items[0]), (users[1], items[1]), *more]
    pairs = list(dict.fromkeys(pairs)) if unique else pairs
    return [(*pair, *(draw(c) for c in columns)) for pair in pairs]


def _feature_rows(count):
    return st.lists(st.lists(st.integers(0, 1), min_size=2, max_size=2), min_size=count, max_size=count)


@st.composite
def coat(draw) -> Case:
    users, items = draw(st.integers(2, 4)), draw(st.integers(2, 5))
    matrix = st.lists(st.lists(st.integers(0, 5), min_size=items, max_size=items), min_size=users, max_size=users)
    matrix = matrix.filter(lambda m: any(map(any, m)))
    train, test = draw(matrix), draw(matrix)
    features = draw(_feature_rows(users)), draw(_feature_rows(items))
    rows = [[(u, i, r, 0) for u, row in enumerate(m) for i, r in enumerate(row) if r] for m in (train, test)]
    return Case(lambda root: writers.coat(root, train, test, *features), *rows, {"check": False})


@st.composite
def movielens_100k(draw) -> Case:
    users, items = draw(_ids()), draw(_ids())
    ratings = draw(_log(users, items, st.integers(1, 5), TIMES))
    people = [(u, draw(st.integers(0, 99)), "F", "writer", "E1") for u in users]
    films = [(i, "Título (1995)", draw(st.lists(st.integers(0, 18), unique=True))) for i in items]
    return Case(
        lambda root: writers.movielens_100k(root, ratings, people, films),
        ratings,
        [],
        {"check": False},
        [(i, genres) for i, _, genres in films],
    )


@st.composite
def movielens_1m(draw) -> Case:
    users, items = draw(_ids()), draw(_ids(1, 500))
    ratings = draw(_log(users, items, st.integers(1, 5), TIMES))
    people = [(u, "M", draw(st.integers(0, 99)), 3, "E1") for u in users]
    genres = st.lists(st.sampled_from(GENRES_1M), min_size=1, unique=True)
    films = [(i, "Título: A", draw(genres)) for i in items]
    return Case(
        lambda root: writers.movielens_1m(root, ratings, people, films),
        ratings,
        [],
        {"check": False},
        [(i, [GENRES_1M.index(g) for g in genres]) for i, _, genres in films],
    )


@st.composite
def yahoo_r3(draw) -> Case:
    users, items = draw(_ids()), draw(_ids())
    train, test = (draw(_log(users, items, st.integers(1, 5))) for _ in range(2))
    rows = [[(*row, 0) for row in log] for log in (train, test)]
    return Case(lambda root: writers.yahoo_r3(root, train, test), *rows, {"check": False})


def _in_seconds(log: list[tuple], ticks: int = 1) -> list[tuple]:
    """Rows whose time is in so many ticks a second; those of one user and second are put in order in their places."""
    alike = defaultdict(list)
    for place, (user, *_, time) in enumerate(log):
        alike[user, time // ticks].append(place)
    rows = list(log)
    for places in alike.values():
        for place, source in zip(places, sorted(places, key=lambda n: log[n][3]), strict=True):
            rows[place] = (*log[source][:3], int(log[source][3] // ticks))
    return rows


@st.composite
def kuairec(draw) -> Case:
    users, items = draw(_ids()), draw(_ids())
    ratio = st.floats(0, 600, width=32, allow_subnormal=False)
    seconds = st.none() | st.floats(0, 2**33)
    big, small = (draw(_log(users, items, ratio, seconds, unique=False)) for _ in range(2))
    categories = [(i, draw(st.lists(st.integers(0, 30), min_size=1, max_size=4, unique=True))) for i in items]
    rows = [_in_seconds([(u, i, r, t or 0) for u, i, r, t in log]) for log in (big, small)]
    return Case(lambda root: writers.kuairec(root, big, small, categories), *rows, {"check": False}, categories)


@st.composite
def kuairand(draw) -> Case:
    users, items = draw(_ids()), draw(_ids())
    before, during, random = (
        draw(_log(users, items, st.integers(0, 1), st.integers(0, 2**43), unique=False)) for _ in range(3)
    )
    tags = [(i, draw(st.lists(st.integers(0, 70), max_size=3, unique=True))) for i in items]
    first, second, test = (_in_seconds(log, 1000) for log in (before, during, random))
    train = first + second
    return Case(lambda root: writers.kuairand(root, before, during, random, tags), train, test, {"check": False}, tags)


@st.composite
def csv(draw) -> Case:
    """Integer or text ids, CSV or Parquet, with or without times, columns in any order."""
    text, parquet, timed = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    words = st.lists(WORDS, min_size=2, max_size=6, unique=True)
    users, items = (draw(words), draw(words)) if text else (draw(_ids(-(2**63), 2**63 - 1)), draw(_ids()))
    rating = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)
    rows = draw(_log(users, items, rating, st.integers(-(2**31), 2**31 + 1) if timed else st.just(0)))
    columns = dict(zip(("user", "item", "rating", "timestamp"), map(list, zip(*rows, strict=True)), strict=True))
    order = draw(st.permutations([*columns][: 4 if timed else 3]))
    frame = pl.DataFrame({name: columns[name] for name in order})
    path = "log.parquet" if parquet else "log.csv"

    def write(root: Path) -> None:
        frame.write_parquet(root / path) if parquet else frame.write_csv(root / path)

    return Case(write, rows, [], {"path": path, "ids": "text" if text else "integer"})


@st.composite
def yoochoose(draw) -> Case:
    """With and without buys, gzipped or not."""
    sessions, items = draw(_ids()), draw(_ids())
    clicks = draw(_log(sessions, items, TIMES, unique=False))
    buys = draw(st.none() | _log(sessions, items, TIMES, unique=False))
    compress = draw(st.booleans())
    rows = [(s, i, 1.0 if buys is None else 0.2, t) for s, i, t in clicks]
    rows += [(s, i, 1.0, t) for s, i, t in buys or []]
    options = {"check": False, "buys": buys is not None}
    return Case(lambda root: writers.yoochoose(root, clicks, buys, compress), rows, [], options)


@st.composite
def retailrocket(draw) -> Case:
    users, items = draw(_ids()), draw(_ids())
    rewards = (0.25, 1.0, 4.0)
    events = draw(_log(users, items, st.sampled_from(["view", "addtocart", "transaction"]), TIMES, unique=False))
    worth = dict(zip(("view", "addtocart", "transaction"), rewards, strict=True))
    rows = _in_seconds([(u, i, worth[e], t) for u, i, e, t in events], 1000)
    compress = draw(st.booleans())
    return Case(
        lambda root: writers.retailrocket(root, events, compress), rows, [], {"check": False, "rewards": rewards}
    )


@st.composite
def amazon_industrial(draw) -> Case:
    words = st.lists(WORDS, min_size=2, max_size=6, unique=True)
    users, items = draw(words), draw(words)
    reviews = draw(_log(users, items, st.integers(1, 5).map(float), TIMES, unique=False))
    listed = [{"asin": i, "title": "Bolt", "brand": "", "category": ["A", "B"], "description": []} for i in items[1:]]
    compress = draw(st.booleans())
    return Case(lambda root: writers.amazon_industrial(root, reviews, listed, compress), reviews, [], {"check": False})


@st.composite
def lfm_1b(draw) -> Case:
    """Rows inside and outside the time asked for; tracks or albums as items."""
    users, albums, tracks = draw(_ids()), draw(_ids()), draw(_ids())
    events = draw(_log(users, albums, st.sampled_from(tracks), st.integers(90, 120), unique=False))
    by = draw(st.sampled_from(["album", "track"]))
    rows = [(u, a if by == "album" else t, 1.0, s) for u, a, t, s in events if 100 <= s < 115]
    assume(len({r[0] for r in rows}) > 1 and len({r[1] for r in rows}) > 1)
    options = {"item": by, "start": 100, "stop": 115}
    return Case(lambda root: writers.lfm_1b(root, events), rows, [], options)


@st.composite
def reddit(draw) -> Case:
    """Accounts and communities by name, as Reddit lets them be."""
    words = st.lists(st.text("aZ09_-", min_size=1, max_size=8), min_size=2, max_size=6, unique=True)
    events = draw(_log(draw(words), draw(words), TIMES, unique=False))
    rows = [(user, item, 1.0, time) for user, item, time in events]
    return Case(lambda root: writers.reddit(root, events), rows, [], {"check": False})


CASES = {
    "amazon_industrial": amazon_industrial(),
    "coat": coat(),
    "csv": csv(),
    "kuairand": kuairand(),
    "kuairec": kuairec(),
    "lfm_1b": lfm_1b(),
    "movielens_100k": movielens_100k(),
    "movielens_1m": movielens_1m(),
    "reddit": reddit(),
    "retailrocket": retailrocket(),
    "yahoo_r3": yahoo_r3(),
    "yoochoose": yoochoose(),
}
SEPARATORS = {  # others: a comma
    "coat": b" ",
    "lfm_1b": b"\t",
    "movielens_100k": b"\t|",
    "movielens_1m": b":",
    "yahoo_r3": b"\t",
}
DAMAGES = [
    b"",
    b"x",
    b"nan",
    b"inf",
    b"-1",
    b"99999999999999999999",
    b"1e999",
    b"\xff",
    b"\x00",
    b'"',
    b"\n",
    b"\r",
    b",",
    b"\t",
]


@st.composite
def damage(draw, content: bytes) -> bytes:
    """The content with one thing wrong that happens to files: cut off, overwritten, a line lost or doubled."""
    kind = draw(st.sampled_from(["cut", "overwrite", "insert", "lose line", "double line", "bytes"]))
    start = draw(st.integers(0, len(content)))
    stop = min(len(content), start + draw(st.integers(0, 12)))
    lines = content.splitlines(keepends=True)
    line = draw(st.integers(0, len(lines) - 1))
    if kind == "cut":
        return content[:start]
    if kind == "lose line":
        return b"".join(lines[:line] + lines[line + 1 :])
    if kind == "double line":
        return b"".join(lines[: line + 1] + lines[line:])
    piece = draw(st.binary(max_size=8) if kind == "bytes" else st.sampled_from(DAMAGES))
    return content[:start] + piece + content[start if kind == "insert" else stop :]


def files(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.is_file())


def read_back(data) -> tuple[list, list]:
    """(train rows, test rows) in the dataset's own ids."""
    rows = list(
        zip(
            data.user_ids[data.user].tolist(),
            data.item_ids[data.item].tolist(),
            data.feedback.tolist(),
            data.time.tolist(),
            strict=True,
        )
    )
    return [r for r, s in zip(rows, data.split, strict=True) if s == 0], [
        r for r, s in zip(rows, data.split, strict=True) if s
    ]


def assert_valid(data) -> None:
    """What every table promises, whatever file it came from."""
    assert len(data) > 0 and data.num_users >= 2 and data.num_items >= 2
    columns = [data.user, data.item, data.feedback, data.time, data.split]
    assert [c.dtype for c in columns] == [np.int32, np.int32, np.float32, np.int64, np.int8]
    assert {len(c) for c in columns} == {len(data)}
    assert data.user.min() >= 0 and data.user.max() < data.num_users
    assert data.item.min() >= 0 and data.item.max() < data.num_items
    assert np.isfinite(data.feedback).all() and set(data.split.tolist()) <= {0, 1, 2}
    assert len(set(data.user_ids.tolist())) == data.num_users and len(set(data.item_ids.tolist())) == data.num_items
    assert all(len(v) == data.num_users for v in data.user_features.values())
    assert all(len(v) == data.num_items for v in data.item_features.values())
