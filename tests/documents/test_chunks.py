"""Chunks: examples, and what holds of all of them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.documents import Block, Chunk, Document, Run, chunks, read, run_at
from abi.documents._pieces import estimate
from abi.documents._sentences import sentences
from abi.errors import InputError


def words(text: str) -> int:
    return len(text.split())


def document(*blocks: Block) -> Document:
    return Document(None, blocks)


def bare(text: str) -> str:
    return "".join(text.split())


def test_sections_are_divided_and_know_their_headings() -> None:
    page = read(b"# A\n\none\n\n## B\n\ntwo three\n\n## C\n\nfour five\n\n# D\n\nsix", "a.md")
    found = chunks(page, 4, 0, words)
    assert [(one.headings, one.line, one.end_line, one.text) for one in found] == [
        (("A",), 1, 3, "A\n\none"),
        (("A", "B"), 5, 7, "B\n\ntwo three"),
        (("A", "C"), 9, 11, "C\n\nfour five"),
        (("D",), 13, 15, "D\n\nsix"),
    ]  # fmt: skip


def test_small_neighbours_under_one_heading_are_together() -> None:
    page = read(b"# A\n\none\n\n## B\n\ntwo\n\n## C\n\nthree\n\n# D\n\nfour", "a.md")
    assert [(one.headings, bare(one.text)) for one in chunks(page, 20, 0, words)] == [
        (("A",), "AoneBtwoCthree"),
        (("D",), "Dfour"),
    ]
    assert [(one.headings, bare(one.text)) for one in chunks(page, 4, 0, words)] == [
        (("A",), "AoneBtwo"),
        (("A", "C"), "Cthree"),
        (("D",), "Dfour"),
    ]


def test_sections_of_the_same_name_are_two() -> None:
    page = read(b"# A\n\none\n\n# A\n\ntwo", "a.md")
    assert [one.text for one in chunks(page)] == ["A\n\none", "A\n\ntwo"]


def test_a_heading_alone_goes_on_in_what_is_under_it() -> None:
    page = read(b"# A\n\n## B\n\nOne. Two three. Four five. Six", "a.md")
    assert [one.text for one in chunks(page, 5, 0, words)] == [
        "A\n\nB\n\nOne. Two three.",
        "Four five. Six",
    ]


def test_paragraphs_are_whole_where_they_fit() -> None:
    page = document(Block("a b c.", "paragraph"), Block("d e. f g.", "paragraph"))
    assert [one.text for one in chunks(page, 5, 0, words)] == ["a b c.", "d e. f g."]


def test_overlap_is_whole_sentences() -> None:
    page = document(Block("A b. C d. Ee. F g. H i j.", "paragraph", line=1))
    assert [one.text for one in chunks(page, 5, 2, words)] == [
        "A b. C d. Ee.",
        "Ee. F g.",
        "F g. H i j.",
    ]


def test_what_counts_nothing_is_not_repeated_without_overlap() -> None:
    page = document(
        Block("a b", "paragraph"), Block("\x04", "paragraph"), Block("c d", "paragraph")
    )
    assert [bare(one.text) for one in chunks(page, 3, 0)] == ["ab\x04", "cd"]


def test_long_code_is_divided_by_lines() -> None:
    page = document(Block("if a:\n    b = 1\n\n    c = 2\n    d = 3", "code", line=3))
    assert [(one.line, one.end_line, one.text) for one in chunks(page, 6, 0, words)] == [
        (3, 4, "if a:\n    b = 1"),
        (6, 7, "    c = 2\n    d = 3"),
    ]


def test_long_lists_are_divided_by_items() -> None:
    page = document(Block("- a b\n  c d\n- e f\n- g", "list", line=1))
    assert [one.text for one in chunks(page, 6, 0, words)] == ["- a b\n  c d", "- e f\n- g"]


def test_a_long_sentence_is_divided_at_spaces_and_a_long_word_anywhere() -> None:
    page = document(Block("aa bb cc dd " + "x" * 25, "paragraph"))
    found = chunks(page, 10, 0, len)
    assert [one.text for one in found][:2] == ["aa bb cc", "dd"]
    assert all(len(one.text) <= 10 for one in found)


def test_pages_and_sections_are_those_that_a_chunk_begins_on() -> None:
    page = document(Block("a", "paragraph", page=2, section=3), Block("b", "paragraph", page=3))
    (found,) = chunks(page)
    assert found == Chunk("a\n\nb", (), None, None, 2, 3, (Run(0, None, "paragraph"),))


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (5, 5), (5, -1), (-1, 0)])
def test_sizes_that_cannot_be(size: int, overlap: int) -> None:
    with pytest.raises(InputError, match=f"size={size}, overlap={overlap}: expected"):
        chunks(document(), size, overlap)


def test_nothing_gives_no_chunk() -> None:
    assert chunks(document()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Mr. Bean met Dr. A. Smith. Then 3.14 e.g. this.",
         ["Mr. Bean met Dr. A. Smith.", "Then 3.14 e.g. this."]),
        ("He said “Go.” She went.", ["He said “Go.”", "She went."]),
        ("你好。再见！真的？」他说。", ["你好。", "再见！", "真的？」", "他说。"]),
        ("ما اسمك؟ أنا علي.", ["ما اسمك؟", "أنا علي."]),
        ("यह है। वह है।", ["यह है।", "वह है।"]),
        ("Wait... no. Yahoo! is a name.", ["Wait... no.", "Yahoo! is a name."]),
        ("1. First point. 2. Next", ["1. First point.", "2. Next"]),
        ("No end\n\nnext part", ["No end", "next part"]),
    ],
)  # fmt: skip
def test_sentences(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in sentences(text)] == expected


def covers(found: Sequence[Chunk], blocks: Sequence[Block]) -> None:
    """Every character but spaces is in a chunk, in order; what is repeated joins what was."""
    whole = bare("".join(one.text for one in blocks))
    ends = {0}  # up to where it may be covered: what is repeated may be read in many ways
    for one in found:
        text = bare(one.text)
        starts = {s for end in ends for s in range(max(0, end - len(text)), end + 1)}
        ends = {s + len(text) for s in starts if whole.startswith(text, s)}
        assert ends, text
    assert len(whole) in ends


COUNTS: list[Callable[[str], int]] = [
    estimate,
    words,
    len,
    lambda text: len(text.encode()) + 2,
    lambda text: text.count("\n") * 3 + len(text) // 2,
]
TEXTS = st.text("ab .!?\n。é漢", min_size=1, max_size=80).filter(lambda text: bool(text.strip()))
BLOCKS = st.builds(
    Block,
    TEXTS,
    st.sampled_from(["heading", "paragraph", "code", "list", "table", "quote"]),
    st.integers(1, 4),
    st.integers(1, 9),
)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(BLOCKS, max_size=12), st.integers(1, 40), st.integers(0, 39), st.sampled_from(COUNTS)
)
def test_what_holds_of_all_chunks(
    blocks: list[Block], size: int, overlap: int, count: Callable[[str], int]
) -> None:
    page = document(*blocks)
    found = chunks(page, size, min(overlap, size - 1), count)
    assert found == chunks(page, size, min(overlap, size - 1), count)
    covers(found, blocks)
    headings = {" ".join(one.text.split()) for one in blocks if one.kind == "heading"}
    for one in found:
        assert one.text.strip()
        assert count(one.text) <= size or len(one.text) == 1
        assert set(one.headings) <= headings


SHAPES = (
    "", "", "# {}", "- {}", "> {}", "{} and. So", "{}", "    {}", "<p>{}", "{} =", "def {}():"
)  # fmt: skip


@pytest.mark.parametrize("ending", [".md", ".txt", ".html", ".rst", ".py"])
def test_lines_point_at_the_text(ending: str) -> None:
    draw = random.Random(7)
    lines = [draw.choice(SHAPES).format(f"w{draw.randrange(10**9)}") for _ in range(600)]
    data = "\n".join(lines).encode()
    found = chunks(read(data, f"a{ending}"), 12, 4)
    assert len(found) > 20
    for one in found:
        assert one.line is not None and one.end_line is not None and one.line <= one.end_line
        first, last = one.text.split()[0], one.text.split()[-1]
        assert first in lines[one.line - 1]
        assert last in lines[one.end_line - 1]


@pytest.mark.parametrize("overlap", [0, 4])
@pytest.mark.parametrize("ending", [".md", ".txt", ".html", ".rst", ".py", ".jsonl"])
def test_every_word_knows_its_line(ending: str, overlap: int) -> None:
    draw = random.Random(8)
    lines = [
        " ".join(draw.choice(SHAPES).format(f"w{draw.randrange(10**9)}") for _ in range(4))
        for _ in range(600)
    ]
    data = "\n".join(lines).encode()
    seen = 0
    for one in chunks(read(data, f"a{ending}"), 12, overlap):
        for word in re.finditer(r"w\d+", one.text):
            line = one.line_at(word.start())
            assert line is not None
            assert word.group() in lines[line - 1]
            seen += 1
    assert seen > 900


def test_runs_are_lines_that_follow_each_other_and_are_of_one_kind() -> None:
    page = read(b"# A\n\none\ntwo\n\n```\nx = 1\n```\n\nthree", "a.md")
    (one,) = chunks(page)
    assert one.text == "A\n\none\ntwo\n\nx = 1\n\nthree"
    assert one.runs == (
        Run(0, 1, "heading"),
        Run(2, 3, "paragraph"),
        Run(5, 7, "code"),
        Run(7, 10, "paragraph"),
    )
    assert [one.line_at(one.text.index(word)) for word in ("two", "x", "three")] == [4, 7, 10]
    assert run_at(one.runs, 6) == Run(5, 7, "code")
    assert run_at((), 0) is None


def test_without_lines_runs_tell_the_kinds() -> None:
    page = document(Block("A", "heading", 1), Block("b", "paragraph"), Block("c", "paragraph"))
    (one,) = chunks(page)
    assert one.runs == (Run(0, None, "heading"), Run(2, None, "paragraph"))
    assert one.line_at(3) is None
