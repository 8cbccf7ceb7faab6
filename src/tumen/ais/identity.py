"""Who a vessel said it was, when it changed, and which hull went under several numbers.

Takes the identity messages of one bucket (equal ones already run together); gives the time-bounded
identity table, changes of identity and changes of draught. A value sent only once between two equal
ones is a transmission error and is passed over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from tumen.ais.fields import NO_TIME
from tumen.ais.flags import imo_valid, kind_and_flag
from tumen.ais.rows import Statics
from tumen.ais.settings import EventSettings

INLAND = 8
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def utc(us: int) -> dt.datetime | None:
    """Microseconds as a time, null as None."""
    return None if us == NO_TIME else EPOCH + dt.timedelta(microseconds=int(us))


@dataclass(frozen=True)
class Run:
    """One value of one field over an unbroken time."""

    value: Any
    first: int
    last: int
    count: int


def _text(cell: Any) -> str | None:
    raw = bytes(cell).rstrip(b"\0 ")
    return raw.decode("utf-8", "replace").strip() or None if raw else None


def messages(statics: Statics) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Messages by vessel (ascending), in time order, as plain values."""
    import numpy as np

    order = np.lexsort((np.arange(len(statics)), statics.t, statics.vessel))
    vessel: int | None = None
    group: list[dict[str, Any]] = []
    for k in order.tolist():
        if statics.vessel[k] != vessel:
            if vessel is not None:
                yield vessel, _one_size(group)
            vessel, group = int(statics.vessel[k]), []
        bow, stern, port, starboard = (float(v) for v in statics.sides[k])
        imo = int(statics.imo[k])
        kind = int(statics.ship_type[k])
        draught = float(statics.draught[k])
        group.append(
            {
                "t": int(statics.t[k]),
                "last": int(statics.t_last[k]),
                "count": int(statics.count[k]),
                "kind": int(statics.kind[k]),
                "name": _text(statics.name[k]),
                "call_sign": _text(statics.call[k]),
                "imo": imo if imo > 0 else None,
                "ship_type": kind if kind > 0 else None,
                "size": (round(bow + stern), round(port + starboard))
                if bow + stern > 0 and bow >= 0 and stern >= 0
                else None,
                "draught": round(draught, 2) if draught == draught else None,
                "destination": _text(statics.destination[k]),
                "ident": _text(statics.ident[k]),
            }
        )
    if vessel is not None:
        yield vessel, _one_size(group)


