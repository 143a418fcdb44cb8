"""Fetches a dataset's official release: `python -m jaxrec.data.download NAME --root FOLDER`.

The archive is fetched, unpacked and read beside its final place; the folder appears only when all of it is sound.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import urllib.parse
from pathlib import Path
from types import ModuleType

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data import datasets
from jaxrec.data.files import archives, official, transfer


def download(
    name: str,
    root: Path,
    *,
    url: str | None = None,
    checksum: str | None = None,
    keep: bool = False,
    progress: bool = True,
) -> Interactions:
    """Makes the dataset's folder below `root` hold its files, and loads them.

    Args:
      name: a dataset that has an official release.
      root: the folder with one folder per dataset; made if need be.
      url: another address of the same archive (a mirror, a local server).
      checksum: `sha256:...` of the archive; by default the published one, where there is one and no other address.
      keep: whether to keep the archive after it is unpacked.
      progress: whether to draw a bar on stderr.

    Raises:
      JaxrecError: there is nothing to fetch, the transfer or the archive is at fault, or the files are not the official
        release; no half-made folder stays.
    """
    dataset = datasets.module(name)
    release = dataset.RELEASE
    if release is None:
        raise JaxrecError(f"dataset {name} needs no download")
    folder = official.locate(release, root)
    if folder.exists():
        return _load_present(dataset, root, folder)
    if url is None and release.agreement:
        raise JaxrecError(
            f"{release.agreement}: ask at {release.url}, then put {' and '.join(release.files)} into {folder}, or give "
            "the address of an archive that holds them with --url"
        )
    if url is None:
        url, size, checksum = release.url, release.size, checksum or release.checksum
    else:
        size = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        archive = transfer.fetch(
            url, root / f"{name}.{_file_name(url)}", size=size, checksum=checksum, progress=progress
        )
        interactions = _install(dataset, archive, root)
    except OSError as error:
        raise JaxrecError(
            f"{root} cannot be written ({error.strerror or error}); free space, or choose another"
        ) from None
    if not keep:
        archive.unlink()
    return interactions


def _load_present(dataset: ModuleType, root: Path, folder: Path) -> Interactions:
    if official.missing_files(dataset.RELEASE, folder):
        expected = ", ".join(dataset.RELEASE.files)
        raise JaxrecError(f"{folder} is there, but not all of {expected}; move it away and try again")
    return dataset.load(root)


def _file_name(url: str) -> str:
    return Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name or "archive"


def _install(dataset: ModuleType, archive: Path, root: Path) -> Interactions:
    """Unpacks beside the final place, loads from there, then moves the folder in one step."""
    release = dataset.RELEASE
    with tempfile.TemporaryDirectory(dir=root, prefix=".unpack-") as scratch:
        unpacked, staged = Path(scratch) / "unpacked", Path(scratch) / "staged"
        unpacked.mkdir()
        staged.mkdir()
        try:
            archives.unpack(archive, unpacked)
            os.rename(_folder_of_files(release, unpacked, archive), staged / release.folder)
            interactions = dataset.load(staged)
        except JaxrecError as error:
            archive.unlink()  # or the next call would trip over it again
            raise JaxrecError(str(error).replace(str(staged), str(root))) from None
        os.rename(staged / release.folder, root / release.folder)
    return interactions


def _folder_of_files(release: official.Release, unpacked: Path, archive: Path) -> Path:
    """The folder of the archive, at whatever depth, that holds all the files; the nearest to the top."""
    folders = sorted((unpacked, *(p for p in unpacked.rglob("*") if p.is_dir())), key=lambda p: len(p.parts))
    for folder in folders:
        if not official.missing_files(release, folder):
            return folder
    expected = ", ".join(release.files)
    raise JaxrecError(f"{archive} does not hold {expected} in one folder; it is not the dataset's archive")


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m jaxrec.data.download", description=__doc__.splitlines()[0])
    parser.add_argument("name", help=f"one of {', '.join(datasets.names())}")
    parser.add_argument("--root", required=True, type=Path, help="the folder with one folder per dataset")
    parser.add_argument("--url", help="another address of the same archive")
    parser.add_argument("--sha256", help="what the archive must hash to, 64 hexadecimal digits")
    parser.add_argument("--keep", action="store_true", help="keep the archive")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    flags = parser.parse_args(arguments)
    checksum = f"sha256:{flags.sha256}" if flags.sha256 else None
    root = flags.root.expanduser()
    try:
        interactions = download(
            flags.name, root, url=flags.url, checksum=checksum, keep=flags.keep, progress=not flags.quiet
        )
    except JaxrecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    sizes = f"{interactions.num_users} users, {interactions.num_items} items, {len(interactions)} rows"
    print(f"{interactions.name}: {sizes} in {root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
