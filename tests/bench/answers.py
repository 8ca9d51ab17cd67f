"""How good answers in quotes are, and how often nothing is said where nothing answers.

    OPENBLAS_NUM_THREADS=1 python -m tests.bench.answers [--half dev|test]

What is measured is in `tests.quality.answers`. Constants of `abi.rag` were chosen with
`--half dev`; what is reported is the other half of each set of questions.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import cycle
from time import perf_counter

from abi.embedding import StaticEmbedding
from tests.quality.answers import Quoted, ask, quoted, small, unanswerable
from tests.quality.corpus import sections
from tests.quality.measure import Found, Question, halves, questions

Pairs = Sequence[tuple[Found, Question]]


def row(name: str, answerable: Pairs, *unanswerable: Pairs) -> str:
    """Shares of the sets of questions, as a line of a table."""
    good: Quoted = quoted(answerable)
    silent = [1 - quoted(pairs).answered for pairs in unanswerable]
    shares = [f"{100 * x:.0f}%" for x in (good.answered, good.first, good.some, *silent)]
    return f"| {name} | {' | '.join([*shares, *['-'] * (6 - len(shares))])} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--half", choices=["dev", "test"], default="test")
    half = parser.parse_args().half == "test"
    corpus, embedder = sections(), StaticEmbedding.default()
    asked, far, near = (
        halves(qs)[half] for qs in (questions(), unanswerable(False), unanswerable(True))
    )
    print(f"{len(asked)} questions, {len(far)} far and {len(near)} near that nothing answers\n")
    print("| | answered | first quote right | some quote right | silent: far | near | others' |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    whole = Found(corpus, embedder)
    each = [[(whole, q) for q in qs] for qs in (asked, far, near)]
    print(row(f"{len(corpus):,} sections", *each), flush=True)
    for others in (600, 60):
        made = small(corpus, asked, embedder, others=others)
        some = [list(zip(cycle(made.libraries), qs, strict=False)) for qs in (far, near)]
        name = f"{len(made.libraries)} libraries of about {others + 20}"
        print(row(name, made.own, *some, made.others), flush=True)
    start = perf_counter()
    for question in asked:
        ask(whole, question.text)
    print(f"\n{1000 * (perf_counter() - start) / len(asked):.1f} ms a question")


if __name__ == "__main__":
    main()
