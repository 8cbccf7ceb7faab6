"""Korean beside English in a case: what is refused, and which gaps an author is told of."""

from __future__ import annotations

import re
import shutil
import typing
from pathlib import Path
from typing import Any

import pytest

from tumen.case import Case, CaseError
from tumen.case.forms import MODELS, model_of
from tumen.case.record import Record


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


# Files whose reasons a Korean brief or the sliders show, and the fields that hold them.
REASONED = (
    "case.toml",
    "front.toml",
    "loading.toml",
    "places.geojson",
    "prices.toml",
    "responses.toml",
    "sources.yaml",
    "trades.toml",
)
REASON = re.compile(r"(why|reason|cost_note|note)$")


def test_every_reason_that_readers_see_has_its_korean_in_the_real_case(najin_folder: Path) -> None:
    told, silent = 0, []
    for _, record in Case.load(najin_folder).records():
        for name in type(record).model_fields:
            if record.at.file not in REASONED or not REASON.search(name) or not getattr(record, name):
                continue
            korean = getattr(record, f"{name}_ko")
            told += bool(korean and re.search("[가-힣]", korean))
            if not korean:
                silent.append((record.at.file, record.at.line, name))
    assert silent == []
    assert told > 400


def test_no_reason_lacks_a_place_for_its_korean() -> None:
    """A new field for a reason comes with its Korean twin, which may stay empty."""
    models, todo = set(), [model_of(file) for file in MODELS]
    while todo:
        model = todo.pop()
        if model not in models:
            models.add(model)
            todo += [m for info in model.model_fields.values() for m in _models(info.annotation)]
    assert len(models) > 40
    reasons = [(m, n) for m in models for n in m.model_fields if n == "reason" or n.endswith("why")]
    assert len(reasons) > 30
    assert [(m.__name__, n) for m, n in reasons if f"{n}_ko" not in m.model_fields] == []
    assert all(not m.model_fields[f"{n}_ko"].is_required() for m, n in reasons)


def _models(annotation: Any) -> list[type[Record]]:
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return [annotation]
    return [m for part in typing.get_args(annotation) for m in _models(part)]


def test_a_forgotten_reason_is_named_with_its_line_and_rows_of_another_sort_are_not(
    najin_folder: Path, tmp_path: Path
) -> None:
    copy = _copy(najin_folder, tmp_path)
    price = next(p for p in Case.load(copy).prices.price if p.why_ko)
    _change(copy, "prices.toml", f'why_ko = "{price.why_ko}"\n', "")
    told = [w for w in Case.load(copy).warnings if "Korean" in w]
    assert [w.partition(": ")[0] for w in told] == [f"prices.toml:{price.at.line}"]
    text = (copy / "responses.toml").read_text(encoding="utf-8")
    options = text.index("[options.")
    bare = re.sub(r"(?m)^(why|cost_note)_ko = .*\n", "", text[options:])
    (copy / "responses.toml").write_text(text[:options] + bare, encoding="utf-8")
    told = [w for w in Case.load(copy).warnings if "Korean" in w]
    assert not any(w.startswith("responses.toml") for w in told), "no option has Korean reasons: none was forgotten"


def test_korean_of_a_missing_reason_is_refused(najin_folder: Path, tmp_path: Path) -> None:
    copy = _copy(najin_folder, tmp_path)
    commodity = next(c for c in Case.load(copy).prices.commodity if not c.why)
    _change(copy, "prices.toml", f'label = "{commodity.label}"\n', f'label = "{commodity.label}"\nwhy_ko = "까닭"\n')
    with pytest.raises(CaseError) as refused:
        Case.load(copy)
    assert any("prices.toml" in str(f) and "why_ko" in str(f) for f in refused.value.faults)


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
