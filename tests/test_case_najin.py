"""The real case carries over every public fact, with its source, and invents none."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tumen.case import Case
from tumen.case.claims import QUANTITIES
from tumen.case.folder import label


def facts(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "facts" / name).open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def number(text: str) -> float | None:
    return float(text) if text else None


def test_every_source_is_carried_over(najin: Case, shared: Path) -> None:
    theirs = yaml.safe_load((shared / "facts" / "sources.yaml").read_text(encoding="utf-8"))["sources"]
    ours = {s.id: s for s in najin.sources}
    for s in theirs:
        own = ours[s["id"]]
        assert (own.url, own.reliability, own.seen) == (s["url"] or None, s["reliability"], s["seen"])
        assert (own.date or None) == (str(s["date"]) if s["date"] else None)


def test_every_sighting_is_carried_over(najin: Case, shared: Path) -> None:
    ours = {int(re.match(r"s(\d+)", s.id)[1]): s for s in najin.sightings if re.match(r"s(\d+)", s.id)}  # type: ignore[index]
    rows = facts(shared, "sightings.csv")
    assert len(rows) >= 91
    for number_, row in enumerate(rows, 1):
        own = ours[number_]
        assert str(own.date) == row["date"]
        assert (str(own.date_end) if own.date_end else "") == row["date_end"]
        assert own.source == [row["source_id"]]
        assert own.text.startswith(row["observation"])
        for ours_, theirs in (("length_m", "vessel_length_m"), ("stack_length_m", "stack_length_m"), ("containers", "container_count"), ("railcars", "railcars")):  # fmt: skip
            assert getattr(own, ours_) == number(row[theirs]), (own.id, ours_)


def test_every_image_day_of_the_ports_is_a_look(najin: Case, shared: Path) -> None:
    """Series and inferred visits are no images; what is left must be in looks.csv."""
    looks = {(str(look.date), look.place, look.source[0]) for look in najin.looks}
    for row in facts(shared, "sightings.csv"):
        dated = len(row["date"]) == 10 and row["state"] not in ("series", "voyage", "rail delivery")
        place = "Najin" if row["place"] == "Najin" else row["place"]
        if place not in ("Najin", "Dunay", "Vostochny", "Vostochny oil terminal") or not dated:
            continue
        if row["state"] == "inferred visit" and row["date_end"]:
            continue
        assert (row["date"], place, row["source_id"]) in looks, row


def test_each_look_is_cited_and_told_by_a_sighting(najin: Case) -> None:
    told = {s.look for s in najin.sightings}
    assert {look.id for look in najin.looks} == told - {None}


def test_every_aggregate_is_carried_over_with_its_values(najin: Case, shared: Path) -> None:
    rows = facts(shared, "aggregates.csv")
    ours = Counter(
        (str(c.period_start), c.source[0], c.origin_group, c.independence, *sorted(v for v in (c.low, c.point, c.high) if v is not None))
        for c in najin.claims
    )  # fmt: skip
    for row in rows:
        values = [number(row[k]) for k in ("low", "point", "high")]
        if row["unit"] in ("percent", "percent of capacity"):
            values = [v / 100 if v is not None else None for v in values]
        if row["origin_group"] == "RFA" and row["kind"] == "large vessels at Najin" and row["point"] == "4":
            values = [None, 3.0, None]  # one of the four is a coal ship; case.toml tells so
        key = (row["period_start"], row["source_id"], row["origin_group"], row["independence"], *sorted(v for v in values if v is not None))  # fmt: skip
        assert ours[key] >= 1, row
    assert len(najin.claims) == len(rows)


def test_csis_is_one_observation_of_three_figures(najin: Case) -> None:
    group = {c.quantity: (c.point, c.reading, c.use) for c in najin.claims if c.group == "csis-2024-02"}
    assert group == {
        "image_days": (109, "exactly", "evidence"),
        "vessel_days": (49, "exactly", "evidence"),
        "visits": (25, "at_least", "evidence"),
    }


def test_capacities_are_never_evidence_and_derived_claims_neither(najin: Case) -> None:
    for c in najin.claims:
        assert not (c.reading.startswith("capacity") and c.use == "evidence"), c.id
        assert not (c.independence == "derived" and c.use == "evidence"), c.id
        assert not (c.independence == "derived" and not c.derived_from and c.origin_group in ("ROK-MND", "MSMT", "KIDA")), c.id  # fmt: skip
        assert c.unit == QUANTITIES[c.quantity][0]


def test_negative_examples_never_count(najin: Case) -> None:
    off_route = {v.vessel for v in najin.vessels if not v.on_route}
    assert {"190 m coal carrier", "North Korean tanker", "Nikolay Vilkov"} <= off_route
    for look in najin.looks:
        if look.vessel in off_route or look.berth == "Najin pier 3":
            assert look.vessel_present is None, look.id
            assert look.vessel_count is None, look.id
            assert look.other_count, look.id


def test_cloud_is_a_look_that_tells_nothing(najin: Case) -> None:
    cloud = next(look for look in najin.looks if look.date == "2023-10-18")
    assert cloud.usable_share == 0
    assert cloud.vessel_present is None


def test_the_hour_of_the_departure_is_in_utc(najin: Case) -> None:
    rows = {r["look_id"]: r for r in najin.tables()["looks"].to_pylist()}
    assert rows["najin-2023-10-20-1101-voa"]["start"] == dt.datetime(2023, 10, 20, 2, 1, tzinfo=dt.UTC)
    assert rows["najin-2023-10-20-1543-voa"]["end"] == dt.datetime(2023, 10, 20, 6, 43, tzinfo=dt.UTC)
    day = rows["vostochny-2024-02-08-nknews"]
    assert (day["start"], day["end"]) == (
        dt.datetime(2024, 2, 7, 14, tzinfo=dt.UTC),
        dt.datetime(2024, 2, 8, 14, tzinfo=dt.UTC),
    )


def test_every_evidence_id_resolves(najin: Case) -> None:
    tables = najin.tables()
    evidence = {e.evidence_id: e for e in najin.evidence()}
    known = {s.id for s in najin.sources}
    for name, table in tables.items():
        for evidence_id in table.column("evidence_id").to_pylist():
            found = evidence[evidence_id]
            assert found.kind == name
            assert found.line > 1
            assert set(found.source_ids) <= known
    assert sum(e.kind in tables for e in evidence.values()) == sum(t.num_rows for t in tables.values())


def test_the_glossary_speaks_both_languages(najin: Case) -> None:
    assert len(najin.glossary) >= 60
    for term in najin.glossary:
        assert re.search(r"[가-힣]", term.ko), term.term
        assert re.search(r"[가-힣]", term.definition_ko), term.term
        assert not re.search(r"[가-힣]", term.en + term.definition_en), term.term
        assert term.definition_ko.endswith("."), term.term


def test_no_invented_row_and_no_invented_outline(najin: Case) -> None:
    assert not najin.settings.simulated
    assert not [r for r in (*najin.looks, *najin.sightings, *najin.claims) if r.simulated]
    for place in najin.places:
        assert place.geometry is None or place.geometry["type"] == "Point"
        assert place.position_quality


@pytest.mark.parametrize("part", ["usable_share", "identification", "confidence"])
def test_numbers_of_ours_have_a_reason(najin: Case, part: str) -> None:
    settings = najin.settings
    trusts = {"usable_share": [settings.looks], "identification": settings.identification.values(), "confidence": settings.confidence.values()}  # fmt: skip
    assert trusts[part]
    for trust in trusts[part]:
        assert len(trust.why) > 30


def test_a_ship_is_labelled_by_its_name_and_remark(najin: Case) -> None:
    noted = [v for v in najin.vessels if v.note]
    assert noted
    assert all(label(v) == f"{v.vessel}: {v.note}" for v in noted)
