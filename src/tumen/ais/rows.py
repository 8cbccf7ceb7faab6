"""The columns that every reader fills: positions as tight arrays, identity messages beside them.

Positions are kept as integers of 1e-7 degree and microseconds UTC, so that the same archive gives
the same bits however it is cut up. Null: `NO_ANGLE` for a coordinate, `NO_TIME` for a time, NaN
for speed and course, -1 for heading and status.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.ais.compiled import kernel
from tumen.ais.fields import NO_TIME
from tumen.ais.geo import E7, NO_ANGLE

NAME_BYTES, CALL_BYTES, DESTINATION_BYTES, IDENT_BYTES = 40, 10, 32, 24
TEXT_BYTES = NAME_BYTES + CALL_BYTES + DESTINATION_BYTES + IDENT_BYTES

# `kind`: the AIS message type where it is known; else 0 (row of a table, a ship as far as told).
KIND_TABLE = 0


@dataclass
class Positions:
    """Columns of equal length; `at` is the byte (text) or row (Parquet) offset within the block."""

    vessel: np.ndarray
    t: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    sog: np.ndarray
    cog: np.ndarray
    heading: np.ndarray
    status: np.ndarray
    kind: np.ndarray
    at: np.ndarray

    @classmethod
    def empty(cls, n: int) -> Positions:
        """Uninitialised columns of length n."""
        return cls(
            np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int32), np.empty(n, np.int32),
            np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.int16), np.empty(n, np.int8),
            np.empty(n, np.uint8), np.empty(n, np.uint32),
        )  # fmt: skip

    @classmethod
    def nulls(cls, n: int) -> Positions:
        """Columns of length n with everything null."""
        made = cls.empty(n)
        made.vessel[:], made.t[:], made.lat[:], made.lon[:] = 0, NO_TIME, NO_ANGLE, NO_ANGLE
        made.sog[:], made.cog[:], made.heading[:], made.status[:], made.kind[:] = np.nan, np.nan, -1, -1, 0
        made.at[:] = np.arange(n, dtype=np.uint32)
        return made

    def columns(self) -> dict[str, np.ndarray]:
        """Columns by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def take(self, index: Any) -> Positions:
        """The rows of an index array, mask or slice."""
        return Positions(*(v[index] for v in self.columns().values()))

    def __len__(self) -> int:
        return len(self.vessel)

    @staticmethod
    def join(parts: list[Positions]) -> Positions:
        """One after the other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Positions.empty(0)
        return Positions(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Positions)))

    def arrow(self) -> pa.RecordBatch:
        """As an Arrow batch in plain units: degrees, knots, UTC time, nulls as null."""
        lat, lon = self.lat / E7, self.lon / E7
        return pa.RecordBatch.from_pydict(
            {
                "vessel": pa.array(self.vessel),
                "t": pa.array(self.t, mask=self.t == NO_TIME).cast(pa.timestamp("us", tz="UTC")),
                "lat": pa.array(lat, mask=self.lat == NO_ANGLE),
                "lon": pa.array(lon, mask=self.lon == NO_ANGLE),
                "sog_kn": pa.array(self.sog, mask=np.isnan(self.sog)),
                "cog_deg": pa.array(self.cog, mask=np.isnan(self.cog)),
                "heading_deg": pa.array(self.heading, mask=self.heading < 0),
                "status": pa.array(self.status, mask=self.status < 0),
                "message_type": pa.array(self.kind, mask=self.kind == 0),
                "at": pa.array(self.at),
            }
        )


@dataclass
class Statics:
    """Identity messages: `count` equal ones from `t` to `t_last`; texts as fixed bytes, 0-padded UTF-8.

    `sides` are metres from the antenna to bow, stern, port and starboard (-1 null).
    """

    vessel: np.ndarray
    t: np.ndarray
    t_last: np.ndarray
    count: np.ndarray
    kind: np.ndarray
    imo: np.ndarray
    ship_type: np.ndarray
    sides: np.ndarray
    draught: np.ndarray
    name: np.ndarray
    call: np.ndarray
    destination: np.ndarray
    ident: np.ndarray
    at: np.ndarray

    @classmethod
    def empty(cls, n: int) -> Statics:
        """Columns of length n with everything null."""
        return cls(
            np.zeros(n, np.int64), np.full(n, NO_TIME, np.int64), np.full(n, NO_TIME, np.int64), np.ones(n, np.int64),
            np.zeros(n, np.uint8), np.zeros(n, np.int64), np.full(n, -1, np.int16), np.full((n, 4), -1, np.float32),
            np.full(n, np.nan, np.float32), np.zeros((n, NAME_BYTES), np.uint8), np.zeros((n, CALL_BYTES), np.uint8),
            np.zeros((n, DESTINATION_BYTES), np.uint8), np.zeros((n, IDENT_BYTES), np.uint8), np.zeros(n, np.int64),
        )  # fmt: skip

    @classmethod
    def room(cls, n: int) -> Statics:
        """Uninitialised columns of length n, for a kernel that writes every field of each row it uses."""
        return cls(
            np.empty(n, np.int64), np.empty(n, np.int64), np.empty(0, np.int64), np.empty(0, np.int64),
            np.empty(n, np.uint8), np.empty(n, np.int64), np.empty(n, np.int16), np.empty((n, 4), np.float32),
            np.empty(n, np.float32), np.empty((n, NAME_BYTES), np.uint8), np.empty((n, CALL_BYTES), np.uint8),
            np.empty((n, DESTINATION_BYTES), np.uint8), np.empty((0, IDENT_BYTES), np.uint8), np.empty(n, np.int64),
        )  # fmt: skip

    def columns(self) -> dict[str, np.ndarray]:
        """Columns by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def take(self, index: Any) -> Statics:
        """The rows of an index array, mask or slice."""
        return Statics(*(v[index] for v in self.columns().values()))

    def __len__(self) -> int:
        return len(self.vessel)

    @staticmethod
    def join(parts: list[Statics]) -> Statics:
        """One after the other."""
        if not parts:
            return Statics.empty(0)
        return Statics(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Statics)))

    def arrow(self) -> pa.RecordBatch:
        """As an Arrow batch in plain units, nulls as null; sides as bow, stern, port, starboard."""
        side = {n: self.sides[:, k] for k, n in enumerate(("bow_m", "stern_m", "port_m", "starboard_m"))}
        return pa.RecordBatch.from_pydict(
            {
                "vessel": pa.array(self.vessel),
                "t": pa.array(self.t, mask=self.t == NO_TIME).cast(pa.timestamp("us", tz="UTC")),
                "t_last": pa.array(self.t_last, mask=self.t_last == NO_TIME).cast(pa.timestamp("us", tz="UTC")),
                "count": pa.array(self.count),
                "message_type": pa.array(self.kind, mask=self.kind == 0),
                "imo": pa.array(self.imo, mask=self.imo == 0),
                "ship_type": pa.array(self.ship_type, mask=self.ship_type < 0),
                **{n: pa.array(v, mask=v < 0) for n, v in side.items()},
                "draught_m": pa.array(self.draught, mask=np.isnan(self.draught)),
                "name": texts(self.name),
                "call_sign": texts(self.call),
                "destination": texts(self.destination),
                "ident": texts(self.ident),
            }
        )

    def collapse(self) -> Statics:
        """Runs of equal messages of one vessel as one row each, in the order of their first."""
        if len(self) < 2:
            return self
        packed = np.ascontiguousarray(
            np.concatenate(
                [
                    self.kind[:, None],
                    self.imo[:, None].view(np.uint8).reshape(len(self), 8),
                    self.ship_type[:, None].view(np.uint8).reshape(len(self), 2),
                    np.ascontiguousarray(self.sides).view(np.uint8).reshape(len(self), 16),
                    self.draught[:, None].view(np.uint8).reshape(len(self), 4),
                    self.name,
                    self.call,
                    self.destination,
                    self.ident,
                ],
                axis=1,
            )
        )
        keep, count, first, last = _collapse(self.vessel, self.kind, self.t, self.t_last, self.count, packed)
        made = self.take(keep)
        made.count, made.t, made.t_last = count, first, last
        return made


