"""Rows sorted into vessel buckets on disk: what DuckDB or Spark call a shuffle, in one pass and bounded memory.

A task reads its part of an archive and writes one segment file a block: columns bucket by bucket, positions
before identities. A bucket is later read from all segments that hold rows of it, one range of each file. A
segment is named by what it was made of, so a new day adds its own files and touches no others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tumen.ais import reasons
from tumen.ais.archives import Task, blocks, sift
from tumen.ais.geo import NO_ANGLE
from tumen.ais.reasons import Drops
from tumen.ais.rows import (
    CALL_BYTES,
    DESTINATION_BYTES,
    IDENT_BYTES,
    NAME_BYTES,
    Positions,
    Statics,
    place_by_bucket,
)
from tumen.ais.tracks import bucket_order
from tumen.ais.work import Folder, folder

# Changes whenever segments made before must not be read again.
SEGMENT_VERSION = 4
# Rows that are looked at for columns in each other's place.
SWAP_ROWS = 50_000


@dataclass(frozen=True)
class Ingest:
    """One task of the first stage."""

    task: Task
    folder: str
    bits: int
    latest_us: int
    block_bytes: int
    # what other parts of the archive told, for blocks that tell nothing of the order of their coordinates
    exchanged: bool = False


@dataclass(frozen=True)
class Part:
    """What one segment holds of one bucket, and where in its file."""

    name: str
    archive: str
    base: int
    columns: tuple[str, ...]
    offset: int
    rows: int
    who_offset: int
    who_rows: int


@dataclass(frozen=True)
class Segment:
    """A block of rows on disk: file name, archive, offset of its first row, columns, and rows in each bucket."""

    name: str
    archive: str
    base: int
    columns: list[str]
    rows: list[int]
    identities: list[int]
    # of latitude and longitude, as the block itself tells it: EXCHANGED, AS_WRITTEN or UNKNOWN
    order: str = ""

    def parts(self) -> list[Part]:
        """The segment bucket by bucket."""
        wide = sum(POSITION_BYTES[n] for n in self.columns)
        sizes, who = [_padded(n * wide) for n in self.rows], [_padded(n * _STATIC_WIDTH) for n in self.identities]
        out, at, behind = [], 0, sum(sizes)
        for k, rows in enumerate(self.rows):
            out.append(
                Part(self.name, self.archive, self.base, tuple(self.columns), at, rows, behind, self.identities[k])
            )
            at, behind = at + sizes[k], behind + who[k]
        return out


@dataclass
class Ingested:
    """What one task wrote and what it left out."""

    archive: int
    segments: list[Segment]
    drops: Drops


def ingest(job: Ingest) -> Ingested:
    """Read one task and write its segments; done before with the same input, it only reads the note of it."""
    task, work = job.task, folder(job.folder)
    key = _key(job)
    note = f"segments/{key}.json"
    if work.exists(note):
        return _read_note(work.read(note), task.archive)
    drops = Drops(task.source.name)
    segments: list[Segment] = []
    for number, rows in enumerate(blocks(task, drops, job.block_bytes)):
        pos = rows.positions
        order, why = (AS_WRITTEN, "") if task.kind == "nmea" else _order(pos)
        if order == EXCHANGED or (order == UNKNOWN and job.exchanged):
            drops.add(reasons.SWAPPED, 0 if drops.counts[reasons.SWAPPED] else 1, why)
            pos.lat, pos.lon = pos.lon, pos.lat
            _null_sentinels(pos)
        bucket, start = sift(pos, drops, job.latest_us, task.earliest_us, job.bits, rows.base)
        stat = rows.statics.collapse()
        segments.append(
            _write(
                pos, stat, bucket, start, job.bits, f"{key}-{number:05d}.rows", task.source.name, rows.base, work, order
            )
        )
    _write_note(work, note, segments, drops)
    return Ingested(task.archive, segments, drops)


def _key(job: Ingest) -> str:
    task = job.task
    told = [
        SEGMENT_VERSION, task.fingerprint, task.source.name, task.kind, task.start, task.end, repr(task.how), repr(task.mapping),
        job.bits, job.block_bytes, task.earliest_us, job.exchanged,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]


EXCHANGED, AS_WRITTEN, UNKNOWN = "exchanged", "as written", ""


def again(jobs: Sequence[Ingest], done: Sequence[Ingested]) -> list[int]:
    """Tasks to read again because they hold blocks that tell nothing, in archives whose other blocks are exchanged.

    Such a block is of the order of the nearest before it that tells, else of the first that does.
    """
    out: dict[int, None] = {}
    for archive in dict.fromkeys(one.archive for one in done):
        told = [(k, s.order) for k, one in enumerate(done) if one.archive == archive for s in one.segments]
        now = next((order for _, order in told if order != UNKNOWN), AS_WRITTEN)
        for k, order in told:
            now = order or now
            if order == UNKNOWN and now == EXCHANGED and not jobs[k].exchanged:
                out[k] = None
    return list(out)


def _order(pos: Positions) -> tuple[str, str]:
    """Does 'latitude' hold longitudes? Told by range, and by courses that only fit one way; and why, where it does."""
    # a fault of the whole table shows in any part of it
    some = slice(None, None, max(1, len(pos) // SWAP_ROWS))
    ok = (pos.lat[some] != NO_ANGLE) & (pos.lon[some] != NO_ANGLE)
    lat, lon = np.abs(pos.lat[some][ok]), np.abs(pos.lon[some][ok])
    beyond, wide = (
        np.count_nonzero((a > 900_000_000) & (a <= 1_800_000_000) & (a != 910_000_000) & (b <= 900_000_000))
        for a, b in ((lat, lon), (lon, lat))
    )
    if beyond > 0.05 * max(1, len(lat)) and not np.count_nonzero(lon > 900_000_000):
        return EXCHANGED, f"{beyond} of {len(lat)} values in the latitude column are beyond 90"
    if wide > 0.05 * max(1, len(lat)) and not beyond:
        return AS_WRITTEN, ""
    return _order_by_course(pos)


def _order_by_course(pos: Positions) -> tuple[str, str]:
    """Compare told courses with the way made good, as written and with the columns exchanged."""
    pos = pos.take(slice(0, 4 * SWAP_ROWS))
    moving = np.flatnonzero(
        (pos.sog > 3) & (pos.sog < 60) & ~np.isnan(pos.cog) & (pos.lat != NO_ANGLE) & (pos.lon != NO_ANGLE)
    )[:20000]
    if len(moving) < 200:
        return UNKNOWN, ""
    part = pos.take(moving)
    order = np.lexsort((part.t, part.vessel))
    v, t = part.vessel[order], part.t[order]
    y, x, c = part.lat[order] / 1e7, part.lon[order] / 1e7, part.cog[order].astype(float)
    dt = np.diff(t) / 1e6
    use = (np.diff(v) == 0) & (dt > 5) & (dt < 900) & ((np.abs(np.diff(y)) + np.abs(np.diff(x))) > 2e-4)
    if np.count_nonzero(use) < 100:
        return UNKNOWN, ""

    def miss(y: np.ndarray, x: np.ndarray) -> float:
        way = np.degrees(np.arctan2(np.diff(x) * np.cos(np.radians(np.clip(y[:-1], -89, 89))), np.diff(y)))
        return float(np.median(np.abs((way - c[:-1] + 540) % 360 - 180)[use]))

    as_is, other = miss(y, x), miss(x, y)
    if other < 15 and as_is > 3 * other and as_is > 25 and np.abs(x).max() <= 90:
        return (
            EXCHANGED,
            f"told courses miss the way made good by {as_is:.0f} degrees as written, by {other:.0f} exchanged",
        )
    return (AS_WRITTEN if as_is < 15 and other > 25 else UNKNOWN), ""


def _null_sentinels(pos: Positions) -> None:
    none = (pos.lat == 1_810_000_000) | (pos.lon == 910_000_000)
    pos.lat[none] = pos.lon[none] = NO_ANGLE


# Columns of a segment file, and of the identities behind them: within a bucket one column after the other, in
# this order, so that each is aligned. Columns that hold nothing are not written.
POSITION_BYTES = {
    "vessel": 8,
    "t": 8,
    "lat": 4,
    "lon": 4,
    "sog": 4,
    "cog": 4,
    "at": 4,
    "heading": 2,
    "status": 1,
    "kind": 1,
}
STATIC_BYTES = {
    "vessel": 8, "t": 8, "t_last": 8, "count": 8, "imo": 8, "at": 8, "sides": 16, "draught": 4, "ship_type": 2, "kind": 1,
    "name": NAME_BYTES, "call": CALL_BYTES, "destination": DESTINATION_BYTES, "ident": IDENT_BYTES,
}  # fmt: skip
_STATIC_WIDTH = sum(STATIC_BYTES.values())


_OPTIONAL = ("heading", "status", "kind")


def _padded(size: int) -> int:
    return -(-size // 8) * 8


def _write(pos: Positions, stat: Statics, bucket: np.ndarray, start: np.ndarray, bits: int, name: str, archive: str,
           base: int, work: Folder, told: str) -> Segment:  # fmt: skip
    """One file of all buckets, positions then identities."""
    made = Positions.empty(int(start[-1]))
    columns = [n for n in POSITION_BYTES if _worth(n, getattr(pos, n))]
    more = len(columns) > len(POSITION_BYTES) - len(_OPTIONAL)
    place_by_bucket(bucket, start, tuple(made.columns().values()), tuple(pos.columns().values()), more)
    rows = [int(v) for v in np.diff(start)]
    parts: list[Any] = []
    _lay(parts, made, columns, start)
    order, who_start = bucket_order(stat.vessel, bits)
    stat = stat.take(order)
    stat.sides = np.ascontiguousarray(stat.sides)
    _lay(parts, stat, list(STATIC_BYTES), who_start)
    work.write(f"segments/{name}", parts)
    return Segment(f"segments/{name}", archive, base, columns, rows, [int(v) for v in np.diff(who_start)], told)


def _lay(parts: list[Any], rows: Positions | Statics, columns: list[str], start: np.ndarray) -> None:
    """Bytes of each bucket's columns, one bucket after the other, each from a multiple of eight on."""
    held = [np.ascontiguousarray(getattr(rows, n)) for n in columns]
    for b in range(len(start) - 1):
        i, j = int(start[b]), int(start[b + 1])
        if i == j:
            continue
        size = 0
        for values in held:
            piece = values[i:j]
            parts.append(piece.data)
            size += piece.nbytes
        if size % 8:
            parts.append(bytes(8 - size % 8))


