"""Official releases of datasets: what they hold, where they lie, and whether what was read is all of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, Interactions
from jaxrec.data.files import compressed

_WORDS = {
    "users": "users",
    "items": "items",
    "train": "training rows",
    "test": "test rows",
    "test_users": "users with test rows",
    "test_items": "items with test rows",
}


class Release(NamedTuple):
    """What is known of a dataset's official release.

    Attributes:
      name: the dataset's name here.
      url: the address of its archive, or, with an `agreement`, of the page that says how to have it.
      folder: the folder below the root that holds the files.
      files: name -> bytes, None where the size is not published.
      counts: the published numbers of users, items, training and test rows (`train`, `test`), and where they differ of
        users and items with test rows (`test_users`, `test_items`).
      unpacked_folder: what the archive calls the folder, where that is another name.
      gzipped: whether a file may lie in the folder as FILE.gz.
      agreement: why the release cannot be fetched by a program; empty where it can.
      size: bytes of the archive. checksum: `md5:...` or `sha256:...` of the archive. None where not published.
    """

    name: str
    url: str
    folder: str
    files: Mapping[str, int | None]
    counts: Mapping[str, int]
    unpacked_folder: str = ""
    gzipped: bool = False
    agreement: str = ""
    size: int | None = None
    checksum: str | None = None


def locate(release: Release, root: Path) -> Path:
    """The folder below the root that holds the release, or is to hold it."""
    names = [release.folder, release.unpacked_folder or release.folder]
    return next((root / name for name in names if (root / name).is_dir()), root / release.folder)


def missing_files(release: Release, folder: Path) -> list[str]:
    """The names of the release's files that are not in the folder."""
    paths = {name: folder / name for name in release.files}
    if release.gzipped:
        paths = {name: compressed.plain_or_gzipped(path) for name, path in paths.items()}
    return [name for name, path in paths.items() if not path.is_file()]


def find_folder(release: Release, root: Path | str | None) -> Path:
    """Finds the folder below the root in which all files of the release lie.

    Raises:
      JaxrecError: names the missing file, the address it comes from and the command that fetches it.
    """
    if root is None:
        raise JaxrecError(f"{release.name} is read from files; say where: --config.data.root=FOLDER, or root=FOLDER")
    folder = locate(release, Path(root).expanduser())
    if missing := missing_files(release, folder):
        raise JaxrecError(f"{folder / missing[0]} is missing; {remedy(release, root)}")
    return folder


def remedy(release: Release, root: Path | str) -> str:
    """One line for a message: how to get the release's files where they are missing or are other ones."""
    command = f"python -m jaxrec.data.download {release.name} --root {root}"
    if release.agreement:
        unpack = f"or unpack an archive with: {command} --url ADDRESS"
        return f"{release.agreement}: ask at {release.url} and put it there, {unpack}"
    return f"it comes from {release.url}; fetch it with: {command}"


def check_counts(release: Release, interactions: Interactions, root: Path | str, folder: Path) -> Interactions:
    """Returns the interactions if users, items and rows are as many as published.

    Raises:
      JaxrecError: says which number is another one, and how to have the official release.
    """
    test = interactions.split == TEST
    counts = {
        "users": interactions.num_users,
        "items": interactions.num_items,
        "train": int(np.sum(interactions.split == TRAIN)),
        "test": int(np.sum(test)),
        "test_users": np.count_nonzero(np.bincount(interactions.user[test])),
        "test_items": np.count_nonzero(np.bincount(interactions.item[test])),
    }
    wrong = [f"{counts[k]} {_WORDS[k]} where {v} are expected" for k, v in release.counts.items() if counts[k] != v]
    if wrong:
        raise JaxrecError(
            f"{folder} is not the official release of {release.name}: {', '.join(wrong)}; {remedy(release, root)} (or "
            "pass check=False, data.options.check of a config, for a part of your own)"
        )
    return interactions
