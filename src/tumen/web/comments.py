"""Comments on a figure or paragraph: 250 characters, moderated by a written standard, nothing lost.

A change keeps the old text in the history; hiding names the rule of the standard that was
broken. Two people who change one comment at once do not overwrite each other: a change names
the version it was made from.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from tumen.web import audit
from tumen.web.database import Database, now, stamp
from tumen.web.people import Person

# As on the page of the column that the first case follows.
MAX_LENGTH = 250
ANCHOR = re.compile(r"[A-Za-z0-9:_.-]{1,120}")

# The standard. A comment is hidden for one of these and for nothing else.
STANDARD = {
    "off_topic": "does not speak of the figure or paragraph that it stands at",
    "personal": "attacks a person, or tells of a private person what is not public",
    "incitement": "calls for violence, or asks for help with an attack",
    "targeting": "gives positions or times in order to strike something",
    "unlawful": "shares what was obtained unlawfully or may not be shared",
    "spam": "advertises, repeats itself, or is machine-made noise",
}


class CommentError(ValueError):
    """A comment was refused; the message says why and is safe to show."""


class EditConflict(CommentError):
    """The comment was changed meanwhile; `current` is what it says now."""

    def __init__(self, current: dict[str, Any]) -> None:
        self.current = current
        super().__init__(
            f"someone changed this comment meanwhile (version {current['version']}); read it and try again"
        )


def clean(body: str) -> str:
    """The text as it is kept: NFC, no control characters, trimmed. Raises `CommentError`."""
    if len(body) > 20 * MAX_LENGTH:
        raise CommentError(f"comment of {len(body):,} characters; expected at most {MAX_LENGTH}")
    text = unicodedata.normalize("NFC", body.replace("\r\n", "\n"))
    text = "".join(ch for ch in text if ch == "\n" or unicodedata.category(ch) not in ("Cc", "Cf", "Cs")).strip()
    if not text:
        raise CommentError("comment is empty; expected 1 to 250 characters")
    if len(text) > MAX_LENGTH:
        raise CommentError(f"comment of {len(text)} characters; expected at most {MAX_LENGTH}")
    return text


def add(database: Database, who: Person, anchor: str, body: str, reply_to: int | None = None) -> int:
    """Add a comment; returns its id. Raises `CommentError`."""
    _allow(who, "commenter")
    if not ANCHOR.fullmatch(anchor):
        raise CommentError(f"'{anchor[:60]}' is no place to comment on")
    text, at = clean(body), stamp(now())
    with database.write() as c:
        if reply_to is not None:
            parent = c.execute("SELECT anchor FROM comments WHERE id = ?", (reply_to,)).fetchone()
            if parent is None or parent["anchor"] != anchor:
                raise CommentError(f"there is no comment {reply_to} here to answer")
        made = c.execute(
            "INSERT INTO comments (anchor, reply_to, author, body, state, created, changed) "
            "VALUES (?, ?, ?, ?, 'shown', ?, ?)",
            (anchor, reply_to, who.name, text, at, at),
        ).lastrowid
        assert made is not None
        c.execute("INSERT INTO comment_history VALUES (?, 1, ?, 'shown', NULL, ?, ?)", (made, text, who.name, at))
        audit.note(c, who.name, "comment added", f"comment {made}", anchor=anchor)
    return made


def edit(database: Database, who: Person, number: int, version: int, body: str) -> None:
    """Change one's own comment. Raises `EditConflict` if it is no longer at `version`."""
    _allow(who, "commenter")
    text = clean(body)
    _change(database, who, number, version, body=text, own=True, action="comment changed")


def withdraw(database: Database, who: Person, number: int, version: int) -> None:
    """Take back one's own comment; its history stays."""
    _change(database, who, number, version, state="withdrawn", own=True, action="comment withdrawn")


def moderate(database: Database, who: Person, number: int, version: int, hide: bool, rule: str | None = None) -> None:
    """Hide a comment under a rule of the standard, or show it again."""
    if not who.moderator:
        raise CommentError("only a moderator may do this")
    if hide and rule not in STANDARD:
        raise CommentError(f"rule '{rule}' is not in the standard; expected one of {', '.join(STANDARD)}")
    state, action = ("hidden", "comment hidden") if hide else ("shown", "comment shown")
    _change(database, who, number, version, state=state, reason=rule if hide else None, own=False, action=action)


def _change(
    database: Database, who: Person, number: int, version: int, *, own: bool, action: str, body: str | None = None,
    state: str | None = None, reason: str | None = None,
) -> None:  # fmt: skip
    at = stamp(now())
    with database.write() as c:
        row = c.execute("SELECT * FROM comments WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise CommentError(f"there is no comment {number}")
        if own and row["author"] != who.name:
            raise CommentError("only its author may change a comment")
        if own and row["state"] in ("hidden", "withdrawn"):
            raise CommentError(f"a comment that is {row['state']} cannot be changed")
        if row["version"] != version:
            raise EditConflict(dict(row))
        new = (body if body is not None else row["body"], state or row["state"], reason, version + 1)
        c.execute(
            "UPDATE comments SET body = ?, state = ?, reason = ?, version = ?, changed = ? WHERE id = ?",
            (*new, at, number),
        )
        c.execute(
            "INSERT INTO comment_history VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, version + 1, new[0], new[1], reason, who.name, at),
        )
        audit.note(c, who.name, action, f"comment {number}", version=version + 1, reason=reason)


def listing(database: Database, anchor: str | None = None, who: Person | None = None) -> list[dict[str, Any]]:
    """Comments, oldest first. What is hidden or withdrawn keeps its place, without its text, except for a moderator."""
    where, values = ("WHERE anchor = ?", (anchor,)) if anchor is not None else ("", ())
    with database.read() as c:
        rows = [dict(r) for r in c.execute(f"SELECT * FROM comments {where} ORDER BY id", values)]
    if who is None or not who.moderator:
        for row in rows:
            if row["state"] != "shown":
                row["body"] = ""
    return rows


def counts(database: Database) -> dict[str, int]:
    """How many comments are shown at each place."""
    with database.read() as c:
        found = c.execute("SELECT anchor, count(*) AS n FROM comments WHERE state = 'shown' GROUP BY anchor")
        return {r["anchor"]: r["n"] for r in found}


def history(database: Database, number: int) -> list[dict[str, Any]]:
    """Every version of a comment, oldest first."""
    with database.read() as c:
        return [dict(r) for r in c.execute("SELECT * FROM comment_history WHERE id = ? ORDER BY version", (number,))]


def export(database: Database) -> dict[str, Any]:
    """All comments with their history and the head of the audit log, to keep elsewhere."""
    with database.read() as c:
        rows = [dict(r) for r in c.execute("SELECT * FROM comments ORDER BY id")]
    for row in rows:
        row["history"] = history(database, row["id"])
    return {"standard": STANDARD, "comments": rows, "audit_head": audit.head(database), "exported": stamp(now())}


def _allow(who: Person, role: str) -> None:
    if not who.may(role):
        raise CommentError(f"this needs the role {role}; yours is {who.role}")
