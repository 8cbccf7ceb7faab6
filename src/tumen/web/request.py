"""What every handler of the workbench needs of a request: the case, who asks, the form, the answer.

Takes Starlette requests; gives the state of the live case, the signed-in person, a form after its
token was checked, and a page drawn from its template.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tumen.web import audit, people
from tumen.web.database import Database
from tumen.web.edit import Editor
from tumen.web.jobs import Jobs
from tumen.web.live import Live, State
from tumen.web.pages import PAGES, Page, coast
from tumen.web.people import Person
from tumen.web.scenes import Scenes
from tumen.web.security import same
from tumen.web.words import LANGUAGES, script_words

COOKIE, LANGUAGE = "tumen-session", "tumen-lang"
# On one's own machine there is no sign-in: whoever reaches loopback owns the case.
OWNER = Person("owner", "analyst", True, "")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
# Pages of one answer that are kept drawn; searches and trees beyond these are drawn again.
KEPT_PAGES = 300


class Drawn:
    """The data of a page as plain JSON, and packed for the wire once it was asked for."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self._packed: tuple[str, bytes] | None = None

    def packed(self, about: dict[str, Any]) -> bytes:
        """Data with what every twin carries, as gzipped JSON."""
        key = json.dumps(about)
        if self._packed is None or self._packed[0] != key:
            text = json.dumps(self.data | about, ensure_ascii=False, separators=(",", ":"))
            self._packed = key, gzip.compress(text.encode(), 4)
        return self._packed[1]


@dataclass
class Workbench:
    """What every handler needs."""

    live: Live
    database: Database | None
    pages: dict[str, Page]
    templates: Environment
    local_token: str
    secure: bool
    jobs: Jobs
    scenes: Scenes

    def __post_init__(self) -> None:
        self._kept: dict[tuple[str, str, str], Drawn] = {}
        self._of: Any = None
        self._land: tuple[list[Any], Drawn] | None = None

    def drawn(self, state: State, spec: Page, item: str, query: dict[str, str]) -> Drawn:
        """The data of a page as plain JSON; kept until the next answer. Raises `PageError`."""
        if self._of is not state.study:
            self._kept, self._of = {}, state.study
        kept, key = self._kept, (spec.name, item, json.dumps(query, sort_keys=True))
        if key not in kept:
            # What is no number in JSON is nothing.
            text = json.dumps(spec.data(state, item, query), default=plain)
            made = Drawn(json.loads(text, parse_constant=lambda _: None))
            if len(kept) >= KEPT_PAGES or not spec.kept:
                return made
            kept[key] = made
        return kept[key]

    def warm(self, state: State) -> None:
        """Draw every page of a new answer once, so that the first reader need not wait."""
        for spec in self.pages.values():
            if state.study is not None and not spec.needs_item and self.live.state.study is state.study:
                self.drawn(state, spec, "", {}).packed(about(state))

        if state.study is not None and self.live.state.study is state.study:
            self.land(state).packed({})

    def land(self, state: State) -> Drawn:
        """The coast around the places of the case; kept while the places stand where they do."""
        assert state.study is not None
        key = [(p.position, p.kind) for p in state.study.case.places]
        if self._land is None or self._land[0] != key:
            self._land = key, Drawn(coast(state))
        return self._land[1]

    @property
    def shared(self) -> bool:
        """Whether people sign in."""
        return self.database is not None


def about(state: State) -> dict[str, Any]:
    """What every twin carries beside its own."""
    assert state.study is not None
    settings = state.study.case.settings
    told = {"version": state.version, "as_of": settings.as_of.isoformat(), "simulated": settings.simulated}
    return told | {"faults": list(state.faults)}


def bench_of(request: Request) -> Workbench:
    """The workbench that this request is for."""
    bench: Workbench = request.app.state.bench
    return bench


def who_of(request: Request) -> Person | None:
    """Who asks: the owner on their own machine, else the person of the session, or None."""
    bench = bench_of(request)
    if bench.database is None:
        return OWNER
    return people.session(bench.database, request.cookies.get(COOKIE, ""))


def needed(request: Request, role: str) -> Person:
    """Who asks, if their role allows it. Raises `HTTPException`."""
    who = who_of(request)
    if who is None:
        raise HTTPException(401, "sign in first")
    if not who.may(role):
        raise HTTPException(403, f"this needs the role {role}; yours is {who.role}")
    return who


