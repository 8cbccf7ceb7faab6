"""Archives of every format, and everything that can be wrong with them: read, counted, named."""

from __future__ import annotations

import bz2
import csv
import datetime as dt
import gzip
import json
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("numba")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tumen.ais import archives, delimited, reasons, shuffle, streams
from tumen.ais.columns import Mapping
from tumen.ais.fields import read_instant
from tumen.ais.pipeline import run
from tumen.ais.places import Places, Shape
from tumen.ais.reasons import Drops
from tumen.simulate.ais import DANISH_HEADER

NOON = dt.datetime(2024, 2, 28, 12, 0, tzinfo=dt.UTC)


def read(path: Path | str, mapping: Mapping | None = None) -> tuple[pa.Table, dict[str, int]]:
    drops: list[Drops] = []
    batches = list(archives.read([path], mapping, drops))
    table = pa.Table.from_batches(batches) if batches else pa.table({"vessel": []})
    return table, {r["reason"]: r["count"] for d in drops for r in d.listing()}


def put(folder: Path, name: str, data: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


DANISH = (
    f"{DANISH_HEADER}\n"
    "28/02/2024 12:00:00,Class A,273413400,42.240000,130.300000,Under way using engine,0.0,7.1,12.5,13,9179842,UBCD3,"
    "ANGARA,Cargo,,17,120,GPS,5.5,VOSTOCHNY,,AIS,100,20,9,8\n"
    "28/02/2024 12:00:00,Base Station,2190047,56.0,12.0,Unknown value,,,,,Unknown,,,Undefined,,,,,,Unknown,,AIS,,,,\n"
    "28/02/2024 12:01:00,Class A,273413400,91.000000,0.000000,Moored,,102.3,360.0,511,9179842,UBCD3,ANGARA,Cargo,,17,120,"
    "GPS,5.5,VOSTOCHNY,,AIS,100,20,9,8\n"
)

VENDORS = {
    "danish.csv": DANISH,
    "marinecadastre_old.csv": (
        "MMSI,BaseDateTime,LAT,LON,SOG,COG,Heading,VesselName,IMO,CallSign,VesselType,Status,Length,Width,Draft,Cargo,"
        "TransceiverClass\n273413400,2024-02-28T12:00:00,42.24,130.3,7.1,12.5,13,ANGARA,IMO9179842,UBCD3,70,0,120,17,5.5,70,A\n"
    ),
    "marinecadastre_2026.csv": (
        "mmsi,base_date_time,longitude,latitude,sog,cog,heading,vessel_name,imo,call_sign,vessel_type,status,length,width,"
        "draft,cargo,transceiver\n273413400,2024-02-28 12:00:00,130.3,42.24,7.1,12.5,13,ANGARA,IMO9179842,UBCD3,70,0,120,17,"
        "5.5,70,A\n"
    ),
    "exactearth.csv": (
        "MMSI,Message_ID,Repeat_indicator,Time,Millisecond,Region,Country,Base_station,Online_data,Group_code,Sequence_ID,"
        "Channel,Data_length,Vessel_Name,Call_sign,IMO,Ship_Type,Dimension_to_Bow,Dimension_to_stern,Dimension_to_port,"
        "Dimension_to_starboard,Draught,Destination,AIS_version,Navigational_status,ROT,SOG,Accuracy,Longitude,Latitude,COG,Heading\n"
        "273413400,1,0,20240228_120000,0,,RU,,,,,A,28,ANGARA,UBCD3,9179842,70,100,20,9,8,5.5,VOSTOCHNY,0,0,0,7.1,1,130.3,42.24,12.5,13\n"
    ),
    "spire.csv": (
        "timestamp,mmsi,msg_type,latitude,longitude,speed,course,heading,status,imo,name,call_sign,ship_type,draught,destination,"
        "to_bow,to_stern,to_port,to_starboard\n2024-02-28T12:00:00.000Z,273413400,1,42.24,130.3,7.1,12.5,13,0,9179842,ANGARA,"
        "UBCD3,70,5.5,VOSTOCHNY,100,20,9,8\n"
    ),
    "semicolon.csv": "MMSI;Zeit;Latitude;Longitude;SOG;timestamp\n273413400;x;42,24;130,3;7,1;28.02.2024 12:00:00\n",
    "unix.csv": "mmsi,timestamp,lat,lon,sog\n273413400,1709121600,42.24,130.3,7.1\n",
    "quoted.csv": '"mmsi","timestamp","lat","lon","sog","name"\n"273413400","2024-02-28T14:00:00+02:00","42.24","130.3","7.1","A, B"\n',
    "bom.csv": "\ufeffmmsi,timestamp,lat,lon,sog\r\n273413400,2024-02-28T12:00:00Z,42.24,130.3,7.1\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(VENDORS))
def test_vendor_tables(tmp_path: Path, name: str) -> None:
    table, _ = read(put(tmp_path, name, VENDORS[name]))
    row = table.slice(0, 1).to_pylist()[0]
    assert (row["vessel"], row["t"], row["lat"], row["lon"]) == (273413400, NOON, 42.24, 130.3)
    assert row["sog_kn"] == pytest.approx(7.1)
    if name in ("danish.csv", "marinecadastre_old.csv", "marinecadastre_2026.csv", "exactearth.csv", "spire.csv"):
        assert (row["cog_deg"], row["heading_deg"], row["status"], row["message_type"]) == (12.5, 13, 0, 1)
        who = archives.read_identities([tmp_path / name]).to_pylist()[0]
        assert (who["imo"], who["name"], who["call_sign"], who["ship_type"]) == (9179842, "ANGARA", "UBCD3", 70)
        assert who["draught_m"] == 5.5
        assert who["bow_m"] + who["stern_m"] == 120
        assert who["port_m"] + who["starboard_m"] == 17


def test_sentinels_become_null(tmp_path: Path) -> None:
    table, drops = read(put(tmp_path, "a.csv", DANISH))
    last = table.to_pylist()[-1]
    assert (last["sog_kn"], last["cog_deg"], last["heading_deg"]) == (None, None, None)
    counted = Drops()
    kept = archives.usable(_positions(table), counted, 2**62)
    assert len(kept) == 1
    assert {r["reason"]: r["count"] for r in counted.listing()} == {"not a vessel": 1, "no position": 1}
    assert not drops


def _positions(table: pa.Table) -> archives.Positions:
    made = archives.Positions.nulls(table.num_rows)
    made.vessel = table.column("vessel").to_numpy()
    made.t = table.column("t").cast(pa.int64()).to_numpy()
    made.lat = np.rint(table.column("lat").to_numpy() * 1e7).astype(np.int32)
    made.lon = np.rint(table.column("lon").to_numpy() * 1e7).astype(np.int32)
    made.kind = table.column("message_type").fill_null(0).to_numpy().astype(np.uint8)
    return made


@pytest.mark.parametrize(
    "how", ["gzip", "zstd", "bz2", "zip", "parquet", "geoparquet", "json", "jsonl", "utf16", "memory"]
)
def test_containers(tmp_path: Path, how: str) -> None:
    text = VENDORS["unix.csv"] + "273413401,1709121660,42.25,130.31,7.2\n"
    plain = pa.table(
        {
            "mmsi": [273413400, 273413401], "timestamp": pa.array([NOON, NOON + dt.timedelta(minutes=1)]),
            "lat": [42.24, 42.25], "lon": [130.3, 130.31], "sog": [7.1, 7.2],
        }
    )  # fmt: skip
    path: Path | str = tmp_path / "archive"
    if how == "gzip":
        # two members one after the other, as log rotation leaves them
        first, second = text[:50].encode(), text[50:].encode()
        put(tmp_path, "archive", gzip.compress(first) + gzip.compress(second))
    elif how == "zstd":
        import zstandard

        put(tmp_path, "archive", zstandard.ZstdCompressor().compress(text.encode()))
    elif how == "bz2":
        put(tmp_path, "archive", bz2.compress(text.encode()))
    elif how == "zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("inside/a.csv", text)
    elif how == "parquet":
        pq.write_table(plain, path)
    elif how == "geoparquet":
        import shapely

        points = shapely.to_wkb(shapely.points([130.3, 130.31], [42.24, 42.25]))
        geo = plain.drop(["lat", "lon"]).append_column("geometry", pa.array(list(points), pa.binary()))
        note = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}
        pq.write_table(geo.replace_schema_metadata({"geo": json.dumps(note)}), path)
    elif how == "json":
        features = [
            {"type": "Feature", "mmsi": m, "geometry": {"type": "Point", "coordinates": [x, y]},
             "properties": {"mmsi": m, "sog": s, "timestamp": 59, "timestampExternal": 1709121600000 + k * 60000}}
            for k, (m, x, y, s) in enumerate([(273413400, 130.3, 42.24, 7.1), (273413401, 130.31, 42.25, 7.2)])
        ]  # fmt: skip
        put(tmp_path, "archive", json.dumps({"type": "FeatureCollection", "features": features}))
    elif how == "jsonl":
        rows = [{"mmsi": 273413400, "time": 1709121600, "lat": 42.24, "lon": 130.3, "sog": 7.1},
                {"mmsi": 273413401, "time": 1709121660, "lat": 42.25, "lon": 130.31, "sog": 7.2}]  # fmt: skip
        put(tmp_path, "archive", "\n".join(json.dumps(r) for r in rows) + '\n{"mmsi": 1, "ti')
    elif how == "utf16":
        put(tmp_path, "archive", text.encode("utf-16"))
    else:
        import fsspec

        with fsspec.open("memory://store/archive.csv", "wb") as file:
            file.write(text.encode())
        path = "memory://store/archive.csv"
    table, drops = read(path)
    assert [(r["vessel"], r["lat"], r["lon"], r["t"]) for r in table.to_pylist()] == [
        (273413400, 42.24, 130.3, NOON), (273413401, 42.25, 130.31, NOON + dt.timedelta(minutes=1))
    ]  # fmt: skip
    assert drops == {"jsonl": {"half line": 1}, "utf16": {"wrong encoding": 1}}.get(how, {})


def test_tacsat_and_names_for_vessels(tmp_path: Path) -> None:
    text = (
        "VE_COU,VE_REF,SI_LATI,SI_LONG,SI_DATE,SI_TIME,SI_SP,SI_HE\nATL,ATL_1/a,42.24,130.3,28/02/2024,12:00,7.1,12.5\n"
    )
    path = put(tmp_path, "tacsat.csv", text)
    table, _ = read(path)
    row = table.to_pylist()[0]
    assert (row["t"], row["lat"], row["sog_kn"]) == (NOON, 42.24, pytest.approx(7.1))
    assert row["vessel"] < 0
    assert archives.read_identities([path]).to_pylist()[0]["ident"] == "ATL_1/a"
    from tumen.ais.records import named

    assert named("ATL_1/a") == row["vessel"]


def test_vms_of_shifted_years_is_read(tmp_path: Path) -> None:
    lines = ["VE_COU,VE_REF,SI_LATI,SI_LONG,SI_DATE,SI_TIME,SI_SP,SI_HE"]
    for hour in range(24):
        lines.append(
            f"ATL,{1 + hour % 2},51.4{hour:02d},3.5,{1 + hour // 12}/01/1801,{hour % 12 * 2:02d}:00,{hour % 3},90"
        )
    made = run([put(tmp_path, "tacsat.csv", "\n".join(lines))], bucket_bits=1)
    assert made.positions == 24
    assert not made.tables["drops"].num_rows
    assert made.faults == 0


def test_any_table_by_mapping(tmp_path: Path) -> None:
    path = put(tmp_path, "odd.txt", "note\n02/28/2024 21:00:00|x|130.3|42.24|273413400|3.65\n")
    mapping = Mapping(
        columns={"time": 0, "lon": 2, "lat": 3, "vessel": 4, "sog": 5}, header=False, delimiter="|", month_first=True,
        zone_hours=9, speed_unit="m/s", skip_lines=1,
    )  # fmt: skip
    row = read(path, mapping)[0].to_pylist()[0]
    assert (row["vessel"], row["t"], row["lat"], row["lon"]) == (273413400, NOON, 42.24, 130.3)
    assert row["sog_kn"] == pytest.approx(7.095, abs=0.01)
    with pytest.raises(ValueError, match="no such role"):
        Mapping(columns={"boat": "x"})


ROW = "273413400,2024-02-28T12:00:00Z,42.24,130.3,7.1\n"
HEAD = "mmsi,timestamp,lat,lon,sog\n"


@pytest.mark.parametrize(
    ("data", "reason", "rows"),
    [
        (b"", "empty archive", 0),
        (HEAD.encode(), "empty archive", 0),
        (b"\n\n  \n", "empty archive", 0),
        (b"\x00\x01\x02\x03garbage" * 50, "unknown format", 0),
        (b"mmsi,time,lat\n1,2,3\n", "missing column", 0),
        ((HEAD + ROW + "273413400,2024-02-2").encode(), "half line", 1),
        ((HEAD + ROW.replace("42.24", "forty") + ROW).encode(), "unreadable number", 2),
        ((HEAD + ROW.replace("2024-02-28", "2024-02-31")).encode(), "unreadable number", 1),
        ((HEAD + "," + ROW[10:] + ROW).encode(), "no vessel", 1),
        ((HEAD.replace("sog", "name") + ROW.replace("7.1", "K\xd8BENHAVN")).encode("latin-1"), "wrong encoding", 1),
        (gzip.compress((HEAD + ROW * 5000).encode())[:-20], "archive breaks off", None),
        (gzip.compress((HEAD + ROW * 5000).encode())[:200] + b"\xff" * 100, "archive breaks off", None),
        (b"PK\x03\x04nonsense", "cannot be read", 0),
        (b"PAR1nonsense", "cannot be read", 0),
        (b"[{]", "unknown format", 0),
    ],
)
def test_bad_archives_are_named_and_the_rest_read(tmp_path: Path, data: bytes, reason: str, rows: int | None) -> None:
    table, drops = read(put(tmp_path, "bad", data))
    assert reason in drops, drops
    assert reasons.REASONS[reasons.CODE[reason]].fault
    if rows is not None:
        assert table.num_rows == rows


def test_broken_stream_keeps_what_came_before(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines = [f"273413400,{1709121600 + k},{42 + rng.random():.6f},{130 + rng.random():.6f},7.1\n" for k in range(20000)]
    whole = gzip.compress((HEAD + "".join(lines)).encode())
    table, drops = read(put(tmp_path, "a.csv.gz", whole[: len(whole) // 2]))
    assert 8000 < table.num_rows < 12000
    assert drops["archive breaks off"] == 1
    assert drops.get("half line", 0) <= 1


def test_a_missing_archive_does_not_stop_the_others(tmp_path: Path) -> None:
    drops: list[Drops] = []
    good = put(tmp_path, "a.csv", HEAD + ROW)
    batches = list(archives.read([tmp_path / "none.csv", good], drops=drops))
    assert sum(b.num_rows for b in batches) == 1
    assert [r["reason"] for d in drops for r in d.listing()] == ["cannot be read"]


def test_one_endless_line_costs_bounded_memory() -> None:
    class Endless:
        left = 200 << 20
        asked = 0

        def read(self, size: int) -> bytes:
            size = min(size, self.left)
            self.left -= size
            self.asked = max(self.asked, size)
            return b"x" * size

    stream = Endless()
    got = list(streams.pieces(stream, size=8 << 20))
    assert sum(p.long_lines for p in got) == 1
    assert max((len(p.buf) for p in got), default=0) < 32 << 20
    assert stream.asked <= 8 << 20


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(20, 300), st.integers(16, 64), st.booleans()
)  # fmt: skip
def test_cutting_loses_no_line(lengths: list[int], size: int, margin: int, ends: bool) -> None:
    import io

    text = b"\n".join(b"%d:" % k + b"a" * n for k, n in enumerate(lengths)) + (b"\n" if ends else b"")
    lines = [p.buf[p.own : p.stop].tobytes() for p in streams.pieces(io.BytesIO(text), size=size, margin=margin)]
    assert b"".join(lines) == text
    cut = list(range(0, len(text), size))
    parts = [
        p.buf[p.own : p.stop].tobytes()
        for start in cut
        for p in streams.pieces(io.BytesIO(text), start, min(len(text), start + size), size, margin)
    ]
    assert b"".join(parts) == text


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([ROW.encode(), b'"', b",,,,\n", b"\n", b"1e999,", b"-", b"\xff\xfe"]),
        ),
        max_size=25,
    )
)
def test_no_bytes_can_break_a_table(parts: list[bytes]) -> None:
    how = delimited.dialect(HEAD)
    raw = b"".join(parts)
    block = delimited.read_block(raw, how)
    left_out = block.counts[reasons.BLANK] + block.counts[reasons.HALF_LINE] + block.counts[reasons.NO_VESSEL]
    lines = raw.count(b"\n") + (0 if raw.endswith(b"\n") or not raw else 1)
    # every line is a row or counted
    assert block.lines == lines == len(block.positions) + left_out


@settings(max_examples=60, deadline=None)
@given(
    st.integers(820_540_800, 4_102_444_800).map(lambda s: dt.datetime.fromtimestamp(s + 0.25, dt.UTC)),
    st.sampled_from(
        ["%Y-%m-%dT%H:%M:%SZ", "%d/%m/%Y %H:%M:%S", "%Y%m%d_%H%M%S", "%Y%m%d%H%M%S", "%Y-%m-%d %H:%M:%S.%f"]
    ),
)
def test_times_agree_with_the_standard_library(when: dt.datetime, shape: str) -> None:
    when = when.replace(microsecond=when.microsecond if "%f" in shape else 0)
    expected = round(when.timestamp() * 1e6)
    assert read_instant(when.strftime(shape)) == expected


@settings(max_examples=100, deadline=None)
@given(st.floats(-200, 200), st.integers(0, 12))
def test_numbers_agree_with_python(value: float, places: int) -> None:
    text = f"{value:.{places}f}"
    block = delimited.read_block(f"1,1709121600,{text},0,0\n".encode(), delimited.dialect(HEAD))
    assert abs(int(block.positions.lat[0]) - float(text) * 1e7) <= 1


def moving(n: int = 400) -> archives.Positions:
    """A ship on a long curve off Denmark, where both coordinates are below 90."""
    pos = archives.Positions.nulls(n)
    pos.vessel[:] = 219000001
    pos.t = np.arange(n) * 60_000_000 + 1_709_121_600_000_000
    course = np.linspace(0, 300, n)
    step = 10 * 1852 / 60 / 111_195
    lat = 56 + np.cumsum(step * np.cos(np.radians(course)))
    lon = 10 + np.cumsum(step * np.sin(np.radians(course)) / np.cos(np.radians(56)))
    pos.lat, pos.lon = np.rint(lat * 1e7).astype(np.int32), np.rint(lon * 1e7).astype(np.int32)
    pos.sog[:] = 10
    pos.cog = np.append(course[1:], course[-1]).astype(np.float32)
    return pos


def test_swapped_columns_are_found_by_range_and_by_course() -> None:
    pos = moving()
    assert shuffle._order(pos) == (shuffle.AS_WRITTEN, "")
    pos.lat, pos.lon = pos.lon, pos.lat
    order, why = shuffle._order(pos)
    assert order == shuffle.EXCHANGED
    assert "courses" in why
    far = archives.Positions.nulls(10)
    assert shuffle._order(far) == (shuffle.UNKNOWN, "")
    far.lat[:], far.lon[:] = 1_303_000_000, 422_400_000
    assert "beyond 90" in shuffle._order(far)[1]
    far.lat[:], far.lon[:] = 422_400_000, 1_303_000_000
    assert shuffle._order(far) == (shuffle.AS_WRITTEN, "")


def test_a_swapped_archive_is_exchanged_as_a_whole(tmp_path: Path) -> None:
    """Parts in which nobody moves tell nothing by themselves: they go with the rest, in any size of parts."""
    pos = moving()
    still = "".join(f"273413400,{1709900000 + k},{10.5 + k * 1e-6:.6f},55.2,0.0,0.0\n" for k in range(4000))
    rows = "".join(
        f"{v},{t // 1_000_000},{x / 1e7:.6f},{y / 1e7:.6f},{s:.1f},{c:.1f}\n"
        for v, t, y, x, s, c in zip(pos.vessel, pos.t, pos.lat, pos.lon, pos.sog, pos.cog, strict=True)
    )
    path = put(tmp_path, "a.csv", "mmsi,timestamp,lat,lon,sog,cog\n" + still + rows + still)
    made = {}
    for size in (1 << 26, len(still)):
        out = tmp_path / str(size)
        whole = run([path], out, bucket_bits=1, block_bytes=size, latest_us=2**62, positions=True, pairs=False)
        held = pa.concat_tables([pq.read_table(p) for p in sorted((out / "positions").glob("*.parquet"))])
        made[size] = held.drop(["message"]).to_pylist()
        told = [(r["reason"], r["count"]) for r in whole.tables["drops"].to_pylist() if r["fault"]]
        assert told == [("coordinates swapped", 1)]
        here = held.filter(pa.compute.equal(held.column("vessel_id"), "273413400")).column("lat").to_numpy()
        assert len(here) > 3000
        assert np.all(here == 55.2)
    assert made[1 << 26] == made[len(still)]
    # and one of which no part tells anything stays as it is written
    path = put(tmp_path, "b.csv", "mmsi,timestamp,lat,lon,sog,cog\n" + still)
    assert run([path], bucket_bits=1, latest_us=2**62, pairs=False).faults == 0


def test_real_archives(shared: Path) -> None:
    ais = shared / "data/ais"
    assert read(ais / "tracks/evergiven_boat-positions.csv")[0].num_rows == 22287
    assert read(ais / "tracks/pelagos_raw_10k_points.csv.gz")[0].num_rows == 10000
    noaa, _ = read(ais / "marinecadastre/noaa_sample_2023.csv")
    assert noaa.num_rows == 1000
    who = archives.read_identities([ais / "marinecadastre/noaa_sample_2023.csv"])
    assert who.num_rows == 1000
    assert who.column("imo").null_count < 1000
    snapshot, _ = read(next((ais / "digitraffic_snapshot").glob("*.json")))
    assert snapshot.num_rows == 7762
    assert snapshot.column("t").null_count == 0


def test_a_hole_of_zeros_is_no_other_encoding(tmp_path: Path) -> None:
    lines = ["mmsi,timestamp,lat,lon", *(f"1,2024-03-01T00:{k:02d}:00Z,40.{k:02d},160" for k in range(20))]
    file = tmp_path / "hole.csv"
    file.write_bytes("\n".join(lines[:3]).encode() + b"\n" + bytes(3_000_000) + b"\n" + "\n".join(lines[3:]).encode())
    made = run([file], bucket_bits=1)
    assert made.positions == 20
    (drop,) = made.tables["drops"].to_pylist()
    assert (drop["reason"], drop["count"], drop["first_line"], drop["fault"]) == ("half line", 1, 4, True)


def test_a_record_of_json_may_carry_lists(tmp_path: Path) -> None:
    rows = [
        {
            "ssvid": "1", "timestamp": f"2024-03-01T00:{k:02d}:00+00:00", "lat": 40 + k / 100, "lon": 160.0,
            "identities": [{"shipname": "X", "count": 2}], "destinations": [],
        }
        for k in range(20)
    ]  # fmt: skip
    made = run([put(tmp_path, "a.json", "\n".join(json.dumps(r) for r in rows))], bucket_bits=1)
    assert (made.positions, made.faults) == (20, 0)


def test_tables_as_text(tmp_path: Path) -> None:
    lines = ["mmsi,timestamp,lat,lon,sog", *(f"1,2024-03-01T{k:02d}:00:00Z,40.0,160.00{k:02d},0.1" for k in range(20))]
    archive = put(tmp_path, "a.csv", "\n".join(lines))
    made = run(
        [archive], tmp_path / "out", gazetteer=Places([Shape('Port, "A"', 40.0, 160.0)]), bucket_bits=1, csv=True
    )
    with (tmp_path / "out" / "port_visits.csv").open(newline="") as file:
        (visit,) = csv.DictReader(file)
    (wanted,) = made.tables["port_visits"].to_pylist()
    assert visit["place"] == 'Port, "A"'
    assert visit["start"] == "2024-03-01T00:00:00Z"
    assert visit["latest_before"] == ""
    assert float(visit["hours"]) == wanted["hours"]
    assert {p.stem for p in (tmp_path / "out").glob("*.csv")} == set(made.tables)


def drops_of(archives_: list[Path], mapping: Mapping | None = None) -> dict[tuple[str, str], dict[str, object]]:
    made = run(archives_, mapping=mapping, bucket_bits=1)
    return {(Path(r["archive"]).name, r["reason"]): r for r in made.tables["drops"].to_pylist()}


ODD = "BOAT;WHEN;Y;X;SPEED\nABC;28.02.2024 12:00;42,24;130,3;7,1\nABC;28.02.2024 13:00;42,25;130,31;7,1\n"


def test_columns_named_by_hand_and_misspelt(tmp_path: Path) -> None:
    odd, plain, log = put(tmp_path, "odd.csv", ODD), put(tmp_path, "plain.csv", HEAD + ROW), tmp_path / "log.nmea"
    log.write_text("!AIVDM,1,1,,A,15M67FC000G?ufbE`FepT@3n00Sa,0*5F\n")
    told = drops_of([odd])["odd.csv", "missing column"]
    assert "no column for vessel, time" in str(told["note"])
    assert "the table has: BOAT, WHEN, Y, X, SPEED" in str(told["note"])
    wrong = drops_of([odd], Mapping(columns={"vessel": "BOTE"}))["odd.csv", "missing column"]
    assert "no column BOTE (vessel)" in str(wrong["note"])
    # names for one table leave the tables and logs beside it alone
    right = Mapping(columns={"vessel": "BOAT", "time": "WHEN", "lat": "Y", "lon": "X", "sog": "SPEEED"})
    made = run([odd, plain, log], mapping=right, bucket_bits=1)
    assert made.positions == 4
    found = {(Path(r["archive"]).name, r["reason"]) for r in made.tables["drops"].to_pylist()}
    assert ("odd.csv", "missing column") in found
    assert not {name for name, reason in found if reason in ("missing column", "unknown format")} - {"odd.csv"}


def test_a_last_line_cut_in_the_middle_is_no_position(tmp_path: Path) -> None:
    whole = (HEAD + ROW * 2).replace("130.3,7.1", "130.345,7.1")
    for cut in (len("5,7.1\n"), len("45,7.1\n")):
        file = put(tmp_path, f"cut{cut}.csv", whole[:-cut])
        (drop,) = [r for (_, reason), r in drops_of([file]).items() if reason == "half line"]
        assert (drop["count"], drop["first_line"], drop["fault"]) == (1, 3, True)
    # only the end of line is missing: nothing is wrong
    assert ("whole.csv", "half line") not in drops_of([put(tmp_path, "whole.csv", whole[:-1])])


def test_rows_that_no_event_can_be_made_of_are_told_with_their_place(tmp_path: Path) -> None:
    late, south = ROW.replace("2024-02-28", "2199-02-28"), ROW.replace("42.24", "95.5")
    file = put(tmp_path, "a.csv", HEAD + ROW + late + south)
    told = drops_of([file])
    assert told["a.csv", "time in the future"]["note"] == (
        f"first at @{len(HEAD + ROW)}: vessel 273413400, 2199-02-28T12:00:00Z"
    )
    assert "latitude 95.5, longitude 130.3" in str(told["a.csv", "position out of range"]["note"])


PACKED = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lambda raw: lzma.compress(raw, preset=0),
    "zstd": lambda raw: pytest.importorskip("zstandard").ZstdCompressor(write_checksum=True).compress(raw),
}


