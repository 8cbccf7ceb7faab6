"""What each page shows, as plain data: the same for its template and for its JSON twin.

A page is declared in `PAGES`: name, title, the tables it draws on, its template, and a function
from the current state, the item in the path and the query to a dict.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.draws import matrix, summary
from tumen.evidence import UnknownEvidence
from tumen.show import WORDS, summarised, tree_data
from tumen.study import Study
from tumen.tables import TABLES
from tumen.web.live import State
from tumen.web.words import NAMES, in_language, say

Row = dict[str, Any]
Query = dict[str, str]
# All streams of cargo together.
ALL = "all"
# A page lists at most this many rows of a table at once; the rest is behind 'next'.
ROWS = 200
# Search stops here: who needs more asks more narrowly.
HITS = 60
# Beyond this many sightings the map leaves their texts out; each is a click away under its evidence.
MAP_TEXTS = 3000
# Beyond this many events of a kind the timeline shows days with their number instead.
TICKS = 3000
DAY_US = 86_400_000_000
# Of each trade the page shows this many drivers and turning points; the whole table is linked.
DRIVERS, TURNS = 3, 2
# What a judged hypothesis is, as `trades.kind` names it.
GROUPS = (("trade", "Ways of repayment"), ("part", "Their parts"), ("restraint", "What holds them back"), ("remainder", "What is left"))  # fmt: skip
# Kinds of place whose coast is shown in detail, and at most so many of them: each window is some 20 kB.
NEAR_COAST, WINDOWS = {"port", "pier", "berth", "anchorage", "terminal"}, 40
# Columns of the matrix of competing hypotheses: more do not fit a screen.
FINDINGS = 14


class PageError(LookupError):
    """There is nothing under this name; the message is safe to show."""


@dataclass(frozen=True)
class Page:
    """One page. `listed` pages stand in the menu, under `group`; `asks` are the query parameters it reads;
    pages that show more than the tables are not `kept`."""

    name: str
    title: str
    group: str
    template: str
    data: Callable[[State, str, Query], Row]
    doc: str
    listed: bool = True
    asks: tuple[str, ...] = ()
    needs_item: bool = False
    kept: bool = True


# --- see --------------------------------------------------------------------------------


def overview(state: State, item: str, query: Query) -> Row:
    """The answer: figures, judgements, redlines, checks that failed."""
    head = state.headline
    figures = [{"name": n, "words": WORDS[n], **head[n]} for n in WORDS if n in head]
    study = _study(state)
    return {
        "question": study.case.settings.case.question,
        "question_ko": study.case.settings.case.question_ko,
        "figures": figures,
        "groups": _judged(study, head["trades"]),
        "redlines": _rows(study, "redlines"),
        "balance": _headline_balance(study),
        "failed_checks": _checks_in_korean(study, head["failed_checks"]),
        "left_out": head["left_out"],
        "inventory": study.case.inventory(),
        "warnings": list(study.case.warnings),
        "seconds": state.seconds,
    }


def _judged(study: Study, judgements: dict[str, Row]) -> list[Row]:
    """The judgements of the answer under the headings of what they judge."""
    about = {r["trade"]: r for r in _rows(study, "trades")}
    return [
        {"title": title, "trades": [{"trade": k, "label": about[k]["label"], "label_ko": about[k]["label_ko"], **v} for k, v in judgements.items() if k in about and about[k]["kind"] == kind]}
        for kind, title in GROUPS
    ]  # fmt: skip


def _headline_balance(study: Study) -> list[Row]:
    """What is owed, month by month, on the basis of the headline."""
    basis = study.case.prices.headline_basis if study.case.prices else ""
    return [
        r | {"label": say(r["basis"]), "label_ko": in_language(say(r["basis"]), "ko")}
        for r in _rows(study, "balance")
        if r["basis"] == basis
    ]


def map_page(state: State, item: str, query: Query) -> Row:
    """Places, sightings as columns, voyages; times in days since the period began."""
    study = _study(state)
    start, end = study.case.settings.period
    places = {p["place"]: p for p in _rows(study, "places") if p["lat"] is not None}
    table = study.table("sightings")
    columns, texts, unplaced = sighting_columns(table, places, start, local_hours(study))
    days = (end - start).days
    seen = Counter(columns["place"]["words"][c] for c in columns["place"]["codes"])
    voyages = []
    for v in _rows(study, "voyage_windows"):
        ends = [places.get(v["origin"]), places.get(v["destination"])]
        when = v["departed_after"] or v["arrived_after"] or v["arrived_before"]
        if all(ends) and when is not None:
            line = [[e["lon"], e["lat"]] for e in ends if e]
            told = {k: v[k] for k in ("ship", "origin", "destination", "probability")}
            voyages.append({"line": line, "day": (when.date() - start).days, "date": when.date().isoformat(), "why": v["evidence_id"], **told})  # fmt: skip
    ports = Counter(v[k] for v in voyages for k in ("origin", "destination"))
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "days": days,
        "places": [
            {
                "place": p["place"], "kind": p["kind"], "lon": p["lon"], "lat": p["lat"], "why": p["evidence_id"],
                "sightings": seen[p["place"]], "voyages": ports[p["place"]],
            }
            for p in places.values()
        ],
        "sightings": columns,
        "texts": texts,
        "voyages": voyages,
        "unplaced": unplaced,
        "outside": sum(not 0 <= d <= days for d in columns["day"]),
    }  # fmt: skip


def local_hours(study: Study) -> dict[str, float]:
    """Hours that local time is ahead of UTC, by place."""
    return {p.place: p.utc_offset_hours or 0.0 for p in study.case.places}


def local_days(study: Study) -> Callable[[str | None, dt.datetime], dt.date]:
    """The day of an instant where it was seen: a local day of the case begins on the day before in UTC."""
    hours = local_hours(study)

    def day(place: str | None, at: dt.datetime) -> dt.date:
        return (at + dt.timedelta(hours=hours.get(place or "", 0.0))).date()

    return day


def sighting_columns(
    table: pa.Table, places: dict[str, Row], start: dt.date, hours: dict[str, float]
) -> tuple[Row, dict[str, str], int]:
    """Sightings as columns for the map; their texts where they are few; how many have no position.

    A sighting without a position of its own stands at its place; `hours` are the offsets of local time from UTC by
    place. Columns, not one object a row: 100,000 sightings travel in a tenth of the bytes.
    """
    codes = {n: table[n].combine_chunks().cast(pa.string()).fill_null("").dictionary_encode() for n in ("what", "place", "vessel")}  # fmt: skip
    words = {n: c.dictionary.to_pylist() for n, c in codes.items()}
    index = {n: c.indices.to_numpy(zero_copy_only=False) for n, c in codes.items()}

    def placed(name: str) -> np.ndarray:
        own = table[name].to_numpy().astype(float)
        home = np.array([places.get(w, {}).get(name, math.nan) for w in words["place"]], dtype=float)
        return np.round(np.where(np.isnan(own), home[index["place"]] if len(home) else own, own), 5)

    lon, lat = placed("lon"), placed("lat")
    kept = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat))
    local = day_numbers(table, start, hours)
    why = table["evidence_id"].to_numpy()[kept].tolist()
    columns: Row = {
        "lon": lon[kept].tolist(),
        "lat": lat[kept].tolist(),
        "day": local[kept].tolist(),
        "why": why,
        **{n: {"words": words[n], "codes": index[n][kept].tolist()} for n in codes},
    }
    texts = {}
    if len(kept) <= MAP_TEXTS:
        said = table["text"].to_pylist()
        texts = {w: said[i] for w, i in zip(why, kept, strict=True) if said[i]}
    return columns, texts, table.num_rows - len(kept)


def day_numbers(table: pa.Table, start: dt.date, hours: dict[str, float]) -> np.ndarray:
    """The local day of each row's `start` at its `place`, as days since `start`."""
    place = table["place"].combine_chunks().cast(pa.string()).fill_null("").dictionary_encode()
    offset = np.array([hours.get(w, 0.0) * 3600e6 for w in place.dictionary.to_pylist()] or [0.0]).astype(np.int64)
    at = table["start"].cast(pa.int64()).to_numpy()
    days: np.ndarray = (at + offset[place.indices.to_numpy()]) // DAY_US - (start - dt.date(1970, 1, 1)).days
    return days


