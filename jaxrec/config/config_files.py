"""The config files of a folder, read as text and not run: what each is about, and its variants.

Running a config imports JAX and every algorithm that it names; a list of them all must not take that long. A variant is
a function of the config file, handed to `variant(name, embedded, smoke, ...)`; a config that makes no call of `variant`
has the variants of the config whose `get_config` it starts from.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path("configs")


class ConfigFile(NamedTuple):
    """One experiment's config file.

    Attributes:
      path: of the file.
      docstring: of the file.
      variants: name -> first paragraph of that variant's docstring; the first one is the default.
    """

    path: Path
    docstring: str
    variants: dict[str, str]

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring, on one line."""
        return _first_paragraph(self.docstring)


def find(folder: Path = FOLDER) -> list[ConfigFile]:
    """Returns the config files of `folder` (each file with a function `get_config`) in alphabetic order."""
    return [found for path in sorted(folder.glob("*.py")) if (found := read(path))]


def read(path: Path) -> ConfigFile | None:
    """Returns what the config file says of itself; None for a file that is no config or no Python."""
    tree = _parsed(path)
    if tree is None or "get_config" not in _functions(tree):
        return None
    return ConfigFile(path, ast.get_docstring(tree) or "", _variants(path, tree))


def nearest(path: Path, folder: Path = FOLDER) -> str:
    """Returns which config was probably meant by a path that leads nowhere, or which ones there are, as a clause."""
    known = [file.path for file in find(folder)]
    if not known:
        return f"there is no folder {folder}/ with configs in {Path.cwd()}; run from the root of a jaxrec checkout"
    like = difflib.get_close_matches(path.stem, [file.stem for file in known], n=1)
    if like:
        return f"did you mean {folder}/{like[0]}.py?"
    return f"there are {', '.join(map(str, known))}"


def _parsed(path: Path) -> ast.Module | None:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _first_paragraph(docstring: str) -> str:
    return " ".join(docstring.split("\n\n")[0].split())


def _variants(path: Path, tree: ast.Module) -> dict[str, str]:
    """The variants by name: those handed to `variant`, else those of the config that this one starts from."""
    base = _base(path, tree)
    described = {**(_described(base) if base else {}), **_described(path)}
    for call in _calls(tree, "variant"):
        names = [_last_name(argument) for argument in call.args[1:]]
        return {name: described.get(name, "") for name in names}
    found = read(base) if base else None
    return found.variants if found else {}


def _described(path: Path) -> dict[str, str]:
    tree = _parsed(path)
    functions = _functions(tree) if tree else {}
    return {name: _first_paragraph(ast.get_docstring(function) or "") for name, function in functions.items()}


def _base(path: Path, tree: ast.Module) -> Path | None:
    """The config file beside this one whose `get_config` is called in this one."""
    for call in _calls(tree, "get_config"):
        if isinstance(call.func, ast.Attribute):
            beside = path.with_name(f"{_last_name(call.func.value)}.py")
            if beside.is_file() and beside != path:
                return beside
    return None


def _calls(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return (call for call in calls if _last_name(call.func) == name)


def _last_name(node: ast.expr) -> str:
    """`embedded` of `embedded` and of `mdt4rec.embedded`."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
