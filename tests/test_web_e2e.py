"""The work of a day in headless Chromium, over the small case of `tumen new`, with the network closed.

Follow a figure to its evidence, search, look at the map, add a sighting, see the page update by
itself, turn a prior, talk about a figure; and axe-core finds nothing serious on any page.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the web extra")
pytest.importorskip("playwright.sync_api", reason="needs playwright")

from playwright import sync_api

from tumen.web import people
from tumen.web.app import create_app
from tumen.web.database import Database
from tumen.web.edit import ADDABLE
from tumen.web.live import Live
from tumen.web.pages import PAGES
from tumen.web.request import LANGUAGE
from web_world import Served, case_with_scene

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
GOOD = "correct-horse-battery"
ITEMS = {"why": "/rounds", "table": "/visits", "search": "?q=alpha"}
PATHS = ["/" if p.name == "overview" else f"/{p.name}{ITEMS.get(p.name, '')}" for p in PAGES]
# No graphics card is asked for, and no name but this machine's own resolves.
FLAGS = [
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]  # fmt: skip
# Patience for a computation on a loaded machine; nothing is asserted of time.
PATIENCE_MS = 240_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Starts the browser with flags of the caller's choice."""
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is absent, and CI=true says that it must be there")
        pytest.skip("needs chromium")
    with sync_api.sync_playwright() as playwright:
        yield lambda flags: playwright.chromium.launch(executable_path=CHROMIUM, args=flags)


@pytest.fixture(scope="module")
def browser(chromium: Any) -> Iterator[Any]:
    made = chromium(FLAGS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def live(_starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("e2e") / "case"
    shutil.copytree(_starter, folder)
    made = Live(folder)
    assert made.compute().faults == ()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def served(live: Live) -> Iterator[Served]:
    made = Served(create_app(live))
    yield made
    made.stop()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that keeps what went wrong: script errors, and requests to anywhere else."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(path=str(AXE))
    made = context.new_page()
    made.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda m: wrong.append(m.text) if m.type == "error" and "status of 4" not in m.text else None)
    made.on(
        "request",
        lambda r: wrong.append(r.url) if not r.url.startswith(("http://127.0.0.1:", "data:", "blob:")) else None,
    )
    yield made
    context.close()
    assert wrong == []


def serious(page: Any) -> list[tuple[str, str]]:
    """What axe-core finds on the page as it stands that is serious or critical."""
    result = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        (v["id"], v["nodes"][0]["html"][:160]) for v in result["violations"] if v["impact"] in ("serious", "critical")
    ]


def holds(page: Any) -> None:
    """A page as it stands has nothing serious, and fits, on a desk and on a phone."""
    before = page.viewport_size
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert serious(page) == [], (page.url, width)
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.evaluate(wide), (page.url, width)
    page.set_viewport_size(before)