def coast(state: State) -> Row:
    """Land as GeoJSON polygons: a coarse world, `part` far; Natural Earth for the whole route, `part` land, in a window
    (`part` near) that hides the coarse world there; and around ports OpenStreetMap's coastline, `part` detail, in windows (`part` window) that hide the coarse land there.

    The detail comes with the imagery extra; without it the map is coarse, and `credit` says so.
    """
    from tumen.brief.figures.land import land, outline

    placed = [p for p in _rows(_study(state), "places") if p["lat"] is not None]
    lon, lat = [p["lon"] for p in placed] or [0.0], [p["lat"] for p in placed] or [0.0]
    window = (max(min(lon) - 15, -180), max(min(lat) - 10, -85), min(max(lon) + 15, 180), min(max(lat) + 10, 85))
    west, south, east, north = window
    frame = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    features = [_feature("far", [ring], 1) for ring in outline()] + [_feature("near", [frame], 3)]
    features += [_feature("land", [ring], 3) for ring in land(*window)]
    detail = _detail([p for p in placed if p["kind"] in NEAR_COAST][:WINDOWS])
    credit = "Land: Natural Earth, public domain, good to about 200 m"
    if detail:
        credit += "; around ports © OpenStreetMap contributors (ODbL)"
    return {"type": "FeatureCollection", "features": features + detail, "credit": credit}


