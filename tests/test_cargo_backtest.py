"""Later claims on cargo foretold and scored: by hand, against closed forms, and blind to what came later."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from scoringrules import crps_ensemble

from cargo_case import change, claim, claims, looks, plain, vessels, voyages
from tumen import tables
from tumen.cargo import backtest, last_day, steady
from tumen.cargo.backtest import Foretold, straight_line
from tumen.cargo.statements import read
from tumen.draws import crps

N = 3000
PERIOD = (dt.date(2024, 1, 1), dt.date(2024, 12, 31))
DAY = dt.date(2024, 7, 15)
OWN, DRIFT, NOISE = ((math.log(f) / norm.ppf(0.95)) ** 2 for f in (1.6, 1.35, 1.30))


def flow():
    """Two voyages of 100 boxes in each half of the year."""
    return pa.concat_tables([voyages(np.full(N, 2), dt.date(2024, m, 1)) for m in (2, 9)])


def run(*rows, loading=None, flows=None):
    table = claims(*rows)
    made = backtest(
        flows or {"tumen": (flow(), loading or plain())}, looks(), tables.SIGHTINGS.empty(), table, vessels(), PERIOD, DAY, 1, N
    )  # fmt: skip
    return {(r["claim_id"], r["method"]): r for r in made.to_pylist()}


LATE = {"period_end": dt.date(2024, 12, 31), "published": dt.date(2025, 1, 9)}


def test_a_new_origin_is_foretold_with_the_bias_and_spread_of_its_kind():
    row = run(claim("late", point=400.0, **LATE))["late", "tumen"]
    bias = plain().claims.kind["government"].bias.median
    sd = math.sqrt(OWN + DRIFT + NOISE)
    assert row["median"] == pytest.approx(400 * bias, rel=0.03)
    assert row["high80"] == pytest.approx(400 * bias * math.exp(norm.ppf(0.9) * sd), rel=0.05)
    assert row["log_score"] == pytest.approx(norm.logpdf(math.log(400), math.log(400 * bias), sd), abs=0.01)
    assert row["days_ahead"] == 169
    assert row["inside50"]
    assert row["used"] == "evidence"


def test_an_origin_that_overstated_is_foretold_to_overstate():
    early = claim("early", point=320.0, period_end=dt.date(2024, 6, 30), published=dt.date(2024, 7, 1))
    row = run(early, claim("late", point=600.0, **LATE))["late", "tumen"]
    bias = plain().claims.kind["government"].bias.median
    shared = OWN + DRIFT * math.exp(-184 / plain().claims.drift_days)
    gain = shared / (OWN + DRIFT + NOISE)
    assert row["median"] == pytest.approx(400 * bias * (320 / (200 * bias)) ** gain, rel=0.03)
    sd = math.sqrt(OWN + DRIFT + NOISE - gain * shared)
    assert math.log(row["high80"] / row["low80"]) == pytest.approx(2 * norm.ppf(0.9) * sd, rel=0.05)


def test_only_what_was_public_is_used():
    early = claim("early", point=320.0, period_end=dt.date(2024, 6, 30), published=dt.date(2024, 7, 1))
    one, other = (run(early, claim("late", point=p, **LATE))["late", "tumen"] for p in (500.0, 50_000.0))
    scores = {"published_value", "inside50", "inside80", "inside95", "crps", "crps_log", "log_score"}
    assert {k: v for k, v in one.items() if k not in scores} == {k: v for k, v in other.items() if k not in scores}
    assert other["log_score"] < one["log_score"] - 5


@pytest.mark.parametrize("form", ["at_least", "up_to"])
def test_a_floor_is_foretold_below_what_its_author_believes(form):
    statement = read(claims(claim(reading=form, point=100.0)), plain(), PERIOD, {}, set())[0][0]
    f = Foretold(statement, np.full(1, 5.0), np.full(1, 0.3), 0.4, -math.inf)
    sign = 1 if form == "at_least" else -1
    for value in (60.0, 140.0, 400.0):
        want = quad(lambda m, v=value: math.exp(-m / 0.4) / 0.4 * norm.pdf(math.log(v) + sign * m, 5.0, 0.3), 0, 12)[0]
        assert f.log_density(value) == pytest.approx(math.log(want), abs=1e-6)
    many = Foretold(statement, np.full(200_000, 5.0), np.full(200_000, 0.3), 0.4, -math.inf)
    told = np.log(many.stated(np.random.default_rng(0)))
    assert told.mean() == pytest.approx(5.0 - sign * 0.4, abs=0.01)
    assert told.std() == pytest.approx(math.hypot(0.3, 0.4), rel=0.01)


def test_a_figure_of_none_is_scored_by_its_probability():
    none = claim("none", point=0.0, period_start=dt.date(2024, 10, 1), **LATE)
    row = run(none)["none", "tumen"]
    # No ship sails in those months: far less than a ship load.
    assert row["median"] == 0
    assert row["log_score"] == pytest.approx(0, abs=0.01)
    assert row["crps_log"] is None
    busy = run(claim("none", point=0.0, **LATE), loading=change(plain(), claims__zero_boxes=100))["none", "tumen"]
    assert not busy["inside80"]
    assert busy["log_score"] < math.log(0.05)


def test_plans_and_counts_of_voyages_are_not_foretold_here():
    rows = run(
        claim("plan", forecast=True, period_end=dt.date(2025, 6, 30), published=dt.date(2024, 8, 1)),
        claim("trips", quantity="voyages", unit="voyages", **LATE),
        claim("back", direction="RUS->DPRK", **LATE),
    )
    assert rows == {}


def test_boxes_are_foretold_whole_since_nobody_knew_how_many_voyages_would_be_counted():
    tied = {"group": "g", "reading": "at_least", **LATE}
    rows = [claim("boxes", point=300.0, **tied), claim("trips", quantity="voyages", unit="voyages", point=1.0, **tied)]
    row = run(*rows)["boxes", "tumen"]
    assert row["reading"] == "at_least"
    assert row["median"] == pytest.approx(400 * 1.1 * math.exp(-0.4), rel=0.15)


def test_a_straight_line_carries_the_latest_total_on():
    early = claim("early", point=180.0, period_end=dt.date(2024, 6, 28), published=dt.date(2024, 7, 1))
    row = run(early, claim("late", point=366.0, **LATE))["late", "straight line"]
    assert row["median"] == pytest.approx(366, rel=0.05)  # a box a day
    known, _ = read(claims(early), plain(), PERIOD, {}, set())
    rounds = claim("r", quantity="rounds", unit="rounds", point=1.0, **LATE)
    later = read(claims(rounds), plain(), (PERIOD[0], dt.date(2025, 1, 31)), {}, set())[0][0]
    assert np.exp(straight_line(known, later).centre[0]) == pytest.approx(366 * 450)


def test_the_steady_flow_neither_grows_nor_wanders():
    made = steady(change(plain(), load__phase_spread=0.2, rail__step_spread=0.3))
    assert (made.rail.step_spread, made.load.phase_spread) == (0.0, 0.0)
    assert made.rail.growth.high == made.rail.growth.low == 1
    both = run(claim("late", **LATE), flows={"tumen": (flow(), plain()), "constant rate": (flow(), made)})
    assert {m for _, m in both} == {"tumen", "constant rate"}


def test_the_last_day_foretold_and_nothing_to_foretell():
    assert last_day(claims(claim("late", **LATE)), plain(), DAY, PERIOD[0]) == dt.date(2024, 12, 31)
    assert last_day(claims(claim("early")), plain(), dt.date(2025, 1, 1), PERIOD[0]) is None
    assert run(claim("early")) == {}


def test_crps_agrees_with_scoringrules():
    values = np.random.default_rng(0).gamma(2.0, size=500)
    for truth in (0.1, 2.0, 9.0):
        assert crps(values, truth) == pytest.approx(float(crps_ensemble(truth, values)))
