"""Anchorages learned from the data, after Global Fishing Watch: cells in which many ships stayed long.

Takes the stays that buckets found; gives cells of half a kilometre in which enough different ships stayed,
each with the port that it belongs to. A cell beside no known port becomes a port of its own, so that
calls at harbours which no list has are visits too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.ais.geo import distances_m
from tumen.ais.places import Places
from tumen.ais.settings import EventSettings

CELL_M = 500.0
# A cell belongs to the nearest known port within this; GFW names anchorages from the World Port Index likewise.
PORT_M = 10_000.0
# Cells within this of a busier one are its harbour: the reach of a visit.
CHAIN_M = 4_000.0
# A visit can begin this far from a point: cells of a degree that this touches must be walked again.
MARGIN_DEG = 0.06


@dataclass(frozen=True)
class Learned:
    """One learned cell; `port` is the place of its visits, `new` tells that no known port reaches it."""

    cell: int
    lat: float
    lon: float
    vessels: int
    stays: int
    place: str | None
    place_m: float | None
    port: str
    new: bool

    def row(self) -> dict[str, Any]:
        """As a row of the table `anchorages`."""
        return {
            "anchorage": f"{self.cell:x}", "lat": self.lat, "lon": self.lon, "vessels": self.vessels, "stays": self.stays,
            "place": self.place, "place_m": self.place_m,
        }  # fmt: skip


def stays(buckets: Sequence[dict[str, pa.Table]]) -> pa.Table:
    """The stays of all buckets."""
    parts = [held["stays"] for held in buckets]
    return pa.concat_tables(parts) if parts else pa.table({"vessel": [], "lat": [], "lon": []})


def ships(buckets: Sequence[dict[str, pa.Table]]) -> int:
    """How many ships the archives hold."""
    return sum(held["ends"].num_rows for held in buckets)


def least_vessels(ships: int, settings: EventSettings) -> int:
    """Ships that must have stayed: the setting, or a twentieth of all where they are few, but three at least.

    >>> least_vessels(5000, EventSettings()), least_vessels(100, EventSettings())
    (20, 5)
    """
    return min(settings.anchorage_vessels, max(3, -(-ships // 20)))


def learn(held: pa.Table, ships: int, known: Places, settings: EventSettings) -> list[Learned]:
    """Cells in which enough different ships stayed long enough."""
    if not held.num_rows:
        return []
    vessel, lat, lon = (held.column(n).to_numpy() for n in ("vessel", "lat", "lon"))
    size = CELL_M / 111_200.0
    row = np.floor((lat + 90) / size).astype(np.int64)
    wide = size / np.maximum(0.02, np.cos(np.radians((row + 0.5) * size - 90)))
    column = np.floor((lon + 180) / wide).astype(np.int64)
    cell, where = np.unique(row * 1_000_000 + column, return_inverse=True)
    count = np.bincount(where)
    pairs = np.unique(np.stack([where, vessel]), axis=1)
    distinct = np.bincount(pairs[0], minlength=len(cell))
    busy = np.flatnonzero(distinct >= least_vessels(ships, settings))
    if not len(busy):
        return []
    # sums in a fixed order, so that the mean does not depend on the buckets
    order = np.lexsort((lon, lat, where))
    y = np.bincount(where[order], lat[order], minlength=len(cell)) / count
    x = np.bincount(where[order], lon[order], minlength=len(cell)) / count
    names, near, reach = _nearest(known, y[busy], x[busy], settings)
    own = _ports(y[busy], x[busy], distinct[busy])
    out = []
    for n, k in enumerate(busy.tolist()):
        place = names[n] if near[n] <= PORT_M else None
        out.append(
            Learned(
                int(cell[k]), float(y[k]), float(x[k]), int(distinct[k]), int(count[k]), place,
                float(near[n]) if place else None, place or own[n], bool(near[n] > reach[n] - CELL_M),
            )
        )  # fmt: skip
    return out


def _nearest(
    known: Places, lat: np.ndarray, lon: np.ndarray, settings: EventSettings
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Nearest known port of each point, metres to its nearest shape, and how far that shape reaches."""
    if not known.shapes:
        return [""] * len(lat), np.full(len(lat), np.inf), np.zeros(len(lat))
    y, x, owner, wide = [], [], [], []
    for shape in known.shapes:
        corners = np.concatenate(list(shape.rings)) if shape.rings else np.array([[shape.lon, shape.lat]])
        y.append(corners[:, 1])
        x.append(corners[:, 0])
        owner += [known.port_of.get(shape.place, shape.place)] * len(corners)
        wide += [bool(shape.rings)] * len(corners)
    ys, xs = np.concatenate(y), np.concatenate(x)
    names, metres, reach = [], np.empty(len(lat)), np.empty(len(lat))
    for k in range(len(lat)):
        far = distances_m(lat[k], lon[k], ys, xs)
        best = int(np.argmin(far))
        names.append(owner[best])
        metres[k], reach[k] = far[best], settings.polygon_entry_m if wide[best] else settings.entry_m
    return names, metres, reach


def _ports(lat: np.ndarray, lon: np.ndarray, vessels: np.ndarray) -> list[str]:
    """A name for the harbour of each cell: that of the busiest cell within reach, busiest first."""
    out: list[str] = [""] * len(lat)
    for k in np.lexsort((lon, lat, -vessels)).tolist():
        if out[k]:
            continue
        near = distances_m(lat[k], lon[k], lat, lon) <= CHAIN_M
        name = (
            f"anchorage {abs(lat[k]):.3f}{'N' if lat[k] >= 0 else 'S'} {abs(lon[k]):.3f}{'E' if lon[k] >= 0 else 'W'}"
        )
        for j in np.flatnonzero(near).tolist():
            out[j] = out[j] or name
    return out


def within(new: Sequence[Learned], bucket: dict[str, pa.Table]) -> tuple[tuple[str, float, float], ...]:
    """The new anchorages that ships of a bucket came within a degree cell of."""
    if not new:
        return ()
    cells = set(np.unique(bucket["heard"].column("key").to_numpy() & 65535).tolist())
    out = []
    for one in new:
        wide = MARGIN_DEG / max(0.02, float(np.cos(np.radians(one.lat))))
        corners = {
            int(np.floor(one.lat + dy * MARGIN_DEG + 90)) * 360 + int(np.floor(one.lon + dx * wide + 180)) % 360
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        }
        if corners & cells:
            out.append((one.port, one.lat, one.lon))
    return tuple(out)
