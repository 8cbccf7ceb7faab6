"""Slips that an analyst makes in a real case: each is refused when the case is opened, with its file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tumen.case import Case, CaseError

SLIPS = [
    ("transfers.csv", "oil-2024,", ",barrels,", ",tonnes,", "refined_petroleum is counted in barrels"),
    ("prices.toml", 'unit = "USD/round"', "USD/", "JPY/", "no exchange rate for 2024"),
    ("prices.toml", "low = 700\n", "700", "700000", "expected low <= point <= high"),
    ("transfers.csv", "oil-2024-03-rusi,", "observed,all,,", "observed,all,oil-2024,", "circular"),
    ("prices.toml", 'derived_from = ["fnf-value', "fnf-value-of-arms-delivered-2024-10-28", "cargo:rounds_152",
     "rests on our own result"),
    ("trades.toml", "prior = [0.60, 0.90]", "0.90", "1.20", "0 < low <= high < 1"),
    ("indicators.csv", "panel-veto,", "2024-03-28", "2027-03-28", "after the as-of date 2026-06-30"),
    ("transfers.csv", "pork-2025,", "2025-06-30", "2027-06-30", "after the day of the case"),
    ("front.toml", 'published = "2024-03-11"', "2024", "2027", "after the day of the case"),
    ("front.toml", 'unit = "rounds/day"', "/day", "/hour", "rounds/day, rounds/month, rounds/year"),
    ("responses.toml", "overlap = [0.20, 0.60]", "0.60", "1.60", "0 < low <= high < 1"),
    ("responses.toml", 'condition = "p(reentry) >= 50%"', "50%", "150%", "outside 0 to 1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "line_of", "old", "new", "told"), SLIPS, ids=[f"{s[0]}: {s[4]}" for s in SLIPS])
def test_a_slip_is_refused_with_file_and_line(
    najin_folder: Path, tmp_path: Path, name: str, line_of: str, old: str, new: str, told: str
) -> None:
    copy = tmp_path / "case"
    shutil.copytree(najin_folder, copy, ignore=shutil.ignore_patterns(".tumen"))
    text = (copy / name).read_text(encoding="utf-8")
    start = text.index(f"\n{line_of}") + 1
    end = text.index("\n", start) + 1
    line = text[start:end]
    assert old in line
    (copy / name).write_text(text[:start] + line.replace(old, new, 1) + text[end:], encoding="utf-8")
    with pytest.raises(CaseError) as refused:
        Case.load(copy)
    faults = [str(f) for f in refused.value.faults]
    number = text[:start].count("\n") + 1
    # A fault of a table of TOML stands at the line of its head; it is told within a few lines.
    near = [f"{name}:{n}:" for n in range(max(1, number - 16), number + 1)]
    assert any(told in f and any(f.startswith(at) or at in f for at in near) for f in faults), faults
