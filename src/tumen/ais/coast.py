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


# Whether a cell of a degree holds any land is looked at every 0.02 degree, about 2 km, and kept: most of the sea
# needs no ring at all.
_PROBES = 50
_cells: dict[int, bool] = {}


def _land_in(cells: np.ndarray) -> np.ndarray:
    """True for cells of one degree (row * 360 + column) that hold land."""
    fresh = [int(c) for c in np.unique(cells) if int(c) not in _cells]
    step = (np.arange(_PROBES) + 0.5) / _PROBES
    for some in (fresh[k : k + 64] for k in range(0, len(fresh), 64)):
        row, column = np.divmod(np.array(some), 360)
        lat = (row[:, None, None] - 90.0) + step[None, :, None] + np.zeros((1, 1, _PROBES))
        lon = (column[:, None, None] - 180.0) + step[None, None, :] + np.zeros((1, _PROBES, 1))
        land = np.asarray(on_land(lat.ravel(), lon.ravel())).reshape(len(some), -1)
        _cells.update((cell, bool(row.any())) for cell, row in zip(some, land, strict=True))
    return np.array([_cells[int(c)] for c in cells], dtype=bool)


def _near_land(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """False where no cell of a degree within the farthest ring holds land."""
    own = (
        np.clip(np.floor(lat + 90), 0, 179).astype(np.int64) * 360
        + np.floor(_wrapped(lon) + 180).astype(np.int64) % 360
    )
    cells, where = np.unique(own, return_inverse=True)
    return np.array([_land_about(cell) for cell in cells.tolist()], dtype=bool)[where]


@lru_cache(maxsize=180 * 360)
def _land_about(cell: int) -> bool:
    """Whether a cell of a degree has land within the farthest ring of any point in it."""
    row, column = divmod(cell, 360)
    # 100 nm are 1.67 degrees of latitude: two rows either way, and as many columns as that is wide there
    rows = np.arange(max(0, row - 2), min(179, row + 2) + 1)
    edge = min(89.0, max(abs(rows[0] - 90), abs(rows[-1] - 89)))
    wide = min(180, int(np.ceil(FAR_NM / 60 / max(0.01, np.cos(np.radians(edge))))))
    columns = np.arange(column - wide, column + wide + 1) % 360
    return bool(_land_in((rows[:, None] * 360 + columns[None, :]).ravel()).any())


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
    open_ = open_[_near_land(lat[open_], lon[open_])]
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
