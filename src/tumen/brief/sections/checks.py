"""Checks of the model that did not pass, in plain words, named before anything leans on them.

The steps name their checks in English; here each name is matched to words of the catalogue, so that no step
has to know a language. A check that the catalogue does not know is told in the words of its step.
"""

from __future__ import annotations

import re

from tumen.brief.blocks import Grid, Link, Notice, Number, Para, Section, Span, Spans, Text
from tumen.brief.clash import clash
from tumen.brief.desk import Desk

# How the steps name their checks, the key of the words for each under `check` in
# `words.<lang>.yaml`, and the unit of what was measured.
CHECKS = (
    (r"effective parameter points, (.+)", "parameter_points", ""),
    (r"effective joint draws of ports", "joint_ports", ""),
    (r"settings of the count, (.+)", "count_settings", ""),
    (r"in port at the start, (.+)", "in_port_at_start", "rate"),
    (r"ships at anchor, (.+)", "at_anchor", ""),
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

# Failed checks that the line at the top names; the rest are counted.
MOST_NAMED = 3
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


def warning(desk: Desk) -> Para | None:
    """One line for the top of the brief: how many checks failed, and which."""
    rows = desk.rows("diagnostics")
    failed = [r for r in rows if not r["passed"]]
    if not failed:
        return None
    words = desk.words
    why = desk.trace.make(words.text("evidence.sum_checks"), [r["evidence_id"] for r in rows])
    desk.trace.cite(why, "the number of checks")
    named: list[Span] = []
    for row in failed[:MOST_NAMED]:
        named += [Text("; " if words.lang == "en" else ", ")] if named else []
        named += _name(desk, row)
    if len(failed) > MOST_NAMED:
        named += [Text(" "), *words.say("evidence.more", n=words.number(len(failed) - MOST_NAMED, "", why))]
    line = words.say(
        "checks.top",
        count=words.number(len(failed), "", why),
        all=words.number(len(rows), "", why),
        list=tuple(named),
    )
    return Para((*line, Text(" "), Link("#checks", words.text("checks.more"))), "warning")


def every(desk: Desk) -> Section | None:
    """All checks of the run with what they measured, for those who want to know how firm a passed one is."""
    rows = desk.rows("diagnostics")
    if not rows:
        return None
    words = desk.words
    out = []
    for row in sorted(rows, key=lambda r: bool(r["passed"])):
        what, known = f"the check '{row['name']}'", check_words(row["name"])
        unit = known[2] if known else ""
        limit = (desk.plain(row["limit"], unit, row, what),) if row["limit"] is not None else ()
        key = "failed" if not row["passed"] else "passed" if row["limit"] is not None else "only_told"
        out.append(
            (
                (Text(words.name("step", row["step"])),),
                _name(desk, row),
                (desk.plain(row["value"], unit, row, what),),
                limit,
                (Text(words.text(f"checks.{key}"), strong=key == "failed"),),
            )
        )
    head = tuple(words.text(f"checks.{k}") for k in ("step", "name", "value", "limit", "outcome"))
    grid = Grid(head, tuple(out), words.text("checks.table"), numeric=(2, 3), widths=(2, 7, 2, 2, 2))
    return Section("every-check", words.text("section.every"), (Para(words.say("checks.every")), grid), annex=True)


def _name(desk: Desk, row: dict) -> Spans:
    """What a check is called: in plain words, or as its step names it."""
    known = check_words(row["name"])
    if known is None:
        return (Text(desk.named(row["name"]), lang=desk.words.foreign),)
    return desk.words.say(f"check.{known[0]}.name", subject=_subject(desk, known[1]))


def firmness(desk: Desk) -> Spans:
    """How firm the count is, in a sentence or two for the method: what it stands on and what would move it."""
    words, rows = desk.words, {r["name"]: r for r in desk.rows("diagnostics") if r["step"] == "count"}
    place = next((n.split(", ", 1)[1] for n in rows if n.startswith("effective parameter points, ")), None)
    if place is None:
        return ()

    def value(name: str, unit: str, limit: bool = False) -> Number:
        row = rows[f"{name}, {place}"]
        return desk.plain(row["limit"] if limit else row["value"], unit, row, f"the check '{row['name']}'")

    points, paths = "effective parameter points", "distinct paths"
    out: list[Span] = []
    if all(f"{n}, {place}" in rows and rows[f"{n}, {place}"]["limit"] is not None for n in (points, paths)):
        out += words.say(
            "method.firm",
            place=desk.place(place),
            points=value(points, ""),
            points_limit=value(points, "", True),
            paths=value(paths, ""),
            paths_limit=value(paths, "", True),
        )
    dwell, rate = "sensitivity to the dwell prior", "sensitivity to the rate prior"
    if f"{dwell}, {place}" in rows and f"{rate}, {place}" in rows:
        out += [Text(" "), *words.say("method.firm_priors", dwell=value(dwell, "share"), rate=value(rate, "share"))]
    totals = "share of information from totals"
    if f"{totals}, {place}" in rows:
        out += [Text(" "), *words.say("method.firm_totals", totals=value(totals, "share"))]
    if not out:
        return ()
    why = desk.trace.make(words.text("evidence.sum_checks"), [r["evidence_id"] for r in desk.rows("diagnostics")])
    desk.trace.cite(why, "the number of checks")
    count = words.number(desk.table("diagnostics").num_rows, "", why)  # type: ignore[union-attr]
    return (*out, Text(" "), *words.say("method.firm_more", count=count))


def _check(desk: Desk, row: dict) -> Spans:
    """A check in plain words; one that the catalogue does not know is told in its own words."""
    words, what = desk.words, f"the check '{row['name']}'"
    known = check_words(row["name"])
    if known is None:
        name: Spans = (Text(f"{words.name('step', row['step'])} · "), Text(desk.named(row["name"]), lang=words.foreign))
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
    tail: Spans = (Text(" "), *_clash(desk, row)) if key in DETAILED else ()
    return (*(Text(s.text, strong=True) if isinstance(s, Text) else s for s in head), Text(" "), *told, *tail)


def _clash(desk: Desk, row: dict) -> Spans:
    """What exactly clashes, as the step says it; in Korean by the templates of `clash`, and nothing where none fits."""
    if desk.words.lang == "en":
        return desk.said(row, "text")
    told = clash(desk.words, desk.about, str(row["text"] or ""))
    return desk.said({**row, "text_ko": told}, "text") if told else ()


def _subject(desk: Desk, subject: str) -> str:
    """What a check is about: a place, an origin, or a part of the model, in the language of the brief."""
    parts = []
    for part in (p.strip() for p in subject.split(", ")):
        name = desk.words.name("check_subject", part) if desk.words.has(f"check_subject.{part}") else ""
        part = part.split(": ")[0]  # who said it; the row of the claim is in the evidence
        parts.append(name or (desk.place(part) if desk.place(part) != part else desk.origin(part)))
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
