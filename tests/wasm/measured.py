"""What `tests.bench.browser` measures, natively and in Pyodide."""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

__all__ = ["measured"]

_REPEATS = 5


def measured() -> dict[str, float]:
    """Seconds, and megabytes of memory, by what took them; in a process that did nothing yet."""
    found = {
        "import numpy": _timed(lambda: importlib.import_module("numpy")),
        "import abi.rag": _timed(lambda: importlib.import_module("abi.rag")),
        "memory after imports": _memory(),
    }
    from abi.embedding import StaticEmbedding

    found["read the table"] = _timed(StaticEmbedding.default)
    return {**found, **_library(), "memory at the end": _memory()}


def _library() -> dict[str, float]:
    """The pages that `abi demo` reads, indexed, indexed again, and asked."""
    import abi
    from abi.cli._demo import _FOLDERS, _K, _QUESTIONS, _documentation
    from abi.embedding import StaticEmbedding
    from abi.rag import Library, quotes

    with abi.open(":memory:") as db:
        library = Library(db, StaticEmbedding.default())
        pages = _documentation()

        def add() -> None:
            for name in _FOLDERS:
                library.add(Path(pages, name))

        def ask(question: str) -> None:
            quotes(question, library.search(question, _K), library.embedder)

        indexing, again = _timed(add), _timed(add)
        first = _timed(partial(ask, _QUESTIONS[0]))
        asked = [_timed(partial(ask, one)) for one in _QUESTIONS * _REPEATS]
        n = library.collection.count({"kind": "chunk"})
    return {
        "passages": n, "index": indexing, "index again": again, "first question": first,
        "a question": statistics.median(asked),
    }  # fmt: skip


def _timed(task: Callable[[], Any]) -> float:
    start = perf_counter()
    task()
    return perf_counter() - start


def _memory() -> float:
    from abi._platform import peak_memory

    return (peak_memory() or 0) / 1e6
