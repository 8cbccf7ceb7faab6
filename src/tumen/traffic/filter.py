"""The exact pass over the looks of one port: likelihood, messages, and the count in a window.

State: on or paused, level of the log rate, ships alongside with phases. Between events the port
moves by small matrix exponentials (powers of one three-hour step); each week the rate walks and
traffic may stop or start; at a look the state is weighted by the chance of what was seen. For a
window, arrivals are marked with z and the pass is run on roots of unity: one FFT gives the exact
distribution of their number (hidden Markov counting, after the probability generating function of
a marked Markovian arrival process, Neuts 1979).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tumen.traffic.chain import UNIT_DAYS, UNITS_PER_DAY, WEEK_UNITS, Port, empty_state, transition
from tumen.traffic.looks import Hulls, Observation, PortLooks, likelihood
from tumen.traffic.prior import Levels, Points, pause_week


@dataclass(frozen=True)
class Problem:
    """One port with its chain, its grid of rates, and what was seen of it."""

    chain: Port
    levels: Levels
    looks: PortLooks
    hulls: Hulls

    @cached_property
    def by_unit(self) -> dict[int, list[Observation]]:
        """Observations by unit of time, in order."""
        out: dict[int, list[Observation]] = {}
        for o in self.looks.observations:
            out.setdefault(o.unit, []).append(o)
        return dict(sorted(out.items()))

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
        chosen = 0
        for o in self.problem.by_unit[unit]:
            like = like * likelihood(o, chain.ships, p.detection, p.false_sighting)
            chosen += o.chosen
        if unit in self.problem.mark_factors:
            like = like * self.problem.mark_factors[unit][None, :]
        on = off = like[:, None, :]
        if chosen:
            # A look chosen with odds q of an occupied hour: q^occupied over its mean at this rate. The exact
            # mean over the month is put in its place when paths are drawn.
            odds = p.selection_odds[:, None]
            pull = np.where(chain.ships[None, :] > 0, odds, 1.0)[:, None, :]
            mean = 1 + (odds[:, :, None] - 1) * self.occupied
            on = on * pull / mean[:, 0, :, None]
            off = off * pull
        return on, off

    def forget(self, v: np.ndarray) -> np.ndarray:
        """Lower the flag of the row vectors after a look that told hulls apart."""
        half = self.size // 2
        out = np.zeros_like(v)
        out[..., :half] = v[..., :half] + v[..., half:]
        return out


def cuts(problem: Problem, until: int, daily: bool = False) -> np.ndarray:
    """Units at which something happens up to `until`: looks, week ends, and each day where wanted."""
    step = UNITS_PER_DAY if daily else WEEK_UNITS
    marks = set(range(0, until + 1, step)) | {u for u in problem.by_unit if u <= until} | {until}
    return np.array(sorted(marks), dtype=np.int64)


def log_evidence(problem: Problem, p: Points) -> np.ndarray:
    """Log likelihood of all looks at each point, (P,)."""
    kernels = Kernels(problem, p)
    at = cuts(problem, max(problem.by_unit, default=0))
    on, off = kernels.begin()
    total = np.zeros(len(p))
    for i, unit in enumerate(at):
        if i:
            on, off = kernels.forward(on, off, int(unit - at[i - 1]))
        if unit in problem.by_unit:
            weight_on, weight_off = kernels.look(int(unit))
            on, off = on * weight_on, off * weight_off
            if unit in problem.mark_factors:
                on, off = kernels.forget(on), kernels.forget(off)
            mass = on.sum((1, 2)) + off.sum((1, 2))
            total += np.log(np.maximum(mass, 1e-300))
            on, off = on / mass[:, None, None], off / mass[:, None, None]
        if unit and unit % WEEK_UNITS == 0:
            on, off = kernels.mix(on, off)
    return total


def count_in_window(problem: Problem, p: Points, weight: np.ndarray, first: int, last: int, most: int) -> np.ndarray:
    """Exact posterior of the number of arrivals in units first .. last: probabilities (most + 1,).

    `weight` (P,) are the normed weights of the points. The pass is run with arrivals inside the window
    marked by each root of unity of order most + 1; counts beyond `most` wrap round, so choose it large.
    """
    order = most + 1
    values = np.zeros(order // 2 + 1, dtype=complex)
    plain = Kernels(problem, p)
    until = max(max(problem.by_unit, default=0), last)
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
            if unit in problem.by_unit:
                weight_on, weight_off = plain.look(int(unit))
                on, off = on * weight_on, off * weight_off
                if unit in problem.mark_factors:
                    on, off = plain.forget(on), plain.forget(off)
                size = np.maximum(np.abs(on).sum((1, 2)) + np.abs(off).sum((1, 2)), 1e-300)
                total += np.log(size)
                on, off = on / size[:, None, None], off / size[:, None, None]
            if unit and unit % WEEK_UNITS == 0:
                on, off = plain.mix(on, off)
        values[k] = (weight * np.exp(total - evidence) * (on.sum((1, 2)) + off.sum((1, 2)))).sum()
    return np.maximum(np.fft.irfft(values.conj(), n=order), 0.0)
