"""The papers' own numbers, read from the folder `published/` beside `configs/`: one JSON file for each table.

A file has the `source` (paper and table), the `columns`, and `rows`: dataset -> row -> one number for each column. A
sentence under `remarks` qualifies what the paper printed for one dataset.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from jaxrec.base.errors import JaxrecError

FOLDER = Path(__file__).resolve().parents[2] / "published"


class PublishedTable(NamedTuple):
    """One table of a paper; `rows` maps a dataset to its rows, and a row to its numbers in the order of `columns`."""

    source: str
    columns: tuple[str, ...]
    rows: dict[str, dict[str, tuple]]
    remarks: dict[str, str]


def load(name: str) -> PublishedTable:
    """Reads `published/<name>.json`, for instance `load("thesis_table_4_3")`.

    Raises:
      JaxrecError: there is no such file, or a row has not one number for each column.
    """
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        known = sorted(file.stem for file in FOLDER.glob("*.json"))
        raise JaxrecError(f"there is no published table {path}; choose one of {known}")
    stored = json.loads(path.read_text())
    columns = tuple(stored["columns"])
    rows = {data: {row: tuple(values) for row, values in table.items()} for data, table in stored["rows"].items()}
    for data, table in rows.items():
        for row, values in table.items():
            if len(values) != len(columns):
                raise JaxrecError(f"{path}: row {row!r} of {data!r} has {len(values)} numbers, not {len(columns)}")
    return PublishedTable(stored["source"], columns, rows, stored.get("remarks", {}))


def counts(name: str, data: str) -> dict[str, Any]:
    """Returns what a paper counts of a dataset (users, sessions, items, events) and, as `source`, where it says so."""
    table = load(name)
    remark = f" ({table.remarks[data]})" if data in table.remarks else ""
    return {"source": table.source + remark, **dict(zip(table.columns, table.rows[data]["counts"], strict=True))}
