"""The brief as one HTML page that needs nothing from anywhere else.

Takes a `Brief` and the trace of its evidence; gives HTML with style, script, fonts, drawings and the
evidence of every number inside. Raises `BriefError` where a number's evidence is not in the page.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from functools import cache
from html.parser import HTMLParser
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tumen.brief import blocks as b
from tumen.brief.trace import BriefError, Trace
from tumen.brief.words import Words
from tumen.evidence import Node

FONTS = (
    ("Tumen Serif", 400, "normal", "TumenSerif-Regular.woff2"),
    ("Tumen Serif", 700, "normal", "TumenSerif-Bold.woff2"),
    ("Tumen Sans", 400, "normal", "TumenSans-Regular-latin.woff2"),
    ("Tumen Sans", 700, "normal", "TumenSans-Bold-latin.woff2"),
)
TREE_DEPTH = 4
MOST_CHILDREN = 12
LONGEST_DETAIL = 400


def page(brief: b.Brief, trace: Trace, words: Words, version: str) -> str:
    """The HTML text."""
    writer = _Writer(brief, words)
    nodes = trace.nodes()
    known = {n.id for n in nodes}
    missing = [what for why, what in trace.cited.items() if why not in known]
    if missing:
        raise BriefError(f"{missing[0]} has evidence that does not resolve")
    text = _environment().get_template("brief.html.j2").render(
        brief=brief,
        words=words,
        t=words.text,
        version=version,
        spans=writer.spans,
        block_kind=lambda block: type(block).__name__.lower(),
        new_section=writer.new_section,
        anchor=writer.anchor,
        figures=[n for n in nodes if n.id in trace.cited and n.kind not in ("record", "source")],
        others=[n for n in nodes if not (n.id in trace.cited and n.kind not in ("record", "source"))],
        tree=lambda node: _tree(node, trace, words),
        detail=lambda node: _detail(node),
        children=lambda node: _children(node, trace, words),
        kind=lambda node: words.name("evidence.kind", node.kind),
        grade=lambda node: _grade(node, words),
        label=lambda node: node_label(node, words),
        picture_source=lambda p: f"data:{p.mime};base64,{base64.b64encode(p.data).decode()}",
        fonts=Markup(_fonts()),
        style=Markup(_read("templates/style.css")),
        script=Markup(_read("templates/script.js")),
    )
    check(text)
    return text


def check(text: str) -> None:
    """Raise `BriefError` unless every `<data>` carries a `data-why` that has its place in the page."""
    reader = _Numbers()
    reader.feed(text)
    for shown, why in reader.numbers:
        if not why:
            raise BriefError(f"the number '{shown}' carries no evidence id")
        if f"why-{why}" not in reader.ids:
            raise BriefError(f"the number '{shown}' leads to the evidence '{why}', which is not in the brief")
    for why in reader.links:
        if f"why-{why}" not in reader.ids:
            raise BriefError(f"a mark in a drawing leads to the evidence '{why}', which is not in the brief")


class _Numbers(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[tuple[str, str]] = []
        self.links: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.add(given["id"] or "")
        if tag == "data":
            self.numbers.append((given.get("value") or "", given.get("data-why") or ""))
        elif given.get("data-why"):
            self.links.add(given["data-why"] or "")


@cache
def _environment() -> Environment:
    def guard(value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise BriefError(f"a template prints the number {value} without evidence; use the filter 'fig'")
        return value

    made = Environment(
        loader=PackageLoader("tumen.brief", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=guard,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["fig"] = fig
    return made


def fig(number: b.Number, evidence_id: str | None = None) -> Markup:
    """The one way in which a template prints a number of the model: with its interval and its evidence.

    Raises `BriefError` for a number without an evidence id.
    """
    if not isinstance(number, b.Number):
        why = evidence_id or ""
        if not why:
            raise BriefError(f"the number {number} has no evidence id")
        number = b.Number(str(number), float(number), why)
    interval = Markup(' <span class="interval">({})</span>').format(number.interval) if number.interval else Markup("")
    return Markup('<a class="fig" href="#why-{}" data-why="{}"><data value="{}" data-why="{}">{}</data></a>{}').format(
        number.why, number.why, f"{number.value:.6g}", number.why, number.shown, interval
    )


class _Writer:
    """Writes spans; explains each term of the glossary once a section."""

    def __init__(self, brief: b.Brief, words: Words) -> None:
        self._words = words
        self._terms = {e.term.casefold(): e for e in brief.glossary}
        names = sorted((re.escape(e.term) for e in brief.glossary if len(e.term) > 1), key=len, reverse=True)
        edge = r"\b" if brief.lang == "en" else ""
        self._pattern = re.compile(f"{edge}({'|'.join(names)}){edge}", re.IGNORECASE) if names else None
        self._told: set[str] = set()
        self._count = 0

    def new_section(self) -> str:
        """Forget which terms were explained."""
        self._told.clear()
        return ""

    def anchor(self, section: str) -> str:
        """A name for a paragraph or figure, to which a comment can be tied; it is made of its content's place."""
        self._count += 1
        return f"{section}-{self._count}"

    def spans(self, spans: Iterable[b.Span]) -> Markup:
        """Spans as HTML."""
        return Markup("").join(self._span(s) for s in spans)

    def _span(self, span: b.Span) -> Markup:
        if isinstance(span, b.Number):
            return fig(span)
        if isinstance(span, b.Word):
            return Markup('<a class="word" href="#why-{}" data-why="{}">{}</a>').format(span.why, span.why, span.text)
        if isinstance(span, b.Said):
            lang = Markup(' lang="{}"').format(span.lang) if span.lang else Markup("")
            return Markup('<span{}>{}</span> <a class="said" href="#why-{}" data-why="{}" title="{}" aria-label="{}">◦</a>').format(
                lang, span.text, span.why, span.why, self._words.text("page.why"), self._words.text("page.why")
            )
        if isinstance(span, b.Link):
            lang = Markup(' lang="{}"').format(span.lang) if span.lang else Markup("")
            safe = span.href if span.href.startswith(("#", "https://", "http://")) else "#"
            return Markup('<a class="source" href="{}" rel="noopener noreferrer"{}>{}</a>').format(safe, lang, span.text)
        inner = self._terms_in(span.text) if not span.lang else escape(span.text)
        if span.strong:
            inner = Markup("<strong>{}</strong>").format(inner)
        return Markup('<span lang="{}">{}</span>').format(span.lang, inner) if span.lang else inner

    def _terms_in(self, text: str) -> Markup:
        if self._pattern is None:
            return escape(text)
        out, position = Markup(""), 0
        for found in self._pattern.finditer(text):
            entry = self._terms[found[1].casefold()]
            if entry.id in self._told:
                continue
            self._told.add(entry.id)
            out += escape(text[position : found.start()])
            out += Markup('<a class="term" href="#term-{}" data-term="{}">{}</a>').format(entry.id, entry.id, found[1])
            position = found.end()
        return out + escape(text[position:])


