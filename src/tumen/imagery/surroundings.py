"""What lies round a candidate in an optical image: the end of a mole, a bridge and a shed are told from a ship by it.

Takes the layers of `water.layers` and a rectangle; gives numbers for the logistic of `judging.probability`. A ship ends
where water begins, has water along one side, lies outside the coastline and is most of the dry thing that it is part of;
a breakwater, a bridge or a pontoon goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tumen.imagery.shape import Rectangle

DRY = 0.3  # half log ratio to the water at which a pixel is no water
LONG_M = 450.0  # a dry thing outside the coastline that is longer is no ship
SHORT_M = 50.0
RUN_M = 250.0  # to each side of a candidate's centre that its hull is followed: half the longest ship and play
NAMES = (
    "ashore", "too_far", "log_extent", "dry", "whole", "end_min", "end_max", "side_min", "side_max", "short", "goes_on", "free",
)  # fmt: skip


@dataclass(frozen=True)
class Ground:
    """Dry things outside the coastline in one window: labels, and of each its extent (m), pixels and contact with land."""

    layers: np.ndarray
    dry: np.ndarray
    wet: np.ndarray
    labels: np.ndarray
    extent_m: np.ndarray
    pixels: np.ndarray
    shore: np.ndarray
    size_m: float


def ground(layers: np.ndarray, size_m: float) -> Ground | None:
    """The dry things of a window of layers; None where no coastline is known."""
    if not layers[6].any():
        return None
    land = layers[5] > 0.5
    dry = (layers[:5].max(0) > DRY) & ~land
    labels, n = ndimage.label(dry, np.ones((3, 3)))
    extent = np.zeros(n + 1)
    for i, box in enumerate(ndimage.find_objects(labels), 1):
        extent[i] = np.hypot(box[0].stop - box[0].start, box[1].stop - box[1].start) * size_m
    rim = ndimage.binary_dilation(land) & dry
    shore = np.bincount(labels[rim], minlength=n + 1)
    return Ground(
        layers, dry, ~dry & ~land, labels, extent, np.bincount(labels.ravel(), minlength=n + 1), shore, size_m
    )


def describe(r: Rectangle, g: Ground) -> dict[str, float]:
    """Numbers of `NAMES` for one candidate; lengths of the rectangle are in pixels of the ground."""
    metre = 1 / g.size_m
    long, wide = max(r.length, 2.0), max(r.width, 1.2)
    half, side = max(long / 2 - 0.5, 0.5), max(wide / 2 - 0.7, 0.3)
    u, v = np.meshgrid(np.linspace(-half, half, max(3, int(long))), np.linspace(-side, side, max(2, int(wide))))
    ids = _at(g.labels, r, u, v)
    mine = ids[ids > 0]
    part = int(np.bincount(mine).argmax()) if len(mine) else 0
    dry = len(mine) / max(u.size, 1)
    extent = float(g.extent_m[part]) if part and dry > DRY else 60.0
    hull = _at(g.layers[:5], r, u, v)
    colour = hull.mean(1) if hull.shape[1] else np.zeros(5)
    ends, alike, sides = [], [], []
    for end in (-1, 1):
        a, b = np.meshgrid(
            end * (long / 2 + np.array([16.0, 28.0, 40.0, 52.0]) * metre), np.array([-1.0, 0.0, 1.0]) * max(1, wide / 4)
        )
        seen = _at(g.wet, r, a, b)
        ends.append(float(seen.mean()) if seen.size else 0.5)
        beyond = _at(g.layers[:5], r, a, b)
        alike.append(float(np.abs(beyond.mean(1) - colour).mean()) if beyond.shape[1] else 0.3)
        a, b = np.meshgrid(np.linspace(-0.4, 0.4, 5) * long, end * (wide / 2 + np.array([12.0, 20.0, 28.0]) * metre))
        seen = _at(g.wet, r, a, b)
        sides.append(float(seen.mean()) if seen.size else 0.5)
    return {
        "ashore": float(dry < DRY),
        "too_far": float(extent > LONG_M),
        "log_extent": float(np.log(np.clip(extent, 60, 2000))),
        "dry": dry,
        "whole": min(1.0, long * wide / max(float(g.pixels[part]), 1)) if part else 0.0,
        "end_min": min(ends),
        "end_max": max(ends),
        "side_min": min(sides),
        "side_max": max(sides),
        "short": max(0.0, SHORT_M - long * g.size_m) / 10,
        "goes_on": min(alike),
        "free": float(part > 0 and g.shore[part] == 0),
    }


def dry_run(r: Rectangle, g: Ground) -> float:
    """How far what is dry goes on along a rectangle's axis through its centre, pixels: the hull, where a part was marked.

    Three lines side by side; it ends where most of them are water or land for a pixel and a half.
    """
    across = np.array([-0.25, 0.0, 0.25]) * max(r.width, 1.2)
    total = 0.0
    for way in (-1, 1):
        steps = np.arange(0.0, RUN_M / g.size_m, 0.5)
        u, v = np.meshgrid(way * steps, across, indexing="ij")
        c, s = np.cos(r.angle), np.sin(r.angle)
        x, y = np.floor(r.x + u * c - v * s).astype(int), np.floor(r.y + u * s + v * c).astype(int)
        ok = (x >= 0) & (x < g.dry.shape[1]) & (y >= 0) & (y < g.dry.shape[0])
        on = (
            np.where(ok, g.dry[np.clip(y, 0, g.dry.shape[0] - 1), np.clip(x, 0, g.dry.shape[1] - 1)], False).mean(1)
            > 0.5
        )
        gone = np.flatnonzero(~on[:-2] & ~on[1:-1] & ~on[2:])
        total += steps[gone[0]] if len(gone) else steps[-1]
    return float(total)


def _at(image: np.ndarray, r: Rectangle, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Pixels at points along and across a rectangle's axis, from its centre; points outside the window are left out."""
    c, s = np.cos(r.angle), np.sin(r.angle)
    x = np.floor(r.x + along * c - across * s).astype(int).ravel()
    y = np.floor(r.y + along * s + across * c).astype(int).ravel()
    height, width = image.shape[-2:]
    ok = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return image[..., y[ok], x[ok]]
