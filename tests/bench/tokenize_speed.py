"""How fast each kind of tokeniser reads English prose, by processor time of one core.

    python -m tests.bench.tokenize_speed [--runs 5] [--only NAME] [--check]

The text is Python's own documentation as `pydoc` and the docstrings of the standard library
have it: about 2 MB, hardly repeating itself, and on every machine. Vocabularies are llama.cpp's
(`tests/oracle/vocabs.py`) and, for RWKV, one of ours. Each run makes the tokeniser anew, so no
word is remembered from the run before; the second figure is the same text again.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

from abi.gguf import read
from abi.tokenizer import Tokenizer
from tests.oracle import vocabs
from tests.oracle.pieces import synthetic

CASES = {
    "SentencePiece": "llama-spm",
    "BPE gpt-2": "gpt-2",
    "BPE llama-3": "llama-bpe",
    "BPE qwen2": "qwen2",
    "WordPiece": "bert-bge",
    "Unigram": "nomic-bert-moe",
    "RWKV": "+rwkv-1",
}
_BYTES = 2_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--check", action="store_true", help="exit 1 below 1 MB/s")
    args = parser.parse_args()
    text = prose()
    size = len(text.encode()) / 1e6
    words = text.split()
    print(f"{size:.2f} MB, {len(words)} words, {len(set(words))} different; medians of {args.runs}")
    slow = False
    for name, source in CASES.items():
        if args.only not in name:
            continue
        first, again = measure(_metadata(source), text, args.runs)
        slow = slow or size / first < 1
        print(f"{name:<14} {size / first:6.2f} MB/s   again {size / again:6.2f} MB/s", flush=True)
    sys.exit(1 if args.check and slow else 0)


def measure(metadata: dict[str, Any], text: str, runs: int) -> tuple[float, float]:
    """Median processor seconds of a first and of a second reading."""
    times: list[tuple[float, float]] = []
    for _ in range(runs):
        tokenizer = Tokenizer.from_metadata(metadata)
        tokenizer.encode("A first word compiles what is compiled once.")
        both = []
        for _ in range(2):
            start = process_time()
            tokenizer.encode(text)
            both.append(process_time() - start)
        times.append((both[0], both[1]))
    return tuple(map(statistics.median, zip(*times, strict=True)))  # type: ignore[return-value]


def prose() -> str:
    """Docstrings of the standard library, module after module."""
    parts, size = [], 0
    for part in _docstrings(Path(sysconfig.get_paths()["stdlib"])):
        parts.append(part)
        size += len(part)
        if size > _BYTES:
            break
    return "\n\n".join(parts)


def _docstrings(folder: Path) -> Iterator[str]:
    from pydoc_data.topics import topics

    yield from (topics[name] for name in sorted(topics))
    for path in sorted(folder.rglob("*.py")):
        if "test" in path.parts or "site-packages" in path.parts:
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                doc = ast.get_docstring(node)
                if doc and len(doc) > 200:
                    yield doc


def _metadata(source: str) -> dict[str, Any]:
    if source.startswith("+"):
        return synthetic(source[1:])
    return dict(read(vocabs.fetch() / f"ggml-vocab-{source}.gguf").metadata)


if __name__ == "__main__":
    main()
