"""One event, several reports: press retellings and parallel teams looking at the same ship.

Takes reported sightings (SIGHTINGS schema); gives sightings in which the reports of one event
stand together. Two reports tell of one event when they agree in place, overlap in time within
a slack, and contradict each other in neither name, berth nor length. A report joins an event
only if it fits every report already there, so that a chain of near fits cannot tie two ships
together. Copies are not corroboration: the confidence of the event is that of its best report.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pyarrow as pa

from tumen.tables import SIGHTINGS

# Teams date one ship in one berth by different image times of the same day.
TIME_SLACK = dt.timedelta(hours=12)
# Lengths read off 3 m images by hand differ by up to 10-15 m for one hull (the same berth on
# 26 October 2024 and 25 October 2024 is read as 120 and 135 m for what are two ships).
LENGTH_SLACK_M = 12.0

Row = dict[str, Any]


def merge_reports(sightings: pa.Table) -> pa.Table:
    """Merge the vessel reports of one event; stacks, trains and empty berths pass unchanged.

    Returns a SIGHTINGS table ordered by start. A merged row names its reports in `report_ids`,
    has their evidence ids as parents, and carries no evidence id of its own (the store stamps it).
    """
    rows = sorted(sightings.to_pylist(), key=lambda r: (r["start"], r["sighting_id"]))
    events: list[list[Row]] = []
    for row in rows:
        home = next((e for e in reversed(events) if _fits(row, e)), None)
        if home is None:
            events.append([row])
        else:
            home.append(row)
    return SIGHTINGS.build([_event(e) for e in events])


def _fits(row: Row, event: list[Row]) -> bool:
    return all(_same(row, other) for other in event)


def _same(a: Row, b: Row) -> bool:
    if a["what"] != "vessel" or b["what"] != "vessel" or a["place"] != b["place"]:
        return False
    if a["origin"] == b["origin"] == "reported" and set(a["source_ids"]) & set(b["source_ids"]):
        return False  # one document that lists two ships means two ships
    if a["start"] > b["end"] + TIME_SLACK or b["start"] > a["end"] + TIME_SLACK:
        return False
    if _differ(a["vessel"], b["vessel"]) or _differ(a["berth"], b["berth"]):
        return False
    lengths = [x["length_m"] for x in (a, b) if x["length_m"] is not None]
    if len(lengths) == 2 and abs(lengths[0] - lengths[1]) > LENGTH_SLACK_M:
        return False
    # With neither name nor length to hold them together, only the very same hours do.
    named = a["vessel"] is not None and a["vessel"] == b["vessel"]
    return named or len(lengths) == 2 or (a["start"] <= b["end"] and b["start"] <= a["end"])


def _differ(a: Any, b: Any) -> bool:
    return a is not None and b is not None and a != b


def _event(reports: list[Row]) -> Row:
    if len(reports) == 1:
        return reports[0]
    best = max(reports, key=lambda r: (r["p_vessel"] or 0.0, r["confidence"]))
    starts, ends = [r["start"] for r in reports], [r["end"] for r in reports]
    overlap = max(starts) <= min(ends)
    lengths = [r["length_m"] for r in reports if r["length_m"] is not None]
    merged: Row = {name: _first(reports, name) for name in reports[0]}
    ids = sorted({i for r in reports for i in (r["report_ids"] or [r["sighting_id"]])})
    merged |= {
        "sighting_id": "event-" + hashlib.sha256("|".join(ids).encode()).hexdigest()[:8],
        "start": max(starts) if overlap else min(starts),
        "end": min(ends) if overlap else max(ends),
        "vessel": best["vessel"],
        "p_vessel": best["p_vessel"],
        "length_m": sum(lengths) / len(lengths) if lengths else None,
        "confidence": max(r["confidence"] for r in reports),
        "origin": "reported" if any(r["origin"] == "reported" for r in reports) else reports[0]["origin"],
        "report_ids": ids,
        "published": min(r["published"] for r in reports),
        "source_ids": sorted({s for r in reports for s in r["source_ids"]}),
        "text": " / ".join(dict.fromkeys(r["text"] for r in reports if r["text"])) or None,
        "evidence_id": None,
        "parents": [r["evidence_id"] for r in reports if r["evidence_id"]],
    }
    return merged


def _first(reports: list[Row], name: str) -> Any:
    return next((r[name] for r in reports if r[name] is not None), None)
