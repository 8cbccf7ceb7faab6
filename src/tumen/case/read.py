"""Readers of CSV, TOML, YAML and GeoJSON that know the line of everything they read.

Each returns checked records and adds what is wrong to a `Faults` collector; none raises
for a fault in the user's data, whatever bytes the file holds.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import ValidationError

from tumen.case.faults import At, Faults
from tumen.case.record import Record
from tumen.case.toml_lines import Lines, toml_lines

R = TypeVar("R", bound=Record)

# A case is written by people; a larger text file is a mistake (an archive put in the wrong folder).
MAX_TEXT_BYTES = 20_000_000
# A YAML alias may repeat a part; a few nested ones repeat it a billion times.
MAX_YAML_NODES = 100_000
# Deeper than anything a person writes, far from the interpreter's own limit.
MAX_DEPTH = 60


def read_csv(path: Path, model: type[R], faults: Faults) -> list[R]:
    """Rows of a CSV with a header, as records; an absent file is an empty list.

    Lines that begin with # are comments. An empty cell is a field that is not given.
    """
    text = read_text(path, faults)
    if text is None:
        return []
    before = len(faults.items)
    rows, _ = csv_rows(text, path.name, faults)
    if not rows and len(faults.items) > before:
        return []
    header = [name.strip() for name in rows[0].cells] if rows else []
    if not _check_header(header, model, At(path.name, rows[0].line if rows else 1), faults):
        return []
    out: list[R] = []
    for row in rows[1:]:
        at = At(path.name, row.line)
        if len(row.cells) != len(header):
            faults.add(at, "row", f"{len(row.cells)} cells", f"{len(header)} cells, as in the header")
            continue
        given = {name: cell for name, cell in zip(header, row.cells, strict=True) if cell.strip()}
        made = make(model, given, at, faults)
        if made is not None:
            out.append(made)
    return out


class Row(NamedTuple):
    """One row of a CSV: the line on which it begins, its cells, and the comment lines above it."""

    line: int
    cells: list[str]
    comments: tuple[str, ...]


def csv_rows(text: str, name: str, faults: Faults) -> tuple[list[Row], tuple[str, ...]]:
    """The rows of a CSV text, header first, without empty ones, and the comment lines after the last.

    A fault ends the reading.
    """
    lines = _Lines(text)
    reader = csv.reader(lines, strict=True)
    rows: list[Row] = []
    while True:
        lines.between_rows = True
        try:
            cells = next(reader, None)
        except csv.Error as error:
            faults.add(At(name, max(lines.start, 1)), "row", str(error), "a CSV row with closed quotes")
            return rows, ()
        if cells is None:
            return rows, tuple(lines.comments)
        if any(c.strip() for c in cells):
            rows.append(Row(lines.start, cells, tuple(lines.comments)))
            lines.comments = []


class _Lines:
    """Lines for `csv.reader`, which takes one row's worth at a time; comments between rows are set aside."""

    def __init__(self, text: str) -> None:
        # Only \n and \r\n end a line: str.splitlines would also split at form feeds and Unicode separators.
        self.lines = iter(io.StringIO(text, newline="\n"))
        self.number = self.start = 0
        self.comments: list[str] = []
        self.between_rows = True

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._next()
        if self.between_rows:
            while line.startswith("#"):
                self.comments.append(line.rstrip("\r\n"))
                line = self._next()
            self.start = self.number
            self.between_rows = False
        return line

    def _next(self) -> str:
        line = next(self.lines)
        self.number += 1
        return line


def _check_header(header: list[str], model: type[Record], at: At, faults: Faults) -> bool:
    known = model.model_fields
    before = len(faults.items)
    if not header:
        faults.add(at, "header", "the file is empty", f"a header: {', '.join(known)}")
    for name in sorted(set(header)):
        if name not in known:
            faults.add(at, name[:60] or "header", "unknown column", f"one of {', '.join(known)}")
        elif header.count(name) > 1:
            faults.add(at, name, "the column stands twice", "each column once")
    for name, field in known.items() if header else ():
        if field.is_required() and name not in header:
            faults.add(at, name, "column is missing", "this column in the header")
    return len(faults.items) == before


