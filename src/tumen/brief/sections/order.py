"""The order of the brief."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from tumen.brief.blocks import Block, Heading, Items, Section, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.sections import account, answer, checks, claims, closing, front, images, judge, looks, route, since


def sections(desk: Desk, before: tuple[dt.date, Mapping[str, pa.Table]] | None = None) -> tuple[Section, ...]:
    """Every section; what this run gave no tables for is named in a section of its own and left out.

    With `before`, an earlier day and the tables as of it, a section sets both days side by side.
    """
    made = [
        answer.answer(desk),
        answer.figures(desk),
        checks.checks(desk),
        *([since.since(desk, before[1], before[0])] if before else []),
        route.route(desk),
        looks.calendar(desk),
        claims.claims(desk),
        images.chips(desk),
        account.account(desk),
        front.front(desk),
        judge.trades(desk),
        judge.redlines(desk),
        judge.options(desk),
        judge.collect(desk),
        closing.method(desk),
    ]
    annexes = [claims.derived(desk), account.entries(desk), checks.every(desk)]
    # Last, since it lists the documents that the printed figures lean on.
    sources = closing.sources(desk)
    out = [s for s in made if s.present]
    if desk.missing:  # the method comes last, and what is left out belongs to it
        out[-1] = replace(out[-1], blocks=(*out[-1].blocks, *_missing(desk)))
    out += [s for s in (*annexes, sources) if s is not None and s.present]
    return tuple(out)


def _missing(desk: Desk) -> tuple[Block, ...]:
    """What this brief leaves out, and why."""
    words = desk.words
    items = []
    for section, table in dict.fromkeys(desk.missing):
        reason = words.text(f"missing.why.{table}") if words.has(f"missing.why.{table}") else ""
        told: Spans = (
            (Text(reason),) if reason else words.say("missing.no_table", table=Text(table, lang=words.foreign))
        )
        items.append(words.say("missing.item", section=words.text(f"section.{section}"), reason=told))
    return (Heading(words.text("section.missing")), Items(tuple(items)))
