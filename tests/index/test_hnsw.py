"""The HNSW index against brute force: building, growing, shrinking, filters, codes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from abi.errors import InputError
from abi.index import HNSW, SearchStats, Vectors
from abi.index._hnsw_grow import draw_levels
from abi.index._hnsw_plan import plan
from abi.index._hnsw_repair import reached
from abi.kernels import ABSENT

Rows = npt.NDArray[np.int64]
METRICS = ("cosine", "ip", "l2", "hamming")


def points(n: int, metric: str = "l2", seed: int = 0) -> npt.NDArray[Any]:
    fixed, rng = np.random.default_rng(99), np.random.default_rng(seed)
    centres = fixed.standard_normal((20, 32), np.float32)
    wide = centres[rng.integers(0, 20, n)] + rng.standard_normal((n, 32), np.float32) / 2
    return np.packbits(wide > 0, axis=1) if metric == "hamming" else wide


def scores(queries: npt.NDArray[Any], data: npt.NDArray[Any], metric: str) -> Any:
    if metric == "hamming":
        return -np.unpackbits(queries[:, None] ^ data[None], axis=2).sum(axis=2).astype(float)
    q, x = queries.astype(np.float64), data.astype(np.float64)
    if metric == "l2":
        return -((q[:, None] - x[None]) ** 2).sum(axis=2)
    if metric == "cosine":
        q, x = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (q, x))
    return q @ x.T


def recall(rows: Rows, true: Any, k: int = 10) -> float:
    bound = np.sort(true, axis=1)[:, -k, None]
    padded = np.concatenate((true, np.full((len(true), 1), -np.inf)), axis=1)
    return float((np.take_along_axis(padded, rows, axis=1) >= bound - 1e-5).mean())


def built(n: int = 2000, metric: str = "l2", **options: Any) -> HNSW:
    """An index of its own over arrays that it shares, which none writes to."""
    first = _built(n, metric, tuple(options.items()))
    return HNSW.from_arrays(first.arrays(), first.vectors)


@lru_cache(maxsize=None)
def _built(n: int, metric: str, options: tuple[tuple[str, int], ...]) -> HNSW:
    return HNSW.build(Vectors.of(points(n, metric), metric), **{"M": 8, **dict(options)})


# -- searching ----------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_recall_and_scores(metric: str) -> None:
    index, queries = built(2000, metric), points(100, metric, 1)
    true = scores(queries, points(2000, metric), metric)
    rows, got = index.search(queries, 10)
    assert recall(rows, true) > 0.95
    np.testing.assert_allclose(got, np.take_along_axis(true, rows, axis=1), rtol=1e-4, atol=1e-4)


def test_a_wider_beam_finds_more() -> None:
    index, queries = built(), points(100, seed=1)
    true = scores(queries, points(2000), "l2")
    found = [recall(index.search(queries, 10, ef=ef)[0], true) for ef in (10, 40, 400)]
    assert found[0] < found[1] < found[2] > 0.999
    index.ef = 400
    assert recall(index.search(queries, 10)[0], true) == found[2]


def test_all_rows_are_found_when_asked_for() -> None:
    index = built(300)
    rows, got = index.search(points(3, seed=1), 400)
    assert np.sort(rows[:, :300], axis=1).tolist() == [list(range(300))] * 3
    assert (rows[:, 300:] == -1).all() and (got[:, 300:] == -np.inf).all()


def test_equal_input_and_seed_give_an_equal_graph() -> None:
    first, second, other = (
        HNSW.build(Vectors.of(points(700), "l2"), seed=seed) for seed in (0, 0, 1)
    )
    assert (first.graph.links == second.graph.links).all()
    assert not np.array_equal(first.graph.levels, other.graph.levels)


def test_levels_thin_out_by_m() -> None:
    levels = draw_levels(20_000, 8, seed=0, first=0)
    assert abs((levels >= 1).mean() - 1 / 8) < 0.01
    assert abs((levels >= 2).mean() - 1 / 64) < 0.004


def test_duplicates_are_all_found() -> None:
    data = np.repeat(points(3), 100, axis=0)
    index = HNSW.build(Vectors.of(data, "l2"), M=4)
    assert reached(index.graph).all()
    rows, _ = index.search(points(1), 100, ef=300)
    assert rows[0].tolist() == list(range(100))


def test_nothing_is_found_in_an_empty_index() -> None:
    index = built(0)
    rows, got = index.search(points(2), 3)
    assert len(index) == 0
    assert (rows == -1).all() and (got == -np.inf).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k is 0, expected 1 to"),
        ({"k": 3, "ef": 0}, "ef is 0, expected 1 to"),
        ({"k": 3, "allow": np.ones(9, np.bool_)}, r"allow: bool of shape \(9,\), expected bool"),
        ({"k": 3, "allow": np.ones(50)}, r"allow: float64 of shape \(50,\)"),
        ({"k": 3, "scorer": Vectors.of(points(9), "l2")}, "9 rows, expected the index's 50"),
    ],
)
def test_arguments_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        built(50).search(points(1), **options)


def test_queries_of_another_width_are_refused() -> None:
    with pytest.raises(InputError):
        built(50).search(points(2)[:, :31], 3)


@pytest.mark.parametrize(
    "options", [{"M": 1}, {"ef_construction": 0}, {"ef": 0}, {"seed": -1}, {"M": 1025}]
)
def test_parameters_out_of_range(options: dict[str, int]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(options))} is"):
        built(10, **options)


# -- adding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_rows_added_later_are_found_as_well(metric: str) -> None:
    data, queries = points(2000, metric), points(100, metric, 1)
    index = HNSW.build(Vectors.of(data[:700], metric), M=8)
    for stop in (701, 1500, 2000):
        index.add(Vectors.of(data[:stop], metric))
    assert len(index) == 2000
    assert recall(index.search(queries, 10)[0], scores(queries, data, metric)) > 0.95


def test_adding_no_rows_changes_nothing() -> None:
    index = built(100)
    before = index.graph
    index.add(Vectors.of(points(100), "l2"))
    assert index.graph is before


def test_adding_leaves_the_arrays_it_found_alone() -> None:
    index = built(500)
    before, copies = index.arrays(), {k: v.copy() for k, v in index.arrays().items()}
    index.add(Vectors.of(np.concatenate((points(500), points(300, seed=2))), "l2"))
    index.remove([1, 2, 3])
    assert all((before[name] == copies[name]).all() for name in before)


@pytest.mark.parametrize(
    ("data", "metric"), [(points(9), "l2"), (points(99), "ip"), (points(99)[:, :5], "l2")]
)
def test_other_vectors_are_not_added(data: npt.NDArray[Any], metric: str) -> None:
    with pytest.raises(InputError, match=r"vectors to add: .* expected 50 or more of"):
        built(50).add(Vectors.of(np.ascontiguousarray(data), metric))


# -- removing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_removed_rows_are_gone_and_the_rest_is_found(metric: str) -> None:
    index, queries = built(2000, metric), points(100, metric, 1)
    gone = np.random.default_rng(3).permutation(2000)[:600]
    for part in np.split(gone, 6):
        index.remove(part)
    true = scores(queries, points(2000, metric), metric)
    true[:, gone] = -np.inf
    rows, _ = index.search(queries, 10)
    assert len(index) == 1400
    assert not np.isin(rows, gone).any()
    assert recall(rows, true) > 0.95


def test_a_cluster_that_is_removed_takes_no_others_out_of_reach() -> None:
    index = built(2000)
    near = index.search(points(1, seed=1), 700, ef=700)[0][0]
    index.remove(near)
    left = index.graph.levels != ABSENT
    assert (reached(index.graph) == left).all()
    assert not np.isin(index.graph.links, near).any()


def test_the_entry_moves_when_it_is_removed() -> None:
    index = built(1000)
    for _ in range(20):
        index.remove([index.graph.entry])
        present = index.graph.levels[index.graph.levels != ABSENT]
        assert index.graph.levels[index.graph.entry] == present.max()
    assert (index.search(points(1000), 1)[0] >= 0).all()


def test_the_last_row_is_removed_and_others_are_added() -> None:
    index = built(30)
    index.remove(np.arange(30))
    assert len(index) == 0 and index.graph.entry == -1
    assert (index.search(points(2), 3)[0] == -1).all()
    index.add(Vectors.of(np.concatenate((points(30), points(5, seed=2))), "l2"))
    assert sorted(index.search(points(1), 9)[0][0].tolist()) == [-1] * 4 + list(range(30, 35))


@pytest.mark.parametrize("row", [-1, 50, 7])
def test_a_row_that_is_not_there_is_not_removed(row: int) -> None:
    index = built(50)
    index.remove([7])
    with pytest.raises(InputError, match=f"row {row} cannot be removed"):
        index.remove([3, row])
    assert len(index) == 49


def test_removing_none_changes_nothing() -> None:
    index = built(50)
    index.remove([])
    assert len(index) == 50


# -- filters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("way", ["planned", "wide walk", "filtered walk"])
def test_filtered_searches_return_min_of_k_and_allowed(
    share: float, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, queries = built(3000), points(40, seed=1)
    allow = np.random.default_rng(4).random(3000) < share
    if way != "planned":
        ef = min(3000, int(64 / share)) if way == "wide walk" else 64
        monkeypatch.setattr(
            "abi.index._hnsw.plan", lambda live, allowed, *_: SearchStats(way, allowed, ef)
        )
    rows, got = index.search(queries, 10, allow)
    n_found = min(10, int(allow.sum()))
    assert ((rows >= 0).sum(axis=1) == n_found).all()
    assert allow[rows[:, :n_found]].all()
    assert (np.diff(got[:, :n_found], axis=1) <= 0).all()
    true = np.where(allow, scores(queries, points(3000), "l2"), -np.inf)
    assert recall(rows[:, :n_found], true, n_found) > (0.75 if way == "filtered walk" else 0.97)


def test_removed_rows_are_not_allowed() -> None:
    index = built(500)
    index.remove(np.arange(0, 500, 2))
    rows, _ = index.search(points(5, seed=1), 20, np.arange(500) < 30)
    assert np.sort(rows, axis=1).tolist() == [[-1] * 5 + list(range(1, 30, 2))] * 5


def test_none_allowed_finds_none() -> None:
    rows, _ = built(100).search(points(2), 3, np.zeros(100, np.bool_))
    assert (rows == -1).all()


def test_no_queries_find_nothing() -> None:
    index = built(100)
    assert index.search(points(0), 3)[0].shape == (0, 3)
    assert index.search(points(0), 3, np.ones(100, np.bool_))[0].shape == (0, 3)


def test_a_search_says_what_it_did() -> None:
    index, stats = built(2000), SearchStats()
    index.search(points(5, seed=1), 10, ef=50, stats=stats)
    assert (stats.plan, stats.allowed, stats.width, stats.rescued) == ("walk", 2000, 50, 0)
    assert 5 * 50 < stats.compared < 5 * 2000
    index.search(points(5, seed=1), 10, np.arange(2000) < 100, stats=stats)
    assert stats == SearchStats("exact", 100, 0, 500, 0)


def test_a_walk_that_finds_too_few_is_rescued(monkeypatch: pytest.MonkeyPatch) -> None:
    """The beam holds the 64 nearest rows, and none of them is allowed."""
    index, stats = built(2000), SearchStats()
    near = scores(points(1, seed=1), points(2000), "l2")[0]
    allow = near < np.sort(near)[-300]
    monkeypatch.setattr(
        "abi.index._hnsw.plan", lambda live, allowed, *_: SearchStats("wide walk", allowed, 64)
    )
    rows, _ = index.search(points(1, seed=1), 10, allow, stats=stats)
    assert stats.rescued == 1
    assert recall(rows, np.where(allow, near, -np.inf)[None]) == 1


@pytest.mark.parametrize(
    ("live", "allowed", "n_queries", "want"),
    [
        (1_000_000, 500_000, 1, "wide walk"),
        (1_000_000, 500_000, 100, "wide walk"),
        (100_000_000, 500_000, 1, "filtered walk"),
        (1_000_000, 1_000, 1, "exact"),
        (100_000, 1_000, 100, "exact"),
        (0, 0, 1, "exact"),
    ],
)
def test_the_cheapest_way_is_planned(live: int, allowed: int, n_queries: int, want: str) -> None:
    assert plan(live, allowed, 128, n_queries, 64).plan == want


# -- codes --------------------------------------------------------------------------------------


class _Rounded:
    """A scorer that is no `Vectors`: whole numbers of the vectors."""

    metric = "l2"

    def __init__(self, data: npt.NDArray[np.float32]) -> None:
        self.codes = np.rint(data * 8).astype(np.int8)

    def __len__(self) -> int:
        return len(self.codes)

    def prepare(self, queries: npt.NDArray[Any]) -> Any:
        return np.rint(queries * 8)

    def pairs(self, prepared: Any, which: Rows, rows: Rows) -> npt.NDArray[np.float32]:
        apart = self.codes[rows] - prepared[which]
        return -(apart * apart).sum(axis=1).astype(np.float32) / 64

    def block(self, prepared: Any, start: int, stop: int) -> npt.NDArray[np.float32]:
        rows = np.arange(start, stop)
        which = np.repeat(np.arange(len(prepared)), len(rows))
        every = self.pairs(prepared, which, np.tile(rows, len(prepared)))
        return every.reshape(len(prepared), len(rows))

    def top(self, prepared: Any, k: int, allow: Any = None) -> Any:
        every = self.block(prepared, 0, len(self))
        if allow is not None:
            every[:, ~allow] = -np.inf
        rows = np.argsort(-every, axis=1, kind="stable")[:, :k]
        return rows, np.take_along_axis(every, rows, axis=1)


@pytest.mark.parametrize("share", [None, 0.5, 0.01])
def test_codes_are_walked(share: float | None) -> None:
    index, queries = built(2000), points(50, seed=1)
    allow = None if share is None else np.random.default_rng(4).random(2000) < share
    rows, _ = index.search(queries, 10, allow, scorer=_Rounded(points(2000)))
    true = scores(queries, points(2000), "l2")
    if allow is not None:
        true[:, ~allow] = -np.inf
    assert recall(rows, true) > 0.9


def test_a_graph_over_codes_alone_is_searched_but_not_changed() -> None:
    index = built(2000)
    queries = points(20, seed=1)
    coded = HNSW.from_arrays(index.arrays(), _Rounded(points(2000)))
    assert recall(coded.search(queries, 10)[0], scores(queries, points(2000), "l2")) > 0.85
    with pytest.raises(InputError, match="open its vectors"):
        coded.remove([1])
