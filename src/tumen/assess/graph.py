"""The network in pyAgrum: the whole of it drawn out, for exact inference, what-ifs and export.

Takes `Trades`, findings and one row of settings; gives a `pyagrum.BayesNet` with a node for the
balance, each restraint, each way of repayment, each origin (does it depend on the facts, and how
far) and each finding, with the findings as evidence. The one place that touches the library.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tumen.assess.evidence import Finding, chances, depends
from tumen.assess.network import leaf_prior, node_names, remainder
from tumen.assess.sheet import Values
from tumen.case.judge import Trades

BALANCE_NODE = "owed"


@dataclass(frozen=True)
class Network:
    """A pyAgrum network, its evidence, and the names of the nodes that are judged."""

    net: Any
    evidence: dict[str, int]
    nodes: tuple[str, ...]


def network(
    trades: Trades,
    found: Sequence[Finding],
    values: Values,
    day: dt.date,
    levels: np.ndarray,
    into: Any = None,
    *,
    one_candour: bool = False,
) -> Network:
    """Build the network for the first row of `values` as of `day`.

    `into`: an empty `pyagrum.InfluenceDiagram` to build in instead of a new Bayesian network. `one_candour`: what an
    origin says depends on the facts of all hypotheses together or of none, the other end from the judgement's own
    assumption that its candour on one tells nothing of its candour on another.
    """
    import pyagrum as gum

    net = gum.BayesNet("repayment") if into is None else into
    _node(net, gum, BALANCE_NODE, [str(i) for i in range(len(levels))])
    net.cpt(BALANCE_NODE).fillWith([float(p) for p in levels])
    for name in trades.restraints:
        _node(net, gum, name, ["no", "yes"])
        prior = float(values[f"restraints.{name}.prior"][0])
        net.cpt(name).fillWith([1 - prior, prior])
    for name, hypothesis in trades.hypotheses.items():
        if hypothesis.leaf:
            _leaf(net, gum, trades, name, len(levels), values)
    for name, hypothesis in trades.hypotheses.items():
        if hypothesis.any_of:
            _node(net, gum, name, ["no", "yes"])
            for part in hypothesis.any_of:
                net.addArc(part, name)
            for states in itertools.product((0, 1), repeat=len(hypothesis.any_of)):
                at = dict(zip(hypothesis.any_of, states, strict=True))
                net.cpt(name)[at] = [0.0, 1.0] if any(states) else [1.0, 0.0]
    rest = remainder(trades)
    if rest:
        _remainder(net, gum, trades, rest, len(levels), values)
    evidence = _findings(net, gum, found, values, day, one_candour)
    return Network(net, evidence, tuple(node_names(trades)))


def _node(net: Any, gum: Any, name: str, labels: list[str]) -> None:
    net.add(gum.LabelizedVariable(name, name, labels))


def _leaf(net: Any, gum: Any, trades: Trades, name: str, levels: int, values: Values) -> None:
    _node(net, gum, name, ["no", "yes"])
    hypothesis = trades.hypotheses[name]
    held = list(hypothesis.restrained_by)
    for parent in held:
        net.addArc(parent, name)
    if hypothesis.raised_by_balance:
        net.addArc(BALANCE_NODE, name)
    for states in itertools.product((0, 1), repeat=len(held)):
        binding = dict.fromkeys(trades.restraints, False) | {n: bool(s) for n, s in zip(held, states, strict=True)}
        for level in range(levels if hypothesis.raised_by_balance else 1):
            p = float(leaf_prior(trades, name, binding, level, values)[0])
            at = dict(zip(held, states, strict=True))
            if hypothesis.raised_by_balance:
                at[BALANCE_NODE] = level
            if at:
                net.cpt(name)[at] = [1 - p, p]
            else:
                net.cpt(name).fillWith([1 - p, p])


def _remainder(net: Any, gum: Any, trades: Trades, rest: str, levels: int, values: Values) -> None:
    _node(net, gum, rest, ["no", "yes"])
    ways = list(trades.hypotheses[rest].settled_by)
    net.addArc(BALANCE_NODE, rest)
    for way in ways:
        net.addArc(way, rest)
    settled = [float(values[f"hypotheses.{rest}.settled_by.{w}"][0]) for w in ways]
    table = np.zeros((2,) * len(ways) + (levels,))
    for level in range(levels):
        table[..., level] = float(values[f"hypotheses.{rest}.base.{level}"][0])
    for axis, share in enumerate(settled):
        kept = np.array([1.0, 1 - share]).reshape([2 if i == axis else 1 for i in range(len(ways) + 1)])
        table = table * kept
    _fill(net, rest, [*ways, BALANCE_NODE], table)


def _fill(net: Any, name: str, parents: list[str], chance: np.ndarray) -> None:
    """Fill a yes-or-no node's table from the chance of yes, axes in the order of `parents`."""
    table = net.cpt(name)
    # In a table's array the node itself is the last axis; its parents stand in an order of the library's.
    order = [n for n in reversed(table.names) if n != name]
    turned = np.transpose(chance, [parents.index(n) for n in order])
    table[:] = np.ascontiguousarray(np.stack([1 - turned, turned], axis=-1))


def _findings(
    net: Any, gum: Any, found: Sequence[Finding], values: Values, day: dt.date, one_candour: bool
) -> dict[str, int]:
    """An origin node with one state more than it has findings: state k, the k surest depend on the facts."""
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in found:
        groups["all" if one_candour else finding.node, finding.origin].append(finding)
    evidence: dict[str, int] = {}
    for (about, origin), members in groups.items():
        chance = {f.id: float(depends(f, values, day)[0]) for f in members}
        members = sorted(members, key=lambda f: -chance[f.id])
        steps = [1.0, *(chance[f.id] for f in members), 0.0]
        name = f"origin {origin} on {about}"
        _node(net, gum, name, [str(k) for k in range(len(members) + 1)])
        net.cpt(name).fillWith([steps[k] - steps[k + 1] for k in range(len(members) + 1)])
        for rank, finding in enumerate(members):
            label = f"finding {finding.id}"
            _node(net, gum, label, ["not seen", "seen"])
            net.addArc(finding.node, label)
            net.addArc(name, label)
            hit, false, blind = (float(side[0]) for side in chances(finding, values))
            told = np.full((2, len(members) + 1), blind)
            told[0, rank + 1 :], told[1, rank + 1 :] = false, hit
            # What was told of a sign looked for in vain is that it was not seen.
            _fill(net, label, [finding.node, name], told if finding.seen else 1 - told)
            evidence[label] = int(finding.seen)
    return evidence


def posteriors(made: Network, also: Mapping[str, int] | None = None) -> dict[str, float]:
    """Exact posterior of every judged node, by lazy propagation; `also` adds what-if evidence by node name."""
    import pyagrum as gum

    engine = gum.LazyPropagation(made.net)
    engine.setEvidence({**made.evidence, **(also or {})})
    targets = [n for n in made.nodes if n not in (also or {})]
    engine.setTargets(set(targets))
    engine.makeInference()
    out = {n: float(engine.posterior(n)[1]) for n in targets}
    return out | {n: float(s) for n, s in (also or {}).items() if n in made.nodes}
