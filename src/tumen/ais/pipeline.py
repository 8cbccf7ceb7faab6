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
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen import engine
from tumen.ais import anchorages, encounters, gaps, identity, places, shuffle, spoofing
from tumen.ais import archives as sources
from tumen.ais.anchorages import Learned
from tumen.ais.bucket import BUCKET_VERSION, HOUR_US, Walk, raised_confidence, walk_bucket
from tumen.ais.bucketfile import read_tables
from tumen.ais.columns import Mapping as ColumnMapping
from tumen.ais.places import Places
from tumen.ais.reasons import Drops
from tumen.ais.settings import EventSettings
from tumen.ais.stores import is_address
from tumen.ais.streams import BLOCK_BYTES
from tumen.ais.work import Folder, folder, parquet
from tumen.tables import ais as tables
from tumen.tables.schema import Table

# Beyond this the nearest port says nothing about an encounter.
TOLD_PORT_M = 25_000.0
Progress = Callable[[str, int, int], None]
# For `engine.executor`: what a pool's workers share.
PRELOAD = ("tumen.ais.ready",)


@dataclass(frozen=True)
class Made:
    """The tables of a run, where they were written, and how many lines, rows or archives were at fault."""

    tables: dict[str, pa.Table]
    faults: int
    unreachable: int
    positions: int


def events(
    archives: Iterable[str | Path],
    out: Path | str | None = None,
    *,
    gazetteer: Any = None,
    settings: EventSettings | Mapping[str, object] | None = None,
    executor: Executor | None = None,
    mapping: ColumnMapping | Sequence[ColumnMapping] | None = None,
    case_places: pa.Table | None = None,
    work: Path | str | None = None,
    positions: bool = False,
    latest_us: int | None = None,
    bucket_bits: int | None = None,
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
    out: Path | str | None = None,
    *,
    gazetteer: Any = None,
    settings: EventSettings | Mapping[str, object] | None = None,
    executor: Executor | None = None,
    mapping: ColumnMapping | Sequence[ColumnMapping] | None = None,
    case_places: pa.Table | None = None,
    work: Path | str | None = None,
    positions: bool = False,
    latest_us: int | None = None,
    bucket_bits: int | None = None,
    block_bytes: int = BLOCK_BYTES,
    progress: Progress | None = None,
    pairs: bool = True,
    csv: bool = False,
) -> Made:
    """`events`, with the counts that decide an exit code; `pairs=False` leaves encounters out, `csv` writes text too."""
    rules = EventSettings.of(settings)
    runner = executor or engine.Serial()
    known = places.gather(gazetteer, case_places)
    tell = progress or (lambda stage, done, total: None)
    target = None if out is None else _address(out)
    if target is not None:
        # what is wrong with it is told before the work rather than after it
        Folder(target).ready()
    with _workplace(work) as address:
        planned = sources.plan(archives, mapping, block_bytes)
        latest = latest_us if latest_us is not None else sources.now_us()
        bits = _bits(bucket_bits, planned, address, work is not None)
        segments = _ingest(planned, address, latest, bits, block_bytes, runner, tell)
        stage = _Walking(planned, segments, address, target, rules, known, positions, bits, pairs, runner, tell)
        buckets, learned = stage.run()
        with _clearing(address, work is None):
            made = _join(planned, buckets, address, rules, known, learned, runner, tell, pairs)
    if target is not None:
        write(made, target, csv)
    unreachable = sum(int(d.counts[sources.reasons.UNREADABLE]) for d in planned.drops)
    return Made(made, sum(d.faults for d in planned.drops), unreachable, sum(d.rows for d in planned.drops))


# Half a million rows make a bucket of 20 MB, small against memory and large against the cost of a task.
BUCKET_ROWS = 500_000


