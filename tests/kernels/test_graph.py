"""HNSW kernels against brute force, and against the paper's algorithms written out plainly."""

from __future__ import annotations

import heapq
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.kernels import ABSENT, Graph, NumpyKernels, select
from abi.kernels._graph_insert import _walk_is_cheaper
from abi.kernels._graph_walk import EMPTY, keys_of, merge, scores_of

KERNELS = NumpyKernels()
METRICS = ("cosine", "ip", "l2", "hamming")
M = 8


@pytest.fixture(autouse=True, params=["numpy", "native"])
def _kernels(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, native_library: Path
) -> None:
    """Every test is of the reference and of the C kernels."""
    monkeypatch.setattr(sys.modules[__name__], "KERNELS", select(request.param))


def points(n: int, metric: str, seed: int = 0) -> npt.NDArray[Any]:
    fixed, rng = np.random.default_rng(99), np.random.default_rng(seed)
    if metric == "hamming":
        centres = fixed.integers(0, 256, (20, 16), dtype=np.uint8)
        noise = rng.integers(0, 256, (3, n, 16), dtype=np.uint8)
        return centres[rng.integers(0, 20, n)] ^ (noise[0] & noise[1] & noise[2])
    spread = rng.standard_normal((n, 24), np.float32)
    return fixed.standard_normal((20, 24), np.float32)[rng.integers(0, 20, n)] + spread


def scores(queries: npt.NDArray[Any], vectors: npt.NDArray[Any], metric: str) -> Any:
    """Every score, in float64, from the metric's definition."""
    if metric == "hamming":
        apart = np.unpackbits(queries[:, None] ^ vectors[None], axis=2)
        return -apart.sum(axis=2).astype(np.float64)
    q, x = queries.astype(np.float64), vectors.astype(np.float64)
    if metric == "l2":
        return -((q[:, None] - x[None]) ** 2).sum(axis=2)
    if metric == "cosine":
        q, x = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (q, x))
    return q @ x.T


def norms(vectors: npt.NDArray[Any], metric: str) -> npt.NDArray[np.float32] | None:
    if metric != "cosine":
        return None
    return (1 / np.linalg.norm(vectors, axis=1)).astype(np.float32)


def blank(levels: list[int] | npt.NDArray[Any], m: int = M) -> Graph:
    tall = np.asarray(levels, np.int32)
    start = np.where(tall > 0, np.cumsum(tall) - tall, -1).astype(np.int32)
    links = np.full((len(tall), 2 * m), -1, np.int32)
    upper = np.full((int(tall.sum()), m), -1, np.int32)
    return Graph(tall.astype(np.uint8), links, upper, start, -1)


def build(vectors: npt.NDArray[Any], metric: str, m: int = M, ef: int = 60) -> Graph:
    uniform = 1 - np.random.default_rng(7).random(len(vectors))
    graph = blank((-np.log(uniform) / np.log(m)).astype(np.int32), m)
    stop = len(vectors)
    return KERNELS.hnsw_insert(graph, vectors, metric, 0, stop, ef, norms(vectors, metric))


def recall(rows: npt.NDArray[Any], true: npt.NDArray[Any], k: int) -> float:
    """The share of found rows that score as well as the k-th best."""
    bound = np.sort(true, axis=1)[:, -k, None]
    padded = np.concatenate((true, np.full((len(true), 1), -np.inf)), axis=1)
    return float((np.take_along_axis(padded, rows, axis=1) >= bound - 1e-5).mean())


# -- keys ---------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.floats(width=32, allow_nan=False), st.integers(0, (1 << 31) - 1)), min_size=1
    )
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_keys_sort_by_score_then_row(pairs: list[tuple[float, int]]) -> None:
    values = np.array([score for score, _ in pairs], np.float32)
    rows = np.array([row for _, row in pairs], np.int64)
    keys = keys_of(values, rows)
    assert np.lexsort((rows, -values)).tolist() == np.argsort(keys, kind="stable").tolist()
    back_rows, back = scores_of(keys)
    assert back_rows.tolist() == rows.tolist()
    assert back.tolist() == values.tolist()


def test_an_empty_key_is_no_row() -> None:
    rows, found = scores_of(np.array([EMPTY]))
    assert (rows[0], found[0]) == (-1, -np.inf)


