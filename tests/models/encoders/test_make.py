"""Encoders by name: what is not there is one clear line."""

from __future__ import annotations

import pytest

from jaxrec.models import encoders
from jaxrec.types import JaxrecError

SIZES = {"num_items": 5, "width": 4}


def test_options_reach_the_encoder():
    assert encoders.make("sasrec", **SIZES, num_layers=2).num_layers == 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lstm", {}, "state encoder 'lstm' does not exist: choose one of .*gru.*sasrec"),
        ("sasrec", {"layers": 2}, "'sasrec' has no option 'layers': choose one of num_heads, num_layers"),
        ("average", {"num_layers": 2}, "'average' has no option 'num_layers'"),
    ],
)
def test_what_is_not_there_is_named(name, options, message):
    with pytest.raises(JaxrecError, match=message):
        encoders.make(name, **SIZES, **options)
