"""The methods in use, to stand beside the model: runs of images with a ship, occupancy over dwell, capture-recapture.

Each takes looks of one port in order of time and gives draws of the number of visits, with the spread that
its own arithmetic implies. Chapman's estimator and its variance after Seber (1982).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tumen.traffic.looks import Observation

LONGEST_GAP_UNITS = 4 * 8  # two images with a ship further apart than four days are two runs


def runs(observations: Sequence[Observation]) -> list[list[int]]:
    """Runs of consecutive looks with a ship: lists of positions, cut by an empty look or a gap of four days."""
    out: list[list[int]] = []
    last: int | None = None
    for i, o in enumerate(observations):
        if o.usable < 0.5:
            continue
        if not o.positive:
            last = None
            continue
        if last is None or o.unit - last > LONGEST_GAP_UNITS:
            out.append([])
        out[-1].append(i)
        last = o.unit
    return out


def count_runs(observations: Sequence[Observation], draws: int, rng: np.random.Generator) -> np.ndarray:
    """The number of runs, taken as a Poisson count (Jeffreys prior): draws of the visits."""
    return rng.poisson(rng.gamma(len(runs(observations)) + 0.5, 1.0, draws)).astype(float)


def occupancy_over_dwell(
    observations: Sequence[Observation], days: float, dwell_days: float, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Occupied share times days over one stay: draws of the visits, the share's sampling error alone."""
    used = [o for o in observations if o.usable >= 0.5]
    seen = sum(o.positive for o in used)
    share = rng.beta(seen + 0.5, len(used) - seen + 0.5, draws)
    return share * days / dwell_days


def capture_recapture(observations: Sequence[Observation], draws: int, rng: np.random.Generator) -> np.ndarray:
    """Chapman's estimate with runs as visits and every other look as the second occasion."""
    used = [o for o in observations if o.usable >= 0.5]
    first = second = both = 0
    for run in runs(used):
        odd = any(i % 2 for i in run)
        even = any(i % 2 == 0 for i in run)
        first += odd
        second += even
        both += odd and even
    total = (first + 1) * (second + 1) / (both + 1) - 1
    variance = (first + 1) * (second + 1) * (first - both) * (second - both) / ((both + 1) ** 2 * (both + 2))
    return np.maximum(total + np.sqrt(variance) * rng.standard_normal(draws), 0.0)
