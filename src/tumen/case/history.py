"""A yearly count against its own history: what would it have been without the trade?

Takes a series of counts from before and the counts since; gives how likely each later count is
if nothing was added, and if a stated factor was. The log of the count follows
y(t) = a + phi y(t-1) + noise with phi anywhere between 0 (it returns to a level at once) and 1
(it drifts), all three unknown: phi even on a grid, a and the log of the noise flat, so that a
year's forecast is a mixture of Student's t (Box, Jenkins and Reinsel, Time Series Analysis; Zellner 1971
for the regression). Years scatter far more than a Poisson count would; the noise carries that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# phi on a grid: finer steps change a likelihood ratio by less than one per cent.
PHI = np.linspace(0.0, 1.0, 21)
# Fewer years than this tell nothing of how the count scatters.
FEWEST = 5
# Step of the numerical distribution function, in scales of the forecast, and how far out it goes.
STEPS, REACH = 2000, 12.0


@dataclass(frozen=True)
class Forecast:
    """Forecast of the log of the next count: a mixture of t, arrays of shape (rows, phi)."""

    weight: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    freedom: int

    def middle(self) -> np.ndarray:
        """Mean of the log of the next count, shape (rows,)."""
        return np.asarray((self.weight * self.centre).sum(axis=1))

    def density(self, log_count: np.ndarray) -> np.ndarray:
        """Density at `log_count`, shape (rows,)."""
        z = (log_count[:, None] - self.centre) / self.scale
        return np.asarray((self.weight * _student(z, self.freedom) / self.scale).sum(axis=1))

    def above(self, log_count: np.ndarray) -> np.ndarray:
        """Chance of a count above `log_count`, shape (rows,)."""
        z = (log_count[:, None] - self.centre) / self.scale
        return np.asarray((self.weight * (1.0 - _student_below(z, self.freedom))).sum(axis=1))


def forecast(logs: np.ndarray) -> Forecast:
    """Forecast of the next year from logs of the years so far, shape (rows, years).

    >>> made = forecast(np.log(np.array([[100.0, 120.0, 90.0, 110.0, 95.0, 105.0]])))
    >>> bool(abs(float(made.above(np.log(np.array([102.0])))[0]) - 0.5) < 0.1)
    True
    """
    later, earlier = logs[:, 1:], logs[:, :-1]
    rest = later[:, None, :] - PHI[None, :, None] * earlier[:, None, :]
    years = rest.shape[2]
    level = rest.mean(axis=2)
    spread = ((rest - level[:, :, None]) ** 2).sum(axis=2)
    # A series without any scatter would be foreseen exactly; a hundredth of a per cent keeps the figures finite.
    spread = np.maximum(spread, years * 1e-8)
    freedom = years - 1
    weight = -0.5 * freedom * np.log(spread)
    weight = np.exp(weight - weight.max(axis=1, keepdims=True))
    scale = np.sqrt(spread / freedom * (1 + 1 / years))
    centre = level + PHI[None, :] * logs[:, -1:]
    return Forecast(weight / weight.sum(axis=1, keepdims=True), centre, scale, freedom)


def ratios(before: np.ndarray, since: np.ndarray, share: np.ndarray, rise: np.ndarray) -> np.ndarray:
    """Likelihood ratio of each count since the trade began: `rise` true against nothing added.

    `before`: counts of the years before, oldest first. `since`: counts since, each following the last. `share`:
    share of each of these years in which the trade was on. `rise`: factor on the count, shape (rows,). A year's
    ratio is given the years before it, so the product over years is that of all of them together.
    Returns shape (rows, len(since)).

    >>> flat = np.array([100.0, 120, 90, 110, 95, 105])
    >>> (ratios(flat, np.array([104.0, 200.0]), np.ones(2), np.array([2.0])) > 1).tolist()
    [[False, True]]
    """
    rise, back = np.unique(rise, return_inverse=True)  # what-ifs leave most rows alike
    step = np.log(rise)
    plain = np.log(before)[None]
    lifted = np.tile(plain, (len(rise), 1))
    out = np.empty((len(rise), len(since)))
    for year, count in enumerate(np.log(since)):
        own = count - step * share[year]
        out[:, year] = forecast(lifted).density(own) / forecast(plain).density(np.array([count]))
        plain = np.append(plain, [[count]], axis=1)
        lifted = np.column_stack([lifted, own])
    return np.asarray(out[back])


def next_raised(
    before: np.ndarray, since: np.ndarray, share: np.ndarray, rise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Chance that the next count lies above the bound that parts the two, if the rise is true and if not.

    The bound is half way (on the log scale) between what is foreseen with the rise and without it. Each of shape
    (rows,).
    """
    step = np.log(rise)
    logs = np.tile(np.log(np.concatenate([before, since])), (len(rise), 1))
    whole = np.concatenate([np.zeros(len(before)), share])
    plain, lifted = forecast(logs), forecast(logs - step[:, None] * whole[None, :])
    bound = (plain.middle() + lifted.middle() + step) / 2
    return lifted.above(bound - step), plain.above(bound)


def _student(z: np.ndarray, freedom: int) -> np.ndarray:
    peak = math.gamma((freedom + 1) / 2) / math.gamma(freedom / 2) / math.sqrt(freedom * math.pi)
    return peak * (1 + z**2 / freedom) ** (-(freedom + 1) / 2)


def _student_below(z: np.ndarray, freedom: int) -> np.ndarray:
    """Distribution function of Student's t, by the trapezoid rule; beyond the grid its ends."""
    grid = np.linspace(-REACH, REACH, 2 * STEPS + 1)
    height = _student(grid, freedom)
    below = np.concatenate([[0.0], np.cumsum((height[1:] + height[:-1]) / 2) * (grid[1] - grid[0])])
    # Symmetric: half lies below the middle, whatever is cut off outside.
    below += 0.5 - below[STEPS]
    return np.interp(z, grid, below)
