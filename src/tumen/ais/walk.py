"""Kernels that walk each track once: speeds, port visits, loitering, stale and circling tracks, slow points.

All take rows of one bucket, tracks one after the other in time order (`begin` holds where each starts),
and give arrays with one entry an event; indices point into the rows.
"""

from __future__ import annotations

import math

import numpy as np

from tumen.ais.compiled import kernel
from tumen.ais.geo import KNOT_MS, distance_m
from tumen.ais.places import cell_of, nearest

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
# Without a told speed it is measured over at least this long, so that the jitter of a fix does not look
# like motion (20 m in a minute is 0.6 kn).
SPEED_WINDOW_US = 10 * MINUTE_US


@kernel
def steps(
    t: np.ndarray, lat: np.ndarray, lon: np.ndarray, sog: np.ndarray, begin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Metres from the row before (0 at a track's first) and speed in knots: told, else measured."""
    n = len(t)
    step = np.zeros(n, dtype=np.float32)
    speed = np.empty(n, dtype=np.float32)
    for g in range(len(begin) - 1):
        a, b = begin[g], begin[g + 1]
        back = a
        for i in range(a, b):
            if i > a:
                if lat[i] == lat[i - 1] and lon[i] == lon[i - 1]:
                    step[i] = 0.0
                else:
                    step[i] = distance_m(lat[i - 1] * 1e-7, lon[i - 1] * 1e-7, lat[i] * 1e-7, lon[i] * 1e-7)
            speed[i] = sog[i]
            if sog[i] != sog[i]:
                while back + 1 < i and t[i] - t[back + 1] >= SPEED_WINDOW_US:
                    back += 1
                j = back if t[i] - t[back] >= SPEED_WINDOW_US else a
                if i > a and t[i] > t[j]:
                    d = distance_m(lat[j] * 1e-7, lon[j] * 1e-7, lat[i] * 1e-7, lon[i] * 1e-7)
                    speed[i] = d / ((t[i] - t[j]) * 1e-6) / KNOT_MS
        # the first row of a track without told speed takes the next one's
        if b - a > 1 and speed[a] != speed[a]:
            speed[a] = speed[a + 1]
    return step, speed


ENTRY, STOP, GAP, EXIT = 1, 2, 4, 8


@kernel
def visits(
    t: np.ndarray, lat: np.ndarray, lon: np.ndarray, speed: np.ndarray, begin: np.ndarray, shapes: tuple,
    hysteresis_m: float, stop_begin: float, stop_end: float, gap_us: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Port visits: whole numbers (track, first and last row, flags, port, first and last stopped row, rows,
    longest gap, stopped time in us), the mean stopped position, and whether each row lies in port.

    A visit runs from the row that enters (or the track's first, in port) to the row that leaves (or the last).
    """
    start, listed, s_lat, s_lon, reach, port, ring_start, ring_end, xs, ys = shapes
    n = len(t)
    in_port = np.zeros(n, dtype=np.bool_)
    room = 1024
    whole = np.empty((room, 10), dtype=np.int64)
    place = np.empty((room, 2), dtype=np.float64)
    m = 0
    for g in range(len(begin) - 1):
        a, b = begin[g], begin[g + 1]
        inside = False
        stopped = False
        first = a
        flags = 0
        who = -1
        gap_port = -1
        stop_port = -1
        enter_port = -1
        first_stop = -1
        last_stop = -1
        longest = 0
        still = 0
        sum_y = 0.0
        sum_x = 0.0
        count = 0
        for i in range(a, b + 1):
            leaves = False
            if i < b:
                y, x = lat[i] * 1e-7, lon[i] * 1e-7
                cell = cell_of(y, x)
                who = -1
                beyond = np.inf
                if start[cell + 1] > start[cell]:
                    who, beyond = nearest(y, x, start, listed, s_lat, s_lon, reach, port, ring_start, ring_end, xs, ys)
                was = inside
                inside = beyond <= 0.0 or (was and beyond < hysteresis_m)
                in_port[i] = inside
                v = speed[i]
                was_stopped = stopped
                if v <= stop_begin:
                    stopped = True
                elif v >= stop_end or v != v:
                    stopped = False
                if i > a:
                    dt = t[i] - t[i - 1]
                    if was and dt >= gap_us:
                        flags |= GAP
                        longest = max(longest, dt)
                        if gap_port < 0:
                            gap_port = who if who >= 0 else enter_port
                    if was and was_stopped and dt < gap_us:
                        still += dt
                if inside and not was:
                    first = i
                    flags = flags & GAP if i == a else ENTRY
                    enter_port = who
                    gap_port = -1
                    stop_port = -1
                    first_stop = -1
                    last_stop = -1
                    longest = 0
                    still = 0
                    sum_y = 0.0
                    sum_x = 0.0
                    count = 0
                    if i == a:
                        flags = 0
                if inside and stopped:
                    flags |= STOP
                    if first_stop < 0:
                        first_stop = i
                        stop_port = who if who >= 0 else enter_port
                    last_stop = i
                    sum_y += lat[i]
                    sum_x += lon[i] - lon[first_stop]
                    count += 1
                leaves = was and not inside
            if leaves or (i == b and inside):
                if leaves:
                    flags |= EXIT
                if m == room:
                    room *= 2
                    more = np.empty((room, 10), dtype=np.int64)
                    more[:m] = whole
                    whole = more
                    also = np.empty((room, 2), dtype=np.float64)
                    also[:m] = place
                    place = also
                end = i if leaves else b - 1
                chosen = stop_port if stop_port >= 0 else gap_port if gap_port >= 0 else enter_port
                whole[m, 0] = g
                whole[m, 1] = first
                whole[m, 2] = end
                whole[m, 3] = flags
                whole[m, 4] = chosen
                whole[m, 5] = first_stop
                whole[m, 6] = last_stop
                whole[m, 7] = end - first + 1
                whole[m, 8] = longest
                whole[m, 9] = still
                at = first_stop if first_stop >= 0 else first
                place[m, 0] = (sum_y / count if count > 0 else lat[at]) * 1e-7
                place[m, 1] = (lon[at] + (sum_x / count if count > 0 else 0.0)) * 1e-7
                m += 1
                flags = 0
    return whole[:m], place[:m], in_port


@kernel
def loiterings(
    t: np.ndarray, lat: np.ndarray, lon: np.ndarray, step: np.ndarray, speed: np.ndarray, in_port: np.ndarray,
    begin: np.ndarray, below_kn: float, least_us: int, blip_us: int, gap_us: int,
) -> np.ndarray:  # fmt: skip
    """Runs out of port below a speed: (track, first row, last row, metres run)."""
    room = 1024
    out = np.empty((room, 4), dtype=np.int64)
    m = 0
    for g in range(len(begin) - 1):
        a, b = begin[g], begin[g + 1]
        first = -1
        last = -1
        way = 0.0
        since = 0.0
        for i in range(a, b + 1):
            close = i == b
            slow = False
            if i < b:
                slow = speed[i] < below_kn and not in_port[i]
                if first >= 0:
                    since += step[i]
                    dt = t[i] - t[i - 1]
                    # a long silence is a gap, not loitering; a silence in which she moved fast ends it too
                    if (
                        in_port[i]
                        or dt >= gap_us
                        or (dt > blip_us and step[i] > below_kn * KNOT_MS * dt * 1e-6)
                        or (not slow and t[i] - t[last] > blip_us)
                    ):
                        close = True
            if close and first >= 0:
                took = t[last] - t[first]
                # the mean over the whole run must be slow as well
                if took >= least_us and way / (took * 1e-6) < below_kn * KNOT_MS:
                    if m == room:
                        room *= 2
                        more = np.empty((room, 4), dtype=np.int64)
                        more[:m] = out
                        out = more
                    out[m, 0] = g
                    out[m, 1] = first
                    out[m, 2] = last
                    out[m, 3] = np.int64(way)
                    m += 1
                first = -1
            if i < b and slow:
                if first < 0:
                    first = i
                    way = 0.0
                    since = 0.0
                last = i
                way += since
                since = 0.0
    return out[:m]


@kernel
def stales(
    t: np.ndarray, lat: np.ndarray, lon: np.ndarray, sog: np.ndarray, begin: np.ndarray, above_kn: float, least_us: int
) -> np.ndarray:
    """Runs in which the very same position is repeated under a speed that would have moved the ship."""
    room = 1024
    out = np.empty((room, 3), dtype=np.int64)
    m = 0
    for g in range(len(begin) - 1):
        a, b = begin[g], begin[g + 1]
        first = a
        for i in range(a + 1, b + 1):
            if i < b and lat[i] == lat[first] and lon[i] == lon[first] and sog[i] >= above_kn:
                continue
            if i - first >= 3 and t[i - 1] - t[first] >= least_us and sog[first] >= above_kn:
                if m == room:
                    room *= 2
                    more = np.empty((room, 3), dtype=np.int64)
                    more[:m] = out
                    out = more
                out[m, 0] = g
                out[m, 1] = first
                out[m, 2] = i - 1
                m += 1
            first = i
    return out[:m]


# A ring drawn by a spoofed receiver: two full turns one way, points at one distance from the middle.
CIRCLE_TURNS_DEG = 720.0
CIRCLE_SPREAD = 0.15
CIRCLE_LEAST_M = 100.0


@kernel
def circles(
    t: np.ndarray,
    lat: np.ndarray,
    lon: np.ndarray,
    cog: np.ndarray,
    step: np.ndarray,
    speed: np.ndarray,
    begin: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Runs that turn one way for two circles or more: (track, first, last), (radius m, spread, lat, lon)."""
    room = 256
    out = np.empty((room, 3), dtype=np.int64)
    shape = np.empty((room, 4), dtype=np.float64)
    m = 0
    for g in range(len(begin) - 1):
        a, b = begin[g], begin[g + 1]
        first = -1
        turned = 0.0
        course = np.nan
        for i in range(a + 1, b + 1):
            close = i == b
            turn = np.nan
            if i < b and step[i] > 10.0 and speed[i] > 1.0 and t[i] - t[i - 1] < HOUR_US:
                now = float(cog[i])
                if now != now:
                    y, x = lat[i] * 1e-7, lon[i] * 1e-7
                    y0, x0 = lat[i - 1] * 1e-7, lon[i - 1] * 1e-7
                    now = math.degrees(math.atan2((x - x0) * math.cos(math.radians(y0)), y - y0))
                turn = now - course
                if turn > 180.0:
                    turn -= 360.0
                elif turn < -180.0:
                    turn += 360.0
                course = now
            elif i < b and t[i] - t[i - 1] < HOUR_US and step[i] <= 10.0:
                continue
            else:
                course = np.nan
            goes_on = turn == turn and abs(turn) < 120.0 and abs(turn) > 0.5 and turn * turned >= 0.0
            if goes_on:
                if first < 0:
                    first = i - 2 if i - 2 >= a else i - 1
                turned += turn
            if (close or not goes_on) and first >= 0:
                if abs(turned) >= CIRCLE_TURNS_DEG and i - first >= 12:
                    last = i - 1
                    count = last - first + 1
                    sy = 0.0
                    sx = 0.0
                    for k in range(first, last + 1):
                        sy += lat[k] * 1e-7
                        sx += lon[k] * 1e-7
                    cy, cx = sy / count, sx / count
                    total = 0.0
                    square = 0.0
                    for k in range(first, last + 1):
                        d = distance_m(cy, cx, lat[k] * 1e-7, lon[k] * 1e-7)
                        total += d
                        square += d * d
                    radius = total / count
                    spread = math.sqrt(max(0.0, square / count - radius * radius)) / radius if radius > 0 else 9.0
                    if radius >= CIRCLE_LEAST_M and spread <= CIRCLE_SPREAD:
                        if m == room:
                            room *= 2
                            more = np.empty((room, 3), dtype=np.int64)
                            more[:m] = out
                            out = more
                            also = np.empty((room, 4), dtype=np.float64)
                            also[:m] = shape
                            shape = also
                        out[m, 0] = g
                        out[m, 1] = first
                        out[m, 2] = last
                        shape[m, 0] = radius
                        shape[m, 1] = spread
                        shape[m, 2] = cy
                        shape[m, 3] = cx
                        m += 1
                first = -1
                turned = 0.0
                if turn == turn and abs(turn) < 120.0:
                    first = i - 1
                    turned = turn
    return out[:m], shape[:m]


@kernel
def slow_points(
    t: np.ndarray, lat: np.ndarray, lon: np.ndarray, step: np.ndarray, in_port: np.ndarray, begin: np.ndarray,
    real: np.ndarray, slot_us: int, day_slots: int, below_kn: float, apart_us: int, wanted: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Positions at whole slots of time of every real track that is out of port and slow: slot, track, lat, lon
    (1e-7), day by day, within each track by track."""
    room = 4096 if wanted else 0
    slot = np.empty(room, dtype=np.int32)
    owner = np.empty(room, dtype=np.int32)
    y = np.empty(room, dtype=np.int32)
    x = np.empty(room, dtype=np.int32)
    m = 0
    for g in range(len(begin) - 1):
        if not real[g] or not wanted:
            continue
        for i in range(begin[g] + 1, begin[g + 1]):
            dt = t[i] - t[i - 1]
            if dt <= 0 or dt > apart_us or (in_port[i] and in_port[i - 1]):
                continue
            s0 = t[i - 1] // slot_us + 1
            s1 = t[i] // slot_us
            if s0 > s1:
                continue
            if step[i] > below_kn * KNOT_MS * dt * 1e-6 + 50.0:
                continue
            dx = lon[i] - lon[i - 1]
            if abs(dx) > 1_800_000_000:
                continue
            while m + (s1 - s0 + 1) > room:
                room *= 2
                slot2 = np.empty(room, dtype=np.int32)
                slot2[:m] = slot[:m]
                slot = slot2
                owner2 = np.empty(room, dtype=np.int32)
                owner2[:m] = owner[:m]
                owner = owner2
                y2 = np.empty(room, dtype=np.int32)
                y2[:m] = y[:m]
                y = y2
                x2 = np.empty(room, dtype=np.int32)
                x2[:m] = x[:m]
                x = x2
            for s in range(s0, s1 + 1):
                f = (s * slot_us - t[i - 1]) / dt
                slot[m] = s
                owner[m] = g
                y[m] = lat[i - 1] + np.int64(round(f * (lat[i] - lat[i - 1])))
                x[m] = lon[i - 1] + np.int64(round(f * dx))
                m += 1
    # day by day: points of a track are in order already, so this writes in long strips
    if m == 0:
        return slot[:0], owner[:0], y[:0], x[:0]
    low, high = slot[0], slot[0]
    for k in range(m):
        low = min(low, slot[k])
        high = max(high, slot[k])
    base = low // day_slots
    days = np.int64(high // day_slots) - base + 1
    if days > 8 * m + 1024:
        order = np.argsort(slot[:m] // day_slots, kind="mergesort")
        return slot[order], owner[order], y[order], x[order]
    at = np.zeros(days + 1, dtype=np.int64)
    for k in range(m):
        at[slot[k] // day_slots - base + 1] += 1
    for k in range(days):
        at[k + 1] += at[k]
    slot2 = np.empty(m, dtype=np.int32)
    owner2 = np.empty(m, dtype=np.int32)
    y2 = np.empty(m, dtype=np.int32)
    x2 = np.empty(m, dtype=np.int32)
    for k in range(m):
        d = slot[k] // day_slots - base
        p = at[d]
        at[d] = p + 1
        slot2[p] = slot[k]
        owner2[p] = owner[k]
        y2[p] = y[k]
        x2[p] = x[k]
    return slot2, owner2, y2, x2


@kernel
def messages_within(t: np.ndarray, begin: np.ndarray, last: np.ndarray, span_us: int) -> np.ndarray:
    """How many rows of its track, which begins at row `begin`, lie within a span up to each of the rows `last`."""
    out = np.empty(len(last), dtype=np.int32)
    for k in range(len(last)):
        a, b = begin[k], last[k]
        since = t[b] - span_us
        low, high = a, b
        while low < high:
            middle = (low + high) // 2
            if t[middle] < since:
                low = middle + 1
            else:
                high = middle
        out[k] = b - low + 1
    return out


@kernel
def heard(
    t: np.ndarray, lat: np.ndarray, lon: np.ndarray, begin: np.ndarray, slot_us: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where and when each track was heard: a key per change of one-degree cell or slot, and messages in it."""
    room = 4096
    key = np.empty(room, dtype=np.int64)
    count = np.empty(room, dtype=np.int32)
    m = 0
    for g in range(len(begin) - 1):
        last = np.int64(-1)
        for i in range(begin[g], begin[g + 1]):
            cell = np.int64((lat[i] + 900_000_000) // 10_000_000) * 360 + (lon[i] + 1_800_000_000) // 10_000_000 % 360
            k = (t[i] // slot_us) * 65536 + cell
            if k == last:
                count[m - 1] += 1
                continue
            if m == room:
                room *= 2
                key2 = np.empty(room, dtype=np.int64)
                key2[:m] = key
                key = key2
                count2 = np.empty(room, dtype=np.int32)
                count2[:m] = count
                count = count2
            key[m] = k
            count[m] = 1
            m += 1
            last = k
    return key[:m], count[:m]


# Where anybody was ever heard is kept in cells of a fifth of a degree.
AREA_LINES, AREA_COLUMNS = 900, 1800


@kernel
def area(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Flags of the cells of a fifth of a degree (row * AREA_COLUMNS + column) in which any row lies."""
    out = np.zeros(AREA_LINES * AREA_COLUMNS, dtype=np.bool_)
    for i in range(len(lat)):
        row = min((lat[i] + 900_000_000) // 2_000_000, AREA_LINES - 1)
        out[row * AREA_COLUMNS + (lon[i] + 1_800_000_000) // 2_000_000 % AREA_COLUMNS] = True
    return out


@kernel
def stays(
    t: np.ndarray, lat: np.ndarray, lon: np.ndarray, begin: np.ndarray, within_m: float, least_us: int, gap_us: int
) -> tuple[np.ndarray, np.ndarray]:
    """Times that a track stayed within a distance of where it began to: (track, first, last), (mean lat, lon)."""
    room = 1024
    out = np.empty((room, 3), dtype=np.int64)
    mean = np.empty((room, 2), dtype=np.float64)
    m = 0
    for g in range(len(begin) - 1):
        a, b = begin[g], begin[g + 1]
        first = a
        sy = 0.0
        sx = 0.0
        for i in range(a, b + 1):
            inside = False
            if i < b:
                near = abs(lat[i] - lat[first]) < 200_000
                inside = near and (i == first or t[i] - t[i - 1] < gap_us) and (
                    distance_m(lat[first] * 1e-7, lon[first] * 1e-7, lat[i] * 1e-7, lon[i] * 1e-7) <= within_m
                )  # fmt: skip
            if inside:
                sy += lat[i] - lat[first]
                sx += lon[i] - lon[first]
                continue
            if t[i - 1] - t[first] >= least_us:
                if m == room:
                    room *= 2
                    more = np.empty((room, 3), dtype=np.int64)
                    more[:m] = out
                    out = more
                    also = np.empty((room, 2), dtype=np.float64)
                    also[:m] = mean
                    mean = also
                out[m, 0] = g
                out[m, 1] = first
                out[m, 2] = i - 1
                mean[m, 0] = (lat[first] + sy / (i - first)) * 1e-7
                mean[m, 1] = (lon[first] + sx / (i - first)) * 1e-7
                m += 1
            first = i
            sy = 0.0
            sx = 0.0
    return out[:m], mean[:m]
