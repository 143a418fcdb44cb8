"""Fetches one file over http or https: progress, resume, size and checksum; the name appears only when all is there."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tqdm import tqdm

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.fields import one_line

_BLOCK = 1 << 18
_TIMEOUT = 30.0  # seconds without a byte
_BROKEN = (urllib.error.URLError, http.client.HTTPException, OSError)


class _Again(Exception):
    """The transfer broke off where another attempt may go on; says why."""


def fetch(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    checksum: str | None = None,
    attempts: int = 5,
    wait: float = 1.0,
    progress: bool = True,
) -> Path:
    """Downloads to `target` by way of `target.part`, from where a later call goes on after a break.

    Args:
      url: http or https, redirects included.
      target: the file to make; the folder must exist.
      size: bytes expected; None trusts the server's count.
      checksum: `sha256:...` or `md5:...` in hexadecimal.
      attempts: how often to connect before giving up; `wait` seconds after the first break, twice as long after each.
      progress: whether to draw a bar on stderr.

    Raises:
      JaxrecError: another scheme, refused, broken off (what came stays for a resume), not the file expected (it goes).
    """
    _check_request(url, checksum)
    if target.exists() and _problem(target, size, checksum) is None:
        return target
    part = target.with_name(target.name + ".part")
    reason = ""
    for attempt in range(attempts):
        if attempt:
            time.sleep(wait * 2 ** (attempt - 1))
        try:
            _attempt(url, part, size, progress)
            break
        except _Again as error:
            reason = str(error)
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"{error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 429):
                raise JaxrecError(f"{url} cannot be fetched ({one_line(reason)}); check the address") from None
        except _BROKEN as error:
            reason = one_line(getattr(error, "reason", None) or error) or type(error).__name__
    else:
        got = part.stat().st_size if part.exists() else 0
        again = f"{got} bytes are kept in {part}, the same command goes on from there" if got else "try again later"
        raise JaxrecError(f"{url} broke off {attempts} times ({one_line(reason)}); {again}")
    _check_whole(url, part, size, checksum)
    os.replace(part, target)
    _validator(part).unlink(missing_ok=True)
    return target


def _check_request(url: str, checksum: str | None) -> None:
    try:
        parts = urllib.parse.urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and not any(c.isspace() for c in url)
    except ValueError:
        sound = False
    if not sound:
        raise JaxrecError(f"{one_line(url)!r} is no address to fetch from; an http or https address is expected")
    kind, _, digits = (checksum or "md5:" + "0" * 32).partition(":")
    if len(digits) != {"md5": 32, "sha256": 64}.get(kind) or set(digits.lower()) - set("0123456789abcdef"):
        raise JaxrecError(f"{one_line(checksum)!r} is no checksum; sha256: and 64 hexadecimal digits are expected")


class _Redirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urllib.parse.urlsplit(newurl).scheme not in ("http", "https"):
            raise JaxrecError(f"{req.full_url} leads to {one_line(newurl)!r}, which is not http or https; not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(request: urllib.request.Request) -> http.client.HTTPResponse:
    """Opens without the handlers for file:, ftp: and data: addresses that urllib would add."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirect(),
    ):
        opener.add_handler(handler)
    return opener.open(request, timeout=_TIMEOUT)


def _attempt(url: str, part: Path, size: int | None, progress: bool) -> None:
    """One connection: appends what is missing to the part."""
    offset = part.stat().st_size if part.exists() else 0
    if size is not None and offset == size:
        return
    headers = {"User-Agent": "jaxrec", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if _validator(part).exists():
            headers["If-Range"] = _validator(part).read_text()  # a file changed since comes whole, not spliced
    try:
        response = _open(urllib.request.Request(url, headers=headers))
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        if error.headers.get("Content-Range", "") == f"bytes */{offset}":
            return  # the part was already whole
        part.unlink()
        raise _Again("the server's file is shorter than the part") from None
    with response:
        if response.status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            part.unlink()
            raise _Again("the server sent another range than asked for")
        offset = offset if response.status == 206 else 0
        length = response.headers.get("Content-Length", "")
        total = offset + int(length) if length.isdigit() else None
        if size is not None and total not in (None, size):
            part.unlink(missing_ok=True)
            raise JaxrecError(f"{url} has {total} bytes where {size} are expected; it is not the file meant")
        with _writing(part):
            _remember(part, response.headers)
            file = part.open("ab" if offset else "wb")
        with file:
            _copy(part, response, file, offset, total if total is not None else size, progress)


@contextlib.contextmanager
def _writing(part: Path) -> Iterator[None]:
    """A full disk is no broken line: another attempt would not help."""
    try:
        yield
    except OSError as error:
        raise JaxrecError(f"{part} cannot be written ({error.strerror or error}); free space there and go on") from None


def _copy(
    part: Path, response: http.client.HTTPResponse, file: IO[bytes], offset: int, total: int | None, progress: bool
) -> None:
    bar = tqdm(
        total=total, initial=offset, unit="B", unit_scale=True, unit_divisor=1024, disable=not progress, mininterval=0.5
    )
    with bar:
        while block := response.read(_BLOCK):
            offset += len(block)
            if total is not None and offset > total:
                raise _Again("more bytes came than announced")
            with _writing(part):
                file.write(block)
                file.flush()
            bar.update(len(block))
    if total is not None and offset < total:
        raise _Again(f"{offset} of {total} bytes came")


def _validator(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _remember(part: Path, headers: http.client.HTTPMessage) -> None:
    """Keeps what tells this version of the file from the next, if the server names it (a weak ETag does not count)."""
    etag = headers.get("ETag", "")
    value = etag if etag.startswith('"') else headers.get("Last-Modified")
    if value:
        _validator(part).write_text(one_line(value))
    else:
        _validator(part).unlink(missing_ok=True)


def _check_whole(url: str, part: Path, size: int | None, checksum: str | None) -> None:
    problem = _problem(part, size, checksum)
    if problem:
        part.unlink()
        _validator(part).unlink(missing_ok=True)
        raise JaxrecError(f"{url} is not the file meant: {problem}; nothing was kept")


def _problem(path: Path, size: int | None, checksum: str | None) -> str | None:
    """In what the file differs from the one expected, or None."""
    found = path.stat().st_size
    if size is not None and found != size:
        return f"{found} bytes where {size} are expected"
    if checksum is None:
        return None
    kind, _, digits = checksum.partition(":")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
    return None if digest == digits.lower() else f"{kind} {digest} where {digits.lower()} is expected"
