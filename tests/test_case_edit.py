"""Adding, formatting and starting: nothing faulty is written, nothing said is changed, nothing half is left."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tumen.case import Case, CaseError
from tumen.case.add import KINDS, add_row, suggest_id
from tumen.case.folder import PARTS
from tumen.case.format import format_case, format_changes, format_csv
from tumen.case.forms import MODELS, field_names, model_of
from tumen.case.new import new_case
from tumen.case.reference import file_reference, page_with_reference
from tumen.case.write import Change

ROOT = Path(__file__).resolve().parents[1]
LOOK = {
    "date": "2025-06-10", "place": "Port Alpha", "collector": "DESK", "selection": "series", "vessel_present": "no",
    "simulated": "yes", "source": "invented-survey",
}  # fmt: skip
ROWS = {
    "look": LOOK,
    "sighting": {"date": "2025-06-10", "place": "Port Alpha", "what": "stack", "text": "a stack, \"long\"", "simulated": "yes", "source": "invented-survey"},
    "claim": {"id": "new", "quantity": "containers", "item": "containers", "label": "sent", "point": "5", "unit": "containers", "reading": "exactly",
              "direction": "AAA->BBB", "scope": "all", "period_start": "2025", "origin_group": "X", "independence": "claim", "use": "check",
              "simulated": "yes", "source": "invented-ministry"},
    "vessel": {"vessel": "New One", "kind": "named", "on_route": "yes", "source": "invented-survey"},
    "listing": {"id": "l1", "vessel": "Invented Star", "target": "vessel", "by": "Someone", "date": "2025", "source": "invented-survey"},
    "source": {"id": "new-one", "publisher": "A: \"b\" # c", "title": "- 'x'", "kind": "press", "reliability": "C", "date": "2025-07"},
}  # fmt: skip


def text(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_is_shown_then_written(tmp_case: Path, kind: str) -> None:
    before = text(tmp_case)
    change = add_row(tmp_case, kind, ROWS[kind])
    assert text(tmp_case) == before
    added = [line for line in change.diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert added
    assert change.diff.startswith(f"--- a/{KINDS[kind]}")
    change.write()
    after = text(tmp_case)
    assert {n for n in after if after[n] != before.get(n)} == {KINDS[kind]}
    Case.load(tmp_case)


def test_a_look_gets_an_id_of_its_own(tmp_case: Path) -> None:
    for _ in range(2):
        add_row(tmp_case, "look", LOOK).write()
    assert [r.id for r in Case.load(tmp_case).looks][-2:] == [
        "port-alpha-2025-06-10-desk",
        "port-alpha-2025-06-10-desk-2",
    ]


def test_what_an_added_row_says_comes_back(tmp_case: Path) -> None:
    add_row(tmp_case, "sighting", ROWS["sighting"]).write()
    add_row(tmp_case, "source", ROWS["source"]).write()
    case = Case.load(tmp_case)
    assert case.sightings[-1].text == 'a stack, "long"'
    assert (case.sources[-1].publisher, case.sources[-1].title) == ('A: "b" # c', "- 'x'")


def test_a_column_that_the_file_lacks_is_added_to_all_rows(tmp_case: Path) -> None:
    before = Case.load(tmp_case)
    add_row(tmp_case, "look", {**LOOK, "other_count": "2"}).write()
    after = Case.load(tmp_case)
    assert after.looks[-1].other_count == 2
    assert [r.evidence_id for r in after.looks[:-1]] == [r.evidence_id for r in before.looks]
    assert b"# vessel_present" in (tmp_case / "looks.csv").read_bytes()


@pytest.mark.parametrize(
    ("kind", "cells", "words"),
    [
        ("look", {**LOOK, "place": "Atlantis"}, "unknown place 'Atlantis'"),
        ("look", {**LOOK, "source": "nobody"}, "unknown source 'nobody'"),
        ("look", {**LOOK, "date": "soon"}, "is no date"),
        ("look", {**LOOK, "colour": "red"}, "unknown field"),
        ("look", {**LOOK, "id": "alpha-2025-01-08"}, "also stands at line"),
        ("claim", {**ROWS["claim"], "point": "-5"}, "is negative"),
        ("source", {**ROWS["source"], "id": "invented-survey"}, "also stands"),
        ("boat", {}, "is no kind of row"),
    ],
)
def test_a_faulty_row_is_refused_and_nothing_is_written(
    tmp_case: Path, kind: str, cells: dict[str, str], words: str
) -> None:
    before = text(tmp_case)
    with pytest.raises(CaseError, match=words):
        add_row(tmp_case, kind, cells)
    assert text(tmp_case) == before


def test_a_change_made_meanwhile_is_not_overwritten(tmp_case: Path) -> None:
    change = add_row(tmp_case, "look", LOOK)
    add_row(tmp_case, "look", {**LOOK, "date": "2025-06-11"}).write()
    with pytest.raises(CaseError, match="changed since"):
        change.write()


def test_a_stopped_write_leaves_the_old_text(tmp_case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = text(tmp_case)
    change = add_row(tmp_case, "look", LOOK)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        change.write()
    assert text(tmp_case) == before


def test_format_is_idempotent_and_says_the_same(tmp_case: Path) -> None:
    path = tmp_case / "looks.csv"
    lines = path.read_text().splitlines()
    head = next(n for n, line in enumerate(lines) if not line.startswith("#"))
    rows = lines[head + 1 :]
    swapped = [",".join([*line.split(",")[1:], line.split(",")[0]]) for line in (lines[head], *reversed(rows))]
    path.write_text(
        "\r\n".join([*lines[:head], *swapped[:3], "# about the next row", *swapped[3:], "# at the end"]) + "\r\n"
    )
    before = Case.load(tmp_case)
    assert format_case(tmp_case) == [path]
    after = Case.load(tmp_case)
    assert sorted(r.evidence_id for r in after.looks) == sorted(r.evidence_id for r in before.looks)
    assert [str(r.date) for r in after.looks] == sorted(str(r.date) for r in before.looks)
    assert list(field_names("looks.csv")).index("date") == 1
    written = path.read_text()
    assert written.splitlines()[:head] == lines[:head]
    assert "# about the next row\n" in written
    assert written.endswith("# at the end\n")
    assert "\r" not in path.read_bytes().decode()
    assert format_case(tmp_case) == []


def test_format_refuses_a_faulty_file_and_writes_nothing(tmp_case: Path) -> None:
    path = tmp_case / "looks.csv"
    path.write_text(path.read_text().replace("named,115,loading", "named,-5,loading"))
    before = text(tmp_case)
    with pytest.raises(CaseError):
        format_case(tmp_case)
    assert text(tmp_case) == before


@pytest.mark.parametrize("case", sorted(p.parent.name for p in ROOT.glob("cases/*/case.toml")))
def test_the_text_of_the_real_cases_is_in_standard_form(case: str) -> None:
    assert [c.path.name for c in format_changes(ROOT / "cases" / case)] == []


@pytest.mark.parametrize("file", [name for name in MODELS if name.endswith(".csv")])
def test_an_id_is_the_first_column_and_a_unit_follows_its_numbers(file: str) -> None:
    names = field_names(file)
    assert sorted(names) == sorted(model_of(file).model_fields)
    assert "id" not in names or names[0] == "id"
    numbers = [n for n in ("low", "point", "high", "shape") if n in names]
    if numbers:
        at = names.index("low")
        assert names[at : at + len(numbers) + 1] == [*numbers, "unit"]


def test_a_transfer_is_written_with_its_id_first() -> None:
    header, row = ("high,unit,point,low,payer,payee,commodity,start,status,source,published,id",
                   "3,tonnes,2,1,AAA,BBB,wheat,2024,claimed,invented-survey,2025,t-1")  # fmt: skip
    assert format_csv(f"{header}\n{row}\n", "transfers.csv").splitlines() == [
        "id,start,payer,payee,commodity,low,point,high,unit,status,source,published",
        "t-1,2024,AAA,BBB,wheat,1,2,3,tonnes,claimed,invented-survey,2025",
    ]


def test_a_new_case_never_lands_on_another(tmp_path: Path) -> None:
    new_case(tmp_path / "a")
    before = text(tmp_path / "a")
    with pytest.raises(CaseError, match="not empty"):
        new_case(tmp_path / "a")
    assert text(tmp_path / "a") == before
    (tmp_path / "empty").mkdir()
    assert {p.name for p in new_case(tmp_path / "empty")} == set(before)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_every_file_of_the_starter_explains_itself(tmp_case: Path) -> None:
    for part in PARTS:
        path = tmp_case / part.file
        if path.exists() and not part.file.endswith(".geojson"):
            assert path.read_text().startswith("#"), part.file
    assert (tmp_case / "README.md").exists()


def test_a_change_of_nothing_has_no_diff(tmp_path: Path) -> None:
    assert Change(tmp_path / "x", "a\n", "a\n").diff == ""


def test_the_reference_page_follows_the_models() -> None:
    page = (ROOT / "docs" / "case.md").read_text(encoding="utf-8")
    own = [p for p in PARTS if MODELS[p.file].split(":")[0] in ("settings", "sources", "places", "vessels", "looks", "sightings", "claims", "glossary")]  # fmt: skip
    assert len(own) == 9
    for part in own:
        assert file_reference(part) in page, f"docs/case.md is behind {part.file}: python -m tumen.case.reference"
    for part in PARTS:
        assert f"### `{part.file}`" in page
        for name, field in model_of(part.file).model_fields.items():
            assert not field.is_required() or f"`{field.alias or name}`" in page
    assert page_with_reference(page_with_reference(page)) == page_with_reference(page)


def test_every_field_of_our_files_is_described() -> None:
    for file, name in MODELS.items():
        if name.split(":")[0] in ("sources", "places", "vessels", "looks", "sightings", "claims", "glossary"):
            missing = [n for n, f in model_of(file).model_fields.items() if not f.description]
            assert missing == [], file


def test_one_changed_row_changes_one_table(tmp_case: Path, tmp_path: Path) -> None:
    before = Case.load(tmp_case)
    other = tmp_path / "other"
    shutil.copytree(tmp_case, other)
    path = other / "claims.csv"
    path.write_text(path.read_text().replace("containers sent,,3000,", "containers sent,,3100,"))
    after = Case.load(other)
    tables, changed = before.tables(), after.tables()
    assert {n for n in tables if not tables[n].equals(changed[n])} == {"claims"}
    assert {f for f in before.fingerprint() if before.fingerprint()[f] != after.fingerprint()[f]} == {"claims.csv"}


def test_a_moved_row_keeps_its_evidence_id(tmp_case: Path) -> None:
    before = {r.id: r.evidence_id for r in Case.load(tmp_case).claims}
    path = tmp_case / "claims.csv"
    path.write_text(path.read_text().replace("# Published", "# More\n# Published"))
    after = Case.load(tmp_case)
    assert {r.id: r.evidence_id for r in after.claims} == before
    assert len(set(before.values())) == len(before)


IDS = [
    ("sighting", "id\ns001\ns002\ns007\n", {}, "s008"),
    ("sighting", "id\ns099\n", {}, "s100"),
    ("look", "id\nalpha-2025-01-08\nalpha-2025-01-09\n", {}, ""),
    ("look", "id\na\n", {"place": "Port Alpha", "date": "2025-02-03", "collector": "DESK"}, "port-alpha-2025-02-03-desk"),
    ("claim", "id\nx\n", {"origin_group": "ROK-MND", "label": "containers sent", "period_end": "2025-02"}, "rok-mnd-containers-sent-2025-02"),
    ("claim", "id\nmnd-rounds-2025\n", {"origin_group": "MND", "quantity": "rounds", "period_start": "2025"}, "mnd-rounds-2025-2"),
    ("source", "sources:\n- id: 'one'\n- id: two\n", {"publisher": "Daily", "title": "A Port", "date": "2025"}, "daily-a-port-2025"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "cells", "expected"), IDS)
def test_an_id_is_offered_in_the_pattern_of_the_file(
    tmp_path: Path, kind: str, text: str, cells: dict[str, str], expected: str
) -> None:
    (tmp_path / KINDS[kind]).write_text(text, encoding="utf-8")
    assert suggest_id(tmp_path, kind, cells) == expected
