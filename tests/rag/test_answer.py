"""Answers: sentences that are quoted with their sources, or that nothing was found."""

from __future__ import annotations

import pytest

from abi.documents import Run
from abi.errors import InputError
from abi.rag import Passage, messages_for, quotes
from abi.store import TermCounts
from tests.rag.words import Words

PASSAGES = [
    Passage(
        "1", "Keys keep data safe. Rotate a key with the command rotate. It takes a second.", 0.9,
        "/d/keys.md", "Keys", ("Keys", "Rotate"), 5, 7,
    ),
    Passage("2", "Tea is made of leaves. Boil water first.", 0.5, "/d/tea.txt", line=1),
    Passage("3", "A rotated key is kept for a week, then the old one is gone.", 0.3, "/d/b.pdf",
            page=3),
]  # fmt: skip


def test_the_sentence_that_answers_is_quoted() -> None:
    answer = quotes("How do I rotate a key?", PASSAGES, Words())
    assert answer.found
    assert answer.quotes[0].text == "Rotate a key with the command rotate."
    assert answer.quotes[0].source == 1
    assert answer.passages == [PASSAGES[0]]
    assert {quote.source for quote in answer.quotes} == {1}


def test_sources_are_numbered_in_the_order_of_the_quotes() -> None:
    answer = quotes("when is the old one gone", PASSAGES, Words(), n=1)
    (quote,) = answer.quotes
    assert quote.text == "A rotated key is kept for a week, then the old one is gone."
    assert (quote.source, answer.passages) == (1, [PASSAGES[2]])


@pytest.mark.parametrize("question", ["Who won the cup in Paris?", "what is it?", "zebra"])
def test_nothing_found_is_said(question: str) -> None:
    answer = quotes(question, PASSAGES, Words())
    assert not answer.found
    assert answer.passages == []


def test_words_that_the_library_has_not_speak_against_an_answer() -> None:
    """What is found is the same; only what is known of the rest differs."""
    question = "How do I rotate a zebra?"
    none = TermCounts(1000, {"rotat": 2, "zebra": 0}, "english")
    some = TermCounts(1000, {"rotat": 2, "zebra": 900}, "english")
    assert not quotes(question, PASSAGES, Words(), counts=none).found
    assert quotes(question, PASSAGES, Words(), counts=some).found


def test_more_is_asked_of_a_larger_library() -> None:
    found = [
        quotes("rotated coffee", PASSAGES, Words(), counts=TermCounts(n, {}, "english")).found
        for n in (1, 10, 100, 10**9)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] and not found[-1]


def test_quotes_know_their_own_lines() -> None:
    text = (
        "Keys\n\nKeys keep data safe.\nRotate a key with rotate.\n\nA key is rotated in a second."
    )
    runs = (Run(0, 1, "heading"), Run(2, 4, "paragraph"), Run(5, 9, "list"))
    passage = Passage("1", text, 1.0, "/d/keys.md", "Keys", (), 1, 9, None, runs)
    answer = quotes("rotate a key", [passage], Words())
    assert {(q.text, q.line, q.place) for q in answer.quotes} == {
        ("Rotate a key with rotate.", 5, "/d/keys.md:5"),
        ("A key is rotated in a second.", 9, "/d/keys.md:9"),
    }
    assert answer.place(1) in ("/d/keys.md:5, 9", "/d/keys.md:9, 5")


def test_a_quote_of_a_page_is_cited_by_it() -> None:
    answer = quotes("when is the old one gone", PASSAGES, Words(), n=1)
    assert (answer.quotes[0].line, answer.quotes[0].place) == (None, "/d/b.pdf, page 3")
    assert answer.place(1) == "/d/b.pdf, page 3"


def test_headings_are_not_quoted_and_nothing_is_quoted_twice() -> None:
    one = "Rotate a key\n\nRotate a key with the command rotate."
    passages = [
        Passage(str(i), one, 1.0, "/d/keys.md", None, ("Rotate a key",), 1, 3, None,
                (Run(0, 1, "heading"), Run(2, 3, "paragraph")))
        for i in range(2)
    ]  # fmt: skip
    answer = quotes("rotate a key", passages, Words())
    assert [quote.text for quote in answer.quotes] == ["Rotate a key with the command rotate."]


def test_there_may_be_no_passages_and_no_sentences() -> None:
    assert not quotes("a key", [], Words()).found
    assert not quotes("a key", [Passage("1", "--- ...", 1.0, "/x")], Words()).found


def test_long_sentences_are_cut_at_a_word() -> None:
    text = "rotate a key " + "and another word " * 100
    (quote,) = quotes("rotate a key", [Passage("1", text, 1.0, "/x")], Words()).quotes
    assert len(quote.text) <= 404
    assert quote.text.endswith(" ...")


def test_places_are_as_one_cites_them() -> None:
    assert [passage.place for passage in PASSAGES] == [
        "/d/keys.md:5",
        "/d/tea.txt:1",
        "/d/b.pdf, page 3",
    ]
    assert Passage("4", "", 0.0, "/d/x").place == "/d/x"
    assert PASSAGES[0].to_json()["headings"] == ["Keys", "Rotate"]


def count(text: str) -> int:
    return len(text.split())


def test_a_prompt_has_what_there_is_room_for() -> None:
    messages, used = messages_for("rotate a key", PASSAGES, count, 1000)
    assert used == PASSAGES
    system, user = messages
    assert system["role"] == "system"
    assert user["content"].startswith("[1] Keys > Rotate\nKeys keep data safe.")
    assert "[3] /d/b.pdf\nA rotated key" in user["content"]
    assert user["content"].endswith("Question: rotate a key")
    for budget in range(60, 130):
        messages, used = messages_for("rotate a key", PASSAGES, count, budget)
        assert sum(count(message["content"]) for message in messages) <= budget
        numbered = [f"[{i}]" in messages[1]["content"] for i in (1, 2, 3)]
        assert numbered == [len(used) >= i for i in (1, 2, 3)]
    with pytest.raises(InputError, match="the question takes more than the 10 tokens"):
        messages_for("rotate a key", PASSAGES, count, 10)
