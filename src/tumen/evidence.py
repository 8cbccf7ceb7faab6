"""From a figure down to the documents it stands on.

Takes a run's tables and the case's records; gives, for any evidence id, a `Node` with its
children: a computed row leads to the rows it was made from, a computation to its inputs, a
record of the case to its sources, a source to its Admiralty grade. The order of assessment
and custody follows the Berkeley Protocol on digital open-source investigations (UN, 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tumen.store import StepRecord
from tumen.tables import TABLES

# NATO Admiralty system (AJP-2.1): reliability of the source.
RELIABILITY = {
    "A": "completely reliable",
    "B": "usually reliable",
    "C": "fairly reliable",
    "D": "not usually reliable",
    "E": "unreliable",
    "F": "reliability cannot be judged",
}


class UnknownEvidence(KeyError):
    """No row, record or computation has this id."""


@dataclass(frozen=True)
class Node:
    """One step of the way from a figure to its documents.

    `kind` is figure | row | computation | input | record | source | file. `children` are ids
    that `Evidence.node` resolves.
    """

    id: str
    kind: str
    label: str
    where: str = ""
    grade: str = ""
    url: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    children: tuple[str, ...] = ()


class Evidence:
    """Resolves evidence ids of one run.

    `tables` are the run's tables by name (read when first needed), `steps` its computations by
    step name, `records` the case's own records as `(id, kind, file, line, source_ids, label, content)`.
    """

    def __init__(
        self,
        tables: Callable[[str], pa.Table | None],
        names: Iterable[str],
        steps: dict[str, StepRecord],
        made_by: dict[str, str],
        records: Iterable[Any],
        sources: pa.Table,
    ) -> None:
        self._read = tables
        self._names = list(names)
        self._steps = {record.evidence_id: record for record in steps.values()}
        self._by_name = steps
        self._made_by = made_by
        self._records = {r.evidence_id: r for r in records}
        self._sources = {row["source_id"]: row for row in sources.to_pylist()}
        self._rows: dict[str, tuple[str, dict[str, Any]]] | None = None

    def node(self, evidence_id: str) -> Node:
        """The node of an id. Raises `UnknownEvidence`."""
        if evidence_id.startswith("source:"):
            return self._source(evidence_id)
        if evidence_id.startswith("input:"):
            return self._input(evidence_id)
        if evidence_id in self._steps:
            return self._computation(self._steps[evidence_id])
        if evidence_id in self._records:
            return self._record(evidence_id)
        found = self._row_index().get(evidence_id)
        if found is None:
            raise UnknownEvidence(evidence_id)
        return self._row(evidence_id, *found)

    def get(self, evidence_id: str) -> Node | None:
        """The node of an id, or None."""
        try:
            return self.node(evidence_id)
        except UnknownEvidence:
            return None

    def sources_under(self, evidence_id: str) -> set[str]:
        """Every source id that a figure stands on."""
        seen: set[str] = set()
        found: set[str] = set()
        todo = [evidence_id]
        while todo:
            here = todo.pop()
            if here in seen:
                continue
            seen.add(here)
            if here.startswith("source:"):
                found.add(here.removeprefix("source:"))
            node = self.get(here)
            if node is not None:
                todo.extend(node.children)
        return found

    def _row_index(self) -> dict[str, tuple[str, dict[str, Any]]]:
        if self._rows is None:
            self._rows = {}
            for name in self._names:
                declared = TABLES.get(_base(name))
                if declared is None or declared.draws or "evidence_id" not in declared.schema.names:
                    continue
                table = self._read(name)
                if table is None:
                    continue
                for row in table.filter(pc.is_valid(table.column("evidence_id"))).to_pylist():
                    self._rows.setdefault(row["evidence_id"], (name, row))
        return self._rows

    def _row(self, evidence_id: str, name: str, row: dict[str, Any]) -> Node:
        parents = tuple(row.get("parents") or ())
        base = _base(name)
        label = row.get("text") or ", ".join(str(row[k]) for k in TABLES[base].key if row.get(k) is not None)
        if not parents:
            step = self._by_name.get(self._made_by.get(name, ""))
            parents = (step.evidence_id,) if step else tuple(f"source:{s}" for s in _sources_of(row))
        kind = "figure" if base == "headline" else "row"
        detail = {k: v for k, v in row.items() if v is not None and k not in ("evidence_id", "parents")}
        return Node(evidence_id, kind, str(label), f"table {base}", detail=detail, children=parents)

    def _computation(self, record: StepRecord) -> Node:
        children = tuple(f"input:{record.step}:{name}" for name in record.inputs)
        detail = {"code": record.code, "seed": record.seed, "as_of": record.as_of, "settings": record.settings}
        label = f"computed by the step '{record.step}'"
        where = f"code {record.code}, seed {record.seed}, as of {record.as_of}"
        return Node(record.evidence_id, "computation", label, where, detail=detail, children=children)

    def _input(self, evidence_id: str) -> Node:
        _, step, name = evidence_id.split(":", 2)
        base = _base(name)
        maker = self._made_by.get(name)
        if maker is not None and maker in self._by_name and maker != step:
            children: tuple[str, ...] = (self._by_name[maker].evidence_id,)
            return Node(evidence_id, "input", f"table '{base}' of the step '{maker}'", children=children)
        ids = [r.evidence_id for r in self._records.values() if r.kind == base]
        if not ids:
            table = self._read(name) if base in TABLES else None
            if table is not None and "evidence_id" in table.column_names:
                ids = [i for i in table.column("evidence_id").to_pylist() if i]
        # What entered a likelihood first: it carries the figure; what was only compared comes after.
        ids.sort(key=lambda i: i in self._records and self._records[i].content.get("use", "evidence") != "evidence")
        files = sorted({self._records[i].file for i in ids if i in self._records})
        count = f"{len(ids)} record{'s' if len(ids) != 1 else ''}"
        return Node(evidence_id, "input", f"'{base}' of the case, {count}", ", ".join(files), children=tuple(ids))

    def _record(self, evidence_id: str) -> Node:
        r = self._records[evidence_id]
        children = tuple(f"source:{s}" for s in r.source_ids)
        return Node(evidence_id, "record", r.label, f"{r.file}:{r.line}", detail=dict(r.content), children=children)

    def _source(self, evidence_id: str) -> Node:
        name = evidence_id.removeprefix("source:")
        row = self._sources.get(name)
        if row is None:
            raise UnknownEvidence(evidence_id)
        label = f"{row['publisher']}: {row['title']}"
        letter = row["reliability"]
        return Node(
            evidence_id,
            "source",
            label,
            row["date_text"] or "undated",
            grade=f"{letter} ({RELIABILITY.get(letter, 'not graded')})",
            url=row["url"] or "",
            detail={k: row.get(k) for k in ("title_ko", "why", "why_ko", "seen", "kind")} | {"source_id": name},
        )


def _base(name: str) -> str:
    """Declared name of a table: without 'case:' before it or '@step' behind it."""
    return name.removeprefix("case:").split("@")[0]


def _sources_of(row: dict[str, Any]) -> list[str]:
    if row.get("source_ids"):
        return list(row["source_ids"])
    return [row["source_id"]] if row.get("source_id") else []
