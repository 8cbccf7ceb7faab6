"""Centre, length, width and axis of an object from its pixels.

Takes pixel positions and weights; gives a rectangle. The axis is that of the smallest rectangle near the
principal axis, which a bright superstructure at one end pulls less than the axis of inertia alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Rectangle:
    """An oriented rectangle in pixel coordinates; `angle` in radians from the x axis, y down."""

    x: float
    y: float
    length: float
    width: float
    angle: float


@dataclass
class Ship:
    """A ship candidate of either sensor, in pixels; `probability` is calibrated by the caller."""

    x: float
    y: float
    length_px: float
    length_sd_px: float
    width_px: float
    width_sd_px: float
    angle: float
    angle_sd: float
    probability: float
    contrast: float
    alongside: bool = False
    flags: list[str] = field(default_factory=list)
    features: dict[str, float] = field(default_factory=dict)

    def corners(self) -> np.ndarray:
        """The four corners, (4, 2) of x, y."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        u, v = self.length_px / 2, self.width_px / 2
        ends = np.array([(-u, -v), (u, -v), (u, v), (-u, v)])
        return np.column_stack([self.x + ends[:, 0] * c - ends[:, 1] * s, self.y + ends[:, 0] * s + ends[:, 1] * c])


def rectangle(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None, trim: float = 0.01) -> Rectangle:
    """Smallest rectangle round the pixels (corner-based coordinates of pixel indices), edges trimmed by `trim`.

    >>> r = rectangle(np.arange(20), np.zeros(20, int))
    >>> round(r.length), round(r.width), round(float(r.angle), 2)
    (20, 1, 0.0)
    """
    px, py = np.asarray(x, float) + 0.5, np.asarray(y, float) + 0.5
    w = np.ones(len(px)) if weight is None else np.asarray(weight, float)
    mx, my = np.average(px, weights=w), np.average(py, weights=w)
    dx, dy = px - mx, py - my
    principal = 0.5 * np.arctan2(2 * np.sum(w * dx * dy), np.sum(w * (dx * dx - dy * dy))) if len(px) > 1 else 0.0
    offsets = np.radians(np.linspace(-24, 24, 25))
    angles = principal + offsets
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    along, across = dx * cos + dy * sin, -dx * sin + dy * cos
    a0, a1 = _edges(along, trim)
    c0, c1 = _edges(across, trim)
    # The pixel's own extent along a slanted axis is between 1 and 1.41: one is added to both sides.
    length, width = a1 - a0 + 1, c1 - c0 + 1
    cost = length * width * (1 + 0.4 * np.abs(offsets))
    k = int(np.argmin(cost))
    angle, mid_a, mid_c = angles[k], (a0[k] + a1[k]) / 2, (c0[k] + c1[k]) / 2
    long, short = float(length[k]), float(width[k])
    cx = mx + mid_a * np.cos(angle) - mid_c * np.sin(angle)
    cy = my + mid_a * np.sin(angle) + mid_c * np.cos(angle)
    if short > long:
        long, short, angle = short, long, angle + np.pi / 2
    return Rectangle(float(cx), float(cy), long, short, float((angle + np.pi / 2) % np.pi - np.pi / 2))


def _edges(values: np.ndarray, trim: float) -> tuple[np.ndarray, np.ndarray]:
    if values.shape[1] < 30 or trim <= 0:
        return values.min(1), values.max(1)
    return np.quantile(values, trim, axis=1), np.quantile(values, 1 - trim, axis=1)


def angle_sd(length_px: float, width_px: float) -> float:
    """Standard deviation of an axis in radians: half a pixel of play at each end, more for stubby objects."""
    return float(np.clip(0.7 / max(length_px - width_px, 0.7), 0.02, 0.9))
