"""The artillery balance of one side, week by week, in all draws at once.

Takes weekly arrivals, losses and wishes in draws; gives rounds fired, the part of them made in
the origin country, and what is left. The rule of rationing: a side fires what comes in, and of
the stock above its reserve a share that would make it last `ration_weeks` more, but never more
than it wishes nor than it holds:

    fired = min(wish, arrivals + max(0, stock - reserve) / ration_weeks, held)
    stock' = stock + arrivals - losses - fired

With one week of rationing and no reserve this is plain arithmetic: a stock S with wish D above
arrivals A is gone after S / (D - A) weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Weeks(NamedTuple):
    """Arrays of shape (weeks, draws): rounds in each week; stocks at its end."""

    fired: np.ndarray
    fired_origin: np.ndarray
    stock: np.ndarray
    stock_origin: np.ndarray


def simulate(
    home: np.ndarray,
    origin: np.ndarray,
    wish: np.ndarray,
    strikes: Mapping[int, tuple[np.ndarray, np.ndarray]],
    opening: np.ndarray,
    reserve: np.ndarray,
    ration_weeks: np.ndarray,
    first_use: np.ndarray,
) -> Weeks:
    """Walk the weeks.

    `home`, `origin`: rounds that become usable in the week, own and from the origin country, shape (weeks, draws).
    `wish`: rounds that the side would fire in the week. `strikes`: by week, rounds lost and how many of them were
    made in the origin country, each of shape (draws,). `opening`, `reserve`, `ration_weeks`: shape (draws,); the opening stock is home-made, and
    so is the reserve. `first_use`: 0, stocks are mixed when issued; 1, rounds from the origin country are fired first.

    >>> one = np.ones((4, 1))
    >>> w = simulate(2 * one, 0 * one, 5 * one, {}, *(np.array([x]) for x in (6.0, 0.0, 1.0, 0.0)))
    >>> w.fired[:, 0].tolist(), w.stock[:, 0].tolist()
    ([5.0, 5.0, 2.0, 2.0], [3.0, 0.0, 0.0, 0.0])
    """
    weeks, draws = wish.shape
    out = Weeks(*(np.empty((weeks, draws)) for _ in range(4)))
    stock, foreign = opening.astype(float).copy(), np.zeros(draws)
    for week in range(weeks):
        arrivals = home[week] + origin[week]
        held = stock + arrivals
        spare = np.maximum(stock - reserve, 0.0) / ration_weeks
        fired = np.minimum(np.minimum(wish[week], arrivals + spare), held)
        foreign_held = foreign + origin[week]
        issuable = np.maximum(held - np.minimum(reserve, stock - foreign), foreign_held)
        share = foreign_held / np.maximum(issuable, 1e-9)
        fired_foreign = first_use * np.minimum(fired, foreign_held) + (1.0 - first_use) * fired * share
        least = np.maximum(0.0, fired - (held - foreign_held))
        fired_foreign = np.minimum(np.maximum(fired_foreign, least), foreign_held)
        stock, foreign = held - fired, foreign_held - fired_foreign
        if week in strikes:
            lost = np.minimum(strikes[week][0], stock)
            least = np.maximum(0.0, lost - (stock - foreign))
            lost_foreign = np.minimum(np.maximum(strikes[week][1], least), np.minimum(foreign, lost))
            stock, foreign = stock - lost, foreign - lost_foreign
        out.fired[week], out.fired_origin[week] = fired, fired_foreign
        out.stock[week], out.stock_origin[week] = stock, foreign
    return out


def quantiles(values: np.ndarray, levels: tuple[float, ...] = (0.05, 0.5, 0.95)) -> np.ndarray:
    """Quantiles along the last axis, shape (levels, ...): those of numpy. A whole sort is vectorised
    and so beats numpy's partition at several places.

    >>> quantiles(np.arange(101.0)[None, :])[:, 0].tolist()
    [5.0, 50.0, 95.0]
    """
    place = np.array(levels) * (values.shape[-1] - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, values.shape[-1] - 1)
    ordered = np.sort(values, axis=-1)
    inside = place - below
    return np.stack(
        [ordered[..., b] * (1 - t) + ordered[..., a] * t for b, a, t in zip(below, above, inside, strict=True)]
    )


def days_until_empty(stock: np.ndarray, floor: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Days from the first week's start until the stock first falls to `floor`; nan where it does not.

    `stock`, `floor`: shape (weeks, draws), at the end of each week. `before`: stock at the start, shape (draws,).
    Inside a week the fall is taken as even.

    >>> days_until_empty(np.array([[3.0], [0.0]]), np.zeros((2, 1)), np.array([6.0])).tolist()
    [14.0]
    """
    above = stock - floor
    earlier = np.vstack([(before - floor[0])[None, :], above[:-1]])
    hit = above <= 0
    found = hit.any(axis=0)
    week = hit.argmax(axis=0)
    columns = np.arange(stock.shape[1])
    start, stop = earlier[week, columns], above[week, columns]
    fall = start - stop
    inside = np.divide(start, fall, out=np.zeros(stock.shape[1]), where=fall > 0)
    days = 7.0 * (week + np.clip(inside, 0.0, 1.0))
    return np.where(found, days, np.nan)
