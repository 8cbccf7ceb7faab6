"""Published claims beside the estimate, one row a claim, for one quantity.

Takes rows with what was claimed, how it is to be read, and what the model expects for the same
thing; gives SVG. A bound is an arrow, a range a bar with ends; what was derived from another claim is grey.
"""

from __future__ import annotations

from dataclasses import dataclass

from tumen.brief.figures.canvas import (
    BLUE,
    GREY,
    INK,
    PAPER,
    RULE,
    SOFT,
    VERMILION,
    Canvas,
    Scale,
    log_ticks,
    text_width,
    ticks,
)

ROW = 29.0
LABEL = 246.0
# Right edges of the two columns of figures beside the plot.
SAID, EXPECTED = 610.0, 760.0
PLOT_END = 500.0


@dataclass(frozen=True)
class Row:
    """A claim and the estimate for the same quantity, scope and period."""

    origin: str
    label: str
    reading: str
    low: float | None
    point: float | None
    high: float | None
    median: float
    low90: float
    high90: float
    used: str
    why: str
    tip: str
    said: str = ""
    expected: tuple[str, str] = ("", "")

    @property
    def values(self) -> list[float]:
        """Everything that has to fit on the scale."""
        found = [self.low, self.point, self.high, self.median, self.low90, self.high90]
        return [v for v in found if v is not None and v > 0]


def draw(
    name: str, title: str, alt: str, rows: list[Row], labels: dict[str, str], axis: dict[float, str] | None = None
) -> str:
    """The plot of one quantity; a logarithmic scale where the values span more than a factor of twelve."""
    width, top = 760.0, 34.0
    bottom = top + len(rows) * ROW
    canvas = Canvas(name, width, bottom + 48, title, alt)
    values = [v for row in rows for v in row.values] or [1.0]
    log = max(values) / min(values) > 12
    if log:
        x = Scale(min(values) / 1.4, max(values) * 1.4, LABEL + 12, PLOT_END, log=True)
        marks = log_ticks(x.low, x.high)
    else:
        x = Scale(0, max(values) * 1.08, LABEL + 12, PLOT_END)
        marks = ticks(0, x.high, 4)
    canvas.text(SAID, top - 12, labels["said"], 11, INK, "end", weight=700)
    canvas.text(EXPECTED, top - 12, labels["expected"], 11, INK, "end", weight=700)
    last = -1e9
    for mark in marks:
        words = labels["tick"].format(_short(mark, labels))
        canvas.line(x(mark), top - 6, x(mark), bottom, RULE)
        if x(mark) - last > text_width(words, 11) + 10:
            canvas.text(x(mark), top - 12, words, 11, SOFT, "middle", class_="axis")
            last = x(mark)
    for number, row in enumerate(rows):
        _row(canvas, row, x, top + number * ROW, labels)
    _legend(canvas, bottom + 26, labels, all(row.used.startswith("derived") for row in rows))
    return canvas.svg()


def _short(value: float, labels: dict[str, str]) -> str:
    if labels["lang"] == "ko":
        for scale, word in ((1e12, "조"), (1e8, "억"), (1e4, "만")):
            if value >= scale:
                return f"{value / scale:g}{word}"
        return f"{value:g}"
    for scale, word in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if value >= scale:
            return f"{value / scale:g} {word}"
    return f"{value:g}"


def _row(canvas: Canvas, row: Row, x: Scale, y: float, labels: dict[str, str]) -> None:
    grey = row.used.startswith("derived") or row.used == "no"
    colour = GREY if grey else VERMILION
    middle = y + ROW / 2
    canvas.open_link(row.why, row.tip)
    canvas.rect(0, y + 1, canvas.width, ROW - 2, PAPER, fill_opacity=0)
    canvas.line(0, y + ROW, canvas.width, y + ROW, RULE, 0.6)
    canvas.text(0, middle - 2, _cut(row.origin, LABEL, 12), 12, SOFT if grey else INK)
    # A bound is told by its sign and its arrow.
    reading = (
        f" · {labels.get(row.reading, row.reading)}"
        if row.reading.startswith("capacity") and "mm" not in row.label
        else ""
    )
    canvas.text(0, middle + 11, _cut(f"{row.label}{reading}", LABEL, 10.5), 10.5, SOFT)
    canvas.text(SAID, middle + 4, row.said, 12, SOFT if grey else INK, "end")
    canvas.text(EXPECTED, middle - 2, row.expected[0], 12, INK, "end")
    canvas.text(EXPECTED, middle + 11, row.expected[1], 10.5, SOFT, "end")
    canvas.rect(
        x.clipped(row.low90),
        middle + 3,
        max(x.clipped(row.high90) - x.clipped(row.low90), 2),
        6,
        BLUE,
        fill_opacity=0.35,
    )
    canvas.rect(x.clipped(row.median) - 1.5, middle + 1, 3, 10, BLUE)
    _claim(canvas, row, x, middle - 5, colour, grey)
    canvas.close_link()


def _claim(canvas: Canvas, row: Row, x: Scale, y: float, colour: str, grey: bool) -> None:
    point = row.point if row.point is not None else None
    if row.low is not None and row.high is not None:
        canvas.line(x(row.low), y, x(row.high), y, colour, 2)
        for end in (row.low, row.high):
            canvas.line(x(end), y - 4, x(end), y + 4, colour, 2)
    if point is None:
        point = row.low if row.reading == "at_least" else row.high if row.high is not None else row.low
        if row.low is not None and row.high is not None:
            return
    if point is None:
        return
    at = x.clipped(point)
    if row.reading in ("at_least", "up_to"):
        way = 1 if row.reading == "at_least" else -1
        canvas.line(at, y, at + way * 18, y, colour, 2)
        canvas.path(f"M{at + way * 24:.1f},{y}l{-way * 8},-4v8z", colour)
        canvas.line(at, y - 5, at, y + 5, colour, 2.4)
    else:
        canvas.circle(
            at, y, 4.5, PAPER if grey or row.reading.startswith("capacity") else colour, stroke=colour, stroke_width=2
        )


def _legend(canvas: Canvas, y: float, labels: dict[str, str], grey: bool) -> None:
    x = LABEL + 12
    word = labels["derived"] if grey else labels["claim"]
    canvas.circle(x + 4, y - 4, 4.5, PAPER if grey else VERMILION, stroke=GREY if grey else VERMILION, stroke_width=2)
    canvas.text(x + 14, y, word, 11, SOFT)
    x += 26 + text_width(word, 11)
    canvas.rect(x, y - 7, 26, 6, BLUE, fill_opacity=0.35)
    canvas.rect(x + 12, y - 9, 3, 10, BLUE)
    canvas.text(x + 32, y, labels["estimate"], 11, SOFT)


def _cut(words: str, width: float, size: float) -> str:
    if text_width(words, size) <= width:
        return words
    while words and text_width(words + "…", size) > width:
        words = words[:-1]
    return words.rstrip() + "…"
