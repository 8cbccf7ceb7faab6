"""Archives and the work folder on a store that is not the local disk, and stores that fail."""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

pytest.importorskip("numba")
fsspec = pytest.importorskip("fsspec")

import pyarrow.parquet as pq  # noqa: E402

from tumen.ais import archives, reasons, stores  # noqa: E402
from tumen.ais.command import events_step  # noqa: E402
from tumen.ais.work import folder  # noqa: E402
from tumen.simulate import ais as simulate  # noqa: E402


class OutOfOrder(Exception):
    """What a store's own library raises: no OSError."""


class Bucket(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """Does what object stores and their libraries do: limits of a read by name only, errors of its own, no folders to
    make, and listings that are kept until told otherwise."""

    protocol = "bucket"
    held: ClassVar[dict[str, tuple[bytes, int]]] = {}
    listed: ClassVar[dict[str, list[dict[str, Any]]]] = {}
    opened: ClassVar[list[dict[str, Any]]] = []
    failing: ClassVar[str] = ""
    written: ClassVar[int] = 0

    def _check(self, path: str) -> None:
        if self.failing and self.failing in path:
            raise OutOfOrder("503: try\nagain later")

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **more: Any) -> None:
        path = self._strip_protocol(path)
        self._check(path)
        Bucket.written += 1
        self.held[path] = (value, self.written)

    def cat_file(self, path: str, version_id: object = None, start: Any = None, end: Any = None, **more: Any) -> bytes:
        path = self._strip_protocol(path)
        assert version_id is None
        self._check(path)
        return self.held[path][0][start:end]

    def ls(self, path: str, detail: bool = True, **more: Any) -> Any:
        path = self._strip_protocol(path).rstrip("/")
        self._check(path)
        if path not in self.listed:
            below = f"{path}/" if path else ""
            names = dict.fromkeys(
                below + n[len(below) :].split("/")[0] for n in self.held if n.startswith(below) or n == path
            )
            self.listed[path] = [self._info(n) for n in ([path] if path in self.held else names)]
            if not self.listed[path]:
                raise FileNotFoundError(path)
        return self.listed[path] if detail else [i["name"] for i in self.listed[path]]

    def rm_file(self, path: str) -> None:
        del self.held[self._strip_protocol(path)]

    def _info(self, path: str) -> dict[str, Any]:
        if path not in self.held:
            return {"name": path, "type": "directory", "size": 0}
        data, at = self.held[path]
        return {"name": path, "type": "file", "size": len(data), "ETag": f"{at}"}

    def info(self, path: str, **more: Any) -> dict[str, Any]:
        path = self._strip_protocol(path).rstrip("/")
        self._check(path)
        if path not in self.held and not any(n.startswith(f"{path}/") for n in self.held):
            raise FileNotFoundError(path)
        return self._info(path)

    def invalidate_cache(self, path: Any = None) -> None:
        self.listed.clear()

    def _open(self, path: str, mode: str = "rb", **more: Any) -> io.BytesIO:
        self._check(path)
        self.opened.append(more)
        if path not in self.held:
            raise FileNotFoundError(path)
        return io.BytesIO(self.held[path][0])


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    folder.cache_clear()
    yield fsspec.filesystem("bucket")
    Bucket.held.clear()
    Bucket.listed.clear()
    Bucket.opened.clear()
    Bucket.failing = ""
    folder.cache_clear()


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("days")
    one, two = folder / "SIMULATED-1.parquet", folder / "SIMULATED-2.csv"
    pq.write_table(simulate.archive(30, 9000, 3, clustered=True).table(), one, row_group_size=4000)
    simulate.write_danish(simulate.archive(30, 9000, 4, True, 1_710_115_200_000_000), two)
    return [one, two]


def events(given: list[str], out: Path | str, work: str | None = None, runner_workers: int = 1) -> int:
    return events_step(given, out, [], None, [], workers=runner_workers, work=work, quiet=True)


def tables(out: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in out.glob("*.parquet") if p.name != "drops.parquet"}


