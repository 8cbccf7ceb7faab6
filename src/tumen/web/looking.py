"""Looking into scenes over the web: tiles, outlines, lengths and chips of the case's own images."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tumen.study import Study
from tumen.web import scenes
from tumen.web.request import bench_of, needed, ready
from tumen.web.scenes import SceneError

T = TypeVar("T")


async def _asked(request: Request, work: Callable[..., T], *arguments: Any) -> T:
    needed(request, "reader")
    study = ready(request).study
    assert isinstance(study, Study)
    try:
        return await asyncio.to_thread(work, study, *arguments)
    except SceneError as error:
        raise HTTPException(404, str(error)) from error


async def tile(request: Request) -> Response:
    """One tile of a scene, PNG."""
    p = request.path_params
    return Response(await _asked(request, bench_of(request).scenes.tile, p["scene"], p["level"], p["x"], p["y"]), media_type="image/png")  # fmt: skip


async def outlines(request: Request) -> Response:
    """Outlines of berths and ships in pixel coordinates."""
    return JSONResponse(await _asked(request, bench_of(request).scenes.outlines, request.path_params["scene"]))


async def line(request: Request) -> Response:
    """Length, heading and place of a line: `?x1=..&y1=..&x2=..&y2=..` in pixels of the scene."""
    try:
        ends = tuple(float(request.query_params.get(name, "")) for name in ("x1", "y1", "x2", "y2"))
    except ValueError:
        ends = (math.nan,)
    if not all(math.isfinite(v) and abs(v) < 1e6 for v in ends):
        raise HTTPException(400, "x1, y1, x2, y2: expected numbers of pixels")
    return JSONResponse(await _asked(request, bench_of(request).scenes.line, request.path_params["scene"], ends))


async def chip(request: Request) -> Response:
    """A chip, PNG."""
    return Response(await _asked(request, scenes.chip, request.path_params["name"]), media_type="image/png")
