"""Which two tracks were within reach of each other, and when: stays joined in space and time, then followed.

Takes slow points at ten-minute slots, some days at a time. Each track is cut into stays, strips of points that
lie in one small box; a ship that lies still for days is one stay. Stays that touch in time and come near in
space are found by a sweep over time through grid cells, so that two ships side by side are compared once, not in
every slot; what is found is then followed slot by slot along both tracks.
"""

# mypy: disable-error-code="assignment,call-overload"
# Kernels mix Python and NumPy integers; numba, not mypy, gives them their types.

from __future__ import annotations

import numpy as np

from tumen.ais.compiled import inlined, kernel
from tumen.ais.geo import M_PER_DEGREE

# Slots that may be missing inside one encounter: ten-minute slots without a message on either side.
MISSING_SLOTS = 3
# Half a turn in units of 1e-7 degree.
HALF_TURN = 1_800_000_000
# A stay's box is at most this share of the reach high and wide: an anchored ship that swings makes few boxes, and
# boxes that come within reach of each other mostly hold points that do.
BOX_SHARE = 0.5
# Cosines of latitude are kept for every thousandth of a degree: at most 1 cm in 500 m off at 60 degrees.
_COSINES = np.maximum(0.0, np.cos(np.radians((np.arange(180_001) + 0.5) / 1000.0 - 90.0)))


def wanted_slots(first: int, stop: int, missing: int, least: int) -> np.ndarray:
    """The slots of a span of which at least one lies in each run that counts.

    In any `missing` slots on end inside a run the pair is seen at least once, and a run that is long enough holds such
    a block whole if blocks come every `least` + 2 - `missing` slots. Runs at the edge of a span may be short. A stay
    that touches no wanted slot need not be compared at all: for ships that drift, whose stays are short, most do not.

    >>> wanted_slots(1100, 1150, 3, 12).astype(int).tolist()[14:35]
    [1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    """
    slots = np.arange(first, stop)
    period = least + 2 - missing
    edge = missing + least
    if period <= missing:
        return np.ones(len(slots), dtype=bool)
    return (slots % period < missing) | (slots <= first + edge) | (slots >= stop - 1 - edge)


def runs_of(
    slot: np.ndarray, track: np.ndarray, lat: np.ndarray, lon: np.ndarray, first: int, stop: int, reach_m: float, least: int
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Runs of pairs among points of slots [first, stop) whose tracks are each in the order of slots.

    `lat`, `lon` are 1e-7 degrees. Gives whole numbers (track a < track b, first slot, last slot, slots) and sums
    (metres apart, lat and lon of the middle in degrees, metres that the middle ran). A run has at most `MISSING_SLOTS`
    slots in which the pair was not seen within reach on end; it spans at least `least` slots, or touches an edge.
    """
    low = int(track.min())
    begin, slot, owner, lat, lon = _by_track(slot, track, lat, lon, low, int(track.max()) - low + 1)
    wanted = wanted_slots(first, stop, MISSING_SLOTS, least)
    box_deg = BOX_SHARE * reach_m / M_PER_DEGREE
    stay = _stays(begin, slot, lat, lon, wanted, first, box_deg, _COSINES)
    order = np.argsort(slot[stay[:, 1]], kind="stable")
    whole, sums = _runs(
        begin, slot, owner, lat, lon, stay[order], wanted, box_deg, _COSINES, reach_m, MISSING_SLOTS, least, first, stop
    )
    whole[:, :2] += low
    return whole, sums


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
def _stays(
    begin: np.ndarray, slot: np.ndarray, lat: np.ndarray, lon: np.ndarray, wanted: np.ndarray, first: int, box_deg: float,
    cosines: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Strips of points of one track in a box of at most `box_deg` (of latitude) each way, of those that touch a
    wanted slot: (track, first point, point after the last, lowest and highest lat, lowest and highest lon)."""
    room = 1024
    out = np.empty((room, 7), dtype=np.int64)
    m = 0
    high = np.int64(box_deg * 1e7)
    for g in range(len(begin) - 1):
        i, stop = begin[g], begin[g + 1]
        while i < stop:
            y0, y1 = np.int64(lat[i]), np.int64(lat[i])
            x0, x1 = np.int64(lon[i]), np.int64(lon[i])
            broad = np.int64(high / max(0.01, _cosine(2 * y0, cosines)))
            seen = wanted[slot[i] - first]
            k = i + 1
            while k < stop:
                a, b = min(y0, lat[k]), max(y1, lat[k])
                c, d = min(x0, lon[k]), max(x1, lon[k])
                # a step over the date line is as wide as the world and ends the box too
                if b - a > high or d - c > broad:
                    break
                y0, y1, x0, x1 = a, b, c, d
                seen |= wanted[slot[k] - first]
                k += 1
            if seen:
                if m == room:
                    room *= 2
                    more = np.empty((room, 7), dtype=np.int64)
                    more[:m] = out
                    out = more
                out[m, 0] = g
                out[m, 1] = i
                out[m, 2] = k
                out[m, 3] = y0
                out[m, 4] = y1
                out[m, 5] = x0
                out[m, 6] = x1
                m += 1
            i = k
    return out[:m]


@inlined
def _home(key: int, mask: int) -> int:
    return np.int64((np.uint64(key) * np.uint64(11400714819323198485)) >> np.uint64(16)) & mask  # type: ignore[return-value]


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
) -> None:  # fmt: skip
    """The run of two tracks about points p and q of one slot, within reach there: (first slot, last slot, slots, and
    the points at which the following ended), (sums of distance, lat, lon, and the way of the pair's middle)."""
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
        xi, xj = np.int64(lon[i]) - from_x, np.int64(lon[j]) - from_x
        xi += 2 * HALF_TURN if xi < -HALF_TURN else -2 * HALF_TURN if xi > HALF_TURN else 0
        xj += 2 * HALF_TURN if xj < -HALF_TURN else -2 * HALF_TURN if xj > HALF_TURN else 0
        y, x = np.int64(lat[i]) + np.int64(lat[j]), xi + xj
        flat = _cosine(y, cosines)
        # as `_apart` has it
        high, wide = np.int64(lat[i]) - np.int64(lat[j]), (xi - xj) * flat
        d = np.sqrt(wide * wide + np.float64(high * high)) * (1e-7 * M_PER_DEGREE)
        if d <= reach_m:
            if count > 0:
                dy, dx = np.float64(y - y0), (x - x0) * flat
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
    whole[3] = i
    whole[4] = j
    tell[0] = apart
    tell[1] = sum_y * 0.5e-7
    tell[2] = sum_x * 0.5e-7 + count * (from_x * 1e-7)
    tell[3] = way * (0.5e-7 * M_PER_DEGREE)


