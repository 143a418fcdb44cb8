"""Documents for language models: the lines of text files, or what a dataset says of its items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions


def read_documents(files: Sequence[Path | str]) -> list[str]:
    """Reads text files in the order given; a document is a line that is not empty (WikiText: a paragraph or heading).

    Raises:
      JaxrecError: a file is missing or not UTF-8, or there is no text in any of the files.
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


def item_documents(interactions: Interactions, every: int = 10) -> tuple[list[str], list[str]]:
    """Takes the text of each item, or its title where the dataset has no text, as a document.

    Args:
      every: each `every`-th item is held out for validation.

    Returns:
      (training documents, validation documents).

    Raises:
      JaxrecError: no item of the dataset has a text.
    """
    features = interactions.item_features
    texts = features.get("text", features.get("title"))
    if texts is None or not any(str(text).strip() for text in texts):
        raise JaxrecError(
            f"the items of dataset {interactions.name} have no text; set data.options.text, or name text files instead"
        )
    documents = [str(text) for text in texts]
    validation = [text for i, text in enumerate(documents) if i % every == 0]
    return [text for i, text in enumerate(documents) if i % every], validation
