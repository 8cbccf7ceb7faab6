"""How the rest is being paid, which redlines are crossed, what can be done, what to look for next."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tumen.brief.blocks import Block, Figure, Grid, Heading, Items, Para, Section, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.figures import coverage, trades as drawing
from tumen.brief.sections.answer import likelihood

MOST_DRIVERS = 3
MOST_ROWS = 12


def trades(desk: Desk) -> Section:
    """One panel for each way of repayment, a table of where they stand, and what moved them."""
    latest = desk.latest_trades()
    if not latest:
        return desk.absent("trades", "trades")
    words = desk.words
    history: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(desk.rows("trades"), key=lambda r: r["date"]):
        if row["trade"] in latest:
            history[row["trade"]].append(row)
    order = sorted(latest.values(), key=lambda r: -r["probability"])
    panels, listed = [], []
    for row in order:
        why = desk.trace.cite(row["evidence_id"], f"the judgement '{row['trade']}'")
        label, word = desk.label(row, "trade", "trade"), likelihood(desk, row).text
        shown = words.amount(row["probability"], "probability")
        steps = [(r["date"], r["probability"], r["low90"], r["high90"]) for r in history[row["trade"]]]
        panels.append(drawing.Panel(label, steps, word, shown, why))
        listed.append(f"{label}: {word}.")
    title = words.text("trades.title")
    alt = words.text("trades.alt", list=" ".join(listed))
    names = {key: words.text(f"likelihood.{key}") for key, _, _ in drawing.YARDSTICK}
    svg = drawing.draw("fig-trades", title, alt, panels, names)
    blocks: list[Block] = [
        Para(words.say("trades.lead")),
        Figure("trades", svg, title, words.say("trades.caption"), alt, wide=True),
        _table(desk, order),
    ]
    drivers = _drivers(desk, order)
    if drivers:
        blocks += [Heading(words.text("trades.drivers")), Items(drivers), Para(words.say("trades.drivers_caption"), "note")]
    return Section("trades", words.text("section.trades"), tuple(blocks))


def _table(desk: Desk, order: list[dict[str, Any]]) -> Grid:
    words = desk.words
    rows = []
    for row in order:
        what = f"the judgement '{row['trade']}'"
        rows.append(
            (
                (Text(desk.label(row, "trade", "trade")),),
                (likelihood(desk, row),),
                (words.number(row["probability"], "probability", desk.trace.cite(row["evidence_id"], what), row["low90"], row["high90"]),),
                (desk.plain(row["prior"], "probability", row, what),),
            )
        )
    head = tuple(words.text(f"trades.{k}") for k in ("trade", "word", "probability", "prior"))
    day = words.day(max(r["date"] for r in order))
    return Grid(head, tuple(rows), words.text("trades.table", day=day), numeric=(2, 3), widths=(4, 3, 3, 2))


def _drivers(desk: Desk, order: list[dict[str, Any]]) -> tuple[Spans, ...]:
    by_trade: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in desk.rows("drivers"):
        if (row.get("kind") or "finding") == "finding":
            by_trade[row["trade"]].append(row)
    out: list[Spans] = []
    for trade in order:
        for row in sorted(by_trade[trade["trade"]], key=lambda r: -abs(r["moved"]))[:MOST_DRIVERS]:
            if abs(row["moved"]) < 0.005:
                continue
            moved = desk.plain(row["moved"] * 100, "points", row, f"what moved '{row['trade']}'")
            lead = Text(f"{desk.label(trade, 'trade', 'trade')}: ", strong=True)
            out.append((lead, *desk.words.say("trades.driver", text=desk.said(row, "text"), moved=moved)))
    return tuple(out)


def redlines(desk: Desk) -> Section:
    """Each condition, its state, since when, and how far from the line."""
    rows = desk.rows("redlines")
    if not rows:
        return desk.absent("redlines", "redlines")
    words = desk.words
    rank = {"crossed": 0, "near": 1, "open": 2, "cannot_tell": 3}
    out = []
    for row in sorted(rows, key=lambda r: rank.get(r["state"], 9)):
        what = f"the redline {row['redline']}"
        why = desk.trace.cite(row["evidence_id"], what)
        state = words.likelihood(words.name("redlines", row["state"]), float(rank.get(row["state"], 9)), why)
        since = words.day(row["crossed_on"]) if row["crossed_on"] else ""
        chance: Spans = ()
        if row.get("share_crossed") is not None:
            chance = (desk.plain(row["share_crossed"], "probability", row, what),)
        elif row["margin"] is not None:
            chance = (desk.plain(row["margin"], "", row, what),)
        label, lang = desk.tongue(row, "label")
        name: Spans = (Text(label or row["text"], lang=lang, strong=True),)
        out.append((name, (state,), (Text(since),), chance, desk.said(row, "why")))
    key = "chance" if any(r.get("share_crossed") is not None for r in rows) else "margin"
    head = tuple(words.text(f"redlines.{k}") for k in ("line", "state", "since", key, "why"))
    caption = words.text(f"redlines.caption_{key}")
    grid = Grid(head, tuple(out), caption, numeric=(3,), widths=(4, 2, 3, 2, 6))
    return Section("redlines", words.text("section.redlines"), (Para(words.say("redlines.lead")), grid))


def options(desk: Desk) -> Section:
    """Coverage of the ways of repayment, packages by rank, and the cards one by one."""
    rows = desk.rows("options")
    if not rows:
        return desk.absent("options", "options")
    words = desk.words
    ranked = sorted(rows, key=lambda r: (r["rank"] is None, r["rank"] or 0.0))
    blocks: list[Block] = [Para(words.say("options.lead"))]
    latest = desk.latest_trades()
    if latest:
        blocks.append(_coverage(desk, ranked, latest))
        blocks.append(Para(_uncovered(desk, ranked, latest)))
    if desk.has("packages"):
        blocks.append(_packages(desk))
    blocks.append(_cards(desk, ranked))
    return Section("options", words.text("section.options"), tuple(blocks))


def _coverage(desk: Desk, ranked: list[dict[str, Any]], latest: dict[str, dict[str, Any]]) -> Figure:
    words = desk.words
    order = sorted((r for r in latest.values() if r["trade"] != "unpaid"), key=lambda r: -r["probability"])
    columns = [(r["trade"], _short(desk, r), words.amount(r["probability"], "probability")) for r in order]
    marks = [
        coverage.Option(
            _name(desk, r), frozenset(r["acts_on"]), desk.trace.cite(r["evidence_id"], f"the option {r['option']}")
        )
        for r in ranked
    ]
    title, alt = words.text("options.coverage"), words.text("options.coverage_caption")
    svg = coverage.draw("fig-coverage", title, alt, marks, columns)
    return Figure("coverage", svg, title, words.say("options.coverage_caption"), alt, wide=True)


def _short(desk: Desk, row: dict[str, Any]) -> str:
    key = f"trade_short.{row['trade']}"
    return desk.words.text(key) if desk.words.has(key) else desk.label(row, "trade", "trade")


def _name(desk: Desk, row: dict[str, Any]) -> str:
    label, _ = desk.tongue(row, "label")
    return label or str(row["text"])


def _uncovered(desk: Desk, ranked: list[dict[str, Any]], latest: dict[str, dict[str, Any]]) -> Spans:
    touched = {t for r in ranked for t in r["acts_on"]}
    bare = [r for t, r in latest.items() if t not in touched and t != "unpaid" and r["probability"] >= 0.5]
    if not bare:
        return desk.words.say("options.all_covered")
    names = desk.words.joined([desk.label(r, "trade", "trade") for r in bare])
    return desk.words.say("options.uncovered", list=names)


def _packages(desk: Desk) -> Grid:
    words = desk.words
    names = {r["option"]: _name(desk, r) for r in desk.rows("options")}
    rows = []
    for row in sorted(desk.rows("packages"), key=lambda r: r["rank"]):
        what = f"the package {row['package']}"
        label, lang = desk.tongue(row, "label")
        rows.append(
            (
                (Text(label, lang=lang, strong=True),),
                (Text(", ".join(names.get(o, o) for o in row["options"])),),
                (desk.number(row, "effect", "", what),),
                (desk.plain(row["share_best"], "share", row, what),),
            )
        )
    head = tuple(words.text(f"options.{k}") for k in ("package", "options", "effect", "best"))
    return Grid(head, tuple(rows), words.text("options.packages_caption"), numeric=(2, 3), widths=(4, 5, 3, 2))


def _cards(desk: Desk, ranked: list[dict[str, Any]]) -> Grid:
    words = desk.words
    rows = []
    for row in ranked[: MOST_ROWS * 2]:
        what = f"the option {row['option']}"
        cost = str(row["cost"])
        word, _, note = cost.partition(":") if ":" in cost else cost.partition(",")
        level = words.name("cost", word.strip()) if words.has(f"cost.{word.strip()}") else cost
        delay: Spans = (desk.plain(row["delay_days"], "days", row, what),) if row["delay_days"] is not None else ()
        effect: Spans = (Text(words.text("options.not_ranked")),)
        if row["effect_median"] is not None:
            effect = (desk.number(row, "effect", "", what),)
        status, lang = desk.tongue(row, "status")
        known = words.name("option_status", status) if words.has(f"option_status.{status}") else status
        rows.append(
            (
                (Text(_name(desk, row), strong=True),),
                (Text(words.name("card", row["card"])),),
                (Text(level),),
                delay,
                effect,
                (Text(known, lang=lang if known == status else ""),),
            )
        )
    head = tuple(words.text(f"options.{k}") for k in ("option", "card", "cost", "delay", "effect", "status"))
    return Grid(head, tuple(rows), words.text("options.caption"), numeric=(3, 4), widths=(5, 3, 2, 2, 3, 3))


def collect(desk: Desk) -> Section:
    """What to look for next, by how much it would tell."""
    rows = desk.rows("collect")
    if not rows:
        return desk.absent("collect", "collect")
    words = desk.words
    names = {t: desk.label(r, "trade", "trade") for t, r in desk.latest_trades().items()}
    out = []
    for row in sorted(rows, key=lambda r: r["rank"])[:MOST_ROWS]:
        where, when = desk.tongue(row, "where"), desk.tongue(row, "when")
        what = f"the worth of looking for '{row['observation']}'"
        out.append(
            (
                desk.said(row, "text"),
                (Text(where[0], lang=where[1]), Text(" · "), Text(when[0], lang=when[1])),
                (Text(names.get(row["trade"], words.name("trade", row["trade"]))),),
                (desk.number(row, "value", "bits", what, middle=""),),
            )
        )
    head = tuple(words.text(f"collect.{k}") for k in ("what", "where", "tells", "value"))
    grid = Grid(head, tuple(out), words.text("collect.caption"), numeric=(3,), widths=(6, 4, 3, 3))
    return Section("collect", words.text("section.collect"), (Para(words.say("collect.lead")), grid))
