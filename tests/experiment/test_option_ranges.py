"""Every option of every config has a range; what is out of it is refused in one line before any file is read."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from absl import flags
from ml_collections import ConfigDict, config_flags

from configs import mdt4rec
from jaxrec import algorithms, main
from jaxrec.base import ranges, registry
from jaxrec.base.errors import JaxrecError
from jaxrec.base.leaves import flat
from jaxrec.config import config_files, declare, experiment
from jaxrec.data import datasets
from jaxrec.experiment import option_ranges, preflight, stages
from jaxrec.experiment.kinds import environment
from jaxrec.experiment.resources import Resources
from tests.conftest import REPOSITORY
from tests.experiment import single_leaf_changes as changes
from tests.experiment import tiny

# What a report is headed by and shows: any text will do before the last evaluation has measured something.
FREE_TEXTS = ("name", "paper", "title", "xlabel", "notes", "metrics", "shown")


def parts() -> dict[str, tuple[ConfigDict, Mapping[str, ranges.Range]]]:
    """What declares options -> (its options, their ranges)."""
    found = {"experiment": (experiment.defaults(), experiment.RANGES)}
    for package, defines in (("jaxrec.algorithms", "def make("), ("jaxrec.evaluation", "def make(")):
        for name in registry.names(package, defines):
            module = importlib.import_module(f"{package}.{name}")
            found[name] = (module.defaults(), module.RANGES)
    for name in registry.names("jaxrec.environments", "def make("):
        options = declare.dataset("environment", name)
        found[f"environment {name}"] = (options, environment.ranges_of(options))
    for kind in ("ratings", "sequences", "text"):
        module = importlib.import_module(f"jaxrec.experiment.kinds.{kind}")
        found[kind] = (declare.dataset(kind), module.RANGES)
    for name in ("world.settings", "world.logging_policy"):
        module = importlib.import_module(f"jaxrec.data.{name}")
        found[name] = (module.defaults(), module.RANGES)
    return found


def of_numbers(value: Any) -> bool:
    """Whether a leaf is a number or a list of numbers."""
    if isinstance(value, tuple):
        return bool(value) and all(map(of_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


@pytest.mark.parametrize(("part", "options", "declared"), [(name, *both) for name, both in parts().items()])
def test_every_option_has_a_range_beside_it(part, options, declared):
    """And its default lies in it, and nothing that is not finite."""
    for leaf, value in flat(options).items():
        if leaf == "kind" or isinstance(value, dict):
            continue
        range_ = ranges.declared_for(leaf, declared)
        assert range_ is not None, f"{part} declares no range of {leaf}: add it to RANGES"
        assert range_.holds(value) or leaf == "order", f"{part}.{leaf} = {value!r} is not {range_.allowed}"
        if of_numbers(value):
            bad = (*changes.NOT_FINITE, True, 1e30, "text")
            for one in (*bad, *((b,) for b in bad)):
                assert not range_.holds(one), f"{part}.{leaf} may be {one!r}"


def test_every_leaf_of_every_config_has_a_range():
    for file in config_files.find(REPOSITORY / "configs"):
        module = importlib.import_module(f"configs.{file.path.stem}")
        for variant in (None, *list(file.variants)[1:]):
            config = module.get_config(variant)
            declared = option_ranges.declared(config)
            left = [leaf for leaf, value in flat(config).items() if not isinstance(value, dict)]
            assert [leaf for leaf in left if ranges.declared_for(leaf, declared) is None] == [], (file.path, variant)
            option_ranges.check(config)


@pytest.fixture(scope="module")
def accepted() -> list[tuple[changes.Leaf, Any]]:
    """The changes of single leaves that the ranges accept; every other one is refused by the name of its leaf."""
    found, refused = [], 0
    for leaf in changes.every_leaf():
        for value in leaf.values():
            with changes.changed(leaf, value):
                try:
                    changes.checked_ranges(leaf)
                    found.append((leaf, value))
                except JaxrecError as error:
                    refused += 1
                    assert re.match(rf"{re.escape(leaf.path)}( is|: )", str(error)) and "\n" not in str(error), error
    assert refused > 5000
    return found


def test_no_number_that_is_not_finite_or_beyond_sense_is_accepted(accepted):
    wrong = [(leaf.path, value) for leaf, value in accepted if leaf.path != "sharding" and _is_no_number(value)]
    assert wrong == []


def _is_no_number(value: Any) -> bool:
    return any(_is_no_number(v) for v in value) if isinstance(value, tuple) else not ranges._no_bad_number(value)


def test_what_the_ranges_accept_is_sound_or_refused_in_one_line(accepted):
    """Of the numbers accepted for a leaf the first; options that all algorithms or stages share, of one of them."""
    loaded, seen, done = changes.Loaded(), set(), 0
    for leaf, value in accepted:
        name = leaf.path.rpartition(".")[2]
        own = leaf.path.removeprefix(leaf.part)
        alike = leaf.part.startswith("stages.") and (".optimizer." in own or ".algorithm." not in own)
        option = own if alike else leaf.path
        case = (option, "a number" if of_numbers(value) else repr(value))
        if name in FREE_TEXTS or case in seen:
            continue
        seen.add(case)
        done += 1
        with changes.changed(leaf, value):
            try:
                loaded.check(leaf)
            except JaxrecError as error:
                said = str(error)
                texts = value if isinstance(value, tuple) else (value,)
                words = (name, *map(repr, texts), *filter(None, map(str, texts)), "another world")
                named = any(word in said for word in words)
                assert named and "\n" not in said, f"{leaf.path} = {value!r}: {said}"
            except Exception as error:
                raise AssertionError(f"{leaf.path} = {value!r} ends in a traceback") from error
    assert done > 150


def test_a_bad_option_is_told_before_any_file_is_read(monkeypatch, tmp_path):
    config = tiny.get_config()
    monkeypatch.setattr(datasets, "load", lambda *given, **options: pytest.fail("a file was read"))
    monkeypatch.setattr(stages, "load", _without_checks(stages.load))
    config.stages.evaluation.evaluator.num_episodes = -3
    with pytest.raises(JaxrecError, match=r"^stages\.evaluation\.evaluator\.num_episodes is -3: set it to a whole"):
        preflight.check(Resources(config, tmp_path))


def _without_checks(load):
    def loaded(kind):
        module = load(kind)
        assert module.check
        return module

    return loaded


@pytest.fixture
def from_flags(monkeypatch):
    """(arguments) -> the smoke variant's config as a command line with them makes it."""

    def made(*arguments: str) -> ConfigDict:
        monkeypatch.setattr(sys, "argv", ["main", *arguments])  # what config_flags looks at
        values = flags.FlagValues()
        config_flags.DEFINE_config_dict("config", mdt4rec.get_config("smoke"), flag_values=values)
        values(sys.argv)
        return values.config

    return made


