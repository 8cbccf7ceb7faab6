"""The unknowns of the traffic model: a few parameters with priors, and the drifting, pausing rate.

Gives parameter points as transforms of standard normals (Sobol points or a proposal), and the grid on
which the log rate swings about its unknown long-run mean: a weekly walk that is pulled back to that mean.
The mean is a parameter; the path is a state and is summed over exactly by the filter. Sobol points with a
random digital shift (Joe and Kuo 2008; L'Ecuyer and Lemieux 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tumen.case.traffic_settings import SpreadPrior, TrafficSettings

NAMES = (
    "dwell",
    "detection",
    "false sighting",
    "rate walk",
    "campaign",
    "pause",
    "selection",
    "rate",
    "reports",
    "AIS",
)
LEVEL_STEP = 0.35  # of the log rate: half the standard deviation of its swing, below what looks can resolve
LEVEL_SPAN = 2.2  # standard deviations of the swing that the grid covers on either side
DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True)
class Points:
    """Parameter points, one row each: `z` (P, 10) standard normal, and the named values (P,)."""

    z: np.ndarray
    dwell_days: np.ndarray
    detection: np.ndarray
    false_sighting: np.ndarray
    walk_sd_month: np.ndarray
    campaign_days: np.ndarray
    pause_days: np.ndarray
    selection_odds: np.ndarray
    rate_per_day: np.ndarray
    reported_share: np.ndarray
    ais_share: np.ndarray

    def __len__(self) -> int:
        return len(self.z)

    def take(self, which: np.ndarray) -> Points:
        """Points by index."""
        return Points(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    @staticmethod
    def joined(parts: Sequence[Points]) -> Points:
        """The points of several sets, one after the other."""
        return Points(*(np.concatenate([getattr(p, name) for p in parts]) for name in Points.__dataclass_fields__))


def points(z: np.ndarray, settings: TrafficSettings, dwell: SpreadPrior) -> Points:
    """Values of the parameters at standard normal coordinates `z` (P, 10)."""

    def spread(i: int, prior: SpreadPrior) -> np.ndarray:
        return prior.median * np.exp(prior.sd_log * z[:, i])

    def share(i: int, median: float, sd: float) -> np.ndarray:
        return 1.0 / (1.0 + np.exp(-(np.log(median / (1 - median)) + sd * z[:, i])))

    misread = share(2, settings.false_sighting.median, settings.false_sighting.sd_logit)
    return Points(
        z,
        spread(0, dwell),
        share(1, settings.detection.median, settings.detection.sd_logit),
        1 - (1 - misread) * (1 - settings.other_ships_in_berth),
        spread(3, settings.rate_walk_sd) if settings.drift else np.zeros(len(z)),
        spread(4, settings.campaign_days) if settings.pauses else np.full(len(z), np.inf),
        spread(5, settings.pause_days) if settings.pauses else np.full(len(z), 1.0),
        spread(6, settings.selection_odds) if settings.selection else np.ones(len(z)),
        spread(7, settings.rate_per_day),
        share(8, settings.reported_share.median, settings.reported_share.sd_logit),
        share(9, settings.ais_share.median, settings.ais_share.sd_logit),
    )


# Primitive polynomials (degree, inner coefficients) and first direction numbers of dimensions 2 to 10, Joe and Kuo
# (2008). Written out here because scipy.stats.qmc takes longer to import than a whole count takes to run.
_DIRECTIONS = (
    (1, 0, (1,)),
    (2, 1, (1, 3)),
    (3, 1, (1, 3, 1)),
    (3, 2, (1, 1, 1)),
    (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)),
    (5, 2, (1, 1, 5, 5, 17)),
    (5, 4, (1, 1, 5, 5, 5)),
    (5, 7, (1, 1, 7, 11, 19)),
)
_BITS = 30


def sobol(count: int, rng: np.random.Generator) -> np.ndarray:
    """Sobol points of the prior under a random digital shift, as standard normals (count, 10)."""
    from scipy.special import ndtri

    index = np.arange(count, dtype=np.int64)
    gray = index ^ (index >> 1)
    out = np.zeros((count, len(NAMES)), np.int64)
    for dim in range(len(NAMES)):
        numbers = _direction_numbers(dim)
        for bit in range(max(int(count).bit_length(), 1)):
            out[:, dim] ^= ((gray >> bit) & 1) * numbers[bit]
    out ^= rng.integers(0, 2**_BITS, len(NAMES))
    return ndtri((out + 0.5) / 2**_BITS)


def _direction_numbers(dim: int) -> list[int]:
    if dim == 0:
        return [1 << (_BITS - 1 - i) for i in range(_BITS)]
    degree, inner, start = _DIRECTIONS[dim - 1]
    m = list(start)
    for i in range(degree, _BITS):
        value = m[i - degree] ^ (m[i - degree] << degree)
        for k in range(1, degree):
            if (inner >> (degree - 1 - k)) & 1:
                value ^= m[i - k] << k
        m.append(value)
    return [m[i] << (_BITS - 1 - i) for i in range(_BITS)]


@dataclass(frozen=True)
class Levels:
    """The grid of the rate's swing: `factor` (L,) on the long-run mean, its law `prior` (L,), the walk's eigenvectors."""

    factor: np.ndarray
    prior: np.ndarray
    vectors: np.ndarray
    values: np.ndarray
    step: float

    def week(self, walk_sd_month: np.ndarray) -> np.ndarray:
        """Transition of the log rate over one week for each point: (P, L, L), rows sum to one.

        A walk on the grid to neighbouring levels whose variance over a month is walk_sd_month^2 and whose
        long-run law is that of the swing: the further the rate is from its mean, the likelier it turns back.
        """
        if len(self.factor) == 1:
            return np.ones((len(walk_sd_month), 1, 1))
        jumps = walk_sd_month**2 * (7.0 / DAYS_PER_MONTH) / (2.0 * self.step**2)
        damp = np.exp(self.values[None, :] * jumps[:, None])
        root = np.sqrt(self.prior)
        even = np.einsum("ij,pj,kj->pik", self.vectors, damp, self.vectors)
        return np.maximum(even * root[None, None, :] / root[None, :, None], 0.0)


def levels(swing_sd: float) -> Levels:
    """Grid for a swing of the log rate of this standard deviation about its long-run mean.

    >>> levels(0.0).factor.tolist()
    [1.0]
    """
    half = LEVEL_SPAN * swing_sd
    count = 1 if half == 0 else max(3, 2 * int(np.ceil(half / LEVEL_STEP)) + 1)
    offset = np.linspace(-half, half, count) if count > 1 else np.zeros(1)
    weight = np.exp(-0.5 * (offset / max(swing_sd, 1e-9)) ** 2)
    prior_mass = weight / weight.sum()
    # The grid cuts the tails off: stretch it, so that its law has the standard deviation that was asked for.
    offset = offset * swing_sd / max(float(np.sqrt(prior_mass @ offset**2)), 1e-9)
    step = float(offset[1] - offset[0]) if count > 1 else 1.0
    # Reversible jumps to neighbours at rate sqrt(to / from); made symmetric, so that its eigenvectors are orthogonal.
    jumps = np.diag(np.sqrt(prior_mass[1:] / prior_mass[:-1]), 1) + np.diag(
        np.sqrt(prior_mass[:-1] / prior_mass[1:]), -1
    )
    values, vectors = np.linalg.eigh((jumps > 0).astype(float) - np.diag(jumps.sum(1)))
    return Levels(np.exp(offset), prior_mass, vectors, values, step)


def pause_week(p: Points) -> tuple[np.ndarray, np.ndarray]:
    """Chance over one week that traffic stops, and that a pause ends: (P,) each."""
    return 1 - np.exp(-7.0 / p.campaign_days), 1 - np.exp(-7.0 / p.pause_days)
