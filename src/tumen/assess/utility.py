"""Utility of packages: what each option takes from the harm of each way of repayment, at what cost.

Takes responses.toml; gives, for rows of its settings, the gain of each package per unit of
probability of each trade, and its cost. Harm is in points a year while a trade is live. Options
in one package act one after the other on what the others leave, each only if those who must
agree do, and only for the part of the horizon that is left after its delay.
"""

from __future__ import annotations

import numpy as np

from tumen.assess.sheet import Sheet, Values
from tumen.case.judge import Responses

NOTHING = "nothing"


class Scale:
    """The sheet of a case's responses, and packages as arrays."""

    def __init__(self, responses: Responses) -> None:
        self.responses = responses
        self.trades = list(responses.utility.harm)
        self.packages = {NOTHING: [], **{n: p.options for n, p in responses.packages.items()}}
        self.sheet = Sheet()
        for trade, bounds in responses.utility.harm.items():
            self.sheet.add(f"utility.harm.{trade}", bounds, False)
        for name, option in responses.options.items():
            for trade, bounds in option.effect.items():
                self.sheet.add(f"options.{name}.effect.{trade}", bounds, True)
            self.sheet.add(f"options.{name}.cost", option.cost, False)
            self.sheet.add(f"options.{name}.delay_days", option.delay_days, False)
            self.sheet.add(f"options.{name}.agreed", option.agreed, True)

    def nominal(self) -> tuple[np.ndarray, np.ndarray]:
        """Gain (packages, trades) and cost (packages,) at the middle of every range."""
        gain, cost = self.rows(self.sheet.nominal())
        return gain[0], cost[0]

    def rows(self, values: Values) -> tuple[np.ndarray, np.ndarray]:
        """Gain (rows, packages, trades) per unit of probability, and cost (rows, packages)."""
        acting = {n: self._acting(n, values) for n in self.responses.options}
        gain = np.zeros((len(values), len(self.packages), len(self.trades)))
        cost = np.zeros((len(values), len(self.packages)))
        for row, options in enumerate(self.packages.values()):
            for column, trade in enumerate(self.trades):
                left = np.ones(len(values))
                for name in options:
                    if trade in self.responses.options[name].effect:
                        left = left * (1 - values[f"options.{name}.effect.{trade}"] * acting[name])
                gain[:, row, column] = values[f"utility.harm.{trade}"] * (1 - left)
            for name in options:
                # What is not agreed on is not paid for.
                cost[:, row] += values[f"options.{name}.cost"] * values[f"options.{name}.agreed"]
        return gain, cost

    def _acting(self, name: str, values: Values) -> np.ndarray:
        horizon = self.responses.utility.horizon_days
        left = np.clip(1 - values[f"options.{name}.delay_days"] / horizon, 0, 1)
        return values[f"options.{name}.agreed"] * left
