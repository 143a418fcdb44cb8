"""Unpacks archives of unknown origin: nothing outside the destination, no links or devices, a bound on the bytes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.fields import one_line

MOST_BYTES = 16 * 2**30  # the largest dataset here unpacks to less than a quarter of it
MOST_MEMBERS = 100_000
_BLOCK = 1 << 20
_COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,  # UnicodeError is one
    OverflowError,
    RuntimeError,  # an encrypted zip, an unknown compression (NotImplementedError is one)
)


class Member(NamedTuple):
    """One file or folder of an archive; `kind` is `file`, `folder`, or what else it is and may not be."""

    name: str
    size: int
    kind: str
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, destination: Path, *, most_bytes: int = MOST_BYTES) -> None:
    """Unpacks a zip, a tar (plain or compressed) or a single gzip file; anything else is copied as it is.

    Args:
      archive: the file; its content says what it is, not its name.
      destination: a folder of the caller's that is empty; after an error it holds whatever came before it.
      most_bytes: the largest sum of unpacked bytes, by the archive's own account and as written.

    Raises:
      JaxrecError: damaged archive, or a member that is a link, a device, absolute, above the destination or too large.
    """
    try:
        with _members(archive) as members:
            left = most_bytes
            for count, member in enumerate(members):
                if count >= MOST_MEMBERS:
                    raise JaxrecError(f"{archive} has more than {MOST_MEMBERS} files; it is not unpacked")
                left -= _unpack_member(archive, member, destination, left)
    except _DAMAGE as error:
        reason = one_line(error) or type(error).__name__
        raise JaxrecError(f"{archive} cannot be unpacked ({reason}), being damaged or cut; fetch it again") from None


def _unpack_member(archive: Path, member: Member, destination: Path, left: int) -> int:
    target = destination / _safe(archive, member)
    if member.kind == "folder":
        target.mkdir(parents=True, exist_ok=True)
        return 0
    if member.size > left:
        raise JaxrecError(f"{archive} unpacks to more than is allowed; it is not unpacked further")
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with member.open() as source, target.open("xb") as sink:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > left:
                raise JaxrecError(f"{archive} unpacks to more than is allowed; it is not unpacked further")
            sink.write(block)
    return written


def _safe(archive: Path, member: Member) -> PurePosixPath:
    """The member's path below the destination."""
    name = PurePosixPath(member.name)
    strange = "\\" in member.name or member.name[1:2] == ":" or not member.name.isprintable()
    if strange or name.is_absolute() or ".." in name.parts:
        raise JaxrecError(f"{archive} holds {one_line(member.name)!r}, which points elsewhere; it is not unpacked")
    if member.kind not in ("file", "folder"):
        raise JaxrecError(f"{archive} holds {one_line(member.name)!r}, {member.kind}; it is not unpacked")
    if not name.parts and member.kind == "file":
        raise JaxrecError(f"{archive} holds a file without a name; it is not unpacked")
    return name


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[Member]]:
    """The members, in order, by the kind of archive that the first bytes tell."""
    with archive.open("rb") as file:
        magic = file.read(6)
    if magic[:2] == b"PK":
        with zipfile.ZipFile(archive) as opened:
            yield (_of_zip(opened, info) for info in opened.infolist())
    elif _is_tar(archive, magic):
        with _open_tar(archive, magic) as opened:
            yield (_of_tar(opened, info) for info in opened)
    elif magic[:2] == b"\x1f\x8b":
        yield iter([Member(archive.name.removesuffix(".gz"), 0, "file", lambda: gzip.GzipFile(archive))])
    else:
        yield iter([Member(archive.name, archive.stat().st_size, "file", lambda: archive.open("rb"))])


class _TooMuch(ValueError):
    """A header asks for more memory than any header needs."""


class _SmallReads:
    """A file of which nobody reads much at once: tarfile reads the names of members into memory, as long as they say
    they are, and a packed file of a megabyte can hold a name of a gigabyte."""

    def __init__(self, file: IO[bytes]):
        self.tell, self.seek, self._file = file.tell, file.seek, file

    def read(self, size: int) -> bytes:
        """Reads `size` bytes; raises _TooMuch where these are more than a block."""
        if not 0 <= size <= _BLOCK:
            raise _TooMuch(f"a name in it claims {size:,} bytes")
        return self._file.read(size)


@contextmanager
def _open_tar(archive: Path, magic: bytes) -> Iterator[tarfile.TarFile]:
    """Opens a tar, plain or compressed as its first bytes tell."""
    opener = next((opener for start, opener in _COMPRESSED.items() if magic.startswith(start)), open)
    with opener(archive, "rb") as file, tarfile.open(fileobj=_SmallReads(file), mode="r:") as opened:
        yield opened


def _is_tar(archive: Path, magic: bytes) -> bool:
    try:
        with _open_tar(archive, magic):
            return True
    except _TooMuch:
        raise
    except _DAMAGE:
        return False


def _of_zip(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    mode = info.external_attr >> 16
    kind = "folder" if info.is_dir() else "file"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        kind = "a link" if stat.S_ISLNK(mode) else "a special file"
    # The name as stored: ZipInfo cuts it at a NUL and would hide the rest.
    return Member(info.orig_filename, info.file_size, kind, lambda: opened.open(info))


def _of_tar(opened: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    kind = "folder" if info.isdir() else "file" if info.isreg() else "a special file"
    if info.issym() or info.islnk():
        kind = "a link"
    return Member(info.name, info.size, kind, lambda: opened.extractfile(info))
