"""Checkpoint files: every damage named, slices to every sharding, one tensor at a time, and the way back."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jaxrec.base.errors import JaxrecError
from jaxrec.models.language import checkpoint_layout, decoder_config, weights
from tests.models.language import checkpoints
from tests.models.language.loading import abstract

FILE, INDEX = "model.safetensors", "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path):
    checkpoints.write(tmp_path, checkpoints.CASES["llama32"])
    return tmp_path


def refused(folder, message):
    with pytest.raises(JaxrecError, match=message) as raised:
        weights.check_tensors(folder, decoder_config.read(folder))
    assert "\n" not in str(raised.value) and folder.name in str(raised.value)


def rewrite(folder, change):
    tensors = load_file(folder / FILE)
    change(tensors)
    save_file(tensors, folder / FILE)


def test_missing_surplus_and_misshapen_tensors_are_named(folder):
    name = "model.layers.1.mlp.up_proj.weight"
    rewrite(folder, lambda t: t.update({name: np.zeros((3, 4), np.float32)}))
    refused(folder, r"layers.1.mlp.up_proj.weight is of shape \[3, 4\] where config.json makes it \[40, 24\]")
    rewrite(folder, lambda t: t.pop(name))
    refused(folder, r"tensor layers.1.mlp.up_proj.weight \[40, 24\] is missing")
    checkpoints.write(folder, checkpoints.CASES["llama32"])
    rewrite(folder, lambda t: t.update({"model.layers.0.self_attn.q_proj.bias": np.zeros(8, np.float32)}))
    refused(folder, "layers.0.self_attn.q_proj.bias is surplus")


def test_truncated_and_damaged_files_are_named(folder):
    whole = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(whole[:-40])
    refused(folder, r"tensor [\w.]+ is truncated \(it ends at byte [\d,]+, the file at [\d,]+\)")
    (folder / FILE).write_bytes(whole[:100])
    refused(folder, "ends inside its header")
    (folder / FILE).write_bytes(whole[:8] + b"x" + whole[9:])
    refused(folder, "damaged safetensors header")
    (folder / FILE).write_bytes(b"")
    refused(folder, "no safetensors file")


def test_a_tensor_whose_bytes_do_not_fit_its_shape(folder):
    whole = (folder / FILE).read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    header["model.norm.weight"]["shape"] = [25]
    text = json.dumps(header).encode()
    (folder / FILE).write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + size :])
    refused(folder, r"model.norm.weight of shape \[25\] and F32 has 96 bytes instead of 100")


@pytest.mark.parametrize("shape", [[2**32, 2**32], [2**40, 2**24], [2**62]])
def test_a_shape_whose_product_is_beyond_64_bits_is_refused(folder, shape):
    """Cut to 64 bits, it would be the 0 bytes that the tensor has."""
    whole = (folder / FILE).read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    header["model.norm.weight"] |= {"shape": shape, "data_offsets": [0, 0]}
    text = json.dumps(header).encode()
    (folder / FILE).write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + size :])
    refused(folder, "model.norm.weight of shape .* has 0 bytes instead of")
    text = b"[" * 100_000
    (folder / FILE).write_bytes(len(text).to_bytes(8, "little") + text)
    refused(folder, "damaged safetensors header")


def test_quantised_tensors_are_refused(folder):
    rewrite(folder, lambda t: t.update({"model.norm.weight": np.zeros(24, np.int8)}))
    refused(folder, "norm.weight is stored as I8; only F64, F32, F16, BF16")


def test_a_pickle_is_refused_and_an_empty_folder_named(folder):
    (folder / FILE).unlink()
    refused(folder, "holds neither model.safetensors nor")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    refused(folder, "pytorch_model.bin is a pickle.*refused")


def test_shards_and_their_index(tmp_path):
    checkpoints.write(tmp_path, checkpoints.CASES["qwen2"], shards=3)
    assert len(weights.check_tensors(tmp_path, decoder_config.read(tmp_path))) == len(
        checkpoints.shapes(checkpoints.CASES["qwen2"])
    )
    index = json.loads((tmp_path / INDEX).read_text())
    index["weight_map"]["model.norm.weight"] = "model-00003-of-00003.safetensors"
    (tmp_path / INDEX).write_text(json.dumps(index))
    refused(tmp_path, "puts tensor model.norm.weight into model-00003-of-00003.safetensors, which does not hold it")
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    refused(tmp_path, "model-00002-of-00003.safetensors is missing")
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": "../elsewhere"}}))
    refused(tmp_path, "must name files of the same folder")


def test_names_without_the_prefix_and_old_buffers_are_read(tmp_path):
    """GPT-2's own release has bare names, and stores the causal mask."""
    checkpoints.write(tmp_path, checkpoints.GPT2)
    tensors = {name.removeprefix("transformer."): t for name, t in load_file(tmp_path / FILE).items()}
    save_file(tensors | {"h.0.attn.bias": np.ones((1, 1, 4, 4), np.uint8)}, tmp_path / FILE)
    assert "h.0.attn.bias" not in weights.check_tensors(tmp_path, decoder_config.read(tmp_path))


