"""What would have been foretold: totals published after a day, scored from what was public on that day.

Takes the tables of the count step unfiltered and a day; gives `tables.BACKTEST`, and the voyages foretold for whoever
scores cargo by them. Beside the model stand a constant-rate version of it and a straight line through the latest total. The figure foretold is that of the
collector, so its share of what passes is drawn too: from its earlier totals where it has any.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen import tables
from tumen.case.traffic_settings import TrafficSettings
from tumen.draws import crps
from tumen.traffic.chain import UNITS_PER_DAY
from tumen.traffic.counting import Counted, count_ports, read_cases, tie_of
from tumen.traffic.prior import DAYS_PER_MONTH
from tumen.traffic.report import voyages_until
from tumen.traffic.totals import COUNTED, share_nodes, share_to

CAREFUL_SLIP = 0.02  # as in the likelihood of a total worded 'at least'


@dataclass(frozen=True)
class Backtest:
    """`scores` of the later totals of visits and voyages (BACKTEST), and by model the `voyages` (VOYAGES) that it foretold."""

    scores: pa.Table
    voyages: dict[str, pa.Table]


def backtest(
    looks: pa.Table,
    claims: pa.Table,
    places: pa.Table,
    vessels: pa.Table,
    settings: TrafficSettings,
    period: tuple[dt.date, dt.date],
    as_of: dt.date,
    seed: int,
    draws: int = 4000,
    until: dt.date | None = None,
) -> Backtest:
    """Score every later total of visits or voyages, and foretell the voyages to the day `until`.

    Only rows published by `as_of` enter the forecast; `period` is cut there. The model and its constant-rate version
    are counted once each. Raises `ValueError` where the day does not lie after the start of the period.
    """
    if as_of <= period[0]:
        raise ValueError(f"as_of {as_of} is not after the start of the period {period[0]}, expected a later day")
    later = [r for r in claims.to_pylist() if _scored(r, as_of, period)]
    days = [r["period_end"] or r["published"] for r in later] + ([until] if until is not None else [])
    if not days:
        return Backtest(tables.BACKTEST.empty(), {})
    end, farthest = min(as_of, period[1]), max(days)
    months = max(0, (farthest.year - end.year) * 12 + farthest.month - end.month + 2)
    known_looks = looks.filter(pc.less_equal(looks.column("published"), as_of))
    known_claims = claims.filter(pc.less_equal(claims.column("published"), as_of))
    steady = settings.model_copy(update={"drift": False, "pauses": False})
    models = {"tumen": settings, "constant rate": steady}
    seeds = np.random.SeedSequence(seed).spawn(len(models) + 1)

    def one(method: str, source: np.random.SeedSequence) -> tuple[list[dict[str, Any]], pa.Table, str]:
        used = models[method].model_copy(update={"horizon_months": months})
        cases, ports, _, rows = read_cases(known_looks, known_claims, places, vessels, used, (period[0], end))
        tie, _ = tie_of(cases, ports, known_claims, rows)
        *own, last = source.spawn(len(cases) + 1)
        counted, _ = count_ports(cases, tie, own, draws, None)
        rng = np.random.default_rng(last)
        scores = [_row(r, as_of, method, foretold(counted, r, rng)) for r in later]
        voyages = voyages_until(counted, ports, until, rng) if until is not None else tables.VOYAGES.empty()
        return scores, voyages, cases[0].place

    # One after the other: each count shares its draws out over two cores, and the draws of both would fill the memory.
    made = {method: one(method, own) for method, own in zip(models, seeds, strict=False)}
    scored = [row for scores, _, _ in made.values() for row in scores]
    rng = np.random.default_rng(seeds[-1])
    for r in later:
        line = _straight_line(known_claims.to_pylist(), r, made["tumen"][2], as_of, draws, rng)
        if line is not None:
            scored.append(_row(r, as_of, "straight line", line))
    found = tables.BACKTEST.build(scored) if scored else tables.BACKTEST.empty()
    return Backtest(found, {method: voyages for method, (_, voyages, _) in made.items()})


def _scored(r: dict[str, Any], as_of: dt.date, period: tuple[dt.date, dt.date]) -> bool:
    return (
        r["quantity"] in COUNTED
        and r["use"] == "evidence"
        and r["vessel"] is None
        and r["published"] > as_of
        and (r["period_end"] or r["published"]) <= period[1]
    )


def value_of(r: dict[str, Any]) -> float:
    """The published figure as a count over its period; the middle of a range."""
    value = r["point"]
    if value is None:
        ends = [v for v in (r["low"], r["high"]) if v is not None]
        value = sum(ends) / len(ends)
    if r["quantity"] == "visits_per_month":
        value *= (((r["period_end"] or r["published"]) - r["period_start"]).days + 1) / DAYS_PER_MONTH
    return float(value)


def foretold(ports: Sequence[Counted], r: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Draws of the figure that the collector of row `r` will publish."""
    settings = ports[0].case.settings
    first = max(ports[0].case.clock.day(r["period_start"]), 0)
    last = ports[0].case.clock.day((r["period_end"] or r["published"]) + dt.timedelta(days=1))
    over = CAREFUL_SLIP if r["reading"] in ("at_least", "up_to") else settings.overcount_share
    own = next((c for c in ports if c.case.place == r["place"]), ports[0] if len(ports) == 1 else None)
    told = 0
    if own is not None:
        key = f"total {r['origin_group']}, {r['place'] or own.case.place}"
        share = _shares(own, key, rng)
        begun, told = _told_already(own, key, first, last)
        visits = own.paths.arrivals(begun, last)
    else:  # a total of several ports of loading: the collector's share is known no better than its prior
        share = _shares_of_nobody(settings, ports[0].paths.draws, rng)
        visits = sum((c.paths.arrivals(first, last) for c in ports[1:]), ports[0].paths.arrivals(first, last))
    if r["place"] is not None and (own is None or r["place"] != own.case.place):
        share = share * share_to(r["place"], r["period_start"], r["period_end"] or r["published"], settings)
    return told + rng.binomial(visits, share) + rng.poisson(over * visits + CAREFUL_SLIP)


