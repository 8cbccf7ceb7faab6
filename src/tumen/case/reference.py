"""The reference of every file and field of a case, made from the models themselves.

Takes nothing; gives Markdown. `docs/case.md` holds it between two marks, and a test keeps both
the same: `python -m tumen.case.reference` rewrites the page.
"""

from __future__ import annotations

import datetime as dt
import sys
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from tumen.case.claims import QUANTITIES
from tumen.case.folder import PARTS, Part
from tumen.case.forms import model_of
from tumen.case.record import Day, PartialDate, Record

BEGIN, END = "<!-- reference: begin -->", "<!-- reference: end -->"


def reference() -> str:
    """The reference in Markdown: one heading a file, one table row a field."""
    parts = [file_reference(part) for part in PARTS]
    parts.append("### Quantities of `claims.csv`\n\n| quantity | unit | meaning |\n| --- | --- | --- |")
    parts += [f"| `{name}` | {unit} | {meaning} |" for name, (unit, meaning) in QUANTITIES.items()]
    return "\n".join(parts).strip() + "\n"


def file_reference(part: Part) -> str:
    """The reference of one file."""
    model = model_of(part.file)
    head = f"### `{part.file}` ({'required' if part.required else 'optional'})\n\n{_first(model)}\n"
    if part.file.endswith(".toml"):
        return "\n".join([head, *(_section(name, one) for name, one in _tables(model, ""))])
    return f"{head}\n{_fields(model)}"


def _first(model: type[Record]) -> str:
    return (model.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ").strip()


def _section(name: str, model: type[Record]) -> str:
    return f"**`{name}`** {_first(model)}\n\n{_fields(model)}" if name else _fields(model)


def _fields(model: type[Record]) -> str:
    rows = ["| field | what it takes | meaning |", "| --- | --- | --- |"]
    for name in model.columns():
        field = model.model_fields[name]
        shown = field.alias or name
        rows.append(
            f"| `{shown}`{' *' if field.is_required() else ''} | {_takes(field)} | {_cell(field.description or '')} |"
        )
    return "\n".join(rows) + "\n"


def _tables(model: type[Record], path: str) -> list[tuple[str, type[Record]]]:
    """The tables of a TOML file: the file itself, then every table inside it, each model once."""
    out: list[tuple[str, type[Record]]] = []
    seen: set[type[Record]] = set()

    def walk(one: type[Record], where: str) -> None:
        if one in seen:
            return
        seen.add(one)
        out.append((where, one))
        for name, field in one.model_fields.items():
            for kind, inner in () if _told_elsewhere(name, one) else _inside(field.annotation):
                dotted = f"{where.strip('[]')}.{name}".strip(".")
                walk(inner, {"one": f"[{dotted}]", "list": f"[[{dotted}]]", "dict": f"[{dotted}.NAME]"}[kind])

    walk(model, path)
    return out


def _told_elsewhere(name: str, model: type[Record]) -> bool:
    """Whether a table has a page of its own: the traffic settings stand in docs/traffic.md."""
    return model.__name__ == "Settings" and name == "traffic"


def _inside(annotation: Any, kind: str = "one") -> list[tuple[str, type[Record]]]:
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return [(kind, annotation)]
    origin = typing.get_origin(annotation)
    inner = "list" if origin in (list, tuple) else "dict" if origin is dict else kind
    arguments = typing.get_args(annotation)[: 1 if origin is Annotated else None]
    return [pair for argument in arguments for pair in _inside(argument, inner)]


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def _takes(field: FieldInfo) -> str:
    annotation = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    words = _type(annotation)
    if not field.is_required() and field.default_factory is None and field.default not in (None, [], {}, ""):
        default = field.default
        if isinstance(default, bool):
            default = "yes" if default else "no"
        if not isinstance(default, Record | list | dict | tuple):
            words += f"; default {default}"
    return words


def _type(annotation: Any) -> str:
    if annotation is Any:
        return "value"
    if annotation == Day or annotation is dt.date:
        return "day"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _bounded(_type(arguments[0]), arguments[1:])
    if origin is Literal:
        return " or ".join(f"`{a}`" for a in arguments)
    if origin in (Union, types.UnionType):
        return ", ".join(dict.fromkeys(_type(a) for a in arguments if a is not type(None)))
    if origin in (list, tuple):
        inner = _type(arguments[0]) if arguments else "values"
        return "list" if inner == "text" else f"list of {inner}"
    if origin is dict:
        return (
            "tables by name" if _type(arguments[1]) in ("table", "value", "Any") else "table of " + _type(arguments[1])
        )
    if isinstance(annotation, type):
        if issubclass(annotation, PartialDate):
            return "day, month or year"
        if issubclass(annotation, Record):
            return "table"
        names = {str: "text", bool: "yes or no", int: "whole number", float: "number", dict: "table", dt.date: "day"}
        return names.get(annotation, annotation.__name__)
    return "value"


def _bounded(words: str, notes: tuple[Any, ...]) -> str:
    low = next(
        (
            f"{n.ge:g} or more" if isinstance(n, Ge) else f"above {n.gt:g}"
            for n in _flat(notes)
            if isinstance(n, Ge | Gt)
        ),
        "",
    )
    high = next(
        (
            f"{n.le:g} at most" if isinstance(n, Le) else f"below {n.lt:g}"
            for n in _flat(notes)
            if isinstance(n, Le | Lt)
        ),
        "",
    )
    if "2.14748e+09" in high or "e+18" in high:
        high = ""
    extra = ", ".join(w for w in (low, high) if w)
    return f"{words}, {extra}" if extra else words


def _flat(notes: tuple[Any, ...]) -> list[Any]:
    out: list[Any] = []
    for note in notes:
        out += note.metadata if isinstance(note, FieldInfo) else [note]
    return out


def page_with_reference(page: str) -> str:
    """The page with the present reference between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{reference()}{END}{tail}"


def main(path: str = "docs/case.md") -> None:
    """Rewrite the page."""
    file = Path(path)
    file.write_text(page_with_reference(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])
