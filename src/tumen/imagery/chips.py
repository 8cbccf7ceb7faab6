"""Chips: pictures that prove what was seen, with scale bar, north and outlines.

Takes a window of a scene and outlines in pixel coordinates; gives PNG bytes and the hash of the raw
pixels, so that anyone who has the scene can check that the picture shows it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tumen.imagery.faults import need
from tumen.imagery.scene import Scene

SIDE = 360  # pixels of the picture
BLOCK = 1024  # side of the blocks that Sentinel-2's JP2 and most COGs are stored in, pixels
SHIP, BERTH, STACK = (255, 64, 64), (64, 200, 255), (255, 210, 60)
# Run-length coding of enlarged pixels: an eighth of the time of the best compression, for the same size.
PNG = {"compress_level": 1, "compress_type": 3}


@dataclass(frozen=True)
class Wanted:
    """A picture to be made: a square window of half side `half` pixels round (x, y), and what is drawn on it."""

    x: float
    y: float
    half: float
    subject: str
    outlines: list[tuple[np.ndarray, tuple[int, int, int]]]
    caption: str


def rings(polygon: Any, colour: tuple[int, int, int] = BERTH) -> list[tuple[np.ndarray, tuple[int, int, int]]]:
    """Outer rings of a polygon in pixel coordinates, as outlines of a picture."""
    return [
        (np.array(p.exterior.coords)[:-1], colour)
        for p in need("shapely").get_parts(polygon)
        if p.geom_type == "Polygon"
    ]


def chips(scene: Scene, wanted: Sequence[Wanted]) -> list[dict[str, Any]]:
    """Rows of the table CHIPS, in the order asked for.

    Windows are read block by block of the raster, so that each block of a compressed scene is opened once, not
    once a ship.
    """
    order = sorted(range(len(wanted)), key=lambda k: (wanted[k].y // BLOCK, wanted[k].x // BLOCK))
    made = {k: _chip(scene, wanted[k]) for k in order}
    return [made[k] for k in range(len(wanted))]


def _chip(scene: Scene, want: Wanted) -> dict[str, Any]:
    x0, y0 = max(0, int(want.x - want.half)), max(0, int(want.y - want.half))
    x1, y1 = (
        min(scene.width, int(np.ceil(want.x + want.half))),
        min(scene.height, int(np.ceil(want.y + want.half))),
    )
    w, h = max(1, x1 - x0), max(1, y1 - y0)
    names = (
        [b for b in ("B04", "B03", "B02", "B08") if b in scene.bands] if scene.kind == "optical" else list(scene.bands)
    )
    step = max(1, max(w, h) // (2 * SIDE))
    digest = hashlib.sha256()
    raw = {}
    for n in sorted(names):
        parts = []
        rows = max(step, BLOCK // step * step)
        for y in range(y0, y0 + h, rows):
            strip = scene.read(n, x0, y, w, min(rows, y0 + h - y))
            digest.update(np.ascontiguousarray(strip).tobytes())
            parts.append(strip[::step, ::step])
        raw[n] = np.concatenate(parts)
    png = draw({n: raw[n] for n in names}, scene, (x0, y0, w, h), want.outlines, want.caption)
    return {
        "chip_id": hashlib.sha256(png).hexdigest()[:16],
        "scene_id": scene.scene_id,
        "subject": want.subject,
        "png": png,
        "x": x0,
        "y": y0,
        "width": w,
        "height": h,
        "window_sha256": digest.hexdigest(),
    }


def draw(
    raw: dict[str, np.ndarray],
    scene: Scene,
    window: tuple[int, int, int, int],
    outlines: list[tuple[np.ndarray, tuple[int, int, int]]],
    caption: str,
) -> bytes:
    """The picture as PNG bytes."""
    from PIL import Image, ImageDraw

    x0, y0, w, h = window
    zoom = SIDE / max(w, h)
    way = Image.Resampling.NEAREST if zoom >= 1 else Image.Resampling.BOX
    image = Image.fromarray(_picture(raw, scene.kind)).resize((max(1, round(w * zoom)), max(1, round(h * zoom))), way)
    canvas = Image.new("RGB", (SIDE, SIDE + 34), (16, 16, 16))
    canvas.paste(image, (0, 0))
    pen = ImageDraw.Draw(canvas)
    for points, colour in outlines:
        line = [((float(px) - x0) * zoom, (float(py) - y0) * zoom) for px, py in [*points, points[0]]]
        pen.line(line, fill=colour, width=2)
    _scale_bar(pen, scene, zoom)
    _north(pen, scene, x0 + w / 2, y0 + h / 2)
    pen.text((6, SIDE + 20), caption[:64], fill=(230, 230, 230))
    out = io.BytesIO()
    canvas.save(out, "PNG", **PNG)
    return out.getvalue()


def _picture(raw: dict[str, np.ndarray], kind: str) -> np.ndarray:
    def stretch(band: np.ndarray, power: float) -> np.ndarray:
        low, high = np.percentile(band, (1, 99.5))
        return np.clip((band - low) / max(high - low, 1e-9), 0, 1) ** power

    bands = {k: v.astype(float) for k, v in raw.items()}
    if kind == "optical":
        layers = [bands[b] for b in ("B04", "B03", "B02") if b in bands] or [next(iter(bands.values()))]
        layers = [stretch(b, 0.7) for b in layers]
    else:
        layers = [stretch(np.minimum(b, np.percentile(b, 99.5)), 0.8) for b in bands.values()][:2]
        if len(layers) == 2:
            layers = [layers[0], layers[1], (layers[0] + layers[1]) / 2]
    if len(layers) != 3:
        layers = [layers[0]] * 3
    return (np.stack(layers, -1) * 255).astype(np.uint8)


def _scale_bar(pen: Any, scene: Scene, zoom: float) -> None:
    size = scene.mean_pixel_m
    unit, per_pixel = ("m", size) if size else ("px", 1.0)
    goal = 110 / zoom * per_pixel  # a bar of about 110 picture pixels
    step = 10 ** np.floor(np.log10(goal))
    length = max(s for s in (step, 2 * step, 5 * step) if s <= goal)
    width = length / per_pixel * zoom
    y = SIDE + 8
    pen.line([(8, y), (8 + width, y)], fill=(255, 255, 255), width=3)
    pen.text((14 + width, y - 6), f"{length:g} {unit}", fill=(255, 255, 255))


def _north(pen: Any, scene: Scene, x: float, y: float) -> None:
    """An arrow to north, from the georeference; none without one."""
    if scene.geo is None:
        pen.text((SIDE - 130, SIDE + 2), "no georeference", fill=(200, 200, 200))
        return
    lon, lat = scene.geo.lonlat([x], [y])
    nx, ny = scene.geo.pixel(lon, lat + 0.001)
    dx, dy = float(nx[0] - x), float(ny[0] - y)
    norm = max(np.hypot(dx, dy), 1e-9)
    dx, dy = dx / norm * 11, dy / norm * 11
    cx, cy = SIDE - 24, SIDE + 15
    pen.line([(cx - dx, cy - dy), (cx + dx, cy + dy)], fill=(255, 255, 255), width=2)
    left, right = (-dy * 0.4 - dx * 0.5, dx * 0.4 - dy * 0.5), (dy * 0.4 - dx * 0.5, -dx * 0.4 - dy * 0.5)
    tip = (cx + dx, cy + dy)
    pen.polygon(
        [tip, (tip[0] + left[0], tip[1] + left[1]), (tip[0] + right[0], tip[1] + right[1])], fill=(255, 255, 255)
    )
    pen.text((cx - 20, cy - 6), "N", fill=(255, 255, 255))
