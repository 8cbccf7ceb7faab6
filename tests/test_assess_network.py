"""The network of trades against numbers worked on paper and against pyAgrum."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from assess_world import DAY, finding, fixed, hypothesis, model, sign
from tumen.assess import graph
from tumen.assess.evidence import Evidence, Finding, Report, findings, origin_likelihood
from tumen.assess.network import node_names, posterior
from tumen.assess.owed import chance_below
from tumen.assess.sheet import sheet
from tumen.assess.words import icd203, phia
from tumen.case.judge import Trades, jeffreys, middle
from tumen.tables import INDICATORS


def judged(trades: Trades, found: list[Finding], day: dt.date = DAY, levels: tuple = (0.5, 0.5)) -> dict[str, float]:
    values = sheet(trades).nominal()
    evidence = Evidence(found, values)
    likelihood = evidence.likelihood(evidence.depend([day]))
    out = posterior(trades, values, likelihood, np.array([levels]))
    return dict(zip(node_names(trades), out[0, 0], strict=True))


def test_two_indicators_worked_by_hand():
    # One hypothesis, prior 1/4, so prior odds 1/3. Each report depends on the facts with 0.9 x 0.8 = 0.72.
    # Seen, hit 0.6, false alarm 0.2: if false 0.72 x 0.2 + 0.28 x 0.6 = 0.312, ratio 0.6 / 0.312.
    # Looked and not seen, hit 0.5, false alarm 0.1: if true 0.5; if false 0.72 x 0.9 + 0.28 x 0.5 = 0.788.
    trades = model({"h": hypothesis(prior=fixed(0.25))}, {"one": sign(0.6, 0.2), "two": sign(0.5, 0.1)})
    found = [finding("a", "h", "one"), finding("b", "h", "two", seen=False)]
    odds = (1 / 3) * (0.6 / 0.312) * (0.5 / 0.788)
    assert odds == pytest.approx(0.40674, abs=1e-5)
    assert judged(trades, found)["h"] == pytest.approx(0.289137, abs=1e-6)
    assert judged(trades, found)["h"] == pytest.approx(odds / (1 + odds), abs=1e-12)


def test_two_press_items_of_one_origin_are_one_piece_of_evidence():
    # Prior 0.3 (odds 3/7), ratio 0.7 / 0.2 = 3.5: once 0.60; twice, as if independent, 0.84.
    trades = model({"h": hypothesis(prior=fixed(0.3))}, {"s": sign(0.7, 0.2)}, 1 - 1e-9, 1 - 1e-9)

    def table(**second):
        rows = []
        for name, more in (("first", {}), ("second", second)):
            row = dict.fromkeys([c.name for c in INDICATORS.columns])
            row |= {
                "indicator_id": name, "event_date": DAY, "published": DAY, "trade": "h", "sign": "s", "text": "t",
                "state": "seen", "direction": "supports", "strength": "moderate", "credibility": "2",
                "reliability": "B", "origin_group": "ministry", "source_id": name, "why": "w",
            }  # fmt: skip
            rows.append(row | more)
        return INDICATORS.build(rows)

    same_days = findings(table(), trades)
    retold = findings(table(repeats="first", origin_group="wire", event_date=DAY - dt.timedelta(200)), trades)
    apart = findings(table(origin_group="other ministry"), trades)
    assert [len(f) for f in (same_days, retold, apart)] == [1, 1, 2]
    assert judged(trades, same_days)["h"] == pytest.approx(0.60, abs=1e-6)
    assert judged(trades, retold)["h"] == pytest.approx(0.60, abs=1e-6)
    assert judged(trades, apart)["h"] == pytest.approx(0.84, abs=1e-6)


def test_a_retelling_adds_only_faithfulness():
    # One report passes on with 0.5; two of the same finding with 1 - 0.25 = 0.75.
    trades = model({"h": hypothesis(prior=fixed(0.5))}, {"s": sign(0.8, 0.2)}, faithful=0.5, content=0.8)
    twice = finding("a", "h", "s", reports=(Report(DAY, "B", "2"), Report(DAY, "C", "2")))
    depend = 0.75 * 0.8
    odds = 0.8 / (depend * 0.2 + (1 - depend) * 0.8)
    assert judged(trades, [twice])["h"] == pytest.approx(odds / (1 + odds))


def test_many_findings_of_one_doubtful_origin_stay_bounded():
    # Whatever an origin says, it moves odds by at most 1 / (1 - r) of its surest finding.
    trades = model({"h": hypothesis(prior=fixed(0.5))}, {"s": sign(0.9, 0.01)}, faithful=0.75, content=1 - 1e-9)
    one_origin = [finding(str(i), "h", "s", origin="same") for i in range(12)]
    own_origins = [finding(str(i), "h", "s") for i in range(12)]
    p = judged(trades, one_origin)["h"]
    assert p / (1 - p) == pytest.approx(1 / (1 - 0.75), rel=1e-6)
    assert judged(trades, own_origins)["h"] > 0.999


def test_origin_likelihood_is_the_integral_over_its_latent_number():
    rng = np.random.default_rng(3)
    depend, ratio = rng.random((5, 4, 6)), rng.random((5, 6)) * 2
    u = (np.arange(200_000) + 0.5) / 200_000
    for row, day in ((0, 0), (4, 3)):
        product = np.prod(np.where(u[:, None] < depend[row, day], ratio[row], 1.0), axis=1)
        assert origin_likelihood(depend, ratio)[row, day] == pytest.approx(product.mean(), abs=1e-4)


def test_age_halves_the_bearing_on_the_present():
    trades = model({"h": hypothesis(prior=fixed(0.5))}, {"s": sign(0.8, 0.2, half_life_days=100)}, 1 - 1e-9, 1 - 1e-9)
    narrow = sheet(trades).nominal()["signs.s.half_life_days"][0]
    assert narrow == pytest.approx(100)
    after = DAY + dt.timedelta(100)
    odds = 0.8 / (0.5 * 0.2 + 0.5 * 0.8)
    assert judged(trades, [finding("a", "h", "s")], after)["h"] == pytest.approx(odds / (1 + odds), abs=1e-6)
    late = finding("b", "h", "s", reports=(Report(after, "B", "2"),))
    assert judged(trades, [late], after)["h"] == pytest.approx(odds / (1 + odds), abs=1e-6)
    assert judged(trades, [late], after - dt.timedelta(1))["h"] == pytest.approx(0.5)


def test_a_restraint_couples_two_trades_by_hand():
    # Restraint 0.5; a and b have prior 0.5, odds times 1/9 where it binds: 0.1. a is proved (ratio 9).
    restraint = {
        "label": "r", "label_ko": "r", "definition": "d", "definition_ko": "d", "prior": fixed(0.5),
        "source": "assumption", "why": "w",
    }  # fmt: skip
    held = {"restrained_by": {"r": fixed(1 / 9)}}
    trades = model(
        {"a": hypothesis(prior=fixed(0.5), **held), "b": hypothesis(prior=fixed(0.5), **held)},
        {"s": sign(0.9, 0.1)}, 1 - 1e-12, 1 - 1e-12, restraints={"r": restraint},
    )  # fmt: skip
    binds, free = 0.5 * (0.1 * 0.9 + 0.9 * 0.1), 0.5 * (0.5 * 0.9 + 0.5 * 0.1)
    out = judged(trades, [finding("x", "a", "s")])
    assert out["r"] == pytest.approx(binds / (binds + free), abs=1e-9)
    assert out["b"] == pytest.approx((0.1 * binds + 0.5 * free) / (binds + free), abs=1e-9)
    assert out["a"] == pytest.approx((0.5 * 0.1 * 0.9 + 0.5 * 0.5 * 0.9) / (binds + free), abs=1e-9)


def test_unpaid_by_hand():
    # Base 0.6 (low) or 0.9 (high), level even; one way of repayment, live 0.4, settles with 0.5.
    trades = model(
        {
            "way": hypothesis(prior=fixed(0.4)),
            "unpaid": hypothesis(base=[fixed(0.6), fixed(0.9)], settled_by={"way": fixed(0.5)}),
        },
        {"s": sign(0.8, 0.2)}, 1 - 1e-12, 1 - 1e-12,
    )  # fmt: skip
    assert judged(trades, [])["unpaid"] == pytest.approx(0.75 * (0.6 + 0.4 * 0.5))
    # Seeing that it is unpaid makes the way less likely: P(unpaid | way) = 0.375, P(unpaid | no way) = 0.75.
    true, false = 0.375 * 0.8 + 0.625 * 0.2, 0.75 * 0.8 + 0.25 * 0.2
    seen = judged(trades, [finding("x", "unpaid", "s")])
    assert seen["way"] == pytest.approx(0.4 * true / (0.4 * true + 0.6 * false), abs=1e-9)


def random_model(rng: np.random.Generator) -> tuple[Trades, list[Finding], np.ndarray]:
    """A network with all kinds of node, and findings on any of them, several of one origin."""

    def p(low: float = 0.05, high: float = 0.95) -> list[float]:
        return fixed(float(rng.uniform(low, high)))

    def factor() -> list[float]:
        return fixed(float(np.exp(rng.normal())))

    restraints = {
        n: {"label": n, "label_ko": n, "definition": "d", "definition_ko": "d", "prior": p(), "source": "assumption",
            "why": "w"}
        for n in ("m", "b")
    }  # fmt: skip
    leaf = {"restrained_by": {"m": factor(), "b": factor()}, "raised_by_balance": [factor(), factor()]}
    hypotheses = {
        "v": hypothesis(prior=p(), **leaf),
        "c": hypothesis(prior=p()),
        "w": hypothesis(any_of=["w1", "w2", "w3"]),
        "w1": hypothesis(prior=p(), restrained_by={"m": factor()}),
        "w2": hypothesis(prior=p(), raised_by_balance=[factor(), factor()]),
        "w3": hypothesis(prior=p()),
        "unpaid": hypothesis(base=[p(), p()], settled_by={"v": p(), "w": p(), "c": p()}),
    }
    signs = {f"s{i}": sign(p()[0], p()[0], half_life_days=300) for i in range(4)}
    trades = model(hypotheses, signs, p()[0], p()[0], restraints=restraints)
    nodes = node_names(trades)
    found = []
    for number in range(14):
        reports = tuple(
            Report(DAY - dt.timedelta(int(rng.integers(0, 200))), "B", "2") for _ in range(int(rng.integers(1, 3)))
        )
        found.append(
            finding(
                f"f{number}", nodes[int(rng.integers(len(nodes)))], f"s{rng.integers(4)}", bool(rng.integers(2)),
                origin=f"o{rng.integers(3)}", event=DAY - dt.timedelta(int(rng.integers(0, 600))), reports=reports,
            )
        )  # fmt: skip
    level = float(rng.uniform())
    return trades, found, np.array([level, 1 - level])


@pytest.mark.parametrize("seed", range(8))
def test_enumeration_agrees_with_pyagrum(seed):
    trades, found, levels = random_model(np.random.default_rng(seed))
    ours = judged(trades, found, DAY, tuple(levels))
    theirs = graph.posteriors(graph.network(trades, found, sheet(trades).nominal(), DAY, levels))
    assert ours == pytest.approx(theirs, abs=1e-10)


def test_what_if_evidence_in_pyagrum():
    trades, found, levels = random_model(np.random.default_rng(1))
    made = graph.network(trades, found, sheet(trades).nominal(), DAY, levels)
    assert graph.posteriors(made, {"m": 1})["m"] == 1.0
    mixed = graph.posteriors(made)
    p = mixed["m"]
    with_m, without = graph.posteriors(made, {"m": 1})["v"], graph.posteriors(made, {"m": 0})["v"]
    assert p * with_m + (1 - p) * without == pytest.approx(mixed["v"], abs=1e-10)


def test_scenarios_are_the_likelihood_with_findings_left_out():
    trades, found, _ = random_model(np.random.default_rng(2))
    evidence = Evidence(found, sheet(trades).draws(20, np.random.default_rng(0)))
    depend = evidence.depend([DAY])
    kept = (np.random.default_rng(5).random((9, len(found))) < 0.5).astype(float)
    quick = evidence.scenarios(depend, kept)
    for number, row in enumerate(kept):
        slow = evidence.likelihood(depend * row)
        for node, pair in slow.items():
            for side in (0, 1):
                assert quick[node][side][:, number] == pytest.approx(pair[side][:, 0])


def test_draws_stay_in_their_ranges_in_nine_of_ten():
    trades, _, _ = random_model(np.random.default_rng(0))
    wide = model({"h": hypothesis(prior=[0.2, 0.6])}, {"s": sign(0.5, 0.5)})
    column = sheet(wide).draws(2000, np.random.default_rng(0))["hypotheses.h.prior"]
    assert np.mean((column > 0.2) & (column < 0.6)) == pytest.approx(0.9, abs=0.002)
    assert np.median(column) == pytest.approx(middle((0.2, 0.6)), abs=1e-3)
    assert len(sheet(trades).names) == len(set(sheet(trades).names))


def test_words_of_both_yardsticks_at_their_edges():
    cases = {
        0.0: ("remote chance", "almost no chance"), 0.05: ("remote chance", "very unlikely"),
        0.074: ("remote chance", "very unlikely"), 0.075: ("highly unlikely", "very unlikely"),
        0.2: ("highly unlikely", "unlikely"), 0.225: ("unlikely", "unlikely"),
        0.45: ("realistic possibility", "roughly even chance"), 0.5: ("realistic possibility", "roughly even chance"),
        0.525: ("realistic possibility", "roughly even chance"), 0.53: ("likely", "roughly even chance"),
        0.55: ("likely", "roughly even chance"), 0.56: ("likely", "likely"), 0.78: ("highly likely", "likely"),
        0.93: ("almost certain", "very likely"), 0.96: ("almost certain", "almost certain"),
        1.0: ("almost certain", "almost certain"),
    }  # fmt: skip
    assert {p: (phia(p), icd203(p)) for p in cases} == cases
    with pytest.raises(ValueError, match="outside 0 to 1"):
        phia(1.01)


def test_baseline_range_has_the_median_in_its_middle():
    from scipy.stats import beta

    assert middle(jeffreys(0, 14)) == pytest.approx(beta(0.5, 14.5).median(), rel=1e-6)
    assert jeffreys(3, 3)[0] == pytest.approx(beta(3.5, 0.5).ppf(0.05), rel=1e-6)
    low, high = jeffreys(4, 8)
    assert low < 0.5 < high
    assert math.isclose(low, 1 - high, rel_tol=1e-9)


def test_balance_between_quantiles():
    row = {"owed_median": 4e9, "owed_low90": 1e9, "owed_high90": 12e9}
    assert chance_below(4e9, row) == pytest.approx(0.5)
    assert chance_below(12e9, row) == pytest.approx(0.95)
    assert chance_below(1e9, row) == pytest.approx(0.05)


def test_one_candour_for_all_an_origin_says_by_hand():
    """One origin on two hypotheses: apart, each stands by itself; as one, what fits on the first is heard on the second."""
    trades = model(
        {"a": hypothesis(prior=[0.5, 0.5]), "b": hypothesis(prior=[0.5, 0.5])},
        {"s": sign(0.8, 0.2)}, faithful=1 - 1e-9, content=0.5,
    )  # fmt: skip
    found = [finding("x", "a", "s", origin="o"), finding("y", "b", "s", origin="o")]
    values, levels = sheet(trades).nominal(), np.array([0.5, 0.5])
    apart = graph.posteriors(graph.network(trades, found, values, DAY, levels))
    # Seen with 0.8 if true or if the origin is blind, with 0.2 if it depends on the facts (0.5) and it is false.
    assert apart["a"] == pytest.approx(0.8 / (0.8 + 0.5 * 0.8 + 0.5 * 0.2), abs=1e-6)
    as_one = graph.posteriors(graph.network(trades, found, values, DAY, levels, one_candour=True))
    # Blind in all (0.5): 0.8 x 0.8 whatever is true. Else 0.8 or 0.2 for each.
    weight = {(a, b): 0.5 * 0.64 + 0.5 * (0.8 if a else 0.2) * (0.8 if b else 0.2) for a in (0, 1) for b in (0, 1)}
    by_hand = (weight[1, 0] + weight[1, 1]) / sum(weight.values())
    assert as_one["a"] == pytest.approx(by_hand, abs=1e-6)
    assert as_one["a"] != pytest.approx(apart["a"], abs=1e-3)
