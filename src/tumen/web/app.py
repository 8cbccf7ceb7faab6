"""The workbench: pages over the tables of one live case, each with a JSON twin.

Takes a `Live` case and, for several people, a `Database`; gives a Starlette application. A page
is a name, a title and a function from the current state to plain data; its template draws the
data and `/NAME.json` gives the same data as JSON.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tumen.show import number
from tumen.web import audit, comments, people
from tumen.web.database import Database
from tumen.web.edit import EditError, Editor
from tumen.web.live import Live, State
from tumen.web.pages import PAGES, Page, PageError, coast
from tumen.web.people import Person
from tumen.web.security import Guard, Packed, same
from tumen.web.words import head, say

COOKIE = "tumen-session"
# On one's own machine there is no sign-in: whoever reaches loopback owns the case.
OWNER = Person("owner", "analyst", True, "")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
# Pages of one answer that are kept drawn; searches and trees beyond these are drawn again.
KEPT_PAGES = 300
STATIC = Path(__file__).parent / "static"


@dataclass
class Workbench:
    """What every handler needs."""

    live: Live
    database: Database | None
    pages: dict[str, Page]
    templates: Environment
    local_token: str
    secure: bool

    def __post_init__(self) -> None:
        self._kept: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._of: Any = None

    def drawn(self, state: State, spec: Page, item: str, query: dict[str, str]) -> dict[str, Any]:
        """The data of a page as plain JSON; kept until the next answer. Raises `PageError`."""
        if self._of is not state.study:
            self._kept, self._of = {}, state.study
        kept, key = self._kept, (spec.name, item, json.dumps(query, sort_keys=True))
        if key not in kept:
            made: dict[str, Any] = json.loads(json.dumps(spec.data(state, item, query), default=_plain))
            if len(kept) >= KEPT_PAGES:
                return made
            kept[key] = made
        return kept[key]

    def warm(self, state: State) -> None:
        """Draw every page of a new answer once, so that the first reader need not wait."""
        for spec in self.pages.values():
            if state.study is not None and not spec.needs_item and self.live.state.study is state.study:
                self.drawn(state, spec, "", {})

    @property
    def shared(self) -> bool:
        """Whether people sign in."""
        return self.database is not None


def create_app(
    live: Live,
    *,
    database: Database | None = None,
    hosts: set[str] | None = None,
    secure: bool = False,
    token: str | None = None,
) -> Starlette:
    """Make the application. With `database` people sign in; without it, it is for loopback alone.

    `hosts` are the names that it answers to beside loopback; `secure` says that it is reached over
    TLS, so that cookies travel nowhere else; `token` guards forms where there is no sign-in.
    """
    import secrets

    templates = Environment(
        loader=PackageLoader("tumen.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "num": _num,
        "pct": _pct,
        "usd": _usd,
        "day": _day,
        "say": say,
        "head": head,
        "measure": _measure,
    }
    bench = Workbench(live, database, {p.name: p for p in PAGES}, templates, token or secrets.token_urlsafe(32), secure)
    app = Starlette(
        routes=[
            Route("/", page_handler("overview")),
            Route("/openapi.json", openapi),
            Route("/version.json", version),
            Route("/land.json", land),
            Route("/changed.json", changed),
            Route("/sign-in", sign_in_form, methods=["GET"]),
            Route("/sign-in", sign_in, methods=["POST"]),
            Route("/sign-out", sign_out, methods=["POST"]),
            Route("/comments", list_comments, methods=["GET"]),
            Route("/comments", add_comment, methods=["POST"]),
            Route("/comments/{number:int}", change_comment, methods=["POST"]),
            Route("/comments.json", export_comments),
            Route("/audit", audit_page),
            Route("/add/{kind}", add_form, methods=["GET"]),
            Route("/add/{kind}", add_preview, methods=["POST"]),
            Route("/add/{kind}/save", add_save, methods=["POST"]),
            Route("/knobs", turn_knobs, methods=["POST"]),
            Route("/knobs/save", save_knobs, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC), name="static"),
            Route("/{name}.json", twin),
            Route("/{name}/{item:path}", page),
            Route("/{name}", page),
        ],
        middleware=[Middleware(Guard, hosts=LOOPBACK | (hosts or set()), secure=secure), Middleware(Packed)],
        exception_handlers={HTTPException: _failed, 500: _broken},
    )
    app.state.bench = bench
    live.after = bench.warm
    return app


# --- pages ------------------------------------------------------------------------------


def page_handler(name: str) -> Callable[[Request], Any]:
    """A handler for the page of a name."""

    async def handler(request: Request) -> Response:
        return await _page(request, name, "")

    return handler


async def page(request: Request) -> Response:
    """Any page by its path."""
    return await _page(request, request.path_params["name"], request.path_params.get("item", ""))


async def _page(request: Request, name: str, item: str) -> Response:
    bench, who = _bench(request), _who(request)
    if who is None:
        return RedirectResponse("/sign-in", 303)
    if item.endswith(".json"):
        return JSONResponse(await _data(request, name, item.removesuffix(".json")))
    spec = _spec(bench, name)
    data = await _data(request, name, item)
    return _html(request, spec.template, who, spec=spec, data=data, item=item)


async def twin(request: Request) -> Response:
    """The JSON twin of a page."""
    if _who(request) is None:
        raise HTTPException(401, "sign in first")
    return JSONResponse(await _data(request, request.path_params["name"], ""))


async def _data(request: Request, name: str, item: str) -> dict[str, Any]:
    bench = _bench(request)
    spec = _spec(bench, name)
    state = bench.live.state
    if state.study is None:
        return {"waiting": not state.faults, "faults": list(state.faults), "version": state.version}
    query = {k: v for k, v in request.query_params.items() if k in spec.asks}
    try:
        plain = await asyncio.to_thread(bench.drawn, state, spec, item, query)
    except PageError as error:
        raise HTTPException(404, str(error)) from error
    return plain | {"version": state.version, "faults": list(state.faults)}


def _spec(bench: Workbench, name: str) -> Page:
    if name not in bench.pages:
        raise HTTPException(404, f"there is no page '{name}'")
    return bench.pages[name]


async def version(request: Request) -> Response:
    """The number of the current answer, and what is being computed."""
    return JSONResponse(_told(_bench(request).live.state))


async def changed(request: Request) -> Response:
    """Answers as soon as the version differs from `?version=`, or after 25 seconds."""
    given = request.query_params.get("version", "0")
    if not given.lstrip("-").isdigit() or len(given) > 12:
        raise HTTPException(400, "version: expected a number")
    state = await _bench(request).live.changed(int(given), 25.0)
    return JSONResponse(_told(state))


async def land(request: Request) -> Response:
    """The coast around the places of the case, as GeoJSON."""
    if _who(request) is None:
        raise HTTPException(401, "sign in first")
    made = await asyncio.to_thread(coast, _bench(request).live.state)
    return JSONResponse(made)


def _told(state: State) -> dict[str, Any]:
    return {"version": state.version, "busy": state.busy, "faults": list(state.faults), "seconds": state.seconds}


async def openapi(request: Request) -> Response:
    """The description of the JSON twins."""
    from tumen.web.openapi import describe

    return JSONResponse(describe(_bench(request).pages.values()))


# --- people -----------------------------------------------------------------------------


async def sign_in_form(request: Request) -> Response:
    """The form to sign in."""
    if not _bench(request).shared:
        return RedirectResponse("/", 303)
    return _html(request, "sign_in.html", None, message="")


async def sign_in(request: Request) -> Response:
    """Check name and password; sets the session cookie."""
    bench = _bench(request)
    if bench.database is None:
        return RedirectResponse("/", 303)
    form = await _form(request)
    address = request.client.host if request.client else "unknown"
    try:
        token = await asyncio.to_thread(
            people.sign_in, bench.database, form.get("name", ""), form.get("password", ""), address
        )
    except people.TooManyAttempts as error:
        return _html(request, "sign_in.html", None, status=429, message=str(error))
    except people.SignInError as error:
        return _html(request, "sign_in.html", None, status=401, message=str(error))
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(people.LIFETIME.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=bench.secure,
    )
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    bench = _bench(request)
    await _form_of(request)
    if bench.database is not None:
        people.sign_out(bench.database, request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE)
    return answer


async def audit_page(request: Request) -> Response:
    """The log of what was done by whom, and whether its chain is whole."""
    who, database = _needed(request, "analyst"), _people(request)
    if not who.moderator:
        raise HTTPException(403, "only a moderator may read the log")
    data = {"lines": audit.lines(database), "broken_at": audit.verify(database), "head": audit.head(database)}
    return _html(request, "audit.html", who, data=data)


# --- comments ---------------------------------------------------------------------------


async def list_comments(request: Request) -> Response:
    """The comments at one place, as a piece of HTML."""
    who = _needed(request, "reader")
    anchor = request.query_params.get("anchor", "")
    return _comments(request, who, anchor)


async def add_comment(request: Request) -> Response:
    """Add a comment and show the place again."""
    who, database = _needed(request, "commenter"), _people(request)
    form = await _form_of(request)
    reply = form.get("reply_to", "")
    try:
        comments.add(
            database, who, form.get("anchor", ""), form.get("body", ""), int(reply) if reply.isdigit() else None
        )
    except comments.CommentError as error:
        return _comments(request, who, form.get("anchor", ""), str(error), 422)
    return _comments(request, who, form.get("anchor", ""))


async def change_comment(request: Request) -> Response:
    """Edit, withdraw, hide or show a comment."""
    who, database = _needed(request, "commenter"), _people(request)
    form, number = await _form_of(request), request.path_params["number"]
    given = form.get("version", "")
    if not given.isdigit():
        raise HTTPException(400, "version: expected the number of the version that was read")
    version, action, message, status = int(given), form.get("action", ""), "", 200
    try:
        if action == "edit":
            comments.edit(database, who, number, version, form.get("body", ""))
        elif action == "withdraw":
            comments.withdraw(database, who, number, version)
        elif action in ("hide", "show"):
            comments.moderate(database, who, number, version, action == "hide", form.get("rule"))
        else:
            raise HTTPException(400, "action: expected edit, withdraw, hide or show")
    except comments.EditConflict as error:
        message, status = str(error), 409
    except comments.CommentError as error:
        message, status = str(error), 422
    return _comments(request, who, form.get("anchor", ""), message, status)


def _comments(request: Request, who: Person, anchor: str, message: str = "", status: int = 200) -> Response:
    database = _people(request)
    rows = comments.listing(database, anchor, who)
    return _html(
        request,
        "comments.html",
        who,
        status=status,
        rows=rows,
        anchor=anchor,
        message=message,
        standard=comments.STANDARD,
    )


async def export_comments(request: Request) -> Response:
    """Every comment with its history, for keeping."""
    who = _needed(request, "analyst")
    if not who.moderator:
        raise HTTPException(403, "only a moderator may export")
    return JSONResponse(comments.export(_people(request)))


# --- adding to the case -------------------------------------------------------------------


async def add_form(request: Request) -> Response:
    """An empty form for one row of the case."""
    who, editor = _needed(request, "analyst"), _editor(request)
    kind = request.path_params["kind"]
    try:
        fields = editor.fields(kind)
    except EditError as error:
        raise HTTPException(404, str(error)) from error
    return _html(
        request,
        "add.html",
        who,
        kind=kind,
        fields=fields,
        values={},
        diff="",
        messages=[],
        mark="",
        suggested=_suggested(request),
    )


async def add_preview(request: Request) -> Response:
    """Check a row as `tumen check` would and show the change to the text."""
    return await _add(request, save=False)


async def add_save(request: Request) -> Response:
    """Write the row that was shown."""
    return await _add(request, save=True)


async def _add(request: Request, save: bool) -> Response:
    who, editor = _needed(request, "analyst"), _editor(request)
    kind, form = request.path_params["kind"], await _form_of(request)
    mark = form.pop("mark", "")
    try:
        fields = editor.fields(kind)
        change = await asyncio.to_thread(editor.prepare, kind, form)
        if save:
            await asyncio.to_thread(editor.write, change, mark)
    except EditError as error:
        return _html(
            request, "add.html", who, status=422, kind=kind, fields=editor.fields_or_none(kind), values=form, diff="",
            messages=error.messages, mark="", suggested=_suggested(request),
        )  # fmt: skip
    if not save:
        return _html(
            request,
            "add.html",
            who,
            kind=kind,
            fields=fields,
            values=form,
            diff=change.diff,
            messages=[],
            mark=change.mark,
            suggested=_suggested(request),
        )
    _noted(request, who, "row added", kind, diff=change.diff)
    _bench(request).live.nudge()
    return _html(request, "saved.html", who, kind=kind, diff=change.diff)


async def turn_knobs(request: Request) -> Response:
    """Compute the answer with other priors and show it beside the present one."""
    who = _needed(request, "reader")
    form, state = await _form_of(request), _ready(request)
    from tumen.web.knobs import KnobError, compare

    try:
        data = await asyncio.to_thread(compare, state, form)
    except KnobError as error:
        return _html(request, "knobs_result.html", who, status=422, data=None, message=str(error))
    return _html(request, "knobs_result.html", who, data=data, message="")


async def save_knobs(request: Request) -> Response:
    """Write turned knobs to the case's text: first the change, then, with its mark, the write."""
    who, form = _needed(request, "analyst"), await _form_of(request)
    from tumen.web.knobs import KnobError, change_text

    editor, mark = _editor(request), form.pop("mark", "")
    try:
        change = await asyncio.to_thread(change_text, _ready(request), form)
        if mark:
            await asyncio.to_thread(editor.write, change, mark)
    except (KnobError, EditError) as error:
        return _html(
            request, "knobs_save.html", who, status=422, diff="", mark="", values=form, saved=False, message=str(error)
        )
    if mark:
        _noted(request, who, "priors changed", "loading.toml", diff=change.diff)
        _bench(request).live.nudge()
    return _html(
        request, "knobs_save.html", who, diff=change.diff, mark=change.mark, values=form, saved=bool(mark), message=""
    )


