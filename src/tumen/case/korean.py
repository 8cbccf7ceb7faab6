"""Korean beside English: no Korean of a text that is empty, and a word where a row was forgotten.

Takes a case; gives faults and warnings of `tumen check`. A field `label_ko` is the Korean of `label`
in the same record; rows are counted by what they are (a price, a redline). A case speaks Korean where case.toml has `title_ko`; only then are gaps named.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tumen.case.faults import At, Faults

if TYPE_CHECKING:
    from tumen.case.folder import Case

# Text that a reader of the Korean brief meets. Titles stay in the language of the document, places in that of the map.
TOLD = ("label_ko", "text_ko", "where_ko", "note_ko", "cost_note_ko", "why_ko", "reason_ko")


def check(case: Case, faults: Faults, warnings: list[str]) -> None:
    """Korean has its English; where most rows of a file have Korean, the rows without it are counted."""
    filled: dict[tuple[str, str, str], int] = defaultdict(int)
    gaps: dict[tuple[str, str, str], list[At]] = defaultdict(list)
    for _, record in case.records():
        fields = type(record).model_fields
        for name in fields:
            stem = name.removesuffix("_ko")
            if stem == name or stem not in fields:
                continue
            korean, english = getattr(record, name), getattr(record, stem)
            if korean and not english:
                faults.add(record.at, name, f"Korean of an empty {stem}", f"the English in {stem}, or nothing here")
            if name.endswith(TOLD) and english:
                key = (record.at.file, type(record).__name__, name)
                if korean:
                    filled[key] += 1
                else:
                    gaps[key].append(record.at)
    if case.settings.case.title_ko is None:
        return
    for key, rows in gaps.items():
        if filled[key] > len(rows):
            others = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
            warnings.append(f"{rows[0].file}:{rows[0].line}{others}: no {key[2]}; a Korean brief leaves that text out")
