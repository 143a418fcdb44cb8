"""The language-model prior: what it starts from, what may change, what it costs, and the loss that keeps it."""

from __future__ import annotations

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from jaxrec.algorithms.decision_transformer import auxiliary_language, mdt4rec
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation, Text
from jaxrec.base.specs import TextSpec
from jaxrec.batches.windows import Windows
from jaxrec.training import loop
from tests.algorithms.decision_transformer.logs import ITEM_SPEC, ITEMS, random_log
from tests.models.language import checkpoints
from tests.models.language.loading import call, load

STREAM = (np.arange(300) ** 2 % checkpoints.VOCAB).astype(np.int32)
TEXT = TextSpec(checkpoints.VOCAB)
WIDTH, INNER, LAYERS, TURNS, BATCH = 48, 192, 1, 4, 16
MODEL = {"hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": 6}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("llama")
    checkpoints.write(path, checkpoints.LLAMA | MODEL | {"tie_word_embeddings": True})
    return path


def options(folder, **changes):
    config = mdt4rec.defaults()
    config.update({"context_length": TURNS, "delta": 2, "batch_size": BATCH, "num_bins": 5, "dropout": 0.0})
    config.update({"backbone": str(folder), "language_weight": 0.0, "language_batch_size": 4, "language_length": 12})
    config.update({"state_encoder": "average", "embedding": "linear"})  # little to compile beside the model
    config.lora.update(rank=4, alpha=8.0, dropout=0.0)
    config.update(changes)
    return config


def data(config):
    log, stream = random_log(ITEM_SPEC), jnp.asarray(STREAM)
    return {"log": log, "text": Text(stream, stream)} if config.language_weight else log


@pytest.fixture(scope="module")
def compiled(folder):
    """`compiled(adapt, weight)`: the update of one seed as (executable, bytes of the optimizer's state), once each."""

    @lru_cache
    def make(adapt: str, weight: float = 0.0):
        config = options(folder, adapt=adapt, language_weight=weight)
        algorithm = mdt4rec.make(config, ITEM_SPEC, text=TEXT)
        state = jax.eval_shape(algorithm.learner.init, jax.random.key(0))
        _, batch = jax.eval_shape(lambda k: algorithm.source.next(data(config), (), None, k), jax.random.key(0))
        lowered = jax.jit(algorithm.learner.update, donate_argnums=0).lower(state, batch, jax.random.key(0))
        # Which operations there are is decided before machine code is; that it would be good takes long.
        quick = {"xla_backend_optimization_level": 0}
        size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state.opt_state))
        return lowered.compile(compiler_options=quick), size

    return make


def test_a_step_changes_the_adapters_alone(folder):
    config = options(folder, language_weight=0.1)
    algorithm = mdt4rec.make(config, ITEM_SPEC, text=TEXT)
    state = loop.fit(algorithm.learner, algorithm.source, data(config), num_steps=1)
    after, stored = flatten_dict(state.params, sep="/"), flatten_dict(load(folder)[1]["params"], sep="/")
    base = {path: leaf for path, leaf in after.items() if path.startswith("backbone/") and "lora_" not in path}
    assert len(base) >= 10
    for path, leaf in base.items():
        same = (np.asarray(leaf[0]) == np.asarray(stored[path.removeprefix("backbone/")])).all()
        assert same, path
    adapters = [leaf for path, leaf in after.items() if "lora_qkv/b_" in path]
    assert len(adapters) == 3 * LAYERS and all((np.asarray(leaf) != 0).any() for leaf in adapters), "B starts at zero"
    assert "backbone/token_embedding/embedding" in after, "text is read"


