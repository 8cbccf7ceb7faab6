"""Numbers in the text of a page that lead to no evidence; a brief with one of them is not written.

Takes the HTML of a page and the names that its case gives to things; gives each bare number with the words around
it. A number may stand without evidence only where this module says so:

- dates and years;
- calibres (122 mm), and words that begin with a capital (C4ADS, K9, Sentinel-2);
- names that the case itself gives: places, origins, goods, claims, cards, ways of repayment;
- words of the catalogue, which say what an interval or a limit is (`data-own`), and terms of the glossary;
- scales of drawings (`class="axis"`) and what a drawing says to those who cannot see it;
- the masthead, contents and footer; the lists of sources, terms and evidence, which are the records themselves.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_TOKEN = re.compile(r"<!--.*?-->|<(/?)([a-zA-Z][\w-]*)([^>]*)>|[^<]+", re.S)
_VOID = frozenset(["meta", "link", "br", "img", "input", "hr", "wbr"])
_LEFT_OUT = frozenset(["style", "script", "title", "desc", "header", "nav", "footer", "dialog"])
_LEFT_OUT_ID = re.compile(r'\sid="(?:evidence|sources|glossary|word)"')
_PROVEN = re.compile(r'\sdata-(?:why|from)="[^"]|\sdata-own\b|\sclass="(?:axis|term|simulated-\w+)"')
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]*"
_DATES = re.compile(
    rf"\b\d{{1,2}} {_MONTH}(?: \d{{4}})?|\b{_MONTH}(?: \d{{4}})?"
    r"|\d{4}년(?: \d{1,2}월(?: \d{1,2}일)?)?|\d{1,2}월 \d{1,2}일|\d{1,2}월"
    r"|\b\d{4}\. \d{1,2}\.(?: \d{1,2}\.)?(?:~(?:\d{4}\. )?\d{1,2}\.)?"
    r"|(?<![\d.,])(?:19|20)\d{2}(?![\d.,]*\d)"
)
_NAMES = re.compile(r"\b\d{2,3}(?:/\d{2,3})? ?mm\b|\b[A-Z][A-Za-z]*-?\d\w*")


def bare(text: str, names: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Each bare number and the words that it stands in.

    >>> bare('<p>of 87 voyages</p>'), bare('<p>of <a data-why="x">87</a> voyages, 122 mm, in May 2024</p>')
    ([('87', 'of 87 voyages')], [])
    """
    known = sorted({n for n in names if re.search(r"\d", n) and re.search(r"[^\W\d_]", n)}, key=len, reverse=True)
    named = re.compile("|".join(re.escape(n) for n in known), re.IGNORECASE) if known else None
    found: list[tuple[str, str]] = []
    depth: list[str] = []
    excused = 0  # depth at which an element that excuses its inside was opened
    # The evidence comes last and is by far the longest part.
    for token in _TOKEN.finditer(text.partition('<section id="evidence"')[0]):
        closing, tag, attributes = token[1], token[2], token[3]
        if tag is None:
            words = token[0]
            if excused or words.startswith("<!--") or not re.search(r"\d", words):
                continue
            words = " ".join(html.unescape(words).split())
            rest = named.sub(" ", words) if named else words
            rest = _NAMES.sub(" ", _DATES.sub(" ", rest))
            number = re.search(r"[−+$<>]*\d[\d.,]*%?", rest)
            if number:
                found.append((number[0].rstrip(".,"), words))
            continue
        tag = tag.lower()
        if tag in _VOID or attributes.endswith("/"):
            continue
        if closing:
            if tag in depth:
                while depth and depth.pop() != tag:
                    pass
            if excused and len(depth) < excused:
                excused = 0
            continue
        depth.append(tag)
        if not excused and (tag in _LEFT_OUT or _LEFT_OUT_ID.search(attributes) or _PROVEN.search(attributes)):
            excused = len(depth)
    return found
