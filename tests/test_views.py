"""What a changed row makes again: what heeds it and nothing else, and the present row is led to everywhere."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import tumen
from tumen import study
from tumen.cargo.statements import read as read_statements
from tumen.case import Case
from tumen.case.claims import QUANTITIES
from tumen.case.traffic_settings import TrafficSettings
from tumen.draws import number
from tumen.evidence import UnknownEvidence
from tumen.run import STEPS, Step
from tumen.study import Study
from tumen.tables import TABLES
from tumen.traffic.counting import read_cases, tie_of
from tumen.views import View, put_back, stand_in, stand_ins
from tumen.web.live import Live, State

# Tables of the count's result that hold no evidence ids: the same bytes, the same name in the store.
DRAWS = ("visits@count", "voyages@count", "forecasts@count")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("views")


def run(folder: Path, store: Path) -> tuple[Study, list[str]]:
    """The study after a run, and the steps that were computed."""
    made = tumen.open(folder, store=store)
    done: list[str] = []
    names = {s.title: s.name for s in STEPS}
    made.progress = lambda title, state: done.append(names[title]) if state == "done" else None
    made.run()
    return made, done


def change(path: Path, row: str, **cells: str) -> None:
    """Change cells of the row with an id, comments kept."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("id,"))
    names = next(csv.reader([lines[head]]))
    place = next(i for i, line in enumerate(lines) if line.startswith(f"{row},"))
    old = dict(zip(names, next(csv.reader([lines[place]])), strict=True))
    assert set(cells) <= set(names)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("\n".join(lines[:place]) + "\n")
        csv.writer(file, lineterminator="\n").writerow((old | cells).values())
        file.write("\n".join([*lines[place + 1 :], ""]))


def step(name: str) -> Step:
    return next(s for s in STEPS if s.name == name)


def test_a_claim_of_cargo_leaves_the_count_as_it_is(tmp_case: Path, store: Path) -> None:
    before, _ = run(tmp_case, store)
    change(tmp_case / "claims.csv", "ministry-containers", point="4200")
    after, done = run(tmp_case, store)
    assert "count" not in done
    assert {"weigh", "settle", "account"} <= set(done)
    kept, new = before.digests(), after.digests()
    assert all(kept[name] == new[name] for name in DRAWS)
    assert kept["cargo"] != new["cargo"]


def test_a_look_that_saw_the_other_thing_is_counted_again(tmp_case: Path, store: Path) -> None:
    before, _ = run(tmp_case, store)
    looks = [r for r in before.table("looks").to_pylist() if r["vessel_present"] is False]
    change(tmp_case / "looks.csv", looks[-1]["look_id"], vessel_present="yes")
    after, done = run(tmp_case, store)
    assert {"see", "count", "weigh", "headline"} <= set(done)
    assert before.digests()["visits@count"] != after.digests()["visits@count"]


@pytest.mark.parametrize(
    ("file", "row", "tables"),
    [
        ("claims.csv", "ministry-containers", ("claims_compared", "origins")),
        ("claims.csv", "desk-visits", ()),
        ("looks.csv", "", ("voyage_windows",)),
    ],
)
def test_a_note_moves_no_number_and_shows_everywhere(
    tmp_case: Path, store: Path, file: str, row: str, tables: tuple[str, ...]
) -> None:
    before, _ = run(tmp_case, store)
    row = row or next(r["look_ids"][-1] for r in before.table("voyage_windows").to_pylist())
    old = _record(before, row)
    change(tmp_case / file, row, note="Reworded.")
    after, done = run(tmp_case, store)
    assert set(done) <= {"see"}, "a step computed again for a note"
    new = _record(after, row)
    assert new.evidence_id != old.evidence_id
    shown = after.evidence.node(new.evidence_id)
    assert shown.detail["note"] == "Reworded."
    for name in tables:
        parents = [p for r in after.table(name).to_pylist() for p in r["parents"] or ()]
        assert new.evidence_id in parents, name
        assert old.evidence_id not in parents, name
        assert _numbers(after.table(name)) == _numbers(before.table(name))
    # Every figure leads down to the reworded row and to none that is gone.
    assert new.evidence_id in _under(after, after.why("visits").id)
    assert after.headline()["rounds"]["median"] == before.headline()["rounds"]["median"]


def test_what_stands_already_is_told_while_the_rest_is_computed(tmp_case: Path, tmp_path: Path) -> None:
    live = Live(tmp_case, store=tmp_path / "fresh")
    states: list[State] = []
    live._listeners.add(states.append)
    live.compute()
    told = [s.busy for s in states if s.busy]
    assert not any("visits" in t for t in told if t.startswith("see"))
    weighing = next(t for t in told if t.startswith("weigh"))
    assert re.search(r"so far [\d.]+ visits \([\d.]+ to [\d.]+\)$", weighing)
    judging = next(t for t in told if t.startswith("judge"))
    rounds = live.state.headline["rounds"]
    assert f"{number(rounds['median'])} rounds ({number(rounds['low90'])} to {number(rounds['high90'])})" in judging
    # What is told on the way is no answer: the version rises once, with the whole.
    assert [s.version for s in states if s.busy] == [0] * len(told)
    assert live.state.version == 1


