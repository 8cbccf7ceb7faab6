"""Does a probability of ours mean what it says? Simulated worlds in which the truth is known.

Run:  python bench/assess_calibration.py [WORLDS] [SEED]

Worlds are drawn from the network of the real case: restraints, balance, trades; for every origin one
number that says how much of what it tells depends on the facts; findings; retellings of them by other
publishers. All of it is simulated. Three readers then judge each trade from the same reports:
  ours         the network, with origins and retellings
  independent  every report counted as if it were a finding of an origin of its own
  majority     the share of reports that support the trade (a half where there is none)
Printed: Brier score, log score, and of the judgements in each band of the yardstick how many were true.
A second part draws worlds with settings other than those judged with (from their stated ranges), which is what the
intervals of a judgement are about.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from pathlib import Path

import numpy as np

from tumen.assess.evidence import Evidence, Finding, Report
from tumen.assess.network import leaf_prior, node_names, posterior, remainder
from tumen.assess.scoring import scores_of
from tumen.assess.sheet import Values, sheet
from tumen.assess.words import PHIA_RANGES, place
from tumen.case import Case

ROOT = Path(__file__).resolve().parents[1]
DAY = dt.date(2026, 6, 30)
GRADES = [("A", "1"), ("B", "2"), ("B", "3"), ("C", "3"), ("D", "4")]


def truth(trades, values: Values, rng: np.random.Generator) -> tuple[dict[str, bool], int]:
    """One world: which nodes are true, and the level of the balance."""
    level = int(rng.choice(len(trades.balance.unknown), p=trades.balance.unknown))
    state = {n: bool(rng.random() < values[f"restraints.{n}.prior"][0]) for n in trades.restraints}
    for name, hypothesis in trades.hypotheses.items():
        if hypothesis.leaf:
            state[name] = bool(rng.random() < leaf_prior(trades, name, state, level, values)[0])
    for name, hypothesis in trades.hypotheses.items():
        if hypothesis.any_of:
            state[name] = any(state[p] for p in hypothesis.any_of)
    rest = remainder(trades)
    p = values[f"hypotheses.{rest}.base.{level}"][0]
    for way in trades.hypotheses[rest].settled_by:
        if state[way]:
            p *= 1 - values[f"hypotheses.{rest}.settled_by.{way}"][0]
    state[rest] = bool(rng.random() < p)
    return state, level


def told(trades, state: dict[str, bool], values: Values, rng: np.random.Generator) -> list[Finding]:
    """What is reported in a world: origins, findings, retellings."""
    signs = [n for n, s in trades.signs.items() if not s.counts]  # a yearly count is not drawn by hit and false alarm
    found = []
    for node in trades.nodes:
        for origin in range(int(rng.poisson(1.5))):
            latent = rng.random()
            letter, digit = GRADES[rng.integers(len(GRADES))]
            for number in range(1 + int(rng.poisson(1.2))):
                sign = signs[rng.integers(len(signs))]
                event = DAY - dt.timedelta(int(rng.integers(0, 900)))
                copies = 1 + int(rng.poisson(0.8))
                reports = tuple(Report(event, letter, digit) for _ in range(copies))
                depend = 1 - (1 - values[f"grades.reliability.{letter}"][0]) ** copies
                depend *= values[f"grades.credibility.{digit}"][0]
                if f"signs.{sign}.half_life_days" in values.index:
                    depend *= 0.5 ** ((DAY - event).days / values[f"signs.{sign}.half_life_days"][0])
                hit, false = values[f"signs.{sign}.hit"][0], values[f"signs.{sign}.false_alarm"][0]
                chance = (hit if state[node] else false) if latent < depend else max(hit, false)
                name = f"{node}-{origin}-{number}"
                found.append(
                    Finding(name, node, f"o{origin}", sign, bool(rng.random() < chance), event, reports, name, None, ())
                )
    return found


def independent(found: list[Finding]) -> list[Finding]:
    """The same reports, each as a finding of an origin of its own."""
    return [
        Finding(f"{f.id}-{i}", f.node, f"{f.origin}-{f.id}-{i}", f.sign, f.seen, f.event, (r,), f.text, None, ())
        for f in found
        for i, r in enumerate(f.reports)
    ]


def judged(trades, found: list[Finding], values: Values) -> np.ndarray:
    """Posterior of every node, shape (rows of settings, nodes)."""
    evidence = Evidence(found, values)
    levels = np.array([trades.balance.unknown])
    return posterior(trades, values, evidence.likelihood(evidence.depend([DAY])), levels)[:, 0]


def majority(trades, found: list[Finding], values: Values, names: list[str]) -> np.ndarray:
    """Share of reports on a node that support it."""
    out = np.full(len(names), 0.5)
    for number, name in enumerate(names):
        votes = []
        for f in found:
            if f.node == name:
                hit, false = values[f"signs.{f.sign}.hit"][0], values[f"signs.{f.sign}.false_alarm"][0]
                votes += [float((hit > false) == f.seen)] * len(f.reports)
        if votes:
            out[number] = np.mean(votes)
    return out


def show(title: str, said: np.ndarray, true: np.ndarray) -> None:
    """Scores and the calibration table of one reader."""
    made = scores_of(said, true)
    print(f"{title:12} Brier {made['brier']:.4f}   log {made['log_score']:.4f} bits   judgements {len(said)}")
    band = place(said)
    for number, word in enumerate(PHIA_RANGES):
        own = band == number
        if own.any():
            print(f"    {word:22} said {said[own].mean():.3f}  true {true[own].mean():.3f}  of {own.sum()}")


def main() -> None:
    """Simulate, judge, print."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    trades = Case.load(ROOT / "cases" / "najin").trades
    made = sheet(trades)
    names = node_names(trades)
    clock = time.process_time()
    for title, other in (("worlds drawn with the settings that are judged with", False),
                         ("worlds drawn with other settings, from their stated ranges", True)):  # fmt: skip
        rng = np.random.default_rng([seed, other])
        rows: dict[str, list] = {"ours": [], "independent": [], "majority": [], "true": []}
        drawn = made.draws(worlds, rng)
        for number in range(worlds):
            nominal = made.nominal()
            world = Values(drawn.index, drawn.rows[number : number + 1]) if other else nominal
            state, _ = truth(trades, world, rng)
            found = told(trades, state, world, rng)
            rows["true"].append([state[n] for n in names])
            rows["ours"].append(judged(trades, found, nominal)[0])
            rows["independent"].append(judged(trades, independent(found), nominal)[0])
            rows["majority"].append(majority(trades, found, nominal, names))
        true = np.array(rows.pop("true"), dtype=float).ravel()
        print(f"\n{worlds} simulated worlds, {title}; {time.process_time() - clock:.0f} s CPU so far")
        for reader, values in rows.items():
            show(reader, np.array(values).ravel(), true)


if __name__ == "__main__":
    main()
