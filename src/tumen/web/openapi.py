"""The OpenAPI description of the JSON twins, made from the pages themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tumen import __version__
from tumen.web.pages import Page

PROBLEM = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
WITH_ITEM = {"why": "figure name or evidence id", "table": "name of a table"}
STATE = {
    "type": "object",
    "properties": {
        "version": {"type": "integer"},
        "busy": {"type": "string"},
        "faults": {"type": "array", "items": {"type": "string"}},
        "seconds": {"type": "number"},
    },
    "required": ["version", "busy", "faults", "seconds"],
}


def describe(pages: Iterable[Page]) -> dict[str, Any]:
    """An OpenAPI 3.1 document for the twins of the pages."""
    paths: dict[str, Any] = {
        "/version.json": {"get": _get("the current answer's number", STATE)},
        "/changed.json": {
            "get": _get(
                "waits until the answer's number differs",
                STATE,
                [_query("version", "integer", {"minimum": 0, "maximum": 10**9})],
            )
        },
    }
    for page in pages:
        queries = []
        if page.name == "search":
            queries = [_query("q", "string", {"maxLength": 200})]
        if page.name in WITH_ITEM:
            item = {
                "name": "item", "in": "path", "required": True, "description": WITH_ITEM[page.name],
                "schema": {"type": "string", "minLength": 1, "maxLength": 120, "pattern": "^[A-Za-z0-9:_.-]+$"},
            }  # fmt: skip
            paths[f"/{page.name}/{{item}}.json"] = {"get": _get(page.doc, {"type": "object"}, [item])}
        else:
            paths[f"/{page.name}.json"] = {"get": _get(page.doc, {"type": "object"}, queries)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tumen workbench", "version": __version__, "description": "The pages of one case as data."},
        "paths": paths,
    }


def _get(doc: str, schema: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    def body(of: dict[str, Any], words: str) -> dict[str, Any]:
        return {"description": words, "content": {"application/json": {"schema": of}}}

    answers = {"200": body(schema, "the page's data")}
    answers |= {code: body(PROBLEM, words) for code, words in (("400", "not understood"), ("401", "sign in first"), ("404", "not there"))}  # fmt: skip
    return {"summary": doc, "parameters": parameters or [], "responses": answers}


def _query(name: str, kind: str, limits: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": {"type": kind, **limits}}
