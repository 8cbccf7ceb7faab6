"""Each fault of a case gives one clear message, with file and line; a clean case says what it holds."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tumen.case import Case, CaseError, Fault


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {file}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def faults_of(folder: Path) -> list[Fault]:
    with pytest.raises(CaseError) as caught:
        Case.load(folder)
    return caught.value.faults


def line_of(folder: Path, file: str, start: str) -> int:
    lines = (folder / file).read_text(encoding="utf-8", errors="replace").splitlines()
    return next(n for n, line in enumerate(lines, 1) if line.startswith(start))


LOOK, CLAIM, SIGHTING = "alpha-2025-01-17,", "ministry-containers,", "s001,"
REFUSED = [
    # file, old, new, start of the faulty line, field, words of the message
    ("looks.csv", "alpha-2025-01-17,2025-01-17", "alpha-2025-01-17,2025-01-37", LOOK, "date", "'2025-01-37' is no date"),
    ("looks.csv", "alpha-2025-01-17,2025-01-17", "alpha-2025-01-17,17.1.2025", LOOK, "date", "is no date"),
    ("looks.csv", "alpha-2025-01-17,2025-01-17,", "alpha-2025-01-17,2025-01-17,2025-01-12", LOOK, "date_end", "lies before date"),
    ("looks.csv", "invented-survey,\nalpha-2025-01-19", "unheard-of,\nalpha-2025-01-19", LOOK, "source", "unknown source 'unheard-of'"),
    ("looks.csv", "yes,1,exactly,Invented Star,named", "yes,-1,exactly,Invented Star,named", LOOK, "vessel_count", "'-1' is too small"),
    ("looks.csv", "yes,1,exactly,Invented Star,named", "yes,nan,exactly,Invented Star,named", LOOK, "vessel_count", "whole number"),
    ("looks.csv", "named,115,loading", "named,inf,loading", LOOK, "length_m", "'inf'"),
    ("looks.csv", "named,115,loading", "named,1e400,loading", LOOK, "length_m", "'1e400'"),
    ("looks.csv", "named,115,loading", "named,115,flying", LOOK, "activity", "'flying' is not allowed"),
    ("looks.csv", "series,yes,1,exactly,Invented Star", "series,perhaps,1,exactly,Invented Star", LOOK, "vessel_present", "'perhaps'"),
    ("looks.csv", "yes,1,exactly,Invented Star,named", "yes,1,exactly,Ghost,named", LOOK, "vessel", "unknown vessel 'Ghost'"),
    ("looks.csv", "yes,1,exactly,Invented Star,named", "yes,1,exactly,Invented Star,ais", LOOK, "named", "[identification.ais]"),
    ("looks.csv", "2025-01-17,,,Port Alpha,Port Alpha pier 1", "2025-01-17,,,Port Gamma,", LOOK, "place", "unknown place 'Port Gamma'"),
    ("looks.csv", "Port Alpha,Port Alpha pier 1", "Port Alpha,Port Beta", LOOK, "berth", "is not part of"),
    ("looks.csv", "alpha-2025-01-19,2025-01-19", "alpha-2025-01-15,2025-01-19", "alpha-2025-01-15,2025-01-19", "id", "also stands at line"),
    ("looks.csv", "alpha-2025-01-17,2025-01-17", "alpha-2025-01-17,2026-01-17", LOOK, "date", "outside the period"),
    ("looks.csv", "alpha-2025-01-27,2025-01-27,,,Port Alpha,,Planet,DESK,0,series,", "alpha-2025-01-27,2025-01-27,,,Port Alpha,,Planet,DESK,0,series,no", "alpha-2025-01-27", "vessel_present", "usable_share is 0"),
    ("looks.csv", "DESK,0.6,series", "DESK,1.6,series", "alpha-2025-02-03", "usable_share", "'1.6' is too large"),
    ("looks.csv", "alpha-2025-01-17,2025-01-17,,,", "alpha-2025-01-17,2025-01-17,,25:00,", LOOK, "time", "no time of day"),
    ("sightings.csv", "s001,alpha-2025-01-17", "s001,beta", SIGHTING, "look", "unknown look 'beta'"),
    ("sightings.csv", "115,,,off", "115,-5,,off", SIGHTING, "containers", "'-5' is too small"),
    ("claims.csv", "exactly,AAA->BBB,all,,2025-01-01,2025-06-30,,MINISTRY", "roughly,AAA->BBB,all,,2025-01-01,2025-06-30,,MINISTRY", CLAIM, "reading", "'roughly' is not allowed"),
    ("claims.csv", "MINISTRY,claim", "MINISTRY,hearsay", CLAIM, "independence", "'hearsay' is not allowed"),
    ("claims.csv", "containers sent,,3000,", "containers sent,,-3000,", CLAIM, "point", "-3000 is negative"),
    ("claims.csv", "containers sent,,3000,", "containers sent,5000,3000,", CLAIM, "low", "out of order"),
    ("claims.csv", ",containers,exactly", ",boxes,exactly", CLAIM, "unit", "'boxes' of containers"),
    ("claims.csv", "all,,2025-01-01,2025-06-30,,MINISTRY,claim", "all,,2025-01-01,2024-06-30,,MINISTRY,claim", CLAIM, "period_end", "lies before period_start"),
    ("claims.csv", "all,,2025-01-01,2025-06-30,,MINISTRY,claim", "all,,2025-01-01,2025-06-30,2024-12-01,MINISTRY,claim", CLAIM, "published", "before its period begins"),
    ("claims.csv", "derived,ministry-containers", "derived,nobody", "ministry-rounds,", "derived_from", "'nobody' is no claim"),
    ("vessels.csv", "Invented Star,named,yes,,", "Invented Star,named,yes,9179843,", "Invented Star,named", "imo", "fails the IMO check digit"),
    ("vessels.csv", "cargo,110,,invented", "cargo,-110,,invented", "110 m class", "length_m", "'-110' is too small"),
    ("case.toml", "period_start = 2025-01-01", "period_start = 2026-01-01", "period_end", "case.period_end", "lies before period_start"),
    ("case.toml", "as_of = 2025-09-30", "as_of = 20250930", "as_of", "case.as_of", "no day"),
    ("case.toml", "seed = 1 ", "seed = nan ", "seed", "case.seed", "nan"),
    ("case.toml", "probability = 0.8", "probability = 1.8", "probability = 1.8", "identification.shape_match.probability", "too large"),
    ("case.toml", "title_ko =", "titel_ko =", "titel_ko", "case.titel_ko", "unknown field"),
    ("sources.yaml", "reliability: B", "reliability: G", "  reliability: G", "reliability", "'G' is not allowed"),
    ("sources.yaml", "date: '2025-07-15'", "date: 2025-17-45", "  date: 2025-17-45", "date", "is no date"),
    ("sources.yaml", "  kind: think", "  title: again\n  kind: think", "  title: again", "title", "the key stands twice"),
    ("places.geojson", "[150.0, 30.0]", "[30.0, 150.0]", '}, "geometry": {"type": "Point", "coordinates": [30', "geometry", "is not on Earth"),
    ("places.geojson", '"part_of": "Port Alpha"', '"part_of": "Port Omega"', '{"type": "Feature", "properties": {\n  "place": "Port Alpha pier 1"', "part_of", "'Port Omega' is not a place"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "start", "field", "words"), REFUSED)
def test_a_fault_is_told_once_with_its_file_and_line(
    tmp_case: Path, file: str, old: str, new: str, start: str, field: str, words: str
) -> None:
    edit(tmp_case, file, old, new)
    faults = faults_of(tmp_case)
    assert len(faults) == 1, [str(f) for f in faults]
    fault = faults[0]
    assert fault.file == file
    assert fault.field == field
    assert words in f"{fault.wrong}, expected {fault.expected}"
    if "\n" not in start:
        assert fault.line == line_of(tmp_case, file, start)
    assert str(fault).startswith(f"{file}:{fault.line}: {field}: ")


def test_every_fault_is_told_at_once(tmp_case: Path) -> None:
    edit(tmp_case, "looks.csv", "named,115,loading", "named,115,flying")
    edit(tmp_case, "claims.csv", "containers sent,,3000,", "containers sent,,-3000,")
    edit(tmp_case, "sources.yaml", "reliability: B", "reliability: G")
    (tmp_case / "vessels.csv").unlink()
    assert {f.file for f in faults_of(tmp_case)} >= {"looks.csv", "claims.csv", "sources.yaml", "vessels.csv"}


def broken(change: Callable[[Path], None], file: str, line: int, words: str) -> object:
    return pytest.param(change, file, line, words, id=words[:30])


def too_large(folder: Path) -> None:
    with (folder / "claims.csv").open("ab") as stream:
        stream.truncate(200_000_000)


def link_out(folder: Path) -> None:
    outside = folder.parent / "elsewhere.csv"
    outside.write_bytes((folder / "claims.csv").read_bytes())
    (folder / "claims.csv").unlink()
    (folder / "claims.csv").symlink_to(outside)


def pipe(folder: Path) -> None:
    (folder / "claims.csv").unlink()
    os.mkfifo(folder / "claims.csv")


def latin(folder: Path) -> None:
    data = (folder / "claims.csv").read_bytes()
    (folder / "claims.csv").write_bytes(data.replace(b"containers sent", "conténeurs".encode("latin-1")))


def raw(file: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        data = (folder / file).read_bytes()
        assert old in data
        (folder / file).write_bytes(data.replace(old, new, 1))

    return change


@pytest.mark.parametrize(
    ("change", "file", "line", "words"),
    [
        broken(too_large, "claims.csv", 1, "200 MB"),
        broken(link_out, "claims.csv", 1, "a link that leads out of the case folder"),
        broken(pipe, "claims.csv", 1, "not a regular file"),
        broken(latin, "claims.csv", 8, "is not UTF-8"),
        broken(lambda f: (f / "vessels.csv").unlink(), "vessels.csv", 1, "missing"),
        broken(lambda f: (f / "case.toml").unlink(), "case.toml", 1, "missing"),
        broken(lambda f: (f / "looks.csv").write_bytes(b""), "looks.csv", 1, "the file is empty"),
        broken(raw("claims.csv", b"containers sent", b"containers\0sent"), "claims.csv", 8, "NUL byte"),
        broken(raw("claims.csv", b"containers sent", b"containers\rsent"), "claims.csv", 8, "carriage return"),
        broken(raw("claims.csv", b"containers sent", b'"containers sent'), "claims.csv", 8, "closed quotes"),
        broken(raw("looks.csv", b"id,date,", b"id,date,date,"), "looks.csv", 5, "stands twice"),
        broken(raw("looks.csv", b"id,date,", b"id,day,"), "looks.csv", 5, "unknown column"),
        broken(raw("sources.yaml", b"sources:\n", b"documents:\n"), "sources.yaml", 1, "a list under 'sources:'"),
        broken(raw("sources.yaml", b"why: Invented", b"why: [Invented"), "sources.yaml", 0, "valid YAML"),
        broken(raw("case.toml", b"[looks]", b"[looks"), "case.toml", 0, "valid TOML"),
        broken(raw("places.geojson", b"[150.0, 30.0]", b"[150.0, NaN]"), "places.geojson", 1, "NaN is no JSON number"),
        broken(raw("places.geojson", b'"kind": "port",', b'"kind": "port", "kind": "pier",'), "places.geojson", 1, "twice"),
        broken(raw("places.geojson", b'"features": [', b'"features": [,'), "places.geojson", 3, "valid GeoJSON"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_one_message(
    tmp_case: Path, change: Callable[[Path], None], file: str, line: int, words: str
) -> None:
    change(tmp_case)
    told = [f for f in faults_of(tmp_case) if f.file == file and words in str(f)]
    assert len(told) == 1, [str(f) for f in faults_of(tmp_case)]
    assert line in (0, told[0].line)


def test_a_missing_column_is_told_once_not_in_every_row(tmp_case: Path) -> None:
    edit(tmp_case, "looks.csv", "usable_share,selection,", "usable_share,note2,")
    faults = [f for f in faults_of(tmp_case) if f.file == "looks.csv"]
    assert {f.field for f in faults} == {"note2", "selection"}
    assert len(faults) == 2


def test_a_ship_cannot_be_in_two_ports_at_once(tmp_case: Path) -> None:
    row = "beta-x,2025-01-17,,12:00,Port Beta,,Planet,DESK,,event,yes,1,exactly,Invented Star,named,,berthed,,,,yes,invented-survey,\n"
    edit(tmp_case, "looks.csv", "alpha-2025-01-17,2025-01-17,,,", "alpha-2025-01-17,2025-01-17,,11:00,")
    with (tmp_case / "looks.csv").open("a") as stream:
        stream.write(row)
    faults = faults_of(tmp_case)
    assert len(faults) == 1, [str(f) for f in faults]
    other = line_of(tmp_case, "looks.csv", "alpha-2025-01-17,")
    assert "Invented Star in Port" in faults[0].wrong
    assert f"looks.csv:{other}" in str(faults[0]) or faults[0].line == other
    assert "at 25 kn" in faults[0].expected


def test_the_same_ships_may_meet_the_fastest_passage(tmp_case: Path) -> None:
    # 309 km at 25 kn are 6.7 h: seven hours apart is possible, so nothing is said.
    edit(tmp_case, "looks.csv", "alpha-2025-01-17,2025-01-17,,,", "alpha-2025-01-17,2025-01-17,,03:00,")
    with (tmp_case / "looks.csv").open("a") as stream:
        stream.write("beta-x,2025-01-17,,11:00,Port Beta,,Planet,DESK,,event,yes,1,exactly,Invented Star,named,,,,,,yes,invented-survey,\n")  # fmt: skip
    Case.load(tmp_case)


def test_a_weak_name_warns_where_a_firm_one_refuses(tmp_case: Path) -> None:
    edit(tmp_case, "looks.csv", "alpha-2025-01-17,2025-01-17,,,", "alpha-2025-01-17,2025-01-17,,11:00,")
    with (tmp_case / "looks.csv").open("a") as stream:
        stream.write("beta-x,2025-01-17,,12:00,Port Beta,,Planet,DESK,,event,yes,1,exactly,Invented Star,believed,,,,,,yes,invented-survey,\n")  # fmt: skip
    assert any("one of the two names is wrong" in w for w in Case.load(tmp_case).warnings)


def test_invented_rows_are_refused_in_a_real_case(tmp_case: Path) -> None:
    edit(tmp_case, "case.toml", "simulated = true", "simulated = false")
    faults = faults_of(tmp_case)
    assert {f.field for f in faults} == {"simulated"}
    assert {"looks.csv", "sightings.csv", "claims.csv"} <= {f.file for f in faults}


def test_a_row_outside_the_period_is_allowed_as_a_baseline(tmp_case: Path) -> None:
    text = (tmp_case / "sightings.csv").read_text()
    text = text.replace(",source,note\n", ",source,note,baseline\n").replace(
        "invented-survey,\n", "invented-survey,,\n"
    )
    text = text.replace("s002,,2025-02-20", "s002,,2024-02-20").replace(",,40,,yes,invented-survey,,\n", ",,40,,yes,invented-survey,,yes\n")  # fmt: skip
    (tmp_case / "sightings.csv").write_text(text)
    assert any("as a baseline" in w for w in Case.load(tmp_case).warnings)


def test_what_is_published_before_it_was_seen_is_refused(tmp_case: Path) -> None:
    edit(tmp_case, "sources.yaml", "date: '2025-07-15'", "date: '2025-05-15'")
    faults = faults_of(tmp_case)
    assert [(f.file, f.line, f.field) for f in faults] == [
        ("looks.csv", line_of(tmp_case, "looks.csv", "alpha-2025-06-04"), "published")
    ]


def test_unknown_files_are_named_but_not_refused(tmp_case: Path) -> None:
    (tmp_case / "look.csv").write_text("id\n")
    (tmp_case / "scenes").mkdir()
    warnings = Case.load(tmp_case).warnings
    assert [w for w in warnings if "look.csv" in w]
    assert not [w for w in warnings if "scenes" in w or "README" in w]


def test_links_inside_the_case_are_followed(tmp_case: Path) -> None:
    (tmp_case / "ais").mkdir()
    (tmp_case / "claims.csv").rename(tmp_case / "ais" / "claims.csv")
    (tmp_case / "claims.csv").symlink_to("ais/claims.csv")
    assert len(Case.load(tmp_case).claims) == 5


def test_lines_are_right_after_cells_that_span_lines_and_comments(tmp_case: Path) -> None:
    path = tmp_case / "claims.csv"
    last = path.read_text().splitlines()[-1]
    text = path.read_text().replace(",a capacity and not a count", ',"a capacity,\nand not a ""count"""')
    path.write_text(
        text + '# a comment with a quote: "\n\n' + last.replace("ministry-rounds,rounds", "x,shells") + "\n"
    )
    faults = faults_of(tmp_case)
    assert [(f.file, f.line, f.field) for f in faults] == [
        ("claims.csv", len(path.read_text().splitlines()), "quantity")
    ]


def test_a_byte_order_mark_and_windows_lines_change_nothing(tmp_case: Path) -> None:
    before = Case.load(tmp_case)
    for name in ("looks.csv", "case.toml", "sources.yaml", "places.geojson"):
        data = (tmp_case / name).read_bytes()
        (tmp_case / name).write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    after = Case.load(tmp_case)
    assert [r.evidence_id for r in after.looks] == [r.evidence_id for r in before.looks]
    assert [r.at for r in after.looks] == [r.at for r in before.looks]


def test_a_folder_that_is_none_is_a_fault(tmp_path: Path) -> None:
    assert faults_of(tmp_path / "nothing")[0].wrong == "not a folder"


def test_loading_writes_nothing(tmp_case: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in tmp_case.iterdir()}

    before = state()
    Case.load(tmp_case).as_of(dt.date(2025, 8, 1)).tables()
    assert state() == before
