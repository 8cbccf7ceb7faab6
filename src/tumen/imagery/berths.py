"""Berths and looks: was a ship alongside, how long, was a stack of containers there.

Takes a scene's detections and the berth polygons; gives rows of BERTH_STATES and LOOKS. A berth is judged by
the ships found in it and by how far its pixels stand off the water, held against the berth's own history.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tumen.imagery.areas import BERTHS, YARDS, Area, port_of
from tumen.imagery.faults import need
from tumen.imagery.land import Land, land_share
from tumen.imagery.scene import Scene
from tumen.imagery.settings import DetectSettings
from tumen.imagery.shape import Ship

if TYPE_CHECKING:
    from tumen.imagery.stacks import Window

WHOLE = ("port", "anchorage", "area", "shipyard")  # kinds that have a look of their own as a whole
ALL_COUNT = "no land known there: all of them count"  # in the note of a port's look
COVERED_SD_M = 30.0  # of the length of what is covered anew (bench/imagery_berths.py)
IN_BERTH = 0.33  # share of a hull that makes it a ship of the berth
MAX_WINDOW = 6000  # pixels a side of the window in which an area's usable share is counted
# Logistics of `evidence` and `evidence_anew`, measured by bench/imagery_berths.py --fit (2026-11-26) on 389 berths drawn
# along the quays of six ports, of which 7 % were occupied. A berth that somebody watches is used more: its odds are
# raised to a share of 30 %, a setting of ours.
OCCUPIED = (-0.76, 1.09, -1.51, 2.03)
ANEW = (-3.81, 0.37, 3.79, 4.73)
DRAWN_SHARE, WATCHED_SHARE = 0.07, 0.3
RAISED = float(np.log(WATCHED_SHARE / (1 - WATCHED_SHARE)) - np.log(DRAWN_SHARE / (1 - DRAWN_SHARE)))


def polygon_mask(polygon: Any, x: int, y: int, width: int, height: int) -> np.ndarray:
    """Pixels of a window whose centre lies in a polygon of pixel coordinates."""
    affine = need("affine")
    return (
        need("rasterio.features")
        .rasterize([(polygon, 1)], (height, width), transform=affine.Affine(1, 0, x, 0, 1, y), dtype="uint8")
        .astype(bool)
    )


def window_of(polygon: Any, scene: Scene, pad: int = 0) -> tuple[int, int, int, int] | None:
    """Window x, y, width, height of a polygon inside the scene."""
    left, top, right, bottom = polygon.bounds
    x0, y0 = max(0, int(np.floor(left)) - pad), max(0, int(np.floor(top)) - pad)
    x1, y1 = min(scene.width, int(np.ceil(right)) + pad), min(scene.height, int(np.ceil(bottom)) + pad)
    return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None


def usable_share(scene: Scene, polygon: Any, usable: np.ndarray) -> float:
    """Share of a polygon that could be seen; parts outside the scene could not."""
    window = window_of(polygon, scene)
    area = polygon.area
    if window is None or area <= 0:
        return 0.0
    x, y, w, h = window
    if scene.kind == "sar" and w <= MAX_WINDOW and h <= MAX_WINDOW:
        mask = polygon_mask(polygon, x, y, w, h)
        seen = scene.read(next(iter(scene.bands)), x, y, w, h)[mask] > 0
        return float(min(1.0, seen.sum() / max(area, mask.sum(), 1)))
    step = round(scene.height / usable.shape[0]) if scene.kind == "sar" else 8
    affine = need("affine")
    mask = (
        need("rasterio.features")
        .rasterize(
            [(polygon, 1)],
            usable.shape,
            transform=affine.Affine(step, 0, 0, 0, step, 0),
            dtype="uint8",
            all_touched=True,
        )
        .astype(bool)
    )
    inside = polygon.intersection(need("shapely").box(0, 0, scene.width, scene.height)).area / area
    return float(np.clip(usable[mask].mean() * inside, 0, 1)) if mask.any() else 0.0


def hull_share(scene: Scene, polygon: Any, land: Land) -> tuple[float, float] | None:
    """Share of a berth's water that stands off it, and the mean level (log contrast); None without water."""
    window = window_of(polygon, scene, pad=60)
    if window is None:
        return None
    x, y, w, h = window
    mask = polygon_mask(polygon, x, y, w, h)
    share = land_share(land, scene.geo, x, y, w, h)
    off_land = mask if share is None else mask & (share < 0.5)
    if off_land.sum() < max(6, 0.15 * mask.sum()):
        off_land = mask  # the berth polygon lies on land in the coastline data: judge all of it
    if scene.kind == "optical":
        from tumen.imagery.optical import read_bands
        from tumen.imagery.water import layers, water

        bands, valid = read_bands(scene, x, y, w, h)
        sea = water(bands, share, valid)
        if sea is None:
            return None
        level = layers(bands, share, dict(zip(bands, sea.level, strict=True)))[:5].max(0)
        bar = max(0.3, 2.5 * float(sea.spread[-1]) / 2)
    else:
        from tumen.imagery.sar import polarisations

        raw = scene.read(polarisations(scene)[-1], x, y, w, h).astype(float) ** 2
        around = raw[~mask & (raw > 0) & ((share < 0.5) if share is not None else True)]
        if len(around) < 100:
            return None
        sea_level = np.percentile(around, 40) * 1.25  # median of the darker part: quays and ships are bright
        level = np.log(np.maximum(raw, 1) / max(sea_level, 1))
        bar = np.log(4.0)
    values = level[off_land]
    return float((values > bar).mean()), float(np.clip(values, -1, 6).mean())


