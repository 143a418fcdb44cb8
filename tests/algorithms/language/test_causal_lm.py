"""The language model: its loss by hand, chunks, what learns, and its export."""

from __future__ import annotations

import json
import os
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.language import causal_lm, token_loss
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Text
from jaxrec.base.specs import TextSpec
from jaxrec.models.language import decoder_config, tokenizer
from jaxrec.training import loop
from tests.models.language import checkpoints, test_tokenizer
from tests.models.language.loading import call, load

VOCABULARY = 7
SPEC = TextSpec(VOCABULARY)
STREAM = np.arange(200, dtype=np.int32) ** 2 % VOCABULARY  # a cycle of seven: what follows is certain


def small(**changes):
    options = causal_lm.defaults()
    options.update({"width": 16, "num_layers": 1, "num_heads": 2, "context_length": 8, "dropout": 0.0, "batch_size": 8})
    options.update(changes)
    return options


@pytest.fixture(scope="module")
def trained():
    options = small()
    options.optimizer.learning_rate = 1e-2
    algorithm = causal_lm.make(options, SPEC)
    data = Text(STREAM, STREAM[:50])
    fits = [loop.fit(algorithm.learner, algorithm.source, data, num_steps=n, steps_per_call=50) for n in (0, 150)]
    params = [jax.tree.map(lambda x: x[0], state.params) for state in fits]
    return algorithm, data, *params


def test_perplexity_of_a_certain_stream_falls_to_one(trained):
    algorithm, data, before, after = trained
    evaluate = jax.jit(algorithm.perplexity)
    untrained, found = evaluate(before, data), evaluate(after, data)
    np.testing.assert_allclose(untrained["validation/perplexity"], VOCABULARY, rtol=0.2)
    # The first token after a cut is uncertain: it has nothing but itself to go by, and 0, 1, 2, 4 follow two ways.
    assert found["validation/perplexity"] < 1.5
    np.testing.assert_allclose(found["validation/bits_per_token"], np.log2(found["validation/perplexity"]), rtol=1e-5)


def test_ids_with_a_gap_have_a_row_each(tmp_path):
    """As a table of as many rows as there are ids, four, they gave NaN; nothing is trained here."""
    words = test_tokenizer.gapped(tmp_path)
    algorithm = causal_lm.make(small(), TextSpec(words.vocabulary, words))
    stream = words.stream(["a teapot trowel"] * 9)
    assert stream.max() == 40 and len(set(stream.tolist())) == 4
    params = jax.jit(algorithm.learner.init)(jax.random.key(0)).params
    assert params["backbone"]["token_embedding"]["embedding"].shape == (41, 16)
    found = jax.jit(algorithm.perplexity)(params, Text(stream, stream))
    np.testing.assert_allclose(found["validation/perplexity"], 41, rtol=0.2)


def test_the_loss_is_the_mean_over_every_next_token(trained):
    algorithm, data, before, _ = trained
    decoder = causal_lm.make_decoder(small(), SPEC)
    ids = jnp.asarray(STREAM[:18].reshape(2, 9))
    logits = call(decoder, {"params": before["backbone"]}, ids[:, :-1], method="language")
    log_prob = jax.nn.log_softmax(logits)
    expected = -np.take_along_axis(np.asarray(log_prob), np.asarray(ids[:, 1:])[..., None], 2)[..., 0]
    found = jax.jit(lambda p: causal_lm.token_losses(decoder, p, ids))(before["backbone"])
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_chunks_change_neither_loss_nor_gradient(monkeypatch):
    hidden = jax.random.normal(jax.random.key(0), (3, 5, 4))
    table = jax.random.normal(jax.random.key(1), (4, VOCABULARY))
    target = jnp.arange(15).reshape(3, 5) % VOCABULARY

    def loss(table, hidden):
        return token_loss.negative_log_likelihood(lambda h: h @ table, hidden, target, VOCABULARY).sum()

    whole = jax.value_and_grad(loss, (0, 1))(table, hidden)
    monkeypatch.setattr(token_loss, "_LIMIT", 4 * VOCABULARY)
    chunked = jax.value_and_grad(loss, (0, 1))(table, hidden)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), chunked, whole)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    algorithm, _, _, after = trained
    folder = tmp_path_factory.mktemp("exported")
    algorithm.export(after, folder)
    return folder


