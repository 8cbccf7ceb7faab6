"""The workbench over a real case: every page and twin answers, forms write only what was shown, guards hold."""

from __future__ import annotations

import asyncio
import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

pytest.importorskip("starlette", reason="needs the web extra")

from starlette.routing import Route
from starlette.testclient import TestClient

from tumen.web import comments, pages, people
from tumen.web.app import COOKIE, create_app
from tumen.web.database import Database
from tumen.web.live import Live
from tumen.web.pages import PAGES

ROOT = Path(__file__).resolve().parents[1]
BASE = "http://127.0.0.1"
GOOD = "correct-horse-battery"
ITEMS = {"why": "/rounds", "table": "/visits"}
PATHS = ["/" if p.name == "overview" else f"/{p.name}{ITEMS.get(p.name, '')}" for p in PAGES]


@pytest.fixture(scope="module")
def live(chain_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Live:
    folder = tmp_path_factory.mktemp("web") / "najin"
    shutil.copytree(ROOT / "cases" / "najin", folder, ignore=shutil.ignore_patterns(".tumen"))
    made = Live(folder, store=chain_store)
    state = made.compute()
    assert state.faults == ()
    return made


@pytest.fixture
def client(live: Live) -> Iterator[TestClient]:
    with TestClient(create_app(live, token="local-token"), base_url=BASE, follow_redirects=False) as made:
        yield made


@pytest.fixture
def several(live: Live, tmp_path: Path) -> Iterator[TestClient]:
    database = Database(tmp_path / "people.sqlite")
    people.add_person(database, "mina", GOOD, "analyst", moderator=True)
    people.add_person(database, "joon", GOOD, "commenter")
    people.add_person(database, "ruth", GOOD, "reader")
    with TestClient(create_app(live, database=database), base_url=BASE, follow_redirects=False) as made:
        yield made


def enter(client: TestClient, name: str) -> str:
    """Sign in; returns the form token of the session."""
    client.cookies.clear()
    answer = client.post("/sign-in", data={"name": name, "password": GOOD})
    assert answer.status_code == 303, answer.text
    found = re.search(r'data-csrf="([^"]+)"', client.get("/").text)
    assert found
    return found[1]


# --- pages ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_every_page_answers_and_fetches_nothing_from_elsewhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "<h1" in answer.text
    loads = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]+)"', answer.text)
    assert loads
    assert all(url.startswith(("/", "data:")) and not url.startswith("//") for url in loads)


@pytest.mark.parametrize("path", [p for p in PATHS if p != "/"])
def test_every_page_has_its_twin(client: TestClient, path: str) -> None:
    data = client.get(f"{path}.json").json()
    assert data["version"] >= 1
    assert len(data) > 2


def test_the_description_says_what_each_twin_gives(client: TestClient) -> None:
    from tumen.web.openapi import ABOUT, GIVES, OPTIONAL

    for page in PAGES:
        address = f"/{page.name}{ITEMS.get(page.name, '')}.json"
        told = set(client.get(address).json()) - set(ABOUT)
        declared = set(GIVES[page.name])
        assert told - declared <= {k for p, k in OPTIONAL if p == page.name}, page.name
        assert declared - told <= {k for p, k in OPTIONAL if p == page.name}, page.name
    described = client.get("/openapi.json").json()
    assert described["components"]["schemas"]["balance"]["properties"]


def test_a_page_and_its_twin_show_the_same_numbers(client: TestClient) -> None:
    from tumen.web.words import num as shown
    from tumen.web.words import pct, usd

    data = client.get("/overview.json").json()
    text = html.unescape(client.get("/").text)
    for figure in data["figures"]:
        form = {"share": pct, "USD": usd}.get(figure["unit"], shown)
        for name in ("median", "low90", "high90"):
            assert form(figure[name]) in text, figure["name"]
    for path, key, column, form in (
        ("/claims", "rows", "expected_median", shown), ("/account", "entries", "usd_median", usd),
        ("/trades", "trades", "probability", pct), ("/cargo", "totals", "median", shown), ("/front", "front_answers", "median", None),
        ("/visits", "rates", "rate_median", shown), ("/redlines", "packages", "effect_median", shown),
    ):  # fmt: skip
        text, rows = html.unescape(client.get(path).text), client.get(f"{path}.json").json()[key]
        rows = rows[-3:] if key == "trades" else rows
        for row in rows:
            if row[column] is not None:
                words = (form or (pct if row["unit"] == "share" else shown))(row[column])
                assert words in text, (path, row)


