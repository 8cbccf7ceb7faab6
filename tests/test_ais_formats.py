"""Public and vendor formats as they are published: samples after each format's own description, and real rows rewritten."""

from __future__ import annotations

import bz2
import csv
import datetime as dt
import gzip
import json
import lzma
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("numba")
shapely = pytest.importorskip("shapely")
zstandard = pytest.importorskip("zstandard")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tumen.ais import archives  # noqa: E402
from tumen.ais.pipeline import run  # noqa: E402
from tumen.ais.reasons import Drops  # noqa: E402

NOON = dt.datetime(2024, 2, 28, 12, 0, tzinfo=dt.UTC)


def positions(path: Path) -> list[dict[str, object]]:
    drops: list[Drops] = []
    batches = list(archives.read([path], None, drops))
    assert not [r for d in drops for r in d.listing() if r["fault"]]
    return pa.Table.from_batches(batches).drop(["at", "archive"]).to_pylist()


def identities(path: Path) -> list[dict[str, object]]:
    return archives.read_identities([path]).to_pylist()


# From 2025 on: lower case, longitude before latitude, no 'T' in the time, a file a day as .csv.zst; and GeoParquet.
NEW_NAMES = {
    "MMSI": "mmsi", "BaseDateTime": "base_date_time", "LON": "longitude", "LAT": "latitude", "SOG": "sog", "COG": "cog",
    "Heading": "heading", "VesselName": "vessel_name", "IMO": "imo", "CallSign": "call_sign", "VesselType": "vessel_type",
    "Status": "status", "Length": "length", "Width": "width", "Draft": "draft", "Cargo": "cargo",
    "TransceiverClass": "transceiver",
}  # fmt: skip


def test_marinecadastre_old_rows_read_the_same_as_csv_zst_and_geoparquet_of_2026(shared: Path, tmp_path: Path) -> None:
    old = shared / "data/ais/marinecadastre/noaa_sample_2023.csv"
    with old.open(newline="", encoding="utf-8-sig") as file:
        rows = [{NEW_NAMES[k]: v for k, v in row.items()} for row in csv.DictReader(file)]
    for row in rows:
        row["base_date_time"] = row["base_date_time"].replace("T", " ")
    text = tmp_path / "text.csv"
    with text.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(NEW_NAMES.values()))
        writer.writeheader()
        writer.writerows(rows)
    packed = tmp_path / "ais-2023-01-11.csv.zst"
    packed.write_bytes(zstandard.ZstdCompressor().compress(text.read_bytes()))

    def column(name: str, kind: pa.DataType) -> pa.Array:
        read = {pa.int64(): lambda v: int(float(v)), pa.float64(): float, pa.string(): str}[kind]
        return pa.array([read(r[name]) if r[name] else None for r in rows], kind)

    points = shapely.to_wkb(shapely.points([[float(r["longitude"]), float(r["latitude"])] for r in rows]))
    when = [dt.datetime.fromisoformat(r["base_date_time"]) for r in rows]
    geo = pa.table(
        {
            "mmsi": column("mmsi", pa.int64()), "base_date_time": pa.array(when, pa.timestamp("us")),
            **{n: column(n, pa.float64()) for n in ("sog", "cog", "heading", "length", "width", "draft")},
            **{n: column(n, pa.string()) for n in ("vessel_name", "imo", "call_sign", "transceiver")},
            **{n: column(n, pa.int64()) for n in ("vessel_type", "status", "cargo")},
            "geometry": pa.array(list(points), pa.binary()),
        }
    )  # fmt: skip
    note = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}},
    }
    parquet = tmp_path / "ais-2023-01-11.parquet"
    pq.write_table(geo.replace_schema_metadata({"geo": json.dumps(note)}), parquet)

    told = positions(old)
    assert len(told) == 1000
    assert positions(packed) == told
    assert positions(parquet) == told
    assert identities(packed) == identities(old)
    assert {
        (r["vessel"], r["name"], r["imo"], r["call_sign"], r["ship_type"], r["draught_m"]) for r in identities(parquet)
    } == {(r["vessel"], r["name"], r["imo"], r["call_sign"], r["ship_type"], r["draught_m"]) for r in identities(old)}


