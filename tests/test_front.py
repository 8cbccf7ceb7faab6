"""The front: constant rates solved on paper, refusals with file and line, draws that stay together, the real case."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumen import tables
from tumen.case import Case
from tumen.case.faults import Faults
from tumen.case.front import Front, check_front, read_front
from tumen.ledger import front
from tumen.ledger.artillery import days_until_empty, quantiles, simulate

PERIOD = (dt.date(2023, 1, 1), dt.date(2023, 12, 31))
DRAWS = 6
SOURCES = {"s1"}

# Simulated: constant rates. Russia holds 7,000 rounds, makes 100 a day and fires 200 a day while it can; 50 a day
# come from North Korea at once and are fired first. Ukraine fires the 40 a day that it gets.
TEXT = """
[rule]
first_week = 2023-01-02
window_start = 2023-01-02
window_why = "test"
project_until = 2023-12-25
project_months = 1
project_why = "test"
empty_days = 0
empty_why = "test"
ration_weeks_rus = {point = 1, unit = "weeks", source = "s1"}
ration_weeks_ukr = {point = 1, unit = "weeks", source = "s1"}

[origin]
commodities = ["rounds_152"]
lag_days = {point = 0, unit = "days", source = "s1"}
issued_share = {point = 1, unit = "share", source = "s1"}
reworked_share = {point = 1, unit = "share", source = "s1"}
rework_days = {point = 0, unit = "days", source = "s1"}
first_use = {point = 1, unit = "share", source = "s1"}
kg_per_round = {point = 50, unit = "kg", source = "s1"}
containers_per_voyage = {point = 10, unit = "containers", source = "s1"}

[[stock]]
side = "RUS"
kind = "opening"
point = 7000
unit = "rounds"
source = "s1"
published = "2023-01-01"

[[stock]]
side = "RUS"
kind = "reserve"
point = 0
unit = "rounds"
source = "s1"
published = "2023-01-01"

[[stock]]
side = "UKR"
kind = "opening"
point = 0
unit = "rounds"
source = "s1"
published = "2023-01-01"

[[stock]]
side = "UKR"
kind = "reserve"
point = 0
unit = "rounds"
source = "s1"
published = "2023-01-01"

[[demand]]
side = "RUS"
start = 2023
end = 2023
point = 200
unit = "rounds/day"
source = "s1"
published = "2023-01-01"

[[demand]]
side = "UKR"
start = 2023
end = 2023
point = 100
unit = "rounds/day"
source = "s1"
published = "2023-01-01"

[[flow]]
side = "RUS"
series = "made"
kind = "production"
label = "made"
label_ko = "생산"
start = 2023
end = 2023
point = 100
unit = "rounds/day"
source = "s1"
published = "2023-01-01"

[[flow]]
side = "UKR"
series = "given"
kind = "partner"
label = "given"
label_ko = "지원"
start = 2023
end = 2023
point = 14610
unit = "rounds/year"
source = "s1"
published = "2023-01-01"

[[scenario]]
name = "stop"
label = "stop at once"
label_ko = "즉시 중단"
start = 2023-01-02
factor = 0

