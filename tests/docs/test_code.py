"""The Python of the documentation runs as it stands; its commands are read by the programs they name."""

from __future__ import annotations

import configparser
import importlib
import re
import shlex
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from absl import flags
from ml_collections import config_flags

from configs import next_item
from jaxrec import experiment
from jaxrec.data import datasets
from jaxrec.experiment import preflight
from tests.docs import documents

# What ml_collections reads a config file by.
pytestmark = pytest.mark.filterwarnings("ignore:.*load_module:DeprecationWarning")

README = documents.REPOSITORY / "README.md"
WRITTEN = [page for page in documents.PAGES if page.name not in documents.GENERATED]
BLOCKS = [block for page in WRITTEN for block in documents.blocks(page)]
PYTHON = [block for block in BLOCKS if block.language == "python"]
# Blocks of one marker, in the order of the page, are one program.
PROGRAMS = sorted({(block.page, block.marker) for block in PYTHON}, key=str)


def _write_ratings(path, *, users=30, items=20):
    """Most cells of a table of rank one, so that the user model has something to find."""
    rng = np.random.default_rng(0)
    taste, quality = rng.uniform(0.5, 1.0, users), rng.uniform(1.0, 5.0, items)
    lines = ["user,item,rating,timestamp"]
    for u in range(users):
        for i in rng.permutation(items)[:15]:
            lines.append(f"{u},{i},{np.clip(round(taste[u] * quality[i] + 0.5), 1, 5)},{1000 + i}")
    path.write_text("\n".join(lines) + "\n")


def _run(page, marker: str, folder, monkeypatch) -> dict:
    """The names that a program of a page leaves, run in a folder with ratings.csv."""
    _write_ratings(folder / "ratings.csv")
    if marker in BEFORE:
        BEFORE[marker](folder, monkeypatch)
    monkeypatch.chdir(folder)
    made: dict = {"__name__": marker}
    for where, what in [*GOES_ON_FROM.get(marker, ()), (page, marker)]:
        for block in PYTHON:
            if (block.page, block.marker) == (where, what):
                exec(compile(block.code, documents.name(where), "exec"), made)
    return made


@pytest.mark.parametrize(("page", "marker"), PROGRAMS, ids=lambda v: v if isinstance(v, str) else documents.name(v))
def test_python_runs_as_it_stands(page, marker, tmp_path, monkeypatch):
    assert marker, f"a block of Python in {documents.name(page)} has no marker, as <!-- run: name -->"
    if marker in NEEDS:
        pytest.importorskip(NEEDS[marker], reason=f"{NEEDS[marker]} is not installed; pip install -e '.[bridges]'")
    made = _run(page, marker, tmp_path, monkeypatch)
    CHECKS[marker](made)


def _check_simulator(made: dict) -> None:
    assert made["env"].num_actions == 20 and 1.0 <= float(made["reward"]) <= 5.0
    assert jax.tree.leaves(made["params"])


def _check_own_data(made: dict) -> None:
    _check_simulator(made)
    assert int(made["observation"].item) == 7 and int(made["observation"].turn) == 1
    assert float(made["observation"].feedback) == float(made["reward"]) and not bool(made["terminated"])


def _check_tutorial(made: dict) -> None:
    _check_simulator(made)
    assert 0.0 < (made["pairs"] < made["threshold"]).mean() < 0.1
    assert made["best"].shape == (5, 3) and len(set(made["best"][0])) == 3


def _check_own_files(made: dict) -> None:
    log = made["log"]
    assert log.user_ids.tolist() == ["007", "7"] and log.feedback.tolist() == [4.5, 3.0, 5.0]
    assert log.split.tolist() == [0, 0, 2] and log.time.tolist() == [1_499_990_400, 1_500_021_000, 1_500_076_800]
    assert log.item_features["title"].tolist() == ["Heat", "Toy Story"] and log.item_features["category"].shape == (
        2,
        3,
    )


