"""Threads of one process: writers share syncs, and readers see whole commits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from abi.store import Database, _engine
from abi.store.files import Bytes, MemoryFiles
from abi.store.indexes import _choice


class SlowFiles(MemoryFiles):
    """Files whose syncs take some milliseconds, and are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.syncs = 0

    def create(self, name: str) -> Any:
        inner = super().create(name)
        files = self

        class Appender:
            size = property(lambda self: inner.size)

            def append(self, *parts: Bytes) -> None:
                inner.append(*parts)

            def sync(self) -> None:
                files.syncs += 1
                time.sleep(0.005)

            def close(self) -> None:
                inner.close()

        return Appender()


def together(*tasks: Callable[[], None]) -> None:
    """Run tasks in threads, and raise what one raised."""
    errors: list[BaseException] = []

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_writers_share_syncs() -> None:
    files = SlowFiles()
    db = Database(files)
    notes = db.create_collection("a", dim=1)
    before = files.syncs

    def write(first: int) -> Callable[[], None]:
        def task() -> None:
            for i in range(10):
                notes.upsert([first + i], [[i]])

        return task

    together(*(write(100 * i) for i in range(8)))
    assert len(notes) == 80
    assert db.sequence == 81
    assert db._engine._log.durable == 81
    assert files.syncs - before < 60  # 80 changes


def test_readers_see_whole_commits_whatever_goes_on_beside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pairs of points are written together, and moved by checkpoints, merges and graphs."""
    monkeypatch.setattr(_engine, "_LOG_BYTES", 3000)
    monkeypatch.setattr(_choice, "_LEAST", 50)
    db = Database(MemoryFiles())
    notes = db.create_collection("a", dim=4, index="hnsw")
    vectors = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    stop = threading.Event()

    def write() -> None:
        for i in range(400):
            n = i % 100
            notes.upsert([n, f"p{n}"], [vectors[n], vectors[n + 100]], [{"v": i}, {"v": i}])
            if i % 7 == 0:
                notes.delete([n, f"p{n}"])
        stop.set()

    def read() -> None:
        while not stop.is_set():
            seen = notes.snapshot()
            by_id = {point.id: point.payload for point in seen.points()}
            assert len(seen) == len(by_id)
            assert len(by_id) % 2 == 0
            for id_, payload in by_id.items():
                if isinstance(id_, int):
                    assert by_id[f"p{id_}"] == payload
            hits = seen.search(vectors[0], k=500)
            assert len(hits) == len(by_id)

    together(write, read, read)
    db._engine.tidy()
    expected = {i for i in range(300, 400) if i % 7}
    assert {p.payload["v"] for p in notes.points() if p.payload} == expected
    db.close()
    again = Database(db._engine.files)
    assert {p.payload["v"] for p in again["a"].points() if p.payload} == expected
    assert again.check() == []


def test_closing_waits_for_what_goes_on_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "_LOG_BYTES", 2000)
    for _ in range(5):
        files = MemoryFiles()
        db = Database(files)
        notes = db.create_collection("a", dim=2)
        for i in range(60):
            notes.upsert([i], [[i, 1]])
        db.close()
        again = Database(files)
        assert len(again["a"]) == 60
        assert again.problems == ()
        again.close()
