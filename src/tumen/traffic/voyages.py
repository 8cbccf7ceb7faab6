"""From drawn paths to visits with a ship, seen or unseen, and to voyages with origin and destination.

Takes `Paths` and the looks; gives flat arrays of visits, one entry for each visit of each draw: month,
ship, whether a look caught it, when it left and where it went. A visit that looks marked is given a
hull in proportion to those marks; the others are drawn from the composition of the traffic.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tumen.case.traffic_settings import TrafficSettings
from tumen.traffic.chain import UNIT_DAYS, UNITS_PER_DAY
from tumen.traffic.looks import Clock, Elsewhere, Hulls, Observation
from tumen.traffic.paths import Paths
from tumen.traffic.totals import destination_shares

UNIDENTIFIED = "unidentified"
UNKNOWN_PORT = "unknown"
_COMPOSITION_WEIGHT = 6.0  # prior visits that the composition of the roster stands for: as many as one month's
_LAY_THERE = -0.5  # arrival (unit) of a ship that lay in port when the period began
_CLASS_TOLERANCE_M = 8.0  # a measured length this near a roster class takes its name


@dataclass(frozen=True)
class Visits:
    """Flat arrays (V,), ordered by draw and arrival.

    `arrived` is the unit of arrival, below 0 for a ship that lay in port when the period began. `left` is the unit of
    departure, -1 where still alongside at the end. `ship` indexes `labels`.
    `first` (D + 1,) is where each draw's visits begin.
    """

    draw: np.ndarray
    arrived: np.ndarray
    left: np.ndarray
    seen: np.ndarray
    ship: np.ndarray
    labels: tuple[str, ...]
    first: np.ndarray
    shown: Mapping[str, np.ndarray]


def visits_of(
    paths: Paths,
    observations: Sequence[Observation],
    hulls: Hulls,
    clock: Clock,
    totals: Sequence[Mapping[str, Any]],
    settings: TrafficSettings,
    rng: np.random.Generator,
    seen_elsewhere: Sequence[Elsewhere] = (),
) -> Visits:
    """All visits of all draws. `totals` are claims of voyages by one named hull, `seen_elsewhere` hulls seen in other ports."""
    came = paths.arrived + paths.lying[:, None].astype(np.int16)
    draw, cut = _events(came)
    low = np.maximum(cut - 1, 0)
    arrived = paths.at[low] + rng.random(len(cut)) * (paths.at[cut] - paths.at[low])
    counts = np.bincount(draw, minlength=paths.draws)
    first = np.concatenate([[0], np.cumsum(counts)])
    arrived[np.arange(len(draw)) - first[draw] < paths.lying[draw]] = _LAY_THERE
    gone = came - paths.ships
    gone_draw, gone_cut = _events(np.maximum.accumulate(gone, axis=1))
    gone_counts = np.bincount(gone_draw, minlength=paths.draws)
    number = np.arange(len(gone_draw)) - np.repeat(np.cumsum(gone_counts) - gone_counts, gone_counts)
    left = np.full(len(draw), -1.0)
    before = paths.at[np.maximum(gone_cut - 1, 0)]
    when = before + rng.random(len(gone_cut)) * (paths.at[gone_cut] - before)
    left[first[gone_draw] + number] = when
    order = np.argsort(draw.astype(np.float64) * (paths.at[-1] + 1.0) + arrived, kind="stable")
    arrived = arrived[order]  # several arrivals of one step, in order of time
    left = np.where(left >= 0, np.maximum(left, arrived + 0.5), left)
    seen = np.zeros(len(draw), bool)
    newest = np.zeros(paths.draws, int)
    told: list[tuple[np.ndarray, np.ndarray]] = []
    shown: dict[str, np.ndarray] = {}
    for o in observations:
        if not o.positive:
            continue
        i = int(np.searchsorted(paths.at, o.unit))
        out_by_now = gone[:, i].astype(int)
        alongside = paths.ships[:, i].astype(int)
        top = np.where(alongside > 0, out_by_now + np.minimum(max(o.seen_ships, 1), alongside), 0)
        # The look shows the ships from the oldest still alongside, or the newest already shown.
        top = np.where(
            (alongside > 0) & (newest > out_by_now), np.maximum(top, np.minimum(newest, out_by_now + alongside)), top
        )
        if o.track is not None:
            top = out_by_now + alongside  # AIS shows the ship that has just come
        for back in range(int(o.seen_ships) or 1):
            index = top - 1 - back
            ok = (alongside > back) & (index >= out_by_now) & (index >= 0)
            seen[first[:-1][ok] + index[ok]] = True
        which = np.where(alongside > 0, first[:-1] + top - 1, -1)
        shown[o.look_id] = which.astype(np.int32)
        if o.mark is not None:
            ok = which >= 0
            told.append((which[ok], o.weight * np.log(np.maximum(o.mark, 1e-12))))
        newest = np.maximum(newest, top)
    marked = np.zeros(len(draw), bool)
    for of, _ in told:
        marked[of] = True
    row = np.cumsum(marked) - 1
    marks = np.zeros((int(marked.sum()), len(hulls.share)))
    for of, log_mark in told:
        marks[row[of]] += log_mark
    absent = _absent(arrived, hulls, clock, settings) | _elsewhere(arrived, left, hulls, seen_elsewhere)
    ship, labels = _ships(draw, arrived, left, marks, marked, hulls, clock, totals, paths.draws, absent, rng)
    return Visits(draw, arrived, left, seen, ship, labels, first, shown)


def _events(running: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw and cut of each unit step of running counts (N, T), ordered by draw then time."""
    steps = np.diff(running, axis=1, prepend=np.zeros((len(running), 1), running.dtype))
    draw, cut = np.nonzero(steps)
    copies = steps[draw, cut]
    return np.repeat(draw, copies), np.repeat(cut, copies)


