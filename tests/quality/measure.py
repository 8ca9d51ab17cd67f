"""Questions with their answers, and how well they are found.

Two sets. `questions()` are `tests/data/questions.jsonl`: each was written from reading a section,
in words that a user might have, before anything was searched for; with it stand all sections
known to answer it, and none was added or taken away for what a search gave. `known_items()` are
made by code: the first sentence of a documentation string asks for the rest of it.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from abi.rag import Embedder, Library
from abi.store import Database
from abi.store.files import MemoryFiles
from tests.quality.corpus import Section, write

__all__ = [
    "Found",
    "K",
    "Question",
    "Scores",
    "gain",
    "halves",
    "known_items",
    "questions",
    "score",
]

Find = Callable[[str], Sequence[str]]

K = 10
QUESTIONS = Path(__file__).parents[1] / "data" / "questions.jsonl"

_SENTENCE = re.compile(r"\s*(.+?[.!?])(?=\s|$)", re.S)
_FEWEST_WORDS, _LEAST_LEFT = 5, 80  # of a sentence; characters of what is left without it
_ITEMS = 600


class Question(NamedTuple):
    """What is asked, and ids of the sections that answer it."""

    text: str
    answers: frozenset[str]


@dataclass(frozen=True)
class Scores:
    """Means over questions, of the first ten sections found: 0 to 1.

    Attributes
    ----------
    ndcg : float
        Normalised discounted cumulative gain; an answer's gain is 1.
    recall : float
        Share of the answers that is among the ten.
    mrr : float
        Reciprocal of the first answer's rank, 0 where there is none.
    """

    ndcg: float
    recall: float
    mrr: float


def questions() -> list[Question]:
    """The written ones."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return [Question(r["question"], frozenset(r["answers"])) for r in records]


def halves(asked: Sequence[Question], seed: int = 17) -> tuple[list[Question], list[Question]]:
    """Two halves by lot: what is chosen is chosen on the first, and reported on the second."""
    order = random.Random(seed).sample(range(len(asked)), len(asked))
    middle = len(asked) // 2
    dev, test = sorted(order[:middle]), sorted(order[middle:])
    return [asked[i] for i in dev], [asked[i] for i in test]


def known_items(corpus: Sequence[Section]) -> tuple[list[Section], list[Question]]:
    """The corpus without the first sentences of some sections, and those sentences as questions."""
    fit = [s.id for s in corpus if not s.id.startswith(("docs/", "topic:")) and _divided(s)]
    chosen = set(sorted(fit, key=_lot)[:_ITEMS])
    out: list[Section] = []
    asked: list[Question] = []
    for section in corpus:
        parts = _divided(section) if section.id in chosen else None
        if parts:
            asked.append(Question(parts[0], frozenset({section.id})))
            section = section._replace(text=parts[1])
        out.append(section)
    return out, asked


def _lot(name: str) -> bytes:
    """Its place by lot, whatever else there is: versions of Python differ by some sections."""
    return hashlib.blake2b(name.encode(), digest_size=8).digest()


def _divided(section: Section) -> tuple[str, str] | None:
    """The first sentence and the rest; None where there is too little of either."""
    match = _SENTENCE.match(section.text)
    if not match:
        return None
    sentence, rest = " ".join(match[1].split()), section.text[match.end() :].strip()
    long_enough = len(sentence.split()) >= _FEWEST_WORDS and len(rest) >= _LEAST_LEFT
    return (sentence, rest) if long_enough and len(sentence) < 200 else None


class Found:
    """A library of sections, and which of them are found.

    Parameters
    ----------
    corpus : sequence of Section
        Each is a document of its own.
    embedder : Embedder
    """

    def __init__(self, corpus: Sequence[Section], embedder: Embedder) -> None:
        self._ids = [section.id for section in corpus]
        self.library = Library(Database(MemoryFiles()), embedder)
        with TemporaryDirectory() as folder:
            for number, section in enumerate(corpus):
                write(section, Path(folder), number)
            self.library.add(folder)

    def __call__(self, question: str, **options: object) -> list[str]:
        """Ids of the first ten sections, best first; several chunks of one count once."""
        passages = self.library.search(question, 2 * K, **options)  # type: ignore[arg-type]
        return self.sections(passage.path for passage in passages)

    def sections(self, names: Iterable[str]) -> list[str]:
        """Ids of the first ten of the sections that files are of."""
        numbers = (int(Path(name).stem) for name in names)
        return list(dict.fromkeys(self._ids[n] for n in numbers))[:K]


def score(asked: Iterable[Question], find: Find) -> Scores:
    """How well `find`, which gives ids of sections, answers questions."""
    rows = [_of_one(list(find(q.text))[:K], q.answers) for q in asked]
    return Scores(*(sum(column) / len(rows) for column in zip(*rows, strict=True)))


def gain(asked: Sequence[Question], base: Find, find: Find) -> str:
    """How much more nDCG@10 than a base, and where 95% of 5,000 draws of the questions lie."""
    pairs = [[_of_one(list(f(q.text))[:K], q.answers)[0] for q in asked] for f in (base, find)]
    old, new = (np.array(values) for values in pairs)
    draws = np.random.default_rng(0).integers(0, len(asked), (5000, len(asked)))
    low, high = np.quantile(new[draws].mean(axis=1) / old[draws].mean(axis=1) - 1, [0.025, 0.975])
    return f"{new.mean() / old.mean() - 1:+.0%} ({low:+.0%} to {high:+.0%})"


def _of_one(found: list[str], answers: frozenset[str]) -> tuple[float, float, float]:
    """nDCG, recall and reciprocal rank.

    >>> [round(x, 3) for x in _of_one(["x", "a"], frozenset("ab"))]
    [0.387, 0.5, 0.5]
    """
    ranks = [rank for rank, name in enumerate(found) if name in answers]
    gain = sum(1 / math.log2(rank + 2) for rank in ranks)
    best = sum(1 / math.log2(rank + 2) for rank in range(min(K, len(answers))))
    return gain / best, len(ranks) / len(answers), 1 / (ranks[0] + 1) if ranks else 0.0
