"""How likely each way of repayment is, over time, one panel each, with the yardstick behind.

Takes probabilities with intervals by date; gives SVG. The bands are those of the probability yardstick
of the UK's Professional Head of Intelligence Assessment (2019).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tumen.brief.figures.canvas import BLUE, INK, PALE, PAPER, RULE, SOFT, Canvas, Scale, time_axis, wrap

# PHIA yardstick: word and bounds; the gaps between are meant.
YARDSTICK = (
    ("remote_chance", 0.0, 0.05),
    ("highly_unlikely", 0.10, 0.20),
    ("unlikely", 0.25, 0.35),
    ("realistic_possibility", 0.40, 0.50),
    ("likely", 0.55, 0.75),
    ("highly_likely", 0.80, 0.90),
    ("almost_certain", 0.95, 1.0),
)


@dataclass(frozen=True)
class Panel:
    """One way of repayment; `steps` are (date, probability, low, high), `word` where it stands last."""

    label: str
    steps: list[tuple[dt.date, float, float, float]]
    word: str
    shown: str
    why: str


def draw(name: str, title: str, alt: str, panels: list[Panel], words: dict[str, str]) -> str:
    """The panels, two across, the yardstick's words at the left of each row."""
    across = 2 if len(panels) > 1 else 1
    rows = -(-len(panels) // across)
    width, tall, margin = 760.0, 206.0, 104.0
    each = (width - margin) / across
    canvas = Canvas(name, width, rows * tall, title, alt)
    for row in range(rows):
        top, bottom = row * tall + 46, (row + 1) * tall - 26
        y = Scale(0, 1, bottom, top)
        for key, low, high in YARDSTICK:
            at = (y(low) + y(high)) / 2 + 3.5
            canvas.text(margin - 10, at, words[key], 9.5, SOFT, "end")
    for number, panel in enumerate(panels):
        row, column = divmod(number, across)
        left, right = margin + column * each, margin + (column + 1) * each - 22
        _panel(canvas, panel, left, right, row * tall + 46, (row + 1) * tall - 26)
    return canvas.svg()


def _panel(canvas: Canvas, panel: Panel, left: float, right: float, top: float, bottom: float) -> None:
    y = Scale(0, 1, bottom, top)
    start, end = panel.steps[0][0], panel.steps[-1][0]
    x = Scale(start.toordinal(), max(end.toordinal(), start.toordinal() + 1), left, right)
    canvas.open_link(panel.why, f"{panel.label}: {panel.word}, {panel.shown}")
    for _, low, high in YARDSTICK:
        canvas.rect(left, y(high), right - left, y(low) - y(high), PALE)
    canvas.rect(left, top, right - left, bottom - top, PAPER, fill_opacity=0, stroke=RULE)
    time_axis(canvas, x, start, end, bottom, bottom)
    days = [x(s[0].toordinal()) for s in panel.steps]
    canvas.path(
        _steps(days, [y(s[3]) for s in panel.steps]) + _back(days, [y(s[2]) for s in panel.steps]),
        BLUE,
        fill_opacity=0.2,
    )
    canvas.path(_steps(days, [y(s[1]) for s in panel.steps]), stroke=BLUE, width=2.2, stroke_linejoin="round")
    canvas.circle(days[-1], y(panel.steps[-1][1]), 3.6, BLUE)
    lines = wrap(panel.label, right - left - 6, 12.5)
    canvas.text(left, top - 24, lines[0], 12.5, INK, weight=700)
    canvas.text(left, top - 8, f"{panel.word} · {panel.shown}", 11.5, BLUE, weight=700)
    canvas.close_link()


def _steps(xs: list[float], ys: list[float]) -> str:
    """A line that holds until the next date; the judgement does not drift between them."""
    parts = [f"M{xs[0]:.1f},{ys[0]:.1f}"]
    for x, y in zip(xs[1:], ys[1:], strict=True):
        parts.append(f"H{x:.1f}V{y:.1f}")
    return "".join(parts)


def _back(xs: list[float], ys: list[float]) -> str:
    parts = [f"L{xs[-1]:.1f},{ys[-1]:.1f}"]
    for i in range(len(xs) - 1, 0, -1):
        parts.append(f"H{xs[i]:.1f}V{ys[i - 1]:.1f}")
    return "".join(parts) + f"H{xs[0]:.1f}Z"
