"""Method and limits in half a page, and the sources with their grades."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

from tumen.brief.blocks import Block, Grid, Heading, Items, Link, Para, Section, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.sections.checks import firmness

STEPS = ("see", "count", "weigh", "account_", "judge")
MADE_BY = {
    "count": ("visits", "voyages"),
    "weigh": ("cargo", "claims_compared"),
    "account_": ("balance",),
    "judge": ("trades",),
}
LIMITS = ("limit_ports", "limit_images", "limit_prices", "limit_interval")


def method(desk: Desk) -> Section:
    """How the figures come about, and what they do not show."""
    words = desk.words
    end = desk.about.end
    steps: list[Spans] = []
    firm = firmness(desk)
    for step in STEPS:
        if step in MADE_BY and not any(desk.has(table) for table in MADE_BY[step]):
            continue  # nothing is said of a step that this run did not take
        steps.append((Text(words.name("step_name", step) + ". ", strong=True), *words.say(f"method.{step}")))
        if step == "count" and firm:
            steps.append((Text(words.text("method.firm_name") + ". ", strong=True), *firm))
    blocks: list[Block] = [
        Items(tuple(steps)),
        Heading(words.text("method.limits_title")),
        Items(
            (
                words.say("method.limit_period", end=words.day(end)),
                *(words.say(f"method.{k}") for k in LIMITS if k != "limit_prices" or desk.has("balance")),
            )
        ),
        Para(words.say("method.recompute"), "note"),
    ]
    return Section("method", words.text("section.method"), tuple(blocks))


def sources(desk: Desk) -> Section:
    """The documents that the printed figures lean on; those of the case that they do not are left to the data package."""
    rows = desk.rows("sources")
    if not rows:
        return desk.absent("sources", "sources")
    words = desk.words
    used = _used(desk)
    known = [r for r in rows if r["source_id"] in used] or rows
    ordered = sorted(known, key=lambda r: (r["reliability"], r["publisher"].casefold(), r["source_id"]))
    tally = Counter(r["reliability"] for r in ordered)
    grades = ", ".join(f"{g} {n}" for g, n in sorted(tally.items()))
    out = [_source(desk, r) for r in ordered]
    head = tuple(words.text(f"sources.{k}") for k in ("grade", "source", "date", "reason"))
    caption = f"{words.text('sources.caption')} {words.text('sources.count')}: {grades}."
    anchors = tuple(f"source-{r['source_id']}" for r in ordered)
    grid = Grid(head, tuple(out), words.text("sources.table"), widths=(1, 7, 2, 5), anchors=anchors)
    return Section("sources", words.text("section.sources"), (Para((Text(caption),), "note"), grid), annex=True)


def _used(desk: Desk) -> set[str]:
    return {n.id.removeprefix("source:") for n in desk.trace.nodes() if n.kind == "source"}


def _source(desk: Desk, row: dict[str, Any]) -> tuple[Spans, ...]:
    words = desk.words
    named, other = desk.tongue(row, "title")
    title = f"{row['publisher']}: {named}"
    address = row["url"] or ""
    shown: Spans = (
        (Link(address, title, other),) if address.startswith(("https://", "http://")) else (Text(title, other),)
    )
    reason, foreign = desk.tongue(row, "why")
    if not row["seen"]:
        shown = (*shown, Text(f" ({words.text('sources.unseen')})"))
    return (
        (Text(row["reliability"], strong=True),),
        shown,
        (Text(_date(desk, row)),),
        (Text(reason, foreign if reason else ""),),
    )


def _date(desk: Desk, row: dict[str, Any]) -> str:
    """The date as far as it is known: day, month or year."""
    text = row["date_text"]
    if not text:
        return desk.words.text("sources.undated")
    try:
        parts = [int(p) for p in str(text).split("-")]
        if len(parts) == 3:
            return desk.words.day(dt.date(parts[0], parts[1], parts[2]))
        if len(parts) == 2:
            return desk.words.month(dt.date(parts[0], parts[1], 1))
    except ValueError:
        return str(text)
    return f"{text}년" if desk.words.lang == "ko" else str(text)
