"""The house keeps its rules: floors, no forbidden words, every declared table documented."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tumen.tables import TABLES

ROOT = Path(__file__).resolve().parents[1]


def test_rooms_do_not_import_each_other() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--config", str(ROOT / "pyproject.toml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_column_is_explained(name: str) -> None:
    table = TABLES[name]
    assert table.doc.rstrip().endswith(".")
    for column in table.columns:
        assert len(column.doc) > 1, f"{name}.{column.name} says nothing of itself"


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    names = {p.stem for p in (ROOT / "src").rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def test_importing_the_package_stays_light() -> None:
    heavy = "numba,scipy,pandas,matplotlib,pyagrum,rasterio,duckdb,shapely"
    code = f"import sys, tumen, tumen.cli; print([m for m in '{heavy}'.split(',') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
