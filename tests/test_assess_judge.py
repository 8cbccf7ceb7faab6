"""Judging the real case: as of any day, with what explains it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assess_world import LAST, PERIOD, World, balance
from tumen.assess import JudgeError, ach, judge, keep, score, scoring
from tumen.assess.evidence import Evidence, findings
from tumen.assess.network import node_names, posterior
from tumen.assess.sheet import sheet
from tumen.assess.words import phia
from tumen.case import CaseError
from tumen.case.faults import Faults
from tumen.case.judge import Outcome, check_judge, indicators_table, read_indicators, read_responses, read_trades


@pytest.fixture(scope="module")
def world(najin):
    return World(najin)


def last(tables: dict) -> dict[str, dict]:
    return {r["trade"]: r for r in tables["trades"].to_pylist() if r["step"] == "as_of"}


def test_every_trade_is_judged_with_interval_and_words(world):
    rows = last(world.at(LAST))
    assert {"veto", "submarine", "space_reentry", "far_east_ops", "unpaid", "goods", "cash"} <= set(rows)
    for row in rows.values():
        assert 0 <= row["low90"] <= row["probability"] <= row["high90"] <= 1
        assert row["word"] == phia(row["probability"])
        assert row["text_ko"]
        assert row["text"].startswith(row["label"])
    assert rows["satellite"]["part_of"] == "space_reentry"
    assert rows["space_reentry"]["probability"] >= rows["satellite"]["probability"]
    assert rows["unpaid"]["kind"] == "remainder"


def test_the_veto_of_march_2024_moves_the_veto_and_little_else(world):
    series = {(r["trade"], r["date"]): r["probability"] for r in world.at(LAST)["trades"].to_pylist()}
    before = max(d for t, d in series if t == "veto" and d < dt.date(2024, 3, 28))
    day = dt.date(2024, 3, 28)
    assert series["veto", day] - series["veto", before] > 0.25
    assert abs(series["submarine", day] - series["submarine", before]) < 0.05


def test_what_the_case_says_stays_in_sensible_bounds(world):
    early, now = last(world.at(dt.date(2024, 3, 1))), last(world.at(LAST))
    # Cover from before the trade is hardly evidence: two more blocked products move the veto by little.
    assert abs(early["veto"]["probability"] - early["veto"]["prior"]) < 0.1
    assert now["veto"]["probability"] > 0.5
    # Help with satellites is claimed by officials, help with re-entry is not.
    assert now["satellite"]["probability"] > 0.5 > 0.2 > now["reentry"]["probability"]
    assert now["submarine"]["probability"] < 0.5
    # The count of fiscal 2023 speaks against a higher tempo, that of fiscal 2024 for it.
    moved = {r["indicator_id"]: r["moved"] for r in world.at(LAST)["drivers"].to_pylist()
             if r["trade"] == "far_east_ops" and r["kind"] == "finding"}  # fmt: skip
    assert moved["scr-fy2023"] < 0 < moved["scr-fy2024"]
    assert now["goods"]["probability"] > 0.9


def test_a_later_report_changes_nothing_before_it(world, najin):
    day = dt.date(2024, 3, 1)
    indicators = najin.tables()["indicators"]
    early = indicators.filter(pc.less_equal(indicators["published"], pa.scalar(day, pa.date32())))
    again = judge(early, world.trades, balance(day), None, PERIOD, day, 7)
    assert last(again)["veto"]["probability"] == last(world.at(day))["veto"]["probability"]
    with pytest.raises(JudgeError, match="after 2024-03-01"):
        judge(indicators, world.trades, balance(day), None, PERIOD, day, 7)


def test_same_seed_same_tables_other_seed_other_draws(world):
    day = dt.date(2024, 3, 1)
    then = world.case.as_of(day).tables()
    one, two, other = (
        judge(then["indicators"], world.trades, None, then["sources"], PERIOD, day, seed) for seed in (1, 1, 2)
    )
    assert all(one[name].equals(two[name]) for name in one)
    assert not one["trade_draws"].equals(other["trade_draws"])


def test_months_news_and_the_last_day_are_all_there(world):
    rows = [r for r in world.at(LAST)["trades"].to_pylist() if r["trade"] == "veto"]
    months = [r["date"] for r in rows if r["date"].day == 1]
    assert months[0] == dt.date(2023, 8, 1)
    assert len(months) == 35
    assert rows[-1]["step"] == "as_of"
    assert dt.date(2024, 3, 28) in [r["date"] for r in rows if r["step"] == "news"]


def test_drivers_are_the_difference_that_leaving_out_makes(world, najin):
    found = findings(najin.tables()["indicators"], world.trades)
    nominal = sheet(world.trades).draws(120, np.random.default_rng([7, 0x5A]))
    kept = [f for f in found if f.id != "panel-veto"]
    evidence = Evidence(kept, nominal)
    from tumen.assess.owed import levels

    level = np.array([levels(balance(LAST), world.trades.balance, LAST)])
    without = posterior(world.trades, nominal, evidence.likelihood(evidence.depend([LAST])), level)[:, 0]
    row = next(r for r in world.at(LAST)["drivers"].to_pylist()
               if (r["trade"], r["indicator_id"]) == ("veto", "panel-veto"))  # fmt: skip
    assert row["without"] == pytest.approx(without[:, node_names(world.trades).index("veto")].mean())
    assert row["moved"] == pytest.approx(last(world.at(LAST))["veto"]["probability"] - row["without"])
    assert row["reports"] == 2


def test_no_indicator_at_all_gives_the_prior(world):
    empty = world.case.tables()["indicators"].slice(0, 0)
    out = judge(empty, world.trades, None, None, PERIOD, dt.date(2023, 9, 1), 7)
    for row in last(out).values():
        assert row["probability"] == pytest.approx(row["prior"])
    assert out["drivers"].num_rows == out["ach"].num_rows == 0


def test_network_passes_its_own_checks(world):
    assert all(r["passed"] for r in world.at(LAST)["diagnostics"].to_pylist() if r["name"] != "settings draws")


# --- the matrix of competing hypotheses ---------------------------------------------------------------


def test_matrix_goes_to_csv_and_back_exactly(world):
    made = ach.matrix(world.at(LAST)["ach"])
    text = ach.to_csv(made)
    again = ach.from_csv(text)
    assert again == made
    assert ach.to_csv(again) == text
    assert ach.scores(again).equals(world.at(LAST)["ach_scores"])
    assert ach.compare(made, made) == []


@given(
    st.lists(st.text("abcäé,\"'\n ", min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=4, unique=True),
    st.lists(st.text('xyz,"\n', min_size=1, max_size=6), min_size=1, max_size=4, unique=True),
    st.data(),
)
def test_any_matrix_goes_to_csv_and_back(hypotheses, names, data):
    cells = {(h, f): data.draw(st.sampled_from(ach.CELLS)) for h in hypotheses for f in names}
    weights = {f: data.draw(st.floats(0, 1)) for f in names}
    made = ach.Matrix(tuple(hypotheses), tuple(names), cells, weights)
    assert ach.from_csv(ach.to_csv(made)) == made


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x,a\nweight,1\nh,C\n", "line 1"),
        ("hypothesis,a\nweight,2\nh,C\n", "line 2: a: '2'"),
        ("hypothesis,a\nweight,1\nh,CCC\n", "line 3: a: 'CCC'"),
        ("hypothesis,a\nweight,1\nh,C,C\n", "line 3: 3 cells"),
        ("hypothesis,a\nweight,1\nh,C\nh,I\n", "line 4: hypothesis 'h' stands twice"),
    ],
)
def test_a_broken_matrix_is_refused_with_its_line(text, told):
    with pytest.raises(ValueError, match=told):
        ach.from_csv(text)


def test_a_matrix_saved_by_a_spreadsheet_is_read(world):
    """A row of words for the reader, semicolons, decimal commas and a byte-order mark change nothing."""
    made = ach.matrix(world.at(LAST)["ach"])
    text = ach.to_csv(made, dict.fromkeys(made.findings, "what it says, in words; with marks"))
    assert ach.from_csv(text) == made
    rows = list(csv.reader(io.StringIO(text)))
    rows[1][1:] = [w.replace(".", ",") for w in rows[1][1:]]
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows([*rows, [""] * len(rows[0])])
    assert ach.from_csv("\ufeff" + out.getvalue()) == made


def test_an_analysts_matrix_beside_the_networks(world):
    network = ach.matrix(world.at(LAST)["ach"])
    name, finding = network.hypotheses[0], network.findings[0]
    other = "II" if network.cells[name, finding] != "II" else "CC"
    mine = ach.Matrix(network.hypotheses, network.findings, {**network.cells, (name, finding): other}, network.weights)
    parted = ach.compared(mine, network, {finding: "its words"}).to_pylist()
    assert parted == [
        {"trade": name, "indicator_id": finding, "yours": other, "network": network.cells[name, finding],
         "text": "its words"}
    ]  # fmt: skip
    beside = {r["trade"]: r for r in ach.scores_beside(mine, network).to_pylist()}
    points = ach.POINTS[other] - ach.POINTS[network.cells[name, finding]]
    assert beside[name]["yours"] - beside[name]["network"] == pytest.approx(points * network.weights[finding])
    assert ach.strangers(mine, network) == []
    odd = ach.Matrix(("nobody",), (finding,), {("nobody", finding): "C"}, {finding: 1.0})
    assert ach.strangers(odd, network) == ["nobody"]


def test_inconsistency_by_hand():
    cells = {("h", "a"): "I", ("h", "b"): "II", ("h", "c"): "CC", ("g", "a"): "N", ("g", "b"): "C", ("g", "c"): "I"}
    made = ach.Matrix(("h", "g"), ("a", "b", "c"), cells, {"a": 0.5, "b": 0.25, "c": 1.0})
    rows = {r["trade"]: r for r in ach.scores(made).to_pylist()}
    assert (rows["h"]["score"], rows["h"]["weighted"], rows["h"]["inconsistent"]) == (-3.0, -1.0, 2)
    assert (rows["g"]["score"], rows["g"]["weighted"]) == (-1.0, -1.0)
    assert rows["h"]["rank"] == rows["g"]["rank"] == 1.0


# --- the devil's advocate and what to look for --------------------------------------------------------


def test_devils_advocate_turns_the_word_where_it_says(world, najin):
    from tumen.assess.owed import levels

    made = sheet(world.trades)
    evidence_of = findings(najin.tables()["indicators"], world.trades)
    level = np.array([levels(balance(LAST), world.trades.balance, LAST)])
    names = node_names(world.trades)
    rows = [r for r in world.at(LAST)["devils_advocate"].to_pylist() if r["rank"] <= 2]
    assert len(rows) > 10
    centre, _ = made.scales()
    edges = (0.075, 0.225, 0.375, 0.525, 0.775, 0.925)
    for row in rows:
        column = made.names.index(row["assumption"])
        value = row["turns_at"]
        turn = np.log(value / (1 - value)) if made.chance[column] else np.log(value)
        for share, word in ((0.9, row["word_now"]), (1.1, row["word_then"])):
            scaled = centre[None].copy()
            scaled[0, column] += share * (turn - centre[column])
            values = made.at(scaled)
            evidence = Evidence(evidence_of, values)
            out = posterior(world.trades, values, evidence.likelihood(evidence.depend([LAST])), level)
            p = float(out[0, 0, names.index(row["trade"])])
            # The turning value is read off a grid by a straight line: next to a word's edge either word may show.
            assert phia(p) == word or min(abs(p - e) for e in edges) < 0.005


def test_value_of_an_observation_is_its_mutual_information(world):
    rows = world.at(LAST)["collect"].to_pylist()
    assert [r["rank"] for r in rows] == sorted(r["rank"] for r in rows)
    now = last(world.at(LAST))
    for row in rows:
        assert row["value"] >= 0
        assert row["if_not_seen"] <= now[row["trade"]]["probability"] + 1e-9 or row["trade"] == "moscow"
        assert 0 < row["chance_seen"] < 1
        assert row["decision_value"] >= 0
    # An observation that hits and misses alike is worth nothing; a sharper one is worth more bits.
    by_name = {r["observation"]: r for r in rows}
    assert by_name["tanker_berth"]["value"] > by_name["arrears"]["value"]


def test_observations_that_lean_on_later_pages_are_not_offered(world):
    names = set(world.at(dt.date(2024, 3, 1))["collect"]["observation"].to_pylist())
    assert "boat_at_sea" not in names
    assert "second_satellite" in names


# --- scoring ----------------------------------------------------------------------------------------------


def outcome(trade: str, day: str, value: str) -> Outcome:
    return Outcome.model_validate({"trade": trade, "date": day, "outcome": value, "decided_on": day, "source_id": "s"})


def test_scores_by_hand(world):
    kept = keep(world.at(LAST)["trades"], world.trades)
    text = scoring.to_csv(kept)
    again = scoring.from_csv(text)
    columns = list(scoring.FIELDS)
    assert again.select(columns).equals(kept.select(columns))
    p = {r["trade"]: r["probability"] for r in kept.to_pylist()}
    made = score(again, [outcome("veto", "2027-01-01", "true"), outcome("cash", "2027-01-01", "false"),
                         outcome("goods", "2025-01-01", "false")])  # fmt: skip
    rows = {r["trade"]: r for r in made["scores"].to_pylist()}
    # The outcome of goods was settled before the judgement, so it scores nothing.
    assert set(rows) == {"veto", "cash", "all"}
    assert rows["all"]["brier"] == pytest.approx(((1 - p["veto"]) ** 2 + p["cash"] ** 2) / 2)
    assert rows["all"]["log_score"] == pytest.approx(-(np.log2(p["veto"]) + np.log2(1 - p["cash"])) / 2)
    assert sum(r["judgements"] for r in made["calibration"].to_pylist()) == 2


@pytest.mark.parametrize(("cell", "means"), [("TRUE", "true"), ("no", "false"), ("Yes", "true")])
def test_an_outcome_saved_by_a_spreadsheet_is_read(cell, means):
    assert outcome("veto", "2027-01-01", cell).outcome == means


def test_an_outcome_that_is_neither_is_refused():
    with pytest.raises(ValueError, match="'true' or 'false'"):
        outcome("veto", "2027-01-01", "perhaps")


def test_a_changed_definition_is_another_question(world):
    changed = world.trades.hypotheses["veto"].model_copy(update={"definition": "something else"})
    other = world.trades.model_copy(update={"hypotheses": {**world.trades.hypotheses, "veto": changed}})
    assert scoring.definition(other, "veto") != scoring.definition(world.trades, "veto")
    assert scoring.definition(other, "cash") == scoring.definition(world.trades, "cash")


@pytest.mark.parametrize("bad", ["1.2", "nan?", "-0.1"])
def test_kept_judgements_with_a_bad_probability_are_refused(bad):
    text = ",".join(scoring.FIELDS) + f"\n2026-06-30,veto,{bad},0.1,0.9,likely,x\n"
    with pytest.raises(ValueError, match="line 2"):
        scoring.from_csv(text)


# --- faults --------------------------------------------------------------------------------------------------


def faults_of(folder, **more) -> list[str]:
    from tumen.case import sources

    found = Faults()
    known = sources.read(folder / "sources.yaml", found)
    published = {s.id: s.published for s in known}
    check_judge(read_trades(folder, found), read_indicators(folder, found), read_responses(folder, found),
                published, found, published=published, **more)  # fmt: skip
    return [str(f) for f in sorted(found.items)]


@pytest.fixture
def broken(najin_folder, tmp_path):
    """A copy of the real case's judging files, and a way to break them: replaces a text, returns its line."""
    for name in ("trades.toml", "indicators.csv", "responses.toml", "sources.yaml"):
        shutil.copy(najin_folder / name, tmp_path)

    def change(name: str, old: str, new: str) -> int:
        path = tmp_path / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return text[: text.index(old)].count("\n") + 1

    change.folder = tmp_path
    return change


