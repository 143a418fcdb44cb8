"""The one exception for mistakes that the user can mend."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class JaxrecError(Exception):
    """A mistake the user can mend: one line that says what was found, where, and what to do."""


@contextlib.contextmanager
def prefixed(prefix: str) -> Iterator[None]:
    """Puts a prefix, such as the option that is to blame, before the message of a JaxrecError that is raised inside."""
    try:
        yield
    except JaxrecError as error:
        raise JaxrecError(f"{prefix}{error}") from error
