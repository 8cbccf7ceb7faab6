"""loading.toml: what a container, a hull and an origin of claims are taken to be, before the evidence.

Takes nothing but the file; gives `Loading`, in which every uncertain number is a `Prior`: median and
central 90 % interval with a unit, the source that it rests on (or the word `assumption`) and a reason.
A prior is a split normal on the log scale (positive numbers) or the logit scale (shares), so that its
median, 5 % and 95 % points are exactly those written in the file.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from tumen.case.faults import Faults
from tumen.case.read import read_toml
from tumen.case.record import ListCell, Record, TextCell

FILE = "loading.toml"

# 95 % point of the standard normal distribution: `low` and `high` are the 5 % and 95 % points.
Z95 = 1.6448536269514722

ASSUMPTION = "assumption"


class Prior(Record):
    """An uncertain input: median and central 90 % interval, with unit, source and reason."""

    median: float
    low: float
    high: float
    unit: str
    source: ListCell
    reason: str = Field(min_length=8)
    reason_ko: TextCell = Field(default=None, description="the reason in Korean")

    @model_validator(mode="after")
    def _ordered(self) -> Prior:
        for name in ("median", "low", "high"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)}; expected a finite number")
        if self.low <= 0:
            raise ValueError(f"low is {self.low:g}; expected a number above 0")
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}; expected low <= median <= high")
        if not self.low <= self.median <= self.high:
            raise ValueError(
                f"median {self.median:g} lies outside {self.low:g} to {self.high:g}; expected low <= median <= high"
            )
        if self.unit == "share" and self.high >= 1:
            raise ValueError(f"high is {self.high:g}; expected a share between 0 and 1, not percent")
        if not self.source:
            raise ValueError(f"no source; expected a source id or '{ASSUMPTION}'")
        return self

    def value(self, z: np.ndarray) -> np.ndarray:
        """Values at standard-normal coordinates `z`: 0 is the median, -1.645 and 1.645 are low and high.

        >>> p = Prior(median=2, low=1, high=8, unit="boxes", source="assumption", reason="an example")
        >>> [round(float(v), 6) for v in p.value(np.array([-Z95, 0.0, Z95]))]
        [1.0, 2.0, 8.0]
        """
        z = np.asarray(z, dtype=float)
        middle, down, up, is_share = self.line()
        line = np.exp(middle + z * np.where(z > 0, up, down))
        return line / (1.0 + line) if is_share else line

    def line(self) -> tuple[float, float, float, bool]:
        """On the log or (for a share) logit scale: the median, its slopes a unit of z below and above, whether a share."""
        is_share = self.unit == "share"
        middle, low, high = (
            math.log(v / (1 - v)) if is_share else math.log(v) for v in (self.median, self.low, self.high)
        )
        return middle, (middle - low) / Z95, (high - middle) / Z95, is_share


def _in_unit(unit: str, least: float, most: float, hint: str = "") -> Callable[[Prior], Prior]:
    """A check that a prior is written in `unit` and stays in bounds that only a unit mistake would leave."""

    def check(prior: Prior) -> Prior:
        if prior.unit != unit:
            raise ValueError(f"unit is '{prior.unit}'; expected '{unit}'")
        if prior.low < least or prior.high > most:
            raise ValueError(
                f"{prior.low:g} to {prior.high:g} {unit}; expected {least:g} to {most:g} {unit}{hint and ' (' + hint + ')'}"
            )
        return prior

    return check


Share = Annotated[Prior, AfterValidator(_in_unit("share", 0.0, 1.0))]
BoxesPerVoyage = Annotated[Prior, AfterValidator(_in_unit("boxes/voyage", 1, 5_000))]
BoxesPerMonth = Annotated[Prior, AfterValidator(_in_unit("boxes/month", 0.001, 20_000))]
BoxesPerMetre = Annotated[Prior, AfterValidator(_in_unit("boxes/m", 0.1, 30))]
PerYear = Annotated[Prior, AfterValidator(_in_unit("factor/year", 0.05, 20))]
Factor = Annotated[Prior, AfterValidator(_in_unit("factor", 0.02, 50))]
Power = Annotated[Prior, AfterValidator(_in_unit("power", 0.01, 6))]
PayloadKg = Annotated[Prior, AfterValidator(_in_unit("kg", 1_000, 40_000, "a payload of 28.2 is in tonnes"))]
MassKg = Annotated[Prior, AfterValidator(_in_unit("kg", 0.5, 40_000))]
VolumeM3 = Annotated[Prior, AfterValidator(_in_unit("m3", 0.0005, 40, "litres are not m3"))]


class Load(Record):
    """Containers on one laden voyage."""

    boxes_per_voyage: BoxesPerVoyage
    reference_length_m: float = Field(gt=30, lt=400)
    size_power: Power
    ship_factor: Factor
    voyage_spread: float = Field(ge=0, le=1.5)
    phase_spread: float = Field(ge=0, le=1.5)
    phase_months: int = Field(ge=1, le=60)
    dwt_per_slot_t: float = Field(gt=2, lt=60)
    dwt_usable_share: float = Field(gt=0.3, le=1)
    source: ListCell
    reason: str = Field(min_length=8)
    reason_ko: TextCell = Field(default=None, description="the reason in Korean")


class Stack(Record):
    """Containers set out ashore, as images show them."""

    boxes_per_m: BoxesPerMetre
    load_ashore: Factor
    count_spread: float = Field(gt=0, le=1.5)
    length_spread: float = Field(gt=0, le=1.5)
    reason: str = Field(min_length=8)
    reason_ko: TextCell = Field(default=None, description="the reason in Korean")


class Rail(Record):
    """The stream by rail: a monthly rate that grows and wanders."""

    boxes_per_month: BoxesPerMonth
    growth: PerYear
    step_spread: float = Field(ge=0, le=2)
    knot_months: int = Field(ge=1, le=60)
    before: BoxesPerMonth
    begins: dt.date | None = None
    reason: str = Field(min_length=8)
    reason_ko: TextCell = Field(default=None, description="the reason in Korean")


class Box(Record):
    """A container: what it may weigh, what it may hold, and how many carry arms."""

    payload_kg: PayloadKg
    inside_m3: float = Field(gt=10, lt=90)
    tare_kg: float = Field(gt=1_000, lt=6_000)
    volume_share: Share
    arms_sea: Share
    arms_rail: Share
    source: ListCell
    reason: str = Field(min_length=8)
    reason_ko: TextCell = Field(default=None, description="the reason in Korean")


class Munition(Record):
    """One kind of arms: its share of the arms boxes, and the packed mass and volume of one round.

    Arms that are not rounds (`round = false`) have no volume: a box of them counts as one item of `mass_kg`.
    """

    share: Share
    mass_kg: MassKg
    volume_m3: VolumeM3 | None = None
    round: bool

    @model_validator(mode="after")
    def _sized(self) -> Munition:
        if self.round and self.volume_m3 is None:
            raise ValueError("volume_m3 is missing; expected the packed volume of one round")
        return self


class Use(Record):
    """What becomes of a round."""

    usable: Share
    works: Share


class OriginKind(Record):
    """How far the figures of one kind of origin are expected to lie from the truth.

    `bias` is the factor common to all origins of the kind, `origin_factor` the further 90 % factor
    of one origin about it (1.5: nine in ten within a factor of 1.5 either way).
    """

    bias: Factor
    origin_factor: float = Field(ge=1, le=20)
    noise_factor: float = Field(gt=1, le=10)
    drift_factor: float = Field(ge=1, le=10)


class Claims(Record):
    """How a published total is read as evidence."""

    drift_days: float = Field(gt=0, le=5_000)
    slack: float = Field(gt=0)
    zero_boxes: float = Field(gt=0, le=10_000)
    other: str
    kind: dict[str, OriginKind]
    origin: dict[str, str]
    reason: str = Field(min_length=8)
    reason_ko: TextCell = Field(default=None, description="the reason in Korean")
    # A reading 'capacity_152' says what all boxes would hold of this munition.
    capacity: dict[str, str] = Field(default={})
    # A count of rounds whose `item` is written so counts this munition alone.
    items: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _known(self) -> Claims:
        for group, kind in [*self.origin.items(), ("other", self.other)]:
            if kind not in self.kind:
                raise ValueError(f"origin {group} is of kind '{kind}'; expected one of {', '.join(self.kind)}")
        return self

    def kind_of(self, group: str) -> str:
        """Kind of an origin group; one that the file does not name is of the kind `other`."""
        return self.origin.get(group, self.other)


class Check(Record):
    """A published number of rounds in a box, held beside what mass and volume allow; never evidence."""

    munition: str
    low: float = Field(gt=0)
    high: float = Field(gt=0)
    source: ListCell
    reason: str = Field(min_length=8)
    reason_ko: TextCell = Field(default=None, description="the reason in Korean")

    @model_validator(mode="after")
    def _ordered(self) -> Check:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}; expected low <= high")
        return self


class Loading(Record):
    """loading.toml."""

    direction: str = Field(pattern=r"^.+->.+$")
    load: Load
    stack: Stack
    rail: Rail
    box: Box
    munition: dict[str, Munition]
    use: Use
    claims: Claims
    check: list[Check] = Field(default=[])
    schema_: Literal[1] = Field(default=1, alias="schema")

    @model_validator(mode="after")
    def _mixed(self) -> Loading:
        if not self.munition:
            raise ValueError("no munition; expected at least one [munition.NAME]")
        taken = {"containers", "containers_arms", "tonnes", "rounds", "usable_rounds"} & set(self.munition)
        if taken:
            raise ValueError(f"munition named '{sorted(taken)[0]}'; expected another name, this one is a total")
        for field, named in (("capacity", self.claims.capacity), ("items", self.claims.items)):
            for key, name in named.items():
                if name not in self.munition:
                    raise ValueError(f"claims.{field} '{key}' is '{name}'; expected one of {', '.join(self.munition)}")
        for check in self.check:
            if check.munition not in self.munition and check.munition != "rounds":
                raise ValueError(f"check of '{check.munition}'; expected 'rounds' or one of {', '.join(self.munition)}")
        return self

    def priors(self) -> Iterator[tuple[str, Prior]]:
        """Every prior with its dotted name."""
        yield from _walk(self, "")


def _walk(value: object, path: str) -> Iterator[tuple[str, Prior]]:
    if isinstance(value, Prior):
        yield path, value
    elif isinstance(value, Record):
        for name in type(value).model_fields:
            yield from _walk(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, f"{path}.{key}" if path else str(key))


def read_loading(folder: Path, faults: Faults) -> Loading | None:
    """loading.toml of a case folder; None where there is none, or where it is at fault."""
    return read_toml(folder / FILE, Loading, faults)


def check_loading(loading: Loading, source_ids: Iterable[str], faults: Faults) -> None:
    """Note a fault for every source of loading.toml that sources.yaml does not know."""
    known = {*source_ids, ASSUMPTION}
    named: list[tuple[str, Record, list[str]]] = [(name, prior, prior.source) for name, prior in loading.priors()]
    named += [("load", loading.load, loading.load.source), ("box", loading.box, loading.box.source)]
    named += [(f"check.{number}", check, check.source) for number, check in enumerate(loading.check)]
    for name, record, sources in named:
        for source in sources:
            if source not in known:
                faults.add(
                    record.at,
                    f"{name}.source",
                    f"'{source}' is unknown",
                    f"a source id of sources.yaml or '{ASSUMPTION}'",
                )
