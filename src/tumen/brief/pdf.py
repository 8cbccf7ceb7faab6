"""The brief as a PDF for A4, and its drawings as PNG, set by Typst.

Takes the same `Brief` as the page; gives bytes. Fonts come with the package (Latin and the 2,350
Hangul syllables of KS X 1001, and more); what they lack is taken from the fonts of the system.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from tumen.brief import blocks as b
from tumen.brief.figures.canvas import standalone
from tumen.brief.told import Told, step_of
from tumen.brief.trace import BriefError, Trace
from tumen.brief.words import Words

PNG_PPI = 192  # two pixels for each CSS pixel: sharp on a slide at its drawn size
MOST_SOURCES = 8
# A table of more rows than this is for looking up, and is set close.
LONG = 24
JOINER = "\u2060"  # word joiner: no line breaks here
# A table of no more columns than this is narrow.
NARROW = 3
# A table of no more rows than this stays on one page.
KEEP_TOGETHER = 6
# No more rows of a longer table than this are tied together, so that a page always takes them.
MOST_TIED = 8


def pdf(brief: b.Brief, trace: Trace, words: Words, told: Told, version: str) -> bytes:
    """The PDF. Raises `BriefError` where Typst is not installed or cannot set the text."""
    with tempfile.TemporaryDirectory(prefix="tumen-brief-") as name:
        folder = Path(name)
        for section in brief.sections:
            for block in section.blocks:
                if isinstance(block, b.Figure):
                    (folder / f"{block.name}.svg").write_text(standalone(block.svg), "utf-8")
                elif isinstance(block, b.Pictures):
                    for picture in block.pictures:
                        (folder / f"{picture.name}.png").write_bytes(picture.data)
        main = folder / "main.typ"
        main.write_text(_Setter(brief, trace, words, told, version).document(), "utf-8")
        return _typst(main, "pdf")[0]


def pictures(figures: Iterable[b.Figure], brief: b.Brief) -> list[bytes]:
    """Each drawing as PNG, with its title, on a page of its own size."""
    drawn = list(figures)
    if not drawn:
        return []
    with tempfile.TemporaryDirectory(prefix="tumen-figures-") as name:
        folder = Path(name)
        pages = []
        for figure in drawn:
            (folder / f"{figure.name}.svg").write_text(standalone(figure.svg), "utf-8")
            mark = f"#text(8pt, fill: rgb(89,98,107))[{_text(brief.simulated or brief.as_of)}]"
            pages.append(
                f"#block(width: 570pt)[#text(14pt, weight: 700)[{_text(figure.title)}]\n\n"
                f"#image({_quoted(figure.name + '.svg')}, width: 570pt)\n\n{mark}]"
            )
        main = folder / "main.typ"
        main.write_text(
            '#set page(width: auto, height: auto, margin: 18pt)\n#set text(font: ("Tumen Sans", "Noto Sans CJK KR"), 10pt)\n'
            + "\n#pagebreak()\n".join(pages),
            "utf-8",
        )
        return _typst(main, "png")


def _typst(main: Path, kind: Literal["pdf", "png"]) -> list[bytes]:
    try:
        import typst
    except ModuleNotFoundError:
        raise BriefError(
            "a PDF needs Typst, which is not installed; install it with: pip install 'tumen[pdf]'"
        ) from None
    try:
        compiler = typst.Compiler(root=str(main.parent), font_paths=_fonts())
        made = compiler.compile(str(main), format=kind, ppi=PNG_PPI if kind == "png" else None)
    except RuntimeError as error:
        raise BriefError(f"Typst could not set the brief: {str(error)[:500]}") from error
    if made is None:
        raise BriefError("Typst gave nothing back")
    return [bytes(m) for m in made] if isinstance(made, list) else [bytes(made)]


@cache
def _fonts() -> Any:
    import typst

    folder = resources.files("tumen.brief").joinpath("fonts")
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=True, font_paths=[str(folder)])


def _quoted(text: str) -> str:
    """A Typst string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def _text(text: str) -> str:
    """Text as it stands: nothing in it is read as markup."""
    return f"#{_quoted(text)}" if text else ""


