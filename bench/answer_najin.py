"""What the account, the front and the judgement say on the Najin case, as the docs print it.

Run:  python bench/answer_najin.py [CASE]      Prints the tables of docs/account.md, docs/front.md and docs/judge.md.
The chain is run as of the case's own day. The judgements of earlier days are from what had been published by
then, with the balance as it is known on the case's day.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DAYS = (dt.date(2023, 10, 16), dt.date(2024, 3, 1), dt.date(2024, 3, 28), dt.date(2024, 12, 31))
BILLION = 1e9


def spread(values: np.ndarray, scale: float = 1.0, digits: int = 2) -> str:
    """Median and 90 % interval."""
    low, mid, high = np.quantile(values, [0.05, 0.5, 0.95]) / scale
    return f"{mid:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def main() -> None:
    """Print everything."""
    from tumen.study import open_study

    study = open_study(sys.argv[1] if len(sys.argv) > 1 else ROOT / "cases" / "najin")
    _account(study)
    _front(study)
    _judge(study)
    _answer(study)


def _account(study) -> None:
    totals = study.table("account_totals")
    basis = np.array(totals["basis"].to_pylist())
    print("## account, billions of dollars of the day")
    for name in dict.fromkeys(basis.tolist()):
        own = {c: totals[c].to_numpy()[basis == name] for c in totals.column_names if c.endswith("usd")}
        share = totals["repaid_share"].to_numpy()[basis == name]
        print(f"{name:20} given {spread(own['value_usd'], BILLION, 1)}  owed {spread(own['owed_usd'], BILLION, 1)}  "
              f"owed in constant money {spread(own['value_constant_usd'] - own['returned_constant_usd'], BILLION, 1)}  "
              f"repaid {spread(share, 0.01, 1)} %")  # fmt: skip
    print(f"returned {spread(own['returned_usd'], BILLION)}, only inferred {spread(own['inferred_usd'], BILLION)}")
    headline = study.case.prices.headline_basis
    rows = [r for r in study.table("variance_shares").to_pylist() if r["basis"] == headline and r["kind"] == "input"]
    print("; ".join(f"{r['name']} {r['share']:.0%}" for r in sorted(rows, key=lambda r: -r["share"])[:4]))
    for row in study.table("valuations_compared").to_pylist():
        print(f"{row['valuation']}: {row['text']}")


def _front(study) -> None:
    print("\n## front")
    for row in study.table("front_answers").to_pylist():
        print(f"{row['answer']:34} {row['median']} ({row['low90']} to {row['high90']})  in {row['share_of_draws']:.0%}")
    for row in study.table("front_checks").to_pylist():
        held = "held out" if row["held_out"] else ""
        print(f"{row['check']:60} {row['text'][:110]} {held}")
    for row in study.table("diagnostics").to_pylist():
        if row["step"] == "front":
            print(f"{row['name']}: {row['value']:.2f} {'' if row['passed'] else 'FAILS '}{row['text']}")


def _judge(study) -> None:
    from tumen.assess import judge

    print("\n## judgements, per cent (90 % over the settings)")
    columns = []
    for day in (*DAYS, study.case.settings.as_of):
        then = study.case.as_of(day)
        tables = then.tables()
        made = judge(tables["indicators"], then.trades, study.table("balance"), tables["sources"],
                     study.case.settings.period, day, 1)  # fmt: skip
        columns.append({r["trade"]: r for r in made["trades"].to_pylist() if r["step"] == "as_of"})
        for row in made["diagnostics"].to_pylist():
            if row["name"] == "one candour for all":
                print(f"{day}: {row['text']}")
    for name in columns[-1]:
        cells = [f"{c[name]['probability']:4.0%} ({c[name]['low90']:.0%}-{c[name]['high90']:.0%})" for c in columns]
        print(f"{name:16} " + "  ".join(cells) + f"  {columns[-1][name]['word']} / {columns[-1][name]['word_icd']}")


def _answer(study) -> None:
    print("\n## answer")
    for row in study.table("redlines").to_pylist():
        print(
            f"{row['redline']:18} {row['state']:10} {row['crossed_on']} margin {row['margin']} {row['share_crossed']}"
        )
    for row in study.table("packages").to_pylist():
        print(f"{row['package']:20} first in {row['share_best']:.0%}, affordable in {row['affordable']:.0%}, "
              f"gain {row['effect_median']:.1f} ({row['effect_low90']:.1f} to {row['effect_high90']:.1f})")  # fmt: skip
    for row in study.table("frontier").to_pylist():
        print(f"cost {row['cost']:5.1f} gain {row['gain']:5.1f} ({row['gain_low90']:.1f} to {row['gain_high90']:.1f}) "
              f"within budget {row['affordable']:.0%}: {', '.join(row['options'])}")  # fmt: skip


if __name__ == "__main__":
    main()
