"""How bright the sea may be by chance: thresholds for a stated false-alarm rate.

Takes histograms of intensity over its local mean; gives the multiple of the mean that one pixel in 1/PFA
exceeds. Families: gamma (speckle alone), K (gamma texture), Weibull and log-normal. The family is the one
that makes the bright half of a strip's histogram most likely, each region has its own variance by the same
likelihood, and one factor a strip scales the thresholds so that the regional fits together predict the
count of the deepest level that is still well counted. After Oliver and Quegan 2004 (ch. 5), Crisp 2004
(DSTO-RR-0272) and Gao 2010 on parametric CFAR families.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special, stats

FAMILIES = ("gamma", "k", "weibull", "lognormal")
# Bins of the histograms: eight an octave from 1/64 to 32 times the mean. Brighter samples are targets.
OCTAVE_LOW, OCTAVE_HIGH, PER_OCTAVE = -6, 5, 8
BINS = (OCTAVE_HIGH - OCTAVE_LOW) * PER_OCTAVE
EDGES = np.array(
    [2.0**o * (1 + k / PER_OCTAVE) for o in range(OCTAVE_LOW, OCTAVE_HIGH) for k in range(PER_OCTAVE)]
    + [2.0**OCTAVE_HIGH]
)
BRIGHT = int(np.searchsorted(EDGES, 1.25))  # the fit looks from here on: dark slicks shape only the lower half
# Shares of samples that may be ships, spread evenly over the bright bins; the likeliest is used. A cut-out
# round a ship holds a few per cent, a strip of open sea next to nothing.
SHIPS = (1e-4, 1e-3, 1e-2, 5e-2)
MIN_TAIL = 100  # counts: fewer do not settle a tail level to 10 %
SMALL = 1500  # samples: fewer cannot tell texture from a ship
MILD = 1.35  # variance of mild sea in units of speckle alone, for regions that are too small to fit


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
    # midpoints of 140 slices of equal width in the normal score, dense enough for the far tail
    edges = np.linspace(-7, 7, 141)
    mid = (edges[:-1] + edges[1:]) / 2
    nodes = stats.gamma.isf(stats.norm.sf(mid), order, scale=1 / order)
    weights = stats.norm.sf(edges[:-1]) - stats.norm.sf(edges[1:])
    return np.maximum(nodes, 1e-9), weights


@lru_cache(maxsize=4096)
def _weibull_shape(variance: float) -> float:
    from scipy.optimize import brentq

    wanted = float(np.clip(variance, 1e-3, 50))
    f = lambda c: special.gamma(1 + 2 / c) / special.gamma(1 + 1 / c) ** 2 - 1 - wanted  # noqa: E731
    return float(brentq(f, 0.2, 60.0))


class Families:
    """Tails of the four families on a grid of variances: tables for thresholds and for the likelihood."""

    def __init__(self, looks: float) -> None:
        self.looks = looks
        self.log_variance = np.linspace(np.log(0.3 / looks), np.log(40.0), 64)
        self.log_u = np.linspace(np.log(0.4), np.log(3000.0), 300)
        u = np.exp(self.log_u)
        edges = EDGES[BRIGHT:]
        self.log_tail = np.empty((len(FAMILIES), len(self.log_variance), len(u)))
        # log-probability of the bins: all the dark ones together, each bright one by itself
        self.log_bin = np.empty((len(SHIPS), len(FAMILIES), len(self.log_variance), len(edges)))
        for i, family in enumerate(FAMILIES):
            for j, lv in enumerate(self.log_variance):
                tail = survival(family, float(np.exp(lv)), np.concatenate([u, edges]), looks)
                self.log_tail[i, j] = np.log(np.maximum(tail[: len(u)], 1e-40))
                at = tail[len(u) :]
                shares = np.concatenate([[1 - at[0]], at[:-1] - at[1:]])
                for k, ships in enumerate(SHIPS):
                    self.log_bin[k, i, j] = np.log((1 - ships) * np.maximum(shares, 0) + ships / len(edges))

    def fit(self, histogram: np.ndarray, known: tuple[str, int] | None = None) -> tuple[str, int, float]:
        """Family, number of the ship share and variance that suit a histogram best; `known` settles the first two."""
        counts = np.concatenate([[histogram[:BRIGHT].sum()], histogram[BRIGHT:]]).astype(float)
        tried = [(f, k) for f in FAMILIES for k in range(len(SHIPS))] if known is None else [known]
        best, summit = ("k", 0, 0.3), -np.inf
        for name, k in tried:
            like = self.log_bin[k, FAMILIES.index(name)] @ counts
            j = int(np.argmax(like))
            at, top = self.log_variance[j], float(like[j])
            if 0 < j < len(like) - 1:  # the summit of the parabola through three points
                a, b, c = like[j - 1 : j + 2]
                bend = a - 2 * b + c
                shift = 0.5 * (a - c) / bend if bend < 0 else 0.0
                at += shift * (self.log_variance[1] - self.log_variance[0])
                top = float(b - 0.25 * (a - c) * shift)
            if top > summit:
                best, summit = (name, k, float(np.exp(at))), top
        return best

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


@dataclass(frozen=True)
class Tail:
    """Fitted tail of one region and channel; `shift` scales the thresholds of a whole strip."""

    family: str
    variance: float
    looks: float
    shift: float = 1.0

    def at(self, pfa: float) -> float:
        """Multiple of the mean exceeded with probability `pfa`."""
        table = families(self.looks)
        return self.shift * float(
            np.exp(np.interp(-np.log(pfa), -table.curve(self.family, self.variance), table.log_u))
        )


def tails(histograms: np.ndarray, looks: float) -> list[Tail]:
    """Tails of the regions of one strip and channel; `histograms` has shape (regions, BINS).

    The family is chosen once, because a single region has too few samples far out to tell. Regions too small
    to fit are taken as speckle with mild texture.

    >>> rng = np.random.default_rng(1)
    >>> u = rng.gamma(4.4, 1 / 4.4, (2, 200_000))
    >>> fitted = tails(np.array([np.histogram(v, EDGES)[0] for v in u]), 4.4)[0]
    >>> bool(abs(fitted.at(1e-5) / (stats.gamma.isf(1e-5, 4.4) / 4.4) - 1) < 0.02)  # families meet where texture ends
    True
    """
    table = families(looks)
    counts = histograms.sum(1)
    large = np.flatnonzero(counts >= SMALL)
    mild = Tail("k", MILD / looks, looks)
    if not len(large):
        return [mild] * len(histograms)
    pooled = histograms[large].sum(0)
    family, ships, _ = table.fit(pooled)
    fits = {int(i): table.fit(histograms[i], (family, ships))[2] for i in large}
    # Counts over each level, as seen and as the fits have it; the deepest level that is well counted settles the shift.
    over = pooled[::-1].cumsum()[::-1]
    deep = np.flatnonzero(over >= max(MIN_TAIL, SHIPS[ships] * over[0]))  # farther out, ships may outnumber the sea
    shift = 1.0
    if len(deep) and EDGES[deep[-1]] > 1.5:
        level = EDGES[deep[-1]]
        tried = np.geomspace(0.8, 1.25, 46)
        expected = np.zeros(len(tried))
        for i in large:
            expected += counts[i] * np.exp(
                np.interp(np.log(level / tried), table.log_u, table.curve(family, fits[int(i)]))
            )
        # A sample over the last edge is a target and is not counted; nor may it be expected.
        shift = float(np.exp(np.interp(np.log(over[deep[-1]]), np.log(expected), np.log(tried))))
    return [Tail(family, fits[i], looks, shift) if i in fits else mild for i in range(len(histograms))]
