"""The count step from tables to tables: shapes, joint draws, totals, as-of, bad input."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from tumen import tables
from tumen.case.traffic_settings import DestinationShare, Quiet, SpreadPrior, TrafficSettings
from tumen.draws import matrix
from tumen.simulate.traffic import FAR_PORT, PORT, world
from tumen.traffic import TrafficFault, backtest, check, count, posterior_count
from tumen.traffic.counting import read_cases
from tumen.traffic.totals import Part, disjoint, share_to
from tumen.traffic.voyages import alongside_after

SMALL = TrafficSettings(
    particles=1000, parameter_points=48, horizon_months=2, rate_per_day=SpreadPrior(median=0.2, factor=3.0)
)
DRAWS = 600


@pytest.fixture(scope="module")
def made():
    return world(SMALL, 90, ["sparse", "totals", "voyages"], seed=4)


@pytest.fixture(scope="module")
def counted(made):
    return count(made.looks, made.claims, made.places, made.vessels, SMALL, made.period, seed=1, draws=DRAWS)


def total(result, name, value, draws=DRAWS, by=()):
    return matrix(result[name], value, by, draws)


def look(day, place=PORT, **changes):
    at = dt.datetime(2020, 1, 6, 3, tzinfo=dt.UTC) + dt.timedelta(days=day)
    row = {
        "look_id": f"L{day}",
        "place": place,
        "start": at,
        "end": at,
        "collector": "A",
        "usable_share": 1.0,
        "vessel_present": True,
        "published": at.date(),
        "origin": "simulated",
        "source_ids": [],
        "tasked": False,
    }
    return row | changes


def run(made, looks, claims=(), settings=SMALL, **kwargs):
    return count(
        tables.LOOKS.build(looks),
        tables.CLAIMS.build(list(claims)),
        made.places,
        made.vessels,
        settings,
        made.period,
        seed=2,
        draws=DRAWS,
        **kwargs,
    )


def claim(made, **changes):
    first, last = made.period if made else (None, None)
    row = {
        "claim_id": "c",
        "quantity": "visits",
        "label": "x",
        "point": 9.0,
        "unit": "visits",
        "reading": "at_least",
        "direction": "x",
        "scope": "place",
        "place": PORT,
        "period_start": first,
        "period_end": last,
        "published": last,
        "origin_group": "G",
        "independence": "own observation",
        "use": "evidence",
        "source_id": "s",
    }
    return row | changes


def test_tables_are_as_declared_and_draws_are_joint(made, counted):
    assert set(counted) == {"visits", "voyages", "voyage_windows", "rates", "forecasts", "diagnostics"}
    for name, table in counted.items():
        assert table.schema.equals(tables.TABLES[name].schema)
    seen, _ = total(counted, "visits", "seen", by=("place",))
    unseen, places = total(counted, "visits", "unseen", by=("place",))
    assert [p[0] for p in places] == sorted([PORT, FAR_PORT])
    here = [p[0] for p in places].index(PORT)
    visits = (seen + unseen)[:, here]
    voyages = total(counted, "voyages", "voyages")[0][:, 0]
    assert np.corrcoef(visits, voyages)[0, 1] > 0.9
    assert (voyages <= visits + 2).all()  # two berths: two ships may have lain in port at the start
    assert seen[:, here].max() <= sum(r["vessel_present"] is True for r in made.looks.to_pylist())


def test_a_ship_in_port_at_the_start_sails_but_is_no_visit(made):
    rows = [look(0, look_id="first"), look(0.5), *(look(d, vessel_present=False) for d in range(2, 88))]
    result = run(made, rows)
    there = next(r for r in result["diagnostics"].to_pylist() if r["name"].startswith("in port at the start"))
    assert there["value"] > 0.9
    assert f"{PORT} a ship lay in port" in there["text"]
    visits = sum(total(result, "visits", v, by=("place",))[0] for v in ("seen", "unseen"))
    here = sorted({r["place"] for r in result["visits"].to_pylist()}).index(PORT)
    voyages = total(result, "voyages", "voyages")[0][:, 0]
    assert voyages.mean() > visits[:, here].mean() + 0.7
    (window,) = result["voyage_windows"].to_pylist()
    assert window["look_ids"][0] == "first"
    empty = run(made, rows, settings=SMALL.model_copy(update={"starts_empty": True}))
    assert not any(r["name"].startswith("in port at the start") for r in empty["diagnostics"].to_pylist())


def test_same_seed_same_tables_other_seed_same_answer(made, counted):
    again = count(made.looks, made.claims, made.places, made.vessels, SMALL, made.period, seed=1, draws=DRAWS)
    assert all(again[name].equals(counted[name]) for name in counted)
    other = count(made.looks, made.claims, made.places, made.vessels, SMALL, made.period, seed=9, draws=DRAWS)
    a, b = (total(r, "voyages", "voyages")[0][:, 0] for r in (counted, other))
    assert abs(a.mean() - b.mean()) < 0.5 * a.std()


def test_permuted_looks_change_nothing(made, counted):
    order = np.random.default_rng(0).permutation(made.looks.num_rows)
    again = count(
        made.looks.take(order), made.claims, made.places, made.vessels, SMALL, made.period, seed=1, draws=DRAWS
    )
    assert again["visits"].equals(counted["visits"])


def test_forecasts_lie_beyond_the_evidence_and_hold_every_draw(made, counted):
    months = set(counted["forecasts"].column("month").to_pylist())
    assert min(months) > made.period[1].replace(day=1)
    values, groups = total(counted, "forecasts", "value", by=("quantity", "month"))
    assert counted["forecasts"].num_rows == DRAWS * len(groups)
    assert values.min() >= 0


def test_interval_widens_after_the_last_look(made):
    result = run(made, [look(d, vessel_present=d % 4 == 0, look_id=f"{d}") for d in range(1, 40)])
    rates = {r["month"]: r["rate_high90"] / r["rate_low90"] for r in result["rates"].to_pylist() if r["rate_low90"] > 0}
    spread = [r["rate_high90"] - r["rate_low90"] for r in result["rates"].to_pylist()]
    assert spread[2] > spread[0]
    assert rates or spread


def test_a_scene_told_twice_counts_once(made):
    rows = [look(d, vessel_present=d % 3 == 0, look_id=f"a{d}") for d in range(2, 60, 3)]
    twice = [*rows, *({**r, "look_id": "b" + r["look_id"], "collector": "B"} for r in rows)]
    a, b = (total(run(made, r), "visits", "unseen")[0].sum(1).mean() for r in (rows, twice))
    assert a == pytest.approx(b, abs=0.6)


def test_cumulative_totals_of_one_group_enter_once():
    a, b, c = (
        Part(0, 80, 4, 4, True, 1.0, ("a",)),
        Part(0, 240, 9, 9, True, 1.0, ("b",)),
        Part(0, 240, 9, 9, True, 1.0, ("c",)),
    )
    parts, remarks = disjoint([a, b, c])
    assert [(p.first, p.last, p.low) for p in parts] == [(0, 80, 4), (80, 240, 5)]
    assert not remarks
    shrunk, said = disjoint([b, Part(0, 480, 7, 7, True, 1.0, ("d",))])
    assert len(shrunk) == 1
    assert said == ["d (7) is less than its parts (9) and is not used"]


def test_repeating_a_total_changes_nothing_and_a_larger_one_raises(made):
    rows = [look(d, vessel_present=False, look_id=f"{d}", usable_share=0.3) for d in range(5, 85, 20)]

    def mean(claims):
        return total(run(made, rows, claims), "visits", "unseen", by=("place",))[0][:, -1].mean()

    one = mean([claim(made)])
    assert mean([claim(made), claim(made, claim_id="c2")]) == pytest.approx(one, abs=0.8)
    assert mean([claim(made, point=25.0)]) > one + 5
    assert mean([claim(made, use="check", point=60.0)]) == pytest.approx(mean([]), abs=0.8)


def test_at_least_is_a_floor_that_leaks_little(made):
    result = run(made, [look(40, vessel_present=False)], [claim(made, point=20.0)])
    visits = sum(total(result, "visits", v, by=("place",))[0] for v in ("seen", "unseen"))
    assert (visits[:, -1] >= 18).mean() > 0.9 or (visits[:, 0] >= 18).mean() > 0.9


def test_quiet_stretch_is_a_pause(made):
    rows = [look(d, vessel_present=True, look_id=f"{d}") for d in (3, 9, 15, 21, 27, 70, 76, 82)]
    quiet = SMALL.model_copy(
        update={"quiet": [Quiet(place=PORT, start=dt.date(2020, 2, 5), end=dt.date(2020, 3, 10), source="s")]}
    )

    def inside(settings):
        rates = {r["month"]: r for r in run(made, rows, settings=settings)["rates"].to_pylist()}
        return rates[dt.date(2020, 2, 1)]["rate_median"]

    assert inside(quiet) < 0.5 * inside(SMALL)


def test_destinations_follow_their_dates(made):
    table = [
        DestinationShare(place=FAR_PORT, end=dt.date(2020, 2, 1), share=1.0),
        DestinationShare(place="Elsewhere", start=dt.date(2020, 2, 2), share=1.0),
    ]
    result = run(
        made,
        [look(d, look_id=f"{d}") for d in range(2, 88, 6)],
        settings=SMALL.model_copy(update={"destinations": table}),
    )
    voyages = result["voyages"].to_pylist()
    assert {v["destination"] for v in voyages if v["month"] == dt.date(2020, 1, 1)} == {FAR_PORT}
    assert {v["destination"] for v in voyages if v["month"] == dt.date(2020, 3, 1)} == {"Elsewhere"}


def test_share_of_a_destination_is_that_of_the_whole_period():
    table = [
        DestinationShare(place="A", end=dt.date(2020, 1, 10), share=1.0),
        DestinationShare(place="A", start=dt.date(2020, 1, 11), share=0.5),
        DestinationShare(place="B", start=dt.date(2020, 1, 11), share=0.5),
    ]
    settings = SMALL.model_copy(update={"destinations": table})
    assert share_to("A", dt.date(2020, 1, 1), dt.date(2020, 1, 20), settings) == pytest.approx(0.75)
    assert share_to("B", dt.date(2020, 1, 1), dt.date(2020, 1, 20), settings) == pytest.approx(0.25)
    assert share_to("A", dt.date(2020, 1, 1), dt.date(2020, 1, 20), SMALL) == 1.0


def test_named_hull_and_its_window(made):
    rows = [
        look(20, vessel="Simulated A", p_vessel=0.95, look_id="in"),
        look(21, vessel_present=False, look_id="gone"),
        look(22, place=FAR_PORT, vessel="Simulated A", p_vessel=0.95, look_id="far"),
    ]
    (window,) = run(made, rows)["voyage_windows"].to_pylist()
    assert (window["ship"], window["destination"]) == ("Simulated A", FAR_PORT)
    assert set(window["look_ids"]) == {"in", "far"}
    assert window["departed_after"].date() == dt.date(2020, 1, 26)
    assert window["departed_before"] <= window["arrived_before"]
    assert window["arrived_after"] <= window["arrived_before"]
    assert window["probability"] > 0.7


def test_a_hull_seen_elsewhere_has_left(made):
    rows = [look(20, vessel="Simulated A", p_vessel=0.99, look_id="in"), look(21.25, look_id="still")]
    far = look(21, place=FAR_PORT, vessel="Simulated A", p_vessel=0.99, look_id="far")

    def same(looks):
        return [set(w["look_ids"]) & {"in", "still"} for w in run(made, looks)["voyage_windows"].to_pylist()]

    assert {"in", "still"} in same(rows)
    assert {"in", "still"} not in same([*rows, far])
    case = read_cases(
        tables.LOOKS.build([*rows, far]), tables.CLAIMS.empty(), made.places, made.vessels, SMALL, made.period
    )[0][0]
    (seen,) = case.looks.elsewhere
    assert 20 * 8 < seen.gone < 21 * 8 < seen.back < 22 * 8  # 120 nautical miles
    stay = far | {"end": look(24)["end"], "origin": "ais"}
    case = read_cases(
        tables.LOOKS.build([*rows, stay]), tables.CLAIMS.empty(), made.places, made.vessels, SMALL, made.period
    )[0][0]
    (known,) = case.looks.elsewhere
    assert known.gone == seen.gone
    assert 24 * 8 < known.back < 25 * 8  # AIS tells of the whole stay


def test_a_hull_of_no_roster_is_told_apart(made):
    case = read_cases(made.looks, made.claims, made.places, made.vessels, SMALL, made.period)[0][0]
    stranger = case.hulls.mark("Simulated Stranger", 0.9, None, 5.0)
    known = case.hulls.mark("Simulated A", 0.9, None, 5.0)
    assert case.hulls.same_over_different(stranger, known) < 0.3 < 1 < case.hulls.same_over_different(known, known)
    assert case.hulls.mark("Nobody", 0.9, None, 5.0) is None


def test_a_long_look_without_a_ship_is_named(made):
    long = look(20, vessel_present=False, look_id="week") | {"end": look(27)["end"]}
    told = [r["text"] for r in run(made, [look(5), long])["diagnostics"].to_pylist() if r["name"].startswith("look in")]
    assert any("week" in text and "[[traffic.quiet]]" in text for text in told)


def test_posterior_count_agrees_with_the_draws(made):
    rows = tables.LOOKS.build([look(d, vessel_present=d % 5 < 2, look_id=f"{d}") for d in range(1, 89, 2)])
    window = (made.period[0], made.period[1])
    exact = posterior_count(rows, made.places, made.vessels, SMALL, made.period, window, seed=1, most=95)
    result = run(made, rows.to_pylist())
    draws = sum(total(result, "visits", v, by=("place",))[0] for v in ("seen", "unseen"))
    here = sorted({r["place"] for r in result["visits"].to_pylist()}).index(PORT)
    mean = (exact * np.arange(96)).sum()
    sd = np.sqrt((exact * np.arange(96) ** 2).sum() - mean**2)
    assert abs(draws[:, here].mean() - mean) < 0.35 * sd


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_ships_at_the_far_port_against_simulation(share):
    # Looks a day and a half and five days ago found nothing: what lies there now has mostly come since.
    rng, n, unseen = np.random.default_rng(1), 400_000, [(12, 0.9), (40, 0.6)]
    landed = 1.2 * np.exp(SMALL.passage_days.sd_log * rng.standard_normal(n))
    left, bound = landed + rng.gamma(2, 1.1, n), rng.random(n) < share
    plain, given = (share * alongside_after(SMALL, 2.2, 2, share, told) for told in ((), unseen))
    for lag in (8, 20, 32, 44, 56):
        missed = np.ones(n, bool)
        for back, found in unseen:
            then = (lag - back) / 8
            missed &= ~(bound & (landed <= then) & (left > then) & (rng.random(n) < found))
        now = bound & (landed <= lag / 8) & (left > lag / 8)
        assert plain[lag] == pytest.approx(now.mean(), abs=0.004)
        assert given[lag] == pytest.approx(now[missed].mean(), abs=0.006)
    assert given[44] < 0.6 * plain[44]


# --- several ports of loading ---------------------------------------------------------------------


def two(settings, looks, claims=(), work=lambda *given: count(*given, 3, DRAWS)):
    origin, far = (world(settings, 60, ["sparse"], 1).places.to_pylist()[k] for k in (0, 1))
    places = tables.PLACES.build([origin, origin | {"place": "Second", "lon": 1.0}, far])
    vessels = world(settings, 60, ["sparse"], 1).vessels
    period = (dt.date(2020, 1, 6), dt.date(2020, 3, 5))
    return work(tables.LOOKS.build(looks), tables.CLAIMS.build(list(claims)), places, vessels, settings, period)


def by_port(result):
    visits = result["visits"].to_pylist()
    draws = {name: np.zeros(DRAWS) for name in (PORT, "Second")}
    for v in visits:
        if v["place"] in draws:
            draws[v["place"]][v["draw"]] += v["seen"] + v["unseen"]
    return draws


def test_looks_at_a_port_of_discharge_inform_every_port_of_loading():
    own = [
        look(d, place=p, vessel_present=False, usable_share=0.3, look_id=f"{p}{d}")
        for p in (PORT, "Second")
        for d in (9, 39)
    ]
    sure = SMALL.model_copy(update={"ships_at_destination_otherwise": 0.02, "horizon_months": 0})

    def total(seen):
        far = [look(d, place=FAR_PORT, vessel_present=seen, look_id=f"f{d}") for d in range(4, 58, 3)]
        return {name: d.mean() for name, d in by_port(two(sure, own + far)).items()}

    empty, full = total(False), total(True)
    assert all(full[name] > empty[name] + 2 for name in full)


def test_a_total_of_all_ports_ties_their_draws():
    own = [
        look(d, place=p, vessel_present=d % 3 == 0, look_id=f"{p}{d}")
        for p in (PORT, "Second")
        for d in (3, 14, 25, 36)
    ]
    both = claim(None, place=None, quantity="voyages", point=12.0, period_start=dt.date(2020, 1, 6), period_end=dt.date(2020, 3, 5), published=dt.date(2020, 3, 6))  # fmt: skip
    loose, tied = by_port(two(SMALL, own)), two(SMALL, own, [both])
    drawn = by_port(tied)
    assert abs(np.corrcoef(loose[PORT], loose["Second"])[0, 1]) < 0.2
    assert np.corrcoef(drawn[PORT], drawn["Second"])[0, 1] < -0.1
    assert sum(drawn.values()).std() < 0.8 * sum(loose.values()).std()
    assert any("effective joint draws" in r["text"] for r in tied["diagnostics"].to_pylist())


def test_ais_alone_is_a_floor_and_no_busy_port(made):
    shown = [
        look(d, look_id=f"a{d}", origin="ais", selection="event", tasked=None, vessel_count=1, count_reading="at_least")
        | {"end": look(d + 2)["start"]}
        for d in (4, 13, 27, 40, 52, 71)
    ]
    visits = total(run(made, shown), "visits", "seen", by=("place",))[0]
    unseen, places = total(run(made, shown), "visits", "unseen", by=("place",))
    here = [p[0] for p in places].index(PORT)
    every = (visits + unseen)[:, here]
    assert (every >= 6).mean() > 0.99
    assert (visits[:, here] == 6).mean() > 0.9
    assert np.median(every) < 25  # read as six random hours, all of them busy, they gave three times as many


# --- bad input ------------------------------------------------------------------------------------


def test_impossible_looks_are_all_named(made):
    rows = [
        look(1, vessel_count=7, look_id="crowded"),
        look(2, usable_share=1.4, look_id="bright"),
        look(3, vessel_count=0, look_id="torn"),
    ]
    rows.append(look(5, look_id="backwards") | {"end": dt.datetime(2020, 1, 7, tzinfo=dt.UTC)})
    with pytest.raises(TrafficFault) as error:
        run(made, rows)
    for name in ("crowded", "bright", "torn", "backwards"):
        assert name in str(error.value)


def test_one_hull_in_two_ports_is_named_and_the_ship_kept(made):
    rows = [
        look(20, vessel="Simulated A", look_id="here"),
        look(20.04, place=FAR_PORT, vessel="Simulated A", look_id="there"),
    ]
    failed = [r for r in run(made, rows)["diagnostics"].to_pylist() if not r["passed"]]
    assert any("here and there" in r["text"] and "Simulated A" in r["text"] for r in failed)
    visits = run(made, rows)["visits"].to_pylist()
    assert sum(v["seen"] for v in visits if v["place"] == PORT) > 0


def test_check_names_what_is_in_doubt_and_stops_at_what_cannot_be(made):
    given = (made.places, made.vessels, SMALL, made.period)
    both = [look(5, look_id="here"), look(5, look_id="not", vessel_present=False)]
    said = check(tables.LOOKS.build(both), tables.CLAIMS.empty(), *given)
    assert any("here and not contradict each other" in s for s in said)
    crowd = [look(5, look_id="crowd", vessel_count=7)]
    with pytest.raises(TrafficFault, match="crowd"):
        check(tables.LOOKS.build(crowd), tables.CLAIMS.empty(), *given)


def test_look_early_on_the_first_day_is_of_that_day(made):
    first = look(0) | {"look_id": "dawn"}
    first["start"] = first["end"] = dt.datetime(2020, 1, 5, 20, tzinfo=dt.UTC)  # five in the morning in Korea
    looks = tables.LOOKS.build([first, look(9, vessel_present=False)])
    given = (tables.CLAIMS.empty(), made.places, made.vessels, SMALL, made.period)
    assert check(looks, *given) == []
    (case,) = read_cases(looks, *given)[0]
    assert [o.unit for o in case.looks.observations] == [0, 72]


def test_look_before_the_period_is_named(made):
    failed = [
        r["text"]
        for r in run(made, [look(-20, look_id="early"), look(5)])["diagnostics"].to_pylist()
        if not r["passed"]
    ]
    assert any("early" in text and "outside the period" in text for text in failed)


def test_more_occupied_days_than_days_is_a_fault(made):
    pair = [
        claim(made, claim_id="d", quantity="image_days", point=20.0),
        claim(made, claim_id="v", quantity="vessel_days", point=30.0),
    ]
    with pytest.raises(TrafficFault, match="v: 30 days with a vessel"):
        run(made, [look(5)], pair)


def test_period_must_run_forward(made):
    with pytest.raises(TrafficFault, match="before it starts"):
        count(made.looks, made.claims, made.places, made.vessels, SMALL, made.period[::-1], 1, DRAWS)


def test_no_looks_at_all_is_the_prior(made):
    result = run(made, [])
    assert result["visits"].num_rows > 0
    assert result["voyage_windows"].num_rows == 0


# --- backtest -------------------------------------------------------------------------------------


def test_backtest_sees_only_what_was_public(made):
    claims = [
        claim(made, claim_id="early", point=5.0, period_end=dt.date(2020, 1, 31), published=dt.date(2020, 2, 1)),
        claim(made, claim_id="late", point=14.0),
    ]
    looks = [look(d, vessel_present=d % 3 == 0, look_id=f"{d}") for d in range(1, 60)]
    spoiled = [look(d, vessel_present=True, look_id=f"x{d}") for d in range(60, 80)]

    def run_backtest(rows):
        return backtest(
            tables.LOOKS.build(rows),
            tables.CLAIMS.build(claims),
            made.places,
            made.vessels,
            SMALL,
            made.period,
            dt.date(2020, 2, 20),
            seed=3,
            draws=DRAWS,
        )

    a = run_backtest(looks).scores
    b = run_backtest([*looks, *spoiled]).scores
    assert a.equals(b)
    assert a.column("claim_id").to_pylist() == ["late"] * 3
    assert set(a.column("method").to_pylist()) == {"tumen", "constant rate", "straight line"}
    for r in a.to_pylist():
        assert r["low95"] <= r["low80"] <= r["low50"] <= r["median"] <= r["high50"] <= r["high80"] <= r["high95"]
        assert r["inside95"] == (r["low95"] <= r["published_value"] <= r["high95"])


def test_backtest_of_several_ports_foretells_their_total_and_the_voyages():
    own = [
        look(d, place=p, vessel_present=d % 3 == 0, look_id=f"{p}{d}")
        for p in (PORT, "Second")
        for d in (3, 14, 25, 36)
    ]
    both = claim(None, place=None, quantity="voyages", point=12.0, period_start=dt.date(2020, 1, 6), period_end=dt.date(2020, 3, 5), published=dt.date(2020, 3, 6))  # fmt: skip
    until = dt.date(2020, 6, 30)
    got = two(
        SMALL, own, [both], lambda *given: backtest(*given[:6], dt.date(2020, 2, 15), 1, draws=DRAWS, until=until)
    )
    rows = [r for r in got.scores.to_pylist() if r["method"] != "straight line"]
    assert [r["method"] for r in rows] == ["tumen", "constant rate"]
    assert all(r["low95"] < 12 < r["high95"] for r in rows)
    for voyages in got.voyages.values():
        assert set(voyages.column("origin").to_pylist()) == {PORT, "Second"}
        assert max(voyages.column("month").to_pylist()) == dt.date(2020, 6, 1)


def test_cases_of_several_ports_are_read_apart(made):
    two = pa.concat_tables([made.places, tables.PLACES.build([made.places.to_pylist()[0] | {"place": "Second"}])])
    cases, _, _, _ = read_cases(made.looks, made.claims, two, made.vessels, SMALL, made.period)
    assert [c.place for c in cases] == [PORT, "Second"]