def people_of(request: Request) -> Database:
    """The database of people and comments. Raises `HTTPException` where there is none."""
    database = bench_of(request).database
    if database is None:
        raise HTTPException(404, "comments and the log need 'tumen serve --shared'")
    return database


def ready(request: Request) -> State:
    """The present answer. Raises `HTTPException` while there is none."""
    state = bench_of(request).live.state
    if state.study is None:
        raise HTTPException(503, "the case is still being computed")
    return state


def editor_of(request: Request) -> Editor:
    """The editor of the case's text."""
    return Editor(bench_of(request).live.folder)


def suggested(request: Request) -> dict[str, list[tuple[str, str]]]:
    """What forms offer while one types: sources, places and trades of the case."""
    study = bench_of(request).live.state.study
    if study is None:
        return {}
    sources = [(r["source_id"], f"{r['publisher']}: {r['title']}") for r in study.table("sources").to_pylist()]
    places = [(r["place"], r["kind"] or "") for r in study.table("places").to_pylist()]
    vessels = [(v, "") for v in study.table("vessels")["vessel"].to_pylist()]
    return {"source": sources, "source_id": sources, "place": places, "vessel": vessels}


def noted(request: Request, who: Person, action: str, subject: str, **detail: Any) -> None:
    """Write a line of the log, where there is one."""
    database = bench_of(request).database
    if database is not None:
        with database.write() as connection:
            audit.note(connection, who.name, action, subject, **detail)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; of a field given twice the last value."""
    form = await request.form(max_files=0, max_fields=400)
    return {k: v for k, v in form.items() if isinstance(v, str)}


async def own_form(request: Request) -> dict[str, str]:
    """The form of a signed-in person, after its token was checked."""
    form = await form_of(request)
    given = form.pop("csrf", "") or request.headers.get("x-csrf", "")
    if not same(given, token_of(request, who_of(request))):
        raise HTTPException(403, "this form is too old or not ours; load the page again")
    return form


async def many(request: Request, name: str) -> list[str]:
    """Every value of one field of a form, in order."""
    return [v for v in (await request.form(max_files=0, max_fields=400)).getlist(name) if isinstance(v, str)]


def whole(text: str) -> int | None:
    """A whole number of at most nine digits, or None.

    >>> whole("12"), whole("²"), whole("9" * 40), whole("-1")
    (12, None, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def token_of(request: Request, who: Person | None) -> str:
    """The token that this person's forms carry."""
    bench = bench_of(request)
    return who.csrf if who is not None and bench.shared else bench.local_token


def html(request: Request, template: str, who: Person | None, status: int = 200, **values: Any) -> Response:
    """A page drawn from its template."""
    bench, state = bench_of(request), bench_of(request).live.state
    settings = state.study.case.settings if state.study else None
    common = {
        "who": who, "shared": bench.shared, "csrf": token_of(request, who), "pages": [p for p in PAGES if p.listed],
        "path": request.url.path, "version": state.version, "faults": state.faults, "busy": state.busy,
        "title": settings.title if settings else bench.live.folder.name, "as_of": settings.as_of if settings else None,
        "simulated": settings.simulated if settings else False, "waiting": state.study is None and not state.faults, "ready": state.study is not None,
    }  # fmt: skip
    lang, other = language_of(request)
    there = urlencode([*((k, v) for k, v in request.query_params.multi_items() if k != "lang"), ("lang", other)])
    if settings and lang == "ko":
        common["title"] = settings.case.title_ko or settings.title
    common |= {"lang": lang, "other": LANGUAGES[other], "other_lang": other, "there": f"?{there}"}
    values["script_words"] = script_words()
    answer = HTMLResponse(bench.templates.get_template(template).render(**(common | values)), status_code=status)
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie(LANGUAGE, lang, max_age=365 * 86400, httponly=True, samesite="strict", secure=bench.secure)
    return answer


def language_of(request: Request) -> tuple[str, str]:
    """The language of the page and the other one: asked for in the address, chosen before, or the browser's own."""
    browsers = request.headers.get("accept-language", "").strip().lower()[:2]
    asked = (request.query_params.get("lang"), request.cookies.get(LANGUAGE), browsers)
    lang = next((one for one in asked if one in LANGUAGES), "en")
    return str(lang), "en" if lang == "ko" else "ko"


def plain(value: Any) -> Any:
    """Dates as ISO text for JSON, anything else as text."""
    return value.isoformat() if isinstance(value, dt.date | dt.datetime) else str(value)
