"""What an analyst writes to judge and to answer: trades.toml, indicators.csv, responses.toml, outcomes.csv.

Takes the files of a case folder; gives checked records, and the `indicators` table that the
judging room reads. Every probability is a stated range with a source or with the word
`assumption` and a reason. Grades of the NATO Admiralty code stay letters and digits in the
rows; what they mean is a table in trades.toml that the brief can print.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field, field_validator, model_validator

from tumen.case.expression import ExpressionError, names_in, parse
from tumen.case.faults import At, Faults
from tumen.case.history import FEWEST, ratios
from tumen.case.read import read_csv, read_toml
from tumen.case.record import AmountCell, DateCell, PartialDate, Record, TextCell
from tumen.case.shares import beta_quantile
from tumen.tables import INDICATORS, SOURCES

RELIABILITY = ("A", "B", "C", "D", "E", "F")
CREDIBILITY = ("1", "2", "3", "4", "5", "6")
Direction = Literal["supports", "contradicts", "neutral"]
State = Literal["seen", "not_seen", "not_looked"]
Card = Literal["alliance_solidarity", "defence_industry", "anti_submarine", "cost_imposition"]

# Bands of the likelihood ratio behind the words weak, moderate, strong. Kass and Raftery (1995)
# call a Bayes factor under 3 "not worth more than a bare mention" and 3 to 20 "positive"; reports
# in this field seldom reach 20, so their first band is split at 2 and strong begins at 5.
STRONG = 5.0
MODERATE = 2.0

NONE = "none"


def _range(value: Any, low: float, high: float, what: str) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{value!r} is no range; expected [low, high]")
    try:
        first, last = float(value[0]), float(value[1])
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is no range; expected two numbers") from None
    if not (low < first <= last < high):
        raise ValueError(f"{value!r} out of bounds or in the wrong order; expected {what}")
    return first, last


def _chances(value: Any) -> tuple[float, float]:
    return _range(value, 0.0, 1.0, "0 < low <= high < 1")


def _factors(value: Any) -> tuple[float, float]:
    return _range(value, 0.0, math.inf, "0 < low <= high")


def _amounts(value: Any) -> tuple[float, float]:
    return _range(value, -1e-12, math.inf, "0 <= low <= high")


# A range is the central 90 % of what the analyst holds possible for a setting.
Chances = Annotated[tuple[float, float], BeforeValidator(_chances)]
Factors = Annotated[tuple[float, float], BeforeValidator(_factors)]
Amounts = Annotated[tuple[float, float], BeforeValidator(_amounts)]


class Grade(Record):
    """What one letter or digit of the Admiralty code is taken to mean."""

    chance: Chances = Field(description="range of the chance that the letter or digit stands for")
    meaning: str = Field(description="what it is taken to mean, in words")
    meaning_ko: str = Field(description="the same in Korean")
    why: str = Field(description="reason for the range")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class Grades(Record):
    """Meaning of the Admiralty code as settings.

    `reliability`: chance that the publisher passes on faithfully what the origin said.
    `credibility`: chance that the content depends on the facts, not on what its origin
    would say anyway.
    """

    reliability: dict[str, Grade] = Field(
        description="one grade for each letter A to F: chance that the publisher passes on faithfully what the origin said"
    )
    credibility: dict[str, Grade] = Field(
        description="one grade for each digit 1 to 6: chance that the content depends on the facts"
    )

    @model_validator(mode="after")
    def _whole(self) -> Grades:
        for name, known in (("reliability", RELIABILITY), ("credibility", CREDIBILITY)):
            if set(getattr(self, name)) != set(known):
                raise ValueError(f"{name} has {', '.join(getattr(self, name))}; expected each of {', '.join(known)}")
        return self


class Restraint(Record):
    """Something that holds Russia back from several trades at once: a shared parent of their nodes."""

    label: str = Field(description="name for the reader")
    label_ko: str = Field(description="name for the reader, Korean")
    definition: str = Field(description="what is true if it binds")
    definition_ko: str = Field(description="the same in Korean")
    prior: Chances = Field(description="range of the chance that it binds, before any indicator")
    source: str = Field(description="source id, or the word assumption")
    why: str = Field(description="reason for the range")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class BalanceLevels(Record):
    """How the unpaid balance enters: levels of what is owed, read from the ledger's draws."""

    basis: str = Field(description="value basis of the ledger that is read")
    bounds_usd: list[float] = Field(description="rising bounds between the levels, US dollars")
    labels: list[str] = Field(description="name of each level, lowest first: one more than bounds")
    unknown: list[float] = Field(description="chance of each level where the ledger has no balance; they sum to 1")
    why: str = Field(description="reason for bounds and chances")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")

    @model_validator(mode="after")
    def _fit(self) -> BalanceLevels:
        if sorted(self.bounds_usd) != self.bounds_usd or len(set(self.bounds_usd)) != len(self.bounds_usd):
            raise ValueError("bounds_usd are not rising; expected rising amounts in US dollars")
        if len(self.labels) != len(self.bounds_usd) + 1 or len(self.unknown) != len(self.labels):
            raise ValueError("labels, unknown and bounds_usd do not match; expected one label more than bounds")
        if any(not 0 <= p <= 1 for p in self.unknown) or abs(sum(self.unknown) - 1) > 1e-9:
            raise ValueError("unknown is no distribution; expected probabilities that sum to 1")
        return self


