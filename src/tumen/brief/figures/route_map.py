"""The map of the route: land, ports, the voyages between them, the sightings at each place.

Takes places with positions, legs with their number of voyages and sightings counted by place; gives
SVG in an equirectangular projection true at the middle latitude, with a legend. A strip below shows where in
the world the route lies, with the places far from it. Works for any window of the world: the coast comes from
`land.py`, the names of countries stand where `countries.py` says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

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
    number,
    text_width,
)
from tumen.brief.figures.countries import countries
from tumen.brief.figures.land import land

WIDTH, LOWEST, HIGHEST = 760.0, 320.0, 560.0
COLOUR = {"origin": VERMILION, "destination": BLUE, "other": GREEN}
CURVE_POINTS = 41
RING = 20.0  # radius beyond 5 px of the place with most sightings
Box = tuple[float, float, float, float]


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
    also: str = ""  # the same name in the other language


@dataclass(frozen=True)
class Leg:
    """Laden voyages from one place to another."""

    origin: str
    destination: str
    voyages: float
    why: str
    tip: str
    shown: str = ""


@dataclass(frozen=True)
class Names:
    """Words of the map: `legend` by what is drawn, and what a country is called by its ISO code."""

    legend: dict[str, str] = field(default_factory=dict)
    country: Callable[[str], str] = lambda code: ""


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


def draw(name: str, title: str, alt: str, spots: list[Spot], legs: list[Leg], names: Names | None = None) -> str:
    """The map."""
    names = names or Names()
    core, far = _split(spots, legs)
    view = _window(core)
    canvas = Canvas(name, WIDTH, view.height, title, alt)
    _ground(canvas, view, name)
    most = max((leg.voyages for leg in legs), default=1.0) or 1.0
    where = {spot.place: view.at(spot.lat, spot.lon) for spot in core}
    top_seen = max((spot.sightings for spot in spots), default=1) or 1
    radii = {s.place: 5 + RING * math.sqrt(s.sightings / top_seen) if s.sightings else 5.0 for s in core}
    taken: list[Box] = [(*(c - radii[p] for c in at), *(c + radii[p] for c in at)) for p, at in where.items()]  # type: ignore[misc]
    drawn = [
        leg
        for leg in sorted(legs, key=lambda leg: -leg.voyages)
        if leg.origin in where and leg.destination in where and leg.voyages > 0
    ]
    lines = [_leg(canvas, leg, where[leg.origin], where[leg.destination], most, n) for n, leg in enumerate(drawn)]
    for leg, line in zip(drawn, lines, strict=True):
        _leg_number(canvas, leg, line, lines, taken)
    along = [point for line in lines for point in line]
    _scale_bar(canvas, view, taken, along)
    _labels(canvas, view, core, radii, taken, along)
    _countries(canvas, view, names, taken, 12.0)
    bottom = _legend(canvas, view.height + 26, names.legend, spots, drawn) if names.legend else view.height
    _world(canvas, view, name, core, far, names, bottom + 12)
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


def _leg(
    canvas: Canvas, leg: Leg, a: tuple[float, float], b: tuple[float, float], most: float, order: int
) -> list[tuple[float, float]]:
    """Draw one leg; returns points along it."""
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
    shares = np.linspace(0, 1, CURVE_POINTS)
    xs = (1 - shares) ** 2 * a[0] + 2 * shares * (1 - shares) * cx + shares**2 * ex
    ys = (1 - shares) ** 2 * a[1] + 2 * shares * (1 - shares) * cy + shares**2 * ey
    return [(float(px), float(py)) for px, py in zip(xs, ys, strict=True)]


def _leg_number(
    canvas: Canvas, leg: Leg, line: list[tuple[float, float]], lines: list[list[tuple[float, float]]], taken: list[Box]
) -> None:
    """The number of voyages beside its line, off every line and mark; where there is no room the table gives it."""
    if not leg.shown:
        return
    w = text_width(leg.shown, 12) + 4
    along = [point for other in lines for point in other]
    for share in (0.6, 0.7, 0.5, 0.8, 0.4, 0.3):
        x, y = line[int(share * (CURVE_POINTS - 1))]
        for box in ((x + 8, y + 6, x + 8 + w, y + 22), (x - w - 8, y - 22, x - 8, y - 6)):
            if any(_meets(box, other) for other in taken) or any(_within(point, box, 5) for point in along):
                continue
            canvas.open_link(leg.why, leg.tip)
            canvas.text(
                box[0],
                box[3] - 4,
                leg.shown,
                12,
                PURPLE,
                weight=700,
                stroke=PAPER,
                stroke_width=3,
                paint_order="stroke",
            )
            canvas.close_link()
            taken.append(box)
            return


def _meets(a: Box, b: Box) -> bool:
    return a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1]


def _within(point: tuple[float, float], box: Box, margin: float) -> bool:
    return box[0] - margin < point[0] < box[2] + margin and box[1] - margin < point[1] < box[3] + margin


def _labels(
    canvas: Canvas,
    view: _View,
    spots: list[Spot],
    radii: dict[str, float],
    taken: list[Box],
    along: list[tuple[float, float]],
) -> None:
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
                radii[spot.place],
                colour,
                fill_opacity=0.16,
                stroke=colour,
                stroke_width=1.2,
            )
        _dot(canvas, x, y, 4.5 if spot.role != "other" else 3.4, spot.role)
        main = spot.role != "other"
        size = 14.0 if main else 11.5
        also = spot.also if main else ""
        others = [box for box in taken if not (_within((x, y), box, 0))]
        reach = radii[spot.place]
        # Rather across a line of voyages than nowhere.
        for crowd in ([*dots.values(), *along], list(dots.values())):
            box = _place_label((spot.label, also), size, x, y, view, others, crowd, reach)
            if box is not None:
                break
        if box is not None:
            taken.append(box)
            first = box[1] + size
            halo: dict[str, object] = {
                "stroke": PAPER,
                "stroke_width": 3.2,
                "paint_order": "stroke",
                "stroke_linejoin": "round",
            }
            canvas.text(box[0], first, spot.label, size, INK if main else SOFT, weight=700 if main else 400, **halo)  # type: ignore[arg-type]
            if also:
                canvas.text(box[0], first + size - 1, also, size - 2.5, SOFT, **halo)  # type: ignore[arg-type]
        canvas.close_link()


def _place_label(
    lines: tuple[str, str],
    size: float,
    x: float,
    y: float,
    view: _View,
    taken: list[Box],
    dots: list[tuple[float, float]],
    reach: float = 4.0,
) -> Box | None:
    w, h = max(text_width(line, size) for line in lines) + 4, size + 3 + (size - 1 if lines[1] else 0)
    places = []
    for more in (0.0, 8.0, 16.0):
        out = reach + 5 + more  # past the ring of sightings
        slant = 0.7 * reach + 4 + more
        places += [
            (slant, -h - slant + 3),
            (out, -h / 2),
            (slant, slant - 3),
            (-w - slant, -h - slant + 3),
            (-w - out, -h / 2),
            (-w - slant, slant - 3),
            (-w / 2, -h - out),
            (-w / 2, out),
        ]
    for dx, dy in places:
        box = (x + dx, y + dy, x + dx + w, y + dy + h)
        if (
            box[0] < view.x + 4
            or box[2] > view.x + view.width - 4
            or box[1] < view.y + 4
            or box[3] > view.y + view.height - 4
        ):
            continue
        if any(_meets(box, t) for t in taken) or any(_within(point, box, 2) for point in dots):
            continue
        return box
    return None


def _countries(canvas: Canvas, view: _View, names: Names, taken: list[Box], size: float) -> None:
    """Names of countries where there is room for them."""
    for code, lat, lon in countries(*view.box):
        words = names.country(code)
        x, y = view.at(lat, lon)
        w = text_width(words, size) * 1.12 + 4
        x = min(max(x, view.x + w / 2 + 4), view.x + view.width - w / 2 - 4)
        box = (x - w / 2, y - size, x + w / 2, y + 4)
        if not words or box[1] < view.y + 3 or box[3] > view.y + view.height - 3:
            continue
        if any(_meets(box, t) for t in taken):
            continue
        taken.append(box)
        canvas.text(
            x,
            y,
            words,
            size,
            SOFT,
            "middle",
            letter_spacing="0.08em",
            stroke=LAND,
            stroke_width=3,
            paint_order="stroke",
        )


def _legend(canvas: Canvas, y: float, legend: dict[str, str], spots: list[Spot], legs: list[Leg]) -> float:
    """What the marks mean; returns the lower edge."""
    x = 2.0
    roles = [r for r in ("origin", "destination", "other") if any(s.role == r for s in spots)]
    items = [*roles, *(["sightings"] if any(s.sightings for s in spots) else []), *(["route"] if legs else [])]
    for key in items:
        words, wide = legend[key], 34.0 if key == "route" else 16.0
        need = wide + 8 + text_width(words, 12) + 20
        if x + need > WIDTH and x > 2:
            x, y = 2.0, y + 20
        if key == "route":
            canvas.path(f"M{number(x)},{number(y - 4)}h24", stroke=PURPLE, width=5, stroke_opacity=0.75)
            canvas.path(f"M{number(x + 34)},{number(y - 4)}l-11,-6.5v13z", PURPLE)
        elif key == "sightings":
            canvas.circle(x + 8, y - 4, 8, GREEN, fill_opacity=0.16, stroke=GREEN, stroke_width=1.2)
        else:
            _dot(canvas, x + 8, y - 4, 5, key)
        canvas.text(x + wide + 8, y, words, 12, SOFT, data_own="")
        x += need
    return y + 6


def _dot(canvas: Canvas, x: float, y: float, r: float, role: str) -> None:
    """A port: round where cargo is loaded, square where it lands, so that its part needs no colour."""
    colour = COLOUR.get(role, GREEN)
    if role == "destination":
        side = 1.8 * r
        canvas.rect(x - side / 2, y - side / 2, side, side, colour, stroke=PAPER, stroke_width=1.4)
    else:
        canvas.circle(x, y, r, colour, stroke=PAPER, stroke_width=1.4)


def _scale_bar(canvas: Canvas, view: _View, taken: list[Box], along: list[tuple[float, float]]) -> None:
    per_km = view.per_lat / 111.2
    km = next((k for k in (500, 200, 100, 50, 20, 10, 5) if k * per_km <= 130), 5)
    wide, y = km * per_km + 60, view.height - 18
    x = 18.0
    for corner in (view.width - wide - 8, 18.0):  # right below, unless something lies there
        x = corner
        box = (x - 4, y - 12, x + wide, y + 10)
        if not any(_meets(box, other) for other in taken) and not any(_within(p, box, 4) for p in along):
            break
    canvas.path(f"M{x},{y - 5}v5h{number(km * per_km)}v-5", stroke=INK, width=1.3)
    canvas.text(x + km * per_km + 7, y + 1, f"{km} km", 11, INK, class_="axis")
    taken.append((x, y - 10, x + wide, y + 8))


def _world(canvas: Canvas, main: _View, name: str, core: list[Spot], far: list[Spot], names: Names, top: float) -> None:
    """A strip under the map that shows where in the world it lies, and the places far away."""
    view = _strip([*core, *far], top, bool(far))
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
    taken: list[Box] = [(x1 - 3, y1 - 3, x2 + 3, y2 + 3)]
    dots = [view.at(s.lat, s.lon) for s in far]
    taken += [(px - 4, py - 4, px + 4, py + 4) for px, py in dots]
    for spot, (px, py) in zip(far, dots, strict=True):
        canvas.open_link(spot.why, spot.tip)
        canvas.circle(px, py, 3.6, GREEN, stroke=PAPER, stroke_width=1.2)
        others = [box for box in taken if not _within((px, py), box, -1)]
        box = _place_label((spot.label, ""), 11.5, px, py, view, others, dots)
        if box is not None:
            taken.append(box)
            canvas.text(box[0], box[3] - 3, spot.label, 11.5, INK, stroke=PAPER, stroke_width=3, paint_order="stroke")
        canvas.close_link()
    _countries(canvas, view, names, taken, 11.0)
    canvas.add("</g>")


def _strip(spots: list[Spot], y: float, far: bool) -> _View:
    """A window as wide as the sheet over every place, wide enough to know the part of the world."""
    around = (7.0, 2.5, 3.5) if far else (38.0, 7.0, 8.0)
    west, east = min(s.lon for s in spots) - around[0], max(s.lon for s in spots) + around[0]
    south, north = min(s.lat for s in spots) - around[1], max(s.lat for s in spots) + around[2]
    squeeze = math.cos(math.radians((south + north) / 2))
    height = WIDTH * (north - south) / ((east - west) * squeeze)
    if height < 120:
        grow = (120 / height - 1) * (north - south) / 2
        south, north, height = south - grow, north + grow, 120.0
    if height > 260:
        grow = (height / 260 - 1) * (east - west) / 2
        west, east, height = west - grow, east + grow, 260.0
    return _View(west, south, east, north, 0, y, WIDTH, height)