@pytest.mark.parametrize("how", [*PACKED, "zip"])
def test_a_fault_in_a_packed_stream_costs_nothing_of_what_came_before(tmp_path: Path, how: str) -> None:
    """Small enough for one read of the packed bytes: what unpacks before the fault is kept all the same."""
    rng = np.random.default_rng(1)
    lines = [f"273413400,{1709121600 + k},{42 + rng.random():.6f},{130 + rng.random():.6f},7.1\n" for k in range(60000)]
    text = (HEAD + "".join(lines)).encode()
    if how == "zip":
        with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("a.csv", text)
        raw = bytearray((tmp_path / "a").read_bytes())
    else:
        raw = bytearray(PACKED[how](text))
    fault = len(raw) * 3 // 4
    raw[fault : fault + 64] = bytes(b ^ 0x5A for b in raw[fault : fault + 64])
    table, drops = read(put(tmp_path, "a", bytes(raw)))
    assert drops["archive breaks off"] == 1
    # bzip2 gives blocks of 900 kB, whole or not at all
    least = 30000 if how == "bz2" else 42000
    assert least < table.num_rows <= 60000
    # where a checksum alone tells the fault, some rows behind it may have come through in another form
    same = np.flatnonzero(table.column("t").to_numpy().astype("M8[s]").astype(int) != 1709121600 + np.arange(table.num_rows))  # fmt: skip
    assert not len(same) or same[0] > least


