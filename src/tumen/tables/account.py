"""The two-way account and the artillery balance at the front."""

from tumen.tables.schema import (
    COUNT,
    DATE,
    DRAW,
    EVIDENCE_ID,
    FLAG,
    NAME,
    PARENTS,
    REAL,
    TEXT,
    TEXTS,
    Column,
    Table,
)

ENTRIES = Table(
    "entries",
    "The two-way ledger, one row an entry: from whom, to whom, what, how much, how known.",
    (
        Column("entry_id", TEXT, "identifier; 'cargo:NAME' for what the cargo model gives"),
        Column("start", DATE, "first day"),
        Column("end", DATE, "last day"),
        Column("payer", TEXT, "who gives, e.g. DPRK"),
        Column("payee", TEXT, "who gets, e.g. RUS"),
        Column("commodity", TEXT, "what"),
        Column("label", TEXT, "what, for the reader"),
        Column("label_ko", TEXT, "the same in Korean"),
        Column("quantity_median", REAL, "median quantity"),
        Column("quantity_low90", REAL, "5 % point"),
        Column("quantity_high90", REAL, "95 % point"),
        Column("unit", TEXT, "unit of the quantity"),
        Column("status", TEXT, "observed | claimed | inferred"),
        Column(
            "role",
            TEXT,
            "counted: stands in the balance | inferred: shown apart, not in the balance | covered: another entry "
            "counts the same flow | outside: not in the period | unpriced: no price for it",
        ),
        Column("covered_by", TEXT, "entry that counts this flow", null="not covered"),
        Column("usd_median", REAL, "worth on the headline basis, current USD", unit="USD", null="not counted"),
        Column("usd_low90", REAL, "5 % point", unit="USD", null="not counted"),
        Column("usd_high90", REAL, "95 % point", unit="USD", null="not counted"),
        Column("origin_group", TEXT, "who first produced the figure", null="not stated"),
        Column("source_ids", TEXTS, "sources"),
        Column("text", TEXT, "one line for the reader"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("entry_id",),
)

VALUES = Table(
    "values",
    "Joint draws of what each entry is worth by value basis, over the whole period. Positive for what the origin "
    "country gave, negative for what came back.",
    (
        DRAW,
        Column("entry_id", NAME, "entry"),
        Column("basis", NAME, "russian_cost | export_price | western_replacement | dprk_income"),
        Column("role", NAME, "counted: adds up to the balance | inferred: shown apart, not in the balance"),
        Column("usd", REAL, "value in money of the day; > 0 given by the origin country, < 0 returned", unit="USD"),
        Column("usd_constant", REAL, "the same in money of the base year", unit="USD of the base year"),
    ),
    key=("draw", "entry_id", "basis"),
    draws=True,
)

ACCOUNT_TOTALS = Table(
    "account_totals",
    "Joint draws of the answer: what was given, what came back, what is open, by value basis.",
    (
        DRAW,
        Column("basis", NAME, "value basis"),
        Column("value_usd", REAL, "given by the origin country, money of the day", unit="USD"),
        Column("returned_usd", REAL, "seen or claimed to have come back", unit="USD"),
        Column("inferred_usd", REAL, "returns that are only inferred; not taken off the balance", unit="USD"),
        Column("owed_usd", REAL, "value_usd - returned_usd, draw by draw", unit="USD"),
        Column("repaid_share", REAL, "returned_usd / value_usd", unit="0..1 or more"),
        Column("value_constant_usd", REAL, "given, money of the base year", unit="USD of the base year"),
        Column("returned_constant_usd", REAL, "returned, money of the base year", unit="USD of the base year"),
        Column(
            "usd_per_container",
            REAL,
            "worth of the munitions over all containers that left; times the load of a voyage it is what one voyage "
            "stopped is worth",
            unit="USD/container",
            null="no containers in the draw",
        ),
    ),
    key=("draw", "basis"),
    draws=True,
)

BALANCE = Table(
    "balance",
    "Running balance owed to the origin country, by month and value basis, in money of the day.",
    (
        Column("month", DATE, "first day of the month; the balance is that of its last day"),
        Column("basis", TEXT, "value basis"),
        Column("given_median", REAL, "cumulative value given", unit="USD"),
        Column("returned_median", REAL, "cumulative value returned, seen or claimed", unit="USD"),
        Column("inferred_median", REAL, "cumulative value of returns only inferred", unit="USD"),
        Column("owed_median", REAL, "balance: given - returned", unit="USD"),
        Column("owed_low90", REAL, "5 % point", unit="USD"),
        Column("owed_high90", REAL, "95 % point", unit="USD"),
        Column(
            "owed_constant_median", REAL, "the same in money of the base year, median", unit="USD", null="not computed"
        ),
        Column("repaid_share_median", REAL, "returned / given", unit="0..1 or more", null="nothing given yet"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("month", "basis"),
)

BALANCE_DRAWS = Table(
    "balance_draws",
    "Joint draws of the running balance on the headline basis, by month.",
    (
        DRAW,
        Column("month", DATE, "first day of the month; the balance is that of its last day"),
        Column("basis", NAME, "value basis"),
        Column("given", REAL, "cumulative value given", unit="USD"),
        Column("returned", REAL, "cumulative value returned, seen or claimed", unit="USD"),
        Column("owed", REAL, "given - returned", unit="USD"),
    ),
    key=("draw", "month", "basis"),
    draws=True,
)

ACCOUNTS = Table(
    "accounts",
    "The books of both sides after double entry: the closing state of every account.",
    (
        Column("account", TEXT, "BOOK:KIND:WHAT, e.g. RUS:owes:DPRK or DPRK:received:refined_petroleum"),
        Column("basis", TEXT, "value basis"),
        Column("usd_median", REAL, "closing state; debit > 0, credit < 0", unit="USD"),
        Column("usd_low90", REAL, "5 % point", unit="USD"),
        Column("usd_high90", REAL, "95 % point", unit="USD"),
        Column("entries", COUNT, "entries posted to it"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("account", "basis"),
)

FLOWS = Table(
    "flows",
    "What went from whom to whom, for a Sankey: one row a commodity, direction and basis.",
    (
        Column("payer", TEXT, "from"),
        Column("payee", TEXT, "to"),
        Column("commodity", TEXT, "what"),
        Column("label", TEXT, "what, for the reader"),
        Column("label_ko", TEXT, "the same in Korean"),
        Column("certainty", TEXT, "counted | inferred"),
        Column("basis", TEXT, "value basis"),
        Column("usd_median", REAL, "value", unit="USD"),
        Column("usd_low90", REAL, "5 % point", unit="USD"),
        Column("usd_high90", REAL, "95 % point", unit="USD"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("payer", "payee", "commodity", "certainty", "basis"),
)

VOLUME_INDEX = Table(
    "volume_index",
    "The volume of military resources moved, in points, in the spirit of SIPRI's trend-indicator value: fixed core "
    "weights by production cost, lowered for used goods. It is no money and is never added to any.",
    (
        Column("month", DATE, "first day of the month"),
        Column("payer", TEXT, "from"),
        Column("payee", TEXT, "to"),
        Column("points_median", REAL, "points in the month; 1 point is one new 152 mm round"),
        Column("points_low90", REAL, "5 % point"),
        Column("points_high90", REAL, "95 % point"),
        Column("running_median", REAL, "running total, median"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("month", "payer", "payee"),
)

VARIANCE_SHARES = Table(
    "variance_shares",
    "Which entry or input the answer hangs on: shares of the variance of the balance owed.",
    (
        Column("basis", TEXT, "value basis"),
        Column("kind", TEXT, "entry: covariance share, sums to 1 | input: first-order (Sobol) share"),
        Column("name", TEXT, "entry or input"),
        Column("share", REAL, "share of the variance of owed_usd", unit="0..1"),
        Column("text", TEXT, "one sentence for the reader"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("basis", "kind", "name"),
)

VALUATIONS_COMPARED = Table(
    "valuations_compared",
    "Published valuations beside ours for the same flow and period, and why they differ.",
    (
        Column("valuation", TEXT, "claim"),
        Column("origin_group", TEXT, "who first produced it"),
        Column("what", TEXT, "what it values: munitions, troops, returns, ..."),
        Column("start", DATE, "first day of its period"),
        Column("end", DATE, "last day of its period, cut at the last day of ours"),
        Column("published_low_usd", REAL, "lower value, as USD", unit="USD"),
        Column("published_high_usd", REAL, "upper value, as USD", unit="USD"),
        Column("basis", TEXT, "our basis that comes nearest"),
        Column("ours_median", REAL, "ours on that basis, same flow and period", unit="USD"),
        Column("ours_low90", REAL, "5 % point", unit="USD"),
        Column("ours_high90", REAL, "95 % point", unit="USD"),
        Column("ratio", REAL, "middle of the published figure over our median on the headline basis"),
        Column(
            "implied_usd_per_round",
            REAL,
            "what a round would have to cost for our rounds to make their total",
            unit="USD/round",
            null="does not value munitions",
        ),
        Column(
            "ratio_quantity", REAL, "part of the ratio that comes from its count of rounds", null="it states no count"
        ),
        Column("ratio_price", REAL, "part of the ratio that comes from its price", null="it states no count"),
        Column("independent", FLAG, "false: one of our prices was taken from it, so agreement proves nothing"),
        Column("text", TEXT, "why they differ, one or two sentences"),
        Column("source_id", TEXT, "source"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("valuation",),
)

FRONT = Table(
    "front",
    "The artillery balance week by week, with and without the shipments and under the named scenarios: medians and "
    "90 % intervals over the draws.",
    (
        Column("week", DATE, "Monday of the week"),
        Column("side", TEXT, "RUS | UKR"),
        Column("scenario", TEXT, "with | without the shipments, or a named scenario"),
        Column("fired_median", REAL, "rounds fired a day", unit="rounds/day"),
        Column("fired_low90", REAL, "5 % point", unit="rounds/day"),
        Column("fired_high90", REAL, "95 % point", unit="rounds/day"),
        Column("origin_share_median", REAL, "of these, share made in the origin country", unit="0..1"),
        Column("origin_share_low90", REAL, "5 % point", unit="0..1"),
        Column("origin_share_high90", REAL, "95 % point", unit="0..1"),
        Column("stock_median", REAL, "usable stock at the end of the week", unit="rounds"),
        Column("stock_low90", REAL, "5 % point", unit="rounds"),
        Column("stock_high90", REAL, "95 % point", unit="rounds"),
        Column("projected", FLAG, "true: after the last day with evidence"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("week", "side", "scenario"),
)

FRONT_TOTALS = Table(
    "front_totals",
    "Joint draws of the answers of the front model.",
    (
        DRAW,
        Column("answer", NAME, "e.g. share_of_russian_fire"),
        Column("value", REAL, "value; unit in front_answers", null="does not happen in this draw"),
    ),
    key=("draw", "answer"),
    draws=True,
)

FRONT_ANSWERS = Table(
    "front_answers",
    "What the shipments meant at the front.",
    (
        Column("answer", TEXT, "identifier"),
        Column("median", REAL, "median", null="does not happen in half of the draws"),
        Column("low90", REAL, "5 % point", null="does not happen in so many draws"),
        Column("high90", REAL, "95 % point", null="does not happen in so many draws"),
        Column("unit", TEXT, "unit"),
        Column("share_of_draws", REAL, "share of the draws in which it happens at all", unit="0..1"),
        Column("text", TEXT, "one sentence for the reader"),
        Column("text_ko", TEXT, "the same in Korean"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("answer",),
)

FRONT_CHECKS = Table(
    "front_checks",
    "Published shares and rates that the front model was not fitted to, beside what it gives.",
    (
        Column("check", TEXT, "identifier"),
        Column("quantity", TEXT, "origin_share | fired_per_day | fire_ratio | stock"),
        Column("side", TEXT, "RUS | UKR | both"),
        Column("start", DATE, "first day"),
        Column("end", DATE, "last day"),
        Column("claimed_low", REAL, "published, lower value"),
        Column("claimed_high", REAL, "published, upper value"),
        Column("reading", TEXT, "about | at_least | up_to | range | local: a part of the front | peak: highest days"),
        Column("origin", TEXT, "who counted"),
        Column("held_out", FLAG, "entered after every input had been set"),
        Column("expected_median", REAL, "model"),
        Column("expected_low90", REAL, "5 % point"),
        Column("expected_high90", REAL, "95 % point"),
        Column("ratio", REAL, "published (middle) over the model's median", null="the model fires none"),
        Column(
            "spread",
            REAL,
            "factor within which nine of ten figures of a source lie from the truth, from how sources differ on the "
            "same days; 1 where that cannot be told",
        ),
        Column(
            "surprise", REAL, "two-sided tail probability of the published value under model and spread", unit="0..1"
        ),
        Column("agrees", FLAG, "the 90 % interval of the model, widened by the spread, meets the value or bound"),
        Column("agrees_exact", FLAG, "the 90 % interval of the model alone meets it, the figure taken as exact truth"),
        Column("text", TEXT, "one sentence for the reader"),
        Column("source_id", TEXT, "source"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("check",),
)

HEADLINE = Table(
    "headline",
    "The answer in figures.",
    (
        Column(
            "figure",
            TEXT,
            "visits | voyages | containers | rounds | value_usd | returned_usd | owed_usd | share_of_russian_fire",
        ),
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
