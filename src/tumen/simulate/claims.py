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


@dataclass(frozen=True)
class Said:
    """One origin's running totals: a figure on each of some days. `copies` further groups repeat the last one."""

    group: str
    quantity: str
    scope: Literal["sea", "rail", "all"]
    reading: Literal["exactly", "at_least", "up_to", "range"]
    days: tuple[dt.date, ...]
    copies: int = 0


def simulate_claims(
    truth: pa.Table,
    loading: Loading,
    said: Sequence[Said],
    start: dt.date,
    rng: np.random.Generator,
    floors: Literal["exponential", "round"] = "exponential",
) -> tuple[pa.Table, dict[str, float]]:
    """Rows of `claims` about a known flow, and the true bias factor of each origin group.

    `truth` holds `cargo` rows of a single draw. Days should end months, so that windows need no part of a month.
    Raises `ValueError` if `truth` holds more than one draw.
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
        errors = (
            kind_bias[kind]
            + own
            + _errors([d for _, d in mine], settings.drift_factor, settings.noise_factor, loading, rng)
        )
        for (one, day), error in zip(mine, errors, strict=True):
            true = total(flows, one.quantity, one.scope, start, day)
            belief = max(true, 1e-3) * math.exp(error)
            rows.append(_row(one, f"{MARK}-{group}-{one.quantity}-{day}", belief, start, day, loading, rng, floors))
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
    if one.reading == "exactly":
        point = belief
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
        "high": high, "unit": one.quantity, "reading": one.reading, "direction": loading.direction, "scope": one.scope,
        "period_start": start, "period_end": day, "published": day + dt.timedelta(days=3), "origin_group": one.group,
        "independence": "claim", "use": "evidence", "source_id": MARK, "note": MARK,
    }  # fmt: skip


def _round_below(value: float) -> float:
    """The round number (one or two leading figures) that a spokesman would say 'more than' of."""
    step = 10 ** math.floor(math.log10(value)) / 2
    return max(math.floor(value / step), 1) * step
