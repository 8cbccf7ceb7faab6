"""The port's chain and the exact pass, against closed forms and brute force."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tumen.case.traffic_settings import SharePrior, SpreadPrior, TrafficSettings
from tumen.traffic.chain import UNITS_PER_DAY, empty_state, port, transition, transition_by_arrivals
from tumen.traffic.counting import choices
from tumen.traffic.filter import Kernels, Problem, count_in_window, log_evidence
from tumen.traffic.looks import Elsewhere, Hulls, Observation, PortLooks, hulls_of, likelihood
from tumen.traffic.paths import draw_paths, pooled
from tumen.traffic.points import Weighted, integrate
from tumen.traffic.prior import levels, points, sobol
from tumen.traffic.totals import FarEvidence
from tumen.traffic.voyages import alongside_after

# Everything known but the count: one rate, one stay, no pauses, no choice of looks.
KNOWN = TrafficSettings(
    rate_per_day=SpreadPrior(median=0.3, factor=1.0),
    dwell_days=SpreadPrior(median=2.0, factor=1.0),
    dwell_phases=1,
    berths=1,
    drift=False,
    pauses=False,
    selection=False,
    detection=SharePrior(median=0.9, factor=1.0),
    false_sighting=SharePrior(median=0.01, factor=1.0),
    other_ships_in_berth=0.0,
    starts_empty=True,
)


def look(day: float, seen: bool, **changes) -> Observation:
    told = {"kind": "present" if seen else "absent", "count": int(seen), "usable": 1.0, "weight": 1.0, "chosen": False}
    told |= {"collector": "A", "look_id": f"{day}"} | changes
    return Observation(unit=round(day * UNITS_PER_DAY), **told)


def problem(observations, settings=KNOWN) -> Problem:
    chain = port(settings.dwell_phases, settings.berths, any(o.mark is not None for o in observations))
    return Problem(
        chain,
        levels(settings.swing_sd_log),
        PortLooks("P", tuple(observations), ()),
        hulls_of([], settings),
        starts_empty=settings.starts_empty,
    )


def one_point(settings=KNOWN):
    return points(np.zeros((1, 10)), settings, settings.dwell_days)


def test_two_state_chain_has_its_closed_form():
    chain = port(1, 1)
    rate, dwell, days = 0.3, 2.0, 1.7
    got = transition(chain, np.array([rate]), np.array([dwell]), days=days)[0]
    total = rate + 1 / dwell
    busy = rate / total * (1 - np.exp(-total * days))
    assert got[0, 1] == pytest.approx(busy, abs=1e-12)
    assert got[1, 0] == pytest.approx((1 / dwell) / total * (1 - np.exp(-total * days)), abs=1e-12)


@pytest.mark.parametrize(("phases", "berths"), [(1, 1), (2, 2), (3, 2), (2, 3)])
def test_generators_balance_and_splits_add_up(phases, berths):
    chain = port(phases, berths, tracked=True)
    assert np.allclose(chain.arrive.sum(1), 0)
    assert np.allclose(chain.move.sum(1), 0)
    whole = transition(chain, np.array([0.5]), np.array([1.5]), days=1.0)
    split = transition_by_arrivals(chain, np.array([0.5]), np.array([1.5]), None, 1.0, most=9)
    assert np.allclose(split.sum(0), whole)
    assert np.allclose(whole.sum(-1), 1)


@pytest.mark.parametrize(("phases", "berths"), [(1, 1), (2, 2), (2, 3)])
def test_a_look_that_tells_a_hull_is_of_one_ship_alongside(phases, berths):
    chain = port(phases, berths, tracked=True)
    assert np.allclose((chain.same + chain.other).sum(1), 1)
    from_state, to_state = np.nonzero(chain.same + chain.other)
    assert (chain.ships[from_state] == chain.ships[to_state]).all()


def test_hulls_told_at_two_berths_against_rejection_sampling():
    # Two berths, three hulls seen by name: whichever of the ships alongside a look tells, any may have left since.
    rng = np.random.default_rng(8)
    n, rate, dwell, days = 400_000, 0.8, 1.5, 5
    came = np.cumsum(rng.exponential(1 / rate, (n, 14)), axis=1)
    gone, hull = came + rng.exponential(dwell, came.shape), rng.integers(0, 3, came.shape)
    for k in range(came.shape[1]):
        full = ((gone[:, :k] > came[:, k : k + 1]) & (came[:, :k] < days + 9)).sum(1) >= 2
        came[full, k], gone[full, k] = 99.0, 99.0
    weight, told = np.ones(n), {2: 0, 3: 0, 4: 1}
    for day, name in told.items():
        here = (came <= day) & (gone > day)
        weight *= np.where(here.any(1), ((hull == name) & here).sum(1) / np.maximum(here.sum(1), 1), 0.0)
    expected = np.bincount((came < days).sum(1), weights=weight, minlength=16)[:16] / weight.sum()
    sure = SharePrior(median=1 - 1e-6, factor=1.0)
    settings = KNOWN.model_copy(
        update={
            "berths": 2,
            "rate_per_day": SpreadPrior(median=rate, factor=1.0),
            "dwell_days": SpreadPrior(median=dwell, factor=1.0),
            "detection": sure,
            "false_sighting": SharePrior(median=1e-6, factor=1.0),
        }
    )
    names = [np.where(np.arange(3) == j, 1.0, 1e-9) for j in range(3)]
    hulls = Hulls(("a", "b", "c"), np.full(3, 1 / 3), np.full(3, 100.0), np.full(3, 1.0))
    looks = tuple(look(day, True, mark=names[name]) for day, name in told.items())
    made = Problem(port(1, 2, True), levels(0.0), PortLooks("P", looks, ()), hulls, starts_empty=True)
    exact = count_in_window(made, one_point(settings), np.ones(1), 0, days * UNITS_PER_DAY, 31)
    effective = weight.sum() ** 2 / (weight**2).sum()
    assert np.abs(exact[:16] - expected).max() < 4 * 0.5 / np.sqrt(effective)
    assert effective > 5000


def test_mean_stay_is_what_was_asked():
    chain = port(2, 1)
    inside = chain.move[1:, 1:] / 1.7  # phases while alongside
    assert (-np.linalg.inv(inside)).sum(1)[0] == pytest.approx(1.7)


def test_likelihood_of_two_looks_by_hand():
    p = one_point()
    chain = port(1, 1)
    step = transition(chain, np.array([0.3]), np.array([2.0]), days=1.0)[0]
    seen = np.array([0.01, 1 - 0.99 * 0.1])
    start = empty_state(chain)
    by_hand = ((start @ step) * seen) @ step @ (1 - seen)
    got = log_evidence(problem([look(1, True), look(2, False)]), p)[0]
    assert got == pytest.approx(np.log(by_hand), abs=1e-9)


def simulate(days, settings, n, rng):
    """Arrivals, and ships alongside at each day, of n continuous-time ports of one berth."""
    idle = rng.exponential(1 / settings.rate_per_day.median, (n, 14))
    stay = rng.exponential(settings.dwell_days.median, (n, 14))
    came = np.cumsum(idle, axis=1) + np.cumsum(stay, axis=1) - stay
    gone = came + stay
    alongside = np.stack([((came <= d) & (gone > d)).any(1) for d in range(days + 1)], axis=1)
    return (came < days).sum(1), alongside


def test_count_is_exact_against_rejection_sampling():
    rng = np.random.default_rng(3)
    days, told = 9, {2: True, 3: False, 6: True, 8: True}
    arrivals, alongside = simulate(days, KNOWN, 600_000, rng)
    weight = np.ones(len(arrivals))
    for day, seen in told.items():
        chance = np.where(alongside[:, day], 1 - 0.99 * 0.1, 0.01)
        weight *= chance if seen else 1 - chance
    expected = np.bincount(arrivals, weights=weight, minlength=16)[:16] / weight.sum()
    made = problem([look(d, s) for d, s in told.items()])
    exact = count_in_window(made, one_point(), np.ones(1), 0, days * UNITS_PER_DAY, 31)
    assert exact.sum() == pytest.approx(1.0, abs=1e-9)
    effective = weight.sum() ** 2 / (weight**2).sum()
    assert np.abs(exact[:16] - expected).max() < 4 * 0.5 / np.sqrt(effective)  # four standard errors at most
    assert effective > 2000


def test_a_ship_may_lie_in_port_at_the_start_against_rejection_sampling():
    # One berth, run for thirty days before the period: what lies there on its first day is no arrival of it.
    rng, lead, days, told = np.random.default_rng(9), 30, 6, {0: True, 1: True, 4: False}
    n, rate, dwell = 400_000, 0.3, 2.0
    idle, stay = rng.exponential(1 / rate, (n, 30)), rng.exponential(dwell, (n, 30))
    came = np.cumsum(idle, axis=1) + np.cumsum(stay, axis=1) - stay - lead
    gone = came + stay
    weight = np.ones(n)
    for day, seen in told.items():
        chance = np.where(((came <= day) & (gone > day)).any(1), 1 - 0.99 * 0.1, 0.01)
        weight *= chance if seen else 1 - chance
    counts = ((came > 0) & (came < days)).sum(1)
    expected = np.bincount(counts, weights=weight, minlength=16)[:16] / weight.sum()
    lay = (weight * ((came <= 0) & (gone > 0)).any(1)).sum() / weight.sum()
    made = problem([look(d, s) for d, s in told.items()], KNOWN.model_copy(update={"starts_empty": False}))
    exact = count_in_window(made, one_point(), np.ones(1), 0, days * UNITS_PER_DAY, 31)
    effective = weight.sum() ** 2 / (weight**2).sum()
    assert np.abs(exact[:16] - expected).max() < 4 * 0.5 / np.sqrt(effective)
    assert effective > 20_000
    known = Weighted(one_point(), np.ones(1), 1.0, 1, 0.0)
    paths = draw_paths(made, known, days * UNITS_PER_DAY, [], 20_000, rng)
    assert (paths.lying > 0).mean() == pytest.approx(lay, abs=0.015)
    assert paths.arrivals(0, days * UNITS_PER_DAY).mean() == pytest.approx((exact * np.arange(32)).sum(), abs=0.03)


def test_ships_in_port_that_ais_shows_are_weighed_by_its_share():
    share = 0.6
    settings = KNOWN.model_copy(
        update={"starts_empty": False, "berths": 2, "ais_share": SharePrior(median=share, factor=1.0)}
    )
    lay = look(0, True, track=(-20, 6))
    got = {}
    for shown in ((), (lay,)):
        made = Problem(port(1, 2), levels(0.0), PortLooks("P", shown, ()), hulls_of([], settings), 80, False, True)
        got[len(shown)] = Kernels(made, one_point(settings)).begin().sum(1)
    before = got[0] / np.array([1, 1 - share, (1 - share) ** 2])  # three states: none, one, two ships
    assert before.sum() == pytest.approx(1.0)
    assert before[0] < 0.8
    assert np.allclose(got[1][1:], before[1:] * [share, 2 * share * (1 - share)])


def test_a_hull_is_in_one_place_against_rejection_sampling():
    # One berth, one hull told twice. Seen elsewhere in between, it is two visits; too soon to have been away, it is one.
    rng = np.random.default_rng(4)
    n, rate, dwell, days = 400_000, 0.5, 2.0, 8
    idle, stay = rng.exponential(1 / rate, (n, 14)), rng.exponential(dwell, (n, 14))
    came = np.cumsum(idle, axis=1) + np.cumsum(stay, axis=1) - stay
    gone = came + stay
    settings = KNOWN.model_copy(
        update={
            "rate_per_day": SpreadPrior(median=rate, factor=1.0),
            "detection": SharePrior(median=1 - 1e-6, factor=1.0),
            "false_sighting": SharePrior(median=1e-6, factor=1.0),
        }
    )
    hulls = Hulls(("a", "b"), np.array([0.4, 0.3, 0.3]), np.full(3, 100.0), np.full(3, 1.0))
    mark = np.array([1.0, 1e-9, 1e-9])
    which = {day: ((came <= day) & (gone > day)).argmax(1) for day in (2, 5)}
    there = {day: ((came <= day) & (gone > day)).any(1) for day in (2, 4, 5)}
    one_visit = which[2] == which[5]
    seen = there[2] & there[5]
    away = Elsewhere(3 * UNITS_PER_DAY, 4 * UNITS_PER_DAY, 0, 1.0, mark, "far")
    never = np.zeros(30 * UNITS_PER_DAY)
    left_by_3 = gone[np.arange(n), which[2]] < 3
    for weight, elsewhere, back in (
        (seen & left_by_3 & ~one_visit, (away,), None),
        (seen & one_visit, (), never),
    ):
        looks = (look(2, True, mark=mark), look(5, True, mark=mark))
        made = Problem(
            port(1, 1, True),
            levels(0.0),
            PortLooks("P", looks, (), elsewhere=elsewhere),
            hulls,
            starts_empty=True,
            back_after=back,
        )
        exact = count_in_window(made, one_point(settings), np.ones(1), 0, days * UNITS_PER_DAY, 31)
        expected = np.bincount((came < days).sum(1), weights=weight, minlength=16)[:16] / weight.sum()
        assert weight.sum() > 10_000
        assert np.abs(exact[:16] - expected).max() < 4 * 0.5 / np.sqrt(weight.sum())
        drawn = draw_paths(made, Weighted(one_point(settings), np.ones(1), 1.0, 1, 0.0), 64, [], 8000, rng)
        assert drawn.arrivals(0, 64).mean() == pytest.approx((exact * np.arange(32)).sum(), abs=0.06)


def test_two_ships_apart_weigh_as_drawn_without_the_first():
    share = np.array([0.4, 0.3, 0.2, 0.1])
    hulls = Hulls(("a", "b"), share, np.full(4, 100.0), np.full(4, 1.0))
    a, b = np.eye(4)[0], np.array([0.2, 0.5, 0.2, 0.1])
    without = share * [0, 1, 1, 1] / 0.6
    assert hulls.apart(a, b, 0.0) == pytest.approx((without @ b) / (share @ b))
    assert hulls.apart(a, b, 1.0) == pytest.approx(1.0)
    assert hulls.apart(np.eye(4)[2], b, 0.0) == pytest.approx(1.0)  # unknown hulls are many


def test_drawn_paths_agree_with_the_exact_count():
    settings = TrafficSettings(
        rate_per_day=SpreadPrior(median=0.2, factor=3.0), berths=2, selection=False, parameter_points=64
    )
    made = problem([look(d, d % 5 < 2) for d in range(2, 28, 2)], settings)
    rng = np.random.default_rng(1)
    weighted = integrate(made, settings, settings.dwell_days, rng)
    exact = count_in_window(made, weighted.points, weighted.weight, 0, 28 * UNITS_PER_DAY, 63)
    paths = draw_paths(made, weighted, 28 * UNITS_PER_DAY, [], 6000, rng)
    mean = (np.arange(64) * exact).sum()
    sd = np.sqrt((np.arange(64) ** 2 * exact).sum() - mean**2)
    drawn = paths.arrivals(0, 28 * UNITS_PER_DAY)
    # Paths rest on at most 64 of the weighted points: their share of the spread adds to the sampling error.
    assert abs(drawn.mean() - mean) < 0.12 * sd
    assert drawn.std() == pytest.approx(sd, rel=0.1)


def test_reports_and_their_silence_against_brute_force():
    # Two stretches: two reports in the first, none in the second. Either nobody watched then, or few ships came.
    rng, share, days = np.random.default_rng(6), 0.4, 56
    settings = KNOWN.model_copy(
        update={
            "rate_per_day": SpreadPrior(median=0.12, factor=1.0),
            "selection": True,
            "reported_share": SharePrior(median=share, factor=1.0),
        }
    )
    arrivals, alongside = simulate(days, settings, 200_000, rng)
    told = [3, 12]
    chance = share * np.where(alongside[:, :days], 1 - 0.99 * 0.1, 0.01)
    first = [d for d in range(28) if d not in told]
    change = 0.5 * (1 - np.exp(-2 * 28 / settings.attention_days))
    silent = (1 - change) * (1 - chance[:, 28:]).prod(1) + change
    weight = chance[:, told].prod(1) * (1 - chance[:, first]).prod(1) * silent
    expected = np.bincount(arrivals, weights=weight, minlength=24)[:24] / weight.sum()

    looks = tuple(look(d, True, chosen=True, told=True) for d in told)
    made = Problem(
        port(1, 1),
        levels(0.0),
        PortLooks("P", looks, ()),
        hulls_of([], settings),
        days * UNITS_PER_DAY,
        True,
        starts_empty=True,
    )
    assert [w.told for w in made.watches] == [2, 0]
    known = Weighted(one_point(settings), np.ones(1), 1.0, 1, 0.0)
    paths = draw_paths(made, known, days * UNITS_PER_DAY, choices(made, settings), 40_000, rng)
    drawn = np.bincount(paths.arrivals(0, days * UNITS_PER_DAY), minlength=24)[:24] / paths.draws
    effective = min(weight.sum() ** 2 / (weight**2).sum(), paths.lowest_effective)
    assert effective > 1500
    assert np.abs(drawn - expected).max() < 4 * 0.7 / np.sqrt(effective)
    unheard = draw_paths(made, known, days * UNITS_PER_DAY, [], 40_000, rng).arrivals(0, days * UNITS_PER_DAY)
    assert paths.arrivals(0, days * UNITS_PER_DAY).mean() < unheard.mean() - 0.3  # the silence is heard


def test_two_looks_at_a_port_of_discharge_may_show_one_ship():
    settings = KNOWN.model_copy(update={"passage_days": SpreadPrior(median=1.5, factor=1.6)})
    share, otherwise, usable, back = 0.7, 0.1, 0.8, 1.5
    # Ships left 2, 3 and 6 days before the second look.
    at = np.arange(0, 10 * UNITS_PER_DAY + 1)
    unit, left = int(at[-1]), np.array([4.0, 7.0, 8.0])
    departed = np.array([(left * UNITS_PER_DAY < u).sum() for u in at])
    history = SimpleNamespace(
        at=at,
        index=lambda u: int(np.searchsorted(at, u)),
        departed=lambda i: departed[i : i + 1],
        point=np.array([0]),
        points=one_point(settings),
        carried={},
    )
    dwell, units = 3.0, round(back * UNITS_PER_DAY)
    table = alongside_after(settings, dwell, 1, share)
    seen = {"usable": usable, "count": 1}
    first = FarEvidence(unit - units, "one", look(8.5, True, **seen), table, share, otherwise)
    alone = FarEvidence(unit, "two", look(10.0, True, **seen), table, share, otherwise)
    both = alongside_after(settings, dwell, 1, share, already=units)
    pair = replace(alone, earlier=first, both=both)

    rng = np.random.default_rng(3)
    worlds = 400_000
    bound = rng.random((worlds, 3)) < share
    spread = settings.passage_days.sd_log
    landed = left + np.exp(rng.normal(np.log(settings.passage_days.median), spread, (worlds, 3)))
    gone = landed + rng.exponential(dwell, (worlds, 3))
    shown = []
    for day in (10.0 - back, 10.0):
        there = bound & (landed < day) & (gone > day)
        found = there & (rng.random((worlds, 3)) < usable * 0.9)
        shown.append(found.any(1) | (rng.random(worlds) < usable * otherwise))
    one, two = shown
    assert np.exp(first.log_weight(history))[0] == pytest.approx(one.mean(), abs=0.01)
    assert np.exp(alone.log_weight(history))[0] == pytest.approx(two.mean(), abs=0.01)
    assert np.exp(pair.log_weight(history))[0] == pytest.approx(two[one].mean(), abs=0.01)
    assert two[one].mean() > two.mean() + 0.05  # and that is not what a look alone tells


def test_visits_that_ais_shows_leave_the_dark_ones_poisson():
    # A quay that hardly fills: the dark visits are a thinned Poisson process, whatever the shown ones are.
    rate, share, days = 0.3, 0.6, 28
    settings = KNOWN.model_copy(
        update={
            "berths": 4,
            "rate_per_day": SpreadPrior(median=rate, factor=1.0),
            "dwell_days": SpreadPrior(median=0.5, factor=1.0),
            "ais_share": SharePrior(median=share, factor=1.0),
        }
    )
    starts = [2.0, 9.5, 9.9, 20.0]
    looks = tuple(look(d, True, track=(round(d * UNITS_PER_DAY), round(d * UNITS_PER_DAY) + 4)) for d in starts)
    end = days * UNITS_PER_DAY
    made = Problem(
        port(1, 4), levels(0.0), PortLooks("P", looks, ()), hulls_of([], settings), end, False, True, starts_empty=True
    )
    exact = count_in_window(made, one_point(settings), np.ones(1), 0, end, 31)
    dark = np.exp(np.arange(20) * np.log(rate * (1 - share) * days) - rate * (1 - share) * days)
    dark /= np.cumprod(np.maximum(np.arange(20), 1))
    assert np.abs(exact[4:24] - dark).max() < 0.005
    assert exact[:4].sum() < 1e-6
    known = Weighted(one_point(settings), np.ones(1), 1.0, 1, 0.0)
    paths = draw_paths(made, known, end, [], 20_000, np.random.default_rng(2))
    drawn = np.bincount(paths.arrivals(0, end), minlength=24)[:24] / paths.draws
    assert np.abs(drawn[4:24] - dark).max() < 0.015
    assert paths.arrivals(9 * UNITS_PER_DAY, 10 * UNITS_PER_DAY).min() >= 2


class Told:
    """Evidence on paths for a test: a log weight of the arrivals, with or without a (poor) forecast of it."""

    name, group, unit = "told", "", 20 * UNITS_PER_DAY

    def __init__(self, weight, forecast=None):
        self.weight, self.forecast = weight, forecast

    def aim(self, history):
        so_far = history.arrivals(0, int(history.at[history.now]))
        return None if self.forecast is None or history.at[history.now] >= self.unit else self.forecast(so_far)

    def foretold(self, points):
        return None

    def log_weight(self, history):
        return self.weight(history.arrivals(0, self.unit))


def test_runs_are_pooled_by_the_evidence_they_found():
    made, end = problem([look(10, True)]), 24 * UNITS_PER_DAY
    known = Weighted(one_point(), np.ones(1), 1.0, 1, 0.0)
    rng = np.random.default_rng(4)

    def run(count, *pieces):
        return draw_paths(made, known, end, pieces, count, rng)

    # A constant weight is the evidence itself, and steering by a wrong forecast changes neither it nor the draws.
    assert run(200, Told(lambda n: np.full(len(n), -1.25))).log_evidence == pytest.approx(-1.25, abs=1e-9)
    exact = count_in_window(made, one_point(), np.ones(1), 0, 20 * UNITS_PER_DAY, 31)
    weight = np.exp(-0.5 * ((np.arange(32) - 9) / 1.5) ** 2)
    evidence = np.log(exact @ weight)
    piece = Told(lambda n: -0.5 * ((n - 9) / 1.5) ** 2, lambda n: -0.1 * (n - 2.0) ** 2)
    assert run(40_000, piece).log_evidence == pytest.approx(evidence, abs=0.1)

    # Small runs, each of them far off: their pool agrees with the exact answer as one large run would.
    parts = [run(150, piece) for _ in range(400)]
    whole = pooled(parts, 4000, rng)
    mean = (np.arange(32) * exact * weight).sum() / (exact * weight).sum()
    assert whole.arrivals(0, 20 * UNITS_PER_DAY).mean() == pytest.approx(mean, abs=0.15)
    assert whole.log_evidence == pytest.approx(evidence, abs=0.1)
    assert whole.draws >= 4000
    assert len(whole.points) == 1
    assert whole.live_points == 1
    # One run beside the evidence and one on it: nearly all draws come from the second.
    away = run(500, Told(lambda n: np.full(len(n), -8.0)))
    both = pooled([away, run(500, Told(lambda n: np.zeros(len(n))))], 500, rng)
    assert both.draws == 500
    assert (both.ancestor < 500).sum() <= 1


def test_every_path_is_a_possible_port():
    settings = TrafficSettings(berths=2, selection=False, parameter_points=32)
    made = problem([look(d, d % 3 == 0) for d in range(1, 30)], settings)
    rng = np.random.default_rng(5)
    paths = draw_paths(made, integrate(made, settings, settings.dwell_days, rng), 240, [], 500, rng)
    assert paths.ships.min() >= 0
    assert paths.ships.max() <= 2
    assert (np.diff(paths.arrived, axis=1) >= 0).all()
    gone = paths.arrived - paths.ships
    assert (np.diff(gone, axis=1) >= 0).all()


def test_a_cloud_says_nothing_and_may_be_split():
    p = points(sobol(16, np.random.default_rng(0)), KNOWN, KNOWN.dwell_days)
    base = [look(1, True), look(4, False)]
    plain = log_evidence(problem(base), p)
    clouded = log_evidence(
        problem(
            sorted([*base, look(2, False, usable=0.0), look(3, True, usable=0.0, kind="absent")], key=lambda o: o.unit)
        ),
        p,
    )
    assert np.allclose(plain, clouded)


def test_order_of_looks_at_one_hour_does_not_matter():
    p = points(sobol(16, np.random.default_rng(0)), KNOWN, KNOWN.dwell_days)
    a, b, c = look(1, True), look(1, False, usable=0.4), look(1, True, kind="at_least", usable=0.7)
    assert np.allclose(log_evidence(problem([a, b, c]), p), log_evidence(problem([c, a, b]), p))


@pytest.mark.parametrize("extra", [[12], [11, 13], [15, 18, 19], [10, 12, 14, 16, 18]])
def test_more_empty_looks_never_raise_the_count(extra):
    # In a stretch that begins and ends empty: an empty look between two full ones does split a visit in two.
    def mean(days):
        told = [look(d, False) for d in sorted({10, 20, *days})]
        return (count_in_window(problem(told), one_point(), np.ones(1), 80, 160, 31) * np.arange(32)).sum()

    means = [mean(extra[:k]) for k in range(len(extra) + 1)]
    assert all(b <= a + 1e-9 for a, b in itertools.pairwise(means))
    assert means[-1] < means[0]


@pytest.mark.parametrize("kind", ["exactly", "at_least"])
def test_count_likelihoods_are_probabilities(kind):
    chain = port(1, 3)
    d, f = np.array([0.8]), np.array([0.1])
    rows = [likelihood(look(1, True, kind="exactly", count=k), chain.ships, d, f) for k in range(5) if k <= 4]
    assert np.allclose(sum(rows), 1.0)
    tail = likelihood(look(1, True, kind="at_least", count=2), chain.ships, d, f)
    assert np.allclose(tail, sum(rows[2:]))
    none = likelihood(look(1, False), chain.ships, d, f)
    assert np.allclose(none, rows[0]) if kind == "exactly" else np.all(none >= 0)


def test_two_hulls_told_apart_are_two_visits():
    settings = KNOWN.model_copy(update={"unknown_length_sd_m": 20.0})
    hulls = hulls_of([], settings)
    short, long = hulls.mark(None, None, 90.0, 5.0), hulls.mark(None, None, 140.0, 5.0)

    def mean(a, b):
        made = problem([look(3, True, mark=a), look(4, True, mark=b)], settings)
        return (count_in_window(made, one_point(), np.ones(1), 0, 48, 31) * np.arange(32)).sum()

    assert mean(short, long) > mean(short, short) + 0.7


def test_weights_are_honest_about_thin_evidence():
    made = problem([look(d, bool(d % 2)) for d in range(1, 40)], TrafficSettings(selection=False))
    got = integrate(
        made,
        TrafficSettings(selection=False, parameter_points=64),
        SpreadPrior(median=1.7, factor=1.7),
        np.random.default_rng(2),
    )
    assert isinstance(got, Weighted)
    assert got.weight.sum() == pytest.approx(1.0)
    assert 1 <= got.effective <= len(got.weight)
