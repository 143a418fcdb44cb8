"""Mistakes on the command line: one line that names them, exit code 2, no traceback, nothing compiled or written."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest
from absl import flags
from absl.flags import FLAGS
from ml_collections import config_flags

from jaxrec import main
from jaxrec.base import compilation_cache
from jaxrec.base.errors import JaxrecError
from jaxrec.config import config_files
from tests.conftest import REPOSITORY

SMOKE = "--config=configs/mdt4rec.py:smoke"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no --config given"),
        (
            ["--config=configs/nothing.py"],
            "there is no config file configs/nothing.py; there are configs/hdt.py, configs/",
        ),
        (["--config=mdt4re"], "there is no config file mdt4re; did you mean configs/mdt4rec.py?"),
        (["--config="], "no --config given"),
        ([SMOKE, "--wrkdir=x"], "Unknown command line flag 'wrkdir'. Did you mean: workdir ?"),
        (["--config=configs/mdt4rec.py:cot"], "there is no variant 'cot'; choose one of"),
        ([SMOKE, "--config.num_sedes=3"], "no option 'num_sedes'. Did you mean \"num_seeds\""),
        (
            [SMOKE, "--config.data.options.chek=1"],
            "no option 'chek' where --config.data.options.chek looks for it; what",
        ),
        ([SMOKE, "--config.num_seeds=three"], "--config.num_seeds=three"),
        ([SMOKE, "--config.data.name=movielens_100m"], "there is no dataset 'movielens_100m', did you mean"),
        (["--config=configs/mdt4rec.py:coat", "--config.data.root=nowhere"], "nowhere"),
        (
            ["--config=configs/next_item.py:csv"],
            "needs the file to read: name it by path, or --config.data.options.path",
        ),
        ([SMOKE, "--config.stages.dt.algorithm.context_length=500"], "no episode is longer than 20 turns"),
        ([SMOKE, "--config.stages.a2c.algorithm.window=21"], "algorithm.window is 21 but no episode is longer than 20"),
        ([SMOKE, "--config.stages.evaluation.evaluator.modes=('NX_1000',)"], "asks for 1000 different items"),
        ([SMOKE, "--config.order=('dt',)"], "'dt' needs 'log'"),
    ],
)
def test_a_mistake_is_one_line(run_python, tmp_path, arguments, message):
    done = run_python(["-m", "jaxrec.main", f"--workdir={tmp_path / 'run'}", *arguments], check=False)
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2, done.stderr[-2000:]
    assert len(said) == 1 and message in said[0], said
    assert "Traceback" not in done.stderr


def test_a_config_s_own_mistake_is_told_in_its_words(run_python, tmp_path):
    (tmp_path / "broken.py").write_text("def get_config():\n    raise KeyError('width')\n")
    done = run_python(["-m", "jaxrec.main", f"--config={tmp_path / 'broken.py'}"], check=False)
    assert done.returncode == 2 and "width" in done.stderr and "has no option" not in done.stderr


@pytest.mark.filterwarnings("ignore:.*load_module:DeprecationWarning")  # what ml_collections reads a config file by
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1", "PATH has no function get_config, so it is no config"),
        ("def get_config():\n    open('none.csv')", "PATH cannot be made: [Errno 2] No such file or directory"),
        ("def get_config():\n    pass", "get_config of PATH returns no config; let it return one"),
    ],
)
def test_a_file_that_makes_no_config_is_one_line(tmp_path, monkeypatch, code, message):
    monkeypatch.delitem(sys.modules, "config_config", raising=False)  # every config file is loaded under this name
    path = tmp_path / "mine.py"
    path.write_text(f"{code}\n")
    known = flags.FlagValues()
    held = config_flags.DEFINE_config_file("config", None, lock_config=True, flag_values=known)
    monkeypatch.setattr(main, "FLAGS", known)
    monkeypatch.setattr(main, "_CONFIG", held)
    argv = ["main", f"--config={path}"]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(JaxrecError) as caught:
        main._parse(argv)
    assert message.replace("PATH", str(path)) in str(caught.value) and "\n" not in str(caught.value)


def test_debug_shows_where_it_happened(run_python, tmp_path):
    done = run_python(["-m", "jaxrec.main", "--config=configs/nothing.py", "--debug"], check=False)
    assert done.returncode == 2 and "Traceback" in done.stderr and "error: there is no config file" in done.stderr


def test_help_lists_every_config_and_variant_without_jax(run_python):
    said = run_python(["-X", "importtime", "-m", "jaxrec.main", "--help"])
    assert not re.search(r"\b(jax|numpy|gymnax|matplotlib)$", said.stderr, re.M)
    words = re.split(r"[\s,]+", said.stdout)
    for file in config_files.find(REPOSITORY / "configs"):
        assert f"configs/{file.path.name}" in words and set(file.variants) <= set(words)
        assert file.summary in " ".join(said.stdout.split())


def test_help_explains_every_flag_and_exit_code(capsys):
    assert main.main(["main", "-h"]) == 0
    said = capsys.readouterr().out
    ours = {flag.name for flag in FLAGS.get_flags_for_module(main.__name__)} - {"config"}
    assert {"workdir", "compilation_cache", "debug", "coordinator"} <= ours
    for flag in ours:
        assert f"  --{flag}" in said and FLAGS[flag].help in " ".join(said.split())
    assert "--config.NAME.NAME=VALUE" in said
    assert all(f"{code} " in said.split("Exit codes:")[1] for code in (0, 2, main._TERMINATED))
    assert max(map(len, said.splitlines())) <= 120


@pytest.mark.parametrize("ignored", [False, True], ids=["in a terminal", "under nohup"])
def test_a_hang_up_asks_to_stop_unless_the_process_was_started_to_outlive_it(ignored):
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
        asked = main._requests_to_stop()
        signal.raise_signal(signal.SIGHUP)
        assert asked == ([] if ignored else [signal.SIGHUP])
        assert signal.getsignal(signal.SIGHUP) == (signal.SIG_IGN if ignored else signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
        assert asked[-1] == signal.SIGTERM and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_no_arguments_ask_for_help(capsys):
    assert main.main(["main"]) == main.main(["main", "--help"]) == 0
    first, second = capsys.readouterr().out.split("jaxrec trains and evaluates")[1:]
    assert first == second


def test_help_beside_a_config_explains_its_variants(capsys):
    assert main.main(["main", "--config=configs/mdt4rec.py:coat", "--help"]) == 0
    said = capsys.readouterr().out
    for name, described in config_files.read(REPOSITORY / "configs" / "mdt4rec.py").variants.items():
        assert described in " ".join(said.split()) and (f"mdt4rec.py:{name}\n" in said) == (name != "embedded")


def test_help_says_where_there_are_no_configs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(["main", "--help"]) == 0
    assert f"there is no folder configs/ with configs in {tmp_path}; run from the root" in capsys.readouterr().out


@pytest.fixture
def kept(monkeypatch):
    """What is asked of the compilation cache, in place of doing it."""
    asked = []
    monkeypatch.delenv(compilation_cache.VARIABLE, raising=False)
    monkeypatch.setattr(compilation_cache, "keep_programs", lambda folder: asked.append(folder) or "")
    monkeypatch.setattr(compilation_cache, "keep_nothing", lambda: asked.append("nothing"))
    return asked


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], [None]),
        (["--compilation_cache=folder"], [Path("folder")]),
        (["--compilation_cache", "folder"], [Path("folder")]),
        (["--compilation_cache="], ["nothing"]),
    ],
)
def test_compiled_programs_are_kept_unless_switched_off(kept, flags, expected):
    main._start(["main", SMOKE, *flags])
    assert kept == expected


def test_jax_s_own_variable_is_left_in_force(kept, monkeypatch):
    monkeypatch.setenv(compilation_cache.VARIABLE, "elsewhere")
    main._start(["main", SMOKE])
    assert kept == []
    main._start(["main", SMOKE, "--compilation_cache=folder"])
    assert kept == [Path("folder")]


def test_several_processes_keep_programs_only_in_a_folder_they_share(kept):
    main._keep_programs(None, several_processes=True)
    assert kept == []
    main._keep_programs("shared", several_processes=True)
    assert kept == [Path("shared")]


def test_the_flag_reaches_jax_before_a_config_is_run(run_python, tmp_path):
    config, folder = tmp_path / "config.py", tmp_path / "kept"
    config.write_text("def get_config():\n    import jax\n    raise ValueError(jax.config.jax_compilation_cache_dir)\n")
    run = ["-m", "jaxrec.main", f"--config={config}", f"--compilation_cache={folder}"]
    done = run_python(run, check=False)
    assert done.returncode == 2 and str(folder) in done.stderr and len(list(folder.iterdir())) == 1
