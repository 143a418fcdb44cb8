"""Attention of a language model: grouped queries, rotary positions and a sliding window, through the fused kernels.

Keys are rotated where they are read, not where they are made. A rotation turns query and key by the difference of their
positions alone, so any numbering that counts on by one inside a sequence gives the same result: cached keys stay valid
when a window moves on, and every suffix of a sequence may share them.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.models.language import cpu_attention
from jaxrec.models.language.config import DecoderConfig, Rotary

Array = jax.Array


def frequencies(rotary: Rotary, head_size: int) -> np.ndarray:
    """Radians per position [head_size / 2], float32 (Su et al., 2021; 'llama3' as in Llama 3.1's release)."""
    base = 1.0 / rotary.theta ** (np.arange(0, head_size, 2, dtype=np.float64) / head_size)
    if rotary.kind == "linear":
        base = base / rotary.factor
    elif rotary.kind == "llama3":
        turns = rotary.original_length * base / (2 * np.pi)
        share = np.clip((turns - rotary.low) / (rotary.high - rotary.low), 0.0, 1.0)
        base = share * base + (1 - share) * base / rotary.factor
    return base.astype(np.float32)


def rotate(heads: Array, positions: Array, rates: np.ndarray) -> Array:
    """Turns each pair (i, i + D/2) of [B, L, H, D] by position [L] times its rate; in float32."""
    angle = positions.astype(jnp.float32)[:, None] * rates[None]
    cosine, sine = (f(angle)[None, :, None].astype(jnp.float32) for f in (jnp.cos, jnp.sin))
    first, second = jnp.split(heads.astype(jnp.float32), 2, axis=-1)
    turned = jnp.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)
    return turned.astype(heads.dtype)


def make(config: DecoderConfig):
    """`attend(queries, keys, values, mask)` for `models.caches`: [B, Lq, H, D], [B, Lk, G, D] -> [B, Lq, H, D].

    The queries are the last Lq of the Lk tokens. `mask` bool [B|1, Lq, Lk] says who sees whom, None means causal.
    """
    rates = frequencies(config.rotary, config.head_size) if config.rotary else None
    return partial(_attend, rates, config.window)


def _attend(
    rates: np.ndarray | None, window: int, queries: Array, keys: Array, values: Array, mask: Array | None
) -> Array:
    place = jnp.arange(keys.shape[1])
    last = place[keys.shape[1] - queries.shape[1] :]
    if rates is not None:
        queries, keys = rotate(queries, last, rates), rotate(keys, place, rates)
    if jax.default_backend() == "cpu" and queries.dtype == jnp.float32:
        distance = (last[:, None] - place[None])[None]
        mask = distance >= 0 if mask is None else mask
        mask = mask & (distance < window) if window else mask
        return cpu_attention.attend(queries, keys, values, mask)
    return _fused(window, queries, keys, values, mask)


def _fused(window: int, queries: Array, keys: Array, values: Array, mask: Array | None) -> Array:
    """The same, without rotation, by the fused kernel where there is one."""
    implementation = _implementation(queries)
    if mask is None:
        local = (window - 1, 0) if window else None
        return jax.nn.dot_product_attention(
            queries, keys, values, is_causal=True, local_window_size=local, implementation=implementation
        )
    if window:
        place = jnp.arange(keys.shape[1])
        mask = mask & (place[keys.shape[1] - queries.shape[1] :, None] - place[None] < window)[None]
    return jax.nn.dot_product_attention(queries, keys, values, mask=mask[:, None], implementation=implementation)


def _implementation(queries: Array) -> str | None:
    """cuDNN's kernel where it exists (half precision on a GPU); JAX does not choose it by itself."""
    half = queries.dtype in (jnp.bfloat16, jnp.float16)
    fits = queries.shape[-1] % 8 == 0 and queries.shape[-1] <= 128
    return "cudnn" if half and fits and jax.default_backend() == "gpu" else None
