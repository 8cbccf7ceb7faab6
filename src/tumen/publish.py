"""From a study to what people read: the brief, its figures, the data package.

Takes a study that has been run; gives files in a folder. Which table names a brief may lean on
and which computation made each is known here, so that `brief/` sees tables alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tumen.study import Study


def publish(study: Study, out: Path | None, *, langs: Iterable[str] = ("en",), pdf: bool = False) -> list[Path]:
    """Write the brief in each language; returns the pages and PDFs.

    `out` defaults to `brief/` beside the stored results. Raises `BriefError` where a number has
    no evidence.
    """
    from tumen.brief import make_brief

    folder = out or study.store.folder / "brief"
    tables = {name: study.table(name) for name in study.names()}
    made_by = {name: i for name in tables if (i := study.computation_of(name))}
    written: list[Path] = []
    for lang in langs:
        written += make_brief(tables, study.case, study.evidence.get, folder, lang, pdf, made_by=made_by)
    return [path for path in written if path.suffix in (".html", ".pdf")]