WORLD = "datasets.train.world"


@pytest.mark.parametrize(
    ("leaf", "value"),
    [
        (f"{WORLD}.drift", "-1"),
        (f"{WORLD}.drift_mix", "1e30"),
        (f"{WORLD}.dynamics.crowd", "-1e30"),
        (f"{WORLD}.dynamics.intent", "1e9"),
        (f"{WORLD}.taste", "-inf"),
        ("stages.a2c.algorithm.value_weight", "nan"),
        ("stages.a2c.algorithm.discount", "1.5"),
        ("stages.dt.algorithm.optimizer.learning_rate", "inf"),
        ("stages.dt.num_steps", "-1"),
        ("seed", str(2**40)),
        ("num_seeds", "0"),
        ("mesh.model", "-1"),
    ],
)
def test_a_flag_s_value_that_means_nothing_is_named_as_the_flag_is(from_flags, leaf, value):
    config = from_flags(f"--config.{leaf}={value}")
    with pytest.raises(JaxrecError, match=rf"^{re.escape(leaf)} is \S+: set it to "):
        option_ranges.check(config)


@pytest.mark.parametrize("argument", ["--config.num_seeds=nan", "--config.stages.dt.algorithm.width=0.5"])
def test_a_flag_of_another_type_is_one_line_too(from_flags, argument):
    with pytest.raises(flags.IllegalFlagValueError) as raised:
        from_flags(argument)
    said = main._one_line(str(raised.value), ["main", argument])
    assert argument in said and "\n" not in said


def test_a_default_of_every_algorithm_is_named_in_full():
    assert algorithms.ranges_of("actor_critic.a2c")["optimizer.eps"] == ranges.POSITIVE
    with pytest.raises(JaxrecError, match="^algorithm.name: there is no algorithm 'a2c'"):
        algorithms.ranges_of("a2c")
