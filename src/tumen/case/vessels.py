"""vessels.csv and listings.csv: the roster of hulls and size classes, and who has sanctioned them.

Takes the files; gives `Vessel` and `Listing` records and the table VESSELS. A particular that
became known later than the ship itself names its own source in `field_sources`, so that a
case as of an earlier day does not know it yet.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import pyarrow as pa
from pydantic import AfterValidator, Field

from tumen.case.faults import Faults
from tumen.case.read import read_csv
from tumen.case.record import AmountCell, Blank, DateCell, Id, ListCell, Record, TextCell, Words
from tumen.case.sources import Source
from tumen.tables import VESSELS

if TYPE_CHECKING:
    from tumen.case.folder import Case

FILE = "vessels.csv"
LISTINGS_FILE = "listings.csv"


def imo_is_valid(text: str) -> bool:
    """Whether seven digits carry the right IMO check digit (last = sum of the others times 7..2, modulo 10).

    >>> imo_is_valid("9179842"), imo_is_valid("9179843")
    (True, False)
    """
    if len(text) != 7 or not (text.isascii() and text.isdigit()):
        return False
    return sum(int(d) * w for d, w in zip(text, range(7, 1, -1), strict=False)) % 10 == int(text[-1])


def _imo(value: str | None) -> str | None:
    if value is not None and not imo_is_valid(value):
        raise ValueError("fails the IMO check digit; expected seven digits, the last one the check digit")
    return value


def _mmsi(value: str | None) -> str | None:
    if value is not None and not (len(value) == 9 and value.isascii() and value.isdigit()):
        raise ValueError("no MMSI; expected nine digits")
    return value


Length = Annotated[Annotated[float, Field(gt=0, le=500)] | None, Blank]


class Vessel(Record):
    """One hull, or one class of unnamed hulls of like size."""

    vessel: Words = Field(description="name or class, as every other file has it")
    kind: Literal["named", "class"] = Field(description="named: one hull; class: unnamed hulls of like length")
    on_route: bool = Field(description="taken to serve the route of the case; no: a negative example, never counted")
    imo: Annotated[str | None, Blank, AfterValidator(_imo)] = Field(default=None, description="IMO number")
    mmsi: Annotated[str | None, Blank, AfterValidator(_mmsi)] = Field(default=None, description="MMSI, nine digits")
    flag: TextCell = Field(default=None, description="flag state")
    type: TextCell = Field(default=None, description="ship type")
    year_built: Annotated[Annotated[int, Field(ge=1900, le=2100)] | None, Blank] = Field(
        default=None, description="year built"
    )
    length_m: Length = Field(default=None, description="length over all, m")
    beam_m: Annotated[Annotated[float, Field(gt=0, le=100)] | None, Blank] = Field(default=None, description="beam, m")
    dwt_t: AmountCell = Field(default=None, description="deadweight, t")
    gt: AmountCell = Field(default=None, description="gross tonnage")
    teu: AmountCell = Field(default=None, description="container capacity, TEU")
    draught_m: Annotated[Annotated[float, Field(gt=0, le=30)] | None, Blank] = Field(
        default=None, description="loaded draught, m"
    )
    owner: TextCell = Field(default=None, description="owner or operator")
    aliases: ListCell = Field(default=[], description="other names")
    source: ListCell = Field(description="source ids, each of which alone shows that the ship belongs in this file")
    field_sources: ListCell = Field(
        default=[], description="field=source id, for particulars that another source gives, e.g. 'imo=x-2025'"
    )
    note: TextCell = Field(default=None, description="remark")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")

    def sources_by_field(self) -> dict[str, str]:
        """Which source gives which particular."""
        pairs = (item.partition("=") for item in self.field_sources)
        return {name.strip(): source.strip() for name, _, source in pairs}

    def as_of_day(self, day: dt.date, sources: Mapping[str, Source]) -> Vessel | None:
        """The ship as it was known on a day: None if no source had named it, late particulars blank."""
        if not any(s in sources and sources[s].known_by(day) for s in self.source):
            return None
        late = {f: None for f, s in self.sources_by_field().items() if s not in sources or not sources[s].known_by(day)}
        kept = [i for i in self.field_sources if i.partition("=")[0].strip() not in late]
        return self.model_copy(update={**late, "field_sources": kept}) if late else self


class Listing(Record):
    """One sanctions listing of a ship or of its owner."""

    id: Id = Field(description="identifier")
    vessel: Words = Field(description="ship, as in vessels.csv")
    target: Literal["vessel", "owner"] = Field(description="what was listed")
    by: Words = Field(description="who listed it")
    date: DateCell = Field(default=None, description="day, month or year of the listing")
    source: ListCell = Field(description="source ids")
    note: TextCell = Field(default=None, description="remark")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")


def read(path: Path, faults: Faults) -> list[Vessel]:
    """Read vessels.csv."""
    return read_csv(path, Vessel, faults)


def read_listings(path: Path, faults: Faults) -> list[Listing]:
    """Read listings.csv."""
    return read_csv(path, Listing, faults)


def check(case: Case, faults: Faults, warnings: list[str]) -> None:
    """Sources of single particulars, IMO numbers that stand twice, listings of unknown ships."""
    known = {s.id for s in case.sources}
    by_imo: dict[str, Vessel] = {}
    for v in case.vessels:
        for name, source in v.sources_by_field().items():
            if name not in Vessel.model_fields or name in ("vessel", "kind", "on_route", "source", "field_sources"):
                faults.add(v.at, "field_sources", f"'{name}' is not a particular", "field=source id, e.g. imo=x-2025")
            elif source not in known:
                faults.add(v.at, "field_sources", f"unknown source '{source}'", "an id of sources.yaml")
        if v.imo:
            first = by_imo.setdefault(v.imo, v)
            if first is not v:
                faults.add(
                    v.at, "imo", f"{v.imo} also stands at line {first.at.line} ({first.vessel})", "one row for a hull"
                )
    names = {v.vessel for v in case.vessels}
    for listing in case.listings:
        if listing.vessel not in names:
            faults.add(listing.at, "vessel", f"unknown vessel '{listing.vessel}'", "a name of vessels.csv")


def table(vessels: Iterable[Vessel]) -> pa.Table:
    """The table VESSELS."""
    fields = (
        "vessel",
        "kind",
        "imo",
        "mmsi",
        "flag",
        "type",
        "length_m",
        "beam_m",
        "dwt_t",
        "teu",
        "draught_m",
        "on_route",
    )
    return VESSELS.build(
        [{**{f: getattr(v, f) for f in fields}, "source_ids": v.source, "evidence_id": v.evidence_id} for v in vessels]
    )