LOCATION = {
    "mmsi": 273413400, "type": "Feature", "geometry": {"type": "Point", "coordinates": [130.3, 42.24]},
    "properties": {"mmsi": 273413400, "sog": 7.1, "cog": 12.5, "navStat": 5, "rot": 0, "posAcc": True, "raim": False,
                   "heading": 511, "timestamp": 59, "timestampExternal": 1709121600123},
}  # fmt: skip
VESSEL = {
    "name": "ANGARA", "timestamp": 1709121600000, "mmsi": 273413400, "callSign": "UBCD3", "imo": 9179842, "shipType": 70,
    "draught": 55, "eta": 416128, "posType": 1, "referencePointA": 100, "referencePointB": 20, "referencePointC": 9,
    "referencePointD": 8, "destination": "VOSTOCHNY",
}  # fmt: skip


def test_digitraffic_locations_and_vessels(tmp_path: Path) -> None:
    places, ships = tmp_path / "locations.json", tmp_path / "vessels.json"
    places.write_text(
        json.dumps({"type": "FeatureCollection", "dataUpdatedTime": "2024-02-28T12:00:01Z", "features": [LOCATION]})
    )
    ships.write_text(json.dumps([VESSEL]))
    (row,) = positions(places)
    assert (row["vessel"], row["t"], row["lat"], row["lon"]) == (
        273413400, NOON + dt.timedelta(milliseconds=123), 42.24, 130.3
    )  # fmt: skip
    assert (row["sog_kn"], row["cog_deg"], row["heading_deg"], row["status"]) == (pytest.approx(7.1), 12.5, None, 5)
    (who,) = identities(ships)
    assert (who["vessel"], who["name"], who["call_sign"], who["imo"], who["ship_type"]) == (
        273413400, "ANGARA", "UBCD3", 9179842, 70
    )  # fmt: skip
    # told in decimetres
    assert (who["draught_m"], who["destination"]) == (5.5, "VOSTOCHNY")
    assert (who["bow_m"], who["stern_m"], who["port_m"], who["starboard_m"]) == (100, 20, 9, 8)
    made = run([places, ships], bucket_bits=1, latest_us=2**62)
    assert made.faults == 0
    (identity,) = made.tables["identities"].to_pylist()
    assert (identity["name"], identity["draught_m"], identity["imo_valid"]) == ("ANGARA", 5.5, True)


EXACT_HEADER = (
    "MMSI,Message_ID,Repeat_indicator,Time,Millisecond,Region,Country,Base_station,Online_data,Group_code,Sequence_ID,"
    "Channel,Data_length,Vessel_Name,Call_sign,IMO,Ship_Type,Dimension_to_Bow,Dimension_to_stern,Dimension_to_port,"
    "Dimension_to_starboard,Draught,Destination,AIS_version,Navigational_status,ROT,SOG,Accuracy,Longitude,Latitude,COG,Heading"
)


def test_exactearth_messages_of_several_types(tmp_path: Path) -> None:
    """Positions in one row, identity in another, as the satellite heard them; a base station and a fix that is none."""
    rows = [
        "273413400,1,0,20240228_120000,250,,RU,,,,,A,28,,,,,,,,,,,,0,0,7.1,1,130.3,42.24,12.5,13",
        "273413400,5,0,20240228_120100,0,,RU,,,,,A,71,ANGARA,UBCD3,9179842,70,100,20,9,8,5.5,VOSTOCHNY,0,,,,,,,,",
        "273413400,3,0,20240228_120200,0,,RU,,,,,B,28,,,,,,,,,,,,15,-128,102.3,0,181,91,360,511",
        "2190047,4,0,20240228_120300,0,,DK,,,,,A,28,,,,,,,,,,,,,,,1,12.0,56.0,,",
    ]
    path = tmp_path / "exactearth.csv"
    path.write_text("\n".join([EXACT_HEADER, *rows]) + "\n")
    first, *_ = positions(path)
    assert (first["t"], first["lat"], first["lon"]) == (NOON + dt.timedelta(milliseconds=250), 42.24, 130.3)
    assert (first["sog_kn"], first["status"], first["message_type"]) == (pytest.approx(7.1), 0, 1)
    (who,) = [r for r in identities(path) if r["name"]]
    assert (who["imo"], who["name"], who["call_sign"], who["draught_m"], who["destination"]) == (
        9179842, "ANGARA", "UBCD3", 5.5, "VOSTOCHNY"
    )  # fmt: skip
    made = run([path], bucket_bits=1)
    told = {r["reason"]: (r["count"], r["fault"]) for r in made.tables["drops"].to_pylist()}
    assert told == {"no position": (2, False), "not a vessel": (1, False)}