def _detail(places: list[Row]) -> list[Row]:
    """OpenStreetMap's land around places, or nothing where the library that carries it is not installed."""
    try:
        import shapely

        from tumen.imagery.faults import SceneFault
        from tumen.imagery.land import Land

        source = Land()
        source.polygons(0.0, 0.0, 0.001, 0.001)
    except (ImportError, OSError, SceneFault):
        return []
    boxes = [shapely.box(p["lon"] - 0.4, p["lat"] - 0.28, p["lon"] + 0.4, p["lat"] + 0.28) for p in places]
    features: list[Row] = []
    whole = shapely.union_all(boxes) if boxes else None
    for part in getattr(whole, "geoms", [whole] if whole is not None else []):
        features.append(_feature("window", [part.exterior.coords], 4))
        for shape in source.polygons(*part.bounds):
            inside = shapely.intersection(shapely.make_valid(shapely.simplify(shape, 0.00005)), part)
            for one in getattr(inside, "geoms", [inside]):
                if one.geom_type == "Polygon" and not one.is_empty:
                    features.append(_feature("detail", [one.exterior.coords, *(r.coords for r in one.interiors)], 5))
                    edge = shapely.difference(one.boundary, shapely.buffer(part.boundary, 1e-5))
                    features += [_shore(line.coords) for line in getattr(edge, "geoms", [edge]) if not line.is_empty]
    return features


def _shore(line: Iterable[Any]) -> Row:
    """The edge of detailed land where it meets the sea, not where its window ends."""
    points = [[round(float(x), 5), round(float(y), 5)] for x, y in line]
    return {
        "type": "Feature",
        "properties": {"part": "shore"},
        "geometry": {"type": "LineString", "coordinates": points},
    }


def _feature(part: str, rings: Iterable[Any], digits: int) -> Row:
    lines = [[[round(float(x), digits), round(float(y), digits)] for x, y in ring] for ring in rings]
    for ring in lines:  # as GeoJSON asks (RFC 7946, 3.1.6); an open one is cut off at the edge of a tile
        if ring[0] != ring[-1]:
            ring.append(ring[0])
    return {"type": "Feature", "properties": {"part": part}, "geometry": {"type": "Polygon", "coordinates": lines}}


def timeline(state: State, item: str, query: Query) -> Row:
    """Every look by day and place, and visits by month, seen and unseen."""
    study = _study(state)
    looks, day = [], local_days(study)
    for r in _rows(study, "looks"):
        cloud = r["usable_share"] < 0.2
        kind = (
            "cloud"
            if cloud
            else "ship"
            if r["vessel_present"]
            else "empty"
            if r["vessel_present"] is False
            else "other"
        )
        looks.append({"date": day(r["place"], r["start"]).isoformat(), "kind": kind, "why": r["evidence_id"], **{k: r[k] for k in ("place", "berth", "vessel", "collector", "note", "usable_share", "look_id")}})  # fmt: skip
    places = sorted({r["place"] for r in looks})
    start, end = study.case.settings.period
    return {
        "start": start.isoformat(), "end": end.isoformat(), "looks": looks, "places": places,
        "months": _visits_by_month(study), "events": _events(study),
    }  # fmt: skip


def _events(study: Study) -> list[Row]:
    """Sightings, publications of claims and indicators by day: what else the timeline shows."""
    said = {c.id: f"{c.origin_group}: {c.label}" for c in study.case.claims}
    korean = {c.evidence_id: f"{c.origin_group}: {c.label_ko}" for c in study.case.claims if c.label_ko}
    korean |= {r.evidence_id: r.text_ko for r in study.case.sightings if r.text_ko}
    korean |= {r.evidence_id: r.text_ko for r in study.case.indicators if r.text_ko}
    found = _sighted(study)
    for r in _rows(study, "claims"):
        if r["published"] is not None:
            found.append(("claim", r["published"], str(said.get(r["claim_id"], r["origin_group"])), r["evidence_id"]))  # fmt: skip
    found += [("indicator", r["event_date"], r["text"], r["evidence_id"]) for r in _rows(study, "indicators")]
    return [
        {"kind": k, "date": d.isoformat(), "text": t, "text_ko": korean.get(w or ""), "why": w}
        for k, d, t, w in sorted(found, key=lambda f: f[1])
    ]


