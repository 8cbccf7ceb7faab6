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

from typing import NamedTuple

import numpy as np


class Weeks(NamedTuple):
    """Arrays of shape (draws, weeks): rounds in each week; stocks at its end."""

    fired: np.ndarray
    fired_origin: np.ndarray
    stock: np.ndarray
    stock_origin: np.ndarray


def simulate(
    home: np.ndarray,
    origin: np.ndarray,
    wish: np.ndarray,
    losses: np.ndarray,
    losses_origin: np.ndarray,
    opening: np.ndarray,
    reserve: np.ndarray,
    ration_weeks: np.ndarray,
    first_use: np.ndarray,
) -> Weeks:
    """Walk the weeks.

    `home`, `origin`: rounds that become usable in the week, own and from the origin country, shape (draws, weeks).
    `wish`: rounds that the side would fire in the week. `losses`: rounds lost to strikes, of which `losses_origin`
    from the origin country. `opening`, `reserve`, `ration_weeks`: shape (draws,); the opening stock is home-made, and
    so is the reserve. `first_use`: 0, stocks are mixed when issued; 1, rounds from the origin country are fired first.

    >>> one = np.ones((1, 4))
    >>> w = simulate(2 * one, 0 * one, 5 * one, 0 * one, 0 * one, *(np.array([x]) for x in (6.0, 0.0, 1.0, 0.0)))
    >>> w.fired.tolist(), w.stock.tolist()
    ([[5.0, 5.0, 2.0, 2.0]], [[3.0, 0.0, 0.0, 0.0]])
    """
    draws, weeks = wish.shape
    out = Weeks(*(np.empty((draws, weeks)) for _ in range(4)))
    stock, foreign = opening.astype(float).copy(), np.zeros(draws)
    for week in range(weeks):
        arrivals = home[:, week] + origin[:, week]
        spare = np.maximum(stock - reserve, 0.0) / ration_weeks
        held = stock + arrivals
        fired = np.minimum(np.minimum(wish[:, week], arrivals + spare), held)
        foreign_held = foreign + origin[:, week]
        issuable = np.maximum(held - np.minimum(reserve, stock - foreign), foreign_held)
        share = np.divide(foreign_held, issuable, out=np.zeros(draws), where=issuable > 0)
        fired_foreign = first_use * np.minimum(fired, foreign_held) + (1.0 - first_use) * fired * share
        fired_foreign = np.clip(fired_foreign, np.maximum(0.0, fired - (held - foreign_held)), foreign_held)
        left, foreign_left = held - fired, foreign_held - fired_foreign
        lost = np.minimum(losses[:, week], left)
        lost_foreign = np.clip(losses_origin[:, week], lost - (left - foreign_left), np.minimum(foreign_left, lost))
        stock = left - lost
        foreign = foreign_left - np.maximum(lost_foreign, 0.0)
        out.fired[:, week], out.fired_origin[:, week] = fired, fired_foreign
        out.stock[:, week], out.stock_origin[:, week] = stock, foreign
    return out


def days_until_empty(stock: np.ndarray, floor: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Days from the first week's start until the stock first falls to `floor`; nan where it does not.

    `stock`, `floor`: shape (draws, weeks), at the end of each week. `before`: stock at the start, shape (draws,).
    Inside a week the fall is taken as even.

    >>> days_until_empty(np.array([[3.0, 0.0]]), np.zeros((1, 2)), np.array([6.0])).tolist()
    [14.0]
    """
    above = stock - floor
    earlier = np.column_stack([before - floor[:, 0], above[:, :-1]])
    hit = above <= 0
    found = hit.any(axis=1)
    week = hit.argmax(axis=1)
    rows = np.arange(len(stock))
    start, stop = earlier[rows, week], above[rows, week]
    fall = start - stop
    inside = np.divide(start, fall, out=np.zeros(len(stock)), where=fall > 0)
    days = 7.0 * (week + np.clip(inside, 0.0, 1.0))
    return np.where(found, days, np.nan)