# --- what handlers share --------------------------------------------------------------------


def _bench(request: Request) -> Workbench:
    bench: Workbench = request.app.state.bench
    return bench


def _who(request: Request) -> Person | None:
    bench = _bench(request)
    if bench.database is None:
        return OWNER
    return people.session(bench.database, request.cookies.get(COOKIE, ""))


def _needed(request: Request, role: str) -> Person:
    who = _who(request)
    if who is None:
        raise HTTPException(401, "sign in first")
    if not who.may(role):
        raise HTTPException(403, f"this needs the role {role}; yours is {who.role}")
    return who


def _people(request: Request) -> Database:
    database = _bench(request).database
    if database is None:
        raise HTTPException(404, "comments and the log need 'tumen serve --shared'")
    return database


def _ready(request: Request) -> State:
    state = _bench(request).live.state
    if state.study is None:
        raise HTTPException(503, "the case is still being computed")
    return state


def _editor(request: Request) -> Editor:
    return Editor(_bench(request).live.folder)


def _suggested(request: Request) -> dict[str, list[tuple[str, str]]]:
    """What forms offer while one types: sources, places and trades of the case."""
    study = _bench(request).live.state.study
    if study is None:
        return {}
    sources = [(r["source_id"], f"{r['publisher']}: {r['title']}") for r in study.table("sources").to_pylist()]
    places = [(r["place"], r["kind"] or "") for r in study.table("places").to_pylist()]
    vessels = [(v, "") for v in study.table("vessels")["vessel"].to_pylist()]
    return {"source": sources, "source_id": sources, "place": places, "vessel": vessels}


