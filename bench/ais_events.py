"""Events against the cost of sorting: time of `tumen.ais` over DuckDB's read, sort by vessel and time, and write.

    python bench/ais_events.py ARCHIVE... [--workers 2] [--runs 3] [--memory] [--scratch FOLDER]

For each archive (Parquet, or Danish CSV) runs DuckDB's bare work on the same six columns, all single-vessel events, and
events with encounters, one after the other, `--runs` times over, so that what else the machine does falls on all three.
Prints every run, then least and median of each and their ratios to DuckDB's. DuckDB and Tumen get the same number of
cores, each its own process; the archive is read once before, so that no run pays for the disk alone. With `--memory` also
the most memory that Tumen's processes held together (Linux: proportional set size, sampled five times a second, which
costs a little time). Scratch room: about 80 bytes a row, given back after each run.
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
import numpy as np

from tumen import engine
from tumen.ais.pipeline import PRELOAD, run
from tumen.ais.places import Places, Shape

BARE = "DuckDB read, sort, write"
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


def read_once(path: Path) -> None:
    """Have the system keep the archive in memory, where it can."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def measure(path: Path, workers: int, runs: int, scratch: Path, memory: bool) -> None:
    """Alternate the three works and print what each took."""
    clocks: dict[str, list[tuple[float, float]]] = {}
    read_once(path)
    for number in range(1, runs + 1):
        # in a process of its own, so that its memory goes with it
        with (
            tempfile.TemporaryDirectory(dir=scratch) as name,
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart,
        ):
            taken = apart.submit(duckdb_seconds, path, workers, Path(name)).result()
        clocks.setdefault(BARE, []).append(taken)
        print(f"  run {number}: {BARE:26s} {taken[0]:6.1f} s clock, {taken[1]:6.1f} s processor", flush=True)
        for words, pairs in (("single-vessel events", False), ("with encounters", True)):
            with tempfile.TemporaryDirectory(dir=scratch) as name, watched(memory) as most:
                clock, cpu, rows = tumen_seconds(path, workers, Path(name), pairs)
            clocks.setdefault(words, []).append((clock, cpu))
            print(
                f"  run {number}: {words:26s} {clock:6.1f} s clock, {cpu:6.1f} s processor; {rows / 1e6:.1f} M rows, "
                f"{rows / clock / 1e6:.2f} M/s" + (f"; {most[0] / 2**30:.2f} GiB" if memory else ""),
                flush=True,
            )
    told = {words: np.array(taken) for words, taken in clocks.items()}
    least, middle = ({words: f(taken, axis=0) for words, taken in told.items()} for f in (np.min, np.median))
    for words in told:
        print(
            f"  {words:26s} least {least[words][0]:6.1f} s = {least[words][0] / least[BARE][0]:.2f}x, median "
            f"{middle[words][0]:6.1f} s = {middle[words][0] / middle[BARE][0]:.2f}x; processor "
            f"{middle[words][1]:6.1f} s = {middle[words][1] / middle[BARE][1]:.2f}x",
            flush=True,
        )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--workers", type=int, default=engine.cores())
    parser.add_argument("--runs", type=int, default=3, help="how often each work is run, by turns")
    parser.add_argument("--memory", action="store_true", help="also the memory of Tumen's processes together")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    for path in given.archives:
        warm(path)
        print(f"{path.name}, {given.workers} workers, {given.runs} runs by turns")
        measure(path, given.workers, given.runs, given.scratch, given.memory)


if __name__ == "__main__":
    main()
