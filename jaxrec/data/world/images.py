"""Small pictures of the items of the embedded world, uint8 [A, 16, 16, 3], whose pixels follow the item's factors.

    pixel = 255 * sigmoid(colour_g + second colour / 2 + sum_f e_af pattern_f + 0.5 * noise)

with one colour per category, one smooth pattern (a random mixture of low-frequency waves per channel) per factor, and
noise of the item's own. Any subset of items can be drawn: a picture depends on its world and item, never on the batch.
"""

from __future__ import annotations

import numpy as np

from jaxrec.data.world import draws
from jaxrec.data.world.generator import World

SIDE, CHANNELS, WAVES = 16, 3, 6
BATCH = 8192


def images(world: World, items: np.ndarray | None = None) -> np.ndarray:
    """Draws a picture of each of the items: uint8 [len(items), 16, 16, 3]; None draws those of the whole catalogue."""
    items = np.arange(world.num_items) if items is None else np.asarray(items)
    basis = _basis(world)
    drawn = np.empty((len(items), SIDE, SIDE, CHANNELS), np.uint8)
    for start in range(0, len(items), BATCH):
        drawn[start : start + BATCH] = _draw(world, items[start : start + BATCH], *basis)
    return drawn


def _basis(world: World) -> tuple[np.ndarray, np.ndarray]:
    """(colours [G + 1, 1, 1, 3], the last one black; patterns [F, 16 * 16 * 3])."""
    config, bits = world.config, draws.stream(world.config.seed, "images")
    colours = np.concatenate([draws.normal(bits, config.num_categories, CHANNELS), np.zeros((1, CHANNELS))])
    frequency = np.round(4 * draws.uniform(bits, config.num_factors, WAVES, 2))[..., None, None]
    phase = 2 * np.pi * draws.uniform(bits, config.num_factors, WAVES, 1, 1)
    row, column = np.meshgrid(np.arange(SIDE) / SIDE, np.arange(SIDE) / SIDE, indexing="ij")
    waves = np.cos(2 * np.pi * (frequency[:, :, 0] * row + frequency[:, :, 1] * column) + phase)
    weights = draws.normal(bits, config.num_factors, WAVES, CHANNELS) / WAVES**0.5
    patterns = np.einsum("fwyx,fwc->fyxc", waves, weights).reshape(config.num_factors, -1)
    return colours[:, None, None].astype(np.float32), patterns.astype(np.float32)


def _draw(world: World, items: np.ndarray, colours: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    tables = world.tables
    shape = (len(items), SIDE, SIDE, CHANNELS)
    logits = (tables.item_vectors[items, : len(patterns)] @ (1.5 * patterns)).reshape(shape)
    logits += colours[tables.item_category[items]] + 0.5 * colours[tables.item_second[items]]
    logits += _noise(world.config.seed, items).reshape(shape)
    return np.rint(255 / (1 + np.exp(-logits))).astype(np.uint8)


def _noise(seed: int, items: np.ndarray) -> np.ndarray:
    """float32 [len(items), 768] of deviation 1/2: hashed from (seed, item, pixel), so no stream is walked."""
    pixels = SIDE * SIDE * CHANNELS
    word = items.astype(np.uint64)[:, None] * np.uint64(pixels) + np.arange(pixels, dtype=np.uint64)
    word = (word + np.uint64((seed + 1) * 0x632BE59BD9B4E019 % 2**64)) * np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    uniform = (word >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
    return (uniform - 0.5) * np.float32(0.5 * 12**0.5)
