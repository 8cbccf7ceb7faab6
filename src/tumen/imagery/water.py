"""Water in optical images: its level in each band, and how far each pixel stands off it.

Takes reflectances of Sentinel-2's B02 B03 B04 B08 B11 (or fewer) and the land share; gives the water
mask, the local level and spread of the water, and the layers that the ship network reads.
NDWI after McFeeters 1996, the SWIR form after Xu 2006.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tumen.imagery.scene import OPTICAL

FLOOR = 0.004  # reflectance added before logarithms: the darkest water lies near 0 after correction
LAYERS = 7  # five bands, land share, whether land is known


@dataclass(frozen=True)
class Water:
    """Level of the water by band (reflectance), and the mask of clear water."""

    level: np.ndarray  # (bands,)
    spread: np.ndarray  # (bands,), of log reflectance, robust
    mask: np.ndarray  # (height, width) bool


def water(bands: dict[str, np.ndarray], land: np.ndarray | None, valid: np.ndarray) -> Water | None:
    """Find water and its level; None where a window holds none.

    `bands` hold reflectance by band name. Without near infrared, the darkest mode of the picture is water.
    """
    green = bands.get("B03")
    dark = bands.get("B11", bands.get("B08"))
    if green is not None and dark is not None:
        index = (green - dark) / np.maximum(green + dark, 1e-4)
        wet = index > 0.0
        if land is not None:
            sea = valid & (land < 0.01)
            # Glint lifts the infrared to the level of the green: inside known sea, take the index's own mode.
            if sea.sum() > 2000:
                middle = np.median(index[sea])
                wet = index > min(0.0, middle - 0.12)
    else:
        wet = _wet_by_colour(bands, land, valid)
    clear = valid & wet & (land < 0.01 if land is not None else True)
    clear = ndimage.binary_opening(clear, iterations=1)
    if clear.sum() < 200:
        return None
    logs = [np.log(np.maximum(b[clear], 0) + FLOOR) for b in bands.values()]
    level = np.array([np.median(v) for v in logs])
    spread = np.array([np.median(np.abs(v - m)) * 1.4826 for v, m in zip(logs, level, strict=True)])
    return Water(np.exp(level) - FLOOR, np.maximum(spread, 0.03), clear)


def _wet_by_colour(bands: dict[str, np.ndarray], land: np.ndarray | None, valid: np.ndarray) -> np.ndarray:
    """Water in a picture without infrared: smooth, no redder or greener than blue, and near its own middle.

    Where the coastline is known, the sea outside it settles the level.
    """
    first = next(iter(bands.values()))
    look = np.log(np.maximum(bands.get("B03", first), 0) + FLOOR)
    rough = np.sqrt(np.maximum(ndimage.uniform_filter(look**2, 7) - ndimage.uniform_filter(look, 7) ** 2, 0))
    blue, green, red = (bands.get(b, first) for b in ("B02", "B03", "B04"))
    cool = (green < 1.25 * blue + FLOOR) & (red < 1.2 * blue + FLOOR)
    sea = valid & (land < 0.01) if land is not None else valid & cool
    if sea.sum() < 200:
        return np.zeros(first.shape, bool)
    calm = sea & (rough <= np.percentile(rough[sea], 40))
    level = np.median(look[calm])
    spread = max(0.08, 1.4826 * float(np.median(np.abs(look[calm] - level))))
    return sea & (np.abs(look - level) < 4 * spread)


def layers(bands: dict[str, np.ndarray], land: np.ndarray | None, level: dict[str, float]) -> np.ndarray:
    """Input of the ship network, float32 (7, height, width).

    Five bands as log reflectance over the water's level, halved and clipped to -1..2; a band that is missing
    repeats its neighbour. Then land share, and 1 where land is known.
    """
    shape = next(iter(bands.values())).shape
    out = np.zeros((LAYERS, *shape), np.float32)
    last: np.ndarray | None = None
    order = {
        "B02": ("B03", "B04"),
        "B03": ("B02", "B04"),
        "B04": ("B03", "B02"),
        "B08": ("B11", "B04", "B03"),
        "B11": ("B08", "B04", "B03"),
    }
    for i, name in enumerate(OPTICAL):
        use = name if name in bands else next((n for n in order[name] if n in bands), None)
        if use is None:
            if last is not None:
                out[i] = last
            continue
        last = np.clip(np.log((np.maximum(bands[use], 0) + FLOOR) / (level[use] + FLOOR)) / 2, -1, 2)
        out[i] = last
    if land is not None:
        out[5], out[6] = land, 1
    return out


def align(land: np.ndarray, wet: np.ndarray, reach: int = 4) -> tuple[int, int]:
    """Shift (rows, columns) of the land polygons that fits the picture's shore best.

    Coastlines and images are each off by some metres; without this every quay would grow a false ship.
    Water on land counts against a shift, ships keep the other side from counting as much.
    """
    solid = land > 0.5
    best, shift = -np.inf, (0, 0)
    inner = (slice(reach, -reach), slice(reach, -reach))
    if min(land.shape) <= 4 * reach or not solid.any():
        return shift
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            moved = np.roll(solid, (dy, dx), (0, 1))[inner]
            water_on_land = np.count_nonzero(moved & wet[inner])
            dry_at_sea = np.count_nonzero(~moved & ~wet[inner])
            score = -(water_on_land + 0.7 * dry_at_sea) - 0.5 * (dy * dy + dx * dx) ** 0.5
            if score > best:
                best, shift = score, (dy, dx)
    return shift
