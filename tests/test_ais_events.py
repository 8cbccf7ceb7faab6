"""Events on simulated ships whose every call, silence, meeting and trick is known, and on real tracks."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("numba")

from tumen.ais import coast, flags, gaps, identity, tracks
from tumen.ais.case import case_events, visit_sightings
from tumen.ais.geo import KNOT_MS, distances_m
from tumen.ais.pipeline import run
from tumen.ais.places import Places, Shape, gather
from tumen.ais.settings import EventSettings
from tumen.simulate.ais import Fleet, Ship
from tumen.simulate.ais import gather as fleet_of
from tumen.tables import see
from tumen.tables.ais import AIS_TABLES

T0 = 1_709_251_200_000_000
HOUR = 3_600_000_000
# Two ports in the open North Pacific, far from any land: the false world needs no coast.
PORTS = Places([Shape("Northport", 40.0, 160.0), Shape("Southport", 38.0, 160.0)])


def utc(us: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(us / 1e6, dt.UTC)


def events(fleet: Fleet | pa.Table, tmp_path: Path, ports: Places | None = PORTS, **more: Any) -> dict[str, pa.Table]:
    path = tmp_path / "fleet.parquet"
    pq.write_table(fleet.table() if isinstance(fleet, Fleet) else fleet, path)
    return run([path], gazetteer=ports, bucket_bits=1, **more).tables


def background(rng: np.random.Generator, hours: float = 72) -> list[Ship]:
    """Ships heard all the while near 39.5 N 160.5 E, so that reception there is known to be good."""
    return [Ship(900 + k, 39.3 + 0.1 * k, 160.2 + 0.15 * k, T0, every_s=600).stay(hours, rng, 300) for k in range(5)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """One false world for many tests."""
    rng = np.random.default_rng(5)
    trader = (
        Ship(1, 39.5, 160.0, T0)
        .sail(40.0, 160.0, 12)
        .stay(10, rng)
        .sail(38.0, 160.0, 12)
        .stay(6, rng)
        .sail(37.5, 160.0, 12)
    )
    passing = Ship(2, 39.5, 160.01, T0).sail(40.5, 160.01, 12)
    dark = Ship(3, 39.6, 160.3, T0).stay(13, rng).silence(30, 39.4, 160.4).stay(4, rng)
    a = Ship(4, 39.0, 161.0, T0).sail(39.0, 162.0, 10).stay(5, rng).sail(39.0, 163.0, 10)
    b = Ship(5, 39.9, 162.002, T0).sail(39.0, 162.002, 11).stay(6, rng).sail(38.0, 162.0, 10)
    alone = Ship(6, 36.0, 165.0, T0).sail(36.2, 165.0, 10).stay(9, rng).sail(36.5, 165.0, 10)
    hidden = Ship(7, 36.1, 165.6, T0).stay(1, rng).silence(13, 36.4, 165.5).stay(1, rng)
    folder = tmp_path_factory.mktemp("world")
    return events(fleet_of([trader, passing, dark, a, b, alone, hidden, *background(rng)]), folder)


def rows(table: pa.Table, vessel: int | None = None) -> list[dict[str, Any]]:
    listed = table.to_pylist()
    return [r for r in listed if vessel is None or r["vessel_id"] == str(999_000_000 + vessel)]


def test_every_table_has_its_declared_shape(world: dict[str, pa.Table]) -> None:
    for table in AIS_TABLES:
        assert world[table.name].schema.equals(table.schema), table.name


def test_port_visits_and_voyages(world: dict[str, pa.Table]) -> None:
    first, second = rows(world["port_visits"], 1)
    assert (first["place"], first["confidence"], second["place"], second["confidence"]) == (
        "Northport",
        4,
        "Southport",
        4,
    )
    # 30 nm at 12 kn: alongside after 2.5 h; entry is 3 km before, exit 4 km after
    alongside = T0 + 2.5 * HOUR
    assert abs((first["stop_start"] - utc(int(alongside))).total_seconds()) < 120
    assert abs(first["stopped_hours"] - 10) < 0.2
    assert first["start"] < first["stop_start"] < first["stop_end"] < first["end"]
    assert (
        3000 / (12 * 1852) - 0.05
        < (first["stop_start"] - first["start"]).total_seconds() / 3600
        < 3000 / (12 * 1852) + 0.05
    )
    assert "fleet.parquet@" in first["first_message"]
    legs = rows(world["ais_voyages"], 1)
    assert [(v["from_place"], v["to_place"]) for v in legs] == [
        (None, "Northport"),
        ("Northport", "Southport"),
        ("Southport", None),
    ]
    assert legs[1]["distance_nm"] == pytest.approx(120 - 2 * 2, abs=3)
    assert legs[1]["from_visit"] == first["visit_id"]


def test_passing_by_is_only_confidence_one(world: dict[str, pa.Table]) -> None:
    (visit,) = rows(world["port_visits"], 2)
    assert (visit["confidence"], visit["stop"], visit["entry"], visit["exit"]) == (1, False, True, True)
    assert all(v["from_place"] is None and v["to_place"] is None for v in rows(world["ais_voyages"], 2))


def test_a_switched_off_ship_and_where_she_could_have_been(world: dict[str, pa.Table]) -> None:
    (gap,) = [g for g in rows(world["gaps"], 3) if g["closed"]]
    assert gap["kind"] == "likely switched off"
    assert gap["hours"] == pytest.approx(30, abs=0.1)
    assert gap["heard_share"] == 1.0
    assert gap["neighbours"] >= 4
    assert gap["messages_before"] >= 700
    if coast.known():
        assert gap["coast_nm"] is None
        assert gap["gfw_rule"] is True
        assert gap["confidence"] >= 3
    reach = {r["place"]: r for r in rows(world["hidden_visits"], 3) if r["gap_id"] == gap["gap_id"]}
    assert set(reach) == {"Northport", "Southport"}
    stay = reach["Northport"]["longest_stay_hours"]
    assert stay == pytest.approx(
        gap["hours"] - (reach["Northport"]["there_nm"] + reach["Northport"]["back_nm"]) / 15, abs=0.01
    )


def test_places_within_reach_of_a_gap_are_those_of_a_plain_count() -> None:
    rng = np.random.default_rng(3)
    shapes = [Shape(f"P{k}", rng.uniform(-60, 60), rng.uniform(-180, 180)) for k in range(300)]
    ports, settings = Places(shapes, {}, {f"P{k}" for k in range(0, 300, 30)}), EventSettings(hidden_places=5)
    silent = []
    for k in range(300):
        lat, lon = (shapes[k].lat, shapes[k].lon) if k % 4 == 0 else (rng.uniform(-60, 60), rng.uniform(-180, 180))
        hours, start, closed = float(rng.uniform(3, 200)), T0 + k, bool(rng.random() < 0.7)
        back = (lat + rng.normal(0, 2), lon + rng.normal(0, 2)) if closed else (None, None)
        silent.append(
            {"gap_id": f"g{k}", "vessel_id": "v", "lat": lat, "lon": lon, "closed": closed, "end_lat": back[0], "end_lon": back[1],
             "hours": hours, "in_port": bool(k % 8 == 0), "start": start, "end": start + int(hours * HOUR)}
        )  # fmt: skip
    wanted = set()
    for gap in silent:
        reached = []
        for k, port in enumerate(shapes):
            there = float(distances_m(gap["lat"], gap["lon"], port.lat, port.lon))
            back = float(distances_m(gap["end_lat"], gap["end_lon"], port.lat, port.lon)) if gap["closed"] else 0.0
            spare = (gap["hours"] - settings.hidden_stay_h) * 3600
            inside = gap["in_port"] and there < settings.exit_m
            if spare > 0 and (there + back) / spare / KNOT_MS <= settings.hidden_kn and not inside:
                reached.append(((there + back), k))
        for n, (_, k) in enumerate(sorted(reached)):
            if n < settings.hidden_places or f"P{k}" in ports.from_case:
                wanted.add((gap["gap_id"], f"P{k}"))
    made = gaps.hidden_visits(silent, ports, settings).to_pylist()
    assert {(r["gap_id"], r["place"]) for r in made} == wanted
    assert len(made) == len(wanted) > 300
    assert all((r["back_nm"] is None) == (not silent[int(r["gap_id"][1:])]["closed"]) for r in made)
    assert all(0 < r["needed_kn"] <= 15 or r["there_nm"] < 1e-6 for r in made)


def test_lost_coverage_is_not_taken_for_switching_off(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    ship = Ship(1, 10.0, 160.0, T0).sail(10.5, 160.0, 12).silence(20, 12.0, 160.0).sail(12.5, 160.0, 12)
    made = events(fleet_of([ship, *background(rng)]), tmp_path, pairs=False)
    (gap,) = [g for g in rows(made["gaps"], 1) if g["closed"]]
    assert (gap["kind"], gap["heard_share"]) == ("likely lost coverage", 0.0)


def test_a_ship_that_sails_out_of_the_archive_is_not_called_dark(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    # all others, and so the archive, keep south of 39.8 N; both ships run 7 h until 39.75 N and are heard no more
    leaves = Ship(1, 38.6, 160.5, T0).sail(39.75, 160.5, 10)
    hides = Ship(2, 39.75, 160.6, T0).sail(38.6, 160.6, 10).sail(39.2, 160.6, 10)
    others = [Ship(900 + k, 38.9 + 0.05 * k, 160.2 + 0.05 * k, T0, every_s=600).stay(72, rng, 300) for k in range(18)]
    made = events(fleet_of([leaves, hides, *others]), tmp_path, pairs=False)
    kinds = {g["vessel_id"]: (g["kind"], g["closed"]) for g in made["gaps"].to_pylist()}
    assert kinds == {"999000001": ("likely left the area", False), "999000002": ("likely switched off", False)}


def test_a_meeting_of_two(world: dict[str, pa.Table]) -> None:
    (met,) = [e for e in world["encounters"].to_pylist() if e["kind"] == "both"]
    assert {met["vessel_id"], met["other_id"]} == {"999000004", "999000005"}
    assert met["at_sea"]
    assert met["mean_m"] == pytest.approx(170, abs=40)
    # both are still from the arrival of the later until the departure of the earlier
    a, b = 46.6 / 10, 54.0 / 11
    assert met["hours"] == pytest.approx(min(a + 5, b + 6) - max(a, b), abs=0.4)
    assert abs((met["start"] - utc(T0)).total_seconds() / 3600 - max(a, b)) < 0.3


def test_a_rendezvous_with_a_silent_ship(world: dict[str, pa.Table]) -> None:
    one = [e for e in world["encounters"].to_pylist() if e["kind"] == "one-sided" and e["vessel_id"] == "999000006"]
    assert len(one) == 1
    assert one[0]["other_id"] == "999000007"
    assert one[0]["candidates"] >= 1
    (slow,) = rows(world["loitering"], 6)
    assert slow["hours"] == pytest.approx(9, abs=0.3)
    assert slow["mean_kn"] < 2
    # ships that met another are not listed as alone
    assert not [
        e for e in world["encounters"].to_pylist() if e["kind"] == "one-sided" and e["vessel_id"] == "999000004"
    ]


def test_visit_confidence_by_what_was_seen(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    begins = Ship(1, 40.0, 160.0, T0).stay(5, rng).sail(40.5, 160.0, 12)
    inside = Ship(2, 40.0, 160.0, T0).stay(5, rng)
    silent = Ship(3, 39.5, 160.0, T0).sail(39.99, 160.0, 6).silence(6, 40.01, 160.0).sail(40.5, 160.0, 6)
    made = events(fleet_of([begins, inside, silent]), tmp_path, pairs=False)
    found = {r["vessel_id"][-1]: r for r in made["port_visits"].to_pylist()}
    assert {k: v["confidence"] for k, v in found.items()} == {"1": 3, "2": 2, "3": 4}
    assert found["3"]["gap"]
    assert not found["3"]["stop"]
    assert found["3"]["longest_gap_hours"] == pytest.approx(6, abs=0.1)


def test_a_ship_last_heard_entering_a_port_is_in_a_port_gap_to_the_archives_end(tmp_path: Path) -> None:
    """GFW's code begins a gap after four hours of silence in port even where nothing follows; a voyage leads there."""
    rng = np.random.default_rng(6)
    enters = Ship(1, 39.5, 160.0, T0).sail(39.99, 160.0, 6)
    enters_late = Ship(2, 39.5, 160.01, T0 + 32 * HOUR).sail(39.99, 160.01, 6)
    calls_twice = Ship(3, 37.5, 160.0, T0).sail(38.0, 160.0, 12).stay(5, rng).sail(39.99, 160.0, 12)
    elsewhere = Ship(4, 39.5, 160.02, T0).sail(39.99, 160.02, 6).silence(20, 43.0, 161.0).sail(43.5, 161.0, 10)
    last = Ship(5, 41.5, 150.0, T0).stay(40, rng)
    made = events(fleet_of([enters, enters_late, calls_twice, elsewhere, last]), tmp_path, pairs=False)
    visits = {(v["vessel_id"][-1], v["place"]): v for v in made["port_visits"].to_pylist()}
    told = {k: (v["confidence"], v["gap"], v["exit"]) for k, v in visits.items()}
    assert told == {
        ("1", "Northport"): (3, True, False), ("2", "Northport"): (1, False, False),
        ("3", "Southport"): (4, False, True), ("3", "Northport"): (3, True, False), ("4", "Northport"): (4, True, True),
    }  # fmt: skip
    one = visits["1", "Northport"]
    assert one["longest_gap_hours"] == pytest.approx((utc(T0 + 40 * HOUR) - one["end"]).total_seconds() / 3600, abs=0.1)
    assert one["earliest_after"] is None
    legs = {k: [(v["from_place"], v["to_place"]) for v in rows(made["ais_voyages"], k)] for k in (1, 2, 3)}
    assert legs == {1: [(None, "Northport")], 2: [], 3: [(None, "Southport"), ("Southport", "Northport")]}
    assert rows(made["ais_voyages"], 1)[0]["to_visit"] == one["visit_id"]
    # with a longer port gap nothing is raised, and the last way leads nowhere
    made = events(fleet_of([enters, calls_twice, last]), tmp_path, pairs=False, settings={"port_gap_h": 39})
    assert [v["confidence"] for v in rows(made["port_visits"], 1)] == [1]
    assert [(v["from_place"], v["to_place"]) for v in rows(made["ais_voyages"], 3)] == [
        (None, "Southport"), ("Southport", None)
    ]  # fmt: skip


