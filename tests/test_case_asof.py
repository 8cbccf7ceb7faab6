"""A case as of a day knows nothing that was published later, and says the same whatever comes after."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tumen.case import Case
from tumen.case.folder import sources_of
from tumen.case.record import PartialDate, Record
from tumen.case.sources import Source

DAY = dt.date(2024, 3, 1)


def append(folder: Path, file: str, line: str) -> None:
    with (folder / file).open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def state(case: Case) -> dict[str, list[str]]:
    """Everything that a case holds, by kind."""
    out: dict[str, list[str]] = {}
    for kind, record in case.records():
        out.setdefault(kind, []).append(record.evidence_id)
    return out


PLANTED = {
    "sources.yaml": "- id: later\n  publisher: Later\n  title: Later\n  date: '2025-08-20'\n  kind: press\n  reliability: B",
    "looks.csv": "alpha-late,2025-06-20,,,Port Alpha,,Planet,DESK,,event,yes,1,exactly,,,,,,,,yes,later,",
    "sightings.csv": "s-late,,2025-06-20,,Port Alpha,,vessel,Invented Star,named,berthed,direct,Seen late,,,,,yes,later,",
    "claims.csv": "late,containers,containers,sent,,99999,,containers,exactly,AAA->BBB,all,,2025-01-01,2025-06-30,,LATE,claim,,,evidence,yes,later,",
    "vessels.csv": "Late Ship,named,yes,,XB,general cargo,99,,later,",
    "listings.csv": "late,Invented Star,vessel,Someone,2025-08,later,",
}  # fmt: skip


@pytest.mark.parametrize("file", [f for f in PLANTED if f != "sources.yaml"])
def test_what_is_planted_later_changes_nothing_before(tmp_case: Path, file: str) -> None:
    day = dt.date(2025, 8, 10)
    before = Case.load(tmp_case).as_of(day)
    append(tmp_case, "sources.yaml", PLANTED["sources.yaml"])
    append(tmp_case, file, PLANTED[file])
    whole = Case.load(tmp_case)
    after = whole.as_of(day)
    assert state(after) == state(before)
    assert after.tables() == before.tables()
    assert state(whole.as_of(dt.date(2025, 8, 20))) != state(before)


def test_a_later_indicator_in_the_real_case_is_not_known(najin: Case) -> None:
    early = najin.as_of(DAY)
    assert 0 < len(early.indicators) < len(najin.indicators)
    published = early.tables()["indicators"].column("published").to_pylist()
    assert max(published) <= DAY


def test_no_table_of_the_real_case_holds_anything_later(najin: Case) -> None:
    early = najin.as_of(DAY)
    for name in ("looks", "sightings", "claims", "indicators"):
        table = early.tables()[name]
        assert table.num_rows
        assert max(table.column("published").to_pylist()) <= DAY, name
    for record in early.transfers:
        assert record.published.last() <= DAY
    assert early.settings.period == (dt.date(2023, 8, 1), DAY)
    assert early.settings.as_of == DAY


def test_every_list_inside_the_settings_is_cut_too(najin: Case) -> None:
    early = najin.as_of(DAY)
    known = {s.id: s for s in najin.sources}

    def late(record: Record) -> bool:
        own = getattr(record, "published", None)
        if own is not None:
            return (own if isinstance(own, dt.date) else own.last()) > DAY
        return any(not known[s].known_by(DAY) for s in sources_of(record) if s in known)

    assert early.prices is not None
    assert not [p for p in early.prices.price if late(p)]
    assert not [a for a in early.settings.traffic.hull_absences if late(a)]
    assert len(early.settings.traffic.hull_absences) < len(najin.settings.traffic.hull_absences)


def test_a_ship_is_known_before_its_particulars_are(najin: Case) -> None:
    def angara(case: Case) -> tuple[object, object]:
        ship = next(v for v in case.vessels if v.vessel == "Angara")
        return ship.dwt_t, ship.length_m

    assert angara(najin.as_of(dt.date(2023, 10, 31))) == (7300.0, None)
    assert angara(najin.as_of(dt.date(2024, 8, 1))) == (7300.0, 120.0)
    assert not [v for v in najin.as_of(dt.date(2023, 10, 31)).vessels if v.vessel == "Maia-1"]


def test_csis_counts_appear_on_the_day_they_were_told(najin: Case) -> None:
    def group(day: dt.date) -> dict[str, float | None]:
        return {c.quantity: c.point for c in najin.as_of(day).claims if c.group == "csis-2024-02"}

    assert group(dt.date(2024, 2, 27)) == {}
    assert group(dt.date(2024, 2, 28)) == {"image_days": 109, "vessel_days": 49, "visits": 25}


def test_going_back_twice_is_going_back_once(najin: Case) -> None:
    once = najin.as_of(DAY)
    assert state(najin.as_of(dt.date(2025, 1, 1)).as_of(DAY)) == state(once)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.tuples(*[st.dates(dt.date(2023, 8, 1), dt.date(2026, 12, 31))] * 2))
def test_more_is_known_later_never_less(najin: Case, days: tuple[dt.date, dt.date]) -> None:
    early, late = (najin.as_of(d) for d in sorted(days))
    for kind in ("looks", "sightings", "claims", "transfers", "indicators"):
        assert {r.id for r in getattr(early, kind)} <= {r.id for r in getattr(late, kind)}


def source(**fields: object) -> Source:
    return Source(id="x", publisher="p", title="t", kind="press", reliability="B", **{"date": None, **fields})


def test_a_month_counts_as_known_on_its_last_day() -> None:
    month = source(date="2024-02")
    assert month.published == dt.date(2024, 2, 29)
    assert not month.known_by(dt.date(2024, 2, 28))
    assert month.known_by(dt.date(2024, 2, 29))
    assert source(date="2023").published == dt.date(2023, 12, 31)


def test_an_undated_source_is_unknown_unless_it_is_reference_material() -> None:
    assert not source().known_by(dt.date(2030, 1, 1))
    assert source(reference=True).known_by(dt.date(1900, 1, 1))
    assert source(date="2026", not_after="2026-06-27").published == dt.date(2026, 6, 27)


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31)), st.sampled_from([4, 7, 10]))
def test_a_partial_date_holds_the_day_it_was_cut_from(day: dt.date, length: int) -> None:
    cut = PartialDate._read(day.isoformat()[:length])
    assert cut.first() <= day <= cut.last()
    assert (cut.last() - cut.first()).days < {4: 366, 7: 31, 10: 1}[length]
