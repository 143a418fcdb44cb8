"""Text as token ids, for language models: files, or what is said of the log's items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Text
from jaxrec.base.specs import TextSpec
from jaxrec.batches import token_blocks
from jaxrec.data.documents import item_documents, read_documents
from jaxrec.experiment.kinds import Beside, Content, Dataset
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import fingerprint
from jaxrec.models.language import tokenizer as tokenizers

EVALUATORS = ("perplexity",)
BESIDE = Beside(value=lambda spec: spec, drawn=True)  # for a language loss
ORIGIN = "trained on the text `{}`"


def options(
    *, train: Sequence[str] = (), validation: Sequence[str] = (), tokenizer: str = "bpe", vocabulary: int = 512
) -> ConfigDict:
    """Text for language models.

    Args:
      train, validation: files, below data.root where they are relative; none at all for what is said of the dataset's
        items, every tenth held out.
      tokenizer: a folder, or 'bpe' for one learned from the training text. Truncation, padding and BPE dropout that the
        folder's file carries are switched off.
      vocabulary: ids of the learned one (257: single bytes).
    """
    return ConfigDict(
        {"train": tuple(train), "validation": tuple(validation), "tokenizer": tokenizer, "vocabulary": vocabulary}
    )


def inputs(config: ConfigDict, name: str) -> tuple[str, ...]:
    del config, name
    return ()


def load(resources: Resources, name: str) -> Dataset:
    """`records.Text`, and the vocabulary of its tokenizer."""
    config, root = resources.config.datasets[name], Path(resources.config.data.root)
    train, validation = documents(resources, config, root)
    if config.tokenizer == "bpe":
        found = tokenizers.train(train, config.vocabulary)
    else:
        found = tokenizers.load(root / config.tokenizer)
    text = Text(found.stream(train), found.stream(validation))
    token_blocks.check_ids(text, found.vocabulary)
    return Dataset(text, TextSpec(found.vocabulary, found))


def documents(resources: Resources, config: ConfigDict, root: Path) -> tuple[list[str], list[str]]:
    """The documents to learn from and those held out."""
    if bool(config.train) != bool(config.validation):
        raise JaxrecError("a text names both train and validation files, or none (what is said of the items)")
    if not config.train:
        return item_documents(resources.log)
    train, validation = (read_documents([root / file for file in files]) for files in (config.train, config.validation))
    return train, validation


def spec(resources: Resources, name: str) -> TextSpec:
    return resources.dataset(name).spec


def content(resources: Resources, name: str) -> Content:
    data, facts = resources.dataset(name)
    learned = fingerprint(data.train, facts.vocabulary, facts.catalogue)
    return Content(learned, fingerprint(learned, data.validation))


def check_policy(config: ConfigDict, name: str, policy: str) -> None:
    """The token ids of this text are those that the model learned: both texts have the same tokenizer.

    Raises:
      JaxrecError: they are not.
    """
    own = config.stages[policy].data
    learned = config.datasets.get(own, ConfigDict({"kind": ""}))
    if learned.kind != "text" or _tokenizer(learned) != _tokenizer(config.datasets[name]):
        raise JaxrecError(f"{policy!r} learns from {own!r}, whose token ids are not those of the text {name!r}")


def _tokenizer(config: ConfigDict) -> tuple:
    """What decides the token ids; a tokenizer that is learned depends on the training text."""
    return (config.tokenizer, config.vocabulary, config.train) if config.tokenizer == "bpe" else (config.tokenizer,)


def measures_alike(one: ConfigDict, other: ConfigDict) -> bool:
    return one.validation == other.validation


def measured(resources: Resources, name: str, policy: str) -> Dataset:
    del policy
    return resources.dataset(name)


def facts(resources: Resources, name: str) -> list[str]:
    del resources, name
    return []
