"""Which column of a table holds what: known spellings, and mappings that a user writes.

The spellings are those of the Danish Maritime Authority, MarineCadastre (old and, from 2025, lower
case), Digitraffic, exactEarth and Spire exports, VesselFinder, MarineTraffic, tacsat (VMS) and
Global Fishing Watch. Names are compared in lower case without blanks and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, fields

from tumen.ais.fields import word_of
from tumen.ais.settings import SettingsError

ROLES = (
    "vessel", "time", "clock", "lat", "lon", "sog", "cog", "heading", "status", "class", "message_type",
    "imo", "call_sign", "name", "ship_type", "length", "width", "draught", "destination",
    "bow", "stern", "port", "starboard", "millisecond",
)  # fmt: skip
ROLE = {name: number for number, name in enumerate(ROLES)}
NEEDED = ("vessel", "time", "lat", "lon")

SPELLINGS: dict[str, tuple[str, ...]] = {
    "vessel": ("mmsi", "userid", "ssvid", "veref", "vesselid", "shipid", "vesselref", "cfr", "id", "sourcemmsi",
               "mmsinumber", "shipmmsi", "vrnumber", "drmmsi"),
    "time": ("timestamp", "basedatetime", "datetime", "time", "aispostimestamp", "postimestamp", "dtposutc", "sitimp",
             "sidate", "date", "receivedtime", "timestamputc", "msgtime", "tstamp", "utc", "ts", "positiontime",
             "updatetime", "timeutc", "datetimeutc", "eventtime", "receivetime", "postime", "createdat", "timestampexternal",
             "dateheureutc", "epoch", "unixtime", "t", "timestampofposition", "positiontimestamp", "lastposutc"),
    "clock": ("sitime", "timeofday", "clock"),
    "lat": ("latitude", "lat", "silati", "y", "latdeg", "poslat", "latitudedeg", "drlatitude", "latdd"),
    "lon": ("longitude", "lon", "silong", "x", "lng", "long", "londeg", "poslon", "longitudedeg", "drlongitude", "londd"),
    "sog": ("sog", "speed", "speedoverground", "sisp", "speedkn", "speedknots", "drspeed", "avgspeed", "sogkn",
            "sogknots", "implicitspeed"),
    "cog": ("cog", "course", "courseoverground", "sihe", "drdirection", "coursedeg", "cogdeg"),
    "heading": ("heading", "trueheading", "hdg", "drtrueheading", "headingdeg", "th"),
    "status": ("navigationalstatus", "navstatus", "navstat", "status", "navigationstatus", "statuscode"),
    "class": ("typeofmobile", "transceiverclass", "transceiver", "aisclass", "class", "transpondertype", "stationtype"),
    "message_type": ("messageid", "msgtype", "messagetype", "type", "msgid", "aismessagetype"),
    "imo": ("imo", "imonumber", "imono", "lrimo", "imoee"),
    "call_sign": ("callsign", "call", "ircs", "radiocallsign"),
    "name": ("name", "vesselname", "shipname", "shipnameais"),
    "ship_type": ("shiptype", "vesseltype", "shipandcargotype", "shiptypecode", "vesseltypecode", "shipcargotype"),
    "length": ("length", "vesselength", "shiplength", "lengthm", "loa", "velen", "vessellength"),
    "width": ("width", "beam", "breadth", "shipwidth", "widthm", "vesselwidth"),
    "draught": ("draught", "draft", "draughtm", "currentdraught", "maximumdraught", "draughtdm"),
    "destination": ("destination", "dest", "destinationport", "siharb"),
    "bow": ("a", "sizea", "dima", "tobow", "refa", "referencepointa", "dimensionbow", "dimensiontobow"),
    "stern": ("b", "sizeb", "dimb", "tostern", "refb", "referencepointb", "dimensionstern", "dimensiontostern"),
    "port": ("c", "sizec", "dimc", "toport", "refc", "referencepointc", "dimensionport", "dimensiontoport"),
    "starboard": ("d", "sized", "dimd", "tostarboard", "refd", "referencepointd", "dimensionstarboard",
                  "dimensiontostarboard"),
    "millisecond": ("millisecond", "milliseconds", "ms"),
}  # fmt: skip

STATUS_WORDS = {
    word_of(text): code
    for code, text in enumerate(
        (
            "Under way using engine", "At anchor", "Not under command", "Restricted maneuverability",
            "Constrained by her draught", "Moored", "Aground", "Engaged in fishing", "Under way sailing",
            "Reserved for future amendment [HSC]", "Reserved for future amendment [WIG]",
            "Power-driven vessel towing astern", "Power-driven vessel pushing ahead or towing alongside",
            "Reserved for future use", "AIS-SART", "Unknown value",
        )
    )
}  # fmt: skip
STATUS_WORDS |= {
    word_of("Restricted manoeuverability"): 3,
    word_of("Restricted manoeuvrability"): 3,
    word_of("AIS-SART (active)"): 14,
    word_of("Not defined"): 15,
    word_of("Undefined"): 15,
    word_of("Underway using engine"): 0,
    word_of("Underway sailing"): 8,
    word_of("Fishing"): 7,
}

# A class stands for a message type of that class: A 1, B 18, base station 4, aid to navigation 21, aircraft 9.
CLASS_WORDS = {
    word_of(text): code
    for text, code in (
        ("Class A", 1), ("A", 1), ("Class B", 18), ("B", 18), ("Base Station", 4), ("AtoN", 21), ("SAR Airborne", 9),
        ("Aid to navigation", 21), ("SAR aircraft", 9),
    )
}  # fmt: skip

TYPE_WORDS = {
    word_of(text): code
    for text, code in (
        ("Undefined", 0), ("WIG", 20), ("Fishing", 30), ("Towing", 31), ("Towing long/wide", 32), ("Dredging", 33),
        ("Diving", 34), ("Military", 35), ("Sailing", 36), ("Pleasure", 37), ("HSC", 40), ("Pilot", 50), ("SAR", 51),
        ("Tug", 52), ("Port tender", 53), ("Anti-pollution", 54), ("Law enforcement", 55), ("Medical", 58),
        ("Not party to conflict", 59), ("Passenger", 60), ("Cargo", 70), ("Tanker", 80), ("Other", 90),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Mapping:
    """How one kind of table is read, from `[[ais.columns]]` of case.toml or from known spellings.

    `match` is a glob of archive names; `columns` maps a role (see `ROLES`) to a header or, where
    `header` is false, to a column number counted from 0. `zone_hours` is subtracted from written times.
    """

    match: str = "*"
    columns: Dict[str, str | int] = field(default_factory=dict)
    header: bool = True
    delimiter: str | None = None
    decimal: str | None = None
    month_first: bool = False
    zone_hours: float = 0.0
    speed_unit: str = "kn"
    skip_lines: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.columns, Dict):
            raise SettingsError(
                f"columns: {self.columns!r}; expected a table such as {{vessel = 'MMSI', time = 'DATE'}}"
            )
        for role, header in self.columns.items():
            if role not in ROLES:
                raise SettingsError(f"columns.{role}: no such role; expected one of {', '.join(ROLES)}")
            if (
                isinstance(header, bool)
                or not isinstance(header, str | int)
                or (isinstance(header, int) and header < 0)
            ):
                raise SettingsError(f"columns.{role}: {header!r}; expected a header, or a column number from 0")
        for name, kind, words in (
            ("match", str, "a glob of archive names"), ("header", bool, "true or false"),
            ("month_first", bool, "true or false"), ("zone_hours", int | float, "hours"), ("skip_lines", int, "a number"),
        ):  # fmt: skip
            value = getattr(self, name)
            if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
                raise SettingsError(f"{name}: {value!r}; expected {words}")
        for name in ("delimiter", "decimal"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and len(value) == 1 and value.isascii()):
                raise SettingsError(f"{name}: {value!r}; expected one character")
        if not abs(self.zone_hours) <= 24:
            raise SettingsError(f"zone_hours: {self.zone_hours}; expected -24 to 24")
        if self.skip_lines < 0:
            raise SettingsError(f"skip_lines: {self.skip_lines}; expected 0 or more")
        if self.speed_unit not in SPEED_UNITS:
            raise SettingsError(f"speed_unit: {self.speed_unit!r}; expected one of {', '.join(SPEED_UNITS)}")

    def fits(self, header: list[str]) -> bool:
        """Whether a table is meant: any of the headers named here is in it, or none are named.

        >>> Mapping(columns={"vessel": "BOAT"}).fits(["MMSI", "TIME"])
        False
        """
        named = [word for word in self.columns.values() if isinstance(word, str)]
        return not named or not self.header or len(not_there(header, self)) < len(named)

    @classmethod
    def of(cls, value: Mapping | Dict[str, object] | None) -> Mapping | None:
        """From a plain dict as TOML gives it. Raises `SettingsError` that names what is wrong."""
        if value is None or isinstance(value, Mapping):
            return value
        if not isinstance(value, Dict):
            raise SettingsError(f"{value!r}; expected a table such as [[columns]] with columns = {{vessel = 'MMSI'}}")
        unknown = sorted(set(value) - {f.name for f in fields(cls)})
        if unknown:
            raise SettingsError(
                f"{unknown[0]}: no such setting; expected one of {', '.join(f.name for f in fields(cls))}"
            )
        return cls(**value)  # type: ignore[arg-type]


SPEED_UNITS = {"kn": 1.0, "m/s": 3600 / 1852, "km/h": 1 / 1.852, "0.1kn": 0.1}


def plain(name: str) -> str:
    """A column name for comparing.

    >>> plain("# Timestamp"), plain("SI_LATI"), plain("Draught [m]")
    ('timestamp', 'silati', 'draughtm')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def not_there(header: list[str], mapping: Mapping | None) -> list[str]:
    """What a mapping names and a table does not have, as 'BOTE (vessel)'; columns told by number are not looked for.

    >>> not_there(["BOAT", "WHEN"], Mapping(columns={"vessel": "BOTE", "time": "WHEN"}))
    ['BOTE (vessel)']
    """
    names = {plain(h) for h in header}
    told = mapping.columns.items() if mapping and mapping.header else ()
    return [f"{word} ({role})" for role, word in told if isinstance(word, str) and plain(word) not in names]


