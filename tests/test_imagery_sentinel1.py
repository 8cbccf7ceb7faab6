"""Sentinel-1 products of every mode, satellite and layout: places at sea level, noise, looks, ships, bad parts."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="needs the imagery extra")
pytest.importorskip("numba", reason="needs the imagery extra")

from sentinel1_product import MODES, START, build, noise_profile, tie_lines  # noqa: E402
from tumen.imagery import DetectSettings, Land, detect  # noqa: E402
from tumen.imagery.geolocation import TiePoints, at_sea_level, metres  # noqa: E402
from tumen.imagery.scene import open_scene  # noqa: E402

NO_LAND = Land(osm=False)
PLAIN = DetectSettings(chips=False)


def off_m(geo, geometry, size) -> np.ndarray:
    """How far places are from where the sea is, metres."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.5, size[0] - 0.5, 200), rng.uniform(0.5, size[1] - 0.5, 200)
    lon, lat, _ = geometry.place(x - 0.5, y - 0.5, 0.0)
    east, north = metres(lon, lat, *geo.lonlat(x, y))
    return np.hypot(east, north)


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("unit", ["S1A", "S1C"])
def test_places_are_those_of_the_sea_beside_mountains(mode, unit, tmp_path):
    """Tie points stand on hills of up to 1,200 m; bare, they would put ships up to 2 km off."""
    size = (1500, 1200)
    pols = ("HH", "HV") if mode == "EW" else ("VV",)
    path, geometry = build(tmp_path, mode, unit, pols, size)
    scene = open_scene(path)
    assert (scene.sensor, scene.width, scene.height) == ("Sentinel-1", *size)
    assert scene.start == START
    assert list(scene.bands) == list(pols)
    assert scene.mode == {"IW": "IW GRDH", "EW": "EW GRDM", "S3": "S GRDH", "S3F": "S GRDF"}[mode]
    error = off_m(scene.geo, geometry, size)
    assert error.max() < 12.0, f"{error.max():.1f} m off"
    assert np.median(error) < 5.0
    lon, lat = scene.geo.lonlat([400.0], [300.0])
    x, y = scene.geo.pixel(lon, lat)
    assert (x[0], y[0]) == (pytest.approx(400, abs=1e-3), pytest.approx(300, abs=1e-3))


def test_bare_tie_points_would_be_far_off(tmp_path):
    """What the correction is worth, so that the test above can fail."""
    from tumen.imagery.geolocation import TieGrid

    size = (1500, 1200)
    path, geometry = build(tmp_path, size=size)
    root = ElementTree.parse(next(path.glob("annotation/*vv*.xml"))).getroot()
    keys = ("line", "pixel", "longitude", "latitude")
    rows = [[float(p.findtext(k)) for k in keys] for p in root.iter("geolocationGridPoint")]
    assert np.median(off_m(TieGrid.of_points(np.array(rows), path), geometry, size)) > 300


def test_real_tie_points_are_smooth_at_sea_level(shared):
    """In two real mountainous products place is a smooth function of range and time once the terrain is taken out."""
    for path in sorted((shared / "data/imagery/safe_stac_fixtures").glob("S1*_IW*.SAFE")):
        root = ElementTree.parse(next(path.glob("annotation/*vv*.xml"))).getroot()
        keys = ("line", "pixel", "longitude", "latitude", "height", "incidenceAngle", "slantRangeTime")
        rows = np.array([[float(p.findtext(k)) for k in keys] for p in root.iter("geolocationGridPoint")])
        lines, pixels = np.unique(rows[:, 0]), np.unique(rows[:, 1])
        _, _, lon, lat, height, incidence, slant = rows.reshape(len(lines), len(pixels), -1).transpose(2, 0, 1)
        slant = slant * 299_792_458.0 / 2
        made = at_sea_level(TiePoints(lines, pixels, lon, lat, height, incidence, slant, lines))
        u, v = (
            2 * (slant - slant.min()) / np.ptp(slant) - 1,
            np.broadcast_to(2 * lines[:, None] / lines[-1] - 1, slant.shape),
        )
        terms = np.stack([(u**i * v**j).ravel() for i in range(8) for j in range(4)], 1)
        rough = []
        for places in ((lon, lat), made):
            east, north = metres(lon.mean(), lat.mean(), *places)
            east *= np.cos(np.radians(lat)) / np.cos(np.radians(lat.mean()))
            left = [z.ravel() - terms @ np.linalg.lstsq(terms, z.ravel(), rcond=None)[0] for z in (east, north)]
            rough.append(float(np.hypot(*left).std()))
        assert rough[0] > 50
        assert rough[1] < 3