def berth_rows(
    scene: Scene,
    berths: list[Area],
    areas: list[Area],
    outlines: dict[str, Any],
    detections: list[dict[str, Any]],
    ships: list[Ship],
    usable: np.ndarray,
    land: Land,
    settings: DetectSettings,
) -> list[dict[str, Any]]:
    """Rows of BERTH_STATES for one scene; pictures are added by the caller.

    `detections` are the rows that are told; `ships` all candidates, also the improbable ones: a berth's chance
    rests on them too.
    """
    chances = chances_in(berths, outlines, ships)
    states = []
    for berth in berths:
        polygon = outlines[berth.name]
        seen = usable_share(scene, polygon, usable)
        mine = [d for d in detections if d["berth"] == berth.name]
        longest = max(mine, key=lambda d: d["length_px"], default=None)
        look_id = f"{scene.scene_id}/{berth.name}"
        row: dict[str, Any] = {
            "look_id": look_id,
            "scene_id": scene.scene_id,
            "place": port_of(berth, areas),
            "berth": berth.name,
            "time": scene.start,
            "usable_share": seen,
            "references": 0,
        }
        if seen >= settings.min_usable:
            fill = hull_share(scene, polygon, land)
            row["ships"] = len(mine)
            row["brightness"] = None if fill is None else fill[1]
            row["p_occupied"] = occupied(chances[berth.name], None if fill is None else fill[0])
            if longest is not None:
                row["ship_length_m"], row["ship_length_sd_m"] = longest["length_m"], longest["length_sd_m"]
        states.append(row)
    return states


def chances_in(berths: list[Area], outlines: dict[str, Any], ships: list[Ship]) -> dict[str, list[float]]:
    """Probabilities of the candidates of which at least a third of the hull lies in each berth."""
    shapely = need("shapely")
    out: dict[str, list[float]] = {b.name: [] for b in berths}
    if not ships or not berths:
        return out
    hulls = shapely.polygons([s.corners() for s in ships])
    tree = shapely.STRtree(hulls)
    for berth in berths:
        polygon = outlines[berth.name]
        for i in tree.query(polygon, "intersects"):
            if polygon.intersection(hulls[i]).area >= IN_BERTH * hulls[i].area:
                out[berth.name].append(ships[i].probability)
    return out


def yard_rows(
    scene: Scene, yards: list[Area], areas: list[Area], outlines: dict[str, Any], usable: np.ndarray
) -> list[dict[str, Any]]:
    """Rows of BERTH_STATES of yards, where no ship can lie; the stacks are filled in by `settle_stacks`."""
    return [
        {
            "look_id": f"{scene.scene_id}/{yard.name}",
            "scene_id": scene.scene_id,
            "place": port_of(yard, areas),
            "berth": yard.name,
            "time": scene.start,
            "usable_share": usable_share(scene, outlines[yard.name], usable),
            "references": 0,
        }
        for yard in yards
    ]


