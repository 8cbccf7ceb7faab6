"""Ships together: from the slow points of all buckets to meetings of two, and who lay alone.

Takes slow points at ten-minute slots, some days at a time; runs of slots in which two tracks were within
reach of each other come from `tumen.ais.pairing`. A run that touches the edge of its days is kept whatever its
length and joined with the next days', so spans of days are independent tasks and memory is that of one span.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen.ais.compiled import kernel
from tumen.ais.geo import KNOT_MS
from tumen.ais.ids import event_ids
from tumen.ais.pairing import MISSING_SLOTS, runs_of
from tumen.ais.settings import EventSettings
from tumen.ais.work import folder

# Days are taken together until they hold this many points, about 100 MB in the pairing.
SPAN_POINTS = 3_000_000


@dataclass(frozen=True)
class Piece:
    """Rows [begin, stop) of a bucket's file of `total` slow points."""

    name: str
    total: int
    begin: int
    stop: int


@dataclass(frozen=True)
class Span:
    """One task: slots [first, stop) of all buckets; `tracks` is the number of the first track of each piece."""

    folder: str
    pieces: tuple[Piece, ...]
    offsets: tuple[int, ...]
    first: int
    stop: int
    reach_m: float
    least_slots: int


def pair_span(job: Span) -> tuple[np.ndarray, np.ndarray]:
    """Runs of one span: whole numbers (track a, track b, first slot, last slot, slots) and sums."""
    work = folder(job.folder)
    columns: list[list[np.ndarray]] = [[], [], [], []]
    for piece, offset in zip(job.pieces, job.offsets, strict=True):
        for number in range(4):
            at = 4 * (number * piece.total + piece.begin)
            raw = work.read(piece.name, at, 4 * (piece.stop - piece.begin))
            values = np.frombuffer(raw, dtype=np.int32)
            columns[number].append(values + np.int32(offset) if number == 1 else values)
    if not columns[0]:
        return np.zeros((0, 5), np.int64), np.zeros((0, 4))
    slot, track, lat, lon = (np.concatenate(c) for c in columns)
    return runs_of(slot, track, lat, lon, job.first, job.stop, job.reach_m, job.least_slots)


@kernel
def _join(
    order: np.ndarray, a: np.ndarray, b: np.ndarray, whole: np.ndarray, sums: np.ndarray, missing: int, least: int
) -> tuple[np.ndarray, np.ndarray]:
    """Runs of one pair that follow each other as one; those that are long enough. `order` is by pair and time."""
    out = np.empty((len(order), 5), dtype=np.int64)
    tell = np.empty((len(order), 4), dtype=np.float64)
    m = 0
    for k in range(len(order)):
        i = order[k]
        if m > 0 and out[m - 1, 0] == a[i] and out[m - 1, 1] == b[i] and whole[i, 2] - out[m - 1, 3] <= missing:
            # longitudes on one side of the date line
            turn = round((tell[m - 1, 2] / out[m - 1, 4] - sums[i, 2] / whole[i, 4]) / 360.0) * 360.0 * whole[i, 4]
            out[m - 1, 3] = whole[i, 3]
            out[m - 1, 4] += whole[i, 4]
            tell[m - 1] += sums[i]
            tell[m - 1, 2] += turn
            continue
        # the run before is complete: it stays only if it was long
        if m > 0 and out[m - 1, 3] - out[m - 1, 2] < least:
            m -= 1
        out[m, 0] = a[i]
        out[m, 1] = b[i]
        out[m, 2:5] = whole[i, 2:5]
        tell[m] = sums[i]
        m += 1
    if m > 0 and out[m - 1, 3] - out[m - 1, 2] < least:
        m -= 1
    return out[:m], tell[:m]


def join_spans(
    found: list[tuple[np.ndarray, np.ndarray]], vessel: np.ndarray, number: np.ndarray, least_slots: int
) -> tuple[np.ndarray, np.ndarray]:
    """Runs of all spans joined across their edges, pairs in the order of vessel and track, the smaller first."""
    if not found:
        return np.zeros((0, 5), np.int64), np.zeros((0, 4))
    whole, sums = (np.concatenate([f[k] for f in found]) for k in range(2))
    # two tracks of one number side by side are a clash of identity, not a meeting
    apart = vessel[whole[:, 0]] != vessel[whole[:, 1]]
    whole, sums = whole[apart], sums[apart]
    rank = np.empty(len(vessel), dtype=np.int64)
    rank[np.lexsort((number, vessel))] = np.arange(len(vessel))
    a, b = rank[whole[:, 0]], rank[whole[:, 1]]
    low, high = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((whole[:, 2], high, low))
    runs, tell = _join(order, low, high, whole, sums, MISSING_SLOTS, least_slots)
    back = np.lexsort((number, vessel))
    runs[:, 0], runs[:, 1] = back[runs[:, 0]], back[runs[:, 1]]
    return runs, tell


