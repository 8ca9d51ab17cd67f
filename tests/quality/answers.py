"""How good answers in quotes are: whether they are from a section that answers, and when silent.

`unanswerable()` are questions that the corpus surely does not answer, written before anything was
asked: some about cooking, places, health or taxes, others, the near ones, about programs and
machines that are not in it. Beside the whole corpus small libraries are asked: the sections that
answer some questions, and others by lot.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from abi.rag import Answer, Embedder
from tests.quality.corpus import Section
from tests.quality.measure import Found, Question

__all__ = ["Ask", "Quoted", "Small", "ask", "quoted", "small", "unanswerable"]

UNANSWERABLE = Path(__file__).parents[1] / "data" / "unanswerable.jsonl"
PASSAGES = 8  # as `abi ask`

Ask = Callable[[Found, str], Answer]


@dataclass(frozen=True)
class Quoted:
    """Shares of questions.

    Attributes
    ----------
    first : float
        Whose first quote is from a section that answers.
    some : float
        With such a quote.
    answered : float
        With any.
    """

    first: float
    some: float
    answered: float


class Small(NamedTuple):
    """Small libraries.

    Attributes
    ----------
    libraries : list of Found
    own : list of (Found, Question)
        Each question with the library that answers it.
    others : list of (Found, Question)
        Each question with one that has none of its answers, though sections of the same field.
    """

    libraries: list[Found]
    own: list[tuple[Found, Question]]
    others: list[tuple[Found, Question]]


def unanswerable(near: bool) -> list[Question]:
    """Those that are near the corpus, or those that are far."""
    lines = UNANSWERABLE.read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return [Question(r["question"], frozenset()) for r in records if r["near"] is near]


def ask(found: Found, question: str) -> Answer:
    """As `abi ask` does."""
    passages = found.library.search(question, PASSAGES)
    return found.library.quotes(question, passages)


def quoted(asked: Sequence[tuple[Found, Question]], by: Ask = ask) -> Quoted:
    """How questions are answered, each by a library."""
    rows = []
    for found, question in asked:
        answer = by(found, question.text)
        of = [found.sections([answer.passages[q.source - 1].path])[0] for q in answer.quotes]
        right = [name in question.answers for name in of]
        rows.append((any(right[:1]), any(right), bool(of)))
    return Quoted(*(sum(column) / len(rows) for column in zip(*rows, strict=True)))


def small(
    corpus: Sequence[Section], asked: Sequence[Question], embedder: Embedder,
    size: int = 15, others: int = 60, seed: int = 3,
) -> Small:  # fmt: skip
    """Libraries of the sections that answer `size` questions, and others that answer none."""
    lot = random.Random(seed)
    there = {section.id for section in corpus}
    order = [q for q in asked if q.answers & there]
    lot.shuffle(order)
    answers = set().union(*(q.answers for q in order))
    rest = [section for section in corpus if section.id not in answers]
    groups = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]
    made = Small([], [], [])
    for i, group in enumerate(groups):
        wanted = set().union(*(q.answers for q in group))
        part = [section for section in corpus if section.id in wanted]
        chosen = sorted(rest, key=lambda section: _lot(f"{i} {section.id}"))[:others]
        found = Found(part + chosen, embedder)
        made.libraries.append(found)
        made.own.extend((found, q) for q in group)
        made.others.extend((found, q) for q in groups[i - 1] if not q.answers & wanted)
    return made


def _lot(name: str) -> bytes:
    """Its place by lot, whatever else there is."""
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
