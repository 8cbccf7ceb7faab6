"""What the voyages carried: draws of cargo, and published claims held against them."""

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
    Column,
    Table,
)

CARGO = Table(
    "cargo",
    "Joint posterior draws of what left the origin country, by month and stream. Rows of no quantity are left out. "
    "Draw d rests on the upstream draw that `draw_map` names for d.",
    (
        DRAW,
        Column("month", DATE, "first day of the month of departure"),
        Column("stream", NAME, "sea | rail"),
        Column(
            "commodity",
            NAME,
            "containers | containers_arms | tonnes (arms with packing, without boxes) | rounds (all artillery rounds "
            "and rockets) | usable_rounds (usable and working) | one a munition of loading.toml: rounds_152 | "
            "rounds_122 | rockets_122 | mortar_120 | other_arms (boxes of arms that are not rounds) | ...",
        ),
        Column("quantity", REAL, "amount; unit by commodity: boxes, tonnes, rounds"),
    ),
    key=("draw", "month", "stream", "commodity"),
    draws=True,
)

DRAW_MAP = Table(
    "draw_map",
    "Which upstream draw each draw of `cargo` rests on. Claims reweight the worlds of the traffic model; the worlds that "
    "agree with them are kept, some more than once. Re-index every upstream draw table by this map, so that draw d is "
    "the same world everywhere. A draw that is kept stays in its place; only vacant places are filled with copies.",
    (
        DRAW,
        Column("from_draw", COUNT, "draw of the voyages, visits and forecasts that it rests on", unit="0 .. n-1"),
    ),
    key=("draw",),
)

CLAIMS_COMPARED = Table(
    "claims_compared",
    "Each published claim beside what the model would have expected, how surprising it is and how far it moved "
    "the answer.",
    (
        Column("claim_id", TEXT, "claim"),
        Column("origin_group", TEXT, "who first produced it"),
        Column(
            "quantity", TEXT, "what it counts; capacity: what all boxes would hold if they were full of one munition"
        ),
        Column("reading", TEXT, "exactly | at_least | up_to | range | capacity_152 | capacity_122"),
        Column("claimed_low", REAL, "lower value", null="none"),
        Column("claimed", REAL, "value", null="a range only"),
        Column("claimed_high", REAL, "upper value", null="none"),
        Column("unit", TEXT, "unit"),
        Column("scope", TEXT, "sea | rail | all"),
        Column("period_start", DATE, "first day that it counts"),
        Column("period_end", DATE, "last day that it counts; never after its publication"),
        Column("expected_median", REAL, "what Tumen holds for the same quantity, scope and period"),
        Column("expected_low90", REAL, "5 % point"),
        Column("expected_high90", REAL, "95 % point"),
        Column(
            "surprise",
            REAL,
            "two-sided tail probability of the claim under the model without its origin group, or the probability "
            "that the bound holds; small is surprising",
            unit="0..1",
        ),
        Column("used", TEXT, "evidence | check | derived: adds nothing"),
        Column(
            "moved_rounds",
            REAL,
            "how far its whole origin group moves the median of total rounds",
            unit="rounds",
            null="not used",
        ),
        Column(
            "moved_alone",
            REAL,
            "how far this claim alone moves it, all others of its origin still heard",
            unit="rounds",
            null="not used",
        ),
        Column("text", TEXT, "one sentence for the reader"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("claim_id",),
)

ORIGINS = Table(
    "origins",
    "Leave one origin out: the answer without each origin group, and the bias inferred for it.",
    (
        Column("origin_group", TEXT, "who first produced the claims"),
        Column("claims", REAL, "claims that it contributes"),
        Column("bias_median", REAL, "factor by which its figures exceed the truth, median"),
        Column("bias_low90", REAL, "5 % point"),
        Column("bias_high90", REAL, "95 % point"),
        Column("rounds_without_median", REAL, "total rounds without it, median"),
        Column("rounds_without_low90", REAL, "5 % point"),
        Column("rounds_without_high90", REAL, "95 % point"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("origin_group",),
)

LOADS = Table(
    "loads",
    "Containers on one laden voyage, by ship: what hull, images and claims leave.",
    (
        Column("ship", TEXT, "hull, size class, or 'unidentified'"),
        Column("voyages_median", REAL, "voyages in the period, median"),
        Column("containers_median", REAL, "containers per laden voyage, median", unit="boxes/voyage"),
        Column("containers_low90", REAL, "5 % point", unit="boxes/voyage"),
        Column("containers_high90", REAL, "95 % point", unit="boxes/voyage"),
        Column("most", REAL, "most that the hull can hold: its slots", unit="boxes"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("ship",),
)

SENSITIVITY = Table(
    "sensitivity",
    "What the spread of total rounds comes from: shares of the variance of its logarithm by input. They add up to one; "
    "a share below zero is an input that offsets another.",
    (
        Column(
            "input",
            TEXT,
            "voyages | load per voyage | rail beside sea | boxes with arms | mix of munitions | rounds in a box",
        ),
        Column("variance_share", REAL, "covariance of the input's part with the whole over the variance of the whole"),
        Column(
            "factor90",
            REAL,
            "nine draws in ten of the input's part lie within this factor of its median",
            unit="factor",
        ),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("input",),
)

BOX_ROUNDS = Table(
    "box_rounds",
    "Rounds in one full box, from payload and volume, beside published figures that are not evidence.",
    (
        Column("munition", TEXT, "munition, or 'rounds' for the mix over boxes with arms"),
        Column("source", TEXT, "'model', or the sources of the published figure"),
        Column("median", REAL, "rounds in a box", null="a published range"),
        Column("low90", REAL, "5 % point, or the published lower value"),
        Column("high90", REAL, "95 % point, or the published upper value"),
        Column("agrees", FLAG, "the published range meets the model's 90 % interval", null="the model's own row"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("munition", "source"),
)
