"""Mistakes on the command line: one line that names them, exit code 2, no traceback, nothing compiled or written."""

from __future__ import annotations

import pytest

SMOKE = "--config=configs/mdt4rec.py:smoke"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no --config given"),
        (["--config=configs/nothing.py"], "there is no config file configs/nothing.py"),
        (["--config=configs/mdt4rec.py:cot"], "has no variant 'cot'; choose one of"),
        ([SMOKE, "--config.num_sedes=3"], "no option 'num_sedes'. Did you mean \"num_seeds\""),
        ([SMOKE, "--config.data.options.chek=1"], "no option 'chek'; what is not in the file cannot be set by"),
        ([SMOKE, "--config.num_seeds=three"], "--config.num_seeds=three"),
        ([SMOKE, "--config.data.name=movielens_100m"], "no dataset is called 'movielens_100m', did you mean"),
        (["--config=configs/mdt4rec.py:coat", "--config.data.root=nowhere"], "nowhere"),
        ([SMOKE, "--config.stages.dt.algorithm.context_length=500"], "no episode is longer than 20 turns"),
        ([SMOKE, "--config.stages.a2c.algorithm.window=21"], "algorithm.window is 21 but no episode is longer than 20"),
        ([SMOKE, "--config.stages.evaluation.modes=('NX_1000',)"], "asks for 1000 different items"),
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


def test_debug_shows_where_it_happened(run_python, tmp_path):
    done = run_python(["-m", "jaxrec.main", "--config=configs/nothing.py", "--debug"], check=False)
    assert done.returncode == 2 and "Traceback" in done.stderr and "error: there is no config file" in done.stderr
