"""Identifiers of events: a hash of what an event is, so that the same event has the same one on every run.

Takes columns that together name an event (its ship, track, start); gives sixteen hexadecimal digits a row, for
all rows at once. Mixing is the finaliser of SplitMix64 (Steele, Lea and Flood 2014); among a million events two
share an identifier with a chance of about 3 in a hundred million.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa

_ODD = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_HEX = np.frombuffer("".join(f"{k:02x}" for k in range(256)).encode(), np.uint8).reshape(256, 2)


def event_ids(kind: str, *columns: Any) -> pa.Array:
    """Identifiers of events of one kind, by columns of whole numbers or of texts (Arrow or a list).

    >>> event_ids("visit", np.array([1, 1]), ["Najin", "Vostochny"]).to_pylist()
    ['b1eab121e37e0217', '7fbccb3e3cd73aa8']
    """
    mixed = np.full(len(columns[0]), _of_text(kind), np.uint64)
    for column in columns:
        mixed = _mixed(mixed * _ODD + _numbers(column))
    digits = _HEX[mixed.astype(">u8").view(np.uint8)].reshape(-1)
    ends = np.arange(len(mixed) + 1, dtype=np.int64) * 16
    whole = pa.Array.from_buffers(pa.large_string(), len(mixed), [None, pa.py_buffer(ends), pa.py_buffer(digits)])
    return whole.cast(pa.string())


_DIGIT = np.full(256, 0, np.uint64)
_DIGIT[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint64)


def numbers_of(ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Identifiers as whole numbers, to name an event by another's without hashing text.

    >>> numbers_of(pa.array(["000000000000002a"])).tolist()
    [42]
    """
    whole = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    text = whole.cast(pa.binary()).cast(pa.binary(16)).buffers()[1]
    digits = np.frombuffer(text, np.uint8)[16 * whole.offset :][: 16 * len(whole)].reshape(-1, 16)
    out = np.zeros(len(digits), np.uint64)
    for k in range(16):
        out = (out << np.uint64(4)) | _DIGIT[digits[:, k]]
    return out.view(np.int64)


def _mixed(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))


def _of_text(text: str | None) -> int:
    return int.from_bytes(hashlib.sha256((text or "").encode()).digest()[:8], "little")


def _numbers(column: Any) -> np.ndarray:
    """A column as unsigned numbers: texts by their hash, each different one hashed once."""
    if isinstance(column, np.ndarray):
        return column.astype(np.int64).view(np.uint64)
    texts = column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.array(column, pa.string())
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    if not pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_encode()
    hashes = np.array([_of_text(v) for v in texts.dictionary.to_pylist()], dtype=np.uint64)
    return hashes[texts.indices.to_numpy(zero_copy_only=False)] if len(hashes) else np.zeros(len(texts), np.uint64)
