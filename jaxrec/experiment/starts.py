"""Where a fit starts: at what another stage learned, of this run or of another, wholly or by roles."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

from jaxrec.base import finite
from jaxrec.base.contracts import Algorithm, Array, Learner, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import fingerprint
from jaxrec.training import sharding
from jaxrec.training.checkpoint import Checkpoints


def shares_params(stage: ConfigDict) -> bool:
    """Whether a fit stage trains nothing and takes all parameters of another stage, which are then stored once."""
    return bool(stage.start_from) and not stage.num_steps and not stage.start_roles


def catalogue(spec: Any) -> str:
    """A fingerprint of what the rows of learned tables stand for; '' where that is not known."""
    return "" if spec.catalogue is None else fingerprint(spec.catalogue)


def in_record(spec: Any) -> dict[str, Any]:
    """The plain facts of a spec, for a stage's record."""
    facts = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    return {name: value for name, value in facts.items() if isinstance(value, int | float | str | tuple)}


def params_folder(resources: Resources, name: str) -> Path:
    """The folder of the fit stage whose parameters a fit stage's are: its own, where it does not share another's."""
    stage = resources.config.stages[name]
    return folder_of(resources, stage.start_from) if shares_params(stage) else resources.workdir / name


def folder_of(resources: Resources, start_from: str) -> Path:
    """The folder that holds the parameters of a stage of this run, or of another."""
    if start_from in resources.config.stages:
        return params_folder(resources, start_from)
    folder = Path(start_from).expanduser()
    return folder / _record(folder).get("params_in", "")


def _record(folder: Path) -> dict[str, Any]:
    """The facts of a finished fit stage."""
    done = folder / "done.json"
    if not done.exists():
        raise JaxrecError(f"start_from {folder} is not the folder of a finished fit stage (it has no done.json)")
    return json.loads(done.read_text())


def recorded(start_from: str) -> str:
    """A fingerprint of what a stage of another run was made from."""
    mark = Path(start_from).expanduser() / "stage.json"
    return fingerprint(mark.read_text()) if mark.exists() else ""


def check(resources: Resources, name: str, algorithm: Algorithm) -> None:
    """Every role that is taken is there, of the same sizes and of the same items.

    Raises:
      JaxrecError: the first that is not.
    """
    stage = resources.config.stages[name]
    mine = jax.eval_shape(algorithm.learner.init, jax.random.key(0)).params
    unknown = [role for role in stage.start_roles if role not in mine]
    if unknown:
        raise JaxrecError(f"start_roles names {unknown[0]!r}; the roles of {stage.algorithm.name} are {sorted(mine)}")
    if stage.start_from not in resources.config.stages:
        folder = folder_of(resources, stage.start_from)
        _check_catalogue(stage, _record(folder).get("catalogue", ""), catalogue(resources.spec(stage.data)))
        Checkpoints(folder / "params").check(_template(folder, _taken(mine, stage)), partial=bool(stage.start_roles))
        return
    other = resources.config.stages[stage.start_from]
    if other.kind != "fit":
        raise JaxrecError(
            f"{stage.start_from!r} leaves no parameters to start from: it is a stage of kind {other.kind}"
        )
    if shares_params(stage) and resources.num_seeds(stage.start_from) != resources.num_seeds(name):
        raise JaxrecError(f"{stage.start_from!r}, whose parameters it takes, has another number of seeds")
    _check_catalogue(stage, catalogue(resources.spec(other.data)), catalogue(resources.spec(stage.data)))
    theirs = jax.eval_shape(resources.algorithm(stage.start_from).learner.init, jax.random.key(0)).params
    for role, tree in _taken(mine, stage).items():
        if jax.tree.map(jnp.shape, tree) != jax.tree.map(jnp.shape, theirs.get(role)):
            raise JaxrecError(f"{stage.start_from!r}, whose {role!r} it takes, is another network; change no sizes")
    if not stage.start_roles and mine.keys() != theirs.keys():
        raise JaxrecError(f"{stage.start_from!r} has the roles {sorted(theirs)}, not {sorted(mine)}; name start_roles")


def _check_catalogue(stage: ConfigDict, theirs: str, mine: str) -> None:
    """Parameters by item mean nothing for other items; roles that are named may be of any catalogue."""
    if not stage.start_roles and theirs != mine:
        raise JaxrecError(
            f"start_from {stage.start_from} learned of another catalogue of items; name start_roles that do not depend "
            "on the items"
        )


def _taken(params: Params, stage: ConfigDict) -> Params:
    """The roles that are taken from elsewhere."""
    roles: Sequence[str] = stage.start_roles or tuple(params)
    return {role: params[role] for role in roles}


def _template(folder: Path, abstract: Params) -> Params:
    """Parameters as they lie in the folder of a finished fit stage, all seeds of it."""
    seeds = _record(folder)["num_seeds"]
    place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct((seeds, *x.shape), x.dtype, sharding=place), abstract)


def starting(resources: Resources, name: str, learner: Learner) -> tuple[Learner, str]:
    """The learner, begun at what another stage learned, and in words what was taken and what starts anew."""
    stage, folder = resources.config.stages[name], folder_of(resources, resources.config.stages[name].start_from)
    abstract = jax.eval_shape(learner.init, jax.random.key(0)).params
    template = _template(folder, _taken(abstract, stage))
    num_seeds, theirs = resources.num_seeds(name), _record(folder)["num_seeds"]
    by_seed = theirs == num_seeds

    def load(wanted: Mapping[str, jax.ShapeDtypeStruct]) -> Iterable[tuple[str, Array]]:
        stored = flatten_dict(read_params(folder, template, partial=bool(stage.start_roles)), sep="/")
        for path, leaf in stored.items():
            leaf = leaf if by_seed else jnp.broadcast_to(leaf[:1], (num_seeds, *leaf.shape[1:]))
            yield path, sharding.put(leaf, wanted[path].sharding)
        if learner.load is not None:  # what comes from a language model's files and not from there
            yield from learner.load({path: leaf for path, leaf in wanted.items() if path not in stored})

    anew = sorted(set(abstract) - set(template))
    said = f"starts at {', '.join(sorted(template))} of {stage.start_from}" + ("" if by_seed else " (its first seed)")
    return learner._replace(load=load), said + (f"; {', '.join(anew)} starts anew" if anew else "")


def read_params(folder: Path, template: Params, *, partial: bool = False) -> Params:
    """The parameters that a fit stage left in its folder, leaves [S, ...].

    Args:
      template: abstract leaves with their shardings. partial: whether the folder may hold more.

    Raises:
      JaxrecError: none there, of another catalogue or network, or not finite.
    """
    restored = Checkpoints(folder / "params").restore(template, partial=partial)
    if restored is None:
        raise JaxrecError(f"{folder} holds no whole parameters; run its stage again (delete the folder first)")
    finite.check_params(restored[1], str(folder), "lower the learning rate of its stage and train it again")
    return restored[1]
