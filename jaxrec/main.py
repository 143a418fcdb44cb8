"""`python -m jaxrec.main --config=configs/mdt4rec.py --workdir=runs/mdt4rec`: flags only; `--help` explains them."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from absl import flags, logging
from ml_collections import config_flags

from jaxrec.base import compilation_cache, terminal
from jaxrec.base.errors import JaxrecError
from jaxrec.config import config_files, usage

FLAGS = flags.FLAGS
_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "The experiment: a file under configs/, a variant after a colon.", lock_config=True
)
_WORKDIR = flags.DEFINE_string("workdir", "", "Where everything is written; runs/<name of the config> if empty.")
_CACHE = flags.DEFINE_string(
    "compilation_cache",
    None,
    "Where compiled programs are kept, so that a second start compiles nothing (at most "
    f"{compilation_cache.MAX_BYTES / 2**30:g} GiB). By default the folder that {compilation_cache.VARIABLE} names, "
    "else jaxrec/compiled in your cache folder. An empty value keeps none. Runs over several processes keep none "
    "unless a folder that all of them share is named.",
)
_DEBUG = flags.DEFINE_bool("debug", False, "Show the traceback of a mistake.")
flags.DEFINE_string("coordinator", "", "Address of process 0, for runs over several processes.")
flags.DEFINE_integer("num_processes", 1, "Number of processes of the run.")
flags.DEFINE_integer("process_id", 0, "Which of them this one is, from 0.")
_SYNTAX = {  # flag -> how it is written on the help page
    "config": "--config=FILE[:VARIANT]",
    "workdir": "--workdir=FOLDER",
    "compilation_cache": "--compilation_cache=[FOLDER]",
    "debug": "--debug",
    "coordinator": "--coordinator=HOST:PORT",
    "num_processes": "--num_processes=N",
    "process_id": "--process_id=I",
}
_HELP = ("--help", "-help", "-h", "-?")

_TERMINATED = 128 + signal.SIGTERM
_PLACES = (  # errors of files and folders that the user can mend
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EIO, errno.EISDIR, errno.ENOTDIR,
    errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP,
)  # fmt: skip


def main(argv: list[str]) -> int:
    """Returns the process's exit code: 0 done, 2 a mistake the user can mend, 143 stopped and saved."""
    try:
        return _run(argv)
    except JaxrecError as error:
        mistake, message = error, str(error)
    except OSError as error:
        if error.errno not in _PLACES:
            raise
        mistake = error
        message = f"{error.strerror}: {error.filename or _WORKDIR.value}; mend that and run the same command again"
    if any(argument in ("--debug", "--debug=true") for argument in argv):
        traceback.print_exception(mistake)
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _run(argv: list[str]) -> int:
    if len(argv) < 2 or set(argv[1:]) & set(_HELP):
        print(_help(argv))
        return 0
    _start(argv)
    _parse(argv)
    from jaxrec import experiment
    from jaxrec.training.loop import Stopped

    logging.set_verbosity(logging.ERROR)
    asked = _requests_to_stop()
    terminal.outlive()
    workdir = Path(_WORKDIR.value or os.path.join("runs", _CONFIG.value.name or "unnamed"))
    try:
        print(experiment.run(_CONFIG.value, workdir, stop_requested=lambda: bool(asked)))
    except Stopped as stopped:
        print(f"{stopped}; saved in {workdir}; the same command goes on from there", file=sys.stderr)
        return _TERMINATED
    return 0


def _requests_to_stop() -> list[int]:
    """A list that grows by each signal to stop; a second one of the same kind ends the process at once.

    The hang-up of a closed terminal is one, unless the process was started to outlive its terminal (`nohup`).
    """
    asked: list[int] = []

    def ask(number: int, frame: Any) -> None:
        asked.append(number)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, ask)
    return asked


def _help(argv: list[str]) -> str:
    """The help page, or that of the config named beside --help."""
    early = _early(argv)
    if early and early.config:
        path = _config_file(early.config)
        return usage.of_config(config_files.read(path) or config_files.ConfigFile(path, "", {}))
    described = {syntax: FLAGS[name].help for name, syntax in _SYNTAX.items()}
    option = {
        "--config.NAME.NAME=VALUE": "Changes an option that the config has; config.json of a workdir has them all."
    }
    return usage.overview({_SYNTAX["config"]: described.pop(_SYNTAX["config"])} | option | described)


