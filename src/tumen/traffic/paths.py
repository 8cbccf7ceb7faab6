"""Joint draws of what happened at one port: every arrival, every departure, the rate and the pauses.

Takes a problem, weighted parameter points and further evidence on whole paths; gives draws. Paths
are drawn forward with the backward messages of the looks as exact lookahead, so that a draw agrees
with all looks, past and coming. Evidence that no small state can carry (published totals, occupied
days, stacks cleared, looks at the far end of the voyage) weighs and resamples the draws at the time
when it is complete: a particle filter with lookahead (Del Moral 2004; Doucet and Johansen 2009),
exact as their number grows. Ships leave in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tumen.traffic import kernels
from tumen.traffic.chain import UNIT_DAYS, UNITS_PER_DAY, WEEK_UNITS, compose, transition_by_arrivals
from tumen.traffic.filter import Kernels, Problem, cuts
from tumen.traffic.points import Weighted
from tumen.traffic.prior import Points

_MESSAGE_BYTES = 60_000_000  # memory for the lookahead; beyond it fewer parameter points are carried
_MOST_POINTS = 256
_ARRIVALS_A_UNIT = 3  # arrivals told apart in three hours: at 1 a day under 1e-4 lie beyond
_ARRIVALS_A_DAY = 5  # in a step of a day or less: at 1 a day under 1e-3 lie beyond
_ARRIVALS_A_STEP = 11  # in the half-week steps after the last evidence
LEAST_LIVE_POINTS = 5.0  # a draw in which one lucky point holds nearly everything is made again
BEFORE = "rate before the period"  # of ships a day, carried by each draw
_ALIKE = 0.6  # as in the default correlation of the collectors' shares
_SURE = 60 * UNITS_PER_DAY  # from so long before a total is complete, draws are steered ever closer to it


class Evidence(Protocol):
    """Evidence on whole paths: complete at `unit`, with a log weight (N,) from the history up to it.

    Where it spans weeks, `aim` may tell before that time how likely it will come out: draws that cannot come out
    right are then given up early and not all at once. It is taken out again when the evidence is complete.
    """

    @property
    def unit(self) -> int:
        """Unit of time at which it is complete."""
        ...

    @property
    def name(self) -> str:
        """What a reader calls it."""
        ...

    @property
    def group(self) -> str:
        """The collector of a count; empty for other evidence."""
        ...

    def log_weight(self, history: History) -> np.ndarray:
        """Log likelihood of the evidence for each draw."""
        ...

    def aim(self, history: History) -> np.ndarray | None:
        """What its log likelihood will be, as far as the history so far tells; None outside its span."""
        ...

    def foretold(self, points: Points) -> np.ndarray | None:
        """Roughly what it will say of each parameter point, before anything has happened; None if little."""
        ...


@dataclass
class History:
    """Draws up to now: at the cuts `at` (T,), arrivals so far and ships alongside (T, N); `point` (N,) the parameters.

    `choice` (N,) is the log norm that the filter used for the looks chosen since it was last set to zero.
    `rate`, `occupied` (N,) are the present rate a day and its long-run occupied share, `paused` (N,) whether traffic
    stands still. `carried` holds what evidence must remember of each draw, the draws along the last axis.
    """

    at: np.ndarray
    arrived: np.ndarray
    ships: np.ndarray
    point: np.ndarray
    points: Points
    choice: np.ndarray
    rate: np.ndarray
    occupied: np.ndarray
    paused: np.ndarray
    carried: dict[str, np.ndarray]
    now: int = 0

    def index(self, unit: int) -> int:
        """Cut at or after a unit, at most the present one."""
        return min(int(np.searchsorted(self.at, unit)), self.now)

    def arrivals(self, first: int, last: int) -> np.ndarray:
        """Arrivals after unit `first` and up to `last`, (N,)."""
        return self.arrived[self.index(last)].astype(int) - self.arrived[self.index(first)].astype(int)

    def departed(self, i: int) -> np.ndarray:
        """Departures up to cut i, less the ships that lay in port at the start, (N,)."""
        return self.arrived[i].astype(int) - self.ships[i]

    def days(self, first: int, last: int) -> np.ndarray:
        """Cuts of the daily overpasses in a span of units."""
        wanted = np.arange(-(-first // UNITS_PER_DAY) * UNITS_PER_DAY, last + 1, UNITS_PER_DAY)
        where = np.searchsorted(self.at, wanted)
        return where[where <= self.now]


@dataclass(frozen=True)
class Paths:
    """Joint draws of one port.

    `at` (T,) units; `arrived`, `ships` (N, T); `rate` (W, N) arrivals a day by week and 0 while paused; `point` (N,)
    index into `points`; `lowest_effective` the least effective number met at a piece of evidence and `lowest_at` its name; `lineages` distinct paths left;
    `surprise` the log probability of each piece of evidence given all the others (the conditional predictive
    ordinate, Geisser 1980); `carried` what evidence remembers of each draw; `ancestor` (N,) the draw at the start that each
    goes back to; `log_evidence` the log probability of all evidence on paths given the looks, as these draws estimate it.
    """

    at: np.ndarray
    arrived: np.ndarray
    ships: np.ndarray
    rate: np.ndarray
    paused: np.ndarray
    point: np.ndarray
    points: Points
    lowest_effective: float
    lowest_at: str
    lineages: int
    surprise: dict[str, float]
    carried: dict[str, np.ndarray]
    ancestor: np.ndarray
    log_evidence: float

    @property
    def draws(self) -> int:
        """Number of draws."""
        return self.arrived.shape[0]

    @property
    def live_points(self) -> float:
        """Effective number of parameter points that the draws share out among them, after all evidence."""
        share = np.bincount(self.point) / self.draws
        return float(1.0 / (share**2).sum())

    @property
    def lying(self) -> np.ndarray:
        """Ships that lay in port when the period began, (N,): no arrivals of it."""
        return self.ships[:, 0].astype(int) - self.arrived[:, 0]

    def history(self) -> History:
        """The draws as evidence on paths reads them, complete."""
        none = np.zeros(self.draws)
        at = self.at
        return History(
            at,
            self.arrived.T,
            self.ships.T,
            self.point,
            self.points,
            none,
            none,
            none,
            none > 0,
            self.carried,
            len(at) - 1,
        )

    def take(self, which: np.ndarray) -> Paths:
        """Draws by index."""
        return Paths(
            self.at,
            self.arrived[which],
            self.ships[which],
            self.rate[:, which],
            self.paused[:, which],
            self.point[which],
            self.points,
            self.lowest_effective,
            self.lowest_at,
            self.lineages,
            self.surprise,
            {name: value[..., which] for name, value in self.carried.items()},
            self.ancestor[which],
            self.log_evidence,
        )

    def arrivals(self, first: int, last: int) -> np.ndarray:
        """Arrivals after unit `first` and up to `last`, (N,)."""
        low, high = np.searchsorted(self.at, [first, last])
        high = min(int(high), len(self.at) - 1)
        return self.arrived[:, high].astype(int) - self.arrived[:, int(low)].astype(int)


def systematic(weight: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Systematic resampling: `count` indices in proportion to normed weights."""
    edges = np.cumsum(weight)
    edges[-1] = 1.0
    return np.searchsorted(edges, (np.arange(count) + rng.random()) / count)


