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
# 2 ** 12 sets of options are weighed in a few milliseconds.
MAX_FREE = 12


class Scale:
    """The sheet of a case's responses, and packages as arrays."""

    def __init__(self, responses: Responses) -> None:
        self.responses = responses
        self.trades = list(responses.utility.harm)
        # Where no packages are stated each option is one.
        stated = {n: p.options for n, p in responses.packages.items()} or {n: [n] for n in responses.options}
        self.packages = {NOTHING: [], **stated}
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
        acting = {n: self.acting(n, values) for n in self.responses.options}
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

    def subsets(self) -> tuple[np.ndarray, np.ndarray]:
        """Gain (sets, trades) and cost (sets,) at the middle of every range, of every set of options.

        With more than `MAX_FREE` options the stated packages and each option alone stand for all sets.
        """
        names = list(self.responses.options)
        if len(names) <= MAX_FREE:
            member = ((np.arange(2 ** len(names))[:, None] >> np.arange(len(names))) & 1).astype(bool)
        else:
            sets = [*self.packages.values(), *([n] for n in names)]
            member = np.array([[n in chosen for n in names] for chosen in sets])
        values = self.sheet.nominal()
        left = np.ones((len(member), len(self.trades)))
        cost = np.zeros(len(member))
        for number, name in enumerate(names):
            acting = float(self.acting(name, values)[0])
            for trade in self.responses.options[name].effect:
                effect = float(values[f"options.{name}.effect.{trade}"][0])
                left[member[:, number], self.trades.index(trade)] *= 1 - effect * acting
            price = float((values[f"options.{name}.cost"] * values[f"options.{name}.agreed"])[0])
            cost[member[:, number]] += price
        harm = np.array([float(values[f"utility.harm.{t}"][0]) for t in self.trades])
        return harm * (1 - left), cost

    def acting(self, name: str, values: Values) -> np.ndarray:
        """Chance that an option is agreed on, times the share of the horizon left after its delay; shape (rows,)."""
        horizon = self.responses.utility.horizon_days
        left = np.clip(1 - values[f"options.{name}.delay_days"] / horizon, 0, 1)
        return values[f"options.{name}.agreed"] * left
