"""Scenes of the case count ships of any kind; a port of the route has only so many berths.

Takes LOOKS that the search of scenes made, PLACES and the number of berths of a port that states none; gives LOOKS.
A scene cannot tell ships of the route from others, so more ships than berths say that all berths may be full
and no more: the look then tells 'at least' one ship, and its note keeps what was found.
"""

from __future__ import annotations

import pyarrow as pa

from tumen.tables import LOOKS

MOST = 4  # berths that the count can hold apart
TOO_MANY = "more than the port has berths; read as at least 1 ship of the route"


def within_berths(looks: pa.Table, places: pa.Table, berths: int) -> pa.Table:
    """LOOKS with no count above the berths of its port. `berths` holds where `places` states none."""
    port_of = {r["place"]: r["part_of"] or r["place"] for r in places.to_pylist()}
    room = {r["place"]: min(r["berths"] or berths, MOST) for r in places.to_pylist()}
    rows = looks.to_pylist()
    changed = False
    for r in rows:
        n = r["vessel_count"]
        most = room.get(port_of.get(r["place"], r["place"]), berths)
        if n is None or n <= most:
            continue
        changed = True
        told = f"{n} ships found at {r['place']}, {TOO_MANY} (berths in places.geojson or [traffic] berths: {most})"
        r["vessel_count"], r["count_reading"] = 1, "at_least"
        r["note"] = f"{r['note']}; {told}" if r["note"] else told
    return LOOKS.build(rows) if changed else looks
