"""What the stages of one run share: config, workdir, and everything already loaded or made."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions, NextItem, Observation, Text, Trajectories
from jaxrec.base.specs import Spec
from jaxrec.experiment import problem
from jaxrec.experiment.artifacts import StageFolder, digest, load_arrays
from jaxrec.models.language.tokenizer import Tokenizer
from jaxrec.training import sharding
from jaxrec.training.checkpoint import Checkpoints

EXPORT = "export"  # the folder inside a fit stage's for what other programs read


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A finished fit stage: params leaves are [S, ...]."""

    algorithm: Algorithm
    params: Params
    spec: Spec


@dataclasses.dataclass(frozen=True)
class Logs:
    """A finished collect stage; the spec's return_range is that of the logged returns-to-go, and it knows the
    episodes' returns."""

    trajectories: Trajectories
    spec: Spec


class Context:
    """Loads what stages name as input, once each."""

    def __init__(self, config: ConfigDict, workdir: Path, stop_requested: Callable[[], bool] = lambda: False):
        self.config, self.workdir, self.stop_requested = config, Path(workdir), stop_requested
        self._environments: dict[str, tuple[Any, Any]] = {}
        self._fitted: dict[str, Fitted] = {}
        self._logs: dict[str, Logs] = {}
        self._texts: dict[str, tuple[Text, Tokenizer]] = {}
        self._sequences: dict[str, tuple[NextItem, Spec]] = {}

    @cached_property
    def mesh(self) -> Mesh:
        return sharding.make_mesh(self.config.mesh.model)

    @cached_property
    def interactions(self) -> Interactions:
        return problem.load_interactions(self.config)

    def environment(self, name: str) -> tuple[Any, Any]:
        """(environment, params) of config.environments[name]."""
        if name not in self._environments:
            config = self.config.environments[name]
            models = {split: self._predictions(stage) for split, stage in user_models(config).items()}
            user_model = models.get("", models) or None
            # The simulators that bring their own world neither need nor can use a log of ratings.
            interactions = self.interactions if self.config.data.name else None
            self._environments[name] = problem.make_environment(config, interactions, user_model, self.config.data.root)
        return self._environments[name]

    def _predictions(self, stage: str) -> Any:
        """What a fitted user model says of every pair: its (user, item) factors where it has any, else a function of
        users [n] to ratings [n, A]. Seed 0, as an environment is one world for all seeds."""
        fitted = self.fitted(stage)
        params = jax.tree.map(lambda leaf: np.asarray(leaf[0]), fitted.params)
        module = importlib.import_module(f"jaxrec.algorithms.{self.config.stages[stage].algorithm.name}")
        if hasattr(module, "factors"):
            return module.factors(params)
        score = jax.jit(fitted.algorithm.scorer)
        return lambda users: np.asarray(score(params, users))

    def stage_data(self, config: ConfigDict) -> tuple[Any, Spec]:
        """(data, spec) a fit stage trains on: the log, an environment's params, trajectories, a text, sequences; where
        a text comes with them, {'log': data, 'text': Text}."""
        data, spec = self._stage_data(config)
        if config.vectors:
            spec = dataclasses.replace(spec, vectors=self.item_vectors(config.vectors))
        if not config.text:
            return data, spec
        text, tokenizer = self.text(config.text)
        return {"log": data, "text": text}, dataclasses.replace(spec, vocabulary=tokenizer.vocabulary)

    def text(self, name: str) -> tuple[Text, Tokenizer]:
        """config.texts[name], as ids."""
        if name not in self._texts:
            self._texts[name] = problem.load_text(self.config, self.config.texts[name], lambda: self.interactions)
        return self._texts[name]

    def sequences(self, name: str) -> tuple[NextItem, Spec]:
        """config.sequences[name], of the log."""
        if name not in self._sequences:
            self._sequences[name] = problem.load_sequences(self.config, self.config.sequences[name], self.interactions)
        return self._sequences[name]

    def item_vectors(self, stage: str) -> Array:
        """float32 [A, E], what a fit stage learned of the items; zeros of that shape before it has run."""
        config = self.config.stages[stage]
        module = importlib.import_module(f"jaxrec.algorithms.{config.algorithm.name}")
        if not hasattr(module, "item_vectors"):
            raise JaxrecError(f"{config.algorithm.name} learns no item vectors; name a next-item model's stage")
        if not (self.params_folder(stage) / "params").exists():
            _, spec = self.stage_data(config)
            learner = problem.make_algorithm(self.algorithm_config(config), spec).learner
            found = module.item_vectors(jax.eval_shape(learner.init, jax.random.key(0)).params)
            return np.zeros(found.shape, found.dtype)
        return np.asarray(module.item_vectors(self.fitted(stage).params)[0])

    def algorithm_config(self, stage: ConfigDict) -> ConfigDict:
        """A fit stage's algorithm options; a backbone that names a stage becomes the folder which that exported."""
        backbone = backbone_stage(self.config, stage)
        if not backbone:
            return stage.algorithm
        config = stage.algorithm.copy_and_resolve_references()
        config.backbone = str(self.params_folder(backbone) / EXPORT)
        return config

    def _stage_data(self, config: ConfigDict) -> tuple[Any, Spec]:
        if config.data in self.config.texts:
            text, tokenizer = self.text(config.data)
            return text, Spec(num_users=1, num_items=0, max_turn=1, vocabulary=tokenizer.vocabulary)
        if config.data in self.config.sequences:
            return self.sequences(config.data)
        if config.data == "interactions":
            chosen = problem.rows(self.interactions, config.rows)
            return problem.interaction_arrays(chosen), problem.spec_of_interactions(chosen)
        if config.data in self.config.environments:
            environment, params = self.environment(config.data)
            return params, problem.spec_of_environment(environment, params)
        logs = self.logs(config.data)
        return logs.trajectories, logs.spec

    def num_seeds(self, config: ConfigDict) -> int:
        return config.num_seeds or self.config.num_seeds

    def fitted(self, name: str) -> Fitted:
        """The parameters of a finished fit stage."""
        if name not in self._fitted:
            config = self.config.stages[name]
            _, spec = self.stage_data(config)
            algorithm = problem.make_algorithm(self.algorithm_config(config), spec)
            if algorithm.learner is None:
                self._fitted[name] = Fitted(algorithm, self._estimate(config, algorithm), spec)
                return self._fitted[name]
            keys = jax.random.split(jax.random.key(0), self.num_seeds(config))
            template = jax.eval_shape(jax.vmap(algorithm.learner.init), keys).params
            placed = sharding.shardings(template, self.mesh, self.config.sharding, leading=1)
            template = jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), template, placed)
            self._fitted[name] = Fitted(algorithm, read_params(self.params_folder(name), template), spec)
        return self._fitted[name]

    def _estimate(self, config: ConfigDict, algorithm: Algorithm) -> Params:
        """The params of a counted method, with a seeds axis of one: cheap and without chance, so made anew, never
        stored."""
        environment, params = self.environment(config.data)
        facts = environment.item_facts(params) if hasattr(environment, "item_facts") else {}
        estimated = algorithm.estimate(self.interactions if self.config.data.name else None, **facts)
        return jax.tree.map(lambda leaf: np.asarray(leaf)[None], estimated)

    def logs(self, name: str) -> Logs:
        """The trajectories of a finished collect stage."""
        if name not in self._logs:
            environment, params = self.environment(self.config.stages[name].environment)
            leaf = np.zeros(0)
            record = Trajectories(Observation(leaf, leaf, leaf, leaf, leaf), leaf, leaf, leaf)
            trajectories = load_arrays(self.folder(name).path / "trajectories.npz", record)
            spec = problem.spec_of_environment(environment, params)
            self._logs[name] = Logs(trajectories, dataclasses.replace(spec, **problem.return_facts(trajectories)))
        return self._logs[name]

    def params_folder(self, name: str) -> Path:
        """The folder of the fit stage whose parameters a fit stage's are: its own, where it names no other."""
        other = self.config.stages[name].get("params_of")
        return self.params_folder(other) if other else self.folder(name).path

    def folder(self, name: str) -> StageFolder:
        return StageFolder(self.workdir / name, self.fingerprint(name))

    def fingerprint(self, name: str) -> str:
        """Of a stage's config and of all that it is made from."""
        config = self.config.stages[name].to_dict()
        shared = {leaf: self.config[leaf] for leaf in ("seed", "num_seeds")} | {"data": self.config.data.to_dict()}
        if config["kind"] == "evaluate":  # what is asked of the policies, where anything is
            asked = {leaf: self.config[leaf].to_dict() for leaf in ("inference", "sweeps")}
            shared |= {leaf: value for leaf, value in asked.items() if value}
        used = {input_: self._input_fingerprint(input_) for input_ in inputs(self.config, name)}
        return digest({"config": config, "shared": shared, "inputs": used})

    def _input_fingerprint(self, name: str) -> str:
        if name in self.config.environments:
            config = self.config.environments[name]
            models = {split: self.fingerprint(stage) for split, stage in user_models(config).items()}
            return digest({"config": config.to_dict(), "user_models": models})
        if name in self.config.sequences:  # what was published of them changes nothing
            return digest({k: v for k, v in self.config.sequences[name].to_dict().items() if k != "published"})
        if name in self.config.texts:
            return digest(self.config.texts[name].to_dict())
        return self.fingerprint(name)


