"""Random numbers that do not change with the NumPy version.

NumPy guarantees the raw stream of a bit generator and the hashing of `SeedSequence`, not the streams of
`Generator.normal` or `Generator.choice` (NEP 19). Everything here is therefore computed from raw PCG64 words: uniforms
by their upper 53 bits, normals by Box-Muller, choices by searching running sums.
"""

from __future__ import annotations

import zlib

import numpy as np

INVERSE_2_53 = 2.0**-53


def stream(seed: int, name: str, index: int = 0) -> np.random.PCG64:
    """Opens a stream of random words.

    Each table draws from a stream of its own, named after it, so that adding a table changes no other one.
    """
    return np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(name.encode()), index]))


def uniform(bits: np.random.PCG64, *shape: int) -> np.ndarray:
    """Draws uniform numbers: float64 `shape` in [0, 1)."""
    count = int(np.prod(shape, dtype=np.int64))
    words = np.atleast_1d(bits.random_raw(count)) if count else np.zeros(0, np.uint64)
    return ((words >> np.uint64(11)) * INVERSE_2_53).reshape(shape)


def normal(bits: np.random.PCG64, *shape: int) -> np.ndarray:
    """Draws standard normal numbers: float32 `shape` (Box-Muller, both numbers of each pair used)."""
    count = int(np.prod(shape, dtype=np.int64))
    half = (count + 1) // 2
    radius = np.sqrt(-2.0 * np.log1p(-uniform(bits, half))).astype(np.float32)
    angle = (2.0 * np.pi * uniform(bits, half)).astype(np.float32)
    pairs = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return pairs[:count].reshape(shape)


def edges(weights: np.ndarray) -> np.ndarray:
    """The running sums of weights [A], float64 [A], which `categorical` searches."""
    return np.cumsum(weights, dtype=np.float64)


def categorical(bits: np.random.PCG64, edges: np.ndarray, *shape: int) -> np.ndarray:
    """Draws indices with replacement, in proportion to the weights behind `edges` [A]: int32 `shape`."""
    drawn = np.searchsorted(edges, uniform(bits, *shape) * edges[-1], side="right")
    return np.minimum(drawn, len(edges) - 1).astype(np.int32)
