"""`python -m jaxrec.main --config=configs/mdt4rec.py --workdir=runs/mdt4rec`: flags only."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import traceback
from pathlib import Path

from absl import flags, logging
from ml_collections import config_flags

from jaxrec.base.errors import JaxrecError

FLAGS = flags.FLAGS
_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file under configs/, a variant after a colon.", lock_config=True
)
_WORKDIR = flags.DEFINE_string("workdir", "", "Where everything is written; runs/<config> if empty.")
_DEBUG = flags.DEFINE_bool("debug", False, "Show the traceback of a mistake.")
flags.DEFINE_string("coordinator", "", "host:port of process 0, for runs over several processes.")
flags.DEFINE_integer("num_processes", 1, "Processes of the run.")
flags.DEFINE_integer("process_id", 0, "Which of them this is.")

_TERMINATED = 128 + signal.SIGTERM


def main(argv: list[str]) -> int:
    """Returns the process's exit code: 0 done, 2 a mistake the user can mend, 143 stopped and saved."""
    try:
        return _run(argv)
    except JaxrecError as error:
        mistake, message = error, str(error)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG):
            raise
        mistake = error
        message = f"{error.strerror}: {error.filename or _WORKDIR.value}; mend that and run the same command again"
    if any(argument in ("--debug", "--debug=true") for argument in argv):
        traceback.print_exception(mistake)
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _run(argv: list[str]) -> int:
    _join(argv)
    _parse(argv)
    from jaxrec import experiment
    from jaxrec.training.loop import Stopped

    logging.set_verbosity(logging.ERROR)
    asked: list[int] = []
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda number, frame: asked.append(number) or signal.signal(number, signal.SIG_DFL))
    workdir = Path(_WORKDIR.value or os.path.join("runs", _CONFIG.value.name or "unnamed"))
    try:
        print(experiment.run(_CONFIG.value, workdir, stop_requested=lambda: bool(asked)))
    except Stopped as stopped:
        print(f"{stopped}; saved in {workdir}; the same command goes on from there", file=sys.stderr)
        return _TERMINATED
    return 0


def _join(argv: list[str]) -> None:
    """Joins the run's other processes. Before the config is read: it imports gymnax, which starts JAX's devices."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--coordinator", default="")
    parser.add_argument("--num_processes", type=int, default=1)
    parser.add_argument("--process_id", type=int, default=0)
    try:
        asked, _ = parser.parse_known_args(argv[1:])
    except argparse.ArgumentError:
        return  # the parser of all flags names the mistake
    if asked.num_processes > 1:
        import jax

        jax.distributed.initialize(asked.coordinator, asked.num_processes, asked.process_id)


def _parse(argv: list[str]) -> None:
    """Reads the flags; a misspelt or mistyped one becomes one line."""
    try:
        rest = FLAGS(argv)
    except Exception as error:  # a config file is a program: it may fail in any way
        raise JaxrecError(_one_line(str(error), argv)) from error
    if len(rest) > 1:
        raise JaxrecError(f"unexpected argument {rest[1]!r}; flags start with --")
    if _CONFIG.value is None:
        raise JaxrecError("no --config given; try --config=configs/mdt4rec.py:smoke")
    file = config_flags.get_config_filename(FLAGS["config"]).split(":")[0]
    if not Path(file).is_file():
        raise JaxrecError(f"there is no config file {file}; the experiments are under configs/")


def _one_line(message: str, argv: list[str]) -> str:
    """What ml_collections says of a flag it cannot take, without its traceback."""
    lines = [line.strip() for line in message.replace("\\n", "\n").splitlines() if line.strip()]
    if "Traceback" in message:
        head = lines[0].split(": Error whilst")[0]
        return f"{head}: {lines[-1].split(': ', 1)[-1]}"
    said = [line.strip("'\"\\") for line in lines]
    if said and said[-1].startswith("Did you mean"):
        return f"the config has no option {said[0]!r}. {said[-1]}"
    asked = {argument.split("=")[0].rpartition(".")[2] for argument in argv if argument.startswith("--config.")}
    if len(said) == 1 and said[0] in asked:  # all that is said where no name is like it
        return f"the config has no option {said[0]!r}; what is not in the file cannot be set by a flag, add it there"
    return " ".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
