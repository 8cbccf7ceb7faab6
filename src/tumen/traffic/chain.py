"""A port as a small continuous-time Markov chain: ships alongside, each in a phase of its stay.

Takes arrival rates and mean stays; gives transition matrices over multiples of the time unit,
whole or split by the number of arrivals. Arrivals are marked transitions: weighting them by z
and running z over roots of unity gives the distribution of their number. Phase-type stays after
Neuts (1981); panel observation of a Markov process after Kalbfleisch and Lawless (1985).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

UNITS_PER_DAY = 8  # times are rounded to three hours: a tenth of the shortest stay seen
UNIT_DAYS = 1.0 / UNITS_PER_DAY
WEEK_UNITS = 7 * UNITS_PER_DAY


@dataclass(frozen=True)
class Port:
    """States of a port of `berths` berths and `phases` phases of stay.

    With `tracked`, a state also tells where the ship is that a look told apart last: gone, or alongside in
    one of its phases. `ships` (S,) is the number alongside. `arrive`, `move` (S, S) are generators of unit
    arrival rate and of unit mean stay; `marked` is the off-diagonal part of `arrive`. `same`, `other` (S, S)
    are for the next look that tells a hull: the chance that it is of the ship told apart last, which stays so,
    and that it is of another, which takes its place.
    """

    phases: int
    berths: int
    tracked: bool
    ships: np.ndarray
    arrive: np.ndarray
    marked: np.ndarray
    move: np.ndarray
    same: np.ndarray
    other: np.ndarray

    @property
    def size(self) -> int:
        """Number of states."""
        return len(self.ships)


@lru_cache(maxsize=32)
def port(phases: int, berths: int, tracked: bool = False) -> Port:
    """Build the states and unit generators.

    >>> port(2, 2).size, port(2, 2).ships.tolist()
    (6, [0, 1, 2, 1, 2, 2])
    """
    fills = [f for f in itertools.product(range(berths + 1), repeat=phases) if sum(f) <= berths]
    fills.sort(key=lambda f: tuple(reversed(f)))
    # The ship told apart last: in no phase (0) or in one; then the other ships by phase.
    states = [(told, f) for told in range(phases + 1 if tracked else 1) for f in fills if sum(f) + (told > 0) <= berths]
    index = {state: i for i, state in enumerate(states)}
    size = len(states)
    marked, move = np.zeros((size, size)), np.zeros((size, size))
    same, other = np.zeros((size, size)), np.zeros((size, size))
    for (told, fill), here in index.items():
        ships = sum(fill) + (told > 0)
        if ships < berths:
            marked[here, index[told, _changed(fill, 0, 1)]] += 1.0
        if told:
            move[here, index[told + 1 if told < phases else 0, fill]] += phases
        for phase, count in enumerate(fill):
            if count:
                after = _changed(fill, phase, -1)
                move[here, index[told, _changed(after, phase + 1, 1) if phase + 1 < phases else after]] += (
                    count * phases
                )
                if tracked:
                    rest = _changed(after, told - 1, 1) if told else after
                    other[here, index[phase + 1, rest]] += count / ships
        if told or not ships:
            same[here, here] = 1.0 / max(ships, 1)
    np.fill_diagonal(move, move.diagonal() - move.sum(1))
    alongside = np.array([sum(f) + (told > 0) for told, f in states], np.int8)
    return Port(phases, berths, tracked, alongside, marked - np.diag(marked.sum(1)), marked, move, same, other)


def _changed(fill: tuple[int, ...], phase: int, by: int) -> tuple[int, ...]:
    return (*fill[:phase], fill[phase] + by, *fill[phase + 1 :])


def empty_state(chain: Port) -> np.ndarray:
    """Distribution (S,) that puts all mass on the empty port."""
    start = np.zeros(chain.size)
    start[np.flatnonzero(chain.ships == 0)[0]] = 1.0
    return start


def transition(
    chain: Port,
    rate: np.ndarray,
    dwell_days: np.ndarray,
    kill: np.ndarray | None = None,
    mark: complex | np.ndarray = 1.0,
    days: float = UNIT_DAYS,
) -> np.ndarray:
    """exp(days x generator) for each rate and dwell: (B, S, S).

    `kill` (B,) is an extra loss rate while a ship is alongside (the looks that a choosy
    collector would have made and did not). `mark` weights each arrival.
    Scaling and squaring with a Taylor series of order 12; error below 1e-12.
    """
    generator = (
        rate[:, None, None] * (np.diag(chain.arrive.diagonal()) + np.asarray(mark)[..., None, None] * chain.marked)
        + chain.move / dwell_days[:, None, None]
    )
    if kill is not None:
        generator = generator - kill[:, None, None] * np.diag((chain.ships > 0).astype(float))
    generator = generator * days
    norm = float(np.abs(generator).sum(-1).max()) if generator.size else 0.0
    squarings = max(0, int(np.ceil(np.log2(max(norm, 1e-12) / 0.5))))
    generator = generator / 2.0**squarings
    # Blocks of four powers (Paterson and Stockmeyer 1973): half the products of Horner's scheme.
    second = generator @ generator
    powers = (np.eye(chain.size), generator, second, second @ generator)
    fourth = second @ second
    out = powers[0] / math.factorial(12)
    for block in (8, 4, 0):
        part = sum(powers[k] / math.factorial(block + k) for k in range(4))
        out = part + (fourth @ out if block < 8 else fourth / math.factorial(12))
    for _ in range(squarings):
        out = out @ out
    return out


def transition_by_arrivals(
    chain: Port, rate: np.ndarray, dwell_days: np.ndarray, kill: np.ndarray | None, days: float, most: int = 5
) -> np.ndarray:
    """Transition matrices split by the number of arrivals 0 .. most - 1: (most, B, S, S).

    Coefficients of the generating function by a discrete Fourier transform over `most` roots of
    unity. Arrival numbers beyond `most - 1` wrap round; over three hours at 1 arrival a day that is
    less than 1e-6 of the mass for five.
    """
    roots = np.exp(2j * np.pi * np.arange(most // 2 + 1) / most)
    values = np.stack([transition(chain, rate, dwell_days, kill, root, days) for root in roots])
    # Values at conjugate roots are conjugates, so the half spectrum is enough.
    return np.maximum(np.fft.irfft(values.conj(), n=most, axis=0), 0.0)


def compose(first: np.ndarray, second: np.ndarray, most: int) -> np.ndarray:
    """Split transitions (K, B, S, S) one after the other: arrivals add, numbers of `most` and beyond are dropped."""
    out = np.zeros((min(most, len(first) + len(second) - 1), *first.shape[1:]), first.dtype)
    for i, a in enumerate(first):
        for j, b in enumerate(second[: len(out) - i]):
            out[i + j] += a @ b
    return out
