"""Which detected ship is which AIS track, and which has none."""

from tumen.tables.schema import EVIDENCE_ID, PARENTS, REAL, TEXT, TIME, Column, Table

MATCHES = Table(
    "matches",
    "Each ship detected in an image beside the AIS track that fits it best, or none: a dark detection.",
    (
        Column("detection_id", TEXT, "detection"),
        Column("time", TIME, "time of the image"),
        Column("place", TEXT, "place or area of interest", null="at sea"),
        Column("mmsi", TEXT, "MMSI of the matched track", null="no track fits"),
        Column("distance_m", REAL, "between detection and interpolated track", unit="m", null="no track fits"),
        Column("gap_s", REAL, "from the image to the nearest AIS message of the track", unit="s", null="no track fits"),
        Column("probability", REAL, "that the track is this ship", unit="0..1"),
        Column("state", TEXT, "matched | dark | not_covered (no AIS was received there at that time)"),
        Column("text", TEXT, "one line for the reader"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("detection_id",),
)
