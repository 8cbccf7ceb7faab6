"""A false world of port visits and of how they are looked at. Everything it makes is labelled simulated.

Takes traffic settings, a period, the kinds of evidence wanted and a seed; gives the true visits and the
tables that the count step reads. The world is drawn from the priors: a rate that walks week by week and
stops and starts, ships that stay in Erlang phases, berths that fill up, cloud, misreadings, chosen looks,
stacks, hulls with names and lengths, a far port, and collectors who publish totals.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import nchypergeom_fisher

from tumen import tables
from tumen.case.traffic_settings import SharePrior, SpreadPrior, TrafficSettings

KINDS = ("daily", "sparse", "counts", "lengths", "named", "stacks", "tasked", "totals", "voyages", "reports")
PORT, FAR_PORT = "Simulated Port", "Simulated Far Port"
HULLS = ("Simulated A", "Simulated B", "Simulated C")
HULL_LENGTHS_M = (95.0, 115.0, 135.0)
STRETCH_DAYS = 28  # of days among which images are bought with the same zeal, or a watch lasts at least
STRANGER = "Simulated Stranger"  # as which a hull that is none of the roster is told
NAME_RIGHT = 0.95  # chance that an analyst's name is right
NAME_TOLD = 0.7  # chance that a look at a ship tells its name at all, whatever ship it is
ORIGIN = "simulated"


@dataclass(frozen=True)
class World:
    """True visits (arrived, left in days since the start; ship index, -1 unknown; length_m) and what is seen of them.

    Ships that came before the start are listed too, where the world began before it: they may lie in port at the start.
    """

    arrived: np.ndarray
    left: np.ndarray
    ship: np.ndarray
    length_m: np.ndarray
    days: int
    period: tuple[dt.date, dt.date]
    looks: pa.Table
    claims: pa.Table
    places: pa.Table
    vessels: pa.Table

    @property
    def visits(self) -> int:
        """True number of arrivals in the period."""
        return int((self.arrived >= 0).sum())


@dataclass(frozen=True)
class Truth:
    """How the world behaves, where it may differ from what the settings say: factors of misspecification."""

    dwell_factor: float = 1.0
    cloud_share: float = 0.3
    partly_told: bool = True
    selection_factor: float = 1.0
    false_factor: float = 1.0
    other_ship_days: float = 0.0
    one_choice: bool = False
    strangers_named: bool = True


def world(
    settings: TrafficSettings,
    days: int,
    kinds: Sequence[str],
    seed: int,
    truth: Truth | None = None,
    lead_weeks: int = 0,
) -> World:
    """Draw a world of `days` days with evidence of the given kinds (see `KINDS`).

    It begins `lead_weeks` before the period with an empty port; with none, the period itself begins with one.
    """
    truth = truth or Truth()
    rng = np.random.default_rng(seed)
    start = dt.date(2020, 1, 6)
    period = (start, start + dt.timedelta(days=days - 1))
    dwell = spread_of(settings.dwell_at(PORT), rng) * truth.dwell_factor
    lead = 7 * lead_weeks
    rate = _rate_by_week(settings, lead + days, rng)
    arrived, left = _visits(rate, dwell, settings.berths, settings.dwell_phases, lead + days, rng)
    arrived, left = arrived - lead, left - lead
    ship, length = _ships(settings, len(arrived), rng)
    ship, length = _one_place_each(settings, arrived, left, ship, length, np.random.default_rng([seed, 1]))
    made = World(
        arrived,
        left,
        ship,
        length,
        days,
        period,
        tables.LOOKS.empty(),
        tables.CLAIMS.empty(),
        _places(settings),
        _vessels(),
    )
    eye = Eye(settings, made, truth, rng)
    looks: list[dict[str, Any]] = []
    claims: list[dict[str, Any]] = []
    for kind in kinds:
        # Kinds of looks are scenes of their own, also in the same hour.
        looks += [row | {"sensor": f"simulated {kind}"} for row in eye.looks(kind)]
        if kind == "totals":
            claims += eye.totals()
    return replace(made, looks=tables.LOOKS.build(looks), claims=tables.CLAIMS.build(claims))


def spread_of(prior: SpreadPrior, rng: np.random.Generator) -> float:
    """A value drawn from its prior."""
    return float(prior.median * np.exp(prior.sd_log * rng.standard_normal()))


def share_of(prior: SharePrior, rng: np.random.Generator) -> float:
    """A share drawn from its prior."""
    odds = prior.median / (1 - prior.median) * np.exp(prior.sd_logit * rng.standard_normal())
    return float(odds / (1 + odds))


def swayed(share: float, rng: np.random.Generator) -> float:
    """A collector's share in one stretch of time: more or less cloud than usual, or as usual."""
    return float(1 / (1 + (1 - share) / share * np.exp(-rng.choice([-0.5, 0.0, 0.5]))))