def settle_stacks(
    windows: list[Window], states: list[dict[str, Any]], looks: list[dict[str, Any]], areas: list[Area]
) -> None:
    """Measure the stacks of every yard against its other dates; fills in states and looks in place.

    A yard that is part of a berth tells its stack in the berth's rows too.
    """
    if not windows:
        return
    from tumen.imagery.stacks import measure

    by_state = {r["look_id"]: r for r in states}
    by_look = {r["look_id"]: r for r in looks}
    parent = {a.name: a.part_of for a in areas}
    berths = {a.name for a in areas if a.kind in BERTHS}
    for seen, stack in zip(windows, measure(windows), strict=True):
        if stack is None:
            continue
        owners = [seen.yard] + ([parent[seen.yard]] if parent.get(seen.yard) in berths else [])
        for owner in owners:
            row = by_state.get(f"{seen.scene_id}/{owner}")
            if row is None or (row.get("p_stack") or -1) >= stack.p_stack:
                continue
            row["p_stack"] = stack.p_stack
            row["references"] = max(row["references"], stack.references)
            told = stack.p_stack >= 0.5 and stack.boxes is not None
            middle, low, high = stack.boxes if told and stack.boxes else (None, None, None)
            row["stack_length_m"], row["stack_area_m2"] = (stack.length_m, stack.area_m2) if told else (None, None)
            row["containers"], row["containers_low90"], row["containers_high90"] = middle, low, high
            look = by_look.get(row["look_id"])
            if look is None:
                continue
            look["stack_present"] = stack.p_stack >= 0.5
            look["stack_length_m"], look["containers"] = row["stack_length_m"], middle
            text = f"p(stack) {stack.p_stack:.2f} against {stack.references} other dates"
            if told:
                text += f", {low:.0f} to {high:.0f} twenty-foot boxes (tiers not seen)"
            kept = (look.get("note") or "").split("; p(stack)")[0]
            look["note"] = f"{kept}; {text}" if kept and not kept.startswith("p(stack)") else text


def look_pictures(
    scene: Scene,
    areas: list[Area],
    outlines: dict[str, Any],
    hulls: list[np.ndarray],
    states: list[dict[str, Any]],
) -> list[Any]:
    """Pictures wanted of a scene's looks: each berth, and each port with all its ships (`hulls`: four corners each)."""
    from tumen.imagery import chips

    out = []
    told = {s["berth"]: s for s in states}
    for area in areas:
        state = told.get(area.name)
        if state is None and area.kind not in WHOLE:
            continue
        polygon = outlines[area.name]
        left, top, right, bottom = polygon.bounds
        half = max(30.0, (0.7 if state else 0.55) * max(right - left, bottom - top))
        middle = polygon.centroid if state else need("shapely").box(*polygon.bounds).centroid
        lines = chips.rings(polygon)
        ships = [h for h in hulls if np.abs(h.mean(0) - (middle.x, middle.y)).max() < half]
        lines += [(h, chips.SHIP) for h in ships]
        if state is None:
            text = f"{len(ships)} ship candidates"
        elif area.kind in YARDS:
            text = "yard"
        elif state.get("p_occupied") is None:
            text = "not usable"
        else:
            # No chance is written into the picture: the other dates, still to come, will change it.
            text = f"{scene.start:%Y-%m-%d}" if scene.start is not None else "berth"
        out.append(
            chips.Wanted(middle.x, middle.y, half, f"{scene.scene_id}/{area.name}", lines, f"{area.name} {text}")
        )
    return out


def evidence(ships: list[float], fill: float | None) -> tuple[float, float, float]:
    """What a berth's chance is made of: log odds that a ship was found, the share that stands off the water, its root.

    A fill that is not known counts as the middle between empty and full.
    """
    found = float(np.clip(1 - np.prod([1 - p for p in ships]), 0.02, 0.98)) if ships else 0.02
    share = 0.3 if fill is None else fill
    return float(np.log(found / (1 - found))), share, float(np.sqrt(share))


def occupied(ships: list[float], fill: float | None, weights: tuple[float, ...] | None = None) -> float:
    """Probability that a berth is occupied from the chances of the ships found and the share that looks like hull.

    With `weights` as they are fitted, for a berth drawn at random along a quay; without, for one that is watched.

    >>> occupied([0.9], 0.5) > 0.7, occupied([], 0.02) < 0.2
    (True, True)
    """
    w = weights or OCCUPIED
    score = w[0] + float(np.dot(w[1:], evidence(ships, fill))) + (0.0 if weights else RAISED)
    return float(np.clip(1 / (1 + np.exp(-score)), 0.01, 0.99))


def evidence_anew(p: float, share: float, length_m: float | None) -> tuple[float, float, float]:
    """What a berth's chance is made of with its history: log odds without it, share covered anew, length of that part.

    A length that is not known counts as that of a small ship.
    """
    p = float(np.clip(p, 0.02, 0.98))
    return float(np.log(p / (1 - p))), float(np.sqrt(share)), min(60.0 if length_m is None else length_m, 150.0) / 100


