"""What a walked bucket leaves for the last stage: the columns of its tables, and the one file that holds them.

Takes rows as the walk makes them; gives Arrow tables, written one after the other with a note of where each stands.
Beside what users get (see `tumen.tables.ais`) they hold what only the last stage needs, such as `open` visits.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from tumen.ais.work import Folder

TIME = pa.timestamp("us", tz="UTC")
VISIT_TYPES = {
    "visit_id": pa.string(), "vessel_id": pa.string(), "track": pa.int32(), "place": pa.string(), "berth": pa.string(),
    "start": TIME, "end": TIME, "hours": pa.float64(), "lat": pa.float64(), "lon": pa.float64(), "entry": pa.bool_(),
    "stop": pa.bool_(), "gap": pa.bool_(), "exit": pa.bool_(), "confidence": pa.int32(), "stop_start": TIME,
    "stop_end": TIME, "stopped_hours": pa.float64(), "longest_gap_hours": pa.float64(), "latest_before": TIME,
    "earliest_after": TIME, "in_case": pa.bool_(), "messages": pa.int32(), "first_message": pa.string(),
    "last_message": pa.string(), "open": pa.bool_(),
}  # fmt: skip
VOYAGE_TYPES = {
    "voyage_id": pa.string(), "vessel_id": pa.string(), "track": pa.int32(), "from_place": pa.string(),
    "to_place": pa.string(), "from_visit": pa.string(), "to_visit": pa.string(), "departed": TIME, "arrived": TIME,
    "hours": pa.float64(), "distance_nm": pa.float64(), "gaps": pa.int32(), "gap_hours": pa.float64(),
    "hangs_on": pa.string(), "if_raised": pa.bool_(),
}  # fmt: skip
SPOOF_TYPES = {
    "vessel_id": pa.string(), "track": pa.int32(), "kind": pa.string(), "start": TIME, "end": TIME,
    "hours": pa.float64(), "lat": pa.float64(), "lon": pa.float64(), "other_track": pa.int32(),
    "measure": pa.float64(), "confidence": pa.int32(), "messages": pa.int32(),
}  # fmt: skip
IDENTITY_TYPES = {
    "vessel_id": pa.string(), "first_seen": TIME, "last_seen": TIME, "messages": pa.int32(), "name": pa.string(),
    "call_sign": pa.string(), "imo": pa.string(), "imo_valid": pa.bool_(), "flag": pa.string(), "mmsi_kind": pa.string(),
    "ship_type": pa.int32(), "length_m": pa.float64(), "width_m": pa.float64(), "draught_m": pa.float64(),
    "destination": pa.string(),
}  # fmt: skip
CHANGE_TYPES = {
    "vessel_id": pa.string(), "field": pa.string(), "before": pa.string(), "after": pa.string(), "last_before": TIME,
    "first_after": TIME, "messages_before": pa.int32(), "messages_after": pa.int32(), "confidence": pa.int32(),
}  # fmt: skip
DRAUGHT_TYPES = {
    "vessel_id": pa.string(), "before_m": pa.float64(), "after_m": pa.float64(), "change_m": pa.float64(),
    "last_before": TIME, "first_after": TIME, "confidence": pa.int32(),
}  # fmt: skip
HULL_TYPES = {"imo": pa.int64(), "vessel": pa.int64(), "first": pa.int64(), "last": pa.int64(), "count": pa.int64()}
COUNT_TYPES = {"archive": pa.int32(), "reason": pa.int32(), "count": pa.int64()}


def table(rows: list[dict[str, Any]], types: dict[str, pa.DataType]) -> pa.Table:
    """Rows as a table of given types, other fields left out; times may be microseconds."""
    return pa.table({name: pa.array([row.get(name) for row in rows], type=kind) for name, kind in types.items()})


def write_tables(made: dict[str, pa.Table], work: Folder, name: str) -> None:
    """All tables of a bucket in one file: Arrow streams one after the other, then where each stands."""
    parts: list[Any] = []
    where: dict[str, tuple[int, int]] = {}
    at = 0
    for key, table_ in made.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table_.schema) as writer:
            writer.write_table(table_)
        raw = sink.getvalue()
        where[key] = (at, raw.size)
        parts.append(raw)
        at += raw.size
        if raw.size % 64:
            parts.append(bytes(64 - raw.size % 64))
            at += 64 - raw.size % 64
    note = json.dumps(where).encode()
    work.write(name, [*parts, note, len(note).to_bytes(8, "little")])


def read_tables(work: Folder, name: str) -> dict[str, pa.Table]:
    """The tables written by `write_tables`; they share one buffer."""
    raw = pa.py_buffer(work.read(name))
    size = int.from_bytes(raw[raw.size - 8 :].to_pybytes(), "little")
    where = json.loads(raw[raw.size - 8 - size : raw.size - 8].to_pybytes())
    return {key: pa.ipc.open_stream(raw.slice(at, length)).read_all() for key, (at, length) in where.items()}
