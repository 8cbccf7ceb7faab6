"""Adding one row to the text of a case, after the same checks as `tumen check`.

Takes the folder, a kind of row and its cells; gives a `Change` with a unified diff. Nothing is
written until `change.write()`, and nothing that would make the case faulty is offered.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tumen.case.faults import At, CaseError, Fault, Faults
from tumen.case.folder import PARTS, Case
from tumen.case.forms import field_names
from tumen.case.read import csv_rows, read_text
from tumen.case.write import Change

# what a person calls a row -> the file that holds it
KINDS: dict[str, str] = {
    "look": "looks.csv",
    "sighting": "sightings.csv",
    "claim": "claims.csv",
    "indicator": "indicators.csv",
    "vessel": "vessels.csv",
    "listing": "listings.csv",
    "transfer": "transfers.csv",
    "source": "sources.yaml",
}


def add_row(folder: str | Path, kind: str, cells: Mapping[str, str]) -> Change:
    """One more row of a kind (look, sighting, claim, indicator, vessel, listing, transfer, source).

    A look or sighting without an id is given one. Raises `CaseError` with every fault that the
    case would then have; the fault's line is that of the new row.
    """
    folder = Path(folder)
    if kind not in KINDS:
        raise CaseError([Fault(str(folder), 1, "kind", f"'{kind}' is no kind of row", f"one of {', '.join(KINDS)}")])
    file = KINDS[kind]
    faults = Faults()
    unknown = [name for name in cells if name not in field_names(file)]
    for name in unknown:
        faults.add(At(file, 1), name, "unknown field", f"one of {', '.join(field_names(file))}")
    faults.stop()
    given = {name: str(value).strip() for name, value in cells.items() if str(value).strip()}
    path = folder / file
    before = read_text(path, faults) or ""
    faults.stop()
    given = _with_id(kind, given, before)
    after = _with_entry(before, given) if file.endswith(".yaml") else _with_row(before, file, given)
    _check(folder, file, after)
    return Change(path, path.read_bytes().decode("utf-8") if path.exists() else "", after)


def _with_id(kind: str, cells: dict[str, str], text: str) -> dict[str, str]:
    if "id" in cells or kind not in ("look", "sighting"):
        return cells
    parts = (cells.get("place") or cells.get("where") or kind, cells.get("date", ""), cells.get("collector", ""))
    stem = re.sub(r"[^a-z0-9]+", "-", "-".join(p for p in parts if p).lower()).strip("-") or kind
    name, number = stem, 2
    while re.search(rf"(?m)^{re.escape(name)},|,{re.escape(name)},", text):
        name, number = f"{stem}-{number}", number + 1
    return {"id": name, **cells}


def _with_row(text: str, file: str, cells: Mapping[str, str]) -> str:
    """The text of a CSV with one more row; columns that are new are added to every row."""
    faults = Faults()
    rows, after = csv_rows(text, file, faults)
    faults.stop()
    header = [c.strip() for c in rows[0].cells] if rows else [n for n in field_names(file) if n in cells]
    extra = [name for name in field_names(file) if name in cells and name not in header]
    if not rows:
        return text + csv_line(header) + csv_line([cells.get(n, "") for n in header])
    if extra:
        lines = []
        for row in rows:
            lines += [c + "\n" for c in row.comments]
            lines.append(csv_line([*row.cells, *(extra if row is rows[0] else [""] * len(extra))]))
        text, header = "".join(lines + [c + "\n" for c in after]), [*header, *extra]
    if not text.endswith("\n"):
        text += "\n"
    return text + csv_line([cells.get(name, "") for name in header])


def _with_entry(text: str, cells: Mapping[str, str]) -> str:
    """The text of sources.yaml with one more entry. A JSON string is a valid YAML scalar, whatever it holds."""
    names = [n for n in field_names("sources.yaml") if n in cells or n == "date"]
    plain = ("seen", "cited", "reference")
    lines: list[str] = []
    for name in names:
        value = cells.get(name)
        shown = "null" if value is None else value.lower() if name in plain else json.dumps(value, ensure_ascii=False)
        lines.append(f"{'- ' if not lines else '  '}{name}: {shown}\n")
    return (text if text.endswith("\n") or not text else text + "\n") + "".join(lines)


def csv_line(cells: list[str]) -> str:
    """One line of a CSV in the standard form of a case: commas, quotes where needed, \\n."""
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerow(cells)
    return sink.getvalue()


def _check(folder: Path, file: str, text: str) -> None:
    """Load a copy of the case with the new text in place."""
    with tempfile.TemporaryDirectory(prefix="tumen-") as aside:
        for part in PARTS:
            if (folder / part.file).is_file():
                shutil.copyfile(folder / part.file, Path(aside) / part.file)
        (Path(aside) / file).write_text(text, encoding="utf-8", newline="")
        Case.load(aside)
