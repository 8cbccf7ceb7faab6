"""Settings of the traffic model: section [traffic] of case.toml.

Every prior is written as a median and a factor: the 90 % prior range runs from median / factor
to median x factor (a share: on the odds). Each default has its source or reason beside it; the
facts of the Najin case stand in conversions.csv and sightings.csv with their source ids.
"""

from __future__ import annotations

import datetime as dt
import math

from pydantic import Field

from tumen.case.record import Record, TextCell

_Z90 = 1.6448536269514722  # 95 % point of the standard normal


class SpreadPrior(Record):
    """A positive unknown: log-normal with 90 % of its mass in median / factor .. median x factor."""

    median: float = Field(gt=0)
    factor: float = Field(ge=1)

    @property
    def sd_log(self) -> float:
        """Standard deviation of the logarithm."""
        return math.log(self.factor) / _Z90


class SharePrior(Record):
    """An unknown share: logit-normal; 90 % of the odds lie in odds(median) / factor .. x factor."""

    median: float = Field(gt=0, lt=1)
    factor: float = Field(ge=1)

    @property
    def sd_logit(self) -> float:
        """Standard deviation of the log odds."""
        return math.log(self.factor) / _Z90


class PlaceDwell(Record):
    """A dwell prior for one place, in days."""

    place: str
    median: float = Field(gt=0)
    factor: float = Field(ge=1)


class DestinationShare(Record):
    """Share of the voyages that leave in a period for one destination; shares of a day are normed to one."""

    place: str
    start: dt.date | None = None
    end: dt.date | None = None
    share: float = Field(gt=0, le=1)


class HullAbsence(Record):
    """A hull that cannot have called in a period (repair, another ocean), with its source."""

    vessel: str
    start: dt.date
    end: dt.date | None = None
    source: str | None = None


class Quiet(Record):
    """A stretch in which a collector who kept watch says that no ship of the route came.

    It enters as one empty look a day of `usable_share`, since no single day of it was published.
    """

    place: str
    start: dt.date
    end: dt.date
    usable_share: float = Field(default=0.5, gt=0, le=1)
    source: str
    why: str | None = None
    why_ko: TextCell = Field(default=None, description="the reason in Korean")


