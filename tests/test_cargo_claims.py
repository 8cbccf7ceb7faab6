"""The likelihood of an origin's claims against closed forms and brute force; simulated claims."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from cargo_case import PERIOD, change, claim, claims, najin_loading, plain, vessels, voyages
from tumen import tables
from tumen.cargo import weigh
from tumen.cargo.likelihood import bias_draws, log_likelihood, origin_of
from tumen.cargo.statements import read
from tumen.simulate.claims import MARK, Said, simulate_claims


def origin(*rows, slack=0.4):
    """One origin with these claims, under the real case's settings."""
    loading = change(najin_loading(), claims__slack=slack)
    statements, unread = read(claims(*rows), loading, PERIOD, {}, set())
    assert not unread
    return origin_of("ROK-MND", statements, loading.claims)


def at(*days):
    return [{"period_end": d, "published": d} for d in days]


SPRING, SUMMER, AUTUMN = dt.date(2024, 3, 31), dt.date(2024, 6, 30), dt.date(2024, 9, 30)


def test_exact_claims_are_jointly_normal():
    o = origin(claim("a", point=100.0, **at(SPRING)[0]), claim("b", point=220.0, **at(AUTUMN)[0]))
    expected = np.log([[90.0, 200.0], [110.0, 300.0]])
    want = [multivariate_normal(e, o.covariance).logpdf(np.log([100.0, 220.0])) for e in expected]
    assert log_likelihood(o, expected) == pytest.approx(want)


def test_claims_of_one_origin_share_bias_and_a_drift_that_fades():
    o = origin(claim("a", **at(SPRING)[0]), claim("b", **at(SUMMER)[0]), claim("c", **at(AUTUMN)[0]))
    own, drift, noise = ((math.log(f) / norm.ppf(0.95)) ** 2 for f in (1.6, 1.35, 1.30))
    assert np.diag(o.covariance) == pytest.approx(own + drift + noise)
    assert o.covariance[0, 1] == pytest.approx(own + drift * math.exp(-91 / 365))
    assert o.covariance[0, 2] < o.covariance[0, 1]


def test_a_pure_floor_is_a_normal_tail():
    o = origin(claim(reading="at_least", point=100.0), slack=float("inf"))
    expected = np.log([[80.0], [150.0]])
    sd = math.sqrt(o.covariance[0, 0])
    assert log_likelihood(o, expected) == pytest.approx(norm.logcdf((expected[:, 0] - math.log(100)) / sd))


@pytest.mark.parametrize("reading", ["at_least", "up_to"])
def test_a_floor_with_slack_is_the_integral_of_its_margin(reading):
    o = origin(claim(reading=reading, point=100.0))
    sd, stated, expected = math.sqrt(o.covariance[0, 0]), math.log(100.0), math.log(130.0)
    sign = 1 if reading == "at_least" else -1

    def density(margin):
        return math.exp(-margin / 0.4) * norm.pdf(stated + sign * margin, expected, sd)

    # 1/slack is left out by both: it does not depend on the truth.
    assert log_likelihood(o, np.array([[expected]]))[0] == pytest.approx(math.log(quad(density, 0, 20)[0]))


def test_floors_and_ranges_together_agree_with_brute_force():
    o = origin(
        claim("a", point=100.0, **at(SPRING)[0]),
        claim("b", reading="at_least", point=180.0, **at(SUMMER)[0]),
        claim("c", reading="range", point=None, low=200.0, high=300.0, **at(AUTUMN)[0]),
        claim("d", reading="at_least", point=230.0, **at(AUTUMN)[0]),
        slack=float("inf"),
    )
    expected = np.log(np.array([[95.0, 190.0, 240.0, 240.0]]))
    rng = np.random.default_rng(0)
    a = o.covariance[:1, 1:] / o.covariance[0, 0]
    mean = expected[0, 1:] + a[0] * (math.log(100.0) - expected[0, 0])
    rest = o.covariance[1:, 1:] - a.T @ o.covariance[:1, 1:]
    belief = rng.multivariate_normal(mean, rest, 400_000)
    inside = (belief[:, 0] > math.log(180)) & (belief[:, 2] > math.log(230))
    inside &= (belief[:, 1] > math.log(200)) & (belief[:, 1] < math.log(300))
    want = norm.logpdf(math.log(100), expected[0, 0], math.sqrt(o.covariance[0, 0])) + math.log(inside.mean())
    assert log_likelihood(o, expected)[0] == pytest.approx(want, abs=0.03)


