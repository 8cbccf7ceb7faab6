"""From rows in archive order to clean tracks: sorted, doubles out, clashes of identity taken apart.

One pass per vessel. A position joins the open track after which it is likeliest by dead reckoning, of those
from which it could have been reached; where none could, a new track begins. Where a step is doubtful the track
is followed as one ship and as two until one reading wins (multiple hypotheses, after Reid 1979, kept to two).
Two hulls under one MMSI thus become two tracks, a teleport becomes a track of few rows. The idea of segments of possible motion is that of GFW's pipe-segment; the method and code are ours.
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


# A place is foretold from told (else measured) speed and course over at most this; then it is only 'somewhere near'.
FORETOLD_S = 3 * 3600.0
# Spread of what comes true about what was foretold: 200 m, and 6 km for each hour (a turn, a change of speed).
SPREAD_M, SPREAD_M_S = 200.0, 6000.0 / 3600.0
# Two ships under one number are looked for within this of each other; it sets how much evidence a split needs.
REGION_M = 300_000.0
# From this many spreads off, a step makes one ask whether two ships hide in the track.
DOUBTFUL = 0.7
# and at least so far: what a late stamp of the receiver explains (a minute and a half at 40 kn) is no second ship
DOUBTFUL_M = 2_000.0
# And at this many it is another ship, or none.
TOO_FAR = 12.0
MARGIN = 1.0
# A second ship must come back clearly better than the first goes on, or every turn in a gap would add up to one.
SWITCH = 1.5
DOUBT_US = 12 * HOUR_US


@inlined
def _reach_m(dt: float, possible_ms: float, long_ms: float, slack_m: float) -> float:
    """Farthest that a ship can have come in so many seconds: a sprint of an hour, then at a merchant ship's best."""
    return possible_ms * min(dt, 3600.0) + long_ms * max(0.0, dt - 3600.0) + slack_m


@inlined
def _off(
    j: int, i: int, t: np.ndarray, lat: np.ndarray, lon: np.ndarray, sog: np.ndarray, cog: np.ndarray,
    before: np.ndarray, d: float, dt: float,
) -> float:  # fmt: skip
    """Metres by which row i misses what row j foretold, and j what i tells of the time before; at most their distance."""
    y0, x0, y, x = lat[j] * 1e-7, lon[j] * 1e-7, lat[i] * 1e-7, lon[i] * 1e-7
    span = min(dt, FORETOLD_S)
    ahead = -1.0
    if sog[j] == sog[j] and (cog[j] == cog[j] or sog[j] < 0.5):
        run = sog[j] * KNOT_MS * span / M_PER_DEGREE
        c = math.radians(cog[j]) if cog[j] == cog[j] else 0.0
        ahead = distance_m(y0 + run * math.cos(c), x0 + run * math.sin(c) / max(0.01, math.cos(math.radians(y0))), y, x)
    else:
        k = before[j]
        if k >= 0 and t[j] > t[k] and t[j] - t[k] < 3 * HOUR_US:
            f = span / ((t[j] - t[k]) * 1e-6)
            # a step of seconds says little of speed
            if f < 60.0:
                turn = lon[j] - lon[k]
                if abs(turn) < 1_800_000_000:
                    ahead = distance_m(y0 + f * (lat[j] - lat[k]) * 1e-7, x0 + f * turn * 1e-7, y, x)
    if ahead < 0.0:
        return d
    if sog[i] == sog[i] and (cog[i] == cog[i] or sog[i] < 0.5):
        run = sog[i] * KNOT_MS * span / M_PER_DEGREE
        c = math.radians(cog[i]) if cog[i] == cog[i] else 0.0
        back = distance_m(y - run * math.cos(c), x - run * math.sin(c) / max(0.01, math.cos(math.radians(y))), y0, x0)
        ahead = 0.5 * (ahead + back)
    return min(ahead, d)


# Sines and cosines of courses by the tenth of a degree, enough for a bound (a twentieth of a degree is a thousandth off).
_SINES = np.sin(np.radians(np.arange(3601) / 10.0))
_COSINES = np.cos(np.radians(np.arange(3601) / 10.0))


