"""The modules under docs/, which are no package: Sphinx puts their folder on the path."""

from __future__ import annotations

import importlib
import sys

from tests.conftest import REPOSITORY

sys.path.append(str(REPOSITORY / "docs"))
citations, docstrings, pages = (importlib.import_module(name) for name in ("citations", "docstrings", "pages"))
