"""Joint posterior draws: from long tables to arrays and back, and summaries at the very end.

Draw number d is the same imagined world in every table, so sums and differences are taken
draw by draw and a summary is made once, last. x - x is 0, not noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DRAWS = 4000


class Summary(NamedTuple):
    """Median and central 90 % interval."""

    median: float
    low90: float
    high90: float


def summary(values: np.ndarray) -> Summary:
    """Summarise draws of one quantity.

    >>> summary(np.arange(101.0))
    Summary(median=50.0, low90=5.0, high90=95.0)
    """
    low, mid, high = np.quantile(np.asarray(values, dtype=float), [0.05, 0.5, 0.95])
    return Summary(float(mid), float(low), float(high))


def number(value: float) -> str:
    """Three significant digits, thousands set apart.

    >>> number(1234567.0), number(0.04567), number(25.0)
    ('1,230,000', '0.0457', '25')
    """
    if value == 0 or value != value:
        return "0" if value == 0 else "-"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 or rounded == int(rounded) else f"{rounded:,.3g}"


def crps(values: np.ndarray, truth: float) -> float:
    """Continuous ranked probability score of draws (smaller is better), by the sorted-sample formula.

    Gneiting and Raftery 2007: mean distance to the truth less half the mean distance of two draws.

    >>> crps(np.array([1.0, 1.0]), 3.0)
    2.0
    """
    x = np.sort(np.asarray(values, dtype=float))
    n = len(x)
    spread = ((2 * np.arange(1, n + 1) - n - 1) * x).sum() / n**2
    return float(np.abs(x - truth).mean() - spread)


def matrix(
    table: pa.Table, value: str, by: Sequence[str] = (), draws: int | None = None
) -> tuple[np.ndarray, list[tuple[object, ...]]]:
    """Sum `value` by draw and the columns `by`.

    Returns an array of shape (draws, groups) and the list of groups, sorted. Draws that a
    group has no row for are 0. With `by` empty there is one group, `()`.
    """
    n = draws if draws is not None else (int(pc.max(table.column("draw")).as_py()) + 1 if table.num_rows else 0)
    index = table.column("draw").to_numpy()
    amounts = table.column(value).to_numpy().astype(float)
    if not by:
        return np.bincount(index, weights=amounts, minlength=n)[:, None], [()]
    codes, groups = _groups(table, by)
    flat = np.bincount(index.astype(np.int64) * len(groups) + codes, weights=amounts, minlength=n * len(groups))
    return flat.reshape(n, len(groups)), groups


def _groups(table: pa.Table, by: Sequence[str]) -> tuple[np.ndarray, list[tuple[object, ...]]]:
    code = np.zeros(table.num_rows, dtype=np.int64)
    parts: list[list[object]] = []
    for name in by:
        encoded = pc.dictionary_encode(table.column(name).combine_chunks())
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        values = encoded.dictionary.to_pylist()
        code = code * max(len(values), 1) + encoded.indices.to_numpy(zero_copy_only=False)
        parts.append(values)
    # Codes are small and dense (the product of a few sets of names), so counting finds those in use without a sort.
    used = np.flatnonzero(np.bincount(code))
    inverse = np.searchsorted(used, np.arange(used[-1] + 1 if len(used) else 0))[code]
    labels: list[tuple[object, ...]] = []
    for found in used:
        number = int(found)
        label: list[object] = []
        for values in reversed(parts):
            number, position = divmod(number, max(len(values), 1))
            label.append(values[position])
        labels.append(tuple(reversed(label)))
    order = sorted(range(len(labels)), key=lambda i: tuple(str(p) for p in labels[i]))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[inverse], [labels[i] for i in order]


def redraw(table: pa.Table, from_draw: np.ndarray) -> pa.Table:
    """Re-index a draws table: draw d of the result is draw `from_draw[d]` of `table`.

    Where later evidence has reweighted the worlds of an earlier step, this puts both back into the
    same world. `from_draw`: shape (draws,), numbers of draws of `table`; a draw without rows stays so.

    >>> t = pa.table({"draw": [0, 1, 1], "n": [5, 6, 7]})
    >>> redraw(t, np.array([1, 0, 1])).to_pydict()
    {'draw': [0, 0, 1, 2, 2], 'n': [6, 7, 5, 6, 7]}
    """
    old = table.column("draw").to_numpy()
    order = np.argsort(old, kind="stable")
    start = np.searchsorted(old[order], from_draw, side="left")
    size = np.searchsorted(old[order], from_draw, side="right") - start
    new = np.repeat(np.arange(len(from_draw)), size)
    within = np.arange(len(new)) - np.repeat(np.cumsum(size) - size, size)
    made = table.take(pa.array(order[np.repeat(start, size) + within]))
    place = table.column_names.index("draw")
    return made.set_column(place, table.schema.field(place), pa.array(new).cast(table.schema.field(place).type))
