"""A simulated world written as a whole case folder, so that every step and every screen can be tried on a known truth.

Takes a scenario; writes what an analyst would have (looks, sightings, claims, roster, AIS, scenes, and the files of
`tumen new` for money, front and judgement) and, apart from it, the truth. Every row, source and file is marked as
simulated; a real case refuses each of them.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tumen.case.add import csv_line
from tumen.case.claims import QUANTITIES
from tumen.case.faults import CaseError, Fault, Faults
from tumen.case.folder import Case
from tumen.case.forms import field_names
from tumen.case.loading import Loading, read_loading
from tumen.case.new import new_case
from tumen.case.traffic_settings import SpreadPrior, TrafficSettings
from tumen.simulate import claims as saying
from tumen.simulate import traffic
from tumen.simulate.ais import SIMULATED_PREFIX, Ship, gather, write_danish
from tumen.simulate.cargo import Sailing, TrueCargo, true_cargo
from tumen.simulate.scenario import Scenario

START = dt.date(2025, 1, 1)
# The day of the starter case, whose money, front and judgement are taken over.
STARTER_KNOWN = dt.date(2025, 9, 30)
ROUTE = "AAA->BBB"
IMAGES, STATEMENTS, MAP, ARCHIVE = "simulated-images", "simulated-statements", "simulated-map", "simulated-ais"
DAYS_PER_MONTH = 365.25 / 12
# The open sea of the starter case: no real port lies within 1,000 km.
PORT_LAT, PORT_LON, FAR_LAT, FAR_LON = 30.0, 150.0, 31.0, 153.0
# A tracked call begins and ends this far off, at this speed, with a position every ten minutes.
APPROACH_DEG, KNOTS, EVERY_S = 0.4, 12.0, 600
SCENE_PX = 768
# A port without an outline is searched to 1.5 km from its point; no other ship comes nearer than this.
OFF_PORT_PX = 250
MARK = "# SIMULATED: invented from end to end. A real case refuses every row of this file.\n"


@dataclass(frozen=True)
class Invented:
    """A world in dates of the case: visits as (arrived, left) days since the start, hulls, what they carried."""

    scenario: Scenario
    seed: int
    end: dt.date
    world: traffic.World
    sailings: list[Sailing]
    cargo: TrueCargo
    claims: list[dict[str, Any]]
    biases: dict[str, float]

    @property
    def as_of(self) -> dt.date:
        """A day on which all of it is published, what stays of the starter case too."""
        return max(self.end + dt.timedelta(days=60), STARTER_KNOWN)


def simulate_case(scenario: Scenario, folder: str | Path, truth: str | Path, seed: int | None = None) -> dict[str, Any]:
    """Write the case folder and, into another file, the truth; gives the truth.

    Raises `CaseError` if the folder exists and holds anything, or if the truth would lie in it or exists.
    """
    folder, truth = Path(folder), Path(truth)
    if truth.resolve().is_relative_to(folder.resolve()):
        raise CaseError([Fault(str(truth), 1, "truth", "lies in the case", "a file outside the case folder")])
    if truth.exists():
        raise CaseError([Fault(str(truth), 1, "truth", "exists", "a new file")])
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CaseError([Fault(str(folder), 1, "folder", "exists and is not empty", "a new or an empty folder")])
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.parent / f".{folder.name}.{secrets.token_hex(4)}"
    try:
        new_case(aside)
        made = invent(scenario, _loading(aside), scenario.seed if seed is None else seed)
        told = truth_of(made)
        _write(aside, made, told)
        Case.load(aside)
        truth.parent.mkdir(parents=True, exist_ok=True)
        truth.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        os.replace(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return told


def _loading(folder: Path) -> Loading:
    faults = Faults()
    made = read_loading(folder, faults)
    faults.stop()
    assert made is not None
    return made


def invent(scenario: Scenario, loading: Loading, seed: int) -> Invented:
    """Draw the world: ships and looks, then cargo, then what is said of it."""
    end = _month(scenario.months) - dt.timedelta(days=1)
    days = (end - START).days + 1
    settings = TrafficSettings(
        rate_per_day=SpreadPrior(median=scenario.visits_per_month / DAYS_PER_MONTH, factor=1.3), berths=scenario.berths,
        laden_share=1.0,
    )  # fmt: skip
    how = traffic.Truth(
        dwell_factor=scenario.dwell_factor, cloud_share=scenario.cloud_share, selection_factor=scenario.selection_factor,
        false_factor=scenario.false_factor, other_ship_days=scenario.other_ship_days,
        strangers_named=False,
    )  # fmt: skip
    world = traffic.world(settings, days, scenario.looks, seed, how)
    rng = np.random.default_rng([seed, 1])
    months = [_month(k) for k in range(scenario.months)]
    sailings = [
        Sailing((START + dt.timedelta(days=float(left))).replace(day=1), _hull(ship), float(length))
        for left, ship, length in zip(world.left, world.ship, world.length_m, strict=True)
        if left < days
    ]
    cargo = true_cargo(sailings, months, loading, rng)
    said = [
        saying.Said(
            t.group, t.quantity, t.scope, t.reading, tuple(_month(m) - dt.timedelta(days=1) for m in t.months), t.copies
        )
        for t in scenario.told
    ]  # fmt: skip
    table, biases = saying.simulate_claims(cargo.cargo, loading, said, START, rng, in_box=cargo.in_box)
    return Invented(scenario, seed, end, world, sailings, cargo, table.to_pylist(), biases)


def truth_of(made: Invented) -> dict[str, Any]:
    """The truth as plain data."""
    flows = made.cargo.cargo.to_pylist()
    days = (made.end - START).days + 1
    amounts: Counter[str] = Counter()
    monthly: dict[str, Counter[str]] = {}
    for row in flows:
        for name in (row["commodity"], f"{row['commodity']} by {row['stream']}"):
            amounts[name] += row["quantity"]
        monthly.setdefault(row["commodity"], Counter())[row["month"].isoformat()] += row["quantity"]
    arrived = made.world.arrived[made.world.arrived < days]
    return {
        "simulated": True,
        "warning": "SIMULATED. Nothing here speaks of real events.",
        "scenario": made.scenario.name,
        "seed": made.seed,
        "period": [START.isoformat(), made.end.isoformat()],
        "visits": len(arrived),
        "voyages": len(made.sailings),
        **{name: amounts[name] for name in sorted(amounts)},
        "by_month": {name: dict(counts) for name, counts in monthly.items()},
        "rounds_in_a_full_box": made.cargo.in_box,
        "bias_of_origin": made.biases,
        "calls": [
            {"arrived": _at(a).isoformat(), "left": _at(b).isoformat(), "ship": _hull(s), "length_m": round(float(n), 1)}
            for a, b, s, n in zip(made.world.arrived, made.world.left, made.world.ship, made.world.length_m, strict=True)
        ],
        "boxes_of_voyages": [round(b, 1) for b in made.cargo.boxes],
    }  # fmt: skip


def scored(headline: Mapping[str, Any], truth: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each headline figure of a simulated case beside its truth: figure, truth, median, low90, high90, inside90.

    Raises `ValueError` if the headline is not that of a simulated case.
    """
    if not headline.get("simulated"):
        raise ValueError("the headline is of a real case, which has no known truth; expected a simulated one")
    rows = []
    for figure in ("visits", "voyages", "containers", "rounds"):
        if figure in headline:
            told, true = headline[figure], float(truth[figure])
            row = {"figure": figure, "truth": true, **{k: told[k] for k in ("median", "low90", "high90")}}
            rows.append(row | {"inside90": told["low90"] <= true <= told["high90"]})
    return rows


