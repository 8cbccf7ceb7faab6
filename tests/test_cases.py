"""Every case that is shipped is clean, and a second real route runs on what it has, with no code of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import tumen
from tumen.case import Case
from tumen.cli import app

CASES = Path(__file__).resolve().parents[1] / "cases"


@pytest.mark.parametrize("folder", sorted(p for p in CASES.iterdir() if p.is_dir()), ids=lambda p: p.name)
def test_a_shipped_case_has_no_fault_and_no_simulated_row(folder: Path) -> None:
    case = Case.load(folder)
    assert not case.settings.simulated
    assert not any(row.simulated for rows in (case.looks, case.sightings, case.claims) for row in rows)


def test_a_route_of_tankers_with_two_claims_is_counted_and_says_what_it_lacks(tmp_path: Path) -> None:
    study = tumen.open(CASES / "vostochny-oil", store=tmp_path)
    headline = study.headline()
    (osc,) = [c for c in study.case.claims if c.origin_group == "OSC"]
    assert headline["visits"]["low90"] >= osc.point
    assert headline["visits"]["median"] < 2 * osc.point
    assert set(headline["left_out"]) == {"weigh", "front", "account", "judge", "answer"}
    assert "containers" not in headline


def test_its_brief_speaks_of_tankers_alone(tmp_path: Path) -> None:
    words = ["brief", str(CASES / "vostochny-oil"), "--store", str(tmp_path), "--out", str(tmp_path / "out")]
    for lang in ("en", "ko"):
        done = CliRunner().invoke(app, [*words, "--lang", lang])
        assert done.exit_code == 0, done.output
        page = (tmp_path / "out" / f"brief.{lang}.html").read_text(encoding="utf-8")
        assert "Najin" not in page
        assert "43" in page
