"""MovieLens 1M: 6,040 users rated films from 1 to 5 in the year 2000.

Harper and Konstan, The MovieLens Datasets, TiiS 2015.
Licence: research use, acknowledge GroupLens in publications; no redistribution or commercial use without permission.

Film ids run from 1 to 3952, and so does the catalogue here, as in published work on this dataset. 69 of these ids are
no film (empty title, no category) and 3,706 films are rated; `data.filters.min_counts` leaves only the rated ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data.datasets.movielens_100k import CATEGORIES as CATEGORIES_100K
from jaxrec.data.datasets.movielens_100k import COLUMNS
from jaxrec.data.files import assemble, lines, official, text_tables
from jaxrec.data.files.fields import REMEDY, Column, parse_number

RELEASE = official.Release(
    name="movielens_1m",
    url="https://files.grouplens.org/datasets/movielens/ml-1m.zip",
    folder="ml-1m",
    files={"ratings.dat": 24_594_131, "users.dat": 134_368, "movies.dat": 171_308},
    counts={"users": 6_040, "items": 3_952, "train": 1_000_209, "test": 0},
    checksum="md5:c4d9eecfca2ab87c1945afe126590906",
)
CATEGORIES = CATEGORIES_100K[1:]  # all but `unknown`
_MOST_ITEMS = 10_000_000  # a damaged id must not ask for a catalogue that fills the memory


def load(root: Path | str | None, *, check: bool = True) -> Interactions:
    """Reads ratings, users and films; all rows are TRAIN (see `data.splits`).

    Args:
      root: the folder that holds `ml-1m/`.
      check: whether the counts must be the published ones.

    Returns:
      feedback is the rating, 1 to 5; time in Unix seconds. User features: age [6040] (lower end of its band in years),
      gender, occupation and zip_code (text). Item features: title (text), category bool [3952, 18] in the order of
      `CATEGORIES`.

    Raises:
      JaxrecError: a file is missing, damaged or names a user or film that the side tables do not list.
    """
    folder = official.find_folder(RELEASE, root)
    data = text_tables.read_columns(folder / "ratings.dat", COLUMNS, separator="::", header=False, quoted=False)
    user_ids, user_features = _users(folder / "users.dat")
    item_ids, item_features = _items(folder / "movies.dat")
    unlisted = np.flatnonzero(item_features["title"][np.clip(data["item"], 1, len(item_ids)) - 1] == "")
    if len(unlisted):
        line, item = unlisted[0] + 1, data["item"][unlisted[0]]
        raise JaxrecError(f"{folder / 'ratings.dat'} line {line}: item {item} is not a film of movies.dat; {REMEDY}")
    log = assemble.Log(folder / "ratings.dat", data["user"], data["item"], data["rating"], data["timestamp"])
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
    rows = lines.side_table(path, "::", 5)
    ids, order = lines.sorted_ids(path, rows, "user")
    age = Column("age", int, 0, 150)
    features = {"age": np.array([parse_number(path, n, f[2], age) for n, f in rows], np.int32)[order]}
    for place, name in ((1, "gender"), (3, "occupation"), (4, "zip_code")):
        features[name] = np.array([f[place] for _, f in rows], object)[order]
    return ids, features


def _items(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rows = lines.side_table(path, "::", 3, encoding="latin-1")
    ids, order = lines.sorted_ids(path, rows, "item", low=1, high=_MOST_ITEMS)
    place = {c: n for n, c in enumerate(CATEGORIES)}
    titles = np.full(int(ids[-1]), "", object)
    categories = np.zeros((len(titles), len(CATEGORIES)), bool)
    for line, (item, title, listed) in rows:
        if not title.strip():
            raise JaxrecError(f"{path} line {line}: the title is missing; {REMEDY}")
        titles[int(item) - 1] = title
        for category in listed.split("|"):
            if category not in place:
                known = ", ".join(CATEGORIES)
                raise JaxrecError(f"{path} line {line}: category {category!r} is none of {known}; {REMEDY}")
            categories[int(item) - 1, place[category]] = True
    return np.arange(1, len(titles) + 1), {"title": titles, "category": categories}
