"""Radar, piece by piece: strips, narrow water, sidelobes, touching ships, harbours, flags."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="needs the imagery extra")
pytest.importorskip("numba", reason="needs the imagery extra")

from tumen.imagery import (  # noqa: E402
    DetectSettings,
    Land,
    detect,
    sar,
)
from tumen.imagery import radar_ships as rs  # noqa: E402
from tumen.imagery.areas import read_areas  # noqa: E402
from tumen.imagery.sar import Blob  # noqa: E402
from tumen.imagery.scene import open_scene  # noqa: E402
from tumen.simulate.imagery import TrueShip, clutter, harbour, quarter_turns, write_scene  # noqa: E402

NO_LAND = Land(osm=False)
PLAIN = DetectSettings(chips=False)


def picture(path, values, names=(), driver="GTiff", **profile):
    values = values if values.ndim == 3 else values[None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(
            path, "w", driver=driver, width=values.shape[2], height=values.shape[1], count=len(values),
            dtype=values.dtype, **profile,
        ) as out:  # fmt: skip
            out.write(values)
            for i, name in enumerate(names, 1):
                out.set_band_description(i, name)
    return path


def blob(level: np.ndarray, floor: float = 2.0) -> Blob:
    """A blob of the pixels of a picture of contrasts, the same in both polarisations."""
    y, x = np.nonzero(level > floor)
    amplitude = np.sqrt(level[y, x])[:, None].repeat(2, 1)
    return Blob(y, x, amplitude, np.ones(2), float(level.max()), 1, 1.0, 0.3)


def bar(level: np.ndarray, x: float, y: float, length: float, width: float, angle: float, value: float) -> None:
    v, u = np.mgrid[0 : level.shape[0], 0 : level.shape[1]] + 0.5
    along = (u - x) * np.cos(angle) + (v - y) * np.sin(angle)
    across = -(u - x) * np.sin(angle) + (v - y) * np.cos(angle)
    level[(np.abs(along) < length / 2) & (np.abs(across) < width / 2)] += value


def test_strips_give_what_a_single_strip_gives(tmp_path, monkeypatch):
    """Cutting into strips loses and doubles nothing, also for ships on a seam and whatever the storage."""
    rng = np.random.default_rng(1)
    image = np.sqrt(clutter(rng, "gamma", (2 * 1500, 700), 8000)).astype(np.uint16).reshape(2, 1500, 700)
    for y in (100, 380, 512, 640, 767, 1023, 1279, 1490):
        image[:, y - 2 : y + 3, 200:215] = 1500
    found = []
    for rows, profile in ((64 * 64, {}), (4 * 64, {}), (4 * 64, {"compress": "deflate", "tiled": True})):
        monkeypatch.setattr(sar, "STRIP", rows)
        path = picture(tmp_path / f"{rows}{len(profile)}.tif", image, ("VV", "VH"), **profile)
        rows = detect([str(path)], land=NO_LAND, settings=PLAIN)["detections"].to_pylist()
        found.append([(round(r["x"]), round(r["y"])) for r in rows])
    assert [y for _, y in found[0]] == pytest.approx([100, 380, 512, 640, 767, 1023, 1279, 1490], abs=2)
    assert found[0] == found[1] == found[2]


def test_calibrated_floats_and_decibels_find_the_same_ship(tmp_path):
    rng = np.random.default_rng(2)
    power = clutter(rng, "gamma", (600, 600), 0.01)
    power[300:304, 200:215] = 0.9
    places = []
    for name, values in (("linear", np.sqrt(power)), ("db", 10 * np.log10(power))):
        path = picture(tmp_path / f"{name}.tif", values.astype(np.float32), ("VV",))
        rows = detect([str(path)], land=NO_LAND, settings=PLAIN)["detections"].to_pylist()
        places.append([(round(r["x"]), round(r["y"])) for r in rows])
    assert places[0] == places[1] == [(208, 302)]


def test_ship_in_water_narrower_than_a_block(tmp_path):
    """A basin of 30 pixels between land has too few pixels for statistics of its own; it borrows its neighbours'."""
    rng = np.random.default_rng(3)
    values = np.sqrt(clutter(rng, "gamma", (512, 512), 8000)).astype(np.uint16)
    profile = {"crs": "EPSG:32652", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 4_700_000)}
    values[:, 300:] = 700  # land
    values[240:256, 300:460] = np.sqrt(clutter(rng, "gamma", (16, 160), 8000))
    values[246:250, 400:415] = 1500
    path = picture(tmp_path / "basin.tif", values, ("VV",), **profile)
    geo = open_scene(path).geo
    corners = [(300, 0), (512, 0), (512, 512), (300, 512), (300, 256), (460, 256), (460, 240), (300, 240), (300, 0)]
    lon, lat = geo.lonlat(*zip(*corners, strict=True))
    ring = [[float(a), float(b)] for a, b in zip(lon, lat, strict=True)]
    land = tmp_path / "land.geojson"
    land.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    rows = detect([str(path)], land=Land(osm=False, files=(str(land),)), settings=PLAIN)["detections"].to_pylist()
    assert [(round(r["x"], -1), round(r["y"], -1)) for r in rows] == [(410, 250)]


