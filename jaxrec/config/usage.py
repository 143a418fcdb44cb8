"""What `python -m jaxrec.main --help` prints; nothing here runs a config or imports JAX."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from jaxrec.config import config_files

_WIDTH = 100
_HEAD = """\
jaxrec trains and evaluates recommenders by reinforcement learning and language models. One command runs one
experiment, described by a config file; it ends with a results table and leaves report.md, metrics and checkpoints
in the workdir. The same command again resumes, or prints the table at once if all is done.

  python -m jaxrec.main --config=configs/mdt4rec.py --workdir=runs/mdt4rec       generated data, no download
  python -m jaxrec.main --config=configs/mdt4rec.py:smoke                        a variant, after the colon
  python -m jaxrec.main --config=configs/mdt4rec.py:coat --config.data.root=DATA real data, one folder per dataset
  python -m jaxrec.main --config=configs/mdt4rec.py --config.num_seeds=3         an option of the config changed
  python -m jaxrec.main --config=configs/mdt4rec.py --help                       the config's variants, explained
"""
EXIT_CODES = {0: "done", 2: "a mistake that you can mend, said in one line", 143: "stopped and saved; run it again"}


def overview(flags: Mapping[str, str], folder: Path = config_files.FOLDER) -> str:
    """Returns the help page: every config of `folder` with its variants, the flags, and the exit codes.

    Args:
      flags: how a flag is written -> what it does.
    """
    found = config_files.find(folder)
    if found:
        configs = [f"Configs, and their variants (the first is the one without a colon) in {Path.cwd()}:"]
        configs += [_config(file) for file in found]
    else:
        configs = [f"Configs: {config_files.nearest(folder, folder)}, or name a file of your own."]
    codes = "  ".join(f"{code} {meaning}." for code, meaning in EXIT_CODES.items())
    described = [_item(flag, meaning) for flag, meaning in flags.items()]
    return "\n".join([_HEAD, *configs, "", "Flags:", *described, "", _wrapped(f"Exit codes: {codes}", "")])


def of_config(file: config_files.ConfigFile) -> str:
    """Returns what the config is about and what each of its variants is."""
    default, *others = file.variants or {"": ""}
    commands = {f"--config={file.path}": file.variants.get(default, "")}
    commands |= {f"--config={file.path}:{name}": file.variants[name] for name in others}
    every_option = (
        "Every option and its value is in config.json of the workdir; --config.NAME.NAME=VALUE changes one, for "
        "example --config.num_seeds=3."
    )
    described = [_item(command, text) for command, text in commands.items()]
    return "\n".join([file.docstring, "", *described, "", _wrapped(every_option, "")])


def _config(file: config_files.ConfigFile) -> str:
    variants = ", ".join(file.variants)
    lines = [f"  {file.path}", _wrapped(file.summary, "      ")]
    return "\n".join([*lines, *[_wrapped(f"variants: {variants}", "      ")] * bool(variants)])


def _item(name: str, meaning: str) -> str:
    return "\n".join([f"  {name}", *[_wrapped(meaning, "      ")] * bool(meaning)])


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
