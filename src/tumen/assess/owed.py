"""What is owed, as a soft parent of the network: chances of each level of the unpaid balance.

Takes the ledger's `balance` (median and 90 % interval by month and value basis); gives the
chance that the balance lies in each level of trades.toml. Between the quantiles the balance is taken as
a split normal, the two halves meeting at the median.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math

import numpy as np
import pyarrow as pa

from tumen.assess.sheet import Z95
from tumen.case.judge import BalanceLevels


def row_on(balance: pa.Table | None, basis: str, day: dt.date) -> dict | None:
    """The balance at the end of the last month that had ended by `day`; nothing owed before the first one."""
    if balance is None:
        return None
    columns = ["month", "basis", "owed_median", "owed_low90", "owed_high90"]
    rows = [r for r in balance.select(columns).to_pylist() if r["basis"] == basis]
    if not rows:
        return None
    ended = [r for r in rows if _last_day(r["month"]) <= day]
    return max(ended, key=lambda r: r["month"]) if ended else dict.fromkeys(columns, 0.0)


def _last_day(month: dt.date) -> dt.date:
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def known(balance: pa.Table | None, levels: BalanceLevels, day: dt.date) -> bool:
    """Whether the ledger has a balance on the stated basis by `day`."""
    return row_on(balance, levels.basis, day) is not None


def levels(balance: pa.Table | None, levels: BalanceLevels, day: dt.date) -> np.ndarray:
    """Chance of each level on `day`; shape (levels,)."""
    row = row_on(balance, levels.basis, day)
    if row is None:
        return np.array(levels.unknown)
    below = [chance_below(bound, row) for bound in levels.bounds_usd]
    return np.diff(np.array([0.0, *below, 1.0]))


def chance_below(bound: float, row: dict) -> float:
    """Chance that the balance lies below `bound`, US dollars.

    >>> chance_below(1e9, {"owed_median": 2e9, "owed_low90": 1e9, "owed_high90": 5e9})
    0.05
    """
    middle = row["owed_median"]
    side = middle - row["owed_low90"] if bound < middle else row["owed_high90"] - middle
    if side <= 0:
        return float(bound >= middle)
    return round(0.5 * (1.0 + math.erf((bound - middle) / side * Z95 / math.sqrt(2.0))), 12)