def draw_paths(
    problem: Problem,
    weighted: Weighted,
    until: int,
    evidence: Sequence[Evidence],
    count: int,
    rng: np.random.Generator,
    *,
    most_points: int = _MOST_POINTS,
) -> Paths:
    """`count` joint draws from the start to unit `until`, on at most `most_points` parameter points."""
    size, rates = problem.chain.size, len(problem.levels.factor)
    last_look = min(problem.last_unit, until)
    days = last_look // UNITS_PER_DAY + 1
    affordable = int(_MESSAGE_BYTES / max(days * 2 * rates * size * 4, 1))
    kept = max(8, min(most_points, affordable))
    likely = _likely(weighted, evidence)
    chosen, copies = np.unique(systematic(likely, kept, rng), return_counts=True)
    p = weighted.points.take(chosen)
    chances = Kernels(problem, p, np.float32)
    last = max([last_look, *(min(e.unit, until) for e in evidence)])
    at = cuts(problem, until, daily_until=last)
    walk = _Walk(problem, chances, at, _lookahead(problem, chances, at, last_look), rng)
    point = systematic(copies / copies.sum(), count, rng)
    walk.begin(point)

    waiting: dict[int, list[Evidence]] = {}
    for piece in evidence:
        waiting.setdefault(int(np.searchsorted(at, min(max(piece.unit, 0), until))), []).append(piece)
    crowd = _Crowd(walk, np.log(weighted.weight[chosen] / likely[chosen])[point], rng)
    for i in range(len(at)):
        if i:
            walk.step(i)
        done = waiting.get(i, [])
        if i and at[i] % WEEK_UNITS == 0:
            crowd.aim([piece for piece in evidence if piece not in done])
        for piece in done:
            crowd.weigh(piece)
    crowd.resample()
    h = walk.history
    swing = problem.levels.factor[np.array(walk.level_by_week)].reshape(-1, count)
    rate = p.rate_per_day[h.point][None, :] * swing
    paused = np.array(walk.paused_by_week).reshape(-1, count)
    return Paths(
        at,
        np.ascontiguousarray(h.arrived.T),
        np.ascontiguousarray(h.ships.T),
        np.where(paused, 0.0, rate).astype(np.float32),
        paused,
        h.point,
        p,
        crowd.lowest,
        crowd.lowest_at,
        len(np.unique(crowd.ancestor)),
        {name: -_log_mean(-value.astype(float)) for name, value in crowd.told.items()},
        h.carried,
        crowd.ancestor,
        crowd.log_evidence,
    )


