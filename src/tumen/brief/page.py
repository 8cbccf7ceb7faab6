"""The brief as one HTML page that needs nothing from anywhere else.

Takes a `Brief` and the trace of its evidence; gives HTML with style, script, fonts, drawings and the
evidence of every number inside. Raises `BriefError` where a number's evidence is not in the page.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tumen.brief import blocks as b
from tumen.brief.bare import bare
from tumen.brief.told import Told
from tumen.brief.trace import BriefError, Trace
from tumen.brief.words import Words
from tumen.evidence import Node

FONTS = (
    ("Tumen Serif", 400, "normal", "TumenSerif-Regular.woff2"),
    ("Tumen Serif", 700, "normal", "TumenSerif-Bold.woff2"),
    ("Tumen Sans", 400, "normal", "TumenSans-Regular-latin.woff2"),
    ("Tumen Sans", 700, "normal", "TumenSans-Bold-latin.woff2"),
)
# Every quotation mark of the brief's text is escaped, so these meet attributes only.
_ID = re.compile(r'\sid="([^"]*)"')
_DATA = re.compile(r"<data\b[^>]*>")
_WHY = re.compile(r'\sdata-(?:why|from)="([^"]*)"')
_VALUE = re.compile(r'\svalue="([^"]*)"')
TREE_DEPTH = 3
MOST_CHILDREN = 12


def page(brief: b.Brief, trace: Trace, words: Words, told: Told, version: str) -> str:
    """The HTML text."""
    writer = _Writer(brief, words)
    nodes = trace.nodes()
    known = {n.id for n in nodes}
    missing = [what for why, what in trace.cited.items() if why not in known]
    if missing:
        raise BriefError(f"{missing[0]} has evidence that does not resolve")
    text = (
        _environment()
        .get_template("brief.html.j2")
        .render(
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
            tree=_Trees(trace, told, words),
            detail=told.details,
            where=told.where,
            silent=told.silent,
            children=lambda node: _children(node, trace, told, words),
            kind=lambda node: words.name("evidence.kind", node.kind),
            grade=lambda node: _grade(node, words),
            label=told.label,
            label_lang=told.lang,
            picture_source=lambda p: f"data:{p.mime};base64,{base64.b64encode(p.data).decode()}",
            fonts=Markup(_fonts()),
            style=Markup(_read("templates/style.css")),
            script=Markup(_read("templates/script.js")),
        )
    )
    check(text, brief.names)
    return text


def check(text: str, names: Iterable[str] = ()) -> None:
    """Raise `BriefError` unless every number of the page leads to an entry of the evidence in the same page.

    `names` are names of the case that hold digits; what else may stand without evidence is said in `bare.py`.
    """
    ids = set(_ID.findall(text))
    for tag in _DATA.findall(text):
        why, value = _WHY.search(tag), _VALUE.search(tag)
        shown = value[1] if value else tag
        if not why or not why[1]:
            raise BriefError(f"the number '{shown}' carries no evidence id")
        if f"why-{why[1]}" not in ids:
            raise BriefError(f"the number '{shown}' leads to the evidence '{why[1]}', which is not in the brief")
    for why_id in set(_WHY.findall(text)):
        if f"why-{why_id}" not in ids:
            raise BriefError(f"a mark in a drawing leads to the evidence '{why_id}', which is not in the brief")
    for number, words in bare(text, names):
        raise BriefError(f"the number '{number}' has no evidence id where it stands: '{words[:120]}'")


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


def fig(number: b.Number, evidence_id: str | None = None, gap: str = " ") -> Markup:
    """The one way in which a template prints a number of the model: with its interval and its evidence.

    Raises `BriefError` for a number without an evidence id.
    """
    if not isinstance(number, b.Number):
        why = evidence_id or ""
        if not why:
            raise BriefError(f"the number {number} has no evidence id")
        number = b.Number(str(number), float(number), why)
    interval = (
        Markup('{}<span class="interval" data-from="{}">({})</span>').format(gap, number.why, number.interval)
        if number.interval
        else Markup("")
    )
    return Markup('<a class="fig" href="#why-{}" data-why="{}"><data value="{}" data-why="{}">{}</data></a>{}').format(
        number.why, number.why, f"{number.value:.6g}", number.why, number.shown, interval
    )


class _Writer:
    """Writes spans; explains each term of the glossary once a section."""

    def __init__(self, brief: b.Brief, words: Words) -> None:
        self._words = words
        self._names = brief.names
        self._terms = {e.term.casefold(): e for e in brief.glossary}
        names = sorted((re.escape(e.term) for e in brief.glossary if len(e.term) > 1), key=len, reverse=True)
        edge = r"\b" if brief.lang == "en" else ""
        plural = "s?" if brief.lang == "en" else ""
        self._pattern = re.compile(f"{edge}({'|'.join(names)}){plural}{edge}", re.IGNORECASE) if names else None
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
            return fig(span, gap="" if self._words.lang == "ko" else " ")  # brackets lean on the word in Korean
        if isinstance(span, b.Word):
            return Markup('<a class="word" href="#why-{}" data-why="{}">{}</a>').format(span.why, span.why, span.text)
        if isinstance(span, b.Said):
            lang = Markup(' lang="{}"').format(span.lang) if span.lang else Markup("")
            return Markup(
                '<span{} data-from="{}">{}</span> <a class="said" href="#why-{}" data-why="{}" title="{}" aria-label="{}">◦</a>'
            ).format(
                lang,
                span.why,
                span.text,
                span.why,
                span.why,
                self._words.text("page.why"),
                self._words.text("page.why"),
            )
        if isinstance(span, b.Link):
            lang = Markup(' lang="{}"').format(span.lang) if span.lang else Markup("")
            safe = span.href if span.href.startswith(("#", "https://", "http://")) else "#"
            return Markup('<a class="source" href="{}" rel="noopener noreferrer"{}>{}</a>').format(
                safe, lang, span.text
            )
        inner = self._terms_in(span.text) if not span.lang else escape(span.text)
        # Judged before a term of the glossary, marked inside a name, takes the name apart.
        if re.search(r"\d", span.text) and (span.own or not bare(str(escape(span.text)), self._names)):
            inner = Markup("<span data-own>{}</span>").format(inner)
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
            out += Markup('<a class="term" href="#term-{}" data-term="{}">{}</a>').format(entry.id, entry.id, found[0])
            position = found.end()
        return out + escape(text[position:])


def _grade(node: Node, words: Words) -> str:
    if not node.grade:
        return ""
    letter = node.grade[:1]
    key = f"grade.{letter}"
    return f"{letter} ({words.text(key)})" if words.has(key) else node.grade


def _children(node: Node, trace: Trace, told: Told, words: Words) -> list[tuple[str, str, str, str]]:
    out = []
    for child in node.children:
        found = trace.node(child)
        if found is not None:
            out.append((found.id, told.label(found), told.lang(found), _grade(found, words)))
    return out


class _Trees:
    """The way down from a figure to the records; each step leads to its own entry. Figures share most of it."""

    def __init__(self, trace: Trace, told: Told, words: Words) -> None:
        self._trace, self._told, self._words = trace, told, words
        self._made: dict[tuple[str, int], str] = {}

    def __call__(self, node: Node) -> Markup:
        return Markup(self._branch(node, 0))

    def _branch(self, node: Node, depth: int) -> str:
        if not node.children or depth >= TREE_DEPTH:
            return ""
        key = (node.id, depth)
        if key in self._made:
            return self._made[key]
        self._made[key] = ""  # a circle of evidence ends here
        shown = node.children if len(node.children) <= MOST_CHILDREN else node.children[:3]
        out = []
        for child in shown:
            found = self._trace.node(child)
            if found is None:
                continue
            grade = _grade(found, self._words)
            note = f' <span class="grade">{escape(grade)}</span>' if grade else ""
            deeper = "" if found.kind in ("record", "source") else self._branch(found, depth + 1)
            safe = escape(found.id)
            lang = self._told.lang(found)
            marked = f' lang="{lang}"' if lang else ""
            name = escape(self._told.label(found))
            out.append(f'<li><a href="#why-{safe}" data-why="{safe}"{marked}>{name}</a>{note}{deeper}</li>')
        if len(shown) < len(node.children):
            rest = self._words.text("evidence.more", n=str(len(node.children) - len(shown)))
            out.append(f'<li><a href="#why-{escape(node.id)}" data-why="{escape(node.id)}">{escape(rest)}</a></li>')
        self._made[key] = f'<ul class="tree">{"".join(out)}</ul>'
        return self._made[key]


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