@pytest.mark.parametrize("how", sorted(PACKED))
def test_one_endless_line_packed_to_nothing_costs_bounded_memory(how: str) -> None:
    import io
    import tracemalloc

    raw = PACKED[how](b"x" * (192 << 20))
    assert len(raw) < 1 << 20
    stream = streams.Inflated(io.BytesIO(raw), {"bz2": "bzip2"}.get(how, how))  # type: ignore[arg-type]
    tracemalloc.start()
    try:
        assert sum(p.long_lines for p in streams.pieces(stream, size=1 << 20)) == 1
        assert tracemalloc.get_traced_memory()[1] < 150 << 20
    finally:
        tracemalloc.stop()
    assert not stream.broken


def test_json_of_a_line_each_has_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives.records, "MAX_DOCUMENT_BYTES", 4000)
    monkeypatch.setattr(archives, "_JSON_PIECE_BYTES", 70_000)
    rows = [
        json.dumps({"mmsi": 273413400 + k % 3, "time": 1709121600 + k, "lat": 42.24, "lon": 130.3}) for k in range(6000)
    ]
    rows[5000] = rows[5000][:30]
    rows[5001] = rows[5001].replace("}", ', "name": "K\xd8B"}')
    table, drops = read(put(tmp_path, "a.jsonl", "\n".join(rows).encode("latin-1")))
    assert table.num_rows == 5999
    assert drops == {"half line": 1, "wrong encoding": 1}
    made = run([tmp_path / "a.jsonl"], bucket_bits=0, latest_us=2**62).tables["drops"].to_pylist()
    assert [r["first_line"] for r in made if r["fault"]] == [5001, 5002]
    # in an array, a comma behind each
    assert read(put(tmp_path, "b.json", "[\n" + ",\n".join(rows[:5000]) + "\n]"))[0].num_rows == 5000
    # and a document that is one value is refused above the limit
    assert read(put(tmp_path, "c.json", json.dumps([json.loads(r) for r in rows[:5000]])))[1] == {"line too long": 1}


