"""Published totals, occupied-day shares, stacks, far-end looks and the choice of looks as evidence on paths.

Takes rows of `tables.CLAIMS` and what is listed of each collector; gives pieces of evidence for the
particle filter. A collector counts each visit with an unknown share (a common part for
all who buy the same scenes, and one of its own, both integrated by quadrature), visits that its own listed looks already show are not counted twice, cumulative totals of one
collector enter as increments.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from tumen.case.traffic_settings import DestinationShare, TrafficSettings
from tumen.traffic.chain import UNIT_DAYS, UNITS_PER_DAY
from tumen.traffic.looks import Clock, Observation, Span, seen
from tumen.traffic.paths import BEFORE, Evidence, History
from tumen.traffic.prior import DAYS_PER_MONTH, Points

COUNTED = ("visits", "voyages", "visits_per_month")
_COMMON, _OWN = 7, 5  # quadrature nodes; two more of each move no figure by 1 %
_SWAY = 0.5  # a collector's log odds move from one stretch to the next by this: a month of cloud or of clear sky
_MISTOLD = 0.03  # share of totals whose period, place or wording was mistold on the way to us
_MOST = 192  # visits in one span up to which draws are steered by its total
_LOG_MEAN = np.linspace(np.log(0.02), np.log(200.0), 48)  # grid of expected visits to come
ELSEWHERE = 0.02  # share of the voyages to a place to which the case sends none in that time
_MEMORY_DAYS = 100.0  # in which a rate forgets half of where it was, about
# A report of a ship at a port of discharge, there because one was seen, stands for one of the occupied days and says
# next to nothing of how many there are: how many days go untold there is not carried.
_FAR_REPORT_ODDS = 200.0
_SLIP = 0.02  # share of a count that is wrong even where worded with care; keeps one slip from ruling out the truth


@dataclass(frozen=True)
class Part:
    """What one collector counted in one stretch of time: `low` to `high` visits in units (first, last]."""

    first: int
    last: int
    low: int
    high: int | None
    careful: bool
    share: float
    claim_ids: tuple[str, ...]


def collectors(
    rows: Sequence[Mapping[str, Any]],
    origin: str,
    destinations: Sequence[str],
    clock: Clock,
    end_unit: int,
    settings: TrafficSettings,
) -> tuple[dict[tuple[str, str], list[Part]], list[str]]:
    """Disjoint parts by collector and place, with sentences on totals that could not be used as they stand."""
    groups: dict[tuple[str, str], list[Part]] = {}
    remarks: list[str] = []
    for r in rows:
        if r["quantity"] not in COUNTED or r["use"] != "evidence" or r["vessel"] is not None:
            continue
        place = r["place"] or origin
        if place not in (origin, *destinations):
            continue
        first = clock.day(r["period_start"])
        last = clock.day((r["period_end"] or r["published"]) + dt.timedelta(days=1))
        if last <= 0 or first >= end_unit:
            remarks.append(f"{r['claim_id']} lies outside the period and is not used")
            continue
        if last > end_unit + UNITS_PER_DAY:
            remarks.append(f"{r['claim_id']} runs beyond the period and is not used")
            continue
        months = (last - first) / UNITS_PER_DAY / DAYS_PER_MONTH if r["quantity"] == "visits_per_month" else 1.0
        value = r["point"] if r["point"] is not None else r["low"] if r["low"] is not None else r["high"]
        low = round(months * (r["low"] if r["low"] is not None else value))
        high: int | None = round(months * (r["high"] if r["high"] is not None else value))
        if r["reading"] == "up_to":
            low = 0
        share = (
            share_to(place, r["period_start"], r["period_end"] or r["published"], settings) if place != origin else 1.0
        )
        careful = r["reading"] in ("at_least", "up_to")
        part = Part(max(first, 0), min(last, end_unit), low, high, careful, share, (r["claim_id"],))
        groups.setdefault((r["origin_group"], place), []).append(part)
    out: dict[tuple[str, str], list[Part]] = {}
    for key, parts in groups.items():
        made, said = disjoint(parts)
        out[key] = made
        remarks += said
    return out, remarks


def share_to(place: str, first: dt.date, last: dt.date, settings: TrafficSettings) -> float:
    """Mean share of the voyages of a period that go to a place; 1 where the case does not say where ships go."""
    days = [first + dt.timedelta(days=d) for d in range((last - first).days + 1)]
    shares = [destination_shares(settings.destinations, day) for day in days]
    mean = sum(s.get(place, 0.0) if s else 1.0 for s in shares) / max(len(shares), 1)
    return max(mean, ELSEWHERE)


def destination_shares(table: Sequence[DestinationShare], day: dt.date) -> dict[str, float]:
    """Share of voyages by destination on a day."""
    live = {d.place: d.share for d in table if (d.start is None or d.start <= day) and (d.end is None or day <= d.end)}
    total = sum(live.values())
    return {place: share / total for place, share in live.items()} if total else {}


def disjoint(parts: Sequence[Part]) -> tuple[list[Part], list[str]]:
    """Cumulative and nested totals of one collector as parts that do not overlap.

    A total whose period holds others is replaced by what it adds to them. One that cuts across another,
    or that adds less than nothing, is left out and named.

    >>> a = Part(0, 80, 4, 4, True, 1.0, ("a",)); b = Part(0, 240, 9, 9, True, 1.0, ("b",))
    >>> [(p.first, p.last, p.low) for p in disjoint([b, a])[0]]
    [(0, 80, 4), (80, 240, 5)]
    """
    done: list[Part] = []
    remarks: list[str] = []
    slack = 31 * UNITS_PER_DAY  # starts given as a month or as a day of that month are one start
    for p in sorted(parts, key=lambda p: (p.last - p.first, p.claim_ids)):
        inside = [d for d in done if d.first >= p.first - slack and d.last <= p.last]
        crossing = [d for d in done if d not in inside and d.last > p.first and d.first < p.last]
        if crossing:
            remarks.append(
                f"{p.claim_ids[0]} overlaps {crossing[0].claim_ids[0]} of the same collector and is not used"
            )
            continue
        gaps = _uncovered(p, inside)
        used = sum(d.low for d in inside)
        if not gaps:
            if p.low != used:
                remarks.append(
                    f"{p.claim_ids[0]} ({p.low}) covers what {inside[0].claim_ids[0]} and others tell ({used}) and is not used"
                )
            continue
        low = p.low - used
        high = None if p.high is None else p.high - sum(d.low for d in inside)
        if high is not None and high < 0:
            remarks.append(f"{p.claim_ids[0]} ({p.low}) is less than its parts ({used}) and is not used")
            continue
        ids = tuple(i for d in inside for i in d.claim_ids)
        # What is left may lie in several stretches; the longest holds it (the others are days of slack).
        first, last = max(gaps, key=lambda g: g[1] - g[0])
        done.append(Part(first, last, max(low, 0), high, p.careful, p.share, (*p.claim_ids, *ids)))
    done.sort(key=lambda p: p.first)
    return done, remarks


def _uncovered(p: Part, inside: Sequence[Part]) -> list[tuple[int, int]]:
    gaps, at = [], p.first
    for d in sorted(inside, key=lambda d: d.first):
        if d.first - at > 2 * UNITS_PER_DAY:
            gaps.append((at, d.first))
        at = max(at, d.last)
    if p.last - at >= UNITS_PER_DAY:
        gaps.append((at, p.last))
    return gaps


def common_nodes(sd_logit: float, correlation: float) -> np.ndarray:
    """Nodes of the part of the log odds that all collectors have in common, about their median: (common,)."""
    return _slices(_COMMON, sd_logit * np.sqrt(correlation))


def _slices(count: int, sd: float) -> np.ndarray:
    from scipy.special import ndtri

    middle = ndtri((np.arange(count) + 0.5) / count)
    # Slices lose the spread within them: give it back, so that the nodes have the variance they stand for.
    return middle * sd / middle.std()


@lru_cache(maxsize=8)
def share_nodes(median: float, sd_logit: float, correlation: float) -> np.ndarray:
    """Collector's shares at the quadrature nodes: (common x own,), the own node running fastest.

    Nodes are medians of equally likely slices of the common and the own part of the log odds.
    """
    common = common_nodes(sd_logit, correlation)
    own = _slices(_OWN, sd_logit * np.sqrt(1 - correlation))
    odds = np.exp(np.log(median / (1 - median)) + common[:, None] + own[None, :])
    return (odds / (1 + odds)).reshape(-1)


@lru_cache(maxsize=4096)
def _count_table(
    low: int, high: int, over: float, share: float, median: float, sd: float, correlation: float, most: int
) -> np.ndarray:
    """log P(low <= collector's count <= high | N visits, share node): (nodes, most + 1)."""
    from scipy.special import gammaln

    n, k = np.arange(most + 1)[:, None], np.arange(high + 1)[None, :]
    nodes = share_nodes(median, sd, correlation) * share
    odds = (nodes / (1 - nodes))[:, None] * np.exp(np.array([-_SWAY, 0.0, _SWAY]))
    odds = odds.reshape(-1)
    usual = float(np.exp(np.log(odds).mean()))
    # Chance of k of n at the usual share; at another share each found visit weighs by a ratio of odds, each visit
    # by a ratio of missing it, so that all shares are one product of matrices.
    choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1)
    found = np.where(k <= n, np.exp(choose + k * np.log(usual) - n * np.log1p(usual)), 0.0)
    extra_mean = over * n + 0.02
    beyond = np.zeros_like(found)
    for count in range(low, high + 1):
        more = np.where(k <= count, count - k, 0)
        chance = np.exp(-extra_mean + more * np.log(extra_mean) - gammaln(more + 1))
        # More than fifteen things that were no visit do not happen.
        beyond += np.where((k <= count) & (more < 16), chance, 0.0)
    ratio = (odds / usual)[None, :]
    total = ((found * beyond) @ ratio**k.T) * ((1 + usual) / (1 + odds))[None, :] ** n
    total = total.reshape(most + 1, len(nodes), 3).mean(2).T
    slip = _MISTOLD / (2.0 * high + 10.0) * (high - low + 1)
    return np.log((1 - _MISTOLD) * total + slip)


