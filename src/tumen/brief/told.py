"""How evidence is told to a reader: what a node is called, where it stands, and what a record says.

Takes nodes of `tumen.evidence` and the case's own names; gives text in the language of the brief. A text of the
case comes in Korean where the case has it so (`note_ko` beside `note`); a sentence that it has only in English is
left out of a Korean page, which says in which file and line it stands. Names of ships, publishers and documents
stay as they are, and are marked as English.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from tumen.brief.clash import clash
from tumen.brief.desk import Subject
from tumen.brief.sections.checks import check_words
from tumen.brief.words import Words
from tumen.evidence import Node

LONGEST_DETAIL = 300
# What a record holds for the program, not for a reader.
UNTOLD = ("png", "wkt", "evidence_id", "parents", "settings", "geometry", "simulated", "cited", "reference")
# Fields whose words are names: they stand in Latin letters in any language.
NAMES = frozenset(
    ["id", "aliases", "publisher", "title", "owner", "vessel", "source_id", "derived_from", "same_scene_as", "look",
     "group", "repeats", "covers", "imo", "mmsi", "code", "claim", "sensor"]
)  # fmt: skip
# How the evidence of a run words its own steps (tumen.evidence), and the catalogue's words for the same.
_WORDED = (
    (re.compile(r"computed by the step '(?P<step>\w+)'"), "evidence.computed"),
    (re.compile(r"table '(?P<table>\w+)' of the step '(?P<step>\w+)'"), "evidence.table_of"),
    (re.compile(r"'(?P<table>\w+)' of the case, (?P<n>\d+) records?"), "evidence.records_of"),
)
_HANGUL = re.compile("[가-힣]")


def step_of(node: Node) -> str:
    """The step of the chain that a node belongs to, or nothing."""
    for pattern, _ in _WORDED:
        found = pattern.fullmatch(node.label)
        if found and "step" in found.groupdict():
            return found["step"]
    return ""


class Told:
    """Evidence in one language, with the names that a case gives to its places, goods, ways of repayment and cards."""

    def __init__(self, words: Words, about: Subject) -> None:
        self._words, self._about = words, about
        self._origins = {t.id: t.term for t in about.terms}
        self._known: dict[str, str] = {}

    # --- what a node is called ----------------------------------------------------------------

    def label(self, node: Node) -> str:
        """What a node is called, in the language of the brief where that is known."""
        if node.id not in self._known:
            self._known[node.id] = self._label(node)
        return self._known[node.id]

    def _label(self, node: Node) -> str:
        words = self._words
        figure = str(node.detail.get("figure", ""))
        if node.kind == "figure" and words.has(f"headline.{figure}"):
            return words.text(f"headline.{figure}")
        for pattern, key in _WORDED:
            found = pattern.fullmatch(node.label)
            if found:
                places = found.groupdict()
                if "step" in places:
                    places["step"] = words.name("step", places["step"])
                if "table" in places:
                    places["table"] = words.name("table", places["table"])
                return words.text(key, **places)
        if words.lang == "en":
            return node.label or node.id
        if node.kind == "row" and node.detail:
            return self._row(node)
        if node.kind == "record" and node.detail:
            return self._record(node)
        if node.kind == "source" and node.detail.get("title_ko"):
            return f"{node.label.partition(': ')[0]}: {node.detail['title_ko']}"
        return node.label or node.id

    def _row(self, node: Node) -> str:
        """A row of a table of results, by what its table holds."""
        d, words = node.detail, self._words
        own = d.get("text_ko") or d.get("label_ko")
        if own:
            return str(own)
        table = node.where.removeprefix("table ")
        if table == "balance":
            return words.text("told.balance", month=words.month(d["month"]), basis=words.name("basis", d["basis"]))
        if table == "diagnostics":
            known = check_words(str(d["name"]))
            name = words.text(f"check.{known[0]}.name", subject=self.subject(known[1])) if known else str(d["name"])
            return f"{words.name('step', d['step'])} · {name}"
        if table == "claims_compared":
            return words.text("told.compared", claim=self._claimed(d), ours=self._ours(d))
        if table == "valuations_compared":
            what, basis = self.value("what", d["what"]), words.name("basis", d["basis"])
            return words.text("told.valued", origin=self.origin(d["origin_group"]), what=what, basis=basis)
        if table == "origins":
            return words.text("told.without", origin=self.origin(d["origin_group"]))
        if table == "front":
            side = words.name("actor", d["side"])
            return words.text(f"told.front_{d['scenario']}", side=side, day=words.day(_day(d["week"])))
        if table == "frontier":
            return words.text("told.frontier", list=self.value("option", d.get("options") or []))
        return node.label or node.id

    def _claimed(self, d: Mapping[str, Any]) -> str:
        """RUSI, 항해, 2023. 8.~10.: 최소 4항차."""
        words, unit = self._words, {"boxes": "containers", "1": "", "0..1": "share"}.get(d["unit"], d["unit"])
        low, point, high = d.get("claimed_low"), d.get("claimed"), d.get("claimed_high")
        value = next((v for v in (point, low, high) if v is not None), None)
        shown = words.text("number.none") if value is None else words.amount(value, unit)
        if low is not None and high is not None and low != high:
            shown = words.interval(low, high, unit)
        span = words.months(_day(d["period_start"]), _day(d["period_end"] or d["period_start"]))
        reading = words.name("claims", d["reading"])
        return f"{self.origin(d['origin_group'])}, {words.name('quantity', d['quantity'])}, {span}: {reading} {shown}"

    def _ours(self, d: Mapping[str, Any]) -> str:
        words, unit = self._words, {"boxes": "containers", "1": "", "0..1": "share"}.get(d["unit"], d["unit"])
        interval = words.interval(d["expected_low90"], d["expected_high90"], "")
        return f"{words.amount(d['expected_median'], unit)} ({interval})"

    def _record(self, node: Node) -> str:
        """A record of the case: who, where and when first, then what it says."""
        d, words, file = node.detail, self._words, node.where.partition(":")[0]
        said = d.get("text_ko") or d.get("label_ko") or d.get("event_ko") or ""
        if file == "places.geojson":
            return self.place(str(d["place"]))
        if file == "vessels.csv":
            return str(d["vessel"])
        if file == "sources.yaml":
            return f"{d['publisher']}: {d.get('title_ko') or d['title']}"
        if file in ("looks.csv", "sightings.csv"):
            head = ", ".join(p for p in (self.value("date", d["date"]), self.place(str(d.get("place") or ""))) if p)
            said = said or d.get("note_ko") or words.text("calendar." + _look(d))
            return f"{head}: {said}"
        if file == "claims.csv":
            return f"{self.origin(d['origin_group'])}: {said or words.name('quantity', d['quantity'])}"
        if file == "indicators.csv":
            return f"{self.value('date', d['date'])}: {said or node.label}"
        if said:
            return str(said)
        kind = next((k for k in _fixed()["record"] if node.label.startswith(k)), "")
        if node.label.startswith("price/") or ("basis" in d and "commodity" in d):
            kind = "Price"
        about = [self.value(k, d[k]) for k in ("commodity", "basis", "year", "end", "origin_group") if d.get(k)]
        if kind == "Valuation":
            about = [self.value("claim", d.get("claim")), self.value("what", d.get("what"))]
        name = _fixed()["record"].get(kind) or words.text("evidence.kind.record")
        return f"{name}: {', '.join(a for a in about if a)}" if any(about) else f"{name} ({node.where})"

    def lang(self, node: Node) -> str:
        """'en' where a name stands in English in a brief of another language."""
        return "en" if self._words.lang != "en" and not _HANGUL.search(self.label(node)) else ""

    # --- names ------------------------------------------------------------------------------

    def place(self, name: str) -> str:
        """A place in the language of the brief."""
        return self._about.places.get(name, name) if self._words.lang == "ko" else name

    def origin(self, code: str) -> str:
        """Who first produced a figure, as the case's glossary calls them."""
        return self._origins.get(code, code)

    def subject(self, text: str) -> str:
        """What a check is about: a place, an origin or a part of the model."""
        parts = []
        for part in (p.strip() for p in text.split(", ")):
            key = f"check_subject.{part}"
            part = part.split(": ")[0]
            parts.append(
                self._words.text(key)
                if self._words.has(key)
                else self.place(part)
                if part in self._about.places
                else self.origin(part)
            )
        return ", ".join(p for p in parts if p)

    # --- what a record says -------------------------------------------------------------------

    def where(self, node: Node) -> str:
        """The table, file or date of a node, for a reader."""
        words, where = self._words, node.where
        if where == "tumen.brief":
            return ""
        if words.lang == "en":
            return where
        if where.startswith("table "):
            return words.text("told.in_table", table=words.name("table", where.removeprefix("table ")))
        d = node.detail
        if node.kind == "computation" and d:
            return words.text("told.code", code=str(d["code"]), seed=str(d["seed"]), day=self.value("date", d["as_of"]))
        if node.kind == "source":
            return words.text("sources.undated") if where == "undated" else self.value("date", where)
        return where

    def details(self, node: Node) -> list[tuple[str, str, str]]:
        """What a record says, field by field: name, value, and the language of the value where it is another one."""
        out = []
        for key, value in node.detail.items():
            if value in (None, "", [], {}) or key in UNTOLD or key.endswith("_ko") or isinstance(value, dict):
                continue
            if self._words.lang == "en":
                out.append((key.replace("_", " "), _short(_plain(value)), ""))
            elif key in _fixed()["field"] and not (node.kind == "computation" and key in ("code", "seed", "as_of")):
                text = self._own(node, key, value)
                if text:
                    out.append((_fixed()["field"][key], _short(text), "" if _HANGUL.search(text) else _latin(text)))
        return out

    def _own(self, node: Node, key: str, value: Any) -> str:
        """A value in Korean; nothing where the case has only an English sentence of it."""
        own = node.detail.get(f"{key}_ko")
        if own:
            return str(own)
        if key == "text" and node.where == "table diagnostics":
            return clash(self._words, self._about, str(value))
        if key in ("low", "point", "high") and isinstance(value, int | float) and node.detail.get("unit"):
            return self._amount(float(value), str(node.detail["unit"]))
        text = self.value(key, value)
        foreign = re.search(r"[A-Za-z]{2,}", text) and not _HANGUL.search(text)
        return text if not foreign or key in NAMES or " " not in text else ""

    def _amount(self, value: float, unit: str) -> str:
        per = _fixed()["unit"].get(unit)
        return per.replace("{n}", self._words.count(value)) if per else self._words.amount(value, unit)

    def silent(self, node: Node) -> bool:
        """Whether a record says something that this page leaves out, for want of Korean."""
        if self._words.lang == "en" or node.kind not in ("record", "source"):
            return False
        told = {k for k in node.detail if node.detail.get(f"{k}_ko")}
        return any(
            k not in told and k in _fixed()["field"] and isinstance(v, str) and v and not self._own(node, k, v)
            for k, v in node.detail.items()
            if k not in UNTOLD and not k.endswith("_ko")
        )

    def value(self, key: str, value: Any) -> str:
        """A value of a field in words: dates, names of the case, fixed words, numbers."""
        words, fixed = self._words, _fixed()
        if isinstance(value, list | tuple):
            return ", ".join(self.value(key, v) for v in value)
        if isinstance(value, bool):
            return fixed["value"][str(value).lower()]
        if isinstance(value, int | float):
            return f"{value:g}" if key in ("year", "year_built", "seed") else words.count(float(value))
        text = "" if value is None else str(value)
        if re.fullmatch(r"\d{4}(-\d\d){0,2}", text):
            return _date(words, text)
        if key in ("place", "berth", "part_of", "where") and text in self._about.places:
            return self.place(text)
        named = self._about.named.get(key, {}).get(text)
        if named:
            return named
        if key in ("origin_group", "collector", "derived_from") and text in self._origins:
            return self.origin(text)
        if key in ("payer", "payee") and words.has(f"actor.{text}"):
            return words.text(f"actor.{text}")
        for group in (key, {"outcome": "option_status"}.get(key, key)):
            if words.has(f"{group}.{text}"):
                return words.text(f"{group}.{text}")
        return fixed.get(key, {}).get(text) or fixed["value"].get(text) or text


def _look(d: Mapping[str, Any]) -> str:
    if d.get("usable_share") == 0:
        return "cloud"
    return {True: "ship", False: "empty"}.get(d.get("vessel_present"), "unsure")  # type: ignore[arg-type]


def _day(value: Any) -> dt.date:
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value)[:10])


def _date(words: Words, text: str) -> str:
    parts = [int(p) for p in text.split("-")]
    if len(parts) == 3:
        return words.day(dt.date(*parts))
    return words.month(dt.date(parts[0], parts[1], 1)) if len(parts) == 2 else f"{text}년"


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(_plain(v) for v in value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_DETAIL else text[:LONGEST_DETAIL] + "…"


def _latin(text: str) -> str:
    return "en" if re.search("[A-Za-z]{2,}", text) else ""


@cache
def _fixed() -> dict[str, dict[str, str]]:
    """Korean of fields and fixed words, from `record.ko.yaml`."""
    raw = yaml.load(resources.files("tumen.brief").joinpath("record.ko.yaml").read_text("utf-8"), yaml.CSafeLoader)
    return {group: {str(k): str(v) for k, v in words.items()} for group, words in raw.items()}
