"""A fitted user model, with factors or without, becomes the rewards of an environment."""

from __future__ import annotations

import io

import numpy as np
import pytest
from jaxrec.experiment.context import Context

from jaxrec import defaults
from jaxrec.experiment import fitting
from jaxrec.reporting.progress import Progress

SMALL = {
    "user_models.matrix_factorization": {"width": 2, "batch_size": 4},
    "user_models.deep_fm": {"width": 2, "batch_size": 4, "num_members": 2, "hidden": (4,)},
}


@pytest.mark.parametrize("name", SMALL)
def test_missing_ratings_are_the_models(tmp_path, name):
    rows = [(user, item, 1 + (user * item) % 5) for user in range(5) for item in range(4) if (user + item) % 3]
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating\n" + "".join(f"{u},{i},{r}\n" for u, i, r in rows))
    config = defaults.get_config()
    config.data.update(name="csv", options={"path": str(path)})
    config.stages.ratings = defaults.fit(
        name, "interactions", num_steps=2, steps_per_call=2, num_seeds=1, **SMALL[name]
    )
    config.environments.train = defaults.environment("feedback_matrix", user_model="ratings", threshold=0.5)
    config.order = ("ratings",)
    context = Context(config, tmp_path / "run")
    facts = fitting.run(context, "ratings", Progress(io.StringIO()))
    assert "features" not in facts["spec"] or facts["spec"]["features"] is None  # the record is JSON
    _, params = context.environment("train")
    matrix = np.asarray(params.rewards.matrix)
    found = np.full((5, 4), np.nan)
    for user, item, rating in rows:
        found[user, item] = rating
    known = np.isfinite(found)
    np.testing.assert_array_equal(matrix[known], found[known])
    fitted = context.fitted("ratings")
    first = {role: _first(tree) for role, tree in fitted.params.items()}
    predicted = np.clip(np.asarray(fitted.algorithm.scorer(first, np.arange(5))), 1, 5)
    np.testing.assert_allclose(matrix[~known], predicted[~known], rtol=1e-5)


def _first(tree):
    return {name: _first(leaf) if isinstance(leaf, dict) else np.asarray(leaf)[0] for name, leaf in tree.items()}