def read_toml(path: Path, model: type[R], faults: Faults) -> R | None:
    """A TOML file as one record; nested faults carry the line of their key. None if absent or at fault."""
    text = read_text(path, faults)
    if text is None:
        return None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        faults.add(At(path.name, line), "file", str(error)[:200], "valid TOML")
        return None
    except (RecursionError, ValueError):  # thousands of nested brackets, or of digits
        faults.add(At(path.name, 1), "file", "nested or numbered beyond reading", "valid TOML")
        return None
    if _too_deep(data):
        faults.add(At(path.name, 1), "file", f"nested more than {MAX_DEPTH} deep", "a flatter file")
        return None
    return make(model, data, At(path.name, 1), faults, toml_lines(text))


def read_yaml(path: Path, model: type[R], faults: Faults, under: str) -> list[R]:
    """A YAML file that holds a list of records under one key; an absent file is an empty list.

    Numbers and dates are kept as they are written (2024-13-45 is text until the model reads
    it); a key that stands twice is a fault.
    """
    text = read_text(path, faults)
    if text is None:
        return []
    try:
        root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        faults.add(At(path.name, line), "file", str(error.problem), "valid YAML")
        return []
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        faults.add(At(path.name, 1), "file", str(error)[:120] or "nested beyond reading", "valid YAML")
        return []
    items = _under(root, under)
    if items is None:
        faults.add(At(path.name, 1), under, "missing", f"a list under '{under}:'")
        return []
    out: list[R] = []
    plain = _Plain(path.name, faults)
    for node in items:
        at = At(path.name, node.start_mark.line + 1)
        if not isinstance(node, yaml.MappingNode):
            faults.add(at, under, "an entry without fields", "fields with values")
            continue
        before = len(faults.items)
        data = plain.value(node)
        if len(faults.items) > before:
            continue
        lines: dict[tuple[str, ...], int] = {(str(k.value),): k.start_mark.line + 1 for k, _ in node.value}
        made = make(model, data, at, faults, lines)
        if made is not None:
            out.append(made)
    return out


def _under(root: Any, key: str) -> list[Any] | None:
    if isinstance(root, yaml.MappingNode):
        for k, v in root.value:
            if k.value == key and isinstance(v, yaml.SequenceNode):
                return list(v.value)
    return None


class _Plain:
    """YAML nodes as plain values: null, true and false are read, every other scalar stays text."""

    def __init__(self, file: str, faults: Faults) -> None:
        self.file, self.faults, self.count = file, faults, 0

    def value(self, node: Any, depth: int = 0) -> Any:
        self.count += 1
        at = At(self.file, node.start_mark.line + 1)
        if self.count > MAX_YAML_NODES or depth > MAX_DEPTH:
            if self.count <= MAX_YAML_NODES + 1 or depth == MAX_DEPTH + 1:
                self.faults.add(at, "file", "nested or repeated beyond reading", "a plain list of entries")
            return None
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        out: dict[str, Any] = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.faults.add(at, "key", "a key that is no word", "a plain word before the colon")
                continue
            if key.value in out:
                self.faults.add(
                    At(self.file, key.start_mark.line + 1), key.value, "the key stands twice", "each key once"
                )
            out[str(key.value)] = self.value(item, depth + 1)
        return out


def _scalar(node: Any) -> Any:
    if node.tag == "tag:yaml.org,2002:null":
        return None
    if node.tag == "tag:yaml.org,2002:bool":
        return str(node.value).lower() in ("true", "yes", "on")
    return node.value


