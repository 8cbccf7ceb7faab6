"""A sheet to draw on: SVG elements as text, scales, ticks and the colours of the brief.

Colours are those of Okabe and Ito (2008), told apart under the common kinds of colour blindness;
the two light ones are used only with an outline. Text colours keep 4.5:1 on the paper (WCAG 2.2 AA).
"""

from __future__ import annotations

import datetime as dt
import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

INK = "#1c2126"
SOFT = "#59626b"
RULE = "#d5d9dd"
PALE = "#eef1f3"
PAPER = "#ffffff"
SEA = "#e9f0f4"
LAND = "#f7f5ef"
COAST = "#9aa7b0"
BLUE = "#0072b2"
VERMILION = "#b94a00"
GREEN = "#00735a"
PURPLE = "#8f3f74"
ORANGE = "#e69f00"
SKY = "#56b4e9"
GREY = "#7b858e"
# Colours that carry words; a test computes their contrast on every ground they stand on.
TEXT_COLOURS = (INK, SOFT, BLUE, VERMILION, GREEN, PURPLE)
GROUNDS = (PAPER, LAND, SEA, PALE)
# A chart over fewer days names its quarters, where a quarter has room for its name.
SHORT_DAYS = 550
QUARTER_PX = 60
FONT = "'Tumen Sans', Pretendard, 'Noto Sans KR', 'Apple SD Gothic Neo', 'Malgun Gothic', sans-serif"


def escape(text: object) -> str:
    """Text made safe inside SVG and HTML."""
    return html.escape(str(text), quote=True)


