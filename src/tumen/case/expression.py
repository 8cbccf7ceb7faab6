"""Conditions of redlines: a small language that is read, never executed.

Takes a text such as `p(veto) >= 0.8 and seen(ends_monitoring)`; gives a tree that the judging
room evaluates day by day in three-valued logic (true, false, cannot tell; Kleene 1938).

    condition  :=  either ("or" either)*        either  :=  clause ("and" clause)*
    clause     :=  "not" clause | "(" condition ")" | comparison | seen(SIGN) | told(INDICATOR)
    comparison :=  value (">=" | ">" | "<=" | "<") number
    value      :=  p(NODE) | owed() | count(SIGN)     number  :=  0.8 | 80% | 3e9
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?%?)|(?P<name>[A-Za-z_][A-Za-z0-9_.\-]*)"
    r"|(?P<compare>>=|<=|>|<)|(?P<bracket>[()]))"
)
MAX_LENGTH = 500  # a longer condition is not one that a reader can check
MAX_DEPTH = 20

# What stands in the brackets of each word.
VALUES = {"p": "node", "owed": None, "count": "sign"}
FACTS = {"seen": "sign", "told": "indicator"}


class ExpressionError(ValueError):
    """The condition cannot be read."""


@dataclass(frozen=True)
class Compare:
    """`kind(name) sign limit`."""

    kind: str
    name: str | None
    sign: str
    limit: float


@dataclass(frozen=True)
class Fact:
    """`kind(name)`: something that was seen or told."""

    kind: str
    name: str


@dataclass(frozen=True)
class Not:
    """The opposite of a clause."""

    part: Node


@dataclass(frozen=True)
class Both:
    """`and` or `or` over two or more clauses."""

    word: str
    parts: tuple[Node, ...]


Node = Compare | Fact | Not | Both


def parse(text: str) -> Node:
    """Read a condition. Raises `ExpressionError` that says what was expected and where.

    >>> parse("p(veto) >= 80% and not seen(talks)")
    Both(word='and', parts=(Compare(kind='p', name='veto', sign='>=', limit=0.8), Not(part=Fact(kind='seen', name='talks'))))
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"{len(text)} characters, more than {MAX_LENGTH}")
    reader = _Reader(_tokens(text))
    tree = reader.either(0)
    if reader.peek() is not None:
        raise ExpressionError(f"'{reader.peek()}' after the end of the condition")
    return tree


def names_in(tree: Node) -> Iterator[tuple[str, str]]:
    """Every name that a condition uses, as (node | sign | indicator, name)."""
    if isinstance(tree, Not):
        yield from names_in(tree.part)
    elif isinstance(tree, Both):
        for part in tree.parts:
            yield from names_in(part)
    elif tree.name is not None:
        kind = VALUES.get(tree.kind) if isinstance(tree, Compare) else FACTS[tree.kind]
        if kind is not None:
            yield kind, tree.name


def _tokens(text: str) -> list[str]:
    out, place = [], 0
    while place < len(text):
        found = TOKEN.match(text, place)
        if not found:
            if not text[place:].strip():
                break
            raise ExpressionError(f"'{text[place:].strip()[:10]}' cannot be read")
        out.append(found[0].strip())
        place = found.end()
    return out


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.place = tokens, 0

    def peek(self) -> str | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def take(self, wanted: str | None = None) -> str:
        token = self.peek()
        if token is None or (wanted is not None and token != wanted):
            raise ExpressionError(f"{'the end' if token is None else repr(token)} where {wanted or 'more'} should be")
        self.place += 1
        return token

    def either(self, depth: int) -> Node:
        return self._chain("or", lambda d: self._chain("and", self.clause, d), depth)

    def _chain(self, word: str, part: object, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ExpressionError("too many brackets")
        parts = [part(depth + 1)]  # type: ignore[operator]
        while self.peek() == word:
            self.take()
            parts.append(part(depth + 1))  # type: ignore[operator]
        return parts[0] if len(parts) == 1 else Both(word, tuple(parts))

    def clause(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ExpressionError("too many brackets")
        token = self.take()
        if token == "not":
            return Not(self.clause(depth + 1))
        if token == "(":
            inner = self.either(depth + 1)
            self.take(")")
            return inner
        if token in FACTS:
            self.take("(")
            name = self.take()
            self.take(")")
            return Fact(token, name)
        if token in VALUES:
            return self._comparison(token)
        raise ExpressionError(f"'{token}' where one of {', '.join([*VALUES, *FACTS])}, not, ( should be")

    def _comparison(self, kind: str) -> Compare:
        self.take("(")
        name = None if VALUES[kind] is None else self.take()
        self.take(")")
        sign = self.take()
        if sign not in (">=", ">", "<=", "<"):
            raise ExpressionError(f"'{sign}' where >=, >, <= or < should be")
        number = self.take()
        try:
            limit = float(number.rstrip("%")) / (100 if number.endswith("%") else 1)
        except ValueError:
            raise ExpressionError(f"'{number}' where a number should be") from None
        if kind == "p" and not 0 <= limit <= 1:
            raise ExpressionError(f"probability {limit:g} outside 0 to 1")
        return Compare(kind, name, sign, limit)
