"""Writing to the case from the workbench: a form of the row's own fields, the diff first, then the write.

The checks are those of `tumen check`. A mark ties the write to the diff that was shown, so that two
people who add at once cannot overwrite each other; when two change one row, what only one of them
changed is merged, and what both changed is shown to the second, with nothing lost.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tumen.case import Case, CaseError
from tumen.case.add import KINDS, add_row, suggest_id
from tumen.case.amend import AmendError, checked, row_cells, with_cells, with_entry
from tumen.case.faults import Faults
from tumen.case.folder import PARTS
from tumen.case.forms import model_of
from tumen.case.read import csv_rows
from tumen.case.record import Record
from tumen.case.write import Change, alone

# What may be added by form; other files are edited as text.
ADDABLE = ("sighting", "look", "claim", "indicator", "source")
# Rows of a table of the case -> what a person calls one of them.
KIND_OF = {"looks": "look", "sightings": "sighting", "claims": "claim", "indicators": "indicator", "sources": "source"}

ID_MADE = "; left empty, it is made in the pattern of the file"


class EditError(Exception):
    """Nothing was written; `messages` say why, one a fault."""

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        super().__init__("\n".join(messages))


@dataclass(frozen=True)
class Field:
    """One field of a form."""

    name: str
    doc: str
    required: bool
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """Checked changes that wait for a yes. `mark` is the hash of the texts they were made from and to."""

    changes: tuple[Change, ...]
    mark: str

    @property
    def diff(self) -> str:
        """The changes as a unified diff."""
        return "".join(change.diff for change in self.changes)


@dataclass(frozen=True)
class Open:
    """A row opened for changing: its kind, its name in the file, its cells as they stand, and where."""

    kind: str
    name: str
    cells: dict[str, str]
    where: str
    line: int


@dataclass(frozen=True)
class Merged:
    """My cells over theirs: what is to be written, what of theirs was kept, and where we disagree."""

    cells: dict[str, str]
    kept: list[str]
    clashes: list[str]


def merge(base: dict[str, str], mine: dict[str, str], theirs: dict[str, str]) -> Merged:
    """Three-way merge of the cells of one row.

    >>> merge({"a": "1", "b": "1"}, {"a": "2", "b": "1"}, {"a": "1", "b": "3"}).cells
    {'a': '2', 'b': '3'}
    >>> merge({"a": "1"}, {"a": "2"}, {"a": "3"}).clashes
    ["a: yours is '2', now it stands as '3' (you began from '1')"]
    """
    cells, kept, clashes = {}, [], []
    for name in dict.fromkeys([*theirs, *mine]):
        was, my, their = base.get(name, ""), mine.get(name, ""), theirs.get(name, "")
        if my in (their, was):
            cells[name] = their
            if their != was and my != their:
                kept.append(f"{name}: '{their}' (it was '{was}')")
            continue
        cells[name] = my
        if their != was:
            clashes.append(f"{name}: yours is '{my}', now it stands as '{their}' (you began from '{was}')")
    return Merged(cells, kept, clashes)


class Editor:
    """Adds rows to the text of one case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fields(self, kind: str) -> list[Field]:
        """The fields of a row of a kind. Raises `EditError` for a kind that has no form."""
        if kind not in ADDABLE:
            raise EditError([f"'{kind[:40]}' has no form; expected one of {', '.join(ADDABLE)}"])
        model = model_of(KINDS[kind])
        return [
            Field(
                name,
                (info.description or "").strip() + (ID_MADE if name == "id" else ""),
                info.is_required() and name != "id",
                choices(info.annotation),
            )
            for name, info in model.model_fields.items()
        ]

    def fields_or_none(self, kind: str) -> list[Field]:
        """The fields, or none where the kind has no form."""
        return self.fields(kind) if kind in ADDABLE else []

    def next_id(self, kind: str, cells: dict[str, str]) -> str:
        """A free id in the pattern of the file; nothing where it is made of cells that are not filled yet."""
        return suggest_id(self.folder, kind, cells) if kind in ADDABLE else ""

    def prepare(self, kind: str, cells: dict[str, str], author: str = "", at: dt.date | None = None) -> Prepared:
        """Check a row and give the change it would make; its author and the day stand in a comment above it.

        Raises `EditError` with every fault.
        """
        self.fields(kind)
        try:
            change = add_row(self.folder, kind, cells)
        except CaseError as error:
            raise EditError([str(f) for f in error.faults]) from error
        return marked(_signed(change, author, at or dt.datetime.now(dt.UTC).date()) if author.strip() else change)

    def open(self, kind: str, name: str) -> Open:
        """A row by its kind and its id, as it stands in the text now. Raises `EditError`."""
        self.fields(kind)
        file = KINDS[kind]
        try:
            case = Case.load(self.folder)
        except CaseError as error:
            raise EditError([str(f) for f in error.faults]) from error
        attribute = next(part.attribute for part in PARTS if part.file == file)
        for record in getattr(case, attribute):
            if record.id == name:
                return Open(kind, name, self._cells(file, record), f"{file}:{record.at.line}", record.at.line)
        raise EditError([f"{file}: there is no {kind} '{name[:60]}' (any more); it may have been renamed or taken out"])

    def _cells(self, file: str, record: Record) -> dict[str, str]:
        if file.endswith(".csv"):
            return row_cells((self.folder / file).read_text(encoding="utf-8-sig"), file, record.at.line)
        data = record.model_dump(mode="json")
        return {k: "" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for k, v in data.items()}

    def prepare_change(self, row: Open, cells: dict[str, str]) -> Prepared:
        """Check changed cells of a row and give the change. Raises `EditError` with every fault."""
        path = self.folder / KINDS[row.kind]
        before = path.read_bytes().decode("utf-8")
        changed = {k: v.strip() for k, v in cells.items() if v.strip() != row.cells.get(k, "").strip()}
        if not changed:
            raise EditError(["nothing was changed"])
        try:
            amend = with_entry if path.suffix == ".yaml" else with_cells
            after = amend(before, path.name, row.line, changed)
            checked(self.folder, {path.name: after})
        except CaseError as error:
            raise EditError([str(f) for f in error.faults]) from error
        except AmendError as error:
            raise EditError([str(error)]) from error
        return marked(Change(path, before, after))

    def write(self, prepared: Prepared, mark: str) -> None:
        """Write a change if it is still the one that was shown. Raises `EditError`."""
        if prepared.mark != mark:
            raise EditError(["the case changed since this was shown; look at the change again"])
        try:
            with alone(self.folder):  # two who say yes at once: the second finds the first one's change
                for change in prepared.changes:
                    change.check()
                for change in prepared.changes:
                    change.write()
        except CaseError as error:
            raise EditError([str(f) for f in error.faults]) from error