def test_what_is_exported_is_read_again(trained, exported):
    _, _, _, after = trained
    module, variables = load(exported)
    assert module.config == decoder_config.gpt2(
        vocab_size=VOCABULARY, width=16, num_layers=1, num_heads=2, max_positions=8
    )
    jax.tree.map(np.testing.assert_array_equal, variables["params"], after["backbone"])
    from transformers import AutoConfig

    assert AutoConfig.from_pretrained(exported).n_embd == 16


_THEIRS = """
import json, sys, torch, transformers
model, info = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], output_loading_info=True)
assert not info["missing_keys"] and not info["unexpected_keys"], info
tokens = transformers.AutoTokenizer.from_pretrained(sys.argv[1])("teapot")["input_ids"]
logits = model.eval()(torch.tensor([[1, 4, 2, 2, 4, 1, 0, 1]])).logits.tolist()
print(json.dumps([tokens, logits]))
"""


def test_transformers_opens_the_export(trained, exported):
    """With an interpreter that has torch and transformers, named in JAXREC_PEER_PYTHON."""
    python = os.environ.get("JAXREC_PEER_PYTHON")
    if not python:
        pytest.skip("name an interpreter with torch and transformers in JAXREC_PEER_PYTHON")
    made = tokenizer.train(["a teapot"], tokenizer.NUM_BYTE_IDS)
    made.save(exported)
    done = subprocess.run([python, "-c", _THEIRS, str(exported)], capture_output=True, text=True, check=True)
    tokens, logits = json.loads(done.stdout.splitlines()[-1])
    assert tokens == made.encode(["teapot"])[0]
    module, variables = load(exported)
    ours = call(module, variables, jnp.asarray([[1, 4, 2, 2, 4, 1, 0, 1]]), method="language")
    np.testing.assert_allclose(ours, logits, atol=1e-4)


@pytest.mark.parametrize("adapt", ["lora", "frozen", "full"])
def test_what_learns_of_a_checkpoint(adapt, tmp_path):
    checkpoints.write(tmp_path, checkpoints.LLAMA | {"num_hidden_layers": 1, "tie_word_embeddings": True})
    options = small(backbone=str(tmp_path), adapt=adapt, init="pretrained")
    options.lora.rank = 2
    spec = TextSpec(checkpoints.VOCAB)
    if adapt == "frozen":
        with pytest.raises(JaxrecError, match="leave no parameter to train"):
            jax.eval_shape(causal_lm.make(options, spec).learner.init, jax.random.key(0))
        return
    algorithm = causal_lm.make(options, spec)
    assert algorithm.export is None, "only a whole GPT-2 is exported"
    data = Text(STREAM, STREAM)
    state = loop.fit(algorithm.learner, algorithm.source, data, num_steps=2, num_seeds=2)
    _, stored = load(tmp_path)
    found = state.params["backbone"]
    for path, base in jax.tree_util.tree_leaves_with_path(stored["params"]):
        now = found
        for entry in path:
            now = now[entry.key]
        for seed in range(2):
            assert (np.asarray(now[seed]) == np.asarray(base)).all() == (adapt == "lora"), path
    if adapt == "lora":
        assert all((np.asarray(found["blocks_0"]["lora_qkv"][f"b_{i}"]) != 0).any() for i in range(3))


def test_mistakes_are_one_clear_line(tmp_path):
    with pytest.raises(JaxrecError, match="width 15 does not split into 2 heads"):
        causal_lm.make(small(width=15), SPEC)
    with pytest.raises(JaxrecError, match="config.json cannot be read"):
        causal_lm.make(small(backbone=str(tmp_path)), SPEC)
    checkpoints.write(tmp_path, checkpoints.GPT2)
    with pytest.raises(JaxrecError, match="tokenizer has ids up to 98 but the language model knows 37 ids"):
        causal_lm.make(small(backbone=str(tmp_path)), TextSpec(99))
    with pytest.raises(JaxrecError, match="context_length is 64: the model has positions for 1 to 32"):
        causal_lm.make(small(backbone=str(tmp_path), context_length=64), SPEC)
    with pytest.raises(JaxrecError, match="adapt is 'half': choose one of"):
        causal_lm.make(small(backbone=str(tmp_path), adapt="half"), SPEC)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(JaxrecError, match="holds neither model.safetensors"):
        causal_lm.make(small(backbone=str(tmp_path)), SPEC)
