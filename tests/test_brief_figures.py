"""Drawings can be read by the colour-blind, are whole SVG, and follow any route."""

from __future__ import annotations

import datetime as dt
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from brief_world import World, about
from tumen.brief import make_brief
from tumen.brief.figures import canvas, land, route_map
from tumen.brief.figures.canvas import GROUNDS, TEXT_COLOURS, Canvas, Scale, log_ticks, ticks, time_axis


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio of WCAG 2.2."""
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("ink", TEXT_COLOURS)
def test_words_in_drawings_keep_contrast(ink: str, ground: str) -> None:
    assert contrast(ink, ground) >= 4.5


def test_words_of_the_page_keep_contrast() -> None:
    style = (Path(canvas.__file__).parents[1] / "templates" / "style.css").read_text()
    named = dict(
        part.split(":")
        for part in style[style.index("{") + 1 : style.index("}")].split(";")
        if part.startswith("--") and "#" in part
    )
    for ink in ("--ink", "--soft", "--accent", "--given", "--returned", "--owed"):
        assert contrast(_full(named[ink]), "#ffffff") >= 4.5, ink
    for ink, ground in (
        ("#ffffff", "#12283a"),
        ("#c9d6e0", "#12283a"),
        ("#1c2126", "#ffd84d"),
        ("#1c2126", "#fff8f3"),
        ("#59626b", "#f3f5f6"),
    ):
        assert contrast(ink, ground) >= 4.5


def _full(colour: str) -> str:
    return colour if len(colour) == 7 else "#" + "".join(c * 2 for c in colour[1:])


def _seen_by_deuteranope(colour: str) -> np.ndarray:
    """Viénot, Brettel and Mollon 1999."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]) ** 2.2
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    blind = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    return np.clip(np.linalg.inv(to_lms) @ blind @ to_lms @ rgb, 0, 1) ** (1 / 2.2)


def test_colours_that_stand_side_by_side_differ_for_the_colour_blind() -> None:
    pairs = [(canvas.BLUE, canvas.VERMILION), (canvas.VERMILION, canvas.PURPLE), (canvas.BLUE, canvas.PURPLE)]
    for a, b in pairs:
        assert np.linalg.norm(_seen_by_deuteranope(a) - _seen_by_deuteranope(b)) > 0.15, (a, b)


def test_every_drawing_is_well_formed_and_says_what_it_shows(tmp_path: Path) -> None:
    world = World()
    files = make_brief(world.tables, about(), world.evidence, tmp_path, made_by=world.made_by())[1:]
    assert {p.name for p in files} >= {"gap.en.svg", "map.en.svg", "sankey.en.svg", "front.en.svg", "trades.en.svg"}
    for path in files:
        root = ET.fromstring(path.read_text("utf-8"))
        space = "{http://www.w3.org/2000/svg}"
        assert root.find(f"{space}title").text
        assert root.find(f"{space}desc").text
        assert not list(root.iter(f"{space}a"))  # on a slide there is nothing to lead to
        _, _, width, height = (float(v) for v in root.get("viewBox").split())
        assert "nan" not in path.read_text("utf-8")
        for rect in root.iter(f"{space}rect"):
            if rect.get("x"):
                assert -1 <= float(rect.get("x")) <= width + 1
        assert height > 60


def test_land_is_clipped_to_the_window_wherever_it_lies() -> None:
    for window in ((126, 38, 136, 46), (-80, 20, -70, 30), (50, 20, 60, 30)):
        rings = land.land(*window)
        assert rings
        points = np.concatenate(rings)
        assert points[:, 0].min() >= window[0] - 1e-9
        assert points[:, 0].max() <= window[2] + 1e-9
        assert points[:, 1].min() >= window[1] - 1e-9
        assert points[:, 1].max() <= window[3] + 1e-9
    assert land.land(-150, -20, -149, -19.5) == [] or len(land.land(-150, -20, -149, -19.5)) < 5


def test_najin_lies_on_the_coast() -> None:
    # Within a quarter of a degree of Najin there is both land and sea.
    rings = land.land(130.05, 42.05, 130.5, 42.45)
    area = sum(abs(np.dot(r[:, 0], np.roll(r[:, 1], 1)) - np.dot(r[:, 1], np.roll(r[:, 0], 1))) / 2 for r in rings)
    assert 0.1 < area / (0.45 * 0.4) < 0.9


def test_another_route_needs_no_new_code() -> None:
    spots = [
        route_map.Spot("Bandar Abbas", "Bandar Abbas", 27.18, 56.27, "origin", 4, "a", "t"),
        route_map.Spot("Aden", "Aden", 12.8, 45.0, "destination", 2, "b", "t"),
    ]
    text = route_map.draw("m", "Map", "A map", spots, [route_map.Leg("Bandar Abbas", "Aden", 5.0, "a", "tip")])
    root = ET.fromstring(text)
    # Rings of sightings and round ports; the port where cargo lands is square.
    assert sum(1 for _ in root.iter("{http://www.w3.org/2000/svg}circle")) >= 3
    assert sum(1 for _ in root.iter("{http://www.w3.org/2000/svg}rect")) >= 1
    assert "Bandar Abbas" in text


@pytest.mark.parametrize(
    ("start", "end", "named"),
    [
        (dt.date(2023, 1, 2), dt.date(2025, 12, 29), ["2023", "2024", "2025"]),
        (dt.date(2022, 12, 26), dt.date(2025, 12, 29), ["2023", "2024", "2025"]),
        (dt.date(2023, 8, 1), dt.date(2025, 12, 1), ["2024", "2025", "2023"]),
        (dt.date(2025, 1, 1), dt.date(2025, 12, 1), ["2025", "2025-04", "2025-07", "2025-10"]),
    ],
)
def test_years_of_an_axis_are_named_once_and_short_charts_name_quarters(
    start: dt.date, end: dt.date, named: list[str]
) -> None:
    canvas = Canvas("a", 600, 100, "", "")
    time_axis(canvas, Scale(start.toordinal(), end.toordinal(), 50, 550), start, end, 0, 80)
    assert re.findall(r">([\d-]+)</text>", canvas.svg()) == named


def test_scales_and_ticks() -> None:
    assert ticks(0, 10, 5) == [0, 2, 4, 6, 8, 10]
    assert log_ticks(1, 100) == [1, 2, 5, 10, 20, 50, 100]
    scale = Scale(1, 100, 0, 200, log=True)
    assert scale(10) == pytest.approx(100)
    assert Scale(0, 1, 0, 10).clipped(3) == 10


def test_land_that_crosses_the_date_line_is_land_on_both_sides_and_sea_nowhere() -> None:
    from matplotlib.path import Path as Outline

    def dry(lon: float, lat: float, window: tuple[float, float, float, float]) -> bool:
        return sum(Outline(ring).contains_point((lon, lat)) for ring in land.land(*window)) % 2 == 1

    west, east = (150.0, 55.0, 180.0, 75.0), (-180.0, 55.0, -160.0, 72.0)
    assert dry(170.0, 67.0, west)  # Chukotka
    assert not dry(165.0, 71.5, west)  # East Siberian Sea
    assert dry(-175.0, 66.8, east)  # Chukotka beyond the line
    assert not dry(-178.0, 60.0, east)  # Bering Sea
    # The coarse world holds the same continents, and only the ring round the South Pole turns back.
    broken = [ring for ring in land.outline() if np.abs(np.diff(ring[:, 0])).max() > 20]
    assert len(broken) == 1
    assert broken[0][:, 1].max() < -60