def _check_dataset(made: dict) -> None:
    log = made["load"](None)
    assert (log.num_users, log.num_items, len(log)) == (20, 10, 200) and log.feedback.max() == 9.0


def _check_algorithm(made: dict) -> None:
    found = np.asarray(made["state"].params["items"]["bias"])
    np.testing.assert_allclose(found, np.tile(np.arange(4.0), (2, 1)), atol=0.1)


def _check_own_config(made: dict) -> None:
    config = made["get_config"]()
    assert config.order and config.data.options.path == "ratings.csv"
    assert {config.datasets[name].threshold for name in ("train", "test")} == {10.0}


def _run_next_item(folder, monkeypatch) -> None:
    """The command of the page, of one model that is small and hardly trained."""
    monkeypatch.chdir(documents.REPOSITORY)
    (command,) = (command for where, command in JOBS if where == "docs/tutorial.md" and "runs/items" in command)
    config = _config(command, monkeypatch)
    with config.unlocked():
        config.update(num_seeds=2, order=("sasrec",))
        config.tables = {}
        config.stages.sasrec.update(num_steps=2, steps_per_call=2)
        config.stages.sasrec.algorithm.width = 8
    monkeypatch.chdir(folder)
    experiment.run(config, folder / "runs" / "items")


def _check_recommend(made: dict) -> None:
    log = made["log"]
    met = set(log.item_ids[log.where(log.user_ids[log.user] == 17).item].tolist())
    best = made["recommend"](17, count=5)
    assert len(met) == 15 and set(best) == set(log.item_ids.tolist()) - met
    with pytest.raises(ValueError, match="nothing of user 99"):
        made["recommend"](99)


def _check_watch(made: dict) -> None:
    config = made["get_config"]()
    assert [config.stages[name].watch.metric for name in next_item.ENCODERS] == ["ranking/NDCG@10"] * 4
    config.order = ("sasrec",)
    config.tables = {}
    preflight.check(resources(config, Path("run")))


def _check_experiment(made: dict) -> None:
    preflight.check(resources(made["get_config"](), Path("run")))


def _check_stable_baselines3(made: dict) -> None:
    assert made["agent"].num_timesteps >= 50_000
    action, _ = made["agent"].predict(made["agent"].env.reset())
    assert action.shape == (64,) and set(action) <= set(range(20))


def _check_trainers(made: dict) -> None:
    assert made["after"] > made["before"] > 0.0


BEFORE = {"run: recommend": _run_next_item}
# Programs that need what another one has made, and those that need a package of an extra.
GOES_ON_FROM = {marker: [(README, "own-data")] for marker in ("run: stable-baselines3", "run: trainers")}
NEEDS = dict.fromkeys(GOES_ON_FROM, "stable_baselines3")
CHECKS = {
    "run: stable-baselines3": _check_stable_baselines3,
    "run: trainers": _check_trainers,
    "run: recommend": _check_recommend,
    "run: watch": _check_watch,
    "run: experiment": _check_experiment,
    "own-data": _check_own_data,
    "run: tutorial": _check_tutorial,
    "run: own-files": _check_own_files,
    "run: dataset": _check_dataset,
    "run: algorithm": _check_algorithm,
    "run: own-config": _check_own_config,
}


def test_own_data_takes_ten_lines():
    (block,) = (block for block in PYTHON if block.marker == "own-data")
    assert len([line for line in block.code.splitlines() if line and not re.match("import|from", line)]) <= 10


def _commands() -> list[tuple[str, str]]:
    """(where, command) of every command in a block, in `code`, and in a config's docstring."""
    found = []
    for page in WRITTEN:
        shell = [block.code for block in documents.blocks(page) if block.language in ("bash", "")]
        shell += re.findall(r"`((?:python|pip) [^`]+)`", documents.made_tables(page) + page.read_text())
        found += [(documents.name(page), line) for text in shell for line in re.split(r"\n|&&", text)]
    for path in sorted((documents.REPOSITORY / "configs").glob("*.py")):
        docstring = path.read_text().partition('"""')[2].partition('"""')[0]
        found += [(f"configs/{path.name}", line) for line in docstring.splitlines()]
    parts = ((where, line.partition("#")[0].strip()) for where, line in found)
    return sorted({(where, line.strip("` .")) for where, line in parts if re.match(r"(\w+=\S+ )?(python|pip) ", line)})


