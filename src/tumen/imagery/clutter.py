"""How bright the sea may be by chance: thresholds for a stated false-alarm rate.

Takes moments and tail counts of intensity over its local mean; gives the multiple of the mean that one
pixel in 1/PFA exceeds. Families: gamma (speckle alone), K (gamma texture), Weibull and log-normal; each
is fitted by its second moment, and the one whose moderate tail fits best is carried on to the stated
rate, anchored at the deepest tail level that was still counted. After Oliver and Quegan 2004 (ch. 5),
Crisp 2004 (DSTO-RR-0272) and Gao 2010 on parametric CFAR families.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special, stats

FAMILIES = ("gamma", "k", "weibull", "lognormal")
LEVELS = np.array([1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 11.0, 15.0, 20.0])
MIN_TAIL = 60  # counts: fewer do not settle a tail level to 13 %


def survival(family: str, variance: float, u: np.ndarray, looks: float) -> np.ndarray:
    """P(U > u) for unit-mean intensity of a given variance.

    >>> round(float(survival("gamma", 1 / 4.4, np.array([1.0]), 4.4)[0]), 3)
    0.437
    """
    u = np.asarray(u, float)
    if family == "gamma":
        shape = 1 / max(variance, 1e-4)
        return special.gammaincc(shape, shape * u)
    if family == "k":
        return _k_survival(variance, u, looks)
    if family == "weibull":
        c = _weibull_shape(variance)
        return np.exp(-((u * special.gamma(1 + 1 / c)) ** c))
    s2 = np.log1p(variance)
    return stats.norm.sf((np.log(np.maximum(u, 1e-12)) + s2 / 2) / np.sqrt(s2))


def _k_survival(variance: float, u: np.ndarray, looks: float) -> np.ndarray:
    """K: speckle of `looks` looks times a gamma texture whose order follows from the variance."""
    texture = (variance - 1 / looks) / (1 + 1 / looks)
    if texture < 1e-3:
        shape = 1 / max(variance, 1e-4)
        return special.gammaincc(shape, shape * u)
    nodes, weights = _texture_nodes(round(float(np.log(texture)), 3))
    return (
        (weights[:, None] * special.gammaincc(looks, looks * u.reshape(1, -1) / nodes[:, None])).sum(0).reshape(u.shape)
    )


@lru_cache(maxsize=4096)
def _texture_nodes(log_texture: float) -> tuple[np.ndarray, np.ndarray]:
    order = np.exp(-log_texture)
    # midpoints of 240 slices of equal width in the normal score, dense enough for the far tail
    edges = np.linspace(-7, 7, 241)
    mid = (edges[:-1] + edges[1:]) / 2
    nodes = stats.gamma.isf(stats.norm.sf(mid), order, scale=1 / order)
    weights = stats.norm.sf(edges[:-1]) - stats.norm.sf(edges[1:])
    return np.maximum(nodes, 1e-9), weights


@lru_cache(maxsize=4096)
def _weibull_shape_of(log_variance: float) -> float:
    from scipy.optimize import brentq

    variance = np.exp(log_variance)
    f = lambda c: special.gamma(1 + 2 / c) / special.gamma(1 + 1 / c) ** 2 - 1 - variance  # noqa: E731
    return float(brentq(f, 0.2, 60.0))


def _weibull_shape(variance: float) -> float:
    return _weibull_shape_of(round(float(np.log(np.clip(variance, 1e-3, 50))), 3))


class Families:
    """Tails of the four families on a grid of variances, for interpolation (25,000 evaluations a scene)."""

    def __init__(self, looks: float) -> None:
        self.looks = looks
        self.log_variance = np.linspace(np.log(0.004), np.log(40.0), 70)
        self.log_u = np.linspace(np.log(0.4), np.log(3000.0), 420)
        u = np.exp(self.log_u)
        self.log_tail = np.empty((len(FAMILIES), len(self.log_variance), len(u)))
        for i, family in enumerate(FAMILIES):
            for j, lv in enumerate(self.log_variance):
                self.log_tail[i, j] = np.log(np.maximum(survival(family, float(np.exp(lv)), u, looks), 1e-40))

    def curve(self, family: str, variance: float) -> np.ndarray:
        """log P(U > u) on `log_u`, at one variance."""
        position = np.interp(np.log(variance), self.log_variance, np.arange(len(self.log_variance)))
        j = min(int(position), len(self.log_variance) - 2)
        w = position - j
        table = self.log_tail[FAMILIES.index(family)]
        return table[j] * (1 - w) + table[j + 1] * w


@lru_cache(maxsize=16)
def families(looks: float) -> Families:
    """Table for a number of looks."""
    return Families(looks)


def threshold(curve: np.ndarray, log_u: np.ndarray, pfa: float) -> float:
    """Multiple of the mean at which a tail curve reaches `pfa`."""
    return float(np.exp(np.interp(-np.log(pfa), -curve, log_u)))


class Tail:
    """Fitted tail of one region and channel: family, variance and a factor that anchors it to the counts."""

    def __init__(
        self,
        count: float,
        second: float,
        tail: np.ndarray,
        looks: float,
        levels: np.ndarray = LEVELS,
        family: str | None = None,
    ) -> None:
        # The blocks' own means carry the noise of their samples; it is small beside the texture.
        self.variance = float(np.clip(second / max(count, 1) - 1, 0.3 / looks, 39.0))
        self.table = families(looks)
        shares = tail / max(count, 1)
        use = np.flatnonzero((tail >= MIN_TAIL) & (shares < 0.1))[-4:]
        self.family, self.shift = "k", 1.0
        self.curve = self.table.curve("k", self.variance)
        if count < 2000 or not len(use):
            return
        best, log_levels, log_shares = np.inf, np.log(levels[use]), np.log(shares[use])
        for name in FAMILIES if family is None else (family,):
            curve = self.table.curve(name, self.variance)
            miss = float(np.sum((np.interp(log_levels, self.table.log_u, curve) - log_shares) ** 2))
            if miss < best:
                best, self.family, self.curve = miss, name, curve
        # Scale the argument so that the family passes through the deepest level that is well counted.
        fitted = threshold(self.curve, self.table.log_u, float(shares[use[-1]]))
        self.shift = float(np.clip(levels[use[-1]] / fitted, 0.8, 1.25))

    def at(self, pfa: float) -> float:
        """Multiple of the mean exceeded with probability `pfa`."""
        return self.shift * threshold(self.curve, self.table.log_u, pfa)
