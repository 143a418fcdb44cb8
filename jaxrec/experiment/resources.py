"""What the stages of one run share: config, workdir, and everything already loaded or made, each thing once."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, get_type_hints

from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxrec import algorithms
from jaxrec.base import checksums, files
from jaxrec.base.contracts import Algorithm, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.leaves import flat
from jaxrec.base.records import TEST, Interactions
from jaxrec.data import datasets, splits
from jaxrec.experiment import graph, kinds, stages, store
from jaxrec.experiment.kinds import Content, Counted, Dataset
from jaxrec.experiment.store import StageFolder
from jaxrec.training import sharding


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A finished fit or estimate stage: params leaves are [S, ...]."""

    algorithm: Algorithm
    params: Params
    spec: Any


class AlgorithmInputs(NamedTuple):
    """What an algorithm is made of: its options, which carry its name, the spec of its data, and role -> what stands
    beside the data."""

    options: ConfigDict
    spec: Any
    beside: Mapping[str, Any] = MappingProxyType({})

    def make(self) -> Algorithm:
        """What `algorithms/<family>/<file>.py: make` returns.

        Raises:
          JaxrecError: the algorithm takes no such role, or its options or data cannot be.
        """
        make = algorithms.load(self.options.name).make
        wanted = get_type_hints(make)["spec"]
        if type(self.spec) is not wanted:
            raise JaxrecError(
                f"{self.options.name} learns from {_words(wanted)}, not from {_words(type(self.spec))}; name another "
                "dataset as its data"
            )
        known = [name for name, p in inspect.signature(make).parameters.items() if p.kind is p.KEYWORD_ONLY]
        for role in self.beside:
            if role not in known:
                raise JaxrecError(
                    f"{self.options.name} takes nothing beside its data as {role!r}; it takes "
                    f"{', '.join(known) or 'nothing'}"
                )
        return make(self.options, self.spec, **self.beside)


def _words(spec: type) -> str:
    """'sequences' of SequencesSpec."""
    return spec.__name__.removesuffix("Spec").lower()


class Resources:
    """Loads what stages name, once each."""

    def __init__(self, config: ConfigDict, workdir: Path, stop_requested: Callable[[], bool] = lambda: False):
        self.config, self.workdir, self.stop_requested = config, Path(workdir), stop_requested
        self._made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` returned when it was first called for this key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    @cached_property
    def mesh(self) -> Mesh:
        return sharding.make_mesh(self.config.mesh.model)

    @cached_property
    def log(self) -> Interactions:
        """The configured log, split if it comes unsplit and the config asks for it."""
        data = self.config.data
        log = datasets.load(data.name, data.root or None, **data.options)
        if data.test_fraction and not (log.split == TEST).any():
            return splits.random(log, test=data.test_fraction, seed=self.config.seed)
        return log

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name; what stages are behind it must be finished."""
        return self.once(("dataset", name), lambda: self._kind(name).load(self, name))

    def spec(self, name: str) -> Any:
        """The facts of a dataset that are known before any stage has run."""
        return self._kind(name).spec(self, name)

    def measured_on(self, name: str, policy: str) -> Dataset:
        """What the model of stage `policy` is measured on by the dataset `name`."""
        return self._kind(name).measured(self, name, policy)

    def content(self, name: str) -> Content:
        """Fingerprints of a dataset's content."""
        return self.once(("content", name), lambda: self._kind(name).content(self, name))

    def counted(self, name: str) -> Counted:
        """What a method that is estimated counts of a dataset."""
        return self.once(("counted", name), lambda: self._kind(name).counted(self, name))

    def _kind(self, name: str) -> Any:
        return kinds.load(graph.kind_of(self.config, name))

    def num_seeds(self, name: str) -> int:
        """Seeds of a fit stage."""
        return self.config.stages[name].num_seeds or self.config.num_seeds

    def algorithm(self, name: str) -> Algorithm:
        """The algorithm of a fit or estimate stage, sized by what is known before any stage has run."""
        return self._stage(name).algorithm_inputs(self, name, self.spec).make()

    def learned_from(self, name: str) -> Any:
        """The data of the dataset that a fit stage learned from."""
        return self.dataset(self.config.stages[name].data).data

    def fitted(self, name: str) -> Fitted:
        """The algorithm and the parameters of a finished fit or estimate stage."""
        return self.once(("fitted", name), lambda: self._stage(name).read(self, name))

    def _stage(self, name: str) -> Any:
        return stages.load(self.config.stages[name].kind)

    def recipe(self, name: str) -> dict[str, Any]:
        """Every option and the content of every input that the artifact of a stage follows from, and nothing else.

        Leaf -> value: options as they are called in the stage's config, inputs as 'content of <role>'. Two recipes that
        are equal make the same artifact. The stages that stage `name` reads must be finished.
        """
        return self.once(("recipe", name), lambda: self._recipe(name))

    def _recipe(self, name: str) -> dict[str, Any]:
        stage = self._stage(name)
        recipe = {"kind of stage": self.config.stages[name].kind, **flat(stage.options(self, name))}
        return recipe | {f"content of {role}": print_ for role, print_ in stage.contents(self, name).items()}

    def stage_fingerprint(self, name: str) -> str:
        """Of all that a stage of this run is made from."""
        return files.digest(self.recipe(name))

    def folder(self, name: str) -> StageFolder:
        """The folder of a stage of this run."""
        grows = self._stage(name).GROWS
        return StageFolder(self.workdir / name, self.recipe(name), grows)

    def artifact(self, name: str) -> Path:
        """The folder of a finished stage of this run, all of whose files are as they were written."""
        folder = self.workdir / name
        return self.checked(folder, store.remedy(folder))

    def checked(self, folder: Path, remedy: str) -> Path:
        """The folder of a finished stage of any run, whose files have once been held against their checksums.

        Args:
          remedy: what to do about a damaged file, the end of the error's line.

        Raises:
          JaxrecError: a file is missing or damaged.
        """
        self.once(("checked", folder), lambda: checksums.finished(folder, remedy))
        return folder

    def folder_is_done(self, name: str) -> bool:
        """Whether a stage, and with it all that it reads, is finished as asked for."""
        config = self.config
        read = self._stage(name).inputs(config, name)
        behind = [stage for input_ in read for stage in graph.stages_behind(config, input_)]
        return all(map(self.folder_is_done, behind)) and self.folder(name).is_done()


def opened(workdir: Path | str) -> Resources:
    """Returns what the stages of an earlier run share, by the config.json that the run left in its workdir.

    A relative path in that config starts from the working directory, as it did for the run.

    Raises:
      JaxrecError: there is no config.json, or it is damaged.
    """
    kept = Path(workdir).expanduser() / "config.json"
    if not kept.exists():
        raise JaxrecError(f"{kept} is missing, so {workdir} is not the workdir of a run")
    config = checksums.read(kept, "run the command of that run again, and it is written anew", "stages")
    return Resources(ConfigDict(_with_tuples(config)), kept.parent)


def _with_tuples(value: Any) -> Any:
    """What JSON holds, with lists as the tuples that they were in the config."""
    if isinstance(value, dict):
        return {name: _with_tuples(inner) for name, inner in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value
