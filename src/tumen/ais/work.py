"""The work folder: sorted segments and results by bucket, in a directory or under any fsspec address.

Every file is written whole or not at all: beside its place and renamed on a file system, in one request on
an object store. Names are made of what a file was made from, so two writers of one name write the same bits.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

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
        self._made: set[str] = set()

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

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
        folder = os.path.dirname(path)
        if folder not in self._made:
            os.makedirs(folder, exist_ok=True)
            self._made.add(folder)
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


@lru_cache(maxsize=4)
def folder(address: str) -> Folder:
    """The folder of an address, once a process."""
    return Folder(address)
