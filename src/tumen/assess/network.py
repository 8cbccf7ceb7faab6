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


def posterior(
    trades: Trades,
    values: Values,
    likelihood: Mapping[str, tuple[np.ndarray, np.ndarray]],
    levels: np.ndarray,
) -> np.ndarray:
    """Posterior probability of every node; shape (rows, days, nodes), nodes as in `node_names`.

    `likelihood` holds pairs of arrays (rows, days); a node without one has no evidence.
    `levels` (days, levels) are the chances of the balance's levels.
    """
    days = len(levels)
    shape = (len(values), days)
    names = node_names(trades)
    rest = remainder(trades)
    summed = {name: np.zeros(shape) for name in names}
    total = np.zeros(shape)
    parts = blocks(trades)
    for states in itertools.product((False, True), repeat=len(trades.restraints)):
        binding = dict(zip(trades.restraints, states, strict=True))
        for level in range(levels.shape[1]):
            if not levels[:, level].any():
                continue
            weight = _parents_weight(binding, values, likelihood, shape) * levels[None, :, level]
            local = _config(trades, parts, rest, binding, level, values, likelihood, shape)
            joint = weight * local.pop("")
            total += joint
            for name, share in local.items():
                summed[name] += weight * share
            for name, holds in binding.items():
                if holds:
                    summed[name] += joint
    return np.stack([summed[n] / total for n in names], axis=2)


def _parents_weight(
    binding: Mapping[str, bool], values: Values, likelihood: Mapping[str, tuple[np.ndarray, np.ndarray]], shape: tuple
) -> np.ndarray:
    weight = np.ones(shape)
    for name, holds in binding.items():
        prior = values[f"restraints.{name}.prior"]
        weight = weight * (prior if holds else 1 - prior)[:, None]
        if name in likelihood:
            weight = weight * likelihood[name][0 if holds else 1]
    return weight


def _config(
    trades: Trades,
    parts: list[Block],
    rest: str | None,
    binding: Mapping[str, bool],
    level: int,
    values: Values,
    likelihood: Mapping[str, tuple[np.ndarray, np.ndarray]],
    shape: tuple,
) -> dict[str, np.ndarray]:
    """Joint weight of the evidence below one state of the parents, and its share with each node true.

    The key "" holds the whole weight. The remainder enters as  L0 + (L1 - L0) base  prod(1 - settled),
    two products over blocks: without the remainder's factor and with it.
    """
    plain: list[dict[str, np.ndarray]] = []
    unpaid: list[dict[str, np.ndarray]] = []
    for block in parts:
        first, second = _block(trades, block, rest, binding, level, values, likelihood, shape)
        plain.append(first)
        unpaid.append(second)
    all_plain = np.prod([b[""] for b in plain], axis=0)
    if rest is None:
        out = {"": all_plain}
        for block in plain:
            others = all_plain / block[""]
            out.update({n: v * others for n, v in block.items() if n})
        return out
    true, false = likelihood.get(rest, (np.ones(shape), np.ones(shape)))
    base = values[f"hypotheses.{rest}.base.{level}"][:, None]
    all_unpaid = np.prod([b[""] for b in unpaid], axis=0)
    out = {"": false * all_plain + (true - false) * base * all_unpaid, rest: true * base * all_unpaid}
    for block, with_rest in zip(plain, unpaid, strict=True):
        others, others_unpaid = all_plain / block[""], all_unpaid / with_rest[""]
        for name in block:
            if name:
                out[name] = false * block[name] * others + (true - false) * base * with_rest[name] * others_unpaid
    return out


def _block(
    trades: Trades,
    block: Block,
    rest: str | None,
    binding: Mapping[str, bool],
    level: int,
    values: Values,
    likelihood: Mapping[str, tuple[np.ndarray, np.ndarray]],
    shape: tuple,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Sum over the joint states of one block, without and with the remainder's factor."""
    settled = trades.hypotheses[rest].settled_by if rest else {}
    names = ["", *block.leaves, *([block.whole] if block.whole else [])]
    plain = {n: np.zeros(shape) for n in names}
    unpaid = {n: np.zeros(shape) for n in names}
    priors = [leaf_prior(trades, leaf, binding, level, values) for leaf in block.leaves]
    for states in itertools.product((False, True), repeat=len(block.leaves)):
        live = dict(zip(block.leaves, states, strict=True))
        if block.whole:
            live[block.whole] = any(states)
        small = np.ones(len(values))
        for prior, state in zip(priors, states, strict=True):
            small = small * (prior if state else 1 - prior)
        weight = np.broadcast_to(small[:, None], shape)
        for name, state in live.items():
            if name in likelihood:
                weight = weight * likelihood[name][0 if state else 1]
        kept = np.ones(len(values))
        for name, state in live.items():
            if state and name in settled:
                kept = kept * (1 - values[f"hypotheses.{rest}.settled_by.{name}"])
        left = weight * kept[:, None]
        for name in names:
            if not name or live[name]:
                plain[name] += weight
                unpaid[name] += left
    return plain, unpaid
