"""Distances and bearings on the sphere, for kernels: degrees in, metres and degrees out.

Below half a degree the flat approximation is used (error under 1 in 10,000 at latitudes to 75°),
above it the haversine; positions inside kernels are integers of 1e-7 degree (about 1 cm).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tumen.ais.compiled import inlined

# Mean radius of the Earth after IUGG, metres.
EARTH_M = 6371008.8
M_PER_DEGREE = EARTH_M * math.pi / 180.0
NAUTICAL_MILE_M = 1852.0
KNOT_MS = 1852.0 / 3600.0
E7 = 10_000_000.0
NO_ANGLE = np.int32(-(2**31))


@inlined
def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance in metres between two points in degrees; crosses the date line."""
    dlat = lat2 - lat1
    dlon = lon2 - lon1
    if dlon > 180.0:
        dlon -= 360.0
    elif dlon < -180.0:
        dlon += 360.0
    if abs(dlat) < 0.5 and abs(dlon) < 0.5 and abs(lat1) < 75.0:
        x = dlon * math.cos(math.radians(0.5 * (lat1 + lat2)))
        return math.sqrt(x * x + dlat * dlat) * M_PER_DEGREE
    a = (
        math.sin(math.radians(dlat) / 2.0) ** 2
        + math.cos(math.radians(lat1)) * math.cos(math.radians(lat2)) * math.sin(math.radians(dlon) / 2.0) ** 2
    )
    return 2.0 * EARTH_M * math.asin(min(1.0, math.sqrt(a)))


@inlined
def bearing_deg(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Initial bearing in degrees, 0..360, for points up to some tens of kilometres apart."""
    dlon = lon2 - lon1
    if dlon > 180.0:
        dlon -= 360.0
    elif dlon < -180.0:
        dlon += 360.0
    x = dlon * math.cos(math.radians(0.5 * (lat1 + lat2)))
    angle = math.degrees(math.atan2(x, lat2 - lat1))
    return angle if angle >= 0.0 else angle + 360.0


def distances_m(lat1: Any, lon1: Any, lat2: Any, lon2: Any) -> np.ndarray:
    """Haversine distances in metres, element by element with broadcasting, degrees in."""
    lat1, lon1, lat2, lon2 = (np.radians(np.asarray(v, dtype=float)) for v in (lat1, lon1, lat2, lon2))
    a = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_M * np.arcsin(np.minimum(1.0, np.sqrt(a)))
