"""False pictures of packed harbours in high-resolution radar, with what makes real ones hard, and their ships.

Takes a numpy Generator; gives an 8-bit picture and its true ships. Against `imagery.harbour` quays have fenders and
rails that shine in dashes, gantry cranes reach over the water, stacks of boxes lie in rows as long and as bright as
hulls, moles and jetties stand in the water, and hulls are uneven: bright houses and rims, dark decks. For designing and
fitting the search of pictures that resolve the hull; never evidence in a real case.
"""

from __future__ import annotations

import numpy as np

from tumen.simulate.imagery import TrueShip, quarter_turns

HULL_CONTRAST = (70.0, 0.6)  # median and log deviation over the sea


def packed_harbour(rng: np.random.Generator, side: int = 640, ships: int = 9) -> tuple[np.ndarray, list[TrueShip]]:
    """A false 8-bit picture (side x side) of a packed harbour and its ships, sizes in pixels."""
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    y, x = np.mgrid[0:side, 0:side].astype(float)
    shore = side * rng.uniform(0.55, 0.72)
    slope = rng.uniform(-0.12, 0.12)
    inland = (y - shore - slope * (x - side / 2)) / np.hypot(1, slope)  # pixels behind the quay's edge
    along = (x - side / 2 + slope * (y - shore)) / np.hypot(1, slope)
    land = inland > 0
    solid = land.copy()
    mean = np.ones((side, side)) * np.exp(0.25 * _smooth(rng, side, 30))
    apron = rng.uniform(3, 9)
    mean[land] = apron * np.exp(0.5 * _smooth(rng, side, 8))[land]
    piers: list[tuple[float, float, float]] = []
    for _ in range(rng.integers(0, 3)):
        at, wide, reach = rng.uniform(-0.35, 0.35) * side, rng.uniform(9, 22), rng.uniform(0.2, 0.42) * side
        if all(abs(at - p[0]) > wide + p[1] + 70 for p in piers):
            piers.append((at, wide, reach))
    for at, wide, reach in piers:
        deck = (np.abs(along - at) < wide) & (inland > -reach) & (inland < 5)
        mean[deck] = apron * np.exp(0.4 * _smooth(rng, side, 5))[deck]
        solid |= deck
    for at, wide, reach in piers:
        for edge in (-1, 1):
            _dashes(rng, mean, np.abs(along - at - edge * wide) < 1.6, -inland, 0, reach, 0.35)
        if wide > 14:  # stacks or sheds on the pier
            _rows(rng, mean, along, inland, at - wide + 7, at + wide - 7, -reach + 10, -12, upright=True)
    _dashes(rng, mean, np.abs(inland) < 1.8, along + side / 2, 0, side, 0.5)
    depth = rng.uniform(10, 24)
    for _ in range(rng.integers(2, 5)):  # rows of boxes behind the quay
        thick = rng.uniform(6, 13)
        _rows(rng, mean, inland, along, depth, depth + thick, -side / 2, side / 2)
        depth += thick + rng.uniform(4, 14)
    town = (inland > depth + 8) & land
    walls = gaussian_filter((rng.random((side, side)) < 0.01).astype(float), (0.7, 2.0)) * rng.uniform(1500, 6000)
    mean[town] += (walls + 15 * (_smooth(rng, side, 5) > 0.7))[town]
    for _ in range(rng.integers(1, 4)):  # groups of gantry cranes
        at = rng.uniform(-0.45, 0.45) * side
        for _ in range(rng.integers(1, 5)):
            legs = (np.abs(along - at) < 5) & (np.abs(inland - 5) < 5)
            boom = (np.abs(along - at) < 1.4) & (np.abs(inland + 4) < rng.uniform(8, 18))
            mean[(legs | boom)] += rng.uniform(40, 250) * rng.standard_gamma(0.7, int((legs | boom).sum()))
            at += rng.uniform(14, 45)
    for _ in range(rng.integers(0, 3)):  # moles, jetties, dolphins in the water
        cx, cy, turn = rng.uniform(0.1, 0.9) * side, rng.uniform(0.05, 0.5) * side, rng.uniform(0, np.pi)
        long, wide = rng.uniform(60, 240), rng.uniform(1.5, 5)
        u, v = _axes(x, y, cx, cy, turn)
        bar = (np.abs(u) < long / 2) & (np.abs(v + 0.0008 * u**2) < wide)
        mean[bar] += rng.uniform(6, 60) * rng.standard_gamma(0.8, int(bar.sum()))
        solid |= bar
    truth: list[TrueShip] = []
    busy = solid.copy()

    def moor(cx: float, cy: float, length: float, angle: float) -> bool:
        beam = length / float(rng.uniform(4.2, 7.5))
        u, v = _axes(x, y, cx, cy, angle)
        bow = np.clip((length / 2 - u) / beam, 0, 1) ** 0.5
        hull = (np.abs(u) < length / 2) & (np.abs(v) < beam / 2 * bow)
        if not hull.any() or (busy & hull).sum() > 0.12 * hull.sum():
            return False
        if cx < length / 3 or cy < length / 3 or cx > side - length / 3 or cy > side - length / 3:
            return False
        contrast = HULL_CONTRAST[0] * float(np.exp(HULL_CONTRAST[1] * rng.standard_normal()))
        uneven = np.exp(0.7 * _smooth(rng, side, 3)[hull])
        near_rim = np.abs(v[hull]) > beam / 2 - 2
        side_lit = (v[hull] > 0) == (rng.random() < 0.5)
        house = np.abs(u[hull] + rng.uniform(0.3, 0.42) * length) < rng.uniform(0.05, 0.1) * length
        hatches = np.sin(u[hull] * 2 * np.pi / rng.uniform(8, 20)) > 0
        deck = rng.uniform(0.15, 0.7)
        body = deck + (1 - deck) * (near_rim & side_lit) + rng.uniform(0.5, 3) * house + rng.uniform(0, 0.6) * hatches
        mean[hull] = np.maximum(mean[hull], 1) + contrast * body * uneven
        busy[hull] = True
        truth.append(TrueShip(cx, cy, length, beam, float((angle + np.pi / 2) % np.pi - np.pi / 2), contrast))
        return True

    tries = 0
    while len(truth) < ships and tries < 12 * ships:
        tries += 1
        length = float(np.clip(rng.lognormal(np.log(70), 0.45), 22, 170))
        kind = rng.random()
        quay = np.arctan2(slope, 1)
        if kind < 0.45:  # alongside the wall
            a = rng.uniform(-0.42, 0.42) * side
            off = -(length / 11.5 + rng.uniform(0.5, 3))
            turn = quay + rng.normal(0, 0.02)
        elif kind < 0.65 and piers:  # at a pier
            at, wide, reach = piers[rng.integers(len(piers))]
            a = at + rng.choice([-1, 1]) * (wide + length / 11.5 + rng.uniform(0.5, 3))
            off = -rng.uniform(0.3, 0.9) * max(reach - length / 2, 20) - length / 2
            turn = quay + np.pi / 2 + rng.normal(0, 0.02)
        else:  # free, or stern to the wall
            a, off, turn = rng.uniform(-0.45, 0.45) * side, -rng.uniform(0.1, 0.6) * side, rng.uniform(0, np.pi)
            if rng.random() < 0.15:
                off, turn, length = -min(length, 60) / 2 - 2, quay + np.pi / 2, min(length, 60)
        c, s = np.cos(quay), np.sin(quay)
        cx, cy = side / 2 + a * c - off * s, shore + a * s + off * c
        if not moor(cx, cy, length, turn):
            continue
        for _ in range(rng.integers(0, 3) if rng.random() < 0.15 else 0):  # others abreast
            step = truth[-1].width_px + rng.uniform(0.5, 3.5)
            cx, cy = cx + step * np.sin(turn), cy - step * np.cos(turn)
            if not moor(cx, cy, length * rng.uniform(0.75, 1.1), turn):
                break
    looks = rng.uniform(2, 5)
    power = mean * rng.standard_gamma(looks, (side, side)) / looks
    power = gaussian_filter(power, rng.uniform(0.5, 0.9))
    power += 0.02 * gaussian_filter1d(np.maximum(mean - 60, 0), 14, axis=0)
    picture = np.clip(np.sqrt(power) * rng.uniform(10, 26), 0, 255).astype(np.uint8)
    return quarter_turns(picture, truth, int(rng.integers(0, 4)))


