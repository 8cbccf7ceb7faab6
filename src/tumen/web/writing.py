"""Forms that write to the case's text: add a row, change a row. The diff is shown first; only a yes writes.

What a form holds is checked as `tumen check` would. In a shared workbench each write goes to the log.
"""

from __future__ import annotations

import asyncio
import getpass
import json
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tumen.web.edit import EditError, merge
from tumen.web.people import Person
from tumen.web.request import bench_of, editor_of, html, needed, noted, own_form, suggested


def _author(request: Request, who: Person) -> str:
    """Who signs a row: the person who is signed in, on one's own machine the user of the machine."""
    if bench_of(request).shared:
        return who.name
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user without a name
        return ""


async def add_form(request: Request) -> Response:
    """An empty form for one row of the case, or one with what the address already tells."""
    who, editor, kind = needed(request, "analyst"), editor_of(request), request.path_params["kind"]
    try:
        fields = editor.fields(kind)
    except EditError as error:
        raise HTTPException(404, str(error)) from error
    known = {f.name for f in fields}
    given = {k: v[:2000] for k, v in request.query_params.items() if k in known}
    if "id" not in given:
        given["id"] = await asyncio.to_thread(editor.next_id, kind, given)
    return _add_page(request, who, kind, fields, given | {"author": _author(request, who)})


async def add_data(request: Request) -> Response:
    """The form as data: its fields, and the id that the next row would get."""
    needed(request, "analyst")
    editor, kind = editor_of(request), request.path_params["kind"]
    try:
        fields = editor.fields(kind)
    except EditError as error:
        raise HTTPException(404, str(error)) from error
    free = await asyncio.to_thread(editor.next_id, kind, {})
    return JSONResponse({"kind": kind, "fields": [asdict(f) for f in fields], "next_id": free})


async def edit_data(request: Request) -> Response:
    """A row of the case as its form shows it: its cells, its line, the fields."""
    needed(request, "analyst")
    editor, kind = editor_of(request), request.path_params["kind"]
    try:
        row = await asyncio.to_thread(editor.open, kind, request.path_params["row"])
    except EditError as error:
        raise HTTPException(404, str(error)) from error
    return JSONResponse(asdict(row) | {"fields": [asdict(f) for f in editor.fields(kind)]})


def _add_page(
    request: Request, who: Person, kind: str, fields: list[Any], values: dict[str, str], status: int = 200, **more: Any
) -> Response:
    shown = {"diff": "", "messages": [], "mark": ""} | more
    author = values.pop("author", "")
    return html(
        request, "add.html", who, status=status, kind=kind, fields=fields, values=values, author=author,
        suggested=suggested(request), **shown,
    )  # fmt: skip


async def add_preview(request: Request) -> Response:
    """Check a row as `tumen check` would and show the change to the text."""
    return await _add(request, save=False)


async def add_save(request: Request) -> Response:
    """Write the row that was shown."""
    return await _add(request, save=True)


async def _add(request: Request, save: bool) -> Response:
    who, editor, kind = needed(request, "analyst"), editor_of(request), request.path_params["kind"]
    form = await own_form(request)
    mark, author = form.pop("mark", ""), form.pop("author", "")
    if bench_of(request).shared:
        author = who.name
    try:
        fields = editor.fields(kind)
        change = await asyncio.to_thread(editor.prepare, kind, form, author)
        if save:
            await asyncio.to_thread(editor.write, change, mark)
    except EditError as error:
        fields = editor.fields_or_none(kind)
        return _add_page(request, who, kind, fields, form | {"author": author}, 422, messages=error.messages)
    if not save:
        return _add_page(request, who, kind, fields, form | {"author": author}, diff=change.diff, mark=change.mark)
    noted(request, who, "row added", kind, diff=change.diff)
    bench_of(request).live.nudge()
    return html(request, "saved.html", who, kind=kind, diff=change.diff, added=True)


async def edit_form(request: Request) -> Response:
    """A form with a row of the case as it stands now."""
    who, editor = needed(request, "analyst"), editor_of(request)
    kind, name = request.path_params["kind"], request.path_params["row"]
    try:
        row = await asyncio.to_thread(editor.open, kind, name)
    except EditError as error:
        raise HTTPException(404, str(error)) from error
    return _edit_page(request, who, row, row.cells, row.cells)


def _edit_page(
    request: Request,
    who: Person,
    row: Any,
    values: dict[str, str],
    base: dict[str, str],
    status: int = 200,
    **more: Any,
) -> Response:
    shown = {"diff": "", "messages": [], "mark": "", "kept": []} | more
    return html(
        request, "edit.html", who, status=status, row=row, kind=row.kind, fields=editor_of(request).fields(row.kind),
        values=values, base=json.dumps(base, ensure_ascii=False), suggested=suggested(request), **shown,
    )  # fmt: skip


async def edit_row(request: Request) -> Response:
    """Check a changed row and show the change, or write the change that was shown.

    `base` is the row as it stood when the form was opened: where someone else changed it since, what
    only one side changed is merged, and what both changed is shown again to be decided.
    """
    who, editor, form = needed(request, "analyst"), editor_of(request), await own_form(request)
    mark, base = form.pop("mark", ""), _base(form.pop("base", ""))
    try:
        row = await asyncio.to_thread(editor.open, request.path_params["kind"], request.path_params["row"])
    except EditError as error:
        raise HTTPException(404, str(error)) from error
    merged = merge(base, {f.name: form.get(f.name, "").strip() for f in editor.fields(row.kind)}, row.cells)
    if merged.clashes:
        words = [f"someone else changed this row meanwhile. {c}" for c in merged.clashes]
        return _edit_page(request, who, row, merged.cells, row.cells, 409, messages=words, kept=merged.kept)
    try:
        change = await asyncio.to_thread(editor.prepare_change, row, merged.cells)
        if mark:
            await asyncio.to_thread(editor.write, change, mark)
    except EditError as error:
        return _edit_page(request, who, row, merged.cells, row.cells, 422, messages=error.messages, kept=merged.kept)
    if not mark:
        return _edit_page(request, who, row, merged.cells, row.cells, diff=change.diff, mark=change.mark, kept=merged.kept)  # fmt: skip
    noted(request, who, "row changed", f"{row.kind} {row.name}", diff=change.diff)
    bench_of(request).live.nudge()
    return html(request, "saved.html", who, kind=row.kind, diff=change.diff, added=False)


def _base(text: str) -> dict[str, str]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or not all(isinstance(v, str) for v in data.values()):
        raise HTTPException(400, "base: expected the row as it was when the form was opened; open the form again")
    return data
