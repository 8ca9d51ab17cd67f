"""HTML: blocks with their lines, what is left out, encodings, broken markup; html5lib as oracle."""

from __future__ import annotations

import random

import html5lib
import pytest

from abi.documents import read
from abi.documents._html_tokens import attributes, tokens, unescape

from .show import blocks, shown


def test_headings_and_paragraphs() -> None:
    text = "<h1>A <i>b</i></h1>\n<p>one\ntwo<br>three<p>four\n<h3>C</h3>loose<div>in</div>"
    assert shown(text, "a.html") == [
        ("heading", 1, 1, "A b"),
        ("paragraph", 0, 2, "one\ntwo\nthree"),
        ("paragraph", 0, 3, "four"),
        ("heading", 3, 4, "C"),
        ("paragraph", 0, 4, "loose"),
        ("paragraph", 0, 4, "in"),
    ]


def test_lists_are_blocks_with_markers() -> None:
    text = "<ul>\n<li>a\n<li>b <b>c</b>\n<ol><li>x<li>y</ol>\n<p>more</ul>\n<dl><dt>t<dd>d</dl>"
    assert shown(text, "a.html") == [
        ("list", 0, 2, "- a\n- b c\n  1. x\n  2. y\n  more"),
        ("list", 0, 6, "t\n  d"),
    ]


def test_code_keeps_its_spaces() -> None:
    text = "<pre>\n  a &lt;\n\n\t<b>b</b>\n</pre><p>c  d</p>"
    assert shown(text, "a.html") == [("code", 0, 2, "  a <\n\n    b"), ("paragraph", 0, 5, "c d")]


def test_tables_and_quotes() -> None:
    text = (
        "<table><caption>Cap</caption>\n<tr><th>a<th>b\n<tr><td>1<td><p>2<p>3\n</table>"
        "<blockquote>q<p>r</blockquote>"
    )
    assert shown(text, "a.html") == [
        ("table", 0, 1, "Cap\na | b\n1 | 2 3"),
        ("quote", 0, 4, "q\nr"),
    ]


def test_scripts_styles_and_navigation_are_left_out() -> None:
    text = (
        "<style>p{}</style><nav><ul><li>x</ul></nav><p>a</p><script>'</p>b'</script>"
        "<svg><title>no</title><text>no</text></svg><!-- <p>c --><noscript>d</noscript><p>e"
    )
    assert [one.text for one in blocks(text, "a.html")] == ["a", "e"]


def test_navigation_that_is_not_closed_ends_with_what_it_is_in() -> None:
    assert [one.text for one in blocks("<div><nav>x</div><p>a", "a.html")] == ["a"]


def test_title_and_metadata() -> None:
    text = '<html lang="de"><title>A &amp;\n B</title><meta name=author content=Ann><h1>C</h1>'
    document = read(text.encode(), "a.html")
    assert document.title == "A & B"
    assert document.meta == {
        "language": "de", "author": "Ann", "format": "html", "encoding": "utf-8",
    }  # fmt: skip
    assert read(b"<h1>C</h1>", "a.html").title == "C"


def test_images_have_their_description() -> None:
    assert shown('<p>a <img src=x alt="b c"> d', "a.html")[0][3] == "a b c d"


@pytest.mark.parametrize(
    ("head", "encoding", "expected"),
    [
        ('<meta charset="koi8-r">', "koi8-r", "koi8-r"),
        ('<meta http-equiv=x content="text/html; charset=Shift_JIS">', "cp932", "cp932"),
        ('<meta charset="latin-1">', "utf-8", "utf-8"),
        ('<meta charset="nosuch">', "utf-8", "utf-8"),
    ],
)
def test_the_declared_encoding_is_used_if_it_fits(head: str, encoding: str, expected: str) -> None:
    word = "テキスト" if encoding == "cp932" else "Привет"
    document = read(f"{head}<p>{word}".encode(encoding), "a.html")
    assert document.blocks[0].text == word
    assert document.meta["encoding"] == expected


def test_entities() -> None:
    assert unescape("&lt;&eacute;&#x41;&#66;&amp;lt;&#99999999999999999;") == "<éAB&lt;\ufffd"
    assert unescape("&#" + "9" * 10_000 + ";") == "\ufffd"


def test_attributes() -> None:
    text = """ A=1 b = "x > y" c='&lt;' d e=f/ a=2"""
    assert attributes(text) == {"a": "1", "b": "x > y", "c": "<", "d": "", "e": "f/"}


def test_a_quoted_value_may_hold_what_ends_a_tag() -> None:
    assert shown("<p title=\"a > b\" x='<'>c", "a.html")[0][3] == "c"


@pytest.mark.parametrize("text", ["a < b", "<", "<3", "a <", "x<!", "</", "<p", "<p>a</p"])
def test_broken_ends_are_text_or_nothing(text: str) -> None:
    read(text.encode(), "a.html")


PIECES = [
    "<p>", "</p>", "<b>", "</b>", "a", " b ", "&amp;", "<div>", "</div>", "<!-- c -->", "<br>",
    "<ul><li>", "</ul>", "<a href='x>y'>", "</a>", "<!doctype html>", "<?pi?>", "\n",
    "<script>x<p></script>", "<h2>", "</h2>", "&lt", "<em/>", "</ x>",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_the_text_is_what_html5lib_finds(seed: int) -> None:
    page = "<body>" + "".join(random.Random(seed).choices(PIECES, k=12))
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    for one in tree.iter():
        if one.tag == "script" or not isinstance(one.tag, str):  # comments
            one.text = ""
    wanted = "".join(tree.itertext())
    found = "".join(unescape(one.text) for one in tokens(page) if one.kind == "text")
    assert "".join(found.split()) == "".join(wanted.split())
