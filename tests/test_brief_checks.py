"""Every check that a step makes is told in plain words in the brief, in both languages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import tumen
from tumen.brief.clash import CLASHES, clash
from tumen.brief.desk import subject
from tumen.brief.sections.checks import CHECKS, check_words
from tumen.brief.words import Words, catalogue
from tumen.case import Case
from tumen.case.account import check_overlaps
from tumen.case.faults import Faults

ROOMS = ("traffic", "cargo", "ledger", "assess", "sightings", "ais", "imagery")


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "7" for v in node.values)
    return None


def names() -> list[str]:
    """What the steps call their checks: the first word of a row of diagnostics, or its entry 'name'."""
    found: set[str] = set()
    for room in ROOMS:
        for path in sorted((Path(tumen.__file__).parent / room).rglob("*.py")):
            text = path.read_text("utf-8")
            if "DIAGNOSTICS" not in text and "diagnos" not in path.name:
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                    told = (
                        _text(node.args[0]) if node.func.id in ("row", "_row", "note") and len(node.args) >= 4 else None
                    )
                elif isinstance(node, ast.Dict):
                    keys = {
                        k.value: v for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)
                    }
                    told = _text(keys["name"]) if {"step", "name", "limit", "passed"} <= set(keys) else None
                else:
                    continue
                if told:
                    found.add(told)
    return sorted(found)


def test_the_steps_make_checks() -> None:
    assert len(names()) > 25


@pytest.mark.parametrize("name", names())
def test_each_check_has_plain_words(name: str) -> None:
    known = check_words(name)
    assert known is not None, f"'{name}' has no line in CHECKS and no words in words.en.yaml and words.ko.yaml"
    for lang in ("en", "ko"):
        texts = catalogue(lang)
        for part in ("name", "text"):
            assert f"check.{known[0]}.{part}" in texts


def test_no_words_are_left_over_for_a_check_that_no_step_makes() -> None:
    keys = {key for _, key, _ in CHECKS}
    for lang in ("en", "ko"):
        assert {k.split(".")[1] for k in catalogue(lang) if k.startswith("check.")} == keys


def sentences() -> list[str]:
    """What the steps say of rows that clash: the f-strings that they append to their lists of conflicts and remarks."""
    root, found = Path(tumen.__file__).parent, set()
    for file in ("traffic/looks.py", "traffic/totals.py", "traffic/counting.py"):
        for node in ast.walk(ast.parse((root / file).read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
                of = node.func.value
                if isinstance(of, ast.Name) and of.id in ("conflicts", "remarks", "sentences"):
                    text = _text(node.args[0])
                    assert text, ast.unparse(node)
                    # diagnose.py says of a contradiction what becomes of the name
                    found.add(text + "; the name is set aside, the ship is kept" if of.id == "sentences" else text)
    return sorted(found)


def cargo_sentences() -> list[str]:
    """Claims that the weighing cannot read, by running the reader of each on what it refuses."""
    from tumen.cargo.problem import _too_full
    from tumen.cargo.statements import _bounds

    why = [_bounds("at_least", None, None, None, 1.0), _bounds("up_to", None, None, None, 1.0)]
    why += [_bounds("range", 3.0, None, 2.0, 1.0), "its period ends 2023-01-01, before it starts 2024-01-01"]
    why += ["a value is negative or not finite"]
    why += ["reading capacity_152 needs rounds, and a munition under [claims.capacity] of loading.toml"]
    source = (Path(tumen.__file__).parent / "cargo/statements.py").read_text("utf-8")
    assert "a value is negative or not finite" in source
    unread = [f"Claim a-1 cannot be read as a statement on cargo: {w}." for w in why]
    full = [_too_full("look", "a-1", 900, "'Angara'", 700), _too_full("sighting", "a-1", 900, "a ship of 90 m", 700)]
    many = [
        f"claim a-1 puts 9,000 {what} on {by} at most 700 in any draw; expected no more than that, in the unit 'boxes'; "
        "the row is set aside"
        for what, by in (("rounds 152", "voyages whose hulls hold"), ("containers", "voyages and trains that hold"))
    ]
    return unread + [text[0].upper() + text[1:] + "." for text in full + many]


@pytest.mark.parametrize("text", [*sentences(), *cargo_sentences()])
def test_what_clashes_is_told_in_both_languages_with_the_same_numbers(text: str, najin: Case) -> None:
    """English from the template is the step's own sentence; Korean holds each of its numbers and no English word."""
    assert clash(Words("en"), subject(najin, "en"), text) == text
    told = clash(Words("ko"), subject(najin, "ko"), text)
    assert re.search("[가-힣]", told), text
    assert "/" not in re.sub(r"\[\S+\]", "", told), told
    for number in re.findall(r"(?<![\w-])\d[\d,.]*\d|(?<![\w-])\d(?![\w-])", text):
        assert number.rstrip(".,") in told or number == "0", (number, told)


def test_flows_counted_twice_and_goods_without_a_price_are_told_in_korean(najin: Case) -> None:
    about, faults = subject(najin, "ko"), Faults()
    one = najin.transfers[0]
    check_overlaps(
        [one.model_copy(update={"covers": []}), one.model_copy(update={"id": "again", "covers": []})], faults
    )
    text = "; ".join(str(f) for f in faults.items)
    assert faults.items
    assert clash(Words("en"), subject(najin, "en"), text) == text
    assert "같은 흐름을 두 번 센다" in clash(Words("ko"), about, text)
    assert clash(Words("ko"), about, "rounds_152, guns_170") == "152mm 포탄, 170mm 자주포"
    assert clash(Words("ko"), about, "a sentence that nobody knows") == ""


def test_particles_follow_the_word_before_them(najin: Case) -> None:
    ko, about = Words("ko"), subject(najin, "ko")
    text = "{} and {} contradict each other: a vessel and none in the same hour"
    assert clash(ko, about, text.format("look-11", "look-12")).startswith("look-11과 look-12가 ")
    assert clash(ko, about, text.format("look-12", "look-13")).startswith("look-12와 look-13이 ")


def test_every_template_of_a_clash_stands_in_both_languages() -> None:
    keys = {key for key, _ in CLASHES}
    for lang in ("en", "ko"):
        assert {k.split(".")[1] for k in catalogue(lang) if k.startswith("clash.")} == keys
