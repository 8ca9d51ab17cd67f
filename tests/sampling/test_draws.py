"""Random numbers, draws, XTC, mirostat and adaptive-p on examples worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from abi.sampling import Candidates
from abi.sampling._adaptive import adaptive_p
from abi.sampling._draw import greedy_draw, index_of, plain_draw
from abi.sampling._mirostat import mirostat_1, mirostat_2
from abi.sampling._random import Uniforms
from abi.sampling._xtc import xtc

LOGITS = np.log(np.array([0.1, 0.4, 0.2, 0.3], np.float32))
ROW = Candidates.of(LOGITS)


class Given(Uniforms):
    """The numbers given, in turn."""

    def __init__(self, *numbers: float) -> None:
        self._numbers = iter(numbers)

    def double(self) -> float:
        return next(self._numbers)

    def single(self) -> np.float32:
        return np.float32(next(self._numbers))


def test_the_generator_is_the_one_of_the_cpp_standard() -> None:
    # [rand.predef]: the 10000th output with the default seed is 4123659995.
    uniforms = Uniforms(5489)
    for _ in range(9999):
        uniforms.single()
    assert uniforms.single() == np.float32(4123659995) / np.float32(2**32)


def test_a_double_takes_its_low_bits_first() -> None:
    # The first two outputs with the seed 5489 are 3499211612 and 581869302.
    assert Uniforms(5489).double() == (3499211612 + 581869302 * 2**32) / 2**64


@pytest.mark.parametrize(
    ("u", "token"), [(0.0, 0), (0.09, 0), (0.11, 1), (0.49, 1), (0.51, 2), (0.71, 3), (0.999, 3)]
)
def test_the_plain_draw(u: float, token: int) -> None:
    drawn = plain_draw(Given(u))(ROW)
    assert drawn.token == token
    np.testing.assert_allclose(drawn.chances, [0.1, 0.4, 0.2, 0.3], rtol=1e-6)


def test_a_banned_token_is_drawn_by_no_number() -> None:
    row = Candidates.of([-np.inf, 0.0, -np.inf])
    for u in (0.0, 1e-300, 0.5, math.nextafter(1, 0)):
        assert plain_draw(Given(u))(row).token == 1
    assert index_of(np.array([0, 1, 0], np.float32), Given(0.0)) == 1


def test_draws_follow_the_distribution() -> None:
    draw = plain_draw(Uniforms(1))
    counts = np.bincount([draw(ROW).token for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(counts, [0.1, 0.4, 0.2, 0.3], atol=0.03)


def test_greedy_takes_the_first_of_equals() -> None:
    assert greedy_draw(Candidates.of([1.0, 2.0, 2.0])).token == 1


@pytest.mark.parametrize(
    ("u", "threshold", "min_keep", "expected"),
    [
        (0.4, 0.15, 0, [2, 0]),  # 0.4, 0.3 and 0.2 reach it; the least of them stays
        (0.4, 0.25, 0, [3, 2, 0]),
        (0.4, 0.35, 0, [1, 3, 2, 0]),  # one top choice alone is no reason
        (0.6, 0.15, 0, [0, 1, 2, 3]),  # not this time
        (0.4, 0.15, 3, [1, 3, 2, 0]),
        (0.4, 0.0, 0, [0]),
    ],
)
def test_xtc(u: float, threshold: float, min_keep: int, expected: list[int]) -> None:
    assert xtc(0.5, threshold, min_keep, Given(u))(ROW).ids.tolist() == expected


def test_mirostat_2_cuts_by_surprise_and_corrects_itself() -> None:
    # mu starts at 2 * 0.7 = 1.4 bits; surprises are 3.32, 1.32, 2.32, 1.74: token 1 is left.
    # Its surprise is then 0, so mu grows by 1 * 0.7 to 2.1: tokens 1 and 3, as 4/7 and 3/7.
    draw = mirostat_2(0.7, 1.0, Given(0.6))
    assert draw(ROW).candidates.ids.tolist() == [1]
    drawn = draw(ROW)
    assert (drawn.candidates.ids.tolist(), drawn.token) == ([1, 3], 3)
    np.testing.assert_allclose(drawn.chances, [4 / 7, 3 / 7], rtol=1e-6)


def test_mirostat_2_keeps_one_token_when_all_surprise() -> None:
    assert mirostat_2(0.0, 0.1, Given())(ROW).candidates.ids.tolist() == [1]


def test_mirostat_1_cuts_by_the_law_of_zipf() -> None:
    # Probabilities as 1/rank ** 2: the exponent is 2, epsilon 1 and mu 4, so that
    # k = (2 ** 4 / (1 - 16 ** -1)) ** (1/2) = 4.13.
    logits = np.log(1 / np.arange(1, 21) ** 2.0)
    drawn = mirostat_1(16, 2.0, 0.1, Given(0.99))(Candidates.of(logits))
    assert drawn.candidates.ids.tolist() == [0, 1, 2, 3]


def test_mirostat_1_of_one_token() -> None:
    assert mirostat_1(4, 2.0, 0.1, Given())(Candidates.of([3.0])).token == 0


def test_adaptive_p_prefers_tokens_near_the_target() -> None:
    # At the target 0.3 distances in widths of 0.3 are 2/3, 1/3, 1/3, 0: logits
    # 5 - 10 * d * d / (1 + d) = 2.3333, 4.1667, 4.1667, 5.
    draw, _ = adaptive_p(0.3, 0.5, Given(0.99))
    drawn = draw(ROW)
    np.testing.assert_allclose(drawn.candidates.logits, [7 / 3, 25 / 6, 25 / 6, 5], rtol=1e-5)
    assert drawn.token == 3


def test_adaptive_p_corrects_for_what_was_taken() -> None:
    # Weight 2, mass 0.6; after a token of 0.4: mass 0.4 + 0.3, weight 1 + 1: the wanted
    # probability is 0.6 - 0.35 = 0.25.
    draw, accept = adaptive_p(0.3, 0.5, Given(0.2, 0.99))
    accept(draw(ROW).token)
    apart = np.abs(np.array([0.1, 0.4, 0.2, 0.3]) - 0.25) / 0.3
    expected = 5 - 10 * apart**2 / (1 + apart)
    np.testing.assert_allclose(draw(ROW).candidates.logits, expected, rtol=1e-5)


def test_adaptive_p_below_0_draws_as_it_is() -> None:
    draw, _ = adaptive_p(-1.0, 0.5, Given(0.45))
    np.testing.assert_allclose(draw(ROW).chances, [0.1, 0.4, 0.2, 0.3], rtol=1e-6)
