"""Readers of CSV, TOML and YAML that know the line of everything they read.

Each returns checked records and adds what is wrong to a `Faults` collector; none raises
for a fault in the user's data.
"""

from __future__ import annotations

import csv
import re
import tomllib

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from tumen.case.faults import At, Faults
from tumen.case.record import Record

R = TypeVar("R", bound=Record)

# A case is written by people; a larger text file is a mistake (an archive put in the wrong folder).
MAX_TEXT_BYTES = 20_000_000


def read_csv(path: Path, model: type[R], faults: Faults) -> list[R]:
    """Rows of a CSV with a header, as records; an absent file is an empty list."""
    text = _text(path, faults)
    if text is None:
        return []
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    out: list[R] = []
    try:
        header = next(reader, None)
        if header is None:
            return []
        at = At(path.name, 1)
        known = set(model.model_fields)
        for name in header:
            if name not in known:
                faults.add(at, name, "unknown column", f"one of {', '.join(model.model_fields)}")
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                break
            if not any(c.strip() for c in cells):
                continue
            at = At(path.name, line)
            if len(cells) != len(header):
                faults.add(at, "row", f"{len(cells)} cells", f"{len(header)} cells, as in the header")
                continue
            made = make(model, {k: v for k, v in zip(header, cells, strict=True) if k in known}, at, faults)
            if made is not None:
                out.append(made)
    except csv.Error as error:
        faults.add(At(path.name, reader.line_num), "row", str(error), "a CSV row with closed quotes")
    return out


def read_toml(path: Path, model: type[R], faults: Faults) -> R | None:
    """A TOML file as one record; nested faults carry the line of their key."""
    text = _text(path, faults)
    if text is None:
        return None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        faults.add(At(path.name, int(found[1]) if found else 1), "file", str(error), "valid TOML")
        return None
    lines = toml_lines(text)
    return make(model, data, At(path.name, 1), faults, lines)


def read_yaml(path: Path, model: type[R], faults: Faults, under: str) -> list[R]:
    """A YAML file that holds a list of records under one key."""
    text = _text(path, faults)
    if text is None:
        return []
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        faults.add(At(path.name, line), "file", str(error.problem), "valid YAML")
        return []
    if not isinstance(data, dict) or not isinstance(data.get(under), list):
        faults.add(At(path.name, 1), under, "missing", f"a list under '{under}:'")
        return []
    nodes = next(v for k, v in root.value if k.value == under)
    out: list[R] = []
    for item, node in zip(data[under], nodes.value, strict=True):
        at = At(path.name, node.start_mark.line + 1)
        if not isinstance(item, dict):
            faults.add(at, under, f"'{item}'", "fields with values")
            continue
        lines = {(str(k.value),): k.start_mark.line + 1 for k, _ in node.value}
        made = make(model, item, at, faults, lines)
        if made is not None:
            out.append(made)
    return out


def make(
    model: type[R], data: dict[str, Any], at: At, faults: Faults, lines: dict[tuple[str, ...], int] | None = None
) -> R | None:
    """One record from raw values; None and noted faults where it does not fit."""
    try:
        record = model.model_validate(data)
    except ValidationError as error:
        for problem in error.errors():
            place = tuple(str(p) for p in problem["loc"])
            where = At(at.file, _line_of(place, lines or {}, at.line))
            field = ".".join(p for p in place if p != "function-plain") or "row"
            value = problem.get("input")
            shown = "" if isinstance(value, dict | list) else f"'{str(value)[:60]}': "
            wrong, expected = _words(problem)
            faults.add(where, field, shown + wrong, expected)
        return None
    _settle(record, at, lines or {}, ())
    return record


def _settle(value: Any, at: At, lines: dict[tuple[str, ...], int], path: tuple[str, ...]) -> None:
    """Tell a record, and the records inside it, where they were written."""
    if isinstance(value, Record):
        value._at = At(at.file, _line_of(path, lines, at.line))
        for name in type(value).model_fields:
            _settle(getattr(value, name), at, lines, (*path, name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _settle(item, at, lines, (*path, str(number)))
    elif isinstance(value, dict):
        for key, item in value.items():
            _settle(item, at, lines, (*path, str(key)))


def _line_of(place: tuple[str, ...], lines: dict[tuple[str, ...], int], default: int) -> int:
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return default


def _words(problem: Any) -> tuple[str, str]:
    kind, context = problem["type"], problem.get("ctx") or {}
    if kind == "missing":
        return "missing", "a value"
    if kind == "extra_forbidden":
        return "unknown field", "a field of the documented format"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if "; expected " in message:
        wrong, expected = message.split("; expected ", 1)
        return wrong, expected
    if "expected" in context:
        return "not allowed", str(context["expected"])
    return "does not fit", message[0].lower() + message[1:]


def toml_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line of each table header and key of a TOML text; items of an array of tables are numbered.

    >>> toml_lines("[a]\\nb = 1")[("a", "b")]
    2
    """
    lines: dict[tuple[str, ...], int] = {}
    counts: dict[tuple[str, ...], int] = {}
    prefix: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]", line)
        if header and "=" not in line.split("]")[0]:
            name = _numbered(tuple(p.strip().strip("\"'") for p in header[2].split(".")), counts)
            if header[1] == "[[":
                counts[name] = counts.get(name, -1) + 1
                name = (*name, str(counts[name]))
            prefix = name
            lines.setdefault(prefix, number)
            continue
        key = re.match(r"\s*([A-Za-z0-9_.\-\"']+)\s*=", line)
        if key:
            lines.setdefault((*prefix, *(p.strip("\"'") for p in key[1].split("."))), number)
    return lines


def _numbered(name: tuple[str, ...], counts: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """Put the number of the current item after each array of tables in a dotted name."""
    out: tuple[str, ...] = ()
    for position, part in enumerate(name):
        out = (*out, part)
        if out in counts and position < len(name) - 1:
            out = (*out, str(counts[out]))
    return out


def _text(path: Path, faults: Faults) -> str | None:
    if not path.exists():
        return None
    size = path.stat().st_size
    if size > MAX_TEXT_BYTES:
        faults.add(At(path.name, 1), "file", f"{size / 1e6:.0f} MB", f"at most {MAX_TEXT_BYTES / 1e6:.0f} MB of text")
        return None
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        faults.add(At(path.name, line), "file", f"byte {error.start} is not UTF-8", "UTF-8 text")
        return None