def _rate_by_week(settings: TrafficSettings, days: int, rng: np.random.Generator) -> np.ndarray:
    mean, swing = spread_of(settings.rate_per_day, rng), settings.swing_sd_log
    offset = float(rng.standard_normal()) * swing
    walk = spread_of(settings.rate_walk_sd, rng) * np.sqrt(7 / 30.4375) if settings.drift else 0.0
    campaign, pause = spread_of(settings.campaign_days, rng), spread_of(settings.pause_days, rng)
    stop, go = 1 - np.exp(-7 / campaign), 1 - np.exp(-7 / pause)
    on = rng.random() < go / (go + stop) if settings.pauses else True
    out = []
    for _ in range(days // 7 + 1):
        out.append(mean * np.exp(offset) if on else 0.0)
        # Pulled back to the mean so that the swing keeps its spread; exact in law for a week's step.
        keep = np.exp(-0.5 * (walk / max(swing, 1e-9)) ** 2)
        offset = keep * offset + swing * np.sqrt(1 - keep**2) * rng.standard_normal()
        if settings.pauses and rng.random() < (stop if on else go):
            on = not on
    return np.array(out)


def _visits(
    rate: np.ndarray, dwell: float, berths: int, phases: int, days: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Arrivals at a port of limited berths; a ship that finds them full sails on and is not counted."""
    arrived: list[float] = []
    left: list[float] = []
    for week, r in enumerate(rate):
        for when in np.sort(week * 7 + 7 * rng.random(rng.poisson(7 * r))):
            if when < days and sum(gone > when for gone in left[-8:]) < berths:
                arrived.append(float(when))
                left.append(float(when + rng.gamma(phases, dwell / phases)))
    return np.array(arrived), np.array(left)


def _ships(settings: TrafficSettings, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    unknown = rng.random(count) < settings.unknown_hull_share
    ship = np.where(unknown, -1, rng.integers(0, len(HULLS), count))
    strange = np.clip(settings.unknown_length_m + settings.unknown_length_sd_m * rng.standard_normal(count), 60, 210)
    return ship, np.where(unknown, strange, np.array(HULL_LENGTHS_M)[np.maximum(ship, 0)])


def _one_place_each(
    settings: TrafficSettings,
    arrived: np.ndarray,
    left: np.ndarray,
    ship: np.ndarray,
    length: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Ships and lengths in which no named hull comes before it is back from its last call."""
    out = np.array([spread_of(settings.passage_days, rng) + spread_of(settings.passage_days, rng) for _ in arrived])
    out += rng.gamma(settings.dwell_phases, settings.dwell_at(FAR_PORT).median / settings.dwell_phases, len(arrived))
    made = available(settings, arrived, left + out, rng, ship)
    strange = np.clip(
        settings.unknown_length_m + settings.unknown_length_sd_m * rng.standard_normal(len(made)), 60, 210
    )
    fresh = np.where(made < 0, strange, np.array(HULL_LENGTHS_M)[np.maximum(made, 0)])
    return made, np.where(made == ship, length, fresh)


def available(
    settings: TrafficSettings,
    arrived: np.ndarray,
    back: np.ndarray,
    rng: np.random.Generator,
    wanted: np.ndarray | None = None,
) -> np.ndarray:
    """Ships by arrival (-1: a stranger), drawn from the composition less the hulls that are not back yet.

    A ship that is `wanted` already stays, where it is back.
    """
    free, ship = np.full(len(HULLS), -np.inf), np.full(len(arrived), -1)
    for i in np.argsort(arrived):
        share = _composition(settings)
        share[:-1][free > arrived[i]] = 0.0
        number = int(wanted[i]) if wanted is not None else len(HULLS)
        if wanted is None or share[number] == 0.0:
            number = int(rng.choice(len(share), p=share / share.sum()))
        if 0 <= number < len(HULLS):
            ship[i], free[number] = number, back[i]
    return ship


def _composition(settings: TrafficSettings) -> np.ndarray:
    """Share of the visits by hull, strangers last."""
    known = (1 - settings.unknown_hull_share) / len(HULLS)
    return np.array([*(known for _ in HULLS), settings.unknown_hull_share])


def _places(settings: TrafficSettings) -> pa.Table:
    rows = [
        {
            "place": PORT,
            "kind": "port",
            "role": "origin",
            "berths": settings.berths,
            "source_id": ORIGIN,
            "lat": 0.0,
            "lon": 0.0,
        },
        {"place": FAR_PORT, "kind": "port", "role": "destination", "source_id": ORIGIN, "lat": 2.0, "lon": 0.0},
    ]
    return tables.PLACES.build(rows)


def _vessels() -> pa.Table:
    rows = [
        {"vessel": name, "kind": "named", "length_m": length, "on_route": True, "source_ids": [ORIGIN]}
        for name, length in zip(HULLS, HULL_LENGTHS_M, strict=True)
    ]
    rows.append({"vessel": STRANGER, "kind": "named", "on_route": False, "source_ids": [ORIGIN]})
    return tables.VESSELS.build(rows)


class Eye:
    """Whoever looks: draws looks and totals of the world, with errors."""

    def __init__(self, settings: TrafficSettings, made: World, truth: Truth, rng: np.random.Generator) -> None:
        self.settings, self.world, self.truth, self.rng = settings, made, truth, rng
        self.detection = share_of(settings.detection, rng)
        misread = min(share_of(settings.false_sighting, rng) * truth.false_factor, 0.9)
        self.false = 1 - (1 - misread) * (1 - settings.other_ships_in_berth)
        self.odds = spread_of(settings.selection_odds, rng) * truth.selection_factor
        self.reported = share_of(settings.reported_share, rng)
        self.number = 0
        self.stack = False
        others = rng.poisson(truth.other_ship_days * made.days / 4.0)
        began = rng.random(others) * made.days
        self.others = np.stack([began, began + rng.gamma(2, 2.0, others)]) if others else np.zeros((2, 0))

    def looks(self, kind: str) -> list[dict[str, Any]]:
        """Looks of one kind."""
        days = self.world.days
        noon = np.arange(days) + self.settings.overpass_hour_utc / 24
        if kind == "totals":
            times = noon[self.rng.random(days) < 0.05]
        elif kind in ("daily", "counts", "lengths", "named"):
            times = noon[:: 2 if kind in ("lengths", "named") else 1]
        elif kind == "tasked":
            return self._tasked(noon)
        elif kind == "reports":
            return self._reports(noon)
        elif kind == "ais":
            return self._ais()
        elif kind == "far":
            return self._far(noon[::3])
        elif kind == "voyages":
            return self._plain(noon[::6], PORT) + self._far(noon[::2])
        else:
            times = self._sparse(noon)
        return self._plain(times, PORT, kind)

    def _sparse(self, noon: np.ndarray) -> np.ndarray:
        at = np.cumsum(self.rng.integers(2, 6, len(noon)))
        return noon[at[at < len(noon)]]

    def _plain(self, times: np.ndarray, place: str, kind: str = "daily") -> list[dict[str, Any]]:
        rows = []
        previous: float | None = None
        for when in times:
            usable = 0.0 if self.rng.random() < self.truth.cloud_share else float(self.rng.choice([1.0, 1.0, 0.6]))
            row = self._read(float(when), usable, kind)
            if kind == "stacks" and usable >= 0.5:
                row["stack_present"] = self._stack_at(previous, float(when))
                previous = float(when)
            rows.append(row)
        return rows

    def _here(self, when: float) -> np.ndarray:
        return np.flatnonzero((self.world.arrived <= when) & (self.world.left > when))

    def _read(self, when: float, usable: float, kind: str, tasked: bool = False) -> dict[str, Any]:
        here = self._here(when)
        found = here[self.rng.random(len(here)) < usable * self.detection]
        strange = bool(self.rng.random() < usable * self.false)
        strange |= bool(((self.others[0] <= when) & (self.others[1] > when)).any() and self.rng.random() < usable)
        seen = len(found) + strange
        row = self._row(when, PORT, usable if self.truth.partly_told or usable == 0 else 1.0)
        row["tasked"] = tasked
        row["vessel_present"] = seen > 0
        if kind == "counts":
            row["vessel_count"] = min(seen, self.settings.berths)
            row["count_reading"] = "exactly"
        if kind in ("lengths", "named") and seen:
            self._mark(row, found, kind)
        return row

    def _mark(self, row: dict[str, Any], found: np.ndarray, kind: str) -> None:
        if len(found):
            j = int(self.rng.choice(found))
            ship, length = int(self.world.ship[j]), float(self.world.length_m[j])
        else:
            ship, length = (
                -1,
                float(self.settings.unknown_length_m + self.settings.unknown_length_sd_m * self.rng.standard_normal()),
            )
        if kind == "lengths":
            row["length_m"] = max(length + self.settings.length_sd_m * float(self.rng.standard_normal()), 30.0)
        elif self.truth.strangers_named:
            if self.rng.random() < NAME_TOLD:
                row |= {"vessel": self._name(ship), "p_vessel": NAME_RIGHT}
        elif ship >= 0:
            right = self.rng.random() < NAME_RIGHT
            row["vessel"] = HULLS[ship if right else int(self.rng.integers(0, len(HULLS)))]
            row["p_vessel"] = NAME_RIGHT

    def _name(self, ship: int) -> str:
        """Name that is told of a ship: its own, or one of the others' as often as they come."""
        if self.rng.random() >= NAME_RIGHT:
            share = _composition(self.settings)
            share[ship] = 0.0
            ship = int(self.rng.choice(len(share), p=share / share.sum()))
            ship = -1 if ship == len(HULLS) else ship
        return HULLS[ship] if ship >= 0 else STRANGER

    def _tasked(self, noon: np.ndarray) -> list[dict[str, Any]]:
        """Images bought: how many of a stretch of 28 days (or of all days) is independent of the ships, which days is not."""
        stretch = len(noon) if self.truth.one_choice else STRETCH_DAYS
        rows = []
        for first in range(0, len(noon), stretch):
            days = noon[first : first + stretch]
            number = min(int(self.rng.integers(stretch // 14, stretch // 5)), len(days))
            rows += [self._read(float(t), 1.0, "tasked", tasked=True) for t in self._chosen(days, number, self.odds)]
        return rows

    def _chosen(self, noon: np.ndarray, number: int, odds: float) -> np.ndarray:
        """Days chosen independently of each other, with these odds of an occupied one, given how many were."""
        busy = np.array([len(self._here(t)) > 0 for t in noon])
        full, empty = noon[busy], noon[~busy]
        hits = nchypergeom_fisher(len(noon), len(full), number, odds).rvs(random_state=self.rng) if len(full) else 0
        kept = [
            self.rng.choice(full, int(hits), replace=False),
            self.rng.choice(empty, number - int(hits), replace=False),
        ]
        return np.sort(np.concatenate(kept))

    def _reports(self, noon: np.ndarray) -> list[dict[str, Any]]:
        """A share of the ships seen is told while somebody watches, and there are a few plain looks."""
        change = 0.5 * (1 - np.exp(-2 * STRETCH_DAYS / self.settings.attention_days))
        watched, rows = self.rng.random() < 0.5, []
        for number, when in enumerate(noon):
            if number and number % STRETCH_DAYS == 0 and self.rng.random() < change:
                watched = not watched
            row = self._read(float(when), 1.0, "reports")
            if watched and row["vessel_present"] and self.rng.random() < self.reported:
                rows.append(row | {"tasked": None, "origin": "reported", "selection": "event"})
        return rows + self._plain(noon[self.rng.random(len(noon)) < 0.05], PORT)

    def _ais(self) -> list[dict[str, Any]]:
        """Visits of ships that keep their transponder on, one look each, and nothing of the others."""
        share, rows = share_of(self.settings.ais_share, self.rng), []
        for came, gone, ship in zip(self.world.arrived, self.world.left, self.world.ship, strict=True):
            if gone > 0 and self.rng.random() < share:
                row = self._row(came, PORT, 1.0)
                row["end"] += dt.timedelta(days=float(min(gone, self.world.days) - came))
                row |= {"vessel_present": True, "vessel_count": 1, "count_reading": "at_least"}
                row |= {"origin": "ais", "selection": "event"}
                rows.append(row | ({"vessel": HULLS[ship], "p_vessel": 0.99} if ship >= 0 else {}))
        return rows

    def _stack_at(self, previous: float | None, when: float) -> bool:
        s = self.settings
        if previous is None or not self.stack:
            self.stack = bool(self.rng.random() < 0.5)
            return self.stack
        visited = bool(((self.world.arrived < when) & (self.world.left > previous)).any())
        gone = self.rng.random() < ((1 - s.stack_left_behind) if visited else s.stack_cleared_otherwise)
        self.stack = not gone
        return self.stack

    def _far(self, times: np.ndarray) -> list[dict[str, Any]]:
        s, w = self.settings, self.world
        sail = self.rng.random(len(w.left)) < s.laden_share
        landed = w.left + np.array([spread_of(s.passage_days, self.rng) for _ in w.left])
        stay = self.rng.gamma(s.dwell_phases, s.dwell_at(FAR_PORT).median / s.dwell_phases, len(w.left))
        return self.far(times, np.where(sail, landed, np.inf), landed + stay)

    def far(self, times: np.ndarray, landed: np.ndarray, away: np.ndarray, named: bool = False) -> list[dict[str, Any]]:
        """Looks at the far port, where ships lie from `landed` to `away`; hulls told by name there, with `named`."""
        rows = []
        for when in times:
            there = np.flatnonzero((landed <= when) & (away > when))
            found = there[self.rng.random(len(there)) < self.detection]
            row = self._row(float(when), FAR_PORT, 1.0)
            row["vessel_present"] = bool(len(found) or self.rng.random() < self.settings.ships_at_destination_otherwise)
            row["tasked"] = False
            if named and len(found):
                self._mark(row, found, "named")
            rows.append(row)
        return rows

    def _row(self, when: float, place: str, usable: float) -> dict[str, Any]:
        self.number += 1
        at = dt.datetime.combine(self.world.period[0], dt.time(), dt.UTC) + dt.timedelta(days=when)
        return {
            "look_id": f"simulated-{self.number}",
            "place": place,
            "start": at,
            "end": at,
            "collector": "SIMULATED",
            "usable_share": usable,
            "published": at.date(),
            "origin": ORIGIN,
            "source_ids": [ORIGIN],
            "sensor": "simulated",
        }

    def totals(self) -> list[dict[str, Any]]:
        """Three collectors' cumulative counts, and one pair of usable and occupied days."""
        s = self.settings
        common = self.rng.standard_normal() * np.sqrt(s.collector_correlation)
        rows: list[dict[str, Any]] = []
        for number in range(3):
            own = self.rng.standard_normal() * np.sqrt(1 - s.collector_correlation)
            logit = np.log(s.collector_share.median / (1 - s.collector_share.median)) + s.collector_share.sd_logit * (
                common + own
            )
            careful = bool(self.rng.random() < 0.6)
            ends = sorted(
                self.rng.choice(np.arange(20, self.world.days), size=int(self.rng.integers(1, 4)), replace=False)
            )
            total, begin = 0, 0
            for end in ends:
                true = int(((self.world.arrived >= begin) & (self.world.arrived < end + 1)).sum())
                share = swayed(1 / (1 + np.exp(-logit)), self.rng)
                over = (0.02 if careful else s.overcount_share) * true + 0.02
                total += int(self.rng.binomial(true, share) + self.rng.poisson(over))
                begin = int(end) + 1
                rows.append(self.claim(f"C{number}", "visits", total, int(end), "at_least" if careful else "exactly"))
        rows += self._day_pair()
        return rows

    def _day_pair(self) -> list[dict[str, Any]]:
        end = self.world.days - 1
        usable = int(self.rng.integers(self.world.days // 3, 2 * self.world.days // 3))
        chosen = self.rng.choice(self.world.days, usable, replace=False) + self.settings.overpass_hour_utc / 24
        seen = sum(
            bool((self.rng.random(len(self._here(float(t)))) < self.detection).any() or self.rng.random() < self.false)
            for t in chosen
        )
        return [
            self.claim("DAYS", "image_days", usable, end, "exactly"),
            self.claim("DAYS", "vessel_days", seen, end, "exactly"),
        ]

    def claim(self, group: str, quantity: str, value: float, end: int, reading: str) -> dict[str, Any]:
        """A row of CLAIMS from the start of the world to day `end`."""
        self.number += 1
        first = self.world.period[0]
        last = first + dt.timedelta(days=end)
        return {
            "claim_id": f"simulated-{self.number}",
            "quantity": quantity,
            "label": "simulated",
            "point": float(value),
            "unit": quantity,
            "reading": reading,
            "direction": ORIGIN,
            "scope": "place",
            "place": PORT,
            "period_start": first,
            "period_end": last,
            "published": last,
            "origin_group": group,
            "independence": "own observation",
            "use": "evidence",
            "source_id": ORIGIN,
        }
