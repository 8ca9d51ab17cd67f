"""Searches of any shape, metric, mask, instruction set and threads give what definitions give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from abi_accel._library import load
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abi.index._probe import _chosen, _sizes
from abi.kernels import ABSENT, Graph, Look, NumpyKernels, select

F64 = npt.NDArray[np.float64]
Stored = npt.NDArray[Any]

CHECKED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
METRICS = ("cosine", "ip", "l2", "hamming")
KINDS = ("normal", "rounded", "far", "equal", "tiny", "huge", "zeros")


@dataclass(frozen=True)
class Case:
    """Rows and queries, and who compares them."""

    metric: str
    n: int
    dim: int
    n_queries: int
    kind: str
    share: float | None  # of rows that are allowed
    isa: int
    threads: int
    seed: int

    def kernels(self) -> NumpyKernels:
        library = load()
        library.choose(library.isas[self.isa % len(library.isas)])
        library.n_threads = self.threads
        return select("native")

    def data(self) -> tuple[Stored, Stored, npt.NDArray[np.bool_] | None]:
        """Queries, rows, and which of them are allowed."""
        rng = np.random.default_rng(self.seed)
        queries, rows = (values(rng, self, n) for n in (self.n_queries, self.n))
        return queries, rows, None if self.share is None else rng.random(self.n) < self.share


@st.composite
def cases(draw: st.DrawFn, metrics: tuple[str, ...] = METRICS, least: int = 0) -> Case:
    def one(*found: Any) -> Any:
        return draw(st.sampled_from(found))

    n = max(least, one(0, 1, 2, 15, 17, 63, 64, 65, 255, 257, 400))
    dim, n_queries = one(1, 3, 15, 16, 17, 31, 32, 33, 65), one(0, 1, 3, 15, 16, 17, 33)
    share, threads = one(None, None, 0.0, 0.1, 0.5, 1.0), one(1, 2, 3, 5)
    isa, seed = draw(st.integers(0, 3)), draw(st.integers(0, 999))
    return Case(one(*metrics), n, dim, n_queries, one(*KINDS), share, isa, threads, seed)


def values(rng: np.random.Generator, case: Case, n: int) -> Stored:
    if case.metric == "hamming":
        return rng.integers(0, 256, (n, case.dim), np.uint8)
    found = rng.standard_normal((n, case.dim)).astype(np.float32)
    if case.kind == "rounded":
        found = np.round(found)
    if case.kind == "equal":
        found[::2] = found[:1]
    if case.kind == "zeros":
        found[::3] = 0
    times = {"tiny": 1e-20, "huge": 1e17}.get(case.kind, 1)
    return (found + 100 * (case.kind == "far")) * np.float32(times)


def inverse(rows: Stored, metric: str) -> npt.NDArray[np.float32] | None:
    if metric != "cosine":
        return None
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    found = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return np.asarray(found, np.float32)


def scores_of(case: Case, queries: Stored, rows: Stored) -> tuple[F64, F64]:
    """Every score, `(Q, n)`, and how far off each query's may be, `(Q, 1)`."""
    if case.metric == "hamming":
        apart = np.bitwise_count(queries[:, None] ^ rows[None]).sum(axis=2)
        return -apart.astype(np.float64), np.zeros((len(queries), 1))
    q, x = queries.astype(np.float64), rows.astype(np.float64)
    if case.metric == "cosine":  # a query of the square root of 1e-45 or less has no length
        unit = select("numpy").distances(queries, np.eye(case.dim, dtype=np.float32), "cosine")
        q = unit.astype(np.float64)
        x = x * np.asarray(inverse(rows, "cosine"), np.float64)[:, None]
    long = np.linalg.norm(q, axis=1, keepdims=True)
    longest = np.linalg.norm(x, axis=1).max(initial=0)
    if case.metric == "l2":
        squares = ((q[:, None] - x[None]) ** 2).sum(axis=2)
        return -squares, 1e-6 * (long + longest) ** 2 + 1e-43
    return q @ x.T, 2e-6 * long * longest + 1e-43


