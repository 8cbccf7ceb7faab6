"""Utility of packages: what each option takes from the harm of each way of repayment, at what cost.

Takes responses.toml; gives, for rows of its settings, the gain of each set of options per unit of
probability of each trade, and its cost. Harm is in points a year while a trade is live. Options
act one after the other on what the others leave, the strongest first, each further one only with
the part of its effect that does not overlap; each only if those who must agree do, and only for the
part of the horizon that is left after its delay. Two options that need the same party dearen each
other, and what would cost more than the budget is not taken. Without these three terms a package of
everything that is cheap would rank first by construction.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

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
        self.options = list(responses.options)
        # Where no packages are stated each option is one.
        stated = {n: p.options for n, p in responses.packages.items()} or {n: [n] for n in responses.options}
        self.packages: dict[str, list[str]] = {NOTHING: [], **stated}
        self.sheet = Sheet()
        for trade, bounds in responses.utility.harm.items():
            self.sheet.add(f"utility.harm.{trade}", bounds, False)
        for name in ("overlap", "crowding", "budget"):
            bounds = getattr(responses.utility, name)
            if bounds is not None:
                self.sheet.add(f"utility.{name}", bounds, name == "overlap")
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
        """Gain (rows, packages, trades) per unit of probability, and cost (rows, packages).

        A package that costs more than the budget of its row is not taken: it gains and costs nothing.
        """
        member = self.member(self.packages.values())
        gain, cost = self.gain(member, values), self.cost(member, values)
        taken = self.affordable(cost, values)
        return gain * taken[:, :, None], cost * taken

    def member(self, sets: Iterable[Sequence[str]]) -> np.ndarray:
        """Sets of options as rows of true and false, shape (sets, options)."""
        rows = [[n in chosen for n in self.options] for chosen in sets]
        return np.array(rows, dtype=bool).reshape(-1, len(self.options))

    def subsets(self) -> np.ndarray:
        """Every set of options, shape (sets, options), the empty one first.

        With more than `MAX_FREE` options the stated packages and each option alone stand for all sets.
        """
        if len(self.options) > MAX_FREE:
            return self.member([*self.packages.values(), *([n] for n in self.options)])
        size = len(self.options)
        return ((np.arange(2**size)[:, None] >> np.arange(size)) & 1).astype(bool)

    def gain(self, member: np.ndarray, values: Values) -> np.ndarray:
        """Gain of each set per unit of probability, shape (rows, sets, trades)."""
        acting = {n: self.acting(n, values) for n in self.options}
        overlap = self._setting("overlap", values)
        out = np.zeros((len(values), len(member), len(self.trades)))
        for column, trade in enumerate(self.trades):
            names = [n for n in self.options if trade in self.responses.options[n].effect]
            if not names:
                continue
            effect = np.stack([values[f"options.{n}.effect.{trade}"] * acting[n] for n in names], axis=1)
            order = np.argsort(-effect, axis=1, kind="stable")
            effect = np.take_along_axis(effect, order, axis=1)
            chosen = member[:, [self.options.index(n) for n in names]]
            left = np.ones((len(values), len(member)))
            begun = np.zeros((len(values), len(member)), dtype=bool)
            for place in range(len(names)):
                here = chosen[:, order[:, place]].T
                own = effect[:, place, None] * np.where(begun, 1 - overlap[:, None], 1.0)
                left *= np.where(here, 1 - own, 1.0)
                begun |= here
            out[:, :, column] = values[f"utility.harm.{trade}"][:, None] * (1 - left)
        return out

    def cost(self, member: np.ndarray, values: Values) -> np.ndarray:
        """Cost of each set, shape (rows, sets); what is not agreed on is not paid for."""
        price = np.zeros((len(values), len(self.options)))
        for column, name in enumerate(self.options):
            price[:, column] = values[f"options.{name}.cost"] * values[f"options.{name}.agreed"]
        out = price @ member.T
        crowding = self._setting("crowding", values)
        for one, other in itertools.combinations(range(len(self.options)), 2):
            shared = set(self._parties(one)) & set(self._parties(other))
            both = member[:, one] & member[:, other]
            if shared and both.any():
                out += (crowding * (price[:, one] + price[:, other]) / 2)[:, None] * both[None, :]
        return np.asarray(out)

    def affordable(self, cost: np.ndarray, values: Values) -> np.ndarray:
        """Whether each set lies within the budget of its row, shape of `cost`."""
        if self.responses.utility.budget is None:
            return np.ones(cost.shape, dtype=bool)
        return np.asarray(cost <= values["utility.budget"][:, None])

    def acting(self, name: str, values: Values) -> np.ndarray:
        """Chance that an option is agreed on, times the share of the horizon left after its delay; shape (rows,)."""
        horizon = self.responses.utility.horizon_days
        left = np.clip(1 - values[f"options.{name}.delay_days"] / horizon, 0, 1)
        return values[f"options.{name}.agreed"] * left

    def _parties(self, number: int) -> list[str]:
        return self.responses.options[self.options[number]].who_must_agree

    def _setting(self, name: str, values: Values) -> np.ndarray:
        full = f"utility.{name}"
        return values[full] if full in values.index else np.zeros(len(values))
