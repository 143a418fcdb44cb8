"""A dense layer whose kernel gradient is computed the quick way round."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

Array = jax.Array


@jax.custom_vjp
def matmul(inputs: Array, kernel: Array) -> Array:
    """inputs [..., I] @ kernel [I, O] -> [..., O]; differentiable in reverse mode only.

    The derivative is the usual one. Written out, it stays one plain product of two matrices also under `vmap` (seeds
    are a vmapped axis) and has the smaller of I and O first. On a CPU the compiler's own choice made the training step
    of a small transformer a fifth slower, and half as fast with two seeds.
    """
    return inputs @ kernel


def _forward(inputs: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return inputs @ kernel, (inputs, kernel)


def _backward(saved: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    inputs, kernel = saved
    size_in, size_out = kernel.shape
    flat, flat_gradient = inputs.reshape(-1, size_in), gradient.reshape(-1, size_out)
    if size_in <= size_out:
        kernel_gradient = flat.T @ flat_gradient
    else:
        # The barrier keeps the compiler from turning the product round again.
        kernel_gradient = jax.lax.optimization_barrier(flat_gradient.T @ flat).T
    return gradient @ kernel.T, kernel_gradient


matmul.defvjp(_forward, _backward)


class Dense(nn.Module):
    """`nn.Dense`, with the same parameters, on `matmul`."""

    features: int
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    dtype: jnp.dtype = jnp.float32
    use_bias: bool = True

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        kernel = self.param("kernel", self.kernel_init, (inputs.shape[-1], self.features), jnp.float32)
        outputs = matmul(inputs.astype(self.dtype), kernel.astype(self.dtype))
        if not self.use_bias:
            return outputs
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,), jnp.float32)
        return outputs + bias.astype(self.dtype).reshape((1,) * (outputs.ndim - 1) + (-1,))
