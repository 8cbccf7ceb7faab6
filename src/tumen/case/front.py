"""What an analyst writes about the front: front.toml.

Takes the file, gives one `Front` record: opening stocks, flows into and out of them (production,
refurbishment, partners, strikes on depots), the fire each side would like, how shipments reach
the guns, scenarios, and published figures to be checked against. Every number names its source.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from tumen.case.account import ASSUMPTION, Amount, unit_name
from tumen.case.faults import Faults
from tumen.case.read import read_toml
from tumen.case.record import DateCell, PartialDate, Record, TextCell

Side = Literal["RUS", "UKR"]

# Rounds a day for one unit of the rate; 'rounds' alone is a total, spread evenly over the entry.
RATE_UNITS = {"rounds/day": 1.0, "rounds/month": 12 / 365.25, "rounds/year": 1 / 365.25}

# More than this in rounds a day is a slip of unit: the most ever claimed for a day is 60,000 to 70,000 rounds.
MOST_A_DAY = 100_000.0


class Sourced(Amount):
    """An uncertain number with its unit, its source, and a reason where it is ours."""

    unit: str = Field(description="unit of the numbers")
    source: str = Field(description="source id, or 'assumption' with a reason in `why`")
    why: str | None = Field(default=None, description="reason, or how the figure was read")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")
    published: DateCell = Field(default=None, description="day of publication")

    @model_validator(mode="after")
    def _reasoned(self) -> Sourced:
        if self.source == ASSUMPTION and not self.why:
            raise ValueError("an assumption without a reason; expected a reason in 'why'")
        return self


class Ranked(Sourced):
    """One of several estimates of a thing, of which the newest published one holds."""

    @model_validator(mode="after")
    def _dated(self) -> Ranked:
        if self.source != ASSUMPTION and self.published is None:
            raise ValueError("a sourced figure without a date; expected 'published', since the newest figure holds")
        return self


class Dated(Ranked):
    """A sourced number that holds from a day to a day."""

    start: PartialDate = Field(description="first day, month or year")
    end: PartialDate = Field(description="last day, month or year")

    @model_validator(mode="after")
    def _in_order(self) -> Dated:
        if self.end.last() < self.start.first():
            raise ValueError(f"ends {self.end} before it starts {self.start}; expected end on or after start")
        return self

    @property
    def first(self) -> dt.date:
        """First day."""
        return self.start.first()

    @property
    def last(self) -> dt.date:
        """Last day."""
        return self.end.last()

    def per_day(self) -> float:
        """What one unit of the written number means in rounds a day."""
        if self.unit == "rounds":
            return 1.0 / ((self.last - self.first).days + 1)
        return RATE_UNITS[self.unit]


class Stock(Ranked):
    """Usable rounds of a side at the start of the first week, and the part that is never issued."""

    side: Side = Field(description="RUS or UKR")
    kind: Literal["opening", "reserve"] = Field(
        description="opening: usable rounds at the start; reserve: the part that is never issued"
    )


class Flow(Dated):
    """Rounds that a side gains in a period.

    Figures of one `series` are estimates of one thing: for each week the newest published one that speaks of it
    holds; past the last of them, the last one goes on.
    """

    side: Side = Field(description="RUS or UKR")
    series: str = Field(description="thing that it estimates; of one series the newest published figure holds")
    kind: Literal["production", "refurbishment", "partner"] = Field(
        description="production, refurbishment or a partner's delivery"
    )
    label: str = Field(description="name for the reader")
    label_ko: str = Field(description="the same in Korean")


class Demand(Dated):
    """Rounds a day that a side would fire if it had them; the newest published figure for a week holds."""

    side: Side = Field(description="RUS or UKR")


class Loss(Sourced):
    """Rounds lost in a strike on a depot; in tonnes, divided by the mass of a round in [origin]."""

    side: Side = Field(description="RUS or UKR")
    date: dt.date = Field(description="day of the strike")
    origin_share: Sourced | None = Field(
        default=None, description="share of the lost rounds made in the origin country"
    )
    label: str = Field(description="place, for the reader")
    label_ko: str = Field(description="the same in Korean")


class Scenario(Record):
    """What if: from a day on, departures from the origin country are multiplied by a factor, or voyages taken off."""

    name: str = Field(description="identifier; 'with' and 'without' are taken")
    label: str = Field(description="for the reader")
    label_ko: str = Field(description="the same in Korean")
    start: dt.date = Field(description="day from which it holds")
    factor: float = Field(default=1.0, ge=0, description="departures are multiplied by this")
    fewer_voyages_per_month: float = Field(default=0.0, ge=0, description="voyages taken off each month")


class Check(Record):
    """A published figure that the model was not fitted to: a claim of claims.csv by id, or the figure itself."""

    name: str = Field(description="identifier and label")
    origin: str = Field(
        default="", description="who counted; figures of one origin share its way of counting (empty: the source)"
    )
    held_out: bool = Field(
        default=False, description="entered after every input had been set, so that no input can lean on it"
    )
    quantity: Literal["origin_share", "fired_per_day", "fire_ratio"] = Field(
        description="what was published: share, rounds a day, or ratio of fire"
    )
    side: Literal["RUS", "UKR", "both"] = Field(description="RUS, UKR or both")
    start: PartialDate = Field(description="first day, month or year that it speaks of")
    end: PartialDate = Field(description="last day, month or year")
    reading: Literal["about", "at_least", "up_to", "range", "local", "peak"] = Field(
        description="how it is meant; local: a part of the front only; peak: the highest days only"
    )
    claim: str | None = Field(default=None, description="id of a claim in claims.csv that holds the figure")
    low: float | None = Field(default=None, description="the figure, or its lower end, where no claim holds it")
    high: float | None = Field(default=None, description="the figure, or its upper end")
    source: str = Field(description="source id")
    published: DateCell = Field(default=None, description="day of publication")
    note: str | None = Field(default=None, description="remark, shown")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")

    @model_validator(mode="after")
    def _has_figure(self) -> Check:
        if self.claim is None and (self.low is None or self.high is None):
            raise ValueError("no figure; expected low and high, or the id of a claim")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} above high {self.high}; expected low <= high")
        if min(x for x in (self.low, self.high, 1.0) if x is not None) <= 0:
            raise ValueError(f"{self.low} to {self.high}; expected positive figures")
        if self.quantity == "origin_share" and self.high is not None and not 0 <= self.high <= 1:
            raise ValueError(f"share {self.high}; expected 0 to 1")
        return self


class Origin(Record):
    """How what left the origin country reaches the guns.

    With `issued_from_cargo` the share that can be used as it comes is that of the cargo draws (`usable_rounds` over
    `rounds`), so that both tell one story; `issued_share` then serves only cargo tables that do not tell it.
    """

    commodities: list[str] = Field(description="commodities of the cargo draws that are fired as rounds")
    issued_from_cargo: bool = Field(default=False, description="take the usable share from the cargo draws")
    lag_days: Sourced = Field(description="days from departure to the gun")
    issued_share: Sourced = Field(description="share that can be fired as it comes")
    reworked_share: Sourced = Field(description="share of the rest that can be fired after rework")
    rework_days: Sourced = Field(description="days that rework takes")
    first_use: Sourced = Field(description="0: fired mixed with own rounds; 1: fired first")
    kg_per_round: Sourced = Field(description="mass of a complete round with packing")
    containers_per_voyage: Sourced = Field(description="used where the number of voyages is not given")


class Rule(Record):
    """How fire is rationed by stock, and which weeks are told."""

    first_week: dt.date = Field(description="Monday on which the walk begins")
    ration_weeks_rus: Sourced = Field(description="weeks over which Russia spends its spare stock")
    ration_weeks_ukr: Sourced = Field(description="the same for Ukraine")
    window_start: dt.date = Field(description="first day of the window in which shares are told")
    window_why: str = Field(description="reason for it")
    window_why_ko: TextCell = Field(default=None, description="the reason in Korean")
    project_until: dt.date = Field(description="Monday of the last week that is walked")
    project_months: int = Field(ge=1, le=24, description="last months whose mean goes on after the evidence ends")
    project_why: str = Field(description="reason for it")
    project_why_ko: TextCell = Field(default=None, description="the reason in Korean")
    empty_days: float = Field(
        ge=0, description="a stock is empty when the part above the reserve feeds fewer days of the fire wished for"
    )
    empty_why: str = Field(description="reason for it")
    empty_why_ko: TextCell = Field(default=None, description="the reason in Korean")

    @model_validator(mode="after")
    def _monday(self) -> Rule:
        if self.first_week.weekday() != 0:
            raise ValueError(f"first_week {self.first_week} is no Monday; expected a Monday")
        return self


class Front(Record):
    """The artillery of both sides: stocks, gains, losses, the fire wished for, scenarios, checks."""

    rule: Rule = Field(description="rationing and windows")
    origin: Origin = Field(description="from port to gun")
    stock: list[Stock] = Field(description="stocks at the start")
    flow: list[Flow] = Field(description="gains by week")
    demand: list[Demand] = Field(description="fire that each side would like")
    loss: list[Loss] = Field(default_factory=list, description="strikes on depots")
    scenario: list[Scenario] = Field(default_factory=list, description="what if")
    check: list[Check] = Field(default_factory=list, description="published figures that it is not fitted to")

    @staticmethod
    def timeline(records: list[Any], days: list[dt.date]) -> list[Any | None]:
        """Of several estimates of one thing, the one that holds on each day: the newest published that speaks of
        the day; if none does, the one that ended last before it; sourced before assumed."""
        spans = [(r.first, r.last, _standing(r), r) for r in records]
        out: list[Any | None] = []
        for day in days:
            speaking = [(standing, r) for first, last, standing, r in spans if first <= day <= last]
            past = [((last, *standing), r) for _, last, standing, r in spans if last < day]
            best = max(speaking or past, key=lambda pair: pair[0], default=None)
            out.append(best[1] if best else None)
        return out


def _standing(record: Sourced) -> tuple[bool, dt.date]:
    return record.source != ASSUMPTION, record.published.last() if record.published else dt.date.min


def read_front(folder: Path, faults: Faults) -> Front | None:
    """front.toml; None where it is absent or faulty."""
    return read_toml(folder / "front.toml", Front, faults)


def check_front(front: Front | None, source_ids: Collection[str], faults: Faults) -> None:
    """Cross-checks: known sources, units that fit, rates that can be, shares between 0 and 1, one name a scenario."""
    if front is None:
        return
    for record in _sourced(front):
        if record.source != ASSUMPTION and record.source not in source_ids:
            faults.add(
                record.at, "source", f"'{record.source}': unknown source", "an id of sources.yaml or 'assumption'"
            )
    rates: list[Flow | Demand] = [*front.flow, *front.demand]
    for record in rates:
        _check_rate(record, faults)
    for stock in front.stock:
        _check_unit(stock, ("rounds",), faults)
    for loss in front.loss:
        _check_unit(loss, ("rounds", "tonnes"), faults)
    origin, rule = front.origin, front.rule
    for share in (origin.issued_share, origin.reworked_share, origin.first_use, *(x.origin_share for x in front.loss)):
        if share is not None:
            _check_unit(share, ("share",), faults)
            if share.extremes[1] > 1:
                faults.add(share.at, "high", f"share {share.extremes[1]:g}", "0 to 1")
    for setting, unit in (
        (origin.lag_days, "days"),
        (origin.rework_days, "days"),
        (origin.kg_per_round, "kg"),
        (origin.containers_per_voyage, "containers"),
        (rule.ration_weeks_rus, "weeks"),
        (rule.ration_weeks_ukr, "weeks"),
    ):
        _check_unit(setting, (unit,), faults)
    for side in ("RUS", "UKR"):
        for kind in ("opening", "reserve"):
            if not any(s.side == side and s.kind == kind for s in front.stock):
                faults.add(front.at, "stock", f"no {kind} stock of {side}", "a [[stock]] for each side and kind")
        if not any(d.side == side for d in front.demand):
            faults.add(front.at, "demand", f"none for {side}", "a [[demand]] for each side")
    seen: set[str] = {"with", "without"}
    for scenario in front.scenario:
        if scenario.name in seen:
            faults.add(scenario.at, "name", f"'{scenario.name}' is taken", "a name of its own")
        seen.add(scenario.name)


def _sourced(front: Front) -> list[Any]:
    origin, rule = front.origin, front.rule
    inner = [getattr(origin, n) for n in type(origin).model_fields if n not in ("commodities", "issued_from_cargo")]
    rules = [rule.ration_weeks_rus, rule.ration_weeks_ukr]
    shares = [x.origin_share for x in front.loss if x.origin_share is not None]
    return [*inner, *rules, *shares, *front.stock, *front.flow, *front.demand, *front.loss, *front.check]


def _check_unit(record: Sourced, allowed: tuple[str, ...], faults: Faults) -> None:
    if unit_name(record.unit) not in {unit_name(a) for a in allowed}:
        faults.add(record.at, "unit", f"'{record.unit}'", " or ".join(allowed))


def _check_rate(record: Flow | Demand, faults: Faults) -> None:
    allowed = [*RATE_UNITS, "rounds"] if isinstance(record, Flow) else list(RATE_UNITS)
    if record.unit not in allowed:
        faults.add(record.at, "unit", f"'{record.unit}'", ", ".join(allowed))
        return
    most = record.extremes[1] * record.per_day()
    if most > MOST_A_DAY:
        faults.add(
            record.at,
            "unit",
            f"{record.extremes[1]:,.6g} {record.unit} is {most:,.0f} rounds a day",
            f"at most {MOST_A_DAY:,.0f} a day (is it another unit?)",
        )


__all__ = [
    "Check",
    "Demand",
    "Flow",
    "Front",
    "Loss",
    "Origin",
    "Rule",
    "Scenario",
    "Stock",
    "check_front",
    "read_front",
]