def test_tacsat_of_two_vessels(tmp_path: Path) -> None:
    """Tab or comma, quoted or not, identifiers in letters, courses as headings; day and clock in two columns."""
    rows = [
        ("NLD", f"NLD_{v}", f"{51.4 + k / 100:.2f}", "3.5", "28/02/2024", f"{12 + k:02d}:30:15", "4.2", "90")
        for v in (1, 2)
        for k in range(4)
    ]
    header = ("VE_COU", "VE_REF", "SI_LATI", "SI_LONG", "SI_DATE", "SI_TIME", "SI_SP", "SI_HE")
    read = []
    for name, delimiter, quote in (("a.csv", ",", ""), ("b.csv", ",", '"'), ("c.txt", "\t", "")):
        path = tmp_path / name
        path.write_text(
            "".join(delimiter.join(f"{quote}{cell}{quote}" for cell in row) + "\n" for row in [header, *rows])
        )
        read.append(positions(path))
        assert {r["ident"] for r in identities(path)} == {"NLD_1", "NLD_2"}
    assert read[0] == read[1] == read[2]
    assert [r["t"] for r in read[0][:4]] == [NOON + dt.timedelta(hours=k, minutes=30, seconds=15) for k in range(4)]
    assert all(r["sog_kn"] == pytest.approx(4.2) and r["cog_deg"] == 90.0 for r in read[0])
    made = run([tmp_path / "a.csv"], bucket_bits=1, positions=True, out=tmp_path / "out")
    held = pa.concat_tables([pq.read_table(p) for p in (tmp_path / "out/positions").glob("*.parquet")])
    assert sorted(set(held.column("vessel_id").to_pylist())) == ["NLD_1", "NLD_2"]
    assert made.faults == 0


WHOLE = {
    "table.csv": "mmsi,timestamp,lat,lon,sog,name\n" + "".join(f"27341340{k % 3},{1709121600 + 60 * k},42.{k:03d},130.3,7.1,A\n" for k in range(60)),
    "log.nmea": "".join(f"\\c:{1709121600 + k}*00\\!AIVDM,1,1,,A,15M67FC000G?ufbE`FepT@3n00Sa,0*5F\n" for k in range(30)),
    "locations.json": json.dumps({"type": "FeatureCollection", "features": [LOCATION] * 5}),
    "vessels.jsonl": "\n".join(json.dumps(VESSEL) for _ in range(5)),
}  # fmt: skip
PACKED = {
    "plain": lambda raw: raw, "gz": gzip.compress, "bz2": bz2.compress, "zst": zstandard.ZstdCompressor().compress, "xz": lzma.compress,
    "utf-16": lambda raw: raw.decode("utf-8", "replace").encode("utf-16"),
}  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.sampled_from(sorted(WHOLE)), st.sampled_from(sorted(PACKED)), st.data())
def test_no_damage_to_an_archive_breaks_a_run(tmp_path: Path, name: str, packing: str, data: st.DataObject) -> None:
    """Bytes flipped, cut out and put in, before and after packing: the run ends, and says what it could not read."""

    def damaged(raw: bytes) -> bytes:
        for _ in range(data.draw(st.integers(0, 2))):
            a = data.draw(st.integers(0, max(0, len(raw) - 1)))
            b = min(len(raw), a + data.draw(st.integers(0, 40)))
            raw = raw[:a] + data.draw(st.binary(max_size=20)) + raw[b:]
        return raw

    path = tmp_path / name
    path.write_bytes(damaged(PACKED[packing](damaged(WHOLE[name].encode()))))
    made = run([path], bucket_bits=0, pairs=False, latest_us=2**62)
    told = made.tables["drops"].to_pylist()
    assert made.faults == sum(r["count"] for r in told if r["fault"])
    # either something was read, or it is said why nothing was
    assert made.positions or made.tables["identities"].num_rows or told


def test_a_parquet_footer_with_bytes_that_are_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"mmsi": [1], "timestamp": [1709121600], "lat": [1.0], "lon": [2.0], "remarks": ["A"]}), path
    )
    path.write_bytes(path.read_bytes().replace(b"remarks", b"\xf0emarks"))
    made = run([path], bucket_bits=0)
    assert {r["reason"] for r in made.tables["drops"].to_pylist()} <= {"cannot be read", "archive breaks off"}
    assert made.faults == 1


