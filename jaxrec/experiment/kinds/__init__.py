"""Datasets: everything that a stage learns from, transforms or is measured on. One file per kind, and no other file
asks what kind a name is.

A kind is a module with

    EVALUATORS                        files of evaluation/ that may measure on it
    BESIDE                            how it stands beside another dataset of a stage; None where it cannot
    ORIGIN                            '... {} ...', what the report says of a model that learned from a dataset
    inputs(config, name)              the stages and datasets that it is made from
    load(resources, name) -> Dataset  its arrays, on the host, and their spec
    spec(resources, name) -> Spec     the facts known before any stage has run
    content(resources, name)          -> Content, fingerprints of the loaded content
    facts(resources, name)            sentences about it for the report

where methods may count instead of learn

    counted(resources, name) -> Counted

where there are evaluators

    check_policy(config, name, policy) raises JaxrecError where the model of stage `policy` cannot be measured on it
    measures_alike(one, other) -> bool, whether models meet the same rows or users on two datasets of these options
    measured(resources, name, policy) -> Dataset, what an evaluator measures the model of stage `policy` on

and, where a config can name it in `config.datasets`, `options(...) -> ConfigDict` and `ranges_of(options)`, the ranges
of all leaves of such options; the other kinds are what a stage leaves (`stages/<kind of stage>.py: PRODUCES`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from jaxrec.base import registry


class Dataset(NamedTuple):
    """`data` is a pytree of arrays, handed to sources and evaluators; `spec` are its static facts."""

    data: Any
    spec: Any


class Beside(NamedTuple):
    """How a dataset stands beside the data of a stage.

    Attributes:
      value: (its spec) -> what the algorithm's `make` is handed for the role.
      drawn: whether the source draws from its data as well.
    """

    value: Callable[[Any], Any]
    drawn: bool


class Content(NamedTuple):
    """Fingerprints of what a model learns from, and of what it is measured on."""

    learned: str
    measured: str


class Counted(NamedTuple):
    """What a method that is estimated is handed.

    Attributes:
      data: what it counts. facts: name -> array, what it may know beside.
      content: role -> the fingerprint of something in `data` that the dataset's own content does not cover.
    """

    data: Any
    facts: Mapping[str, Any] = MappingProxyType({})
    content: Mapping[str, str] = MappingProxyType({})


def load(kind: str) -> ModuleType:
    """Imports the module of a kind."""
    return registry.resolve(__name__, kind, "def load(", "kind of dataset")


def load_declared(kind: str) -> ModuleType:
    """Imports the module of a kind that a config can name in `config.datasets`."""
    return registry.resolve(__name__, kind, "def options(", "kind of dataset")
