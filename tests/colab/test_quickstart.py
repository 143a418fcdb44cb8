"""The notebook runs from its first to its last cell, in smoke size, and shows what it promises."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "colab" / "quickstart.ipynb"


def _read() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> list[nbformat.NotebookNode]:
    """All outputs of the executed notebook."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXREC_SMOKE", "1")
        patch.setenv("JAXREC_WORKDIR", str(tmp_path_factory.mktemp("quickstart")))
        patch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
        notebook = _read()
        client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
        client.execute(env=dict(os.environ))
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def _text(outputs: list[nbformat.NotebookNode], stream: str = "stdout") -> str:
    return "".join(o.text for o in outputs if o.output_type == "stream" and o.name == stream)


def test_it_names_the_device(outputs):
    assert re.search(r"^Found: CPU \(1 x \S+, jax [\d.]+\)$", _text(outputs), re.M)


def test_it_trains_and_shows_the_table(outputs):
    text = _text(outputs)
    for method in ("mdt4rec", "dt", "a2c", "static_cycle", "popular", "random"):
        assert re.search(rf"^{method} .* ± ", text, re.M), method


def test_it_shows_plots(outputs):
    images = [o for o in outputs if o.output_type == "display_data" and "image/png" in o.data]
    assert len(images) >= 3
    assert all(len(o.data["image/png"]) > 5000 for o in images)  # an empty canvas is smaller


def test_it_is_committed_without_outputs():
    """Outputs would show one machine's run, and go stale."""
    cells = [cell for cell in _read().cells if cell.cell_type == "code"]
    assert cells and all(not cell.outputs and cell.execution_count is None for cell in cells)
