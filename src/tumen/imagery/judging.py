"""How likely a candidate of an optical image is a ship, and how long it is: the fitted part of the search.

Takes an object's features (`optical._ship`) and the ground size of a pixel; gives a probability and a length. Every
coefficient was fitted on networks that had not seen the port, by bench/imagery_s2_ports.py --fit.
"""

from __future__ import annotations

import numpy as np

from tumen.imagery.surroundings import NAMES

# Logistic of `probability`, fitted on networks that had not seen the port on 2026-11-26 (bench/imagery_s2_ports.py --fit).
INTERCEPT = -6.07
WEIGHTS = {
    "core": 0.661,
    "body": 0.713,
    "log_pixels": 0.934,
    "stand_off": 0.118,
    "aspect": -0.084,
    "land": -2.84,
    "fill": 2.97,
    "around": -0.482,
    "too_long": -2.519,
    "too_wide": -0.04,
    "has_core": -1.135,
}
# On its log odds (`base`) where a coastline is known: what lies round the candidate, fitted the same way.
AROUND_INTERCEPT = -0.697
AROUND_WEIGHTS = {
    "base": 0.631,
    "ashore": -0.832,
    "too_far": -0.006,
    "log_extent": 0.005,
    "dry": 0.65,
    "whole": 0.58,
    "end_min": 0.76,
    "end_max": -0.093,
    "side_min": -0.869,
    "side_max": -0.061,
    "short": -0.442,
    "goes_on": -0.676,
    "free": 1.059,
}
# Where a candidate is a part of a longer dry thing along its own axis that is no longer than ships are, its length goes
# most of the way to that thing's. Chosen on six ports, on networks that had not seen them (flat from 250 to 350 m).
LONGER, SHIP_M, TAKEN = 1.3, 300.0, 0.75
LENGTH_SD = 0.4  # of the length, at which the 80 % interval holds on ports left out


def probability(f: dict[str, float], learned: bool, size_m: float = 10.0) -> float:
    """Chance that an object is a ship that a labeller would mark; `size_m` is the ground size of a pixel.

    With the network: a logistic fitted on objects of networks that had not seen the port (six labelled ports, with our
    own reading of what the labels leave out), and what lies round it where a coastline is known.
    """
    if not learned:
        score = -1.5 + 1.2 * min(f["stand_off"], 1.5) + 0.5 * min(f["aspect"], 5) - 3 * f["land"]
        return float(1 / (1 + np.exp(-score)))
    return with_surroundings(f, logistic(f, size_m, INTERCEPT, WEIGHTS), AROUND_INTERCEPT, AROUND_WEIGHTS)


def with_surroundings(f: dict[str, float], p: float, intercept: float, weights: dict[str, float]) -> float:
    """Probability from the one without surroundings (its log odds are `base`) and what lies round the candidate."""
    if "lie_dry" not in f:
        return p
    values = lie_terms(f, p)
    score = intercept + sum(w * values[n] for n, w in weights.items())
    return float(1 / (1 + np.exp(-np.clip(score, -30, 30))))


def lie_terms(f: dict[str, float], p: float) -> dict[str, float]:
    """What `with_surroundings` adds up."""
    p = float(np.clip(p, 1e-4, 1 - 1e-4))
    return {"base": float(np.log(p / (1 - p))), **{n: f[f"lie_{n}"] for n in NAMES}}


def terms(f: dict[str, float], size_m: float) -> dict[str, float]:
    """What the logistic of `probability` adds up, from an object's features."""
    long_m, wide_m = f["length"] * size_m, f["width"] * size_m
    return {
        "core": f["core"],
        "body": f["body"],
        "log_pixels": float(np.log(f["pixels"])),
        "stand_off": f["stand_off"],
        "aspect": min(f["aspect"], 6.0),
        "land": f["land"],
        "fill": f["fill"],
        "around": f["around"],
        "too_long": max(0.0, long_m - 330) / 100,
        "too_wide": max(0.0, wide_m - 60) / 20,
        "has_core": f["has_core"],
    }


def logistic(f: dict[str, float], size_m: float, intercept: float, weights: dict[str, float]) -> float:
    """Probability from features, for given coefficients (bench/imagery_s2_ports.py fits them)."""
    score = intercept + sum(weights[n] * v for n, v in terms(f, size_m).items())
    return float(1 / (1 + np.exp(-np.clip(score, -30, 30))))


def length_m(f: dict[str, float], size_m: float) -> float:
    """Length of a ship in metres: of what the network marked, or nearer to the dry run that it is a part of."""
    marked, run = f["length"] * size_m, f.get("run", 0.0) * size_m
    return marked + TAKEN * (run - marked) if LONGER * marked < run < SHIP_M else marked
