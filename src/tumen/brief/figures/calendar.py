"""The calendar of looks: a square for each day by what was seen, and the visits by month beside it.

Takes the state of each day at one place, and the median and interval of seen and unseen visits by
month; gives SVG. A row is a month, so that a blind month stands out.
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass

from tumen.brief.figures.canvas import (
    BLUE,
    GREY,
    INK,
    PALE,
    PAPER,
    RULE,
    SOFT,
    Canvas,
    Scale,
    months_between,
    ticks,
)

CELL, GAP, ROW = 12.0, 2.0, 15.0
LEFT, TOP = 62.0, 44.0


@dataclass(frozen=True)
class Day:
    """What the looks of one day amount to: ship | empty | cloud | unsure; with the evidence of the look."""

    state: str
    why: str
    tip: str


@dataclass(frozen=True)
class Month:
    """Visits that arrived in a month."""

    seen: float
    unseen: float
    low: float
    high: float
    why: str
    tip: str


def draw(
    name: str,
    title: str,
    alt: str,
    start: dt.date,
    end: dt.date,
    days: dict[dt.date, Day],
    visits: dict[dt.date, Month],
    labels: dict[str, str],
    month_name: dict[dt.date, str],
) -> str:
    """The calendar of one place."""
    months = months_between(start, end)
    grid = 31 * (CELL + GAP)
    bars = LEFT + grid + 26
    width = bars + 190 if visits else bars
    height = TOP + len(months) * ROW + (62 if visits else 46)
    canvas = Canvas(name, width, height, title, alt)
    canvas.defs.append(
        f'<pattern id="{name}-h" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<rect width="4" height="4" fill="{PALE}"/><line x1="0" y1="0" x2="0" y2="4" stroke="{GREY}" stroke-width="1.4"/></pattern>'
    )
    for day in (1, 5, 10, 15, 20, 25, 31):
        canvas.text(LEFT + (day - 1) * (CELL + GAP) + CELL / 2, TOP - 7, day, 10, SOFT, "middle", class_="axis")
    for number, month in enumerate(months):
        y = TOP + number * ROW
        if month.month == 1 or number == 0:
            canvas.text(0, y + CELL - 2, month.year, 11, INK, weight=700, class_="axis")
        if month.month == 1 and number:
            canvas.line(0, y - 1.5, width, y - 1.5, RULE)
        canvas.text(LEFT - 6, y + CELL - 2, month_name[month], 10.5, SOFT, "end")
        for d in range(1, calendar.monthrange(month.year, month.month)[1] + 1):
            _day(
                canvas,
                name,
                LEFT + (d - 1) * (CELL + GAP),
                y,
                days.get(month.replace(day=d)),
                start <= month.replace(day=d) <= end,
            )
    if visits:
        _visits(canvas, months, visits, bars, width - 12, labels)
    _legend(canvas, name, TOP + len(months) * ROW + 34, labels, bool(visits))
    return canvas.svg()


def _day(canvas: Canvas, name: str, x: float, y: float, day: Day | None, inside: bool) -> None:
    if day is None:
        if inside:
            canvas.rect(x + 0.5, y + 0.5, CELL - 1, CELL - 1, PAPER, stroke=RULE, stroke_width=0.8)
        return
    canvas.open_link(day.why, day.tip)
    _square(canvas, name, x, y, day.state)
    canvas.close_link()


def _square(canvas: Canvas, name: str, x: float, y: float, state: str) -> None:
    if state == "ship":
        canvas.rect(x, y, CELL, CELL, BLUE)
    elif state == "empty":
        canvas.rect(x + 0.5, y + 0.5, CELL - 1, CELL - 1, "#d6e9f5", stroke=BLUE, stroke_width=1)
    elif state == "cloud":
        canvas.rect(x + 0.5, y + 0.5, CELL - 1, CELL - 1, f"url(#{name}-h)", stroke=GREY, stroke_width=0.8)
    elif state == "unsure":
        canvas.rect(x + 0.5, y + 0.5, CELL - 1, CELL - 1, PAPER, stroke=BLUE, stroke_width=1)
        canvas.circle(x + CELL / 2, y + CELL / 2, 2, BLUE)
    else:
        canvas.rect(x + 0.5, y + 0.5, CELL - 1, CELL - 1, PAPER, stroke=RULE, stroke_width=0.8)


def _visits(
    canvas: Canvas,
    months: list[dt.date],
    visits: dict[dt.date, Month],
    left: float,
    right: float,
    labels: dict[str, str],
) -> None:
    most = max(v.high for v in visits.values()) or 1
    x = Scale(0, most, left, right)
    bottom = TOP + len(months) * ROW
    canvas.text(left, TOP - 24, labels["visits"], 11, INK, weight=700)
    for tick in ticks(0, most, 4):
        canvas.line(x(tick), TOP - 2, x(tick), bottom, RULE)
        canvas.text(x(tick), TOP - 7, f"{tick:g}", 10, SOFT, "middle", class_="axis")
    for number, month in enumerate(months):
        here = visits.get(month)
        if here is None:
            continue
        y = TOP + number * ROW
        canvas.open_link(here.why, here.tip)
        canvas.rect(left, y, right - left, CELL, PAPER, fill_opacity=0)
        canvas.rect(left, y + 1.5, x(here.seen) - left, CELL - 3, BLUE)
        if here.unseen > 0.05:
            canvas.rect(
                x(here.seen) + 0.5, y + 2, x(here.seen + here.unseen) - x(here.seen), CELL - 4, PAPER, stroke=BLUE
            )
        canvas.line(x(here.low), y + CELL / 2, x(here.high), y + CELL / 2, INK, 1.4)
        for end in (here.low, here.high):
            canvas.line(x(end), y + CELL / 2 - 2.5, x(end), y + CELL / 2 + 2.5, INK, 1.4)
        canvas.close_link()


def _legend(canvas: Canvas, name: str, y: float, labels: dict[str, str], with_visits: bool) -> None:
    x = LEFT
    for state in ("ship", "empty", "cloud", "unsure", "none"):
        _square(canvas, name, x, y - 10, state)
        canvas.text(x + CELL + 5, y, labels[state], 11, SOFT)
        x += CELL + 10 + sum(11 * (0.92 if ord(c) > 0x1100 else 0.53) for c in labels[state]) + 8
    if with_visits:
        x, y = LEFT, y + 18
        canvas.text(x, y, f"{labels['visits']}:", 11, SOFT)
        bars = x + 10 + sum(11 * (0.92 if ord(c) > 0x1100 else 0.53) for c in labels["visits"])
        canvas.rect(bars, y - 9, 10, 9, BLUE)
        canvas.text(bars + 14, y, labels["seen"], 11, SOFT)
        after = bars + 22 + sum(11 * (0.92 if ord(c) > 0x1100 else 0.53) for c in labels["seen"])
        canvas.rect(after, y - 9, 10, 9, PAPER, stroke=BLUE)
        canvas.text(after + 14, y, labels["unseen"], 11, SOFT)


__all__ = ["Day", "Month", "draw"]