@kernel
def _collapse(
    vessel: np.ndarray, kind: np.ndarray, t: np.ndarray, t_last: np.ndarray, count: np.ndarray, packed: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Index of the first row of each run, its count and its earliest and latest time."""
    n, width = packed.shape
    size = 64
    while size < 2 * n:
        size *= 2
    slot = np.full(size, -1, dtype=np.int64)
    keep = np.empty(n, dtype=np.int64)
    many = np.zeros(n, dtype=np.int64)
    first = np.empty(n, dtype=np.int64)
    last = np.empty(n, dtype=np.int64)
    made = 0
    for i in range(n):
        h = (np.uint64(vessel[i]) * np.uint64(11400714819323198485) + np.uint64(kind[i])) & np.uint64(size - 1)
        place = np.int64(h)
        # One slot per vessel and kind of message: the run that is open.
        while slot[place] >= 0:
            j = keep[slot[place]]
            if vessel[j] == vessel[i] and kind[j] == kind[i]:
                break
            place = (place + 1) & (size - 1)
        run = slot[place]
        same = run >= 0
        if same:
            j = keep[run]
            for k in range(width):
                if packed[j, k] != packed[i, k]:
                    same = False
                    break
        if same:
            many[run] += count[i]
            if t[i] != NO_TIME and (first[run] == NO_TIME or t[i] < first[run]):
                first[run] = t[i]
            if t_last[i] > last[run]:
                last[run] = t_last[i]
        else:
            slot[place] = made
            keep[made] = i
            many[made] = count[i]
            first[made] = t[i]
            last[made] = t_last[i]
            made += 1
    return keep[:made], many[:made], first[:made], last[:made]


@kernel
def place_by_bucket(bucket: np.ndarray, start: np.ndarray, made: tuple, given: tuple, all_ten: bool) -> None:
    """Write the columns of `given` into those of `made` in the order of the buckets, one pass; bucket -1 is left out.

    Heading, status and kind, which many archives do not have, only with `all_ten`.
    """
    at = start[:-1].copy()
    v0, v1, v2, v3, v4, v5, v6, v7, v8, v9 = given
    w0, w1, w2, w3, w4, w5, w6, w7, w8, w9 = made
    for i in range(len(bucket)):
        b = bucket[i]
        if b < 0:
            continue
        k = at[b]
        at[b] = k + 1
        w0[k] = v0[i]
        w1[k] = v1[i]
        w2[k] = v2[i]
        w3[k] = v3[i]
        w4[k] = v4[i]
        w5[k] = v5[i]
        w9[k] = v9[i]
        if all_ten:
            w6[k] = v6[i]
            w7[k] = v7[i]
            w8[k] = v8[i]


def texts(cells: np.ndarray) -> pa.Array:
    """Fixed bytes as Arrow text; empty is null, bytes that are no UTF-8 are replaced."""
    width = cells.shape[1]
    raw = np.ascontiguousarray(cells).view(f"S{width}").ravel()
    if not len(raw):
        return pa.array([], pa.string())
    return pa.array([v.decode("utf-8", "replace").strip() or None for v in raw.tolist()], pa.string())
