"""Words of the workbench for names that tables use: columns, commodities, states, readings.

Takes a name as it stands in a table; gives what a reader should see. A name without words of its
own is shown with spaces for underscores. Where a table has a label column, pages use that instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import yaml
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from tumen.brief.words import Words
from tumen.draws import number

NAMES = {
    # commodities, as in cargo and loading.toml
    "containers": "containers, all",
    "containers_arms": "containers with arms",
    "tonnes": "tonnes of arms, with packing",
    "rounds": "rounds, all calibres",
    "usable_rounds": "usable rounds",
    "rounds_122": "122 mm shells",
    "rounds_152": "152 mm shells",
    "mortar_120": "120 mm mortar rounds",
    "rockets_122": "122 mm rockets",
    "other_arms": "other arms",
    # readings of a claim
    "at_least": "at least",
    "up_to": "up to",
    "capacity_if_all_a": "capacity if all of the first kind",
    "capacity_if_all_b": "capacity if all of the second kind",
    # parties
    "DPRK": "North Korea",
    "RUS": "Russia",
    "UKR": "Ukraine",
    # value bases
    "russian_cost": "Russian cost",
    "western_replacement": "Western replacement",
    "export_price": "export price",
    "dprk_income": "North Korean income",
}

HEADS = {
    "acts_on": "acts on",
    "added": "adds",
    "dropped": "drops",
    "agreed": "chance of agreement",
    "bayes_factor": "Bayes factor",
    "claimed": "published",
    "crossed_on": "since",
    "delay_days": "delay, days",
    "effect_best": "best effect",
    "expected": "Tumen holds",
    "fired": "fired a day",
    "given_median": "given",
    "low90": "5 %",
    "high90": "95 %",
    "indicator_id": "finding",
    "if_seen": "if seen",
    "if_not_seen": "if not seen",
    "moved": "moved by",
    "most": "hold, at most",
    "origin_group": "origin",
    "published_low_usd": "published, low",
    "published_high_usd": "published, high",
    "returned_median": "returned",
    "rounds_without": "rounds without it",
    "share_best": "best in so many draws",
    "share_of_draws": "share of draws",
    "usd": "worth",
    "variance_share": "share of the spread",
    "factor90": "factor, 90 %",
    "without": "without it",
    "text": "in words",
}


def say(name: Any) -> str:
    """Words for a name as it stands in a table.

    >>> say("rounds_152"), say("not_seen"), say(None)
    ('152 mm shells', 'not seen', '')
    """
    if name is None:
        return ""
    text = str(name)
    return NAMES.get(text, text.replace("_", " "))


def head(column: str) -> str:
    """Heading for a column; `~x` is the median of x with its 90 % interval.

    >>> head("~usd"), head("~"), head("arrived_after")
    ('worth, 90 %', 'estimate, 90 %', 'arrived after')
    """
    if column.startswith("~"):
        name = column[1:]
        return f"{HEADS.get(name, name.replace('_', ' ')) or 'estimate'}, 90 %"
    return HEADS.get(column, column.replace("_", " "))


def num(value: Any) -> str:
    """A number as a reader sees it."""
    return "" if value is None else number(float(value)) if isinstance(value, int | float) else str(value)


def pct(value: Any) -> str:
    """A share as a percentage."""
    return "" if value is None else f"{value:.0%}"


def usd(value: Any) -> str:
    """Dollars with a word for their size."""
    if value is None:
        return ""
    for size, word in ((1e9, "bn"), (1e6, "m")):
        if abs(value) >= size:
            return f"${value / size:,.3g}\N{NO-BREAK SPACE}{word}"
    return f"${value:,.0f}"


def measure(value: Any, limit: Any = None) -> str:
    """A redline's value, as its limit is meant: a probability, dollars, or a count.

    >>> measure(0.5, 0.8), measure(1, 2), measure(9.4e9, 5e9)
    ('50%', '1', '$9.4\xa0bn')
    """
    if value is None:
        return ""
    scale = value if limit is None else limit
    return pct(value) if 0 <= scale <= 1 else usd(value) if abs(scale) >= 1e6 else num(value)


def day(value: Any) -> str:
    """The day of a time."""
    return str(value)[:10] if value else ""


def slug(text: str) -> str:
    """A heading as a part of an address or anchor.

    >>> slug("/front"), slug("Rounds in one box, the model")
    ('front', 'rounds-in-one-box-the-model')
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


# What map.js, flat.js, views.js and workbench.js write, in English as they write it.
SCRIPT_WORDS = (
    "ship",
    "stack of containers",
    "rail wagons",
    "nothing there",
    "other",
    "Places",
    "All places",
    "Voyages tied down",
    "at sea, no named place",
    "At sea",
    "Here",
    "Voyages",
    "and near",
    "the place in the case",
    "Play",
    "Stop",
    "Closer",
    "Farther",
    "{n} of {m} sightings",
    "The first {n} are listed; narrow the time to see others.",
    "{a} to {b}",
    "probability {p}",
    "voyages tied down, by number; lines join ports and are no tracks",
    "visits a month, seen and unseen",
    "owed, USD bn",
    "rounds fired a day",
    "{what}; the band is the 90 % interval",
    "Nothing to draw as of this day.",
    "Russia",
    "Ukraine",
    "{side}, with the shipments",
    "{side}, without the shipments",
    "A new answer is ready.",
    "Show it",
    "Computing:",
    "Filter {n} rows",
    "no ship",
    "clouded",
    "cannot tell",
    "Sightings",
    "Claims published",
    "Indicators",
    "{n} seen, {m} unseen (90 %: {a} to {b})",
    "up to {n} a month",
    "Looks and visits over time",
    "Who reported",
    "Ways of repayment",
    "What holds back, raises, sums up",
    "What is owed",
)
LANGUAGES = {"en": "English", "ko": "한국어"}


