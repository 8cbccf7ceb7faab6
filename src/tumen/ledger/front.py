"""What the shipments meant at the front: fire bought, share of fire, ratio of fire, days until a stock is empty.

Takes draws of cargo and front.toml; walks the artillery of both sides week by week in every draw,
with the shipments, without them, and under the named scenarios. Draw d is the same world as in
the cargo table, so differences between scenarios carry no noise of their own. Nothing is fitted
to published shares or rates: those are compared afterwards.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pyarrow as pa

from tumen import tables
from tumen.case.account import Amount
from tumen.case.front import Check, Front, Loss, Scenario, Stock
from tumen.draws import DRAWS, matrix, number, summary
from tumen.ledger.amounts import draw, uniforms
from tumen.ledger.artillery import Weeks, days_until_empty, quantiles, simulate
from tumen.ledger.shares import input_share

# Bounds of 'at least' and 'up to' figures; front.toml writes ranges, so they matter only for an analyst who does not.
AT_LEAST_EXCESS, UP_TO_FLOOR = 0.25, 0.5
KG_PER_TONNE = 1000.0
MEAN_MONTH_DAYS = 365.25 / 12
Z95 = 1.6448536269514722  # the standard normal's 95 % point
# Of figures that the model and the spread of sources explain nine in ten should be met, more or less by chance; a
# check fails where so few are met as chance alone would give less than once in twenty.
NOMINAL, SELDOM = 0.9, 0.05
# Where sources lie further apart than this factor, meeting one of them says little.
WEAK = 3.0


@dataclass(frozen=True)
class World:
    """What is drawn once and shared by every scenario."""

    front: Front
    seed: int
    draws: int
    weeks: list[dt.date]

    def number(self, amount: Amount, name: str) -> np.ndarray:
        """Draws of a setting, shape (draws,); one name always gives the same uniforms."""
        return draw(amount, uniforms(f"front: {name}", self.seed, self.draws), AT_LEAST_EXCESS, UP_TO_FLOOR)

    def stock(self, side: str, kind: str) -> np.ndarray:
        """Opening stock or reserve of a side, the newest sourced figure."""
        fitting = [s for s in self.front.stock if s.side == side and s.kind == kind]
        return self.number(_newest(fitting), f"{kind} {side}")

    def wish(self, side: str) -> np.ndarray:
        """Rounds a week that a side would fire, shape (weeks, draws)."""
        fitting = [d for d in self.front.demand if d.side == side]
        return self._by_week(fitting, f"wish {side}")

    def gains(self, side: str) -> np.ndarray:
        """Rounds a week from every series but the origin country, shape (weeks, draws)."""
        total = np.zeros((len(self.weeks), self.draws))
        for series in dict.fromkeys(f.series for f in self.front.flow if f.side == side):
            total += self._by_week([f for f in self.front.flow if f.side == side and f.series == series], series)
        return total

    def strikes(self, side: str) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """By week, rounds lost to strikes and the part of them made in the origin country, each (draws,)."""
        out: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for loss in self.front.loss:
            week = _week_of(loss.date, self.weeks)
            if loss.side != side or week is None:
                continue
            lost = self._rounds_lost(loss)
            share = loss.origin_share
            foreign = lost * self.number(share, f"origin share of {loss.label}") if share is not None else 0.0 * lost
            before = out.get(week, (0.0, 0.0))
            out[week] = (before[0] + lost, before[1] + foreign)
        return out

    def _rounds_lost(self, loss: Loss) -> np.ndarray:
        amount = self.number(loss, f"loss {loss.label}")
        if loss.unit.startswith("round"):
            return amount
        return amount * KG_PER_TONNE / self.number(self.front.origin.kg_per_round, "mass of a round")

    def _by_week(self, records: list, name: str) -> np.ndarray:
        """The figure that holds in the middle of each week, in rounds a week. Errors of one series persist."""
        total = np.zeros((len(self.weeks), self.draws))
        drawn: dict[int, np.ndarray] = {}
        middles = [week + dt.timedelta(days=3) for week in self.weeks]
        for row, record in enumerate(self.front.timeline(records, middles)):
            if record is None:
                continue
            if record.unit == "rounds" and not record.first <= middles[row] <= record.last:
                continue  # a total of a past period does not go on
            if id(record) not in drawn:
                drawn[id(record)] = self.number(record, name) * record.per_day() * 7.0
            total[row] = drawn[id(record)]
        return total


@dataclass(frozen=True)
class Supply:
    """Departures of rounds from the origin country and the way to the guns.

    A round that leaves on a day becomes usable a lag later, or, if it must be reworked, a rework later still; so
    what is usable by a week's edge is what had left a lag before it. Months are taken as even inside.
    """

    monthly: np.ndarray  # rounds that left, shape (months, draws); a month in which a scenario begins is cut in two
    starts: list[dt.date]  # first days of these months, and the day after the last
    issued: np.ndarray
    reworked: np.ndarray
    at_once: tuple[np.ndarray, np.ndarray]  # (place, share) reached at each week edge less the lag
    later: tuple[np.ndarray, np.ndarray]  # the same less the rework

    def usable(self, factor: np.ndarray, taken: np.ndarray) -> np.ndarray:
        """Rounds that become usable in each week, shape (weeks, draws).

        `factor` multiplies the departures of each month, `taken` (months, draws) is taken off first.
        """
        left = np.maximum(self.monthly - taken, 0.0) * factor[:, None]
        cumulative = np.vstack([np.zeros(left.shape[1]), left.cumsum(axis=0)])
        ready = self.issued * _reached(cumulative, left, self.at_once)
        ready += (1.0 - self.issued) * self.reworked * _reached(cumulative, left, self.later)
        return np.diff(ready, axis=0)


def _reached(cumulative: np.ndarray, left: np.ndarray, when: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Departures up to a month and a share of it, shape (edges, draws)."""
    place, share = when
    return cumulative.ravel().take(place) + left.ravel().take(place) * share


