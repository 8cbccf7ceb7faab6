"""The brief is built from tables alone, traces every number, and holds nothing that reaches out."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from brief_world import World, about
from tumen.brief import BriefError, make_brief
from tumen.brief.blocks import Number
from tumen.brief.page import _environment, check, fig
from tumen.brief.trace import Trace
from tumen.brief.words import Words
from tumen.evidence import Node
from tumen.tables import TABLES


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def written(world: World, tmp: Path, lang: str = "en", subject=None, **changes) -> str:
    tables = {**world.tables, **changes}
    tables = {k: v for k, v in tables.items() if v is not None}
    subject = subject or about(lang)
    page = make_brief(tables, subject, world.evidence, tmp, lang, made_by=world.made_by(), figures=False)[0]
    return page.read_text("utf-8")


class Attributes(HTMLParser):
    """Every address that a browser would load or follow, and every id."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        if given.get("id"):
            self.ids.append(given["id"] or "")
        for name, value in given.items():
            if name in ("src", "srcset", "poster", "data", "action", "background", "xlink:href"):
                self.loads.append(value or "")
            if name == "href":
                (self.links if tag == "a" else self.loads).append(value or "")


def read(text: str) -> Attributes:
    found = Attributes()
    found.feed(text)
    return found


def test_the_first_paragraph_answers_with_figures_and_intervals(world: World, tmp_path: Path) -> None:
    text = written(world, tmp_path)
    first = re.search(r'<p id="answer-1"[^>]*>(.*?)</p>', text, re.S)
    assert first
    words = re.sub(r"<[^>]+>", "", first[1])
    assert words.startswith("Russia still owes North Korea $7.6 billion ($3.9–12.6 billion)")
    assert "Priced otherwise, the debt would be" in words  # the yardstick of value, at once
    second = re.search(r'<p id="answer-3"[^>]*>(.*?)</p>', text, re.S)
    assert second
    assert "5.4 million rounds (4.1–7.0 million)" in re.sub(r"<[^>]+>", "", second[1])


def test_a_number_without_evidence_is_refused_by_name(world: World, tmp_path: Path) -> None:
    rows = world.tables["headline"].to_pylist()
    rows[3] |= {"evidence_id": None, "why": ""}
    import pyarrow as pa

    bare = pa.Table.from_pylist(rows, schema=world.tables["headline"].schema)
    with pytest.raises(BriefError, match="'rounds' has no evidence id"):
        written(world, tmp_path, headline=bare)
    assert not list(tmp_path.iterdir())


def test_evidence_that_does_not_resolve_is_refused(world: World, tmp_path: Path) -> None:
    lost = world.tables["balance"].to_pylist()[-1]["evidence_id"]
    with pytest.raises(BriefError, match=lost):
        make_brief(
            world.tables,
            about(),
            lambda why: None if why == lost else world.evidence(why),
            tmp_path,
            made_by=world.made_by(),
        )


def test_draws_whose_maker_is_not_known_are_refused(world: World, tmp_path: Path) -> None:
    tables = {k: v for k, v in world.tables.items() if k != "headline"}
    with pytest.raises(BriefError, match="does not resolve"):
        make_brief(tables, about(), world.evidence, tmp_path)


def test_a_bare_number_cannot_be_printed() -> None:
    template = _environment().from_string("{{ n }}")
    with pytest.raises(BriefError, match="number 3"):
        template.render(n=3.5)
    with pytest.raises(BriefError, match="no evidence id"):
        _environment().from_string("{{ n | fig }}").render(n=12)
    with pytest.raises(BriefError, match="no evidence id"):
        Number("12", 12.0, "")
    with pytest.raises(BriefError, match="carries no evidence"):
        Words("en").say("checks.none", count=12)  # type: ignore[arg-type]
    assert 'data-why="abc"' in fig(Number("12", 12.0, "abc"))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('<data value="7">7</data>', "carries no evidence"),
        ('<data value="7" data-why="x">7</data>', "not in the brief"),
        ('<svg><a data-why="x"></a></svg>', "not in the brief"),
    ],
)
def test_the_page_is_checked_after_it_is_written(text: str, wrong: str) -> None:
    with pytest.raises(BriefError, match=wrong):
        check(text)
    check(
        text.replace("<data value", '<p id="why-x"></p><data data-why="x" value')
        if "data-why" not in text
        else text + ' <p id="why-x">'
    )