def test_a_json_document_that_breaks_off_keeps_its_whole_objects(tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": [130.3, 42.24]}
    features = [
        {
            "type": "Feature",
            "geometry": point,
            "properties": {"mmsi": 273413400, "timestampExternal": 1709121600000 + k * 60000},
        }
        for k in range(5)
    ]
    for indent in (None, 1):
        text = json.dumps({"type": "FeatureCollection", "features": features}, indent=indent)
        table, drops = read(put(tmp_path, "a.json", text[: len(text) - len(text) // 6]))
        assert table.num_rows == 4
        assert drops == {"half line": 1}


@pytest.mark.parametrize("kind", ["csv", "nmea", "jsonl"])
def test_an_endless_line_is_told_where_it_stands_and_what_follows_is_read(tmp_path: Path, kind: str) -> None:
    sentence = "\\c:1709121600*52\\!AIVDM,1,1,,A,15M67FC000G?ufbE`FepT@3n00Sa,0*5F\n"
    row = '{"mmsi": 273413400, "time": 1709121600, "lat": 42.24, "lon": 130.3}\n'
    head, good = {"csv": (HEAD, ROW), "nmea": ("", sentence), "jsonl": ("", row)}[kind]
    lines = head + good * 2, good * 3 + "broken\n"
    path = put(tmp_path, f"a.{kind}", lines[0] + "x" * (5 << 20) + "\n" + lines[1])
    made = run([path], bucket_bits=0, latest_us=2**62, block_bytes=1 << 20)
    assert made.positions == 5
    told = {r["reason"]: r["first_line"] for r in made.tables["drops"].to_pylist() if r["fault"]}
    at = lines[0].count("\n") + 1
    if kind == "jsonl":  # its pieces are larger than the line
        assert told == {"half line": at}
    else:
        assert told.pop("line too long") == at
        assert set(told.values()) == {at + 4}
