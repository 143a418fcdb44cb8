"""Indicators of categories, from columns of every kind a dataset has."""

import numpy as np

from jaxrec.data import features


def test_categories_become_columns_by_name_and_the_rest_is_left_out():
    known = {
        "title": np.array(["a", "b", "c", "d"] * 20, object),
        "id": np.arange(80),
        "vectors": np.random.default_rng(0).normal(size=(80, 3)),
        "sex": np.array(["f", "m"] * 40, object),
        "tags": np.eye(5, dtype=bool)[np.arange(80) % 5],
        "age": np.repeat([18, 30], 40),
        "one": np.ones(80, int),
        "popularity": np.linspace(0, 1, 80).astype(np.float32),
    }
    found = features.indicators(known, 80)
    assert found.dtype == np.float32 and found.shape == (80, 2 + 2 + 5 + 4)  # age, sex, tags, title
    np.testing.assert_array_equal(found[41, :4], [0, 1, 0, 1])
    np.testing.assert_array_equal(found[41, 4:9], np.eye(5)[1])


def test_nothing_known_is_no_column():
    assert features.indicators({}, 7).shape == (7, 0)