def test_steps_side_by_side_give_what_they_give_one_by_one(
    tmp_case: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, _ = run(tmp_case, store)
    monkeypatch.setattr(study, "MOST_AT_ONCE", 1)
    alone, done = run(tmp_case, tmp_path / "alone")
    assert set(done) == {s.name for s in STEPS}
    assert alone.digests() == beside.digests()
    assert [s.step for s in alone.steps()] == [s.step for s in beside.steps()] == [s.name for s in STEPS]


def test_no_stand_in_is_left_in_a_result(tmp_case: Path, store: Path) -> None:
    made, _ = run(tmp_case, store)
    for name in made.names():
        for column in made.table(name).columns:
            if pa.types.is_string(column.type) or pa.types.is_list(column.type):
                assert not any(stand_in("", "")[:6] in str(v) for v in column.to_pylist() if v), name


def test_views_hold_all_that_the_rooms_read(najin: Case) -> None:
    tables = najin.tables()
    settings, period = najin.settings.traffic or TrafficSettings(), najin.settings.period
    count, weigh = step("count").views, step("weigh").views
    claims = _every_quantity(tables["claims"])
    looks, places, vessels = (
        count[n].of(tables[n.removeprefix("case:")], najin) for n in ("looks", "case:places", "case:vessels")
    )
    heard = count["case:claims"].of(claims, najin)
    assert 0 < heard.num_rows < claims.num_rows
    whole = read_cases(tables["looks"], claims, tables["places"], tables["vessels"], settings, period)
    part = read_cases(looks, heard, places, vessels, settings, period)
    assert [_said(c) for c in part[0]] == [_said(c) for c in whole[0]]
    assert part[1:3] == whole[1:3]
    assert repr(tie_of(part[0] * 2, part[1], heard, part[3])) == repr(tie_of(whole[0] * 2, whole[1], claims, whole[3]))
    assert najin.loading is not None
    typical, at = {"rounds": 1.0}, {"Najin"}
    weighed = weigh["case:claims"].of(claims, najin)
    assert 0 < weighed.num_rows < claims.num_rows
    assert read_statements(weighed, najin.loading, period, typical, at) == read_statements(
        claims, najin.loading, period, typical, at
    )


def _said(case: Any) -> str:
    totals = [
        {k: v for k, v in r.items() if k in ("claim_id", "vessel", "quantity", "point", "low", "high")}
        for r in case.hull_totals
    ]
    return repr((case.looks, case.evidence, totals, case.remarks, case.berths))


def _every_quantity(claims: pa.Table) -> pa.Table:
    """The claims and, for each quantity that a claim may have, one more like those of the route."""
    like = next(r for r in claims.to_pylist() if r["use"] == "evidence" and r["quantity"] == "containers")
    more = [like | {"claim_id": f"more-{q}", "quantity": q, "place": None} for q in QUANTITIES]
    return TABLES["claims"].build([*claims.to_pylist(), *more])


def test_what_a_view_leaves_out_cannot_be_read() -> None:
    table = pa.table({"look_id": ["a", "b"], "note": ["x", None], "evidence_id": ["5f", "6a"]})
    seen = View(rows=lambda t, case: pa.array([False, True])).of(table, None)
    assert seen.to_pydict() == {"look_id": ["b"], "evidence_id": ["6a"]}


def test_ids_go_and_come_back() -> None:
    table = TABLES["claims_compared"].empty().schema.empty_table().select(["claim_id", "evidence_id", "parents"])
    rows = pa.table(
        {"claim_id": ["a", "b"], "evidence_id": ["5f", None], "parents": [["6a", "5f"], None]}, schema=table.schema
    )
    made, ids = stand_ins("claims", rows)
    assert made.column("evidence_id").to_pylist() == ["id of claims#0", None]
    computed = made.set_column(2, rows.schema.field("parents"), pa.array([["id of claims#0", "other"], None]))
    back = put_back(computed, ids)
    assert back.schema == rows.schema
    assert back.to_pydict() == {"claim_id": ["a", "b"], "evidence_id": ["5f", None], "parents": [["5f", "other"], None]}
    assert put_back(computed.slice(1), ids).to_pydict()["parents"] == [None]


def _record(made: Study, row: str) -> Any:
    return next(r for _, r in made.case.records() if getattr(r, "id", None) == row)


def _numbers(table: pa.Table) -> dict[str, list[Any]]:
    return {n: table.column(n).to_pylist() for n in table.column_names if n not in ("evidence_id", "parents")}


def _under(made: Study, top: str) -> set[str]:
    """Every id under a figure; one that resolves to nothing fails the test."""
    seen: set[str] = set()
    todo = [top]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            try:
                todo += made.evidence.node(here).children
            except UnknownEvidence:  # pragma: no cover - the failure that this looks for
                pytest.fail(f"{here} leads nowhere")
    return seen
