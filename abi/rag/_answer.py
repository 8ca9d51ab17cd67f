"""An answer in quotes, without a language model: the sentences of passages that answer best.

Whether anything answers is judged by the passages: how near the best of them is in meaning, what
share of the question's words it has, and whether the library has those words at all; rare words
count more. The best of many texts is nearer than the best of few though none answers, so more is
asked of a larger library. A sentence is worth what it has of the words, how near it is, and what
its passage is; a further one only what those before it did not say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from abi.index import idf
from abi.rag._candidates import candidates
from abi.rag._embedder import Embedder, query_vector
from abi.rag._passage import Passage
from abi.store import TermCounts
from abi.text import analyse

__all__ = ["Answer", "Quote", "quotes"]

F32 = npt.NDArray[np.float32]

# Whether anything was found, chosen with `tests.bench.answers --half dev`.
_SHARE = 0.5  # what the share of the question's words is worth beside the cosine
_KNOWN = 0.4  # and the share that the library has
_LEAST = 0.3  # what is asked of one passage,
_TENFOLD = 0.17  # and how much more of ten times as many
_TEXTS = 1000  # passages of a library that is not known

# Which sentences.
_WORDS = 0.5  # what words are worth beside nearness
_PASSAGE = 0.7  # and what the words of the whole passage are
_RANK = 0.25  # how much less the last passage's sentences are worth than the first's
_FURTHER = 0.6  # of what the first sentence is worth by itself, below which none is given
_RELATED = 0.25  # a cosine below which none is, either
_SAID = 0.4  # what a word is still worth once a sentence has it
_PLENTY = 30  # terms beyond which a sentence says what it says less clearly
_FREQUENT = (
    "a an and are as at be by can could do does for from had has have how i if in is it its "
    "me my of on or our shall should so than that the their there these they this to was we "
    "were what when where which who whom why will with would you your"
)
_COMMON = frozenset(analyse(_FREQUENT) + analyse(_FREQUENT, "english"))


@dataclass(frozen=True)
class Quote:
    """A sentence of a passage.

    Parameters
    ----------
    text : str
    source : int
        Which of the answer's passages it is of, from 1.
    score : float
        How near it is in meaning: a cosine.
    line : int or None
        Where in the file it begins, as it was indexed.
    place : str
        File and line, as one cites them: `guide.md:12` or `book.pdf, page 3`.
    """

    text: str
    source: int
    score: float
    line: int | None = None
    place: str = ""


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

    def place(self, source: int) -> str:
        """Where the quotes of a passage are, as one cites them: `guide.md:12, 15`.

        Parameters
        ----------
        source : int
            The passage's number, from 1.
        """
        of = [quote for quote in self.quotes if quote.source == source]
        first = of[0].place if of else self.passages[source - 1].place
        lines = dict.fromkeys(quote.line for quote in of if quote.line is not None)
        return ", ".join([first, *map(str, list(lines)[1:])])


def quotes(
    question: str,
    passages: Sequence[Passage],
    embedder: Embedder,
    n: int = 3,
    counts: TermCounts | None = None,
) -> Answer:
    """The best sentences of passages for a question; none where none answers it.

    Parameters
    ----------
    question : str
    passages : sequence of Passage
        Best first.
    embedder : Embedder
    n : int
        Sentences at most.
    counts : TermCounts, optional
        Of the question, in the collection that the passages are of; `Library.quotes` gives them.
        By default words are counted in the passages.
    """
    listed = _Sentences(_Asked(question, passages, counts), passages, embedder)
    chosen: list[int] = []
    while listed.answers and len(chosen) < n and (best := listed.best(chosen)) is not None:
        chosen.append(best)
    return listed.answer(chosen)


class _Asked:
    """The words of a question, and what each says."""

    def __init__(
        self, question: str, passages: Sequence[Passage], counts: TermCounts | None
    ) -> None:
        self.text = question
        self.language = "english" if counts is None else counts.language
        self.words = [self.terms(_whole(passage)) for passage in passages]
        wanted = [t for t in dict.fromkeys(analyse(question, self.language)) if t not in _COMMON]
        if counts is None:
            there = {t: sum(t in words for words in self.words) for t in wanted}
            texts = len(passages)
        else:
            there, texts = {t: counts.counts.get(t, 0) for t in wanted}, counts.texts
        rarity = idf(max(texts, 1), np.array([there[t] for t in wanted], np.int64)).tolist()
        self.weight = dict(zip(wanted, rarity, strict=True))
        self.total = sum(rarity) or 1.0
        self.known = sum(self.weight[t] for t in wanted if there[t]) / self.total
        size = _TEXTS if counts is None else max(texts, 1)
        self.least = _LEAST + _TENFOLD * math.log10(size)

    def terms(self, text: str) -> set[str]:
        return set(analyse(text, self.language))

    def share(self, words: set[str], left: dict[str, float] | None = None) -> float:
        """Share of the question's words that are among some, by weight."""
        return sum(w for t, w in (left or self.weight).items() if t in words) / self.total


