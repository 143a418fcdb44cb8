"""Sphinx's settings; `python -m sphinx -W --keep-going -b html docs docs/_build` builds the documentation."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]  # the pages' generators; jaxrec and the configs of this checkout

import docstrings  # noqa: E402
import pages  # noqa: E402

import jaxrec  # noqa: E402

project, author, version = "jaxrec", "The jaxrec maintainers", jaxrec.__version__
copyright = "The jaxrec maintainers, Apache-2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc"]  # viewcode would take as long again: files are named instead
exclude_patterns = ["_build"]
autodoc_mock_imports = ["stable_baselines3"]  # one bridge's base class; its package is not needed to read about it
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"jaxrec {version}"
html_static_path, html_css_files = ["_static"], ["site.css"]
autodoc_default_options = {"members": True, "exclude-members": "replace", "member-order": "bysource"}
autodoc_typehints = "none"  # docstrings give shapes, which the types do not


def _as_rst(app, what, name, obj, options, lines):
    """Replaces the lines of a docstring by reStructuredText, in place."""
    lines[:] = docstrings.as_rst(lines)


def _link_objects(app, name, source):
    """Turns a page's links to files into links to the reference, in place."""
    source[0] = pages.references(source[0])


def setup(app):
    """Writes the generated pages before the sources are read."""
    app.connect("builder-inited", lambda app: pages.write(DOCS))
    app.connect("source-read", _link_objects)
    app.connect("autodoc-process-docstring", _as_rst)
