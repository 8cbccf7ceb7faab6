"""The command `detect`, files that it writes, and catalogues: a STAC API on loopback, a static one on disk."""

from __future__ import annotations

import datetime as dt
import hashlib
import http.server
import json
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

rasterio = pytest.importorskip("rasterio", reason="needs the imagery extra")
pytest.importorskip("numba", reason="needs the imagery extra")

from tumen import tables  # noqa: E402
from tumen.imagery import SceneFault, Unreachable, catalogue  # noqa: E402
from tumen.imagery.command import detect_command, scenes_command  # noqa: E402
from tumen.imagery.scene import open_scene  # noqa: E402

app = typer.Typer()
app.command()(detect_command)


def image(path: Path, named: bool = True, crs: bool = False) -> Path:
    rng = np.random.default_rng(6)
    values = np.sqrt(rng.gamma(4.4, 8000 / 4.4, (1, 300, 300))).astype(np.uint16)
    values[0, 100:104, 150:168] = 1700
    profile = (
        {
            "crs": "EPSG:32652",
            "transform": rasterio.Affine(10, 0, 600_000, 0, -10, 4_680_000),
            "tiled": True,
            "blockxsize": 128,
            "blockysize": 128,
        }
        if crs
        else {}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path, "w", driver="GTiff", width=300, height=300, count=1, dtype="uint16", **profile) as out:
            out.write(values)
            if named:
                out.set_band_description(1, "VV")
    return path


def test_batch_goes_on_after_a_bad_scene(tmp_path):
    good, bad, target = image(tmp_path / "good.tif"), tmp_path / "bad.tif", tmp_path / "ships.geojson"
    bad.write_bytes(b"II*\x00broken")
    done = CliRunner().invoke(
        app, [str(bad), str(good), "-o", str(target), "--no-osm", "--chips", str(tmp_path / "chips")]
    )
    assert done.exit_code == 1
    assert done.output.count("tumen detect:") == 1
    made = json.loads(target.read_text())
    assert len(made["features"]) == 1
    assert made["features"][0]["geometry"] is None
    assert [s["fault"] is None for s in made["scenes"]] == [False, True]
    assert len(list((tmp_path / "chips").glob("*.png"))) == 1
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_no_file_when_nothing_could_be_read(tmp_path):
    target = tmp_path / "ships.csv"
    done = CliRunner().invoke(app, [str(tmp_path / "none.tif"), "-o", str(target)])
    assert done.exit_code == 1
    assert not target.exists()


def test_wrong_use_is_two(tmp_path):
    good = image(tmp_path / "good.tif")
    assert CliRunner().invoke(app, [str(good), "-o", str(tmp_path / "x.doc")]).exit_code == 2
    assert CliRunner().invoke(app, [str(good), "-o", str(tmp_path / "none" / "x.csv")]).exit_code == 2
    assert CliRunner().invoke(app, [str(good), "-o", str(tmp_path / "x.csv"), "--pfa", "3"]).exit_code == 2


def test_csv_and_parquet_agree(tmp_path):
    good = image(tmp_path / "good.tif")
    for name in ("a.csv", "a.parquet"):
        assert CliRunner().invoke(app, [str(good), "-o", str(tmp_path / name), "--no-osm"]).exit_code == 0
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert len(lines) == len(rows) + 1 == 2
    assert f",{rows[0]['x']}," in lines[1]


class Server(http.server.BaseHTTPRequestHandler):
    """A STAC API with item search, and files with byte ranges."""

    folder: Path
    items: list[dict]
    asked: list[str]
    cut = 0  # bytes after which a whole-file answer breaks off, 0 never

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET(body=False)

    def do_GET(self, body: bool = True):
        url = urlparse(self.path)
        type(self).asked.append(self.path)
        if url.path == "/":
            self.say(self.root(), body)
        elif url.path == "/search":
            self.say(self.find(parse_qs(url.query)), body)
        else:
            self.file(self.folder / url.path.lstrip("/"), body)

    def do_POST(self):
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.say(
            self.find({k: [",".join(map(str, v)) if isinstance(v, list) else str(v)] for k, v in query.items()}), True
        )

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def root(self) -> dict:
        links = [
            {"rel": r, "href": self.base + p, "type": "application/json"}
            for r, p in (("self", "/"), ("root", "/"), ("search", "/search"))
        ]
        return {"type": "Catalog", "id": "loopback", "stac_version": "1.0.0", "description": "test", "links": links,
                "conformsTo": ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"]}  # fmt: skip

    def find(self, query: dict) -> dict:
        start, end = query["datetime"][0].split("/")
        west, south, east, north = (float(v) for v in query["bbox"][0].split(","))
        keep = []
        for item in self.items:
            b = item["bbox"]
            if (
                start <= item["properties"]["datetime"] <= end
                and b[0] <= east
                and b[2] >= west
                and b[1] <= north
                and b[3] >= south
            ):
                keep.append(item)
        return {"type": "FeatureCollection", "features": keep, "links": []}

    def say(self, value: dict, body: bool):
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/geo+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def file(self, path: Path, body: bool):
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        wanted = self.headers.get("Range")
        first, last = 0, len(data) - 1
        if wanted:
            a, _, b = wanted.removeprefix("bytes=").partition("-")
            first, last = int(a), min(int(b) if b else last, last)
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        if body:
            part = data[first : last + 1]
            if self.cut and not wanted:
                part = part[: self.cut]
                self.close_connection = True
            self.wfile.write(part)


# GDAL opens remote files without letting go of Python's lock, so that files come from a process of their own.
FILES = """
import http.server, pathlib, sys
class Files(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_HEAD(self): self.do_GET(False)
    def do_GET(self, body=True):
        path = pathlib.Path(sys.argv[1]) / self.path.lstrip("/")
        if not path.is_file(): return self.send_error(404)
        data = path.read_bytes()
        a, _, b = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        first, last = int(a), min(int(b) if b else len(data) - 1, len(data) - 1)
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if "Range" in self.headers: self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        if body: self.wfile.write(data[first:last + 1])
made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
print(made.server_address[1], flush=True)
made.serve_forever()
"""


@pytest.fixture
def files(tmp_path):
    """Address of a file server over the folder `served`, and its process."""
    process = subprocess.Popen(
        [sys.executable, "-c", FILES, str(tmp_path / "served")], stdout=subprocess.PIPE, text=True
    )
    yield f"http://127.0.0.1:{int(process.stdout.readline())}", process
    process.kill()
    process.wait()


@pytest.fixture
def server(tmp_path, files):
    folder = tmp_path / "served"
    folder.mkdir()
    image(folder / "vv.tif", crs=True)
    made = type("Made", (Server,), {"folder": folder, "items": [], "asked": [], "cut": 0})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), made) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{running.server_address[1]}"
        lon, lat = (float(v[0]) for v in open_scene(folder / "vv.tif").geo.lonlat([150.0], [150.0]))
        for number, day in enumerate(("2024-01-05", "2024-02-05", "2024-09-05")):
            made.items.append(
                {"type": "Feature", "stac_version": "1.0.0", "id": f"S1A_IW_{number}", "collection": "sentinel-1-grd", "links": [],
                 "bbox": [lon - 0.05, lat - 0.05, lon + 0.05, lat + 0.05], "properties": {"datetime": f"{day}T09:00:00Z"},
                 "geometry": {"type": "Point", "coordinates": [lon, lat]}, "stac_extensions": [],
                 "assets": {"vv": {"href": f"{files[0]}/vv.tif", "type": "image/tiff"}, "thumbnail": {"href": f"{base}/t.png"}}}
            )  # fmt: skip
        yield base, made, (lon, lat)
        running.shutdown()


