"""The settings every other test relies on are really in force."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import pytest


def test_rank_promotion_raises():
    with pytest.raises(ValueError, match="rank_promotion"):
        jnp.ones((2, 3)) + jnp.ones(3)


def test_warnings_raise():
    with pytest.raises(UserWarning):
        warnings.warn("a warning", UserWarning, stacklevel=1)


def test_one_device_here_and_eight_where_asked(run_python):
    assert jax.device_count() == 1
    assert run_python("import jax; print(jax.device_count())", devices=8).stdout.strip() == "8"


def test_importing_jaxrec_is_light(run_python):
    """gymnax (and matplotlib with it) and transformers load only in the files that need them."""
    found = run_python("import sys, jaxrec.base; print({'gymnax', 'matplotlib', 'transformers'} & {*sys.modules})")
    assert found.stdout.strip() == "set()"
