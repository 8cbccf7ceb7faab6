"""From tables to a brief: HTML, PDF and figures for slides, in English or Korean.

Takes the tables of a run, the case and a lookup of its evidence; writes `brief.<lang>.html`,
`brief.<lang>.pdf` and `figures/`. Nothing else is read: a brief can be made anew from the data package.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

import tumen
from tumen.brief.blocks import Brief, Figure, GlossaryEntry
from tumen.brief.desk import Desk, Subject, subject
from tumen.brief.figures.canvas import standalone
from tumen.brief.page import page
from tumen.brief.sections import sections
from tumen.brief.told import Told
from tumen.brief.trace import Lookup, Trace
from tumen.brief.words import Words, catalogue


def make_brief(
    tables: Mapping[str, pa.Table],
    case: Any,
    evidence: Lookup,
    out_dir: Path,
    lang: str = "en",
    pdf: bool = False,
    made_by: Mapping[str, str] | None = None,
    figures: bool = True,
    before: tuple[dt.date, Mapping[str, pa.Table]] | None = None,
) -> list[Path]:
    """Write the brief of a run; returns the files written, the page first.

    `tables` are the run's tables by name; absent ones leave their section out, and the brief says so.
    `case` is a `tumen.case.Case` or a `Subject`. `evidence` gives the node of an evidence id, or None.
    `made_by` gives for each draws table the evidence id of the computation that made it.
    `before` is an earlier day and the tables as of it, for what changed since; `evidence` must know both runs.
    Raises `BriefError` where a number has no evidence id or its evidence does not resolve.
    """
    words = Words(lang)
    about = case if isinstance(case, Subject) else subject(case, lang)
    trace = Trace(evidence)
    brief = compose(tables, about, words, trace, made_by, before)
    told = Told(words, about)
    text = page(brief, trace, words, told, tumen.__version__)
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    written = [_write(out_dir / f"brief.{lang}.html", text.encode())]
    if pdf:
        from tumen.brief.pdf import pdf as make_pdf

        written.append(_write(out_dir / f"brief.{lang}.pdf", make_pdf(brief, trace, words, told, tumen.__version__)))
    if figures:
        written += write_figures(brief, out_dir / "figures", png=pdf)
    return written


def compose(
    tables: Mapping[str, pa.Table],
    about: Subject,
    words: Words,
    trace: Trace,
    made_by: Mapping[str, str] | None = None,
    before: tuple[dt.date, Mapping[str, pa.Table]] | None = None,
) -> Brief:
    """The brief before it has a form."""
    desk = Desk(about, tables, words, trace, made_by)
    made = sections(desk, before)
    return Brief(
        lang=words.lang,
        title=about.title,
        question=about.question,
        as_of=words.text("page.as_of", day=words.day(about.as_of)),
        dateline=words.text("page.period", period=words.period(about.start, about.end)),
        simulated=words.text("page.simulated") if about.simulated else "",
        sections=made,
        glossary=_glossary(about, words),
        names=frozenset(desk.names | words.coined),
    )


def _glossary(about: Subject, words: Words) -> tuple[GlossaryEntry, ...]:
    """Terms of the case, then those of the method that the case does not define."""
    own = {t.term.casefold() for t in about.terms}
    texts = catalogue(words.lang)
    keys = sorted({k.split(".")[1] for k in texts if k.startswith("terms.")})
    method = [GlossaryEntry(k, texts[f"terms.{k}.term"], texts[f"terms.{k}.meaning"]) for k in keys]
    ids = {t.id for t in about.terms}
    found = [*about.terms, *(m for m in method if not _told(m, own) and m.id not in ids)]
    return tuple(sorted(found, key=lambda t: t.term.casefold()))


def _told(entry: GlossaryEntry, own: set[str]) -> bool:
    """Whether the case defines the term itself: 'laden voyage' for 'laden voyages', 'Admiralty grade' for 'Admiralty'."""
    term = entry.term.casefold()
    return any(o.startswith(term.removesuffix("s")) for o in own)


def write_figures(brief: Brief, folder: Path, png: bool = False) -> list[Path]:
    """Each drawing as SVG, and as PNG at twice its size, for slides."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [block for section in brief.sections for block in section.blocks if isinstance(block, Figure)]
    written = [_write(folder / f"{f.name}.{brief.lang}.svg", standalone(f.svg).encode()) for f in drawn]
    if png:
        from tumen.brief.pdf import pictures

        for figure, data in zip(drawn, pictures(drawn, brief), strict=True):
            written.append(_write(folder / f"{figure.name}.{brief.lang}.png", data))
    return written


def _write(path: Path, data: bytes) -> Path:
    """Write aside and rename, so that a reader never meets half a file."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        aside.write_bytes(data)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return path
