"""How many visits and voyages took place: joint draws, their summaries, diagnostics, forecasts."""

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
    TIME,
    Column,
    Table,
)

VISITS = Table(
    "visits",
    "Joint posterior draws of port visits by vessels of the route, by place, month of arrival and ship. "
    "Rows with seen = unseen = 0 may be left out.",
    (
        DRAW,
        Column("place", NAME, "port"),
        Column("month", DATE, "first day of the month of arrival"),
        Column("ship", NAME, "hull, size class, or 'unidentified'"),
        Column("seen", COUNT, "visits that at least one look caught"),
        Column("unseen", COUNT, "visits that no look caught"),
    ),
    key=("draw", "place", "month", "ship"),
    draws=True,
)

VOYAGES = Table(
    "voyages",
    "Joint posterior draws of laden voyages on the route, by month of departure, ends and ship.",
    (
        DRAW,
        Column("month", DATE, "first day of the month of departure"),
        Column("origin", NAME, "port of loading"),
        Column("destination", NAME, "port of discharge, or 'unknown'"),
        Column("ship", NAME, "hull, size class, or 'unidentified'"),
        Column("voyages", COUNT, "voyages in the draw"),
    ),
    key=("draw", "month", "origin", "destination", "ship"),
    draws=True,
)

VOYAGE_WINDOWS = Table(
    "voyage_windows",
    "The voyages that evidence ties down: who left where in which window and arrived where in which window.",
    (
        Column("voyage_id", TEXT, "identifier"),
        Column("origin", TEXT, "port of loading"),
        Column("destination", TEXT, "port of discharge, or 'unknown'"),
        Column("ship", TEXT, "hull, size class, or 'unidentified'"),
        Column("departed_after", TIME, "earliest departure", null="not bounded"),
        Column("departed_before", TIME, "latest departure", null="not bounded"),
        Column("arrived_after", TIME, "earliest arrival", null="not bounded"),
        Column("arrived_before", TIME, "latest arrival", null="not bounded"),
        Column("probability", REAL, "that such a voyage took place", unit="0..1"),
        Column("look_ids", TEXTS, "looks that it leans on"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("voyage_id",),
)

RATES = Table(
    "rates",
    "Posterior of the arrival rate by place and month, and of the share of time that traffic paused.",
    (
        Column("place", TEXT, "port"),
        Column("month", DATE, "first day of the month"),
        Column("rate_median", REAL, "arrivals a day, median", unit="1/day"),
        Column("rate_low90", REAL, "5 % point", unit="1/day"),
        Column("rate_high90", REAL, "95 % point", unit="1/day"),
        Column("paused", REAL, "posterior share of the month in pause", unit="0..1"),
        Column("looks", COUNT, "usable looks in the month"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("place", "month"),
)

DIAGNOSTICS = Table(
    "diagnostics",
    "Checks that a result must pass; one that fails is named in the headline and in the brief.",
    (
        Column("step", TEXT, "step of the chain, e.g. count"),
        Column("name", TEXT, "check, e.g. 'effective sample size, Najin'"),
        Column("value", REAL, "measured"),
        Column("limit", REAL, "limit", null="no limit: for information"),
        Column("passed", FLAG, "whether the limit is kept"),
        Column("text", TEXT, "one sentence for the reader"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("step", "name"),
)

FORECASTS = Table(
    "forecasts",
    "Draws of voyages beyond the last look, with the drift of the rate.",
    (
        DRAW,
        Column("month", DATE, "first day of the month"),
        Column("quantity", NAME, "visits | voyages"),
        Column("place", NAME, "port"),
        Column("value", COUNT, "count in the draw"),
    ),
    key=("draw", "month", "quantity", "place"),
    draws=True,
)

BACKTEST = Table(
    "backtest",
    "Published totals that were foretold as of an earlier day, one row for each total and method. What is foretold is "
    "the collector's figure, with its own share of what passes, not the true number.",
    (
        Column("as_of", DATE, "day after which nothing published was used"),
        Column("claim_id", TEXT, "total that was published later"),
        Column("published", DATE, "latest day on which it can have been published"),
        Column("origin_group", TEXT, "who counted"),
        Column(
            "quantity", TEXT, "visits | voyages | visits_per_month, turned into a count | what a claim on cargo counts"
        ),
        Column("reading", TEXT, "how the figure is meant", null="a count of visits or voyages"),
        Column("scope", TEXT, "sea | rail | all", null="a count of visits or voyages"),
        Column(
            "used",
            TEXT,
            "evidence | check | derived: what the claim is to the cargo model of today",
            null="a count of visits or voyages",
        ),
        Column("period_start", DATE, "first day counted"),
        Column("period_end", DATE, "last day counted"),
        Column("days_ahead", REAL, "days of the period that lie after as_of", unit="days"),
        Column("method", TEXT, "tumen | constant rate | straight line"),
        Column("published_value", REAL, "the figure published (the middle of a range)"),
        Column("median", REAL, "foretold, median"),
        Column("low50", REAL, "25 % point"),
        Column("high50", REAL, "75 % point"),
        Column("low80", REAL, "10 % point"),
        Column("high80", REAL, "90 % point"),
        Column("low95", REAL, "2.5 % point"),
        Column("high95", REAL, "97.5 % point"),
        Column("inside50", FLAG, "the published figure lies in the 50 % interval"),
        Column("inside80", FLAG, "in the 80 % interval"),
        Column("inside95", FLAG, "in the 95 % interval"),
        Column("crps", REAL, "continuous ranked probability score, smaller is better", unit="that of the figure"),
        Column(
            "crps_log",
            REAL,
            "the same on the logarithm: about the relative error, so that boxes and rounds can be set side by side",
            null="a count of visits or voyages, or a figure of none",
        ),
        Column(
            "log_score",
            REAL,
            "log predictive density at the published figure (for cargo: of its logarithm; of none: log probability), larger is better",
        ),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("as_of", "claim_id", "method"),
)
