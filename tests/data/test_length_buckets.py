"""Buckets hold every sequence once."""

from __future__ import annotations

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data import sessions
from jaxrec.data.length_buckets import split_by_length
from jaxrec.data.sequences import from_sessions
from tests.data.session_logs import random_log


def test_buckets_hold_all_rows_and_little_padding():
    data = random_log(0)
    built = from_sessions(data, session=sessions.session_numbers(data, 1200))
    buckets = split_by_length(built, (2, 4, 12))
    for bucket, (low, high) in zip(buckets, ((2, 2), (3, 4), (5, 12)), strict=True):
        size = bucket.mask.sum(1)
        assert size.min() >= low and size.max() <= high == bucket.item.shape[1]
    assert sum(b.mask.sum() for b in buckets) == built.mask.sum()
    assert sorted(i for b in buckets for i in b.item[b.mask]) == sorted(built.item[built.mask])
    with pytest.raises(JaxrecError, match=r"do not fit in buckets of \[2, 3\]"):
        split_by_length(built, [2, 3])
