"""Arrays from files that may be damaged: never unpickled, and a damaged file is one clear line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base.errors import JaxrecError


def read(path: Path, remedy: str) -> dict[str, np.ndarray]:
    """Every array of an .npz file by its name.

    Raises:
      JaxrecError: the file is damaged, or no such file; says so and then the `remedy`.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:  # numpy leaves a bad file open
            return dict(arrays)
    except Exception as error:  # numpy raises anything from BadZipFile to ValueError here
        raise JaxrecError(f"{path} is not a readable .npz file ({error}); {remedy}") from error
