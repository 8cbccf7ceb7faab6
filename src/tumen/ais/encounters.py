"""Ships together: pairs of slow points in grid cells, run by run.

Takes slow points at ten-minute slots, some days at a time; gives runs of slots in which two tracks were
within reach of each other. A run that touches the edge of its days is kept whatever its length and joined
with the next days', so spans of days are independent tasks and memory is that of one span.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tumen.ais.compiled import inlined, kernel
from tumen.ais.geo import KNOT_MS, M_PER_DEGREE, distance_m
from tumen.ais.work import folder

# Slots that may be missing inside one encounter: ten-minute slots without a message on either side.
MISSING_SLOTS = 3
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


@inlined
def _width_deg(row: int, size_deg: float) -> float:
    """Width of the cells of a row, so that they are about as wide as high."""
    return size_deg / max(0.01, np.cos(np.radians((row + 0.5) * size_deg - 90.0)))


@inlined
def _home(key: int, mask: int) -> int:
    return np.int64((np.uint64(key) * np.uint64(11400714819323198485)) >> np.uint64(16)) & mask  # type: ignore[return-value]


@kernel
def _by_slot(slot: np.ndarray, first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Order of points by slot, and where each slot starts."""
    start = np.zeros(stop - first + 1, dtype=np.int64)
    for i in range(len(slot)):
        start[slot[i] - first + 1] += 1
    for k in range(stop - first):
        start[k + 1] += start[k]
    at = start[:-1].copy()
    order = np.empty(len(slot), dtype=np.int64)
    for i in range(len(slot)):
        order[at[slot[i] - first]] = i
        at[slot[i] - first] += 1
    return order, start


