"""Forms of the workbench speak Korean: what a field means, its name, the words it allows, and the knobs on priors.

The English stands in `tumen.case`, beside each field; a field that is added or reworded without its Korean fails here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

pytest.importorskip("starlette", reason="needs the web extra")

from tumen.case import Case
from tumen.web import whatif
from tumen.web.edit import ADDABLE, Editor
from tumen.web.knobs import knobs
from tumen.web.words import choice_in_korean, field_name, in_language, own, say

HANGUL = re.compile("[가-힣]")
KOREAN: dict[str, str] = {"lang": "ko"}
# Names and units that are written the same in both languages.
ALIKE = {"imo", "mmsi", "ais", "AIS", "IMO", "MMSI", "kg", "m3"}
FORMS = Path(whatif.__file__).parent / "fields.ko.yaml"


@pytest.fixture(scope="module")
def case(najin_folder: Path) -> Case:
    return Case.load(najin_folder)


def _translated(english: str) -> bool:
    return bool(HANGUL.search(in_language(english, "ko")))


@pytest.mark.parametrize("kind", ADDABLE)
def test_every_field_of_a_form_is_told_in_korean(kind: str) -> None:
    fields = Editor(Path()).fields(kind)
    assert len(fields) > 10
    assert [f.doc for f in fields if not _translated(f.doc)] == []
    assert [f.name for f in fields if f.name not in ALIKE and not HANGUL.search(field_name(KOREAN, f.name))] == []
    words = [(f.name, c) for f in fields for c in f.choices]
    assert [w for w in words if not HANGUL.search(choice_in_korean(w[1], w[0]))] == []


def test_every_value_that_can_be_supposed_is_told_in_korean(case: Case) -> None:
    values = [v for kind, record in case.records() for v in whatif.described(case, kind, record)["values"]]
    assert len(values) > 1000
    assert {v["doc"] for v in values if v["doc"] and not _translated(v["doc"])} == set()
    assert {
        v["name"] for v in values if v["name"] not in ALIKE and not HANGUL.search(field_name(KOREAN, v["name"]))
    } == set()


def test_every_knob_has_a_korean_name(case: Case) -> None:
    made = knobs(case)
    assert made
    words = {w for k in made for w in (k["group"], say(k["unit"]), *k["label"].split(": "))}
    assert {w for w in words if w not in ALIKE and not _translated(w)} == set()


def test_no_meaning_is_kept_for_a_field_that_is_gone(case: Case) -> None:
    """A reworded field leaves no old line behind."""
    known = {f.doc for kind in ADDABLE for f in Editor(Path()).fields(kind)}
    known |= {v["doc"] for kind, record in case.records() for v in whatif.described(case, kind, record)["values"]}
    kept = set(yaml.safe_load(FORMS.read_text(encoding="utf-8"))["help"])
    assert kept - known == set()


def test_notes_to_priors_come_in_korean_where_the_case_has_them(case: Case) -> None:
    made = knobs(case)
    assert all(HANGUL.search(k["why_ko"]) and not HANGUL.search(k["why"]) for k in made)
    assert own(KOREAN, made[0], "why") == made[0]["why_ko"]
    assert own({"lang": "en"}, made[0], "why") == made[0]["why"]
    assert own(KOREAN, made[0] | {"why_ko": None}, "why") == made[0]["why"], (
        "as the case has it, where it has no Korean"
    )
