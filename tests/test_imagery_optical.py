"""Optical scenes: simulated ports with known truth, through `detect`: ships, berths, stacks, cloud, pictures."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest

pytest.importorskip("rasterio", reason="needs the imagery extra")
pytest.importorskip("numba", reason="needs the imagery extra")

import shapely

from tumen import tables
from tumen.imagery import DetectSettings, Land, case_looks, detect
from tumen.imagery.areas import Area, read_areas
from tumen.imagery.optical import coarser
from tumen.imagery.scene import open_scene
from tumen.imagery.stacks import boxes
from tumen.simulate.imagery import QUAY_TURN, TrueHull, TrueStack, port_areas, write_port

CORNER = (130.3, 42.25)
SIZE = (1000.0, 800.0)
NO_LAND = Land(osm=False)


def areas() -> list[Area]:
    rings = port_areas(CORNER, SIZE)
    port = shapely.union_all([shapely.Polygon(r) for r in rings.values()]).envelope.buffer(0.001)
    return [
        Area("Simport", "port", None, port),
        Area("berth 1", "berth", "Simport", shapely.Polygon(rings["berth"])),
        Area("yard 1", "yard", "berth 1", shapely.Polygon(rings["yard"])),
    ]


SHIP = TrueHull(0, 16, 150)
STACK = TrueStack(-20, 44, 90, 24, 2)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Six dates at 3 m; a ship on the second and third, a stack on the third and fourth, cloud on the sixth."""
    folder = tmp_path_factory.mktemp("series")
    rng = np.random.default_rng(11)
    paths = []
    for day in range(1, 7):
        path = folder / f"sim_202401{day:02d}T020000.tif"
        write_port(
            path,
            rng,
            ships=[SHIP] if day in (2, 3) else [],
            stacks=[STACK] if day in (3, 4) else [],
            pixel_m=3.0,
            corner=CORNER,
            size_m=SIZE,
            cloud=day == 6,
            when=dt.datetime(2024, 1, day, 2, tzinfo=dt.UTC),
        )
        paths.append(str(path))
    return detect(paths, areas=areas(), land=NO_LAND)


def by_day(rows, berth):
    return {r["start" if "start" in r else "time"].day: r for r in rows if r["berth"] == berth}


def test_stacks_come_and_go_against_the_yards_other_dates(series):
    state = by_day(series["berth_states"].to_pylist(), "yard 1")
    assert all(state[d]["p_stack"] > 0.8 for d in (3, 4))
    assert all(state[d]["p_stack"] < 0.2 for d in (1, 2, 5))
    assert state[6]["p_stack"] is None
    for day in (3, 4):
        row = state[day]
        assert row["stack_length_m"] == pytest.approx(STACK.length_m, abs=12)
        assert row["stack_area_m2"] == pytest.approx(STACK.length_m * STACK.width_m, rel=0.3)
        assert row["containers_low90"] <= STACK.boxes <= row["containers_high90"]
        assert row["references"] == 4  # the clouded date is none
    looks = by_day(series["looks"].to_pylist(), "berth 1")
    assert [looks[d]["stack_present"] for d in range(1, 7)] == [False, False, True, True, False, None]
    assert looks[3]["containers"] == state[3]["containers"]
    assert "twenty-foot" in looks[3]["note"]


def test_berth_is_full_when_the_ship_is_there(series):
    state = by_day(series["berth_states"].to_pylist(), "berth 1")
    assert min(state[d]["p_occupied"] for d in (2, 3)) > 0.5 > max(state[d]["p_occupied"] for d in (1, 4, 5))
    looks = by_day(series["looks"].to_pylist(), "berth 1")
    assert looks[2]["vessel_present"] is True
    assert looks[5]["vessel_present"] is False
    assert looks[2]["length_m"] == pytest.approx(SHIP.length_m, abs=40)


def test_a_clouded_date_is_a_look_that_tells_nothing(series):
    looks = [r for r in series["looks"].to_pylist() if r["start"].day == 6]
    assert {r["berth"] for r in looks} == {None, "berth 1", "yard 1"}
    for look in looks:
        assert look["usable_share"] < 0.05
        assert look["vessel_present"] is None
        assert look["stack_present"] is None
    clear = [r for r in series["looks"].to_pylist() if r["start"].day == 1]
    assert min(r["usable_share"] for r in clear) > 0.95


