"""Reports of one event stand together, ships keep apart, detections find their tracks."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from tumen.sightings import ais_looks, match, merge_reports, within_berths
from tumen.tables import LOOKS, PLACES, SIGHTINGS

NOON = dt.datetime(2023, 10, 19, 12, tzinfo=dt.UTC)


def sighting(name: str, hours: float = 0.0, **cells: object) -> dict[str, object]:
    start = NOON + dt.timedelta(hours=hours)
    base = {
        "sighting_id": name, "place": "Najin", "start": start, "end": start + dt.timedelta(hours=6), "what": "vessel",
        "confidence": 0.9, "origin": "reported", "report_ids": [name], "published": dt.date(2023, 10, 20),
        "source_ids": [f"s-{name}"], "evidence_id": f"e-{name}",
    }  # fmt: skip
    return base | cells


def merged(*rows: dict[str, object]) -> list[dict[str, object]]:
    return merge_reports(SIGHTINGS.build(list(rows))).to_pylist()


def test_two_retellings_of_one_ship_are_one_event_no_surer_than_the_best() -> None:
    rows = merged(sighting("voa", length_m=115.0), sighting("nkpro", vessel="Lady R", p_vessel=0.8, confidence=0.95))
    assert len(rows) == 1
    assert rows[0]["vessel"] == "Lady R"
    assert rows[0]["length_m"] == 115.0
    assert rows[0]["confidence"] == 0.95
    assert rows[0]["report_ids"] == ["nkpro", "voa"]
    assert rows[0]["parents"] == ["e-nkpro", "e-voa"]
    assert rows[0]["source_ids"] == ["s-nkpro", "s-voa"]


@pytest.mark.parametrize(
    "other",
    [
        sighting("b", vessel="Maria"),
        sighting("b", length_m=135.0),
        sighting("b", berth="3"),
        sighting("b", place="Dunay"),
        sighting("b", hours=40.0, vessel="Angara"),
        sighting("b", what="stack"),
        sighting("b", source_ids=["s-a"]),
    ],
)
def test_reports_that_contradict_each_other_stay_apart(other: dict[str, object]) -> None:
    first = sighting("a", vessel="Angara", length_m=120.0, berth="2")
    assert len(merged(first, other)) == 2


def test_a_chain_of_near_fits_does_not_tie_two_ships_together() -> None:
    rows = merged(sighting("a", length_m=105.0), sighting("b", length_m=115.0), sighting("c", length_m=125.0))
    assert len(rows) == 2


def test_merging_does_not_depend_on_the_order_of_rows() -> None:
    rows = [sighting("a", length_m=105.0), sighting("b", vessel="Maria"), sighting("c", hours=30, vessel="Maria")]
    assert merged(*rows) == merged(*reversed(rows))


def detections(*cells: tuple[float, float, float]) -> pa.Table:
    return pa.table(
        {
            "detection_id": [f"d{i}" for i in range(len(cells))],
            "time": pa.array([NOON] * len(cells), pa.timestamp("us", tz="UTC")),
            "lat": [c[0] for c in cells],
            "lon": [c[1] for c in cells],
            "length_m": [c[2] for c in cells],
        }
    )


def track(
    mmsi: str, lat: float, lon: float, length: float, minutes: tuple[int, ...] = (-10, 10)
) -> list[dict[str, object]]:
    return [
        {"mmsi": mmsi, "time": NOON + dt.timedelta(minutes=m), "lat": lat + m * 1e-4, "lon": lon, "length_m": length}
        for m in minutes
    ]


def positions(*tracks: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist([row for t in tracks for row in t]).cast(
        pa.schema(
            [
                ("mmsi", pa.string()), ("time", pa.timestamp("us", tz="UTC")), ("lat", pa.float64()),
                ("lon", pa.float64()), ("length_m", pa.float64()),
            ]
        )
    )  # fmt: skip


def test_a_ship_without_a_track_among_ships_with_tracks_is_dark() -> None:
    seen = detections((42.0, 131.0, 120.0), (42.2, 131.0, 110.0))
    rows = match(seen, positions(track("273000001", 42.0, 131.0, 122.0))).to_pylist()
    assert [r["state"] for r in rows] == ["matched", "dark"]
    assert rows[0]["mmsi"] == "273000001"
    assert rows[0]["distance_m"] < 5
    assert rows[0]["probability"] > 0.95


def test_length_decides_between_two_ships_side_by_side() -> None:
    seen = detections((42.0, 131.0, 200.0), (42.001, 131.0, 60.0))
    tracks = positions(track("1", 42.0005, 131.0, 60.0), track("2", 42.0005, 131.0, 200.0))
    assert [r["mmsi"] for r in match(seen, tracks).to_pylist()] == ["2", "1"]


def test_one_track_is_not_given_to_two_ships() -> None:
    seen = detections((42.0, 131.0, 120.0), (42.0003, 131.0, 120.0))
    rows = match(seen, positions(track("9", 42.0, 131.0, 120.0))).to_pylist()
    assert sorted(r["state"] for r in rows) == ["dark", "matched"]


def test_without_ais_nearby_nothing_is_called_dark() -> None:
    seen = detections((42.0, 131.0, 120.0))
    far = positions(track("9", 10.0, 100.0, 120.0))
    late = positions(track("9", 42.0, 131.0, 120.0, minutes=(600, 610)))
    for tracks in (far, late, far.slice(0, 0)):
        assert match(seen, tracks).to_pylist()[0]["state"] == "not_covered"


def test_crowded_water_lowers_the_certainty() -> None:
    seen = detections((42.0, 131.0, 120.0))
    near = track("1", 42.0, 131.0, 120.0)
    alone = match(seen, positions(near)).to_pylist()[0]["probability"]
    rivals = [track(str(i), 42.0 + 2e-4 * i, 131.0, 120.0) for i in range(2, 6)]
    crowded = match(seen, positions(near, *rivals)).to_pylist()[0]["probability"]
    assert crowded < alone
    assert np.isfinite(crowded)


def test_only_positions_near_an_image_are_kept_from_a_stream() -> None:
    from tumen.sightings import near_images

    seen = detections((42.0, 131.0, 120.0))
    times = [NOON + dt.timedelta(hours=h) for h in (-30, -1, 0, 1, 30)]
    batch = pa.record_batch(
        {
            "vessel": pa.array([273000001] * 5, pa.int64()),
            "t": pa.array(times, pa.timestamp("us", tz="UTC")),
            "lat": [42.0] * 5,
            "lon": [131.0] * 5,
        }
    )
    kept = near_images([batch, batch.slice(0, 1)], seen)
    assert kept.column("time").to_pylist() == times[1:4]
    assert match(seen, kept).to_pylist()[0]["mmsi"] == "273000001"
    assert near_images([], seen).num_rows == 0


def test_more_ships_in_a_scene_than_a_port_has_berths_are_told_as_at_least_one() -> None:
    place = {"kind": "port", "role": "origin", "source_id": "s", "evidence_id": "e", "parents": []}
    places = PLACES.build([place | {"place": "Najin", "berths": 1}, place | {"place": "Pier", "part_of": "Najin"}])
    row = {
        "start": NOON, "end": NOON, "sensor": "Sentinel-2", "collector": "Sentinel-2", "usable_share": 1.0,
        "vessel_present": True, "count_reading": "at_least", "published": NOON.date(), "origin": "image",
        "source_ids": [], "evidence_id": "e", "parents": [],
    }  # fmt: skip
    looks = LOOKS.build(
        [
            row | {"look_id": "port", "place": "Najin", "vessel_count": 3, "note": "5 candidates"},
            row | {"look_id": "pier", "place": "Pier", "vessel_count": 2},
            row | {"look_id": "fits", "place": "Najin", "vessel_count": 1},
        ]
    )
    told = within_berths(looks, places, 2).to_pylist()
    assert [r["vessel_count"] for r in told] == [1, 1, 1]
    assert told[0]["count_reading"] == "at_least"
    assert told[0]["note"].startswith("5 candidates; 3 ships found at Najin, more than the port has berths")
    assert told[2] == looks.to_pylist()[2]


def test_a_visit_by_ais_is_worded_as_the_table_of_looks_says() -> None:
    rows = ais_looks(SIGHTINGS.build([sighting("a", state="berthed")])).to_pylist()
    assert rows[0]["count_reading"] in ("exactly", "at_least")
    assert rows[0]["count_reading"] == "at_least"
