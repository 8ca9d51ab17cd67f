"""Any sequence of additions and removals leaves an HNSW index whole."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from abi.index import HNSW, Vectors
from abi.index._hnsw_repair import reached
from abi.kernels import ABSENT


class Machine(RuleBasedStateMachine):
    """An index beside the set of rows that it should hold."""

    @initialize(seed=st.integers(0, 1000), m=st.integers(2, 5), kinds=st.sampled_from([3, 1000]))
    def start(self, seed: int, m: int, kinds: int) -> None:
        rng = np.random.default_rng(seed)
        different = rng.standard_normal((kinds, 6), np.float32)
        self.pool = different[rng.integers(0, kinds, 400)]  # 3 kinds: nearly all are duplicates
        self.n = 0
        self.live: set[int] = set()
        self.index = HNSW.build(Vectors.of(self.pool[:0], "l2"), M=m, ef_construction=20)

    @precondition(lambda self: self.n < 330)
    @rule(count=st.sampled_from([1, 2, 7, 64]))
    def add(self, count: int) -> None:
        self.live |= set(range(self.n, self.n + count))
        self.n += count
        self.index.add(Vectors.of(self.pool[: self.n], "l2"))

    @precondition(lambda self: self.live)
    @rule(share=st.floats(0, 1), seed=st.integers(0, 1000))
    def remove(self, share: float, seed: int) -> None:
        order = np.random.default_rng(seed).permutation(sorted(self.live))
        gone = order[: max(1, int(share * len(order)))]
        self.index.remove(gone)
        self.live -= set(gone.tolist())

    @precondition(lambda self: self.live)
    @rule()
    def remove_the_entry(self) -> None:
        self.live.discard(self.index.graph.entry)
        self.index.remove([self.index.graph.entry])

    @rule()
    def reopen(self) -> None:
        self.index = HNSW.from_arrays(self.index.arrays(), self.index.vectors)

    @precondition(lambda self: self.live)
    @rule(k=st.sampled_from([1, 5, 500]), share=st.floats(0, 1))
    def search(self, k: int, share: float) -> None:
        allow = np.random.default_rng(k).random(self.n) < share
        rows, _ = self.index.search(self.pool[:3], k, allow)
        may = {row for row in self.live if allow[row]}
        for line in rows.tolist():
            found = [row for row in line if row >= 0]
            assert len(set(found)) == len(found) == min(k, len(may))
            assert set(found) <= may

    @invariant()
    def all_live_rows_are_in_reach(self) -> None:
        if not hasattr(self, "index"):
            return
        graph = self.index.graph
        assert set(np.flatnonzero(graph.levels != ABSENT).tolist()) == self.live
        assert set(np.flatnonzero(reached(graph)).tolist()) == self.live

    @invariant()
    def lists_hold_live_rows_once(self) -> None:
        if not hasattr(self, "index"):
            return
        links = self.index.graph.links
        for row in range(self.n):
            held = links[row][links[row] >= 0].tolist()
            assert set(held) <= self.live - {row}
            assert len(set(held)) == len(held)
            assert not held or row in self.live
            assert links[row].tolist() == held + [-1] * (links.shape[1] - len(held))


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=100, stateful_step_count=20, deadline=None, derandomize=True
)
