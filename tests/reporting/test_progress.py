"""Progress under a clock of our own: what is said, how often, and that speed leaves the compile out."""

from __future__ import annotations

import io

import pytest

from jaxrec.reporting.progress import Progress, duration, short


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _work(stream, *, seconds=10.0, enabled=True, total=1000, initial=0):
    clock = _Clock()
    progress = Progress(stream, seconds=seconds, enabled=enabled, clock=clock)
    progress.stage(2, 7, "dt", "fit")
    with progress.bar("dt", total, initial=initial, samples_per_step=64) as bar:
        for step in range(initial + 100, total + 1, 100):
            clock.now += 21.0 if step == initial + 100 else 1.0  # the first call compiles
            bar.done(step, {"loss/total": 0.5})
    return bar


def test_lines_where_nobody_watches():
    stream = io.StringIO()
    _work(stream)
    assert stream.getvalue().splitlines() == [
        "[2/7] dt: fit",
        "  dt: 100/1,000 steps, 4.76 steps/s, 305 samples/s with compile, 3 min 9 s left, loss/total 0.5",
        "  dt: 1,000/1,000 steps, 100 steps/s, 6,400 samples/s, done in 30.0 s, loss/total 0.5",
    ]


def test_a_line_every_few_seconds():
    stream = io.StringIO()
    _work(stream, seconds=2.0)
    assert len(stream.getvalue().splitlines()) == 1 + 6  # the header, then steps 100, 300, 500, 700, 900, 1000


def test_a_resumed_bar_counts_speed_from_where_it_began():
    bar = _work(io.StringIO(), initial=500)
    assert bar.rate() == pytest.approx(100.0)
    assert bar.elapsed() == pytest.approx(25.0)


def test_units_have_a_plural():
    stream, clock = io.StringIO(), _Clock()
    with Progress(stream, clock=clock).bar("evaluation", 2, unit="policy") as bar:
        clock.now = 4.0
        bar.done(2)
    assert stream.getvalue() == "  evaluation: 2/2 policies, 0.5 policies/s with compile, done in 4.0 s\n"


def test_a_bar_on_a_terminal():
    stream = _Terminal()
    _work(stream)
    drawn = stream.getvalue()
    assert "[2/7] dt: fit\n" in drawn
    last = drawn.split("\r")[-1]
    assert "100%" in last and "1000/1000" in last


def test_silence():
    stream = io.StringIO()
    assert _work(stream, enabled=False).step == 1000
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.5, "0.5"), (3.14159, "3.14"), (12, "12"), (999.6, "1,000"), (6400, "6,400"), (12345, "12.3k"), (4.5e6, "4.5M")],
)
def test_short(number, text):
    assert short(number) == text


@pytest.mark.parametrize(("seconds", "text"), [(4.2, "4.2 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_duration(seconds, text):
    assert duration(seconds) == text