def _month(number: int) -> dt.date:
    return dt.date(START.year + number // 12, number % 12 + 1, 1)


def _at(days: float) -> dt.datetime:
    return dt.datetime.combine(START, dt.time(), dt.UTC) + dt.timedelta(seconds=round(float(days) * 86_400))


def _hull(number: int) -> str:
    return traffic.HULLS[int(number)] if number >= 0 else "a hull without a name"


# --- the files --------------------------------------------------------------------------------------


def _write(folder: Path, made: Invented, told: dict[str, Any]) -> None:
    for name in ("looks.csv", "sightings.csv", "claims.csv", "vessels.csv", "listings.csv"):
        (folder / name).unlink()
    for item in folder.iterdir():  # money, front and judgement stay those of the starter case, marked
        if item.suffix in (".csv", ".toml", ".yaml"):
            item.write_text(MARK + item.read_text(encoding="utf-8"), encoding="utf-8")
    looks = _looks(made)
    _csv(folder / "looks.csv", looks)
    _csv(folder / "sightings.csv", _sightings(looks))
    _csv(folder / "claims.csv", _claims(made))
    _csv(folder / "vessels.csv", _vessels())
    (folder / "places.geojson").write_text(_places(made.scenario.berths), encoding="utf-8")
    sources = folder / "sources.yaml"
    sources.write_text(sources.read_text(encoding="utf-8") + _sources(made), encoding="utf-8")
    case = folder / "case.toml"
    case.write_text(_settings(case.read_text(encoding="utf-8"), made), encoding="utf-8")
    (folder / "README.md").write_text(
        f"# SIMULATED: {made.scenario.title}\n\n{made.scenario.about}\n\nMade by `tumen simulate {made.scenario.name}` with seed "
        f"{made.seed}. States, ports, ships, images and statements are invented; nothing here speaks of real events, and no "
        "row can be moved into a real case. The truth lies in a file beside this folder, not in it.\n",
        encoding="utf-8",
    )  # fmt: skip
    if made.scenario.ais_share > 0:
        _ais(folder / "ais", made, told)
    if made.scenario.scenes:
        _scenes(folder / "scenes", made, told)


def _csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    fields = field_names(path.name)
    names = [n for n in fields if any(row.get(n) not in (None, "") for row in rows)] or fields
    lines = [csv_line(names)] + [csv_line([_cell(row.get(n)) for n in names]) for row in rows]
    path.write_text(MARK + "".join(lines), encoding="utf-8")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _looks(made: Invented) -> list[dict[str, Any]]:
    """Rows of looks.csv; what lies past the last day of the period is not told."""
    shift = START - made.world.period[0]
    rows = []
    for look in made.world.looks.to_pylist():
        at = look["start"] + shift
        if at.date() > made.end:
            continue
        seen = look["usable_share"] > 0
        row = {
            "id": look["look_id"], "date": at.date(), "time": f"{at:%H:%M}", "place": look["place"], "sensor": "simulated",
            "collector": "SIMULATED DESK", "usable_share": look["usable_share"],
            "selection": "tasked" if look["tasked"] else "series", "published": at.date(), "simulated": True,
            "source": IMAGES,
        }  # fmt: skip
        if seen:
            present = bool(look["vessel_present"])
            row |= {"vessel_present": present, "stack_present": look.get("stack_present")}
            if present:
                names = ("vessel_count", "count_reading", "vessel", "p_vessel", "length_m")
                row |= {n: look.get(n) for n in names}
                row["vessel_count"] = row["vessel_count"] or None
                if row["vessel_count"] is None:
                    row["count_reading"] = None
        rows.append(row)
    return sorted(rows, key=lambda r: (r["date"], r["time"], r["id"]))


def _sightings(looks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A report for every look with a ship: what a press retelling would hold."""
    return [
        {
            "id": f"report-{look['id']}", "look": look["id"], "date": look["date"], "time": look["time"],
            "place": look["place"], "what": "vessel", "vessel": look.get("vessel"), "p_vessel": look.get("p_vessel"),
            "state": "berthed", "known_by": "direct", "text": f"SIMULATED: {look.get('vessel') or 'a ship'} at the pier",
            "length_m": look.get("length_m"), "published": look["date"], "simulated": True, "source": IMAGES,
        }
        for look in looks
        if look.get("vessel_present")
    ]  # fmt: skip


def _claims(made: Invented) -> list[dict[str, Any]]:
    shift = START - made.world.period[0]
    rows = []
    for claim in made.world.claims.to_pylist():
        last = claim["period_end"] + shift
        rows.append(claim | {"period_start": claim["period_start"] + shift, "period_end": last, "published": last})
    cargo = [c | {"label": c["label"], "place": None} for c in made.claims]
    out = []
    for claim in [*rows, *cargo]:
        quantity = "rounds" if claim["quantity"] == "usable_rounds" else claim["quantity"]
        out.append(
            {
                **{n: claim.get(n) for n in ("low", "point", "high", "reading", "scope", "place", "period_start", "period_end")},
                **{n: claim.get(n) for n in ("published", "origin_group", "independence", "derived_from", "group", "use")},
                "id": claim["claim_id"], "quantity": quantity, "unit": QUANTITIES[quantity][0], "direction": ROUTE,
                "item": quantity.replace("_", " "), "label": f"SIMULATED {quantity.replace('_', ' ')}", "simulated": True,
                "source": STATEMENTS,
            }
        )  # fmt: skip
    return out


def _vessels() -> list[dict[str, Any]]:
    return [
        {
            "vessel": name, "kind": "named", "on_route": True, "flag": "XB", "type": "general cargo", "length_m": length,
            "mmsi": str(SIMULATED_PREFIX + number), "source": MAP,
        }
        for number, (name, length) in enumerate(zip(traffic.HULLS, traffic.HULL_LENGTHS_M, strict=True), 1)
    ]  # fmt: skip


def _places(berths: int) -> str:
    def place(name: str, role: str, lon: float, lat: float, **more: Any) -> dict[str, Any]:
        known = {"place": name, "kind": "port", "role": role, "country": "XA", "utc_offset_hours": 0, **more}
        known |= {"position_quality": "SIMULATED, in the open sea", "source": [MAP]}
        return {"type": "Feature", "properties": known, "geometry": {"type": "Point", "coordinates": [lon, lat]}}

    features = [
        place(traffic.PORT, "origin", PORT_LON, PORT_LAT, berths=berths, berths_why="simulated: so the world was made"),
        place(traffic.FAR_PORT, "destination", FAR_LON, FAR_LAT),
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1) + "\n"


def _sources(made: Invented) -> str:
    def source(name: str, publisher: str, title: str, letter: str, reference: bool = False) -> str:
        return (
            f"- id: {name}\n  publisher: SIMULATED {publisher}\n  title: SIMULATED {title}\n"
            f"  date: {'null' if reference else repr(made.as_of.isoformat())}\n  kind: simulated\n  reliability: {letter}\n"
            f"  why: invented\n{'  reference: true' + chr(10) if reference else ''}  simulated: true\n"
        )

    return (
        source(IMAGES, "imagery desk", "images of the port", "B")
        + source(STATEMENTS, "statements", "totals told by invented origins", "C")
        + source(ARCHIVE, "receiver", "positions of ships", "B")
        + source(MAP, "gazetteer", "ports and hulls", "C", True)
    )


def _settings(text: str, made: Invented) -> str:
    title = f"A simulated world: {made.scenario.title}"
    values = {
        "name": f'"simulated-{made.scenario.name}"', "title": json.dumps(title, ensure_ascii=False),
        "title_ko": json.dumps(f"모의 세계: {made.scenario.title}", ensure_ascii=False),
        "question": '"SIMULATED: what passed from Simulated Port, and what was it worth?"',
        "question_ko": '"모의: 무엇이 넘어갔고, 그 가치는 얼마인가?"', "period_start": START.isoformat(),
        "period_end": made.end.isoformat(), "as_of": made.as_of.isoformat(), "seed": str(made.seed), "simulated": "true",
    }  # fmt: skip
    for name, value in values.items():
        line = re.search(rf"(?m)^{name} = .*$", text)
        if line is None:
            raise ValueError(f"case.toml of the starter case has no {name}")
        text = f"{text[: line.start()]}{name} = {value}{text[line.end() :]}"
    out = [text.rstrip(), "\n\n[traffic]\nladen_share = 1.0             # so the world was made\nstarts_empty = true\n"]
    out.append(f'destinations = [{{ place = "{traffic.FAR_PORT}", start = {START.isoformat()}, share = 1.0 }}]\n')
    if made.scenario.ais_share > 0:
        out.append(f'\n[ais]\npublished = "{made.as_of.isoformat()}"\nsource = ["{ARCHIVE}"]\n')
    return "".join(out)


def _ais(folder: Path, made: Invented, told: dict[str, Any]) -> None:
    """Tracks of the named hulls on the calls that they made with AIS on; silent in between."""
    rng = np.random.default_rng([made.seed, 2])
    world = made.world
    ships: dict[int, Ship] = {}
    heard: list[int] = []
    last = (made.end - START).days + 1.0
    reach = APPROACH_DEG * 60 / KNOTS / 24  # days from the first position to the berth
    free = dict.fromkeys(range(len(traffic.HULLS)), -np.inf)
    for number, (arrived, left, hull) in enumerate(zip(world.arrived, world.left, world.ship, strict=True)):
        begins, ends = arrived - reach, left + reach
        if hull < 0 or begins < 0 or ends > last or rng.random() >= made.scenario.ais_share or begins < free[int(hull)]:
            continue
        free[int(hull)] = ends
        start = int(_at(begins).timestamp() * 1e6)
        ship = ships.setdefault(int(hull), Ship(int(hull) + 1, PORT_LAT + APPROACH_DEG, PORT_LON, start, EVERY_S))
        ship.t, ship.lat, ship.lon = start, PORT_LAT + APPROACH_DEG, PORT_LON
        ship.sail(PORT_LAT, PORT_LON, KNOTS).stay((left - arrived) * 24, rng).sail(
            PORT_LAT + APPROACH_DEG, PORT_LON, KNOTS
        )
        heard.append(number)
    told["calls_with_ais"] = heard
    folder.mkdir()
    if ships:
        write_danish(gather(list(ships.values())), folder / "simulated-positions.csv")


def _scenes(folder: Path, made: Invented, told: dict[str, Any]) -> None:
    """Radar images of the port at noon: the ship that truly lies there, if one does, and others well off the port."""
    from tumen.simulate.imagery import TrueShip, random_ship, write_scene

    rng = np.random.default_rng([made.seed, 3])
    folder.mkdir()
    told["ships_in_scenes"] = {}
    pixel = 10 / 111_195.0  # degrees of latitude
    west, north = SCENE_PX * 0.5 * pixel / np.cos(np.radians(PORT_LAT)), SCENE_PX * 0.5 * pixel
    middle = SCENE_PX * 0.5
    for number in range(made.scenario.scenes):
        day = START + dt.timedelta(days=15 + 28 * number)
        at = (day - START).days + 0.5
        here = [
            TrueShip(middle, middle + 12 * k, length / 10, length / 62, 0.3, 60.0)
            for k, length in enumerate(made.world.length_m[(made.world.arrived <= at) & (made.world.left > at)])
        ]
        strangers = [random_ship(rng, SCENE_PX, SCENE_PX) for _ in range(12)]
        off = [s for s in strangers if np.hypot(s.x - middle, s.y - middle) > OFF_PORT_PX][:6]
        name = f"simulated-{day}.tif"
        when = dt.datetime.combine(day, dt.time(12), dt.UTC)
        corner = (PORT_LON - float(west), PORT_LAT + float(north))
        write_scene(
            folder / name, rng, SCENE_PX, SCENE_PX, compress="deflate", when=when, corner=corner, placed=here + off
        )
        told["ships_in_scenes"][name] = [
            {
                "x_px": round(s.x, 1),
                "y_px": round(s.y, 1),
                "length_m": round(10 * s.length_px),
                "at_the_port": s in here,
            }
            for s in here + off
        ]
