"""Own data: CSV, TSV or Parquet files with a row per interaction; by default `user,item,rating,timestamp`.

Licence: yours.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION, Interactions
from jaxrec.data.files import assemble, item_tables, own_logs, own_tables, own_values, repeats, times, usual_names
from jaxrec.data.files.usual_names import Wanted

# What messages add: how options are named in a config, and on the command line as data.options.<name>.
_HINT_NAME = " (if it has another name, set {0}='NAME'{1})"
_HINTS_WITHOUT = {
    "rating": "; if there are no ratings, set rating=''",
    "timestamp": "; if there are no times, set timestamp=''",
}
RELEASE = None  # the data are the user's
_PATH = ranges.or_none(ranges.Range("a path", lambda x: isinstance(x, str | Path)))
_TWO = ranges.list_of_length(2, ranges.FINITE, "two finite numbers")
RANGES = {
    "path": _PATH,
    "test_path": _PATH,
    "validation_path": _PATH,
    "items_path": _PATH,
    "split": ranges.or_none(ranges.TEXT),
    "separator": ranges.or_none(ranges.TEXT),
    "columns": ranges.or_none(ranges.list_of(ranges.TEXT, "a list of the names of all columns")),
    "rating_range": ranges.or_none(
        ranges.Range("two finite numbers, the lowest first", lambda x: _TWO.holds(x) and x[0] <= x[1])
    ),
}


def load(
    root: Path | str | None = None,
    *,
    path: Path | str | None = None,
    test_path: Path | str | None = None,
    validation_path: Path | str | None = None,
    user: str = "user",
    item: str = "item",
    rating: str | None = "rating",
    timestamp: str | None = "timestamp",
    split: str | None = None,
    columns: tuple[str, ...] | None = None,
    separator: str | None = None,
    encoding: str = "utf-8",
    decimal: str = ".",
    ids: str = "auto",
    rating_range: tuple[float, float] | None = None,
    time_unit: str = "s",
    duplicates: str = "refuse",
    items_path: Path | str | None = None,
    item_id: str = "item_id",
    title: str | None = "title",
    category: str | None = "category",
) -> Interactions:
    """Reads a log, and what is known of its items; all rows are TRAIN unless the user says which are held out.

    Files may be gzipped, in a zip of one file, and named as one likes; Parquet is known by its first bytes.

    Args:
      root: the folder that relative paths start from; None for the working directory.
      path: the file. test_path, validation_path: files, written alike, whose rows are TEST and VALIDATION.
      user, item, rating: names of the columns. The default also stands for the usual other names (`userId`, `movie`,
        `stars`; `files.usual_names.USUAL` lists them). rating None gives every row feedback 1.
      timestamp: name of the column of times, which are numbers (see `time_unit`), ISO 8601 dates (of UTC where they
        name no zone) or datetimes; None, or the default where the file has no such column, leaves times unknown.
      split: name of a column that says `train`, `validation` or `test` (or 0, 1, 2); None for no such column.
      columns: the names of all columns in their order, where files have no header.
      separator: one character or `::`; None takes what the first line has of comma, tab, semicolon, | and `::`.
      encoding: of the text, for instance `latin-1`. decimal: what numbers have before their fraction, '.' or ','.
      ids: what users and items are called by: `integer` (64 bits), `text`, or `auto`: integers where every id of the
        files is written as one, so that `007` and `7` stay two users.
      rating_range: lowest and highest rating allowed; None allows any finite number.
      time_unit: s, ms, us or ns, of times that are numbers; times are kept in whole seconds.
      duplicates: of a (user, item) pair that comes twice in a split, `refuse` the file, `keep` both as repeated events,
        or leave one event, the `last`, with its own feedback or with the `mean` of all.
      items_path: a table with a row per item; its columns `item_id`, `title` and `category` (separated by |) may have
        the usual other names. It gives the item features title and category_name (text) and category, bool [A, C].

    Raises:
      JaxrecError: missing or damaged file or option; names the line.
    """
    if not path:
        raise JaxrecError("dataset csv needs the file to read: name it by path, or --config.data.options.path=FILE")
    written = own_tables.Written(_separator(separator), tuple(columns or ()), encoding, decimal)
    asked = {"user": user, "item": item, "rating": rating, "timestamp": timestamp, "split": split}
    asked = {option: name for option, name in asked.items() if name and name != "None"}
    _check_options(
        asked,
        written,
        ids=(ids, ("auto", "integer", "text")),
        time_unit=(time_unit, tuple(times.TICKS)),
        duplicates=(duplicates, ("refuse", "keep", "last", "mean")),
        decimal=(decimal, (".", ",")),
    )
    files = {TRAIN: path, VALIDATION: validation_path, TEST: test_path}
    below = Path(root or "")
    tables = {
        part: own_tables.read(below / Path(file).expanduser(), written, _wanted(asked))
        for part, file in files.items()
        if file
    }
    kind = {"auto": own_logs.kind_of_ids(list(tables.values())), "integer": int, "text": str}[ids]
    logs = [own_logs.log(t, part, kind, rating_range, time_unit, decimal) for part, t in tables.items()]
    advice = "set duplicates to 'keep', 'last' or 'mean'"
    log = assemble.interactions("csv", logs, unique=duplicates == "refuse", advice=advice)
    if duplicates in ("last", "mean"):
        log = repeats.settled(log, duplicates)
    if not (log.split == TRAIN).any():
        raise JaxrecError(f"{path}: every event is held out, so that none is left to learn from; mend its splits")
    notes = _notes(next(iter(tables.values())), asked, kind)
    if items_path:
        item_id_column = Wanted("item_id", item_id, hint=_HINT_NAME.format("item_id", ""), also=(item,))
        table, described = below / Path(items_path).expanduser(), written._replace(columns=())
        features, note = item_tables.features(table, described, log.item_ids, item_id_column, title, category)
        log, notes = dataclasses.replace(log, item_features=features), [*notes, note]
    return dataclasses.replace(log, notes=tuple(notes))


def _wanted(asked: dict[str, str]) -> list[Wanted]:
    """The columns to read."""
    hints = {option: _HINT_NAME.format(option, _HINTS_WITHOUT.get(option, "")) for option in asked}
    return [Wanted(option, name, option != "timestamp", hints[option]) for option, name in asked.items()]


def _notes(table: own_tables.Table, asked: dict[str, str], kind: type) -> list[str]:
    """Sentences about what was found in the first file without being asked for by name."""
    what = {"user": "users", "item": "items", "rating": "ratings", "timestamp": "times"}
    named = {option: name for option, name in table.names.items() if name not in (option, asked[option])}
    found = [f"{what[option]} are in column {name!r}" for option, name in named.items()]
    if asked.get("timestamp") == "timestamp" and "timestamp" not in table.names:
        unread = usual_names.listed([name for name in table.all_names if name not in table.names.values()])
        told = f" (if one of {unread} holds times, set timestamp='NAME')" if unread else ""
        found.append(f"no column of times is known{told}, so events are in the order of the file")
    ids = [table.columns[option] for option in ("user", "item")]
    if kind is str and all(own_values.some_are_numbers(series) for series in ids):
        found.append("ids are read as texts, as not all of them are written as whole numbers")
    return [f"{table.path.name}: {'; '.join(found)}."] if found else []


def _separator(separator: str | None) -> str | None:
    """The separator; a tab may be written as \\t, for shells do not make one of it."""
    return {"\\t": "\t", "tab": "\t", "None": None, "": None}.get(separator, separator)


def _check_options(asked: dict[str, str], written: own_tables.Written, **choices: tuple[str, tuple[str, ...]]) -> None:
    for option, (value, known) in choices.items():
        if value not in known:
            raise JaxrecError(f"dataset csv has no {option} {value!r}; choose one of {', '.join(known)}")
    if not {"user", "item"} <= set(asked):
        raise JaxrecError("dataset csv needs a column of users and one of items: name them by user and item")
    named = list(asked.values())
    if len(set(named)) < len(named):
        raise JaxrecError(f"dataset csv needs a column of its own for each of {', '.join(named)}")
    mark = written.separator
    one = mark is None or mark == "::" or (len(mark) == 1 and mark.isascii() and mark not in '"\r\n')
    if not one:
        raise JaxrecError(f"dataset csv cannot separate at {mark!r}; give one ASCII character, or '::'")
    try:
        "".encode(written.encoding)
    except (LookupError, ValueError):
        raise JaxrecError(f"there is no encoding {written.encoding!r}; try utf-8, latin-1, cp1252 or utf-16") from None
