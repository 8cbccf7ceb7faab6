"""How tables, trees and the headline look in a terminal or a file.

Takes tables from a study; prints them, or writes CSV, JSON or Parquet. Draws are summarised
here, at the very end, and nowhere earlier.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid
from rich.tree import Tree

from tumen.draws import matrix, number, summary
from tumen.evidence import Evidence, Node
from tumen.study import Study
from tumen.tables import TABLES

# A tree that lists hundreds of looks hides its shape; beyond this many children it counts them.
CUT = 12
# Columns that serve other programs; csv, json and parquet keep them.
HIDDEN = {"parents", "evidence_id", "wkt"}
WIDEST_CELL = 44


def listing(study: Study) -> list[tuple[str, str]]:
    """Name and first sentence of every table of the study."""
    return [(n, TABLES[n].doc.split(". ")[0].rstrip(".") if n in TABLES else "") for n in study.names()]


def summarised(name: str, table: pa.Table) -> pa.Table:
    """Draws by their group as median and 90 % interval; other tables unchanged."""
    declared = TABLES.get(name)
    if declared is None or not declared.draws or not table.num_rows:
        return table
    by = [k for k in declared.key if k != "draw"]
    values = [c.name for c in declared.columns if c.name not in declared.key and not pa.types.is_nested(c.type)]
    out: dict[str, list[Any]] = {name: [] for name in by}
    groups: list[tuple[object, ...]] = []
    for value in values:
        array, groups = matrix(table, value, by)
        stats = [summary(array[:, g]) for g in range(array.shape[1])]
        out |= {
            f"{value}_median": [s.median for s in stats],
            f"{value}_low90": [s.low90 for s in stats],
            f"{value}_high90": [s.high90 for s in stats],
        }
    for position, column in enumerate(by):
        out[column] = [g[position] for g in groups]
    return pa.table(out)


def write(table: pa.Table, kind: str, output: Path | None, title: str) -> None:
    """Print a table or write it to a file as table, csv, json or parquet."""
    if kind == "parquet":
        import pyarrow.parquet as pq

        if output is None:
            pq.write_table(table, sys.stdout.buffer)
        else:
            pq.write_table(table, output)
    elif kind == "json":
        write_json(table.to_pylist(), output)
    elif kind == "csv":
        _write_csv(table, output)
    else:
        _print_table(table, output, title)


def write_json(data: Any, output: Path | None) -> None:
    """Write plain data as JSON."""
    text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    if output is None:
        print(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")


def _write_csv(table: pa.Table, output: Path | None) -> None:
    import csv

    with _sink(output) as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(table.column_names)
        for batch in table.to_batches():
            for row in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                writer.writerow([";".join(map(str, v)) if isinstance(v, list) else v for v in row])


@contextmanager
def _sink(output: Path | None) -> Iterator[Any]:
    if output is None:
        yield sys.stdout
    else:
        with open(output, "w", encoding="utf-8", newline="") as file:
            yield file


def _print_table(table: pa.Table, output: Path | None, title: str) -> None:
    """One line a row; columns that do not fit the width are named below, not squeezed."""
    names = [n for n in table.column_names if n not in HIDDEN]
    names = [n for n in names if table.column(n).null_count < table.num_rows or not table.num_rows]
    rows = table.select(names).to_pylist()
    cells = {n: [_cell(r[n]) for r in rows] for n in names}
    widths = {n: max([len(n), *(min(len(c), WIDEST_CELL) for c in cells[n])]) for n in names}
    with _sink(output) as sink:
        console = Console(file=sink, width=None if output is None and sys.stdout.isatty() else 180, highlight=False)
        shown: list[str] = []
        room = console.width
        for name in names:
            room -= widths[name] + 2
            if room < 0 and shown:
                break
            shown.append(name)
        grid = Grid(title=escape(title), title_justify="left", header_style="bold", box=None, padding=(0, 2, 0, 0))
        for name in shown:
            kind = table.schema.field(name).type
            numeric = pa.types.is_floating(kind) or pa.types.is_integer(kind)
            grid.add_column(
                name, justify="right" if numeric else "left", no_wrap=True, overflow="ellipsis", max_width=WIDEST_CELL
            )
        for position in range(len(rows)):
            grid.add_row(*(escape(cells[n][position]) for n in shown))
        console.print(grid)
        left = [n for n in names if n not in shown]
        if left:
            console.print(f"not shown for want of width: {', '.join(left)} (--format csv or json has all)", style="dim")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return str(value).replace("\n", " ")


# --- evidence ---------------------------------------------------------------------------


def tree_data(evidence: Evidence, node: Node, full: bool, seen: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The tree under a node as nested plain data."""
    data: dict[str, Any] = {"id": node.id, "kind": node.kind, "label": node.label}
    data |= {k: v for k, v in (("where", node.where), ("grade", node.grade), ("url", node.url)) if v}
    if node.id in seen:
        data["again"] = True
        return data
    shown = node.children if full else node.children[:CUT]
    made = (evidence.get(c) for c in shown)
    data["children"] = [tree_data(evidence, n, full, seen | {node.id}) for n in made if n]
    if len(node.children) > len(shown):
        data["more"] = len(node.children) - len(shown)
    return data


def print_tree(evidence: Evidence, node: Node, full: bool) -> None:
    """Print the tree under a node, then the sources it stands on with their grades."""
    console = Console()
    tree = Tree(_line(node))
    _grow(evidence, node, tree, full, {node.id})
    console.print(tree)
    sources = sorted(evidence.sources_under(node.id))
    console.print(f"\nstands on {len(sources)} source{'s' if len(sources) != 1 else ''}:")
    for name in sources:
        source = evidence.get(f"source:{name}")
        if source is not None:
            console.print(f"  {source.grade[:1]}  {source.label} ({source.where}) [{name}]", markup=False)


