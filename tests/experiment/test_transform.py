"""Annotations: what a fitted model says of every row, shard by shard, as facts of a network or as an environment."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from jaxrec import experiment
from jaxrec.base.errors import JaxrecError
from jaxrec.config import declare
from jaxrec.config import experiment as experiments
from jaxrec.experiment import preflight
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.stages import transform
from jaxrec.reporting.progress import Progress
from jaxrec.training import loop
from tests.experiment import tiny

USER_MODELS = {
    "user_models.matrix_factorization": ({"width": 2, "batch_size": 4}, ("user_factors", "item_factors")),
    "user_models.deep_fm": ({"width": 2, "batch_size": 4, "num_members": 2, "hidden": (4,)}, ("ratings",)),
}


def run(resources, *names):
    for name in names:
        stage = experiment.stages.load(resources.config.stages[name].kind)
        resources.folder(name).open()
        resources.folder(name).finish(stage.run(resources, name, Progress(io.StringIO())))


@pytest.mark.parametrize("name", USER_MODELS)
def test_the_completed_ratings_of_a_user_model_are_an_environment(tmp_path, name):
    rows = [(user, item, 1 + (user * item) % 5) for user in range(5) for item in range(4) if (user + item) % 3]
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating\n" + "".join(f"{u},{i},{r}\n" for u, i, r in rows))
    options, transforms = USER_MODELS[name]
    config = experiments.defaults()
    config.data.update(name="csv", options={"path": str(path)})
    config.datasets.ratings = declare.dataset("ratings")
    config.stages.model = declare.fit(name, "ratings", num_steps=2, steps_per_call=2, num_seeds=1, **options)
    config.stages.completed = declare.transform("model", *transforms, rows_per_shard=2)
    config.datasets.train = declare.dataset("environment", "feedback_matrix", user_model="completed", threshold=0.5)
    config.order = ("model", "completed")
    resources = Resources(config, tmp_path / "run")
    preflight.check(resources)
    run(resources, "model", "completed")
    matrix = np.asarray(resources.dataset("train").data.rewards.matrix)
    known = np.full((5, 4), np.nan)
    for user, item, rating in rows:
        known[user, item] = rating
    logged = np.isfinite(known)
    np.testing.assert_array_equal(matrix[logged], known[logged])
    fitted = resources.fitted("model")
    first = {role: _first(tree) for role, tree in fitted.params.items()}
    predicted = np.clip(np.asarray(fitted.algorithm.scorer(first, np.arange(5))), 1, 5)
    np.testing.assert_allclose(matrix[~logged], predicted[~logged], rtol=1e-5)


def _first(tree):
    return {name: _first(leaf) if isinstance(leaf, dict) else np.asarray(leaf)[0] for name, leaf in tree.items()}


@pytest.fixture
def vectors(tmp_path):
    """Resources of a next-item model whose item vectors are kept three rows at a time."""
    tiny.write_log(tmp_path / "log.csv")
    config = tiny.sequences_config(tmp_path / "log.csv")
    config.stages.vectors = declare.transform("model", "item_vectors", seed=1, rows_per_shard=3)
    config.order = ("model", "vectors", "evaluation")
    resources = Resources(config, tmp_path / "run")
    assert resources.spec("vectors")["item_vectors"].shape == (7, 4), "known before anything has run"
    run(resources, "model", "vectors")
    return resources


def test_item_vectors_are_the_model_s_of_that_seed(vectors):
    table = np.asarray(vectors.fitted("model").params["output"]["table"])
    found = vectors.dataset("vectors").data["item_vectors"]
    np.testing.assert_array_equal(found, table[1])
    files = sorted(path.name for path in vectors.folder("vectors").path.glob("*.npz"))
    assert files == [f"item_vectors_{first:012d}_{end:012d}.npz" for first, end in ((0, 3), (3, 6), (6, 7))]


def test_a_changed_or_missing_shard_is_named(vectors):
    folder = vectors.folder("vectors").path
    shard = folder / "item_vectors_000000000003_000000000006.npz"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(JaxrecError, match=f"{shard} is damaged; delete the folder {folder}"):
        transform.read(vectors, "vectors")
    shard.unlink()
    with pytest.raises(JaxrecError, match=f"{shard} is missing"):
        transform.read(vectors, "vectors")


def test_a_stopped_transform_goes_on_at_the_next_shard(vectors):
    folder = vectors.folder("vectors").path
    first, *rest = sorted(folder.glob("*.npz"))
    listed = json.loads((folder / "shards.json").read_text())
    whole = [path.read_bytes() for path in rest]
    rest[0].write_bytes(whole[0].replace(b"NUMPY", b"numpy"))  # a damaged one is made again as well
    for path in (*rest[1:], folder / "shards.json", folder / "done.json"):
        path.unlink()
    written = first.stat().st_mtime_ns
    again = Resources(vectors.config, vectors.workdir, stop_requested=iter((False, False, True)).__next__)
    with pytest.raises(loop.Stopped, match="stopped at shard 3 of 3 of vectors"):
        transform.run(again, "vectors", Progress(io.StringIO()))
    transform.run(Resources(vectors.config, vectors.workdir), "vectors", Progress(io.StringIO()))
    assert json.loads((folder / "shards.json").read_text()) == listed
    assert [path.read_bytes() for path in rest] == whole
    assert first.stat().st_mtime_ns == written


def test_a_stopped_transform_may_go_on_with_shards_of_another_size(vectors):
    folder = vectors.folder("vectors").path
    expected = vectors.dataset("vectors").data["item_vectors"]
    for name in ("shards.json", "done.json"):
        (folder / name).unlink()
    vectors.config.stages.vectors.rows_per_shard = 2
    again = Resources(vectors.config, vectors.workdir)
    again.folder("vectors").finish(transform.run(again, "vectors", Progress(io.StringIO())))
    np.testing.assert_array_equal(transform.read(again, "vectors")["item_vectors"], expected)
    assert len(list(folder.glob("*.npz"))) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ("item_vector",)}, "'model' has no transform 'item_vector'; it has item_vectors"),
        ({"names": ()}, "names is \\(\\): set it to a list of one or more names"),
        ({"seed": 2}, "'model' has no seed 2"),
        ({"rows_per_shard": 0}, "rows_per_shard is 0"),
    ],
)
def test_what_cannot_be_transformed_is_refused_before_any_work(vectors, changes, message):
    vectors.config.stages.vectors.update(changes)
    with pytest.raises(JaxrecError, match=message):
        preflight.check(Resources(vectors.config, vectors.workdir))


def test_texts_are_kept_as_well(tmp_path):
    """Arrays of texts go to disk and back without a pickle."""
    from jaxrec.base import files

    texts = np.array(["red ball", "", "\u00e9t\u00e9"])
    files.save_npz(tmp_path / "texts.npz", {"rows": texts})
    found = files.read_npz(tmp_path / "texts.npz", "")["rows"]
    assert found.tolist() == texts.tolist()
