"""Compare every kind of tokeniser with llama.cpp, live and on many strings.

    nox -s oracle                              200,000 strings a family, and all pieces
    python -m tests.oracle.differential --family bpe --strings 1000

Every string is encoded twice, without special tokens and with them read and added, and both
results are turned back into bytes. Prints one line a vocabulary; exit status 1 on a mismatch.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from abi.gguf import read, write
from abi.tokenizer import PRETOKENIZERS, Tokenizer
from tests.oracle import vocabs
from tests.oracle.live import LlamaCpp
from tests.oracle.pieces import synthetic
from tests.oracle.strings import mixed_strings

__all__ = ["FAMILIES", "compare"]

_PRE = "tokenizer.ggml.pre"
# With this one llama.cpp aborts at a space, except in tokenisers of the kind of that name.
_ABORTS = "whitespace"
# Further names of a rule that another name is compared for; a few strings show which rule it is.
_OTHERS = {
    name for i, name in enumerate(PRETOKENIZERS)
    if PRETOKENIZERS[name] in list(PRETOKENIZERS.values())[:i]
}  # fmt: skip
_FEW = 200
# A vendored file, a name of `pieces.SYNTHETIC`, or a file with another pre-tokeniser.
FAMILIES: dict[str, tuple[str, ...]] = {
    "spm": ("llama-spm", "phi-3", "baichuan", "+sentencepiece"),
    "bpe": (
        *(f"llama-bpe={name}" for name in PRETOKENIZERS if name != _ABORTS and name not in _OTHERS),
        "gpt-2", "qwen2", "deepseek-llm", "deepseek-coder", "command-r", "gemma-4",
        "+characters-gemma4", "+characters-sarvam", "+whitespace", "+whitespace-lowered", "+dna",
    ),
    "wordpiece": ("bert-bge", "+wordpiece-1", "+wordpiece-2", "+wordpiece-3"),
    "unigram": ("nomic-bert-moe", "+unigram-1", "+unigram-2", "+unigram-3"),
    "rwkv": ("+rwkv-1", "+rwkv-2"),
    "plamo2": ("+plamo2",),
    "names": tuple(f"llama-bpe={name}" for name in sorted(_OTHERS)),
}  # fmt: skip
_LEAST = 4_000  # strings for any one vocabulary


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--family", choices=FAMILIES, action="append")
    parser.add_argument("--strings", type=int, default=200_000, help="for each family")
    parser.add_argument("--only", help="a part of the vocabulary's name")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    wrong = 0
    for family in args.family or FAMILIES:
        names = tuple(name for name in FAMILIES[family] if (args.only or "") in name)
        share = max(-(-args.strings // max(len(names), 1)), min(_LEAST, args.strings))
        share = min(share, _FEW) if family == "names" else share
        total = 0
        for i, name in enumerate(names):
            found = compare(name, share, args.seed * 1000 + i)
            wrong, total = wrong + found, total + share
        print(f"{family}: {total} strings over {len(names)} vocabularies", flush=True)
    sys.exit(1 if wrong else 0)


def compare(name: str, n_strings: int, seed: int) -> int:
    """Mismatches of one vocabulary; the first few are printed."""
    start = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = _file(name, Path(folder))
        ours, theirs = Tokenizer.from_metadata(read(path).metadata), LlamaCpp(path)
        # The same vocabulary ninety times over needs no more than a sample.
        wrong = [
            *_pieces(ours, theirs, 16 if "=" in name else 1),
            *_strings(ours, theirs, n_strings, seed),
        ]
    seconds = perf_counter() - start
    print(f"  {name:<36} {n_strings:>7} strings {len(wrong):>3} wrong {seconds:6.1f} s", flush=True)
    for row in wrong[:5]:
        print("   ", *row, flush=True)
    return len(wrong)


def _file(name: str, folder: Path) -> Path:
    path = folder / "vocab.gguf"
    if name.startswith("+"):
        write(path, synthetic(name[1:]), [])
        return path
    source, _, pre = name.partition("=")
    vendored = vocabs.fetch() / f"ggml-vocab-{source}.gguf"
    if not pre:
        return vendored
    write(path, read(vendored).typed() | {_PRE: pre}, [])
    return path


def _pieces(ours: Tokenizer, theirs: LlamaCpp, step: int) -> Iterator[tuple[Any, ...]]:
    if len(ours) != len(theirs) or ours.vocab.eog != theirs.ends:
        yield "size or ends", len(ours), len(theirs), ours.vocab.eog, theirs.ends
    for token in range(0, len(theirs), step):
        for special in (False, True):
            got, want = ours.piece(token, special=special), theirs.piece(token, special)
            if got != want:
                yield "piece", token, special, got, want


def _strings(ours: Tokenizer, theirs: LlamaCpp, n: int, seed: int) -> Iterator[tuple[Any, ...]]:
    special = ours.vocab.partitioned()
    pieces = ours.vocab.texts + [ours.vocab.texts[i] for i in special] * (
        len(ours) // (4 * len(special)) if special else 0
    )
    for raw in mixed_strings(n, seed, pieces):
        for flag in (False, True):
            got, want = ours.encode(raw, flag, flag), theirs.encode(raw, flag, flag)
            if got != want:
                yield "ids", flag, raw, got, want
            text = theirs.detokenize(want, flag, not flag)
            if ours.detokenize(want, remove_special=flag, unparse_special=not flag) != text:
                yield "text", flag, want, text


if __name__ == "__main__":
    main()