COMMANDS = _commands()
JOBS = [(where, command) for where, command in COMMANDS if "jaxrec.main" in command and "--help" not in command]


def _config(command: str, monkeypatch):
    """The config that the flags of a command make."""
    words = [word for word in shlex.split(command) if word != "..."]
    for name, value in (word.split("=", 1) for word in words[: words.index("python")]):
        monkeypatch.setenv(name, value)
    known = flags.FlagValues()
    held = config_flags.DEFINE_config_file("config", None, lock_config=True, flag_values=known)
    for name in ("workdir", "coordinator", "num_processes", "process_id"):
        flags.DEFINE_string(name, "", "", flag_values=known)
    monkeypatch.setattr(sys, "argv", words[words.index("jaxrec.main") :])  # where options of the config are looked for
    rest = known(sys.argv)
    assert len(rest) == 1, rest
    return held.value


@pytest.mark.parametrize(("where", "command"), JOBS, ids=lambda v: v)
def test_a_job_is_a_config_with_these_flags(where, command, monkeypatch):
    monkeypatch.chdir(documents.REPOSITORY)
    if "my_ratings" not in command:
        assert _config(command, monkeypatch).order


@pytest.mark.parametrize("command", sorted({command for _, command in JOBS if ":smoke" in command}))
def test_a_small_job_passes_what_is_checked_before_it_runs(command, monkeypatch, tmp_path):
    monkeypatch.chdir(documents.REPOSITORY)
    preflight.check(resources(_config(command, monkeypatch), tmp_path))


def resources(config, workdir):
    """What an experiment's stages share."""
    from jaxrec.experiment.resources import Resources

    return Resources(config, workdir)


@pytest.mark.parametrize(("where", "command"), [pair for pair in COMMANDS if pair not in JOBS], ids=lambda v: v)
def test_another_command_names_what_there_is(where, command):
    """Modules can be found and know the flags; extras are in setup.cfg."""
    if command.startswith("pip"):
        setup = configparser.ConfigParser()
        setup.read(documents.REPOSITORY / "setup.cfg")
        extras = re.findall(r"\[(\w+)\]", command)
        assert set(extras) <= set(setup["options.extras_require"])
        return
    words = shlex.split(command)
    if "-m" not in words:
        assert (documents.REPOSITORY / words[1]).exists()
        return
    module = words[words.index("-m") + 1]
    if module.split(".")[0] in ("jaxrec", "benchmarks") and "<" not in module:
        text = Path(importlib.util.find_spec(module).origin).read_text()
        for flag in set(re.findall(r"--([\w-]+)", command)) - {"help"}:
            assert f'"--{flag}"' in text or "timing" in text, f"{module} knows no --{flag}"


def test_the_datasets_named_are_those_there_are():
    named = {match for page in WRITTEN for match in re.findall(r"jaxrec\.data\.download (\w+)", page.read_text())}
    assert named and named <= set(datasets.names())


def test_the_exit_rules_are_the_published_ones():
    from jaxrec.config import published

    table = published.load("easyrl4rec_exit_rules")
    page = (documents.REPOSITORY / "docs" / "environments.md").read_text()
    shown = re.findall(r"^\| `(\w+)` \| ([\d,]+) x ([\d,]+) \| (\w+) \| (\d+) \| (\d+) \|$", page, re.M)
    found = {
        name: (int(users.replace(",", "")), int(items.replace(",", "")), rule, int(window), int(threshold))
        for name, users, items, rule, window, threshold in shown
    }
    assert found == {name: rows["exit_rule"] for name, rows in table.rows.items()}
