"""From rows of the looks table to observations of one port, and what contradicts itself in them.

Takes `tables.LOOKS` rows; gives `PortLooks`: observations on the three-hour clock of the chain
(seen, not seen, counted, marks of the hull), changes of stacks, and looks that span days. A look
is weighted so that one scene reported twice counts once. Rows that cannot be are raised as
`TrafficFault` (impossible in themselves) or returned as conflicts, by look_id.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tumen.case.traffic_settings import TrafficSettings
from tumen.traffic.chain import UNITS_PER_DAY
from tumen.traffic.prior import Points

LONGEST_LOOK = dt.timedelta(hours=30)  # a dated image spans its day and a little of its neighbours by time zone
FASTEST_KNOTS = 22.0  # no ship of the roster makes more; RoRo carriers of this size make 14 to 16
# A report within these units of the last ship seen follows that one up: its time was not chosen afresh.
FOLLOW_UP_UNITS = 4 * UNITS_PER_DAY
DEFAULT_NAME_CONFIDENCE = 0.9  # a hull named by an analyst without a stated confidence


class TrafficFault(ValueError):
    """Looks or claims that cannot be true, named by row."""


@dataclass(frozen=True)
class Observation:
    """What one look says of the ships alongside at one unit of time.

    `kind` is present | absent | exactly | at_least; `weight` is below 1 where several reports
    share a scene; `chosen` tells that the look is not a random sample of hours, `told` that it is
    known only because a ship was seen. `track` are the first and last unit of a visit that AIS shows, the look
    being of its start; the first is below 0 where the ship lay in port when the period began.
    """

    unit: int
    kind: str
    count: int
    usable: float
    weight: float
    chosen: bool
    collector: str
    look_id: str
    mark: np.ndarray | None = None
    told: bool = False
    track: tuple[int, int] | None = None

    @property
    def positive(self) -> bool:
        """Whether a ship was seen."""
        return self.kind == "present" or (self.kind in ("exactly", "at_least") and self.count > 0)

    @property
    def seen_ships(self) -> int:
        """Least number of ships that the look shows."""
        return self.count if self.kind in ("exactly", "at_least") else int(self.kind == "present")


@dataclass(frozen=True)
class Span:
    """Evidence about a span of time (units): its likelihood with and without a ship alongside at some time in it."""

    start: int
    end: int
    with_ship: float
    without: float
    look_ids: tuple[str, ...]


@dataclass(frozen=True)
class Hulls:
    """Types of ship: the named hulls of the route, then unknown hulls by length.

    `share` (J,) is the prior composition of visits; `length_m` and `length_sd_m` (J,) are the
    hull's length and how far it is known. `strangers` are hulls that have a name but are none of the named ones.
    """

    names: tuple[str, ...]
    share: np.ndarray
    length_m: np.ndarray
    length_sd_m: np.ndarray
    classes: tuple[tuple[str, float], ...] = ()
    strangers: tuple[str, ...] = ()

    @property
    def named(self) -> int:
        """Number of named hulls."""
        return len(self.names)

    def mark(self, name: str | None, p_name: float | None, length_m: float | None, sd_m: float) -> np.ndarray | None:
        """Likelihood (J,) of a name or a measured length under each type; None where the look has neither."""
        like = np.ones(len(self.share))
        told = False
        if length_m is not None:
            spread = np.hypot(self.length_sd_m, sd_m)
            like *= np.exp(-0.5 * ((length_m - self.length_m) / spread) ** 2) / spread
            told = True
        if name is not None and name in self.names:
            p = min(p_name if p_name is not None else DEFAULT_NAME_CONFIDENCE, 0.999)
            j = self.names.index(name)
            named = np.full(len(self.share), (1 - p) * self.share[j] / (1 - self.share[j]))
            named[j] = p
            like = like * named if length_m is not None else named
            told = True
        elif name is not None and name in self.strangers:
            p = min(p_name if p_name is not None else DEFAULT_NAME_CONFIDENCE, 0.999)
            unknown = float(self.share[self.named :].sum())
            other = np.full(len(self.share), p)
            other[: self.named] = (1 - p) * unknown / max(1 - unknown, 1e-9)
            like = like * other
            told = True
        return like if told else None

    def same_over_different(self, a: np.ndarray, b: np.ndarray) -> float:
        """Bayes factor of one hull against two drawn apart, for two marks."""
        return float((self.share * a * b).sum() / ((self.share * a).sum() * (self.share * b).sum()))

    def apart(self, a: np.ndarray, b: np.ndarray, free: float) -> float:
        """Bayes factor of two ships, of which the second may be the hull of the first with a chance of only `free` of its
        share, against two drawn apart: a named hull is one ship and can be in one place, unknown hulls are many.
        """
        s, n, all_b = self.share, self.named, float((self.share * b).sum())
        bound = 1.0 - free
        given = (s * a)[:n] * (all_b - (s * b)[:n] * bound) / (1.0 - s[:n] * bound)
        return float((given.sum() + (s * a)[n:].sum() * all_b) / ((s * a).sum() * all_b))


@dataclass(frozen=True)
class Elsewhere:
    """A named hull seen in another port: it has left this one by unit `gone` and is not back before unit `back`.

    `mark` (J,) is the likelihood of the name, `hull` its index, `p` how probable it is that the name is right.
    """

    gone: int
    back: int
    hull: int
    p: float
    mark: np.ndarray
    look_id: str


@dataclass(frozen=True)
class PortLooks:
    """All that was seen of one port, on the clock of the chain."""

    place: str
    observations: tuple[Observation, ...]
    spans: tuple[Span, ...]
    conflicts: tuple[str, ...] = field(default=())
    complete: tuple[tuple[int, int], ...] = ()
    at_anchor: tuple[str, ...] = ()  # looks of ships that lay off the berths: no visits, and named as such
    elsewhere: tuple[Elsewhere, ...] = ()

    @property
    def last_unit(self) -> int:
        """Unit of the last observation, 0 without any."""
        return max([o.unit for o in self.observations] + [s.end for s in self.spans], default=0)


@dataclass(frozen=True)
class Clock:
    """Units of time since the first overpass of the period."""

    origin: dt.datetime

    def unit(self, when: dt.datetime) -> int:
        """Nearest unit of an instant."""
        return round((when - self.origin).total_seconds() / 86400.0 * UNITS_PER_DAY)

    def day(self, day: dt.date) -> int:
        """Unit at which a day begins for counting (its overpass hour)."""
        return (day - self.origin.date()).days * UNITS_PER_DAY

    def when(self, unit: float) -> dt.datetime:
        """Instant of a unit."""
        return self.origin + dt.timedelta(days=float(unit) / UNITS_PER_DAY)


def clock_of(start: dt.date, settings: TrafficSettings) -> Clock:
    """Clock whose zero is the overpass hour of the first day."""
    origin = dt.datetime.combine(start, dt.time(), dt.UTC) + dt.timedelta(hours=settings.overpass_hour_utc)
    return Clock(origin)


def hulls_of(vessels: Sequence[Mapping[str, Any]], settings: TrafficSettings) -> Hulls:
    """Types of ship from the roster: hulls on the route by name, unknown ones in steps of 10 m."""
    named = [v for v in vessels if v["kind"] == "named" and v["on_route"]]
    bins = np.arange(60.0, 211.0, 10.0)
    prior = np.exp(-0.5 * ((bins - settings.unknown_length_m) / settings.unknown_length_sd_m) ** 2) + 1e-6
    unknown = settings.unknown_hull_share if named else 1.0
    share = [(1 - unknown) / max(len(named), 1)] * len(named) + list(unknown * prior / prior.sum())
    length = [v["length_m"] if v["length_m"] is not None else settings.unknown_length_m for v in named] + list(bins)
    spread = [1.0 if v["length_m"] is not None else settings.unknown_length_sd_m for v in named] + [3.0] * len(bins)
    classes = tuple((v["vessel"], v["length_m"]) for v in vessels if v["kind"] == "class" and v["length_m"] is not None)
    names = tuple(v["vessel"] for v in named)
    strangers = tuple(v["vessel"] for v in vessels if v["kind"] == "named" and not v["on_route"])
    return Hulls(names, np.array(share), np.array(length), np.array(spread), classes, strangers)


def check_looks(rows: Sequence[Mapping[str, Any]], berths: Mapping[str, int]) -> None:
    """Raise `TrafficFault` naming every row that is impossible in itself."""
    wrong: list[str] = []
    for r in rows:
        if r["end"] < r["start"]:
            wrong.append(f"{r['look_id']}: ends {r['end']:%Y-%m-%d %H:%M} before it starts, expected end >= start")
        if not 0.0 <= r["usable_share"] <= 1.0:
            wrong.append(f"{r['look_id']}: usable_share {r['usable_share']}, expected 0 to 1")
        n = r["vessel_count"]
        if n is not None and n < 0:
            wrong.append(f"{r['look_id']}: vessel_count {n}, expected 0 or more")
        if n is not None and r["place"] in berths and n > berths[r["place"]]:
            wrong.append(
                f"{r['look_id']}: {n} vessels at {r['place']}, expected at most its {berths[r['place']]} berths "
                f"(berths in places.geojson or [traffic] berths)"
            )
        if n is not None and r["vessel_present"] is not None and bool(n) != r["vessel_present"]:
            wrong.append(
                f"{r['look_id']}: vessel_count {n} with vessel_present {r['vessel_present']}, expected agreement"
            )
    if wrong:
        raise TrafficFault("looks that cannot be:\n" + "\n".join(wrong))


def hull_conflicts(
    rows: Sequence[Mapping[str, Any]], positions: Mapping[str, tuple[float, float]], names: Sequence[str]
) -> tuple[list[str], set[str]]:
    """Pairs of looks that put one hull in two ports too far apart for the time between.

    Gives sentences and the look ids, whose names are then set aside (the ship seen is kept).
    """
    by_hull: dict[str, list[Mapping[str, Any]]] = {}
    for r in rows:
        if r["vessel"] in names and r["vessel_present"] and (r["p_vessel"] is None or r["p_vessel"] >= 0.5):
            by_hull.setdefault(r["vessel"], []).append(r)
    sentences: list[str] = []
    ids: set[str] = set()
    for hull, seen in by_hull.items():
        seen.sort(key=lambda r: r["start"])
        for i, a in enumerate(seen):
            for b in seen[i + 1 :]:
                if a["place"] == b["place"] or a["place"] not in positions or b["place"] not in positions:
                    continue
                most = max((b["end"] - a["start"]), (a["end"] - b["start"])).total_seconds() / 3600.0
                need = _nautical_miles(positions[a["place"]], positions[b["place"]]) / FASTEST_KNOTS
                if need > 0.25 and most < need:
                    sentences.append(
                        f"{a['look_id']} and {b['look_id']} put {hull} at {a['place']} and {b['place']} within "
                        f"{most:.1f} h; the passage takes at least {need:.1f} h"
                    )
                    ids.update((a["look_id"], b["look_id"]))
    return sentences, ids


def elsewhere(
    rows: Sequence[Mapping[str, Any]],
    place: str,
    positions: Mapping[str, tuple[float, float]],
    hulls: Hulls,
    clock: Clock,
    nameless: set[str],
) -> tuple[Elsewhere, ...]:
    """Named hulls seen in other ports, as one port is to read them: no ship sails faster than `FASTEST_KNOTS`."""
    out: list[Elsewhere] = []
    if place not in positions:
        return ()
    index = {name: j for j, name in enumerate(hulls.names)}
    marks: dict[tuple[int, float], np.ndarray | None] = {}
    sails: dict[str, dt.timedelta] = {}
    for r in rows:
        hull, there = index.get(r["vessel"]), r["place"]
        if hull is None or not r["vessel_present"] or r["look_id"] in nameless or there == place:
            continue
        if there not in positions:
            continue
        if there not in sails:
            miles = _nautical_miles(positions[place], positions[there])
            sails[there] = dt.timedelta(hours=miles / FASTEST_KNOTS)
        sail = sails[there]
        first, last = r["start"], r["end"]  # an hour of this span, or with AIS the whole of it
        if r["origin"] != "ais":
            if last - first > LONGEST_LOOK:
                continue
            first, last = last, first
        gone, back = clock.unit(first - sail) + 1, clock.unit(last + sail) - 1
        p = float(r["p_vessel"] if r["p_vessel"] is not None else DEFAULT_NAME_CONFIDENCE)
        if (hull, p) not in marks:
            marks[hull, p] = hulls.mark(r["vessel"], p, None, 1.0)
        mark = marks[hull, p]
        if mark is not None and 0 <= gone < back:
            out.append(Elsewhere(gone, back, hull, p, mark, r["look_id"]))
    return tuple(sorted(out, key=lambda e: (e.gone, e.look_id)))


def _nautical_miles(a: tuple[float, float], b: tuple[float, float]) -> float:
    lat1, lon1, lat2, lon2 = map(math.radians, (*a, *b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 3440.065 * math.asin(math.sqrt(min(1.0, h)))


def read_port(
    rows: Sequence[Mapping[str, Any]],
    place: str,
    clock: Clock,
    last_unit: int,
    hulls: Hulls,
    berths: int,
    settings: TrafficSettings,
    *,
    complete: Sequence[tuple[int, int]] = (),
    nameless: frozenset[str] | set[str] = frozenset(),
) -> PortLooks:
    """Observations of one port.

    `complete` lists spans (units) of which an aggregate tells all usable days: looks inside are
    part of a full record, so their choice is no news. `nameless` are looks whose name is set aside.
    """
    conflicts: list[str] = []
    at_anchor: list[str] = []
    observations: list[Observation] = []
    spans: list[Span] = []
    stacks: list[tuple[int, bool, str]] = []
    own = [r for r in rows if r["place"] == place]
    quiet = _quiet_days(place, clock, last_unit, settings)
    quiet_units = {o.unit for o in quiet}
    last_seen = -FOLLOW_UP_UNITS
    for r in sorted(own, key=lambda r: (r["start"], r["end"], r["look_id"])):
        first, last = clock.unit(r["start"]), clock.unit(r["end"])
        # The clock begins at the overpass of the first day: what is earlier that day, anywhere, is of that day still.
        if last <= -UNITS_PER_DAY or first > last_unit:
            conflicts.append(f"{r['look_id']} at {place} lies outside the period and is not used")
            continue
        if r["usable_share"] <= 0.0:
            continue  # cloud: no news at all
        tracked = r["origin"] == "ais" and r["vessel_present"] is True
        before = tracked and first <= -UNITS_PER_DAY and not settings.starts_empty
        long = r["end"] - r["start"] > LONGEST_LOOK and not tracked
        unit = _unit_of(r, clock) if not tracked else first
        if not 0 <= unit <= last_unit:
            unit = min(max(unit, 0), last_unit)
        if r["stack_present"] is not None and not long and r["usable_share"] >= 0.5:
            stacks.append((unit, r["stack_present"], r["look_id"]))
        kind, count = _reading(r)
        if kind is None:
            if r["activity"] == "anchored":
                at_anchor.append(r["look_id"])
            continue
        if long:
            if kind == "present" or count > 0:
                ids = (r["look_id"],)
                spans.append(Span(max(first, 0), min(last, last_unit), 1.0, settings.inference_wrong, ids))
            else:
                conflicts.append(
                    f"{r['look_id']} at {place} tells of {(last - first) / UNITS_PER_DAY:.0f} days without a ship and is not "
                    f"used as a look; expected one look an image, or a stretch under [[traffic.quiet]] of case.toml"
                )
            continue
        seen = kind == "present" or count > 0
        event = r["selection"] == "event" and not tracked
        unknown = r["tasked"] is None and r["origin"] == "reported"
        chosen = settings.selection and not tracked and (r["tasked"] is True or event or unknown)
        if any(a <= unit <= b for a, b in complete):
            chosen = False
        if r["tasked"] is None and not event and not tracked and unit - last_seen <= FOLLOW_UP_UNITS:
            chosen = False
        if r["tasked"] is None and any(abs(unit - u) < UNITS_PER_DAY for u in quiet_units):
            chosen = False
        if event and not seen:
            chosen = False  # told because it was empty: the emptiness is a fact, the choice tells nothing more
        if seen:
            last_seen = unit
        usable = r["usable_share"]
        if r["berth"] is not None and kind == "absent" and berths > 1:
            usable = usable / berths  # one pier seen empty says nothing of the others
        named = r["vessel"] if r["look_id"] not in nameless else None
        mark = hulls.mark(named, r["p_vessel"], r["length_m"], settings.length_sd_m) if kind != "absent" else None
        if count > 1:
            mark = None  # which of several ships the mark is of cannot be told
        observations.append(
            Observation(
                unit,
                kind,
                count,
                usable,
                1.0,
                chosen,
                r["collector"],
                r["look_id"],
                mark,
                told=chosen and event,
                track=(first if before else max(first, 0), min(last, last_unit)) if tracked else None,
            )
        )
    observations, more = _share_scenes(observations, own)
    observations = sorted([*observations, *quiet], key=lambda o: (o.unit, o.look_id))
    observations = _chosen_once(observations)
    conflicts += more
    spans += _stack_spans(stacks, observations, settings)
    return PortLooks(place, tuple(observations), tuple(spans), tuple(conflicts), tuple(complete), tuple(at_anchor))


def _chosen_once(observations: list[Observation]) -> list[Observation]:
    """Of several chosen looks of a day one is chosen: the day was, and it can be chosen once."""
    out: list[Observation] = []
    days: set[tuple[int, bool]] = set()
    for o in observations:
        day = (o.unit // UNITS_PER_DAY, o.told)
        out.append(replace(o, chosen=False, told=False) if o.chosen and day in days else o)
        if o.chosen:
            days.add(day)
    return out


def _quiet_days(place: str, clock: Clock, last_unit: int, settings: TrafficSettings) -> list[Observation]:
    """Empty looks that stand for a stretch reported as quiet."""
    out: list[Observation] = []
    for q in settings.quiet:
        if q.place != place:
            continue
        for day in range((q.end - q.start).days + 1):
            unit = clock.day(q.start + dt.timedelta(days=day))
            if 0 <= unit <= last_unit:
                out.append(Observation(unit, "absent", 0, q.usable_share, 1.0, False, "quiet", f"quiet {q.source}"))
    return out


def _unit_of(r: Mapping[str, Any], clock: Clock) -> int:
    if r["end"] - r["start"] >= dt.timedelta(hours=20):
        middle = r["start"] + (r["end"] - r["start"]) / 2
        return clock.day(middle.date())
    return clock.unit(r["start"] + (r["end"] - r["start"]) / 2)


def _reading(r: Mapping[str, Any]) -> tuple[str | None, int]:
    if r["activity"] == "anchored":
        return None, 0
    if r["vessel_count"] is not None:
        return ("at_least" if r["count_reading"] == "at_least" and r["vessel_count"] > 0 else "exactly"), r[
            "vessel_count"
        ]
    if r["vessel_present"] is None:
        return None, 0
    return ("present", 1) if r["vessel_present"] else ("absent", 0)


def _share_scenes(
    observations: list[Observation], rows: Sequence[Mapping[str, Any]]
) -> tuple[list[Observation], list[str]]:
    """Weigh reports that may share a scene: same port, berth and hour, agreeing, sensors not known to differ."""
    about = {r["look_id"]: r for r in rows}
    groups: dict[tuple[Any, ...], list[Observation]] = {}
    for o in observations:
        r = about[o.look_id]
        groups.setdefault((o.unit, r["berth"], o.kind, o.count), []).append(o)
    out: list[Observation] = []
    for members in groups.values():
        sensors = {about[o.look_id]["sensor"] for o in members} - {None}
        several = len(members) if len(sensors) <= 1 else max(1, round(len(members) / len(sensors)))
        out += [replace(o, weight=1.0 / several) for o in members]
    out.sort(key=lambda o: (o.unit, o.look_id))
    conflicts: list[str] = []
    for i, a in enumerate(out):
        for b in out[i + 1 :]:
            if b.unit != a.unit:
                break
            ra, rb = about[a.look_id], about[b.look_id]
            one_berth = ra["berth"] == rb["berth"] and min(a.usable, b.usable) >= 0.5
            day_long = min(ra["end"] - ra["start"], rb["end"] - rb["start"]) >= dt.timedelta(hours=20)
            if one_berth and a.positive != b.positive and not day_long:
                conflicts.append(
                    f"{a.look_id} and {b.look_id} contradict each other: a vessel and none in the same hour"
                )
    return out, conflicts


def _stack_spans(
    stacks: list[tuple[int, bool, str]], observations: list[Observation], settings: TrafficSettings
) -> list[Span]:
    """A stack seen, then gone or still there, with no ship imaged between: for or against a visit in the gap."""
    spans: list[Span] = []
    stacks.sort()
    cleared, left = settings.stack_cleared_otherwise, settings.stack_left_behind
    for (a, there, id_a), (b, still, id_b) in itertools.pairwise(stacks):
        if not there or b <= a or b - a > 10 * UNITS_PER_DAY:
            continue
        if any(a <= o.unit <= b and o.positive for o in observations):
            continue
        told = (left, 1 - cleared) if still else (1 - left, cleared)
        spans.append(Span(a, b, *told, (id_a, id_b)))
    return spans


def likelihood(o: Observation, ships: np.ndarray, detection: np.ndarray, false_sighting: np.ndarray) -> np.ndarray:
    """P(look | n ships alongside) for each state: (P, S). A look of usable share 0 gives ones.

    Each ship is found with probability usable x detection; at most one thing that is no ship of
    the route is taken for one, with probability usable x false sighting.
    """
    find = (o.usable * detection)[:, None]
    wrong = (o.usable * false_sighting)[:, None]
    n = ships[None, :].astype(float)
    if o.kind in ("present", "absent"):
        none = (1 - wrong) * (1 - find) ** n
        like = none if o.kind == "absent" else 1 - none
    else:
        most = int(ships.max()) + 1
        exact = [
            (1 - wrong) * _binomial(k, ships, find) + wrong * _binomial(k - 1, ships, find) for k in range(most + 1)
        ]
        like = exact[o.count] if o.kind == "exactly" else sum(exact[o.count :], np.zeros_like(exact[0]))
    return np.maximum(like, 1e-12) ** o.weight


def seen(ships: np.ndarray, p: Points) -> np.ndarray:
    """Chance that a clear look shows a ship, with n ships alongside: (P, n)."""
    return 1.0 - (1.0 - p.false_sighting[:, None]) * (1.0 - p.detection[:, None]) ** ships[None, :]


def _binomial(k: int, ships: np.ndarray, p: np.ndarray) -> np.ndarray:
    out = np.zeros((p.shape[0], len(ships)))
    if k < 0:
        return out
    for n in np.unique(ships):
        if n >= k:
            value = math.comb(int(n), k) * p[:, 0] ** k * (1 - p[:, 0]) ** (int(n) - k)
            out[:, ships == n] = value[:, None]
    return out
