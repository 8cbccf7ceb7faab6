"""A port visit told by AIS is a look too: at that hour, that ship lay there.

Takes AIS sightings (SIGHTINGS, origin ais); gives LOOKS. It speaks of one named ship and not of
the rest of the port, so it says 'present, at least one' and never 'empty': silence of AIS is no
empty look where ships switch it off.
"""

from __future__ import annotations

import pyarrow as pa

from tumen.tables import LOOKS


def ais_looks(sightings: pa.Table) -> pa.Table:
    """One look a visit, from its start to its end. Returns LOOKS, empty for no rows."""
    rows = []
    for s in sightings.to_pylist():
        rows.append(
            {
                "look_id": f"look-{s['sighting_id']}",
                "place": s["place"],
                "berth": s["berth"],
                "start": s["start"],
                "end": s["end"],
                "sensor": "AIS",
                "collector": "AIS",
                "usable_share": 1.0,
                "selection": "event",  # a ship that keeps its transponder off leaves no row
                "vessel_present": True,
                "vessel_count": 1,
                "count_reading": "at_least",
                "vessel": s["vessel"],
                "p_vessel": s["p_vessel"],
                "length_m": s["length_m"],
                "activity": s["state"],
                "published": s["published"],
                "origin": "ais",
                "source_ids": s["source_ids"],
                "note": s["text"],
                "parents": s["parents"],
            }
        )
    return LOOKS.build(rows) if rows else LOOKS.empty()