def _likely(weighted: Weighted, evidence: Sequence[Evidence]) -> np.ndarray:
    """Weights (P,) by which to choose points that will still count when all evidence is in; draws weigh the difference.

    What evidence on paths says of a point is foretold roughly, so it is taken by half, and a tenth is left as the looks
    have it: no point that the looks allow is shut out.
    """
    said = np.zeros(len(weighted.weight))
    groups = len({e.group for e in evidence if e.group})
    for piece in evidence:
        value = piece.foretold(weighted.points)
        if value is not None:
            said += 0.5 * (value / _crowding(groups) if piece.group else value)
    tilted = weighted.weight * np.exp(said - said.max())
    return 0.9 * tilted / tilted.sum() + 0.1 * weighted.weight


def _crowding(groups: int) -> float:
    # Collectors who buy the same scenes say much the same: together they may not steer harder than they will weigh.
    return 1.0 + _ALIKE * max(groups - 1, 0)


def pooled(parts: Sequence[Paths], least: int, rng: np.random.Generator, most: int | None = None) -> Paths:
    """Draws of several runs on the same evidence as one, each run by the evidence that it found (Vergé and others 2015).

    Each run's estimate of the evidence is unbiased, so runs weighed by it are as exact as one run of all their draws, and a
    run in which luck put its draws beside the evidence counts for little. Gives as many draws as can be had without
    repeating one, `least` at any rate, `most` of them where that is said; lineages are counted over all.
    """
    sizes = np.array([p.draws for p in parts])
    log_w = np.array([p.log_evidence for p in parts]) + np.log(sizes)
    weight = _normed(log_w)
    total = max(int((sizes / np.maximum(weight, 1e-12)).min()), least)
    orders = [rng.permutation(n) for n in sizes]

    def picked(total: int) -> list[np.ndarray]:
        edges = np.rint(np.cumsum(weight) * total).astype(int)
        return [np.resize(order, n) for order, n in zip(orders, np.diff(edges, prepend=0).tolist(), strict=True)]

    picks = picked(total)
    lineages = sum(len(np.unique(p.ancestor[pick])) for p, pick in zip(parts, picks, strict=True))
    some = [p.take(pick) for p, pick in zip(parts, picked(min(total, most or total)), strict=True)]
    offsets = np.cumsum([0, *(len(p.points) for p in parts[:-1])])
    z = np.concatenate([p.points.z for p in parts])
    _, first, same = np.unique(z, axis=0, return_index=True, return_inverse=True)
    point = same.reshape(-1)[np.concatenate([p.point + offset for p, offset in zip(some, offsets, strict=True)])]
    ancestor = np.concatenate([p.ancestor + n for p, n in zip(some, np.cumsum([0, *sizes[:-1]]), strict=True)])
    names = {name for p in parts for name in p.surprise}
    hardest = min(parts, key=lambda p: p.lowest_effective / p.draws)
    return Paths(
        parts[0].at,
        np.concatenate([p.arrived for p in some]),
        np.concatenate([p.ships for p in some]),
        np.concatenate([p.rate for p in some], axis=1),
        np.concatenate([p.paused for p in some], axis=1),
        point,
        Points.joined([p.points for p in parts]).take(first),
        float(sum(p.lowest_effective for p in parts)),
        hardest.lowest_at,
        lineages,
        {name: -float(np.log(weight @ np.exp([-p.surprise.get(name, 0.0) for p in parts]))) for name in sorted(names)},
        {name: np.concatenate([p.carried[name] for p in some], axis=-1) for name in parts[0].carried},
        ancestor,
        float(np.logaddexp.reduce(log_w) - np.log(sizes.sum())),
    )


