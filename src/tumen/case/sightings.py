"""sightings.csv: what was seen, where, when and by whom: ships, stacks, trains, depots, empty piers.

Takes the file; gives `Sighting` records and the table SIGHTINGS as reported, before reports of
one event are merged. A sighting that belongs to a look names it. Sightings tell a story; only
looks are counted.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from tumen.case.faults import Faults
from tumen.case.looks import Named, span
from tumen.case.places import distance_km
from tumen.case.read import read_csv
from tumen.case.record import (
    AmountCell,
    Blank,
    ClockCell,
    CountCell,
    DateCell,
    Id,
    IdCell,
    ListCell,
    PartialDate,
    Record,
    ShareCell,
    TextCell,
    Words,
)
from tumen.tables import SIGHTINGS

if TYPE_CHECKING:
    from tumen.case.folder import Case
    from tumen.case.looks import Look

FILE = "sightings.csv"

# A loaded ro-ro or general cargo ship of this size does 12 to 16 kn; nothing in such a trade passes 25 kn.
MAX_SPEED_KNOTS = 25.0
KM_PER_NAUTICAL_MILE = 1.852
# Names that were only inferred may be wrong, so they cannot prove a fault in another row.
FIRM = ("named", "ais")

State = Literal[
    "berthed", "loading", "unloading", "loaded", "departed", "anchored", "absent", "voyage", "inferred_visit",
    "series", "containers", "railcars", "rail_delivery", "depot", "no_observation",
]  # fmt: skip


class Sighting(Record):
    """One row of a report: a vessel, stack or train at one place and time, or its absence."""

    id: Id = Field(description="identifier, unique in the case")
    look: IdCell = Field(default=None, description="look that it belongs to, if it is one of looks.csv")
    date: PartialDate = Field(description="local day, or month")
    date_end: DateCell = Field(default=None, description="last local day of a range")
    time: ClockCell = Field(default=None, description="local time HH:MM, where known")
    place: TextCell = Field(default=None, description="place, as in places.geojson; empty if it is none of them")
    where: TextCell = Field(
        default=None, description="where, in words, if it is no listed place; or the pier as the source has it"
    )
    where_ko: TextCell = Field(default=None, description="the same in Korean")
    what: Literal["vessel", "stack", "railcars", "other", "nothing"] = Field(description="what was seen")
    vessel: TextCell = Field(default=None, description="hull or class, as in vessels.csv")
    named: Annotated[Named | None, Blank] = Field(default=None, description="how it was named, as in looks.csv")
    p_vessel: ShareCell = Field(default=None, description="probability that the name is right, if other than that")
    state: Annotated[State | None, Blank] = Field(default=None, description="what was going on")
    known_by: Literal["direct", "believed", "inferred"] = Field(
        default="direct", description="seen itself, believed by the source, or inferred from other things"
    )
    text: Words = Field(description="what the report says, in our words")
    text_ko: TextCell = Field(default=None, description="the same in Korean")
    length_m: Annotated[Annotated[float, Field(gt=0, le=500)] | None, Blank] = Field(
        default=None, description="measured length, m"
    )
    stack_length_m: AmountCell = Field(default=None, description="length of the stack, m")
    containers: AmountCell = Field(default=None, description="containers seen")
    railcars: CountCell = Field(default=None, description="railcars counted")
    ais: Annotated[Literal["on", "off", "dark", "unknown"] | None, Blank] = Field(
        default=None, description="state of AIS"
    )
    baseline: bool = Field(default=False, description="lies outside the period on purpose, for comparison")
    simulated: bool = Field(default=False, description="invented; refused in a real case")
    published: DateCell = Field(default=None, description="day of publication, where earlier than that of the source")
    source: ListCell = Field(description="source ids")
    note: TextCell = Field(default=None, description="remark")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")

    @model_validator(mode="after")
    def _agrees(self) -> Sighting:
        if not self.source:
            raise ValueError("source: missing; expected an id of sources.yaml")
        if self.date_end is not None and self.date_end.last() < self.date.first():
            raise ValueError(f"date_end: {self.date_end} lies before date {self.date}; expected a later day")
        if self.place is None and self.where is None:
            raise ValueError("place: neither place nor where; expected one of them")
        if self.vessel and self.named is None and self.p_vessel is None:
            raise ValueError("named: a vessel without how it was named; expected `named` or `p_vessel`")
        return self


def read(path: Path, faults: Faults) -> list[Sighting]:
    """Read sightings.csv."""
    return read_csv(path, Sighting, faults)


def check(case: Case, faults: Faults, warnings: list[str]) -> None:
    """Looks that exist, and no ship in two places that it cannot have sailed between."""
    looks = {look.id for look in case.looks}
    for s in case.sightings:
        if s.look is not None and s.look not in looks:
            faults.add(s.at, "look", f"unknown look '{s.look}'", "an id of looks.csv")
    _check_passages(case, faults, warnings)


def _check_passages(case: Case, faults: Faults, warnings: list[str]) -> None:
    places = {p.place: p for p in case.places}
    stays: dict[str, list[tuple[dt.datetime, dt.datetime, tuple[float, float], object]]] = {}
    rows_of_both: list[Look | Sighting] = [*case.looks, *case.sightings]
    for row in rows_of_both:
        if row.vessel is None or row.place not in places:
            continue
        position = places[row.place].position
        if position is not None:
            stays.setdefault(row.vessel, []).append((*span(row, places), position, row))
    named = {v.vessel for v in case.vessels if v.kind == "named"}
    for vessel, rows in stays.items():
        if vessel not in named:  # a class of ships can be in two ports at once
            continue
        rows.sort(key=lambda r: r[0])
        for i, (start, end, here, first) in enumerate(rows):
            for later_start, later_end, there, second in rows[i + 1 :]:
                km = distance_km(here, there)
                # The most generous reading: leaves at the first instant of one row, or arrives at the last of the other.
                hours = max(later_end - start, end - later_start).total_seconds() / 3600
                needed = km / KM_PER_NAUTICAL_MILE / MAX_SPEED_KNOTS
                if needed <= hours:
                    continue
                wrong = (
                    f"{vessel} in {second.place} at most {hours:.1f} h from {first.place} "  # type: ignore[attr-defined]
                    f"({first.at.file}:{first.at.line}), {km:.0f} km away"  # type: ignore[attr-defined]
                )
                if first.named in FIRM and second.named in FIRM:  # type: ignore[attr-defined]
                    faults.add(second.at, "date", wrong, f"at least {needed:.1f} h at {MAX_SPEED_KNOTS:.0f} kn")  # type: ignore[attr-defined]
                else:
                    at = second.at  # type: ignore[attr-defined]
                    warnings.append(f"{at.file}:{at.line}: {wrong}: one of the two names is wrong")


def table(case: Case) -> pa.Table:
    """The table SIGHTINGS, one row a report."""
    places = {p.place: p for p in case.places}
    confidence = case.settings.confidence
    berths = {look.id: look.berth for look in case.looks}
    rows = []
    for s in case.sightings:
        start, end = span(s, places)
        trust = confidence.get(s.known_by)
        rows.append(
            {
                "sighting_id": s.id,
                "look_id": s.look,
                "place": s.place or s.where,
                "berth": berths.get(s.look or ""),
                "start": start,
                "end": end,
                "what": s.what,
                "vessel": s.vessel,
                "p_vessel": case.p_vessel(s),
                "state": s.state,
                "length_m": s.length_m,
                "containers": s.containers,
                "stack_length_m": s.stack_length_m,
                "railcars": s.railcars,
                "ais": s.ais,
                "confidence": trust.probability if trust else 1.0,
                "origin": "simulated" if s.simulated or case.settings.simulated else "reported",
                "report_ids": [s.id],
                "published": case.published(s),
                "source_ids": s.source,
                "text": s.text,
                "evidence_id": s.evidence_id,
            }
        )
    return SIGHTINGS.build(rows)