def node_label(node: Node, words: Words) -> str:
    """What a node of the evidence is called."""
    return node.label or node.id


def _grade(node: Node, words: Words) -> str:
    if not node.grade:
        return ""
    letter = node.grade[:1]
    key = f"grade.{letter}"
    return f"{letter} ({words.text(key)})" if words.has(key) else node.grade


def _detail(node: Node) -> list[tuple[str, str]]:
    out = []
    for key, value in node.detail.items():
        if value in (None, "", [], {}) or key in ("png", "wkt", "evidence_id", "parents"):
            continue
        text = str(value)
        out.append((key, text if len(text) <= LONGEST_DETAIL else text[:LONGEST_DETAIL] + "…"))
    return out


def _children(node: Node, trace: Trace, words: Words) -> list[tuple[str, str, str]]:
    out = []
    for child in node.children:
        found = trace.node(child)
        if found is not None:
            out.append((found.id, node_label(found, words), _grade(found, words)))
    return out


def _tree(node: Node, trace: Trace, words: Words) -> Markup:
    """The way down from a figure, to the records; each step leads to its own entry."""
    return _branch(node, trace, words, 0, {node.id})


def _branch(node: Node, trace: Trace, words: Words, depth: int, above: set[str]) -> Markup:
    if not node.children or depth >= TREE_DEPTH:
        return Markup("")
    out = Markup("<ul class=tree>")
    shown = node.children if len(node.children) <= MOST_CHILDREN else node.children[:3]
    for child in shown:
        found = trace.node(child)
        if found is None or child in above:
            continue
        grade = _grade(found, words)
        out += Markup('<li><a href="#why-{}" data-why="{}">{}</a>').format(found.id, found.id, node_label(found, words))
        if grade:
            out += Markup(' <span class="grade">{}</span>').format(grade)
        if found.kind not in ("record", "source"):
            out += _branch(found, trace, words, depth + 1, above | {child})
        out += Markup("</li>")
    if len(shown) < len(node.children):
        rest = words.text("evidence.more", n=str(len(node.children) - len(shown)))
        out += Markup('<li><a href="#why-{}">{}</a></li>').format(node.id if depth == 0 else node.id, rest)
    return out + Markup("</ul>")


@cache
def _fonts() -> str:
    rules = []
    for family, weight, style, name in FONTS:
        data = base64.b64encode(resources.files("tumen.brief").joinpath("fonts", name).read_bytes()).decode()
        rules.append(
            f"@font-face{{font-family:'{family}';font-weight:{weight};font-style:{style};font-display:swap;"
            f"src:url(data:font/woff2;base64,{data}) format('woff2')}}"
        )
    return "".join(rules)


@cache
def _read(name: str) -> str:
    return resources.files("tumen.brief").joinpath(name).read_text("utf-8")
