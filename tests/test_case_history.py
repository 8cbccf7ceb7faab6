"""A yearly count against its own history."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tumen.case import history
from tumen.case.history import forecast, next_raised, ratios
from tumen.case.judge import SignClass

TEN = np.array([356.0, 473, 288, 301, 390, 343, 268, 258, 266, 150])


def test_a_count_that_returns_to_its_level_is_students_t(monkeypatch):
    """With phi at 0 it is the forecast of a normal sample, as in any textbook."""
    monkeypatch.setattr(history, "PHI", np.array([0.0]))
    logs = np.log(TEN)
    made = forecast(logs[None])
    own = logs[1:]  # the first year has none before it
    by_book = stats.t(8, own.mean(), own.std(ddof=1) * np.sqrt(1 + 1 / 9))
    at = np.log(np.array([200.0]))
    assert made.density(at)[0] == pytest.approx(by_book.pdf(at)[0], rel=1e-12)
    assert made.above(at)[0] == pytest.approx(by_book.sf(at)[0], abs=1e-5)


def test_a_count_that_drifts_starts_from_the_last_year(monkeypatch):
    """With phi at 1 the next count is the last one, moved by the mean yearly change."""
    monkeypatch.setattr(history, "PHI", np.array([1.0]))
    logs = np.log(TEN)
    assert forecast(logs[None]).middle()[0] == pytest.approx(logs[-1] + (logs[-1] - logs[0]) / 9)


def test_no_rise_tells_nothing_and_years_multiply():
    since, share = np.array([174.0, 237.0]), np.array([8 / 12, 1.0])
    assert ratios(TEN, since, share, np.array([1.0]))[0] == pytest.approx([1.0, 1.0])
    both = ratios(TEN, since, share, np.array([1.4]))[0]
    alone = ratios(TEN, since[:1], share[:1], np.array([1.4]))[0]
    assert both[0] == pytest.approx(alone[0])  # a later year does not change an earlier one's weight


def test_a_low_count_speaks_against_a_rise_and_a_high_one_for_it():
    rise = np.array([1.5])
    low, high = (ratios(TEN, np.array([c]), np.ones(1), rise)[0, 0] for c in (120.0, 600.0))
    assert low < 0.7 < 2 < high


def test_a_quiet_history_tells_more_than_a_restless_one():
    quiet = np.array([300.0, 310, 295, 305, 298, 302, 307, 299])
    seen = np.array([420.0])
    loud = ratios(TEN[:8], seen, np.ones(1), np.array([1.4]))[0, 0]
    assert ratios(quiet, seen, np.ones(1), np.array([1.4]))[0, 0] > 10 * loud


def test_the_next_count_lies_above_the_bound_more_often_if_the_rise_is_true():
    hit, false = next_raised(TEN, np.array([174.0, 237.0]), np.array([0.7, 1.0]), np.array([1.15, 1.4, 1.75]))
    assert (hit > false).all()
    assert (false > 0).all()
    assert (hit < 1).all()


def test_nine_forecasts_in_ten_hold():
    """Series of any persistence: the 90 % interval holds the next year about as often as it says."""
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(600):
        phi, noise = rng.uniform(0, 1), rng.normal(0, 0.3, 40)
        logs = np.zeros(40)
        for year in range(1, 40):
            logs[year] = phi * logs[year - 1] + noise[year]
        above = forecast(5 + logs[None, -11:-1]).above(5 + logs[-1:])[0]
        inside += 0.05 < above < 0.95
    assert 0.86 < inside / 600 < 0.94


COMMON = {"label": "x", "label_ko": "x", "source": "assumption", "why": "x"}


def years(*ends: str) -> list[dict]:
    return [{"end": end, "count": 100 + n, "source": "assumption"} for n, end in enumerate(ends)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"rise": (1.1, 1.5), "history": years("2020-03-31", "2021-03-31")}, "at least 5"),
        ({"history": years(*(f"{y}-03-31" for y in range(2014, 2024)))}, "without rise"),
        (
            {"rise": (1.1, 1.5), "hit": (0.1, 0.2), "history": years(*(f"{y}-03-31" for y in range(2014, 2024)))},
            "alone",
        ),
        ({"rise": (1.1, 1.5), "history": years(*(f"{y}-03-31" for y in (2014, 2015, 2017, 2018, 2019)))}, "in order"),
        ({"false_alarm": (0.1, 0.2)}, "hit is missing"),
    ],
)
def test_a_count_without_a_sound_history_is_refused(given, told):
    with pytest.raises(ValueError, match=told):
        SignClass.model_validate({**COMMON, **given})
