"""The parameters integrated by importance sampling: Sobol points of the prior, then a fitted proposal.

Takes a problem; gives weighted parameter points and their effective number. Rounds are pooled by the
balance heuristic (Veach and Guibas 1995; adaptive multiple importance sampling, Cornuet and others
2012), so weights stay honest whatever the proposal. Where the effective number stays low the search
widens; the caller is told what was reached.
"""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tumen.case.traffic_settings import SpreadPrior, TrafficSettings
from tumen.traffic.filter import Problem, log_evidence
from tumen.traffic.prior import NAMES, Points, points, sobol

_FREEDOM = 5.0  # of the multivariate t proposal: tails that no normal posterior outruns


@dataclass(frozen=True)
class Weighted:
    """Parameter points with normed weights (P,), their effective number, rounds used, and log evidence of the looks."""

    points: Points
    weight: np.ndarray
    effective: float
    rounds: int
    log_evidence: float


# Integrals kept: each port and its run with all looks taken at random, as they were and as they are now.
_KEPT = 4
_kept: OrderedDict[bytes, tuple[Weighted, dict[str, Any]]] = OrderedDict()


def integrate(problem: Problem, settings: TrafficSettings, dwell: SpreadPrior, rng: np.random.Generator) -> Weighted:
    """Weighted points of the posterior given the looks.

    Published totals do not enter here, so in a process that counts again because a total was changed (the workbench) the
    last few are kept, by a hash of all that goes in, the state of `rng` included. `rng` goes on as if they had been drawn.
    """
    whole = [getattr(problem, field.name) for field in fields(problem)]
    given = [whole, settings.model_dump_json(), dwell.model_dump_json(), rng.bit_generator.state]
    mark = hashlib.sha256(pickle.dumps(given)).digest()
    kept = _kept.get(mark)
    if kept is None:
        kept = _integrated(problem, settings, dwell, rng), copy.deepcopy(dict(rng.bit_generator.state))
        _kept[mark] = kept
        while len(_kept) > _KEPT:
            _kept.pop(next(iter(_kept)), None)
    else:
        rng.bit_generator.state = kept[1]
    return kept[0]


def _integrated(problem: Problem, settings: TrafficSettings, dwell: SpreadPrior, rng: np.random.Generator) -> Weighted:
    size = settings.parameter_points
    z = sobol(size, rng)
    value = log_evidence(problem, points(z, settings, dwell), np.float32)
    proposals: list[tuple[np.ndarray, np.ndarray, int] | None] = [None]
    counts = [size]
    for done in range(1, settings.max_rounds + 1):
        weight = _weights(z, value, proposals, counts)
        effective = 1.0 / (weight**2).sum()
        wanted = max(settings.min_effective_points, 0.25 * size)
        if effective >= wanted or done == settings.max_rounds:
            break
        proposal = _fit(z, weight, effective)
        fresh = _draw(proposal, size, rng)
        z = np.concatenate([z, fresh])
        value = np.concatenate([value, log_evidence(problem, points(fresh, settings, dwell), np.float32)])
        proposals.append(proposal)
        counts.append(size)
    prior = -0.5 * (z**2).sum(1)
    mixture = _log_mixture(z, proposals, counts)
    top = (value + prior - mixture).max()
    evidence = top + np.log(np.exp(value + prior - mixture - top).mean()) - 0.5 * len(NAMES) * np.log(2 * np.pi)
    return Weighted(points(z, settings, dwell), weight, float(effective), done, float(evidence))


def _weights(z: np.ndarray, value: np.ndarray, proposals: list, counts: list[int]) -> np.ndarray:
    log = value - 0.5 * (z**2).sum(1) - _log_mixture(z, proposals, counts)
    weight = np.exp(log - log.max())
    return weight / weight.sum()


def _log_mixture(z: np.ndarray, proposals: list, counts: list[int]) -> np.ndarray:
    share = np.log(np.array(counts) / sum(counts))
    terms = np.stack([s + _log_density(z, q) for s, q in zip(share, proposals, strict=True)])
    top = terms.max(0)
    return top + np.log(np.exp(terms - top).sum(0))


def _fit(z: np.ndarray, weight: np.ndarray, effective: float) -> tuple[np.ndarray, np.ndarray, int]:
    mean = weight @ z
    spread = (z - mean).T @ ((z - mean) * weight[:, None])
    # Few effective points say little of a 8 x 8 spread: lean on the prior's, the more the fewer they are.
    trust = effective / (effective + 10.0)
    spread = trust * spread + (1 - trust) * 0.6 * np.eye(len(mean))
    return mean, np.linalg.cholesky(spread * 1.1), len(mean)


def _draw(proposal: tuple[np.ndarray, np.ndarray, int], count: int, rng: np.random.Generator) -> np.ndarray:
    mean, root, _ = proposal
    normal = sobol(count, rng)
    chi = rng.chisquare(_FREEDOM, count) / _FREEDOM
    return mean + (normal @ root.T) / np.sqrt(chi)[:, None]


def _log_density(z: np.ndarray, proposal: tuple[np.ndarray, np.ndarray, int] | None) -> np.ndarray:
    from scipy.special import gammaln

    size = z.shape[1]
    if proposal is None:
        return -0.5 * (z**2).sum(1) - 0.5 * size * np.log(2 * np.pi)
    mean, root, _ = proposal
    residual = np.linalg.solve(root, (z - mean).T)
    distance = (residual**2).sum(0)
    return (
        gammaln((_FREEDOM + size) / 2)
        - gammaln(_FREEDOM / 2)
        - 0.5 * size * np.log(_FREEDOM * np.pi)
        - np.log(np.diag(root)).sum()
        - 0.5 * (_FREEDOM + size) * np.log1p(distance / _FREEDOM)
    )
