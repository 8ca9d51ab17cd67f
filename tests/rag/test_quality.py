"""Quality: words and meaning together find more than words alone, on questions that were written.

A part of the corpus, so that it takes seconds: the sections that answer, and every twentieth other.
The whole is measured by `tests.bench.retrieval`.
"""

from __future__ import annotations

import sys

import pytest

from abi.embedding import StaticEmbedding
from tests.quality.answers import quoted, unanswerable
from tests.quality.corpus import Section, sections
from tests.quality.measure import Found, Question, known_items, questions, score


@pytest.fixture(scope="module")
def corpus() -> list[Section]:
    return sections()


@pytest.fixture(scope="module")
def asked(corpus: list[Section]) -> list[Question]:
    """Those that this Python has answers to."""
    there = {section.id for section in corpus}
    some = [q._replace(answers=q.answers & there) for q in questions()]
    return [q for q in some if q.answers]


def test_questions_are_many_and_different() -> None:
    written = questions()
    assert len({q.text for q in written}) == len(written) >= 200
    assert all(q.answers for q in written)


def test_every_answer_is_a_section(corpus: list[Section], asked: list[Question]) -> None:
    there = {section.id for section in corpus}
    wanted = set().union(*(q.answers for q in questions()))
    missing = {name for name in wanted - there if name.startswith("docs/")}
    assert not missing, "name the headings in tests/data/questions.jsonl as they are now"
    if sys.version_info < (3, 14):
        assert wanted <= there
    assert len(asked) >= 200


def test_the_corpus_is_large_and_each_section_once(corpus: list[Section]) -> None:
    assert len(corpus) >= 4000
    assert len({section.id for section in corpus}) == len(corpus)


def test_known_items_are_a_sentence_and_what_is_left(corpus: list[Section]) -> None:
    without, items = known_items(corpus)
    whole, left = (
        {section.id: " ".join(section.text.split()) for section in each}
        for each in (corpus, without)
    )
    assert len(items) >= 500
    assert all(whole[name] == f"{q.text} {left[name]}" for q in items for name in q.answers)


@pytest.fixture(scope="module")
def found(corpus: list[Section], asked: list[Question]) -> Found:
    """The sections that answer, and every twentieth other."""
    answers = set().union(*(q.answers for q in asked))
    part = [s for i, s in enumerate(corpus) if s.id in answers or i % 20 == 0]
    return Found(part, StaticEmbedding.default())


def test_both_find_more_than_words_alone(found: Found, asked: list[Question]) -> None:
    both = score(asked, found)
    words = score(asked, lambda text: found(text, mode="text"))
    assert both.ndcg > 0.4
    assert both.ndcg > 1.05 * words.ndcg
    assert both.recall > 1.03 * words.recall


def test_what_is_answered_is_quoted_and_of_the_rest_nothing(
    found: Found, asked: list[Question]
) -> None:
    right = quoted([(found, question) for question in asked])
    assert right.answered > 0.85
    assert right.first > 0.25
    far, near = ([(found, q) for q in unanswerable(near)] for near in (False, True))
    assert quoted(far).answered < 0.05
    assert quoted(near).answered < 0.3


def test_questions_that_nothing_answers_are_many_and_different() -> None:
    far, near = unanswerable(False), unanswerable(True)
    assert (len(far), len(near)) == (80, 40)
    assert len({q.text for q in (*far, *near, *questions())}) == 120 + len(questions())
