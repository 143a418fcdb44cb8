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
from jaxrec.data.files import archives, transfer


def download(
    name: str,
    root: Path,
    *,
    url: str | None = None,
    checksum: str | None = None,
    keep: bool = False,
    progress: bool = True,
) -> Interactions:
    """Makes `root/FOLDER` hold the dataset's files, and loads them.

    Args:
      name: a dataset that has an official release.
      root: the folder with one folder per dataset; made if need be.
      url: another address of the same archive (a mirror, a local server).
      checksum: `sha256:...` of the archive; by default the published one, where there is one and no other address.
      keep: whether to keep the archive after it is unpacked.

    Raises:
      JaxrecError: nothing to fetch, transfer or archive at fault, not the official release; no half-made folder stays.
    """
    dataset = datasets.module(name)
    if not hasattr(dataset, "URL"):
        raise JaxrecError(f"dataset {name} needs no download")
    folders = [root / f for f in (dataset.FOLDER, getattr(dataset, "UNPACKED", dataset.FOLDER))]
    folder = next((f for f in folders if f.exists()), folders[0])
    if folder.exists():
        if all((folder / f).is_file() for f in dataset.FILES):
            return dataset.load(root)
        raise JaxrecError(f"{folder} is there, but not all of {', '.join(dataset.FILES)}; move it away and try again")
    if url is None and hasattr(dataset, "AGREEMENT"):
        raise JaxrecError(
            f"{dataset.AGREEMENT}: ask at {dataset.URL}, then put {' and '.join(dataset.FILES)} into {folder}, "
            "or give the address you were sent with --url"
        )
    checksum = checksum or (None if url else getattr(dataset, "CHECKSUM", None))
    size = None if url else getattr(dataset, "SIZE", None)
    try:
        root.mkdir(parents=True, exist_ok=True)
        archive = root / f"{name}.{_file_name(url or dataset.URL)}"
        transfer.fetch(url or dataset.URL, archive, size=size, checksum=checksum, progress=progress)
        interactions = _install(dataset, archive, root)
    except OSError as error:
        raise JaxrecError(
            f"{root} cannot be written ({error.strerror or error}); free space, or choose another"
        ) from None
    if not keep:
        archive.unlink()
    return interactions


def _file_name(url: str) -> str:
    return Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name or "archive"


def _install(dataset: ModuleType, archive: Path, root: Path) -> Interactions:
    """Unpacks beside the final place, loads from there, then moves the folder in one step."""
    with tempfile.TemporaryDirectory(dir=root, prefix=".unpack-") as scratch:
        unpacked, staged = Path(scratch) / "unpacked", Path(scratch) / "staged"
        unpacked.mkdir()
        staged.mkdir()
        try:
            archives.unpack(archive, unpacked)
            os.rename(_holder(unpacked, archive, dataset.FILES), staged / dataset.FOLDER)
            interactions = dataset.load(staged)
        except JaxrecError as error:
            archive.unlink()  # or the next call would trip over it again
            raise JaxrecError(str(error).replace(str(staged), str(root))) from None
        os.rename(staged / dataset.FOLDER, root / dataset.FOLDER)
    return interactions


def _holder(unpacked: Path, archive: Path, files) -> Path:
    """The folder of the archive, at whatever depth, that holds all the files."""
    first = next(iter(files))
    for found in sorted(unpacked.rglob(Path(first).name), key=lambda p: len(p.parts)):
        holder = found
        for _ in Path(first).parts:
            holder = holder.parent
        if all((holder / f).is_file() for f in files):
            return holder
    raise JaxrecError(f"{archive} does not hold {', '.join(files)} in one folder; it is not the dataset's archive")


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
        found = download(flags.name, root, url=flags.url, checksum=checksum, keep=flags.keep, progress=not flags.quiet)
    except JaxrecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    print(f"{found.name}: {found.num_users} users, {found.num_items} items, {len(found)} rows in {root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