def test_every_detection_and_look_has_a_picture(series):
    subjects = {r["subject"] for r in series["chips"].to_pylist()}
    assert {r["detection_id"] for r in series["detections"].to_pylist()} <= subjects
    assert {r["look_id"] for r in series["looks"].to_pylist()} <= subjects
    assert all(r["png"].startswith(b"\x89PNG") for r in series["chips"].to_pylist())
    assert all(r["simulated"] for r in series["scenes"].to_pylist())
    assert {r["origin"] for r in series["looks"].to_pylist()} == {"simulated"}


def test_half_a_yard_outside_the_scene_lowers_its_share(tmp_path):
    path = tmp_path / "sim_20240101T020000.tif"
    write_port(path, np.random.default_rng(3), corner=CORNER, size_m=SIZE)
    scene = open_scene(path)
    lon, lat = scene.geo.lonlat([0, 0], [10, 60])
    step = 0.004
    half = shapely.box(float(lon[0]) - step, float(lat[1]), float(lon[0]) + step, float(lat[0]))
    out = detect([str(path)], areas=[Area("edge", "port", None, half)], land=NO_LAND)
    assert out["looks"].to_pylist()[0]["usable_share"] == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("infrared", [True, False])
def test_a_high_resolution_picture_has_a_sane_path(tmp_path, infrared):
    """3 m, with and without infrared; 8-bit red, green, blue without names is what analysts have."""
    path = tmp_path / "planet_20240302.tif"
    write_port(
        path, np.random.default_rng(5), ships=[TrueHull(-150, 180, 160, 0.8), SHIP], pixel_m=3.0, corner=CORNER,
        size_m=SIZE, bands=("B02", "B03", "B04", "B08"), picture=not infrared,
    )  # fmt: skip
    out = detect([str(path)], land=NO_LAND, settings=DetectSettings(chips=False))
    scene = out["scenes"].to_pylist()[0]
    assert any("sought in means of 2 x 2" in n for n in scene["notes"])
    assert scene["usable_share"] > 0.95
    lengths = [r["length_m"] for r in out["detections"].to_pylist() if not r["alongside"] and r["probability"] > 0.3]
    assert any(abs(v - 160) < 30 for v in lengths), lengths


def test_coarser_pixels_are_means_and_keep_their_place(tmp_path):
    path = tmp_path / "sim_20240101.tif"
    write_port(path, np.random.default_rng(3), pixel_m=3.0, corner=CORNER, size_m=(300.0, 300.0))
    scene = open_scene(path)
    small = coarser(scene, 3)
    raw = scene.read("B08", 30, 60, 3, 3)
    assert small.read("B08", 10, 20, 1, 1)[0, 0] == pytest.approx(raw.mean(), rel=1e-6)
    assert np.allclose(small.geo.lonlat([10.5], [20.5]), scene.geo.lonlat([31.5], [61.5]))
    assert small.mean_pixel_m == pytest.approx(3 * scene.mean_pixel_m)


@pytest.mark.parametrize("suffix", [".png", ".jp2"])
def test_pictures_without_georeference_take_berths_in_pixels(tmp_path, suffix):
    path = tmp_path / f"sim_20240302T010203{suffix}"
    size = (1600.0, 1200.0)
    write_port(path, np.random.default_rng(7), ships=[TrueHull(0, 20, 220)], corner=None, size_m=size, picture=True)
    middle, c, s = np.array(size) / 20, np.cos(QUAY_TURN), np.sin(QUAY_TURN)

    def ring(along):
        corners = [(along, -5), (along + 28, -5), (along + 28, 0.2), (along, 0.2), (along, -5)]
        return [(middle + np.array([u * c - w * s, u * s + w * c])).tolist() for u, w in corners]

    features = [
        {
            "type": "Feature",
            "properties": {"name": name, "kind": "berth", "part_of": "Port", "pixels": True},
            "geometry": {"type": "Polygon", "coordinates": [ring(along)]},
        }
        for name, along in (("full", -14), ("empty", 30))
    ]
    file = tmp_path / "berths.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    out = detect(
        [str(path)], areas=read_areas(file), land=NO_LAND, settings=DetectSettings(sensor="optical", pixel_m=10.0)
    )
    state = {r["berth"]: r for r in out["berth_states"].to_pylist()}
    assert state["full"]["p_occupied"] > 0.5 > state["empty"]["p_occupied"]
    assert state["full"]["ship_length_m"] == pytest.approx(220, abs=60)
    looks = {r["berth"]: r for r in out["looks"].to_pylist()}
    assert looks["empty"]["vessel_present"] is False
    assert looks["empty"]["start"].isoformat() == "2024-03-02T01:02:03+00:00"


