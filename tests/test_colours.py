"""Colours that carry a meaning stay apart for eyes with two kinds of cones, or a form or pattern says the same.

Simulation: Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB. Distance: CIEDE2000, after Sharma, Wu
and Dalal (2005), whose own pair is checked first. The palettes are read from the code that draws with them.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from tumen.brief.figures import canvas, route_map
from tumen.brief.figures import front as drawing
from tumen.brief.sections import front

STATIC = Path(__file__).resolve().parents[1] / "src" / "tumen" / "web" / "static"
SEEN = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# One just sees a distance of 1 side by side; marks that lie apart on a page need several times that.
APART = 12.0


def lab(colour: str, seen: str = "normal") -> np.ndarray:
    """CIE L*a*b* (D65) of '#rrggbb' as an eye sees it."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(SEEN[seen]) @ linear, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ linear / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: np.ndarray, two: np.ndarray) -> float:
    """CIEDE2000."""
    (l1, a1, b1), (l2, a2, b2) = one, two
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean**7 / (mean**7 + 25.0**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, (1 + g) * a1)) % 360, np.degrees(np.arctan2(b2, (1 + g) * a2)) % 360
    dl, dc = l2 - l1, c2 - c1
    turn = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    lm, cm = (l1 + l2) / 2, (c1 + c2) / 2
    hm = h1 + h2 if c1 * c2 == 0 else (h1 + turn / 2) % 360
    t = 1 - 0.17 * _cos(hm - 30) + 0.24 * _cos(2 * hm) + 0.32 * _cos(3 * hm + 6) - 0.20 * _cos(4 * hm - 63)
    sl = 1 + 0.015 * (lm - 50) ** 2 / np.sqrt(20 + (lm - 50) ** 2)
    sc, sh = 1 + 0.045 * cm, 1 + 0.015 * cm * t
    bend = -2 * np.sqrt(cm**7 / (cm**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((hm - 275) / 25) ** 2))))
    return float(np.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + bend * dc / sc * dh / sh))


def _cos(degrees: float) -> float:
    return float(np.cos(np.radians(degrees)))


def nearest(colours: dict[str, str]) -> dict[tuple[str, str], float]:
    """For each pair, its least distance over all kinds of eyes."""
    return {
        (a, b): min(distance(lab(colours[a], s), lab(colours[b], s)) for s in SEEN)
        for a, b in itertools.combinations(colours, 2)
    }


def test_the_distance_is_that_of_its_authors() -> None:
    assert distance(np.array([50, 2.6772, -79.7751]), np.array([50, 0, -82.7485])) == pytest.approx(2.0425, abs=1e-4)
    assert distance(np.array([50, 2.5, 0]), np.array([73, 25, -18])) == pytest.approx(27.1492, abs=1e-4)


# Pairs that meet in one drawing of the brief with nothing but their colour to tell them apart.
ALONE = [
    ("given and returned", canvas.BLUE, canvas.VERMILION),
    ("given and owed", canvas.BLUE, canvas.PURPLE),
    ("returned and owed", canvas.VERMILION, canvas.PURPLE),
    ("claim and estimate", canvas.VERMILION, canvas.BLUE),
    ("both sides at the front", canvas.VERMILION, canvas.BLUE),
    ("port of loading and other places", route_map.COLOUR["origin"], route_map.COLOUR["other"]),
]


@pytest.mark.parametrize(("what", "one", "two"), ALONE, ids=[a[0] for a in ALONE])
def test_colours_of_the_brief_stay_apart(what: str, one: str, two: str) -> None:
    assert min(distance(lab(one, s), lab(two, s)) for s in SEEN) >= APART


def test_what_is_near_in_the_brief_has_a_form_or_pattern_of_its_own() -> None:
    """Ports where cargo lands are square; the front without the shipments is a dashed line."""
    near = nearest({"lands": route_map.COLOUR["destination"], "other": route_map.COLOUR["other"]})
    assert min(near.values()) < APART
    drawn = canvas.Canvas("probe", 40, 40, "probe", "probe")
    route_map._dot(drawn, 10, 10, 4, "destination")
    route_map._dot(drawn, 30, 10, 4, "other")
    text = drawn.svg()
    assert "<rect" in text
    assert "<circle" in text
    assert min(nearest({"with": canvas.VERMILION, "without": front.OCHRE}).values()) < APART
    weeks, ups, colour = [dt.date(2024, 1, 1), dt.date(2024, 1, 8)], [1.0, 2.0], canvas.VERMILION
    lines = [drawing.Series("a", weeks, ups, ups, ups, colour, dashed, "e1", "") for dashed in (False, True)]
    svg = drawing.draw("probe", "probe", "probe", lines, "a day", "en")
    assert svg.count("stroke-dasharray") == 1


def _list(name: str, file: str) -> list[str]:
    text = (STATIC / file).read_text(encoding="utf-8")
    found = re.search(rf"const {name} = (\[.*?\]);\n", text, re.S)
    assert found, name
    return re.findall(r"\[[^\[\]]*\]|\"[^\"]*\"", found[1][1:-1])


def test_lines_of_a_chart_differ_in_pattern_where_their_colours_are_near() -> None:
    colours = [c.strip('"') for c in _list("COLOURS", "workbench.js")]
    dashes = _list("DASHES", "workbench.js")
    assert len(dashes) == len(colours)
    assert len(set(dashes)) == len(dashes)
    assert [p for p, d in nearest(dict(enumerate(colours))).items() if d < APART]  # type: ignore[arg-type]


def test_kinds_on_the_map_differ_in_form() -> None:
    text = (STATIC / "map.js").read_text(encoding="utf-8")
    colours = dict(
        re.findall(r"(\w+): \"(#[0-9a-f]{6})\"", text[text.index("const COLOURS") : text.index("const FORMS")])
    )
    forms = dict(re.findall(r"(\w+): \"(\w+)\"", text[text.index("const FORMS") : text.index("const OTHER")]))
    assert set(colours) == set(forms)
    for (one, two), apart in nearest(colours).items():
        assert apart >= APART or forms[one] != forms[two], (one, two)


def test_marks_of_the_timeline_and_lines_of_the_network_stay_apart() -> None:
    text = (STATIC / "workbench.css").read_text(encoding="utf-8")
    named = dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", text))
    ticks = {k: named[v] for k, v in re.findall(r"\.tick\.(\w+) \{ fill:var\(--(\w+)\)", text)}
    assert len(ticks) == 3
    assert min(nearest(ticks).values()) >= APART
    lines = {}
    for kind, rule in re.findall(r"#network path\.([\w-]+) \{ ([^}]*)\}", text):
        stroke = re.search(r"stroke:(?:var\(--(\w+)\)|(#[0-9a-f]{6}))", rule)
        if stroke:
            lines[kind] = (
                named[stroke[1]] if stroke[1] else stroke[2],
                "dasharray" in rule,
                rule.split("dasharray:")[-1],
            )
    assert len(lines) >= 6
    for (one, two), apart in nearest({k: v[0] for k, v in lines.items()}).items():
        assert apart >= APART or lines[one][1:] != lines[two][1:], (one, two)