def _early(argv: list[str]) -> argparse.Namespace | None:
    """The flags that matter before a config is run; None where the parser of all flags will name a mistake."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config", "-config", default="")
    parser.add_argument("--compilation_cache", "-compilation_cache", default=None)
    parser.add_argument("--coordinator", default="")
    parser.add_argument("--num_processes", type=int, default=1)
    parser.add_argument("--process_id", type=int, default=0)
    try:
        return parser.parse_known_args(argv[1:])[0]
    except argparse.ArgumentError:
        return None


def _start(argv: list[str]) -> None:
    """Joins the run's other processes and finds the compiled programs. Before the config is run: it imports gymnax,
    which starts JAX's devices."""
    early = _early(argv)
    if early is None:
        return
    if early.config:
        _config_file(early.config)
    if early.num_processes > 1:
        import jax

        jax.distributed.initialize(early.coordinator, early.num_processes, early.process_id)
    _keep_programs(early.compilation_cache, several_processes=early.num_processes > 1)


def _keep_programs(folder: str | None, *, several_processes: bool) -> None:
    """Several processes must find the same programs: one that compiles on a GPU waits for the others to do so too."""
    if folder == "":
        compilation_cache.keep_nothing()
    elif folder or not (several_processes or compilation_cache.VARIABLE in os.environ):
        complaint = compilation_cache.keep_programs(Path(folder).expanduser() if folder else None)
        if complaint:
            print(complaint, file=sys.stderr)


def _config_file(asked: str) -> Path:
    """The file named by --config, which may have a variant after a colon."""
    path = Path(asked.rpartition(":")[0] if ".py:" in asked else asked)
    if not path.is_file():
        raise JaxrecError(f"there is no config file {path}; {config_files.nearest(path)}")
    return path


def _parse(argv: list[str]) -> None:
    """Reads the flags; a misspelt or mistyped one, or a config file that fails, becomes one line."""
    try:
        rest = FLAGS(argv)
        path = config_flags.get_config_filename(FLAGS["config"]) if _CONFIG.present else ""
        if path:
            _ = _CONFIG.value and _CONFIG.value.name  # where a config cannot read a file, it is found out here
    except Exception as error:  # a config file is a program: it may fail in any way
        raise JaxrecError(_mistake_in_config(error, argv) or _one_line(str(error), argv)) from error
    if len(rest) > 1:
        raise JaxrecError(f"unexpected argument {rest[1]!r}; flags start with --")
    if not path:
        raise JaxrecError("no --config given; try --config=configs/mdt4rec.py:smoke, or --help for what there is")
    if _CONFIG.value is None:
        raise JaxrecError(f"get_config of {path} returns no config; let it return one")


def _mistake_in_config(error: Exception, argv: list[str]) -> str:
    """What a config file lacks, or cannot read; empty for another mistake."""
    early = _early(argv)
    if not (early and early.config):
        return ""
    path = _config_file(early.config)
    if isinstance(error, AttributeError) and error.name == "get_config":
        return f"{path} has no function get_config, so it is no config; see configs/ for what one looks like"
    if isinstance(error, OSError):
        return f"config {path} cannot be made: {error.__cause__ or error}"
    if isinstance(error, KeyError):
        return f"config {path} cannot be made: there is no {error}"
    return ""


def _one_line(message: str, argv: list[str]) -> str:
    """What ml_collections says of a flag it cannot take, without its traceback."""
    lines = [line.strip() for line in message.replace("\\n", "\n").splitlines() if line.strip()]
    if "Traceback" in message:
        head = lines[0].split(": Error whilst")[0]
        return f"{head}: {lines[-1].split(': ', 1)[-1]}"
    said = [line.strip("'\"\\") for line in lines]
    if said and said[-1].startswith("Did you mean"):
        return f"the config has no option {said[0]!r}. {said[-1]}"
    flags_given = [argument.split("=")[0] for argument in argv if argument.startswith("--config.")]
    asked = {flag.rpartition(".")[2]: flag for flag in flags_given}
    if len(said) == 1 and said[0] in asked:  # all that is said where no name is like it
        return (
            f"the config has no option {said[0]!r} where {asked[said[0]]} looks for it; what is not in the config file "
            "cannot be set by a flag, add it there"
        )
    return " ".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
