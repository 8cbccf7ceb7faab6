"""Words of likelihood: from a probability to the word of an official yardstick, and to its boundaries.

PHIA: the probability yardstick of the UK's Professional Head of Intelligence Assessment ("Explaining Uncertainty in UK
Intelligence Assessment", GOV.UK, 24 March 2025; the police, College of Policing and Ministry of Defence print the same
seven ranges): about 0-5, 10-20, 25-35, 40-50, 55-75, 80-90, 95-100 %. It leaves gaps on purpose. Rule here: a
probability in a gap takes the word on the nearer side, and in the very middle of a gap the word nearer to one half.
ICD 203: Intelligence Community Directive 203, Analytic Standards (Office of the Director of
National Intelligence, 2 January 2015), D.6.e(2)(a): 1-5, 5-20, 20-45, 45-55, 55-80, 80-95,
95-99 %. Rule here: a probability on a boundary takes the word nearer to one half, and below
1 or above 99 % the outermost word, for which the directive has none.
"""

from __future__ import annotations

import numpy as np

# Official ranges, in per cent.
PHIA_RANGES = {
    "remote chance": (0, 5),
    "highly unlikely": (10, 20),
    "unlikely": (25, 35),
    "realistic possibility": (40, 50),
    "likely": (55, 75),
    "highly likely": (80, 90),
    "almost certain": (95, 100),
}
ICD203_RANGES = {
    "almost no chance": (1, 5),
    "very unlikely": (5, 20),
    "unlikely": (20, 45),
    "roughly even chance": (45, 55),
    "likely": (55, 80),
    "very likely": (80, 95),
    "almost certain": (95, 99),
}
# Neither yardstick has an official Korean version; these are our renderings.
KOREAN = {
    "remote chance": "가능성이 거의 없음",
    "highly unlikely": "가능성이 매우 낮음",
    "unlikely": "가능성이 낮음",
    "realistic possibility": "현실적 가능성이 있음",
    "likely": "가능성이 높음",
    "highly likely": "가능성이 매우 높음",
    "almost certain": "거의 확실함",
}


def _bounds(ranges: dict[str, tuple[int, int]]) -> np.ndarray:
    """Boundaries between neighbouring words: the middle of each gap, or the shared edge."""
    pairs = list(ranges.values())
    return np.array([(pairs[i][1] + pairs[i + 1][0]) / 200 for i in range(len(pairs) - 1)])


PHIA_BOUNDS = _bounds(PHIA_RANGES)
ICD203_BOUNDS = _bounds(ICD203_RANGES)


def place(probability: np.ndarray | float, bounds: np.ndarray = PHIA_BOUNDS) -> np.ndarray:
    """Number of the word (0 is the least likely) for each probability."""
    value = np.asarray(probability, dtype=float)
    # On a boundary the word nearer to one half: upwards below it, downwards above it.
    low = np.searchsorted(bounds, value, side="right")
    high = np.searchsorted(bounds, value, side="left")
    return np.where(value < 0.5, low, high)


def phia(probability: float) -> str:
    """Word of the PHIA yardstick.

    >>> phia(0.85), phia(0.93), phia(0.5)
    ('highly likely', 'almost certain', 'realistic possibility')
    """
    return list(PHIA_RANGES)[int(place(_checked(probability)))]


def icd203(probability: float) -> str:
    """Word of ICD 203.

    >>> icd203(0.85), icd203(0.5), icd203(0.2)
    ('very likely', 'roughly even chance', 'unlikely')
    """
    return list(ICD203_RANGES)[int(place(_checked(probability), ICD203_BOUNDS))]


def _checked(probability: float) -> float:
    if not 0 <= probability <= 1:
        raise ValueError(f"probability {probability} outside 0 to 1")
    return probability
