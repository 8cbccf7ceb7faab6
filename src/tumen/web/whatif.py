"""What if: the answer to a case in which some rows are withdrawn and some values are others.

Takes suppositions (a claim withdrawn, an origin or a source not believed, a ship not on the route,
an event that did not happen, a number that is another); gives the changed texts, what falls with
them, and the new answer beside the present one. The changed case exists in memory alone: its
tables go to the store, its text is written only when someone has seen the diff and said yes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tumen.case import Case, CaseError
from tumen.case.amend import (
    AmendError,
    checked,
    rows_off,
    table_off,
    toml_places,
    with_cells,
    with_entry,
    with_value,
)
from tumen.case.faults import Faults
from tumen.case.folder import PARTS, label, sources_of
from tumen.case.judge import bearing
from tumen.case.read import csv_rows, read_text
from tumen.case.record import Record
from tumen.show import WORDS
from tumen.study import Study
from tumen.web.live import State

KINDS = ("off", "not", "set", "origin", "source", "ship")
# Rows that carry evidence, and so may be doubted one by one.
EVIDENCE = {"looks", "sightings", "claims", "indicators", "transfers"}
ORIGINS = ("claims", "indicators", "transfers")
# Where a row names another that is withdrawn: it falls with it, or only lets go of the name.
FALLS = {
    ("claims.csv", "derived_from"): True,
    ("sightings.csv", "look"): True,
    ("indicators.csv", "repeats"): True,
    ("looks.csv", "same_scene_as"): False,
    ("transfers.csv", "derived_from"): False,
}
MOST = 60  # suppositions at once
FOUND = 12  # rows that a search shows
ROUNDS = 12
FILES = {part.attribute: part.file for part in PARTS}


class WhatIfError(ValueError):
    """This cannot be supposed; the message says why."""


@dataclass(frozen=True)
class Item:
    """One supposition. `key` is an evidence id, an origin, a source or a ship; `field` and `value` go with `set`."""

    kind: str
    key: str
    field: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}" + (f":{self.field}={self.value}" if self.kind == "set" else "")


@dataclass
class Supposed:
    """A case under suppositions: the texts that differ, before and after, and what fell with what was withdrawn."""

    case: Case
    before: dict[str, str]
    after: dict[str, str]
    told: list[dict[str, str]] = field(default_factory=list)
    also: list[str] = field(default_factory=list)


def parse(texts: Iterable[str]) -> list[Item]:
    """Suppositions from their written form, `off:ID`, `origin:NAME`, `set:ID:FIELD=VALUE`. Raises `WhatIfError`.

    >>> parse(["off:abc", "set:abc:point=12"])[1].value
    '12'
    """
    items = []
    for text in texts:
        kind, _, rest = text.partition(":")
        if kind not in KINDS or not rest:
            raise WhatIfError(f"'{text[:80]}' is no supposition; expected {', '.join(f'{k}:...' for k in KINDS)}")
        if kind != "set":
            items.append(Item(kind, rest))
            continue
        key, _, assigned = rest.partition(":")
        name, equals, value = assigned.partition("=")
        if not (key and name and equals):
            raise WhatIfError(f"'{text[:80]}': expected set:ID:FIELD=VALUE")
        items.append(Item("set", key, name, value.strip()))
    if len(items) > MOST:
        raise WhatIfError(f"{len(items)} suppositions; expected at most {MOST}")
    return list(dict.fromkeys(items))


def suppose(folder: Path, items: list[Item]) -> Supposed:
    """The case in the folder under suppositions.

    Raises `WhatIfError` for a row that is not there (any more) or a value that no row may hold, and
    `CaseError` where the folder itself is at fault.
    """
    work = _Work(folder, Case.load(folder))
    told = [{"item": str(item), "words": work.take(item)} for item in items]
    for _ in range(ROUNDS):
        before, after = work.texts()
        try:
            case = checked(folder, after) if after else work.case
        except CaseError as error:
            if not work.follow(error):
                raise WhatIfError(_first(error)) from error
            continue
        return Supposed(case, before, after, told, work.also)
    raise WhatIfError("too much hangs on what is supposed away; change the text itself")


def _first(error: CaseError) -> str:
    lines = [str(f) for f in error.faults]
    more = f" (and {len(lines) - 3} more)" if len(lines) > 3 else ""
    return f"the case would not hold together: {'; '.join(lines[:3])}{more}"


class _Work:
    """The changes that suppositions ask of the texts of a case."""

    def __init__(self, folder: Path, case: Case) -> None:
        self.folder, self.case = folder, case
        self.records: dict[str, tuple[str, Record]] = {}
        self.at: dict[tuple[str, int], tuple[str, Record]] = {}
        for kind, record in case.records():
            self.records.setdefault(record.evidence_id, (kind, record))
            self.at.setdefault((record.at.file, record.at.line), (kind, record))
        self.off: dict[tuple[str, int], Record] = {}
        self.cells: dict[tuple[str, int], dict[str, str]] = {}
        self.values: dict[tuple[str, tuple[str, ...]], Any] = {}
        self.tables: set[tuple[str, tuple[str, ...]]] = set()
        self.covers: dict[str, list[str]] = {}
        self.also: list[str] = []

    # --- taking suppositions ----------------------------------------------------------------

    def take(self, item: Item) -> str:
        """Note one supposition; returns it in words."""
        if item.kind == "origin":
            return self._many(
                item, ORIGINS, lambda r: getattr(r, "origin_group", None) == item.key, f"nothing of the origin {item.key} is believed"
            )  # fmt: skip
        if item.kind == "source":
            # A row that another source bears out as well stays.
            told = {item.key}
            return self._many(
                item, tuple(EVIDENCE), lambda r: bool(sources_of(r)) and set(sources_of(r)) <= told, f"the source {item.key} is not believed"
            )  # fmt: skip
        if item.kind == "ship":
            vessel = next((v for v in self.case.vessels if v.vessel == item.key), None)
            if vessel is None:
                raise WhatIfError(f"'{item.key[:60]}' is no ship of vessels.csv")
            self._cell(vessel, {"on_route": "no"})
            return f"{item.key} is not on this route"
        kind, record = self._record(item.key)
        if item.kind == "set":
            return self._change(record, item)
        if item.kind == "not":
            return self._not(record)
        if kind in EVIDENCE:
            self._take_off(record)
        elif record.at.file.endswith(".toml"):
            self.tables.add((record.at.file, self._path(record)))
        else:
            raise WhatIfError(
                f"{record.at.file}:{record.at.line}: {label(record)}: is no evidence; it cannot be withdrawn, only changed"
            )
        return f"{_name(record)}: withdrawn"

    def _record(self, key: str) -> tuple[str, Record]:
        if key not in self.records:
            raise WhatIfError(f"'{key[:40]}' is no row of the case as it stands now; it may have changed since")
        return self.records[key]

    def _many(self, item: Item, kinds: tuple[str, ...], asked: Callable[[Record], bool], words: str) -> str:
        found = [r for kind in kinds for r in getattr(self.case, kind) if asked(r)]
        if not found:
            raise WhatIfError(f"nothing in the case stands on the {item.kind} '{item.key[:60]}' alone")
        for record in found:
            self._take_off(record)
        return f"{words}: {len(found)} row{'s' if len(found) != 1 else ''} withdrawn"

    def _take_off(self, record: Record) -> None:
        self.off[record.at.file, record.at.line] = record

    def _cell(self, record: Record, cells: dict[str, str]) -> None:
        self.cells.setdefault((record.at.file, record.at.line), {}).update(cells)

    def _not(self, record: Record) -> str:
        trades = self.case.trades
        if record.at.file != "indicators.csv" or trades is None:
            raise WhatIfError(
                f"{record.at.file}:{record.at.line}: only an indicator can be supposed not to have happened"
            )
        sign = trades.signs.get(getattr(record, "sign", ""))
        if getattr(record, "value", None) is not None:
            raise WhatIfError(f"{_name(record)}: is a count; suppose another value of it")
        direction, strength = bearing(sign.ratio("not_seen")) if sign else ("neutral", "none")
        self._cell(record, {"state": "not_seen", "direction": direction, "strength": strength})
        return f"{_name(record)}: looked for, and did not happen"

    def _change(self, record: Record, item: Item) -> str:
        if item.field not in type(record).model_fields:
            raise WhatIfError(f"{record.at.file}:{record.at.line}: {item.field[:40]}: unknown field")
        old = getattr(record, item.field)
        if record.at.file.endswith(".toml"):
            path = self._path(record)
            self.values[record.at.file, (*path, item.field)] = _like(old, item)
            if label(record).endswith(f" of {record.at.file}"):
                return f"{_name(record, path)}: {item.field.replace('_', ' ')} {_shown(old)} → {item.value or 'empty'}"
        else:
            self._cell(record, {item.field: item.value})
        return f"{_name(record)}: {item.field.replace('_', ' ')} {_shown(old)} → {item.value or 'empty'}"

    def _path(self, record: Record) -> tuple[str, ...]:
        attribute = next(a for a, f in FILES.items() if f == record.at.file)
        for path, other in toml_places(getattr(self.case, attribute)):
            if other is record:
                return path
        raise WhatIfError(f"{record.at.file}:{record.at.line}: not found in the text")

    # --- what falls with them -----------------------------------------------------------------

    def follow(self, error: CaseError) -> bool:
        """Let what names a withdrawn row fall with it, or let go of the name; False where that mends nothing."""
        moved = False
        gone = {str(getattr(r, "id", "")) for r in self.off.values()} | {str(getattr(r, "origin_group", "")) for r in self.off.values()}  # fmt: skip
        for fault in error.faults:
            record = self.at.get((fault.file, fault.line), ("", None))[1]
            if record is None:
                continue
            if fault.file.endswith(".toml"):
                place = (fault.file, self._path(record))
                if any(name and name in str(fault) for name in gone) and place not in self.tables:
                    self.tables.add(place)
                    self.also.append(f"{_name(record)}: withdrawn with what it names")
                    moved = True
                continue
            if (fault.file, fault.field) == ("transfers.csv", "covers"):
                moved = self._cover(fault.wrong) or moved
                continue
            if fault.file == "indicators.csv" and fault.field in ("direction", "strength"):
                # The words must say what the changed numbers say.
                cells = {fault.field: fault.expected.split(" ")[0]}
                if self.cells.get((fault.file, fault.line), {}).items() >= cells.items():
                    continue
                self._cell(record, cells)
                moved = True
                continue
            if fault.file == "indicators.csv" and fault.field == "date" and " follows " in fault.wrong:
                self._take_off(record)
                self.also.append(f"{_name(record)}: withdrawn, as a year before it is missing")
                moved = True
                continue
            falls = FALLS.get((fault.file, fault.field))
            if falls is None or (fault.file, fault.line) in self.off:
                continue
            if falls:
                self._take_off(record)
                self.also.append(f"{_name(record)}: withdrawn, as it stands on what is")
            else:
                value = getattr(record, fault.field)
                kept = [v for v in (value if isinstance(value, list) else [value]) if v not in gone]
                cells = {fault.field: "; ".join(map(str, kept)) if isinstance(value, list) else ""}
                if self.cells.get((fault.file, fault.line), {}).items() >= cells.items():
                    continue
                self._cell(record, cells)
            moved = True
        return moved

    def _cover(self, wrong: str) -> bool:
        """Where the row that covered two others is gone, the one of the longer period covers the other."""
        pair = [t for t in self.case.transfers if f"'{t.id}'" in wrong]
        if len(pair) != 2:
            return False
        short, long = sorted(pair, key=lambda t: (t.last - t.first, t.published.last()))
        if short.id in self.covers.get(long.id, []):
            return False
        self.covers.setdefault(long.id, []).append(short.id)
        self.also.append(f"{_name(long)}: now covers {short.id}, so that no flow counts twice")
        return True

    def _bridge(self) -> None:
        """A transfer that covers a withdrawn one covers what that one covered: no flow is counted twice for it."""
        gone = {t.id: t.covers for t in self.case.transfers if (t.at.file, t.at.line) in self.off}
        for transfer in self.case.transfers:
            covered = [*transfer.covers, *self.covers.get(transfer.id, [])]
            while any(c in gone for c in covered):
                covered = list(dict.fromkeys(x for c in covered for x in gone.get(c, [c])))
            if covered != transfer.covers and transfer.id not in gone:
                self._cell(transfer, {"covers": "; ".join(covered)})

    # --- the texts ----------------------------------------------------------------------------

    def texts(self) -> tuple[dict[str, str], dict[str, str]]:
        """The texts that differ, as they stand and as they would be. Raises `WhatIfError`."""
        self._bridge()
        files = {f for f, _ in [*self.off, *self.cells, *self.values, *self.tables]}
        before = {file: self._read(file) for file in sorted(files)}
        try:
            after = {file: self._changed(file, text) for file, text in before.items()}
        except AmendError as error:
            raise WhatIfError(str(error)) from error
        return before, after

    def _read(self, file: str) -> str:
        faults = Faults()
        text = read_text(self.folder / file, faults)
        faults.stop()
        return text or ""

    def _changed(self, file: str, text: str) -> str:
        if file.endswith(".toml"):
            for (name, path), value in self.values.items():
                if name == file:
                    text = with_value(text, file, path, value)
            # Later items first, so that the numbers of the earlier ones hold.
            for name, path in sorted(self.tables, key=lambda t: [int(p) if p.isdigit() else -1 for p in t[1]], reverse=True):  # fmt: skip
                if name == file:
                    text = table_off(text, file, path)
            return text
        changed = {line: cells for (name, line), cells in self.cells.items() if name == file}
        if file.endswith(".yaml"):
            for line in sorted(changed, reverse=True):
                text = with_entry(text, file, line, changed[line])
            return text
        # A new column moves lines: rows are followed by their number.
        numbers = {row.line: n for n, row in enumerate(_rows(text, file))}
        for line, cells in changed.items():
            text = with_cells(text, file, _rows(text, file)[numbers[line]].line, cells)
        rows = _rows(text, file)
        return rows_off(text, [rows[numbers[line]].line for name, line in self.off if name == file])


def _rows(text: str, file: str) -> Any:
    faults = Faults()
    rows, _ = csv_rows(text, file, faults)
    faults.stop()
    return rows


def _name(record: Record, path: tuple[str, ...] = ()) -> str:
    words = ": ".join(p.replace("_", " ") for p in path if not p.isdigit()) if path else label(record)
    return words if len(words) <= 140 else f"{words[:137]}..."


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)


def _like(old: Any, item: Item) -> Any:
    """The value of a supposition as the kind of thing that stands there now."""
    try:
        if isinstance(old, list | tuple) and all(isinstance(v, int | float) for v in old):
            made = [float(part) for part in item.value.replace(";", ",").split(",")]
            if len(made) != len(old):
                raise ValueError
            return made
        if isinstance(old, bool):
            return item.value.lower() in ("yes", "true")
        if isinstance(old, int) or (isinstance(old, float) and old.is_integer() and item.value.isdigit()):
            return int(item.value)
        if isinstance(old, float):
            return float(item.value)
    except ValueError:
        raise WhatIfError(
            f"{item.field}: '{item.value[:40]}' does not fit; expected the like of {_shown(old)}"
        ) from None
    return item.value


# --- the new answer beside the old ------------------------------------------------------


def compare(state: State, supposed: Supposed, step: Callable[[str], None]) -> dict[str, Any]:
    """Headline, trades, redlines and options under suppositions beside the present ones.

    Computed with the same seed and the same store, so only what leans on the change is computed, and
    what differs is not chance.
    """
    study = state.study
    assert study is not None
    day = study.case.settings.as_of
    other = Study(supposed.case.as_of(day), study.store, study.workers, study.dask)
    other.progress = lambda words, at: step(words) if at == "start" else None
    other.run(until="headline")
    new = {r["figure"]: r for r in other.table("headline").to_pylist()}
    figures = [
        {"name": n, "words": WORDS[n], "unit": old["unit"], "why": old["why"], "old": _three(old), "new": _three(new[n]) if n in new else None}
        for n, old in ((n, state.headline.get(n)) for n in WORDS)
        if old
    ]  # fmt: skip
    return {
        "told": supposed.told, "also": supposed.also, "files": sorted(supposed.after), "as_of": day.isoformat(),
        "figures": figures,
        "trades": _paired(_latest(study), _latest(other), ("label", "probability", "low90", "high90", "word")),
        "redlines": _paired(_by(study, "redlines", "redline"), _by(other, "redlines", "redline"), ("label", "state")),
        "options": _paired(_by(study, "options", "option"), _by(other, "options", "option"), ("label", "rank")),
    }  # fmt: skip


def _three(row: dict[str, Any]) -> dict[str, float]:
    return {k: row[k] for k in ("median", "low90", "high90")}


def _latest(study: Study) -> dict[str, dict[str, Any]]:
    rows = sorted(study.table("trades").to_pylist(), key=lambda r: r["date"])
    return {r["trade"]: r for r in rows}


def _by(study: Study, table: str, key: str) -> dict[str, dict[str, Any]]:
    return {r[key]: r for r in study.table(table).to_pylist()}


def _paired(old: dict[str, Any], new: dict[str, Any], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {"name": n, "why": r["evidence_id"], "old": {k: r[k] for k in keys}, "new": {k: new[n][k] for k in keys} if n in new else None}
        for n, r in old.items()
    ]  # fmt: skip


# --- what may be supposed ---------------------------------------------------------------


def page(state: State, asked: str, query: str) -> dict[str, Any]:
    """What the page shows: what is supposed, in words; what may be supposed, found by words; what was kept."""
    study = state.study
    assert study is not None
    items = [t for t in asked.split("\n") if t]
    words = query[:200].lower().split()
    case, told = study.case, []
    # Hashing every record takes half a second: only where something is asked of them.
    work = _Work(case.folder, case) if items or words else None
    for text in items:
        assert work is not None
        try:
            told.append({"item": text, "words": work.take(parse([text])[0]), "fault": ""})
        except WhatIfError as error:
            told.append({"item": text, "words": text[:80], "fault": str(error)})
    found: list[dict[str, Any]] = []
    for kind, record in case.records() if words else ():
        if kind in ("settings", "sources", "places", "glossary", "vessels", "listings", "responses"):
            continue
        path = work._path(record) if work is not None and record.at.file.endswith(".toml") else ()
        text = f"{label(record)} {' '.join(str(v) for v in record.model_dump().values())} {record.at.file} {' '.join(path)}".lower()
        if all(w in text for w in words):
            one = described(case, kind, record, path)
            if one["values"] or one["off"]:
                near = sum(w in f"{label(record)} {' '.join(path)}".lower() for w in words)
                found.append(one | {"near": near})
    found.sort(key=lambda r: -r.pop("near"))
    origins = sorted({r.origin_group for k in ORIGINS for r in getattr(case, k) if getattr(r, "origin_group", None)})
    used = {s for kind in EVIDENCE for r in getattr(case, kind) for s in sources_of(r)}
    return {
        "find": query[:200], "supposed": told, "found": found[:FOUND], "more": len(found) > FOUND,
        "origins": origins,
        "sources": [{"source": s.id, "label": f"{s.publisher}: {s.title}"[:110]} for s in case.sources if s.id in used],
        "ships": [v.vessel for v in case.vessels if v.on_route],
        "kept": kept(study.store.folder),
    }  # fmt: skip


def described(case: Case, kind: str, record: Record, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a person may suppose of a record: the values that can be others, and whether it can be withdrawn."""
    from tumen.web.edit import choices

    values = []
    for name, info in type(record).model_fields.items():
        value = getattr(record, name)
        if isinstance(value, bool) or name in ("id", "line", "half_life_days"):
            continue
        number = isinstance(value, int | float) or _numeric(info.annotation)
        several = isinstance(value, list | tuple) and bool(value) and all(isinstance(v, int | float) for v in value)
        if record.at.file.endswith(".toml") and not (several or isinstance(value, int | float)):
            continue
        told = choices(info.annotation)
        if number or several or (told and name in ("state", "vessel_present", "reading", "use", "status")):
            values.append({"name": name, "value": _shown(value), "choices": told, "doc": (info.description or "").strip()})  # fmt: skip
    return {
        "why": record.evidence_id, "kind": kind, "label": _name(record, path if label(record).endswith(f" of {record.at.file}") else ()), "where": f"{record.at.file}:{record.at.line}", "values": values,
        "off": kind in EVIDENCE, "not": kind == "indicators" and getattr(record, "state", "") == "seen" and getattr(record, "value", None) is None,
        "origin": getattr(record, "origin_group", None) if kind in ORIGINS else None,
    }  # fmt: skip


