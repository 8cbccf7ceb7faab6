"""Both languages say the same; numbers, dates and likelihood are written as their readers write them."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from brief_world import World, about
from tumen.brief import make_brief
from tumen.brief.figures.trades import YARDSTICK
from tumen.brief.words import Words, catalogue

# Names and signs that Korean writes in Latin letters too.
# Names of files of a case and of tables in them stay as they are written.
LATIN = re.compile(r"\{\w+\}|\w+\.toml|\[[\w.\[\]]+\]|AIS|Planet|Tumen|English|Natural Earth|mm|%p|\bm\b|\b[A-F]\b")


def test_both_catalogues_hold_the_same_keys_and_places() -> None:
    en, ko = catalogue("en"), catalogue("ko")
    assert set(en) == set(ko)
    for key in en:
        # A plural or a particle may leave a place out of one language, never bring in another.
        assert set(re.findall(r"\{(\w+)\}", ko[key])) <= set(re.findall(r"\{(\w+)\}", en[key])) | {
            "basis",
            "recipient",
        }, key


def test_the_korean_catalogue_has_no_english_left_over() -> None:
    for key, text in catalogue("ko").items():
        rest = LATIN.sub("", text)
        assert not re.search(r"[A-Za-z]{2,}", rest), (key, text)
        if key not in ("page.other", "unit.m", "unit.points") and re.sub(r"\{\w+\}|[\W\d_]", "", text):
            assert re.search(r"[가-힣]", text), (key, text)


def test_the_korean_page_is_korean(tmp_path: Path) -> None:
    world = World()
    page = make_brief(
        world.tables, about("ko"), world.evidence, tmp_path, "ko", made_by=world.made_by(), figures=False
    )[0]
    text = page.read_text("utf-8")
    body = text[text.index("<main>") : text.index('<section id="evidence"')]
    body = re.sub(r'<(\w+)[^>]* lang="en"[^>]*>.*?</\1>', "", body, flags=re.S)
    # What is left in Latin letters are names of the case itself.
    body = re.sub(r"<title[^>]*>.*?</title>|<desc[^>]*>.*?</desc>", "", body, flags=re.S)
    words = re.findall(r"[A-Za-z]{3,}", re.sub(r"<[^>]+>|&\w+;", " ", body))
    ports = {"Najin", "Dunay", "Vostochny"}  # the map gives the names of the route in both scripts
    assert set(words) <= {"Origin", "Natural", "Earth", "Tumen"} | ports, sorted(set(words))
    assert '<html lang="ko"' in text


@pytest.mark.parametrize(
    ("value", "unit", "en", "ko"),
    [
        (5_412_000, "rounds", "5.4 million rounds", "541만발"),
        (15_812, "containers", "15,800 containers", "1만 5,800개"),
        (1, "visits", "1 visit", "1회 입항"),
        (9.84e9, "USD", "$9.8 billion", "98억 4,000만 달러"),
        (-3.2e8, "USD", "−$320 million", "−3억 2,000만 달러"),
        (0.382, "share", "38%", "38%"),
        (0.002, "probability", "<1%", "1% 미만"),
        (0.999, "probability", ">99%", "99% 초과"),
        (67.1, "days", "67 days", "67일"),
        (73.4, "units", "73 pieces", "73대"),
        (-0.028, "gain", "0.0", "0.0"),
        (0.1234, "bits", "0.12 bits", "0.12비트"),
        (float("nan"), "rounds", "not known rounds", "알 수 없음발"),
    ],
)
def test_amounts(value: float, unit: str, en: str, ko: str) -> None:
    if value != value:
        assert Words("en").count(value) == "not known"
        assert Words("ko").count(value) == "알 수 없음"
        return
    assert Words("en").amount(value, unit) == en
    assert Words("ko").amount(value, unit) == ko


def test_intervals_say_their_unit_once() -> None:
    en, ko = Words("en"), Words("ko")
    assert en.interval(3.9e9, 12.6e9, "USD") == "$3.9–12.6 billion"
    assert en.interval(9.5e8, 4.8e9, "USD") == "$0.95–4.8 billion"
    assert en.interval(-1e9, 2e9, "USD") == "−$1 billion to $2 billion"
    assert ko.interval(3.9e9, 12.6e9, "USD") == "39억~126억 달러"
    assert ko.interval(0.1, 0.2, "share") == "10~20%"


def test_dates() -> None:
    day = dt.date(2024, 3, 1)
    assert Words("en").day(day) == "1 March 2024"
    assert Words("ko").day(day) == "2024년 3월 1일"
    assert Words("ko").month(day) == "2024년 3월"


def test_every_yardstick_word_is_in_both_languages() -> None:
    for lang in ("en", "ko"):
        words = Words(lang)
        for key, _, _ in YARDSTICK:
            assert words.has(f"likelihood.{key}")
    assert Words("ko").likelihood("highly likely", 0.85, "x").text == "매우 높음"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("북한", "북한이 건넨"), ("러시아", "러시아가 건넨"), ("서울", "서울이 건넨")],
)
def test_korean_particles_follow_the_word(name: str, sentence: str) -> None:
    words = Words("ko")
    words._texts = {**words._texts, "probe": "{a}이/가 건넨"}
    assert words.text("probe", a=name) == sentence


def test_an_estimate_and_its_interval_are_told_to_one_precision() -> None:
    en, ko = Words("en"), Words("ko")
    nine = en.number(9.02e6, "rounds", "e", 6.05e6, 13.2e6)
    assert (nine.shown, nine.interval) == ("9.0 million rounds", "6.0–13.2 million")
    low = en.number(7.4e5, "rounds", "e", 4.9e5, 1.1e6, bare=True)
    assert (low.shown, low.interval) == ("0.74 million", "0.49–1.1 million")
    sure = en.number(0.985, "probability", "e", 0.96, 0.998)
    assert (sure.shown, sure.interval) == ("98%", "96% to >99%")
    ratio = ko.number(2.8, "ratio", "e", 2.0, 3.8, bare=True)
    assert (ratio.shown, ratio.interval) == ("2.8", "2.0~3.8")


def test_months_are_told_short() -> None:
    en, ko = Words("en"), Words("ko")
    a, b, c = dt.date(2023, 8, 1), dt.date(2023, 10, 31), dt.date(2024, 2, 29)
    assert (en.months(a, b), en.months(a, c), en.months(a, a)) == ("Aug–Oct 2023", "Aug 2023–Feb 2024", "Aug 2023")
    assert (ko.months(a, b), ko.months(a, c)) == ("2023. 8.~10.", "2023. 8.~2024. 2.")
