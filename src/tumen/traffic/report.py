"""From counted ports to the tables of the step: visits, voyages, windows, rates, forecasts, diagnostics.

Takes `Counted` ports of loading; gives tables of `tables/count.py`. Ports of discharge get one visit for
each laden voyage bound for them; it is seen where a look there caught a ship in the days it lay alongside.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tumen import tables
from tumen.traffic.chain import UNITS_PER_DAY, WEEK_UNITS
from tumen.traffic.counting import Counted, PortCase, month_starts
from tumen.traffic.diagnose import SecondRuns, diagnostics
from tumen.traffic.looks import Observation, read_port
from tumen.traffic.voyages import destinations_of


def report(
    counted: Sequence[Counted],
    destinations: Sequence[str],
    conflicts: Sequence[str],
    looks: Sequence[Mapping[str, Any]],
    period: tuple[dt.date, dt.date],
    draws: int,
    rng: np.random.Generator,
    second: SecondRuns,
    tied: float | None = None,
    remarks: Sequence[str] = (),
) -> dict[str, pa.Table]:
    """All tables of the step. `tied` is the effective number of joint draws where looks or totals tie several ports."""
    visits: list[dict[str, Any]] = []
    voyages: list[dict[str, Any]] = []
    forecasts: list[dict[str, Any]] = []
    windows: list[dict[str, Any]] = []
    rates: list[dict[str, Any]] = []
    for c in counted:
        months = month_starts(period[0], c.case.clock.when(c.case.last_unit - 1).date())
        edges = np.array([c.case.clock.day(m) for m in months] + [c.case.last_unit + 1])
        v = c.visits
        inside = (v.arrived >= 0) & (v.arrived < c.case.end_unit)
        month = np.searchsorted(edges, np.maximum(v.arrived, 0), side="right") - 1
        visits.append(_visit_rows(c.case.place, v.draw, month, v.ship, v.seen, inside, months, v.labels))
        bound, ports = destinations_of(v.left, c.case.clock, destinations, c.case.settings, rng)
        left_month = np.searchsorted(edges, np.maximum(v.left, 0), side="right") - 1
        sailed = bound >= 0
        now = sailed & (v.left < c.case.end_unit)
        voyages.append(_voyage_rows(c.case.place, v.draw, left_month, bound, v.ship, now, months, ports, v.labels))
        far_looks = {
            p: read_port(looks, p, c.case.clock, c.case.end_unit, c.case.hulls, 4, c.case.settings)
            for p in destinations
        }
        landed = v.left + _passages(len(v.left), c.case, rng)
        for j, name in enumerate(ports):
            if name not in destinations:
                continue
            of = sailed & (bound == j) & (landed < c.case.end_unit)
            seen = _seen_far(v.draw, landed, of, far_looks[name].observations, name, c.case, rng)
            far_month = np.searchsorted(edges, np.maximum(landed, 0), side="right") - 1
            visits.append(_visit_rows(name, v.draw, far_month, v.ship, seen, of, months, v.labels))
        forecasts += _forecasts(c, months, month, left_month, sailed, period, draws)
        windows += _windows(c, bound, ports, destinations, looks)
        rates += _rates(c, months, period)
    return {
        "visits": tables.VISITS.build(_joined(visits, tables.VISITS)),
        "voyages": tables.VOYAGES.build(_joined(voyages, tables.VOYAGES)),
        "voyage_windows": tables.VOYAGE_WINDOWS.build(windows),
        "rates": tables.RATES.build(rates),
        "forecasts": tables.FORECASTS.build(_joined(forecasts, tables.FORECASTS)),
        "diagnostics": tables.DIAGNOSTICS.build(diagnostics(counted, conflicts, second, tied, remarks)),
    }


def voyages_until(
    counted: Sequence[Counted], destinations: Sequence[str], until: dt.date, rng: np.random.Generator
) -> pa.Table:
    """The table `voyages` of all that leave up to a day, foretold ones too."""
    parts = []
    for c in counted:
        clock, v = c.case.clock, c.visits
        months = month_starts(clock.when(0).date(), until)
        edges = np.array([clock.day(m) for m in months])
        bound, ports = destinations_of(v.left, clock, destinations, c.case.settings, rng)
        month = np.searchsorted(edges, np.maximum(v.left, 0), side="right") - 1
        keep = (bound >= 0) & (v.left < clock.day(until + dt.timedelta(days=1)))
        parts.append(
            _voyage_rows(c.case.place, v.draw, np.maximum(month, 0), bound, v.ship, keep, months, ports, v.labels)
        )
    return tables.VOYAGES.build(_joined(parts, tables.VOYAGES))


def _joined(parts: Sequence[Mapping[str, Any]], table: tables.Table) -> dict[str, Any]:
    if not parts:
        return {c.name: [] for c in table.columns if c.null is None}
    return {name: pa.concat_arrays([_array(p[name]) for p in parts]) for name in parts[0]}


def _array(values: Any) -> pa.Array:
    if isinstance(values, pa.DictionaryArray):
        return values.cast(values.type.value_type)
    return values if isinstance(values, pa.Array) else pa.array(values)


def _cells(keys: Sequence[np.ndarray], sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Distinct combinations of integer keys: flat codes of all rows and the codes present."""
    code = np.zeros(len(keys[0]), np.int64)
    for key, size in zip(keys, sizes, strict=True):
        code = code * size + key
    return np.unique(code, return_inverse=True)


