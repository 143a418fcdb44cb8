"""Files that are written whole or not at all, and arrays from files that may be damaged."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxrec.base import npz
from jaxrec.base.errors import JaxrecError

PART = ".part"  # ends the name of a file that is being written, or that a killed run left half-written


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields the path `FILE.part` to write to, which takes the place of `path` once the block ends without an error.

    Whoever reads `path` meanwhile, or after a run that was cut off, finds the old file or the new one, never a part.

    Raises:
      JaxrecError: a folder stands in the place of either file.
    """
    partial = path.with_name(path.name + PART)
    for place in (path, partial):
        if place.is_dir():
            raise JaxrecError(f"{place} is a folder where a file must be written; delete it and run the command again")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 text file, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def plain(value: Any) -> Any:
    """Says in JSON's words what JSON has none for: arrays and NumPy scalars as numbers, records as dicts, else text."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return str(value)


def write_json(path: Path, value: Any, *, default: Callable[[Any], Any] = plain) -> None:
    """Writes one JSON value, indented and with sorted keys, whole or not at all.

    Args:
      default: turns what JSON has no word for into what it has (see `plain`).
    """
    write_text(path, json_text(value, default=default))


def json_text(value: Any, *, default: Callable[[Any], Any] = plain) -> str:
    """Returns the text that `write_json` writes."""
    return json.dumps(value, indent=1, sort_keys=True, default=default) + "\n"


def digest(value: Any, *, default: Callable[[Any], Any] = plain) -> str:
    """A fingerprint of plain data (dicts, lists, numbers, texts), 16 hexadecimal digits; key order does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=default).encode()).hexdigest()[:16]


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_arrays(path: Path, tree: Any) -> None:
    """Writes the arrays of a pytree (records, dicts, tuples) to one .npz file, whole or not at all.

    Each array is stored under its place in the tree, as `jax.tree_util.keystr` spells it; `load_arrays` reads them.
    """
    save_npz(path, {jax.tree_util.keystr(place): leaf for place, leaf in jax.tree_util.tree_leaves_with_path(tree)})


def save_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes arrays by name to one .npz file, whole or not at all; `read_npz` reads them."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **{name: np.asarray(array) for name, array in arrays.items()})


def load_arrays(path: Path, structure: Any, remedy: str) -> Any:
    """Reads the pytree that `save_arrays` wrote.

    Args:
      structure: any pytree with the same nodes; its leaves are not looked at.
      remedy: what to do about a damaged file, the end of the error's line.

    Raises:
      JaxrecError: the file is missing or damaged, or lacks an array of the structure.
    """
    stored = read_npz(path, remedy)
    names = [jax.tree_util.keystr(place) for place, _ in jax.tree_util.tree_leaves_with_path(structure)]
    missing = [name for name in names if name not in stored]
    if missing:
        raise JaxrecError(f"{path} has no array {missing[0]}; {remedy}")
    return jax.tree.unflatten(jax.tree.structure(structure), [stored[name] for name in names])


def read_npz(path: Path, remedy: str) -> dict[str, np.ndarray]:
    """Reads every array of an .npz file by its name; nothing in the file is executed.

    Args:
      remedy: what to do about a damaged file, the end of the error's line.

    Raises:
      JaxrecError: the file is damaged or missing, or claims more numbers than are in it.
    """
    try:
        return npz.read(path)
    except Exception as error:  # numpy and zipfile raise anything from BadZipFile to ValueError here
        raise JaxrecError(f"{path} is not a readable .npz file ({error}); {remedy}") from error