def _when(edges: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each day's month and draw stand in an array of (months, draws), and the share of the month before it."""
    day = np.clip(day, edges[0], edges[-1])
    per_day = np.searchsorted(edges, np.arange(edges[0], edges[-1] + 1.0), side="right") - 1
    month = np.minimum(per_day[(day - edges[0]).astype(np.int64)], len(edges) - 2)
    share = (day - edges[month]) / np.diff(edges)[month]
    return (month * day.shape[1] + np.arange(day.shape[1])).astype(np.int32), share


def front(
    cargo: pa.Table,
    front: Front,
    claims: pa.Table,
    period: tuple[dt.date, dt.date],
    seed: int,
    *,
    voyages: pa.Table | None = None,
    as_of: dt.date | None = None,
) -> dict[str, pa.Table]:
    """Walk the artillery balance of both sides.

    `cargo`: tables.CARGO; the commodities of `[origin]` are summed. `claims`: tables.CLAIMS, for the checks.
    `period`: first and last day with evidence of flow; `as_of` cuts it. `voyages`: tables.VOYAGES, for what one
    voyage carries; without it `[origin.containers_per_voyage]` is used.

    Returns tables front, front_totals, front_answers, front_checks, diagnostics. Rounds are pieces, days UTC.
    """
    last = min(period[1], as_of) if as_of else period[1]
    weeks = weeks_of(front.rule.first_week, max(front.rule.project_until, last))
    draws = _draws(cargo)
    world = World(front, seed, draws, weeks)
    left = Departures.of(cargo, draws)
    supply = _supply(left, world, last)
    per_voyage = _rounds_per_voyage(left, voyages, world)
    runs: dict[tuple[str, str], Weeks] = {}
    told = WeekColumns(weeks, last)
    gap = 0.0
    stops = {s.name for s in front.scenario if s.factor == 0}
    for scenario, side, run in _walks(world, supply, per_voyage):
        told.add(scenario, side, run)
        if scenario == "with":
            gap = max(gap, _imbalance(world, side, run))
        # What is not asked for again is let go: each array holds 8 MB.
        runs[(scenario, side)] = run._replace(
            fired_origin=run.fired_origin if (scenario, side) == ("with", "RUS") else NONE,
            stock=run.stock if scenario in stops else NONE,
            stock_origin=NONE,
        )
    made = {"front": tables.FRONT.build(told.columns), "front_checks": _check_table(front, claims, runs, weeks)}
    made["front_totals"], made["front_answers"] = _answers(world, supply, runs, last, per_voyage)
    made["diagnostics"] = _diagnostics(world, supply, gap, made["front_checks"], made["front_totals"], last)
    return made


def weeks_of(first: dt.date, last: dt.date) -> list[dt.date]:
    """Mondays from `first` on whose week begins by `last`.

    >>> [str(w) for w in weeks_of(dt.date(2023, 1, 2), dt.date(2023, 1, 16))]
    ['2023-01-02', '2023-01-09', '2023-01-16']
    """
    return [first + dt.timedelta(days=7 * n) for n in range((last - first).days // 7 + 1)]


def _draws(cargo: pa.Table) -> int:
    if not cargo.num_rows:
        return DRAWS
    import pyarrow.compute as pc

    return int(pc.max(cargo.column("draw")).as_py()) + 1


def _newest(records: Sequence[Stock]) -> Stock:
    return max(records, key=lambda r: (r.source != "assumption", r.published.last() if r.published else dt.date.min))


def _week_of(day: dt.date, weeks: Sequence[dt.date]) -> int | None:
    place = (day - weeks[0]).days // 7
    return place if 0 <= place < len(weeks) else None


def _month_starts(first: dt.date, last: dt.date) -> list[dt.date]:
    start, stop = first.year * 12 + first.month - 1, last.year * 12 + last.month - 1
    return [dt.date(n // 12, n % 12 + 1, 1) for n in range(start, stop + 1)]


# --- from port to gun ---------------------------------------------------------------------


@dataclass(frozen=True)
class Departures:
    """The cargo draws by stream, commodity and month, grouped once: arrays of shape (draws,)."""

    draws: int
    amounts: dict[tuple[str, str, dt.date], np.ndarray]

    @classmethod
    def of(cls, cargo: pa.Table, draws: int) -> Departures:
        """Group a cargo table."""
        if not cargo.num_rows:
            return cls(draws, {})
        amounts, groups = matrix(cargo, "quantity", ("stream", "commodity", "month"), draws)
        columns = np.ascontiguousarray(amounts.T)
        return cls(draws, {cast(tuple[str, str, dt.date], g): columns[n] for n, g in enumerate(groups)})

    def total(self, *commodities: str, stream: str | None = None) -> np.ndarray:
        """Sum over months of some commodities, of one stream or all."""
        out = np.zeros(self.draws)
        for (way, name, _), amount in self.amounts.items():
            if name in commodities and stream in (None, way):
                out += amount
        return out

    def has(self, commodity: str) -> bool:
        """Whether the table tells of a commodity at all."""
        return any(name == commodity for _, name, _ in self.amounts)


def _supply(left: Departures, world: World, last: dt.date) -> Supply:
    """Monthly departures, carried on past the last day with evidence at the mean of the last months."""
    rule, origin = world.front.rule, world.front.origin
    months = _month_starts(rule.first_week, world.weeks[-1] + dt.timedelta(days=7))
    monthly = np.zeros((len(months), world.draws))
    place = {month: position for position, month in enumerate(months)}
    for (_, name, month), amount in left.amounts.items():
        if name in origin.commodities and month in place:
            monthly[place[month]] += amount
    known = [n for n, month in enumerate(months) if month <= last]
    ended = [n for n in known if _next_month(months[n]) <= last + dt.timedelta(1)] or known
    recent = ended[-rule.project_months :]
    monthly[known[-1] + 1 :] = monthly[recent].mean(axis=0)
    starts, monthly = _cut(months, monthly, [s.start for s in world.front.scenario])
    edges = np.array([(start - rule.first_week).days for start in starts], dtype=float)
    week_edges = 7.0 * np.arange(len(world.weeks) + 1)[:, None]
    lag, rework = world.number(origin.lag_days, "lag"), world.number(origin.rework_days, "rework days")
    return Supply(
        monthly,
        starts,
        _issued(left, world),
        world.number(origin.reworked_share, "reworked share"),
        _when(edges, week_edges - lag),
        _when(edges, week_edges - lag - rework),
    )


def _issued(left: Departures, world: World) -> np.ndarray:
    """Share of rounds that can be fired as they come, shape (draws,)."""
    origin = world.front.origin
    own = world.number(origin.issued_share, "issued share")
    if not origin.issued_from_cargo or not left.has("usable_rounds"):
        return own
    rounds = left.total("rounds")
    return np.where(rounds > 0, np.clip(_ratio(left.total("usable_rounds"), rounds), 0.0, 1.0), own)


def _cut(months: list[dt.date], monthly: np.ndarray, days: list[dt.date]) -> tuple[list[dt.date], np.ndarray]:
    """Cut months in two where a scenario begins, so that it begins on its day; departures are even in a month."""
    end = _next_month(months[-1])
    starts = sorted({*months, *(d for d in days if months[0] <= d < end)})
    starts.append(end)
    month_of = [max(n for n, month in enumerate(months) if month <= start) for start in starts[:-1]]
    bounds = [*months, end]
    shares = [
        (stop - begin).days / (bounds[n + 1] - bounds[n]).days
        for n, (begin, stop) in zip(month_of, itertools.pairwise(starts), strict=True)
    ]
    return starts, monthly[month_of] * np.array(shares)[:, None]


def _next_month(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=32)).replace(day=1)


def _rounds_per_voyage(left: Departures, voyages: pa.Table | None, world: World) -> np.ndarray:
    """Rounds that one laden voyage carried on average, in draws."""
    rounds = left.total(*world.front.origin.commodities, stream="sea")
    if voyages is not None and voyages.num_rows:
        count = matrix(voyages, "voyages", (), world.draws)[0][:, 0]
    else:
        boxes = world.number(world.front.origin.containers_per_voyage, "containers a voyage")
        count = left.total("containers", stream="sea") / boxes
    return _ratio(rounds, count)


# --- the walk -----------------------------------------------------------------------------


def _walks(world: World, supply: Supply, per_voyage: np.ndarray) -> Iterator[tuple[str, str, Weeks]]:
    """Scenario, side and weeks, one at a time. Ukraine's fire does not answer to Russia's, so it is walked once."""
    rule = world.front.rule
    none, whole = np.zeros_like(supply.monthly), np.ones(len(supply.monthly))
    home, wish, strikes = world.gains("RUS"), world.wish("RUS"), world.strikes("RUS")
    opening, reserve = world.stock("RUS", "opening"), world.stock("RUS", "reserve")
    ration = world.number(rule.ration_weeks_rus, "rationing RUS")
    first_use = world.number(world.front.origin.first_use, "first use")

    def russia(factor: np.ndarray, taken: np.ndarray) -> Weeks:
        return simulate(home, supply.usable(factor, taken), wish, strikes, opening, reserve, ration, first_use)

    yield "with", "RUS", russia(whole, none)
    yield "without", "RUS", russia(0 * whole, none)
    for scenario in world.front.scenario:
        yield scenario.name, "RUS", russia(*_scenario_months(scenario, supply, per_voyage))
    ukraine = world.gains("UKR")
    yield (
        "with",
        "UKR",
        simulate(
            ukraine,
            np.zeros_like(ukraine),
            world.wish("UKR"),
            world.strikes("UKR"),
            world.stock("UKR", "opening"),
            world.stock("UKR", "reserve"),
            world.number(rule.ration_weeks_ukr, "rationing UKR"),
            np.zeros(world.draws),
        ),
    )


def _scenario_months(scenario: Scenario, supply: Supply, per_voyage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factor by month, and rounds taken off by month and draw: nothing before the scenario's day."""
    months = [(begin, (stop - begin).days / MEAN_MONTH_DAYS) for begin, stop in itertools.pairwise(supply.starts)]
    after = np.array([length if begin >= scenario.start else 0.0 for begin, length in months])
    factor = np.where(after > 0, scenario.factor, 1.0)
    return factor, scenario.fewer_voyages_per_month * after[:, None] * per_voyage


# --- tables -------------------------------------------------------------------------------


NONE = np.empty((0, 0))


@dataclass
class WeekColumns:
    """Columns of the table `front`, filled one walk at a time."""

    weeks: list[dt.date]
    last: dt.date
    columns: dict[str, list] = field(
        default_factory=lambda: {c.name: [] for c in tables.FRONT.columns if c.name not in ("evidence_id", "parents")}
    )

    def add(self, scenario: str, side: str, run: Weeks) -> None:
        """Medians and 90 % intervals of one walk."""
        share = run.fired_origin / np.maximum(run.fired, 1e-9)
        self.columns["week"] += self.weeks
        self.columns["side"] += [side] * len(self.weeks)
        self.columns["scenario"] += [scenario] * len(self.weeks)
        self.columns["projected"] += [week > self.last for week in self.weeks]
        for stem, values in (("fired", run.fired), ("origin_share", share), ("stock", run.stock)):
            scale = 7.0 if stem == "fired" else 1.0
            for name, row in zip(("low90", "median", "high90"), quantiles(values), strict=True):
                self.columns[f"{stem}_{name}"] += (row / scale).tolist()


def _span(weeks: Sequence[dt.date], start: dt.date, end: dt.date) -> np.ndarray:
    """Weight of each week in a period: the share of its days that lie in it."""
    out = []
    for week in weeks:
        begin, stop = max(week, start), min(week + dt.timedelta(days=6), end)
        out.append(max(0, (stop - begin).days + 1) / 7.0)
    return np.array(out)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _answers(
    world: World,
    supply: Supply,
    runs: dict[tuple[str, str], Weeks],
    last: dt.date,
    per_voyage: np.ndarray,
) -> tuple[pa.Table, pa.Table]:
    """Draws and summaries of what is asked of the front."""
    rule = world.front.rule
    window = (rule.window_start, max(last, rule.window_start))
    weights = _span(world.weeks, *window)
    days = float(weights.sum() * 7.0)
    ours, without, theirs = runs[("with", "RUS")], runs[("without", "RUS")], runs[("with", "UKR")]
    fired, fired_without, fired_ukr = weights @ ours.fired, weights @ without.fired, weights @ theirs.fired
    per_day = fired / days
    arrived = weights @ supply.usable(np.ones(len(supply.monthly)), np.zeros_like(supply.monthly))
    usable = per_voyage * (supply.issued + (1.0 - supply.issued) * supply.reworked)
    span, span_ko = f"{window[0]} to {window[1]}", f"{window[0]}~{window[1]}"
    found: list[tuple[str, np.ndarray, str, str, str]] = [
        ("share_of_russian_fire", _ratio(weights @ ours.fired_origin, fired), "share",
         f"of the rounds that Russia fired, {span}, were made in North Korea", f"러시아가 발사한 포탄 중 북한산 비율 ({span_ko})"),
        ("usable_rounds_arrived", arrived, "rounds", f"usable rounds reached the guns or their depots, {span}", f"도착한 사용 가능 포탄 ({span_ko})"),
        ("days_of_fire_bought", _ratio(arrived, per_day), "days",
         "days of Russian fire, at the rate it fired, is what the usable rounds amount to", "도착 포탄이 러시아 사격 몇 일분인지"),
        ("russian_fire_per_day", per_day, "rounds/day", f"rounds a day fired by Russia, {span}", f"러시아 일일 발사량 ({span_ko})"),
        ("ukrainian_fire_per_day", fired_ukr / days, "rounds/day", f"rounds a day fired by Ukraine, {span}", f"우크라이나 일일 발사량 ({span_ko})"),
        ("fire_lost_without", 1.0 - _ratio(fired_without, fired), "share", f"of its fire would Russia have lost without the shipments, {span}", f"선적이 없었다면 잃었을 러시아 화력 ({span_ko})"),
        ("fire_ratio_with", _ratio(fired, fired_ukr), "ratio", f"Russian rounds for each Ukrainian one, {span}", f"러시아 대 우크라이나 발사 비율 ({span_ko})"),
        ("fire_ratio_without", _ratio(fired_without, fired_ukr), "ratio", f"the same had there been no shipments, {span}", f"선적이 없었을 경우의 비율 ({span_ko})"),
        ("voyage_rounds", per_voyage, "rounds", "rounds are carried by one laden voyage on average", "1항차 평균 적재 포탄"),
        ("voyage_days_of_fire", _ratio(usable, per_day), "days", "days of Russian fire is what one voyage stopped is worth", "1항차 차단의 가치 (러시아 사격일)"),
        ("voyage_days_of_ukrainian_fire", _ratio(usable, fired_ukr / days), "days", "days of Ukrainian fire would one voyage stopped weigh up", "1항차 차단의 가치 (우크라이나 사격일)"),
    ]  # fmt: skip
    for scenario in world.front.scenario:
        found += _scenario_answers(world, scenario, runs, weights)
    rows, columns = [], []
    for name, values, unit, text, text_ko in found:
        rows.append(_answer_row(name, values, unit, text, text_ko))
        columns.append((name, values))
    from tumen.ledger.account import repeated

    totals = tables.FRONT_TOTALS.build(
        {
            "draw": np.tile(np.arange(world.draws, dtype=np.int32), len(columns)),
            "answer": repeated([n for n, _ in columns], world.draws),
            "value": pa.array(np.concatenate([v for _, v in columns]), from_pandas=True),
        }
    )
    return totals, tables.FRONT_ANSWERS.build(rows)


def _scenario_answers(
    world: World, scenario: Scenario, runs: dict[tuple[str, str], Weeks], weights: np.ndarray
) -> list[tuple[str, np.ndarray, str, str, str]]:
    ours, other = runs[("with", "RUS")], runs[(scenario.name, "RUS")]
    year = _span(world.weeks, scenario.start, scenario.start + dt.timedelta(days=364))
    start = max(0, _week_of(scenario.start, world.weeks) or 0)
    out = [
        (
            f"fire_lost_in_a_year: {scenario.name}",
            1.0 - _ratio(year @ other.fired, year @ ours.fired),
            "share",
            f"of Russian fire is lost in the year after: {scenario.label}",
            f"이후 1년간 상실 화력: {scenario.label_ko}",
        )
    ]
    if scenario.factor == 0:
        wish = world.wish("RUS") / 7.0 * world.front.rule.empty_days
        floor = world.stock("RUS", "reserve") + wish
        before = other.stock[start - 1] if start else world.stock("RUS", "opening")
        days = days_until_empty(other.stock[start:], floor[start:], before)
        words = f"days until the stock above the reserve feeds less than {world.front.rule.empty_days:g} days of the fire wished for"
        out.append(
            (
                f"days_until_empty: {scenario.name}",
                days,
                "days",
                f"{words}: {scenario.label}",
                f"예비 재고 소진까지 일수: {scenario.label_ko}",
            )
        )
    return out


def _answer_row(name: str, values: np.ndarray, unit: str, text: str, text_ko: str) -> dict[str, object]:
    """A quantity that does not happen in some draws is told with the share in which it does; beyond, no number."""
    happens = np.isfinite(values)
    ordered = np.where(happens, values, np.inf)
    low, mid, high = np.quantile(ordered, [0.05, 0.5, 0.95], method="lower")
    clean = [None if not np.isfinite(v) else float(v) for v in (low, mid, high)]
    if happens.all():
        s = summary(values)
        clean = [s.low90, s.median, s.high90]
    shown = _shown(clean[1], unit)
    if clean[1] is None:
        text, text_ko = f"(it does not come to that in {1 - happens.mean():.0%} of the draws) {text}", text_ko
    return {
        "answer": name,
        "median": clean[1],
        "low90": clean[0],
        "high90": clean[2],
        "unit": unit,
        "share_of_draws": float(happens.mean()),
        "text": f"{shown} {text}".strip(),
        "text_ko": f"{text_ko}: {shown}",
    }


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "no"
    if unit == "share":
        return f"{value:.0%}"
    return f"{value:.1f}" if unit == "ratio" or value < 100 else number(value)


def _check_table(front: Front, claims: pa.Table, runs: dict[tuple[str, str], Weeks], weeks: list[dt.date]) -> pa.Table:
    known = {row["claim_id"]: row for row in claims.to_pylist()} if claims.num_rows else {}
    found = [(c, f) for c in front.check if (f := _figure(c, known)) is not None]
    spread = spreads([(c, f[0], f[1]) for c, f in found])
    rows = [_check_row(c, *f, spread.get(c.quantity, 0.0), runs, weeks) for c, f in found]
    return tables.FRONT_CHECKS.build(rows) if rows else tables.FRONT_CHECKS.empty()


def spreads(figures: Sequence[tuple[Check, float, float]]) -> dict[str, float]:
    """How far sources lie from one truth, by quantity: the standard deviation of the log of a figure.

    Told by the figures alone, never by the model. Two origins that speak of the same side and of days that overlap
    should say the same; they do not, for each counts other kinds of rounds by other means. Half the mean square of
    the log of their ratio is the variance of one of them around what both mean. Bounds, sectors and peaks say
    nothing of it. A quantity with a single such pair, or none, is left out.
    """
    squares: dict[str, list[float]] = {}
    told = [(c, np.log(low * high) / 2) for c, low, high in figures if c.reading in ("about", "range")]
    for (one, first), (other, second) in itertools.combinations(told, 2):
        same = (one.quantity, one.side) == (other.quantity, other.side) and _origin(one) != _origin(other)
        if same and one.start.first() <= other.end.last() and other.start.first() <= one.end.last():
            squares.setdefault(one.quantity, []).append((first - second) ** 2 / 2)
    return {quantity: float(np.sqrt(np.mean(s))) for quantity, s in squares.items() if len(s) > 1}


def _origin(check: Check) -> str:
    return check.origin or check.source


def _figure(check: Check, known: dict[str, dict]) -> tuple[float, float, list[str]] | None:
    """Low and high of what was published; None where the claim is not known on this day."""
    if check.claim is None:
        assert check.low is not None
        assert check.high is not None
        return check.low, check.high, [check.evidence_id]
    claim = known.get(check.claim)
    if claim is None:
        return None
    given = [v for v in (claim["low"], claim["point"], claim["high"]) if v is not None]
    return min(given), max(given), [p for p in (claim.get("evidence_id"), check.evidence_id) if p]


def _check_row(
    check: Check,
    low: float,
    high: float,
    parents: list[str],
    spread: float,
    runs: dict[tuple[str, str], Weeks],
    weeks: list[dt.date],
) -> dict[str, object]:
    start, end = check.start.first(), check.end.last()
    weights = _span(weeks, start, end)
    days = float(weights.sum() * 7.0)
    russia, ukraine = runs[("with", "RUS")], runs[("with", "UKR")]
    if check.quantity == "origin_share":
        values = _ratio(weights @ russia.fired_origin, weights @ russia.fired)
    elif check.quantity == "fired_per_day":
        values = weights @ (russia if check.side == "RUS" else ukraine).fired / max(days, 1.0)
    else:
        values = _ratio(weights @ russia.fired, weights @ ukraine.fired)
    s = summary(values)
    # What a source would print: the model's value times how sources stray. Evenly spaced quantiles of the stray
    # in a fixed shuffle, so that no noise is added.
    order = np.random.default_rng(0).permutation(len(values))
    printed = values * np.exp(spread * normal_scores(len(values))[order])
    exact, _ = _meets(check.reading, low, high, values)
    agrees, surprise = _meets(check.reading, low, high, printed)
    unit = {"origin_share": "share", "fired_per_day": "", "fire_ratio": "ratio"}[check.quantity]
    told = _shown(low, unit) if low == high else f"{_shown(low, unit)} to {_shown(high, unit)}"
    model = f"{_shown(s.median, unit)} ({_shown(s.low90, unit)} to {_shown(s.high90, unit)})"
    factor = float(np.exp(Z95 * spread))
    verdict = "agrees" if exact else "does not agree"
    if agrees and not exact:
        verdict = f"apart, but no further than sources are from each other (a factor of {factor:.1f})"
    note = f" {check.note}" if check.note else ""
    return {
        "check": check.name,
        "quantity": check.quantity,
        "side": check.side,
        "start": start,
        "end": end,
        "claimed_low": low,
        "claimed_high": high,
        "reading": check.reading,
        "origin": _origin(check),
        "held_out": check.held_out,
        "expected_median": s.median,
        "expected_low90": s.low90,
        "expected_high90": s.high90,
        "ratio": float(np.sqrt(low * high) / s.median) if s.median > 0 else None,
        "spread": factor,
        "surprise": float(np.clip(surprise, 0.0, 1.0)),
        "agrees": bool(agrees),
        "agrees_exact": bool(exact),
        "text": f"Published {told} ({check.reading}); the model gives {model}: {verdict}.{note}",
        "source_id": check.source,
        "parents": parents,
    }


def _meets(reading: str, low: float, high: float, values: np.ndarray) -> tuple[bool, float]:
    """Whether the 90 % interval of `values` meets a published figure, and how surprising the figure is under them."""
    bottom, top = np.quantile(values, [0.05, 0.95])
    below, above = float((values < low).mean()), float((values > high).mean())
    if reading == "at_least":
        return bool(top >= low), 1.0 - below
    if reading in ("local", "up_to", "peak"):
        # One sector, or one day, may have more than the whole: the whole can hardly have more.
        return bool(bottom <= high), 1.0 - above
    agrees = bool(bottom <= high and top >= low)
    return agrees, min(1.0, 2.0 * min(above, below)) if low == high else 1.0 - max(above, below)


def normal_scores(size: int) -> np.ndarray:
    """Quantiles of the standard normal at (k + 1/2) / size.

    >>> normal_scores(3).round(3).tolist()
    [-0.967, 0.0, 0.967]
    """
    from statistics import NormalDist

    normal = NormalDist()
    return np.array([normal.inv_cdf((k + 0.5) / size) for k in range(size)])


def _diagnostics(
    world: World,
    supply: Supply,
    gap: float,
    checks: pa.Table,
    totals: pa.Table,
    last: dt.date,
) -> pa.Table:
    def row(name: str, value: float, limit: float | None, passed: bool, text: str) -> dict[str, object]:
        return {"step": "front", "name": name, "value": value, "limit": limit, "passed": passed, "text": text}

    rows = [
        row("rounds are kept", gap, 1e-6, gap < 1e-6, "largest relative difference of rounds in, fired, lost and held")
    ]
    for quantity, name in (("origin_share", "shares"), ("fired_per_day", "rates"), ("fire_ratio", "ratios")):
        # A figure for one sector or one day cannot be held against the whole front over weeks.
        told = [c for c in checks.to_pylist() if c["quantity"] == quantity and c["reading"] not in ("local", "peak")]
        if told:
            rows.append(row(f"published {name} met", *_met(name, told)))
            held = [c for c in told if c["held_out"]]
            if held:
                rows.append(
                    row(f"published {name} met, held out", *_met(f"{name} entered after the inputs were set", held))
                )
    share = totals.column("value").to_numpy()[: world.draws]
    for name, cause in _causes(world, supply, last).items():
        part = input_share(cause, share)
        rows.append(row(f"share of fire hangs on: {name}", part, None, True, "first-order share of its variance, 0..1"))
    return tables.DIAGNOSTICS.build(rows)


def _met(name: str, told: list[dict]) -> tuple[float, float, bool, str]:
    """Share of published figures that are met, the share that should be, whether it is, and words."""
    agree, exact = sum(c["agrees"] for c in told), sum(c["agrees_exact"] for c in told)
    spread = max(c["spread"] for c in told)
    text = f"{agree} of {len(told)} published {name} lie within the model's 90 % interval or bound"
    if spread > 1:
        text += (
            f", once widened by the factor of {spread:.1f} within which nine of ten sources lie from what they all "
            f"mean (from how they differ on the same days); taken as exact truth {exact} would"
        )
    if spread > WEAK:
        text += ". A weak test: the ratios of both sides' fire, in which a source's way of counting cancels, tell more"
    least = fewest(len(told))
    return agree / len(told), least / len(told), agree >= least, text


def fewest(size: int) -> int:
    """Fewest of `size` figures that should be met: fewer would be chance less than once in twenty.

    >>> [fewest(n) for n in (1, 2, 3, 4, 10, 15)]
    [0, 1, 2, 2, 7, 11]
    """
    below = 0.0
    for met in range(size + 1):
        below += math.comb(size, met) * NOMINAL**met * (1 - NOMINAL) ** (size - met)
        if below >= SELDOM:
            return met
    return size


def _causes(world: World, supply: Supply, last: dt.date) -> dict[str, np.ndarray]:
    """Inputs on which the share of fire may hang, in draws."""
    names = {
        "wish for fire": "wish RUS",
        "Russian production": "RUS new rounds",
        "refurbishment": "RUS refurbished rounds",
        "opening stock": "opening RUS",
        "reserve": "reserve RUS",
        "rationing": "rationing RUS",
        "fired first or mixed": "first use",
    }
    known = [n for n, start in enumerate(supply.starts[:-1]) if start <= last]
    found = {"rounds that left North Korea": supply.monthly[known].sum(axis=0), "usable as they come": supply.issued}
    return found | {label: uniforms(f"front: {name}", world.seed, world.draws) for label, name in names.items()}


def _imbalance(world: World, side: str, run: Weeks) -> float:
    """Own and foreign rounds in, less fired and lost, against what is held; largest relative gap over draws."""
    opening = world.stock(side, "opening")
    foreign = run.fired_origin.sum(axis=0) + run.stock_origin[-1]
    home_in = opening + world.gains(side).sum(axis=0)
    home_out = (run.fired - run.fired_origin).sum(axis=0) + run.stock[-1] - run.stock_origin[-1]
    lost = sum((s[0] for s in world.strikes(side).values()), np.zeros(world.draws))
    # What was lost is at most what was held, so the home balance may exceed by no more than the losses.
    gap = home_in - home_out
    return float(np.max(np.maximum(-gap, gap - lost) / (home_in + foreign + 1.0)))


__all__ = ["front", "weeks_of"]