@dataclass(frozen=True)
class Listed:
    """Looks of one collector that show ships, as cuts to look up in a history: units and least ships seen."""

    units: tuple[int, ...] = ()
    ships: tuple[int, ...] = ()

    def caught(self, h: History, first: int, last: int) -> np.ndarray:
        """Distinct visits (N,) that these looks show in a span; the same ship seen again is one visit."""
        seen = np.zeros(len(h.point), int)
        newest = np.zeros(len(h.point), int)
        for unit, ships in zip(self.units, self.ships, strict=True):
            if not first <= unit <= last:
                continue
            i = h.index(unit)
            gone = h.departed(i)
            top = gone + np.minimum(ships, h.ships[i])
            seen += np.maximum(0, top - np.maximum(newest, gone))
            newest = np.maximum(newest, top)
        return seen


@dataclass(frozen=True)
class TotalEvidence:
    """One part of a collector's count. The draws carry the likelihood of all parts so far by quadrature node."""

    unit: int
    name: str
    group: str
    part: Part
    listed: Listed
    settings: TrafficSettings

    def log_weight(self, history: History) -> np.ndarray:
        """What this part adds to the likelihood of all counts so far, shares integrated."""
        before = _integrated(history)
        key = f"total {self.group}"
        so_far = history.carried.get(key, np.float32(0))
        history.carried[key] = so_far + self._part(history)
        own = history.carried[key].reshape(_COMMON, _OWN, -1)
        history.carried[f"common {self.group}"] = _log_mean_first(np.swapaxes(own, 0, 1))
        return _integrated(history) - before

    def _table(self, low: int, high: int, most: int) -> np.ndarray:
        s, p = self.settings, self.part
        over = _SLIP if p.careful else s.overcount_share
        prior = s.collector_share
        return _count_table(low, high, over, p.share, prior.median, prior.sd_logit, s.collector_correlation, most)

    def alone(self, visits: np.ndarray) -> np.ndarray:
        """Log likelihood of the part given the visits (N,), the collector's share known no better than its prior."""
        high = self.part.high if self.part.high is not None else self.part.low
        table = np.exp(self._table(self.part.low, high, 64 * (1 + int(visits.max()) // 64))).mean(0)
        return np.log(table[visits])

    def _part(self, h: History) -> np.ndarray:
        p = self.part
        visits = h.arrivals(p.first, p.last)
        shown = self.listed.caught(h, p.first, p.last) if self.listed.units else np.zeros_like(visits)
        high = p.high if p.high is not None else p.low
        out = np.empty((_COMMON * _OWN, len(visits)), np.float32)
        for s in np.unique(shown):
            of = shown == s
            table = self._table(max(p.low - int(s), 0), max(high - int(s), 0), 64 * (1 + int(visits.max()) // 64))
            out[:, of] = table[:, np.maximum(visits[of] - s, 0)]
        return out

    def aim(self, history: History) -> np.ndarray | None:
        """Log likelihood of the part given the visits so far and the rate of the moment."""
        p, now = self.part, int(history.at[history.now])
        if not p.first < now < p.last:
            return None
        usual = history.points.rate_per_day[history.point]
        days = (p.last - now) / UNITS_PER_DAY
        # The further ahead, the less the present rate tells of the mean to come, and the wider that lies.
        told = _MEMORY_DAYS / days * (1 - np.exp(-days / _MEMORY_DAYS))
        rate = np.where(history.paused, 0.5 * usual, usual * (np.maximum(history.rate, 1e-6) / usual) ** told)
        expected = rate * _admitted(history.occupied) * days
        visits = np.minimum(history.arrivals(p.first, now), _MOST)
        return self._if_expected(expected, visits, 0 if days < 21 else 1 if days < 90 else 2)

    def foretold(self, points: Points) -> np.ndarray:
        """Log likelihood of the part at the long-run pace of each point."""
        busy = _usually_busy(points)
        expected = points.rate_per_day * _running(points) * _admitted(busy) * (self.part.last - self.part.first)
        return self._if_expected(expected / UNITS_PER_DAY, np.zeros(len(points), int), 2)

    def _if_expected(self, expected: np.ndarray, visits: np.ndarray, horizon: int) -> np.ndarray:
        """Log likelihood of the part given the visits so far and those expected yet, off the grid of `_ahead`."""
        ahead = self._ahead[horizon]
        at = np.clip(
            (np.log(np.maximum(expected, 1e-6)) - _LOG_MEAN[0]) / (_LOG_MEAN[1] - _LOG_MEAN[0]),
            0,
            len(_LOG_MEAN) - 1.001,
        )
        low = at.astype(int)
        part = at - low
        return ahead[visits, low] * (1 - part) + ahead[visits, low + 1] * part

    @cached_property
    def _ahead(self) -> np.ndarray:
        """Log likelihood of the part given n visits so far and the log of those expected yet: (3, _MOST + 1, grid).

        The expected visits are spread by factors of 1.3, 1.7 and 2.3 for what is foretold over weeks, months, a year.
        """
        from scipy.special import gammaln

        p, n = self.part, np.arange(_MOST + 1)
        more = np.exp(n * _LOG_MEAN[:, None] - np.exp(_LOG_MEAN)[:, None] - gammaln(n + 1))
        table = np.exp(self._table(p.low, p.high if p.high is not None else p.low, _MOST)).mean(0)
        whole = table[np.minimum(n[:, None] + n[None, :], _MOST)]
        spread = []
        for shift in (2, 4, 6):
            wide = np.pad(more, ((shift, shift), (0, 0)), mode="edge")
            spread.append(whole @ (0.5 * more + 0.25 * (wide[: -2 * shift] + wide[2 * shift :])).T)
        return np.log(np.maximum(np.stack(spread), 1e-12))


def _admitted(occupied: np.ndarray) -> np.ndarray:
    # A ship in three is turned away from a port that is always occupied: near enough to steer by.
    return 1 - 0.3 * occupied


def _running(points: Points) -> np.ndarray:
    """Share of the time in which traffic is not paused, (P,)."""
    return 1.0 / (1.0 + points.pause_days / points.campaign_days)


def _usually_busy(points: Points) -> np.ndarray:
    """About the share of days with a ship alongside in the long run, (P,)."""
    return _running(points) * (1 - np.exp(-points.rate_per_day * points.dwell_days))


def _integrated(history: History) -> np.ndarray:
    """Log likelihood of all counts so far, each collector's own part integrated before, the common one here."""
    parts = [value for key, value in history.carried.items() if key.startswith("common ")]
    return _log_mean_first(sum(parts[1:], parts[0])) if parts else np.zeros(len(history.point))


def _log_mean_first(values: np.ndarray) -> np.ndarray:
    top = values.max(0)
    return top + np.log(np.exp(values - top).mean(0))


@dataclass(frozen=True)
class DaysEvidence:
    """Occupied days among usable days at unnamed dates, listed looks inside taken out."""

    unit: int
    name: str
    first: int
    last: int
    usable_days: int
    occupied_days: int
    listed_days: tuple[int, ...]
    weight: float

    @property
    def group(self) -> str:
        """No collector's count."""
        return ""

    def aim(self, history: History) -> np.ndarray | None:
        """Log likelihood at the occupied share so far, blended with that of the present rate for the rest."""
        now = int(history.at[history.now])
        if not self.first < now < self.last:
            return None
        done = (now - self.first) / (self.last - self.first)
        usual = 0.8 * history.points.dwell_days[history.point] * history.points.rate_per_day[history.point]
        coming = np.sqrt(np.maximum(history.occupied, 0.05) * usual / (1 + usual))
        share = self._share(history, done * self._busy(history, now)[0] + (1 - done) * coming)
        # Foretold from its first day, the share of a season is known to about a fifth: a weight of some five days.
        return self._value(share, 1.0 / (1.5 / self.weight + (1 - done) / 5.0))

    def foretold(self, points: Points) -> np.ndarray:
        """Log likelihood at the long-run occupied share of each point, known to about a fifth."""
        busy = _usually_busy(points)
        share = points.detection * busy + points.false_sighting * (1 - busy)
        return self._value(share, 1.0 / (1.5 / self.weight + 1.0 / 5.0))

    def log_weight(self, history: History) -> np.ndarray:
        """Beta-binomial log likelihood of the occupied days."""
        busy, days = self._busy(history, self.last)
        # Drawn without replacement: the more of the days were usable, the less chance is left.
        left = max(1 - self.usable_days / max(days, self.usable_days + 1), 0.05)
        weight = 1.0 / (1.0 / self.weight + left / max(self.usable_days, 1))
        return self._value(self._share(history, busy), weight)

    def _busy(self, history: History, until: int) -> tuple[np.ndarray, int]:
        """Share of the unlisted days so far with a ship alongside, (N,), and their number."""
        days = history.days(self.first, until)
        rest = days[~np.isin(history.at[days], self.listed_days)]
        return (history.ships[rest] > 0).mean(0) if len(rest) else np.zeros(len(history.point)), len(rest)

    def _share(self, history: History, busy: np.ndarray) -> np.ndarray:
        """Share of usable days on which a ship would be told."""
        p, point = history.points, history.point
        return p.detection[point] * busy + p.false_sighting[point] * (1 - busy)

    def _value(self, share: np.ndarray, weight: float) -> np.ndarray:
        from scipy.special import betaln

        share = np.clip(share, 1e-3, 1 - 1e-3)
        return _overdispersed(self.occupied_days, max(self.usable_days, 1), share, weight, betaln)


def _overdispersed(k: int, n: int, share: np.ndarray, weight: float, betaln: Any) -> np.ndarray:
    # The share k / n as a Beta around the true one with the given weight: smooth, and as wide as both
    # chance and the choice of days make it.
    x = np.clip((k + 0.5) / (n + 1.0), 1e-3, 1 - 1e-3)
    a, b = share * weight, (1 - share) * weight
    return (a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - betaln(a, b)


@dataclass(frozen=True)
class SpanEvidence:
    """What is told of a span in which a ship lay alongside at some time, or none did."""

    unit: int
    name: str
    span: Span

    @property
    def group(self) -> str:
        """No collector's count."""
        return ""

    def aim(self, history: History) -> None:
        """Nothing before its time."""

    def foretold(self, points: Points) -> None:
        """Little of the parameters."""

    def log_weight(self, history: History) -> np.ndarray:
        """Log likelihood of each path."""
        i, j = history.index(self.span.start), history.index(self.span.end)
        touched = (history.ships[i : j + 1] > 0).any(0) | (history.arrived[j] > history.arrived[i])
        return np.log(np.maximum(np.where(touched, self.span.with_ship, self.span.without), 1e-6))


@dataclass(frozen=True)
class ChoiceEvidence:
    """Chosen looks of one stretch: the exact chance of the days that were chosen in place of the long-run one.

    Given how many days of the stretch were chosen, with odds q of an occupied one, each set of days has probability
    q^occupied over its sum over all sets: the norm of Fisher's noncentral hypergeometric law, since a day is chosen
    once or not at all. The filter used a tangent at the long-run occupied share; here the path's own share takes its
    place.
    """

    unit: int
    name: str
    days: tuple[int, ...]
    looks: int

    @property
    def group(self) -> str:
        """No collector's count."""
        return ""

    def aim(self, history: History) -> None:
        """Nothing before its time."""

    def foretold(self, points: Points) -> None:
        """Little of the parameters."""

    def log_weight(self, history: History) -> np.ndarray:
        """The norm that the filter used, out; the exact one, in."""
        days = np.searchsorted(history.at, np.array(self.days, dtype=np.int64))
        busy = (history.ships[days] > 0).sum(0)
        p, point = history.points, history.point
        planned, history.choice = history.choice, np.zeros_like(history.choice)
        return planned - _choice_norm(len(self.days), self.looks, p.selection_odds)[point, busy]


def _choice_norm(days: int, chosen: int, odds: np.ndarray) -> np.ndarray:
    """Log of the sum of odds^occupied over all sets of `chosen` of the days, with 0 .. `days` of them occupied: (P, days + 1).

    Per set of days, so that without odds it is nought.
    """
    from scipy.special import gammaln

    def choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
        fit = (k >= 0) & (k <= n)
        value = gammaln(n + 1) - gammaln(np.where(fit, k, 0) + 1) - gammaln(np.where(fit, n - k, 0) + 1)
        return np.where(fit, value, -np.inf)

    busy, hit = np.arange(days + 1)[:, None], np.arange(chosen + 1)[None, :]
    ways = choose(busy, hit) + choose(days - busy, chosen - hit)
    terms = ways[None] + hit[None] * np.log(odds)[:, None, None]
    top = terms.max(-1, keepdims=True)
    whole = float(choose(np.array(days), np.array(chosen)))
    return (top + np.log(np.exp(terms - top).sum(-1, keepdims=True)))[..., 0] - whole


@dataclass(frozen=True)
class ReportsEvidence:
    """Reports that exist because a ship was seen, and their silence, in one stretch.

    While somebody watches, each day with a ship is told with an unknown share; watching begins and ends (a chain of two
    states, a step a stretch, its forward pass carried by each draw). A report shows that somebody watched, and the filter
    has weighed each day of its stretch by that share. A stretch without any had few ships, or nobody watched.
    """

    unit: int
    name: str
    days: tuple[int, ...]
    told: int
    change: float

    @property
    def group(self) -> str:
        """No collector's count."""
        return ""

    def aim(self, history: History) -> None:
        """Nothing before its time."""

    def foretold(self, points: Points) -> np.ndarray:
        """Log likelihood of the silence at the occupied share of each point, that share half as large or as large again."""
        if self.told:
            return np.zeros(len(points))
        busy = _usually_busy(points)
        shares = [points.reported_share * np.minimum(busy * factor, 1.0) for factor in (0.5, 1.0, 1.5)]
        silent = np.mean([(1.0 - share) ** len(self.days) for share in shares], axis=0)
        return np.log(0.5 * silent + 0.5)

    def log_weight(self, history: History) -> np.ndarray:
        """Log likelihood of what was told and not told, less what the filter has weighed already."""
        before = history.carried.get("watched")
        watched = 0.5 if before is None else before + self.change * (1.0 - 2.0 * before)
        if self.told:
            history.carried["watched"] = np.ones(len(history.point), np.float32)
            return np.log(watched) * np.ones(len(history.point))
        ships = history.ships[np.searchsorted(history.at, np.array(self.days, dtype=np.int64))]
        p, numbers = history.points, np.arange(int(ships.max(initial=0)) + 1)
        untold = 1.0 - p.reported_share[:, None] * seen(numbers, p)
        silent = np.full(len(history.point), 1.0) * watched
        for n in numbers:
            silent = silent * untold[history.point, n] ** (ships == n).sum(0)
        history.carried["watched"] = (silent / (silent + 1.0 - watched)).astype(np.float32)
        return np.log(silent + 1.0 - watched)


@dataclass(frozen=True)
class FarEvidence:
    """A look at a port of discharge: ships that left the origin some days ago may be alongside.

    A look that shows a ship right after another that did may show the same one: `earlier` is that other look, and `both`
    the chance of a ship's lying there at both times by units since it left the origin.
    """

    unit: int
    name: str
    observation: Observation
    at_berth: np.ndarray
    share: float
    otherwise: float
    earlier: FarEvidence | None = None
    both: np.ndarray | None = None

    @property
    def group(self) -> str:
        """No collector's count."""
        return ""

    def aim(self, history: History) -> None:
        """Nothing before its time."""

    def foretold(self, points: Points) -> None:
        """Little of the parameters."""

    def log_weight(self, history: History) -> np.ndarray:
        """Log likelihood of ships seen or not at the far end, given the departures of the path."""
        p, log_none = history.points.take(history.point), self.log_none(history)
        if self.earlier is None or self.both is None:
            return self.told(log_none, p)
        none, before = self._none(log_none), self.earlier._none(self.earlier.log_none(history))
        neither = self._none(self._log_neither(history)) * (1 - self.earlier._other)
        return self._likelihood(np.clip((none - neither) / np.maximum(1 - before, 1e-9), 0.0, 1.0), p)

    def log_none(self, history: History) -> np.ndarray:
        """Log chance that no ship of the path was found at the far end, (N,)."""
        return self._log_away(history, [(self._found(history), self.at_berth)])

    def _log_neither(self, history: History) -> np.ndarray:
        """Log chance that no ship of the path was found by this look nor by the earlier one, (N,)."""
        assert self.earlier is not None
        assert self.both is not None
        now, then = self._found(history), self.earlier._found(history)
        back = np.concatenate([np.zeros(self.unit - self.earlier.unit), self.earlier.at_berth])
        twice = -now * self.earlier.observation.usable * history.points.detection[history.point]
        return self._log_away(history, [(now, self.at_berth), (then, back), (twice, self.both)])

    def _found(self, history: History) -> np.ndarray:
        """Chance that a ship goes there and, where it lies there, is found by this look, (N,)."""
        return self.share * self.observation.usable * history.points.detection[history.point]

    def _log_away(self, history: History, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Log chance that none of the path's ships was found; `parts` (a factor by draw, a table by lag) add up for a ship."""
        size = max(len(table) for _, table in parts)
        tables = [(factor, np.pad(table, (0, size - len(table)))) for factor, table in parts]
        lags = np.flatnonzero(np.max([table for _, table in tables], axis=0) > 1e-4)
        lo = history.index(max(self.unit - int(lags.max(initial=0)), 0))
        hi = history.index(self.unit)
        log_none = np.zeros(len(history.point))
        early = [(factor, float(table[self.unit + 1 :].sum()) * UNIT_DAYS) for factor, table in tables]
        if early[0][1] > 0 and BEFORE in history.carried:
            # Ships that left before the period began, at the pace of that time.
            log_none -= history.carried[BEFORE] * sum(factor * days for factor, days in early)
        previous = history.departed(lo)
        for i in range(lo + 1, hi + 1):
            now = history.departed(i)
            left = now - previous
            previous = now
            lag = self.unit - int((history.at[i] + history.at[i - 1]) // 2)
            if 0 <= lag < size and left.any():
                found = sum(factor * table[lag] for factor, table in tables)
                log_none += left * np.log1p(-np.minimum(found, 0.999))
        return log_none

    @property
    def _other(self) -> float:
        """Chance that a ship of another route was found."""
        return self.observation.usable * self.otherwise

    def _none(self, log_none: np.ndarray) -> np.ndarray:
        """Chance that no ship was found, of this route or another."""
        return (1 - self._other) * np.exp(log_none)

    def told(self, log_none: np.ndarray, p: Points) -> np.ndarray:
        """Log likelihood of the look, given the log chance that no ship of the route was found; `p` draw by draw."""
        return self._likelihood(self._none(log_none), p)

    def _likelihood(self, none: np.ndarray, p: Points) -> np.ndarray:
        """Log likelihood of the look, given the chance that it finds no ship."""
        o = self.observation
        if o.chosen:
            odds = _FAR_REPORT_ODDS if o.told else p.selection_odds
            none = none / (none + odds * (1 - none))
        return o.weight * np.log(np.maximum(np.where(o.positive, 1 - none, none), 1e-9))


def path_evidence(
    totals: Mapping[tuple[str, str], list[Part]], listed: Mapping[str, Listed], origin: str, settings: TrafficSettings
) -> list[Evidence]:
    """Evidence pieces of all collectors' counts."""
    out: list[Evidence] = []
    for (group, place), parts in totals.items():
        own = listed.get(group, Listed()) if place == origin else Listed()
        for part in sorted(parts, key=lambda p: p.last):
            out.append(
                TotalEvidence(part.last, f"{group}: {part.claim_ids[0]}", f"{group}, {place}", part, own, settings)
            )
    return out
