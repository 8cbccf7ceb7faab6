"""How a table is declared: columns with type, unit, meaning of null, and a key.

A `Table` is the one description of what passes between two steps. Rooms build
their results with `Table.build`, which casts and checks, so a wrong column or
a null where none is meant fails in the room that made it, not two rooms later.
Times are `timestamp[us, UTC]`; a month is the date of its first day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TIME = pa.timestamp("us", tz="UTC")
DATE = pa.date32()
TEXT = pa.string()
NAME = pa.dictionary(pa.int32(), pa.string())
INT = pa.int64()
COUNT = pa.int32()
REAL = pa.float64()
FLAG = pa.bool_()
TEXTS = pa.list_(pa.string())


class TableError(ValueError):
    """A table does not have the shape that its declaration promises."""


@dataclass(frozen=True)
class Column:
    """One column: `null` says what an empty cell means; without it a cell may not be empty."""

    name: str
    type: pa.DataType
    doc: str
    unit: str | None = None
    null: str | None = None

    def arrow(self) -> pa.Field:
        """The Arrow field, with doc, unit and meaning of null as metadata."""
        notes = {"doc": self.doc}
        if self.unit:
            notes["unit"] = self.unit
        if self.null:
            notes["null"] = self.null
        return pa.field(self.name, self.type, nullable=self.null is not None, metadata=notes)


@dataclass(frozen=True)
class Table:
    """A declared table.

    `draws` tables hold joint posterior draws: they carry a `draw` column, and
    one evidence record stands for the whole table instead of one a row.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    draws: bool = False
    _schema: pa.Schema = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names):
            raise TableError(f"table {self.name}: a column is declared twice")
        for part in self.key:
            if part not in names:
                raise TableError(f"table {self.name}: key column {part} is not declared")
        schema = pa.schema(
            [c.arrow() for c in self.columns],
            metadata={"table": self.name, "doc": self.doc, "key": ",".join(self.key)},
        )
        object.__setattr__(self, "_schema", schema)
        if self.name in TABLES:
            raise TableError(f"table {self.name} is declared twice")
        TABLES[self.name] = self

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema, with field docs as metadata."""
        return self._schema

    def empty(self) -> pa.Table:
        """A table of no rows."""
        return self._schema.empty_table()

    def build(self, data: pa.Table | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> pa.Table:
        """Cast rows (list of dicts), columns (dict of arrays) or an Arrow table to this schema.

        A missing column that may be null is filled with nulls. Raises `TableError` on a
        missing or unknown column, a failed cast, a null where none is allowed, or a key
        that is not unique.

        >>> from tumen.tables import RATES  # doctest: +SKIP
        """
        columns = self._as_columns(data)
        unknown = set(columns) - {c.name for c in self.columns}
        if unknown:
            raise TableError(f"table {self.name}: unknown columns {sorted(unknown)}")
        length = max((len(v) for v in columns.values()), default=0)
        arrays = []
        for column in self.columns:
            arrays.append(self._cast(column, columns.get(column.name), length))
        made = pa.Table.from_arrays(arrays, schema=self._schema)
        self._check_key(made)
        return made

    def _as_columns(self, data: Any) -> dict[str, Any]:
        if isinstance(data, pa.Table):
            return {name: data.column(name) for name in data.column_names}
        if isinstance(data, Mapping):
            return dict(data)
        rows = list(data)
        names: list[str] = []
        for row in rows:
            names.extend(n for n in row if n not in names)
        return {name: [row.get(name) for row in rows] for name in names}

    def _cast(self, column: Column, values: Any, length: int) -> pa.Array | pa.ChunkedArray:
        if values is None:
            if column.null is None and length:
                raise TableError(f"table {self.name}: column {column.name} is missing")
            return pa.nulls(length, column.type)
        try:
            if isinstance(values, pa.Array | pa.ChunkedArray):
                array = values.cast(column.type)
            elif pa.types.is_dictionary(column.type):
                array = pa.array(values, type=column.type.value_type).dictionary_encode()
                array = array.cast(column.type)
            else:
                array = pa.array(values, type=column.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise TableError(f"table {self.name}: column {column.name}: {error}") from error
        if column.null is None and array.null_count:
            raise TableError(f"table {self.name}: column {column.name} has empty cells")
        return array

    def _check_key(self, made: pa.Table) -> None:
        # Draw tables are large and their key is made by the model, not by people.
        if not self.key or self.draws or not made.num_rows:
            return
        groups = made.select(list(self.key)).group_by(list(self.key)).aggregate([([], "count_all")])
        worst = pc.max(groups.column("count_all")).as_py()
        if worst > 1:
            rows = groups.filter(pc.greater(groups.column("count_all"), 1)).slice(0, 1).to_pylist()
            raise TableError(f"table {self.name}: key {rows[0]} stands {worst} times")


TABLES: dict[str, Table] = {}

EVIDENCE_ID = Column(
    "evidence_id",
    TEXT,
    "content hash; resolves in the store to a source row, image window, message range or computation",
    null="not yet stored: the store stamps it",
)
PARENTS = Column(
    "parents",
    TEXTS,
    "evidence ids of the rows that this row was computed from",
    null="computed from all inputs of its step",
)
DRAW = Column("draw", COUNT, "number of the joint posterior draw, the same world in every table", unit="0 .. n-1")


def columns(*groups: Column | Iterable[Column]) -> tuple[Column, ...]:
    """Flatten columns and groups of columns, for declarations that share a tail."""
    out: list[Column] = []
    for group in groups:
        out.extend([group] if isinstance(group, Column) else group)
    return tuple(out)
