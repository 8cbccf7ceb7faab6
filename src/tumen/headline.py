"""The answer in figures: draws summed and summarised, once, at the very end.

Takes the draw tables of count, weigh, account and front; gives HEADLINE, and its plain-data
form, the stable face for machines.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen.draws import matrix, number, summary
from tumen.tables import HEADLINE

Tables = dict[str, pa.Table]

FIGURES = (
    "visits", "voyages", "containers", "rounds", "value_usd", "returned_usd", "owed_usd", "share_of_russian_fire",
)  # fmt: skip


def headline(
    tables: Tables, origins: Iterable[str], basis: str, as_of: dt.date, made_by: dict[str, str],
    period: tuple[dt.date, dt.date],
) -> pa.Table:  # fmt: skip
    """Build HEADLINE.

    `tables` holds the draw tables visits, voyages, cargo, account_totals, front_totals;
    `origins` are the ports of loading; `basis` is the value basis of the headline; `made_by`
    gives for each table the evidence id of the computation that made it; `period` is the first and last
    day that the flow is counted for, often earlier than `as_of`. A figure whose draws
    are empty (no front in the case) is left out; so is every value where `basis` is empty.
    """
    visits = _at(tables["visits"], origins)
    seen, unseen = _total(visits, "seen"), _total(visits, "unseen")
    cargo = tables["cargo"]
    account = _where(tables["account_totals"], "basis", basis)
    fire = _where(tables["front_totals"], "answer", "share_of_russian_fire")
    missed = summary(unseen).median if len(unseen) else 0.0
    words = basis.replace("_", " ")
    span = f"{period[0]} to {period[1]}"
    found = {
        "visits": (seen + unseen, "visits", "visits", f"port visits at {', '.join(origins)}, {span}, of which about {missed:.0f} are in no published look"),
        "voyages": (_total(tables["voyages"], "voyages"), "voyages", "voyages", f"laden voyages on the route, {span}"),
        "containers": (_total(_where(cargo, "commodity", "containers"), "quantity"), "containers", "cargo", f"20-foot containers that left by sea and rail, {span}"),
        "rounds": (_total(_where(cargo, "commodity", "rounds"), "quantity"), "rounds", "cargo", f"artillery rounds and rockets that left, all calibres, {span}"),
        "value_usd": (_total(account, "value_usd"), "USD", "account_totals", f"worth of what was given, {words}, money of the day"),
        "returned_usd": (_total(account, "returned_usd"), "USD", "account_totals", f"worth of what was counted or claimed to come back, a floor, {words}"),
        "owed_usd": (_total(account, "owed_usd"), "USD", "account_totals", f"given less returned, {words}"),
        "share_of_russian_fire": (_total(fire, "value"), "share", "front_totals", "share of the rounds fired by Russian forces that came this way"),
    }  # fmt: skip
    rows = []
    for name in FIGURES:
        draws, unit, table, text = found[name]
        if not len(draws):
            continue
        median, low90, high90 = summary(draws)
        maker = made_by.get(table)
        rows.append(
            {
                "figure": name, "median": median, "low90": low90, "high90": high90, "unit": unit, "as_of": as_of,
                "why": maker or "", "text": text, "parents": [maker] if maker else None,
            }
        )  # fmt: skip
    return HEADLINE.build(rows)


def so_far(visits: pa.Table, cargo: pa.Table | None, origins: Iterable[str]) -> str:
    """Visits at the ports of loading, and rounds once `cargo` is there, each with its 90 % interval, in words."""
    at = _at(visits, origins)
    found = {"visits": _total(at, "seen") + _total(at, "unseen")}
    if cargo is not None:
        found["rounds"] = _total(_where(cargo, "commodity", "rounds"), "quantity")
    told = [(name, summary(draws)) for name, draws in found.items() if len(draws)]
    return ", ".join(f"{number(s.median)} {name} ({number(s.low90)} to {number(s.high90)})" for name, s in told)


def _at(visits: pa.Table, origins: Iterable[str]) -> pa.Table:
    return visits.filter(pc.is_in(visits.column("place").cast(pa.string()), pa.array(list(origins), pa.string())))


def _where(table: pa.Table, column: str, value: str) -> pa.Table:
    return table.filter(pc.equal(table.column(column).cast(pa.string()), value))


def _total(table: pa.Table, value: str) -> np.ndarray:
    if not table.num_rows:
        return np.empty(0)
    return matrix(table, value)[0][:, 0]


def as_data(
    tables: Tables, as_of: dt.date, simulated: bool = False, left_out: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The answer as plain data.

    Keys: each figure with median, low90, high90, unit, as_of, why; `trades` by name with
    probability, low90, high90, word, why; `redlines` and `options` as lists; `failed_checks`;
    `left_out`, the steps that the case lacks a file for, with the reason; `simulated`. `why` is an evidence id that `tumen why` resolves.
    """
    data: dict[str, Any] = {}
    for row in tables["headline"].to_pylist():
        data[row["figure"]] = {k: row[k] for k in ("median", "low90", "high90", "unit", "text")}
        data[row["figure"]] |= {"as_of": row["as_of"].isoformat(), "why": row["evidence_id"]}
    data["trades"] = {t: _judgement(row) for t, row in _latest(tables["trades"]).items()}
    data["redlines"] = [_open(r) for r in tables["redlines"].to_pylist()]
    data["options"] = [_open(r) for r in tables["options"].to_pylist()]
    failed = tables["diagnostics"].filter(pc.invert(tables["diagnostics"].column("passed")))
    data["failed_checks"] = [_open(r) for r in failed.to_pylist()]
    data["as_of"] = as_of.isoformat()
    data["left_out"] = dict(left_out or {})
    data["simulated"] = simulated
    return data


def _latest(trades: pa.Table) -> dict[str, dict[str, Any]]:
    rows = sorted(trades.to_pylist(), key=lambda r: r["date"])
    return {r["trade"]: r for r in rows}


def _judgement(row: dict[str, Any]) -> dict[str, Any]:
    keep = ("probability", "low90", "high90", "word", "text")
    return {k: row[k] for k in keep} | {"as_of": row["date"].isoformat(), "why": row["evidence_id"]}


def _open(row: dict[str, Any]) -> dict[str, Any]:
    out = {k: v for k, v in row.items() if k not in ("evidence_id", "parents")}
    return {k: v.isoformat() if isinstance(v, dt.date) else v for k, v in out.items()} | {
        "evidence_id": row["evidence_id"]
    }
