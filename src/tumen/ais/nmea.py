"""NMEA logs: AIVDM and kin in, positions and identity messages out, several million sentences a second.

One compiled pass frames the lines, checks the checksum, reads the receiver's time (tag block `c:`,
a stamp before the sentence, or one after the checksum; else the clock of base stations and of
$--ZDA/$--RMC in the stream), puts multi-sentence messages together and decodes the fields of
ITU-R M.1371-5 that Tumen uses. pyais is the reference that it is tested against, message by message.
"""

# mypy: disable-error-code="return-value,assignment"
# Kernels mix Python and NumPy integers; numba, not mypy, gives them their types.

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tumen.ais import reasons
from tumen.ais.compiled import inlined, kernel
from tumen.ais.fields import NO_TIME, civil_us, digits, stamp
from tumen.ais.geo import NO_ANGLE
from tumen.ais.rows import IDENT_BYTES, Positions, Statics

# Value of each payload character (M.1371 / IEC 61162-1 armour), 255 where it has none.
_SIX = np.full(256, 255, dtype=np.uint8)
for _c in range(48, 88):
    _SIX[_c] = _c - 48
for _c in range(96, 120):
    _SIX[_c] = _c - 56

SLOTS = 64
# A message has at most five parts of at most 82 characters; nine parts are what the sentence can count.
PART_CHARS = 128
SLOT_CHARS = 9 * PART_CHARS
# Parts of one message follow each other; after this many lines the rest will not come.
PART_LINES = 2000

BLANK, OTHER_SENTENCE, OTHER_MESSAGE = reasons.BLANK, reasons.OTHER_SENTENCE, reasons.OTHER_MESSAGE
NOT_SENTENCE, HALF_LINE, BAD_CHECKSUM = reasons.NOT_SENTENCE, reasons.HALF_LINE, reasons.BAD_CHECKSUM
BAD_PAYLOAD, INCOMPLETE, REPEATED_PART = reasons.BAD_PAYLOAD, reasons.INCOMPLETE, reasons.REPEATED_PART
BAD_TAG = reasons.BAD_TAG


# Bits of the fields of each position message after ITU-R M.1371-5: (start, length) of speed, longitude,
# latitude, course, heading and status, then what one degree of angle and one knot count.
_NONE = (0, 0)
_LAYOUT = {
    (1, 2, 3): ((50, 10), (61, 28), (89, 27), (116, 12), (128, 9), (38, 4), 600000, 10, 10, 137),
    (4, 11): (_NONE, (79, 28), (107, 27), _NONE, _NONE, _NONE, 600000, 10, 10, 134),
    (9,): ((50, 10), (61, 28), (89, 27), (116, 12), _NONE, _NONE, 600000, 1, 10, 128),
    (17,): (_NONE, (40, 18), (58, 17), _NONE, _NONE, _NONE, 600, 10, 10, 75),
    (18, 19): ((46, 10), (57, 28), (85, 27), (112, 12), (124, 9), _NONE, 600000, 10, 10, 133),
    (21,): (_NONE, (164, 28), (192, 27), _NONE, _NONE, _NONE, 600000, 10, 10, 219),
    (27,): ((79, 6), (44, 18), (62, 17), (85, 9), _NONE, (40, 4), 600, 1, 1, 94),
}
_BITS = np.zeros((28, 16), dtype=np.int64)
for _types, _row in _LAYOUT.items():
    for _m in _types:
        _BITS[_m] = [*(v for pair in _row[:6] for v in pair), *_row[6:]]

# And of the identity messages: IMO number, call sign, name, ship type, sides (two of 9, two of 6 bits),
# draught, destination. Part B of type 24 has the row 25, which no message of its own uses here.
_PART_B = 25
_WHO = np.zeros((28, 8), dtype=np.int64)
_WHO[5] = [40, 70, 112, 232, 240, 294, 302, 302]
_WHO[19] = [0, 0, 143, 263, 271, 0, 0, 301]
_WHO[21] = [0, 0, 43, 0, 219, 0, 0, 249]
_WHO[24] = [0, 0, 40, 0, 0, 0, 0, 46]
_WHO[_PART_B] = [0, 90, 0, 40, 132, 0, 0, 162]