@pytest.mark.parametrize("layout", ["esa", "cog", "aws"])
@pytest.mark.parametrize("blocks", [True, False])
def test_layouts_of_the_archives(layout, blocks, tmp_path):
    path, _ = build(tmp_path, layout=layout, blocks=blocks, size=(600, 400))
    scene = open_scene(path)
    assert set(scene.bands) == {"VV", "VH"}
    assert set(scene.annotation.noise) == {"VV", "VH"}
    assert set(scene.annotation.sigma) == {"VV", "VH"}
    assert not scene.notes
    assert scene.annotation.looks == 4.4


def test_a_renamed_product_keeps_its_looks(tmp_path):
    path, _ = build(tmp_path, "EW", pols=("HH",), size=(600, 400))
    renamed = path.rename(tmp_path / "mine.SAFE")
    scene = open_scene(renamed)
    assert scene.annotation.looks == 10.7
    assert scene.mode == "EW GRDM"


def test_single_measurement_of_an_archive_knows_its_product(tmp_path):
    """measurement/iw-vv.tiff alone: satellite and time from the product's folder, places from its tie points."""
    size = (1500, 1200)
    path, geometry = build(tmp_path, layout="aws", size=size)
    root = ElementTree.parse(path / "annotation/iw-vv.xml").getroot()
    points = [
        rasterio.control.GroundControlPoint(
            row=float(p.findtext("line")), col=float(p.findtext("pixel")), x=float(p.findtext("longitude")),
            y=float(p.findtext("latitude")), z=float(p.findtext("height")),
        )
        for p in root.iter("geolocationGridPoint")
    ]  # fmt: skip
    file = path / "measurement/iw-vv.tiff"
    with rasterio.open(file) as source:
        data = source.read()
    with rasterio.open(
        file, "w", driver="GTiff", width=size[0], height=size[1], count=1, dtype="uint16", gcps=points, crs="EPSG:4326"
    ) as out:
        out.write(data)
    scene = open_scene(file)
    assert scene.sensor == "Sentinel-1"
    assert scene.start == START.replace(microsecond=0)
    error = off_m(scene.geo, geometry, size)
    # The swath here is not as wide as a real one, so that incidence at the far end is wrong by up to 14 degrees.
    assert error.max() < 700
    assert np.median(error) < 250
    assert 20 < scene.accuracy_m < 200  # and it says that it is worse than with the annotation


def sea(rng, level, looks=10.7) -> np.ndarray:
    """Amplitude of a sea of this mean intensity, pixel by pixel."""
    return np.sqrt(rng.gamma(looks, level / looks)).astype(np.uint16)


def test_steps_of_the_noise_floor_raise_no_alarms(tmp_path):
    """EW cross-polarised sea at the noise floor, which steps by 3 dB between sub-swaths."""
    size = (1500, 1500)
    rng = np.random.default_rng(2)
    floor = noise_profile(size[0], 5, 3.0, 900.0)
    level = np.broadcast_to(floor + 60.0, size[::-1])
    images = {"HH": sea(rng, np.full(size[::-1], 8000.0)), "HV": sea(rng, level)}
    counts = []
    for told in (3.0, 0.0):  # an annotation that tells of the step, and one that does not
        path, _ = build(
            tmp_path / str(told),
            "EW",
            pols=("HH", "HV"),
            size=size,
            images=images,
            noise_step_db=told,
            noise_level=900.0,
        )
        settings = DetectSettings(chips=False, pfa=1e-5, min_probability=0.0)
        counts.append(detect([str(path)], land=NO_LAND, settings=settings)["detections"].num_rows)
    assert counts[0] < 0.75 * counts[1]


