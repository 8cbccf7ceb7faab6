"""Quantiles of the beta distribution, for shares stated as "k of n".

Every command checks the whole case, and loading `scipy.special` for two quantiles would cost a
quarter of the time that a command with nothing to compute takes. So the regularised incomplete
beta function is summed here by its continued fraction (DLMF 8.17.22, evaluated by Lentz's
method) and inverted by bisection; a test holds it to SciPy's.
"""

from __future__ import annotations

import math

SMALLEST = 1e-300  # in place of a zero denominator in Lentz's method
STEPS = 300  # the fraction converges in about the square root of max(a, b) steps


def beta_quantile(a: float, b: float, probability: float) -> float:
    """The share below which Beta(a, b) has the given probability.

    >>> round(beta_quantile(0.5, 14.5, 0.95), 4)
    0.1261
    >>> round(beta_quantile(3.0, 3.0, 0.5), 12)
    0.5
    """
    if not (a > 0 and b > 0 and 0 < probability < 1):
        raise ValueError(
            f"Beta({a:g}, {b:g}) at {probability:g}: expected positive parameters, a probability in (0, 1)"
        )
    # Bisection on the log-odds, so that tiny shares keep their digits.
    low, high = -700.0, 700.0
    for _ in range(80):
        middle = (low + high) / 2
        if beta_distribution(a, b, 1 / (1 + math.exp(-middle))) < probability:
            low = middle
        else:
            high = middle
    return 1 / (1 + math.exp(-(low + high) / 2))


def beta_distribution(a: float, b: float, share: float) -> float:
    """Probability that Beta(a, b) lies below the share: the regularised incomplete beta function.

    >>> round(beta_distribution(1.0, 2.0, 0.25), 12)  # 1 - 0.75 ** 2
    0.4375
    """
    if share <= 0:
        return 0.0
    if share >= 1:
        return 1.0
    if share > (a + 1) / (a + b + 2):  # where the fraction would converge slowly, take the other tail
        return 1 - beta_distribution(b, a, 1 - share)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(share) + b * math.log1p(-share)
    )
    return front / a / _continued_fraction(a, b, share)


def _continued_fraction(a: float, b: float, x: float) -> float:
    """1 + d1 / (1 + d2 / (1 + ...)), DLMF 8.17.22 and 8.17.23."""
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, STEPS):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + term * d or SMALLEST)
        c = 1 + term / c or SMALLEST
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
