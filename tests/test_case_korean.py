"""Korean beside English in a case: what is refused, and which gaps an author is told of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tumen.case import Case, CaseError


def _copy(folder: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "case"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".tumen"))
    return copy


def _change(copy: Path, name: str, old: str, new: str) -> None:
    text = (copy / name).read_text(encoding="utf-8")
    assert text.count(old) >= 1
    (copy / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_real_case_has_no_gaps(najin_folder: Path) -> None:
    case = Case.load(najin_folder)
    assert case.settings.case.title_ko
    assert not [w for w in case.warnings if "Korean" in w]
    assert all(c.label_ko for c in case.claims)


def test_a_forgotten_row_is_named(najin_folder: Path, tmp_path: Path) -> None:
    copy = _copy(najin_folder, tmp_path)
    first = Case.load(copy).claims[0]
    assert first.label_ko
    _change(copy, "claims.csv", first.label_ko, "")
    told = [w for w in Case.load(copy).warnings if "Korean" in w]
    assert len(told) == 1
    assert told[0].startswith(f"claims.csv:{first.at.line}")
    assert "label_ko" in told[0]


def test_korean_of_nothing_is_refused(najin_folder: Path, tmp_path: Path) -> None:
    copy = _copy(najin_folder, tmp_path)
    look = next(x for x in Case.load(copy).looks if x.note_ko and "," not in (x.note or ",") and '"' not in x.note)
    _change(copy, "looks.csv", f",{look.note},", ",,")
    with pytest.raises(CaseError) as refused:
        Case.load(copy)
    assert any("looks.csv" in str(f) and "note_ko" in str(f) for f in refused.value.faults)
