"""Judgements: how the rest is being paid, which redlines are crossed, which answers are open."""

from tumen.tables.schema import (
    DATE, EVIDENCE_ID, FLAG, PARENTS, REAL, TEXT, TEXTS, Column, Table,
)

INDICATORS = Table(
    "indicators",
    "Dated events that bear on a hypothesis, from indicators.csv. Three states: looked and seen, looked and not "
    "seen, not looked.",
    (
        Column("indicator_id", TEXT, "identifier"),
        Column("event_date", DATE, "when it happened (latest reading)"),
        Column("published", DATE, "latest day on which it can have been published"),
        Column("trade", TEXT, "hypothesis that it bears on"),
        Column("text", TEXT, "what happened"),
        Column("state", TEXT, "seen | not_seen | not_looked"),
        Column("direction", TEXT, "supports | contradicts | neutral"),
        Column("strength", TEXT, "weak | moderate | strong"),
        Column("credibility", TEXT, "Admiralty 1-6"),
        Column("reliability", TEXT, "Admiralty A-F of its source"),
        Column("origin_group", TEXT, "who first reported it: reports of one origin are one piece of evidence"),
        Column("source_id", TEXT, "source"),
        Column("note", TEXT, "remark", null="none"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("indicator_id",),
)

TRADES = Table(
    "trades",
    "Probability over time that each way of repayment is in use.",
    (
        Column("trade", TEXT, "veto | submarine | space_reentry | far_east_ops | goods | cash | unpaid"),
        Column("date", DATE, "as of this day"),
        Column("probability", REAL, "posterior probability", unit="0..1"),
        Column("low90", REAL, "5 % point over uncertain settings", unit="0..1"),
        Column("high90", REAL, "95 % point", unit="0..1"),
        Column("word", TEXT, "yardstick word (PHIA)"),
        Column("prior", REAL, "before the indicators", unit="0..1"),
        Column("text", TEXT, "one sentence for the reader"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("trade", "date"),
)

DRIVERS = Table(
    "drivers",
    "What moved each judgement: the probability with each piece of evidence removed.",
    (
        Column("trade", TEXT, "hypothesis"),
        Column("indicator_id", TEXT, "piece of evidence, or origin group"),
        Column("without", REAL, "probability without it", unit="0..1"),
        Column("moved", REAL, "probability with it minus without it", unit="-1..1"),
        Column("text", TEXT, "what it is"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("trade", "indicator_id"),
)

REDLINES = Table(
    "redlines",
    "Conditions set in responses.toml and their state.",
    (
        Column("redline", TEXT, "identifier"),
        Column("text", TEXT, "the condition in words"),
        Column("state", TEXT, "crossed | near | open | cannot_tell"),
        Column("crossed_on", DATE, "first day on which the condition held", null="not crossed"),
        Column("value", REAL, "value that is compared", null="cannot be told"),
        Column("limit", REAL, "limit", null="no number"),
        Column("margin", REAL, "distance to the limit, in the unit of the value; < 0 crossed", null="cannot be told"),
        Column("why", TEXT, "what the state leans on"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("redline",),
)

OPTIONS = Table(
    "options",
    "Cards and packages: what they act on, cost, delay, uncertain effect, rank.",
    (
        Column("option", TEXT, "identifier"),
        Column("card", TEXT, "alliance_solidarity | defence_industry | anti_submarine | cost_imposition"),
        Column("text", TEXT, "what it is"),
        Column("acts_on", TEXTS, "trades or steps that it bears on"),
        Column("cost", TEXT, "low | medium | high, with a note"),
        Column("delay_days", REAL, "until it takes effect", unit="days", null="not stated"),
        Column("who_must_agree", TEXTS, "parties"),
        Column("effect_median", REAL, "expected utility gain, scale of the influence diagram", null="not ranked"),
        Column("effect_low90", REAL, "5 % point", null="not ranked"),
        Column("effect_high90", REAL, "95 % point", null="not ranked"),
        Column("rank", REAL, "rank by expected effect", null="not ranked"),
        Column("share_best", REAL, "share of draws in which it ranks first", unit="0..1", null="not ranked"),
        Column("status", TEXT, "what has come of it so far"),
        Column("covered", FLAG, "acts on at least one live trade"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("option",),
)

COLLECT = Table(
    "collect",
    "What to look for next: expected value of each possible observation.",
    (
        Column("observation", TEXT, "identifier"),
        Column("text", TEXT, "what to look for"),
        Column("where", TEXT, "where to look"),
        Column("when", TEXT, "when to look"),
        Column("trade", TEXT, "hypothesis that it would tell most about"),
        Column("value", REAL, "expected reduction of uncertainty", unit="bits"),
        Column("rank", REAL, "1 is best"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("observation",),
)
