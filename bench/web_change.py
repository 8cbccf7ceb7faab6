"""From saving one row to the page that shows it: how long the workbench takes, by the kind of row.

    python bench/web_change.py CASE [--store STORE] [--chromium PATH]

A copy of the case is served and its answer computed first. Then the note of one row at a time is changed in the
text, as an editor would save it; timed are the new answer (from the save, with the second that the folder is looked
at) and, where Chromium is there, an overview that stands open until it has replaced itself. A note changes no number,
but no step can know that: what leans on the row is computed again. Processor time is that of the server.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from web_speed import FLAGS, _free_port, _get, _until

ROWS = ("source", "indicator", "claim", "sighting", "look")


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
        for kind in ROWS:
            print(changed(folder, base, pid, kind, None))
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.goto(base, wait_until="load")
        for kind in ROWS:
            print(changed(folder, base, pid, kind, page))
        browser.close()


def changed(folder: Path, base: str, pid: int, kind: str, page: Any) -> str:
    """Change the note of the last row of a kind; the times in words."""
    from tumen.case import Case
    from tumen.web.edit import Editor

    editor, case = Editor(folder), Case.load(folder)
    row = editor.open(kind, getattr(case, f"{kind}s")[-1].id)
    field = "note" if "note" in row.cells else "title"
    made = editor.prepare_change(row, row.cells | {field: f"{row.cells[field]} (changed)".strip()})
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
    return f"{kind:10} changed: new answer {answered:6.2f} s ({cost:5.2f} s of processor){shown}"


def version(base: str) -> int:
    """The number of the present answer."""
    return int(json.loads(_get(f"{base}/version.json") or b"{}").get("version", 0))


def _seconds(pid: int) -> float:
    """Processor seconds that a process has used."""
    parts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / 100


if __name__ == "__main__":
    main()
