"""Networks across the sessions of a user: what a session begins with (T 5.3.3), and Hier's recurrent alternative
(T 5.4.2)."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jaxrec.base.contracts import Array
from jaxrec.models.transformer import Block


class InterDT(nn.Module):
    """Attends over the unexpected return R_c and the inter-session state s_c, with a residual connection (T 5.3,
    T 5.4).

    Our reading of T's "self-attention layer": one block of a GPT in which both tokens see each other.
    """

    width: int

    @nn.compact
    def __call__(self, unexpected_return: Array, session_state: Array, user_state: Array) -> tuple[Array, Array, Array]:
        """Returns (goal return, goal state, user state unchanged), each [B, D].

        Args:
          unexpected_return: float32 [B], R_c. session_state: float32 [B, D], s_c. user_state: float32 [B, D].
        """
        embedding = self.param("embedding", nn.initializers.normal(self.width**-0.5), (self.width,), jnp.float32)
        tokens = jnp.stack([unexpected_return[:, None] * embedding[None], session_state], axis=1)
        outputs = Block(self.width, 1)(tokens, jnp.ones((1, 2, 2), bool))
        return outputs[:, 0], outputs[:, 1], user_state


class InterGRU(nn.Module):
    """Hier: a recurrent state of the user that moves on by the last state of each session (Quadrana et al., 2017)."""

    width: int

    @nn.compact
    def __call__(self, unexpected_return: Array, session_state: Array, user_state: Array) -> tuple[Array, Array, Array]:
        """Returns (goal return of zeros, goal state, next user state), each [B, D]; arguments as for `InterDT`."""
        # Not flax's orthogonal default: vmapped over seeds its QR deadlocks on a CPU of two cores.
        cell = nn.GRUCell(self.width, recurrent_kernel_init=nn.initializers.lecun_normal())
        user_state, goal_state = cell(user_state, session_state)
        return jnp.zeros_like(goal_state), goal_state, user_state
