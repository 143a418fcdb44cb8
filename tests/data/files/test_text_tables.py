from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files import faults, lines, text_tables
from jaxrec.data.files.fields import Column
from jaxrec.data.files.identifiers import positions

COLUMNS = [Column("user", int), Column("item", int), Column("rating", float, 1, 5)]


def rows(count: int) -> list[str]:
    return [f"{n},{n % 7},{n % 5 + 1}" for n in range(count)]


def test_a_sound_file_is_never_read_line_by_line(tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["user,item,rating", *rows(1000)]))
    for module in (faults, text_tables):
        monkeypatch.setattr(module, "first_fault", lambda *_: pytest.fail("the slow path was taken"))
    data = text_tables.read_columns(path, COLUMNS)
    assert data["user"].tolist() == list(range(1000))
    assert data["rating"].dtype == np.float64


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("bad", [0, 1, 250, 998, 999])
@pytest.mark.parametrize("fault", ["7,x,3", "7,3", "7,3,3,3", "7,3,6", "7,3,nan", "7,,3", "", '7,"3,3', "7,\xff,3"])
def test_any_bad_line_is_named_whatever_block_it_is_in(tmp_path, monkeypatch, header, bad, fault):
    monkeypatch.setattr(faults, "_BLOCK", 512)
    text = rows(1000)
    text[bad] = fault
    text += ["1000,1,1"]
    path = tmp_path / "log.csv"
    path.write_text("\n".join([*(["user,item,rating"] if header else []), *text, ""]), "latin-1")
    with pytest.raises(JaxrecError) as caught:
        text_tables.read_columns(path, COLUMNS, header=header, quoted=False)
    assert f"log.csv line {bad + 1 + header}: " in str(caught.value)


def test_empty_fields_at_the_ends_of_lines_cost_no_second_look(tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["user,item,rating,note", *(f"{row}," for row in rows(1000)), "", ""]))
    monkeypatch.setattr(text_tables, "first_fault", lambda *_: pytest.fail("the slow path was taken"))
    assert len(text_tables.read_columns(path, COLUMNS)["user"]) == 1000


def test_blanks_around_numbers_mean_nothing(tmp_path):
    path = tmp_path / "u.data"
    path.write_text(" 1 \t 10 \t4\n2\t20\t 3 \n")
    data = text_tables.read_columns(path, COLUMNS, separator="\t", header=False, quoted=False)
    assert [data[c.name].tolist() for c in COLUMNS] == [[1, 2], [10, 20], [4, 3]]
    path.write_text(" 1 \t 10 \t4\n2\t20\t 9 \n")
    with pytest.raises(JaxrecError, match="line 2: rating '9' is out of range"):
        text_tables.read_columns(path, COLUMNS, separator="\t", header=False, quoted=False)


def test_quoted_fields_may_span_blocks_and_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(faults, "_BLOCK", 16)
    path = tmp_path / "log.csv"
    path.write_text('user,item,rating,note\n1,2,3,a\n1,2,3,"two\nlines, one field"\n1,2,3,b\n')
    assert text_tables.read_columns(path, COLUMNS)["user"].tolist() == [1, 1, 1]
    path.write_text('user,item,rating,note\n1,2,3,a\n1,2,3,"two\nlines, one field"\n1,2,9,b\n')
    with pytest.raises(JaxrecError, match="line 5: rating '9' is out of range"):
        text_tables.read_columns(path, COLUMNS)


def test_optional_fields_read_as_zero_but_short_lines_do_not(tmp_path):
    columns = [*COLUMNS, Column("time", int, optional=True)]
    path = tmp_path / "log.csv"
    path.write_text("user,item,rating,time\n1,2,3,\n1,2,3,4\n")
    assert text_tables.read_columns(path, columns)["time"].tolist() == [0, 4]
    path.write_text("user,item,rating,time\n1,2,3\n1,2,3,4\n")
    with pytest.raises(JaxrecError, match="line 2: 3 fields where 4 are expected"):
        text_tables.read_columns(path, columns)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_a_number_is_finite_even_where_no_range_is_asked_for(tmp_path, value):
    path = tmp_path / "log.csv"
    path.write_text(f"a,b\n1,2\n1,{value}\n")
    with pytest.raises(JaxrecError, match=f"line 3: b '{value}' is not a finite number"):
        text_tables.read_columns(path, [Column("a", int), Column("b", float)])


def test_places_by_table_and_by_search_agree():
    for ids in (np.array([3, 4, 7]), np.array([-(2**62), 5, 2**62])):
        values = np.array([*ids, 2**40, -9, 6, ids[1]])
        place, known = positions(ids, values)
        assert known.tolist() == [v in ids for v in values]
        assert place.dtype == np.int32 and (ids[place[known]] == values[known]).all()


def test_matrix_and_numbers_refuse_what_is_not_whole(tmp_path):
    path = tmp_path / "m.ascii"
    path.write_text("1 2\n\n3 4\n")
    assert lines.matrix(path, low=0, high=4).tolist() == [[1, 2], [3, 4]]
    path.write_text(f"1 2\n3 {'9' * 30}\n")
    with pytest.raises(JaxrecError, match="line 2: value '9+' does not fit in 64 bits"):
        lines.matrix(path, low=0, high=4)
    path.write_text(" \n")
    with pytest.raises(JaxrecError, match="has no rows"):
        lines.matrix(path, low=0, high=4)


def test_one_line_is_one_printable_line():
    assert lines.one_line("a\nb\t c\x1b[31m\x00") == "a b c?[31m?"
    assert len(lines.one_line("x" * 1000)) == 300
