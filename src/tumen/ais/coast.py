"""Distance to land by rings of test points against OpenStreetMap land (package roaring-landmask).

The mask answers for cells of about 460 m in under a microsecond; a distance is the radius of the
first ring that touches land, so it is coarse (about a tenth) and told only up to 100 nm. Without the
package every answer is 'not known'.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from tumen.ais.geo import M_PER_DEGREE, NAUTICAL_MILE_M

# Radii in nautical miles, each about a fifth beyond the one before; 36 bearings see a 9 nm wide island at 50 nm.
RINGS_NM = (0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 24, 28, 33, 40, 50, 60, 72, 86, 100)
BEARINGS = 36
FAR_NM = 100.0


@lru_cache(maxsize=1)
def _mask() -> Any:
    try:
        from roaring_landmask import LandmaskProvider, RoaringMask
    except ImportError:
        return None
    # The bitmap alone (cells of 460 m that hold any land): a fifth of the load time of mask and polygons.
    return RoaringMask.new(LandmaskProvider.Osm)


def known() -> bool:
    """Is land data installed?"""
    return _mask() is not None


def on_land(lat: np.ndarray, lon: np.ndarray) -> np.ndarray | None:
    """True where a cell of about 460 m holds land; None without land data."""
    mask = _mask()
    if mask is None:
        return None
    return np.asarray(mask.contains_many(_wrapped(lon), np.clip(np.asarray(lat, dtype=float), -89.999, 89.999)))


# A ship that is truly a kilometre inland is on a river or canal, or not there at all.
INLAND_DEG = 1000.0 / M_PER_DEGREE


def inland(lat: np.ndarray, lon: np.ndarray) -> np.ndarray | None:
    """True where a point and four points a kilometre off all lie on land; None without land data."""
    lat, lon = np.asarray(lat, dtype=float), np.asarray(lon, dtype=float)
    dry = on_land(lat, lon)
    if dry is None:
        return None
    wide = INLAND_DEG / np.maximum(0.02, np.cos(np.radians(lat)))
    for dy, dx in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        where = np.flatnonzero(dry)
        dry[where] = on_land(lat[where] + dy * INLAND_DEG, lon[where] + dx * wide[where])
    return dry


def _wrapped(lon: np.ndarray) -> np.ndarray:
    return (np.asarray(lon, dtype=float) + 180.0) % 360.0 - 180.0


def distance_nm(lat: np.ndarray, lon: np.ndarray, rings: tuple[float, ...] = RINGS_NM) -> np.ndarray:
    """Nautical miles to land (0 on land); infinite beyond the last ring, NaN without land data."""
    lat, lon = np.asarray(lat, dtype=float), np.asarray(lon, dtype=float)
    if not len(lat):
        return np.zeros(0)
    land = on_land(lat, lon)
    if land is None:
        return np.full(len(lat), np.nan)
    out = np.where(land, 0.0, np.inf)
    open_ = np.flatnonzero(~land)
    angle = np.radians(np.arange(BEARINGS) * 360.0 / BEARINGS)
    inner = 0.0
    for ring in rings:
        if not len(open_):
            break
        r = ring * NAUTICAL_MILE_M / M_PER_DEGREE
        y = lat[open_, None] + r * np.cos(angle)
        x = lon[open_, None] + r * np.sin(angle) / np.maximum(0.02, np.cos(np.radians(lat[open_, None])))
        hit = on_land(y.ravel(), x.ravel()).reshape(y.shape).any(axis=1)  # type: ignore[union-attr]
        out[open_[hit]] = 0.5 * (inner + ring)
        open_ = open_[~hit]
        inner = ring
    return out
