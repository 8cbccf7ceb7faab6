"""Time and weight of the brief of a case: python bench/brief.py [CASE].

Runs the chain first (stored results are used), then writes the brief three times in each language and prints the
best time of each, with the size of what was written, and of how many records of evidence the Korean page leaves
something out because the case says it in English only.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import tumen
from tumen.brief import make_brief, make_package
from tumen.brief.words import catalogue

USED: list[float] = []  # processor seconds of each piece of work


def main(case: str) -> None:
    """Print one line a form."""
    study = tumen.open(case)
    study.run()
    tables = {name: study.table(name) for name in study.names()}
    made_by = {name: i for name in tables if (i := study.computation_of(name))}
    lookup = study.evidence.get
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        for lang in ("en", "ko"):
            for pdf in (False, True):
                USED.clear()
                best, files = min(
                    (_timed(lambda lang=lang, pdf=pdf: make_brief(tables, study.case, lookup, out, lang, pdf, made_by)) for _ in range(3)),
                    key=lambda made: made[0],
                )  # fmt: skip
                sizes = ", ".join(
                    f"{p.name} {p.stat().st_size / 1e6:.2f} MB" for p in files if p.suffix in (".html", ".pdf")
                )
                print(
                    f"{lang} {'page, figures, PDF and PNG' if pdf else 'page and SVG figures'}: {best:.2f} s ({min(USED):.2f} s of CPU); {sizes}"
                )
        page = (out / "brief.ko.html").read_text(encoding="utf-8")
        records = page.count('<details class="why"')
        left_out = page.count(catalogue("ko")["told.silent"].partition("{where}")[0])
        print(f"Korean page: {records:,} records, {left_out} say something in English only")
        best, folder = _timed(lambda: make_package(tables, study.case, out))
        size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
        print(f"data package: {best:.2f} s, {size / 1e6:.1f} MB")


def _timed(work):
    """Seconds by the clock, what was made; processor seconds are printed beside it, since a busy machine stretches the clock."""
    start, used = time.perf_counter(), time.process_time()
    made = work()
    USED.append(time.process_time() - used)
    return time.perf_counter() - start, made


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "cases/najin")
