"""Every family against stored reference logits; caches, masks and adapters against the plain forward pass."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.models.language import attention
from jaxrec.models.language.decoder import Decoder
from jaxrec.models.language.decoder_config import Rotary
from jaxrec.models.lora import LoRA
from tests.conftest import REPOSITORY
from tests.models.language import checkpoints
from tests.models.language.loading import call, load

REFERENCES = np.load(REPOSITORY / "tests/models/language/references.npz")
TOKENS, USERS = 9, 2


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    for name, fields in checkpoints.CASES.items():
        checkpoints.write(root / name, fields, shards=3 if name in checkpoints.SHARDED else 1)
    return root


@pytest.mark.parametrize("case", checkpoints.CASES)
def test_logits_equal_the_reference(case, folders):
    module, variables = load(folders / case)
    logits = call(module, variables, jnp.asarray(checkpoints.input_ids(), jnp.int32), method="language")
    np.testing.assert_allclose(logits, REFERENCES[case], atol=1e-4)


def test_a_real_checkpoint_equals_its_golden_logits(data_root):
    folder = data_root / "stories260k"
    if not folder.is_dir():
        pytest.skip("no stories260k here")
    golden = np.load(folder / "golden_logits.npz")
    module, variables = load(folder)
    logits = call(module, variables, jnp.asarray(golden["input_ids"]), method="language")
    np.testing.assert_allclose(logits, golden["logits"], atol=1e-4)


@pytest.fixture(scope="module", params=["mistral"])
def backbone(request, folders):
    module, variables = load(folders / request.param)
    return module, variables, jax.random.normal(jax.random.key(1), (USERS, TOKENS, checkpoints.WIDTH))


def alone(module, variables, sequences):
    """The outputs of each sequence [L, D] by itself: what follows a causal model's tokens does not matter to them."""
    rows = jnp.stack([jnp.pad(tokens, ((0, TOKENS + 2 - len(tokens)), (0, 0))) for tokens in sequences])
    return [out[: len(tokens)] for out, tokens in zip(call(module, variables, rows), sequences, strict=True)]


