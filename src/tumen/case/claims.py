"""claims.csv: published totals for a period, with who first produced them and how they are meant.

Takes the file; gives `Claim` records and the table CLAIMS. A claim's reading is typed (exactly,
at least, up to, a range, capacity if all were 152 mm or 122 mm); claims of one origin group share
their bias, and a derived one adds nothing to what it was derived from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from tumen.case.faults import Faults
from tumen.case.read import read_csv
from tumen.case.record import DateCell, Id, ListCell, PartialDate, RealCell, Record, TextCell, Words
from tumen.tables import CLAIMS

if TYPE_CHECKING:
    from tumen.case.folder import Case

FILE = "claims.csv"

# quantity -> (unit, meaning). One word, one unit: a percentage is written as a share, KRW is not turned into USD.
QUANTITIES: dict[str, tuple[str, str]] = {
    "image_days": ("days", "days with a usable image of the place"),
    "vessel_days": ("days", "usable image days that show a vessel"),
    "cloud_days": ("days", "days lost to cloud"),
    "interval_days": ("days", "days between two arrivals"),
    "visits": ("visits", "port visits by vessels of the route"),
    "visits_per_month": ("visits/month", "port visits a month"),
    "voyages": ("voyages", "laden voyages (trips, shipments) from origin to destination"),
    "containers": ("containers", "20-foot containers"),
    "container_ratio": ("ratio", "containers one way for each container the other way"),
    "rounds": ("rounds", "shells, rockets and mortar bombs"),
    "rounds_per_day": ("rounds/day", "rounds a day"),
    "rounds_per_month": ("rounds/month", "rounds a month"),
    "rounds_per_year": ("rounds/year", "rounds a year"),
    "rate_ratio": ("ratio", "a flow or output relative to that of another year"),
    "tonnes": ("t", "metric tonnes"),
    "barrels": ("barrels", "barrels of petroleum products"),
    "barrels_per_year": ("barrels/year", "barrels a year"),
    "tanker_trips": ("trips", "tanker voyages"),
    "missiles": ("missiles", "ballistic missiles"),
    "persons": ("persons", "people"),
    "units": ("units", "pieces of equipment"),
    "railcars": ("railcars", "freight railcars"),
    "sites": ("sites", "depots, plants or other sites"),
    "usd": ("USD", "US dollars of the time of the claim"),
    "usd_per_year": ("USD/year", "US dollars a year"),
    "krw": ("KRW", "won of the time of the claim"),
    "krw_per_year": ("KRW/year", "won a year"),
    "share": ("share", "share, 0 to 1"),
}
SHARES = ("share",)
# What the count and the weighing read of the claims, by quantity; the munitions of loading.toml come on top for cargo.
OF_VISITS = ("visits", "visits_per_month", "voyages", "vessel_days", "image_days")
OF_CARGO = (
    "containers", "containers_arms", "tonnes", "rounds", "usable_rounds", "rounds_per_month", "rounds_per_year", "rate_ratio",
    "voyages",
)  # fmt: skip

Reading = Literal["exactly", "at_least", "up_to", "range", "capacity_152", "capacity_122"]
Independence = Literal["own observation", "derived", "claim", "self-report"]


class Claim(Record):
    """One published figure."""

    id: Id = Field(description="identifier, unique in the case")
    quantity: Literal[tuple(QUANTITIES)] = Field(description="what is counted, one word of the list below")  # type: ignore[valid-type]
    item: Words = Field(description="of what: munitions, 152 mm, refined petroleum, wheat flour, soldiers ...")
    label: Words = Field(description="the quantity as the source has it, shortened, in our words")
    label_ko: TextCell = Field(default=None, description="the same in Korean")
    low: RealCell = Field(default=None, description="lower value of a range")
    point: RealCell = Field(default=None, description="single value")
    high: RealCell = Field(default=None, description="upper value of a range, or the limit of 'up to'")
    unit: Words = Field(description="unit; each quantity has one")
    reading: Reading = Field(description="how the figure is meant")
    direction: Words = Field(
        description="DPRK->RUS, RUS->DPRK, or 'domestic production', 'use', 'stock', 'loss', 'limit'"
    )
    scope: Literal["sea", "rail", "all", "place"] = Field(description="what the figure is meant to cover")
    place: TextCell = Field(default=None, description="port that it speaks of, as in places.geojson")
    vessel: TextCell = Field(default=None, description="hull that it speaks of, as in vessels.csv")
    where: TextCell = Field(default=None, description="scope in the source's words")
    where_ko: TextCell = Field(default=None, description="the same in Korean")
    period_start: PartialDate = Field(description="first day, month or year of the period")
    period_end: DateCell = Field(default=None, description="last day, month or year of the period")
    forecast: bool = Field(default=False, description="a plan, target or rate that runs past its publication")
    published: DateCell = Field(default=None, description="day of publication, where earlier than that of the source")
    origin_group: Words = Field(description="who first produced it; claims of one group share their bias")
    independence: Independence = Field(description="how it came about")
    derived_from: ListCell = Field(default=[], description="claim ids or origin groups that it was computed from")
    group: TextCell = Field(
        default=None, description="figures of one statement that belong together, e.g. csis-2024-02"
    )
    use: Literal["evidence", "check", "no"] = Field(
        description="evidence: may enter a likelihood; check: only compared; no: kept for the record, reason in note"
    )
    simulated: bool = Field(default=False, description="invented; refused in a real case")
    source: ListCell = Field(description="source ids")
    note: TextCell = Field(default=None, description="remark")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")

    @model_validator(mode="after")
    def _agrees(self) -> Claim:
        if not self.source:
            raise ValueError("source: missing; expected an id of sources.yaml")
        if self.period_end is not None and self.period_end.last() < self.period_start.first():
            raise ValueError(
                f"period_end: {self.period_end} lies before period_start {self.period_start}; expected a later day"
            )
        self._check_values()
        if self.use == "no" and not self.note:
            raise ValueError("note: use is 'no' without a reason; expected the reason in note")
        if self.scope == "place" and self.place is None:
            raise ValueError("place: scope is 'place' without a place; expected a name of places.geojson")
        return self

    def _bound(self, value: float) -> str:
        return next(name for name in ("low", "point", "high") if getattr(self, name) == value)

    def _check_values(self) -> None:
        unit = QUANTITIES[self.quantity][0]
        if self.unit != unit:
            raise ValueError(f"unit: '{self.unit}' of {self.quantity}; expected '{unit}'")
        given = [v for v in (self.low, self.point, self.high) if v is not None]
        if not given:
            raise ValueError("point: no value; expected low, point or high")
        if min(given) < 0:
            raise ValueError(f"{self._bound(min(given))}: {min(given):g} is negative; expected 0 or more")
        if self.quantity in SHARES and max(given) > 1:
            raise ValueError(f"{self._bound(max(given))}: share {max(given):g}; expected 0 to 1")
        if given != sorted(given):
            raise ValueError("low: low, point and high are out of order; expected low <= point <= high")
        if self.reading == "range" and (self.low is None or self.high is None):
            raise ValueError("reading: 'range' without both ends; expected low and high")
        if self.reading == "at_least" and self.point is None and self.low is None:
            raise ValueError("reading: 'at_least' without a value; expected point or low")
        if self.reading == "up_to" and self.point is None and self.high is None:
            raise ValueError("reading: 'up_to' without a value; expected high or point")


def read(path: Path, faults: Faults) -> list[Claim]:
    """Read claims.csv."""
    return read_csv(path, Claim, faults)


def check(case: Case, faults: Faults, warnings: list[str]) -> None:
    """What a claim was derived from exists; nothing is published before its period begins."""
    ids = {c.id for c in case.claims}
    groups = {c.origin_group for c in case.claims}
    for c in case.claims:
        for other in c.derived_from:
            if other not in ids and other not in groups:
                faults.add(
                    c.at, "derived_from", f"'{other}' is no claim and no origin group", "an id or group of claims.csv"
                )
            if other == c.id:
                faults.add(
                    c.at, "derived_from", "a claim cannot be derived from itself", "another claim or origin group"
                )
        published = case.published(c)
        if published is not None and not c.forecast and c.period_start.first() > published:
            faults.add(
                c.at,
                "published",
                f"published by {published}, before its period begins ({c.period_start})",
                "a later day, or forecast = yes",
            )
        if c.period_end is None:
            warnings.append(f"{c.at.file}:{c.at.line}: {c.id} has no period_end")


def table(case: Case) -> pa.Table:
    """The table CLAIMS."""
    rows = []
    for c in case.claims:
        row = {name: getattr(c, name) for name in _SAME}
        row |= {
            "claim_id": c.id,
            "derived_from": "; ".join(c.derived_from) or None,
            "period_start": c.period_start.first(),
            "period_end": c.period_end.last() if c.period_end else None,
            "published": case.published(c),
            "source_id": c.source[0],
            "evidence_id": c.evidence_id,
        }
        rows.append(row)
    return CLAIMS.build(rows)


_SAME = (
    "quantity", "item", "label", "label_ko", "low", "point", "high", "unit", "reading", "direction", "scope", "place", "vessel",
    "forecast", "origin_group", "independence", "group", "use", "note",
)  # fmt: skip
