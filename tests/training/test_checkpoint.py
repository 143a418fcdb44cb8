import errno
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.training import checkpoint
from jaxrec.training.checkpoint import Checkpoints

TREE = {"step": jnp.int32(3), "kernel": jnp.arange(6.0).reshape(2, 3), "empty": {}, "none": jnp.zeros((2, 0))}


def _template(tree=TREE):
    place = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), tree)


def test_round_trip_keeps_the_newest_two(tmp_path):
    store = Checkpoints(tmp_path)
    assert store.restore(_template()) is None
    for step in (1, 2, 3):
        store.save(step, jax.tree.map(lambda x, s=step: x + s, TREE))
    assert store.steps() == [2, 3]
    step, tree = store.restore(_template())
    assert step == 3
    jax.tree.map(np.testing.assert_array_equal, tree, jax.tree.map(lambda x: x + 3, TREE))


@pytest.mark.parametrize("damage", ["flip", "remove", "manifest"])
def test_damaged_newest_is_reported_and_the_one_before_used(tmp_path, damage):
    said = []
    store = Checkpoints(tmp_path, report=said.append)
    store.save(1, TREE)
    store.save(2, TREE)
    folder = tmp_path / "step_000000002"
    victim = max((p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"), key=os.path.getsize)
    if damage == "flip":
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 1
        victim.write_bytes(content)
    elif damage == "remove":
        victim.unlink()
    else:
        (folder / "manifest.json").write_text("{")
    assert store.restore(_template())[0] == 1
    assert len(said) == 1 and "step 2" in said[0] and "damaged" in said[0]


def test_cut_off_checkpoint_is_ignored(tmp_path):
    store = Checkpoints(tmp_path)
    store.save(1, TREE)
    store.save(2, TREE)
    (tmp_path / "step_000000002" / "manifest.json").unlink()
    assert store.restore(_template())[0] == 1


def test_full_disk_keeps_the_last_good_one(tmp_path, monkeypatch):
    store = Checkpoints(tmp_path)
    store.save(1, TREE)

    def full(descriptor, offset, length):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "posix_fallocate", full)
    with pytest.raises(
        JaxrecError, match="step 2 could not be written.*No space left on device.*last good one is step 1"
    ):
        store.save(2, TREE)
    assert store.steps() == [1] and not (tmp_path / "step_000000002").exists()


def test_failing_write_leaves_nothing_behind(tmp_path, monkeypatch):
    store = Checkpoints(tmp_path)
    store.save(1, TREE)

    def fail(folder, leaves):
        folder.mkdir()
        (folder / "half").write_text("x")
        raise ValueError("RESOURCE_EXHAUSTED: No space left on device")

    monkeypatch.setattr(store, "_write", fail)
    with pytest.raises(JaxrecError, match="No space left"):
        store.save(2, TREE)
    assert [p.name for p in tmp_path.iterdir()] == ["step_000000001"]


def test_checkpoint_of_another_catalogue_is_refused(tmp_path):
    Checkpoints(tmp_path).save(1, TREE)
    other = _template(TREE | {"kernel": jnp.zeros((5, 3))})
    with pytest.raises(JaxrecError, match=r"another catalogue or network.*\[2, 3\].*\[5, 3\]"):
        Checkpoints(tmp_path).restore(other)
