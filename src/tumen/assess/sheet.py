"""The settings of a judgement as one sheet of numbers: names, ranges, draws.

Takes `Trades` (stated ranges, each the central 90 % of what the analyst holds possible); gives
columns of values: the middle of every range, Latin-hypercube draws over all of them (McKay,
Beckman and Conover 1979), or single settings moved while the rest stay. A chance is drawn
logit-normal, an odds factor or an amount log-normal, so no draw leaves its bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tumen.case.judge import Trades

# The standard normal's 95 % point: a stated range is the central 90 %.
Z95 = 1.6448536269514722
# A half-life is stated as one number; its range runs from two thirds to one and a half of it.
HALF_LIFE_SPREAD = 1.5


@dataclass
class Sheet:
    """Named settings with their ranges; `chance` says which lie between 0 and 1."""

    names: list[str] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    chance: list[bool] = field(default_factory=list)

    def add(self, name: str, bounds: tuple[float, float], chance: bool) -> None:
        """Add one setting."""
        self.names.append(name)
        self.low.append(max(bounds[0], 1e-9))
        self.high.append(max(bounds[1], 1e-9))
        self.chance.append(chance)

    def scales(self) -> tuple[np.ndarray, np.ndarray]:
        """Centre and standard deviation of every setting on its own scale (log odds or log)."""
        low, high, chance = np.array(self.low), np.array(self.high), np.array(self.chance, dtype=bool)
        ends = [np.log(v) - np.where(chance, np.log1p(-np.where(chance, v, 0.0)), 0.0) for v in (low, high)]
        return (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / (2 * Z95)

    def values(self, z: np.ndarray) -> Values:
        """Settings at `z` standard deviations from their middles; shape (rows, settings)."""
        centre, spread = self.scales()
        return self.at(centre + z * spread)

    def at(self, scaled: np.ndarray) -> Values:
        """Settings from numbers on their own scales; shape (rows, settings)."""
        chance = np.array(self.chance, dtype=bool)
        out = np.exp(np.clip(scaled, -40, 40))
        return Values({n: i for i, n in enumerate(self.names)}, np.where(chance, out / (1 + out), out))

    def nominal(self) -> Values:
        """One row: the middle of every range."""
        return self.values(np.zeros((1, len(self.names))))

    def draws(self, count: int, rng: np.random.Generator) -> Values:
        """`count` rows, stratified in every setting."""
        from scipy.special import ndtri

        size = (count, len(self.names))
        cells = np.argsort(rng.random(size), axis=0)
        return self.values(ndtri((cells + rng.random(size)) / count))


@dataclass(frozen=True)
class Values:
    """Rows of settings; `values["signs.x.hit"]` is one column, shape (rows,)."""

    index: dict[str, int]
    rows: np.ndarray

    def __getitem__(self, name: str) -> np.ndarray:
        return self.rows[:, self.index[name]]

    def __len__(self) -> int:
        return len(self.rows)


def sheet(trades: Trades) -> Sheet:
    """Every setting of trades.toml that a judgement depends on."""
    made = Sheet()
    for kind in ("reliability", "credibility"):
        for grade, entry in getattr(trades.grades, kind).items():
            made.add(f"grades.{kind}.{grade}", entry.chance, True)
    for name, restraint in trades.restraints.items():
        made.add(f"restraints.{name}.prior", restraint.prior, True)
    for name, hypothesis in trades.hypotheses.items():
        head = f"hypotheses.{name}"
        if hypothesis.prior is not None:
            made.add(f"{head}.prior", hypothesis.prior, True)
        for other, bounds in hypothesis.restrained_by.items():
            made.add(f"{head}.restrained_by.{other}", bounds, False)
        for level, bounds in enumerate(hypothesis.raised_by_balance):
            made.add(f"{head}.raised_by_balance.{level}", bounds, False)
        for level, bounds in enumerate(hypothesis.base):
            made.add(f"{head}.base.{level}", bounds, True)
        for other, bounds in hypothesis.settled_by.items():
            made.add(f"{head}.settled_by.{other}", bounds, True)
    for name, sign in trades.signs.items():
        if sign.rise is not None:
            made.add(f"signs.{name}.rise", sign.rise, False)
        if sign.hit is not None:
            made.add(f"signs.{name}.hit", sign.hit, True)
            made.add(f"signs.{name}.false_alarm", sign.false_range, True)
        if sign.half_life_days is not None:
            days = sign.half_life_days
            made.add(f"signs.{name}.half_life_days", (days / HALF_LIFE_SPREAD, days * HALF_LIFE_SPREAD), False)
    return made
