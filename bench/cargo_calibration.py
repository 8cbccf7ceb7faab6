"""Are the intervals of `weigh` true? Simulated truths, their claims and stacks, coverage, ranks, and methods in use.

    python bench/cargo_calibration.py [--cases 1000] [--draws 1000] [--floors round]

Every truth is a draw of the priors of the Najin case with voyages of its own; the traffic posterior is stood in for by
draws that the true voyages are exchangeable with. All data here are simulated. Prints, by kind of evidence and for all:
coverage of 50/80/95 % intervals, a chi-squared test of the rank histogram, CRPS, and the same for three methods in use.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
from scipy.stats import chi2

from tumen import tables
from tumen.cargo import weigh
from tumen.cargo.weigh import monthly, posterior
from tumen.case.faults import Faults
from tumen.case.loading import Loading, read_loading
from tumen.simulate.claims import Said, simulate_claims

PERIOD = (dt.date(2023, 8, 1), dt.date(2025, 7, 31))
SHIPS = ("Angara", "Lady R", "Maria")
D = dt.date
PLANS: dict[str, tuple[Said, ...]] = {
    "exact": (
        Said(
            "ROK-MND", "containers", "all", "exactly", (D(2023, 10, 31), D(2024, 2, 29), D(2024, 9, 30), D(2025, 7, 31))
        ),
        Said("UA-GUR", "rounds", "all", "exactly", (D(2024, 2, 29), D(2025, 6, 30))),
    ),
    "floors": (
        Said("OSC", "containers", "sea", "at_least", (D(2025, 3, 31),)),
        Said("C4ADS", "tonnes", "sea", "at_least", (D(2024, 1, 31),)),
        Said("US-GOV", "containers", "all", "at_least", (D(2023, 10, 31), D(2024, 2, 29), D(2024, 6, 30))),
    ),
    "stacks": (),
}
PLANS["mix"] = (
    *PLANS["exact"],
    *PLANS["floors"],
    Said("ROK-MND", "containers", "all", "at_least", (D(2024, 6, 30),), copies=3),
    Said("MSMT", "rounds", "sea", "up_to", (D(2024, 12, 31),)),
    Said("EE-INT", "rounds", "all", "range", (D(2023, 10, 31),)),
)
QUANTITIES = ("rounds", "containers", "tonnes")
LEVELS = (0.5, 0.8, 0.95)


def loading() -> Loading:
    faults = Faults()
    made = read_loading(Path(__file__).resolve().parents[1] / "cases" / "najin", faults)
    faults.stop()
    assert made is not None
    return made


def voyages(rng: np.random.Generator, draws: int) -> tuple[pa.Table, pa.Table]:
    """Posterior-like draws of voyages, and the true ones: one more draw of the same kind."""
    months = [D(2023 + (7 + i) // 12, (7 + i) % 12 + 1, 1) for i in range(24)]
    level = rng.lognormal(np.log(3.0), 0.3)
    shape = rng.gamma(8.0, 1 / 8.0, len(months)) * level  # months that all draws agree on
    wander = rng.lognormal(0.0, 0.15, draws + 1)[:, None, None] * rng.lognormal(0.0, 0.15, (draws + 1, len(months), 1))
    number = rng.poisson(shape[None, :, None] * wander * np.array([0.5, 0.3, 0.2]))

    def table(part: np.ndarray) -> pa.Table:
        d, m, s = np.nonzero(part)
        return tables.VOYAGES.build(
            {
                "draw": d, "month": [months[i] for i in m], "origin": ["Najin"] * len(d), "destination": ["Dunay"] * len(d),
                "ship": [SHIPS[i] for i in s], "voyages": part[d, m, s],
            }
        )  # fmt: skip

    return table(number[:-1]), table(number[-1:])


def stacks(rng: np.random.Generator, made: Loading, loads: pa.Table, count: int) -> pa.Table:
    """Simulated looks that measure stacks of the true loads."""
    load = {r["ship"]: r["containers_median"] for r in loads.to_pylist()}
    per_m, ashore = (
        float(p.value(np.array(rng.standard_normal()))) for p in (made.stack.boxes_per_m, made.stack.load_ashore)
    )
    rows = []
    for number in range(count):
        ship = list(load)[rng.integers(len(load))]
        there = load[ship] * ashore
        seen = {"stack_length_m": there / per_m * np.exp(made.stack.length_spread * rng.standard_normal())}
        if rng.random() < 0.3:
            seen = {"containers": there * np.exp(made.stack.count_spread * rng.standard_normal())}
        now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
        rows.append(
            {"look_id": f"simulated-{number}", "place": "Najin", "start": now, "end": now, "collector": "simulated", "usable_share": 1.0,
             "vessel": ship, "p_vessel": 1.0, "published": D(2024, 1, 2), "origin": "simulated", "source_ids": ["simulated"], **seen}
        )  # fmt: skip
    return tables.LOOKS.build(rows)


ROSTER = [
    {
        "vessel": ship,
        "kind": "named",
        "length_m": 120.0,
        "dwt_t": 7300.0,
        "teu": 9999.0,
        "on_route": True,
        "source_ids": ["simulated"],
    }
    for ship in SHIPS
]


def one_case(job: tuple[int, str, int, str]) -> dict:
    """One simulated truth: where it falls among its posterior draws, and how methods in use do on it."""
    seed, kind, draws, floors = job
    made, rng = loading(), np.random.default_rng([20261123, seed])
    vessels = tables.VESSELS.build(ROSTER)
    nothing = (tables.SIGHTINGS.empty(), tables.CLAIMS.empty())
    seen, true = voyages(rng, draws)
    world = weigh(true, tables.LOOKS.empty(), *nothing, vessels, made, PERIOD, int(rng.integers(2**31)), draws=1)
    claims, _ = simulate_claims(world["cargo"], made, PLANS[kind], PERIOD[0], rng, floors)  # type: ignore[arg-type]
    looks = stacks(rng, made, world["loads"], 6) if kind in ("stacks", "mix") else tables.LOOKS.empty()
    started = time.process_time()
    answer = posterior(seen, looks, nothing[0], claims, vessels, made, PERIOD, seed, draws, leave_out=False)
    seconds = time.process_time() - started
    amounts = monthly(answer)
    flows = world["cargo"].to_pylist()
    out: dict = {"kind": kind, "seconds": seconds, "distinct": len(np.unique(answer.home)) / draws}
    for quantity in QUANTITIES:
        truth = sum(f["quantity"] for f in flows if f["commodity"] == quantity)
        values = sum(v.sum(1) for (_, c), v in amounts.items() if c == quantity)
        out[quantity] = (truth, float((values < truth).mean()), crps(values, truth), bool(np.isfinite(values).all()))
    out["naive"] = naive(claims, out["rounds"][0])
    return out


def crps(values: np.ndarray, truth: float) -> float:
    """CRPS of log quantities, so that large worlds do not outweigh small ones."""
    from scoringrules import crps_ensemble

    return float(crps_ensemble(np.log(truth), np.log(values)))


def naive(claims: pa.Table, truth: float) -> dict[str, tuple[bool, bool, bool, float]]:
    """Methods in use, on the latest figure of every source that speaks of the flow: inside 50/80/95 %, and log CRPS."""
    latest: dict[str, tuple[dt.date, float]] = {}
    for row in claims.to_pylist():
        per = {"containers": 450.0, "rounds": 1.0, "tonnes": 1000 / 46.25}[row["quantity"]]
        value = (row["point"] or row["high"] or row["low"]) * per
        key = row["origin_group"]
        if key not in latest or row["period_end"] >= latest[key][0]:
            latest[key] = (row["period_end"], value)
    if not latest:
        return {}
    values = np.array([v for _, v in latest.values()])
    spread = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    out = {
        "average of all claims": normal(values.mean(), spread, truth),
        "the biggest claim": normal(values.max(), 0.0, truth),
    }
    if "ROK-MND" in latest:
        boxes = latest["ROK-MND"][1] / 450.0
        out["ministry x 400 to 500"] = normal(boxes * 450, boxes * 50 / 1.645, truth)
    return out


def normal(mean: float, sd: float, truth: float) -> tuple[bool, bool, bool, float]:
    inside = tuple(abs(truth - mean) <= z * sd for z in (0.6745, 1.2816, 1.9600))
    draws = np.maximum(mean + sd * np.sqrt(2) * np.linspace(-2, 2, 41), 1.0) if sd else np.array([mean])
    return (*inside, crps(draws, truth))  # type: ignore[return-value]


def report(results: list[dict]) -> bool:
    """Print the figures; whether all keep their limits."""
    good = True
    for kind in [*PLANS, "all"]:
        mine = [r for r in results if kind in (r["kind"], "all")]
        if not mine:
            continue
        for quantity in QUANTITIES:
            places = np.array([r[quantity][1] for r in mine])
            inside = [float((np.abs(places - 0.5) <= level / 2).mean()) for level in LEVELS]
            counts = np.histogram(places, np.linspace(0, 1, 11))[0]
            p = float(chi2.sf(((counts - len(mine) / 10) ** 2 / (len(mine) / 10)).sum(), 9))
            score = float(np.mean([r[quantity][2] for r in mine]))
            print(
                f"{kind:8} {quantity:11} n={len(mine):5}  inside 50/80/95 %: "
                + "  ".join(f"{100 * v:5.1f}" for v in inside)
                + f"   ranks p={p:.3f}   log CRPS {score:.4f}"
            )
            if kind == "all":
                good &= p > 0.01 and all(abs(v - level) <= 0.03 for v, level in zip(inside, LEVELS, strict=True))
    for method in ("average of all claims", "the biggest claim", "ministry x 400 to 500"):
        for kind in ("exact", "mix"):
            mine = [r for r in results if r["kind"] == kind and method in r["naive"]]
            if mine:
                rows = np.array([r["naive"][method] for r in mine], dtype=float).mean(0)
                ours = float(np.mean([r["rounds"][2] for r in mine]))
                print(
                    f"{method:24} {kind:6} inside: {100 * rows[0]:5.1f}  {100 * rows[1]:5.1f}  {100 * rows[2]:5.1f}   log CRPS {rows[3]:.4f} (ours {ours:.4f})"
                )
    seconds = [r["seconds"] for r in results]
    print(
        f"CPU seconds a case: median {np.median(seconds):.2f}, worst {max(seconds):.2f}; upstream worlds kept: median {np.median([r['distinct'] for r in results]):.0%}"
    )
    return good


def main() -> int:
    ask = argparse.ArgumentParser()
    ask.add_argument("--cases", type=int, default=1000)
    ask.add_argument("--draws", type=int, default=1000)
    ask.add_argument("--workers", type=int, default=os.cpu_count())
    ask.add_argument("--floors", choices=("exponential", "round"), default="exponential")
    given = ask.parse_args()
    kinds = list(PLANS)
    jobs = [(n, kinds[n % len(kinds)], given.draws, given.floors) for n in range(given.cases)]
    started = time.time()
    with ProcessPoolExecutor(given.workers) as pool:
        results = []
        for number, result in enumerate(pool.map(one_case, jobs, chunksize=4), 1):
            results.append(result)
            if number % 100 == 0:
                print(f"{number} cases, {time.time() - started:.0f} s", file=sys.stderr, flush=True)
    good = report(results)
    print(
        f"{given.cases} simulated truths in {time.time() - started:.0f} s; {'within' if good else 'NOT within'} 3 points and 1 %"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
