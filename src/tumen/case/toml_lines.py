"""On which line each key of a TOML text stands.

The standard library reads TOML but forgets lines. This scanner follows strings, comments and
brackets just far enough to tell keys and items of arrays from other text; it never judges
whether the TOML is valid, which `tomllib` has done before.
"""

from __future__ import annotations

import re

Lines = dict[tuple[str, ...], int]

# The four strings of TOML; a long one may end in up to two more quotes that belong to it.
_STRING = re.compile(
    r'"""(?P<long>(?:[^\\]|\\.)*?"{0,2})"""(?!")'
    r"|'''(?P<raw_long>.*?'{0,2})'''(?!')"
    r'|"(?P<short>(?:[^"\\\n]|\\.)*)"'
    r"|'(?P<raw>[^'\n]*)'",
    re.DOTALL,
)


def toml_lines(text: str) -> Lines:
    """Line of each table header, key and array item; items are numbered from 0.

    >>> toml_lines("[a]\\nb = 1")[("a", "b")]
    2
    >>> toml_lines("[[x]]\\ny = 1\\n[[x]]\\ny = [\\n  {z = 1},\\n  {z = 2},\\n]")[("x", "1", "y", "1", "z")]
    6
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.i, self.line = text, 0, 1
        self.lines: Lines = {}
        self.counts: dict[tuple[str, ...], int] = {}

    def scan(self) -> Lines:
        prefix: tuple[str, ...] = ()
        try:
            while self._skip("\n"):
                if self.text[self.i] == "[":
                    prefix = self._header()
                else:
                    self._pair(prefix)
        except IndexError:  # text that ends early: tomllib has said so
            pass
        return self.lines

    # --- pieces ---------------------------------------------------------------------------

    def _header(self) -> tuple[str, ...]:
        double = self.text.startswith("[[", self.i)
        line = self.line
        self.i += 2 if double else 1
        name = self._numbered(self._key("]"))
        self.i += 2 if double else 1
        if double:
            self.counts[name] = self.counts.get(name, -1) + 1
            name = (*name, str(self.counts[name]))
        for length in range(1, len(name) + 1):
            self.lines.setdefault(name[:length], line)
        self._rest_of_line()
        return name

    def _pair(self, prefix: tuple[str, ...]) -> None:
        line = self.line
        place = (*prefix, *self._key("="))
        self.i += 1
        for length in range(len(prefix) + 1, len(place) + 1):
            self.lines.setdefault(place[:length], line)
        self._value(place)

    def _value(self, place: tuple[str, ...], depth: int = 0) -> None:
        self._skip("")
        char = self.text[self.i]
        if depth > 200:
            raise IndexError
        if char in "\"'":
            self._string()
        elif char == "[":
            self._array(place, depth)
        elif char == "{":
            self._inline(place, depth)
        else:
            while self.i < len(self.text) and self.text[self.i] not in ",]}\n#":
                self.i += 1

    def _array(self, place: tuple[str, ...], depth: int) -> None:
        self.i += 1
        number = 0
        while True:
            self._skip("\n,")
            if self.text[self.i] == "]":
                self.i += 1
                return
            item = (*place, str(number))
            self.lines.setdefault(item, self.line)
            before = self.i
            self._value(item, depth + 1)
            if self.i == before:
                raise IndexError
            number += 1

    def _inline(self, place: tuple[str, ...], depth: int) -> None:
        self.i += 1
        while True:
            self._skip("\n,")
            if self.text[self.i] == "}":
                self.i += 1
                return
            line = self.line
            inner = (*place, *self._key("="))
            self.i += 1
            for length in range(len(place) + 1, len(inner) + 1):
                self.lines.setdefault(inner[:length], line)
            self._value(inner, depth + 1)

    def _string(self) -> str:
        found = _STRING.match(self.text, self.i)
        if found is None:
            raise IndexError
        self.i = found.end()
        self.line += found[0].count("\n")
        return found["long"] or found["raw_long"] or found["short"] or found["raw"] or ""

    def _key(self, end: str) -> tuple[str, ...]:
        parts: list[str] = []
        word = ""
        while True:
            char = self.text[self.i]
            if char in "\"'":
                word = self._string()
            elif char in ". \t" or char == end:
                if word or char == ".":
                    parts.append(word)
                    word = ""
                if char == end:
                    return tuple(p for p in parts if p)
                self.i += 1
            elif char == "\n":
                raise IndexError
            else:
                word += char
                self.i += 1

    def _numbered(self, name: tuple[str, ...]) -> tuple[str, ...]:
        """Put the number of the current item after each array of tables in a dotted name."""
        out: tuple[str, ...] = ()
        for position, part in enumerate(name):
            out = (*out, part)
            if out in self.counts and position < len(name) - 1:
                out = (*out, str(self.counts[out]))
        return out

    def _skip(self, also: str) -> bool:
        """Move over blanks, comments and the given characters; whether any text is left."""
        while self.i < len(self.text):
            char = self.text[self.i]
            if char == "#":
                end = self.text.find("\n", self.i)
                self.i = len(self.text) if end < 0 else end
            elif char in " \t\r" or char in also:
                if char == "\n":
                    self.line += 1
                self.i += 1
            elif char == "\n":
                return True
            else:
                return True
        return False

    def _rest_of_line(self) -> None:
        end = self.text.find("\n", self.i)
        self.i = len(self.text) if end < 0 else end
