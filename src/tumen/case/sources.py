"""sources.yaml: every document that a row leans on, with its Admiralty reliability.

Takes the file; gives `Source` records and the table SOURCES. The letter is shown and used as
a setting with a stated meaning; it is never turned into a number in silence.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from pydantic import Field

from tumen.case.faults import Faults
from tumen.case.read import read_yaml
from tumen.case.record import Day, Id, PartialDate, Record, TextCell, Words
from tumen.tables import SOURCES

if TYPE_CHECKING:
    from tumen.case.folder import Case

FILE = "sources.yaml"


class Source(Record):
    """One document."""

    id: Id = Field(description="identifier, named by rows of the other files")
    publisher: Words = Field(description="who published it")
    title: Words = Field(description="title, translated where needed")
    title_ko: TextCell = Field(default=None, description="title in Korean: its own where it has one, else translated")
    date: PartialDate | None = Field(description="day, month or year of publication; null if it bears none")
    url: TextCell = Field(default=None, description="public address")
    kind: Words = Field(description="press, academic, think-tank imagery analysis, government statement ...")
    reliability: Literal["A", "B", "C", "D", "E", "F"] = Field(description="NATO Admiralty reliability of the source")
    why: TextCell = Field(default=None, description="reason for the letter")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")
    seen: bool = Field(default=True, description="the page or a stored excerpt was read by whoever made the row")
    cited: bool = Field(default=True, description="a row of the case names it; others were read for comparison")
    reference: bool = Field(
        default=False,
        description="reference material (a container's size, a port's position): what it says was true and "
        "findable all along, so as-of never hides it",
    )
    simulated: bool = Field(default=False, description="invented; refused in a real case, with all that leans on it")
    not_after: Day | None = Field(
        default=None, description="latest day on which it can have been published, where `date` says less"
    )
    not_after_why: TextCell = Field(default=None, description="how that day is known")
    not_after_why_ko: TextCell = Field(default=None, description="the reason in Korean")

    @property
    def published(self) -> dt.date | None:
        """Latest day on which it can have been published; None where nothing bounds it."""
        bounds = [d for d in (self.date.last() if self.date else None, self.not_after) if d]
        return min(bounds) if bounds else None

    def known_by(self, day: dt.date) -> bool:
        """Whether it was surely published by the day. An undated source that is no reference is never known."""
        return self.reference or (self.published is not None and self.published <= day)


def read(path: Path, faults: Faults) -> list[Source]:
    """Read sources.yaml."""
    return read_yaml(path, Source, faults, "sources")


def check(case: Case, faults: Faults, warnings: list[str]) -> None:
    """Date bounds that make sense, and undated sources that as-of will hide."""
    for s in case.sources:
        if s.simulated and not case.settings.simulated:
            faults.add(s.at, "simulated", f"{s.id} is invented, in a real case", "a case with simulated = true")
        if s.not_after and s.date and s.not_after < s.date.first():
            faults.add(s.at, "not_after", f"{s.not_after} lies before the date {s.date}", "a day on or after it")
        if s.published is None and not s.reference:
            warnings.append(
                f"{s.at.file}:{s.at.line}: {s.id} has no date and is no reference: its rows are hidden as of every day"
            )


def table(sources: Iterable[Source]) -> pa.Table:
    """The table SOURCES."""
    return SOURCES.build(
        [
            {
                "source_id": s.id,
                "publisher": s.publisher,
                "title": s.title,
                "title_ko": s.title_ko,
                "date_text": s.date,
                "published": s.published,
                "url": s.url,
                "kind": s.kind,
                "reliability": s.reliability,
                "why": s.why,
                "why_ko": s.why_ko,
                "seen": s.seen,
                "evidence_id": s.evidence_id,
            }
            for s in sources
        ]
    )
