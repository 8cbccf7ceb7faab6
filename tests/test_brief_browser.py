"""The brief in a browser: axe-core finds nothing, nothing is asked of any host, words and numbers open on touch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="needs playwright")

from playwright import sync_api

from brief_world import World, about
from tumen.brief import make_brief

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
# No host is known: the network is closed.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
PATIENCE_MS = 120_000
# So many entries of the evidence are looked at; the others have the same form.
ENTRIES = 40

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, world = tmp_path_factory.mktemp("brief"), World()
    return {
        lang: make_brief(
            world.tables, about(lang), world.evidence, folder, lang, made_by=world.made_by(), figures=False
        )[0]
        for lang in ("en", "ko")
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_MS)
        yield made
        made.close()


def opened(browser: Any, path: Path, width: int) -> tuple[Any, list[str]]:
    """The page, and the addresses other than its own that it asked for."""
    page = browser.new_page(viewport={"width": width, "height": 800}, bypass_csp=True)
    page.set_default_timeout(PATIENCE_MS)
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
    page.goto(path.as_uri())
    return page, asked


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_axe_finds_nothing_and_nothing_is_asked_for(
    browser: Any, pages: dict[str, Path], lang: str, width: int
) -> None:
    page, asked = opened(browser, pages[lang], width)
    page.evaluate("document.querySelectorAll('.fold').forEach(f => f.open = true)")
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    page.evaluate(AXE.read_text("utf-8"))
    assert violations(page) == []
    assert asked == []
    page.close()


@pytest.mark.parametrize("width", [320, 375, 1280])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_axe_finds_nothing_in_the_real_brief_and_it_fits(
    browser: Any, najin_pages: dict[str, Path], lang: str, width: int
) -> None:
    """On a phone in a dark scheme too; of the evidence's hundreds of like entries, the first are looked at."""
    page, asked = opened(browser, najin_pages[lang], width)
    page.emulate_media(color_scheme="dark" if width == 320 else "light")
    page.evaluate("document.querySelectorAll('.fold').forEach(f => f.open = true)")
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    page.evaluate(
        f"document.querySelectorAll('#evidence .why').forEach((e, i) => i < {ENTRIES} ? e.open = true : e.remove())"
    )
    page.evaluate(AXE.read_text("utf-8"))
    assert violations(page) == []
    page.locator("#answer a.fig").first.click()
    assert violations(page, "#panel") == []
    assert asked == []
    page.close()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_what_is_wider_than_a_phone_says_so_and_moves_by_keys(
    browser: Any, najin_pages: dict[str, Path], lang: str
) -> None:
    page, _ = opened(browser, najin_pages[lang], 320)
    wide = page.locator("main > section:not(:has(.fold)) .drawing")
    moved = 0
    for box in wide.all():
        if not box.evaluate("e => e.scrollWidth > e.clientWidth"):
            continue
        assert box.get_attribute("tabindex") == "0"
        assert box.get_attribute("aria-label")
        hint = box.locator("xpath=preceding-sibling::p[@class='swipe']")
        sync_api.expect(hint).to_be_visible()
        box.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("e => e.scrollLeft > 0", arg=box.element_handle())
        moved += 1
    assert moved >= 4
    page.close()


def violations(page: Any, where: str = "") -> list[tuple[str, str]]:
    """What axe-core finds against WCAG 2.2 AA, in the page or in a part of it."""
    rules = "{ resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }"
    found = page.evaluate(f"axe.run({repr(where) if where else 'document'}, {rules})")["violations"]
    return [(v["id"], v["nodes"][0]["html"][:120]) for v in found]


def test_the_first_picture_is_whole_on_a_phone(browser: Any, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["en"], 360)
    drawn = page.evaluate("document.querySelector('#figure-gap svg').getBoundingClientRect().width")
    assert drawn <= 360
    page.close()


def test_a_number_opens_its_evidence_and_a_word_its_meaning(browser: Any, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["en"], 1280)
    page.locator("#answer a.fig").first.click()
    panel = page.locator("#panel")
    sync_api.expect(panel).to_be_visible()
    assert panel.locator("#panel-body a").count() > 0
    page.keyboard.press("Escape")
    page.locator("a.term").first.focus()
    sync_api.expect(page.locator("#word")).to_be_visible()
    page.close()


def test_an_address_in_the_annex_opens_its_fold(browser: Any, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["en"], 1280)
    fold = page.locator("#sources .fold")
    assert fold.get_attribute("open") is None
    page.locator(".contents a[href='#sources']").click()
    sync_api.expect(fold).to_have_attribute("open", "")
    page.close()


def test_print_shows_every_annex(browser: Any, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["en"], 1280)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("[...document.querySelectorAll('.fold')].every(f => f.open)")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.evaluate("[...document.querySelectorAll('.fold')].some(f => f.open)")
    page.close()
