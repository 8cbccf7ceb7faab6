"""The standard form of a case's CSV files: columns in the order of the reference, rows by date.

Takes the folder; rewrites the CSV files that are not in standard form. Comments stay above the
row that they stand above. What a file says never changes: every record keeps its evidence id,
or nothing is written. TOML, YAML and GeoJSON are left as their author wrote them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tumen.case.add import csv_line
from tumen.case.faults import At, Faults
from tumen.case.forms import MODELS, field_names, model_of
from tumen.case.read import csv_rows, read_csv, read_text
from tumen.case.write import Change

# Files that tell a story in time; the order of the others is their author's.
BY_DATE = ("looks.csv", "sightings.csv", "indicators.csv")
SORT_BY = ("date", "time", "place", "id")


def format_case(folder: str | Path) -> list[Path]:
    """Rewrite what is not in standard form; returns the files that changed. Raises `CaseError`."""
    changes = format_changes(folder)
    for change in changes:
        change.write()
    return [change.path for change in changes]


def format_changes(folder: str | Path) -> list[Change]:
    """What `format_case` would write, without writing it. Raises `CaseError` with every fault."""
    folder, faults, changes = Path(folder), Faults(), []
    if not folder.is_dir():
        faults.add(At(str(folder), 1), "folder", "not a folder", "the folder of a case")
        faults.stop()
    for file in MODELS:
        path = folder / file
        if not file.endswith(".csv") or not path.is_file():
            continue
        before = len(faults.items)
        text = read_text(path, faults)
        if text is None or len(faults.items) > before:
            continue
        records = read_csv(path, model_of(file), faults)
        if len(faults.items) > before:
            continue
        after = format_csv(text, file)
        if after != path.read_bytes().decode("utf-8"):
            changes.append(Change(path, path.read_bytes().decode("utf-8"), after))
            _check_same(file, sorted(r.evidence_id for r in records), after, faults)
    faults.stop()
    return changes


def format_csv(text: str, file: str) -> str:
    """The standard form of one CSV text that has no faults."""
    rows, after = csv_rows(text, file, Faults())
    if not rows:
        return text
    header = [c.strip() for c in rows[0].cells]
    order = [name for name in field_names(file) if name in header]
    places = [header.index(name) for name in order]
    body = [(row, [row.cells[p].strip() for p in places]) for row in rows[1:]]
    if file in BY_DATE:
        keys = [order.index(name) for name in SORT_BY if name in order]
        body.sort(key=lambda item: [item[1][k] for k in keys])
    lines = [c + "\n" for c in rows[0].comments] + [csv_line(order)]
    for row, cells in body:
        lines += [c + "\n" for c in row.comments]
        lines.append(csv_line(cells))
    return "".join(lines + [c + "\n" for c in after])


def _check_same(file: str, ids: list[str], text: str, faults: Faults) -> None:

    with tempfile.TemporaryDirectory(prefix="tumen-") as aside:
        path = Path(aside) / file
        path.write_text(text, encoding="utf-8", newline="")
        again = Faults()
        made = sorted(r.evidence_id for r in read_csv(path, model_of(file), again))
        if made != ids or again.items:
            faults.add(At(file, 1), "file", "would not say the same in standard form", "a file that is left as it is")
