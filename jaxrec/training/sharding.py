"""The mesh of all devices, with the axes `data` and `model`, and the rules that place arrays on it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxrec.base.errors import JaxrecError

Rules = Sequence[tuple[str, Sequence[str | None]]]


def make_mesh(model: int = 1) -> Mesh:
    """Makes a mesh of all devices of all processes.

    Args:
      model: devices along the axis `model`; the rest lie along `data`.

    Raises:
      JaxrecError: `model` does not divide the number of devices.
    """
    count = jax.device_count()
    if model < 1 or count % model:
        raise JaxrecError(f"mesh.model {model} does not divide the {count} devices found")
    # Auto, because make_mesh's default (Explicit) makes an ordinary embedding gather raise.
    return jax.make_mesh((count // model, model), ("data", "model"), axis_types=(AxisType.Auto, AxisType.Auto))


def _path(entries) -> str:
    return "/".join(str(getattr(e, "key", getattr(e, "name", getattr(e, "idx", e)))) for e in entries)


def shardings(tree, mesh: Mesh, rules: Rules = (), leading: int = 0):
    """Returns a NamedSharding per leaf: by the first rule whose regex is found in its path, replicated where none is.

    Args:
      tree: arrays or `jax.eval_shape` results.
      rules: (path regex, axis name or None per dimension).
      leading: axes before the rule's first one (1 for a seeds axis), left whole.

    Raises:
      JaxrecError: a rule splits a dimension that the mesh axis does not divide.
    """

    def place(path, leaf):
        name = _path(path)
        spec = next((axes for pattern, axes in rules if re.search(pattern, name)), ())
        if len(spec) + leading > leaf.ndim:  # optimizer counters share a path with the parameter they count for
            spec = ()
        for dim, axis in enumerate(spec, leading):
            if axis and leaf.shape[dim] % mesh.shape[axis]:
                raise JaxrecError(
                    f"sharding rule for {name}: dimension {dim} of {leaf.shape} does not divide over "
                    f"{mesh.shape[axis]} devices of axis {axis!r}"
                )
        return NamedSharding(mesh, P(*([None] * leading), *spec))

    return jax.tree_util.tree_map_with_path(place, tree)


def over_data(tree, axis: int = 0):
    """Asks the compiler to split `axis` of every array over the mesh's data axis.

    Without a mesh, or where the axis does not divide over its devices, the array comes back as it is.
    """
    mesh = jax.sharding.get_abstract_mesh()
    size = 1 if mesh.empty else mesh.shape["data"]
    if size == 1:
        return tree

    def constrain(leaf):
        if leaf.ndim <= axis or leaf.shape[axis] % size:
            return leaf
        return jax.lax.with_sharding_constraint(leaf, P(*([None] * axis), "data"))

    return jax.tree.map(constrain, tree)


def replicate(tree, mesh: Mesh):
    """Puts a host tree on every device of the mesh; every process must hold the same values."""
    return jax.tree.map(lambda leaf: put(leaf, NamedSharding(mesh, P())), tree)


def put(leaf, sharding: NamedSharding):
    """The host array where a sharding says (in every process: each must hold the same values)."""
    if jax.process_count() == 1:
        return jax.device_put(leaf, sharding)
    host = np.asarray(leaf)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])
