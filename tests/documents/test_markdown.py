"""Markdown: every kind of block, with its lines; inline markup reduced; markdown-it as oracle."""

from __future__ import annotations

from typing import Any

import pytest
from markdown_it import MarkdownIt

from abi.documents import read
from abi.documents._inline import plain

from .show import blocks, shown


def test_headings_have_levels_and_lines() -> None:
    text = "# One #\n\nTwo\nlines\n===\n\nThree\n---\n\n####### seven\n#tag\n###### six ##\n"
    assert shown(text, "a.md") == [
        ("heading", 1, 1, "One"),
        ("heading", 1, 3, "Two\nlines"),
        ("heading", 2, 7, "Three"),
        ("paragraph", 0, 10, "####### seven\n#tag"),
        ("heading", 6, 12, "six"),
    ]


def test_code_is_fenced_or_indented_and_kept_as_it_is() -> None:
    text = (
        "a\n\n```py\n*x*\n\n  y\n```\n~~~~\n```\n~~~~\n\n    *in*\n\n      more\nend\n  ```\n  z\n"
    )
    assert shown(text, "a.md") == [
        ("paragraph", 0, 1, "a"),
        ("code", 0, 4, "*x*\n\n  y"),
        ("code", 0, 9, "```"),
        ("code", 0, 12, "*in*\n\n  more"),
        ("paragraph", 0, 15, "end"),
        ("code", 0, 17, "z"),
    ]


def test_a_list_is_a_block_with_all_that_is_in_it() -> None:
    text = "- *a*\n  goes on\n\n  more\n  - b\n- ```\n  *c*\n  ```\n- d\n\nend\n* x\n1) y\n2) z\n"
    assert shown(text, "a.md") == [
        ("list", 0, 1, "- a\n  goes on\n\n  more\n  - b\n  *c*\n- d"),
        ("paragraph", 0, 11, "end"),
        ("list", 0, 12, "* x"),
        ("list", 0, 13, "1) y\n2) z"),
    ]


def test_lines_that_are_left_out_are_counted() -> None:
    found = blocks("- a\n- ```\n  b\n  ```\n- c\n", "a.md")
    assert (found[0].line, found[0].lines) == (1, (1, 3, 5))
    assert [found[0].line_at(found[0].text.index(mark)) for mark in "abc"] == [1, 3, 5]


def test_quotes_go_on_lazily() -> None:
    text = "> # a\n> b\nlazy\n> > deep\n\n> - c\n\nend"
    assert shown(text, "a.md") == [
        ("quote", 0, 1, "a\nb\nlazy\ndeep"),
        ("quote", 0, 6, "- c"),
        ("paragraph", 0, 8, "end"),
    ]


def test_tables_are_rows_of_cells() -> None:
    text = "before\n| *a* | b |\n|:---|---:|\n| 1 | `x \\| y` |\n3 | 4\n\nc | d\n--|--\n"
    assert shown(text, "a.md") == [
        ("paragraph", 0, 1, "before"),
        ("table", 0, 2, "a | b\n1 | x | y\n3 | 4"),
        ("table", 0, 7, "c | d"),
    ]


def test_html_is_reduced_to_its_text() -> None:
    text = (
        '<div align="center">\n<b>Hi</b> there\n</div>\n\n<!-- no\n\nno -->\n'
        "<script>\n\nx\n</script>\nend <br> x\n"
    )
    assert shown(text, "a.md") == [
        ("paragraph", 0, 2, "Hi there"),
        ("paragraph", 0, 12, "end   x"),
    ]


