"""Are the intervals of `weigh` true? Simulated truths, their claims and stacks, coverage, ranks, and methods in use.

    python bench/cargo_calibration.py [--cases 1000] [--kinds mix ...] [--draws 1000] [--floors round] [--keep FILE]

Every truth is a draw of the priors of the Najin case with voyages of its own; the traffic posterior is stood in for by
draws that the true voyages are exchangeable with. All data here are simulated. Prints, by kind of evidence and for all:
coverage of 50/80/95 % intervals, a chi-squared test of the rank histogram, CRPS, and the same for three methods in use.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
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
PLANS["others"] = (
    Said("OSC", "containers", "sea", "at_least", (D(2025, 3, 31),), counted=60),
    Said("ROK-MND", "rounds", "all", "capacity_152", (D(2024, 2, 29), D(2025, 6, 30))),
    Said("MSMT", "rounds", "sea", "up_to", (D(2024, 12, 31),), start=D(2024, 1, 1)),
    Said("EE-INT", "rounds", "all", "range", (D(2023, 10, 31),)),
    Said("UA-GUR", "rate_ratio", "all", "up_to", (D(2025, 6, 30),), start=D(2025, 1, 1)),
    Said("UA-GUR", "containers", "all", "exactly", (D(2025, 5, 31),), start=D(2025, 5, 1), or_none=True),
    Said("NKPRO", "containers", "rail", "exactly", (D(2024, 12, 31),)),
)
PLANS["mix"] = (
    *PLANS["exact"],
    *PLANS["floors"],
    Said("ROK-MND", "containers", "all", "at_least", (D(2024, 6, 30),), copies=3),
    Said("MSMT", "rounds", "sea", "up_to", (D(2024, 12, 31),)),
    *PLANS["others"][3:-1],
)
QUANTITIES: dict[str, tuple[str, str | None]] = {
    "rounds": ("rounds", None), "usable": ("usable_rounds", None), "containers": ("containers", None),
    "tonnes": ("tonnes", None), "by sea": ("containers", "sea"), "by rail": ("containers", "rail"),
}  # fmt: skip
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
    sailed: dict[dt.date, int] = {}
    for row in true.to_pylist():
        sailed[row["month"]] = sailed.get(row["month"], 0) + row["voyages"]
    in_box = {r["munition"]: r["median"] for r in world["box_rounds"].to_pylist() if r["source"] == "model"}
    claims, _ = simulate_claims(
        world["cargo"],
        made,
        PLANS[kind],
        PERIOD[0],
        rng,
        floors,
        sailed,
        in_box,  # type: ignore[arg-type]
    )
    looks = stacks(rng, made, world["loads"], 6) if kind in ("stacks", "mix") else tables.LOOKS.empty()
    started = time.process_time()
    answer = posterior(seen, looks, nothing[0], claims, vessels, made, PERIOD, seed, draws, leave_out=False)
    seconds = time.process_time() - started
    amounts = monthly(answer)
    flows = world["cargo"].to_pylist()
    out: dict = {"seed": seed, "kind": kind, "seconds": seconds, "distinct": len(np.unique(answer.home)) / draws}
    for quantity, (commodity, stream) in QUANTITIES.items():
        truth = sum(f["quantity"] for f in flows if f["commodity"] == commodity and stream in (None, f["stream"]))
        values = sum(v.sum(1) for (s, c), v in amounts.items() if c == commodity and stream in (None, s))
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
        per = {"containers": 450.0, "rounds": 1.0, "tonnes": 1000 / 46.25}.get(row["quantity"], 0.0)
        if not per or row["group"]:
            continue
        value = next(v for v in (row["point"], row["high"], row["low"]) if v is not None) * per
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
    ask.add_argument("--cases", type=int, default=1000, help="of each kind")
    ask.add_argument("--draws", type=int, default=1000)
    ask.add_argument("--workers", type=int, default=os.cpu_count())
    ask.add_argument("--kinds", nargs="+", choices=list(PLANS), default=list(PLANS))
    ask.add_argument("--keep", type=Path, help="write every result here, and go on from what it holds")
    ask.add_argument("--floors", choices=("exponential", "round"), default="exponential")
    given = ask.parse_args()
    kept = (
        [json.loads(line) for line in given.keep.read_text().splitlines()] if given.keep and given.keep.exists() else []
    )
    done = {(r["seed"], r["kind"]) for r in kept}
    # No two kinds share a world; all kinds advance together, so that a run that is cut short holds as many of each.
    every = [(n * len(PLANS) + list(PLANS).index(kind), kind) for n in range(given.cases) for kind in given.kinds]
    jobs = [(seed, kind, given.draws, given.floors) for seed, kind in every if (seed, kind) not in done]
    started = time.time()
    results = list(kept)
    with ProcessPoolExecutor(given.workers) as pool:
        for number, result in enumerate(pool.map(one_case, jobs, chunksize=4), 1):
            results.append(result)
            if given.keep:
                with given.keep.open("a") as file:
                    file.write(json.dumps(result, default=float) + "\n")
            if number % 100 == 0:
                print(f"{number} cases, {time.time() - started:.0f} s", file=sys.stderr, flush=True)
    good = report(results)
    print(
        f"{len(results)} simulated truths, {len(jobs)} of them in {time.time() - started:.0f} s; "
        f"{'within' if good else 'NOT all within'} 3 points and 1 %"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
