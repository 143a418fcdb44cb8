"""Checkpoints that are either whole or not there: Orbax writes the arrays, a manifest with checksums, written last,
proves that they are complete and unchanged (`base.checksums`)."""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxrec.base import checksums
from jaxrec.base.checksums import MANIFEST
from jaxrec.base.errors import JaxrecError
from jaxrec.training import orbax_errors, orbax_paths, processes

_STEP = re.compile(r"step_(\d{9,})")
_OVERHEAD = 1 << 20  # bytes of metadata beside the arrays
_log = logging.getLogger(__name__)


def _named_leaves(tree: Any) -> dict[str, Any]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


class Checkpoints:
    """The newest `keep` checkpoints of one stage, each a folder `step_<n>` under `directory`.

    Args:
      report: told of a damaged checkpoint, in one line.
    """

    def __init__(self, directory: Path, keep: int = 2, report: Callable[[str], None] = _log.warning):
        self.directory, self.keep, self.report = Path(directory), keep, report
        self._writes = processes.is_first()

    def steps(self) -> list[int]:
        """Returns the steps of the finished checkpoints, oldest first; a folder without manifest was cut off while it
        was written, and is left out."""
        return sorted(step for step, folder in self._folders().items() if (folder / MANIFEST).exists())

    def _folders(self) -> dict[int, Path]:
        """Step -> folder, of whole checkpoints and of those that were cut off while they were written."""
        found = {path: _STEP.fullmatch(path.name) for path in self.directory.glob("step_*")}
        return {int(match[1]): path for path, match in found.items() if match}

    def save(self, step: int, tree: Any) -> None:
        """Writes `tree`, a pytree of arrays, as the checkpoint of `step`, then deletes the oldest.

        Raises:
          JaxrecError: it could not be written (a full disk); earlier checkpoints stand untouched.
        """
        folder = self._folder(step)
        leaves = _named_leaves(tree)
        try:
            self._check_space(leaves)
            if self._writes:
                shutil.rmtree(folder, ignore_errors=True)
            processes.wait_for_all(f"save {folder}")
            self._write(folder, leaves)
        except Exception as error:  # Orbax and TensorStore wrap a full disk in many types
            if self._writes:
                shutil.rmtree(folder, ignore_errors=True)
            last = self.steps()
            kept = f"the last good one is step {last[-1]}" if last else "there is no earlier one"
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise JaxrecError(
                f"checkpoint of step {step} could not be written under {self.directory}: {reason}; {kept}; "
                "mend that (is the disk full?) and run the same command again"
            ) from error
        kept = self.steps()[-self.keep :]
        for old, outdated in self._folders().items() if self._writes else ():
            if old not in kept:
                shutil.rmtree(outdated, ignore_errors=True)

    def restore(self, template: Any, *, partial: bool = False, checked: bool = False) -> tuple[int, Any] | None:
        """Reads the newest whole checkpoint: (step, tree), or None where there is none.

        Args:
          template: what the tree looks like, leaves with shape, dtype and sharding.
          partial: whether the checkpoint may hold more than the template, which is then not read.
          checked: whether the caller has held the newest checkpoint's files against their checksums.

        Raises:
          JaxrecError: a checkpoint exists but holds other arrays than the template (another catalogue or network).
        """
        for step in reversed(self.steps()):
            fault = "" if checked else self._fault(step)
            if not fault:
                return step, self._read(step, template, partial)
            self.report(f"checkpoint of step {step} in {self.directory} is damaged ({fault}); trying the one before")
        return None

    def check(self, template: Any, *, partial: bool = False) -> None:
        """Raises what `restore` would raise of the newest checkpoint, without reading an array."""
        for step in self.steps()[-1:]:
            self._compare(step, _named_leaves(template), partial)

    def _folder(self, step: int) -> Path:
        return self.directory / f"step_{step:09d}"

    def _check_space(self, leaves: dict[str, Any]) -> None:
        """Raises OSError where the disk has no room: one that fills up half-way makes Orbax's threads fail noisily."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.directory) as probe:
            os.posix_fallocate(probe.fileno(), 0, sum(leaf.nbytes for leaf in leaves.values()) + _OVERHEAD)

    def _write(self, folder: Path, leaves: dict[str, Any]) -> None:
        import orbax.checkpoint as ocp

        with (
            orbax_paths.readable(folder) as path,
            orbax_errors.raised_only(),
            ocp.StandardCheckpointer() as checkpointer,
        ):
            # Orbax refuses arrays without elements; their shape in the manifest says all there is to them.
            checkpointer.save(path / "arrays", {name: leaf for name, leaf in leaves.items() if leaf.size})
            checkpointer.wait_until_finished()
        if self._writes:
            described = {name: [list(leaf.shape), str(leaf.dtype)] for name, leaf in leaves.items()}
            files = checksums.of_folder(folder, without=(MANIFEST,))
            checksums.write(folder / MANIFEST, {"leaves": described, "files": files})
        processes.wait_for_all(f"saved {folder}")

    def _fault(self, step: int) -> str:
        """Returns what is wrong with the files of a checkpoint, '' where nothing is."""
        try:
            return checksums.fault(self._folder(step), self._manifest(step)["files"])
        except JaxrecError as error:
            return str(error)

    def _manifest(self, step: int) -> dict[str, Any]:
        """Returns the manifest of a checkpoint; raises JaxrecError where it is damaged."""
        path = self._folder(step) / MANIFEST
        remedy = f"delete the folder {path.parent}, and the same command goes on without it"
        return checksums.read(path, remedy, "files", "leaves")

    def _read(self, step: int, template: Any, partial: bool) -> Any:
        import orbax.checkpoint as ocp

        expected = _named_leaves(template)
        self._compare(step, expected, partial)
        stored = {name: leaf for name, leaf in expected.items() if leaf.size}
        arguments = {name: ocp.type_handlers.ArrayRestoreArgs(sharding=leaf.sharding) for name, leaf in stored.items()}
        wanted = ocp.args.PyTreeRestore(stored, restore_args=arguments, partial_restore=partial)
        with (
            orbax_paths.readable(self._folder(step)) as path,
            ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer,
        ):
            leaves = checkpointer.restore(path / "arrays", wanted)
        empty = {name: np.zeros(leaf.shape, leaf.dtype) for name, leaf in expected.items() if not leaf.size}
        leaves |= {name: jax.device_put(leaf, expected[name].sharding) for name, leaf in empty.items()}
        ordered = [leaves[name] for name in expected]
        return jax.tree.unflatten(jax.tree.structure(template), ordered)

    def _compare(self, step: int, expected: dict[str, Any], partial: bool) -> None:
        found = self._manifest(step)["leaves"]
        for name in sorted(expected.keys() | (() if partial else found.keys())):
            ours = [list(expected[name].shape), str(expected[name].dtype)] if name in expected else None
            if ours != found.get(name):
                raise JaxrecError(
                    f"checkpoint of step {step} in {self.directory} is of another catalogue or network: {name} is "
                    f"{found.get(name)} there and {ours} here; use another --workdir (or start_from) or delete that "
                    "folder"
                )