def test_suffixes_and_their_extension_equal_each_sequence_alone(backbone):
    module, variables, embeddings = backbone
    extra = jax.random.normal(jax.random.key(5), (USERS, 2, checkpoints.WIDTH))
    lengths, chosen = (1, 7, 9), np.array([1, 2])
    valid = np.ones((USERS, TOKENS), bool)
    valid[1, :4] = False
    hidden, suffixes = call(module, variables, embeddings, valid, lengths=lengths, num_last=2, method="encode_suffixes")
    first, cache = call(module, variables, suffixes.choose(jnp.asarray(chosen)), extra[:, :1], method="extend")
    second, _ = call(module, variables, cache, extra[:, 1:], method="extend")

    real = np.minimum(np.array(lengths)[None], valid.sum(1)[:, None])
    every = [embeddings[row, TOKENS - real[row, k] :] for row in range(USERS) for k in range(3)]
    extended = [jnp.concatenate([every[3 * row + chosen[row]], extra[row]]) for row in range(USERS)]
    *expected, one, two = alone(module, variables, every + extended)
    for index, outputs in enumerate(expected):
        kept = min(2, len(outputs))
        np.testing.assert_allclose(hidden[index // 3, index % 3, 2 - kept :], outputs[-kept:], atol=2e-5)
    for row, outputs in enumerate((one, two)):
        np.testing.assert_allclose(first[row, 0], outputs[-2], atol=2e-5)
        np.testing.assert_allclose(second[row, 0], outputs[-1], atol=2e-5)


def one_layer(module, variables, **changes):
    """The first block alone: what it reaches, its inputs reach directly."""
    kept = {
        name: dict(leaves) for name, leaves in variables["params"].items() if name[:6] != "blocks" or name[7:] == "0"
    }
    return Decoder(dataclasses.replace(module.config, num_layers=1), **changes), {"params": kept}


def test_no_token_sees_a_later_one_nor_one_behind_the_window(backbone):
    module, variables, embeddings = backbone
    first_layer, params = one_layer(module, variables)
    reach = jax.jit(jax.jacobian(lambda e: first_layer.apply(params, e[None])[0].sum(-1)))(embeddings[0])
    reach = np.abs(reach).sum(-1)
    near = np.tri(TOKENS, dtype=bool)
    if module.config.window:
        near &= ~np.tri(TOKENS, k=-module.config.window, dtype=bool)
    assert (reach[~near] == 0).all() and (reach[near] > 0).all()


def test_positions_of_trajectory_tokens(folders):
    """GPT-2's table is not added to embeddings; rotary models number them as they stand."""
    same = jnp.broadcast_to(jax.random.normal(jax.random.key(2), (checkpoints.WIDTH,)), (1, 5, checkpoints.WIDTH))
    gpt2, variables = load(folders / "gpt2")
    hidden = call(gpt2, variables, same)
    np.testing.assert_allclose(hidden[0, 4], hidden[0, 0], atol=1e-5)
    llama, variables = load(folders / "llama32")
    mixed = same.at[:, 0].multiply(-1.0)
    swapped = same.at[:, 1].multiply(-1.0)
    difference = call(llama, variables, mixed)[0, -1] - call(llama, variables, swapped)[0, -1]
    assert np.abs(difference).max() > 1e-3


def test_rotation_by_hand():
    """Two pairs at position 3: angles 3 and 3 / 100."""
    rates = attention.rotary_frequencies(Rotary(theta=10000.0), 4)
    np.testing.assert_allclose(rates, [1.0, 0.01])
    turned = attention.rotate(jnp.asarray([[[[1.0, 2.0, 3.0, 4.0]]]]), jnp.asarray([3]), rates)
    c, s, c2, s2 = np.cos(3.0), np.sin(3.0), np.cos(0.03), np.sin(0.03)
    np.testing.assert_allclose(turned.ravel(), [c - 3 * s, 2 * c2 - 4 * s2, 3 * c + s, 4 * c2 + 2 * s2], rtol=1e-5)


def test_llama3_frequencies_by_hand():
    """Of rates 1, 0.1, 0.01 and 0.001 over 628 tokens (100, 10, 1, 0.1 turns): fast kept, slow slowed, one between."""
    rotary = Rotary(10000.0, "llama3", 8.0, 1.0, 4.0, 628)
    rates = attention.rotary_frequencies(rotary, 8)
    np.testing.assert_allclose(rates[[0, 1, 3]], [1.0, 0.1, 0.001 / 8], rtol=1e-5)
    turns = 628 * 0.01 / (2 * np.pi)
    share = max(0.0, (turns - 1) / 3)
    np.testing.assert_allclose(rates[2], 0.01 * (share + (1 - share) / 8), rtol=1e-5)


def test_an_untrained_adapter_changes_nothing_and_a_trained_one_is_xab(folders):
    module, variables = one_layer(*load(folders / "llama_biases"))
    adapted = Decoder(module.config, LoRA(rank=2, alpha=3.0, dropout=0.5))
    ids = jnp.asarray(checkpoints.input_ids(), jnp.int32)
    fresh = jax.jit(lambda k: adapted.init(k, ids, method="language"))(jax.random.key(3))["params"]
    adapters = dict(fresh["blocks_0"]["lora_qkv"])
    params = {**variables["params"], "blocks_0": {**variables["params"]["blocks_0"], "lora_qkv": adapters}}
    base = call(module, variables, ids, method="language")
    np.testing.assert_allclose(call(adapted, {"params": params}, ids, method="language"), base, atol=1e-6)

    draw, merged = np.random.default_rng(0), dict(variables["params"]["blocks_0"])
    for j, name in enumerate(("query", "key", "value")):
        adapters[f"b_{j}"] = draw.standard_normal(adapters[f"b_{j}"].shape).astype(np.float32)
        added = np.asarray(adapters[f"a_{j}"]) @ adapters[f"b_{j}"] * 3.0 / 2
        merged[name] = {**merged[name], "kernel": merged[name]["kernel"] + added}
    expected = call(module, {"params": {**variables["params"], "blocks_0": merged}}, ids, method="language")
    found = call(adapted, {"params": params}, ids, method="language")
    assert np.abs(found - base).max() > 1e-2
    np.testing.assert_allclose(found, expected, atol=2e-5)
    dropped = {"deterministic": False, "method": "language", "rngs": {"dropout": jax.random.key(0)}}
    noisy = call(adapted, {"params": params}, ids, **dropped)
    assert np.abs(noisy - found).max() > 1e-3, "dropout falls on the adapter's input"


def test_half_precision_keeps_float32_parameters(folders):
    module, variables = load(folders / "llama32")
    half = Decoder(module.config, dtype=jnp.bfloat16)
    ids = jnp.asarray(checkpoints.input_ids(), jnp.int32)
    fresh = jax.eval_shape(lambda k: half.init(k, ids, method="language"), jax.random.key(0))
    assert {leaf.dtype for leaf in jax.tree.leaves(fresh)} == {jnp.dtype(jnp.float32)}
    logits = call(half, variables, ids, method="language")
    assert logits.dtype == jnp.bfloat16
    np.testing.assert_allclose(logits.astype(np.float32), REFERENCES["llama32"], atol=0.3)
