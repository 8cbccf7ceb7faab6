"""Bad input over a real connection to a running server: refused or merged with a clear message, and nothing lost."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

pytest.importorskip("uvicorn", reason="needs the web extra")

from tumen.case import Case, CaseError
from tumen.web import people
from tumen.web.app import COOKIE, create_app
from tumen.web.database import Database
from tumen.web.live import Live
from tumen.web.pages import PAGES
from web_world import Served

GOOD = "correct-horse-battery"
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
ITEMS = {"why": "/rounds", "table": "/sources", "search": "?q=alert"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def live(_starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Live:
    folder = tmp_path_factory.mktemp("abuse") / "case"
    shutil.copytree(_starter, folder)
    path = folder / "sources.yaml"
    text = path.read_text(encoding="utf-8")
    title = re.search(r"(?m)^  title: (.*)$", text)
    assert title
    path.write_text(text.replace(title[0], f"  title: '{SCRIPT}'", 1), encoding="utf-8")
    made = Live(folder)
    assert made.compute().faults == ()
    return made


@pytest.fixture(scope="module")
def alone(live: Live) -> Iterator[Served]:
    made = Served(create_app(live))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def several(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    database = Database(tmp_path_factory.mktemp("people") / "people.sqlite")
    people.add_person(database, "mina", GOOD, "analyst", moderator=True)
    made = Served(create_app(live, database=database))
    yield made
    made.stop()


def ask(served: Served, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str, str]:
    """Status, body and set-cookie of one request; header names are written with underscores."""
    where = urlsplit(served.url)
    line = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
    try:
        line.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = line.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace"), answer.getheader("set-cookie") or ""
    finally:
        line.close()


def enter(served: Served) -> tuple[str, str]:
    """A session's cookie and its form token."""
    body = urlencode({"name": "mina", "password": GOOD}).encode()
    status, _, cookie = ask(served, "POST", "/sign-in", body, **FORM)
    assert status == 303
    cookie = cookie.partition(";")[0]
    _, page, _ = ask(served, "GET", "/", cookie=cookie)
    token = re.search(r'data-csrf="([^"]+)"', page)
    assert token
    return cookie, token[1]


@pytest.mark.parametrize("page", [p.name for p in PAGES])
def test_script_in_a_source_title_is_text_on_every_page(alone: Served, page: str) -> None:
    path = "/" if page == "overview" else f"/{page}{ITEMS.get(page, '')}"
    status, text, _ = ask(alone, "GET", path)
    assert status == 200
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    if page in ("sources", "search", "table"):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_a_comment_of_ten_megabytes_is_refused_and_the_server_goes_on(several: Served) -> None:
    cookie, token = enter(several)
    body = urlencode({"anchor": "figure:rounds", "csrf": token, "body": "x" * 10_000_000}).encode()
    where = urlsplit(several.url)
    for stated in (True, False):
        with socket.create_connection((str(where.hostname), where.port or 80), timeout=60) as line:
            length = f"content-length: {len(body)}" if stated else "transfer-encoding: chunked"
            head = f"POST /comments HTTP/1.1\r\nhost: {where.netloc}\r\ncookie: {cookie}\r\n{length}\r\ncontent-type: application/x-www-form-urlencoded\r\n\r\n"
            line.sendall(head.encode())
            answer = b""
            try:
                if not stated:
                    for at in range(0, len(body), 65536):
                        part = body[at : at + 65536]
                        line.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                answer = line.recv(4096)
            except (BrokenPipeError, ConnectionResetError):
                pass  # cut off while we were still sending, as it should be
            assert b" 413 " in answer or not answer
    assert ask(several, "GET", "/comments.json", cookie=cookie)[1].count("xxxxxxxxxx") == 0
    assert ask(several, "GET", "/", cookie=cookie)[0] == 200


