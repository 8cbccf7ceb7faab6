"""A simulated case end to end: written, checked, run, scored against its truth; and kept out of any real case."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import tumen
from cargo_case import PERIOD, plain
from cargo_case import voyages as hand_voyages
from tumen import tables
from tumen.cargo import weigh
from tumen.case import Case, CaseError
from tumen.case.add import add_row
from tumen.cli import app
from tumen.simulate import scenario as scenarios
from tumen.simulate.cargo import Sailing, true_cargo
from tumen.simulate.folder import scored, simulate_case

CLI = CliRunner()
SMALL = """
name = "small"
title = "three months of a small port"
about = "A short world for a test."
months = 3
seed = 4
looks = ["daily"]
cloud_share = 0.1

[[told]]
group = "MINISTRY"
quantity = "containers"
months = [2, 3]
copies = 2
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Folder and truth of a small simulated case, made by the command."""
    home = tmp_path_factory.mktemp("simulated")
    (home / "small.toml").write_text(SMALL)
    done = CLI.invoke(app, ["simulate", str(home / "small.toml"), str(home / "world")])
    assert done.exit_code == 0, done.output
    assert "SIMULATED" in done.output
    return home / "world", json.loads((home / "world-truth.json").read_text())


def test_the_command_writes_a_case_without_faults_and_the_truth_apart(small):
    folder, truth = small
    case = Case.load(folder)
    assert case.settings.simulated
    assert case.inventory().startswith("SIMULATED")
    assert not any("truth" in p.name for p in folder.rglob("*"))
    assert truth["simulated"]
    assert truth["containers"] == pytest.approx(truth["containers by sea"] + truth["containers by rail"])
    assert truth["voyages"] <= truth["visits"]
    assert len(truth["boxes_of_voyages"]) == truth["voyages"]
    assert sum(c.independence == "derived" for c in case.claims) == 2


def test_every_file_and_row_says_that_it_is_simulated(small):
    folder, _ = small
    case = Case.load(folder)
    assert all(r.simulated for r in [*case.looks, *case.sightings, *case.claims, *case.sources])
    for file in folder.iterdir():
        text = file.read_text().lower()
        assert "simulated" in text or "invented" in text, file.name


def test_run_and_score_against_the_truth(small, tmp_path):
    folder, truth = small
    study = tumen.open(folder, store=tmp_path)
    headline = study.headline()
    assert headline["simulated"]
    rows = {r["figure"]: r for r in scored(headline, truth)}
    assert set(rows) == {"visits", "voyages", "containers", "rounds"}
    assert rows["visits"]["inside90"]
    # Of the cargo this one world need not lie inside; a factor of four either way would be a fault, not chance.
    for figure in ("containers", "rounds"):
        assert 0.25 < rows[figure]["median"] / rows[figure]["truth"] < 4
    with pytest.raises(ValueError, match="real case"):
        scored(headline | {"simulated": False}, truth)


def test_the_brief_and_the_screen_say_simulated(small, tmp_path):
    folder, _ = small
    done = CLI.invoke(app, ["run", str(folder), "--store", str(tmp_path), "--out", str(tmp_path / "brief")])
    assert done.exit_code == 0, done.output
    assert "SIMULATED" in done.output
    page = (tmp_path / "brief" / "brief.en.html").read_text()
    assert "imulated" in page.split("<main")[0] + page.split("<main")[-1][:4000]


@pytest.mark.parametrize("file", ["looks.csv", "sightings.csv", "claims.csv", "sources.yaml"])
def test_no_row_of_it_enters_a_real_case(small, tmp_path, file):
    folder, _ = small
    real = tmp_path / "real"
    shutil.copytree(folder, real, ignore=shutil.ignore_patterns(".tumen"))
    text = (real / "case.toml").read_text()
    (real / "case.toml").write_text(text.replace("simulated = true", "simulated = false"))
    with pytest.raises(CaseError) as caught:
        Case.load(real)
    assert any(f.file == file and f.field == "simulated" for f in caught.value.faults)


def test_a_simulated_row_cannot_be_added_to_a_real_case(najin, tmp_path):
    real = tmp_path / "najin"
    shutil.copytree(najin.folder, real, ignore=shutil.ignore_patterns(".tumen"))
    source = {"publisher": "p", "title": "t", "kind": "simulated", "reliability": "B", "date": "2024-05-01"}
    with pytest.raises(CaseError, match="invented"):
        add_row(real, "source", {"id": "simulated-images", "simulated": "true", **source})
    look = {"id": "simulated-1", "date": "2024-03-01", "place": "Najin", "collector": "d", "selection": "series"}
    with pytest.raises(CaseError, match="invented row"):
        add_row(real, "look", {**look, "simulated": "yes", "source": najin.sources[0].id})
    (real / "ais").mkdir()
    (real / "ais" / "simulated-positions.csv").write_text("")
    with pytest.raises(CaseError, match="invented archive"):
        Case.load(real)


def test_the_same_seed_gives_the_same_world_and_another_another(tmp_path):
    (tmp_path / "s.toml").write_text(SMALL)
    made = scenarios.read(str(tmp_path / "s.toml"))
    a, b, c = (
        simulate_case(made, tmp_path / n, tmp_path / f"{n}.json", seed) for n, seed in (("a", 4), ("b", 4), ("c", 5))
    )
    assert a == b
    assert a["calls"] != c["calls"]
    for name in ("looks.csv", "claims.csv"):
        assert (tmp_path / "a" / name).read_text() == (tmp_path / "b" / name).read_text()


def test_a_world_of_which_nothing_is_told_is_a_case_too(tmp_path):
    (tmp_path / "s.toml").write_text(SMALL.split("[[told]]")[0])
    simulate_case(scenarios.read(str(tmp_path / "s.toml")), tmp_path / "c", tmp_path / "t.json")
    assert Case.load(tmp_path / "c").claims == []


def test_what_stands_there_is_not_written_over(small, tmp_path):
    folder, _ = small
    made = scenarios.read("sparse")
    with pytest.raises(CaseError, match="not empty"):
        simulate_case(made, folder, tmp_path / "t.json")
    with pytest.raises(CaseError, match="lies in the case"):
        simulate_case(made, tmp_path / "x", tmp_path / "x" / "truth.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SMALL.replace("months = 3", "months = 40"), "months"),
        (SMALL.replace('"daily"', '"nightly"'), "looks"),
        (SMALL.replace("[2, 3]", "[2, 9]"), "1 to 3"),
        (SMALL + "colour = 1\n", "unknown field"),
    ],
)
def test_a_faulty_scenario_is_named_with_its_field(tmp_path, text, words):
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(CaseError) as caught:
        scenarios.read(str(tmp_path / "bad.toml"))
    assert words in str(caught.value)
    assert "bad.toml:" in str(caught.value)


def test_an_unknown_scenario_names_the_known_ones(tmp_path):
    done = CLI.invoke(app, ["simulate", "nonesuch", str(tmp_path / "x")])
    assert done.exit_code != 0
    assert "watched" in str(done.exception)


@pytest.mark.parametrize("name", scenarios.presets())
def test_every_preset_makes_a_case_without_faults(name, tmp_path):
    truth = simulate_case(scenarios.read(name), tmp_path / "c", tmp_path / "t.json")
    case = Case.load(tmp_path / "c")
    assert case.looks
    assert truth["visits"] > 5
    made = scenarios.read(name)
    assert (tmp_path / "c" / "ais" / "simulated-positions.csv").exists() == (made.ais_share > 0)
    assert len(list((tmp_path / "c").glob("scenes/*.tif"))) == made.scenes


def test_simulated_cargo_agrees_with_the_cargo_model_where_nothing_is_uncertain():
    loading = plain()
    sailings = [Sailing(PERIOD[0], "Angara", 120.0)] * 3
    months = [PERIOD[0].replace(month=m) for m in range(1, 13)]
    made = true_cargo(sailings, months, loading, np.random.default_rng(0)).cargo.to_pylist()
    vessels = tables.VESSELS.build(
        [
            {
                "vessel": "Angara",
                "kind": "named",
                "length_m": 120.0,
                "dwt_t": 7300.0,
                "on_route": True,
                "source_ids": ["s"],
            }
        ]
    )
    nothing = (tables.LOOKS.empty(), tables.SIGHTINGS.empty(), tables.CLAIMS.empty())
    held = weigh(hand_voyages([3]), *nothing, vessels, loading, PERIOD, 1, draws=1)["cargo"].to_pylist()

    def total(rows, commodity, stream):
        return sum(r["quantity"] for r in rows if (r["commodity"], r["stream"]) == (commodity, stream))

    for commodity in ("containers", "containers_arms", "tonnes", "rounds", "usable_rounds", "rounds_152"):
        for stream in ("sea", "rail"):
            assert total(made, commodity, stream) == pytest.approx(total(held, commodity, stream)), (commodity, stream)


def test_ships_of_the_transponders_are_heard_where_they_called(tmp_path):
    truth = simulate_case(scenarios.read("transponders"), tmp_path / "c", tmp_path / "t.json")
    text = Path(tmp_path / "c" / "ais" / "simulated-positions.csv").read_text()
    assert "SIMULATED" in text
    rows = [line.split(",") for line in text.splitlines()[1:]]
    assert {r[2][:3] for r in rows} == {"999"}
    still = [r for r in rows if float(r[7]) == 0.0]
    assert still
    assert all(abs(float(r[3]) - 30.0) < 0.01 for r in still)
    assert truth["calls_with_ais"]


def test_a_case_of_ais_alone_counts_at_least_what_ais_shows(tmp_path):
    """No looks, no sightings, no scenes, no claims: the files may be absent, the visits that AIS shows are counted."""
    truth = simulate_case(scenarios.read("transponders"), tmp_path / "c", tmp_path / "t.json")
    for file in ("looks.csv", "sightings.csv", "claims.csv"):
        (tmp_path / "c" / file).unlink()
    shutil.rmtree(tmp_path / "c" / "scenes")
    study = tumen.open(tmp_path / "c", store=tmp_path / "store")
    headline = study.headline()["visits"]
    assert headline["low90"] >= len(truth["calls_with_ais"]) - 1
    assert headline["low90"] <= truth["visits"] <= headline["high90"]
