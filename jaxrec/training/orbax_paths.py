"""Names of folders as Orbax can take them, which reads `*`, `?`, `[` and `]` in a name as a pattern of many names."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

from jaxrec.base.errors import JaxrecError

_PLAIN = re.compile(r"[\w./+-]+", re.ASCII)


@contextmanager
def readable(folder: Path) -> Iterator[Path]:
    """Yields an absolute path of a folder, which need not exist yet, without signs that have a meaning to Orbax.

    A folder under another name is reached by a symbolic link to the folder above it, in the system's folder for
    temporary files.

    Raises:
      JaxrecError: such a link would be needed in a run over several processes, which must all use the same path; or
        the folder for temporary files has such a sign in its own name.
    """
    folder = folder.absolute()
    if _PLAIN.fullmatch(str(folder)):
        yield folder
        return
    check(folder)
    with tempfile.TemporaryDirectory(prefix="jaxrec-") as place:
        if not _PLAIN.fullmatch(place):
            raise JaxrecError(f"Orbax can read neither {folder} nor {place}; set TMPDIR to another folder")
        link = Path(place) / "folder"
        link.symlink_to(folder.parent, target_is_directory=True)
        yield link / folder.name


def check(folder: Path) -> None:
    """Raises JaxrecError where the processes of a run could not share checkpoints in a folder of this name."""
    if jax.process_count() > 1 and not _PLAIN.fullmatch(str(folder.absolute())):
        raise JaxrecError(
            "a run over several processes keeps checkpoints only in a folder named by ASCII letters, digits and "
            f"_ . + - /, and not in {folder.absolute()}; choose another --workdir"
        )
