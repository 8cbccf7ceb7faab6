"""The estimate beside every published claim, and the answer with each origin left out."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tumen.brief.blocks import Block, Figure, Grid, Heading, Items, Number, Para, Section, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.figures import forest

READINGS = ("exactly", "at_least", "up_to", "range", "capacity_152", "capacity_122")
SURPRISING = 0.05
MOST_SURPRISES = 5
FEWEST_FOR_A_PLOT = 3


def claims(desk: Desk) -> Section:
    """A plot for each quantity, the claims hardest to square, and leave one origin out."""
    found = _groups(desk, derived=False)
    if not desk.rows("claims_compared"):
        return desk.absent("claims", "claims_compared")
    words = desk.words
    blocks: list[Block] = [Para(words.say("claims.lead"))]
    few: list[dict[str, Any]] = []
    for number, (quantity, rows) in enumerate(found):
        if len(rows) < FEWEST_FOR_A_PLOT and number:
            few += rows
            continue
        blocks.append(_forest(desk, quantity, rows, number, "claims"))
    if few:
        blocks.append(_few(desk, few))
    surprises = _surprises(desk)
    if surprises:
        blocks += [Heading(words.text("claims.surprising")), Items(surprises)]
    if desk.has("origins"):
        blocks.append(_origins(desk))
    return Section("claims", words.text("section.claims"), tuple(blocks))


def derived(desk: Desk) -> Section | None:
    """Claims computed from other claims: they add nothing, and stand in the annex for those who look for them."""
    found = _groups(desk, derived=True)
    if not found:
        return None
    words = desk.words
    blocks: list[Block] = [Para(words.say("claims.derived_lead"))]
    few: list[dict[str, Any]] = []
    for number, (quantity, rows) in enumerate(found):
        if len(rows) < FEWEST_FOR_A_PLOT and number:
            few += rows
        else:
            blocks.append(_forest(desk, quantity, rows, number, "derived"))
    if few:
        blocks.append(_few(desk, few, "few_derived"))
    return Section("derived", words.text("section.derived"), tuple(blocks), annex=True)


def _groups(desk: Desk, derived: bool) -> list[tuple[str, list[dict[str, Any]]]]:
    """Rows by quantity, the quantity with most claims first; a pace a month or a year is held against rounds."""
    told = _told(desk)
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in desk.rows("claims_compared"):
        if row["used"].startswith("derived") == derived:
            groups[row["quantity"]].append(row)
    for rows in groups.values():
        rows.sort(key=lambda r: (_published(told, r), r["claim_id"]))
    return sorted(groups.items(), key=lambda g: -len(g[1]))


def _told(desk: Desk) -> dict[str, dict[str, Any]]:
    return {r["claim_id"]: r for r in desk.rows("claims")}


def _forest(desk: Desk, quantity: str, found: list[dict[str, Any]], number: int, family: str) -> Figure:
    words, told = desk.words, _told(desk)
    name = words.name("quantity", quantity)
    rows = []
    for row in found:
        why = desk.trace.cite(row["evidence_id"], f"the claim {row['claim_id']}")
        unit = _unit(row["unit"])
        whole = "" if unit == "" else "rounds"  # the column counts things; only a ratio has decimals
        ours = words.number(
            row["expected_median"], whole, why, row["expected_low90"], row["expected_high90"], bare=True
        )
        expected, median = ours.interval, ours.shown
        label = _label(desk, row, told)
        origin = desk.origin(row["origin_group"])
        tip = f"{origin}, {label}: {_claimed(desk, row)}; {words.text('claims.estimate')} {words.amount(row['expected_median'], unit)} ({expected})"
        rows.append(
            forest.Row(
                origin,
                label,
                row["reading"],
                row["claimed_low"],
                row["claimed"],
                row["claimed_high"],
                row["expected_median"],
                row["expected_low90"],
                row["expected_high90"],
                row["used"],
                why,
                tip,
                _said(desk, row),
                (median, f"({expected})"),
            )
        )
    labels = {k: words.text(f"claims.{k}") for k in (*READINGS, "claim", "derived", "estimate", "said", "expected")}
    labels |= {"lang": words.lang, "tick": "{}"}
    title = words.text("claims.title" if family == "claims" else "claims.derived_title", quantity=name)
    alt = words.text("claims.alt", quantity=name)
    svg = forest.draw(f"fig-{family}-{number}", title, alt, rows, labels)
    caption = words.say("claims.caption") if number == 0 else ()
    return Figure(f"{family}-{quantity.replace('_', '-')}", svg, title, caption, alt, wide=True)


def _few(desk: Desk, found: list[dict[str, Any]], caption: str = "few") -> Grid:
    """Claims on quantities that too few speak of for a plot."""
    words, told = desk.words, _told(desk)
    rows = []
    for row in found:
        what, unit = f"the claim {row['claim_id']}", _unit(row["unit"])
        why = desk.trace.cite(row["evidence_id"], what)
        value = next((v for v in (row["claimed"], row["claimed_low"], row["claimed_high"]) if v is not None), 0.0)
        rows.append(
            (
                (Text(desk.origin(row["origin_group"])),),
                (Text(_about(desk, row, told)),),
                (Number(_claimed(desk, row), float(value), why),),
                (desk.number(row, "expected", unit, what),),
            )
        )
    head = tuple(words.text(f"claims.{k}") for k in ("origin", "about", "said", "expected"))
    return Grid(head, tuple(rows), words.text(f"claims.{caption}"), numeric=(2, 3), widths=(4, 5, 3, 3))


def _about(desk: Desk, row: dict[str, Any], told: dict[str, dict[str, Any]]) -> str:
    """The quantity and what is claimed of it; said once where the claim has no words of its own in Korean."""
    label, name = _label(desk, row, told), desk.words.name("quantity", row["quantity"])
    return label if label.startswith(name) else f"{name}: {label}"


def _said(desk: Desk, row: dict[str, Any]) -> str:
    """What was claimed, short: ≥ 10,000, 100,000–500,000, ≤ 9 million."""
    words = desk.words
    low, point, high = row["claimed_low"], row["claimed"], row["claimed_high"]
    if low is not None and high is not None and low != high:
        return words.interval(low, high, "")
    value = next((v for v in (point, low, high) if v is not None), None)
    if value is None:
        return words.text("number.none")
    sign = {"at_least": "≥ ", "up_to": "≤ "}.get(row["reading"], "")
    return f"{sign}{words.count(value)}"


def _published(told: dict[str, dict[str, Any]], row: dict[str, Any]) -> str:
    claim = told.get(row["claim_id"])
    return str(claim["period_end"] or claim["published"]) if claim else ""


def _label(desk: Desk, row: dict[str, Any], told: dict[str, dict[str, Any]]) -> str:
    """What is claimed and for which months."""
    words, claim = desk.words, told.get(row["claim_id"])
    if claim is None:
        return desk.named(str(row["claim_id"]))
    span = words.months(claim["period_start"], claim["period_end"] or claim["published"])
    if words.lang == "ko":
        return f"{desk.named(claim.get('label_ko') or words.name('quantity', str(claim['quantity'])))}, {span}"
    return f"{desk.named(claim['label'])}, {span}"


def _unit(unit: str) -> str:
    return {"boxes": "containers", "1": "", "0..1": "share"}.get(unit, unit)


def _claimed(desk: Desk, row: dict[str, Any]) -> str:
    words, unit = desk.words, _unit(row["unit"])
    low, point, high = row["claimed_low"], row["claimed"], row["claimed_high"]
    if low is not None and high is not None and low != high:
        shown = words.interval(low, high, unit)
    else:
        value = next((v for v in (point, low, high) if v is not None), None)
        shown = words.text("number.none") if value is None else words.amount(value, unit)
    return f"{words.name('claims', row['reading'])} {shown}"


def _surprises(desk: Desk) -> tuple[Spans, ...]:
    rows, told = desk.rows("claims_compared"), _told(desk)
    found = [r for r in rows if r["surprise"] < SURPRISING and not r["used"].startswith("derived")]
    out = []
    for row in sorted(found, key=lambda r: r["surprise"])[:MOST_SURPRISES]:
        unit = _unit(row["unit"])
        value = next((v for v in (row["claimed"], row["claimed_low"], row["claimed_high"]) if v is not None), 0.0)
        claimed = desk.plain(value, unit, row, f"the claim {row['claim_id']}")
        expected = desk.number(row, "expected", unit, f"what is expected of the claim {row['claim_id']}")
        out.append(
            desk.words.say(
                "claims.surprise",
                label=_label(desk, row, told),
                origin=desk.origin(row["origin_group"]),
                claimed=(Text(desk.words.name("claims", row["reading"]) + " "), claimed),
                expected=expected,
            )
        )
    return tuple(out)


def _origins(desk: Desk) -> Grid:
    words = desk.words
    rows = []
    for row in sorted(desk.rows("origins"), key=lambda r: -r["claims"]):
        what = f"the origin {row['origin_group']}"
        rows.append(
            (
                (Text(desk.origin(row["origin_group"])),),
                (desk.plain(row["claims"], "", row, what),),
                (desk.number(row, "bias", "rate", what),),
                (desk.number(row, "rounds_without", "rounds", what, bare=True),),
            )
        )
    head = tuple(words.text(f"claims.{k}") for k in ("origin", "n", "bias", "without"))
    note = words.say("claims.origins_caption")
    return Grid(head, tuple(rows), words.text("claims.origins"), numeric=(1, 2, 3), widths=(5, 1, 3, 3), note=note)
