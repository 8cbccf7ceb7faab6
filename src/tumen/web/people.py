"""Sign-in: argon2id passwords, sessions that expire, attempts that are limited, three roles.

Nobody exists until an administrator adds them on the command line; there is no default
password. Session tokens are stored as hashes, so that a copied database opens no session.
Parameters of argon2id are the library's defaults, RFC 9106's second recommended set.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
import sqlite3
import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error

from tumen.web import audit
from tumen.web.database import Database, now, stamp

ROLES = ("reader", "commenter", "analyst")
# NIST SP 800-63B-4: at least 15 characters where a password stands alone; length, no composition rules.
MIN_PASSWORD, MAX_PASSWORD = 15, 200
IDLE, LIFETIME = dt.timedelta(hours=8), dt.timedelta(days=7)
WINDOW = dt.timedelta(minutes=15)
MAX_PER_NAME, MAX_PER_ADDRESS = 5, 30
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")

_hasher = PasswordHasher()
# One check of a password takes 64 MiB; so many at a time, however many try from however many addresses.
AT_ONCE = 2
_turn = threading.BoundedSemaphore(AT_ONCE)


class SignInError(Exception):
    """Sign-in was refused; the message is safe to show."""


class TooManyAttempts(SignInError):
    """Sign-in is closed for a while for this name or address."""


@dataclass(frozen=True)
class Person:
    """Who is signed in, and what they may do."""

    name: str
    role: str
    moderator: bool
    csrf: str

    def may(self, role: str) -> bool:
        """Whether the person's role includes another."""
        return ROLES.index(self.role) >= ROLES.index(role)


def add_person(database: Database, name: str, password: str, role: str, moderator: bool = False) -> None:
    """Add a person or give one a new password and role; ends their sessions. Raises `ValueError`."""
    if not NAME.fullmatch(name):
        raise ValueError(f"name '{name[:60]}' not allowed; expected 1 to 40 letters, digits, dots, dashes")
    if role not in ROLES:
        raise ValueError(f"role '{role}' unknown; expected one of {', '.join(ROLES)}")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise ValueError(f"password of {len(password)} characters; expected {MIN_PASSWORD} to {MAX_PASSWORD}")
    if name.lower() in password.lower() or len(set(password)) < 5:
        raise ValueError("password holds the name or hardly varies; expected one that cannot be guessed")
    secret = _hasher.hash(password)
    with database.write() as c:
        c.execute(
            "INSERT INTO people (name, role, moderator, secret, created) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET role = excluded.role, moderator = excluded.moderator, "
            "secret = excluded.secret, active = 1",
            (name, role, int(moderator), secret, stamp(now())),
        )
        c.execute("DELETE FROM sessions WHERE name = ?", (name,))
        audit.note(c, "command line", "person added", name, role=role, moderator=moderator)


def everybody(database: Database) -> list[dict[str, Any]]:
    """Every account by name: name, role, moderator, active, created (UTC). No secrets."""
    with database.read() as c:
        rows = c.execute("SELECT name, role, moderator, active, created FROM people ORDER BY name").fetchall()
    return [dict(row) for row in rows]


def close_person(database: Database, name: str) -> bool:
    """Shut an account and end its sessions; what it wrote stays. False if there is no such person."""
    with database.write() as c:
        changed = c.execute("UPDATE people SET active = 0 WHERE name = ?", (name,)).rowcount
        c.execute("DELETE FROM sessions WHERE name = ?", (name,))
        if changed:
            audit.note(c, "command line", "person closed", name)
    return bool(changed)


def sign_in(database: Database, name: str, password: str, address: str, at: dt.datetime | None = None) -> str:
    """Check a password; returns a session token. Raises `SignInError` or `TooManyAttempts`."""
    when = at or now()
    _admit(database, name, address, when)
    decoy = _decoy()
    with database.read() as c:
        row = c.execute("SELECT name, secret, active FROM people WHERE name = ?", (name[:80],)).fetchone()
    good = _matches(row["secret"] if row else decoy, password[: MAX_PASSWORD + 1])
    if not (good and row and row["active"]):
        with database.write() as c:
            audit.note(c, "nobody", "sign-in refused", name[:80], address=address)
        raise SignInError("name or password is wrong")
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with database.write() as c:
        c.execute("DELETE FROM attempts WHERE name = ? AND address = ?", (_key(name), address))
        c.execute("DELETE FROM sessions WHERE created < ? OR used < ?", (stamp(when - LIFETIME), stamp(when - IDLE)))
        c.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", (_hashed(token), row["name"], csrf, stamp(when), stamp(when))
        )
        if _hasher.check_needs_rehash(row["secret"]):
            c.execute("UPDATE people SET secret = ? WHERE name = ?", (_hasher.hash(password), row["name"]))
        audit.note(c, row["name"], "signed in", row["name"], address=address)
    return token


def session(database: Database, token: str, at: dt.datetime | None = None) -> Person | None:
    """The person of a session token, or None where it is forged, idle for 8 hours or 7 days old."""
    when = at or now()
    with database.read() as c:
        row = c.execute(
            "SELECT s.*, p.role, p.moderator FROM sessions s JOIN people p ON p.name = s.name "
            "WHERE token_hash = ? AND p.active = 1",
            (_hashed(token),),
        ).fetchone()
    if row is None or row["created"] < stamp(when - LIFETIME) or row["used"] < stamp(when - IDLE):
        return None
    if row["used"] < stamp(when - dt.timedelta(minutes=1)):
        with database.write() as c:
            c.execute("UPDATE sessions SET used = ? WHERE token_hash = ?", (stamp(when), _hashed(token)))
    return Person(row["name"], row["role"], bool(row["moderator"]), row["csrf"])


def sign_out(database: Database, token: str) -> None:
    """End a session."""
    with database.write() as c:
        c.execute("DELETE FROM sessions WHERE token_hash = ?", (_hashed(token),))


def _admit(database: Database, name: str, address: str, when: dt.datetime) -> None:
    """Count this attempt; refuse where there were too many. Counting first leaves no gap for a race."""
    since = stamp(when - WINDOW)
    with database.write() as c:
        c.execute("DELETE FROM attempts WHERE at < ?", (since,))
        by_name = _count(c, "name = ?", _key(name))
        by_address = _count(c, "address = ?", address)
        if by_name >= MAX_PER_NAME or by_address >= MAX_PER_ADDRESS:
            blocked = True
        else:
            blocked = False
            c.execute("INSERT INTO attempts VALUES (?, ?, ?)", (_key(name), address, stamp(when)))
    if blocked:
        raise TooManyAttempts(f"too many attempts; try again in {WINDOW.seconds // 60} minutes")


def _count(connection: sqlite3.Connection, where: str, value: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM attempts WHERE {where}", (value,)).fetchone()[0])


@cache
def _decoy() -> str:
    """Verified against when the name is unknown, so that time tells nobody which names exist."""
    return _hasher.hash(secrets.token_hex(16))


def _matches(secret: str, password: str) -> bool:
    with _turn:
        try:
            return _hasher.verify(secret, password)
        except Argon2Error:
            return False


def _key(name: str) -> str:
    return name[:80].lower()


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
