"""One imagined world of cargo: from standard-normal coordinates to loads, rail, boxes and rounds.

Takes `Loading`, the ships and months; gives `Layout` (which column of the latent array is which input)
and `World` (the inputs as arrays, one entry a candidate). All priors are standard normal in these coordinates,
which is what lets the sampler work in them.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np

from tumen.cargo.boxes import boxes_by_weight, rounds_per_box
from tumen.case.loading import Z95, Loading, Prior

Array = np.ndarray
DAYS_PER_MONTH = 365.25 / 12


class Layout:
    """Names of the latent columns, in a fixed order."""

    def __init__(self, loading: Loading, ships: list[str], months: list[dt.date], kinds: list[str]) -> None:
        knots = max(math.ceil(len(months) / loading.rail.knot_months), 1)
        names = ["load", "size_power", "rail", "growth", "before", "arms_sea", "arms_rail", "payload", "room"]
        names += ["usable", "works", "boxes_per_m", "load_ashore"]
        names += [f"step:{k}" for k in range(1, knots)]
        phases = max(math.ceil(len(months) / loading.load.phase_months), 1)
        names += [f"phase:{k}" for k in range(phases)]
        names += [f"{part}:{k}" for k in loading.munition for part in ("share", "mass", "volume")]
        names += [f"ship:{s}" for s in ships]
        names += [f"kind:{k}" for k in kinds]
        self.names = names
        self.index = {name: number for number, name in enumerate(names)}
        self.knots, self.phases = knots, phases
        self._priors = _priors(loading, ships, kinds)
        placed = [(self.index[name], *prior.line()) for name, prior in self._priors.items()]
        columns, middle, down, up, self.is_share = (np.array(part) for part in zip(*placed, strict=True))
        self.columns, self.line = columns, np.stack([middle, down, up])
        self.place = {name: number for number, name in enumerate(self._priors)}

    def __len__(self) -> int:
        return len(self.names)

    def values(self, z: Array) -> Array:
        """Every prior at latent coordinates `z` (n, len(self)), at once; (n, priors), columns by `place`.

        The same numbers as `Prior.value` gives one by one.
        """
        middle, down, up = self.line
        own = z[:, self.columns]
        out = np.maximum(own, 0.0)
        own -= out  # what lies below the median
        out *= up
        own *= down
        out += own
        out += middle
        np.exp(out, out=out)
        out[:, self.is_share] /= 1.0 + out[:, self.is_share]
        return out


def _priors(loading: Loading, ships: list[str], kinds: list[str]) -> dict[str, Prior]:
    """The prior of each latent column that has one; the rest (steps, phases) are used as they are."""
    box, load, rail = loading.box, loading.load, loading.rail
    out = {
        "load": load.boxes_per_voyage, "size_power": load.size_power, "rail": rail.boxes_per_month,
        "growth": rail.growth, "before": rail.before, "arms_sea": box.arms_sea, "arms_rail": box.arms_rail,
        "payload": box.payload_kg, "room": box.volume_share, "usable": loading.use.usable, "works": loading.use.works,
        "boxes_per_m": loading.stack.boxes_per_m, "load_ashore": loading.stack.load_ashore,
    }  # fmt: skip
    for name, munition in loading.munition.items():
        out |= {f"share:{name}": munition.share, f"mass:{name}": munition.mass_kg}
        if munition.volume_m3 is not None:
            out[f"volume:{name}"] = munition.volume_m3
    out |= {f"ship:{ship}": load.ship_factor for ship in ships}
    return out | {f"kind:{kind}": loading.claims.kind[kind].bias for kind in kinds}


@dataclass(frozen=True)
class World:
    """Inputs of n candidates."""

    per_voyage: Array  # (n, ships) boxes on one laden voyage of mean luck, in a phase of factor one
    phases: Array  # (n, phases) factor on every load of some months
    rail: Array  # (n, months) boxes in each month
    before: Array  # (n,) boxes a month before the period
    arms_sea: Array  # (n,)
    arms_rail: Array  # (n,)
    shares: Array  # (n, munitions) of arms boxes, sum one
    in_box: Array  # (n, munitions) rounds (or items) in a full box of each
    mass_kg: Array  # (n, munitions) packed mass of one
    working: Array  # (n,) share of rounds that are usable and work
    boxes_per_m: Array  # (n,)
    load_ashore: Array  # (n,)
    kind_log_bias: Array  # (n, kinds)

    def rounds_per_arms_box(self, is_round: Array) -> Array:
        """Rounds in a mean box with arms; (n,)."""
        return (self.shares * self.in_box)[:, is_round].sum(1)

    def tonnes_per_arms_box(self) -> Array:
        """Tonnes of arms with packing in a mean box with arms; (n,)."""
        return (self.shares * self.in_box * self.mass_kg).sum(1) / 1000.0


@dataclass(frozen=True)
class Hulls:
    """Ships of the voyages: relative length, deadweight, slots."""

    relative: Array
    dwt_t: Array
    slots: Array


def build(
    loading: Loading, layout: Layout, hulls: Hulls, ships: list[str], months: int, kinds: list[str], z: Array
) -> World:
    """The world at latent coordinates `z` of shape (n, len(layout))."""

    # By columns, so that each input is one stretch of memory.
    values = np.asfortranarray(layout.values(z))

    def at(name: str) -> Array:
        return values[:, layout.place[name]]

    box = loading.box
    payload = at("payload")
    room = box.inside_m3 * at("room")
    weights, in_box, mass = [], [], []
    for name, munition in loading.munition.items():
        weights.append(at(f"share:{name}"))
        each = at(f"mass:{name}")
        if munition.volume_m3 is None:
            each = np.minimum(each, payload)
            in_box.append(np.ones_like(each))
        else:
            in_box.append(rounds_per_box(payload, room, each, at(f"volume:{name}")))
        mass.append(each)
    shares = np.stack(weights, 1)
    shares /= shares.sum(1, keepdims=True)
    boxes, masses = np.stack(in_box, 1), np.stack(mass, 1)
    arms_sea, arms_rail = at("arms_sea"), at("arms_rail")
    # A hull sinks by gross weight: tare of every box, cargo of those with arms; the rest count as half as heavy.
    cargo_t = (shares * boxes * masses).sum(1) / 1000.0
    gross_t = box.tare_kg / 1000.0 + cargo_t * (0.5 + 0.5 * arms_sea)
    wanted = at("load")
    power = at("size_power")
    sized = {relative: wanted * relative**power for relative in set(hulls.relative.tolist())}
    per_voyage = np.empty((len(z), len(ships)))
    for number, ship in enumerate(ships):
        load = sized[float(hulls.relative[number])] * at(f"ship:{ship}")
        most = np.minimum(boxes_by_weight(loading.load, hulls.dwt_t[number], gross_t), hulls.slots[number])
        per_voyage[:, number] = np.minimum(load, most)
    kind_bias = [np.log(at(f"kind:{k}")) for k in kinds]
    return World(
        per_voyage=per_voyage,
        phases=np.exp(
            loading.load.phase_spread * z[:, layout.index["phase:0"] : layout.index["phase:0"] + layout.phases]
        ),
        rail=rail_path(loading, layout, months, z, np.log(at("rail")), np.log(at("growth"))),
        before=at("before"),
        arms_sea=arms_sea,
        arms_rail=arms_rail,
        shares=shares,
        in_box=boxes,
        mass_kg=masses,
        working=at("usable") * at("works"),
        boxes_per_m=at("boxes_per_m"),
        load_ashore=at("load_ashore"),
        kind_log_bias=np.stack(kind_bias, 1) if kinds else np.zeros((len(z), 0)),
    )


def rail_path(loading: Loading, layout: Layout, months: int, z: Array, level: Array, growth: Array) -> Array:
    """Boxes by rail in each month: a log level, a log growth a year, and a random walk with a step every few months."""
    rail = loading.rail
    walk = np.zeros((len(z), layout.knots))
    for knot in range(1, layout.knots):
        walk[:, knot] = walk[:, knot - 1] + rail.step_spread * z[:, layout.index[f"step:{knot}"]]
    # Between knots the walk is straight; month m counts from the middle of its knot's span.
    spread = np.zeros((layout.knots, months))
    for month in range(months):
        place = min(max((month - (rail.knot_months - 1) / 2) / rail.knot_months, 0.0), layout.knots - 1.0)
        low = int(place)
        high = min(low + 1, layout.knots - 1)
        spread[low, month] += 1 - (place - low)
        spread[high, month] += place - low
    years = (np.arange(months) + 0.5) / 12
    return np.exp(level[:, None] + growth[:, None] * years + walk @ spread)


def normal_sd(factor90: float) -> float:
    """Standard deviation of the log of a lognormal whose central 90 % lies within `factor90` either way."""
    return math.log(factor90) / Z95