def _sighted(study: Study) -> list[tuple[str, dt.date, str, str | None]]:
    """Sightings by local day; where they are too many to tell apart, the number of each day."""
    table, day = study.table("sightings"), local_days(study)
    names = ("place", "start", "text", "evidence_id")
    if table.num_rows <= TICKS:
        rows = zip(*(table[n].to_pylist() for n in names), strict=True)
        return [("sighting", day(place, at), text, why) for place, at, text, why in rows]
    days, numbers = np.unique(day_numbers(table, dt.date(1970, 1, 1), local_hours(study)), return_counts=True)
    first = dt.date(1970, 1, 1)
    return [("sighting", first + dt.timedelta(days=int(d)), f"{n} sightings", None) for d, n in zip(days, numbers, strict=True)]  # fmt: skip


def _visits_by_month(study: Study) -> list[Row]:
    totals: dict[tuple[str, str], Row] = {}
    for column in ("seen", "unseen"):
        array, groups = matrix(study.table("visits"), column, ["place", "month"])
        for g, (place, month) in enumerate(groups):
            row = totals.setdefault((str(place), str(month)), {"place": str(place), "month": str(month)})
            row[column] = summary(array[:, g])._asdict()
    why = study.computation_of("visits")
    return [r | {"why": why} for r in totals.values()]


def images(state: State, item: str, query: Query) -> Row:
    """The case's own scenes, what was found in them, and their chips; with an item, one scene to look into."""
    study = _study(state)
    scenes = [r | {"why": r["evidence_id"]} for r in _rows(study, "scenes")]
    found = _rows(study, "detections")
    chips = [{k: v for k, v in c.items() if not isinstance(v, bytes)} for c in _rows(study, "chips")]
    for r in scenes:
        r["ships"] = sum(d["scene_id"] == r["scene_id"] for d in found)
        r.pop("wkt", None)
    if not item:
        about = {d["chip_id"]: d for d in found}
        for c in chips:
            told = about.get(c["chip_id"], {})
            c |= {k: told.get(k) for k in ("time", "place", "length_m", "probability")}
        return {"scenes": scenes, "chips": chips, "scene": None}
    scene = next((r for r in scenes if r["evidence_id"] == item), None)
    if scene is None:
        raise PageError("there is no such scene in the case as it stands now")
    mine = [d for d in found if d["scene_id"] == scene["scene_id"]]
    states = [r for r in _rows(study, "berth_states") if r["scene_id"] == scene["scene_id"]]
    return {"scenes": [], "chips": [c for c in chips if c["scene_id"] == scene["scene_id"]], "scene": scene, "detections": mine, "berths": states, "local": _local(study, scene)}  # fmt: skip


def _local(study: Study, scene: Row) -> Row:
    """Day and hour of a scene at each place of the case, as looks and sightings are dated."""
    if scene["start"] is None:
        return {}
    made = {}
    for p in study.case.places:
        at = scene["start"] + dt.timedelta(hours=p.utc_offset_hours or 0.0)
        made[p.place] = {"date": at.date().isoformat(), "time": at.strftime("%H:%M")}
    return made


def sources(state: State, item: str, query: Query) -> Row:
    """Sources with their grades, and how many records lean on each."""
    study = _study(state)
    used: dict[str, int] = {}
    for record in study.case.evidence():
        if record.kind != "sources":
            for source in record.source_ids:
                used[source] = used.get(source, 0) + 1
    rows = [
        r | {"records": used.get(r["source_id"], 0), "why": f"source:{r['source_id']}"} for r in _rows(study, "sources")
    ]
    return {"rows": rows}


def claims(state: State, item: str, query: Query) -> Row:
    """Each published claim beside what Tumen holds for the same thing."""
    study = _study(state)
    return {"rows": _rows(study, "claims_compared"), "origins": _rows(study, "origins")}


# --- count, weigh, account --------------------------------------------------------------


def visits(state: State, item: str, query: Query) -> Row:
    """Visits by month and place, voyages tied down by evidence, arrival rates."""
    study = _study(state)
    return {
        "months": _visits_by_month(study),
        "voyages": _rows(study, "voyage_windows"),
        "rates": _rows(study, "rates"),
        "diagnostics": _checks_in_korean(study, _rows(study, "diagnostics")),
    }


