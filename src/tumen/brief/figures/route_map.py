"""The map of the route: land, ports, the voyages between them, the sightings at each place.

Takes places with positions, legs with their number of voyages and sightings counted by place; gives
SVG in an equirectangular projection true at the middle latitude. Places far from the route stand in
a strip below. Works for any window of the world: the coast comes from `land.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tumen.brief.figures.canvas import (
    BLUE,
    COAST,
    GREEN,
    INK,
    LAND,
    PAPER,
    PURPLE,
    SEA,
    SOFT,
    VERMILION,
    Canvas,
    escape,
    number,
    text_width,
)
from tumen.brief.figures.land import land

WIDTH, LOWEST, HIGHEST = 760.0, 320.0, 560.0
COLOUR = {"origin": VERMILION, "destination": BLUE, "other": GREEN}


@dataclass(frozen=True)
class Spot:
    """A place on the map."""

    place: str
    label: str
    lat: float
    lon: float
    role: str
    sightings: int
    why: str
    tip: str


@dataclass(frozen=True)
class Leg:
    """Laden voyages from one place to another."""

    origin: str
    destination: str
    voyages: float
    why: str
    tip: str


class _View:
    """A window of the world on the sheet."""

    def __init__(
        self, west: float, south: float, east: float, north: float, x: float, y: float, width: float, height: float
    ) -> None:
        self.box = (west, south, east, north)
        self.x, self.y, self.width, self.height = x, y, width, height
        self.per_lon = width / (east - west)
        self.per_lat = height / (north - south)

    def at(self, lat: float, lon: float) -> tuple[float, float]:
        west, _, _, north = self.box
        return self.x + (lon - west) * self.per_lon, self.y + (north - lat) * self.per_lat

    def coast(self) -> str:
        parts = []
        west, _, _, north = self.box
        for ring in land(*self.box):
            points = np.stack(
                [self.x + (ring[:, 0] - west) * self.per_lon, self.y + (north - ring[:, 1]) * self.per_lat], axis=1
            )
            keep = _thin(points)
            if len(keep) >= 3:
                parts.append("M" + "L".join(f"{number(px)},{number(py)}" for px, py in keep) + "Z")
        return "".join(parts)


def _thin(points: np.ndarray, least: float = 0.7) -> np.ndarray:
    """Drop points that no eye can tell from their neighbour."""
    step = np.hypot(*np.diff(points, axis=0).T)
    reached = np.floor(np.concatenate([[0.0], np.cumsum(step)]) / least)
    return points[np.concatenate([[True], np.diff(reached) > 0])]


def draw(name: str, title: str, alt: str, spots: list[Spot], legs: list[Leg]) -> str:
    """The map."""
    core, far = _split(spots, legs)
    view = _window(core)
    canvas = Canvas(name, WIDTH, view.height, title, alt)
    _ground(canvas, view, name)
    most = max((leg.voyages for leg in legs), default=1.0) or 1.0
    where = {spot.place: view.at(spot.lat, spot.lon) for spot in core}
    for order, leg in enumerate(sorted(legs, key=lambda leg: -leg.voyages)):
        if leg.origin in where and leg.destination in where and leg.voyages > 0:
            _leg(canvas, leg, where[leg.origin], where[leg.destination], most, order)
    top_seen = max((spot.sightings for spot in spots), default=1) or 1
    _labels(canvas, view, core, top_seen)
    _scale_bar(canvas, view)
    if far:
        _onward(canvas, view, name, core, far)
    return canvas.svg()


def _split(spots: list[Spot], legs: list[Leg]) -> tuple[list[Spot], list[Spot]]:
    """Places in the window of the route, and those outside it."""
    ends = {leg.origin for leg in legs} | {leg.destination for leg in legs}
    route = [s for s in spots if s.role in ("origin", "destination") or s.place in ends] or spots
    lats, lons = [s.lat for s in route], [s.lon for s in route]
    up, out = max(0.4, 0.45 * (max(lats) - min(lats))), max(0.5, 0.3 * (max(lons) - min(lons)))
    core = [
        s for s in spots if min(lats) - up <= s.lat <= max(lats) + up and min(lons) - out <= s.lon <= max(lons) + out
    ]
    return core, [s for s in spots if s not in core]


def _window(spots: list[Spot]) -> _View:
    lats, lons = [s.lat for s in spots], [s.lon for s in spots]
    middle = math.radians((min(lats) + max(lats)) / 2)
    squeeze = math.cos(middle)
    span_lat = max(max(lats) - min(lats), 0.8) * 1.5
    span_lon = max((max(lons) - min(lons)) * 1.5, 1.2)
    ratio = min(max(span_lat / (span_lon * squeeze), LOWEST / WIDTH), HIGHEST / WIDTH)
    if span_lat / (span_lon * squeeze) > ratio:
        span_lon = span_lat / ratio / squeeze
    span_lat = span_lon * squeeze * ratio
    lat0, lon0 = (min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2
    return _View(
        lon0 - span_lon / 2, lat0 - span_lat / 2, lon0 + span_lon / 2, lat0 + span_lat / 2, 0, 0, WIDTH, WIDTH * ratio
    )


def _ground(canvas: Canvas, view: _View, name: str) -> None:
    canvas.rect(view.x, view.y, view.width, view.height, SEA)
    canvas.path(view.coast(), LAND, COAST, 0.9, stroke_linejoin="round")


def _leg(canvas: Canvas, leg: Leg, a: tuple[float, float], b: tuple[float, float], most: float, order: int) -> None:
    thick = 1.5 + 9 * leg.voyages / most
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = math.hypot(dx, dy) or 1.0
    # Bow the line out to sea: to the right of the way there, further for each next leg.
    bow = (0.16 + 0.1 * order) * length
    cx, cy = (a[0] + b[0]) / 2 - dy / length * -bow, (a[1] + b[1]) / 2 + dx / length * bow
    tx, ty = b[0] - cx, b[1] - cy
    reach = math.hypot(tx, ty) or 1.0
    head = 6 + thick
    ex, ey = b[0] - tx / reach * (head + 7), b[1] - ty / reach * (head + 7)
    nx, ny = -ty / reach, tx / reach
    canvas.open_link(leg.why, leg.tip)
    canvas.path(
        f"M{number(a[0])},{number(a[1])}Q{number(cx)},{number(cy)} {number(ex)},{number(ey)}",
        stroke=PURPLE,
        width=round(thick, 1),
        stroke_opacity=0.75,
    )
    half = head * 0.62
    canvas.path(
        f"M{number(ex + tx / reach * head)},{number(ey + ty / reach * head)}"
        f"L{number(ex + nx * half)},{number(ey + ny * half)}L{number(ex - nx * half)},{number(ey - ny * half)}Z",
        PURPLE,
    )
    canvas.close_link()


def _labels(canvas: Canvas, view: _View, spots: list[Spot], top_seen: int) -> None:
    taken: list[tuple[float, float, float, float]] = []
    order = sorted(spots, key=lambda s: (s.role == "other", -s.sightings))
    dots = {s.place: view.at(s.lat, s.lon) for s in spots}
    for spot in order:
        x, y = dots[spot.place]
        colour = COLOUR.get(spot.role, GREEN)
        canvas.open_link(spot.why, spot.tip)
        if spot.sightings:
            canvas.circle(
                x,
                y,
                5 + 20 * math.sqrt(spot.sightings / top_seen),
                colour,
                fill_opacity=0.16,
                stroke=colour,
                stroke_width=1.2,
            )
        canvas.circle(x, y, 4.5 if spot.role != "other" else 3.4, colour, stroke=PAPER, stroke_width=1.4)
        main = spot.role != "other"
        size = 14.0 if main else 11.5
        box = _place_label(spot.label, size, x, y, view, taken, list(dots.values()))
        if box is not None:
            taken.append(box)
            canvas.add(
                f'<text x="{number(box[0])}" y="{number(box[3] - 3)}" font-size="{size}" fill="{INK if main else SOFT}" '
                f'font-weight="{700 if main else 400}" stroke="{PAPER}" stroke-width="3.2" paint-order="stroke" '
                f'stroke-linejoin="round">{escape(spot.label)}</text>'
            )
        canvas.close_link()


def _place_label(
    words: str,
    size: float,
    x: float,
    y: float,
    view: _View,
    taken: list[tuple[float, float, float, float]],
    dots: list[tuple[float, float]],
) -> tuple[float, float, float, float] | None:
    w, h = text_width(words, size) + 4, size + 3
    for dx, dy in (
        (11, -h - 3),
        (11, 4),
        (-w - 11, -h - 3),
        (-w - 11, 4),
        (-w / 2, -h - 14),
        (-w / 2, 14),
        (14, -h / 2),
        (-w - 14, -h / 2),
    ):
        box = (x + dx, y + dy, x + dx + w, y + dy + h)
        if (
            box[0] < view.x + 4
            or box[2] > view.x + view.width - 4
            or box[1] < view.y + 4
            or box[3] > view.y + view.height - 4
        ):
            continue
        if any(box[0] < t[2] and box[2] > t[0] and box[1] < t[3] and box[3] > t[1] for t in taken):
            continue
        if any(box[0] - 2 < px < box[2] + 2 and box[1] - 2 < py < box[3] + 2 for px, py in dots):
            continue
        return box
    return None


def _scale_bar(canvas: Canvas, view: _View) -> None:
    per_km = view.per_lat / 111.2
    km = next((k for k in (500, 200, 100, 50, 20, 10, 5) if k * per_km <= 130), 5)
    x, y = 18.0, view.height - 18
    canvas.path(f"M{x},{y - 5}v5h{number(km * per_km)}v-5", stroke=INK, width=1.3)
    canvas.text(x + km * per_km + 7, y + 1, f"{km} km", 11, INK)


def _onward(canvas: Canvas, main: _View, name: str, core: list[Spot], far: list[Spot]) -> None:
    """A strip under the map that shows the places far away, and where the map lies."""
    view = _strip([*core, *far], main.height + 10)
    x, y, width, height = view.x, view.y, view.width, view.height
    canvas.height = y + height
    canvas.defs.append(
        f'<clipPath id="{name}-i"><rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"/></clipPath>'
    )
    canvas.add(f'<g clip-path="url(#{name}-i)">')
    canvas.rect(x, y, width, height, SEA)
    canvas.path(view.coast(), LAND, COAST, 0.5)
    w, s, e, n = main.box
    (x1, y1), (x2, y2) = view.at(n, w), view.at(s, e)
    canvas.rect(x1, y1, x2 - x1, y2 - y1, PURPLE, fill_opacity=0.15, stroke=PURPLE, stroke_width=1.5)
    taken = [(x1, y1, x2, y2)]
    dots = [view.at(s.lat, s.lon) for s in far]
    for spot, (px, py) in zip(far, dots, strict=True):
        canvas.open_link(spot.why, spot.tip)
        canvas.circle(px, py, 3.6, GREEN, stroke=PAPER, stroke_width=1.2)
        box = _place_label(spot.label, 11.5, px, py, view, taken, dots)
        if box is not None:
            taken.append(box)
            canvas.text(box[0], box[3] - 3, spot.label, 11.5, INK, stroke=PAPER, stroke_width=3, paint_order="stroke")
        canvas.close_link()
    canvas.add("</g>")


def _strip(spots: list[Spot], y: float) -> _View:
    """A window as wide as the sheet over every place."""
    west, east = min(s.lon for s in spots) - 7, max(s.lon for s in spots) + 7
    south, north = min(s.lat for s in spots) - 2.5, max(s.lat for s in spots) + 3.5
    squeeze = math.cos(math.radians((south + north) / 2))
    height = WIDTH * (north - south) / ((east - west) * squeeze)
    if height < 120:
        grow = (120 / height - 1) * (north - south) / 2
        south, north, height = south - grow, north + grow, 120.0
    if height > 260:
        grow = (height / 260 - 1) * (east - west) / 2
        west, east, height = west - grow, east + grow, 260.0
    return _View(west, south, east, north, 0, y, WIDTH, height)
