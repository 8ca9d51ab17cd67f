"""Temperature and dynamic temperature, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from abi.sampling import Candidates
from abi.sampling._candidates import softmax
from abi.sampling._temperature import dynamic_temperature, temperature

LOGITS = np.log(np.array([0.1, 0.4, 0.2, 0.3], np.float32))
ROW = Candidates.of(LOGITS)


def test_half_squares_the_probabilities() -> None:
    chances = softmax(temperature(0.5)(ROW).logits)
    np.testing.assert_allclose(chances, np.array([1, 16, 4, 9]) / 30, rtol=1e-6)


def test_0_leaves_the_most_likely() -> None:
    assert temperature(0.0)(ROW).ids.tolist() == [1]


@pytest.mark.parametrize("t", [1e-38, 1e-46, 5e-324])
@pytest.mark.parametrize("shift", [0.0, 100.0, -1e30])
def test_a_temperature_near_0_overflows_nowhere(t: float, shift: float) -> None:
    row = Candidates.of(np.float32(shift) + np.array([0, 3, 1]) * np.float32(max(1, abs(shift))))
    np.testing.assert_array_equal(softmax(temperature(t)(row).logits), [0, 1, 0])


def test_a_huge_temperature_is_uniform() -> None:
    np.testing.assert_allclose(softmax(temperature(1e300)(ROW).logits), 0.25, rtol=1e-6)


def test_dynamic_temperature_of_a_flat_row_is_the_highest() -> None:
    row = Candidates.of([1.0, 1.0, 1.0])  # entropy at its maximum
    np.testing.assert_allclose(dynamic_temperature(1.0, 0.5, 1.0)(row).logits, 1 / 1.5, rtol=1e-6)


def test_dynamic_temperature_of_a_certain_row_is_the_lowest() -> None:
    row = Candidates.of([200.0, 0.0])  # entropy 0
    np.testing.assert_allclose(dynamic_temperature(1.0, 0.5, 1.0)(row).logits, [400, 0])


def test_dynamic_temperature_follows_the_entropy() -> None:
    # Entropy of 0.1 to 0.4 is 1.27985 nats of log 4 = 1.38629: 0.923218; squared 0.852332.
    # From 0.5 to 1.5 that is 1.352332.
    out = dynamic_temperature(1.0, 0.5, 2.0)(ROW)
    assert out.ids.tolist() == [1, 3, 2, 0]
    np.testing.assert_allclose(out.logits, LOGITS[out.ids] / 1.352332, rtol=1e-5)


def test_dynamic_temperature_survives_any_exponent() -> None:
    for exponent in (-1e9, -2.0, 0.0, 1e9):
        for row in (ROW, Candidates.of([200.0, 0.0])):
            chances = softmax(dynamic_temperature(1.0, 1.0, exponent)(row).logits)
            assert np.isfinite(chances).all()
