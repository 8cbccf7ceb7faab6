"""The OpenAPI description of the workbench: its pages as data, its pictures, and what writes to it.

The schema of each row is made from the table that declares it, so that units and the meaning of an
empty cell stand in one place; what else a page gives is said here, and a test holds it to the pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from tumen import __version__
from tumen.tables import TABLES
from tumen.web.pages import Page

# Page -> key -> the table whose rows stand there, or what does, in words.
GIVES: dict[str, dict[str, str]] = {
    "overview": {
        "question": "the question of the case", "question_ko": "the same in Korean; null where the case has none", "figures": "the headline, figure by figure", "groups": "judgements under what they judge",
        "redlines": "redlines", "balance": "balance", "failed_checks": "checks that failed", "left_out": "steps that the case lacks a file for, with the reason", "inventory": "what the case holds",
        "warnings": "remarks on the text", "seconds": "time that the answer took",
    },
    "map": {
        "start": "first day", "end": "last day", "days": "days between", "places": "places with a position", "sightings": "sightings as columns",
        "texts": "texts of sightings by evidence id, where they are few", "voyages": "voyages tied down, as lines between ports",
        "unplaced": "sightings without a position", "outside": "sightings outside the period",
    },
    "timeline": {
        "start": "first day", "end": "last day", "looks": "looks by local day", "places": "places that were looked at",
        "months": "visits by place and month, seen and unseen", "events": "sightings, claims and indicators by day",
    },
    "images": {"scenes": "scenes", "chips": "chips", "scene": "the scene asked for; null without one"},
    "sources": {"rows": "sources"},
    "claims": {"rows": "claims_compared", "origins": "origins"},
    "visits": {"months": "visits by place and month, seen and unseen", "voyages": "voyage_windows", "rates": "rates", "diagnostics": "diagnostics"},
    "cargo": {"loads": "loads", "boxes": "box_rounds", "sensitivity": "sensitivity", "streams": "streams, all of them first", "totals": "what left by commodity and stream", "knobs": "priors as sliders"},
    "account": {
        "balance": "balance", "entries": "entries", "flows": "flows", "valuations_compared": "valuations_compared",
        "variance_shares": "variance_shares", "headline_basis": "value basis of the headline",
    },
    "front": {"front": "front", "front_answers": "front_answers", "front_checks": "front_checks"},
    "trades": {
        "trades": "trades", "groups": "latest judgements under what they judge", "drivers": "drivers", "shown": "drivers a judgement",
        "turns": "devils_advocate", "matrix": "competing hypotheses by findings", "collect": "collect", "names": "names of judgements by id", "names_ko": "the same in Korean",
    },
    "network": {"nodes": "judgements, restraints, the balance", "links": "what bears on what", "origins": "findings by who reported them"},
    "redlines": {"redlines": "redlines", "options": "options", "packages": "packages", "frontier": "frontier", "names": "names of judgements, options and packages by id", "names_ko": "the same in Korean", "coverage": "coverage", "collect": "collect"},
    "whatif": {
        "find": "the words searched", "supposed": "suppositions in words, with what is wrong with them", "found": "rows that may be supposed otherwise",
        "more": "whether more were found", "origins": "names of origins", "sources": "sources that rows lean on", "ships": "ships of the route", "kept": "kept what-ifs",
    },
    "why": {
        "id": "evidence id", "kind": "figure, row, computation, input, record, source", "label": "name", "where": "file and line, or table",
        "tree": "the way down to the documents", "detail": "the row", "sources": "sources below, with grades", "grades": "number of sources by grade",
        "edit": "address of its form; null for what is computed", "suppose": "what may be supposed of it",
    },
    "table": {
        "tables": "tables that can be shown", "name": "the table", "rows": "its rows, a page of them", "columns": "its columns", "total": "number of rows",
        "offset": "number of the first row shown", "doc": "what it holds",
    },
    "search": {"q": "the words searched", "hits": "what holds them all", "more": "whether more were found", "total": "how many were found"},
}  # fmt: skip
OPTIONAL = {("images", k) for k in ("detections", "berths", "local")} | {("search", "total"), ("redlines", "packages"), ("redlines", "frontier"), ("redlines", "coverage"), ("redlines", "collect")}  # fmt: skip
QUERIES = {
    "q": {"type": "string", "maxLength": 200}, "find": {"type": "string", "maxLength": 200}, "offset": {"type": "integer", "minimum": 0, "maximum": 10**6},
    "s": {"type": "string", "maxLength": 200, "description": "a supposition, e.g. off:ID; may be given again"}, "full": {"type": "string", "maxLength": 4},
}  # fmt: skip
WITH_ITEM = {"why": "figure name or evidence id", "table": "name of a table", "images": "evidence id of a scene"}
EXAMPLE = {"why": "rounds", "table": "balance"}
KINDS = "sighting, look, claim, indicator or source"
# What every twin carries beside its own.
ABOUT = {
    "version": {"type": "integer", "description": "number of the answer"},
    "as_of": {"type": "string", "description": "nothing published later is known"},
    "simulated": {"type": "boolean", "description": "the case is invented"},
    "faults": {"type": "array", "items": {"type": "string"}, "description": "what is wrong with the text now; the answer is the last whole one"},
}  # fmt: skip
PROBLEM = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
STATE = {
    "type": "object",
    "properties": {
        "version": {"type": "integer"}, "busy": {"type": "string"}, "faults": {"type": "array", "items": {"type": "string"}}, "seconds": {"type": "number"},
    },
    "required": ["version", "busy", "faults", "seconds"],
}  # fmt: skip


def describe(pages: Iterable[Page]) -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    paths: dict[str, Any] = {
        "/version.json": {"get": _get("the current answer's number, and what is being computed", STATE)},
        "/events": {"get": _stream()},
        "/land.json": {"get": _get("the coast around the places, GeoJSON", {"type": "object"})},
        "/openapi.json": {"get": _get("this description", {"type": "object"})},
        "/whatif/job/{number}.json": {"get": _get("how far a what-if is, or its answer", {"type": "object"}, [_item("number", "number of the computation")])},
        "/scene/{scene}/outlines.json": {"get": _get("berths and ships of a scene in its pixels", {"type": "object"}, [_item("scene", "evidence id of a scene")])},
        "/scene/{scene}/line.json": {
            "get": _get(
                "length, heading and place of a line between two pixels", {"type": "object"},
                [_item("scene", "evidence id of a scene"), *(_query(n, {"type": "number"}, True) for n in ("x1", "y1", "x2", "y2"))],
            )
        },
        "/table/{table}.csv": {"get": _file("a whole table, draws summarised", "text/csv", [_item("table", WITH_ITEM["table"], "balance")])},
        "/chip/{name}.png": {"get": _file("a chip", "image/png", [_item("name", "chip_id")])},
        "/scene/{scene}/{level}/{x}_{y}.png": {"get": _file("a tile of a scene", "image/png", [_item("scene", "evidence id of a scene"), *(_number(n) for n in ("level", "x", "y"))])},
        "/knobs": {"post": _post("compute the answer under turned priors: fields are named as on the Cargo page", ())},
        "/whatif/compute": {"post": _post("compute the answer under suppositions; gives a piece of page that names the job", ("s",))},
        "/whatif/save": {"post": _post("show the change to the text; with its mark, write it", ("s", "mark"))},
        "/whatif/keep": {"post": _post("keep a computed what-if under a name, apart from the case", ("job", "name"))},
        "/whatif/forget": {"post": _post("delete a kept what-if", ("name",))},
        "/add/{kind}.json": {"get": _get("the fields of a row's form, and the id that the next row would get", {"type": "object"}, [_item("kind", KINDS, "claim")])},
        "/edit/{kind}/{row}.json": {"get": _get("a row as its form shows it: cells, line, fields", {"type": "object"}, [_item("kind", KINDS, "claim"), _item("row", "id of the row")])},
        "/add/{kind}": {"post": _post("check a row and show the change to the text", (), [_item("kind", KINDS, "claim")])},
        "/add/{kind}/save": {"post": _post("write the row that was shown", ("mark",), [_item("kind", KINDS, "claim")])},
        "/edit/{kind}/{row}": {"post": _post("check a changed row and show the change; with its mark, write it", ("base", "mark"), [_item("kind", KINDS, "claim"), _item("row", "id of the row")])},
        "/sign-in": {"post": _post("start a session", ("name", "password"))},
        "/sign-out": {"post": _post("end the session", ())},
        "/comments": {
            "get": _file("the comments at one place, as a piece of page", "text/html", [_query("anchor", {"type": "string", "maxLength": 200}, True)]),
            "post": _post("add a comment of at most 250 characters", ("anchor", "body")),
        },
        "/comments/{number}": {"post": _post("edit, withdraw, hide or show a comment: `action`, with the `version` that was read", ("action", "version", "anchor", "body", "rule"), [_number("number")])},
        "/comments/{number}/history": {"get": _file("every version of a comment, for its author and moderators", "text/html", [_number("number")])},
        "/comments/counts.json": {"get": _get("how many comments stand where", {"type": "object"})},
        "/comments.json": {"get": _get("every comment with its history, for moderators", {"type": ["object", "array"]})},
        "/audit.json": {"get": _get("the log, and whether its chain is whole, for moderators", {"type": "object"})},
    }  # fmt: skip
    for page in pages:
        queries = [_query(name, QUERIES[name]) for name in page.asks]
        if not page.needs_item:
            paths[f"/{page.name}.json"] = {"get": _get(page.doc, _gives(page.name), queries)}
        if page.name in WITH_ITEM:
            paths[f"/{page.name}/{{item}}.json"] = {"get": _get(page.doc, _gives(page.name), [_item("item", WITH_ITEM[page.name], EXAMPLE.get(page.name, "")), *queries])}  # fmt: skip
    used = {name for told in GIVES.values() for name in told.values() if name in TABLES}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tumen workbench", "version": __version__, "description": "The pages of one case as data. Where people sign in, every address but this one needs the session's cookie; what writes also needs the form's token, `csrf`."},
        "paths": paths,
        "components": {"schemas": {name: _row(name) for name in sorted(used)}},
    }  # fmt: skip


def _gives(page: str) -> dict[str, Any]:
    told = GIVES.get(page, {})
    properties: dict[str, Any] = {
        key: {"type": "array", "items": {"$ref": f"#/components/schemas/{what}"}, "description": TABLES[what].doc} if what in TABLES else {"description": what}
        for key, what in told.items()
    }  # fmt: skip
    return {"type": "object", "properties": ABOUT | properties}  # fmt: skip


def _row(name: str) -> dict[str, Any]:
    table = TABLES[name]
    return {"type": "object", "description": table.doc, "properties": {c.name: _column(c, table.schema.field(c.name).type) for c in table.columns}}  # fmt: skip


def _column(column: Any, kind: pa.DataType) -> dict[str, Any]:
    if isinstance(kind, pa.DictionaryType):
        kind = kind.value_type
    if pa.types.is_list(kind):
        named: dict[str, Any] = {"type": ["array", "null"]}
    elif pa.types.is_boolean(kind):
        named = {"type": ["boolean", "null"]}
    elif pa.types.is_integer(kind):
        named = {"type": ["integer", "null"]}
    elif pa.types.is_floating(kind):
        named = {"type": ["number", "null"]}
    else:
        named = {"type": ["string", "null"]}
    words = column.doc + (f", {column.unit}" if column.unit else "") + (f"; null: {column.null}" if column.null else "")
    return named | {"description": words}


def _get(doc: str, schema: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "summary": doc,
        "parameters": parameters or [],
        "responses": {"200": _body(schema, "the data")} | _problems(),
    }


def _body(schema: dict[str, Any], words: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _problems() -> dict[str, Any]:
    told = (("400", "not understood"), ("401", "sign in first"), ("403", "not with this role"), ("404", "not there"), ("503", "still being computed"))  # fmt: skip
    return {code: _body(PROBLEM, words) for code, words in told}


def _file(doc: str, kind: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    page = {"content": {"text/html": {"schema": {"type": "string"}}}}
    told = {code: {"description": words} | page for code, words in (("400", "not understood"), ("403", "not with this role"), ("404", "not there"), ("503", "still being computed"))}  # fmt: skip
    moved = {"303": {"description": "to the form that signs in"}}
    whole = {"200": {"description": doc, "content": {kind: {"schema": {"type": "string"}}}}}
    return {"summary": doc, "parameters": parameters, "responses": whole | moved | told}


def _stream() -> dict[str, Any]:
    words = "the state, at once and at every change, as server-sent events"
    return {"summary": words, "responses": {"200": {"description": words, "content": {"text/event-stream": {"schema": {"type": "string"}}}}}}  # fmt: skip


def _post(doc: str, fields: tuple[str, ...], parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    form = {"type": "object", "properties": {n: {"type": "string"} for n in ("csrf", *fields)}, "required": ["csrf"]}
    page = {"text/html": {"schema": {"type": "string"}}}
    told = (("200", "done"), ("400", "not understood"), ("401", "not signed in, or name or password is wrong"), ("403", "no token, or not the role"), ("404", "not there"), ("405", "nothing is sent there"), ("409", "changed meanwhile"), ("413", "too large"), ("422", "refused, with the reason"), ("429", "too many wait, or too many attempts"))  # fmt: skip
    answers: dict[str, Any] = {code: {"description": words, "content": page} for code, words in told}
    answers["303"] = {"description": "done; the page to go on with"}
    return {
        "summary": doc, "parameters": parameters or [],
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": form}}}, "responses": answers,
    }  # fmt: skip


def _item(name: str, words: str, example: str = "") -> dict[str, Any]:
    shape = {"type": "string", "minLength": 1, "maxLength": 120, "pattern": "^[A-Za-z0-9:_.-]+$"}
    shown = {"example": example} if example else {}
    return {"name": name, "in": "path", "required": True, "description": words, "schema": shape} | shown


def _number(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0, "maximum": 10**6}}


def _query(name: str, schema: dict[str, Any], required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}
