"""Documents, and batches of the stream they make."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data import text


def test_files_are_read_line_by_line(tmp_path):
    (tmp_path / "a.txt").write_text(" = Heading = \n\n one two \n")
    (tmp_path / "b.txt").write_text("three\n")
    assert text.read([tmp_path / "a.txt", tmp_path / "b.txt"]) == ["= Heading =", "one two", "three"]
    with pytest.raises(JaxrecError, match="c.txt cannot be read"):
        text.read([tmp_path / "c.txt"])
    (tmp_path / "d.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(JaxrecError, match="d.txt is not UTF-8"):
        text.read([tmp_path / "d.txt"])
    (tmp_path / "e.txt").write_text("\n \n")
    with pytest.raises(JaxrecError, match="there is no text in .*e.txt"):
        text.read([tmp_path / "e.txt"])


def test_items_and_the_held_out_ones():
    empty = np.zeros(0, np.int32)
    features = {"text": np.array([f"item {i}" for i in range(12)], object)}
    log = Interactions(empty, empty, empty, empty, empty, np.arange(1), np.arange(12), item_features=features)
    train, held = text.of_items(log, every=5)
    assert held == ["item 0", "item 5", "item 10"] and len(train) == 9 and not set(train) & set(held)
    with pytest.raises(JaxrecError, match="have no text; set data.options.text"):
        text.of_items(Interactions(empty, empty, empty, empty, empty, np.arange(1), np.arange(12)))
    with pytest.raises(JaxrecError, match="have no text"):
        text.of_items(dataclasses.replace(log, item_features={"text": np.full(12, "", object)}))


def test_blocks_are_stretches_of_the_stream_and_reach_its_end():
    data = text.Text(jnp.arange(20), jnp.arange(3))
    view = jax.jit(text.blocks(batch_size=64, length=4))
    batch = np.asarray(view(data, jax.random.key(0)))
    assert batch.shape == (64, 5) and (np.diff(batch) == 1).all()
    assert batch.min() == 0 and batch.max() == 19


def test_a_short_stream_is_repeated():
    batch = np.asarray(text.blocks(batch_size=2, length=4)(text.Text(jnp.arange(3), jnp.arange(3)), jax.random.key(0)))
    assert (np.diff(batch) % 3 == 1).all()


@pytest.mark.parametrize("size", [9, 10, 13])
def test_in_all_stretches_every_token_but_the_first_is_a_target_once(size):
    stream = jnp.arange(size)
    count = text.stretches(stream, 4)
    ids, mask = (np.asarray(x) for x in text.stretch(stream, jnp.arange(count + 1), 4))
    assert mask[count].sum() == 0, "beyond the end there is nothing"
    assert ids[:, 1:][mask].tolist() == list(range(1, size))
    assert ids[:, :-1][mask].tolist() == list(range(size - 1))
