"""Events against the cost of sorting: time of `tumen.ais` over DuckDB's read, sort by vessel and time, and write.

    python bench/ais_events.py ARCHIVE... [--workers 2] [--runs 1] [--memory]

For each archive (Parquet, or Danish CSV) prints seconds of DuckDB's bare work on the same six columns, of all
single-vessel events, and of encounters besides, and their ratios. DuckDB and Tumen get the same number of cores. With
`--memory` also the most memory that Tumen's processes held together (Linux: proportional set size, sampled five times
a second, which costs a little time), without DuckDB, which has a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import duckdb

from tumen import engine
from tumen.ais.pipeline import PRELOAD, run
from tumen.ais.places import Places, Shape

# Twenty made-up ports, so that the port kernel has work to do.
PORTS = Places([Shape(f"Port {k}", 36 + (k * 37 % 60) / 10, 158 + (k * 61 % 140) / 10) for k in range(20)])


def family() -> Iterator[Path]:
    """Folders under /proc of this process and of all below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    todo = [os.getpid()]
    while todo:
        pid = todo.pop()
        todo += parents.get(pid, [])
        yield Path("/proc") / str(pid)


def processor_s() -> float:
    """Processor time of this process, of all below it and of those that they have let go (Linux)."""
    ticks = 0
    for folder in family():
        with contextlib.suppress(OSError):
            ticks += sum(int(v) for v in (folder / "stat").read_text().rpartition(")")[2].split()[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def held_bytes() -> int:
    """Memory of this process and all below it, pages that several share counted once (by their shares; Linux)."""
    total = 0
    for folder in family():
        with contextlib.suppress(OSError):
            for line in (folder / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def duckdb_seconds(path: Path, workers: int, folder: Path) -> tuple[float, float]:
    """Read six columns, sort by vessel and time, write Parquet; seconds of the clock and of processors."""
    columns = (
        "MMSI AS mmsi, strptime(\"# Timestamp\", '%d/%m/%Y %H:%M:%S') AS t, Latitude, Longitude, SOG, COG"
        if path.suffix == ".csv"
        else "mmsi, timestamp AS t, latitude, longitude, sog, cog"
    )
    source = f"read_csv('{path}')" if path.suffix == ".csv" else f"read_parquet('{path}')"
    if path.suffix == ".csv":
        # the sniffer reads the stamp as a timestamp already where its format is told
        columns = columns.replace("strptime(\"# Timestamp\", '%d/%m/%Y %H:%M:%S')", '"# Timestamp"')
        source = f"read_csv('{path}', timestampformat='%d/%m/%Y %H:%M:%S')"
    db = duckdb.connect(config={"threads": workers, "memory_limit": "4GB", "temp_directory": str(folder)})
    db.execute("SET enable_progress_bar = false")
    started, before = time.perf_counter(), processor_s()
    db.execute(
        f"COPY (SELECT {columns} FROM {source} ORDER BY mmsi, t) TO '{folder / 'sorted.parquet'}' (FORMAT parquet)"
    )
    return time.perf_counter() - started, processor_s() - before


def tumen_seconds(path: Path, workers: int, folder: Path, pairs: bool) -> tuple[float, float, int]:
    """All events to Parquet tables; seconds of the clock and of processors, and positions read."""
    started, before = time.perf_counter(), processor_s()
    with engine.executor(workers, preload=PRELOAD) as runner:
        made = run([path], folder / "out", gazetteer=PORTS, executor=runner, pairs=pairs, latest_us=2**62)
    return time.perf_counter() - started, processor_s() - before, made.positions


@contextlib.contextmanager
def watched(wanted: bool) -> Iterator[list[int]]:
    """The most that `held_bytes` was in the block, as the one entry of a list; 0 where it is not wanted."""
    most, done = [0], threading.Event()

    def look() -> None:
        while wanted and not done.wait(0.2):
            most[0] = max(most[0], held_bytes())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def warm(path: Path) -> None:
    """Compile the kernels once (they are cached on disk), those that workers load and those of this format."""
    import tumen.ais.ready  # noqa: F401

    with tempfile.TemporaryDirectory() as name:
        small = Path(name) / f"small{path.suffix}"
        if path.suffix == ".csv":
            with path.open("rb") as file:
                small.write_bytes(file.read(1 << 20).rpartition(b"\n")[0] + b"\n")
        else:
            duckdb.execute(f"COPY (SELECT * FROM read_parquet('{path}') LIMIT 20000) TO '{small}' (FORMAT parquet)")
        run([small], gazetteer=PORTS, latest_us=2**62)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--workers", type=int, default=engine.cores())
    parser.add_argument("--memory", action="store_true", help="also the memory of Tumen's processes together")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    for path in given.archives:
        warm(path)
        # in a process of its own, so that its memory goes with it
        with (
            tempfile.TemporaryDirectory(dir=given.scratch) as name,
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart,
        ):
            bare, bare_cpu = apart.submit(duckdb_seconds, path, given.workers, Path(name)).result()
        print(f"{path.name}, {given.workers} workers")
        print(f"  DuckDB read, sort, write   {bare:6.1f} s clock, {bare_cpu:6.1f} s processor", flush=True)
        for words, pairs in (("single-vessel events", False), ("with encounters", True)):
            with tempfile.TemporaryDirectory(dir=given.scratch) as name, watched(given.memory) as most:
                clock, cpu, rows = tumen_seconds(path, given.workers, Path(name), pairs)
            print(
                f"  {words:26s} {clock:6.1f} s clock, {cpu:6.1f} s processor = {clock / bare:.2f}x, {cpu / bare_cpu:.2f}x; "
                f"{rows / 1e6:.1f} M rows, {rows / clock / 1e6:.2f} M/s"
                + (f"; {most[0] / 2**30:.2f} GiB" if given.memory else ""),
                flush=True,
            )


if __name__ == "__main__":
    main()
