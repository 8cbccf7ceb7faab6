"""What a brief is made of before it has a form: sections of blocks, blocks of spans.

Sections build these; `page.py` writes them as HTML and `pdf.py` as Typst, so both say the same.
A model number can only be a `Number`, and a `Number` cannot be made without the id of its evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from tumen.brief.trace import BriefError


@dataclass(frozen=True)
class Text:
    """Plain words; `lang` is set where they stand in another language than the brief.

    `own` marks words of the catalogue: a number in them explains (90% interval), it is no figure of the model.
    """

    text: str
    lang: str = ""
    strong: bool = False
    own: bool = False


@dataclass(frozen=True)
class Number:
    """A number of the model as it is shown, with its interval, the raw value and its evidence."""

    shown: str
    value: float
    why: str
    interval: str = ""

    def __post_init__(self) -> None:
        if not self.why:
            raise BriefError(f"the number '{self.shown}' has no evidence id")


@dataclass(frozen=True)
class Link:
    """An address of a source, or a place in the brief (`#...`)."""

    href: str
    text: str
    lang: str = ""


@dataclass(frozen=True)
class Word:
    """A judgement in yardstick words, with its evidence."""

    text: str
    why: str
    level: float


@dataclass(frozen=True)
class Said:
    """A sentence of a row, in the row's own words, with the row's evidence; it may hold numbers."""

    text: str
    why: str
    lang: str = ""

    def __post_init__(self) -> None:
        if not self.why:
            raise BriefError(f"the sentence '{self.text[:60]}' has no evidence id")


Span = Text | Number | Link | Word | Said
SPANS = (Text, Number, Link, Word, Said)
Spans = tuple[Span, ...]


@dataclass(frozen=True)
class Para:
    """A paragraph; `kind` is lead, note or empty."""

    spans: Spans
    kind: str = ""


@dataclass(frozen=True)
class Items:
    """A list of points."""

    items: tuple[Spans, ...]
    ordered: bool = False


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption; `alt` says what it shows to one who cannot see it. `print_width` is the share of
    the line that a wide one takes on paper."""

    name: str
    svg: str
    title: str
    caption: Spans
    alt: str
    wide: bool = False
    print_width: float = 1.0


@dataclass(frozen=True)
class Picture:
    """A raster picture of a scene, as bytes of PNG or JPEG."""

    name: str
    data: bytes
    mime: str
    title: str
    caption: Spans
    alt: str


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Grid:
    """A table under its `caption`; `numeric` names the columns that are set flush right, `widths` are parts of
    the line, `note` stands below."""

    head: tuple[str, ...]
    rows: tuple[tuple[Spans, ...], ...]
    caption: str
    numeric: tuple[int, ...] = ()
    widths: tuple[float, ...] = ()
    anchors: tuple[str, ...] = ()
    note: Spans = ()


@dataclass(frozen=True)
class Cards:
    """The headline figures: (label, number, remark)."""

    cards: tuple[tuple[str, Number, Spans], ...]


@dataclass(frozen=True)
class Notice:
    """Something that must not be overlooked: a failed check, a missing part, simulated data."""

    title: str
    items: tuple[Spans, ...]
    kind: str = "warning"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


Block = Para | Items | Figure | Pictures | Grid | Cards | Notice | Heading


@dataclass(frozen=True)
class Section:
    """A part of the brief under one heading; an annex is folded on the page and set small in print."""

    id: str
    heading: str
    blocks: tuple[Block, ...]
    present: bool = True
    annex: bool = False


@dataclass(frozen=True)
class GlossaryEntry:
    """A term of art and what it means, in the language of the brief."""

    id: str
    term: str
    meaning: str
    aliases: tuple[str, ...] = ()
    lang: str = ""


@dataclass(frozen=True)
class Brief:
    """The whole brief, ready to be written in any form."""

    lang: str
    title: str
    question: str
    as_of: str
    dateline: str
    simulated: str
    sections: tuple[Section, ...]
    glossary: tuple[GlossaryEntry, ...]
    names: frozenset[str] = frozenset()  # what the case calls its places, goods, origins; they may hold digits
