"""weigh: from voyages, images and published claims to joint draws of what was carried.

Takes draws of voyages, looks, claims, the roster and the priors of loading.toml; gives draws of cargo by month and
stream, each claim held against the rest, the answer without each origin, and checks on the computation.
Draw d of the voyages is a world; claims reweight the worlds, and `draw_map` says which one each cargo draw rests on.
"""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen import tables
from tumen.cargo import report, sampler
from tumen.cargo.problem import Problem, set_up
from tumen.cargo.world import World
from tumen.case.loading import Loading
from tumen.draws import DRAWS

Array = np.ndarray


@dataclass(frozen=True)
class Posterior:
    """Joint draws: `chosen` indexes the pool, `home` is the upstream draw, `world` the inputs of each draw."""

    problem: Problem
    pool: sampler.Pool
    weights: Array  # of the pool
    chosen: Array
    home: Array
    world: World


def weigh(
    voyages: pa.Table,
    looks: pa.Table,
    sightings: pa.Table,
    claims: pa.Table,
    vessels: pa.Table,
    loading: Loading,
    period: tuple[dt.date, dt.date],
    seed: int,
    draws: int | None = None,
) -> dict[str, pa.Table]:
    """Weigh what the voyages carried.

    Takes tables `voyages` (joint draws), `looks`, `sightings`, `claims`, `vessels` as declared in `tumen.tables`,
    the priors, the first and last day of the period (UTC), a seed, and the number of upstream draws (default: one more
    than the highest in the table, or 4,000 where it is empty or barely short of them). Boxes are 20-foot containers, masses kilograms and tonnes.

    Gives `cargo`, `draw_map`, `claims_compared`, `origins`, `loads`, `sensitivity`, `box_rounds` and `diagnostics`.
    Downstream steps must re-index every upstream draw table by `draw_map` (see `tumen.draws.redraw`).
    A row that cannot be true of a hull is named in a failed diagnostic. Raises `ValueError` for a period that ends
    before it starts or for a draw number outside 0 .. draws-1.
    """
    if period[1] < period[0]:
        raise ValueError(f"period ends {period[1]}, before it starts {period[0]}")
    draws = draws or _draws_of(voyages)
    made = posterior(voyages, looks, sightings, claims, vessels, loading, period, seed, draws)
    rng = np.random.default_rng([seed, 3])
    with ThreadPoolExecutor(1) as threads:
        cargo = threads.submit(cargo_table, made)
        out = report.tables_of(made, rng)
        out["cargo"] = cargo.result()
    out["draw_map"] = tables.DRAW_MAP.build({"draw": np.arange(draws), "from_draw": made.home})
    return out


def posterior(
    voyages: pa.Table, looks: pa.Table, sightings: pa.Table, claims: pa.Table, vessels: pa.Table,
    loading: Loading, period: tuple[dt.date, dt.date], seed: int, draws: int, leave_out: bool = True,
) -> Posterior:  # fmt: skip
    """Joint draws of cargo inputs and upstream worlds, given images and claims."""
    problem = set_up(
        voyages, looks, sightings, claims, vessels, loading, period, draws, np.random.default_rng([seed, 0])
    )
    pool = sampler.Pool(problem.scorer(), np.random.default_rng([seed, 1]))
    informative = bool(problem.origins or problem.stacks)
    mode = sampler.run(pool, informative)
    if leave_out and len(problem.origins) > 1:
        for number in range(len(problem.origins)):
            sampler.top_up(pool, mode, number, wanted=report.LEAST_ESS_WITHOUT)
    weights = sampler.normalised(pool.log_weights())
    if informative:
        chosen = sampler.systematic(weights, pool.d, draws, np.random.default_rng([seed, 2]))
    else:
        chosen = np.arange(draws)
    return Posterior(problem, pool, weights, chosen, pool.d[chosen], problem.world(pool.z[chosen]))


def _draws_of(voyages: pa.Table) -> int:
    if not voyages.num_rows:
        return DRAWS
    least, most = (f(voyages["draw"]).as_py() for f in (pc.min, pc.max))
    if least < 0:
        raise ValueError(f"voyages: draw {least}; expected draws numbered from 0")
    # A world without a voyage has no row; if those are the last few of a full table, they still count.
    return DRAWS if DRAWS * 0.98 < most + 1 < DRAWS else most + 1


def monthly(made: Posterior) -> dict[tuple[str, str], Array]:
    """Draws by month of each stream and commodity; (draws, months)."""
    problem, world = made.problem, made.world
    months = np.arange(len(problem.sea.months)) // problem.loading.load.phase_months
    by_sea = np.einsum("dms,ds->dm", problem.sea.lifted[made.home], world.per_voyage) * world.phases[:, months]
    rounds = world.rounds_per_arms_box(problem.is_round)
    out: dict[tuple[str, str], Array] = {}
    for stream, boxes, arms_share in (("sea", by_sea, world.arms_sea), ("rail", world.rail, world.arms_rail)):
        arms = boxes * arms_share[:, None]
        out[stream, "containers"] = boxes
        out[stream, "containers_arms"] = arms
        out[stream, "tonnes"] = arms * world.tonnes_per_arms_box()[:, None]
        out[stream, "rounds"] = arms * rounds[:, None]
        out[stream, "usable_rounds"] = arms * (rounds * world.working)[:, None]
        for number, name in enumerate(problem.loading.munition):
            out[stream, name] = arms * (world.shares[:, number] * world.in_box[:, number])[:, None]
    return out


def cargo_table(made: Posterior) -> pa.Table:
    """The table `cargo`; months in which a draw carries nothing are left out."""
    amounts = monthly(made)
    months = made.problem.sea.months
    streams = ["sea", "rail"]
    commodities = list(dict.fromkeys(c for _, c in amounts))
    draws = len(made.chosen)
    draw = np.repeat(np.arange(draws, dtype=np.int32), len(months))
    month = np.tile(np.arange(len(months), dtype=np.int32), draws)
    parts: dict[str, list[Array]] = {"draw": [], "month": [], "stream": [], "commodity": [], "quantity": []}
    for (stream, commodity), values in amounts.items():
        flat = values.ravel()
        kept = np.flatnonzero(flat > 0)
        parts["draw"].append(draw[kept])
        parts["month"].append(month[kept])
        parts["stream"].append(np.full(len(kept), streams.index(stream), np.int32))
        parts["commodity"].append(np.full(len(kept), commodities.index(commodity), np.int32))
        parts["quantity"].append(flat[kept])
    joined = {name: np.concatenate(pieces) for name, pieces in parts.items()}
    return tables.CARGO.build(
        pa.table(
            {
                "draw": joined["draw"],
                "month": pa.array(months, pa.date32()).take(pa.array(joined["month"])),
                "stream": pa.DictionaryArray.from_arrays(pa.array(joined["stream"]), pa.array(streams)),
                "commodity": pa.DictionaryArray.from_arrays(pa.array(joined["commodity"]), pa.array(commodities)),
                "quantity": joined["quantity"],
            }
        )
    )
