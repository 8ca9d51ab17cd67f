"""Looks into partitions, and codes, beside the same written out plainly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abi.errors import InputError
from abi.kernels import Look, NumpyKernels, select

CHECKED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
METRICS = ("cosine", "ip", "l2")


def scores(queries: Any, vectors: Any, metric: str) -> Any:
    q, x = queries.astype(np.float64), vectors.astype(np.float64)
    if metric == "l2":
        return -((q[:, None] - x[None]) ** 2).sum(axis=2)
    if metric == "cosine":
        q, x = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (q, x))
    return q @ x.T


def look_of(
    rng: np.random.Generator, n: int, nlist: int, n_queries: int, k: int, *, masked: bool
) -> Look:
    """Partitions of any sizes, ranked at random."""
    cuts = np.sort(rng.integers(0, n + 1, nlist - 1))
    offsets = np.concatenate(([0], cuts, [n])).astype(np.int64)
    allow = rng.random(n) < 0.4 if masked else None
    counted = np.concatenate(([0], np.cumsum(np.ones(n) if allow is None else allow)))
    sizes = (counted[offsets[1:]] - counted[offsets[:-1]]).astype(np.int64)
    ranked = rng.permuted(np.tile(np.arange(nlist, dtype=np.float32), (n_queries, 1)), axis=1)
    order = rng.permutation(n)
    return Look(ranked, offsets, sizes, int(rng.integers(1, nlist + 1)), k, order, allow)


def seen(look: Look, query: int) -> npt.NDArray[np.bool_]:
    """Rows that a query may find: of its best partitions, and of more while k are not there."""
    order = np.argsort(-look.scores()[query])
    wanted, taken = min(look.k, int(look.sizes.sum())), look.nprobe
    while look.sizes[order[:taken]].sum() < wanted:
        taken += 1
    found = np.zeros(look.offsets[-1], np.bool_)
    for part in order[:taken]:
        found[look.offsets[part] : look.offsets[part + 1]] = True
    return found if look.allow is None else found & look.allow


def check(look: Look, got: Any, true: Any, error: float) -> None:
    """Whether rows are as good as the best that are seen, and have the scores they are given."""
    rows, found, _ = got
    assert look.order is not None
    place = np.argsort(look.order)
    for query in range(len(rows)):
        may = np.where(seen(look, query), true[query], -np.inf)
        best = np.sort(may)[::-1][: look.k]
        there = rows[query] >= 0
        assert there.sum() == np.isfinite(best).sum()
        own = may[place[rows[query][there]]]
        assert len({*rows[query][there].tolist()}) == there.sum()
        np.testing.assert_allclose(own, best[: there.sum()], atol=2 * error)
        np.testing.assert_allclose(found[query][there], own, atol=error)
        assert (found[query][~there] == -np.inf).all()


@CHECKED
@given(
    n=st.integers(1, 300),
    dim=st.integers(1, 40),
    nlist=st.integers(1, 9),
    n_queries=st.integers(1, 9),
    k=st.integers(1, 30),
    metric=st.sampled_from(METRICS),
    masked=st.booleans(),
    seed=st.integers(0, 99),
)
def test_vectors_of_the_nearest_partitions(
    native_library: Path,
    n: int, dim: int, nlist: int, n_queries: int, k: int, metric: str, masked: bool, seed: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, dim), np.float32)
    queries = rng.standard_normal((n_queries, dim), np.float32)
    norms = 1 / np.linalg.norm(vectors, axis=1).astype(np.float32) if metric == "cosine" else None
    look = look_of(rng, n, nlist, n_queries, k, masked=masked)
    got = select("native").probe(look, queries, vectors, metric, norms)
    assert got is not None
    check(look, got, scores(queries, vectors, metric), 1e-4)
    want = [int((look.offsets[1:] - look.offsets[:-1]).sum()) if nlist == 1 else None]
    assert want[0] in (None, got[2][0], 0) or not look.sizes.any()


@CHECKED
@given(
    n=st.integers(1, 200),
    m=st.integers(1, 21),
    width=st.integers(1, 5),
    nbits=st.sampled_from([4, 8]),
    far=st.booleans(),
    masked=st.booleans(),
    seed=st.integers(0, 99),
)
def test_codes_of_the_nearest_partitions(
    native_library: Path,
    n: int, m: int, width: int, nbits: int, far: bool, masked: bool, seed: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    m = 2 * m if nbits == 4 else m
    words = rng.standard_normal((m, 1 << nbits, width), np.float32)
    codes = rng.integers(0, 1 << nbits, (n, m), np.uint8)
    queries = rng.standard_normal((3, m * width), np.float32)
    constants = rng.standard_normal(n).astype(np.float32) if far else None
    look = look_of(rng, n, min(5, n), 3, 10, masked=masked)
    stored = codes if nbits == 8 else codes[:, 0::2] | codes[:, 1::2] << 4
    kernels = select("native")
    packed = kernels.pack_codes(stored, words)
    got = kernels.probe_codes(look, queries, packed, 2.0 if far else 1.0, constants)
    back = np.concatenate([words[j, codes[:, j]] for j in range(m)], axis=1)
    label = np.repeat(np.arange(len(look.sizes)), np.diff(look.offsets))
    true = (2.0 if far else 1.0) * (queries @ back.T) + look.scores()[:, label]
    true -= 0 if constants is None else constants
    tables = np.einsum("qmw,mcw->qmc", queries.reshape(3, m, width), words)
    ranges = tables.max(axis=2) - tables.min(axis=2)
    step = ranges.max(initial=0) / 255 + ranges.sum(axis=1).max() / 65535
    check(look, got, true, 1e-3 + (m * step * 2 if nbits == 4 else 0))


@pytest.mark.parametrize("name", ["numpy", "native"])
@pytest.mark.parametrize("metric", METRICS)
def test_rows_that_are_scored_again(native_library: Path, name: str, metric: str) -> None:
    rng = np.random.default_rng(0)
    vectors, queries = rng.standard_normal((50, 7), np.float32), rng.standard_normal((4, 7))
    norms = 1 / np.linalg.norm(vectors, axis=1).astype(np.float32) if metric == "cosine" else None
    rows = np.array([rng.permutation(50)[:9] for _ in range(4)])
    rows[1, 5:] = rows[2] = -1
    asked = queries.astype(np.float32)
    found, got = select(name).rescore(asked, vectors, metric, rows, 6, norms)
    true = scores(asked, vectors, metric)
    for query in range(4):
        some = [row for row in rows[query] if row >= 0]
        want = sorted(some, key=lambda row: -true[query, row])[:6]
        assert found[query].tolist() == want + [-1] * (6 - len(want))
        np.testing.assert_allclose(got[query][: len(want)], true[query, want], rtol=1e-4)
        assert (got[query][len(want) :] == -np.inf).all()


@pytest.mark.parametrize("name", ["numpy", "native"])
def test_pairs(native_library: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    vectors, queries = rng.standard_normal((50, 19)), rng.standard_normal((4, 19))
    which, rows = np.sort(rng.integers(0, 4, 700)), rng.integers(0, 50, 700)
    some = (queries.astype(np.float32), vectors.astype(np.float32))
    got = select(name).pairs(*some, "l2", which, rows)
    np.testing.assert_allclose(got, scores(queries, vectors, "l2")[which, rows], rtol=1e-4)


def test_the_reference_looks_into_partitions_one_by_one() -> None:
    look = look_of(np.random.default_rng(0), 20, 2, 1, 3, masked=False)
    kernels = NumpyKernels()
    data = np.zeros((20, 4), np.float32)
    assert kernels.probe(look, data[:1], data, "l2") is None
    assert (
        kernels.pack_codes(np.zeros((20, 2), np.uint8), np.zeros((2, 256, 2), np.float32)) is None
    )


def test_arrays_that_do_not_fit_are_refused(native_library: Path) -> None:
    look = look_of(np.random.default_rng(0), 20, 2, 1, 3, masked=False)
    data = np.zeros((20, 4), np.float32)
    with pytest.raises(InputError, match=r"queries: shape \(1, 3\)"):
        select("native").probe(look, data[:1, :3], data, "l2")
    with pytest.raises(InputError, match=r"ranked: shape \(1, 2\), expected \(2, 2\)"):
        select("native").probe(look, data[:2], data, "l2")
    with pytest.raises(InputError, match="offsets: 0 to 20"):
        select("native").probe(look, data[:1], data[:19], "l2")
    with pytest.raises(InputError, match="rows: 0 to 20"):
        select("native").pairs(data, data, "l2", np.array([0, 0]), np.array([0, 20]))
