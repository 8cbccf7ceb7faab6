"""Columns and documents: Parquet and GeoParquet tables, Digitraffic and other JSON.

Takes Arrow batches, or JSON objects; gives positions and identity messages like the text readers do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen.ais import reasons
from tumen.ais.columns import (
    CLASS_WORDS,
    NEEDED,
    SPEED_UNITS,
    SPELLINGS,
    STATUS_WORDS,
    TYPE_WORDS,
    Mapping,
    plain,
    roles_of,
)
from tumen.ais.compiled import kernel
from tumen.ais.fields import NO_TIME, _instants, word_of
from tumen.ais.geo import NO_ANGLE
from tumen.ais.nmea import Block
from tumen.ais.rows import (
    CALL_BYTES,
    DESTINATION_BYTES,
    IDENT_BYTES,
    NAME_BYTES,
    Positions,
    Statics,
)

_VOID = {"", "unknown", "undefined", "null", "none", "nan", "n/a"}
# A JSON document is read whole, and takes about ten times its size; above this it should have come as lines.
MAX_DOCUMENT_BYTES = 128 << 20


def parquet_roles(schema: pa.Schema, mapping: Mapping | None = None) -> dict[str, str]:
    """Column name of each role; 'lat' and 'lon' may both be a GeoParquet point column."""
    roles = {role: schema.names[column] for role, column in roles_of(schema.names, mapping).items()}
    if ("lat" not in roles or "lon" not in roles) and b"geo" in (schema.metadata or {}):
        geo = json.loads(schema.metadata[b"geo"])
        column = geo.get("primary_column", "geometry")
        if column in schema.names:
            roles["lat"] = roles["lon"] = column
    return roles


# What a column may hold: of numbers also such as are written as text, or as bytes.
_NUMBERS = "numbers"
_KINDS = {"vessel": "numbers or text", "time": "times, numbers or text"}


def unfit(schema: pa.Schema, roles: dict[str, str]) -> dict[str, str]:
    """Roles whose column stands twice, or holds what they cannot be read from; each with what is wrong, in words.

    >>> unfit(pa.schema({"mmsi": pa.int64(), "lat": pa.list_(pa.int8())}), {"vessel": "mmsi", "lat": "lat"})
    {'lat': 'column lat holds list<item: int8>, expected numbers'}
    """
    told = {}
    for role, name in roles.items():
        if schema.names.count(name) > 1:
            told[role] = f"column {name} stands {schema.names.count(name)} times"
            continue
        kind = schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        fits = (
            pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
            or pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_bytes(kind)
            or (role == "time" and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)))
        )  # fmt: skip
        if not fits:
            told[role] = f"column {name} holds {kind}, expected {_KINDS.get(role, _NUMBERS)}"
    return told


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def missing(roles: dict[str, Any]) -> list[str]:
    """Needed roles that no column has."""
    return [role for role in NEEDED if role not in roles]


def _numbers(array: pa.Array, counts: np.ndarray) -> np.ndarray:
    """Float64 with NaN for null; text is read as numbers, what is none is counted."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type) or pa.types.is_null(array.type):
        out = np.full(len(array), np.nan)
        bad = 0
        for k, text in enumerate(array.to_pylist()):
            if text is None or text.strip().lower() in _VOID:
                continue
            try:
                out[k] = float(text)
            except ValueError:
                bad += 1
        counts[reasons.BAD_NUMBER] += bad
        return out
    return array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _times(array: pa.Array, counts: np.ndarray, month_first: bool) -> np.ndarray:
    """Microseconds UTC; a timestamp without zone is UTC; whole numbers by their size."""
    n = len(array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(array.type):
        unit = {"s": 1_000_000, "ms": 1000, "us": 1, "ns": 0}[array.type.unit]
        if unit == 1 and not array.null_count:
            # the common case, read without copying
            return array.view(pa.int64()).to_numpy()
        raw = pc.fill_null(array.cast(pa.int64()), -(2**62)).to_numpy(zero_copy_only=False)
        value = raw // 1000 if unit == 0 else raw * np.int64(unit)
        return np.where(raw == -(2**62), NO_TIME, value)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        flat = pc.fill_null(array.cast(pa.large_string()), "")
        if isinstance(flat, pa.ChunkedArray):
            flat = flat.combine_chunks()
        buffers = flat.buffers()
        offsets = np.frombuffer(buffers[1], dtype=np.int64)[flat.offset : flat.offset + n + 1]
        data = np.frombuffer(buffers[2] or b" ", dtype=np.uint8)
        out = _instants(data, offsets, month_first)
        counts[reasons.BAD_NUMBER] += int(np.count_nonzero((out == NO_TIME) & (np.diff(offsets) > 0)))
        return out
    value = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    scale = np.where(
        np.abs(value) < 1e11, 1e6, np.where(np.abs(value) < 1e14, 1e3, np.where(np.abs(value) < 1e17, 1, 1e-3))
    )
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(value), np.rint(np.nan_to_num(value * scale)).astype(np.int64), NO_TIME)


