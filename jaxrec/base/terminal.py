"""A run that outlives its terminal: writing to one that is closed is no error, but goes to nobody."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from typing import Any, TextIO


def is_open() -> bool:
    """Whether the process has a terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def show_nothing() -> None:
    """Leaves output and errors to nobody where they went to a terminal, or to a program there (`tee`)."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.dup2(nobody, descriptor)


class Outlived:
    """A stream whose terminal may be closed at any time.

    The signal that tells of it may come after a write has failed, which must not end the run before it has saved.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes the text; returns its length."""
        self._unless_closed(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Hands on what was written."""
        self._unless_closed(self._stream.flush)

    def _unless_closed(self, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            function(*arguments)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EPIPE) or is_open():
                raise
            show_nothing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def outlive() -> None:
    """Makes the process's output and errors streams that outlive its terminal, where it has one."""
    if is_open():
        sys.stdout, sys.stderr = Outlived(sys.stdout), Outlived(sys.stderr)
