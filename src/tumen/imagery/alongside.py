"""A berth against its own other dates: what lies in it today that does not lie there on its emptier dates.

Takes the berth's windows (`stacks.window`, the same grid, brightness and position for all dates of one sensor); gives
for each date the share of the berth that is covered anew and the length of the largest such part (`changes`). Jetties,
dolphins, fenders and sheds stand there on every date and count for nothing: they are a mask learned from the images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from tumen.imagery.shape import rectangle
from tumen.imagery.stacks import Window, align_dates, common_colour, level_dates

LEAST_DATES = 3  # other dates, before a berth is held against them
EMPTY = 0.3  # quantile of the other dates' departures that is the pixel's empty look
COVERED = 3.0  # departure beyond the empty look, in spreads, at which a pixel counts as covered anew


@dataclass(frozen=True)
class Change:
    """What one date shows beyond a berth's empty look; `length_m` is None where the pixel size is not known."""

    references: int
    share: float
    length_m: float | None


def changes(windows: list[Window]) -> list[Change | None]:
    """One `Change` a window; None with fewer than three other dates, or where half the berth is not seen."""
    out: list[Change | None] = [None] * len(windows)
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, w in enumerate(windows):
        if (w.seen & w.inside).sum() >= 0.5 * w.inside.sum():
            groups.setdefault(w.group, []).append(i)
    for members in groups.values():
        if len(members) > LEAST_DATES:
            for i, change in zip(members, _group([windows[i] for i in members]), strict=True):
                out[i] = change
    return out


def _group(windows: list[Window]) -> list[Change | None]:
    inside = windows[0].inside
    seen = np.stack([w.seen for w in windows])
    data, seen = align_dates(level_dates(np.stack([w.data for w in windows]), seen), seen)
    water, spread = common_colour(data, seen, inside)
    off = data - water[:, None, None]
    departure: np.ndarray = np.sqrt(np.mean((off / spread[:, None, None]) ** 2, axis=1))
    out: list[Change | None] = []
    for t, w in enumerate(windows):
        others = [k for k, o in enumerate(windows) if k != t and (o.time is None or o.time != w.time)]
        if len(others) < LEAST_DATES:
            out.append(None)
            continue
        ordered = np.sort(np.where(seen[others], departure[others], np.inf), axis=0)
        count = seen[others].sum(0)
        pick = np.maximum((EMPTY * (count - 1)).astype(int), 0)
        empty = np.take_along_axis(ordered, pick[None], 0)[0]
        known = np.isfinite(empty) & inside & seen[t]
        empty = np.where(known, empty, 0.0)
        # Position is known to half a pixel: beside a structure its neighbours' look counts too.
        empty = np.maximum(empty, 0.5 * ndimage.grey_dilation(np.minimum(empty, 12.0), 3))
        excess = np.where(known, (departure[t] - empty) / np.maximum(1.0, 0.25 * empty), 0.0)
        covered = ndimage.median_filter(excess, 3) > COVERED
        labels, n = ndimage.label(covered, np.ones((3, 3)))
        length = 0.0
        if n:
            sizes = ndimage.sum_labels(covered, labels, np.arange(1, n + 1))
            y, x = np.nonzero(labels == 1 + int(np.argmax(sizes)))
            length = rectangle(x, y).length if len(y) >= 3 else 1.0
        share = float(covered.sum() / max(known.sum(), 1))
        out.append(Change(len(others), share, None if w.step_m is None else length * w.step_m))
    return out
