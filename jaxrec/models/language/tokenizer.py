"""Tokenizers, between text and token ids: that of a language model's folder, or a byte-level BPE trained on text."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError

END_OF_TEXT = "<|endoftext|>"
NUM_BYTE_IDS = 257  # ids of single bytes and of the end-of-text token, the smallest vocabulary


@dataclasses.dataclass(frozen=True)
class Tokenizer:
    """Maps text to token ids and back.

    Attributes:
      engine: a `tokenizers.Tokenizer`. end: the id of the end-of-text token, which separates documents.
    """

    engine: Any
    end: int

    @property
    def vocabulary(self) -> int:
        """Returns the largest id + 1, the least size of a table that has a row for every id; ids may have gaps."""
        return max(self.engine.get_vocab(with_added_tokens=True).values()) + 1

    def encode(self, documents: Sequence[str]) -> list[list[int]]:
        """Returns the ids of each document, without special tokens."""
        return [encoding.ids for encoding in self.engine.encode_batch(list(documents), add_special_tokens=False)]

    def stream(self, documents: Sequence[str]) -> np.ndarray:
        """Returns int32 [M], the ids of all documents one after the other, each followed by `end`."""
        ids = self.encode(documents)
        return np.array([token for document in ids for token in (*document, self.end)], np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """Returns the text of the ids."""
        return self.engine.decode(list(map(int, ids)))

    def save(self, folder: Path) -> None:
        """Writes tokenizer.json and tokenizer_config.json in the format of the library transformers."""
        folder.mkdir(parents=True, exist_ok=True)
        with files.replacing(folder / "tokenizer.json") as partial:
            self.engine.save(str(partial))
        end = self.engine.id_to_token(self.end)
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": end, "bos_token": end}
        files.write_text(folder / "tokenizer_config.json", json.dumps(settings, indent=1) + "\n")


def load(folder: Path | str) -> Tokenizer:
    """Reads the tokenizer of a local folder from tokenizer.json, or from GPT-2's vocab.json and merges.txt.

    The same text always becomes the same ids, and all of it does, whatever the file says: see `_read_whole_texts`.

    Raises:
      JaxrecError: the folder holds neither, or a file is damaged or has no end-of-text token.
    """
    from tokenizers import Tokenizer as Engine

    folder = Path(folder).expanduser()
    gpt2_files = (folder / "vocab.json", folder / "merges.txt")
    try:
        if (folder / "tokenizer.json").is_file():
            engine = Engine.from_file(str(folder / "tokenizer.json"))
        elif all(path.is_file() for path in gpt2_files):
            engine = _byte_level(*map(str, gpt2_files))
        else:
            raise JaxrecError(
                f"{folder} holds neither tokenizer.json nor vocab.json and merges.txt; put the tokenizer there, or "
                "train one (tokenizer = 'bpe')"
            )
    except JaxrecError:
        raise
    except Exception as error:  # the library raises bare Exception for a damaged file
        raise JaxrecError(f"the tokenizer in {folder} cannot be read ({error}); download it again") from error
    _read_whole_texts(engine)
    return Tokenizer(engine, _end_of_text_id(folder, engine))


def _read_whole_texts(engine: Any) -> None:
    """Switches off what tokenizer.json may carry for one use of the tokenizer and what would change every text here.

    Truncation and padding are written by the library transformers after a call with `truncation=True` or
    `padding=True`; BPE dropout (Provilkov et al., 2020) leaves out merges at random, for training only. Special tokens
    around a text are left out by `Tokenizer.encode`.
    """
    engine.no_truncation()
    engine.no_padding()
    if getattr(engine.model, "dropout", None):
        engine.model.dropout = None


def train(documents: Sequence[str], vocabulary: int) -> Tokenizer:
    """Trains a byte-level BPE on the documents.

    Args:
      vocabulary: the largest number of ids; with `NUM_BYTE_IDS` of them every byte is a token and nothing is learned.

    Raises:
      JaxrecError: the vocabulary is too small to hold every byte.
    """
    from tokenizers import pre_tokenizers, trainers

    if vocabulary < NUM_BYTE_IDS:
        raise JaxrecError(f"a byte-level vocabulary needs {NUM_BYTE_IDS} ids or more, not {vocabulary}")
    engine = _byte_level()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    engine.train_from_iterator(documents, trainer)
    return Tokenizer(engine, engine.token_to_id(END_OF_TEXT))


def _byte_level(*files: str) -> Any:
    """Returns a byte-level BPE, without merges or with those of GPT-2's two files."""
    from tokenizers import Tokenizer as Engine
    from tokenizers import decoders, models, pre_tokenizers

    engine = Engine(models.BPE.from_file(*files) if files else models.BPE())
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    if files:
        engine.add_special_tokens([END_OF_TEXT])
    return engine


def _end_of_text_id(folder: Path, engine: Any) -> int:
    """Returns the id of the token that tokenizer_config.json names as eos_token, or of GPT-2's end-of-text token."""
    token = END_OF_TEXT
    settings = folder / "tokenizer_config.json"
    if settings.is_file():
        try:
            token = json.loads(settings.read_text(encoding="utf-8")).get("eos_token") or END_OF_TEXT
        except (ValueError, AttributeError) as error:
            raise JaxrecError(f"{settings} is damaged ({error}); download it again") from error
    token = token.get("content", "") if isinstance(token, dict) else token
    token_id = engine.token_to_id(token)
    if token_id is None:
        raise JaxrecError(f"the tokenizer in {folder} has no end-of-text token {token!r}; name it as eos_token")
    return token_id