def test_a_claim_told_twice_on_one_day_is_worth_little_more_than_once():
    one = origin(claim("a", point=100.0))
    two = origin(claim("a", point=100.0), claim("b", point=100.0))
    grid = np.log(np.linspace(40, 250, 400))[:, None]

    def spread(o):
        weight = np.exp(log_likelihood(o, grid.repeat(len(o.statements), 1)))
        weight /= weight.sum()
        mean = weight @ grid[:, 0]
        return math.sqrt(weight @ (grid[:, 0] - mean) ** 2)

    assert spread(two) > 0.93 * spread(one)


def test_the_bias_of_an_origin_cancels_in_a_ratio():
    o = origin(claim("a"), claim("r", quantity="rate_ratio", unit="ratio", point=0.5, period_start=dt.date(2024, 4, 1)))
    own, drift, noise = ((math.log(f) / norm.ppf(0.95)) ** 2 for f in (1.6, 1.35, 1.30))
    assert o.covariance == pytest.approx(np.diag([own + drift + noise, drift + noise]))


def test_bias_given_exact_claims_is_the_normal_posterior():
    o = origin(claim("a", point=150.0, **at(SPRING)[0]), claim("b", point=300.0, **at(AUTUMN)[0]))
    expected = np.log(np.array([[100.0, 200.0]])).repeat(40_000, 0)
    draws = bias_draws(o, expected, np.random.default_rng(1))
    away = np.log([1.5, 1.5])
    precision = np.linalg.inv(o.within)
    spread = 1 / (precision.sum() + 1 / o.own_sd**2)
    assert draws.mean() == pytest.approx(spread * precision.sum(0) @ away, abs=0.005)
    assert draws.std() == pytest.approx(math.sqrt(spread), rel=0.03)


def test_bias_given_a_floor_agrees_with_brute_force():
    o = origin(claim(reading="at_least", point=150.0), slack=float("inf"))
    draws = bias_draws(o, np.full((40_000, 1), math.log(100.0)), np.random.default_rng(1))
    rng = np.random.default_rng(2)
    bias = o.own_sd * rng.standard_normal(400_000)
    belief = math.log(100.0) + bias + math.sqrt(o.within[0, 0]) * rng.standard_normal(400_000)
    assert draws.mean() == pytest.approx(bias[belief > math.log(150)].mean(), abs=0.01)


def test_rates_are_read_as_the_total_of_their_window():
    row = claim("r", quantity="rounds_per_month", unit="rounds/month", point=1000.0, use="check")
    statement = read(claims(row), plain(), PERIOD, {}, set())[0][0]
    assert statement.point == pytest.approx(1000 * 182 / 30.4375)
    year = read(claims({**row, "quantity": "rounds_per_year", "unit": "rounds/year"}), plain(), PERIOD, {}, set())[0][0]
    assert year.point == pytest.approx(1000 * 182 / 365.25)


def test_a_rate_that_is_told_to_run_on_speaks_of_the_time_until_it_was_published():
    row = claim("r", quantity="rounds_per_year", unit="rounds/year", point=365.25, forecast=True)
    row |= {"published": dt.date(2024, 4, 9)}
    statement = read(claims(row), plain(), PERIOD, {}, set())[0][0]
    assert (statement.used, statement.end, statement.point) == ("evidence", dt.date(2024, 4, 9), pytest.approx(100))
    plan = {**row, "period_start": dt.date(2024, 5, 1)}
    assert read(claims(plan), plain(), PERIOD, {}, set())[0][0].used == "check"


def test_a_count_of_one_calibre_is_of_that_munition():
    row = claim("r", quantity="rounds", unit="rounds", item="152 mm", point=1000.0)
    assert read(claims(row), plain(), PERIOD, {}, set())[0][0].quantity == "rounds_152"
    other = read(claims({**row, "item": "artillery rounds"}), plain(), PERIOD, {}, set())[0][0]
    assert other.quantity == "rounds"


