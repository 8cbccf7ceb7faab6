"""Executors: the same bits for any number of workers, and a killed worker changes nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tumen import engine


def square(x: int) -> int:
    return x * x


def die_once(task: tuple[str, int]) -> int:
    """Kill the own process the first time that any worker comes here."""
    folder, x = task
    mark = Path(folder) / "died"
    if x == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return x * x


def always_die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(x: int) -> None:
    raise ValueError(f"task {x}")


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    seen: list[tuple[int, int]] = []
    with engine.executor(workers) as runner:
        assert engine.run(runner, square, range(20), lambda a, b: seen.append((a, b))) == [x * x for x in range(20)]
    assert seen[-1] == (20, 20)


def test_a_killed_worker_changes_nothing(tmp_path: Path) -> None:
    with engine.executor(2) as runner:
        tasks = [(str(tmp_path), x) for x in range(12)]
        assert engine.run(runner, die_once, tasks) == [x * x for x in range(12)]
    assert (tmp_path / "died").exists()


def test_a_task_that_kills_every_worker_is_given_up() -> None:
    runner = engine.Pool(1)
    with pytest.raises(engine.EngineError, match="died 3 times"):
        engine.run(runner, always_die, [1])
    runner.shutdown()


def test_errors_of_tasks_are_raised() -> None:
    with engine.executor(1) as runner, pytest.raises(ValueError, match="task 5"):
        engine.run(runner, fail, [5])


def test_wrong_use_is_said() -> None:
    with pytest.raises(engine.EngineError, match="at least 1"), engine.executor(0):
        pass
    pytest.importorskip("distributed")
    with pytest.raises(engine.EngineError, match="no Dask scheduler"), engine.executor(dask="tcp://127.0.0.1:1"):
        pass


def test_core_alone_imports_the_engine() -> None:
    code = "import sys; sys.modules['numba']=None; sys.modules['shapely']=None; import tumen.engine, tumen.ais"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra_the_command_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['numba']=None; from pathlib import Path; from tumen.ais.command import events_step;"
        "sys.exit(events_step(['x'], Path('o'), [], None, []))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'tumen[ais]'" in done.stderr


ARCHIVE_ROWS = 30_000


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("numba")
    import pyarrow.parquet as pq

    from tumen.simulate import ais as simulate

    path = tmp_path_factory.mktemp("archive") / "SIMULATED.parquet"
    fleet = simulate.archive(60, ARCHIVE_ROWS, 3, clustered=True)
    pq.write_table(fleet.table(), path, row_group_size=20_000)
    simulate.write_danish(fleet, path.with_suffix(".csv"))
    return path


def bits(made: dict[str, object]) -> dict[str, list[object]]:
    return {name: table.to_pylist() for name, table in made.items() if name != "drops"}  # type: ignore[attr-defined]


def events(archive: Path, runner: object, **more: object) -> dict[str, list[object]]:
    from tumen.ais.pipeline import run
    from tumen.ais.places import Places, Shape

    ports = Places([Shape("P", 39.0, 165.0), Shape("Q", 40.0, 163.0)])
    kept = {"bucket_bits": 3, "block_bytes": 1 << 20, "latest_us": 2**62, "gazetteer": ports, **more}
    return bits(run([archive], executor=runner, **kept).tables)  # type: ignore[arg-type]


def test_the_same_bits_for_any_workers_buckets_and_blocks(archive: Path, tmp_path: Path) -> None:
    alone = events(archive, engine.Serial())
    assert sum(len(v) for v in alone.values()) > 100
    assert len(alone["encounters"]) > 5
    for workers in (2, 8):
        with engine.executor(workers) as runner:
            assert events(archive, runner, bucket_bits=5) == alone
    csv = archive.with_suffix(".csv")
    first = events(csv, engine.Serial())
    again = events(csv, engine.Serial(), block_bytes=3 << 20)
    assert again == first
    # the two formats tell the same events
    assert [v["start"] for v in first["port_visits"]] == [v["start"] for v in alone["port_visits"]]  # type: ignore[index]


def test_what_is_left_out_is_the_same_for_any_workers_buckets_and_blocks(archive: Path, tmp_path: Path) -> None:
    """Duplicates, broken lines, wrong numbers and clocks: counts, first lines and notes, and the events of the rest."""
    from tumen.ais.pipeline import run

    lines = archive.with_suffix(".csv").read_text().splitlines()
    header, rows = lines[0], lines[1:]
    for k in range(100, len(rows), 997):
        rows[k] = (
            rows[k - 1],
            rows[k][:25],
            rows[k].replace("Class A", "Class A,x", 1),
            "",
            rows[k][:6] + "2099" + rows[k][10:],
        )[k % 5]
    dirty = tmp_path / "SIMULATED-dirty.csv"
    dirty.write_text("\n".join([header, *rows]))

    def made(runner: object, **more: object) -> dict[str, list[object]]:
        kept = {"bucket_bits": 3, "block_bytes": 1 << 20, **more}
        tables = run([dirty], executor=runner, **kept).tables  # type: ignore[arg-type]
        return {name: table.to_pylist() for name, table in tables.items()}

    alone = made(engine.Serial())
    told = {r["reason"]: r for r in alone["drops"]}  # type: ignore[index]
    assert {"exact duplicate", "half line", "blank or comment", "time in the future"} <= set(told)
    assert "first at @" in told["time in the future"]["note"]  # type: ignore[index]
    for workers, more in ((2, {"bucket_bits": 5}), (8, {"block_bytes": 1 << 18})):
        with engine.executor(workers) as runner:
            assert made(runner, **more) == alone


def test_rows_never_go_through_the_executor(archive: Path, tmp_path: Path) -> None:
    """Tasks and results as they would be carried to workers: as many bytes for four times the rows."""
    import pickle

    import pyarrow.parquet as pq

    class Counted(engine.Serial):
        carried = 0

        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            future = super().submit(fn, *args, **kwargs)
            self.carried += len(pickle.dumps((fn, args, kwargs))) + len(pickle.dumps(future.result()))
            return future

    whole = pq.read_table(archive)
    carried = []
    for name, rows in (("a", whole.num_rows // 4), ("b", whole.num_rows)):
        pq.write_table(whole.slice(0, rows), tmp_path / f"{name}.parquet")
        runner = Counted()
        events(tmp_path / f"{name}.parquet", runner)
        carried.append(runner.carried)
    assert carried[1] < 1.1 * carried[0]
    assert carried[1] < whole.num_rows * 36 / 10


def test_the_work_folder_may_be_on_any_store(archive: Path, tmp_path: Path) -> None:
    import fsspec

    alone = events(archive, engine.Serial())
    store = fsspec.filesystem("memory")
    assert events(archive, engine.Serial(), work="memory://kept/ais") == alone
    held = {name: store.info(name)["created"] for name in store.find("/kept/ais")}
    assert any(name.endswith(".rows") for name in held)
    # what was done is found again
    assert events(archive, engine.Serial(), work="memory://kept/ais") == alone
    assert {name: store.info(name)["created"] for name in store.find("/kept/ais")} == held
    with engine.executor(2) as runner:
        assert events(archive, runner, work=f"file://{tmp_path}/work") == alone


def test_a_new_day_touches_only_its_buckets(archive: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tumen.ais.pipeline import run

    work = tmp_path / "work"
    run([archive], work=work, bucket_bits=3, latest_us=2**62)
    made = {p.name: p.stat().st_mtime_ns for p in (work / "buckets").iterdir()}
    parts = {p.name: p.stat().st_mtime_ns for p in (work / "segments").iterdir()}
    day = tmp_path / "day.parquet"
    pq.write_table(
        pa.table(
            {
                "mmsi": [999_000_001] * 3,
                "timestamp": [1_710_200_000, 1_710_200_060, 1_710_200_120],
                "lat": [56.0, 56.001, 56.002],
                "lon": [8.0, 8.0, 8.0],
            }
        ),
        day,
    )
    after = run([archive, day], work=work, bucket_bits=3, latest_us=2**62)
    fresh = {p.name for p in (work / "buckets").iterdir() if p.suffix != ".slow"} - set(made)
    assert len(fresh) == 1
    # nothing that was there was written again
    assert all((work / "buckets" / n).stat().st_mtime_ns == t for n, t in made.items())
    assert len([n for n in made if not n.endswith(".slow")]) == 8
    assert all((work / "segments" / n).stat().st_mtime_ns == t for n, t in parts.items())
    whole = run([archive, day], bucket_bits=3, latest_us=2**62)
    assert bits(after.tables) == bits(whole.tables)


def test_a_worker_of_the_pool_killed_in_the_middle_changes_nothing(archive: Path, tmp_path: Path) -> None:
    """Killed once while it reads and once while it walks; what is left in the work folder serves the next run."""
    text = archive.with_suffix(".csv")
    alone = events(text, engine.Serial())
    with engine.executor(2) as runner:
        assert isinstance(runner, engine.Pool)
        pool, killed = runner, []

        def kill(stage: str, done: int, total: int) -> None:
            if stage not in [s for s, _ in killed] and stage in ("reading", "walking") and done < total:
                pid = pool.processes()[0]
                os.kill(pid, signal.SIGKILL)
                killed.append((stage, pid))

        assert events(text, runner, work=tmp_path / "work", progress=kill, block_bytes=1 << 18) == alone
    assert [stage for stage, _ in killed] == ["reading", "walking"]
    assert len({pid for _, pid in killed}) == 2
    assert events(text, engine.Serial(), work=tmp_path / "work", block_bytes=1 << 18) == alone


def test_dask_cluster_with_a_worker_killed_in_the_middle(archive: Path, tmp_path: Path) -> None:
    """Real worker processes on loopback; files on shared storage; one worker is killed while it works."""
    distributed = pytest.importorskip("distributed")
    alone = events(archive, engine.Serial())
    with distributed.LocalCluster(
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        killed: list[int] = []

        def kill(stage: str, done: int, total: int) -> None:
            if stage == "walking" and done == 2 and not killed:
                pid = next(w.pid for w in cluster.workers.values() if w.pid)
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                time.sleep(0.2)

        with engine.executor(dask=cluster.scheduler_address) as runner:
            assert events(archive, runner, work=tmp_path / "work", progress=kill) == alone
        assert killed


def test_a_cluster_that_is_lost_is_told_in_one_line(archive: Path, tmp_path: Path) -> None:
    """A task over which every worker dies; a scheduler that is killed while it works: errors of ours."""
    distributed = pytest.importorskip("distributed")

    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]  # fmt: skip
    with subprocess.Popen(scheduler, stderr=subprocess.PIPE, text=True) as main:
        assert main.stderr
        address = next(found[0] for line in main.stderr if (found := re.findall(r"tcp://127.0.0.1:\d+", line)))
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]  # fmt: skip
        workers = [subprocess.Popen(worker, stderr=subprocess.DEVNULL) for _ in range(2)]
        try:
            with distributed.Client(address) as client:
                client.wait_for_workers(2, timeout=60)
            # a task is tried on four workers
            workers += [subprocess.Popen(worker, stderr=subprocess.DEVNULL) for _ in range(3)]
            with (
                pytest.raises(engine.EngineError, match="every worker that took one task died"),
                engine.executor(dask=address) as runner,
            ):
                engine.run(runner, os._exit, [1])
            workers.append(subprocess.Popen(worker, stderr=subprocess.DEVNULL))

            def kill(stage: str, done: int, total: int) -> None:
                if stage == "walking":
                    main.kill()

            with pytest.raises(engine.EngineError, match="went away"), engine.executor(dask=address) as runner:
                events(archive, runner, work=tmp_path / "work", progress=kill)
        finally:
            for process in (main, *workers):
                process.kill()
                process.wait()


def test_workers_that_do_not_see_the_work_folder(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each worker has a disk of its own: what the first stage wrote is not there in the second."""
    import contextlib
    import shutil

    from tumen.ais import work
    from tumen.ais.command import events_step

    class Elsewhere(engine.Serial):
        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            if fn.__name__ == "walk_bucket":
                shutil.rmtree(Path(args[0].folder) / "segments")
            return super().submit(fn, *args, **kwargs)

    monkeypatch.setattr(engine, "executor", lambda *given: contextlib.nullcontext(Elsewhere()))
    work.folder.cache_clear()
    assert events_step([str(archive)], tmp_path / "out", [], None, [], dask="tcp://far:8786", quiet=True) == 2
    told = capsys.readouterr().err
    assert "segments" in told
    assert "--work must name a folder or address that every worker sees" in told


