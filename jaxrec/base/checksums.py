"""Checksums: a JSON file that carries its own, and a folder whose files are held against those in such a file.

A folder is described by the SHA-256 of every file in it. A folder with a manifest (a checkpoint) stands in the
description of a folder above it by the checksum of that manifest alone, which has those of the other files: each file
is read once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError

MANIFEST = "manifest.json"  # {"files": ...} of the folder that it lies in
DONE = "done.json"  # {"files": ...} of the folder of a finished stage
_OWN, _BLANK = "checksum", "0" * 64


def write(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a dict as JSON, whole or not at all, with the SHA-256 of the file's text as its entry `checksum`.

    The checksum is of the text with 64 zeros in the place of the checksum.
    """
    text = files.json_text({**value, _OWN: _BLANK})
    own = f'"{_OWN}": "'
    files.write_text(path, text.replace(own + _BLANK, own + hashlib.sha256(text.encode()).hexdigest()))


def read(path: Path, remedy: str, *entries: str) -> dict[str, Any]:
    """Reads the dict that `write` wrote.

    Args:
      remedy: what to do about a damaged file, the end of the error's line.
      entries: that it must have; a file without them is another one's copy.

    Raises:
      JaxrecError: the file is missing, or is not as it was written.
    """
    fault = _not_a_file(path)
    if fault:
        raise JaxrecError(f"{fault}; {remedy}")
    try:
        text = path.read_text(encoding="utf-8")
        value = json.loads(text)
        own = value.pop(_OWN, None)
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise JaxrecError(f"{path} is damaged; {remedy}") from None
    if own is None:
        raise JaxrecError(f"{path} has no checksum: it is damaged, or an earlier version of jaxrec wrote it; {remedy}")
    if not isinstance(own, str) or hashlib.sha256(text.replace(own, _BLANK).encode()).hexdigest() != own:
        raise JaxrecError(f"{path} is damaged; {remedy}")
    if not value.keys() >= set(entries):
        raise JaxrecError(f"{path} holds what belongs into another file; {remedy}")
    return value


def of_folder(folder: Path, *, without: Collection[str] = ()) -> dict[str, str]:
    """Returns path below the folder -> SHA-256, of its files and of those in its folders.

    Args:
      without: names of files and folders, directly in the folder, that are left out.
    """
    covering = (path for path in sorted(folder.iterdir()) if path.name not in without)
    return {path.relative_to(folder).as_posix(): files.checksum(path) for top in covering for path in _covering(top)}


def _covering(path: Path) -> Iterator[Path]:
    """The files whose checksums stand for all files of a folder, or the file itself."""
    if not path.is_dir():
        return iter((path,) if path.suffix != files.PART else ())
    if (path / MANIFEST).is_file():
        return iter((path / MANIFEST,))
    return (found for inner in sorted(path.iterdir()) for found in _covering(inner))


def fault(folder: Path, recorded: Mapping[str, str]) -> str:
    """Returns which file of a folder is missing or not as it was recorded, '' where all are.

    Args:
      recorded: what `of_folder` gave.
    """
    for name, checksum in recorded.items():
        path = folder / name
        found = _not_a_file(path) or ("" if files.checksum(path) == checksum else f"{path} is damaged")
        if not found and path.name == MANIFEST:
            found = _fault_of(path)
        if found:
            return found
    return ""


def _fault_of(manifest: Path) -> str:
    try:
        return fault(manifest.parent, read(manifest, "", "files")["files"])
    except JaxrecError as error:
        return str(error).removesuffix("; ")


def _not_a_file(path: Path) -> str:
    if path.is_file():
        return ""
    return f"{path} is not a file" if path.exists() else f"{path} is missing"


def finished(folder: Path, remedy: str) -> dict[str, Any]:
    """Returns what the done.json of a finished stage's folder says, and holds all files against their checksums there.

    Args:
      remedy: what to do about a damaged file, the end of the error's line.

    Raises:
      JaxrecError: the first file that is missing or not as it was written.
    """
    facts = read(folder / DONE, remedy, "files")
    found = fault(folder, facts["files"])
    if found:
        raise JaxrecError(f"{found}; {remedy}")
    return facts
