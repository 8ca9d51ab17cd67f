"""Deletions: a mask that readers keep, and who deleted what when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abi.errors import FormatError
from abi.store._deaths import Deaths


def rows(*values: int) -> Any:
    return np.array(values, np.int64)


def test_nobody_is_dead_at_first() -> None:
    deaths = Deaths()
    assert deaths.alive(3) is None
    assert deaths.is_alive(2)


def test_a_mask_once_given_does_not_change() -> None:
    deaths = Deaths()
    deaths.kill(rows(1), 5, 50, 3)
    before = deaths.alive(3)
    deaths.kill(rows(0), 6, 60, 4)
    assert before is not None
    assert before.tolist() == [True, False, True]
    after = deaths.alive(4)
    assert after is not None
    assert after.tolist() == [False, False, True, True]


def test_rows_that_come_later_are_alive() -> None:
    deaths = Deaths()
    deaths.kill(rows(0), 1, 1, 1)
    alive = deaths.alive(1000)
    assert alive is not None
    assert np.flatnonzero(~alive).tolist() == [0]
    assert deaths.is_alive(100_000)


def test_what_is_written_comes_back() -> None:
    deaths = Deaths()
    deaths.kill(rows(4, 2), 5, 50, 6)
    deaths.kill(rows(), 6, 60, 6)
    deaths.kill(rows(0), 7, 70, 6)
    back = Deaths.from_arrays(deaths.arrays(), 6, "file")
    assert [a.tolist() for a in back.log()] == [[4, 2, 0], [5, 5, 7], [50, 50, 70]]
    assert back.count == 3
    alive = back.alive(6)
    assert alive is not None
    assert np.flatnonzero(~alive).tolist() == [0, 2, 4]


def test_none_comes_back_as_none() -> None:
    assert Deaths.from_arrays(Deaths().arrays(), 3, "file").alive(3) is None


@pytest.mark.parametrize(
    "change",
    [
        {"rows": np.array([6, 0], np.uint32)},
        {"rows": np.array([1, 1], np.uint32)},
        {"rows": np.array([1, 2], np.int64)},
        {"rows": np.array([1], np.uint32)},
        {"times": np.array([[1], [2]], np.uint64)},
        {"sequences": None},
    ],
)
def test_hostile_deletions_are_refused(change: dict[str, Any]) -> None:
    deaths = Deaths()
    deaths.kill(rows(4, 2), 5, 50, 6)
    arrays = {k: v for k, v in {**deaths.arrays(), **change}.items() if v is not None}
    with pytest.raises(FormatError):
        Deaths.from_arrays(arrays, 6, "file")