def user_models(environment: ConfigDict) -> dict[str, str]:
    """Split -> fit stage of an environment's user models; the split is '' where there is one model for its own rows."""
    named = environment.user_model
    return dict(named) if isinstance(named, ConfigDict) else {"": named} if named else {}


def backbone_stage(config: ConfigDict, stage: ConfigDict) -> str:
    """The fit stage whose language model a fit stage's algorithm stands on; '' where that is a folder, or none."""
    backbone = stage.algorithm.get("backbone", "") if "algorithm" in stage else ""
    return backbone if backbone in config.stages else ""


def inputs(config: ConfigDict, name: str) -> list[str]:
    """The stages, environments, texts and sequences a stage names, in no particular order."""
    stage = config.stages[name]
    named = [stage[leaf] for leaf in ("data", "environment", "policy", "text", "vectors", "params_of") if leaf in stage]
    named += [*stage.get("policies", ()), backbone_stage(config, stage)]
    return [n for n in named if n and n != "interactions"]


def check_stages(config: ConfigDict) -> None:
    """Every stage's inputs exist and run before it.

    Raises:
      JaxrecError: an unknown, misplaced or missing stage, environment or text.
    """
    done: set[str] = set()
    for name in config.order:
        if name not in config.stages:
            raise JaxrecError(
                f"order names stage {name!r}, which is not configured; the stages are {sorted(config.stages)}"
            )
        for input_ in inputs(config, name):
            if input_ in config.texts or input_ in config.sequences:
                needed = []
            elif input_ in config.environments:
                needed = list(user_models(config.environments[input_]).values())
            elif input_ in config.stages:
                needed = [input_]
            else:
                raise JaxrecError(
                    f"stage {name!r} names {input_!r}, which is neither a stage ({sorted(config.stages)}) "
                    f"nor an environment ({sorted(config.environments)}) nor a text ({sorted(config.texts)}) "
                    f"nor sequences ({sorted(config.sequences)})"
                )
            for missing in (stage for stage in needed if stage not in done):
                raise JaxrecError(f"stage {name!r} needs {missing!r}, which does not run before it; mend config.order")
        done.add(name)


def read_params(folder: Path, template: Params) -> Params:
    """The parameters a fit stage left in its folder, leaves [S, ...].

    Raises:
      JaxrecError: none there, or of another catalogue or network.
    """
    restored = Checkpoints(folder / "params").restore(template)
    if restored is None:
        raise JaxrecError(f"{folder} holds no whole parameters; run its stage again (delete the folder first)")
    return restored[1]
