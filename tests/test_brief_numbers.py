"""Every number in the text of a brief leads to evidence: read by another eye than the program's, and by trying to break it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest

from brief_world import World, about
from tumen.brief import BriefError, make_brief
from tumen.brief import blocks as b
from tumen.brief.bare import bare
from tumen.brief.make import compose
from tumen.brief.page import page
from tumen.brief.told import Told
from tumen.brief.trace import Trace
from tumen.brief.words import Words

LANGS = ("en", "ko")
# What may stand without evidence, by the test's own reckoning.
FURNITURE = {"header", "nav", "footer", "style", "script", "title", "desc"}
RECORDS = {"evidence", "sources", "glossary"}
EXCUSED = {"axis", "term"}
DATED = re.compile(
    r"(\d{1,2} )?(January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)( \d{4})?|\d{4}년( \d{1,2}월( \d{1,2}일)?)?|\d{1,2}월( \d{1,2}일)?"
    r"|\d{4}\. \d{1,2}\.(~(\d{4}\. )?\d{1,2}\.)?|\b20\d\d\b"
)
NAMED = re.compile(r"\b1[25]2 ?mm\b|[A-Za-z][\w-]*\d\w*")


class Reader(HTMLParser):
    """Text nodes with digits, and the attributes of every element that they stand in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.numbers: list[tuple[str, list[tuple[str, dict[str, str | None]]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "img", "input", "link", "hr"):
            self.open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if re.search(r"\d", data):
            self.numbers.append((data, list(self.open)))


def brief(world: World, lang: str, **tables: pa.Table | None) -> tuple[b.Brief, Trace, Words]:
    words, trace = Words(lang), Trace(world.evidence)
    given = {k: v for k, v in {**world.tables, **tables}.items() if v is not None}
    return compose(given, about(lang), words, trace, world.made_by()), trace, words


@pytest.mark.parametrize("lang", LANGS)
def test_every_number_stands_in_an_element_that_leads_to_evidence(lang: str) -> None:
    reader = Reader()
    made, trace, words = brief(World(), lang)
    text = page(made, trace, words, Told(words, about(words.lang)), "0")
    reader.feed(text)
    ids = set(re.findall(r'\sid="([^"]*)"', text))
    proven = 0
    for words_around, elements in reader.numbers:
        tags = {tag for tag, _ in elements}
        classes = {c for _, a in elements for c in (a.get("class") or "").split()}
        if tags & FURNITURE or classes & EXCUSED or {a.get("id") for _, a in elements} & RECORDS:
            continue
        if any(c.startswith("simulated-") for c in classes) or any("data-own" in a for _, a in elements):
            continue
        why = next(
            (a.get("data-why") or a.get("data-from") for _, a in elements if {"data-why", "data-from"} & set(a)), None
        )
        if why:
            assert f"why-{why}" in ids
            proven += 1
            continue
        left = NAMED.sub("", DATED.sub("", words_around))
        assert not re.search(r"\d", left), f"bare: {words_around!r}"
    assert proven > 190


def test_a_figure_shows_its_interval_beside_it() -> None:
    made, trace, words = brief(World(), "en")
    text = page(made, trace, words, Told(words, about(words.lang)), "0")
    for figure in ("owed_usd", "value_usd", "rounds", "voyages"):
        row = next(r for r in World().tables["headline"].to_pylist() if r["figure"] == figure)
        shown = words.number(row["median"], row["unit"], "x", row["low90"], row["high90"])
        found = re.findall(rf"<data [^>]*>{re.escape(shown.shown)}</data></a>(.{{0,60}})", text)
        assert found, figure
        assert any('class="interval"' in after for after in found), figure


def _first(made: b.Brief, kind: type) -> tuple[int, int]:
    return next((i, j) for i, s in enumerate(made.sections) for j, x in enumerate(s.blocks) if isinstance(x, kind))


def _with(made: b.Brief, kind: type, change: Callable[[b.Block], b.Block]) -> b.Brief:
    i, j = _first(made, kind)
    blocks = list(made.sections[i].blocks)
    blocks[j] = change(blocks[j])
    sections = list(made.sections)
    sections[i] = replace(sections[i], blocks=tuple(blocks))
    return replace(made, sections=tuple(sections))


BARE = (b.Text("87"),)
BREAKS: dict[str, tuple[type, Callable]] = {
    "a paragraph": (b.Para, lambda x: replace(x, spans=(*x.spans, b.Text(" 87 voyages")))),
    "a paragraph in Korean": (b.Para, lambda x: replace(x, spans=(*x.spans, b.Text("87항차")))),
    "a number that leans on a word": (b.Para, lambda x: replace(x, spans=(b.Text("cost.87"),))),
    "a share": (b.Para, lambda x: replace(x, spans=(b.Text("about 40% of it"),))),
    "money": (b.Para, lambda x: replace(x, spans=(b.Text("$6.8 billion"),))),
    "money in Korean": (b.Para, lambda x: replace(x, spans=(b.Text("68억 달러"),))),
    "digits of another script": (b.Para, lambda x: replace(x, spans=(b.Text("８７"),))),
    "a number beside a date": (b.Para, lambda x: replace(x, spans=(b.Text("by 1 May 2024 there were 87"),))),
    "a number beside a calibre": (b.Para, lambda x: replace(x, spans=(b.Text("87 of 152 mm"),))),
    "emphasis": (b.Para, lambda x: replace(x, spans=(b.Text("87", strong=True),))),
    "a foreign word": (b.Para, lambda x: replace(x, spans=(b.Text("87", lang="en"),))),
    "a list": (b.Items, lambda x: replace(x, items=(*x.items, BARE))),
    "a heading": (b.Heading, lambda x: replace(x, text="87 voyages")),
    "a cell": (b.Grid, lambda x: replace(x, rows=((BARE, *x.rows[0][1:]), *x.rows[1:]))),
    "the head of a table": (b.Grid, lambda x: replace(x, head=("87", *x.head[1:]))),
    "the title of a table": (b.Grid, lambda x: replace(x, caption="The best 87")),
    "a note": (b.Grid, lambda x: replace(x, note=BARE)),
    "the title of a drawing": (b.Figure, lambda x: replace(x, title="87 voyages")),
    "the caption of a drawing": (b.Figure, lambda x: replace(x, caption=BARE)),
    "a drawing": (b.Figure, lambda x: replace(x, svg=x.svg.replace("</svg>", "<text>87</text></svg>"))),
    "a card": (b.Cards, lambda x: replace(x, cards=(("Voyages 87", *x.cards[0][1:]), *x.cards[1:]))),
    "a remark on a card": (b.Cards, lambda x: replace(x, cards=((*x.cards[0][:2], BARE), *x.cards[1:]))),
    "a notice": (b.Notice, lambda x: replace(x, title="87 checks")),
    "an item of a notice": (b.Notice, lambda x: replace(x, items=(BARE,))),
    "the text of a link": (b.Para, lambda x: replace(x, spans=(b.Link("#checks", "87 checks"),))),
}  # fmt: skip


@pytest.mark.parametrize("where", sorted(BREAKS))
def test_a_bare_number_stops_the_brief_wherever_it_stands(where: str) -> None:
    kind, change = BREAKS[where]
    made, trace, words = brief(World(), "en")
    page(made, trace, words, Told(words, about(words.lang)), "0")
    with pytest.raises(BriefError, match="has no evidence id where it stands"):
        page(_with(made, kind, change), trace, words, Told(words, about(words.lang)), "0")


def test_a_number_that_leads_to_evidence_outside_the_page_stops_the_brief() -> None:
    made, trace, words = brief(World(), "en")
    made = _with(made, b.Para, lambda x: replace(x, spans=(b.Number("87", 87.0, "not-there"),)))
    with pytest.raises(BriefError, match="not-there"):
        page(made, trace, words, Told(words, about(words.lang)), "0")


@pytest.mark.parametrize("lang", LANGS)
def test_names_that_hold_digits_are_no_figures(lang: str, tmp_path: Path) -> None:
    """A case may call a port 'Pier 4711'; every text of every table is given such a name."""
    world = World()
    keys = {
        "place",
        "origin",
        "destination",
        "scenario",
        "figure",
        "unit",
        "trade",
        "origin_group",
        "quantity",
        "reading",
        "role",
    }
    spelt = {
        "label",
        "label_ko",
        "text",
        "text_ko",
        "where",
        "where_ko",
        "when",
        "when_ko",
        "why",
        "why_ko",
        "title",
        "publisher",
        "sensor",
    }
    tables = {}
    for name, table in world.tables.items():
        for column in sorted((spelt | ({"status"} if name == "options" else set())) & set(table.column_names) - keys):
            at = table.column_names.index(column)
            if pa.types.is_string(table.schema.field(column).type):
                values = [None if v is None else f"{v} 4711" if v else v for v in table.column(column).to_pylist()]
                table = table.set_column(
                    at, table.schema.field(column), pa.array(values, table.schema.field(column).type)
                )
        tables[name] = table
    written = make_brief(tables, about(lang), world.evidence, tmp_path, lang, made_by=world.made_by(), figures=False)
    assert "4711" in written[0].read_text("utf-8")


def test_a_name_of_digits_alone_excuses_nothing() -> None:
    assert bare("<p>of 4711 rounds</p>", ["4711"]) == [("4711", "of 4711 rounds")]
    assert bare("<p>at Pier 4711</p>", ["Pier 4711"]) == []
    assert bare("<p>4711 at Pier 4711</p>", ["Pier 4711"]) == [("4711", "4711 at Pier 4711")]
