"""What a file of the user's own is, by its first bytes, and a plain copy of it where it is packed or encoded otherwise.

Names of files lie: a table is often gzipped, saved by a spreadsheet, or written on another system than the one it is
read on.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.archives import MOST_BYTES
from jaxrec.data.files.fields import one_line, require_file

_BLOCK = 1 << 20
_PACKED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_OTHER = {  # first bytes -> what the file is, and what to do with it
    b"\xd0\xcf\x11\xe0": "an Excel workbook (or another old Office file); save its sheet as CSV",
    b"7z\xbc\xaf": "a 7z archive; unpack it, and name the table inside",
    b"Rar!": "a RAR archive; unpack it, and name the table inside",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it first",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
    b"\x89HDF": "an HDF5 file; export the table as CSV or Parquet",
    b"ARROW1": "an Arrow file; write it as Parquet",
    b"%PDF": "a PDF document; a CSV, TSV or Parquet file is expected",
}
_OFFICE = "an Excel workbook (or another Office file); save its sheet as CSV"
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError)
_WIDE = {codecs.BOM_UTF8: None, codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@contextmanager
def plain_copy(path: Path, encoding: str = "utf-8") -> Iterator[Path]:
    """Yields a path to a Parquet file, or to UTF-8 text whose lines end in a line feed: the file itself where it is so.

    Packed files (gzip, bzip2, xz, a zip of one table) are unpacked, texts of another encoding or with the line ends of
    old Macintoshes (a carriage return alone) are converted. Copies are temporary. An error that is raised while the
    block reads a copy names the file on the disk.

    Raises:
      JaxrecError: the file is missing, empty, damaged, or of a kind that holds no table.
    """
    with ExitStack() as stack:
        copy = require_file(path)
        while packed := _is_packed(copy):
            copy = _unpacked(path, copy, packed, stack)
        _refuse_other_kinds(path, copy)
        codec = None if is_parquet(copy) else _codec(copy, encoding)
        if codec:
            copy = _converted(path, copy, codec, stack)
        try:
            yield copy
        except JaxrecError as error:
            raise JaxrecError(str(error).replace(str(copy), str(path))) from None


def is_parquet(path: Path) -> bool:
    """Whether a file is, or by its name should be, a Parquet file."""
    return _head(path).startswith(b"PAR1") or path.suffix.lower() in (".parquet", ".pq")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _is_packed(path: Path) -> bytes:
    """The first bytes by which a packed file is known; empty for any other."""
    head = _head(path)
    return next((magic for magic in (*_PACKED, b"PK\x03\x04") if head.startswith(magic)), b"")


def _refuse_other_kinds(path: Path, copy: Path) -> None:
    head = _head(copy)
    for magic, kind in _OTHER.items():
        if head.startswith(magic):
            raise JaxrecError(f"{path} is {kind}")
    if head[257:262] == b"ustar":
        raise JaxrecError(f"{path} is a tar archive; unpack it, and name the table inside")
    if head.lstrip()[:1] in (b"{", b"["):
        raise JaxrecError(f"{path} is JSON; write its table as CSV or Parquet")
    if head == b"":
        raise JaxrecError(f"{path} is empty; fetch the file again")


def _unpacked(path: Path, packed: Path, magic: bytes, stack: ExitStack) -> Path:
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jaxrec-"))) / _inner_name(packed)
    try:
        if magic in _PACKED:
            with _PACKED[magic](packed) as source, copy.open("xb") as sink:
                _copy(path, source, sink)
        else:
            with zipfile.ZipFile(packed) as archive:
                member = _only_table(path, archive)
                copy = copy.with_name(f"unpacked{Path(member.filename).suffix}")
                with archive.open(member) as source, copy.open("xb") as sink:
                    _copy(path, source, sink)
    except _DAMAGE as error:
        reason = one_line(error) or type(error).__name__
        raise JaxrecError(f"{path} is damaged or cut short ({reason}); fetch the file again") from None
    return copy


def _inner_name(path: Path) -> str:
    """The name of what is packed: log.csv of log.csv.gz."""
    return path.stem if path.suffix.lower() in (".gz", ".bz2", ".xz") else path.name


def _copy(path: Path, source: IO[bytes], sink: IO[bytes]) -> None:
    left = MOST_BYTES
    while block := source.read(_BLOCK):
        left -= len(block)
        if left < 0:
            raise JaxrecError(f"{path} unpacks to more than {MOST_BYTES} bytes; unpack it yourself and name the table")
        sink.write(block)


def _only_table(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one file of a zip archive. Raises: JaxrecError where there are several, or it is a spreadsheet."""
    members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith(("__MACOSX/", "."))]
    names = [m.filename for m in members]
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise JaxrecError(f"{path} is {_OFFICE}")
    if len(members) != 1:
        listed = one_line(", ".join(names[:5])) + ", ..." * (len(names) > 5)
        raise JaxrecError(
            f"{path} is a zip archive of {len(names)} files ({listed}); unpack it, and name the table inside"
        )
    return members[0]


def _codec(path: Path, encoding: str) -> str | None:
    """By what a text must be decoded to become UTF-8 with line feeds; None where it is so."""
    with path.open("rb") as file:
        block = file.read(_BLOCK)
    wide = next((codec for mark, codec in _WIDE.items() if codec and block.startswith(mark)), None)
    if wide or codecs.lookup(encoding).name != "utf-8":
        return wide or encoding
    return "utf-8-sig" if b"\r" in block and b"\n" not in block else None


def _converted(path: Path, source: Path, codec: str, stack: ExitStack) -> Path:
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jaxrec-"))) / source.name
    try:
        with source.open(encoding=codec) as text, copy.open("x", encoding="utf-8", newline="\n") as sink:
            shutil.copyfileobj(text, sink, _BLOCK)
    except UnicodeError as error:
        raise JaxrecError(f"{path} is not {codec} text ({one_line(error)}); set encoding to what it is in") from None
    return copy
