"""An answer without a model: the sentences that say most of what is asked for, as quotes.

A sentence is worth the words of the question that it has, the rarer among the passages the more,
half by how near it is in meaning; sentences of passages that rank high come first where others
are as good. A second sentence is worth only what the ones before it did not say.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abi.documents import sentences
from abi.rag._embedder import Embedder, query_vector
from abi.rag._passage import Passage
from abi.text import analyse

__all__ = ["Answer", "Quote", "quotes"]

_LEAST_TERMS = 0.34  # share of the question's words, by weight, without which nothing was found
_LEAST_COSINE = 0.55  # or so near in meaning
_MEANING = 0.5  # what nearness is worth beside words
_RANK = 0.15  # how much less the last passage's sentences are worth than the first's
_HEADED = 0.3  # what a word in the heading above is worth
_FURTHER = 0.35  # of what the first sentence is worth, below which no further one is given
_SAID = 0.4  # what a word is still worth once a sentence has it
_LONGEST = 400  # characters of a quote
_SHORTEST = 12  # letters and digits of one
_PLENTY = 30  # terms beyond which a sentence says what it says less clearly
_MARKER = re.compile(r"\s*(?:[-*\u2022]|\d{1,3}[.)])\s+")
_COMMON = frozenset(
    analyse(
        "a an and are as at be by can could do does for from had has have how i if in is it its "
        "me my of on or our shall should so than that the their there these they this to was we "
        "were what when where which who whom why will with would you your",
        "english",
    )
)


@dataclass(frozen=True)
class Quote:
    """A sentence of a passage.

    Parameters
    ----------
    text : str
    source : int
        Which of the answer's passages it is of, from 1.
    score : float
    """

    text: str
    source: int
    score: float


@dataclass(frozen=True)
class Answer:
    """What was found for a question.

    Parameters
    ----------
    question : str
    quotes : list of Quote
        Empty where nothing was found that answers it.
    passages : list of Passage
        Those that are cited, in the order of their numbers.
    """

    question: str
    quotes: list[Quote]
    passages: list[Passage]

    @property
    def found(self) -> bool:
        """Whether anything was."""
        return bool(self.quotes)


def quotes(question: str, passages: Sequence[Passage], embedder: Embedder, n: int = 3) -> Answer:
    """The best sentences of passages for a question; none where none answers it.

    Parameters
    ----------
    question : str
    passages : sequence of Passage
        Best first.
    embedder : Embedder
    n : int
        Sentences at most.
    """
    listed = _Sentences(question, passages, embedder)
    chosen: list[int] = []
    while len(chosen) < n and (best := listed.best(chosen)) is not None:
        chosen.append(best)
    return _answer(question, [(*listed.all[j], float(listed.near[j])) for j in chosen], passages)


class _Sentences:
    """The sentences of passages, and what each is worth for a question."""

    def __init__(self, question: str, passages: Sequence[Passage], embedder: Embedder) -> None:
        self.all = [
            (i, text)
            for i, passage in enumerate(passages)
            for text in _candidates(passage.text)
            if text not in passage.headings
        ]
        wanted = dict.fromkeys(t for t in analyse(question, "english") if t not in _COMMON)
        self._terms = [set(analyse(text, "english")) for _, text in self.all]
        heads = [set(analyse(" ".join(p.headings[-1:]), "english")) for p in passages]
        self._headed = [heads[i] for i, _ in self.all]
        self._weight = _weights(list(wanted), self._terms)
        self._left = dict(self._weight)
        self._total = sum(self._weight.values()) or 1.0
        rank = np.array([i / len(passages) for i, _ in self.all])
        texts = [text for _, text in self.all]
        query = query_vector(embedder, question)
        self.near = embedder.embed(texts) @ query if texts else np.zeros(0, np.float32)
        self._plain = _MEANING * self.near - _RANK * rank
        self._first = 0.0

    def best(self, chosen: Sequence[int]) -> int | None:
        """The best beside those that were chosen; None where none is worth a place."""
        if len(chosen) == len(self.all):
            return None
        scores = self._plain + np.array([self._said(j) for j in range(len(self.all))])
        scores[list(chosen)] = -np.inf
        best = int(scores.argmax())
        has = self._terms[best] | self._headed[best]
        share = sum(self._weight[t] for t in self._weight if t in has) / self._total
        if share < _LEAST_TERMS and self.near[best] < _LEAST_COSINE:
            return None
        if chosen and scores[best] < _FURTHER * self._first:
            return None
        self._first = self._first if chosen else float(scores[best])
        for term in self._terms[best] & self._left.keys():
            self._left[term] *= _SAID
        return best

    def _said(self, j: int) -> float:
        """Share of the question's words that a sentence has, a heading's counting for less."""
        words = sum(self._left[t] for t in self._left if t in self._terms[j])
        only_headed = self._headed[j] - self._terms[j]
        words += _HEADED * sum(self._left.get(t, 0) for t in only_headed)
        return words / self._total / (1 + max(0, len(self._terms[j]) - _PLENTY) / _PLENTY)


def _candidates(text: str) -> list[str]:
    """What may be quoted: sentences, also of list items, and rows of tables."""
    found = []
    for part in text.split("\n\n"):
        for piece in _pieces(part):
            for start, end in sentences(piece):
                plain = " ".join(piece[start:end].split())
                if len(plain) > _LONGEST:
                    plain = plain[:_LONGEST].rsplit(" ", 1)[0] + " ..."
                if sum(c.isalnum() for c in plain) >= _SHORTEST:
                    found.append(plain)
    return found


def _pieces(part: str) -> list[str]:
    """A paragraph whole; the items of a list, and the rows of a table, each alone."""
    found: list[str] = []
    for line in part.split("\n"):
        marker = _MARKER.match(line)
        row = " | " in line
        if marker or row or not found or " | " in found[-1]:
            found.append(line[marker.end() :] if marker else line)
        else:
            found[-1] = f"{found[-1]}\n{line}"
    return found


def _weights(wanted: Sequence[str], terms: Sequence[set[str]]) -> dict[str, float]:
    """The rarer a word among the sentences the more it says; one that none has, the most."""
    counts = Counter(t for one in terms for t in one)
    n = len(terms)
    return {t: math.log(1 + (n + 1) / (counts[t] + 0.5)) for t in wanted}


def _answer(
    question: str, chosen: list[tuple[int, str, float]], passages: Sequence[Passage]
) -> Answer:
    numbers: dict[int, int] = {}
    for i, _, _ in chosen:
        numbers.setdefault(i, len(numbers) + 1)
    found = [Quote(text, numbers[i], score) for i, text, score in chosen]
    return Answer(question, found, [passages[i] for i in numbers])
