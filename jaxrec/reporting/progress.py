"""What a run says while it works: a header per stage, and one bar (or, where nobody watches, one line now and then)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm


def short(number: float) -> str:
    """12, 3.14, 1.2k, 4.5M: at most four characters and a unit."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= limit:
            scaled = number / (1e3 if unit == "k" else limit)
            return f"{scaled:.3g}{unit}" if abs(scaled) < 1e3 else f"{scaled:.0f}{unit}"
    return f"{number:,.0f}" if abs(number) >= 100 or number == int(number) else f"{number:.3g}"


def duration(seconds: float) -> str:
    """4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class Bar:
    """One countable piece of work; speed counts from where it began, not from zero."""

    def __init__(
        self, name: str, total: int, *, initial: int, unit: str, samples_per_step: int, clock: Callable[[], float]
    ):
        self.name, self.total, self.initial = name, total, initial
        self.units = unit.removesuffix("y") + "ies" if unit.endswith("y") else unit + "s"
        self.step, self._samples, self._clock = initial, samples_per_step, clock
        self._started = self._measured = clock()
        self._measured_from = initial

    def done(self, step: int, values: Mapping[str, float] | None = None) -> None:
        """Tells that `step` units are done in all, and what to show beside the speed."""
        if self._measured_from == self.initial < step:
            # The first call compiles: it is in the elapsed time, not in the speed.
            self._measured, self._measured_from = self._clock(), step
        self.step = step
        self.show(values or {})

    def show(self, values: Mapping[str, float]) -> None:
        """Overridden: nothing is shown where nobody asked."""

    def close(self) -> None:
        """Overridden: the last words."""

    def elapsed(self) -> float:
        """Seconds since the work began, compile time included."""
        return self._clock() - self._started

    def rate(self) -> float:
        """Steps per second without the first call; all of it while there is only one."""
        steps, since = self.step - self._measured_from, self._measured
        if self._compiling():
            steps, since = self.step - self.initial, self._started
        return steps / max(self._clock() - since, 1e-9)

    def _compiling(self) -> bool:
        return self.step <= self._measured_from

    def speed(self) -> str:
        """The rate in words."""
        rate = self.rate()
        samples = f", {short(rate * self._samples)} samples/s" if self._samples > 1 else ""
        return f"{short(rate)} {self.units}/s{samples}{' with compile' * self._compiling()}"


class _Drawn(Bar):
    """A tqdm bar, for a terminal."""

    def __init__(self, *args, stream: TextIO, **kwargs):
        super().__init__(*args, **kwargs)
        bar_format = "  {desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
        self._bar = tqdm(
            total=self.total,
            initial=self.initial,
            desc=self.name,
            file=stream,
            bar_format=bar_format,
            dynamic_ncols=True,
        )

    def show(self, values: Mapping[str, float]) -> None:
        self._bar.set_postfix_str(", ".join([self.speed(), *_words(values)]), refresh=False)
        self._bar.update(self.step - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _Lines(Bar):
    """One line every few seconds, for a log file; the first and the last step always get theirs."""

    def __init__(self, *args, stream: TextIO, seconds: float, **kwargs):
        super().__init__(*args, **kwargs)
        self._stream, self._seconds, self._said_at = stream, seconds, None

    def show(self, values: Mapping[str, float]) -> None:
        now = self._clock()
        if self._said_at is not None and now - self._said_at < self._seconds and self.step < self.total:
            return
        self._said_at = now
        count = f"{self.step:,}/{self.total:,} {self.units}"
        left = duration((self.total - self.step) / max(self.rate(), 1e-9))
        rest = f"{left} left" if self.step < self.total else f"done in {duration(self.elapsed())}"
        words = ", ".join([count, self.speed(), rest, *_words(values)])
        print(f"  {self.name}: {words}", file=self._stream, flush=True)


def _words(values: Mapping[str, float]) -> list[str]:
    return [f"{name} {value:.4g}" for name, value in values.items()]


class Progress:
    """The voice of a run.

    Args:
      stream: where to speak; bars are drawn only on a terminal.
      seconds: between two lines of the same bar where the stream is no terminal.
      enabled: False silences it (every process of a distributed run but the first).
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        seconds: float = 10.0,
        enabled: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._stream, self._seconds, self._enabled, self._clock = stream or sys.stderr, seconds, enabled, clock

    def say(self, text: str) -> None:
        """One line above any bar."""
        if self._enabled:
            tqdm.write(text, file=self._stream)
            self._stream.flush()

    def stage(self, number: int, of: int, name: str, what: str) -> None:
        """The header of a stage: `[2/7] mdt4rec: fit decision_transformer.mdt4rec, 2,000 steps, 5 seeds`."""
        self.say(f"[{number}/{of}] {name}: {what}")

    @contextmanager
    def bar(
        self, name: str, total: int, *, initial: int = 0, unit: str = "step", samples_per_step: int = 1
    ) -> Iterator[Bar]:
        """A Bar over `total` units of which `initial` are done; `samples_per_step` counts all seeds' batches."""
        options = dict(initial=initial, unit=unit, samples_per_step=samples_per_step, clock=self._clock)
        if not self._enabled:
            bar = Bar(name, total, **options)
        elif self._stream.isatty():
            bar = _Drawn(name, total, stream=self._stream, **options)
        else:
            bar = _Lines(name, total, stream=self._stream, seconds=self._seconds, **options)
        try:
            yield bar
        finally:
            bar.close()