def marked(change: Change) -> Prepared:
    """A change with its mark."""
    return marked_all([change])


def marked_all(changes: Sequence[Change]) -> Prepared:
    """Changes of several files with one mark."""
    texts = "\0".join(f"{c.path.name}\0{c.before}\0{c.after}" for c in changes)
    return Prepared(tuple(changes), hashlib.sha256(texts.encode()).hexdigest())


def _signed(change: Change, author: str, at: dt.date) -> Change:
    """The same change with a comment above the new row: who added it, and when."""
    words = "".join(ch for ch in " ".join(author.split()) if ch.isprintable())[:60]
    note = f"# {words}, {at.isoformat()}, by the workbench\n"
    parts = change.after.splitlines(keepends=True)
    if change.path.suffix == ".yaml":
        line = max(i for i, text in enumerate(parts) if text.lstrip().startswith("- "))
    else:
        faults = Faults()
        rows, _ = csv_rows(change.after, change.path.name, faults)
        faults.stop()
        parts = change.after.split("\n")
        parts = [f"{p}\n" for p in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
        line = rows[-1].line - 1
    return Change(change.path, change.before, "".join([*parts[:line], note, *parts[line:]]))


def choices(annotation: Any) -> tuple[str, ...]:
    """The words that a field allows, where it allows only some."""
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return tuple(str(a) for a in typing.get_args(annotation))
    if origin in (typing.Union, types.UnionType) or origin is typing.Annotated:
        for part in typing.get_args(annotation):
            found = choices(part)
            if found:
                return found
    return ()
