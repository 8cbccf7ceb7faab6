"""A case to start from: small, whole, commented, and invented from end to end.

Takes a folder that does not exist yet; writes the files of `starter/` into it. Every invented
row is marked as simulated, so that none can be left behind in a real case unnoticed.
"""

from __future__ import annotations

import os
import secrets
import shutil
from importlib import resources
from pathlib import Path

from tumen.case.faults import CaseError, Fault
from tumen.case.folder import Case


def new_case(folder: str | Path) -> list[Path]:
    """Write the starter case; returns the files. Raises `CaseError` if the folder exists and holds anything.

    The files are written aside and moved in one step, so a stopped run leaves no half a case.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CaseError([Fault(str(folder), 1, "folder", "exists and is not empty", "a new or an empty folder")])
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.parent / f".{folder.name}.{secrets.token_hex(4)}"
    aside.mkdir()
    try:
        for item in sorted(resources.files("tumen.case").joinpath("starter").iterdir(), key=lambda i: i.name):
            if item.is_file():
                (aside / item.name).write_bytes(item.read_bytes())
        Case.load(aside)
        if folder.exists():
            folder.rmdir()
        os.replace(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return sorted(folder.iterdir())
