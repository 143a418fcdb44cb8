"""Files that may lie on the disk as they are or gzipped, for readers that take plain files only."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.fields import one_line, require_file

_BLOCK = 1 << 20


def plain_or_gzipped(path: Path) -> Path:
    """The path itself, or the same with `.gz` where only that is there."""
    gzipped = path.with_name(path.name + ".gz")
    return gzipped if gzipped.is_file() and not path.is_file() else path


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yields a path to the file's text: the file itself, or a temporary unpacked copy of FILE.gz.

    An error that is raised while the block reads the copy names the file on the disk.

    Raises:
      JaxrecError: the file is missing, empty or damaged.
    """
    path = require_file(plain_or_gzipped(path))
    with path.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            yield path
            return
    with tempfile.TemporaryDirectory(prefix="jaxrec-") as folder:
        copy = Path(folder) / path.name.removesuffix(".gz")
        try:
            with gzip.open(path) as source, copy.open("xb") as sink:
                shutil.copyfileobj(source, sink, _BLOCK)
        except (OSError, EOFError, zlib.error) as error:
            raise JaxrecError(f"{path} cannot be unpacked ({one_line(error)}); fetch the file again") from None
        try:
            yield copy
        except JaxrecError as error:
            raise JaxrecError(str(error).replace(str(copy), str(path))) from None
