"""What exactly clashes in a check of the data, in the language of the brief.

Takes the sentence of a step (two looks in one hour, a ship in two ports, a total less than its parts) and the
subject of the case; gives the same with the same numbers from the catalogue's templates, names of places and
goods as the case has them. A sentence that no template knows gives nothing.
"""

from __future__ import annotations

import re

from tumen.brief.desk import Subject
from tumen.brief.words import Words

_ID = r"[A-Za-z0-9][A-Za-z0-9_.:+-]*"
_N = r"[\d.,]+"
# key under `clash` in words.<lang>.yaml -> how the steps word it; a named group fills the place of its name.
CLASHES: tuple[tuple[str, str], ...] = (
    ("look_outside", rf"(?P<row>{_ID}) at (?P<place>.+) lies outside the period and is not used"),
    (
        "look_empty_days",
        rf"(?P<row>{_ID}) at (?P<place>.+) tells of (?P<n>{_N}) days without a ship and is not used as a look; expected "
        r"one look an image, or a stretch under \[\[traffic\.quiet\]\] of case\.toml",
    ),
    (
        "same_hour",
        rf"(?P<row>{_ID}) and (?P<other>{_ID}) contradict each other: a vessel and none in the same hour",
    ),
    (
        "two_ports",
        rf"(?P<row>{_ID}) and (?P<other>{_ID}) put (?P<ship>.+) at (?P<place>.+) and (?P<place2>.+) within (?P<n>{_N}) h; "
        rf"the passage takes at least (?P<m>{_N}) h; the name is set aside, the ship is kept",
    ),
    ("total_outside", rf"(?P<row>{_ID}) lies outside the period and is not used"),
    ("total_beyond", rf"(?P<row>{_ID}) runs beyond the period and is not used"),
    ("total_crosses", rf"(?P<row>{_ID}) overlaps (?P<other>{_ID}) of the same collector and is not used"),
    (
        "total_covers",
        rf"(?P<row>{_ID}) \((?P<n>{_N})\) covers what (?P<other>{_ID}) and others tell \((?P<m>{_N})\) and is not used",
    ),
    ("total_less", rf"(?P<row>{_ID}) \((?P<n>{_N})\) is less than its parts \((?P<m>{_N})\) and is not used"),
    (
        "days_alone",
        rf"(?P<row>{_ID}) gives occupied days without usable days of the same period and is not used",
    ),
    (
        "too_full_ship",
        rf"(?P<kind>Look|Sighting) (?P<row>{_ID}) puts (?P<n>{_N}) containers on '(?P<ship>.+)', which holds at most "
        rf"(?P<m>{_N}); the row is set aside\.",
    ),
    (
        "too_full_length",
        rf"(?P<kind>Look|Sighting) (?P<row>{_ID}) puts (?P<n>{_N}) containers on a ship of (?P<ship>{_N}) m, which holds at "
        rf"most (?P<m>{_N}); the row is set aside\.",
    ),
    (
        "claim_by_sea",
        rf"Claim (?P<row>{_ID}) puts (?P<n>{_N}) (?P<what>.+) on voyages whose hulls hold at most (?P<m>{_N}) in any draw; "
        r"expected no more than that, in the unit '(?P<unit>.+)'; the row is set aside\.",
    ),
    (
        "claim_by_rail",
        rf"Claim (?P<row>{_ID}) puts (?P<n>{_N}) (?P<what>.+) on voyages and trains that hold at most (?P<m>{_N}) in any "
        r"draw; expected no more than that, in the unit '(?P<unit>.+)'; the row is set aside\.",
    ),
    (
        "unread_period",
        rf"Claim (?P<row>{_ID}) cannot be read as a statement on cargo: its period ends (?P<n>{_N}[\d-]*), before it starts "
        rf"(?P<m>{_N}[\d-]*)\.",
    ),
    (
        "unread_value",
        rf"Claim (?P<row>{_ID}) cannot be read as a statement on cargo: a value is negative or not finite\.",
    ),
    (
        "unread_capacity",
        rf"Claim (?P<row>{_ID}) cannot be read as a statement on cargo: reading (?P<what>\w+) needs rounds, and a munition "
        r"under \[claims\.capacity\] of loading\.toml\.",
    ),
    (
        "unread_floor",
        rf"Claim (?P<row>{_ID}) cannot be read as a statement on cargo: a floor with no value above 0\.",
    ),
    (
        "unread_ceiling",
        rf"Claim (?P<row>{_ID}) cannot be read as a statement on cargo: a ceiling with no value above 0\.",
    ),
    (
        "unread_range",
        rf"Claim (?P<row>{_ID}) cannot be read as a statement on cargo: a range needs a low and a high above 0, low first\.",
    ),
    (
        "same_flow",
        rf"(?P<where>[\w.]+:\d+): covers: '(?P<row>{_ID})' and '(?P<other>{_ID})' \(line (?P<n>\d+)\) count the same flow of "
        r"(?P<what>\w+) twice, expected one to cover the other, periods that do not overlap, or a scope of its own",
    ),
    (
        "covers_another",
        rf"(?P<where>[\w.]+:\d+): covers: '(?P<row>{_ID})' is (?P<what>\w+), '(?P<other>{_ID})' is (?P<what2>\w+), expected "
        r"the same commodity, or a scope that says what is covered",
    ),
)
# Several faults of one check stand behind one another, each with its file and line.
_NEXT = re.compile(r"; (?=[\w.]+:\d+: )")


def clash(words: Words, about: Subject, text: str) -> str:
    """The sentence of a step in the language of `words`; nothing where no template or name of the case knows it.

    Lists of goods ('rounds_152, guns_170') are told by the names that the case gives them.
    """
    told = [_one(words, about, part) for part in _NEXT.split(text)]
    if all(told):
        return " ".join(told)
    goods = [about.named.get("commodity", {}).get(name) for name in text.split(", ")]
    return ", ".join(g for g in goods if g) if all(goods) else ""


def _one(words: Words, about: Subject, text: str) -> str:
    """One sentence by its template."""
    for key, pattern in CLASHES:
        found = re.fullmatch(pattern, text)
        if found:
            places = {name: _said(words, about, name, value) for name, value in found.groupdict().items()}
            return words.text(f"clash.{key}", **places)
    return ""


def _said(words: Words, about: Subject, name: str, value: str) -> str:
    """What stands in a place of a template: places, goods and kinds of rows in the language, all else as it is."""
    if words.lang == "en":
        return value
    if name.startswith("place"):
        return about.places.get(value, value)
    if name == "kind":
        return words.text(f"clash_kind.{value.lower()}")
    if name.startswith("what"):
        key = value.replace(" ", "_")
        for group in ("commodity", "quantity", "claims"):
            if words.has(f"{group}.{key}"):
                return words.text(f"{group}.{key}")
        return about.named.get("commodity", {}).get(key, value)
    return value
