"""Nested options by their dotted names, as flags have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flat(options: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns {'group.option': value} of nested options; empty groups vanish."""
    found: dict[str, Any] = {}
    for leaf, value in options.items():
        if isinstance(value, Mapping) or hasattr(value, "to_dict"):
            found |= flat(value, f"{prefix}{leaf}.")
        else:
            found[f"{prefix}{leaf}"] = value
    return found
