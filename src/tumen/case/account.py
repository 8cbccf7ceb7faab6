"""What an analyst writes about the account: transfers.csv and prices.toml.

Takes the two files, gives `Transfer` records and one `Prices` record. The checks refuse what
would corrupt a ledger quietly: a quantity in another unit than its commodity's, a price per
container for goods counted in rounds, won read as dollars, the same flow entered twice, a
figure derived from itself, and anything published after the day of the account.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, model_validator

from tumen.case.faults import At, Faults
from tumen.case.read import read_csv, read_toml
from tumen.case.record import DateCell, ListCell, PartialDate, RealCell, Record, TextCell

BASES = ("russian_cost", "export_price", "western_replacement", "dprk_income")
Basis = Literal["russian_cost", "export_price", "western_replacement", "dprk_income"]
Shape = Literal["auto", "fixed", "uniform", "triangular", "lognormal", "at_least", "up_to"]

# Short forms that the published figures use; everything else is compared without a plural s.
UNIT_NAMES = {"bbl": "barrel", "bbls": "barrel", "t": "tonne", "ton": "tonne", "tons": "tonne", "teu": "container"}

# What an analyst writes in `source` where the figure is ours: it then needs a reason in `why`.
ASSUMPTION = "assumption"


def unit_name(text: str) -> str:
    """A unit in one spelling: lower case, no plural, short forms resolved.

    >>> unit_name("bbl"), unit_name("Rounds"), unit_name("USD"), unit_name("person-months")
    ('barrel', 'round', 'USD', 'person-month')
    """
    bare = text.strip()
    if bare.isupper() and len(bare) == 3 and bare not in ("BBL", "TEU"):
        return bare  # a currency
    bare = bare.lower()
    return UNIT_NAMES.get(bare, bare.removesuffix("s"))


class Amount(Record):
    """An uncertain number. The shape `auto` reads what is given: all three values are a triangle, low and high
    an even spread, a point alone is taken as exact, low alone is `at_least`, high alone is `up_to`."""

    low: RealCell = Field(default=None, description="lower value; with shape lognormal the 5 % point")
    point: RealCell = Field(
        default=None, description="likeliest value; with lognormal the median; alone, taken as exact"
    )
    high: RealCell = Field(default=None, description="upper value; with lognormal the 95 % point")
    shape: Shape = Field(default="auto", description="how the numbers are spread; auto reads it off the filled cells")

    @model_validator(mode="after")
    def _orderly(self) -> Amount:
        given = [v for v in (self.low, self.point, self.high) if v is not None]
        if not given:
            raise ValueError("no number; expected low, point or high")
        if given != sorted(given):
            raise ValueError(f"low, point, high are {given}; expected low <= point <= high")
        if min(given) < 0:
            raise ValueError(f"{min(given):g} is negative; expected 0 or more (payer and payee tell the direction)")
        needs = {
            "fixed": self.point is not None,
            "uniform": self.low is not None and self.high is not None,
            "triangular": None not in (self.low, self.point, self.high),
            "lognormal": None not in (self.low, self.point, self.high) and bool(self.low),
            "at_least": self.low is not None or self.point is not None,
            "up_to": self.high is not None or self.point is not None,
        }
        if not needs.get(self.shape, True):
            raise ValueError(f"not enough numbers for the shape '{self.shape}'; expected the values that it needs")
        return self

    @classmethod
    def columns(cls) -> list[str]:
        """Numbers and their shape stand before their unit: inherited fields would come first, ahead of the id.

        >>> Transfer.columns()[0], Transfer.columns()[5:11]
        ('id', ['commodity', 'low', 'point', 'high', 'shape', 'unit'])
        """
        own = [name for name in cls.model_fields if name not in Amount.model_fields]
        at = own.index("unit") if "unit" in own else 0
        return [*own[:at], *Amount.model_fields, *own[at:]]

    @property
    def resolved_shape(self) -> str:
        """The shape that `auto` stands for."""
        if self.shape != "auto":
            return self.shape
        if self.point is None:
            if self.low is not None and self.high is not None:
                return "uniform"
            return "at_least" if self.low is not None else "up_to"
        if self.low is None and self.high is None:
            return "fixed"
        return "triangular" if self.low is not None and self.high is not None else "uniform"

    @property
    def extremes(self) -> tuple[float, float]:
        """Smallest and largest number written."""
        given = [v for v in (self.low, self.point, self.high) if v is not None]
        return min(given), max(given)


class Transfer(Amount):
    """Something that one side gave the other in a period; low, point, high are its quantity."""

    id: Annotated[str, Field(min_length=1)] = Field(description="identifier, named by `covers` and `derived_from`")
    start: PartialDate = Field(description="first day, month or year")
    end: DateCell = Field(default=None, description="last day, month or year; empty means that of `start`")
    payer: str = Field(description="who gives: origin or recipient of the case")
    payee: str = Field(description="who gets")
    commodity: str = Field(description="name of a [[commodity]] of prices.toml")
    unit: str = Field(description="unit of the numbers; the commodity's, or one with a [[conversion]]")
    status: Literal["observed", "claimed", "inferred"] = Field(
        description="observed, claimed, or only inferred: then it stands beside the balance, not in it"
    )
    scope: str = Field(
        default="all", description="what part of the flow it speaks of; rows of one scope may not overlap"
    )
    covers: ListCell = Field(
        default_factory=list, description="rows that this one counts already, so that they are not counted again"
    )
    derived_from: ListCell = Field(
        default_factory=list, description="rows, claims or prices that the figure was computed from"
    )
    origin_group: TextCell = Field(default=None, description="who first produced the figure")
    source: str = Field(description="source id, or 'assumption' with a reason in `why`")
    published: PartialDate = Field(description="day, month or year of publication")
    label: TextCell = Field(default=None, description="what, for the reader")
    label_ko: TextCell = Field(default=None, description="the same in Korean")
    why: TextCell = Field(default=None, description="reason for an assumption")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")
    note: TextCell = Field(default=None, description="remark; shown as the entry's text")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")

    @model_validator(mode="after")
    def _sound(self) -> Transfer:
        if self.payer == self.payee:
            raise ValueError(f"payer and payee are both '{self.payer}'; expected two sides")
        if self.last < self.first:
            raise ValueError(f"ends {self.last} before it starts {self.first}; expected end on or after start")
        if self.source == ASSUMPTION and not self.why:
            raise ValueError("an assumption without a reason; expected a reason in 'why'")
        if self.status != "inferred" and self.published.last() < self.first:
            raise ValueError(
                f"published {self.published} before it starts {self.start}; "
                "expected status 'inferred' for what had not happened yet"
            )
        return self

    @property
    def first(self) -> dt.date:
        """First day."""
        return self.start.first()

    @property
    def last(self) -> dt.date:
        """Last day, latest reading."""
        return (self.end or self.start).last()


class Commodity(Record):
    """What is counted in which unit; `plausible_usd` bounds a price per unit, `most_per_year` a yearly flow."""

    name: str = Field(description="identifier")
    unit: str = Field(description="unit in which it is counted")
    group: str = Field(description="goods whose prices err together")
    label: str = Field(description="name for the reader")
    label_ko: str = Field(description="the same in Korean")
    from_cargo: bool = Field(
        default=False, description="true: comes from the draws of the cargo model and may not stand in transfers.csv"
    )
    plausible_usd: tuple[float, float] = Field(
        description="lowest and highest price of a unit that can be, USD; outside, the unit or currency is wrong"
    )
    most_per_year: float | None = Field(
        default=None, description="most that can flow in a year; above, the unit is wrong"
    )
    index_weight: float | None = Field(
        default=None, description="points of the volume index for a new unit; one 152 mm round is 1"
    )
    condition: Literal["new", "used", "refurbished"] = Field(
        default="new", description="new, used (40 %) or refurbished (66 %) in the volume index"
    )
    why: str | None = Field(default=None, description="reason for weights or bounds")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class Price(Amount):
    """USD (or another currency) per unit of a commodity, in money of a year; basis 'all' serves every basis
    that has no price of its own."""

    commodity: str = Field(description="what it is a price of")
    basis: Literal["all", "russian_cost", "export_price", "western_replacement", "dprk_income"] = Field(
        description="value basis; 'all' serves every basis without a price of its own"
    )
    unit: str = Field(description="CURRENCY/UNIT, e.g. USD/round")
    year: int = Field(description="year of the money")
    source: str = Field(description="source id, or 'assumption' with a reason in `why`")
    why: str | None = Field(default=None, description="reason, or how the figure was read")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")
    published: DateCell = Field(
        default=None, description="day of publication; needed with a source, since the newest price holds"
    )
    derived_from: list[str] = Field(
        default_factory=list, description="claims, rows or prices that it was computed from"
    )

    @model_validator(mode="after")
    def _sound(self) -> Price:
        if "/" not in self.unit:
            raise ValueError(f"unit '{self.unit}'; expected CURRENCY/UNIT such as USD/round")
        if self.source == ASSUMPTION and not self.why:
            raise ValueError("an assumption without a reason; expected a reason in 'why'")
        if self.source != ASSUMPTION and self.published is None:
            raise ValueError("a sourced price without a date; expected 'published', since the newest price holds")
        return self

    @property
    def name(self) -> str:
        """How other rows name it in derived_from."""
        return f"price/{self.commodity}/{self.basis}"

    @property
    def currency(self) -> str:
        """Currency of the price."""
        return unit_name(self.unit.split("/", 1)[0])

    @property
    def per(self) -> str:
        """Unit that it is a price for."""
        return unit_name(self.unit.split("/", 1)[1])


class Conversion(Record):
    """From the unit that was published to the unit of the commodity; `per_month` multiplies by the length of the
    entry in months (persons to person-months)."""

    commodity: str = Field(description="what it converts")
    from_unit: str = Field(description="unit that was published")
    to_unit: str = Field(description="unit of the commodity")
    factor: float = Field(description="how many of the second in one of the first")
    per_month: bool = Field(default=False, description="also multiply by the length of the entry in months")
    source: str = Field(description="source id, or 'assumption'")
    why: str | None = Field(default=None, description="reason")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class IndexYear(Record):
    """A price index by year; turns money of one year into that of another."""

    year: int = Field(description="year")
    index: float = Field(description="index, any base")
    source: str = Field(description="source id")
    published: DateCell = Field(default=None, description="day of publication")
    note: str | None = Field(default=None, description="remark")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")


class Exchange(Record):
    """Units of a currency for one US dollar, mean of a year."""

    currency: str = Field(description="ISO 4217 code")
    year: int = Field(description="year")
    per_usd: float = Field(description="units of the currency for one US dollar, mean of the year")
    source: str = Field(description="source id, or 'assumption'")
    why: str | None = Field(default=None, description="reason")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class Valuation(Record):
    """How a published valuation (a claim) was made, as far as known, so that it can be compared like with like."""

    claim: str = Field(description="id of the claim in claims.csv")
    what: Literal["munitions", "troops", "munitions+troops", "technology", "returns", "troop_income"] = Field(
        description="which goods it values"
    )
    containers: float | None = Field(default=None, description="containers that it counts, as far as known")
    rounds: float | None = Field(default=None, description="rounds that it counts, as far as known")
    rounds_per_container: float | None = Field(
        default=None, description="rounds in a container that it takes, as far as known"
    )
    derived_from: list[str] = Field(default_factory=list, description="claims or origin groups that it stands on")
    source: str = Field(description="source id")
    why: str = Field(description="how it was made, in our words")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class Prices(Record):
    """Commodities, prices on every basis, price index, exchange rates, rules for open-ended figures."""

    headline_basis: Basis = Field(description="value basis that the headline tells")
    headline_why: str = Field(description="reason for it")
    headline_why_ko: TextCell = Field(default=None, description="the reason in Korean")
    base_year: int = Field(description="year of constant money")
    at_least_excess: float = Field(
        gt=0, lt=2, description="mean share by which the truth exceeds a figure given as 'at least'"
    )
    at_least_why: str = Field(description="reason for it")
    at_least_why_ko: TextCell = Field(default=None, description="the reason in Korean")
    up_to_floor: float = Field(ge=0, lt=1, description="lower end of a figure given as 'up to', as a share of it")
    up_to_why: str = Field(description="reason for it")
    up_to_why_ko: TextCell = Field(default=None, description="the reason in Korean")
    commodity: list[Commodity] = Field(description="what is counted")
    price: list[Price] = Field(description="prices")
    conversion: list[Conversion] = Field(default_factory=list, description="units that may be written instead")
    deflator: list[IndexYear] = Field(description="price index by year")
    exchange: list[Exchange] = Field(default_factory=list, description="rates of other currencies")
    valuation: list[Valuation] = Field(default_factory=list, description="published valuations to hold ours against")

    def known_by(self, as_of: dt.date) -> Prices:
        """Without the prices and index years that were published later."""
        return _keep(self, price=known_by(self.price, as_of), deflator=known_by(self.deflator, as_of))

    def best_price(self, commodity: str, basis: str) -> Price | None:
        """The price that holds for a basis: its own before that of 'all', sourced before assumed, newest first."""
        fitting = [p for p in self.price if p.commodity == commodity and p.basis in (basis, "all")]
        if not fitting:
            return None
        return max(
            fitting,
            key=lambda p: (
                p.basis == basis,
                p.source != ASSUMPTION,
                p.published.last() if p.published else dt.date.min,
            ),
        )


D = TypeVar("D", bound=Record)
Dated = TypeVar("Dated", Transfer, Price, IndexYear)


def known_by(records: Iterable[Dated], as_of: dt.date) -> list[Dated]:
    """Records published by a day; one without a date (an assumption of ours) is always known."""
    return [r for r in records if r.published is None or r.published.last() <= as_of]


def _keep(record: D, **lists: Any) -> D:
    made = record.model_copy(update=lists)
    made._at = record.at
    return made


def read_transfers(folder: Path, faults: Faults) -> list[Transfer]:
    """The rows of transfers.csv; none where the file is absent."""
    return read_csv(folder / "transfers.csv", Transfer, faults)


def read_prices(folder: Path, faults: Faults) -> Prices | None:
    """prices.toml; None where it is absent or faulty."""
    return read_toml(folder / "prices.toml", Prices, faults)


def check_account(
    transfers: Sequence[Transfer], prices: Prices | None, source_ids: Collection[str], faults: Faults
) -> None:
    """Cross-checks of transfers and prices; every fault is added to `faults` with file and line."""
    _check_sources(transfers, prices, source_ids, faults)
    _check_ids(transfers, faults)
    if prices is None:
        if transfers:
            faults.add(transfers[0].at, "commodity", "transfers without prices.toml", "a prices.toml beside it")
        return
    commodities = {c.name: c for c in prices.commodity}
    _check_prices(prices, commodities, faults)
    for transfer in transfers:
        _check_transfer(transfer, prices, commodities, faults)
    check_overlaps(transfers, faults)
    _check_circles(transfers, prices, faults)


def check_published(records: Iterable[Transfer | Price | IndexYear], as_of: dt.date, faults: Faults) -> None:
    """Refuse what was published after `as_of`: the account of a day may not know it."""
    for record in records:
        if record.published is not None and record.published.last() > as_of:
            faults.add(
                record.at,
                "published",
                f"'{record.published}': later than the day of the account",
                f"a date up to {as_of}",
            )


def _check_sources(
    transfers: Sequence[Transfer], prices: Prices | None, source_ids: Collection[str], faults: Faults
) -> None:
    records: list[Any] = list(transfers)
    if prices is not None:
        records += [*prices.price, *prices.conversion, *prices.deflator, *prices.exchange, *prices.valuation]
    for record in records:
        if record.source != ASSUMPTION and record.source not in source_ids:
            faults.add(
                record.at, "source", f"'{record.source}': unknown source", "an id of sources.yaml or 'assumption'"
            )


def _check_ids(transfers: Sequence[Transfer], faults: Faults) -> None:
    seen: dict[str, At] = {}
    for transfer in transfers:
        if transfer.id in seen:
            faults.add(
                transfer.at, "id", f"'{transfer.id}' also stands in line {seen[transfer.id].line}", "an id of its own"
            )
        seen.setdefault(transfer.id, transfer.at)
    for transfer in transfers:
        for other in transfer.covers:
            if other not in seen:
                faults.add(transfer.at, "covers", f"'{other}': no such entry", "the id of another row")


def _check_prices(prices: Prices, commodities: Mapping[str, Commodity], faults: Faults) -> None:
    rates = {(unit_name(e.currency), e.year) for e in prices.exchange}
    known_years = {d.year for d in prices.deflator}
    if prices.base_year not in known_years:
        faults.add(
            prices.at, "base_year", f"{prices.base_year}: no [[deflator]] for it", f"one of {sorted(known_years)}"
        )
    for price in prices.price:
        commodity = commodities.get(price.commodity)
        if commodity is None:
            faults.add(price.at, "commodity", f"'{price.commodity}': unknown", f"one of {', '.join(commodities)}")
            continue
        if price.per != unit_name(commodity.unit):
            faults.add(
                price.at,
                "unit",
                f"'{price.unit}': {price.commodity} is counted in {commodity.unit}, not in {price.per}",
                f"CURRENCY/{unit_name(commodity.unit)}",
            )
            continue
        if price.currency != "USD" and (price.currency, price.year) not in rates:
            faults.add(
                price.at,
                "unit",
                f"'{price.currency}': no exchange rate for {price.year}",
                f"USD, or an [[exchange]] of {price.currency} for {price.year}",
            )
            continue
        least, most = (usd(v, price, prices) for v in price.extremes)
        low, high = commodity.plausible_usd
        if not (low <= least and most <= high):
            faults.add(
                price.at,
                "point",
                f"{least:,.6g} to {most:,.6g} USD per {price.per} is no price of {price.commodity}",
                f"{low:,.6g} to {high:,.6g} USD (is it another currency, or a price of another unit?)",
            )


def usd(value: float, price: Price, prices: Prices) -> float:
    """A value in the currency of a price, as USD of its year."""
    if price.currency == "USD":
        return value
    rate = next(e.per_usd for e in prices.exchange if unit_name(e.currency) == price.currency and e.year == price.year)
    return value / rate


def conversion_factor(transfer: Transfer, prices: Prices, unit: str) -> float | None:
    """What turns the written quantity into the unit of the commodity; None where there is no way."""
    if unit_name(transfer.unit) == unit_name(unit):
        return 1.0
    for way in prices.conversion:
        same = unit_name(way.from_unit) == unit_name(transfer.unit) and unit_name(way.to_unit) == unit_name(unit)
        if way.commodity == transfer.commodity and same:
            return way.factor * (months_between(transfer.first, transfer.last) if way.per_month else 1.0)
    return None


def months_between(first: dt.date, last: dt.date) -> float:
    """Length in months of 365.25 / 12 days, both ends included.

    >>> round(months_between(dt.date(2024, 1, 1), dt.date(2024, 12, 31)), 2)
    12.02
    """
    return ((last - first).days + 1) / (365.25 / 12)


def _check_transfer(transfer: Transfer, prices: Prices, commodities: Mapping[str, Commodity], faults: Faults) -> None:
    commodity = commodities.get(transfer.commodity)
    if commodity is None:
        faults.add(transfer.at, "commodity", f"'{transfer.commodity}': unknown", f"one of {', '.join(commodities)}")
        return
    if commodity.from_cargo:
        faults.add(
            transfer.at,
            "commodity",
            f"'{transfer.commodity}' comes from the cargo model and would be counted twice",
            "a claim in claims.csv",
        )
        return
    factor = conversion_factor(transfer, prices, commodity.unit)
    if factor is None:
        faults.add(
            transfer.at,
            "unit",
            f"'{transfer.unit}': {transfer.commodity} is counted in {commodity.unit}",
            f"{commodity.unit}, or a [[conversion]] from {transfer.unit} to {commodity.unit}",
        )
        return
    if commodity.most_per_year is not None:
        years = max(1.0, months_between(transfer.first, transfer.last) / 12)
        most = commodity.most_per_year * years
        if transfer.extremes[1] * factor > most:
            faults.add(
                transfer.at,
                "point",
                f"{transfer.extremes[1] * factor:,.6g} {commodity.unit} of {transfer.commodity} is more than can be",
                f"at most {commodity.most_per_year:,.6g} a year (is it another unit?)",
            )


def covering(transfers: Sequence[Transfer]) -> dict[str, str]:
    """For each entry that another one covers, directly or in steps, the entry that counts the flow.

    Of several coverers the first in the file is named. A circle of covers has no counting entry.
    """
    above: dict[str, str] = {}
    for transfer in transfers:
        for other in transfer.covers:
            above.setdefault(other, transfer.id)
    out: dict[str, str] = {}
    for entry in above:
        top, seen = entry, {entry}
        while top in above and above[top] not in seen:
            top = above[top]
            seen.add(top)
        out[entry] = top
    return out


def check_overlaps(transfers: Sequence[Transfer], faults: Faults) -> None:
    """Two rows that count the same flow, and covers of another commodity, are faults.

    Also asked of the rows that were out on an earlier day: there the row that covers both may still be missing.
    """
    covered = covering(transfers)
    counted = [t for t in transfers if t.id not in covered]
    for position, one in enumerate(counted):
        for other in counted[:position]:
            same = all(getattr(one, n) == getattr(other, n) for n in ("payer", "payee", "commodity", "scope"))
            if same and one.first <= other.last and other.first <= one.last:
                faults.add(
                    one.at,
                    "covers",
                    f"'{one.id}' and '{other.id}' (line {other.at.line}) count the same flow of {one.commodity} twice",
                    "one to cover the other, periods that do not overlap, or a scope of its own",
                )
    ids = {t.id: t for t in transfers}
    for entry, top in covered.items():
        if entry in ids and top in ids and ids[entry].commodity != ids[top].commodity and ids[top].scope == "all":
            faults.add(
                ids[top].at,
                "covers",
                f"'{entry}' is {ids[entry].commodity}, '{top}' is {ids[top].commodity}",
                "the same commodity, or a scope that says what is covered",
            )


def _check_circles(transfers: Sequence[Transfer], prices: Prices, faults: Faults) -> None:
    """A figure may not be derived from itself, nor from what this program computes from it."""
    edges: dict[str, list[str]] = {}
    places: dict[str, At] = {}
    for transfer in transfers:
        edges.setdefault(transfer.id, []).extend(transfer.derived_from)
        places[transfer.id] = transfer.at
    for price in prices.price:
        edges.setdefault(price.name, []).extend(price.derived_from)
        places.setdefault(price.name, price.at)
    for valuation in prices.valuation:
        edges.setdefault(valuation.claim, []).extend(valuation.derived_from)
        places[valuation.claim] = valuation.at
    for name, targets in edges.items():
        for target in targets:
            if target == "tumen" or target.startswith(("tumen:", "headline", "cargo:")):
                wrong = f"'{name}' rests on our own result '{target}'"
                faults.add(places[name], "derived_from", wrong, "a source outside")
    covers = {t.id: t.covers for t in transfers}
    for field, graph in (("derived_from", edges), ("covers", covers)):
        for circle in circles(graph):
            chain = " <- ".join([*circle, circle[0]])
            faults.add(places[circle[0]], field, f"circular: {chain}", "a chain that ends in a source")


def circles(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Every circle that a depth-first walk closes, each once, first-written member first.

    >>> circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]})
    [['a', 'b', 'c']]
    """
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(node: str, path: list[str]) -> None:
        if node in path:
            found.append(path[path.index(node) :])
            return
        if node in done:
            return
        for following in edges.get(node, ()):
            walk(following, [*path, node])
        done.add(node)

    for start in edges:
        walk(start, [])
    return found


__all__ = [
    "ASSUMPTION",
    "BASES",
    "Amount",
    "Commodity",
    "Conversion",
    "Exchange",
    "IndexYear",
    "Price",
    "Prices",
    "Transfer",
    "Valuation",
    "check_account",
    "check_overlaps",
    "check_published",
    "conversion_factor",
    "covering",
    "known_by",
    "months_between",
    "read_prices",
    "read_transfers",
    "unit_name",
    "usd",
]
