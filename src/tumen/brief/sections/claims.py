"""The estimate beside every published claim, and the answer with each origin left out."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tumen.brief.blocks import Block, Figure, Grid, Heading, Items, Para, Section, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.figures import forest

READINGS = ("exactly", "at_least", "up_to", "range", "capacity_152", "capacity_122")
SURPRISING = 0.05
MOST_SURPRISES = 5


def claims(desk: Desk) -> Section:
    """A forest plot for each quantity, the claims hardest to square, and leave one origin out."""
    rows = desk.rows("claims_compared")
    if not rows:
        return desk.absent("claims", "claims_compared")
    words = desk.words
    told = {r["claim_id"]: r for r in desk.rows("claims")}
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["quantity"]].append(row)
    blocks: list[Block] = [Para(words.say("claims.lead"))]
    for number, (quantity, found) in enumerate(sorted(groups.items(), key=lambda g: -len(g[1]))):
        blocks.append(_forest(desk, quantity, found, told, number))
    surprises = _surprises(desk, rows, told)
    if surprises:
        blocks += [Heading(words.text("claims.surprising")), Items(surprises)]
    if desk.has("origins"):
        blocks.append(_origins(desk))
    return Section("claims", words.text("section.claims"), tuple(blocks))


def _forest(
    desk: Desk, quantity: str, found: list[dict[str, Any]], told: dict[str, dict[str, Any]], number: int
) -> Figure:
    words = desk.words
    name = words.name("quantity", quantity)
    rows = []
    order = sorted(found, key=lambda r: (r["used"].startswith("derived"), _published(told, r), r["claim_id"]))
    for row in order:
        why = desk.trace.cite(row["evidence_id"], f"the claim {row['claim_id']}")
        unit = _unit(row["unit"])
        expected = words.interval(row["expected_low90"], row["expected_high90"], unit)
        median = words.amount(row["expected_median"], unit)
        rows.append(
            forest.Row(
                _label(desk, row, told),
                row["origin_group"],
                row["reading"],
                row["claimed_low"],
                row["claimed"],
                row["claimed_high"],
                row["expected_median"],
                row["expected_low90"],
                row["expected_high90"],
                row["used"],
                why,
                f"{_label(desk, row, told)}: {_claimed(desk, row)}; {words.text('claims.estimate')} {median} ({expected})",
            )
        )
    labels = {k: words.text(f"claims.{k}") for k in (*READINGS, "claim", "derived", "estimate")}
    labels |= {"lang": words.lang, "tick": "{}"}
    title = words.text("claims.title", quantity=name)
    alt = words.text("claims.alt", quantity=name)
    svg = forest.draw(f"fig-claims-{number}", title, alt, rows, labels)
    caption = words.say("claims.caption") if number == 0 else ()
    return Figure(f"claims-{quantity.replace('_', '-')}", svg, title, caption, alt, wide=True)


def _published(told: dict[str, dict[str, Any]], row: dict[str, Any]) -> str:
    claim = told.get(row["claim_id"])
    return str(claim["period_end"] or claim["published"]) if claim else ""


def _label(desk: Desk, row: dict[str, Any], told: dict[str, dict[str, Any]]) -> str:
    claim = told.get(row["claim_id"])
    if claim is None:
        return str(row["claim_id"])
    end = claim["period_end"] or claim["published"]
    if desk.words.lang == "ko":
        span = f"{claim['period_start']:%Y.%m}~{end:%Y.%m}"
        return f"{claim.get('label_ko') or desk.words.name('quantity', str(claim['quantity']))}, {span}"
    return f"{claim['label']}, {claim['period_start']:%b %Y}–{end:%b %Y}"


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


def _surprises(desk: Desk, rows: list[dict[str, Any]], told: dict[str, dict[str, Any]]) -> tuple[Spans, ...]:
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
                origin=row["origin_group"],
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
                (Text(row["origin_group"]),),
                (desk.plain(row["claims"], "", row, what),),
                (desk.number(row, "bias", "", what),),
                (desk.number(row, "rounds_without", "rounds", what, bare=True),),
            )
        )
    head = tuple(words.text(f"claims.{k}") for k in ("origin", "n", "bias", "without"))
    return Grid(head, tuple(rows), words.text("claims.origins_caption"), numeric=(1, 2, 3), widths=(3, 1, 2, 3))