def _names(index: np.ndarray, labels: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(list(labels), pa.string()))


def _dates(index: np.ndarray, months: Sequence[dt.date]) -> pa.Array:
    return pa.array(months, pa.date32()).take(pa.array(index))


def _visit_rows(
    place: str,
    draw: np.ndarray,
    month: np.ndarray,
    ship: np.ndarray,
    seen: np.ndarray,
    keep: np.ndarray,
    months: Sequence[dt.date],
    labels: Sequence[str],
) -> dict[str, Any]:
    d, m, s, caught = draw[keep], month[keep], ship[keep], seen[keep]
    present, inverse = _cells([d, m, s], [int(draw.max(initial=0)) + 1, len(months), len(labels)])
    got = np.bincount(inverse, weights=caught, minlength=len(present)).astype(np.int32)
    every = np.bincount(inverse, minlength=len(present)).astype(np.int32)
    rest, ship_index = np.divmod(present, len(labels))
    draw_index, month_index = np.divmod(rest, len(months))
    return {
        "draw": pa.array(draw_index.astype(np.int32)),
        "place": pa.array([place]).take(pa.array(np.zeros(len(present), np.int32))),
        "month": _dates(month_index, months),
        "ship": _names(ship_index, labels),
        "seen": pa.array(got),
        "unseen": pa.array(every - got),
    }


def _voyage_rows(
    place: str,
    draw: np.ndarray,
    month: np.ndarray,
    bound: np.ndarray,
    ship: np.ndarray,
    keep: np.ndarray,
    months: Sequence[dt.date],
    ports: Sequence[str],
    labels: Sequence[str],
) -> dict[str, Any]:
    sizes = [int(draw.max(initial=0)) + 1, len(months), len(ports), len(labels)]
    present, inverse = _cells([draw[keep], month[keep], bound[keep], ship[keep]], sizes)
    number = np.bincount(inverse, minlength=len(present)).astype(np.int32)
    rest, ship_index = np.divmod(present, len(labels))
    rest, port_index = np.divmod(rest, len(ports))
    draw_index, month_index = np.divmod(rest, len(months))
    return {
        "draw": pa.array(draw_index.astype(np.int32)),
        "month": _dates(month_index, months),
        "origin": pa.array([place]).take(pa.array(np.zeros(len(present), np.int32))),
        "destination": _names(port_index, ports),
        "ship": _names(ship_index, labels),
        "voyages": pa.array(number),
    }


def _passages(count: int, case: PortCase, rng: np.random.Generator) -> np.ndarray:
    prior = case.settings.passage_days
    return prior.median * np.exp(prior.sd_log * rng.standard_normal(count)) * UNITS_PER_DAY


def _seen_far(
    draw: np.ndarray,
    landed: np.ndarray,
    of: np.ndarray,
    looks: Sequence[Observation],
    place: str,
    case: PortCase,
    rng: np.random.Generator,
) -> np.ndarray:
    """Whether a look at the port of discharge caught the visit: one ship for each ship seen."""
    seen = np.zeros(len(landed), bool)
    stay = rng.gamma(
        case.settings.dwell_phases, case.settings.dwell_at(place).median / case.settings.dwell_phases, len(landed)
    )
    away = landed + stay * UNITS_PER_DAY
    for o in looks:
        if not o.positive:
            continue
        there = np.flatnonzero(of & (landed <= o.unit) & (away > o.unit))
        order = there[np.lexsort((~seen[there], draw[there]))]  # the same ship is seen again before another one
        counts = np.bincount(draw[order], minlength=int(draw.max(initial=0)) + 1)
        rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        seen[order[rank < o.seen_ships]] = True
    return seen


def _forecasts(
    c: Counted,
    months: Sequence[dt.date],
    month: np.ndarray,
    left_month: np.ndarray,
    sailed: np.ndarray,
    period: tuple[dt.date, dt.date],
    draws: int,
) -> list[dict[str, Any]]:
    """Draws of every month that begins after the last evidence, zeros included."""
    last = max([c.case.looks.last_unit] + [e.unit for e in c.case.evidence if e.unit < c.case.end_unit])
    ahead = [i for i, m in enumerate(months) if c.case.clock.day(m) > last]
    out: list[dict[str, Any]] = []
    for quantity, when, keep in (("visits", month, np.ones(len(month), bool)), ("voyages", left_month, sailed)):
        grid = np.bincount(c.visits.draw[keep] * len(months) + when[keep], minlength=draws * len(months)).reshape(
            draws, len(months)
        )[:, ahead]
        size = draws * len(ahead)
        zero = pa.array(np.zeros(size, np.int32))
        out.append(
            {
                "draw": pa.array(np.repeat(np.arange(draws, dtype=np.int32), len(ahead))),
                "month": _dates(np.tile(np.array(ahead, np.int64), draws), months),
                "quantity": pa.array([quantity]).take(zero),
                "place": pa.array([c.case.place]).take(zero),
                "value": pa.array(grid.reshape(-1).astype(np.int32)),
            }
        )
    return out


