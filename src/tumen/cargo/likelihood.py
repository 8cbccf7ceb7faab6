"""How likely one origin's claims are, given the truth: shared bias, fading drift, floors and ceilings.

An origin states y_i = truth_i * exp(k + b + w_i + e_i): k the bias of its kind, b its own, w a drift that
fades over `drift_days` (running totals are nested, so their errors are too), e fresh noise. Given truth and k
the logs of what it believes are jointly normal, so b, w and e are integrated exactly for exact claims. Floors,
ceilings and ranges are integrals over a box, by the sequential scheme of Geweke, Hajivassiliou and Keane on
a fixed lattice; a floor lies below the belief by an exponential margin, which only tilts each normal in turn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from tumen.cargo.statements import Statement
from tumen.cargo.world import normal_sd
from tumen.case.loading import Claims

Array = np.ndarray
# A candidate less likely than this has no weight; the floor keeps its log finite.
LEAST_MASS = 1e-290
LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Origin:
    """Claims of one origin group, ready to be scored."""

    group: str
    kind: str
    statements: list[Statement]
    exact: Array  # places of exact claims within the group
    boxed: Array  # places of floors, ceilings, ranges
    covariance: Array  # of log beliefs about log truth + kind bias
    within: Array  # the same without the origin's own bias
    biased: Array  # 1 where the origin's bias enters a claim, 0 where it cancels
    own_sd: float
    slack: float


def origin_of(group: str, own: list[Statement], claims: Claims) -> Origin:
    """Covariance of the errors of one origin."""
    kind = claims.kind[own[0].kind]
    days = np.array([s.middle_day for s in own], dtype=float)
    apart = np.abs(days[:, None] - days[None, :])
    drift = normal_sd(kind.drift_factor) ** 2 * np.exp(-apart / claims.drift_days)
    biased = np.array([float(s.biased) for s in own])
    both = np.outer(biased, biased)
    # A ratio has the drift of one figure against another: as much again, shared with nothing else.
    within = (
        drift * both + np.diag(np.diag(drift) * (1 - biased)) + normal_sd(kind.noise_factor) ** 2 * np.eye(len(own))
    )
    own_sd = normal_sd(kind.origin_factor)
    exact = np.array([i for i, s in enumerate(own) if s.form == "exactly"], dtype=int)
    boxed = np.array([i for i, s in enumerate(own) if s.form != "exactly"], dtype=int)
    return Origin(
        group, own[0].kind, own, exact, boxed, within + own_sd**2 * both, within, biased, own_sd, claims.slack
    )


def log_likelihood(origin: Origin, expected: Array) -> Array:
    """Log likelihood of an origin's claims; `expected` (n, claims) is log truth plus the bias of its kind."""
    return _score(origin, expected, None)[0]


def beliefs(origin: Origin, expected: Array, rng: np.random.Generator) -> Array:
    """Draws of the logs of what the origin believed of each of its claims, given them and `expected`; (n, claims)."""
    belief = _score(origin, expected, rng)[1]
    assert belief is not None
    return belief


def bias_draws(origin: Origin, expected: Array, rng: np.random.Generator) -> Array:
    """Draws of the origin's own log bias given its claims and `expected`; (n,)."""
    belief = beliefs(origin, expected, rng)
    precision = np.linalg.inv(origin.within)
    ones = precision @ origin.biased
    spread = 1.0 / (origin.biased @ ones + (1.0 / origin.own_sd**2 if origin.own_sd > 0 else math.inf))
    return spread * ((belief - expected) @ ones) + math.sqrt(spread) * rng.standard_normal(len(expected))


