"""The step `detect`: scenes in, tables out; a bad scene costs one row, not the batch.

Takes paths of scenes, areas, land and settings; gives the tables scenes, detections, berth_states, chips
and looks. Every scene gives a look of every port and berth that it covers, also an empty one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from tumen import tables
from tumen.imagery.areas import BERTHS, YARDS, Area, port_of
from tumen.imagery.berths import IN_BERTH
from tumen.imagery.faults import MissingLibrary, SceneFault, need, need_all
from tumen.imagery.fixed import recount, settle_fixed
from tumen.imagery.geolocation import axis_to_north_deg, pixel_size_m
from tumen.imagery.land import Land, draw_land
from tumen.imagery.scene import Scene, open_scene, with_notes
from tumen.imagery.settings import DetectSettings
from tumen.imagery.shape import Ship
from tumen.imagery.structures import Mask

YARDS_SEEN = "yards_seen"  # windows of yards, compared across scenes before the tables are made
BERTHS_SEEN = "berths_seen"  # and of berths
STEPS = ("scenes", "detections", "berth_states", "chips", "looks")


def detect(
    scenes: Iterable[str],
    *,
    areas: list[Area] | None = None,
    land: Land | None = None,
    settings: DetectSettings | None = None,
    executor: Executor | None = None,
    history: pa.Table | None = None,
    started: Callable[[str], None] | None = None,
    static: Mask | None = None,
) -> dict[str, pa.Table]:
    """Search scenes for ships and judge berths and yards.

    `areas` limit the looks (not the search); `land` None uses OpenStreetMap's shapes; `executor` runs one
    scene a task; `history` is a BERTH_STATES table of earlier scenes; `started` is told each path before its search
    (not with an executor). What stands at the same spot in almost all of several dates is marked static, by its
    detections and by the scenes' pixels; `static` is the mask that is known before, which learns. Stacks
    of containers are held against the yard's other dates. Returns the tables SCENES (a bad scene
    has a `fault`), DETECTIONS, BERTH_STATES, CHIPS and LOOKS. Raises `MissingLibrary` without the extra.
    """
    need_all()
    settings = settings or DetectSettings()
    land = land if land is not None else Land()
    paths = [str(p) for p in scenes]
    if executor is None:
        parts = []
        for path in paths:
            if started is not None:
                started(path)
            parts.append(search_scene(path, areas or [], land, settings))
    else:
        parts = [f.result() for f in [executor.submit(search_scene, p, areas or [], land, settings) for p in paths]]
    rows: dict[str, list[Any]] = {name: [] for name in (*STEPS, YARDS_SEEN, BERTHS_SEEN)}
    for part in parts:
        for name, found in part.items():
            rows[name].extend(found)
    from tumen.imagery.berths import settle_history, settle_ports, settle_stacks

    settle_history(rows["berth_states"], rows["looks"], history, rows[BERTHS_SEEN])
    settle_fixed(rows["detections"], rows["scenes"], rows["looks"], areas or [])
    mask = Mask() if static is None else static
    mask.learn(rows["detections"], rows["scenes"], land, settings)
    recount(mask.mark(rows["detections"], rows["scenes"]), rows["detections"], rows["looks"], areas or [])
    settle_ports(rows["berth_states"], rows["looks"])
    settle_stacks(rows[YARDS_SEEN], rows["berth_states"], rows["looks"], areas or [])
    return {name: tables.TABLES[name].build(rows[name]) for name in STEPS}


def search_scene(path: str, areas: list[Area], land: Land, settings: DetectSettings) -> dict[str, list[Any]]:
    """Rows of one scene; a fault in its data becomes the scene's `fault`."""
    empty: dict[str, list[Any]] = {name: [] for name in STEPS}
    try:
        scene = open_scene(path, settings.sensor, settings.pixel_m)
    except MissingLibrary:
        raise
    except (SceneFault, OSError, ValueError) as error:
        return {**empty, "scenes": [_bad(path, error)]}
    try:
        return _search(scene, areas, land, settings)
    except MissingLibrary:
        raise
    except (SceneFault, OSError, ValueError, MemoryError) as error:
        return {**empty, "scenes": [_bad(path, error)]}
    finally:
        scene.close()


