"""The weighing of one case, set up: worlds, statements, images, and how each candidate is scored.

Takes the step's input tables; gives a `Problem` whose `evaluate` the sampler calls and whose `truths` say what
every statement counts in a candidate world.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tumen.cargo import world as worlds
from tumen.cargo.boxes import hulls
from tumen.cargo.likelihood import Origin, log_likelihood, origin_of
from tumen.cargo.statements import Statement
from tumen.cargo.statements import read as read_statements
from tumen.cargo.streams import Sea, sea_from, window
from tumen.cargo.world import DAYS_PER_MONTH, Hulls, Layout, World
from tumen.case.loading import Loading

Array = np.ndarray
# A total below this is "nothing": keeps logs finite where a world has no voyage in a claim's window.
LEAST = 1e-3


@dataclass(frozen=True)
class Stack:
    """A measured stack or a count of boxes in one look, on the log scale."""

    look_id: str
    ship: int | None  # place among the ships of the voyages
    log_count: float | None
    log_length: float | None
    evidence_id: str | None


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
    sea_windows: list[Array] = field(default_factory=list)  # one a statement: (draws, ships) laden voyages
    rail_windows: list[Array] = field(default_factory=list)  # one a statement: (months,)
    before_months: list[float] = field(default_factory=list)

    @property
    def covariate(self) -> Array:
        """Standardised log of the voyages of each upstream draw."""
        total = np.log(self.sea.lifted.sum((1, 2)) + 0.5)
        spread = total.std()
        return (total - total.mean()) / spread if spread > 1e-9 else np.zeros_like(total)

    def world(self, z: Array) -> World:
        """Inputs at latent coordinates."""
        return worlds.build(self.loading, self.layout, self.hulls, self.sea.ships, len(self.sea.months), self.kinds, z)

    def truths(self, world: World, d: Array) -> Array:
        """What each statement counts, in each candidate; (n, statements)."""
        per_arms = {"containers_arms": 1.0, "tonnes": world.tonnes_per_arms_box()}
        per_arms["rounds"] = world.rounds_per_arms_box(self.is_round)
        per_arms["usable_rounds"] = per_arms["rounds"] * world.working
        for number, name in enumerate(self.loading.munition):
            per_arms[name] = world.shares[:, number] * world.in_box[:, number]
        out = np.empty((len(d), len(self.statements)))
        done: dict[int, tuple[Array, Array]] = {}
        for i, statement in enumerate(self.statements):
            voyages = self.sea_windows[i]
            if statement.quantity == "voyages":
                out[:, i] = voyages.sum(1)[d]
                continue
            sea = done.get(id(voyages))
            if sea is None:
                sea = done[id(voyages)] = (np.einsum("ns,ns->n", voyages[d], world.per_voyage), voyages[:, 0])
            by_sea = sea[0]
            by_rail = world.rail @ self.rail_windows[i] + self.before_months[i] * world.before
            if statement.quantity == "containers":
                out[:, i] = by_sea + by_rail
            else:
                out[:, i] = (by_sea * world.arms_sea + by_rail * world.arms_rail) * per_arms[statement.quantity]
        return np.maximum(out, LEAST)

    def total_rounds(self, world: World, d: Array) -> Array:
        """Rounds in the whole period, all streams; (n,)."""
        by_sea = np.einsum("ns,ns->n", self.sea.lifted.sum(1)[d], world.per_voyage)
        arms = by_sea * world.arms_sea + world.rail.sum(1) * world.arms_rail
        return arms * world.rounds_per_arms_box(self.is_round)

    def evaluate(self, z: Array, d: Array) -> tuple[Array, Array]:
        """Log likelihood by part (one an origin, then the images), and total rounds before the truths."""
        made = self.world(z)
        truths = self.truths(made, d)
        parts = np.empty((len(d), len(self.origins) + 1))
        for number, origin in enumerate(self.origins):
            parts[:, number] = log_likelihood(origin, self.expected(origin, made, truths))
        parts[:, -1] = self.seen(made)
        return parts, np.concatenate([self.total_rounds(made, d)[:, None], truths], 1)

    def expected(self, origin: Origin, world: World, truths: Array) -> Array:
        """Log truth plus the bias of the origin's kind; (n, claims of the origin)."""
        kind = world.kind_log_bias[:, self.kinds.index(origin.kind)]
        return np.log(truths[:, origin.columns]) + kind[:, None]

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
    voyages: pa.Table, looks: pa.Table, claims: pa.Table, vessels: pa.Table, loading: Loading,
    period: tuple[dt.date, dt.date], draws: int, rng: np.random.Generator,
) -> Problem:  # fmt: skip
    """The problem of one case."""
    sea = sea_from(voyages, period, loading.load.voyage_spread, draws, rng)
    hull = Hulls(*hulls(loading.load, sea.ships, vessels))
    is_round = np.array([m.round for m in loading.munition.values()])
    places = {p for name in ("origin", "destination") for p in sea.rows[name].unique().to_pylist()}
    statements, unread = read_statements(claims, loading, period, _typical(loading, is_round), places)
    groups = sorted({s.group for s in statements if s.used == "evidence"})
    kinds = sorted({s.kind for s in statements if s.used == "evidence"})
    layout = Layout(loading, sea.ships, sea.months, kinds)
    stacks, impossible = _stacks(looks, sea.ships, hull, vessels, loading)
    problem = Problem(
        loading, period, sea, hull, layout, kinds, statements, [], stacks, unread, impossible, is_round
    )  # fmt: skip
    _windows(problem)
    problem.impossible += _too_many(problem)
    stop = {claim_id for claim_id, _ in problem.impossible}
    for group in groups:
        columns = [
            i for i, s in enumerate(statements) if s.group == group and s.used == "evidence" and s.claim_id not in stop
        ]
        if columns:
            problem.origins.append(origin_of(group, columns, statements, loading.claims))
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