def number(value: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


@dataclass
class Canvas:
    """An SVG of a size in CSS pixels. `name` makes its ids unique in the page."""

    name: str
    width: float
    height: float
    title: str
    alt: str
    parts: list[str] = field(default_factory=list)
    defs: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Append raw SVG."""
        self.parts.append(text)

    def rect(self, x: float, y: float, w: float, h: float, fill: str, **more: object) -> None:
        """A rectangle."""
        self.add(
            f'<rect x="{number(x)}" y="{number(y)}" width="{number(max(w, 0))}" height="{number(max(h, 0))}" '
            f'fill="{fill}"{_more(more)}/>'
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, stroke: str = RULE, width: float = 1, **more: object
    ) -> None:
        """A straight line."""
        self.add(
            f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" '
            f'stroke="{stroke}" stroke-width="{width}"{_more(more)}/>'
        )

    def path(self, d: str, fill: str = "none", stroke: str = "none", width: float = 1, **more: object) -> None:
        """A path."""
        self.add(f'<path d="{d}" fill="{fill}" stroke="{stroke}" stroke-width="{width}"{_more(more)}/>')

    def circle(self, x: float, y: float, r: float, fill: str, **more: object) -> None:
        """A circle."""
        self.add(f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(r)}" fill="{fill}"{_more(more)}/>')

    def text(
        self,
        x: float,
        y: float,
        words: object,
        size: float = 12,
        fill: str = INK,
        anchor: str = "start",
        weight: int = 400,
        **more: object,
    ) -> None:
        """A line of text; `y` is its base line."""
        bold = f' font-weight="{weight}"' if weight != 400 else ""
        place = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self.add(
            f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}" fill="{fill}"{place}{bold}{_more(more)}>'
            f"{escape(words)}</text>"
        )

    def open_link(self, why: str, tip: str) -> None:
        """Begin a group that leads to the evidence of what it shows; `tip` is read on hover."""
        safe = escape(why)
        self.add(f'<a href="#why-{safe}" data-why="{safe}"><title>{escape(tip)}</title>')

    def close_link(self) -> None:
        """End the group."""
        self.add("</a>")

    def svg(self) -> str:
        """The whole drawing."""
        defs = f"<defs>{''.join(self.defs)}</defs>" if self.defs else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(self.width)} {number(self.height)}" '
            f'width="{number(self.width)}" height="{number(self.height)}" role="group" '
            f'aria-labelledby="{self.name}-t {self.name}-d" font-family="{escape(FONT)}">'
            f'<title id="{self.name}-t">{escape(self.title)}</title>'
            f'<desc id="{self.name}-d">{escape(self.alt)}</desc>{defs}{"".join(self.parts)}</svg>'
        )


def _more(more: dict[str, object]) -> str:
    return "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in more.items() if value is not None
    )


def polyline(xs: Sequence[float] | np.ndarray, ys: Sequence[float] | np.ndarray) -> str:
    """Path data through points."""
    points = [f"{number(x)},{number(y)}" for x, y in zip(xs, ys, strict=True)]
    return "M" + "L".join(points) if points else ""


def band(xs: Sequence[float], low: Sequence[float], high: Sequence[float]) -> str:
    """Path data of the area between two lines."""
    return polyline([*xs, *reversed(xs)], [*high, *reversed(low)]) + "Z"


@dataclass(frozen=True)
class Scale:
    """From values to pixels; `log` for a logarithmic one."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        a, b, v = self.low, self.high, value
        if self.log:
            a, b, v = math.log10(a), math.log10(b), math.log10(max(value, self.low / 10))
        share = (v - a) / (b - a) if b != a else 0.5
        return self.start + share * (self.end - self.start)

    def clipped(self, value: float) -> float:
        """The pixel, held inside the scale."""
        return self(min(max(value, self.low), self.high))


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values across a range."""
    if high <= low:
        return [low]
    raw = (high - low) / max(count, 1)
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= raw)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 steps, or tens where the range is wide."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    wide = math.log10(high / low) > 2.6
    steps = (1,) if wide else (1, 2, 5)
    return [m * 10.0**d for d in decades for m in steps if low <= m * 10.0**d <= high * 1.0001]


def months_between(start: dt.date, end: dt.date) -> list[dt.date]:
    """First days of the months from start to end."""
    out, here = [], start.replace(day=1)
    while here <= end:
        out.append(here)
        here = dt.date(here.year + here.month // 12, here.month % 12 + 1, 1)
    return out


def wrap(words: str, width: float, size: float, wide: bool = False) -> list[str]:
    """Break a line of text to fit a width, by rough glyph widths (0.52 em, Hangul 0.92 em)."""
    lines, here, used = [], "", 0.0
    for word in words.split(" "):
        length = text_width(word + " ", size)
        if here and used + length > width:
            lines.append(here.strip())
            here, used = "", 0.0
        here += word + " "
        used += length
    return [*lines, here.strip()] if here.strip() else lines


def text_width(words: str, size: float) -> float:
    """Rough width of a line of text in pixels."""
    return sum(size * (0.92 if ord(c) > 0x1100 else 0.3 if c in " .,il|'" else 0.54) for c in words)


def standalone(svg: str) -> str:
    """The drawing without links into the page, for slides and for Typst."""
    out, position = [], 0
    while (start := svg.find("<a href=", position)) >= 0:
        out.append(svg[position:start])
        out.append("<g>")
        position = svg.find(">", start) + 1
    out.append(svg[position:])
    return "".join(out).replace("</a>", "</g>")


def time_axis(
    canvas: Canvas,
    x: Scale,
    start: dt.date,
    end: dt.date,
    top: float,
    bottom: float,
) -> None:
    """Years and quarters under a chart whose x scale is in ordinal days; a short one names its quarters too (2025-04)."""
    short = (end - start).days < SHORT_DAYS and 91 * abs(x(1) - x(0)) > QUARTER_PX
    for month in months_between(start, end):
        if month < start.replace(day=1):
            continue
        at = x.clipped(month.toordinal())
        if month.month == 1:
            canvas.line(at, top, at, bottom + 14, RULE)
            canvas.text(at + 4, bottom + 15, month.year, 11, SOFT, class_="axis")
        elif month.month in (4, 7, 10):
            canvas.line(at, bottom, at, bottom + 4, RULE)
            if short and at + 26 < max(x.start, x.end):
                canvas.text(at, bottom + 15, f"{month:%Y-%m}", 10, SOFT, "middle", class_="axis")
    if start.month == 1:
        return  # its January is named already
    until = dt.date(start.year + 1, 1, 1)
    if short and end < until:  # up to the first quarter that is named
        until = next((m for m in months_between(start, end)[1:] if m.month in (4, 7, 10)), until)
    if (until.toordinal() - start.toordinal()) * abs(x(1) - x(0)) > 34:
        canvas.text(x.clipped(start.toordinal()) + 2, bottom + 15, start.year, 11, SOFT, class_="axis")