def _bad(path: str, error: BaseException) -> dict[str, Any]:
    text = " ".join(str(error).split())
    if not isinstance(error, SceneFault):
        text = f"{path}: {text or type(error).__name__}, expected a readable scene"
    return {
        "scene_id": path.rstrip("/").rsplit("/", 1)[-1],
        "path": path,
        "notes": [],
        "fault": text,
        "simulated": False,
    }


def _search(scene: Scene, areas: list[Area], land: Land, settings: DetectSettings) -> dict[str, list[Any]]:
    outlines = {a.name: a.in_pixels(scene) for a in areas}
    shapely = need("shapely")
    frame = shapely.box(0, 0, scene.width, scene.height)
    inside = [a for a in areas if (polygon := outlines[a.name]) is not None and polygon.intersects(frame)]
    if areas and not inside and scene.geo is None and not any(a.pixels for a in areas):
        raise SceneFault(
            scene.path, "has no georeference, and the areas are in degrees", 'areas in pixels ("pixels": true)'
        )
    if areas and not inside:
        raise SceneFault(scene.path, "covers none of the given areas", "a scene over one of them")
    if scene.kind == "sar":
        ships, usable, water_px, scene = _radar(scene, land, settings)
    else:
        ships, usable, water_px, scene = _optical(scene, land, settings)
    rows = [s for s in ships if s.probability >= settings.min_probability and _long_enough(s, scene, settings)]
    rows.sort(key=lambda s: (round(s.y, 2), round(s.x, 2)))
    out: dict[str, list[Any]] = {name: [] for name in (*STEPS, YARDS_SEEN, BERTHS_SEEN)}
    pixel_km2 = None if scene.pixel_m is None else scene.pixel_m[0] * scene.pixel_m[1] / 1e6
    ring = scene.outline()
    out["scenes"].append(
        {
            "scene_id": scene.scene_id,
            "path": scene.path,
            "sensor": scene.sensor,
            "mode": scene.mode,
            "bands": list(scene.bands),
            "start": scene.start,
            "end": scene.end,
            "width": scene.width,
            "height": scene.height,
            "pixel_m": scene.mean_pixel_m,
            "accuracy_m": scene.accuracy_m,
            "wkt": None if ring is None else "POLYGON ((" + ", ".join(f"{x:.6f} {y:.6f}" for x, y in ring) + "))",
            "usable_share": float(usable.mean()),
            "water_km2": None if pixel_km2 is None else float(water_px * pixel_km2),
            "notes": list(scene.notes),
            "simulated": scene.simulated,
        }
    )
    from tumen.imagery import chips, stacks
    from tumen.imagery.berths import berth_rows, look_pictures, look_rows, yard_rows

    pictures: list[chips.Wanted] = []
    for number, ship in enumerate(rows):
        area, berth = _home(ship, inside, outlines)
        row = _row(ship, scene, number, area, berth, areas)
        if settings.chips:
            lines = [(ship.corners(), chips.SHIP)]
            if berth is not None:
                lines = [*chips.rings(outlines[berth.name]), *lines]
            caption = f"{row['detection_id']} {_size_text(row)} p={row['probability']:.2f}"
            pictures.append(
                chips.Wanted(ship.x, ship.y, max(24.0, 1.6 * ship.length_px), row["detection_id"], lines, caption)
            )
        out["detections"].append(row)
    for row, picture in zip(out["detections"], chips.chips(scene, pictures), strict=False):
        row["chip_id"] = picture["chip_id"]
        out["chips"].append(picture)
    if scene.start is not None:
        berths = [a for a in inside if a.kind in BERTHS]
        states = berth_rows(scene, berths, inside, outlines, out["detections"], ships, usable, land, settings)
        yards = [a for a in inside if a.kind in YARDS]
        states += yard_rows(scene, yards, inside, outlines, usable)
        for area in [a for a in inside if a.kind in (*YARDS, "pier")]:
            seen = stacks.window(scene, area, outlines[area.name], usable, land)
            if seen is not None:
                out[YARDS_SEEN].append(seen)
        for berth in berths if scene.kind == "optical" else []:
            seen = stacks.window(scene, berth, outlines[berth.name], usable, land, afloat=True)
            if seen is not None:
                out[BERTHS_SEEN].append(seen)
        out["berth_states"] += states
        out["looks"] += look_rows(scene, inside, outlines, out["detections"], usable, states, land, settings)
        if settings.chips:
            made = chips.chips(scene, look_pictures(scene, inside, outlines, [s.corners() for s in rows], states))
            by_subject = {c["subject"]: c["chip_id"] for c in made}
            for state in states:
                state["chip_id"] = by_subject.get(state["look_id"])
            out["chips"] += made
    return out