class TrafficSettings(Record):
    """Priors and choices of the traffic model. All have defaults, so the section may be left out."""

    # --- the ships' behaviour -------------------------------------------------------------------
    # Stay at the loading pier 1 to 3 days (VOA, kbs-voa-2023-10-15); Lady R lay at two piers in turn from 10 to
    # 12 March 2024 and was at Vostochny on the 14th; 49 of 109 usable days with a ship over at least 25 visits
    # to mid-February 2024 (CSIS, newspim-csis-2024-02-29) is some 3 days a visit if few were missed, 2 if a third were.
    dwell_days: SpreadPrior = SpreadPrior(median=2.2, factor=1.8)
    dwell_by_place: list[PlaceDwell] = Field(default_factory=list)
    # Two Erlang phases: a stay of under a quarter of the mean has probability 9 %, so a berth is
    # rarely freed at once, yet waiting for boxes can stretch a stay.
    dwell_phases: int = Field(default=2, ge=1, le=3)
    # Long-run mean rate while traffic runs. From one large vessel a month (VOA, spring 2024) to one every
    # two to three days (VOA, winter 2023-24) were told of short stretches; the prior spans both with room beyond.
    rate_per_day: SpreadPrior = SpreadPrior(median=0.15, factor=5.0)
    drift: bool = True
    # The rate lies within this factor of its long-run mean in 90 % of the weeks in which traffic runs: the tenfold
    # range of the same two reports is a factor of 3.5 either way.
    rate_swing: float = Field(default=3.5, ge=1)
    # Standard deviation by which the log rate moves in a month. 0.4 lets the rate double or halve within three
    # months, as between those two reports, and forget where it was in seven.
    rate_walk_sd: SpreadPrior = SpreadPrior(median=0.4, factor=2.0)
    pauses: bool = True
    # Length of a spell of traffic and of a pause. The one pause well seen lasted from 12 February
    # to 10 March 2024: 27 days.
    campaign_days: SpreadPrior = SpreadPrior(median=150.0, factor=3.0)
    pause_days: SpreadPrior = SpreadPrior(median=21.0, factor=2.0)
    # Whether no ship of the route lay in port when the period began (it begins before the route did). False: one may
    # have, with the chance that the rate, the stays and the pauses of that moment give.
    starts_empty: bool = False
    # Ships of the route that can lie alongside at one time, where places.geojson does not say.
    berths: int = Field(default=2, ge=1, le=4)

    # --- how looks err --------------------------------------------------------------------------
    # A ship alongside in clear sight is found in nearly every image; the long tail is for small scenes.
    detection: SharePrior = SharePrior(median=0.95, factor=3.0)
    # A look that shows a ship of the route where there is none: misreading, and other ships in the
    # berth (coal, oil) taken for one. A brief must name it.
    false_sighting: SharePrior = SharePrior(median=0.02, factor=3.0)
    other_ships_in_berth: float = Field(default=0.02, ge=0, lt=1)
    # Odds by which an occupied hour is likelier to be looked at, or told, than an empty one, for looks
    # that are tasked or that a report tells alone. Of some twenty such reports of Najin one is of an
    # empty pier, while 60 of 109 usable days were empty (CSIS): odds of 10 to 30. Off: every look is
    # taken as a random sample of hours.
    selection: bool = True
    selection_odds: SpreadPrior = SpreadPrior(median=15.0, factor=3.0)
    # Share of the days with a ship that reports tell (selection = event: a look that is known only because a ship was
    # seen), while somebody watches. Of Najin some thirty such days are told of the two to three hundred with a ship between
    # August 2023 and the summer of 2024. Wide, since the zeal of the press is not known beforehand.
    reported_share: SharePrior = SharePrior(median=0.12, factor=6.0)
    # Days for which a port is watched by those who report, and for which it then is not. Half a year: the reports of
    # Najin come in such spells. A stretch without a report may be a quiet one or one in which nobody watched.
    attention_days: float = Field(default=180.0, gt=0)
    # Share of the visits whose ship keeps its transponder on, where AIS shows visits at all. Any share is likely enough: the
    # named hulls of Najin called there dark, ships of other routes switch off for a part of their calls.
    ais_share: SharePrior = SharePrior(median=0.5, factor=8.0)
    # Whether AIS was gathered for the whole period. False: from about the first visit that it shows to about the last.
    ais_gathered: bool = False
    # Whether reports were gathered for the whole period. False: their silence is heard from about the first to the last.
    reports_gathered: bool = False
    quiet: list[Quiet] = Field(default_factory=list)
    # Standard deviation of a length measured in 3 m imagery (VOA lengths are rounded to 5 m).
    length_sd_m: float = Field(default=6.0, gt=0)
    # Lengths of ships of the route that the roster does not name.
    unknown_length_m: float = Field(default=115.0, gt=0)
    unknown_length_sd_m: float = Field(default=15.0, gt=0)
    # Prior share of visits by hulls that the roster does not name.
    unknown_hull_share: float = Field(default=0.3, gt=0, lt=1)
    # Hour of a daytime overpass, UTC, for a look that is dated by its day only (noon in Korea).
    overpass_hour_utc: float = Field(default=3.0, ge=0, lt=24)
    # Chance that a stack of boxes was cleared without a ship of the route (rail, road, reshuffle).
    stack_cleared_otherwise: float = Field(default=0.15, ge=0, lt=1)
    # Chance that a stack still stands after a visit (the ship only discharged, or a new stack came at once).
    stack_left_behind: float = Field(default=0.2, ge=0, lt=1)
    # Chance that an inferred visit (a change between two images, or a look of several days) is wrong.
    inference_wrong: float = Field(default=0.1, ge=0, lt=1)

    # --- published totals -----------------------------------------------------------------------
    # Share of the visits that one collector counts. Thick cloud takes 24 to 30 % of days (VOA,
    # inews24-voa-2023-10-15); a stay of two days meets a clear daytime pass with about 0.8, and hulls
    # that were not made out are left out of a careful count.
    collector_share: SharePrior = SharePrior(median=0.77, factor=2.5)
    # Counts not worded "at least" may also hold other ships and one ship counted twice.
    overcount_share: float = Field(default=0.1, ge=0)
    # Part of the variance of the log odds of that share which all collectors have in common: they buy
    # the same scenes and are stopped by the same cloud and night. 1: their shares are one number.
    collector_correlation: float = Field(default=0.6, ge=0, le=1)
    # Spread of an occupied-day share beyond chance: weight of the beta-binomial.
    day_share_weight: float = Field(default=60.0, gt=0)

    # --- voyages --------------------------------------------------------------------------------
    # Days from leaving the port of loading to the berth of discharge: at most two for Lady R,
    # 12 to 14 March 2024 (bnn-nkpro-2024-03-16), at most five for loading and passage together
    # in September 2023 (newdaily-yomiuri-2024-06-09).
    passage_days: SpreadPrior = SpreadPrior(median=1.2, factor=2.0)
    # Share of visits that leave laden for a destination of the case.
    laden_share: float = Field(default=0.97, gt=0, le=1)
    # Chance that a look at a port of discharge finds a ship that no voyage explains: ships of the roster
    # also load and supply there (Lady R, 24 to 26 September 2025).
    ships_at_destination_otherwise: float = Field(default=0.3, ge=0, lt=1)
    destinations: list[DestinationShare] = Field(default_factory=list)
    hull_absences: list[HullAbsence] = Field(default_factory=list)

    # --- time and computing ---------------------------------------------------------------------
    horizon_months: int = Field(default=12, ge=0, le=120)
    parameter_points: int = Field(default=192, ge=16)
    particles: int = Field(default=12_000, ge=500)
    # Effective number of parameter points and of paths below which the search is widened.
    min_effective_points: float = Field(default=50.0, gt=0)
    min_effective_paths: float = Field(default=300.0, gt=0)
    max_rounds: int = Field(default=6, ge=1)

    @property
    def swing_sd_log(self) -> float:
        """Standard deviation of the log rate about its long-run mean; 0 where the rate does not drift."""
        return math.log(self.rate_swing) / _Z90 if self.drift else 0.0

    def dwell_at(self, place: str) -> SpreadPrior:
        """Dwell prior of a place."""
        for one in self.dwell_by_place:
            if one.place == place:
                return SpreadPrior(median=one.median, factor=one.factor)
        return self.dwell_days
