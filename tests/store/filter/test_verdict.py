"""What is not known stays so, unless the other side decides (Kleene's tables)."""

from __future__ import annotations

import numpy as np
import pytest

from abi.store.filter._verdict import Verdict

# Rows: both in turn are no, yes, maybe; 9 pairs.
A = Verdict(np.repeat([False, True, False], 3), np.repeat([False, False, True], 3))
B = Verdict(np.tile([False, True, False], 3), np.tile([False, False, True], 3))


def told(verdict: Verdict) -> str:
    assert verdict.maybe is not None
    assert not (verdict.yes & verdict.maybe).any()
    both = zip(verdict.yes, verdict.maybe, strict=True)
    return "".join("y" if yes else "?" if maybe else "n" for yes, maybe in both)


def test_kleenes_tables() -> None:
    assert told(A & B) == "nnn" + "ny?" + "n??"
    assert told(A | B) == "ny?" + "yyy" + "?y?"
    assert told(~A) == "yyy" + "nnn" + "???"


@pytest.mark.parametrize("known", [np.array([True, False]), np.array([False, True])])
def test_what_is_known_of_all_stays_known(known: np.ndarray) -> None:
    one, other = Verdict(known), Verdict(np.array([True, True]))
    assert (one & other).maybe is None
    assert (one & other).yes.tolist() == known.tolist()
    assert (one | other).yes.tolist() == [True, True]
    assert (~one).yes.tolist() == (~known).tolist()


def test_what_may_be_is_not_sure() -> None:
    verdict = Verdict.of(np.array([True, True, False]), np.array([True, False, False]))
    assert told(verdict) == "?yn"
    assert Verdict.of(np.array([True]), np.array([False])).maybe is None