def test_the_real_case_is_clean(broken):
    assert faults_of(broken.folder, as_of=LAST) == []


def test_probabilities_outside_zero_to_one_are_refused(broken):
    line = broken("trades.toml", "prior = [0.20, 0.45]", "prior = [0.20, 1.45]")
    found = faults_of(broken.folder)
    assert any(f.startswith(f"trades.toml:{line}: hypotheses.veto.prior") and "0 < low <= high < 1" in f for f in found)


def test_a_redline_with_a_probability_over_one_is_refused(broken):
    line = broken("responses.toml", 'condition = "p(reentry) >= 50%"', 'condition = "p(reentry) >= 150%"')
    assert any(f"responses.toml:{line}:" in f and "outside 0 to 1" in f for f in faults_of(broken.folder))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("2024-03-28,,veto,ends", "2024-03-28,,vetoo,ends", "'vetoo' is unknown"),
        ("veto,ends_monitoring,", "veto,end_monitoring,", "perhaps ends_monitoring"),
        ("ap-veto-2024-03-28,a public vote", "ap-veto-2024,a public vote", "'ap-veto-2024' is unknown"),
        ("2024-03-28,,veto", "2024-03-29,,veto", "is after its report of 2024-03-28"),
        ("2024-03-28,,veto", "2023-03-28,,veto", "before the trade began"),
        ("seen,supports,strong,1,UNSC", "seen,contradicts,strong,1,UNSC", "likelihood ratio"),
        ("seen,supports,strong,1,UNSC", "seen,supports,weak,1,UNSC", "strong (strong from 5"),
        ("strong,1,UNSC-RECORD", "strong,7,UNSC-RECORD", "credibility"),
    ],
)
def test_a_broken_indicator_is_named_with_file_and_line(broken, old, new, told):
    text = (broken.folder / "indicators.csv").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("panel-veto,"))
    line = broken("indicators.csv", row, row.replace(old, new, 1))
    assert old in row
    assert any(f.startswith(f"indicators.csv:{line}:") and told in f for f in faults_of(broken.folder))


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("scr-fy2024", ",237\n", ",\n", "value: None"),
        ("scr-fy2024", "2025-03-31,,far", "2026-03-31,,far", "the last day of the next year"),
        ("scr-fy2024", "seen,supports,weak", "seen,contradicts,weak", "likelihood ratio of 1.1"),
        ("scr-fy2023", ",174\n", ",474\n", "likelihood ratio"),
        ("panel-veto", "칼럼 한 달 뒤,\n", "칼럼 한 달 뒤,3\n", "is no yearly count"),
    ],
)
def test_a_broken_count_is_named_with_file_and_line(broken, name, old, new, told):
    text = (broken.folder / "indicators.csv").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines(keepends=True) if line.startswith(f"{name},"))
    assert old in row
    line = broken("indicators.csv", row, row.replace(old, new, 1))
    assert any(f.startswith(f"indicators.csv:{line}:") and told in f for f in faults_of(broken.folder))