[[scenario]]
name = "same"
label = "nothing changes"
label_ko = "변화 없음"
start = 2023-01-02
factor = 1
"""


def read(folder: Path, text: str = TEXT) -> tuple[Front, Faults]:
    (folder / "front.toml").write_text(text)
    faults = Faults()
    found = read_front(folder, faults)
    check_front(found, SOURCES, faults)
    return found, faults  # type: ignore[return-value]


def cargo(per_day: float = 50.0, draws: int = DRAWS) -> pa.Table:
    """Simulated cargo: a constant flow, one box for ten rounds."""
    months = [dt.date(2023, n, 1) for n in range(1, 13)]
    rows = []
    for month in months:
        days = ((month + dt.timedelta(days=32)).replace(day=1) - month).days
        for name, many in (("rounds_152", per_day * days), ("containers", per_day * days / 10)):
            rows += [
                {"draw": d, "month": month, "stream": "sea", "commodity": name, "quantity": many} for d in range(draws)
            ]
    return tables.CARGO.build(rows)


def no_claims() -> pa.Table:
    return tables.TABLES["claims"].empty()


def answers(made: dict[str, pa.Table]) -> dict[str, float]:
    return {r["answer"]: r["median"] for r in made["front_answers"].to_pylist()}


@pytest.fixture
def on_paper(tmp_path: Path) -> dict[str, pa.Table]:
    settled, faults = read(tmp_path)
    assert not faults.items
    return front(cargo(), settled, no_claims(), (dt.date(2023, 1, 1), dt.date(2023, 3, 12)), seed=1)


def test_the_day_a_stock_is_gone(on_paper: dict[str, pa.Table]) -> None:
    # 7,000 rounds, 100 a day more fired than made: 70 days.
    assert answers(on_paper)["days_until_empty: stop"] == pytest.approx(70.0)
    weeks = on_paper["front"].filter(pc.equal(on_paper["front"]["scenario"], "without")).to_pylist()
    assert [round(w["stock_median"]) for w in weeks[:11]] == [6300 - 700 * n for n in range(10)] + [0]
    assert [round(w["fired_median"]) for w in weeks[8:12]] == [200, 200, 100, 100]


def test_with_the_shipments_it_lasts_twice_as_long(tmp_path: Path) -> None:
    settled, _ = read(tmp_path)
    made = front(cargo(), settled, no_claims(), PERIOD, seed=1)
    weeks = made["front"].filter(pc.equal(made["front"]["scenario"], "with"))
    russia = weeks.filter(pc.equal(weeks["side"], "RUS")).to_pylist()
    # 50 a day more fired than comes in: 140 days, twenty weeks; then fire falls to what comes in, 150 a day.
    assert [round(w["fired_median"]) for w in russia[18:22]] == [200, 200, 150, 150]
    assert round(russia[19]["stock_median"]) == 0


def test_fire_bought_and_share_over_ten_weeks(on_paper: dict[str, pa.Table]) -> None:
    found = answers(on_paper)
    assert found["usable_rounds_arrived"] == pytest.approx(3500)
    assert found["days_of_fire_bought"] == pytest.approx(3500 / 200)
    assert found["share_of_russian_fire"] == pytest.approx(50 / 200)
    assert found["fire_ratio_with"] == pytest.approx(200 / 40)
    assert found["voyage_rounds"] == pytest.approx(100)
    assert found["voyage_days_of_fire"] == pytest.approx(0.5)
    assert found["voyage_days_of_ukrainian_fire"] == pytest.approx(2.5)


def test_an_unchanged_scenario_differs_by_exactly_nothing(on_paper: dict[str, pa.Table]) -> None:
    totals = on_paper["front_totals"]
    same = totals.filter(pc.equal(totals["answer"].cast(pa.string()), "fire_lost_in_a_year: same"))
    assert set(same["value"].to_pylist()) == {0.0}


def test_mixed_stocks_are_fired_in_proportion() -> None:
    one = np.ones((1, 1))
    # 300 own rounds in stock and 100 foreign arrive: a quarter of what is fired is foreign.
    run = simulate(0 * one, 100 * one, 40 * one, {}, *(np.array([x]) for x in (300.0, 0.0, 1.0, 0.0)))
    assert run.fired_origin[0, 0] == pytest.approx(10)
    # A reserve of 200 own rounds is never issued: then half is foreign.
    run = simulate(0 * one, 100 * one, 40 * one, {}, *(np.array([x]) for x in (300.0, 200.0, 1.0, 0.0)))
    assert run.fired_origin[0, 0] == pytest.approx(20)


def test_spare_stock_is_rationed() -> None:
    one = np.ones((1, 1))
    run = simulate(10 * one, 0 * one, 999 * one, {}, *(np.array([x]) for x in (500.0, 100.0, 4.0, 0.0)))
    assert run.fired[0, 0] == 10 + (500 - 100) / 4


def test_a_strike_takes_rounds_once_and_its_share_of_foreign_ones() -> None:
    one = np.ones((2, 1))
    strike = {0: (np.array([50.0]), np.array([20.0]))}
    run = simulate(0 * one, 30 * one, 0 * one, strike, *(np.array([x]) for x in (100.0, 0.0, 1.0, 0.0)))
    assert run.stock[:, 0].tolist() == [80, 110]
    assert run.stock_origin[:, 0].tolist() == [10, 40]


def test_tonnes_of_a_depot_become_rounds(tmp_path: Path) -> None:
    strike = """
