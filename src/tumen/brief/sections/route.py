"""The route: a map of ports, voyages and sightings, and the legs in numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tumen.brief.blocks import Block, Figure, Grid, Section, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.figures import route_map
from tumen.draws import matrix, summary

# The map on paper leaves room on its page for the legs in numbers.
MAP_IN_PRINT = 0.92


def route(desk: Desk) -> Section:
    """The map with its table of legs."""
    placed = [r for r in desk.rows("places") if r["lat"] is not None and r["lon"] is not None]
    if not placed:
        return desk.absent("map", "places")
    words = desk.words
    legs, rows = _legs(desk)
    title, alt = words.text("map.title"), words.text("map.alt")
    keys = ("origin", "destination", "other", "sightings", "route")
    legend = {k: words.text(f"map.legend_{k}") for k in keys}
    names = route_map.Names(legend, lambda code: words.locale.territories.get(code, ""))
    svg = route_map.draw("fig-map", title, alt, _spots(desk, placed), legs, names)
    blocks: list[Block] = [Figure("map", svg, title, words.say("map.caption"), alt, True, MAP_IN_PRINT)]
    if rows:
        head = (words.text("map.from"), words.text("map.to"), words.text("map.number"))
        blocks.append(Grid(head, tuple(rows), words.text("map.table"), numeric=(2,), widths=(2, 2, 3)))
    return Section("map", words.text("section.map"), tuple(blocks))


def _spots(desk: Desk, placed: list[dict[str, Any]]) -> list[route_map.Spot]:
    seen = Counter(_port(desk, r["place"]) for r in desk.rows("sightings") if r["what"] != "nothing")
    if not seen:
        seen = Counter(_port(desk, r["place"]) for r in desk.rows("looks") if r["vessel_present"])
    spots: list[route_map.Spot] = []
    for row in placed:
        # A pier stands on its port: one mark for both.
        if row["part_of"] and any(s["place"] == row["part_of"] for s in placed) and row["kind"] in ("pier", "berth"):
            continue
        name = desk.place(row["place"])
        why = desk.trace.cite(row["evidence_id"], f"the place {row['place']}")
        found = seen[row["place"]]
        tip = desk.words.text("map.spot", place=name, n=str(found)) if found else name
        also = row["place"] if name != row["place"] else desk.about.places.get(row["place"], "")
        spots.append(route_map.Spot(row["place"], name, row["lat"], row["lon"], row["role"], found, why, tip, also))
    return spots


def _port(desk: Desk, place: str) -> str:
    """The port of a pier."""
    parents = {r["place"]: r["part_of"] for r in desk.rows("places")}
    while parents.get(place):
        place = parents[place]
    return place


def _legs(desk: Desk) -> tuple[list[route_map.Leg], list[tuple[Spans, ...]]]:
    table = desk.table("voyages")
    maker = desk.maker("voyages")
    if table is None:
        desk.missing.append(("map", "voyages"))
        return [], []
    amounts, groups = matrix(table, "voyages", ["origin", "destination"])
    words = desk.words
    legs: list[route_map.Leg] = []
    rows: list[tuple[Spans, ...]] = []
    found = sorted(((summary(amounts[:, i]), g) for i, g in enumerate(groups)), key=lambda f: -f[0].median)
    for stats, (origin, destination) in found:
        if stats.high90 < 0.5:
            continue
        a, b = str(origin), str(destination)
        unknown = b == "unknown"
        end = words.text("map.unknown_port") if unknown else desk.place(b)
        label = words.text("evidence.sum_leg", origin=desk.place(a), destination=end)
        why = desk.trace.make(label, [maker])
        desk.trace.cite(why, f"voyages from {a} to {b}")
        number = words.number(stats.median, "", why, stats.low90, stats.high90)
        tip = words.text("map.voyages", origin=desk.place(a), destination=end, n=f"{number.shown} ({number.interval})")
        shown = f"{number.shown} ({number.interval})" if number.interval else number.shown
        legs.append(route_map.Leg(a, b, stats.median, why, tip, shown))
        rows.append(((Text(desk.place(a)),), (Text(end),), (number,)))
    return legs, rows
