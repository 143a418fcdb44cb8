"""Returns and rewards as shares of their logged ranges, as networks read and predict them."""

from __future__ import annotations

from jaxrec.base.contracts import Array
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches.windows import Windows


def to_unit_range(values: Array, bounds: tuple[float, float]) -> Array:
    """Maps `bounds` = (low, high) linearly to [0, 1]; values outside the bounds end outside [0, 1]."""
    return (values - bounds[0]) / width(bounds)


def width(bounds: tuple[float, float]) -> float:
    """Returns high - low, and 1e-6 at least, so that it may divide."""
    low, high = bounds
    return max(high - low, 1e-6)


def normalise_returns(windows: Windows, spec: TrajectoriesSpec) -> Windows:
    """Maps returns-to-go from their logged range to [0, 1]; rewards stay as they are."""
    return windows.replace(return_to_go=to_unit_range(windows.return_to_go, spec.return_range))


def normalise_returns_and_rewards(windows: Windows, spec: TrajectoriesSpec) -> Windows:
    """Maps returns-to-go and rewards to [0, 1], each from its own range."""
    return normalise_returns(windows, spec).replace(reward=to_unit_range(windows.reward, spec.reward_range))


def normalise_in_units_of_returns(windows: Windows, spec: TrajectoriesSpec) -> Windows:
    """Maps returns-to-go to [0, 1] and divides rewards by the same range, so that R_t = r_t + R_{t+1} still holds."""
    return normalise_returns(windows, spec).replace(reward=windows.reward / width(spec.return_range))
