"""Rows of other types than float32, with factors and constants: as what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from abi.kernels import Look, NumpyKernels, select
from tests.kernels.test_graph import blank

F32 = npt.NDArray[np.float32]


def rows_of(kind: str, n: int, dim: int) -> npt.NDArray[Any]:
    rng = np.random.default_rng(0)
    if kind == "int8":
        return rng.integers(-127, 128, (n, dim)).astype(np.int8)
    return rng.standard_normal((n, dim)).astype(kind)


def extras(n: int) -> tuple[F32, F32]:
    rng = np.random.default_rng(1)
    return rng.random(n).astype(np.float32) / 100 + np.float32(0.01), rng.random(n, np.float32)


@pytest.mark.parametrize("name", ["numpy", "native"])
@pytest.mark.parametrize("kind", ["float16", "int8"])
@pytest.mark.parametrize("dim", [1, 15, 16, 33, 97])
@pytest.mark.parametrize("n_queries", [1, 20])
def test_a_scan(native_library: Path, name: str, kind: str, dim: int, n_queries: int) -> None:
    rows, (factors, constants) = rows_of(kind, 90, dim), extras(90)
    queries = np.random.default_rng(2).standard_normal((n_queries, dim)).astype(np.float32)
    true = queries.astype(np.float64) @ rows.astype(np.float64).T * factors + constants
    found, scores = select(name).scan(queries, rows, "ip", 7, factors, None, constants)
    assert found.tolist() == np.argsort(-true, axis=1)[:, :7].tolist()
    np.testing.assert_allclose(scores, np.take_along_axis(true, found, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_float16_by_every_metric(native_library: Path, metric: str) -> None:
    rows = rows_of("float16", 90, 21)
    queries = np.random.default_rng(2).standard_normal((3, 21)).astype(np.float32)
    wide = rows.astype(np.float32)
    norms = 1 / np.linalg.norm(wide, axis=1).astype(np.float32) if metric == "cosine" else None
    found, scores = select("native").scan(queries, rows, metric, 7, norms)
    want = NumpyKernels().scan(queries, wide, metric, 7, norms)
    assert found.tolist() == want[0].tolist()
    np.testing.assert_allclose(scores, want[1], rtol=1e-4)


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_a_walk_and_a_look(native_library: Path, kind: str) -> None:
    rows, (factors, constants) = rows_of(kind, 300, 20), extras(300)
    queries = np.random.default_rng(2).standard_normal((5, 20)).astype(np.float32)
    true = queries.astype(np.float64) @ rows.astype(np.float64).T * factors + constants
    best = np.argsort(-true, axis=1)[:, :9]
    kernels = select("native")
    wide = rows.astype(np.float32)
    graph = kernels.hnsw_insert(blank([0] * 300), wide, "ip", 0, 300, 100)
    given = (graph, queries, rows, "ip", 9, 300, factors)
    found, scores, _ = kernels.hnsw_search(*given, constants=constants)
    assert np.mean(found == best) > 0.9
    np.testing.assert_allclose(scores, np.take_along_axis(true, found, 1), rtol=1e-3, atol=1e-4)
    again, _, _ = NumpyKernels().hnsw_search(*given, constants=constants)
    assert np.mean(found == again) > 0.9
    offsets = np.array([0, 100, 300])
    look = Look(np.zeros((5, 2), np.float32), offsets, np.diff(offsets), 2, 9)
    looked = kernels.probe(look, queries, rows, "ip", factors, constants)
    assert looked is not None
    assert looked[0].tolist() == best.tolist()
