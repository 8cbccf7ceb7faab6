"""Tables as text: Danish, MarineCadastre, Spire, tacsat and any CSV by a mapping, read in one compiled pass.

Takes blocks of whole lines and the column of each role; gives positions, and an identity message
whenever a vessel's identity columns change. A cell that should be a number and is not becomes null
and is counted; a row that lacks a needed cell is counted under the reason why.
"""

# mypy: disable-error-code="return-value,assignment"
# Kernels mix Python and NumPy integers; numba, not mypy, gives them their types.

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np

from tumen.ais import reasons
from tumen.ais.columns import CLASS_WORDS, NEEDED, ROLE, ROLES, SPEED_UNITS, STATUS_WORDS, TYPE_WORDS, Mapping, roles_of
from tumen.ais.compiled import inlined, kernel
from tumen.ais.fields import NO_TIME, fold, instant, real, word, word_of
from tumen.ais.geo import NO_ANGLE
from tumen.ais.nmea import Block
from tumen.ais.rows import Positions, Statics

VESSEL, TIME, CLOCK, LAT, LON, SOG, COG, HEADING, STATUS, CLASS, MESSAGE = (ROLE[r] for r in ROLES[:11])
IMO, CALL, NAME, TYPE, LENGTH, WIDTH, DRAUGHT, DESTINATION = (ROLE[r] for r in ROLES[11:19])
BOW, STERN, PORT, STARBOARD, MILLISECOND = (ROLE[r] for r in ROLES[19:])
N_ROLES = len(ROLES)
BLANK, HALF_LINE, NO_VESSEL, BAD_NUMBER = reasons.BLANK, reasons.HALF_LINE, reasons.NO_VESSEL, reasons.BAD_NUMBER
BAD_TIME = reasons.NO_TIME

_VOID = np.array(sorted(word_of(w) for w in ("unknown", "undefined", "null", "none", "nan", "na", "N")), dtype=np.int64)
_DAY_US = 86_400_000_000


