"""What a constraint adds to a token's time, over a vocabulary of 32,000 tokens.

    python -m tests.bench.mask_share

A random llama of 110 M weights (`BENCH_110M`) writes JSON under a schema; the time in the
constraint is compared with the time in the network, token by token.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from abi.generate import load
from abi.gguf import read, write
from tests.oracle import vocabs
from tests.synthetic import BENCH_110M, write_llama

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 8, "maxLength": 40},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 12}, "minItems": 6},
        "size": {"type": "number"},
    },
    "required": ["name", "tags", "size"],
    "additionalProperties": False,
}


class Timed:
    """A constraint that remembers how long each of its tokens took."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.seconds, self.tokens = inner, 0.0, []

    def _timed(self, name: str, *arguments: Any) -> Any:
        start = perf_counter()
        found = getattr(self.inner, name)(*arguments)
        self.seconds += perf_counter() - start
        return found

    def allowed(self) -> Any:
        return self._timed("allowed")

    def check(self, token: int) -> Any:
        return self._timed("check", token)

    def accept(self, token: int) -> None:
        self._timed("accept", token)
        self.tokens.append(self.seconds)
        self.seconds = 0.0

    def copy(self) -> Timed:
        return Timed(self.inner.copy())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        write_llama(path, BENCH_110M, "Q8_0")
        vocabulary = read(vocabs.fetch() / "ggml-vocab-llama-spm.gguf").typed()
        tokens = {k: v for k, v in vocabulary.items() if k.startswith("tokenizer.")}
        model_file = read(path)
        named = Path(folder) / "named.gguf"
        write(named, model_file.typed() | tokens, model_file.tensors.values())
        model = load(named, weights="float32", kernels="numpy")
        for label in ("first", "second"):
            timed = Timed(model.constrain(json_schema=SCHEMA))
            generation = model.generate(
                "JSON: ", constraint=timed, max_tokens=150, seed=1, temperature=1.5
            )
            generation.read()
            network = generation.timings.decode_s / generation.timings.decode_tokens
            added = statistics.median(timed.tokens)
            print(
                f"{label} text: {len(timed.tokens)} tokens, network {1e3 * network:.1f} ms a "
                f"token, constraint {1e3 * added:.2f} ms median, "
                f"{1e3 * float(np.mean(timed.tokens)):.2f} ms mean: "
                f"{100 * float(np.mean(timed.tokens)) / network:.1f}% in the mean"
            )


if __name__ == "__main__":
    main()