def spans(
    address: str, files: list[str], days: list[pa.Table], tracks: list[int], slot_s: int, reach_m: float, hours: float
) -> list[Span]:
    """The days for which there are slow points, taken together while they are few.

    `files` and `days` come bucket by bucket: the file of slow points, day by day, and points by day.
    """
    per_day = 86_400 // slot_s
    points: dict[int, int] = {}
    begins: list[dict[int, tuple[int, int]]] = []
    totals = []
    for table in days:
        at = 0
        held = {}
        for day, many in zip(table.column("day").to_pylist(), table.column("points").to_pylist(), strict=True):
            held[day] = (at, at + many)
            points[day] = points.get(day, 0) + many
            at += many
        begins.append(held)
        totals.append(at)
    least = round(hours * 3600 / slot_s)
    offsets = np.concatenate([[0], np.cumsum(tracks)])
    out = []
    group: list[int] = []
    for k, day in enumerate(listed := sorted(points)):
        group.append(day)
        last = k + 1 == len(listed)
        if not last and sum(points[d] for d in group) + points[listed[k + 1]] <= SPAN_POINTS and day - group[0] < 365:
            continue
        pieces, of = [], []
        for bucket, held in enumerate(begins):
            rows = [held[d] for d in group if d in held]
            if rows:
                pieces.append(Piece(files[bucket], totals[bucket], rows[0][0], rows[-1][1]))
                of.append(int(offsets[bucket]))
        out.append(
            Span(address, tuple(pieces), tuple(of), group[0] * per_day, (group[-1] + 1) * per_day, reach_m, least)
        )
        group = []
    return out


def listing(
    runs: np.ndarray, sums: np.ndarray, names: pa.ChunkedArray, number: np.ndarray, rules: EventSettings
) -> pa.Table:
    """Encounters of two: runs slow enough, as rows of the table `encounters`, times as microseconds; `names` and
    `number` are the vessel and the number of each track."""
    a, b, first, last, slots = runs.T
    speed = sums[:, 3] / np.maximum(1, (last - first) * rules.slot_s) / KNOT_MS
    slow = speed < rules.encounter_kn
    a, b, first, last, slots, speed = (v[slow] for v in (a, b, first, last, slots, speed))
    metres, lat, lon = (sums[slow, k] / slots for k in range(3))
    hours = (last - first) * (rules.slot_s / 3600)
    steady = slots >= 0.8 * (last - first + 1)
    sure = 1 + (metres < 0.5 * rules.encounter_m).astype(np.int32) + steady
    ids, others = names.take(pa.array(a)), names.take(pa.array(b))
    start = first * rules.slot_s * 1_000_000
    return pa.table(
        {
            "encounter_id": event_ids("encounter", ids, number[a], others, number[b], start),
            "kind": pa.repeat("both", len(a)), "vessel_id": ids, "track": pa.array(number[a], pa.int32()),
            "other_id": others, "other_track": pa.array(number[b], pa.int32()),
            "start": start, "end": last * rules.slot_s * 1_000_000, "hours": hours, "lat": lat,
            "lon": (lon + 540.0) % 360.0 - 180.0, "mean_m": metres, "mean_kn": speed, "slots": pa.array(slots, pa.int32()),
            "gap_id": pa.nulls(len(a), pa.string()), "candidates": pa.nulls(len(a), pa.int32()),
            "confidence": pa.array(sure, pa.int32()),
        }
    )  # fmt: skip


@kernel
def _alongside(
    begin: np.ndarray, m_start: np.ndarray, m_end: np.ndarray, code: np.ndarray, start: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Whether each time [start, end] of a vessel touches one of her meetings, which are sorted by vessel and start
    and whose ends are the latest so far."""
    out = np.zeros(len(code), dtype=np.bool_)
    for i in range(len(code)):
        if code[i] < 0:
            continue
        a, b = begin[code[i]], begin[code[i] + 1]
        k = a + np.searchsorted(m_start[a:b], end[i], side="right")
        out[i] = k > a and m_end[k - 1] >= start[i]
    return out


def unmet(slow: pa.Table, met: pa.Table) -> pa.Table:
    """The loitering during which no other ship was heard alongside; times of both as microseconds."""
    if not met.num_rows:
        return slow
    names = pa.chunked_array(met.column("vessel_id").chunks + met.column("other_id").chunks)
    coded = names.combine_chunks().dictionary_encode()
    code = coded.indices.to_numpy().astype(np.int64)
    start, end = (np.tile(met.column(n).to_numpy(), 2) for n in ("start", "end"))
    order = np.lexsort((start, code))
    code, start, end = code[order], start[order], end[order]
    begin = np.searchsorted(code, np.arange(len(coded.dictionary) + 1))
    for a, b in pairwise(begin.tolist()):
        end[a:b] = np.maximum.accumulate(end[a:b])
    own = pc.fill_null(pc.index_in(slow.column("vessel_id"), coded.dictionary), -1).to_numpy().astype(np.int64)
    beside = _alongside(begin, start, end, own, slow.column("start").to_numpy(), slow.column("end").to_numpy())
    return slow.filter(pa.array(~beside))