def _grow(evidence: Evidence, node: Node, branch: Tree, full: bool, seen: set[str]) -> None:
    shown = node.children if full else node.children[:CUT]
    for child_id in shown:
        child = evidence.get(child_id)
        if child is None:
            branch.add(f"[red]{child_id}: cannot be resolved[/red]")
            continue
        if child.id in seen and child.kind != "source":
            branch.add(f"{_line(child)} [dim](shown above)[/dim]")
            continue
        seen.add(child.id)
        _grow(evidence, child, branch.add(_line(child)), full, seen)
    if len(node.children) > len(shown):
        branch.add(f"[dim]and {len(node.children) - len(shown)} more (--full shows them)[/dim]")


def _line(node: Node) -> str:
    where = f" [dim]{escape(node.where)}[/dim]" if node.where else ""
    grade = f" [bold]{escape(node.grade)}[/bold]" if node.grade else ""
    mark = {"source": "source ", "computation": "", "input": ""}.get(node.kind, "")
    ident = f" [dim]{node.id}[/dim]" if node.kind in ("figure", "row", "record") else ""
    return f"{mark}{escape(node.label)}{grade}{where}{ident}"


def print_scores(backtest: pa.Table) -> None:
    """Hits and mean scores of a backtest, by what was foretold and method."""
    rows = backtest.to_pylist()
    grid = Grid(title="by method", title_justify="left", box=None, header_style="bold", padding=(0, 2, 0, 0))
    names = ("what", "method", "figures", "inside 50 %", "inside 80 %", "inside 95 %", "mean CRPS", "mean log score")
    for name in names:
        grid.add_column(name, justify="left" if name in ("what", "method") else "right")
    for what, method in dict.fromkeys((_foretold(r), r["method"]) for r in rows):
        own = [r for r in rows if (_foretold(r), r["method"]) == (what, method)]
        hits = [f"{sum(r[k] for r in own)}" for k in ("inside50", "inside80", "inside95")]
        # Boxes and rounds are set side by side by the error of their logarithm.
        errors = [r["crps"] if r["used"] is None else r["crps_log"] for r in own]
        known = [e for e in errors if e is not None]
        mean = f"{sum(known) / len(known):.2f}" if known else ""
        grid.add_row(what, method, str(len(own)), *hits, mean, f"{sum(r['log_score'] for r in own) / len(own):.2f}")
    Console(highlight=False).print(grid)


def _foretold(row: dict[str, Any]) -> str:
    if row["used"] is None:
        return "visits and voyages"
    return "cargo, derived figures" if row["used"] == "derived" else "cargo"


# --- progress and the headline ------------------------------------------------------------


@contextmanager
def progress(study: Study) -> Iterator[None]:
    """Show which step is being computed; silent where the terminal is no terminal."""
    console = Console(stderr=True)
    with console.status("reading the case") as status:

        def report(step: str, state: str) -> None:
            if state == "start":
                status.update(step)
            elif state == "done" and not console.is_terminal:
                console.print(f"{step}: done", highlight=False)

        study.progress = report
        yield


WORDS = {
    "visits": "port visits",
    "voyages": "voyages",
    "containers": "containers",
    "rounds": "rounds",
    "value_usd": "worth, USD",
    "returned_usd": "returned (counted), USD",
    "owed_usd": "owed, USD",
    "share_of_russian_fire": "share of Russian fire",
}


def print_headline(study: Study, data: dict[str, Any]) -> None:
    """The answer in a few lines."""
    console = Console(highlight=False, soft_wrap=True)
    settings = study.case.settings
    mark = "SIMULATED  " if settings.simulated else ""
    console.print(f"\n[bold]{mark}{escape(settings.title)}[/bold], as of {settings.as_of}")
    console.print(f"[bold]{mark}[/bold]flow counted from {settings.period[0]} to {settings.period[1]}\n")
    for name, words in WORDS.items():
        f = data.get(name)
        if f:
            share = f["unit"] == "share"
            show = (lambda v: f"{v:.0%}") if share else number
            console.print(f"  {words:24} {show(f['median']):>16}   90 %: {show(f['low90'])} to {show(f['high90'])}")
            if ", of which " in f["text"]:
                console.print(f"  {'':24} {'':16}   {f['text'].split(', ')[-1]}")
    nodes = study.case.trades.nodes if study.case.trades else {}
    if data["trades"]:
        console.print()
    for name, t in data["trades"].items():
        said = f"{t['probability']:.0%}"
        spread = f"90 %: {t['low90']:.0%} to {t['high90']:.0%}"
        label = escape(nodes[name].label) if name in nodes else ""
        console.print(f"  {name:24} {said:>16}   {spread:19} {t['word']}: {label}")
    if data["redlines"]:
        crossed = [r for r in data["redlines"] if r["state"] == "crossed"]
        console.print(f"\n  redlines crossed: {'' if crossed else 'none'}")
        for r in crossed:
            since = f", since {r['crossed_on']}" if r["crossed_on"] else ""
            console.print(f"    {r['redline']:22} {escape(r['label'])}{since}")
    if data["left_out"] or data["failed_checks"]:
        console.print()
    for step, reason in data["left_out"].items():
        console.print(f"  not done: {step}: {escape(reason)}")
    for failed in data["failed_checks"]:
        console.print(f"  [bold red]check failed[/bold red] {escape(failed['name'])}: {escape(failed['text'])}")
    console.print()
