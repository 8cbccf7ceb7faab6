"""From a study to what people read: the brief, its figures, the data package.

Takes a study that has been run; gives files in a folder. Which table names a brief may lean on
and which computation made each is known here, so that `brief/` sees tables alone. A brief whose
tables, case text and code are as they were is not written again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

import tumen
from tumen.evidence import Node
from tumen.store import code_version, step_key
from tumen.study import Study, open_study, plain

# What is set side by side with an earlier day.
BEFORE = ("headline", "trades", "redlines")
# Beside the pages: what they were made from, so that nothing is written twice.
MARK = ".made.json"


def publish(
    study: Study,
    out: Path | None,
    *,
    langs: Iterable[str] = ("en",),
    pdf: bool = False,
    data: bool = False,
    since: dt.date | None = None,
) -> list[Path]:
    """Write the brief in each language; returns the pages and PDFs, and the data package with `data`.

    With `since`, the brief also says what changed since that day: the case is run as of it, too.
    `out` defaults to `brief/` beside the stored results. Raises `BriefError` where a number has
    no evidence.
    """
    folder = out or study.store.folder / "brief"
    written: list[Path] = []
    earlier = _earlier(study, since) if since else None
    for lang in langs:
        written += _language(study, folder, lang, pdf, earlier)
    if data:
        from tumen.brief import make_package

        written.append(make_package(_tables(study), study.case, folder, steps=study.steps(), pages=written))
    return written


def _tables(study: Study) -> dict[str, pa.Table]:
    return {name: study.table(name) for name in study.names()}


def _earlier(study: Study, since: dt.date) -> Study:
    """The same case as of an earlier day, run."""
    made = open_study(study.case.folder, since, store=study.store.folder, workers=study.workers, dask=study.dask)
    made.progress = study.progress
    # Only the figures, judgements and redlines are asked for: the answer of the case stays that of its own day.
    for name in BEFORE:
        made.table(name)
    return made


def _language(study: Study, folder: Path, lang: str, pdf: bool, earlier: Study | None = None) -> list[Path]:
    pages = [folder / f"brief.{lang}.html", *([folder / f"brief.{lang}.pdf"] if pdf else [])]
    key, marks = _key(study) + (_key(earlier) if earlier else ""), _marks(folder)
    if all(p.exists() and marks.get(p.name) == key for p in pages):
        return pages
    from tumen.brief import make_brief

    tables = _tables(study)
    made_by = {name: i for name in tables if (i := study.computation_of(name))}
    before = (earlier.case.settings.as_of, {name: earlier.table(name) for name in BEFORE}) if earlier else None

    def lookup(why: str) -> Node | None:
        return study.evidence.get(why) or (earlier.evidence.get(why) if earlier else None)

    make_brief(tables, study.case, lookup, folder, lang, pdf, made_by=made_by, before=before)
    marks |= {p.name: key for p in pages}
    (folder / MARK).write_text(json.dumps(marks), encoding="utf-8")
    return pages


def _key(study: Study) -> str:
    """Hash of all that a brief depends on: every table, the case's text (it names places and events), the code."""
    words = {"settings": plain(study.case.settings), "case": study.case.fingerprint()}
    code = code_version("brief", "evidence.py", "case", "publish.py")
    return step_key("publish", f"{tumen.__version__} {code}", words, 0, str(study.case.settings.as_of), study.digests())


def _marks(folder: Path) -> dict[str, str]:
    try:
        data = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
