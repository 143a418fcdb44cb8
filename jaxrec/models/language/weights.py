"""Loads the decoder's parameters from a Hugging Face folder, one at a time, straight to its devices; saves GPT-2s."""

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

from jaxrec.base import files, finite
from jaxrec.base.errors import JaxrecError
from jaxrec.models.language import checkpoint_layout
from jaxrec.models.language.checkpoint_files import DTYPES, Tensor, tensors
from jaxrec.models.language.decoder_config import DecoderConfig

AbstractParams = Mapping[str, jax.ShapeDtypeStruct]  # path -> shape, dtype and sharding of a parameter


def check_tensors(folder: Path | str, config: DecoderConfig) -> dict[str, Tensor]:
    """Returns the checkpoint's tensors by their names without prefix, having checked that they are those of the model.

    Raises:
      JaxrecError: names the first tensor that is missing, surplus, of another shape or of a dtype that cannot be read;
        or the fault of a file, see `checkpoint_files.tensors`.
    """
    stored = _without_prefix(tensors(folder), config)
    shapes = {parameter.name: parameter.shape for parameter in checkpoint_layout.stored_parameters(config).values()}
    for name, shape in shapes.items():
        if name not in stored:
            raise JaxrecError(f"{folder}: tensor {name} {list(shape)} is missing; download the checkpoint again")
        tensor = stored[name]
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
    for name in sorted(stored.keys() - shapes.keys() - tied):
        raise JaxrecError(
            f"{stored[name].path}: tensor {name} is surplus: a {config.family} model has none of that name"
        )
    return stored


def _without_prefix(stored: Mapping[str, Tensor], config: DecoderConfig) -> dict[str, Tensor]:
    """Returns the tensors that are weights, by their names without the family's prefix."""
    prefix = checkpoint_layout.PREFIX[config.family]
    short = {name.removeprefix(prefix): tensor for name, tensor in stored.items()}
    return {name: tensor for name, tensor in short.items() if not checkpoint_layout.BUFFERS.fullmatch(name)}


def load(folder: Path | str, config: DecoderConfig, abstract: AbstractParams) -> Iterator[tuple[str, jax.Array]]:
    """Yields (path, array) of the parameters in `abstract`, each with the dtype and the sharding that it has there.

    Where a shape in `abstract` has more axes in front than the parameter has (seeds), the array holds copies along
    them. The host holds one tensor at a time: each device's part is cut out of the memory map and sent to the device.

    Raises:
      JaxrecError: see `check_tensors`; or `abstract` has a path or a shape that the model has not; or a number is not
        finite.
    """
    stored, layout = check_tensors(folder, config), checkpoint_layout.stored_parameters(config)
    for path, leaf in abstract.items():
        if path not in layout:
            raise JaxrecError(f"{folder}: the model has no parameter {path}")
        array = _to_devices(layout[path], stored[layout[path].name], path, leaf)
        # The check also waits: else the host would read the next tensors before this one is sent.
        finite.check_params({path: array}, str(stored[layout[path].name].path), "download the checkpoint again")
        yield path, array


def _to_devices(
    parameter: checkpoint_layout.StoredParameter, tensor: Tensor, path: str, leaf: jax.ShapeDtypeStruct
) -> jax.Array:
    """Sends each device its part in the file's layout; the devices transpose it, cast it and copy it for seeds."""
    shape, num_seed_axes = parameter.param_shape, len(leaf.shape) - len(parameter.param_shape)
    if num_seed_axes < 0 or leaf.shape[num_seed_axes:] != shape:
        raise JaxrecError(f"parameter {path} is of shape {list(leaf.shape)} here and {list(shape)} in the checkpoint")
    sharding = leaf.sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])

    def cut(index: tuple[slice, ...]) -> np.ndarray:
        # Mapped anew for each device, so that the pages are freed before the next part is cut.
        values = parameter.cut(tensor.map())[index]
        return np.array(values, np.float32 if values.dtype == np.float64 else values.dtype)

    file_shape = shape[::-1] if parameter.transposed else shape
    file_sharding = _file_sharding(sharding, parameter.transposed, num_seed_axes, len(leaf.shape))
    array = jax.make_array_from_callback(file_shape, file_sharding, cut)
    if array.shape == leaf.shape and array.dtype == leaf.dtype and not parameter.transposed:
        return array
    return _to_layout(sharding)(array, parameter.transposed, leaf.shape, leaf.dtype)


def _file_sharding(
    sharding: jax.sharding.Sharding, transposed: bool, num_seed_axes: int, rank: int
) -> jax.sharding.Sharding:
    """Returns the sharding of a parameter in the file's layout, from that in the decoder's layout with seed axes."""
    if not isinstance(sharding, NamedSharding):
        return sharding
    axes = (*sharding.spec, *[None] * (rank - len(sharding.spec)))[num_seed_axes:]
    return NamedSharding(sharding.mesh, P(*(axes[::-1] if transposed else axes)))


@lru_cache
def _to_layout(sharding: jax.sharding.Sharding) -> Callable[..., jax.Array]:
    """Returns a jitted function that transposes, casts and copies an array for seeds; its result has the sharding."""

    def convert(array: jax.Array, transposed: bool, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
        array = (array.T if transposed else array).astype(dtype)
        return jnp.broadcast_to(array.reshape((1,) * (len(shape) - array.ndim) + array.shape), shape)

    return jax.jit(convert, static_argnums=(1, 2, 3), out_shardings=sharding)


def save(folder: Path | str, config: DecoderConfig, leaf_of: Callable[[str], np.ndarray]) -> None:
    """Writes `config.json` and `model.safetensors` (float32) of a GPT-2, as the library transformers does.

    Args:
      leaf_of: (path of a parameter) -> its values.

    Raises:
      JaxrecError: the model is no GPT-2.
    """
    from safetensors.numpy import save_file

    if config.family != "gpt2":
        raise JaxrecError(f"only GPT-2 models are exported, not {config.family}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    by_name: dict[str, np.ndarray] = {}
    for path, parameter in checkpoint_layout.stored_parameters(config).items():
        prefix = "" if parameter.name.startswith("lm_head") else checkpoint_layout.PREFIX["gpt2"]
        tensor = by_name.setdefault(prefix + parameter.name, np.empty(parameter.shape, np.float32))
        parameter.view(tensor)[...] = np.asarray(leaf_of(path), np.float32)
    with files.replacing(folder / "model.safetensors") as partial:
        save_file(by_name, partial, {"format": "pt"})
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
