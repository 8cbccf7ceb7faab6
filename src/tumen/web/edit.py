"""Writing to the case from the workbench: a form of the row's own fields, the diff first, then the write.

The checks are those of `tumen check`; a mark ties the write to the diff that was shown, so that
two people who add at once cannot overwrite each other.
"""

from __future__ import annotations

import hashlib
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tumen.case import CaseError
from tumen.case.add import KINDS, add_row
from tumen.case.forms import model_of
from tumen.case.write import Change

# What may be added by form; other files are edited as text.
ADDABLE = ("sighting", "look", "claim", "indicator", "source")


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
    """A checked change that waits for a yes. `mark` is the hash of the text it was made from and to."""

    change: Change
    mark: str

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        return self.change.diff


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
            Field(name, (info.description or "").strip(), info.is_required(), _choices(info.annotation))
            for name, info in model.model_fields.items()
        ]

    def fields_or_none(self, kind: str) -> list[Field]:
        """The fields, or none where the kind has no form."""
        return self.fields(kind) if kind in ADDABLE else []

    def prepare(self, kind: str, cells: dict[str, str]) -> Prepared:
        """Check a row and give the change it would make. Raises `EditError` with every fault."""
        self.fields(kind)
        try:
            return marked(add_row(self.folder, kind, cells))
        except CaseError as error:
            raise EditError([str(f) for f in error.faults]) from error

    def write(self, prepared: Prepared, mark: str) -> None:
        """Write a change if it is still the one that was shown. Raises `EditError`."""
        if prepared.mark != mark:
            raise EditError(["the case changed since this was shown; look at the change again"])
        try:
            prepared.change.write()
        except CaseError as error:
            raise EditError([str(f) for f in error.faults]) from error


def marked(change: Change) -> Prepared:
    """A change with its mark."""
    text = f"{change.path.name}\0{change.before}\0{change.after}"
    return Prepared(change, hashlib.sha256(text.encode()).hexdigest())


def _choices(annotation: Any) -> tuple[str, ...]:
    """The words that a field allows, where it allows only some."""
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return tuple(str(a) for a in typing.get_args(annotation))
    if origin in (typing.Union, types.UnionType) or origin is typing.Annotated:
        for part in typing.get_args(annotation):
            found = _choices(part)
            if found:
                return found
    return ()
