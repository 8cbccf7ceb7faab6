"""Adaptive importance sampling over pairs of an upstream world and cargo inputs.

A candidate is a pair (d, z): draw d of the voyages and latent inputs z, standard normal a priori. The first stage
samples the prior; the likelihood is then let in by steps, each time fitting a normal proposal to the weighted
candidates (its mean may depend on how many voyages d has), and all candidates are weighted by the mixture of all
proposals (Cornuet and others 2012). The prior stays in the mixture, so that no region is lost, least of all when
an origin is left out. Tail of the weights is judged by Pareto k (Zhang and Stephens 2009; Vehtari and others 2024).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

# Candidates per stage, in multiples of the number of draws (4,000 by default), and how far proposals are widened.
FIRST, MIDDLE, LAST = 4, 4, 10
WIDEN = 1.25
TEMPER_ESS = 900.0
MOST_STAGES = 9
MOST_DIRECTIONS = 14


@dataclass(frozen=True)
class Proposal:
    """Normal in the directions that the evidence moves, prior in all others."""

    axes: Array  # (D, r) orthonormal
    centre: Array  # (r,)
    slope: Array  # (r,) on the covariate of the upstream world
    root: Array  # (r, r) Cholesky of the residual covariance

    def sample(self, covariate: Array, rng: np.random.Generator) -> Array:
        z = rng.standard_normal((len(covariate), self.axes.shape[0]))
        if not self.axes.shape[1]:
            return z
        inner = z @ self.axes
        wanted = self.centre + covariate[:, None] * self.slope + rng.standard_normal(inner.shape) @ self.root.T
        return z + (wanted - inner) @ self.axes.T

    def log_ratio(self, z: Array, covariate: Array) -> Array:
        """Log of proposal over prior."""
        if not self.axes.shape[1]:
            return np.zeros(len(z))
        inner = z @ self.axes
        away = inner - self.centre - covariate[:, None] * self.slope
        white = np.linalg.solve(self.root, away.T)
        return -0.5 * (white**2).sum(0) - np.log(np.diag(self.root)).sum() + 0.5 * (inner**2).sum(1)


class Pool:
    """All candidates so far. `evaluate(z, d)` gives (log likelihood by part, values kept) for new ones."""

    def __init__(
        self,
        dimensions: int,
        covariate: Array,
        evaluate: Callable[[Array, Array], tuple[Array, Array]],
        rng: np.random.Generator,
    ) -> None:
        self.covariate, self.evaluate, self.rng = covariate, evaluate, rng
        self.proposals: list[Proposal] = []
        self.sizes: list[int] = []
        self.z = np.empty((0, dimensions))
        self.d = np.empty(0, dtype=np.int64)
        self.parts = np.empty((0, 0))
        self.kept = np.empty((0, 0))
        self.ratios = np.empty((0, 0))

    def extend(self, proposal: Proposal, times: int) -> None:
        """Add `times` candidates for every upstream draw."""
        d = np.tile(np.arange(len(self.covariate)), times)
        z = proposal.sample(self.covariate[d], self.rng)
        parts, kept = self.evaluate(z, d)
        old = (
            np.stack([p.log_ratio(z, self.covariate[d]) for p in self.proposals], 1)
            if self.proposals
            else np.empty((len(z), 0))
        )
        first = not self.proposals
        self.ratios = np.concatenate([self.ratios.reshape(len(self.z), len(self.proposals)), old])
        self.z = np.concatenate([self.z, z])
        self.d = np.concatenate([self.d, d])
        self.parts = parts if first else np.concatenate([self.parts, parts])
        self.kept = kept if first else np.concatenate([self.kept, kept])
        new = proposal.log_ratio(self.z, self.covariate[self.d])
        self.ratios = np.concatenate([self.ratios, new[:, None]], 1)
        self.proposals.append(proposal)
        self.sizes.append(len(z))

    def log_weights(self, without: int | None = None, power: float = 1.0) -> Array:
        """Log importance weights of all candidates, one part of the likelihood left out if asked."""
        likelihood = self.parts.sum(1) if without is None else np.delete(self.parts, without, axis=1).sum(1)
        share = np.log(np.array(self.sizes) / sum(self.sizes))
        top = self.ratios + share
        most = top.max(1)
        mixture = most + np.log(np.exp(top - most[:, None]).sum(1))
        return power * likelihood - mixture

    def fit(self, weights: Array) -> Proposal:
        """Normal proposal by weighted moments; directions that the weights leave as in the prior are dropped."""
        size = ess(weights)
        used = np.flatnonzero(weights > weights.max() * 1e-9)
        w, z = weights[used], self.z[used]
        v = self.covariate[self.d[used]]
        mean_v = w @ v
        var_v = w @ (v - mean_v) ** 2
        mean = w @ z
        centred = z - mean
        slope = (w * (v - mean_v)) @ centred / var_v if var_v > 1e-12 else np.zeros(z.shape[1])
        rest = centred - (v - mean_v)[:, None] * slope
        covariance = (rest * w[:, None]).T @ rest
        start = mean - mean_v * slope
        moved = covariance - np.eye(len(mean)) - 0 * np.outer(start, start)
        noise = 2.0 * np.sqrt(len(mean) / size) + len(mean) / size
        # Directions: the shift of the mean, the slope on the covariate, then the largest changes of spread.
        candidates = [start] if np.linalg.norm(start) > 0 else []
        if np.linalg.norm(slope) > 3.0 * np.sqrt(len(mean) / size):
            candidates.append(slope)
        values, vectors = np.linalg.eigh(moved)
        order = np.argsort(-np.abs(np.log(np.clip(values + 1.0, 1e-3, None))))
        for number in order[:MOST_DIRECTIONS]:
            if abs(values[number]) > min(noise, 0.6):
                candidates.append(vectors[:, number])
        if not candidates:
            return Proposal(np.zeros((len(mean), 0)), np.zeros(0), np.zeros(0), np.zeros((0, 0)))
        axes, triangle = np.linalg.qr(np.stack(candidates, 1))
        axes = axes[:, np.abs(np.diag(triangle)) > 1e-8]
        inner = axes.T @ covariance @ axes * WIDEN + 1e-9 * np.eye(axes.shape[1])
        return Proposal(axes, axes.T @ start, axes.T @ slope, np.linalg.cholesky(inner))


def run(pool: Pool, informative: bool) -> None:
    """Fill the pool: prior, tempered stages, then the full posterior."""
    dimensions = pool.z.shape[1]
    prior = Proposal(np.zeros((dimensions, 0)), np.zeros(0), np.zeros(0), np.zeros((0, 0)))
    least = max(1, int(np.ceil(16_000 / (FIRST * len(pool.covariate)))))
    pool.extend(prior, FIRST * least if informative else 1)
    if not informative:
        return
    for _ in range(MOST_STAGES):
        power = temper(pool)
        weights = normalised(pool.log_weights(power=power))
        final = power >= 1.0
        pool.extend(pool.fit(weights), (LAST if final else MIDDLE) * least)
        if final:
            break
    top_up(pool, None)


def top_up(pool: Pool, without: int | None, wanted: float = 1_000.0) -> float:
    """Add stages until the effective sample size suffices; at most three. Returns it."""
    least = max(1, int(np.ceil(16_000 / (FIRST * len(pool.covariate)))))
    for _ in range(3):
        weights = normalised(pool.log_weights(without))
        if ess(weights) >= wanted:
            break
        pool.extend(pool.fit(weights), MIDDLE * least)
    return ess(normalised(pool.log_weights(without)))


def temper(pool: Pool) -> float:
    """Largest power of the likelihood at which the candidates still stand for the target."""
    if ess(normalised(pool.log_weights())) >= TEMPER_ESS:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        if ess(normalised(pool.log_weights(power=middle))) >= TEMPER_ESS:
            low = middle
        else:
            high = middle
    return max(low, 1e-4)


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
