"""The judgement itself: probability of each way of repayment over time, and all that explains it.

Takes the `indicators` table, `Trades`, the ledger's `balance` and the `sources`; gives the
tables trades, trade_draws, drivers, ach, ach_scores, devils_advocate, collect and diagnostics.
Every figure is computed for some hundreds of draws of the uncertain settings at once, exactly
(`network`); the network of the middle settings is built in pyAgrum too and must agree.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.assess import ach, collect, devil, graph, owed
from tumen.assess.evidence import Evidence, Finding, findings, masks
from tumen.assess.network import node_names, posterior, remainder
from tumen.assess.sheet import Values, sheet
from tumen.assess.words import ICD203_BOUNDS, ICD203_RANGES, KOREAN, PHIA_RANGES, place
from tumen.case.judge import Responses, Trades, open_by
from tumen.tables import DIAGNOSTICS, DRIVERS, TRADE_DRAWS, TRADES

# Largest difference allowed between our enumeration and pyAgrum's: both are exact, so rounding only.
AGREE = 1e-9


class JudgeError(ValueError):
    """The tables handed in cannot be judged (evidence from after the as-of date, unknown names)."""


def judge(
    indicators: pa.Table,
    trades: Trades,
    balance: pa.Table | None,
    sources: pa.Table | None,
    period: tuple[dt.date, dt.date],
    as_of: dt.date,
    seed: int,
    *,
    responses: Responses | None = None,
) -> dict[str, pa.Table]:
    """Judge every way of repayment from what was published by `as_of`.

    `indicators` is a table of `tables.INDICATORS`, `balance` one of `tables.BALANCE` (None: the
    levels' chances of trades.toml), `period` the first and last day of the case. Rows of the
    result's `trades` fall on the first day of each month, on each day when evidence came out,
    and on `as_of`; probabilities are means over `settings.settings_draws` draws of the settings.
    With `responses`, `collect` also says what each observation is worth to the choice of a package.

    Raises `JudgeError` on evidence published after `as_of` or bearing on an unknown node.
    """
    _check(indicators, trades, sources, as_of)
    found = findings(indicators, trades)
    made = sheet(trades)
    values = made.draws(trades.settings.settings_draws, np.random.default_rng([seed, 0x5A]))
    nominal = made.nominal()
    days, steps = timeline(found, period, as_of)
    levels = np.array([owed.levels(balance, trades.balance, day) for day in days])

    series = over_time(trades, found, values, days, levels)
    middle = over_time(trades, found, nominal, days, levels)[0]
    now = Snapshot(trades, found, values, as_of, levels[-1:])
    now_nominal = Snapshot(trades, found, nominal, as_of, levels[-1:])
    prior = now.prior()

    alone = now.scenarios(np.eye(len(found)))
    drivers = _drivers(now, prior, alone)
    tables = {
        "trades": _trades(trades, found, days, steps, series, middle, prior, drivers),
        "trade_draws": _trade_draws(trades, series[:, -1]),
        "drivers": DRIVERS.build(drivers) if drivers else DRIVERS.empty(),
        **ach.tables(trades, now, prior, alone),
        "devils_advocate": devil.table(trades, found, made, as_of, levels[-1:]),
        "collect": collect.table(trades, now, responses and open_by(responses, as_of), _hidden(sources, as_of)),
    }
    tables["diagnostics"] = _diagnostics(
        trades, found, nominal, now_nominal, as_of, levels[-1], balance, series, indicators
    )
    return tables


def _check(indicators: pa.Table, trades: Trades, sources: pa.Table | None, as_of: dt.date) -> None:
    known = set(trades.nodes)
    given = set(sources["source_id"].to_pylist()) if sources is not None else None
    for row in indicators.select(["indicator_id", "published", "trade", "sign", "source_id"]).to_pylist():
        if row["published"] > as_of:
            raise JudgeError(f"indicator {row['indicator_id']} was published {row['published']}, after {as_of}")
        if row["trade"] not in known:
            raise JudgeError(f"indicator {row['indicator_id']} bears on unknown '{row['trade']}'")
        if row["sign"] != "none" and row["sign"] not in trades.signs:
            raise JudgeError(f"indicator {row['indicator_id']} has unknown sign '{row['sign']}'")
        if given is not None and row["source_id"] not in given:
            raise JudgeError(f"indicator {row['indicator_id']} names unknown source '{row['source_id']}'")


def _hidden(sources: pa.Table | None, as_of: dt.date) -> set[str]:
    """Sources that were not out by the as-of date."""
    if sources is None:
        return set()
    pairs = zip(sources["source_id"].to_pylist(), sources["published"].to_pylist(), strict=True)
    return {name for name, day in pairs if day is not None and day > as_of}


def timeline(
    found: Sequence[Finding], period: tuple[dt.date, dt.date], as_of: dt.date
) -> tuple[list[dt.date], list[str]]:
    """Days on which to judge, rising, with what each is: month, news or as_of (the last)."""
    steps: dict[dt.date, str] = {}
    year, month = period[0].year, period[0].month
    while (day := dt.date(year, month, 1)) < as_of:
        if day >= period[0]:
            steps[day] = "month"
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    for finding in found:
        for report in finding.reports:
            if period[0] <= report.published < as_of:
                steps.setdefault(report.published, "news")
    steps[as_of] = "as_of"
    days = sorted(steps)
    return days, [steps[d] for d in days]


def over_time(
    trades: Trades, found: Sequence[Finding], values: Values, days: Sequence[dt.date], levels: np.ndarray
) -> np.ndarray:
    """Posterior of every node on every day, from what was out by then; shape (rows, days, nodes)."""
    evidence = Evidence(found, values)
    return posterior(trades, values, evidence.likelihood(evidence.depend(days)), levels)


class Snapshot:
    """The network on one day, to be asked many what-ifs: evidence left out, alone, or added."""

    def __init__(
        self, trades: Trades, found: Sequence[Finding], values: Values, day: dt.date, levels: np.ndarray
    ) -> None:
        self.trades, self.values, self.levels = trades, values, levels
        self.found = list(found)
        self.evidence = Evidence(found, values)
        self.depend = self.evidence.depend([day])
        self.likelihood = self.evidence.likelihood(self.depend)
        self.names = node_names(trades)

    def prior(self) -> np.ndarray:
        """Before any indicator; shape (rows, nodes)."""
        return posterior(self.trades, self.values, {}, self.levels)[:, 0]

    def posterior(self) -> np.ndarray:
        """With all of it; shape (rows, nodes)."""
        return posterior(self.trades, self.values, self.likelihood, self.levels)[:, 0]

    def scenarios(self, kept: np.ndarray) -> np.ndarray:
        """With the findings marked 1 in each row of `kept` only; shape (rows, scenarios, nodes)."""
        if not len(kept):
            return np.zeros((len(self.values), 0, len(self.names)))
        likelihood = self.evidence.scenarios(self.depend, kept)
        return posterior(self.trades, self.values, likelihood, np.repeat(self.levels, len(kept), axis=0))

    def added(self, extra: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> np.ndarray:
        """With one further likelihood (node, if true, if false) a scenario; shape (rows, scenarios, nodes)."""
        size = (len(self.values), len(extra))
        likelihood = {n: [np.repeat(a, len(extra), axis=1), np.repeat(b, len(extra), axis=1)]
                      for n, (a, b) in self.likelihood.items()}  # fmt: skip
        for number, (node, true, false) in enumerate(extra):
            pair = likelihood.setdefault(node, [np.ones(size), np.ones(size)])
            pair[0][:, number] *= true
            pair[1][:, number] *= false
        pairs = {n: (a, b) for n, (a, b) in likelihood.items()}
        return posterior(self.trades, self.values, pairs, np.repeat(self.levels, len(extra), axis=0))


def _drivers(now: Snapshot, prior: np.ndarray, single: np.ndarray) -> list[dict[str, Any]]:
    """Each finding, and each origin with all it said, left out in turn."""
    found = now.found
    if not found:
        return []
    origins = sorted({f.origin for f in found})
    pieces = [[i] for i in range(len(found))] + [[i for i, f in enumerate(found) if f.origin == o] for o in origins]
    left_out = now.scenarios(masks(found, pieces))
    of_origin = now.scenarios(1 - masks(found, pieces[len(found) :]))
    alone = np.concatenate([single, of_origin], axis=1)
    full = now.posterior()
    moved = full[:, None, :] - left_out
    factor = np.exp(np.mean(_log_odds(alone) - _log_odds(prior)[:, None, :], axis=0))
    low, high = np.quantile(moved, [0.05, 0.95], axis=0)
    mean, mean_without, most = moved.mean(axis=0), left_out.mean(axis=0), np.abs(moved).max(axis=0)
    rows = []
    for node, name in enumerate(now.names):
        for number, piece in enumerate(pieces):
            first = found[piece[0]]
            is_origin = number >= len(found)
            # A piece that cannot move this node (no path to it) is no driver of it.
            if most[number, node] < 1e-9:
                continue
            text, text_ko = first.text, first.text_ko
            if is_origin and len(piece) > 1:
                text, text_ko = (
                    f"all {len(piece)} findings of {first.origin}",
                    f"{first.origin}의 발견 {len(piece)}건 모두",
                )
            rows.append(
                {
                    "trade": name,
                    "kind": "origin" if is_origin else "finding",
                    "indicator_id": first.origin if is_origin else first.id,
                    "without": float(mean_without[number, node]),
                    "moved": float(mean[number, node]),
                    "moved_low90": float(low[number, node]),
                    "moved_high90": float(high[number, node]),
                    "bayes_factor": float(factor[number, node]),
                    "reports": sum(len(found[i].reports) for i in piece),
                    "bears_on": "; ".join(sorted({found[i].node for i in piece})),
                    "text": text,
                    "text_ko": text_ko,
                    "parents": [e for i in piece for e in found[i].evidence_ids] or None,
                }
            )
    order = {n: i for i, n in enumerate(now.names)}
    return sorted(rows, key=lambda r: (order[r["trade"]], r["kind"], -abs(r["moved"]), r["indicator_id"]))


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.log(p) - np.log1p(-p)


def _trades(
    trades: Trades,
    found: Sequence[Finding],
    days: Sequence[dt.date],
    steps: Sequence[str],
    series: np.ndarray,
    middle: np.ndarray,
    prior: np.ndarray,
    drivers: Sequence[dict[str, Any]],
) -> pa.Table:
    mean = series.mean(axis=0)
    low, high = np.quantile(series, [0.05, 0.95], axis=0)
    owner = {p: w for w, h in trades.hypotheses.items() for p in h.any_of}
    words, phia_of = list(PHIA_RANGES), place(np.stack([mean, low, high]))
    icd, icd_of = list(ICD203_RANGES), place(mean, ICD203_BOUNDS)
    rows = []
    for node, name in enumerate(node_names(trades)):
        label = trades.nodes[name]
        top = next((d for d in drivers if d["trade"] == name and d["kind"] == "finding"), None)
        bearing_on = {name, *(trades.hypotheses[name].any_of if name in trades.hypotheses else [])}
        own = [f for f in found if f.node in bearing_on]
        for number, day in enumerate(days):
            p, a, b = float(mean[number, node]), float(low[number, node]), float(high[number, node])
            word = words[phia_of[0, number, node]]
            english, korean = _sentence(label, word, p, a, b, top if steps[number] == "as_of" else None)
            rows.append(
                {
                    "trade": name,
                    "date": day,
                    "probability": p,
                    "low90": a,
                    "high90": b,
                    "nominal": float(middle[number, node]),
                    "word": word,
                    "word_icd": icd[icd_of[number, node]],
                    "word_low": words[phia_of[1, number, node]],
                    "word_high": words[phia_of[2, number, node]],
                    "word_ko": KOREAN[word],
                    "prior": float(prior[:, node].mean()),
                    "step": steps[number],
                    "kind": _kind(trades, name, owner),
                    "part_of": owner.get(name),
                    "label": label.label,
                    "label_ko": label.label_ko,
                    "text": english,
                    "text_ko": korean,
                    "parents": [e for f in own if f.published <= day for e in f.evidence_ids] or None,
                }
            )
    return TRADES.build(rows)


def _kind(trades: Trades, name: str, owner: dict[str, str]) -> str:
    if name in trades.restraints:
        return "restraint"
    if name == remainder(trades):
        return "remainder"
    return "part" if name in owner else "trade"


def _sentence(label: Any, word: str, p: float, low: float, high: float, top: dict[str, Any] | None) -> tuple[str, str]:
    english = f"{label.label}: {word} ({p:.0%}; 90 % range over the stated settings {low:.0%} to {high:.0%})"
    korean = f"{label.label_ko}: {KOREAN[word]} ({p:.0%}; 명시한 설정 범위에서 90 % 구간 {low:.0%}–{high:.0%})"
    if top is not None:
        english += f"; moved most by: {top['text']} ({top['moved'] * 100:+.0f} points)"
        korean += f"; 가장 큰 영향: {top['text_ko'] or top['text']} ({top['moved'] * 100:+.0f}%p)"
    return english + ".", korean + "."


def _trade_draws(trades: Trades, last: np.ndarray) -> pa.Table:
    names = node_names(trades)
    rows, nodes = last.shape
    return TRADE_DRAWS.build(
        {
            "draw": np.repeat(np.arange(rows), nodes),
            "trade": names * rows,
            "probability": last.ravel(),
        }
    )


def _diagnostics(
    trades: Trades,
    found: Sequence[Finding],
    nominal: Values,
    snapshot: Snapshot,
    as_of: dt.date,
    levels: np.ndarray,
    balance: pa.Table | None,
    series: np.ndarray,
    indicators: pa.Table,
) -> pa.Table:
    ours = snapshot.posterior()[0]
    theirs = graph.posteriors(graph.network(trades, found, nominal, as_of, levels))
    # Rounded to what matters: pyAgrum's last bits differ from run to run, results may not.
    gap = round(max(abs(ours[i] - theirs[n]) for i, n in enumerate(snapshot.names)), 12)
    shared = graph.posteriors(graph.network(trades, found, nominal, as_of, levels, one_candour=True))
    # Rounded, and without a sign to nought: the library's last bits differ from run to run.
    moves = {n: round(shared[n] - theirs[n], 6) + 0.0 for n in snapshot.names}
    most = max(moves, key=lambda n: abs(moves[n]))
    half = len(series) // 2
    stable = float(np.abs(series[:half, -1].mean(axis=0) - series[half:, -1].mean(axis=0)).max())
    merged = sum(len(f.reports) for f in found) - len(found)
    unlooked = sum(s == "not_looked" for s in indicators["state"].to_pylist())
    plain = sum(s == "none" for s in indicators["sign"].to_pylist())

    def row(name: str, value: float, limit: float | None, passed: bool, text: str) -> dict[str, Any]:
        return {"step": "judge", "name": name, "value": value, "limit": limit, "passed": passed, "text": text}

    return DIAGNOSTICS.build(
        [
            row("agreement with pyAgrum", gap, AGREE, gap <= AGREE,
                "largest difference between our enumeration and pyAgrum's exact inference at the middle settings"),
            row("settings draws", stable, 0.03, stable <= 0.03,
                f"largest difference of a mean between two halves of {len(series)} settings draws"),
            row("balance known", float(balance is not None and owed.known(balance, trades.balance, as_of)), 1.0,
                balance is not None and owed.known(balance, trades.balance, as_of),
                "the unpaid balance comes from the ledger (1) or from the stated chances of its levels (0)"),
            row("one candour for all", abs(moves[most]), None, True,
                f"were an origin's dependence on the facts one and the same in all it says, instead of apart for each "
                f"hypothesis, no judgement would move further than that of {most}, by {moves[most] * 100:+.1f} points"),
            row("reports merged", float(merged), None, True,
                f"{merged} reports retell a finding of the same origin and are not counted again; {plain} rows are "
                f"plain facts without a sign and {unlooked} were not looked for"),
        ]
    )  # fmt: skip
