"""Answering: conditions that are read and never executed, redlines by hand, an influence diagram on paper."""

from __future__ import annotations

import contextlib
import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assess_world import LAST, World, balance, finding, model, sign
from assess_world import hypothesis as node
from tumen.assess import answer, answers
from tumen.assess.answers import diagram, solve
from tumen.assess.evidence import Report
from tumen.assess.redlines import World as RedlineWorld
from tumen.assess.redlines import table, truth
from tumen.assess.utility import Scale
from tumen.case.expression import ExpressionError, parse
from tumen.case.judge import Redline, Responses, open_by

DAYS = [dt.date(2024, 1, 1), dt.date(2024, 2, 1), dt.date(2024, 3, 1)]


@pytest.fixture(scope="module")
def world(najin):
    return World(najin)


def answered(world: World, day: dt.date) -> dict:
    then = world.case.as_of(day)
    tables = then.tables()
    return answer(world.at(day), balance(day), tables["indicators"], world.trades, then.responses, tables["sources"],
                  day, 7)  # fmt: skip


# --- conditions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the end"),
        ("p(veto)", "the end"),
        ("p(veto) >= 1.5", "outside 0 to 1"),
        ("p(veto) => 0.5", "cannot be read"),
        ("p(veto) >= half", "where a number should be"),
        ("p(veto) >= 0.5 or", "the end"),
        ("(p(veto) >= 0.5", "where ) should be"),
        ("p(veto) >= 0.5 p(cash) > 0.1", "after the end"),
        ("__import__('os').system('ls')", "cannot be read"),
        ("exec(veto) > 0.5", "'exec' where one of"),
        ("p(a) > 0.1 and " * 60 + "p(a) > 0.1", "more than 500"),
        ("(" * 40 + "p(a) > 0.1" + ")" * 40, "too many brackets"),
        ("not " * 60 + "p(a) > 0.1", "too many brackets"),
    ],
)
def test_what_is_no_condition_is_refused(text, told):
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert told in str(error.value)


@given(st.text(alphabet="p()notandorseen<>=0.5%_ veto\n", max_size=60) | st.text(max_size=40))
def test_no_text_makes_the_reader_fall(text):
    with contextlib.suppress(ExpressionError):
        parse(text)


def redline_world(**series) -> RedlineWorld:
    trades = model({"h": node(prior=[0.4, 0.6])}, {"s": sign(0.6, 0.2), "t": sign(0.6, 0.2)})
    seen = [finding("f", "h", "s", event=DAYS[1], reports=(Report(DAYS[1], "B", "2"), Report(DAYS[2], "B", "2")))]
    probability = {n: np.array(v, dtype=float) for n, v in series.items()}
    return RedlineWorld(DAYS, probability, None, trades.balance, [{"indicator_id": "f", "published": DAYS[1]}], seen)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("p(a) >= 0.5", True),
        ("p(a) < 0.5", False),
        ("owed() > 1e9", None),
        ("p(a) >= 0.5 or owed() > 1e9", True),
        ("p(a) < 0.5 or owed() > 1e9", None),
        ("p(a) < 0.5 and owed() > 1e9", False),
        ("p(a) >= 0.5 and owed() > 1e9", None),
        ("not owed() > 1e9", None),
        ("not p(a) < 0.5", True),
        ("seen(s) and not seen(t)", True),
        ("count(s) >= 2", False),
        ("told(f)", True),
        ("p(unknown) > 0.1", None),
    ],
)
def test_three_valued_logic(text, value):
    assert truth(parse(text), redline_world(a=[0.2, 0.4, 0.6]), 2) is value


def redline(condition: str, near: float = 0.1) -> Redline:
    words = {"label": "l", "label_ko": "l", "source": "assumption", "why": "w."}
    return Redline.model_validate({"condition": condition, "near": near, **words})