@kernel
def _runs(
    slot: np.ndarray, track: np.ndarray, lat: np.ndarray, lon: np.ndarray, reach_m: float, missing: int, least: int,
    first: int, stop: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Runs of pairs: (track a, track b, first slot, last slot, slots), (sums of distance, lat, lon, and the way).

    Each slot has a hash of occupied cells, as high as the reach; a point is compared with those before it in
    the cells that the reach touches, so each pair is met once a slot whatever the order of the points.
    """
    size_deg = reach_m / 111_000.0
    order, start = _by_slot(slot, first, stop)
    n = len(order)
    cells = 1 << 10
    most = 0
    for k in range(stop - first):
        most = max(most, start[k + 1] - start[k])
    while cells < 2 * most:
        cells *= 2
    cell = np.zeros(cells, dtype=np.int64)
    stamp = np.full(cells, -1, dtype=np.int64)
    head = np.zeros(cells, dtype=np.int64)
    behind = np.empty(n, dtype=np.int64)
    size = 1 << 12
    pair = np.full(size, -1, dtype=np.int64)
    state = np.zeros((size, 3), dtype=np.int64)
    sums = np.zeros((size, 6), dtype=np.float64)
    used = 0
    room = 1024
    out = np.empty((room, 5), dtype=np.int64)
    tell = np.empty((room, 4), dtype=np.float64)
    m = 0
    for step in range(stop - first):
        s = first + step
        for q in range(start[step], start[step + 1]):
            i = order[q]
            y, x = lat[i] * 1e-7, lon[i] * 1e-7
            row = np.int64((y + 90.0) / size_deg)
            reach_lon = size_deg / max(0.01, np.cos(np.radians(y)))
            for turn in range(3):
                # a point near the date line is looked for on both sides of it
                if turn == 1 and x + reach_lon <= 180.0:
                    continue
                if turn == 2 and x - reach_lon >= -180.0:
                    continue
                xs = x - 360.0 if turn == 1 else x + 360.0 if turn == 2 else x
                for r in range(row - 1, row + 2):
                    width = _width_deg(r, size_deg)
                    c0 = np.int64(max(0.0, xs - reach_lon + 180.0) / width)
                    c1 = np.int64(max(0.0, xs + reach_lon + 180.0) / width)
                    for c in range(c0, c1 + 1):
                        key = (r << 24) | c
                        place = _home(key, cells - 1)
                        while stamp[place] == step and cell[place] != key:
                            place = (place + 1) & (cells - 1)
                        if stamp[place] != step:
                            continue
                        j = head[place]
                        while j >= 0:
                            if abs(lat[i] - lat[j]) * 1e-7 * M_PER_DEGREE <= reach_m:
                                y2, x2 = lat[j] * 1e-7, lon[j] * 1e-7
                                d = distance_m(y, x, y2, x2)
                                if d <= reach_m and track[i] != track[j]:
                                    a, b = np.int64(track[i]), np.int64(track[j])
                                    if a > b:
                                        a, b = b, a
                                    p = (a << 32) | b
                                    at = _home(p, size - 1)
                                    while pair[at] != -1 and pair[at] != p:
                                        at = (at + 1) & (size - 1)
                                    my, mx = 0.5 * (y + y2), 0.5 * (x + x2)
                                    if abs(x - x2) > 180.0:
                                        mx = mx + 180.0 if mx < 0.0 else mx - 180.0
                                    fresh = pair[at] == -1
                                    if fresh:
                                        pair[at] = p
                                        used += 1
                                    elif s - state[at, 1] > missing:
                                        if state[at, 1] - state[at, 0] >= least or state[at, 0] - first < missing:
                                            if m == room:
                                                room *= 2
                                                out2 = np.empty((room, 5), dtype=np.int64)
                                                out2[:m] = out
                                                out = out2
                                                tell2 = np.empty((room, 4), dtype=np.float64)
                                                tell2[:m] = tell
                                                tell = tell2
                                            out[m, 0] = a
                                            out[m, 1] = b
                                            out[m, 2:5] = state[at]
                                            tell[m] = sums[at, :4]
                                            m += 1
                                        fresh = True
                                    if fresh:
                                        state[at, 0] = s
                                        state[at, 2] = 0
                                        sums[at, :] = 0.0
                                    else:
                                        sums[at, 3] += distance_m(sums[at, 4], sums[at, 5], my, mx)
                                    state[at, 1] = s
                                    state[at, 2] += 1
                                    sums[at, 0] += d
                                    sums[at, 1] += my
                                    sums[at, 2] += mx
                                    sums[at, 4] = my
                                    sums[at, 5] = mx
                                    if used * 2 > size:
                                        bigger = size * 4
                                        pair2 = np.full(bigger, -1, dtype=np.int64)
                                        state2 = np.zeros((bigger, 3), dtype=np.int64)
                                        sums2 = np.zeros((bigger, 6), dtype=np.float64)
                                        for k in range(size):
                                            if pair[k] != -1:
                                                z = _home(pair[k], bigger - 1)
                                                while pair2[z] != -1:
                                                    z = (z + 1) & (bigger - 1)
                                                pair2[z] = pair[k]
                                                state2[z] = state[k]
                                                sums2[z] = sums[k]
                                        size = bigger
                                        pair = pair2
                                        state = state2
                                        sums = sums2
                            j = behind[j]
            width = _width_deg(row, size_deg)
            mine = (row << 24) | np.int64((x + 180.0) / width)
            place = _home(mine, cells - 1)
            while stamp[place] == step and cell[place] != mine:
                place = (place + 1) & (cells - 1)
            if stamp[place] != step:
                stamp[place] = step
                cell[place] = mine
                behind[i] = -1
            else:
                behind[i] = head[place]
            head[place] = i
    for k in range(size):
        if pair[k] == -1:
            continue
        long = state[k, 1] - state[k, 0] >= least
        edge = state[k, 0] - first < missing or stop - state[k, 1] <= missing
        if long or edge:
            if m == room:
                room *= 2
                out2 = np.empty((room, 5), dtype=np.int64)
                out2[:m] = out
                out = out2
                tell2 = np.empty((room, 4), dtype=np.float64)
                tell2[:m] = tell
                tell = tell2
            out[m, 0] = pair[k] >> 32
            out[m, 1] = pair[k] & 0xFFFFFFFF
            out[m, 2:5] = state[k]
            tell[m] = sums[k, :4]
            m += 1
    return out[:m], tell[:m]


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
    return _runs(slot, track, lat, lon, job.reach_m, MISSING_SLOTS, job.least_slots, job.first, job.stop)  # type: ignore[no-any-return]


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
            out[m - 1, 3] = whole[i, 3]
            out[m - 1, 4] += whole[i, 4]
            tell[m - 1] += sums[i]
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

    `files` and `days` come bucket by bucket: the file of slow points, sorted by slot, and points by day.
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


def mean_knots(way_m: float, slots: int, slot_s: int) -> float:
    """Speed of the pair's middle over so many slots."""
    return way_m / (slots * slot_s) / KNOT_MS if slots else 0.0