def test_every_number_leads_to_an_entry_and_ids_are_unique(world: World, tmp_path: Path) -> None:
    text = written(world, tmp_path)
    found = read(text)
    assert len(found.ids) == len(set(found.ids))
    numbers = re.findall(r'<data value="[^"]*" data-why="([^"]*)"', text)
    assert len(numbers) > 60
    assert {f"why-{n}" for n in numbers} <= set(found.ids)
    inside = [link[1:] for link in found.links if link.startswith("#")]
    assert set(inside) <= set(found.ids)


def test_nothing_is_loaded_from_anywhere(world: World, tmp_path: Path) -> None:
    text = written(world, tmp_path)
    found = read(text)
    assert all(load.startswith("data:") for load in found.loads)
    assert "default-src 'none'" in text
    style = "".join(re.findall(r"<style>(.*?)</style>", text, re.S))
    assert all(address.startswith("data:") for address in re.findall(r"url\(([^)]*)\)", style))
    assert "@import" not in style
    script = "".join(re.findall(r"<script>(.*?)</script>", text, re.S))
    assert not re.search(r"fetch\(|XMLHttpRequest|https?:|import\(", script)
    assert found.tags.count("script") == 1
    assert "iframe" not in found.tags
    assert len(text.encode()) < 3_000_000
    assert {link for link in found.links if not link.startswith("#")} == {"https://example.org/a"}


def test_script_in_a_source_title_is_text(world: World, tmp_path: Path) -> None:
    rows = world.tables["sources"].to_pylist()
    evil = '</script><script>alert(1)</script>"><img src=x onerror=alert(2)>'
    rows[0] |= {"title": evil, "url": "javascript:alert(3)", "why": evil}
    from tumen.tables import SOURCES

    node = world.nodes["source:s-1"]
    nodes = {**world.nodes, "source:s-1": replace(node, label=evil, url="javascript:alert(3)", detail={"why": evil})}
    tables = {**world.tables, "sources": SOURCES.build(rows)}
    page = make_brief(tables, about(), nodes.get, tmp_path, made_by=world.made_by(), figures=False)[0]
    text = page.read_text("utf-8")
    found = read(text)
    assert found.tags.count("script") == 1
    assert "onerror=alert" not in re.sub(r"&lt;.*?&gt;", "", text)
    assert not [link for link in found.links if link.startswith("javascript")]


def test_a_place_with_markup_in_its_name_is_text_in_drawings(world: World, tmp_path: Path) -> None:
    rows = world.tables["places"].to_pylist()
    rows[3]["place"] = "<b onclick='x'>&"
    from tumen.tables import PLACES

    text = written(world, tmp_path, places=PLACES.build(rows))
    assert "<b onclick" not in text
    assert "&lt;b onclick" in text


@pytest.mark.parametrize(
    "gone",
    ["front", "balance", "claims_compared", "trades", "redlines", "options", "collect", "looks", "places", "visits", "voyages", "sources", "diagnostics", "headline", "flows", "origins", "claims", "sightings"],
)  # fmt: skip
def test_a_part_without_its_table_is_left_out_and_said_so(gone: str, world: World, tmp_path: Path) -> None:
    text = written(world, tmp_path, **{gone: None})
    optional = {"origins", "claims", "sightings", "visits"}
    if gone not in optional:
        reason = Words("en").text(f"missing.why.{gone}")
        assert f": {reason}." in re.sub(r"<[^>]+>", "", text)
    section = {"front": "front", "balance": "account", "claims_compared": "claims", "looks": "calendar"}.get(gone)
    if section:
        assert f'<section id="{section}"' not in text


def test_nothing_but_the_case_still_makes_a_brief_that_says_what_is_missing(tmp_path: Path) -> None:
    page = make_brief({}, about(), lambda why: None, tmp_path, made_by={})[0]
    text = page.read_text("utf-8")
    assert "this brief gives no answer" in text
    assert "<data" not in text


def test_as_of_stands_on_the_page(world: World, tmp_path: Path) -> None:
    subject = replace(about(), as_of=dt.date(2024, 3, 1))
    assert "As known on 1 March 2024" in written(world, tmp_path, subject=subject)