def test_sidelobes_of_a_bright_point_do_not_lengthen_a_ship():
    level = np.ones((90, 90))
    bar(level, 45, 45, 20, 3, np.radians(35), 100)
    plain = rs.measure(blob(level), 10.0)
    level[44:46, 44:46] = 6_000
    for d in range(2, 40):
        level[44:46, [44 - d, 45 + d]] += 6_000 * 0.008 * (3 / max(d, 3)) ** 1.6
        level[[44 - d, 45 + d], 44:46] += 6_000 * 0.008 * (3 / max(d, 3)) ** 1.6
    (hull,) = rs.objects([blob(level)], 10.0)
    starred = rs.measure(hull, 10.0)
    assert starred.length_px == pytest.approx(plain.length_px, rel=0.35)
    assert np.degrees(starred.angle) == pytest.approx(35, abs=8)


def test_touching_ships_are_parted_and_a_hull_with_two_bright_ends_is_not():
    level = np.ones((80, 80))
    bar(level, 30, 40, 22, 3, np.pi / 2, 150)
    bar(level, 38, 40, 22, 3, np.pi / 2, 120)
    bar(level, 34, 40, 8, 3, 0.0, 12)  # what joins them
    assert sorted(round(p.x.mean()) for p in rs.objects([blob(level)], 10.0)) == pytest.approx([30, 38], abs=1)
    level = np.ones((80, 80))
    bar(level, 40, 40, 30, 3, 0.5, 10)
    bar(level, 31, 35, 5, 4, 0.5, 300)
    bar(level, 49, 45, 5, 4, 0.5, 500)
    assert len(rs.objects([blob(level)], 10.0)) == 1


def test_simulated_harbour_without_a_coastline(tmp_path):
    hits = found = ships = 0
    for seed in (1, 2):
        values, truth = harbour(np.random.default_rng(seed), 700)
        path = picture(tmp_path / f"h{seed}.png", values, driver="PNG")
        rows = detect([str(path)], land=NO_LAND, settings=DetectSettings(sensor="sar", chips=False))[
            "detections"
        ].to_pylist()
        for ship in truth:
            hits += any(np.hypot(r["x"] - ship.x, r["y"] - ship.y) < 0.35 * ship.length_px for r in rows)
        ships, found = ships + len(truth), found + len(rows)
    assert hits >= 0.8 * ships
    assert hits >= 0.7 * found


@pytest.mark.parametrize("turns", range(4))
def test_a_turned_picture_keeps_its_ships_under_their_hulls(turns: int) -> None:
    side, ship = 200, TrueShip(150.0, 60.0, 60.0, 8.0, 0.4, 1.0)
    y, x = np.mgrid[0:side, 0:side] + 0.5

    def hull(of: TrueShip) -> np.ndarray:
        c, s = np.cos(of.angle), np.sin(of.angle)
        along, across = (x - of.x) * c + (y - of.y) * s, (y - of.y) * c - (x - of.x) * s
        return (np.abs(along) < of.length_px / 2) & (np.abs(across) < of.width_px / 2)

    picture, (there,) = quarter_turns(hull(ship), [ship], turns)
    assert (picture == hull(there)).mean() > 0.9995
    assert -np.pi / 2 <= there.angle < np.pi / 2


def test_packed_harbours_with_quays_and_stacks(tmp_path):
    """Cranes, fenders, rows of boxes and moles are few among what is reported; pictures that the fit did not see."""
    from tumen.simulate.harbours import packed_harbour

    hits = found = ships = 0
    for seed in (31, 32):
        values, truth = packed_harbour(np.random.default_rng(seed), 560)
        path = picture(tmp_path / f"p{seed}.png", values, driver="PNG")
        rows = detect([str(path)], land=NO_LAND, settings=DetectSettings(sensor="sar", chips=False))[
            "detections"
        ].to_pylist()
        for ship in truth:
            hits += any(np.hypot(r["x"] - ship.x, r["y"] - ship.y) < max(8, 0.35 * ship.length_px) for r in rows)
        ships, found = ships + len(truth), found + len(rows)
    assert hits >= 0.5 * ships
    assert hits >= 0.7 * found