# Inland vessels tell length, beam and draught in a broadcast of their own: type 8, area 200, function 10 (CCNR,
# Inland AIS 2.0): bits of ENI number, length and beam in decimetres, draught in centimetres.
_INLAND_AREA, _INLAND_STATIC = 200, 10
_INLAND_LEAST, _INLAND_MOST = 155, 176
# What the name of an aid to navigation has beyond its twenty characters.
_MORE_NAME, _MORE_CHARS = 272, 14

# Ten characters of six bits fill a word; 80 characters reach past the last field that is read.
WORD_BITS = 60
WORDS = 8


@inlined
def _pack(buf: np.ndarray, p: int, chars: int, words: np.ndarray) -> None:
    """Payload characters into words of 60 bits, the rest zero."""
    full = min(chars, WORDS * 10)
    k = 0
    for w in range(WORDS):
        value = np.uint64(0)
        if k < full:
            for _ in range(10):
                value = value << np.uint64(6)
                if k < full:
                    value |= np.uint64(_SIX[buf[p + k]])
                k += 1
        words[w] = value


@inlined
def _u(words: np.ndarray, start: int, length: int) -> int:
    """Unsigned bits [start, start+length), length up to 30."""
    w = start // WORD_BITS
    offset = start - w * WORD_BITS
    over = offset + length - WORD_BITS
    mask = (np.uint64(1) << np.uint64(length)) - np.uint64(1)
    if over <= 0:
        return np.int64((words[w] >> np.uint64(-over)) & mask)
    return np.int64(((words[w] << np.uint64(over)) | (words[w + 1] >> np.uint64(WORD_BITS - over))) & mask)


@inlined
def _s(words: np.ndarray, start: int, length: int) -> int:
    """Signed bits, two's complement."""
    value = _u(words, start, length)
    return value - (1 << length) if value >> (length - 1) else value


@inlined
def _e7(raw: int, per_degree: int, none: int) -> int:
    """Angle in 1/per_degree degree as 1e-7 degree, rounded to nearest, null where it is the sentinel."""
    if raw == none:
        return NO_ANGLE
    scaled = raw * 10_000_000
    half = per_degree // 2
    value = (scaled + half) // per_degree if scaled >= 0 else -((-scaled + half) // per_degree)
    # 28 signed bits reach 223 degrees: out of range, but inside 32 bits once clipped
    return min(max(value, -2_000_000_000), 2_000_000_000)


@inlined
def _sixbit_text(words: np.ndarray, start: int, chars: int, out: np.ndarray) -> None:
    """Six-bit text into bytes; ends at '@' (a payload that breaks off is packed with zeros, which are '@'); trailing blanks cut."""
    n = 0
    out[:] = 0
    if start == 0:
        return
    for k in range(chars):
        v = _u(words, start + 6 * k, 6)
        if v == 0:
            break
        out[n] = v + 64 if v < 32 else v
        n += 1
    while n > 0 and out[n - 1] == 32:
        n -= 1
        out[n] = 0


@inlined
def _hex(c: int) -> int:
    if 48 <= c <= 57:
        return c - 48
    if 65 <= c <= 70:
        return c - 55
    if 97 <= c <= 102:
        return c - 87
    return -1


