"""A stream outlives its terminal: what is written to a closed one is lost, and nothing else is hidden."""

from __future__ import annotations

import errno

import pytest

from jaxrec.base import terminal


class Failing:
    encoding = "utf-8"

    def __init__(self, number: int):
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, "no")

    flush = property(lambda self: lambda: self.write(""))


@pytest.mark.parametrize(
    ("number", "is_open", "lost"),
    [
        (errno.EIO, False, True),
        (errno.EPIPE, False, True),
        (errno.EPIPE, True, False),  # `| head`, at an open terminal
        (errno.ENOSPC, False, False),
    ],
)
def test_only_what_goes_to_a_closed_terminal_is_lost(monkeypatch, number, is_open, lost):
    silenced = []
    monkeypatch.setattr(terminal, "is_open", lambda: is_open)
    monkeypatch.setattr(terminal, "show_nothing", lambda: silenced.append(True))
    stream = terminal.Outlived(Failing(number))
    assert stream.encoding == "utf-8"
    for act in (lambda: stream.write("text"), stream.flush):
        if lost:
            act()
        else:
            with pytest.raises(OSError, match="no"):
                act()
    assert bool(silenced) == lost
