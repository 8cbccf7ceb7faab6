"""How long it takes to read a case, to go back to a day, and to make its tables; prints seconds, best of five.

python bench/case_load.py [CASE]        budget: cases/najin read and checked in under 0.5 s
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable

from tumen.case import Case


def best(work: Callable[[], object], times: int = 5) -> float:
    """Shortest of a few runs, in seconds."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return min(took)


def main(folder: str = "cases/najin") -> None:
    """Print the figures."""
    start = time.perf_counter()
    case = Case.load(folder)
    print(f"read and check, first time (imports too)  {time.perf_counter() - start:6.3f} s")
    case.tables()
    day = case.settings.period[0] + dt.timedelta(days=213)
    print(f"read and check                            {best(lambda: Case.load(folder)):6.3f} s")
    print(f"as of {day}                          {best(lambda: case.as_of(day)):6.3f} s")
    print(f"tables                                    {best(case.tables):6.3f} s")
    print(f"evidence of every record                  {best(lambda: list(case.evidence())):6.3f} s")


if __name__ == "__main__":
    main(*sys.argv[1:2])
