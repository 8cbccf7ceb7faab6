"""The account drawn: running totals with the gap, the balance under each value basis, and a Sankey.

Takes medians and intervals by month, or the parts of both sides; gives SVG. All in US dollars.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tumen.brief.figures.canvas import (
    BLUE,
    INK,
    PURPLE,
    RULE,
    SOFT,
    VERMILION,
    Canvas,
    Scale,
    band,
    polyline,
    text_width,
    ticks,
    time_axis,
    wrap,
)

# Least height that a part of the Sankey gets, so that its two lines of words fit.
SLOT = 32.0
# Room for words beside a part.
BESIDE = 198.0


@dataclass(frozen=True)
class Point:
    """The account at the end of a month."""

    month: dt.date
    given: float
    returned: float
    owed: float
    low: float
    high: float
    why: str


@dataclass(frozen=True)
class Part:
    """A part of one side: its name, value and evidence."""

    label: str
    usd: float
    why: str
    tip: str
    shown: str = ""


def money(value: float, lang: str) -> str:
    """Dollars for an axis."""
    if value == 0:
        return "0" if lang == "ko" else "$0"
    sign, size = ("−" if value < 0 else ""), abs(value)
    if lang == "ko":
        for scale, word in ((1e12, "조"), (1e8, "억"), (1e4, "만")):
            if size >= scale:
                return f"{sign}{size / scale:,.4g}{word} 달러"
        return f"{sign}{size:g} 달러"
    for scale, word in ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if size >= scale:
            return f"{sign}${size / scale:g} {word}"
    return f"{sign}${size:g}"


def gap(
    name: str, title: str, alt: str, points: list[Point], labels: dict[str, str], ends: dict[str, tuple[str, str, str]]
) -> str:
    """Given and returned as running totals, with the gap between them shaded; `ends` names each line's last value."""
    width, height, left, right, top, bottom = 600.0, 290.0, 62.0, 404.0, 12.0, 262.0  # readable on a phone as it is
    canvas = Canvas(name, width, height, title, alt)
    start, end = points[0].month, points[-1].month
    most = max(max(p.given for p in points), max(p.high + p.returned for p in points))
    x = Scale(start.toordinal(), max(end.toordinal(), start.toordinal() + 1), left, right)
    y = Scale(0, most * 1.04 or 1, bottom, top)
    for tick in ticks(0, y.high, 5):
        canvas.line(left, y(tick), right, y(tick), RULE, 0.8)
        canvas.text(left - 7, y(tick) + 4, money(tick, labels["lang"]), 12.5, SOFT, "end", class_="axis")
    time_axis(canvas, x, start, end, top, bottom)
    xs = [x(p.month.toordinal()) for p in points]
    given, returned = [y(p.given) for p in points], [y(p.returned) for p in points]
    canvas.path(
        band(xs, [y(p.low + p.returned) for p in points], [y(p.high + p.returned) for p in points]),
        BLUE,
        fill_opacity=0.13,
    )
    canvas.path(band(xs, returned, given), BLUE, fill_opacity=0.2)
    canvas.path(polyline(xs, given), stroke=BLUE, width=2.6, stroke_linejoin="round")
    canvas.path(polyline(xs, returned), stroke=VERMILION, width=2.6, stroke_linejoin="round")
    gx = right + 10
    canvas.path(f"M{gx},{given[-1]:.1f}h6V{returned[-1]:.1f}h-6", stroke=PURPLE, width=1.6)
    marks = [
        (given[-1], BLUE, ends["given"]),
        ((given[-1] + returned[-1]) / 2, PURPLE, ends["owed"]),
        (returned[-1], VERMILION, ends["returned"]),
    ]
    for at, colour, (label, shown, interval) in _spread(marks, 62, top + 14, bottom - 22):
        canvas.open_link(points[-1].why, f"{label}: {shown}" + (f" ({interval})" if interval else ""))
        canvas.text(gx + 14, at - 2, label, 14, colour, weight=700)
        canvas.text(gx + 14, at + 17, shown, 16, INK, weight=700)
        if interval:
            canvas.text(gx + 14, at + 34, f"({interval})", 12.5, SOFT)
        canvas.close_link()
    return canvas.svg()


def _spread(
    marks: list[tuple[float, str, tuple[str, str, str]]], room: float, top: float, bottom: float
) -> list[tuple[float, str, tuple[str, str, str]]]:
    """Move labels apart so that none covers another."""
    places = [m[0] for m in marks]
    places[0] = max(places[0], top)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + room)
    over = places[-1] - bottom
    if over > 0:
        places[-1] = bottom
        for i in range(len(places) - 2, -1, -1):
            places[i] = min(places[i], places[i + 1] - room)
    return [(at, m[1], m[2]) for at, m in zip(places, marks, strict=True)]


