"""Detections against AIS: which ship in the image is which track, and which ships are dark.

Takes DETECTIONS and POSITIONS; gives MATCHES. Each track is interpolated to the time of the
image; a pair is scored by its log-likelihood ratio against chance (distance under a position
uncertainty that grows with the time to the nearest message and, in SAR, with the azimuth shift
of a moving ship; length where both are known), and the best one-to-one assignment is found.
After the scoring of Kroodsma et al. 2022 (Revealing the global longline fleet with satellite
radar, Scientific Reports 12:21004), with a Gaussian in place of their empirical raster.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.optimize import linear_sum_assignment

from tumen.tables import MATCHES
from tumen.tables.schema import TIME

EARTH_RADIUS_M = 6_371_008.8
# Sentinel-1 GRD geolocation without fine terrain correction, and AIS antenna to ship centre.
POSITION_SD_M = 60.0
# How far a ship's real track leaves the straight line between two messages, by the second of gap.
DRIFT_SD_M_PER_S = 0.6
# Range over platform speed of Sentinel-1: azimuth shift in metres per m/s of radial speed.
AZIMUTH_SHIFT_S = 115.0
# AIS lengths are typed in by hand: spread of a right one, in metres.
AIS_LENGTH_SD_M = 12.0


@dataclass(frozen=True)
class MatchSettings:
    """`reach_s`: a track counts if it has a message this close to the image.
    `background_per_km2`: density of unmatched ships, the odds that a near track is chance.
    """

    reach_s: float = 7200.0
    background_per_km2: float = 0.02
    gate_m: float = 5000.0
    coverage_m: float = 50_000.0


def match(detections: pa.Table, positions: pa.Table, settings: MatchSettings | None = None) -> pa.Table:
    """Match every detection of every image time.

    `detections` needs detection_id, time, lat, lon and may have length_m, length_sd_m, place,
    evidence_id; `positions` needs mmsi, time, lat, lon and may have sog (knots) and length_m.
    Returns MATCHES, one row a detection, ordered as given.
    """
    settings = settings or MatchSettings()
    ships = detections.to_pylist()
    tracks = _tracks(positions)
    out: dict[str, dict[str, Any]] = {}
    times = sorted({s["time"] for s in ships})
    for time in times:
        scene = [s for s in ships if s["time"] == time]
        for row in _scene(scene, _at(tracks, time.timestamp(), settings.reach_s), settings):
            out[row["detection_id"]] = row
    return MATCHES.build([out[s["detection_id"]] for s in ships])


def near_images(batches: Iterable[pa.RecordBatch], detections: pa.Table, reach_s: float = 7200.0) -> pa.Table:
    """The positions of an AIS stream that are near enough to an image in time to be matched.

    `batches` have columns vessel (MMSI), t (UTC), lat, lon, as AIS archives are read; returns a table
    with mmsi, time, lat, lon. Memory stays bounded by what is kept.
    """
    whens = np.unique(detections.column("time").cast(pa.int64()).to_numpy())
    kept = []
    for batch in batches:
        t = batch.column("t").cast(pa.int64()).to_numpy(zero_copy_only=False)
        after = np.clip(np.searchsorted(whens, t), 0, len(whens) - 1)
        gap = np.minimum(np.abs(whens[after] - t), np.abs(whens[np.maximum(after - 1, 0)] - t))
        rows = batch.filter(pa.array(gap <= reach_s * 1e6))
        if rows.num_rows:
            mmsi = [str(v) for v in rows.column("vessel").to_pylist()]
            kept.append(
                pa.table({"mmsi": mmsi, "time": rows.column("t"), "lat": rows.column("lat"), "lon": rows.column("lon")})
            )
    schema = pa.schema([("mmsi", pa.string()), ("time", TIME), ("lat", pa.float64()), ("lon", pa.float64())])
    return pa.concat_tables([t.cast(schema) for t in kept]) if kept else schema.empty_table()


@dataclass(frozen=True)
class _Track:
    mmsi: str
    seconds: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    length_m: float


@dataclass(frozen=True)
class _Fix:
    """A track at the time of the image."""

    mmsi: str
    lat: float
    lon: float
    gap_s: float
    speed_mps: float
    length_m: float


def _tracks(positions: pa.Table) -> list[_Track]:
    if not positions.num_rows:
        return []
    mmsi = np.array([str(m) for m in positions.column("mmsi").to_pylist()])
    seconds = positions.column("time").cast(pa.int64()).to_numpy() / 1e6
    lat, lon = (positions.column(n).to_numpy(zero_copy_only=False).astype(float) for n in ("lat", "lon"))
    if "length_m" in positions.column_names:
        length = positions.column("length_m").to_numpy(zero_copy_only=False).astype(float)
    else:
        length = np.full(len(mmsi), np.nan)
    good = np.isfinite(lat) & np.isfinite(lon)
    order = np.lexsort((seconds[good], mmsi[good]))
    mmsi, seconds, lat, lon, length = (a[good][order] for a in (mmsi, seconds, lat, lon, length))
    cuts = np.flatnonzero(np.r_[True, mmsi[1:] != mmsi[:-1]])
    ends = np.r_[cuts[1:], len(mmsi)]
    return [
        _Track(str(mmsi[a]), seconds[a:b], lat[a:b], lon[a:b], _known(length[a:b]))
        for a, b in zip(cuts, ends, strict=True)
    ]


def _known(lengths: np.ndarray) -> float:
    good = lengths[np.isfinite(lengths) & (lengths > 0)]
    return float(np.median(good)) if len(good) else float("nan")


def _at(tracks: list[_Track], when: float, reach_s: float) -> list[_Fix]:
    fixes = []
    for t in tracks:
        after = int(np.searchsorted(t.seconds, when))
        near = [i for i in (after - 1, after) if 0 <= i < len(t.seconds)]
        gap = min(abs(t.seconds[i] - when) for i in near)
        if gap > reach_s:
            continue
        lat, lon = float(np.interp(when, t.seconds, t.lat)), float(np.interp(when, t.seconds, t.lon))
        speed = 0.0
        if len(near) == 2 and t.seconds[near[1]] > t.seconds[near[0]]:
            moved = _distance(t.lat[near[0]], t.lon[near[0]], t.lat[near[1]], t.lon[near[1]])
            speed = float(moved / (t.seconds[near[1]] - t.seconds[near[0]]))
        fixes.append(_Fix(t.mmsi, lat, lon, float(gap), speed, t.length_m))
    return fixes


def _scene(ships: list[dict[str, Any]], fixes: list[_Fix], settings: MatchSettings) -> list[dict[str, Any]]:
    if not fixes:
        return [_unmatched(s, "not_covered") for s in ships]
    score, distance = _scores(ships, fixes, settings)
    # A ship may stay alone at score 0, the odds of chance; the assignment maximises the sum.
    alone = np.zeros((len(ships), len(ships)))
    rows, columns = linear_sum_assignment(np.hstack([score, alone]), maximize=True)
    partner = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    share = np.exp(score - score.max(axis=1, initial=0.0, keepdims=True))
    base = np.exp(-score.max(axis=1, initial=0.0))
    out = []
    for i, ship in enumerate(ships):
        j = partner[i]
        total = share[i].sum() + base[i]
        if j >= len(fixes) or score[i, j] <= 0:
            covered = bool((distance[i] < settings.coverage_m).any())
            out.append(_unmatched(ship, "dark" if covered else "not_covered"))
            continue
        fix, p = fixes[j], float(share[i, j] / total)
        out.append(
            {
                **_common(ship),
                "mmsi": fix.mmsi,
                "distance_m": float(distance[i, j]),
                "gap_s": fix.gap_s,
                "probability": p,
                "state": "matched",
                "text": f"AIS track {fix.mmsi}, {distance[i, j]:.0f} m away, message {fix.gap_s / 60:.0f} min off",
            }
        )
    return out


def _scores(ships: list[dict[str, Any]], fixes: list[_Fix], settings: MatchSettings) -> tuple[np.ndarray, np.ndarray]:
    lat = np.array([[s["lat"]] for s in ships])
    lon = np.array([[s["lon"]] for s in ships])
    distance = _distance(lat, lon, np.array([f.lat for f in fixes]), np.array([f.lon for f in fixes]))
    gap = np.array([f.gap_s for f in fixes])
    speed = np.array([f.speed_mps for f in fixes])
    variance = POSITION_SD_M**2 + (DRIFT_SD_M_PER_S * gap) ** 2 + (0.5 * AZIMUTH_SHIFT_S * speed) ** 2
    density = np.exp(-(distance**2) / (2 * variance)) / (2 * np.pi * variance)
    with np.errstate(divide="ignore"):
        score = np.log(density) - np.log(settings.background_per_km2 / 1e6)
    score += _length_scores(ships, fixes)
    score[distance > settings.gate_m] = -1e6
    return np.maximum(score, -1e6), distance


def _length_scores(ships: list[dict[str, Any]], fixes: list[_Fix]) -> np.ndarray:
    """Log-likelihood ratio of the lengths against a broad spread of ship lengths; 0 where unknown."""
    seen = np.array([[s.get("length_m") or np.nan] for s in ships], dtype=float)
    seen_sd = np.array([[s.get("length_sd_m") or 20.0] for s in ships], dtype=float)
    told = np.array([f.length_m for f in fixes], dtype=float)
    variance = seen_sd**2 + AIS_LENGTH_SD_M**2
    gap = seen - told
    ratio = -(gap**2) / (2 * variance) - 0.5 * np.log(2 * np.pi * variance) + np.log(250.0)
    # A wrong length in AIS is common enough (some are 0 or the wrong unit) to bound what it may cost.
    return np.where(np.isfinite(gap), np.maximum(ratio, -4.0), 0.0)


def _common(ship: dict[str, Any]) -> dict[str, Any]:
    parents = [ship["evidence_id"]] if ship.get("evidence_id") else None
    return {"detection_id": ship["detection_id"], "time": ship["time"], "place": ship.get("place"), "parents": parents}


def _unmatched(ship: dict[str, Any], state: str) -> dict[str, Any]:
    words = "no AIS track fits: dark" if state == "dark" else "no AIS was received near it at that time"
    return {**_common(ship), "probability": 0.0, "state": state, "text": words}


def _distance(lat1: Any, lon1: Any, lat2: Any, lon2: Any) -> Any:
    """Great-circle distance in metres (haversine)."""
    a1, o1, a2, o2 = (np.radians(x) for x in (lat1, lon1, lat2, lon2))
    h = np.sin((a2 - a1) / 2) ** 2 + np.cos(a1) * np.cos(a2) * np.sin((o2 - o1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(h, 0, 1)))
