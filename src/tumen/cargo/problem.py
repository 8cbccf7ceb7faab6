"""The weighing of one case, set up: worlds, statements, images, and how each candidate is scored.

Takes the step's input tables; gives a `Problem` whose `evaluate` the sampler calls and whose `truths` say what
every statement counts in a candidate world.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.cargo import world as worlds
from tumen.cargo.boxes import hulls, slots
from tumen.cargo.likelihood import Origin, log_likelihood, origin_of
from tumen.cargo.sampler import Scorer
from tumen.cargo.statements import CAPACITY, RATIO, Statement
from tumen.cargo.statements import read as read_statements
from tumen.cargo.streams import Sea, last_day, sea_from, window
from tumen.cargo.world import DAYS_PER_MONTH, Hulls, Layout, World
from tumen.case.loading import Loading

Array = np.ndarray
# A total below this is "nothing": keeps logs finite where a world has no voyage in a claim's window.
LEAST = 1e-3
# Candidates scored at once: more only costs memory.
CHUNK = 8_000


@dataclass(frozen=True)
class Stack:
    """A measured stack or a count of boxes in one look, on the log scale."""

    row: str  # look_id or sighting_id
    ship: int | None  # place among the ships of the voyages
    log_count: float | None
    log_length: float | None
    evidence_id: str | None


class Windows:
    """What each of some statements counts, as stretches of time between the days that they speak of."""

    def __init__(
        self, statements: list[Statement], loading: Loading, sea: Sea, period: tuple[dt.date, dt.date]
    ) -> None:
        months = sea.months
        first, last = months[0], last_day(months[-1])
        edges = {first, last + dt.timedelta(days=1), *months[:: loading.load.phase_months]}
        for s in statements:
            edges |= {max(s.start, first), min(s.end, last) + dt.timedelta(days=1)}
            if s.quantity == RATIO:
                edges.add(max(s.year_before[0], first))
        cuts = sorted(day for day in edges if first <= day <= last + dt.timedelta(days=1))
        days = [(a, b - dt.timedelta(days=1)) for a, b in itertools.pairwise(cuts)]
        shares = np.stack([window(months, a, b) for a, b in days], 1)  # (months, bins)
        self.statements = statements
        self.munitions = list(loading.munition)
        middle = [(a.year - first.year) * 12 + a.month - first.month for a, _ in days]
        self.phase = np.array([m // loading.load.phase_months for m in middle])
        # By route ('' is the whole sea route): laden voyages with their luck, (draws, bins, ships).
        self.voyages = {"": _binned(sea.lifted, shares)}
        self.share = np.zeros((len(days), len(statements)))
        self.route: list[str] = []
        self.rail = np.zeros((len(months), len(statements)))
        self.before = np.zeros(len(statements))
        self.counted: dict[int, Array] = {}  # voyages of each world, for statements on voyages
        self.sailed: dict[int, Array] = {}  # the same, for statements on the boxes of some of them
        self.relative: dict[int, tuple[Array, Array, float]] = {}  # shares of the year before, and days of it over own
        for i, s in enumerate(statements):
            route = self._route(s, sea, shares)
            self.route.append(route)
            self.share[:, i] = [float(a >= s.start and b <= s.end and s.scope != "rail") for a, b in days]
            if s.quantity == "voyages":
                self.counted[i] = voyages_of(s, sea)
                continue
            if s.on_voyages is not None:
                self.sailed[i] = np.maximum(voyages_of(s, sea), LEAST)
            if s.quantity == RATIO:
                a, b = s.year_before
                share = np.array([float(c >= a and d <= b and s.scope != "rail") for c, d in days])
                times = ((b - a).days + 1) / ((s.end - s.start).days + 1)
                self.relative[i] = (share, window(months, a, b) * (s.scope in ("all", "rail")), times)
            if s.scope in ("all", "rail") and s.vessel is None:
                self.rail[:, i] = window(months, s.start, s.end)
                self.before[i] = max((min(s.end, period[0]) - s.start).days, 0) / DAYS_PER_MONTH

    def _route(self, s: Statement, sea: Sea, shares: Array) -> str:
        if s.vessel is None and (s.place is None or sea.all_through(s.place)):
            return ""
        route = f"{s.place or ''}|{s.vessel or ''}"
        if route not in self.voyages:
            lifted = sea.lifted if s.place is None else sea.through(s.place, "luck")
            if s.vessel is not None:
                lifted = lifted * np.array([ship == s.vessel for ship in sea.ships])
            self.voyages[route] = _binned(lifted, shares)
        return route

    def sea_boxes(self, world: World, d: Array, route: str = "") -> Array:
        """Boxes by sea in each bin, along a route; (n, bins)."""
        voyages = self.voyages[route]
        flat = voyages.reshape(len(voyages), -1)[d].reshape(len(d), *voyages.shape[1:])
        boxes = (flat @ world.per_voyage[:, :, None])[:, :, 0] if flat.shape[2] else np.zeros(flat.shape[:2])
        return boxes * world.phases[:, self.phase]

    def truths(self, world: World, d: Array, is_round: Array) -> tuple[Array, Array]:
        """What each statement counts in each candidate (n, statements), and boxes by sea in all (n,)."""
        by_sea = {route: self.sea_boxes(world, d, route) for route in {"", *self.route}}
        per_arms = {"containers_arms": np.ones(len(d)), "tonnes": world.tonnes_per_arms_box()}
        per_arms["rounds"] = world.rounds_per_arms_box(is_round)
        per_arms["usable_rounds"] = per_arms["rounds"] * world.working
        for number, name in enumerate(self.munitions):
            per_arms[name] = world.shares[:, number] * world.in_box[:, number]
        out = np.empty((len(d), len(self.statements)))
        for i, s in enumerate(self.statements):
            if i in self.counted:
                out[:, i] = self.counted[i][d]
                continue
            sea = by_sea[self.route[i]] @ self.share[:, i]
            rail = world.rail @ self.rail[:, i] + self.before[i] * world.before
            if s.on_voyages is not None:
                sea = sea * (s.on_voyages / self.sailed[i][d])
            if s.quantity == "containers":
                out[:, i] = sea + rail
                continue
            if s.quantity == CAPACITY:
                out[:, i] = (sea + rail) * world.in_box[:, self.munitions.index(str(s.munition))]
                continue
            arms = sea * world.arms_sea + rail * world.arms_rail
            if i in self.relative:
                share, by_rail, times = self.relative[i]
                before = (by_sea[self.route[i]] @ share) * world.arms_sea + (world.rail @ by_rail) * world.arms_rail
                out[:, i] = arms * times / np.maximum(before, LEAST)
            else:
                out[:, i] = arms * per_arms[s.quantity]
        return np.maximum(out, LEAST), by_sea[""].sum(1)


def voyages_of(s: Statement, sea: Sea) -> Array:
    """Laden voyages of each world in the window and route of a statement; (draws,)."""
    counts = sea.counts if s.place is None else sea.through(s.place, "number")
    if s.vessel is not None:
        counts = counts * np.array([ship == s.vessel for ship in sea.ships])
    return np.einsum("dms,m->d", counts, window(sea.months, s.start, s.end))


def _binned(by_month: Array, shares: Array) -> Array:
    """(draws, months, ships) to (draws, bins, ships)."""
    return np.ascontiguousarray((by_month.transpose(0, 2, 1) @ shares).transpose(0, 2, 1))


@dataclass
class Problem:
    """Everything that scoring a candidate needs."""

    loading: Loading
    period: tuple[dt.date, dt.date]
    sea: Sea
    hulls: Hulls
    layout: Layout
    kinds: list[str]
    statements: list[Statement]
    origins: list[Origin]
    stacks: list[Stack]
    unread: list[tuple[str, str]]
    impossible: list[tuple[str, str]]
    is_round: Array
    typical: dict[str, float]  # how much of each quantity a mean box carries
    places: set[str]  # ports of the voyages
    heard: Windows = None  # type: ignore[assignment]  # set last; of the statements that are evidence, origin by origin

    def world(self, z: Array) -> World:
        """Inputs at latent coordinates."""
        return worlds.build(self.loading, self.layout, self.hulls, self.sea.ships, len(self.sea.months), self.kinds, z)

    def scorer(self) -> Scorer:
        """The problem as the sampler sees it."""
        total = self.sea.lifted.sum((1, 2))
        ordinary = int(np.argmin(np.abs(total - np.median(total))))
        origins = [(len(o.statements), partial(log_likelihood, o)) for o in self.origins]
        return Scorer(
            dimensions=len(self.layout),
            worlds=self.sea.draws,
            evaluate=self.evaluate,
            expect=self._expect,
            origins=origins,
            other=lambda z: self.seen(self.world(z)),
            ordinary=ordinary,
        )

    def _expect(self, z: Array, d: Array) -> Array:
        """Expected logs of all evidence, origin by origin."""
        made = self.world(z)
        return self.expected(made, self.heard.truths(made, d, self.is_round)[0])

    def expected(self, world: World, truths: Array) -> Array:
        """Log truth plus the bias of the kind of origin, of all evidence; (n, claims)."""
        kinds = [self.kinds.index(o.kind) for o in self.origins for _ in o.statements]
        biased = np.array([float(s.biased) for o in self.origins for s in o.statements])
        return np.log(truths) + world.kind_log_bias[:, kinds] * biased

    def by_origin(self, expected: Array) -> list[Array]:
        """The columns of each origin."""
        ends = np.cumsum([len(o.statements) for o in self.origins])
        return np.split(expected, ends[:-1], axis=1) if self.origins else []

    def evaluate(self, z: Array, d: Array) -> tuple[Array, Array]:
        """Log likelihood by part (one an origin, then the images), and total rounds of the period."""
        starts = range(0, len(d), CHUNK)
        # Chunks are cut alike on any machine, so that a candidate's score is the same bits; two cores share them out.
        with ThreadPoolExecutor(2) as threads:
            pieces = list(threads.map(lambda a: self._evaluate(z[a : a + CHUNK], d[a : a + CHUNK]), starts))
        return np.concatenate([p for p, _ in pieces]), np.concatenate([r for _, r in pieces])

    def _evaluate(self, z: Array, d: Array) -> tuple[Array, Array]:
        made = self.world(z)
        truths, by_sea = self.heard.truths(made, d, self.is_round)
        parts = np.empty((len(d), len(self.origins) + 1))
        for number, part in enumerate(self.by_origin(self.expected(made, truths))):
            parts[:, number] = log_likelihood(self.origins[number], part)
        parts[:, -1] = self.seen(made)
        arms = by_sea * made.arms_sea + made.rail.sum(1) * made.arms_rail
        return parts, arms * made.rounds_per_arms_box(self.is_round)

    def seen(self, world: World) -> Array:
        """Log likelihood of stacks and counts in images; (n,)."""
        total = np.zeros(len(world.before))
        stack = self.loading.stack
        for one in self.stacks:
            load = world.per_voyage.mean(1) if one.ship is None else world.per_voyage[:, one.ship]
            ashore = np.log(np.maximum(load * world.load_ashore, LEAST))
            if one.log_count is not None:
                total -= 0.5 * ((one.log_count - ashore) / stack.count_spread) ** 2
            elif one.log_length is not None:
                total -= 0.5 * ((one.log_length - ashore + np.log(world.boxes_per_m)) / stack.length_spread) ** 2
        return total


def set_up(
    voyages: pa.Table, looks: pa.Table, sightings: pa.Table, claims: pa.Table, vessels: pa.Table, loading: Loading,
    period: tuple[dt.date, dt.date], draws: int, rng: np.random.Generator,
) -> Problem:  # fmt: skip
    """The problem of one case."""
    sea = sea_from(voyages, period, loading.load.voyage_spread, draws, rng)
    hull = Hulls(*hulls(loading.load, sea.ships, vessels))
    is_round = np.array([m.round for m in loading.munition.values()])
    places = {p for name in ("origin", "destination") for p in sea.rows[name].unique().to_pylist()}
    typical = _typical(loading, is_round)
    statements, unread = read_statements(claims, loading, period, typical, places)
    stacks, impossible = _stacks(looks, sightings, sea.ships, vessels, loading)
    impossible += _too_many(statements, sea, hull, loading, period)
    stop = {claim_id for claim_id, _ in impossible}
    heard = [s for s in statements if s.used == "evidence" and s.claim_id not in stop]
    groups = sorted({s.group for s in heard})
    kinds = sorted({s.kind for s in heard})
    layout = Layout(loading, sea.ships, sea.months, kinds)
    problem = Problem(
        loading, period, sea, hull, layout, kinds, statements, [], stacks, unread, impossible, is_round, typical, places
    )
    for group in groups:
        problem.origins.append(origin_of(group, [s for s in heard if s.group == group], loading.claims))
    problem.heard = Windows([s for o in problem.origins for s in o.statements], loading, sea, period)
    return problem


def _typical(loading: Loading, is_round: Array) -> dict[str, float]:
    """How much of each quantity a mean box carries at the medians of all priors."""
    layout = Layout(loading, [], [], [])
    none = Hulls(np.zeros(0), np.zeros(0), np.zeros(0))
    world = worlds.build(loading, layout, none, [], 1, [], np.zeros((1, len(layout))))
    arms = float(world.arms_sea[0])
    rounds = float(world.rounds_per_arms_box(is_round)[0]) * arms
    out = {"containers": 1.0, "containers_arms": arms, "tonnes": float(world.tonnes_per_arms_box()[0]) * arms}
    out |= {"rounds": rounds, "usable_rounds": rounds * float(world.working[0]), "voyages": 1.0}
    for number, name in enumerate(loading.munition):
        out[name] = float(world.shares[0, number] * world.in_box[0, number]) * arms
    return out


def _stacks(
    looks: pa.Table, sightings: pa.Table, ships: list[str], vessels: pa.Table, loading: Loading
) -> tuple[list[Stack], list[tuple[str, str]]]:
    """Measured stacks, and rows that put more boxes on a hull than it has room for."""
    wanted = ["vessel", "length_m", "stack_length_m", "containers", "evidence_id"]
    rows = looks.select([c for c in ("look_id", "same_scene_as", *wanted) if c in looks.column_names]).to_pylist()
    measured = {r["look_id"] for r in rows if r["containers"] or r["stack_length_m"]}
    rows = [{"kind": "look", "row": r["look_id"], "again": r.get("same_scene_as") in measured, **r} for r in rows]
    # A sighting of a look repeats it; one without is a report of its own.
    bare = sightings.select(["sighting_id", "look_id", "what", *wanted]).to_pylist()
    bare = [r for r in bare if r["look_id"] is None and r["what"] in ("stack", "vessel")]
    rows += [{"kind": "sighting", "row": r["sighting_id"], **r} for r in bare]
    roster = {r["vessel"]: r for r in vessels.select(["vessel", "length_m", "dwt_t", "teu"]).to_pylist()}
    out: list[Stack] = []
    impossible: list[tuple[str, str]] = []
    for row in rows:
        count, length = row["containers"] or 0.0, row["stack_length_m"] or 0.0
        ship = row["vessel"]
        most = _room(row, roster, loading) if ship is not None or row["length_m"] is not None else math.inf
        if count > most:
            whom = f"'{ship}'" if ship else f"a ship of {row['length_m']:.0f} m"
            impossible.append((row["row"], _too_full(row["kind"], row["row"], count, whom, most)))
        elif (count > 0 or length > 0) and not row.get("again"):
            out.append(
                Stack(
                    row["row"],
                    ships.index(ship) if ship in ships else None,
                    math.log(count) if count > 0 else None,
                    math.log(length) if length > 0 else None,
                    row.get("evidence_id"),
                )
            )
    return out if ships else [], impossible


def overfull(looks: pa.Table, sightings: pa.Table, vessels: pa.Table, loading: Loading) -> list[str]:
    """Looks and sightings that put more boxes on a hull than it has room for, a sentence each."""
    return [text for _, text in _stacks(looks, sightings, [], vessels, loading)[1]]


def _too_full(kind: str, row: str, count: float, whom: str, most: float) -> str:
    return f"{kind} {row} puts {count:,.0f} containers on {whom}, which holds at most {most:,.0f}; the row is set aside"


def _room(row: dict[str, Any], roster: dict[str, dict[str, Any]], loading: Loading) -> float:
    """Most boxes that the ship of a look can hold: by the roster, else by the length seen."""
    hull = roster.get(row["vessel"] or "", {})
    return slots(loading.load, hull.get("length_m") or row["length_m"], hull.get("dwt_t"), hull.get("teu"))


def _too_many(
    statements: list[Statement], sea: Sea, hull: Hulls, loading: Loading, period: tuple[dt.date, dt.date]
) -> list[tuple[str, str]]:
    """Claims of more than all hulls and trains of any world could hold; most often a figure in another unit."""
    out = []
    rail, densest = loading.rail, _fullest_box(loading)
    steps = (np.arange(len(sea.months)) + 0.5) / 12
    by_rail = float(rail.boxes_per_month.value(FAR)) * np.maximum(float(rail.growth.value(FAR)), 1.0) ** steps
    for s in statements:
        quantity = str(s.munition) if s.quantity == CAPACITY else s.quantity
        if quantity not in densest or s.used != "evidence" or not math.isfinite(s.lower):
            continue
        room = 0.0
        if s.scope != "rail" and sea.ships:
            counts = sea.counts if s.place is None else sea.through(s.place, "number")
            voyages = np.einsum("dms,m->ds", counts, window(sea.months, s.start, s.end))
            room += float((voyages @ hull.slots).max())
            if s.on_voyages is not None:
                room = s.on_voyages * float(hull.slots.max())
        if s.scope != "sea" and s.vessel is None:
            before = max((min(s.end, period[0]) - s.start).days, 0) / worlds.DAYS_PER_MONTH
            room += float(window(sea.months, s.start, s.end) @ by_rail) + before * float(rail.before.value(FAR))
        most = room * densest[quantity]
        if math.exp(s.lower) > most:
            by = "voyages whose hulls hold" if s.scope == "sea" else "voyages and trains that hold"
            out.append(
                (
                    s.claim_id,
                    f"claim {s.claim_id} puts {math.exp(s.lower):,.0f} {quantity.replace('_', ' ')} on {by} at most "
                    f"{most:,.0f} in any draw; expected no more than that, in the unit '{s.unit}'; the row is set aside",
                )
            )
    return out


# Four standard deviations beyond the median of a prior: farther than any draw of a run.
FAR = np.array(4.0)


def _fullest_box(loading: Loading) -> dict[str, float]:
    """Most of each quantity that a box could hold, all its priors at their far ends at once."""
    payload, room = (
        float(loading.box.payload_kg.value(FAR)),
        loading.box.inside_m3 * float(loading.box.volume_share.value(FAR)),
    )
    out = {"containers": 1.0, "containers_arms": 1.0, "tonnes": payload / 1000}
    for name, m in loading.munition.items():
        out[name] = 1.0
        if m.volume_m3 is not None:
            out[name] = min(payload / float(m.mass_kg.value(-FAR)), room / float(m.volume_m3.value(-FAR)))
    most = max((out[n] for n, m in loading.munition.items() if m.round), default=0.0)
    return out | {"rounds": most, "usable_rounds": most}
