"""What may be quoted: sentences, items and rows, each with its place and what it is worth."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from abi.documents import chunks, read
from abi.rag._candidates import candidates

DOCS = Path(__file__).parents[2] / "docs"

PAGE = """# Kettles

A kettle boils water. It is made of steel. Descale it
every month.

- with vinegar, which is cheap and near
- with citric acid

name | price in euros
--- | ---
steel kettle | 20 euros

```
brew(leaves, minutes=3)
```
"""


def found(text: str, name: str) -> list[tuple[str, int | None]]:
    """Texts and lines of the candidates of a file."""
    return [
        (candidate.text, chunk.line_at(candidate.offset))
        for chunk in chunks(read(text.encode(), name))
        for candidate in candidates(chunk.text, chunk.runs)
    ]


def worth(text: str) -> float:
    (only,) = candidates(text, ())
    return only.worth


def test_sentences_items_rows_and_code_with_their_lines() -> None:
    assert found(PAGE, "a.md") == [
        ("A kettle boils water.", 3),
        ("A kettle boils water. It is made of steel.", 3),
        ("Descale it every month.", 3),
        ("with vinegar, which is cheap and near", 6),
        ("with citric acid", 7),
        ("name | price in euros", 9),
        ("steel kettle | 20 euros", 11),
        ("brew(leaves, minutes=3)", 14),
    ]


def test_a_wrapped_sentence_is_one_whatever_its_lines_begin_with() -> None:
    text = "The leaves are taken\nfrom the tin, which is a\nclass of its own: they\nreturn dry.\n"
    assert found(text, "a.txt") == [
        ("The leaves are taken from the tin, which is a class of its own: they return dry.", 1)
    ]


def test_what_code_says_in_words_is_quoted() -> None:
    text = '''import t

# Leaves are kept in a tin, which
# keeps them dry.
tin = tea.Tin(size=3)


def brew(leaves):
    """Brew tea of dry leaves.

    minutes : int
        Three of them are enough.
    """
    return tea.pot(leaves, minutes=3)
'''
    assert found(text, "brew.py") == [
        ("Leaves are kept in a tin, which keeps them dry.", 3),
        ("tin = tea.Tin(size=3)", 5),
        ("def brew(leaves):", 8),
        ("Brew tea of dry leaves.", 9),
        ("minutes : int Three of them are enough.", 11),
        ("return tea.pot(leaves, minutes=3)", 14),
    ]


def test_a_whole_sentence_is_worth_more_than_anything_else() -> None:
    whole = worth("A kettle boils a litre of water in minutes.")
    assert whole == 1
    assert worth("A kettle boils a litre of water in minutes") < whole
    assert worth("which boils a litre of water in three minutes.") < whole
    assert worth("A kettle boils a litre of these, in this order:") < whole
    assert worth("A kettle boils water.") < whole
    assert worth("minutes : int Until the water boils in the kettle.") < whole
    assert worth("brew(leaves, minutes=3); pour(cup, tea[0])") < 0.5


def test_time_follows_the_length() -> None:
    start = time.perf_counter()
    for text in ("a b " + " " * 200_000 + "c d", "\n" * 200_000, "# " * 100_000, ": , " * 50_000):
        list(candidates(text, ()))
    assert time.perf_counter() - start < 5


def test_too_little_is_nothing() -> None:
    assert list(candidates("--- ...\n\nNo. Yes.", ())) == []


def test_a_long_sentence_is_cut_at_a_word() -> None:
    (one,) = candidates("Rotate a key " + "and another word " * 100, ())
    assert len(one.text) <= 404
    assert one.text.endswith("another ...")


@pytest.mark.parametrize("page", sorted(DOCS.glob("*/*.md")), ids=lambda p: p.name)
def test_every_quote_begins_in_its_line(page: Path) -> None:
    data = page.read_bytes()
    lines = data.decode().split("\n")
    for chunk in chunks(read(data, page.name)):
        for candidate in candidates(chunk.text, chunk.runs):
            line = chunk.line_at(candidate.offset)
            words = re.findall(r"\w+", candidate.text)
            assert line is not None
            assert words[0] in lines[line - 1]
