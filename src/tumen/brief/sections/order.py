"""The order of the brief."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pyarrow as pa

from tumen.brief.blocks import Notice, Section, Text
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
    annexes = [claims.derived(desk), account.entries(desk)]
    # Last, since it lists the documents that the printed figures lean on.
    sources = closing.sources(desk)
    out = [s for s in made if s.present]
    if desk.missing:
        out.append(_missing(desk))
    out += [s for s in (*annexes, sources) if s is not None and s.present]
    return tuple(out)


def _missing(desk: Desk) -> Section:
    words = desk.words
    items = tuple(
        words.say("missing.item", section=words.text(f"section.{section}"), table=Text(table, lang="en"))
        for section, table in dict.fromkeys(desk.missing)
    )
    return Section("missing", words.text("section.missing"), (Notice(words.text("missing.lead"), items, "note"),))
