"""The account in both directions: a Sankey, the running balance by value basis, and the ledger."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tumen.brief.blocks import Block, Figure, Grid, Number, Para, Section, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.figures import account as drawing
from tumen.brief.sections.answer import point

# Parts smaller than this share of their side are drawn as one.
SMALL_PART = 0.02
MOST_ENTRIES = 40
# An entry that another one covers, or that lies outside the period, is kept in the data package.
SHOWN_ROLES = ("counted", "inferred", None)


def account(desk: Desk) -> Section:
    """Value bases side by side; every entry with how it is known."""
    rows = desk.rows("balance")
    if not rows:
        return desk.absent("account", "balance")
    words = desk.words
    blocks: list[Block] = [Para(words.say("account.lead")), _closing(desk)]
    sankey = _sankey(desk)
    if sankey:
        blocks.append(sankey)
    blocks.append(_balances(desk, rows))
    if desk.has("valuations_compared"):
        blocks.append(_valuations(desk))
    return Section("account", words.text("section.account"), tuple(blocks))


def entries(desk: Desk) -> Section | None:
    """The two-way ledger, one table a direction."""
    rows = [r for r in desk.rows("entries") if r.get("role") in SHOWN_ROLES]
    if not rows or not desk.has("balance"):
        return None
    words, origin = desk.words, desk.about.origin
    blocks: list[Block] = [Para(words.say("account.entries_caption"))]
    payers = sorted({r["payer"] for r in rows}, key=lambda p: desk.actor(p) != desk.actor(origin))
    for payer in payers:
        blocks.append(_entries(desk, payer, [r for r in rows if r["payer"] == payer]))
    return Section("entries", words.text("section.entries"), tuple(blocks), annex=True)


def _sankey(desk: Desk) -> Figure | None:
    basis, origin = desk.basis(), desk.about.origin
    flows = [
        r for r in desk.rows("flows") if r["basis"] == basis and r["certainty"] == "counted" and r["usd_median"] > 0
    ]
    closing = desk.closing().get(basis or "")
    if not flows or closing is None or basis is None:
        desk.missing.append(("account", "flows"))
        return None
    words = desk.words
    payers = {r["payer"] for r in flows}
    giver = origin if origin in payers else next((p for p in payers if desk.actor(p) == desk.actor(origin)), origin)
    given = _parts(desk, [r for r in flows if r["payer"] == giver])
    returned = _parts(desk, [r for r in flows if r["payer"] != giver])
    if not given:
        return None
    shown = {k: words.amount(closing[f"{k}_median"], "USD") for k in ("given", "returned", "owed")}
    owing = desk.number(closing, "owed", "USD", "the closing balance")
    remains = words.text("account.remains")
    owed = drawing.Part(
        remains, closing["owed_median"], owing.why, f"{remains}: {owing.shown}", f"{owing.shown} ({owing.interval})"
    )
    name = words.name("basis", basis)
    title = words.text("account.sankey_title", basis=name)
    alt = words.text("account.sankey_alt", **shown)
    sides = (words.text("account.given"), words.text("account.returned_and_owed"))
    svg = drawing.sankey("fig-sankey", title, alt, given, returned, owed, sides)
    caption = words.say("account.sankey_caption", origin=desk.actor(origin))
    return Figure("sankey", svg, title, caption, alt, wide=True)


def _parts(desk: Desk, rows: list[dict[str, Any]]) -> list[drawing.Part]:
    words = desk.words
    total = sum(r["usd_median"] for r in rows)
    large = [r for r in rows if r["usd_median"] >= SMALL_PART * total]
    small = [r for r in rows if r["usd_median"] < SMALL_PART * total]
    parts = []
    for row in sorted(large, key=lambda r: -r["usd_median"]):
        number = desk.number(row, "usd", "USD", f"the flow of {row['commodity']}")
        label = desk.label(row, "commodity", "commodity")
        shown = number.shown + (f" ({number.interval})" if number.interval else "")
        parts.append(drawing.Part(label, row["usd_median"], number.why, f"{label}: {shown}", shown))
    if small:
        usd = sum(r["usd_median"] for r in small)
        why = desk.trace.make(words.text("evidence.sum_small"), [r["evidence_id"] for r in small])
        desk.trace.cite(why, "small flows")
        label = words.text("account.other")
        named = ", ".join(desk.label(r, "commodity", "commodity") for r in small)
        shown = words.amount(usd, "USD")
        parts.append(drawing.Part(label, usd, why, f"{label}: {named}; {shown}", shown))
    return parts


def _ordered(desk: Desk, names: list[str]) -> list[str]:
    """The headline basis first."""
    return sorted(names, key=lambda b: (b != desk.basis(), list(names).index(b)))


def _balances(desk: Desk, rows: list[dict[str, Any]]) -> Figure:
    words = desk.words
    by_basis: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: r["month"]):
        by_basis[row["basis"]].append(row)
    panels = {}
    for basis in _ordered(desk, list(by_basis)):
        found = by_basis[basis]
        last = found[-1]
        owed = desk.number(last, "owed", "USD", f"the closing balance ({basis})")
        panels[basis] = (words.name("basis_short", basis), [point(desk, r) for r in found], (owed.shown, owed.interval))
    title, alt = words.text("account.balance_title"), words.text("account.balance_alt")
    svg = drawing.balances("fig-balance", title, alt, panels, {"lang": words.lang})
    return Figure("balance", svg, title, words.say("account.balance_caption"), alt, wide=True)


def _closing(desk: Desk) -> Grid:
    words = desk.words
    rows = []
    closing = desk.closing()
    for basis in _ordered(desk, list(closing)):
        row = closing[basis]
        what = f"the closing balance ({basis})"
        rows.append(
            (
                (Text(words.name("basis_short", basis), strong=basis == desk.basis()),),
                (Text(words.name("basis_means", basis) if words.has(f"basis_means.{basis}") else ""),),
                (desk.number(row, "owed", "USD", what),),
            )
        )
    month = words.month(max(r["month"] for r in closing.values()))
    head = tuple(words.text(f"account.{k}") for k in ("basis", "means", "owed"))
    return Grid(head, tuple(rows), words.text("account.table", month=month), numeric=(2,), widths=(3, 6, 3))


def _valuations(desk: Desk) -> Grid:
    words = desk.words
    rows = []
    for row in desk.rows("valuations_compared"):
        what = f"the valuation {row['valuation']}"
        why = desk.trace.cite(row["evidence_id"], what)
        low, high = row["published_low_usd"], row["published_high_usd"]
        shown = words.amount(high, "USD") if low == high else words.interval(low, high, "USD")
        what_for = words.joined([words.name("valued", w) for w in str(row["what"]).split("+")])
        if not row["independent"]:
            what_for += " *"
        rows.append(
            (
                (Text(desk.origin(row["origin_group"])),),
                (Text(f"{words.capital(what_for)}, {words.months(row['start'], row['end'])}"),),
                (Text(words.name("basis_short", row["basis"])),),
                (Number(shown, float(high), why),),
                (words.number(row["ours_median"], "USD", why, row["ours_low90"], row["ours_high90"]),),
            )
        )
    head = tuple(words.text(f"account.{k}") for k in ("valuation", "valued", "nearest", "published", "ours"))
    note = words.say("account.valuations_caption")
    return Grid(head, tuple(rows), words.text("account.valuations"), numeric=(3, 4), widths=(4, 5, 3, 4, 4), note=note)


def _entries(desk: Desk, payer: str, found: list[dict[str, Any]]) -> Grid:
    words = desk.words
    rows = []
    order = sorted(found, key=lambda r: -(r.get("usd_median") or 0.0))
    for row in order[:MOST_ENTRIES]:
        what = f"the entry {row['entry_id']}"
        label, lang = desk.tongue(row, "label")
        thing: Spans = (
            (Text(words.capital(label), lang=lang),) if label else (Text(words.name("commodity", row["commodity"])),)
        )
        quantity = desk.number(row, "quantity", row["unit"], what)
        status = words.name("status", row["status"])
        if row.get("role") and row["role"] != "counted":
            status += f", {words.name('role', row['role'])}"
        worth: Spans = ()
        if row.get("usd_median") is not None:
            worth = (desk.number(row, "usd", "USD", what),)
        when = (Text(words.months(row["start"], row["end"])),)
        rows.append((thing, when, (quantity,), worth, (Text(status),)))
    head = tuple(words.text(f"account.{k}") for k in ("what", "period", "quantity", "worth", "status"))
    caption = words.text("account.entries_by", actor=desk.actor(payer))
    return Grid(head, tuple(rows), caption, numeric=(2, 3), widths=(4, 3, 4, 4, 3))
