"""Looking into a case's own scene: tiles, outlines where the ships are, lengths on the ground, a marking as a sighting."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs the web extra")
pytest.importorskip("rasterio", reason="needs the imagery extra")
pytest.importorskip("shapely", reason="needs the imagery extra")

from PIL import Image
from starlette.testclient import TestClient

from tumen.simulate.imagery import TrueShip
from tumen.web.app import create_app
from tumen.web.live import Live
from web_world import case_with_scene


@pytest.fixture(scope="module")
def world(_starter: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Live, list[TrueShip]]:
    """The starter case with a berth and one simulated scene over it."""
    folder = tmp_path_factory.mktemp("scene") / "case"
    truth = case_with_scene(_starter, folder)
    live = Live(folder)
    assert live.compute().faults == ()
    return live, truth


@pytest.fixture(scope="module")
def client(world: tuple[Live, list[TrueShip]]) -> Iterator[TestClient]:
    app = create_app(world[0], token="local-token")
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as made:
        yield made


@pytest.fixture(scope="module")
def scene(client: TestClient) -> dict[str, Any]:
    return dict(client.get("/images.json").json()["scenes"][0])


def test_tiles_of_every_level_fit_the_scene(client: TestClient, scene: dict[str, Any]) -> None:
    for level, last in ((9, 1), (8, 0), (0, 0)):
        for at in {0, last}:
            answer = client.get(f"/scene/{scene['evidence_id']}/{level}/{at}_{at}.png")
            assert answer.status_code == 200
            size = Image.open(io.BytesIO(answer.content)).size
            assert size == ((256, 256) if (level, at) == (9, 0) else (144, 144) if level == 9 else (200, 200) if level == 8 else (1, 1))  # fmt: skip
    for wrong in ("10/0_0", "9/2_0", "9/0_99"):
        assert client.get(f"/scene/{scene['evidence_id']}/{wrong}.png").status_code == 404
    assert client.get("/scene/nothing/9/0_0.png").status_code == 404


def test_outlines_lie_over_the_ships_and_the_berth(client: TestClient, scene: dict[str, Any], world: Any) -> None:
    made = client.get(f"/scene/{scene['evidence_id']}/outlines.json").json()
    assert {"Berth 1", "Port Alpha"} <= {a["name"] for a in made["areas"]}
    assert made["ships"]
    for ship in made["ships"]:
        centre = np.mean(ship["points"], axis=0)
        near = min(world[1], key=lambda t: np.hypot(t.x - centre[0], t.y - centre[1]))
        assert np.hypot(near.x - centre[0], near.y - centre[1]) < 4
        sides = np.hypot(*np.diff([*ship["points"], ship["points"][0]], axis=0).T)
        assert abs(max(sides) * 10 - ship["length_m"]) < 0.05 * ship["length_m"] + 1
        along = np.subtract(*np.array(ship["points"])[[0, 3]])
        if ship["length_m"] > 60:
            turn = (np.degrees(np.arctan2(along[1], along[0]) - near.angle) + 90) % 180 - 90
            assert abs(turn) < 20


def test_a_line_is_as_long_as_on_the_ground(client: TestClient, scene: dict[str, Any]) -> None:
    made = client.get(f"/scene/{scene['evidence_id']}/line.json?x1=180&y1=200&x2=220&y2=200").json()
    assert abs(made["length_m"] - 400) < 2
    assert abs(made["heading_deg"] - 90) < 1
    assert (made["place"], made["berth"]) == ("Port Alpha", "Berth 1")
    for wrong in ("x1=1", "x1=a&y1=1&x2=1&y2=1", "x1=nan&y1=1&x2=1&y2=1", "x1=1e9&y1=1&x2=1&y2=1"):
        assert client.get(f"/scene/{scene['evidence_id']}/line.json?{wrong}").status_code == 400


def test_the_viewer_shows_what_was_found_and_that_it_is_simulated(client: TestClient, scene: dict[str, Any]) -> None:
    text = client.get(f"/images/{scene['evidence_id']}").text
    assert "SIMULATED IMAGE" in text
    assert "2025-01-20 20:00" in text
    link = re.search(r'href="(/add/sighting\?[^"]+)"', text)
    assert link
    form = client.get(link[1].replace("&amp;", "&")).text
    assert re.search(r'name="length_m" value="\d+"', form)
    chips = client.get("/images.json").json()["chips"]
    assert client.get(f"/chip/{chips[0]['chip_id']}.png").headers["content-type"] == "image/png"
    assert client.get("/chip/nothing.png").status_code == 404
    assert client.get("/images/nothing").status_code == 404


def test_a_scene_at_night_is_dated_by_the_local_day(client: TestClient, scene: dict[str, Any]) -> None:
    local = client.get(f"/images/{scene['evidence_id']}.json").json()["local"]["Port Alpha"]
    assert local == {"date": "2025-01-21", "time": "05:00"}  # 20:00 UTC on the 20th


def test_a_scene_that_is_gone_says_so(world: tuple[Live, list[TrueShip]], scene: dict[str, Any]) -> None:
    live, _ = world
    path = live.folder / "scenes" / "SIMULATED-A.tif"
    aside = path.with_suffix(".gone")
    path.rename(aside)
    try:
        with TestClient(create_app(live, token="t"), base_url="http://127.0.0.1") as fresh:
            answer = fresh.get(f"/scene/{scene['evidence_id']}/9/0_0.png")
            assert answer.status_code == 404
            assert "Traceback" not in answer.text
    finally:
        aside.rename(path)