def test_boxes_are_an_interval_because_tiers_are_not_seen():
    """One tier of tight rows and three tiers of loose ones both fit 1,000 m2."""
    middle, low, high = boxes(1000.0, 0.01)
    assert low == pytest.approx(0.7 * 1000 / (6.06 * 2.44), rel=0.1)
    assert high == pytest.approx(0.97 * 3 * 1000 / (6.06 * 2.44), rel=0.1)
    assert low < middle < high


def case_with_scenes(folder):
    """The starter case with outlines for its port and pier, a yard, and four simulated scenes."""
    places = json.loads((folder / "places.geojson").read_text())
    rings = port_areas(CORNER, SIZE)
    outline = {k: {"type": "Polygon", "coordinates": [[list(p) for p in r]]} for k, r in rings.items()}
    for item in places["features"]:
        if item["properties"]["place"] == "Port Alpha":
            around = shapely.union_all([shapely.Polygon(r) for r in rings.values()]).envelope.buffer(0.0005)
            item["geometry"] = json.loads(shapely.to_geojson(around))
        if item["properties"]["place"] == "Port Alpha pier 1":
            item["geometry"] = outline["berth"]
            pier = item["properties"]
    yard = {**pier, "place": "Port Alpha yard", "kind": "depot", "part_of": "Port Alpha pier 1"}
    places["features"].append({"type": "Feature", "properties": yard, "geometry": outline["yard"]})
    (folder / "places.geojson").write_text(json.dumps(places))
    settings = folder / "case.toml"
    settings.write_text(settings.read_text() + "\n[imagery]\nosm = false\n")
    (folder / "scenes").mkdir()
    rng = np.random.default_rng(2)
    for day in range(1, 5):
        write_port(
            folder / "scenes" / f"S2_202503{day:02d}T020000.tif", rng, ships=[TrueHull(0, 16, 170)] if day == 2 else [],
            stacks=[STACK] if day == 3 else [], pixel_m=5.0, corner=CORNER, size_m=SIZE,
        )  # fmt: skip
    (folder / "scenes" / "bad_20250305.tif").write_bytes(b"not an image")


def test_a_cases_scenes_feed_its_looks(tmp_case, tmp_path):
    import tumen

    case_with_scenes(tmp_case)
    study = tumen.open(tmp_case, store=tmp_path / "store")
    looks = [r for r in study.table("looks").to_pylist() if r["look_id"].startswith("S2_")]
    pier = {r["start"].day: r for r in looks if r["berth"] == "Port Alpha pier 1"}
    assert [pier[d]["vessel_present"] for d in range(1, 5)] == [False, True, False, False]
    assert [pier[d]["stack_present"] for d in range(1, 5)] == [False, False, True, False]
    assert all(r["origin"] == "simulated" and r["place"] == "Port Alpha" for r in looks)
    faults = [r["fault"] for r in study.table("scenes").to_pylist() if r["fault"]]
    assert len(faults) == 1
    assert "bad_20250305.tif: not readable" in faults[0]


def test_simulated_scenes_never_enter_a_real_case(tmp_path):
    path = tmp_path / "S2_20240101T020000.tif"
    write_port(path, np.random.default_rng(3), corner=CORNER, size_m=SIZE)
    ring = port_areas(CORNER, SIZE)["berth"]
    wkt = shapely.Polygon(ring).buffer(0.001).wkt
    places = tables.PLACES.build([{"place": "P", "kind": "port", "role": "other", "source_id": "s", "wkt": wkt}])
    kept = case_looks([path], places, {"osm": False}, simulated=True)
    assert kept["looks"].num_rows == 1
    refused = case_looks([path], places, {"osm": False}, simulated=False)
    assert [refused[n].num_rows for n in ("looks", "detections", "berth_states", "chips")] == [0, 0, 0, 0]
    assert "simulated scene in a real case" in refused["scenes"].to_pylist()[0]["fault"]


