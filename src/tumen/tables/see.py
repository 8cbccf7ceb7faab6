"""What was seen: looks (also empty and clouded ones), sightings, places, the roster."""

from tumen.tables.schema import (
    COUNT,
    DATE,
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

PLACES = Table(
    "places",
    "Ports, piers, berths and areas of interest, from places.geojson.",
    (
        Column("place", TEXT, "name used everywhere else, e.g. 'Najin'"),
        Column("kind", TEXT, "port | pier | berth | anchorage | terminal | yard | shipyard | railyard | depot | area"),
        Column("part_of", TEXT, "place that this one lies in", null="stands alone"),
        Column("role", TEXT, "origin | destination | other, on the route of the case"),
        Column("country", TEXT, "ISO 3166 alpha-2", null="not stated"),
        Column("lat", REAL, "of a representative point, WGS 84", unit="degrees north", null="not known"),
        Column("lon", REAL, "of a representative point, WGS 84", unit="degrees east", null="not known"),
        Column("wkt", TEXT, "geometry, WGS 84, longitude first", null="no geometry"),
        Column("berths", COUNT, "ships that fit alongside at one time", null="not stated"),
        Column("position_quality", TEXT, "how exact the position is", null="not stated"),
        Column("source_id", TEXT, "source of the row"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("place",),
)

VESSELS = Table(
    "vessels",
    "The roster: named hulls and size classes.",
    (
        Column("vessel", TEXT, "name or class, e.g. 'Angara'"),
        Column("kind", TEXT, "named | class"),
        Column("imo", TEXT, "IMO number with valid check digit", null="not known"),
        Column("mmsi", TEXT, "MMSI, nine digits", null="not known"),
        Column("flag", TEXT, "flag state", null="not known"),
        Column("type", TEXT, "ship type", null="not known"),
        Column("length_m", REAL, "length over all", unit="m", null="not known"),
        Column("beam_m", REAL, "beam", unit="m", null="not known"),
        Column("dwt_t", REAL, "deadweight", unit="t", null="not known"),
        Column("teu", REAL, "container capacity", unit="TEU", null="not known"),
        Column("draught_m", REAL, "loaded draught", unit="m", null="not known"),
        Column("on_route", FLAG, "taken to serve the route of the case (false: negative example)"),
        Column("source_ids", TEXTS, "sources of the row"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("vessel",),
)

LOOKS = Table(
    "looks",
    "One attempt to see one place: also those that found nothing and those under cloud. The traffic model "
    "reads looks, never bare sightings, because an empty look carries as much news as a full one.",
    (
        Column("look_id", TEXT, "identifier, unique in the case"),
        Column("place", NAME, "port looked at"),
        Column("berth", TEXT, "pier or berth, if the look is of that alone", null="the whole port"),
        Column("start", TIME, "earliest instant of the look"),
        Column("end", TIME, "latest instant (a dated image with no hour spans its day)"),
        Column("sensor", TEXT, "e.g. Planet, Sentinel-1, AIS, human report", null="not stated"),
        Column("collector", TEXT, "who looked (origin group): looks of one day by two collectors may share a scene"),
        Column("usable_share", REAL, "share of the place that could be seen", unit="0..1"),
        Column("tasked", FLAG, "true: image bought because something was expected", null="not known"),
        Column(
            "selection",
            TEXT,
            "series: the report tells every image of a run, also empty ones | event: told because something was "
            "seen | tasked: bought because something was expected | unknown",
            null="not known",
        ),
        Column("vessel_present", FLAG, "a vessel of the route was seen alongside", null="not told by this look"),
        Column("vessel_count", COUNT, "vessels alongside that were counted", null="not counted"),
        Column("count_reading", TEXT, "exactly | at_least", null="no count"),
        Column("other_count", COUNT, "vessels alongside that are not of the route (coal, oil, navy)", null="not told"),
        Column("vessel", TEXT, "hull or class named in the look", null="none named"),
        Column("p_vessel", REAL, "probability that the name is right", unit="0..1", null="none named"),
        Column("length_m", REAL, "measured length of the vessel", unit="m", null="not measured"),
        Column(
            "activity", TEXT, "berthed | loading | unloading | loaded | departed | anchored | absent", null="not told"
        ),
        Column("stack_present", FLAG, "a stack of containers ashore", null="not told"),
        Column("stack_length_m", REAL, "length of the stack", unit="m", null="not measured"),
        Column("containers", REAL, "containers counted or estimated in the look", null="not counted"),
        Column(
            "same_scene_as",
            TEXT,
            "look_id of an earlier row that probably shows the same scene: its errors are shared, so it adds no new look",
            null="a scene of its own",
        ),
        Column("published", DATE, "latest day on which the look can have been published"),
        Column("origin", TEXT, "reported | image | ais | simulated"),
        Column("source_ids", TEXTS, "sources of the row"),
        Column("note", TEXT, "remark of the analyst", null="none"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("look_id",),
)

SIGHTINGS = Table(
    "sightings",
    "One vessel, stack or train seen at one place and time: who, where, when, how sure. Reports of one event "
    "are merged; `report_ids` keeps them.",
    (
        Column("sighting_id", TEXT, "identifier, unique in the case"),
        Column("look_id", TEXT, "look that it belongs to", null="no look: a bare report"),
        Column("place", NAME, "place as in places.geojson, or free text where it is not listed"),
        Column("berth", TEXT, "pier or berth", null="not stated"),
        Column("start", TIME, "earliest time"),
        Column("end", TIME, "latest time"),
        Column("what", TEXT, "vessel | stack | railcars | other | nothing"),
        Column("vessel", TEXT, "hull or class", null="not named"),
        Column("p_vessel", REAL, "probability that the name is right", unit="0..1", null="not named"),
        Column(
            "state",
            TEXT,
            "berthed | loading | unloading | loaded | departed | anchored | absent | ...",
            null="not told",
        ),
        Column("length_m", REAL, "measured length", unit="m", null="not measured"),
        Column("length_sd_m", REAL, "standard deviation of the length", unit="m", null="not measured"),
        Column("containers", REAL, "containers seen", null="not counted"),
        Column("stack_length_m", REAL, "stack length", unit="m", null="not measured"),
        Column("railcars", COUNT, "railcars counted", null="not counted"),
        Column("ais", TEXT, "state of AIS: on | off | dark | unknown", null="not told"),
        Column("lat", REAL, "WGS 84", unit="degrees north", null="place centre"),
        Column("lon", REAL, "WGS 84", unit="degrees east", null="place centre"),
        Column("confidence", REAL, "probability that the thing was there", unit="0..1"),
        Column("origin", TEXT, "reported | image | ais | simulated"),
        Column("report_ids", TEXTS, "row ids of the merged reports"),
        Column("published", DATE, "latest day on which it can have been published"),
        Column("source_ids", TEXTS, "sources"),
        Column("text", TEXT, "what the report says, in our words", null="none"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("sighting_id",),
)

CLAIMS = Table(
    "claims",
    "A published total for a period, as claims.csv has it. Claims of one origin group share their bias; a "
    "derived claim adds nothing to what it was derived from.",
    (
        Column("claim_id", TEXT, "identifier, unique in the case"),
        Column(
            "quantity",
            NAME,
            "visits | voyages | image_days | vessel_days | containers | rounds | tonnes | missiles | usd | share | ... ",
        ),
        Column(
            "item", TEXT, "of what, e.g. munitions, 152 mm, refined petroleum, wheat flour, soldiers", null="not stated"
        ),
        Column("label", TEXT, "the quantity in the source's words (ours, shortened)"),
        Column("low", REAL, "lower value", null="not given"),
        Column("point", REAL, "single value", null="a range only"),
        Column("high", REAL, "upper value", null="not given"),
        Column("unit", TEXT, "unit of the value"),
        Column("reading", TEXT, "exactly | at_least | up_to | range | capacity_152 | capacity_122"),
        Column("direction", TEXT, "e.g. DPRK->RUS; 'domestic production', 'use', 'stock', 'loss' for the front"),
        Column("scope", TEXT, "sea | rail | all | place name: what the figure is meant to cover"),
        Column("place", TEXT, "port that it speaks of", null="not one port"),
        Column("vessel", TEXT, "hull that it speaks of", null="not one hull"),
        Column("period_start", DATE, "first day of the period (earliest reading of a month or year)"),
        Column("period_end", DATE, "last day of the period (latest reading)", null="not stated"),
        Column("forecast", FLAG, "a plan, target or rate that runs past its publication", null="not told"),
        Column("published", DATE, "latest day on which it can have been published"),
        Column("origin_group", TEXT, "who first produced it"),
        Column("independence", TEXT, "own observation | derived | claim | self-report"),
        Column(
            "derived_from", TEXT, "claim ids or origin groups that it was computed from, '; ' between", null="nothing"
        ),
        Column(
            "group",
            TEXT,
            "figures of one statement that belong together, e.g. 109 days, 49 with a vessel",
            null="alone",
        ),
        Column("use", TEXT, "evidence: enters a likelihood | check: only compared | no: kept for the record"),
        Column("source_id", TEXT, "source"),
        Column("note", TEXT, "remark", null="none"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("claim_id",),
)

SOURCES = Table(
    "sources",
    "Every document that a row leans on, with its Admiralty reliability.",
    (
        Column("source_id", TEXT, "identifier"),
        Column("publisher", TEXT, "who published it"),
        Column("title", TEXT, "title, translated where needed"),
        Column("date_text", TEXT, "date as far as known: day, month or year", null="not known"),
        Column("published", DATE, "latest day that date_text allows", null="not known: never hidden by as-of"),
        Column("url", TEXT, "address", null="none"),
        Column("kind", TEXT, "kind of document"),
        Column("reliability", TEXT, "NATO Admiralty letter A-F"),
        Column("why", TEXT, "reason for the letter", null="not given"),
        Column("seen", FLAG, "the page or a stored excerpt was read"),
        EVIDENCE_ID,
        PARENTS,
    ),
    key=("source_id",),
)