class _Setter:
    """Writes the Typst source."""

    def __init__(self, brief: b.Brief, trace: Trace, words: Words, told: Told, version: str) -> None:
        self.brief, self.trace, self.words, self.told, self.version = brief, trace, words, told, version
        self._shown: dict[str, int] = {}  # evidence by the order in which its first number is set
        self._sources = _numbered(brief)

    def document(self) -> str:
        """The whole source. Evidence is listed at the end, for the numbers that were set."""
        body = "\n".join(self._section(s) for s in self.brief.sections if not s.annex)
        annex = "\n".join(self._section(s) for s in self.brief.sections if s.annex)
        opening = f"#pagebreak(weak: true)\n#annex-title({_quoted(self.words.text('page.annex'))})\n#show: annex\n"
        return "\n".join([self._head(), body, opening, annex, self._glossary(), self._evidence()])

    def _head(self) -> str:
        brief, words = self.brief, self.words
        serif = (
            '("Tumen Sans", "Noto Sans CJK KR", "Libertinus Serif")'
            if brief.lang == "ko"
            else '("Tumen Serif", "Tumen Sans", "Noto Sans CJK KR")'
        )
        preamble = resources.files("tumen.brief").joinpath("templates/brief.typ").read_text("utf-8")
        mark = _quoted(words.text("page.simulated_short")) if brief.simulated else "none"
        settings = (
            f"#let lang = {_quoted(brief.lang)}\n#let body-font = {serif}\n#let running = {_quoted(brief.title)}\n"
            f"#let as-of = {_quoted(brief.as_of)}\n#let simulated = {mark}\n"
        )
        opening = (
            f"#opening({_quoted(brief.title)}, {_quoted(words.text('page.kicker'))}, {_quoted(brief.question)}, "
            f"{_quoted(brief.as_of)}, {_quoted(words.text('page.as_of_note'))}, {_quoted(brief.dateline)}, {_quoted(brief.simulated)})\n"
        )
        return settings + preamble + f"\n#set document(title: {_quoted(brief.question)}, date: none)\n" + opening

    def _section(self, section: b.Section) -> str:
        if section.id == "sources":
            return "\n".join(
                [f"= {_text(section.heading)} <section-{section.id}>", *(self._sources_list(x) for x in section.blocks)]
            )
        made = [self._block(x) for x in section.blocks]
        if len(made) > 1 and isinstance(section.blocks[0], b.Para):
            made[0] = f"#block(sticky: true)[{made[0]}]"  # a heading and its first words go with what they introduce
        return "\n".join([f"= {_text(section.heading)} <section-{section.id}>", *made])

    def _sources_list(self, block: b.Block) -> str:
        """Sources set close, in columns: grade, document, date, why this grade."""
        if not isinstance(block, b.Grid):
            return self._block(block)
        entries = ", ".join(
            f"source-entry({number}, [{self.spans(grade)}], [{self.spans(name)}], [{self.spans(date)}], [{self.spans(why)}])"
            for number, (grade, name, date, why) in enumerate(block.rows, 1)
        )
        return f"#sources-list({entries})\n"

    def _block(self, block: b.Block) -> str:
        if isinstance(block, b.Para):
            inner = self.spans(block.spans)
            return f"#{block.kind or 'plain'}-para[{inner}]\n"
        if isinstance(block, b.Heading):
            return f"== {_text(block.text)}\n"
        if isinstance(block, b.Items):
            return f"#bullets({', '.join(f'[{self.spans(item)}]' for item in block.items)})\n"
        if isinstance(block, b.Figure):
            caption = self.spans(block.caption)
            width = f"{block.print_width:.0%}" if block.wide else "80%"
            return f"#drawing({_quoted(block.name + '.svg')}, {_quoted(block.title)}, {_quoted(block.alt)}, [{caption}], width: {width})\n"
        if isinstance(block, b.Pictures):
            cells = ", ".join(
                f"picture({_quoted(p.name + '.png')}, {_quoted(p.alt)}, [{self.spans(p.caption)}])"
                for p in block.pictures
            )
            return f"#grid(columns: (1fr, 1fr), gutter: 5mm, {cells})\n"
        if isinstance(block, b.Grid):
            return self._grid(block)
        if isinstance(block, b.Cards):
            cells = ", ".join(
                f"card({_quoted(n)}, [{self.number(v, False)}], {_quoted(v.interval)})" for n, v, _ in block.cards
            )
            return f"#block(breakable: false, grid(columns: (1fr, 1fr, 1fr, 1fr), column-gutter: 6mm, row-gutter: 5mm, {cells}))\n"
        items = "\n".join(f"- {self.spans(item)}" for item in block.items)
        return f"#notice({_quoted(block.title)}, {_quoted(block.kind)})[\n{items}\n]\n"

    def _grid(self, block: b.Grid) -> str:
        widths = ", ".join(f"{w}fr" for w in (block.widths or [1] * len(block.head)))
        align = ", ".join("right" if i in block.numeric else "left" for i in range(len(block.head)))
        head = ", ".join(f"[*{_text(h)}*]" for h in block.head)
        stacked = len(block.head) > NARROW  # in a table of few columns an interval has room beside its number
        rows = ",\n".join(
            ", ".join(f"[{self.spans(c, stacked and i in block.numeric)}]" for i, c in enumerate(row))
            for row in block.rows
        )
        together = "true" if len(block.rows) <= KEEP_TOGETHER else "false"
        ties = ", ".join(map(str, ties_of([not self.spans(row[0]) for row in block.rows])))
        note = f"[{self.spans(block.note)}]" if block.note else "none"
        close = "true" if len(block.rows) > LONG else "false"
        return f"#rows(({widths},), ({align},), ({head},), ({rows},), ({ties},), {_quoted(block.caption)}, {note}, {together}, {close})\n"

    def spans(self, spans: Iterable[b.Span], stacked: bool = False) -> str:
        """Spans as Typst markup. In Korean what follows a number leans on it, and no line breaks between."""
        out = ""
        after_number = False
        for span in spans:
            leans = (
                self.brief.lang == "ko" and after_number and isinstance(span, b.Text) and "가" <= span.text[:1] <= "힣"
            )
            out += (JOINER if leans else "") + self._span(span, stacked)
            after_number = isinstance(span, b.Number)
        return out

    def _span(self, span: b.Span, stacked: bool) -> str:
        if isinstance(span, b.Number):
            inner = self.number(span, True)
            if not span.interval:
                return inner
            return inner + (
                f"#linebreak()#interval({_quoted(span.interval)})"
                if stacked
                else f"{JOINER if self.brief.lang == 'ko' else ' '}#interval({_quoted(span.interval)})"
            )
        if isinstance(span, b.Word):
            return f"#likelihood({self._target(span.why)}, {_quoted(span.text)})"
        if isinstance(span, b.Said):
            return f"#text(lang: {_quoted(span.lang or self.brief.lang)}, {_quoted(span.text)})"
        if isinstance(span, b.Link):
            if span.href.startswith(("https://", "http://")):
                return f"#link({_quoted(span.href)}, {_quoted(span.text)})"
            return f"#link(<section-{span.href[1:]}>, {_quoted(span.text)})"
        inner = f"#text({_quoted(span.text)})" if span.text else ""
        return f"#strong[{inner}]" if span.strong else inner

    def number(self, number: b.Number, underlined: bool) -> str:
        """A number that leads to its evidence at the end."""
        return f"#{'fig' if underlined else 'plain-fig'}({self._target(number.why)}, {_quoted(number.shown)})"

    def _target(self, why: str) -> str:
        return f"<why-{self._shown.setdefault(why, len(self._shown) + 1)}>"

    def _glossary(self) -> str:
        if not self.brief.glossary:
            return ""
        entries = ", ".join(f"entry({_quoted(e.term)}, {_quoted(e.meaning)})" for e in self.brief.glossary)
        return f"= {_text(self.words.text('section.glossary'))}\n#glossary({entries})\n"

    def _evidence(self) -> str:
        words = self.words
        lines = [
            f"#pagebreak(weak: true)\n= {_text(words.text('section.evidence'))}\n#note-para[{_text(words.text('evidence.lead_pdf'))}]"
        ]
        for why, number in self._shown.items():
            node = self.trace.node(why)
            assert node is not None
            where = "" if node.where.startswith("table ") else self.told.where(node)
            below = ". ".join(p for p in (where, " ← ".join(self._way(why)), self._documents(why)) if p)
            lines.append(  # the label of the entry is where the number in the text leads
                f"#evidence({number}, {_quoted(self.told.label(node))}, {_quoted(below)}) <why-{number}>"
            )
        opening, *entries = lines
        return f"{opening}\n#columns(3, gutter: 5mm)[\n" + "\n".join(entries) + "\n]"

    def _way(self, why: str) -> list[str]:
        """The steps down from a figure, along its first child, until a record: Account ← Weighing ← Counting."""
        out: dict[str, None] = {}
        here = self.trace.node(why)
        while here is not None and here.children and len(out) < 5:
            here = self.trace.node(here.children[0])
            if here is None or here.kind in ("record", "source"):
                break
            step = step_of(here)
            out.setdefault(self.words.name("step", step) if step else self.told.label(here))
        return list(out)

    def _documents(self, why: str) -> str:
        """The documents under a figure, by their numbers in the list of sources."""
        known = sorted(self._sources[s] for s in self.trace.sources_under(why) if s in self._sources)
        if not known:
            return ""
        listed = ", ".join(str(n) for n in known[:MOST_SOURCES])
        if len(known) > MOST_SOURCES:
            listed += f" {self.words.text('evidence.more', n=str(len(known) - MOST_SOURCES))}"
        return self.words.text("evidence.sources", list=listed)


def ties_of(goes_on: Sequence[bool]) -> list[int]:
    """How many rows of a table stand together on a page, from the first row on.

    A row whose first cell is blank goes on with the row above it and stays with it; the first two rows stay with
    each other under the head, and the last two, so that no page opens or ends with one row of a table.

    >>> ties_of([False, False, False, False, False]), ties_of([False, True, True, False, False, True])
    ([2, 1, 2], [3, 1, 2])
    """
    starts = [0, *(i for i, blank in enumerate(goes_on) if i > 0 and not blank)]
    starts = [i for i in starts if i not in (1, len(goes_on) - 1) or i == 0]
    cuts: list[int] = []
    for start, end in zip(starts, [*starts[1:], len(goes_on)], strict=True):
        cuts += range(start, end, MOST_TIED)
    return [end - start for start, end in zip(cuts, [*cuts[1:], len(goes_on)], strict=True)]


def _numbered(brief: b.Brief) -> dict[str, int]:
    """Numbers of the documents, as they stand in the list of sources."""
    grids = (x for s in brief.sections if s.id == "sources" for x in s.blocks if isinstance(x, b.Grid))
    return {a.removeprefix("source-"): n for grid in grids for n, a in enumerate(grid.anchors, 1)}
