"""False positions that several ships share: the mark of a transmitter that spoofs a whole area.

Takes the rows of the table `spoofing` that buckets found ship by ship; adds a row of kind 'common point' for
each that lies where other ships' impossible positions lie at about the same time. Such points (airports, most
often) are described for the Black Sea and elsewhere by C4ADS, Above Us Only Stars (2019).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tumen.ais.geo import distances_m

# A receiver that is drawn to a point shows it to within some hundred metres.
TOGETHER_M = 1_000.0
# Spoofing of one area goes on for hours or days; positions a week apart are not one event.
TOGETHER_US = 3 * 86_400_000_000
LEAST_SHIPS = 3
_KINDS = ("teleport", "jump", "clash", "circle")


def with_common_points(rows: pa.Table) -> pa.Table:
    """The rows, and after them one more for each that other ships share; `measure` is how many ships do."""
    if rows.num_rows < LEAST_SHIPS:
        return rows
    kind = np.array(rows.column("kind").to_pylist(), dtype=object)
    chosen = np.flatnonzero(np.isin(kind, _KINDS))
    if len(chosen) < LEAST_SHIPS:
        return rows
    some = rows.take(pa.array(chosen))
    lat, lon = some.column("lat").to_numpy(), some.column("lon").to_numpy()
    start, end = (some.column(n).cast(pa.int64()).to_numpy() for n in ("start", "end"))
    _, ship = np.unique(np.array(some.column("vessel_id").to_pylist(), dtype=object), return_inverse=True)
    # neighbours can only be in the same or the next band of latitude: sorted, they are a slice
    order = np.argsort(lat, kind="stable")
    y = lat[order]
    reach = TOGETHER_M / 111_000.0
    low, high = np.searchsorted(y, lat - reach, side="left"), np.searchsorted(y, lat + reach, side="right")
    ships = np.zeros(len(chosen), dtype=np.int64)
    for k in range(len(chosen)):
        near = order[low[k] : high[k]]
        near = near[(start[near] <= end[k] + TOGETHER_US) & (end[near] >= start[k] - TOGETHER_US)]
        if len(near) < LEAST_SHIPS:
            continue
        near = near[distances_m(lat[k], lon[k], lat[near], lon[near]) <= TOGETHER_M]
        ships[k] = len(np.unique(ship[near]))
    shared = np.flatnonzero(ships >= LEAST_SHIPS)
    if not len(shared):
        return rows
    more = some.take(pa.array(shared))
    told = {
        "kind": pa.array(["common point"] * len(shared)),
        "measure": pa.array(ships[shared].astype(float)),
        "confidence": pa.array(np.where(ships[shared] >= 2 * LEAST_SHIPS, 4, 3), pa.int32()),
    }
    for name, values in told.items():
        more = more.set_column(
            more.column_names.index(name), rows.schema.field(name), values.cast(rows.schema.field(name).type)
        )
    return pa.concat_tables([rows, more])
