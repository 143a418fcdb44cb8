from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data import datasets
from jaxrec.data.datasets import yoochoose
from tests.data import writers

CLICKS = [(7, 2_147_483_650, 1_396_867_869), (7, 214_536_502, 1_396_867_900), (3, 214_536_502, 1_396_800_000)]
BUYS = [(7, 214_536_502, 1_396_868_000)]


@pytest.fixture(params=[False, True], ids=["plain", "gzipped"])
def root(request, tmp_path):
    writers.yoochoose(tmp_path, CLICKS, BUYS, request.param)
    return tmp_path


def test_reads_clicks_and_buys(root):
    data = datasets.load("yoochoose", root, check=False)
    assert data.user_ids.tolist() == [3, 7] and data.item_ids.tolist() == [214_536_502, 2_147_483_650]
    assert data.user.tolist() == [1, 1, 0] and data.item.tolist() == [1, 0, 0]
    assert data.time.tolist() == [t for *_, t in CLICKS] and data.feedback.tolist() == [1, 1, 1]
    both = datasets.load("yoochoose", root, check=False, buys=True)
    np.testing.assert_allclose(both.feedback, [0.2, 0.2, 0.2, 1.0])
    assert (both.user[3], both.item[3], both.time[3]) == (1, 0, 1_396_868_000)


def test_buys_that_are_not_there_are_named(tmp_path):
    writers.yoochoose(tmp_path, CLICKS)
    with pytest.raises(JaxrecError, match="yoochoose-buys.dat is missing; it comes from https"):
        datasets.load("yoochoose", tmp_path, check=False, buys=True)


def test_a_part_is_told_from_the_official_release(root):
    with pytest.raises(JaxrecError, match="2 users where 9249729 are expected, 2 items where 52739"):
        datasets.load("yoochoose", root)


def test_what_was_only_bought_is_not_counted_among_the_clicks(tmp_path, monkeypatch):
    counts = {"users": 2, "items": 2, "train": 3, "test": 0}
    monkeypatch.setattr(yoochoose, "RELEASE", yoochoose.RELEASE._replace(counts=counts))
    writers.yoochoose(tmp_path, CLICKS, [(9, 11, 1_396_868_000)])
    assert datasets.load("yoochoose", tmp_path, buys=True).num_items == 3


@pytest.mark.parametrize("rewards", [(1.0,), (float("nan"), 1.0), "ab"])
def test_rewards_that_cannot_be_are_named(root, rewards):
    with pytest.raises(JaxrecError, match="data.options.rewards is .*: set it to two finite numbers, of a click and"):
        datasets.load("yoochoose", root, check=False, buys=True, rewards=rewards)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("2014-04-07T10", "2014-04-37T10", "clicks.dat line 1: timestamp '2014-04-37T10:51:09.277Z' is no time"),
        ("3,2014", "x,2014", "clicks.dat line 3: session 'x' is not an integer"),
        (",S\n", "\n", "clicks.dat line 1: 3 fields where 4 are expected"),
    ],
)
def test_names_what_is_damaged(tmp_path, old, new, complaint):
    writers.yoochoose(tmp_path, CLICKS)
    path = tmp_path / "rsc15" / "yoochoose-clicks.dat"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(JaxrecError, match=complaint):
        datasets.load("yoochoose", tmp_path, check=False)


def test_a_gzipped_file_cut_short_is_named(tmp_path):
    writers.yoochoose(tmp_path, CLICKS, compress=True)
    path = tmp_path / "rsc15" / "yoochoose-clicks.dat.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(JaxrecError, match=r"clicks.dat.gz cannot be unpacked \(.*\); fetch the file again"):
        datasets.load("yoochoose", tmp_path, check=False)


def test_the_real_sample_holds_the_counts_of_its_readme(data_root):
    data = datasets.load("yoochoose", data_root, check=False)
    assert (len(data), data.num_users, data.num_items) == (83_846, 21_210, 2_933)
    assert (data.user_ids[data.user[0]], data.item_ids[data.item[0]], data.time[0]) == (1, 214_536_502, 1_396_867_869)
    assert (np.diff(data.user) >= 0).all() and np.bincount(data.user).min() == 2
