"""A false world of AIS: ships with known port calls, silences, meetings, clones and tricks.

Takes a seed and a scenario; gives positions and the truth behind them, to test the event kernels and to
drill an analyst. Everything here is simulated and says so: identifiers begin with 999, which no
administration holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

SIMULATED_PREFIX = 999_000_000
KNOT_DEG_S = 1852 / 3600 / 111_195.0
# AIS class A under way at 14 kn sends every 6 to 10 s; archives are commonly thinned to a minute or more.
EVERY_S = 60


@dataclass
class Fleet:
    """Simulated positions in time order, and what truly happened, by kind."""

    vessel: np.ndarray
    t: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    sog: np.ndarray
    cog: np.ndarray
    truth: list[dict[str, object]] = field(default_factory=list)

    def table(self) -> pa.Table:
        """As a table in the columns that Parquet archives commonly have."""
        return pa.table(
            {
                "mmsi": self.vessel,
                "timestamp": pa.array(self.t, pa.timestamp("us", tz="UTC")),
                "latitude": self.lat,
                "longitude": self.lon,
                "sog": self.sog,
                "cog": self.cog,
            }
        )


class Ship:
    """One simulated ship: legs, stays and silences are appended; `rows` gives its positions."""

    def __init__(self, number: int, lat: float, lon: float, start_us: int, every_s: int = EVERY_S) -> None:
        self.vessel = SIMULATED_PREFIX + number
        self.lat, self.lon, self.t, self.every = lat, lon, start_us, every_s
        self._parts: list[np.ndarray] = []

    def sail(self, lat: float, lon: float, knots: float) -> Ship:
        """Run straight to a point at a speed."""
        scale = np.cos(np.radians(0.5 * (self.lat + lat)))
        way = float(np.hypot(lat - self.lat, (lon - self.lon) * scale))
        seconds = way / (knots * KNOT_DEG_S)
        steps = max(1, int(seconds // self.every))
        f = np.arange(steps) / steps
        course = float(np.degrees(np.arctan2((lon - self.lon) * scale, lat - self.lat)) % 360)
        self._add(f * seconds, self.lat + f * (lat - self.lat), self.lon + f * (lon - self.lon), knots, course)
        self.lat, self.lon, self.t = lat, lon, self.t + int(seconds * 1e6)
        return self

    def stay(self, hours: float, rng: np.random.Generator, jitter_m: float = 8.0) -> Ship:
        """Lie still, with the jitter of a fix."""
        steps = max(1, int(hours * 3600 // self.every))
        d = rng.normal(0, jitter_m / 111_195, (2, steps))
        self._add(np.arange(steps) * float(self.every), self.lat + d[0], self.lon + d[1], 0.0, 0.0)
        self.t += int(hours * 3.6e9)
        return self

    def silence(self, hours: float, lat: float | None = None, lon: float | None = None) -> Ship:
        """Send nothing, and be elsewhere after."""
        self.t += int(hours * 3.6e9)
        self.lat, self.lon = lat if lat is not None else self.lat, lon if lon is not None else self.lon
        return self

    def _add(self, seconds: np.ndarray, lat: np.ndarray, lon: np.ndarray, sog: float, cog: float) -> None:
        t = self.t + (seconds * 1e6).astype(np.int64)
        self._parts.append(np.stack([t.astype(float), lat, lon, np.full(len(t), sog), np.full(len(t), cog)]))

    def rows(self) -> np.ndarray:
        """Array (5, n): time in us, latitude, longitude, speed, course."""
        return np.concatenate(self._parts, axis=1) if self._parts else np.zeros((5, 0))


def gather(ships: Sequence[Ship], truth: list[dict[str, object]] | None = None) -> Fleet:
    """Positions of all ships in the order in which a receiver would hear them."""
    rows = [s.rows() for s in ships]
    vessel = np.concatenate([np.full(r.shape[1], s.vessel) for s, r in zip(ships, rows, strict=True)])
    whole = np.concatenate(rows, axis=1)
    order = np.lexsort((vessel, whole[0]))
    t = whole[0][order].astype(np.int64) // 1_000_000 * 1_000_000
    return Fleet(
        vessel[order], t, np.round(whole[1][order], 6), np.round(whole[2][order], 6), whole[3][order],
        np.round(whole[4][order], 1), truth or [],
    )  # fmt: skip


def archive(ships: int, rows: int, seed: int, clustered: bool = False, start_us: int = 1_709_251_200_000_000) -> Fleet:
    """A large simulated archive: ships that sail, stop and lie in port, about `rows` positions in all.

    Built column by column: each ship has its own rhythm of sailing (12 h) and lying (12 h) on a straight lane.
    `clustered` puts half of all ships into five ports for the whole time. The sea is the open North Pacific.
    """
    rng = np.random.default_rng(seed)
    each = max(2, rows // ships)
    number = np.repeat(np.arange(ships), each)
    k = np.tile(np.arange(each), ships)
    phase, speed = rng.uniform(0, 86_400, ships), rng.uniform(8, 16, ships)
    lat0, lon0 = rng.uniform(36.0, 42.0, ships), rng.uniform(158.0, 172.0, ships)
    course = rng.uniform(0, 360, ships)
    ports = np.stack([rng.uniform(36, 42, 5), rng.uniform(158, 172, 5)])
    moored = (np.arange(ships) < ships // 2) & clustered
    port = rng.integers(0, 5, ships)
    # half the ships of a cluster lie within about 2 km of their port
    lat0 = np.where(moored, ports[0, port] + rng.normal(0, 0.01, ships), lat0)
    lon0 = np.where(moored, ports[1, port] + rng.normal(0, 0.018, ships), lon0)
    every = 10 * 86_400 / each
    seconds = k * every + rng.uniform(0, every, ships)[number]
    day, rest = np.divmod(seconds + phase[number], 86_400)
    under = (rest < 43_200) & ~moored[number]
    # out and home by turns, so that no ship leaves the sea
    run = np.minimum(rest, 43_200.0)
    out = np.where(day.astype(int) % 2 == 0, run, 43_200.0 - run) * ~moored[number]
    way = out * (speed * KNOT_DEG_S)[number]
    angle = np.radians(course)[number]
    jitter = rng.normal(0, 5 / 111_195, (2, len(k)))
    lat = lat0[number] + way * np.cos(angle) + jitter[0]
    lon = lon0[number] + way * np.sin(angle) / np.cos(np.radians(39.0)) + jitter[1]
    back = day.astype(int) % 2 == 1
    cog = np.where(under, (course[number] + 180 * back) % 360, 0.0)
    sog = np.where(under, speed[number], 0.0)
    t = start_us + (seconds * 1e6).astype(np.int64) // 1_000_000 * 1_000_000
    order = np.argsort(t, kind="stable")
    return Fleet(
        SIMULATED_PREFIX + number[order], t[order], np.round(lat[order], 6), np.round(lon[order], 6),
        np.round(sog[order], 1), np.round(cog[order], 1),
    )  # fmt: skip


DANISH_HEADER = (
    "# Timestamp,Type of mobile,MMSI,Latitude,Longitude,Navigational status,ROT,SOG,COG,Heading,IMO,Callsign,Name,"
    "Ship type,Cargo type,Width,Length,Type of position fixing device,Draught,Destination,ETA,Data source type,A,B,C,D"
)


def write_danish(fleet: Fleet, path: Path, append: bool = False) -> None:
    """Write as the Danish Maritime Authority's daily files are written (26 columns); marked SIMULATED in the name."""
    import pyarrow.compute as pc
    from pyarrow import csv as pacsv

    n = len(fleet.t)
    stamp = pc.strftime(pa.array(fleet.t // 1_000_000, pa.timestamp("s")), "%d/%m/%Y %H:%M:%S")
    text = pa.array(fleet.vessel).cast(pa.string())
    tail = pc.utf8_slice_codeunits(text, 3)

    def same(value: str) -> pa.Array:
        return pa.array([value]).take(pa.array(np.zeros(n, np.int64)))

    moving = fleet.sog > 0.5
    columns = {
        "# Timestamp": stamp, "Type of mobile": same("Class A"), "MMSI": text, "Latitude": pa.array(fleet.lat),
        "Longitude": pa.array(fleet.lon),
        "Navigational status": pa.array(np.where(moving, "Under way using engine", "Moored")),
        "ROT": same("0.0"), "SOG": pa.array(fleet.sog), "COG": pa.array(fleet.cog),
        "Heading": pa.array(fleet.cog.astype(np.int64)), "IMO": same("Unknown"),
        "Callsign": pc.binary_join_element_wise("SIM", tail, ""),
        "Name": pc.binary_join_element_wise("SIMULATED ", tail, ""), "Ship type": same("Cargo"), "Cargo type": same(""),
        "Width": same("20"), "Length": same("120"), "Type of position fixing device": same("GPS"),
        "Draught": same("6.5"), "Destination": same("NOWHERE"), "ETA": same(""), "Data source type": same("AIS"),
        "A": same("100"), "B": same("20"), "C": same("10"), "D": same("10"),
    }  # fmt: skip
    options = pacsv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("ab" if append else "wb") as file:
        if not append:
            file.write(DANISH_HEADER.encode() + b"\n")
        pacsv.write_csv(pa.table(columns), file, options)
