"""The artillery balance: rounds fired a day by each side, with and without the shipments.

Takes series of medians with intervals by week; gives SVG.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tumen.brief.figures.canvas import RULE, SOFT, Canvas, Scale, band, polyline, ticks, time_axis, wrap


@dataclass(frozen=True)
class Series:
    """One line: median and 90 % interval by week."""

    label: str
    weeks: list[dt.date]
    median: list[float]
    low: list[float]
    high: list[float]
    colour: str
    dashed: bool
    why: str
    tip: str


def draw(name: str, title: str, alt: str, series: list[Series], axis: str, lang: str) -> str:
    """The lines over time, named at their right end."""
    width, height, left, right, top, bottom = 760.0, 360.0, 62.0, 588.0, 30.0, 316.0
    canvas = Canvas(name, width, height, title, alt)
    start, end = min(s.weeks[0] for s in series), max(s.weeks[-1] for s in series)
    x = Scale(start.toordinal(), max(end.toordinal(), start.toordinal() + 1), left, right)
    y = Scale(0, max(max(s.high) for s in series) * 1.05 or 1, bottom, top)
    canvas.text(0, 14, axis, 11, SOFT)
    for tick in ticks(0, y.high, 5):
        canvas.line(left, y(tick), right, y(tick), RULE, 0.8)
        shown = f"{tick / 10000:g}만" if lang == "ko" and tick >= 10000 else f"{tick:,.0f}"
        canvas.text(left - 8, y(tick) + 4, shown, 11, SOFT, "end", class_="axis")
    time_axis(canvas, x, start, end, top, bottom)
    for s in series:
        xs = [x(w.toordinal()) for w in s.weeks]
        canvas.open_link(s.why, s.tip)
        if not s.dashed:
            canvas.path(band(xs, [y(v) for v in s.low], [y(v) for v in s.high]), s.colour, fill_opacity=0.15)
        canvas.path(
            polyline(xs, [y(v) for v in s.median]),
            stroke=s.colour,
            width=2.2,
            stroke_linejoin="round",
            stroke_dasharray="6 4" if s.dashed else None,
        )
        canvas.close_link()
    ends = sorted(((y(s.median[-1]), s) for s in series), key=lambda e: e[0])
    last = -1e9
    for at, s in ends:
        lines = wrap(s.label, width - right - 12, 12)
        place = max(at - 7 * (len(lines) - 1) + 4, last + 18)
        for line in lines:
            canvas.text(right + 10, place, line, 12, s.colour, weight=700)
            last, place = place, place + 14
    return canvas.svg()
