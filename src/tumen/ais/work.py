"""The work folder (sorted segments, results by bucket) and the folder of tables: a directory or any fsspec address.

Every file is written whole or not at all: beside its place and renamed on a file system, in one request on
an object store. Names are made of what a file was made from, so two writers of one name write the same bits.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import pyarrow as pa

from tumen.ais import stores


class Folder:
    """Files by name ('segments/abc') in one place that every worker sees."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._fs: Any = None
        self._root = address
        if stores.is_address(address):
            self._fs, self._root = stores.system(address)
            if "file" in (self._fs.protocol if isinstance(self._fs.protocol, tuple) else (self._fs.protocol,)):
                self._fs = None

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def ready(self) -> None:
        """Make it where it is a directory; else see that the store answers."""
        if self._fs is None:
            os.makedirs(self._root, exist_ok=True)
            return
        # `exists` of most stores takes any failure for a no
        with stores.naming(self.address), contextlib.suppress(FileNotFoundError):
            self._fs.info(self._root)

    def exists(self, name: str) -> bool:
        """Was this file written?"""
        path = self._path(name)
        if self._fs is None:
            return os.path.exists(path)
        with stores.naming(self.address):
            return bool(self._fs.exists(path))

    def write(self, name: str, parts: Iterable[Any]) -> None:
        """Write the parts one after the other, whole or not at all."""
        path = self._path(name)
        if self._fs is not None:
            with stores.naming(self.address):
                self._fs.pipe_file(path, b"".join(parts))
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        aside = f"{path}.{os.getpid()}-{secrets.token_hex(4)}.part"
        with open(aside, "wb", buffering=1 << 20) as file:
            file.writelines(parts)
        os.replace(aside, path)

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """Bytes [start, start+size) of a file, the rest of it without a size."""
        path = self._path(name)
        if self._fs is not None:
            if size == 0:
                return b""
            # limits by name, for stores differ in their order, and none where all is wanted
            limits = (
                {} if size is None and not start else {"start": start, "end": None if size is None else start + size}
            )
            where = f"{self.address.rstrip('/')}/{name}"
            with stores.naming(where):
                data = bytes(self._fs.cat_file(path, **limits))
            if size is not None and len(data) < size:
                raise stores.StoreError(f"{where}: ends at {start + len(data)}, expected {start + size} bytes")
            return data
        with open(path, "rb", buffering=0) as file:
            if start:
                file.seek(start)
            if size is None:
                return file.read()
            # one read may give less than it was asked for, above 2 GB
            data = file.read(size)
            while len(data) < size:
                more = file.read(size - len(data))
                if not more:
                    raise OSError(f"{path}: ends at {start + len(data)}, expected {start + size} bytes")
                data += more
            return data

    def names(self, under: str) -> list[str]:
        """Names of the files in a part of the folder, sorted."""
        path = self._path(under)
        if self._fs is None:
            held = os.listdir(path) if os.path.isdir(path) else []
        else:
            with stores.naming(self.address):
                self._fs.invalidate_cache()
                held = [p.rsplit("/", 1)[-1] for p in self._fs.ls(path, detail=False)] if self._fs.exists(path) else []
        return sorted(f"{under}/{name}" for name in held)

    def remove(self, name: str) -> None:
        """Take a file away."""
        if self._fs is None:
            os.remove(self._path(name))
            return
        with stores.naming(self.address):
            self._fs.rm_file(self._path(name))

    def mark(self, name: str) -> bytes | None:
        """What a Parquet file was made of (see `parquet`); None where it is not there or says nothing."""
        import pyarrow.parquet as pq

        if not self.exists(name):
            return None
        path = self._path(name)
        with open(path, "rb") if self._fs is None else stores.open_read(self._fs.unstrip_protocol(path)) as file:
            try:
                return (pq.read_metadata(file).metadata or {}).get(_MARK)
            except pa.ArrowException:
                return None


_MARK = b"made of"


def parquet(table: pa.Table, mark: str = "") -> list[Any]:
    """A table as the bytes of a Parquet file, with a word of what it was made of."""
    import pyarrow.parquet as pq

    if mark:
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _MARK: mark})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return [sink.getvalue()]


@lru_cache(maxsize=4)
def folder(address: str) -> Folder:
    """The folder of an address, once a process."""
    return Folder(address)