def _worth(name: str, values: np.ndarray) -> bool:
    """Columns that hold nothing are not written."""
    if name not in _OPTIONAL:
        return True
    return bool(values.any()) if name == "kind" else bool((values >= 0).any())


def positions_of(work: Folder, part: Part) -> dict[str, np.ndarray]:
    """The columns of one bucket in one segment, read in one go."""
    raw = work.read(part.name, part.offset, part.rows * sum(POSITION_BYTES[n] for n in part.columns))
    out, at = {}, 0
    for name in part.columns:
        out[name] = np.frombuffer(raw, dtype=_DTYPES[name], count=part.rows, offset=at)
        at += part.rows * POSITION_BYTES[name]
    return out


_DTYPES = {n: v.dtype for n, v in Positions.empty(0).columns().items()}


def statics_of(work: Folder, parts: tuple[Part, ...]) -> Statics:
    """Identity messages of one bucket from all segments, in their order."""
    held = []
    for part in parts:
        if not part.who_rows:
            continue
        raw = work.read(part.name, part.who_offset, part.who_rows * _STATIC_WIDTH)
        made = Statics.empty(0)
        at = 0
        for name, width in STATIC_BYTES.items():
            like = getattr(made, name)
            cells = width // like.itemsize
            values = np.frombuffer(raw, dtype=like.dtype, count=part.who_rows * cells, offset=at)
            setattr(made, name, values.reshape(part.who_rows, cells) if like.ndim == 2 else values)
            at += part.who_rows * width
        held.append(made)
    return Statics.join(held)


def _write_note(work: Folder, name: str, segments: list[Segment], drops: Drops) -> None:
    note: dict[str, Any] = {
        "segments": [asdict(s) for s in segments],
        "counts": drops.counts.tolist(),
        "first_line": drops.first_line.tolist(),
        "note": {str(k): v for k, v in drops.note.items()},
        "lines": drops.lines,
        "rows": drops.rows,
    }
    work.write(name, [json.dumps(note).encode()])


def _read_note(raw: bytes, archive: int) -> Ingested:
    note = json.loads(raw)
    segments = [Segment(**s) for s in note["segments"]]
    drops = Drops("", np.array(note["counts"]), np.array(note["first_line"]))
    drops.note = {int(k): v for k, v in note["note"].items()}
    drops.lines, drops.rows = note["lines"], note["rows"]
    return Ingested(archive, segments, drops)