def test_a_capacity_needs_the_munition_that_it_is_of():
    row = claim("c", quantity="rounds", unit="rounds", reading="capacity_122", point=1000.0)
    assert "claims.capacity" in read(claims(row), plain(), PERIOD, {}, set())[1][0][1]


@pytest.mark.parametrize(
    ("fields", "used", "why"),
    [
        ({}, "evidence", ""),
        ({"use": "check"}, "check", "only compares"),
        ({"independence": "derived"}, "derived", "computed from"),
        ({"derived_from": "ROK-MND"}, "derived", "ROK-MND"),
        ({"forecast": True}, "check", "plan or forecast"),
        ({"quantity": "voyages"}, "check", "traffic"),
        ({"period_end": dt.date(2025, 6, 30), "published": dt.date(2025, 7, 1)}, "check", "past the period"),
        ({"period_start": dt.date(2022, 1, 1), "period_end": dt.date(2023, 6, 30)}, "check", "before the period"),
    ],
)
def test_what_a_claim_is_used_for(fields, used, why):
    statement = read(claims(claim(**fields)), plain(), PERIOD, {}, set())[0][0]
    assert statement.used == used
    assert why in statement.why


def truth():
    out = weigh(
        voyages([4]),
        tables.LOOKS.empty(),
        tables.SIGHTINGS.empty(),
        tables.CLAIMS.empty(),
        vessels(),
        plain(),
        PERIOD,
        1,
        draws=1,
    )
    return out["cargo"]


def test_simulated_claims_are_marked_and_copies_are_derived():
    said = [
        Said("ROK-MND", "containers", "all", "exactly", (SPRING, AUTUMN), copies=2),
        Said("OSC", "rounds", "sea", "at_least", (AUTUMN,)),
    ]
    table, biases = simulate_claims(truth(), plain(), said, PERIOD[0], np.random.default_rng(0))
    rows = table.to_pylist()
    assert {r["note"] for r in rows} == {MARK}
    assert all(r["claim_id"].startswith(MARK) for r in rows)
    assert set(biases) == {"ROK-MND", "OSC"}
    copies = [r for r in rows if r["independence"] == "derived"]
    assert len(copies) == 2
    assert all(c["derived_from"] == f"{MARK}-ROK-MND-containers-{AUTUMN}" and c["use"] == "check" for c in copies)


def test_simulated_claims_scatter_about_the_truth_as_the_model_says():
    kind = plain().claims.kind["government"]
    # Origins that loading.toml does not name are of the kind `government` too; its bias has no spread here.
    said = [Said(f"origin-{k}", "containers", "sea", "exactly", (SPRING,)) for k in range(1500)]
    table, biases = simulate_claims(truth_table, plain(), said, PERIOD[0], np.random.default_rng(4))
    logs = np.log(table["point"].to_numpy() / 400.0)
    assert np.mean(np.log(list(biases.values()))) == pytest.approx(math.log(kind.bias.median), abs=0.04)
    spread = math.sqrt(
        sum((math.log(f) / norm.ppf(0.95)) ** 2 for f in (kind.origin_factor, kind.drift_factor, kind.noise_factor))
    )
    assert np.mean(logs) == pytest.approx(math.log(kind.bias.median), abs=0.04)
    assert np.std(logs) == pytest.approx(spread, rel=0.08)


def test_a_floor_lies_below_what_its_author_believes():
    said = [Said(f"origin-{k}", "rounds", "sea", "at_least", (AUTUMN,)) for k in range(800)]
    sharp = change(plain(), claims__slack=1e-12)
    floors, beliefs = (
        simulate_claims(truth_table, loading, said, PERIOD[0], np.random.default_rng(4))[0]["point"].to_numpy()
        for loading in (plain(), sharp)
    )
    margin = np.log(beliefs / floors)
    assert margin.min() >= -1e-9
    assert margin.mean() == pytest.approx(plain().claims.slack, rel=0.12)


def test_truth_of_several_worlds_is_refused():
    out = weigh(
        voyages([1, 2]),
        tables.LOOKS.empty(),
        tables.SIGHTINGS.empty(),
        tables.CLAIMS.empty(),
        vessels(),
        plain(),
        PERIOD,
        1,
        draws=2,
    )
    with pytest.raises(ValueError, match="several draws"):
        simulate_claims(out["cargo"], plain(), [], PERIOD[0], np.random.default_rng(0))


truth_table = truth()
