"""Competing hypotheses as a matrix: a view on the network, not its engine.

Takes the network as of one day; gives a matrix with hypotheses in rows (rows reduce bias: each
hypothesis is weighed against all evidence) and findings in columns, cells from Heuer's scale (1999), and
inconsistency scores. The cell is read off the Bayes factor of that finding alone for that
hypothesis through the whole network, so a finding on one trade shows on another where they are
coupled. The hypotheses do not exclude one another, so no row loses because another wins. Written
to and read from CSV without loss.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tumen.case.judge import MODERATE, Trades
from tumen.tables import ACH, ACH_SCORES

if TYPE_CHECKING:
    from tumen.assess.judgement import Snapshot

CELLS = ("CC", "C", "N", "I", "II")
POINTS = {"CC": 0, "C": 0, "N": 0, "I": -1, "II": -2}
# A Bayes factor within a tenth of one moves no yardstick word by itself: neutral.
NEUTRAL = 1.1
HEAD = "hypothesis"
TEXT = "what was found"  # head of the row for the reader


@dataclass(frozen=True)
class Matrix:
    """Cells by hypothesis and finding, with the weight of each finding."""

    hypotheses: tuple[str, ...]
    findings: tuple[str, ...]
    cells: Mapping[tuple[str, str], str]
    weights: Mapping[str, float]


def cell(factor: float) -> str:
    """Cell of Heuer's scale for a Bayes factor.

    >>> [cell(x) for x in (3, 1.5, 1, 0.7, 0.4)]
    ['CC', 'C', 'N', 'I', 'II']
    """
    if factor >= MODERATE:
        return "CC"
    if factor >= NEUTRAL:
        return "C"
    if factor > 1 / NEUTRAL:
        return "N"
    return "I" if factor > 1 / MODERATE else "II"


def tables(trades: Trades, now: Snapshot, prior: np.ndarray, alone: np.ndarray) -> dict[str, pa.Table]:
    """Tables `ach` and `ach_scores` as of the snapshot's day.

    `prior` (rows, nodes) is before any finding, `alone` (rows, findings, nodes) after each one only.
    """
    found = now.found
    if not found:
        return {"ach": ACH.empty(), "ach_scores": ACH_SCORES.empty()}

    def log_odds(p: np.ndarray) -> np.ndarray:
        return np.log(p) - np.log1p(-p)

    factor = np.exp(np.mean(log_odds(alone) - log_odds(prior)[:, None, :], axis=0))
    weight = now.depend[:, 0].mean(axis=0)
    rows = [
        {
            "trade": name,
            "indicator_id": finding.id,
            "cell": cell(float(factor[number, node])),
            "bayes_factor": float(factor[number, node]),
            "weight": float(weight[number]),
            "parents": list(finding.evidence_ids) or None,
        }
        for node, name in enumerate(now.names)
        if name in trades.hypotheses
        for number, finding in enumerate(found)
    ]
    made = ACH.build(rows)
    return {"ach": made, "ach_scores": scores(matrix(made))}


def matrix(ach: pa.Table) -> Matrix:
    """The `ach` table as a matrix."""
    rows = ach.to_pylist()
    return Matrix(
        tuple(dict.fromkeys(r["trade"] for r in rows)),
        tuple(dict.fromkeys(r["indicator_id"] for r in rows)),
        {(r["trade"], r["indicator_id"]): r["cell"] for r in rows},
        {r["indicator_id"]: r["weight"] for r in rows},
    )


def scores(made: Matrix) -> pa.Table:
    """Inconsistency scores of a matrix, the network's or an analyst's own."""
    rows: list[dict[str, Any]] = []
    for name in made.hypotheses:
        points = {f: POINTS[made.cells[name, f]] for f in made.findings}
        rows.append(
            {
                "trade": name,
                "inconsistent": sum(p < 0 for p in points.values()),
                "score": float(sum(points.values())),
                "weighted": float(sum(p * made.weights[f] for f, p in points.items())),
            }
        )
    order = sorted({r["weighted"] for r in rows}, reverse=True)
    for row in rows:
        row["rank"] = float(order.index(row["weighted"]) + 1)
    return ACH_SCORES.build(rows)


def to_csv(made: Matrix, texts: Mapping[str, str] | None = None) -> str:
    """The matrix as CSV: a row of weights, then one row a hypothesis. `from_csv` gives it back exactly.

    `texts` says in words what each finding is; it becomes a row for the reader that `from_csv` passes over.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([HEAD, *made.findings])
    writer.writerow(["weight", *(repr(made.weights[f]) for f in made.findings)])
    if texts is not None:
        writer.writerow([TEXT, *(texts.get(f, "") for f in made.findings)])
    for name in made.hypotheses:
        writer.writerow([name, *(made.cells[name, f] for f in made.findings)])
    return out.getvalue()


