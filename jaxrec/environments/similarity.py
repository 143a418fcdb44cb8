"""How alike items are, as EasyRL4Rec's diversity takes it: by distances of their rating columns, or by categories."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.environments import exit_rules

KINDS = ("distance", "category")


def of(facts: Mapping[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """Returns {"similarity": float32 [A, A]}, or {"vectors": float32 [A, D]} where no A x A matrix is to be made.

    Args:
      facts: what an environment says of its items (`item_facts`).
      kind: 'distance': 1 / (1 + D), of the distances D that users leave by, or else of the columns of the ratings that
        the environment holds; 'category': shared categories over all categories of the two items.

    Raises:
      JaxrecError: an unknown kind, or an environment that has no such facts.
    """
    if kind not in KINDS:
        raise JaxrecError(f"similarity is {kind!r}; set it to '' or one of {', '.join(KINDS)}")
    if kind == "category" and "categories" in facts:
        return {"similarity": jaccard(facts["categories"])}
    if kind == "distance" and "distance" in facts:
        return {"similarity": 1.0 / (1.0 + facts["distance"])}
    if kind == "distance" and "ratings" in facts:
        return {"similarity": 1.0 / (1.0 + exit_rules.column_distances(facts["ratings"]))}
    vectors = facts.get("vectors", facts.get("rating_vectors"))
    if kind == "distance" and vectors is not None:
        return {"vectors": vectors}
    raise JaxrecError(f"similarity is {kind!r}, which the environment does not know of its items; use another, or ''")


def jaccard(categories: np.ndarray) -> np.ndarray:
    """Returns the shared categories of each two items over those of either, float32 [A, A]; 0 where neither has any.

    Args:
      categories: bool [A, C].
    """
    member = categories.astype(np.float32)
    shared, size = member @ member.T, member.sum(1)
    return shared / np.maximum(size[:, None] + size[None, :] - shared, 1.0)
