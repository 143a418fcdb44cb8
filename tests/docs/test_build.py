"""The documentation builds without a warning, and its pages are there."""

from __future__ import annotations

import importlib.util

import pytest

PAGES = ("index", "tutorial", "architecture", "glossary", "workdir", "extending", "devices", "equations",
         "experiments", "questions", "environments", "api/index", "api/jaxrec.training",
         "api/jaxrec.algorithms.next_item")  # fmt: skip


@pytest.mark.skipif(not importlib.util.find_spec("sphinx"), reason="Sphinx is not installed; pip install -e '.[docs]'")
def test_it_builds_with_warnings_as_errors(run_python, tmp_path):
    out = tmp_path / "site"
    run_python(["-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", str(out)])
    assert all((out / f"{page}.html").exists() for page in PAGES)
    equations = (out / "equations.html").read_text()
    assert 'href="api/jaxrec.losses.html#jaxrec.losses.returns_bins.expert_logits"' in equations
    assert "make_block" in (out / "api" / "jaxrec.training.html").read_text()
    assert "seeds are a vmapped axis" in (out / "_images" / "way_of_the_data.svg").read_text()
