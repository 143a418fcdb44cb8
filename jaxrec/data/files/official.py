"""What every loader of an official release does first and last: find its files, and compare its counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, Interactions
from jaxrec.data.files import compressed


def command(name: str, root: Path | str) -> str:
    """What to type to have the dataset."""
    return f"python -m jaxrec.data.download {name} --root {root}"


def folder(
    root: Path | str | None,
    name: str,
    url: str,
    folders: str | tuple[str, ...],
    files: Mapping,
    *,
    gzipped: bool = False,
) -> Path:
    """The dataset's folder under the root, with all its files in it (as FILE.gz too, where `gzipped` says so).

    Raises:
      JaxrecError: names the missing file, the address it comes from and the command that fetches it.
    """
    if root is None:
        raise JaxrecError(f"{name} is read from files; say where: --config.data.root=FOLDER, or root=FOLDER")
    names = (folders,) if isinstance(folders, str) else folders
    candidates = [Path(root).expanduser() / n for n in names]
    chosen = next((c for c in candidates if c.is_dir()), candidates[0])
    for file in files:
        found = compressed.present(chosen / file) if gzipped else chosen / file
        if not found.is_file():
            raise JaxrecError(f"{chosen / file} is missing; it comes from {url}; fetch it with: {command(name, root)}")
    return chosen


def counted(interactions: Interactions, expected: Mapping[str, int], root: Path | str, where: Path) -> Interactions:
    """The same interactions, if users, items and rows are as many as published: `expected` has the keys of `_WORDS`."""
    test = interactions.split == TEST
    found = {
        "users": interactions.num_users,
        "items": interactions.num_items,
        "train": int(np.sum(interactions.split == TRAIN)),
        "test": int(np.sum(test)),
        "test_users": np.count_nonzero(np.bincount(interactions.user[test])),
        "test_items": np.count_nonzero(np.bincount(interactions.item[test])),
    }
    wrong = [f"{found[k]} {_WORDS[k]} where {v} are expected" for k, v in expected.items() if found[k] != v]
    if wrong:
        raise JaxrecError(
            f"{where} is not the official release of {interactions.name}: {', '.join(wrong)}; "
            f"fetch it again with: {command(interactions.name, root)} (or pass check=False, data.options.check "
            "of a config, for a part of your own)"
        )
    return interactions


_WORDS = {
    "users": "users",
    "items": "items",
    "train": "training rows",
    "test": "test rows",
    "test_users": "users with test rows",
    "test_items": "items with test rows",
}
