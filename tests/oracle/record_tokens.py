"""Record what llama.cpp's tokenisers give: digests of ids and of the text they come back as.

    python -m tests.oracle.record_tokens       (a part of `nox -s record`)

Writes `tests/data/llama-rules.npz`, every pre-tokeniser over one vocabulary, and
`llama-kinds.npz`, vocabularies of every kind; and `llama-pre-names.json`, the names that
llama.cpp's source compares `tokenizer.ggml.pre` with.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from abi.gguf import read, write
from tests.oracle import vocabs
from tests.oracle.cases import DATA, KINDS, RULES, RULES_VOCAB, both_ways, mixed_cases
from tests.oracle.live import LlamaCpp
from tests.oracle.pieces import synthetic


def main() -> None:
    folder = vocabs.fetch()
    source = (folder / vocabs.SOURCE).read_text()
    names = sorted(set(re.findall(r'tokenizer_pre == "([^"]+)"', source)))
    (DATA / "llama-pre-names.json").write_text(json.dumps(names, indent=1) + "\n")
    np.savez(DATA / "llama-rules.npz", **{rule: _rule(folder, rule) for rule in RULES})
    np.savez(DATA / "llama-kinds.npz", **{name: _kind(folder, name) for name in KINDS})


def _rule(folder: Path, rule: str) -> Any:
    file = read(folder / f"ggml-vocab-{RULES_VOCAB}.gguf")
    return _digests(file.typed() | {"tokenizer.ggml.pre": rule}, file.metadata)


def _kind(folder: Path, name: str) -> Any:
    if name.startswith("+"):
        metadata = synthetic(name[1:])
        return _digests(metadata, metadata)
    file = read(folder / f"ggml-vocab-{name}.gguf")
    return _digests(file.typed(), file.metadata)


def _digests(typed: Any, metadata: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.gguf"
        write(path, typed, [])
        theirs = LlamaCpp(path)
        cases = mixed_cases(metadata["tokenizer.ggml.tokens"])
        return np.array([both_ways(raw, theirs.encode, theirs.detokenize) for raw in cases], "u4")


if __name__ == "__main__":
    main()