@cache
def _korean() -> dict[str, str]:
    """Korean for English words of the workbench, from `words.ko.yaml`, and for what fields mean, from `fields.ko.yaml`."""
    text = resources.files("tumen.web").joinpath("words.ko.yaml").read_text(encoding="utf-8")
    return _forms()["help"] | dict(yaml.safe_load(text))


@cache
def _forms() -> dict[str, dict[str, str]]:
    """Korean of the forms: meanings of fields, their names, and words that they allow."""
    text = resources.files("tumen.web").joinpath("fields.ko.yaml").read_text(encoding="utf-8")
    return {part: {str(k): str(v) for k, v in words.items()} for part, words in yaml.safe_load(text).items()}


def in_language(text: str, language: str) -> str:
    """A word or heading in a language; in English where there is none. What stands behind ` @` only tells two
    meanings of one English word apart.

    >>> in_language("Map", "ko"), in_language("worth, 90 %", "ko"), in_language("Map", "en")
    ('지도', '가치, 90 %', 'Map')
    """
    if language != "ko":
        return text.partition(" @")[0]
    whole = _korean().get(text)
    if whole is None and text.endswith(", 90 %"):
        base = text.removesuffix(", 90 %")
        return f"{_korean().get(base, base)}, 90 %"
    return whole or text.partition(" @")[0]


@pass_context
def filled(context: Context, pattern: str, **places: Any) -> Markup:
    """A sentence of ours in the language of the page, its places filled and escaped; the sentence may hold markup."""
    return Markup(in_language(pattern, context.get("lang", "en"))).format(**places)


@cache
def script_words() -> dict[str, str]:
    """Korean of the words that the page's own scripts write; a test finds each of them in the scripts."""
    return {word: korean for word in SCRIPT_WORDS if (korean := _korean().get(word))}


@cache
def _records() -> dict[str, dict[str, str]]:
    text = resources.files("tumen.brief").joinpath("record.ko.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


@pass_context
def field_name(context: Context, name: str) -> str:
    """What a field of a row is called on a form."""
    known = _records()["field"] | _forms()["field"]
    own = known.get(name) or known.get(name.removesuffix("_ko"), "")
    if context.get("lang") == "ko" and own:
        return f"{own}(한국어)" if name.endswith("_ko") else own
    return name.replace("_", " ")


@pass_context
def choice_name(context: Context, word: str, field: str) -> str:
    """A word that a field allows, as a form lists it: on a Korean page with its Korean, where it has one."""
    korean = choice_in_korean(word, field) if context.get("lang") == "ko" else ""
    return f"{word} · {korean}" if korean else word


def choice_in_korean(word: str, field: str) -> str:
    """Korean of a word that a field of the case allows; nothing where there is none.

    >>> choice_in_korean("voyages", "quantity"), choice_in_korean("tasked", "selection")
    ('항차', '표적 촬영')
    """
    brief, records = Words("ko"), _records()
    if field == "quantity" and brief.has(f"quantity.{word}"):
        return brief.text(f"quantity.{word}")
    return _forms()["choice"].get(word) or records["value"].get(word, "")


@pass_context
def grade_name(context: Context, grade: str) -> str:
    """A source's letter and what it says: `B (usually reliable)`."""
    letter = grade[:1]
    korean = choice_in_korean(letter, "reliability") if context.get("lang") == "ko" else ""
    return f"{letter} ({korean})" if korean else grade


# Whole numbers that name a thing, and are not rounded like a measure.
NAMING = frozenset(["year", "year_built", "base_year", "seed", "line", "schema_", "imo", "mmsi", "version"])


@pass_context
def in_row(context: Context, value: Any, row: dict[str, Any], field: str) -> Any:
    """A value of a row in words: a year as a year, and on a Korean page text and fixed words in Korean where there are.

    >>> in_row({"lang": "ko"}, "lognormal", {"shape": "lognormal"}, "shape"), in_row({}, 2024, {"year": 2024}, "year")
    ('로그정규', '2024')
    """
    if field in NAMING and isinstance(value, int):
        return str(value)
    if context.get("lang") != "ko" or not isinstance(value, str):
        return value
    korean = row.get(f"{field}_ko")
    return korean or choice_in_korean(value, field) or (in_language(NAMES[value], "ko") if value in NAMES else value)


def _told(words: Callable[..., str]) -> Callable[..., str]:
    """A filter whose words come in the language of the page."""

    @pass_context
    def told(context: Context, value: Any, *more: Any) -> str:
        return in_language(words(value, *more), context.get("lang", "en"))

    return told


@pass_context
def own(context: Context, row: dict[str, Any], field: str) -> Any:
    """A field of a row in the language of the page, where the row has it in that language."""
    korean = row.get(f"{field}_ko") if context.get("lang") == "ko" else None
    return korean or row.get(field)


@pass_context
def dollars(context: Context, value: Any) -> str:
    """Dollars as readers of the page's language write them."""
    return Words("ko").amount(value, "USD") if context.get("lang") == "ko" and value is not None else usd(value)


@pass_context
def measured(context: Context, value: Any, limit: Any = None) -> str:
    """A redline's value in the language of the page."""
    scale = value if limit is None else limit
    return dollars(context, value) if value is not None and abs(scale) >= 1e6 else measure(value, limit)


FILTERS = {
    "slug": slug, "num": num, "pct": pct, "usd": dollars, "day": day, "measure": measured, "own": own,
    "tf": filled, "fieldname": field_name, "choice": choice_name, "inrow": in_row, "grade": grade_name, "say": _told(say), "head": _told(head), "t": _told(str),
}  # fmt: skip
