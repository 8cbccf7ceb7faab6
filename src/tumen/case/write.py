"""Writing a file of a case: aside, synced and renamed, never over a change made meanwhile.

Takes the file and its new text; gives a `Change` that can be shown as a unified diff before it
is written. A killed write leaves the old file or the new one.
"""

from __future__ import annotations

import difflib
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tumen.case.faults import CaseError, Fault

try:
    import fcntl
except ImportError:  # not on this system: writers in one process still take turns
    fcntl = None  # type: ignore[assignment]

_turn = threading.RLock()
_held: set[Path] = set()  # folders that this process has to itself; only the thread that has the turn reads it


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Have a case's text to oneself while it is looked at and written: other threads and programs of ours wait.

    May be entered again by the one who has it. Editors of other make are not held; `Change.check` finds what they wrote.
    """
    with _turn:
        here = folder.resolve()
        if fcntl is None or here in _held or not here.is_dir():
            yield
            return
        handle = os.open(here, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            _held.add(here)
            yield
        finally:
            _held.discard(here)
            os.close(handle)


@dataclass(frozen=True)
class Change:
    """One file's text before and after; nothing is written until `write()`."""

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The change as a unified diff; empty if nothing changes."""
        name = self.path.name
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True), self.after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
        )
        return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)

    def check(self) -> None:
        """Raise `CaseError` if the file has changed since the diff was made."""
        present = self.path.read_bytes().decode("utf-8") if self.path.exists() else ""
        if present != self.before:
            raise CaseError([Fault(self.path.name, 1, "file", "changed since the diff was made", "to start again")])

    def write(self) -> None:
        """Put the new text in place. Raises `CaseError` if the file has changed since the diff was made."""
        with alone(self.path.parent):
            self.check()
            target = self.path.resolve()
            aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            try:
                with aside.open("w", encoding="utf-8", newline="") as stream:
                    stream.write(self.after)
                    stream.flush()
                    os.fsync(stream.fileno())
                if target.exists():
                    aside.chmod(target.stat().st_mode & 0o777)
                aside.replace(target)
            finally:
                aside.unlink(missing_ok=True)
