"""What changed since an earlier day: the same figures and judgements as of two dates, side by side.

Takes the tables of this run and those of a run as of an earlier day; only what both hold is set side by side.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tumen.brief.blocks import Block, Grid, Items, Number, Para, Section, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.sections.answer import CARDS


def since(desk: Desk, before: Mapping[str, pa.Table], day: dt.date) -> Section:
    """Figures then and now, judgements then and now, redlines whose state is another."""
    words = desk.words
    then = {name.split("@")[0]: table.to_pylist() for name, table in before.items()}
    blocks: list[Block] = [Para(words.say("since.lead", then=words.day(day), now=words.day(desk.about.as_of)))]
    head = (words.text("since.what"), words.day(day), words.day(desk.about.as_of))
    for rows, caption in ((_figures(desk, then), "since.figures"), (_trades(desk, then), "since.trades")):
        if rows:
            blocks.append(Grid(head, rows, words.text(caption), numeric=(1, 2), widths=(4, 4, 4)))
    moved = _redlines(desk, then)
    blocks.append(Items(moved) if moved else Para(words.say("since.no_redline")))
    return Section("since", words.text("section.since"), tuple(blocks))


def _figures(desk: Desk, then: Mapping[str, list[dict[str, Any]]]) -> tuple[tuple[Spans, ...], ...]:
    old = {r["figure"]: r for r in then.get("headline", [])}
    out: list[tuple[Spans, ...]] = []
    for name in CARDS:
        now, row = desk.figure(name), old.get(name)
        if now is None or row is None:
            continue
        why = desk.trace.cite(row.get("evidence_id") or row["why"], f"the earlier figure '{name}'")
        was = desk.words.number(row["median"], row["unit"], why, row["low90"], row["high90"])
        out.append(((Text(desk.words.name("headline", name)),), (was,), (now,)))
    return tuple(out)


def _trades(desk: Desk, then: Mapping[str, list[dict[str, Any]]]) -> tuple[tuple[Spans, ...], ...]:
    old: dict[str, dict[str, Any]] = {}
    for row in sorted(then.get("trades", []), key=lambda r: r["date"]):
        old[row["trade"]] = row
    rows = sorted(desk.latest_trades().values(), key=lambda r: -abs(r["probability"] - _chance(old, r)))
    return tuple(
        ((Text(desk.label(r, "trade", "trade")),), _judged(desk, old[r["trade"]]), _judged(desk, r))
        for r in rows
        if r["trade"] in old
    )


def _chance(old: Mapping[str, dict[str, Any]], row: dict[str, Any]) -> float:
    return float(old.get(row["trade"], row)["probability"])


def _judged(desk: Desk, row: dict[str, Any]) -> Spans:
    why = desk.trace.cite(row["evidence_id"], f"the judgement '{row['trade']}'")
    word = str((row.get("word_ko") if desk.words.lang == "ko" else None) or row["word"])
    chance: Number = desk.words.number(row["probability"], "probability", why, row["low90"], row["high90"])
    return (desk.words.likelihood(word, row["probability"], why), Text(" "), chance)


def _redlines(desk: Desk, then: Mapping[str, list[dict[str, Any]]]) -> tuple[Spans, ...]:
    words = desk.words
    old = {r["redline"]: r for r in then.get("redlines", [])}
    out: list[Spans] = []
    for row in desk.rows("redlines"):
        was = old.get(row["redline"])
        if was is None or was["state"] == row["state"]:
            continue
        label, lang = desk.tongue(row, "label")
        what = f"the redline {row['redline']}"
        states = {}
        for key, each in (("then", was), ("now", row)):
            why = desk.trace.cite(each["evidence_id"], what)
            states[key] = words.likelihood(words.name("redlines", each["state"]), 0.0, why)
        out.append(words.say("since.redline", line=(Text(label or desk.named(row["text"]), lang=lang),), **states))
    return tuple(out)
