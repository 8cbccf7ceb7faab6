"""The same tables from an object store as from local files: S3 requests over loopback, on simulated ships.

    python bench/ais_object_store.py [--rows 1] [--days 3]        (needs: pip install 'moto[server]' s3fs)

moto's S3 server runs beside this process. Archives of some days (Parquet, CSV and gzip by turns) are put in a bucket, the
work folder lies in it too, and `tumen events` runs on it: in one process, in a pool of two, and on a Dask cluster of two
worker processes of which one is killed half-way (where Dask is installed). Then day by day: a run of all days but the last,
and one of all days that may write only what the last day's ships ask for. Each time every table must be the same bytes as
from local files. The times tell the server's speed, not that of a store of your own.
"""

from __future__ import annotations

import argparse
import gzip
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tumen import engine
from tumen.ais.bucket import Walk
from tumen.ais.pipeline import PRELOAD, run
from tumen.ais.places import Places, Shape
from tumen.simulate import ais

DAY_US = 86_400_000_000
PORTS = Places([Shape("P", 39.0, 165.0), Shape("Q", 40.0, 163.0), Shape("R", 37.5, 168.0)])


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=1.0, help="millions of rows in all")
    parser.add_argument("--days", type=int, default=3, help="archives, one a stretch of ten days")
    given = parser.parse_args()
    try:
        import moto.server
        import s3fs
    except ImportError as error:
        print(f"{error.name} is not installed: not measured (pip install 'moto[server]' s3fs)")
        return 2
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ.update(
        AWS_ACCESS_KEY_ID="SIMULATED", AWS_SECRET_ACCESS_KEY="SIMULATED", AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT_URL=f"http://{host}:{port}",
    )  # fmt: skip
    print(f"s3fs {s3fs.__version__}, moto {moto.__version__}, {engine.cores()} cores")
    try:
        with tempfile.TemporaryDirectory(prefix="tumen-s3-") as folder:
            return compare(Path(folder), s3fs.S3FileSystem(), round(given.rows * 1e6), given.days)
    finally:
        server.stop()


class Counted(engine.Serial):
    """Runs in this process and counts what a scheduler would have to carry: tasks and their results, pickled."""

    def __init__(self) -> None:
        self.carried, self.parts, self.walks = 0, 0, 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run at once."""
        future = super().submit(fn, *args, **kwargs)
        task = len(pickle.dumps((fn, args, kwargs)))
        self.carried += task + len(pickle.dumps(future.result()))
        if isinstance(args[0], Walk):
            self.walks += task
            self.parts += len(args[0].parts)
        return future


def days(folder: Path, rows: int, count: int) -> list[Path]:
    """Simulated archives of ten days each; the ships of the last are few, so that few buckets are touched."""
    folder.mkdir()
    made = []
    for day in range(count):
        last = day == count - 1
        fleet = ais.archive(5 if last else 200, rows // (20 * count) if last else rows // count, 7, not last, 1_709_251_200_000_000 + 10 * day * DAY_US)  # fmt: skip
        path = folder / f"SIMULATED-{day}.{('parquet', 'csv', 'csv.gz')[day % 3]}"
        if path.suffix == ".parquet":
            pq.write_table(fleet.table(), path, row_group_size=1 << 17)
        else:
            text = path.with_suffix("") if path.suffix == ".gz" else path
            ais.write_danish(fleet, text)
            if path.suffix == ".gz":
                path.write_bytes(gzip.compress(text.read_bytes(), 1))
                text.unlink()
        made.append(path)
    return made


def compare(folder: Path, store: Any, rows: int, count: int) -> int:
    """All ways beside the local one; 0 where every table is the same bytes."""
    archives = days(folder / "days", rows, count)
    store.mkdir("tumen")
    for path in archives:
        store.put(str(path), f"tumen/days/{path.name}")
    failed = 0

    def go(name: str, archives_: list[str], runner: engine.Executor, **more: Any) -> dict[str, bytes]:
        started = time.perf_counter()
        out = folder / name.replace(" ", "-").replace(",", "")
        made = run(archives_, out, gazetteer=PORTS, executor=runner, latest_us=2**62, bucket_bits=5, **more)
        events = sum(t.num_rows for n, t in made.tables.items() if n != "drops")
        print(f"{name}: {made.positions:,} positions, {events:,} rows of events, {time.perf_counter() - started:.1f} s")
        # what was left out names the archives by their addresses
        held = {p.name: p.read_bytes() for p in out.glob("*.parquet") if p.name != "drops.parquet"}
        counts = made.tables["drops"].drop(["archive"]).to_pylist()
        return held | {"drops": repr(counts).encode()}

    def same(name: str, theirs: dict[str, bytes], ours: dict[str, bytes]) -> None:
        nonlocal failed
        differ = sorted(n for n in theirs.keys() | ours.keys() if theirs.get(n) != ours.get(n))
        failed += bool(differ)
        print(f"  {name}: {', '.join(differ) + ' DIFFER' if differ else f'all {len(ours)} tables the same bytes'}")

    one, counted = engine.Serial(), Counted()
    local = go("local files", [str(p) for p in archives], counted)
    print(
        f"  through the executor: {counted.carried:,} bytes, {counted.walks / counted.parts:.0f} for a part of a bucket"
    )
    everything = ["s3://tumen/days/"]
    same("as local", local, go("bucket, one process", everything, one, work="s3://tumen/one"))
    same("as local", local, go("bucket, again", everything, one, work="s3://tumen/one"))
    with engine.executor(2, preload=PRELOAD) as pool:
        same("as local", local, go("bucket, pool of 2", everything, pool, work="s3://tumen/pool"))
    with_dask(lambda runner, told: same("as local", local, go("bucket, Dask of 2", everything, runner, work="s3://tumen/dask", progress=told)))  # fmt: skip

    first = [f"s3://tumen/days/{p.name}" for p in archives[:-1]]
    go("bucket, without the last", first, one, work="s3://tumen/grown")
    before = objects(store, "tumen/grown")
    same("as local", local, go("bucket, with the last", everything, one, work="s3://tumen/grown"))
    after = objects(store, "tumen/grown")
    fresh = sorted(after.keys() - before.keys())
    kept = sum(after.get(n) == mark for n, mark in before.items())
    failed += kept != len(before)
    walked = [n for n in fresh if "/buckets/" in n and not n.endswith(".slow")]
    read = [n for n in fresh if n.endswith(".rows")]
    print(f"  new: {len(read)} segments, {len(walked)} of 32 buckets; {kept} of {len(before)} objects as they were")
    return 1 if failed else 0


def objects(store: Any, under: str) -> dict[str, str]:
    """Objects with their time of change."""
    store.invalidate_cache()
    return {name: f"{info['ETag']} {info['LastModified']}" for name, info in store.find(under, detail=True).items()}


def with_dask(call: Callable[[Any, Callable[[str, int, int], None]], None]) -> None:
    """Call with an executor on a real cluster of two processes, one of which is killed while buckets are walked."""
    try:
        import distributed
    except ImportError:
        print("bucket, Dask of 2: distributed is not installed, not measured")
        return
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1",
        silence_logs=logging.CRITICAL,
    ) as cluster:  # fmt: skip
        killed: list[int] = []

        def kill(stage: str, done: int, total: int) -> None:
            if stage == "walking" and done >= total // 4 and not killed:
                killed.append(next(w.pid for w in cluster.workers.values() if w.pid))
                os.kill(killed[0], signal.SIGKILL)

        with engine.executor(dask=cluster.scheduler_address) as runner:
            call(runner, kill)
        print(f"  workers killed meanwhile: {len(killed)}")


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
