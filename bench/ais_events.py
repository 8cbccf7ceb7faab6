"""Events against the cost of sorting: time of `tumen.ais` over DuckDB's read, sort by vessel and time, and write.

    python bench/ais_events.py ARCHIVE... [--workers 2] [--runs 1] [--memory]

For each archive (Parquet, or Danish CSV) prints seconds of DuckDB's bare work on the same six columns, of all
single-vessel events, and of encounters besides, and their ratios. DuckDB and Tumen get the same number of cores.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import duckdb

from tumen import engine
from tumen.ais.pipeline import PRELOAD, run
from tumen.ais.places import Places, Shape

# Twenty made-up ports, so that the port kernel has work to do.
PORTS = Places([Shape(f"Port {k}", 36 + (k * 37 % 60) / 10, 158 + (k * 61 % 140) / 10) for k in range(20)])


def processor_s() -> float:
    """Processor time of this process and of the workers that it has let go: stands up to a busy machine."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


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
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    for path in given.archives:
        warm(path)
        with tempfile.TemporaryDirectory(dir=given.scratch) as name:
            bare, bare_cpu = duckdb_seconds(path, given.workers, Path(name))
        print(f"{path.name}, {given.workers} workers")
        print(f"  DuckDB read, sort, write   {bare:6.1f} s clock, {bare_cpu:6.1f} s processor", flush=True)
        for words, pairs in (("single-vessel events", False), ("with encounters", True)):
            with tempfile.TemporaryDirectory(dir=given.scratch) as name:
                clock, cpu, rows = tumen_seconds(path, given.workers, Path(name), pairs)
            print(
                f"  {words:26s} {clock:6.1f} s clock, {cpu:6.1f} s processor = {clock / bare:.2f}x, {cpu / bare_cpu:.2f}x; "
                f"{rows / 1e6:.1f} M rows, {rows / clock / 1e6:.2f} M/s",
                flush=True,
            )
        peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(f"  largest process {peak / 2**20:.2f} GiB", flush=True)


if __name__ == "__main__":
    main()
