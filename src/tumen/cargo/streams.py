"""Voyages as arrays by draw, month and ship, and the share of each month in a claim's window.

Takes the `voyages` draws; gives `Sea`, in which each cell already carries the luck of its own voyages
(loads differ from voyage to voyage), drawn once a world, so that every claim sees the same luck.
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Array = np.ndarray


def month_grid(period: tuple[dt.date, dt.date]) -> list[dt.date]:
    """First days of the months that the period touches.

    >>> month_grid((dt.date(2023, 11, 20), dt.date(2024, 1, 3)))
    [datetime.date(2023, 11, 1), datetime.date(2023, 12, 1), datetime.date(2024, 1, 1)]
    """
    first, last = period
    out, year, month = [], first.year, first.month
    while (year, month) <= (last.year, last.month):
        out.append(dt.date(year, month, 1))
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return out


def last_day(first: dt.date) -> dt.date:
    """Last day of the month that begins on `first`."""
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def window(months: list[dt.date], start: dt.date, end: dt.date) -> Array:
    """Share of each month that lies between two days, both counted.

    >>> window([dt.date(2024, 2, 1), dt.date(2024, 3, 1)], dt.date(2023, 8, 1), dt.date(2024, 3, 15)).round(3).tolist()
    [1.0, 0.484]
    """
    out = np.zeros(len(months))
    for number, first in enumerate(months):
        last = last_day(first)
        inside = (min(end, last) - max(start, first)).days + 1
        out[number] = max(inside, 0) / last.day
    return out


@dataclass(frozen=True)
class Sea:
    """Laden voyages by draw, month and ship; `lifted` counts each voyage by its own luck (mean one)."""

    months: list[dt.date]
    ships: list[str]
    draws: int
    rows: pa.Table  # voyages within the months, with `cell` (flat index of draw, month, ship) and `luck`
    counts: Array  # (draws, months, ships)
    lifted: Array  # (draws, months, ships)
    outside: int  # voyages dropped because their month lies outside the period, over all draws
    kept: dict = field(default_factory=dict, repr=False, compare=False)  # what `through` has worked out

    def _at(self, place: str) -> pa.Array:
        return pc.or_(pc.equal(self.rows["origin"], place), pc.equal(self.rows["destination"], place))

    def all_through(self, place: str) -> bool:
        """Whether every voyage begins or ends at a place."""
        if place not in self.kept:
            self.kept[place] = bool(pc.all(self._at(place)).as_py())
        return bool(self.kept[place])

    def through(self, place: str, weight: str) -> Array:
        """Voyages that begin or end at one place, by `number` or with `luck`; (draws, months, ships)."""
        if self.all_through(place):
            return self.counts if weight == "number" else self.lifted
        if (place, weight) not in self.kept:
            part = self.rows.filter(self._at(place))
            flat = np.bincount(part["cell"].to_numpy(), weights=part[weight].to_numpy(), minlength=self.lifted.size)
            self.kept[place, weight] = flat.reshape(self.lifted.shape)
        return self.kept[place, weight]


def sea_from(
    voyages: pa.Table, period: tuple[dt.date, dt.date], voyage_spread: float, draws: int, rng: np.random.Generator
) -> Sea:
    """Arrays from the table `voyages`.

    The luck of n voyages is a gamma variable of mean n and standard deviation `voyage_spread` * sqrt(n).
    """
    months = month_grid(period)
    names = voyages["ship"].cast(pa.string())
    ships = sorted(set(pc.unique(names).to_pylist()))
    month_of = pc.index_in(voyages["month"], value_set=pa.array(months, pa.date32()))
    inside = pc.is_valid(month_of)
    number = voyages["voyages"].to_numpy().astype(float)
    outside = int(number[~inside.to_numpy(zero_copy_only=False)].sum()) if voyages.num_rows else 0
    month_index = pc.fill_null(month_of, 0).to_numpy().astype(np.int64)
    ship_index = pc.index_in(names, value_set=pa.array(ships, pa.string())).to_numpy().astype(np.int64)
    cell = (voyages["draw"].to_numpy().astype(np.int64) * len(months) + month_index) * len(ships) + ship_index
    luck = number.copy()
    if voyage_spread > 0:
        shape = number / voyage_spread**2
        luck = np.where(number > 0, rng.standard_gamma(np.maximum(shape, 1e-9)) * voyage_spread**2, 0.0)
    rows = pa.table(
        {
            "origin": voyages["origin"].cast(pa.string()),
            "destination": voyages["destination"].cast(pa.string()),
            "cell": cell,
            "number": number,
            "luck": luck,
        }
    ).filter(inside)
    shape3 = (draws, len(months), len(ships))
    size = int(np.prod(shape3))
    counts, lifted = (
        np.bincount(rows["cell"].to_numpy(), weights=rows[name].to_numpy(), minlength=size).reshape(shape3)
        for name in ("number", "luck")
    )
    return Sea(months, ships, draws, rows, counts, lifted, outside)
