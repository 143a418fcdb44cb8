"""Small Hugging Face checkpoints of every family, their weights drawn by numpy from a seed, so that only the reference
logits need storing. Imports neither jax nor jaxrec: the script that makes the references runs without them."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

VOCAB, WIDTH, HEADS, GROUPS, LAYERS, INNER = 37, 24, 6, 2, 3, 40
GPT2 = {
    "model_type": "gpt2",
    "architectures": ["GPT2LMHeadModel"],
    "vocab_size": VOCAB,
    "n_positions": 32,
    "n_embd": WIDTH,
    "n_layer": LAYERS,
    "n_head": HEADS,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "tie_word_embeddings": True,
}
LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": VOCAB,
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": GROUPS,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "bos_token_id": 0,
    "eos_token_id": 0,
    "tie_word_embeddings": False,
}
# As published, but the original length so short that 24 tokens reach every part of the frequency curve.
LLAMA3_SCALING = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 12,
}
CASES = {
    "gpt2": GPT2,
    "gpt2_untied": GPT2 | {"n_inner": INNER, "activation_function": "gelu", "tie_word_embeddings": False},
    # Llama 3.2: rope scaling, tied head, heads wider than width / heads
    "llama32": LLAMA
    | {"head_dim": 8, "rope_theta": 100.0, "rope_scaling": LLAMA3_SCALING, "tie_word_embeddings": True},
    "llama_biases": LLAMA | {"attention_bias": True, "mlp_bias": True},
    "llama_linear": LLAMA | {"rope_scaling": {"type": "linear", "factor": 4.0}},
    # Qwen 2.5 and, untied, DeepSeek-R1-distill-Qwen: biases on queries, keys and values
    "qwen2": LLAMA | {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "tie_word_embeddings": True},
    "deepseek_qwen": LLAMA
    | {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "use_sliding_window": False, "sliding_window": 4},
    "qwen2_sliding": LLAMA
    | {
        "model_type": "qwen2",
        "architectures": ["Qwen2ForCausalLM"],
        "use_sliding_window": True,
        "sliding_window": 5,
        "max_window_layers": 0,
    },
    "mistral": LLAMA | {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 5},
}
SHARDED = ("qwen2", "mistral")  # stored in three files and an index


def input_ids() -> np.ndarray:
    """int [2, 24]."""
    return np.random.default_rng(7).integers(0, VOCAB, (2, 24))


def shapes(config: dict) -> dict[str, tuple[int, ...]]:
    """Tensor name -> shape, as transformers stores such a model."""
    return _gpt2_shapes(config) if config["model_type"] == "gpt2" else _llama_shapes(config)


def _gpt2_shapes(c: dict) -> dict[str, tuple[int, ...]]:
    width, inner = c["n_embd"], c.get("n_inner", 4 * c["n_embd"])
    found = {
        "transformer.wte.weight": (c["vocab_size"], width),
        "transformer.wpe.weight": (c["n_positions"], width),
        "transformer.ln_f.weight": (width,),
        "transformer.ln_f.bias": (width,),
    }
    linear = {"attn.c_attn": (width, 3 * width), "attn.c_proj": (width, width)}
    linear |= {"mlp.c_fc": (width, inner), "mlp.c_proj": (inner, width)}
    for layer in range(c["n_layer"]):
        head = f"transformer.h.{layer}."
        for norm in ("ln_1", "ln_2"):
            found |= {f"{head}{norm}.weight": (width,), f"{head}{norm}.bias": (width,)}
        for name, shape in linear.items():
            found |= {f"{head}{name}.weight": shape, f"{head}{name}.bias": shape[1:]}
    return found if c["tie_word_embeddings"] else found | {"lm_head.weight": (c["vocab_size"], width)}


def _llama_shapes(c: dict) -> dict[str, tuple[int, ...]]:
    width, inner = c["hidden_size"], c["intermediate_size"]
    head_size = c.get("head_dim", width // c["num_attention_heads"])
    queries, groups = c["num_attention_heads"] * head_size, c["num_key_value_heads"] * head_size
    found = {"model.embed_tokens.weight": (c["vocab_size"], width), "model.norm.weight": (width,)}
    qwen = c["model_type"] == "qwen2"
    attention, mlp = c.get("attention_bias", False), c.get("mlp_bias", False)
    linear = {
        "self_attn.q_proj": ((queries, width), qwen or attention),
        "self_attn.k_proj": ((groups, width), qwen or attention),
        "self_attn.v_proj": ((groups, width), qwen or attention),
        "self_attn.o_proj": ((width, queries), attention),
        "mlp.gate_proj": ((inner, width), mlp),
        "mlp.up_proj": ((inner, width), mlp),
        "mlp.down_proj": ((width, inner), mlp),
    }
    for layer in range(c["num_hidden_layers"]):
        head = f"model.layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            found[f"{head}{norm}.weight"] = (width,)
        for name, (shape, bias) in linear.items():
            found[f"{head}{name}.weight"] = shape
            if bias:
                found[f"{head}{name}.bias"] = shape[:1]
    return found if c["tie_word_embeddings"] else found | {"lm_head.weight": (c["vocab_size"], width)}


def weights(config: dict) -> dict[str, np.ndarray]:
    """float32, each tensor from its own name's seed; wide enough that every part of the model matters."""
    found = {}
    for name, shape in shapes(config).items():
        draw = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, np.float32)
        norm = len(shape) == 1 and name.endswith("weight")
        found[name] = 1 + 0.2 * draw if norm else 0.3 * draw
    return {name: tensor.astype(np.float32) for name, tensor in found.items()}


def write(folder: Path, config: dict, *, shards: int = 1) -> None:
    """The folder as a download would leave it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config | {"torch_dtype": "float32"}))
    tensors = weights(config)
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return
    names = list(tensors)
    files = [f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i in range(shards)]
    for i, file in enumerate(files):
        save_file({name: tensors[name] for name in names[i::shards]}, folder / file, {"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: files[i % shards] for i, name in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