def _score(origin: Origin, expected: Array, rng: np.random.Generator | None) -> tuple[Array, Array | None]:
    """Log likelihood, and with `rng` one draw of the log beliefs."""
    n = len(expected)
    total = np.zeros(n)
    belief = np.empty_like(expected)
    exact, boxed = origin.exact, origin.boxed
    covariance = origin.covariance
    centre = expected[:, boxed]
    spread = covariance[np.ix_(boxed, boxed)]
    if len(exact):
        stated = np.array([origin.statements[i].lower for i in exact])
        root = np.linalg.cholesky(covariance[np.ix_(exact, exact)])
        away = stated - expected[:, exact]
        white = np.linalg.solve(root, away.T)
        total += -0.5 * (white**2).sum(0) - np.log(np.diag(root)).sum() - 0.5 * len(exact) * LOG_2PI
        belief[:, exact] = stated
        if len(boxed):
            gain = np.linalg.solve(covariance[np.ix_(exact, exact)], covariance[np.ix_(exact, boxed)])
            centre = centre + away @ gain
            spread = spread - covariance[np.ix_(boxed, exact)] @ gain
    if len(boxed):
        claims = [origin.statements[i] for i in boxed]
        part, chosen = _boxes(claims, origin.slack, centre, np.linalg.cholesky(spread), rng)
        total += part
        if chosen is not None:
            belief[:, boxed] = chosen
    return total, belief if rng is not None else None


def _boxes(
    claims: list[Statement], slack: float, centre: Array, root: Array, rng: np.random.Generator | None
) -> tuple[Array, Array | None]:
    n, k = centre.shape
    points = _lattice(k if rng is not None else k - 1)
    if rng is not None:
        points = (points[None, :, :] + rng.random((n, 1, points.shape[1]))) % 1.0
    else:
        points = points[None]
    errors: list[Array] = []
    # Until the first claim is passed all points of the lattice are alike: one column serves them.
    score = np.zeros((n, 1))
    for j, claim in enumerate(claims):
        mean = centre[:, j, None]
        for weight, error in zip(root[j, :j], errors, strict=True):
            mean = mean + weight * error
        sd = root[j, j]
        lower, upper = claim.lower, claim.upper
        tilt = 1.0 / slack if claim.tilted else 0.0
        move = 0.0
        if tilt and claim.form == "at_least":
            score = score + ((lower + 0.5 * sd**2 * tilt) - mean) * tilt
            move = -(sd**2) * tilt
        elif tilt:
            score = score + ((0.5 * sd**2 * tilt - upper) + mean) * tilt
            move = sd**2 * tilt
        low, high, flip = _ends(lower, upper, mean + move, sd)
        room = high - low
        score = score + np.log(np.maximum(room, LEAST_MASS))
        if j < k - 1 or rng is not None:
            # Far in a tail both ends round to one value: the candidate has no weight, the clip keeps it finite.
            place = ndtri(np.clip(low + points[..., j] * room, 1e-15, 1 - 1e-15))
            errors.append(move / sd + np.where(flip, -place, place))
    whole = _log_mean(score)
    if rng is None:
        return whole, None
    q = points.shape[1]
    weights = np.cumsum(np.exp(score - score.max(1, keepdims=True)) * np.ones((1, q)), 1)
    pick = (rng.random((n, 1)) * weights[:, -1:] > weights).sum(1)
    rows = np.arange(n)
    chosen = centre + np.stack([error[rows, pick] for error in errors], 1) @ root.T
    return whole, chosen


def _log_mean(score: Array) -> Array:
    """Log of the mean of exp(score) over the columns."""
    if score.shape[1] == 1:
        return score[:, 0]
    most = score.max(1)
    return most + np.log(np.exp(score - most[:, None]).mean(1))


def _ends(lower: float, upper: float, mean: Array, sd: float) -> tuple[Array | float, Array, Array | bool]:
    """Normal probabilities of the two ends, on the side of the normal where they are small; and where that was done."""
    if math.isinf(upper):
        return 0.0, ndtr((mean - lower) / sd), True
    if math.isinf(lower):
        return 0.0, ndtr((upper - mean) / sd), False
    a, b = (lower - mean) / sd, (upper - mean) / sd
    flip = a > 0
    return ndtr(np.where(flip, -b, a)), ndtr(np.where(flip, -a, b)), flip


def _lattice(dimensions: int) -> Array:
    """Points of a rank-one lattice in the unit cube, shifted off its walls; (points, dimensions)."""
    count = 8 if dimensions <= 1 else 12
    steps = (np.sqrt(np.array([4.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0, 23.0, 29.0, 31.0, 37.0])) % 1.0)[1:]
    number = np.arange(count)
    out = np.empty((count, max(dimensions, 1)))
    out[:, 0] = (number + 0.5) / count
    for j in range(1, dimensions):
        out[:, j] = (number * steps[(j - 1) % len(steps)] + 0.5 / count) % 1.0
    return out