def test_beams_keep_their_best() -> None:
    beams = np.sort(keys_of(np.float32([9, 7, 5, 8, 6, 4]), np.arange(6)).reshape(2, 3), axis=1)
    merge(beams, np.array([0, 1, 1]), keys_of(np.float32([1, 7, 5]), np.array([6, 7, 8])))
    assert scores_of(beams)[0].tolist() == [[0, 1, 2], [3, 7, 4]]


# -- the heuristic ------------------------------------------------------------------------------


def test_a_candidate_behind_one_chosen_is_left_out() -> None:
    """On a line: 1 hides 2 and 3 from 0; -4 is nearer to 0 than to 1."""
    line = np.array([[0], [1], [2], [3], [-4]], np.float32)
    chosen = KERNELS.hnsw_neighbours(np.array([0]), np.array([[3, 2, 4, 1]]), 3, line, "l2")
    assert chosen.tolist() == [[1, 4, -1]]


def test_a_list_that_fits_is_kept_whole() -> None:
    line = np.array([[0], [1], [2], [3]], np.float32)
    chosen = KERNELS.hnsw_neighbours(np.array([0]), np.array([[3, -1, 2, 1]]), 4, line, "l2")
    assert chosen.tolist() == [[1, 2, 3, -1]]


def test_equal_points_hide_none() -> None:
    same = np.ones((5, 3), np.float32)
    chosen = KERNELS.hnsw_neighbours(np.array([4]), np.array([[0, 1, 2, 3]]), 3, same, "l2")
    assert sorted(chosen[0].tolist()) == [0, 1, 2]


def plain_heuristic(row: int, candidates: list[int], limit: int, near: Any) -> list[int]:
    """Algorithm 4 of the paper, for one point."""
    if len(candidates) < limit:
        return sorted(candidates, key=lambda c: -near[row, c])
    chosen: list[int] = []
    for c in sorted(candidates, key=lambda c: -near[row, c]):
        if len(chosen) < limit and all(near[c, s] <= near[row, c] for s in chosen):
            chosen.append(c)
    return chosen


@pytest.mark.parametrize("metric", METRICS)
def test_neighbours_are_those_of_algorithm_4(metric: str) -> None:
    vectors = points(300, metric)
    if metric == "hamming":  # distances that differ, so that rounding decides nothing
        vectors = np.random.default_rng(1).integers(0, 256, (300, 64), dtype=np.uint8)
    near = scores(vectors, vectors, metric)
    rng = np.random.default_rng(2)
    rows = np.arange(40)
    candidates = np.array([rng.permutation(np.arange(40, 300))[:70] for _ in rows])
    candidates[::3, 50:] = -1
    candidates[1::3, 5:] = -1
    got = KERNELS.hnsw_neighbours(rows, candidates, 8, vectors, metric, norms(vectors, metric))
    for row, line in enumerate(candidates.tolist()):
        want = plain_heuristic(row, [c for c in line if c >= 0], 8, near)
        have = [c for c in got[row].tolist() if c >= 0]
        assert [near[row, c] for c in have] == [near[row, c] for c in want]


# -- the walk -----------------------------------------------------------------------------------


def plain_walk(graph: Graph, near: Any, ef: int) -> list[int]:
    """Algorithms 2 and 5 of the paper, for one query with these scores."""

    def beam(starts: list[int], width: int, lists: Any) -> list[int]:
        seen = set(starts)
        queue = [(-near[s], s) for s in starts]
        found = [(near[s], -s) for s in starts]
        heapq.heapify(queue)
        heapq.heapify(found)
        while queue:
            far, row = heapq.heappop(queue)
            if len(found) >= width and -far < found[0][0]:
                break
            for other in (int(o) for o in lists(row) if o >= 0 and o not in seen):
                seen.add(other)
                if len(found) < width or near[other] > found[0][0]:
                    heapq.heappush(queue, (-near[other], other))
                    heapq.heappush(found, (near[other], -other))
                    if len(found) > width:
                        heapq.heappop(found)
        return [-row for _, row in sorted(found, reverse=True)]

    starts = [graph.entry]
    for layer in range(int(graph.levels[graph.entry]), 0, -1):
        at = layer - 1
        starts = beam(starts, 1, lambda row, at=at: graph.upper[graph.upper_start[row] + at])
    return beam(starts, ef, lambda row: graph.links[row])


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_a_narrow_beam_finds_what_the_paper_s_does(metric: str) -> None:
    vectors, queries = points(1500, metric), points(40, metric, seed=3)
    graph = build(vectors, metric)
    near = scores(queries, vectors, metric)
    rows, _, _ = KERNELS.hnsw_search(
        graph, queries, vectors, metric, 16, 16, norms(vectors, metric)
    )
    for query, line in enumerate(rows.tolist()):
        assert line == plain_walk(graph, near[query], 16)