def _checks_in_korean(study: Study, rows: list[Row]) -> list[Row]:
    """Checks with their plain words in Korean beside those of the step, as the brief tells them."""
    from tumen.brief.clash import clash
    from tumen.brief.desk import subject
    from tumen.brief.sections.checks import check_words
    from tumen.brief.told import Told
    from tumen.brief.words import Words

    words, case = Words("ko"), subject(study.case, "ko")
    told = Told(words, case)
    made = []
    for row in rows:
        known = check_words(row["name"])
        more: Row = {"name_ko": None, "text_ko": None}
        if known:
            key, about, unit = known
            places = {"subject": told.subject(about)}
            for name in ("value", "limit"):
                if row.get(name) is not None:
                    places[name] = words.amount(row[name], unit)
            more["name_ko"] = words.text(f"check.{key}.name", **places)
            if "value" in places:
                plain = words.text(f"check.{key}.text", **({"limit": ""} | places))
                more["text_ko"] = f"{plain} {clash(words, case, str(row['text'] or ''))}".rstrip()
        made.append(row | more)
    return made


def cargo(state: State, item: str, query: Query) -> Row:
    """Loads, rounds by kind, what the spread comes from, and knobs on the priors."""
    from tumen.web.knobs import knobs

    study = _study(state)
    totals = _cargo_totals(study)
    return {
        "loads": _rows(study, "loads"),
        "boxes": _rows(study, "box_rounds"),
        "sensitivity": _rows(study, "sensitivity"),
        "streams": [ALL, *sorted({r["stream"] for r in totals} - {ALL}, reverse=True)],
        "totals": totals,
        "knobs": knobs(study.case),
    }


def _cargo_totals(study: Study) -> list[Row]:
    """What left of each commodity, by stream and together; `place` orders them for a reader."""
    array, groups = matrix(study.table("cargo"), "quantity", ["commodity", "stream"])
    why = study.computation_of("cargo")
    columns: dict[tuple[str, str], np.ndarray] = {}
    for g, (commodity, stream) in enumerate(groups):
        columns[str(commodity), str(stream)] = array[:, g]
        together = columns.get((str(commodity), ALL), 0.0)
        columns[str(commodity), ALL] = together + array[:, g]
    known = [*(c for c in NAMES if any(c == k for k, _ in columns)), *sorted({k for k, _ in columns} - set(NAMES))]
    return [
        {"commodity": c, "stream": s, "place": known.index(c), **summary(values)._asdict(), "why": why}
        for (c, s), values in sorted(columns.items(), key=lambda one: (known.index(one[0][0]), one[0][1] != ALL))
    ]


def account(state: State, item: str, query: Query) -> Row:
    """The two-way account on every value basis."""
    study = _study(state)
    names = ("balance", "entries", "flows", "valuations_compared", "variance_shares")
    basis = study.case.prices.headline_basis if study.case.prices else ""
    made: Row = {n: _rows(study, n) for n in names}
    for r in made["balance"]:
        r["label"], r["label_ko"] = say(r["basis"]), in_language(say(r["basis"]), "ko")
    notes = {r.id: r.note_ko for r in study.case.transfers}
    for r in made["entries"]:
        r["text_ko"] = notes.get(r["entry_id"])
    return made | {"headline_basis": basis}


def front(state: State, item: str, query: Query) -> Row:
    """The artillery balance week by week, with and without the shipments."""
    study = _study(state)
    return {n: _rows(study, n) for n in ("front", "front_answers", "front_checks")}


# --- judge, answer ----------------------------------------------------------------------


def trades(state: State, item: str, query: Query) -> Row:
    """The ways of repayment over time, what drives them, the matrix, what would turn them."""
    study = _study(state)
    rows = [{k: v for k, v in r.items() if k == "label_ko" or not k.endswith("_ko")} for r in _rows(study, "trades")]
    latest = {r["trade"]: r for r in rows}
    labels = {name: r["label"] for name, r in latest.items()}
    korean = {name: r["label_ko"] or r["label"] for name, r in latest.items()}
    groups = [
        {"kind": kind, "title": title, "trades": [r for r in latest.values() if r["kind"] == kind]}
        for kind, title in GROUPS
    ]
    drivers = _first(_rows(study, "drivers"), DRIVERS, lambda r: -abs(r["moved"] or 0.0))
    turns = _first(_rows(study, "devils_advocate"), TURNS, lambda r: r["rank"])
    for r in [*drivers, *turns]:
        r["label"], r["label_ko"] = labels.get(r["trade"], r["trade"]), korean.get(r["trade"])
    return {
        "trades": rows,
        "groups": [g for g in groups if g["trades"]],
        "drivers": drivers,
        "shown": DRIVERS,
        "turns": turns,
        "matrix": _matrix(_rows(study, "ach"), {r["indicator_id"]: r for r in _rows(study, "drivers")}, labels, korean),
        "collect": _rows(study, "collect"),
        "names": labels,
        "names_ko": korean,
    }


