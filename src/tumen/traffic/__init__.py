"""Looks and published totals in, joint draws of visits and voyages out.

The step is `count`; `check` names what in them cannot be or is in doubt; `backtest` scores it against what was published later; `posterior_count` gives the
exact distribution of the number of visits in a window. Method: docs/traffic.md.
"""

from tumen.traffic.backtest import Backtest, backtest
from tumen.traffic.counting import check, count, posterior_count
from tumen.traffic.looks import TrafficFault

__all__ = ["Backtest", "TrafficFault", "backtest", "check", "count", "posterior_count"]