@inlined
def _position(words: np.ndarray, m: int, rec: np.ndarray) -> None:
    """The position of message type m into `rec`: vessel, lat, lon, speed and course in tenths, heading, status, clock."""
    per_degree = _BITS[m, 12]
    rec[0] = _u(words, 8, 30)
    rec[1] = _e7(_s(words, _BITS[m, 4], _BITS[m, 5]), per_degree, 91 * per_degree)
    rec[2] = _e7(_s(words, _BITS[m, 2], _BITS[m, 3]), per_degree, 181 * per_degree)
    rec[3] = rec[4] = rec[5] = rec[6] = -1
    size = _BITS[m, 1]
    if size > 0:
        v = _u(words, _BITS[m, 0], size)
        if v != (1 << size) - 1:
            rec[3] = v if _BITS[m, 13] == 10 else v * 10
    if _BITS[m, 7] > 0:
        v = _u(words, _BITS[m, 6], _BITS[m, 7])
        if v < 360 * _BITS[m, 14]:
            rec[4] = v if _BITS[m, 14] == 10 else v * 10
    if _BITS[m, 9] > 0:
        v = _u(words, _BITS[m, 8], _BITS[m, 9])
        if v < 360:
            rec[5] = v
    if _BITS[m, 11] > 0:
        rec[6] = _u(words, _BITS[m, 10], _BITS[m, 11])
    rec[7] = NO_TIME
    if (m == 4 or m == 11) and _u(words, 38, 14) > 0:
        rec[7] = civil_us(
            _u(words, 38, 14), _u(words, 52, 4), _u(words, 56, 5), _u(words, 61, 5), _u(words, 66, 6), _u(words, 72, 6)
        )


