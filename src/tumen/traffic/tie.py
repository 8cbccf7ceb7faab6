"""Several ports of loading whose ships lie at the same ports of discharge: one joint draw of all.

Takes the ports with what is seen and counted where their ships arrive; gives draws in which draw d of one
port belongs to draw d of every other. Each port is first drawn alone, then again with what the others would
on average put at the far end; draws are then paired at random and weighed by the joint chance over the
product of the single ones (importance sampling, exact as pairs grow; the effective number is told).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tumen.traffic.paths import Paths
from tumen.traffic.totals import FarEvidence, TotalEvidence

_PAIRINGS = 8  # pairs tried for each draw: the more, the more of the joint chance is found


@dataclass(frozen=True)
class Tie:
    """What ties the ports: looks at ports of discharge, and counts of the voyages of all of them together."""

    looks: tuple[FarEvidence, ...]
    counts: tuple[TotalEvidence, ...]

    def __bool__(self) -> bool:
        return bool(self.looks or self.counts)

    def beside(self, present: Sequence[np.ndarray], port: int) -> list[FarEvidence]:
        """The looks as one port sees them, the others' ships being there with their mean chance (looks,)."""
        out = []
        for k, look in enumerate(self.looks):
            absent = 1.0 - look.otherwise
            for other, chance in enumerate(present):
                if other != port:
                    absent *= 1.0 - chance[k]
            out.append(replace(look, otherwise=1.0 - absent))
        return out

    def present(self, paths: Paths) -> np.ndarray:
        """Mean chance that a ship of one port is found by each look, (looks,)."""
        history = paths.history()
        return np.array([1.0 - np.exp(look.log_none(history)).mean() for look in self.looks])


def joined(
    tie: Tie, beside: Sequence[Sequence[FarEvidence]], drawn: Sequence[Paths], draws: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], float]:
    """Indices of the draws of each port that make up the joint draws, and their effective number.

    `drawn` are the paths of each port given the looks as it saw them, `beside` those looks.
    """
    size = max(p.draws for p in drawn)
    picks = [
        np.concatenate([rng.permutation(np.resize(np.arange(p.draws), size)) for _ in range(_PAIRINGS)]) for p in drawn
    ]
    log_w = np.zeros(size * _PAIRINGS)
    histories = [p.history() for p in drawn]
    points = [p.points.take(p.point) for p in drawn]
    for j, look in enumerate(tie.looks):
        alone = [look.log_none(h) for h in histories]
        together = sum(a[pick] for a, pick in zip(alone, picks, strict=True))
        log_w += look.told(together, points[0].take(picks[0]))
        for k, pick in enumerate(picks):
            log_w -= beside[k][j].told(alone[k], points[k])[pick]
    for count in tie.counts:
        first, last = count.part.first, count.part.last
        log_w += count.alone(sum(p.arrivals(first, last)[pick] for p, pick in zip(drawn, picks, strict=True)))
    weight = np.exp(log_w - log_w.max())
    weight /= weight.sum()
    edges = np.cumsum(weight)
    keep = np.searchsorted(edges, (np.arange(draws) + rng.random()) / draws * edges[-1])
    rng.shuffle(keep)
    return [pick[keep] for pick in picks], float(1.0 / (weight**2).sum())
