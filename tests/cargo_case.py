"""A small cargo case that can be worked out by hand: one hull, one munition, priors without spread."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen import tables
from tumen.case.faults import Faults
from tumen.case.loading import Loading, Prior, read_loading
from tumen.case.record import Record

PERIOD = (dt.date(2024, 1, 1), dt.date(2024, 12, 31))
NAJIN = Path(__file__).resolve().parents[1] / "cases" / "najin"


def najin_loading() -> Loading:
    """The priors of the real case."""
    faults = Faults()
    made = read_loading(NAJIN, faults)
    faults.stop()
    assert made is not None
    return made


def prior(median: float, unit: str, low: float | None = None, high: float | None = None) -> Prior:
    """A prior; without bounds it has no spread."""
    return Prior(
        median=median, low=low or median, high=high or median, unit=unit, source="assumption", reason="made for a test"
    )


def pinned(value: Any) -> Any:
    """The same settings with every prior at its median."""
    if isinstance(value, Prior):
        return value.model_copy(update={"low": value.median, "high": value.median})
    if isinstance(value, Record):
        return value.model_copy(update={n: pinned(getattr(value, n)) for n in type(value).model_fields})
    if isinstance(value, dict):
        return {k: pinned(v) for k, v in value.items()}
    return value


def change(record: Any, **paths: Any) -> Any:
    """A copy with nested fields replaced: change(loading, box__payload_kg=...)."""
    for path, value in paths.items():
        head, _, rest = path.partition("__")
        new = change(getattr(record, head), **{rest: value}) if rest else value
        record = record.model_copy(update={head: new})
    return record


def plain() -> Loading:
    """100 boxes a voyage, 80 % with arms, 22 t and 23.24 m3 in a box, one shell of 55 kg and 0.04 m3; hardly any rail."""
    made = pinned(najin_loading())
    shell = next(iter(made.munition.values())).model_copy(
        update={"mass_kg": prior(55, "kg"), "volume_m3": prior(0.04, "m3")}
    )
    return change(
        made,
        load__boxes_per_voyage=prior(100, "boxes/voyage"),
        load__voyage_spread=0.0,
        load__phase_spread=0.0,
        rail__boxes_per_month=prior(0.001, "boxes/month"),
        rail__growth=prior(1, "factor/year"),
        rail__before=prior(0.001, "boxes/month"),
        rail__step_spread=0.0,
        box__payload_kg=prior(22_000, "kg"),
        box__volume_share=prior(0.7, "share"),
        box__arms_sea=prior(0.8, "share"),
        box__arms_rail=prior(0.8, "share"),
        munition={"rounds_152": shell},
        claims__capacity={"capacity_152": "rounds_152"},
        claims__items={"152 mm": "rounds_152"},
    )


def vessels(**more: Any) -> pa.Table:
    """Angara, 120 m and 7,300 t."""
    row = {
        "vessel": "Angara",
        "kind": "named",
        "length_m": 120.0,
        "dwt_t": 7300.0,
        "on_route": True,
        "source_ids": ["s"],
    }
    return tables.VESSELS.build([row | more])


def voyages(numbers: Any, month: dt.date = dt.date(2024, 1, 1), destination: str = "Dunay") -> pa.Table:
    """So many voyages of Angara in one month, one number a draw."""
    numbers = np.asarray(numbers)
    used = np.flatnonzero(numbers)
    return tables.VOYAGES.build(
        {
            "draw": used, "month": [month] * len(used), "origin": ["Najin"] * len(used),
            "destination": [destination] * len(used), "ship": ["Angara"] * len(used), "voyages": numbers[used],
        }
    )  # fmt: skip


def claim(claim_id: str = "c1", **fields: Any) -> dict[str, Any]:
    """One row of `claims`: 200 containers by sea, exactly, as evidence."""
    row = {
        "claim_id": claim_id, "quantity": "containers", "label": "containers", "point": 200.0, "unit": "containers",
        "reading": "exactly", "direction": "DPRK->RUS", "scope": "sea", "period_start": dt.date(2024, 1, 1),
        "period_end": dt.date(2024, 6, 30), "published": dt.date(2024, 7, 1), "origin_group": "ROK-MND",
        "independence": "claim", "use": "evidence", "source_id": "s",
    }  # fmt: skip
    return row | fields


def claims(*rows: dict[str, Any]) -> pa.Table:
    """The table `claims`."""
    return tables.CLAIMS.build(list(rows)) if rows else tables.CLAIMS.empty()


def look(look_id: str = "l1", **fields: Any) -> dict[str, Any]:
    """One row of `looks`."""
    now = dt.datetime(2024, 1, 5, tzinfo=dt.UTC)
    row = {
        "look_id": look_id, "place": "Najin", "start": now, "end": now, "collector": "VOA", "usable_share": 1.0,
        "published": dt.date(2024, 1, 6), "origin": "reported", "source_ids": ["s"],
    }  # fmt: skip
    return row | fields


def looks(*rows: dict[str, Any]) -> pa.Table:
    """The table `looks`."""
    return tables.LOOKS.build(list(rows)) if rows else tables.LOOKS.empty()


def totals(out: dict[str, pa.Table], commodity: str, draws: int, stream: str | None = None) -> np.ndarray:
    """Quantity of a commodity in each draw."""
    from tumen.draws import matrix

    table = out["cargo"]
    keep = pc.equal(table["commodity"].cast("string"), commodity)
    if stream is not None:
        keep = pc.and_(keep, pc.equal(table["stream"].cast("string"), stream))
    return matrix(table.filter(keep), "quantity", draws=draws)[0][:, 0]
