"""looks.csv: every attempt to see a place, also those that found nothing and those under cloud.

Takes the file; gives `Look` records and the table LOOKS. One scene is one look, whatever number
of ships it shows. The traffic model reads looks, because an empty one carries as much news as a
full one. Dates are local days of the place; the table is in UTC.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from tumen.case.faults import Faults
from tumen.case.places import Place
from tumen.case.read import read_csv
from tumen.case.record import (
    AmountCell,
    Blank,
    ClockCell,
    CountCell,
    DateCell,
    FlagCell,
    Id,
    IdCell,
    ListCell,
    PartialDate,
    Record,
    ShareCell,
    TextCell,
    Words,
)
from tumen.tables import LOOKS

if TYPE_CHECKING:
    from tumen.case.folder import Case

FILE = "looks.csv"

Activity = Literal["berthed", "loading", "unloading", "loaded", "departed", "anchored", "absent"]
Named = Literal["named", "ais", "shape_match", "believed", "inferred"]


class Look(Record):
    """One image, one AIS watch or one human report of a place."""

    id: Id = Field(description="identifier, unique in the case")
    date: PartialDate = Field(description="local day of the look")
    date_end: DateCell = Field(default=None, description="last local day, where the report gives a range")
    time: ClockCell = Field(default=None, description="local time HH:MM, where known")
    place: Words = Field(description="port that was looked at, as in places.geojson")
    berth: TextCell = Field(default=None, description="pier or berth, where the look is of that alone")
    sensor: TextCell = Field(default=None, description="e.g. Planet, Sentinel-1, AIS, human report")
    collector: Words = Field(description="who looked (origin group): CSIS, VOA ...")
    usable_share: ShareCell = Field(
        default=None, description="share of the place that could be seen; 0 under cloud; empty: as case.toml assumes"
    )
    selection: Literal["series", "event", "tasked", "unknown"] = Field(
        description="series: the report tells every image of a run, also empty ones; event: told because something "
        "was seen; tasked: bought because something was expected; unknown"
    )
    vessel_present: FlagCell = Field(
        default=None,
        description="a vessel of the route was seen alongside: yes, no, or empty if the look does not tell",
    )
    vessel_count: CountCell = Field(default=None, description="vessels of the route alongside")
    count_reading: Annotated[Literal["exactly", "at_least"] | None, Blank] = Field(
        default=None, description="how the count is meant"
    )
    other_count: CountCell = Field(
        default=None, description="vessels alongside that are not of the route (coal, oil, navy)"
    )
    vessel: TextCell = Field(default=None, description="hull or class named in the report, as in vessels.csv")
    named: Annotated[Named | None, Blank] = Field(
        default=None, description="how it was named; case.toml gives each word its probability"
    )
    p_vessel: ShareCell = Field(default=None, description="probability that the name is right, if other than that")
    length_m: Annotated[Annotated[float, Field(gt=0, le=500)] | None, Blank] = Field(
        default=None, description="measured length, m"
    )
    activity: Annotated[Activity | None, Blank] = Field(default=None, description="what the vessel was doing")
    stack_present: FlagCell = Field(
        default=None, description="containers stacked ashore: yes, no, or empty if not told"
    )
    stack_length_m: AmountCell = Field(default=None, description="length of the stack, m")
    containers: AmountCell = Field(default=None, description="containers counted or estimated by the source")
    ais: Annotated[Literal["on", "off", "unknown"] | None, Blank] = Field(default=None, description="state of AIS")
    same_scene_as: IdCell = Field(
        default=None, description="look that probably shows the same scene: its errors are shared, it adds no new look"
    )
    baseline: bool = Field(default=False, description="lies outside the period on purpose, for comparison")
    simulated: bool = Field(default=False, description="invented; refused in a real case")
    published: DateCell = Field(default=None, description="day of publication, where earlier than that of the source")
    source: ListCell = Field(description="source ids")
    note: TextCell = Field(default=None, description="remark, and the reason for every judgement of ours in the row")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")

    @model_validator(mode="after")
    def _agrees(self) -> Look:
        if not self.source:
            raise ValueError("source: missing; expected an id of sources.yaml")
        if self.date_end is not None:
            if self.date_end.last() < self.date.first():
                raise ValueError(f"date_end: {self.date_end} lies before date {self.date}; expected a later day")
            if self.time:
                raise ValueError("time: a time of day for a range of days; expected one or the other")
        if self.usable_share == 0 and self.vessel_present is not None:
            raise ValueError("vessel_present: told, yet usable_share is 0; expected it empty where nothing was visible")
        if self.vessel_present is False and (self.vessel_count or self.vessel):
            raise ValueError("vessel_present: no, yet a vessel is named or counted; expected yes")
        if self.vessel_present and self.vessel_count == 0:
            raise ValueError("vessel_count: 0, yet vessel_present is yes; expected at least 1")
        if self.vessel and self.named is None and self.p_vessel is None:
            raise ValueError("named: a vessel without how it was named; expected `named` or `p_vessel`")
        return self


def span(record: Any, places: Mapping[str, Place]) -> tuple[dt.datetime, dt.datetime]:
    """Earliest and latest instant (UTC) of a record with date, date_end, time and place.

    A dated record with no hour spans its local days; a place that is not known counts as UTC.
    """
    place = places.get(record.place or "")
    zone = dt.timezone(dt.timedelta(hours=place.utc_offset_hours)) if place else dt.UTC
    start = dt.datetime.combine(record.date.first(), dt.time(), zone)
    if getattr(record, "time", None):
        start = dt.datetime.combine(record.date.first(), dt.time.fromisoformat(record.time), zone)
        return start.astimezone(dt.UTC), start.astimezone(dt.UTC)
    last = max((record.date_end or record.date).last(), record.date.last())
    end = dt.datetime.combine(last, dt.time(), zone) + dt.timedelta(days=1)
    return start.astimezone(dt.UTC), end.astimezone(dt.UTC)


def read(path: Path, faults: Faults) -> list[Look]:
    """Read looks.csv."""
    return read_csv(path, Look, faults)


def check(case: Case, faults: Faults, warnings: list[str]) -> None:
    """Places, berths, vessels and words that exist; scenes that refer to looks of the same days."""
    places = {p.place: p for p in case.places}
    looks = {look.id: look for look in case.looks}
    for look in case.looks:
        if look.berth is not None and look.berth not in places:
            faults.add(look.at, "berth", f"unknown place '{look.berth}'", "a name of places.geojson, or empty")
        elif look.berth is not None and places[look.berth].part_of in {None, *places} - {look.place}:
            faults.add(
                look.at,
                "berth",
                f"'{look.berth}' is not part of '{look.place}'",
                "a berth of that port in places.geojson",
            )
        if look.same_scene_as is not None:
            other = looks.get(look.same_scene_as)
            if other is None or other is look:
                faults.add(
                    look.at,
                    "same_scene_as",
                    f"unknown look '{look.same_scene_as}'",
                    "the id of another look of looks.csv",
                )
            elif other.place != look.place or not _overlap(look, other):
                faults.add(
                    look.at,
                    "same_scene_as",
                    f"'{other.id}' is of another place or day",
                    "a look of the same place and day",
                )
            elif other.same_scene_as is not None:
                faults.add(
                    look.at,
                    "same_scene_as",
                    f"'{other.id}' itself refers to '{other.same_scene_as}'",
                    "the first look of the scene",
                )


def _overlap(a: Look, b: Look) -> bool:
    return a.date.first() <= (b.date_end or b.date).last() and b.date.first() <= (a.date_end or a.date).last()


def table(case: Case) -> pa.Table:
    """The table LOOKS."""
    places = {p.place: p for p in case.places}
    rows = []
    for look in case.looks:
        start, end = span(look, places)
        share = look.usable_share if look.usable_share is not None else case.settings.looks.usable_share
        rows.append(
            {
                "look_id": look.id,
                "place": look.place,
                "berth": look.berth,
                "start": start,
                "end": end,
                "sensor": look.sensor,
                "collector": look.collector,
                "usable_share": share,
                "tasked": {"tasked": True, "series": False}.get(look.selection),
                "selection": look.selection,
                "vessel_present": look.vessel_present,
                "vessel_count": look.vessel_count,
                "count_reading": look.count_reading or ("exactly" if look.vessel_count is not None else None),
                "other_count": look.other_count,
                "vessel": look.vessel,
                "p_vessel": case.p_vessel(look),
                "length_m": look.length_m,
                "activity": look.activity,
                "stack_present": look.stack_present,
                "stack_length_m": look.stack_length_m,
                "containers": look.containers,
                "same_scene_as": look.same_scene_as,
                "published": case.published(look),
                "origin": "simulated" if look.simulated or case.settings.simulated else "reported",
                "source_ids": look.source,
                "note": look.note,
                "evidence_id": look.evidence_id,
            }
        )
    return LOOKS.build(rows)
