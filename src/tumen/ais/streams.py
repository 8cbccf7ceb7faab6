"""Bytes of an archive, whatever holds them: a local file, any fsspec store, gzip, zstd, bzip2, xz or zip.

Gives blocks of bounded size that are cut at line ends. A line belongs to the block in which its first
byte lies; a line without an end within a megabyte is left out and counted, so that memory stays bounded.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np

from tumen.ais import stores

# A block of 64 MB holds about 400,000 Danish rows or a million sentences: small against 4 GiB, large
# against the cost of a task.
BLOCK_BYTES = 64 << 20
MARGIN_BYTES = 64 << 10
MAX_LINE_BYTES = 1 << 20
_FEED_BYTES = 64 << 10
# Packed bytes unpacked at a time: of what unpacks to thousands of times its size (2 GB of one letter) only so much is
# held at once.
_BITE_BYTES = 2 << 10
_ROOM_BYTES = 4 << 20


class BreaksOff(Exception):
    """A compressed stream ended or failed before its end."""


def open_bytes(path: str) -> BinaryIO:
    """Open a local path or an address of a store for reading. Raises OSError where that fails."""
    return cast(BinaryIO, stores.open_read(path)) if stores.is_address(path) else open(path, "rb")


def compression_of(head: bytes) -> str:
    """'gzip', 'zstd', 'bzip2', 'xz', 'zip', 'parquet' or 'none', by the first bytes and never by the name."""
    for magic, name in (
        (b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"),
        (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"PAR1", "parquet"),
    ):  # fmt: skip
        if head.startswith(magic):
            return name
    return "none"


def _zstd() -> Any:
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()


_MAKERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
    "zstd": _zstd,
}


class Inflated:
    """A compressed stream that keeps every byte before a break. `broken` says what was wrong, if anything."""

    def __init__(self, raw: BinaryIO, compression: str) -> None:
        self._raw = raw
        self._make = _MAKERS[compression]
        self._machine = self._make()
        self._fresh = True
        self._left = memoryview(b"")
        # offsets in the packed stream: of the next byte to unpack, and of the member that it belongs to; what that gave
        self._at = self._member = self._given = 0
        self._ready = bytearray()
        self.broken = ""
        self._done = False

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end, or where the stream breaks off."""
        while len(self._ready) < size and not self._done:
            self._step()
        out = bytes(self._ready[:size])
        del self._ready[:size]
        return out

    def _step(self) -> None:
        data = self._bite()
        if data is None:
            return
        try:
            more = self._unpacked(data)
        except Exception as error:  # every library has an error of its own
            if self._fresh and not any(data):
                # zero padding after the last member, as tape and some object stores leave it
                self._done = True
                return
            self.broken, self._done = f"fails: {error}", True
            self._ready += self._before_fault(len(data))
            return
        self._ready += more
        self._given += len(more)
        self._fresh = False
        behind = len(self._machine.unused_data) if getattr(self._machine, "eof", False) else 0
        self._at += len(data) - behind
        if getattr(self._machine, "eof", False):
            self._left = memoryview(bytes(data[len(data) - behind :]) + bytes(self._left)) if behind else self._left
            self._machine, self._member, self._given, self._fresh = self._make(), self._at, 0, True

    def _bite(self) -> memoryview | None:
        """The next packed bytes, none of them while the machine has more to give; nothing at the end."""
        if not getattr(self._machine, "needs_input", True):
            return memoryview(b"")
        try:
            self._left = self._left or memoryview(self._raw.read(_FEED_BYTES))
        except OSError as error:
            self.broken, self._done = f"fails: {error}", True
            return None
        if not self._left:
            self._done = True
            self.broken = "" if self._fresh else "ends in the middle"
            return None
        data, self._left = self._left[:_BITE_BYTES], self._left[_BITE_BYTES:]
        return data

    def _unpacked(self, data: memoryview) -> bytes:
        limited = hasattr(self._machine, "needs_input")
        return bytes(self._machine.decompress(data, _ROOM_BYTES) if limited else self._machine.decompress(data))

    def _before_fault(self, size: int) -> bytes:
        """What the step that failed would have given before the fault: the member once more, its last bytes one by one."""
        machine, skip, out = self._make(), self._given, bytearray()
        end = self._at + size
        slow = max(self._member, end - 2 * _BITE_BYTES)
        try:
            self._raw.seek(self._member)
            at = self._member
            while at < end:
                data = self._raw.read(min(_BITE_BYTES, slow - at) if at < slow else 1)
                if not data:
                    break
                at += len(data)
                more = machine.decompress(data)
                out += more[skip:]
                skip = max(0, skip - len(more))
        except Exception:
            # the fault again, or a stream that cannot go back
            return bytes(out)
        return bytes(out)