def test_a_bucket_gives_the_same_bytes_as_local_files_and_a_new_day_writes_only_its_own(
    bucket: Bucket, days: list[Path], tmp_path: Path
) -> None:
    assert events([str(p) for p in days], tmp_path / "local") == 0
    assert pq.read_metadata(tmp_path / "local/loitering.parquet").num_rows > 10
    bucket.pipe_file("ais/days/SIMULATED-1.parquet", days[0].read_bytes())
    assert events(["bucket://ais/days"], tmp_path / "first", work="bucket://ais/work") == 0
    before = {n: bucket.info(n)["ETag"] for n in bucket.find("ais/work")}
    bucket.pipe_file("ais/days/SIMULATED-2.csv", days[1].read_bytes())
    # the folder was listed before the second day came
    assert events(["bucket://ais/days"], tmp_path / "both", work="bucket://ais/work") == 0
    assert tables(tmp_path / "both") == tables(tmp_path / "local")
    assert events(["bucket://ais/days/*"], tmp_path / "glob") == 0
    assert tables(tmp_path / "glob") == tables(tmp_path / "local")
    assert {n: bucket.info(n)["ETag"] for n in before} == before
    assert len(bucket.find("ais/work")) > len(before)


def test_tables_and_positions_may_be_written_to_a_bucket(bucket: Bucket, days: list[Path], tmp_path: Path) -> None:
    for out in (str(tmp_path / "out"), "bucket://ais/out"):
        assert events_step([str(days[0])], out, [], None, [], workers=1, quiet=True, positions=True, csv=True) == 0
    local = {str(p.relative_to(tmp_path)): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert {"out/gaps.parquet", "out/loitering.csv", "out/positions/00000.parquet"} <= set(local)
    assert {n.removeprefix("ais/"): data for n, (data, _) in bucket.held.items()} == local


def test_positions_beside_a_kept_work_folder_are_those_of_the_run(
    bucket: Bucket, days: list[Path], tmp_path: Path
) -> None:
    """Missing ones are written again, those of other archives are replaced or taken away, and what fits stays."""
    lone = tmp_path / "lone.csv"
    lone.write_text("mmsi,timestamp,lat,lon\n273413400,1709121600,42.0,130.3\n")

    def made(archives_: list[Path], out: str) -> dict[str, bytes]:
        given = [str(p) for p in archives_]
        assert events_step(given, out, [], None, [], workers=1, quiet=True, positions=True, work=str(tmp_path / "work")) == 0  # fmt: skip
        return {n.removeprefix("ais/out/positions/"): v for n, (v, _) in bucket.held.items() if "positions" in n}

    out = "bucket://ais/out"
    first = made(days[:1], out)
    assert len(first) > 5
    written = bucket.held["ais/out/positions/" + min(first)][1]
    assert made(days[:1], out) == first
    assert bucket.held["ais/out/positions/" + min(first)][1] == written
    del bucket.held["ais/out/positions/" + min(first)]
    assert made(days[:1], out) == first
    assert len(made([lone], out)) == 1
    assert made(days[:1], out) == first
    bucket.held["ais/out/positions/" + min(first)] = (b"PAR1 of somebody else", 0)
    assert made(days[:1], out) == first


def test_an_archive_that_changes_in_a_bucket_is_read_again(bucket: Bucket, tmp_path: Path) -> None:
    head = "mmsi,timestamp,lat,lon\n"
    for k, lat in enumerate((42.1, 42.2)):
        bucket.pipe_file("ais/day.csv", f"{head}273413400,1709121600,{lat},130.3\n".encode())
        assert events_step(
            ["bucket://ais/day.csv"], tmp_path / f"{k}", [], None, [], workers=1, work="bucket://ais/work", quiet=True, positions=True
        ) == 0  # fmt: skip
        (row,) = pq.read_table(next((tmp_path / f"{k}" / "positions").glob("*.parquet"))).to_pylist()
        assert row["lat"] == lat
        assert row["t"] == dt.datetime(2024, 2, 28, 12, tzinfo=dt.UTC)


def test_a_store_that_fails_is_named_and_the_other_archives_are_read(
    bucket: Bucket, days: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.pipe_file("ais/good.parquet", days[0].read_bytes())
    bucket.pipe_file("ais/bad.csv", days[1].read_bytes())
    Bucket.failing = "bad"
    out = tmp_path / "out"
    given = ["bucket://ais/bad.csv", "bucket://ais/none.csv", "bucket://ais/good.parquet", "nostore://a/b.csv"]
    assert events(given, out) == 1
    told = {r["archive"]: r for r in pq.read_table(out / "drops.parquet").to_pylist()}
    assert {r["reason"] for r in told.values()} == {"cannot be read"}
    assert told["bucket://ais/bad.csv"]["note"] == "bucket://ais/bad.csv: 503: try again later"
    assert told["bucket://ais/none.csv"]["note"] == "bucket://ais/none.csv: no such file, folder or bucket"
    assert "nostore" in told["nostore://a/b.csv"]["note"]
    assert pq.read_metadata(out / "loitering.parquet").num_rows
    assert events(given[:2], out) == 3
    # a work folder that fails is no fault of the archives
    assert events([str(days[0])], out, work="bucket://bad/work") == 3
    assert "bucket://bad/work" in capsys.readouterr().err
    # and where the tables cannot be written it is said before the work
    assert events([str(days[0])], "bucket://bad/out", work="bucket://ais/work") == 3
    assert "bucket://bad/out: 503: try again later" in capsys.readouterr().err
    assert not [n for n in bucket.held if "work" in n]


def test_a_store_that_fails_half_way_keeps_what_was_read(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f"273413400,{1709121600 + k},42.{k % 1000:03d},130.3\n" for k in range(40_000))
    bucket.pipe_file("ais/day.csv", ("mmsi,timestamp,lat,lon\n" + lines).encode())
    whole = stores._Read.read

    def read(self: stores._Read, size: int | None = -1, /) -> bytes:
        with stores.naming("bucket://ais/day.csv"):
            if self._file.tell() > 600_000:
                raise OutOfOrder("connection reset")
        return whole(self, size)

    monkeypatch.setattr(stores._Read, "read", read)
    planned = archives.plan(["bucket://ais/day.csv"], block_bytes=100_000)
    rows = sum(len(b.positions) for t in planned.tasks for b in archives.blocks(t, planned.drops[0], 100_000))
    assert 10_000 < rows < 40_000
    assert planned.drops[0].note[reasons.BREAKS_OFF] == "bucket://ais/day.csv: connection reset"


def test_the_plan_asks_a_store_for_heads_only(bucket: Bucket) -> None:
    """Some stores' libraries read 50 MB ahead where nothing is said; thousands of archives would be fetched thrice."""
    bucket.pipe_file("ais/day.csv", b"mmsi,timestamp,lat,lon\n273413400,1709121600,42.0,130.3\n")
    archives.plan(["bucket://ais/day.csv"])
    assert bucket.opened
    assert all(asked["block_size"] == stores.READ_AHEAD_BYTES <= 8 << 20 for asked in bucket.opened)


def test_s3_gives_the_same_bytes_where_moto_and_s3fs_are_installed(
    days: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in (
            ("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x"), ("DEFAULT_REGION", "us-east-1"), ("ENDPOINT_URL", f"http://{host}:{port}"),
        ):  # fmt: skip
            monkeypatch.setitem(os.environ, f"AWS_{name}", value)
        store = fsspec.filesystem("s3", skip_instance_cache=True)
        store.mkdir("tumen")
        for path in days:
            store.put(str(path), f"tumen/days/{path.name}")
        assert events([str(p) for p in days], tmp_path / "local") == 0
        assert events(["s3://tumen/days/"], tmp_path / "s3", work="s3://tumen/work") == 0
        assert tables(tmp_path / "s3") == tables(tmp_path / "local")
        assert events(["s3://nobucket/x.csv"], tmp_path / "none") == 3
    finally:
        server.stop()
