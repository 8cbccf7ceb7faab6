"""The step: looks and published totals in, joint draws of visits and voyages out.

One port of loading at a time: exact pass over its looks, parameters by importance sampling, then paths
drawn with the published totals as evidence. Ports of discharge get their visits from the voyages. A port
that is neither (role 'other') is counted by itself where `looks` has a vessel reading of it and nothing
else carries the case.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from tumen import tables
from tumen.case.traffic_settings import TrafficSettings
from tumen.traffic.chain import UNITS_PER_DAY, port
from tumen.traffic.filter import STRETCH_DAYS, Problem
from tumen.traffic.looks import (
    Clock,
    Hulls,
    PortLooks,
    TrafficFault,
    check_looks,
    clock_of,
    elsewhere,
    hull_conflicts,
    hulls_of,
    read_port,
)
from tumen.traffic.paths import LEAST_LIVE_POINTS, Evidence, Paths, draw_paths, pooled
from tumen.traffic.points import Weighted, integrate
from tumen.traffic.prior import levels
from tumen.traffic.tie import Tie, joined
from tumen.traffic.totals import (
    ELSEWHERE,
    ChoiceEvidence,
    DaysEvidence,
    FarEvidence,
    Listed,
    ReportsEvidence,
    SpanEvidence,
    TotalEvidence,
    collectors,
    destination_shares,
    path_evidence,
)
from tumen.traffic.voyages import Visits, alongside_after, back_after, visits_of

Rows = Sequence[Mapping[str, Any]]
Weighed = Callable[["PortCase", Weighted], None]
ALL_PORTS = "all ports of loading"
_RUN = 4000  # draws from which on they are shared out over two runs, one a core: each on parameter points of its own
_FAR_MEMORY = 15 * UNITS_PER_DAY  # in which a ship has left a port of discharge again
_CLOUDED = 0.05  # a far look that would find a ship less often than this tells nothing of it


@dataclass(frozen=True)
class PortCase:
    """All evidence on one port of loading, read and placed on its clock."""

    place: str
    clock: Clock
    end_unit: int
    last_unit: int
    looks: PortLooks
    hulls: Hulls
    evidence: tuple[Evidence, ...]
    hull_totals: tuple[Mapping[str, Any], ...]
    remarks: tuple[str, ...]
    settings: TrafficSettings
    berths: int
    rows: tuple[Mapping[str, Any], ...]

    @property
    def problem(self) -> Problem:
        """The chain, the grid of rates, and the looks."""
        tracked = any(o.mark is not None and o.track is None for o in self.looks.observations)
        chain = port(self.settings.dwell_phases, self.berths, tracked)
        s = self.settings
        grid, watched = levels(s.swing_sd_log), s.reports_gathered and s.selection
        back = back_after(s, s.dwell_days.median, s.dwell_phases) if tracked else None
        return Problem(
            chain, grid, self.looks, self.hulls, self.end_unit, watched, s.ais_gathered, s.starts_empty, back
        )


@dataclass(frozen=True)
class Counted:
    """Draws of one port: what was asked, the weighted parameters, the paths and their visits."""

    case: PortCase
    weighted: Weighted
    paths: Paths
    visits: Visits


def read_cases(
    looks: pa.Table,
    claims: pa.Table,
    places: pa.Table,
    vessels: pa.Table,
    settings: TrafficSettings,
    period: tuple[dt.date, dt.date],
) -> tuple[list[PortCase], list[str], list[str], list[dict[str, Any]]]:
    """Ports of loading with their evidence, the ports of discharge, conflicts between looks, and the looks by port.

    Raises `TrafficFault` naming every look that is impossible in itself.
    """
    if period[1] < period[0]:
        raise TrafficFault(f"period ends {period[1]} before it starts {period[0]}, expected end >= start")
    place_rows = places.to_pylist()
    within = {r["place"]: r["part_of"] for r in place_rows if r["part_of"]}
    look_rows = [_at_port(r, within) for r in looks.to_pylist()]
    claim_rows = [{**r, "place": within.get(r["place"], r["place"])} for r in claims.to_pylist()]
    vessel_rows = vessels.to_pylist()
    ports = [r for r in place_rows if not r["part_of"]]
    origins = [r["place"] for r in ports if r["role"] == "origin" and r["kind"] in ("port", "pier", "berth")]
    destinations = [r["place"] for r in ports if r["role"] == "destination" and r["kind"] in ("port", "pier", "berth")]
    if not origins:
        looked = {r["place"] for r in look_rows}
        origins = [r["place"] for r in ports if r["place"] in looked and r["place"] not in destinations]
        if not origins:
            origins, destinations = destinations, []
    berths = {r["place"]: min(r["berths"] or settings.berths, 4) for r in ports if r["place"] in origins}
    check_looks(look_rows, berths)
    hulls = hulls_of(vessel_rows, settings)
    positions = {r["place"]: (r["lat"], r["lon"]) for r in place_rows if r["lat"] is not None and r["lon"] is not None}
    conflicts, nameless = hull_conflicts(look_rows, positions, hulls.names)
    clock = clock_of(period[0], settings)
    end_unit = clock.day(period[1] + dt.timedelta(days=1))
    last_unit = clock.day(_months_on(period[1] + dt.timedelta(days=1), settings.horizon_months))
    named = [r for r in look_rows if r["vessel"] in hulls.names]
    cases = [
        _read_case(
            place,
            look_rows,
            named,
            claim_rows,
            destinations,
            hulls,
            berths[place],
            clock,
            end_unit,
            last_unit,
            settings,
            nameless,
            positions,
            alone=len(origins) == 1,
        )
        for place in origins
    ]
    return cases, destinations, conflicts, look_rows


def tie_of(
    cases: Sequence[PortCase], destinations: Sequence[str], claims: pa.Table, rows: Rows
) -> tuple[Tie, list[str]]:
    """What ties several ports of loading: looks at ports of discharge, totals of no one port; with remarks."""
    if len(cases) < 2:
        return Tie((), ()), []
    c = cases[0]
    looks: list[FarEvidence] = []
    for far in destinations:
        looks += _far(rows, far, c.clock, c.end_unit, c.hulls, c.settings, len(destinations), alone=False)
    used = [
        r for r in claims.to_pylist() if r["use"] == "evidence" and (r["place"] is None or r["place"] in destinations)
    ]
    groups, said = collectors(used, ALL_PORTS, destinations, c.clock, c.end_unit, c.settings)
    counts = path_evidence(groups, {}, ALL_PORTS, c.settings)
    return Tie(tuple(looks), tuple(e for e in counts if isinstance(e, TotalEvidence))), said


def _at_port(r: Mapping[str, Any], within: Mapping[str, str]) -> dict[str, Any]:
    """A look at a pier that the case lists as a place becomes a look at its port, of that berth."""
    place, berth = r["place"], r["berth"]
    while place in within:
        berth = berth or place
        place = within[place]
    return {**r, "place": place, "berth": berth}


def _months_on(day: dt.date, months: int) -> dt.date:
    month = day.month - 1 + months
    return dt.date(day.year + month // 12, month % 12 + 1, 1) if months else day


def _read_case(
    place: str,
    rows: Sequence[Mapping[str, Any]],
    named: Sequence[Mapping[str, Any]],
    claims: Sequence[Mapping[str, Any]],
    destinations: Sequence[str],
    hulls: Hulls,
    berths: int,
    clock: Clock,
    end_unit: int,
    last_unit: int,
    settings: TrafficSettings,
    nameless: set[str],
    positions: Mapping[str, tuple[float, float]],
    *,
    alone: bool,
) -> PortCase:
    used = [
        r
        for r in claims
        if r["use"] == "evidence" and (r["place"] == place or (alone and r["place"] in (None, *destinations)))
    ]
    days, remarks = _day_claims(used, place, clock, end_unit)
    read = read_port(
        rows,
        place,
        clock,
        end_unit,
        hulls,
        berths,
        settings,
        complete=[(first, last) for first, last, *_ in days],
        nameless=nameless,
    )
    read = replace(read, elsewhere=elsewhere(named, place, positions, hulls, clock, nameless))
    groups, said = collectors(used, place, destinations, clock, end_unit, settings)
    listed: dict[str, Listed] = {}
    for group in {g for g, _ in groups}:
        own = [o for o in read.observations if o.collector == group and o.positive]
        listed[group] = Listed(tuple(o.unit for o in own), tuple(o.seen_ships for o in own))
    evidence = path_evidence(groups, listed, place, settings)
    evidence += [SpanEvidence(s.end, f"span {s.look_ids[0]}", s) for s in read.spans]
    evidence += _days(days, read, settings)
    if alone:
        for far in destinations:
            evidence += _far(rows, far, clock, end_unit, hulls, settings, len(destinations), alone=True)
    totals = tuple(r for r in used if r["vessel"] is not None and r["quantity"] in ("visits", "voyages"))
    return PortCase(
        place,
        clock,
        end_unit,
        last_unit,
        read,
        hulls,
        tuple(evidence),
        totals,
        tuple(remarks + said),
        settings,
        berths,
        tuple(r for r in rows if r["place"] == place),
    )


def _day_claims(
    claims: Sequence[Mapping[str, Any]], place: str, clock: Clock, end_unit: int
) -> tuple[list[tuple[int, int, int, int, str]], list[str]]:
    """Pairs of usable and occupied days: (first, last, usable, occupied, claim id)."""
    out, remarks = [], []
    busy = [r for r in claims if r["quantity"] == "vessel_days" and r["place"] in (None, place) and r["vessel"] is None]
    for r in busy:
        match = [
            q
            for q in claims
            if q["quantity"] == "image_days"
            and q["origin_group"] == r["origin_group"]
            and q["period_start"] == r["period_start"]
            and q["period_end"] == r["period_end"]
            and q["place"] in (None, place)
        ]
        if not match or match[0]["point"] is None or r["point"] is None:
            remarks.append(
                f"{r['claim_id']} gives occupied days without usable days of the same period and is not used"
            )
            continue
        first = max(clock.day(r["period_start"]), 0)
        last = min(clock.day(r["period_end"] or r["published"]), end_unit)
        if r["point"] > match[0]["point"]:
            raise TrafficFault(
                f"{r['claim_id']}: {r['point']:g} days with a vessel, expected at most the {match[0]['point']:g} usable days "
                f"of {match[0]['claim_id']}"
            )
        if last > first:
            out.append((first, last, int(match[0]["point"]), int(r["point"]), r["claim_id"]))
    return out, remarks


def _days(days: Sequence[tuple[int, int, int, int, str]], read: PortLooks, settings: TrafficSettings) -> list[Evidence]:
    out: list[Evidence] = []
    for first, last, usable, occupied, claim in days:
        inside: dict[int, bool] = {}
        for o in read.observations:
            if first <= o.unit <= last and o.usable >= 0.5:
                day = round(o.unit / UNITS_PER_DAY) * UNITS_PER_DAY
                inside[day] = inside.get(day, False) or o.positive
        rest = max(usable - len(inside), 0)
        busy = min(max(occupied - sum(inside.values()), 0), rest)
        if rest:
            out.append(
                DaysEvidence(last, f"days {claim}", first, last, rest, busy, tuple(inside), settings.day_share_weight)
            )
    return out


def choices(problem: Problem, settings: TrafficSettings) -> list[Evidence]:
    """Evidence of the choice of looks and of what reports tell and do not tell, stretch by stretch."""
    chosen: list[Evidence] = [
        ChoiceEvidence(s.days[-1], f"choice of looks, day {s.days[0] // UNITS_PER_DAY}", s.days, s.bought)
        for s in problem.stretches
    ]
    change = 0.5 * (1.0 - np.exp(-2.0 * STRETCH_DAYS / settings.attention_days))
    return chosen + [
        ReportsEvidence(w.end, f"reports to day {w.end // UNITS_PER_DAY}", w.days, w.told, float(change))
        for w in problem.watches
    ]


def _far(
    rows: Sequence[Mapping[str, Any]],
    far: str,
    clock: Clock,
    end_unit: int,
    hulls: Hulls,
    settings: TrafficSettings,
    number: int,
    *,
    alone: bool,
) -> list[FarEvidence]:
    """Looks at a port of discharge. `alone`: its ships come from one port of loading, whose path tells of two looks at once."""
    read = read_port(rows, far, clock, end_unit, hulls, 4, settings)
    detection, dwell = settings.detection.median, settings.dwell_at(far).median
    out: list[FarEvidence] = []
    empty: list[tuple[int, float]] = []  # looks of the last days that showed no ship, and what each would have found
    shown: FarEvidence | None = None  # the look right before, where it showed one
    for o in read.observations:
        share = destination_shares(settings.destinations, clock.when(o.unit).date())
        part = settings.laden_share * (share.get(far, ELSEWHERE) if share else 1.0 / number)
        empty = [(unit, found) for unit, found in empty if o.unit - unit < _FAR_MEMORY]
        unseen = [(o.unit - unit, found) for unit, found in empty]
        lag = alongside_after(settings, dwell, settings.dwell_phases, part, unseen)
        look = FarEvidence(o.unit, f"far look {o.look_id}", o, lag, part, settings.ships_at_destination_otherwise)
        if alone and o.positive and shown is not None and o.unit - shown.unit < _FAR_MEMORY:
            back = o.unit - shown.unit
            both = alongside_after(settings, dwell, settings.dwell_phases, part, unseen, already=back)
            # The one before without its own: what is passed to the second run would else hold the whole row of looks.
            look = replace(look, earlier=replace(shown, earlier=None, both=None), both=both)
        out.append(look)
        found = o.usable * detection * o.weight
        if o.positive:
            shown = look
        else:
            empty.append((o.unit, found))
            shown = shown if found < _CLOUDED else None
    return out


def month_starts(first: dt.date, last: dt.date) -> list[dt.date]:
    """First days of the months from that of `first` to that of `last`.

    >>> [m.isoformat() for m in month_starts(dt.date(2023, 12, 5), dt.date(2024, 1, 1))]
    ['2023-12-01', '2024-01-01']
    """
    out = []
    year, month = first.year, first.month
    while (year, month) <= (last.year, last.month):
        out.append(dt.date(year, month, 1))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return out


def count_port(
    case: PortCase,
    rng: np.random.Generator,
    draws: int,
    *,
    evidence: Sequence[Evidence] | None = None,
    particles: int | None = None,
    weighed: Weighed | None = None,
) -> Counted:
    """Joint draws of one port; more particles where too few distinct paths survive the totals."""
    weighted, paths = draw_port(case, rng, draws, evidence=evidence, particles=particles, weighed=weighed, most=draws)
    return with_visits(case, weighted, paths.take(rng.permutation(paths.draws)[:draws]), rng)


def draw_port(
    case: PortCase,
    rng: np.random.Generator,
    draws: int,
    *,
    evidence: Sequence[Evidence] | None = None,
    particles: int | None = None,
    weighed: Weighed | None = None,
    most: int | None = None,
) -> tuple[Weighted, Paths]:
    """Weighted parameters and at least `draws` paths of one port, `most` where that is said.

    `weighed` is told the parameters before paths are drawn.
    """
    settings = case.settings
    pieces = list(case.evidence if evidence is None else evidence)
    problem = case.problem
    pieces = sorted(pieces + choices(problem, settings), key=lambda e: e.unit)
    weighted = integrate(problem, settings, settings.dwell_at(case.place), rng)
    if weighed is not None:
        weighed(case, weighted)
    size = max(particles or settings.particles, draws)
    parts = _runs(case, problem, weighted, pieces, size, rng)
    paths = pooled(parts, draws, rng, most)
    for _ in range(2):
        few = paths.lineages < settings.min_effective_paths or paths.live_points < LEAST_LIVE_POINTS
        if particles is not None or not few:
            break
        parts += _runs(case, problem, weighted, pieces, sum(p.draws for p in parts), rng)
        paths = pooled(parts, draws, rng, most)
    return weighted, paths


def _runs(
    case: PortCase,
    problem: Problem,
    weighted: Weighted,
    pieces: Sequence[Evidence],
    size: int,
    rng: np.random.Generator,
) -> list[Paths]:
    """`size` draws; many are shared out over two runs side by side, each with a generator of its own."""
    runs = 2 if size >= 2 * _RUN else 1

    def one(own: np.random.Generator) -> Paths:
        return draw_paths(problem, weighted, case.last_unit, pieces, size // runs, own)

    with ThreadPoolExecutor(runs) as threads:
        return list(threads.map(one, rng.spawn(runs)))


def with_visits(case: PortCase, weighted: Weighted, paths: Paths, rng: np.random.Generator) -> Counted:
    """Drawn paths with the ships of their visits."""
    looks = case.looks
    visits = visits_of(
        paths, looks.observations, case.hulls, case.clock, case.hull_totals, case.settings, rng, looks.elsewhere
    )
    return Counted(case, weighted, paths, visits)


def count_ports(
    cases: Sequence[PortCase],
    tie: Tie,
    seeds: Sequence[np.random.SeedSequence],
    draws: int,
    executor: Executor | None,
    weighed: Weighed | None = None,
) -> tuple[list[Counted], float | None]:
    """Joint draws of all ports of loading, and the effective number of pairings where something ties them.

    `weighed` is told the parameters of a port counted in this process by itself as soon as they stand.
    """
    if not tie and (executor is None or len(cases) == 1):
        rngs = [np.random.default_rng(seed) for seed in seeds]
        return [count_port(c, rng, draws, weighed=weighed) for c, rng in zip(cases, rngs, strict=True)], None
    run = executor.map if executor is not None and len(cases) > 1 else map
    if not tie:
        return list(run(_alone, cases, seeds, [draws] * len(cases))), None
    first = list(run(_drawn, cases, [s.spawn(1)[0] for s in seeds], [_FIRST_LOOK] * len(cases), [()] * len(cases)))
    present = [tie.present(paths) for _, paths in first]
    beside = [tie.beside(present, k) for k in range(len(cases))]
    drawn = list(run(_drawn, cases, seeds, [draws] * len(cases), beside))
    rng = np.random.default_rng(seeds[0].spawn(2)[1])
    picks, effective = joined(
        tie, [tie.beside(present, k) for k in range(len(cases))], [p for _, p in drawn], draws, rng
    )
    return [
        with_visits(c, weighted, paths.take(pick), rng)
        for c, (weighted, paths), pick in zip(cases, drawn, picks, strict=True)
    ], effective


_FIRST_LOOK = 1500  # draws of each port alone, from which the others' mean presence at the far end is told


def _alone(case: PortCase, seed: np.random.SeedSequence, draws: int) -> Counted:
    return count_port(case, np.random.default_rng(seed), draws)


def _drawn(case: PortCase, seed: np.random.SeedSequence, draws: int, far: Sequence[Evidence]) -> tuple[Weighted, Paths]:
    particles = None if far else draws
    return draw_port(case, np.random.default_rng(seed), draws, evidence=[*case.evidence, *far], particles=particles)


def count(
    looks: pa.Table,
    claims: pa.Table,
    places: pa.Table,
    vessels: pa.Table,
    settings: TrafficSettings,
    period: tuple[dt.date, dt.date],
    seed: int,
    draws: int = 4000,
    executor: Executor | None = None,
) -> dict[str, pa.Table]:
    """Count the visits and voyages of a case.

    Takes LOOKS, CLAIMS, PLACES and VESSELS rows; a period (first and last day, UTC); a seed. Gives the
    tables visits, voyages, voyage_windows, rates, forecasts and diagnostics. The draws are joint: draw d
    is one world in all of them. Months are those of arrival (visits) or departure (voyages). Several ports of
    loading are shared out over the workers of an `executor`; the result does not depend on it.

    Raises `TrafficFault` where looks or totals cannot be true, naming every row. What is doubtful but
    possible is kept and named in the diagnostics.
    """
    from tumen.traffic.diagnose import SecondRuns
    from tumen.traffic.report import report

    cases, destinations, conflicts, rows = read_cases(looks, claims, places, vessels, settings, period)
    seeds = np.random.SeedSequence(seed).spawn(len(cases) + 1)
    tie, remarks = tie_of(cases, destinations, claims, rows)
    rng = np.random.default_rng(seeds[-1])
    with SecondRuns(cases, rng) as second:
        counted, effective = count_ports(cases, tie, seeds[:-1], draws, executor, second.begin)
        return report(counted, destinations, conflicts, rows, period, draws, rng, second, effective, remarks)


def check(
    looks: pa.Table,
    claims: pa.Table,
    places: pa.Table,
    vessels: pa.Table,
    settings: TrafficSettings,
    period: tuple[dt.date, dt.date],
) -> list[str]:
    """Sentences on looks and totals that contradict each other or cannot be used, each naming its row.

    Raises `TrafficFault` naming every look or total that is impossible in itself, as `count` does.
    """
    cases, destinations, conflicts, rows = read_cases(looks, claims, places, vessels, settings, period)
    said = [*conflicts, *tie_of(cases, destinations, claims, rows)[1]]
    for case in cases:
        said += [*case.looks.conflicts, *case.remarks]
    return list(dict.fromkeys(said))


def posterior_count(
    looks: pa.Table,
    places: pa.Table,
    vessels: pa.Table,
    settings: TrafficSettings,
    period: tuple[dt.date, dt.date],
    window: tuple[dt.date, dt.date],
    seed: int,
    most: int = 127,
) -> np.ndarray:
    """Exact distribution of the number of arrivals in a window (first and last day) given the looks alone.

    Gives probabilities (most + 1,) of 0 .. `most` arrivals at the one port of loading, parameters integrated by
    importance sampling. Counts above `most` wrap round to 0: choose it well above the likely count. The choice of
    looks enters by its tangent, not exactly; published totals do not enter (see `count`).
    """
    from tumen.traffic.filter import count_in_window

    cases = read_cases(looks, tables.CLAIMS.empty(), places, vessels, settings, period)[0]
    if len(cases) != 1:
        raise ValueError(f"{len(cases)} ports of loading, expected one")
    case = cases[0]
    weighted = integrate(case.problem, settings, settings.dwell_at(case.place), np.random.default_rng(seed))
    first, last = case.clock.day(window[0]), case.clock.day(window[1] + dt.timedelta(days=1))
    if first < 0 or last > case.last_unit or last <= first:
        raise ValueError(f"window {window[0]} to {window[1]} does not lie in the period and its horizon")
    return count_in_window(case.problem, weighted.points, weighted.weight, first, last, most)