def test_every_parameter_is_stored_once(folder):
    from jaxrec.models.language.decoder import Decoder

    for case in checkpoints.CASES.values():
        checkpoints.write(folder, case)
        module = Decoder(decoder_config.read(folder))
        ours, stored = abstract(module), checkpoint_layout.stored_parameters(module.config)
        assert ours.keys() == stored.keys()
        assert {path: leaf.shape for path, leaf in ours.items()} == {path: stored[path].param_shape for path in stored}


def test_seeds_get_copies_and_half_precision_is_kept(folder):
    stored = load_file(folder / FILE)["model.layers.0.mlp.up_proj.weight"]
    wanted = {"blocks_0/expand/kernel": jax.ShapeDtypeStruct((2, 24, 40), jnp.bfloat16)}
    loaded = dict(weights.load(folder, decoder_config.read(folder), wanted))["blocks_0/expand/kernel"]
    assert loaded.dtype == jnp.bfloat16
    np.testing.assert_array_equal(loaded[0], loaded[1])
    np.testing.assert_array_equal(loaded[0], stored.T.astype(jnp.bfloat16))
    with pytest.raises(JaxrecError, match="the model has no parameter blocks_9/expand/kernel"):
        dict(
            weights.load(
                folder, decoder_config.read(folder), {"blocks_9/expand/kernel": wanted["blocks_0/expand/kernel"]}
            )
        )
    with pytest.raises(JaxrecError, match=r"is of shape \[24, 41\] here and \[24, 40\] in the checkpoint"):
        wrong = {"blocks_0/expand/kernel": jax.ShapeDtypeStruct((24, 41), jnp.float32)}
        dict(weights.load(folder, decoder_config.read(folder), wrong))


def test_export_and_back(tmp_path):
    settings = decoder_config.gpt2(vocab_size=11, width=8, num_layers=2, num_heads=2, max_positions=6)
    draw = np.random.default_rng(0)
    shapes = {path: stored.param_shape for path, stored in checkpoint_layout.stored_parameters(settings).items()}
    params = {path: draw.standard_normal(shape).astype(np.float32) for path, shape in shapes.items()}
    weights.save(tmp_path, settings, params.__getitem__)
    assert decoder_config.read(tmp_path) == settings
    wanted = {path: jax.ShapeDtypeStruct(shape, jnp.float32) for path, shape in shapes.items()}
    for path, loaded in weights.load(tmp_path, settings, wanted):
        np.testing.assert_array_equal(loaded, params[path], err_msg=path)


_BIG = """
import json, resource, sys
import jax, jax.numpy as jnp, numpy as np
from pathlib import Path
from jax.sharding import NamedSharding, PartitionSpec as P
from jaxrec.models.language import checkpoint_layout, decoder_config, weights
from jaxrec.training import sharding

folder = Path(sys.argv[1])
fields = json.loads((folder / "config.json").read_text())
settings = decoder_config.read(folder)
mesh = sharding.make_mesh(model=4)
stored = checkpoint_layout.stored_parameters(settings)
wanted = {
    path: jax.ShapeDtypeStruct(s.param_shape, jnp.bfloat16, sharding=NamedSharding(mesh, P(*[None] * i, "model")))
    for path, s in stored.items()
    for i in [len(s.param_shape) - 1]
}
jax.block_until_ready(jnp.zeros(8) + 1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
loaded = dict(weights.load(folder, settings, wanted))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
held = sum(s.data.nbytes for leaf in loaded.values() for s in leaf.addressable_shards)
query = loaded["blocks_0/query/kernel"]
assert query.sharding.spec == P(None, "model") and query.addressable_shards[0].data.shape[1] * 4 == query.shape[1]
print(json.dumps({"before": before * 1024, "overhead": (after - before) * 1024 - held, "held": held}))
"""


def test_loading_holds_one_tensor_at_a_time(tmp_path, run_python):
    """A checkpoint of 200 MB over eight devices: beyond what the devices hold, three of its largest tensors at most
    (and 32 MB for what the process allocates besides)."""
    fields = checkpoints.LLAMA | {"hidden_size": 1024, "intermediate_size": 4096, "vocab_size": 8192}
    fields |= {"num_attention_heads": 8, "num_hidden_layers": 5, "tie_word_embeddings": True}
    (tmp_path / "config.json").write_text(json.dumps(fields))
    header, offset = {}, 0
    for name, shape in checkpoints.shapes(fields).items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    with (tmp_path / FILE).open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + offset)  # zeros that take no room on the disk
    found = json.loads(run_python(["-c", _BIG, str(tmp_path)], devices=8).stdout.splitlines()[-1])
    largest = 2 * 8192 * 1024
    assert offset > 160e6
    assert found["overhead"] < 3 * largest + 32e6, found