@pytest.mark.skipif(not coast.known(), reason="needs the land mask")
def test_a_course_over_land_is_told_and_less_surely_where_all_of_a_track_is_inland(tmp_path: Path) -> None:
    # from the Black Sea over the coast and on for 40 nm; and one that never leaves the same plain
    drawn = Ship(1, 43.5, 31.5, T0).sail(46.2, 31.5, 12).sail(47.4, 31.2, 12)
    river = Ship(2, 47.6, 31.0, T0).sail(48.6, 31.0, 10)
    at_sea = Ship(3, 43.0, 31.5, T0).sail(45.5, 31.5, 12)
    made = events(fleet_of([drawn, river, at_sea]), tmp_path, None, pairs=False)["spoofing"].to_pylist()
    found = {(r["vessel_id"][-1], r["kind"]): r for r in made}
    assert {k: v["confidence"] for k, v in found.items()} == {("1", "land"): 3, ("2", "land"): 1}
    assert 45.9 < found["1", "land"]["lat"] < 47.4


def test_a_meeting_near_a_port_counts_only_where_the_settings_say_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    pairs = [(Ship(2 * k + 1, y, 160.0, T0), Ship(2 * k + 2, y, 160.002, T0)) for k, y in enumerate((40.06, 40.1))]
    fleet = fleet_of([ship.stay(6, rng) for pair in pairs for ship in pair])
    made = events(fleet, tmp_path)["encounters"].to_pylist()
    assert [(e["vessel_id"][-1], e["at_sea"]) for e in made] == [("3", True)]
    made = events(fleet, tmp_path, settings={"encounter_near_port": True})["encounters"].to_pylist()
    assert [(e["vessel_id"][-1], e["at_sea"]) for e in made] == [("1", False), ("3", True)]


