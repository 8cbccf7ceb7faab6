"""Files at an address ('s3://bucket/day.csv'): the one place that speaks to fsspec and its stores.

Takes addresses; gives file systems, files to read from, listings, and what tells one state of a file from another.
Whatever a store's own library raises comes out as `StoreError` with the address and plain words, so that one
archive that cannot be had does not stop the others.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

# Read ahead of what was asked for: stores differ (50 MB with some), and the plan reads only the head of each archive.
READ_AHEAD_BYTES = 4 << 20
# What stores call the mark and the time of a file's last change.
_CHANGED = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")
_LONGEST_NOTE = 200


class StoreError(OSError):
    """A store does not answer, has no such file, or its library is not installed; the text names the address."""


def is_address(name: str) -> bool:
    """Is this an address of a store rather than a local path?

    >>> is_address("s3://bucket/day.csv"), is_address("day.csv")
    (True, False)
    """
    return "://" in name


@contextlib.contextmanager
def naming(address: str) -> Iterator[None]:
    """Turn whatever is raised inside into a `StoreError` about an address."""
    try:
        yield
    except StoreError:
        raise
    except FileNotFoundError as error:
        raise StoreError(f"{address}: no such file, folder or bucket") from error
    except ImportError as error:
        needs = f"needs the package {error.name.split('.')[0]}" if error.name else str(error)
        raise StoreError(f"{address}: {needs}") from error
    except Exception as error:  # every store's library has errors of its own
        words = " ".join(str(error).split()) or type(error).__name__
        raise StoreError(f"{address}: {words}"[: len(address) + _LONGEST_NOTE]) from error


def system(address: str) -> tuple[Any, str]:
    """The file system of an address and the path within it."""
    with naming(address):
        import fsspec

        fs, path = fsspec.core.url_to_fs(address)
    return fs, path


def open_read(address: str) -> io.RawIOBase:
    """A file to read from and to seek in."""
    fs, path = system(address)
    with naming(address):
        return _Read(fs.open(path, "rb", block_size=READ_AHEAD_BYTES, cache_type="readahead"), address)


class _Read(io.RawIOBase):
    """A store's file whose errors name the address."""

    def __init__(self, file: Any, address: str) -> None:
        self._file, self._address = file, address

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        with naming(self._address):
            return bytes(self._file.read(-1 if size is None else size))

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        with naming(self._address):
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def files(address: str) -> list[str]:
    """Addresses of the files that a pattern fits, or that lie in a folder; the address itself where it is a file.

    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe({"/doc/days/1.csv": b"", "/doc/days/2.csv": b""})
    >>> files("memory://doc/days") == files("memory://doc/days/*.csv") == ["memory:///doc/days/1.csv", "memory:///doc/days/2.csv"]
    True
    """
    if "::" in address:  # a file within a file: nothing to list
        return [address]
    fs, path = system(address)
    with naming(address):
        # what was listed earlier in this process may have changed since
        fs.invalidate_cache()
        if any(c in path for c in "*?["):
            found = fs.glob(path)
        elif fs.isfile(path):
            return [address]
        else:
            start = len(path.rstrip("/")) + 1
            found = [p for p in fs.find(path) if not any(part.startswith(".") for part in p[start:].split("/"))]
        return sorted(fs.unstrip_protocol(p) for p in found)


def state(address: str) -> list[str]:
    """Size and marks of change of a file, as text.

    >>> import fsspec
    >>> store = fsspec.filesystem("memory")
    >>> store.pipe("/doc/day.csv", b"1")
    >>> before = state("memory://doc/day.csv")
    >>> store.pipe("/doc/day.csv", b"2")
    >>> before == state("memory://doc/day.csv")
    False
    """
    fs, path = system(address)
    with naming(address):
        info = fs.info(path)
    return [str(info.get("size")), *(f"{name}={info[name]}" for name in _CHANGED if info.get(name) is not None)]