def _noted(request: Request, who: Person, action: str, subject: str, **detail: Any) -> None:
    database = _bench(request).database
    if database is not None:
        with database.write() as connection:
            audit.note(connection, who.name, action, subject, **detail)


async def _form(request: Request) -> dict[str, str]:
    form = await request.form(max_files=0, max_fields=200)
    return {k: v for k, v in form.items() if isinstance(v, str)}


async def _form_of(request: Request) -> dict[str, str]:
    """The form of a signed-in person, after its token was checked."""
    form = await _form(request)
    given = form.pop("csrf", "") or request.headers.get("x-csrf", "")
    if not same(given, _token(request, _who(request))):
        raise HTTPException(403, "this form is too old or not ours; load the page again")
    return form


def _token(request: Request, who: Person | None) -> str:
    bench = _bench(request)
    return who.csrf if who is not None and bench.shared else bench.local_token


def _html(request: Request, template: str, who: Person | None, status: int = 200, **values: Any) -> Response:
    bench, state = _bench(request), _bench(request).live.state
    settings = state.study.case.settings if state.study else None
    common = {
        "who": who, "shared": bench.shared, "csrf": _token(request, who), "pages": [p for p in PAGES if p.listed],
        "path": request.url.path, "version": state.version, "faults": state.faults, "busy": state.busy,
        "title": settings.title if settings else bench.live.folder.name, "as_of": settings.as_of if settings else None,
        "simulated": settings.simulated if settings else False, "waiting": state.study is None and not state.faults, "ready": state.study is not None,
    }  # fmt: skip
    text = bench.templates.get_template(template).render(**(common | values))
    return HTMLResponse(text, status_code=status)


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.endswith(".json"):
        return JSONResponse({"error": error.detail}, error.status_code)
    if error.status_code == 401:
        return RedirectResponse("/sign-in", 303)
    return _html(request, "problem.html", _who(request), status=error.status_code, message=error.detail)


async def _broken(request: Request, error: Exception) -> Response:
    return Response("the workbench made a mistake; the case and its results are whole", 500, media_type="text/plain")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date | dt.datetime) else str(value)


def _num(value: Any) -> str:
    return "" if value is None else number(float(value)) if isinstance(value, int | float) else str(value)


def _pct(value: Any) -> str:
    return "" if value is None else f"{value:.0%}"


def _usd(value: Any) -> str:
    if value is None:
        return ""
    for size, word in ((1e9, "bn"), (1e6, "m")):
        if abs(value) >= size:
            return f"${value / size:,.3g} {word}"
    return f"${value:,.0f}"


def _measure(value: Any) -> str:
    """A redline's value: a probability, dollars, or a count."""
    if value is None:
        return ""
    return _pct(value) if 0 <= value <= 1 else _usd(value) if abs(value) >= 1e6 else _num(value)


def _day(value: Any) -> str:
    return str(value)[:10] if value else ""
