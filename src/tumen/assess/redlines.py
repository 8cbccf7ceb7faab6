"""Redlines: conditions followed through time, with state, day of crossing and margin.

Takes conditions (`tumen.case.expression`), the `trades` table, the balance and the indicators;
gives the table `redlines`. Three-valued: what needs a node that is not judged or a balance that
is not known cannot be told. A condition holds on a day if it holds for the probabilities as
judged that day; it is near if loosening every limit in it by `near` would make it hold.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.assess import owed
from tumen.assess.evidence import Finding, findings
from tumen.case.expression import Both, Compare, Fact, Node, Not, parse
from tumen.case.judge import BalanceLevels, Redline, Trades
from tumen.draws import number
from tumen.tables import REDLINES

CROSSED, NEAR, OPEN, UNKNOWN = "crossed", "near", "open", "cannot_tell"


@dataclass
class World:
    """What conditions are read against: judged days, balance, and what was published by each day."""

    days: list[dt.date]
    probability: Mapping[str, np.ndarray]
    balance: pa.Table | None
    levels: BalanceLevels
    indicators: list[dict]
    found: list[Finding]
    draws: Mapping[str, np.ndarray] = field(default_factory=dict)

    def value(self, part: Compare, day: int) -> float | None:
        """The number that a comparison reads on a day; None if it cannot be told."""
        if part.kind == "p":
            series = self.probability.get(part.name or "")
            return None if series is None else float(series[day])
        if part.kind == "owed":
            row = owed.row_on(self.balance, self.levels.basis, self.days[day])
            return None if row is None else float(row["owed_median"])
        return float(self._count(part.name or "", self.days[day]))

    def holds(self, part: Fact, day: int) -> bool:
        """Whether a fact had been published by a day."""
        if part.kind == "told":
            return any(r["indicator_id"] == part.name and r["published"] <= self.days[day] for r in self.indicators)
        return self._count(part.name, self.days[day]) > 0

    def _count(self, sign: str, day: dt.date) -> int:
        """Findings of a sign seen by a day; a retelling is not a second one."""
        return sum(f.sign == sign and f.seen and f.published <= day for f in self.found)


def world(
    trades: pa.Table, balance: pa.Table | None, model: Trades, indicators: pa.Table, draws: pa.Table | None
) -> World:
    """Gather what conditions read."""
    rows = trades.select(["trade", "date", "probability"]).to_pylist()
    days = sorted({r["date"] for r in rows})
    place = {d: i for i, d in enumerate(days)}
    series: dict[str, np.ndarray] = {}
    for row in rows:
        series.setdefault(row["trade"], np.full(len(days), np.nan))[place[row["date"]]] = row["probability"]
    sample: dict[str, np.ndarray] = {}
    if draws is not None:
        names = np.array(draws["trade"].to_pylist())
        values = draws["probability"].to_numpy()
        sample = {str(n): values[names == n] for n in np.unique(names)}
    told = indicators.select(["indicator_id", "published"]).to_pylist()
    return World(days, series, balance, model.balance, told, findings(indicators, model), sample)


def truth(tree: Node, world: World, day: int, slack: float = 0.0) -> bool | None:
    """Kleene truth of a condition on a day, every limit loosened by `slack`."""
    if isinstance(tree, Compare):
        value = world.value(tree, day)
        return None if value is None else _compare(value, tree.sign, tree.limit, slack)
    if isinstance(tree, Fact):
        return world.holds(tree, day)
    if isinstance(tree, Not):
        inner = truth(tree.part, world, day, -slack)
        return None if inner is None else not inner
    parts = [truth(p, world, day, slack) for p in tree.parts]
    decisive = tree.word == "or"
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def _compare(value: float, sign: str, limit: float, slack: float) -> bool:
    if sign in (">=", ">"):
        return value >= limit - slack if sign == ">=" else value > limit - slack
    return value <= limit + slack if sign == "<=" else value < limit + slack


def comparisons(tree: Node) -> list[Compare]:
    """Every comparison of a condition."""
    if isinstance(tree, Compare):
        return [tree]
    if isinstance(tree, Fact):
        return []
    return comparisons(tree.part) if isinstance(tree, Not) else [c for p in tree.parts for c in comparisons(p)]


def table(redlines: Mapping[str, Redline], world: World) -> pa.Table:
    """Table `redlines` as of the last judged day."""
    rows = [_row(name, redline, world) for name, redline in redlines.items()]
    return REDLINES.build(rows) if rows else REDLINES.empty()


def _row(name: str, redline: Redline, world: World) -> dict[str, Any]:
    tree = parse(redline.condition)
    last = len(world.days) - 1
    now = truth(tree, world, last)
    # A slack in probability is no slack in counts or dollars: `near` loosens limits of one kind only.
    main = _binding(tree, world, last)
    if now:
        state = CROSSED
    elif now is None:
        state = UNKNOWN
    else:
        state = NEAR if redline.near and truth(_loosened(tree, main, redline.near), world, last) else OPEN
    stretch = _stretch(tree, world)
    value = None if main is None else world.value(main, last)
    limit = None if main is None else main.limit
    margin = None
    if main is not None and value is not None:
        margin = main.limit - value if main.sign in (">=", ">") else value - main.limit
    share = None if now is None else _share(tree, world, last)
    english, korean = _why(redline, state, stretch, main, value, share, world.levels.basis)
    return {
        "redline": name,
        "text": f"{redline.label}: {redline.condition}",
        "label": redline.label,
        "label_ko": redline.label_ko,
        "condition": redline.condition,
        "state": state,
        "crossed_on": stretch[0] if stretch else None,
        "value": value,
        "limit": limit,
        "margin": margin,
        "share_crossed": share,
        "why": english,
        "why_ko": korean,
        "parents": [redline.evidence_id],
    }


def _stretch(tree: Node, world: World) -> tuple[dt.date, dt.date] | None:
    """First and last day of the latest unbroken stretch of judged days on which the condition held."""
    held = [bool(truth(tree, world, day)) for day in range(len(world.days))]
    if not any(held):
        return None
    last = max(day for day, holds in enumerate(held) if holds)
    first = last
    while first > 0 and held[first - 1]:
        first -= 1
    return world.days[first], world.days[last]


def _binding(tree: Node, world: World, day: int) -> Compare | None:
    """The comparison that decides: of those in the condition, the one furthest from holding (its relative margin)."""
    found = [c for c in comparisons(tree) if world.value(c, day) is not None]
    if not found:
        return next(iter(comparisons(tree)), None)

    def lack(part: Compare) -> float:
        value = world.value(part, day) or 0.0
        gap = part.limit - value if part.sign in (">=", ">") else value - part.limit
        return gap / (abs(part.limit) or 1.0)

    # In an `or` the nearest comparison decides, in an `and` the furthest.
    pick = min if isinstance(tree, Both) and tree.word == "or" else max
    return pick(found, key=lack)


def _loosened(tree: Node, main: Compare | None, near: float) -> Node:
    """The condition with the limits of the deciding kind loosened by `near`."""
    if main is None:
        return tree
    if isinstance(tree, Compare):
        if tree.kind != main.kind:
            return tree
        shift = -near if tree.sign in (">=", ">") else near
        return Compare(tree.kind, tree.name, tree.sign, tree.limit + shift)
    if isinstance(tree, Both):
        return Both(tree.word, tuple(_loosened(p, main, near) for p in tree.parts))
    if isinstance(tree, Not):
        return Not(_loosened(tree.part, main, -near))
    return tree


def _share(tree: Node, world: World, day: int) -> float | None:
    """Share of settings draws in which the condition holds; None if it reads no probability that has draws.

    Of a condition on the balance alone, the chance that the balance as the ledger draws it meets the limit.
    """
    if isinstance(tree, Compare) and tree.kind == "owed":
        row = owed.row_on(world.balance, world.levels.basis, world.days[day])
        if row is None:
            return None
        below = owed.chance_below(tree.limit, row)
        return 1 - below if tree.sign in (">=", ">") else below
    used = [c for c in comparisons(tree) if c.kind == "p"]
    if not used or any((c.name or "") not in world.draws for c in used):
        return None
    size = len(next(iter(world.draws.values())))
    held = 0
    for draw in range(size):
        probability = {str(c.name): np.array([world.draws[str(c.name)][draw]]) for c in used}
        one = World([world.days[day]], probability, world.balance, world.levels, world.indicators, world.found)
        held += bool(truth(tree, one, 0))
    return held / size


def _why(
    redline: Redline,
    state: str,
    stretch: tuple[dt.date, dt.date] | None,
    main: Compare | None,
    value: float | None,
    share: float | None,
    basis: str,
) -> tuple[str, str]:
    korean_state = {CROSSED: "넘음", NEAR: "근접", OPEN: "넘지 않음", UNKNOWN: "판단 불가"}[state]
    english = f"{redline.why} State: {state.replace('_', ' ')}"
    korean = f"{redline.why_ko or redline.why} 상태: {korean_state}"
    if stretch is not None and state == CROSSED:
        english += f" since {stretch[0].isoformat()}"
        korean += f" ({stretch[0].isoformat()}부터)"
    elif stretch is not None:
        english += f", held from {stretch[0].isoformat()} to {stretch[1].isoformat()}"
        korean += f" ({stretch[0].isoformat()}부터 {stretch[1].isoformat()}까지 성립)"
    if main is not None and value is not None:
        owed_by = basis.replace("_", " ")
        head = {"p": f"p({main.name})", "owed": f"owed ({owed_by}, USD)", "count": f"count({main.name})"}[main.kind]
        told = (lambda v: f"{v:.0%}") if main.kind == "p" else number
        shown = f"{told(value)} against {told(main.limit)}"
        english += f"; {head} {shown}"
        head = "미지급액(USD)" if main.kind == "owed" else head
        korean += f"; {head} {shown.replace('against', '기준')}"
    if share is not None:
        drawn = main is not None and main.kind == "owed"
        english += f"; holds in {share:.0%} of {'the draws of the account' if drawn else 'settings draws'}"
        korean += f"; {'계정' if drawn else '설정'} 표본의 {share:.0%}에서 성립"
    return english + ".", korean + "."