def test_a_table_comes_as_csv_and_no_cell_is_a_formula(client: TestClient) -> None:
    import csv
    import io

    answer = client.get("/table/sources.csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) - 1 == client.get("/table/sources.json").json()["total"]
    assert not [c for row in rows[1:] for c in row if c[:1] in "=@" and c]
    assert client.get("/table/nothing.csv").status_code == 404


def test_each_headline_figure_leads_to_its_evidence(client: TestClient) -> None:
    for figure in client.get("/overview.json").json()["figures"]:
        tree = client.get(f"/why/{figure['why']}.json").json()
        assert tree["sources"], figure["name"]


def test_no_listed_static_file_is_missing(client: TestClient) -> None:
    for path in PATHS:
        for url in set(re.findall(r'(?:src|href)="(/static/[^"#]+)', client.get(path).text)):
            assert client.get(url).status_code == 200, url


def test_a_file_named_with_its_state_is_kept_and_others_are_asked_for_again(client: TestClient) -> None:
    named = re.findall(r"/static/[a-z./A-Z-]+[?]v=[0-9a-f]+", client.get("/map").text)
    assert named
    for path in named:
        assert "immutable" in client.get(path).headers["cache-control"]
        assert client.get(path.partition("?")[0]).headers["cache-control"] == "no-cache"


def test_every_operation_is_described(client: TestClient) -> None:
    told = client.get("/openapi.json").json()["paths"]
    for route in client.app.routes:  # type: ignore[attr-defined]
        path = re.sub(r":[a-z]+}", "}", getattr(route, "path_format", ""))
        if (
            not isinstance(route, Route)
            or path.startswith(("/{name}", "/sign-in", "/audit", "/whatif/take"))
            or path in ("/", "/whatif/job/{number}")
        ):
            continue  # pages, described as their twins
        for method in route.methods - {"HEAD"}:
            if method == "POST" or path.endswith((".json", ".csv", ".png")):
                assert method.lower() in told[path], (method, path)


# Addresses that give a page and need no twin: a form for a password, a step on the way, a piece of another page.
NO_TWIN = ("/sign-in", "/whatif/take", "/comments/{number}/history")


def test_every_page_that_can_be_opened_has_a_described_twin(client: TestClient) -> None:
    told = client.get("/openapi.json").json()["paths"]
    pages = {p.name for p in PAGES}
    opened = set()
    for route in client.app.routes:  # type: ignore[attr-defined]
        path = re.sub(r":[a-z]+}", "}", getattr(route, "path_format", ""))
        if not isinstance(route, Route) or "GET" not in route.methods or path in NO_TWIN:
            continue
        if path.endswith((".json", ".csv", ".png")) or path in ("/events", "/{name}", "/{name}/{item}", "/"):
            continue
        opened.add(path)
        assert f"{path}.json" in told, path
    assert {"/add/{kind}", "/edit/{kind}/{row}", "/audit", "/comments"} <= opened
    for name in pages - {"why"}:
        assert f"/{name}.json" in told
    assert "/why/{item}.json" in told


def test_a_form_has_a_twin_and_offers_the_next_id(client: TestClient, live: Live) -> None:
    told = client.get("/add/sighting.json").json()
    assert {f["name"] for f in told["fields"]} >= {"id", "date", "text", "source"}
    used = {s.id for s in live.state.study.case.sightings}  # type: ignore[union-attr]
    assert told["next_id"] not in used
    assert f'name="id" value="{told["next_id"]}"' in client.get("/add/sighting").text
    name = sorted(used)[0]
    row = client.get(f"/edit/sighting/{name}.json").json()
    assert row["cells"]["id"] == name
    assert row["where"].startswith("sightings.csv:")
    assert client.get("/add/nothing.json").status_code == 404
    assert client.get("/edit/claim/nothing.json").status_code == 404


def test_every_sentence_of_the_pages_has_its_korean() -> None:
    import yaml

    from tumen.web.words import SCRIPT_WORDS

    room = Path(pages.__file__).parent
    known = yaml.safe_load((room / "words.ko.yaml").read_text(encoding="utf-8"))
    missing = {}
    for path in sorted((room / "templates").glob("*.html")):
        text = path.read_text(encoding="utf-8")
        for double, single in re.findall(r"{{ (?:\"([^\"]+)\"|'([^']+)')\|tf?\b", text):
            if (double or single) not in known:
                missing[path.name, double or single] = True
    assert missing == {}
    scripts = "".join(p.read_text(encoding="utf-8") for p in (room / "static").glob("*.js"))
    for word in SCRIPT_WORDS:
        assert word in known, word
        if word in ("other", "What is owed"):  # a kind of sighting and a node, as the data names them
            continue
        assert f'"{word}"' in scripts or f"{{ {word}:" in scripts or f": {word}" in scripts, word


def test_introductions_and_buttons_come_in_korean(client: TestClient) -> None:
    """No sentence of ours stands in English on a Korean page; those of the steps and of the case may."""
    for path, english, korean in (
        ("/map", "A mark holds", "표식 하나는"), ("/timeline", "Every attempt", "모든 관측 시도"), ("/whatif", "Suppose that a claim", "라고 가정한다"),
        ("/network", "What bears on what", "무엇이 무엇에"), ("/add/claim", "Check and show", "검사하고"), ("/trades", "How likely", "가능성과 90% 구간"),
    ):  # fmt: skip
        text = client.get(path, params={"lang": "ko"}).text
        assert english not in text, path
        assert korean in text or korean.replace("라고 ", "고 ") in text, path
        assert english in client.get(path, params={"lang": "en"}).text, path


def test_reasons_of_the_case_come_in_korean_on_a_korean_page(client: TestClient, live: Live) -> None:
    case = live.state.study.case
    prior, price = case.loading.load.boxes_per_voyage, case.prices.best_price("rounds_152", "russian_cost")
    for path, english, korean in (
        ("/cargo", prior.reason, prior.reason_ko),
        (f"/why/{price.evidence_id}", price.why, price.why_ko),
    ):
        told = client.get(path, params={"lang": "ko"})
        assert told.status_code == 200
        text = html.unescape(told.text)
        assert korean in text, path
        assert english not in text, path
        assert english in html.unescape(client.get(path, params={"lang": "en"}).text), path


def test_the_year_of_a_price_is_a_year_and_not_a_rounded_number(client: TestClient, live: Live) -> None:
    price = live.state.study.case.prices.best_price("rounds_152", "russian_cost")
    for lang in ("en", "ko"):
        text = client.get(f"/why/{price.evidence_id}", params={"lang": lang}).text
        assert f"<dd>{price.year}</dd>" in text
        assert "2,020" not in text
    assert "<dd>로그정규</dd>" in text
    assert "<dd>러시아 생산비</dd>" in text


def test_headings_columns_and_names_come_in_korean(client: TestClient) -> None:
    for path in PATHS:
        text = client.get(path, params={"lang": "ko"}).text
        assert '<html lang="ko">' in text
        assert "지급 방식" in text
    text = client.get("/").text
    assert "높음" in text, "the choice is kept"
    assert "유엔 안보리에서의 비호" in text
    assert 'href="?lang=en"' in text
    client.cookies.clear()
    assert '<html lang="en">' in client.get("/").text
    assert '<html lang="ko">' in client.get("/", headers={"accept-language": "ko-KR,ko;q=0.9"}).text
    assert '<html lang="en">' in client.get("/", params={"lang": "<x>"}).text


def test_search_finds_a_ship(client: TestClient) -> None:
    hits = client.get("/search.json?q=lady+r").json()["hits"]
    assert hits
    assert all(client.get(h["address"]).status_code == 200 for h in hits[:10])
    assert {"figure", "page"} <= {h["kind"] for h in client.get("/search.json?q=rounds").json()["hits"]} | {"page"}
    assert client.get("/search.json?q=zzzzqqq").json()["hits"] == []


def test_the_map_gives_places_and_timed_sightings(client: TestClient) -> None:
    data = client.get("/map.json").json()
    columns = data["sightings"]
    number = len(columns["lon"])
    assert number > 50
    for name in ("lat", "day", "why"):
        assert len(columns[name]) == number
    for name in ("what", "place", "vessel"):
        assert len(columns[name]["codes"]) == number
        assert max(columns[name]["codes"]) < len(columns[name]["words"])
    assert number + data["unplaced"] == client.get("/table/sightings.json").json()["total"]
    assert {p["place"] for p in data["places"] if p["sightings"]} >= {"Najin", "Vostochny"}
    assert client.get(f"/why/{columns['why'][0]}.json").status_code == 200
    assert data["voyages"]
    assert client.get("/land.json").json()["features"]


@pytest.mark.parametrize(
    "path", ["/nothing", "/why/nothing", "/table/nothing", "/add/nothing", "/%2e%2e/etc/passwd", "/static/../app.py"]
)
def test_what_is_not_there_says_so(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


# --- guards -----------------------------------------------------------------------------


def test_headers_forbid_what_pages_do_not_need(client: TestClient) -> None:
    headers = client.get("/").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "'unsafe-inline'" not in headers["content-security-policy"].split("script-src")[1].split(";")[0]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


def test_another_host_name_is_refused(client: TestClient) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("host", ["[::1", "x@127.0.0.1", "127.0.0.1/x", "127.0.0.1.evil.example", "\xff"])
def test_a_host_that_is_none_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/", headers=[(b"host", host.encode("latin-1"))]).status_code == 421
    assert client.post("/knobs", headers={"origin": f"http://{quote(host)}["}).status_code == 403


@pytest.mark.parametrize("number", ["\N{SUPERSCRIPT TWO}", "9" * 40, "9" * 5000, "-1", "1e3"])
def test_a_number_that_is_none_breaks_nothing(several: TestClient, number: str) -> None:
    token = enter(several, "mina")
    for path in (f"/comments/{number}/history", f"/scene/x/{number}/0_0.png", f"/scene/x/8/{number}_0.png"):
        assert several.get(path).status_code == 404, path
    assert several.get("/table/balance", params={"offset": number}).status_code == 404
    place = {"anchor": "figure:rounds", "csrf": token, "body": "hello"}
    assert several.post("/comments", data=place | {"reply_to": number}).status_code in (200, 422)
    assert several.post("/comments/1", data=place | {"action": "edit", "version": number}).status_code in (400, 422)


def test_forms_from_elsewhere_are_refused(client: TestClient) -> None:
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert client.post("/add/sighting", data={"csrf": "local-token"}, headers=headers).status_code == 403
    assert client.post("/add/sighting", data={"csrf": "wrong"}).status_code == 403
    assert client.post("/add/sighting", data={}).status_code == 403


def test_a_body_too_large_is_refused(client: TestClient) -> None:
    assert client.post("/add/sighting", content=b"x" * 10_000_000).status_code == 413


def test_a_body_that_hides_its_length_is_cut_off(several: TestClient) -> None:
    enter(several, "joon")
    for path in ("/comments", "/sign-in"):
        parts = (b"body=" + b"x" * 65_536 for _ in range(160))  # 10 MB, sent in pieces
        answer = several.post(path, content=parts, headers={"content-type": "application/x-www-form-urlencoded"})
        assert answer.status_code == 413, path
        assert "too large" in answer.text
    assert several.get("/").status_code == 200


def test_script_in_the_query_is_not_run(client: TestClient) -> None:
    text = client.get("/search?q=<script>alert(1)</script>").text
    assert "<script>alert" not in text


# --- adding to the case -------------------------------------------------------------------


def _source(client: TestClient) -> str:
    return str(client.get("/sources.json").json()["rows"][0]["source_id"])


def _row(client: TestClient, **cells: str) -> dict[str, str]:
    import csv

    with open(client.app.state.bench.live.folder / "sightings.csv", encoding="utf-8", newline="") as file:  # type: ignore[attr-defined]
        row = next(
            r for r in csv.DictReader(line for line in file if not line.startswith("#")) if r["place"] == "Najin"
        )
    return {k: v for k, v in row.items() if v and k != "id"} | cells


def test_a_row_is_shown_first_and_written_only_on_yes(client: TestClient, live: Live) -> None:
    path = live.folder / "sightings.csv"
    before = path.read_text(encoding="utf-8")
    form = _row(client, id="web-test-1") | {"csrf": "local-token"}
    shown = client.post("/add/sighting", data=form)
    assert shown.status_code == 200, shown.text[-2000:]
    assert "web-test-1" in shown.text
    assert path.read_text(encoding="utf-8") == before
    mark = re.search(r'name="mark" value="([0-9a-f]{64})"', shown.text)
    assert mark
    assert client.post("/add/sighting/save", data=form | {"mark": "0" * 64}).status_code == 422
    assert path.read_text(encoding="utf-8") == before
    saved = client.post("/add/sighting/save", data=form | {"mark": mark[1]})
    assert saved.status_code == 200
    assert "web-test-1" in path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith(before)
    path.write_text(before, encoding="utf-8")


def test_a_faulty_row_is_refused_with_its_field(client: TestClient, live: Live) -> None:
    before = (live.folder / "sightings.csv").read_text(encoding="utf-8")
    for cells in ({"source": "no-such-source", "source_id": "no-such-source"}, {"date": "yesterday"}):
        form = _row(client, id="web-test-2", **{k: v for k, v in cells.items() if k in _row(client)}) | {
            "csrf": "local-token"
        }
        answer = client.post("/add/sighting", data=form)
        assert answer.status_code == 422
        assert "sightings.csv:" in answer.text
    assert (live.folder / "sightings.csv").read_text(encoding="utf-8") == before


def test_an_edit_made_meanwhile_is_not_overwritten(client: TestClient, live: Live) -> None:
    path = live.folder / "sightings.csv"
    before = path.read_text(encoding="utf-8")
    form = _row(client, id="web-test-3") | {"csrf": "local-token"}
    mark = re.search(r'name="mark" value="([0-9a-f]{64})"', client.post("/add/sighting", data=form).text)
    assert mark
    other = before + "\n"
    path.write_text(other, encoding="utf-8")
    assert client.post("/add/sighting/save", data=form | {"mark": mark[1]}).status_code == 422
    assert path.read_text(encoding="utf-8") == other
    path.write_text(before, encoding="utf-8")


# --- changing a row ---------------------------------------------------------------------


def _opened(client: TestClient, kind: str, name: str) -> dict[str, str]:
    """The fields of the form of a row, as a browser would send them."""
    text = client.get(f"/edit/{kind}/{name}").text
    form = text[text.index('class="stack"') :]
    fields = {n: html.unescape(v) for n, v in re.findall(r'<input name="([^"]+)" value="([^"]*)"', form)}
    for n, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form):
        chosen = re.search(r'<option value="([^"]*)" selected>', options)
        fields[n] = html.unescape(chosen[1]) if chosen else ""
    base = re.search(r'name="base" value="([^"]*)"', form)
    assert base
    return fields | {"base": html.unescape(base[1]), "csrf": "local-token"}


def _post(client: TestClient, kind: str, name: str, form: dict[str, str]) -> str:
    """Send a changed row, and write it if it is asked for; returns the last page."""
    shown = client.post(f"/edit/{kind}/{name}", data=form)
    mark = re.search(r'name="mark" value="([0-9a-f]{64})"', shown.text)
    return client.post(f"/edit/{kind}/{name}", data=form | {"mark": mark[1]}).text if mark else shown.text


def test_a_changed_row_leaves_every_other_line_as_it_was(client: TestClient, live: Live) -> None:
    path = live.folder / "sightings.csv"
    before = path.read_text(encoding="utf-8")
    form = _opened(client, "sighting", "s004") | {"note": 'a note, with a comma and a "quote"'}
    assert "Written" in _post(client, "sighting", "s004", form)
    after = path.read_text(encoding="utf-8")
    assert sum(a != b for a, b in zip(before.split("\n"), after.split("\n"), strict=True)) == 1
    assert 'a ""quote""' in after
    path.write_text(before, encoding="utf-8")


def test_two_people_change_one_row_what_only_one_changed_is_merged(client: TestClient, live: Live) -> None:
    path = live.folder / "sightings.csv"
    before = path.read_text(encoding="utf-8")
    mina, joon = _opened(client, "sighting", "s004"), _opened(client, "sighting", "s004")
    assert "Written" in _post(client, "sighting", "s004", mina | {"note": "from Mina"})
    shown = client.post("/edit/sighting/s004", data=joon | {"text": "from Joon"})
    assert "and kept: note: &#39;from Mina&#39;" in shown.text
    assert "Written" in _post(client, "sighting", "s004", joon | {"text": "from Joon"})
    after = path.read_text(encoding="utf-8")
    assert "from Mina" in after
    assert "from Joon" in after
    path.write_text(before, encoding="utf-8")


def test_two_people_change_one_field_the_second_sees_both_and_nothing_is_lost(client: TestClient, live: Live) -> None:
    path = live.folder / "sightings.csv"
    before = path.read_text(encoding="utf-8")
    mina, joon = _opened(client, "sighting", "s004"), _opened(client, "sighting", "s004")
    _post(client, "sighting", "s004", mina | {"note": "from Mina"})
    between = path.read_text(encoding="utf-8")
    answer = client.post("/edit/sighting/s004", data=joon | {"note": "from Joon"})
    assert answer.status_code == 409
    assert "yours is &#39;from Joon&#39;, now it stands as &#39;from Mina&#39;" in answer.text
    assert 'value="from Joon"' in answer.text  # what was typed is still in the form
    assert path.read_text(encoding="utf-8") == between
    path.write_text(before, encoding="utf-8")


def test_a_row_that_is_gone_or_a_forged_base_is_refused(client: TestClient) -> None:
    assert client.get("/edit/sighting/nothing").status_code == 404
    assert client.get("/edit/settings/x").status_code == 404
    assert client.get("/edit/sighting/..%2f..%2fetc%2fpasswd").status_code == 404
    assert client.post("/edit/sighting/s004", data={"csrf": "local-token", "base": "[]"}).status_code == 400
    assert client.post("/edit/sighting/s004", data={"csrf": "no", "base": "{}"}).status_code == 403


def test_a_source_is_changed_in_its_own_lines(client: TestClient, live: Live) -> None:
    path = live.folder / "sources.yaml"
    before = path.read_text(encoding="utf-8")
    name = _source(client)
    form = _opened(client, "source", name) | {"why": "<script>alert(1)</script> regraded"}
    shown = client.post(f"/edit/source/{name}", data=form)
    assert "<script>alert" not in shown.text
    assert "Written" in _post(client, "source", name, form)
    assert sum(a != b for a, b in zip(before.split("\n"), path.read_text(encoding="utf-8").split("\n"), strict=False)) >= 1  # fmt: skip
    live.compute()
    assert live.state.faults == ()
    for page in ("/sources", f"/why/source:{name}", "/search?q=regraded"):
        assert "<script>alert" not in client.get(page).text
    path.write_text(before, encoding="utf-8")
    live.compute()


def test_an_added_row_is_signed_and_dated_in_a_comment_above_it(client: TestClient, live: Live) -> None:
    form = _row(client, id="web-test-9") | {"csrf": "local-token", "author": "Mina\n# Kim"}
    shown = client.post("/add/sighting", data=form)
    assert re.search(r"\+# Mina # Kim, \d{4}-\d{2}-\d{2}, by the workbench", shown.text)


# --- a live case ------------------------------------------------------------------------


def test_a_fault_in_the_text_keeps_the_last_answer(live: Live, client: TestClient) -> None:
    path = live.folder / "looks.csv"
    before = path.read_text(encoding="utf-8")
    version = live.state.version
    path.write_text(before + "not,a,look\n", encoding="utf-8")
    live.compute()
    assert live.state.version == version + 1
    text = client.get("/").text
    assert "looks.csv:" in text
    assert "last whole answer" in text
    assert client.get("/overview.json").json()["figures"]
    path.write_text(before, encoding="utf-8")
    live.compute()
    assert live.state.faults == ()


def test_waiting_for_a_change_ends_when_there_is_one(live: Live) -> None:
    async def wait() -> int:
        asyncio.get_running_loop().call_later(0.1, lambda: live._put(version=live.state.version + 1))
        return (await live.changed(live.state, 5.0)).version

    before = live.state.version
    assert asyncio.run(wait()) == before + 1


# --- several people -----------------------------------------------------------------------


def test_nothing_is_shown_before_signing_in(several: TestClient) -> None:
    for path in (*PATHS, "/audit", "/add/sighting", "/comments?anchor=x"):
        assert several.get(path).status_code in (303, 401), path
    for path in ("/overview.json", "/version.json", "/events", "/whatif/job/x.json", "/scene/x/outlines.json", "/chip/x.png", "/comments/counts.json"):  # fmt: skip
        assert several.get(path).status_code in (303, 401), path
    assert several.get("/overview.json").status_code == 401
    assert several.get("/land.json").status_code == 401


def test_cookies_cannot_be_read_by_script_nor_sent_from_elsewhere(several: TestClient) -> None:
    answer = several.post("/sign-in", data={"name": "mina", "password": GOOD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_over_tls_the_cookie_travels_nowhere_else(live: Live, tmp_path: Path) -> None:
    database = Database(tmp_path / "p.sqlite")
    people.add_person(database, "mina", GOOD, "analyst")
    with TestClient(
        create_app(live, database=database, secure=True), base_url="https://127.0.0.1", follow_redirects=False
    ) as client:
        answer = client.post("/sign-in", data={"name": "mina", "password": GOOD})
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "strict-transport-security" in answer.headers


def test_a_wrong_password_says_no_more_than_that(several: TestClient) -> None:
    for name in ("mina", "nobody"):
        answer = several.post("/sign-in", data={"name": name, "password": "wrong-wrong-wrong"})
        assert answer.status_code == 401
        assert "name or password is wrong" in answer.text


def test_a_forged_session_is_nobody(several: TestClient) -> None:
    several.cookies.set(COOKIE, "forged")
    assert several.get("/").status_code == 303


def test_comments_from_posting_to_export(several: TestClient) -> None:
    token = enter(several, "joon")
    place = {"anchor": "figure:rounds", "csrf": token}
    shown = several.post("/comments", data=place | {"body": "<script>alert(1)</script> good"})
    assert shown.status_code == 200
    assert "<script>alert" not in shown.text
    assert "&lt;script&gt;" in shown.text
    assert several.post("/comments", data=place | {"body": "x" * 251}).status_code == 422
    assert several.post("/comments", data={"anchor": "figure:rounds", "body": "no token"}).status_code == 403
    assert several.get("/audit").status_code == 403
    token = enter(several, "mina")
    hide = {"csrf": token, "anchor": "figure:rounds", "version": "1", "action": "hide", "rule": "spam"}
    assert several.post("/comments/1", data=hide).status_code == 200
    assert several.post("/comments/1", data=hide).status_code == 409
    assert several.get("/comments.json").json()["comments"][0]["history"]
    assert "The chain is whole" in several.get("/audit").text
    assert several.get("/audit.json").json()["broken_at"] is None
    assert "hidden (spam)" in several.get("/comments/1/history").text
    assert several.get("/comments/9/history").status_code == 404
    enter(several, "ruth")
    assert several.get("/comments/1/history").status_code == 404
    assert several.get("/comments/counts.json").json() == {}


def test_readers_read_and_commenters_do_not_write_the_case(several: TestClient) -> None:
    enter(several, "ruth")
    assert several.get("/").status_code == 200
    assert several.get("/add/sighting").status_code == 403
    enter(several, "joon")
    assert several.get("/add/sighting").status_code == 403


def test_a_moderator_of_any_role_moderates_and_reads_the_log(several: TestClient) -> None:
    database = several.app.state.bench.database  # type: ignore[attr-defined]
    people.add_person(database, "noor", GOOD, "reader", moderator=True)
    place = {"anchor": "figure:rounds", "body": "hello", "csrf": enter(several, "joon")}
    assert several.post("/comments", data=place).status_code == 200
    number = comments.listing(database)[-1]["id"]
    ours = place | {"csrf": enter(several, "noor"), "version": "1"}
    assert several.post(f"/comments/{number}", data=ours | {"action": "edit"}).status_code == 403
    hide = ours | {"action": "hide", "rule": next(iter(comments.STANDARD))}
    assert "Hidden under the standard" in several.post(f"/comments/{number}", data=hide).text
    assert several.get("/audit").status_code == 200
    assert several.get("/comments.json").status_code == 200


def test_a_token_of_one_session_does_not_serve_another(several: TestClient) -> None:
    old = enter(several, "joon")
    enter(several, "mina")
    answer = several.post("/comments", data={"anchor": "figure:rounds", "body": "hello", "csrf": old})
    assert answer.status_code == 403