def occupied_anew(p: float, share: float, length_m: float | None, weights: tuple[float, ...] | None = None) -> float:
    """Probability that a berth is occupied from the chance without history and what is covered anew.

    `weights` as for `occupied`. Not below 0.02 nor above 0.95: the dates on which it was fitted were partly invented.

    >>> occupied_anew(0.3, 0.4, 120.0) > 0.6, occupied_anew(0.3, 0.0, 0.0) < 0.2
    (True, True)
    """
    w = weights or ANEW
    if weights is None:
        p = float(np.clip(p, 0.01, 0.99))
        p = float(1 / (1 + np.exp(RAISED) * (1 - p) / p))
    score = w[0] + float(np.dot(w[1:], evidence_anew(p, share, length_m))) + (0.0 if weights else RAISED)
    return float(np.clip(1 / (1 + np.exp(-score)), 0.02, 0.95))


def settle_history(
    states: list[dict[str, Any]],
    looks: list[dict[str, Any]],
    history: pa.Table | None,
    windows: list[Window] | None = None,
) -> None:
    """Hold each berth against its own other dates.

    With windows of three other dates and more (optical, searched in one run) what is covered anew decides, pixel by
    pixel; else the mean level is held against the darkest third of at least four dates, earlier runs' included.
    Changes `p_occupied` and `references` of the states in place, and the looks that follow from them.
    """
    by_look = {r["look_id"]: r for r in looks}
    anew = {}
    if windows:
        from tumen.imagery.alongside import changes

        anew = {f"{w.scene_id}/{w.yard}": c for w, c in zip(windows, changes(windows), strict=True) if c is not None}

    def same(row: dict[str, Any]) -> tuple[str, str, str]:
        """Rows that can be held against each other: one berth, one kind of sensor."""
        return row["place"], row["berth"], _kind(row, by_look)

    known: dict[tuple[str, str, str], list[tuple[dt.datetime | None, float]]] = {}
    for row in [*states, *(history.to_pylist() if history is not None else [])]:
        if row.get("brightness") is not None:
            known.setdefault(same(row), []).append((row.get("time"), row["brightness"]))
    for row in states:
        if row.get("brightness") is None:
            continue
        others = [b for t, b in known[same(row)] if t != row["time"]]
        row["references"] = len(others)
        change = anew.get(row["look_id"])
        if change is not None:
            row["references"] = change.references
            row["p_occupied"] = occupied_anew(row["p_occupied"], change.share, change.length_m)
            if row["p_occupied"] >= 0.5 and change.length_m:
                # What is covered anew tells the length too; both count by their variance.
                told = [(change.length_m, float(np.hypot(COVERED_SD_M, 0.1 * change.length_m)))]
                if row.get("ship_length_m") is not None:
                    told.append((row["ship_length_m"], row["ship_length_sd_m"]))
                sure = sum(1 / sd**2 for _, sd in told)
                row["ship_length_m"] = sum(length / sd**2 for length, sd in told) / sure
                row["ship_length_sd_m"] = sure**-0.5
        elif len(others) >= 4:
            ordered = np.sort(others)
            empty = float(np.mean(ordered[: max(2, len(ordered) // 3)]))
            spread = max(0.12, float(np.std(ordered[: max(2, len(ordered) // 3)])))
            score = (row["brightness"] - empty) / spread - 3.0  # three spreads above empty: even odds
            p = np.clip(row["p_occupied"], 0.01, 0.99)
            blended = np.log(p / (1 - p)) + np.clip(score, -2.0, 2.0) * 0.5
            row["p_occupied"] = float(np.clip(1 / (1 + np.exp(-blended)), 0.01, 0.99))
        look = by_look.get(row["look_id"])
        if look is not None:
            look["vessel_present"] = row["p_occupied"] >= 0.5
            look["activity"] = "berthed" if look["vessel_present"] else "absent"
            look["length_m"] = row.get("ship_length_m") if look["vessel_present"] else None
            look["note"] = f"p(occupied) {row['p_occupied']:.2f} against {row['references']} other dates"


def settle_ports(states: list[dict[str, Any]], looks: list[dict[str, Any]]) -> None:
    """A port has at least the ships of its berths: its look may not say less than theirs."""
    by_look = {look["look_id"]: look for look in looks}
    full: dict[str, list[dict[str, Any]]] = {}
    for row in states:
        if (row.get("p_occupied") or 0) >= 0.5:
            full.setdefault(f"{row['scene_id']}/{row['place']}", []).append(row)
    for name, rows in full.items():
        look = by_look.get(name)
        if look is None or look.get("berth") is not None or look.get("vessel_present") is None:
            continue
        look["vessel_present"] = True
        look["vessel_count"] = max(look["vessel_count"] or 0, len(rows))
        look["activity"] = "berthed" if look["activity"] == "absent" else look["activity"]
        lengths = [r["ship_length_m"] for r in rows if r.get("ship_length_m") is not None]
        look["length_m"] = max([*lengths, look["length_m"] or 0.0]) or None


def _kind(row: dict[str, Any], by_look: dict[str, dict[str, Any]]) -> str:
    """Radar or optical: by the look of this run, for earlier rows by the scene's name."""
    look = by_look.get(row["look_id"])
    if look is not None:
        return "sar" if look["sensor"] in ("Sentinel-1", "sar") else "optical"
    name = row["scene_id"].upper()
    return "sar" if "GRD" in name or name.startswith("S1") else "optical"


def look_rows(
    scene: Scene,
    areas: list[Area],
    outlines: dict[str, Any],
    detections: list[dict[str, Any]],
    usable: np.ndarray,
    states: list[dict[str, Any]],
    land: Land,
    settings: DetectSettings,
) -> list[dict[str, Any]]:
    """Rows of LOOKS: one a berth, and one a port or anchorage, with nothing seen as a look of its own.

    Of the ships in a port those alongside count. Where no land is known in it (a port given as a point, a coast that
    the coastline does not hold) nobody can be told to lie alongside, and every ship in it counts.
    """
    assert scene.start is not None
    shapely = need("shapely")
    common = {
        "start": scene.start,
        "end": scene.end or scene.start,
        "sensor": scene.sensor,
        "collector": scene.sensor,
        "tasked": False,
        "published": ((scene.end or scene.start) + dt.timedelta(days=1)).date(),  # public archives hold it within a day
        "origin": "simulated" if scene.simulated else "image",
        "source_ids": [],
    }
    out = []
    for state in states:
        p = state.get("p_occupied")
        present = None if p is None else p >= 0.5
        out.append(
            {
                **common,
                "look_id": state["look_id"],
                "place": state["place"],
                "berth": state["berth"],
                "usable_share": state["usable_share"],
                "vessel_present": present,
                "vessel_count": state.get("ships"),
                "count_reading": None if state.get("ships") is None else "at_least",
                "length_m": state.get("ship_length_m"),
                "activity": None if present is None else ("berthed" if present else "absent"),
                "note": None if p is None else f"p(occupied) {p:.2f}",
            }
        )
    for area in areas:
        if area.kind not in WHOLE:
            continue
        polygon = outlines[area.name]
        seen = usable_share(scene, polygon, usable)
        mine = [d for d in detections if polygon.covers(shapely.Point(d["x"], d["y"]))]
        ashore = area.kind == "port" and _has_land(scene, polygon, land)
        moored = [d for d in mine if d["alongside"] or d["berth"]] if ashore else mine
        told = seen >= settings.min_usable
        # Several doubtful ships make one ship likely: the chance that at least one of them is there.
        present = 1 - float(np.prod([1 - d["probability"] for d in moored])) >= 0.5
        count = max(sum(d["probability"] >= 0.5 for d in moored), int(present))
        out.append(
            {
                **common,
                "look_id": f"{scene.scene_id}/{area.name}",
                "place": port_of(area, areas),
                "usable_share": seen,
                "vessel_present": present if told else None,
                "vessel_count": count if told else None,
                "count_reading": "at_least" if told else None,
                "length_m": max((d["length_m"] for d in moored if d["length_m"] is not None), default=None)
                if told and present
                else None,
                "activity": None
                if not told
                else (("anchored" if area.kind == "anchorage" else "berthed") if present else "absent"),
                "note": ("" if seen > 0 else "no pixel of it could be seen; ")
                + f"{len(mine)} candidates of any kind in the area; identity not told by the image"
                + (f"; {ALL_COUNT}" if area.kind == "port" and not ashore else ""),
            }
        )
    return out


def _has_land(scene: Scene, polygon: Any, land: Land) -> bool:
    """Whether the coastline (or the case's own land) shows land within an area."""
    window = window_of(polygon, scene)
    if window is None or window[2] > MAX_WINDOW or window[3] > MAX_WINDOW:
        return True
    share = land_share(land, scene.geo, *window)
    return share is not None and bool((share[polygon_mask(polygon, *window)] > 0.5).any())


__all__ = [
    "settle_stacks",
    "yard_rows",
    "berth_rows",
    "look_pictures",
    "look_rows",
    "occupied",
    "polygon_mask",
    "settle_history",
    "settle_ports",
    "usable_share",
    "window_of",
]