class Recoded:
    """A text stream of another encoding as UTF-8; what cannot be read becomes the replacement character."""

    def __init__(self, raw: Any, encoding: str) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = bytearray()

    @property
    def broken(self) -> str:
        """Passed on from the stream beneath."""
        return getattr(self._raw, "broken", "")

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of UTF-8."""
        while len(self._ready) < size:
            data = self._raw.read(_FEED_BYTES)
            self._ready += self._decoder.decode(data, final=not data).encode()
            if not data:
                break
        out = bytes(self._ready[:size])
        del self._ready[:size]
        return out


@dataclass
class Source:
    """Where bytes come from: a path, a member of a zip, how it is compressed and encoded."""

    path: str
    compression: str = "none"
    member: str | None = None
    encoding: str | None = None

    @property
    def name(self) -> str:
        """Name to show."""
        return f"{self.path}/{self.member}" if self.member else self.path

    @property
    def seekable(self) -> bool:
        """Can tasks start in the middle?"""
        return self.compression == "none" and self.encoding is None

    def open(self) -> Any:
        """A stream with `read`; its `broken` is non-empty once it has broken off."""
        raw: Any = open_bytes(self.path)
        if self.compression == "zip":
            raw = _Member(raw, self.member or "")
        elif self.compression in _MAKERS:
            raw = Inflated(raw, self.compression)
        return Recoded(raw, self.encoding) if self.encoding else raw


class _Member:
    """One file in a zip; a damaged one breaks off."""

    def __init__(self, raw: BinaryIO, member: str) -> None:
        self._raw, self._name = raw, member
        self._file = self._opened()
        self._at = 0
        self.broken = ""

    def _opened(self) -> Any:
        return zipfile.ZipFile(self._raw).open(self._name)

    def read(self, size: int) -> bytes:
        out = bytearray()
        while len(out) < size and not self.broken:
            try:
                data = self._file.read(min(size - len(out), 1 << 20))
            except _ZIP_ERRORS as error:
                self.broken = f"fails: {error}"
                out += self._before_fault()
                break
            if not data:
                break
            out += data
            self._at += len(data)
        return bytes(out)

    def _before_fault(self) -> bytes:
        """What the read that failed held before the fault, but for its last piece of 4 KB."""
        out = bytearray()
        with contextlib.suppress(*_ZIP_ERRORS):
            again = self._opened()
            left = self._at
            while left:
                left -= len(again.read(min(left, 1 << 20)))
            while data := again.read(zipfile.ZipExtFile.MIN_READ_SIZE):
                out += data
        return bytes(out)


_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError)


@dataclass
class Piece:
    """One block: lines that start in buf[own:stop] belong to it; `base` is the offset of `own` in the stream."""

    buf: np.ndarray
    own: int
    stop: int
    base: int
    long_lines: int = 0


def pieces(
    stream: Any, start: int = 0, end: int | None = None, size: int = BLOCK_BYTES, margin: int = MARGIN_BYTES
) -> Iterator[Piece]:
    """Cut a stream (from byte `start` to `end` of a seekable one) into blocks of about `size` bytes."""
    lead = b""
    if start > 0:
        back = min(start, margin)
        stream.seek(start - back)
        lead = stream.read(back)
    base = start
    ahead = b""
    while True:
        want = size if end is None else min(size, end - base)
        chunk = ahead[:want]
        ahead = ahead[want:]
        if len(chunk) < want:
            chunk += stream.read(want - len(chunk))
        if not chunk:
            return
        # look ahead: the rest of the last line, and the parts of messages that cross the border
        while len(ahead) < margin or (b"\n" not in ahead and len(ahead) < MAX_LINE_BYTES):
            more = stream.read(max(margin - len(ahead), margin))
            if not more:
                break
            ahead += more
        finished = not ahead
        whole = lead + chunk + ahead
        own, stop = len(lead), len(lead) + len(chunk)
        if own > 0 and whole[own - 1] != 10:
            newline = whole.find(b"\n", own, stop)
            own = stop if newline < 0 else newline + 1
        # the end of the last own line
        tail = stop
        long_lines = 0
        if own < stop and whole[stop - 1] != 10:
            newline = whole.find(b"\n", stop)
            if newline >= 0:
                tail = newline + 1
            elif len(whole) - stop >= MAX_LINE_BYTES:
                stop = max(whole.rfind(b"\n", own, stop) + 1, own)
                tail, long_lines = stop, 1
            else:
                tail = len(whole)
        if own < stop or long_lines:
            first = lead.find(b"\n") + 1 if start > 0 or base > start else 0
            begin = first if 0 < first < len(lead) else len(lead) if lead else 0
            begin = min(begin, own)
            last = max(tail, min(len(whole), tail + margin))
            last = whole.rfind(b"\n", 0, last) + 1 if last < len(whole) else last
            last = max(last, tail)
            yield Piece(
                np.frombuffer(whole, dtype=np.uint8)[begin:last], own - begin, tail - begin,
                base + own - len(lead), long_lines,
            )  # fmt: skip
        lead = (lead + chunk)[-margin:]
        base += len(chunk)
        if finished or (end is not None and base >= end):
            return