def kernels() -> int:
    """Weights in the matrices of the model's layers."""
    heads = WIDTH * WIDTH + 2 * WIDTH * checkpoints.GROUPS * (WIDTH // 6)
    return LAYERS * (heads + WIDTH * WIDTH + 3 * WIDTH * INNER)


def test_frozen_weights_cost_no_gradient(compiled):
    """A full step differentiates with respect to every kernel, 2 FLOPs per weight and token; the others do not."""
    costs = {adapt: compiled(adapt) for adapt in ("frozen", "lora", "full")}
    flops = {adapt: found.cost_analysis()["flops"] for adapt, (found, _) in costs.items()}
    tokens = BATCH * TURNS * 3
    saved, per_weight = 2 * kernels() * tokens, 20  # Adam, decay and clipping: a few operations each
    assert 0.9 * saved < flops["full"] - flops["frozen"] < 1.1 * saved + per_weight * kernels()
    adapters = LAYERS * 4 * (3 * WIDTH + WIDTH + 2 * checkpoints.GROUPS * (WIDTH // 6))
    assert flops["lora"] - flops["frozen"] < 1.5 * 6 * adapters * tokens + per_weight * adapters
    memory = {adapt: size for adapt, (_, size) in costs.items()}
    norms = LAYERS * 2 * WIDTH + WIDTH
    assert memory["full"] - memory["frozen"] == 2 * 4 * (kernels() + norms), "two moments of each weight"
    assert memory["lora"] - memory["frozen"] == 2 * 4 * adapters
    working = {adapt: found.memory_analysis().temp_size_in_bytes for adapt, (found, _) in costs.items()}
    assert working["frozen"] < working["full"]


def test_text_costs_its_share_and_nothing_at_lambda_zero(compiled, folder):
    """At lambda 0 no text is asked for: the batch, the parameters and the step are those of a stage without one."""
    config = options(folder)
    algorithm = mdt4rec.make(config, ITEM_SPEC)
    assert isinstance(algorithm.source.next(data(config), (), None, jax.random.key(0))[1], Windows)
    assert "token_embedding" not in jax.eval_shape(algorithm.learner.init, jax.random.key(0)).params["backbone"]
    added = compiled("lora", 0.1)[0].cost_analysis()["flops"] - compiled("lora")[0].cost_analysis()["flops"]
    expected = 4 * (4 * 12) * (kernels() + WIDTH * checkpoints.VOCAB)  # there and back, no gradient of the weights
    assert 0.9 * expected < added < 1.6 * expected


def test_the_language_loss_is_the_models_own(folder):
    config = options(folder, language_weight=0.1)
    module, variables = load(folder)
    ids = jnp.asarray(STREAM[:26].reshape(2, 13))
    found = auxiliary_language.language_loss(module, config, {"backbone": variables["params"]}, ids, jax.random.key(0))
    log_prob = jax.nn.log_softmax(call(module, variables, ids[:, :-1], method="language"))
    expected = -np.take_along_axis(np.asarray(log_prob), np.asarray(ids[:, 1:])[..., None], 2).mean()
    np.testing.assert_allclose(found["language"], 0.1 * expected, rtol=1e-4)


def drawn(algorithm):
    """Parameters wide enough that every part of the model matters, without compiling their initialisation."""
    shapes = jax.eval_shape(algorithm.learner.init, jax.random.key(0)).params
    draw = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(0.2 * draw.normal(size=x.shape), jnp.float32), shapes)


def played(algorithm, params, turns):
    """Logits [T, 2, A] of two users whose items are the turn and twice the turn; `turns` [T, 2]."""
    act, carry, outputs = jax.jit(algorithm.policy.act), algorithm.policy.init(params, 2), []
    for time, turn in enumerate(turns):
        item = jnp.asarray([time % ITEMS, 2 * time % ITEMS])
        seen = Observation(jnp.arange(2), item, item / 3.0, jnp.asarray(turn, jnp.int32), jnp.zeros((2, 0)))
        carry, logits = act(params, carry, seen, jax.random.key(0))
        outputs.append(logits)
    return np.stack(outputs)


def test_it_acts_and_forgets(folder):
    """The second user begins again at the second turn, as if the first had not been."""
    algorithm = mdt4rec.make(options(folder, return_draw="mean"), ITEM_SPEC, text=TEXT)
    params = drawn(algorithm)
    found = played(algorithm, params, [[0, 0], [1, 0]])
    assert found.shape == (2, 2, ITEMS) and np.isfinite(found).all()
    # The other user is at its first turn in both.
    alone = played(algorithm, params, [[0, 0], [0, 0]])
    np.testing.assert_allclose(found[1, 1], alone[1, 1], atol=1e-5)
    assert np.abs(found[1, 0] - alone[1, 0]).max() > 1e-4


def test_both_searches_give_the_same_answers_on_gpt2(tmp_path):
    checkpoints.write(tmp_path, checkpoints.GPT2 | {"n_layer": 2})
    outputs = []
    for search in ("batched", "incremental"):
        algorithm = mdt4rec.make(options(tmp_path, search=search, return_draw="mean"), ITEM_SPEC, text=TEXT)
        outputs.append(played(algorithm, drawn(algorithm), [[0, 0], [1, 1], [2, 0], [3, 1], [4, 2], [5, 3]]))
    np.testing.assert_allclose(outputs[1], outputs[0], atol=1e-5)


def test_mistakes_are_one_clear_line(folder, tmp_path):
    with pytest.raises(JaxrecError, match="language_weight is 0.1 but the stage has no text"):
        mdt4rec.make(options(folder, language_weight=0.1), ITEM_SPEC)
    mdt4rec.make(options(folder, language_weight=0.1, adapt="frozen"), ITEM_SPEC)
    with pytest.raises(JaxrecError, match="tokenizer has ids up to 98 but the language model knows 37 ids"):
        mdt4rec.make(options(folder, language_weight=0.1), ITEM_SPEC, text=TextSpec(99))
    with pytest.raises(JaxrecError, match="adapt is 'none': choose one of"):
        mdt4rec.make(options(folder, adapt="none"), ITEM_SPEC, text=TEXT)
    with pytest.raises(JaxrecError, match="lora.rank is 0"):
        config = options(folder)
        config.lora.rank = 0
        mdt4rec.make(config, ITEM_SPEC, text=TEXT)
    with pytest.raises(JaxrecError, match="language_length is 65: the model has positions for 1 to 64"):
        mdt4rec.make(options(folder, language_weight=0.1, language_length=65), ITEM_SPEC, text=TEXT)
    with pytest.raises(JaxrecError, match="config.json cannot be read"):
        mdt4rec.make(options(tmp_path), ITEM_SPEC, text=TEXT)
