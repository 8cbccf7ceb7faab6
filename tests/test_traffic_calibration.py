"""A small simulation-based calibration: the full one is bench/traffic_calibration.py."""

import numpy as np
import pytest
from scipy.stats import binom, kstest

from tumen.case.traffic_settings import SpreadPrior, TrafficSettings
from tumen.draws import crps
from tumen.simulate.several import fleet
from tumen.simulate.traffic import FAR_PORT, HULLS, PORT, world
from tumen.traffic.baselines import capture_recapture, count_runs, occupancy_over_dwell, runs
from tumen.traffic.counting import count_port, read_cases
from tumen.traffic.looks import Observation

SETTINGS = TrafficSettings(
    rate_per_day=SpreadPrior(median=0.2, factor=3.0), horizon_months=0, particles=500, parameter_points=48, max_rounds=2
)
CASES, DAYS = 100, 45


@pytest.fixture(scope="module")
def scored():
    kinds = ("sparse", "counts", "stacks", "tasked")
    out = []
    for seed in range(CASES):
        made = world(SETTINGS, DAYS, [kinds[seed % len(kinds)]], seed)
        rng = np.random.default_rng(seed)
        case = read_cases(made.looks, made.claims, made.places, made.vessels, SETTINGS, made.period)[0][0]
        draws = count_port(case, rng, 300, particles=500).paths.arrivals(0, case.end_unit)
        below, tied = (draws < made.visits).mean(), (draws == made.visits).mean()
        out.append((below + rng.random() * tied, made.visits, draws, count_runs(case.looks.observations, 300, rng)))
    return out


def test_ranks_are_uniform(scored):
    assert kstest([s[0] for s in scored], "uniform").pvalue > 1e-3


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_intervals_cover(scored, level):
    inside = sum(abs(s[0] - 0.5) <= level / 2 for s in scored)
    # A calibrated model falls outside these bounds once in a thousand times.
    assert binom.ppf(5e-4, CASES, level) <= inside <= binom.ppf(1 - 5e-4, CASES, level)


def test_beats_counting_runs(scored):
    ours = np.mean([crps(d, truth) for _, truth, d, _ in scored])
    theirs = np.mean([crps(d, truth) for _, truth, _, d in scored])
    assert ours < theirs


def observation(day, seen):
    return Observation(day * 8, "present" if seen else "absent", int(seen), 1.0, 1.0, False, "A", str(day))


def test_baselines_by_hand():
    told = [observation(d, s) for d, s in [(0, 1), (1, 1), (2, 0), (3, 1), (9, 1), (10, 0)]]
    assert runs(told) == [[0, 1], [3], [4]]
    rng = np.random.default_rng(0)
    assert count_runs(told, 20_000, rng).mean() == pytest.approx(3.5, abs=0.1)
    assert occupancy_over_dwell(told, 30, 2.0, 20_000, rng).mean() == pytest.approx(30 / 2 * 4.5 / 7, rel=0.02)
    assert capture_recapture(told, 20_000, rng).mean() == pytest.approx(3 * 3 / 2 - 1, abs=0.1)


def test_world_is_labelled_and_repeats():
    a, b = (world(SETTINGS, 60, ["daily", "totals"], 7) for _ in range(2))
    assert a.looks.equals(b.looks)
    assert a.claims.equals(b.claims)
    assert set(a.looks.column("origin").to_pylist()) == {"simulated"}
    assert all("simulated" in c for c in a.claims.column("claim_id").to_pylist())


def test_a_hull_of_the_simulated_fleet_is_in_one_place():
    made = fleet(SETTINGS, 120, 5, lead_weeks=8)
    assert made.visits < len(made.arrived)  # some came before the period
    calls = 0
    for hull in range(3):
        own = np.flatnonzero(made.ship == hull)
        own = own[np.argsort(made.arrived[own])]
        calls += len(own)
        assert (made.arrived[own][1:] > made.left[own][:-1] + 0.5).all()
    assert calls > 20
    told = made.looks.to_pylist()
    assert {r["place"] for r in told if r["vessel"] in HULLS} == {f"{PORT} 1", f"{PORT} 2", FAR_PORT}
    case = read_cases(made.looks, made.claims, made.places, made.vessels, SETTINGS, made.period)[0][0]
    assert len(case.looks.elsewhere) > 3


def test_crps_of_a_point_is_its_distance():
    assert crps(np.full(10, 4.0), 7.0) == pytest.approx(3.0)
