"""Finding ships: simulated radar scenes with known truth, real ports and chips, berths and looks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading

import numpy as np
import pytest

pytest.importorskip("rasterio", reason="needs the imagery extra")
pytest.importorskip("numba", reason="needs the imagery extra")

from tumen import engine
from tumen.imagery import DetectSettings, Land, case_looks, detect
from tumen.imagery.areas import read_areas
from tumen.imagery.clutter import EDGES, survival, tails
from tumen.imagery.shape import rectangle
from tumen.simulate.imagery import clutter, write_scene

NO_LAND = Land(osm=False)


def test_families_reach_their_own_rate():
    """One exact case: an exponential (gamma of one look) exceeds -ln(p) with probability p."""
    assert survival("gamma", 1.0, np.array([-np.log(1e-5)]), 1.0)[0] == pytest.approx(1e-5, rel=1e-9)


@pytest.mark.parametrize("kind", ["gamma", "k", "weibull", "lognormal"])
def test_each_clutter_is_known_and_its_tail_followed(kind):
    """The family is told from a histogram, also with a share of ships in it, and the threshold holds its rate."""
    rng = np.random.default_rng(5)
    u = clutter(rng, kind, (1500, 1500)).ravel().astype(float)
    ships = rng.uniform(8, 30, 60)
    histogram = np.histogram(np.concatenate([u, ships]), EDGES)[0]
    (fit,) = tails(histogram[None], 4.4)
    assert fit.family == kind or (kind, fit.family) == ("gamma", "k")  # K of little texture is gamma
    assert 0.5 < (u > fit.at(1e-4)).mean() / 1e-4 < 2
    assert tails(histogram[None] // 10_000, 4.4)[0].family == "k"  # too few to tell: speckle and mild texture


def test_rectangle_finds_a_turned_bar():
    y, x = np.mgrid[0:80, 0:80]
    angle = np.radians(30)
    along = (x + 0.5 - 40) * np.cos(angle) + (y + 0.5 - 40) * np.sin(angle)
    across = -(x + 0.5 - 40) * np.sin(angle) + (y + 0.5 - 40) * np.cos(angle)
    yy, xx = np.nonzero((np.abs(along) < 20) & (np.abs(across) < 3))
    r = rectangle(xx, yy)
    assert (r.x, r.y) == pytest.approx((40, 40), abs=0.7)
    assert r.length == pytest.approx(40, abs=2)
    assert np.degrees(r.angle) == pytest.approx(30, abs=2)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = tmp_path_factory.mktemp("sim") / "sim_20000101T000000.tif"
    truth = write_scene(path, np.random.default_rng(4), 1500, 1300, ships=16, corner=(150.0, 30.0))
    return path, truth


def test_simulated_ships_are_found_and_nothing_else(scene):
    path, truth = scene
    out = detect([str(path)], land=NO_LAND, settings=DetectSettings(chips=False))
    found = np.array([[r["x"], r["y"]] for r in out["detections"].to_pylist()])
    strong = [t for t in truth if t.contrast > 6 and t.length_px > 5]
    assert len(strong) >= 5
    for ship in strong:
        assert np.hypot(found[:, 0] - ship.x, found[:, 1] - ship.y).min() < max(5, ship.length_px / 2), ship
    far = [f for f in found if min(np.hypot(f[0] - t.x, f[1] - t.y) for t in truth) > 25]
    assert len(far) <= 1
    assert out["scenes"].column("simulated")[0].as_py()


def test_search_is_repeatable(scene):
    path, _ = scene
    once, again = (
        detect([str(path)], land=NO_LAND, settings=DetectSettings(chips=False))["detections"] for _ in range(2)
    )
    assert once.equals(again)


def test_scenes_are_searched_alike_on_a_dask_cluster_that_loses_a_worker(scene, tmp_path):
    """Real worker processes; a task is the path of a scene on storage that all see, and none of its pixels."""
    distributed = pytest.importorskip("distributed")
    paths = [str(tmp_path / f"sim_2000010{day}T000000.tif") for day in range(1, 5)]
    for path in paths:
        shutil.copy(scene[0], path)
    alone = detect(paths, land=NO_LAND)
    assert alone["chips"].num_rows
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        killed = next(w.pid for w in cluster.workers.values() if w.pid)
        with engine.executor(dask=cluster.scheduler_address) as runner:
            threading.Timer(1.0, os.kill, (killed, signal.SIGKILL)).start()
            made = detect(paths, land=NO_LAND, executor=runner)
    assert {n: t.to_pylist() for n, t in made.items()} == {n: t.to_pylist() for n, t in alone.items()}


def test_false_alarms_keep_the_stated_rate(tmp_path):
    from tumen.imagery import sar
    from tumen.imagery.scene import open_scene

    path = tmp_path / "clutter.tif"
    write_scene(path, np.random.default_rng(8), 1600, 1600, ships=0, kind="k", polarisations=("VV",))
    seen = sar.search(open_scene(path), None, 1e-4, 4.4)
    rate = sum(b.cores for b in seen.blobs) / 1600**2
    assert 0.4e-4 < rate < 2.2e-4


def test_berths_in_pixels_full_and_empty(tmp_path):
    """Without georeference a berth is given in pixels; each gives a look, also the empty one."""
    import rasterio

    rng = np.random.default_rng(2)
    image = np.sqrt(clutter(rng, "gamma", (1, 512, 512), 8000)).astype(np.uint16)
    image[0, 200:205, 100:130] = 1800
    path = tmp_path / "20240302T010203.tif"
    with rasterio.open(path, "w", driver="GTiff", width=512, height=512, count=1, dtype="uint16") as out:
        out.write(image)
        out.set_band_description(1, "VV")
    box = lambda x, y: [[[x, y], [x + 50, y], [x + 50, y + 20], [x, y + 20], [x, y]]]  # noqa: E731
    features = [
        {
            "type": "Feature",
            "properties": {"name": n, "kind": "berth", "part_of": "Port", "pixels": True},
            "geometry": {"type": "Polygon", "coordinates": box(x, 192)},
        }
        for n, x in (("north", 90), ("south", 300))
    ]
    areas = tmp_path / "berths.geojson"
    areas.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    out = detect([str(path)], areas=read_areas(areas), land=NO_LAND, settings=DetectSettings(pixel_m=10.0))
    state = {r["berth"]: r for r in out["berth_states"].to_pylist()}
    assert state["north"]["p_occupied"] > 0.8
    assert state["south"]["p_occupied"] < 0.2
    assert 200 < state["north"]["ship_length_m"] < 400
    looks = {r["berth"]: r for r in out["looks"].to_pylist()}
    assert looks["south"]["vessel_present"] is False
    assert looks["south"]["usable_share"] == 1.0
    assert looks["north"]["start"].isoformat() == "2024-03-02T01:02:03+00:00"
    chips = {r["chip_id"]: r for r in out["chips"].to_pylist()}
    assert chips[state["south"]["chip_id"]]["png"].startswith(b"\x89PNG")


def test_real_chips_show_their_ship_at_the_centre(shared):
    folder = next((shared / "data/imagery/opensarship_s1_chips").glob("S1A_IW_GRDH_1SDV_20150902*"))
    ships = [
        s
        for s in json.loads((folder / "ships.json").read_text())["ships"]
        if int(s["AISShipInformation"]["Length"]) > 100
    ][:6]
    assert ships
    errors = []
    for ship in ships:
        out = detect(
            [str(folder / "chips" / ship["chip"])], land=NO_LAND, settings=DetectSettings(chips=False, pixel_m=10.0)
        )
        rows = out["detections"].to_pylist()
        assert rows, ship["chip"]
        middle = out["scenes"].to_pylist()[0]["width"] / 2
        nearest = min(rows, key=lambda r: np.hypot(r["x"] - middle, r["y"] - middle))
        assert np.hypot(nearest["x"] - middle, nearest["y"] - middle) < 10
        errors.append(abs(nearest["length_m"] - int(ship["AISShipInformation"]["Length"])))
    assert np.median(errors) < 45


@pytest.mark.parametrize("network", ["builtin", None])
def test_real_port_by_network_and_by_contrast(shared, network):
    path = next((shared / "data/imagery/sentinel2_ports").glob("casablanca*.tif"))
    labels = json.loads(path.with_name(path.stem + "_vessels.geojson").read_text())["features"]
    out = detect([str(path)], settings=DetectSettings(chips=False, network=network, min_probability=0.1))
    found = np.array([[r["x"], r["y"]] for r in out["detections"].to_pylist()])
    size = out["scenes"].column("pixel_m")[0].as_py()
    hit = 0
    for label in labels:
        p = label["properties"]
        x, y = p["bbox_xywh"][0] + p["bbox_xywh"][2] / 2, p["bbox_xywh"][1] + p["bbox_xywh"][3] / 2
        hit += np.hypot(found[:, 0] - x, found[:, 1] - y).min() < max(50, p["mask_length_m"] / 2) / size
    assert hit >= (0.55 if network else 0.3) * len(labels)
    assert len(found) < 200


def test_case_scenes_give_looks_of_a_port(shared):
    from tumen import tables

    places = tables.PLACES.build(
        [
            {"place": "Casablanca", "kind": "port", "role": "other", "lat": 33.606, "lon": -7.61, "source_id": "s",
             "wkt": "POLYGON ((-7.625 33.6, -7.59 33.6, -7.59 33.618, -7.625 33.618, -7.625 33.6))"},
        ]
    )  # fmt: skip
    pattern = shared / "data/imagery/sentinel2_ports/casablanca*.tif"
    out = case_looks([pattern], places, {"chips": False})
    looks = out["looks"].to_pylist()
    assert [r["place"] for r in looks] == ["Casablanca"]
    assert looks[0]["vessel_present"]
    assert looks[0]["vessel_count"] >= 1
    assert looks[0]["published"].isoformat() == "2023-04-27"
    with pytest.raises(ValueError, match="unknown setting"):
        case_looks([pattern], places, {"chipz": False})