def read_features(path: Path, model: type[R], faults: Faults) -> list[R]:
    """A GeoJSON FeatureCollection: each feature's properties, with its geometry, as one record."""
    text = read_text(path, faults)
    if text is None:
        return []
    try:
        data = json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        faults.add(At(path.name, error.lineno), "file", error.msg, "valid GeoJSON")
        return []
    except (RecursionError, ValueError) as error:
        wrong = str(error)[:120] if isinstance(error, _Json) else "nested or numbered beyond reading"
        faults.add(At(path.name, 1), "file", wrong, "valid GeoJSON")
        return []
    if (
        not isinstance(data, dict)
        or data.get("type") != "FeatureCollection"
        or not isinstance(data.get("features"), list)
    ):
        faults.add(At(path.name, 1), "file", "not a FeatureCollection", '"type": "FeatureCollection" with "features"')
        return []
    spans = _feature_spans(text, len(data["features"]))
    out: list[R] = []
    for feature, (start, end) in zip(data["features"], spans, strict=True):
        at = At(path.name, text.count("\n", 0, start) + 1)
        if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict):
            faults.add(at, "feature", "no properties", "a Feature with properties and a geometry")
            continue
        extra = set(feature) - {"type", "properties", "geometry", "id", "bbox"}
        for name in sorted(extra):
            faults.add(at, name[:60], "unknown member of a feature", "type, properties, geometry, id or bbox")
        if "geometry" in feature["properties"]:
            faults.add(at, "geometry", "stands among the properties", "geometry beside properties")
            continue
        if _too_deep(feature):
            faults.add(at, "feature", f"nested more than {MAX_DEPTH} deep", "a plain feature")
            continue
        lines: dict[tuple[str, ...], int] = {}
        for name in (*feature["properties"], "geometry"):
            found = re.search(rf'"{re.escape(name)}"\s*:', text[start:end])
            if found:
                lines[(name,)] = text.count("\n", 0, start + found.start()) + 1
        made = make(model, {**feature["properties"], "geometry": feature.get("geometry")}, at, faults, lines)
        if made is not None:
            out.append(made)
    return out


class _Json(ValueError):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        names = [k for k, _ in pairs]
        twice = next(k for k in names if names.count(k) > 1)
        raise _Json(f"the key '{twice[:60]}' stands twice in one object")
    return out


def _no_constant(name: str) -> Any:
    raise _Json(f"{name} is no JSON number")


def _feature_spans(text: str, count: int) -> list[tuple[int, int]]:
    """Where each feature stands in a text that is known to be valid JSON with `count` of them."""
    decoder = json.JSONDecoder()
    for found in re.finditer(r'"features"\s*:\s*\[', text):
        spans: list[tuple[int, int]] = []
        position = found.end()
        try:
            while len(spans) < count:
                position = re.compile(r"[\s,]*").match(text, position).end()  # type: ignore[union-attr]
                _, end = decoder.raw_decode(text, position)
                spans.append((position, end))
                position = end
        except ValueError:
            continue
        return spans
    return [(0, len(text))] * count


def _too_deep(value: Any, depth: int = 0) -> bool:
    if depth > MAX_DEPTH:
        return True
    if isinstance(value, dict):
        return any(_too_deep(v, depth + 1) for v in value.values())
    return isinstance(value, list) and any(_too_deep(v, depth + 1) for v in value)


