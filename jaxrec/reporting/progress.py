"""What a run prints while it works: a header per stage, then a progress bar on a terminal, or a line every few seconds
in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm


def short(number: float) -> str:
    """Writes a number in at most five characters and a unit: 12, 3.14, 6,400, 12.3k, 4.5M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= limit:
            scaled = number / (1e3 if unit == "k" else limit)
            return f"{scaled:.3g}{unit}" if abs(scaled) < 1e3 else f"{scaled:.0f}{unit}"
    return f"{number:,.0f}" if abs(number) >= 100 or number == int(number) else f"{number:.3g}"


def duration(seconds: float) -> str:
    """Writes seconds in words: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class Bar:
    """Counts one piece of work and measures its speed, from the step at which this run began and not from step 0.

    Args:
      name: of the work.
      total: units in all. initial: units done before this run.
      unit: what is counted, in the singular.
      samples_per_step: training samples in a unit, over all seeds; 1 or less is not shown.
      clock: gives seconds.
    """

    def __init__(
        self, name: str, total: int, *, initial: int, unit: str, samples_per_step: int, clock: Callable[[], float]
    ):
        self.name, self.total, self.initial = name, total, initial
        self.units = unit.removesuffix("y") + "ies" if unit.endswith("y") else unit + "s"
        self.step, self._samples, self._clock = initial, samples_per_step, clock
        self._started = self._measured = clock()
        self._measured_from = initial

    def done(self, step: int, values: Mapping[str, float] | None = None) -> None:
        """Records that `step` units are done in all; `values` are shown beside the speed."""
        if self._measured_from == self.initial < step:
            # The first call compiles, so the speed is measured from its end on.
            self._measured, self._measured_from = self._clock(), step
        self.step = step
        self.show(values or {})

    def show(self, values: Mapping[str, float]) -> None:
        """Shows progress; a plain Bar shows nothing."""

    def close(self) -> None:
        """Ends the display; a plain Bar has none."""

    def elapsed(self) -> float:
        """Measures the seconds since this run began, compile time included."""
        return self._clock() - self._started

    def rate(self) -> float:
        """Measures steps per second without the first call; with it while there has been only one."""
        steps, since = self.step - self._measured_from, self._measured
        if self._compiling():
            steps, since = self.step - self.initial, self._started
        return steps / max(self._clock() - since, 1e-9)

    def _compiling(self) -> bool:
        return self.step <= self._measured_from

    def speed(self) -> str:
        """Writes the rate in words."""
        rate = self.rate()
        samples = f", {short(rate * self._samples)} samples/s" if self._samples > 1 else ""
        return f"{short(rate)} {self.units}/s{samples}{' with compile' * self._compiling()}"


class _Drawn(Bar):
    """Draws a tqdm bar, for a terminal."""

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
    """Prints a line every few seconds, for a log file; always one for the first and one for the last step."""

    def __init__(self, *args, stream: TextIO, seconds: float, **kwargs):
        super().__init__(*args, **kwargs)
        self._stream, self._seconds, self._printed_at = stream, seconds, None

    def show(self, values: Mapping[str, float]) -> None:
        now = self._clock()
        if self._printed_at is not None and now - self._printed_at < self._seconds and self.step < self.total:
            return
        self._printed_at = now
        count = f"{self.step:,}/{self.total:,} {self.units}"
        left = duration((self.total - self.step) / max(self.rate(), 1e-9))
        rest = f"{left} left" if self.step < self.total else f"done in {duration(self.elapsed())}"
        words = ", ".join([count, self.speed(), rest, *_words(values)])
        print(f"  {self.name}: {words}", file=self._stream, flush=True)


def _words(values: Mapping[str, float]) -> list[str]:
    return [f"{name} {value:.4g}" for name, value in values.items()]


class Progress:
    """Prints what a run does.

    Args:
      stream: where to print, standard error by default; bars are drawn only on a terminal.
      seconds: between two lines of the same bar where the stream is not a terminal.
      enabled: False prints nothing, as in every process of a distributed run but the first.
      clock: gives seconds.
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
        """Prints a line above any bar."""
        if self._enabled:
            tqdm.write(text, file=self._stream)
            self._stream.flush()

    def stage(self, number: int, of: int, name: str, what: str) -> None:
        """Prints the header of a stage: `[2/7] mdt4rec: fit decision_transformer.mdt4rec, 2,000 steps, 5 seeds`."""
        self.say(f"[{number}/{of}] {name}: {what}")

    @contextmanager
    def bar(
        self, name: str, total: int, *, initial: int = 0, unit: str = "step", samples_per_step: int = 1
    ) -> Iterator[Bar]:
        """Opens a Bar for the body of a `with` statement; see `Bar` for the arguments."""
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