def assert_best(want: F64, off: F64, rows: Stored, scores: Stored) -> None:
    """The k best of what is wanted, -inf left out, up to an error; equal ones by lower row."""
    for line, bound, found, got in zip(want, off, rows, scores, strict=True):
        best = -np.sort(-line[line > -np.inf])[: len(found)]
        there = found[: len(best)]
        assert (there >= 0).all() and (found[len(best) :] == -1).all()
        assert len({*there.tolist()}) == len(best)
        assert (np.abs(line[there] - best) <= 2 * bound).all()  # both may be off
        assert (np.abs(line[there] - got[: len(best)]) <= bound).all()
        assert np.array_equal(np.lexsort((there, -got[: len(best)])), np.arange(len(best)))


@given(case=cases(), k=st.sampled_from([1, 2, 10, 70, 500]))
@CHECKED
def test_a_scan_finds_the_best(native_library: Path, case: Case, k: int) -> None:
    queries, rows, allow = case.data()
    norms = inverse(rows, case.metric)
    found = case.kernels().scan(queries, rows, case.metric, k, norms, allow)
    want, off = scores_of(case, queries, rows)
    assert_best(want if allow is None else np.where(allow, want, -np.inf), off, *found)


@given(case=cases(least=1), k=st.integers(1, 9), width=st.sampled_from([9, 20, 70]))
@CHECKED
def test_rows_are_scored_again(native_library: Path, case: Case, k: int, width: int) -> None:
    queries, rows, _ = case.data()
    rng, norms, kernels = (
        np.random.default_rng(case.seed),
        inverse(rows, case.metric),
        case.kernels(),
    )
    lists = [rng.permutation(max(width, case.n))[:width] for _ in queries]
    given = np.array(lists, np.int64).reshape(-1, width)
    given[given >= case.n] = -1
    want, off = scores_of(case, queries, rows)
    among = np.full(want.shape, -np.inf)
    which, place = np.nonzero(given >= 0)
    some = given[which, place]
    among[which, some] = want[which, some]
    assert_best(among, off, *kernels.rescore(queries, rows, case.metric, given, k, norms))
    pairs = kernels.pairs(queries, rows, case.metric, which, some, norms)
    assert (np.abs(pairs - want[which, some]) <= off[which, 0]).all()


def partitions(rng: np.random.Generator, case: Case, parts: int, **more: Any) -> Look:
    """Partitions of all rows but the last, named anew, and a rank of them for each query."""
    labels = np.sort(rng.integers(0, parts, max(0, case.n - 1)))
    offsets = np.searchsorted(labels, np.arange(parts + 1)).astype(np.int64)
    allow = None if case.share is None else rng.random(case.n) < case.share
    ranked = rng.standard_normal((case.n_queries, parts)).astype(np.float32)
    sizes = _sizes(offsets, allow)
    return Look(ranked, offsets, sizes, order=rng.permutation(case.n), allow=allow, **more)


def seen(look: Look, scores: F64) -> F64:
    """Scores by the caller's numbers, -inf outside the partitions that each query looks into."""
    out = np.full(scores.shape, -np.inf)
    names = np.asarray(look.order)
    for line, own, ranked in zip(out, scores, look.scores(), strict=True):
        for part in _chosen(ranked, look.sizes, look.nprobe, look.k):
            rows = np.arange(look.offsets[part], look.offsets[part + 1])
            rows = rows if look.allow is None else rows[look.allow[rows]]
            line[names[rows]] = own[rows]
    return out


PROBES = st.tuples(st.sampled_from([1, 3, 40]), st.sampled_from([1, 2, 99]), st.integers(1, 90))


@given(case=cases(METRICS[:3]), probes=PROBES)
@CHECKED
def test_a_probe_sees_its_partitions(
    native_library: Path, case: Case, probes: tuple[int, int, int]
) -> None:
    queries, rows, _ = case.data()
    rng = np.random.default_rng(case.seed)
    look = partitions(rng, case, probes[0], nprobe=probes[1], k=probes[2])
    norms = inverse(rows, case.metric)
    found = case.kernels().probe(look, queries, rows, case.metric, norms)
    assert found is not None
    want, off = scores_of(case, queries, rows)
    assert_best(seen(look, want), off, *found[:2])
    sizes = look.offsets[1:] - look.offsets[:-1]
    chosen = [_chosen(ranked, look.sizes, look.nprobe, look.k) for ranked in look.scores()]
    assert found[2].tolist() == [sizes[some].sum() for some in chosen]


