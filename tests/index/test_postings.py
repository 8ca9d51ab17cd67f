"""Postings: BM25 as it is defined, the same for built, growing, joined and saved ones."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import FormatError, InputError
from abi.index import GrowingPostings, Postings, idf

WORDS = ["a", "b", "ab", "é", "\U00010000", "\uffff", "zz"]
DOCUMENTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=6), max_size=8)


def growing(documents: list[list[str]]) -> GrowingPostings:
    found = GrowingPostings()
    found.add(documents[:2])
    found.add(documents[2:])
    return found


def scores(documents: list[list[str]], terms: list[str]) -> list[float]:
    """BM25 from its definition."""
    n = len(documents)
    average = max(1e-9, sum(map(len, documents)) / max(1, n))
    found = []
    for document in documents:
        total, counts = 0.0, Counter(document)
        for term in terms:
            df = sum(term in d for d in documents)
            weight = math.log(1 + (n - df + 0.5) / (df + 0.5))
            norm = 1.2 * (1 - 0.75 + 0.75 * len(document) / average)
            total += weight * counts[term] / (counts[term] + norm) if counts[term] else 0
        found.append(total)
    return found


def ask(postings: Any, terms: list[str], k: int, allow: Any = None) -> list[tuple[int, float]]:
    n = postings.n_documents
    average = postings.total_length / max(1, n)
    weights = idf(n, postings.document_frequency(terms))
    rows, found = postings.top(terms, weights, average, k, allow)
    return list(zip(rows.tolist(), found.tolist(), strict=True))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(DOCUMENTS, st.lists(st.sampled_from([*WORDS, "none"]), max_size=4), st.integers(1, 9))
def test_scores_are_bm25(documents: list[list[str]], terms: list[str], k: int) -> None:
    expected = [(s, -row) for row, s in enumerate(scores(documents, terms)) if s > 0]
    best = sorted(expected, reverse=True)[:k]
    for postings in (Postings.build(documents), growing(documents)):
        assert postings.n_worded == sum(map(bool, documents))
        got = ask(postings, terms, k)
        assert np.allclose([s for _, s in got], [s for s, _ in best], rtol=1e-5)
        for row, score in got:
            assert math.isclose(scores(documents, terms)[row], score, rel_tol=1e-5)


def test_an_example_worked_by_hand() -> None:
    """3 documents of 2 terms on average; "x" is in 2: ln(1 + 1.5 / 2.5) = 0.470004."""
    documents = [["x", "x"], ["x", "y", "z"], ["q"]]
    (first, second) = ask(Postings.build(documents), ["x"], 5)
    assert first == (0, pytest.approx(0.470004 * 2 / (2 + 1.2)))
    assert second == (1, pytest.approx(0.470004 * 1 / (1 + 1.2 * (0.25 + 0.75 * 1.5))))


def test_equal_scores_come_by_their_rows() -> None:
    postings = Postings.build([["a"]] * 5)
    assert [row for row, _ in ask(postings, ["a"], 3)] == [0, 1, 2]


@pytest.mark.parametrize("allow", [[True, False, True], [False], [], [True] * 9])
def test_only_what_is_allowed_is_found(allow: list[bool]) -> None:
    documents = [["a"], ["a"], ["a"], ["b"], ["a"]]
    expected = [i for i, ok in enumerate(allow[:5]) if ok and documents[i] == ["a"]]
    for postings in (Postings.build(documents), growing(documents)):
        got = ask(postings, ["a"], 9, np.array(allow, np.bool_))
        assert [row for row, _ in got] == expected


def same(a: Postings, b: Postings) -> None:
    left, right = a.arrays(), b.arrays()
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype, name
        assert left[name].tolist() == right[name].tolist(), name


@settings(max_examples=150, deadline=None, derandomize=True)
@given(DOCUMENTS, DOCUMENTS, st.randoms(use_true_random=False))
def test_joined_postings_are_those_of_the_joined_documents(
    one: list[list[str]], two: list[list[str]], random: Any
) -> None:
    kept = [(part, i) for part, d in enumerate((one, two)) for i in range(len(d))]
    kept = [pair for pair in kept if random.random() < 0.7]
    random.shuffle(kept)
    rows = [np.full(len(d), -1) for d in (one, two)]
    for new, (part, old) in enumerate(kept):
        rows[part][old] = new
    merged = Postings.merge([Postings.build(one), Postings.build(two)], rows, len(kept))
    same(merged, Postings.build([(one, two)[part][old] for part, old in kept]))


def test_saved_postings_are_the_same() -> None:
    postings = Postings.build([["b", "a"], [], ["b", "b", "c"]])
    same(Postings.from_arrays(postings.arrays()), postings)
    assert postings.arrays()["rows"].dtype == np.uint8


@pytest.mark.parametrize("name", ["terms", "offsets", "starts", "rows", "counts", "lengths"])
def test_hostile_arrays_are_refused_or_read(name: str) -> None:
    arrays = Postings.build([["b", "a"], [], ["b", "b", "c"]]).arrays()
    with pytest.raises(FormatError):
        Postings.from_arrays({k: v for k, v in arrays.items() if k != name})
    shorter = [] if name == "lengths" else [arrays[name][:-1]]  # found where rows are read
    for changed in (*shorter, arrays[name].astype(np.int64), arrays[name][None]):
        with pytest.raises(FormatError):
            Postings.from_arrays({**arrays, name: changed})
    for place in range(len(arrays[name])):
        for value in (0, 1, 3, 200):
            changed = arrays[name].copy()
            changed[place] = value
            with contextlib.suppress(FormatError):
                ask(Postings.from_arrays({**arrays, name: changed}), ["a", "b", "c", "d"], 5)


def test_rows_beyond_the_documents_are_refused_where_they_are_read() -> None:
    arrays = Postings.build([["a"], ["a"]]).arrays()
    for bad in ([0, 2], [1, 0], [0, 0]):
        postings = Postings.from_arrays({**arrays, "rows": np.array(bad, np.uint8)})
        with pytest.raises(FormatError, match="ascend"):
            ask(postings, ["a"], 1)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(DOCUMENTS)
def test_frozen_postings_are_the_built_ones(documents: list[list[str]]) -> None:
    same(growing(documents).freeze(), Postings.build(documents))


def test_the_best_are_those_of_all_scores_where_common_terms_are_spared() -> None:
    rng = np.random.default_rng(3)
    common = [["the"] * int(c) + ["of"] * int(d) for c, d in rng.integers(0, 4, (2000, 2))]
    documents = [t + [f"w{rng.integers(300)}" for _ in range(5)] for t in common]
    for postings in (Postings.build(documents), growing(documents)):
        for terms in (["the", "w1", "w2"], ["of", "the"], ["w7", "of", "w7", "none"]):
            for share in (1.0, 0.5, 0.02):
                allow = rng.random(2000) < share
                weights = idf(2000, postings.document_frequency(terms))
                rows, scores = postings.scores(terms, weights, 8.0, allow)
                best = np.lexsort((rows, -scores))[:10]
                got, found = postings.top(terms, weights, 8.0, 10, allow)
                assert got.tolist() == rows[best].tolist()
                assert found.tolist() == scores[best].tolist()


def test_weights_multiply_and_repeated_terms_add() -> None:
    postings = Postings.build([["a", "b"], ["b"]])
    once = postings.scores(["a"], [1.0], 1.5)[1]
    assert np.allclose(postings.scores(["a"], [1.0], 1.5, weights=[3.0])[1], 3 * once)
    assert np.allclose(postings.scores(["a", "a"], [1.0, 2.0], 1.5)[1], 3 * once)


@pytest.mark.parametrize("bad", [[-1.0], [np.nan], [np.inf], [1.0, 1.0]])
def test_weights_that_are_none_are_refused(bad: list[float]) -> None:
    with pytest.raises(InputError):
        Postings.build([["a"]]).top(["a"], bad, 1.0, 1)
    with pytest.raises(InputError, match="k is 0"):
        Postings.build([["a"]]).top(["a"], [1.0], 1.0, 0)


@pytest.mark.parametrize("rows", [[0, 0], [0, -2], [0, 2], [0], [0.0, 1.0]])
def test_joined_documents_each_need_a_row_of_their_own(rows: list[Any]) -> None:
    part = Postings.build([["a"], ["b"]])
    with pytest.raises(InputError, match="new row"):
        Postings.merge([part], [np.array(rows)], 2)


def test_two_parts_do_not_share_a_row() -> None:
    part = Postings.build([["a"]])
    with pytest.raises(InputError, match="new row 1: 2 documents"):
        Postings.merge([part, part], [np.array([1]), np.array([1])], 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_arrays_of_any_width_are_read_and_joined(dtype: Any) -> None:
    documents = [["b", "a"], [], ["b", "b", "c"]]
    arrays = {n: a.astype(dtype) for n, a in Postings.build(documents).arrays().items()}
    arrays["terms"] = arrays["terms"].astype(np.uint8)
    wide = Postings.from_arrays(arrays)
    assert ask(wide, ["b", "c"], 5) == ask(Postings.build(documents), ["b", "c"], 5)
    same(Postings.merge([wide], [np.arange(3)], 3), Postings.build(documents))
