"""From archives to events: segments, buckets, and what only shows across vessels.

Three stages. Each part of each archive is read and sorted into vessel buckets; each bucket is cleaned and
walked; the last stage judges gaps by what others heard, pairs ships, and learns anchorages. Stages hand on
files, so an executor moves only small tasks, and a stage that was done for the same input is not done again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen import engine
from tumen.ais import archives as sources
from tumen.ais import coast, encounters, gaps, identity, places, shuffle
from tumen.ais.bucket import BUCKET_VERSION, Walk, content_hash, read_table, walk_bucket
from tumen.ais.columns import Mapping as ColumnMapping
from tumen.ais.places import Places
from tumen.ais.reasons import Drops
from tumen.ais.settings import EventSettings
from tumen.ais.streams import BLOCK_BYTES
from tumen.tables import ais as tables
from tumen.tables.schema import Table

HOUR_US = 3_600_000_000
# Beyond this the nearest port says nothing about an encounter.
TOLD_PORT_M = 25_000.0
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Made:
    """The tables of a run, where they were written, and how many lines, rows or archives were at fault."""

    tables: dict[str, pa.Table]
    faults: int
    unreachable: int
    positions: int


def events(
    archives: Iterable[str | Path],
    out: Path | None = None,
    *,
    gazetteer: Any = None,
    settings: EventSettings | Mapping[str, object] | None = None,
    executor: Executor | None = None,
    mapping: ColumnMapping | Sequence[ColumnMapping] | None = None,
    case_places: pa.Table | None = None,
    work: Path | None = None,
    positions: bool = False,
    latest_us: int | None = None,
    bucket_bits: int = shuffle.BUCKET_BITS,
    block_bytes: int = BLOCK_BYTES,
    progress: Progress | None = None,
) -> dict[str, pa.Table]:
    """All events of any archives, as tables by name (see `tumen.tables.ais`); with `out` also as Parquet there.

    `gazetteer` is a file of ports (or several, or `Places`); without it and without `case_places` there are no
    port visits. `work` keeps the sorted segments and the results by bucket for the next day's run; it must
    lie on storage that every worker sees. `positions` also writes the cleaned positions, bucket by bucket.
    `latest_us` is the instant beyond which a time is in the future (default: a day from now). The tables
    are the same bits for any executor, number of workers and block size.
    """
    return run(
        archives, out, gazetteer=gazetteer, settings=settings, executor=executor, mapping=mapping,
        case_places=case_places, work=work, positions=positions, latest_us=latest_us, bucket_bits=bucket_bits,
        block_bytes=block_bytes, progress=progress,
    ).tables  # fmt: skip


def run(
    archives: Iterable[str | Path],
    out: Path | None = None,
    *,
    gazetteer: Any = None,
    settings: EventSettings | Mapping[str, object] | None = None,
    executor: Executor | None = None,
    mapping: ColumnMapping | Sequence[ColumnMapping] | None = None,
    case_places: pa.Table | None = None,
    work: Path | None = None,
    positions: bool = False,
    latest_us: int | None = None,
    bucket_bits: int = shuffle.BUCKET_BITS,
    block_bytes: int = BLOCK_BYTES,
    progress: Progress | None = None,
    pairs: bool = True,
) -> Made:
    """`events`, with the counts that decide an exit code."""
    rules = EventSettings.of(settings)
    runner = executor or engine.Serial()
    known = places.gather(gazetteer, case_places)
    tell = progress or (lambda stage, done, total: None)
    with _workplace(work) as folder:
        planned = sources.plan(archives, mapping, block_bytes)
        latest = latest_us if latest_us is not None else sources.now_us()
        segments = _ingest(planned, folder, latest, bucket_bits, block_bytes, runner, tell)
        buckets = _walk(planned, segments, folder, out, rules, known, positions, bucket_bits, runner, tell)
        made = _join(planned, segments, buckets, rules, known, runner, tell, pairs)
    if out is not None:
        write(made, out)
    unreachable = sum(int(d.counts[sources.reasons.UNREADABLE]) for d in planned.drops)
    return Made(made, sum(d.faults for d in planned.drops), unreachable, sum(d.rows for d in planned.drops))


@contextlib.contextmanager
def _workplace(work: Path | None) -> Iterator[Path]:
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work.resolve()
        return
    made = Path(tempfile.mkdtemp(prefix="tumen-ais-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _ingest(
    planned: sources.Plan, folder: Path, latest: int, bits: int, block_bytes: int, runner: Executor,
    tell: Progress,
) -> list[shuffle.Segment]:  # fmt: skip
    (folder / "segments").mkdir(exist_ok=True)
    jobs = [shuffle.Ingest(task, str(folder / "segments"), bits, latest, block_bytes) for task in planned.tasks]
    done = engine.run(runner, shuffle.ingest, jobs, lambda a, b: tell("reading", a, b))
    segments: list[shuffle.Segment] = []
    for one in done:
        planned.drops[one.archive].merge(one.drops)
        segments += one.segments
    return segments


def _walk(
    planned: sources.Plan, segments: list[shuffle.Segment], folder: Path, out: Path | None, rules: EventSettings,
    known: Places, positions: bool, bits: int, runner: Executor, tell: Progress,
) -> list[dict[str, str]]:  # fmt: skip
    raw = pickle.dumps(known)
    mark = hashlib.sha256(raw).hexdigest()[:24]
    places_file = folder / f"places-{mark}.pickle"
    if not places_file.exists():
        shuffle.write_aside(places_file, raw)
    if positions and out is not None:
        (out / "positions").mkdir(parents=True, exist_ok=True)
    jobs = []
    for bucket in range(1 << bits):
        held = tuple(s for s in segments if s.rows[bucket] or s.identities[bucket])
        if not held:
            continue
        archives = tuple(dict.fromkeys(s.archive for s in held))
        target = str(out / "positions" / f"{bucket:05d}.parquet") if positions and out is not None else None
        told = [BUCKET_VERSION, bucket, bits, [s.positions for s in held], rules.as_dict(), mark, target]
        key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]
        # A place for the bucket: only what its own segments, the rules and the places decide names it.
        jobs.append(
            Walk(
                bucket,
                str(folder / "segments"),
                held,
                archives,
                str(folder / "buckets" / key),
                rules,
                str(places_file),
                target,
            )
        )
    done = engine.run(runner, walk_bucket, jobs, lambda a, b: tell("walking", a, b))
    for job, paths in zip(jobs, done, strict=True):
        for row in read_table(paths["counts"]).to_pylist():
            name = job.archives[row["archive"]]
            planned.drops[planned.names.index(name)].add(row["reason"], row["count"])
    return done


def _join(
    planned: sources.Plan, segments: list[shuffle.Segment], buckets: list[dict[str, str]], rules: EventSettings,
    known: Places, runner: Executor, tell: Progress, pairs: bool,
) -> dict[str, pa.Table]:  # fmt: skip
    def whole(name: str) -> pa.Table:
        parts = [read_table(paths[name]) for paths in buckets]
        return pa.concat_tables(parts) if parts else pa.table({})

    made: dict[str, pa.Table] = {}

    def put(table: Table, rows: Any, order: tuple[str, ...]) -> None:
        built = table.build(_times(rows, table))
        made[table.name] = _sorted(built, order)

    if not buckets:
        made = {t.name: t.empty() for t in tables.AIS_TABLES}
        made["drops"] = _drops(planned)
        return made
    visits = whole("visits")
    put(tables.PORT_VISITS, visits, ("vessel_id", "track", "start", "visit_id"))
    put(tables.AIS_VOYAGES, whole("voyages"), ("vessel_id", "track", "departed", "voyage_id"))
    put(tables.IDENTITIES, whole("identities"), ("vessel_id", "first_seen"))
    put(tables.SPOOFING, whole("spoofing"), ("vessel_id", "track", "kind", "start"))

    reception = gaps.Reception([read_table(p["heard"]) for p in buckets])
    ends = whole("ends")
    archive_end = int(np.max(ends.column("end").to_numpy())) if ends.num_rows else 0
    silent = gaps.judge(whole("gaps"), ends, reception, rules, archive_end)
    put(tables.GAPS, silent, ("vessel_id", "track", "start"))
    put(tables.HIDDEN_VISITS, gaps.hidden_visits(silent, known, rules), ("gap_id", "needed_kn", "place"))

    slow = _loitering(whole("loitering"), rules)
    put(tables.LOITERING, slow, ("vessel_id", "track", "start"))
    met = _encounters(buckets, rules, known, runner, tell) if pairs else []
    ids = _ids(buckets)
    for row in met:
        row["vessel_id"] = ids.get(row["a"], identity.vessel_id(int(row["a"])))
        row["other_id"] = ids.get(row["b"], identity.vessel_id(int(row["b"])))
    alone = gaps.rendezvous(slow, _met(slow, met), silent, rules) if pairs else []
    _place_in_ports(alone, known, rules)
    put(tables.ENCOUNTERS, _encounter_rows(met) + alone, ("start", "vessel_id", "track", "encounter_id"))

    put(tables.DRAUGHT_CHANGES, _with_visits(whole("draughts"), visits), ("vessel_id", "first_after"))
    hulls = whole("hulls").to_pylist()
    put(
        tables.IDENTITY_CHANGES,
        whole("changes").to_pylist() + identity.reflagged(hulls),
        ("vessel_id", "first_after", "field"),
    )
    put(tables.ANCHORAGES, _anchorages(whole("stays"), known, rules), ("anchorage",))
    made["drops"] = _drops(planned)
    return made


def _sorted(built: pa.Table, order: tuple[str, ...]) -> pa.Table:
    """Rows in an order that no worker decides."""
    if built.num_rows < 2:
        return built
    plain = {n: built.column(n) for n in order}
    keys = pa.table({n: c.cast(pa.string()) if pa.types.is_dictionary(c.type) else c for n, c in plain.items()})
    return built.take(pc.sort_indices(keys, [(n, "ascending") for n in order]))


def _times(rows: Any, table: Table) -> Any:
    """Microseconds as times where the table wants times; fields that it does not declare are left out."""
    names = [c.name for c in table.columns]
    if isinstance(rows, pa.Table):
        return rows.select([n for n in rows.column_names if n in names])
    columns: dict[str, Any] = {}
    for column in table.columns:
        values = [row.get(column.name) for row in rows]
        if pa.types.is_timestamp(column.type):
            columns[column.name] = pa.array(values, type=column.type)
        else:
            columns[column.name] = values
    return columns


def _drops(planned: sources.Plan) -> pa.Table:
    merged: dict[str, Drops] = {}
    for drops in planned.drops:
        if drops.archive in merged:
            merged[drops.archive].merge(drops)
        else:
            merged[drops.archive] = drops
    return tables.DROPS.build([row for drops in merged.values() for row in drops.listing()])


def _ids(buckets: list[dict[str, str]]) -> dict[int, str]:
    """Names of vessels whose identifier is no number."""
    out: dict[int, str] = {}
    for paths in buckets:
        held = read_table(paths["ends"])
        for name in held.column("vessel_id").to_pylist():
            if not name.isdigit():
                from tumen.ais.records import named

                out[named(name)] = name
    return out


def _loitering(raw: pa.Table, rules: EventSettings) -> list[dict[str, Any]]:
    rows = raw.to_pylist()
    near = coast.distance_nm(np.array([r["lat"] for r in rows]), np.array([r["lon"] for r in rows]))
    for row, nm in zip(rows, near.tolist(), strict=True):
        row["coast_nm"] = nm if np.isfinite(nm) else None
        row["gfw_rule"] = None if np.isnan(nm) else bool(nm >= rules.loiter_coast_nm)
        row["confidence"] = (
            1 + int(row["hours"] >= 4) + int(bool(row["gfw_rule"])) + int(row["messages"] >= 4 * row["hours"])
        )
    return rows


def _encounters(
    buckets: list[dict[str, str]], rules: EventSettings, known: Places, runner: Executor, tell: Progress
) -> list[dict[str, Any]]:
    files = [paths["slow"] for paths in buckets]
    days = encounters.days(files, rules.slot_s, rules.encounter_m, rules.encounter_h)
    done = engine.run(runner, encounters.pair_day, days, lambda a, b: tell("pairing", a, b))
    least = round(rules.encounter_h * 3600 / rules.slot_s)
    rows = []
    for run_ in encounters.join_days(done, least):
        speed = encounters.mean_knots(run_, rules.slot_s)
        if speed >= rules.encounter_kn:
            continue
        row: dict[str, Any] = {
            "a": run_["a"], "b": run_["b"], "track": int(run_["a_track"]), "other_track": int(run_["b_track"]),
            "kind": "both", "start": int(run_["first"]) * rules.slot_s * 1_000_000,
            "end": int(run_["last"]) * rules.slot_s * 1_000_000,
            "hours": (run_["last"] - run_["first"]) * rules.slot_s / 3600,
            "lat": run_["sum_lat"] / run_["slots"], "lon": run_["sum_lon"] / run_["slots"],
            "mean_m": run_["sum_m"] / run_["slots"], "mean_kn": speed, "slots": int(run_["slots"]),
            "gap_id": None, "candidates": None,
        }  # fmt: skip
        if row["a"] == row["b"]:
            # two tracks of one number side by side are a clash of identity, not a meeting
            continue
        rows.append(row)
    _place_in_ports(rows, known, rules)
    for row in rows:
        steady = row["slots"] >= 0.8 * (row["hours"] * 3600 / rules.slot_s + 1)
        row["confidence"] = 1 + int(row["at_sea"]) + int(row["mean_m"] < 0.5 * rules.encounter_m) + int(steady)
    return rows


def _place_in_ports(rows: list[dict[str, Any]], known: Places, rules: EventSettings) -> None:
    """Tell each encounter how far the nearest known port lies."""
    lat, lon = np.array([r["lat"] for r in rows], dtype=float), np.array([r["lon"] for r in rows], dtype=float)
    for row, metres in zip(rows, places.distance_to_any_m(known, lat, lon).tolist(), strict=True):
        row["port_m"] = metres if metres <= TOLD_PORT_M else None
        row["at_sea"] = metres > rules.encounter_port_m


def _met(slow: list[dict[str, Any]], met: list[dict[str, Any]]) -> set[str]:
    """Loitering during which another ship was heard alongside."""
    by_vessel: dict[str, list[dict[str, Any]]] = {}
    for row in met:
        by_vessel.setdefault(row["vessel_id"], []).append(row)
        by_vessel.setdefault(row["other_id"], []).append(row)
    return {
        row["loiter_id"]
        for row in slow
        if any(m["start"] <= row["end"] and m["end"] >= row["start"] for m in by_vessel.get(row["vessel_id"], ()))
    }


def _encounter_rows(met: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            **row,
            "encounter_id": content_hash(
                "encounter", row["vessel_id"], row["track"], row["other_id"], row["other_track"], row["start"]
            ),
        }
        for row in met
    ]


def _with_visits(raw: pa.Table, visits: pa.Table) -> list[dict[str, Any]]:
    """Draught changes with the port visit at which the cargo will have moved: the last begun before the new draught."""
    rows = raw.to_pylist()
    by_vessel: dict[str, list[dict[str, Any]]] = {}
    for visit in visits.select(["vessel_id", "visit_id", "place", "start", "end", "confidence"]).to_pylist():
        if visit["confidence"] >= 2:
            by_vessel.setdefault(visit["vessel_id"], []).append(visit)
    for row in rows:
        # the crew may correct the draught before arrival: a visit begun up to a day after counts
        held = [
            v for v in by_vessel.get(row["vessel_id"], ()) if (v["start"] - row["first_after"]).total_seconds() <= 86400
        ]
        inside = [v for v in held if v["end"] >= row["last_before"]] or held[-1:]
        best = max(inside, key=lambda v: v["start"], default=None)
        row["visit_id"], row["place"] = (best["visit_id"], best["place"]) if best else (None, None)
    return rows


def _anchorages(stays: pa.Table, known: Places, rules: EventSettings) -> list[dict[str, Any]]:
    """Cells of half a kilometre in which enough ships stayed."""
    if not stays.num_rows:
        return []
    vessel, lat, lon = (stays.column(n).to_numpy() for n in ("vessel", "lat", "lon"))
    size = 0.5 / 111.2
    row = np.floor((lat + 90) / size).astype(np.int64)
    wide = size / np.maximum(0.02, np.cos(np.radians((row + 0.5) * size - 90)))
    column = np.floor((lon + 180) / wide).astype(np.int64)
    cell, where = np.unique(row * 1_000_000 + column, return_inverse=True)
    count = np.bincount(where)
    ships = np.unique(np.stack([where, vessel]), axis=1)
    distinct = np.bincount(ships[0], minlength=len(cell))
    busy = np.flatnonzero(distinct >= rules.anchorage_vessels)
    y, x = np.bincount(where, lat) / count, np.bincount(where, lon) / count
    names, py, px = known.centres()
    out = []
    for k in busy:
        far = places.distances_m(y[k], x[k], py, px) if names else np.array([np.inf])
        best = int(np.argmin(far))
        near = far[best] <= 10_000
        out.append(
            {
                "anchorage": f"{cell[k]:x}", "lat": float(y[k]), "lon": float(x[k]), "vessels": int(distinct[k]),
                "stays": int(count[k]), "place": names[best] if near else None, "place_m": float(far[best]) if near else None,
            }
        )  # fmt: skip
    return out


def write(made: dict[str, pa.Table], out: Path) -> None:
    """Each table as Parquet in a folder, whole or not at all."""
    import pyarrow.parquet as pq

    out.mkdir(parents=True, exist_ok=True)
    for name, made_table in made.items():
        aside = out / f".{name}.parquet.part"
        pq.write_table(made_table, aside, compression="zstd")
        aside.replace(out / f"{name}.parquet")
