"""What a simulated case is made of: a scenario, by the name of a preset or from a TOML file.

Takes a name or a path; gives a checked `Scenario`. Faults name file, line, field and what was expected.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import Field

from tumen.case.faults import CaseError, Fault, Faults
from tumen.case.read import read_toml
from tumen.case.record import Id, Record, Words

Looks = Literal["daily", "sparse", "counts", "lengths", "named", "stacks", "tasked", "totals"]


class Told(Record):
    """Running totals of one origin, each told at the end of a month counted from the first."""

    group: Words = Field(description="origin; DESK is an imagery desk, any other a state")
    quantity: Literal["containers", "rounds", "tonnes", "usable_rounds"] = Field(description="what it counts")
    scope: Literal["sea", "rail", "all"] = Field(default="all", description="stream that it counts")
    reading: Literal["exactly", "at_least", "up_to", "range", "capacity_152", "capacity_122"] = Field(
        default="exactly", description="how its figure is meant"
    )
    months: list[int] = Field(min_length=1, description="months after which it speaks, 1 to 12")
    copies: int = Field(default=0, ge=0, le=20, description="outlets that repeat its last figure as their own")


class Scenario(Record):
    """A world to invent."""

    name: Id = Field(description="short name")
    title: Words = Field(description="title of the case; SIMULATED is put before it")
    about: Words = Field(description="what the scenario is for, in a sentence")
    months: int = Field(default=12, ge=2, le=12, description="length of the period, from January 2025")
    seed: int = Field(default=1, ge=0, le=2**31, description="seed of the world")
    berths: int = Field(default=2, ge=1, le=4, description="ships of the route that can lie alongside at a time")
    visits_per_month: float = Field(default=5.0, gt=0, le=30, description="mean pace of the world before it drifts")
    looks: list[Looks] = Field(min_length=1, description="kinds of looks, as docs/traffic.md names them")
    told: list[Told] = Field(default=[], description="published totals of cargo")
    cloud_share: float = Field(default=0.3, ge=0, lt=1, description="share of images under cloud")
    dwell_factor: float = Field(default=1.0, gt=0.1, lt=10, description="true stay over what the settings expect")
    false_factor: float = Field(default=1.0, ge=0, lt=20, description="false sightings over what the settings expect")
    selection_factor: float = Field(
        default=1.0, gt=0.05, lt=20, description="choice of image days over what they expect"
    )
    other_ship_days: float = Field(default=0.0, ge=0, lt=1, description="share of days with a ship not of the route")
    ais_share: float = Field(default=0.0, ge=0, le=1, description="share of visits of named hulls with AIS on")
    scenes: int = Field(default=0, ge=0, le=12, description="radar images of the port, one every four weeks")


def presets() -> list[str]:
    """Names of the scenarios that come with Tumen.

    >>> "watched" in presets()
    True
    """
    folder = resources.files("tumen.simulate").joinpath("scenarios")
    return sorted(i.name.removesuffix(".toml") for i in folder.iterdir() if i.name.endswith(".toml"))


def read(name: str) -> Scenario:
    """The scenario of a name or of a TOML file. Raises `CaseError` naming file, line, field and what was expected."""
    faults = Faults()
    if name in presets():
        with resources.as_file(resources.files("tumen.simulate").joinpath("scenarios", f"{name}.toml")) as path:
            made = read_toml(path, Scenario, faults)
    else:
        path = Path(name)
        if not path.is_file():
            known = ", ".join(presets())
            raise CaseError(
                [Fault(name, 1, "scenario", "no such scenario and no such file", f"a TOML file, or one of {known}")]
            )
        made = read_toml(path, Scenario, faults)
    faults.stop()
    assert made is not None
    for told in made.told:
        if max(told.months) > made.months or min(told.months) < 1:
            raise CaseError(
                [Fault(told.at.file, told.at.line, "months", f"{told.months} of {made.months}", f"1 to {made.months}")]
            )
    return made
