"""The workdir: one folder per stage, marked with what made it, so that a finished stage is never run again."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError
from jaxrec.reporting import writer
from jaxrec.training import processes

_MARK, _DONE = "stage.json", "done.json"


def write_text(path: Path, text: str) -> None:
    """Writes whole or not at all, on the first process."""
    if processes.is_first():
        files.write_text(path, text)


def write_json(path: Path, value: Any) -> None:
    """Writes whole or not at all, on the first process."""
    if processes.is_first():
        files.write_json(path, value)


def save_arrays(path: Path, tree: Any) -> None:
    """Writes a pytree of records and dicts as one .npz, whole or not at all, on the first process."""
    if processes.is_first():
        files.save_arrays(path, tree)


def save_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes arrays by name as one .npz, whole or not at all, on the first process."""
    if processes.is_first():
        files.save_npz(path, arrays)


def load_arrays(path: Path, structure: Any) -> Any:
    """Reads the pytree that `save_arrays` wrote; `structure` is any pytree of the same shape of nodes.

    Raises:
      JaxrecError: the file is damaged.
    """
    return files.load_arrays(path, structure, f"delete {path.parent}, and the stage is run again")


def fingerprint(*values: Any) -> str:
    """A fingerprint of arrays and plain data, in any pytree: of their content, types and structure.

    Arrays of texts count by their characters, NumPy objects by what they print.
    """
    hashed = hashlib.sha256()
    leaves, structure = jax.tree.flatten(values)
    hashed.update(str(structure).encode())
    for leaf in leaves:
        if isinstance(leaf, jax.Array | np.ndarray | np.generic):
            array = np.asarray(leaf)
            hashed.update(f"{array.dtype.str}{array.shape}".encode())
            plain = array.dtype.hasobject or array.dtype.kind in "US"
            hashed.update(
                "\0".join(map(str, array.reshape(-1))).encode() if plain else np.ascontiguousarray(array).data
            )
        else:
            hashed.update(json.dumps(leaf, default=files.plain).encode())
    return hashed.hexdigest()[:16]


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Holds the workdir for this process; the kernel lets go however the process ends.

    Raises:
      JaxrecError: another run holds it.
    """
    if workdir.exists() and not workdir.is_dir():
        raise JaxrecError(f"--workdir {workdir} is a file; name a folder")
    workdir.mkdir(parents=True, exist_ok=True)
    # One lock per process of a distributed run, which share the workdir.
    with open(workdir / f".lock{jax.process_index() or ''}", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise JaxrecError(
                f"{workdir} is in use by another run (process {holder}); wait for it or use another --workdir"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@dataclasses.dataclass(frozen=True)
class StageFolder:
    """One stage's folder, marked with the recipe that makes it; a finished one of the same recipe is never made again.

    Attributes:
      path: the folder. Beside it, under `<name>.old`, the artifact before lies until the new one is whole.
      recipe: leaf -> value of all that the artifact is made from; see `recipes.of`.
      grows: the leaf of the recipe, if any, of which more may be added to what is there: the steps of a fit.
    """

    path: Path
    recipe: Mapping[str, Any]
    grows: str = ""

    def open(self) -> tuple[bool, str]:
        """(whether the stage is finished as asked for, why it is made again or ''). Else the folder stands ready.

        Raises:
          JaxrecError: the folder holds files that are not a stage's.
        """
        why = self._prepare() if processes.is_first() else ""
        processes.wait_for_all(f"open {self.path.name}")
        done = (self.path / _DONE).exists()
        processes.wait_for_all(f"opened {self.path.name}")  # or a quick process finishes before a slow one has looked
        return done, why

    def is_done(self) -> bool:
        """Whether the stage is finished as asked for; changes nothing."""
        return (self.path / _DONE).exists() and not changed(self._recorded(self.path), self.recipe)

    def _prepare(self) -> str:
        recorded = self._recorded(self.path)
        differing = changed(recorded, self.recipe)
        if recorded is not None and not differing:
            if (self.path / _DONE).exists():
                self._discard(self._aside)  # of a run killed between finishing and deleting
            return ""
        if recorded is None and self.path.exists() and any(self.path.iterdir()):
            raise JaxrecError(f"{self.path} holds files that are not a stage's; use another --workdir")
        if recorded is None:  # nothing yet, or a run was killed after it had put the artifact before aside
            recorded = self._recorded(self._aside)
            differing = changed(recorded, self.recipe)
        if recorded is not None and self._take_back():
            return f"{in_words(differing)}; the artifact kept aside is the one asked for"
        if self._may_grow(differing):
            (self.path / _DONE).unlink(missing_ok=True)
        else:
            self._put_aside()
        self.path.mkdir(parents=True, exist_ok=True)
        self._write_mark()
        return in_words(differing) if recorded is not None else ""

    def _may_grow(self, differing: Mapping[str, tuple[Any, Any]]) -> bool:
        if not self.path.exists() or set(differing) != {self.grows}:
            return False
        before, asked = differing[self.grows]
        return before < asked

    @property
    def _aside(self) -> Path:
        return self.path.with_name(self.path.name + ".old")

    def _put_aside(self) -> None:
        """Keeps a finished artifact until the new one is whole; what was only begun is dropped."""
        if (self.path / _DONE).exists():
            self._discard(self._aside)
            writer.copy_lines(self.path.parent, self.path.name, into=self.path)
            self.path.rename(self._aside)
        else:
            self._discard(self.path)

    def _take_back(self) -> bool:
        """Takes back what was put aside, where that is what is asked for again; returns whether it was."""
        if changed(self._recorded(self._aside), self.recipe) or not (self._aside / _DONE).exists():
            return False
        writer.restore_lines(self.path.parent, self.path.name, kept_in=self._aside)
        self._discard(self.path)
        self._aside.rename(self.path)
        return True

    def _discard(self, folder: Path) -> None:
        """Deletes a folder of the stage. It is renamed first, so that a run killed meanwhile leaves no part under its
        name; what such a run left is deleted by the next."""
        waste = self.path.with_name(f".{self.path.name}.discarded")
        shutil.rmtree(waste, ignore_errors=True)
        if folder.exists():
            folder.rename(waste)
            shutil.rmtree(waste, ignore_errors=True)

    def _write_mark(self) -> None:
        write_json(self.path / _MARK, {"recipe": self.recipe})

    def finish(self, about: dict[str, Any]) -> None:
        """Marks the stage as finished with facts for the report, and drops the artifact that was kept aside."""
        write_json(self.path / _DONE, about)
        if processes.is_first():
            self._discard(self._aside)
        processes.wait_for_all(f"finish {self.path.name}")

    def about(self) -> dict[str, Any]:
        """The facts that `finish` was given."""
        return json.loads((self.path / _DONE).read_text())

    @staticmethod
    def _recorded(folder: Path) -> dict[str, Any] | None:
        """The recipe that a folder is marked with; None where it has no mark."""
        mark = folder / _MARK
        if not mark.exists():
            return None
        try:
            return dict(json.loads(mark.read_text())["recipe"])
        except (ValueError, KeyError, TypeError):
            return {}


def changed(recorded: Mapping[str, Any] | None, recipe: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Leaf -> (recorded value, value asked for) of what differs; None stands for a leaf that is not there."""
    recorded = recorded or {}
    plain = json.loads(json.dumps(dict(recipe), default=files.plain))
    leaves = [leaf for leaf in sorted(recorded.keys() | plain.keys()) if recorded.get(leaf) != plain.get(leaf)]
    return {leaf: (recorded.get(leaf), plain.get(leaf)) for leaf in leaves}


def in_words(differing: Mapping[str, tuple[Any, Any]], most: int = 3) -> str:
    """What differs between two recipes, in one line; contents by their names, options with both values."""
    said = [
        f"{leaf.removeprefix('content of ')} {'added' if old is None else 'removed' if new is None else 'changed'}"
        if leaf.startswith("content of ")
        else f"{leaf} {old} -> {new}"
        for leaf, (old, new) in differing.items()
    ]
    return ", ".join(said[:most]) + (f" and {len(said) - most} more" if len(said) > most else "")
