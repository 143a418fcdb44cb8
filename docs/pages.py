"""The pages that the build makes: the API reference, the index of equations and the list of experiments."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import citations

PACKAGE = citations.REPOSITORY / "jaxrec"
# The rooms in the order of their imports, each with what it is for.
ROOMS = {
    "base": "records, contracts, errors, files",
    "config": "what an experiment's config is made of",
    "losses": "parameter-free mathematics",
    "models": "linen modules: encoders, transformers, language models",
    "data": "files, datasets, the generated world, splits and sequences",
    "batches": "views of the data on the device, from which a step takes its batch",
    "environments": "simulators, modes, rollout",
    "training": "the one loop, learners, sources, optimizers, checkpoints",
    "algorithms": "one file for each method",
    "evaluation": "episodes and rankings, and their metrics",
    "experiment": "stages: their order, their inputs, their artifacts",
    "reporting": "progress, tables, plots, the report",
}
PAPERS = {
    "M": "Maximum In-Support Return Modeling for Dynamic Recommendation with Language Model Prior",
    "T": "Multi-Objective Personalization for Recommender Systems",
    "L": "Reinforcement Learning-based Recommender Systems with Large Language Models for State, Reward and Action "
    "Modeling",
}


def write(docs: Path) -> None:
    """Writes docs/api/*.rst, equations.md and experiments.md; a file whose text is unchanged keeps its date."""
    (docs / "api").mkdir(exist_ok=True)
    made = {docs / "equations.md": equations(), docs / "experiments.md": experiments()}
    folders = {name: modules for name, modules in packages().items() if modules}
    made |= {docs / "api" / f"{name}.rst": _package(name, modules) for name, modules in folders.items()}
    made[docs / "api" / "index.rst"] = _contents(folders)
    for path in set((docs / "api").glob("*.rst")) - set(made):
        path.unlink()
    for path, text in made.items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def packages() -> dict[str, list[str]]:
    """Folder of jaxrec as a dotted name -> its modules that have a docstring, in the order of the rooms."""
    found: dict[str, list[str]] = {"jaxrec": ["jaxrec.main"]}
    order = {name: n for n, name in enumerate(ROOMS)}
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}
    for folder in sorted(folders, key=lambda f: (order.get(f.relative_to(PACKAGE).parts[0], len(order)), f)):
        name = ".".join(("jaxrec", *folder.relative_to(PACKAGE).parts))
        modules = [path for path in sorted(folder.glob("*.py")) if _documented(path)]
        found[name] = [name if path.stem == "__init__" else f"{name}.{path.stem}" for path in modules]
    return found


def _documented(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    bare = path.stem == "__init__" and len(tree.body) <= 1
    return ast.get_docstring(tree) is not None and not bare


def _package(name: str, modules: list[str]) -> str:
    lines = [name, "=" * len(name), ""]
    for module in modules:
        short = module.removeprefix(f"{name}.")
        lines += [short, "-" * len(short), "", f"``{_file(module)}``", "", f".. automodule:: {module}", ""]
    return "\n".join(lines)


def _file(module: str) -> str:
    """The path of a module below the repository."""
    path = module.replace(".", "/")
    return f"{path}.py" if (citations.REPOSITORY / f"{path}.py").exists() else f"{path}/__init__.py"


def _contents(folders: dict[str, list[str]]) -> str:
    lines = ["API reference", "=============", "", "Rooms in the order in which they import one another.", ""]
    lines += [f"* ``{name}``: {about}" for name, about in ROOMS.items()]
    return "\n".join([*lines, "", ".. toctree::", "   :maxdepth: 1", "", *(f"   {name}" for name in folders), ""])


def equations() -> str:
    """The index of equations, algorithms, tables, figures and sections, paper by paper."""
    lines = ["# Index of equations", "", _EQUATIONS]
    index = citations.index()
    for paper, title in PAPERS.items():
        lines += [f"## {paper}: {title}", ""]
        for kind in citations.KINDS:
            entries = {c: places for c, places in index.items() if (c.paper, c.kind) == (paper, kind)}
            if entries:
                lines += [f"### {paper}: {kind}s", "", "| cited as | where | what it says of itself |", "|---|---|---|"]
                lines += [*_rows(entries), ""]
    return "\n".join(lines)


_EQUATIONS = """A letter stands for a paper: **M** for that of MDT4Rec, **T** for the thesis, with MODT4R and HDT, **L**
for that of LE and LEA, on language models for states, rewards and actions. Each heading has the title. `M Eq. 3` is an
equation of M, `T 4.18` one of T: numbers of the thesis with two parts are its equations, those with three, as
`T 4.5.1`, its sections.

Made by `python docs/pages.py`, and at every build of the site, from the citations in docstrings and comments;
`published/*.json` holds the papers' numbers. Equations that are not listed belong to systems that jaxrec does not have
yet.
"""


def _rows(entries: dict[citations.Citation, list[citations.Place]]) -> list[str]:
    """One row for each place; the citation stands in the first of its rows."""
    made = []
    for citation, places in entries.items():
        labels = [citation.label, *[""] * (len(places) - 1)]
        made += [f"| {label} | {_link(p)} | {_said(p)} |" for label, p in zip(labels, places, strict=True)]
    return made


def _link(place: citations.Place) -> str:
    """The object, by its module and its own name, as a link to its file; see `references`."""
    if not place.file.endswith(".py"):
        return f"[`{place.file}`](../{place.file})"
    module = place.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return f"[`{module.rpartition('.')[2]}{place.name.removeprefix(module)}`](../{place.file})"


def _said(place: citations.Place) -> str:
    """The first sentence of the docstring, with what Markdown would read as markup escaped."""
    sentence = re.split(r"(?<=[^.A-Z][.])\s+(?=[A-Z])", place.summary)[0]
    parts = re.split(r"(`[^`]*`)", sentence)  # what is code stands as it is
    return "".join(part if part.startswith("`") else re.sub(r"([\\*_|$<>\[\]{}~])", r"\\\1", part) for part in parts)


def experiments() -> str:
    """The configs, each with its docstring: what it compares, its commands, its variants."""
    lines = ["# Experiments", "", _EXPERIMENTS]
    for path in sorted((citations.REPOSITORY / "configs").glob("*.py")):
        said = ast.get_docstring(ast.parse(path.read_text()))
        if path.stem != "__init__" and said:
            first, _, rest = said.partition("\n")
            lines += [f"## {path.name}", "", first, *rest.splitlines(), ""]
    return "\n".join(lines)


_EXPERIMENTS = """One file under `configs/` for each; `DATA` is the folder that holds one folder per dataset. A variant
stands after a colon: `--config=configs/mdt4rec.py:smoke`. Any option is a flag:
`--config.num_seeds=3`. What came out is told in `results/`.
"""


_FILE_LINK = re.compile(r"\[`?([^\]`]+)`?\]\(\.\./([\w./-]+)\)")


def references(text: str) -> str:
    """The text of a page with its links to files of the repository as links into the reference.

    A file of jaxrec becomes its module, or the object that the link's text names; a folder of jaxrec its page. What is
    not on the site, as a config or a result, is named by its path.
    """

    def made(link: re.Match[str]) -> str:
        said, path = link[1], link[2]
        if not path.startswith("jaxrec/"):
            return f"`{path}`" if said == path or "`" in link[0] else f"{said} (`{path}`)"
        path = path.removesuffix("/__init__.py")
        if not path.endswith(".py") and said != path.rpartition("/")[2]:
            return f"{{py:obj}}`{said} <{_object(said, path.replace('/', '.'))}>`"
        if not path.endswith(".py"):
            return f"[`{said}`](api/{path.strip('/').replace('/', '.')}.rst)"
        return f"{{py:obj}}`{said} <{_object(said, path.removesuffix('.py').replace('/', '.'))}>`"

    return _FILE_LINK.sub(made, text)


def _object(said: str, module: str) -> str:
    """The dotted name of what a link's text says, in the module that it leads to."""
    name = f"jaxrec.{said}"
    if module == name or module.endswith(f".{said}"):
        return module
    if name.startswith(f"{module}."):
        return name
    return f"{module}.{said.removeprefix(module.rsplit('.', 1)[1] + '.')}"


if __name__ == "__main__":
    write(Path(__file__).resolve().parent)
