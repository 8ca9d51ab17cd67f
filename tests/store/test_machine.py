"""A collection against a dict: whatever is done to it in whatever order, both hold the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from abi.store import Database, _upkeep
from abi.store._moment import Moment
from abi.store._recovery import recover
from abi.store._restore import restore_files
from abi.store.files import MemoryFiles
from abi.store.indexes import _choice
from tests.store.model import (
    DIM,
    Model,
    check_same,
    check_search,
    check_words,
    random_batch,
)

IDS = st.one_of(st.integers(0, 9), st.sampled_from(["a", "b", "c"]))
NAME = "points"


class AtOnce:
    """A worker without a thread, so that a run is the same each time."""

    def __init__(self, task: Callable[[], None]) -> None:
        task()

    def busy(self) -> bool:
        return False


class StoreMachine(RuleBasedStateMachine):
    """Keeps the model of every sequence number, so that each can be gone back to."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(_upkeep, "Worker", AtOnce)
        self._patch.setattr(_upkeep, "_QUIET", 0)  # nobody else writes meanwhile
        self.files = MemoryFiles()
        self.db = Database(self.files)
        self.model = Model()
        self.past: dict[int, Model] = {}

    index = "flat"

    @initialize()
    def create(self) -> None:
        self.db.create_collection(NAME, dim=DIM, index=self.index)
        self.remember()

    def remember(self) -> None:
        self.past[self.db.sequence] = self.model.copy()

    @rule(ids=st.lists(IDS, unique=True, max_size=6), seed=st.integers(0, 1 << 30))
    def upsert(self, ids: list[Any], seed: int) -> None:
        batch = random_batch(np.random.default_rng(seed), ids)
        before = self.db.sequence
        got = self.db[NAME].upsert(*batch)
        assert got == before + bool(ids)
        self.model.upsert(*batch)
        self.remember()

    @rule(ids=st.lists(IDS, unique=True, max_size=4))
    def delete(self, ids: list[Any]) -> None:
        assert self.db[NAME].delete(ids) == self.model.delete(ids)
        self.remember()

    @rule(least=st.integers(0, 5))
    def delete_matching(self, least: int) -> None:
        gone = self.model.matching(least)
        assert self.db[NAME].delete(filter={"n": {"$gte": least}}) == len(gone)
        self.model.delete(gone)
        self.remember()

    @rule()
    def checkpoint(self) -> None:
        self.db.checkpoint()

    @rule()
    def compact(self) -> None:
        self.db.compact()
        assert len(self.db._engine.collections.named(NAME).segments) <= 1  # type: ignore[union-attr]

    @rule()
    def tidy(self) -> None:
        self.db.checkpoint()
        self.db._engine.tidy()

    @rule()
    def close_and_open(self) -> None:
        self.db.close()
        self.db = Database(self.files)
        assert self.db.problems == ()

    @rule()
    def crash_and_open(self) -> None:
        left = MemoryFiles()
        left.contents = {name: bytearray(data) for name, data in self.files.contents.items()}
        self.files, self.db = left, Database(left)
        assert self.db.problems == ()

    @rule(query=st.integers(0, 1 << 30), k=st.integers(1, 12), least=st.none() | st.integers(0, 5))
    def search(self, query: int, k: int, least: int | None) -> None:
        vector = np.random.default_rng(query).normal(size=DIM)
        check_search(self.db[NAME], self.model, vector, k, least)

    @rule(word=st.sampled_from(["red", "green", "blue", "grey"]))
    def words(self, word: str) -> None:
        check_words(self.db[NAME], self.model, word)

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def read_the_past(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.past)))
        then = Database(self.files, write=False, at=Moment(sequence=sequence))
        assert then.sequence == sequence
        check_same(then[NAME], self.past[sequence])
        check_search(then[NAME], self.past[sequence], [1.0, -0.5, 0.0, 2.0], 3, 1)

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.past)))
        into = MemoryFiles()
        restore_files(recover(self.files, Moment(sequence=sequence)), into)
        restored = Database(into)
        check_same(restored[NAME], self.past[sequence])
        restored[NAME].upsert([1], [[1, 0, 0, 0]])
        assert restored.sequence == sequence + 1

    @invariant()
    def holds(self) -> None:
        if self.past:
            check_same(self.db[NAME], self.model)

    def teardown(self) -> None:
        self._patch.undo()


class IndexedMachine(StoreMachine):
    """The same with a graph for every segment, however small."""

    index = "hnsw"

    def __init__(self) -> None:
        super().__init__()
        self._patch.setattr(_choice, "_LEAST", 1)


class PartitionedMachine(IndexedMachine):
    """The same with partitions, kept and mended from segment to segment."""

    index = "ivf"


EXAMPLES = int(os.environ.get("ABI_TEST_MACHINES", "40"))
SETTINGS = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None, derandomize=True)

TestStore = StoreMachine.TestCase
TestStore.settings = SETTINGS
TestIndexed = IndexedMachine.TestCase
TestIndexed.settings = SETTINGS
TestPartitioned = PartitionedMachine.TestCase
TestPartitioned.settings = SETTINGS
