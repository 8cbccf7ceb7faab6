"""The starter case with a berth and one simulated scene over it, for tests that look into images."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

CORNER, SIDE = (149.98, 30.02), 400


def case_with_scene(starter: Path, folder: Path) -> list[Any]:
    """Copy the starter case to `folder` and give it a scene; the ships that are truly in it."""
    from tumen.simulate.imagery import write_scene

    shutil.copytree(starter, folder)
    path = folder / "places.geojson"
    places = json.loads(path.read_text(encoding="utf-8"))
    for feature in places["features"]:
        if feature["properties"]["place"] == "Port Alpha":
            feature["properties"]["berths"] = 3  # the scene shows more ships in port than the route alone would bring
    ring = [[149.99, 29.99], [150.01, 29.99], [150.01, 30.01], [149.99, 30.01], [149.99, 29.99]]
    about = {"kind": "berth", "part_of": "Port Alpha", "role": "origin", "country": "XA", "utc_offset_hours": 9, "position_quality": "invented", "source": ["invented-map"]}  # fmt: skip
    places["features"].append({"type": "Feature", "properties": {"place": "Berth 1", **about}, "geometry": {"type": "Polygon", "coordinates": [ring]}})  # fmt: skip
    path.write_text(json.dumps(places), encoding="utf-8")
    (folder / "scenes").mkdir()
    when = dt.datetime(2025, 1, 20, 20, 0, tzinfo=dt.UTC)
    return write_scene(folder / "scenes" / "SIMULATED-A.tif", np.random.default_rng(5), SIDE, SIDE, ships=3, when=when, corner=CORNER)  # fmt: skip