class _Crowd:
    """The weights of the draws: evidence is weighed, and draws are resampled where their weights grow uneven."""

    def __init__(self, walk: _Walk, log_w: np.ndarray, rng: np.random.Generator) -> None:
        self.walk, self.log_w, self.rng = walk, log_w, rng
        self.count = count = len(log_w)
        self.ancestor = np.arange(count)
        self.aimed: dict[str, np.ndarray] = {}
        self.told: dict[str, np.ndarray] = {}
        self.lowest, self.lowest_at = float(count), "none"
        self.log_evidence = 0.0

    def aim(self, pieces: Sequence[Evidence]) -> None:
        """Weigh by what evidence to come will say, less what it said so far."""
        targets = {p.name: (p, value) for p in pieces if (value := p.aim(self.walk.history)) is not None}
        temper = 1.0 / _crowding(len({p.group for p, _ in targets.values() if p.group}))
        now = int(self.walk.at[self.walk.history.now])
        for name, (piece, value) in targets.items():
            # Near its end a total is foretold well: what is held back of it until then would come as one blow.
            near = max(1.0 - (piece.unit - now) / _SURE, 0.0)
            target = (temper + (1.0 - temper) * near) * value if piece.group else value
            self.log_w = self.log_w + target - self.aimed.get(name, 0.0)
            self.aimed[name] = target
        self._even()

    def weigh(self, piece: Evidence) -> None:
        """Weigh by a complete piece of evidence; what steered the draws towards it is taken out."""
        value = piece.log_weight(self.walk.history)
        self.told[piece.name] = value.astype(np.float32)
        self._add(piece.name, value - self.aimed.pop(piece.name, 0.0))
        self._even()

    def _add(self, name: str, more: np.ndarray) -> None:
        before = _effective(self.log_w)
        self.log_w = self.log_w + more
        share = _effective(self.log_w) / max(before, 1e-9) * self.count
        if share < self.lowest:
            self.lowest, self.lowest_at = share, name

    def _even(self) -> None:
        # Late enough that few draws die of chance alone, early enough that none is carried for nothing.
        if _effective(self.log_w) < 0.3 * self.count:
            self.resample()

    def resample(self) -> None:
        """Draw the draws anew in proportion to their weights."""
        keep = systematic(_normed(self.log_w), self.count, self.rng)
        self.log_evidence += _log_mean(self.log_w)
        self.walk.keep(keep)
        self.ancestor = self.ancestor[keep]
        self.aimed = {name: value[keep] for name, value in self.aimed.items()}
        self.told = {name: value[keep] for name, value in self.told.items()}
        self.log_w = np.zeros(self.count)


def _log_mean(log_w: np.ndarray) -> float:
    top = log_w.max()
    return float(top + np.log(np.exp(log_w - top).mean())) if np.isfinite(top) else -np.inf


def _normed(log_w: np.ndarray) -> np.ndarray:
    w = np.exp(log_w - log_w.max())
    return w / w.sum()


def _effective(log_w: np.ndarray) -> float:
    return float(1.0 / (_normed(log_w) ** 2).sum())


def _lookahead(problem: Problem, chances: Kernels, at: np.ndarray, last_look: int) -> tuple[list, dict, dict]:
    """Backward messages: before each cut up to the last look, after each week's turn, after a hull was told apart.

    A message is (R, S): for each row, what the looks from the cut on say of each state; after a week's turn it is (S, R).
    """
    v = np.ones((chances.size, chances.rows), np.float32)
    messages: list[np.ndarray | None] = [None] * len(at)
    turns: dict[int, np.ndarray] = {}
    apart: dict[int, np.ndarray] = {}
    since = 0
    last = int(np.searchsorted(at, last_look))
    for i in range(last, -1, -1):
        unit = int(at[i])
        if i < last:
            v = chances.backward(v, unit, int(at[i + 1]))
        if unit and unit % WEEK_UNITS == 0:
            turns[i] = v
            v = chances.unmix(v)
        if unit in problem.shown:
            v = chances.shown(v, unit, back=True)
        if unit in problem.remarks:
            apart[i] = np.ascontiguousarray(v.T)
            v = chances.told_apart(v, unit, back=True)
        if unit in problem.weighed:
            v = chances.weigh(v, unit)
            since += len(problem.by_unit.get(unit, ())) + problem.shown.get(unit, 0)
            if since > 1 or unit % WEEK_UNITS == 0:
                v = chances.times(v, 1.0 / np.maximum(_by_point_most(chances, v), 1e-37))
                since = 0
        messages[i] = np.ascontiguousarray(v.T)
    return messages, turns, apart


