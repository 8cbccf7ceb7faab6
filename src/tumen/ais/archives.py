"""Any archive: what it is, how it is cut into tasks, and its rows in one shape whatever the format.

`plan` looks at the first bytes of each archive and cuts large ones into tasks; `blocks` reads one task;
`read` streams everything as Arrow batches. Nothing is left out without a count in `drops`.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import io
import json
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.ais import delimited, nmea, reasons, records, stores
from tumen.ais.columns import Mapping, lacking_note, not_there, plain
from tumen.ais.compiled import kernel
from tumen.ais.fields import NO_TIME
from tumen.ais.geo import E7, NO_ANGLE
from tumen.ais.nmea import Block
from tumen.ais.reasons import Drops
from tumen.ais.rows import Positions, Statics
from tumen.ais.streams import BLOCK_BYTES, MAX_LINE_BYTES, Source, compression_of, open_bytes, pieces
from tumen.ais.tracks import bucket_of

HEAD_BYTES = 256 << 10
# What readers raise over bytes that are not what they pretend to be; a Parquet footer may hold anything.
UNREADABLE_ERRORS = (
    OSError, pa.ArrowException, zipfile.BadZipFile, RuntimeError, EOFError, MemoryError, ValueError, KeyError, OverflowError,
)  # fmt: skip
ROWS_PER_TASK = 1 << 20
# The first ships with AIS sailed in the trials of the late 1990s.
EARLIEST_US = 820_454_400_000_000
DAY_US = 86_400_000_000
_NOT_VESSEL, _NO_POSITION, _OUT_OF_RANGE = reasons.NOT_VESSEL, reasons.NO_POSITION, reasons.OUT_OF_RANGE
_NULL_ISLAND, _NO_TIME, _TOO_EARLY, _FUTURE = reasons.NULL_ISLAND, reasons.NO_TIME, reasons.TOO_EARLY, reasons.FUTURE


@dataclass(frozen=True)
class Task:
    """One part of one archive: bytes [start, end) of text, or row groups [start, end) of Parquet."""

    archive: int
    source: Source
    kind: str
    start: int = 0
    end: int | None = None
    how: Any = None
    mapping: Mapping | None = None
    fingerprint: str = ""
    # about how many rows it will give, to choose the number of buckets by
    weight: int = 0
    earliest_us: int = EARLIEST_US


@dataclass
class Plan:
    """Tasks in the order of the archives, names of the archives, and what is wrong before a row is read."""

    tasks: list[Task] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    drops: list[Drops] = field(default_factory=list)


def expand(archives: Iterable[str | Path]) -> list[str]:
    """Paths of globs, folders and addresses, sorted within each; a name that matches nothing stays, to be named.

    >>> expand(["no/such*file"])
    ['no/such*file']
    """
    out: list[str] = []
    for item in archives:
        name = str(item)
        if stores.is_address(name):
            # what is wrong with an address is told when it is opened
            with contextlib.suppress(stores.StoreError):
                out += stores.files(name) or [name]
                continue
            found = [name]
        elif Path(name).is_dir():
            found = sorted(str(p) for p in Path(name).rglob("*") if p.is_file() and not p.name.startswith("."))
        else:
            found = [name] if Path(name).exists() else sorted(glob.glob(name, recursive=True))
        out.extend(found or [name])
    return list(dict.fromkeys(out))


def mapping_for(name: str, mapping: Mapping | Sequence[Mapping] | None) -> Mapping | None:
    """The first mapping whose glob fits the name or its last part."""
    for one in [mapping] if isinstance(mapping, Mapping) else mapping or []:
        if fnmatch.fnmatch(name, one.match) or fnmatch.fnmatch(name.rsplit("/", 1)[-1], one.match):
            return one
    return None


def plan(
    archives: Iterable[str | Path],
    mapping: Mapping | Sequence[Mapping] | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Plan:
    """Look into every archive and cut it into tasks; what cannot be read is named in `drops`, not raised."""
    made = Plan()
    for path in expand(archives):
        for source in _sources(path, made):
            number = len(made.names)
            made.names.append(source.name)
            drops = Drops(source.name)
            made.drops.append(drops)
            try:
                made.tasks += _tasks(number, source, mapping_for(source.name, mapping), drops, block_bytes)
            except UNREADABLE_ERRORS as error:
                drops.add(reasons.UNREADABLE, 1, _short(error))
    return made


def _short(error: BaseException) -> str:
    """What is wrong, in plain words where they are known."""
    if isinstance(error, stores.StoreError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "no such file or folder, and no file fits it as a pattern"
    if isinstance(error, IsADirectoryError):
        return "a folder without files"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def _sources(path: str, made: Plan) -> list[Source]:
    try:
        with open_bytes(path) as file:
            compression = compression_of(file.read(16))
            if compression == "zip":
                with zipfile.ZipFile(file) as zipped:
                    inside = [i.filename for i in zipped.infolist() if not i.is_dir() and i.file_size]
                if not inside:
                    made.names.append(path)
                    made.drops.append(Drops(path))
                    made.drops[-1].add(reasons.EMPTY, 1, "a zip without files")
                return [Source(path, "zip", member) for member in sorted(inside)]
    except (OSError, zipfile.BadZipFile) as error:
        drops = Drops(path)
        drops.add(reasons.UNREADABLE, 1, _short(error))
        made.names.append(path)
        made.drops.append(drops)
        return []
    return [Source(path, compression)]


def _tasks(number: int, source: Source, mapping: Mapping | None, drops: Drops, block_bytes: int) -> list[Task]:
    mark = fingerprint(source)
    if source.compression == "parquet":
        return _parquet_tasks(number, source, mapping, drops, mark)
    stream = source.open()
    head = stream.read(HEAD_BYTES)
    broken = getattr(stream, "broken", "")
    if not head.strip():
        drops.add(
            reasons.BREAKS_OFF if broken else reasons.EMPTY, 1, broken or "no bytes" if not head else "only blanks"
        )
        return []
    encoding = _encoding(head)
    if encoding:
        source = replace(source, encoding=encoding)
        head = source.open().read(HEAD_BYTES)
        drops.add(reasons.BAD_ENCODING, 1, f"archive is {encoding}, read as such")
    text = head.decode("utf-8", "replace").lstrip("\ufeff")
    task = Task(number, source, "", mapping=mapping, fingerprint=mark)
    # a mapping of columns is for tables that have any of them; what comes beside such a table is told by its bytes
    ours = mapping if mapping and mapping.fits(delimited.header_of(text, mapping)) else None
    if ours is None or not ours.columns:
        if text.lstrip()[:1] in "[{" and '"' in text[:400]:
            return [replace(task, kind="json")]
        if (
            "VDM," in text
            or "VDO," in text
            or text.lstrip("\ufeff \r\n").startswith(("$GP", "$AI", "!AI", "!BS", "\\s:", "\\g:", "\\c:"))
        ):
            return _cut(replace(task, kind="nmea"), 0, block_bytes)
    task = replace(task, mapping=ours)
    how = delimited.dialect(text[: max(text.find("\n", 65536), 65536)], ours)
    if how.missing:
        known = [role for role in ("vessel", "time", "lat", "lon") if role in how.roles]
        code = reasons.MISSING_COLUMN if len(known) >= 2 or (mapping and mapping.columns) else reasons.UNKNOWN_FORMAT
        drops.add(code, 1, lacking_note(how.missing, delimited.header_of(text, mapping), mapping), 1)
        return []
    _name_absent(delimited.header_of(text, ours), ours, drops)
    offset = _after_lines(head, how.header_lines)
    if offset >= len(head) and len(head) < HEAD_BYTES:
        drops.add(reasons.EMPTY, 1, "only a header")
        return []
    drops.lines = how.header_lines
    # VMS is older than AIS, and samples of it are published with shifted years
    earliest = -(2**62) if "veref" in plain(text.split("\n", 1)[0]) else EARLIEST_US
    return _cut(replace(task, kind="delimited", how=how, earliest_us=earliest), offset, block_bytes)


def _name_absent(header: list[str], mapping: Mapping | None, drops: Drops) -> None:
    """Columns that a mapping names and the table does not have, where it can be read without them."""
    absent = not_there(header, mapping)
    if absent:
        drops.add(reasons.MISSING_COLUMN, len(absent), f"no column {', '.join(absent)}; the rest is read", 1)


def _after_lines(head: bytes, lines: int) -> int:
    offset = 0
    for _ in range(lines):
        newline = head.find(b"\n", offset)
        if newline < 0:
            return len(head)
        offset = newline + 1
    return offset


def _encoding(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    sample = head[:4096]
    # UTF-16 of Western text has a zero in every other byte and hardly one between; a hole full of zeros has not
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) > len(sample) // 4 and min(even, odd) <= len(sample) // 100:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


# Bytes of a row of text, and how much larger a packed archive is once unpacked: only the number of buckets hangs on it.
_ROW_BYTES = {"nmea": 70, "delimited": 120}
_UNPACKED = 5


def _cut(task: Task, offset: int, block_bytes: int) -> list[Task]:
    with open_bytes(task.source.path) as file:
        size = file.seek(0, io.SEEK_END)
    if not task.source.seekable:
        return [replace(task, start=offset, weight=_UNPACKED * size // _ROW_BYTES[task.kind])]
    count = max(1, -(-(size - offset) // block_bytes))
    return [
        replace(
            task,
            start=offset + k * block_bytes,
            end=min(size, offset + (k + 1) * block_bytes),
            weight=min(size, block_bytes) // _ROW_BYTES[task.kind],
        )
        for k in range(count)
    ]


def fingerprint(source: Source) -> str:
    """What tells one state of an archive from another without reading it: path, size and time of change."""
    if stores.is_address(source.path):
        return json.dumps([source.name, *stores.state(source.path)])
    stat = Path(source.path).stat()
    return json.dumps([str(Path(source.name).resolve()), stat.st_size, stat.st_mtime_ns])


def _parquet_tasks(number: int, source: Source, mapping: Mapping | None, drops: Drops, mark: str) -> list[Task]:
    import pyarrow.parquet as pq

    with open_bytes(source.path) as file:
        parquet = pq.ParquetFile(file)
        given, mapping = mapping, mapping if mapping and mapping.fits(parquet.schema_arrow.names) else None
        roles = records.parquet_roles(parquet.schema_arrow, mapping)
        lacking = records.missing(roles)
        if lacking:
            drops.add(reasons.MISSING_COLUMN, 1, lacking_note(lacking, parquet.schema_arrow.names, given))
            return []
        wrong = records.unfit(parquet.schema_arrow, roles)
        if wrong:
            drops.add(reasons.MISSING_COLUMN, len(wrong), "; ".join(dict.fromkeys(wrong.values())))
            roles = {role: name for role, name in roles.items() if role not in wrong}
            if records.missing(roles):
                return []
        _name_absent(parquet.schema_arrow.names, mapping, drops)
        if not parquet.metadata.num_rows or not parquet.metadata.num_row_groups:
            drops.add(reasons.EMPTY, 1, "no rows")
            return []
        tasks, start, rows = [], 0, 0
        groups = parquet.metadata.num_row_groups
        for group in range(groups):
            rows += parquet.metadata.row_group(group).num_rows
            if rows >= ROWS_PER_TASK or group == groups - 1:
                tasks.append(Task(number, source, "parquet", start, group + 1, roles, mapping, mark, rows))
                start, rows = group + 1, 0
    return tasks


@dataclass
class Rows:
    """A block of rows of one archive and the offset of its first byte (or row)."""

    positions: Positions
    statics: Statics
    base: int


def blocks(task: Task, drops: Drops, block_bytes: int = BLOCK_BYTES) -> Iterator[Rows]:
    """Read one task block by block; counts go to `drops`. An archive that fails half-way keeps what was read."""
    try:
        if task.kind == "parquet":
            yield from _parquet_blocks(task, drops)
        elif task.kind == "json":
            yield from _json_blocks(task, drops)
        else:
            yield from _text_blocks(task, drops, block_bytes)
    except UNREADABLE_ERRORS as error:
        drops.add(reasons.BREAKS_OFF, 1, _short(error))


def _text_blocks(task: Task, drops: Drops, block_bytes: int) -> Iterator[Rows]:
    stream = task.source.open()
    skip = 0
    if not task.source.seekable and task.start:
        skip = task.start
        left = skip
        while left:
            left -= len(stream.read(min(left, 1 << 20))) or left
    clock = NO_TIME
    start, end = (task.start, task.end) if task.source.seekable else (0, None)
    for piece in pieces(stream, start, end, block_bytes):
        if piece.own < piece.stop:
            if task.kind == "nmea":
                block = nmea.read_block(piece.buf, piece.own, piece.stop, clock)
                clock = block.clock
            else:
                block = delimited.read_block(piece.buf[piece.own : piece.stop], task.how)
            _encoding_faults(piece.buf[piece.own : piece.stop], block)
            yield _take(block, drops, piece.base + skip)
        # it stands behind the whole lines of its piece
        drops.add(reasons.TOO_LONG, piece.long_lines, "", drops.lines + 1)
        drops.lines += piece.long_lines
    if getattr(stream, "broken", ""):
        drops.add(reasons.BREAKS_OFF, 1, stream.broken)


def _encoding_faults(buf: np.ndarray, block: Block) -> None:
    """Count lines with bytes that are no UTF-8."""
    if not len(buf) or buf.max() < 128:
        return
    text = buf.tobytes()
    try:
        text.decode()
    except UnicodeDecodeError:
        for number, line in enumerate(text.split(b"\n"), 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                block.counts[reasons.BAD_ENCODING] += 1
                block.first[reasons.BAD_ENCODING] = block.first[reasons.BAD_ENCODING] or number


def _parquet_blocks(task: Task, drops: Drops) -> Iterator[Rows]:
    import pyarrow.parquet as pq

    with open_bytes(task.source.path) as file:
        parquet = pq.ParquetFile(file, memory_map=False, pre_buffer=False)
        base = sum(parquet.metadata.row_group(g).num_rows for g in range(task.start))
        told = base + sum(parquet.metadata.row_group(g).num_rows for g in range(task.start, task.end or 0))
        columns = sorted(set(task.how.values()))
        for group in range(task.start, task.end or 0):
            # one row group at a time, and a large one in slices
            for batch in parquet.iter_batches(batch_size=ROWS_PER_TASK, row_groups=[group], columns=columns):
                block = records.from_batch(batch, task.how, task.mapping)
                block.lines = 0
                yield _take(block, drops, base)
                base += batch.num_rows
        if base < told:
            drops.add(reasons.BREAKS_OFF, 1, f"{told - base} rows fewer than its footer tells")


def _json_blocks(task: Task, drops: Drops) -> Iterator[Rows]:
    stream = task.source.open()
    head = _all_of(stream, MAX_LINE_BYTES)
    if records.is_lines(head):
        yield from _json_lines(_Ahead(head, stream), task, drops)
    else:
        text = head + _all_of(stream, records.MAX_DOCUMENT_BYTES + 1 - len(head))
        if len(text) > records.MAX_DOCUMENT_BYTES:
            drops.add(reasons.TOO_LONG, 1, "JSON document over 128 MiB; one object a line has no limit")
            return
        found = list(records.flatten(_document(text, drops)))
        if not found:
            drops.add(reasons.UNKNOWN_FORMAT, 1, "no JSON object with vessel, time and position")
        else:
            yield from _of_records(found, task, drops, 0)
    if getattr(stream, "broken", ""):
        drops.add(reasons.BREAKS_OFF, 1, stream.broken)


# JSON takes ten times its size as objects.
_JSON_PIECE_BYTES = 8 << 20


def _json_lines(stream: Any, task: Task, drops: Drops) -> Iterator[Rows]:
    """One object a line, in pieces of bounded size; a line that is none is counted."""
    number, base = 0, 0
    for piece in pieces(stream, size=_JSON_PIECE_BYTES):
        found: list[dict[str, Any]] = []
        for line in piece.buf[piece.own : piece.stop].tobytes().splitlines():
            number += 1
            stripped = line.strip(b" \t\r,\xef\xbb\xbf")
            if stripped not in (b"", b"[", b"]"):
                found += records.flatten(_object(stripped, drops, number))
        if found:
            yield from _of_records(found, task, drops, base)
            base += len(found)
        drops.add(reasons.TOO_LONG, piece.long_lines, "", number + 1)
        number += piece.long_lines
    if not base:
        drops.add(reasons.UNKNOWN_FORMAT, 1, "no JSON object with vessel, time and position")


def _object(line: bytes, drops: Drops, number: int) -> Any:
    try:
        return json.loads(_readable(line, drops, number))
    except (ValueError, RecursionError):
        drops.add(reasons.HALF_LINE, 1, "not a JSON object", number)
        return None


def _readable(raw: bytes, drops: Drops, number: int = 0) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        drops.add(reasons.BAD_ENCODING, 1, "", number)
        return raw.decode("utf-8", "replace")


def _document(raw: bytes, drops: Drops) -> Any:
    """A whole document; of a broken one the lines that are objects, else the objects before the break."""
    text = _readable(raw, drops).lstrip("\ufeff")
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text)
    whole, broken = [], Drops()
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(" \t\r,")
        if stripped not in ("", "[", "]"):
            made = _object(stripped.encode(), broken, number)
            whole += [made] if isinstance(made, dict) else []
    if whole:
        drops.merge(broken)
        return whole
    made, count = records.up_to_break(text)
    if count:
        drops.add(reasons.HALF_LINE, 1, f"JSON breaks off behind {count} whole objects")
    return made


def _of_records(found: list[dict[str, Any]], task: Task, drops: Drops, base: int) -> Iterator[Rows]:
    made = records.from_records(found, task.mapping)
    if isinstance(made, list):
        drops.add(reasons.MISSING_COLUMN, 1, f"no field for {', '.join(made)}")
        return
    made.lines = 0
    yield _take(made, drops, base)


def _all_of(stream: Any, size: int) -> bytes:
    """Bytes up to a size or the end, of a stream that may give fewer at a time."""
    parts: list[bytes] = []
    while size > 0 and (data := stream.read(size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


class _Ahead:
    """A stream of which some was read already."""

    def __init__(self, head: bytes, stream: Any) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int) -> bytes:
        """Up to `size` bytes."""
        out, self._head = self._head[:size], self._head[size:]
        return out if len(out) == size else out + self._stream.read(size - len(out))


def _take(block: Block, drops: Drops, base: int) -> Rows:
    drops.take(block.counts, block.first)
    drops.lines += block.lines
    drops.rows += len(block.positions)
    return Rows(block.positions, block.statics, base)


@kernel
def _fates(
    vessel: np.ndarray, t: np.ndarray, lat: np.ndarray, lon: np.ndarray, kind: np.ndarray, earliest: int, latest: int,
    bits: int, counts: np.ndarray, first: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Bucket of each row, -1 where it is left out (counted under the first reason that fits, `first` its first row), and
    bucket starts."""
    n = len(t)
    bucket = np.empty(n, dtype=np.int32)
    start = np.zeros((1 << bits) + 1, dtype=np.int64)
    for i in range(n):
        k = kind[i]
        why = -1
        # type 11 is the answer of a mobile station: a ship's, where the number says so
        if k != 0 and (
            k == 4 or k == 9 or k == 17 or k == 21 or (k == 11 and not 200_000_000 <= vessel[i] < 800_000_000)
        ):
            why = _NOT_VESSEL
        elif lat[i] == NO_ANGLE or lon[i] == NO_ANGLE or lat[i] == 910_000_000 or lon[i] == 1_810_000_000:
            why = _NO_POSITION
        elif abs(lat[i]) > 900_000_000 or abs(lon[i]) > 1_800_000_000:
            why = _OUT_OF_RANGE
        elif lat[i] == 0 and lon[i] == 0:
            why = _NULL_ISLAND
        elif t[i] == NO_TIME:
            why = _NO_TIME
        elif t[i] < earliest:
            why = _TOO_EARLY
        elif t[i] > latest:
            why = _FUTURE
        if why >= 0:
            if counts[why] == 0:
                first[why] = i
            counts[why] += 1
            bucket[i] = -1
            continue
        b = bucket_of(vessel[i], bits)
        bucket[i] = b
        start[b + 1] += 1
    for b in range(1 << bits):
        start[b + 1] += start[b]
    return bucket, start


