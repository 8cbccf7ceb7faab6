"""What a served case keeps of a count: the integral over the parameters, which published totals do not enter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tumen.case.traffic_settings import SpreadPrior, TrafficSettings
from tumen.simulate.traffic import world
from tumen.tables import CLAIMS
from tumen.traffic import points
from tumen.traffic.counting import PortCase, read_cases

SETTINGS = TrafficSettings(rate_per_day=SpreadPrior(median=0.2, factor=3.0), parameter_points=32, horizon_months=0)


@pytest.fixture
def case() -> PortCase:
    points._kept.clear()
    made = world(SETTINGS, 60, ["named"], 1)
    return read_cases(made.looks, CLAIMS.empty(), made.places, made.vessels, SETTINGS, made.period)[0][0]


def integrated(case: PortCase, seed: int) -> tuple[points.Weighted, float]:
    """The weighted points, and the next number of the generator after them."""
    rng = np.random.default_rng(seed)
    made = points.integrate(case.problem, case.settings, case.settings.dwell_at(case.place), rng)
    return made, float(rng.random())


def test_a_kept_integral_is_the_one_that_would_be_made(case: PortCase) -> None:
    first, after = integrated(case, 5)
    kept, then = integrated(case, 5)
    assert kept is first
    assert then == after
    points._kept.clear()
    anew, last = integrated(case, 5)
    assert anew is not first
    assert np.array_equal(anew.weight, first.weight)
    assert np.array_equal(anew.points.z, first.points.z)
    assert last == after


def test_another_look_seed_or_prior_is_integrated_anew(case: PortCase) -> None:
    first, _ = integrated(case, 5)
    assert integrated(case, 6)[0] is not first
    seen = case.looks.observations
    turned = replace(seen[0], usable=seen[0].usable * 0.9)
    other = replace(case, looks=replace(case.looks, observations=(turned, *seen[1:])))
    assert not np.array_equal(integrated(other, 5)[0].weight, first.weight)
    wider = replace(case, settings=SETTINGS.model_copy(update={"rate_per_day": SpreadPrior(median=0.4, factor=3.0)}))
    assert not np.array_equal(integrated(wider, 5)[0].weight, first.weight)


def test_no_more_than_a_few_are_kept(case: PortCase) -> None:
    for seed in range(points._KEPT + 2):
        integrated(case, seed)
    assert len(points._kept) == points._KEPT
