"""Draw many tokens with both samplers, and say how many differ.

    python -m tests.oracle.compare_sampling [RUNS]     (needs the extra `oracle`)

Each kind of draw gets that many runs of 40 tokens. After a difference a run goes on with
llama.cpp's token, so that one difference counts once. Where a cut falls within a rounding of
float32, the two may keep different tokens.
"""

from __future__ import annotations

import sys

from abi.sampling import Vocabulary, make_sampler
from tests.oracle.record_sampling import drawn_by_llama, tiny_vocabulary
from tests.oracle.sampling import DRAWS, Run, runs
from tests.sampling.vocabulary import tiny_words


def main() -> None:
    n_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    model, vocab = tiny_vocabulary()
    ours = tiny_words()
    for name in DRAWS:
        tokens = different = 0
        for run in runs(name, n_runs, salt=31):
            expected = drawn_by_llama(run, vocab)
            tokens += len(expected)
            different += _differences(run, expected, ours)
        print(f"{name:12} {different} of {tokens} tokens differ", flush=True)
    model.close()


def _differences(run: Run, expected: list[int], vocabulary: Vocabulary) -> int:
    sampler = make_sampler(len(run.rows[0]), vocabulary=vocabulary, **run.options)
    sampler.prime(run.prompt)
    different = 0
    for logits, token in zip(run.rows, expected, strict=True):
        different += sampler.sample(logits) != token
        sampler.accept(token)
    return different


if __name__ == "__main__":
    main()
