"""Silences judged: lost coverage or switched off, and what a silent ship could have done meanwhile.

Reception is what others tell: ships heard in the same degree cell and six hours. A gap is likely a
switched-off transmitter where others were heard all the while and the ship had been heard well before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from tumen.ais import coast
from tumen.ais.bucket import HOUR_US, RECEPTION_US, content_hash
from tumen.ais.geo import KNOT_MS, NAUTICAL_MILE_M, distances_m
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

    def during(self, lat: float, lon: float, start: int, end: int) -> tuple[int, float]:
        """Most ships heard in one slot of the gap, and the share of its slots in which any were."""
        first, last = start // RECEPTION_US + 1, min(end, start + LOOK_US) // RECEPTION_US
        if last <= first:
            last = first + 1
        cell = int((lat * 1e7 + 900_000_000) // 10_000_000) * 360 + int((lon * 1e7 + 1_800_000_000) // 10_000_000) % 360
        wanted = np.arange(first, last) * 65536 + cell
        at = np.minimum(np.searchsorted(self.key, wanted), max(0, len(self.key) - 1))
        if not len(self.key):
            return 0, 0.0
        found = np.where(self.key[at] == wanted, self.ships[at], 0)
        return int(found.max()), float(np.count_nonzero(found) / len(found))


def judge(
    raw: pa.Table, ends: pa.Table, reception: Reception, settings: EventSettings, archive_end: int
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
    near = coast.distance_nm(np.array([r["lat"] for r in rows]), np.array([r["lon"] for r in rows]))
    out = []
    for row, coast_nm in zip(rows, near.tolist(), strict=True):
        heard, share = reception.during(row["lat"], row["lon"], row["start"], row["end"])
        hours = (row["end"] - row["start"]) / HOUR_US
        gap = {
            **row, "gap_id": content_hash("gap", row["vessel_id"], row["track"], row["start"]), "hours": hours,
            "neighbours": heard, "heard_share": share, "coast_nm": coast_nm if np.isfinite(coast_nm) else None,
            "messages": 2 if row["closed"] else 1, "distance_nm": None, "implied_kn": None,
        }  # fmt: skip
        if row["closed"]:
            way = float(distances_m(row["lat"], row["lon"], row["end_lat"], row["end_lon"]))
            gap["distance_nm"] = way / NAUTICAL_MILE_M
            gap["implied_kn"] = way / (hours * 3600) / KNOT_MS
        far = None if np.isnan(coast_nm) else coast_nm >= settings.gap_coast_nm
        often = row["messages_before"] >= settings.gap_messages_before
        gap["gfw_rule"] = None if far is None else bool(far and often and hours >= 12)
        gap["kind"], gap["confidence"] = _kind(row, heard, share, often, far, settings)
        out.append(gap)
    return out


def _kind(
    row: dict[str, Any], heard: int, share: float, often: bool, far: bool | None, s: EventSettings
) -> tuple[str, int]:
    """Kind of a gap and how sure: more for good reception all the while, and for the open sea."""
    if row["in_port"]:
        return "in port", 3
    received = heard >= s.gap_neighbours and share >= s.gap_heard_share
    if received and often:
        sure = 2 + int(bool(far)) + int(share >= 0.9 and heard >= 3 * s.gap_neighbours)
        return "likely switched off", min(4, sure)
    if not received and (share < 0.5 * s.gap_heard_share or not often):
        return "likely lost coverage", 3 if share == 0 else 2
    return "undecided", 1


def hidden_visits(gaps: list[dict[str, Any]], places: Places, settings: EventSettings) -> list[dict[str, Any]]:
    """Ports within reach of each gap at the assumed speed: all of the case's, else the nearest few."""
    names, lat, lon = places.centres()
    if not names:
        return []
    case = np.array([n in places.from_case for n in names])
    out = []
    for gap in gaps:
        there = distances_m(gap["lat"], gap["lon"], lat, lon)
        back = distances_m(gap["end_lat"], gap["end_lon"], lat, lon) if gap["closed"] else np.zeros(len(names))
        seconds = gap["hours"] * 3600
        least = settings.hidden_stay_h * 3600
        if seconds <= least:
            continue
        needed = (there + back) / (seconds - least) / KNOT_MS
        # a ship that was silent inside a port has not hidden a visit to that port
        near = np.flatnonzero((needed <= settings.hidden_kn) & ~((there < settings.exit_m) & gap["in_port"]))
        order = near[np.argsort(needed[near], kind="stable")]
        chosen = [k for n, k in enumerate(order) if case[k] or n < settings.hidden_places]
        speed = settings.hidden_kn * KNOT_MS
        for k in chosen:
            out.append(
                {
                    "gap_id": gap["gap_id"], "vessel_id": gap["vessel_id"], "place": names[k], "in_case": bool(case[k]),
                    "there_nm": float(there[k]) / NAUTICAL_MILE_M,
                    "back_nm": float(back[k]) / NAUTICAL_MILE_M if gap["closed"] else None,
                    "needed_kn": float(needed[k]),
                    "longest_stay_hours": (seconds - float(there[k] + back[k]) / speed) / 3600,
                    "earliest_arrival": gap["start"] + int(there[k] / speed * 1e6),
                    "latest_departure": gap["end"] - int(back[k] / speed * 1e6),
                }
            )  # fmt: skip
    return out


