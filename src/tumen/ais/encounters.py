"""Ships together: pairs of slow points in grid cells, run by run; and ships that could have met a silent one.

Takes slow points at ten-minute slots, a day at a time; gives runs of slots in which two tracks were within
reach of each other. A run that touches the edge of its day is kept whatever its length and joined with the
next day's, so days are independent tasks and memory is that of one day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen.ais.bucket import read_table
from tumen.ais.compiled import kernel
from tumen.ais.geo import KNOT_MS, M_PER_DEGREE, distance_m

# Slots that may be missing inside one encounter: ten-minute slots without a message on either side.
MISSING_SLOTS = 3


@dataclass(frozen=True)
class Day:
    """One task: slots [first, stop) of all buckets."""

    files: tuple[str, ...]
    first: int
    stop: int
    reach_m: float
    least_slots: int


@kernel
def _cells(lat: np.ndarray, lon: np.ndarray, slot: np.ndarray, first: int, size_deg: float) -> np.ndarray:
    """Sort key: slot, row of latitude, column of longitude in that row's own width."""
    key = np.empty(len(lat), dtype=np.int64)
    for i in range(len(lat)):
        y = lat[i] * 1e-7
        row = np.int64((y + 90.0) / size_deg)
        width = size_deg / max(0.01, np.cos(np.radians((row + 0.5) * size_deg - 90.0)))
        column = np.int64((lon[i] * 1e-7 + 180.0) / width)
        key[i] = ((slot[i] - first) << 44) | (row << 22) | column
    return key


@kernel
def _find(key: np.ndarray, a: int, value: int) -> int:
    """First index from a on whose key is not below the value."""
    lo, hi = a, len(key)
    while lo < hi:
        mid = (lo + hi) // 2
        if key[mid] < value:
            lo = mid + 1
        else:
            hi = mid
    return lo


