"""The exact pass over the looks of one port: likelihood, messages, and the count in a window.

State: on or paused, level of the log rate, ships alongside with phases. Between events the port
moves by small matrix exponentials (powers of one three-hour step); each week the rate walks and
traffic may stop or start; at a look the state is weighted by the chance of what was seen. For a
window, arrivals are marked with z and the pass is run on roots of unity: one FFT gives the exact
distribution of their number (hidden Markov counting, after the probability generating function of
a marked Markovian arrival process, Neuts 1979).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tumen.traffic.chain import UNIT_DAYS, UNITS_PER_DAY, WEEK_UNITS, Port, empty_state, transition
from tumen.traffic.looks import Hulls, Observation, PortLooks, likelihood
from tumen.traffic.prior import Levels, Points, pause_week

_LEAST_SHARE = 0.1  # where the norm of chosen looks is linearised during a pause: a month is rarely all pause


@dataclass(frozen=True)
class Problem:
    """One port with its chain, its grid of rates, and what was seen of it."""

    chain: Port
    levels: Levels
    looks: PortLooks
    hulls: Hulls
    end_unit: int = 10**9
    guides: Mapping[int, Mapping[str, np.ndarray]] = field(default_factory=dict)

    @cached_property
    def by_unit(self) -> dict[int, list[Observation]]:
        """Observations by unit of time, in order."""
        out: dict[int, list[Observation]] = {}
        for o in self.looks.observations:
            out.setdefault(o.unit, []).append(o)
        return dict(sorted(out.items()))

    @cached_property
    def chosen_rate(self) -> float:
        """Chosen looks a day over the stretch in which looks were chosen."""
        chosen = [o.unit for o in self.looks.observations if o.chosen]
        return len(chosen) / len(self.choice_days) if chosen else 0.0

    @cached_property
    def choice_days(self) -> frozenset[int]:
        """Overpasses among which looks were chosen: every day from a week before the first to a week after the last,
        less the days of which a full record exists."""
        chosen = [o.unit for o in self.looks.observations if o.chosen]
        if not chosen:
            return frozenset()
        first = max(0, min(chosen) - WEEK_UNITS) // UNITS_PER_DAY * UNITS_PER_DAY
        days = range(first, min(max(chosen) + WEEK_UNITS, self.end_unit) + 1, UNITS_PER_DAY)
        return frozenset(d for d in days if not any(a <= d <= b for a, b in self.looks.complete))

    @property
    def last_unit(self) -> int:
        """Last unit at which a look or the choice of looks tells something."""
        return max([0, *self.by_unit, *self.choice_days, *self.guides])

    @cached_property
    def mark_factors(self) -> dict[int, np.ndarray]:
        """Weight (S,) of the states at each look that tells hulls apart, by unit."""
        out: dict[int, np.ndarray] = {}
        before: np.ndarray | None = None
        for unit, group in self.by_unit.items():
            for o in group:
                if o.mark is None or not self.chain.tracked:
                    continue
                factor = np.ones(self.chain.size)
                if before is not None:
                    ratio = self.hulls.same_over_different(before, o.mark)
                    here = (self.chain.left == 0) & (self.chain.ships > 0)
                    n = self.chain.ships.astype(float)
                    # With several alongside, the one marked now is the one marked before by 1 / n.
                    factor[here] = (ratio + n[here] - 1) / n[here]
                out[unit] = out.get(unit, np.ones(self.chain.size)) * factor ** min(o.weight, 1.0)
                before = o.mark
        return out


class Kernels:
    """Transition matrices of a set of points, made once and reused for every gap length."""

    def __init__(self, problem: Problem, p: Points) -> None:
        self.problem, self.p = problem, p
        rates, size = problem.levels.rate, problem.chain.size
        count = len(p)
        rate = np.concatenate([np.tile(rates, count), np.zeros(count)])
        dwell = np.concatenate([np.repeat(p.dwell_days, len(rates)), p.dwell_days])
        step = transition(problem.chain, rate, dwell, days=UNIT_DAYS)
        self._powers: dict[int, np.ndarray] = {1: step}
        length = 1
        while length * 2 <= WEEK_UNITS:
            self._powers[length * 2] = self._powers[length] @ self._powers[length]
            length *= 2
        self.on_rows = count * len(rates)
        self.size = size
        self.week = problem.levels.week(p.walk_sd_month)
        self.stop, self.start = pause_week(p)

    @cached_property
    def occupied(self) -> np.ndarray:
        """Long-run share of time with a ship alongside, (P, 2, L): while on at each rate, while paused 0."""
        longest = self._powers[max(self._powers)]
        far = longest @ longest
        far = far @ far
        busy = (empty_state(self.problem.chain) @ far) @ (self.problem.chain.ships > 0).astype(float)
        on = busy[: self.on_rows].reshape(len(self.p), -1)
        return np.stack([on, np.zeros_like(on)], axis=1)

    @cached_property
    def choice_norm(self) -> np.ndarray:
        """Log norm of the choice of looks for one day, by point, running or paused, level, empty or occupied.

        n looks fell among the days of a stretch with odds q of an occupied one: each has probability
        q^occupied over the sum of q^occupied. Its log norm is taken here in its tangent at the long-run occupied
        share of the level, day by day, so that the pass can carry it; the paths then get the exact one.
        """
        odds = self.p.selection_odds[:, None, None] - 1.0
        at = np.maximum(self.occupied, _LEAST_SHARE)
        slope = odds / (1 + odds * at)
        empty = np.log1p(odds * at) - slope * at
        return self.problem.chosen_rate * np.stack([empty, empty + slope], axis=-1)

    def matrix(self, gap: int) -> np.ndarray:
        """Transition over `gap` units (at most a week): (P L + P, S, S), running rows then paused ones."""
        out: np.ndarray | None = None
        for length, power in self._powers.items():
            if gap & length:
                out = power if out is None else out @ power
        assert out is not None
        return out

    def forward(self, on: np.ndarray, off: np.ndarray, gap: int) -> tuple[np.ndarray, np.ndarray]:
        """Carry row vectors (P, L, S) over a gap."""
        count, rates, size = on.shape
        flat = on.reshape(-1, 1, size)
        for length, power in self._powers.items():
            if gap & length:
                flat = flat @ power[: self.on_rows]
                off = off @ power[self.on_rows :]
        return flat.reshape(count, rates, size), off

    def backward(self, on: np.ndarray, off: np.ndarray, gap: int) -> tuple[np.ndarray, np.ndarray]:
        """Carry column vectors (P, L, S) back over a gap."""
        count, rates, size = on.shape
        flat = on.reshape(-1, size, 1)
        for length, power in self._powers.items():
            if gap & length:
                flat = power[: self.on_rows] @ flat
                off = np.swapaxes(power[self.on_rows :] @ np.swapaxes(off, 1, 2), 1, 2)
        return flat.reshape(count, rates, size), off

    def mix(self, on: np.ndarray, off: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The week's turn, forward: the rate walks, traffic stops or starts."""
        stop, start = self.stop[:, None, None], self.start[:, None, None]
        on, off = np.swapaxes(self.week, 1, 2) @ on, np.swapaxes(self.week, 1, 2) @ off
        return on * (1 - stop) + off * start, on * stop + off * (1 - start)

    def unmix(self, on: np.ndarray, off: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The week's turn for column vectors."""
        stop, start = self.stop[:, None, None], self.start[:, None, None]
        on, off = on * (1 - stop) + off * stop, on * start + off * (1 - start)
        return self.week @ on, self.week @ off

    def begin(self) -> tuple[np.ndarray, np.ndarray]:
        """State at the start of the period: an empty port, the rate from its prior, traffic on in the long-run share."""
        running = self.start / (self.start + self.stop)
        base = self.problem.levels.prior[None, :, None] * empty_state(self.problem.chain)[None, None, :]
        return base * running[:, None, None], base * (1 - running)[:, None, None]

    def look(self, unit: int) -> tuple[np.ndarray, np.ndarray]:
        """Weights of all looks at a unit for running and paused states: (P, L, S) and (P, L or 1, S)."""
        p, chain = self.p, self.problem.chain
        like = np.ones((len(p), chain.size))
        for o in self.problem.by_unit.get(unit, ()):
            like = like * likelihood(o, chain.ships, p.detection, p.false_sighting)
            if o.chosen:
                like = like * np.where(chain.ships[None, :] > 0, p.selection_odds[:, None], 1.0)
        if unit in self.problem.mark_factors:
            like = like * self.problem.mark_factors[unit][None, :]
        on = off = like[:, None, :]
        if unit in self.problem.choice_days:
            norm = np.exp(-self.choice_norm)[:, :, :, (chain.ships > 0).astype(int)]
            on, off = on * norm[:, 0], off * norm[:, 1]
        return on, off

    def guide(self, unit: int) -> np.ndarray:
        """Factor (1, L, 1) by which totals to come steer the running levels in the week that ends at a unit."""
        return np.exp(sum(self.problem.guides[unit].values()))[None, :, None]

    def forget(self, v: np.ndarray) -> np.ndarray:
        """Lower the flag of the row vectors after a look that told hulls apart."""
        half = self.size // 2
        out = np.zeros_like(v)
        out[..., :half] = v[..., :half] + v[..., half:]
        return out


def cuts(problem: Problem, until: int, daily_until: int = -1) -> np.ndarray:
    """Units at which something happens up to `until`: looks and week ends, each day up to `daily_until`.

    With `daily_until`, half weeks follow after it.
    """
    marks = set(range(0, until + 1, WEEK_UNITS // 2 if daily_until >= 0 else WEEK_UNITS)) | {until}
    marks |= set(range(0, min(daily_until, until) + 1, UNITS_PER_DAY))
    marks |= {u for u in (*problem.by_unit, *problem.choice_days) if u <= until}
    return np.array(sorted(marks), dtype=np.int64)


def log_evidence(problem: Problem, p: Points) -> np.ndarray:
    """Log likelihood of all looks at each point, (P,)."""
    kernels = Kernels(problem, p)
    at = cuts(problem, problem.last_unit)
    on, off = kernels.begin()
    total = np.zeros(len(p))
    for i, unit in enumerate(at):
        if i:
            on, off = kernels.forward(on, off, int(unit - at[i - 1]))
        if unit in problem.by_unit or unit in problem.choice_days:
            weight_on, weight_off = kernels.look(int(unit))
            on, off = on * weight_on, off * weight_off
            if unit in problem.mark_factors:
                on, off = kernels.forget(on), kernels.forget(off)
            mass = on.sum((1, 2)) + off.sum((1, 2))
            total += np.log(np.maximum(mass, 1e-300))
            on, off = on / mass[:, None, None], off / mass[:, None, None]
        if unit and unit % WEEK_UNITS == 0:
            if unit in problem.guides:
                on = on * kernels.guide(int(unit))
            on, off = kernels.mix(on, off)
    mass = on.sum((1, 2)) + off.sum((1, 2))
    return total + np.log(np.maximum(mass, 1e-300))


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
    rates = problem.levels.rate
    rate = np.concatenate([np.tile(rates, len(p)), np.zeros(len(p))])
    dwell = np.concatenate([np.repeat(p.dwell_days, len(rates)), p.dwell_days])
    evidence = log_evidence(problem, p)
    for k in range(len(values)):
        marked = Kernels.__new__(Kernels)
        marked.__dict__.update(plain.__dict__)
        step = transition(problem.chain, rate, dwell, None, np.exp(2j * np.pi * k / order), UNIT_DAYS)
        powers, length = {1: step}, 1
        while length * 2 <= WEEK_UNITS:
            powers[length * 2] = powers[length] @ powers[length]
            length *= 2
        marked._powers = powers
        on, off = plain.begin()
        on, off = on.astype(complex), off.astype(complex)
        total = np.zeros(len(p))
        for i, unit in enumerate(at):
            if i:
                inside = first <= at[i - 1] and unit <= last
                on, off = (marked if inside else plain).forward(on, off, int(unit - at[i - 1]))
            if unit in problem.by_unit or unit in problem.choice_days:
                weight_on, weight_off = plain.look(int(unit))
                on, off = on * weight_on, off * weight_off
                if unit in problem.mark_factors:
                    on, off = plain.forget(on), plain.forget(off)
                size = np.maximum(np.abs(on).sum((1, 2)) + np.abs(off).sum((1, 2)), 1e-300)
                total += np.log(size)
                on, off = on / size[:, None, None], off / size[:, None, None]
            if unit and unit % WEEK_UNITS == 0:
                if unit in problem.guides:
                    on = on * plain.guide(int(unit))
                on, off = plain.mix(on, off)
        values[k] = (weight * np.exp(total - evidence) * (on.sum((1, 2)) + off.sum((1, 2)))).sum()
    return np.maximum(np.fft.irfft(values.conj(), n=order), 0.0)
