"""What-if over the web: gather suppositions, compute the answer under them, save them only on a yes.

The suppositions of a page are its address (`/whatif?s=off:ID&s=...`), so that one can be sent to a
colleague, and the back button takes one back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from tumen.case import CaseError
from tumen.case.write import Change
from tumen.run import RunError
from tumen.web import whatif
from tumen.web.edit import EditError, marked_all
from tumen.web.jobs import Busy, Job, Jobs
from tumen.web.knobs import KnobError, items
from tumen.web.live import State
from tumen.web.request import bench_of, editor_of, html, many, needed, noted, own_form, ready
from tumen.web.whatif import Item, WhatIfError


def new_jobs() -> Jobs:
    """The queue of what-ifs of one workbench."""
    return Jobs((WhatIfError, CaseError, RunError))


async def take(request: Request) -> Response:
    """Add suppositions to an address (`add`), or new values of a record (`of` with `v.FIELD`), or leave one out (`drop`)."""
    needed(request, "reader")
    asked = request.query_params
    told = [*asked.getlist("s"), *asked.getlist("add")]
    if "of" in asked:
        present = _present(ready(request), asked["of"])
        for name, value in asked.multi_items():
            field = name.removeprefix("v.")
            if name.startswith("v.") and value.strip() != present.get(field):
                told = [t for t in told if not t.startswith(f"set:{asked['of']}:{field}=")]
                told.append(f"set:{asked['of']}:{field}={value.strip()}")
    told = [t for t in dict.fromkeys(told) if t and t not in asked.getlist("drop")]
    rest = [("find", asked["find"])] if asked.get("find") else []
    return RedirectResponse(f"/whatif?{urlencode([*(('s', t) for t in told), *rest])}", 303)


def _present(state: State, key: str) -> dict[str, str]:
    study = state.study
    assert study is not None
    for kind, record in study.case.records():
        if record.evidence_id == key:
            return {v["name"]: v["value"] for v in whatif.described(study.case, kind, record)["values"]}
    raise HTTPException(404, "this row is not in the case as it stands now; it may have changed since")


async def compute(request: Request) -> Response:
    """Start to compute the answer under suppositions; the piece of page that comes back asks after it."""
    who = needed(request, "reader")
    await own_form(request)
    try:
        return _started(request, whatif.parse(await many(request, "s")))
    except WhatIfError as error:
        return html(request, "whatif_job.html", who, status=422, job=None, message=str(error))


async def turn_knobs(request: Request) -> Response:
    """The same for turned knobs."""
    who = needed(request, "reader")
    form, state = await own_form(request), ready(request)
    assert state.study is not None
    try:
        return _started(request, items(state.study.case, form))
    except KnobError as error:
        return html(request, "whatif_job.html", who, status=422, job=None, message=str(error))


def _started(request: Request, asked: list[Item]) -> Response:
    who, bench, state = needed(request, "reader"), bench_of(request), ready(request)
    if not asked:
        raise WhatIfError("nothing is supposed yet")
    folder = bench.live.folder

    def work(step: Callable[[str], None]) -> dict[str, Any]:
        made = whatif.compare(state, whatif.suppose(folder, asked), step)
        return made | {"items": [str(i) for i in asked], "version": state.version}

    try:
        job = bench.jobs.start(who.name, work)
    except Busy as error:
        return html(request, "whatif_job.html", who, status=429, job=None, message=str(error))
    return html(request, "whatif_job.html", who, job=job, message="")


async def job(request: Request) -> Response:
    """How far a what-if is, or its answer, as a piece of page."""
    return html(request, "whatif_job.html", needed(request, "reader"), job=_job(request), message="")


async def job_data(request: Request) -> Response:
    """The same as JSON."""
    found = _job(request)
    return JSONResponse({"done": found.done, "step": found.step, "failed": found.failed, "result": found.result})


def _job(request: Request) -> Job:
    found = bench_of(request).jobs.get(request.path_params["number"], needed(request, "reader").name)
    if found is None:
        raise HTTPException(404, "there is no such computation; it may be too long ago")
    return found


async def save(request: Request) -> Response:
    """Write suppositions to the case's text: first the change, then, with its mark, the write."""
    who, form = needed(request, "analyst"), await own_form(request)
    asked, mark, editor = await many(request, "s"), form.get("mark", ""), editor_of(request)
    try:
        supposed = await asyncio.to_thread(whatif.suppose, editor.folder, whatif.parse(asked))
        change = marked_all([Change(editor.folder / f, supposed.before[f], t) for f, t in supposed.after.items()])
        if mark:
            await asyncio.to_thread(editor.write, change, mark)
    except (WhatIfError, EditError, CaseError) as error:
        return html(request, "whatif_save.html", who, status=422, diff="", mark="", items=asked, saved=False, message=str(error))  # fmt: skip
    if mark:
        noted(request, who, "what-if saved", ", ".join(supposed.after), diff=change.diff)
        bench_of(request).live.nudge()
    return html(request, "whatif_save.html", who, diff=change.diff, mark=change.mark, items=asked, saved=bool(mark), message="")  # fmt: skip


async def keep(request: Request) -> Response:
    """Keep a computed what-if by name, apart from the case."""
    who, form = needed(request, "analyst"), await own_form(request)
    found = bench_of(request).jobs.get(form.get("job", ""), who.name)
    if found is None or found.result is None:
        raise HTTPException(404, "there is no such computation; compute it again, then keep it")
    try:
        whatif.keep(_folder(request), form.get("name", ""), whatif.parse(found.result["items"]), found.result, who.name)
    except WhatIfError as error:
        raise HTTPException(422, str(error)) from error
    return RedirectResponse("/whatif", 303)


async def forget(request: Request) -> Response:
    """Delete a kept what-if."""
    needed(request, "analyst")
    form = await own_form(request)
    whatif.forget(_folder(request), form.get("name", ""))
    return RedirectResponse("/whatif", 303)


def _folder(request: Request) -> Path:
    study = ready(request).study
    assert study is not None
    return study.store.folder
