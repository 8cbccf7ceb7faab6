"""Why a line, row or cell was not used: one number a reason, so that kernels can count.

`fault` tells a fault in the data from what is merely not wanted (a sentinel, a duplicate, a
sentence of another kind). Faults make `tumen events` end with exit code 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Reason:
    """One reason; `what` is what was not used: line, row or value."""

    code: int
    name: str
    what: str
    fault: bool
    doc: str


_LIST = [
    ("blank or comment", "line", False, "empty line or one that starts with '#'"),
    ("other sentence", "line", False, "NMEA of another kind, such as $GPGGA or !AIVSI"),
    ("other message", "line", False, "AIS message without position or identity, such as type 8 or 20"),
    ("not a sentence", "line", True, "text in which no NMEA sentence starts"),
    ("half line", "line", True, "sentence or row that ends before its last needed field"),
    ("bad checksum", "line", True, "checksum does not match the sentence"),
    ("bad payload", "line", True, "character or length that an AIS payload cannot have"),
    ("incomplete message", "line", True, "a part of a multi-sentence message never came"),
    ("repeated part", "line", False, "a part of a message that had already come"),
    ("line too long", "line", True, "more than 1 MB without an end of line"),
    ("no vessel", "row", True, "identifier empty or unreadable"),
    ("not a vessel", "row", False, "base station, aid to navigation, search aircraft or buoy: kept out of events"),
    ("no time", "row", True, "time empty or unreadable, and no other clock in the archive"),
    ("time before AIS", "row", True, "earlier than 1996: a clock that was never set"),
    ("time in the future", "row", True, "later than the reading of the archive by more than a day"),
    ("no position", "row", False, "latitude 91, longitude 181 or empty: sent without a fix"),
    ("position out of range", "row", True, "latitude beyond 90 or longitude beyond 180 degrees"),
    ("position 0, 0", "row", False, "receiver not initialised"),
    ("unreadable number", "value", True, "cell that should hold a number and does not: taken as null"),
    ("exact duplicate", "row", False, "same vessel, time and position as a row before"),
    ("same instant", "row", False, "second position of one track in the same instant"),
    ("clock mended", "value", False, "time out of step with its neighbours in the archive: set between them"),
    ("coordinates swapped", "archive", True, "latitude and longitude stand in each other's column: read the other way"),
    ("missing column", "archive", True, "a needed column is not in the file"),
    ("unknown format", "archive", True, "neither NMEA nor a table with vessel, time and position"),
    ("empty archive", "archive", True, "no bytes, or only a header"),
    ("archive breaks off", "archive", True, "compressed stream that ends or fails before its end"),
    ("cannot be read", "archive", True, "not found, no permission, or the store does not answer"),
    ("wrong encoding", "value", True, "bytes that are not UTF-8 in a text field: replaced"),
    ("bad tag block", "value", True, "checksum of a tag block does not match: its time is not used"),
]
REASONS = [Reason(code, *row) for code, row in enumerate(_LIST)]
CODE = {reason.name: reason.code for reason in REASONS}
COUNT = len(REASONS)

BLANK = CODE["blank or comment"]
OTHER_SENTENCE = CODE["other sentence"]
OTHER_MESSAGE = CODE["other message"]
NOT_SENTENCE = CODE["not a sentence"]
HALF_LINE = CODE["half line"]
BAD_CHECKSUM = CODE["bad checksum"]
BAD_PAYLOAD = CODE["bad payload"]
INCOMPLETE = CODE["incomplete message"]
REPEATED_PART = CODE["repeated part"]
TOO_LONG = CODE["line too long"]
NO_VESSEL = CODE["no vessel"]
NOT_VESSEL = CODE["not a vessel"]
NO_TIME = CODE["no time"]
TOO_EARLY = CODE["time before AIS"]
FUTURE = CODE["time in the future"]
NO_POSITION = CODE["no position"]
OUT_OF_RANGE = CODE["position out of range"]
NULL_ISLAND = CODE["position 0, 0"]
BAD_NUMBER = CODE["unreadable number"]
DUPLICATE = CODE["exact duplicate"]
SAME_INSTANT = CODE["same instant"]
MENDED = CODE["clock mended"]
SWAPPED = CODE["coordinates swapped"]
MISSING_COLUMN = CODE["missing column"]
UNKNOWN_FORMAT = CODE["unknown format"]
EMPTY = CODE["empty archive"]
BREAKS_OFF = CODE["archive breaks off"]
UNREADABLE = CODE["cannot be read"]
BAD_ENCODING = CODE["wrong encoding"]
BAD_TAG = CODE["bad tag block"]


@dataclass
class Drops:
    """Counts by reason for one archive, with the first line of each (1-based; 0: unknown) and its text."""

    archive: str = ""
    counts: np.ndarray = field(default_factory=lambda: np.zeros(COUNT, dtype=np.int64))
    first_line: np.ndarray = field(default_factory=lambda: np.zeros(COUNT, dtype=np.int64))
    note: dict[int, str] = field(default_factory=dict)
    lines: int = 0
    rows: int = 0

    def add(self, code: int, count: int = 1, note: str = "", line: int = 0) -> None:
        """Count `count` more of one reason."""
        if not count:
            return
        if self.counts[code] == 0 and line:
            self.first_line[code] = line
        self.counts[code] += count
        if note and code not in self.note:
            self.note[code] = note

    def take(self, counts: np.ndarray, first: np.ndarray) -> None:
        """Add what a kernel counted over the next block; `first` holds 1-based lines within the block."""
        fresh = (self.counts == 0) & (counts > 0) & (first > 0)
        self.first_line[fresh] = first[fresh] + self.lines
        self.counts += counts

    def merge(self, later: Drops) -> None:
        """Add the drops of the part of the archive that follows."""
        fresh = (self.counts == 0) & (later.counts > 0) & (later.first_line > 0)
        self.first_line[fresh] = later.first_line[fresh] + self.lines
        self.counts += later.counts
        for code, note in later.note.items():
            self.note.setdefault(code, note)
        self.lines += later.lines
        self.rows += later.rows

    @property
    def faults(self) -> int:
        """How many lines, rows, values or archives are at fault."""
        return int(sum(self.counts[r.code] for r in REASONS if r.fault))

    def listing(self) -> list[dict[str, object]]:
        """Rows for the table `drops`."""
        return [
            {
                "archive": self.archive,
                "reason": reason.name,
                "what": reason.what,
                "fault": reason.fault,
                "count": int(self.counts[reason.code]),
                "first_line": int(self.first_line[reason.code]) or None,
                "note": self.note.get(reason.code),
            }
            for reason in REASONS
            if self.counts[reason.code]
        ]
