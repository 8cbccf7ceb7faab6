"""Pages of the PDF: no item of a list and no row of a table stands alone at the foot or the head of a page.

The template's own functions are set at every height of a page, and Typst is asked on which page each item came to stand.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumen.brief.pdf import MOST_TIED, ties_of

typst = pytest.importorskip("typst", reason="needs the pdf extra")

# As a brief of a case opens the template: its language, fonts and running head.
SETTINGS = """#let lang = "en"
#let body-font = ("Libertinus Serif",)
#let running = "running head"
#let as-of = "as of a day"
#let simulated = none
"""
MARK = "#metadata(none)<mark>"
PAGES = "#context [#metadata(query(<mark>).map(m => m.location().page()))<pages>]"


def pages(tmp_path: Path, body: str, above_mm: float) -> list[int]:
    """The page of each mark in a body that begins so far down the first page."""
    template = resources.files("tumen.brief").joinpath("templates/brief.typ").read_text("utf-8")
    main = tmp_path / "main.typ"
    main.write_text(f"{SETTINGS}{template}\n#block(height: {above_mm}mm)\n{body}\n{PAGES}", "utf-8")
    found: Any = json.loads(typst.query(str(main), "<pages>", field="value", one=True))
    return [int(page) for page in found]


def alone(found: list[int]) -> bool:
    """Whether one item stands apart from all others of its list on a page."""
    return any(found.count(page) == 1 for page in set(found))


@pytest.mark.parametrize("above_mm", range(190, 252, 4))
def test_no_item_of_a_list_stands_alone(tmp_path: Path, above_mm: int) -> None:
    words = "Shipments stop on a day, and the guns lose a part of their fire in the year after. " * 2
    items = ", ".join(f"[{words}{MARK}]" for _ in range(6))
    found = pages(tmp_path, f"#bullets({items})", above_mm)
    assert len(found) == 6
    assert not alone(found), found


def test_a_list_may_go_on_over_the_page(tmp_path: Path) -> None:
    """What is kept together are its ends: a long list is not pushed whole to the next page."""
    items = ", ".join(f"[an item of one line{MARK}]" for _ in range(12))
    seen = {tuple(pages(tmp_path, f"#bullets({items})", mm)) for mm in (200, 215)}
    assert any(len(set(found)) == 2 for found in seen)


def test_a_heading_stays_with_the_list_below_it(tmp_path: Path) -> None:
    for above_mm in range(215, 252, 3):
        found = pages(tmp_path, f"= Heading{MARK}\n#bullets([one{MARK}], [two{MARK}], [three{MARK}])", above_mm)
        assert found[0] == found[1] == found[2], (above_mm, found)


@pytest.mark.parametrize("above_mm", range(160, 250, 6))
def test_rows_of_one_group_stay_on_one_page(tmp_path: Path, above_mm: int) -> None:
    first = ["a", "", "", "b", "", "c", "d", "e", "", ""]
    ties = ties_of([not name for name in first])
    cells = ", ".join(f"[{name}{MARK}], [a sign that moved it]" for name in first)
    table = f'#rows((1fr, 2fr), (left, left), ([Way], [Sign]), ({cells}), ({", ".join(map(str, ties))},), "Caption", none, false, false)'
    found = pages(tmp_path, table, above_mm)
    assert len(found) == len(first)
    row = 0
    for count in ties:
        assert len(set(found[row : row + count])) == 1, (ties, found)
        row += count
    assert not alone(found), found


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_ties_cover_each_row_once_and_fit_a_page(goes_on: list[bool]) -> None:
    made = ties_of(goes_on)
    assert sum(made) == len(goes_on)
    assert all(1 <= n <= MOST_TIED for n in made)
    if len(goes_on) > 3 and not any(goes_on):
        assert made[0] == made[-1] == 2