@given(
    case=cases(METRICS[1:2]), probes=PROBES, nbits=st.sampled_from([4, 8]),
    m=st.sampled_from([2, 4, 6, 10, 34]), width=st.integers(1, 3), far=st.booleans(),
)  # fmt: skip
@CHECKED
def test_codes_are_scored_as_what_they_stand_for(
    native_library: Path, case: Case, probes: tuple[int, int, int], nbits: int, m: int, width: int,
    far: bool,
) -> None:  # fmt: skip
    rng, kernels = np.random.default_rng(case.seed), case.kernels()
    words = rng.standard_normal((m, 1 << nbits, width)).astype(np.float32)
    each = rng.integers(0, 1 << nbits, (case.n, m), np.uint8)
    codes = each if nbits == 8 else each[:, 0::2] | each[:, 1::2] * np.uint8(16)
    constants = rng.standard_normal(case.n).astype(np.float32) if far else None
    queries = rng.standard_normal((case.n_queries, m * width)).astype(np.float32)
    look = partitions(rng, case, probes[0], nprobe=probes[1], k=probes[2])
    packed = kernels.pack_codes(codes, words)
    rows, scores, _ = kernels.probe_codes(look, queries, packed, 2.0, constants)
    tables = np.einsum("qmw,mkw->qmk", queries.reshape(-1, m, width), words, dtype=np.float64)
    want = 2 * sum(tables[:, j, each[:, j]] for j in range(m))
    labels = np.repeat(np.arange(len(look.sizes)), np.diff(look.offsets))
    want[:, : len(labels)] += look.scores()[:, labels]
    want = want - (0 if constants is None else constants)
    step = np.ptp(tables, axis=2).max(axis=1, keepdims=True) / 255 if nbits == 4 else 0
    assert_best(
        seen(look, want), 2 * m * (0.5 * step + np.full((len(want), 1), 1e-5)), rows, scores
    )


def graph_of(case: Case, rows: Stored, m: int, ef: int) -> Graph:
    rng = np.random.default_rng(case.seed)
    tall = np.minimum(-np.log(1 - rng.random(case.n)) / np.log(m), 9).astype(np.int32)
    start = np.where(tall > 0, np.cumsum(tall) - tall, -1).astype(np.int32)
    levels = np.where(rng.random(case.n) < 0.1, ABSENT, tall).astype(np.uint8)
    links, upper = np.full((case.n, 2 * m), -1, np.int32), np.full((tall.sum(), m), -1, np.int32)
    graph = Graph(levels, links, upper, start, -1)
    norms = inverse(rows, case.metric)
    return case.kernels().hnsw_insert(graph, rows, case.metric, 0, case.n, ef, norms)


@given(
    case=cases(), m=st.sampled_from([2, 8, 40]), ef=st.sampled_from([1, 30, 300]),
    budget=st.sampled_from([None, None, 0, 1, 50]),
)  # fmt: skip
@CHECKED
def test_a_walk_finds_rows_that_are_allowed_once(
    native_library: Path, case: Case, m: int, ef: int, budget: int | None
) -> None:
    queries, rows, allow = case.data()
    graph, norms = graph_of(case, rows, m, ef), inverse(rows, case.metric)
    given = (graph, queries, rows, case.metric, 10, ef, norms, allow, budget)
    found, scores, _ = case.kernels().hnsw_search(*given)
    want, off = scores_of(case, queries, rows)
    good = (graph.levels != ABSENT) & (True if allow is None else allow)
    for line, got, own, bound in zip(found, scores, want, off, strict=True):
        there = line[line >= 0]
        assert good[there].all() and len({*there.tolist()}) == len(there)
        assert (line[len(there) :] == -1).all() and (got[len(there) :] == -np.inf).all()
        assert (np.abs(got[: len(there)] - own[there]) <= bound).all()