def test_evidence_dated_after_as_of_is_refused(broken):
    found = faults_of(broken.folder, as_of=dt.date(2024, 3, 1))
    assert any("indicators.csv:" in f and "after the as-of date 2024-03-01" in f for f in found)


def test_circular_derivations_are_refused(broken):
    text = (broken.folder / "indicators.csv").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("panel-veto,"))
    line = broken("indicators.csv", row, row.replace("UNSC-RECORD,,", "UNSC-RECORD,panel-lapse,", 1))
    found = faults_of(broken.folder)
    assert f"indicators.csv:{line}: repeats: circular: panel-veto -> panel-lapse -> panel-veto" in "\n".join(found)


def test_a_hypothesis_cannot_settle_itself_or_be_part_of_two(broken):
    broken("trades.toml", "settled_by = { veto", "settled_by = { unpaid = [0.1, 0.2], satellite = [0.1, 0.2], veto")
    found = "\n".join(faults_of(broken.folder))
    assert "'unpaid' would settle itself" in found
    assert "'satellite' and its whole 'space_reentry'" in found


def test_several_faults_come_together(broken):
    broken("trades.toml", 'trade = "submarine"\nsign', 'trade = "submarin"\nsign')
    broken("responses.toml", 'options = ["joint_sanctions", "monitoring_team"]', 'options = ["joint_sanction"]')
    broken("responses.toml", "p(submarine) >= 50%", "p(submarines) >= 50%")
    found = "\n".join(faults_of(broken.folder))
    for told in ("perhaps submarine", "'joint_sanction' is unknown", "'submarines' is unknown"):
        assert told in found


