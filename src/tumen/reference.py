"""Two pages made from the program itself: every command of the command line, every table of the chain.

Takes the typer app and `tumen.tables.TABLES`; gives Markdown. `python -m tumen.reference` rewrites
`docs/cli.md` and `docs/tables.md`; a test fails when the pages in the repository differ. The habit
of generating a reference and checking it in a test is datasette's.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pyarrow as pa
from typer.main import get_command

from tumen.cli import app
from tumen.tables import TABLES, Column, Table

MADE = "<!-- made by python -m tumen.reference; do not edit -->"
EXIT_CODES = (
    (0, "done"),
    (1, "a fault in your data: each is printed as `file:line: field: what is wrong, what was expected`"),
    (2, "wrong use of the command line"),
    (3, "a source or service could not be reached"),
    (130, "stopped by Ctrl-C; what was stored is whole"),
)
# Module of a table's declaration -> the step that makes it, in the order of the chain.
STEPS = {
    "see": "The case as tables",
    "imagery": "See: scenes",
    "ais": "See: AIS",
    "sightings": "See: sightings",
    "count": "Count",
    "weigh": "Weigh",
    "account": "Account and front",
    "judge": "Judge and answer",
}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, groups before what they hold.

    >>> "people add" in dict(commands())
    True
    """
    yield from _walk("", get_command(app))


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    for word, inner in getattr(command, "commands", {}).items():
        full = f"{name} {word}".strip()
        yield full, inner
        yield from _walk(full, inner)


def cli_page() -> str:
    """`docs/cli.md`: every command with its arguments, options and words of help; exit codes."""
    parts = ["# The command line", MADE, _words(get_command(app).help)]
    parts.append("`tumen COMMAND --help` prints the same. An asterisk marks what must be given.")
    codes = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES)
    parts.append(f"## Exit codes\n\n| code | meaning |\n| --- | --- |\n{codes}")
    parts += [_command(name, command) for name, command in commands() if not getattr(command, "hidden", False)]
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: Any) -> str:
    lines = [f"## `tumen {name}`", _words(command.help)]
    if getattr(command, "commands", None):
        return "\n\n".join([*lines, "Commands: " + ", ".join(f"`{name} {word}`" for word in command.commands) + "."])
    given = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not getattr(p, "hidden", False)]
    lines.append("    " + " ".join(["tumen", name, *(_usage(p) for p in given), *(["[OPTIONS]"] if options else [])]))
    rows = [
        f"| {_names(p)}{' *' if p.required else ''} | {_takes(p)} | {_cell(_words(p.help))} |" for p in given + options
    ]
    lines.append("\n".join(["| argument or option | takes | meaning |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(lines)


def _metavar(parameter: Any) -> str:
    return parameter.metavar or f"{parameter.name.upper()}{'...' if parameter.nargs == -1 else ''}"


def _usage(parameter: Any) -> str:
    shown = _metavar(parameter)
    return shown if parameter.required else f"[{shown}]"


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_metavar(parameter)}`"
    return ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])


def _takes(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    bounds = [f"{word} {limit:g}" for word, limit in (("from", _bound(parameter, "min")), ("to", _bound(parameter, "max"))) if limit is not None]  # fmt: skip
    if getattr(parameter, "is_flag", False):
        words = "flag"
    elif isinstance(kind, type) and issubclass(kind, Enum):
        words = " or ".join(f"`{item.value}`" for item in kind)
    else:
        words = " ".join([_kind(kind), *bounds])
    default = getattr(parameter, "default", None)
    if default is not None and default is not False and default != () and not callable(default):
        shown = getattr(default, "value", default)
        words += f"; default {'yes' if shown is True else f'`{shown}`'}"
    return words + ("; may be repeated" if getattr(parameter, "multiple", False) else "")


def _bound(parameter: Any, name: str) -> float | None:
    return getattr(parameter, name, None)


def _kind(annotation: Any) -> str:
    names = {Path: "path", list[Path]: "path", int: "whole number", float: "number", bool: "flag"}
    return names.get(annotation, "text")


def _words(text: str | None) -> str:
    return inspect.cleandoc(text or "")


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def tables_page() -> str:
    """`docs/tables.md`: every declared table with its columns, by step of the chain."""
    parts = [
        "# The tables",
        MADE,
        "What passes between the steps, as `tumen.tables` declares it. `tumen show CASE TABLE` prints one; with "
        "`--format parquet` the Arrow schema carries these notes. Times are UTC; a month is the date of its first day. "
        "A column without a word under *empty means* is never empty. `evidence_id` and `parents` lead to the evidence "
        "(`tumen why CASE ID`). A table of draws holds joint posterior draws: draw 17 is the same world in every one, "
        "and one evidence record stands for the whole table.",
    ]
    steps = _by_step()
    parts.append(
        "\n".join(f"- **{title}**: {', '.join(f'[{t.name}](#{t.name})' for t in made)}" for title, made in steps)
    )
    for title, made in steps:
        parts.append(f"## {title}")
        parts += [_table(table) for table in made]
    return "\n\n".join(parts) + "\n"


def _by_step() -> list[tuple[str, list[Table]]]:
    homes = {id(value): module for module in STEPS for value in vars(sys.modules[f"tumen.tables.{module}"]).values()}
    found = {module: [t for t in TABLES.values() if homes.get(id(t)) == module] for module in STEPS}
    placed = {t.name for made in found.values() for t in made}
    rest = [t for t in TABLES.values() if t.name not in placed]
    named = [(STEPS[module], made) for module, made in found.items() if made]
    return [*named, ("Other", rest)] if rest else named


def _table(table: Table) -> str:
    key = f"Key: {', '.join(f'`{k}`' for k in table.key)}." if table.key else "No key."
    about = f"{table.doc}\n\n{key}{' Table of draws.' if table.draws else ''}"
    rows = "\n".join(_column(column) for column in table.columns)
    return f"### {table.name}\n\n{about}\n\n| column | type | unit | meaning | empty means |\n| --- | --- | --- | --- | --- |\n{rows}"


def _column(column: Column) -> str:
    cells = (f"`{column.name}`", _type(column.type), column.unit or "", column.doc, column.null or "")
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _type(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return "name"
    if pa.types.is_list(kind):
        return f"list of {_type(kind.value_type)}"
    names = {
        "string": "text", "timestamp[us, tz=UTC]": "time (UTC)", "date32[day]": "date", "double": "number",
        "int32": "whole number", "int64": "whole number", "bool": "yes or no", "binary": "bytes",
    }  # fmt: skip
    return names.get(str(kind), str(kind))


PAGES = {"cli.md": cli_page, "tables.md": tables_page}


def main(folder: str = "docs") -> None:
    """Rewrite both pages."""
    for name, page in PAGES.items():
        (Path(folder) / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])
