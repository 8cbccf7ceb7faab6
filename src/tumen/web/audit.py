"""What was done by whom: an append-only log in which each line seals the one before it.

The hash of a line covers its content and the hash of its predecessor, so that a line that is
changed, moved or taken out later breaks the chain at that place. Cutting lines off the end
cannot be seen from within; `head` is there to be kept elsewhere (printed in an export).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from typing import Any

from tumen.web.database import Database, now, stamp

ROOT = "0" * 64


def note(connection: sqlite3.Connection, who: str, action: str, subject: str, **detail: Any) -> str:
    """Append one line inside the caller's transaction; returns its hash."""
    last = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    seq, previous = (last["seq"] + 1, last["hash"]) if last else (1, ROOT)
    at, text = stamp(now()), json.dumps(detail, sort_keys=True, ensure_ascii=False, default=str)
    sealed = _seal(seq, at, who, action, subject, text, previous)
    connection.execute(
        "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (seq, at, who, action, subject, text, previous, sealed)
    )
    return sealed


def lines(database: Database, limit: int = 200) -> list[dict[str, Any]]:
    """The latest lines, newest first."""
    with database.read() as connection:
        rows = connection.execute("SELECT * FROM audit ORDER BY seq DESC LIMIT ?", (limit,)).fetchall()
    return [dict(r) | {"detail": json.loads(r["detail"])} for r in rows]


def head(database: Database) -> str:
    """Hash of the last line."""
    with database.read() as connection:
        row = connection.execute("SELECT hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return row["hash"] if row else ROOT


def verify(database: Database) -> int | None:
    """Number of the first line that does not fit, or None where the chain is whole."""
    previous = ROOT
    with database.read() as connection:
        for expected, row in enumerate(connection.execute("SELECT * FROM audit ORDER BY seq"), 1):
            fits = row["seq"] == expected and row["previous"] == previous
            sealed = _seal(*(row[k] for k in ("seq", "at", "who", "action", "subject", "detail", "previous")))
            if not fits or sealed != row["hash"]:
                return expected
            previous = row["hash"]
    return None


def holds(database: Database, sealed: str) -> bool:
    """Whether a head that was kept earlier is still a line of the log: nothing was cut off after it was written."""
    with database.read() as connection:
        return (
            sealed == ROOT or connection.execute("SELECT 1 FROM audit WHERE hash = ?", (sealed,)).fetchone() is not None
        )


def size(database: Database) -> int:
    """Number of lines."""
    with database.read() as connection:
        return int(connection.execute("SELECT count(*) FROM audit").fetchone()[0])


def _seal(seq: int, at: str, who: str, action: str, subject: str, detail: str, previous: str) -> str:
    text = json.dumps([seq, at, who, action, subject, detail, previous], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
