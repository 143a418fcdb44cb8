"""Which tensor of a Hugging Face checkpoint each parameter of the decoder is, and how it lies there."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from jaxrec.models.language.config import DecoderConfig


@dataclasses.dataclass(frozen=True)
class Stored:
    """A parameter inside a file: tensor `name` of `shape`, of it the `columns` (last axis), `transposed` to our
    layout (linear layers of torch are [out, in])."""

    name: str
    shape: tuple[int, ...]
    columns: tuple[int, int] | None = None
    transposed: bool = False

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of the parameter, in our layout."""
        columns = self.shape[-1:] if self.columns is None else (self.columns[1] - self.columns[0],)
        shape = (*self.shape[:-1], *columns)
        return shape[::-1] if self.transposed else shape

    def cut(self, tensor: np.ndarray) -> np.ndarray:
        """The parameter as it lies in the file, a view of the whole tensor."""
        return tensor if self.columns is None else tensor[..., slice(*self.columns)]

    def view(self, tensor: np.ndarray) -> np.ndarray:
        """The parameter in our layout, a view of the whole tensor."""
        part = self.cut(tensor)
        return part.T if self.transposed else part


# Prefixes that a checkpoint with a head puts before the names of its body.
PREFIX = {"gpt2": "transformer.", "llama": "model."}
# Buffers of old releases that hold no weights.
BUFFERS = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)|layers\.\d+\.self_attn\.rotary_emb\.inv_freq")


def parameters(config: DecoderConfig) -> dict[str, Stored]:
    """Parameter path ('blocks_0/query/kernel') -> where it is stored; every parameter of the language model once."""
    layers = {"gpt2": _gpt2_layer, "llama": _llama_layer}[config.family]
    found = {f"blocks_{i}/{path}": stored for i in range(config.num_layers) for path, stored in layers(config, i)}
    return {**_gpt2_ends(config), **found} if config.family == "gpt2" else {**_llama_ends(config), **found}


def _gpt2_ends(c: DecoderConfig) -> dict[str, Stored]:
    ends = {
        "token_embedding/embedding": Stored("wte.weight", (c.vocab_size, c.width)),
        "position_embedding/embedding": Stored("wpe.weight", (c.max_positions, c.width)),
        "norm/scale": Stored("ln_f.weight", (c.width,)),
        "norm/bias": Stored("ln_f.bias", (c.width,)),
    }
    return ends | _head(c)


def _head(c: DecoderConfig) -> dict[str, Stored]:
    return {} if c.tied else {"head/kernel": Stored("lm_head.weight", (c.vocab_size, c.width), transposed=True)}


def _gpt2_layer(c: DecoderConfig, layer: int) -> list[tuple[str, Stored]]:
    """GPT-2's linear layers are stored [in, out], queries, keys and values side by side."""
    found, head = [], f"h.{layer}."
    for ours, theirs in (("attention_norm", "ln_1"), ("mlp_norm", "ln_2")):
        found += [(f"{ours}/scale", Stored(f"{head}{theirs}.weight", (c.width,)))]
        found += [(f"{ours}/bias", Stored(f"{head}{theirs}.bias", (c.width,)))]
    for i, ours in enumerate(("query", "key", "value")):
        columns = (i * c.width, (i + 1) * c.width)
        found += [(f"{ours}/kernel", Stored(f"{head}attn.c_attn.weight", (c.width, 3 * c.width), columns))]
        found += [(f"{ours}/bias", Stored(f"{head}attn.c_attn.bias", (3 * c.width,), columns))]
    linear = (
        ("output", "attn.c_proj", c.width, c.width),
        ("expand", "mlp.c_fc", c.width, c.mlp_width),
        ("contract", "mlp.c_proj", c.mlp_width, c.width),
    )
    for ours, theirs, size_in, size_out in linear:
        found += [(f"{ours}/kernel", Stored(f"{head}{theirs}.weight", (size_in, size_out)))]
        found += [(f"{ours}/bias", Stored(f"{head}{theirs}.bias", (size_out,)))]
    return found


def _llama_ends(c: DecoderConfig) -> dict[str, Stored]:
    ends = {
        "token_embedding/embedding": Stored("embed_tokens.weight", (c.vocab_size, c.width)),
        "norm/scale": Stored("norm.weight", (c.width,)),
    }
    return ends | _head(c)


def _llama_layer(c: DecoderConfig, layer: int) -> list[tuple[str, Stored]]:
    found, head = [], f"layers.{layer}."
    for ours, theirs in (("attention_norm", "input_layernorm"), ("mlp_norm", "post_attention_layernorm")):
        found += [(f"{ours}/scale", Stored(f"{head}{theirs}.weight", (c.width,)))]
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
    for ours, theirs, size_in, size_out, bias in linear:
        found += [(f"{ours}/kernel", Stored(f"{head}{theirs}.weight", (size_out, size_in), transposed=True))]
        found += [(f"{ours}/bias", Stored(f"{head}{theirs}.bias", (size_out,)))] if bias else []
    return found