def make(model: type[R], data: Mapping[str, Any], at: At, faults: Faults, lines: Lines | None = None) -> R | None:
    """One record from raw values; None and noted faults where it does not fit."""
    try:
        record = model.model_validate(data)
    except ValidationError as error:
        for problem in error.errors():
            place = tuple(str(p) for p in problem["loc"])
            wrong, expected = _words(problem)
            # A check of a whole record names the field that it minds: "unit: 'boxes'; expected ..."
            named = re.match(r"([a-z][a-z0-9_]*): (?=.)", wrong) if problem["type"] == "value_error" else None
            if named:
                place, wrong = (*place, named[1]), wrong[named.end() :]
            where = At(at.file, _line_of(place, lines or {}, at.line))
            field = ".".join(p for p in place if not p.startswith("function-")) or "row"
            value = problem.get("input")
            shown = (
                ""
                if value is None or isinstance(value, dict | list) or not _adds(wrong, value)
                else f"'{_short(value)}' "
            )
            faults.add(where, field, shown + wrong, expected)
        return None
    except (TypeError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        # A check of a model met a value that it did not foresee: the row is at fault, not the program.
        faults.add(
            at, "row", f"cannot be read ({type(error).__name__}: {error})"[:200], "values of the documented format"
        )
        return None
    _settle(record, at, lines or {}, ())
    return record


def _adds(wrong: str, value: Any) -> bool:
    return str(value)[:40] not in wrong


def _short(value: Any) -> str:
    text = repr(str(value))[1:-1]
    return text if len(text) <= 60 else text[:57] + "..."


def _settle(value: Any, at: At, lines: Lines, path: tuple[str, ...]) -> None:
    """Tell a record, and the records inside it, where they were written."""
    if isinstance(value, Record):
        value._at = At(at.file, _line_of(path, lines, at.line))
        for name in type(value).model_fields:
            inner = getattr(value, name)
            if isinstance(inner, Record | list | tuple | dict):
                _settle(inner, at, lines, (*path, name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _settle(item, at, lines, (*path, str(number)))
    elif isinstance(value, dict):
        for key, item in value.items():
            _settle(item, at, lines, (*path, str(key)))


def _line_of(place: tuple[str, ...], lines: Lines, default: int) -> int:
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return default


# pydantic error type -> (what is wrong, what was expected); {..} are filled from the error's context.
_WORDS = {
    "missing": ("missing", "a value"),
    "extra_forbidden": ("unknown field", "a field of the documented format"),
    "greater_than_equal": ("is too small", "{ge} or more"),
    "greater_than": ("is too small", "more than {gt}"),
    "less_than_equal": ("is too large", "{le} or less"),
    "less_than": ("is too large", "less than {lt}"),
    "int_parsing": ("is no whole number", "a whole number"),
    "int_from_float": ("is no whole number", "a whole number"),
    "int_parsing_size": ("is too large", "a whole number of fewer digits"),
    "int_type": ("is no whole number", "a whole number"),
    "float_parsing": ("is no number", "a number, with a point for decimals"),
    "float_type": ("is no number", "a number, with a point for decimals"),
    "finite_number": ("is not finite", "a finite number"),
    "bool_parsing": ("is neither yes nor no", "yes or no"),
    "bool_type": ("is neither yes nor no", "yes or no"),
    "string_type": ("is no text", "text"),
    "too_short": ("is too short", "{min_length} or more"),
    "string_too_short": ("is empty", "a value"),
    "string_too_long": ("is too long", "at most {max_length} characters"),
    "string_pattern_mismatch": ("has the wrong form", "the form {pattern}"),
    "list_type": ("is no list", "a list"),
    "dict_type": ("is no table", "a table of fields"),
    "model_type": ("is no table", "a table of fields"),
    "literal_error": ("is not allowed", "{expected}"),
}


def _words(problem: Any) -> tuple[str, str]:
    context = problem.get("ctx") or {}
    if problem["type"] in _WORDS:
        wrong, expected = _WORDS[problem["type"]]
        return wrong, expected.format(**context)
    message = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if "; expected " in message:
        wrong, expected = message.split("; expected ", 1)
        return wrong, expected
    return "does not fit", message[:1].lower() + message[1:]


def read_text(path: Path, faults: Faults) -> str | None:
    """The text of a file of the case without its byte order mark; None if absent, or at fault."""
    try:
        info = os.stat(path)
    except FileNotFoundError:
        if path.is_symlink():
            faults.add(At(path.name, 1), "file", "a link that leads nowhere", "a file")
        return None
    except OSError as error:
        faults.add(At(path.name, 1), "file", f"cannot be read: {error.strerror}", "a readable file")
        return None
    if not stat.S_ISREG(info.st_mode):  # opening a pipe would wait for ever
        faults.add(At(path.name, 1), "file", "not a regular file", "a text file")
        return None
    if info.st_size > MAX_TEXT_BYTES:
        faults.add(
            At(path.name, 1), "file", f"{info.st_size / 1e6:.0f} MB", f"at most {MAX_TEXT_BYTES / 1e6:.0f} MB of text"
        )
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        faults.add(At(path.name, 1), "file", f"cannot be read: {error.strerror}", "a readable file")
        return None
    return _decode(data, path.name, faults)


def _decode(data: bytes, name: str, faults: Faults) -> str | None:
    def fault(position: int, wrong: str, expected: str) -> None:
        faults.add(At(name, data[:position].count(b"\n") + 1), "file", wrong, expected)

    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        fault(0, "encoded as UTF-16", "UTF-8 text")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault(error.start, f"byte {error.start} (0x{data[error.start]:02x}) is not UTF-8", "UTF-8 text")
        return None
    zero = data.find(b"\0")
    if zero >= 0:
        fault(zero, "holds a NUL byte", "text")
        return None
    lone = re.search(rb"\r(?!\n)", data)
    if lone:
        fault(lone.start(), "holds a carriage return that ends no line", r"lines that end in \n or \r\n")
        return None
    return text