def lacking_note(lacking: list[str], header: list[str], mapping: Mapping | None) -> str:
    """What to tell a person whose table lacks needed columns."""
    absent = not_there(header, mapping)
    wrong = f"; no column {', '.join(absent)}" if absent else ""
    there = ", ".join(header[:20]) + (", ..." if len(header) > 20 else "")
    # what is no table at all may hold anything
    there = " ".join("".join(c if c.isprintable() else " " for c in there).split())
    return (
        f"no column for {', '.join(lacking)}{wrong}; the table has: {there[:300]}; name them with "
        "--column ROLE=HEADER or [[columns]] in the settings"
    )


def roles_of(header: list[str], mapping: Mapping | None = None) -> dict[str, int]:
    """Column number of each role that a header has; a mapping's words come before the known spellings.

    Where several columns could hold a role the spelling listed first wins ('timestamp' before 'date').

    >>> roles_of(["MMSI", "BaseDateTime", "LAT", "LON", "SOG"])
    {'vessel': 0, 'time': 1, 'lat': 2, 'lon': 3, 'sog': 4}
    """
    names = [plain(h) for h in header]
    found: dict[str, int] = {}
    taken: set[int] = set()
    for role, word in (mapping.columns if mapping else {}).items():
        if isinstance(word, int):
            found[role] = word
        elif plain(word) in names:
            found[role] = names.index(plain(word))
        if role in found:
            taken.add(found[role])
    for role in ROLES:
        if role in found:
            continue
        for spelling in SPELLINGS[role]:
            places = [k for k, name in enumerate(names) if name == spelling and k not in taken]
            if places:
                found[role] = places[0]
                taken.add(places[0])
                break
    # tacsat writes day and time of day apart: SI_DATE, SI_TIME
    if "clock" in found and "time" not in found:
        found.pop("clock")
    return {role: found[role] for role in ROLES if role in found}
