"""The Korean brief of the real case is Korean: no English sentence stands in it, open or folded.

Every text of the page is walked, the evidence of every number included. What may stand in Latin letters is named:
names of ships, owners and places as sources have them, publishers and a document's own title, English words of
the glossary, identifiers and addresses.
"""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tumen.brief.desk import subject
from tumen.brief.told import Told
from tumen.brief.words import Words
from tumen.case import Case
from tumen.study import Study

VOID = {"meta", "link", "br", "img", "input", "hr", "wbr"}
HANGUL = re.compile("[가-힣]")
WORD = re.compile(r"[A-Za-z][A-Za-z'’]+")
# So many English words one after another are a sentence, not a name.
SENTENCE = 3
SILENT = "영문으로만 적힌"


class Texts(HTMLParser):
    """Every text that a reader can see, with the tags above it; what a screen reader says (alt, labels) too."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.above: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [v for k, v in attrs if k in ("alt", "aria-label", "title", "placeholder") and v]
        if tag not in VOID:
            self.above.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.above and self.above.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and not {"script", "style"} & set(self.above):
            self.found.append(text)


@pytest.fixture(scope="module")
def page(najin_pages: dict[str, Path]) -> str:
    return najin_pages["ko"].read_text(encoding="utf-8")


def names(case: Case) -> list[str]:
    """What the case calls by a Latin name, the longest first."""
    found = [x for s in case.sources for x in (f"{s.publisher}: {s.title}", s.title, s.publisher, s.id)]
    found += [x for v in case.vessels for x in (v.vessel, v.owner, *v.aliases) if x]
    found += [x for p in case.places for x in (p.place, *p.aliases)]
    found += [x for t in case.glossary for x in (t.en, t.ko)]
    found += [x.id for rows in (case.claims, case.indicators, case.transfers, case.looks) for x in rows]
    return sorted({x for x in found if WORD.search(x)}, key=len, reverse=True)


def english(text: str, known: re.Pattern[str]) -> str:
    """The first run of English words in a text that is no name, or nothing.

    >>> english("레이더로 본 the ship left at night", re.compile("Angara"))
    'the ship left at night'
    """
    rest = re.sub(r"https?://\S+|\b[A-Z][A-Z0-9]+(?:-[A-Z0-9]+)+\b", "\u2022", known.sub("\u2022", text))
    for run in re.findall(r"[A-Za-z][A-Za-z'’,;:\- ]*[A-Za-z]", rest):
        if len(WORD.findall(run)) >= SENTENCE:
            return str(run)
    return ""


def test_no_english_sentence_stands_in_the_korean_brief(page: str, najin_study: Study) -> None:
    reader = Texts()
    reader.feed(page)
    assert len(reader.found) > 5000
    known = re.compile("|".join(re.escape(n) for n in names(najin_study.case)))
    found = {text[:120]: run for text in dict.fromkeys(reader.found) if (run := english(text, known))}
    assert found == {}


def test_what_the_page_leaves_out_for_want_of_korean_is_little(page: str) -> None:
    """Each record that says more in English leads to its line; the rest of the page hides nothing."""
    assert page.count('<details class="why"') > 1000
    assert SILENT not in page


def test_reasons_of_prices_cards_and_signs_are_told_in_korean(page: str, najin_study: Study) -> None:
    case = najin_study.case
    price = case.prices.best_price("rounds_152", "russian_cost")
    for korean, english in (
        (price.why_ko, price.why),
        *((o.cost_note_ko, o.cost_note) for o in case.responses.options.values()),
    ):
        assert korean in page
        assert english not in page


def test_a_reason_without_korean_is_left_out_and_its_line_named(najin_study: Study) -> None:
    """As before Korean was given: no English in the page, but where it stands."""
    node = najin_study.evidence.get(najin_study.case.prices.best_price("rounds_152", "russian_cost").evidence_id)
    bare = replace(node, detail={k: v for k, v in node.detail.items() if k != "why_ko"})
    told = Told(Words("ko"), subject(najin_study.case, "ko"))
    assert "이유" in [name for name, _, _ in told.details(node)]
    assert not told.silent(node)
    assert "이유" not in [name for name, _, _ in told.details(bare)]
    assert told.silent(bare)


def test_headings_and_parts_of_the_page_hold_korean(page: str) -> None:
    for tag in ("h1", "h2", "h3", "caption", "th"):
        for text in re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", page, re.S):
            bare = re.sub(r"<[^>]+>", "", text).strip()
            assert not bare or HANGUL.search(bare), (tag, bare)
