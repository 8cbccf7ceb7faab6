"""Text is changed in one place, and every other character stays as it was written."""

from __future__ import annotations

import tomllib

import pytest

from tumen.case import Case, CaseError
from tumen.case.amend import AmendError, checked, row_cells, rows_off, table_off, with_cells, with_entry, with_value

CSV = 'id,date,note\n# above b\na,2024,"two\nlines, and a comma"\n\nb,2025,plain\n'


def test_a_withdrawn_row_is_behind_comment_signs_even_over_two_lines() -> None:
    assert rows_off(CSV, [3]) == 'id,date,note\n# above b\n# a,2024,"two\n# lines, and a comma"\n\nb,2025,plain\n'


def test_one_cell_changes_and_the_rest_of_the_file_does_not() -> None:
    after = with_cells(CSV.replace("date", "text"), "sightings.csv", 6, {"note": 'said "so"'})
    assert after == CSV.replace("date", "text").replace("plain", '"said ""so"""')


def test_a_new_column_is_added_to_every_row() -> None:
    text = "id,text\ns1,one\ns2,two\n"
    assert with_cells(text, "sightings.csv", 3, {"vessel": "Lady"}) == "id,text,vessel\ns1,one,\ns2,two,Lady\n"


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(AmendError, match="unknown field 'colour'"):
        with_cells("id,text\ns1,one\n", "sightings.csv", 2, {"colour": "red"})


def test_cells_are_read_back() -> None:
    assert row_cells(CSV, "x.csv", 3)["note"] == "two\nlines, and a comma"
    with pytest.raises(AmendError, match=r"x\.csv:4"):
        row_cells(CSV, "x.csv", 4)


@pytest.mark.parametrize(
    ("text", "path", "value", "after"),
    [
        ("[a]\nx = 1 # one\n", ("a", "x"), 2, "[a]\nx = 2 # one\n"),
        ("a = { x = 1, y = 1 }\n", ("a", "y"), 2.5, "a = { x = 1, y = 2.5 }\n"),
        ("[[p]]\nx = [1, 2]\n[[p]]\nx = [1, 2]\n", ("p", "1", "x"), [3, 4], "[[p]]\nx = [1, 2]\n[[p]]\nx = [3, 4]\n"),
        ('a.b = "x = 1"\n', ("a", "b"), "y", 'a.b = "y"\n'),
        ("r = [ { x = 1 }, { x = 1 } ]\n", ("r", "1", "x"), 7, "r = [ { x = 1 }, { x = 7 } ]\n"),
    ],
)
def test_one_value_of_a_toml_file(text: str, path: tuple[str, ...], value: object, after: str) -> None:
    assert with_value(text, "f.toml", path, value) == after


def test_a_value_that_is_not_there_is_refused() -> None:
    with pytest.raises(AmendError, match="not written there"):
        with_value("a = 1\n", "f.toml", ("b",), 2)


def test_an_item_of_an_array_of_tables_goes_behind_comment_signs() -> None:
    text = "[[p]]\nx = 1\n\n# about the second\n[[p]]\nx = 2\n[q]\ny = 1\n"
    after = table_off(text, "f.toml", ("p", "0"))
    assert after == "# [[p]]\n# x = 1\n\n# about the second\n[[p]]\nx = 2\n[q]\ny = 1\n"
    assert tomllib.loads(after)["p"] == [{"x": 2}]
    assert tomllib.loads(table_off(after, "f.toml", ("p", "0"))) == {"q": {"y": 1}}


def test_an_entry_of_the_sources_changes_or_gains_a_field() -> None:
    text = "sources:\n- id: a\n  title: Old\n  reliability: B\n- id: b\n  title: |\n    long\n"
    assert with_entry(text, "sources.yaml", 2, {"title": "New: better"}) == text.replace("Old", '"New: better"')
    assert '  note: "n"\n- id: b' in with_entry(text, "sources.yaml", 2, {"note": "n"})
    with pytest.raises(AmendError, match="several lines"):
        with_entry(text, "sources.yaml", 5, {"title": "x"})


def test_a_checked_case_is_not_written(tmp_case: object) -> None:
    folder = tmp_case
    path = folder / "sightings.csv"  # type: ignore[operator]
    before = path.read_text(encoding="utf-8")
    line = Case.load(folder).sightings[0].at.line  # type: ignore[arg-type]
    made = checked(folder, {"sightings.csv": rows_off(before, [line])})  # type: ignore[arg-type]
    assert len(made.sightings) == len(Case.load(folder).sightings) - 1  # type: ignore[arg-type]
    assert made.folder == folder
    assert path.read_text(encoding="utf-8") == before
    with pytest.raises(CaseError, match=r"sightings\.csv"):
        checked(folder, {"sightings.csv": before + "not,a,row\n"})  # type: ignore[arg-type]