def sift(
    pos: Positions, drops: Drops, latest_us: int, earliest_us: int = EARLIEST_US, bits: int = 0, base: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Bucket of each row and where each bucket starts in the sorted order; -1: no event can be made of the row,
    which is counted under the first reason that fits it. `base` is the offset in the archive of the first row's block."""
    counts = np.zeros(reasons.COUNT, dtype=np.int64)
    first = np.zeros(reasons.COUNT, dtype=np.int64)
    made = _fates(pos.vessel, pos.t, pos.lat, pos.lon, pos.kind, earliest_us, latest_us, bits, counts, first)
    for code in np.flatnonzero(counts).tolist():
        if reasons.REASONS[code].fault and code not in drops.note:
            drops.note[code] = _first_of(pos, int(first[code]), code, base)
    drops.counts += counts
    return made  # type: ignore[no-any-return]


def _first_of(pos: Positions, i: int, code: int, base: int) -> str:
    """Where the first row of a fault stands, as events name their messages, and what it told."""
    told = f"vessel {pos.vessel[i]}"
    if code in (_TOO_EARLY, _FUTURE):
        # years that the calendar has not are told as seconds
        seconds = int(pos.t[i]) // 1_000_000
        with contextlib.suppress(ValueError, OverflowError):
            told += f", {np.datetime64(seconds, 's')}Z"
    elif code == _OUT_OF_RANGE:
        told += f", latitude {pos.lat[i] / E7:g}, longitude {pos.lon[i] / E7:g}"
    return f"first at @{base + int(pos.at[i])}: {told}"


def usable(pos: Positions, drops: Drops, latest_us: int, earliest_us: int = EARLIEST_US) -> Positions:
    """The rows that events can be made of; every other one is counted under the first reason that fits it."""
    keep = sift(pos, drops, latest_us, earliest_us)[0] >= 0
    return pos if keep.all() else pos.take(keep)


def now_us() -> int:
    """The wall clock plus the day by which a time may lie ahead of it."""
    return int(time.time() * 1e6) + DAY_US


def read(
    archives: Iterable[str | Path],
    mapping: Mapping | Sequence[Mapping] | None = None,
    drops: list[Drops] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Stream the positions of any archives as Arrow batches, in their order, rows as they stand.

    Columns: vessel (MMSI, or a negative number for an identifier in letters), t (UTC), lat, lon
    (degrees, WGS 84), sog_kn, cog_deg, heading_deg, status, message_type, at (byte or row offset in
    the block), archive. Sentinels (latitude 91, speed 102.3, heading 511, course 360) are null. Pass a
    list as `drops` to receive the counts of what was not used. Memory stays bounded by the block size.
    """
    planned = plan(archives, mapping)
    for task in planned.tasks:
        counted = planned.drops[task.archive]
        for rows in blocks(task, counted):
            batch = rows.positions.arrow()
            name = pa.DictionaryArray.from_arrays(
                pa.array(np.zeros(len(batch), np.int32)), [planned.names[task.archive]]
            )
            yield batch.append_column("archive", name)
    if drops is not None:
        drops.extend(planned.drops)


def read_identities(archives: Iterable[str | Path], mapping: Mapping | Sequence[Mapping] | None = None) -> pa.Table:
    """The identity messages (types 5, 19, 21, 24; identity columns of tables), equal ones of a vessel run together."""
    planned = plan(archives, mapping)
    parts = [rows.statics for task in planned.tasks for rows in blocks(task, planned.drops[task.archive])]
    return pa.Table.from_batches([Statics.join(parts).collapse().arrow()])
