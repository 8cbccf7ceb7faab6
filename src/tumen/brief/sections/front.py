"""The front: what each side fired, with and without the shipments, and what that meant."""

from __future__ import annotations

from typing import Any

from tumen.brief.blocks import Block, Figure, Items, Number, Para, Section, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.figures import front as drawing
from tumen.brief.figures.canvas import BLUE, VERMILION

SCENARIOS = ("with", "without")
# An answer that comes about in fewer draws than this is left to the tables.
LIKELY_AT_ALL = 0.5
# Darker than the palette's orange, so that the name of the line can be read on white.
OCHRE = "#8a5a00"


def front(desk: Desk) -> Section:
    """Lines of fire by side, then the answers of the front model in words."""
    rows = [r for r in desk.rows("front") if r["scenario"] in SCENARIOS and not r.get("projected")]
    if not rows:
        return desk.absent("front", "front")
    words, about = desk.words, desk.about
    recipient = about.recipient
    series = []
    for side in sorted({r["side"] for r in rows}, key=lambda s: s != recipient):
        series.append(_series(desk, rows, side, "with", VERMILION if side == recipient else BLUE, False))
    series.append(_series(desk, rows, recipient, "without", OCHRE, True))
    series = [s for s in series if s is not None]
    title, alt = words.text("front.title"), words.text("front.alt")
    svg = drawing.draw("fig-front", title, alt, [s for s in series if s], words.text("front.axis"), words.lang)
    names = {"recipient": desk.actor(recipient), "origin": desk.actor(about.origin)}
    blocks: list[Block] = [
        Para(words.say("front.lead")),
        Figure("front", svg, title, words.say("front.caption", **names), alt, wide=True),
    ]
    told = [_answer(desk, r) for r in desk.rows("front_answers") if r["share_of_draws"] >= LIKELY_AT_ALL]
    if told:
        blocks.append(Items(tuple(told)))
    return Section("front", words.text("section.front"), tuple(blocks))


def _answer(desk: Desk, row: dict[str, Any]) -> Spans:
    """A sentence of the front model, followed by its interval."""
    low, high = row["low90"], row["high90"]
    if low is None or high is None or low == high:
        return desk.said(row, "text")
    why = desk.trace.cite(row["evidence_id"], f"the answer '{row['answer']}'")
    interval = Number(desk.words.interval(low, high, row["unit"]), float(row["median"]), why)
    return (*desk.said(row, "text"), Text(" "), *desk.words.say("front.interval", interval=interval))


def _series(
    desk: Desk, rows: list[dict[str, Any]], side: str, scenario: str, colour: str, dashed: bool
) -> drawing.Series | None:
    found = sorted((r for r in rows if r["side"] == side and r["scenario"] == scenario), key=lambda r: r["week"])
    if not found:
        return None
    label = desk.words.text(f"front.{scenario}", actor=desk.actor(side))
    why = desk.trace.make(desk.words.text("evidence.sum_fire", label=label), [found[-1]["evidence_id"]])
    desk.trace.cite(why, f"the fire of {side} {scenario}")
    last = found[-1]
    tip = f"{label}: {desk.words.amount(last['fired_median'], 'rounds/day')} ({desk.words.interval(last['fired_low90'], last['fired_high90'], '')})"
    return drawing.Series(
        label,
        [r["week"] for r in found],
        [r["fired_median"] for r in found],
        [r["fired_low90"] for r in found],
        [r["fired_high90"] for r in found],
        colour,
        dashed,
        why,
        tip,
    )
