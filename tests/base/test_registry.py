"""A name is a file of a folder: what defines nothing is no name, and a misspelt one gets its neighbour."""

import pytest

from jaxrec.base import registry
from jaxrec.base.errors import JaxrecError


def test_files_are_named_by_what_they_define():
    known = registry.names("jaxrec.algorithms", "def make(")
    assert {"actor_critic.a2c", "next_item.hdt"} <= set(known) and "next_item.hdt_loss" not in known


@pytest.mark.parametrize("name", ["actor_critic.a2d", "a2c", "../a2c", "", "actor_critic.user_state"])
def test_another_name_is_refused_and_imports_nothing(name):
    with pytest.raises(JaxrecError, match="no algorithm .*; choose one of actor_critic.a2c, "):
        registry.resolve("jaxrec.algorithms", name, "def make(", "algorithm")


def test_the_nearest_name_is_offered():
    assert (
        registry.hint("actor_critic.a2d", ["actor_critic.a2c", "static.random"]) == ", did you mean 'actor_critic.a2c'?"
    )
    assert registry.hint("zzz", ["actor_critic.a2c"]) == ""