def _numeric(annotation: Any) -> bool:
    text = str(annotation)
    return ("float" in text or "int" in text) and "str" not in text.replace("Constraints", "")


# --- kept what-ifs ----------------------------------------------------------------------


def keep(folder: Path, name: str, items: list[Item], result: dict[str, Any], who: str) -> Path:
    """Keep a what-if by name in the store, apart from the case. Raises `WhatIfError`."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80:
        raise WhatIfError(f"name of {len(name)} characters; expected 1 to 80")
    path = folder / "whatif" / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    data = {"name": name, "items": [str(i) for i in items], "who": who, "at": at, "result": result}
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(data, ensure_ascii=False, default=str), encoding="utf-8")
    aside.replace(path)
    return path


def kept(folder: Path) -> list[dict[str, Any]]:
    """What was kept, newest first; a file that cannot be read is left out."""
    found = []
    for path in (folder / "whatif").glob("*.json"):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            found.append({k: data[k] for k in ("name", "items", "who", "at", "result")})
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda d: str(d["at"]), reverse=True)


def forget(folder: Path, name: str) -> None:
    """Delete a kept what-if."""
    (folder / "whatif" / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json").unlink(missing_ok=True)


__all__ = [
    "Item",
    "Supposed",
    "WhatIfError",
    "compare",
    "described",
    "forget",
    "keep",
    "kept",
    "page",
    "parse",
    "suppose",
]
