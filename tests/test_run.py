"""The whole chain on the real case: as-of holds, every figure leads to sources, only what changed is done again."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import tumen
from tumen.case.new import new_case
from tumen.evidence import UnknownEvidence
from tumen.headline import FIGURES
from tumen.run import STEPS, RunError
from tumen.store import table_hash
from tumen.study import Study, seed_for

ROOT = Path(__file__).resolve().parents[1]
NAJIN = ROOT / "cases" / "najin"
TRADES = {"veto", "submarine", "space_reentry", "far_east_ops"}


@pytest.fixture(scope="module")
def store(chain_store: Path) -> Path:
    return chain_store


@pytest.fixture(scope="module")
def study(store: Path) -> Study:
    made = tumen.open(NAJIN, store=store)
    made.run()
    return made


@pytest.fixture(scope="module")
def headline(study: Study) -> dict[str, Any]:
    return study.headline()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "case"
    shutil.copytree(NAJIN, folder, ignore=shutil.ignore_patterns(".tumen"))
    return folder


def append_row(path: Path, **cells: str) -> None:
    with open(path, encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    with open(path, "a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, header, lineterminator="\n", restval="").writerow(cells)


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def computed(folder: Path, store: Path, **options: Any) -> tuple[Study, list[str]]:
    """Run and tell which steps were computed, not kept."""
    made = tumen.open(folder, store=store, **options)
    done: list[str] = []
    titles = {s.title: s.name for s in STEPS}
    made.progress = lambda title, state: done.append(titles[title]) if state == "done" else None
    made.run()
    return made, done


# --- the machine face -------------------------------------------------------------------


def test_the_headline_has_its_stable_keys(headline: dict[str, Any]) -> None:
    for name in FIGURES:
        figure = headline[name]
        assert {"median", "low90", "high90", "unit", "as_of", "why"} <= set(figure)
        assert figure["low90"] <= figure["median"] <= figure["high90"]
    assert set(headline["trades"]) >= TRADES
    assert all(0 <= t["probability"] <= 1 and t["word"] for t in headline["trades"].values())
    assert headline["redlines"]
    assert headline["options"]
    json.dumps(headline)


def test_unseen_visits_are_added_to_what_was_seen(study: Study, headline: dict[str, Any]) -> None:
    # OSC published at least 64 trips by four ships to March 2025 alone.
    assert headline["visits"]["high90"] > 64
    visits = study.table("visits")
    assert sum(visits.column("unseen").to_pylist()) > 0


def test_owed_is_given_less_returned_in_every_draw(study: Study) -> None:
    t = study.table("account_totals").to_pydict()
    for given, back, owed in list(zip(t["value_usd"], t["returned_usd"], t["owed_usd"], strict=True))[:2000]:
        assert owed == pytest.approx(given - back, rel=1e-9, abs=1.0)


# --- evidence ---------------------------------------------------------------------------


@pytest.mark.parametrize("figure", [*FIGURES, *sorted(TRADES)])
def test_every_figure_resolves_down_to_graded_sources(study: Study, figure: str) -> None:
    node = study.why(figure)
    sources = study.evidence.sources_under(node.id)
    assert sources, f"{figure} stands on no source"
    for name in sources:
        source = study.evidence.node(f"source:{name}")
        assert source.grade[:1] in "ABCDEF"


def test_no_id_in_a_tree_dangles(study: Study) -> None:
    seen: set[str] = set()
    todo = [study.why(f).id for f in (*FIGURES, *TRADES)]
    while todo:
        here = todo.pop()
        if here in seen:
            continue
        seen.add(here)
        todo.extend(study.evidence.node(here).children)
    assert len(seen) > 100


def test_an_unknown_figure_is_refused(study: Study) -> None:
    with pytest.raises(UnknownEvidence):
        study.why("no-such-figure")


# --- only what changed ------------------------------------------------------------------


def test_a_second_run_computes_nothing(study: Study, store: Path) -> None:
    again, done = computed(NAJIN, store)
    assert done == []
    assert again.table("headline") == study.table("headline")


def test_a_changed_indicator_does_not_count_ships_again(copy: Path, store: Path, study: Study) -> None:
    path = copy / "indicators.csv"
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")
    _, done = computed(copy, store)
    assert "judge" in done
    assert not {"count", "weigh", "account", "front"} & set(done)


def test_the_same_seed_gives_the_same_answer_in_a_fresh_store(study: Study, tmp_path: Path) -> None:
    fresh, done = computed(NAJIN, tmp_path / "fresh")
    assert set(done) == {s.name for s in STEPS}
    for name in ("visits", "cargo", "account_totals"):
        assert table_hash(fresh.table(name)) == table_hash(study.table(name))


def test_a_lost_object_is_made_again(study: Study, copy: Path, tmp_path: Path) -> None:
    first, _ = computed(copy, tmp_path / "s")
    before = first.headline()
    for path in (tmp_path / "s" / "objects").iterdir():
        path.unlink()
    after, done = computed(copy, tmp_path / "s")
    assert done
    assert after.headline() == before


# --- as of ------------------------------------------------------------------------------


def test_nothing_published_later_is_used(copy: Path, tmp_path: Path) -> None:
    before, _ = computed(copy, tmp_path / "a", as_of="2024-03-01")
    # Rows that fit the case, planted with a later day of publication; the claim is far beyond any other.
    claim = next(
        r for r in rows(copy / "claims.csv") if r["unit"] == "rounds" and r["use"] == "evidence" and r["point"]
    )
    planted = {
        "claims.csv": claim | {"point": "99000000", "period_end": "2024-02"},
        "indicators.csv": rows(copy / "indicators.csv")[0],
        "looks.csv": next(r for r in rows(copy / "looks.csv") if r["date"] < "2024-02" and not r["vessel"]),
    }
    for name, row in planted.items():
        later = {"published": "2024-06-01"} if "published" in row else {"source": "kbs-c4ads-2024-06-24"}
        append_row(copy / name, **(row | later | {"id": row["id"] + "-planted"}))
    after, _ = computed(copy, tmp_path / "b", as_of="2024-03-01")
    for name in ("headline", "trades", "balance"):
        columns = [c for c in before.table(name).column_names if c not in ("evidence_id", "parents", "why")]
        assert before.table(name).select(columns) == after.table(name).select(columns)


def test_an_earlier_day_knows_less(store: Path, headline: dict[str, Any]) -> None:
    early = tumen.open(NAJIN, as_of="2024-03-01", store=store).headline()
    assert early["as_of"] == "2024-03-01"
    assert early["rounds"]["median"] < headline["rounds"]["median"]
    assert early["trades"]["veto"]["probability"] < headline["trades"]["veto"]["probability"]


# --- broken cases leave what was stored whole ----------------------------------------------


def test_a_broken_case_leaves_the_stored_answer(copy: Path) -> None:
    _, _ = computed(copy, copy / ".tumen")
    before = {p: p.read_bytes() for p in (copy / ".tumen" / "runs").iterdir()}
    with open(copy / "looks.csv", "a", encoding="utf-8") as file:
        file.write("not,a,look\n")
    done = subprocess.run(
        [sys.executable, "-m", "tumen.cli", "run", str(copy)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "looks.csv:" in done.stderr
    assert "Traceback" not in done.stderr
    assert {p: p.read_bytes() for p in (copy / ".tumen" / "runs").iterdir()} == before


def test_seeds_differ_by_step_and_not_by_run() -> None:
    assert seed_for(1, "count") == seed_for(1, "count")
    assert len({seed_for(1, s.name) for s in STEPS} | {seed_for(2, "count")}) == len(STEPS) + 1


def test_every_table_of_the_chain_keeps_its_declared_shape(study: Study) -> None:
    from tumen.tables import TABLES

    for name in study.names():
        table = study.table(name)
        assert isinstance(table, pa.Table)
        assert table.schema.names == TABLES[name].schema.names


def test_a_brief_is_written_again_only_when_something_changed(study: Study, tmp_path: Path) -> None:
    from tumen.publish import publish

    pages = publish(study, tmp_path)
    first = pages[0].stat().st_mtime_ns
    assert publish(study, tmp_path)[0].stat().st_mtime_ns == first
    pages[0].unlink()
    assert publish(study, tmp_path)[0].exists()
    (tmp_path / ".made.json").write_text("{", encoding="utf-8")
    assert publish(study, tmp_path)[0].stat().st_mtime_ns != first


# --- a case that holds only a part --------------------------------------------------------


@pytest.fixture(scope="module")
def starter_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("starter-store")


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    new_case(tmp_path / "starter")
    return tmp_path / "starter"


PARTS = [
    (["loading.toml"], {"weigh", "front", "account"}, {"visits", "voyages"}),
    (["front.toml"], {"front"}, set(FIGURES) - {"share_of_russian_fire"}),
    (["prices.toml", "transfers.csv"], {"account"}, {"visits", "voyages", "containers", "rounds", "share_of_russian_fire"}),
    (["trades.toml", "responses.toml", "indicators.csv"], {"judge", "answer"}, set(FIGURES)),
    (["responses.toml"], {"answer"}, set(FIGURES)),
]  # fmt: skip


@pytest.mark.parametrize(("gone", "left_out", "figures"), PARTS)
def test_what_a_case_lacks_is_left_out_and_named(
    starter: Path, starter_store: Path, gone: list[str], left_out: set[str], figures: set[str]
) -> None:
    for name in gone:
        (starter / name).unlink()
    made = tumen.open(starter, store=starter_store)
    data = made.headline()
    assert set(data["left_out"]) == left_out
    assert all(".toml" in reason for reason in data["left_out"].values())
    assert {f for f in FIGURES if f in data} == figures
    assert data["simulated"]


def test_a_left_out_step_says_so_when_asked(starter: Path, starter_store: Path) -> None:
    (starter / "loading.toml").unlink()
    made = tumen.open(starter, store=starter_store)
    with pytest.raises(RunError, match=r"weigh cannot be done: loading\.toml is missing"):
        made.weigh()
    assert made.table("cargo").num_rows == 0
    assert made.why_empty("cargo") == "weigh: loading.toml is missing"
    assert made.why_empty("visits") is None
    # The worlds of the count stand as they are.
    assert table_hash(made.table("visits")) == table_hash(made.count()["visits"])
