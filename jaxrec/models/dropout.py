"""Dropout whose random bits take almost no time: a hash of each element's index and of two words drawn with the key."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp


class Dropout(nn.Module):
    """Zeroes each element with probability `rate`, to within 2^-32, and divides the others by 1 - rate.

    `nn.Dropout` draws every random bit with a cipher (threefry), which takes a tenth of a training step on a CPU. The
    hash is a few integer operations, which the compiler fuses with the multiplication and recomputes in the backward
    pass instead of storing their result.
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
    """Returns uint32 [shape]: each element's index, mixed with one random word and then with another, so that different
    keys give different patterns."""
    first, second = jax.random.bits(key, (2,), jnp.uint32)
    size = 1
    for axis in shape:
        size *= axis
    return _mix(_mix(jnp.arange(size, dtype=jnp.uint32) + first) ^ second).reshape(shape)


def _mix(x: jax.Array) -> jax.Array:
    """Maps 32-bit words one to one, so that every input bit influences every output bit (Wellons' low-bias
    constants)."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)
