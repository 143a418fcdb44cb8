"""Amazon reviews 2018, Industrial and Scientific, 5-core, with the metadata of the items.

Ni, Li and McAuley, Justifying Recommendations using Distantly-Labeled Reviews and Fine-Grained Aspects, EMNLP 2019.
Licence: none stated; cite the paper and treat as research use.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data.files import assemble, compressed, json_lines, official
from jaxrec.data.files.fields import REMEDY, Column, one_line
from jaxrec.data.files.identifiers import distinct

RELEASE = official.Release(
    name="amazon_industrial",
    url="https://nijianmo.github.io/amazon/index.html",
    folder="amazon_industrial",
    files={"Industrial_and_Scientific_5.json": None, "meta_Industrial_and_Scientific.json": None},
    counts={"users": 11_041, "items": 5_334, "train": 77_071, "test": 0},
    agreement="Amazon's reviews and metadata are two files behind a form",
    gzipped=True,
)


def load(root: Path | str | None, *, check: bool = True) -> Interactions:
    """Reads the reviews (not their text) and, of the items, title, brand, category and description.

    Args:
      root: the folder that holds `amazon_industrial/`.
      check: whether the counts must be the published ones.

    Returns:
      feedback is the rating, 1 to 5; time in Unix seconds; all rows are TRAIN. Item features, each an object array of
      str [A], empty where unknown: title, brand, category (names joined by " > "), description, and text, all of them
      in one line. An item that the metadata do not list has no text.

    Raises:
      JaxrecError: a file is missing or damaged.
    """
    folder = official.find_folder(RELEASE, root)
    reviews, metadata = (folder / name for name in RELEASE.files)
    columns = [
        Column("reviewerID", str),
        Column("asin", str),
        Column("overall", float, 1, 5),
        Column("unixReviewTime", int, 0, 2**40),
    ]
    with compressed.unpacked(reviews) as text:
        data = json_lines.read_columns(text, columns)
    where = compressed.plain_or_gzipped(reviews)
    log = assemble.Log(where, data["reviewerID"], data["asin"], data["overall"], data["unixReviewTime"])
    interactions = assemble.interactions(RELEASE.name, [log], item_features=_features(metadata, distinct(data["asin"])))
    return official.check_counts(RELEASE, interactions, root, folder) if check else interactions


def _features(path: Path, item_ids: np.ndarray) -> dict[str, np.ndarray]:
    """Text of the items by name; of an item listed twice, the first."""
    names = ("title", "brand", "category", "description")
    place = {asin: n for n, asin in enumerate(item_ids)}
    columns = {name: np.full(len(item_ids), "", object) for name in (*names, "text")}
    listed = np.zeros(len(item_ids), bool)
    with compressed.unpacked(path) as text:
        for line, fields in json_lines.json_objects(text):
            asin = fields.get("asin")
            if not isinstance(asin, str) or not asin:
                raise JaxrecError(f"{text} line {line}: asin is missing; {REMEDY}")
            row = place.get(asin)
            if row is None or listed[row]:
                continue
            listed[row] = True
            parts = [_told(text, line, name, fields.get(name)) for name in names]
            for name, part in zip(names, parts, strict=True):
                columns[name][row] = part
            columns["text"][row] = ". ".join(part.rstrip(".") for part in parts if part.rstrip("."))
    return columns


def _told(path: Path, line: int, name: str, value: object) -> str:
    """A text, or a list of texts joined; on one line."""
    values = [] if value is None else value if isinstance(value, list) else [value]
    for part in values:
        if not isinstance(part, str):
            raise JaxrecError(f"{path} line {line}: {name} {one_line(part)[:40]!r} is not a text; {REMEDY}")
        if not json_lines.is_whole(part):
            raise JaxrecError(f"{path} line {line}: {name} {one_line(part)[:40]!r} holds half a character; {REMEDY}")
    parts = [" ".join(part.split()) for part in values]
    return (" > " if name == "category" else " ").join(part for part in parts if part.rstrip("."))
