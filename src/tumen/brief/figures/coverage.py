"""Which way of repayment is answered by which card: a matrix of marks.

Takes rows with the cards that act on them; gives SVG. A row without a mark is a way of repayment that no card
touches; a ring is a card of which nothing has been done yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from tumen.brief.figures.canvas import BLUE, INK, PALE, PAPER, RULE, SOFT, Canvas, wrap

ROW, LABEL = 27.0, 330.0


@dataclass(frozen=True)
class Row:
    """A way of repayment: `cards` act on it, those in `done` already do."""

    label: str
    shown: str
    cards: frozenset[str]
    done: frozenset[str]
    why: str


def draw(
    name: str, title: str, alt: str, rows: list[Row], cards: list[tuple[str, str]], legend: tuple[str, str]
) -> str:
    """`cards` are (key, name), one a column."""
    width, top = 760.0, 48.0
    each = (width - LABEL) / max(len(cards), 1)
    bottom = top + len(rows) * ROW
    canvas = Canvas(name, width, bottom + 34, title, alt)
    for number, (_, label) in enumerate(cards):
        lines = wrap(label, each - 8, 12)[:2]
        for i, line in enumerate(lines):
            canvas.text(LABEL + (number + 0.5) * each, top - 12 - (len(lines) - 1 - i) * 14, line, 12, INK, "middle")
    for number, row in enumerate(rows):
        _row(canvas, row, top + number * ROW, each, [key for key, _ in cards])
    canvas.line(0, bottom, width, bottom, RULE, 0.8)
    canvas.circle(LABEL + 10, bottom + 20, 6.5, BLUE)
    canvas.text(LABEL + 24, bottom + 24, legend[0], 11, SOFT)
    canvas.circle(LABEL + each * 2 + 10, bottom + 20, 5.6, PAPER, stroke=BLUE, stroke_width=2)
    canvas.text(LABEL + each * 2 + 24, bottom + 24, legend[1], 11, SOFT)
    return canvas.svg()


def _row(canvas: Canvas, row: Row, y: float, each: float, keys: list[str]) -> None:
    canvas.open_link(row.why, f"{row.label}: {row.shown}")
    canvas.rect(0, y, canvas.width, ROW, PAPER if row.cards else PALE)
    canvas.line(0, y, canvas.width, y, RULE, 0.8)
    canvas.text(0, y + 18, wrap(row.label, LABEL - 70, 12.5)[0], 12.5, INK)
    canvas.text(LABEL - 24, y + 18, row.shown, 12, SOFT, "end")
    for column, key in enumerate(keys):
        x = LABEL + (column + 0.5) * each
        if key in row.done:
            canvas.circle(x, y + ROW / 2, 6.5, BLUE)
        elif key in row.cards:
            canvas.circle(x, y + ROW / 2, 5.6, PAPER, stroke=BLUE, stroke_width=2)
    canvas.close_link()
