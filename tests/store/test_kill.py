"""Real processes, killed at random moments: what they acknowledged is there."""

from __future__ import annotations

import os
import random
import select
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abi.errors import DamageWarning
from abi.store import Database
from abi.store.files import OSFiles
from tests.store.model import DIM, Model, check_same, check_search, random_batch

KILLS = int(os.environ.get("ABI_TEST_KILLS", "12"))
NAME = "points"

Step = Callable[[Database, Model], None]


def step(seed: tuple[int, int, int]) -> Step:
    """A random operation, the same for the same seed."""
    source = np.random.default_rng(seed)
    kind = source.random()
    ids: list[Any] = source.choice(40, int(source.integers(1, 12)), replace=False).tolist()

    def do(db: Database | None, model: Model) -> None:
        if kind < 0.65:
            batch = random_batch(source, [i if i % 3 else f"s{i}" for i in ids])
            model.upsert(*batch)
            if db:
                db[NAME].upsert(*batch)
        elif kind < 0.9:
            gone = [i if i % 3 else f"s{i}" for i in ids[:4]]
            model.delete(gone)
            if db:
                db[NAME].delete(gone)
        elif db:
            db.checkpoint()

    return do  # type: ignore[return-value]


def work(folder: Path, round_: int, out: int) -> None:
    """What the process does until it is killed: an operation, and a byte for it."""
    db = Database(OSFiles(folder))
    db.create_collection(NAME, dim=DIM, exist_ok=True)
    os.write(out, b".")
    for i in range(100_000):
        step((1, round_, i))(db, Model())
        os.write(out, b".")


def acknowledged(folder: Path, round_: int, seconds: float, opened: bool) -> int:
    """Run a process for a while, `opened`: from when it has opened the database; return how many
    operations it told of.
    """
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        pid = os.fork()
    if not pid:
        try:
            os.close(read)
            work(folder, round_, write)
        finally:
            os._exit(1)
    os.close(write)
    if opened:
        select.select([read], [], [], 30)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    with open(read, "rb") as pipe:
        return len(pipe.read())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes to kill")
def test_what_a_killed_process_acknowledged_is_there(tmp_path: Path) -> None:
    source, model, operations = random.Random(3), Model(), 0
    for round_ in range(KILLS):
        seconds, opened = source.uniform(0.005, 0.15), source.random() < 0.7
        told = acknowledged(tmp_path, round_, seconds, opened)
        for i in range(told - 1):
            step((1, round_, i))(None, model)  # type: ignore[arg-type]
        further = model.copy()
        if told:
            step((1, round_, told - 1))(None, further)  # type: ignore[arg-type]
        with warnings.catch_warnings():
            warnings.simplefilter("error", DamageWarning)
            db = Database(OSFiles(tmp_path))
        model = the_one_that_holds(db, [model, further])
        leave(db)
        operations += max(0, told - 1)
    assert operations > KILLS  # however busy the machine


def leave(db: Database) -> None:
    """Let go of a database as a process that is killed does: it is not closed."""
    db._engine.closing = True
    with db._engine._tidying:  # what goes on beside has ended
        db._engine._unlock()


def the_one_that_holds(db: Database, models: list[Model]) -> Model:
    if NAME not in db:
        assert not models[0].points
        return models[0]
    same = [model for model in models if len(model.points) == len(db[NAME])]
    for model in same:
        try:
            check_same(db[NAME], model)
        except AssertionError:
            continue
        check_search(db[NAME], model, [1.0, 0.5, -1.0, 0.0], 5, least=2)
        return model
    pytest.fail("neither what was acknowledged, nor that and the operation under way")
