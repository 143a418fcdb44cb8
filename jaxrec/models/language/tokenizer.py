"""Text to token ids and back: a language model's tokenizer from its folder, or a byte-level BPE made on the spot."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError

END = "<|endoftext|>"
BYTES = 257  # the vocabulary of single bytes and the end-of-text token


@dataclasses.dataclass(frozen=True)
class Tokenizer:
    """`engine` is a `tokenizers.Tokenizer`; `end` the id that separates documents."""

    engine: Any
    end: int

    @property
    def vocabulary(self) -> int:
        """How many ids there are."""
        return self.engine.get_vocab_size()

    def encode(self, documents: Sequence[str]) -> list[list[int]]:
        """The ids of each document, without special tokens."""
        return [found.ids for found in self.engine.encode_batch(list(documents), add_special_tokens=False)]

    def stream(self, documents: Sequence[str]) -> np.ndarray:
        """int32 [M]: all documents one after the other, each followed by `end`."""
        ids = self.encode(documents)
        return np.array([token for document in ids for token in (*document, self.end)], np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        return self.engine.decode(list(map(int, ids)))

    def save(self, folder: Path) -> None:
        """Writes tokenizer.json and tokenizer_config.json, as transformers reads them."""
        folder.mkdir(parents=True, exist_ok=True)
        with files.replacing(folder / "tokenizer.json") as partial:
            self.engine.save(str(partial))
        end = self.engine.id_to_token(self.end)
        about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": end, "bos_token": end}
        files.write_text(folder / "tokenizer_config.json", json.dumps(about, indent=1) + "\n")


def load(folder: Path | str) -> Tokenizer:
    """The tokenizer of a local folder: tokenizer.json, or GPT-2's vocab.json and merges.txt.

    Raises:
      JaxrecError: neither is there, or what is there is damaged or has no end-of-text token.
    """
    from tokenizers import Tokenizer as Engine

    folder = Path(folder).expanduser()
    pair = (folder / "vocab.json", folder / "merges.txt")
    try:
        if (folder / "tokenizer.json").is_file():
            engine = Engine.from_file(str(folder / "tokenizer.json"))
        elif all(path.is_file() for path in pair):
            engine = _byte_level(*map(str, pair))
        else:
            raise JaxrecError(
                f"{folder} holds neither tokenizer.json nor vocab.json and merges.txt; put the tokenizer there, or "
                "train one (tokenizer = 'bpe')"
            )
    except JaxrecError:
        raise
    except Exception as error:  # the library raises bare Exception for a damaged file
        raise JaxrecError(f"the tokenizer in {folder} cannot be read ({error}); download it again") from error
    return Tokenizer(engine, _end(folder, engine))


def train(documents: Sequence[str], vocabulary: int) -> Tokenizer:
    """A byte-level BPE of at most `vocabulary` ids learned from the documents; `BYTES` of them learn nothing.

    Raises:
      JaxrecError: a vocabulary that has no room for every byte.
    """
    from tokenizers import pre_tokenizers, trainers

    if vocabulary < BYTES:
        raise JaxrecError(f"a byte-level vocabulary needs {BYTES} ids or more, not {vocabulary}")
    engine = _byte_level()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    engine.train_from_iterator(documents, trainer)
    return Tokenizer(engine, engine.token_to_id(END))


def _byte_level(*files: str) -> Any:
    from tokenizers import Tokenizer as Engine
    from tokenizers import decoders, models, pre_tokenizers

    engine = Engine(models.BPE.from_file(*files) if files else models.BPE())
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    if files:
        engine.add_special_tokens([END])
    return engine


def _end(folder: Path, engine: Any) -> int:
    """The end-of-text id: what tokenizer_config.json calls eos_token, else GPT-2's."""
    named = END
    about = folder / "tokenizer_config.json"
    if about.is_file():
        try:
            named = json.loads(about.read_text(encoding="utf-8")).get("eos_token") or END
        except (ValueError, AttributeError) as error:
            raise JaxrecError(f"{about} is damaged ({error}); download it again") from error
    named = named.get("content", "") if isinstance(named, dict) else named
    found = engine.token_to_id(named)
    if found is None:
        raise JaxrecError(f"the tokenizer in {folder} has no end-of-text token {named!r}; name it as eos_token")
    return found