def from_csv(text: str) -> Matrix:
    """Read a matrix, also one that a spreadsheet saved. Raises `ValueError` naming line and column of what is wrong."""
    text = text.removeprefix("\ufeff")
    # Spreadsheets of many countries write semicolons where ours are commas.
    mark = ";" if text.split("\n", 1)[0].startswith(f"{HEAD};") else ","
    reader = csv.reader(io.StringIO(text), delimiter=mark)
    rows = [(reader.line_num, r) for r in reader if r and (any(c.strip() for c in r) or len(r) == 1)]
    if not rows or rows[0][1][:1] != [HEAD] or len(rows) < 2 or rows[1][1][:1] != ["weight"]:
        raise ValueError(f"line 1: expected a header '{HEAD},FINDING,...' and a second row 'weight,...'")
    names = tuple(rows[0][1][1:])
    if len(set(names)) != len(names):
        raise ValueError("line 1: a finding stands twice")
    given = rows[1][1][1:]
    if len(given) != len(names):
        raise ValueError(f"line 2: {len(given)} weights, expected {len(names)}")
    weights: dict[str, float] = {}
    for name, value in zip(names, given, strict=True):
        try:
            weights[name] = float(value.replace(",", ".") if mark == ";" else value)
        except ValueError:
            raise ValueError(f"line 2: {name}: '{value}', expected a number from 0 to 1") from None
        if not 0 <= weights[name] <= 1:
            raise ValueError(f"line 2: {name}: '{value}', expected a number from 0 to 1")
    cells: dict[tuple[str, str], str] = {}
    order: list[str] = []
    for line, row in rows[2:]:
        if line == rows[2][0] and row[0] == TEXT:
            continue
        if len(row) != len(names) + 1:
            raise ValueError(f"line {line}: {len(row)} cells, expected {len(names) + 1}")
        if row[0] in order:
            raise ValueError(f"line {line}: hypothesis '{row[0]}' stands twice")
        order.append(row[0])
        for name, value in zip(names, row[1:], strict=True):
            if value.strip() not in CELLS:
                raise ValueError(f"line {line}: {name}: '{value}', expected one of {', '.join(CELLS)}")
            cells[row[0], name] = value.strip()
    return Matrix(tuple(order), names, cells, weights)


def strangers(mine: Matrix, network: Matrix) -> list[str]:
    """Hypotheses and findings of an analyst's matrix that the case does not know."""
    return [
        *(h for h in mine.hypotheses if h not in network.hypotheses),
        *(f for f in mine.findings if f not in network.findings),
    ]


def compare(mine: Matrix, network: Matrix) -> list[tuple[str, str, str, str]]:
    """Cells in which an analyst's matrix and the network's differ: (hypothesis, finding, mine, network's)."""
    out = []
    for key, value in mine.cells.items():
        other = network.cells.get(key)
        if other is not None and other != value:
            out.append((*key, value, other))
    return out


def compared(mine: Matrix, network: Matrix, texts: Mapping[str, str]) -> pa.Table:
    """`compare` as a table: trade, indicator_id, yours, network, text."""
    parted = compare(mine, network)
    names = ("trade", "indicator_id", "yours", "network", "text")
    rows = [(*row, texts.get(row[1], "")) for row in parted]
    return pa.table({name: pa.array([r[n] for r in rows], pa.string()) for n, name in enumerate(names)})


def scores_beside(mine: Matrix, network: Matrix) -> pa.Table:
    """Weighted inconsistency of each hypothesis in both matrices, over the findings of the analyst's own."""
    own = Matrix(
        tuple(h for h in mine.hypotheses if h in network.hypotheses), mine.findings,
        {(h, f): network.cells[h, f] for h in mine.hypotheses if h in network.hypotheses for f in mine.findings},
        {f: network.weights[f] for f in mine.findings},
    )  # fmt: skip
    theirs = {r["trade"]: r for r in scores(own).to_pylist()}
    rows = [
        {
            "trade": r["trade"],
            "yours": r["weighted"],
            "network": theirs[r["trade"]]["weighted"],
            "rank_yours": r["rank"],
            "rank_network": theirs[r["trade"]]["rank"],
        }
        for r in scores(mine).to_pylist()
    ]
    return pa.Table.from_pylist(rows)