@kernel
def _identity(words: np.ndarray, m: int, t: int, at: int, j: int, out: tuple) -> None:
    """Write the identity that message type m (25: part B of 24) tells to row j."""
    vessel, st, kind, imo, ship_type, sides, draught, name, call, destination, sat = out
    row = _WHO[m]
    mmsi = _u(words, 8, 30)
    vessel[j] = mmsi
    st[j] = t
    kind[j] = 124 if m == _PART_B else m
    sat[j] = at
    if m == 8:
        imo[j] = 0
        ship_type[j] = -1
        call[j, :] = 0
        name[j, :] = 0
        destination[j, :] = 0
        sides[j, 0] = sides[j, 2] = 0
        sides[j, 1] = _u(words, 104, 13) / 10.0
        sides[j, 3] = _u(words, 117, 10) / 10.0
        deep = _u(words, 144, 11)
        draught[j] = np.float32(deep / 100.0) if deep > 0 else np.float32(np.nan)
        return
    imo[j] = _u(words, row[0], 30) if row[0] > 0 else 0
    _sixbit_text(words, row[1], 7, call[j])
    _sixbit_text(words, row[2], 20, name[j])
    if m == 21 and name[j, 19] != 0:
        _sixbit_text(words, _MORE_NAME, _MORE_CHARS, name[j, 20:])
    ship_type[j] = _u(words, row[3], 8) if row[3] > 0 else -1
    side = row[4]
    # craft of a mother ship (98xxxxxxx) send her number in place of the sides
    if side > 0 and not (m == _PART_B and mmsi // 10_000_000 == 98):
        sides[j, 0] = _u(words, side, 9)
        sides[j, 1] = _u(words, side + 9, 9)
        sides[j, 2] = _u(words, side + 18, 6)
        sides[j, 3] = _u(words, side + 24, 6)
    else:
        sides[j, :] = -1
    deep = _u(words, row[5], 8) if row[5] > 0 else 0
    draught[j] = np.float32(deep / 10.0) if deep > 0 else np.float32(np.nan)
    _sixbit_text(words, row[6], 20, destination[j])


# What `_decode` found.
POSITION, IDENTITY = 1, 2


@kernel
def _decode(bits: int, words: np.ndarray, rec: np.ndarray) -> tuple[int, int, int]:
    """Decode one packed payload: what it holds (POSITION | IDENTITY, or minus the reason), type, identity layout."""
    if bits < 38:
        return -BAD_PAYLOAD, 0, 0
    m = np.int64(words[0] >> np.uint64(54))
    if m < 1 or m > 27:
        return -BAD_PAYLOAD, 0, 0
    found = 0
    if _BITS[m, 15] > 0:
        if bits < _BITS[m, 15]:
            return -HALF_LINE, 0, 0
        _position(words, m, rec)
        found = POSITION
    inland = m == 8 and bits >= _INLAND_LEAST and bits <= _INLAND_MOST
    if inland and _u(words, 40, 10) == _INLAND_AREA and _u(words, 50, 6) == _INLAND_STATIC:
        return IDENTITY, m, m
    if m != 5 and m != 19 and m != 21 and m != 24:
        return (found if found > 0 else -OTHER_MESSAGE), m, 0
    w = m
    if m == 24:
        part = _u(words, 38, 2)
        if part > 1:
            return -BAD_PAYLOAD, 0, 0
        if part == 1:
            w = _PART_B
    if bits >= _WHO[w, 7]:
        return found | IDENTITY, m, w
    return (found if found > 0 else -HALF_LINE), m, 0


@inlined
def _tag_block(buf: np.ndarray, a: int, b: int) -> tuple[int, int, bool]:
    """Time (or NO_TIME), hash of the station and whether the checksum fits, of the tag block buf[a:b]."""
    star = b
    while star > a and buf[star - 1] != 42:
        star -= 1
    end = star - 1 if star > a else b
    if star > a and star + 2 <= b:
        x = 0
        for k in range(a, end):
            x ^= buf[k]
        if x != _hex(buf[star]) * 16 + _hex(buf[star + 1]):
            return NO_TIME, 0, False
    t = NO_TIME
    station = 0
    p = a
    while p + 2 <= end:
        q = p
        while q < end and buf[q] != 44:
            q += 1
        if buf[p + 1] == 58 and (buf[p] == 99 or buf[p] == 67):
            run = p + 2
            while run < q and 48 <= buf[run] <= 57:
                run += 1
            n = run - p - 2
            if n >= 9 and n <= 10:
                t = digits(buf, p + 2, n) * 1_000_000
                if run < q and buf[run] == 46:
                    weight = 100000
                    for k in range(run + 1, q):
                        if 48 <= buf[k] <= 57:
                            t += (buf[k] - 48) * weight
                            weight //= 10
            elif 11 <= n <= 13:
                t = digits(buf, p + 2, n) * 1000
        elif buf[p + 1] == 58 and (buf[p] == 115 or buf[p] == 83):
            for k in range(p + 2, q):
                station = station * 131 + buf[k]
        p = q + 1
    return t, station, True


@inlined
def _when(buf: np.ndarray, s: int, bang: int, tail: int, b: int) -> tuple[int, int, bool, bool]:
    """Receiver's time of the line buf[s:b] whose sentence is buf[bang:tail]; hash of the station; is there a tag
    block, and does its checksum fit? A tag block comes first, then a stamp before the sentence, then one after."""
    t = NO_TIME
    station = 0
    tagged = False
    fits = True
    # a tag block may follow other text, e.g. a logger's stamp
    back = s
    while back < bang and buf[back] != 92:
        back += 1
    if back < bang:
        close = bang - 1
        while close > back and buf[close] != 92:
            close -= 1
        if close > back:
            t, station, fits = _tag_block(buf, back + 1, close)
            tagged = True
    # one call for both places, so that the large reader of times is compiled in once
    for place in range(2):
        if t == NO_TIME:
            x = s if place == 0 else tail
            y = back if place == 0 else b
            if x < y:
                t = stamp(buf, x, y)
    return t, station, tagged, fits


@inlined
def _own_clock(buf: np.ndarray, a: int, b: int, last: int) -> int:
    """UTC told by $--ZDA or $--RMC at a ('$'), or NO_TIME."""
    if b - a < 20:
        return NO_TIME
    zda = buf[a + 3] == 90 and buf[a + 4] == 68 and buf[a + 5] == 65
    rmc = buf[a + 3] == 82 and buf[a + 4] == 77 and buf[a + 5] == 67
    if not (zda or rmc):
        return NO_TIME
    clock = a + 7
    hms = digits(buf, clock, 6) if clock + 6 <= b else -1
    if hms < 0:
        return NO_TIME
    field = 0
    p = a
    first = second = third = -1
    while p < b:
        if buf[p] == 44:
            field += 1
            if zda and field == 2 and p + 11 <= b:
                first = digits(buf, p + 1, 2)
                second = digits(buf, p + 4, 2)
                third = digits(buf, p + 7, 4)
            elif rmc and field == 9 and p + 7 <= b:
                first = digits(buf, p + 1, 2)
                second = digits(buf, p + 3, 2)
                third = digits(buf, p + 5, 2)
                if third >= 0:
                    third += 2000
        p += 1
    if first < 0 or second < 0 or third < 0:
        return NO_TIME
    return civil_us(third, second, first, hms // 10000, hms // 100 % 100, hms % 100)


@kernel
def _scan(
    buf: np.ndarray, begin: int, own: int, stop: int, clock: int,
    pos: tuple, who: tuple, counts: np.ndarray, first: np.ndarray,
) -> tuple[int, int, int, int, int]:  # fmt: skip
    """Read buf[begin:]. Lines before `own` only prime (parts, clock); after `stop` only complete what is open.

    Returns rows of positions, of identities, lines and sentences of the own range, and the clock at its end.
    """
    n = len(buf)
    i = j = 0
    line = 0
    sentences = 0
    key = np.zeros(SLOTS, dtype=np.int64)
    used = np.zeros(SLOTS, dtype=np.int64)
    total_of = np.zeros(SLOTS, dtype=np.int64)
    have = np.zeros(SLOTS, dtype=np.int64)
    born = np.zeros(SLOTS, dtype=np.int64)
    when = np.zeros(SLOTS, dtype=np.int64)
    where = np.zeros(SLOTS, dtype=np.int64)
    mine = np.zeros(SLOTS, dtype=np.bool_)
    length = np.zeros((SLOTS, 10), dtype=np.int64)
    fill = np.zeros(SLOTS, dtype=np.int64)
    store = np.zeros((SLOTS, SLOT_CHARS), dtype=np.uint8)
    whole = np.zeros(SLOT_CHARS, dtype=np.uint8)
    words = np.zeros(WORDS, dtype=np.uint64)
    rec = np.zeros(8, dtype=np.int64)
    vessel, pt, lat, lon, sog, cog, heading, status, kind, pat = pos
    open_slots = 0
    group_time = NO_TIME
    clock_end = clock
    p = begin
    number = 0
    while p < n:
        e = p
        bang = -1
        dollar = -1
        while e < n and buf[e] != 10:
            if buf[e] == 33 and bang < 0:
                bang = e
            elif buf[e] == 36 and dollar < 0:
                dollar = e
            e += 1
        s = p
        b = e
        p = e + 1
        number += 1
        while b > s and (buf[b - 1] == 13 or buf[b - 1] == 32):
            b -= 1
        is_own = s >= own and s < stop
        found = m = w = at = 0
        bits = -1
        t = NO_TIME
        if s >= stop and open_slots == 0:
            break
        if is_own:
            line += 1
        reason = -1
        if s == b or buf[s] == 35:
            reason = BLANK
        elif bang < 0:
            if dollar >= 0:
                reason = OTHER_SENTENCE
                told = _own_clock(buf, dollar, b, clock)
                if told != NO_TIME:
                    clock = told
            else:
                reason = NOT_SENTENCE
        else:
            # '!' + talker of two + 'VDM' or 'VDO' + ','
            while bang >= 0 and not (
                bang + 7 <= b and buf[bang + 3] == 86 and buf[bang + 4] == 68
                and (buf[bang + 5] == 77 or buf[bang + 5] == 79) and buf[bang + 6] == 44
            ):  # fmt: skip
                nxt = -1
                for k in range(bang + 1, b):
                    if buf[k] == 33:
                        nxt = k
                        break
                if nxt < 0:
                    break
                bang = nxt
            ok = (
                bang + 7 <= b and buf[bang + 3] == 86 and buf[bang + 4] == 68
                and (buf[bang + 5] == 77 or buf[bang + 5] == 79) and buf[bang + 6] == 44
            )  # fmt: skip
            if not ok:
                reason = HALF_LINE if b - bang < 7 else OTHER_SENTENCE
            else:
                # fields: total, number, sequence, channel, payload, fill*hh
                q = bang + 7
                x = 0
                for k in range(bang + 1, q):
                    x ^= buf[k]
                comma = 0
                f0 = q
                total = part = seq = channel = 0
                payload = -1
                payload_end = -1
                filled = 0
                bad = False
                star = -1
                while q < b:
                    c = buf[q]
                    if c == 42 and comma >= 5:
                        star = q
                        break
                    x ^= c
                    if c == 44:
                        if comma == 0:
                            total = digits(buf, f0, q - f0) if 0 < q - f0 <= 2 else -1
                        elif comma == 1:
                            part = digits(buf, f0, q - f0) if 0 < q - f0 <= 2 else -1
                        elif comma == 2:
                            seq = digits(buf, f0, q - f0) if 0 < q - f0 <= 4 else 0
                        elif comma == 3:
                            channel = buf[f0] if q > f0 else 0
                        elif comma == 4:
                            payload = f0
                            payload_end = q
                        comma += 1
                        f0 = q + 1
                        if comma > 5:
                            break
                    elif comma == 4 and _SIX[c] == 255:
                        bad = True
                    q += 1
                if star < 0 or star + 3 > b or payload < 0:
                    reason = HALF_LINE
                elif x != _hex(buf[star + 1]) * 16 + _hex(buf[star + 2]):
                    reason = BAD_CHECKSUM
                elif bad or total < 1 or total > 9 or part < 1 or part > total:
                    reason = BAD_PAYLOAD
                elif payload_end == payload and total == 1:
                    # An empty sentence is sent by some base stations in an unused slot.
                    reason = OTHER_MESSAGE
                elif payload_end - payload > PART_CHARS and total > 1:
                    reason = BAD_PAYLOAD
                else:
                    filled = buf[star - 1] - 48
                    if filled < 0 or filled > 5:
                        filled = 0
                    sentences += is_own
                    t, station, tagged, fits = _when(buf, s, bang, star + 3, b)
                    if not fits and is_own:
                        counts[BAD_TAG] += 1
                        if first[BAD_TAG] == 0:
                            first[BAD_TAG] = line
                    if t != NO_TIME:
                        group_time = t
                    elif tagged and part > 1:
                        t = group_time
                    if total == 1:
                        if is_own:
                            if t == NO_TIME:
                                t = clock
                            bits = (payload_end - payload) * 6 - filled
                            _pack(buf, payload, payload_end - payload, words)
                            at = s - own
                    else:
                        k = (np.int64(station) * 31 + channel) * 10000 + seq * 10 + total
                        slot = -1
                        spare = -1
                        oldest = 0
                        for z in range(SLOTS):
                            if used[z] == 1 and number - born[z] > PART_LINES:
                                used[z] = 0
                                if mine[z]:
                                    open_slots -= 1
                                    counts[INCOMPLETE] += 1
                                    if first[INCOMPLETE] == 0:
                                        first[INCOMPLETE] = where[z] % 4294967296
                            if used[z] == 1:
                                if key[z] == k:
                                    slot = z
                                if born[z] < born[oldest] or used[oldest] == 0:
                                    oldest = z
                            elif spare < 0:
                                spare = z
                        if slot >= 0 and (have[slot] >> part) & 1:
                            # same part again: an echo, or the next message under this sequence number
                            same = length[slot, part] == payload_end - payload
                            if same:
                                for z in range(payload_end - payload):
                                    if store[slot, (part - 1) * PART_CHARS + z] != buf[payload + z]:
                                        same = False
                                        break
                            if same:
                                reason = REPEATED_PART
                            else:
                                used[slot] = 0
                                if mine[slot]:
                                    open_slots -= 1
                                    counts[INCOMPLETE] += 1
                                    if first[INCOMPLETE] == 0:
                                        first[INCOMPLETE] = where[slot] % 4294967296
                                spare = slot
                                slot = -1
                        if reason < 0 and slot < 0 and s < stop:
                            if spare < 0:
                                spare = oldest
                                if mine[spare]:
                                    open_slots -= 1
                                    counts[INCOMPLETE] += 1
                                    if first[INCOMPLETE] == 0:
                                        first[INCOMPLETE] = where[spare] % 4294967296
                            slot = spare
                            used[slot] = 1
                            key[slot] = k
                            total_of[slot] = total
                            have[slot] = 0
                            born[slot] = number
                            when[slot] = NO_TIME
                            # offset in the block above, line below: one number remembers both
                            where[slot] = (s - own) * 4294967296 + line
                            mine[slot] = is_own
                            open_slots += is_own
                            fill[slot] = 0
                        if reason < 0 and slot >= 0:
                            for z in range(payload_end - payload):
                                store[slot, (part - 1) * PART_CHARS + z] = buf[payload + z]
                            length[slot, part] = payload_end - payload
                            have[slot] |= 1 << part
                            if part == total:
                                fill[slot] = filled
                            if when[slot] == NO_TIME:
                                when[slot] = t
                            if have[slot] == (1 << (total + 1)) - 2:
                                used[slot] = 0
                                if mine[slot]:
                                    open_slots -= 1
                                    size = 0
                                    for part_no in range(1, total + 1):
                                        for z in range(length[slot, part_no]):
                                            whole[size] = store[slot, (part_no - 1) * PART_CHARS + z]
                                            size += 1
                                    if size == 0:
                                        reason = BAD_PAYLOAD
                                    else:
                                        t = when[slot] if when[slot] != NO_TIME else clock
                                        bits = size * 6 - fill[slot]
                                        _pack(whole, 0, size, words)
                                        at = where[slot] // 4294967296
        if bits >= 0:
            found, m, w = _decode(bits, words, rec)
        if found < 0:
            reason = -found
        elif found > 0:
            if found & 1:
                vessel[i] = rec[0]
                pt[i] = t
                lat[i] = rec[1]
                lon[i] = rec[2]
                sog[i] = np.float32(rec[3] / 10.0) if rec[3] >= 0 else np.float32(np.nan)
                cog[i] = np.float32(rec[4] / 10.0) if rec[4] >= 0 else np.float32(np.nan)
                heading[i] = rec[5]
                status[i] = rec[6]
                kind[i] = m
                pat[i] = at
                if rec[7] != NO_TIME:
                    clock = rec[7]
                    if t == NO_TIME:
                        pt[i] = clock
                i += 1
            if found & 2:
                _identity(words, w, t, at, j, who)
                j += 1
        if reason >= 0 and is_own:
            counts[reason] += 1
            if first[reason] == 0:
                first[reason] = line
        if s < stop:
            clock_end = clock
    for z in range(SLOTS):
        if used[z] == 1 and mine[z]:
            counts[INCOMPLETE] += 1
            if first[INCOMPLETE] == 0:
                first[INCOMPLETE] = where[z] % 4294967296
    return i, j, line, sentences, clock_end


@dataclass
class Block:
    """What was read from one block of an archive."""

    positions: Positions
    statics: Statics
    counts: np.ndarray
    first: np.ndarray
    lines: int
    sentences: int
    clock: int = NO_TIME


def read_block(raw: bytes | np.ndarray, own: int = 0, stop: int | None = None, clock: int = NO_TIME) -> Block:
    """Read whole lines of NMEA. Bytes before `own` and from `stop` on belong to the neighbours.

    They only complete messages that cross the border: a message belongs to the block in which its
    first part lies. `clock` is the stream's time at the start, for logs without receiver stamps.
    """
    buf = np.frombuffer(raw, dtype=np.uint8) if not isinstance(raw, np.ndarray) else raw
    end = len(buf) if stop is None else stop
    room = int(np.count_nonzero(buf[own:end] == 10)) + 2
    pos = Positions.empty(room)
    # Identity messages are fewer than lines; at least 2 sentences of 29 characters make one.
    stat = Statics.room(min(room, (end - own) // 29 + 2))
    counts = np.zeros(reasons.COUNT, dtype=np.int64)
    first = np.zeros(reasons.COUNT, dtype=np.int64)
    i, j, lines, sentences, clock = _scan(
        buf, 0, own, end, clock, tuple(pos.columns().values()),
        (stat.vessel, stat.t, stat.kind, stat.imo, stat.ship_type, stat.sides, stat.draught, stat.name, stat.call,
         stat.destination, stat.at),
        counts, first,
    )  # fmt: skip
    stat = stat.take(slice(0, j))
    stat.t_last, stat.count, stat.ident = stat.t.copy(), np.ones(j, np.int64), np.zeros((j, IDENT_BYTES), np.uint8)
    return Block(pos.take(slice(0, i)), stat, counts, first, lines, sentences, clock)
