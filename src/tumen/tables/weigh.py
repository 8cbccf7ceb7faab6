"""What the voyages carried: draws of cargo, and published claims held against them."""

from tumen.tables.schema import (
    DATE, DRAW, EVIDENCE_ID, FLAG, NAME, PARENTS, REAL, TEXT, Column, Table,
)

CARGO = Table(
    "cargo",
    "Joint posterior draws of what left the origin country, by month and stream.",
    (
        DRAW,
        Column("month", DATE, "first day of the month of departure"),
        Column("stream", NAME, "sea | rail"),
        Column("commodity", NAME, "containers | containers_arms | tonnes | rounds_152 | rounds_122 | rockets_122 | mortar_120 | ... "),
        Column("quantity", REAL, "amount; unit by commodity: boxes, tonnes, rounds"),
    ),
    key=("draw", "month", "stream", "commodity"),
    draws=True,
)

CLAIMS_COMPARED = Table(
    "claims_compared",
    "Each published claim beside what the model would have expected, how surprising it is and how far it moved "
    "the answer.",
    (
        Column("claim_id", TEXT, "claim"),
        Column("origin_group", TEXT, "who first produced it"),
        Column("quantity", TEXT, "what it counts"),
        Column("reading", TEXT, "exactly | at_least | up_to | range | capacity_152 | capacity_122"),
        Column("claimed_low", REAL, "lower value", null="none"),
        Column("claimed", REAL, "value", null="a range only"),
        Column("claimed_high", REAL, "upper value", null="none"),
        Column("unit", TEXT, "unit"),
        Column("expected_median", REAL, "what Tumen holds for the same quantity, scope and period"),
        Column("expected_low90", REAL, "5 % point"),
        Column("expected_high90", REAL, "95 % point"),
        Column("surprise", REAL, "two-sided tail probability of the claim under the model, or of the violated bound", unit="0..1"),
        Column("used", TEXT, "evidence | check | derived: adds nothing"),
        Column("moved_rounds", REAL, "change of the median of total rounds if its whole origin group is left out", null="not used"),
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