def _vessels(array: pa.Array) -> tuple[np.ndarray, list[str | None] | None]:
    """Vessel numbers (0: none), and the texts where the identifiers are not all numbers."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_integer(array.type):
        number = pc.fill_null(array.cast(pa.int64(), safe=False), 0).to_numpy(zero_copy_only=False)
        # negative ones stand for identifiers in letters
        return np.maximum(number, 0), None
    if pa.types.is_floating(array.type) or pa.types.is_decimal(array.type):
        value = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return np.where((value > 0) & (value < 2**63), np.nan_to_num(value), 0).astype(np.int64), None
    texts = [str(v).strip() if v is not None else "" for v in array.to_pylist()]
    cache: dict[str, int] = {}
    for text in set(texts):
        whole = text[:-2] if text.endswith(".0") else text
        cache[text] = (
            int(whole) if whole.isdigit() and len(whole) < 19 else 0 if whole.lower() in _VOID else named(whole)
        )
    plain = all(v >= 0 for v in cache.values())
    return np.array([cache[v] for v in texts], dtype=np.int64), None if plain else list(texts)


def named(text: str) -> int:
    """The negative number that stands for an identifier in letters, the same in every reader."""
    h = 14695981039346656037
    for byte in text.encode():
        h = ((h ^ byte) * 1099511628211) % 2**64
    return -(h >> 1) - 1


@kernel
def _angles(value: np.ndarray) -> np.ndarray:
    """Degrees as 1e-7 degree, NaN as null, clipped at 200 degrees for the check that follows."""
    out = np.empty(len(value), dtype=np.int32)
    for i in range(len(value)):
        v = value[i]
        out[i] = NO_ANGLE if v != v else np.int32(round(min(max(v, -200.0), 200.0) * 1e7))
    return out


@kernel
def _between(value: np.ndarray, factor: float, top: float) -> np.ndarray:
    """Values times a factor, null below 0 and from `top` on."""
    out = np.empty(len(value), dtype=np.float32)
    for i in range(len(value)):
        v = value[i] * factor
        out[i] = np.float32(v) if 0.0 <= v < top else np.float32(np.nan)
    return out


def _codes(array: pa.Array, words: dict[int, int]) -> np.ndarray:
    """Small codes, from numbers or words; -1 where there is none."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        coded = array.dictionary_encode()
        table = np.array(
            [int(float(v)) if _is_number(v) else words.get(word_of(v), -1) for v in coded.dictionary.to_pylist()] + [-1]
        )
        return table[pc.fill_null(coded.indices, len(table) - 1).to_numpy(zero_copy_only=False)]
    value = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.clip(np.where(np.isfinite(value), np.nan_to_num(value), -1), -1, 2**31).astype(np.int64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _points(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of WKB points."""
    import shapely

    geometry = shapely.from_wkb(array.to_numpy(zero_copy_only=False), on_invalid="ignore")
    return shapely.get_x(geometry), shapely.get_y(geometry)


def from_batch(batch: pa.RecordBatch | pa.Table, roles: dict[str, str], mapping: Mapping | None = None) -> Block:
    """Positions and identities of one batch."""
    n = batch.num_rows
    counts = np.zeros(reasons.COUNT, dtype=np.int64)

    def column(role: str) -> pa.Array:
        array = batch.column(roles[role])
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        if _is_bytes(array.type) and roles["lat"] != roles["lon"]:
            # text that its writer did not mark as text
            return pa.array([v if v is None else v.decode("utf-8", "replace") for v in array.to_pylist()], pa.string())
        return array

    pos = Positions.empty(n)
    pos.at[:] = np.arange(n, dtype=np.uint32)
    pos.vessel, texts = _vessels(column("vessel"))
    pos.t = _times(column("time"), counts, mapping.month_first if mapping else False)
    if mapping and mapping.zone_hours:
        pos.t = np.where(pos.t == NO_TIME, NO_TIME, pos.t - round(mapping.zone_hours * 3_600_000_000))
    if roles["lat"] == roles["lon"]:
        x, y = _points(column("lat"))
        pos.lat, pos.lon = _angles(y), _angles(x)
    else:
        pos.lat, pos.lon = _angles(_numbers(column("lat"), counts)), _angles(_numbers(column("lon"), counts))
    for name, top in (("sog", 102.25), ("cog", 360.0)):
        if name in roles:
            factor = SPEED_UNITS[mapping.speed_unit] if mapping and name == "sog" else 1.0
            setattr(pos, name, _between(_numbers(column(name), counts), factor, top))
        else:
            getattr(pos, name)[:] = np.nan
    pos.heading[:], pos.status[:], pos.kind[:] = -1, -1, 0
    if "heading" in roles:
        value = _between(_numbers(column("heading"), counts), 1.0, 360.0)
        pos.heading = np.where(np.isnan(value), -1, np.nan_to_num(value)).astype(np.int16)
    if "status" in roles:
        value = _codes(column("status"), STATUS_WORDS)
        pos.status = np.where((value < 0) | (value > 15), -1, value).astype(np.int8)
    if "message_type" in roles:
        value = _codes(column("message_type"), {})
        pos.kind = np.where((value < 1) | (value > 27), 0, value).astype(np.uint8)
    elif "class" in roles:
        pos.kind = np.maximum(_codes(column("class"), CLASS_WORDS), 0).astype(np.uint8)
    counts[reasons.NO_VESSEL] += int(np.count_nonzero(pos.vessel == 0))
    stat = _identities(column, roles, pos, texts)
    if (pos.vessel == 0).any():
        pos = pos.take(pos.vessel != 0)
    return Block(pos, stat, counts, np.zeros(reasons.COUNT, dtype=np.int64), n, n)


_WHO_ROLES = (
    "imo", "call_sign", "name", "ship_type", "length", "width", "draught", "destination", "bow", "stern", "port",
    "starboard",
)  # fmt: skip


@kernel
def _changes(vessel: np.ndarray, key: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows where a vessel's key differs from its last, with the count and latest time of the run that each opens."""
    n = len(vessel)
    size = 1024
    while size < 2 * n:
        size *= 2
    seen = np.zeros(size, dtype=np.int64)
    last = np.zeros(size, dtype=np.int64)
    row = np.zeros(size, dtype=np.int64)
    out = np.empty(n, dtype=np.int64)
    count = np.empty(n, dtype=np.int64)
    latest = np.empty(n, dtype=np.int64)
    m = 0
    for i in range(n):
        v = vessel[i]
        if v == 0:
            continue
        place = np.int64((np.uint64(v) * np.uint64(11400714819323198485)) >> np.uint64(33)) & (size - 1)
        while seen[place] != 0 and seen[place] != v:
            place = (place + 1) & (size - 1)
        if seen[place] == v and last[place] == key[i]:
            count[row[place]] += 1
            if t[i] > latest[row[place]]:
                latest[row[place]] = t[i]
            continue
        seen[place] = v
        last[place] = key[i]
        row[place] = m
        out[m] = i
        count[m] = 1
        latest[m] = t[i]
        m += 1
    return out[:m], count[:m], latest[:m]


def _identities(column: Any, roles: dict[str, str], pos: Positions, texts: list[str | None] | None) -> Statics:
    have = [role for role in _WHO_ROLES if role in roles]
    if not have and texts is None:
        return Statics.empty(0)
    key = np.zeros(len(pos), dtype=np.int64)
    with np.errstate(over="ignore"):
        for role in have:
            array = column(role)
            coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
            key = key * np.int64(1_000_003) + pc.fill_null(coded.indices.cast(pa.int64()), -1).to_numpy(
                zero_copy_only=False
            )
    index, count, latest = _changes(pos.vessel, key, pos.t)
    stat = Statics.empty(len(index))
    stat.vessel, stat.t, stat.t_last, stat.at, stat.count = pos.vessel[index], pos.t[index], latest, index, count
    taken = {role: column(role).take(pa.array(index)) for role in have}
    none = np.zeros(reasons.COUNT, dtype=np.int64)
    if "imo" in taken:
        array = taken["imo"]
        if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
            digits = ["".join(c for c in str(v or "") if c.isdigit())[:12] for v in array.to_pylist()]
            stat.imo = np.array([int(d) if d else 0 for d in digits], dtype=np.int64)
        else:
            stat.imo = np.nan_to_num(_numbers(array, none)).astype(np.int64)
    if "ship_type" in taken:
        value = _codes(taken["ship_type"], TYPE_WORDS)
        stat.ship_type = np.where(value > 255, -1, value).astype(np.int16)
    for k, role in enumerate(("bow", "stern", "port", "starboard")):
        if role in taken:
            value = _numbers(taken[role], none)
            stat.sides[:, k] = np.where(value >= 0, np.nan_to_num(value), -1)
    for k, role in ((0, "length"), (2, "width")):
        if role in taken:
            value = _numbers(taken[role], none)
            use = (value > 0) & (stat.sides[:, k] < 0) & (stat.sides[:, k + 1] < 0)
            stat.sides[use, k], stat.sides[use, k + 1] = 0, value[use]
    if "draught" in taken:
        value = _numbers(taken["draught"], none)
        stat.draught = np.where((value > 0) & (value <= 40), value, np.nan).astype(np.float32)
    for role, target, width in (
        ("name", stat.name, NAME_BYTES), ("call_sign", stat.call, CALL_BYTES),
        ("destination", stat.destination, DESTINATION_BYTES),
    ):  # fmt: skip
        if role in taken:
            _fill(target, [str(v) if v is not None else "" for v in taken[role].to_pylist()], width)
    if texts is not None:
        _fill(stat.ident, [texts[k] or "" if pos.vessel[k] < 0 else "" for k in index], IDENT_BYTES)
    return stat


def _fill(target: np.ndarray, words: list[str], width: int) -> None:
    for row, text in enumerate(words):
        text = text.strip().rstrip("@")
        if text.lower() in _VOID:
            continue
        raw = text.encode()[:width]
        target[row, : len(raw)] = np.frombuffer(raw, dtype=np.uint8)


def flatten(item: Any, outer: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """The position records in a JSON value: lists, FeatureCollections, {'vessels': [...]}, {'mmsi': ...}.

    Values of the outer object that a record lacks (a snapshot's time) are handed down.
    """
    if isinstance(item, list):
        for part in item:
            yield from flatten(part, outer)
        return
    if not isinstance(item, dict):
        return
    here = dict(outer or {})
    scalar = {k: v for k, v in item.items() if not isinstance(v, dict | list)}
    if item.get("type") == "Feature" and isinstance(item.get("properties"), dict):
        scalar.pop("type")
        scalar |= {k: v for k, v in item["properties"].items() if not isinstance(v, dict | list)}
        geometry = item.get("geometry")
        point = geometry.get("coordinates") if isinstance(geometry, dict) else None
        if isinstance(point, list) and len(point) >= 2:
            scalar.setdefault("lon", point[0])
            scalar.setdefault("lat", point[1])
        else:
            scalar |= {"lon": scalar.get("lon"), "lat": scalar.get("lat")}
        # Digitraffic: `timestamp` is the second of the minute (0..63), `timestampExternal` the time
        if "timestampExternal" in scalar:
            scalar["timestamp"] = scalar.pop("timestampExternal")
    lists = [v for v in item.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    # what has a position itself is a record, whatever else hangs on it
    places = {plain(k) for k in scalar}
    located = not places.isdisjoint(SPELLINGS["lat"]) and not places.isdisjoint(SPELLINGS["lon"])
    if lists and not located and item.get("type") != "Feature":
        handed = {k: v for k, v in (here | scalar).items() if k.lower() in _HANDED}
        for part in lists:
            yield from flatten(part, handed)
        return
    inner = [v for v in item.values() if isinstance(v, dict) and ({"lat", "lon", "latitude"} & set(v))]
    for part in inner:
        scalar |= {k: v for k, v in part.items() if not isinstance(v, dict | list)}
    yield {**here, **scalar}


def is_lines(head: bytes) -> bool:
    """Does JSON stand one object a line? Told by the first whole line (behind an opening bracket).

    >>> is_lines(b'{"mmsi": 1}\\n{"mm'), is_lines(b'[\\n{"mmsi": 1},\\n'), is_lines(b'[\\n  {\\n   "mmsi": 1,\\n')
    (True, True, False)
    """
    *lines, _ = head.split(b"\n")
    first = next(
        (stripped for line in lines if (stripped := line.strip(b" \t\r,\xef\xbb\xbf")) not in (b"", b"[")), b""
    )
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def up_to_break(text: str) -> tuple[Any, int]:
    """A JSON document that breaks off, closed behind its last whole object; and how many objects that leaves.

    >>> up_to_break('{"type": "FeatureCollection", "features": [{"a": 1}, {"a": 2}, {"a"')
    ({'type': 'FeatureCollection', 'features': [{'a': 1}, {'a': 2}]}, 2)
    """
    opened = re.search(r"\[\s*(?=\{)", text)
    at = opened.end() if opened else len(text)
    decoder, end, count = json.JSONDecoder(), at, 0
    while at < len(text):
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        count += 1
        behind = re.compile(r"\s*,\s*").match(text, end)
        if not behind:
            break
        at = behind.end()
    for closing in ("]", "]}", "]}}") if count else ():
        try:
            return json.loads(text[:end] + closing), count
        except (ValueError, RecursionError):
            continue
    return None, 0


_HANDED = {"timestamp", "time", "mmsi", "dataupdatedtime", "updatetime"}


def from_records(records: list[dict[str, Any]], mapping: Mapping | None = None) -> Block | list[str]:
    """Positions and identities of JSON records; or the roles that they lack."""
    if not records:
        return ["vessel", "time", "lat", "lon"]
    names: dict[str, None] = {}
    for record in records:
        names.update(dict.fromkeys(record))
    arrays = [_column([record.get(name) for record in records]) for name in names]
    table = pa.Table.from_arrays(arrays, names=list(names))
    roles = {role: table.column_names[c] for role, c in roles_of(table.column_names, mapping).items()}
    if "vessel" in roles and not ({"lat", "lon"} & set(roles)) and {"name", "imo", "draught"} & set(roles):
        return _only_identities(table, roles, mapping)
    lacking = missing(roles)
    return lacking if lacking else from_batch(table, roles, mapping)


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if v is None else str(v) for v in values])


def _only_identities(table: pa.Table, roles: dict[str, str], mapping: Mapping | None) -> Block:
    """Digitraffic's vessel list: identity without position. Draught is in decimetres there."""
    n = table.num_rows
    blank = pa.nulls(n, pa.float64())
    full = table.append_column("__lat", blank).append_column("__lon", blank)
    names = {**roles, "lat": "__lat", "lon": "__lon"}
    if "time" not in names:
        full, names["time"] = full.append_column("__time", pa.nulls(n, pa.float64())), "__time"
    if "draught" in roles and {"referencepointa", "postype"} & {c.lower() for c in table.column_names}:
        # before a draught of 55 is taken for one that no ship has
        at = full.column_names.index(roles["draught"])
        full = full.set_column(at, roles["draught"], pc.divide(full.column(at).cast(pa.float64()), 10.0))
    made = from_batch(full, names, mapping)
    return Block(Positions.empty(0), made.statics, made.counts, made.first, n, n)
