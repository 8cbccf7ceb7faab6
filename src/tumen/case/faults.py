"""Faults in a case are values with file and line, collected and shown together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong in the case: `file:line: field: what is wrong, expected ...`."""

    file: str
    line: int
    field: str
    wrong: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.wrong}, expected {self.expected}"


class CaseError(Exception):
    """The case has faults; `faults` holds every one, ordered by file and line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(set(faults))
        super().__init__("\n".join(str(f) for f in self.faults))


@dataclass(frozen=True)
class At:
    """Where something was written."""

    file: str
    line: int


class Faults:
    """A collector that readers and checks add to; `stop()` raises when it holds any."""

    def __init__(self) -> None:
        self.items: list[Fault] = []

    def add(self, at: At, field: str, wrong: str, expected: str) -> None:
        """Note one fault."""
        self.items.append(Fault(at.file, at.line, field, wrong, expected))

    def stop(self) -> None:
        """Raise `CaseError` if any fault was noted."""
        if self.items:
            raise CaseError(self.items)