class _Sentences:
    """The sentences of passages, and what each is worth for a question."""

    def __init__(self, asked: _Asked, passages: Sequence[Passage], embedder: Embedder) -> None:
        self._asked, self._passages = asked, passages
        self._all = [(i, c) for i, p in enumerate(passages) for c in candidates(p.text, p.runs)
                     if c.text not in p.headings]  # fmt: skip
        self._of = np.array([i for i, _ in self._all], np.int64)
        self._worth = np.array([c.worth for _, c in self._all], np.float32)
        self._terms = [asked.terms(c.text) for _, c in self._all]
        self._left = dict(asked.weight)
        texts = [c.text for _, c in self._all]
        vectors = embedder.embed(texts) if texts else np.zeros((0, embedder.dim), np.float32)
        query = query_vector(embedder, asked.text)
        self._near: F32 = vectors @ query
        self._rank = _RANK * self._of / max(1, len(passages))
        self.answers = bool(texts) and self._evidence(vectors, query) >= asked.least
        self._first = 0.0

    def _evidence(self, vectors: F32, query: F32) -> float:
        """How much speaks for it that a passage answers."""
        weights = np.array([len(c.text) for _, c in self._all], np.float32)
        sums = np.zeros((len(self._passages), vectors.shape[1]), np.float32)
        np.add.at(sums, self._of, vectors * weights[:, None])
        lengths = np.linalg.norm(sums, axis=1)
        near = sums @ query / np.where(lengths > 0, lengths, 1)
        share = np.array([self._asked.share(words) for words in self._asked.words])
        return float((near.max() + _SHARE * share.max()) + _KNOWN * self._asked.known)

    def best(self, chosen: Sequence[int]) -> int | None:
        """The best beside those that were chosen; None where none is worth a place."""
        said = np.array([self._said(j) for j in range(len(self._all))], np.float32)
        of_passage = np.array([self._asked.share(w, self._left) for w in self._asked.words])
        own = self._worth * (self._near + _WORDS * said)
        scores = own + _PASSAGE * of_passage[self._of] - self._rank
        given = [self._all[j][1].text for j in chosen]
        scores[[any(c.text in g or g in c.text for g in given) for _, c in self._all]] = -np.inf
        if chosen:
            scores[(own < _FURTHER * self._first) | (self._near < _RELATED)] = -np.inf
        best = int(scores.argmax())
        if scores[best] == -np.inf:
            return None
        self._first = self._first if chosen else float(own[best])
        for term in self._terms[best] & self._left.keys():
            self._left[term] *= _SAID
        return best

    def _said(self, j: int) -> float:
        """Share of the question's words that a sentence has, and that none before it had."""
        words = self._asked.share(self._terms[j], self._left)
        return words / (1 + max(0, len(self._terms[j]) - _PLENTY) / _PLENTY)

    def answer(self, chosen: Sequence[int]) -> Answer:
        """What was chosen, with its passages."""
        numbers: dict[int, int] = {}
        found = []
        for j in chosen:
            i, candidate = self._all[j]
            number = numbers.setdefault(i, len(numbers) + 1)
            line = self._passages[i].line_at(candidate.offset)
            place = replace(self._passages[i], line=line).place
            found.append(Quote(candidate.text, number, float(self._near[j]), line, place))
        return Answer(self._asked.text, found, [self._passages[i] for i in numbers])


def _whole(passage: Passage) -> str:
    return "\n".join([passage.title or "", *passage.headings, passage.text])