FIFTY: dict[str, Any] = {
    "mmsi": [273413400] * 50, "timestamp": [1709121600 + 60 * k for k in range(50)], "lat": [42.0 + k / 1000 for k in range(50)],
    "lon": [130.3] * 50, "sog": [7.5] * 50,
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "values", "rows", "told"),
    [
        ("mmsi", pa.array([b"273413400"] * 50), 50, None),
        ("mmsi", pa.array(["273413400"] * 50).dictionary_encode(), 50, None),
        ("mmsi", pa.array([Decimal(273413400)] * 50), 50, None),
        ("lat", pa.array([Decimal("42.5")] * 50), 50, None),
        ("timestamp", pa.array([NOON.date()] * 50), 50, None),
        ("timestamp", pa.array([NOON] * 50).cast(pa.timestamp("ns", "Asia/Seoul")), 50, None),
        ("mmsi", pa.array([2**63] * 25 + [273413400] * 25, pa.uint64()), 25, ("no vessel", 25, None)),
        ("mmsi", pa.array([-5] * 25 + [273413400] * 25), 25, ("no vessel", 25, None)),
        ("mmsi", pa.array([-5.0, float("nan")] + [273413400.0] * 48), 48, ("no vessel", 2, None)),
        ("lat", pa.array([{"deg": 1.0}] * 50), 0, ("missing column", 1, "column lat holds struct<deg: double>, expected numbers")),
        ("timestamp", pa.array([True] * 50), 0, ("missing column", 1, "column timestamp holds bool, expected times, numbers or text")),
        ("sog", pa.array([{"kn": 7.5}] * 50), 50, ("missing column", 1, "column sog holds struct<kn: double>, expected numbers")),
    ],
)  # fmt: skip
def test_parquet_columns_of_other_types_are_read_or_named(
    tmp_path: Path, column: str, values: pa.Array, rows: int, told: tuple[str, int, str | None] | None
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({**FIFTY, column: values}), path)
    made = run([path], bucket_bits=0, latest_us=2**62)
    assert made.positions == rows
    found = [(r["reason"], r["count"], r["note"]) for r in made.tables["drops"].to_pylist() if r["fault"]]
    assert found == ([told] if told else [])


def test_a_parquet_column_that_stands_twice_is_named(tmp_path: Path) -> None:
    whole = pa.table(FIFTY)
    for name, rows in (("lat", 0), ("sog", 50)):
        pq.write_table(whole.append_column(name, whole.column(name)), tmp_path / "a.parquet")
        made = run([tmp_path / "a.parquet"], bucket_bits=0, latest_us=2**62)
        assert (made.positions, made.faults) == (rows, 1)
        assert f"column {name} stands 2 times" in {r["note"] for r in made.tables["drops"].to_pylist()}


def test_a_zip_without_files_is_an_empty_archive(tmp_path: Path) -> None:
    zipfile.ZipFile(tmp_path / "a.zip", "w").close()
    made = run([tmp_path / "a.zip"], bucket_bits=0)
    assert [r["reason"] for r in made.tables["drops"].to_pylist()] == ["empty archive"]


KEYS = st.sampled_from(["type", "mmsi", "timestamp", "timestampExternal", "lat", "lon", "geometry", "coordinates", "properties", "features", "name", "a"])  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["Feature", 1709121600])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=20
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, st.booleans(), st.integers(0, 200))
def test_no_json_breaks_a_run(tmp_path: Path, value: object, lines: bool, cut: int) -> None:
    """Any value, whole or broken off, alone or behind a good line: the good line is read, the rest is named or read."""
    good = json.dumps({"mmsi": 273413400, "timestamp": 1709121600, "lat": 42.0, "lon": 130.3})
    text = json.dumps(value)
    path = tmp_path / "a.json"
    path.write_text(f"{good}\n{text}\n" if lines else text[: max(0, len(text) - cut)])
    drops: list[Drops] = []
    batches = list(archives.read([path], None, drops))
    told = [r for d in drops for r in d.listing()]
    if lines:
        assert sum(b.num_rows for b in batches) >= 1
    else:
        assert batches or told
