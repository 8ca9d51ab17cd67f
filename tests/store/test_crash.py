"""Whatever moment the process ends or power is lost at, what was acknowledged is there.

A scripted workload runs over files that end the process at operation N, for every N; the
database is then opened on what is left.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from abi.errors import DamageWarning
from abi.store import Database
from tests.store.faults import Crash, CrashingFiles
from tests.store.model import DIM, Model, check_same, check_search, random_batch

NAME = "points"
Step = Callable[[Database, Model], None]


def upsert(ids: list[Any], seed: int) -> Step:
    def step(db: Database, model: Model) -> None:
        batch = random_batch(np.random.default_rng(seed), ids)
        model.upsert(*batch)
        db[NAME].upsert(*batch)

    return step


def delete(ids: list[Any]) -> Step:
    def step(db: Database, model: Model) -> None:
        model.delete(ids)
        db[NAME].delete(ids)

    return step


def checkpoint(db: Database, model: Model) -> None:
    db.checkpoint()


def compact(db: Database, model: Model) -> None:
    db.compact()


def create(db: Database, model: Model) -> None:
    db.create_collection(NAME, dim=DIM, exist_ok=True)


SCRIPT: list[Step] = [
    create,
    upsert([1, 2, 3], 0),
    upsert(["a", 2], 1),
    checkpoint,
    delete([1, "a"]),
    upsert([1, 5, 6], 2),
    checkpoint,
    upsert([2], 3),
    delete([5]),
    compact,
    upsert([7], 4),
    checkpoint,
    delete([7, 2]),
    compact,
    upsert([2, 8], 5),
]


def run(files: CrashingFiles) -> tuple[Model | None, Model | None]:
    """The workload: what was acknowledged, and what that and the step under way come to."""
    done: Model | None = None
    under_way: Model | None = None
    model = Model()
    try:
        db = Database(files)
        for step in SCRIPT:
            before, model = model, model.copy()
            under_way = model
            step(db, model)
            done, under_way = model, None
            del before
        db.close()
    except Crash:
        pass
    return done, under_way


def total() -> int:
    files = CrashingFiles(at=1 << 60)
    run(files)
    return files.done


def test_the_workload_has_many_operations() -> None:
    assert 80 < total() < 300


@pytest.mark.parametrize("power", [False, True], ids=["killed", "power lost"])
@pytest.mark.parametrize("seed", range(3))
def test_every_acknowledged_write_is_there_and_no_other_is_half_there(
    power: bool, seed: int
) -> None:
    for at in range(1, total() + 1):
        files = CrashingFiles(at, seed)
        done, under_way = run(files)
        with warnings.catch_warnings():
            # Zeros at the end after a loss of power are told; a killed process leaves none.
            warnings.simplefilter("ignore" if power else "error", DamageWarning)
            db = Database(files.after(power=power))
        expected = [model for model in (done, under_way) if model is not None]
        assert any(holds(db, model) for model in expected) or not expected, (at, seed)
        db.close()


def holds(db: Database, model: Model) -> bool:
    """Whether the database has what the model has, by every way of reading."""
    if NAME not in db:
        return not model.points
    try:
        check_same(db[NAME], model)
    except AssertionError:
        return False
    check_search(db[NAME], model, [1.0, 0.5, -1.0, 0.0], 4)
    check_search(db[NAME], model, [1.0, 0.5, -1.0, 0.0], 4, least=2)
    return True


@pytest.mark.parametrize("seed", range(2))
def test_a_database_goes_on_after_a_crash(seed: int) -> None:
    for at in range(5, total(), 3):
        files = CrashingFiles(at, seed)
        run(files)
        left = files.after(power=False)
        model = Model()
        db = Database(left)
        create(db, model)
        for point in db[NAME].points(with_vectors=True):
            model.points[point.id] = (point.vector, point.payload, point.text)
        upsert(["new", 1], 9)(db, model)
        checkpoint(db, model)
        upsert([3], 10)(db, model)
        delete(["new"])(db, model)
        check_same(db[NAME], model)
        db.close()
        again = Database(left)
        check_same(again[NAME], model)
        assert again.problems == ()
