"""Nested options by their dotted names."""

from ml_collections import ConfigDict

from jaxrec.base.leaves import flat


def test_groups_become_dots_and_empty_ones_stay():
    nested = {"a": {"b": 1, "c": {"d": 2}}, "e": {}}
    assert flat(nested) == flat(ConfigDict(nested)) == {"a.b": 1, "a.c.d": 2, "e": {}}
