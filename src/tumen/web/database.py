"""The shared workbench's own data: people, comments, the audit log, in one SQLite file.

It lives outside the case and outside `.tumen/` (which may be deleted), in WAL mode so that
readers never wait for a writer. Times are UTC, ISO 8601, to the microsecond.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS people (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    role TEXT NOT NULL CHECK (role IN ('reader', 'commenter', 'analyst')),
    moderator INTEGER NOT NULL DEFAULT 0,
    secret TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1,
    created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sessions (
    token_hash TEXT PRIMARY KEY,
    name TEXT NOT NULL REFERENCES people(name),
    csrf TEXT NOT NULL,
    created TEXT NOT NULL,
    used TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS attempts (name TEXT NOT NULL, address TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_at ON attempts(at);
CREATE TABLE IF NOT EXISTS comments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    anchor TEXT NOT NULL,
    reply_to INTEGER REFERENCES comments(id),
    author TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('shown', 'held', 'hidden', 'withdrawn')),
    reason TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    created TEXT NOT NULL,
    changed TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS comments_anchor ON comments(anchor);
CREATE TABLE IF NOT EXISTS comment_history (
    id INTEGER NOT NULL REFERENCES comments(id),
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    by TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (id, version)
);
CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE
);
"""


class Database:
    """One SQLite file; every `write()` is one transaction that waits its turn."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        with self._connect() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(SCHEMA)
        path.chmod(0o600)  # it holds password hashes

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection to read from."""
        with self._connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing. Writers queue from the first statement on."""
        with self._connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            yield connection
        finally:
            connection.close()


def now() -> dt.datetime:
    """The present time in UTC."""
    return dt.datetime.now(dt.UTC)


def stamp(when: dt.datetime) -> str:
    """A time as it is stored: sorts as text."""
    return when.astimezone(dt.UTC).isoformat(timespec="microseconds")
