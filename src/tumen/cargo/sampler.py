"""Adaptive importance sampling over pairs of an upstream world and cargo inputs.

A candidate is a pair (d, z): draw d of the voyages and latent inputs z, standard normal a priori. The first
candidates come from the prior and from a normal approximation at the mode, whose mean follows what d's voyages
mean for each claim and which looks more often at worlds that the claims favour; normal proposals are then fitted to
the weighted candidates, with the likelihood let in by steps where it must be, and all candidates are weighted by the
mixture of all proposals (Cornuet and others 2012). The prior stays in the mixture, so that no region is lost, least
of all when an origin is left out. The tail of the weights is judged by Pareto k (Zhang and Stephens 2009; Vehtari
and others 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

# Candidates of each kind of stage, for each draw that is wanted, and the least number of draws that this is counted
# for: moments of some sixty inputs need a thousand candidates.
FROM_PRIOR, FROM_MODE, MIDDLE, LAST = 1.0, 2.0, 1.5, 3.0
LEAST_DRAWS = 1_000
# Effective sample size for each draw; below it another stage follows.
WANTED_ESS = 1.0
WIDEN = 1.15
WIDEN_MODE = 1.5
TEMPER_ESS = 500.0
MOST_STAGES = 6
MOST_LAST = 8
MOST_TOP_UPS = 6
# A proposal's spread is mixed with that of the normal approximation as if that were this many draws.
SHRINK = 400.0
# Vehtari and others (2024): importance estimates can be trusted below 0.7.
MOST_PARETO_K = 0.7
MOST_STEPS, SMALL_STEP = 10, 0.1
STEP = 0.15  # of finite differences, in standard deviations of the prior: wide enough to smooth over kinks
# Worlds are proposed evenly with this share, the rest by how well they fit; no world is given up.
EVEN = 0.3
# Most of a later proposal that goes by where earlier candidates found weight.
MOST_FOUND = 0.6
# How far a claim's expectation may differ between worlds before the normal approximation is not asked any more.
MOST_SHIFT = 2.0


@dataclass(frozen=True)
class Scorer:
    """The problem as the sampler sees it. d are upstream draws, z latent inputs, expected (n, claims) logs.

    `evaluate(z, d)` gives log likelihood by part and total rounds; `expect(z, d)` the expectation of each claim;
    `origins` hold, for each origin, how many claims it has and their log likelihood given the expectations; `other(z)`
    is the log likelihood of what depends on no world.
    """

    dimensions: int
    worlds: int
    evaluate: Callable[[Array, Array], tuple[Array, Array]]
    expect: Callable[[Array, Array], Array]
    origins: Sequence[tuple[int, Callable[[Array], Array]]]
    other: Callable[[Array], Array]
    ordinary: int  # a world in the middle of all

    def claims(self, expected: Array) -> Array:
        """Log likelihood of all claims."""
        total, start = np.zeros(len(expected)), 0
        for size, score in self.origins:
            total += score(expected[:, start : start + size])
            start += size
        return total


@dataclass(frozen=True)
class Proposal:
    """z ~ N(centre + shift[d], root root'), d by `worlds` (probabilities); centre None: the prior."""

    centre: Array | None
    root: Array | None
    shift: Array  # (worlds, D)
    worlds: Array  # (worlds,)

    def sample(self, n: int, dimensions: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """n pairs (z, d); d by systematic sampling, so that even proposals take every world alike."""
        points = (np.arange(n) + rng.uniform(0.01, 0.99)) / n
        d = np.searchsorted(np.cumsum(self.worlds), points).clip(max=len(self.worlds) - 1)
        z = rng.standard_normal((n, dimensions))
        if self.centre is None or self.root is None:
            return z, d
        return self.centre + self.shift[d] + z @ self.root.T, d

    def log_ratio(self, z: Array, d: Array, squares: Array) -> Array:
        """Log of proposal over prior, worlds included; `squares` are the sums of squares of z, row by row."""
        out = np.log(self.worlds * len(self.worlds))[d]
        if self.centre is None or self.root is None:
            return out
        whiten = np.linalg.inv(self.root).T
        white = z @ whiten
        white -= ((self.centre + self.shift) @ whiten)[d]
        out -= np.log(np.diag(self.root)).sum()
        return out - 0.5 * np.einsum("nr,nr->n", white, white) + 0.5 * squares


def prior_of(scorer: Scorer) -> Proposal:
    """The prior as a proposal."""
    even = np.full(scorer.worlds, 1.0 / scorer.worlds)
    return Proposal(None, None, np.zeros((scorer.worlds, 0)), even)


class Pool:
    """All candidates so far, with their weights under the mixture of all proposals."""

    def __init__(self, scorer: Scorer, rng: np.random.Generator) -> None:
        self.scorer, self.rng = scorer, rng
        self.proposals: list[Proposal] = []
        self.sizes: list[int] = []
        self.z = np.empty((0, scorer.dimensions))
        self.squares = np.empty(0)
        self.d = np.empty(0, dtype=np.int64)
        self.parts = np.empty((0, 0))
        self.rounds = np.empty(0)
        self.ratios: list[Array] = []
        self.mixture = np.empty(0)

    def many(self, per_draw: float) -> int:
        """Candidates of a stage."""
        return int(per_draw * max(self.scorer.worlds, LEAST_DRAWS))

    def extend(self, proposal: Proposal, n: int) -> None:
        """Add n candidates."""
        z, d = proposal.sample(n, self.scorer.dimensions, self.rng)
        parts, rounds = self.scorer.evaluate(z, d)
        first = not self.proposals
        squares = np.einsum("nr,nr->n", z, z)
        self.squares = np.concatenate([self.squares, squares])
        old = zip(self.ratios, self.proposals, strict=True)
        self.ratios = [np.concatenate([r, p.log_ratio(z, d, squares)]) for r, p in old]
        self.z = np.concatenate([self.z, z])
        self.d = np.concatenate([self.d, d])
        self.parts = parts if first else np.concatenate([self.parts, parts])
        self.rounds = np.concatenate([self.rounds, rounds])
        self.ratios.append(proposal.log_ratio(self.z, self.d, self.squares))
        self.proposals.append(proposal)
        self.sizes.append(n)
        self._mix()

    def forget(self, keep: list[int]) -> None:
        """Drop the candidates of all stages but those named: early ones cost more than they are worth."""
        stage = np.repeat(np.arange(len(self.sizes)), self.sizes)
        rows = np.flatnonzero(np.isin(stage, keep))
        self.z, self.d, self.parts, self.rounds = self.z[rows], self.d[rows], self.parts[rows], self.rounds[rows]
        self.squares = self.squares[rows]
        self.ratios = [self.ratios[k][rows] for k in keep]
        self.proposals = [self.proposals[k] for k in keep]
        self.sizes = [self.sizes[k] for k in keep]
        self._mix()

    def _mix(self) -> None:
        shares = np.log(np.array(self.sizes) / sum(self.sizes))
        total = self.ratios[0] + shares[0]
        for ratio, share in zip(self.ratios[1:], shares[1:], strict=True):
            total = np.logaddexp(total, ratio + share)
        self.mixture = total

    def log_weights(self, without: int | None = None, power: float = 1.0) -> Array:
        """Log importance weights of all candidates, one part of the likelihood left out if asked."""
        likelihood = self.parts.sum(1)
        if without is not None:
            likelihood = likelihood - self.parts[:, without]
        return power * likelihood - self.mixture

    def fit(self, weights: Array, mode: Proposal) -> Proposal:
        """Normal proposal by weighted moments about what the mode expects of each world."""
        assert mode.root is not None
        size = ess(weights)
        used = np.flatnonzero(weights > weights.max() * 1e-6)
        w = weights[used] / weights[used].sum()
        rest = self.z[used] - mode.shift[self.d[used]]
        centre = w @ rest
        rest = rest - centre
        covariance = (rest * w[:, None]).T @ rest
        prior_like = mode.root @ mode.root.T / WIDEN_MODE
        # Worlds where weight was found are looked at again, in the measure in which the weights can be believed.
        found = np.bincount(self.d, weights=weights, minlength=self.scorer.worlds)
        trust = MOST_FOUND * size / (size + SHRINK)
        worlds = (1 - trust) * mode.worlds + trust * found / found.sum()
        root = _root((size * covariance + SHRINK * prior_like) / (size + SHRINK), WIDEN)
        return Proposal(centre, root, mode.shift, worlds / worlds.sum())


def _root(covariance: Array, widen: float) -> Array:
    """Cholesky root, widened only where the evidence has narrowed or turned the prior."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.clip(values, 1e-4, 9.0)
    values = np.where(np.abs(values - 1.0) < 0.12, 1.0, values * widen)
    return np.linalg.cholesky((vectors * values) @ vectors.T)


def at_mode(scorer: Scorer) -> Proposal:
    """Normal approximation at the mode of the posterior in an ordinary world, and how it moves with the world.

    With claims' expectations E = log truth + bias, J their slope in z, W and g curvature and slope of the log
    likelihood in E, H = 1 + J'WJ + what does not depend on the world: a world that shifts E by s moves the mode by
    -H^-1 J'W s and changes the log evidence by g's - s'(W - WJ H^-1 J'W)s / 2.
    """
    z = np.zeros(scorer.dimensions)
    near = None
    for _ in range(MOST_STEPS):
        near = _normal_near(scorer, z, near)
        step = near.covariance @ (near.slope.T @ near.gradient + near.other - z)
        if np.abs(step).max() < SMALL_STEP:
            break
        tries = np.clip(z + np.array([1.0, 0.5, 0.25, 0.1, 0.03])[:, None] * step, -6.0, 6.0)
        scores = scorer.claims(_expect_at(scorer, tries)) + scorer.other(tries) - 0.5 * np.square(tries).sum(1)
        z = tries[int(np.argmax(np.where(np.isfinite(scores), scores, -np.inf)))]
    near = _normal_near(scorer, z, None)
    here, slope, gradient, curve, covariance = near.here, near.slope, near.gradient, near.curve, near.covariance
    every = np.arange(scorer.worlds)
    shifts = np.clip(scorer.expect(np.repeat(z[None], scorer.worlds, 0), every) - here, -MOST_SHIFT, MOST_SHIFT)
    moved = -shifts @ (covariance @ slope.T @ curve).T
    settled = curve - curve @ slope @ covariance @ slope.T @ curve
    fit = shifts @ gradient - 0.5 * np.einsum("nc,cd,nd->n", shifts, settled, shifts)
    worlds = np.exp(0.8 * (fit - fit.max()))
    worlds = EVEN / scorer.worlds + (1 - EVEN) * worlds / worlds.sum()
    return Proposal(z, _root(covariance, WIDEN_MODE), moved, worlds / worlds.sum())


@dataclass(frozen=True)
class _Near:
    """Expectations, their slope in z, slope and curvature of the likelihood in them, and the covariance of z."""

    here: Array
    slope: Array
    gradient: Array
    curve: Array
    other: Array
    other_curve: Array
    covariance: Array


def _expect_at(scorer: Scorer, z: Array) -> Array:
    return scorer.expect(z, np.full(len(z), scorer.ordinary))


def _normal_near(scorer: Scorer, z: Array, last: _Near | None) -> _Near:
    """All of it at z; the curvature of what depends on no world is taken from `last` on the way to the mode."""
    size = scorer.dimensions
    steps = STEP * np.eye(size)
    here = _expect_at(scorer, z[None])
    slope = ((_expect_at(scorer, z + steps) - _expect_at(scorer, z - steps)) / (2 * STEP)).T
    gradient, curve = np.zeros(here.shape[1]), np.zeros((here.shape[1], here.shape[1]))
    start = 0
    for number, score in scorer.origins:
        own = slice(start, start + number)
        gradient[own], curve[own, own] = _derivatives(score, here[0, own])
        start += number
    other, other_curve = np.zeros(size), np.zeros((size, size))
    if scorer.other(z[None])[0] != 0:
        other, curved = _derivatives(scorer.other, z, last is None)
        other_curve = curved if last is None else last.other_curve
    precision = np.eye(size) + slope.T @ curve @ slope + other_curve
    values, vectors = np.linalg.eigh((precision + precision.T) / 2)
    return _Near(here, slope, gradient, curve, other, other_curve, (vectors / np.clip(values, 1.0, 1e4)) @ vectors.T)


def _derivatives(function: Callable[[Array], Array], at: Array, curved: bool = True) -> tuple[Array, Array]:
    """Gradient and negative curvature (made positive; zeros if not asked) of a function of rows, by differences."""
    size = len(at)
    if not size:
        return np.zeros(0), np.zeros((0, 0))
    steps = STEP * np.eye(size)
    middle = function(at[None])[0]
    up, down = np.split(function(np.concatenate([at + steps, at - steps])), 2)
    if not curved:
        return (up - down) / (2 * STEP), np.zeros((size, size))
    curve = np.diag((up + down - 2 * middle) / STEP**2)
    one, two = np.triu_indices(size, 1)
    live = np.abs(up - middle) + np.abs(down - middle) > 1e-9
    both = live[one] & live[two]
    one, two = one[both], two[both]
    if len(one):
        ahead = function(at + steps[one] + steps[two]) - up[one] - up[two] + middle
        back = function(at - steps[one] - steps[two]) - down[one] - down[two] + middle
        curve[one, two] = curve[two, one] = (ahead + back) / (2 * STEP**2)
    values, vectors = np.linalg.eigh(-curve)
    return (up - down) / (2 * STEP), (vectors * np.clip(values, 0, None)) @ vectors.T


def run(pool: Pool, informative: bool) -> Proposal:
    """Fill the pool: prior, mode, tempered stages where needed, then the full posterior twice. Gives the mode."""
    scorer = pool.scorer
    prior = prior_of(scorer)
    if not informative:
        pool.extend(prior, scorer.worlds)
        return prior
    mode = at_mode(scorer)
    pool.extend(prior, pool.many(FROM_PRIOR))
    pool.extend(mode, pool.many(FROM_MODE))
    for _ in range(MOST_STAGES):
        power = temper(pool)
        if power >= 1.0:
            break
        pool.extend(pool.fit(normalised(pool.log_weights(power=power)), mode), pool.many(MIDDLE))
    pool.extend(pool.fit(normalised(pool.log_weights()), mode), pool.many(LAST))
    pool.forget(sorted({0, 1, len(pool.sizes) - 1}))
    for _ in range(MOST_LAST):
        weights = normalised(pool.log_weights())
        if ess(weights) >= WANTED_ESS * scorer.worlds:
            break
        pool.extend(pool.fit(weights, mode), pool.many(LAST))
    return mode


def top_up(pool: Pool, mode: Proposal, without: int | None, wanted: float) -> None:
    """Add stages, at most six, until effective sample size and tail suffice."""
    for _ in range(MOST_TOP_UPS):
        weights = normalised(pool.log_weights(without))
        if ess(weights) >= wanted and pareto_k(weights) < MOST_PARETO_K:
            break
        pool.extend(pool.fit(weights, mode), pool.many(MIDDLE))


def temper(pool: Pool) -> float:
    """Largest power of the likelihood at which the candidates still stand for the target."""
    if ess(normalised(pool.log_weights())) >= TEMPER_ESS:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        if ess(normalised(pool.log_weights(power=middle))) >= TEMPER_ESS:
            low = middle
        else:
            high = middle
    return max(low, 1e-3)


def normalised(log_weights: Array) -> Array:
    """Weights that sum to one; candidates that no number allows get zero."""
    clean = np.where(np.isnan(log_weights), -np.inf, log_weights)
    weights = np.exp(clean - clean.max())
    return weights / weights.sum()


def ess(weights: Array) -> float:
    """Effective sample size of normalised weights."""
    return float(1.0 / np.square(weights).sum())


def pareto_k(weights: Array) -> float:
    """Shape of the tail of the weights; below 0.7 they can be trusted.

    >>> w = np.full(1000, 1e-3)
    >>> pareto_k(w) < 0.7
    True
    """
    n = len(weights)
    size = int(min(n / 5, 3 * np.sqrt(n)))
    tail = np.sort(weights)[-size - 1 :]
    x = tail[1:] - tail[0]
    x = x[x > 0]
    if len(x) < 10:
        return float("-inf")
    # Zhang and Stephens' profile of the generalised Pareto distribution.
    m = len(x)
    count = 30 + int(np.sqrt(m))
    b = 1.0 - np.sqrt(count / (np.arange(1, count + 1) - 0.5))
    b = b / (3.0 * x[int(m / 4 + 0.5) - 1]) + 1.0 / x[-1]
    k = np.log1p(-b[:, None] * x).mean(1)
    score = m * (np.log(-b / k) - k - 1.0)
    weight = 1.0 / np.exp(score - score[:, None]).sum(1)
    mean_b = (b * weight).sum() / weight.sum()
    shape = np.log1p(-mean_b * x).mean()
    return float((m * shape + 10 * 0.5) / (m + 10))


def systematic(weights: Array, d: Array, draws: int, rng: np.random.Generator) -> Array:
    """Indices of `draws` candidates, so that a kept upstream draw stays in its place.

    Systematic resampling over candidates ordered by upstream draw; the first of each draw d takes place d,
    further ones take the vacant places in order.
    """
    order = np.argsort(d, kind="stable")
    cumulative = np.cumsum(weights[order])
    cumulative /= cumulative[-1]
    points = (np.arange(draws) + rng.random()) / draws
    chosen = order[np.searchsorted(cumulative, points, side="right").clip(max=len(order) - 1)]
    home = d[chosen]
    first = np.ones(draws, dtype=bool)
    first[1:] = home[1:] != home[:-1]
    out = np.full(draws, -1, dtype=np.int64)
    out[home[first]] = chosen[first]
    out[out < 0] = chosen[~first]
    return out


def quantiles(values: Array, weights: Array, at: tuple[float, ...] = (0.5, 0.05, 0.95)) -> list[float]:
    """Weighted quantiles."""
    used = np.flatnonzero(weights > 0)
    order = used[np.argsort(values[used])]
    cumulative = np.cumsum(weights[order])
    places = np.searchsorted(cumulative, np.array(at) * cumulative[-1]).clip(max=len(order) - 1)
    return [float(v) for v in values[order][places]]
