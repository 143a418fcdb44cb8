"""Dropout whose random bits cost next to nothing: a hash of each element's index, keyed by two words of the key."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp


class Dropout(nn.Module):
    """Zeroes each element with probability `rate` (to 2^-32) and scales the rest so that the mean stays.

    `nn.Dropout` draws every bit with a cipher (threefry), a tenth of a training step on a CPU. The hash is a few
    integer operations that fuse with the multiplication and are recomputed in the backward pass instead of stored.
    """

    rate: float

    @nn.compact
    def __call__(self, inputs: jax.Array, deterministic: bool) -> jax.Array:
        if deterministic or self.rate == 0.0:
            return inputs
        keep = 1.0 - self.rate
        kept = _hashed_bits(self.make_rng("dropout"), inputs.shape) < jnp.uint32(min(keep * 2.0**32, 2.0**32 - 1))
        return jnp.where(kept, inputs / keep, jnp.zeros_like(inputs))


def _hashed_bits(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """uint32 [shape]: the index mixed with one word, then again with the other, so that no two keys share a pattern."""
    first, second = jax.random.bits(key, (2,), jnp.uint32)
    size = 1
    for axis in shape:
        size *= axis
    return _mix(_mix(jnp.arange(size, dtype=jnp.uint32) + first) ^ second).reshape(shape)


def _mix(x: jax.Array) -> jax.Array:
    """A bijection of 32-bit words in which every input bit moves every output bit (Wellons' low-bias constants)."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)