def test_simulated_data_say_so_on_every_page_and_real_data_do_not(world: World, tmp_path: Path) -> None:
    text = written(world, tmp_path)
    assert "SIMULATED DATA" in text
    assert 'class="simulated-mark"' in text
    assert "position:fixed" in text  # the mark is repeated on each printed page
    real = written(world, tmp_path, subject=about(simulated=False))
    assert "SIMULATED DATA" not in real
    assert 'class="simulated-mark"' not in real


def test_failed_checks_are_named_before_anything_leans_on_them(world: World, tmp_path: Path) -> None:
    text = written(world, tmp_path)
    assert "claims agree" in text
    assert text.index('<section id="checks"') < text.index('<section id="map"')
    assert "effective sample size" not in text[: text.index('<section id="evidence"')]


def test_paragraphs_and_figures_can_be_commented(world: World, tmp_path: Path) -> None:
    first, again = written(world, tmp_path), written(world, tmp_path)
    anchors = re.findall(r'id="([^"]+)" data-comment-anchor', first)
    assert len(anchors) > 30
    assert "figure-map" in anchors
    assert first == again


def test_what_the_brief_sums_up_leads_on_to_what_it_was_summed_from() -> None:
    nodes = {"a": Node("a", "computation", "count")}
    trace = Trace(nodes.get)
    why = trace.make("a sum", ["a"])
    trace.cite(why, "the sum")
    assert [n.id for n in trace.nodes()] == [why, "a"]
    with pytest.raises(BriefError, match="does not resolve"):
        trace.make("a sum", ["b"])


def test_an_unknown_language_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(BriefError, match="'fr'"):
        make_brief(world.tables, about(), world.evidence, tmp_path, "fr")


def test_a_reader_never_meets_half_a_page(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(world, tmp_path)

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        make_brief(world.tables, about(), world.evidence, tmp_path, made_by=world.made_by())
    monkeypatch.undo()
    assert (tmp_path / "brief.en.html").read_text("utf-8") == before
    assert [p.name for p in tmp_path.iterdir()] == ["brief.en.html"]


def test_chips_are_shown_with_place_day_and_length(world: World, tmp_path: Path) -> None:
    from tumen.tables import CHIPS, DETECTIONS

    made = World()
    made.put(
        "detections",
        [
            {"detection_id": "d1", "scene_id": "s", "place": "Najin", "time": dt.datetime(2024, 1, 9, 2, tzinfo=dt.UTC),
             "sensor": "Sentinel-2", "x": 1.0, "y": 1.0, "length_m": 118.0, "length_sd_m": 6.0, "probability": 0.9}
        ],
    )  # fmt: skip
    made.put(
        "chips", [{"chip_id": "c1", "scene_id": "s", "subject": "d1", "png": b"\x89PNG\r\n", "window_sha256": "x"}]
    )
    assert made.tables["chips"].schema == CHIPS.schema
    assert made.tables["detections"].schema == DETECTIONS.schema
    page = make_brief(made.tables, about(), made.evidence, tmp_path, made_by=made.made_by(), figures=False)[0]
    text = page.read_text("utf-8")
    assert 'src="data:image/png;base64,iVBORw0K"' in text
    assert "Najin, 9 January 2024. Sentinel-2." in re.sub(r"<[^>]+>", "", text)
    assert "118 m" in text
    assert 'alt="Image of Najin, 9 January 2024."' in text


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_two_days_stand_side_by_side(lang: str, world: World, tmp_path: Path) -> None:
    earlier = {name: world.tables[name] for name in ("headline", "trades", "redlines")}
    rows = earlier["redlines"].to_pylist()
    rows[0]["state"] = "open" if rows[0]["state"] != "open" else "near"
    earlier["redlines"] = TABLES["redlines"].build(rows)
    before = (dt.date(2024, 3, 1), earlier)
    page = make_brief(
        world.tables, about(lang), world.evidence, tmp_path, lang, made_by=world.made_by(), figures=False, before=before
    )[0].read_text("utf-8")
    part = page[page.index('<section id="since"') : page.index('<section id="map"')]
    told = re.sub(r"<[^>]+>", "", part)
    assert ("1 March 2024" if lang == "en" else "2024년 3월 1일") in told
    assert ("No redline" if lang == "en" else "상태가 바뀐 레드라인은 없다") not in told
    assert part.count("<data") >= 2 * 8
