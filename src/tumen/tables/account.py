"""The two-way account and the artillery balance at the front."""

from tumen.tables.schema import (
    DATE, DRAW, EVIDENCE_ID, NAME, PARENTS, REAL, TEXT, TEXTS, Column, Table,
)

ENTRIES = Table(
    "entries",
    "The two-way ledger, one row an entry: from whom, to whom, what, how much, how known.",
    (
        Column("entry_id", TEXT, "identifier"),
        Column("start", DATE, "first day"),
        Column("end", DATE, "last day"),
        Column("payer", TEXT, "who gives, e.g. DPRK"),
        Column("payee", TEXT, "who gets, e.g. RUS"),
        Column("commodity", TEXT, "what"),
        Column("quantity_median", REAL, "median quantity"),
        Column("quantity_low90", REAL, "5 % point"),
        Column("quantity_high90", REAL, "95 % point"),
        Column("unit", TEXT, "unit of the quantity"),
        Column("status", TEXT, "observed | claimed | inferred"),
        Column("source_ids", TEXTS, "sources"),
        Column("text", TEXT, "one line for the reader"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("entry_id",),
)

VALUES = Table(
    "values",
    "Joint draws of what each entry is worth, by value basis and month. The debtor's side is positive for what "
    "the origin country gave, negative for what came back.",
    (
        DRAW,
        Column("entry_id", NAME, "entry"),
        Column("month", DATE, "first day of the month"),
        Column("basis", NAME, "russian_cost | export_price | western_replacement | dprk_income"),
        Column("usd", REAL, "value, current US dollars; > 0 given by the origin country, < 0 returned", unit="USD"),
    ),
    key=("draw", "entry_id", "month", "basis"),
    draws=True,
)

BALANCE = Table(
    "balance",
    "Running balance owed to the origin country, by month and value basis.",
    (
        Column("month", DATE, "first day of the month"),
        Column("basis", TEXT, "value basis"),
        Column("given_median", REAL, "cumulative value given", unit="USD"),
        Column("returned_median", REAL, "cumulative value returned", unit="USD"),
        Column("owed_median", REAL, "balance", unit="USD"),
        Column("owed_low90", REAL, "5 % point", unit="USD"),
        Column("owed_high90", REAL, "95 % point", unit="USD"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("month", "basis"),
)

FRONT = Table(
    "front",
    "Weekly draws of the artillery balance on both sides, with and without the shipments.",
    (
        DRAW,
        Column("week", DATE, "Monday of the week"),
        Column("side", NAME, "RUS | UKR"),
        Column("scenario", NAME, "with | without the shipments, or a named scenario"),
        Column("fired", REAL, "rounds fired a day", unit="rounds/day"),
        Column("fired_origin", REAL, "of these, made in the origin country", unit="rounds/day"),
        Column("stock", REAL, "usable stock at the end of the week", unit="rounds"),
    ),
    key=("draw", "week", "side", "scenario"),
    draws=True,
)

HEADLINE = Table(
    "headline",
    "The answer in figures.",
    (
        Column("figure", TEXT, "visits | voyages | containers | rounds | value_usd | returned_usd | owed_usd | share_of_russian_fire"),
        Column("median", REAL, "median"),
        Column("low90", REAL, "5 % point"),
        Column("high90", REAL, "95 % point"),
        Column("unit", TEXT, "unit"),
        Column("as_of", DATE, "what was published by then"),
        Column("why", TEXT, "evidence id of the figure"),
        Column("text", TEXT, "one sentence for the reader"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("figure",),
)