def _ships(
    draw: np.ndarray,
    arrived: np.ndarray,
    left: np.ndarray,
    marks: np.ndarray,
    marked: np.ndarray,
    hulls: Hulls,
    clock: Clock,
    totals: Sequence[Mapping[str, Any]],
    draws: int,
    absent: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Index of the ship's label for each visit; hulls that are `absent` (V, named) then are not given to it."""
    kinds = len(hulls.share)
    kind = np.zeros(len(draw), int)
    if marked.any():
        p = marks + np.log(hulls.share)
        p[:, : hulls.named] -= np.where(absent[marked], 20.0, 0.0)
        kind[marked] = _categorical(np.exp(p - p.max(1, keepdims=True)), rng)
    known = np.bincount(draw[marked] * kinds + kind[marked], minlength=draws * kinds).reshape(draws, kinds)
    floor = _hull_floors(totals, hulls, clock)
    told = np.zeros((draws, kinds))
    for j, first, last, low in floor:
        inside = marked & (kind == j) & (arrived >= first) & (arrived <= last)
        told[:, j] = np.maximum(told[:, j], low - np.bincount(draw[inside], minlength=draws))
    alpha = _COMPOSITION_WEIGHT * hulls.share + known + np.maximum(told, 0)
    named = hulls.named
    shares = rng.gamma(np.concatenate([alpha[:, :named], alpha[:, named:].sum(1, keepdims=True)], axis=1))
    free = np.flatnonzero(~marked)
    away = np.zeros((len(free), named + 1), bool)
    away[:, :named] = absent[free]
    kind[free] = _categorical(np.where(away, 1e-12, shares[draw[free]]), rng)
    for j, first, last, low in floor:
        _raise_to(kind, draw, arrived, left, marked, absent[:, j], j, first, last, low, draws, hulls.named, rng)
    return _labels(kind, marked, hulls)


def _absent(arrived: np.ndarray, hulls: Hulls, clock: Clock, settings: TrafficSettings) -> np.ndarray:
    out = np.zeros((len(arrived), hulls.named), bool)
    for a in settings.hull_absences:
        if a.vessel in hulls.names:
            last = clock.day(a.end + dt.timedelta(days=1)) if a.end else np.inf
            out[:, hulls.names.index(a.vessel)] |= (arrived >= clock.day(a.start)) & (arrived < last)
    return out


def _elsewhere(arrived: np.ndarray, left: np.ndarray, hulls: Hulls, seen: Sequence[Elsewhere]) -> np.ndarray:
    """Visits (V, named) during which a hull was seen in another port, or on its way from or to it."""
    out = np.zeros((len(arrived), hulls.named), bool)
    until = np.where(left < 0, np.inf, left)
    by_hull: dict[int, list[Elsewhere]] = {}
    for e in seen:
        if e.p > 0.5:
            by_hull.setdefault(e.hull, []).append(e)
    for hull, own in by_hull.items():
        begun, over = np.sort([e.gone for e in own]), np.sort([e.back for e in own])
        out[:, hull] = np.searchsorted(begun, until) > np.searchsorted(over, arrived, side="right")
    return out


def _hull_floors(totals: Sequence[Mapping[str, Any]], hulls: Hulls, clock: Clock) -> list[tuple[int, int, int, int]]:
    """Named hulls' published counts as (hull, first unit, last unit, least visits)."""
    out = []
    for r in totals:
        if r["vessel"] in hulls.names and r["reading"] in ("at_least", "exactly", "range"):
            value = r["low"] if r["low"] is not None else r["point"]
            if value is not None:
                end = (r["period_end"] or r["published"]) + dt.timedelta(days=1)
                out.append((hulls.names.index(r["vessel"]), clock.day(r["period_start"]), clock.day(end), int(value)))
    return out


def _raise_to(
    kind: np.ndarray,
    draw: np.ndarray,
    arrived: np.ndarray,
    left: np.ndarray,
    marked: np.ndarray,
    absent: np.ndarray,
    hull: int,
    first: int,
    last: int,
    low: int,
    draws: int,
    named: int,
    rng: np.random.Generator,
) -> None:
    """Give free visits of a period to a hull until the draw has at least its published count."""
    inside = (arrived >= first) & (arrived <= last)
    have = np.bincount(draw[inside & (kind == hull)], minlength=draws)
    free = np.flatnonzero(inside & ~marked & (kind != hull) & ~absent)
    if not len(free):
        return
    key = np.lexsort((rng.random(len(free)) + (kind[free] < named), draw[free]))  # unknown hulls are renamed first
    ordered = free[key]
    counts = np.bincount(draw[ordered], minlength=draws)
    rank = np.arange(len(ordered)) - np.repeat(np.cumsum(counts) - counts, counts)
    kind[ordered[rank < np.maximum(low - have, 0)[draw[ordered]]]] = hull


def _labels(kind: np.ndarray, marked: np.ndarray, hulls: Hulls) -> tuple[np.ndarray, tuple[str, ...]]:
    labels = [*hulls.names, UNIDENTIFIED, *(c for c, _ in hulls.classes)]
    of_kind = np.full(len(hulls.share), hulls.named)
    of_kind[: hulls.named] = np.arange(hulls.named)
    for j in range(hulls.named, len(hulls.share)):
        near = [(abs(length - hulls.length_m[j]), i) for i, (_, length) in enumerate(hulls.classes)]
        if near and min(near)[0] <= _CLASS_TOLERANCE_M:
            of_kind[j] = hulls.named + 1 + min(near)[1]
    ship = np.where(marked | (kind < hulls.named), of_kind[kind], hulls.named)
    return ship, tuple(labels)


def _categorical(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    edges = np.cumsum(weight, axis=1)
    return np.minimum((edges <= (rng.random(len(weight)) * edges[:, -1])[:, None]).sum(1), weight.shape[1] - 1)


def destinations_of(
    left: np.ndarray, clock: Clock, names: Sequence[str], settings: TrafficSettings, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Index of the destination of each departure (V,), into the names returned; -1 where not laden or not gone."""
    labels = tuple(dict.fromkeys([*names, *(d.place for d in settings.destinations), UNKNOWN_PORT]))
    out = np.full(len(left), -1)
    gone = left >= 0
    laden = gone & (rng.random(len(left)) < settings.laden_share)
    day = np.maximum(left // UNITS_PER_DAY, 0).astype(int)
    edges = np.zeros((int(day.max(initial=0)) + 1, len(labels)))
    for d in range(len(edges)):
        shares = destination_shares(settings.destinations, clock.when(d * UNITS_PER_DAY).date())
        if not shares:
            shares = {n: 1.0 / len(names) for n in names} if names else {UNKNOWN_PORT: 1.0}
        edges[d] = np.cumsum([shares.get(n, 0.0) for n in labels])
    u = rng.random(len(left))
    out[laden] = np.minimum((edges[day[laden]] <= u[laden, None]).sum(1), len(labels) - 1)
    return out, labels


def back_after(settings: TrafficSettings, far_dwell_days: float, phases: int, longest_days: float = 40.0) -> np.ndarray:
    """Chance that a hull is back at the port of loading by units since it left: out, discharged, and home again."""
    from scipy.special import gammainc

    size = int(longest_days * UNITS_PER_DAY)
    sailed = _passage_law(settings, size)
    stayed = np.diff(gammainc(phases, np.arange(size + 1) * UNIT_DAYS * phases / far_dwell_days))
    return np.cumsum(np.convolve(np.convolve(sailed, stayed)[:size], sailed)[:size])


def alongside_after(
    settings: TrafficSettings,
    dwell_days: float,
    phases: int,
    share: float = 1.0,
    unseen: Sequence[tuple[int, float]] = (),
    longest_days: float = 15.0,
    *,
    already: int | None = None,
) -> np.ndarray:
    """Chance of lying at the port of discharge by units since leaving the port of loading.

    `unseen` are earlier looks there that showed no ship: units before this one, and the chance that each would have found it.
    A ship bound there (with probability `share`) that they did not find had mostly not come yet, or left: what they told is
    not told again. With `already`, the chance of lying there now and at that many units before as well.
    """
    from scipy.special import gammaincc

    grid = np.arange(0, int(longest_days * UNITS_PER_DAY))
    passage, stay = _passage_law(settings, len(grid)), gammaincc(phases, grid * UNIT_DAYS * phases / dwell_days)
    there, missed, stayed = stay * _since(grid), np.ones(len(grid)), np.ones(len(grid))
    if already is not None:
        there *= _since(grid - already)
    # A ship that landed y units ago lay there at every earlier look since then for which its stay lasted.
    for back, found in sorted(unseen, reverse=True):
        would = found * _since(grid - back)
        missed -= would * stayed * stay[np.maximum(grid - back, 0)]
        stayed *= 1.0 - would
        there *= 1.0 - would
    landed = np.cumsum(passage)
    not_found = np.convolve(passage, missed)[: len(grid)] + 1.0 - landed
    return np.convolve(passage, there)[: len(grid)] / (1.0 - share + share * not_found)


def _since(units: np.ndarray) -> np.ndarray:
    # Of the ships that land within the unit of a look half do so after it.
    return np.where(units > 0, 1.0, np.where(units == 0, 0.5, 0.0))


def _passage_law(settings: TrafficSettings, size: int) -> np.ndarray:
    """Chance of each length of the passage in units, (size,)."""
    from scipy.special import ndtr

    edges = (np.arange(size + 1) - 0.5) * UNIT_DAYS
    passage = settings.passage_days
    return np.diff(ndtr(np.log(np.maximum(edges, 1e-12) / passage.median) / max(passage.sd_log, 1e-3)))
