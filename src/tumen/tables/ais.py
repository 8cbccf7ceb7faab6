"""What AIS tells: positions, who sent them, and the events walked out of them."""

from tumen.tables.schema import (
    COUNT,
    EVIDENCE_ID,
    FLAG,
    INT,
    NAME,
    PARENTS,
    REAL,
    TEXT,
    TIME,
    Column,
    Table,
    columns,
)

_VESSEL = (
    Column("vessel_id", TEXT, "MMSI (nine digits), or the archive's own identifier where it has none"),
    Column("track", COUNT, "number of the track under this identifier; 0 is the longest, others are clashes or jumps"),
)
_SPAN = (
    Column("start", TIME, "first instant"),
    Column("end", TIME, "last instant"),
    Column("hours", REAL, "length", unit="h"),
)
_POINT = (
    Column("lat", REAL, "WGS 84", unit="degrees north"),
    Column("lon", REAL, "WGS 84", unit="degrees east"),
)
_EVIDENCE = (
    Column("messages", COUNT, "positions that the event was made from"),
    Column("first_message", TEXT, "archive and offset (byte of text, row of Parquet) of its first message"),
    Column("last_message", TEXT, "archive and offset of its last message"),
    EVIDENCE_ID,
    PARENTS,
)
_CONFIDENCE = Column("confidence", COUNT, "1 (weak) to 4 (strong), by the rule named in docs/ais.md")

POSITIONS = Table(
    "positions",
    "Cleaned positions, sorted by vessel, track and time.",
    columns(
        _VESSEL,
        Column("t", TIME, "time of the fix as received"),
        _POINT,
        Column("sog_kn", REAL, "speed over ground", unit="kn", null="not told (102.3) or not in the archive"),
        Column("cog_deg", REAL, "course over ground", unit="degrees", null="not told (360) or not in the archive"),
        Column("heading_deg", COUNT, "heading", unit="degrees", null="not told (511) or not in the archive"),
        Column("status", COUNT, "navigational status 0..15", null="not told"),
        Column("message", TEXT, "archive and offset of the message"),
    ),
)

IDENTITIES = Table(
    "identities",
    "What a vessel said it was, by time: one row an unbroken run of equal identity.",
    columns(
        Column("vessel_id", TEXT, "MMSI or the archive's own identifier"),
        Column("first_seen", TIME, "first message of the run", null="archive gives identity without time"),
        Column("last_seen", TIME, "last message of the run", null="archive gives identity without time"),
        Column("messages", COUNT, "messages of the run"),
        Column("name", TEXT, "ship's name as sent", null="not sent"),
        Column("call_sign", TEXT, "call sign as sent", null="not sent"),
        Column("imo", TEXT, "IMO number as sent", null="not sent"),
        Column("imo_valid", FLAG, "check digit of the IMO number fits", null="no IMO number"),
        Column("flag", TEXT, "ISO 3166 alpha-2 of the MMSI's maritime identification digits", null="no such digits"),
        Column(
            "mmsi_kind", TEXT, "ship | coast station | group | aid | aircraft | craft | handheld | distress | other"
        ),
        Column("ship_type", COUNT, "AIS ship type 0..99", null="not sent"),
        Column("length_m", REAL, "bow to stern", unit="m", null="not sent"),
        Column("width_m", REAL, "port to starboard", unit="m", null="not sent"),
        Column("draught_m", REAL, "draught last sent in the run", unit="m", null="not sent"),
        Column("destination", TEXT, "destination last sent in the run", null="not sent"),
        EVIDENCE_ID,
        PARENTS,
    ),
)

PORT_VISITS = Table(
    "port_visits",
    "Stays in port. Confidence after GFW: 4 entry, stop or gap, and exit; 3 one of entry and exit; 2 stop or gap "
    "alone; 1 entry or exit alone.",
    columns(
        Column("visit_id", TEXT, "identifier: same rows, same id"),
        _VESSEL,
        Column("place", NAME, "port"),
        Column("berth", TEXT, "pier or berth of the case that holds the mean stopped position", null="none does"),
        _SPAN,
        _POINT,
        Column("entry", FLAG, "the entry was seen"),
        Column("stop", FLAG, "a stop was seen"),
        Column("gap", FLAG, "a silence of the port-gap length or more fell in the visit"),
        Column("exit", FLAG, "the exit was seen"),
        _CONFIDENCE,
        Column("stop_start", TIME, "first stopped message", null="no stop"),
        Column("stop_end", TIME, "last stopped message", null="no stop"),
        Column("stopped_hours", REAL, "time stopped, silences left out", unit="h"),
        Column(
            "longest_gap_hours",
            REAL,
            "longest silence of port-gap length; of a ship not heard again, to the archives' end",
            unit="h",
            null="none",
        ),
        Column("latest_before", TIME, "last message before the visit", null="visit begins with the track"),
        Column("earliest_after", TIME, "first message after the visit", null="visit ends with the track"),
        Column("in_case", FLAG, "the port is a place of the case"),
        _EVIDENCE,
    ),
    key=("visit_id",),
)

