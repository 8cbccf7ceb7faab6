"""The exact pass over the looks of one port: likelihood, messages, and the count in a window.

State: on or paused, level of the log rate, ships alongside with phases. Between events the port
moves by small matrix exponentials (powers of one three-hour step); each week the rate walks and
traffic may stop or start; at a look the state is weighted by the chance of what was seen. For a
window, arrivals are marked with z and the pass is run on roots of unity: one FFT gives the exact
distribution of their number (hidden Markov counting, after the probability generating function of
a marked Markovian arrival process, Neuts 1979).

Vectors are (S, R): states of the port, then rows; row ((paused x P) + point) x L + level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tumen.traffic import kernels
from tumen.traffic.chain import UNITS_PER_DAY, WEEK_UNITS, Port, empty_state, transition
from tumen.traffic.looks import Hulls, Observation, PortLooks, likelihood, seen
from tumen.traffic.prior import Levels, Points, pause_week

_SPOOFED = 1e-3  # weight of a visit that AIS shows where all berths are full: made up, or anchored
_WEEKS_BEFORE = 5  # of traffic run before the period: longer than nearly all stays, so that an empty port is forgotten
_REMEMBERED = 40 * UNITS_PER_DAY  # after which a ship told apart has surely left
_LEAST_RATE = 1e-4  # arrivals a day that AIS may show in a pause
STRETCH_DAYS = 28
_STRETCH = STRETCH_DAYS * UNITS_PER_DAY  # of days among which looks are taken to be chosen with the same zeal
_LEAST_SHARE = 0.1  # where the norm of chosen looks is linearised during a pause: a month is rarely all pause


@dataclass(frozen=True)
class Stretch:
    """Overpasses (units) among which `bought` looks were chosen because a ship was expected."""

    days: tuple[int, ...]
    bought: int


@dataclass(frozen=True)
class Watch:
    """Overpasses (units) of which no report tells, in a stretch up to unit `end` in which reports tell `told` others.

    Ships of the days left out lay there untold, or nobody watched.
    """

    days: tuple[int, ...]
    told: int
    end: int


@dataclass(frozen=True)
class Problem:
    """One port with its chain, the swing of its rate, and what was seen of it.

    `back_after` is the chance that a hull which left is back within so many units; None where it may be at once.
    """

    chain: Port
    levels: Levels
    looks: PortLooks
    hulls: Hulls
    end_unit: int = 10**9
    watched: bool = False
    ais_throughout: bool = False
    starts_empty: bool = False
    back_after: np.ndarray | None = None

    @cached_property
    def by_unit(self) -> dict[int, list[Observation]]:
        """Observations by unit of time, in order."""
        out: dict[int, list[Observation]] = {}
        for o in self.looks.observations:
            if o.track is None:
                out.setdefault(o.unit, []).append(o)
        return dict(sorted(out.items()))

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """Stretches of 28 days in which looks were chosen, less the days of which a full record exists."""
        bought = [o.unit // _STRETCH for o in self.looks.observations if o.chosen and not o.told]
        out = []
        for number in sorted(set(bought)):
            free = self._free(number)
            if free:
                out.append(Stretch(free, min(bought.count(number), len(free))))
        return tuple(out)

    @cached_property
    def watches(self) -> tuple[Watch, ...]:
        """Stretches of 28 days with what reports tell of them, also those of which none tells, while they were gathered.

        Where it is not said that they were gathered throughout, that time is taken to reach beyond the first and the last
        report by a mean gap: what came later may not have been published yet.
        """
        told = sorted({round(o.unit / UNITS_PER_DAY) * UNITS_PER_DAY for o in self.looks.observations if o.told})
        if self.watched:
            first, last = 0, self.end_unit
        elif told:
            first, last = _reach([(t, t) for t in told], self.end_unit)
        else:
            return ()
        out = []
        for number in range(first // _STRETCH, -(-last // _STRETCH)):
            days = tuple(d for d in self._free(number) if d not in told and first <= d <= last)
            heard = sum(t // _STRETCH == number for t in told)
            if days or heard:
                out.append(Watch(days, heard, min((number + 1) * _STRETCH - UNITS_PER_DAY, self.end_unit)))
        return tuple(out)

    def _free(self, number: int) -> tuple[int, ...]:
        """Overpasses of a stretch, less those of which a full record exists."""
        days = range(number * _STRETCH, min((number + 1) * _STRETCH, self.end_unit), UNITS_PER_DAY)
        return tuple(d for d in days if not any(a <= d <= b for a, b in self.looks.complete))

    @cached_property
    def choice_days(self) -> dict[int, Stretch]:
        """Overpasses among which looks were chosen, by unit."""
        return {day: stretch for stretch in self.stretches for day in stretch.days}

    @cached_property
    def untold_days(self) -> frozenset[int]:
        """Overpasses of which no report tells, in stretches in which some report does: somebody watched."""
        return frozenset(day for watch in self.watches if watch.told for day in watch.days)

    @cached_property
    def heard(self) -> tuple[int, int] | None:
        """First and last unit for which AIS was heard; None where it shows no visit and nobody says that it was.

        Where it is not told how long AIS was gathered, it is taken to reach beyond the visits at either end by a mean gap.
        """
        if self.ais_throughout:
            return 0, self.end_unit
        tracks = sorted(o.track for o in self.looks.observations if o.track is not None)
        return _reach(tracks, self.end_unit) if tracks else None

    def hears(self, first: int, last: int) -> bool:
        """Whether AIS was heard from one unit to another that lies on the same side of the ends of its time."""
        return self.heard is not None and self.heard[0] <= first and last <= self.heard[1]

    @cached_property
    def shown(self) -> dict[int, int]:
        """Number of visits whose start AIS shows, by unit."""
        out: dict[int, int] = {}
        for o in self.looks.observations:
            if o.track is not None and o.track[0] >= 0:
                out[o.unit] = out.get(o.unit, 0) + 1
        return out

    @cached_property
    def lying(self) -> int:
        """Number of ships that lay in port when the period began, as AIS shows."""
        return sum(o.track is not None and o.track[0] < 0 for o in self.looks.observations)

    @cached_property
    def weighed(self) -> frozenset[int]:
        """Units at which a look, the choice of looks, the want of a report, AIS or a hull seen elsewhere tells something."""
        return frozenset((*self.by_unit, *self.choice_days, *self.untold_days, *self.shown, *self.remarks))

    @property
    def last_unit(self) -> int:
        """Last unit of these, or to which AIS was heard."""
        return max((*self.weighed, *(self.heard or ())), default=0)

    @cached_property
    def remarks(self) -> dict[int, np.ndarray]:
        """At each look that tells a hull, by unit: weights (S, S) of which ship it is of, from state to state; and where that
        hull is seen elsewhere, that it is no longer alongside.
        """
        out: dict[int, np.ndarray] = {}
        chain = self.chain
        if not chain.tracked:
            return out
        empty = np.diag((chain.ships == 0).astype(float))
        # States in which the ship told apart last lies there.
        alongside = (chain.same.diagonal() > 0) & (chain.ships > 0)
        looks = [(u, 0, o) for u, group in self.by_unit.items() for o in group if o.mark is not None]
        told: list[tuple[int, int, Any]] = [*looks, *((e.gone, 1, e) for e in self.looks.elsewhere)]
        before: np.ndarray | None = None
        last, left = 0, False
        for unit, kind, o in sorted(told, key=lambda t: t[:2]):
            if kind == 0:
                same = other = 1.0
                gone = 1.0
                if before is not None:
                    weight = min(o.weight, 1.0)
                    same = self.hulls.same_over_different(before, o.mark) ** weight
                    other = self.hulls.apart(before, o.mark, 0.0) ** weight
                    free = 1.0 if left or self.back_after is None else self._back(unit - last)
                    gone = self.hulls.apart(before, o.mark, free) ** weight
                which = same * (chain.same - empty) + empty + np.where(alongside, other, gone)[:, None] * chain.other
                out[unit] = out[unit] @ which if unit in out else which
                before, last, left = o.mark, unit, False
            elif before is not None and not left and last <= unit <= last + _REMEMBERED:
                # Once: that the name told here was wrong explains a second sighting elsewhere as well as the first.
                not_there = self.hulls.apart(before, o.mark, 0.0)
                if not_there < 0.999:
                    which = np.diag(np.where(alongside, not_there, 1.0))
                    out[unit] = out[unit] @ which if unit in out else which
                    left = True
        return out

    def _back(self, units: int) -> float:
        back = self.back_after
        return 1.0 if back is None or units >= len(back) else float(back[units])


def _reach(spans: Sequence[tuple[int, int]], end_unit: int) -> tuple[int, int]:
    """From a mean gap before the first of some spans (units, sorted) to a mean gap after the last, within the period."""
    first, last = spans[0][0], max(b for _, b in spans)
    gap = (last - first) // (len(spans) - 1) if len(spans) > 1 else _STRETCH
    return max(first - gap, 0), min(last + gap, end_unit)


class Kernels:
    """Transition matrices of a set of points, made once and reused for every gap length."""

    def __init__(self, problem: Problem, p: Points, dtype: Any = np.float64, mark: complex = 1.0) -> None:
        self.problem, self.p, self.dtype = problem, p, dtype
        self.rate = p.rate_per_day[:, None] * problem.levels.factor[None, :]  # (P, L)
        self.points, self.levels = self.rate.shape
        self.size = problem.chain.size
        self.rows = 2 * self.points * self.levels
        rate = np.concatenate([self.rate.reshape(-1), np.zeros(self.points)])
        dwell = np.concatenate([np.repeat(p.dwell_days, self.levels), p.dwell_days])
        kind = complex if isinstance(mark, complex) else dtype
        self._powers = {False: {1: transition(problem.chain, rate, dwell, mark=mark).astype(kind)}}
        if problem.heard is not None:
            dark = 1.0 - np.concatenate([np.repeat(p.ais_share, self.levels), p.ais_share])
            self._powers[True] = {1: transition(problem.chain, rate, dwell, mark=mark * dark).astype(kind)}
        self._carry: dict[tuple[int, bool], np.ndarray] = {}
        self.week = problem.levels.week(p.walk_sd_month).astype(dtype)
        self.stop, self.start = (x.astype(dtype) for x in pause_week(p))
        self._norms: dict[int, np.ndarray] = {}
        self._weights: dict[Stretch, np.ndarray] = {}
        self._arrival: tuple[np.ndarray, np.ndarray] | None = None
        self._told: dict[tuple[Any, ...], np.ndarray] = {}

    def matrix(self, gap: int, heard: bool = False) -> np.ndarray:
        """Transition over `gap` units: (P L + P, S, S), running rows then paused ones.

        While AIS is `heard`, each arrival is weighed by the chance that AIS does not show it.
        """
        out: np.ndarray | None = None
        length, powers = 1, self._powers[heard]
        while length <= gap:
            if length not in powers:
                powers[length] = powers[length // 2] @ powers[length // 2]
            if gap & length:
                out = powers[length] if out is None else out @ powers[length]
            length *= 2
        assert out is not None
        return out

    def carry(self, first: int, last: int) -> np.ndarray:
        """Transition from one unit to another, (S, S, R): one contiguous lane for each row."""
        gap, heard = last - first, self.problem.hears(first, last)
        if (gap, heard) not in self._carry:
            whole, running = self.matrix(gap, heard), self.points * self.levels
            lanes = np.concatenate([whole[:running], np.repeat(whole[running:], self.levels, axis=0)])
            self._carry[gap, heard] = np.ascontiguousarray(lanes.transpose(1, 2, 0))
        return self._carry[gap, heard]

    def forward(self, v: np.ndarray, first: int, last: int) -> np.ndarray:
        """Carry row vectors (S, R) from one unit to another."""
        return kernels.carry(v, self.carry(first, last), False)

    def backward(self, v: np.ndarray, first: int, last: int) -> np.ndarray:
        """Carry column vectors (S, R) back from the last unit to the first."""
        return kernels.carry(v, self.carry(first, last), True)

    def mix(self, v: np.ndarray) -> np.ndarray:
        """The week's turn, forward: the rate walks, traffic stops or starts."""
        on, off = self._walked(v, self.week)
        stop, start = self.stop[None, :, None], self.start[None, :, None]
        return np.stack([on * (1 - stop) + off * start, on * stop + off * (1 - start)], axis=1).reshape(v.shape)

    def unmix(self, v: np.ndarray) -> np.ndarray:
        """The week's turn for column vectors."""
        on, off = self._walked(v, np.swapaxes(self.week, 1, 2))
        stop, start = self.stop[None, :, None], self.start[None, :, None]
        return np.stack([on * (1 - stop) + off * stop, on * start + off * (1 - start)], axis=1).reshape(v.shape)

    def _walked(self, v: np.ndarray, week: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        by_point = v.reshape(self.size * 2, self.points, self.levels).transpose(1, 0, 2)
        walked = (by_point @ week).transpose(1, 0, 2).reshape(self.size, 2, self.points, self.levels)
        return walked[:, 0], walked[:, 1]

    def begin(self) -> np.ndarray:
        """State at the start of the period, (S, R): the rate from its law, traffic on in the long-run share, and the ships
        that then lie in port: none, or as many as the weeks before have left there.
        """
        running = self.start / (self.start + self.stop)
        share = np.stack([running, 1 - running])[:, :, None] * self.problem.levels.prior[None, None, :]
        v = (empty_state(self.problem.chain)[:, None] * share.reshape(1, -1)).astype(self.dtype)
        if self.problem.starts_empty:
            return v
        for _ in range(_WEEKS_BEFORE):
            v = self.mix(self.forward(v, -WEEK_UNITS, 0))
        if self.problem.lying or (self.problem.heard is not None and self.problem.heard[0] == 0):
            v = (v.reshape(self.size, 2, self.points, self.levels) * self._lying[:, None, :, None]).reshape(v.shape)
        return v

    @property
    def _lying(self) -> np.ndarray:
        """Chance (S, P) that AIS shows as many ships in port at the start as it does; more than lie there are made up."""
        shown, share = self.problem.lying, self.p.ais_share
        rows = [
            math.comb(int(n), shown) * share**shown * (1 - share) ** (int(n) - shown)
            if n >= shown
            else np.full(len(share), _SPOOFED)
            for n in self.problem.chain.ships
        ]
        return np.stack(rows).astype(self.dtype)

    def by_point(self, v: np.ndarray) -> np.ndarray:
        """Sum of (S, R) by parameter point, (P,)."""
        return v.sum(0).reshape(2, self.points, self.levels).sum((0, 2))

    @cached_property
    def occupied(self) -> np.ndarray:
        """Long-run share of time with a ship alongside while traffic runs, (P, L)."""
        far = self.matrix(32)[: self.points * self.levels]
        far = far @ far
        far = far @ far  # sixteen days on
        busy = (self.problem.chain.ships > 0).astype(float)
        return (empty_state(self.problem.chain) @ far @ busy).reshape(self.rate.shape)

    def choice_norm(self, stretch: Stretch) -> np.ndarray:
        """Log norm of the choice of looks for one day of a stretch, (2, R): with the port empty, with it occupied.

        Given how many looks fell in a stretch, each set of days has probability q^occupied over the sum of
        q^occupied of all sets. Its log norm is taken here as if days were drawn one by one, in its tangent at
        the long-run occupied share of the level, so that the pass can carry it; the paths then get the exact one.
        """
        if stretch.bought not in self._norms:
            at = np.maximum(np.stack([self.occupied, np.zeros_like(self.occupied)]), _LEAST_SHARE)
            odds = self.p.selection_odds[:, None] - 1.0
            slope = odds / (1 + odds * at)
            empty = np.log1p(odds * at) - slope * at
            self._norms[stretch.bought] = (stretch.bought * np.stack([empty, empty + slope])).reshape(2, -1)
        return self._norms[stretch.bought] / len(stretch.days)

    def weigh(self, v: np.ndarray, unit: int) -> np.ndarray:
        """Vectors (S, R) weighted by all looks at a unit, by the choice of looks on its day, and by the want of a report."""
        stretch = self.problem.choice_days.get(unit)
        if stretch is not None:
            if stretch not in self._weights:
                busy = (self.problem.chain.ships > 0).astype(int)
                self._weights[stretch] = np.exp(-self.choice_norm(stretch))[busy].astype(self.dtype)
            v = v * self._weights[stretch]
        if unit in self.problem.untold_days:
            v = (v.reshape(self.size, 2, self.points, self.levels) * self._untold[:, None, :, None]).reshape(v.shape)
        if unit not in self.problem.by_unit:
            return v
        lanes = v.reshape(self.size, 2, self.points, self.levels)
        for o in self.problem.by_unit[unit]:
            lanes = lanes * self._likelihood(o)[:, None, :, None]
        return lanes.reshape(v.shape)

    @cached_property
    def _untold(self) -> np.ndarray:
        """Chance (S, P) that a day is not told of while somebody watches."""
        return (1.0 - seen(self.problem.chain.ships, self.p).T * self.p.reported_share[None, :]).astype(self.dtype)

    def _likelihood(self, o: Observation) -> np.ndarray:
        """Weights (S, P) of one look; looks that say the same are worked out once."""
        what = (o.kind, o.count, o.usable, o.weight, o.chosen, o.told)
        if what not in self._told:
            p, ships = self.p, self.problem.chain.ships
            like = likelihood(o, ships, p.detection, p.false_sighting)
            if o.told:
                like = like * p.reported_share[:, None]
            elif o.chosen:
                like = like * np.where(ships[None, :] > 0, p.selection_odds[:, None], 1.0)
            self._told[what] = np.ascontiguousarray(like.T).astype(self.dtype)
        return self._told[what]

    def times(self, v: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Vectors (S, R) times a value of each point (P,)."""
        return (v.reshape(-1, self.points, self.levels) * value.astype(self.dtype)[None, :, None]).reshape(v.shape)

    def shown(self, v: np.ndarray, unit: int, *, back: bool = False) -> np.ndarray:
        """Vectors after the arrivals that AIS shows at a unit (column vectors, with `back`: before them)."""
        if self._arrival is None:
            full = np.diag((self.problem.chain.marked.sum(1) == 0).astype(float))
            rate = np.concatenate([self.rate.reshape(-1), np.zeros(self.rate.size)])
            chance = np.tile(np.repeat(self.p.ais_share, self.levels), 2) * np.maximum(rate, _LEAST_RATE)
            self._arrival = (self.problem.chain.marked + _SPOOFED * full).astype(self.dtype), chance.astype(self.dtype)
        into, chance = self._arrival
        for _ in range(self.problem.shown[unit]):
            v = (into if back else into.T) @ (v * chance if back else v)
            v = v if back else v * chance
        return v

    def told_apart(self, v: np.ndarray, unit: int, *, back: bool = False) -> np.ndarray:
        """Vectors after a look that told a hull (column vectors, with `back`: before it)."""
        weight = self.problem.remarks[unit].astype(self.dtype)
        return (weight if back else weight.T) @ v


def cuts(problem: Problem, until: int, daily_until: int = -1) -> np.ndarray:
    """Units at which something happens up to `until`: looks and week ends, each day up to `daily_until`.

    With `daily_until`, half weeks follow after it.
    """
    marks = set(range(0, until + 1, WEEK_UNITS // 2 if daily_until >= 0 else WEEK_UNITS)) | {until}
    marks |= set(range(0, min(daily_until, until) + 1, UNITS_PER_DAY))
    marks |= {u for u in (*problem.weighed, *(problem.heard or ())) if u <= until}
    return np.array(sorted(marks), dtype=np.int64)


def log_evidence(problem: Problem, p: Points, dtype: Any = np.float64) -> np.ndarray:
    """Log likelihood of all looks at each point, (P,)."""
    chances = Kernels(problem, p, dtype)
    at = cuts(problem, problem.last_unit)
    v = chances.begin()
    total = np.zeros(len(p))
    since = 0
    for i, unit in enumerate(at.tolist()):
        if i:
            v = chances.forward(v, int(at[i - 1]), unit)
        if unit in problem.weighed:
            v = chances.weigh(v, unit)
            if unit in problem.remarks:
                v = chances.told_apart(v, unit)
            if unit in problem.shown:
                v = chances.shown(v, unit)
            since += len(problem.by_unit.get(unit, ())) + problem.shown.get(unit, 0)
            if since > 1:  # a look weighs at least 1e-12, so two do not run out of single precision
                v, total = _scaled(chances, v, total)
                since = 0
        if unit and unit % WEEK_UNITS == 0:
            v = chances.mix(v)
            v, total = _scaled(chances, v, total)
    return total + np.log(np.maximum(chances.by_point(v), 1e-300))


def _scaled(chances: Kernels, v: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mass = np.maximum(chances.by_point(np.abs(v) if np.iscomplexobj(v) else v), 1e-37)
    return chances.times(v, 1.0 / mass), total + np.log(mass)


def count_in_window(problem: Problem, p: Points, weight: np.ndarray, first: int, last: int, most: int) -> np.ndarray:
    """Exact posterior of the number of arrivals in units first .. last: probabilities (most + 1,).

    `weight` (P,) are the normed weights of the points. The pass is run with arrivals inside the window
    marked by each root of unity of order most + 1; counts beyond `most` wrap round, so choose it large.
    """
    order = most + 1
    values = np.zeros(order // 2 + 1, dtype=complex)
    plain = Kernels(problem, p)
    until = max(problem.last_unit, last)
    at = np.unique(np.concatenate([cuts(problem, until), [first, last]]))
    evidence = log_evidence(problem, p)
    for k in range(len(values)):
        marked = Kernels(problem, p, mark=complex(np.exp(2j * np.pi * k / order)))
        v = plain.begin().astype(complex)
        total = np.zeros(len(p))
        for i, unit in enumerate(at.tolist()):
            if i:
                inside = first <= at[i - 1] and unit <= last
                v = (marked if inside else plain).forward(v, int(at[i - 1]), unit)
            if unit in problem.weighed:
                v = plain.weigh(v, unit)
                if unit in problem.remarks:
                    v = plain.told_apart(v, unit)
                if unit in problem.shown:
                    z = np.exp(2j * np.pi * k / order) if first < unit <= last else 1.0
                    v = plain.shown(v, unit) * z ** problem.shown[unit]
                v, total = _scaled(plain, v, total)
            if unit and unit % WEEK_UNITS == 0:
                v = plain.mix(v)
        values[k] = (weight * np.exp(total - evidence) * plain.by_point(v)).sum()
    return np.maximum(np.fft.irfft(values.conj(), n=order), 0.0)
