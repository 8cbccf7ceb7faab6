"""A false cargo on known voyages: what each ship and each month of rail truly carried. Never for a real case.

Takes the laden voyages of a simulated world and the priors of loading.toml; gives rows of `cargo` of one draw and the
rounds in a full box. Written apart from the cargo model, from the same words of docs/cargo.md, so that each checks the
other.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tumen import tables
from tumen.case.loading import Loading, Prior

# The hull whose length and deadweight stand for one that is not measured: 120 m, 7,300 t, deadweight as the cube.
HULL_M, HULL_T = 120.0, 7_300.0


@dataclass(frozen=True)
class Sailing:
    """One laden voyage: the month of departure, the hull (any name) and its length."""

    month: dt.date
    ship: str
    length_m: float


@dataclass(frozen=True)
class TrueCargo:
    """`cargo` of one draw, boxes of each voyage in the order given, and rounds in a full box by munition."""

    cargo: pa.Table
    boxes: list[float]
    in_box: dict[str, float]


def true_cargo(
    sailings: Sequence[Sailing], months: Sequence[dt.date], loading: Loading, rng: np.random.Generator
) -> TrueCargo:
    """Draw every input of loading.toml once, then what was carried."""

    def draw(prior: Prior) -> float:
        return float(prior.value(np.array(rng.standard_normal())))

    load, rail, box = loading.load, loading.rail, loading.box
    shares = {name: draw(m.share) for name, m in loading.munition.items()}
    shares = {name: share / sum(shares.values()) for name, share in shares.items()}
    payload, room = draw(box.payload_kg), box.inside_m3 * draw(box.volume_share)
    in_box, kilograms = {}, {}
    for name, m in loading.munition.items():
        each = draw(m.mass_kg)
        in_box[name] = 1.0 if m.volume_m3 is None else min(payload / each, room / draw(m.volume_m3))
        kilograms[name] = in_box[name] * (min(each, payload) if m.volume_m3 is None else each)
    arms = {"sea": draw(box.arms_sea), "rail": draw(box.arms_rail)}
    cargo_t = sum(shares[n] * kilograms[n] for n in shares) / 1000
    gross_t = box.tare_kg / 1000 + cargo_t * (0.5 + 0.5 * arms["sea"])
    middle, power = draw(load.boxes_per_voyage), draw(load.size_power)
    of_ship = {ship: draw(load.ship_factor) for ship in sorted({s.ship for s in sailings})}
    phases = np.exp(load.phase_spread * rng.standard_normal(-(-len(months) // load.phase_months)))
    sea = dict.fromkeys(months, 0.0)
    boxes: list[float] = []
    for s in sailings:
        dwt = HULL_T * (s.length_m / HULL_M) ** 3
        wanted = middle * (s.length_m / load.reference_length_m) ** power * of_ship[s.ship]
        wanted = min(wanted, load.dwt_usable_share * dwt / gross_t, dwt / load.dwt_per_slot_t)
        shape = 1 / load.voyage_spread**2 if load.voyage_spread else math.inf
        luck = rng.gamma(shape) / shape if load.voyage_spread else 1.0
        boxes.append(wanted * phases[list(months).index(s.month) // load.phase_months] * luck)
        sea[s.month] += boxes[-1]
    level, growth, walk = draw(rail.boxes_per_month), draw(rail.growth), 0.0
    by_rail = {}
    for number, month in enumerate(months):
        if number and number % rail.knot_months == 0:
            walk += rail.step_spread * rng.standard_normal()
        by_rail[month] = level * growth ** ((number + 0.5) / 12) * math.exp(walk)
    working = draw(loading.use.usable) * draw(loading.use.works)
    rows: list[dict[str, Any]] = []
    for stream, amounts in (("sea", sea), ("rail", by_rail)):
        for month, carried in amounts.items():
            armed = carried * arms[stream]
            rounds = {n: armed * shares[n] * in_box[n] for n in shares}
            whole = float(sum(v for n, v in rounds.items() if loading.munition[n].round))
            held: dict[str, float] = {
                "containers": carried, "containers_arms": armed, "tonnes": armed * cargo_t, "rounds": whole,
                "usable_rounds": whole * working, **rounds,
            }  # fmt: skip
            rows += [
                {"draw": 0, "month": month, "stream": stream, "commodity": c, "quantity": q}
                for c, q in held.items()
                if q > 0
            ]
    return TrueCargo(tables.CARGO.build(rows), boxes, in_box)
