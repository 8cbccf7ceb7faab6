"""Silences judged: lost coverage or switched off, and what a silent ship could have done meanwhile.

Reception is what others tell: ships heard in the same degree cell and six hours. A gap is likely a
switched-off transmitter where others were heard all the while and the ship had been heard well before.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen.ais import coast, walk
from tumen.ais.bucket import HOUR_US, NOT_ASKED, RECEPTION_US
from tumen.ais.compiled import inlined, kernel
from tumen.ais.geo import EARTH_M, KNOT_MS, M_PER_DEGREE, NAUTICAL_MILE_M, distance_m, distances_m
from tumen.ais.ids import event_ids, numbers_of
from tumen.ais.places import Places
from tumen.ais.settings import EventSettings

# Reception is looked at over the first two days of a gap: later the ship may be elsewhere.
LOOK_US = 48 * HOUR_US


class Reception:
    """Ships heard by cell of one degree and slot of six hours, summed over all buckets."""

    def __init__(self, parts: list[pa.Table]) -> None:
        key = np.concatenate([p.column("key").to_numpy() for p in parts]) if parts else np.zeros(0, np.int64)
        ships = np.concatenate([p.column("ships").to_numpy() for p in parts]) if parts else np.zeros(0, np.int32)
        self.key, where = np.unique(key, return_inverse=True)
        self.ships = np.bincount(where, weights=ships, minlength=len(self.key)).astype(np.int64)

    def during(
        self, lat: np.ndarray, lon: np.ndarray, start: np.ndarray, end: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Most ships heard in one slot of each gap, and the share of its slots in which any were."""
        first = start // RECEPTION_US + 1
        last = np.maximum(np.minimum(end, start + LOOK_US) // RECEPTION_US, first + 1)
        y, x = np.rint(lat * 1e7).astype(np.int64), np.rint(lon * 1e7).astype(np.int64)
        cell = (y + 900_000_000) // 10_000_000 * 360 + (x + 1_800_000_000) // 10_000_000 % 360
        if not len(self.key):
            return np.zeros(len(cell), np.int64), np.zeros(len(cell))
        slots = first[:, None] + np.arange(LOOK_US // RECEPTION_US + 1)[None, :]
        wanted = slots * 65536 + cell[:, None]
        at = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        inside = slots < last[:, None]
        found = np.where((self.key[at] == wanted) & inside, self.ships[at], 0)
        return found.max(axis=1), np.count_nonzero(found, axis=1) / np.count_nonzero(inside, axis=1)


# A ship that runs at this or more is looked for ahead, from a quarter to a full degree along her course, within the
# first hours of the gap: nearer is the cell that she was heard in, farther she may have turned.
AHEAD_KN = 3.0
AHEAD_DEG = (0.25, 0.4, 0.55, 0.7, 0.85, 1.0)
AHEAD_H = 4.0


def leaves_area(
    area: np.ndarray, lat: np.ndarray, lon: np.ndarray, knots: np.ndarray, course: np.ndarray, hours: np.ndarray
) -> np.ndarray:
    """Whether nobody was ever heard where a ship was going: an archive ends somewhere, and ships sail out of it.

    `area` are the cells in which anyone was heard at any time (see `walk.area`), sorted; `hours` is how long the ship
    was silent. False for a ship that hardly ran, or of which no course is known.
    """
    ahead = np.array(AHEAD_DEG)[None, :]
    run = np.minimum(hours, AHEAD_H)[:, None] * knots[:, None] / 60.0
    angle = np.radians(course)[:, None]
    y = lat[:, None] + ahead * np.cos(angle)
    x = lon[:, None] + ahead * np.sin(angle) / np.maximum(0.02, np.cos(np.radians(lat)))[:, None]
    row = np.clip(np.floor((np.nan_to_num(y) + 90) * 5), 0, walk.AREA_LINES - 1).astype(np.int64)
    cell = row * walk.AREA_COLUMNS + np.floor((np.nan_to_num(x) + 180) * 5).astype(np.int64) % walk.AREA_COLUMNS
    looked = (ahead <= run) & ~np.isnan(angle)
    return (knots >= AHEAD_KN) & looked.any(axis=1) & ~(np.isin(cell, area) & looked).any(axis=1)


def judge(
    raw: pa.Table, ends: pa.Table, reception: Reception, area: np.ndarray, settings: EventSettings, archive_end: int
) -> list[dict[str, Any]]:
    """Rows of the table `gaps`: closed ones, then those that the end of the archive leaves open."""
    rows = raw.to_pylist()
    for row in rows:
        row["closed"] = True
    for row in ends.to_pylist():
        if archive_end - row["start"] >= settings.gap_h * HOUR_US:
            rows.append(
                {
                    **row,
                    "end": archive_end,
                    "end_lat": None,
                    "end_lon": None,
                    "closed": False,
                    "last_message": row["first_message"],
                }
            )
    late = [r for r in rows if r["coast_nm"] == NOT_ASKED]
    for row, nm in zip(
        late, coast.distance_nm(np.array([r["lat"] for r in late]), np.array([r["lon"] for r in late])), strict=True
    ):
        row["coast_nm"] = float(nm)
    lat, lon, start, end = (np.array([r[n] for r in rows]) for n in ("lat", "lon", "start", "end"))
    ships, shares = reception.during(lat, lon, start, end) if rows else (np.zeros(0), np.zeros(0))
    knots, course = (np.array([r[n] for r in rows], dtype=float) for n in ("last_kn", "last_deg"))
    away = leaves_area(area, lat, lon, knots, course, (end - start) / HOUR_US) if rows else np.zeros(0, bool)
    ids = event_ids("gap", [r["vessel_id"] for r in rows], np.array([r["track"] for r in rows]), start).to_pylist()
    ended = [np.array([np.nan if r[n] is None else r[n] for r in rows], dtype=float) for n in ("end_lat", "end_lon")]
    ways = distances_m(lat, lon, *ended).tolist() if rows else []
    out = []
    for row, gap_id, heard, share, gone, way in zip(
        rows, ids, ships.tolist(), shares.tolist(), away.tolist(), ways, strict=True
    ):
        coast_nm = row["coast_nm"]
        hours = (row["end"] - row["start"]) / HOUR_US
        gap = {
            **row, "gap_id": gap_id, "hours": hours, "neighbours": heard, "heard_share": share, "coast_nm": coast_nm if np.isfinite(coast_nm) else None,
            "messages": 2 if row["closed"] else 1, "distance_nm": None, "implied_kn": None,
        }  # fmt: skip
        if row["closed"]:
            gap["distance_nm"] = way / NAUTICAL_MILE_M
            gap["implied_kn"] = way / (hours * 3600) / KNOT_MS
        far = None if np.isnan(coast_nm) else coast_nm >= settings.gap_coast_nm
        often = row["messages_before"] >= settings.gap_messages_before
        gap["gfw_rule"] = None if far is None else bool(far and often and hours >= 12)
        gap["kind"], gap["confidence"] = _kind(row, heard, share, often, far, gone, settings)
        out.append(gap)
    return out


def _kind(
    row: dict[str, Any], heard: int, share: float, often: bool, far: bool | None, gone: bool, s: EventSettings
) -> tuple[str, int]:
    """Kind of a gap and how sure: more for good reception all the while, and for the open sea."""
    if row["in_port"]:
        return "in port", 3
    received = heard >= s.gap_neighbours and share >= s.gap_heard_share
    if not received and (share < 0.5 * s.gap_heard_share or not often):
        return "likely lost coverage", 3 if share == 0 else 2
    if gone:
        return "likely left the area", 2
    if received and often:
        sure = 2 + int(bool(far)) + int(share >= 0.9 and heard >= 3 * s.gap_neighbours)
        return "likely switched off", min(4, sure)
    return "undecided", 1


@inlined
def _way_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Metres by the haversine, degrees in, as `distances_m` has it."""
    y = math.sin((math.radians(lat2) - math.radians(lat1)) / 2)
    x = math.sin((math.radians(lon2) - math.radians(lon1)) / 2)
    a = y * y + math.cos(math.radians(lat1)) * math.cos(math.radians(lat2)) * x * x
    return 2.0 * EARTH_M * math.asin(min(1.0, math.sqrt(a)))


@kernel
def _within_reach(
    lat: np.ndarray, lon: np.ndarray, end_lat: np.ndarray, end_lon: np.ndarray, seconds: np.ndarray, in_port: np.ndarray,
    p_lat: np.ndarray, p_lon: np.ndarray, case: np.ndarray, knots: float, least_s: float, exit_m: float, most: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Ports that each gap's ship could have called at, nearest first: (gap, port), (metres there, back, knots needed).

    `end_lat` is NaN where the gap is open. All of the case's ports within reach, of the others the `most` first.
    """
    room = 1024
    out = np.empty((room, 2), dtype=np.int64)
    told = np.empty((room, 3), dtype=np.float64)
    near = np.empty(len(p_lat), dtype=np.int64)
    measures = np.empty((len(p_lat), 3), dtype=np.float64)
    m = 0
    for i in range(len(lat)):
        spare = seconds[i] - least_s
        if spare <= 0.0:
            continue
        closed = end_lat[i] == end_lat[i]
        budget = knots * KNOT_MS * spare
        n = 0
        for p in range(len(p_lat)):
            # as far as latitude alone tells
            if abs(p_lat[p] - lat[i]) * M_PER_DEGREE > budget * 1.001 + 1.0:
                continue
            there = _way_m(lat[i], lon[i], p_lat[p], p_lon[p])
            if there > budget * 1.001 + 1.0:
                continue
            back = _way_m(end_lat[i], end_lon[i], p_lat[p], p_lon[p]) if closed else 0.0
            needed = (there + back) / spare / KNOT_MS
            # a ship that was silent inside a port has not hidden a visit to that port
            if needed > knots or (there < exit_m and in_port[i]):
                continue
            near[n] = p
            measures[n, 0] = there
            measures[n, 1] = back
            measures[n, 2] = needed
            n += 1
        order = np.argsort(measures[:n, 2], kind="mergesort")
        for z in range(n):
            k = order[z]
            if z >= most and not case[near[k]]:
                continue
            if m == room:
                room *= 2
                out2 = np.empty((room, 2), dtype=np.int64)
                out2[:m] = out
                out = out2
                told2 = np.empty((room, 3), dtype=np.float64)
                told2[:m] = told
                told = told2
            out[m, 0] = i
            out[m, 1] = near[k]
            told[m] = measures[k]
            m += 1
    return out[:m], told[:m]


def hidden_visits(gaps: list[dict[str, Any]], places: Places, settings: EventSettings) -> pa.Table:
    """Ports within reach of each gap at the assumed speed: all of the case's, else the nearest few; times as
    microseconds."""
    names, lat, lon = places.centres()
    case = np.array([n in places.from_case for n in names], dtype=bool)

    def column(name: str, kind: type = float) -> np.ndarray:
        return np.array([np.nan if g[name] is None else g[name] for g in gaps], dtype=kind)

    found, told = _within_reach(
        column("lat"), column("lon"), column("end_lat"), column("end_lon"), column("hours") * 3600, column("in_port", bool),
        lat, lon, case, settings.hidden_kn, settings.hidden_stay_h * 3600, settings.exit_m, settings.hidden_places,
    )  # fmt: skip
    of, port = found[:, 0], found[:, 1]
    there, back, needed = told.T
    speed = settings.hidden_kn * KNOT_MS
    closed = column("closed", bool)[of]
    take = pa.array(of)
    return pa.table(
        {
            "gap_id": pa.array([g["gap_id"] for g in gaps], pa.string()).take(take),
            "vessel_id": pa.array([g["vessel_id"] for g in gaps], pa.string()).take(take),
            "place": pa.array(names, pa.string()).take(pa.array(port)), "in_case": pa.array(case[port]),
            "there_nm": there / NAUTICAL_MILE_M, "back_nm": pa.array(back / NAUTICAL_MILE_M, mask=~closed),
            "needed_kn": needed, "longest_stay_hours": (column("hours")[of] * 3600 - (there + back) / speed) / 3600,
            "earliest_arrival": column("start", np.int64)[of] + (there / speed * 1e6).astype(np.int64),
            "latest_departure": column("end", np.int64)[of] - (back / speed * 1e6).astype(np.int64),
        }
    )  # fmt: skip


# Gaps are looked through in lots of so many, sorted by their start: a lot whose last end is too early is passed over.
LOT = 256


@kernel
def _silent(
    start: np.ndarray, end: np.ndarray, lat: np.ndarray, lon: np.ndarray, own: np.ndarray, owner: np.ndarray, gaps: tuple,
    lot_end: np.ndarray, speed: float, least: float,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """For each loitering the gap whose ship had the least way to be there long enough (-1: none), and how many could
    have been. Gaps are sorted by their start; `own` is the number of the loiterer among the owners."""
    g_start, g_end, g_lat, g_lon, back_lat, back_lon = gaps
    chosen = np.full(len(start), -1, dtype=np.int64)
    many = np.zeros(len(start), dtype=np.int32)
    for i in range(len(start)):
        way = np.inf
        k = -1
        while k + 1 < len(owner):
            k += 1
            if g_start[k] + least > end[i]:
                break
            if k % LOT == 0 and lot_end[k // LOT] - least < start[i]:
                k += LOT - 1
                continue
            if g_end[k] - least < start[i] or owner[k] == own[i]:
                continue
            # as far as latitude alone tells
            if g_start[k] + abs(lat[i] - g_lat[k]) * M_PER_DEGREE / speed * 1e6 + least > end[i]:
                continue
            there = distance_m(lat[i], lon[i], g_lat[k], g_lon[k]) / speed * 1e6
            back = 0.0
            if back_lat[k] == back_lat[k]:
                back = distance_m(lat[i], lon[i], back_lat[k], back_lon[k]) / speed * 1e6
            if min(g_end[k] - back, float(end[i])) - max(g_start[k] + there, float(start[i])) < least:
                continue
            many[i] += 1
            if there + back < way:
                way = there + back
                chosen[i] = k
    return chosen, many


def rendezvous(slow: pa.Table, gaps: list[dict[str, Any]], settings: EventSettings) -> pa.Table:
    """One-sided encounters: loitering at sea with nobody heard, and the silent ships that could have been there.

    `slow` are the rows of loitering that are long enough and met nobody, times as microseconds. A ship counts where
    her gap overlaps by the encounter's least length and she could have come from her last position, stayed that long,
    and reached her next one at the assumed speed.
    """
    silent = sorted((g for g in gaps if g["kind"] != "in port"), key=lambda g: (g["start"], g["vessel_id"], g["track"]))
    names = pa.array([g["vessel_id"] for g in silent], pa.string()).dictionary_encode()
    own = pc.fill_null(pc.index_in(slow.column("vessel_id"), names.dictionary), -1).to_numpy().astype(np.int64)
    columns = (
        np.array([g["start"] for g in silent], dtype=np.int64), np.array([g["end"] for g in silent], dtype=np.int64),
        np.array([g["lat"] for g in silent], dtype=float), np.array([g["lon"] for g in silent], dtype=float),
        np.array([g["end_lat"] if g["closed"] else np.nan for g in silent], dtype=float),
        np.array([g["end_lon"] if g["closed"] else np.nan for g in silent], dtype=float),
    )  # fmt: skip
    start, end, lat, lon = (slow.column(n).to_numpy() for n in ("start", "end", "lat", "lon"))
    lots = np.maximum.reduceat(columns[1], np.arange(0, len(silent), LOT)) if silent else np.zeros(0, np.int64)
    best, fits = _silent(
        start, end, lat, lon, own, names.indices.to_numpy().astype(np.int64), columns, lots, settings.hidden_kn * KNOT_MS,
        settings.encounter_h * 3.6e9,
    )  # fmt: skip
    which = pa.array(best, mask=best < 0)
    off = np.array([g["kind"] == "likely switched off" for g in silent] or [False])
    offshore = pc.fill_null(slow.column("gfw_rule"), False).to_numpy(zero_copy_only=False)
    sure = 1 + offshore.astype(np.int32) + ((best >= 0) & off[np.maximum(best, 0)]).astype(np.int32)
    return pa.table(
        {
            "encounter_id": event_ids("rendezvous", numbers_of(slow.column("loiter_id"))),
            "kind": pa.repeat("one-sided", len(best)), "vessel_id": slow.column("vessel_id"), "track": slow.column("track"),
            "other_id": names.cast(pa.string()).take(which),
            "other_track": pa.array([g["track"] for g in silent], pa.int32()).take(which),
            "start": start, "end": end, "hours": slow.column("hours"), "lat": lat, "lon": lon,
            "mean_m": pa.nulls(len(best), pa.float64()), "mean_kn": slow.column("mean_kn"),
            "slots": pa.nulls(len(best), pa.int32()),
            "gap_id": pa.array([g["gap_id"] for g in silent], pa.string()).take(which),
            "candidates": pa.array(fits, pa.int32()), "confidence": pa.array(sure, pa.int32()),
        }
    )  # fmt: skip