def _rates(c: Counted, months: Sequence[dt.date], period: tuple[dt.date, dt.date]) -> list[dict[str, Any]]:
    out = []
    looked = np.array(sorted(o.unit for o in c.case.looks.observations))
    for m, after in zip(months, [*months[1:], None], strict=True):
        first = max(c.case.clock.day(m), 0)
        last = c.case.clock.day(after) if after else c.case.last_unit
        weeks = slice(first // WEEK_UNITS, max(first // WEEK_UNITS + 1, -(-last // WEEK_UNITS)))
        rate = c.paths.rate[weeks]
        if m > period[1] or not len(rate):
            continue
        low, mid, high = np.quantile(rate.mean(0), [0.05, 0.5, 0.95])
        looks = int(np.diff(np.searchsorted(looked, [first, last]))[0])
        out.append(
            {
                "place": c.case.place,
                "month": m,
                "rate_median": mid,
                "rate_low90": low,
                "rate_high90": high,
                "paused": float(c.paths.paused[weeks].mean()),
                "looks": looks,
            }
        )
    return out


def _windows(
    c: Counted, bound: np.ndarray, ports: Sequence[str], destinations: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Voyages that looks tie down: a run of looks at one visit, its departure, its arrival where seen."""
    evidence = {r["look_id"]: r.get("evidence_id") for r in rows}
    far = _far_named(c, destinations, rows)
    out: list[dict[str, Any]] = []
    for run in _runs(c):
        first, last = run[0], run[-1]
        which = c.visits.shown[last.look_id]
        real = which >= 0
        if not real.any():
            continue
        index = which[real]
        left = c.visits.left[index]
        gone = left >= 0
        low, high = np.quantile(np.where(gone, left, c.case.last_unit), [0.0, 0.95])
        low = max(low, last.unit)
        ship = np.bincount(c.visits.ship[index], minlength=len(c.visits.labels))
        name = c.visits.labels[int(ship.argmax())]
        # A name that the draws give only by chance is not told.
        if ship.max() < 0.5 * len(index):
            name = "unidentified"
        to = np.bincount(bound[index][bound[index] >= 0], minlength=len(ports))
        port_name = ports[int(to.argmax())] if to.sum() and to.max() > 0.5 * to.sum() else "unknown"
        ids = [o.look_id for o in run]
        arrived_after: float | None = None
        arrived_before: float | None = None
        seen = next((f for f in far if f[2] == name and last.unit <= f[0] <= last.unit + 7 * UNITS_PER_DAY), None)
        probability = float(real.mean() * (gone & (bound[index] >= 0)).mean())
        if seen is not None:
            unit, port_name, _, look_id = seen
            high = min(high, unit)
            arrived_before = unit
            ids.append(look_id)
            probability = float(real.mean() * c.case.settings.laden_share * (ship.max() / len(index)))
        arrived_after = low + 0.4 * UNITS_PER_DAY if port_name != "unknown" else None  # 110 nautical miles at 11 knots
        if arrived_before is None and port_name != "unknown":
            prior = c.case.settings.passage_days
            arrived_before = high + prior.median * prior.factor * UNITS_PER_DAY
        out.append(
            {
                "voyage_id": f"{c.case.place}-{c.case.clock.when(last.unit):%Y-%m-%d}-{first.look_id}",
                "origin": c.case.place,
                "destination": port_name,
                "ship": name,
                "departed_after": c.case.clock.when(low),
                "departed_before": c.case.clock.when(high),
                "arrived_after": None
                if arrived_after is None
                else c.case.clock.when(min(arrived_after, arrived_before or arrived_after)),
                "arrived_before": None if arrived_before is None else c.case.clock.when(arrived_before),
                "probability": probability,
                "look_ids": ids,
                "parents": [e for i in ids if (e := evidence.get(i))] or None,
            }
        )
    return out


def _runs(c: Counted) -> list[list[Observation]]:
    """Looks at ships grouped into runs that most draws hold to be one visit."""
    positive = [o for o in c.case.looks.observations if o.positive]
    runs: list[list[Observation]] = []
    for o in positive:
        if runs:
            a, b = c.visits.shown[runs[-1][-1].look_id], c.visits.shown[o.look_id]
            both = (a >= 0) & (b >= 0)
            if both.any() and (a[both] == b[both]).mean() > 0.5:
                runs[-1].append(o)
                continue
        runs.append([o])
    return runs


def _far_named(
    c: Counted, destinations: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> list[tuple[int, str, str, str]]:
    """Named hulls seen at ports of discharge: (unit, port, hull, look id)."""
    out = []
    for r in rows:
        if r["place"] in destinations and r["vessel"] in c.case.hulls.names and r["vessel_present"]:
            out.append(
                (c.case.clock.unit(r["start"] + (r["end"] - r["start"]) / 2), r["place"], r["vessel"], r["look_id"])
            )
    return sorted(out)
