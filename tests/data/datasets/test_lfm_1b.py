from __future__ import annotations

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data import datasets
from jaxrec.data.datasets import lfm_1b
from tests.data import writers

BEGIN, END = lfm_1b.FIRST_WEEK_OF_JUNE_2012
EVENTS = [(9, 50, 7, BEGIN), (4, 50, 8, END - 1), (4, 60, 7, BEGIN - 1), (4, 70, 8, END), (9, 70, 7, BEGIN + 5)]


@pytest.fixture
def root(tmp_path):
    writers.lfm_1b(tmp_path, EVENTS)
    return tmp_path


def test_reads_the_events_of_a_span(root):
    data = datasets.load("lfm_1b", root)
    assert data.user_ids.tolist() == [4, 9] and data.item_ids.tolist() == [7, 8]
    assert data.user.tolist() == [1, 0, 1] and data.time.tolist() == [BEGIN, END - 1, BEGIN + 5]
    albums = datasets.load("lfm_1b", root, item="album", stop=END + 1)
    assert albums.item_ids[albums.item].tolist() == [50, 50, 70, 70]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (f"\t{END}", "\tsoon", "LEs.txt line 4: timestamp 'soon' is not an integer"),
        (f"\t7\t{BEGIN - 1}", f"\t{BEGIN - 1}", "LEs.txt line 3: 4 fields where 5 are expected"),
        (f"4\t2\t70\t8\t{END}", f"\t2\t70\t8\t{END}", "LEs.txt line 4: user is missing"),
    ],
)
def test_names_what_is_damaged_also_outside_the_span(root, old, new, complaint):
    path = root / "LFM-1b" / "LFM-1b_LEs.txt"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(JaxrecError, match=complaint):
        datasets.load("lfm_1b", root)


def test_empty_lines_are_accepted_at_the_end_alone(root):
    path = root / "LFM-1b" / "LFM-1b_LEs.txt"
    whole = path.read_text()
    path.write_text(whole + "\n\n")
    assert len(datasets.load("lfm_1b", root)) == 3
    path.write_text(whole.replace("\n", "\n\n", 1))
    with pytest.raises(JaxrecError, match="LEs.txt line 2: the line is empty"):
        datasets.load("lfm_1b", root)
    with pytest.raises(JaxrecError, match="data.options.start is '2012': set it to a finite number"):
        datasets.load("lfm_1b", root, start="2012")


def test_an_empty_span_and_an_unknown_item_are_named(root):
    with pytest.raises(JaxrecError, match="no rows with timestamp from 5 to 9; choose another range"):
        datasets.load("lfm_1b", root, start=5, stop=9)
    with pytest.raises(JaxrecError, match="no item 'artist'; choose track or album"):
        datasets.load("lfm_1b", root, item="artist")
