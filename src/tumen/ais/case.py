"""AIS for a case: its archives, its places and its roster in; event tables and sightings out.

The case's places always count, a gazetteer only adds to them. A port visit becomes a sighting of the
roster's ship where MMSI or IMO number says it is she.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pyarrow as pa

from tumen.ais.columns import Mapping as ColumnMapping
from tumen.ais.pipeline import events
from tumen.ais.settings import EventSettings, SettingsError
from tumen.tables import see

# How sure a visit is that the ship was in that port, by its confidence: shares of true calls on a simulated coast
# (bench/ais_visits.py); confidence 2 was rare there and is set below 3. Confidence 1 is a passing-by, true in 1 to 4 of
# 100, and makes no sighting.
SURE = {2: 0.95, 3: 0.96, 4: 0.97}

BERTHS = ("berth", "pier", "terminal")  # kinds of place at which a ship lies alongside


def case_events(
    archives: Iterable[str | Path],
    places: pa.Table,
    vessels: pa.Table | None = None,
    settings: Mapping[str, Any] | EventSettings | None = None,
    *,
    executor: Executor | None = None,
    gazetteer: Any = None,
    work: Path | str | None = None,
) -> dict[str, pa.Table]:
    """Event tables of a case.

    `archives` are paths, folders or globs; `places` and `vessels` the tables of that name. `settings` holds
    thresholds by name (see `EventSettings`) and, under `columns`, mappings of tables by column. With
    `vessels` the table `ais_roster` tells which identifier is which ship of the roster.
    """
    given = dict(settings.as_dict() if isinstance(settings, EventSettings) else settings or {})
    mapping = mappings(given.pop("columns", ()))
    made = events(
        archives,
        settings=EventSettings.of(given),
        case_places=places,
        gazetteer=gazetteer,
        executor=executor,
        mapping=mapping,
        work=work,
    )
    if vessels is not None:
        made["ais_roster"] = roster(made["identities"], made["port_visits"], vessels)
    return made


def mappings(given: Sequence[Mapping[str, Any] | ColumnMapping]) -> list[ColumnMapping]:
    """Column mappings from plain tables as TOML gives them. Raises `SettingsError` naming what is wrong."""
    if isinstance(given, Mapping) or not isinstance(given, Sequence):
        raise SettingsError(f"columns: {given!r}; expected tables headed [[columns]], with double brackets")
    made = []
    for number, one in enumerate(given, 1):
        try:
            mapping = ColumnMapping.of(one)
        except SettingsError as error:
            raise SettingsError(f"columns, table {number}: {error}") from error
        if mapping is not None:
            made.append(mapping)
    return made


def roster(identities: pa.Table, visits: pa.Table, vessels: pa.Table) -> pa.Table:
    """Which identifier is which ship of the roster: columns vessel_id, vessel, p_vessel, by.

    By IMO number told over the air 0.98 (an IMO number can be typed wrongly or borrowed), by MMSI 0.95 (an MMSI
    is passed on with the radio), by name alone 0.6 (many ships share one): readings of ours.
    """
    rows: dict[str, dict[str, Any]] = {}
    told = identities.to_pylist()
    heard = {r["vessel_id"] for r in told} | set(visits.column("vessel_id").to_pylist())
    for ship in vessels.to_pylist():
        if ship["kind"] != "named":
            continue
        for row in told:
            if ship.get("imo") and row["imo"] == str(ship["imo"]) and row["imo_valid"]:
                _best(rows, row["vessel_id"], ship["vessel"], 0.98, "imo")
            elif row["name"] and row["name"].casefold() == ship["vessel"].casefold():
                _best(rows, row["vessel_id"], ship["vessel"], 0.6, "name")
        if ship.get("mmsi") and str(ship["mmsi"]) in heard:
            _best(rows, str(ship["mmsi"]), ship["vessel"], 0.95, "mmsi")
    listed = [rows[k] for k in sorted(rows)]
    types = {"vessel_id": pa.string(), "vessel": pa.string(), "p_vessel": pa.float64(), "by": pa.string()}
    return pa.table({n: pa.array([r[n] for r in listed], t) for n, t in types.items()})


def _best(rows: dict[str, dict[str, Any]], vessel_id: str, vessel: str, p: float, by: str) -> None:
    if vessel_id not in rows or rows[vessel_id]["p_vessel"] < p:
        rows[vessel_id] = {"vessel_id": vessel_id, "vessel": vessel, "p_vessel": p, "by": by}


def visit_sightings(
    made: Mapping[str, pa.Table],
    published: dt.date,
    source_ids: Sequence[str] = (),
    only_roster: bool = True,
    places: pa.Table | None = None,
) -> pa.Table:
    """Port visits at the case's places as rows of the table `sightings` (origin ais).

    `published` is the day by which the archive could be had: AIS is not published visit by visit. A ship that
    is not of the roster is given by her identifier, or left out with `only_roster`. A ship that stopped in a port
    off its berths is `anchored`; where `places` (PLACES) names no berth of the port nobody can tell, and the state
    stays empty.
    """
    parts = places.to_pylist() if places is not None else []
    berthed = {p["part_of"] for p in parts if p["kind"] in BERTHS and p["part_of"]}
    known = {r["vessel_id"]: r for r in made["ais_roster"].to_pylist()} if "ais_roster" in made else {}
    rows = []
    for visit in made["port_visits"].to_pylist():
        who = known.get(visit["vessel_id"])
        if not visit["in_case"] or visit["confidence"] not in SURE or (only_roster and who is None):
            continue
        off_berth = visit["stop"] and visit["place"] in berthed
        rows.append(
            {
                "sighting_id": f"ais-{visit['visit_id']}",
                "place": visit["place"],
                "berth": visit["berth"],
                "start": visit["start"],
                "end": visit["end"],
                "what": "vessel",
                "vessel": who["vessel"] if who else visit["vessel_id"],
                "p_vessel": who["p_vessel"] if who else 0.95,
                "state": "berthed" if visit["berth"] else "anchored" if off_berth else None,
                "ais": "on",
                "lat": visit["lat"],
                "lon": visit["lon"],
                "confidence": SURE[visit["confidence"]],
                "origin": "ais",
                "report_ids": [visit["visit_id"]],
                "published": published,
                "source_ids": list(source_ids),
                "text": f"AIS port visit, confidence {visit['confidence']}, {visit['messages']} messages",
                "parents": [visit["evidence_id"]] if visit["evidence_id"] else None,
            }
        )
    return see.SIGHTINGS.build(rows) if rows else see.SIGHTINGS.empty()
