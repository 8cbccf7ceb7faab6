"""Draws keep their identity through sums, joins and re-indexing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tumen.draws import matrix, redraw, summary


def long_table(values: np.ndarray) -> pa.Table:
    n, groups = values.shape
    return pa.table(
        {
            "draw": pa.array(np.repeat(np.arange(n), groups), pa.int32()),
            "place": np.tile([f"p{g}" for g in range(groups)], n),
            "n": values.ravel(),
        }
    )


def test_a_quantity_less_itself_is_nothing() -> None:
    values = np.random.default_rng(1).poisson(5, (200, 3)).astype(float)
    a, groups = matrix(long_table(values), "n", ["place"])
    assert groups == [("p0",), ("p1",), ("p2",)]
    assert np.array_equal(a, values)
    assert summary((a - a).sum(axis=1)) == (0.0, 0.0, 0.0)


def test_draws_without_rows_count_as_zero() -> None:
    table = pa.table({"draw": pa.array([2], pa.int32()), "n": [7.0]})
    assert matrix(table, "n", draws=4)[0][:, 0].tolist() == [0.0, 0.0, 7.0, 0.0]


def test_groups_may_be_dictionary_encoded_and_of_several_columns() -> None:
    values = np.arange(12.0).reshape(4, 3)
    table = long_table(values)
    coded = table.set_column(1, "place", table.column("place").dictionary_encode())
    assert matrix(coded, "n", ["place"])[0].tolist() == values.tolist()
    two = coded.append_column("month", pa.array(["a", "b", "a"] * 4))
    array, groups = matrix(two, "n", ["place", "month"])
    assert groups == [("p0", "a"), ("p1", "b"), ("p2", "a")]
    assert array.tolist() == values.tolist()


@given(st.lists(st.integers(0, 19), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_redrawing_carries_whole_worlds(index: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(20, 2))
    moved, _ = matrix(redraw(long_table(values), np.array(index)), "n", ["place"], draws=len(index))
    assert np.allclose(moved, values[index])
