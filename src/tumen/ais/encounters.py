"""Ships together: pairs of slow points in grid cells, run by run.

Takes slow points at ten-minute slots, some days at a time; gives runs of slots in which two tracks were
within reach of each other. A run that touches the edge of its days is kept whatever its length and joined
with the next days', so spans of days are independent tasks and memory is that of one span.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen.ais.compiled import inlined, kernel
from tumen.ais.geo import KNOT_MS, M_PER_DEGREE
from tumen.ais.ids import event_ids
from tumen.ais.settings import EventSettings
from tumen.ais.work import folder

# Slots that may be missing inside one encounter: ten-minute slots without a message on either side.
MISSING_SLOTS = 3
# Half a turn in units of 1e-7 degree.
HALF_TURN = 1_800_000_000
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
def _home(key: int, mask: int) -> int:
    return np.int64((np.uint64(key) * np.uint64(11400714819323198485)) >> np.uint64(16)) & mask  # type: ignore[return-value]


@kernel
def _by_track(
    slot: np.ndarray, track: np.ndarray, lat: np.ndarray, lon: np.ndarray, low: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points track by track in their given order: where each of `count` tracks from `low` on starts, slot, track
    (from 0), lat, lon."""
    n = len(slot)
    begin = np.zeros(count + 1, dtype=np.int64)
    for i in range(n):
        begin[track[i] - low + 1] += 1
    for k in range(count):
        begin[k + 1] += begin[k]
    at = begin[:-1].copy()
    slot2, owner = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.int32)
    lat2, lon2 = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.int32)
    for i in range(n):
        g = track[i] - low
        p = at[g]
        at[g] = p + 1
        slot2[p] = slot[i]
        owner[p] = g
        lat2[p] = lat[i]
        lon2[p] = lon[i]
    return begin, slot2, owner, lat2, lon2