def places(lon: float, lat: float):
    return tables.PLACES.build(
        [
            {
                "place": "Here",
                "kind": "berth",
                "role": "origin",
                "lat": lat,
                "lon": lon,
                "wkt": f"POINT ({lon} {lat})",
                "source_id": "s",
            }
        ]
    )


def test_stac_search_fetches_only_the_window_once(server, files, tmp_path, capsys):
    base, made, (lon, lat) = server
    found = catalogue.search(places(lon, lat), dt.date(2024, 1, 1), dt.date(2024, 3, 1), address=base)
    assert [f.item_id for f in found] == ["S1A_IW_0", "S1A_IW_1"]
    kept = catalogue.fetch(found[0], tmp_path / "scenes", pad_m=300)
    scene = open_scene(kept[0])
    assert (scene.width, scene.height) < (300, 300)
    assert scene.start == dt.datetime(2024, 1, 5, 12, tzinfo=dt.UTC) or scene.start == dt.datetime(
        2024, 1, 5, 9, tzinfo=dt.UTC
    )
    whole = open_scene(made.folder / "vv.tif")
    x, y = (int(v[0]) for v in scene.geo.pixel([lon], [lat]))
    u, v = (int(v[0]) for v in whole.geo.pixel([lon], [lat]))
    assert scene.read("VV", x, y, 1, 1) == whole.read("VV", u, v, 1, 1)
    query = {"stac": base}
    assert scenes_command(places(lon, lat), query, dt.date(2024, 1, 1), dt.date(2024, 1, 31), tmp_path / "more") == 0
    assert "S1A_IW_0 2024-01-05 09:00" in capsys.readouterr().out
    files[1].kill()
    assert catalogue.fetch(found[0], tmp_path / "scenes", pad_m=300) == kept  # what is there is not asked for again


def test_download_resumes_and_checks(server, tmp_path):
    base, made, _ = server
    data = (made.folder / "vv.tif").read_bytes()
    checksum = "1220" + hashlib.sha256(data).hexdigest()
    target = tmp_path / "vv.tif"
    made.cut = 5000
    with pytest.raises((Unreachable, OSError)):
        catalogue.download(f"{base}/vv.tif", target, checksum, len(data))
    assert not target.exists()
    made.cut = 0
    assert catalogue.download(f"{base}/vv.tif", target, checksum, len(data)).read_bytes() == data
    with pytest.raises(SceneFault, match="checksum"):
        catalogue.download(f"{base}/vv.tif", tmp_path / "other.tif", "1220" + "0" * 64)
    assert not list(tmp_path.glob("other*"))


def test_unreachable_catalogue_is_three(tmp_path, capsys):
    code = scenes_command(
        places(130.3, 42.2), {"stac": "http://127.0.0.1:9/"}, dt.date(2024, 1, 1), dt.date(2024, 2, 1), tmp_path
    )
    assert code == 3
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_static_catalogue(shared):
    address = str(shared / "data/imagery/safe_stac_fixtures/stac_items/rtc_static_catalog/catalog.json")
    found = catalogue.search([(-81.9, 25.3, -81.0, 26.0)], dt.date(2020, 1, 1), dt.date(2020, 12, 31), address=address)
    assert [f.item_id for f in found] == ["S1A_20200103_17RMJ_ASC"]
    assert "gamma0_vv" in found[0].assets
    assert catalogue.search([(10, 50, 11, 51)], dt.date(2010, 1, 1), dt.date(2025, 1, 1), address=address) == []
