"""The opening: the answer in one paragraph, one picture, the headline figures, and the checks that failed."""

from __future__ import annotations

from tumen.brief.blocks import Block, Cards, Figure, Number, Para, Section, Span, Spans, Text, Word
from tumen.brief.desk import Desk
from tumen.brief.figures import account
from tumen.brief.sections.checks import warning

COUNTED = ("visits", "voyages", "containers", "rounds")
# Value bases that agree within this factor tell a reader nothing that the headline does not.
WORTH_TELLING = 1.2
CARDS = ("owed_usd", "value_usd", "returned_usd", "rounds", "containers", "voyages", "visits", "share_of_russian_fire")


def answer(desk: Desk) -> Section:
    """The question answered in plain words, with one picture."""
    heading = desk.words.text("section.answer")
    if not desk.has("headline"):
        desk.missing.append(("answer", "headline"))
        return Section("answer", heading, (Para(desk.words.say("answer.none"), "lead"),))
    lead, rest = _lead(desk), _paragraph(desk)
    blocks: list[Block] = [Para(lead or rest or desk.words.say("answer.none"), "lead")]
    doubt = warning(desk)
    if doubt:
        blocks.append(doubt)
    picture = _picture(desk)
    if picture:
        blocks.append(picture)
    if lead and rest:
        blocks.append(Para(rest))
    trades = _trades(desk)
    if trades:
        blocks.append(Para(desk.words.say("answer.trades_high", list=trades)))
    return Section("answer", heading, tuple(blocks))


def _lead(desk: Desk) -> Spans:
    """The debt, and how far it hangs on the yardstick of value."""
    words, owed, basis = desk.words, desk.figure("owed_usd"), desk.basis()
    if owed is None:
        return ()
    names = {"origin": desk.actor(desk.about.origin), "recipient": desk.actor(desk.about.recipient)}
    out = words.say("answer.owed", owed=owed, basis=words.name("basis", basis) if basis else "", **names)
    others = sorted((r for b, r in desk.closing().items() if b != basis), key=lambda r: r["owed_median"])
    if len(others) < 2 or others[-1]["owed_median"] < WORTH_TELLING * others[0]["owed_median"]:
        return out
    low, high = (
        words.say(
            "answer.owed_by",
            owed=desk.number(row, "owed", "USD", f"the closing balance ({row['basis']})"),
            basis=words.name("basis", row["basis"]),
        )
        for row in (others[0], others[-1])
    )
    return (*out, Text(" "), *words.say("answer.owed_range", low=low, high=high))


def _paragraph(desk: Desk) -> Spans:
    words, about = desk.words, desk.about
    names = {"origin": desk.actor(about.origin), "recipient": desk.actor(about.recipient)}
    out: list[Span] = []

    def add(key: str, **places: Span | Spans | str) -> None:
        out.extend(words.say(f"answer.{key}", **places))
        out.append(Text(" "))

    voyages = desk.figure("voyages")
    containers, rounds = desk.figure("containers"), desk.figure("rounds")
    given, returned, share = desk.figure("value_usd"), desk.figure("returned_usd"), desk.figure("share_of_russian_fire")
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
    return tuple(out[:-1])


def _origins(desk: Desk) -> str:
    names = [desk.tongue(r, "place")[0] for r in desk.rows("places") if r["role"] == "origin" and r["kind"] == "port"]
    names = [desk.place(n) for n in names]
    return desk.words.joined(names[:3]) if names else desk.actor(desk.about.origin)


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
    shown = {}
    for key, figure in (("given", "value_usd"), ("returned", "returned_usd"), ("owed", "owed_usd")):
        number = desk.figure(figure)
        if number is None:
            row = closing if f"{key}_low90" in closing else {**closing, f"{key}_low90": None, f"{key}_high90": None}
            number = desk.number(row, key, "USD", "the closing balance")
        shown[key] = number
    title = words.text("answer.picture_title")
    alt = words.text("answer.picture_alt", owed=shown["owed"].shown)
    ends = {k: (words.text(f"account.{k}"), n.shown, n.interval) for k, n in shown.items()}
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
            # The name of a card says what is counted; the unit would say it twice.
            unit = str((desk.headline(name) or {})["unit"])
            if unit in COUNTED:
                row = desk.headline(name) or {}
                number = desk.words.number(
                    row["median"], unit, number.why, row["low90"], row["high90"], bare=desk.words.lang == "en"
                )
            cards.append((desk.words.name("headline", name), number, ()))
    if not cards:
        return desk.absent("figures", "headline")
    blocks: list[Block] = [Cards(tuple(cards)), Para(desk.words.say("page.legend_interval"), "note")]
    return Section("figures", desk.words.text("section.figures"), tuple(blocks))
