"""Fixed structures learned from the pixels of several dates: what is marked, what is not, and the file that keeps it."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

shapely = pytest.importorskip("shapely", reason="needs the imagery extra")
rasterio = pytest.importorskip("rasterio", reason="needs the imagery extra")
pytest.importorskip("numba", reason="needs the imagery extra")

from tumen.imagery import DetectSettings, Land, SceneFault, detect  # noqa: E402
from tumen.imagery.command import detect_command  # noqa: E402
from tumen.imagery.structures import Mask, Structure, Tile, hull_of  # noqa: E402
from tumen.simulate.imagery import TrueHull, TrueShip, add_ship, clutter, write_port  # noqa: E402

NO_LAND = Land(osm=False)
PLAIN = DetectSettings(chips=False)
app = typer.Typer()
app.command()(detect_command)
DAYS = ("20240101", "20240118", "20240209", "20240226", "20240315", "20240404")
PLATFORM, BUOY, WRECKED = (150.0, 150.0), (300.0, 120.0), (120.0, 320.0)


def radar(folder, number: int, day: str, extra=(), platform: bool = True, simulated: bool = False) -> str:
    """Sea with a platform, a buoy, a fixed thing beside which ships lie, ships at anchor that swing; off by half a pixel."""
    rng = np.random.default_rng(100 + number)
    level = clutter(rng, "k", (440, 440), 8000)
    shift = rng.uniform(-0.5, 0.5, 2)
    fixed = [TrueShip(*BUOY, 2.0, 2.0, 0.0, 30.0), TrueShip(*WRECKED, 9.0, 3.0, 0.4, 30.0)]
    if platform:
        fixed.append(TrueShip(*PLATFORM, 8.0, 6.0, 0.0, 40.0))
    # Anchored at one place for all dates: wind and tide lay the ship another way each time.
    swing = 2 * np.pi * number / 5.3
    fixed.append(TrueShip(300 + 14 * np.cos(swing), 320 + 14 * np.sin(swing), 18.0, 3.0, swing, 30.0))
    for ship in [*fixed, *extra]:
        moved = TrueShip(ship.x + shift[0], ship.y + shift[1], ship.length_px, ship.width_px, ship.angle, ship.contrast)
        add_ship(rng, level, moved, 8000)
    path = folder / f"s1a_{day}T000000.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=440, height=440, count=1, dtype="uint16", crs="EPSG:32652",
        transform=rasterio.Affine(10, 0, 500_000, 0, -10, 4_700_000),
    ) as out:  # fmt: skip
        out.write(np.sqrt(level).astype(np.uint16), 1)
        out.set_band_description(1, "VV")
        out.update_tags(TUMEN_SIMULATED=str(simulated).lower())
    return str(path)


def at(rows: list[dict], place: tuple[float, float], reach: float = 6.0) -> list[dict]:
    return [r for r in rows if np.hypot(r["x"] - place[0], r["y"] - place[1]) < reach]


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    # On the third and fourth date a long ship lies over the platform's place, so that the detection there is another.
    covers = TrueShip(PLATFORM[0] + 12, PLATFORM[1] + 2, 24.0, 4.0, 0.1, 40.0)
    paths = [radar(folder, n, day, [covers] if n in (2, 3) else []) for n, day in enumerate(DAYS)]
    mask = Mask()
    out = detect(paths, land=NO_LAND, settings=PLAIN, static=mask)
    return paths, mask, out["detections"].to_pylist()


def test_platform_and_buoy_are_static_ships_at_anchor_are_not(learned):
    _, mask, rows = learned
    assert mask.changed
    for place in (PLATFORM, BUOY, WRECKED):
        mine = [r for r in at(rows, place) if r["length_m"] < 160]
        assert len(mine) >= 4
        assert all("static" in r["flags"] for r in mine)
    swinging = [r for r in rows if np.hypot(r["x"] - 300, r["y"] - 320) < 22]
    assert len(swinging) == len(DAYS)
    assert not any("static" in r["flags"] for r in swinging)
    # The ship that lies over the platform twice reaches far beyond it: it stays a ship.
    long = [r for r in rows if np.hypot(r["x"] - 160, r["y"] - 152) < 12 and r["length_m"] > 180]
    assert len(long) == 2
    assert not any("static" in r["flags"] for r in long)
    assert all(s.dates == len(DAYS) and s.first == dt.date(2024, 1, 1) for s in mask.structures)


def test_a_later_single_scene_uses_the_file(learned, tmp_path):
    _, mask, _ = learned
    file = tmp_path / "static.geojson"
    file.write_text(mask.text())
    passing = TrueShip(220.0, 220.0, 15.0, 3.0, 0.7, 40.0)
    scene = radar(tmp_path, 40, "20240601", [passing])
    done = CliRunner().invoke(
        app, [scene, "-o", str(tmp_path / "ships.geojson"), "--no-osm", "--static", str(file), "--min-probability", "0"]
    )
    assert done.exit_code == 0, done.output
    made = [f["properties"] for f in json.loads((tmp_path / "ships.geojson").read_text())["features"]]
    static = [r for r in made if "static" in r["flags"]]
    assert {(p, bool(at(static, p))) for p in (PLATFORM, BUOY, WRECKED)} == {
        (p, True) for p in (PLATFORM, BUOY, WRECKED)
    }
    assert len(at(made, (220.0, 220.0))) == 1
    assert not at(static, (220.0, 220.0))
    assert file.read_text() == mask.text()  # one scene teaches nothing
    assert Mask.read(file).text() == mask.text()


def test_what_is_taken_away_is_forgotten(learned, tmp_path):
    """Later dates without the platform drop it; what they still show keeps its first date."""
    _, mask, _ = learned
    later = [radar(tmp_path, 60 + n, f"2025{day[4:]}", platform=False) for n, day in enumerate(DAYS[:5])]
    again = Mask(list(mask.structures))
    detect(later, land=NO_LAND, settings=PLAIN, static=again)
    assert len(again.structures) == len(mask.structures) - 1
    assert {s.first for s in again.structures} == {dt.date(2024, 1, 1)}
    assert {s.last for s in again.structures} == {dt.date(2025, 3, 15)}


def test_too_few_dates_teach_nothing(learned):
    paths, _, _ = learned
    mask = Mask()
    detect(paths[:3], land=NO_LAND, settings=PLAIN, static=mask)
    assert not mask.structures
    assert not mask.changed


def test_simulated_structures_never_count_in_a_real_scene(learned, tmp_path):
    _, mask, _ = learned
    invented = Mask([Structure(s.kind, s.outline, s.dates, s.first, s.last, True) for s in mask.structures])
    real = radar(tmp_path, 41, "20240601")
    rows = detect([real], land=NO_LAND, settings=PLAIN, static=invented)["detections"].to_pylist()
    assert not any("static" in r["flags"] for r in rows)
    false = radar(tmp_path, 41, "20240601", simulated=True)
    rows = detect([false], land=NO_LAND, settings=PLAIN, static=invented)["detections"].to_pylist()
    assert any("static" in r["flags"] for r in rows)
    assert json.loads(invented.text())["features"][0]["properties"]["simulated"] is True


def test_optical_dolphin_is_static_and_changing_ships_at_a_quay_are_not(tmp_path):
    """Half a year of a port: a hull-like dolphin that never leaves, and another ship at one quay on every date."""
    paths = []
    for n, day in enumerate((*DAYS[:5], "20240702", "20240801")):
        rng = np.random.default_rng(n)
        ships = [TrueHull(250.0 + rng.uniform(-25, 25), 18.0, float(rng.uniform(90, 190)))]
        path = tmp_path / f"S2A_{day}T020000.tif"
        when = dt.datetime.strptime(day, "%Y%m%d").replace(tzinfo=dt.UTC)
        write_port(path, rng, ships=ships, when=when)
        with rasterio.open(path, "r+") as out:
            data = out.read()
            data[:, 20:24, 40:54] = np.array([1700, 1900, 2100, 2500, 2900])[:, None, None]
            out.write(np.maximum(data, 1))
        paths.append(str(path))
    from tumen.imagery.scene import open_scene
    from tumen.simulate.imagery import _from_quay

    geo = open_scene(paths[0]).geo
    shore = [[v / 10 for v in _from_quay(*p, (1600.0, 1200.0))] for p in ((-900, 0), (900, 0), (900, 900), (-900, 900))]
    ring = [[float(v[0]) for v in geo.lonlat([x], [y])] for x, y in [*shore, shore[0]]]
    coast = tmp_path / "coast.geojson"
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    coast.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    mask = Mask()
    settings = DetectSettings(chips=False, min_probability=0.02)
    land = Land(osm=False, files=(str(coast),))
    rows = detect(paths, land=land, settings=settings, static=mask)["detections"].to_pylist()
    dolphin = at(rows, (47.0, 22.0))
    assert len(dolphin) >= 5
    assert all("static" in r["flags"] for r in dolphin)
    x, y = (v / 10 for v in _from_quay(250.0, -18.0, (1600.0, 1200.0)))
    quay = at(rows, (x, y), 10)
    assert len(quay) >= 5
    assert sum("static" in r["flags"] for r in quay) <= 1


def test_ships_alongside_need_three_months_and_those_in_a_berth_are_left_alone():
    """A hull exactly on a structure: static in the open; alongside only when it was seen long enough; never in a berth."""
    row = {
        "scene_id": "s", "sensor": "Sentinel-2", "lat": 42.0, "lon": 130.0, "length_m": 80.0, "width_m": 14.0,
        "heading_deg": 40.0, "berth": None, "alongside": False, "flags": [], "probability": 0.8,
    }  # fmt: skip
    outline = hull_of(row).buffer(1e-4)
    scenes = [{"scene_id": "s", "fault": None, "simulated": False}]

    def marked(last: dt.date, dates: int, **change) -> bool:
        mask = Mask([Structure("optical", outline, dates, dt.date(2024, 1, 1), last)])
        made = [{**row, "flags": [], **change}]
        touched = mask.mark(made, scenes)
        assert touched == ({"s"} if made[0]["flags"] else set())
        assert made[0]["probability"] == (0.8 if not made[0]["flags"] else pytest.approx(0.08))
        return made[0]["flags"] == ["static"]

    short, long = dt.date(2024, 2, 20), dt.date(2024, 4, 20)
    assert marked(short, 5)
    assert not marked(short, 5, alongside=True)
    assert not marked(long, 5, alongside=True)  # too few dates
    assert marked(long, 6, alongside=True)
    assert not marked(long, 6, berth="north")
    assert not marked(long, 6, sensor="Sentinel-1")  # a radar echo is another thing
    assert not marked(long, 6, length_m=300.0)  # reaches far beyond the structure


@pytest.mark.parametrize(
    "text",
    ["{", '{"type": "FeatureCollection", "features": []}',
     '{"type": "FeatureCollection", "format": "tumen fixed structures 1", "features": [{"properties": {"kind": "x"}}]}'],
)  # fmt: skip
def test_a_bad_file_is_one_clear_message(text, tmp_path):
    file = tmp_path / "static.geojson"
    file.write_text(text)
    with pytest.raises(SceneFault, match=r"static.geojson: .*expected"):
        Mask.read(file)
    done = CliRunner().invoke(app, ["x.tif", "-o", str(tmp_path / "x.csv"), "--static", str(file)])
    assert done.exit_code == 1
    assert done.output.count("tumen detect:") == 1
    assert file.read_text() == text


def test_tiles_are_one_lattice():
    """Neighbouring tiles meet without gap, and a place lies in the tile that says so, also beyond the date line."""
    for lon, lat in ((130.3, 42.25), (-179.99, -16.5), (0.0, 0.0), (179.99, 71.0)):
        tile = Tile.at(lon, lat)
        assert tile.outline().buffer(1e-9).covers(shapely.Point(lon, lat))
        right = Tile(tile.row, tile.column + 1).outline().bounds
        assert right[0] == pytest.approx(tile.outline().bounds[2], abs=1e-9)
