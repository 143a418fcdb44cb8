"""The one exception for mistakes that the user can mend."""

from __future__ import annotations


class JaxrecError(Exception):
    """A mistake the user can mend: one line that says what was found, where, and what to do."""
