"""Rows sorted into vessel buckets on disk: what DuckDB or Spark call a shuffle, in one pass and bounded memory.

A task reads its part of an archive and writes one segment file a block: Arrow batches in the order of
the buckets, positions and identities apart. A bucket is later read from all segments that hold rows of
it. A segment is named by what it was made of, so a new day adds its own files and touches no others.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.ais import reasons
from tumen.ais.archives import Task, blocks, usable
from tumen.ais.geo import NO_ANGLE
from tumen.ais.reasons import Drops
from tumen.ais.rows import Positions, Statics
from tumen.ais.tracks import bucket_order

# Changes whenever segments made before must not be read again.
SEGMENT_VERSION = 1
# 64 buckets keep a bucket of a billion rows under 16 million, about 1 GB in the walk.
BUCKET_BITS = 6


@dataclass(frozen=True)
class Ingest:
    """One task of the first stage."""

    task: Task
    folder: str
    bits: int
    latest_us: int
    block_bytes: int


@dataclass(frozen=True)
class Segment:
    """A block of rows on disk: file names, archive, offset of its first row, and rows in each bucket."""

    positions: str
    statics: str
    archive: str
    base: int
    rows: list[int]
    identities: list[int]


@dataclass
class Ingested:
    """What one task wrote and what it left out."""

    archive: int
    segments: list[Segment]
    drops: Drops


def ingest(job: Ingest) -> Ingested:
    """Read one task and write its segments; done before with the same input, it only reads the note of it."""
    task = job.task
    key = _key(job)
    note = Path(job.folder) / f"{key}.json"
    if note.exists():
        return _read_note(note, task.archive)
    drops = Drops(task.source.name)
    segments: list[Segment] = []
    for number, rows in enumerate(blocks(task, drops, job.block_bytes)):
        pos = rows.positions
        swap = _swapped(pos)
        if swap:
            drops.add(reasons.SWAPPED, 0 if drops.counts[reasons.SWAPPED] else 1, swap)
            pos.lat, pos.lon = pos.lon, pos.lat
            _null_sentinels(pos)
        pos = usable(pos, drops, job.latest_us)
        stat = rows.statics.collapse()
        stem = f"{key}-{number:05d}"
        counts = _write(pos, Path(job.folder) / f"{stem}.arrow", job.bits)
        who = _write(stat, Path(job.folder) / f"{stem}.who.arrow", job.bits)
        segments.append(Segment(f"{stem}.arrow", f"{stem}.who.arrow", task.source.name, rows.base, counts, who))
    _write_note(note, segments, drops)
    return Ingested(task.archive, segments, drops)


def _key(job: Ingest) -> str:
    task = job.task
    told = [
        SEGMENT_VERSION, task.fingerprint, task.source.name, task.kind, task.start, task.end, repr(task.how), repr(task.mapping),
        job.bits, job.block_bytes,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]


def _swapped(pos: Positions) -> str:
    """Does 'latitude' hold longitudes? Told by range, and by courses that only fit the other way round."""
    ok = (pos.lat != NO_ANGLE) & (pos.lon != NO_ANGLE)
    if pos.kind.any():
        # message formats cannot swap them
        return ""
    lat, lon = np.abs(pos.lat[ok]), np.abs(pos.lon[ok])
    beyond = np.count_nonzero(
        (lat > 900_000_000) & (lat <= 1_800_000_000) & (lat != 910_000_000) & (lon <= 900_000_000)
    )
    if beyond > 0.05 * max(1, len(lat)) and not np.count_nonzero(lon > 900_000_000):
        return f"{beyond} of {len(lat)} values in the latitude column are beyond 90"
    return _swapped_by_course(pos)


def _swapped_by_course(pos: Positions) -> str:
    """Compare told courses with the way made good, as written and with the columns exchanged."""
    moving = np.flatnonzero(
        (pos.sog > 3) & (pos.sog < 60) & ~np.isnan(pos.cog) & (pos.lat != NO_ANGLE) & (pos.lon != NO_ANGLE)
    )[:20000]
    if len(moving) < 200:
        return ""
    part = pos.take(moving)
    order = np.lexsort((part.t, part.vessel))
    v, t = part.vessel[order], part.t[order]
    y, x, c = part.lat[order] / 1e7, part.lon[order] / 1e7, part.cog[order].astype(float)
    dt = np.diff(t) / 1e6
    use = (np.diff(v) == 0) & (dt > 5) & (dt < 900) & ((np.abs(np.diff(y)) + np.abs(np.diff(x))) > 2e-4)
    if np.count_nonzero(use) < 100:
        return ""

    def miss(y: np.ndarray, x: np.ndarray) -> float:
        way = np.degrees(np.arctan2(np.diff(x) * np.cos(np.radians(np.clip(y[:-1], -89, 89))), np.diff(y)))
        return float(np.median(np.abs((way - c[:-1] + 540) % 360 - 180)[use]))

    as_is, other = miss(y, x), miss(x, y)
    if other < 15 and as_is > 3 * other and as_is > 25 and np.abs(x).max() <= 90:
        return f"told courses miss the way made good by {as_is:.0f} degrees as written, by {other:.0f} exchanged"
    return ""


def _null_sentinels(pos: Positions) -> None:
    none = (pos.lat == 1_810_000_000) | (pos.lon == 910_000_000)
    pos.lat[none] = pos.lon[none] = NO_ANGLE


def _write(rows: Positions | Statics, path: Path, bits: int) -> list[int]:
    """One Arrow file of a batch a bucket, whole or not at all; rows in each bucket."""
    order, start = bucket_order(rows.vessel, bits)
    sorted_rows = rows.take(order)
    columns = {name: _as_arrow(values) for name, values in sorted_rows.columns().items() if _worth(name, values)}
    schema = pa.schema([pa.field(n, a.type) for n, a in columns.items()])
    aside = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    with pa.OSFile(str(aside), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for b in range(len(start) - 1):
            size = start[b + 1] - start[b]
            batch = pa.RecordBatch.from_arrays([a.slice(start[b], size) for a in columns.values()], schema=schema)
            writer.write_batch(batch)
    aside.replace(path)
    return [int(v) for v in np.diff(start)]


def _worth(name: str, values: np.ndarray) -> bool:
    """Columns that hold nothing are not written."""
    if name in ("heading", "status"):
        return bool((values >= 0).any())
    if name == "kind" and values.ndim == 1:
        return bool(values.any())
    return True


def _as_arrow(values: np.ndarray) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    flat = np.ascontiguousarray(values)
    width = flat.shape[1] * flat.itemsize
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(flat), [None, pa.py_buffer(flat)])


def load_positions(folder: str, segments: list[Segment], bucket: int) -> tuple[Positions, np.ndarray]:
    """Positions of one bucket from all segments, in their order, and the segment of each row."""
    sizes = [s.rows[bucket] for s in segments]
    made = Positions.nulls(sum(sizes))
    of = np.repeat(np.arange(len(segments), dtype=np.int32), sizes)
    at = 0
    for segment, size in zip(segments, sizes, strict=True):
        if not size:
            continue
        with pa.memory_map(str(Path(folder) / segment.positions)) as source:
            batch = pa.ipc.open_file(source).get_batch(bucket)
            for name in batch.schema.names:
                getattr(made, name)[at : at + size] = batch.column(name).to_numpy(zero_copy_only=False)
        at += size
    return made, of


def load_statics(folder: str, segments: list[Segment], bucket: int) -> Statics:
    """Identity messages of one bucket from all segments, in their order."""
    parts = []
    for segment in segments:
        size = segment.identities[bucket]
        if not size:
            continue
        with pa.memory_map(str(Path(folder) / segment.statics)) as source:
            batch = pa.ipc.open_file(source).get_batch(bucket)
            made = Statics.empty(size)
            for name in batch.schema.names:
                target = getattr(made, name)
                column = batch.column(name)
                if target.ndim == 1:
                    target[:] = column.to_numpy(zero_copy_only=False)
                else:
                    width = column.type.byte_width
                    raw = np.frombuffer(column.buffers()[1], dtype=np.uint8)
                    raw = raw[column.offset * width : (column.offset + size) * width]
                    target[:] = raw.reshape(size, width).view(target.dtype)
            parts.append(made)
    return Statics.join(parts)


def _write_note(path: Path, segments: list[Segment], drops: Drops) -> None:
    note: dict[str, Any] = {
        "segments": [asdict(s) for s in segments],
        "counts": drops.counts.tolist(),
        "first_line": drops.first_line.tolist(),
        "note": {str(k): v for k, v in drops.note.items()},
        "lines": drops.lines,
        "rows": drops.rows,
    }
    write_aside(path, json.dumps(note).encode())


def _read_note(path: Path, archive: int) -> Ingested:
    note = json.loads(path.read_text())
    segments = [Segment(**s) for s in note["segments"]]
    drops = Drops("", np.array(note["counts"]), np.array(note["first_line"]))
    drops.note = {int(k): v for k, v in note["note"].items()}
    drops.lines, drops.rows = note["lines"], note["rows"]
    return Ingested(archive, segments, drops)


def write_aside(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    aside = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    aside.write_bytes(data)
    aside.replace(path)
