"""Encoders by name: what is not there is one clear line."""

from __future__ import annotations

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.models import encoders

SIZES = {"num_items": 5, "width": 4}


def test_options_reach_the_encoder():
    assert encoders.make("sasrec", **SIZES, num_layers=2).num_layers == 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lstm", {}, "there is no state encoder 'lstm'.*gru.*sasrec"),
        ("sasrec", {"layers": 2}, "'sasrec' has no option 'layers', did you mean 'num_layers'.: choose one of dropout"),
        ("average", {"num_layers": 2}, "'average' has no option 'num_layers': choose one of dropout, norm_input"),
        ("interactions", {}, "no state encoder 'interactions'; choose one of average, caser, gru, nextitnet, sasrec"),
        ("", {}, "no state encoder ''; choose one of"),
        ("sasrec", {"num_heads": 0}, "state encoder 'sasrec': num_heads is 0: set it to a whole number from 1 upward"),
        ("sasrec", {"num_heads": 3}, "state encoder 'sasrec': width 4 does not split into 3 heads"),
        ("sasrec", {"dropout": 1.0}, "state encoder 'sasrec': dropout is 1.0: set it to 0 or more and below 1"),
        ("sasrec", {"num_layers": 0}, "'sasrec': num_layers is 0"),
        ("caser", {"heights": ()}, r"'caser': heights is \(\): set it to whole numbers from 1 upward"),
        ("caser", {"heights": 3}, "'caser': heights is 3"),
        ("nextitnet", {"dilations": (1, 0)}, r"'nextitnet': dilations is \(1, 0\)"),
        ("nextitnet", {"kernel": 2.5}, "'nextitnet': kernel is 2.5"),
    ],
)
def test_what_is_not_there_or_cannot_be_is_named(name, options, message):
    with pytest.raises(JaxrecError, match=message):
        encoders.make(name, **SIZES, **options)
