"""The order of the steps. Only this file knows it.

    see -> count -> weigh -> front -> account -> judge -> answer -> headline

Each step names the tables that it needs, the parts of the case that it reads, and the tables
that it gives; its work is one call into a room of the middle floor. Rooms are imported when
their step runs, so that a case without images needs no raster library.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from tumen.case import Case

Tables = dict[str, pa.Table]


@dataclass(frozen=True)
class Inputs:
    """What a step may look at: the tables that it declared, the case as of the day, its own seed.

    `made_by` gives, for a table of an earlier step, the evidence id of the computation.
    """

    tables: Tables
    case: Case
    seed: int
    made_by: dict[str, str]
    workers: int = 1
    dask: str | None = None

    def __getitem__(self, name: str) -> pa.Table:
        return self.tables[name]

    @property
    def period(self) -> tuple[dt.date, dt.date]:
        """First and last day that the case speaks of, as of its day."""
        return self.case.settings.period

    @property
    def as_of(self) -> dt.date:
        """Nothing published later is known."""
        return self.case.settings.as_of


@dataclass(frozen=True)
class Step:
    """One step: `needs` tables and `reads` parts of the case, and `gives` tables."""

    name: str
    title: str
    needs: tuple[str, ...]
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    code: tuple[str, ...]
    work: Callable[[Inputs], Tables]


class RunError(RuntimeError):
    """A step cannot be done with this case; the message says which and why."""
