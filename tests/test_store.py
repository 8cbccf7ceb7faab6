"""Results survive kills, races and damage; a key changes with everything it stands for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from tumen.store import RunRecord, StepRecord, Store, StoreError, code_version, stamp, step_key, table_hash
from tumen.tables import DIAGNOSTICS, VISITS


def some_table(n: int = 10) -> pa.Table:
    return pa.table({"draw": list(range(n)), "value": [float(i) for i in range(n)]})


def record(key: str = "k", **outputs: str) -> StepRecord:
    return StepRecord(key, "count", "code", {"a": 1}, 7, "2024-03-01", {"looks": "x"}, dict(outputs))


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.put(some_table())
    assert store.get(digest) == some_table()
    store.finish(record(visits=digest))
    assert store.done("k") == record(visits=digest)
    run = RunRecord("2024-03-01", "0.1", {"count": "k"}, {"visits": digest})
    store.save_run(run)
    assert Store(tmp_path).run() == run


def test_a_damaged_object_is_not_served(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.put(some_table())
    path = tmp_path / "objects" / f"{digest}.parquet"
    path.write_bytes(path.read_bytes()[:-3] + b"xyz")
    assert store.get(digest) is None
    assert store.put(some_table()) == digest
    assert store.get(digest) == some_table()


def test_a_computation_whose_table_is_gone_is_not_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.put(some_table())
    store.finish(record(visits=digest))
    (tmp_path / "objects" / f"{digest}.parquet").unlink()
    assert store.done("k") is None


@pytest.mark.parametrize("garbage", [b"", b"{", b"[1, 2]", b"\xff\xfe"])
def test_a_half_written_record_counts_as_absent(tmp_path: Path, garbage: bytes) -> None:
    store = Store(tmp_path)
    (tmp_path / "steps" / "k.json").write_bytes(garbage)
    (tmp_path / "runs" / "latest.json").write_bytes(garbage)
    assert store.done("k") is None
    assert store.run() is None


WRITER = """
import sys, pyarrow as pa
from pathlib import Path
from tumen.store import Store
store = Store(Path(sys.argv[1]))
n = 0
while True:
    n += 1
    store.put(pa.table({"x": list(range(n, n + 20000))}))
    if n == 1:
        print("ready", flush=True)
"""


@pytest.mark.parametrize("pause", [0.03, 0.11, 0.2])
def test_kill_9_leaves_only_whole_objects(tmp_path: Path, pause: float) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(pause)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    store = Store(tmp_path)
    names = [p.stem for p in (tmp_path / "objects").iterdir()]
    assert names, "the writer had begun"
    assert all(store.get(name) is not None for name in names)


def _put_all(folder: str) -> list[str]:
    store = Store(Path(folder))
    return [store.put(some_table(n)) for n in range(1, 40)]


def test_two_runs_at_once_agree(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        first, second = pool.map(_put_all, [str(tmp_path)] * 2)
    assert first == second
    assert all(Store(tmp_path).get(d) == some_table(n) for n, d in enumerate(first, 1))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_old_leftovers_are_swept_and_fresh_ones_are_not(tmp_path: Path) -> None:
    Store(tmp_path)
    old, fresh = tmp_path / "tmp" / "old", tmp_path / "tmp" / "fresh"
    old.write_bytes(b"x")
    fresh.write_bytes(b"x")
    os.utime(old, (1, 1))
    Store(tmp_path)
    assert not old.exists()
    assert fresh.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="file"):
        Store(tmp_path / "file")


def test_the_key_changes_with_each_thing_it_stands_for() -> None:
    base = ("count", "code", {"a": 1}, 1, "2024-03-01", {"looks": "x"})
    variants = [
        ("weigh", *base[1:]),
        ("count", "other", *base[2:]),
        (*base[:2], {"a": 2}, *base[3:]),
        (*base[:3], 2, *base[4:]),
        (*base[:4], "2024-03-02", base[5]),
        (*base[:5], {"looks": "y"}),
    ]
    keys = {step_key(*v) for v in [base, *variants]}  # type: ignore[arg-type]
    assert len(keys) == len(variants) + 1
    assert step_key(*base) == step_key(*base)  # type: ignore[arg-type]


def test_code_version_follows_the_source() -> None:
    assert code_version("store.py") != code_version("draws.py")
    assert code_version("store.py") == code_version("store.py")


def test_stamping_keeps_given_ids_and_leaves_draws_alone() -> None:
    rows = [
        {"step": "count", "name": n, "value": 1.0, "passed": True, "text": "t", "evidence_id": e}
        for n, e in (("a", "given"), ("b", None), ("c", None))
    ]
    ids = stamp("diagnostics", DIAGNOSTICS.build(rows), "rec").column("evidence_id").to_pylist()
    assert ids[0] == "given"
    assert len(set(ids)) == 3
    assert all(ids)
    again = stamp("diagnostics", DIAGNOSTICS.build(rows), "other").column("evidence_id").to_pylist()
    assert again[1] != ids[1], "the id stands for how the row was made"
    draws = VISITS.empty()
    assert stamp("visits", draws, "rec") is draws


def test_table_hash_is_of_content() -> None:
    assert table_hash(some_table()) == table_hash(some_table())
    assert table_hash(some_table()) != table_hash(some_table(11))
    chunked = pa.concat_tables([some_table().slice(0, 4), some_table().slice(4)])
    assert table_hash(chunked) == table_hash(some_table())
