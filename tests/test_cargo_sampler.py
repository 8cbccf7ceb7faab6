"""The sampler against targets whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tumen.cargo import sampler


def linear_scorer(shifts: np.ndarray, stated: np.ndarray, noise: np.ndarray, dimensions: int = 12) -> sampler.Scorer:
    """Claims on z[0] + z[1] + the shift of the world, and on z[0]; normal noise."""

    def expect(z, d):
        return np.stack([z[:, 0] + z[:, 1] + shifts[d], z[:, 0]], 1)

    def score(column):
        return lambda e: -0.5 * ((stated[column] - e[:, 0]) / noise[column]) ** 2

    def evaluate(z, d):
        e = expect(z, d)
        return np.stack([score(0)(e[:, :1]), score(1)(e[:, 1:])], 1), np.exp(z[:, 0])

    return sampler.Scorer(
        dimensions, len(shifts), evaluate, expect, [(1, score(0)), (1, score(1))], lambda z: np.zeros(len(z)), 0
    )


def exact(shifts, stated, noise, parts=(0, 1)):
    """Posterior mean and standard deviation of z[0], and the weight of each world."""
    rows = np.array([[1.0, 1.0], [1.0, 0.0]])[list(parts)]
    precision = np.diag(1 / noise[list(parts)] ** 2)
    cover = rows @ rows.T + np.diag(noise[list(parts)] ** 2)
    spread = np.linalg.inv(np.eye(2) + rows.T @ precision @ rows)
    away = stated[list(parts)][None] - np.outer(shifts, [1.0, 0.0])[:, list(parts)]
    weight = np.exp(-0.5 * np.einsum("ni,ij,nj->n", away, np.linalg.inv(cover), away))
    weight /= weight.sum()
    means = (spread @ rows.T @ precision @ away.T).T[:, 0]
    mean = weight @ means
    return mean, np.sqrt(spread[0, 0] + weight @ (means - mean) ** 2), weight


SHIFTS = np.random.default_rng(3).normal(0, 0.6, 3000)
STATED, NOISE = np.array([2.0, 0.5]), np.array([0.15, 0.3])


@pytest.fixture(scope="module")
def pool():
    made = sampler.Pool(linear_scorer(SHIFTS, STATED, NOISE), np.random.default_rng(1))
    made.mode = sampler.run(made, True)
    return made


def test_moments_and_worlds_agree_with_the_exact_posterior(pool):
    mean, spread, worlds = exact(SHIFTS, STATED, NOISE)
    w = sampler.normalised(pool.log_weights())
    assert sampler.ess(w) > 4000
    assert w @ pool.z[:, 0] == pytest.approx(mean, abs=0.02)
    assert np.sqrt(w @ (pool.z[:, 0] - mean) ** 2) == pytest.approx(spread, rel=0.04)
    got = np.bincount(pool.d, weights=w, minlength=len(SHIFTS))
    # Six candidates a world: each world's weight is known to within a few parts in a hundred of a draw.
    assert np.abs(got - worlds).sum() < 0.15
    # What no claim touches stays as it was.
    assert w @ pool.z[:, 7] == pytest.approx(0, abs=0.05)
    assert w @ pool.z[:, 7] ** 2 == pytest.approx(1, abs=0.08)


def test_leaving_a_part_out_agrees_with_the_exact_posterior_without_it(pool):
    sampler.top_up(pool, pool.mode, 1, 1000.0)
    mean, spread, _ = exact(SHIFTS, STATED, NOISE, (0,))
    w = sampler.normalised(pool.log_weights(1))
    assert w @ pool.z[:, 0] == pytest.approx(mean, abs=0.05)
    assert np.sqrt(w @ (pool.z[:, 0] - mean) ** 2) == pytest.approx(spread, rel=0.07)


def test_evidence_far_from_the_prior_is_reached_by_steps():
    stated, noise = np.array([9.0, 4.5]), np.array([0.05, 0.05])
    made = sampler.Pool(linear_scorer(np.zeros(200), stated, noise), np.random.default_rng(1))
    sampler.run(made, True)
    mean = exact(np.zeros(200), stated, noise)[0]
    w = sampler.normalised(made.log_weights())
    assert sampler.ess(w) > 1000
    assert w @ made.z[:, 0] == pytest.approx(mean, abs=0.02)


def test_systematic_resampling_keeps_worlds_in_place_and_is_fair():
    rng = np.random.default_rng(0)
    d = rng.integers(0, 100, 5000)
    weights = rng.gamma(0.3, size=5000)
    weights /= weights.sum()
    counts = np.zeros(100)
    for _ in range(50):
        chosen = sampler.systematic(weights, d, 100, rng)
        home = d[chosen]
        kept = np.unique(home)
        assert np.array_equal(home[kept], kept)
        counts += np.bincount(home, minlength=100)
    want = np.bincount(d, weights=weights, minlength=100) * 100
    assert counts / 50 == pytest.approx(want, abs=0.35)


def test_pareto_k_of_a_pareto_tail():
    rng = np.random.default_rng(0)
    light = rng.random(20_000)
    heavy = rng.pareto(1 / 0.9, 20_000)
    assert sampler.pareto_k(light / light.sum()) < 0.3
    assert sampler.pareto_k(heavy / heavy.sum()) == pytest.approx(0.9, abs=0.15)


def test_weighted_quantiles_agree_with_repeated_values():
    values = np.array([3.0, 1.0, 2.0, 9.0])
    weights = np.array([2, 5, 2, 1]) / 10
    many = np.repeat(values, [2, 5, 2, 1])
    assert sampler.quantiles(values, weights, (0.3, 0.69, 0.95)) == [
        float(np.quantile(many, q, method="inverted_cdf")) for q in (0.3, 0.69, 0.95)
    ]
