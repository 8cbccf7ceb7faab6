"""Published claims as statements about the latent truth: what they count, where, when, and how they are worded.

Takes the table `claims` (all of the case); gives the `Statement`s that speak of cargo. A statement is evidence
only where its row says so, nothing it was derived from is in the room, and its window lies within the period;
any other is compared and adds nothing.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass

import pyarrow as pa

from tumen.case.loading import Loading

# A claim that says "to the end of the month" may outlast a period that ends within it.
GRACE_DAYS = 31

# Rates are read as the total of their window, up to the day of publication.
RATES = {"rounds_per_month": "rounds", "rounds_per_year": "rounds"}
# What all boxes would hold if each were full of one munition.
CAPACITY = "capacity"
# A flow relative to that of the year before: biases of the origin cancel.
RATIO = "rate_ratio"
TOTALS = ("containers", "containers_arms", "tonnes", "rounds", "usable_rounds")
COLUMNS = [
    "claim_id", "quantity", "low", "point", "high", "unit", "reading", "direction", "scope", "place", "vessel",
    "period_start", "period_end", "forecast", "published", "origin_group", "independence", "derived_from", "group", "use",
    "item", "evidence_id",
]  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """One claim: `form` is exactly | at_least | up_to | range, `lower` and `upper` are logs of what it says.

    `munition` is that of a capacity; `on_voyages` is how many voyages its author counted the boxes of, where the same
    statement says so: then it speaks of the load of as many voyages, not of all that sailed.
    """

    claim_id: str
    group: str
    kind: str
    quantity: str
    unit: str
    reading: str
    form: str
    low: float | None
    point: float | None
    high: float | None
    lower: float
    upper: float
    tilted: bool  # a floor or ceiling that its author chose near to what he believes
    start: dt.date
    end: dt.date
    scope: str  # sea | rail | all
    place: str | None
    vessel: str | None
    used: str  # evidence | check | derived
    why: str  # why it is not evidence, or empty
    evidence_id: str | None
    munition: str | None = None
    on_voyages: float | None = None

    @property
    def biased(self) -> bool:
        """Whether the bias of its origin enters: it cancels in a ratio of two of its own figures."""
        return self.quantity != RATIO

    @property
    def year_before(self) -> tuple[dt.date, dt.date]:
        """The twelve months before its window, which a ratio is relative to."""
        return self.start.replace(year=self.start.year - 1, day=min(self.start.day, 28)), self.start - dt.timedelta(
            days=1
        )

    @property
    def middle_day(self) -> int:
        """Day on which its running total stands."""
        return self.end.toordinal()


def read(
    claims: pa.Table, loading: Loading, period: tuple[dt.date, dt.date], typical: dict[str, float], places: set[str]
) -> tuple[list[Statement], list[tuple[str, str]]]:
    """Statements about cargo in the route's direction, and (claim_id, reason) of rows that could not be read.

    `typical` is how much of each quantity a mean box carries, by which a claim of zero is read.
    """
    out: list[Statement] = []
    unread: list[tuple[str, str]] = []
    rows = claims.select([c for c in COLUMNS if c in claims.column_names]).to_pylist()
    counted = _voyages_counted(rows)
    for row in rows:
        quantity = RATES.get(str(row["quantity"]), str(row["quantity"]))
        if row["use"] == "no" or row["direction"] != loading.direction:
            continue
        if quantity not in (*TOTALS, *loading.munition, "voyages", RATIO):
            continue
        made = _statement(row, quantity, loading, period, typical, places, counted)
        if isinstance(made, str):
            unread.append((row["claim_id"], made))
        else:
            out.append(made)
    return out, unread


def _voyages_counted(rows: list[dict]) -> dict[tuple, float]:
    """Voyages that one origin counted, by what a count of boxes must share with it to be of the same voyages."""
    out = {}
    for row in rows:
        if row["quantity"] == "voyages" and row["point"] and row.get("group"):
            out[_same(row)] = float(row["point"])
    return out


def _same(row: dict) -> tuple:
    keys = ("group", "origin_group", "direction", "scope", "place", "vessel", "period_start", "period_end")
    return tuple(row.get(key) for key in keys)


def _statement(
    row: dict,
    quantity: str,
    loading: Loading,
    period: tuple[dt.date, dt.date],
    typical: dict[str, float],
    places: set[str],
    counted: dict[tuple, float],
) -> Statement | str:
    start = row["period_start"]
    end = row["period_end"] or row["published"]
    # A rate may be told to run on; it speaks of the time until it was published all the same.
    plan = bool(row.get("forecast")) and not (row["quantity"] in RATES and start <= row["published"])
    if not plan:
        end = min(end, row["published"])  # a count cannot hold what came after it was published
    if end < start:
        return f"its period ends {end}, before it starts {start}"
    values = [row["low"], row["point"], row["high"]]
    if any(v is not None and (not math.isfinite(v) or v < 0) for v in values):
        return "a value is negative or not finite"
    times = _times(row["unit"], start, end)
    low, point, high = (None if v is None else v * times for v in values)
    reading, munition = row["reading"], None
    if reading.startswith("capacity"):
        munition = loading.claims.capacity.get(reading)
        if quantity != "rounds" or munition is None:
            return f"reading {reading} needs rounds, and a munition under [claims.capacity] of loading.toml"
        quantity = CAPACITY
        reading = "exactly" if point is not None else "up_to"
    elif quantity == "rounds":
        quantity = loading.claims.items.get(row.get("item") or "", quantity)
    on_voyages = counted.get(_same(row)) if quantity == "containers" else None
    if on_voyages is not None and reading == "at_least":
        # Worded as a floor because some voyages were missed; of those counted it is the count.
        reading = "exactly"
    bounds = _bounds(reading, low, point, high, loading.claims.zero_boxes * typical.get(quantity, 1.0))
    if isinstance(bounds, str):
        return bounds
    form, lower, upper, tilted = bounds
    scope, place = _scope(row["scope"], row["place"], places)
    used, why = _used(row, quantity, end, start, period, plan)
    return Statement(
        claim_id=row["claim_id"], group=row["origin_group"], kind=loading.claims.kind_of(row["origin_group"]),
        quantity=quantity, unit=row["unit"], reading=row["reading"], form=form, low=low, point=point, high=high,
        lower=lower, upper=upper, tilted=tilted, start=start, end=end, scope=scope, place=place,
        vessel=row["vessel"], used=used, why=why, evidence_id=row.get("evidence_id"),
        munition=munition, on_voyages=on_voyages,
    )  # fmt: skip


def _times(unit: str, start: dt.date, end: dt.date) -> float:
    """What a rate must be multiplied by to become the total of its window."""
    days = (end - start).days + 1
    if re.search(r"(per|/)\s*month", unit):
        return days / (365.25 / 12)
    if re.search(r"(per|/)\s*year", unit):
        return days / 365.25
    return 1.0


def _bounds(
    reading: str, low: float | None, point: float | None, high: float | None, nothing: float
) -> tuple[str, float, float, bool] | str:
    def log(value: float) -> float:
        return math.log(value)

    if reading == "at_least":
        floor = point if point is not None else low
        if not floor:
            return "a floor with no value above 0"
        return "at_least", log(floor), math.inf, True
    if reading == "up_to":
        ceiling = point if point is not None else high
        if not ceiling:
            return "a ceiling with no value above 0"
        return "up_to", -math.inf, log(ceiling), True
    if point is not None:
        if point == 0:
            return "up_to", -math.inf, log(nothing), False
        return "exactly", log(point), log(point), False
    if low is None or high is None or low > high or not high:
        return "a range needs a low and a high above 0, low first"
    return "range", log(low) if low else -math.inf, log(high), False


def _scope(scope: str, place: str | None, places: set[str]) -> tuple[str, str | None]:
    """Stream and port of a claim: a port of the voyages narrows it to them; any other place means the sea route."""
    if scope in ("all", "rail"):
        return scope, None
    for name in (place, scope):
        if name in places:
            return "sea", name
    return "sea", None


def _used(
    row: dict, quantity: str, end: dt.date, start: dt.date, period: tuple[dt.date, dt.date], plan: bool
) -> tuple[str, str]:
    if row["independence"] == "derived" or row["derived_from"]:
        return "derived", f"computed from {row['derived_from'] or 'other figures'}"
    if row["use"] != "evidence":
        return "check", "the case only compares it"
    if plan:
        return "check", "it is a plan or forecast"
    if quantity == "voyages":
        return "check", "a count of voyages: it speaks to the traffic, not to the cargo"
    if (end - period[1]).days > GRACE_DAYS:
        return "check", f"its window runs to {end}, past the period"
    if end < period[0]:
        return "check", "its window lies before the period"
    if quantity == RATIO and start.replace(year=start.year - 1, day=min(start.day, 28)) < period[0]:
        return "check", "the year that it is relative to lies before the period"
    return "evidence", ""