@pytest.mark.parametrize("session", ["forged", "x" * 5000, "' OR 1=1 --", "..%2f..%2fetc", "eyJuYW1lIjoibWluYSJ9"])
def test_a_forged_session_sees_and_does_nothing(several: Served, session: str) -> None:
    cookie = f"{COOKIE}={session}"
    assert ask(several, "GET", "/", cookie=cookie)[0] == 303
    assert ask(several, "GET", "/overview.json", cookie=cookie)[0] == 401
    body = urlencode({"anchor": "figure:rounds", "csrf": "forged", "body": "hello"}).encode()
    assert ask(several, "POST", "/comments", body, cookie=cookie, **FORM)[0] in (303, 401, 403)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../people.py", "/static/%2e%2e/%2e%2e/people.py", "/static/..%2f..%2fpeople.py", "//etc/passwd",
        "/table/..%2f..%2fcase.toml", "/table/%2e%2e%2fcase.toml.csv", "/chip/..%2f..%2fcase.toml.png",
        "/scene/..%2f../outlines.json", "/edit/claim/..%2f..%2fcase.toml", "/add/..%2fclaim", "/why/..%2f..%2fcase.toml",
        "/whatif/job/..%2f..%2fcase.json", "/%00", "/static/\\..\\..\\people.py",
    ],
)  # fmt: skip
def test_a_path_leads_to_no_file_of_the_machine(alone: Served, path: str) -> None:
    status, text, _ = ask(alone, "GET", path)
    assert status in (400, 404)
    for inside in ("argon2", "root:x", "period_start"):
        assert inside not in text


@pytest.mark.parametrize("name", ["../../evil", "a/b", "..", "a b", "-x", "", "CON\\x", "x" * 81, "\u202e"])
def test_a_case_cannot_be_named_like_a_path(tmp_case: Path, name: str) -> None:
    copy = tmp_case
    text = (copy / "case.toml").read_text(encoding="utf-8")
    line = re.search(r"(?m)^name = .*$", text)
    assert line
    told = name.replace("\\", "\\\\")
    (copy / "case.toml").write_text(text.replace(line[0], f'name = "{told}"', 1), encoding="utf-8")
    with pytest.raises(CaseError) as refused:
        Case.load(copy)
    assert any("name" in str(f) for f in refused.value.faults)


def test_two_who_change_one_row_at_once_lose_nothing(alone: Served, live: Live) -> None:
    """Both send at the same moment: one is written, the other is shown both values and keeps what it typed."""
    path = live.folder / "claims.csv"
    before = path.read_text(encoding="utf-8")
    claim = Case.load(live.folder).claims[0]
    _, page, _ = ask(alone, "GET", f"/edit/claim/{claim.id}")
    token = re.search(r'data-csrf="([^"]+)"', page)
    assert token
    cells = json.loads(ask(alone, "GET", f"/edit/claim/{claim.id}.json")[1])["cells"]
    answers: dict[str, tuple[int, str]] = {}
    ready = threading.Barrier(2)

    def change(words: str) -> None:
        form = cells | {"note": words, "csrf": token[1], "base": json.dumps(cells)}
        _, shown, _ = ask(alone, "POST", f"/edit/claim/{claim.id}", urlencode(form).encode(), **FORM)
        mark = re.search(r'name="mark" value="([0-9a-f]{64})"', shown)
        assert mark
        ready.wait()
        status, text, _ = ask(
            alone, "POST", f"/edit/claim/{claim.id}", urlencode(form | {"mark": mark[1]}).encode(), **FORM
        )
        answers[words] = (status, text)

    try:
        threads = [threading.Thread(target=change, args=(w,)) for w in ("said by one", "said by two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        after = path.read_text(encoding="utf-8")
        written = [w for w in answers if w in after]
        assert len(written) == 1
        (lost,) = set(answers) - set(written)
        assert answers[written[0]][0] == 200
        assert answers[lost][0] in (409, 422)
        assert lost in answers[lost][1]
        assert after.count("\n") == before.count("\n")
    finally:
        path.write_text(before, encoding="utf-8")
