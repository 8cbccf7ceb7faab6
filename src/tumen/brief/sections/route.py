"""The route: a map of ports, voyages and sightings, and the legs in numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tumen.brief.blocks import Block, Figure, Grid, Section, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.figures import route_map
from tumen.brief.sections.answer import place_name
from tumen.draws import matrix, summary


def route(desk: Desk) -> Section:
    """The map with its table of legs."""
    placed = [r for r in desk.rows("places") if r["lat"] is not None and r["lon"] is not None]
    if not placed:
        return desk.absent("map", "places")
    words = desk.words
    legs, rows = _legs(desk)
    title, alt = words.text("map.title"), words.text("map.alt")
    svg = route_map.draw("fig-map", title, alt, _spots(desk, placed), legs)
    blocks: list[Block] = [Figure("map", svg, title, words.say("map.caption"), alt, wide=True)]
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
        name = place_name(desk, row["place"])
        why = desk.trace.cite(row["evidence_id"], f"the place {row['place']}")
        tip = f"{name}: {seen[row['place']]} {desk.words.text('map.legend_sightings')}" if seen[row["place"]] else name
        spots.append(
            route_map.Spot(row["place"], name, row["lat"], row["lon"], row["role"], seen[row["place"]], why, tip)
        )
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
        end = words.text("map.unknown_port") if unknown else place_name(desk, b)
        label = words.text("evidence.sum_leg", origin=place_name(desk, a), destination=end)
        why = desk.trace.make(label, [maker])
        desk.trace.cite(why, f"voyages from {a} to {b}")
        number = words.number(stats.median, "", why, stats.low90, stats.high90)
        tip = words.text(
            "map.voyages", origin=place_name(desk, a), destination=end, n=f"{number.shown} ({number.interval})"
        )
        legs.append(route_map.Leg(a, b, stats.median, why, tip))
        rows.append(((Text(place_name(desk, a)),), (Text(end),), (number,)))
    return legs, rows