def test_a_bad_scene_is_named_by_the_run_and_the_rest_goes_on(tmp_case, tmp_path):
    from typer.testing import CliRunner

    from tumen.cli import app

    case_with_scenes(tmp_case)
    scenes = tmp_case / "scenes"
    rewritten(scenes / "S2_20250304T020000.tif", lambda raw: raw * 0, "blank_20250304T020000.tif")
    for day in (1, 3, 4):
        (scenes / f"S2_202503{day:02d}T020000.tif").unlink()
    made = CliRunner().invoke(app, ["run", str(tmp_case), "--store", str(tmp_path / "store"), "--no-brief"])
    assert made.exit_code == 1
    assert "bad_20250305.tif: not readable" in made.stderr
    assert "blank_20250304T020000.tif: no pixel holds data" in made.stderr
    assert "port visits" in made.stdout


def test_a_port_without_land_counts_every_ship_in_it(tmp_path):
    """Nobody can be told to lie alongside where no coast is known: a ship at the port's point is a ship in port."""
    from tumen.simulate.imagery import TrueShip, write_scene

    path = tmp_path / "sim_20240101.tif"
    ship = TrueShip(150.0, 150.0, 14.0, 2.3, 0.3, 60.0)
    write_scene(path, np.random.default_rng(4), 300, 300, corner=(150.0, 30.0), placed=[ship])
    lon, lat = open_scene(str(path)).geo.lonlat([150.0], [150.0])
    here = shapely.Point(float(lon[0]), float(lat[0]))
    places = tables.PLACES.build([{"place": "P", "kind": "port", "role": "other", "source_id": "s", "wkt": here.wkt}])
    look = case_looks([path], places, {"osm": False})["looks"].to_pylist()[0]
    assert look["vessel_present"] is True
    assert look["vessel_count"] == 1
    assert "no land known there" in look["note"]


def test_what_stands_in_a_berth_on_every_date_is_no_ship():
    """Three dates with a jetty alone, one with a ship beside it: only the ship is anew."""
    from tumen.imagery.alongside import changes
    from tumen.imagery.stacks import Window

    rng = np.random.default_rng(5)
    inside = np.zeros((24, 40), bool)
    inside[8:20, 4:36] = True
    windows = []
    for day in range(1, 6):
        data = rng.normal(-3, 0.05, (4, 24, 40)).astype(np.float32)
        data[:, :8] += 1.5  # the quay
        data[:, 8:20, 10:12] += 1.4  # a jetty
        if day == 3:
            data[:, 9:12, 16:32] += 1.2
        when = dt.datetime(2024, 1, day, tzinfo=dt.UTC)
        windows.append(Window("b", str(day), when, ("b",), data, np.ones((24, 40), bool), inside, 10.0))
    found = changes(windows)
    assert [c.references for c in found] == [4] * 5
    assert found[2].share == pytest.approx(48 / inside.sum(), rel=0.4)
    assert found[2].length_m == pytest.approx(160, abs=30)
    assert max(c.share for i, c in enumerate(found) if i != 2) < 0.02
    assert changes(windows[:3]) == [None, None, None]


def coast(path) -> Land:
    """The simulated port's quay as land of the case's own."""
    scene = open_scene(str(path))
    c, s = np.cos(QUAY_TURN), np.sin(QUAY_TURN)
    ends = [
        (along * c - inland * s, along * s + inland * c)
        for along, inland in ((-900, 0), (900, 0), (900, 900), (-900, 900))
    ]
    size = scene.mean_pixel_m
    lon, lat = scene.geo.lonlat(
        [(SIZE[0] / 2 + x) / size for x, _ in ends], [(SIZE[1] / 2 + y) / size for _, y in ends]
    )
    ring = [[float(a), float(b)] for a, b in zip(lon, lat, strict=True)]
    file = path.with_suffix(".geojson")
    file.write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "properties": {},
                        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
                    }
                ],
            }
        )
    )
    return Land(osm=False, files=(str(file),))