@inlined
def _off_at_most(
    dt: float, j: int, i: int, lat: np.ndarray, lon: np.ndarray, sog: np.ndarray, cog: np.ndarray
) -> float:
    """A bound on what `_off` gives, at a tenth of its cost; infinite where speed or course are not told, the step is long
    (an hour, a tenth of a degree) or the place far north. Flat, with one cosine: the margins are wider than what that
    leaves out."""
    c, e = cog[j], cog[i]
    if dt > 3600.0 or not (0.0 <= c < 360.0 and 0.0 <= e < 360.0 and sog[j] >= 0.0 and sog[i] >= 0.0):
        return np.inf
    y = np.float64(np.int64(lat[i]) - lat[j]) * 1e-7
    x = np.float64(np.int64(lon[i]) - lon[j]) * 1e-7
    if abs(y) > 0.1 or abs(lat[j]) > 700_000_000:
        return np.inf
    y *= M_PER_DEGREE
    x *= M_PER_DEGREE * math.cos(math.radians(lat[j] * 1e-7))
    ahead, back = sog[j] * KNOT_MS * dt, sog[i] * KNOT_MS * dt
    c10, e10 = int(c * 10.0 + 0.5), int(e * 10.0 + 0.5)
    y1, x1 = y - ahead * _COSINES[c10], x - ahead * _SINES[c10]
    y2, x2 = y - back * _COSINES[e10], x - back * _SINES[e10]
    missed = 0.5 * (math.sqrt(y1 * y1 + x1 * x1) + math.sqrt(y2 * y2 + x2 * x2))
    return 1.02 * missed + 0.01 * (abs(x) + abs(y)) + 0.001 * (ahead + back)


@inlined
def _link(
    j: int, i: int, t: np.ndarray, lat: np.ndarray, lon: np.ndarray, sog: np.ndarray, cog: np.ndarray,
    before: np.ndarray, possible_ms: float, long_ms: float, slack_m: float,
) -> tuple[float, float]:  # fmt: skip
    """How unlikely row i is after row j (minus log density, up to a constant), and how many spreads off it is; infinite
    where no ship could have come so far."""
    dt = (t[i] - t[j]) * 1e-6
    reach = _reach_m(dt, possible_ms, long_ms, slack_m)
    y0, x0, y, x = lat[j] * 1e-7, lon[j] * 1e-7, lat[i] * 1e-7, lon[i] * 1e-7
    # quick refusal by latitude alone
    if abs(y - y0) * M_PER_DEGREE > reach:
        return np.inf, np.inf
    d = distance_m(y0, x0, y, x)
    if d > reach:
        return np.inf, np.inf
    spread = SPREAD_M + SPREAD_M_S * dt
    far = _off(j, i, t, lat, lon, sog, cog, before, d, dt) / spread
    return far + 2.0 * math.log(spread), far


# Pieces of at least so many rows are joined end to end where the step between is at most so many spreads off.
PIECE_ROWS = 3
REJOIN_FAR = 9.0


@inlined
def _rejoin(
    a: int, b: int, tracks: int, t: np.ndarray, lat: np.ndarray, lon: np.ndarray, sog: np.ndarray, cog: np.ndarray,
    before: np.ndarray, track: np.ndarray, possible_ms: float, long_ms: float, slack_m: float,
) -> int:  # fmt: skip
    """Join tracks of one vessel that follow each other and could be one ship; how many tracks are left.

    Two ships overlap in time; pieces of one ship never do.
    """
    first = np.full(tracks, -1, dtype=np.int64)
    final = np.full(tracks, -1, dtype=np.int64)
    rows = np.zeros(tracks, dtype=np.int64)
    into = np.arange(tracks)
    for i in range(a, b):
        k = track[i]
        if first[k] < 0:
            first[k] = i
        final[k] = i
        rows[k] += 1
    begin = np.argsort(first, kind="mergesort")
    for z in range(tracks):
        f = begin[z]
        if rows[f] < PIECE_ROWS:
            continue
        best = -1
        cost = np.inf
        for y in range(z):
            e = begin[y]
            if into[e] != e or rows[e] < PIECE_ROWS or final[e] >= first[f]:
                continue
            c, far = _link(final[e], first[f], t, lat, lon, sog, cog, before, possible_ms, long_ms, slack_m)
            if far <= REJOIN_FAR and c < cost:
                cost = c
                best = e
        if best >= 0:
            # the earlier piece goes on: later pieces look at its new end
            into[f] = best
            final[best] = final[f]
            rows[best] += rows[f]
    left = 0
    label = np.full(tracks, -1, dtype=np.int64)
    for k in range(tracks):
        if into[k] == k and rows[k] > 0:
            label[k] = left
            left += 1
    for i in range(a, b):
        k = track[i]
        while into[k] != k:
            k = into[k]
        track[i] = label[k]
    return left


