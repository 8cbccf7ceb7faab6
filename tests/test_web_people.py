"""Sign-in, comments and the audit log hold against forgery, haste and tampering."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
from pathlib import Path

import pytest

pytest.importorskip("argon2", reason="needs the web extra")

from tumen.web import audit, comments, people
from tumen.web.comments import CommentError, EditConflict
from tumen.web.database import Database, now
from tumen.web.people import Person, SignInError, TooManyAttempts

GOOD = "correct-horse-battery"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(tmp_path / "shared.sqlite")
    people.add_person(made, "mina", GOOD, "analyst", moderator=True)
    people.add_person(made, "joon", GOOD, "commenter")
    people.add_person(made, "ruth", GOOD, "reader")
    return made


def who(database: Database, name: str) -> Person:
    found = people.session(database, people.sign_in(database, name, GOOD, "127.0.0.1"))
    assert found is not None
    return found


def test_everybody_is_listed_without_secrets_and_a_closed_account_is_told(database: Database) -> None:
    people.close_person(database, "joon")
    rows = people.everybody(database)
    assert [(r["name"], r["role"], r["active"]) for r in rows] == [
        ("joon", "commenter", 0), ("mina", "analyst", 1), ("ruth", "reader", 1)
    ]  # fmt: skip
    assert not any("secret" in r for r in rows)


def test_a_new_database_admits_nobody(tmp_path: Path) -> None:
    empty = Database(tmp_path / "x.sqlite")
    for name, password in (("admin", "admin"), ("root", ""), ("tumen", "tumen")):
        with pytest.raises(SignInError):
            people.sign_in(empty, name, password, "127.0.0.1")


@pytest.mark.parametrize("password", ["short", "x" * 201, "aaaaaaaaaaaaaaaaaaaa", "mina-mina-mina-mina"])
def test_weak_passwords_are_refused(database: Database, password: str) -> None:
    with pytest.raises(ValueError, match="password"):
        people.add_person(database, "mina", password, "analyst")


def test_sign_in_and_roles(database: Database) -> None:
    mina, ruth = who(database, "mina"), who(database, "ruth")
    assert mina.may("commenter")
    assert mina.may("analyst")
    assert not ruth.may("commenter")
    assert who(database, "MINA").name == "mina"


def test_the_database_file_opens_no_session(database: Database) -> None:
    token = people.sign_in(database, "mina", GOOD, "127.0.0.1")
    blob = b"".join(p.read_bytes() for p in database.path.parent.iterdir())
    assert token.encode() not in blob
    assert GOOD.encode() not in blob
    assert (database.path.stat().st_mode & 0o077) == 0


@pytest.mark.parametrize("token", ["", "forged", "' OR 1=1 --", "x" * 10_000])
def test_a_forged_session_is_nobody(database: Database, token: str) -> None:
    assert people.session(database, token) is None


def test_sessions_expire_by_idleness_and_by_age(database: Database) -> None:
    start = now()
    token = people.sign_in(database, "mina", GOOD, "127.0.0.1", at=start)
    assert people.session(database, token, at=start + people.IDLE - dt.timedelta(minutes=1))
    assert people.session(database, token, at=start + people.IDLE * 2) is None
    busy = people.sign_in(database, "mina", GOOD, "127.0.0.1", at=start)
    at = start
    while at < start + people.LIFETIME - dt.timedelta(hours=8):
        at += dt.timedelta(hours=7)
        assert people.session(database, busy, at=at) is not None
    assert people.session(database, busy, at=start + people.LIFETIME + dt.timedelta(minutes=1)) is None


def test_signing_out_closing_and_a_new_password_end_sessions(database: Database) -> None:
    for end in (
        lambda t: people.sign_out(database, t),
        lambda t: people.add_person(database, "joon", GOOD + "-new", "commenter"),
    ):
        token = people.sign_in(database, "joon", GOOD, "127.0.0.1")
        end(token)
        assert people.session(database, token) is None
    token = people.sign_in(database, "ruth", GOOD, "127.0.0.1")
    assert people.close_person(database, "ruth")
    assert people.session(database, token) is None
    with pytest.raises(SignInError):
        people.sign_in(database, "ruth", GOOD, "127.0.0.1")


def test_guessing_is_slowed_for_the_name_and_recovers(database: Database) -> None:
    start = now()
    for _ in range(people.MAX_PER_NAME):
        with pytest.raises(SignInError):
            people.sign_in(database, "mina", "wrong-wrong-wrong", "10.0.0.1", at=start)
    with pytest.raises(TooManyAttempts):
        people.sign_in(database, "mina", GOOD, "10.0.0.2", at=start)
    later = start + people.WINDOW + dt.timedelta(seconds=1)
    assert people.sign_in(database, "mina", GOOD, "10.0.0.2", at=later)


def test_guessing_is_slowed_for_the_address(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "_matches", lambda secret, password: False)  # argon2 is slow by design
    for number in range(people.MAX_PER_ADDRESS):
        with pytest.raises(SignInError):
            people.sign_in(database, f"name{number}", "x", "10.0.0.9")
    with pytest.raises(TooManyAttempts):
        people.sign_in(database, "someone", "x", "10.0.0.9")


def test_many_tries_at_once_are_held_to_the_limit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    checked, gate = [], threading.Barrier(24)

    def wrong(secret: str, password: str) -> bool:
        checked.append(secret)
        return False

    def attempt() -> None:
        gate.wait()
        with pytest.raises(SignInError):
            people.sign_in(database, "mina", "wrong-wrong-wrong", "10.0.0.3")

    monkeypatch.setattr(people, "_matches", wrong)
    threads = [threading.Thread(target=attempt) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(checked) == people.MAX_PER_NAME


def test_passwords_are_checked_so_many_at_a_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting:
        """Counts how many checks run at once, in place of argon2."""

        now = most = 0
        lock = threading.Lock()

        def verify(self, secret: str, password: str) -> bool:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            threading.Event().wait(0.01)
            with self.lock:
                self.now -= 1
            return True

    counting = Counting()
    monkeypatch.setattr(people, "_hasher", counting)
    threads = [threading.Thread(target=people._matches, args=("x", "y")) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counting.most == people.AT_ONCE


def test_an_unknown_name_costs_the_same_check_as_a_known_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One password is verified either way, against a hash of the same parameters, so that time tells no names."""
    checked: list[str] = []
    monkeypatch.setattr(people, "_matches", lambda secret, password: bool(checked.append(secret)))
    for name in ("mina", "nobody", "", "x" * 500):
        with pytest.raises(SignInError):
            people.sign_in(database, name, "wrong-wrong-wrong", "10.0.0.4")
    parameters = {secret.rsplit("$", 2)[0] for secret in checked}
    assert len(checked) == 4
    assert len(parameters) == 1
    # RFC 9106's second recommended set: argon2id, 64 MiB, three passes, four lanes.
    assert parameters == {"$argon2id$v=19$m=65536,t=3,p=4"}