def test_command(archive: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from tumen.ais.command import events_step

    out = tmp_path / "out"
    assert events_step([str(archive)], out, [], None, [], workers=1, positions=True, quiet=True) == 0
    assert pq.read_table(out / "loitering.parquet").num_rows
    held = sum(pq.read_metadata(p).num_rows for p in (out / "positions").glob("*.parquet"))
    assert 0.99 * ARCHIVE_ROWS < held <= ARCHIVE_ROWS
    bad = tmp_path / "bad.csv"
    bad.write_text("mmsi,time,lat,lon\n1,x\n")
    assert events_step([str(bad), str(archive)], out, [], None, [], workers=1, quiet=True) == 1
    assert events_step([str(tmp_path / "none")], out, [], None, [], workers=1, quiet=True) == 3
    assert events_step([str(archive)], out, [tmp_path / "none.csv"], None, [], workers=1, quiet=True) == 2
    assert events_step([str(archive)], out, [], None, ["vessel"], workers=1, quiet=True) == 2
    wrong = tmp_path / "rules.toml"
    wrong.write_text("gap_hours = 3\n")
    assert events_step([str(archive)], out, [], wrong, [], workers=1, quiet=True) == 2


def _blas_threads() -> set[int]:
    import numpy  # noqa: F401  (its library of linear algebra is the one that is asked)
    from threadpoolctl import threadpool_info

    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_linear_algebra_keeps_to_one_thread_so_that_figures_can_be_recomputed() -> None:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=2, user_api="blas"):
        before = _blas_threads()
        with engine.one_thread():
            assert _blas_threads() <= {1}
        assert _blas_threads() == before
    with engine.Pool(1) as pool:
        assert pool.submit(_blas_threads).result() <= {1}


