"""case.toml: the question, the period, the actors, and every assumption that is ours.

Takes the file; gives `Settings`. An assumption that several rows share (how sure is a ship
that was matched by shape?) stands here once, with its reason, and the rows name it.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from tumen.case.faults import Faults
from tumen.case.read import read_toml
from tumen.case.record import Day, Id, ListCell, Record, TextCell, Words
from tumen.case.traffic_settings import TrafficSettings

FILE = "case.toml"

Share = Annotated[float, Field(ge=0, le=1)]


class About(Record):
    """What is asked, of whom, for which days."""

    name: Id = Field(description="short name of the case, as in file names")
    title: Words = Field(description="title, as the brief prints it")
    title_ko: str | None = Field(default=None, description="title in Korean")
    question: Words = Field(description="the question that the brief answers in its first paragraph")
    question_ko: str | None = Field(default=None, description="the same question in Korean")
    origin: Annotated[str, Field(pattern=r"^[A-Z]{2,6}$")] = Field(
        description="state that sends, as directions name it: DPRK"
    )
    recipient: Annotated[str, Field(pattern=r"^[A-Z]{2,6}$")] = Field(description="state that receives: RUS")
    period_start: Day = Field(description="first day that the case speaks of")
    period_end: Day = Field(description="last day that the case speaks of")
    as_of: Day = Field(description="nothing published after this day is used, unless the command line says another")
    seed: int = Field(ge=0, le=2**63 - 1, description="seed of every random draw: the same seed gives the same figures")
    simulated: bool = Field(default=False, description="true for an invented world; its results say so everywhere")

    @model_validator(mode="after")
    def _order(self) -> About:
        if self.period_end < self.period_start:
            raise ValueError(
                f"period_end: {self.period_end} lies before period_start {self.period_start}; expected a later day"
            )
        if self.as_of < self.period_start:
            raise ValueError(f"as_of: {self.as_of} lies before period_start {self.period_start}; expected a later day")
        return self


class Actor(Record):
    """A state, firm or office that the case names."""

    name: Words = Field(description="name in English")
    name_ko: str | None = Field(default=None, description="name in Korean")
    kind: str | None = Field(default=None, description="state | firm | office | person | ship owner")
    source: ListCell = Field(default=[], description="source ids")


class Trust(Record):
    """How sure a ship's name is, by the words with which it was named."""

    probability: Share = Field(description="probability that the name is right")
    why: Words = Field(description="reason for the number")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class LookAssumptions(Record):
    """What is assumed of a look that does not say it itself."""

    usable_share: Share = Field(description="share of the place that could be seen, where a look does not say")
    why: Words = Field(description="reason for the number")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class Assumption(Record):
    """A judgement of ours that is not a number of another file."""

    id: Id = Field(description="short name")
    text: Words = Field(description="what is assumed")
    text_ko: TextCell = Field(default=None, description="the same in Korean")
    why: Words = Field(description="why, and what would change it")
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class Settings(Record):
    """All of case.toml."""

    case: About
    actors: dict[str, Actor] = Field(default={}, description="named actors by a short key")
    looks: LookAssumptions = Field(description="assumptions on looks")
    identification: dict[str, Trust] = Field(description="probability by the words in looks.csv and sightings.csv")
    confidence: dict[str, Trust] = Field(
        default={}, description="probability that a thing was there, by how it is known"
    )
    traffic: TrafficSettings = Field(
        default_factory=TrafficSettings, description="settings of the traffic model, see docs/traffic.md"
    )
    ais: dict[str, Any] = Field(
        default={},
        description="AIS archives: the day they could be had, thresholds, column mappings, a work folder that is kept",
    )
    imagery: dict[str, Any] = Field(default={}, description="image sources: STAC addresses and the like")
    assumption: list[Assumption] = Field(default=[], description="other judgements of ours, each with its reason")

    @property
    def name(self) -> str:
        """Short name of the case."""
        return self.case.name

    @property
    def title(self) -> str:
        """Title as the brief prints it."""
        return self.case.title

    @property
    def period(self) -> tuple[dt.date, dt.date]:
        """First and last day that the case speaks of."""
        return self.case.period_start, self.case.period_end

    @property
    def as_of(self) -> dt.date:
        """Nothing published later is known."""
        return self.case.as_of

    @property
    def seed(self) -> int:
        """Seed of every draw."""
        return self.case.seed

    @property
    def simulated(self) -> bool:
        """Whether the case is an invented world."""
        return self.case.simulated

    def as_of_day(self, day: dt.date) -> Settings:
        """The settings as of an earlier day: the period ends there."""
        end = max(min(self.case.period_end, day), self.case.period_start)
        about = self.case.model_copy(update={"as_of": day, "period_end": end})
        return self.model_copy(update={"case": about})


def read(path: Path, faults: Faults) -> Settings | None:
    """Read case.toml."""
    return read_toml(path, Settings, faults)