def test_redlines_by_hand():
    made = {
        "up": redline("p(a) >= 0.5"),
        "was": redline("p(b) >= 0.5", near=0.15),
        "was_far": redline("p(b) >= 0.5", near=0.05),
        "down": redline("p(b) <= 0.45"),
        "dark": redline("owed() >= 1e9"),
        "both": redline("p(a) >= 0.5 and p(b) >= 0.5", near=0.2),
        "sign": redline("seen(s)", near=0),
    }
    rows = {r["redline"]: r for r in table(made, redline_world(a=[0.2, 0.5, 0.6], b=[0.7, 0.6, 0.4])).to_pylist()}
    assert (rows["up"]["state"], rows["up"]["crossed_on"]) == ("crossed", DAYS[1])
    assert rows["up"]["margin"] == pytest.approx(-0.1)
    assert (rows["was"]["state"], rows["was"]["crossed_on"]) == ("near", DAYS[0])
    assert "held from 2024-01-01 to 2024-02-01" in rows["was"]["why"]
    assert rows["was"]["margin"] == pytest.approx(0.1)
    assert rows["was_far"]["state"] == "open"
    assert (rows["down"]["state"], rows["down"]["margin"]) == ("crossed", pytest.approx(-0.05))
    assert (rows["dark"]["state"], rows["dark"]["value"], rows["dark"]["margin"]) == ("cannot_tell", None, None)
    # The condition that is further from holding decides the margin of an `and`.
    assert (rows["both"]["state"], rows["both"]["value"]) == ("near", pytest.approx(0.4))
    assert rows["both"]["crossed_on"] == DAYS[1]
    assert (rows["sign"]["state"], rows["sign"]["crossed_on"], rows["sign"]["limit"]) == ("crossed", DAYS[1], None)


# --- the influence diagram --------------------------------------------------------------------------------


def responses(**more) -> Responses:
    def option(effect: dict, cost: float, **fields) -> dict:
        words = dict.fromkeys(("label", "label_ko", "text", "text_ko", "cost_note", "why"), "w")
        return {
            **words, "card": "cost_imposition", "effect": {t: [e, e] for t, e in effect.items()}, "cost": [cost, cost],
            "cost_word": "low", "delay_days": [500, 500], "who_must_agree": ["x"], "agreed": [0.8, 0.8],
            "source": "assumption", **fields,
        }  # fmt: skip

    data = {
        "utility": {"horizon_days": 1000, "harm": {"a": [100, 100], "b": [50, 50]}, "source": "assumption", "why": "w"},
        "options": {"one": option({"a": 0.5}, 10), "two": option({"a": 0.25, "b": 0.5}, 5)},
        "packages": {
            "first": {"label": "f", "label_ko": "f", "options": ["one"]},
            "both": {"label": "b", "label_ko": "b", "options": ["one", "two"]},
        },
        **more,
    }  # fmt: skip
    return Responses.model_validate(data)


def test_influence_diagram_on_paper():
    # Each option acts with 0.8 x (1 - 500/1000) = 0.4. P(a) = 0.6, P(b) = 0.2.
    # first: 100 x 0.6 x 0.5 x 0.4 - 10 x 0.8 = 12 - 8 = 4.
    # both:  a is left (1 - 0.2)(1 - 0.1) = 0.72, so 100 x 0.6 x 0.28 = 16.8; b: 50 x 0.2 x 0.2 = 2;
    #        cost (10 + 5) x 0.8 = 12; together 6.8.
    scale = Scale(responses())
    p = {"a": 0.6, "b": 0.2}
    best, utilities = solve(diagram(scale, p), list(scale.packages))
    assert utilities == pytest.approx({"nothing": 0.0, "first": 4.0, "both": 6.8})
    assert best == "both"
    gain, cost = scale.nominal()
    assert gain @ [0.6, 0.2] - cost == pytest.approx([0.0, 4.0, 6.8])
    best, _ = solve(diagram(scale, {"a": 0.05, "b": 0.05}), list(scale.packages))
    assert best == "nothing"


def test_without_packages_each_option_is_one():
    assert Scale(responses(packages={})).packages == {"nothing": [], "one": ["one"], "two": ["two"]}


