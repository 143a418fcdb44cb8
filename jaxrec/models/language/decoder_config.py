"""The sizes and variants of a decoder, read from the `config.json` of a Hugging Face folder (GPT-2, Llama, Mistral,
Qwen 2)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxrec.base.errors import JaxrecError

ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}


@dataclasses.dataclass(frozen=True)
class Rotary:
    """The settings of rotary positions, and how their frequencies are lowered for long contexts.

    Attributes:
      theta: the base of the frequencies.
      kind: 'default'; 'linear', all frequencies divided by `factor`; or 'llama3', frequencies of fewer than `low`
        rotations per `original_length` positions divided by `factor`, those of more than `high` kept, and interpolation
        between the two.
    """

    theta: float = 10000.0
    kind: str = "default"
    factor: float = 1.0
    low: float = 1.0
    high: float = 4.0
    original_length: int = 8192


@dataclasses.dataclass(frozen=True)
class DecoderConfig:
    """The sizes and variants of one decoder; hashable, so that a module can have it as an attribute.

    Attributes:
      family: 'gpt2', with layer norm, learned positions and plain feed-forward layers; or 'llama', with RMS norm,
        rotary positions and gated feed-forward layers.
      vocab_size: V. width: D. num_heads: H, of queries. num_kv_heads: G, of keys and values. head_size: numbers per
        head. mlp_width: of the feed-forward layers.
      max_positions: the longest sequence, in tokens.
      tied: whether the output head is the token embedding.
      qkv_bias, output_bias, mlp_bias: whether these layers have a bias.
      window: how many tokens each token sees, itself included (a sliding window); 0 for all earlier ones.
    """

    family: str
    vocab_size: int
    width: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_size: int
    mlp_width: int
    max_positions: int
    norm_epsilon: float
    activation: str
    tied: bool
    rotary: Rotary | None = None
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    window: int = 0


def gpt2(
    *, vocab_size: int, width: int, num_layers: int, num_heads: int, max_positions: int, **changes: Any
) -> DecoderConfig:
    """Returns a GPT-2 of these sizes, published in all other settings; `changes` replaces fields of `DecoderConfig`."""
    shape = {"width": width, "num_layers": num_layers, "num_heads": num_heads, "num_kv_heads": num_heads}
    published = {"mlp_width": 4 * width, "norm_epsilon": 1e-5, "activation": "gelu_tanh", "tied": True}
    biases = {"qkv_bias": True, "output_bias": True, "mlp_bias": True}
    rest = {"vocab_size": vocab_size, "max_positions": max_positions, "head_size": width // num_heads}
    return DecoderConfig("gpt2", **(shape | published | biases | rest | changes))


def read(folder: Path | str) -> DecoderConfig:
    """Reads the config of the decoder in a Hugging Face folder.

    Raises:
      JaxrecError: names the file, and the field that is missing, out of its range, or of a variant that this decoder
        does not compute.
    """
    path = Path(folder).expanduser() / "config.json"
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise JaxrecError(
            f"{path} cannot be read ({error.strerror}); name the folder of a Hugging Face model with config.json, "
            "*.safetensors and its tokenizer"
        ) from error
    except (ValueError, RecursionError) as error:
        raise JaxrecError(f"{path} is not JSON ({error}); download it again") from error
    if not isinstance(fields, dict):
        raise JaxrecError(f"{path} holds no JSON object; download it again")
    kind = fields.get("model_type")
    readers = {"gpt2": _gpt2, "llama": _llama, "mistral": _mistral, "qwen2": _qwen2}
    if not isinstance(kind, str) or kind not in readers:
        raise JaxrecError(f"{path}: model_type is {kind!r}; this decoder knows {', '.join(sorted(readers))}")
    config = readers[kind](_Fields(path, fields))
    if config.head_size % 2 and config.rotary:
        raise JaxrecError(f"{path}: head_dim is {config.head_size}; rotary positions need an even number")
    if config.num_heads % config.num_kv_heads:
        heads, groups = config.num_heads, config.num_kv_heads
        raise JaxrecError(f"{path}: num_attention_heads {heads} is no multiple of num_key_value_heads {groups}")
    return config


class _Fields:
    """The fields of one config.json, each read as a size, a number or a switch; errors name the file and the field."""

    def __init__(self, path: Path, fields: Mapping[str, Any]):
        self.path, self.fields = path, fields

    def size(self, name: str, default: int | None = None) -> int:
        value = self.fields.get(name)
        value = default if value is None else value
        if type(value) is not int or value < 1:
            raise JaxrecError(f"{self.path}: {name} is {value!r}; a whole number above 0 is needed")
        return value

    def number(self, name: str, default: float, fields: Mapping[str, Any] | None = None) -> float:
        value = (self.fields if fields is None else fields).get(name, default)
        if type(value) not in (int, float) or value <= 0:
            raise JaxrecError(f"{self.path}: {name} is {value!r}; a number above 0 is needed")
        return float(value)

    def switch(self, name: str, default: bool) -> bool:
        value = self.fields.get(name, default)
        if not isinstance(value, bool):
            raise JaxrecError(f"{self.path}: {name} is {value!r}; true or false is needed")
        return value

    def activation(self, name: str, default: str) -> str:
        value = self.fields.get(name, default)
        if value not in ACTIVATIONS:
            raise JaxrecError(f"{self.path}: {name} is {value!r}; this decoder knows {', '.join(sorted(ACTIVATIONS))}")
        return ACTIVATIONS[value]

    def check_equal(self, name: str, supported: Any) -> None:
        value = self.fields.get(name, supported)
        if value != supported:
            raise JaxrecError(f"{self.path}: {name} is {value!r}; this decoder computes only {supported!r}")


def _gpt2(fields: _Fields) -> DecoderConfig:
    for name, supported in (
        ("scale_attn_weights", True),
        ("scale_attn_by_inverse_layer_idx", False),
        ("add_cross_attention", False),
    ):
        fields.check_equal(name, supported)
    width, num_heads = fields.size("n_embd"), fields.size("n_head")
    if width % num_heads:
        raise JaxrecError(f"{fields.path}: n_embd {width} does not split into {num_heads} heads")
    return gpt2(
        vocab_size=fields.size("vocab_size"),
        width=width,
        num_layers=fields.size("n_layer"),
        num_heads=num_heads,
        max_positions=fields.size("n_positions", fields.fields.get("n_ctx")),
        mlp_width=fields.size("n_inner", 4 * width),
        norm_epsilon=fields.number("layer_norm_epsilon", 1e-5),
        activation=fields.activation("activation_function", "gelu_new"),
        tied=fields.switch("tie_word_embeddings", True),
    )


def _llama(fields: _Fields, **changes: Any) -> DecoderConfig:
    width, num_heads = fields.size("hidden_size"), fields.size("num_attention_heads")
    bias = fields.switch("attention_bias", False)
    options = {
        "vocab_size": fields.size("vocab_size"),
        "width": width,
        "num_layers": fields.size("num_hidden_layers"),
        "num_heads": num_heads,
        "num_kv_heads": fields.size("num_key_value_heads", num_heads),
        "head_size": fields.size("head_dim", width // num_heads),
        "mlp_width": fields.size("intermediate_size"),
        "max_positions": fields.size("max_position_embeddings"),
        "norm_epsilon": fields.number("rms_norm_eps", 1e-6),
        "activation": fields.activation("hidden_act", "silu"),
        "tied": fields.switch("tie_word_embeddings", False),
        "rotary": _rotary(fields),
        "qkv_bias": bias,
        "output_bias": bias,
        "mlp_bias": fields.switch("mlp_bias", False),
    }
    return DecoderConfig("llama", **(options | changes))


def _mistral(fields: _Fields) -> DecoderConfig:
    window = fields.fields.get("sliding_window")
    return _llama(fields, window=fields.size("sliding_window") if window is not None else 0)


def _qwen2(fields: _Fields) -> DecoderConfig:
    """Reads a Qwen 2, which has biases on queries, keys and values alone; either all of its layers may have a sliding
    window, or none."""
    window = 0
    if fields.switch("use_sliding_window", False) and fields.fields.get("sliding_window") is not None:
        first, layers = fields.fields.get("max_window_layers", 0), fields.size("num_hidden_layers")
        if 0 < first < layers:
            raise JaxrecError(
                f"{fields.path}: use_sliding_window with max_window_layers {first} of {layers} mixes two kinds of "
                "attention; this decoder computes only one in all layers"
            )
        window = fields.size("sliding_window") if first == 0 else 0
    return _llama(fields, qkv_bias=True, output_bias=False, window=window)


def _rotary(fields: _Fields) -> Rotary:
    """Reads `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (earlier versions)."""
    scaling = fields.fields.get("rope_parameters") or fields.fields.get("rope_scaling") or {}
    if not isinstance(scaling, dict):
        raise JaxrecError(f"{fields.path}: rope_scaling is {scaling!r}; a JSON object is needed")
    theta = fields.number("rope_theta", fields.fields.get("rope_theta") or 10000.0, scaling)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return Rotary(theta)
    if kind not in ("linear", "llama3"):
        raise JaxrecError(f"{fields.path}: rope_type is {kind!r}; this decoder knows default, linear and llama3")
    factor = fields.number("factor", 1.0, scaling)
    if kind == "linear":
        return Rotary(theta, kind, factor)
    low, high = fields.number("low_freq_factor", 1.0, scaling), fields.number("high_freq_factor", 4.0, scaling)
    if low >= high:
        raise JaxrecError(f"{fields.path}: low_freq_factor {low} must lie below high_freq_factor {high}")
    original = int(fields.number("original_max_position_embeddings", 8192, scaling))
    return Rotary(theta, kind, factor, low, high, original)
