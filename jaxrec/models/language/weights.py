"""From a Hugging Face folder to the decoder's parameters and back: tensor by tensor, straight to where each belongs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError
from jaxrec.models.language import names
from jaxrec.models.language.checkpoint_files import DTYPES, Tensor, tensors
from jaxrec.models.language.config import DecoderConfig

Wanted = Mapping[str, jax.ShapeDtypeStruct]


def check(folder: Path | str, config: DecoderConfig) -> dict[str, Tensor]:
    """The checkpoint's tensors under their bare names, if they are exactly those of the model.

    Raises:
      JaxrecError: names the first tensor that is missing, surplus, of another shape or of another kind of number; or
        what is wrong with the files.
    """
    found = _bare(tensors(folder), config)
    wanted = {stored.name: stored.shape for stored in names.parameters(config).values()}
    for name, shape in wanted.items():
        if name not in found:
            raise JaxrecError(f"{folder}: tensor {name} {list(shape)} is missing; download the checkpoint again")
        tensor = found[name]
        if tensor.shape != shape:
            raise JaxrecError(
                f"{tensor.path}: tensor {name} is of shape {list(tensor.shape)} where config.json makes it "
                f"{list(shape)}; take both files from the same model"
            )
        if tensor.dtype not in DTYPES:
            raise JaxrecError(
                f"{tensor.path}: tensor {name} is stored as {tensor.dtype}; only {', '.join(DTYPES)} are read "
                "(quantised checkpoints are not)"
            )
    tied = {"lm_head.weight"} if config.tied else set()
    for name in sorted(found.keys() - wanted.keys() - tied):
        raise JaxrecError(
            f"{found[name].path}: tensor {name} is surplus: a {config.family} model has none of that name"
        )
    return found


def _bare(found: Mapping[str, Tensor], config: DecoderConfig) -> dict[str, Tensor]:
    prefix = names.PREFIX[config.family]
    bare = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return {name: tensor for name, tensor in bare.items() if not names.BUFFERS.fullmatch(name)}


def load(folder: Path | str, config: DecoderConfig, wanted: Wanted) -> Iterator[tuple[str, jax.Array]]:
    """The parameters asked for, (path, array) one after the other, with dtype and sharding of their `wanted` entries.

    Leading axes beyond the parameter's own (seeds) are filled with copies. The host holds one tensor at a time: a
    device's part is cut out of the mapped file and handed over.

    Raises:
      JaxrecError: see `check`; or `wanted` names what the model has not, or in another shape.
    """
    found, stored = check(folder, config), names.parameters(config)
    for path, leaf in wanted.items():
        if path not in stored:
            raise JaxrecError(f"{folder}: the model has no parameter {path}")
        # Awaited, else the host would hold the next tensors too.
        yield path, _place(stored[path], found[stored[path].name], path, leaf).block_until_ready()


def _place(stored: names.Stored, tensor: Tensor, path: str, leaf: jax.ShapeDtypeStruct) -> jax.Array:
    """Each device gets its part as it lies in the file; transposing, casting and copying for seeds happen there."""
    shape, lead = stored.param_shape, len(leaf.shape) - len(stored.param_shape)
    if lead < 0 or leaf.shape[lead:] != shape:
        raise JaxrecError(f"parameter {path} is of shape {list(leaf.shape)} here and {list(shape)} in the checkpoint")
    wanted = leaf.sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])

    def part(index: tuple[slice, ...]) -> np.ndarray:
        # Mapped anew for each part, so that the pages are let go before the next one is cut.
        cut = stored.cut(tensor.map())[index]
        return np.array(cut, np.float32 if cut.dtype == np.float64 else cut.dtype)

    lying = shape[::-1] if stored.transposed else shape
    array = jax.make_array_from_callback(lying, _lying(wanted, stored.transposed, lead, len(leaf.shape)), part)
    if array.shape == leaf.shape and array.dtype == leaf.dtype and not stored.transposed:
        return array
    return _finished(wanted)(array, stored.transposed, leaf.shape, leaf.dtype)


def _lying(wanted: jax.sharding.Sharding, transposed: bool, lead: int, rank: int) -> jax.sharding.Sharding:
    """The sharding of a parameter as it lies in the file, seeds left out."""
    if not isinstance(wanted, NamedSharding):
        return wanted
    axes = (*wanted.spec, *[None] * (rank - len(wanted.spec)))[lead:]
    return NamedSharding(wanted.mesh, P(*(axes[::-1] if transposed else axes)))


@lru_cache
def _finished(wanted: jax.sharding.Sharding) -> Callable[..., jax.Array]:
    def finish(array: jax.Array, transposed: bool, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
        array = (array.T if transposed else array).astype(dtype)
        return jnp.broadcast_to(array.reshape((1,) * (len(shape) - array.ndim) + array.shape), shape)

    return jax.jit(finish, static_argnums=(1, 2, 3), out_shardings=wanted)


def save(folder: Path | str, config: DecoderConfig, leaf_of: Callable[[str], np.ndarray]) -> None:
    """Writes `config.json` and `model.safetensors` (float32) as transformers would; `leaf_of(path)` gives parameters.

    GPT-2 family only.
    """
    from safetensors.numpy import save_file

    if config.family != "gpt2":
        raise JaxrecError(f"only GPT-2 models are exported, not {config.family}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    whole: dict[str, np.ndarray] = {}
    for path, stored in names.parameters(config).items():
        name = stored.name if stored.name.startswith("lm_head") else names.PREFIX["gpt2"] + stored.name
        tensor = whole.setdefault(name, np.empty(stored.shape, np.float32))
        stored.view(tensor)[...] = np.asarray(leaf_of(path), np.float32)
    with files.replacing(folder / "model.safetensors") as partial:
        save_file(whole, partial, {"format": "pt"})
    files.write_text(folder / "config.json", json.dumps(_gpt2_fields(config), indent=1) + "\n")


def _gpt2_fields(config: DecoderConfig) -> dict[str, object]:
    activation = {"gelu_tanh": "gelu_new"}.get(config.activation, config.activation)
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": config.vocab_size,
        "n_positions": config.max_positions,
        "n_embd": config.width,
        "n_layer": config.num_layers,
        "n_head": config.num_heads,
        "n_inner": config.mlp_width,
        "activation_function": activation,
        "layer_norm_epsilon": config.norm_epsilon,
        "tie_word_embeddings": config.tied,
        "torch_dtype": "float32",
    }