[[loss]]
side = "RUS"
date = 2023-01-04
label = "depot"
label_ko = "탄약고"
point = 35
unit = "tonnes"
source = "s1"
"""
    settled, faults = read(tmp_path, TEXT + strike)
    assert not faults.items
    made = front(cargo(), settled, no_claims(), PERIOD, seed=1)
    # 35 tonnes at 50 kg are 700 rounds: seven days less of 100 a day.
    assert answers(made)["days_until_empty: stop"] == pytest.approx(63.0)


def test_lag_and_rework_delay_what_is_usable(tmp_path: Path) -> None:
    text = TEXT.replace("lag_days = {point = 0", "lag_days = {point = 28").replace(
        "issued_share = {point = 1", "issued_share = {point = 0.5"
    )
    text = text.replace("rework_days = {point = 0", "rework_days = {point = 14").replace(
        "reworked_share = {point = 1", "reworked_share = {point = 0.5"
    )
    settled, _ = read(tmp_path, text)
    made = front(cargo(), settled, no_claims(), (dt.date(2023, 1, 1), dt.date(2023, 3, 12)), seed=1)
    # The 1st of January is day -1. By day 70 half of 43 days' departures, and a quarter of 29 days', are usable.
    assert answers(made)["usable_rounds_arrived"] == pytest.approx(50 * (0.5 * 43 + 0.25 * 29))


def test_the_usable_share_is_that_of_the_cargo_draws(tmp_path: Path) -> None:
    text = TEXT.replace('commodities = ["rounds_152"]', 'commodities = ["rounds_152"]\nissued_from_cargo = true')
    settled, _ = read(tmp_path, text.replace("reworked_share = {point = 1", "reworked_share = {point = 0"))
    rows = [
        {"draw": d, "month": dt.date(2023, 1, 1), "stream": "sea", "commodity": name, "quantity": many}
        for name, many in (("rounds", 1000.0), ("usable_rounds", 250.0))
        for d in range(DRAWS)
    ]
    told = pa.concat_tables([cargo(), tables.CARGO.build(rows)], promote_options="permissive")
    made = front(told, settled, no_claims(), (dt.date(2023, 1, 1), dt.date(2023, 3, 12)), seed=1)
    assert answers(made)["usable_rounds_arrived"] == pytest.approx(3500 * 0.25)


def test_after_the_last_evidence_the_flow_goes_on_at_its_mean(tmp_path: Path) -> None:
    settled, _ = read(tmp_path)
    early = cargo().filter(pc.less(cargo()["month"], dt.date(2023, 4, 1)))
    made = front(early, settled, no_claims(), (dt.date(2023, 1, 1), dt.date(2023, 3, 31)), seed=1)
    weeks = made["front"].filter(pc.and_(pc.equal(made["front"]["scenario"], "with"), made["front"]["projected"]))
    russia = weeks.filter(pc.equal(weeks["side"], "RUS")).to_pylist()
    assert russia[0]["week"] == dt.date(2023, 4, 3)
    # March's 1,550 rounds in each month: 50 to 55 a day on top of 100 made.
    assert 150 <= russia[-1]["fired_median"] <= 156


def test_without_cargo_nothing_is_foreign(tmp_path: Path) -> None:
    settled, _ = read(tmp_path)
    made = front(tables.CARGO.empty(), settled, no_claims(), PERIOD, seed=1)
    assert answers(made)["share_of_russian_fire"] == 0
    assert answers(made)["fire_lost_without"] == 0


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0, 1e6), min_size=7, max_size=7),
    st.floats(1, 100),
    st.floats(0, 1),
)
def test_rounds_are_never_made_or_lost_by_the_walk(numbers: list[float], weeks: float, first: float) -> None:
    home, origin, wish, opening, reserve, lost, foreign = numbers
    one = np.ones((5, 1))
    strikes = {2: (np.array([lost]), np.array([min(foreign, lost)]))}
    run = simulate(
        home * one, origin * one, wish * one, strikes, *(np.array([x]) for x in (opening, reserve, weeks, first))
    )
    came = opening + 5 * (home + origin)
    gone = run.fired.sum() + run.stock[-1, 0]
    assert -1e-6 * (came + 1) <= came - gone <= lost * (1 + 1e-9) + 1e-6 * (came + 1)
    assert (run.fired_origin <= run.fired + 1e-6).all()
    assert (run.stock_origin <= run.stock + 1e-6 * (came + 1)).all()
    assert min(run.fired.min(), run.fired_origin.min(), run.stock.min(), run.stock_origin.min()) >= -1e-6 * (came + 1)
    assert (run.fired <= wish + 1e-9).all()


def test_quantiles_are_those_of_numpy() -> None:
    values = np.random.default_rng(1).normal(size=(7, 401))
    assert quantiles(values) == pytest.approx(np.quantile(values, [0.05, 0.5, 0.95], axis=1))


def test_a_stock_that_lasts_has_no_day() -> None:
    days = days_until_empty(np.array([[9.0], [8.0]]), np.zeros((2, 1)), np.array([10.0]))
    assert np.isnan(days[0])


def test_published_figures_are_held_against_the_walk(tmp_path: Path) -> None:
    text = TEXT + "".join(
        f'\n[[check]]\nname = "{name}"\nquantity = "origin_share"\nside = "RUS"\nstart = "2023-02"\nend = "2023-02"\n'
        f'reading = "{reading}"\nlow = {low}\nhigh = {high}\nsource = "s1"\n'
        for name, reading, low, high in (
            ("same", "about", 0.25, 0.25), ("range", "range", 0.2, 0.3), ("far", "about", 0.6, 0.6),
            ("cap", "up_to", 0.4, 0.4), ("low cap", "up_to", 0.1, 0.1), ("floor", "at_least", 0.2, 0.2),
            ("high floor", "at_least", 0.3, 0.3), ("a sector", "local", 0.6, 0.6),
        )
    )  # fmt: skip
    settled, faults = read(tmp_path, text)
    assert not faults.items
    made = front(cargo(), settled, no_claims(), PERIOD, seed=1)
    agrees = {r["check"]: r["agrees"] for r in made["front_checks"].to_pylist()}
    assert agrees == {
        "same": True, "range": True, "far": False, "cap": True, "low cap": False, "floor": True, "high floor": False,
        "a sector": True,
    }  # fmt: skip


def rate(name: str, origin: str, figure: float, reading: str = "about", month: str = "2023-02") -> str:
    return (
        f'\n[[check]]\nname = "{name}"\norigin = "{origin}"\nquantity = "fired_per_day"\nside = "RUS"\n'
        f'start = "{month}"\nend = "{month}"\nreading = "{reading}"\nlow = {figure}\nhigh = {figure}\nsource = "s1"\n'
    )


def test_sources_that_differ_are_no_exact_truth(tmp_path: Path) -> None:
    """Three sources at 1, 2 and 4 times one figure: the mean square of their log ratios, halved, is (log 2) squared."""
    plain = front(cargo(), read(tmp_path)[0], no_claims(), PERIOD, seed=1)
    fired = next(
        r["fired_median"]
        for r in plain["front"].to_pylist()
        if (r["side"], r["scenario"], r["week"]) == ("RUS", "with", dt.date(2023, 2, 13))
    )
    text = TEXT + rate("low", "a", fired / 2) + rate("same", "b", fired) + rate("high", "c", 2 * fired)
    text += rate("far", "a", 20 * fired, month="2023-03") + rate("a day", "d", 50 * fired, reading="peak")
    made = front(cargo(), read(tmp_path, text)[0], no_claims(), PERIOD, seed=1)
    rows = {r["check"]: r for r in made["front_checks"].to_pylist()}
    assert rows["same"]["spread"] == pytest.approx(2**1.6448536)
    assert {n: (r["agrees"], r["agrees_exact"]) for n, r in rows.items()} == {
        "low": (True, False), "same": (True, True), "high": (True, False), "far": (False, False), "a day": (True, True),
    }  # fmt: skip
    met = next(r for r in made["diagnostics"].to_pylist() if r["name"] == "published rates met")
    assert met["value"] == 0.75  # the peak is not counted: it says nothing of a mean
    assert "taken as exact truth 1 would" in met["text"]
    assert "weak test" in met["text"]


def test_two_figures_of_one_source_say_nothing_of_how_sources_differ(tmp_path: Path) -> None:
    text = TEXT + rate("one", "a", 100) + rate("other", "a", 900)
    made = front(cargo(), read(tmp_path, text)[0], no_claims(), PERIOD, seed=1)
    assert {r["spread"] for r in made["front_checks"].to_pylist()} == {1.0}


def test_no_input_of_najin_leans_on_a_held_out_figure(najin: Case) -> None:
    """A source of a held-out figure feeds no stock, flow or wish."""
    assert najin.front is not None
    held = {c.source for c in najin.front.check if c.held_out}
    inputs = {r.source for r in (*najin.front.stock, *najin.front.flow, *najin.front.demand)}
    assert held
    assert not held & inputs


def test_the_newest_published_figure_holds(tmp_path: Path) -> None:
    later = TEXT[TEXT.index('[[flow]]\nside = "RUS"') : TEXT.index('[[flow]]\nside = "UKR"')]
    later = later.replace("point = 100", "point = 150").replace('"2023-01-01"', '"2023-06-01"')
    guess = later.replace("point = 150", "point = 9").replace(
        'source = "s1"\npublished = "2023-06-01"', 'source = "assumption"\nwhy = "test"'
    )
    settled, faults = read(tmp_path, TEXT + later + guess)
    assert not faults.items
    made = front(cargo(), settled, no_claims(), PERIOD, seed=1)
    assert answers(made)["days_until_empty: stop"] == pytest.approx(140.0)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('point = 200\nunit = "rounds/day"', 'point = 200000\nunit = "rounds/day"', "200,000 rounds a day"),
        ('point = 200\nunit = "rounds/day"', 'point = 200\nunit = "tonnes/day"', "'tonnes/day'"),
        ('point = 7000\nunit = "rounds"', 'point = 7000\nunit = "containers"', "'containers'"),
        ('issued_share = {point = 1,', 'issued_share = {point = 70,', "share 70"),
        ('lag_days = {point = 0, unit = "days"', 'lag_days = {point = 0, unit = "weeks"', "'weeks'"),
        ('source = "s1"\npublished', 'source = "nobody"\npublished', "unknown source"),
        ('point = 200\nunit = "rounds/day"\nsource = "s1"\npublished = "2023-01-01"', 'point = 200\nunit = "rounds/day"\nsource = "s1"', "without a date"),
        ('point = 200\nunit = "rounds/day"\nsource = "s1"', 'point = 200\nunit = "rounds/day"\nsource = "assumption"', "without a reason"),
        ("first_week = 2023-01-02", "first_week = 2023-01-03", "no Monday"),
        ('name = "same"', 'name = "stop"', "is taken"),
        ("factor = 1", "factor = -1", "0.0 or more"),
        ('side = "UKR"\nkind = "reserve"', 'side = "UKR"\nkind = "opening"', "no reserve stock of UKR"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    _, faults = read(tmp_path, text)
    found = [f for f in faults.items if words in str(f)]
    assert len(found) == 1, [str(f) for f in faults.items]
    assert found[0].file == "front.toml"
    assert 1 <= found[0].line <= text.count("\n")
    if "reserve stock" not in words:
        place = text.rindex(new) if words == "is taken" else text.index(new)
        begin = text[:place].rfind("\n[") + 1
        assert text[:begin].count("\n") <= found[0].line <= text[: place + len(new)].count("\n") + 3


# --- the real case --------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2024-03-01", "2026-06-30"])
def test_najin_front_stands_as_of_a_day(najin: Case, day: str) -> None:
    as_of = dt.date.fromisoformat(day)
    case = najin.as_of(as_of)
    first, last = dt.date(2023, 8, 1), min(as_of, dt.date(2025, 12, 31))
    months = [dt.date(n // 12, n % 12 + 1, 1) for n in range(2023 * 12 + 7, last.year * 12 + last.month)]
    simulated = tables.CARGO.build(
        [
            {"draw": d, "month": m, "stream": "sea", "commodity": c, "quantity": q * (1 + d / 100)}
            for m in months
            for c, q in (("rounds_152", 80_000.0), ("rounds_122", 60_000.0), ("containers", 700.0))
            for d in range(200)
        ]
    )
    made = front(simulated, case.front, case.tables()["claims"], (first, last), seed=1)
    kept = next(r for r in made["diagnostics"].to_pylist() if r["name"] == "rounds are kept")
    assert kept["passed"]
    found = answers(made)
    assert 0 < found["share_of_russian_fire"] < 1
    assert found["fire_ratio_with"] >= found["fire_ratio_without"]
    assert all(c["start"] <= as_of for c in made["front_checks"].to_pylist())
    if day == "2026-06-30":
        assert {c.name for c in case.front.check} == {c["check"] for c in made["front_checks"].to_pylist()}
