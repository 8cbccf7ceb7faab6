"""Simulated published claims about a known flow: biased origins, copies, floors, ceilings. Never for a real case.

Takes what truly passed (rows of `cargo` of one draw), the priors of loading.toml and a plan of who says what when;
gives rows of `claims`, every one marked as simulated, and the bias that each origin was given. The statements follow
the model that docs/cargo.md states; `floors` can be set to round numbers instead, to test it where it is wrong.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from tumen import tables
from tumen.case.loading import Z95, Loading

MARK = "simulated"
RATIO = "rate_ratio"
UNITS = {"tonnes": "t", RATIO: "ratio", "usable_rounds": "rounds"}


@dataclass(frozen=True)
class Said:
    """One origin's running totals: a figure on each of some days. `copies` further groups repeat the last one.

    `start` is the first day counted, where it is not that of the flow. `counted` voyages: the boxes are those of so many
    voyages that the origin also tells the number of. A `rate_ratio` is against the twelve months before `start`. `or_none`:
    boxes of less than a ship load are told as none.
    """

    group: str
    quantity: str
    scope: Literal["sea", "rail", "all"]
    reading: Literal["exactly", "at_least", "up_to", "range", "capacity_152", "capacity_122"]
    days: tuple[dt.date, ...]
    copies: int = 0
    start: dt.date | None = None
    counted: int | None = None
    or_none: bool = False


def simulate_claims(
    truth: pa.Table,
    loading: Loading,
    said: Sequence[Said],
    start: dt.date,
    rng: np.random.Generator,
    floors: Literal["exponential", "round"] = "exponential",
    voyages: dict[dt.date, int] | None = None,
    in_box: dict[str, float] | None = None,
) -> tuple[pa.Table, dict[str, float]]:
    """Rows of `claims` about a known flow, and the true bias factor of each origin group.

    `truth` holds `cargo` rows of a single draw. Days should end months, so that windows need no part of a month.
    `voyages` (laden, by month) is needed where a count of boxes is of counted voyages, `in_box` (rounds in a full box, by
    munition) for capacities. Raises `ValueError` if `truth` holds more than one draw.
    """
    if truth.num_rows and len(set(truth["draw"].to_pylist())) > 1:
        raise ValueError("truth holds several draws; expected the cargo of one world")
    flows = truth.select(["month", "stream", "commodity", "quantity"]).to_pylist()
    kind_bias = {
        kind: math.log(float(p.bias.value(np.array(rng.standard_normal())))) for kind, p in loading.claims.kind.items()
    }
    rows: list[dict[str, object]] = []
    biases: dict[str, float] = {}
    for group in dict.fromkeys(s.group for s in said):
        kind = loading.claims.kind_of(group)
        settings = loading.claims.kind[kind]
        own = math.log(settings.origin_factor) / Z95 * rng.standard_normal()
        biases[group] = math.exp(kind_bias[kind] + own)
        mine = [(s, day) for s in said if s.group == group for day in s.days]
        errors = _errors([d for _, d in mine], settings.drift_factor, settings.noise_factor, loading, rng)
        for (one, day), error in zip(mine, errors, strict=True):
            since = one.start or start
            true = _true(one, flows, since, day, loading, voyages or {}, in_box or {})
            if one.quantity == RATIO:  # biases cancel; the drift of one figure against another is fresh
                error = _errors([day], settings.drift_factor, settings.noise_factor, loading, rng)[0]
            else:
                error += kind_bias[kind] + own
            belief = max(true, 1e-3) * math.exp(error)
            name = f"{MARK}-{group}-{one.quantity}-{day}"
            row = _row(one, name, belief, since, day, loading, rng, floors)
            rows.append(row)
            if one.counted is not None:
                row["group"] = name
                rows.append(
                    row | {"claim_id": f"{name}-voyages", "quantity": "voyages", "unit": "voyages", "low": None, "high": None}
                    | {"point": float(one.counted), "reading": "at_least", "use": "check"}
                )  # fmt: skip
        for one in (s for s in said if s.group == group and s.copies):
            original = next(r for r in reversed(rows) if r["origin_group"] == group and r["quantity"] == one.quantity)
            for number in range(one.copies):
                copy = {
                    **original,
                    "claim_id": f"{original['claim_id']}-copy-{number}",
                    "origin_group": f"{group}-copier-{number}",
                }
                rows.append({**copy, "independence": "derived", "derived_from": original["claim_id"], "use": "check"})
    return tables.CLAIMS.build(rows), biases


def total(flows: list[dict], quantity: str, scope: str, start: dt.date, end: dt.date) -> float:
    """What truly passed between two days that begin and end months."""
    return sum(
        f["quantity"]
        for f in flows
        if f["commodity"] == quantity and scope in ("all", f["stream"]) and start.replace(day=1) <= f["month"] <= end
    )


def _true(
    one: Said, flows: list[dict], since: dt.date, day: dt.date, loading: Loading,
    voyages: dict[dt.date, int], in_box: dict[str, float],
) -> float:  # fmt: skip
    """What the flow holds of that which one statement counts."""
    if one.quantity == RATIO:
        before = since.replace(year=since.year - 1)
        last = since - dt.timedelta(days=1)
        now, then = (total(flows, "containers_arms", one.scope, a, b) for a, b in ((since, day), (before, last)))
        return now / max(then, 1e-3) * ((last - before).days + 1) / ((day - since).days + 1)
    if one.reading.startswith("capacity"):
        return total(flows, "containers", one.scope, since, day) * in_box[loading.claims.capacity[one.reading]]
    true = total(flows, one.quantity, one.scope, since, day)
    if one.counted is not None:
        true *= one.counted / max(sum(n for month, n in voyages.items() if since.replace(day=1) <= month <= day), 1)
    return true


def _errors(days: list[dt.date], drift: float, noise: float, loading: Loading, rng: np.random.Generator) -> np.ndarray:
    """Drift that fades over `drift_days`, and fresh noise."""
    at = np.array([d.toordinal() for d in days], dtype=float)
    together = np.exp(-np.abs(at[:, None] - at[None, :]) / loading.claims.drift_days)
    spread = (math.log(drift) / Z95) ** 2 * together + 1e-12 * np.eye(len(days))
    return np.linalg.cholesky(spread) @ rng.standard_normal(len(days)) + math.log(noise) / Z95 * rng.standard_normal(
        len(days)
    )


def _row(
    one: Said,
    name: str,
    belief: float,
    start: dt.date,
    day: dt.date,
    loading: Loading,
    rng: np.random.Generator,
    floors: str,
) -> dict[str, object]:
    low = point = high = None
    margin = math.exp(rng.exponential(loading.claims.slack))
    if one.reading == "exactly" or one.reading.startswith("capacity") or one.counted is not None:
        none = one.or_none and belief < loading.claims.zero_boxes
        point = 0.0 if none else belief
    elif one.reading == "at_least":
        point = belief / margin if floors == "exponential" else _round_below(belief)
    elif one.reading == "up_to":
        high = belief * margin
    else:
        # The ends lie where the range would hold the belief at a uniformly random place.
        place, width = rng.random(), math.log(1.5)
        low, high = belief * math.exp(-place * width), belief * math.exp((1 - place) * width)
    return {
        "claim_id": name, "quantity": one.quantity, "label": f"{MARK} {one.quantity}", "low": low, "point": point,
        "high": high, "unit": UNITS.get(one.quantity, one.quantity), "reading": one.reading, "direction": loading.direction, "scope": one.scope,
        "period_start": start, "period_end": day, "published": day + dt.timedelta(days=3), "origin_group": one.group,
        "independence": "claim", "use": "evidence", "source_id": MARK, "note": MARK,
    }  # fmt: skip


def _round_below(value: float) -> float:
    """The round number (one or two leading figures) that a spokesman would say 'more than' of."""
    step = 10 ** math.floor(math.log10(value)) / 2
    return max(math.floor(value / step), 1) * step
