"""Ships in radar pictures that resolve the hull, by a small network (U-Net, 0.4 MB).

Takes a window's intensity; gives `Ship` objects. The network sees the logarithm of the intensity over the sea's
level at half the resolution and marks hulls and their cores; a hull belongs to its nearest core. Trained by
bench/imagery_train_harbour.py on simulated harbours alone (`tumen.simulate.harbour`).
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from tumen.imagery.shape import Ship, angle_sd, rectangle

STRIDE = 16  # the network halves its picture four times
HULL, CORE = 0.5, 0.5  # from here on a pixel counts
SMALLEST = 8  # pixels of half the resolution
INTERCEPT, SLOPE = -6.0, 8.0  # of the probability's logit, on the mean mark of the hull


def network_input(intensity: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the network sees at half the resolution: log of intensity over the sea's level; the sea; its level.

    Odd last rows and columns are left out.
    """
    from tumen.imagery.harbour import sea

    height, width = (n // 2 * 2 for n in intensity.shape)
    halves = (height // 2, 2, width // 2, 2)
    half = intensity[:height, :width].reshape(halves).mean((1, 3))
    whole = np.asarray(valid[:height, :width].reshape(halves).all((1, 3)))
    wet, level = sea(half, whole, 0.5)
    made = np.log(half / level + 0.05)
    return np.clip(made, -3, 7).astype(np.float32), wet, level


@lru_cache(maxsize=4)
def session(network: str) -> Any:
    """ONNX session of "builtin" or of a file, or None where onnxruntime or the file is absent."""
    try:
        import onnxruntime
    except ImportError:
        return None
    file = resources.files("tumen.imagery").joinpath("weights/harbour.onnx") if network == "builtin" else Path(network)
    if not file.is_file():
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])


def marks(x: np.ndarray, runner: Any) -> np.ndarray:
    """Chances of hull and core, (2, rows, columns), of a window."""
    height, width = x.shape
    padded = np.pad(x, ((0, -height % STRIDE), (0, -width % STRIDE)), mode="reflect")
    z = runner.run(None, {"x": padded[None, None]})[0][0, :, :height, :width]
    return np.asarray(1 / (1 + np.exp(-z)))


def search_window(
    intensity: np.ndarray, valid: np.ndarray, runner: Any, dry: np.ndarray | None = None
) -> tuple[list[Ship], np.ndarray]:
    """Ships of one window in its own pixels, and the sea at full resolution."""
    x, wet, _ = network_input(intensity, valid)
    hull, core = marks(x, runner)
    ships = []
    for py, px in parts(hull, core):
        if dry is not None and dry[py * 2, px * 2].mean() >= 0.6:
            continue
        ships.append(_ship(py, px, hull, x, wet))
    sea = np.zeros(intensity.shape, bool)
    full = np.repeat(np.repeat(wet, 2, 0), 2, 1)
    sea[: full.shape[0], : full.shape[1]] = full
    return ships, sea


def parts(hull: np.ndarray, core: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pixels (rows, columns) of each ship: every pixel of a marked hull goes to the nearest core of its own piece."""
    body = hull > HULL
    pieces, count = ndimage.label(body, np.ones((3, 3), bool))
    if not count:
        return []
    cores, _ = ndimage.label((core > CORE) & body, np.ones((3, 3), bool))
    out = []
    for k, box in enumerate(ndimage.find_objects(pieces), 1):
        own = pieces[box] == k
        seeds = np.where(own, cores[box], 0)
        if seeds.any():
            iy, ix = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
            owner = np.where(own, seeds[iy, ix], 0)
        else:
            owner = own.astype(int)
        for seed in np.unique(owner[owner > 0]):
            y, x = np.nonzero(owner == seed)
            if len(y) >= SMALLEST:
                out.append((y + box[0].start, x + box[1].start))
    return out


def _ship(y: np.ndarray, x: np.ndarray, hull: np.ndarray, over: np.ndarray, wet: np.ndarray) -> Ship:
    height, width = hull.shape
    box = rectangle(x, y, trim=0.01)
    length, wide = max(2 * box.length - 1, 1.0), max(2 * box.width - 1, 1.0)
    mean = float(hull[y, x].mean())
    flags = []
    if ((y == 0) | (y == height - 1) | (x == 0) | (x == width - 1)).any():
        flags.append("cut_by_edge")
    half = int(np.ceil(box.length / 2 + 3))
    cy, cx = int(box.y), int(box.x)
    window = np.s_[max(0, cy - half) : cy + half + 1, max(0, cx - half) : cx + half + 1]
    mine = np.zeros(hull.shape, bool)
    mine[y, x] = True
    ring = ndimage.binary_dilation(mine[window], iterations=4) & ~ndimage.binary_dilation(mine[window], iterations=2)
    shore = float((~wet[window] & (hull[window] < HULL) & (over[window] > 1.0))[ring].mean()) if ring.any() else 0.0
    alongside = shore > 0.2
    if alongside:
        flags.append("near_land")
    return Ship(
        x=2 * box.x,
        y=2 * box.y,
        length_px=length,
        length_sd_px=0.1 * length + 2,
        width_px=wide,
        width_sd_px=0.2 * wide + 2,
        angle=box.angle,
        angle_sd=angle_sd(length, wide),
        probability=float(1 / (1 + np.exp(-(INTERCEPT + SLOPE * mean)))),
        contrast=float(np.exp(np.quantile(over[y, x], 0.9))),
        alongside=alongside,
        flags=flags,
        features={"hull": mean, "pixels": float(len(y)), "shore": shore},
    )