def _first(rows: list[Row], most: int, order: Callable[[Row], float]) -> list[Row]:
    """The first rows of each trade by an order, trades in the order in which they come."""
    by_trade: dict[str, list[Row]] = {}
    for r in rows:
        by_trade.setdefault(r["trade"], []).append(r)
    return [r for group in by_trade.values() for r in sorted(group, key=order)[:most]]


def _matrix(rows: list[Row], told: dict[str, Row], labels: dict[str, str], korean: dict[str, str]) -> Row:
    """Hypotheses by findings: the findings with the most weight, those that speak at all first."""
    weight: dict[str, float] = {}
    why: dict[str, str] = {}
    for r in rows:
        speaks = r["cell"] not in ("N", "")
        weight[r["indicator_id"]] = max(weight.get(r["indicator_id"], 0.0), (r["weight"] or 0.0) + 100.0 * speaks)
        why.setdefault(r["indicator_id"], r["evidence_id"])
        if speaks:
            why[r["indicator_id"]] = r["evidence_id"]
    found = sorted(weight, key=lambda i: -weight[i])[:FINDINGS]
    cells = {(r["trade"], r["indicator_id"]): r["cell"] for r in rows}
    return {
        "findings": [
            {
                "indicator_id": i,
                "text": told.get(i, {}).get("text") or i.replace("-", " "),
                "text_ko": told.get(i, {}).get("text_ko"),
                "why": why[i],
            }
            for i in found
        ],
        "rows": [
            {
                "trade": t,
                "label": labels.get(t, t),
                "label_ko": korean.get(t),
                "cells": [cells.get((t, i), "") for i in found],
            }
            for t in dict.fromkeys(r["trade"] for r in rows)
        ],
    }


def redlines(state: State, item: str, query: Query) -> Row:
    """Redlines, cards, packages, and which trade no card answers."""
    study = _study(state)
    names = ("redlines", "options", "packages", "frontier", "coverage", "collect")
    made: Row = {n: _rows(study, n) for n in names if n in study.names()}
    named = [(r["trade"], r) for r in _rows(study, "trades")] + [(r["option"], r) for r in made["options"]]
    named += [(r["package"], r) for r in made.get("packages", [])]
    made["names"] = {name: r["label"] for name, r in named}
    return made | {"names_ko": {name: r["label_ko"] or r["label"] for name, r in named}}


def whatif(state: State, item: str, query: Query) -> Row:
    """Suppositions, what may be supposed, and what was kept."""
    from tumen.web import whatif as asked

    _study(state)
    return asked.page(state, query.get("s", ""), query.get("find", ""))


def network(state: State, item: str, query: Query) -> Row:
    """How the judgements hang together: restraints and the balance, ways and wholes, and whose findings bear on each."""
    study = _study(state)
    written = study.case.trades
    latest = {r["trade"]: r for r in _rows(study, "trades")}
    if written is None:
        return {"nodes": [], "links": [], "origins": []}
    nodes: list[Row] = [{"name": "owed", "kind": "balance", "label": "What is owed", "probability": None, "why": study.computation_of("balance")}]  # fmt: skip
    for name, r in latest.items():
        told = written.hypotheses.get(name)
        kind = "restraint" if name in written.restraints else "whole" if told and (told.any_of or told.base) else "way"
        nodes.append({"name": name, "kind": kind, "label": r["label"], "label_ko": r["label_ko"], "why": r["evidence_id"], **{k: r[k] for k in ("probability", "low90", "high90", "word", "word_ko")}})  # fmt: skip
    links: list[Row] = []
    for name, told in written.hypotheses.items():
        links += [{"from": held, "to": name, "kind": "holds back"} for held in told.restrained_by]
        links += [{"from": part, "to": name, "kind": "is a part of"} for part in told.any_of]
        links += [{"from": way, "to": name, "kind": "settles"} for way in told.settled_by]
        if told.raised_by_balance or told.base:
            links.append({"from": "owed", "to": name, "kind": "raises"})
    tally: dict[tuple[str, str], Row] = {}
    for r in _rows(study, "indicators"):
        if r["repeats"] is None and r["direction"] != "neutral":
            row = tally.setdefault((r["origin_group"], r["trade"]), {"from": r["origin_group"], "to": r["trade"], "supports": 0, "contradicts": 0, "findings": []})  # fmt: skip
            row[r["direction"]] += 1
            row["findings"].append({"text": r["text"], "date": r["event_date"].isoformat(), "why": r["evidence_id"]})
    return {"nodes": nodes, "links": links, "origins": list(tally.values())}


