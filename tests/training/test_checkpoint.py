import errno
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.training import checkpoint, orbax_paths
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


@pytest.mark.parametrize("damage", ["flip", "remove", "manifest", "digit of the manifest", "folder"])
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
    elif damage == "folder":
        (folder / "manifest.json").unlink()
        (folder / "manifest.json").mkdir()
    elif damage == "manifest":
        (folder / "manifest.json").write_text("{")
    else:
        text = (folder / "manifest.json").read_text()
        (folder / "manifest.json").write_text(text.replace(" 3\n", " 4\n", 1))
    assert store.restore(_template())[0] == 1
    assert len(said) == 1 and "step 2" in said[0] and "damaged" in said[0]


def test_cut_off_checkpoint_is_ignored(tmp_path):
    store = Checkpoints(tmp_path)
    store.save(1, TREE)
    store.save(2, TREE)
    (tmp_path / "step_000000002" / "manifest.json").unlink()
    assert store.restore(_template())[0] == 1


def test_what_was_cut_off_is_deleted_by_the_next_and_strangers_are_left(tmp_path):
    store = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        (tmp_path / f"step_00000000{step}" / "arrays.orbax-checkpoint-tmp").mkdir(parents=True)
    (tmp_path / "step_by_step").mkdir()
    assert store.steps() == []
    store.save(2, TREE)
    assert store.steps() == [2] and {p.name for p in tmp_path.iterdir()} == {"step_000000002", "step_by_step"}


@pytest.mark.parametrize("name", ["a*b?", "[ab]", "a b", "100%#:&=@~!;", "日本 é", "line\nend", "quote\"'\\"])
def test_a_folder_of_any_name(tmp_path, name):
    store = Checkpoints(tmp_path / name / "params")
    store.save(1, TREE)
    step, tree = store.restore(_template())
    jax.tree.map(np.testing.assert_array_equal, tree, TREE)
    moved = (tmp_path / name).rename(tmp_path / "plain")
    assert step == 1 and Checkpoints(moved / "params").restore(_template())[0] == 1


def test_processes_of_a_run_must_be_able_to_share_the_name(tmp_path, monkeypatch):
    orbax_paths.check(tmp_path / "a*b")
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    orbax_paths.check(tmp_path / "a-b_c.d+e")
    with pytest.raises(JaxrecError, match="several processes .* choose another --workdir"):
        orbax_paths.check(tmp_path / "a*b")


@pytest.mark.parametrize("limit", [100, 100_000])
def test_a_disk_that_fills_up_while_orbax_writes_is_one_line(run_python, tmp_path, limit):
    """A limit on the size of files stands for the full disk, past the test for room that comes first."""
    program = f"""
import resource, signal
from pathlib import Path
import jax.numpy as jnp
from jaxrec.base.errors import JaxrecError
from jaxrec.training.checkpoint import Checkpoints
store = Checkpoints(Path({str(tmp_path)!r}) / "params")
store.save(1, {{"a": jnp.zeros(10)}})
Checkpoints._check_space = lambda self, leaves: None
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    store.save(2, {{"a": jnp.arange(3e5) * 1.37, "b": {{"c": jnp.ones(1000)}}}})
except JaxrecError as error:
    print(error)
"""
    done = run_python(program)
    (line,) = done.stdout.splitlines()
    assert line.startswith("checkpoint of step 2 could not be written") and "last good one is step 1" in line
    assert done.stderr == ""
    store = Checkpoints(tmp_path / "params")
    assert store.steps() == [1], "what a thread of the failed write may still leave is no checkpoint"
    store.save(3, TREE)
    assert {path.name for path in (tmp_path / "params").iterdir()} == {"step_000000001", "step_000000003"}


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