@kernel
def _runs(
    key: np.ndarray, slot: np.ndarray, track: np.ndarray, lat: np.ndarray, lon: np.ndarray, size_deg: float,
    reach_m: float, missing: int, least: int, first: int, stop: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Runs of pairs: (track a, track b, first slot, last slot, slots), (sum of distances, of lat, of lon offset, way)."""
    n = len(key)
    size = 1 << 12
    pair = np.full(size, -1, dtype=np.int64)
    state = np.zeros((size, 3), dtype=np.int64)
    sums = np.zeros((size, 6), dtype=np.float64)
    used = 0
    room = 1024
    out = np.empty((room, 5), dtype=np.int64)
    tell = np.empty((room, 6), dtype=np.float64)
    m = 0
    mask = (np.int64(1) << 22) - 1
    for i in range(n):
        row = (key[i] >> 22) & mask
        y, x = lat[i] * 1e-7, lon[i] * 1e-7
        reach_deg = reach_m / 111_000.0
        wide = reach_deg / max(0.01, np.cos(np.radians(y)))
        for dr in range(2):
            r = row + dr
            width = size_deg / max(0.01, np.cos(np.radians((r + 0.5) * size_deg - 90.0)))
            c1 = np.int64((x + wide + 180.0) / width)
            base = ((slot[i] - first) << 44) | (r << 22)
            if dr == 0:
                j = i + 1
            else:
                c0 = np.int64(max(0.0, (x - wide + 180.0)) / width)
                j = _find(key, i + 1, base | c0)
            top = base | c1
            while j < n and key[j] <= top:
                a, b = track[i], track[j]
                if a != b and abs(lat[i] - lat[j]) * 1e-7 * M_PER_DEGREE <= reach_m:
                    d = distance_m(y, x, lat[j] * 1e-7, lon[j] * 1e-7)
                    if d <= reach_m:
                        if a > b:
                            a, b = b, a
                        p = (np.int64(a) << 32) | np.int64(b)
                        place = np.int64((np.uint64(p) * np.uint64(11400714819323198485)) >> np.uint64(16)) & (size - 1)
                        while pair[place] != -1 and pair[place] != p:
                            place = (place + 1) & (size - 1)
                        my, mx = 0.5 * (y + lat[j] * 1e-7), 0.5 * (x + lon[j] * 1e-7)
                        s = np.int64(slot[i])
                        fresh = pair[place] == -1
                        if fresh:
                            pair[place] = p
                            used += 1
                        elif s - state[place, 1] > missing:
                            if state[place, 1] - state[place, 0] >= least or state[place, 0] - first < missing:
                                if m == room:
                                    room *= 2
                                    out2 = np.empty((room, 5), dtype=np.int64)
                                    out2[:m] = out
                                    out = out2
                                    tell2 = np.empty((room, 6), dtype=np.float64)
                                    tell2[:m] = tell
                                    tell = tell2
                                out[m, 0] = p >> 32
                                out[m, 1] = p & 0xFFFFFFFF
                                out[m, 2:5] = state[place]
                                tell[m] = sums[place]
                                m += 1
                            fresh = True
                        if fresh:
                            state[place, 0] = s
                            state[place, 2] = 0
                            sums[place, :] = 0.0
                        else:
                            sums[place, 3] += distance_m(sums[place, 4], sums[place, 5], my, mx)
                        state[place, 1] = s
                        state[place, 2] += 1
                        sums[place, 0] += d
                        sums[place, 1] += my
                        sums[place, 2] += mx
                        sums[place, 4] = my
                        sums[place, 5] = mx
                        if used * 2 > size:
                            bigger = size * 4
                            pair2 = np.full(bigger, -1, dtype=np.int64)
                            state2 = np.zeros((bigger, 3), dtype=np.int64)
                            sums2 = np.zeros((bigger, 6), dtype=np.float64)
                            for k in range(size):
                                if pair[k] != -1:
                                    q = np.int64(
                                        (np.uint64(pair[k]) * np.uint64(11400714819323198485)) >> np.uint64(16)
                                    ) & (bigger - 1)
                                    while pair2[q] != -1:
                                        q = (q + 1) & (bigger - 1)
                                    pair2[q] = pair[k]
                                    state2[q] = state[k]
                                    sums2[q] = sums[k]
                            size = bigger
                            pair = pair2
                            state = state2
                            sums = sums2
                j += 1
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
                tell2 = np.empty((room, 6), dtype=np.float64)
                tell2[:m] = tell
                tell = tell2
            out[m, 0] = pair[k] >> 32
            out[m, 1] = pair[k] & 0xFFFFFFFF
            out[m, 2:5] = state[k]
            tell[m] = sums[k]
            m += 1
    return out[:m], tell[:m]


RUN_NAMES = (
    "a",
    "a_track",
    "b",
    "b_track",
    "first",
    "last",
    "slots",
    "sum_m",
    "sum_lat",
    "sum_lon",
    "way",
    "lat",
    "lon",
)


def pair_day(job: Day) -> pa.Table:
    """Runs of one day, sorted by pair and time."""
    parts = []
    for path in job.files:
        points = read_table(path)
        slots = points.column("slot").to_numpy()
        a, b = np.searchsorted(slots, [job.first, job.stop])
        if b > a:
            parts.append(points.slice(a, b - a))
    if not parts:
        return pa.table({name: pa.array([], pa.float64() if k > 6 else pa.int64()) for k, name in enumerate(RUN_NAMES)})
    points = pa.concat_tables(parts)
    vessel, number = points.column("vessel").to_numpy(), points.column("track").to_numpy()
    lat, lon, slot = (points.column(n).to_numpy() for n in ("lat", "lon", "slot"))
    order = np.lexsort((number, vessel))
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (np.diff(vessel[order]) != 0) | (np.diff(number[order]) != 0)
    dense = np.empty(len(order), dtype=np.int64)
    dense[order] = np.cumsum(fresh) - 1
    heads = order[fresh]
    size_deg = job.reach_m / 111_000.0
    key = _cells(lat, lon, slot, job.first, size_deg)
    by_cell = np.lexsort((dense, key))
    runs, sums = _runs(
        key[by_cell], slot[by_cell], dense[by_cell], lat[by_cell], lon[by_cell], size_deg, job.reach_m, MISSING_SLOTS,
        job.least_slots, job.first, job.stop,
    )  # fmt: skip
    a, b = heads[runs[:, 0]], heads[runs[:, 1]]
    made = pa.table(
        dict(
            zip(
                RUN_NAMES,
                (vessel[a], number[a].astype(np.int64), vessel[b], number[b].astype(np.int64), runs[:, 2], runs[:, 3],
                 runs[:, 4], sums[:, 0], sums[:, 1], sums[:, 2], sums[:, 3], sums[:, 4], sums[:, 5]),
                strict=True,
            )
        )
    )  # fmt: skip
    return made.sort_by([(n, "ascending") for n in ("a", "a_track", "b", "b_track", "first")])


def join_days(days: list[pa.Table], least_slots: int) -> list[dict[str, float]]:
    """Join runs across midnight and keep those that are long enough; in the order of pair and time."""
    if not days:
        return []
    runs = pa.concat_tables(days).sort_by([(n, "ascending") for n in ("a", "a_track", "b", "b_track", "first")])
    out: list[dict[str, float]] = []
    current: dict[str, float] | None = None
    # most one-day runs stand alone and are long: only those near an edge need joining, but order is one
    for row in runs.to_pylist():
        same = current is not None and all(current[k] == row[k] for k in ("a", "a_track", "b", "b_track"))
        if same and current is not None and row["first"] - current["last"] <= MISSING_SLOTS:
            for name in ("slots", "sum_m", "sum_lat", "sum_lon", "way"):
                current[name] += row[name]
            current["last"] = row["last"]
            continue
        if current is not None and current["last"] - current["first"] >= least_slots:
            out.append(current)
        current = dict(row)
    if current is not None and current["last"] - current["first"] >= least_slots:
        out.append(current)
    return out


def days(files: list[str], slot_s: int, reach_m: float, hours: float) -> list[Day]:
    """The days for which there are slow points."""
    per_day = 86_400 // slot_s
    found: set[int] = set()
    for path in files:
        slots = read_table(path).column("slot")
        if len(slots):
            found |= set(pc.unique(pc.divide(slots, pa.scalar(per_day, pa.int32()))).to_pylist())
    least = round(hours * 3600 / slot_s)
    return [Day(tuple(files), day * per_day, (day + 1) * per_day, reach_m, least) for day in sorted(found)]


def mean_knots(run: dict[str, float], slot_s: int) -> float:
    """Speed of the pair's middle."""
    seconds = (run["last"] - run["first"]) * slot_s
    return run["way"] / seconds / KNOT_MS if seconds else 0.0
