"""From rows in archive order to clean tracks: sorted, doubles out, clashes of identity taken apart.

One pass per vessel. A position joins the open track from which it could have been reached at
`possible_kn`; where several could, the one whose dead reckoning lies nearest; where none could, a new
track begins. Two hulls under one MMSI thus become two tracks, a teleport becomes a track of few rows.
The idea of segments of possible motion is that of GFW's pipe-segment; the method and code are ours.
"""

from __future__ import annotations

import math

import numpy as np

from tumen.ais.compiled import inlined, kernel
from tumen.ais.geo import KNOT_MS, M_PER_DEGREE, distance_m

OPEN_TRACKS = 16
HOUR_US = 3_600_000_000
KEEP, DOUBLE, INSTANT = 0, 1, 2


@inlined
def bucket_of(vessel: int, bits: int) -> int:
    """Bucket of a vessel: the first bits of a multiplicative hash."""
    if bits == 0:
        return 0
    return np.int64((np.uint64(vessel) * np.uint64(11400714819323198485)) >> np.uint64(64 - bits))  # type: ignore[return-value]


@kernel
def bucket_order(vessel: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Stable order of rows by bucket, and where each of the 2**bits buckets starts."""
    n = len(vessel)
    buckets = 1 << bits
    start = np.zeros(buckets + 1, dtype=np.int64)
    of = np.empty(n, dtype=np.int32)
    for i in range(n):
        b = bucket_of(vessel[i], bits)
        of[i] = b
        start[b + 1] += 1
    for b in range(buckets):
        start[b + 1] += start[b]
    place = start[:-1].copy()
    order = np.empty(n, dtype=np.int64)
    for i in range(n):
        order[place[of[i]]] = i
        place[of[i]] += 1
    return order, start


@kernel
def vessel_order(vessel: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows grouped by vessel (ascending), in their given order within each: order, its inverse, starts, vessels."""
    n = len(vessel)
    size = 64
    while size < 4096 or size < n // 8:
        size *= 2
    while True:
        keys = np.zeros(size, dtype=np.int64)
        slot = np.full(size, -1, dtype=np.int64)
        ids = np.empty(size, dtype=np.int64)
        of = np.empty(n, dtype=np.int32)
        m = 0
        full = False
        for i in range(n):
            v = vessel[i]
            place = np.int64((np.uint64(v) * np.uint64(11400714819323198485)) >> np.uint64(20)) & (size - 1)
            while slot[place] >= 0 and keys[place] != v:
                place = (place + 1) & (size - 1)
            if slot[place] < 0:
                if 2 * m >= size:
                    full = True
                    break
                keys[place] = v
                slot[place] = m
                ids[m] = v
                m += 1
            of[i] = slot[place]
        if not full:
            break
        size *= 4
    rank = np.argsort(ids[:m], kind="mergesort")
    where = np.empty(m, dtype=np.int64)
    for k in range(m):
        where[rank[k]] = k
    start = np.zeros(m + 1, dtype=np.int64)
    for i in range(n):
        start[where[of[i]] + 1] += 1
    for k in range(m):
        start[k + 1] += start[k]
    place_of = start[:-1].copy()
    order = np.empty(n, dtype=np.int32)
    to = np.empty(n, dtype=np.int32)
    for i in range(n):
        k = where[of[i]]
        order[place_of[k]] = i
        to[i] = place_of[k]
        place_of[k] += 1
    return order, to, start, ids[rank]


@kernel
def put_rows(
    to: np.ndarray, a: int, t: np.ndarray, lat: np.ndarray, lon: np.ndarray, sog: np.ndarray, cog: np.ndarray,
    t2: np.ndarray, lat2: np.ndarray, lon2: np.ndarray, sog2: np.ndarray, cog2: np.ndarray,
) -> None:  # fmt: skip
    """Write the columns of one segment, whose first row has number a, to their places."""
    for i in range(len(t)):
        k = to[a + i]
        t2[k] = t[i]
        lat2[k] = lat[i]
        lon2[k] = lon[i]
        sog2[k] = sog[i]
        cog2[k] = cog[i]


@kernel
def take_rows(
    order: np.ndarray,
    t: np.ndarray,
    lat: np.ndarray,
    lon: np.ndarray,
    sog: np.ndarray,
    cog: np.ndarray,
    row: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The columns in another order."""
    n = len(order)
    t2 = np.empty(n, dtype=np.int64)
    lat2 = np.empty(n, dtype=np.int32)
    lon2 = np.empty(n, dtype=np.int32)
    sog2 = np.empty(n, dtype=np.float32)
    cog2 = np.empty(n, dtype=np.float32)
    row2 = np.empty(n, dtype=np.int32)
    for k in range(n):
        i = order[k]
        t2[k] = t[i]
        lat2[k] = lat[i]
        lon2[k] = lon[i]
        sog2[k] = sog[i]
        cog2[k] = cog[i]
        row2[k] = row[i]
    return t2, lat2, lon2, sog2, cog2, row2


@kernel
def mend_clocks(t: np.ndarray, lat: np.ndarray, lon: np.ndarray, start: np.ndarray) -> int:
    """Set a time that is hours out of step with its neighbours in the archive between them; how many.

    Only where the place tells: the row lies on the way between its neighbours, which have moved.
    Rows come in archive order; `t` is changed.
    """
    mended = 0
    for v in range(len(start) - 1):
        for i in range(start[v] + 1, start[v + 1] - 1):
            before, after = t[i - 1], t[i + 1]
            if after < before or after - before > HOUR_US:
                continue
            if before - HOUR_US <= t[i] <= after + HOUR_US:
                continue
            whole = distance_m(lat[i - 1] * 1e-7, lon[i - 1] * 1e-7, lat[i + 1] * 1e-7, lon[i + 1] * 1e-7)
            if whole < 200.0:
                continue
            way = distance_m(lat[i - 1] * 1e-7, lon[i - 1] * 1e-7, lat[i] * 1e-7, lon[i] * 1e-7) + distance_m(
                lat[i] * 1e-7, lon[i] * 1e-7, lat[i + 1] * 1e-7, lon[i + 1] * 1e-7
            )
            if way < 1.2 * whole + 50.0:
                t[i] = before + (after - before) // 2
                mended += 1
    return mended


@kernel
def time_order(t: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, bool]:
    """Stable order by time within each vessel, and whether anything had to move."""
    order = np.arange(len(t))
    moved = False
    for v in range(len(start) - 1):
        a, b = start[v], start[v + 1]
        for i in range(a + 1, b):
            if t[i] < t[i - 1]:
                order[a:b] = a + np.argsort(t[a:b], kind="mergesort")
                moved = True
                break
    return order, moved


@kernel
def split(
    t: np.ndarray, lat: np.ndarray, lon: np.ndarray, sog: np.ndarray, cog: np.ndarray, start: np.ndarray,
    possible_kn: float, slack_m: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Track number of every row within its vessel, its fate (KEEP, DOUBLE, INSTANT), and tracks per vessel.

    Rows are sorted by vessel and time.
    """
    n = len(t)
    track = np.zeros(n, dtype=np.int32)
    fate = np.zeros(n, dtype=np.uint8)
    made = np.zeros(len(start) - 1, dtype=np.int32)
    last = np.empty(OPEN_TRACKS, dtype=np.int64)
    number = np.empty(OPEN_TRACKS, dtype=np.int64)
    possible_ms = possible_kn * KNOT_MS
    for v in range(len(start) - 1):
        tracks = 0
        opened = 0
        for i in range(start[v], start[v + 1]):
            j = i - 1
            double = False
            while j >= start[v] and t[j] == t[i]:
                if lat[j] == lat[i] and lon[j] == lon[i]:
                    double = True
                    break
                j -= 1
            if double:
                fate[i] = DOUBLE
                track[i] = track[j]
                continue
            y, x = lat[i] * 1e-7, lon[i] * 1e-7
            best = -1
            cost = np.inf
            for k in range(opened):
                j = last[k]
                dt = (t[i] - t[j]) * 1e-6
                reach = possible_ms * dt + slack_m
                y0, x0 = lat[j] * 1e-7, lon[j] * 1e-7
                # quick refusal by latitude alone
                if abs(y - y0) * M_PER_DEGREE > reach:
                    continue
                d = distance_m(y0, x0, y, x)
                if d > reach:
                    continue
                if opened > 1 and dt < 3600.0 and sog[j] == sog[j] and cog[j] == cog[j]:
                    run = sog[j] * KNOT_MS * dt / M_PER_DEGREE
                    c = math.radians(cog[j])
                    d = distance_m(
                        y0 + run * math.cos(c), x0 + run * math.sin(c) / max(0.01, math.cos(math.radians(y0))), y, x
                    )
                c = d / (dt + 60.0)
                if c < cost:
                    cost = c
                    best = k
            if best < 0:
                if opened < OPEN_TRACKS:
                    best = opened
                    opened += 1
                else:
                    best = 0
                    for k in range(1, opened):
                        if t[last[k]] < t[last[best]]:
                            best = k
                number[best] = tracks
                tracks += 1
            elif t[last[best]] == t[i]:
                fate[i] = INSTANT
                track[i] = number[best]
                continue
            last[best] = i
            track[i] = number[best]
        made[v] = tracks
    return track, fate, made


@kernel
def track_order(
    track: np.ndarray, fate: np.ndarray, start: np.ndarray, made: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kept rows grouped by vessel and track: order, track starts, vessel of each track.

    Tracks of a vessel come largest first (ties: earliest first), so that track 0 is the main one.
    """
    total = 0
    for v in range(len(made)):
        total += made[v]
    kept = 0
    for i in range(len(fate)):
        kept += fate[i] == KEEP
    order = np.empty(kept, dtype=np.int64)
    begin = np.zeros(total + 1, dtype=np.int64)
    owner = np.empty(total, dtype=np.int64)
    rank = np.empty(total, dtype=np.int32)
    g = 0
    at = 0
    for v in range(len(made)):
        m = made[v]
        a, b = start[v], start[v + 1]
        if m == 1:
            for i in range(a, b):
                if fate[i] == KEEP:
                    order[at] = i
                    at += 1
            owner[g] = v
            g += 1
            begin[g] = at
            continue
        size = np.zeros(m, dtype=np.int64)
        for i in range(a, b):
            if fate[i] == KEEP:
                size[track[i]] += 1
        by_size = np.argsort(-size, kind="mergesort")
        for k in range(m):
            rank[k] = by_size[k]
        first = np.empty(m, dtype=np.int64)
        for k in range(m):
            first[by_size[k]] = at
            owner[g] = v
            at += size[by_size[k]]
            g += 1
            begin[g] = at
        for i in range(a, b):
            if fate[i] == KEEP:
                order[first[track[i]]] = i
                first[track[i]] += 1
    return order, begin, owner