# --- everywhere -------------------------------------------------------------------------


def why(state: State, item: str, query: Query) -> Row:
    """The tree from a figure or row down to its documents, and what may be done with the row."""
    study = _study(state)
    if not item:
        raise PageError("why: name a figure or an evidence id")
    try:
        node = study.why(item)
    except UnknownEvidence as error:
        raise PageError(f"'{item[:80]}' is no figure, row or record of this case") from error
    graded = []
    for name in sorted(study.evidence.sources_under(node.id)):
        source = study.evidence.get(f"source:{name}")
        if source is not None:
            graded.append({"source_id": name, "label": source.label, "grade": source.grade, "where": source.where, "url": source.url})  # fmt: skip
    graded.sort(key=lambda s: s["grade"])
    return {
        "id": node.id, "kind": node.kind, "label": node.label, "where": node.where,
        "tree": tree_data(study.evidence, node, "full" in query), "detail": node.detail, "sources": graded,
        "grades": dict(Counter(s["grade"][:1] for s in graded)), **_doable(study, node.id),
    }  # fmt: skip


def _doable(study: Study, evidence_id: str) -> Row:
    """How a row of the case is changed by form, and what may be supposed of it."""
    from tumen.web.edit import KIND_OF
    from tumen.web.whatif import described

    if evidence_id.startswith("source:"):
        name = evidence_id.removeprefix("source:")
        return {"edit": f"/edit/source/{name}", "suppose": [{"item": f"source:{name}", "words": "this source is not believed"}]}  # fmt: skip
    for kind, record in study.case.records():
        if record.evidence_id != evidence_id:
            continue
        told = described(study.case, kind, record)
        can = [("off", f"off:{evidence_id}", "it is withdrawn"), ("not", f"not:{evidence_id}", "it did not happen"), ("origin", f"origin:{told['origin']}", f"nothing of {told['origin']} is believed")]  # fmt: skip
        own = getattr(record, "id", None)
        return {
            "edit": f"/edit/{KIND_OF[kind]}/{own}" if kind in KIND_OF and own else None,
            "suppose": [{"item": i, "words": w} for key, i, w in can if told[key]],
        }
    return {"edit": None, "suppose": []}


def table(state: State, item: str, query: Query) -> Row:
    """Any table of the chain, a page of rows at a time; draws are summarised."""
    study = _study(state)
    if not item:
        docs = [{"name": n, "doc": TABLES[n].doc if n in TABLES else ""} for n in study.names()]
        return {"tables": docs, "name": "", "rows": [], "columns": [], "total": 0, "offset": 0, "doc": ""}
    if item not in study.names():
        raise PageError(f"there is no table '{item[:60]}'")
    made = summarised(item, study.table(item))
    made = made.drop_columns([c for c in ("parents",) if c in made.column_names])
    offset = _number(query.get("offset", "0"), made.num_rows)
    rows = made.slice(offset, ROWS).to_pylist()
    doc = TABLES[item].doc if item in TABLES else ""
    return {
        "tables": [], "name": item, "doc": doc, "columns": made.column_names, "rows": rows, "total": made.num_rows,
        "offset": offset,
    }  # fmt: skip


def as_csv(study: Study, name: str) -> str:
    """A table as CSV, draws summarised, as `tumen show` writes it. A cell that a spreadsheet would take for a formula
    is led by an apostrophe."""
    import csv
    import io

    made = summarised(name, study.table(name))
    made = made.select([f.name for f in made.schema if not pa.types.is_binary(f.type)])
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(made.column_names)
    for row in made.to_pylist():
        writer.writerow([_cell(v) for v in row.values()])
    return sink.getvalue()


def _cell(value: Any) -> Any:
    text = "; ".join(map(str, value)) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and text[:1] in "=+-@\t\r" and text else text


def search(state: State, item: str, query: Query) -> Row:
    """What holds every word of the query: figures, records of the case, rows that were computed, terms, pages."""
    study = _study(state)
    words = query.get("q", "")[:200].lower().split()
    if not words:
        return {"q": "", "hits": [], "more": False}
    hits: list[Row] = []
    for found in _searched(study):
        if all(w in found["text"] for w in words):
            near = sum(w in found["label"].lower() for w in words)
            hits.append({k: found[k] for k in ("kind", "label", "where", "address")} | {"near": near})
    hits.sort(key=lambda h: -h.pop("near"))
    return {"q": " ".join(words), "hits": hits[:HITS], "more": len(hits) > HITS, "total": len(hits)}


