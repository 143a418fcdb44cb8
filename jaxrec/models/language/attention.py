"""Attention of a language model: grouped queries, rotary positions and a sliding window, by fused kernels.

Keys are rotated when they are attended to, not when they are computed, so caches hold them unrotated. The score of a
query and a key depends on the difference of their positions alone. So positions may be counted from anywhere in a
sequence: cached keys stay valid when a window moves on, and all suffixes of a sequence can share them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.models.language import cpu_attention
from jaxrec.models.language.decoder_config import DecoderConfig, Rotary

Array = jax.Array


def rotary_frequencies(rotary: Rotary, head_size: int) -> np.ndarray:
    """Returns float32 [head_size / 2], by how many radians each pair of numbers is rotated per position (Su et al.,
    2021; the kind 'llama3' as in the release of Llama 3.1)."""
    base = 1.0 / rotary.theta ** (np.arange(0, head_size, 2, dtype=np.float64) / head_size)
    if rotary.kind == "linear":
        base = base / rotary.factor
    elif rotary.kind == "llama3":
        turns = rotary.original_length * base / (2 * np.pi)
        share = np.clip((turns - rotary.low) / (rotary.high - rotary.low), 0.0, 1.0)
        base = share * base + (1 - share) * base / rotary.factor
    return base.astype(np.float32)


def rotate(heads: Array, positions: Array, frequencies: np.ndarray) -> Array:
    """Rotates each pair (i, i + D/2) of the last axis by its frequency times the position; computed in float32.

    Args:
      heads: [B, L, H, D]. positions: int32 [L]. frequencies: float32 [D/2], in radians.
    """
    angle = positions.astype(jnp.float32)[:, None] * frequencies[None]
    cosine, sine = (f(angle)[None, :, None].astype(jnp.float32) for f in (jnp.cos, jnp.sin))
    first, second = jnp.split(heads.astype(jnp.float32), 2, axis=-1)
    rotated = jnp.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)
    return rotated.astype(heads.dtype)


def make_attend(config: DecoderConfig) -> Callable[[Array, Array, Array, Array | None], Array]:
    """Makes `attend(queries, keys, values, mask) -> [B, Lq, H, D]`, the attention of a decoder.

    Its arguments: queries [B, Lq, H, D], of the last Lq of Lk tokens; keys and values [B, Lk, G, D], where G divides H;
    mask bool [B or 1, Lq, Lk], which keys each query sees, or None for the causal mask.
    """
    frequencies = rotary_frequencies(config.rotary, config.head_size) if config.rotary else None
    return partial(_attend, frequencies, config.window)


def _attend(
    frequencies: np.ndarray | None, window: int, queries: Array, keys: Array, values: Array, mask: Array | None
) -> Array:
    position = jnp.arange(keys.shape[1])
    query_position = position[keys.shape[1] - queries.shape[1] :]
    if frequencies is not None:
        queries, keys = rotate(queries, query_position, frequencies), rotate(keys, position, frequencies)
    if jax.default_backend() == "cpu" and queries.dtype == jnp.float32:
        distance = (query_position[:, None] - position[None])[None]
        mask = distance >= 0 if mask is None else mask
        mask = mask & (distance < window) if window else mask
        return cpu_attention.attend(queries, keys, values, mask)
    return _fused(window, queries, keys, values, mask)


def _fused(window: int, queries: Array, keys: Array, values: Array, mask: Array | None) -> Array:
    """Returns the attention of queries and keys that are already rotated, by a fused kernel where there is one."""
    implementation = _implementation(queries)
    if mask is None:
        local = (window - 1, 0) if window else None
        return jax.nn.dot_product_attention(
            queries, keys, values, is_causal=True, local_window_size=local, implementation=implementation
        )
    if window:
        position = jnp.arange(keys.shape[1])
        mask = mask & (position[keys.shape[1] - queries.shape[1] :, None] - position[None] < window)[None]
    return jax.nn.dot_product_attention(queries, keys, values, mask=mask[:, None], implementation=implementation)


def _implementation(queries: Array) -> str | None:
    """Returns the name of cuDNN's kernel for half precision on a GPU, which JAX does not choose by itself; else
    None."""
    half = queries.dtype in (jnp.bfloat16, jnp.float16)
    fits = queries.shape[-1] % 8 == 0 and queries.shape[-1] <= 128
    return "cudnn" if half and fits and jax.default_backend() == "gpu" else None
