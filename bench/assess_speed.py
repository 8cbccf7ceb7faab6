"""How long judging and answering take on the real case, on one core, cold, import of pyAgrum included.

Run:  python bench/assess_speed.py [CASE]      Prints seconds of CPU and of the clock, and peak memory.
Budget: 2.5 s and 300 MB for the whole of assess.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

ROOT = Path(__file__).resolve().parents[1]


def peak_mb() -> float:
    """Peak resident memory of this process, MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Time each as-of date once, the first one cold."""
    from tumen.case import Case

    case = Case.load(sys.argv[1] if len(sys.argv) > 1 else ROOT / "cases" / "najin")
    period = (case.settings.case.period_start, case.settings.case.period_end)
    before_mb = peak_mb()
    print(f"case read; {len(case.indicators)} indicators, {before_mb:.0f} MB")
    for number, day in enumerate((dt.date(2026, 6, 30), dt.date(2024, 12, 31), dt.date(2024, 3, 1))):
        then = case.as_of(day)
        tables = then.tables()
        wall, cpu = time.perf_counter(), time.process_time()
        from tumen.assess import answer, judge

        made = judge(
            tables["indicators"], then.trades, None, tables["sources"], period, day, case.settings.case.seed,
            responses=then.responses,
        )  # fmt: skip
        middle = time.process_time()
        answer(
            made, None, tables["indicators"], then.trades, then.responses, tables["sources"], day,
            case.settings.case.seed,
        )  # fmt: skip
        end = time.process_time()
        print(
            f"{day}{' (cold)' if number == 0 else ''}: judge {middle - cpu:.2f} s, answer {end - middle:.2f} s, "
            f"together {end - cpu:.2f} s CPU, {time.perf_counter() - wall:.2f} s of the clock; "
            f"peak {peak_mb():.0f} MB"
        )


if __name__ == "__main__":
    main()
