"""What a step sees of a table: only what it reads, so that nothing else makes it compute again.

Takes an input table; gives the part of it that a step heeds, with stand-ins for the evidence ids. A step
computes with the stand-ins, and `put_back` writes the present ids over them afterwards: a reworded note makes a
row another record with another id, and every table that leads to the row must lead to the new one, but no number
stands on a note.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ID = "evidence_id"
# Remarks and pointers that a person reads: what no computation may lean on. Names of columns in `tumen.tables`.
REMARKS = ("note", "label", "source_id", "source_ids", "report_ids", "parents")


@dataclass(frozen=True)
class View:
    """The part of a table that a step reads.

    `without`: columns that are taken out, so that code that asks for one fails at once. `rows`: from the table and the
    case, a mask of the rows that the step heeds (None: all).
    """

    without: tuple[str, ...] = REMARKS
    rows: Callable[[pa.Table, Any], pa.Array] | None = None

    def of(self, table: pa.Table, case: Any) -> pa.Table:
        """The part, evidence ids untouched."""
        if self.rows is not None:
            table = table.filter(self.rows(table, case))
        return table.drop_columns([c for c in self.without if c in table.column_names])


def stand_ins(name: str, table: pa.Table) -> tuple[pa.Table, dict[str, str]]:
    """The table with `NAME#row` for each evidence id, and the ids by stand-in.

    >>> made, ids = stand_ins("looks", pa.table({"look_id": ["a", "b"], "evidence_id": ["5f", None]}))
    >>> made.column("evidence_id").to_pylist(), ids
    (['id of looks#0', None], {'id of looks#0': '5f'})
    """
    if ID not in table.column_names:
        return table, {}
    given = table.column(ID).to_pylist()
    names = [None if own is None else stand_in(name, number) for number, own in enumerate(given)]
    place = table.column_names.index(ID)
    made = table.set_column(place, table.schema.field(place), pa.array(names, pa.string()))
    return made, {n: own for n, own in zip(names, given, strict=True) if n is not None}


def stand_in(name: str, row: object) -> str:
    """What stands for one evidence id; no text that a person or a model writes looks like it."""
    return f"id of {name}#{row}"


def put_back(table: pa.Table, ids: Mapping[str, str]) -> pa.Table:
    """The table with the ids in place of their stand-ins, in columns of text and of lists of text.

    >>> put_back(pa.table({"parents": [["id of looks#0"], None]}), {"id of looks#0": "5f"}).to_pydict()
    {'parents': [['5f'], None]}
    """
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_string(field.type):
            table = table.set_column(place, field, _replaced(column.combine_chunks(), ids))
        elif pa.types.is_list(field.type) and pa.types.is_string(field.type.value_type):
            whole = column.combine_chunks()
            if isinstance(whole, pa.ChunkedArray):
                whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], field.type)
            kept = pa.ListArray.from_arrays(whole.offsets, _replaced(whole.values, ids), mask=_mask(whole))
            table = table.set_column(place, field, kept.cast(field.type))
    return table


def _mask(whole: pa.Array) -> pa.Array | None:
    return pc.is_null(whole) if whole.null_count else None


def _replaced(values: Any, ids: Mapping[str, str]) -> Any:
    """Text cells with those that are stand-ins replaced; the same object where none is."""
    known = pc.index_in(values, pa.array(list(ids), pa.string()))
    if known.null_count == len(known):
        return values
    at = np.asarray(known.fill_null(-1))
    cells = values.to_pylist()
    own = list(ids.values())
    return pa.array([cells[i] if n < 0 else own[n] for i, n in enumerate(at)], pa.string())
