"""Fixed structures: what is seen at the same spot, equally long, in almost every scene is no ship.

Takes rows of scenes, detections and looks of several dates; marks the detections `static`, lowers their
probability and counts the looks of areas anew. (`structures` does the same from the pixels.) Wind turbines, platforms, beacons and reefs return the same
echo every time; a ship at a quay may lie there for weeks, so that nothing alongside or in a berth is judged.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tumen.imagery.areas import Area
from tumen.imagery.berths import ALL_COUNT
from tumen.imagery.faults import need
from tumen.imagery.geolocation import metres

SAME_SPOT_M = 35.0  # three standard deviations of a Sentinel position, pixel and shape included
MIN_SCENES = 4  # that cover the spot
MIN_SHARE = 0.8  # of them show it
MIN_DAYS = 20  # between the first and the last: anchored ships leave sooner
LENGTH_SPREAD = 0.35  # of the median length: turbines turn, ships differ
KEPT = 0.1  # of the probability of being a ship: a hulk or a lightship may be meant


def settle_fixed(
    detections: list[dict[str, Any]], scenes: list[dict[str, Any]], looks: list[dict[str, Any]], areas: list[Area]
) -> None:
    """Mark what is static among detections of several dates; rows are changed in place."""
    dated = {
        s["scene_id"]: s
        for s in scenes
        if not s.get("fault") and s.get("start") is not None and s.get("wkt") is not None
    }
    loose = [
        d
        for d in detections
        if d["scene_id"] in dated and d["lat"] is not None and not d["alongside"] and d["berth"] is None
    ]
    if len({dated[d["scene_id"]]["start"].date() for d in loose}) < MIN_SCENES:
        return
    from scipy.spatial import cKDTree

    shapely = need("shapely")
    outlines = {k: shapely.from_wkt(s["wkt"]) for k, s in dated.items()}
    lon, lat = (np.array([d[k] for d in loose], float) for k in ("lon", "lat"))
    # A plane of its own for each latitude: only distances within 35 m matter.
    east, north = metres(lon[0], lat, lon, lat)[0], metres(lon[0], lat[0], lon, lat)[1]
    tree = cKDTree(np.column_stack([east, north]))
    fixed: set[int] = set()
    for i, near in enumerate(tree.query_ball_point(tree.data, SAME_SPOT_M)):
        days = {dated[loose[j]["scene_id"]]["start"].date() for j in near}
        if len(days) < MIN_SCENES or (max(days) - min(days)).days < MIN_DAYS:
            continue
        point = shapely.Point(lon[i], lat[i])
        covered = {s["start"].date() for k, s in dated.items() if outlines[k].covers(point)}
        lengths = np.array([loose[j]["length_px"] for j in near])
        alike = np.median(np.abs(lengths - np.median(lengths))) <= LENGTH_SPREAD * np.median(lengths)
        if len(days) >= MIN_SHARE * len(covered) and alike:
            fixed.add(i)
    for i in sorted(fixed):
        row = loose[i]
        row["flags"] = sorted({*row["flags"], "static"})
        row["probability"] *= KEPT
    if fixed:
        recount({loose[i]["scene_id"] for i in fixed}, detections, looks, areas)


def recount(
    touched: set[str], detections: list[dict[str, Any]], looks: list[dict[str, Any]], areas: list[Area]
) -> None:
    """Count the looks of whole areas anew in scenes that lost a ship; rows are changed in place.

    In a port with land ships alongside or in a berth count, elsewhere all (`berths.look_rows`).
    """
    shapely = need("shapely")
    by_id = {f"{scene}/{a.name}": (scene, a) for scene in touched for a in areas if not a.pixels}
    for look in looks:
        if look["look_id"] not in by_id or look.get("vessel_count") is None or look.get("berth") is not None:
            continue
        scene, area = by_id[look["look_id"]]
        moored = area.kind == "port" and ALL_COUNT not in (look.get("note") or "")
        left = [
            d
            for d in detections
            if d["scene_id"] == scene
            and (d["alongside"] or d["berth"] is not None or not moored)
            and area.polygon.covers(shapely.Point(d["lon"], d["lat"]))
        ]
        chances = [d["probability"] for d in left]
        present = 1 - float(np.prod([1 - p for p in chances])) >= 0.5
        look["vessel_present"] = present
        look["vessel_count"] = max(sum(p >= 0.5 for p in chances), int(present))
        lengths = [d["length_m"] for d in left if d["length_m"] is not None and "static" not in d["flags"]]
        look["length_m"] = max(lengths, default=None) if present else None
        if not present:
            look["activity"] = "absent"
