"""How much host memory does it take to load a language model, and how long?

It writes a checkpoint of Llama's 7-billion shape (width 4,096, feed-forward 11,008, vocabulary 32,000, bfloat16;
--layers of its 32) in shards with an index, as files of zeros that take no room on the disk. It loads the checkpoint
over all devices, split along the model axis, and compares the peak of the process's memory with what the devices hold.
On a CPU the devices' memory is the host's, so what the devices hold is subtracted from the peak.

    python -m benchmarks.checkpoint_loading [--layers 8] [--devices 4] [--out FILE]

The bound is three times the largest tensor and 1 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

SIZES = {"hidden_size": 4096, "intermediate_size": 11008, "vocab_size": 32000, "num_attention_heads": 32}
FIELDS = {"model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "tie_word_embeddings": False}
PER_SHARD = 40  # tensors


def write(folder: Path, layers: int):
    """Writes the checkpoint into the folder; returns its configuration."""
    from jaxrec.models.language import checkpoint_layout, decoder_config

    (folder / "config.json").write_text(json.dumps(FIELDS | SIZES | {"num_hidden_layers": layers}))
    settings = decoder_config.read(folder)
    shapes = {stored.name: stored.shape for stored in checkpoint_layout.stored_parameters(settings).values()}
    prefixed = {name if name.startswith("lm_head") else f"model.{name}": shape for name, shape in shapes.items()}
    tensors, shards = list(prefixed.items()), -(-len(prefixed) // PER_SHARD)
    file_of = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        part = tensors[shard * PER_SHARD : (shard + 1) * PER_SHARD]
        _zeros(folder / file, dict(part))
        file_of |= {name: file for name, _ in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": file_of}))
    return settings


def _zeros(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Writes a safetensors file of zeros in bfloat16."""
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 2
        for axis in shape:
            size *= axis
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + offset)


def peak() -> int:
    """Returns the peak of resident memory so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--devices", type=int, default=4, help="of a CPU, pretended")
    parser.add_argument("--out")
    arguments = parser.parse_args()
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count={arguments.devices}".strip()
    import jax
    import jax.numpy as jnp
    from jax.sharding import NamedSharding
    from jax.sharding import PartitionSpec as P

    from benchmarks.timing import report
    from jaxrec.models.language import checkpoint_layout, weights
    from jaxrec.training import sharding

    with tempfile.TemporaryDirectory() as root:
        settings = write(Path(root), arguments.layers)
        mesh = sharding.make_mesh(model=jax.device_count())
        stored = checkpoint_layout.stored_parameters(settings)
        abstract = {
            path: jax.ShapeDtypeStruct(
                s.param_shape,
                jnp.bfloat16,
                sharding=NamedSharding(mesh, P(*[None] * (len(s.param_shape) - 1), "model")),
            )
            for path, s in stored.items()
        }
        jax.block_until_ready(jnp.zeros(8) + 1)
        before, start = peak(), time.perf_counter()
        loaded = dict(weights.load(root, settings, abstract))
        seconds, after = time.perf_counter() - start, peak()
    held = sum(shard.data.nbytes for leaf in loaded.values() for shard in leaf.addressable_shards)
    largest = max(leaf.nbytes for leaf in loaded.values())
    on_host = held if jax.default_backend() == "cpu" else 0
    beyond = after - before - on_host
    report(
        "checkpoint_loading",
        layers=arguments.layers,
        checkpoint_gb=held / 1e9,
        largest_tensor_mb=largest / 1e6,
        peak_beyond_devices_mb=beyond / 1e6,
        bound_mb=(3 * largest + 1e9) / 1e6,
        seconds=seconds,
    )


if __name__ == "__main__":
    main()