def _radar(scene: Scene, land: Land, settings: DetectSettings):
    from tumen.imagery import harbour, radar_ships, sar

    if harbour.is_fine(scene):
        fine = harbour.search(scene, land)
        return fine.ships, fine.usable, fine.water_px, scene
    looks = float(settings.looks or getattr(scene.annotation, "looks", 4.4))
    size = scene.mean_pixel_m or sar.MODEL_M
    fold = max(1, round(sar.MODEL_M / size)) if scene.sensor == "Sentinel-1" else 1
    # Full-resolution stripmap: rings and sizes are those of 10 m pixels.
    seen = sar.search(
        sar.multilooked(scene, fold) if fold > 1 else scene,
        land,
        settings.pfa,
        looks * fold**2 / sar.CORRELATED if fold > 1 else looks,
        settings.threads,
    )
    notes = []
    if fold > 1:
        notes.append(f"pixels of {size:.1f} m: ships were sought in means of {fold} x {fold} pixels")
    if seen.zero_rows:
        first, last = (row * fold for row in seen.zero_rows)
        notes.append(f"lines {first} to {last} hold no data in part or in all")
    ships = radar_ships.ships(seen.blobs, sar.multilooked(scene, fold) if fold > 1 else scene)
    _mark_shore(ships, seen.land)
    usable = seen.usable
    if fold > 1:
        for ship in ships:
            for name in ("x", "y", "length_px", "length_sd_px", "width_px", "width_sd_px"):
                setattr(ship, name, getattr(ship, name) * fold)
        rows, columns = -(-scene.height // sar.BLOCK), -(-scene.width // sar.BLOCK)
        usable = np.kron(usable, np.ones((fold, fold)))
        usable = np.pad(usable, ((0, max(0, rows - len(usable))), (0, max(0, columns - usable.shape[1]))), mode="edge")
        usable = usable[:rows, :columns]
    return ships, usable, seen.water_px * fold**2, with_notes(scene, *notes) if notes else scene


def _optical(scene: Scene, land: Land, settings: DetectSettings):
    from tumen.imagery import optical

    seen = optical.search(scene, land, settings.network)
    notes = [*seen.notes, *_no_data(seen.blank)]
    return seen.ships, seen.usable, seen.water_px, with_notes(scene, *notes) if notes else scene


def _no_data(lines: tuple[int, int] | None) -> list[str]:
    return [f"lines {lines[0]} to {lines[1]} hold no data in part or in all"] if lines else []


def _mark_shore(ships: list[Ship], land: list[Any]) -> None:
    """Whether each radar ship touches land, from a small window round it; `land` is in pixel coordinates."""
    if not land or not ships:
        return
    shapely = need("shapely")
    tree, outlines = shapely.STRtree(land), np.array(land)
    for ship in ships:
        half = int(ship.length_px / 2 + 6)
        x, y = int(ship.x) - half, int(ship.y) - half
        near = tree.query(shapely.box(x, y, x + 2 * half, y + 2 * half))
        share = draw_land(list(outlines[near]), x, y, 2 * half, 2 * half)
        if share is None:
            continue
        v, u = np.mgrid[0 : 2 * half, 0 : 2 * half]
        du, dv = u + x + 0.5 - ship.x, v + y + 0.5 - ship.y
        along = du * np.cos(ship.angle) + dv * np.sin(ship.angle)
        across = -du * np.sin(ship.angle) + dv * np.cos(ship.angle)
        hull = (np.abs(along) <= ship.length_px / 2 + 2) & (np.abs(across) <= ship.width_px / 2 + 2.5)
        touched = float((share[hull] > 0.5).mean()) if hull.any() else 0.0
        if touched > 0:
            ship.flags.append("near_land")
        ship.alongside = touched > 0.08


def _long_enough(ship: Ship, scene: Scene, settings: DetectSettings) -> bool:
    size = scene.mean_pixel_m
    return size is None or ship.length_px * size >= settings.min_length_m


def _home(ship: Ship, inside: list[Area], outlines: dict[str, Any]) -> tuple[Area | None, Area | None]:
    """The smallest area, and the berth, that hold a ship's centre (for a berth: a third of its hull)."""
    shapely = need("shapely")
    point, hull = shapely.Point(ship.x, ship.y), shapely.Polygon(ship.corners())
    holders = [a for a in inside if outlines[a.name].covers(point)]
    berths = [
        (outlines[a.name].intersection(hull).area / max(hull.area, 1e-9), a.name, a) for a in inside if a.kind in BERTHS
    ]
    best = max(berths, default=(0.0, "", None))
    berth = best[2] if best[0] >= IN_BERTH else None
    area = min(holders, key=lambda a: outlines[a.name].area, default=berth)
    return area, berth


def _row(
    ship: Ship, scene: Scene, number: int, area: Area | None, berth: Area | None, areas: list[Area]
) -> dict[str, Any]:
    mark = hashlib.sha256(f"{scene.scene_id} {ship.x:.1f} {ship.y:.1f}".encode()).hexdigest()[:10]
    lat = lon = heading = None
    sizes = scene.pixel_m
    if scene.geo is not None:
        lon, lat = (float(v[0]) for v in scene.geo.lonlat([ship.x], [ship.y]))
        heading = axis_to_north_deg(scene.geo, ship.x, ship.y, ship.angle)
        if scene.sensor != "Sentinel-1":
            sizes = pixel_size_m(scene.geo, ship.x, ship.y)
    step = None if sizes is None else float(np.hypot(sizes[0] * np.cos(ship.angle), sizes[1] * np.sin(ship.angle)))
    return {
        "detection_id": f"{mark}",
        "scene_id": scene.scene_id,
        "place": None if area is None else port_of(area, areas),
        "berth": None if berth is None else berth.name,
        "time": scene.start,
        "sensor": scene.sensor,
        "lat": lat,
        "lon": lon,
        "position_sd_m": None if scene.accuracy_m is None else float(np.hypot(scene.accuracy_m, (step or 10.0) * 0.7)),
        "x": float(ship.x),
        "y": float(ship.y),
        "length_m": None if step is None else ship.length_px * step,
        "length_sd_m": None if step is None else ship.length_sd_px * step,
        "width_m": None if step is None else ship.width_px * step,
        "width_sd_m": None if step is None else ship.width_sd_px * step,
        "length_px": float(ship.length_px),
        "width_px": float(ship.width_px),
        "heading_deg": float(heading if heading is not None else (90 + np.degrees(ship.angle)) % 180),
        "heading_sd_deg": float(np.degrees(ship.angle_sd)),
        "probability": float(ship.probability),
        "contrast": float(ship.contrast),
        "alongside": bool(ship.alongside),
        "flags": sorted(set(ship.flags)),
        "chip_id": None,
    }


def _size_text(row: dict[str, Any]) -> str:
    return f"{row['length_m']:.0f} m" if row["length_m"] is not None else f"{row['length_px']:.0f} px"


def day_after(when: dt.datetime) -> dt.date:
    """Public archives hold a Sentinel product within a day of its acquisition."""
    return (when + dt.timedelta(days=1)).date()


def without_chips(settings: DetectSettings) -> DetectSettings:
    """The same settings, no pictures."""
    return replace(settings, chips=False)
