"""What a commodity is worth: draws of prices by basis, and the step between money of two years.

Takes `Prices`, gives USD per unit in money of the base year. Prices of one group of goods move
together from draw to draw (their makers, buyers and leaks are the same), which is the cautious
reading: independent errors would cancel in the sum.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from tumen.case.account import Price, Prices, usd
from tumen.ledger.amounts import draw, uniforms


@dataclass(frozen=True)
class Worth:
    """Prices as draws. `seed` and `draws` fix the world that they belong to."""

    prices: Prices
    seed: int
    draws: int

    def group_uniform(self, group: str) -> np.ndarray:
        """What moves the prices of a group, shape (draws,)."""
        return uniforms(f"price of {group}", self.seed, self.draws)

    def price(self, commodity: str, basis: str) -> tuple[np.ndarray, Price] | None:
        """USD of the base year per unit, shape (draws,), and the price it was drawn from; None without a price."""
        found = self.prices.best_price(commodity, basis)
        if found is None:
            return None
        group = next(c.group for c in self.prices.commodity if c.name == commodity)
        drawn = draw(found, self.group_uniform(group), self.prices.at_least_excess, self.prices.up_to_floor)
        return usd(1.0, found, self.prices) * drawn * self.between(found.year, self.prices.base_year), found

    def between(self, year: int, target: int) -> float:
        """Factor from money of `year` to money of `target`.

        A year without an index takes that of the nearest year that has one.
        """
        return self._index(target) / self._index(year)

    def current(self, months: list[dt.date]) -> np.ndarray:
        """Factor from money of the base year to money of each month's year."""
        return np.array([self.between(self.prices.base_year, m.year) for m in months])

    def _index(self, year: int) -> float:
        known = {d.year: d.index for d in self.prices.deflator}
        nearest = min(known, key=lambda y: (abs(y - year), y))
        return known[nearest]
