"""Two gigabytes of one line in every form of archive: time and memory of `tumen events`, what it names, what it still reads.

    python bench/ais_endless.py [--bytes 2147483648]

Each archive holds one good row, the line without an end, and a good row behind it (none in a JSON document, which is one
value). Packed archives are some kilobytes that unpack to all of it.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq

TABLE = ("mmsi,timestamp,lat,lon\n273413400,1709121600,42,130\n", "\n273413400,1709121660,42,130.001\n")
SENTENCE = "\\c:1709121600*52\\!AIVDM,1,1,,A,15M67FC000G?ufbE`FepT@3n00Sa,0*5F\n"
LINES = ('{"mmsi":273413400,"time":1709121600,"lat":42,"lon":130}\n{"mmsi":"', '"}\n{"mmsi":273413400,"time":1709121660,"lat":42,"lon":130.001}\n')  # fmt: skip
FORMS = {
    "table.csv": TABLE, "log.nmea": (SENTENCE, f"\n{SENTENCE}"), "lines.jsonl": LINES, "document.json": ('{"a":"', '"}'),
    "table.csv.gz": TABLE, "table.csv.bz2": TABLE, "table.csv.zst": TABLE,
}  # fmt: skip


def packed(path: Path) -> IO[bytes]:
    """The archive, open for writing what it shall unpack to."""
    if path.suffix == ".gz":
        return gzip.open(path, "wb", 1)  # type: ignore[return-value]
    if path.suffix == ".bz2":
        return bz2.open(path, "wb", 1)
    if path.suffix == ".zst":
        import zstandard

        return zstandard.open(path, "wb")  # type: ignore[no-any-return]
    return path.open("wb")


def pieces(given: tuple[str, str], size: int) -> Iterator[bytes]:
    """The bytes of an archive."""
    yield given[0].encode()
    for _ in range(size >> 20):
        yield b"x" * (1 << 20)
    yield given[1].encode()


def one(path: Path, out: Path) -> dict[str, Any]:
    """Run the command on an archive in a process of its own."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from tumen.cli import entry; entry()",
            "events",
            str(path),
            "-o",
            str(out),
            "-n",
            "1",
            "-q",
        ]
    )
    _, status, used = os.wait4(child.pid, 0)
    told = pq.read_table(out / "drops.parquet").to_pylist()
    return {
        "seconds": time.perf_counter() - started, "GiB": used.ru_maxrss / 2**20, "exit": status >> 8,
        "told": ", ".join(f"{r['count']} {r['reason']}" for r in told),
    }  # fmt: skip


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=2 << 30)
    given = parser.parse_args()
    for name, form in FORMS.items():
        with tempfile.TemporaryDirectory(prefix="tumen-endless-") as folder:
            path = Path(folder) / name
            with packed(path) as file:
                for piece in pieces(form, given.bytes):
                    file.write(piece)
            size = path.stat().st_size
            got = one(path, Path(folder) / "out")
            print(
                f"{name}: {size:,} bytes, {got['seconds']:.1f} s, {got['GiB']:.2f} GiB, exit code {got['exit']}: {got['told']}"
            )


if __name__ == "__main__":
    main()