def test_every_set_of_options_is_weighed():
    scale = Scale(responses())
    member, middle = scale.subsets(), scale.sheet.nominal()
    net = sorted((scale.gain(member, middle) @ [0.6, 0.2] - scale.cost(member, middle))[0])
    # nothing 0, one 4, two 100 x 0.6 x 0.1 + 2 - 4 = 4, both 6.8
    assert net == pytest.approx([0.0, 4.0, 4.0, 6.8])


def with_utility(**more) -> Responses:
    data = responses().model_dump()
    data["utility"] |= more
    return Responses.model_validate(data)


def test_overlap_crowding_and_budget_on_paper():
    # On a, option one takes 0.5 x 0.4 = 0.2 and is the stronger; two takes 0.1, of which half is done already:
    # left (1 - 0.2)(1 - 0.05) = 0.76, so 100 x 0.6 x 0.24 = 14.4 instead of 16.8; on b two acts alone: 2.
    scale = Scale(with_utility(overlap=[0.5, 0.5]))
    gain, cost = scale.nominal()
    assert gain @ [0.6, 0.2] == pytest.approx([0.0, 12.0, 16.4])
    assert cost == pytest.approx([0.0, 8.0, 12.0])
    # Both need x: each pair adds a tenth of the mean of their costs of 8 and 4, twice: 0.1 x (8 + 4) / 2 = 0.6.
    _, cost = Scale(with_utility(crowding=[0.1, 0.1])).nominal()
    assert cost == pytest.approx([0.0, 8.0, 12.6])
    # Ten points buy the first package and not both, which then is as doing nothing.
    scale = Scale(with_utility(budget=[10, 10]))
    best, utilities = solve(diagram(scale, {"a": 0.6, "b": 0.2}), list(scale.packages))
    assert (best, utilities["both"]) == ("first", pytest.approx(0.0))


def test_frontier_by_hand():
    # Costs 0, 4, 8, 12 and gains 0, 8, 12, 18.8 of nothing, two, one and both: each dearer one gains more.
    made = frontier(responses(), {"a": 0.6, "b": 0.2})
    assert [(r["options"], r["package"]) for r in made] == [
        ([], "nothing"), (["two"], None), (["one"], "first"), (["one", "two"], "both"),
    ]  # fmt: skip
    assert [r["cost"] for r in made] == pytest.approx([0, 4, 8, 12])
    assert [r["gain"] for r in made] == pytest.approx([0, 8, 12, 18.8])
    assert [r["gain_per_point"] for r in made[1:]] == pytest.approx([2, 1, 1.7])
    assert (made[2]["added"], made[2]["dropped"]) == (["one"], ["two"])
    # Were b certain, two would gain 6 + 10 = 16 for 4 points, and one alone (12 for 8) no longer pays.
    made = frontier(responses(), {"a": 0.6, "b": 1.0})
    assert [r["options"] for r in made] == [[], ["two"], ["one", "two"]]


def frontier(case: Responses, p: dict[str, float]) -> list[dict]:
    scale = Scale(case)
    draws = np.array([[p[t] for t in scale.trades]] * 3)
    values = scale.sheet.values(np.zeros((3, len(scale.sheet.names))))
    return answers._frontier(scale, values, draws, p).to_pylist()


def test_a_package_of_everything_cheap_does_not_win_by_construction(world):
    """With room for all and no overlap it does; as the case states them it holds the first place in a part of draws."""
    bare = world.case.responses.model_copy(
        update={"utility": world.case.responses.utility.model_copy(
            update={"overlap": None, "crowding": None, "budget": None})}
    )  # fmt: skip
    tables = world.case.as_of(LAST).tables()
    share = {}
    for name, case in (("bare", bare), ("stated", world.case.responses)):
        made = answer(
            world.at(LAST), balance(LAST), tables["indicators"], world.trades, case, tables["sources"], LAST, 7
        )
        share[name] = {r["package"]: r["share_best"] for r in made["packages"].to_pylist()}
    assert share["bare"]["all_low_cost"] > 0.5 > share["stated"]["all_low_cost"]