def _axes(x: np.ndarray, y: np.ndarray, cx: float, cy: float, turn: float) -> tuple[np.ndarray, np.ndarray]:
    c, s = np.cos(turn), np.sin(turn)
    return (x + 0.5 - cx) * c + (y + 0.5 - cy) * s, -(x + 0.5 - cx) * s + (y + 0.5 - cy) * c


def _smooth(rng: np.random.Generator, side: int, width: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    made = gaussian_filter(rng.standard_normal((side, side)), width)
    return made / made.std()


def _dashes(
    rng: np.random.Generator,
    mean: np.ndarray,
    band: np.ndarray,
    run: np.ndarray,
    first: float,
    last: float,
    share: float,
) -> None:
    """Bright dashes along an edge: rails, fenders, bollards, the legs of small cranes."""
    at = first
    while at < last:
        length = float(rng.lognormal(np.log(14), 0.8))
        if rng.random() < share:
            part = band & (run > at) & (run < at + length)
            mean[part] += rng.uniform(8, 120) * rng.standard_gamma(0.8, int(part.sum()))
        at += length


def _rows(
    rng: np.random.Generator, mean: np.ndarray, across: np.ndarray, run: np.ndarray, near: float, far: float,
    first: float, last: float, upright: bool = False,
) -> None:  # fmt: skip
    """Stacks of boxes end to end with gaps, or sheds that show their lit edge alone."""
    at = first
    while at < last:
        length, gap = float(rng.uniform(18, 90)), float(rng.uniform(3, 40))
        part = (across > near) & (across < far) & (run > at) & (run < min(at + length, last))
        if part.any() and rng.random() < (0.5 if upright else 0.75):
            if rng.random() < 0.75:
                lanes = np.sin(across[part] * 2 * np.pi / rng.uniform(3.5, 6)) > -0.5
                mean[part] += rng.uniform(25, 200) * (0.25 + lanes) * rng.standard_gamma(0.9, int(part.sum()))
            else:
                rim = across[part] < near + 2.5
                mean[part] += rim * rng.uniform(60, 400) * rng.standard_gamma(0.9, int(part.sum()))
        at += length + gap
