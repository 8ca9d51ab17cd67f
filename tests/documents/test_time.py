"""Hostile and large inputs: time in proportion to their length."""

from __future__ import annotations

import time

import pytest

from abi.documents import chunks, read

SIZE = 200_000  # bytes; what takes the square of them would take minutes
HOSTILE = {
    ".md": [
        "[", "](", "[a](b", "![", "*a ", "**a_", "`", "`a``", "<", "<a", "<!-- \n", "&", "> ", "- ",
        "  - a\n", "#", "# #", " \n", "|-", "| - |\n", "a|b\n-|-\n", "```\n", "[a]: b\n",
        "<div>\n\n",        "- ```\n", "> - ```\n", '![a](b "', "[[[[a]]]]", "~~a~", "_a*",
    ],
    ".html": [
        "<", "<a ", "<a b='", "<!--", "<!", "<?", "<![CDATA[", "</", "<div>", "<ul><li>",
        "<table><tr><td>", "<h1>", "<pre>", "<script>", "<title>", "<svg>", "&#9", "<br>", "a<b>",
        "<div></p>", "<blockquote>", "<title></titl",
    ],
    ".rst": ["`", "``", "*", "|", "a_ ", "::\n", ".. a::\n", "=\n", ":a:", "+--+\n", "== ==\n",
             "- a\n", "a\n b\n", ".. note::\n   .. note::\n"],
    ".py": ["(", "-", "class A:\n", "'", "f'{", "not ", "a.b", "\\\n"],
    ".csv": [",", '"', '"a', "a,b\n", 'a"b,'],
    ".json": ["[", '{"a":', "[1,", '"', "[[],"],
    ".jsonl": ["[", "[\n"],
    ".txt": [".", "a. ", "。", " ", '.\'" ', "…", "x"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "piece"), [(ending, one) for ending, found in HOSTILE.items() for one in found]
)
def test_hostile_input_takes_linear_time(ending: str, piece: str) -> None:
    start = time.monotonic()
    chunks(read((piece * (SIZE // len(piece))).encode(), f"a{ending}"))
    assert time.monotonic() - start < 15


def test_megabytes_take_seconds() -> None:
    page = (
        "# Part\n\nSome *words* of [a text](http://x). They go on, as `words` do.\n\n- a\n- b\n\n"
    )
    start = time.monotonic()
    found = chunks(read((page * (2_000_000 // len(page))).encode(), "a.md"))
    assert len(found) > 20_000
    assert time.monotonic() - start < 30