def balances(
    name: str, title: str, alt: str, panels: dict[str, tuple[str, list[Point], tuple[str, str]]], labels: dict[str, str]
) -> str:
    """What is owed by month, one panel a value basis, on one scale; a panel is (name, points, last value and interval)."""
    count = len(panels)
    across = min(count, 4)
    rows = -(-count // across)
    width, panel_h = 760.0, 232.0
    panel_w = (width - 64) / across
    canvas = Canvas(name, width, rows * panel_h + 8, title, alt)
    every = [p for _, points, _ in panels.values() for p in points]
    high, low = max(p.high for p in every), min(0.0, min(p.low for p in every))
    for number, (label, points, last) in enumerate(panels.values()):
        column, row = number % across, number // across
        left, right = 64 + column * panel_w, 64 + (column + 1) * panel_w - 14
        top, bottom = row * panel_h + 62, row * panel_h + panel_h - 28
        x = Scale(
            points[0].month.toordinal(), max(points[-1].month.toordinal(), points[0].month.toordinal() + 1), left, right
        )
        y = Scale(low, high * 1.04 or 1, bottom, top)
        for tick in ticks(low, y.high, 4):
            canvas.line(left, y(tick), right, y(tick), RULE, 0.8)
            if column == 0:
                canvas.text(left - 8, y(tick) + 4, money(tick, labels["lang"]), 10.5, SOFT, "end", class_="axis")
        time_axis(canvas, x, points[0].month, points[-1].month, top, bottom)
        xs = [x(p.month.toordinal()) for p in points]
        canvas.open_link(points[-1].why, f"{label}: {last[0]} ({last[1]})")
        canvas.path(band(xs, [y(p.low) for p in points], [y(p.high) for p in points]), PURPLE, fill_opacity=0.2)
        canvas.path(polyline(xs, [y(p.owed) for p in points]), stroke=PURPLE, width=2.2, stroke_linejoin="round")
        canvas.text(left, top - 46, label, 12.5, INK, weight=700)
        canvas.text(left, top - 29, last[0], 12.5, PURPLE, weight=700)
        canvas.text(left, top - 13, f"({last[1]})", 11, SOFT)
        canvas.close_link()
    return canvas.svg()


def sankey(
    name: str, title: str, alt: str, given: list[Part], returned: list[Part], owed: Part, sides: tuple[str, str]
) -> str:
    """Left what was given, right what came back and what remains; widths are dollars."""
    width, top, node = 760.0, 34.0, 14.0
    room = 8.0
    rights = [*returned, owed] if owed.usd > 0 else returned
    # Where a figure with its interval is too long for one line, every part gets a line more.
    broken = any(text_width(p.shown, 11.5) > BESIDE for p in (*given, *rights))
    least = SLOT + (14 if broken else 0)
    # Medians of parts do not add up to the median of the whole; each side is drawn as its own whole.
    trunk_h = 230.0
    scales = [trunk_h / max(sum(p.usd for p in side), 1.0) for side in (given, rights)]
    body = max(
        sum(max(p.usd * scale, least) for p in side) + room * (len(side) - 1)
        for side, scale in zip((given, rights), scales, strict=True)
    )
    left_x, right_x = 210.0, width - 230.0
    canvas = Canvas(name, width, top + body + 34, title, alt)
    canvas.text(left_x - 10, 16, sides[0], 12.5, BLUE, "end", weight=700)
    canvas.text(right_x + node + 10, 16, sides[1], 12.5, VERMILION, weight=700)
    middle = (left_x + right_x) / 2
    trunk_top = top + (body - trunk_h) / 2
    canvas.rect(middle - 5, trunk_top, 10, trunk_h, INK)
    _side(canvas, given, BLUE, left_x, middle - 5, top, body, trunk_top, scales[0], room, least, left=True)
    colours = [VERMILION] * len(returned) + [PURPLE]
    _side(canvas, rights, colours, right_x, middle + 5, top, body, trunk_top, scales[1], room, least, left=False)
    return canvas.svg()


def _side(
    canvas: Canvas,
    parts: list[Part],
    colours: str | list[str],
    edge: float,
    trunk: float,
    top: float,
    body: float,
    trunk_top: float,
    scale: float,
    room: float,
    least: float,
    left: bool,
) -> None:
    node = 14.0
    heights = [max(p.usd * scale, 1.0) for p in parts]
    slots = [max(h, least) for h in heights]
    y = top + max((body - sum(slots) - room * (len(parts) - 1)) / 2, 0)
    inner = trunk_top
    for number, (part, h, slot) in enumerate(zip(parts, heights, slots, strict=True)):
        colour = colours if isinstance(colours, str) else colours[number]
        at = y + (slot - h) / 2
        a, b = (edge + node, trunk) if left else (edge, trunk)
        half = (a + b) / 2
        canvas.open_link(part.why, part.tip)
        canvas.path(
            f"M{a:.1f},{at:.1f}C{half:.1f},{at:.1f} {half:.1f},{inner:.1f} {b:.1f},{inner:.1f}"
            f"V{inner + h:.1f}C{half:.1f},{inner + h:.1f} {half:.1f},{at + h:.1f} {a:.1f},{at + h:.1f}Z",
            colour,
            fill_opacity=0.28,
        )
        canvas.rect(edge, at, node, h, colour)
        x, anchor = (edge - 10, "end") if left else (edge + node + 10, "start")
        lines = wrap(part.label, 190, 12.5)[:2]
        if text_width(lines[0], 12.5) > 205:
            lines[0] = lines[0][:30] + "…"
        figures = part.shown.split(" (", 1) if least > SLOT and " (" in part.shown else [part.shown]
        base = y + slot / 2 - (2 if len(lines) == 1 else 9) - 7 * (len(figures) - 1)
        for line in lines:
            canvas.text(x, base, line, 12.5, INK, anchor)
            base += 14
        for step, shown in enumerate(figures):
            canvas.text(x, base + 1 + 14 * step, f"({shown}" if step else shown, 11.5, SOFT, anchor)
        canvas.close_link()
        inner += h
        y += slot + room


__all__ = ["Part", "Point", "balances", "gap", "money", "sankey"]
