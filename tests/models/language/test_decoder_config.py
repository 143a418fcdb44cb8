"""config.json: what is read, and one clear line for everything else."""

from __future__ import annotations

import json

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.models.language import decoder_config
from tests.models.language.checkpoints import GPT2, LLAMA


def read(tmp_path, fields):
    (tmp_path / "config.json").write_text(fields if isinstance(fields, str) else json.dumps(fields))
    return decoder_config.read(tmp_path)


def test_sizes_and_switches(tmp_path):
    found = read(tmp_path, LLAMA | {"model_type": "mistral", "sliding_window": 4096})
    assert (found.family, found.num_kv_heads, found.head_size, found.window, found.tied) == ("llama", 2, 4, 4096, False)
    assert read(tmp_path, LLAMA | {"model_type": "mistral", "sliding_window": None}).window == 0
    qwen = LLAMA | {"model_type": "qwen2", "sliding_window": 5, "max_window_layers": 3}
    assert read(tmp_path, qwen).window == 0 and read(tmp_path, qwen).qkv_bias and not read(tmp_path, qwen).output_bias
    assert read(tmp_path, qwen | {"use_sliding_window": True}).window == 0
    assert read(tmp_path, qwen | {"use_sliding_window": True, "max_window_layers": 0}).window == 5
    assert read(tmp_path, GPT2).mlp_width == 4 * 24


def test_both_spellings_of_rope(tmp_path):
    scaling = {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 16}
    old = read(tmp_path, LLAMA | {"rope_theta": 5e5, "rope_scaling": scaling})
    without = {name: value for name, value in LLAMA.items() if name != "rope_theta"}
    new = read(tmp_path, without | {"rope_parameters": {**scaling, "rope_theta": 5e5}})
    assert old == new and old.rotary == decoder_config.Rotary(5e5, "llama3", 8.0, 1.0, 4.0, 16)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "no JSON object"),
        ({"model_type": "mamba"}, "model_type is 'mamba'; this decoder knows gpt2, llama, mistral, qwen2"),
        ({}, "model_type is None"),
        ({"model_type": ["llama"]}, r"model_type is \['llama'\]"),
        (LLAMA | {"hidden_size": None}, "hidden_size is None; a whole number above 0"),
        (LLAMA | {"hidden_size": "24"}, "hidden_size is '24'"),
        (LLAMA | {"num_key_value_heads": 4}, "num_attention_heads 6 is no multiple of num_key_value_heads 4"),
        (LLAMA | {"hidden_act": "xielu"}, "hidden_act is 'xielu'; this decoder knows"),
        (LLAMA | {"rope_scaling": {"rope_type": "yarn", "factor": 4}}, "rope_type is 'yarn'"),
        (LLAMA | {"rope_scaling": 4}, "rope_scaling is 4"),
        (LLAMA | {"rms_norm_eps": 0}, "rms_norm_eps is 0; a number above 0"),
        (LLAMA | {"head_dim": 5}, "head_dim is 5; rotary positions need an even number"),
        (LLAMA | {"tie_word_embeddings": "no"}, "tie_word_embeddings is 'no'; true or false"),
        (LLAMA | {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
         "mixes two kinds of attention"),
        (GPT2 | {"n_head": 5}, "n_embd 24 does not split into 5 heads"),
        (GPT2 | {"scale_attn_by_inverse_layer_idx": True}, "computes only False"),
    ],
)  # fmt: skip
def test_mistakes_are_one_clear_line(tmp_path, fields, message):
    with pytest.raises(JaxrecError, match=message) as raised:
        read(tmp_path, fields)
    assert "\n" not in str(raised.value) and str(tmp_path) in str(raised.value)


def test_a_folder_without_config(tmp_path):
    with pytest.raises(JaxrecError, match="config.json cannot be read.*name the folder of a Hugging Face model"):
        decoder_config.read(tmp_path / "nowhere")
