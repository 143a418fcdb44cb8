"""The rooms of the package: imports run down their order, no circle, and no module name stands for two things.

    base <- config, losses, models, data <- batches, environments <- training <- algorithms <- evaluation, reporting
         <- experiment <- main

A module may import from its own room and from rooms further down (to the left), also inside its functions; rooms of one
level do not import each other.
"""

from __future__ import annotations

import ast
import collections
from collections.abc import Iterator
from pathlib import Path

import pytest

import jaxrec

LEVELS = (
    {"base"},
    {"config", "defaults", "losses", "models", "data"},
    {"batches", "environments"},
    {"training"},
    {"algorithms"},
    {"evaluation", "reporting"},
    {"experiment"},
    {"main"},
)
# Folders whose files are names that a config says: a dataset and an environment may have one name.
REGISTRIES = ("jaxrec.data.datasets", "jaxrec.environments", "jaxrec.experiment.kinds", "jaxrec.experiment.stages")

Graph = dict[str, set[str]]


def modules() -> dict[str, Path]:
    """Dotted name -> file of every module of the package."""
    root = Path(jaxrec.__file__).parent
    dotted = {path: ".".join(path.relative_to(root.parent).with_suffix("").parts) for path in root.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for path, name in dotted.items()}


MODULES = modules()


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules of the package that a module names in its imports, wherever they stand in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if inside in MODULES else node.module


@pytest.fixture(scope="module")
def graph() -> Graph:
    return {name: {*imported(ast.parse(path.read_text()))} - {name} for name, path in MODULES.items()}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def upward(graph: Graph) -> list[str]:
    """The imports from a room that is not further down."""
    level = {name: number for number, names in enumerate(LEVELS) for name in names}
    pairs = [(a, b) for a, found in graph.items() for b in found if room(a) and room(b) and room(a) != room(b)]
    return sorted(f"{a} imports {b}" for a, b in pairs if level[room(b)] >= level[room(a)])


def circles(graph: Graph) -> set[str]:
    """The modules that lie on a circle of imports, or between two circles."""
    left = {name: set(found) for name, found in graph.items()}
    while True:
        imports = {b for found in left.values() for b in found}
        ends = {name for name, found in left.items() if not found or name not in imports}
        if not ends:
            return set(left)
        left = {name: found - ends for name, found in left.items() if name not in ends}


def test_every_room_has_a_level():
    assert {room(name) for name in MODULES} - {""} <= set().union(*LEVELS)


def test_imports_run_down_the_order_of_the_rooms(graph):
    assert upward(graph) == []


def test_there_is_no_circle(graph):
    assert circles(graph) == set()


def test_an_upward_import_and_a_circle_are_found():
    assert upward({"jaxrec.data.splits": {"jaxrec.batches.windows", "jaxrec.base.records", "jaxrec.data.filters"}}) == [
        "jaxrec.data.splits imports jaxrec.batches.windows"
    ]
    assert upward({"jaxrec.losses.advantages": {"jaxrec.models.dense"}}) == [
        "jaxrec.losses.advantages imports jaxrec.models.dense"
    ]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == {"b", "c"}


def test_a_module_name_is_used_once():
    named = collections.defaultdict(list)
    for module, path in MODULES.items():
        if path.name != "__init__.py" and module.rpartition(".")[0] not in REGISTRIES:
            named[path.stem].append(module)
    assert {name: where for name, where in named.items() if len(where) > 1} == {}


def test_data_are_made_on_the_host():
    """What gathers on a device is a batch; loaders, filters and splits are NumPy."""
    for module, path in MODULES.items():
        if room(module) == "data":
            names = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import)]
            assert not [alias.name for node in names for alias in node.names if alias.name.split(".")[0] == "jax"], (
                module
            )
