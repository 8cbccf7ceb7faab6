"""The brief's language: catalogue, numbers, dates, likelihood words, in English and Korean.

Takes a language; gives text from `words.<lang>.yaml` with spans put into its places, and numbers and
dates as a reader of that language writes them (Babel for dates; thousands and millions in English,
man and eok in Korean). Both catalogues must hold the same keys with the same places.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from functools import cache
from importlib import resources
from typing import Any

import yaml
from babel import Locale
from babel.dates import format_date

from tumen.brief.blocks import SPANS, Number, Span, Spans, Text, Word
from tumen.brief.trace import BriefError

LANGUAGES = ("en", "ko")
_PARTICLES = (("이", "가"), ("은", "는"), ("을", "를"), ("과", "와"), ("으로", "로"), ("이다", "다"))
_PLACE = re.compile(r"\{(\w+)\}")
# Things that come whole: nobody shipped 73.4 guns.
WHOLE = frozenset(
    [
        "visits",
        "voyages",
        "containers",
        "boxes",
        "rounds",
        "rounds/day",
        "missiles",
        "units",
        "persons",
        "people",
        "railcars",
        "trips",
        "sites",
        "looks",
        "barrels",
    ]
)
# Units that are printed to a fixed number of decimals, so that a column of them can be compared at sight.
DECIMALS = {"gain": 1, "bits": 2, "ratio": 1, "rate": 2}
SCALES = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


class Words:
    """One language of the brief. Raises `BriefError` for an unknown language or a missing key."""

    def __init__(self, lang: str) -> None:
        if lang not in LANGUAGES:
            raise BriefError(f"no brief in '{lang}'; expected one of {', '.join(LANGUAGES)}")
        self.lang = lang
        self.locale = Locale(lang)
        self.foreign = "" if lang == "en" else "en"  # how text of a step that stands in English is marked
        self._texts = catalogue(lang)
        self.coined: set[str] = set()  # values of tables that were made readable for want of a word

    def has(self, key: str) -> bool:
        """Whether the catalogue holds the key."""
        return key in self._texts

    def text(self, key: str, **places: str) -> str:
        """Plain text of a key. A place takes text only: a number would be one without evidence."""
        return "".join(_plain(span) for span in self.say(key, **places))

    def name(self, group: str, value: str) -> str:
        """The word for a value of a table (`commodity`, `rounds_152`), or the value itself made readable."""
        key = f"{group}.{value}"
        if key in self._texts:
            return self._texts[key]
        readable = value.replace("_", " ")
        self.coined.add(readable)
        return readable

    def say(self, key: str, **places: Span | Spans | str) -> Spans:
        """Spans of a key with its places filled. Raises `BriefError` for a bare number in a place."""
        try:
            pattern = self._texts[key]
        except KeyError:
            raise BriefError(f"the catalogue of '{self.lang}' has no text '{key}'") from None
        out: list[Span] = []
        position = 0
        for found in _PLACE.finditer(pattern):
            _add(out, _particle(out, pattern[position : found.start()]))
            position = found.end()
            if found[1] not in places:
                raise BriefError(f"text '{key}': nothing is given for '{{{found[1]}}}'")
            _put(out, places[found[1]], f"'{found[1]}' in the text '{key}'")
        _add(out, _particle(out, pattern[position:]))
        return tuple(out)

    # --- numbers ------------------------------------------------------------------------

    def amount(self, value: float, unit: str) -> str:
        """A number with its unit as text, rounded to what a reader can use.

        >>> Words("en").amount(5_412_000, "rounds"), Words("ko").amount(15_812, "containers")
        ('5.4 million rounds', '1만 5,800개')
        """
        return self._united(self._bare(value, unit), unit, value)

    def interval(self, low: float, high: float, unit: str, bare: bool = False) -> str:
        """A 90 % interval as text, its unit said once where it is the same; `bare` leaves it to what stands around.

        >>> Words("en").interval(4.1e9, 6.9e9, "USD"), Words("en").interval(0.31, 0.44, "share")
        ('$4.1–6.9 billion', '31–44%')
        """
        first, last = self._ends(low, high, unit)
        if self.lang == "en":
            if unit in ("share", "probability"):
                first = (
                    first.removesuffix("%") if low >= 0 and first[:1] not in "<>" and last[:1] not in "<>" else first
                )
            if unit == "USD":
                return (
                    f"{_dollar(first, low)}–{last}" if low >= 0 else f"{_dollar(first, low)} to {_dollar(last, high)}"
                )
            joint = " to " if low < 0 or first[:1] in "<>" or last[:1] in "<>" else "–"
            return f"{first}{joint}{last}"
        joint = " ~ " if low < 0 else "~"  # −3.9~−0.6 would read as two dashes
        if unit in ("share", "probability"):
            first = first.removesuffix("%") if first.endswith("%") and last.endswith("%") and low >= 0 else first
            return f"{first}{joint}{last}"
        before = not self._texts.get(f"unit.{unit}", "{n}").startswith("{n}")  # 연 298만발: the unit stands in front
        return f"{first}{joint}{last if bare or before else self._united(last, unit, high)}"

    def _ends(self, low: float, high: float, unit: str) -> tuple[str, str]:
        """Both ends of an interval to the same precision; in English on one scale, said once."""
        if self.lang == "en" and 0 <= low <= high and math.isfinite(high) and unit not in ("share", "probability"):
            scale, word = next(((s, w) for s, w in SCALES if _figures(high, 3) >= s), (0.0, ""))
            if scale:
                a, b = _figures(low, 3) / scale, _figures(high, 3) / scale
                return _paired(a, b)[0], f"{_paired(a, b)[1]} {word}"
        return self._bare(self._stepped(low, high), unit), self._bare(high, unit)

    def _stepped(self, value: float, high: float) -> float:
        """In Korean, a large value to the precision of the upper end of its interval: 68억 (45억~107억)."""
        if self.lang != "ko" or not math.isfinite(high) or high < 10_000 or value <= 0:
            return value
        step = 10.0 ** (math.floor(math.log10(_figures(high, 3))) - 2)
        return round(value / step) * step if value >= 10 * step else _figures(value, 2)

    def count(self, value: float) -> str:
        """A number without unit, at three figures."""
        return self._bare(value, "")

    def number(
        self, value: float, unit: str, why: str, low: float | None = None, high: float | None = None, bare: bool = False
    ) -> Number:
        """A model number with its evidence; `bare` leaves the unit to the heading of a table."""
        interval = (
            "" if low is None or high is None or low == high else self.interval(low, high, unit, bare and unit != "USD")
        )
        shown = self._bare(self._stepped(value, high) if interval and high else value, unit, bool(interval))
        if interval and high is not None:
            shown = self._on_scale(value, high) or shown
        if not bare:
            shown = self._united(shown, unit, value)
        elif unit == "USD" and self.lang == "en":
            shown = _dollar(shown, value)
        return Number(shown, float(value), why, interval)

    def _on_scale(self, value: float, high: float) -> str:
        """An estimate under the scale of its interval is told on that scale: 0.74 million (0.49–1.1 million)."""
        scale, word = next(((s, w) for s, w in SCALES if _figures(high, 3) >= s), (0.0, ""))
        if self.lang != "en" or not scale or not 0.05 * scale <= value < 0.995 * scale:
            return ""
        return f"{value / scale:.2f} {word}"

    def _bare(self, value: float, unit: str, estimated: bool = False) -> str:
        """A number without its unit; an estimate keeps its decimal (9.0 million), a quoted figure does not."""
        if value is None or not math.isfinite(value):
            return self._texts["number.none"]
        if unit in ("share", "probability"):
            return self._percent(value)
        if unit in DECIMALS:
            fixed = f"{abs(value):.{DECIMALS[unit]}f}"
            return f"−{fixed}" if value < 0 and float(fixed) else fixed
        rounded = _figures(value, 3)
        size = abs(rounded)
        if (unit in WHOLE and size >= 0.95) or (unit in ("days", "points") and size >= 9.5):
            rounded = _figures(float(round(value)), 3)
        if self.lang == "ko":
            return _korean(rounded)
        return _english(rounded, estimated)

    def _percent(self, value: float) -> str:
        share = value * 100
        if 0 < share < 0.5:
            return self._texts["number.below_one"]
        if 99.5 < share < 100:
            return self._texts["number.above_99"]
        return f"{'−' if round(share) < 0 else ''}{abs(share):.0f}%"

    def _united(self, shown: str, unit: str, value: float) -> str:
        if unit in ("share", "probability", ""):
            return shown
        if unit in ("USD", "USD/year") and self.lang == "en":
            shown = _dollar(shown, value)
            return shown if unit == "USD" else self._texts["unit.USD/year"].replace("${n}", shown)
        key = f"unit.{unit}"
        if key not in self._texts:
            return f"{shown} {unit}"
        one = f"unit.{unit}.one"
        pattern = self._texts[one if shown == "1" and one in self._texts else key]
        return pattern.replace("{n}", shown)

    # --- dates and judgements -------------------------------------------------------------

    def day(self, day: dt.date | None) -> str:
        """A day in full."""
        if day is None:
            return self._texts["number.none"]
        return format_date(day, "d MMMM y" if self.lang == "en" else "y년 M월 d일", locale=self.locale)

    def month(self, day: dt.date) -> str:
        """A month in full."""
        return format_date(day, "MMMM y" if self.lang == "en" else "y년 M월", locale=self.locale)

    def short_month(self, day: dt.date) -> str:
        """A month for the margin of a drawing."""
        return format_date(day, "MMM" if self.lang == "en" else "M월", locale=self.locale)

    def months(self, start: dt.date, end: dt.date) -> str:
        """A span of months, short: Aug–Oct 2023, Aug 2023–Feb 2024, Sep 2025."""
        if self.lang == "ko":
            first, last = f"{start:%Y}. {start.month}.", f"{end:%Y}. {end.month}."
            if start.year == end.year:
                return first if start.month == end.month else f"{first}~{end.month}."
            return f"{first}~{last}"
        first, last = format_date(start, "MMM y", locale=self.locale), format_date(end, "MMM y", locale=self.locale)
        if start.year == end.year:
            return first if first == last else f"{first[:-5]}–{last}"
        return f"{first}–{last}"

    def period(self, start: dt.date, end: dt.date) -> str:
        """A span of days."""
        return self._texts["period"].replace("{start}", self.day(start)).replace("{end}", self.day(end))

    def likelihood(self, word: str, probability: float, why: str) -> Word:
        """A yardstick word in the language of the brief."""
        key = f"likelihood.{word.strip().lower().replace(' ', '_').replace('/', '_')}"
        return Word(self._texts.get(key, word), why, float(probability))

    def capital(self, text: str) -> str:
        """The text with a capital first letter, where the script has them."""
        return text[:1].upper() + text[1:]

    def joined(self, items: list[str]) -> str:
        """Words in a row, with 'and' before the last."""
        if len(items) < 2:
            return "".join(items)
        return self._texts["list.two"].replace("{a}", ", ".join(items[:-1])).replace("{b}", items[-1])


@cache
def catalogue(lang: str) -> dict[str, str]:
    """The texts of a language by dotted key."""
    raw = yaml.load(resources.files("tumen.brief").joinpath(f"words.{lang}.yaml").read_text("utf-8"), yaml.CSafeLoader)
    out: dict[str, str] = {}
    _flatten(raw, "", out)
    return out


def _flatten(value: Any, prefix: str, out: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(inner, f"{prefix}.{key}" if prefix and key != "_" else (prefix or str(key)), out)
    else:
        out[prefix] = " ".join(str(value).split())


def _particle(before: list[Span], text: str) -> str:
    """Choose the Korean particle after a place: '이/가' becomes 이 after a final consonant, else 가.

    >>> _particle([Text("북한")], "이/가 건넨"), _particle([Text("러시아")], "이/가 쏜"), _particle([Text("서울")], "으로/로")
    ('이 건넨', '가 쏜', '로')
    """
    pair = next((p for p in _PARTICLES if before and text.startswith(f"{p[0]}/{p[1]}")), None)
    if pair is None:
        return text
    last = _plain(before[-1])[-1:]
    code = ord(last) - 0xAC00 if last else -1
    # Digits and Latin letters as they are read: 일, 칠, 팔 and L end in ㄹ, 영, 삼, 육, M and N in another consonant.
    final = code % 28 if 0 <= code <= 11171 else (8 if last in "178lL" else 1 if last in "036mnMN" else 0)
    closed = final != 0 and not (pair[0] == "으로" and final == 8)  # 로 also follows ㄹ
    return pair[0 if closed else 1] + text[len(pair[0]) + len(pair[1]) + 1 :]


def _add(out: list[Span], text: str) -> None:
    for number, part in enumerate(text.split("**")):
        if part:
            out.append(Text(part, strong=number % 2 == 1, own=True))


def _put(out: list[Span], value: Any, where: str) -> None:
    if isinstance(value, str):
        if value:
            out.append(Text(value))
    elif isinstance(value, SPANS):
        out.append(value)
    elif isinstance(value, tuple) and all(isinstance(v, SPANS) for v in value):
        out.extend(value)
    else:
        raise BriefError(f"{where} is {value!r}, which carries no evidence; print a number through `number`")


def _plain(span: Span) -> str:
    return span.shown if isinstance(span, Number) else span.text


def _figures(value: float, figures: int) -> float:
    if value == 0:
        return 0.0
    digits = figures - 1 - math.floor(math.log10(abs(value)))
    return round(value, digits) if abs(value) < 10**figures else round(round(value, digits))


def _english(value: float, estimated: bool = False) -> str:
    sign, size = ("−" if value < 0 else ""), abs(value)
    for scale, word in SCALES:
        if size >= scale:
            shown = _trim(size / scale)
            return f"{sign}{shown}{'.0' if estimated and size / scale < 100 and '.' not in shown else ''} {word}"
    if size >= 1000:
        return f"{sign}{size:,.0f}"
    return f"{sign}{_trim(size)}"


def _paired(low: float, high: float) -> tuple[str, str]:
    """Two ends on one scale: 4.6 and 12.6, 6.0 and 13.2, 0.47 and 1.6, 102 and 146."""
    if high >= 100 and low >= 10:
        return f"{low:.0f}", f"{high:.0f}"
    first = f"{low:.1f}" if low >= 1 or low == 0 else f"{low:.2f}" if low >= 0.005 else "0"
    last = f"{high:.0f}" if high >= 100 else f"{high:.1f}"
    if first.endswith(".0") and (last.endswith(".0") or "." not in last):
        return first.removesuffix(".0"), last.removesuffix(".0")
    return first, last


def _korean(value: float) -> str:
    sign, size = ("−" if value < 0 else ""), abs(value)
    if size < 10_000:
        return f"{sign}{size:,.0f}" if size >= 1000 else f"{sign}{_trim(size)}"
    parts, left = [], round(size)
    for scale, word in ((10**12, "조"), (10**8, "억"), (10**4, "만")):
        here, left = divmod(left, scale)
        if here:
            parts.append(f"{here:,}{word}")
    if left:
        parts.append(f"{left:,}")
    return sign + " ".join(parts)


def _trim(value: float) -> str:
    """One decimal below a hundred, two figures below one, never a zero at the end: 5.4, 54.1, 541, 0.12."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}".removesuffix(".0") if value >= 1 else f"{value:.2g}"


def _dollar(shown: str, value: float) -> str:
    return f"−${shown.lstrip('−')}" if value < 0 else f"${shown}"
