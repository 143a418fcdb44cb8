"""Every loader: what is written is read back, and damage ends in one clear line or in a valid table."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxrec.base.errors import JaxrecError
from jaxrec.data import datasets
from tests.data.cases import CASES, SEPARATORS, assert_valid, damage, files, read_back

SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_every_loader_of_files_has_a_case():
    assert set(CASES) == set(datasets.names()) - {"embedded"}


@pytest.mark.parametrize("name", CASES)
@SETTINGS
@given(data=st.data())
def test_what_is_written_is_read_back(name, data):
    case = data.draw(CASES[name])
    with tempfile.TemporaryDirectory() as folder:
        case.write(Path(folder))
        loaded = datasets.load(name, folder, **case.options)
    assert_valid(loaded)
    train, test = read_back(loaded)
    assert train == [(u, i, np.float32(r), t) for u, i, r, t in case.train]
    assert test == [(u, i, np.float32(r), t) for u, i, r, t in case.test]
    place = {item: n for n, item in enumerate(loaded.item_ids.tolist())}
    for item, categories in case.categories:
        assert np.flatnonzero(loaded.item_features["category"][place[item]]).tolist() == sorted(categories)


@pytest.mark.parametrize("name", CASES)
@SETTINGS
@given(data=st.data())
def test_damage_ends_in_one_clear_line_or_a_valid_table(name, data):
    case = data.draw(CASES[name])
    with tempfile.TemporaryDirectory() as folder:
        case.write(Path(folder))
        file = data.draw(st.sampled_from(files(Path(folder))))
        file.write_bytes(data.draw(damage(file.read_bytes())))
        try:
            loaded = datasets.load(name, folder, **case.options)
        except JaxrecError as error:
            message = str(error)
            assert "\n" not in message and message.isprintable()
            assert folder in message
        else:
            assert_valid(loaded)


@pytest.mark.parametrize("name", CASES)
@SETTINGS
@given(data=st.data())
def test_a_file_cut_short_inside_a_line_is_noticed(name, data):
    """The last line loses its end from a separator on: it must be named, never read as fewer or other rows."""
    case = data.draw(CASES[name])
    with tempfile.TemporaryDirectory() as folder:
        case.write(Path(folder))
        file = data.draw(st.sampled_from([f for f in files(Path(folder)) if f.suffix != ".parquet"] or [None]))
        if file is None:
            return
        content = file.read_bytes().rstrip(b"\n")
        start = content.rfind(b"\n") + 1
        places = [n for n in range(start, len(content)) if content[n : n + 1] in SEPARATORS.get(name, b",")]
        if not places or b'"' in content[start:]:
            return
        file.write_bytes(content[: data.draw(st.sampled_from(places))])
        with pytest.raises(JaxrecError):
            datasets.load(name, folder, **case.options)