def rendezvous(
    loitering: list[dict[str, Any]], met: set[str], gaps: list[dict[str, Any]], settings: EventSettings
) -> list[dict[str, Any]]:
    """Loitering at sea with nobody heard, and the silent ships that could have been there.

    A ship counts where her gap overlaps by the encounter's least length and she could have come from her last
    position, stayed that long, and reached her next one at the assumed speed.
    """
    open_gaps = [g for g in gaps if g["kind"] != "in port"]
    if open_gaps:
        start, end = (np.array([g[n] for g in open_gaps], dtype=float) for n in ("start", "end"))
        lat, lon = (np.array([g[n] for g in open_gaps]) for n in ("lat", "lon"))
        back_lat = np.array([g["end_lat"] if g["closed"] else g["lat"] for g in open_gaps])
        back_lon = np.array([g["end_lon"] if g["closed"] else g["lon"] for g in open_gaps])
        closed = np.array([g["closed"] for g in open_gaps])
    out = []
    for row in loitering:
        if row["hours"] < settings.rendezvous_h or row["loiter_id"] in met:
            continue
        chosen: int | None = None
        fits = np.zeros(0, dtype=np.int64)
        if open_gaps:
            speed = settings.hidden_kn * KNOT_MS
            there = distances_m(row["lat"], row["lon"], lat, lon) / speed * 1e6
            back = np.where(closed, distances_m(row["lat"], row["lon"], back_lat, back_lon) / speed * 1e6, 0.0)
            stay = np.minimum(end - back, row["end"]) - np.maximum(start + there, row["start"])
            fits = np.flatnonzero(stay >= settings.encounter_h * 3.6e9)
            fits = np.array([k for k in fits if open_gaps[k]["vessel_id"] != row["vessel_id"]], dtype=np.int64)
            if len(fits):
                # the likeliest is the one that had least way to make
                chosen = int(fits[np.argmin((there + back)[fits])])
        gap = open_gaps[chosen] if chosen is not None else None
        offshore = bool(row["gfw_rule"])
        sure = 1 + int(offshore) + int(gap is not None and gap["kind"] == "likely switched off")
        out.append(
            {
                "encounter_id": content_hash("rendezvous", row["loiter_id"]), "kind": "one-sided",
                "vessel_id": row["vessel_id"], "track": row["track"],
                "other_id": gap["vessel_id"] if gap else None, "other_track": gap["track"] if gap else None,
                "start": row["start"], "end": row["end"], "hours": row["hours"], "lat": row["lat"], "lon": row["lon"],
                "mean_m": None, "mean_kn": row["mean_kn"], "slots": None, "gap_id": gap["gap_id"] if gap else None,
                "candidates": len(fits), "confidence": sure,
            }
        )  # fmt: skip
    return out
