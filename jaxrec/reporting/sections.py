"""The sections of `report.md`, each as lines of markdown made from plain data."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxrec.base.leaves import flat
from jaxrec.reporting import tables
from jaxrec.reporting.leads import Lead
from jaxrec.reporting.quantities import mode_words, quantity
from jaxrec.reporting.tables import Table, markdown

Facts = Mapping[str, Any]
CHANGED = "changed"


def machine() -> dict[str, str]:
    """Names device, cores and versions, without which no time in a report can be read."""
    import flax
    import jax

    from jaxrec import __version__

    devices = jax.devices()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "device": f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform})",
        "CPU cores": str(cores),
        "jaxrec": __version__,
        "jax": jax.__version__,
        "flax": flax.__version__,
        "Python": platform.python_version(),
    }


def compared_methods(learned_from: Mapping[str, str]) -> list[str]:
    """Lists what each method learned from."""
    return [*(f"* `{method}`: {origin}" for method, origin in learned_from.items()), *[""] * bool(learned_from)]


def uncertainty(num_seeds: int, num_episodes: int) -> str:
    """Says what the numbers of the tables are means of."""
    episodes = f", {num_episodes} episodes each" if num_episodes else ""
    if num_seeds == 1:
        return f"One seed{episodes}, so there is no interval over seeds.\n"
    return f"Mean ± half width of the 95 % t interval over {num_seeds} seeds{episodes}.\n"


def meanings(metrics: Iterable[str]) -> list[str]:
    """Explains the columns of the tables, folded; one line per metric, whatever its cut k."""
    names = dict.fromkeys(metric.partition("@")[0] for metric in metrics)
    lines = [f"* `{name}`: {quantity(name).meaning}" for name in names if quantity(name).meaning]
    return _folded("What the columns mean", "\n".join(lines)) if lines else []


def results(mode: str, table: Table, leads: Sequence[Lead], metric: str | None) -> list[str]:
    """Shows one evaluation mode: what happens in it, its table, and and the best method's lead over the others."""
    words = mode_words(mode)
    lines = [f"### {mode}\n"] if mode else []
    lines += [f"{words[0].upper()}{words[1:]}.\n"] if words else []
    lines.append(markdown(table))
    known = any(lead.is_level() is not None for lead in leads)
    return [*lines, *_leads(leads, metric)] if known and metric else lines


def _leads(leads: Sequence[Lead], metric: str) -> list[str]:
    pairs = next((lead.pairs for lead in leads if lead.pairs), "")
    design = {
        "seeds": "paired by seed, for seed s of all methods met the same users: t interval, two-tailed paired t-test",
        "sessions": "Welch's 95 % interval over seeds; p of the two-tailed paired t-test over the test sessions",
        "": "Welch's 95 % interval over seeds",
    }[pairs]
    caution = "; p is not corrected for the number of methods" if pairs and len(leads) > 1 else ""
    rows = tuple(
        (f"`{lead.other}`", *map(tables.number, (lead.ahead, lead.low, lead.high)),
         *[tables.probability(lead.p)] * bool(pairs), _verdict(lead))
        for lead in leads
    )  # fmt: skip
    columns = ("ahead of", f"by ({metric})", "from", "to", *["p"] * bool(pairs), "verdict")
    title = f"How far `{leads[0].leader}`, the best method in {metric}, is ahead ({design}{caution})"
    return _folded(title, markdown(Table(columns, rows)))


def _verdict(lead: Lead) -> str:
    return {True: "level", False: "ahead", None: "not known"}[lead.is_level()]


def environments(training: Facts, test: Facts) -> list[str]:
    """Shows the settings in which the training and the test environment differ; those they share are folded."""
    if not (training or test):
        return []
    names = list(dict.fromkeys([*training, *test]))
    values = {name: tuple(_word(facts.get(name, "-")) for facts in (training, test)) for name in names}
    differing = tuple((name, *pair) for name, pair in values.items() if pair[0] != pair[1])
    shared = tuple((name, pair[0]) for name, pair in values.items() if pair[0] == pair[1])
    lines = ["## Training and test environment\n"]
    if differing:
        table = Table(("setting", "training environment", "test environment"), differing)
        lines.append(markdown(table, numbers=False))
    else:
        lines.append("The two environments have the same settings.\n")
    if shared:
        table = markdown(Table(("setting", "both environments"), shared), numbers=False)
        lines += _folded(f"{_count(len(shared), 'setting')} that both share", table)
    return lines


def speed(stages: Mapping[str, str]) -> list[str]:
    """Shows the machine and what each stage took."""
    rows = [*machine().items(), *stages.items()]
    return ["## Machine and speed\n", markdown(Table(("item", "value"), tuple(rows)), numbers=False)]


def configuration(config: Facts, changed: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """Shows the options that differ from their defaults; all options are folded below, the changed ones marked.

    Args:
      config: nested options, as the experiment ran.
      changed: option in full ('stages.dt.algorithm.width') -> (default, value).
    """
    if not config:
        return []
    lines = ["## Configuration\n"]
    if changed:
        rows = tuple((f"`{name}`", *map(_code, pair)) for name, pair in sorted(changed.items()))
        title = f"{_count(len(rows), 'option')} of the algorithms changed from their defaults"
        lines += [f"{title}:\n", markdown(Table(("option", "default", "here"), rows), numbers=False)]
    options = sorted(flat(config).items())
    rows = tuple((f"`{name}`", _code(value), CHANGED if name in changed else "") for name, value in options)
    table = Table(("option", "value", ""), rows) if changed else Table(("option", "value"), tuple(r[:2] for r in rows))
    return [*lines, *_folded(f"All {_count(len(rows), 'option')}", markdown(table, numbers=False))]


def _folded(title: str, text: str) -> list[str]:
    """A part that a reader opens; the empty lines let markdown inside it be markdown."""
    return [f"<details><summary>{_html(title)}</summary>\n\n{text}\n</details>\n"]


def _html(title: str) -> str:
    """Inline code of a title as HTML, for markdown is not read inside `summary`."""
    parts = title.split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _code(value: Any) -> str:
    word = _word(value)
    return f"`{word}`" if word else "(empty)"


def _word(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