def rewritten(path, change, name):
    """A copy of a raster with its numbers changed and all else kept."""
    import rasterio

    with rasterio.open(path) as data:
        raw, profile, tags, names = data.read(), data.profile, data.tags(), data.descriptions
    out = path.with_name(name)
    with rasterio.open(out, "w", **profile) as made:
        made.write(change(raw))
        made.update_tags(**tags)
        for i, text in enumerate(names, 1):
            made.set_band_description(i, text)
    return out


def test_swapped_bands_are_named(tmp_path):
    path = tmp_path / "S2_20240101T020000.tif"
    write_port(path, np.random.default_rng(3), corner=CORNER, size_m=SIZE, pixel_m=5.0)
    land = coast(path)
    assert detect([str(path)], land=land)["scenes"].to_pylist()[0]["fault"] is None
    swapped = rewritten(path, lambda raw: raw[[4, 3, 2, 1, 0]], "S2_20240102T020000.tif")
    row = detect([str(swapped)], land=land)["scenes"].to_pylist()[0]
    assert "bands are swapped" in row["fault"]
    assert detect([str(path)], land=NO_LAND)["scenes"].to_pylist()[0]["fault"] is None
    row = detect([str(swapped)], land=NO_LAND)["scenes"].to_pylist()[0]  # no coastline to tell land from sea
    assert "bands are swapped" in row["fault"]


def test_lines_without_data_are_told_and_not_usable(tmp_path):
    path = tmp_path / "S2_20240101T020000.tif"
    write_port(path, np.random.default_rng(3), corner=CORNER, size_m=SIZE)

    def blank(raw):
        raw[:, 20:60] = 0
        return raw

    row = detect([str(rewritten(path, blank, "S2_20240102T020000.tif"))], land=NO_LAND)["scenes"].to_pylist()[0]
    assert "lines 20 to 59 hold no data in part or in all" in row["notes"]
    assert row["usable_share"] == pytest.approx(0.5, abs=0.02)


def test_areas_in_degrees_need_a_georeference(tmp_path):
    path = tmp_path / "picture_20240101.tif"
    write_port(path, np.random.default_rng(3), corner=None, size_m=SIZE)
    row = detect([str(path)], areas=areas(), land=NO_LAND)["scenes"].to_pylist()[0]
    assert row["fault"].endswith(
        'has no georeference, and the areas are in degrees, expected areas in pixels ("pixels": true)'
    )


def test_a_port_has_at_least_the_ships_of_its_berths(series):
    looks = {(r["start"].day, r["berth"]): r for r in series["looks"].to_pylist()}
    for day in (2, 3):
        assert looks[day, None]["vessel_present"] is True
        assert looks[day, None]["vessel_count"] >= 1
        assert looks[day, None]["length_m"] >= looks[day, "berth 1"]["length_m"] > 100
    assert looks[4, None]["vessel_present"] is False


def test_a_hull_of_which_a_part_was_marked_is_measured_whole_and_a_mole_is_not():
    """At a quay, 10 m pixels: a hull of 230 m of which 90 m were marked, and a mole of 600 m."""
    from tumen.imagery import judging
    from tumen.imagery.shape import Rectangle
    from tumen.imagery.surroundings import dry_run, ground

    data = np.zeros((7, 60, 120), np.float32)
    data[6] = 1
    data[5, :20] = 1  # land, as dry as the hull
    data[:5, :20] = 0.8
    data[:5, 20:23, 40:63] = 0.8  # the hull, touching it
    data[:5, 40:43, 20:80] = 0.8  # the mole
    seen = ground(data, 10.0)
    part = Rectangle(48.0, 21.5, 9.0, 3.0, 0.0)
    run = dry_run(part, seen)
    assert run == pytest.approx(23, abs=1.5)
    assert judging.length_m({"length": 9.0, "run": run}, 10.0) == pytest.approx(90 + 0.75 * 140, abs=15)
    assert judging.length_m({"length": 21.0, "run": run}, 10.0) == 210.0  # most of it was marked
    run = dry_run(Rectangle(40.0, 41.5, 9.0, 3.0, 0.0), seen)
    assert run * 10 > judging.SHIP_M
    assert judging.length_m({"length": 9.0, "run": run}, 10.0) == 90.0
    across = dry_run(Rectangle(48.0, 21.5, 3.0, 3.0, np.pi / 2), seen)
    assert across == pytest.approx(3, abs=1)