def test_a_days_work(page: Any, served: Served, live: Live) -> None:
    expect = sync_api.expect
    page.goto(served.url)
    figure = page.locator("#figure-rounds")
    before = figure.locator("b").inner_text()
    figure.locator("a").first.click()
    expect(page.locator("h1")).to_contain_text("rounds")
    expect(page.locator(".tree li").first).to_contain_text("figure")

    page.fill("#q", "Invented Star")
    page.press("#q", "Enter")
    page.wait_for_url("**/search?q=*")
    assert page.locator(".plain li").count() > 0

    page.goto(f"{served.url}/map")
    page.wait_for_selector("#map[data-ready]")
    assert int(page.get_attribute("#map", "data-bins") or 0) > 0
    page.locator("#map-list button").first.click()
    assert page.locator("#map-list a").first.get_attribute("href").startswith("/why/")
    everything = page.inner_text("#shown")
    page.locator("#to").evaluate("(s) => { s.value = 1; s.dispatchEvent(new Event('input')); }")
    page.wait_for_function("(was) => document.querySelector('#shown').textContent !== was", arg=everything)

    # A colleague keeps the overview open while a sighting is written.
    watching = page.context.new_page()
    watching.goto(served.url)
    version = live.state.version
    page.goto(f"{served.url}/add/sighting")
    for name, text in {"id": "e2e-1", "date": "2025-02-02", "text": "Invented Star alongside"}.items():
        page.fill(f"form.stack [name={name}]", text)
    page.locator("form.stack summary").click()
    for name, text in {"place": "Port Alpha", "vessel": "Invented Star", "simulated": "yes"}.items():
        page.fill(f"form.stack [name={name}]", text)
    for name, choice in {"what": "vessel", "state": "berthed", "known_by": "direct"}.items():
        page.select_option(f"form.stack [name={name}]", choice)
    page.fill("form.stack [name=source]", "invented-survey")
    page.click("text=Check and show the change")
    expect(page.locator("[role=alert]")).to_contain_text("sightings.csv:")
    holds(page)
    page.select_option("form.stack [name=named]", "named")
    page.click("text=Check and show the change")
    assert "+e2e-1" in page.inner_text("pre.diff")
    assert "e2e-1" not in (live.folder / "sightings.csv").read_text(encoding="utf-8")
    page.click("text=Write it to the case")
    expect(page.locator("h1")).to_have_text("Written")
    assert "e2e-1" in (live.folder / "sightings.csv").read_text(encoding="utf-8")
    while live.state.version == version:
        watching.wait_for_timeout(100)
    watching.wait_for_function("(text) => document.querySelector('main').innerText.includes(text)", arg="3 sightings")
    watching.close()

    # A prior turned: the two answers side by side, and the text untouched until it is told.
    loading = (live.folder / "loading.toml").read_text(encoding="utf-8")
    page.goto(f"{served.url}/cargo")
    knob = page.locator(".knobs input[type=range]").first
    knob.evaluate(
        "(s) => { s.value = (Number(s.value) + Number(s.max)) / 2; s.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    expect(page.locator(".knobs output.moved")).to_have_count(1)
    page.click("text=Compare")
    page.wait_for_selector("#turned table")
    holds(page)
    rounds = page.locator("#turned tr", has_text=re.compile("^rounds")).first.locator("td")
    assert rounds.nth(0).inner_text() != rounds.nth(1).inner_text()
    page.click("text=Save to the case")
    page.wait_for_selector("#save pre.diff")
    assert (live.folder / "loading.toml").read_text(encoding="utf-8") == loading
    assert before


@pytest.mark.parametrize("width", [1280, 375, 320])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_pages_hold_on_desktop_and_phone(page: Any, served: Served, lang: str, width: int) -> None:
    """Every page and every form with all that folds open, in both languages; on the narrowest in a dark scheme."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if width == 320 else "light")
    page.context.add_cookies([{"name": LANGUAGE, "value": lang, "url": served.url}])
    found, wide = [], []
    for path in [*PATHS, *(f"/add/{kind}" for kind in ADDABLE)]:
        page.goto(served.url + path)
        page.wait_for_load_state("load")
        assert page.get_attribute("html", "lang") == lang
        page.evaluate("document.querySelectorAll('main details').forEach((d) => { d.open = true; })")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(path)
        found += [(path, *one) for one in serious(page)]
    assert found == []
    assert wide == []


def test_people_talk_about_a_figure(page: Any, live: Live, tmp_path: Path) -> None:
    expect = sync_api.expect
    database = Database(tmp_path / "people.sqlite")
    people.add_person(database, "mina", GOOD, "analyst", moderator=True)
    served = Served(create_app(live, database=database))
    try:
        page.goto(served.url)
        holds(page)
        page.fill("[name=name]", "mina")
        page.fill("[name=password]", "wrong-wrong-wrong")
        page.press("[name=password]", "Enter")
        expect(page.locator("[role=alert]")).to_contain_text("name or password is wrong")
        page.fill("[name=name]", "mina")
        page.fill("[name=password]", GOOD)
        page.press("[name=password]", "Enter")
        talk = page.locator("#talk-figure-rounds")
        talk.locator("summary").first.click()
        expect(talk).to_contain_text("No comments yet")
        talk.locator("textarea").fill("Is <b>rail</b> in this?")
        talk.locator("text=Post").click()
        expect(talk.locator(".comments li")).to_contain_text("Is <b>rail</b> in this?")
        talk.locator("summary", has_text="Change").click()
        talk.locator("details textarea").first.fill("Is rail in this too?")
        talk.locator("text=Save").click()
        expect(talk.locator(".by")).to_contain_text("edited")
        talk.locator("form").last.locator("textarea").evaluate(
            "(t) => { t.removeAttribute('maxlength'); t.value = 'x'.repeat(300); }"
        )
        talk.locator("text=Post").click()
        expect(talk.locator("[role=alert]")).to_contain_text("300 characters")
        talk.locator("summary", has_text="Moderate").click()
        holds(page)
        talk.locator("text=Hide").last.click()
        expect(talk).to_contain_text("Hidden under the standard")
        page.goto(f"{served.url}/audit")
        holds(page)
        page.goto("about:blank")
    finally:
        served.stop()


def test_a_what_if_from_a_row_to_its_answer(page: Any, served: Served, live: Live) -> None:
    expect = sync_api.expect
    before = {p.name: p.read_bytes() for p in live.folder.iterdir() if p.is_file()}
    page.goto(f"{served.url}/search?q=e2e")
    row = live.state.study.case.sightings[0]  # type: ignore[union-attr]
    page.goto(f"{served.url}/why/{row.evidence_id}")
    page.locator("a", has_text="it is withdrawn").click()
    expect(page.locator(".supposed li")).to_have_count(1)
    page.fill("input[type=search][name=find]", "boxes per voyage")
    page.press("input[type=search][name=find]", "Enter")
    found = page.locator(".found > li").first
    found.locator("[name='v.median']").fill("300")
    found.locator("[name='v.median']").press("Enter")
    expect(page.locator(".supposed li")).to_have_count(2)
    page.locator("button", has_text="Compute the answer").click()
    page.wait_for_selector("section.answer table")
    holds(page)
    cells = page.locator("section.answer tr", has_text=re.compile("^containers")).first.locator("td")
    assert cells.nth(0).inner_text() != cells.nth(1).inner_text()
    page.go_back()
    expect(page.locator(".supposed li")).to_have_count(1)
    assert {p.name: p.read_bytes() for p in live.folder.iterdir() if p.is_file()} == before


def test_two_browsers_change_one_row_and_both_pages_follow(browser: Any, page: Any, served: Served, live: Live) -> None:
    expect = sync_api.expect
    path = live.folder / "claims.csv"
    before = path.read_text(encoding="utf-8")
    name = live.state.study.case.claims[0].id  # type: ignore[union-attr]
    other = browser.new_context().new_page()
    other.set_default_timeout(PATIENCE_MS)
    watching = browser.new_context().new_page()
    watching.set_default_timeout(PATIENCE_MS)
    try:
        for one in (page, other):
            one.goto(f"{served.url}/edit/claim/{name}")
        watching.goto(f"{served.url}/search?q={name}")
        other.fill("[name=note]", "said by the other")
        other.click("text=Check and show the change")
        assert "+" in other.inner_text("pre.diff")
        other.click("text=Write it to the case")
        expect(other.locator("h1")).to_have_text("Written")
        page.fill("[name=label]", "a label of mine")
        page.fill("[name=note]", "said by me")
        page.click("text=Check and show the change")
        expect(page.locator("[role=alert]")).to_contain_text(
            "yours is 'said by me', now it stands as 'said by the other'"
        )
        assert page.input_value("[name=note]") == "said by me"
        holds(page)
        page.fill("[name=note]", "said by both")
        page.click("text=Check and show the change")
        page.click("text=Write it to the case")
        expect(page.locator("h1")).to_have_text("Written")
        text = path.read_text(encoding="utf-8")
        assert "said by both" in text
        assert "a label of mine" in text
        watching.wait_for_function(
            "(text) => document.querySelector('main').innerText.includes(text)", arg="a label of mine"
        )
    finally:
        other.context.close()
        watching.context.close()
        path.write_text(before, encoding="utf-8")
        while live.state.study.case.claims[0].note == "said by both":  # type: ignore[union-attr]
            time.sleep(0.1)


@pytest.fixture
def imaged(_starter: Path, tmp_path: Path) -> Iterator[Served]:
    """A served case with a scene of its own."""
    pytest.importorskip("rasterio", reason="needs the imagery extra")
    case_with_scene(_starter, tmp_path / "case")
    live = Live(tmp_path / "case")
    assert live.compute().faults == ()
    made = Served(create_app(live))
    yield made
    made.stop()


def test_looking_into_an_image_with_and_without_a_mouse(page: Any, imaged: Served) -> None:
    page.goto(f"{imaged.url}/images")
    holds(page)
    page.locator(".chips a").first.click()
    page.wait_for_selector("#viewer[data-ready]")
    holds(page)
    page.locator("#measure").focus()
    page.keyboard.press("Enter")
    page.locator(".over-image").focus()
    for key in ("Shift+ArrowRight", "Shift+ArrowRight", "Space", "ArrowLeft"):
        page.keyboard.press(key)
    assert re.search(r"about [0-9]+ m", page.inner_text("#told"))
    page.keyboard.press("Enter")
    page.wait_for_selector("#as-sighting")
    by_keys = page.inner_text("#told")
    box = page.locator("#viewer").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 420, box["y"] + 240)
    page.mouse.up()
    page.wait_for_function(
        "(was) => !!document.querySelector('#as-sighting') && document.querySelector('#told').innerText !== was",
        arg=by_keys,
    )
    page.locator("#as-sighting").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/add/sighting?*")
    assert page.input_value("[name=date]")
    holds(page)
    page.goto("about:blank")


def test_a_day_without_a_mouse(page: Any, served: Served) -> None:
    page.goto(served.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.goto(f"{served.url}/network")
    page.wait_for_selector("#network[data-ready]")
    page.locator("#network a").first.focus()
    assert page.locator("#network path.dim").count() > 0
    page.keyboard.press("Enter")
    page.wait_for_url("**/why/**")
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(served.url)
    assert not page.locator("#pages").is_visible()
    page.locator("#menu").focus()
    page.keyboard.press("Enter")
    assert page.locator("#pages").is_visible()
    assert page.get_attribute("#menu", "aria-expanded") == "true"


def test_a_browser_without_webgl_gets_the_same_map(served: Served, chromium: Any) -> None:
    bare = chromium(["--no-sandbox", "--disable-3d-apis", *FLAGS[4:]])
    page = bare.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.goto(f"{served.url}/map")
    assert not page.evaluate("!!document.createElement('canvas').getContext('webgl2')")
    page.wait_for_selector("#map[data-ready]")
    count = """() => { const c = document.querySelector('#map canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data,
        seen = {}; for (let i = 0; i < d.length; i += 4) { const k = `${d[i]},${d[i + 1]},${d[i + 2]}`; seen[k] = (seen[k] ?? 0) + 1; } return seen; }"""
    colours = page.evaluate(count)
    assert colours == {"223,233,240": sum(colours.values())}, "the invented ports lie in the open sea"
    assert page.locator("#map-list button").count() > 0
    # The marks are gathered anew when the map comes closer or is dragged away from them.
    marks = int(page.get_attribute("#map", "data-bins") or 0)
    assert marks > 0
    box = page.locator("#map").bounding_box()
    for _ in range(6):
        page.mouse.move(box["x"] + 500, box["y"] + 300)
        page.mouse.down()
        page.mouse.move(box["x"] + 20, box["y"] + 20, steps=4)
        page.mouse.up()
    page.wait_for_function("(was) => +document.querySelector('#map').dataset.bins < was", arg=marks)
    for _ in range(9):
        page.get_by_role("button", name="Farther").click()
    page.wait_for_function("() => +document.querySelector('#map').dataset.bins > 0")
    page.wait_for_function(f"() => ({count})()['246,243,236'] > 1000")  # land comes into view
    assert errors == []
    bare.close()


def test_a_page_opened_before_the_first_answer_shows_it(page: Any, tmp_case: Path) -> None:
    live = Live(tmp_case)
    served = Served(create_app(live))
    try:
        page.goto(f"{served.url}/map")
        assert "Computing the first answer" in page.inner_text("main")
        live.start()
        page.wait_for_selector("#map[data-ready]")
    finally:
        page.goto("about:blank")
        live.stop()
        served.stop()