def test_hulls_abreast_and_in_line_are_cut_where_it_is_dark():
    """One piece of two hulls side by side, one of two bow to stern: two parts each; an even hull stays whole."""
    from tumen.imagery.harbour import Piece, parts_of
    from tumen.imagery.shape import rectangle

    def piece(over: np.ndarray) -> Piece:
        y, x = np.nonzero(over > 2)
        return Piece(y, x, None, rectangle(x, y, trim=0.01))

    level = np.ones((80, 120))
    level[30:38, 20:90] = level[41:49, 20:90] = 60
    level[38:41, 20:90] = 4  # the gap between them
    abreast = parts_of(piece(level), level)
    assert len(abreast) == 2
    assert all(abs(np.mean(x) - 54.5) < 2 and np.ptp(y) < 12 for y, x in abreast)
    level = np.ones((80, 160))
    level[36:44, 10:70] = level[36:44, 74:140] = 60
    level[38:42, 70:74] = 3
    in_line = parts_of(piece(level), level)
    assert sorted(round(float(np.mean(x))) for _, x in in_line) in ([39, 107], [40, 107], [40, 106])
    level = np.ones((80, 120))
    level[34:46, 20:90] = 60
    assert not parts_of(piece(level), level)


def test_large_fine_picture_is_searched_in_windows(tmp_path):
    """A ship is found once wherever the windows meet."""
    from tumen.imagery import harbour as search

    rng = np.random.default_rng(5)
    values = np.sqrt(clutter(rng, "gamma", (900, 900), 300.0)).astype(np.uint8)
    truth = [(450, 200), (200, 460), (700, 700), (455, 455)]
    for x, y in truth:
        values[y - 5 : y + 5, x - 25 : x + 25] = 250
    path = picture(tmp_path / "wide.png", values, driver="PNG")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "WINDOW", 512)
        patch.setattr(search, "OVERLAP", 192)
        rows = detect([str(path)], land=NO_LAND, settings=DetectSettings(sensor="sar", chips=False))[
            "detections"
        ].to_pylist()
    assert sorted((round(r["x"], -1), round(r["y"], -1)) for r in rows) == sorted(
        (round(x, -1), round(y, -1)) for x, y in truth
    )
    assert all(45 < r["length_px"] < 58 for r in rows)
    assert all(r["length_m"] is None for r in rows)  # the scale is not known


@pytest.mark.parametrize(
    ("name", "least", "most"), [("P0123_4800_5600_4800_5600", 4, 6), ("P0094_0_800_3000_3800", 8, 9)]
)
def test_real_harbour_pictures(name, least, most, shared):
    """Ships in open water and at quays of published high-resolution pictures (HRSID): found at least, reported at most."""
    path = shared / f"data/imagery/hrsid_samples/{name}.png"
    boxes = json.loads(path.with_suffix(".json").read_text())["boxes_xywh_area"]
    rows = detect([str(path)], land=NO_LAND, settings=DetectSettings(sensor="sar", chips=False))[
        "detections"
    ].to_pylist()
    hit = sum(
        any(x - 5 <= r["x"] <= x + w + 5 and y - 5 <= r["y"] <= y + h + 5 for r in rows) for x, y, w, h, _ in boxes
    )
    assert hit >= least
    assert len(rows) <= most


def test_simulated_scene_is_told_apart_in_both_storages(tmp_path):
    path = tmp_path / "sim_20000101T000000.tif"
    write_scene(path, np.random.default_rng(4), 700, 700, ships=4, compress="deflate")
    out = detect([str(path)], land=NO_LAND, settings=PLAIN)["scenes"].to_pylist()[0]
    assert out["simulated"]
    assert out["usable_share"] == 1.0


def test_fixed_structures_of_several_dates_are_marked_static(tmp_path):
    """A platform in five scenes of eight weeks is static; a ship seen once or twice at a spot, and one at a berth, not."""
    geo = {"crs": "EPSG:32652", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 4_700_000)}
    paths = []
    for number, day in enumerate(("20240101", "20240112", "20240126", "20240209", "20240301")):
        values = np.sqrt(clutter(np.random.default_rng(number), "gamma", (300, 300), 8000)).astype(np.uint16)
        values[100:103, 100:103] = 1500  # the platform
        values[200:203, 60 + 30 * number : 72 + 30 * number] = 1500  # a ship that is elsewhere each time
        values[250:253, 150:162] = 1500  # one that lies in a berth all the time
        paths.append(str(picture(tmp_path / f"s1a_{day}T000000.tif", values, ("VV",), **geo)))
    lon, lat = open_scene(paths[0]).geo.lonlat([50, 160, 140, 175, 140, 175], [50, 160, 240, 240, 260, 260])
    areas = tmp_path / "areas.geojson"
    box = [[(lon[i], lat[j]) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))]]
    berth = [[(lon[k], lat[k]) for k in (2, 3, 5, 4, 2)]]
    areas.write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {"type": "Feature", "properties": {"name": n, "kind": k, "part_of": "Port"},
                     "geometry": {"type": "Polygon", "coordinates": c}}
                    for n, k, c in (("roads", "anchorage", box), ("berth 1", "berth", berth))
                ],
            }
        )
    )  # fmt: skip
    given = read_areas(areas)
    out = detect(paths, areas=given, land=NO_LAND, settings=PLAIN)
    rows = out["detections"].to_pylist()
    static = [r for r in rows if "static" in r["flags"]]
    assert len(static) == 5
    assert all(abs(r["x"] - 101.5) < 2 and abs(r["y"] - 101.5) < 2 for r in static)
    moored = [r for r in rows if r["berth"] == "berth 1"]
    assert len(moored) == 5
    assert min(r["probability"] for r in moored) > max(r["probability"] for r in static)
    looks = [r for r in out["looks"].to_pylist() if r["look_id"].endswith("/roads")]
    assert [r["vessel_present"] for r in looks] == [False] * 5
    few = detect(paths[:3], areas=given, land=NO_LAND, settings=PLAIN)["detections"].to_pylist()
    assert not any("static" in r["flags"] for r in few)  # three dates do not tell


