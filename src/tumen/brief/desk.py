"""What a section has before it: the case, the tables, the language and the trace of evidence.

Takes them once; gives sections rows, numbers with their evidence, and case text in the language of
the brief (`label_ko` beside `label`), so that no section reads a table or prints a number by itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from tumen.brief.blocks import GlossaryEntry, Number, Said, Section, Spans, Text
from tumen.brief.trace import Trace
from tumen.brief.words import Words

# For a draws table whose maker is not told, the headline figure that names it as its parent.
MAKER_FIGURE = {"visits": "visits", "voyages": "voyages", "cargo": "containers"}


@dataclass(frozen=True)
class Subject:
    """What the case is about, in one language."""

    name: str
    title: str
    question: str
    origin: str
    recipient: str
    start: dt.date
    end: dt.date
    as_of: dt.date
    simulated: bool
    terms: tuple[GlossaryEntry, ...] = ()
    actors: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)  # Korean names
    signs: Mapping[str, str] = field(default_factory=dict)  # what a kind of indicator is called
    events: Mapping[str, str] = field(default_factory=dict)  # what came of an option: the Korean of each event
    named: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # field of a record -> its words by name
    folder: Path | None = None


def subject(case: Any, lang: str) -> Subject:
    """The subject of a `tumen.case.Case` in a language; English stands in where there is no Korean."""
    settings = case.settings
    about = settings.case
    ko = lang == "ko"
    terms = tuple(
        GlossaryEntry(t.term, t.ko if ko else t.en, t.definition_ko if ko else t.definition_en, (t.en,) if ko else ())
        for t in getattr(case, "glossary", None) or ()
    )
    actors = {
        key: (actor.name_ko if ko and actor.name_ko else actor.name)
        for key, actor in (getattr(settings, "actors", None) or {}).items()
    }
    folder = getattr(case, "folder", None)
    signs = {k: (s.label_ko if ko else s.label) for k, s in (getattr(case.trades, "signs", None) or {}).items()}
    events = {r.event: r.event_ko for r in getattr(case.responses, "record", None) or () if r.event_ko}
    return Subject(
        name=about.name,
        title=(about.title_ko if ko else None) or about.title,
        question=(about.question_ko if ko else None) or about.question,
        origin=about.origin,
        recipient=about.recipient,
        start=about.period_start,
        end=about.period_end,
        as_of=about.as_of,
        simulated=about.simulated,
        terms=terms,
        actors=actors,
        places={p.place: p.place_ko for p in case.places if p.place_ko},
        signs=signs,
        events=events,
        named=_named(case, signs, ko),
        folder=Path(folder) if folder else None,
    )


def _named(case: Any, signs: Mapping[str, str], ko: bool) -> dict[str, dict[str, str]]:
    """What the case calls its goods, judgements, signs, cards and claims, by the field of a record that names them."""
    trades, prices, responses = case.trades, case.prices, case.responses

    def labels(found: Mapping[str, Any]) -> dict[str, str]:
        return {k: str((getattr(v, "label_ko", None) if ko else None) or v.label) for k, v in found.items()}

    judged = labels(trades.nodes) if trades else {}
    return {
        "trade": judged,
        "sign": {**signs},
        "commodity": labels({c.name: c for c in prices.commodity}) if prices else {},
        "option": labels(responses.options) if responses else {},
        "claim": labels({c.id: c for c in case.claims}),
    }


class Desk:
    """One brief in the making."""

    def __init__(
        self,
        about: Subject,
        tables: Mapping[str, pa.Table],
        words: Words,
        trace: Trace,
        made_by: Mapping[str, str] | None = None,
    ) -> None:
        self.about = about
        self.words = words
        self.trace = trace
        self._tables = {name.split("@")[0]: table for name, table in tables.items()}
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._made_by = {name.split("@")[0]: why for name, why in (made_by or {}).items()}
        self.missing: list[tuple[str, str]] = []
        self.names: set[str] = set()

    # --- tables ---------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether the run gave the table with at least one row."""
        return name in self._tables and self._tables[name].num_rows > 0

    def table(self, name: str) -> pa.Table | None:
        """A table with rows, or None."""
        return self._tables[name] if self.has(name) else None

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Rows of a table; an absent table has none."""
        if name not in self._rows:
            self._rows[name] = self._tables[name].to_pylist() if self.has(name) else []
        return self._rows[name]

    def maker(self, name: str) -> str | None:
        """Evidence of a draws table: the computation that made it."""
        if name in self._made_by:
            return self._made_by[name]
        table = self._tables.get(name)
        stamped = (table.schema.metadata or {}).get(b"evidence_id") if table is not None else None
        if stamped:
            return stamped.decode()
        figure = MAKER_FIGURE.get(name)
        return next((r["why"] for r in self.rows("headline") if r["figure"] == figure), None)

    def absent(self, section: str, table: str) -> Section:
        """A section for which this run gave nothing; the brief says so."""
        self.missing.append((section, table))
        return Section(section, self.words.text(f"section.{section}"), (), present=False)

    # --- what a section prints ------------------------------------------------------------------

    def headline(self, figure: str) -> dict[str, Any] | None:
        """A row of the headline."""
        return next((r for r in self.rows("headline") if r["figure"] == figure), None)

    def figure(self, figure: str) -> Number | None:
        """A headline figure with its interval."""
        row = self.headline(figure)
        if row is None:
            return None
        why = self.trace.cite(row.get("evidence_id") or row["why"], f"the figure '{figure}'")
        return self.words.number(row["median"], row["unit"], why, row["low90"], row["high90"])

    def number(
        self, row: Mapping[str, Any], stem: str, unit: str, what: str, bare: bool = False, middle: str = "_median"
    ) -> Number:
        """A number of a row with its interval (`stem_median`, `stem_low90`, `stem_high90`) and the row's evidence."""
        why = self.trace.cite(row.get("evidence_id"), what)
        return self.words.number(
            row[stem + middle], unit, why, row.get(f"{stem}_low90"), row.get(f"{stem}_high90"), bare
        )

    def plain(self, value: float, unit: str, row: Mapping[str, Any], what: str, bare: bool = False) -> Number:
        """A number of a row that has no interval."""
        return self.words.number(value, unit, self.trace.cite(row.get("evidence_id"), what), bare=bare)

    def named(self, text: str) -> str:
        """Remember a name that the case gives to something: digits in it are no figures of the model."""
        if text:
            self.names.add(text)
        return text

    def tongue(self, row: Mapping[str, Any], name: str) -> tuple[str, str]:
        """Text of a row in the language of the brief, and the language if it is another one."""
        if self.words.lang == "ko":
            given = row.get(f"{name}_ko")
            if given:
                return self.named(str(given)), ""
            return self.named(str(row.get(name) or "")), "en"
        return self.named(str(row.get(name) or "")), ""

    def said(self, row: Mapping[str, Any], name: str) -> Spans:
        """Text of a row, leading to its evidence; nothing where the row has none."""
        text, lang = self.tongue(row, name)
        if not text:
            return ()
        return (Said(text, self.trace.cite(row.get("evidence_id"), f"the text '{text[:60]}'"), lang),)

    def label(self, row: Mapping[str, Any], group: str, key: str) -> str:
        """Name of a thing: its own label, else the catalogue's word for it."""
        text, lang = self.tongue(row, "label")
        if text and not lang:
            return self.words.capital(text)
        return self.named(
            self.words.name(group, str(row[key])) if self.words.has(f"{group}.{row[key]}") or not text else text
        )

    def actor(self, code: str) -> str:
        """Name of a state or other party."""
        if self.words.has(f"actor.{code}"):
            return self.words.text(f"actor.{code}")
        return self.named(self.about.actors.get(code) or self.about.actors.get(code.lower(), code))

    def place(self, place: str) -> str:
        """Name of a place in the language of the brief; the name that every file uses where the case gives no other."""
        return self.named(self.about.places.get(place, place) if self.words.lang == "ko" else place)

    def origin(self, code: str) -> str:
        """Who first produced a figure: the name that the case's glossary gives the code, else the code."""
        return self.named(next((t.term for t in self.about.terms if t.id == code), code))

    def judged(self) -> dict[str, dict[str, Any]]:
        """Where every judgement stands last: ways of repayment, their parts, and what holds an actor back."""
        out: dict[str, dict[str, Any]] = {}
        for row in sorted(self.rows("trades"), key=lambda r: r["date"]):
            out[row["trade"]] = row
        return out

    def judgement(self, trade: str) -> str:
        """Name of a judgement."""
        row = self.judged().get(trade)
        return self.label(row, "trade", "trade") if row else self.words.name("trade", trade)

    def basis(self) -> str | None:
        """The value basis of the headline: that of the balance draws, else the basis nearest to the headline."""
        table = self.table("balance_draws")
        if table is not None:
            return str(table.column("basis")[0].as_py())
        last = self.closing()
        owed = self.headline("owed_usd")
        if not last:
            return None
        if owed is None:
            return next(iter(last))
        return min(last, key=lambda b: abs(last[b]["owed_median"] - owed["median"]))

    def closing(self) -> dict[str, dict[str, Any]]:
        """The last balance of each value basis."""
        out: dict[str, dict[str, Any]] = {}
        for row in sorted(self.rows("balance"), key=lambda r: r["month"]):
            out[row["basis"]] = row
        return out

    def latest_trades(self) -> dict[str, dict[str, Any]]:
        """Where each way of repayment stands last; restraints and parts are left out."""
        out: dict[str, dict[str, Any]] = {}
        for row in sorted(self.rows("trades"), key=lambda r: r["date"]):
            if (row.get("kind") or "trade") in ("trade", "remainder"):
                out[row["trade"]] = row
        return out


def words_of(text: str) -> Spans:
    """Plain words as spans."""
    return (Text(text),) if text else ()