def _windows(problem: Problem) -> None:
    """Laden voyages, share of rail months and months before the period that each statement covers."""
    sea, months = problem.sea, problem.sea.months
    kept: dict[tuple, Array] = {}
    through: dict[str, Array] = {}
    for s in problem.statements:
        share = window(months, s.start, s.end)
        key = (s.start, s.end, s.scope, s.place, s.vessel, s.quantity == "voyages")
        if key not in kept:
            if s.scope == "rail":
                lifted = np.zeros((sea.draws, len(sea.ships)))
            elif s.place is not None:
                if s.place not in through:
                    through[s.place] = sea.through(s.place)
                lifted = np.einsum("dms,m->ds", through[s.place], share)
            else:
                lifted = np.einsum("dms,m->ds", sea.counts if s.quantity == "voyages" else sea.lifted, share)
            if s.vessel is not None:
                lifted = lifted * np.array([ship == s.vessel for ship in sea.ships])
            kept[key] = lifted
        problem.sea_windows.append(kept[key])
        by_rail = s.scope in ("all", "rail") and s.vessel is None and s.quantity != "voyages"
        problem.rail_windows.append(share if by_rail else np.zeros(len(months)))
        earlier = max((min(s.end, problem.period[0]) - s.start).days, 0) / DAYS_PER_MONTH
        problem.before_months.append(earlier if by_rail else 0.0)


def _stacks(
    looks: pa.Table, ships: list[str], hull: Hulls, vessels: pa.Table, loading: Loading
) -> tuple[list[Stack], list[tuple[str, str]]]:
    """Measured stacks, and looks that put more boxes on a hull than it has room for."""
    wanted = [
        "look_id",
        "vessel",
        "length_m",
        "activity",
        "stack_length_m",
        "containers",
        "same_scene_as",
        "evidence_id",
    ]
    rows = looks.select([c for c in wanted if c in looks.column_names]).to_pylist()
    out: list[Stack] = []
    impossible: list[tuple[str, str]] = []
    measured = {r["look_id"] for r in rows if r["containers"] or r["stack_length_m"]}
    named = {v: i for i, v in enumerate(vessels["vessel"].to_pylist())}
    for row in rows:
        count, length = row["containers"], row["stack_length_m"]
        if not (count and count > 0) and not (length and length > 0):
            continue
        if row.get("same_scene_as") in measured:
            continue  # the same image read twice is one measurement
        ship = row["vessel"]
        if count and (ship is not None or row["length_m"] is not None):
            most = _slots_of(ship if ship in named else None, row["length_m"], vessels, loading)
            if count > most:
                whom = f"'{ship}'" if ship else f"a ship of {row['length_m']:.0f} m"
                impossible.append(
                    (row["look_id"], f"look {row['look_id']} puts {count:,.0f} containers on {whom}, which holds at most {most:,.0f}; the row is set aside")
                )  # fmt: skip
                continue
        out.append(
            Stack(
                row["look_id"],
                ships.index(ship) if ship in ships else None,
                math.log(count) if count and count > 0 else None,
                math.log(length) if length and length > 0 else None,
                row.get("evidence_id"),
            )
        )
    return out if ships else [], impossible


def _slots_of(ship: str | None, length_m: float | None, vessels: pa.Table, loading: Loading) -> float:
    from tumen.cargo.boxes import slots

    row = next((r for r in vessels.to_pylist() if r["vessel"] == ship), {}) if ship else {}
    return slots(loading.load, row.get("length_m") or length_m, row.get("dwt_t"), row.get("teu"))


def _too_many(problem: Problem) -> list[tuple[str, str]]:
    """Sea claims of more boxes than all hulls of any world could hold, even if only a part of the claim were true."""
    out = []
    for i, s in enumerate(problem.statements):
        if s.quantity != "containers" or s.scope != "sea" or s.used != "evidence" or not math.isfinite(s.lower):
            continue
        room = float((problem.sea_windows[i] @ problem.hulls.slots).max()) if problem.sea.ships else 0.0
        if math.exp(s.lower) > room:
            out.append(
                (s.claim_id, f"claim {s.claim_id} puts {math.exp(s.lower):,.0f} containers on voyages whose hulls hold at most {room:,.0f} in any draw; the row is set aside")
            )  # fmt: skip
    return out
