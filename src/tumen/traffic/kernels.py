"""The inner loops of drawing paths, compiled: one pass over the draws where NumPy takes a dozen.

Takes tables and the present state of all draws; changes the state in place. Kernels are compiled once, kept on
disk, and free the interpreter lock. Fast-math stays off, so that a draw is the same bits on every run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import numpy as np


def _kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is compiled when it is first called: the compiler takes longer to import than a case to check."""

    @lru_cache(maxsize=1)
    def compiled() -> Callable[..., Any]:
        import numba

        made: Callable[..., Any] = numba.njit(cache=True, nogil=True, fastmath=False)(function)
        return made

    @wraps(function)
    def call(*given: Any) -> Any:
        return compiled()(*given)

    return call


@_kernel
def step(
    rows: np.ndarray,
    message: np.ndarray,
    marks: np.ndarray,
    points: int,
    point: np.ndarray,
    level: np.ndarray,
    off: np.ndarray,
    state: np.ndarray,
    u: np.ndarray,
    arrived: np.ndarray,
    now: np.ndarray,
    ships: np.ndarray,
    alongside: np.ndarray,
) -> None:
    """Draw the next state of each draw, and how many ships came on the way to it.

    `rows` (R S, S) transitions of the gap, `message` (R, S) what the looks to come say of each state or (0, S) where there
    are none, `marks` (P L S S, K) chances of at most k arrivals given both ends, `u` (2, N) uniform numbers, `arrived`,
    `now` (N,) arrivals before and after, `ships` (S,) ships alongside in each state, `alongside` (N,) those of each draw.
    """
    levels, size = len(rows) // (2 * points * len(ships)), len(ships)
    ahead = len(message) > 0
    edges = np.empty(size, np.float32)
    for n in range(len(point)):
        row = (off[n] * points + point[n]) * levels + level[n]
        here = rows[row * size + state[n]]
        total = np.float32(0.0)
        for s in range(size):
            total += here[s] * message[row, s] if ahead else here[s]
            edges[s] = total
        wanted = u[0, n] * total
        after = 0
        while after < size - 1 and edges[after] <= wanted:
            after += 1
        more = 0
        if off[n] == 0:
            pair = ((point[n] * levels + level[n]) * size + state[n]) * size + after
            for k in range(marks.shape[1]):
                if marks[pair, k] < u[1, n]:
                    more += 1
                else:
                    break
        state[n] = after
        now[n] = arrived[n] + more
        alongside[n] = ships[after]


@_kernel
def turn(
    turns: np.ndarray,
    ahead: np.ndarray,
    points: int,
    point: np.ndarray,
    level: np.ndarray,
    off: np.ndarray,
    state: np.ndarray,
    u: np.ndarray,
) -> None:
    """The week's turn of each draw: the rate walks, traffic stops or starts.

    `turns` (P 2 L, 2 L) its chances from and to (paused, level), `ahead` (S, R) what the looks to come say after it or
    (S, 0), `u` (N,) uniform numbers.
    """
    wide = turns.shape[1]
    levels = wide // 2
    heard = ahead.shape[1] > 0
    edges = np.empty(wide, np.float32)
    for n in range(len(point)):
        chance = turns[(point[n] * 2 + off[n]) * levels + level[n]]
        total = np.float32(0.0)
        for paused in range(2):
            row, first = (paused * points + point[n]) * levels, paused * levels
            for k in range(levels):
                if heard:
                    total += chance[first + k] * ahead[state[n], row + k]
                else:
                    total += chance[first + k]
                edges[first + k] = total
        wanted = u[n] * total
        after = 0
        while after < wide - 1 and edges[after] <= wanted:
            after += 1
        off[n], level[n] = after // levels, after % levels


@_kernel
def told_apart(
    remark: np.ndarray,
    ahead: np.ndarray,
    points: int,
    point: np.ndarray,
    level: np.ndarray,
    off: np.ndarray,
    state: np.ndarray,
    u: np.ndarray,
) -> None:
    """Which ship a look that tells a hull is of: from state to state by the weights `remark` (S, S)."""
    size = len(remark)
    levels = len(ahead) // (2 * points)
    edges = np.empty(size, np.float32)
    for n in range(len(point)):
        row = (off[n] * points + point[n]) * levels + level[n]
        total = np.float32(0.0)
        for s in range(size):
            total += remark[state[n], s] * ahead[row, s]
            edges[s] = total
        wanted = u[n] * total
        after = 0
        while after < size - 1 and edges[after] <= wanted:
            after += 1
        state[n] = after


@_kernel
def carry(v: np.ndarray, lanes: np.ndarray, back: bool) -> np.ndarray:
    """Row vectors (S, R) through transitions (S, S, R); column vectors back through them."""
    size, rows = v.shape
    out = np.zeros_like(v)
    for t in range(size):
        for s in range(size):
            lane = lanes[t, s] if back else lanes[s, t]
            for r in range(rows):
                out[t, r] += v[s, r] * lane[r]
    return out
