"""What the tests of judging share: small networks with settings of no width, and the real case judged quickly."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from tumen.assess import judge
from tumen.assess.evidence import Finding, Report
from tumen.case.judge import Trades
from tumen.tables import BALANCE

DAY = dt.date(2024, 6, 1)


def fixed(value: float) -> list[float]:
    """A range of no width: the setting is exactly this number."""
    return [value, value]


def grade(value: float) -> dict:
    return {"chance": fixed(value), "meaning": "m", "meaning_ko": "m", "why": "w"}


def hypothesis(**more) -> dict:
    words = ("label", "label_ko", "definition", "definition_ko", "counts_as_true", "by_when", "why")
    return {w: w for w in words} | {"source": "assumption"} | more


def sign(hit: float, false_alarm: float, **more) -> dict:
    return {
        "label": "l", "label_ko": "l", "hit": fixed(hit), "false_alarm": fixed(false_alarm),
        "source": "assumption", "why": "w", **more,
    }  # fmt: skip


def model(hypotheses: dict, signs: dict, faithful: float = 0.9, content: float = 0.8, **more) -> Trades:
    data = {
        "settings": {"trade_began": "2023-08-01", "settings_draws": 50},
        "grades": {
            "reliability": {g: grade(faithful) for g in "ABCDEF"},
            "credibility": {g: grade(content) for g in "123456"},
        },
        "balance": {
            "basis": "export_price", "bounds_usd": [1e9], "labels": ["low", "high"], "unknown": [0.5, 0.5], "why": "w",
        },
        "hypotheses": hypotheses,
        "signs": signs,
        **more,
    }  # fmt: skip
    return Trades.model_validate(data)


def finding(name: str, node: str, sign: str, seen: bool = True, origin: str | None = None, **more) -> Finding:
    fields = {"event": DAY, "reports": (Report(DAY, "B", "2"),), **more}
    return Finding(name, node, origin or name, sign, seen, text=name, text_ko=None, evidence_ids=(), **fields)


PERIOD = (dt.date(2023, 8, 1), dt.date(2025, 12, 31))
LAST = dt.date(2026, 6, 30)


def balance(until: dt.date) -> pa.Table:
    """A balance that grows by a quarter of a billion a month, to judge with."""
    rows, month, owed = [], dt.date(2023, 8, 1), 0.0
    while month <= min(until, PERIOD[1]):
        owed += 0.25e9
        row = dict.fromkeys([c.name for c in BALANCE.columns], owed)
        rows.append(row | {"month": month, "basis": "export_price", "owed_low90": owed / 2, "owed_high90": owed * 2,
                           "evidence_id": None, "parents": None, "repaid_share_median": 0.1})  # fmt: skip
        month = dt.date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return BALANCE.build(rows)


class World:
    """The real case with few draws of the settings: the tests need its shape, not its last digit."""

    def __init__(self, case):
        self.case = case
        quick = case.trades.settings.model_copy(update={"settings_draws": 120})
        self.trades = case.trades.model_copy(update={"settings": quick})
        self.made: dict = {}

    def at(self, day: dt.date, **more):
        if day not in self.made or more:
            then = self.case.as_of(day)
            tables = then.tables()
            out = judge(tables["indicators"], self.trades, balance(day), tables["sources"], PERIOD, day, 7,
                        responses=then.responses, **more)  # fmt: skip
            if more:
                return out
            self.made[day] = out
        return self.made[day]
