"""How long does a LoRA fine-tuning step take, beside the same model and batch in PyTorch with peft?

A Llama of random weights (default: width 256, 6 layers, 8 heads in 4 groups, vocabulary 2,048: 6 million parameters),
adapters of rank 16 on queries, keys and values, next-token loss, AdamW, clipping; batches of 8 x 128 tokens. jaxrec and
the peer take turns, and with them two more steps of jaxrec's: one that trains all weights (`full`), and one that trains
none of the model's, only factors on its embedded inputs (`frozen`). Reported are the times of `lora` and `frozen`
relative to `full`, beside the ratios of their FLOPs.

    python -m benchmarks.lora_training [--peer-python PYTHON] [--rounds 7] [--dtype float32] [--out FILE]

PYTHON is an interpreter with torch, transformers and peft; without it this interpreter is tried, and the peer left out
where that has none. On an accelerator pass --dtype bfloat16 and larger sizes; with --peak-tflops the share of the peak
is reported too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers import connect
from benchmarks.timing import in_turn, report
from jaxrec.algorithms.language.causal_lm import token_losses
from jaxrec.models.language.decoder import Decoder
from jaxrec.models.language.decoder_config import DecoderConfig, Rotary
from jaxrec.models.lora import LoRA
from jaxrec.training import learner

STEPS = 5  # per round
FROZEN = {"lora": (r"backbone/(?!.*lora_)",), "frozen": (r"backbone/",), "full": ()}


def model(arguments: argparse.Namespace, adapt: str) -> Decoder:
    """Makes the decoder, with adapters where `adapt` is lora."""
    shape = DecoderConfig(
        family="llama",
        vocab_size=arguments.vocabulary,
        width=arguments.width,
        num_layers=arguments.layers,
        num_heads=arguments.heads,
        num_kv_heads=arguments.heads // 2,
        head_size=arguments.width // arguments.heads,
        mlp_width=3 * arguments.width,
        max_positions=arguments.length,
        norm_epsilon=1e-5,
        activation="silu",
        tied=True,
        rotary=Rotary(),
    )
    return Decoder(shape, LoRA(16, 32.0, arguments.dropout) if adapt == "lora" else LoRA(), dtype=arguments.dtype)


def ours(arguments: argparse.Namespace, adapt: str):
    """Returns (function that runs `STEPS` updates as one program and returns its seconds, compile seconds, FLOPs of an
    update)."""
    decoder = model(arguments, adapt)
    ids = jnp.asarray(
        np.random.default_rng(0).integers(0, arguments.vocabulary, (arguments.batch, arguments.length + 1))
    )

    def init_params(key):
        params = {"backbone": decoder.init(key, ids[:1, :2], method="language")["params"]}
        return params | ({"probe": jnp.ones(arguments.width)} if adapt == "frozen" else {})

    def loss_fn(params, batch, key):
        if adapt != "frozen":
            return {"language": token_losses(decoder, params["backbone"], batch, key).mean()}, {}
        # The probe scales the model's inputs, so that its gradient passes through the frozen model, as that of a
        # decision transformer's token embeddings does.
        variables = {"params": params["backbone"]}
        embedded = decoder.apply(variables, batch[:, :-1], method="embed") * params["probe"]
        logits = decoder.apply(variables, decoder.apply(variables, embedded), method="logits").astype(jnp.float32)
        return {"language": optax.softmax_cross_entropy_with_integer_labels(logits, batch[:, 1:]).mean()}, {}

    tx = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-4))
    learning = learner.from_loss(init_params, loss_fn, tx, frozen=FROZEN[adapt])
    state = jax.jit(learning.init)(jax.random.key(0))

    def train(state, batch, key):
        return jax.lax.scan(lambda s, k: (learning.update(s, batch, k)[0], ()), state, jax.random.split(key, STEPS))[0]

    start = time.perf_counter()
    compiled = jax.jit(train).lower(state, ids, jax.random.key(0)).compile()
    compile_s = time.perf_counter() - start
    flops = jax.jit(learning.update).lower(state, ids, jax.random.key(0)).compile().cost_analysis()["flops"]

    def run() -> float:
        start = time.perf_counter()
        jax.block_until_ready(compiled(state, ids, jax.random.key(1)))
        return time.perf_counter() - start

    return run, compile_s, flops


def peer(arguments: argparse.Namespace):
    """Returns the same function of the PyTorch peer; None where it cannot be imported."""
    names = ("width", "layers", "heads", "length", "batch", "vocabulary", "dropout", "dtype")
    settings = {name: getattr(arguments, name) for name in names} | {
        "threads": len(os.sched_getaffinity(0)),
        "device": "cpu" if jax.default_backend() == "cpu" else "cuda",
    }
    return connect("torch_lora", arguments.peer_python, settings, STEPS, "torch, transformers, peft")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--peak-tflops", type=float, default=0.0)
    parser.add_argument("--dropout", type=float, default=0.1)
    sizes = {"width": 256, "layers": 6, "heads": 8, "length": 128, "batch": 8, "vocabulary": 2048}
    for name, value in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--out")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    steps = {adapt: ours(arguments, adapt) for adapt in FROZEN}
    runs = {adapt: run for adapt, (run, _, _) in steps.items()}
    if other := peer(arguments):
        runs["torch"] = other
    times = in_turn(runs, arguments.rounds, STEPS)
    fields = {f"{name}_step_s": statistics.median(values) for name, values in times.items()}
    for adapt in ("lora", "frozen"):
        ratios = [part / full for part, full in zip(times[adapt], times["full"], strict=True)]
        fields |= {f"{adapt}_to_full": statistics.median(ratios)}
        fields |= {f"{adapt}_to_full_by_flops": steps[adapt][2] / steps["full"][2]}
    if other:
        fields |= {"speedup": statistics.median(t / j for t, j in zip(times["torch"], times["lora"], strict=True))}
    if arguments.peak_tflops:
        fields |= {"share_of_peak": steps["lora"][2] / fields["lora_step_s"] / (arguments.peak_tflops * 1e12)}
    tokens = arguments.batch * arguments.length / fields["lora_step_s"]
    sizes = {name: getattr(arguments, name) for name in ("width", "layers", "batch", "length", "dtype")}
    report("lora_training_step", **fields, compile_s=steps["lora"][1], tokens_per_s=tokens, **sizes)


if __name__ == "__main__":
    main()
