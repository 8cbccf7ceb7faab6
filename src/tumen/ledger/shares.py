"""Which entry, and which input, an answer hangs on: shares of its variance over the draws.

Entries add up to the answer, so the covariance of an entry with the answer, over the variance of
the answer, is its share, and the shares sum to one. Inputs (a price, a count) enter by products;
for them the first-order index of Sobol is estimated from the same draws by slicing the input
(the correlation ratio; the correction for chance is Kelley's epsilon squared, 1935).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# 4,000 draws leave 160 in each of 25 slices: enough for the mean of a slice, narrow enough for a curve.
SLICES = 25


def entry_shares(parts: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Covariance share of each part in the sum of all parts. Sums to 1; a hedge is negative.

    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> entry_shares({"a": 3 * x, "b": x})
    {'a': 0.75, 'b': 0.25}
    """
    if not parts:
        return {}
    total = np.sum(list(parts.values()), axis=0)
    centred = total - total.mean()
    variance = float(centred @ centred)
    if variance == 0:
        return dict.fromkeys(parts, 0.0)
    return {name: float((part - part.mean()) @ centred) / variance for name, part in parts.items()}


def input_share(cause: np.ndarray, answer: np.ndarray, slices: int = SLICES) -> float:
    """First-order share of `answer`'s variance that `cause` explains, 0..1.

    >>> u = (np.arange(4000) + 0.5) / 4000
    >>> input_share(u, 5 * u) > 0.99
    True
    """
    return float(input_shares(cause, answer[None, :], slices)[0])


def input_shares(cause: np.ndarray, answers: np.ndarray, slices: int = SLICES) -> np.ndarray:
    """The same for several answers at once, shape (answers, draws): the cause is sliced once."""
    n = answers.shape[1]
    slices = min(slices, max(2, n // 20))
    if np.ptp(cause) == 0:
        return np.zeros(len(answers))
    order = np.argsort(cause, kind="stable")
    cuts = (np.arange(slices) * n) // slices
    sizes = np.diff(np.append(cuts, n))
    centred = answers - answers.mean(axis=1, keepdims=True)
    sums = np.add.reduceat(centred[:, order], cuts, axis=1)
    total = (centred**2).sum(axis=1)
    between = (sums**2 / sizes).sum(axis=1)
    within = (total - between) / (n - slices)
    share = np.divide(between - (slices - 1) * within, total, out=np.zeros(len(answers)), where=total > 0)
    return np.clip(share, 0.0, 1.0)
