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
from collections import Counter
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

YEAR_DIGITS = 4
# What the id of a row is made of where its file does not number its rows; `a|b` is the first of them that is given.
NAMED_BY: dict[str, tuple[str, ...]] = {
    "look": ("place", "date", "collector"),
    "sighting": ("place|where", "date", "vessel"),
    "claim": ("origin_group", "label|quantity", "published|period_end|period_start"),
    "indicator": ("sign", "date"),
    "transfer": ("commodity", "start"),
    "source": ("publisher", "title", "date"),
}


def add_row(folder: str | Path, kind: str, cells: Mapping[str, str]) -> Change:
    """One more row of a kind (look, sighting, claim, indicator, vessel, listing, transfer, source).

    A row without an id is given one. Raises `CaseError` with every fault that the
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


def suggest_id(folder: str | Path, kind: str, cells: Mapping[str, str]) -> str:
    """A free id for a row of a kind, in the pattern of its file; nothing where the cells do not tell enough yet.

    A file whose ids are numbered (s001, s002) goes on counting; else the id is made of what the row speaks of.
    """
    file = KINDS[kind]
    text = read_text(Path(folder) / file, Faults()) or ""
    return _free_id(kind, cells, _ids(text, file))


def _with_id(kind: str, cells: dict[str, str], text: str) -> dict[str, str]:
    if "id" in cells or "id" not in field_names(KINDS[kind]):
        return cells
    name = _free_id(kind, cells, _ids(text, KINDS[kind]))
    return {"id": name, **cells} if name else cells


def _ids(text: str, file: str) -> list[str]:
    """Ids of a file as it stands, whether or not its rows are sound."""
    if file.endswith(".yaml"):
        return [found.strip("'\"") for found in re.findall(r"(?m)^\s*-\s+id:\s*(\S+)\s*$", text)]
    rows, _ = csv_rows(text, file, Faults())
    header = [c.strip() for c in rows[0].cells] if rows else []
    if "id" not in header:
        return []
    place = header.index("id")
    return [row.cells[place].strip() for row in rows[1:] if len(row.cells) > place]


def _free_id(kind: str, cells: Mapping[str, str], ids: list[str]) -> str:
    numbers = [found for found in (re.fullmatch(r"(\D*)(\d+)", i) for i in ids) if found]
    stems = Counter(found[1] for found in numbers)
    stem, times = stems.most_common(1)[0] if stems else ("", 0)
    if times > len(ids) / 2 and (times > 1 or len(numbers[0][2]) < YEAR_DIGITS):  # one id with a year counts nothing
        last = max((found for found in numbers if found[1] == stem), key=lambda found: int(found[2]))
        return f"{stem}{int(last[2]) + 1:0{len(last[2])}d}"
    parts = [next((cells[n] for n in one.split("|") if cells.get(n)), "") for one in NAMED_BY.get(kind, ())]
    stem = re.sub(r"[^a-z0-9]+", "-", "-".join(p for p in parts if p).lower()).strip("-")[:60].strip("-")
    if not stem:
        return ""
    name, number = stem, 2
    while name in ids:
        name, number = f"{stem}-{number}", number + 1
    return name


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