@pytest.mark.parametrize("metric", METRICS)
def test_a_beam_as_wide_as_the_graph_is_exact(metric: str) -> None:
    vectors, queries = points(150, metric), points(9, metric, seed=3)
    graph = build(vectors, metric)
    true = scores(queries, vectors, metric)
    rows, got, _ = KERNELS.hnsw_search(
        graph, queries, vectors, metric, 150, 150, norms(vectors, metric)
    )
    assert np.sort(rows, axis=1).tolist() == [list(range(150))] * 9
    np.testing.assert_allclose(got, np.take_along_axis(true, rows, axis=1), rtol=1e-4, atol=1e-5)
    assert (np.diff(got, axis=1) <= 0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_recall(metric: str) -> None:
    vectors, queries = points(3000, metric), points(100, metric, seed=3)
    graph = build(vectors, metric)
    rows, _, compared = KERNELS.hnsw_search(
        graph, queries, vectors, metric, 10, 64, norms(vectors, metric)
    )
    assert recall(rows, scores(queries, vectors, metric), 10) > 0.95
    assert compared.max() < 1500


def test_a_query_finds_the_same_alone_and_in_a_batch() -> None:
    vectors, queries = points(2000, "l2"), points(30, "l2", seed=3)
    graph = build(vectors, "l2")
    together = KERNELS.hnsw_search(graph, queries, vectors, "l2", 10, 40)
    for at in range(30):
        alone = KERNELS.hnsw_search(graph, queries[at : at + 1], vectors, "l2", 10, 40)
        assert all((a[0] == b[at]).all() for a, b in zip(alone, together, strict=True))


def test_vectors_may_be_read_only_and_not_contiguous() -> None:
    vectors, queries = points(600, "l2"), points(10, "l2", seed=3)
    graph = build(vectors, "l2")
    sparse = np.repeat(vectors, 2, axis=1)[:, ::2]
    sparse.flags.writeable = False
    want = KERNELS.hnsw_search(graph, queries, vectors, "l2", 10, 40)[0]
    asked = np.repeat(queries, 3, axis=1)[:, ::3]
    assert (KERNELS.hnsw_search(graph, asked, sparse, "l2", 10, 40)[0] == want).all()
    assert (build(sparse, "l2").links == graph.links).all()


def test_a_zero_vector_scores_0_under_cosine() -> None:
    vectors = np.zeros((3, 4), np.float32)
    vectors[0] = 1
    inverse = np.array([0.5, 0, 0], np.float32)
    graph = KERNELS.hnsw_insert(blank([0, 0, 0], 2), vectors, "cosine", 0, 3, 10, inverse)
    queries = np.array([[2, 2, 2, 2], [0, 0, 0, 0]], np.float32)
    _, got, _ = KERNELS.hnsw_search(graph, queries, vectors, "cosine", 3, 3, inverse)
    np.testing.assert_allclose(got, [[1, 0, 0], [0, 0, 0]], atol=1e-6)


def test_no_graph_has_no_rows() -> None:
    none = np.zeros((0, 4), np.float32)
    rows, got, compared = KERNELS.hnsw_search(blank([]), np.ones((2, 4)), none, "l2", 3, 8)
    assert (rows == -1).all() and (got == -np.inf).all() and (compared == 0).all()


def test_no_queries_find_nothing() -> None:
    vectors = points(50, "l2")
    graph = build(vectors, "l2")
    rows, _, _ = KERNELS.hnsw_search(graph, vectors[:0], vectors, "l2", 3, 8)
    assert rows.shape == (0, 3)


# -- filtered walks -----------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "least"), [(0.5, 0.97), (0.1, 0.85), (0.02, 0.75)])
def test_a_filtered_walk_finds_allowed_rows_alone(share: float, least: float) -> None:
    vectors, queries = points(5000, "l2"), points(60, "l2", seed=3)
    graph = build(vectors, "l2")
    allow = np.random.default_rng(4).random(5000) < share
    rows, _, _ = KERNELS.hnsw_search(graph, queries, vectors, "l2", 10, 64, allow=allow)
    assert allow[rows[rows >= 0]].all()
    true = scores(queries, vectors, "l2")
    true[:, ~allow] = -np.inf
    assert recall(rows, true, 10) > least


def test_a_filtered_walk_crosses_to_rows_far_from_the_query() -> None:
    """All allowed rows are in another cluster than the query, far from the entry."""
    rng = np.random.default_rng(5)
    centres = np.zeros((10, 8), np.float32)
    centres[:, 0] = 30 * np.arange(10)
    vectors = centres[rng.integers(0, 10, 2000)] + rng.standard_normal((2000, 8), np.float32)
    graph = build(vectors, "l2")
    allow = vectors[:, 0] > 240
    rows, _, _ = KERNELS.hnsw_search(graph, centres[:1], vectors, "l2", 10, 64, allow=allow)
    true = np.where(allow, scores(centres[:1], vectors, "l2"), -np.inf)
    assert recall(rows, true, 10) > 0.8


def test_absent_rows_are_not_allowed() -> None:
    vectors = points(100, "l2")
    graph = build(vectors[:90], "l2")
    levels = np.concatenate((graph.levels, np.full(10, ABSENT, np.uint8)))
    links = np.concatenate((graph.links, np.full((10, 2 * M), -1, np.int32)))
    start = np.concatenate((graph.upper_start, np.full(10, -1, np.int32)))
    wide = Graph(levels, links, graph.upper, start, graph.entry)
    allow = np.arange(100) >= 80
    rows, _, _ = KERNELS.hnsw_search(wide, vectors[:5], vectors, "l2", 20, 64, allow=allow)
    assert set(rows.ravel().tolist()) == {-1, *range(80, 90)}


def test_a_budget_ends_a_walk() -> None:
    vectors = points(3000, "l2")
    graph = build(vectors, "l2")
    allow = np.random.default_rng(4).random(3000) < 0.5
    _, _, free = KERNELS.hnsw_search(graph, vectors[:20], vectors, "l2", 10, 200, allow=allow)
    _, _, bound = KERNELS.hnsw_search(
        graph, vectors[:20], vectors, "l2", 10, 200, allow=allow, budget=300
    )
    assert free.min() > 1000
    assert bound.max() < 1000  # the step that passes it is still made


# -- building -----------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_lists_lead_to_other_rows_of_their_layer_once(metric: str) -> None:
    graph = build(points(2000, metric), metric)
    for row in range(2000):
        lists = [graph.links[row], *graph.upper[graph.upper_start[row] :][: graph.levels[row]]]
        for layer, line in enumerate(lists):
            held = line[line >= 0]
            assert len(set(held.tolist())) == len(held) and row not in held
            assert (graph.levels[held] >= layer).all()
            assert (line[len(held) :] == -1).all()


def test_the_entry_is_of_the_top_level() -> None:
    graph = build(points(1000, "l2"), "l2")
    assert graph.levels[graph.entry] == graph.levels.max() > 0


def test_the_first_points_link_to_each_other() -> None:
    graph = KERNELS.hnsw_insert(blank([0, 1, 0], 2), np.eye(3, dtype=np.float32), "l2", 0, 3, 10)
    assert [set(line.tolist()) - {-1} for line in graph.links] == [{1, 2}, {0, 2}, {0, 1}]
    assert graph.entry == 1


def test_candidates_by_walk_are_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, queries = points(3000, "l2"), points(100, "l2", seed=3)
    monkeypatch.setattr("abi.kernels._graph_insert._walk_is_cheaper", lambda rows, *_: rows > 1000)
    graph = build(vectors, "l2")
    rows, _, _ = KERNELS.hnsw_search(graph, queries, vectors, "l2", 10, 64)
    assert recall(rows, scores(queries, vectors, "l2"), 10) > 0.95


def test_a_walk_replaces_the_product_where_it_is_cheaper() -> None:
    assert not _walk_is_cheaper(100_000, 128, 200)
    assert _walk_is_cheaper(1_000_000, 128, 200)
    assert not _walk_is_cheaper(2000, 100_000, 1)


def test_without_blas_walks_begin_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abi.kernels._graph_insert.has_blas", lambda: False)
    assert _walk_is_cheaper(20_000, 128, 200)


def test_points_far_from_the_origin_are_told_apart() -> None:
    """Squared norms near 1e8 leave float32 nothing of distances near 1."""
    vectors, queries = points(2000, "l2") + 2000, points(50, "l2", seed=3) + 2000
    graph = build(vectors, "l2")
    rows, _, _ = KERNELS.hnsw_search(graph, queries, vectors, "l2", 10, 64)
    assert recall(rows, scores(queries, vectors, "l2"), 10) > 0.95
