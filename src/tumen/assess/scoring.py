"""Keeping judgements and scoring them once the truth is known.

Takes the `trades` table of a run; gives rows of `judgements` to be kept with their date (append them to a CSV),
and later, with outcomes.csv, Brier and log scores and a calibration table. An outcome settles a
hypothesis from a day on: judgements made on that day or before, back to the outcome before it,
are scored against it. Brier (1950); logarithmic score, Good (1952); bands of the PHIA yardstick.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.assess.words import PHIA_RANGES, phia
from tumen.case.judge import Outcome, Trades
from tumen.case.record import content_id
from tumen.case.shares import beta_quantile
from tumen.tables import CALIBRATION, JUDGEMENTS, SCORES

FIELDS = ("judged_on", "trade", "probability", "low90", "high90", "word", "definition")
# The log score of a judgement that gave 0 to what came true is infinite; it is counted as this many bits.
WORST_BITS = 20.0


def definition(trades: Trades, name: str) -> str:
    """Hash of what a probability is a probability of: definition, what counts as true, and by when."""
    h = trades.hypotheses[name]
    return content_id("definition", [h.definition, h.counts_as_true, h.by_when])


def keep(table: pa.Table, trades: Trades) -> pa.Table:
    """The judgements of a run, one row a hypothesis on its as-of date, ready to be kept."""
    rows = [r for r in table.to_pylist() if r["step"] == "as_of" and r["trade"] in trades.hypotheses]
    made = [
        {
            "judged_on": r["date"],
            "definition": definition(trades, r["trade"]),
            **{k: r[k] for k in ("trade", "probability", "low90", "high90", "word", "parents")},
        }
        for r in rows
    ]
    return JUDGEMENTS.build(made) if made else JUDGEMENTS.empty()


def to_csv(judgements: pa.Table) -> str:
    """Judgements as CSV; `from_csv` gives them back exactly."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    for row in judgements.to_pylist():
        writer.writerow([row[f].isoformat() if f == "judged_on" else _cell(row[f]) for f in FIELDS])
    return out.getvalue()


def _cell(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def from_csv(text: str) -> pa.Table:
    """Read kept judgements. Raises `ValueError` naming the line of what is wrong."""
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != FIELDS:
        raise ValueError(f"line 1: expected the header {','.join(FIELDS)}")
    rows: list[dict[str, Any]] = []
    for number, row in enumerate(reader, 2):
        made: dict[str, Any] = dict(row)
        try:
            made["judged_on"] = dt.date.fromisoformat(row["judged_on"])
            for name in ("probability", "low90", "high90"):
                made[name] = float(row[name])
                if not 0 <= made[name] <= 1:
                    raise ValueError(f"{name} {row[name]}")
        except (TypeError, ValueError) as error:
            raise ValueError(f"line {number}: {error}, expected a date and probabilities from 0 to 1") from None
        rows.append(made)
    return JUDGEMENTS.build(rows) if rows else JUDGEMENTS.empty()


def score(judgements: pa.Table, outcomes: Iterable[Outcome]) -> dict[str, pa.Table]:
    """Tables `scores` (each hypothesis, and all) and `calibration` of judgements whose truth is known."""
    pairs = matched(judgements.to_pylist(), list(outcomes))
    rows = []
    for name in [*sorted({p[0] for p in pairs}), "all"]:
        own = [(p, t) for n, p, t in pairs if name in (n, "all")]
        if own:
            rows.append({"trade": name, **scores_of(*(np.array(x, dtype=float) for x in zip(*own, strict=True)))})
    bands = []
    for word in PHIA_RANGES:
        own = [(p, t) for _, p, t in pairs if phia(p) == word]
        if own:
            bands.append({"word": word, **_band(own)})
    return {
        "scores": SCORES.build(rows) if rows else SCORES.empty(),
        "calibration": CALIBRATION.build(bands) if bands else CALIBRATION.empty(),
    }


def matched(rows: Sequence[dict], outcomes: Sequence[Outcome]) -> list[tuple[str, float, int]]:
    """Judgements paired with the first outcome of their hypothesis on or after their day."""
    pairs = []
    for row in rows:
        later = [o for o in outcomes if o.trade == row["trade"] and o.date >= row["judged_on"]]
        if later:
            first = min(later, key=lambda o: o.date)
            pairs.append((row["trade"], row["probability"], int(first.outcome == "true")))
    return pairs


def scores_of(said: np.ndarray, true: np.ndarray) -> dict[str, Any]:
    """Brier score, log score in bits, base rate and skill of probabilities against 0 or 1.

    >>> made = scores_of(np.array([0.8, 0.4]), np.array([1.0, 0.0]))
    >>> round(made["brier"], 4), round(made["log_score"], 4)
    (0.1, 0.5294)
    """
    given = np.where(true == 1, said, 1 - said)
    with np.errstate(divide="ignore"):
        bits = np.minimum(-np.log2(given), WORST_BITS)
    brier, base = float(np.mean((said - true) ** 2)), float(true.mean())
    return {
        "judgements": len(said),
        "brier": brier,
        "log_score": float(bits.mean()),
        "base_rate": base,
        "skill": None if base in (0.0, 1.0) else 1 - brier / (base * (1 - base)),
    }


def _band(own: Sequence[tuple[float, int]]) -> dict[str, Any]:
    hits, size = sum(t for _, t in own), len(own)
    low, high = (beta_quantile(hits + 0.5, size - hits + 0.5, level) for level in (0.05, 0.95))
    return {
        "judgements": size,
        "said": float(np.mean([p for p, _ in own])),
        "true_share": hits / size,
        "low90": low,
        "high90": high,
    }