def _shares_of_nobody(settings: TrafficSettings, draws: int, rng: np.random.Generator) -> np.ndarray:
    """A collector's share for each draw, from its prior alone."""
    prior = settings.collector_share
    odds = prior.median / (1 - prior.median) * np.exp(prior.sd_logit * rng.standard_normal(draws))
    return odds / (1 + odds)


def _shares(counted: Counted, key: str, rng: np.random.Generator) -> np.ndarray:
    """A collector's share for each draw, given every total so far: common part from all, own part from its own."""
    from tumen.traffic.totals import _COMMON, _OWN, _SWAY

    settings, carried = counted.case.settings, counted.paths.carried
    prior = settings.collector_share
    nodes = share_nodes(prior.median, prior.sd_logit, settings.collector_correlation).reshape(_COMMON, _OWN)
    count = counted.paths.draws
    own = np.zeros((_COMMON, _OWN, count))
    common = np.zeros((_COMMON, count))
    for name, value in carried.items():
        if not name.startswith("total "):
            continue
        table = value.reshape(_COMMON, _OWN, count)
        common += np.logaddexp.reduce(table, axis=1)
        if name == key:
            own = table.astype(float)
    c = _draw_index(common, rng)
    o = _draw_index(own[c, :, np.arange(count)].T, rng)
    sway = rng.choice([-_SWAY, 0.0, _SWAY], count)
    odds = nodes[c, o] / (1 - nodes[c, o]) * np.exp(sway)
    return odds / (1 + odds)


def _draw_index(log_weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One index of the first axis for each column, in proportion to exp(log_weight)."""
    edges = np.cumsum(np.exp(log_weight - log_weight.max(0)), axis=0)
    return (edges < rng.random(log_weight.shape[1]) * edges[-1]).sum(0)


def _told_already(counted: Counted, key: str, first: int, last: int) -> tuple[int, int]:
    """Unit up to which the collector has told its count from `first` on, and that count."""
    slack = 31 * UNITS_PER_DAY
    begun, told = first, 0
    for e in counted.case.evidence:
        part = getattr(e, "part", None)
        if part is None or f"total {getattr(e, 'group', '')}" != key or part.last > last:
            continue
        if abs(part.first - begun) <= slack and part.last > begun:
            begun, told = part.last, told + part.low
    return begun, told


def _straight_line(
    known: list[dict[str, Any]], r: dict[str, Any], place: str, as_of: dt.date, draws: int, rng: np.random.Generator
) -> np.ndarray | None:
    """The largest total so far, carried on at its own mean rate; Poisson spread on the days not yet counted."""
    totals = [
        k
        for k in known
        if k["quantity"] in ("visits", "voyages")
        and k["use"] == "evidence"
        and k["vessel"] is None
        and k["place"] in (None, place)
    ]
    if not totals:
        return None
    best = max(totals, key=lambda k: (value_of(k), k["published"]))
    days = ((best["period_end"] or best["published"]) - best["period_start"]).days + 1
    rate = value_of(best) / days
    end = r["period_end"] or r["published"]
    if abs((r["period_start"] - best["period_start"]).days) <= 31 and end >= (best["period_end"] or best["published"]):
        more = (end - (best["period_end"] or best["published"])).days
        return value_of(best) + rng.poisson(rate * more, draws)
    return rng.poisson(rate * ((end - r["period_start"]).days + 1), draws).astype(float)


def _row(r: dict[str, Any], as_of: dt.date, method: str, draws: np.ndarray) -> dict[str, Any]:
    value = value_of(r)
    end = r["period_end"] or r["published"]
    q = np.quantile(draws, [0.5, 0.25, 0.75, 0.1, 0.9, 0.025, 0.975])
    width = max(0.5, 1.06 * float(draws.std()) * len(draws) ** -0.2)
    density = float(np.exp(-0.5 * ((value - draws) / width) ** 2).mean() / (width * np.sqrt(2 * np.pi)))
    return {
        "as_of": as_of,
        "claim_id": r["claim_id"],
        "published": r["published"],
        "origin_group": r["origin_group"],
        "quantity": r["quantity"],
        "period_start": r["period_start"],
        "period_end": end,
        "days_ahead": float(max(0, (end - max(as_of, r["period_start"])).days)),
        "method": method,
        "published_value": value,
        "median": q[0],
        "low50": q[1],
        "high50": q[2],
        "low80": q[3],
        "high80": q[4],
        "low95": q[5],
        "high95": q[6],
        "inside50": bool(q[1] <= value <= q[2]),
        "inside80": bool(q[3] <= value <= q[4]),
        "inside95": bool(q[5] <= value <= q[6]),
        "crps": crps(draws, value),
        "log_score": float(np.log(max(density, 1e-12))),
        "parents": [r["evidence_id"]] if r.get("evidence_id") else None,
    }
