"""The workdir: one folder per stage, marked with what made it, so that a finished stage is never run again.

What marks a stage, and what says that it is finished, carry checksums (`base.checksums`); a stage with a damaged file
is neither shown nor learned from.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxrec.base import checksums, files
from jaxrec.base.checksums import DONE
from jaxrec.base.errors import JaxrecError
from jaxrec.training import processes

MARK = "stage.json"
CHECKPOINTS = "checkpoints"  # of a fit in training: each has its own manifest, and is checked when training goes on


def write_text(path: Path, text: str) -> None:
    """Writes whole or not at all, on the first process."""
    if processes.is_first():
        files.write_text(path, text)


def write_json(path: Path, value: Any) -> None:
    """Writes whole or not at all, on the first process."""
    if processes.is_first():
        files.write_json(path, value)


def write_checked(path: Path, value: Mapping[str, Any]) -> None:
    """Writes JSON with its checksum, whole or not at all, on the first process."""
    if processes.is_first():
        checksums.write(path, value)


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
    return files.load_arrays(path, structure, remedy(path.parent))


def remedy(folder: Path) -> str:
    """What to do about a damaged file of a stage, the end of an error's line."""
    return f"delete the folder {folder}, and the same command makes it again"


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
      JaxrecError: another run holds it, or it is no folder.
    """
    if workdir.exists() and not workdir.is_dir():
        raise JaxrecError(f"--workdir {workdir} is a file; name a folder")
    workdir.mkdir(parents=True, exist_ok=True)
    # One lock per process of a distributed run, which share the workdir.
    lock = workdir / f".lock{jax.process_index() or ''}"
    if lock.is_dir():
        raise JaxrecError(f"{lock} is a folder where a file must be written; delete it and run the command again")
    with lock.open("a+", errors="replace") as file:
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


def remove_parts(workdir: Path, stages: Iterable[str]) -> None:
    """Deletes the half-written files that a killed run left in a workdir that this process holds."""
    if processes.is_first():
        written = {f"{suffix}{files.PART}" for suffix in (".json", ".jsonl", ".md", ".png")}
        left = [path for path in workdir.glob(f"*{files.PART}") if "".join(path.suffixes[-2:]) in written]
        left += [path for stage in stages for path in (workdir / stage).glob(f"*{files.PART}")]
        for path in left:
            if path.is_file():
                path.unlink()


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
          JaxrecError: the folder holds files that are not a stage's, or a damaged file that would be gone on from.
        """
        why = self._prepare() if processes.is_first() else ""
        processes.wait_for_all(f"open {self.path.name}")
        done = self._has(DONE)
        processes.wait_for_all(f"opened {self.path.name}")  # or a quick process finishes before a slow one has looked
        return done, why

    def is_done(self) -> bool:
        """Whether the stage is finished as asked for; changes nothing."""
        return self._has(DONE) and not changed(self._recorded(self.path), self.recipe)

    def check(self) -> None:
        """Holds every file of the finished stage against its checksum, but for the checkpoints of its training.

        Raises:
          JaxrecError: the first that is missing or not as it was written.
        """
        checksums.finished(self.path, remedy(self.path))

    def _has(self, name: str) -> bool:
        return (self.path / name).exists()

    def _prepare(self) -> str:
        recorded = self._recorded(self.path)
        differing = changed(recorded, self.recipe)
        if recorded is not None and not differing:
            if self._has(DONE):
                self._discard(self._aside)  # of a run killed between finishing and deleting
            return ""
        if recorded is None:  # nothing yet, or a run was killed after it had put the artifact before aside
            self._check_strange()
            recorded = self._recorded(self._aside)
            differing = changed(recorded, self.recipe)
        if recorded is not None and self._take_back():
            return f"{in_words(differing) or 'it was begun anew'}; the artifact kept aside is the one asked for"
        if self._may_grow(differing):
            if self._has(DONE):
                self.check()  # what is there is gone on from, and gets new checksums
            (self.path / DONE).unlink(missing_ok=True)
        else:
            self._put_aside()
        self.path.mkdir(parents=True, exist_ok=True)
        self._write_mark()
        return in_words(differing) if recorded is not None else ""

    def _check_strange(self) -> None:
        """Raises JaxrecError where the folder has no mark, and yet more in it than what a killed run left of writing
        the mark."""
        if self.path.exists() and not self.path.is_dir():
            raise JaxrecError(f"{self.path} is a file where the folder of a stage belongs; delete it")
        if self._has(DONE):
            raise JaxrecError(f"{self.path / MARK} is missing; {remedy(self.path)}")
        if self.path.exists() and any(path.suffix != files.PART for path in self.path.iterdir()):
            raise JaxrecError(f"{self.path} holds files that are not a stage's; delete it or use another --workdir")

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
        if self._has(DONE):
            self._discard(self._aside)
            self.path.rename(self._aside)
        else:
            self._discard(self.path)

    def _take_back(self) -> bool:
        """Takes back what was put aside, where that is what is asked for again; returns whether it was."""
        if changed(self._recorded(self._aside), self.recipe) or not (self._aside / DONE).exists():
            return False
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
        write_checked(self.path / MARK, {"recipe": self.recipe})

    def finish(self, about: dict[str, Any]) -> None:
        """Marks the stage as finished, with facts for the report and the checksums of all its files, and drops the
        artifact that was kept aside."""
        if processes.is_first():
            found = checksums.of_folder(self.path, without=(DONE, CHECKPOINTS))
            checksums.write(self.path / DONE, {**about, "files": found})
            self._discard(self._aside)
        processes.wait_for_all(f"finish {self.path.name}")

    def about(self) -> dict[str, Any]:
        """The facts that `finish` was given.

        Raises:
          JaxrecError: they are damaged.
        """
        about = checksums.read(self.path / DONE, remedy(self.path), "files")
        del about["files"]
        return about

    @staticmethod
    def _recorded(folder: Path) -> dict[str, Any] | None:
        """The recipe that a folder is marked with; None where it has no mark.

        Raises:
          JaxrecError: the mark is damaged.
        """
        mark = folder / MARK
        return checksums.read(mark, remedy(folder), "recipe")["recipe"] if mark.exists() else None


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
