"""Searches at their limits: many codes, tiny and endless numbers, threads, nothing to keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from abi_accel._library import load
from abi_accel._spaces import in_line

from abi.errors import InputError
from abi.index import HNSW, Vectors
from abi.index._probe import _sizes
from abi.kernels import Look, Ranking, select
from tests.accel.test_search_random import METRICS, Case, graph_of, inverse


def test_the_sum_of_many_codes_does_not_wrap(native_library: Path) -> None:
    """Of 1024 codes half count, and all of them are in one sum of 16 bits."""
    m = 1024
    words = np.zeros((m, 16, 1), np.float32)
    words[np.arange(m) % 4 < 2, 15] = 1
    codes = np.zeros((40, m // 2), np.uint8)
    codes[3], codes[5, : m // 4] = 255, 255
    offsets = np.array([0, 40])
    look = Look(np.zeros((1, 1), np.float32), offsets, np.diff(offsets), 1, 2)
    kernels = select("native")
    packed = kernels.pack_codes(codes, words)
    rows, scores, _ = kernels.probe_codes(look, np.ones((1, m), np.float32), packed, 1.0, None)
    assert rows.tolist() == [[3, 5]]
    np.testing.assert_allclose(scores, [[512, 256]], rtol=1e-4)


@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize("away", [0, 1000])
def test_partitions_are_ranked_as_they_are_looked_into(
    native_library: Path, metric: str, away: int
) -> None:
    """Small whole numbers, so that products are exact, and equal scores come up."""
    rng, library = np.random.default_rng(away), load()
    for n_queries, parts, dim, nprobe in ((16, 1, 3, 1), (25, 40, 33, 3), (70, 90, 8, 60)):

        def numbers(n: int) -> npt.NDArray[np.float32]:
            return (rng.integers(-3, 4, (n, dim)) + away).astype(np.float32)  # noqa: B023

        queries, vectors, centroids = numbers(n_queries), numbers(300), numbers(parts)
        offsets = np.sort(np.append(rng.integers(0, 301, parts - 1), [0, 300]))
        for allow in (None, rng.random(300) < 0.1):
            sizes = _sizes(offsets, allow)
            for isa in library.isas:
                library.choose(isa)
                kernels = select("native")
                ranking = Ranking(queries, centroids, metric, kernels.distances)
                made = Look(ranking, offsets, sizes, nprobe, 9, allow=allow)
                given = replace(made, ranked=ranking.scores())
                found, want = (kernels.probe(x, queries, vectors, metric) for x in (made, given))
                assert found is not None and want is not None
                for one, other in zip(found, want, strict=True):
                    np.testing.assert_array_equal(one, other)


def test_a_ranking_of_other_queries_is_refused(native_library: Path) -> None:
    rows = np.zeros((40, 5), np.float32)
    offsets = np.array([0, 20, 40])
    for queries, centroids in ((rows[:39], rows[:2]), (rows, rows[:3]), (rows, rows[:2, :4])):
        ranking = Ranking(queries, centroids, "ip", select("native").distances)
        look = Look(ranking, offsets, np.diff(offsets), 1, 2)
        with pytest.raises(InputError, match="of the ranking"):
            select("native").probe(look, rows, rows, "ip")


@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize("scale", [1e-19, 1e-20, 1e-22])
def test_tiny_numbers_are_told_apart(native_library: Path, metric: str, scale: float) -> None:
    """The matrix unit takes products below 2^-126 as zero; its bounds must allow for it."""
    case = Case(metric, 400, 20, 20, "normal", None, 3, 2, 0)
    queries, rows, _ = case.data()
    queries, rows, kernels = queries * np.float32(scale), rows * np.float32(scale), case.kernels()
    alone = [kernels.scan(query[None], rows, metric, 3)[0][0] for query in queries]
    np.testing.assert_array_equal(kernels.scan(queries, rows, metric, 3)[0], alone)


def test_a_query_without_length_meets_rows_of_infinite_squares(native_library: Path) -> None:
    case = Case("ip", 50, 20, 16, "normal", None, 3, 2, 0)
    queries, rows, _ = case.data()
    queries[0] = 0
    found, scores = case.kernels().scan(queries, rows * np.float32(1e25), "ip", 2)
    assert found[0].tolist() == [0, 1] and scores[0].tolist() == [0, 0]


def test_a_filtered_walk_crosses_few_rows(native_library: Path) -> None:
    """It compares about as many as the reference, not several times as many."""
    case = Case("l2", 4000, 24, 40, "normal", 0.03, 3, 1, 0)
    queries, rows, allow = case.data()
    graph = graph_of(case, rows, 16, 60)
    compared = [
        kernels.hnsw_search(graph, queries, rows, "l2", 10, 64, None, allow)[2].mean()
        for kernels in (select("numpy"), case.kernels())
    ]
    assert compared[1] < 1.7 * compared[0]


@pytest.mark.parametrize("metric", METRICS)
def test_neighbours_are_those_of_the_reference(native_library: Path, metric: str) -> None:
    rng = np.random.default_rng(1)
    case = Case(metric, 200, 24, 0, "normal", None, 3, 3, 1)
    _, rows, _ = case.data()
    points = np.arange(0, 200, 7)
    lists = [np.sort(rng.permutation(np.delete(np.arange(200), p))[:60]) for p in points]
    found = [
        kernels.hnsw_neighbours(points, np.array(lists), 12, rows, metric, inverse(rows, metric))
        for kernels in (select("numpy"), case.kernels())
    ]
    np.testing.assert_array_equal(found[1], found[0])


def test_a_walk_after_one_of_fewer_threads(native_library: Path) -> None:
    """Marks are made for as many threads as there are, not as there were."""
    for threads in (1, 5):
        case = Case("l2", 400, 16, 33, "normal", None, 2, threads, 0)
        queries, rows, _ = case.data()
        graph = graph_of(case, rows, 8, 30)
        case.kernels().hnsw_search(graph, queries, rows, "l2", 5, 30)
        used = select("native")._threads(16 * (500 + 12 * 30) * 33)  # type: ignore[attr-defined]
        assert len(select("native")._own.marks) >= used >= min(threads, 2)  # type: ignore[attr-defined]


def test_rows_at_an_odd_address(native_library: Path) -> None:
    case = Case("l2", 50, 17, 3, "normal", None, 0, 1, 0)
    queries, rows, _ = case.data()
    odd = np.empty(rows.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(rows.shape)
    odd[...] = rows
    found = in_line(odd)
    assert found.flags.aligned and in_line(rows) is rows
    want, got = (case.kernels().scan(queries, x, "l2", 5)[0] for x in (rows, odd))
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("odd", [np.nan, np.inf, 3e38])
def test_what_is_no_number_ends(native_library: Path, odd: float) -> None:
    for isa in range(4):
        case = Case("ip", 300, 17, 20, "normal", None, isa, 3, isa)
        queries, rows, _ = case.data()
        rows[::50], queries[3, 2], kernels = odd, odd, case.kernels()
        with np.errstate(all="ignore"):
            graph = graph_of(case, rows, 8, 30)
            for metric in ("ip", "l2"):
                for n in (3, 20):
                    kernels.scan(queries[:n], rows, metric, 9)
                found, _, _ = kernels.hnsw_search(graph, queries, rows, metric, 9, 30)
                there = [[row for row in line if row >= 0] for line in found.tolist()]
                assert all(len({*line}) == len(line) for line in there)


def test_nothing_is_kept_of_nothing(native_library: Path) -> None:
    case = Case("l2", 5, 3, 2, "normal", None, 0, 1, 0)
    queries, rows, _ = case.data()
    graph, kernels = graph_of(case, rows, 2, 5), select("native")
    with pytest.raises(InputError, match="k is 0"):
        kernels.scan(queries, rows, "l2", 0)
    with pytest.raises(InputError, match="ef is 0"):
        kernels.hnsw_search(graph, queries, rows, "l2", 0, 0)
    look = Look(np.zeros((2, 1), np.float32), np.array([0, 5]), np.array([5]), 1, 0)
    with pytest.raises(InputError, match="k is 0"):
        kernels.probe(look, queries, rows, "l2")


@pytest.mark.parametrize("metric", ["l2", "hamming"])
def test_a_graph_is_the_same_with_any_number_of_threads(native_library: Path, metric: str) -> None:
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((3000, 24), np.float32)
    data = rows if metric == "l2" else np.packbits(rows > 0, axis=1)
    graphs, library = [], load()
    for library.n_threads in (1, 2, 5):
        index = HNSW.build(Vectors.of(data, metric, select("native")), kernels=select("native"))
        graphs.append(index.arrays())
    for other in graphs[1:]:
        for name, array in graphs[0].items():
            np.testing.assert_array_equal(array, other[name])


def test_differing_bits(native_library: Path) -> None:
    rng, library = np.random.default_rng(2), load()
    for n_queries, n, words in ((1, 0, 3), (5, 1, 1), (3, 700, 6), (9, 257, 13)):
        codes = rng.integers(0, 1 << 63, (n_queries + n, 2 * words), np.uint64)[:, ::2] * 2
        asked, rows = codes[:n_queries], codes[n_queries:]
        want = np.bitwise_count(asked[:, None] ^ rows[None]).sum(axis=2)
        for isa in library.isas:
            library.choose(isa)
            got = select("native").popcount_distances(asked, rows)
            assert got.dtype == np.int32
            np.testing.assert_array_equal(got, want)
    with pytest.raises(InputError, match="codes"):
        select("native").popcount_distances(asked, rows[:, 1:])


def test_sums_of_groups_check_what_they_are_given(native_library: Path) -> None:
    kernels, rows = select("native"), np.ones((4, 3), np.float32)
    order, starts = np.array([3, 0, 3]), np.array([0, 1])
    np.testing.assert_array_equal(kernels.sums(rows, order, starts), [[1] * 3, [2] * 3])
    for bad, first, words in ((order + 1, starts, "order"), (order, starts + 2, "starts"),
                              (order, np.array([1, 1]), "rise")):  # fmt: skip
        with pytest.raises(InputError, match=words):
            kernels.sums(rows, bad, first)
    with pytest.raises(InputError, match="centroids"):
        kernels.nearest(rows, rows[:, :2], None)
    with pytest.raises(InputError, match="offsets"):
        kernels.nearest(rows, rows, np.zeros(3, np.float32))


def test_no_number_is_nearest_to_the_first(native_library: Path) -> None:
    rows = np.full((9, 5), np.nan, np.float32)
    near = np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
    library = load()
    for isa in library.isas:
        library.choose(isa)
        assert select("native").nearest(rows, near, None).tolist() == [0] * 9