AIS_VOYAGES = Table(
    "ais_voyages",
    "From one port visit to the next of the same track.",
    columns(
        Column("voyage_id", TEXT, "identifier"),
        _VESSEL,
        Column("from_place", TEXT, "port left", null="track begins at sea"),
        Column("to_place", TEXT, "port reached", null="track ends at sea"),
        Column("from_visit", TEXT, "visit left", null="track begins at sea"),
        Column("to_visit", TEXT, "visit reached", null="track ends at sea"),
        Column("departed", TIME, "end of the visit left (else first message)"),
        Column("arrived", TIME, "start of the visit reached (else last message)"),
        Column("hours", REAL, "time under way", unit="h"),
        Column("distance_nm", REAL, "way along the track, silences as straight lines", unit="nm"),
        Column("gaps", COUNT, "gaps on the way"),
        Column("gap_hours", REAL, "hours of gaps on the way", unit="h"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("voyage_id",),
)

GAPS = Table(
    "gaps",
    "Silences of a track, and what speaks for lost coverage or for a transmitter switched off.",
    columns(
        Column("gap_id", TEXT, "identifier"),
        _VESSEL,
        _SPAN,
        Column("lat", REAL, "last position before, WGS 84", unit="degrees north"),
        Column("lon", REAL, "last position before, WGS 84", unit="degrees east"),
        Column("closed", FLAG, "the ship was heard again; if not, `end` is the end of the archive"),
        Column("end_lat", REAL, "first position after, WGS 84", unit="degrees north", null="not heard again"),
        Column("end_lon", REAL, "first position after, WGS 84", unit="degrees east", null="not heard again"),
        Column("distance_nm", REAL, "straight way between the two", unit="nm", null="not heard again"),
        Column("implied_kn", REAL, "speed that the straight way needs", unit="kn", null="not heard again"),
        Column("in_port", FLAG, "last position before lies in a port"),
        Column("messages_before", COUNT, "own messages in the 12 h before"),
        Column("neighbours", COUNT, "most ships heard at one time in the cell of its last position during the gap"),
        Column("heard_share", REAL, "share of the gap (first two days) in which others were heard there", unit="0..1"),
        Column(
            "coast_nm",
            REAL,
            "distance of the last position to land",
            unit="nm",
            null="no land data installed, or over 100 nm: see docs",
        ),
        Column(
            "gfw_rule",
            FLAG,
            "12 h, 50 nm from land and 14 messages before: GFW's switched-off rule",
            null="distance to land not known",
        ),
        Column("kind", TEXT, "likely switched off | likely lost coverage | likely left the area | undecided | in port"),
        _CONFIDENCE,
        _EVIDENCE,
    ),
    key=("gap_id",),
)

HIDDEN_VISITS = Table(
    "hidden_visits",
    "Ports that a silent ship could have reached and left again within a gap.",
    columns(
        Column("gap_id", TEXT, "gap"),
        Column("vessel_id", TEXT, "vessel"),
        Column("place", NAME, "port that was within reach"),
        Column("in_case", FLAG, "the port is a place of the case"),
        Column("there_nm", REAL, "straight way from the last position", unit="nm"),
        Column("back_nm", REAL, "straight way to the next position", unit="nm", null="not heard again"),
        Column("needed_kn", REAL, "least mean speed with the least stay", unit="kn"),
        Column("longest_stay_hours", REAL, "stay left over at the assumed speed", unit="h"),
        Column("earliest_arrival", TIME, "at the assumed speed"),
        Column("latest_departure", TIME, "at the assumed speed"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("gap_id", "place"),
)

ENCOUNTERS = Table(
    "encounters",
    "Two ships together at sea; or one alone where a silent one could have been with her (kind one-sided).",
    columns(
        Column("encounter_id", TEXT, "identifier"),
        Column("kind", TEXT, "both | one-sided"),
        Column("vessel_id", TEXT, "ship of the smaller identifier; in a one-sided one, the ship that was heard"),
        Column("track", COUNT, "her track"),
        Column(
            "other_id",
            TEXT,
            "the other ship, or the likeliest silent one",
            null="one-sided: no silent ship could be there",
        ),
        Column("other_track", COUNT, "track of the other ship", null="one-sided: no silent ship could be there"),
        _SPAN,
        _POINT,
        Column("mean_m", REAL, "mean distance", unit="m", null="one-sided"),
        Column("mean_kn", REAL, "mean speed of the pair's middle, or of the one", unit="kn"),
        Column("slots", COUNT, "ten-minute slots in which they were together", null="one-sided"),
        Column(
            "port_m", REAL, "distance to the nearest known port", unit="m", null="none within 25 km, or no gazetteer"
        ),
        Column(
            "at_sea",
            FLAG,
            "farther from any known port than the setting (10 km); two ships nearer are told only with `encounter_near_port`",
        ),
        Column("gap_id", TEXT, "gap of the silent ship", null="both were heard, or none fits"),
        Column("candidates", COUNT, "silent ships that could have been there", null="both were heard"),
        _CONFIDENCE,
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("encounter_id",),
)

LOITERING = Table(
    "loitering",
    "A ship slow at sea, out of any known port, below the setting's mean speed.",
    columns(
        Column("loiter_id", TEXT, "identifier"),
        _VESSEL,
        _SPAN,
        _POINT,
        Column("mean_kn", REAL, "mean speed along the track", unit="kn"),
        Column("distance_nm", REAL, "way along the track", unit="nm"),
        Column(
            "coast_nm",
            REAL,
            "distance of its middle to land",
            unit="nm",
            null="no land data installed, or over 100 nm: see docs",
        ),
        Column("gfw_rule", FLAG, "20 nm from land or more: GFW's rule", null="distance to land not known"),
        _CONFIDENCE,
        _EVIDENCE,
    ),
    key=("loiter_id",),
)

DRAUGHT_CHANGES = Table(
    "draught_changes",
    "Told draught that changed; told by hand, so the day may be late.",
    columns(
        Column("vessel_id", TEXT, "vessel"),
        Column("before_m", REAL, "draught told before", unit="m"),
        Column("after_m", REAL, "draught told after", unit="m"),
        Column("change_m", REAL, "after less before: positive has loaded", unit="m"),
        Column("last_before", TIME, "last message with the old draught"),
        Column("first_after", TIME, "first message with the new draught"),
        Column("visit_id", TEXT, "port visit nearest in time between or before them", null="none"),
        Column("place", TEXT, "port of that visit", null="none"),
        _CONFIDENCE,
        EVIDENCE_ID,
        PARENTS,
    ),
)

IDENTITY_CHANGES = Table(
    "identity_changes",
    "A vessel that told another identity than before, or one hull under several MMSI.",
    columns(
        Column("vessel_id", TEXT, "MMSI that changed, or the new MMSI of a hull"),
        Column("field", TEXT, "name | call_sign | imo | size | ship_type | mmsi | flag"),
        Column("before", TEXT, "value before"),
        Column("after", TEXT, "value after"),
        Column("last_before", TIME, "last message with the old value", null="archive gives identity without time"),
        Column("first_after", TIME, "first message with the new value", null="archive gives identity without time"),
        Column("messages_before", COUNT, "messages with the old value"),
        Column("messages_after", COUNT, "messages with the new value"),
        _CONFIDENCE,
        EVIDENCE_ID,
        PARENTS,
    ),
)

SPOOFING = Table(
    "spoofing",
    "Positions that cannot be true, or not of one ship.",
    columns(
        _VESSEL,
        Column("kind", TEXT, "teleport | clash | jump | circle | land | stale | common point"),
        _SPAN,
        _POINT,
        Column("other_track", COUNT, "track that it clashes with or jumped from", null="none"),
        Column(
            "measure",
            REAL,
            "km away (teleport, clash, jump), radius in m (circle), ships that share it (common point)",
            null="stale, land",
        ),
        _CONFIDENCE,
        _EVIDENCE,
    ),
)

ANCHORAGES = Table(
    "anchorages",
    "Places where many ships stayed long, learned from the data.",
    columns(
        Column("anchorage", TEXT, "identifier of its cell"),
        _POINT,
        Column("vessels", COUNT, "different vessels that stayed"),
        Column("stays", COUNT, "stays"),
        Column("place", TEXT, "nearest known port within 10 km", null="none"),
        Column("place_m", REAL, "distance to that port", unit="m", null="none"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("anchorage",),
)

DROPS = Table(
    "drops",
    "What was not used, counted by archive and reason.",
    (
        Column("archive", TEXT, "name of the archive"),
        Column("reason", TEXT, "why, as listed in docs/ais.md"),
        Column("what", TEXT, "archive | line | row | value"),
        Column("fault", FLAG, "a fault in the data (false: merely not wanted, such as duplicates)"),
        Column("count", INT, "how many"),
        Column("first_line", INT, "line of the first, counted from 1", null="not a text archive, or counted later"),
        Column("note", TEXT, "what was found", null="none"),
    ),
    key=("archive", "reason"),
)

AIS_TABLES = (
    IDENTITIES, PORT_VISITS, AIS_VOYAGES, GAPS, HIDDEN_VISITS, ENCOUNTERS, LOITERING, DRAUGHT_CHANGES,
    IDENTITY_CHANGES, SPOOFING, ANCHORAGES, DROPS,
)  # fmt: skip

__all__ = [
    "AIS_TABLES", "AIS_VOYAGES", "ANCHORAGES", "DRAUGHT_CHANGES", "DROPS", "ENCOUNTERS", "GAPS", "HIDDEN_VISITS",
    "IDENTITIES", "IDENTITY_CHANGES", "LOITERING", "PORT_VISITS", "POSITIONS", "SPOOFING",
]  # fmt: skip
