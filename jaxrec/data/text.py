"""Text for language models: documents from files or from a dataset's items, and batches of one long stream of ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions


@struct.dataclass
class Text:
    """Token ids, documents one after the other: `train` int32 [M], `validation` int32 [K]."""

    train: Array
    validation: Array


def read(files: Sequence[Path | str]) -> list[str]:
    """The documents of text files in the order given; a document is a line with something in it (WikiText: a paragraph
    or a heading).

    Raises:
      JaxrecError: a file that is not there, is not UTF-8, or nothing to read in any.
    """
    documents = []
    for path in map(Path, files):
        try:
            text = path.expanduser().read_text(encoding="utf-8")
        except OSError as error:
            raise JaxrecError(
                f"text file {path} cannot be read ({error.strerror}); put it there or name another"
            ) from error
        except UnicodeDecodeError as error:
            raise JaxrecError(f"text file {path} is not UTF-8 ({error.reason}); convert it") from error
        documents += [line.strip() for line in text.splitlines() if line.strip()]
    if not documents:
        raise JaxrecError(
            f"there is no text in {', '.join(map(str, files)) or 'no files'}; name files with lines in them"
        )
    return documents


def of_items(interactions: Interactions, every: int = 10) -> tuple[list[str], list[str]]:
    """(train, validation) documents: what is said of each item, each `every`-th item held out.

    Raises:
      JaxrecError: a dataset none of whose items has a text.
    """
    features = interactions.item_features
    told = features.get("text", features.get("title"))
    if told is None or not any(str(text).strip() for text in told):
        raise JaxrecError(
            f"the items of dataset {interactions.name} have no text; set data.options.text, or name text files instead"
        )
    documents = [str(text) for text in told]
    held = [text for i, text in enumerate(documents) if i % every == 0]
    return [text for i, text in enumerate(documents) if i % every], held


def blocks(*, batch_size: int, length: int) -> Callable[[Text, Array], Array]:
    """A view of int32 [B, length + 1]: stretches of the training stream that begin anywhere, the last id a target only.

    A stream shorter than that is repeated.
    """

    def view(data: Text, key: Array) -> Array:
        size = data.train.shape[0]
        start = jax.random.randint(key, (batch_size, 1), 0, max(size - length, 1))
        return data.train[(start + jnp.arange(length + 1)[None]) % size]

    return view


def stretches(stream: Array, length: int) -> int:
    """How many stretches of `length` targets a stream [K] is cut into; its first token is no target."""
    return -(-max(stream.shape[0] - 1, 1) // length)


def stretch(stream: Array, index: Array, length: int) -> tuple[Array, Array]:
    """Stretches `index` int32 [R] of a stream [K] cut every `length` tokens: int32 [R, length + 1], and which of its
    tokens after the first are there, bool [R, length]. In all stretches together each is there once."""
    place = index[:, None] * length + jnp.arange(length + 1)[None]
    last = stream.shape[0] - 1
    return stream[jnp.minimum(place, last)], place[:, 1:] <= last