@pytest.mark.parametrize(
    ("mode", "pols"), [("IW", ("VV", "VH")), ("EW", ("HH", "HV")), ("S3", ("HH",)), ("S3F", ("VV",))]
)
def test_ships_are_found_and_measured_in_every_mode(mode, pols, tmp_path):
    """Hulls of 180 m drawn with the mode's resolution: each found once, the length within its stated error."""
    from scipy.ndimage import gaussian_filter

    _, _, spacing, _, _, _ = MODES[mode]
    resolution, looks = {"IW": (21.0, 4.4), "EW": (90.0, 10.7), "S3": (23.0, 29.7), "S3F": (9.0, 3.7)}[mode]
    side = 1400 if mode == "S3F" else 1000
    rng = np.random.default_rng(3)
    truth = [(0.2, 0.2, 0.3), (0.5, 0.25, 1.2), (0.8, 0.3, -0.6), (0.25, 0.7, 0.0), (0.6, 0.75, 0.9)]
    images = {}
    for pol in pols:
        hull = np.zeros((side, side))
        for a, b, axis in truth:
            x0, y0, half = int(a * side), int(b * side), int(110 / spacing) + 1
            v, u = (np.mgrid[0 : 16 * half, 0 : 16 * half] + 0.5) / 8 - half  # pixels from (x0, y0), eight parts each
            u, v = (u + x0 - a * side) * spacing, (v + y0 - b * side) * spacing
            along, across = u * np.cos(axis) + v * np.sin(axis), -u * np.sin(axis) + v * np.cos(axis)
            drawn = ((np.abs(along) < 90) & (np.abs(across) < 14)).reshape(2 * half, 8, 2 * half, 8).mean((1, 3))
            hull[y0 - half : y0 + half, x0 - half : x0 + half] += drawn
        power = hull * rng.gamma(1.0, 1.0, hull.shape)
        blurred = gaussian_filter(power, resolution / 2.355 / spacing)
        images[pol] = sea(rng, 8000 * (1 + blurred * 60), looks)
    path, geometry = build(tmp_path, mode, pols=pols, size=(side, side), images=images)
    out = detect([str(path)], land=NO_LAND, settings=PLAIN)
    assert not out["scenes"].to_pylist()[0]["fault"]
    rows = out["detections"].to_pylist()
    assert len(rows) == len(truth)
    off = []
    for a, b, _ in truth:
        near = [r for r in rows if np.hypot(r["x"] - a * side, r["y"] - b * side) * spacing < 60]
        assert len(near) == 1
        row = near[0]
        assert abs(row["length_m"] - 180) < (60 if mode == "EW" else 30), f"{row['length_m']:.0f} m"
        assert abs(row["length_m"] - 180) < 2.5 * row["length_sd_m"]
        lon, lat, _ = geometry.place(a * side - 0.5, b * side - 0.5, 0.0)
        off.append(float(np.hypot(*metres(float(lon), float(lat), row["lon"], row["lat"]))) / row["position_sd_m"])
    # Two coordinates with the stated deviation each: 3 is one in ninety, 1.4 the root mean square.
    assert max(off) < 3
    assert np.sqrt(np.mean(np.square(off))) < 1.4 * 1.5


