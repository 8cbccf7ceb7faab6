"""Centre, length, width and axis of an object from its pixels.

Takes pixel positions and weights; gives a rectangle. The axis is that of the smallest rectangle near the
principal axis, which a bright superstructure at one end pulls less than the axis of inertia alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tumen.imagery import kernels

OFFSETS = np.radians(np.linspace(-24, 24, 25))  # turns from the principal axis that are tried


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
    cx, cy, long, short, angle = kernels.turned_box(px, py, w, OFFSETS, trim)
    if short > long:
        long, short, angle = short, long, angle + np.pi / 2
    return Rectangle(float(cx), float(cy), float(long), float(short), float((angle + np.pi / 2) % np.pi - np.pi / 2))


def angle_sd(length_px: float, width_px: float) -> float:
    """Standard deviation of an axis in radians: half a pixel of play at each end, more for stubby objects."""
    return float(np.clip(0.7 / max(length_px - width_px, 0.7), 0.02, 0.9))