def test_polygons_and_berths_of_a_case(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    ring = "POLYGON((129.99 42.19, 130.01 42.19, 130.01 42.21, 129.99 42.21, 129.99 42.19))"
    pier = "POLYGON((129.999 42.199, 130.001 42.199, 130.001 42.201, 129.999 42.201, 129.999 42.199))"
    common = {"role": "origin", "source_id": "s"}
    places = see.PLACES.build(
        [
            {"place": "Haven", "kind": "port", "wkt": ring, **common},
            {"place": "Pier 2", "kind": "pier", "part_of": "Haven", "wkt": pier, **common},
        ]
    )
    vessels = see.VESSELS.build(
        [{"vessel": "Testship", "kind": "named", "mmsi": "999000001", "on_route": True, "source_ids": ["s"]}]
    )
    ship = Ship(1, 41.8, 130.0, T0).sail(42.2, 130.0, 10).stay(8, rng).sail(41.8, 130.0, 10)
    other = Ship(2, 41.8, 130.1, T0).sail(42.2, 130.04, 10).sail(41.8, 130.1, 10)
    path = tmp_path / "a.parquet"
    pq.write_table(fleet_of([ship, other]).table(), path)
    made = case_events([str(tmp_path / "*.parquet")], places, vessels, {"gap_h": 6})
    (visit,) = made["port_visits"].to_pylist()
    assert (visit["place"], visit["berth"], visit["in_case"], visit["confidence"]) == ("Haven", "Pier 2", True, 4)
    seen = visit_sightings(made, dt.date(2024, 4, 1), ["ais-archive"]).to_pylist()
    assert [(s["vessel"], s["place"], s["state"], s["origin"]) for s in seen] == [
        ("Testship", "Haven", "berthed", "ais")
    ]


def test_a_stop_off_the_berths_is_at_anchor_only_where_berths_are_known(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    haven = {"place": "Haven", "kind": "port", "wkt": "POINT(130 42.2)", "role": "origin", "source_id": "s"}
    pier = "POLYGON((130.02 42.199, 130.021 42.199, 130.021 42.201, 130.02 42.201, 130.02 42.199))"
    part = {"place": "Pier 2", "kind": "pier", "part_of": "Haven", "wkt": pier, "role": "origin", "source_id": "s"}
    vessels = see.VESSELS.build(
        [{"vessel": "Testship", "kind": "named", "mmsi": "999000001", "on_route": True, "source_ids": ["s"]}]
    )
    path = tmp_path / "a.parquet"
    ship = Ship(1, 41.8, 130.0, T0).sail(42.2, 130.0, 10).stay(8, rng).sail(41.8, 130.0, 10)
    pq.write_table(fleet_of([ship]).table(), path)
    for given, state in (([haven], None), ([haven, part], "anchored")):
        places = see.PLACES.build(given)
        made = case_events([str(path)], places, vessels, {"gap_h": 6})
        (seen,) = visit_sightings(made, dt.date(2024, 4, 1), ["s"], places=places).to_pylist()
        assert (seen["place"], seen["state"]) == ("Haven", state)


def clash(tmp_path: Path) -> dict[str, pa.Table]:
    """Two hulls under one number, 200 km apart, interleaved; and one wild position."""
    one = Ship(1, 40.3, 150.0, T0).sail(41.3, 150.0, 12).rows()
    two = Ship(1, 38.0, 152.0, T0 + 30_000_000).sail(37.0, 152.0, 12).rows()
    wild = np.array([[T0 + 2 * HOUR + 1e6], [10.0], [100.0], [12.0], [0.0]])
    whole = np.concatenate([one, two, wild], axis=1)
    whole = whole[:, np.argsort(whole[0], kind="stable")]
    n = whole.shape[1]
    fleet = Fleet(np.full(n, 999000001), whole[0].astype(np.int64), *whole[1:])
    return events(fleet, tmp_path, None, pairs=False)


def test_identities_that_clash_are_taken_apart(tmp_path: Path) -> None:
    found = {r["kind"]: r for r in clash(tmp_path)["spoofing"].to_pylist()}
    assert set(found) == {"clash", "teleport"}
    assert found["clash"]["messages"] >= 290
    assert found["clash"]["confidence"] == 4
    assert found["teleport"]["messages"] == 1
    assert found["teleport"]["measure"] > 3000


def test_split_restores_known_segments() -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        n = int(rng.integers(2, 6))
        t, lat, lon, truth = [], [], [], []
        for k in range(n):
            steps = int(rng.integers(20, 60))
            when = np.sort(rng.uniform(0, 12 * HOUR, steps)).astype(np.int64)
            base = rng.uniform(-60, 60), -150 + 60 * k
            t.append(when)
            lat.append(base[0] + when / HOUR * 0.15)
            lon.append(base[1] + when / HOUR * 0.1)
            truth.append(np.full(steps, k))
        order = np.argsort(np.concatenate(t), kind="stable")
        when, y, x, who = (np.concatenate(v)[order] for v in (t, lat, lon, truth))
        none = np.full(len(when), np.nan, np.float32)
        track, fate, made = tracks.split(
            when,
            (y * 1e7).astype(np.int32),
            (x * 1e7).astype(np.int32),
            none,
            none,
            np.array([0, len(when)]),
            50.0,
            1000.0,
            30.0,
        )
        assert made[0] == n
        assert len(set(zip(track.tolist(), who.tolist(), strict=True))) == n
        assert not fate.any()


def test_doubles_and_clock_faults(tmp_path: Path) -> None:
    fleet = Ship(1, 40.5, 150.0, T0).sail(41.5, 150.0, 12).rows()
    t = fleet[0].astype(np.int64)
    t[100] += 5 * HOUR
    double = np.concatenate([np.arange(fleet.shape[1]), [50, 50, 70]])
    double.sort()
    table = Fleet(np.full(len(double), 999000001), t[double], *fleet[1:, double]).table()
    made = events(table, tmp_path, None, pairs=False)
    counted = {r["reason"]: r["count"] for r in made["drops"].to_pylist()}
    assert counted == {"exact duplicate": 3, "clock mended": 1}
    assert not made["spoofing"].num_rows


def test_circles_stale_and_future(tmp_path: Path) -> None:
    n = 200
    t = T0 + np.arange(n) * 60_000_000
    angle = np.radians(np.arange(n) * 12.0)
    ring = Fleet(
        np.full(n, 999000001),
        t,
        40.3 + 0.02 * np.cos(angle),
        150 + 0.026 * np.sin(angle),
        np.full(n, 8.0),
        np.degrees(angle + np.pi / 2) % 360,
    )
    still = Fleet(np.full(n, 999000002), t, np.full(n, 41.0), np.full(n, 150.0), np.full(n, 9.0), np.full(n, 10.0))
    late = Fleet(np.full(3, 999000003), t[:3] + 10**16, *(np.full(3, v) for v in (41.0, 150.0, 1.0, 1.0)))
    table = pa.concat_tables([f.table() for f in (ring, still, late)])
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    made = run([path], bucket_bits=1, latest_us=T0 + 1000 * HOUR)
    found = {r["kind"]: r for r in made.tables["spoofing"].to_pylist()}
    assert set(found) == {"circle", "stale"}
    assert found["circle"]["measure"] == pytest.approx(2224, rel=0.02)
    assert found["stale"]["hours"] == pytest.approx(199 / 60)
    assert made.faults == 3
    assert {r["reason"]: r["count"] for r in made.tables["drops"].to_pylist()} == {"time in the future": 3}


def test_an_anchorage_is_learned(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    ships = [Ship(k, 40.0 + rng.normal(0, 2e-4), 160.0 + rng.normal(0, 2e-4), T0, 600).stay(14, rng) for k in range(25)]
    made = events(fleet_of(ships), tmp_path, settings=EventSettings(anchorage_vessels=8))
    held = made["anchorages"].to_pylist()
    assert held
    assert 8 <= max(r["vessels"] for r in held) <= 25
    assert held[0]["place"] == "Northport"


def test_calls_at_a_harbour_that_no_list_has(tmp_path: Path) -> None:
    """Ships that lie over night in one place make it a port, also for the one that only calls for three hours."""
    rng = np.random.default_rng(6)
    stayers = [
        Ship(k, 41.0 + rng.normal(0, 2e-4), 165.0 + rng.normal(0, 2e-4), T0, 600).stay(30, rng) for k in range(10, 18)
    ]
    caller = Ship(1, 41.5, 165.0, T0).sail(41.0, 165.0, 10).stay(3, rng).sail(41.5, 165.0, 10)
    made = events(fleet_of([*stayers, caller]), tmp_path)
    (visit,) = rows(made["port_visits"], 1)
    assert (visit["place"], visit["confidence"]) == ("anchorage 41.000N 165.000E", 4)
    assert visit["stopped_hours"] == pytest.approx(3, abs=0.2)
    assert made["anchorages"].num_rows >= 1
    # the ships there are in port: they do not meet, nor loiter at sea
    assert not made["encounters"].num_rows
    off = events(fleet_of([*stayers, caller]), tmp_path, settings=EventSettings(learn_anchorages=False))
    assert not off["port_visits"].num_rows
    assert off["encounters"].num_rows


def test_positions_drawn_to_one_point_are_marked(tmp_path: Path) -> None:
    """Five ships on their way; for half an hour each is shown at one airfield 200 km inland of them all."""
    parts = []
    for k in range(5):
        own = Ship(k + 1, 40.2 + 0.3 * k, 150.0, T0).sail(41.2 + 0.3 * k, 150.0, 10).rows()
        shown = (own[0] > T0 + 2 * HOUR) & (own[0] < T0 + 2.5 * HOUR)
        own[1, shown], own[2, shown] = 41.0 + 1e-4 * k, 153.0
        parts.append(np.concatenate([np.full((1, own.shape[1]), 999000001.0 + k), own]))
    whole = np.concatenate(parts, axis=1)
    whole = whole[:, np.argsort(whole[1], kind="stable")]
    fleet = Fleet(whole[0].astype(np.int64), whole[1].astype(np.int64), *whole[2:])
    made = events(fleet, tmp_path, None, pairs=False)
    common = [r for r in made["spoofing"].to_pylist() if r["kind"] == "common point"]
    assert sorted({r["vessel_id"] for r in common}) == [f"99900000{k}" for k in range(1, 6)]
    assert {r["measure"] for r in common} == {5.0}
    assert all(abs(r["lat"] - 41.0) < 0.01 and abs(r["lon"] - 153.0) < 0.01 for r in common)
    # one ship's wild fixes are no common point
    assert "common point" not in {r["kind"] for r in clash(tmp_path)["spoofing"].to_pylist()}


def test_one_moored_and_one_under_way_under_one_number() -> None:
    """Two hulls 20 km apart, heard every half hour by turns: each step could be one ship's, the pattern is of two."""
    rng = np.random.default_rng(3)
    n = 60
    t = np.sort(rng.uniform(0, 30 * HOUR, 2 * n)).astype(np.int64)
    who = np.arange(2 * n) % 2
    lat = np.where(who == 0, 40.0, 40.2 + t / HOUR * 0.16)
    lon = np.full(2 * n, 150.0)
    sog, cog = np.where(who == 0, 0.0, 9.6).astype(np.float32), np.zeros(2 * n, np.float32)
    lat7, lon7 = np.rint(lat * 1e7).astype(np.int32), np.rint(lon * 1e7).astype(np.int32)
    track, _, made = tracks.split(t, lat7, lon7, sog, cog, np.array([0, 2 * n]), 50.0, 1000.0, 30.0)
    assert made[0] == 2
    assert min(np.count_nonzero(track == who), np.count_nonzero(track != who)) <= 2


def text_archive(tmp_path: Path) -> Path:
    lines = ["mmsi,timestamp,lat,lon,sog,name,imo,call_sign,draught,destination"]
    for hour in range(48):
        for minute in (0, 20, 40):
            name, draught = (
                ("ANGARA", "4.0") if hour < 20 else ("ORION", "6.5") if hour != 30 or minute else ("OR1ON", "6.5")
            )
            imo = 9179842
            lines.append(
                f"273413400,{1709251200 + hour * 3600 + minute * 60},40.0,160.0,0.0,{name},{imo},UBCD3,{draught},X"
            )
    for hour in range(60, 80):
        lines.append(f"511100001,{1709251200 + hour * 3600},40.5,160.0,0.0,ORION,9179842,T8XX,6.5,X")
    path = tmp_path / "who.csv"
    path.write_text("\n".join(lines))
    return path


def test_identity_draught_and_flag_changes(tmp_path: Path) -> None:
    made = run([text_archive(tmp_path)], gazetteer=PORTS, bucket_bits=1).tables
    who = made["identities"].to_pylist()
    assert [(r["vessel_id"], r["name"], r["flag"], r["imo_valid"]) for r in who] == [
        ("273413400", "ANGARA", "RU", True), ("273413400", "ORION", "RU", True), ("511100001", "ORION", "PW", True)
    ]  # fmt: skip
    assert who[0]["last_seen"] < who[1]["first_seen"]
    changed = [(r["field"], r["before"], r["after"]) for r in made["identity_changes"].to_pylist()]
    # the name told once between two equal ones is a transmission error, not a change
    assert changed == [("name", "ANGARA", "ORION"), ("flag", "RU", "PW"), ("mmsi", "273413400", "511100001")]
    (deeper,) = made["draught_changes"].to_pylist()
    assert (deeper["before_m"], deeper["after_m"], deeper["change_m"], deeper["place"]) == (4.0, 6.5, 2.5, "Northport")


def test_flags_against_the_public_table(shared: Path) -> None:
    import csv

    text = (shared / "data/ais/mid/mmsi_countries.csv").read_text(encoding="utf-8-sig")
    listed = {
        int(r["Digit"]): r["Allocated to"]
        for r in csv.DictReader(text.splitlines(), delimiter=";")
        if r["Digit"].isdigit()
    }
    assert len(set(listed) - set(flags.FLAG_OF_MID)) <= 2, set(listed) - set(flags.FLAG_OF_MID)
    by_flag: dict[str, set[str]] = {}
    for mid, name in listed.items():
        if mid in flags.FLAG_OF_MID:
            by_flag.setdefault(flags.FLAG_OF_MID[mid], set()).add(name.split(" -")[0].split(" (")[0])
    # one flag stands for one country: a wrong digit would mix two
    mixed = {k: v for k, v in by_flag.items() if len({n[:4] for n in v}) > 1}
    assert len(mixed) <= 6, mixed
    assert flags.kind_and_flag(445000001) == ("ship", "KP")
    assert identity.vessel_id(2190047) == "002190047"


def test_ever_given(shared: Path) -> None:
    ais = shared / "data/ais"
    made = run([ais / "tracks/evergiven_boat-positions.csv"], gazetteer=ais / "gazetteer/wpi_ports.csv", bucket_bits=2)
    visits = made.tables["port_visits"]
    assert made.positions == 22287
    # 256 identifiers, of which the most lie in Suez Bay or Port Said at some time
    assert {"AS SUWAYS (EGY)", "BUR SAID (PORT SAID) (EGY)"} <= set(visits.column("place").to_pylist())
    assert made.faults == 0
    drops = {r["reason"]: r["count"] for r in made.tables["drops"].to_pylist()}
    assert drops["exact duplicate"] > 100


def test_the_case_places_always_count(shared: Path) -> None:
    wpi = shared / "data/ais/gazetteer/wpi_ports.csv"
    case = see.PLACES.build(
        [{"place": "Dunay", "kind": "port", "role": "destination", "lat": 42.88, "lon": 132.34, "source_id": "s"}]
    )
    known = gather(wpi, case)
    assert known.names()[0] == "Dunay"
    assert any(n.startswith("NAJIN") for n in known.names())
    assert known.from_case == {"Dunay"}
    for file in ("searoute_ports.geojson", "npm_sea-ports_0.0.9.json"):
        assert len(gather(shared / "data/ais/gazetteer" / file)) > 1500
