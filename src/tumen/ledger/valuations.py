"""Published valuations beside ours, and why they differ.

Takes claims that put a sum on the trade; gives, for the same goods and days, our sum on each
basis, the price of a round that their sum implies, and the part of the difference that comes
from counting more rounds and the part that comes from pricing them higher. A valuation from
which one of our own prices was taken is marked: agreement with it proves nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tumen import tables
from tumen.case.account import BASES, Prices, Valuation, unit_name
from tumen.draws import number, summary

if TYPE_CHECKING:
    from tumen.ledger.account import Entry

# Which groups of goods (commodity.group in prices.toml) each kind of valuation covers.
GROUPS = {
    "munitions": {"munitions", "missiles", "guns"},
    "troops": {"people"},
    "munitions+troops": {"munitions", "missiles", "guns", "people"},
    "technology": {"technology"},
    "troop_income": {"troop income"},
}


def compare(
    claims: pa.Table,
    prices: Prices,
    entries: Sequence[Entry],
    months: Sequence[dt.date],
    factor: np.ndarray,
    boxes: np.ndarray,
    origin: str,
) -> pa.Table:
    """One row for each [[valuation]] of prices.toml whose claim is among `claims`."""
    if not months:
        return tables.VALUATIONS_COMPARED.empty()
    known = {row["claim_id"]: row for row in claims.to_pylist()} if claims.num_rows else {}
    rows = []
    for valuation in prices.valuation:
        claim = known.get(valuation.claim)
        if claim is None:
            continue
        row = _compare_one(valuation, claim, prices, entries, months, factor, boxes, origin)
        if row is not None:
            rows.append(row)
    return tables.VALUATIONS_COMPARED.build(rows) if rows else tables.VALUATIONS_COMPARED.empty()


def _compare_one(
    valuation: Valuation,
    claim: dict[str, Any],
    prices: Prices,
    entries: Sequence[Entry],
    months: Sequence[dt.date],
    factor: np.ndarray,
    boxes: np.ndarray,
    origin: str,
) -> dict[str, Any] | None:
    last = _month_end(months[-1])
    start, end = claim["period_start"] or months[0], min(claim["period_end"] or last, last)
    if end < months[0] or start > last:
        return None
    weights = _month_weights(start, end, months)
    years = ((end - start).days + 1) / 365.25 if claim["unit"].endswith("/year") else 1.0
    given = [v for v in (claim["low"], claim["point"], claim["high"]) if v is not None]
    rate = _usd_rate(claim["unit"], end.year, prices)
    if rate is None or not given:
        return None
    low, high = min(given) / rate, max(given) / rate
    middle = (low + high) / 2
    ours = {b: total / years for b, total in _ours(valuation, entries, factor * weights, origin).items()}
    medians = {b: float(np.median(v)) for b, v in ours.items()}
    usable = {b: m for b, m in medians.items() if m > 0}
    nearest = min(usable, key=lambda b: abs(np.log(middle / usable[b]))) if usable else prices.headline_basis
    headline = medians[prices.headline_basis]
    ratio = middle / headline if headline > 0 else float("nan")
    counted = _counted(valuation, entries, weights, boxes, origin)
    implied = quantity = price = None
    if valuation.what.startswith("munitions") and counted["our_rounds"] > 0:
        implied = middle / counted["our_rounds"]
        if counted["ratio"] is not None:
            quantity, price = counted["ratio"], ratio / counted["ratio"]
    fed = [p.derived_from for p in prices.price] + [e.derived_from for e in entries]
    independent = not any(valuation.claim in used for used in fed)
    s = summary(ours[nearest])
    return {
        "valuation": valuation.claim,
        "origin_group": claim["origin_group"],
        "what": valuation.what,
        "start": start,
        "end": end,
        "published_low_usd": low,
        "published_high_usd": high,
        "basis": nearest,
        "ours_median": s.median,
        "ours_low90": s.low90,
        "ours_high90": s.high90,
        "ratio": ratio,
        "implied_usd_per_round": implied,
        "ratio_quantity": quantity,
        "ratio_price": price,
        "independent": independent,
        "text": _words(
            valuation,
            claim["origin_group"],
            prices.headline_basis,
            ratio,
            nearest,
            implied,
            counted,
            price,
            independent,
        ),
        "source_id": claim["source_id"],
        "parents": [p for p in (claim.get("evidence_id"), valuation.evidence_id) if p],
    }


def _ours(valuation: Valuation, entries: Sequence[Entry], weights: np.ndarray, origin: str) -> dict[str, np.ndarray]:
    """What this account holds for the same goods and days, by basis, in draws."""
    totals = {basis: np.zeros(entries[0].quantity.shape[0] if entries else 1) for basis in BASES}
    for entry in entries:
        if entry.role not in ("counted", "inferred"):
            continue
        if valuation.what == "returns":
            fits = entry.payer != origin and entry.counted
        else:
            fits = entry.commodity.group in GROUPS[valuation.what]
        for basis in entry.price if fits else ():
            totals[basis] += entry.worth(basis, weights)
    return totals


def _counted(
    valuation: Valuation,
    entries: Sequence[Entry],
    weights: np.ndarray,
    boxes: np.ndarray,
    origin: str,
) -> dict[str, Any]:
    """Our rounds and containers of the same days, and how their count compares."""
    rounds = [e for e in entries if e.payer == origin and e.counted and e.id.startswith("cargo:")]
    rounds = [e for e in rounds if e.commodity.unit.startswith("round")]
    our_rounds = float(np.median(np.sum([e.quantity @ weights for e in rounds], axis=0))) if rounds else 0.0
    our_boxes = float(np.median(boxes @ weights))
    theirs = valuation.rounds
    if theirs is None and valuation.containers is not None and valuation.rounds_per_container is not None:
        theirs = valuation.containers * valuation.rounds_per_container
    ratio, counts = None, None
    if theirs is not None and our_rounds > 0:
        ratio, counts = theirs / our_rounds, "rounds"
    elif valuation.containers is not None and our_boxes > 0:
        ratio, counts = valuation.containers / our_boxes, "containers"
    return {"our_rounds": our_rounds, "our_boxes": our_boxes, "ratio": ratio, "counts": counts}


def _usd_rate(unit: str, year: int, prices: Prices) -> float | None:
    currency = unit_name(unit.split("/")[0])
    if currency == "USD":
        return 1.0
    rates = {e.year: e.per_usd for e in prices.exchange if unit_name(e.currency) == currency}
    return rates[min(rates, key=lambda y: abs(y - year))] if rates else None


def _month_weights(start: dt.date, end: dt.date, months: Sequence[dt.date]) -> np.ndarray:
    """Share of each month's days that lie between start and end."""
    out = []
    for month in months:
        last = _month_end(month)
        days = (min(end, last) - max(start, month)).days + 1
        out.append(max(0, days) / ((last - month).days + 1))
    return np.array(out)


def _month_end(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(1)


def _words(
    valuation: Valuation,
    origin_group: str,
    headline: str,
    ratio: float,
    nearest: str,
    implied: float | None,
    counted: dict[str, Any],
    price: float | None,
    independent: bool,
) -> str:
    ours, near = headline.replace("_", " "), nearest.replace("_", " ")
    if not np.isfinite(ratio):
        return f"{origin_group} values {valuation.what}; this account holds none of it on {ours}. {valuation.why}"
    parts = [f"{origin_group} holds {ratio:.2g} times our median on {ours}; it comes nearest to {near}."]
    if implied is not None:
        parts.append(f"With our count of rounds it would mean {number(implied)} USD a round.")
    if counted["ratio"] is not None and price is not None:
        parts.append(
            f"Its count of {counted['counts']} is {counted['ratio']:.2g} times ours, its price {price:.2g} times."
        )
    if not independent:
        parts.append("One of our own figures was taken from it: agreement proves nothing.")
    parts.append(valuation.why)
    return " ".join(parts)