@inlined
def _from_slot(slot: np.ndarray, a: int, b: int, wanted: int) -> int:
    """First of the points [a, b) of one track that is not before a slot."""
    while a < b:
        middle = (a + b) // 2
        if slot[middle] < wanted:
            a = middle + 1
        else:
            b = middle
    return a


@kernel
def _runs(
    begin: np.ndarray, slot: np.ndarray, owner: np.ndarray, lat: np.ndarray, lon: np.ndarray, stay: np.ndarray,
    wanted: np.ndarray, box_deg: float, cosines: np.ndarray, reach_m: float, missing: int, least: int, first: int,
    stop: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Runs of pairs (see `runs_of`); `stay` is in the order of first slots.

    The stays that have begun hang in grid cells by their lowest corner, and each new one is held against those in the
    cells about it; stays that have ended are unhung when they are met. What two stays have in common in time is
    looked at in the wanted slots, and a run that is met there is followed along both whole tracks, back to where it
    began and on to its end; a pair's next stays are looked at only from where its last run ended.
    """
    reach_deg = reach_m / 111_000.0
    size_deg = box_deg + reach_deg
    high = np.int64(reach_deg * 1.001 * 1e7) + 1
    # how wide a cell of each row is; near the poles a longitude is hardly any way
    rows = np.int64(180.0 / size_deg) + 4
    widths = np.empty(rows)
    for r in range(rows):
        widths[r] = size_deg / max(0.01, np.cos(np.radians(min(90.0, (r + 0.5) * size_deg - 90.0))))
    cells = 1 << 10
    while cells < 2 * len(stay):
        cells *= 2
    key_of = np.full(cells, -1, dtype=np.int64)
    head = np.full(cells, -1, dtype=np.int64)
    after = np.full(len(stay), -1, dtype=np.int64)
    size = 1 << 12
    pair = np.full(size, -1, dtype=np.int64)
    until = np.zeros(size, dtype=np.int64)
    used = 0
    room = 1024
    out = np.empty((room, 5), dtype=np.int64)
    tell = np.empty((room, 4), dtype=np.float64)
    run, sums = np.empty(5, dtype=np.int64), np.empty(4, dtype=np.float64)
    m = 0
    for e in range(len(stay)):
        here, a0, a1 = stay[e, 0], stay[e, 1], stay[e, 2]
        y0, y1, x0, x1 = stay[e, 3], stay[e, 4], stay[e, 5], stay[e, 6]
        now = slot[a0]
        row0 = np.int64(max(0.0, y0 * 1e-7 + 90.0 - size_deg) / size_deg)
        row1 = np.int64((y1 * 1e-7 + 90.0 + reach_deg) / size_deg)
        # as wide as it is a row beyond those that are looked into
        wide_deg = max(widths[max(0, row0 - 1)], widths[row1 + 1])
        reach_wide = wide_deg * reach_deg / size_deg
        broad = np.int64(reach_wide * 1.001 * 1e7) + 1
        # a stay near the date line is looked for on both sides of it
        turns = 3 if max(abs(x0), abs(x1)) * 1e-7 + wide_deg > 180.0 else 1
        for turn in range(turns):
            shift = np.int64(0) if turn == 0 else -2 * HALF_TURN if turn == 1 else 2 * HALF_TURN
            left, right = x0 + shift, x1 + shift
            for row in range(row0, row1 + 1):
                c0 = np.int64(max(0.0, left * 1e-7 - wide_deg + 180.0) / widths[row])
                c1 = np.int64(max(-1.0, right * 1e-7 + reach_wide + 180.0) / widths[row])
                for c in range(c0, c1 + 1):
                    key = np.int64((row << 24) | c)
                    place = _home(key, cells - 1)
                    while key_of[place] != -1 and key_of[place] != key:
                        place = (place + 1) & (cells - 1)
                    if key_of[place] == -1:
                        continue
                    before = np.int64(-1)
                    o = head[place]
                    while o >= 0:
                        b1 = stay[o, 2]
                        then = slot[b1 - 1]
                        if then < now:
                            # over: unhung
                            o = after[o]
                            if before < 0:
                                head[place] = o
                            else:
                                after[before] = o
                            continue
                        other = o
                        before = o
                        o = after[o]
                        if stay[other, 3] - y1 > high or y0 - stay[other, 4] > high:
                            continue
                        if stay[other, 5] - right > broad or left - stay[other, 6] > broad:
                            continue
                        there = stay[other, 0]
                        end = min(then, slot[a1 - 1])
                        p = (min(here, there) << 32) | max(here, there)
                        spot = _home(p, size - 1)
                        while pair[spot] != -1 and pair[spot] != p:
                            spot = (spot + 1) & (size - 1)
                        known = pair[spot] == p
                        if known and until[spot] >= end:
                            continue
                        since = max(now, until[spot] + 1) if known else now
                        i, j = _from_slot(slot, a0, a1, since), _from_slot(slot, stay[other, 1], b1, since)
                        while i < a1 and j < b1:
                            if slot[i] < slot[j]:
                                i += 1
                                continue
                            if slot[i] > slot[j]:
                                j += 1
                                continue
                            if not wanted[slot[i] - first] or _apart(lat[i], lon[i], lat[j], lon[j], cosines) > reach_m:
                                i += 1
                                j += 1
                                continue
                            if here < there:
                                _follow(i, j, begin, owner, slot, lat, lon, reach_m, missing, cosines, run, sums)
                                i, j = run[3], run[4]
                            else:
                                _follow(j, i, begin, owner, slot, lat, lon, reach_m, missing, cosines, run, sums)
                                j, i = run[3], run[4]
                            if not known:
                                pair[spot] = p
                                known = True
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
                                out[m, 0] = min(here, there)
                                out[m, 1] = max(here, there)
                                out[m, 2:5] = run[:3]
                                tell[m] = sums
                                m += 1
                        if used * 2 > size:
                            bigger = size * 4
                            pair2 = np.full(bigger, -1, dtype=np.int64)
                            until2 = np.zeros(bigger, dtype=np.int64)
                            for k in range(size):
                                if pair[k] != -1:
                                    f = _home(pair[k], bigger - 1)
                                    while pair2[f] != -1:
                                        f = (f + 1) & (bigger - 1)
                                    pair2[f] = pair[k]
                                    until2[f] = until[k]
                            size = bigger
                            pair = pair2
                            until = until2
        # and it hangs itself up
        row = np.int64((y0 * 1e-7 + 90.0) / size_deg)
        key = (row << 24) | np.int64((x0 * 1e-7 + 180.0) / widths[row])
        place = _home(key, cells - 1)
        while key_of[place] != -1 and key_of[place] != key:
            place = (place + 1) & (cells - 1)
        key_of[place] = key
        after[e] = head[place]
        head[place] = e
    return out[:m], tell[:m]
