"""Numbers and times read straight from bytes, inside kernels.

A reader gives (value, ok). Times are microseconds since 1970 UTC; the accepted spellings are
those met in real archives: ISO 8601, day/month/year, compact yyyymmdd[T_ ]hhmmss, Unix seconds,
milliseconds or microseconds.
"""

from __future__ import annotations

import numpy as np

from tumen.ais.compiled import inlined, kernel

NO_TIME = -(2**63)
DAY_US = 86_400_000_000
_POW10 = np.array([10.0**k for k in range(0, 23)])


@inlined
def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a Gregorian date (the era method of Hinnant, 2013)."""
    y = year - 1 if month <= 2 else year
    era = (y if y >= 0 else y - 399) // 400
    yoe = y - era * 400
    mp = month - 3 if month > 2 else month + 9
    doy = (153 * mp + 2) // 5 + day - 1
    doe = yoe * 365 + yoe // 4 - yoe // 100 + doy
    return era * 146097 + doe - 719468


@inlined
def month_days(year: int, month: int) -> int:
    """Days in a month."""
    if month == 2:
        return 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
    if month == 4 or month == 6 or month == 9 or month == 11:
        return 30
    return 31


@inlined
def civil_us(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Microseconds since 1970 UTC, or NO_TIME where no such instant is."""
    if month < 1 or month > 12 or day < 1 or day > month_days(year, month) or hour > 23 or minute > 59 or second > 60:
        return NO_TIME
    # years far back are told apart from unreadable ones: VMS samples are published with years shifted to 1800
    if year < 1700 or year > 2200:
        return NO_TIME
    return (days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 1_000_000


@inlined
def digits(buf: np.ndarray, p: int, n: int) -> int:
    """The n decimal digits at p as a number, or -1."""
    value = 0
    for k in range(n):
        c = buf[p + k] - 48
        if c < 0 or c > 9:
            return -1
        value = value * 10 + c
    return value


@inlined
def real(buf: np.ndarray, a: int, b: int, decimal: int) -> tuple[float, bool]:
    """A decimal number in buf[a:b], blanks allowed around it; (nan, True) where empty."""
    while a < b and (buf[a] == 32 or buf[a] == 9):
        a += 1
    while b > a and (buf[b - 1] == 32 or buf[b - 1] == 9 or buf[b - 1] == 13):
        b -= 1
    if a == b:
        return np.nan, True
    negative = False
    if buf[a] == 45:
        negative = True
        a += 1
    elif buf[a] == 43:
        a += 1
    mantissa = 0
    count = 0
    scale = 0
    seen = False
    p = a
    while p < b:
        c = buf[p]
        if 48 <= c <= 57:
            if count < 18:
                mantissa = mantissa * 10 + (c - 48)
                if mantissa > 0:
                    count += 1
                if seen:
                    scale += 1
            elif not seen:
                scale -= 1
        elif c == decimal and not seen:
            seen = True
        else:
            break
        p += 1
    if p == a or (p == a + 1 and seen):
        return np.nan, _is_null(buf, a, b)
    if p < b:
        if buf[p] != 101 and buf[p] != 69:
            return np.nan, False
        p += 1
        sign = 1
        if p < b and (buf[p] == 45 or buf[p] == 43):
            sign = -1 if buf[p] == 45 else 1
            p += 1
        if p >= b or b - p > 3:
            return np.nan, False
        power = digits(buf, p, b - p)
        if power < 0:
            return np.nan, False
        scale -= sign * power
    value = float(mantissa)
    if scale > 0:
        value = value / _POW10[scale] if scale <= 22 else 0.0
    elif scale < 0:
        value = value * _POW10[-scale] if scale >= -22 else np.inf
    return (-value if negative else value), True


@inlined
def _is_null(buf: np.ndarray, a: int, b: int) -> bool:
    """Spellings of 'no value': nan, null, none, na, n/a, \\N, unknown, undefined, -."""
    n = b - a
    if n == 0:
        return True
    if n > 9:
        return False
    c = buf[a] | 32
    return c == 110 or (buf[a] == 92 and n == 2) or c == 117


@inlined
def _fraction_us(buf: np.ndarray, p: int, b: int) -> tuple[int, int]:
    """Fraction of a second after '.' or ',' at p, in microseconds, and where it ends."""
    if p >= b or (buf[p] != 46 and buf[p] != 44):
        return 0, p
    q = p + 1
    us = 0
    weight = 100000
    while q < b and 48 <= buf[q] <= 57:
        us += (buf[q] - 48) * weight
        weight //= 10
        q += 1
    return (us, q) if q > p + 1 else (0, p)


@inlined
def _zone_us(buf: np.ndarray, p: int, b: int) -> tuple[int, bool]:
    """Offset from UTC at p ('Z', '+hh:mm', '-hhmm', ' UTC', nothing) in microseconds; False if other text follows."""
    while p < b and buf[p] == 32:
        p += 1
    if p >= b or buf[p] == 90 or buf[p] == 122:
        return 0, True
    if buf[p] == 85 or buf[p] == 71:
        return 0, True
    if buf[p] == 43 or buf[p] == 45:
        sign = 1 if buf[p] == 43 else -1
        hour = digits(buf, p + 1, 2) if p + 3 <= b else -1
        if hour < 0 or hour > 14:
            return 0, False
        q = p + 3
        if q < b and buf[q] == 58:
            q += 1
        minute = digits(buf, q, 2) if q + 2 <= b else 0
        if minute < 0:
            return 0, False
        return sign * (hour * 3600 + minute * 60) * 1_000_000, True
    return 0, False


@inlined
def _clock_us(buf: np.ndarray, p: int, b: int) -> tuple[int, int]:
    """hh:mm[:ss[.f]] or hhmm[ss[.f]] at p as microseconds of the day, and where it ends; (-1, p) if none."""
    if p + 4 > b:
        return -1, p
    hour = digits(buf, p, 2)
    if hour < 0 and p + 1 < b and buf[p + 1] == 58:
        # one-digit hours are written by spreadsheets
        hour = digits(buf, p, 1)
        p -= 1
    if hour < 0 or hour > 23 or p + 4 > b:
        return -1, p
    colon = 1 if p + 2 < b and buf[p + 2] == 58 else 0
    q = p + 2 + colon
    if q + 2 > b:
        return -1, p
    minute = digits(buf, q, 2)
    if minute < 0 or minute > 59:
        return -1, p
    q += 2
    second = 0
    us = 0
    if colon == 1:
        if q + 3 <= b and buf[q] == 58:
            second = digits(buf, q + 1, 2)
            q += 3
    elif q + 2 <= b and 48 <= buf[q] <= 57:
        second = digits(buf, q, 2)
        q += 2
    if second < 0 or second > 60:
        return -1, p
    us, q = _fraction_us(buf, q, b)
    return (hour * 3600 + minute * 60 + second) * 1_000_000 + us, q


@inlined
def instant(buf: np.ndarray, a: int, b: int, month_first: bool) -> int:
    """The time written in buf[a:b], microseconds UTC, or NO_TIME. `month_first`: 02/28/2024."""
    while a < b and (buf[a] == 32 or buf[a] == 34):
        a += 1
    while b > a and (buf[b - 1] == 32 or buf[b - 1] == 13 or buf[b - 1] == 34):
        b -= 1
    n = b - a
    if n < 8:
        return NO_TIME
    run = 0
    while a + run < b and 48 <= buf[a + run] <= 57:
        run += 1
    date = NO_TIME
    p = a
    if run == 4 and n >= 10 and (buf[a + 4] == 45 or buf[a + 4] == 47):
        month = digits(buf, a + 5, 2)
        day = digits(buf, a + 8, 2)
        if month < 0 or day < 0 or buf[a + 7] != buf[a + 4]:
            return NO_TIME
        date = civil_us(digits(buf, a, 4), month, day, 0, 0, 0)
        p = a + 10
    elif (run == 2 or run == 1) and (buf[a + run] == 47 or buf[a + run] == 45 or buf[a + run] == 46):
        first = digits(buf, a, run)
        q = a + run + 1
        second_run = 0
        while q + second_run < b and 48 <= buf[q + second_run] <= 57:
            second_run += 1
        if second_run < 1 or second_run > 2 or q + second_run + 5 > b:
            return NO_TIME
        second = digits(buf, q, second_run)
        year = digits(buf, q + second_run + 1, 4)
        if year < 0:
            return NO_TIME
        date = civil_us(year, first, second, 0, 0, 0) if month_first else civil_us(year, second, first, 0, 0, 0)
        p = q + second_run + 5
    elif run == 8 and (n == 8 or buf[a + 8] == 84 or buf[a + 8] == 95 or buf[a + 8] == 32):
        date = civil_us(digits(buf, a, 4), digits(buf, a + 4, 2), digits(buf, a + 6, 2), 0, 0, 0)
        p = a + 8
    elif run == 14 and (buf[a] == 49 or buf[a] == 50) and (n == 14 or buf[a + 14] == 46):
        date = civil_us(digits(buf, a, 4), digits(buf, a + 4, 2), digits(buf, a + 6, 2), 0, 0, 0)
        if date == NO_TIME:
            return NO_TIME
        clock, _ = _clock_us(buf, a + 8, b)
        return date + clock if clock >= 0 else NO_TIME
    elif run >= 9 and run <= 19 and (a + run == b or buf[a + run] == 46):
        value = digits(buf, a, run)
        us, q = _fraction_us(buf, a + run, b)
        if q != b and a + run + 1 != b:
            return NO_TIME
        if run <= 10:
            return value * 1_000_000 + us
        if run <= 13:
            return value * 1000 + us // 1000
        if run <= 16:
            return value
        return value // 1000
    else:
        return NO_TIME
    if date == NO_TIME:
        return NO_TIME
    if p >= b:
        return date
    if buf[p] == 84 or buf[p] == 116 or buf[p] == 95:
        p += 1
    while p < b and buf[p] == 32:
        p += 1
    if p >= b:
        return date
    clock, q = _clock_us(buf, p, b)
    if clock < 0:
        return NO_TIME
    zone, ok = _zone_us(buf, q, b)
    return date + clock - zone if ok else NO_TIME


@inlined
def stamp(buf: np.ndarray, a: int, b: int) -> int:
    """The first receiver time found anywhere in buf[a:b], or NO_TIME.

    A digit run that follows a letter is no time: 'r003669945' is a station, 't143218.00' a slot.
    """
    p = a
    while p < b:
        c = buf[p]
        if 48 <= c <= 57:
            before = buf[p - 1] if p > a else 32
            q = p
            while q < b and 48 <= buf[q] <= 57:
                q += 1
            letter = (65 <= before <= 90) or (97 <= before <= 122) or before == 45 or before == 46 or before == 43
            run = q - p
            if not letter and (run >= 9 or run == 8 or run == 4 or run == 2):
                e = q
                while e < b and buf[e] != 44 and buf[e] != 93 and buf[e] != 92 and buf[e] != 34 and buf[e] != 59:
                    # a space ends the stamp unless a clock follows it
                    if (buf[e] == 32 or buf[e] == 9) and not (run <= 8 and e + 2 < b and 48 <= buf[e + 1] <= 57):
                        break
                    e += 1
                while e > q and (buf[e - 1] == 32 or buf[e - 1] == 58 or buf[e - 1] == 13):
                    e -= 1
                value = instant(buf, p, e, False)
                if value != NO_TIME:
                    return value
            p = q
        else:
            p += 1
    return NO_TIME


@inlined
def fold(h: int, c: int) -> int:
    """One step of a 64-bit FNV-1a hash over a byte, blank-insensitive callers skip blanks."""
    return (h ^ np.uint64(c)) * np.uint64(1099511628211)  # type: ignore[return-value]


@inlined
def word(buf: np.ndarray, a: int, b: int) -> int:
    """Hash of buf[a:b] in lower case without blanks and punctuation, as int64 (for short vocabularies)."""
    h = np.uint64(14695981039346656037)
    for p in range(a, b):
        c = buf[p]
        if 65 <= c <= 90:
            c = c + 32
        if (97 <= c <= 122) or (48 <= c <= 57) or c >= 128:
            h = fold(h, c)
    return np.int64(h)  # type: ignore[return-value]


@kernel
def _word_of(buf: np.ndarray) -> int:
    return word(buf, 0, len(buf))


def word_of(text: str) -> int:
    """Hash that the kernels give to a word."""
    return int(_word_of(np.frombuffer(text.encode() or b" ", dtype=np.uint8)))


@kernel
def _instants(buf: np.ndarray, offsets: np.ndarray, month_first: bool) -> np.ndarray:
    out = np.empty(len(offsets) - 1, dtype=np.int64)
    for i in range(len(out)):
        out[i] = instant(buf, offsets[i], offsets[i + 1], month_first)
    return out


def read_instant(text: str, month_first: bool = False) -> int | None:
    """One written time as microseconds since 1970 UTC, None where it is none.

    >>> read_instant("28/02/2024 12:00:00") == read_instant("2024-02-28T12:00:00Z")
    True
    """
    raw = np.frombuffer(text.encode() or b" ", dtype=np.uint8)
    value = int(_instants(raw, np.array([0, len(raw)]), month_first)[0])
    return None if value == NO_TIME else value
