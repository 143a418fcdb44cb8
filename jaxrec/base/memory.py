"""How much memory is free, so that what cannot fit is refused before any work."""

from __future__ import annotations

import os
from pathlib import Path

from jaxrec.base.errors import JaxrecError

_GROUP = Path("/sys/fs/cgroup")  # limits of the container, where there is one


def available() -> int | None:
    """Returns the bytes that can still be allocated on this host; None where the system does not say."""
    known = [bytes_ for bytes_ in (_of_machine(), _of_container()) if bytes_ is not None]
    return min(known) if known else None


def check(where: str, needed: float, what: str, remedy: str) -> None:
    """Refuses what needs more memory than is available.

    Args:
      where: begins the message. needed: bytes. what: names what is allocated. remedy: says what to do instead.

    Raises:
      JaxrecError: `needed` is more than `available()`.
    """
    free = available()
    if free is not None and needed > free:
        raise JaxrecError(f"{where}{what} needs {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} are free; {remedy}")


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _of_container() -> int | None:
    try:
        limit, used = ((_GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return None if limit == "max" else max(int(limit) - int(used), 0)
    except (OSError, ValueError):
        return None