def _one_size(group: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An inland vessel's own broadcast (type 8) tells her size to the decimetre: it counts where nothing else does."""
    if any(m["size"] and m["kind"] != INLAND for m in group):
        for message in group:
            if message["kind"] == INLAND:
                message["size"] = None
    return group


def runs(group: list[dict[str, Any]], field: str, flicker: bool = True) -> list[Run]:
    """Runs of equal values of one field; messages without the field say nothing about it."""
    out: list[Run] = []
    for message in group:
        value = message[field]
        if value is None:
            continue
        if out and out[-1].value == value:
            out[-1] = Run(value, out[-1].first, max(out[-1].last, message["last"]), out[-1].count + message["count"])
        else:
            out.append(Run(value, message["t"], message["last"], message["count"]))
    if not flicker:
        return out
    calm: list[Run] = []
    for k, run in enumerate(out):
        between = calm and k + 1 < len(out) and calm[-1].value == out[k + 1].value
        if between and run.count == 1:
            continue
        if calm and calm[-1].value == run.value:
            calm[-1] = Run(run.value, calm[-1].first, run.last, calm[-1].count + run.count)
        else:
            calm.append(run)
    return calm


_SAME_SHIP = ("name", "call_sign", "imo", "size", "ship_type")


def vessel_id(vessel: int, ident: str | None = None) -> str:
    """The identifier as people write it: an MMSI in nine digits where it is one."""
    if vessel < 0:
        return ident or f"x{-vessel:x}"
    return f"{vessel:09d}" if 1_000_000 <= vessel < 10**9 else str(vessel)


def shown(value: Any) -> str:
    """A field's value as text."""
    return f"{value[0]} x {value[1]} m" if isinstance(value, tuple) else str(value)


def identities(vessel: int, group: list[dict[str, Any]], settings: EventSettings) -> list[dict[str, Any]]:
    """Rows of the identity table for one vessel: a new row wherever name, call sign, IMO number or size changes."""
    held = {f: runs(group, f, settings.identity_flicker) for f in _SAME_SHIP}
    starts = sorted({r.first for f in ("name", "call_sign", "imo", "size") for r in held[f][1:]})
    edges = [group[0]["t"], *[s for s in starts if s > group[0]["t"]]]
    ident = next((m["ident"] for m in group if m["ident"]), None)
    kind, flag = kind_and_flag(vessel)
    rows = []
    for k, begin in enumerate(edges):
        stop = edges[k + 1] if k + 1 < len(edges) else 2**63 - 1
        inside = [m for m in group if begin <= m["t"] < stop]
        current = {f: next((r.value for r in reversed(held[f]) if r.first < stop), None) for f in _SAME_SHIP}
        if k == 0:
            # what a class B ship tells in its second part holds for the first as well
            current = {f: held[f][0].value if held[f] and held[f][0].first < stop else v for f, v in current.items()}
        size = current["size"] or (None, None)
        last = max((m["last"] for m in inside), default=begin)
        rows.append(
            {
                "vessel_id": vessel_id(vessel, ident),
                "first_seen": utc(begin),
                "last_seen": utc(min(last, stop - 1) if stop < 2**63 - 1 else last),
                "messages": sum(m["count"] for m in inside),
                "name": current["name"],
                "call_sign": current["call_sign"],
                "imo": str(current["imo"]) if current["imo"] else None,
                "imo_valid": imo_valid(current["imo"]) if current["imo"] else None,
                "flag": flag,
                "mmsi_kind": kind,
                "ship_type": current["ship_type"],
                "length_m": size[0] or None,
                "width_m": size[1] or None,
                "draught_m": next((m["draught"] for m in reversed(inside) if m["draught"]), None),
                "destination": next((m["destination"] for m in reversed(inside) if m["destination"]), None),
            }
        )
    return rows


def changes(vessel: int, group: list[dict[str, Any]], settings: EventSettings) -> list[dict[str, Any]]:
    """Rows of identity changes for one vessel. Confidence: 4 both values often told and the IMO number changed
    between valid ones; 3 both told at least three times; 2 otherwise; 1 a value told only once."""
    out = []
    for field in ("name", "call_sign", "imo", "size", "ship_type"):
        held = runs(group, field, settings.identity_flicker)
        for before, after in pairwise(held):
            if field == "ship_type" and before.value // 10 == after.value // 10:
                # the second digit tells hazardous cargo, which comes and goes
                continue
            least = min(before.count, after.count)
            strong = field == "imo" and imo_valid(before.value) and imo_valid(after.value)
            out.append(
                {
                    "vessel_id": vessel_id(vessel),
                    "field": field,
                    "before": shown(before.value),
                    "after": shown(after.value),
                    "last_before": utc(before.last),
                    "first_after": utc(after.first),
                    "messages_before": before.count,
                    "messages_after": after.count,
                    "confidence": 4 if strong and least >= 3 else 3 if least >= 3 else 2 if least == 2 else 1,
                }
            )
    return out


def hulls(vessel: int, group: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Valid IMO numbers that a vessel told, to find one hull under several MMSI."""
    return [
        {"imo": r.value, "vessel": vessel, "first": r.first, "last": r.last, "count": r.count}
        for r in runs(group, "imo")
        if imo_valid(r.value)
    ]


def reflagged(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Changes of MMSI, and of flag where that differs, of hulls told under several MMSI.

    Confidence 3 where the times do not overlap and each was told at least three times, else 2; 1 where they
    overlap by more than a day (a copied identity).
    """
    by_imo: dict[int, list[dict[str, Any]]] = {}
    for row in told:
        by_imo.setdefault(row["imo"], []).append(row)
    out = []
    for imo in sorted(by_imo):
        rows = sorted(by_imo[imo], key=lambda r: (r["first"], r["vessel"]))
        merged: list[dict[str, Any]] = []
        for row in rows:
            if merged and merged[-1]["vessel"] == row["vessel"]:
                merged[-1] = {
                    **merged[-1],
                    "last": max(merged[-1]["last"], row["last"]),
                    "count": merged[-1]["count"] + row["count"],
                }
            else:
                merged.append(dict(row))
        for before, after in pairwise(merged):
            overlap = before["last"] - after["first"] > 86_400_000_000
            least = min(before["count"], after["count"])
            base = {
                "vessel_id": vessel_id(after["vessel"]),
                "last_before": utc(before["last"]),
                "first_after": utc(after["first"]),
                "messages_before": before["count"],
                "messages_after": after["count"],
                "confidence": 1 if overlap else 3 if least >= 3 else 2,
            }
            out.append(
                {**base, "field": "mmsi", "before": vessel_id(before["vessel"]), "after": vessel_id(after["vessel"])}
            )
            flags = kind_and_flag(before["vessel"])[1], kind_and_flag(after["vessel"])[1]
            if flags[0] != flags[1] and all(flags):
                out.append({**base, "field": "flag", "before": flags[0], "after": flags[1]})
    return out


def draughts(vessel: int, group: list[dict[str, Any]], settings: EventSettings) -> list[dict[str, Any]]:
    """Rows of draught changes for one vessel (port visits are joined on later)."""
    held = runs(group, "draught", settings.identity_flicker)
    # several small corrections one after the other count from the value that stood first
    out = []
    base: Run | None = None
    for run in held:
        if base is None:
            base = run
            continue
        change = run.value - base.value
        if abs(change) >= settings.draught_change_m - 1e-9:
            least = min(base.count, run.count)
            out.append(
                {
                    "vessel_id": vessel_id(vessel),
                    "before_m": base.value,
                    "after_m": run.value,
                    "change_m": round(change, 2),
                    "last_before": utc(base.last),
                    "first_after": utc(run.first),
                    "confidence": 3 if least >= 3 else 2 if least == 2 else 1,
                }
            )
            base = run
        else:
            base = replace(base, last=run.last, count=base.count + run.count)
    return [row for row in out if row["last_before"] and row["first_after"]]
