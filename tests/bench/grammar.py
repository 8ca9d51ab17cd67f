"""What a mask costs: steps of JSON under grammars, over real vocabularies.

Prints, for each vocabulary and grammar, how long the vocabulary and the grammar take once, and
of the steps of a run through several texts: the median and the 99th percentile of the mask,
first with nothing kept from before and then again, and the median of one check and one accept.

    python -m tests.bench.grammar [--json] [--check]

`--check` ends with status 1 where, over 32,000 tokens, the median mask of a first run takes
longer than 1 ms, or the 99th percentile of a second run longer than 10 ms.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from abi.gguf import read
from abi.grammar import Grammar, Matcher, Vocabulary, compile_gbnf, compile_schema
from abi.tokenizer import Tokenizer
from tests.oracle import vocabs

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 100},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "email": {"type": "string", "format": "email"},
        "born": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 8},
        "role": {"enum": ["admin", "editor", "reader"]},
        "friends": {"type": "array", "items": {"$ref": "#"}},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
TEXTS = (
    {
        "name": "Ada Lovelace", "age": 36, "email": "ada@example.org", "born": "1815-12-10",
        "tags": ["mathematics", "the first programmer", "poetical science"], "role": "admin",
        "friends": [{"name": "Charles Babbage", "age": 79, "tags": []}],
    },
    {
        "name": "Grace Brewster Murray Hopper", "age": 85, "born": "1906-12-09",
        "tags": ["compilers", "a very long label that goes on for quite some while, as they do"],
        "friends": [{"name": "Ünïcödé 日本", "age": 1}, {"name": "X", "age": 0, "role": "reader"}],
    },
)  # fmt: skip


def grammars(folder: Any) -> dict[str, Callable[[], Grammar]]:
    text = (folder / "json.gbnf").read_text()
    return {
        "json.gbnf": lambda: compile_gbnf(text),
        "any JSON": lambda: compile_schema(True),
        "a person": lambda: compile_schema(PERSON),
    }


def ids_of(vocabulary: Vocabulary, raw: bytes) -> Iterator[int]:
    """The longest token at every place."""
    by_bytes = {piece: i for i, piece in enumerate(vocabulary.tokens) if piece}
    at = 0
    while at < len(raw):
        size = next(
            n for n in range(min(vocabulary.longest, len(raw) - at), 0, -1)
            if raw[at : at + n] in by_bytes
        )  # fmt: skip
        yield by_bytes[raw[at : at + size]]
        at += size


def run(grammar: Grammar, vocabulary: Vocabulary) -> dict[str, list[float]]:
    """Milliseconds of every step through the texts."""
    times: dict[str, list[float]] = {"mask": [], "check": [], "accept": []}
    for text in TEXTS:
        matcher = Matcher(grammar, vocabulary)
        for token in ids_of(vocabulary, json.dumps(text, ensure_ascii=False).encode()):
            times["mask"].append(_timed(matcher.allowed))
            times["check"].append(_timed(partial(matcher.check, token)))
            times["accept"].append(_timed(partial(matcher.accept, token)))
    return times


def _timed(call: Callable[[], object]) -> float:
    started = perf_counter()
    call()
    return 1e3 * (perf_counter() - started)


def measure() -> list[dict[str, Any]]:
    rows, folder = [], vocabs.fetch()
    for name in ("llama-spm", "gpt-2", "llama-bpe"):
        tokenizer = Tokenizer.from_metadata(read(folder / f"ggml-vocab-{name}.gguf").metadata)
        pieces = [tokenizer.piece(i, special=False) for i in range(len(tokenizer))]
        started = perf_counter()
        vocabulary = Vocabulary(pieces, tokenizer.vocab.eog)
        built = 1e3 * (perf_counter() - started)
        for kind, make in grammars(folder).items():
            started = perf_counter()
            grammar = make()
            compiled = 1e3 * (perf_counter() - started)
            first, again = run(grammar, vocabulary), run(grammar, vocabulary)
            rows.append({
                "vocabulary": name, "tokens": len(vocabulary), "grammar": kind,
                "vocabulary_ms": built, "grammar_ms": compiled, "steps": len(first["mask"]),
                "first_median_ms": float(np.median(first["mask"])),
                "first_p99_ms": float(np.percentile(first["mask"], 99)),
                "again_median_ms": float(np.median(again["mask"])),
                "again_p99_ms": float(np.percentile(again["mask"], 99)),
                "check_ms": float(np.median(again["check"])),
                "accept_ms": float(np.median(again["accept"])),
            })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    rows = measure()
    if args.json:
        print(json.dumps(rows))
    else:
        print(*(f"{name:>15}" for name in rows[0]))
        for row in rows:
            print(*(f"{v:15.3f}" if isinstance(v, float) else f"{v!s:>15}" for v in row.values()))
    small = [row for row in rows if row["tokens"] == 32000]
    slow = [r for r in small if r["first_median_ms"] > 1 or r["again_p99_ms"] > 10]
    if args.check and slow:
        raise SystemExit(f"slower than the budget: {', '.join(row['grammar'] for row in slow)}")


if __name__ == "__main__":
    main()
