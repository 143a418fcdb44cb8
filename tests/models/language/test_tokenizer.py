"""Tokenizers: made on the spot, from a folder, back to one; damage named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.models.language import tokenizer

DOCUMENTS = ["a teapot; category: kitchen", "a trowel; category: garden", "naïve café"] * 5


def test_bytes_learn_nothing_and_lose_nothing():
    made = tokenizer.train(DOCUMENTS, tokenizer.NUM_BYTE_IDS)
    assert made.vocabulary == 257
    text = "Ünïcode,\n new"
    ids = made.encode([text])[0]
    assert len(ids) == len(text.encode()) and made.decode(ids) == text


def test_a_trained_vocabulary_is_shorter_and_repeatable():
    first, second = (tokenizer.train(DOCUMENTS, 290) for _ in range(2))
    assert first.encode(DOCUMENTS) == second.encode(DOCUMENTS)
    assert first.vocabulary <= 290
    stream = first.stream(DOCUMENTS[:2])
    assert len(stream) < sum(len(d) for d in DOCUMENTS[:2]) and stream.dtype == np.int32
    assert [int(x) for x in np.flatnonzero(stream == first.end)] == [
        len(first.encode(DOCUMENTS[:1])[0]),
        len(stream) - 1,
    ]
    with pytest.raises(JaxrecError, match="needs 257 ids or more, not 100"):
        tokenizer.train(DOCUMENTS, 100)


def test_saved_and_read_again_here_and_by_transformers(tmp_path):
    made = tokenizer.train(DOCUMENTS, 290)
    made.save(tmp_path)
    again = tokenizer.load(tmp_path)
    assert again.encode(DOCUMENTS) == made.encode(DOCUMENTS) and again.end == made.end
    from transformers import AutoTokenizer

    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert theirs(DOCUMENTS[0])["input_ids"] == made.encode(DOCUMENTS[:1])[0] and theirs.eos_token_id == made.end


def test_what_a_file_carries_for_one_use_changes_no_text(tmp_path):
    """Truncation and padding are what transformers saves after a call with `truncation=True, padding=True`."""
    made = tokenizer.train(DOCUMENTS, 290)
    made.save(tmp_path)
    file = tmp_path / "tokenizer.json"
    content = json.loads(file.read_text())
    assert (content["truncation"], content["padding"], content["model"]["dropout"]) == (None, None, None)
    content["truncation"] = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    content["padding"] = {
        "strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
        "pad_token": tokenizer.END_OF_TEXT,
    }  # fmt: skip
    content["model"]["dropout"] = 0.5  # of merges, at random
    special = {"id": tokenizer.END_OF_TEXT, "ids": [made.end], "tokens": [tokenizer.END_OF_TEXT]}
    around = [
        {"SpecialToken": {"id": tokenizer.END_OF_TEXT, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
    ]  # fmt: skip
    content["post_processor"] = {
        "type": "TemplateProcessing", "single": around, "pair": around,
        "special_tokens": {tokenizer.END_OF_TEXT: special},
    }  # fmt: skip
    file.write_text(json.dumps(content))
    from tokenizers import Tokenizer as Engine

    theirs = Engine.from_file(str(file)).encode_batch([DOCUMENTS[0]])[0].ids
    assert theirs[0] == made.end and theirs[-1] == 0 and len(theirs) == 9
    again = tokenizer.load(tmp_path)
    np.testing.assert_array_equal(again.stream(DOCUMENTS), made.stream(DOCUMENTS))
    again.save(tmp_path / "saved")
    assert json.loads((tmp_path / "saved" / "tokenizer.json").read_text())["truncation"] is None


def gapped(folder, *, last: int = 40) -> tokenizer.Tokenizer:
    """A vocabulary of words with the ids 0, 1, 2 and `last`."""
    model = {"type": "WordLevel", "vocab": {"<|endoftext|>": 0, "a": 1, "teapot": 2, "trowel": last}, "unk_token": "a"}
    engine = {"version": "1.0", "added_tokens": [], "model": model, "pre_tokenizer": {"type": "Whitespace"}}
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(engine))
    return tokenizer.load(folder)


def test_a_vocabulary_reaches_to_the_largest_id(tmp_path):
    made = gapped(tmp_path)
    assert made.encode(["a teapot trowel"]) == [[1, 2, 40]] and made.vocabulary == 41
    assert made.decode(range(41)).split() == ["<|endoftext|>", "a", "teapot", "trowel"]


def test_gpt2s_own_files(data_root):
    """Ids as published for 'Hello world'."""
    if not (data_root / "gpt2_tokenizer").is_dir():
        pytest.skip("no gpt2_tokenizer here")
    found = tokenizer.load(data_root / "gpt2_tokenizer")
    assert found.encode(["Hello world"]) == [[15496, 995]] and (found.end, found.vocabulary) == (50256, 50257)


def test_mistakes_are_one_clear_line(tmp_path):
    with pytest.raises(JaxrecError, match="holds neither tokenizer.json nor vocab.json"):
        tokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(JaxrecError, match="cannot be read"):
        tokenizer.load(tmp_path)
    tokenizer.train(DOCUMENTS, 257).save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<none>"}))
    with pytest.raises(JaxrecError, match="no end-of-text token '<none>'"):
        tokenizer.load(tmp_path)
