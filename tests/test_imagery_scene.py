"""Reading scenes: what a file tells, and one clear message for each way in which a file can be bad."""

from __future__ import annotations

import datetime as dt
import re
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="needs the imagery extra")
pytest.importorskip("numba", reason="needs the imagery extra")

from tumen.imagery import DetectSettings, Land, SceneFault, detect  # noqa: E402
from tumen.imagery.areas import read_areas  # noqa: E402
from tumen.imagery.geolocation import TieGrid, metres  # noqa: E402
from tumen.imagery.scene import open_scene  # noqa: E402

NO_LAND = Land(osm=False)
PLAIN = DetectSettings(chips=False)


def tif(path: Path, bands: np.ndarray, names: tuple[str, ...] = (), **profile) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=bands.shape[2],
            height=bands.shape[1],
            count=len(bands),
            dtype=bands.dtype,
            **profile,
        ) as out:
            out.write(bands)
            for i, name in enumerate(names, 1):
                out.set_band_description(i, name)
    return path


def sea(seed: int = 0, side: int = 256, bands: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sqrt(rng.gamma(4.4, 8000 / 4.4, (bands, side, side))).astype(np.uint16)


def fault(path: Path | str, areas=None) -> str:
    row = detect([str(path)], areas=areas, land=NO_LAND, settings=PLAIN)["scenes"].to_pylist()[0]
    assert row["fault"], f"{path} was taken as good"
    assert "\n" not in row["fault"]
    assert str(path) in row["fault"]
    return row["fault"]


def test_tie_points_go_to_degrees_and_back():
    lines, pixels = np.arange(0, 4001, 500), np.arange(0, 5001, 500)
    rows = [
        (a, b, 130 + b * 1e-4 - a * 2e-5 + a * b * 1e-11, 42 - a * 9e-5 - b * 1e-5, 35.0) for a in lines for b in pixels
    ]
    grid = TieGrid.of_points(np.array(rows), "x")
    x, y = np.array([10.5, 2500.0, 4900.0]), np.array([20.0, 1999.5, 3900.0])
    back = grid.pixel(*grid.lonlat(x, y))
    np.testing.assert_allclose(back, [x, y], atol=1e-4)
    with pytest.raises(SceneFault, match="form no grid"):
        TieGrid.of_points(np.array(rows[:-1]), "x")


def test_sentinel1_annotation_gives_place_time_and_size(shared):
    path = next((shared / "data/imagery/safe_stac_fixtures").glob("S1B_IW*.SAFE"))
    scene = open_scene(path)
    assert (scene.sensor, scene.width, scene.height) == ("Sentinel-1", 25788, 16685)
    assert scene.start == dt.datetime(2021, 4, 1, 5, 26, 23, 794457, tzinfo=dt.UTC)
    lon, lat = scene.geo.lonlat([0.5, 25787.5], [0.5, 16684.5])
    annotation = next(path.glob("annotation/*vv*.xml")).read_text()
    first = {
        k: float(re.search(rf"<{k}>([^<]+)</{k}>", annotation.split("<geolocationGridPoint>")[1])[1])
        for k in ("latitude", "longitude", "height", "incidenceAngle")
    }
    # The tie point stands on a mountain of 2.3 km; the sea at the same range lies nearer to the radar.
    moved = float(np.hypot(*metres(first["longitude"], first["latitude"], lon[0], lat[0])))
    assert moved == pytest.approx(first["height"] / np.tan(np.radians(first["incidenceAngle"])), rel=0.03)
    assert scene.accuracy_m < 20
    assert any("VH" in n for n in scene.notes)  # its measurement is not there


def test_safe_without_measurement_or_annotation(shared, tmp_path):
    folder = shared / "data/imagery/safe_stac_fixtures"
    assert "no measurement could be opened" in fault(next(folder.glob("S1A_IW*.SAFE")))
    assert "bands" in fault(next(folder.glob("S2A_MSIL2A*.SAFE")))
    bare = tmp_path / "S1A_X.SAFE"
    (bare / "measurement").mkdir(parents=True)
    (bare / "manifest.safe").write_text("<x/>")
    (bare / "measurement" / "s1a-iw-grd-vv.tiff").write_bytes(b"")
    assert "annotation is missing" in fault(bare)


def small_sentinel1(shared, folder: Path, seed: int = 3) -> Path:
    """A real product's annotation cut down to 600 x 400 pixels, with simulated measurements."""
    source = next((shared / "data/imagery/safe_stac_fixtures").glob("S1A_IW*.SAFE"))
    made = folder / source.name
    (made / "annotation" / "calibration").mkdir(parents=True)
    (made / "measurement").mkdir()
    (made / "manifest.safe").write_text("<manifest/>")
    for mark in source.glob("annotation/*.xml"):
        text = mark.read_text()
        text = re.sub(r"(<numberOfSamples>)\d+", r"\g<1>600", text)
        text = re.sub(r"(<numberOfLines>)\d+", r"\g<1>400", text)
        (made / "annotation" / mark.name).write_text(text)
        image = sea(seed, 600)[:, :400, :600]
        image[0, 200:203, 300:315] = 1500
        tif(made / "measurement" / (mark.stem + ".tiff"), image)
    for table in source.glob("annotation/calibration/*.xml"):
        (made / "annotation" / "calibration" / table.name).write_text(table.read_text())
    return made


def test_sentinel1_folder_and_zip_find_the_same_ship(shared, tmp_path):
    folder = small_sentinel1(shared, tmp_path)
    scene = open_scene(folder)
    assert set(scene.bands) == {"VV", "VH"}
    assert scene.annotation.noise["VV"].points(np.array([0.0, 300.0]), np.array([10.0, 20.0])).shape == (2,)
    assert 300 < scene.annotation.azimuth_ambiguity_px < 700  # 4 to 5 km in IW
    packed = tmp_path / "product.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(tmp_path))
    out = detect([str(folder), str(packed)], land=NO_LAND, settings=PLAIN)
    assert out["scenes"].column("fault").null_count == 2
    ships = out["detections"].to_pylist()
    assert len(ships) == 2
    assert ships[0]["x"] == pytest.approx(307.5, abs=1.5)
    assert ships[0]["lat"] == pytest.approx(ships[1]["lat"])
    assert 90 < ships[0]["length_m"] < 220


def test_swapped_polarisations_are_named(shared, tmp_path):
    folder = small_sentinel1(shared, tmp_path)
    for mark in folder.glob("annotation/*.xml"):
        text = mark.read_text()
        mark.write_text(
            text.replace("<polarisation>VV<", "<polarisation>XX<")
            .replace("<polarisation>VH<", "<polarisation>VV<")
            .replace("XX", "VH")
        )
    assert "polarisations are swapped" in fault(folder)


@pytest.mark.parametrize(
    "kind",
    ["missing", "empty", "text", "truncated", "zeros", "optical zeros", "wide png", "cut png", "cut jp2", "crs", "complex", "folder"],
)  # fmt: skip
def test_each_bad_file_gives_one_message(kind, tmp_path):
    path = tmp_path / "scene.tif"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("no image")
    elif kind == "truncated":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with rasterio.open(
                path, "w", driver="COG", width=512, height=512, count=1, dtype="uint16", compress="deflate"
            ) as out:
                out.write(sea(side=512))  # a COG's directory stands in front: the damage shows when the pixels are read
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    elif kind == "zeros":
        tif(path, np.zeros((1, 128, 128), np.uint16), ("VV",))
    elif kind == "optical zeros":
        tif(path, np.zeros((5, 128, 128), np.uint16), ("B02", "B03", "B04", "B08", "B11"))
    elif kind.startswith("cut"):
        path = tmp_path / f"picture.{kind[-3:]}"
        noise = np.random.default_rng(1).integers(1, 255, (3, 200, 200), np.uint8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            driver = {"png": "PNG", "jp2": "JP2OpenJPEG"}[kind[-3:]]
            with rasterio.open(path, "w", driver=driver, width=200, height=200, count=3, dtype="uint8") as out:
                out.write(noise)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "wide png":
        path = tmp_path / "wide.png"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with rasterio.open(path, "w", driver="PNG", width=60_000, height=8, count=1, dtype="uint8") as out:
                out.write(np.ones((1, 8, 60_000), np.uint8))
    elif kind == "crs":
        tif(path, sea(), ("VV",), crs="EPSG:4326", transform=rasterio.Affine(10, 0, 500_000, 0, -10, 4_600_000))
    elif kind == "complex":
        tif(path, sea().astype(np.complex64), ("VV",))
    elif kind == "folder":
        path.mkdir()
    words = {
        "missing": "no such file", "empty": "empty file", "text": "not readable", "truncated": "ends after", "zeros": "no pixel holds data",
        "optical zeros": "no pixel holds data", "cut png": "breaks off after", "cut jp2": "cannot be read",
        "wide png": "60000 x 8", "crs": "outside", "complex": "complex", "folder": "without manifest",
    }  # fmt: skip
    assert words[kind] in fault(path)


def test_zip_bomb_is_refused_unread(tmp_path):
    path = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("X.SAFE/manifest.safe", "w", force_zip64=True) as file,
    ):
        for _ in range(300):
            file.write(bytes(1_000_000))
    assert "unpacks to" in fault(path)


def test_scene_that_misses_the_areas(tmp_path):
    path = tif(
        tmp_path / "a_20240101T000000.tif",
        sea(),
        ("VV",),
        crs="EPSG:32652",
        transform=rasterio.Affine(10, 0, 500_000, 0, -10, 4_680_000),
    )
    areas = tmp_path / "areas.geojson"
    areas.write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"far"},"geometry":{"type":"Point","coordinates":[10,50]}}]}'
    )
    assert "covers none of the given areas" in fault(path, read_areas(areas))


def test_zero_filled_strip_lowers_the_usable_share(tmp_path):
    image = sea(side=640)
    image[:, 256:384] = 0
    row = detect([str(tif(tmp_path / "s.tif", image, ("VV",)))], land=NO_LAND, settings=PLAIN)["scenes"].to_pylist()[0]
    assert row["fault"] is None
    assert row["usable_share"] == pytest.approx(0.8, abs=0.02)
    assert "lines 256 to 383" in row["notes"][0]


def test_unnamed_bands_are_told_apart_by_brightness(tmp_path):
    bands = np.concatenate([sea() // 3, sea(1)])
    scene = open_scene(tif(tmp_path / "chip.tif", bands))
    assert (scene.bands["VV"].index, scene.bands["VH"].index) == (2, 1)
