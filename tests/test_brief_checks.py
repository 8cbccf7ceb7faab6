"""Every check that a step makes is told in plain words in the brief, in both languages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tumen
from tumen.brief.sections.checks import CHECKS, check_words
from tumen.brief.words import catalogue

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
