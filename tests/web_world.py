"""What tests of the workbench share: a running server, and the starter case with a scene of its own."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

CORNER, SIDE = (149.98, 30.02), 400


class Served:
    """An application on a free port of loopback."""

    def __init__(self, app: Any) -> None:
        import uvicorn

        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        """End it."""
        self._server.should_exit = True
        self._thread.join(10)


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
