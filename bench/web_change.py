"""From saving one row to the page that shows it: how long the workbench takes, by the kind of row.

    python bench/web_change.py CASE [--store STORE] [--chromium PATH]

A copy of the case is served and its answer computed first. Then one row at a time is changed in the text, as an
editor would save it: first the note of the last row of each kind, which moves no number, then numbers: what a look saw,
a claim of rounds, a claim of visits. Timed are the new answer (from the save, with the quarter of a second in which the
folder is looked at) and, where Chromium is there, an overview that stands open until it has replaced itself. Processor
time is that of the server. Each change stands while the next is made.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from web_speed import FLAGS, _free_port, _get, _until


class Change(NamedTuple):
    """A change to time: the kind of row, which of the case's rows, and the cells that it gets."""

    label: str
    kind: str
    which: Callable[[Any], bool]
    cells: Callable[[Any], dict[str, str]]


def _note(kind: str, field: str = "note") -> Change:
    return Change(
        f"{kind}, {field}", kind, lambda r: True, lambda r: {field: f"{getattr(r, field) or ''} (changed)".strip()}
    )


def _heard(r: Any, *quantities: str) -> bool:
    return r.quantity in quantities and r.use == "evidence" and r.reading == "exactly" and bool(r.point)


CHANGES = (
    _note("source", "title"),
    _note("indicator"),
    _note("claim"),
    _note("sighting"),
    _note("look"),
    # A look that saw nothing saw a ship; a figure is a tenth higher.
    Change("look, state", "look", lambda r: r.vessel_present is False, lambda r: {"vessel_present": "yes"}),
    Change("claim of rounds", "claim", lambda r: _heard(r, "rounds"), lambda r: {"point": f"{r.point * 1.1:.0f}"}),
    Change("claim of boxes", "claim", lambda r: _heard(r, "containers"), lambda r: {"point": f"{r.point * 1.1:.0f}"}),
    Change(
        "claim of visits", "claim", lambda r: _heard(r, "visits", "voyages"), lambda r: {"point": f"{r.point + 1:.0f}"}
    ),
)


def main() -> None:
    """Copy, serve, change, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(aside) / "case"
        shutil.copytree(given.case, folder, ignore=shutil.ignore_patterns(".tumen"))
        store = Path(aside) / "store"
        if given.store:
            shutil.copytree(given.store, store)
        port = _free_port()
        command = [sys.executable, "-m", "tumen.cli", "serve", str(folder), "--port", str(port), "--store", str(store)]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            measure(folder, f"http://127.0.0.1:{port}", server.pid, given.chromium)
        finally:
            server.terminate()
            server.wait(10)


def measure(folder: Path, base: str, pid: int, chromium: str | None) -> None:
    """Change one row after another and print the times."""
    _until(lambda: version(base) > 0)
    time.sleep(8)  # the pages are drawn ahead in the background
    if not chromium:
        for change in CHANGES:
            print(changed(folder, base, pid, change, None), flush=True)
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.goto(base, wait_until="load")
        for change in CHANGES:
            print(changed(folder, base, pid, change, page), flush=True)
        browser.close()


def changed(folder: Path, base: str, pid: int, change: Change, page: Any) -> str:
    """Change the last row that a change is for; the times in words."""
    from tumen.case import Case
    from tumen.web.edit import Editor

    editor, case = Editor(folder), Case.load(folder)
    rows = [r for r in getattr(case, f"{change.kind}s") if change.which(r)]
    if not rows:
        return f"{change.label:16} no such row in this case"
    row = editor.open(change.kind, rows[-1].id)
    made = editor.prepare_change(row, row.cells | change.cells(rows[-1]))
    before, ran = version(base), _seconds(pid)
    if page is not None:
        page.evaluate("document.querySelector('main').dataset.old = '1'")
    start = time.perf_counter()
    editor.write(made, made.mark)
    _until(lambda: version(base) > before)
    answered, cost = time.perf_counter() - start, _seconds(pid) - ran
    shown = ""
    if page is not None:
        page.wait_for_function("() => document.querySelector('main').dataset.old !== '1'", timeout=120_000)
        shown = f", page by itself {time.perf_counter() - start:6.2f} s"
    time.sleep(6)
    return f"{change.label:16} changed: new answer {answered:6.2f} s ({cost:5.2f} s of processor){shown}"


def version(base: str) -> int:
    """The number of the present answer."""
    return int(json.loads(_get(f"{base}/version.json") or b"{}").get("version", 0))


def _seconds(pid: int) -> float:
    """Processor seconds that a process has used."""
    parts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / 100


if __name__ == "__main__":
    main()
