"""Pairs of ships against a plain count of every pair in every slot."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from tumen.ais import encounters, pairing
from tumen.ais.geo import distances_m
from tumen.ais.ids import event_ids

Run = tuple[int, int, int, int, int]
FIRST = 144 * 19_000


def points(
    rng: np.random.Generator, ships: int, days: int, lat: float, lon: float, stay: float, wide: float
) -> list[np.ndarray]:
    """Slot, track, lat, lon of ships that lie still for some slots, then elsewhere; some slots are missing."""
    parts = []
    for track in range(ships):
        slot = np.arange(days * 144)
        moves = np.cumsum(rng.random(len(slot)) < 1 / stay)
        y = lat + rng.uniform(-wide, wide, moves[-1] + 1)[moves] + rng.normal(0, 2e-4, len(slot))
        x = lon + rng.uniform(-wide, wide, moves[-1] + 1)[moves] + rng.normal(0, 2e-4, len(slot))
        heard = rng.random(len(slot)) < rng.uniform(0.3, 1)
        x = (x + 540) % 360 - 180
        parts.append(
            np.stack([slot + FIRST, np.full(len(slot), track + 5), np.rint(y * 1e7), np.rint(x * 1e7)])[:, heard]
        )
    return [column.astype(np.int32) for column in np.concatenate(parts, axis=1)]


def harbour(rng: np.random.Generator, days: int) -> list[np.ndarray]:
    """Slot, track, lat, lon of ships moored, swinging at anchor and drifting in one dense harbour; some slots missing."""
    parts = []
    for track in range(40):
        slot = np.arange(days * 144)[rng.random(days * 144) < rng.uniform(0.5, 1)]
        spread = (1e-5, 2e-3, 0.0)[track % 3]
        moved = np.cumsum(rng.normal(0, 6e-4 if track % 3 == 2 else 0.0, (2, len(slot))), axis=1)
        place = np.array([[40.0], [160.0]]) + rng.normal(0, 0.006, (2, 1)) + moved + rng.normal(0, spread, moved.shape)
        parts.append(np.stack([slot + FIRST, np.full(len(slot), track), *np.rint(place * 1e7)]))
    return [column.astype(np.int32) for column in np.concatenate(parts, axis=1)]


def plainly(
    slot: np.ndarray, track: np.ndarray, lat: np.ndarray, lon: np.ndarray, stop: int, least: int
) -> dict[Run, float]:
    """Runs of every pair by looking at all pairs in all slots, with the sum of their distances."""
    seen: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for s in np.unique(slot):
        here = np.flatnonzero(slot == s)
        y, x = lat[here] / 1e7, lon[here] / 1e7
        far = distances_m(y[:, None], x[:, None], y[None, :], x[None, :])
        for i, j in zip(*np.nonzero(np.triu(far <= 500.0, 1)), strict=True):
            a, b = sorted((int(track[here[i]]), int(track[here[j]])))
            seen.setdefault((a, b), []).append((int(s), float(far[i, j])))
    out: dict[Run, float] = {}
    for (a, b), held in seen.items():
        breaks = [k for k in range(1, len(held)) if held[k][0] - held[k - 1][0] > pairing.MISSING_SLOTS]
        for i, j in zip([0, *breaks], [*breaks, len(held)], strict=True):
            first, last = held[i][0], held[j - 1][0]
            at_edge = first - FIRST < pairing.MISSING_SLOTS or stop - last <= pairing.MISSING_SLOTS
            if last - first >= least or at_edge:
                out[(a, b, first, last, j - i)] = sum(d for _, d in held[i:j])
    return out


@pytest.mark.parametrize(("lat", "lon"), [(40.0, 160.0), (0.0, 180.0), (-78.0, -179.99), (85.0, 20.0)])
@pytest.mark.parametrize("least", [1, 6, 12])
def test_no_pair_is_missed_and_none_invented(lat: float, lon: float, least: int) -> None:
    rng = np.random.default_rng([int(abs(lat)), least])
    slot, track, y, x = points(rng, 25, 2, lat, lon, 15, 0.01)
    stop = FIRST + 2 * 144
    whole, sums = pairing.runs_of(slot, track, y, x, FIRST, stop, 500.0, least)
    found = {tuple(row): total for row, total in zip(whole.tolist(), sums[:, 0].tolist(), strict=True)}
    wanted = plainly(slot, track, y, x, stop, least)
    assert len(wanted) > 20
    # a distance within millimetres of the reach may fall either way
    assert len(set(found) ^ set(wanted)) <= 0.01 * len(wanted)
    for run in set(found) & set(wanted):
        assert found[run] == pytest.approx(wanted[run], rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_ships_that_lie_still_swing_and_drift_in_one_port_are_paired_as_by_a_plain_count(seed: int) -> None:
    slot, track, y, x = harbour(np.random.default_rng(seed), 3)
    stop = FIRST + 3 * 144
    whole, _ = pairing.runs_of(slot, track, y, x, FIRST, stop, 500.0, 12)
    found = [tuple(row) for row in whole.tolist()]
    wanted = plainly(slot, track, y, x, stop, 12)
    # long and short meetings, and none told twice
    assert len(wanted) > 100
    assert max(run[4] for run in wanted) > 150
    assert len(found) == len(set(found))
    assert len(set(found) ^ set(wanted)) <= 0.01 * len(wanted)


def test_a_pair_across_the_edge_of_spans_is_one_meeting() -> None:
    slot = np.tile(np.arange(FIRST, FIRST + 2 * 144, dtype=np.int32), 2)
    track = np.repeat(np.array([0, 1], np.int32), 288)
    lat = np.where(track == 0, 400_000_000, 400_010_000).astype(np.int32)
    lon = np.where(track == 0, 1_799_999_000, -1_799_999_000).astype(np.int32)
    spans = []
    for day in range(2):
        first = FIRST + day * 144
        inside = (slot >= first) & (slot < first + 144)
        spans.append(
            pairing.runs_of(slot[inside], track[inside], lat[inside], lon[inside], first, first + 144, 500.0, 12)
        )
    runs, sums = encounters.join_spans(spans, np.array([10, 20]), np.array([0, 0]), 12)
    assert runs.tolist() == [[0, 1, FIRST, FIRST + 287, 288]]
    assert abs(sums[0, 2] / 288) == pytest.approx(180.0, abs=1e-3)


def test_identifiers_are_of_the_content_alone() -> None:
    first = event_ids("visit", ["7", "8"], np.array([1, 1]))
    again = event_ids("visit", ["8", "7"], np.array([1, 1]))
    assert first.to_pylist() == again.to_pylist()[::-1]
    assert len(set(first.to_pylist() + event_ids("gap", ["7"], np.array([1])).to_pylist())) == 3
    many = event_ids("visit", np.arange(200_000), np.zeros(200_000, np.int64)).to_pylist()
    assert len(set(many)) == 200_000
    assert event_ids("visit", np.zeros(0, np.int64)).to_pylist() == []
