"""An error of Orbax's threads, such as that of a full disk, comes back to the caller, who says it in one line; here the
threads are kept from printing its traceback as well."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from absl import logging

_PATIENCE = 2.0  # seconds, in all, in which threads whose work has failed end; idle ones do not


@contextmanager
def raised_only() -> Iterator[None]:
    """Keeps what is logged of errors in this block from being printed, and waits for the threads of a block that fails.

    Threads of TensorStore, which nobody can wait for, find the event loop of a failed write closed. That complaint, and
    no other, stays suppressed after a block that fails.
    """
    verbosity, hook, threads = logging.get_verbosity(), sys.unraisablehook, set(threading.enumerate())

    def without_closed_loops(unraisable: Any) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            hook(unraisable)

    logging.set_verbosity(logging.FATAL)
    sys.unraisablehook = without_closed_loops
    try:
        yield
        sys.unraisablehook = hook
    except BaseException:
        until = time.monotonic() + _PATIENCE
        for thread in set(threading.enumerate()) - threads:
            thread.join(max(until - time.monotonic(), 0.0))
        raise
    finally:
        logging.set_verbosity(verbosity)