def test_rules_and_definitions_are_left_out() -> None:
    text = "a\n\n***\n- - -\n[x]: http://a\n  'title'\n\n[x] [y][x] [z]\n[^1]: note\n"
    assert shown(text, "a.md") == [
        ("paragraph", 0, 1, "a"),
        ("paragraph", 0, 8, "x y [z]\n[^1]: note"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*a* _b_ **c** __d__ ***e*** ~~f~~ ~g~", "a b c d e f g"),
        ("snake_case_name 2*3*4 * a * __init__.py", "snake_case_name 234 * a * init.py"),
        ("[a *b*](http://x (t)) ![pic](y) [![in](a)](b)", "a b pic in"),
        ("[a](<b c> 'd') [a](b(c)d) [a] (b) [a](b c)", "a a [a] (b) [a](b c)"),
        ("`` a`b `` `*c*` `d", "a`b *c* `d"),
        (r"\*a\* \[b\] \\ \q", r"*a* [b] \ \q"),
        ("&lt;&#65;&#x42;&nosuch; & b", "<AB&nosuch; & b"),
        ("<http://a.b/c_d_e> <me@a.b> <b class='x'>t</b> 1 < 2", "http://a.b/c_d_e me@a.b t 1 < 2"),
        ("a\\\nb", "a\nb"),
        ("**a*b", "**a*b"),
        ("[a [b](c) d](e)", "a b d"),
    ],
)
def test_inline_markup(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_front_matter_of_yaml() -> None:
    text = (
        "---\ntitle: 'A: b'\nn: 3\nf: 1.5\nyes: true\nno: ~\ntags: [a, \"b, c\", 4]\nlist:\n  - x\n"
        "  - y # z\ntext: |\n  one\n  two\nfold: >\n  one\n  two\ndate: 2024-01-02\n"
        "a: &anchor x\nnested:\n  k: v\n---\n# H\n"
    )
    document = read(text.encode(), "a.md")
    assert document.title == "A: b"
    assert document.blocks[0].line == 22
    assert document.meta == {
        "title": "A: b", "n": 3, "f": 1.5, "yes": True, "no": None, "tags": ["a", "b, c", 4],
        "list": ["x", "y"], "text": "one\ntwo", "fold": "one two", "date": "2024-01-02", "a": None,
        "nested": None, "format": "markdown", "encoding": "utf-8",
    }  # fmt: skip


def test_front_matter_of_toml() -> None:
    text = '+++\ntitle = "T"\nday = 2024-01-02\n[a.b]\nc = [1, inf]\n+++\n\nx\n'
    document = read(text.encode(), "a.md")
    assert document.title == "T"
    assert document.meta["day"] == "2024-01-02"
    assert document.meta["a"] == {"b": {"c": [1, None]}}
    assert document.blocks[0].line == 8


def test_broken_front_matter_is_left_out() -> None:
    assert read(b"+++\na = = 1\n+++\nx", "a.md").meta.keys() == {"format", "encoding"}
    assert shown("---\n\nno front\n\n---\n", "a.md") == [("paragraph", 0, 3, "no front")]


KINDS = {
    "paragraph_open": "paragraph", "heading_open": "heading", "fence": "code",
    "code_block": "code", "bullet_list_open": "list", "ordered_list_open": "list",
    "blockquote_open": "quote", "table_open": "table",
}  # fmt: skip


def outline(text: str) -> list[tuple[str, int]]:
    """What markdown-it makes of a page: the kinds and first lines of outermost blocks."""
    tokens: list[Any] = MarkdownIt("commonmark").enable("table").parse(text)
    return [
        (KINDS[one.type], one.map[0] + 1 + (one.type == "fence"))
        for one in tokens
        if (one.level == 0 and one.type in KINDS and one.content.strip() != "")
        or (one.level == 0 and one.type.endswith("_open"))
    ]  # fmt: skip


PAGES = [
    "# A\n\ntext\ntext\n\n- a\n- b\n\n  c\n- d\n\n1. x\n2. y\n\n> q\n> q\n\n```\ncode\n```\n",
    "a\n- b\n2. c\n\n2. d\n    e\n\n\n    f\n",
    "Head\n====\n- a\n\n      code\n- b\n***\n    code\n\n\n    code\nx\n    y\n",
    "> a\nb\n\n> c\n# D\n```\nopen\n",
    "a | b\n--|--\nc | d\n> e\n\na | b\n--|--|--\n",
    "* a\n+ b\n- c\n\n\n- d\n10. e\n11) f\n",
    "- a\n```\nx\n```\n- b\n# h\n- c\nlazy\n\nend\n",
]


@pytest.mark.parametrize("text", PAGES)
def test_blocks_begin_where_markdown_it_begins_them(text: str) -> None:
    found = [(one.kind, one.line) for one in blocks(text, "a.md")]
    assert found == outline(text)