def test_an_unknown_name_is_told_with_those_that_exist_where_they_are_few(tmp_path):
    from tumen.case import Case
    from tumen.case.new import new_case

    folder = tmp_path / "case"
    new_case(folder)
    path = folder / "responses.toml"
    path.write_text(path.read_text("utf-8").replace("p(technology) >= 50%", "seen(inspectors_leave)"), "utf-8")
    with pytest.raises(CaseError, match="'inspectors_leave' is unknown, expected a sign: engineers_seen, tanker_calls"):
        Case.load(folder)


def test_a_case_with_a_broken_judgement_does_not_open(najin_folder, tmp_path):
    from tumen.case import Case

    folder = tmp_path / "case"
    shutil.copytree(najin_folder, folder, ignore=shutil.ignore_patterns(".tumen"))
    path = folder / "trades.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("hit = [0.20, 0.60]", "hit = [0.20, 6.0]"), "utf-8")
    with pytest.raises(CaseError, match=r"trades\.toml:\d+: signs\.ends_monitoring\.hit"):
        Case.load(folder)


def test_indicators_table_takes_day_and_grade_from_the_source(najin):
    table = indicators_table(najin.indicators, najin.tables()["sources"])
    row = next(r for r in table.to_pylist() if r["indicator_id"] == "fnf-no-cash")
    assert (row["published"], row["reliability"], row["credibility"]) == (dt.date(2025, 12, 31), "C", "3")
    assert row["parents"]
    assert table.num_rows >= 60