class Hypothesis(Record):
    """One way of repayment: a node that is true or false, whatever the others are.

    Either it has a prior (a leaf), or it is `any_of` leaves, or it is what remains when no
    other way has settled the bill (`unpaid`: `base` by level of the balance, `settled_by`
    the chance that a live way of repayment alone would make it false).
    """

    label: str = Field(description="name for the reader")
    label_ko: str = Field(description="name for the reader, Korean")
    definition: str = Field(description="what exactly is judged")
    definition_ko: str = Field(description="the same in Korean")
    counts_as_true: str = Field(description="what would count as true")
    by_when: str = Field(description="when it could be settled")
    source: str = Field(description="source id, or the word assumption")
    why: str = Field(description="reason for the numbers")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")
    prior: Chances | None = Field(
        default=None,
        description="leaf: range of its chance were no restraint binding and the balance in a level of factor 1",
    )
    any_of: list[str] = Field(default_factory=list, description="whole: the leaves of which at least one must be true")
    base: list[Chances] = Field(
        default_factory=list,
        description="remainder: range of its chance in each level of the balance, were nothing settling the bill",
    )
    settled_by: dict[str, Chances] = Field(
        default_factory=dict,
        description="remainder: for each way of repayment, range of the chance that it alone would settle the bill",
    )
    restrained_by: dict[str, Factors] = Field(
        default_factory=dict, description="leaf: for each restraint, range of the factor on the odds where it binds"
    )
    raised_by_balance: list[Factors] = Field(
        default_factory=list, description="leaf: range of the factor on the odds in each level of the balance"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Hypothesis:
        kinds = [self.prior is not None, bool(self.any_of), bool(self.base)]
        if sum(kinds) != 1:
            raise ValueError("prior, any_of and base: not exactly one is given; expected one of the three")
        if not self.prior and (self.restrained_by or self.raised_by_balance):
            raise ValueError("restrained_by and raised_by_balance act on a prior; expected them on a leaf only")
        if self.settled_by and not self.base:
            raise ValueError("settled_by without base; expected it on the remainder only")
        return self

    @property
    def leaf(self) -> bool:
        """Has a prior of its own."""
        return self.prior is not None


class Baseline(Record):
    """How often a sign of this class was seen before the trade began."""

    count: int = Field(ge=0, description="times that the sign was seen before the trade")
    of: int = Field(gt=0, description="times that it could have been seen")
    source: str = Field(description="source id, or the word assumption")
    why: str = Field(description="what was counted")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")

    @model_validator(mode="after")
    def _fit(self) -> Baseline:
        if self.count > self.of:
            raise ValueError(f"count {self.count} of {self.of}; expected at most {self.of}")
        return self


class YearCount(Record):
    """A count of one year from before the trade."""

    end: dt.date = Field(description="last day of the year that was counted")
    count: float = Field(gt=0, description="the count")
    source: str = Field(description="source id, or the word assumption")
    why: str = Field(default="", description="how it was read, where it is not printed as such")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class SignClass(Record):
    """Diagnosticity of a class of indicators.

    `hit`: chance of this sign, where someone looked, if the hypothesis is true; `false_alarm`:
    the same if it is false. Where a `baseline` is given the false alarm comes from it (Jeffreys'
    interval of the share before the trade). Where `rise` and `history` are given in place of these, the
    sign is a yearly count, weighed against its own history before the trade (`tumen.case.history`), and
    each indicator of it carries its count in `value`. `half_life_days`: age at which the sign has lost
    half its bearing on the present; absent, it does not age.
    """

    label: str = Field(description="name for the reader")
    label_ko: str = Field(description="name for the reader, Korean")
    hit: Chances | None = Field(
        default=None,
        description="range of the chance of the sign if the hypothesis is true, where someone looked",
    )
    false_alarm: Chances | None = Field(default=None, description="the same if it is false; or give a baseline")
    rise: Factors | None = Field(
        default=None, description="yearly count: range of the factor on it if the hypothesis is true"
    )
    history: list[YearCount] = Field(
        default_factory=list, description="yearly count: the years before the trade, oldest first"
    )
    baseline: Baseline | None = Field(
        default=None, description="how often it was seen before the trade, in place of false_alarm"
    )
    half_life_days: float | None = Field(
        default=None,
        gt=0,
        description="age in days at which it has lost half its bearing on the present; absent: it does not age",
    )
    source: str = Field(description="source id, or the word assumption")
    why: str = Field(description="reason for the ranges")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")

    @model_validator(mode="after")
    def _one(self) -> SignClass:
        if self.rise is not None or self.history:
            if self.rise is None or self.hit or self.false_alarm or self.baseline:
                raise ValueError(
                    "history with hit, false_alarm or baseline, or without rise; expected rise and history alone"
                )
            if len(self.history) < FEWEST:
                raise ValueError(f"history of {len(self.history)} years; expected at least {FEWEST}")
            for before, after in itertools.pairwise(self.history):
                if not 350 <= (after.end - before.end).days <= 380:
                    raise ValueError(
                        f"history goes from {before.end} to {after.end}; expected each year once, in order"
                    )
            return self
        if self.hit is None:
            raise ValueError("hit is missing; expected hit and false_alarm or baseline, or rise and history")
        if (self.false_alarm is None) == (self.baseline is None):
            raise ValueError("false_alarm and baseline: not exactly one is given; expected one of the two")
        return self

    @property
    def counts(self) -> bool:
        """Whether it is a yearly count with a history."""
        return self.rise is not None

    @property
    def false_range(self) -> tuple[float, float]:
        """Range of the false-alarm chance, from the statement or from the baseline."""
        if self.false_alarm is not None:
            return self.false_alarm
        assert self.baseline is not None
        return jeffreys(self.baseline.count, self.baseline.of)

    def ratio(self, state: str) -> float:
        """Likelihood ratio at the middle of the ranges, of the sign seen or not seen."""
        assert self.hit is not None
        hit, false = middle(self.hit), middle(self.false_range)
        return hit / false if state == "seen" else (1 - hit) / (1 - false)

    def series(self, counted: Sequence[tuple[dt.date, float]], began: dt.date) -> Series:
        """Its years before the trade and the counts since, each with the share of its year after `began`."""
        share = [min(max((end - began).days / 365.25, 0.0), 1.0) for end, _ in counted]
        return Series(
            np.array([y.count for y in self.history]), np.array([count for _, count in counted]), np.array(share)
        )


class Series(NamedTuple):
    """A yearly count: before the trade, since, and the share of each later year in which the trade was on."""

    before: np.ndarray
    since: np.ndarray
    share: np.ndarray


def jeffreys(count: int, of: int) -> tuple[float, float]:
    """Range of a share after `count` of `of`, under Jeffreys' prior Beta(1/2, 1/2).

    The end towards one half is the 5 or 95 % point and the middle (on the log-odds scale) is the
    median; the far end mirrors it, since a share of none or all has no lower or upper log-odds.

    >>> low, high = jeffreys(0, 14)
    >>> round(low, 4), round(high, 3), round(middle((low, high)), 4)
    (0.0018, 0.126, 0.0158)
    """
    a, b = count + 0.5, of - count + 0.5
    near, centre = beta_quantile(a, b, 0.05 if 2 * count > of else 0.95), beta_quantile(a, b, 0.5)
    odds_near, odds_centre = near / (1 - near), centre / (1 - centre)
    odds_far = odds_centre**2 / odds_near
    far = odds_far / (1 + odds_far)
    return float(min(near, far)), float(max(near, far))


def middle(chances: tuple[float, float]) -> float:
    """The middle of a range of chances on the log-odds scale.

    >>> round(middle((0.2, 0.8)), 6)
    0.5
    """
    low, high = (math.log(p / (1 - p)) for p in chances)
    return 1 / (1 + math.exp(-(low + high) / 2))


class Observation(Record):
    """Something that could be looked for next."""

    label: str = Field(description="what to look for")
    label_ko: str = Field(description="the same in Korean")
    trade: str = Field(description="hypothesis or restraint that it would tell about")
    sign: str = Field(description="sign that it would be")
    grade: str = Field(description="Admiralty grade that such a report would have, e.g. B2")
    where: str = Field(description="where to look")
    where_ko: str = Field(description="the same in Korean")
    when: str = Field(description="when to look")
    when_ko: str = Field(description="the same in Korean")
    source: str = Field(
        description="source id, or the word assumption; as of a day before that source it is not offered"
    )
    why: str = Field(description="why there")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")

    @field_validator("grade")
    @classmethod
    def _grade(cls, value: str) -> str:
        if len(value) != 2 or value[0] not in RELIABILITY or value[1] not in CREDIBILITY:
            raise ValueError(f"'{value}' is no grade; expected a letter A-F and a digit 1-6, e.g. B2")
        return value


class JudgeSettings(Record):
    """How the network is run."""

    settings_draws: int = Field(default=500, ge=50, le=5000, description="draws of the uncertain settings")
    repeat_days: int = Field(
        default=45,
        ge=0,
        description="reports of one origin, node, sign and state whose events lie within so many days are one finding",
    )
    trade_began: dt.date = Field(
        description="first day on which something can be repayment: a sign from before is refused"
    )
    why: str = Field(default="", description="reason for both")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class Trades(Record):
    """The whole of trades.toml."""

    settings: JudgeSettings = Field(description="how the network is run")
    grades: Grades = Field(description="what the Admiralty code is taken to mean")
    balance: BalanceLevels = Field(description="how the unpaid balance enters")
    restraints: dict[str, Restraint] = Field(default_factory=dict, description="what holds several trades back at once")
    hypotheses: dict[str, Hypothesis] = Field(description="the ways of repayment")
    signs: dict[str, SignClass] = Field(description="classes of indicators, with how much they tell")
    collect: dict[str, Observation] = Field(default_factory=dict, description="what could be looked for next")

    @property
    def nodes(self) -> dict[str, Hypothesis | Restraint]:
        """Everything that an indicator may bear on, by name."""
        return {**self.hypotheses, **self.restraints}


class Indicator(Record):
    """One row of indicators.csv: a dated report that bears, or was thought to bear, on one node."""

    id: str = Field(description="identifier")
    date: PartialDate = Field(description="day, month or year of the event")
    published: DateCell = Field(
        default=None, description="latest day on which it can have been published, where it differs from the source"
    )
    trade: str = Field(description="hypothesis or restraint that it bears on")
    sign: str = Field(description="class of sign of trades.toml; none: a plain fact that tells nothing of it")
    text: str = Field(description="what happened")
    text_ko: TextCell = Field(default=None, description="the same in Korean")
    state: State = Field(description="seen, not_seen (looked, and was not there) or not_looked")
    direction: Direction = Field(
        description="supports, contradicts or neutral: must agree with the numbers of its sign"
    )
    strength: Literal["weak", "moderate", "strong", "none"] = Field(
        description="weak, moderate, strong or none: must agree with the numbers of its sign"
    )
    credibility: str = Field(pattern="^[1-6]$", description="Admiralty digit of this item, 1 to 6")
    origin_group: str = Field(description="who first reported it")
    repeats: TextCell = Field(default=None, description="id of the indicator that it retells")
    source_id: str = Field(description="source")
    why: str = Field(description="why this sign, this origin and this state")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")
    note: TextCell = Field(default=None, description="remark")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")
    value: AmountCell = Field(default=None, description="the count, where its sign is a yearly count")


def _true_or_false(cell: object) -> object:
    """A spreadsheet saves true as TRUE, and the other tables of a case say yes and no."""
    word = cell.strip().lower() if isinstance(cell, str) else cell
    return {"yes": "true", "no": "false"}.get(word, word) if isinstance(word, str) else word


class Outcome(Record):
    """One row of outcomes.csv: what turned out to be true of a hypothesis."""

    trade: str = Field(description="hypothesis")
    date: dt.date = Field(description="day for which the truth is known: judgements up to it are scored")
    outcome: Annotated[Literal["true", "false"], BeforeValidator(_true_or_false)] = Field(
        description="true or false; yes and no are read as these"
    )
    decided_on: dt.date = Field(description="day on which it was settled")
    source_id: str = Field(description="source, or the word assumption")
    note: TextCell = Field(default=None, description="remark")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")


class Redline(Record):
    """A condition, and how near to it counts as near."""

    label: str = Field(description="name for the reader")
    label_ko: str = Field(description="name for the reader, Korean")
    condition: str = Field(description="condition, e.g. p(veto) >= 50% and seen(ends_monitoring)")
    near: float = Field(
        ge=0, description="how far the limits of the deciding kind may be loosened for the state to be near"
    )
    source: str = Field(description="source id, or the word assumption")
    why: str = Field(description="why this line")
    why_ko: str = Field(default="", description="the same in Korean")

    @field_validator("condition")
    @classmethod
    def _readable(cls, value: str) -> str:
        try:
            parse(value)
        except ExpressionError as error:
            raise ValueError(f"'{value}': {error}; expected a condition such as p(veto) >= 0.8") from None
        return value


class Option(Record):
    """A card: what it acts on, how much of the harm it would take away, cost, delay, who must agree.

    `open_from`: first day on which it could be chosen; as of an earlier day it is left out.
    """

    card: Card = Field(description="card that it belongs to")
    label: str = Field(description="name for the reader")
    label_ko: str = Field(description="name for the reader, Korean")
    text: str = Field(description="what it is")
    text_ko: str = Field(description="the same in Korean")
    effect: dict[str, Chances] = Field(
        description="for each way of repayment, range of the share of its harm that it takes away if that way is live"
    )
    cost: Amounts = Field(description="range of its cost, in points of the influence diagram")
    cost_word: Literal["low", "medium", "high"] = Field(description="low, medium or high")
    cost_note: str = Field(description="what the cost is")
    cost_note_ko: TextCell = Field(default=None, description="the remark in Korean")
    delay_days: Amounts = Field(description="range of days until it takes effect")
    open_from: dt.date | None = Field(default=None, description="first day on which it could be chosen")
    who_must_agree: list[str] = Field(description="parties that must agree")
    agreed: Chances = Field(description="range of the chance that they do")
    source: str = Field(description="source id, or the word assumption")
    why: str = Field(description="reason for the numbers")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class Package(Record):
    """Options that would be taken together."""

    label: str = Field(description="name for the reader")
    label_ko: str = Field(description="name for the reader, Korean")
    options: list[str] = Field(description="options taken together")


class Utility(Record):
    """Scale of the influence diagram: points of harm a year while a way of repayment is live."""

    harm: dict[str, Amounts] = Field(
        description="for each way of repayment, range of its harm while live, points a year"
    )
    horizon_days: float = Field(gt=0, description="days over which effects count")
    overlap: Chances | None = Field(
        default=None,
        description="range of the share of a further option's effect on a trade that the strongest one has had already",
    )
    crowding: Amounts | None = Field(
        default=None,
        description="range of the share by which two options dearen each other where both need the same party",
    )
    budget: Amounts | None = Field(
        default=None, description="range of the points that can be spent at all; a package that costs more is not taken"
    )
    source: str = Field(description="source id, or the word assumption")
    why: str = Field(description="reason for the scale")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class Happened(Record):
    """What came of a card so far, dated."""

    date: PartialDate = Field(description="day, month or year")
    option: str = Field(description="option that it belongs to")
    event: str = Field(description="what happened")
    event_ko: str = Field(default="", description="the same in Korean")
    outcome: str = Field(description="done, announced, not done ...")
    source: str = Field(description="source id")
    note: str = Field(default="", description="remark")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")


class Responses(Record):
    """The whole of responses.toml."""

    utility: Utility = Field(description="scale of the influence diagram")
    redlines: dict[str, Redline] = Field(default_factory=dict, description="conditions to follow")
    options: dict[str, Option] = Field(default_factory=dict, description="what could be done")
    packages: dict[str, Package] = Field(default_factory=dict, description="options taken together")
    record: list[Happened] = Field(default_factory=list, description="what came of the options so far")


def open_by(responses: Responses, day: dt.date) -> Responses:
    """The responses that could be chosen on a day: later options leave their packages, empty packages go."""
    options = {n: o for n, o in responses.options.items() if o.open_from is None or o.open_from <= day}
    if len(options) == len(responses.options):
        return responses
    packages = {}
    for name, package in responses.packages.items():
        left = [o for o in package.options if o in options]
        if left:
            packages[name] = package if left == package.options else package.model_copy(update={"options": left})
    return responses.model_copy(update={"options": options, "packages": packages})


def read_trades(folder: Path, faults: Faults) -> Trades | None:
    """Read trades.toml; None where it is absent or faulty."""
    return read_toml(folder / "trades.toml", Trades, faults)


def read_indicators(folder: Path, faults: Faults) -> list[Indicator]:
    """Read indicators.csv; an absent file is an empty list."""
    return read_csv(folder / "indicators.csv", Indicator, faults)


def read_responses(folder: Path, faults: Faults) -> Responses | None:
    """Read responses.toml; None where it is absent or faulty."""
    return read_toml(folder / "responses.toml", Responses, faults)


def read_outcomes(folder: Path, faults: Faults) -> list[Outcome]:
    """Read outcomes.csv, which a case has only when some truth is known."""
    return read_csv(folder / "outcomes.csv", Outcome, faults)


def check_judge(
    trades: Trades | None,
    indicators: Iterable[Indicator],
    responses: Responses | None,
    source_ids: Iterable[str],
    faults: Faults,
    *,
    as_of: dt.date | None = None,
    published: Mapping[str, dt.date | None] | None = None,
    outcomes: Iterable[Outcome] = (),
) -> None:
    """Note every fault between the files of judging: unknown names, circles, dates after `as_of`.

    `published` gives the publication day of each source: an event dated after the report
    of it is a fault, and so is a report dated after `as_of`.
    """
    known = set(source_ids)
    rows = list(indicators)
    if trades is not None:
        _check_trades(trades, known, faults)
        _check_indicators(trades, rows, known, faults)
        for outcome in outcomes:
            _name(outcome.at, "trade", outcome.trade, trades.hypotheses, "a hypothesis of trades.toml", faults)
            _source(outcome.at, "source_id", outcome.source_id, known, faults)
            if outcome.decided_on < outcome.date:
                faults.add(outcome.at, "decided_on", f"{outcome.decided_on} is before {outcome.date}", "a later day")
    _check_dates(rows, as_of, published or {}, faults)
    _check_repeats(rows, faults)
    if responses is not None and trades is not None:
        _check_responses(responses, trades, rows, known, faults)


def _name(at: At, field: str, value: str, known: Iterable[str], expected: str, faults: Faults) -> bool:
    names = list(known)
    if value in names:
        return True
    from difflib import get_close_matches

    close = get_close_matches(value, names, 1)
    few = 0 < len(names) <= 8
    hint = f", perhaps {close[0]}" if close else f": {', '.join(sorted(names))}" if few else ""
    faults.add(at, field, f"'{value}' is unknown", expected + hint)
    return False


def _source(at: At, field: str, value: str, known: set[str], faults: Faults) -> None:
    if value != "assumption":
        _name(at, field, value, known, "an id of sources.yaml or the word assumption", faults)


def _check_trades(trades: Trades, known: set[str], faults: Faults) -> None:
    for clash in set(trades.hypotheses) & set(trades.restraints):
        faults.add(trades.restraints[clash].at, clash, "names a hypothesis and a restraint", "a name of its own")
    remainders = [n for n, h in trades.hypotheses.items() if h.base]
    for extra in remainders[1:]:
        faults.add(trades.hypotheses[extra].at, "base", "a second remainder", "one hypothesis with base")
    levels = len(trades.balance.labels)
    for name, hypothesis in trades.hypotheses.items():
        _source(hypothesis.at, f"{name}.source", hypothesis.source, known, faults)
        _check_hypothesis(name, hypothesis, trades, levels, faults)
    if len(trades.restraints) > 5:
        faults.add(trades.at, "restraints", f"{len(trades.restraints)}", "at most 5: inference enumerates them")
    for name, restraint in trades.restraints.items():
        _source(restraint.at, f"{name}.source", restraint.source, known, faults)
    for name, sign in trades.signs.items():
        _source(sign.at, f"{name}.source", sign.source, known, faults)
        for year in sign.history:
            _source(year.at, f"{name}.history.source", year.source, known, faults)
        if sign.baseline is not None:
            _source(sign.baseline.at, f"{name}.baseline.source", sign.baseline.source, known, faults)
    for name, look in trades.collect.items():
        _source(look.at, f"{name}.source", look.source, known, faults)
        _name(look.at, f"{name}.trade", look.trade, trades.nodes, "a hypothesis or restraint", faults)
        _name(look.at, f"{name}.sign", look.sign, trades.signs, "a sign of trades.toml", faults)


def _check_hypothesis(name: str, hypothesis: Hypothesis, trades: Trades, levels: int, faults: Faults) -> None:
    at = hypothesis.at
    owners: dict[str, str] = {}
    for other, whole in trades.hypotheses.items():
        for part in whole.any_of:
            if part in owners and owners[part] != other and name == other:
                faults.add(at, f"{name}.any_of", f"'{part}' is part of {owners[part]} too", "a part of one whole")
            owners.setdefault(part, other)
    for part in hypothesis.any_of:
        known = _name(at, f"{name}.any_of", part, trades.hypotheses, "a hypothesis", faults)
        if known and not trades.hypotheses[part].leaf:
            faults.add(at, f"{name}.any_of", f"'{part}' has no prior of its own", "a hypothesis with a prior")
    if len(hypothesis.any_of) > 4:
        faults.add(at, f"{name}.any_of", f"{len(hypothesis.any_of)} parts", "at most 4: inference enumerates them")
    for held in hypothesis.restrained_by:
        _name(at, f"{name}.restrained_by", held, trades.restraints, "a restraint", faults)
    for way in hypothesis.settled_by:
        if _name(at, f"{name}.settled_by", way, trades.hypotheses, "a hypothesis", faults):
            if way == name or trades.hypotheses[way].base:
                faults.add(at, f"{name}.settled_by", f"'{way}' would settle itself", "another way of repayment")
            owner = owners.get(way)
            if owner is not None and owner in hypothesis.settled_by:
                faults.add(at, f"{name}.settled_by", f"'{way}' and its whole '{owner}'", "one of the two")
    for field in ("raised_by_balance", "base"):
        given = getattr(hypothesis, field)
        if given and len(given) != levels:
            faults.add(at, f"{name}.{field}", f"{len(given)} ranges", f"{levels}, one a level of the balance")


def _check_indicators(trades: Trades, rows: list[Indicator], known: set[str], faults: Faults) -> None:
    seen: dict[str, Indicator] = {}
    counted: dict[str, list[Indicator]] = {}
    for row in rows:
        if row.id in seen:
            faults.add(row.at, "id", f"'{row.id}' stands on line {seen[row.id].at.line} too", "an id of its own")
        seen.setdefault(row.id, row)
        if row.source_id not in known:
            _name(row.at, "source_id", row.source_id, known, "an id of sources.yaml", faults)
        _name(row.at, "trade", row.trade, trades.nodes, "a hypothesis or restraint of trades.toml", faults)
        if row.sign == NONE:
            if row.direction != "neutral":
                faults.add(row.at, "direction", f"'{row.direction}' without a sign", "neutral, or a sign")
            continue
        if row.date.last() < trades.settings.trade_began:
            began = trades.settings.trade_began
            faults.add(row.at, "sign", f"'{row.sign}' of {row.date}, before the trade began on {began}",
                       f"{NONE}: a sign from before belongs in the baseline of its class")  # fmt: skip
        if _name(row.at, "sign", row.sign, trades.signs, f"a sign of trades.toml or {NONE}", faults):
            sign = trades.signs[row.sign]
            if sign.counts:
                counted.setdefault(row.sign, []).append(row)
            elif row.value is not None:
                faults.add(row.at, "value", f"{row.value:g}, but {row.sign} is no yearly count", "an empty cell")
            else:
                _check_bearing(row, None if row.state == "not_looked" else sign.ratio(row.state), faults)
    for name, own in counted.items():
        _check_counts(trades.signs[name], own, trades.settings.trade_began, faults)


def _check_counts(sign: SignClass, rows: list[Indicator], began: dt.date, faults: Faults) -> None:
    """Counts of one sign must be counts, follow each other year by year, and be worded by their own ratio."""
    rows = sorted((r for r in rows if r.state != "not_looked"), key=lambda r: r.date.last())
    last = sign.history[-1].end
    for row in rows:
        if row.value is None or row.value <= 0 or row.state != "seen":
            faults.add(row.at, "value", f"{row.value}, state {row.state}", "the count of the year, with state seen")
            return
        if row.repeats is None and not 350 <= (row.date.last() - last).days <= 380:
            faults.add(row.at, "date", f"{row.date} follows {last}", "the last day of the next year of the count")
            return
        last = row.date.last()
    rows = [r for r in rows if r.repeats is None]
    if not rows:
        return
    series = sign.series([(r.date.last(), r.value or 0.0) for r in rows], began)
    assert sign.rise is not None
    rise = np.array([math.sqrt(sign.rise[0] * sign.rise[1])])
    for row, ratio in zip(rows, ratios(*series, rise)[0], strict=True):
        _check_bearing(row, float(ratio), faults)


def _check_bearing(row: Indicator, ratio: float | None, faults: Faults) -> None:
    """The words of a row must say what the numbers of its sign say."""
    direction, strength = bearing(ratio)
    told = f"but {row.sign} {row.state} has a likelihood ratio of {ratio or 1:.2g}"
    if row.direction != direction:
        faults.add(row.at, "direction", f"'{row.direction}', {told}", direction)
    elif row.strength != strength:
        faults.add(row.at, "strength", f"'{row.strength}', {told}",
                   f"{strength} (strong from {STRONG:g}, moderate from {MODERATE:g})")  # fmt: skip


def bearing(ratio: float | None) -> tuple[str, str]:
    """Direction and strength in words of a likelihood ratio; None is a sign that was not looked for."""
    if ratio is None:
        return "neutral", "none"
    size = max(ratio, 1 / ratio)
    strength = "strong" if size >= STRONG else "moderate" if size >= MODERATE else "weak"
    return ("supports" if ratio > 1 else "contradicts"), strength


def _check_dates(
    rows: list[Indicator], as_of: dt.date | None, published: Mapping[str, dt.date | None], faults: Faults
) -> None:
    for row in rows:
        told = row.published.last() if row.published else published.get(row.source_id)
        if told is not None and row.date.first() > told:
            faults.add(row.at, "date", f"{row.date} is after its report of {told}", "an event before its report")
        if as_of is not None and row.date.first() > as_of:
            faults.add(row.at, "date", f"{row.date} is after the as-of date {as_of}", f"a day up to {as_of}")


def _check_repeats(rows: list[Indicator], faults: Faults) -> None:
    by_id = {row.id: row for row in rows}
    for row in rows:
        if row.repeats is None:
            continue
        if not _name(row.at, "repeats", row.repeats, by_id, "the id of another indicator", faults):
            continue
        first = by_id[row.repeats]
        if (first.trade, first.sign, first.state) != (row.trade, row.sign, row.state) and row.repeats != row.id:
            faults.add(row.at, "repeats", f"'{row.repeats}' differs in trade, sign or state", "the same finding")
        path = [row.id]
        step: str | None = row.repeats
        while step is not None and step in by_id and step not in path:
            path.append(step)
            step = by_id[step].repeats
        if step == row.id:
            faults.add(row.at, "repeats", f"circular: {' -> '.join([*path, row.id])}", "a chain that ends at an origin")


def _check_responses(
    responses: Responses, trades: Trades, rows: list[Indicator], known: set[str], faults: Faults
) -> None:
    ids = {r.id for r in rows}
    for name, redline in responses.redlines.items():
        _source(redline.at, f"{name}.source", redline.source, known, faults)
        for kind, used in names_in(parse(redline.condition)):
            allowed: Iterable[str] = trades.nodes if kind == "node" else {"sign": trades.signs, "indicator": ids}[kind]
            what = {"node": "a hypothesis", "sign": "a sign", "indicator": "the id of an indicator"}[kind]
            _name(redline.at, f"{name}.condition", used, allowed, what, faults)
    for name, option in responses.options.items():
        _source(option.at, f"{name}.source", option.source, known, faults)
        for trade in option.effect:
            _name(option.at, f"{name}.effect", trade, trades.hypotheses, "a hypothesis", faults)
            _name(option.at, f"{name}.effect", trade, responses.utility.harm, "a hypothesis with a harm", faults)
    for name, package in responses.packages.items():
        for option_id in package.options:
            _name(package.at, f"{name}.options", option_id, responses.options, "an option", faults)
    _source(responses.utility.at, "utility.source", responses.utility.source, known, faults)
    for trade in responses.utility.harm:
        _name(responses.utility.at, "utility.harm", trade, trades.hypotheses, "a hypothesis", faults)
    for happened in responses.record:
        _name(happened.at, "option", happened.option, responses.options, "an option", faults)
        _source(happened.at, "source", happened.source, known, faults)


def indicators_table(indicators: Iterable[Indicator], sources: pa.Table) -> pa.Table:
    """The `indicators` table: rows joined with publication day and reliability of their sources.

    `sources` is a table of `tables.SOURCES`. A source without a date counts as published
    on the last day that the event's date allows.
    """
    SOURCES.build(sources.select([c.name for c in SOURCES.columns if c.name in sources.column_names]))
    found = {s["source_id"]: s for s in sources.select(["source_id", "published", "reliability"]).to_pylist()}
    ids = dict(zip(sources["source_id"].to_pylist(), _ids(sources), strict=True))
    rows = []
    for row in indicators:
        source = found[row.source_id]
        told = row.published.last() if row.published else source["published"]
        rows.append(
            {
                "indicator_id": row.id,
                "event_date": row.date.last() if told is None else min(row.date.last(), max(told, row.date.first())),
                "published": told or row.date.last(),
                "trade": row.trade,
                "sign": row.sign,
                "text": row.text,
                "text_ko": row.text_ko,
                "state": row.state,
                "value": row.value,
                "direction": row.direction,
                "strength": row.strength,
                "credibility": row.credibility,
                "reliability": source["reliability"],
                "origin_group": row.origin_group,
                "repeats": row.repeats,
                "source_id": row.source_id,
                "why": row.why,
                "note": row.note,
                "evidence_id": row.evidence_id,
                "parents": [ids[row.source_id]] if ids[row.source_id] else None,
            }
        )
    return INDICATORS.build(rows) if rows else INDICATORS.empty()


def _ids(sources: pa.Table) -> list[str | None]:
    if "evidence_id" in sources.column_names:
        return list(sources["evidence_id"].to_pylist())
    return [None] * sources.num_rows