def _bits(asked: int | None, planned: sources.Plan, address: str, kept: bool) -> int:
    """Buckets as a power of two: as asked, else as the work folder already has, else by the size of the archives."""
    work = folder(address)
    if asked is None and work.exists("layout.json"):
        return int(json.loads(work.read("layout.json"))["bucket_bits"])
    rows = sum(task.weight for task in planned.tasks)
    bits = asked if asked is not None else min(12, max(2, (rows // BUCKET_ROWS).bit_length()))
    if kept and asked is None:
        # a folder that is kept will grow by many a day
        bits = max(6, bits)
        work.write("layout.json", [json.dumps({"bucket_bits": bits}).encode()])
    return bits


def _address(folder_: Path | str) -> str:
    """An address of a store as it stands, a local folder in full, for workers may stand elsewhere."""
    return str(folder_) if is_address(str(folder_)) else str(Path(folder_).resolve())


@contextlib.contextmanager
def _workplace(work: Path | str | None) -> Iterator[str]:
    if work is not None:
        yield _address(work)
        return
    made = Path(tempfile.mkdtemp(prefix="tumen-ais-"))
    try:
        yield str(made)
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def _clearing(address: str, wanted: bool) -> Iterator[None]:
    """Meanwhile take away the segments, of which nothing is read any more, where they are not to be kept."""
    done = threading.Thread(target=shutil.rmtree, args=(Path(address) / "segments", True)) if wanted else None
    if done:
        done.start()
    try:
        yield
    finally:
        if done:
            done.join()


def _ingest(
    planned: sources.Plan, address: str, latest: int, bits: int, block_bytes: int, runner: Executor,
    tell: Progress,
) -> list[shuffle.Segment]:  # fmt: skip
    jobs = [shuffle.Ingest(task, address, bits, latest, block_bytes) for task in planned.tasks]
    done = engine.run(runner, shuffle.ingest, jobs, lambda a, b: tell("reading", a, b))
    later = shuffle.again(jobs, done)
    if later:
        other = [replace(jobs[k], exchanged=True) for k in later]
        read = engine.run(runner, shuffle.ingest, other, lambda a, b: tell("exchanged", a, b))
        for k, one in zip(later, read, strict=True):
            done[k] = one
    segments: list[shuffle.Segment] = []
    for one in done:
        planned.drops[one.archive].merge(one.drops)
        segments += one.segments
    for drops in planned.drops:
        # a fault of the archive, however many parts it was read in
        drops.counts[sources.reasons.SWAPPED] = min(1, drops.counts[sources.reasons.SWAPPED])
    return segments


@dataclass
class _Walking:
    """The second stage: every bucket once, and again where anchorages were learned within its reach."""

    planned: sources.Plan
    segments: list[shuffle.Segment]
    address: str
    out: str | None
    rules: EventSettings
    known: Places
    positions: bool
    bits: int
    pairs: bool
    runner: Executor
    tell: Progress

    def run(self) -> tuple[list[dict[str, Any]], list[Learned]]:
        """Tables by bucket (and under 'file' the name of its file), and the anchorages that are no known port."""
        work = folder(self.address)
        raw = pickle.dumps(self.known)
        mark = hashlib.sha256(raw).hexdigest()[:24]
        places_file = f"places-{mark}.pickle"
        if not work.exists(places_file):
            work.write(places_file, [raw])
        parts: dict[int, list[shuffle.Part]] = {}
        for segment in self.segments:
            for bucket, part in enumerate(segment.parts()):
                if part.rows or part.who_rows:
                    parts.setdefault(bucket, []).append(part)
        jobs = [self._job(bucket, tuple(parts[bucket]), places_file) for bucket in sorted(parts)]
        made = self._go(jobs, "walking")
        learned: list[Learned] = []
        if self.rules.learn_anchorages:
            learned = anchorages.learn(anchorages.stays(made), anchorages.ships(made), self.known, self.rules)
        new = [a for a in learned if a.new]
        near = [anchorages.within(new, bucket) for bucket in made]
        again = [k for k, some in enumerate(near) if some]
        if again:
            later = [self._job(jobs[k].bucket, jobs[k].parts, places_file, near[k]) for k in again]
            for k, tables_ in zip(again, self._go(later, "in learned anchorages"), strict=True):
                made[k] = tables_
                jobs[k] = later[again.index(k)]
        if self.positions and self.out is not None:
            place, kept = Folder(self.out), {job.positions_name for job in jobs}
            for name in place.names("positions"):
                # of an earlier run into the same folder
                if name.endswith(".parquet") and name not in kept:
                    place.remove(name)
        for job, tables_ in zip(jobs, made, strict=True):
            for row in tables_["counts"].to_pylist():
                name = job.archives[row["archive"]]
                self.planned.drops[self.planned.names.index(name)].add(row["reason"], row["count"])
        return made, learned

    def _job(
        self, bucket: int, parts: tuple[shuffle.Part, ...], places_file: str,
        learned: tuple[tuple[str, float, float], ...] = (),
    ) -> Walk:  # fmt: skip
        # only what its own parts, the rules and the places decide names a bucket's result
        read = [BUCKET_VERSION, bucket, self.bits, [p.name for p in parts], self.rules.as_dict()]
        key = _hash([*read, places_file, self.pairs, learned])
        archives = tuple(dict.fromkeys(p.archive for p in parts))
        return Walk(
            bucket,
            self.address,
            parts,
            archives,
            f"buckets/{key}",
            self.rules,
            places_file,
            self.out if self.positions else None,
            self.pairs,
            learned,
            _hash(read),
        )

    def _go(self, jobs: list[Walk], stage: str) -> list[dict[str, Any]]:
        names = engine.run(self.runner, walk_bucket, jobs, lambda a, b: self.tell(stage, a, b))
        return [{"file": name, **read_tables(folder(self.address), name)} for name in names]


def _hash(told: list[Any]) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]


def _join(
    planned: sources.Plan, buckets: list[dict[str, Any]], address: str, rules: EventSettings,
    known: Places, learned: list[Learned], runner: Executor, tell: Progress, pairs: bool,
) -> dict[str, pa.Table]:  # fmt: skip
    def whole(name: str) -> pa.Table:
        return pa.concat_tables([held[name] for held in buckets])

    made: dict[str, pa.Table] = {}

    def put(table: Table, rows: Any, order: tuple[str, ...]) -> None:
        built = table.build(_times(rows, table))
        made[table.name] = _sorted(built, order)

    if not buckets:
        made = {t.name: t.empty() for t in tables.AIS_TABLES}
        made["drops"] = _drops(planned)
        return made
    # pairs are sought by the workers while this process makes the other tables
    pairing = _pairing(buckets, address, rules, runner) if pairs else None
    ends = whole("ends")
    archive_end = int(np.max(ends.column("end").to_numpy())) if ends.num_rows else 0
    visits, voyages = _silent_in_port(whole("visits"), whole("voyages"), archive_end, rules)
    put(tables.PORT_VISITS, visits, ("vessel_id", "track", "start", "visit_id"))
    put(tables.AIS_VOYAGES, voyages, ("vessel_id", "track", "departed", "voyage_id"))
    put(tables.IDENTITIES, whole("identities"), ("vessel_id", "first_seen"))
    put(tables.SPOOFING, spoofing.with_common_points(whole("spoofing")), ("vessel_id", "track", "kind", "start"))

    reception = gaps.Reception([held["heard"] for held in buckets])
    area = np.unique(whole("area").column("cell").to_numpy())
    silent = gaps.judge(whole("gaps"), ends, reception, area, rules, archive_end)
    put(tables.GAPS, silent, ("vessel_id", "track", "start"))
    put(tables.HIDDEN_VISITS, gaps.hidden_visits(silent, known, rules), ("gap_id", "needed_kn", "place"))

    slow = whole("loitering")
    put(tables.LOITERING, slow, ("vessel_id", "track", "start"))
    ports = places.with_learned(known, [(a.port, a.lat, a.lon) for a in learned if a.new])
    if pairing:
        met = _encounters(buckets, pairing(lambda a, b: tell("pairing", a, b)), rules)
        alone = gaps.rendezvous(encounters.unmet(_long(slow, rules), met), silent, rules)
        both = pa.concat_tables([met, alone.select(met.column_names)])
        put(tables.ENCOUNTERS, _placed(both, ports, rules), ("start", "vessel_id", "track", "encounter_id"))
    else:
        made[tables.ENCOUNTERS.name] = tables.ENCOUNTERS.empty()

    put(tables.DRAUGHT_CHANGES, _with_visits(whole("draughts"), visits), ("vessel_id", "first_after"))
    hulls = whole("hulls").to_pylist()
    put(
        tables.IDENTITY_CHANGES,
        whole("changes").to_pylist() + identity.reflagged(hulls),
        ("vessel_id", "first_after", "field"),
    )
    put(tables.ANCHORAGES, [a.row() for a in learned], ("anchorage",))
    made["drops"] = _drops(planned)
    return made


def _silent_in_port(
    visits: pa.Table, voyages: pa.Table, archive_end: int, rules: EventSettings
) -> tuple[pa.Table, pa.Table]:
    """A ship last heard in port, and silent from then to the end of the archives for as long as a port gap takes, is in a
    port gap, as in GFW's code (`create_in_out_events`); visits so raised, and the voyages that lead there."""
    silence = pc.divide(pc.subtract(archive_end, visits.column("end").cast(pa.int64()).cast(pa.float64())), HOUR_US)
    raised = pc.and_(visits.column("open"), pc.greater_equal(silence, rules.port_gap_h))
    count = [
        raised_confidence(v) if up else v["confidence"]
        for up, v in zip(
            raised.to_pylist(), visits.select(["entry", "stop", "exit", "confidence"]).to_pylist(), strict=True
        )
    ]
    longest = pc.if_else(
        raised, pc.max_element_wise(visits.column("longest_gap_hours"), silence), visits.column("longest_gap_hours")
    )
    up = visits.filter(raised).column("visit_id")
    for name, values in (
        ("confidence", pa.array(count, pa.int32())), ("gap", pc.or_(visits.column("gap"), raised)), ("longest_gap_hours", longest),
    ):  # fmt: skip
        visits = visits.set_column(visits.column_names.index(name), name, values)
    hangs = voyages.column("hangs_on")
    fits = pc.equal(pc.is_in(hangs, up.combine_chunks()), voyages.column("if_raised"))
    return visits, voyages.filter(pc.or_(pc.is_null(hangs), fits))


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


def _long(slow: pa.Table, rules: EventSettings) -> pa.Table:
    """Loitering long enough for a rendezvous, times as microseconds."""
    held = slow.filter(pc.greater_equal(slow.column("hours"), rules.rendezvous_h))
    for name in ("start", "end"):
        held = held.set_column(held.column_names.index(name), name, held.column(name).cast(pa.int64()))
    return held


Runs = tuple[np.ndarray, np.ndarray]


def _pairing(
    buckets: list[dict[str, Any]], address: str, rules: EventSettings, runner: Executor
) -> Callable[[Callable[[int, int], None] | None], list[Runs]]:
    """Have runs of pairs sought, span by span; what is returned waits for them."""
    files = [f"{held['file']}.slow" for held in buckets]
    counts = [b["slow_tracks"].num_rows for b in buckets]
    jobs = encounters.spans(
        address, files, [b["slow_days"] for b in buckets], counts, rules.slot_s, rules.encounter_m, rules.encounter_h
    )
    return engine.begin(runner, encounters.pair_span, jobs)


def _encounters(buckets: list[dict[str, Any]], found: list[Runs], rules: EventSettings) -> pa.Table:
    """Encounters of two ships that were both heard, times as microseconds."""
    held = pa.concat_tables([b["slow_tracks"] for b in buckets])
    vessel, number = held.column("vessel").to_numpy(), held.column("track").to_numpy()
    least = round(rules.encounter_h * 3600 / rules.slot_s)
    runs, sums = encounters.join_spans(found, vessel, number, least)
    return encounters.listing(runs, sums, held.column("vessel_id"), number, rules)


def _placed(met: pa.Table, known: Places, rules: EventSettings) -> pa.Table:
    """Encounters with how far the nearest known port lies; those at sea are surer where both ships were heard."""
    metres = places.distance_to_any_m(known, met.column("lat").to_numpy(), met.column("lon").to_numpy())
    at_sea = metres > rules.encounter_port_m
    both = pc.equal(met.column("kind"), "both").to_numpy()
    sure = met.column("confidence").to_numpy() + (at_sea & both)
    placed = met.set_column(met.column_names.index("confidence"), "confidence", pa.array(sure, pa.int32()))
    placed = placed.append_column("port_m", pa.array(metres, mask=metres > TOLD_PORT_M))
    placed = placed.append_column("at_sea", pa.array(at_sea))
    if not rules.encounter_near_port:
        placed = placed.filter(pa.array(at_sea | ~both))
    for name in ("start", "end"):
        placed = placed.set_column(placed.column_names.index(name), name, placed.column(name).cast(tables.TIME))
    return placed


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


def write(made: dict[str, pa.Table], out: Path | str, csv: bool = False) -> None:
    """Each table as Parquet in a folder or at an address, whole or not at all; with `csv` also as text for spreadsheets.

    In the text times are UTC as 2024-03-01T12:00:00Z, an empty cell is null, and lists are parted by semicolons.
    """
    place = Folder(str(out))

    def one(name: str) -> None:
        place.write(f"{name}.parquet", parquet(made[name]))
        if csv:
            place.write(f"{name}.csv", [_text(made[name])])

    with ThreadPoolExecutor(engine.cores()) as threads:
        # the largest first, so that none is left over at the end
        list(threads.map(one, sorted(made, key=lambda name: (-made[name].num_rows, name))))


def _text(table: pa.Table) -> pa.Buffer:
    from pyarrow import csv as pacsv

    plain = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_timestamp(column.type):
            column = pc.strftime(column.cast(pa.timestamp("s", tz="UTC"), safe=False), "%Y-%m-%dT%H:%M:%SZ")
        elif pa.types.is_list(column.type):
            column = pc.binary_join(column, ";")
        elif pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        plain[name] = column
    sink = pa.BufferOutputStream()
    pacsv.write_csv(pa.table(plain), sink, pacsv.WriteOptions(quoting_style="needed"))
    return sink.getvalue()
