"""MovieLens 100K: 943 users rated 1,682 films from 1 to 5, September 1997 to April 1998.

Harper and Konstan, The MovieLens Datasets, TiiS 2015.
Licence: research use, acknowledge GroupLens in publications; no redistribution or commercial use without permission.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base.records import Interactions
from jaxrec.data.files import assemble, lines, official, text_tables
from jaxrec.data.files.fields import Column, parse_number

RELEASE = official.Release(
    name="movielens_100k",
    url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
    folder="ml-100k",
    files={"u.data": 1_979_173, "u.user": 22_628, "u.item": 236_344},
    counts={"users": 943, "items": 1_682, "train": 100_000, "test": 0},
    size=4_924_029,  # bytes of the archive
    checksum="md5:0e33842e24a9c977be4e0107933c0723",
)
COLUMNS = [Column("user", int), Column("item", int), Column("rating", int, 1, 5), Column("timestamp", int, 0, 2**40)]
CATEGORIES = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]


def load(root: Path | str | None, *, check: bool = True) -> Interactions:
    """Reads ratings, users and films; all rows are TRAIN (see `data.splits`).

    Args:
      root: the folder that holds `ml-100k/`.
      check: whether the counts must be the published ones.

    Returns:
      feedback is the rating, 1 to 5; time in Unix seconds. User features: age [943] in years, gender, occupation and
      zip_code (text). Item features: title (text), category bool [1682, 19] in the order of `CATEGORIES`.

    Raises:
      JaxrecError: a file is missing, damaged or names a user or film that the side tables do not list.
    """
    folder = official.find_folder(RELEASE, root)
    data = text_tables.read_columns(folder / "u.data", COLUMNS, separator="\t", header=False, quoted=False)
    user_ids, user_features = _users(folder / "u.user")
    item_ids, item_features = _items(folder / "u.item")
    log = assemble.Log(folder / "u.data", data["user"], data["item"], data["rating"], data["timestamp"])
    interactions = assemble.interactions(
        RELEASE.name,
        [log],
        user_ids=user_ids,
        item_ids=item_ids,
        unique=True,
        user_features=user_features,
        item_features=item_features,
    )
    return official.check_counts(RELEASE, interactions, root, folder) if check else interactions


def _users(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rows = lines.side_table(path, "|", 5)
    ids, order = lines.sorted_ids(path, rows, "user")
    age = Column("age", int, 0, 150)
    features = {"age": np.array([parse_number(path, n, f[1], age) for n, f in rows], np.int32)[order]}
    for place, name in enumerate(("gender", "occupation", "zip_code"), 2):
        features[name] = np.array([f[place] for _, f in rows], object)[order]
    return ids, features


def _items(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rows = lines.side_table(path, "|", 5 + len(CATEGORIES), encoding="latin-1")
    ids, order = lines.sorted_ids(path, rows, "item")
    flag = Column("category flag", int, 0, 1)
    flags = np.array([[parse_number(path, n, text, flag) for text in f[5:]] for n, f in rows], bool)
    return ids, {"title": np.array([f[1] for _, f in rows], object)[order], "category": flags[order]}
