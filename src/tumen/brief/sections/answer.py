"""The opening: the answer in one paragraph, one picture, the headline figures, and the checks that failed."""

from __future__ import annotations

from tumen.brief.blocks import Block, Cards, Figure, Notice, Number, Para, Section, Span, Spans, Text, Word
from tumen.brief.desk import Desk
from tumen.brief.figures import account

CARDS = ("owed_usd", "value_usd", "returned_usd", "rounds", "containers", "voyages", "visits", "share_of_russian_fire")


def answer(desk: Desk) -> Section:
    """The question answered in plain words, with one picture."""
    heading = desk.words.text("section.answer")
    if not desk.has("headline"):
        desk.missing.append(("answer", "headline"))
        return Section("answer", heading, (Para(desk.words.say("answer.none"), "lead"),))
    blocks: list[Block] = [Para(_paragraph(desk), "lead")]
    trades = _trades(desk)
    if trades:
        blocks.append(Para(desk.words.say("answer.trades_high", list=trades)))
    picture = _picture(desk)
    if picture:
        blocks.append(picture)
    return Section("answer", heading, tuple(blocks))


def _paragraph(desk: Desk) -> Spans:
    words, about = desk.words, desk.about
    names = {"origin": desk.actor(about.origin), "recipient": desk.actor(about.recipient)}
    out: list[Span] = []

    def add(key: str, **places: Span | Spans | str) -> None:
        out.extend(words.say(f"answer.{key}", **places))
        out.append(Text(" "))

    owed, voyages = desk.figure("owed_usd"), desk.figure("voyages")
    containers, rounds = desk.figure("containers"), desk.figure("rounds")
    given, returned, share = desk.figure("value_usd"), desk.figure("returned_usd"), desk.figure("share_of_russian_fire")
    basis = desk.basis()
    basis_name = words.name("basis", basis) if basis else ""
    if owed:
        add("owed", owed=owed, basis=basis_name, **names)
    if voyages:
        period = words.period(about.start, about.end)
        add("flow", voyages=voyages, origins=_origins(desk), period=period, recipient=names["recipient"])
    if containers and rounds:
        add("cargo", containers=containers, rounds=rounds)
    if given:
        add("value", given=given, **names)
    if returned:
        add("returned", returned=returned)
    if share:
        add("share", share=share, **names)
    return tuple(out[:-1]) if out else words.say("answer.none")


def _origins(desk: Desk) -> str:
    names = [desk.tongue(r, "place")[0] for r in desk.rows("places") if r["role"] == "origin" and r["kind"] == "port"]
    names = [place_name(desk, n) for n in names]
    return desk.words.joined(names[:3]) if names else desk.actor(desk.about.origin)


def place_name(desk: Desk, place: str) -> str:
    """A place in the language of the brief."""
    return desk.words.name("place", place) if desk.words.has(f"place.{place}") else place


def _trades(desk: Desk) -> Spans:
    """The likeliest ways of repayment in yardstick words, the likeliest first."""
    rows = sorted(desk.latest_trades().values(), key=lambda r: -r["probability"])
    live = [r for r in rows if r["probability"] >= 0.4 and r["trade"] != "unpaid"][:4]
    out: list[Span] = []
    for number, row in enumerate(live):
        why = desk.trace.cite(row["evidence_id"], f"the judgement '{row['trade']}'")
        chance = desk.words.number(row["probability"], "probability", why, row["low90"], row["high90"])
        if number:
            out.append(Text("; " if desk.words.lang == "en" else ", "))
        out.extend(
            desk.words.say(
                "answer.trades_item",
                trade=desk.label(row, "trade", "trade"),
                word=likelihood(desk, row),
                probability=chance,
            )
        )
    return tuple(out)


def likelihood(desk: Desk, row: dict) -> Word:
    """The yardstick word of a row of trades."""
    why = desk.trace.cite(row["evidence_id"], f"the judgement '{row['trade']}'")
    word = str((row.get("word_ko") if desk.words.lang == "ko" else None) or row["word"])
    return desk.words.likelihood(word, row["probability"], why)


def _picture(desk: Desk) -> Figure | None:
    basis = desk.basis()
    rows = [r for r in desk.rows("balance") if r["basis"] == basis]
    if basis is None or len(rows) < 2:
        return None
    points = [point(desk, r) for r in sorted(rows, key=lambda r: r["month"])]
    closing = desk.closing()[basis]
    words = desk.words
    shown = {k: words.amount(closing[f"{k}_median"], "USD") for k in ("given", "returned", "owed")}
    title = words.text("answer.picture_title")
    alt = words.text("answer.picture_alt", owed=shown["owed"])
    ends = {k: (words.text(f"account.{k}"), v) for k, v in shown.items()}
    svg = account.gap("fig-gap", title, alt, points, {"lang": words.lang}, ends)
    caption = words.say("answer.picture_caption", basis=words.name("basis", basis))
    return Figure("gap", svg, title, caption, alt)


def point(desk: Desk, row: dict) -> account.Point:
    """A row of the balance as a point of a drawing."""
    why = desk.trace.cite(row["evidence_id"], f"the balance of {row['month']} ({row['basis']})")
    return account.Point(
        row["month"],
        row["given_median"],
        row["returned_median"],
        row["owed_median"],
        row["owed_low90"],
        row["owed_high90"],
        why,
    )


def figures(desk: Desk) -> Section:
    """The headline figures as cards, each leading to its evidence."""
    cards: list[tuple[str, Number, Spans]] = []
    for name in CARDS:
        number = desk.figure(name)
        if number is not None:
            cards.append((desk.words.name("headline", name), number, ()))
    if not cards:
        return desk.absent("figures", "headline")
    blocks: list[Block] = [Cards(tuple(cards)), Para(desk.words.say("page.legend_interval"), "note")]
    return Section("figures", desk.words.text("section.figures"), tuple(blocks))


def checks(desk: Desk) -> Section:
    """Checks of the model that did not pass, named before anything leans on them."""
    rows = desk.rows("diagnostics")
    if not rows:
        return desk.absent("checks", "diagnostics")
    failed = [r for r in rows if not r["passed"]]
    heading = desk.words.text("section.checks")
    if not failed:
        why = desk.trace.make(desk.words.text("evidence.sum_checks"), [r["evidence_id"] for r in rows])
        desk.trace.cite(why, "the number of checks")
        count = desk.words.number(len(rows), "", why)
        return Section(
            "checks",
            desk.words.text("section.checks_passed"),
            (Para(desk.words.say("checks.none", count=count), "note"),),
        )
    items = tuple(_check(desk, r) for r in failed)
    notice = Notice(desk.words.text("checks.lead"), items)
    return Section("checks", heading, (notice,))


def _check(desk: Desk, row: dict) -> Spans:
    what = f"the check '{row['name']}'"
    label, lang = desk.tongue(row, "name")
    name: Spans = (Text(f"{desk.words.name('step', row['step'])} · "), Text(label, lang=lang))
    value = desk.plain(row["value"], "", row, what)
    if row["limit"] is None:
        line = desk.words.say("checks.item_no_limit", name=name, value=value)
    else:
        line = desk.words.say("checks.item", name=name, value=value, limit=desk.plain(row["limit"], "", row, what))
    return (*line, Text(" "), *desk.said(row, "text"))
