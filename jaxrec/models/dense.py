"""A dense layer whose kernel gradient is computed by the faster of two equal matrix products."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

Array = jax.Array


@jax.custom_vjp
def matmul(inputs: Array, kernel: Array) -> Array:
    """Returns inputs [..., I] @ kernel [I, O], [..., O]; differentiable in reverse mode only.

    The derivative is the usual one, but written out: the kernel's gradient is computed with the smaller of I and O as
    its first axis, and stays one product of two matrices under `vmap` too (seeds are a vmapped axis). On a CPU the
    compiler's own choice makes the training step of a small transformer a fifth slower, and half as fast with two
    seeds.
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
        # The barrier keeps the compiler from merging the transposition into the product, which would undo the choice.
        kernel_gradient = jax.lax.optimization_barrier(flat_gradient.T @ flat).T
    return gradient @ kernel.T, kernel_gradient


matmul.defvjp(_forward, _backward)


class Dense(nn.Module):
    """Computes what `nn.Dense` does, from the same parameters, by `matmul`.

    Attributes:
      features: size of the last axis of the output. dtype: of the computation; parameters are float32.
    """

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