def _searched(study: Study) -> Iterator[Row]:
    """Everything that can be found, with the text that is looked through and the address that it leads to."""
    for page in PAGES:
        if page.listed:
            yield {"kind": "page", "label": page.title, "where": page.doc, "address": "/" if page.name == "overview" else f"/{page.name}", "text": f"{page.title} {page.doc}".lower()}  # fmt: skip
    for name, words in WORDS.items():
        yield {"kind": "figure", "label": words, "where": "headline", "address": f"/why/{name}", "text": f"{name} {words}".lower()}  # fmt: skip
    seen = set()
    for record in study.case.evidence():
        seen.add(record.evidence_id)
        text = f"{record.label} {' '.join(str(v) for v in record.content.values())} {record.file}"
        address = f"/why/source:{record.source_ids[0]}" if record.kind == "sources" and record.source_ids else f"/why/{record.evidence_id}"  # fmt: skip
        yield {"kind": record.kind, "label": record.label, "where": f"{record.file}:{record.line}", "address": address, "text": text.lower()}  # fmt: skip
    for name in study.names():
        declared = TABLES.get(name)
        if declared is None or declared.draws or "evidence_id" not in declared.schema.names or name in ("sources", "headline"):  # fmt: skip
            continue
        for row in _rows(study, name):
            if row["evidence_id"] and row["evidence_id"] not in seen:
                told = [str(v) for k, v in row.items() if isinstance(v, str) and k != "evidence_id"]
                label = row.get("text") or row.get("label") or ", ".join(str(row[k]) for k in declared.key if row.get(k) is not None)  # fmt: skip
                yield {"kind": name, "label": str(label), "where": f"table {name}", "address": f"/why/{row['evidence_id']}", "text": " ".join([*told, name]).lower()}  # fmt: skip


# --- what pages share ---------------------------------------------------------------------


def _study(state: State) -> Study:
    if state.study is None:
        raise PageError("the case is still being computed")
    return state.study


def _rows(study: Study, name: str) -> list[Row]:
    made: pa.Table = study.table(name)
    if "parents" in made.column_names:
        made = made.drop_columns(["parents"])
    if any(pa.types.is_binary(f.type) or pa.types.is_large_binary(f.type) for f in made.schema):
        made = made.select([f.name for f in made.schema if not pa.types.is_binary(f.type)])
    return made.to_pylist()


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise PageError("offset: expected a whole number")
    return min(int(text), max(most - 1, 0))


PAGES: tuple[Page, ...] = (
    Page("overview", "Overview", "", "overview.html", overview, "the answer in figures, judgements and redlines"),
    Page("map", "Map", "See", "map.html", map_page, "places, sightings and voyages as GeoJSON"),
    Page("timeline", "Timeline", "See", "timeline.html", timeline, "looks by day, visits by month"),
    Page("images", "Images", "See", "images.html", images, "image chips"),
    Page("sources", "Sources", "See", "sources.html", sources, "sources with grades"),
    Page("visits", "Visits", "Count", "visits.html", visits, "visits, voyages, rates"),
    Page("claims", "Claims", "Weigh", "claims.html", claims, "claims beside the estimate"),
    Page("cargo", "Cargo", "Weigh", "cargo.html", cargo, "loads, rounds, knobs"),
    Page("account", "Account", "Account", "account.html", account, "the two-way account"),
    Page("front", "Front", "Account", "front.html", front, "the artillery balance"),
    Page("trades", "Trades", "Judge", "trades.html", trades, "ways of repayment"),
    Page(
        "network",
        "Network",
        "Judge",
        "network.html",
        network,
        "how the judgements hang together, and whose findings bear on them",
    ),
    Page("redlines", "Answers", "Judge", "redlines.html", redlines, "redlines, cards, packages"),
    Page(
        "whatif",
        "What if",
        "Judge",
        "whatif.html",
        whatif,
        "suppositions (?s=off:ID ...), and what may be supposed",
        asks=("s", "find"),
        kept=False,
    ),
    Page("why", "Why", "", "why.html", why, "the evidence tree of a figure; /why/NAME.json", False, ("full",), True),
    Page("table", "Tables", "Data", "table.html", table, "any table; /table/NAME.json", asks=("offset",)),
    Page("search", "Search", "Data", "search.html", search, "records that hold every word of ?q=", asks=("q",)),
)
