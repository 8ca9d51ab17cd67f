"""Penalties and DRY on texts worked by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abi.sampling import Candidates, Vocabulary
from abi.sampling._dry import dry, repetitions
from abi.sampling._penalties import penalties

A, B, C, X, Y = range(5)


def penalised(history: list[int], *options: float, logits: Sequence[float]) -> list[float]:
    last_n, repeat, frequency, presence = options
    keep = penalties(history, int(last_n), repeat, frequency, presence)
    return [round(v, 5) for v in keep(Candidates.of(logits)).logits.tolist()]


def test_repetition_divides_above_0_and_multiplies_below() -> None:
    assert penalised([0, 1, 1, 2], 64, 2.0, 0, 0, logits=[3, -3, 0, 5]) == [1.5, -6, 0, 5]


def test_frequency_counts_and_presence_does_not() -> None:
    assert penalised([1, 1, 1, 0], 64, 1, 0.5, 0.25, logits=[1, 1, 1]) == [0.25, -0.75, 1]


def test_only_the_last_n_count() -> None:
    assert penalised([0, 0, 1, 2], 2, 2.0, 0, 0, logits=[4, 4, 4]) == [4, 2, 2]


def test_penalties_see_a_history_that_grows() -> None:
    history: list[int] = []
    keep = penalties(history, 8, 2.0, 0, 0)
    assert keep(Candidates.of([4.0, 4.0])).logits.tolist() == [4, 4]
    history.append(1)
    assert keep(Candidates.of([4.0, 4.0])).logits.tolist() == [4, 2]


def test_tokens_that_are_no_candidates_are_passed_over() -> None:
    kept = Candidates(np.array([7, 3]), np.array([4, 2], np.float32), True)
    assert penalties([3, 5], 8, 2.0, 0, 0)(kept).logits.tolist() == [4, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Before each later "a b" comes what follows the first: c, after a match of 2.
        ([A, B, C, X, A, B], {C: 2}),
        # a b c c b c y a b c: the last three came at the start and go on with c; of
        # "b c y" the last two match, of the lone c one.
        ([A, B, C, C, B, C, Y, A, B, C], {C: 3, Y: 2}),
        ([A, A, A, A], {A: 3}),
        ([A, B, C], {}),
        ([], {}),
    ],
)
def test_repetitions(text: list[int], expected: dict[int, int]) -> None:
    assert repetitions(text[::-1], {}, 2) == expected


def test_a_repetition_ends_at_a_breaker() -> None:
    text = [A, B, X, C, Y, A, B, X, C]  # "a b x c" would go on with y
    assert repetitions(text[::-1], {}, 1) == {Y: 4}
    assert repetitions(text[::-1], {X: frozenset({()})}, 1) == {Y: 1}
    assert repetitions(text[::-1], {B: frozenset({(X,)})}, 1) == {Y: 1}
    assert repetitions(text[::-1], {B: frozenset({(Y,)})}, 1) == {Y: 4}
    assert repetitions(text[::-1], {C: frozenset({()})}, 1) == {}


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(1, 4))
def test_repetitions_equal_a_plain_search(text: list[int], allowed: int) -> None:
    expected: dict[int, int] = {}
    for end in range(1, len(text)):  # text[:end] ends like the text, text[end] follows
        n = 0
        while n < end and text[end - 1 - n] == text[len(text) - 1 - n]:
            n += 1
        if n >= allowed and len(text) > allowed:
            expected[text[end]] = max(n, expected.get(text[end], 0))
    assert repetitions(text[::-1], {}, allowed) == expected


def test_dry_grows_with_the_length() -> None:
    # A match of 3 with 2 allowed loses 0.8 * 1.75 ** 1 = 1.4, one of 2 loses 0.8.
    keep = dry([A, B, C, C, B, C, Y, A, B, C], {}, 0.8, 1.75, 2, 64)
    logits = keep(Candidates.of(np.full(5, 5.0))).logits
    np.testing.assert_allclose(logits, [5, 5, 3.6, 5, 4.2], rtol=1e-6)


def test_dry_spares_a_breaker() -> None:
    keep = dry([A, B, C, X, A, B], {C: frozenset({()})}, 0.8, 1.75, 2, 64)
    assert keep(Candidates.of(np.full(5, 5.0))).logits.tolist() == [5] * 5


def test_dry_of_a_long_repetition_stays_finite() -> None:
    keep = dry([A] * 3000, {}, 1.0, 1.75, 2, 3000)
    assert np.isfinite(keep(Candidates.of(np.full(5, 5.0))).logits).all()


PIECES = (b"a", b"b", b"ab", b"xa", b"xab!", b"ba", b"aa")
WORDS = Vocabulary(lambda: PIECES, lambda text: [PIECES.index(bytes([byte])) for byte in text])


def test_breakers_are_held_or_begun_by_tokens() -> None:
    found = WORDS.breakers(["ab"])
    whole, begun = frozenset({()}), frozenset({(1,)})
    assert found == {0: begun, 2: whole, 3: begun, 4: whole, 5: begun, 6: begun}


def test_a_token_may_begin_a_breaker_in_two_ways() -> None:
    assert WORDS.breakers(["aab"])[6] == {(1,), (0, 1)}