@kernel
def _looked_at(slot: np.ndarray, wanted: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of the wanted slots by slot, and where each slot starts."""
    start = np.zeros(len(wanted) + 1, dtype=np.int64)
    for i in range(len(slot)):
        s = slot[i] - first
        if wanted[s]:
            start[s + 1] += 1
    for k in range(len(wanted)):
        start[k + 1] += start[k]
    at = start[:-1].copy()
    order = np.empty(start[-1], dtype=np.int64)
    for i in range(len(slot)):
        s = slot[i] - first
        if wanted[s]:
            order[at[s]] = i
            at[s] += 1
    return order, start


def wanted_slots(first: int, stop: int, missing: int, least: int) -> np.ndarray:
    """The slots of a span that must be looked at for pairs, so that none is missed.

    In any `missing` slots on end inside a run the pair is seen at least once, and a run that is long enough holds such
    a block whole if blocks come every `least` + 2 - `missing` slots. Runs at the edge of a span may be short.

    >>> wanted_slots(1100, 1150, 3, 12).astype(int).tolist()[14:35]
    [1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    """
    slots = np.arange(first, stop)
    period = least + 2 - missing
    edge = missing + least
    if period <= missing:
        return np.ones(len(slots), dtype=bool)
    return (slots % period < missing) | (slots <= first + edge) | (slots >= stop - 1 - edge)


# Cosines of latitude are kept for every thousandth of a degree: at most 1 cm in 500 m off at 60 degrees.
_COSINES = np.maximum(0.0, np.cos(np.radians((np.arange(180_001) + 0.5) / 1000.0 - 90.0)))


@inlined
def _cosine(half: int, cosines: np.ndarray) -> float:
    """Cosine of a latitude given as twice its 1e-7 degrees, from the table."""
    return cosines[(half + HALF_TURN) // 20_000]


@inlined
def _apart(lat1: int, lon1: int, lat2: int, lon2: int, cosines: np.ndarray) -> float:
    """Metres between points a few kilometres apart, flat; 1e-7 degrees in."""
    y = np.int64(lat1) - np.int64(lat2)
    x = np.int64(lon1) - np.int64(lon2)
    if x > HALF_TURN:
        x -= 2 * HALF_TURN
    elif x < -HALF_TURN:
        x += 2 * HALF_TURN
    dx = x * _cosine(np.int64(lat1) + np.int64(lat2), cosines)
    return np.sqrt(dx * dx + np.float64(y * y)) * (1e-7 * M_PER_DEGREE)


@inlined
def _follow(
    p: int, q: int, begin: np.ndarray, owner: np.ndarray, slot: np.ndarray, lat: np.ndarray, lon: np.ndarray, reach_m: float,
    missing: int, cosines: np.ndarray, whole: np.ndarray, tell: np.ndarray,
) -> bool:  # fmt: skip
    """The run of two tracks about points p and q of one slot: (first slot, last slot, slots), (sums of distance, lat,
    lon, and the way of the pair's middle); false where they are not within reach there."""
    if _apart(lat[p], lon[p], lat[q], lon[q], cosines) > reach_m:
        return False
    # back to where it began
    least_p, least_q = begin[owner[p]], begin[owner[q]]
    i, j = p, q
    first = slot[p]
    while True:
        i -= 1
        j -= 1
        while i >= least_p and j >= least_q and slot[i] != slot[j]:
            if slot[i] > slot[j]:
                i -= 1
            else:
                j -= 1
        if i < least_p or j < least_q or first - slot[i] > missing:
            break
        if _apart(lat[i], lon[i], lat[j], lon[j], cosines) <= reach_m:
            first = slot[i]
            p, q = i, j
    # and through to its end
    stop_p, stop_q = begin[owner[p] + 1], begin[owner[q] + 1]
    i, j = p, q
    last = first
    count = 0
    apart = 0.0
    way = 0.0
    # the middle doubled, as whole numbers; longitude counted from the first, so that the date line does not matter
    sum_y, sum_x = np.int64(0), np.int64(0)
    from_x = np.int64(lon[p])
    y0, x0 = np.int64(0), np.int64(0)
    while i < stop_p and j < stop_q:
        if slot[i] != slot[j]:
            if slot[i] < slot[j]:
                i += 1
            else:
                j += 1
            continue
        if slot[i] - last > missing:
            break
        d = _apart(lat[i], lon[i], lat[j], lon[j], cosines)
        if d <= reach_m:
            xi, xj = np.int64(lon[i]) - from_x, np.int64(lon[j]) - from_x
            xi += 2 * HALF_TURN if xi < -HALF_TURN else -2 * HALF_TURN if xi > HALF_TURN else 0
            xj += 2 * HALF_TURN if xj < -HALF_TURN else -2 * HALF_TURN if xj > HALF_TURN else 0
            y, x = np.int64(lat[i]) + np.int64(lat[j]), xi + xj
            if count > 0:
                dy, dx = np.float64(y - y0), (x - x0) * _cosine(y, cosines)
                way += np.sqrt(dx * dx + dy * dy)
            y0, x0 = y, x
            sum_y += y
            sum_x += x
            apart += d
            count += 1
            last = slot[i]
        i += 1
        j += 1
    whole[0] = first
    whole[1] = last
    whole[2] = count
    tell[0] = apart
    tell[1] = sum_y * 0.5e-7
    tell[2] = sum_x * 0.5e-7 + count * (from_x * 1e-7)
    tell[3] = way * (0.5e-7 * M_PER_DEGREE)
    return True


@kernel
def _runs(
    begin: np.ndarray, slot: np.ndarray, owner: np.ndarray, lat: np.ndarray, lon: np.ndarray, order: np.ndarray,
    start: np.ndarray, cosines: np.ndarray, reach_m: float, missing: int, least: int, first: int, stop: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Runs of pairs: (track a, track b, first slot, last slot, slots), (sums of distance, lat, lon, and the way).

    In each slot that is looked at (`order`, `start`) points are laid into cells twice as high as the reach, so that a
    point has to look into four at most. A pair that is found is followed along both tracks from where it began to where it ends,
    and is not looked at again until then.
    """
    size_deg = 2.0 * reach_m / 111_000.0
    reach_deg = 0.5 * size_deg
    rows = np.int64(180.0 / size_deg) + 3
    wide = np.empty(rows)
    for r in range(rows):
        wide[r] = size_deg / max(0.01, np.cos(np.radians(min(90.0, (r + 0.5) * size_deg - 90.0))))
    # at the poles a longitude is hardly any way at all, and all of a row is one cell
    most = 1
    for k in range(len(start) - 1):
        most = max(most, start[k + 1] - start[k])
    cells = 1 << 10
    while cells < 2 * most:
        cells *= 2
    key_of = np.zeros(cells, dtype=np.int64)
    stamp = np.full(cells, -1, dtype=np.int64)
    number = np.zeros(cells, dtype=np.int64)
    cell = np.empty(most, dtype=np.int64)
    at = np.empty(most + 1, dtype=np.int64)
    point = np.empty(most, dtype=np.int64)
    ys, xs = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    size = 1 << 12
    pair = np.full(size, -1, dtype=np.int64)
    until = np.zeros(size, dtype=np.int64)
    used = 0
    room = 1024
    out = np.empty((room, 5), dtype=np.int64)
    tell = np.empty((room, 4), dtype=np.float64)
    run, sums = np.empty(3, dtype=np.int64), np.empty(4, dtype=np.float64)
    high = np.int64(reach_deg * 1.001 * 1e7) + 1
    m = 0
    for step in range(len(start) - 1):
        n = start[step + 1] - start[step]
        if n < 2:
            continue
        base = start[step]
        # points cell by cell
        made = 0
        for k in range(n):
            i = order[base + k]
            row = np.int64((lat[i] * 1e-7 + 90.0) / size_deg)
            key = (row << 24) | np.int64((lon[i] * 1e-7 + 180.0) / wide[row])
            place = _home(key, cells - 1)
            while stamp[place] == step and key_of[place] != key:
                place = (place + 1) & (cells - 1)
            if stamp[place] != step:
                stamp[place] = step
                key_of[place] = key
                number[place] = made
                at[made] = 0
                made += 1
            cell[k] = number[place]
            at[cell[k]] += 1
        total = 0
        for c in range(made):
            total += at[c]
            at[c] = total
        at[made] = n
        for k in range(n - 1, -1, -1):
            c = cell[k]
            at[c] -= 1
            i = order[base + k]
            point[at[c]] = i
            ys[at[c]], xs[at[c]] = lat[i], lon[i]
        for k in range(n):
            i = point[k]
            y, x = ys[k] * 1e-7, xs[k] * 1e-7
            row0 = np.int64(max(0.0, y - reach_deg + 90.0) / size_deg)
            row1 = np.int64((y + reach_deg + 90.0) / size_deg)
            reach_lon = reach_deg / max(0.01, _cosine(2 * ys[k], cosines) - 2e-4)
            broad = np.int64(reach_lon * 1.001 * 1e7) + 1
            # a point near the date line is looked for on both sides of it
            turns = 3 if abs(x) + reach_lon > 180.0 else 1
            for turn in range(turns):
                near_x = x - 360.0 if turn == 1 else x + 360.0 if turn == 2 else x
                for line in range(row0, row1 + 1):
                    c0 = np.int64(max(0.0, near_x - reach_lon + 180.0) / wide[line])
                    c1 = np.int64(max(0.0, near_x + reach_lon + 180.0) / wide[line])
                    for c in range(c0, c1 + 1):
                        key = np.int64((line << 24) | c)
                        place = _home(key, cells - 1)
                        while stamp[place] == step and key_of[place] != key:
                            place = (place + 1) & (cells - 1)
                        if stamp[place] != step:
                            continue
                        held = number[place]
                        # each pair once: the later of two points in the order of cells is looked for
                        for z in range(max(at[held], k + 1), at[held + 1]):
                            if abs(ys[z] - ys[k]) > high:
                                continue
                            dx = abs(xs[z] - xs[k])
                            if min(dx, 2 * HALF_TURN - dx) > broad:
                                continue
                            j = point[z]
                            a, b = i, j
                            if owner[a] > owner[b]:
                                a, b = b, a
                            p = (np.int64(owner[a]) << 32) | np.int64(owner[b])
                            spot = _home(p, size - 1)
                            while pair[spot] != -1 and pair[spot] != p:
                                spot = (spot + 1) & (size - 1)
                            if pair[spot] == p and until[spot] >= slot[i]:
                                continue
                            if not _follow(a, b, begin, owner, slot, lat, lon, reach_m, missing, cosines, run, sums):
                                continue
                            if pair[spot] == -1:
                                pair[spot] = p
                                used += 1
                            until[spot] = run[1]
                            if run[1] - run[0] >= least or run[0] - first < missing or stop - run[1] <= missing:
                                if m == room:
                                    room *= 2
                                    out2 = np.empty((room, 5), dtype=np.int64)
                                    out2[:m] = out
                                    out = out2
                                    tell2 = np.empty((room, 4), dtype=np.float64)
                                    tell2[:m] = tell
                                    tell = tell2
                                out[m, 0] = owner[a]
                                out[m, 1] = owner[b]
                                out[m, 2:5] = run
                                tell[m] = sums
                                m += 1
                            if used * 2 > size:
                                bigger = size * 4
                                pair2 = np.full(bigger, -1, dtype=np.int64)
                                until2 = np.zeros(bigger, dtype=np.int64)
                                for e in range(size):
                                    if pair[e] != -1:
                                        f = _home(pair[e], bigger - 1)
                                        while pair2[f] != -1:
                                            f = (f + 1) & (bigger - 1)
                                        pair2[f] = pair[e]
                                        until2[f] = until[e]
                                size = bigger
                                pair = pair2
                                until = until2
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
    return runs_of(slot, track, lat, lon, job.first, job.stop, job.reach_m, job.least_slots)


def runs_of(
    slot: np.ndarray, track: np.ndarray, lat: np.ndarray, lon: np.ndarray, first: int, stop: int, reach_m: float, least: int
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Runs of pairs among points of slots [first, stop) whose tracks are each in the order of slots (see `_runs`)."""
    low = int(track.min())
    begin, slot, owner, lat, lon = _by_track(slot, track, lat, lon, low, int(track.max()) - low + 1)
    order, start = _looked_at(slot, wanted_slots(first, stop, MISSING_SLOTS, least), first)
    whole, sums = _runs(
        begin, slot, owner, lat, lon, order, start, _COSINES, reach_m, MISSING_SLOTS, least, first, stop
    )
    whole[:, :2] += low
    return whole, sums


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