def _by_point_most(chances: Kernels, v: np.ndarray) -> np.ndarray:
    return v.max(0).reshape(2, chances.points, chances.levels).max((0, 2))


class _Walk:
    """The draws as they grow, one cut at a time."""

    def __init__(
        self,
        problem: Problem,
        chances: Kernels,
        at: np.ndarray,
        lookahead: tuple[list, dict, dict],
        rng: np.random.Generator,
    ) -> None:
        self.problem, self.kernels, self.at, self.rng = problem, chances, at, rng
        self.messages, self.turns, self.apart = lookahead
        self.rates, self.size = chances.levels, chances.size
        self._rows: dict[tuple[int, bool], np.ndarray] = {}
        self._marks: dict[tuple[int, bool], np.ndarray] = {}
        self._unit_split: dict[int, np.ndarray] = {}
        self._none = np.zeros((0, self.size), np.float32)
        self._no_turn = np.zeros((self.size, 0), np.float32)
        week, stop, start = chances.week, chances.stop, chances.start
        turn = np.stack([np.stack([1 - stop, stop], 1), np.stack([start, 1 - start], 1)], 1)  # (P, from, to)
        # Rows by point, from-state, from-level; columns by to-state, to-level.
        self._turn = np.ascontiguousarray(
            (turn[:, :, None, :, None] * week[:, None, :, None, :]).reshape(-1, 2 * self.rates), np.float32
        )

    def begin(self, point: np.ndarray) -> None:
        """Draw the state at unit 0."""
        n, cutsn = len(point), len(self.at)
        start = self.kernels.begin().T * (self.messages[0] if self.messages[0] is not None else 1.0)
        # Point, then paused or not, level, state.
        shape = (2, self.kernels.points, self.rates * self.size)
        flat = start.reshape(shape).transpose(1, 0, 2).reshape(self.kernels.points, -1)
        edges = np.cumsum(flat, axis=1)
        u = self.rng.random(n) * edges[point, -1]
        index = np.empty(n, np.int64)
        for k in np.unique(point):
            of = point == k
            index[of] = np.minimum(np.searchsorted(edges[k], u[of]), flat.shape[1] - 1)
        self.state = index % self.size
        self.level = (index // self.size) % self.rates
        self.off = index // (self.size * self.rates)
        self.level_by_week = [self.level.astype(np.int8)]
        self.paused_by_week = [self.off.astype(bool)]
        self.history = History(
            self.at,
            np.zeros((cutsn, n), np.int16),
            np.zeros((cutsn, n), np.int8),
            point,
            self.kernels.p,
            np.zeros(n),
            np.zeros(n),
            np.zeros(n),
            np.zeros(n, bool),
            {},
        )
        self._note()
        if not self.problem.starts_empty:
            self.history.carried[BEFORE] = self.history.rate.astype(np.float32)
        self.history.ships[0] = self.problem.chain.ships[self.state]
        self._tell(0)

    def step(self, i: int) -> None:
        """Draw the state at cut i, the arrivals since the last cut, and at a week's end the turn of the rate."""
        first, last, h = int(self.at[i - 1]), int(self.at[i]), self.history
        message = self.messages[i]
        kernels.step(
            self._rows_of(first, last),
            self._none if message is None else message,
            self._marks_of(first, last),
            self.kernels.points,
            h.point,
            self.level,
            self.off,
            self.state,
            self.rng.random((2, len(self.state)), dtype=np.float32),
            h.arrived[i - 1],
            h.arrived[i],
            self.problem.chain.ships,
            h.ships[i],
        )
        self.messages[i] = None  # heard: what is still to come is held, no more
        h.now = i
        self._tell(i)
        unit = int(self.at[i])
        if unit % WEEK_UNITS == 0:
            self._turn_week(i)

    def _turn_week(self, i: int) -> None:
        kernels.turn(
            self._turn,
            self.turns.get(i, self._no_turn),
            self.kernels.points,
            self.history.point,
            self.level,
            self.off,
            self.state,
            self.rng.random(len(self.state), dtype=np.float32),
        )
        self.level_by_week.append(self.level.astype(np.int8))
        self.paused_by_week.append(self.off.astype(bool))
        self._note()

    def _note(self) -> None:
        h = self.history
        h.paused = self.off == 1
        h.rate = np.where(h.paused, 0.0, self.kernels.rate[h.point, self.level])
        h.occupied = np.where(h.paused, 0.0, self.kernels.occupied[h.point, self.level])

    def keep(self, which: np.ndarray) -> None:
        """Resample the draws."""
        h = self.history
        done = h.now + 1
        h.arrived[:done] = np.take(h.arrived[:done], which, axis=1)
        h.ships[:done] = np.take(h.ships[:done], which, axis=1)
        h.point, h.choice = h.point[which], h.choice[which]
        h.rate, h.occupied, h.paused = h.rate[which], h.occupied[which], h.paused[which]
        h.carried = {name: value[..., which] for name, value in h.carried.items()}
        self.state, self.level, self.off = self.state[which], self.level[which], self.off[which]
        self.level_by_week = [v[which] for v in self.level_by_week]
        self.paused_by_week = [v[which] for v in self.paused_by_week]

    def _tell(self, i: int) -> None:
        unit = int(self.at[i])
        if unit in self.problem.remarks:
            kernels.told_apart(
                self.problem.remarks[unit].astype(np.float32),
                self.apart[i],
                self.kernels.points,
                self.history.point,
                self.level,
                self.off,
                self.state,
                self.rng.random(len(self.state), dtype=np.float32),
            )
        for _ in range(self.problem.shown.get(unit, 0)):
            # A ship that AIS shows comes; where all berths are full, none does.
            chain, free = self.problem.chain, self.problem.chain.marked.sum(1) > 0
            self.history.arrived[i] += free[self.state]
            self.state = np.where(free, chain.marked.argmax(1), np.arange(self.size))[self.state]
            self.history.ships[i] = chain.ships[self.state]
        stretch = self.problem.choice_days.get(unit)
        if stretch is not None:
            h = self.history
            row = (self.off * self.kernels.points + h.point) * self.rates + self.level
            busy = (self.problem.chain.ships[self.state] > 0).astype(int)
            h.choice += self.kernels.choice_norm(stretch)[busy, row]

    def _rows_of(self, first: int, last: int) -> np.ndarray:
        key = last - first, self.problem.hears(first, last)
        if key not in self._rows:
            lanes = self.kernels.carry(first, last)
            self._rows[key] = np.ascontiguousarray(lanes.transpose(2, 0, 1)).reshape(-1, self.size)
        return self._rows[key]

    def _marks_of(self, first: int, last: int) -> np.ndarray:
        key = last - first, self.problem.hears(first, last)
        if key not in self._marks:
            split = self._split_of(key[0])
            if key[1]:  # each arrival in this time was weighed as one that AIS does not show
                dark = np.repeat(1.0 - self.kernels.p.ais_share, self.rates).astype(np.float32)
                split = split * dark[None, :, None, None] ** np.arange(len(split))[:, None, None, None]
            share = np.cumsum(split, axis=0) / np.maximum(split.sum(0), 1e-30)
            self._marks[key] = np.ascontiguousarray(
                np.moveaxis(share[:-1], 0, -1).reshape(-1, len(split) - 1), np.float32
            )
        return self._marks[key]

    def _split_of(self, gap: int) -> np.ndarray:
        """Transitions of the running rows over a gap, split by arrivals: products of powers of one unit's."""
        p = self.kernels.p
        most = _ARRIVALS_A_DAY if gap <= UNITS_PER_DAY else _ARRIVALS_A_STEP
        if not self._unit_split:
            rate, dwell = self.kernels.rate.reshape(-1), np.repeat(p.dwell_days, self.rates)
            unit = transition_by_arrivals(self.problem.chain, rate, dwell, None, UNIT_DAYS, _ARRIVALS_A_UNIT)
            self._unit_split[1] = unit.astype(np.float32)
        out: np.ndarray | None = None
        length = 1
        while length <= gap:
            if length not in self._unit_split:
                half = self._unit_split[length // 2]
                cap = _ARRIVALS_A_DAY if length <= UNITS_PER_DAY else _ARRIVALS_A_STEP
                self._unit_split[length] = compose(half, half, cap)
            if gap & length:
                power = self._unit_split[length]
                out = power if out is None else compose(out, power, most)
            length *= 2
        assert out is not None
        return out
