"""Exact inference in the network of trades, for many rows of settings and many days at once.

Takes settings, likelihoods by node and the chances of each level of the unpaid balance; gives the
posterior probability of every node. Restraints and the balance are shared parents, the ways of
repayment are conditionally independent given them, a whole is the `or` of its parts, and the
remainder ("simply not paid") is false as soon as one live way settles the bill (noisy-and, Pearl
1988). So a sum over the few joint states of the parents is exact; the tests hold it against
pyAgrum, and every run does for its nominal settings.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tumen.assess.sheet import Values
from tumen.case.judge import Trades


@dataclass(frozen=True)
class Block:
    """Leaves that are summed over together: the parts of one whole, or one leaf alone."""

    leaves: tuple[str, ...]
    whole: str | None


def blocks(trades: Trades) -> list[Block]:
    """The blocks of a case, in the order of its hypotheses."""
    parts = {p for h in trades.hypotheses.values() for p in h.any_of}
    out = []
    for name, hypothesis in trades.hypotheses.items():
        if hypothesis.any_of:
            out.append(Block(tuple(hypothesis.any_of), name))
        elif hypothesis.leaf and name not in parts:
            out.append(Block((name,), None))
    return out


def remainder(trades: Trades) -> str | None:
    """Name of the hypothesis that nothing is paid, if the case has one."""
    return next((n for n, h in trades.hypotheses.items() if h.base), None)


def node_names(trades: Trades) -> list[str]:
    """Every node of a result, in the order of its last axis."""
    return [*trades.hypotheses, *trades.restraints]


def leaf_prior(trades: Trades, leaf: str, binding: Mapping[str, bool], level: int, values: Values) -> np.ndarray:
    """Chance of a leaf given its parents; shape (rows,). Odds factors multiply the prior odds."""
    hypothesis = trades.hypotheses[leaf]
    prior = values[f"hypotheses.{leaf}.prior"]
    odds = prior / (1 - prior)
    for other in hypothesis.restrained_by:
        if binding[other]:
            odds = odds * values[f"hypotheses.{leaf}.restrained_by.{other}"]
    if hypothesis.raised_by_balance:
        odds = odds * values[f"hypotheses.{leaf}.raised_by_balance.{level}"]
    return odds / (1 + odds)


Likelihood = Mapping[str, tuple[np.ndarray, np.ndarray]]


def posterior(trades: Trades, values: Values, likelihood: Likelihood, levels: np.ndarray) -> np.ndarray:
    """Posterior probability of every node; shape (rows, days, nodes), nodes as in `node_names`.

    `likelihood` holds pairs of arrays (rows, days); a node without one has no evidence. `levels` (days, levels)
    are the chances of the balance's levels. Only likelihood ratios enter: what the evidence
    would weigh with every node false cancels.
    """
    ratio = {n: true / false for n, (true, false) in likelihood.items()}
    rest = remainder(trades)
    made = [_Block(trades, block, rest, ratio, values) for block in blocks(trades)]
    names = node_names(trades)
    shape = (len(values), len(levels))
    summed = {name: np.zeros(shape) for name in names}
    total = np.zeros(shape)
    for states in itertools.product((False, True), repeat=len(trades.restraints)):
        binding = dict(zip(trades.restraints, states, strict=True))
        parents = _parents_weight(binding, values, ratio, shape)
        for level in range(levels.shape[1]):
            if not levels[:, level].any():
                continue
            weight = parents * levels[None, :, level]
            for block in made:
                block.enter(binding, level)
            plain = _product([b.plain for b in made])
            joint = plain
            if rest is not None:
                base = values[f"hypotheses.{rest}.base.{level}"][:, None]
                unpaid = base * _product([b.unpaid for b in made])
                gain = ratio[rest] - 1 if rest in ratio else 0.0
                joint = plain + gain * unpaid
                summed[rest] += weight * unpaid * (gain + 1)
                # Divided by a block's own factor these are the weights of all the others.
                for block in made:
                    block.share(summed, weight * plain / block.plain, weight * gain * unpaid / block.unpaid)
            else:
                for block in made:
                    block.share(summed, weight * plain / block.plain, None)
            joint = weight * joint
            total += joint
            for name, holds in binding.items():
                if holds:
                    summed[name] += joint
    return np.stack([summed[n] / total for n in names], axis=2)


def _product(parts: list[np.ndarray]) -> np.ndarray:
    out = parts[0]
    for part in parts[1:]:
        out = out * part
    return out


def _parents_weight(
    binding: Mapping[str, bool], values: Values, ratio: Mapping[str, np.ndarray], shape: tuple
) -> np.ndarray:
    weight = np.ones(shape)
    for name, holds in binding.items():
        prior = values[f"restraints.{name}.prior"][:, None]
        weight = weight * (prior if holds else 1 - prior)
        if holds and name in ratio:
            weight = weight * ratio[name]
    return weight


class _Block:
    """A block under one state of the parents: its factor without and with the remainder's part.

    The remainder enters the whole as  1 + (ratio - 1) base prod(1 - settled): two products over
    blocks, `plain` and `unpaid`.
    """

    def __init__(
        self, trades: Trades, block: Block, rest: str | None, ratio: Mapping[str, np.ndarray], values: Values
    ) -> None:
        self.trades, self.block, self.values = trades, block, values
        settled = trades.hypotheses[rest].settled_by if rest else {}
        self.states: list[tuple[tuple[bool, ...], list[str], np.ndarray | float, np.ndarray]] = []
        for states in itertools.product((False, True), repeat=len(block.leaves)):
            live = [n for n, state in zip(block.leaves, states, strict=True) if state]
            if block.whole and live:
                live.append(block.whole)
            evidence: np.ndarray | float = 1.0
            kept = np.ones((len(values), 1))
            for name in live:
                if name in ratio:
                    evidence = evidence * ratio[name]
                if name in settled:
                    kept = kept * (1 - values[f"hypotheses.{rest}.settled_by.{name}"][:, None])
            self.states.append((states, live, evidence, kept))
        self.plain: np.ndarray = np.ones((len(values), 1))
        self.unpaid: np.ndarray = np.ones((len(values), 1))
        self._chances: list[np.ndarray] = []

    def enter(self, binding: Mapping[str, bool], level: int) -> None:
        """Set the state of the parents."""
        priors = [leaf_prior(self.trades, n, binding, level, self.values)[:, None] for n in self.block.leaves]
        self._chances = []
        plain: np.ndarray | float = 0.0
        unpaid: np.ndarray | float = 0.0
        for states, _, evidence, kept in self.states:
            chance = np.ones((len(self.values), 1))
            for prior, state in zip(priors, states, strict=True):
                chance = chance * (prior if state else 1 - prior)
            self._chances.append(chance)
            plain = plain + chance * evidence
            unpaid = unpaid + (chance * kept) * evidence
        self.plain, self.unpaid = np.asarray(plain), np.asarray(unpaid)

    def share(self, summed: dict[str, np.ndarray], weight: np.ndarray, weight_unpaid: np.ndarray | None) -> None:
        """Add the weight of the states in which each node of the block is true."""
        for (_, live, evidence, kept), chance in zip(self.states, self._chances, strict=True):
            if not live:
                continue
            part = weight * chance if weight_unpaid is None else weight * chance + weight_unpaid * (chance * kept)
            part = part * evidence
            for name in live:
                summed[name] += part
