"""Checks of the model that did not pass, in plain words, named before anything leans on them.

The steps name their checks in English; here each name is matched to words of the catalogue, so that no step
has to know a language. A check that the catalogue does not know is told in the words of its step.
"""

from __future__ import annotations

import re

from tumen.brief.blocks import Notice, Para, Section, Span, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.sections.answer import place_name

# How the steps name their checks, the key of the words for each under `check` in
# `words.<lang>.yaml`, and the unit of what was measured.
CHECKS = (
    (r"effective parameter points, (.+)", "parameter_points", ""),
    (r"effective joint draws of ports", "joint_ports", ""),
    (r"settings of the count, (.+)", "count_settings", ""),
    (r"share counted, (.+)", "share_counted", "rate"),
    (r"distinct paths, (.+)", "distinct_paths", ""),
    (r"prior-posterior overlap, (.+)", "prior_overlap", "share"),
    (r"sensitivity to the (.+)", "prior_moved", "rate"),
    (r"share of information from totals, (.+)", "totals_share", "share"),
    (r"choice of looks, (.+)", "choice_of_looks", "rate"),
    (r"look in doubt \d+, (.+)", "look_in_doubt", ""),
    (r"total not used \d+, (.+)", "total_not_used", ""),
    (r"contradiction \d+.*", "contradiction", ""),
    (r"surprising: (.+)", "surprising", "rate"),
    (r"effective sample size", "sample_size", ""),
    (r"effective sample size without (.+)", "sample_size_without", ""),
    (r"tail of the weights \(Pareto k\)", "pareto_k", "rate"),
    (r"upstream worlds", "worlds_kept", ""),
    (r"Monte Carlo error", "monte_carlo", "share"),
    (r"rounds after the last published count", "after_last_count", "share"),
    (r"prior sensitivity, (.+)", "prior_sensitivity", "rate"),
    (r"voyages outside the period", "outside_period", "rate"),
    (r"impossible containers, (.+)", "impossible_containers", ""),
    (r"unreadable claim, (.+)", "unreadable_claim", ""),
    (r"rounds are kept", "rounds_kept", "rate"),
    (r"published rates met(?:, held out)?", "published_rates_met", "share"),
    (r"published shares met(?:, held out)?", "published_shares_met", "share"),
    (r"published ratios met(?:, held out)?", "published_ratios_met", "share"),
    (r"share of fire hangs on: (.+)", "fire_hangs_on", "share"),
    (r"double entry", "double_entry", "USD"),
    (r"books agree with balance", "books_agree", "rate"),
    (r"flows counted twice", "counted_twice", ""),
    (r"unpriced entries", "unpriced", ""),
    (r"entries without a price on some basis", "unpriced_basis", ""),
    (r"munitions without a price", "unpriced_munitions", ""),
    (r"value that rests on assumed prices", "assumed_prices", "share"),
    (r"agreement with pyAgrum", "pyagrum", "rate"),
    (r"ranking robust", "ranking_robust", "share"),
    (r"settings draws", "settings_draws", "rate"),
    (r"balance known", "balance_known", ""),
    (r"one candour for all", "one_candour", "share"),
    (r"reports merged", "reports_merged", ""),
)

DETAILED = frozenset(
    [
        "look_in_doubt",
        "total_not_used",
        "contradiction",
        "impossible_containers",
        "unreadable_claim",
        "counted_twice",
        "unpriced",
        "unpriced_basis",
        "unpriced_munitions",
    ]
)


def checks(desk: Desk) -> Section:
    """Checks of the model that did not pass, named before anything leans on them."""
    rows = desk.rows("diagnostics")
    if not rows:
        return desk.absent("checks", "diagnostics")
    failed = [r for r in rows if not r["passed"]]
    heading = desk.words.text("section.checks")
    if not failed:
        why = desk.trace.make(desk.words.text("evidence.sum_checks"), [r["evidence_id"] for r in rows])
        desk.trace.cite(why, "the number of checks")
        count = desk.words.number(len(rows), "", why)
        return Section(
            "checks",
            desk.words.text("section.checks_passed"),
            (Para(desk.words.say("checks.none", count=count), "note"),),
        )
    items = tuple(_check(desk, r) for r in failed)
    notice = Notice(desk.words.text("checks.lead"), items)
    return Section("checks", heading, (notice,))


def _check(desk: Desk, row: dict) -> Spans:
    """A check in plain words; one that the catalogue does not know is told in its own words."""
    words, what = desk.words, f"the check '{row['name']}'"
    known = check_words(row["name"])
    if known is None:
        name: Spans = (Text(f"{words.name('step', row['step'])} · "), Text(row["name"], lang=words.foreign))
        value = desk.plain(row["value"], "", row, what)
        if row["limit"] is None:
            line = words.say("checks.item_no_limit", name=name, value=value)
        else:
            line = words.say("checks.item", name=name, value=value, limit=desk.plain(row["limit"], "", row, what))
        return (*line, Text(" "), *desk.said(row, "text"))
    key, subject, unit = known
    places: dict[str, Span | Spans | str] = {
        "subject": _subject(desk, subject),
        "value": desk.plain(row["value"], unit, row, what),
        "limit": desk.plain(row["limit"], unit, row, what) if row["limit"] is not None else "",
    }
    head = words.say("checks.head", name=words.say(f"check.{key}.name", **places))
    told = words.say(f"check.{key}.text", **places)
    # What exactly clashes is known in English only; in Korean the number leads to it.
    tail: Spans = (Text(" "), *desk.said(row, "text")) if key in DETAILED and words.lang == "en" else ()
    return (*(Text(s.text, strong=True) if isinstance(s, Text) else s for s in head), Text(" "), *told, *tail)


def _subject(desk: Desk, subject: str) -> str:
    """What a check is about: a place, an origin, or a part of the model, in the language of the brief."""
    parts = []
    for part in (p.strip() for p in subject.split(", ")):
        name = desk.words.name("check_subject", part) if desk.words.has(f"check_subject.{part}") else ""
        part = part.split(": ")[0]  # who said it; the row of the claim is in the evidence
        parts.append(name or (place_name(desk, part) if place_name(desk, part) != part else desk.origin(part)))
    return ", ".join(p for p in parts if p)


def check_words(name: str) -> tuple[str, str, str] | None:
    """The catalogue's key for a check, what it is about and its unit; None for a check that it does not know.

    >>> check_words("distinct paths, Najin"), check_words("published rates met, held out")
    (('distinct_paths', 'Najin', ''), ('published_rates_met', '', 'share'))
    """
    for pattern, key, unit in CHECKS:
        found = re.fullmatch(pattern, name)
        if found:
            return key, (found[1] if found.groups() else ""), unit
    return None
