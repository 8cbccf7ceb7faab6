"""The devil's advocate: the smallest change of a single assumption that would turn a judgement.

Takes the sheet of settings and the evidence; moves each prior, hit, false alarm, half-life, grade
and effect alone, from its middle outwards to three times its stated range, all others at
their middles, and finds where the word of the yardstick (PHIA) changes for each judgement.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.assess.evidence import Evidence, Finding
from tumen.assess.network import node_names, posterior
from tumen.assess.sheet import Z95, Sheet
from tumen.assess.words import KOREAN, PHIA_BOUNDS, PHIA_RANGES, phia, place
from tumen.case.judge import Hypothesis, Trades
from tumen.tables import DEVILS_ADVOCATE

# How far out to look, in half-widths of the stated range, and in how many steps to each side.
REACH = 3.0
STEPS = 20
# Rows kept for each judgement: a reader weighs a handful of assumptions, not eighty.
KEEP = 8


def table(trades: Trades, found: Sequence[Finding], sheet: Sheet, day: dt.date, levels: np.ndarray) -> pa.Table:
    """Table `devils_advocate` as of `day`: for each hypothesis the assumptions nearest to turning it."""
    used = _used(trades, found, sheet)
    steps = np.linspace(-REACH, REACH, 2 * STEPS + 1)
    z = np.zeros((len(used) * len(steps), len(sheet.names)))
    for number, column in enumerate(used):
        z[number * len(steps) : (number + 1) * len(steps), column] = steps * Z95
    values = sheet.values(z)
    evidence = Evidence(found, values)
    likelihood = evidence.likelihood(evidence.depend([day]))
    grid = posterior(trades, values, likelihood, levels)[:, 0].reshape(len(used), len(steps), -1)
    settings = values.rows.reshape(len(used), len(steps), -1)
    words = place(grid)
    names = node_names(trades)
    rows: list[dict[str, Any]] = []
    for node, name in enumerate(names):
        if name not in trades.hypotheses:
            continue
        own: list[dict[str, Any]] = []
        for number, column in enumerate(used):
            own.extend(
                _turns(sheet, column, steps, settings[number, :, column], grid[number, :, node], words[number, :, node])
            )
        own.sort(key=lambda r: (r["distance"], r["assumption"], r["word_then"]))
        for rank, row in enumerate(own[:KEEP], 1):
            english, korean = _sentences(trades.hypotheses[name], row)
            rows.append({"trade": name, **row, "rank": rank, "text": english, "text_ko": korean})
    return DEVILS_ADVOCATE.build(rows) if rows else DEVILS_ADVOCATE.empty()


def _used(trades: Trades, found: Sequence[Finding], sheet: Sheet) -> list[int]:
    """Columns that can matter: settings of signs and grades that no finding uses cannot."""
    signs = {f.sign for f in found}
    letters = {r.reliability for f in found for r in f.reports}
    digits = {r.credibility for f in found for r in f.reports}
    out = []
    for number, name in enumerate(sheet.names):
        head, *rest = name.split(".")
        if head == "signs" and rest[0] not in signs:
            continue
        if head == "grades" and rest[1] not in (letters if rest[0] == "reliability" else digits):
            continue
        out.append(number)
    return out


def _turns(
    sheet: Sheet, column: int, steps: np.ndarray, at: np.ndarray, p: np.ndarray, words: np.ndarray
) -> list[dict[str, Any]]:
    """The first change of word going down and going up from the middle, if there is one."""
    middle = len(steps) // 2
    out: list[dict[str, Any]] = []
    for side in (range(middle - 1, -1, -1), range(middle + 1, len(steps))):
        turn = next((i for i in side if words[i] != words[middle]), None)
        if turn is None:
            continue
        before = turn + 1 if turn < middle else turn - 1
        distance, value = _between(steps, at, p, before, turn)
        out.append(
            {
                "assumption": sheet.names[column],
                "stated_low": sheet.low[column],
                "stated": float(at[middle]),
                "stated_high": sheet.high[column],
                "turns_at": value,
                "word_now": phia(float(p[middle])),
                "word_then": list(PHIA_RANGES)[int(words[turn])],
                "distance": distance,
                "within_range": distance <= 1,
            }
        )
    # One row a word: if both sides lead to the same word the nearer one is told.
    best: dict[str, dict[str, Any]] = {}
    for row in sorted(out, key=lambda r: r["distance"]):
        best.setdefault(row["word_then"], row)
    return list(best.values())


def _between(steps: np.ndarray, at: np.ndarray, p: np.ndarray, before: int, turn: int) -> tuple[float, float]:
    """Where between two grid points the word changes, by a straight line between them."""
    low, high = sorted((p[before], p[turn]))
    between = np.clip(PHIA_BOUNDS, low, high) == PHIA_BOUNDS
    crossed = PHIA_BOUNDS[between]
    bound = crossed[0] if p[turn] > p[before] else crossed[-1]
    share = 0.5 if p[turn] == p[before] else float((bound - p[before]) / (p[turn] - p[before]))
    step = steps[before] + share * (steps[turn] - steps[before])
    return abs(float(step)), float(at[before] + share * (at[turn] - at[before]))


def _sentences(hypothesis: Hypothesis, row: dict[str, Any]) -> tuple[str, str]:
    inside, within = ("inside", "안") if row["within_range"] else ("outside", "밖")
    now, then, at, stated = row["word_now"], row["word_then"], f"{row['turns_at']:.3g}", f"{row['stated']:.3g}"
    span = f"{row['stated_low']:.3g}", f"{row['stated_high']:.3g}"
    english = (
        f"{hypothesis.label}: {row['assumption']} at {at} instead of {stated} ({inside} its stated range "
        f"{span[0]} to {span[1]}) would turn '{now}' into '{then}'."
    )
    korean = (
        f"{hypothesis.label_ko}: {row['assumption']}이(가) {stated} 대신 {at}이면 (명시한 범위 {span[0]}–{span[1]} {within}) "
        f"'{KOREAN[now]}'에서 '{KOREAN[then]}'(으)로 바뀐다."
    )
    return english, korean
