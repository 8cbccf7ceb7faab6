"""The front: what each side fired, with and without the shipments, and what that meant."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from tumen.brief.blocks import Block, Figure, Items, Number, Para, Section, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.figures import front as drawing
from tumen.brief.figures.canvas import BLUE, VERMILION

SCENARIOS = ("with", "without")
# The front knows its two sides by fixed words; this one is the recipient of the case, whoever that is.
RECEIVER = "RUS"
# What the front model is asked, in sentences: the key of each and the answers that it takes.
SENTENCES = (
    ("share", ("share_of_russian_fire",)),
    ("arrived", ("usable_rounds_arrived", "days_of_fire_bought")),
    ("pace", ("russian_fire_per_day", "ukrainian_fire_per_day", "fire_ratio_with", "fire_ratio_without")),
    ("lost", ("fire_lost_without",)),
    ("voyage", ("voyage_rounds", "voyage_days_of_fire", "voyage_days_of_ukrainian_fire")),
)
LOST, EMPTY = "fire_lost_in_a_year: ", "days_until_empty: "
ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
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
    for side in sorted({r["side"] for r in rows}, key=lambda s: s != RECEIVER):
        series.append(_series(desk, rows, side, "with", VERMILION if side == RECEIVER else BLUE, False))
    series.append(_series(desk, rows, RECEIVER, "without", OCHRE, True))
    series = [s for s in series if s is not None]
    title, alt = words.text("front.title"), words.text("front.alt")
    svg = drawing.draw("fig-front", title, alt, [s for s in series if s], words.text("front.axis"), words.lang)
    names = {"recipient": desk.actor(recipient), "origin": desk.actor(about.origin)}
    window = _window(desk)
    lead = words.say("front.lead_window", period=words.period(*window)) if window else words.say("front.lead")
    blocks: list[Block] = [Para(lead)]
    told = _told(desk)
    if told:
        blocks.append(Items(tuple(told)))
    blocks.append(Figure("front", svg, title, words.say("front.caption", **names), alt, wide=True))
    return Section("front", words.text("section.front"), tuple(blocks))


def _window(desk: Desk) -> tuple[dt.date, dt.date] | None:
    """The days that the answers speak of, as their own sentences name them."""
    for row in desk.rows("front_answers"):
        days = ISO_DAY.findall(row["text"] or "")
        if len(days) == 2:
            return dt.date.fromisoformat(days[0]), dt.date.fromisoformat(days[1])
    return None


def _told(desk: Desk) -> list[Spans]:
    """The answers in sentences; one that no sentence knows is told in its own words."""
    rows = {r["answer"]: r for r in desk.rows("front_answers")}
    names = {"recipient": desk.actor(desk.about.recipient), "origin": desk.actor(desk.about.origin)}
    out: list[Spans] = []
    used: set[str] = set()
    for key, answers in SENTENCES:
        if all(a in rows and rows[a]["median"] is not None for a in answers):
            places = {a: _number(desk, rows[a]) for a in answers}
            out.append(desk.words.say(f"front.say.{key}", **names, **places))
            used |= set(answers)
    for answer, row in rows.items():
        if answer.startswith(LOST) and row["median"] is not None:
            out.append(_scenario(desk, answer.removeprefix(LOST), row, rows))
            used |= {answer, EMPTY + answer.removeprefix(LOST)}
    return out + [_answer(desk, r) for a, r in rows.items() if a not in used]


def _number(desk: Desk, row: dict[str, Any]) -> Number:
    unit = "" if row["unit"] in ("rounds/day", "rounds", "ratio") else row["unit"]
    why = desk.trace.cite(row["evidence_id"], f"the answer '{row['answer']}'")
    number = desk.words.number(row["median"], unit or "rounds", why, row["low90"], row["high90"], bare=not unit)
    if row["unit"] == "ratio":
        number = desk.words.number(row["median"], "ratio", why, row["low90"], row["high90"], bare=True)
    return number


def _scenario(desk: Desk, name: str, lost: dict[str, Any], rows: dict[str, dict[str, Any]]) -> Spans:
    """What a stop would have cost: fire in the year after, and whether the stock would have run down."""
    words = desk.words
    text = str((lost.get("text_ko") if words.lang == "ko" else lost["text"]) or lost["text"])
    label = desk.named(text.split(": ")[1] if ": " in text else name)
    recipient = desk.actor(desk.about.recipient)
    out = words.say("front.say.scenario", scenario=words.capital(label), recipient=recipient, lost=_number(desk, lost))
    empty = rows.get(EMPTY + name)
    if empty is None:
        return out
    what = f"the answer '{empty['answer']}'"
    share = desk.plain(empty["share_of_draws"], "share", empty, what)
    if empty["median"] is None:
        return (*out, Text(" "), *words.say("front.say.lasts", share=share))
    why = desk.trace.cite(empty["evidence_id"], what)
    low, high = empty["low90"], empty["high90"]
    days = words.number(empty["median"], "days", why, low, high)
    if high is None and low is not None:
        days = Number(days.shown, days.value, why, words.text("front.say.open", low=words.amount(low, "days")))
    return (*out, Text(" "), *words.say("front.say.empties", share=share, days=days))


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
    actor = desk.actor(desk.about.recipient if side == RECEIVER else side)
    label = desk.words.text(f"front.{scenario}", actor=actor)
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
