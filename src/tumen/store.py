"""Where results live: content-addressed tables and the record of how each was made.

Takes tables from the steps; gives them back by key. Everything sits in the case's `.tumen/`:

    objects/<hash>.parquet    a table, named by the SHA-256 of its bytes
    steps/<key>.json          one computation: inputs, settings, seed, code version, outputs; a step with views has
                              two, one of what it heeds and one with the present evidence ids
    runs/<as_of>.json         which computations make up the answer as of a day

Every file is written aside, synced and renamed into place, so a run killed at any moment
leaves either the old file or the new one, and two runs at once write the same bytes under
the same names. The folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tumen.tables import TABLES

# Leftovers of a killed run are removed once they are older than any run could still be.
STALE_SECONDS = 24 * 3600
PACKAGE = Path(__file__).parent


class StoreError(RuntimeError):
    """The store cannot be read or written; the message names the path and what to do."""


@dataclass(frozen=True)
class StepRecord:
    """How one step's tables were made. `key` is the hash of everything else but `outputs` and `seconds`."""

    key: str
    step: str
    code: str
    settings: dict[str, Any]
    seed: int
    as_of: str
    inputs: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def evidence_id(self) -> str:
        """Id under which the computation itself can be cited."""
        return self.key[:16]


@dataclass(frozen=True)
class RunRecord:
    """The computations that make up the answer as of a day, and where each table comes from."""

    as_of: str
    tumen: str
    steps: dict[str, str]
    tables: dict[str, str]


class Store:
    """The `.tumen` folder of one case.

    Raises `StoreError` where the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            for part in ("objects", "steps", "runs", "tmp"):
                (folder / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{folder}: cannot be made: {error.strerror}; give a folder that can be written"
            ) from error
        self._sweep()

    # --- tables -----------------------------------------------------------------------

    def put(self, table: pa.Table) -> str:
        """Store a table; returns its hash."""
        sink = io.BytesIO()
        # Measured amounts hardly ever repeat: a dictionary of them costs a third of the time and saves nothing.
        repeated = [f.name for f in table.schema if not pa.types.is_floating(f.type)]
        pq.write_table(table, sink, compression="zstd", compression_level=1, use_dictionary=repeated)
        data = sink.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        path = self._object(digest)
        if not path.exists():
            self._write(path, data)
        return digest

    def get(self, digest: str, columns: list[str] | None = None) -> pa.Table | None:
        """A stored table, or None if it is missing or its bytes are not what its name says."""
        path = self._object(digest)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != digest:
            path.unlink(missing_ok=True)
            return None
        return pq.read_table(pa.BufferReader(data), columns=columns)

    # --- computations -----------------------------------------------------------------

    def done(self, key: str) -> StepRecord | None:
        """The record of a finished computation all of whose tables are whole."""
        data = self._json(self.folder / "steps" / f"{key}.json")
        if data is None:
            return None
        record = StepRecord(**data)
        if all(self._object(d).exists() for d in record.outputs.values()):
            return record
        return None

    def finish(self, record: StepRecord) -> None:
        """Write the record of a computation, after its tables."""
        self._write(self.folder / "steps" / f"{record.key}.json", _canonical(asdict(record)))

    def save_run(self, run: RunRecord) -> None:
        """Make a run the current answer for its as-of day, and the latest."""
        data = _canonical(asdict(run))
        self._write(self.folder / "runs" / f"{run.as_of}.json", data)
        self._write(self.folder / "runs" / "latest.json", data)

    def run(self, as_of: str = "latest") -> RunRecord | None:
        """A saved run."""
        data = self._json(self.folder / "runs" / f"{as_of}.json")
        return None if data is None else RunRecord(**data)

    # --- files ------------------------------------------------------------------------

    def _object(self, digest: str) -> Path:
        return self.folder / "objects" / f"{digest}.parquet"

    def _json(self, path: Path) -> dict[str, Any] | None:
        try:
            data = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None
        return data if isinstance(data, dict) else None

    def _write(self, path: Path, data: bytes) -> None:
        aside = self.folder / "tmp" / f"{os.getpid()}-{secrets.token_hex(6)}"
        try:
            with open(aside, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise StoreError(f"{path}: cannot be written: {error.strerror}; what was stored before is whole") from error

    def _sweep(self) -> None:
        old = time.time() - STALE_SECONDS
        for path in (self.folder / "tmp").iterdir():
            try:
                if path.stat().st_mtime < old:
                    path.unlink()
            except OSError:
                continue


def step_key(
    step: str, code: str, settings: Mapping[str, Any], seed: int, as_of: str, inputs: Mapping[str, str]
) -> str:
    """Hash of all that a computation depends on."""
    return hashlib.sha256(_canonical([step, code, dict(settings), seed, as_of, dict(inputs)])).hexdigest()


def table_hash(table: pa.Table) -> str:
    """Hash of a table's content, independent of how it is stored."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


@cache
def code_version(*parts: str) -> str:
    """Hash of the Python source of the named rooms or modules (`"traffic"`, `"draws.py"`) and of the tables.

    A change of code makes a new key, so that no result of older code is taken for a new one.
    """
    digest = hashlib.sha256()
    for part in sorted({*parts, "tables"}):
        root = PACKAGE / part
        files = sorted(root.rglob("*.py")) if root.is_dir() else [root]
        for path in files:
            digest.update(path.relative_to(PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def stamp(name: str, table: pa.Table, record_id: str) -> pa.Table:
    """Give each row of a step's table its evidence id.

    A row that already has one (it comes from the case) keeps it. In a draws table the
    computation's own id stands for all rows, so no column is added.
    """
    declared = TABLES.get(name)
    if declared is None or declared.draws or "evidence_id" not in table.column_names:
        return table
    place = table.column_names.index("evidence_id")
    given = table.column(place).to_pylist()
    if all(given):
        return table
    rows = table.drop_columns(["evidence_id"]).to_pylist()
    ids = [old or _row_id(name, row, record_id) for old, row in zip(given, rows, strict=True)]
    return table.set_column(place, table.schema.field(place), pa.array(ids, type=pa.string()))


def _row_id(name: str, row: dict[str, Any], record_id: str) -> str:
    return hashlib.sha256(_canonical([name, record_id, row])).hexdigest()[:16]


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain, indent=None).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return list(value)
    return str(value)
