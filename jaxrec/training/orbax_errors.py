"""An error of Orbax's threads, such as that of a full disk, comes back to the caller, who says it in one line; here the
threads are kept from printing its traceback as well."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging import LogRecord
from pathlib import Path
from typing import Any

from absl import logging

_PATIENCE = 2.0  # seconds, in all, in which threads whose work has failed end; idle ones do not


@contextmanager
def raised_only() -> Iterator[None]:
    """Keeps what Orbax logs in this block from being printed, and waits a little for the threads of a block that fails.

    Such threads may go on for longer, and those of TensorStore, which nobody can wait for, find the event loop of a
    failed write closed. What Orbax logs, and that complaint, stay suppressed after a block that fails.
    """
    logger, hook, threads = logging.get_absl_logger(), sys.unraisablehook, set(threading.enumerate())

    def without_closed_loops(unraisable: Any) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            hook(unraisable)

    logger.addFilter(_is_not_orbax)
    sys.unraisablehook = without_closed_loops
    try:
        yield
        logger.removeFilter(_is_not_orbax)
        sys.unraisablehook = hook
    except BaseException:
        until = time.monotonic() + _PATIENCE
        for thread in set(threading.enumerate()) - threads:
            thread.join(max(until - time.monotonic(), 0.0))
        raise


def _is_not_orbax(record: LogRecord) -> bool:
    return "orbax" not in Path(record.pathname).parts
