"""The MODT4R job end to end: trained once, then asked for more diversity without training anything again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from configs import modt4r
from jaxrec import experiment
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment.resources import Resources


def test_another_question_needs_no_training(tmp_path):
    config = modt4r.get_config("smoke")
    fits = ("sasrec", "modt4r")
    config.order, config.stages.evaluation.policies = ("sasrec", "item_vectors", "modt4r", "evaluation"), fits
    config.tables.table_4_3.rows = fits
    experiment.run(config, tmp_path)
    stamps = [(tmp_path / name / "done.json").stat().st_mtime_ns for name in fits]
    before = json.loads((tmp_path / "evaluation" / "results.json").read_text())
    swept = json.loads((tmp_path / "evaluation" / "sweeps.json").read_text())
    assert set(swept) == {"modt4r"} and set(swept["modt4r"]) == {"figure_4_4", "figure_4_5", "novelty"}
    at_one = dict((value, metrics) for value, metrics in swept["modt4r"]["figure_4_5"])[1.0]
    assert at_one == before["modt4r"]

    vectors = Resources(config, tmp_path).fitted("sasrec").params["output"]["table"][0]
    given = Resources(config, tmp_path).fitted("modt4r").params["given"]["vectors"]
    directions = np.asarray(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(given, np.stack([directions] * 2), rtol=1e-5, err_msg="SASRec's, at every seed")

    assert "Asked at ranking" not in (tmp_path / "tables.md").read_text()
    config.inference.diversity = 2.0
    text = experiment.run(config, tmp_path)
    assert [(tmp_path / name / "done.json").stat().st_mtime_ns for name in fits] == stamps
    after = json.loads((tmp_path / "evaluation" / "results.json").read_text())
    assert after["sasrec"] == before["sasrec"] and after["modt4r"] != before["modt4r"]
    assert "modt4r" in text
    report = (tmp_path / "report.md").read_text()
    tables = (tmp_path / "tables.md").read_text()
    assert "Table 4.3" in tables and "(figure_4_5.png)" in tables and (tmp_path / "figure_4_5.png").exists()
    asked = "Asked at ranking: diversity 2 (by default 1), of modt4r."
    assert asked in report and asked in tables
    assert "modt4r, diversity = 2 " in report and "Figure 4.5: weight of the diversity return](" in report


def test_published_numbers_stand_beside_ours_where_the_data_are_the_thesis():
    reference = modt4r.get_config("yoochoose").reference
    assert reference.modt4r["ranking/CV_div@5"] == 0.6445 and reference.sasrec["ranking/R@20"] == 49.28
    assert not modt4r.get_config("yoochoose_sample").reference
    listening = modt4r.get_config("lfm_1b")
    assert listening.reference.modt4r["ranking/R@20"] == 684.70
    assert listening.reference.modt4r_i["ranking/R@10"] == 397.47
    assert listening.stages.modt4r.algorithm.batch_size == listening.stages.sqn.algorithm.batch_size == 512
    assert listening.figures.figure_4_6.rows == ("modt4r", "beta_1")


@pytest.mark.parametrize("variant", ["yoochoose", "retailrocket", "lfm_1b"])
def test_table_4_4_has_columns_of_its_own(variant):
    config = modt4r.get_config(variant)
    states, methods = config.tables.table_4_4, config.reference.modt4r
    assert set(states.published) == set(states.rows) and "R@20" not in states.columns
    last = dict(zip(states.columns, states.published.modt4r, strict=True))
    assert all(methods[f"ranking/{metric}"] == value for metric, value in last.items()), "the thesis repeats this row"


def test_sqn_is_rewarded_with_one_and_the_others_with_purchases():
    config = modt4r.get_config("yoochoose")
    rewards = {name: config.stages[name].algorithm.get("reward") for name in modt4r.VALUES}
    assert rewards == dict.fromkeys(modt4r.VALUES, "feedback") | {"sqn": "one", "items_left": None}
    steps = {name: config.stages[name].num_steps for name in ("sasrec", "items_left", "modt4r", *modt4r.TWO_NETWORKS)}
    assert steps == dict.fromkeys(steps, 20_000) | dict.fromkeys(modt4r.TWO_NETWORKS, 40_000)
    for variant in (None, "yoochoose_sample", "movielens_100k"):  # whose logs have no purchases
        assert modt4r.get_config(variant).stages.snqn.algorithm.reward == "click"
    assert config.data.options.buys and not modt4r.get_config("yoochoose_sample").data.options.get("buys")


def test_sa2c_goes_on_at_the_published_rate_or_a_lower_one():
    for variant, rate in ((None, 3e-3), ("yoochoose_sample", 1e-3), ("yoochoose", 1e-3)):
        sa2c = modt4r.get_config(variant).stages.sa2c
        assert sa2c.algorithm.optimizer.learning_rate == rate
        assert sa2c.algorithm.warm_factor * rate == pytest.approx(1e-3)
        assert sa2c.algorithm.warmup_steps == sa2c.num_steps // 2


def test_vectors_of_no_next_item_model_are_refused(tmp_path):
    config = modt4r.get_config("smoke")
    config.stages.modt4r.beside = {}
    with pytest.raises(JaxrecError, match="stage 'modt4r': the diversity return needs item vectors"):
        experiment.run(config, tmp_path)
    config.stages.modt4r.beside = {"directions": "item_vectors"}
    with pytest.raises(JaxrecError, match="modt4r takes nothing beside its data as 'directions'; it takes vectors"):
        experiment.run(config, tmp_path)
    config.stages.modt4r.beside = {"vectors": "sequences"}
    with pytest.raises(JaxrecError, match="'sequences', which cannot stand beside the data"):
        experiment.run(config, tmp_path)
    assert not (tmp_path / "sasrec").exists()
