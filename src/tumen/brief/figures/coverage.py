"""Which options bear on which way of repayment: a matrix of marks.

Takes names and a set of pairs; gives SVG. A column without a mark is a way of repayment that nothing touches.
"""

from __future__ import annotations

from dataclasses import dataclass

from tumen.brief.figures.canvas import BLUE, INK, PALE, PAPER, RULE, SOFT, Canvas, wrap

ROW, LABEL = 30.0, 300.0


@dataclass(frozen=True)
class Option:
    """A row of the matrix."""

    label: str
    acts_on: frozenset[str]
    why: str


def draw(name: str, title: str, alt: str, options: list[Option], trades: list[tuple[str, str, str]]) -> str:
    """`trades` are (key, name, probability as text), one a column."""
    width, top = 760.0, 74.0
    each = (width - LABEL) / max(len(trades), 1)
    canvas = Canvas(name, width, top + len(options) * ROW + 6, title, alt)
    for number, (key, label, shown) in enumerate(trades):
        x = LABEL + (number + 0.5) * each
        if not any(key in o.acts_on for o in options):
            canvas.rect(x - each / 2 + 2, 0, each - 4, top + len(options) * ROW, PALE)
        lines = wrap(label, each - 6, 11.5)[:3]
        for i, line in enumerate(lines):
            canvas.text(x, top - 26 - (len(lines) - 1 - i) * 13, line, 11.5, INK, "middle")
        canvas.text(x, top - 10, shown, 11, SOFT, "middle")
    for number, option in enumerate(options):
        y = top + number * ROW
        canvas.open_link(option.why, option.label)
        canvas.line(0, y, width, y, RULE, 0.8)
        lines = wrap(option.label, LABEL - 14, 12)
        canvas.text(0, y + 19, lines[0] + ("…" if len(lines) > 1 else ""), 12, INK)
        for column, (key, _, _) in enumerate(trades):
            x = LABEL + (column + 0.5) * each
            if key in option.acts_on:
                canvas.circle(x, y + 15, 6, BLUE)
            else:
                canvas.circle(x, y + 15, 2, PAPER, stroke=RULE)
        canvas.close_link()
    return canvas.svg()
