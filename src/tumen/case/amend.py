"""Changing or withdrawing what already stands in the text of a case, with everything else left as it was written.

Takes the text of a file and the line where a record stands; gives the new text. A withdrawn row is
put behind a comment sign, so that it can be read and brought back. Nothing is written here;
`checked` loads a copy of the case with new texts in place, after the checks of `tumen check`.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tumen.case.add import csv_line
from tumen.case.faults import Faults
from tumen.case.folder import PARTS, Case
from tumen.case.forms import field_names
from tumen.case.read import csv_rows
from tumen.case.record import Record
from tumen.case.toml_lines import toml_lines

Texts = Mapping[str, str]
# A number, a word in quotes, a truth, or a list of them on one line: what a person changes in a TOML file.
_SCALAR = r"""(?:\[[^\[\]{}\n]*\]|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[-+0-9.eE_]+|true|false)"""


class AmendError(ValueError):
    """The text stands in a form that cannot be changed here; the message says what and where."""


def checked(folder: str | Path, texts: Texts) -> Case:
    """The case as it would be with new texts in place. Raises `CaseError` with every fault it would then have.

    Its `folder` is the real one, so that scenes and archives are found; nothing is written there.
    """
    folder = Path(folder)
    with tempfile.TemporaryDirectory(prefix="tumen-") as aside:
        for part in PARTS:
            if (folder / part.file).is_file() and part.file not in texts:
                shutil.copyfile(folder / part.file, Path(aside) / part.file)
        for file, text in texts.items():
            (Path(aside) / file).write_text(text, encoding="utf-8", newline="")
        return dataclasses.replace(Case.load(aside), folder=folder)


# --- rows of a CSV ----------------------------------------------------------------------


def rows_off(text: str, lines: Iterable[int]) -> str:
    """The text of a CSV with the rows that begin on these lines behind comment signs."""
    parts = _lines(text)
    for line in lines:
        start, stop = _row_span(parts, line)
        for i in range(start, stop):
            parts[i] = f"# {parts[i]}"
    return "".join(parts)


def row_cells(text: str, file: str, line: int) -> dict[str, str]:
    """The cells of the row of a CSV that begins on a line, by column; empty ones too."""
    rows, _ = _rows(text, file)
    header = [c.strip() for c in rows[0].cells]
    for row in rows[1:]:
        if row.line == line:
            return dict(zip(header, row.cells, strict=False))
    raise AmendError(f"{file}:{line}: no row begins here; expected one")


def with_cells(text: str, file: str, line: int, cells: Mapping[str, str]) -> str:
    """The text of a CSV with some cells of one row changed; a column that is new is added to every row."""
    rows, after = _rows(text, file)
    header = [c.strip() for c in rows[0].cells]
    unknown = [name for name in cells if name not in field_names(file)]
    if unknown:
        raise AmendError(f"{file}:{line}: unknown field '{unknown[0][:60]}'; expected one of {', '.join(header)}")
    extra = [name for name in field_names(file) if cells.get(name) and name not in header]
    if extra:
        told: list[str] = []
        for row in rows:
            told += [c + "\n" for c in row.comments]
            told.append(csv_line([*row.cells, *(extra if row is rows[0] else [""] * len(extra))]))
        before = next(i for i, row in enumerate(rows) if row.line == line)
        text = "".join(told + [c + "\n" for c in after])
        rows, _ = _rows(text, file)
        line, header = rows[before].line, [*header, *extra]
    old = row_cells(text, file, line)
    parts = _lines(text)
    start, stop = _row_span(parts, line)
    ending = "\n" if parts[stop - 1].endswith("\n") else ""
    made = csv_line([cells.get(name, old.get(name, "")) for name in header]).rstrip("\n") + ending
    return "".join([*parts[:start], made, *parts[stop:]])


def _rows(text: str, file: str) -> Any:
    faults = Faults()
    rows = csv_rows(text, file, faults)
    faults.stop()
    if not rows[0]:
        raise AmendError(f"{file}:1: holds no header; expected one")
    return rows


def _lines(text: str) -> list[str]:
    return list(io.StringIO(text, newline="\n"))


def _row_span(parts: list[str], line: int) -> tuple[int, int]:
    reader = csv.reader(iter(parts[line - 1 :]), strict=True)
    next(reader)
    return line - 1, line - 1 + reader.line_num


# --- entries of a YAML list --------------------------------------------------------------


def with_entry(text: str, file: str, line: int, fields: Mapping[str, str]) -> str:
    """The text of sources.yaml with some fields of the entry that begins on a line changed.

    A field that stands on one line is replaced, one that is missing is added. Raises `AmendError`
    where a value runs over several lines.
    """
    parts = _lines(text)
    head = re.match(r"(\s*)-\s+", parts[line - 1])
    if head is None:
        raise AmendError(f"{file}:{line}: no entry begins here; expected '- '")
    indent = " " * len(head[0])
    stop = line
    while stop < len(parts) and (parts[stop].startswith(indent) or not parts[stop].strip()):
        stop += 1
    while not parts[stop - 1].strip():
        stop -= 1
    for name, value in fields.items():
        found = [i for i in range(line - 1, stop) if re.match(rf"(?:{re.escape(indent)}|\s*-\s+){re.escape(name)}:", parts[i])]  # fmt: skip
        shown = "null" if not value else value.lower() if value.lower() in ("true", "false") else json.dumps(value, ensure_ascii=False)  # fmt: skip
        if not found:
            if not parts[stop - 1].endswith("\n"):
                parts[stop - 1] += "\n"
            parts.insert(stop, f"{indent}{name}: {shown}\n")
            stop += 1
            continue
        at = found[0]
        if re.search(r":\s*[|>][-+]?\s*$", parts[at]) or (at + 1 < stop and re.match(rf"{indent}\s+", parts[at + 1])):
            raise AmendError(f"{file}:{at + 1}: {name}: runs over several lines; change it in the text")
        parts[at] = f"{parts[at].split(':', 1)[0]}: {shown}\n"
    return "".join(parts)


# --- values of a TOML file ---------------------------------------------------------------


def toml_places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Record]]:
    """Every record inside a file's record, with its path of keys and item numbers."""
    if isinstance(value, Record):
        yield path, value
        for name in type(value).model_fields:
            yield from toml_places(getattr(value, name), (*path, name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from toml_places(item, (*path, str(number)))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from toml_places(item, (*path, str(key)))


def with_value(text: str, file: str, path: tuple[str, ...], value: Any) -> str:
    """The text of a TOML file with one value changed; the rest stays as it was written.

    Raises `AmendError` for a value that is not there, or that stands in a form that cannot be changed so.
    """
    before = tomllib.loads(text)
    line = toml_lines(text).get(path)
    name = ".".join(path)
    if line is None or _at(before, path) is None:
        raise AmendError(f"{file}: {name}: not written there; add it in the text")
    parts = _lines(text)
    wanted = _set(before, path, value)
    # The key may be written dotted, or stand several times on one line inside inline tables: take the one that fits.
    pattern = re.compile(rf"((?:^|[{{,\s.]){re.escape(path[-1])}\s*=\s*)({_SCALAR})")
    for found in pattern.finditer(parts[line - 1]):
        changed = parts[line - 1][: found.start(2)] + _toml(value) + parts[line - 1][found.end(2) :]
        after = "".join([*parts[: line - 1], changed, *parts[line:]])
        try:
            if tomllib.loads(after) == wanted:
                return after
        except tomllib.TOMLDecodeError:
            continue
    raise AmendError(f"{file}:{line}: {name}: stands in a form that cannot be changed here; change it in the text")


def table_off(text: str, file: str, path: tuple[str, ...]) -> str:
    """The text of a TOML file with one item of an array of tables, `[[name]]`, behind comment signs."""
    line = toml_lines(text).get(path)
    parts = _lines(text)
    if line is None or not parts[line - 1].startswith("[["):
        raise AmendError(f"{file}: {'.'.join(path)}: is no table of its own; change it in the text")
    stop = line
    while stop < len(parts) and not parts[stop].startswith("["):
        stop += 1
    while stop > line and (not parts[stop - 1].strip() or parts[stop - 1].startswith("#")):
        stop -= 1
    made = "".join([*parts[: line - 1], *(f"# {p}" for p in parts[line - 1 : stop]), *parts[stop:]])
    wanted = _without(tomllib.loads(text), path)
    if tomllib.loads(made) != wanted:
        raise AmendError(f"{file}:{line}: {'.'.join(path)}: cannot be taken out here; change it in the text")
    return made


def _at(data: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data


def _set(data: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    if isinstance(data, list):
        return [_set(d, path[1:], value) if str(i) == path[0] else d for i, d in enumerate(data)]
    return {k: _set(d, path[1:], value) if k == path[0] else d for k, d in data.items()}


def _without(data: Any, path: tuple[str, ...]) -> Any:
    if isinstance(data, list):
        if len(path) == 1:
            return [d for i, d in enumerate(data) if str(i) != path[0]]
        return [_without(d, path[1:]) if str(i) == path[0] else d for i, d in enumerate(data)]
    made = {k: _without(d, path[1:]) if k == path[0] else d for k, d in data.items()}
    return {k: d for k, d in made.items() if d != [] or data[k] == []}


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)
