"""Uncertain numbers as draws: takes an `Amount` of the case, gives an array of draws.

Every number is drawn by the inverse of its distribution from uniforms that belong to its name,
so that adding a row changes no other row's draws, and two figures of one name move together.
Uniforms are stratified (one in each of n equal slices, shuffled): the mean of n draws is then
off by order 1/n instead of 1/sqrt(n) (McKay, Beckman and Conover 1979).
"""

from __future__ import annotations

import zlib

import numpy as np

from tumen.case.account import Amount

# 95 % point of the standard normal: low and high of a lognormal are its 5 and 95 % points.
Z95 = 1.6448536269514722


def uniforms(name: str, seed: int, draws: int) -> np.ndarray:
    """Stratified uniforms in (0, 1) for a name, shape (draws,).

    >>> bool(abs(uniforms("price", 1, 1000).mean() - 0.5) < 0.001)
    True
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return (rng.permutation(draws) + rng.random(draws)) / draws


def draw(amount: Amount, u: np.ndarray, at_least_excess: float, up_to_floor: float) -> np.ndarray:
    """Draws of an amount at the uniforms `u`.

    `at_least`: the bound times one plus an exponential of mean `at_least_excess`. `up_to`: even between
    `up_to_floor` times the bound (or `low`) and the bound. Both means are settings with a reason.
    """
    low, point, high = amount.low, amount.point, amount.high
    shape = amount.resolved_shape
    if shape == "fixed":
        return np.full(u.shape, float(point if point is not None else amount.extremes[0]))
    if shape == "at_least":
        bound = point if low is None else low
        assert bound is not None
        return bound * (1.0 - at_least_excess * np.log1p(-u))
    if shape == "up_to":
        bound = point if high is None else high
        assert bound is not None
        start = low if low is not None else up_to_floor * bound
        return start + (bound - start) * u
    if shape == "uniform":
        start, stop = amount.extremes
        return start + (stop - start) * u
    assert low is not None
    assert point is not None
    assert high is not None
    if shape == "triangular":
        return triangular(u, low, point, high)
    return lognormal(u, low, point, high)


def triangular(u: np.ndarray, low: float, mode: float, high: float) -> np.ndarray:
    """Inverse of the triangular distribution function.

    >>> triangular(np.array([0.0, 0.5, 1.0]), 0.0, 1.0, 2.0).tolist()
    [0.0, 1.0, 2.0]
    """
    if high == low:
        return np.full(u.shape, low)
    knee = (mode - low) / (high - low)
    rising = low + np.sqrt(u * (high - low) * (mode - low))
    falling = high - np.sqrt((1 - u) * (high - low) * (high - mode))
    return np.where(u < knee, rising, falling)


def lognormal(u: np.ndarray, low: float, median: float, high: float) -> np.ndarray:
    """Two-piece lognormal through its 5, 50 and 95 % points.

    >>> lognormal(np.array([0.05, 0.5, 0.95]), 1.0, 2.0, 8.0).round(6).tolist()
    [1.0, 2.0, 8.0]
    """
    from scipy.special import ndtri

    z = ndtri(u)
    below, above = np.log(median / low) / Z95, np.log(high / median) / Z95
    return median * np.exp(np.where(z < 0, z * below, z * above))
