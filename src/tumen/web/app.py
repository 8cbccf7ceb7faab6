"""The workbench: pages over the tables of one live case, each with a JSON twin.

Takes a `Live` case and, for several people, a `Database`; gives a Starlette application. A page
is a name, a title and a function from the current state to plain data; its template draws the
data and `/NAME.json` gives the same data as JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tumen.web import asking, audit, comments, looking, people, writing
from tumen.web.database import Database
from tumen.web.live import Live, State
from tumen.web.pages import PAGES, Page, PageError, as_csv
from tumen.web.people import Person
from tumen.web.request import (
    COOKIE,
    LOOPBACK,
    Drawn,
    Workbench,
    about,
    bench_of,
    form_of,
    html,
    needed,
    own_form,
    people_of,
    ready,
    who_of,
    whole,
)  # fmt: skip
from tumen.web.scenes import Scenes
from tumen.web.security import Guard, Packed
from tumen.web.words import FILTERS

# A silent stream is told so, that a dead connection is noticed and an ended session ends it.
BEAT_SECONDS = 15.0
STATIC = Path(__file__).parent / "static"


@cache
def file(name: str) -> str:
    """The address of a static file, with a mark of its contents, so that a browser may keep it."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]}"


class Whole(Convertor[int]):
    """A whole number in an address, of a length that can be a number of anything here."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        """The number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Its digits."""
        return str(value)


register_url_convertor("whole", Whole())


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
    templates.filters |= FILTERS
    templates.globals["file"] = file
    bench = Workbench(
        live,
        database,
        {p.name: p for p in PAGES},
        templates,
        token or secrets.token_urlsafe(32),
        secure,
        asking.new_jobs(),
        Scenes(),
    )
    app = Starlette(
        routes=[
            Route("/", page_handler("overview")),
            Route("/openapi.json", openapi),
            Route("/version.json", version),
            Route("/land.json", land),
            Route("/chip/{name}.png", looking.chip),
            Route("/scene/{scene}/outlines.json", looking.outlines),
            Route("/scene/{scene}/line.json", looking.line),
            Route("/scene/{scene}/{level:whole}/{x:whole}_{y:whole}.png", looking.tile),
            Route("/events", events),
            Route("/sign-in", sign_in_form, methods=["GET"]),
            Route("/sign-in", sign_in, methods=["POST"]),
            Route("/sign-out", sign_out, methods=["POST"]),
            Route("/comments", list_comments, methods=["GET"]),
            Route("/comments", add_comment, methods=["POST"]),
            Route("/comments/counts.json", count_comments),
            Route("/comments/{number:whole}/history", comment_history),
            Route("/comments/{number:whole}", change_comment, methods=["POST"]),
            Route("/comments.json", export_comments),
            Route("/audit", audit_page),
            Route("/audit.json", audit_page),
            Route("/add/{kind}.json", writing.add_data),
            Route("/add/{kind}", writing.add_form, methods=["GET"]),
            Route("/add/{kind}", writing.add_preview, methods=["POST"]),
            Route("/add/{kind}/save", writing.add_save, methods=["POST"]),
            Route("/edit/{kind}/{row}.json", writing.edit_data),
            Route("/edit/{kind}/{row:path}", writing.edit_form, methods=["GET"]),
            Route("/edit/{kind}/{row:path}", writing.edit_row, methods=["POST"]),
            Route("/knobs", asking.turn_knobs, methods=["POST"]),
            Route("/whatif/take", asking.take),
            Route("/whatif/compute", asking.compute, methods=["POST"]),
            Route("/whatif/job/{number}.json", asking.job_data),
            Route("/whatif/job/{number}", asking.job),
            Route("/whatif/save", asking.save, methods=["POST"]),
            Route("/whatif/keep", asking.keep, methods=["POST"]),
            Route("/whatif/forget", asking.forget, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC), name="static"),
            Route("/table/{table}.csv", table_file),
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


# Pages that show one of several things, named in the address.
TAKES_ITEM = frozenset(["why", "table", "images"])


def page_handler(name: str) -> Callable[[Request], Any]:
    """A handler for the page of a name."""

    async def handler(request: Request) -> Response:
        return await _page(request, name, "")

    return handler


async def page(request: Request) -> Response:
    """Any page by its path."""
    return await _page(request, request.path_params["name"], request.path_params.get("item", ""))


async def _page(request: Request, name: str, item: str) -> Response:
    bench, who = bench_of(request), who_of(request)
    if who is None:
        return RedirectResponse("/sign-in", 303)
    if item.endswith(".json"):
        return await _twin(request, name, item.removesuffix(".json"))
    spec = _spec(bench, name)
    drawn = await _drawn(request, spec, item)
    data = drawn.data | about(bench.live.state) if drawn else {}
    return html(request, spec.template, who, spec=spec, data=data, item=item, ready=drawn is not None)


async def twin(request: Request) -> Response:
    """The JSON twin of a page."""
    if who_of(request) is None:
        raise HTTPException(401, "sign in first")
    return await _twin(request, request.path_params["name"], "")


async def _twin(request: Request, name: str, item: str) -> Response:
    drawn, state = await _drawn(request, _spec(bench_of(request), name), item), bench_of(request).live.state
    if drawn is None:
        return JSONResponse({"waiting": not state.faults, "faults": list(state.faults), "version": state.version})
    return await _sent(request, drawn, about(state))


async def _sent(request: Request, drawn: Drawn, more: dict[str, Any]) -> Response:
    """Data as JSON, packed once for all who take it so."""
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return JSONResponse(drawn.data | more)
    packed = await asyncio.to_thread(drawn.packed, more)
    headers = {"content-encoding": "gzip", "vary": "Accept-Encoding"}
    return Response(packed, media_type="application/json", headers=headers)


async def _drawn(request: Request, spec: Page, item: str) -> Drawn | None:
    """The data of a page; None while there is no answer."""
    if item and spec.name not in TAKES_ITEM:
        raise HTTPException(404, f"{spec.title} holds nothing under that name")
    bench = bench_of(request)
    state = bench.live.state
    if state.study is None:
        return None
    query = {k: "\n".join(request.query_params.getlist(k)) for k in spec.asks if k in request.query_params}
    try:
        return await asyncio.to_thread(bench.drawn, state, spec, item, query)
    except PageError as error:
        raise HTTPException(404, str(error)) from error


def _spec(bench: Workbench, name: str) -> Page:
    if name not in bench.pages:
        raise HTTPException(404, f"there is no page '{name}'")
    return bench.pages[name]


async def table_file(request: Request) -> Response:
    """A whole table as CSV; draws are summarised, lists are joined by semicolons."""
    needed(request, "reader")
    study, name = ready(request).study, request.path_params["table"]
    assert study is not None
    if name not in study.names():
        raise HTTPException(404, f"there is no table '{name[:60]}'")
    text = await asyncio.to_thread(as_csv, study, name)
    return Response(text, media_type="text/csv", headers={"content-disposition": f'attachment; filename="{name}.csv"'})


async def version(request: Request) -> Response:
    """The number of the current answer, and what is being computed."""
    needed(request, "reader")
    return JSONResponse(_told(bench_of(request).live.state))


async def events(request: Request) -> Response:
    """Server-sent events: the state now and at every change, while the reader may read."""
    needed(request, "reader")
    live = bench_of(request).live

    async def stream() -> AsyncIterator[str]:
        state = live.state
        yield f"retry: 3000\ndata: {json.dumps(_told(state))}\n\n"
        while True:
            seen, state = state, await live.changed(state, BEAT_SECONDS)
            if await asyncio.to_thread(who_of, request) is None:  # the session ended meanwhile
                return
            yield f"data: {json.dumps(_told(state))}\n\n" if state is not seen else ": still here\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


async def land(request: Request) -> Response:
    """The coast around the places of the case, as GeoJSON."""
    if who_of(request) is None:
        raise HTTPException(401, "sign in first")
    bench, state = bench_of(request), ready(request)
    return await _sent(request, await asyncio.to_thread(bench.land, state), {})


def _told(state: State) -> dict[str, Any]:
    return {"version": state.version, "busy": state.busy, "faults": list(state.faults), "seconds": state.seconds}


async def openapi(request: Request) -> Response:
    """The description of the JSON twins."""
    from tumen.web.openapi import describe

    return JSONResponse(describe(bench_of(request).pages.values()))


# --- people -----------------------------------------------------------------------------


async def sign_in_form(request: Request) -> Response:
    """The form to sign in."""
    if not bench_of(request).shared:
        return RedirectResponse("/", 303)
    return html(request, "sign_in.html", None, message="")


async def sign_in(request: Request) -> Response:
    """Check name and password; sets the session cookie."""
    bench = bench_of(request)
    if bench.database is None:
        return RedirectResponse("/", 303)
    form = await form_of(request)
    address = request.client.host if request.client else "unknown"
    try:
        token = await asyncio.to_thread(
            people.sign_in, bench.database, form.get("name", ""), form.get("password", ""), address
        )
    except people.TooManyAttempts as error:
        return html(request, "sign_in.html", None, status=429, message=str(error))
    except people.SignInError as error:
        return html(request, "sign_in.html", None, status=401, message=str(error))
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
    bench = bench_of(request)
    await own_form(request)
    if bench.database is not None:
        people.sign_out(bench.database, request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE)
    return answer


async def audit_page(request: Request) -> Response:
    """The log of what was done by whom, and whether its chain is whole."""
    who, database = needed(request, "reader"), people_of(request)
    if not who.moderator:
        raise HTTPException(403, "only a moderator may read the log")
    data = {"lines": audit.lines(database), "broken_at": audit.verify(database), "head": audit.head(database)}
    if request.url.path.endswith(".json"):
        return JSONResponse(data)
    return html(request, "audit.html", who, data=data)


# --- comments ---------------------------------------------------------------------------


async def list_comments(request: Request) -> Response:
    """The comments at one place, as a piece of HTML."""
    who = needed(request, "reader")
    anchor = request.query_params.get("anchor", "")
    return _comments(request, who, anchor)


async def count_comments(request: Request) -> Response:
    """How many comments stand where."""
    needed(request, "reader")
    return JSONResponse(comments.counts(people_of(request)))


async def add_comment(request: Request) -> Response:
    """Add a comment and show the place again."""
    who, database = needed(request, "commenter"), people_of(request)
    form = await own_form(request)
    reply = form.get("reply_to", "")
    try:
        comments.add(database, who, form.get("anchor", ""), form.get("body", ""), whole(reply))
    except comments.CommentError as error:
        return _comments(request, who, form.get("anchor", ""), str(error), 422)
    return _comments(request, who, form.get("anchor", ""))


async def comment_history(request: Request) -> Response:
    """Every version of a comment, for its author and for moderators, as a piece of HTML."""
    who, database = needed(request, "reader"), people_of(request)
    rows = comments.history(database, request.path_params["number"])
    if not rows or not (who.moderator or rows[0]["by"] == who.name):
        raise HTTPException(404, "there is no such comment, or it is not yours")
    return html(request, "history.html", who, rows=rows)


async def change_comment(request: Request) -> Response:
    """Edit, withdraw, hide or show a comment."""
    who, database = needed(request, "reader"), people_of(request)
    form, number = await own_form(request), request.path_params["number"]
    if form.get("action") not in ("hide", "show"):
        needed(request, "commenter")
    version = whole(form.get("version", ""))
    if version is None:
        raise HTTPException(400, "version: expected the number of the version that was read")
    action, message, status = form.get("action", ""), "", 200
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
    database = people_of(request)
    rows = comments.listing(database, anchor, who)
    return html(
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
    who = needed(request, "reader")
    if not who.moderator:
        raise HTTPException(403, "only a moderator may export")
    return JSONResponse(comments.export(people_of(request)))


# --- what went wrong --------------------------------------------------------------------


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.endswith(".json"):
        return JSONResponse({"error": error.detail}, error.status_code)
    if error.status_code == 401:
        return RedirectResponse("/sign-in", 303)
    return html(request, "problem.html", who_of(request), status=error.status_code, message=error.detail)


async def _broken(request: Request, error: Exception) -> Response:
    return Response("the workbench made a mistake; the case and its results are whole", 500, media_type="text/plain")
