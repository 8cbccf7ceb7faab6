"""How the rest is being paid, which redlines are crossed, what can be done, what to look for next."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import Any

from tumen.brief.blocks import Block, Figure, Grid, Number, Para, Said, Section, Span, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.figures import coverage
from tumen.brief.figures import trades as drawing
from tumen.brief.sections.answer import likelihood

MOST_DRIVERS = 3
# A sign that moved a judgement by less is left to the tables.
LEAST_MOVE = 0.015
MOST_ROWS = 12
MOST_LOOKS = 8
MOST_PACKAGES = 5
LONG_DELAY_DAYS = 730
CONDITION = re.compile(r"\b(p|owed|count)\((\w*)\)\s*(?:>=|<=|>|<|==)\s*([\d.eE+]+%?)")


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
        shown += f" ({words.interval(row['low90'], row['high90'], 'probability')})"
        steps = [(r["date"], r["probability"], r["low90"], r["high90"]) for r in history[row["trade"]]]
        panels.append(drawing.Panel(label, steps, word, shown, why))
        listed.append(f"{label}: {word}.")
    title = words.text("trades.title")
    alt = words.text("trades.alt", list=" ".join(listed))
    names = {key: words.text(f"likelihood.{key}") for key, _, _ in drawing.YARDSTICK}
    svg = drawing.draw("fig-trades", title, alt, panels, names)
    blocks: list[Block] = [
        Para(words.say("trades.lead")),
        _table(desk, order),
        Figure("trades", svg, title, words.say("trades.caption"), alt, wide=True),
    ]
    drivers = _drivers(desk, order)
    if drivers:
        head = tuple(words.text(f"trades.{k}") for k in ("trade", "sign", "moved"))
        blocks += [
            Grid(
                head, drivers, words.text("trades.drivers"), (2,), (3, 7, 3), note=words.say("trades.drivers_caption")
            ),
        ]
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
                (
                    words.number(
                        row["probability"],
                        "probability",
                        desk.trace.cite(row["evidence_id"], what),
                        row["low90"],
                        row["high90"],
                    ),
                ),
                (desk.plain(row["prior"], "probability", row, what),),
            )
        )
    head = tuple(words.text(f"trades.{k}") for k in ("trade", "word", "probability", "prior"))
    day = words.day(max(r["date"] for r in order))
    return Grid(head, tuple(rows), words.text("trades.table", day=day), numeric=(2, 3), widths=(4, 3, 3, 2))


def _drivers(desk: Desk, order: list[dict[str, Any]]) -> tuple[tuple[Spans, ...], ...]:
    by_trade: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in desk.rows("drivers"):
        if (row.get("kind") or "finding") == "finding":
            by_trade[row["trade"]].append(row)
    out: list[tuple[Spans, ...]] = []
    for trade in order:
        label = desk.label(trade, "trade", "trade")
        for row in sorted(by_trade[trade["trade"]], key=lambda r: -abs(r["moved"]))[:MOST_DRIVERS]:
            if abs(row["moved"]) < LEAST_MOVE:
                continue
            moved = _moved(desk, row)
            out.append(((Text(label),), desk.said(row, "text"), (moved,)))
            label = ""
    return tuple(out)


def _moved(desk: Desk, row: dict[str, Any]) -> Number:
    """By how many points of probability a sign moved a judgement, with its sign: +38, −6."""
    why = desk.trace.cite(row["evidence_id"], f"what moved '{row['trade']}'")
    low, high = row.get("moved_low90"), row.get("moved_high90")
    if low is not None and high is not None:
        low, high = low * 100, high * 100
    number = desk.words.number(row["moved"] * 100, "points", why, low, high, bare=True)
    return replace(number, shown=number.shown if row["moved"] < 0 else f"+{number.shown}")


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
        since: Spans = ()
        if row["crossed_on"]:
            key = "redlines.since_crossed" if row["state"] == "crossed" else "redlines.since_lapsed"
            since = (Text(" "), *words.say(key, day=words.day(row["crossed_on"])))
        chance: Spans = ()
        if row.get("share_crossed") is not None:
            chance = (desk.plain(row["share_crossed"], "probability", row, what),)
        label, lang = desk.tongue(row, "label")
        reason, foreign = desk.tongue(row, "why")
        # The step adds the state and the numbers to the reason that the case gives; here they have columns.
        reason = re.split(r" (?:State|상태): ", reason)[0]
        # A word about the case's own files is for its authors, not for readers of the brief.
        reason = " ".join(s for s in re.split(r"(?<=[.다]) ", reason) if ".toml" not in s)
        name: Spans = (
            Text(label or desk.named(row["text"]), lang=lang, strong=True),
            Text(": "),
            Said(reason, why, foreign),
        )
        out.append((name, (state, *since), _measured(desk, row), chance))
    head = tuple(words.text(f"redlines.{k}") for k in ("line", "state", "measured", "chance"))
    note = words.say("redlines.caption_chance")
    grid = Grid(head, tuple(out), words.text("redlines.caption"), numeric=(3,), widths=(7, 3, 4, 2), note=note)
    return Section("redlines", words.text("section.redlines"), (Para(words.say("redlines.lead")), grid))


def _measured(desk: Desk, row: dict[str, Any]) -> Spans:
    """What the condition leans on, and where its line is: cover in the Council 70%, line 50%."""
    words, what = desk.words, f"the redline {row['redline']}"
    if row["value"] is None or row["limit"] is None:
        return ()
    found = CONDITION.findall(str(row["condition"]))
    kind, name, _ = next(
        (f for f in found if abs(_limit(f[2]) - row["limit"]) < 1e-9), found[0] if found else ("", "", "")
    )
    why = desk.trace.cite(row["evidence_id"], what)
    low = high = None
    if kind == "p":
        unit, label = "probability", desk.judgement(name)
        judged = desk.judged().get(name)
        if judged and abs(judged["probability"] - row["value"]) < 1e-6:
            low, high = judged["low90"], judged["high90"]
    elif kind == "owed":
        unit, label = "USD", words.text("redlines.owed")
        for basis, closing in desk.closing().items():
            if abs(closing["owed_median"] - row["value"]) <= 1e-6 * abs(row["value"]):
                low, high = closing["owed_low90"], closing["owed_high90"]
                label = words.text("redlines.owed_by", basis=words.name("basis_short", basis))
    else:
        unit, label = "", desk.named(desk.about.signs.get(name) or name.replace("_", " "))
    value = words.number(row["value"], unit, why, low, high)
    return words.say("redlines.against", what=label, value=value, limit=desk.plain(row["limit"], unit, row, what))


def _limit(text: str) -> float:
    return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)


def options(desk: Desk) -> Section:
    """Coverage of the ways of repayment, packages by rank, and the cards one by one."""
    rows = desk.rows("options")
    if not rows:
        return desk.absent("options", "options")
    words = desk.words
    ranked = sorted(rows, key=lambda r: (r["rank"] is None, r["rank"] or 0.0))
    blocks: list[Block] = [Para(words.say("options.lead"))]
    covered = desk.rows("coverage")
    if covered:
        blocks += [_coverage(desk, covered), Para(_uncovered(desk, covered))]
    if desk.has("packages"):
        blocks.append(_packages(desk))
    frontier = _frontier(desk)
    if frontier:
        blocks.append(frontier)
    blocks.append(_cards(desk, ranked))
    return Section("options", words.text("section.options"), tuple(blocks))


def _coverage(desk: Desk, rows: list[dict[str, Any]]) -> Figure:
    words = desk.words
    card_of = {r["option"]: r["card"] for r in desk.rows("options")}
    order = sorted(rows, key=lambda r: -r["probability"])
    marks = []
    for row in order:
        why = desk.trace.cite(row["evidence_id"], f"the coverage of '{row['trade']}'")
        shown = words.amount(row["probability"], "probability")
        judged = desk.judged().get(row["trade"])
        if judged:
            shown += f" ({words.interval(judged['low90'], judged['high90'], 'probability')})"
        done = frozenset(card_of[o] for o in row["done"] if o in card_of)
        marks.append(coverage.Row(desk.label(row, "trade", "trade"), shown, frozenset(row["cards"]), done, why))
    cards = [(c, words.name("card", c)) for c in dict.fromkeys(card_of.values())]
    title, alt = words.text("options.coverage"), words.text("options.coverage_caption")
    legend = (words.text("options.mark_done"), words.text("options.mark_open"))
    svg = coverage.draw("fig-coverage", title, alt, marks, cards, legend)
    return Figure("coverage", svg, title, words.say("options.coverage_caption"), alt, wide=True)


def _uncovered(desk: Desk, rows: list[dict[str, Any]]) -> Spans:
    bare = [r for r in rows if r["live"] and not r["covered"]]
    if not bare:
        return desk.words.say("options.all_covered")
    return desk.words.say("options.uncovered", list=desk.words.joined([desk.label(r, "trade", "trade") for r in bare]))


def _name(desk: Desk, row: dict[str, Any]) -> str:
    label, _ = desk.tongue(row, "label")
    return label or desk.named(str(row["text"]))


def _packages(desk: Desk) -> Grid:
    words = desk.words
    names = {r["option"]: _name(desk, r) for r in desk.rows("options")}
    rows = []
    for row in sorted(desk.rows("packages"), key=lambda r: r["rank"])[:MOST_PACKAGES]:
        what = f"the package {row['package']}"
        label, lang = desk.tongue(row, "label")
        rows.append(
            (
                (Text(label, lang=lang, strong=True),),
                (Text("; ".join(names.get(o, o) for o in row["options"])),),
                (desk.number(row, "effect", "gain", what),),
                (desk.plain(row["share_best"], "share", row, what),),
            )
        )
    head = tuple(words.text(f"options.{k}") for k in ("package", "options", "effect", "best"))
    note = words.say("options.packages_caption")
    return Grid(head, tuple(rows), words.text("options.packages"), numeric=(2, 3), widths=(4, 6, 3, 2), note=note)


def _frontier(desk: Desk) -> Grid | None:
    """The best set of cards at each cost: what each further step adds, gains and costs, and how often it can be paid."""
    words = desk.words
    names = {r["option"]: _name(desk, r) for r in desk.rows("options")}
    rows = []
    for row in sorted(desk.rows("frontier"), key=lambda r: r["step"]):
        if not row["options"]:
            continue
        what = f"the step {row['step']:g} of the frontier"
        change: list[Span] = []
        for sign, key in (("+", "added"), ("−", "dropped")):
            for option in row[key]:
                change += [Text("; ")] if change else []
                change.append(Text(f"{sign} {names.get(option, option)}", strong=key == "added"))
        rows.append(
            (
                tuple(change),
                (desk.plain(row["cost"], "gain", row, what),),
                (desk.number(row, "gain", "gain", what, middle=""),),
                (desk.plain(row["gain_per_point"], "gain", row, what),) if row["gain_per_point"] is not None else (),
                (desk.plain(row["affordable"], "share", row, what),),
            )
        )
    if not rows:
        return None
    head = tuple(words.text(f"options.{k}") for k in ("step", "cost", "gain_before", "per_point", "affordable"))
    note = words.say("options.frontier_caption")
    return Grid(
        head, tuple(rows), words.text("options.frontier"), numeric=(1, 2, 3, 4), widths=(8, 2, 3, 3, 2), note=note
    )


def _cards(desk: Desk, ranked: list[dict[str, Any]]) -> Grid:
    words = desk.words
    rows = []
    for row in ranked[: MOST_ROWS * 2]:
        what = f"the option {row['option']}"
        cost = str(row["cost"])
        word, _, _note = cost.partition(":") if ":" in cost else cost.partition(",")
        level = words.name("cost", word.strip()) if words.has(f"cost.{word.strip()}") else desk.named(cost)
        delay: Spans = ()
        if row["delay_days"] is not None:
            years = row["delay_days"] >= LONG_DELAY_DAYS
            length = row["delay_days"] / 365.25 if years else row["delay_days"]
            delay = (desk.plain(length, "years" if years else "days", row, what),)
        effect: Spans = (Text(words.text("options.not_ranked")),)
        if row["effect_median"] is not None:
            effect = (desk.number(row, "effect", "gain", what),)
        known, lang = _status(desk, row)
        rows.append(
            (
                (
                    Text(_name(desk, row), strong=True),
                    Text(f" · {words.name('card', row['card'])}, {words.text('options.costs', level=level)}"),
                ),
                delay,
                effect,
                (Said(known, desk.trace.cite(row["evidence_id"], what), lang),),
            )
        )
    head = tuple(words.text(f"options.{k}") for k in ("option", "delay", "effect", "status"))
    note = words.say("options.caption")
    return Grid(head, tuple(rows), words.text("options.table"), numeric=(1, 2), widths=(7, 2, 3, 6), note=note)


def _status(desk: Desk, row: dict[str, Any]) -> tuple[str, str]:
    """What came of an option last, its outcome and day; in Korean without the event where the case has no Korean of it."""
    words, status = desk.words, str(row["status"])
    told, _, event = status.partition(": ")
    event, _, outcome = event.removesuffix(")").rpartition(" (")
    if row.get("status_on") is None or not event:
        key = f"option_status.{'none' if status == 'nothing on record' else status}"
        return (words.text(key), "") if words.has(key) else (status, words.foreign)
    # A date that is known to the month or year is told so far.
    parts = [int(p) for p in told.split("-")] if re.fullmatch(r"\d{4}(-\d\d){0,2}", told) else []
    day = {1: str(told) + ("년" if words.lang == "ko" else ""), 2: words.month(row["status_on"])}.get(
        len(parts), words.day(row["status_on"])
    )
    if words.lang == "en":
        return f"{event} ({outcome}), {day}", ""
    known = words.has(f"option_status.{outcome}")
    what = desk.about.events.get(event, "")
    if not what and not known:
        return status, "en"
    return f"{what + ': ' if what else ''}{words.name('option_status', outcome)} ({day})", ""


def collect(desk: Desk) -> Section:
    """What to look for next, by how much it would tell."""
    rows = desk.rows("collect")
    if not rows:
        return desk.absent("collect", "collect")
    words = desk.words
    out = []
    for row in sorted(rows, key=lambda r: r["rank"])[:MOST_LOOKS]:
        where, when = desk.tongue(row, "where"), desk.tongue(row, "when")
        what = f"the worth of looking for '{row['observation']}'"
        out.append(
            (
                desk.said(row, "text"),
                (Text(where[0], lang=where[1]), Text(" · "), Text(when[0], lang=when[1])),
                _either_way(desk, row, what),
                (desk.number(row, "value", "bits", what, bare=True, middle=""),),
            )
        )
    head = tuple(words.text(f"collect.{k}") for k in ("what", "where", "tells", "value"))
    note = words.say("collect.caption")
    grid = Grid(head, tuple(out), words.text("collect.table"), numeric=(3,), widths=(5, 7, 5, 2), note=note)
    return Section("collect", words.text("section.collect"), (Para(words.say("collect.lead")), grid))


def _either_way(desk: Desk, row: dict[str, Any], what: str) -> Spans:
    """What the judgement would become: paid in arms, 69%: 89% if seen, 39% if not."""
    words, judged = desk.words, desk.judged().get(row["trade"])
    name = desk.judgement(row["trade"])
    if judged is None or row.get("if_seen") is None or row.get("if_not_seen") is None:
        return (Text(name),)
    why = desk.trace.cite(judged["evidence_id"], f"the judgement '{row['trade']}'")
    now = words.number(judged["probability"], "probability", why)
    return words.say(
        "collect.either_way",
        trade=name,
        now=now,
        seen=desk.plain(row["if_seen"], "probability", row, what),
        not_seen=desk.plain(row["if_not_seen"], "probability", row, what),
    )
