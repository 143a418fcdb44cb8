"""Finds where the papers' equations, algorithms, tables, figures and sections are implemented.

A docstring or a comment cites a paper by its letter: M (MDT4Rec), T (the thesis) or L (LE and LEA). `M Eq. 3`,
`M 3.2, Eq. 3`, `M Algorithm 1`, `M table 1` and `L Eqs. 10 and 11` read as they stand. The thesis numbers its equations
by chapter: `T 4.18` and `T 5.9 to 5.14` are equations, `T section 4.4` and every number of three parts, as `T 4.5.1`,
are sections. `published/*.json` names the tables whose numbers are kept. Nothing is imported: files are parsed.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
KINDS = ("equation", "algorithm", "theorem", "table", "figure", "section")

_KIND = r"(?:Eqs?\.|[Aa]lgorithms?|[Tt]heorems?|[Tt]ables?|[Ff]igures?|[Ss]ections?)"
_ITEM = rf"(?:{_KIND} )?\d+(?:\.\d+)*[a-d]?"
_FIRST = rf"(?:{_KIND} \d+(?:\.\d+)*[a-d]?|\d+(?:\.\d+)+)"
_LIST = rf"(?:(?:, and |, | and | to ){_ITEM})*"
_CITED = re.compile(rf"\b([MTL]),? (?=({_FIRST}{_LIST}))")
_TURNED = re.compile(rf"({_KIND} \d+(?:\.\d+)*[a-d]?{_LIST}) of (?:the )?(?:paper|thesis) ([MTL])\b")
_PART = re.compile(rf"(, and |, | and | to )?(?:({_KIND}) )?(\d+(?:\.\d+)*[a-d]?)")


class Citation(NamedTuple):
    """What is cited: `Citation("T", "equation", "4.18")`."""

    paper: str
    kind: str
    number: str

    @property
    def label(self) -> str:
        """The citation as a docstring writes it, for instance `M Eq. 3` or `T 4.18`."""
        if self.kind == "equation":
            return f"{self.paper} {self.number}" if self.paper == "T" else f"{self.paper} Eq. {self.number}"
        if self.kind == "section" and self.number.count(".") > (self.paper == "T"):
            return f"{self.paper} {self.number}"
        word = self.kind.capitalize() if self.kind in ("algorithm", "theorem") else self.kind
        return f"{self.paper} {word} {self.number}"


class Place(NamedTuple):
    """An importable object whose docstring or comments cite a paper."""

    name: str  # dotted, for instance jaxrec.losses.expectile.expectile_loss
    file: str  # below the repository
    line: int
    summary: str  # the first sentence of its docstring


def citations(text: str) -> set[Citation]:
    """Returns every citation in the text."""
    text = " ".join(text.split())
    found = [(match[1], match[2]) for match in _CITED.finditer(text)]
    found += [(match[2], match[1]) for match in _TURNED.finditer(text)]
    return {citation for paper, items in found for citation in _items(paper, items)}


def _items(paper: str, items: str) -> Iterator[Citation]:
    """Parts `3.2, Eqs. 1 and 2` into its citations; a number without a word of its own is of the kind before it."""
    kind, previous = "", ""
    for joint, word, number in _PART.findall(items):
        dots = number.count(".")
        if word:
            kind = next((known for known in KINDS if word.lower().startswith(known[:2])), "")
        elif not previous or dots != previous.count("."):
            kind = ""
        chosen = kind or ("equation" if paper == "T" and dots == 1 else "section")
        if joint == " to " and dots:
            chapter, first = previous.rsplit(".", 1)
            last = int(number.rsplit(".", 1)[1])
            yield from (Citation(paper, chosen, f"{chapter}.{n}") for n in range(int(first), last))
        elif joint == " to ":
            yield from (Citation(paper, chosen, str(n)) for n in range(int(previous), int(number)))
        yield Citation(paper, chosen, number)
        previous = number


def index(folders: tuple[str, ...] = ("jaxrec", "configs", "published")) -> dict[Citation, list[Place]]:
    """Returns every citation with the places that cite it, in the order of papers, kinds and numbers."""
    found: dict[Citation, dict[str, Place]] = {}
    for folder in folders:
        for path in sorted((REPOSITORY / folder).rglob("*.*")):
            reader = {".py": _in_module, ".json": _in_table}.get(path.suffix)
            for place, text in reader(path) if reader else ():
                for citation in citations(text):
                    found.setdefault(citation, {}).setdefault(place.name, place)
    return {citation: sorted(found[citation].values(), key=_distance) for citation in sorted(found, key=_order)}


def _order(citation: Citation) -> tuple:
    numbers = [int(part) for part in re.findall(r"\d+", citation.number)]
    return "MTL".index(citation.paper), KINDS.index(citation.kind), numbers, citation.number


def _distance(place: Place) -> tuple[bool, ...]:
    """Orders places from what computes to what sets or prints: losses, functions, modules, options, configs."""
    is_module = place.file.endswith(f"{place.name.rpartition('.')[2]}.py")
    return (
        not place.file.startswith("jaxrec/"),
        place.name.endswith(".defaults"),
        is_module,
        not place.file.startswith("jaxrec/losses/"),
    )


def _in_table(path: Path) -> Iterator[tuple[Place, str]]:
    """A file of published numbers, by its `source`."""
    stored = json.loads(path.read_text())
    name = path.relative_to(REPOSITORY).as_posix()
    text = re.sub(r"^Thesis T, |^Paper M, ", lambda match: f"{match[0][-3]} ", stored["source"])
    yield Place(name, name, 1, f"{stored['source']}."), text


def _in_module(path: Path) -> Iterator[tuple[Place, str]]:
    """Every importable object of a file with its docstring and comments; what is nested counts to the function."""
    source = path.read_text()
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    tree = ast.parse(source)
    objects = list(_objects(tree, module))
    yield from ((_place(path, node, name), _text(node)) for node, name in objects)
    for line, comment in _comments(source):
        inside = [(node, name) for node, name in objects if name != module and _covers(node, line)]
        yield _place(path, *(inside or objects[:1])[-1]), comment


def _objects(tree: ast.Module, module: str) -> Iterator[tuple[ast.AST, str]]:
    """The module, its functions and classes, and the methods of those."""
    yield tree, module
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node, f"{module}.{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from ((method, f"{module}.{node.name}.{method.name}") for method in _functions(node.body))


def _functions(body: list[ast.stmt]) -> list[ast.FunctionDef]:
    return [node for node in body if isinstance(node, ast.FunctionDef)]


def _text(node: ast.AST) -> str:
    """The docstring of an object; of a function also those of the functions inside it, which nobody can import."""
    nested = ast.walk(node) if isinstance(node, ast.FunctionDef) else [node]
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return "\n".join(ast.get_docstring(inner) or "" for inner in nested if isinstance(inner, kinds))


def _place(path: Path, node: ast.AST, name: str) -> Place:
    summary = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
    return Place(name, path.relative_to(REPOSITORY).as_posix(), getattr(node, "lineno", 1), summary)


def _covers(node: ast.AST, line: int) -> bool:
    return node.lineno <= line <= node.end_lineno


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """(line of its first, text) of every run of comments on lines of their own, and of every one behind code."""
    run: list[str] = []
    start = last = -2
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if line != last + 1 or token.line.strip()[0] != "#":
            if run:
                yield start, " ".join(run)
            run, start = [], line
        run.append(token.string.lstrip("# "))
        last = line
    if run:
        yield start, " ".join(run)