def _vocabulary(words: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    keys = np.array(sorted(words), dtype=np.int64)
    return keys, np.array([words[int(k)] for k in keys], dtype=np.int64)


_STATUS_KEYS, _STATUS_CODES = _vocabulary(STATUS_WORDS)
_CLASS_KEYS, _CLASS_CODES = _vocabulary(CLASS_WORDS)
_TYPE_KEYS, _TYPE_CODES = _vocabulary(TYPE_WORDS)


@dataclass(frozen=True)
class Dialect:
    """How the text is cut: delimiter and decimal point (as bytes), column of each role, and units."""

    delimiter: int
    decimal: int
    roles: dict[str, int]
    month_first: bool = False
    zone_us: int = 0
    speed: float = 1.0
    header_lines: int = 1
    swapped: bool = False

    @property
    def missing(self) -> list[str]:
        """Needed roles without a column."""
        return [role for role in NEEDED if role not in self.roles]


def dialect(head: str, mapping: Mapping | None = None) -> Dialect:
    """Read delimiter and columns off the first lines of a file.

    >>> dialect("MMSI;Timestamp;Lat;Lon\\n").missing
    []
    """
    lines, delimiter, cells = _first(head, mapping)
    header = mapping.header if mapping else True
    roles = roles_of(cells if header else [""] * len(cells), mapping)
    decimal = (mapping.decimal if mapping else None) or ("," if delimiter == ";" and _has_decimal_comma(lines) else ".")
    return Dialect(
        ord(delimiter),
        ord(decimal),
        roles,
        mapping.month_first if mapping else False,
        round(mapping.zone_hours * 3_600_000_000) if mapping else 0,
        SPEED_UNITS[mapping.speed_unit] if mapping else 1.0,
        (mapping.skip_lines if mapping else 0) + (1 if header else 0),
    )


def _first(head: str, mapping: Mapping | None) -> tuple[list[str], str, list[str]]:
    """Lines from the header on, the delimiter, and the cells of the header."""
    lines = head.splitlines()[mapping.skip_lines if mapping else 0 :] or [""]
    first = lines[0].lstrip("\ufeff")
    delimiter = (mapping.delimiter if mapping else None) or max(",;\t|", key=first.count)
    try:
        cells = next(csv.reader(io.StringIO(first.lstrip("# ")), delimiter=delimiter), [])
    except csv.Error:
        cells = first.split(delimiter)
    return lines, delimiter, cells


def header_of(head: str, mapping: Mapping | None = None) -> list[str]:
    """The cells of a table's first line as they are written.

    >>> header_of("# BOAT;WHEN\\n1;2\\n")
    ['BOAT', 'WHEN']
    """
    return _first(head, mapping)[2]


def _has_decimal_comma(lines: list[str]) -> bool:
    return any("," in line for line in lines[1:5])


@inlined
def _look_up(keys: np.ndarray, codes: np.ndarray, key: int) -> int:
    """Code of a word, or -1."""
    lo, hi = 0, len(keys)
    while lo < hi:
        mid = (lo + hi) // 2
        if keys[mid] < key:
            lo = mid + 1
        else:
            hi = mid
    return codes[lo] if lo < len(keys) and keys[lo] == key else -1


@inlined
def _void(buf: np.ndarray, a: int, b: int) -> bool:
    """Empty, or a word for 'not known'."""
    if a >= b:
        return True
    if b - a > 10:
        return False
    key = word(buf, a, b)
    for v in _VOID:  # noqa: SIM110 - a generator cannot be compiled
        if v == key:
            return True
    return False


@inlined
def _copy(buf: np.ndarray, a: int, b: int, out: np.ndarray) -> None:
    """Text cell into fixed bytes, blanks around it cut, words for 'not known' left empty."""
    out[:] = 0
    while a < b and (buf[a] == 32 or buf[a] == 9):
        a += 1
    while b > a and (buf[b - 1] == 32 or buf[b - 1] == 13 or buf[b - 1] == 64):
        b -= 1
    if _void(buf, a, b):
        return
    for k in range(min(b - a, len(out))):
        out[k] = buf[a + k]


@inlined
def _whole(buf: np.ndarray, a: int, b: int) -> int:
    """Whole number in a cell that may be written 'IMO9307839' or '70.0'; -1 where there is none."""
    while a < b and not (48 <= buf[a] <= 57):
        if buf[a] == 45:
            return -1
        a += 1
    value = 0
    n = 0
    while a < b and 48 <= buf[a] <= 57 and n < 12:
        value = value * 10 + (buf[a] - 48)
        a += 1
        n += 1
    return value if n > 0 else -1


@inlined
def _vessel(buf: np.ndarray, a: int, b: int) -> tuple[int, bool]:
    """Vessel number; a name in letters becomes a negative hash, told by the flag. 0: none."""
    while a < b and buf[a] == 32:
        a += 1
    while b > a and (buf[b - 1] == 32 or buf[b - 1] == 13):
        b -= 1
    if a >= b:
        return 0, False
    value = 0
    p = a
    while p < b and 48 <= buf[p] <= 57 and p - a < 18:
        value = value * 10 + (buf[p] - 48)
        p += 1
    if p == b:
        return value, False
    if p > a and buf[p] == 46:
        q = p + 1
        while q < b and buf[q] == 48:
            q += 1
        if q == b:
            return value, False
    if _void(buf, a, b):
        return 0, False
    h = np.uint64(14695981039346656037)
    for k in range(a, b):
        h = fold(h, buf[k])
    return -np.int64(h >> np.uint64(1)) - 1, True


@inlined
def _angle(value: float) -> int:
    """Degrees as 1e-7 degree; out-of-range values are kept (clipped) for the caller to name."""
    if value != value:
        return NO_ANGLE
    return np.int64(round(min(max(value, -200.0), 200.0) * 1e7))


@kernel
def _scan(
    buf: np.ndarray, delimiter: int, decimal: int, role_of: np.ndarray, want: int, month_first: bool, zone_us: int,
    speed: float, pos: tuple, who: tuple, counts: np.ndarray, first: np.ndarray,
) -> tuple[int, int, int, bool]:  # fmt: skip
    """Rows of positions, of identities, lines read, and whether room for identities ran out."""
    vessel, pt, lat, lon, sog, cog, heading, status, kind, pat = pos
    s_vessel, s_t, s_last, s_count, s_kind, s_imo, s_type, s_sides, s_draught, s_name, s_call, s_dest, s_ident, s_at = (
        who
    )
    n = len(buf)
    i = j = 0
    line = 0
    a = np.zeros(N_ROLES, dtype=np.int64)
    b = np.zeros(N_ROLES, dtype=np.int64)
    value = np.zeros(N_ROLES, dtype=np.float64)
    columns = len(role_of)
    size = 1 << 14
    seen = np.zeros(size, dtype=np.int64)
    last = np.zeros(size, dtype=np.uint64)
    row = np.zeros(size, dtype=np.int64)
    filled = 0
    p = 0
    while p < n:
        s = p
        line += 1
        a[:] = 0
        b[:] = 0
        col = 0
        start = p
        while True:
            # one cell: [x, y)
            x = p
            if p < n and buf[p] == 34:
                p += 1
                x = p
                while p < n and buf[p] != 10 and not (
                    buf[p] == 34 and (p + 1 >= n or buf[p + 1] == delimiter or buf[p + 1] == 10 or buf[p + 1] == 13)
                ):  # fmt: skip
                    p += 1
                y = p
                while p < n and buf[p] != delimiter and buf[p] != 10:
                    p += 1
            else:
                while p < n and buf[p] != delimiter and buf[p] != 10:
                    p += 1
                y = p
            if col < columns:
                r = role_of[col]
                if r >= 0:
                    a[r] = x
                    b[r] = y
            col += 1
            if p >= n or buf[p] == 10:
                break
            p += 1
        end = p
        p += 1
        while end > start and (buf[end - 1] == 13 or buf[end - 1] == 32):
            end -= 1
        if end == start or buf[start] == 35:
            counts[BLANK] += 1
            continue
        # a last line that nothing ends may have been cut in the middle of a cell: it must have all columns that are read
        if col < want or (end == n and start > 0 and col < columns and buf[n - 1] != 10):
            counts[HALF_LINE] += 1
            if first[HALF_LINE] == 0:
                first[HALF_LINE] = line
            continue
        v, named = _vessel(buf, a[VESSEL], b[VESSEL])
        if v == 0:
            counts[NO_VESSEL] += 1
            if first[NO_VESSEL] == 0:
                first[NO_VESSEL] = line
            continue
        t = instant(buf, a[TIME], b[TIME], month_first)
        if t != NO_TIME and b[CLOCK] > a[CLOCK]:
            # day and time of day in two cells: read the second as a clock on day 1970-01-01
            hour = _whole(buf, a[CLOCK], b[CLOCK])
            q = a[CLOCK]
            while q < b[CLOCK] and buf[q] != 58:
                q += 1
            minute = _whole(buf, q + 1, b[CLOCK])
            q += 1
            while q < b[CLOCK] and buf[q] != 58:
                q += 1
            second = _whole(buf, q + 1, b[CLOCK]) if q < b[CLOCK] else 0
            if 0 <= hour < 24 and 0 <= minute < 60 and 0 <= second <= 60:
                t += (hour * 3600 + minute * 60 + second) * 1_000_000
            else:
                t = NO_TIME
        if t != NO_TIME:
            t -= zone_us
            if b[MILLISECOND] > a[MILLISECOND]:
                ms = _whole(buf, a[MILLISECOND], b[MILLISECOND])
                if 0 < ms < 1000 and t % 1_000_000 == 0:
                    t += ms * 1000
        elif b[TIME] > a[TIME]:
            counts[BAD_NUMBER] += 1
            if first[BAD_NUMBER] == 0:
                first[BAD_NUMBER] = line
        bad = 0
        for r in range(LAT, HEADING + 1):
            told_value, ok = real(buf, a[r], b[r], decimal)
            value[r] = told_value
            bad += not ok
        vessel[i] = v
        pt[i] = t
        lat[i] = _angle(value[LAT])
        lon[i] = _angle(value[LON])
        pat[i] = s
        x1 = value[SOG] * speed
        # 102.3 is 'not available', 102.2 'that or more'
        sog[i] = np.float32(x1) if 0.0 <= x1 < 102.25 else np.float32(np.nan)
        cog[i] = np.float32(value[COG]) if 0.0 <= value[COG] < 360.0 else np.float32(np.nan)
        heading[i] = np.int16(value[HEADING]) if 0.0 <= value[HEADING] < 360.0 else -1
        if bad > 0:
            counts[BAD_NUMBER] += bad
            if first[BAD_NUMBER] == 0:
                first[BAD_NUMBER] = line
        code = -1
        if b[STATUS] > a[STATUS]:
            c = buf[a[STATUS]]
            if 48 <= c <= 57:
                code = _whole(buf, a[STATUS], b[STATUS])
                if code > 15:
                    code = -1
            else:
                code = _look_up(_STATUS_KEYS, _STATUS_CODES, word(buf, a[STATUS], b[STATUS]))
        status[i] = code
        m = 0
        if b[MESSAGE] > a[MESSAGE]:
            m = _whole(buf, a[MESSAGE], b[MESSAGE])
            if m < 1 or m > 27:
                m = 0
        if m == 0 and b[CLASS] > a[CLASS]:
            m = max(0, _look_up(_CLASS_KEYS, _CLASS_CODES, word(buf, a[CLASS], b[CLASS])))
        kind[i] = m
        i += 1
        # identity: a message only when the cells differ from this vessel's last
        h = np.uint64(14695981039346656037)
        told = named
        for r in range(IMO, STARBOARD + 1):
            for k in range(a[r], b[r]):
                h = fold(h, buf[k])
            told = told or b[r] > a[r]
            h = fold(h, 31)
        if not told:
            continue
        place = np.int64((np.uint64(v) * np.uint64(11400714819323198485)) >> np.uint64(40)) & (size - 1)
        while seen[place] != 0 and seen[place] != v:
            place = (place + 1) & (size - 1)
        if seen[place] == v and last[place] == h:
            s_count[row[place]] += 1
            if t > s_last[row[place]]:
                s_last[row[place]] = t
            continue
        if seen[place] == 0:
            filled += 1
            seen[place] = v
        last[place] = h
        row[place] = j
        if filled * 2 > size:
            # forget: at worst some identities are told twice
            seen[:] = 0
            filled = 0
        if j >= len(s_vessel):
            return i, j, line, True
        s_vessel[j] = v
        s_t[j] = t
        s_last[j] = t
        s_count[j] = 1
        s_kind[j] = 0
        s_at[j] = s
        number = _whole(buf, a[IMO], b[IMO])
        s_imo[j] = number if number > 0 else 0
        code = -1
        if b[TYPE] > a[TYPE]:
            code = _whole(buf, a[TYPE], b[TYPE])
            if code < 0:
                code = _look_up(_TYPE_KEYS, _TYPE_CODES, word(buf, a[TYPE], b[TYPE]))
            elif code > 255:
                # MarineCadastre's own codes from 1001 on are no AIS types
                code = -1
        s_type[j] = code
        for r in range(LENGTH, STARBOARD + 1):
            if r != DESTINATION:
                told_value, ok = real(buf, a[r], b[r], decimal)
                value[r] = told_value
        for k in range(4):
            s_sides[j, k] = np.float32(value[BOW + k]) if value[BOW + k] >= 0 else np.float32(-1)
        # only length and width told: the antenna is set to the bow and the port side
        if s_sides[j, 0] < 0 and s_sides[j, 1] < 0 and value[LENGTH] > 0:
            s_sides[j, 0] = 0
            s_sides[j, 1] = np.float32(value[LENGTH])
        if s_sides[j, 2] < 0 and s_sides[j, 3] < 0 and value[WIDTH] > 0:
            s_sides[j, 2] = 0
            s_sides[j, 3] = np.float32(value[WIDTH])
        s_draught[j] = np.float32(value[DRAUGHT]) if 0 < value[DRAUGHT] <= 40.0 else np.float32(np.nan)
        _copy(buf, a[NAME], b[NAME], s_name[j])
        _copy(buf, a[CALL], b[CALL], s_call[j])
        _copy(buf, a[DESTINATION], b[DESTINATION], s_dest[j])
        s_ident[j, :] = 0
        if named:
            _copy(buf, a[VESSEL], b[VESSEL], s_ident[j])
        j += 1
    return i, j, line, False


def read_block(raw: bytes | np.ndarray, how: Dialect) -> Block:
    """Read whole lines (without the header) of a delimited table."""
    buf = np.frombuffer(raw, dtype=np.uint8) if not isinstance(raw, np.ndarray) else raw
    width = max(how.roles.values(), default=0) + 1
    role_of = np.full(width, -1, dtype=np.int64)
    for role, column in how.roles.items():
        role_of[column] = ROLE[role]
    # A line must reach its last needed cell; cells after that may be cut off.
    want = max(how.roles[role] for role in NEEDED) + 1
    lines = int(np.count_nonzero(buf == 10)) + 1
    room = max(1024, lines // 4)
    while True:
        pos = Positions.empty(lines)
        stat = Statics.room(room)
        stat.ident = np.empty((room, stat.ident.shape[1]), np.uint8)
        stat.t_last, stat.count = np.empty(room, np.int64), np.empty(room, np.int64)
        counts = np.zeros(reasons.COUNT, dtype=np.int64)
        first = np.zeros(reasons.COUNT, dtype=np.int64)
        i, j, read, short = _scan(
            buf, how.delimiter, how.decimal, role_of, want, how.month_first, how.zone_us, how.speed,
            tuple(pos.columns().values()),
            (stat.vessel, stat.t, stat.t_last, stat.count, stat.kind, stat.imo, stat.ship_type, stat.sides, stat.draught, stat.name, stat.call,
             stat.destination, stat.ident, stat.at),
            counts, first,
        )  # fmt: skip
        if not short:
            break
        room *= 4
    return Block(pos.take(slice(0, i)), stat.take(slice(0, j)), counts, first, read, i)
