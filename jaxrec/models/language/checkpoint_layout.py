"""The tensor of a Hugging Face checkpoint in which each parameter of the decoder is stored, and its layout there."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from jaxrec.models.language.decoder_config import DecoderConfig


@dataclasses.dataclass(frozen=True)
class StoredParameter:
    """Where a parameter is stored.

    Attributes:
      name: of the tensor. shape: of the whole tensor.
      columns: (first, last + 1), the part of the tensor's last axis that is the parameter; None for all of it.
      transposed: whether the parameter is the tensor's transpose (linear layers of torch are [out, in]).
    """

    name: str
    shape: tuple[int, ...]
    columns: tuple[int, int] | None = None
    transposed: bool = False

    @property
    def param_shape(self) -> tuple[int, ...]:
        """Returns the shape of the parameter, in the decoder's layout."""
        columns = self.shape[-1:] if self.columns is None else (self.columns[1] - self.columns[0],)
        shape = (*self.shape[:-1], *columns)
        return shape[::-1] if self.transposed else shape

    def cut(self, tensor: np.ndarray) -> np.ndarray:
        """Returns the parameter in the file's layout, a view of the whole tensor."""
        return tensor if self.columns is None else tensor[..., slice(*self.columns)]

    def view(self, tensor: np.ndarray) -> np.ndarray:
        """Returns the parameter in the decoder's layout, a view of the whole tensor."""
        stored = self.cut(tensor)
        return stored.T if self.transposed else stored


# What checkpoints with an output head put before the names of all other tensors.
PREFIX = {"gpt2": "transformer.", "llama": "model."}
# Tensors of old releases that are no weights.
BUFFERS = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)|layers\.\d+\.self_attn\.rotary_emb\.inv_freq")


def stored_parameters(config: DecoderConfig) -> dict[str, StoredParameter]:
    """Returns the path of every parameter of the language model, such as 'blocks_0/query/kernel', and where it is
    stored."""
    layer, ends = {"gpt2": (_gpt2_layer, _gpt2_ends), "llama": (_llama_layer, _llama_ends)}[config.family]
    blocks = {f"blocks_{i}/{path}": stored for i in range(config.num_layers) for path, stored in layer(config, i)}
    return {**ends(config), **blocks}


def _gpt2_ends(c: DecoderConfig) -> dict[str, StoredParameter]:
    """Returns the parameters before and after the layers."""
    ends = {
        "token_embedding/embedding": StoredParameter("wte.weight", (c.vocab_size, c.width)),
        "position_embedding/embedding": StoredParameter("wpe.weight", (c.max_positions, c.width)),
        "norm/scale": StoredParameter("ln_f.weight", (c.width,)),
        "norm/bias": StoredParameter("ln_f.bias", (c.width,)),
    }
    return ends | _head(c)


def _head(c: DecoderConfig) -> dict[str, StoredParameter]:
    return (
        {} if c.tied else {"head/kernel": StoredParameter("lm_head.weight", (c.vocab_size, c.width), transposed=True)}
    )


def _gpt2_layer(c: DecoderConfig, layer: int) -> list[tuple[str, StoredParameter]]:
    """Returns the parameters of one layer; linear layers are stored [in, out], queries, keys and values in one."""
    layout, prefix = [], f"h.{layer}."
    for path, tensor in (("attention_norm", "ln_1"), ("mlp_norm", "ln_2")):
        layout += [(f"{path}/scale", StoredParameter(f"{prefix}{tensor}.weight", (c.width,)))]
        layout += [(f"{path}/bias", StoredParameter(f"{prefix}{tensor}.bias", (c.width,)))]
    for i, path in enumerate(("query", "key", "value")):
        columns = (i * c.width, (i + 1) * c.width)
        layout += [(f"{path}/kernel", StoredParameter(f"{prefix}attn.c_attn.weight", (c.width, 3 * c.width), columns))]
        layout += [(f"{path}/bias", StoredParameter(f"{prefix}attn.c_attn.bias", (3 * c.width,), columns))]
    linear = (
        ("output", "attn.c_proj", c.width, c.width),
        ("expand", "mlp.c_fc", c.width, c.mlp_width),
        ("contract", "mlp.c_proj", c.mlp_width, c.width),
    )
    for path, tensor, size_in, size_out in linear:
        layout += [(f"{path}/kernel", StoredParameter(f"{prefix}{tensor}.weight", (size_in, size_out)))]
        layout += [(f"{path}/bias", StoredParameter(f"{prefix}{tensor}.bias", (size_out,)))]
    return layout


def _llama_ends(c: DecoderConfig) -> dict[str, StoredParameter]:
    """Returns the parameters before and after the layers."""
    ends = {
        "token_embedding/embedding": StoredParameter("embed_tokens.weight", (c.vocab_size, c.width)),
        "norm/scale": StoredParameter("norm.weight", (c.width,)),
    }
    return ends | _head(c)


def _llama_layer(c: DecoderConfig, layer: int) -> list[tuple[str, StoredParameter]]:
    """Returns the parameters of one layer; linear layers are stored [out, in]."""
    layout, prefix = [], f"layers.{layer}."
    for path, tensor in (("attention_norm", "input_layernorm"), ("mlp_norm", "post_attention_layernorm")):
        layout += [(f"{path}/scale", StoredParameter(f"{prefix}{tensor}.weight", (c.width,)))]
    queries, groups = c.num_heads * c.head_size, c.num_kv_heads * c.head_size
    linear = (
        ("query", "self_attn.q_proj", c.width, queries, c.qkv_bias),
        ("key", "self_attn.k_proj", c.width, groups, c.qkv_bias),
        ("value", "self_attn.v_proj", c.width, groups, c.qkv_bias),
        ("output", "self_attn.o_proj", queries, c.width, c.output_bias),
        ("gate", "mlp.gate_proj", c.width, c.mlp_width, c.mlp_bias),
        ("expand", "mlp.up_proj", c.width, c.mlp_width, c.mlp_bias),
        ("contract", "mlp.down_proj", c.mlp_width, c.width, c.mlp_bias),
    )
    for path, tensor, size_in, size_out, bias in linear:
        layout += [
            (f"{path}/kernel", StoredParameter(f"{prefix}{tensor}.weight", (size_out, size_in), transposed=True))
        ]
        layout += [(f"{path}/bias", StoredParameter(f"{prefix}{tensor}.bias", (size_out,)))] if bias else []
    return layout
