"""What fits a box: rounds by weight and by volume, and boxes by the weight and slots of a hull.

Takes payloads, volumes, masses; gives counts. Plain physics, no randomness: arrays in, arrays out.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tumen.case.loading import Load

Array = np.ndarray


def rounds_per_box(payload_kg: Array, room_m3: Array, mass_kg: Array, volume_m3: Array) -> Array:
    """Rounds in one full box: the fewer of what its payload carries and what its room takes.

    >>> float(rounds_per_box(np.array(22000.0), np.array(20.0), np.array(55.0), np.array(0.04)))
    400.0
    >>> float(rounds_per_box(np.array(22000.0), np.array(20.0), np.array(80.0), np.array(0.25)))
    80.0
    """
    return np.minimum(payload_kg / mass_kg, room_m3 / volume_m3)


def slots(load: Load, length_m: float | None, dwt_t: float | None, teu: float | None) -> float:
    """Most boxes that a hull can hold at all.

    TEU where it is known; else deadweight over the least tonnes a slot of a hull built for boxes; else
    the same from a deadweight that grows with the cube of length, from 7,300 t at 120 m.
    """
    if teu is not None:
        return teu
    if dwt_t is None:
        dwt_t = REFERENCE_DWT_T * ((length_m or REFERENCE_LENGTH_M) / REFERENCE_LENGTH_M) ** 3
    return dwt_t / load.dwt_per_slot_t


def boxes_by_weight(load: Load, dwt_t: Array, gross_t: Array) -> Array:
    """Boxes of a mean gross weight that the usable deadweight carries."""
    return load.dwt_usable_share * dwt_t / gross_t


# Angara, the one hull of the route with both figures published (120 m, 7,300 t).
REFERENCE_LENGTH_M = 120.0
REFERENCE_DWT_T = 7_300.0


def hulls(load: Load, ships: list[str], vessels: pa.Table) -> tuple[Array, Array, Array]:
    """Relative length (to the reference), deadweight in tonnes and slots of each ship of the voyages.

    A ship that the roster does not measure is taken as the reference hull.
    """
    roster = {row["vessel"]: row for row in vessels.select(["vessel", "length_m", "dwt_t", "teu"]).to_pylist()}
    relative, dwt, most = [], [], []
    for ship in ships:
        row = roster.get(ship, {})
        length, tonnes, teu = row.get("length_m"), row.get("dwt_t"), row.get("teu")
        if length is None and tonnes is not None:
            length = REFERENCE_LENGTH_M * (tonnes / REFERENCE_DWT_T) ** (1 / 3)
        relative.append((length or load.reference_length_m) / load.reference_length_m)
        dwt.append(tonnes or REFERENCE_DWT_T * ((length or REFERENCE_LENGTH_M) / REFERENCE_LENGTH_M) ** 3)
        most.append(slots(load, length, tonnes, teu))
    return np.array(relative), np.array(dwt), np.array(most)
