"""Nested options by their dotted names, as flags have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict


def flat(options: Mapping[str, Any] | ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Flattens nested options: {'a': {'b': 1}} becomes {'a.b': 1}; an empty group stays as one leaf."""
    leaves: dict[str, Any] = {}
    for name, value in options.items():
        group = isinstance(value, Mapping | ConfigDict) and len(value)
        leaves |= flat(value, f"{prefix}{name}.") if group else {f"{prefix}{name}": _plain(value)}
    return leaves


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, ConfigDict) else value