@kernel
def split(
    t: np.ndarray, lat: np.ndarray, lon: np.ndarray, sog: np.ndarray, cog: np.ndarray, start: np.ndarray,
    possible_kn: float, slack_m: float, long_kn: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Track number of every row within its vessel, its fate (KEEP, DOUBLE, INSTANT), and tracks per vessel.

    Rows are sorted by vessel and time. Each row joins the open track after which it is likeliest. Where a step is
    doubtful the track is followed under two readings, as one ship and as two, until one of them is the likelier.
    """
    n = len(t)
    track = np.zeros(n, dtype=np.int32)
    fate = np.zeros(n, dtype=np.uint8)
    other = np.zeros(n, dtype=np.uint8)
    before = np.full(n, -1, dtype=np.int32)
    made = np.zeros(len(start) - 1, dtype=np.int32)
    last = np.empty(OPEN_TRACKS, dtype=np.int64)
    number = np.empty(OPEN_TRACKS, dtype=np.int64)
    # the reading as two: tails of both, where it began, and how much more it costs since than the reading as one
    doubt = np.zeros(OPEN_TRACKS, dtype=np.bool_)
    tail = np.empty((OPEN_TRACKS, 2), dtype=np.int64)
    since = np.empty(OPEN_TRACKS, dtype=np.int64)
    lead = np.empty(OPEN_TRACKS, dtype=np.float64)
    possible_ms = possible_kn * KNOT_MS
    long_ms = long_kn * KNOT_MS
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
            best = -1
            cost = np.inf
            off = np.inf
            one = np.inf
            straight = np.inf
            if opened == 1 and (not doubt[0] or lead[0] >= -MARGIN):
                # the common case: one ship, a step that starts no doubt (all below says the same at more cost)
                j = last[0]
                dt = (t[i] - t[j]) * 1e-6
                spread = SPREAD_M + SPREAD_M_S * dt
                reach = _reach_m(dt, possible_ms, long_ms, slack_m)
                quick = max(DOUBTFUL * spread, min(DOUBTFUL_M, TOO_FAR * spread))
                if doubt[0]:
                    # and where it is in doubt, one that the ship heard last surely made: the other cannot be likelier
                    quick = min(quick, SWITCH * spread)
                # latitude and longitude together are never less than the way
                dy, dx = abs(np.int64(lat[i]) - lat[j]), abs(np.int64(lon[i]) - lon[j])
                way = (dy + dx) * (1e-7 * M_PER_DEGREE)
                plain = way <= min(quick, reach)
                if not plain and way <= reach:
                    plain = _off_at_most(dt, j, i, lat, lon, sog, cog) <= quick
                if not plain and dy * (1e-7 * M_PER_DEGREE) <= min(quick, reach):
                    plain = distance_m(lat[j] * 1e-7, lon[j] * 1e-7, lat[i] * 1e-7, lon[i] * 1e-7) <= min(quick, reach)
                if plain and t[j] == t[i]:
                    fate[i] = INSTANT
                    track[i] = number[0]
                    continue
                if plain:
                    if doubt[0]:
                        side = 0 if j == tail[0, 0] else 1
                        other[i] = side
                        if t[i] - t[since[0]] > DOUBT_US and t[i] - t[tail[0, 0]] > DOUBT_US:
                            doubt[0] = False
                        else:
                            tail[0, side] = i
                    last[0] = i
                    before[i] = j
                    track[i] = number[0]
                    continue
            for k in range(opened):
                c, far = _link(last[k], i, t, lat, lon, sog, cog, before, possible_ms, long_ms, slack_m)
                link, away = c, far
                if doubt[k] and far > TOO_FAR:
                    # where the ship cannot have gone there, the second may: if that is likelier than a third
                    # (`last` is one of the two tails, so only the other is to be asked)
                    o = 1 if last[k] == tail[k, 0] else 0
                    c1, f1 = _link(tail[k, o], i, t, lat, lon, sog, cog, before, possible_ms, long_ms, slack_m)
                    if lead[k] + min(c, c1) < 2.0 * math.log(REGION_M):
                        if c1 < c or (c1 == c and o == 1):
                            far = f1
                        c = lead[k] + min(c, c1)
                if c < cost:
                    cost = c
                    best = k
                    off = far
                    one, straight = link, away
            if best >= 0 and off > TOO_FAR:
                best = -1
            if best >= 0 and t[last[best]] == t[i]:
                fate[i] = INSTANT
                track[i] = number[best]
                continue
            if best >= 0:
                k = best
                far = straight
                if doubt[k]:
                    # going over to the other ship costs; `last` is the tail of the one that was heard last
                    near = 0 if last[k] == tail[k, 0] else 1
                    o = 1 - near
                    # the other tail can do no better than right on the spot: mostly that settles it unasked
                    since_other = (t[i] - t[tail[k, o]]) * 1e-6
                    c1 = 2.0 * math.log(SPREAD_M + SPREAD_M_S * since_other) + SWITCH
                    if c1 < one or (c1 == one and o == 0):
                        c1, f1 = _link(tail[k, o], i, t, lat, lon, sog, cog, before, possible_ms, long_ms, slack_m)
                        c1 += SWITCH
                    side = o if c1 < one or (c1 == one and o == 0) else near
                    lead[k] += min(0.0, c1 - one)
                    if lead[k] < -MARGIN:
                        # two ships: the rows of the second since the doubt began become a track of their own
                        for r in range(since[k], i):
                            if track[r] == number[k] and other[r] == 1:
                                track[r] = tracks
                        z = opened
                        if opened < OPEN_TRACKS:
                            opened += 1
                        else:
                            z = -1
                            for q in range(opened):
                                if q != k and (z < 0 or t[last[q]] < t[last[z]]):
                                    z = q
                        last[z] = tail[k, 1]
                        number[z] = tracks
                        doubt[z] = False
                        tracks += 1
                        last[k] = tail[k, 0]
                        doubt[k] = False
                        if side == 1:
                            k = z
                        before[i] = last[k]
                        last[k] = i
                        track[i] = number[k]
                        continue
                    other[i] = side
                    # what is surely one ship, or is long ago, is looked at no more
                    if lead[k] > 14.0 or (t[i] - t[since[k]] > DOUBT_US and t[i] - t[tail[k, 0]] > DOUBT_US):
                        doubt[k] = False
                    else:
                        tail[k, side] = i
                dt = (t[i] - t[last[k]]) * 1e-6
                if not doubt[k] and far > DOUBTFUL and far * (SPREAD_M + SPREAD_M_S * dt) > DOUBTFUL_M:
                    doubt[k] = True
                    tail[k, 0] = last[k]
                    tail[k, 1] = i
                    since[k] = i
                    other[i] = 1
                    lead[k] = 2.0 * math.log(max(REGION_M, 5.0 * (SPREAD_M + SPREAD_M_S * dt))) - one
                before[i] = last[k]
                last[k] = i
                track[i] = number[k]
                continue
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
            doubt[best] = False
            last[best] = i
            track[i] = number[best]
        if tracks > 1:
            tracks = _rejoin(
                start[v], start[v + 1], tracks, t, lat, lon, sog, cog, before, track, possible_ms, long_ms, slack_m
            )
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
