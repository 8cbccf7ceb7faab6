"""cargo: what the voyages carried. Draws of containers, tonnes and rounds, with published claims as evidence.

Takes draws of voyages, looks, claims, the roster and loading.toml; gives `weigh(...)`, a dict of tables. `backtest`
scores what would have been foretold on an earlier day; `overfull` names rows that put more boxes on a hull than it holds.
"""

from tumen.cargo.backtest import backtest, last_day, steady
from tumen.cargo.problem import overfull
from tumen.cargo.weigh import weigh

__all__ = ["backtest", "last_day", "overfull", "steady", "weigh"]