@pytest.mark.parametrize(
    "part", ["annotation", "calibration", "one raster", "cut raster", "no tie points", "size", "text"]
)
def test_a_part_that_is_bad_gives_one_clear_message(part, tmp_path):
    path, _ = build(tmp_path, size=(600, 400))
    first = next(path.glob("measurement/*vv*"))
    mark = next(path.glob("annotation/*vv*.xml"))
    text = mark.read_text()
    if part == "annotation":
        for file in path.glob("annotation/*.xml"):
            file.unlink()
    elif part == "calibration":
        for file in path.glob("annotation/calibration/*.xml"):
            file.unlink()
    elif part == "one raster":
        first.write_bytes(b"")
    elif part == "cut raster":
        first.write_bytes(first.read_bytes()[: first.stat().st_size // 2])
    elif part == "no tie points":
        for file in path.glob("annotation/*.xml"):
            file.write_text(re.sub(r"<geolocationGridPoint>.*</geolocationGridPoint>", "", file.read_text()))
    elif part == "size":
        mark.write_text(text.replace("<numberOfLines>400", "<numberOfLines>401"))
    elif part == "text":
        mark.write_text(text[: len(text) // 2])
    row = detect([str(path)], land=NO_LAND, settings=PLAIN)["scenes"].to_pylist()[0]
    words = {
        "annotation": "annotation is missing", "cut raster": "ends after", "no tie points": "no tie points",
        "size": "600 x 400 pixels", "text": "cannot be read",
    }  # fmt: skip
    if part in words:
        assert words[part] in row["fault"]
        assert "\n" not in row["fault"]
        assert str(path) in row["fault"]
    else:  # the rest of the product is still worth searching, and the notes say what is missing
        assert not row["fault"]
        assert any(
            {"calibration": "calibration of VV is missing", "one raster": "VV could not be opened"}[part] in n
            for n in row["notes"]
        )


def test_tie_grid_of_the_builder_is_hilly():
    lines, pixels = tie_lines((1500, 1200))
    assert len(lines) == 6
    assert len(pixels) == 11


def hull(power: np.ndarray, x: float, y: float, length: float, width: float, axis: float, level: float) -> None:
    """Add a bar of this intensity, pixels."""
    v, u = np.mgrid[0 : power.shape[0], 0 : power.shape[1]] + 0.5
    along = (u - x) * np.cos(axis) + (v - y) * np.sin(axis)
    across = -(u - x) * np.sin(axis) + (v - y) * np.cos(axis)
    power[(np.abs(along) < length / 2) & (np.abs(across) < width / 2)] += level


def test_ghosts_one_ambiguity_along_azimuth_are_marked(tmp_path):
    """Two bright ships, their ghosts 24 dB below, and faint ships of the ghosts' brightness elsewhere."""
    width, height = 900, 1500
    path, _ = build(tmp_path, size=(width, height))
    shift = open_scene(path).annotation.azimuth_ambiguity_px
    assert 300 < shift < 600  # 4 to 5 km in IW
    rng = np.random.default_rng(4)
    power = np.zeros((height, width))
    ghosts, plain = [], [(700.0, 200.0), (200.0, 1300.0), (650.0, 1250.0)]
    for x, y in ((250.0, 620.0), (500.0, 800.0)):
        hull(power, x, y, 24, 4, 0.8, 3000)
        for side in (-1, 1):
            ghosts.append((x + 3, y + side * shift))
            hull(power, *ghosts[-1], 24, 4, 0.8, 12)
    for x, y in plain:
        hull(power, x, y, 24, 4, 0.8, 12)
    images = {"VV": sea(rng, 8000 * (1 + power), 4.4), "VH": sea(rng, 1600 * (1 + power), 4.4)}
    path, _ = build(tmp_path / "ships", size=(width, height), images=images)
    settings = DetectSettings(chips=False, min_probability=0.0)
    rows = detect([str(path)], land=NO_LAND, settings=settings)["detections"].to_pylist()

    def at(x: float, y: float) -> dict:
        return min(rows, key=lambda r: np.hypot(r["x"] - x, r["y"] - y))

    for x, y in ghosts:
        assert np.hypot(at(x, y)["x"] - x, at(x, y)["y"] - y) < 8
        assert "azimuth_ambiguity" in at(x, y)["flags"]
    for x, y in plain:
        assert "azimuth_ambiguity" not in at(x, y)["flags"]
        assert at(x, y)["probability"] > 2 * max(at(*g)["probability"] for g in ghosts)


def test_a_ship_at_a_pier_is_not_swallowed_by_the_coast(tmp_path):
    """Land and a pier out of a GeoJSON, a ship on each side of the pier, touching it; the pier itself is no ship."""
    import json

    side = 700
    path, _ = build(tmp_path / "bare", size=(side, side), hills_m=600.0)
    geo = open_scene(path).geo
    rng = np.random.default_rng(8)
    power = np.zeros((side, side))
    land = np.zeros((side, side), bool)
    land[450:] = True
    land[330:450, 300:306] = True  # the pier: 1,200 m long, 60 m wide
    power[land] = 6 * rng.gamma(1.0, 1.0, int(land.sum()))
    hull(power, 298.0, 380.0, 20, 4, np.pi / 2, 60)
    hull(power, 308.0, 400.0, 16, 4, np.pi / 2, 60)
    images = {"VV": sea(rng, 8000 * (1 + power), 4.4), "VH": sea(rng, 1600 * (1 + power), 4.4)}
    path, _ = build(tmp_path / "port", size=(side, side), hills_m=600.0, images=images)

    def ring(x0: float, y0: float, x1: float, y1: float) -> list:
        lon, lat = geo.lonlat([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0])
        return [[float(a), float(b)] for a, b in zip(lon, lat, strict=True)]

    def file(name: str, *features: tuple[list, dict]) -> str:
        made = [
            {"type": "Feature", "properties": p, "geometry": {"type": "Polygon", "coordinates": [r]}}
            for r, p in features
        ]
        (tmp_path / name).write_text(json.dumps({"type": "FeatureCollection", "features": made}))
        return str(tmp_path / name)

    coast = file("coast.geojson", (ring(0, 450, side, side), {}), (ring(300, 330, 306, 452), {}))
    rows = detect([str(path)], land=Land(osm=False, files=(coast,)), settings=PLAIN)["detections"].to_pylist()
    assert len(rows) == 2
    for x, y in ((298.0, 380.0), (308.0, 400.0)):
        assert any(np.hypot(r["x"] - x, r["y"] - y) < 5 and r["alongside"] for r in rows)
    # A coastline that draws the pier 150 m too wide hides both; a feature of water gives the berths back.
    wide = file("wide.geojson", (ring(0, 450, side, side), {}), (ring(285, 330, 321, 452), {}))
    rows = detect([str(path)], land=Land(osm=False, files=(wide,)), settings=PLAIN)["detections"].to_pylist()
    assert len(rows) < 2
    berths = file(
        "berths.geojson", (ring(280, 330, 300, 449), {"water": True}), (ring(306, 330, 325, 449), {"water": True})
    )
    rows = detect([str(path)], land=Land(osm=False, files=(wide, berths)), settings=PLAIN)["detections"].to_pylist()
    assert len(rows) == 2


def test_two_polarisations_in_files_of_their_own_are_one_scene(tmp_path):
    """A folder with nothing but VV and VH, as windows of a public archive are kept."""
    folder = tmp_path / "S1A_IW_20250301T093012"
    folder.mkdir()
    rng = np.random.default_rng(8)
    for pol, level in (("vv", 8000.0), ("vh", 1600.0)):
        power = np.zeros((400, 500))
        hull(power, 250, 200, 20, 4, 0.4, 50)
        with rasterio.open(
            folder / f"s1a-iw-{pol}.tif", "w", driver="COG", width=500, height=400, count=1, dtype="uint16",
            crs="EPSG:32652", transform=rasterio.Affine(10, 0, 500_000, 0, -10, 4_700_000),
        ) as out:  # fmt: skip
            out.write(sea(rng, level * (1 + power), 4.4), 1)
    out = detect([str(folder)], land=NO_LAND, settings=PLAIN)
    scene = out["scenes"].to_pylist()[0]
    assert not scene["fault"]
    assert set(scene["bands"]) == {"VV", "VH"}
    assert scene["sensor"] == "Sentinel-1"
    assert scene["start"] is not None
    assert out["detections"].num_rows == 1
    (folder / "s1a-iw-vh.tif").write_bytes((folder / "s1a-iw-vv.tif").read_bytes()[:5000])
    row = detect([str(folder)], land=NO_LAND, settings=PLAIN)["scenes"].to_pylist()[0]
    assert row["fault"]
    assert "\n" not in row["fault"]


@pytest.mark.parametrize("year", [2016, 2025])
def test_border_noise_of_old_products_raises_no_alarms(year, tmp_path):
    """Before March 2018 products hold small numbers beyond the border; a ship near it is still found."""
    width, height = 1500, 1400
    rng = np.random.default_rng(1)
    power = np.zeros((height, width))
    hull(power, 220.0, 700.0, 20, 4, 0.5, 60)
    edge = (60 + 40 * (np.arange(height) // 300 % 2))[:, None]
    y, x = np.mgrid[0:height, 0:width]
    rim = (x < edge) | (y < 30)
    empty = (x < edge - 50) & (y >= 30)
    images = {}
    for pol, level in (("VV", 8000.0), ("VH", 1600.0)):
        made = np.where(rim, np.abs(rng.normal(0, 20, (height, width))), sea(rng, level * (1 + power), 4.4))
        images[pol] = np.where(empty, 0, made).astype(np.uint16)
    start = START.replace(year=year)
    path, _ = build(tmp_path, size=(width, height), images=images, start=start)
    assert open_scene(path).start == start
    settings = DetectSettings(chips=False, min_probability=0.0)
    out = detect([str(path)], land=NO_LAND, settings=settings)
    assert not out["scenes"].to_pylist()[0]["fault"]  # whatever the noise does, no fault
    rows = out["detections"].to_pylist()
    assert any(np.hypot(r["x"] - 220, r["y"] - 700) < 5 for r in rows)
    if year == 2016:
        assert len(rows) < 8
        assert out["scenes"].to_pylist()[0]["usable_share"] > 0.85


@pytest.mark.parametrize("length", [120.0, 180.0, 300.0])
def test_lengths_in_extra_wide_are_right_on_average(length, tmp_path):
    """Sixteen simulated hulls in cells of 90 m: the mean is off by less than 25 m, each by what is stated."""
    from scipy.ndimage import gaussian_filter

    side, spacing = 800, MODES["EW"][2]
    rng = np.random.default_rng(3)
    truth = [(160.0 * i, 160.0 * j, float(rng.uniform(-1.5, 1.5))) for i in range(1, 5) for j in range(1, 5)]
    v, u = (np.mgrid[0:320, 0:320] + 0.5) / 8 - 20  # 40 pixels, eight parts each
    images = {}
    for pol in ("HH", "HV"):
        ships = np.zeros((side, side))
        for x, y, axis in truth:
            along, across = (
                (u * np.cos(axis) + v * np.sin(axis)) * spacing,
                (v * np.cos(axis) - u * np.sin(axis)) * spacing,
            )
            drawn = ((np.abs(along) < length / 2) & (np.abs(across) < length / 13)).reshape(40, 8, 40, 8).mean((1, 3))
            ships[int(y) - 20 : int(y) + 20, int(x) - 20 : int(x) + 20] += drawn
        blurred = gaussian_filter(ships * rng.gamma(1.0, 1.0, ships.shape), 90.0 / 2.355 / spacing)
        images[pol] = sea(rng, 8000 * (1 + blurred * 60), 10.7)
    path, _ = build(tmp_path, "EW", pols=("HH", "HV"), size=(side, side), images=images)
    rows = detect([str(path)], land=NO_LAND, settings=PLAIN)["detections"].to_pylist()
    assert len(rows) == len(truth)
    off = np.array([r["length_m"] - length for r in rows])
    said = np.array([r["length_sd_m"] for r in rows])
    assert abs(off.mean()) < 25
    assert (np.abs(off) < 2 * said).mean() > 0.85