# --- comments ---------------------------------------------------------------------------


def test_250_characters_and_not_one_more(database: Database) -> None:
    joon = who(database, "joon")
    comments.add(database, joon, "figure:rounds", "é" * 250)
    for body in ("x" * 251, "x" * 10_000_000, "", "  \n ", "\x00\u200b"):
        with pytest.raises(CommentError):
            comments.add(database, joon, "figure:rounds", body)
    assert len(comments.listing(database, "figure:rounds")) == 1


@pytest.mark.parametrize("anchor", ["", "../../etc/passwd", "a b", "<script>", "x" * 121])
def test_a_comment_stands_at_a_place_of_the_page(database: Database, anchor: str) -> None:
    with pytest.raises(CommentError):
        comments.add(database, who(database, "joon"), anchor, "hello")


def test_readers_do_not_comment_and_nobody_edits_for_another(database: Database) -> None:
    with pytest.raises(CommentError, match="role"):
        comments.add(database, who(database, "ruth"), "p:1", "hello")
    number = comments.add(database, who(database, "joon"), "p:1", "hello")
    with pytest.raises(CommentError, match="author"):
        comments.edit(database, who(database, "mina"), number, 1, "changed")
    with pytest.raises(CommentError, match="moderator"):
        comments.moderate(database, who(database, "joon"), number, 1, True, "spam")


def test_editing_keeps_every_version(database: Database) -> None:
    joon = who(database, "joon")
    number = comments.add(database, joon, "p:1", "first")
    comments.edit(database, joon, number, 1, "second")
    comments.withdraw(database, joon, number, 2)
    assert [h["body"] for h in comments.history(database, number)] == ["first", "second", "second"]
    assert comments.listing(database, "p:1")[0]["body"] == ""
    with pytest.raises(CommentError):
        comments.edit(database, joon, number, 3, "third")


def test_an_edit_of_an_old_version_is_refused_and_loses_nothing(database: Database) -> None:
    joon = who(database, "joon")
    number = comments.add(database, joon, "p:1", "first")
    comments.edit(database, joon, number, 1, "from one window")
    with pytest.raises(EditConflict) as caught:
        comments.edit(database, joon, number, 1, "from another")
    assert caught.value.current["body"] == "from one window"


def test_hiding_needs_a_rule_of_the_standard(database: Database) -> None:
    mina = who(database, "mina")
    number = comments.add(database, who(database, "joon"), "p:1", "buy now")
    with pytest.raises(CommentError, match="standard"):
        comments.moderate(database, mina, number, 1, True, "i do not like it")
    comments.moderate(database, mina, number, 1, True, "spam")
    assert comments.listing(database, "p:1")[0]["body"] == ""
    assert comments.listing(database, "p:1", mina)[0]["body"] == "buy now"
    comments.moderate(database, mina, number, 2, False)
    assert comments.listing(database, "p:1")[0]["body"] == "buy now"


def test_writers_at_once_lose_no_comment(database: Database) -> None:
    joon = who(database, "joon")
    threads = [
        threading.Thread(target=lambda n=n: comments.add(database, joon, "p:1", f"comment {n}")) for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {c["body"] for c in comments.listing(database, "p:1")} == {f"comment {n}" for n in range(16)}
    assert audit.verify(database) is None


# --- audit ------------------------------------------------------------------------------


def test_export_carries_history_standard_and_the_head_of_the_log(database: Database) -> None:
    number = comments.add(database, who(database, "joon"), "p:1", "first")
    data = comments.export(database)
    assert data["comments"][0]["id"] == number
    assert data["comments"][0]["history"][0]["body"] == "first"
    assert data["audit_head"] == audit.head(database)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit SET who = 'someone else' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "UPDATE audit SET at = '2020-01-01' WHERE seq = 2",
        "UPDATE audit SET seq = 99 WHERE seq = 2",
    ],
)
def test_tampering_with_the_log_shows(database: Database, damage: str) -> None:
    assert audit.verify(database) is None
    with sqlite3.connect(database.path) as connection:
        connection.execute(damage)
    assert audit.verify(database) == 2