def test_azimuth_ghost_and_sidelobe_are_marked():
    """A faint copy of a bright ship one ambiguity along azimuth is marked; an equal ship there is not."""
    from tumen.imagery.safe import Annotation

    def ship(x: int, y: int, value: float) -> Blob:
        v, u = (a.ravel() for a in np.mgrid[y - 2 : y + 3, x - 8 : x + 9])
        return Blob(v, u, np.full((len(v), 2), np.sqrt(value)), np.ones(2), value / 8, 20, 1.0, 0.3)

    from types import SimpleNamespace

    scene = SimpleNamespace(mean_pixel_m=10.0, width=3000, height=3000, annotation=Annotation(35.0, 4.4, {}, {}, 480.0))
    found = rs.ships([ship(1000, 1000, 20_000), ship(1003, 1484, 60), ship(2000, 1484, 20_000)], scene)
    assert [f.flags for f in found] == [[], ["azimuth_ambiguity"], []]
    assert found[1].probability < 0.5 * found[0].probability
    crumbs = [ship(1000, 1000, 20_000)]
    for x, y in ((1008, 1060), (1014, 1000), (1060, 1060)):  # in azimuth of its brightest point, at its rim, elsewhere
        v, u = (a.ravel() for a in np.mgrid[y : y + 2, x : x + 2])
        crumbs.append(Blob(v, u, np.full((4, 2), 12.0), np.ones(2), 5.0, 2, 1.0, 0.3))
    crumbs[0].amplitude[84] *= 1.2  # the pixel at x 1008, y 1002
    assert [f.flags for f in rs.ships(crumbs, scene)] == [[], ["sidelobe"], ["sidelobe"], []]


def test_every_bad_scene_of_a_batch_costs_one_line(tmp_path):
    """Truncated, empty, bombs and monsters between good scenes: one message each, exit code 1, nothing half-written."""
    import zipfile

    import typer
    from typer.testing import CliRunner

    from tumen.imagery.command import detect_command

    rng = np.random.default_rng(6)
    values = np.sqrt(clutter(rng, "gamma", (300, 300), 8000)).astype(np.uint16)
    values[100:104, 150:168] = 1700
    good = [picture(tmp_path / f"good{i}.tif", values, ("VV",)) for i in range(2)]
    bad = [
        tmp_path / n for n in ("missing.tif", "empty.tif", "cut.tif", "bomb.zip", "broken.zip", "wide.png", "zeros.tif")
    ]
    bad[1].write_bytes(b"")
    bad[2].write_bytes(good[0].read_bytes()[:60_000])
    with zipfile.ZipFile(bad[3], "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.SAFE/manifest.safe", bytes(200_000_000))
    bad[4].write_bytes(b"PK\x03\x04" + bytes(50))
    picture(bad[5], np.ones((8, 60_000), np.uint8), driver="PNG")
    picture(bad[6], np.zeros((128, 128), np.uint16), ("VV",))
    app = typer.Typer()
    app.command()(detect_command)
    target = tmp_path / "out" / "ships.csv"
    target.parent.mkdir()
    done = CliRunner().invoke(
        app, [str(good[0]), *map(str, bad), str(good[1]), "-o", str(target), "--no-osm", "--sensor", "sar"]
    )
    assert done.exit_code == 1
    lines = [line for line in done.output.splitlines() if line.startswith("tumen detect:")]
    assert len(lines) == len(bad)
    for path, line in zip(bad, lines, strict=True):
        assert path.name in line
        assert "expected" in line
    assert len(target.read_text().splitlines()) == 3  # a ship of each good scene
    assert [p.name for p in target.parent.iterdir()] == ["ships.csv"]
