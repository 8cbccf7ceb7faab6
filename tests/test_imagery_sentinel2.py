"""Sentinel-2 products from file to detections: places and lengths of known ships, cloud, the archive's two levels."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

pytest.importorskip("rasterio", reason="needs the imagery extra")
pytest.importorskip("numba", reason="needs the imagery extra")

from sentinel2_product import WHEN, build
from tumen.imagery import DetectSettings, Land, detect
from tumen.imagery.geolocation import metres
from tumen.simulate.imagery import TrueHull

NO_LAND = Land(osm=False)
PLAIN = DetectSettings(chips=False)
# At sea, well clear of the quay and of each other: along it and off it (metres), length, turn.
SHIPS = [
    TrueHull(-900.0, 700.0, 110.0, 0.5), TrueHull(-300.0, 500.0, 160.0, -0.7), TrueHull(300.0, 900.0, 220.0, 1.2),
    TrueHull(800.0, 450.0, 290.0, 0.1), TrueHull(100.0, 1100.0, 140.0, 2.2),
]  # fmt: skip


def nearest(rows: list[dict], place: tuple[float, float]) -> tuple[dict, float]:
    off = [float(np.hypot(*metres(*place, r["lon"], r["lat"]))) for r in rows]
    return rows[int(np.argmin(off))], min(off)


@pytest.mark.parametrize(
    ("level", "offset", "packed"), [("L2A", -1000, False), ("L2A", 0, True), ("L1C", -1000, False)]
)
def test_ships_of_a_safe_product_are_placed_and_measured(level, offset, packed, tmp_path):
    path, truth = build(tmp_path, SHIPS, level, offset)
    if packed:
        target = tmp_path / f"{path.stem}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(path.rglob("*")):
                archive.write(file, file.relative_to(tmp_path))
        path = target
    out = detect([str(path)], land=NO_LAND, settings=PLAIN)
    scene = out["scenes"].to_pylist()[0]
    assert scene["fault"] is None
    assert (scene["sensor"], scene["mode"]) == ("Sentinel-2", level)
    assert scene["start"].replace(microsecond=0) == WHEN
    rows = out["detections"].to_pylist()
    assert len(rows) == len(SHIPS)
    off, lengths, held = [], [], []
    for ship, place in zip(SHIPS, truth, strict=True):
        row, away = nearest(rows, place)
        assert away < 40, f"{ship.length_m:.0f} m: nearest {away:.0f} m away"
        off.append(away / row["position_sd_m"])
        lengths.append(row["length_m"] - ship.length_m)
        held.append(abs(lengths[-1]) <= 2 * row["length_sd_m"])
    # Two coordinates, each with the stated deviation: the root mean square of the distance is 1.4 of it.
    assert np.sqrt(np.mean(np.square(off))) < 1.4 * 1.5
    assert all(held)
    assert np.mean(np.abs(lengths)) < 25


def test_cloud_of_the_classification_hides_ships_and_lowers_the_usable_share(tmp_path):
    """The half of the scene in which the second ship lies is cloud: no detection there, and the share says so."""
    path, truth = build(tmp_path, SHIPS, cloud=(slice(0, 300), slice(0, 150)))
    out = detect([str(path)], land=NO_LAND, settings=PLAIN)
    assert out["scenes"].to_pylist()[0]["usable_share"] == pytest.approx(0.5, abs=0.03)
    geo_x = [p[0] for p in truth]
    rows = out["detections"].to_pylist()
    hidden = [p for p in truth if p[0] < sorted(geo_x)[1] + 1e-9]
    assert len(hidden) == 2
    for place in hidden:
        assert nearest(rows, place)[1] > 100
    assert nearest(rows, truth[3])[1] < 40


def test_a_band_that_is_missing_or_cut_is_told(tmp_path):
    path, _ = build(tmp_path, SHIPS)
    infrared = next(path.rglob("*B11*.jp2"))
    infrared.unlink()
    row = detect([str(path)], land=NO_LAND, settings=PLAIN)["scenes"].to_pylist()[0]
    assert row["fault"] is None
    assert "B11 is missing" in row["notes"]
    blue = next(path.rglob("*B02*.jp2"))
    blue.write_bytes(blue.read_bytes()[: blue.stat().st_size // 3])
    row = detect([str(path)], land=NO_LAND, settings=PLAIN)["scenes"].to_pylist()[0]
    assert row["fault"]
    assert "\n" not in row["fault"]
    assert str(path) in row["fault"]
