"""Coastlines for any route: Natural Earth 1:10m land, packed to 600 kB, clipped to a window.

Takes a window in degrees; gives rings of longitude and latitude inside it. Natural Earth is in the
public domain; the rings come from the `world-atlas` 2.0.2 package's `land-10m.json`, rounded to
0.002 degrees (about 200 m) and packed by `pack`. Good for a map of a route, not of a pier: at piers
Natural Earth is off by up to a kilometre.
"""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path

import numpy as np

STEP_DEGREES = 0.002
FILE = Path(__file__).parent / "land10m.bin"


def pack(rings: list[np.ndarray]) -> bytes:
    """Pack rings of (longitude, latitude) as differences, byte planes and zlib.

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    >>> bool(np.allclose(unpack(pack([square]))[0], square))
    True
    """
    grid = [np.round(ring / STEP_DEGREES).astype(np.int32) for ring in rings]
    grid = [np.concatenate([g[:1], g[1:][np.any(np.diff(g, axis=0) != 0, axis=1)]]) for g in grid]
    grid = [g for g in grid if len(g) >= 4]
    lengths = np.array([len(g) for g in grid], dtype="<i4")
    steps = np.concatenate([np.diff(g, axis=0, prepend=np.zeros((1, 2), np.int32)) for g in grid])
    folded = ((steps << 1) ^ (steps >> 31)).astype("<u4")
    planes = [folded[:, axis].tobytes()[byte::4] for axis in (0, 1) for byte in range(4)]
    return zlib.compress(np.array([len(grid)], "<i4").tobytes() + lengths.tobytes() + b"".join(planes), 9)


def unpack(data: bytes) -> list[np.ndarray]:
    """Rings of (longitude, latitude) in degrees from the bytes that `pack` made."""
    raw = np.frombuffer(zlib.decompress(data), dtype=np.uint8)
    count = int(raw[:4].view("<i4")[0])
    lengths = raw[4 : 4 + 4 * count].view("<i4")
    total = int(lengths.sum())
    planes = raw[4 + 4 * count :].reshape(2, 4, total)
    axes = []
    for axis in (0, 1):
        folded = np.ascontiguousarray(planes[axis].T).view("<u4").ravel().astype(np.int64)
        axes.append((folded >> 1) ^ -(folded & 1))
    steps = np.stack(axes, axis=1)
    total_sum = np.cumsum(steps, axis=0)
    ends = np.cumsum(lengths)
    rings = []
    for start, end in zip(ends - lengths, ends, strict=True):
        before = total_sum[start - 1] if start else 0
        rings.append((total_sum[start:end] - before) * STEP_DEGREES)
    return rings


@cache
def _world() -> tuple[list[np.ndarray], np.ndarray]:
    rings = [_unbroken(ring) for ring in unpack(FILE.read_bytes())]
    boxes = np.array([[*ring.min(axis=0), *ring.max(axis=0)] for ring in rings])
    return rings, boxes


def _unbroken(ring: np.ndarray) -> np.ndarray:
    """A ring that crosses the date line goes on beyond 180 degrees instead of turning back round the world."""
    step = np.diff(ring[:, 0], append=ring[:1, 0])
    turns = -360.0 * np.cumsum(np.sign(step) * (np.abs(step) > 180))
    if turns[-1]:  # round a pole
        return ring
    return np.column_stack([ring[:, 0] + np.concatenate([[0.0], turns[:-1]]), ring[:, 1]])


def outline(step: float = 0.2) -> list[np.ndarray]:
    """The land of the whole world with a point every `step` degrees or so, for what lies beyond a map's own window.

    >>> 100 < len(outline()) < len(_world()[0])
    True
    """
    out = []
    for ring in _world()[0]:
        if np.ptp(ring, axis=0).min() < 2 * step:
            continue
        cell = np.floor(ring / step)
        ring = ring[np.concatenate([[True], np.any(np.diff(cell, axis=0) != 0, axis=1)])]
        keep = [0]
        for i in range(1, len(ring)):
            if np.abs(ring[i] - ring[keep[-1]]).max() >= step:
                keep.append(i)
        if len(keep) >= 4:
            out.append(ring[[*keep, 0]])
    return out


def land(west: float, south: float, east: float, north: float) -> list[np.ndarray]:
    """Land inside a window, as closed rings clipped to it (Sutherland and Hodgman 1974)."""
    rings, boxes = _world()
    out = []
    for turn in (-360.0, 0.0, 360.0):
        near = (
            (boxes[:, 0] + turn <= east)
            & (boxes[:, 2] + turn >= west)
            & (boxes[:, 1] <= north)
            & (boxes[:, 3] >= south)
        )
        for number in np.flatnonzero(near):
            ring = rings[number] + [turn, 0.0]
            for axis, bound, keep_above in ((0, west, True), (0, east, False), (1, south, True), (1, north, False)):
                ring = _cut(ring, axis, bound, keep_above)
                if len(ring) < 3:
                    break
            else:
                out.append(ring)
    return out


def _cut(ring: np.ndarray, axis: int, bound: float, keep_above: bool) -> np.ndarray:
    """The part of a ring on one side of a line; crossings are put in between."""
    inside = ring[:, axis] >= bound if keep_above else ring[:, axis] <= bound
    if inside.all():
        return ring
    if not inside.any():
        return ring[:0]
    after, inside_after = np.roll(ring, -1, axis=0), np.roll(inside, -1)
    crossing = inside != inside_after
    span = after[:, axis] - ring[:, axis]
    share = np.divide(bound - ring[:, axis], span, out=np.zeros(len(ring)), where=span != 0)
    points = ring + share[:, None] * (after - ring)
    both = np.stack([ring, points], axis=1).reshape(-1, 2)
    keep = np.stack([inside, crossing], axis=1).ravel()
    return both[keep]