def test_ranking_of_packages_on_the_real_case(world):
    made = answered(world, LAST)
    rows = made["packages"].to_pylist()
    assert sum(r["share_best"] for r in rows) == pytest.approx(1)
    assert [r["rank"] for r in rows] == [float(i) for i in range(1, len(rows) + 1)]
    assert all(r["regret"] >= 0 for r in rows)
    nothing = next(r for r in rows if r["package"] == "nothing")
    assert (nothing["utility"], nothing["effect_low90"], nothing["effect_high90"]) == (0, 0, 0)
    agreed = next(r for r in made["diagnostics"].to_pylist() if r["name"] == "agreement with pyAgrum")
    assert agreed["passed"]
    assert agreed["value"] < 1e-9


def test_a_reversal_really_puts_another_package_first(world):
    made = answered(world, LAST)
    scale = Scale(open_by(world.case.responses, LAST))
    now = {r["trade"]: r["nominal"] for r in world.at(LAST)["trades"].to_pylist() if r["step"] == "as_of"}
    centre, _ = scale.sheet.scales()
    names = list(scale.packages)
    checked = 0
    for row in made["reversals"].to_pylist():
        p = np.array([now[t] for t in scale.trades])
        scaled = centre[None].copy()
        kind, *rest = row["assumption"].split(".")
        if kind == "probability":
            p[scale.trades.index(rest[0])] = row["turns_at"]
        else:
            column = scale.sheet.names.index(row["assumption"])
            value = row["turns_at"]
            scaled[0, column] = np.log(value / (1 - value)) if scale.sheet.chance[column] else np.log(value)
        gain, cost = scale.rows(scale.sheet.at(scaled))
        assert names[int((gain[0] @ p - cost[0]).argmax())] == row["first_then"] != row["first_now"]
        checked += 1
    assert checked >= 1


def test_coverage_says_what_no_card_answers(world):
    rows = {r["trade"]: r for r in answered(world, LAST)["coverage"].to_pylist()}
    assert not rows["food"]["covered"]
    assert "no card answers" in rows["food"]["text"]
    assert "대응하는 카드가 없다" in rows["food"]["text_ko"]
    assert rows["submarine"]["cards"] == ["alliance_solidarity", "anti_submarine", "cost_imposition"]
    assert rows["veto"]["options"] == ["monitoring_team"]


def test_every_parent_resolves_to_a_record_of_the_case(world):
    day = dt.date(2024, 3, 1)
    known = {e.evidence_id for e in world.case.evidence()}
    made = answered(world, day) | dict(world.at(day))
    for name, one in made.items():
        for row in one.to_pylist():
            assert set(row.get("parents") or []) <= known, name


def test_options_and_their_status_as_of_a_day(world):
    early = {r["option"]: r for r in answered(world, dt.date(2024, 3, 1))["options"].to_pylist()}
    late = {r["option"]: r for r in answered(world, LAST)["options"].to_pylist()}
    assert "own_ssn" not in early
    assert early["trilateral_asw"]["status"].startswith("2022-09-30")
    assert late["trilateral_asw"]["status"].startswith("2025-09-15")
    assert {r["card"] for r in late.values()} == {
        "alliance_solidarity", "defence_industry", "anti_submarine", "cost_imposition",
    }  # fmt: skip
    assert all(r["who_must_agree"] and r["label_ko"] for r in late.values())


def test_redlines_of_the_real_case(world):
    early = {r["redline"]: r for r in answered(world, dt.date(2024, 3, 1))["redlines"].to_pylist()}
    late = {r["redline"]: r for r in answered(world, LAST)["redlines"].to_pylist()}
    assert early["monitoring_ended"]["state"] == "open"
    assert (late["monitoring_ended"]["state"], late["monitoring_ended"]["crossed_on"]) == (
        "crossed", dt.date(2024, 3, 28),
    )  # fmt: skip
    assert late["reentry_help"]["state"] == "open"
    assert all(r["why"] and r["why_ko"] for r in late.values())
    without = world.case.as_of(LAST).tables()
    dark = answer(world.at(LAST), None, without["indicators"], world.trades, world.case.responses, None, LAST, 7)
    assert next(r for r in dark["redlines"].to_pylist() if r["redline"] == "debt")["state"] == "cannot_tell"
