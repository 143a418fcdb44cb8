"""The workdir: one folder per stage, marked with what made it, so that a finished stage is never run again."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError
from jaxrec.training import processes

_MARK, _DONE = "stage.json", "done.json"


def write_text(path: Path, text: str) -> None:
    """Writes whole or not at all, on the first process."""
    if processes.is_first():
        files.write_text(path, text)


def write_json(path: Path, value: Any) -> None:
    """Writes whole or not at all, on the first process."""
    if processes.is_first():
        files.write_json(path, value, default=_plain)


def _plain(value: Any) -> Any:
    found = files.plain(value)
    return {k: v for k, v in found.items() if k != "environment"} if dataclasses.is_dataclass(value) else found


def digest(value: Any) -> str:
    """A fingerprint of plain data (dicts, lists, numbers, strings)."""
    return files.digest(value, default=_plain)


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
    """One stage's folder; `fingerprint` covers its config and, through theirs, everything it was made from."""

    path: Path
    fingerprint: str

    def open(self) -> bool:
        """True if the stage is finished as configured; else the folder stands ready, emptied if its config changed."""
        if processes.is_first():
            self._prepare()
        processes.wait_for_all(f"open {self.path.name}")
        done = (self.path / _DONE).exists()
        processes.wait_for_all(f"opened {self.path.name}")  # or a quick process finishes before a slow one has looked
        return done

    def _prepare(self) -> None:
        mark = self.path / _MARK
        if mark.exists() and self._recorded(mark) == self.fingerprint:
            return
        if self.path.exists():
            if not mark.exists() and any(self.path.iterdir()):
                raise JaxrecError(f"{self.path} holds files that are not a stage's; use another --workdir")
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(mark, {"fingerprint": self.fingerprint})

    def finish(self, about: dict[str, Any]) -> None:
        write_json(self.path / _DONE, about)
        processes.wait_for_all(f"finish {self.path.name}")

    def about(self) -> dict[str, Any]:
        return json.loads((self.path / _DONE).read_text())

    def _recorded(self, mark: Path) -> str:
        try:
            return json.loads(mark.read_text())["fingerprint"]
        except (ValueError, KeyError):
            return ""


def save_arrays(path: Path, tree: Any) -> None:
    """A pytree of records and dicts as one npz, keyed by path; written whole or not at all, on the first
    process."""
    if processes.is_first():
        files.save_arrays(path, tree)


def load_arrays(path: Path, structure: Any) -> Any:
    """The pytree `save_arrays` wrote; `structure` is any pytree of the same shape of nodes.

    Raises:
      JaxrecError: the file is damaged.
    """
    return files.load_arrays(path, structure, f"delete {path.parent}, and the stage is run again")
