"""glossary.yaml: the words of the craft in English and Korean, for the brief and the web page.

Takes the file; gives `Term` records.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tumen.case.faults import Faults
from tumen.case.read import read_yaml
from tumen.case.record import Id, ListCell, Record, TextCell, Words

FILE = "glossary.yaml"


class Term(Record):
    """One word."""

    term: Id = Field(description="short key")
    en: Words = Field(description="the word in English")
    ko: Words = Field(description="the word in Korean")
    definition_en: Words = Field(description="what it means, in English")
    definition_ko: Words = Field(description="what it means, in Korean")
    source: ListCell = Field(default=[], description="source ids, where the meaning leans on one")
    note: TextCell = Field(default=None, description="remark")


def read(path: Path, faults: Faults) -> list[Term]:
    """Read glossary.yaml."""
    return read_yaml(path, Term, faults, "terms")
