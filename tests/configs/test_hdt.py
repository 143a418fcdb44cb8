"""The HDT job end to end: models of users' sessions and of joined ones, measured on the same last sessions."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

from configs import hdt
from jaxrec import experiment
from jaxrec.base.errors import JaxrecError
from jaxrec.evaluation import rankings
from jaxrec.experiment.resources import Resources


def test_both_kinds_are_ranked(tmp_path):
    config, rows = hdt.get_config("smoke"), ("normal_sasrec", "hdt_sasrec")
    config.order, config.stages.evaluation.policies = ("vectors", "item_vectors", *rows, "evaluation"), rows
    config.tables.table_5_3_sasrec.rows = rows
    table = experiment.run(config, tmp_path)
    results = json.loads((tmp_path / "evaluation" / "results.json").read_text())
    assert set(results) == set(rows)
    for metrics in results.values():
        assert len(metrics["ranking/HR@10"]) == 2 and 0 < metrics["ranking/HR_ser@10"][0] <= 1
    assert "normal_sasrec" in table
    compared = json.loads((tmp_path / "tables.json").read_text())["tables"]["table_5_3_sasrec"]
    tested = {found["metric"]: found["p"] for found in compared["orderings"]}
    assert 0 <= tested["HR@10"] <= 1 and tested["CV_div@10"] is None
    assert "p of the paired t-test" in (tmp_path / "tables.md").read_text()
    resources = Resources(config, tmp_path)
    fitted, (joined, spec) = resources.fitted("normal_sasrec"), resources.measured_on("sessions", "normal_sasrec")
    evaluator = rankings.make(config.stages.evaluation.evaluator, spec)
    ranked = jax.jit(jax.vmap(evaluator.measure(fitted.algorithm), (0, None, None)))
    seen, alone = (
        ranked(fitted.params, data, jax.random.key(0)).metrics for data in (joined, joined.replace(before=()))
    )
    found = results["normal_sasrec"]["ranking/NDCG@20"]
    np.testing.assert_allclose(found, seen["ranking/NDCG@20"], rtol=1e-5)
    assert np.abs(np.subtract(found, alone["ranking/NDCG@20"])).max() > 1e-3, "ranked with what came before"


def test_joined_sessions_are_measured_alike(tmp_path):
    resources = Resources(hdt.get_config("smoke"), tmp_path)
    (apart, spec), (joined, other) = (resources.dataset(name) for name in ("sessions", "joined"))
    jax.tree.map(np.testing.assert_array_equal, apart.test, joined.test)
    np.testing.assert_array_equal(spec.tail, other.tail)
    assert not apart.before and any(rows.mask.any() for rows in joined.before)
    assert apart.train.mask.sum() - len(apart.train.user) < joined.train.mask.sum() - len(joined.train.user)
    assert (np.diff(apart.train.user) >= 0).all(), "the view of users' sessions needs rows in order of users"


def test_other_sequences_are_refused(tmp_path):
    config = hdt.get_config("smoke")
    config.datasets.joined.length = 5
    with pytest.raises(JaxrecError, match="'normal_sasrec' learns from 'joined', not from 'sessions'"):
        experiment.run(config, tmp_path)


def test_the_five_days_of_reddit_can_be_named():
    config = hdt.get_config("reddit")
    config.data.options.start = 1_483_228_800
    assert dict(config.data.options) == {"start": 1_483_228_800, "stop": None, "check": True}
    assert "table_5_4_gru4rec" in config.tables and "table_5_3_gru4rec" in hdt.get_config("album").tables


def test_published_numbers_stand_beside_ours_where_the_data_are_the_thesis():
    album = hdt.get_config("album")
    assert album.tables.table_5_3_gru4rec.published.hdt_gru4rec[:2] == (0.0896, 0.0628)
    assert album.tables.table_5_5.published.hdt_nov[-1] == 0.1242 and not album.datasets.sessions.repeats
    assert not hdt.get_config().tables.table_5_3_gru4rec.published and hdt.get_config().data.name == "embedded"