def test_a_step_of_a_run_computes_on_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from threadpoolctl import threadpool_limits

    from tumen import study
    from tumen.case.new import new_case

    folder = tmp_path / "case"
    new_case(folder)
    seen: list[set[int]] = []

    def spied(step: study.Step) -> study.Step:
        def work(inputs: study.Inputs) -> dict:
            seen.append(_blas_threads())
            return step.work(inputs)

        return replace(step, work=work)

    monkeypatch.setattr(study, "STEPS", tuple(spied(s) for s in study.STEPS))
    with threadpool_limits(limits=2, user_api="blas"):
        study.open_study(folder).table("headline")
    assert seen
    assert all(threads <= {1} for threads in seen)


def test_one_thread_holds_in_any_thread_and_until_the_last_leaves() -> None:
    from threadpoolctl import threadpool_limits

    inside, leave = threading.Event(), threading.Event()
    seen: list[set[int]] = []

    def beside() -> None:
        with engine.one_thread():
            seen.append(_blas_threads())
            inside.set()
            leave.wait(10)

    with threadpool_limits(limits=2, user_api="blas"):
        before = _blas_threads()
        other = threading.Thread(target=beside)
        other.start()
        assert inside.wait(10)
        with engine.one_thread():
            pass
        seen.append(_blas_threads())  # the other is still within
        leave.set()
        other.join()
        assert seen == [{1}, {1}]
        assert _blas_threads() == before
