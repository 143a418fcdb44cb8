"""Links between the repository's pages, and to its files, lead somewhere."""

from __future__ import annotations

import pytest

from tests.docs import documents


@pytest.mark.parametrize("page", documents.PAGES, ids=documents.name)
def test_every_link_resolves(page):
    broken = []
    for target in documents.links(page):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        known = file.exists() or (file.parent.name == "docs" and file.name in documents.GENERATED)
        if not known or (anchor and anchor not in documents.headings(file)):
            broken.append(target)
    assert not broken


def test_the_front_page_is_short():
    text = (documents.REPOSITORY / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    picture = documents.REPOSITORY / "docs" / "images" / "report.png"
    assert picture.stat().st_size < 200_000
